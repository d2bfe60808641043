"""cleaner: takes leftovers out of extracted text, and accounts for every change."""

from typing import TYPE_CHECKING

__version__ = "0.1.0"

__all__ = ["Cause", "Cleaner", "Edit", "Flag", "Result", "RuleError", "__version__"]

if TYPE_CHECKING:
    from cleaner.edits import Cause, Edit
    from cleaner.engine import Cleaner, Flag, Result
    from cleaner.rules.problems import RuleError
else:
    # Imported when first asked for, so that `cleaner --help` need not wait for the engine.
    _HOMES = {
        "Cause": "cleaner.edits",
        "Cleaner": "cleaner.engine",
        "Edit": "cleaner.edits",
        "Flag": "cleaner.engine",
        "Result": "cleaner.engine",
        "RuleError": "cleaner.rules.problems",
    }

    def __getattr__(name):
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = globals()[name] = getattr(import_module(_HOMES[name]), name)
        return value

    def __dir__():
        return sorted(globals().keys() | _HOMES.keys())

"""cleaner: takes leftovers out of extracted text, and accounts for every change."""

__version__ = "0.1.0"

from cleaner.edits import Cause, Edit
from cleaner.engine import Cleaner, Flag, Result
from cleaner.rules.nodes import RuleError

__all__ = ["Cause", "Cleaner", "Edit", "Flag", "Result", "RuleError", "__version__"]

"""A resolved configuration as text, for a process that has only this package.

The text holds what decides results, after all layering, and nothing else: whoever reads it needs no files, and two
configurations of one digest give one text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from typing import Any

import msgspec

from cleaner import __version__
from cleaner.rules import model
from cleaner.rules.model import Configuration, Pack, Phrase, Rule, folded_phrase
from cleaner.rules.problems import Place, Problem, RuleError

__all__ = ["TYPES", "digest_of", "read_resolved", "write_resolved"]

_FILE = "<resolved>"
TYPES: dict[str, Any] = {name: one for name in model.__all__ if is_dataclass(one := getattr(model, name))}
"""What configurations are made of besides phrases, by name."""
# What is not carried, and has no default.
_LEFT_OUT: dict[str, Any] = {"about": "", "file": _FILE, "place": Place(_FILE, 1, 1)}


# Fields that decide no result.
_NO_EFFECT = frozenset(
    "about allow examples refs tags replaced_by status file place option_places widened openings".split()
)


def _plain(value: Any) -> Any:
    """Return what decides results as maps, lists and scalars, without places and prose."""
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: _plain(getattr(value, item.name)) for item in fields(value) if item.name not in _NO_EFFECT}
    if isinstance(value, Phrase):
        return {"text": value.text, "language": value.language}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(value[key]) for key in sorted(value)}
    if isinstance(value, float):
        return repr(value)
    return value


def digest_of(packs: tuple[Pack, ...], rules: Sequence[Rule], guard: float) -> str:
    """Return the SHA-256, as 64 hexadecimal digits, of all of a configuration that decides results."""
    return hashlib.sha256(msgspec.json.encode(_plain([packs, rules, guard]))).hexdigest()


def write_resolved(configuration: Configuration, settings: Mapping[str, Any]) -> str:
    """Return a resolved configuration, and `settings` that JSON can say, as text in ASCII.

    The same text always comes of the same rules: it can be compared and hashed.
    """
    import json

    said = {"cleaner": __version__, "settings": dict(settings), "configuration": _written(configuration)}
    return json.dumps(said, sort_keys=True, separators=(",", ":"))


def read_resolved(text: str) -> tuple[Configuration, dict[str, Any]]:
    """Return the configuration that `write_resolved` wrote, and the settings; its digest is the same.

    Descriptions, examples and places in files are gone. Raises `RuleError` for what another version of this
    package wrote, or what was changed since.
    """
    import json

    try:
        said = json.loads(text)
        version = said["cleaner"]
    except (ValueError, TypeError, KeyError):
        raise _error("not a resolved configuration, as `Cleaner.to_resolved` gives it") from None
    if version != __version__:
        raise _error(f"written by cleaner {version}, and this is {__version__}: install the same version everywhere")
    try:
        configuration, settings = _read(said["configuration"]), said["settings"]
        whole = configuration.digest == digest_of(configuration.packs, configuration.rules, configuration.guard)
    except (ValueError, TypeError, KeyError, AttributeError):
        whole = False
    if not whole:
        raise _error("the resolved configuration was changed: its digest does not match")
    return configuration, settings


def _error(message: str) -> RuleError:
    return RuleError([Problem(Place(_FILE, 1, 1), message)])


def _written(value: Any) -> Any:
    """Return a value as JSON can say it; what is no plain value tells its name, what is at its default is left out."""
    if is_dataclass(value) and not isinstance(value, type):
        said = {
            item.name: _written(inner)
            for item in fields(value)
            if item.name not in _NO_EFFECT and (inner := getattr(value, item.name)) != item.default
        }
        return {"": type(value).__name__, **said}
    if isinstance(value, Phrase):
        return {
            "": "Phrase",
            "text": value.text,
            **({"language": value.language} if value.language is not None else {}),
        }
    if isinstance(value, tuple):
        return [_written(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else value


def _read(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_read(item) for item in value)
    if not isinstance(value, dict) or "" not in value:
        return value
    values = {name: _read(inner) for name, inner in value.items() if name}
    if value[""] == "Phrase":
        return folded_phrase(values["text"], values.get("language"))
    of = TYPES[value[""]]
    required = (item.name for item in fields(of) if item.default is MISSING and item.default_factory is MISSING)
    return of(**{name: _LEFT_OUT[name] for name in required if name not in values}, **values)

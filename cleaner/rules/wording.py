"""Tests as they may have been written, for messages to people."""

from __future__ import annotations

from typing import Any

from cleaner.rules.model import UNLIMITED, Duplicate, Nearby, Phrase, Position, Range, Test

__all__ = ["clip", "quoted", "written"]

_LONGEST = 60  # characters
_MOST = 2  # phrases or alternatives that are written out


def clip(text: str) -> str:
    """Return a text, or as much of its start as a message has room for.

    >>> clip("a" * 61) == "a" * 59 + "…"
    True
    """
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def quoted(text: str) -> str:
    """Return a text in quotes, cut short; a pattern reads as in its rule, where no backslash is doubled."""
    cut = clip(text)
    mark = '"' if "'" in cut else "'"
    return f"{mark}{cut}{mark}" if cut.isprintable() else repr(cut)


def written(value: Any) -> str:
    """Return a test, or the value of one, as it may have been written, long lists cut short.

    >>> from cleaner.rules.problems import Place
    >>> written(Test("words", Range(0, 5), Place("pack.yaml", 3, 12)))
    'words: ..5'
    """
    match value:
        case Test(key="all", value=parts):
            return ", ".join(_inside(part) if part.key == "any" else written(part) for part in parts)
        case Test(key="any", value=parts):
            return _inside(value)
        case Test(key="use", value=Test() as used):
            return written(used)
        case Test():
            return f"{value.key}: {_inside(value.value)}"
        case Phrase():
            return quoted(value.text)
        case str():
            return quoted(value)
        case bool():
            return str(value).lower()
        case Range():
            return _written_range(value)
        case Position():
            return _number(value.amount, value.share)
        case Duplicate(passage=int(words)):
            return f"{{of: {value.of}, passage: {words}}}"
        case Duplicate():
            return value.of if value.near is None else f"{{of: {value.of}, near: {value.near:g}}}"
        case Nearby():
            within = "" if value.within is None else f"within: {value.within}, "
            return f"{{{within}match: {_inside(value.match)}, count: {_written_range(value.count)}}}"
        case (one,):
            return written(one)
        case tuple():
            return _list(list(map(written, value[:_MOST])), len(value))
        case _:
            return str(value)


def _inside(value: Any) -> str:
    """Return what stands behind a key: tests in braces, alternatives in brackets."""
    match value:
        case Test(key="any", value=parts):
            return _list(list(map(_inside, parts[:_MOST])), len(parts))
        case Test(key="use", value=Test() as used):
            return _inside(used)
        case Test():
            return f"{{{written(value)}}}"
        case _:
            return written(value)


def _list(first: list[str], count: int) -> str:
    more = [f"… {count - len(first)} more"] if count > len(first) else []
    return f"[{', '.join([*first, *more])}]"


def _written_range(value: Range) -> str:
    low, high = _number(value.low, value.share), _number(value.high, value.share)
    if low == high:
        return low
    unlimited = 1 if value.share else UNLIMITED
    return ("" if value.low == 0 else low) + ".." + ("" if value.high == unlimited else high)


def _number(amount: float, share: bool) -> str:
    return f"{amount:.0%}" if share else f"{amount:g}"

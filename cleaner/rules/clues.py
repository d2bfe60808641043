"""Clues: what a unit must hold or repeat before it can pass a test, known without compiling the test."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

from cleaner.rules.model import Duplicate, Test

__all__ = ["Scan", "found_by", "is_tied", "openings", "scan_of", "widened"]

_TIED = re.compile(r"\(\?\w+\)\^")
_LONG = 10  # bytes; from there on the length of a phrase tells no more

# The tests to scan for, each with a `shift`: every unit that can pass is hit by one of them, or stands `shift` units after one
# that is (1 for `previous`, -1 for `next`).
Scan = tuple[tuple[Test, int], ...]


def scan_of(test: Test | None) -> Scan | None:
    """Return what is scanned for to find the units that may pass a test, or None where any unit may."""
    if test is None or test.key not in _SCANS:
        return None
    return _SCANS[test.key](test)


def _own(test: Test) -> Scan:
    return ((test, 0),)


def _regex(test: Test) -> Scan | None:
    return _own(test) if widened(test) else None


def _neighbour(test: Test) -> Scan | None:
    inner = scan_of(test.value)
    step = 1 if test.key == "next" else -1
    return None if inner is None else tuple((one, shift - step) for one, shift in inner)


def _all(test: Test) -> Scan | None:
    scans = [scan for part in test.value if (scan := scan_of(part)) is not None]
    # One alone need not be ranked, which takes long where phrases are many.
    return max(scans, key=_rank) if len(scans) > 1 else scans[0] if scans else None


def _any(test: Test) -> Scan | None:
    scans = [scan_of(part) for part in test.value]
    known = [scan for scan in scans if scan is not None]
    return tuple(one for scan in known for one in scan) if known and len(known) == len(scans) else None


_SCANS: dict[str, Callable[[Test], Scan | None]] = {
    "is": _own,
    "starts": _own,
    "ends": _own,
    "has": _own,
    "regex": _regex,
    "previous": _neighbour,
    "next": _neighbour,
    "use": lambda test: scan_of(test.value),
    "all": _all,
    "any": _any,
}


def _rank(scan: Scan) -> float:
    """Return a number that is the higher, the fewer units a scan lets through that do not pass."""
    return min(_rank_of(test) - abs(shift) / 2 for test, shift in scan)


def _rank_of(test: Test) -> float:
    if test.key == "regex":  # tied to the start it lets fewer units through than `has`
        return 4.4 if is_tied(widened(test) or "") else 1
    # A short phrase lets many units through, `starts: via` more than `ends: icon`; in bytes, because two Han characters say much.
    short = [phrase.text for phrase in test.value if len(phrase.text) < _LONG]
    shortest = min([_LONG, *(len(text.encode("utf-8", "surrogatepass")) for text in short)])
    return {"is": 9, "starts": 3.5, "ends": 3, "has": 2}[test.key] + shortest / 3


def found_by(test: Test | None) -> Duplicate | Literal["wrapped"] | None:
    """Return what finds the units that may pass a test apart from phrases and patterns, or None where nothing does.

    They repeat others in this way, or are lines of wrapped paragraphs.
    """
    if test is None:
        return None
    match test.key:
        case "duplicate":
            wanted: Duplicate = test.value
            return wanted if wanted.near is None else None
        case "wrapped":
            return "wrapped" if test.value is True else None
        case "use":
            return found_by(test.value)
        case "all":
            return next(filter(None, map(found_by, test.value)), None)
        case "any":
            kinds = set(map(found_by, test.value))
            if len(kinds) == 1:
                return kinds.pop()
            return None if kinds & {None, "wrapped"} else Duplicate("earlier")  # which all that repeat do
    return None


def widened(test: Test) -> str | None:
    """Return the RE2 pattern of a `regex` test, as `cleaner.rules.widening.widen` makes it, or what the cache kept of that."""
    if test.widened is not None:
        return test.widened or None
    from cleaner.rules.widening import widen

    return widen(test.value, case=test.case)


def openings(test: Test) -> tuple[str, ...]:
    """Return RE2 patterns for a first look: what `cleaner.rules.widening.widened_openings` makes, or the cache kept of that."""
    if test.openings is not None:
        return test.openings
    from cleaner.rules.widening import widened_openings

    return widened_openings(test.value, case=test.case)


def is_tied(wide: str) -> bool:
    """Tell whether a widened pattern is tied to the start of a unit, as far as its own start shows."""
    return _TIED.match(wide) is not None

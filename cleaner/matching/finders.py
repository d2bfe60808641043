"""The automata that look for patterns, and for phrases that may stand anywhere: RE2 finds, and tells which it found.

A finder goes once over the whole text and finds the units that may hold one of its patterns; of these few, a set tells
which. Both may only ever find too many.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Literal

from cleaner.matching.index import Owner
from cleaner.matching.phrase_pattern import phrase_pattern
from cleaner.matching.units import Kind, Units
from cleaner.rules.clues import Scan, is_tied, openings, widened
from cleaner.rules.model import Test
from cleaner.rules.patterns import MARKS_FIRST
from cleaner.text import UNUSUAL, fold

try:
    import re2
except ImportError:  # pragma: no cover - musl Linux has no wheel
    re2 = None

__all__ = ["AS_PATTERNS", "Finder", "build_finders"]

AS_PATTERNS = ("regex", "has")  # tests that are looked for with RE2
_MEMORY = 256 << 20  # bytes; 1,000 rules want 64 to 128 MB, and the default of 8 MB would silently match nothing
_UNUSUAL = f"[{UNUSUAL}]"
# Letters whose case `regex` and RE2 see differently: those newer than RE2’s Unicode.
_NEW_LETTERS = (
    r"[\x{1c89}\x{1c8a}\x{a7c0}-\x{a7ef}\x{ab4b}\x{ab4c}\x{ab6c}\x{ab6d}\x{10d50}-\x{10d85}"
    r"\x{16ea0}-\x{16ed3}\x{1df00}-\x{1dfff}]"
)
_SURROGATE = re.compile(b"\xed[\xa0-\xbf]")  # a lone one, which RE2 cannot see

# What a pattern is like that is looked for. "free": it may stand anywhere in a unit. The others are tied to its start.
# "cased": they tell cases apart. Else by how they begin: with letters of any word, with a class of other characters (or go
# on through all but a few), or "plain", with what they name.
_Shape = Literal["free", "cased", "word", "class", "plain"]


@dataclass(frozen=True, slots=True)
class _Patterns:
    """What tells which patterns a text holds, and which of the phrases that are looked for as patterns.

    Pattern 0 of the set matches every text: an answer without it means that the set ran out of memory.
    """

    matcher: Any  # None where the set cannot be made
    owners: Sequence[Sequence[Owner]]  # of each pattern of the set, from pattern 1 on


@dataclass(frozen=True, slots=True)
class Finder:
    """Finds the units that may hold one of its patterns, and says whose these are.

    The patterns of the "free" one are for phrases as well, and for characters that hide them or that RE2 reads otherwise.
    """

    shape: _Shape
    search: Callable[..., Any]  # finds where a pattern could hit, or the end of a unit be a phrase
    patterns: Callable[[], _Patterns]  # made when something was found

    def found(self, units: Units) -> Iterable[str]:
        """Return the texts of the units that it finds something in.

        Lines are not looked at one by one: the automaton runs over the whole text, so that a line without hits costs no call.
        """
        if units.kind == "line" and units.once("searchable", _is_searchable):
            return [line.decode() for line in self._lines(units.lines.data)]
        return [text for text in units.texts if self._finds(text)]

    def owners(self, text: str) -> set[Owner]:
        """Return the rules that must look at the units with this text because of the patterns in it."""
        patterns = self.patterns()
        hit: set[int] = set()
        if patterns.matcher is not None:
            try:
                hit = set(patterns.matcher.Match(text.encode()))
                if self.shape == "free" and 1 in hit:  # phrases are looked for in the folded text too
                    again = patterns.matcher.Match(fold(text).encode())
                    hit = hit.union(again) if 0 in again else set()
            except UnicodeEncodeError:
                hit = set()
        if 0 not in hit:
            return set().union(*patterns.owners)
        return set().union(*(patterns.owners[pattern - 1] for pattern in hit if pattern))

    def _lines(self, data: bytes) -> Iterable[bytes]:
        lines: dict[bytes, None] = {}
        search, position = self.search, 0
        while (match := search(data, position)) is not None:
            start = match.start()
            end = data.find(b"\n", start)
            lines[data[data.rfind(b"\n", 0, start) + 1 : end if end >= 0 else None]] = None
            if end < 0:
                break
            position = end + 1
        return lines

    def _finds(self, text: str) -> bool:
        try:
            return self.search(text.encode()) is not None
        except UnicodeEncodeError:
            return True


def _is_searchable(units: Units) -> bool:
    """Tell whether RE2 sees the lines of a text where they are."""
    data = units.lines.data
    return "\r" not in units.text and (b"\xed" not in data or not _SURROGATE.search(data))


def build_finders(scans: Mapping[int, Scan], kind: Kind) -> tuple[Mapping[int, Scan], list[Finder]]:
    """Return the finders for rules with these scans, and which of them they are for: not those whose patterns RE2 refuses.

    Without google-re2 that is none of them.
    """
    if re2 is None:
        return {}, []
    try:
        return scans, _finders(scans, kind)
    except re2.error:
        taken = {rule: scan for rule, scan in scans.items() if _is_taken(scan)}
    try:
        return taken, _finders(taken, kind)
    except re2.error:
        return {}, []


def _finders(scans: Mapping[int, Scan], kind: Kind) -> list[Finder]:
    """Return the finders of these rules. Raises `re2.error` where a pattern is refused."""
    tests = [(test, (rule, shift)) for rule, scan in scans.items() for test, shift in scan]
    # By shape, because in one automaton what some patterns have seen of a line multiplies with what others have.
    begun: dict[_Shape, dict[str, None]] = {"free": {}}
    looked_for: dict[_Shape, list[tuple[Test, Owner]]] = {"free": []}
    for test, owner in tests:
        shapes: dict[_Shape, None] = {"free": None} if test.key == "has" else {}
        for opening in openings(test) if test.key == "regex" else ():
            shape = _shape_of(opening)
            shapes[shape] = begun.setdefault(shape, {})[opening] = None
        for shape in shapes:
            looked_for.setdefault(shape, []).append((test, owner))
    for key in ("has", "ends"):  # those of all tests together: it is enough to know that there is one
        phrases = {phrase.text: phrase for test, _ in tests if test.key == key for phrase in test.value}
        if phrases:
            begun["free"][phrase_pattern(key, tuple(phrases.values()), whole=False)] = None
    if not any(begun.values()):
        return []
    # Besides, characters that hide phrases, and those that any pattern may take for others.
    begun["free"] = {_UNUSUAL: None, _NEW_LETTERS: None, **begun["free"]}
    unsure = {_UNUSUAL: [], _NEW_LETTERS: [owner for test, owner in tests if test.key == "regex"]}
    return [
        Finder(
            shape,
            re2.compile(f"(?ms){_any_of(list(some))}", _options(kind)).search,
            cache(partial(_patterns, looked_for[shape], unsure if shape == "free" else {})),
        )
        for shape, some in begun.items()
    ]


_CLASS = re.compile(r"\^?(?:\(\?:)*(?:\.|(?:\[|\(\?-i:\[(?!iI))(?P<inside>[^\]]*))")  # not what any letter i has become
_LETTERS = re.compile(r"\^|A-Z|a-z|!-\\x7f")
_ALL_BUT = re.compile(r"\(\?:(?:\.|\[\^[^\]]*\])\)[*+]")


def _shape_of(pattern: str) -> _Shape:
    flags, text = _split(pattern)
    if not is_tied(pattern):
        return "free"
    if "i" not in flags:
        return "cased"
    text = text.removeprefix(MARKS_FIRST)
    first = _CLASS.match(text)
    if first is not None:
        return "word" if first["inside"] is None or _LETTERS.search(first["inside"]) else "class"
    return "class" if _ALL_BUT.search(text) else "plain"


def _any_of(patterns: Sequence[str]) -> str:
    """Return one pattern that matches where one of these does; the marks that many begin with are said once."""
    marked = sorted(one.replace(MARKS_FIRST, "", 1) for one in patterns if _split(one)[1].startswith(MARKS_FIRST))
    others = [one for one in patterns if not _split(one)[1].startswith(MARKS_FIRST)]
    behind = [f"{MARKS_FIRST}(?:{'|'.join(map(_scoped, marked))})"] if marked else []
    return "|".join([*map(_scoped, others), *behind])


def _is_taken(scan: Scan) -> bool:
    """Tell whether RE2 takes every pattern of a scan."""
    try:
        for test, _ in scan:
            if test.key in AS_PATTERNS:
                re2.compile(_whole(test), _options())
    except re2.error:
        return False
    return True


def _patterns(tests: Iterable[tuple[Test, Owner]], besides: Mapping[str, Sequence[Owner]]) -> _Patterns:
    owners: dict[str, list[Owner]] = {pattern: list(some) for pattern, some in besides.items()}
    for test, owner in tests:
        owners.setdefault(_whole(test), []).append(owner)
    matcher = re2.Set.SearchSet(_options())
    for pattern in ("", *owners):
        try:
            matcher.Add(pattern)
        except re2.error:  # although it took how the pattern begins: all that is worth a look is a candidate
            matcher.Add("")
    try:
        matcher.Compile()
    except re2.error:  # although it took each pattern on its own
        matcher = None
    return _Patterns(matcher, list(owners.values()))


def _whole(test: Test) -> str:
    """Return the pattern that is found wherever a test could pass."""
    return (widened(test) or "") if test.key == "regex" else phrase_pattern(test.key, test.value)


def _scoped(pattern: str) -> str:
    """Return a pattern with flags at its head as one that can be part of another."""
    flags, text = _split(pattern)
    return f"(?i:{text})" if "i" in flags else f"(?:{text})"


def _split(pattern: str) -> tuple[str, str]:
    """Return the flags at the head of a pattern, and the rest."""
    flags, _, text = pattern.partition(")") if pattern.startswith("(?") else ("", "", pattern)
    return flags, text


def _options(kind: Kind | None = None) -> Any:
    """Return options for the set or, with a kind of unit, for a finder."""
    options = re2.Options()
    options.max_mem = _MEMORY
    options.log_errors = False
    options.never_capture = True
    if kind is not None:
        options.never_nl = kind == "line"
        options.one_line = False
    return options

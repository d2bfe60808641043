"""The accelerator: it chooses which rules look at which units; it may only ever choose too many.

What a unit is or starts with is looked up in a table of phrases. A few RE2 automata go once over the whole text and find
the units that may hold other phrases and patterns; of these few, two RE2 sets tell which. Where google-re2 is not
installed every rule looks at every unit, with the same results.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from cleaner.matching.index import Owner, PhraseIndex, index_phrases
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

__all__ = ["Hits", "Scanner", "build_scanner"]

_MEMORY = 256 << 20  # bytes; 1,000 rules want 64 to 128 MB, and the default of 8 MB would silently match nothing
# Letters whose case `regex` and RE2 see differently: those newer than RE2’s Unicode.
_CASED = (
    r"[\x{1c89}\x{1c8a}\x{a7c0}-\x{a7ef}\x{ab4b}\x{ab4c}\x{ab6c}\x{ab6d}\x{10d50}-\x{10d85}"
    r"\x{16ea0}-\x{16ed3}\x{1df00}-\x{1dfff}]"
)
_AS_PATTERNS = ("regex", "has")  # tests that are looked for with RE2
_SURROGATE = re.compile(b"\xed[\xa0-\xbf]")  # a lone one, which RE2 cannot see

# By the text of a unit: the rules that must look at it. Units with other texts are of no concern.
Hits = Mapping[str, Iterable[Owner]]


@dataclass(frozen=True, slots=True)
class _Patterns:
    """What tells which patterns a text holds, and which of the phrases that are looked for as patterns.

    Pattern 0 of the set matches every text: an answer without it means that the set ran out of memory.
    """

    matcher: Any  # None where the set cannot be made
    owners: Sequence[Sequence[Owner]]  # of each pattern of the set, from pattern 3 on
    folding: Sequence[bool]  # whether it is of phrases, which unusual characters may hide


@dataclass(frozen=True, slots=True)
class Scanner:
    """Chooses among rules for one kind of unit; `always` are the rules that any unit may pass."""

    kind: Kind
    always: Sequence[int]
    phrases: PhraseIndex | None = None
    finders: Sequence[Any] = ()  # one of them matches wherever a pattern could hit, or the end of a unit be a phrase
    patterns: Callable[[], Sequence[_Patterns]] | None = None  # made when something is worth a look

    def hits(self, units: Units) -> Hits:
        """Return what is hit; it depends on each unit's own text alone."""
        hits: dict[str, Iterable[Owner]] = {}
        phrases = self.phrases
        if phrases is None:
            return hits
        for at in phrases.openings(units):
            if owners := phrases.opening(units.fold(at, case=False)):  # which rules will ask for, too
                hits[units.texts[at]] = owners
        if self.patterns is not None:
            for text in self._worth_a_look(units):
                folded = fold(text)
                if owners := phrases.ending(folded).union(*(_held(text, folded, some) for some in self.patterns())):
                    hits[text] = owners.union(hits.get(text, ()))
        return hits

    def candidates(self, units: Units, hits: Hits | None = None) -> dict[int, Sequence[int]]:
        """Return for each rule the indices of the units that it must look at, ascending; no entry where there are none."""
        hits = self.hits(units) if hits is None else hits
        texts = units.texts
        chosen: dict[int, set[int]] = {}
        for index in [at for at, text in enumerate(texts) if text in hits] if hits else ():
            for rule, shift in hits[texts[index]]:
                if 0 <= index + shift < len(texts):
                    chosen.setdefault(rule, set()).add(index + shift)
        found: dict[int, Sequence[int]] = {rule: sorted(indices) for rule, indices in chosen.items()}
        if texts:
            found.update((rule, range(len(texts))) for rule in self.always)
        return found

    def _worth_a_look(self, units: Units) -> Iterable[str]:
        """Return the texts of the units that one of the finders finds something in.

        Lines are not looked at one by one: the finders run over the whole text, so that a line without hits costs no call.
        """
        if self.kind == "line" and "\r" not in units.text:
            data = units.lines.data
            if b"\xed" not in data or not _SURROGATE.search(data):
                return [line.decode() for line in self._lines_worth_a_look(data)]
        return [text for text in units.texts if self._is_worth_a_look(text)]

    def _lines_worth_a_look(self, data: bytes) -> Iterable[bytes]:
        lines: dict[bytes, None] = {}
        for finder in self.finders:
            search, position = finder.search, 0
            while (match := search(data, position)) is not None:
                start = match.start()
                end = data.find(b"\n", start)
                lines[data[data.rfind(b"\n", 0, start) + 1 : end if end >= 0 else None]] = None
                if end < 0:
                    break
                position = end + 1
        return lines

    def _is_worth_a_look(self, text: str) -> bool:
        try:
            data = text.encode()
        except UnicodeEncodeError:
            return True
        return any(finder.search(data) is not None for finder in self.finders)


def _held(text: str, folded: str, patterns: _Patterns) -> set[Owner]:
    """Return the rules that must look at the units with this text because of the patterns in it."""
    if not patterns.owners:
        return set()
    hit: set[int] = set()
    if patterns.matcher is not None:
        try:
            hit = set(patterns.matcher.Match(text.encode()))
            if 1 in hit:  # unusual characters: phrases are looked for in the folded text too
                again = patterns.matcher.Match(folded.encode())
                hit = hit.union(again) if 0 in again else set()
        except UnicodeEncodeError:
            hit = set()
    if 0 not in hit:
        return set().union(*patterns.owners)
    found = set().union(*(patterns.owners[pattern - 3] for pattern in hit if pattern > 2))
    if 2 in hit:
        some = zip(patterns.owners, patterns.folding, strict=True)
        found.update(owner for owners, folds in some if not folds for owner in owners)
    return found


def build_scanner(scans: Sequence[Scan | None], kind: Kind = "line", *, accelerate: bool = True) -> Scanner:
    """Build the scanner of rules with these scans; a rule with None must look at every unit."""
    every = range(len(scans))
    known = {rule: scan for rule, scan in enumerate(scans) if scan is not None}
    if re2 is None or not accelerate or not known:
        return Scanner(kind, every)
    try:
        finders = _finders(known.values(), kind)
    except re2.error:  # it refuses a pattern: the rule must look at every unit
        known = {rule: scan for rule, scan in known.items() if _is_taken(scan)}
        try:
            finders = _finders(known.values(), kind)
        except re2.error:
            return Scanner(kind, every)
    phrases = index_phrases(
        (test.key, test.value, (rule, shift))
        for rule, scan in known.items()
        for test, shift in scan
        if test.key not in _AS_PATTERNS
    )
    always = [rule for rule in every if rule not in known]
    return Scanner(kind, always, phrases, finders, cache(partial(_patterns, known)) if finders else None)


def _finders(scans: Iterable[Scan], kind: Kind) -> list[Any]:
    """Return the automata that go over a whole text. Raises `re2.error` where a pattern is refused."""
    tests = [test for scan in scans for test, _ in scan]
    patterns = list(dict.fromkeys(begun for test in tests if test.key == "regex" for begun in openings(test)))
    for key in ("has", "ends"):  # those of all tests together: it is enough to know that there is one
        phrases = {phrase.text: phrase for test in tests if test.key == key for phrase in test.value}
        if phrases:
            patterns.append(phrase_pattern(key, tuple(phrases.values()), whole=False))
    if not patterns:
        return []
    # Apart, because a pattern that is tied to a line's start is done with most lines after a few characters, unless it
    # goes on through anything: together, each of the others would have states of its own for every stage of that one.
    kinds: dict[tuple[bool, bool], list[str]] = {(False, True): [f"[{UNUSUAL}]", _CASED]}
    for pattern in patterns:
        tied = is_tied(pattern)
        kinds.setdefault((tied, not tied or _goes_on(pattern)), []).append(pattern)
    return [re2.compile(f"(?ms){_any_of(some)}", _options(kind)) for some in kinds.values()]


def _goes_on(pattern: str) -> bool:
    """Tell whether a pattern tied to a line’s start begins with a class of characters, or goes on through all but a few."""
    text = _split(pattern)[1].removeprefix(MARKS_FIRST)
    return _CLASS.match(text) is not None or _ALL_BUT.search(text) is not None


_CLASS = re.compile(r"\^?(?:\(\?:)*(?:\.|\[|\(\?-i:\[(?!iI))")  # not what any letter i has become
_ALL_BUT = re.compile(r"\(\?:\[\^[^\]]*\]\)[*+]")


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
            if test.key in _AS_PATTERNS:
                re2.compile(_pattern(test), _options())
    except re2.error:
        return False
    return True


def _patterns(scans: Mapping[int, Scan]) -> list[_Patterns]:
    owners: dict[tuple[str, bool], list[Owner]] = {}
    for rule, scan in scans.items():
        for test, shift in scan:
            if test.key in _AS_PATTERNS:
                owners.setdefault((_pattern(test), test.key != "regex"), []).append((rule, shift))
    # Apart, because where every pattern may begin at every character, RE2 takes long over each new state of its automaton.
    tied = {key: some for key, some in owners.items() if is_tied(key[0])}
    free = {key: some for key, some in owners.items() if key not in tied}
    return [_set_of(some) for some in (tied, free) if some]


def _set_of(owners: Mapping[tuple[str, bool], Sequence[Owner]]) -> _Patterns:
    matcher = re2.Set.SearchSet(_options())
    for pattern in ("", f"[{UNUSUAL}]", _CASED, *(pattern for pattern, _ in owners)):
        try:
            matcher.Add(pattern)
        except re2.error:  # although it took how the pattern begins: all that is worth a look is a candidate
            matcher.Add("")
    try:
        matcher.Compile()
    except re2.error:  # although it took each pattern on its own
        matcher = None
    return _Patterns(matcher, list(owners.values()), [folds for _, folds in owners])


def _pattern(test: Test) -> str:
    if test.key == "regex":
        return widened(test) or ""
    return phrase_pattern(test.key, test.value)


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

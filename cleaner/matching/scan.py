"""The accelerator: it chooses which rules look at which units; it may only ever choose too many.

Two RE2 automata go once over the whole text and find the units worth a look, most of which hold nothing. Of
these few, tables tell which phrases they are, start or end with, and one RE2 set which other phrases and
patterns they hold. Where google-re2 is not installed every rule looks at every unit, with the same results.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cleaner.matching.phrases import PhraseIndex, heads_for_scan, phrases_for_scan
from cleaner.matching.predicates import Scan
from cleaner.matching.units import Kind, Units
from cleaner.rules.model import Phrase, Test
from cleaner.rules.patterns import widen
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
_SURROGATE = re.compile(b"\xed[\xa0-\xbf]")  # a lone one, which RE2 cannot see

# A rule, and how far from the unit that is hit the unit stands that the rule must look at.
Owner = tuple[int, int]
# By the text of a unit: the rules that must look at it. Units with other texts are of no concern.
Hits = Mapping[str, Iterable[Owner]]


@dataclass(frozen=True, slots=True)
class Scanner:
    """Chooses among rules for one kind of unit; `always` are the rules that any unit may pass.

    Pattern 0 of the set matches every text: an answer without it means that the set ran out of memory.
    """

    kind: Kind
    always: Sequence[int]
    matcher: Any = None
    owners: Sequence[Owner] = ()  # of each pattern of the set, from pattern 3 on
    folding: Sequence[bool] = ()  # whether it is a phrase, which unusual characters may hide
    phrases: PhraseIndex[Owner] | None = None
    finders: Sequence[Any] = ()  # one of them matches wherever anything could hit

    def hits(self, units: Units) -> Hits:
        """Return what is hit; it depends on each unit's own text alone."""
        if self.matcher is None:
            return {}
        return {text: owners for text in self._worth_a_look(units) if (owners := self._owners_of(text))}

    def candidates(self, units: Units, hits: Hits | None = None) -> dict[int, Sequence[int]]:
        """Return for each rule the indices of the units that it must look at, ascending; no entry where there are none."""
        hits = self.hits(units) if hits is None else hits
        count = len(units.texts)
        found: dict[int, Sequence[int]] = {}
        if hits:
            chosen: dict[int, list[int]] = {}
            for index, text in enumerate(units.texts):
                if text in hits:
                    for rule, shift in hits[text]:
                        if 0 <= index + shift < count:
                            chosen.setdefault(rule, []).append(index + shift)
            found = {rule: sorted(set(indices)) for rule, indices in chosen.items()}
        if count:
            found.update((rule, range(count)) for rule in self.always)
        return found

    def _worth_a_look(self, units: Units) -> Iterable[str]:
        """Return the texts of the units that one of the finders finds something in.

        Lines are not looked at one by one: the finders run over the whole text, so that a line without hits costs no call.
        """
        if self.kind == "line" and "\r" not in units.text:
            data = units.lines.data
            if not _SURROGATE.search(data):
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

    def _owners_of(self, text: str) -> set[Owner]:
        """Return the rules that must look at the units with this text."""
        folded = fold(text)
        found = self.phrases.find(folded) if self.phrases else set()
        if not self.owners:
            return found
        try:
            hit = set(self.matcher.Match(text.encode()))
            if 1 in hit:  # unusual characters: phrases are looked for in the folded text too
                again = self.matcher.Match(folded.encode())
                hit = hit.union(again) if 0 in again else set()
        except UnicodeEncodeError:
            hit = set()
        if 0 not in hit:
            return found.union(self.owners)
        found.update(self.owners[pattern - 3] for pattern in hit if pattern > 2)
        if 2 in hit:
            found.update(owner for owner, folds in zip(self.owners, self.folding, strict=True) if not folds)
        return found


def build_scanner(scans: Sequence[Scan | None], kind: Kind = "line", *, accelerate: bool = True) -> Scanner:
    """Build the scanner of rules with these scans; a rule with None must look at every unit."""
    every = range(len(scans))
    always = [rule for rule in every if scans[rule] is None]
    if re2 is None or not accelerate or len(always) == len(scans):
        return Scanner(kind, every)
    matcher = re2.Set.SearchSet(_options())
    for pattern in ("", f"[{UNUSUAL}]", _CASED):
        matcher.Add(pattern)
    owners: list[Owner] = []
    folding: list[bool] = []
    phrases: PhraseIndex[Owner] = PhraseIndex()
    patterns = [f"[{UNUSUAL}]", _CASED]  # of the finder that looks anywhere
    heads: dict[str, dict[str, Phrase]] = {"is": {}, "starts": {}}
    tails: dict[str, Phrase] = {}
    for rule, scan in enumerate(scans):
        if scan is None:
            continue
        wanted = [(_pattern(test), test, shift) for test, shift in scan.tests if test.key in ("regex", "has")]
        try:
            for pattern, _, _ in wanted[1:]:
                re2.compile(pattern, _options())  # a later refusal must not leave its rule half in the set
            for pattern, _, _ in wanted:
                matcher.Add(pattern)
        except re2.error:
            always.append(rule)
            continue
        owners += [(rule, shift) for _, _, shift in wanted]
        folding += [test.key != "regex" for _, test, _ in wanted]
        patterns += [pattern for pattern, _, _ in wanted]
        for test, shift in scan.tests:
            if test.key in ("is", "starts", "ends"):
                phrases.add(test.key, test.value, (rule, shift))
                kept = tails if test.key == "ends" else heads[test.key]
                kept.update((phrase.text, phrase) for phrase in test.value)
    if tails:
        patterns.append(phrases_for_scan("ends", tuple(tails.values())))
    try:
        matcher.Compile()
        # Apart, because a pattern that is tied to a line's start is done with most lines after a few characters.
        tied = [pattern for pattern in patterns if re.match(r"(?:\(\?\w+\))?\^", pattern)]
        free = [pattern for pattern in patterns if pattern not in tied]
        finders = [re2.compile("(?m)" + "|".join(map(_scoped, some)), _options(kind)) for some in (free, tied) if some]
        if any(heads.values()):
            at_start = heads_for_scan(*(tuple(found.values()) for found in heads.values()))
            finders.append(re2.compile(at_start, _options(kind, of_bytes=True)))
    except re2.error:
        return Scanner(kind, every)
    return Scanner(kind, sorted(always), matcher, owners, folding, phrases, finders)


def _pattern(test: Test) -> str:
    if test.key == "regex":
        return widen(test.value, case=test.case) or ""
    return phrases_for_scan(test.key, test.value)


def _scoped(pattern: str) -> str:
    """Return a pattern with flags at its head as one that can be part of another."""
    flags, _, text = pattern.partition(")") if pattern.startswith("(?") else ("", "", pattern)
    return f"(?i:{text})" if "i" in flags else f"(?:{text})"


def _options(kind: Kind | None = None, *, of_bytes: bool = False) -> Any:
    """Return options for the set or, with a kind of unit, for a finder."""
    options = re2.Options()
    options.max_mem = _MEMORY
    options.log_errors = False
    options.never_capture = True
    if kind is not None:
        options.never_nl = kind == "line"
        options.one_line = False
    if of_bytes:
        options.encoding = re2.Options.Encoding.LATIN1
    return options

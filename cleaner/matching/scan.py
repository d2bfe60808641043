"""The accelerator: one RE2 set over the units chooses which rules look at which; it may only ever choose too many.

Where google-re2 is not installed, or its memory runs out, every rule looks at every unit, with the same results.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cleaner.matching.phrases import phrases_for_scan
from cleaner.matching.predicates import Scan
from cleaner.matching.units import Units
from cleaner.rules.model import Phrase
from cleaner.rules.patterns import widen
from cleaner.text import UNUSUAL

try:
    import re2
except ImportError:  # pragma: no cover - musl Linux has no wheel
    re2 = None

__all__ = ["Scanner", "build_scanner"]

_MEMORY = 256 << 20  # bytes; 1,000 rules want 64 to 128 MB, and the default of 8 MB would silently match nothing
# Letters whose case `regex` and RE2 see differently: dotless and dotted i, and those newer than RE2’s Unicode.
_CASED = (
    r"[\x{130}\x{131}\x{1c89}\x{1c8a}\x{a7c0}-\x{a7ef}\x{ab4b}\x{ab4c}\x{ab6c}\x{ab6d}\x{10d50}-\x{10d85}"
    r"\x{16ea0}-\x{16ed3}\x{1df00}-\x{1dfff}]"
)


@dataclass(slots=True)
class Scanner:
    """Chooses candidates among `rules` rules; `always` are those that any unit may pass.

    Pattern 0 of the set matches every text: an answer without it means that the set ran out of memory.
    """

    matcher: Any
    owners: list[
        tuple[int, int]
    ]  # of each pattern of the set, from pattern 3 on: the rule, and how far on its unit stands
    folding: list[bool]
    always: list[int]
    rules: int
    finders: tuple[Any, ...] = ()  # patterns over whole texts, which find the lines that any pattern of the set hits

    def candidates(self, units: Units) -> list[Sequence[int]]:
        """Return for each rule the indices of the units that it must look at, ascending."""
        every = range(len(units.texts))
        found: list[Sequence[int]] = [()] * self.rules
        for rule in self.always:
            found[rule] = every
        if self.matcher is None:
            return found
        match = self.matcher.Match
        hits: dict[int, list[int]] = {}
        for index in self._worth_matching(units):
            try:
                matched = match(units.texts[index].encode())
            except UnicodeEncodeError:  # a lone surrogate: RE2 cannot see it
                matched = []
            if len(matched) == 1 and matched[0] == 0:
                continue
            for rule, shift in self._owners_of(matched, units, index):
                if 0 <= index + shift < len(every):
                    hits.setdefault(rule, []).append(index + shift)
        for rule, indices in hits.items():
            found[rule] = sorted(set(indices))
        return found

    def _worth_matching(self, units: Units) -> Sequence[int]:
        """Return the units that any pattern hits, ascending; all of them where the finders cannot tell.

        The finders run over the whole text, so that a line without hits costs no call.
        """
        every = range(len(units.texts))
        if not self.finders or units.kind != "line" or "\r" in units.text:
            return every
        try:
            data = units.text.encode()
        except UnicodeEncodeError:
            return every
        starts: set[int] = set()
        for finder in self.finders:
            position = 0
            while (match := finder.search(data, position)) is not None:
                starts.add(match.start())
                position = data.find(b"\n", match.start()) + 1
                if not position:
                    break
        found: list[int] = []
        line = position = 0
        for start in sorted(starts):
            line += data.count(b"\n", position, start)
            position = start
            unit = bisect_left(units.filled, line)
            if unit < len(units.filled) and units.filled[unit] == line and (not found or found[-1] != unit):
                found.append(unit)
        return found

    def _owners_of(self, matched: list[int], units: Units, index: int) -> set[tuple[int, int]]:
        """Return the rules of the patterns that hit one unit, and how far from it the unit stands that may pass."""
        hit = set(matched)
        if 0 not in hit:
            return set(self.owners)
        if 1 in hit:  # unusual characters: phrases are looked for in the folded text
            again = self.matcher.Match(units.fold(index, False).encode())
            if 0 not in again:
                return set(self.owners)
            hit.update(again)
        rules = {self.owners[pattern - 3] for pattern in hit if pattern > 2}
        if 2 in hit:
            rules.update(owner for owner, folds in zip(self.owners, self.folding, strict=True) if not folds)
        return rules


def build_scanner(scans: Sequence[Scan | None], *, accelerate: bool = True) -> Scanner:
    """Build the scanner for rules with these scans; a rule with None must look at every unit."""
    always = [rule for rule, scan in enumerate(scans) if scan is None]
    nothing = Scanner(None, [], [], list(range(len(scans))), len(scans))
    if re2 is None or not accelerate or len(always) == len(scans):
        return nothing
    options = _options()
    matcher = re2.Set.SearchSet(options)
    for pattern in ("", f"[{UNUSUAL}]", _CASED):
        matcher.Add(pattern)
    owners: list[tuple[int, int]] = []
    folding: list[bool] = []
    for rule, scan in enumerate(scans):
        if scan is None:
            continue
        patterns = scan.patterns()
        try:
            for pattern, _ in patterns[1:]:
                re2.compile(pattern, options)  # a later refusal must not leave its rule half in the set
            for pattern, _ in patterns:
                matcher.Add(pattern)
        except re2.error:
            always.append(rule)
            continue
        for _, folds in patterns:
            folding.append(folds)
        owners.extend((rule, shift) for _, shift in scan.tests)
    try:
        matcher.Compile()
    except re2.error:
        return nothing
    return Scanner(matcher, owners, folding, sorted(always), len(scans), _finders([scan for scan in scans if scan]))


def _finders(scans: Sequence[Scan]) -> tuple[Any, ...]:
    """Return two patterns that find the lines any of the scans hits: those tied to a line's start, and the others.

    Apart, because a pattern that is tied to the start is done with most lines after a few characters. The phrases
    of all rules are put together by kind, so that equal beginnings are looked at once.
    """
    phrases: dict[str, dict[str, Phrase]] = {}
    patterns = [f"[{UNUSUAL}]", _CASED]
    for test in (test for scan in scans for test, _ in scan.tests):
        if test.key == "regex":
            patterns.append(widen(test.value, case=test.case) or "")
        else:
            phrases.setdefault(test.key, {}).update((phrase.text, phrase) for phrase in test.value)
    patterns += [phrases_for_scan(key, tuple(found.values())) for key, found in phrases.items()]
    bare = [pattern.partition(")") if pattern.startswith("(?") else ("", "", pattern) for pattern in patterns]
    scoped = [f"(?i:{text})" if "i" in flags else f"(?:{text})" for flags, _, text in bare]
    at_start = [pattern for pattern, (_, _, text) in zip(scoped, bare, strict=True) if text.startswith("^")]
    anywhere = [pattern for pattern in scoped if pattern not in at_start]
    options = _options()
    options.never_nl = True
    options.one_line = False
    try:
        return tuple(re2.compile("(?m)" + "|".join(group), options) for group in (at_start, anywhere) if group)
    except re2.error:
        return ()


def _options() -> Any:
    options = re2.Options()
    options.max_mem = _MEMORY
    options.log_errors = False
    options.never_capture = True
    return options

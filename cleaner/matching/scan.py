"""The accelerator: one RE2 set over the units chooses which rules look at which; it may only ever choose too many.

Where google-re2 is not installed, or its memory runs out, every rule looks at every unit, with the same results.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cleaner.matching.predicates import Scan
from cleaner.matching.units import Units
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
    owners: list[int]  # the rule of each pattern of the set, from pattern 3 on
    folding: list[bool]
    always: list[int]
    rules: int

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
        for index, text in enumerate(units.texts):
            try:
                matched = match(text.encode())
            except UnicodeEncodeError:  # a lone surrogate: RE2 cannot see it
                matched = []
            if len(matched) == 1 and matched[0] == 0:
                continue
            for rule in self._owners_of(matched, units, index):
                hits.setdefault(rule, []).append(index)
        for rule, indices in hits.items():
            found[rule] = indices
        return found

    def _owners_of(self, matched: list[int], units: Units, index: int) -> set[int]:
        """Return the rules of the patterns that hit one unit."""
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
    options = re2.Options()
    options.max_mem = _MEMORY
    options.log_errors = False
    options.never_capture = True
    matcher = re2.Set.SearchSet(options)
    for pattern in ("", f"[{UNUSUAL}]", _CASED):
        matcher.Add(pattern)
    owners: list[int] = []
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
            owners.append(rule)
            folding.append(folds)
    try:
        matcher.Compile()
    except re2.error:
        return nothing
    return Scanner(matcher, owners, folding, sorted(always), len(scans))

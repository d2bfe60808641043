"""The accelerator: it chooses which rules look at which units; it may only ever choose too many.

What a unit is or starts with is looked up in a table of phrases; other phrases and patterns are what the finders are for.
Where google-re2 is not installed every rule looks at every unit, with the same results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cleaner.matching.finders import AS_PATTERNS, Finder, build_finders
from cleaner.matching.index import Owner, PhraseIndex, index_phrases
from cleaner.matching.units import Kind, Units
from cleaner.rules.clues import Scan
from cleaner.text import fold

__all__ = ["Hits", "Scanner", "build_scanner"]

# By the text of a unit: the rules that must look at it. Units with other texts are of no concern.
Hits = Mapping[str, set[Owner]]


@dataclass(frozen=True, slots=True)
class Scanner:
    """Chooses among rules for one kind of unit; `always` are the rules that any unit may pass."""

    kind: Kind
    always: Sequence[int]
    phrases: PhraseIndex | None = None
    finders: Sequence[Finder] = ()

    def hits(self, units: Units) -> Hits:
        """Return what is hit; it depends on each unit's own text alone."""
        hits: dict[str, set[Owner]] = {}
        phrases = self.phrases
        if phrases is None:
            return hits
        for at in phrases.openings(units):
            # The fold is what rules will ask for, too.
            if units.texts[at] not in hits and (owners := phrases.opening(units.fold(at, case=False))):
                hits[units.texts[at]] = owners
        for finder in self.finders:
            for text in finder.found(units):
                owners = finder.owners(text)
                if finder.shape == "free":
                    owners |= phrases.ending(fold(text))
                if owners:
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


def build_scanner(scans: Sequence[Scan | None], kind: Kind = "line", *, accelerate: bool = True) -> Scanner:
    """Build the scanner of rules with these scans; a rule with None must look at every unit."""
    every = range(len(scans))
    known, finders = build_finders(
        {rule: scan for rule, scan in enumerate(scans) if scan is not None and accelerate}, kind
    )
    if not known:
        return Scanner(kind, every)
    phrases = index_phrases(
        (test.key, test.value, (rule, shift))
        for rule, scan in known.items()
        for test, shift in scan
        if test.key not in AS_PATTERNS
    )
    return Scanner(kind, [rule for rule in every if rule not in known], phrases, finders)

"""One document on its way through the phases."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cleaner.edits import Edit
from cleaner.engine.compiled import REMOVING, CompiledRule, Phase
from cleaner.engine.result import Flag
from cleaner.engine.wishes import Wish
from cleaner.languages import primary_language
from cleaner.matching.scan import Hits
from cleaner.matching.units import Kind, Units, document_unit, line_units, paragraph_units
from cleaner.text import Lines, word_count

__all__ = ["Laps", "Scope", "Snapshot", "Step", "Words", "Work"]


@dataclass(slots=True)
class Laps:
    """Where time goes: seconds by stage and, within one, by the full name of a rule ("" for what is no rule's)."""

    spent: dict[tuple[str, str], float] = field(default_factory=dict)
    last: float = field(default_factory=time.perf_counter)

    def add(self, stage: str, rule: str = "") -> None:
        """Count the time since the last call for a stage."""
        now = time.perf_counter()
        self.spent[stage, rule] = self.spent.get((stage, rule), 0.0) + now - self.last
        self.last = now


@dataclass(frozen=True, slots=True)
class Scope:
    """Which rules are for a document: by its site and language, and, after the guard has stepped in, only the gentle ones."""

    host: str
    language: str | None
    gentle: bool = False

    def admits(self, compiled: CompiledRule) -> bool:
        """Tell whether a rule is for this document."""
        rule = compiled.rule
        if self.gentle and compiled.phase in REMOVING and rule.action != "keep":
            return False
        if rule.languages and self.language not in map(primary_language, rule.languages):
            return False
        if rule.sites and not _is_of(self.host, rule.sites):
            return False
        return not (rule.except_sites and _is_of(self.host, rule.except_sites))


@dataclass(slots=True)
class Snapshot:
    """The text between two phases, its units by kind, and which rules are candidates where."""

    lines: Lines
    language: str | None
    deadline: float
    hits: dict[Kind, Hits] = field(default_factory=dict)
    kinds: dict[Kind, Units] = field(default_factory=dict)
    candidates: dict[Kind, dict[int, Sequence[int]]] = field(default_factory=dict)
    known: dict[Any, Any] = field(default_factory=dict)  # of `Units`, for all snapshots of a document
    by_phase: dict[Kind, dict[Phase, list[CompiledRule]]] = field(default_factory=dict)  # those that have any

    def units(self, kind: Kind) -> Units:
        """Return the text's units of a kind, made when they are first asked for."""
        if kind not in self.kinds:
            if kind == "line":
                made = line_units(self.lines, language=self.language, deadline=self.deadline, known=self.known)
            else:
                made = (paragraph_units if kind == "paragraph" else document_unit)(self.units("line"))
            self.kinds[kind] = made
        return self.kinds[kind]


@dataclass(slots=True)
class Words:
    """The words of a text, counted as far as anybody needed to know."""

    text: str
    upto: int = 0
    count: int = 0  # of the words before `upto`

    def share_over(self, words: int, limit: float) -> float | None:
        """Return which share of the text's words this many are, if it is more than `limit` (0..1)."""
        # Mostly the first lines hold words enough to see that it is not.
        while words and words / max(1, self.count) > limit:
            if self.upto == len(self.text):
                return words / max(1, self.count)
            start = self.upto
            self.upto = max(self.text.find("\n", start + 8 * words + 200) + 1, 0) or len(self.text)
            self.count += word_count(self.text[start : self.upto])
        return None


@dataclass(slots=True)
class Work:
    """One document on its way through the phases."""

    original: str
    words: Words
    snapshot: Snapshot
    scope: Scope
    edits: list[Edit] = field(default_factory=list)
    flags: list[Flag] = field(default_factory=list)
    kept: list[tuple[int, int]] = field(default_factory=list)  # protected stretches, in the snapshot's coordinates
    protected: bool = False  # whether those are known: they are looked for when there is a first wish
    removed_words: int = 0
    spent: Counter[str] = field(default_factory=Counter)  # words that rules with a budget removed
    over: set[str] = field(default_factory=set)  # rules that wanted more than their budget
    done: set[str] = field(default_factory=set)  # rules that count lines and have taken some
    gaps: dict[str, list[int]] = field(default_factory=dict)  # where creeping rules took text, in those coordinates
    steps: list[Step] | None = None  # filled only where somebody asks why
    laps: Laps | None = None  # and only where somebody asks what takes long


@dataclass(frozen=True, slots=True)
class Step:
    """One phase as it went: the snapshot it saw, the edits made before it, what its rules wanted, and what they got."""

    phase: Phase
    units: Callable[[Kind], Units]
    edits: tuple[Edit, ...]
    rules: tuple[CompiledRule, ...]
    wishes: tuple[Wish, ...]
    chosen: tuple[Wish, ...]
    kept: tuple[tuple[int, int], ...]


def _is_of(host: str, sites: Iterable[str]) -> bool:
    """Tell whether a host is one of these sites or a subdomain of one."""
    return any(host == site.removeprefix("*.") or host.endswith("." + site.removeprefix("*.")) for site in sites)

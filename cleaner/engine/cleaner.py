"""The `Cleaner`: it takes a text through the phases and gives back a `Result`."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

from cleaner.edits import OffsetMap
from cleaner.engine.compiled import REMOVING, CompiledRule, Phase, compile_rule, counted_by, finder_of
from cleaner.engine.document import Laps, Scope, Snapshot, Step, Words, Work
from cleaner.engine.result import Flag, Result
from cleaner.engine.settle import carry_out, goes_on, merged, with_lines
from cleaner.engine.wishes import Wish, wishes_of
from cleaner.languages import primary_language
from cleaner.matching.predicates import Evidence
from cleaner.matching.scan import Scanner, build_scanner
from cleaner.matching.units import Kind
from cleaner.repair import OPERATIONS
from cleaner.rules.carry import read_resolved, write_resolved
from cleaner.rules.clues import scan_of
from cleaner.rules.load import load, load_file, load_text
from cleaner.rules.model import Configuration
from cleaner.rules.problems import Problem, RuleError
from cleaner.text import Lines, host_of

if TYPE_CHECKING:
    from pathlib import Path

    from cleaner.rules.examples import Changes, Clean

__all__ = ["Cleaner", "changes_of", "clean_of"]

TIME_LIMIT = 5.0  # seconds that a document's patterns may take, and as much again for each million characters
_ROUNDS = 10  # at most; hardly any text takes more than three


class Cleaner:
    r"""Cleans texts by packs of rules. Calling it is thread-safe; it can be pickled.

    >>> Cleaner("default")("The mayor left.\n\nShare\n").text
    'The mayor left.\n'
    """

    def __init__(self, *packs: str) -> None:
        """Load shipped packs by name (``default`` if none is named).

        Raises `RuleError` for a name that is unknown, `TypeError` for what is no name.
        """
        for name in packs:
            if not isinstance(name, str):
                raise TypeError(f"a pack is named by a str, as in Cleaner('news', 'legal'), not by {name!r}")
        self._set_up(load(packs or ("default",)), accelerate=True, time_limit=TIME_LIMIT)

    @classmethod
    def from_file(cls, path: str | Path) -> Cleaner:
        """Return the cleaner of a pack or configuration file.

        Raises `RuleError` with everything wrong in it, `OSError` where the file cannot be read.
        """
        return cls.from_configuration(load_file(path))

    @classmethod
    def from_text(cls, text: str) -> Cleaner:
        """Return the cleaner of a configuration given as YAML text.

        Raises `RuleError` with everything wrong in it, `TypeError` for what is no text.
        """
        return cls.from_configuration(load_text(text))

    @classmethod
    def from_configuration(
        cls, configuration: Configuration, *, accelerate: bool = True, time_limit: float = TIME_LIMIT
    ) -> Cleaner:
        """Return the cleaner of a resolved configuration.

        `accelerate` off leaves google-re2 aside: the same results, slower. `time_limit` is in seconds a document.
        """
        cleaner = cls.__new__(cls)
        cleaner._set_up(configuration, accelerate=accelerate, time_limit=time_limit)
        return cleaner

    def to_resolved(self) -> str:
        """Return everything that decides results as text, for `from_resolved` in a process without the files.

        It leaves out descriptions, examples and places, so that rules with one digest give one text.
        """
        return write_resolved(self.configuration, {"time_limit": self._time_limit})

    @classmethod
    def from_resolved(cls, text: str) -> Cleaner:
        """Return the cleaner that `to_resolved` described: the same rules, digest and results.

        Raises `RuleError` for what another version of this package wrote, or what was changed since.
        """
        configuration, settings = read_resolved(text)
        return cls.from_configuration(configuration, time_limit=settings["time_limit"])

    def _set_up(self, configuration: Configuration, *, accelerate: bool, time_limit: float) -> None:
        self.configuration = configuration
        self._accelerate = accelerate
        self._time_limit = time_limit
        problems: list[Problem] = []
        compiled = [compile_rule(rule, problems) for rule in configuration.rules]
        if problems:
            raise RuleError(problems)
        self._compiled = [rule for rule in compiled if rule is not None]
        # A rule's place in the scanner of its kind of unit.
        self._of_kind: dict[Kind, list[CompiledRule]] = {}
        for rule in self._compiled:
            if rule.rule.match is not None:
                self._of_kind.setdefault(rule.units, []).append(rule)
        scans = {kind: [scan_of(one.rule.match) for one in rules] for kind, rules in self._of_kind.items()}
        # What rules count nearby is scanned for as well: behind the rules, in this order.
        self._counted = {kind: counted_by(rules) for kind, rules in self._of_kind.items()}
        self._scanners: dict[Kind, Scanner] = {
            kind: build_scanner([*some, *self._counted[kind].values()], kind, accelerate=accelerate)
            for kind, some in scans.items()
        }
        # Rules that only repeated or wrapped units can pass, which the scanner cannot know: found when the rule is asked.
        self._finders = {
            id(rule): find
            for kind, rules in self._of_kind.items()
            for rule, scan in zip(rules, scans[kind], strict=True)
            if scan is None and (find := finder_of(rule.rule.match)) is not None
        }
        self._keepers = [rule for rule in self._compiled if rule.rule.action == "keep"]
        self._unmatched = {
            phase: [rule for rule in self._compiled if rule.phase == phase and rule.rule.match is None]
            for phase in get_args(Phase)
        }
        self._kinds: dict[Phase, list[Kind]] = {
            phase: [kind for kind, rules in self._of_kind.items() if any(rule.phase == phase for rule in rules)]
            for phase in get_args(Phase)
        }
        self._place = {id(rule): place for rules in self._of_kind.values() for place, rule in enumerate(rules)}

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.configuration, self._accelerate, self._time_limit)

    def __call__(self, text: str, *, url: str | None = None, language: str | None = None) -> Result:
        """Clean one text.

        `url` (full address) and `language` (BCP 47 tag) switch on the rules that are for them. The result depends
        on these arguments and the configuration alone. What the engine cannot finish in time comes back
        unchanged, with the flag ``timeout``. Raises `TypeError` for what is no text; decode bytes first.
        """
        return self._run(text, url, language, None)

    def timed(self, text: str, laps: Laps, *, url: str | None = None, language: str | None = None) -> Result:
        """Clean one text as a call does, and count in `laps` how long what took.

        The stages are the phases, by rule, and: ``scan``, the search for the rules that may find something, ``keep``
        and ``settle``, conflicts and composing. What rules share, such as words, counts for the first that needs it.
        """
        return self._run(text, url, language, laps)

    def _run(self, text: str, url: str | None, language: str | None, laps: Laps | None) -> Result:
        if not isinstance(text, str):
            raise TypeError(f"text must be str, not {type(text).__name__}")
        for name, value in (("url", url), ("language", language)):
            if value is not None and not isinstance(value, str):
                raise TypeError(f"{name} must be str or None, not {type(value).__name__}")
        deadline = time.monotonic() + self._time_limit * (1 + len(text) / 1_000_000)
        scope = Scope(host_of(url), primary_language(language))
        try:
            work = self._clean(text, language, deadline, scope, laps=laps)
            share = work.words.share_over(work.removed_words, self.configuration.guard)
            if share is not None:
                flag = Flag(
                    "guard",
                    None,
                    f"{share:.1%} of the words would go, more than {self.configuration.guard:.0%}",
                )
                flags = [one for one in work.flags if one.name != "budget"]
                work = self._clean(text, language, deadline, replace(scope, gentle=True), laps=laps)
                work.flags = [*flags, *(one for one in work.flags if one.name == "budget"), flag]
        except TimeoutError as error:
            return Result(text, text, (), (Flag("timeout", None, str(error), error=True),))
        return Result(text, work.snapshot.lines.text, tuple(work.edits), tuple(dict.fromkeys(work.flags)))

    def _clean(
        self,
        text: str,
        language: str | None,
        deadline: float,
        scope: Scope,
        steps: list[Step] | None = None,
        laps: Laps | None = None,
    ) -> Work:
        work = Work(text, Words(text), Snapshot(Lines.of(text), language, deadline), scope, steps=steps, laps=laps)
        if not text:
            return work
        # What one repair made may show the next what to repair.
        for _ in range(_ROUNDS):
            if not self._run_phase(work, "fix"):
                break
        # Some lines are only seen for what they are when those around them are gone: again, until no line goes.
        seen = work.snapshot  # by the rules that are past their budget
        only: set[str] = set()  # the rules to ask, where the others have seen this snapshot
        for again in range(_ROUNDS):
            changed = [self._run_phase(work, phase, again=again > 0, only=only) for phase in ("span", *REMOVING)]
            only = set()
            if any(changed):
                continue
            # A rule past its budget may have wanted what others took since: what is left for it may fit.
            if work.over and work.snapshot is not seen:
                seen, only = work.snapshot, set(work.over)
                work.over.clear()
                continue
            lines = len(work.snapshot.lines.texts)
            self._run_phase(work, "spacing")
            if len(work.snapshot.lines.texts) == lines:
                break
        return work

    def _run_phase(self, work: Work, phase: Phase, *, again: bool = False, only: Collection[str] = ()) -> bool:
        """Take a document through one phase; tell whether it changed anything."""
        wishes: list[Wish] = []
        laps = work.laps
        awake = self._awake(work, phase)
        if laps is not None:
            laps.add("scan")
        for compiled in awake:
            rule = compiled.rule
            if rule.action == "keep" or (again and compiled.once) or rule.name in work.done:
                continue
            if only and rule.name not in only:
                continue
            if rule.action == "flag":
                self._flag(work, compiled)
            elif rule.action == "fix":
                wishes.extend(self._fixes(work, compiled))
            else:
                wishes.extend(self._matches(work.snapshot, compiled))
            if laps is not None:
                laps.add(phase, rule.name)
        if again:
            wishes = [wish for wish in wishes if not goes_on(work, wish)]
        if phase != "fix" and not work.protected and (wishes or work.steps is not None):
            self._protect(work)
            if laps is not None:
                laps.add("keep")
        snapshot, edits, kept = work.snapshot, work.edits, work.kept
        chosen = carry_out(work, phase, wishes) if wishes else []
        work.done.update(wish.rule.rule.name for wish in chosen if wish.rule.counts)
        if laps is not None:
            laps.add("settle")
        if work.steps is not None and not (again and not chosen):
            rules = tuple(one for one in self._compiled if one.phase == phase and work.scope.admits(one))
            work.steps.append(
                Step(phase, snapshot.units, tuple(edits), rules, tuple(wishes), tuple(chosen), tuple(kept))
            )
        return work.snapshot is not snapshot

    def trace(self, text: str, *, url: str | None = None, language: str | None = None) -> list[Step]:
        """Clean a text and return every phase as it went, for explanations; the document guard is left aside."""
        deadline = time.monotonic() + self._time_limit * (1 + len(text) / 1_000_000)
        steps: list[Step] = []
        self._clean(text, language, deadline, Scope(host_of(url), primary_language(language)), steps)
        return steps

    def _awake(self, work: Work, phase: Phase) -> list[CompiledRule]:
        """Return a phase's rules that may find something in the snapshot: of many, most have no candidate in it."""
        awake = list(self._unmatched[phase])
        for kind in self._kinds[phase]:
            awake += self._by_phase(work.snapshot, kind).get(phase, ())
        return [compiled for compiled in awake if work.scope.admits(compiled)]

    def _by_phase(self, snapshot: Snapshot, kind: Kind) -> Mapping[Phase, Sequence[CompiledRule]]:
        """Return the rules of a kind of unit that have candidates, by phase, in the order of the configuration."""
        if kind not in snapshot.by_phase:
            by_phase = snapshot.by_phase[kind] = {}
            for place in sorted(self._candidates(snapshot, kind)):
                compiled = self._of_kind[kind][place]
                by_phase.setdefault(compiled.phase, []).append(compiled)
        return snapshot.by_phase[kind]

    def _candidates(self, snapshot: Snapshot, kind: Kind) -> Mapping[int, Sequence[int]]:
        """Return which units the rules of a kind of unit must look at, by the rule's place among them."""
        if kind not in snapshot.candidates:
            units, scanner = snapshot.units(kind), self._scanners[kind]
            if kind not in snapshot.hits:
                snapshot.hits[kind] = scanner.hits(units)
            found = scanner.candidates(units, snapshot.hits[kind])
            for place, key in enumerate(self._counted[kind], len(self._of_kind[kind])):
                units.cache[key] = frozenset(found.pop(place, ()))
            snapshot.candidates[kind] = found
        return snapshot.candidates[kind]

    def _protect(self, work: Work) -> None:
        work.protected = True
        for compiled in self._keepers:
            if work.scope.admits(compiled):
                work.kept.extend((wish.start, wish.end) for wish in self._matches(work.snapshot, compiled))
        work.kept = merged(work.kept)

    def _flag(self, work: Work, compiled: CompiledRule) -> None:
        for wish in self._matches(work.snapshot, compiled):
            evidence = wish.evidence
            if compiled.phase == "duplicate":
                evidence = with_lines(evidence, OffsetMap.of(work.edits), Lines.of(work.original))
            detail = ", ".join(f"{key}: {value}" for key, value in evidence.items())
            work.flags.append(Flag(compiled.rule.id, compiled.rule.name, detail))
            break

    def _fixes(self, work: Work, compiled: CompiledRule) -> Iterable[Wish]:
        operation = OPERATIONS[compiled.rule.operation or ""]
        found = operation.find(work.snapshot.lines, compiled.options)
        if not found:
            return
        if compiled.match is None:
            inside: list[tuple[int, int]] | None = None
        else:
            inside = [(wish.start, wish.end) for wish in self._matches(work.snapshot, compiled)]
        starts = [start for start, _ in inside or ()]
        for one in found:
            if inside is not None:
                place = bisect_right(starts, one.start) - 1
                if place < 0 or one.end > inside[place][1]:
                    continue
            yield Wish(one.start, one.end, one.after, compiled, one.evidence)

    def _matches(self, snapshot: Snapshot, compiled: CompiledRule) -> list[Wish]:
        """Return what a rule with a match finds in a snapshot."""
        match = compiled.match
        if match is None:
            return []
        units = snapshot.units(compiled.units)
        find = self._finders.get(id(compiled))
        candidates = self._candidates(snapshot, compiled.units).get(self._place[id(compiled)], ())
        hits: dict[int, Evidence] = {}
        for index in candidates if find is None else find(units):
            evidence = match.run(units, index)
            if evidence is not None and (compiled.unless is None or compiled.unless.run(units, index) is None):
                hits[index] = evidence
        return wishes_of(compiled, units, hits)


def clean_of(configuration: Configuration) -> Clean:
    """Return a configuration's cleaning function as examples want it; without accelerator, so that it is made at once."""
    cleaner = Cleaner.from_configuration(configuration, accelerate=False)

    def clean(text: str, url: str | None, language: str | None) -> tuple[str, frozenset[str]]:
        result = cleaner(text, url=url, language=language)
        return result.text, frozenset(flag.name for flag in result.flags)

    return clean


def changes_of(configuration: Configuration) -> Changes:
    """Return the function that tells, by full name, which rules of a configuration change a text."""
    cleaner = Cleaner.from_configuration(configuration)

    def changes(text: str, url: str | None, language: str | None) -> frozenset[str]:
        result = cleaner(text, url=url, language=language)
        return frozenset(cause.rule for edit in result.edits for cause in edit.causes)

    return changes


def _rebuild(configuration: Configuration, accelerate: bool, time_limit: float) -> Cleaner:
    return Cleaner.from_configuration(configuration, accelerate=accelerate, time_limit=time_limit)

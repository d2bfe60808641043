"""The engine: a `Cleaner` takes a text through the phases and gives back a `Result`.

The phases are fixes, spans, lines and paragraphs, runs, duplicates, spacing, guards. Each sees one snapshot of
the text, collects what its rules want, settles conflicts, and its edits are composed into one list in
coordinates of the original. No file is read here.
"""

from __future__ import annotations

import math
import time
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Literal, get_args

import msgspec

from cleaner.edits import Cause, Edit, OffsetMap, compose, minimal, restore, splice
from cleaner.languages import primary_language
from cleaner.matching.duplicates import repeated
from cleaner.matching.predicates import (
    DUPLICATE_OF,
    Check,
    Evidence,
    Span,
    compile_test,
    counted,
    find_spans,
)
from cleaner.matching.runs import grow
from cleaner.matching.scan import Hits, Scanner, build_scanner
from cleaner.matching.units import Kind, Units, document_unit, line_units, paragraph_units
from cleaner.matching.wrapping import wrapped
from cleaner.repair import OPERATIONS
from cleaner.rules.carry import read_resolved, write_resolved
from cleaner.rules.clues import Scan, found_by, scan_of
from cleaner.rules.load import load, load_file, load_text
from cleaner.rules.model import RISKS, Configuration, Rule, Test, inner_tests, own_tests, span_locator
from cleaner.rules.patterns import expand
from cleaner.rules.problems import Problem, RuleError, nearest
from cleaner.text import Lines, host_of, word_count

if TYPE_CHECKING:
    from pathlib import Path

    import regex

    from cleaner.rules.examples import Changes, Clean

__all__ = ["Cleaner", "Flag", "Laps", "Result", "changes_of", "clean_of"]

Phase = Literal["fix", "span", "line", "run", "duplicate", "spacing"]
_REMOVING: tuple[Phase, ...] = ("line", "run", "duplicate")
_ROUNDS = 10  # at most; hardly any text takes more than three
TIME_LIMIT = 5.0  # seconds that a document's patterns may take, and as much again for each million characters


@dataclass(frozen=True, slots=True)
class Flag:
    """Something to know of a document: `name` is guard, budget, timeout, or the id of a rule that flags.

    `rule` is the full name of the rule concerned; `error` says that the document was not cleaned as it should be.
    """

    name: str
    rule: str | None
    detail: str
    error: bool = False


@dataclass(frozen=True)
class Result:
    """What cleaning made of a document: the clean text, every edit in coordinates of the original, and flags."""

    original: str
    text: str
    edits: tuple[Edit, ...]
    flags: tuple[Flag, ...] = ()

    @cached_property
    def _offsets(self) -> OffsetMap:
        return OffsetMap.of(self.edits)

    def to_clean(self, offset: int) -> int:
        """Return where the original's character at `offset` (code points) stands in the clean text.

        Raises `IndexError` for an offset outside the original; its length is still one.
        """
        return self._offsets.to_clean(_checked(offset, self.original))

    def to_original(self, offset: int) -> int:
        """Return where the clean text's character at `offset` (code points) stood in the original.

        Raises `IndexError` for an offset outside the clean text; its length is still one.
        """
        return self._offsets.to_original(_checked(offset, self.text))

    def restore(self) -> str:
        """Return the original, rebuilt from the clean text and the edits alone."""
        return restore(self.text, self.edits)


def _checked(offset: int, text: str) -> int:
    if not 0 <= offset <= len(text):
        raise IndexError(f"offset {offset} is outside the text, which has {len(text)} characters")
    return offset


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


# ------------------------------------------------------------------ rules, compiled


@dataclass(frozen=True)
class _Compiled:
    """A rule, and what is made of it when it is first a candidate: of many, most never are."""

    rule: Rule
    phase: Phase
    options: Any
    units: Kind  # what the match looks at; a span rule looks at lines

    @cached_property
    def match(self) -> Check | None:
        return _check_of(self.rule.match)

    @cached_property
    def unless(self) -> Check | None:
        return _check_of(self.rule.unless)

    @cached_property
    def then(self) -> Check | None:
        return _check_of(self.rule.run.then) if self.rule.run is not None else None

    @cached_property
    def spans(self) -> Callable[[Units, int], list[Span]] | None:
        match = self.rule.match
        locator = span_locator(match) if self.rule.unit == "span" and match is not None else None
        return find_spans(locator) if locator is not None else None

    @cached_property
    def priority(self) -> tuple[int, int, str]:
        """Lower risk, later layer, id."""
        return RISKS.index(self.rule.risk), -self.rule.layer, self.rule.name

    @cached_property
    def once(self) -> bool:
        """Whether it is not asked again when lines have gone."""
        return self.rule.action in ("flag", "replace")

    @cached_property
    def counts(self) -> bool:
        """Whether it is not asked again if it has taken any: it counts lines, and may have taken some of them."""
        return _counts(self.rule)

    @cached_property
    def creeps(self) -> bool:
        """Whether, asked again when lines have gone, it could eat its way through a text."""
        return _creeps(self.rule)

    @cached_property
    def passages(self) -> bool:
        """Whether it drops passages that stand earlier in the text: nothing is lost, even if that is half of it."""
        return any(test.key == "duplicate" and test.value.passage is not None for test in own_tests(self.rule.match))


def _check_of(test: Test | None) -> Check | None:
    return None if test is None else compile_test(test)


def _compile(rule: Rule, problems: list[Problem]) -> _Compiled | None:
    options = _options(rule, problems) if rule.action == "fix" else None
    if rule.action == "fix" and options is None:
        return None
    return _Compiled(rule, _phase(rule), options, "line" if rule.unit == "span" else rule.unit)


def _parts(rule: Rule) -> tuple[Test | None, ...]:
    return rule.match, rule.unless, rule.run.then if rule.run is not None else None


def _tests(rule: Rule) -> list[Test]:
    return [test for part in _parts(rule) for test in inner_tests(part)]


def _counts(rule: Rule) -> bool:
    """Tell whether a rule counts lines of which it may itself take some."""
    edge = rule.run.edge if rule.run is not None else None
    untouched = {"start": {"below"}, "end": {"above"}}.get(edge or "", set())  # where a rule to an edge takes nothing
    counted = [test.value for test in _tests(rule) if test.key in {"above", "below", "around"} - untouched]
    if not counted or rule.run is not None or rule.match is None:
        return bool(counted)
    fewest = min(_word_range(nearby.match)[0] for nearby in counted)
    return fewest == 0 or fewest <= _word_range(rule.match)[1]  # what it takes may be too short for what it counts


def _word_range(test: Test) -> tuple[float, float]:
    """Return how few and how many words a unit that passes can have, as far as that can be told."""
    match test.key:
        case "words":
            return test.value.low, test.value.high
        case "is":
            return 0, max((word_count(phrase.text) for phrase in test.value), default=math.inf)
        case "use":
            return _word_range(test.value)
        case "all":
            low, high = zip(*map(_word_range, test.value), strict=True)
            return max(low), min(high)
        case "any":
            low, high = zip(*map(_word_range, test.value), strict=True)
            return min(low), max(high)
    return 0, math.inf


def _creeps(rule: Rule) -> bool:
    """Tell whether line after line could come to pass a rule, because it stands beside the same neighbour now, or last."""
    wanted = [*inner_tests(rule.match), *inner_tests(rule.run.then if rule.run else None)]
    return any(test.key in ("previous", "next") for test in _tests(rule)) or any(
        test.key in ("first", "last") and not test.value.share for test in wanted
    )


def _phase(rule: Rule) -> Phase:
    if rule.action == "fix":
        return OPERATIONS[rule.operation or ""].phase
    if any(test.key == "duplicate" for test in _tests(rule)):
        return "duplicate"
    if rule.run is not None:
        return "run"
    return "span" if rule.unit == "span" else "line"


def _options(rule: Rule, problems: list[Problem]) -> Any:
    """Return a fix rule's options as its operation wants them, or None with the problems noted."""
    operation = OPERATIONS.get(rule.operation or "")
    if operation is None:
        place = rule.option_places.get("operation", rule.place)
        known = list(OPERATIONS)
        message = (
            f"unknown operation `{rule.operation}`{nearest(rule.operation or '', known)}; there are: {', '.join(known)}"
        )
        problems.append(Problem(place, message))
        return None
    names = [item.name for item in msgspec.structs.fields(operation.options)]
    fine = True
    for name, value in rule.options.items():
        place = rule.option_places.get(name, rule.place)
        if name not in names:
            problems.append(
                Problem(place, f"operation `{rule.operation}` has no option `{name}`{nearest(name, names)}")
            )
            fine = False
            continue
        try:
            msgspec.convert({name: value}, operation.options)
        except msgspec.ValidationError as error:
            problems.append(Problem(place, f"option `{name}`: {str(error).partition(' - at')[0]}"))
            fine = False
    return msgspec.convert(dict(rule.options), operation.options) if fine else None


# ------------------------------------------------------------------ one document


@dataclass(frozen=True, slots=True)
class _Wish:
    """What one rule wants of a snapshot: put `after` in place of ``[start, end)``; `lines` where whole lines go."""

    start: int
    end: int
    after: str
    rule: _Compiled
    evidence: Evidence
    lines: tuple[int, int] | None = None  # first and last line, both included


@dataclass(frozen=True, slots=True)
class _Scope:
    """Which rules are for a document: by its site and language, and, after the guard has stepped in, only the gentle ones."""

    host: str
    language: str | None
    gentle: bool = False

    def admits(self, compiled: _Compiled) -> bool:
        rule = compiled.rule
        if self.gentle and compiled.phase in _REMOVING and rule.action != "keep":
            return False
        if rule.languages and self.language not in map(primary_language, rule.languages):
            return False
        if rule.sites and not _is_of(self.host, rule.sites):
            return False
        return not (rule.except_sites and _is_of(self.host, rule.except_sites))


@dataclass(slots=True)
class _Snapshot:
    """The text between two phases, its units by kind, and which rules are candidates where."""

    lines: Lines
    language: str | None
    deadline: float
    hits: dict[Kind, Hits] = field(default_factory=dict)
    kinds: dict[Kind, Units] = field(default_factory=dict)
    candidates: dict[Kind, dict[int, Sequence[int]]] = field(default_factory=dict)

    def units(self, kind: Kind) -> Units:
        if kind not in self.kinds:
            if kind == "line":
                made = line_units(self.lines, language=self.language, deadline=self.deadline)
            else:
                made = (paragraph_units if kind == "paragraph" else document_unit)(self.units("line"))
            self.kinds[kind] = made
        return self.kinds[kind]


@dataclass(slots=True)
class _Words:
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
class _Work:
    """One document on its way through the phases."""

    original: str
    words: _Words
    snapshot: _Snapshot
    scope: _Scope
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
    rules: tuple[_Compiled, ...]
    wishes: tuple[_Wish, ...]
    chosen: tuple[_Wish, ...]
    kept: tuple[tuple[int, int], ...]


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
        """Return the cleaner of a pack or configuration file. Raises `RuleError` with everything wrong in it."""
        return cls.from_configuration(load_file(path))

    @classmethod
    def from_text(cls, text: str) -> Cleaner:
        """Return the cleaner of a configuration given as YAML text. Raises `RuleError` with everything wrong in it."""
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
        compiled = [_compile(rule, problems) for rule in configuration.rules]
        if problems:
            raise RuleError(problems)
        self._compiled = [rule for rule in compiled if rule is not None]
        # A rule's place in the scanner of its kind of unit.
        self._of_kind: dict[Kind, list[_Compiled]] = {}
        for rule in self._compiled:
            if rule.rule.match is not None:
                self._of_kind.setdefault(rule.units, []).append(rule)
        scans = {kind: [scan_of(one.rule.match) for one in rules] for kind, rules in self._of_kind.items()}
        # What rules count nearby is scanned for as well: behind the rules, in this order.
        self._counted = {kind: _counted_by(rules) for kind, rules in self._of_kind.items()}
        self._scanners: dict[Kind, Scanner] = {
            kind: build_scanner([*some, *self._counted[kind].values()], kind, accelerate=accelerate)
            for kind, some in scans.items()
        }
        # Rules that only repeated or wrapped units can pass, which the scanner cannot know: found when the rule is asked.
        self._finders = {
            id(rule): find
            for kind, rules in self._of_kind.items()
            for rule, scan in zip(rules, scans[kind], strict=True)
            if scan is None and (find := _finder_of(rule.rule.match)) is not None
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
        scope = _Scope(host_of(url), primary_language(language))
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
        scope: _Scope,
        steps: list[Step] | None = None,
        laps: Laps | None = None,
    ) -> _Work:
        work = _Work(text, _Words(text), _Snapshot(Lines.of(text), language, deadline), scope, steps=steps, laps=laps)
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
            changed = [self._run_phase(work, phase, again=again > 0, only=only) for phase in ("span", *_REMOVING)]
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

    def _run_phase(self, work: _Work, phase: Phase, *, again: bool = False, only: Collection[str] = ()) -> bool:
        """Take a document through one phase; tell whether it changed anything."""
        wishes: list[_Wish] = []
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
            wishes = [wish for wish in wishes if not _goes_on(work, wish)]
        if phase != "fix" and not work.protected and (wishes or work.steps is not None):
            self._protect(work)
            if laps is not None:
                laps.add("keep")
        snapshot, edits, kept = work.snapshot, work.edits, work.kept
        chosen = _carry_out(work, phase, wishes) if wishes else []
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
        self._clean(text, language, deadline, _Scope(host_of(url), primary_language(language)), steps)
        return steps

    def _awake(self, work: _Work, phase: Phase) -> list[_Compiled]:
        """Return a phase's rules that may find something in the snapshot: of many, most have no candidate in it."""
        awake = list(self._unmatched[phase])
        for kind in self._kinds[phase]:
            rules = self._of_kind[kind]
            found = self._candidates(work.snapshot, kind)
            awake += [rules[place] for place in sorted(found) if rules[place].phase == phase]
        return [compiled for compiled in awake if work.scope.admits(compiled)]

    def _candidates(self, snapshot: _Snapshot, kind: Kind) -> Mapping[int, Sequence[int]]:
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

    def _protect(self, work: _Work) -> None:
        work.protected = True
        for compiled in self._keepers:
            if work.scope.admits(compiled):
                work.kept.extend((wish.start, wish.end) for wish in self._matches(work.snapshot, compiled))
        work.kept = _merged(work.kept)

    def _flag(self, work: _Work, compiled: _Compiled) -> None:
        for wish in self._matches(work.snapshot, compiled):
            evidence = wish.evidence
            if compiled.phase == "duplicate":
                evidence = _with_lines(evidence, OffsetMap.of(work.edits), Lines.of(work.original))
            detail = ", ".join(f"{key}: {value}" for key, value in evidence.items())
            work.flags.append(Flag(compiled.rule.id, compiled.rule.name, detail))
            break

    def _fixes(self, work: _Work, compiled: _Compiled) -> Iterable[_Wish]:
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
            yield _Wish(one.start, one.end, one.after, compiled, one.evidence)

    def _matches(self, snapshot: _Snapshot, compiled: _Compiled) -> list[_Wish]:
        """Return what a rule with a match finds in a snapshot."""
        rule, match = compiled.rule, compiled.match
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
        if not hits:
            return []
        if compiled.spans is not None:
            return _span_wishes(compiled, units, hits)
        if rule.run is not None:
            runs = grow(rule.run, compiled.then or match, units, hits)
            return [
                _lines_wish(
                    compiled,
                    units,
                    first,
                    last,
                    {**hits[head], **({"run": last - first + 1} if last > first else {})},
                )
                for first, last, head in runs
            ]
        if rule.action == "replace":
            return [_replace_wish(compiled, units, index, evidence) for index, evidence in hits.items()]
        return [_lines_wish(compiled, units, index, index, evidence) for index, evidence in hits.items()]


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


def _is_of(host: str, sites: Iterable[str]) -> bool:
    """Tell whether a host is one of these sites or a subdomain of one."""
    return any(host == site.removeprefix("*.") or host.endswith("." + site.removeprefix("*.")) for site in sites)


def _rebuild(configuration: Configuration, accelerate: bool, time_limit: float) -> Cleaner:
    return Cleaner.from_configuration(configuration, accelerate=accelerate, time_limit=time_limit)


def _finder_of(test: Test | None) -> Callable[[Units], Sequence[int]] | None:
    """Return what finds the units that may pass a test, where it says so although there is nothing to scan for."""
    wanted = found_by(test)
    if wanted is None:
        return None
    return wrapped if wanted == "wrapped" else partial(repeated, wanted=wanted)


def _counted_by(rules: Iterable[_Compiled]) -> dict[str, Scan]:
    """Return how the units are found that rules count above or below others, by the key for their indices."""
    return {key: scan for one in rules for test in _parts(one.rule) for key, scan in counted(test).items()}


# ------------------------------------------------------------------ wishes


def _lines_wish(compiled: _Compiled, units: Units, first: int, last: int, evidence: Evidence) -> _Wish:
    lines = (units.first_lines[first], units.last_lines[last]) if units.kind != "document" else None
    return _Wish(units.starts[first], units.ends[last], "", compiled, evidence, lines)


def _span_wishes(compiled: _Compiled, units: Units, hits: Mapping[int, Evidence]) -> list[_Wish]:
    wishes: list[_Wish] = []
    for index, evidence in hits.items():
        for span in compiled.spans(units, index) if compiled.spans is not None else ():
            if span.start < span.end:
                start = units.starts[index]
                after = expand(compiled.rule.template or "", span.match) if compiled.rule.action == "replace" else ""
                wishes.append(
                    _Wish(start + span.start, start + span.end, after, compiled, {**evidence, **span.evidence})
                )
    return wishes


def _replace_wish(compiled: _Compiled, units: Units, index: int, evidence: Evidence) -> _Wish:
    match: regex.Match[str] | None = None
    for test in own_tests(compiled.rule.match):
        if test.key == "regex":
            found = find_spans(test)(units, index)
            match = found[0].match if found else None
            break
    return _Wish(
        units.starts[index],
        units.ends[index],
        expand(compiled.rule.template or "", match),
        compiled,
        evidence,
    )


# ------------------------------------------------------------------ settling and carrying out


def _carry_out(work: _Work, phase: Phase, wishes: list[_Wish]) -> list[_Wish]:
    """Settle a phase's wishes, compose what is left into the document's edits, and return it."""
    text = work.snapshot.lines.text
    wishes = [wish for wish in wishes if not _overlaps(work.kept, wish.start, wish.end)]
    chosen = _within_budgets(work, wishes)
    if not chosen:
        return []
    if phase in _REMOVING:
        work.removed_words += sum(
            word_count(text[wish.start : wish.end]) for wish in chosen if wish.lines and not wish.rule.passages
        )
    earlier = OffsetMap.of(work.edits)
    original_lines: Lines | None = None
    edits: list[Edit] = []
    for wish, (start, end, after) in zip(chosen, _stretches(chosen, text, work.snapshot), strict=True):
        place, before, new = minimal(start, text[start:end], after)
        if before == new:
            continue
        evidence = dict(wish.evidence)
        if phase == "duplicate":
            original_lines = original_lines or Lines.of(work.original)
            evidence = _with_lines(evidence, earlier, original_lines)
        rule = wish.rule.rule
        cause = Cause(rule.name, rule.action, rule.risk, evidence)
        edits.append(Edit(place, place + len(before), before, new, (cause,)))
    if not edits:
        return chosen
    moved = OffsetMap.of(edits)
    work.kept = [(moved.to_clean(start), moved.to_clean(end)) for start, end in work.kept]
    gaps = {name: [moved.to_clean(at) for at in places] for name, places in work.gaps.items()}
    for wish in chosen:
        if wish.rule.creeps:
            gaps.setdefault(wish.rule.rule.name, []).append(moved.to_clean(wish.start))
    work.gaps = {name: sorted(set(places)) for name, places in gaps.items()}
    work.edits = compose(work.original, work.edits, edits)
    spliced = splice(text, ((edit.start, edit.end, edit.after) for edit in edits))
    # Where whole lines went and nothing else, what the others hit is known.
    only_lines = all(wish.lines is not None and wish.rule.rule.action == "drop" for wish in chosen)
    hits: dict[Kind, Hits] = {}
    if only_lines and "line" in work.snapshot.hits:
        hits["line"] = work.snapshot.hits["line"]
    work.snapshot = _Snapshot(Lines.of(spliced), work.snapshot.language, work.snapshot.deadline, hits)
    return chosen


def _goes_on(work: _Work, wish: _Wish) -> bool:
    """Tell whether a rule that took something before now wants what is beside it: what it took must not make it take more."""
    gaps = work.gaps.get(wish.rule.rule.name)
    if gaps is None:
        return False
    lines, filled = work.snapshot.lines, work.snapshot.lines.filled
    line = bisect_right(lines.starts, wish.start, hi=len(lines.texts)) - 1  # where a span stands
    first, last = wish.lines or (line, line)
    before, after = bisect_left(filled, first) - 1, bisect_right(filled, last)
    start = lines.end(filled[before]) if before >= 0 else 0
    end = lines.starts[filled[after]] if after < len(filled) else len(lines.text)
    place = bisect_left(gaps, start)
    return place < len(gaps) and gaps[place] <= end


def _with_lines(evidence: Evidence, earlier: OffsetMap, lines: Lines) -> dict[str, Any]:
    """Return evidence with the offset of a repeated unit, in the snapshot, turned into a line number of the original."""

    def known(key: str, value: Any) -> Any:
        if key == DUPLICATE_OF:
            return bisect_right(lines.starts, earlier.to_original(value), hi=len(lines.texts))
        return _with_lines(value, earlier, lines) if isinstance(value, dict) else value

    return {key: known(key, value) for key, value in evidence.items()}


def _merged(stretches: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the stretches sorted, those that overlap made one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(stretches):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _overlaps(stretches: Sequence[tuple[int, int]], start: int, end: int) -> bool:
    """Tell whether a stretch overlaps one of sorted ones that do not overlap each other."""
    place = bisect_left(stretches, (max(end, start + 1), -1))
    return place > 0 and stretches[place - 1][1] > start


def _settle(wishes: Iterable[_Wish]) -> list[_Wish]:
    """Return wishes that do not overlap: the longer extent wins, then the earlier start, lower risk, later layer, id."""
    chosen: list[_Wish] = []
    together: list[_Wish] = []  # each overlaps one before it
    until = 0
    for wish in sorted(wishes, key=lambda wish: wish.start):
        if wish.start >= until:
            chosen += _winners(together)
            together = []
        together.append(wish)
        until = max(until, wish.end, wish.start + 1)
    return chosen + _winners(together)


def _winners(wishes: list[_Wish]) -> list[_Wish]:
    """Settle a few wishes, as `_settle` does."""
    if len(wishes) < 2:
        return wishes
    taken: list[tuple[int, int]] = []
    chosen: list[_Wish] = []
    for wish in sorted(wishes, key=lambda wish: (wish.start - wish.end, wish.start, wish.rule.priority)):
        place = bisect_left(taken, (wish.start, wish.end))
        if place > 0 and taken[place - 1][1] > wish.start:
            continue
        if place < len(taken) and taken[place][0] < max(wish.end, wish.start + 1):
            continue
        taken.insert(place, (wish.start, wish.end))
        chosen.append(wish)
    return sorted(chosen, key=lambda wish: wish.start)


def _within_budgets(work: _Work, wishes: list[_Wish]) -> list[_Wish]:
    """Settle the wishes; take back those of a rule that would remove more than its budget, and settle again."""
    while True:
        chosen = _settle(wish for wish in wishes if wish.rule.rule.name not in work.over)
        spent: Counter[str] = Counter()
        budgets: dict[str, float] = {}
        for wish in chosen:
            rule = wish.rule.rule
            if rule.budget is not None:
                budgets[rule.name] = rule.budget
                spent[rule.name] += word_count(work.snapshot.lines.text[wish.start : wish.end])
        for name, words in spent.items():
            share = work.words.share_over(work.spent[name] + words, budgets[name])
            if share is not None:
                if not any(flag.name == "budget" and flag.rule == name for flag in work.flags):
                    detail = f"{share:.1%} of the words would go, more than {budgets[name]:.0%}"
                    work.flags.append(Flag("budget", name, detail))
                work.over.add(name)
                break
        else:
            work.spent.update(spent)
            return chosen


def _stretches(chosen: Sequence[_Wish], text: str, snapshot: _Snapshot) -> list[tuple[int, int, str]]:
    """Return what each wish replaces, whole lines with their line ends and with the blank lines that close up."""
    stretches = [(wish.start, wish.end, wish.after) for wish in chosen]
    whole = [place for place, wish in enumerate(chosen) if wish.lines is not None and wish.rule.rule.action == "drop"]
    if not whole:
        return stretches
    lines = snapshot.units("line").lines
    filled = snapshot.units("line").filled
    block: list[int] = []
    for number, place in enumerate(whole):
        block.append(place)
        last = (chosen[place].lines or (0, 0))[1]
        following = bisect_right(filled, last)
        after = (chosen[whole[number + 1]].lines or (0, 0))[0] if number + 1 < len(whole) else None
        if after is not None and following < len(filled) and filled[following] == after:
            continue
        start, end = _close_up(lines, filled, (chosen[block[0]].lines or (0, 0))[0], last, len(text))
        if text[start - 1 : start] == "\r" and text[end : end + 1] == "\n":
            start, end = start - 1, end - 1  # two line ends would become one
        for at, inner in enumerate(block):
            first_line = (chosen[inner].lines or (0, 0))[0]
            next_line = (chosen[block[at + 1]].lines or (0, 0))[0] if at + 1 < len(block) else None
            stretches[inner] = (
                start if at == 0 else lines.starts[first_line],
                end if next_line is None else lines.starts[next_line],
                "",
            )
        block = []
    return stretches


def _close_up(lines: Lines, filled: Sequence[int], first: int, last: int, length: int) -> tuple[int, int]:
    """Return the stretch that goes when the lines `first` to `last` go: of the blank lines around them, one side goes too."""
    before = bisect_left(filled, first)
    after = bisect_right(filled, last)
    previous = filled[before - 1] if before > 0 else -1
    following = filled[after] if after < len(filled) else len(lines.texts)
    if previous < 0 and following == len(lines.texts):
        return 0, length
    blanks_before, blanks_after = first - previous - 1, following - last - 1
    start, end = lines.starts[first], lines.starts[last + 1]
    if following == len(lines.texts):
        if last + 1 == len(lines.texts) and lines.end(last) == length:
            return lines.end(previous), length  # no final line end: the one before goes instead
        return lines.starts[previous + 1], end
    if previous < 0:
        return start, lines.starts[following]
    if blanks_before >= blanks_after:
        return start, lines.starts[following]
    return lines.starts[previous + 1], end

"""Rules as the engine wants them: what is compiled when they are first a candidate, and what follows from their tests."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Literal

import msgspec

from cleaner.matching.duplicates import repeated
from cleaner.matching.predicates import Check, Span, compile_test, counted, find_spans
from cleaner.matching.units import Kind, Units
from cleaner.matching.wrapping import wrapped
from cleaner.repair import OPERATIONS, operation_schemas
from cleaner.rules.clues import Scan, found_by
from cleaner.rules.model import RISKS, Rule, Test, own_tests, parts_of, span_locator, tests_of
from cleaner.rules.problems import Problem, nearest
from cleaner.text import word_count

__all__ = ["REMOVING", "CompiledRule", "Phase", "compile_rule", "counted_by", "finder_of"]

Phase = Literal["fix", "span", "line", "run", "duplicate", "spacing"]
REMOVING: tuple[Phase, ...] = ("line", "run", "duplicate")


@dataclass(frozen=True)
class CompiledRule:
    """A rule, and what is made of it when it is first a candidate: of many, most never are."""

    rule: Rule
    phase: Phase
    options: Any
    units: Kind  # what the match looks at; a span rule looks at lines

    @cached_property
    def match(self) -> Check | None:
        """The compiled `match`; None for a rule without one."""
        return _check_of(self.rule.match)

    @cached_property
    def unless(self) -> Check | None:
        """The compiled `unless`; None for a rule without one."""
        return _check_of(self.rule.unless)

    @cached_property
    def then(self) -> Check | None:
        """What a run's other units must pass; None where that is the match itself, or there is no run."""
        return _check_of(self.rule.run.then) if self.rule.run is not None else None

    @cached_property
    def spans(self) -> Callable[[Units, int], list[Span]] | None:
        """What finds the spans in a unit that matches; None for a rule of whole units."""
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


def compile_rule(rule: Rule, problems: list[Problem]) -> CompiledRule | None:
    """Return a rule compiled, or None with what is wrong with its options added to `problems`."""
    options = _options(rule, problems) if rule.action == "fix" else None
    if rule.action == "fix" and options is None:
        return None
    return CompiledRule(rule, _phase(rule), options, "line" if rule.unit == "span" else rule.unit)


def _counts(rule: Rule) -> bool:
    """Tell whether a rule counts lines of which it may itself take some."""
    edge = rule.run.edge if rule.run is not None else None
    untouched = {"start": {"below"}, "end": {"above"}}.get(edge or "", set())  # where a rule to an edge takes nothing
    counted = [test.value for test in _taking(rule) if test.key in {"above", "below", "around"} - untouched]
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
    return any(
        test.key in ("previous", "next") or (test.key in ("first", "last") and not test.value.share)
        for test in _taking(rule)
    )


def _taking(rule: Rule) -> list[Test]:
    """Return the tests that must hold of what a rule takes, those inside others too.

    Not those of `unless`: where the lines that held a rule off have gone, it takes what it would take of the clean text.
    """
    return tests_of(replace(rule, unless=None))


def _phase(rule: Rule) -> Phase:
    if rule.action == "fix":
        return OPERATIONS[rule.operation or ""].phase
    if any(test.key == "duplicate" for test in tests_of(rule)):
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
        except msgspec.ValidationError:
            schema = operation_schemas()[rule.operation or ""]["properties"][name]
            wanted = (
                "`true` or `false`"
                if schema["type"] == "boolean"
                else f"a whole number, {schema['minimum']} to {schema['maximum']}"
            )
            problems.append(Problem(place, f"option `{name}` is {wanted}"))
            fine = False
    return msgspec.convert(dict(rule.options), operation.options) if fine else None


def finder_of(test: Test | None) -> Callable[[Units], Sequence[int]] | None:
    """Return what finds the units that may pass a test, where it says so although there is nothing to scan for."""
    wanted = found_by(test)
    if wanted is None:
        return None
    return wrapped if wanted == "wrapped" else partial(repeated, wanted=wanted)


def counted_by(rules: Iterable[CompiledRule]) -> dict[object, Scan]:
    """Return how the units are found that rules count above or below others, by the key for their indices."""
    return {key: scan for one in rules for test in parts_of(one.rule) for key, scan in counted(test).items()}

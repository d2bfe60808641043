"""Warnings of what examples do not prove: rules that others leave nothing, and conditions without which all still hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

from cleaner.rules.examples import alone, check_example
from cleaner.rules.lint.subject import Found, Subject
from cleaner.rules.model import UNLIMITED, Rule, Run, Test, inner_tests, span_locator
from cleaner.rules.patterns import template_groups
from cleaner.rules.problems import Place
from cleaner.rules.wording import clip, written

__all__ = ["keep_broken", "shadowed", "unproven_condition"]


def shadowed(subject: Subject) -> Iterator[Found]:
    """Yield rules that change none of their examples where all rules run."""
    for rule in subject.resolved.configuration.rules:
        if rule.action == "keep":  # what its examples lose, it has not taken
            continue
        done = [
            subject.changes[rule.name, number]
            for number, example in enumerate(rule.examples)
            if example.kind in ("drop", "change")
        ]
        if done and not any(rule.name in names for names in done):
            winners = sorted(frozenset[str]().union(*done))
            who = (
                f"{', '.join(winners[:3])}{', …' if len(winners) > 3 else ''} won"
                if winners
                else "a rule that keeps won"
            )
            message = (
                f"rule `{rule.name}` changes none of its examples when all rules run: {who}; "
                "delete it, narrow the other, or add an example that is its own"
            )
            yield rule, rule.place, message


def keep_broken(subject: Subject) -> Iterator[Found]:
    """Yield examples that must stay and that another rule changes."""
    for rule in subject.resolved.configuration.rules:
        for number, example in enumerate(rule.examples):
            others = sorted(subject.changes[rule.name, number] - {rule.name}) if example.kind == "keep" else []
            if others:
                message = (
                    f"`keep: {clip(example.text.strip())}` is changed by {', '.join(others)}; "
                    "narrow that rule, or take an example that nobody changes"
                )
                yield rule, example.place, message


def unproven_condition(subject: Subject) -> Iterator[Found]:
    """Yield conditions without which every example still holds."""
    make = partial(_still_hold, subject)
    for rule in subject.rules:
        if "unproven-condition" in rule.allow:
            continue
        run = subject.node(rule, "run")
        places = {key: value.place for key, _, value in run.named()} if run is not None else {}
        for place, what, mutant, loosens in _mutants(rule, places):
            if make(rule, mutant, loosens):
                wanted = "a {keep: …} that only it holds back" if loosens else "one that only it changes"
                yield rule, place, f"every example holds without `{what}`: add {wanted}, or delete it"


def _still_hold(subject: Subject, rule: Rule, mutant: Rule, loosens: bool) -> bool:
    clean = subject.make_clean(alone(subject.resolved.configuration, mutant))
    # First those that are likely to fail, so that most variants cost one example.
    ordered = sorted(rule.examples, key=lambda example: (example.kind == "keep") != loosens)
    return all(check_example(mutant, example, clean) is None for example in ordered)


def _mutants(rule: Rule, places: Mapping[str, Place]) -> Iterator[tuple[Place, str, Rule, bool]]:
    """Yield a condition's place and text, the rule without it, and whether that lets more through.

    `places` tells where the values of its run stand.
    """
    for deleted, what, match, loosens in _without_one(rule.match) if rule.match is not None else ():
        if _fits(rule, match):
            yield deleted.place, what, replace(rule, match=match), loosens
    if rule.unless is not None:
        yield (
            rule.unless.place,
            clip(written(Test("unless", rule.unless, rule.unless.place))),
            replace(rule, unless=None),
            True,
        )
    for key, what, run, loosens in _looser_runs(rule.run) if rule.run is not None else ():
        yield places.get(key, run.place), what, replace(rule, run=run), loosens


def _looser_runs(run: Run) -> Iterator[tuple[str, str, Run, bool]]:
    """Yield a key of a run, its text, the run without it, and whether that lets more through."""
    count = run.count
    if run.edge is not None:
        yield "edge", f"edge: {run.edge}", replace(run, edge=None), True
    if count.low > 1:
        yield "count", f"count: {count.low:g}..", replace(run, count=replace(count, low=1)), True
    if count.high < UNLIMITED:
        yield "count", f"count: ..{count.high:g}", replace(run, count=replace(count, high=UNLIMITED)), True
    if run.gap != 1:
        yield "gap", f"gap: {run.gap}", replace(run, gap=1), run.gap == 0


def _without_one(test: Test) -> Iterator[tuple[Test, str, Test, bool]]:
    """Yield what a test is without one key, one alternative, or `case`."""
    if test.key not in ("all", "any"):
        if test.case:
            yield test, "case: true", replace(test, case=False), True
        return
    parts: tuple[Test, ...] = test.value
    cased = [part for part in parts if part.case]
    if test.key == "all" and cased:
        even = tuple(replace(part, case=False) for part in parts)
        yield cased[0], "case: true", replace(test, value=even), True
    for number, part in enumerate(parts):
        before, after = parts[:number], parts[number + 1 :]
        rest = before + after
        if rest:
            yield part, clip(written(part)), rest[0] if len(rest) == 1 else replace(test, value=rest), test.key == "all"
        if part.key in ("all", "any") or test.key == "any":
            for deleted, what, mutant, loosens in _without_one(part):
                yield deleted, what, replace(test, value=(*before, mutant, *after)), loosens


def _fits(rule: Rule, match: Test) -> bool:
    """Tell whether the rest of a rule can do with this match."""
    if rule.unit == "span" and span_locator(match) is None:
        return False
    needs_pattern = bool(template_groups(rule.template or ""))
    return not needs_pattern or any(test.key == "regex" for test in inner_tests(match))

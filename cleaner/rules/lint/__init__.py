"""Warnings: what a pack may say and yet hardly means, and conditions that no example proves.

Each warning is one function and one line of `WARNINGS`. A rule silences one by name: ``allow: [has-alone]``.
Some run examples, so nothing here is done when a cleaner starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from cleaner.rules.examples import Changes, Clean, known_of
from cleaner.rules.layers import Resolved
from cleaner.rules.lint.limits import has_alone, short_phrase, unlimited_removal
from cleaner.rules.lint.names import unknown_rule, unknown_warning, unused_name
from cleaner.rules.lint.patterns import ambiguous_pattern, empty_match, slow_pattern
from cleaner.rules.lint.proof import keep_broken, shadowed, unproven_condition
from cleaner.rules.lint.subject import Found, Subject
from cleaner.rules.model import Configuration
from cleaner.rules.problems import Place

__all__ = ["WARNINGS", "Warning", "WarningKind", "lint"]


@dataclass(frozen=True, slots=True)
class Warning:
    """One thing to look at: a key of `WARNINGS`, the rule's full name (None for a name), where, and what."""

    name: str
    rule: str | None
    place: Place
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.name}: {self.message}"


@dataclass(frozen=True, slots=True)
class WarningKind:
    """A kind of warning: what it says in one line, and the function that finds it."""

    about: str
    find: Callable[[Subject], Iterator[Found]]


def lint(
    resolved: Resolved,
    make_clean: Callable[[Configuration], Clean],
    make_changes: Callable[[Configuration], Changes],
) -> list[Warning]:
    """Return what is doubtful in packs, sorted by place.

    `make_clean` is for one rule at a time, in many variants: it must be quick to set up. `make_changes` is
    for all rules at once. `cleaner.engine` has both: `clean_of` and `changes_of`.
    """
    subject = Subject(resolved, make_clean, _changes(resolved.configuration, make_changes), tuple(WARNINGS))
    found: dict[tuple[str, Place, str], Warning] = {}  # a named test may be used, and warned of, many times
    for name, kind in WARNINGS.items():
        for rule, place, message in kind.find(subject):
            if rule is None or name not in rule.allow:
                found.setdefault((name, place, message), Warning(name, rule.name if rule else None, place, message))
    return sorted(
        found.values(),
        key=lambda one: (one.place.file, one.place.line, one.place.column, one.name, one.message),
    )


def _changes(
    configuration: Configuration, make_changes: Callable[[Configuration], Changes]
) -> dict[tuple[str, int], frozenset[str]]:
    """Run every example through all rules, without budgets and document guard."""
    rules = tuple(replace(rule, budget=None) for rule in configuration.rules)
    changes = make_changes(replace(configuration, rules=rules, guard=1.0))
    return {
        (rule.name, number): changes(example.text, *known_of(rule, example))
        for rule in rules
        for number, example in enumerate(rule.examples)
        if example.kind != "flag"
    }


WARNINGS: dict[str, WarningKind] = {
    "ambiguous-pattern": WarningKind(
        "a pattern repeats the same characters twice in a row, and can become slow", ambiguous_pattern
    ),
    "empty-match": WarningKind("a pattern that also matches where nothing stands", empty_match),
    "has-alone": WarningKind("`has` without any limit removes whatever mentions the phrase", has_alone),
    "keep-broken": WarningKind("an example that must stay is changed by another rule", keep_broken),
    "shadowed": WarningKind("other rules win all that the rule's examples change", shadowed),
    "short-phrase": WarningKind("a phrase of few letters, with nothing beside it", short_phrase),
    "slow-pattern": WarningKind("the accelerator cannot choose candidates for the rule", slow_pattern),
    "unknown-rule": WarningKind("`replaced_by` names no other rule", unknown_rule),
    "unknown-warning": WarningKind("`allow` names a warning that does not exist", unknown_warning),
    "unlimited-removal": WarningKind("a removal without any limit of length or position", unlimited_removal),
    "unproven-condition": WarningKind("a condition without which every example still holds", unproven_condition),
    "unused-name": WarningKind("a name in `define` that no rule uses", unused_name),
}

"""Warnings of patterns: those that match nothing, are slow, or that the accelerator cannot take."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from cleaner.rules.clues import found_by, scan_of, widened
from cleaner.rules.lint.subject import Found, Subject
from cleaner.rules.lint.tokens import overlapping, tokens_of
from cleaner.rules.model import TEXT_TESTS, Rule, Test, own_tests, tests_of
from cleaner.rules.patterns import compile_pattern
from cleaner.rules.wording import clip

try:
    import re2
except ImportError:  # pragma: no cover - musl Linux has no wheel
    re2 = None

__all__ = ["ambiguous_pattern", "empty_match", "slow_pattern"]


def empty_match(subject: Subject) -> Iterator[Found]:
    """Yield patterns that also match where nothing stands."""
    for rule, test in _patterns(subject):
        pattern: str = test.value
        # With a look-around, matching nothing can still be a condition: `^(?!Share)`.
        looks = any(token.kind == "look" for token in tokens_of(pattern))
        if not looks and compile_pattern(pattern, case=test.case).search(""):
            message = (
                f"`{clip(pattern)}` also matches where nothing stands; write `+` for `*`, or drop the empty alternative"
            )
            yield rule, test.place, message


def ambiguous_pattern(subject: Subject) -> Iterator[Found]:
    """Yield patterns that repeat the same characters twice in a row: they can become slow."""
    for rule, test in _patterns(subject):
        both = overlapping(test.value, test.case)
        if both is not None:
            message = (
                f"`{clip(both)}` can share out the same characters in many ways, all of which are tried; "
                "leave one out, or make the first possessive (`*+`, `++`)"
            )
            yield rule, test.place, message


def _patterns(subject: Subject) -> Iterator[tuple[Rule, Test]]:
    for rule in subject.rules:
        for test in tests_of(rule):
            if test.key == "regex":
                yield rule, test


def slow_pattern(subject: Subject) -> Iterator[Found]:
    """Yield what the accelerator cannot choose candidates by."""
    for rule in subject.rules:
        # What a repeated line says cannot be known beforehand: such a rule must look at every line anyway.
        if rule.match is None or _is_chosen(rule.match) or found_by(rule.match) is not None:
            continue
        own = [test for test in own_tests(rule.match) if test.key in TEXT_TESTS]
        slow = [test for test in own if not _is_chosen(test)]
        for test in slow:
            message = (
                f"the accelerator cannot take `{clip(test.value)}`, so Python tries every {rule.unit}; "
                "write it without conditions and `(?x)`, or put a phrase beside it"
            )
            yield rule, test.place, message
        if own and not slow:
            message = (
                f"no phrase or pattern that every hit must hold, so Python tries every {rule.unit}; "
                "give each alternative one"
            )
            yield rule, rule.match.place, message


def _is_chosen(test: Test) -> bool:
    """Tell whether the accelerator can choose candidates for a test."""
    scan = scan_of(test)
    return scan is not None and all(one.key != "regex" or _is_compiled(widened(one) or "") for one, _ in scan)


@lru_cache(maxsize=4096)
def _is_compiled(pattern: str) -> bool:
    """Tell whether RE2 takes a widened pattern."""
    if re2 is None:
        return True
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options)
    except re2.error:
        return False
    return True

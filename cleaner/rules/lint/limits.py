"""Warnings of removals that nothing limits: neither length nor position, nor what stands beside them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from cleaner.rules.lint.subject import Found, Subject
from cleaner.rules.lint.tokens import is_spelled_out
from cleaner.rules.model import UNLIMITED, Rule, Test
from cleaner.rules.wording import clip, written
from cleaner.text import fold, is_unspaced

__all__ = ["has_alone", "short_phrase", "unlimited_removal"]

_FEWEST_LETTERS = {"is": 2, "starts": 4, "ends": 4, "has": 4}
_PHRASE_TESTS = tuple(_FEWEST_LETTERS)


def short_phrase(subject: Subject) -> Iterator[Found]:
    """Yield phrases of few letters that stand alone."""
    for rule in subject.rules:
        if (
            rule.match is None
            or rule.action in ("keep", "fix")
            or (rule.run is not None and (rule.run.edge or rule.run.then))
        ):
            continue
        for test in _without_company(rule.match):
            short = [phrase.text for phrase in test.value if _letters(phrase.text) < _FEWEST_LETTERS[test.key]]
            if short:
                more = ", …" if len(short) > 3 else ""
                message = (
                    f"`{test.key}: {clip(', '.join(short[:3]))}{more}` is short and stands alone; "
                    "put a limit beside it, such as `words: ..5` or `last: 3`"
                )
                yield rule, test.place, message


def _letters(phrase: str) -> int:
    """Return the number of letters, marks and digits; a syllable of Hangul, Han and such as two."""
    return sum(
        2 if is_unspaced(character) or "가" <= character <= "힣" else 1
        for character in fold(phrase)
        if unicodedata.category(character)[0] in "LMN"
    )


def _without_company(test: Test) -> Iterator[Test]:
    """Yield the phrase tests beside which no other test must hold."""
    if test.key == "use":
        yield from _without_company(test.value)
    elif test.key == "any":
        for part in test.value:
            yield from _without_company(part)
    elif test.key == "all":
        positive = [part for part in test.value if part.key != "not"]
        if len(positive) == 1:
            yield from _without_company(positive[0])
    elif test.key in _PHRASE_TESTS:
        yield test


def unlimited_removal(subject: Subject) -> Iterator[Found]:
    """Yield tests that let whole units go, however long and wherever they stand."""
    for rule, test in _unlimited(subject):
        if test.key != "has":
            message = (
                f"`{clip(written(test))}` removes a {rule.unit} however long it is and wherever it stands; "
                "add `words`, `chars`, `first`, `last` or `full_stop: false`"
            )
            yield rule, test.place, message


def has_alone(subject: Subject) -> Iterator[Found]:
    """Yield `has` tests without any limit: they take whatever mentions the phrase."""
    for rule, test in _unlimited(subject):
        if test.key == "has":
            message = (
                f"`{clip(written(test))}` alone removes every {rule.unit} that only mentions it; "
                "use `is`, `starts` or `ends`, or add `words: ..12` or another limit"
            )
            yield rule, test.place, message


def _unlimited(subject: Subject) -> Iterator[tuple[Rule, Test]]:
    """Yield the tests that let whole units go without any limit of length or position."""
    for rule in subject.rules:
        if (
            rule.action != "drop"
            or rule.match is None
            or rule.unit == "span"
            or (rule.run is not None and rule.run.edge)
        ):
            continue
        if rule.unless is None or not _holds_for_long(rule.unless):
            for test in _unlimited_tests(rule.match):
                yield rule, test


def _unlimited_tests(test: Test) -> list[Test]:
    """Return what in a test limits nothing: the test, or the alternatives of it that do not."""
    if test.key == "any":
        return [found for part in test.value for found in _unlimited_tests(part)]
    if test.key == "all":
        return [] if any(not _unlimited_tests(part) for part in test.value) else [test]
    if test.key == "use":
        return [test] if _unlimited_tests(test.value) else []
    return [] if _limits(test) else [test]


def _limits(test: Test) -> bool:
    match test.key:
        case "is" | "first" | "last" | "duplicate":
            return True
        case "words" | "chars":
            return bool(test.value.high < UNLIMITED)
        case "full_stop":
            return test.value is False
        case "regex":
            return is_spelled_out(test.value, test.case)
        case "not":
            return _holds_for_long(test.value)
        case _:
            return False


def _holds_for_long(test: Test) -> bool:
    """Tell whether a test holds for all that is long, or a sentence: where it does not, length is limited."""
    match test.key:
        case "words" | "chars":
            return bool(test.value.low > 0 and test.value.high == UNLIMITED)
        case "full_stop":
            return test.value is True
        case "any":
            return any(map(_holds_for_long, test.value))
        case "use":
            return _holds_for_long(test.value)
        case _:
            return False

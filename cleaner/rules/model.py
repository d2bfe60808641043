"""What a pack says, as plain values: rules, tests, runs, examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

import msgspec

from cleaner.rules.problems import Place
from cleaner.text import fold, strip_edges

__all__ = [
    "ACTIONS",
    "RISKS",
    "STATUSES",
    "TEXT_TESTS",
    "UNITS",
    "UNLIMITED",
    "Action",
    "Configuration",
    "Duplicate",
    "Example",
    "Nearby",
    "Pack",
    "Phrase",
    "Position",
    "Range",
    "Risk",
    "Rule",
    "Run",
    "Status",
    "Test",
    "Unit",
    "fold_phrase",
    "folded_phrase",
    "inner_tests",
    "own_tests",
    "parts_of",
    "span_locator",
    "tests_of",
]

Risk = Literal["safe", "likely", "risky"]
Status = Literal["stable", "testing", "experimental", "deprecated"]
Unit = Literal["line", "paragraph", "span", "document"]
Action = Literal["drop", "replace", "fix", "keep", "flag"]
RISKS: tuple[Risk, ...] = ("safe", "likely", "risky")
STATUSES: tuple[Status, ...] = ("stable", "testing", "experimental", "deprecated")
UNITS: tuple[Unit, ...] = ("line", "paragraph", "span", "document")
ACTIONS: tuple[Action, ...] = ("drop", "replace", "fix", "keep", "flag")
UNLIMITED = float("inf")  # the upper end of a range of counts that has none
TEXT_TESTS = ("is", "starts", "ends", "has", "regex")  # keys of the tests that find something in a text


class Phrase(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A phrase as written, and the language it belongs to (None: all).

    `folded` is how the text is compared, as `fold_phrase` returns it, or True where that is all of the text; None where
    nobody has worked it out. No dataclass, because packs have phrases by the ten thousand, which the garbage collector is
    to leave alone.
    """

    text: str
    language: str | None = None
    folded: tuple[str, int, int] | bool | None = None


def folded_phrase(text: str, language: str | None) -> Phrase:
    """Return a phrase that knows how it is compared."""
    folded = _folded(text)
    return Phrase(text, language, folded == (text, 0, len(text)) or folded)


def fold_phrase(phrase: Phrase) -> tuple[str, int, int]:
    """Return a phrase as it is compared, and where that starts and ends without the punctuation around it.

    >>> fold_phrase(Phrase("Read More:"))
    ('read more:', 0, 9)
    """
    known = phrase.folded
    if known is True:
        return phrase.text, 0, len(phrase.text)
    return known or _folded(phrase.text)


@lru_cache(maxsize=1 << 15)
def _folded(text: str) -> tuple[str, int, int]:
    text = fold(text).strip()
    return (text, *strip_edges(text))


@dataclass(frozen=True, slots=True)
class Range:
    """``low..high``, both included; `share` says that they are shares 0..1 and not counts."""

    low: int | float  # as the cache must know: what was a whole number stays one
    high: int | float
    share: bool = False


@dataclass(frozen=True, slots=True)
class Position:
    """Among the first or last `amount` lines, or, with `share`, that share (0..1) of them."""

    amount: int | float
    share: bool = False


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Equal to the unit before (`previous`) or to any earlier one.

    `near` is the least similarity (0..1), `passage` the fewest words of sentences that the units around it repeat with it.
    """

    of: Literal["previous", "earlier"]
    near: float | None = None
    passage: int | None = None


@dataclass(frozen=True, slots=True)
class Nearby:
    """How many of the units nearby pass a test; `within` is how many units away they may stand (None: any)."""

    match: Test
    within: int | None
    count: Range


@dataclass(frozen=True, slots=True)
class Test:
    """One test of the predicate grammar: a key of the language and its value.

    The value's type follows from the key: phrases, a pattern, a range, tests. The keys ``all`` and ``any``
    hold a tuple of tests. `case` says that phrases and patterns are case-sensitive. `widened` is what
    `cleaner.rules.widening.widen` makes of a pattern (empty: nothing), and `openings` how that begins; only the cache
    knows them beforehand.
    """

    key: str
    value: Any
    place: Place = field(compare=False)
    case: bool = False
    widened: str | None = field(default=None, init=False, compare=False, repr=False)
    openings: tuple[str, ...] | None = field(default=None, init=False, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Run:
    """How a match grows over its neighbours."""

    then: Test | None
    count: Range
    gap: int
    edge: Literal["start", "end"] | None
    place: Place = field(compare=False)


@dataclass(frozen=True, slots=True)
class Example:
    """Text before and after a rule.

    `kind` says what is expected: the text is dropped, kept, changed (`in` and `out`) or flagged.
    """

    kind: Literal["drop", "keep", "change", "flag"]
    text: str
    out: str
    place: Place = field(compare=False)
    language: str | None = None
    site: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of one pack, checked and with its names resolved."""

    pack: str
    id: str
    about: str
    place: Place = field(compare=False)
    risk: Risk = "likely"
    status: Status = "stable"
    tags: tuple[str, ...] = ()
    refs: tuple[str, ...] = ()
    replaced_by: str | None = None
    languages: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    except_sites: tuple[str, ...] = ()
    unit: Unit = "line"
    match: Test | None = None
    unless: Test | None = None
    run: Run | None = None
    action: Action = "drop"
    template: str | None = None
    operation: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    option_places: Mapping[str, Place] = field(default_factory=dict, compare=False)
    budget: float | None = None
    allow: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()
    layer: int = 0

    @property
    def name(self) -> str:
        """The full name, ``pack/id``."""
        return f"{self.pack}/{self.id}"


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack's head."""

    name: str
    version: str
    about: str
    file: str


@dataclass(frozen=True, slots=True)
class Configuration:
    """Packs layered and resolved: everything a `Cleaner` needs.

    `guard` is the share (0..1) of a document's words that may be removed; `digest` is the SHA-256 of all that
    decides results.
    """

    packs: tuple[Pack, ...]
    rules: tuple[Rule, ...]
    guard: float
    digest: str


def inner_tests(test: Test | None) -> list[Test]:
    """Return a test and all tests inside it."""
    if test is None:
        return []
    found = [test]
    if test.key in TEXT_TESTS:  # of phrases there may be thousands
        return found
    inner = test.value.match if isinstance(test.value, Nearby) else test.value
    for value in inner if isinstance(inner, tuple) else (inner,):
        if isinstance(value, Test):
            found.extend(inner_tests(value))
    return found


def parts_of(rule: Rule) -> tuple[Test | None, ...]:
    """Return a rule's own tests: `match`, `unless`, and what a run goes on with; None for those that it has not."""
    return rule.match, rule.unless, rule.run.then if rule.run is not None else None


def tests_of(rule: Rule) -> list[Test]:
    """Return all tests of a rule, those inside others too."""
    return [test for part in parts_of(rule) for test in inner_tests(part)]


def own_tests(test: Test | None) -> list[Test]:
    """Return a test and the tests inside it that look at the unit itself and must hold: none of a neighbour, or of `not`."""
    if test is None or test.key in ("previous", "next", "above", "below", "around", "not"):
        return []
    if test.key in TEXT_TESTS:
        return [test]
    inner = test.value if isinstance(test.value, tuple) else (test.value,)
    return [test, *(found for value in inner if isinstance(value, Test) for found in own_tests(value))]


def span_locator(match: Test) -> Test | None:
    """Return the test of a span rule's match that finds the spans, or None unless there is exactly one."""
    tests = match.value if match.key == "all" else (match,)
    found = [test for test in tests if test.key in TEXT_TESTS]
    return found[0] if len(found) == 1 else None

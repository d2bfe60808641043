"""Tests compiled to functions: one line of a table for each key of the language.

A check looks at one unit and returns its evidence (a map from test to what it found) or None. It decides; where it is
tried at all follows from the test's clues.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cleaner.matching.duplicates import earlier, near_earlier, near_previous, passage_of
from cleaner.matching.phrases import FINDERS, PhraseTable, phrase_spans
from cleaner.matching.units import Units
from cleaner.matching.wrapping import is_wrapped
from cleaner.rules.clues import Scan, scan_of
from cleaner.rules.model import Duplicate, Nearby, Position, Range, Test, inner_tests
from cleaner.rules.patterns import compile_pattern
from cleaner.text import ends_sentence, link_spans

if TYPE_CHECKING:
    import regex

__all__ = ["DUPLICATE_OF", "Check", "Evidence", "Span", "compile_test", "counted", "find_spans"]

Evidence = Mapping[str, Any]
# Evidence under this key is the start of the unit that is repeated (an offset in the snapshot); the engine
# turns it into a line number of the original.
DUPLICATE_OF = "duplicate"
_CLOSE = 50  # units to either side that are asked one by one; of more, sums are kept
_LONGEST_EVIDENCE = 120  # characters of one group or match


@dataclass(frozen=True, slots=True)
class Check:
    """A compiled test: `cost` orders what is tried first, and `parts` are the checks inside."""

    test: Test
    cost: float
    run: Callable[[Units, int], Evidence | None]
    parts: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """A place inside a unit (offsets in its text), what hit there, and the match of a pattern."""

    start: int
    end: int
    evidence: Evidence
    match: regex.Match[str] | None = None


def compile_test(test: Test) -> Check:
    """Compile a test of the rule language."""
    return _COMPILERS[test.key](test)


def _clip(text: str | None) -> str | None:
    return text if text is None or len(text) <= _LONGEST_EVIDENCE else text[: _LONGEST_EVIDENCE - 1] + "…"


# ------------------------------------------------------------------ text


def _phrase(test: Test) -> Check:
    table = PhraseTable(test.value, test.case)
    find = FINDERS[test.key]
    key = test.key

    def run(units: Units, index: int) -> Evidence | None:
        hit = find(table, units, index)
        return None if hit is None else {key: hit[0]}

    return Check(test, 3.0, run)


def _regex(test: Test) -> Check:
    pattern: regex.Pattern[str] | None = None  # compiled when first needed: most rules never are

    def run(units: Units, index: int) -> Evidence | None:
        nonlocal pattern
        text = units.texts[index]
        # Many rules ask the same, and ask again when other lines have gone.
        key = ("regex", test.value, test.case, text)
        if key in units.known:
            known: Evidence | None = units.known[key]
            return known
        if pattern is None:
            pattern = compile_pattern(test.value, case=test.case)
        match = pattern.search(text, timeout=units.seconds_left())
        found = units.known[key] = None if match is None else _match_evidence(match)
        return found

    return Check(test, 5.0, run)


def _match_evidence(match: regex.Match[str]) -> Evidence:
    groups = [_clip(group) for group in match.groups()]
    return {"regex": _clip(match[0]), **({"groups": groups} if groups else {})}


# ------------------------------------------------------------------ counts and shapes


def _letters_upper(text: str) -> tuple[int, int]:
    return sum(map(str.isupper, text)), sum(map(str.isalpha, text))


def _digit_count(text: str) -> tuple[int, int]:
    return sum(map(str.isdecimal, text)), len("".join(text.split()))


def _link_count(text: str, share: bool) -> tuple[int, int]:
    spans = link_spans(text)
    if not share:
        return len(spans), 1
    return sum(end - start for start, end in spans), len(text.strip())


def _measure(cost: float, measure: Callable[[str, bool], tuple[int, int]]) -> Callable[[Test], Check]:
    """Return the compiler of a test that counts; `measure` gives the count and what a share is a share of."""

    def compile_measure(test: Test) -> Check:
        wanted: Range = test.value
        key, low, high, share = test.key, wanted.low, wanted.high, wanted.share

        def run(units: Units, index: int) -> Evidence | None:
            count, whole = measure(units.texts[index], share)
            value = (count / whole if whole else 0.0) if share else count
            return {key: round(value, 3)} if low <= value <= high else None

        return Check(test, cost, run)

    return compile_measure


def _words(test: Test) -> Check:
    low, high = test.value.low, test.value.high

    def run(units: Units, index: int) -> Evidence | None:
        if len(units.texts[index]) < low:  # a word has a character or more
            return None
        count = units.word_count(index)
        return {"words": count} if low <= count <= high else None

    return Check(test, 0.4, run)


def _full_stop(test: Test) -> Check:
    wanted: bool = test.value
    return Check(
        test,
        0.3,
        lambda units, index: {"full_stop": wanted} if ends_sentence(units.texts[index]) is wanted else None,
    )


def _wrapped(test: Test) -> Check:
    wanted: bool = test.value
    return Check(
        test,
        0.5,
        lambda units, index: {"wrapped": wanted} if is_wrapped(units, index) is wanted else None,
    )


# ------------------------------------------------------------------ position and neighbours


def _position(test: Test) -> Check:
    position: Position = test.value
    from_end = test.key == "last"

    def run(units: Units, index: int) -> Evidence | None:
        count = len(units.filled)
        if not count:
            return None
        # Short texts would make a share of lines meaningless: it always covers two.
        covered = max(2, math.ceil(position.amount * count - 1e-9)) if position.share else int(position.amount)
        if from_end:
            place = count - 1 - units.ranks[_filled_line(units, units.last_lines[index], -1)]
        else:
            place = units.ranks[_filled_line(units, units.first_lines[index], 1)]
        return {test.key: place + 1} if place < covered else None

    return Check(test, 0.3, run)


def _filled_line(units: Units, line: int, step: int) -> int:
    """Return the nearest line with text; a document may begin or end with blank ones."""
    while not units.lines.texts[line].strip() and 0 <= line + step < len(units.lines.texts):
        line += step
    return line if units.lines.texts[line].strip() else (units.filled[0] if units.filled else line)


def _neighbour(test: Test) -> Check:
    inner = compile_test(test.value)
    step = 1 if test.key == "next" else -1

    def run(units: Units, index: int) -> Evidence | None:
        other = index + step
        if not 0 <= other < len(units.texts):
            return None
        evidence = inner.run(units, other)
        return None if evidence is None else {test.key: dict(evidence)}

    return Check(test, 2.0 + inner.cost, run, (inner,))


@lru_cache(maxsize=1 << 10)
def _keys(counted: Test) -> tuple[object, object]:
    """Return the keys of `Units.cache` for a test whose units are counted: how many pass up to each, and which may.

    Tests that are equal share both, wherever they stand.
    """
    return object(), object()


def _what_is_counted(test: Test) -> Test:
    """Return the test that units nearby must pass, whether it is written there or named."""
    match: Test = test.value.match
    return match.value if match.key == "use" else match


def counted(test: Test | None) -> dict[object, Scan]:
    """Return how the units that a test counts nearby are found, by the key under which `Units.cache` is to have their indices.

    Nothing for what any unit may pass, and for what is counted close by: asking a few units is cheaper than scanning for all.
    """
    nearby = [inner for inner in inner_tests(test) if isinstance(inner.value, Nearby) and not _is_close(inner.value)]
    scans = {_keys(_what_is_counted(inner))[1]: scan_of(inner.value.match) for inner in nearby}
    return {key: scan for key, scan in scans.items() if scan is not None}


def _is_close(nearby: Nearby) -> bool:
    """Tell whether so few units are counted around each that they are asked one by one."""
    return nearby.within is not None and nearby.within <= _CLOSE


def _nearby(test: Test) -> Check:
    nearby: Nearby = test.value
    inner = compile_test(nearby.match)
    key, low, high, share = test.key, nearby.count.low, nearby.count.high, nearby.count.share
    above, below = key != "below", key != "above"
    answers, maybe = _keys(_what_is_counted(test))  # every unit is asked once a snapshot

    def count_close(units: Units, first: int, end: int) -> int:
        known: dict[int, bool] = units.cache.setdefault((answers, "close"), {})
        for at in range(first, end):
            if at not in known:
                known[at] = inner.run(units, at) is not None
        return sum(map(known.__getitem__, range(first, end)))

    def count_far(units: Units, first: int, end: int) -> int:
        sums: list[int] = units.cache.setdefault(answers, [0])
        if len(sums) <= end:
            some = units.cache.get(maybe)
            for at in range(len(sums) - 1, end):
                asked = some is None or at in some
                sums.append(sums[-1] + (asked and inner.run(units, at) is not None))
        return sums[end] - sums[first]

    passed = count_close if _is_close(nearby) else count_far

    def run(units: Units, index: int) -> Evidence | None:
        first, last = 0, len(units.texts)
        if nearby.within is not None:
            first, last = max(0, index - nearby.within), min(last, index + 1 + nearby.within)
        count = (passed(units, first, index) if above else 0) + (passed(units, index + 1, last) if below else 0)
        if not share:
            return {key: count} if low <= count <= high else None
        whole = (index - first if above else 0) + (last - index - 1 if below else 0)
        value = count / whole if whole else 0.0
        return {key: round(value, 3)} if low <= value <= high else None

    # After what looks at one unit: most texts never need the sums.
    return Check(test, 4.0 + inner.cost, run, (inner,))


def _duplicate(test: Test) -> Check:
    wanted: Duplicate = test.value

    def run(units: Units, index: int) -> Evidence | None:
        if wanted.passage is not None:
            first = passage_of(units, wanted.passage).get(index, index)
            hit = first != index
        elif wanted.of == "previous":
            first = index - 1
            if wanted.near is not None:
                hit = near_previous(units, wanted.near, index)
            else:
                hit = index > 0 and earlier(units)[index] == earlier(units)[first]
        else:
            first = (earlier(units) if wanted.near is None else near_earlier(units, wanted.near))[index]
            hit = first != index
        return {DUPLICATE_OF: units.starts[first]} if hit else None

    return Check(test, 0.5 if wanted.near is None else 9.0, run)


# ------------------------------------------------------------------ combinations


def _all(test: Test) -> Check:
    parts = tuple(sorted((compile_test(part) for part in test.value), key=lambda part: part.cost))

    def run(units: Units, index: int) -> Evidence | None:
        evidence: dict[str, Any] = {}
        for part in parts:
            found = part.run(units, index)
            if found is None:
                return None
            evidence.update(found)
        return evidence

    return Check(test, sum(part.cost for part in parts), run, parts)


def _any(test: Test) -> Check:
    parts = tuple(compile_test(part) for part in test.value)

    def run(units: Units, index: int) -> Evidence | None:
        for part in parts:
            found = part.run(units, index)
            if found is not None:
                return found
        return None

    return Check(test, sum(part.cost for part in parts), run, parts)


def _not(test: Test) -> Check:
    inner = compile_test(test.value)
    return Check(
        test,
        inner.cost,
        lambda units, index: None if inner.run(units, index) is not None else {},
        (inner,),
    )


def _use(test: Test) -> Check:
    return compile_test(test.value)


_COMPILERS: dict[str, Callable[[Test], Check]] = {
    "is": _phrase,
    "starts": _phrase,
    "ends": _phrase,
    "has": _phrase,
    "regex": _regex,
    "words": _words,
    "chars": _measure(0.2, lambda text, share: (len(text.strip()), 1)),
    "links": _measure(2.0, _link_count),
    "upper": _measure(2.0, lambda text, share: _letters_upper(text)),
    "digits": _measure(2.0, lambda text, share: _digit_count(text)),
    "full_stop": _full_stop,
    "wrapped": _wrapped,
    "first": _position,
    "last": _position,
    "previous": _neighbour,
    "next": _neighbour,
    "above": _nearby,
    "below": _nearby,
    "around": _nearby,
    "duplicate": _duplicate,
    "use": _use,
    "not": _not,
    "all": _all,
    "any": _any,
}


# ------------------------------------------------------------------ spans


def find_spans(test: Test) -> Callable[[Units, int], list[Span]]:
    """Return the function that finds a locating test's spans in a unit: every match of a pattern, every place of a phrase."""
    if test.key == "regex":
        pattern: regex.Pattern[str] | None = None

        def find_matches(units: Units, index: int) -> list[Span]:
            nonlocal pattern
            if pattern is None:
                pattern = compile_pattern(test.value, case=test.case)
            matches = pattern.finditer(units.texts[index], timeout=units.seconds_left())
            return [Span(match.start(), match.end(), _match_evidence(match), match) for match in matches]

        return find_matches
    table = PhraseTable(test.value, test.case)
    key = test.key

    def find_phrases(units: Units, index: int) -> list[Span]:
        return [Span(start, end, {key: text}) for start, end, text in phrase_spans(key, table, units, index)]

    return find_phrases

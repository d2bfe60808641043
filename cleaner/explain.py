"""Why a line went or stayed: every rule that looked at it, and the test that decided."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

from cleaner.edits import OffsetMap
from cleaner.engine import Cleaner, Step
from cleaner.matching.predicates import DUPLICATE_OF, Check, Evidence
from cleaner.matching.units import Units
from cleaner.rules.model import Phrase, Position, Range, Rule, Test
from cleaner.text import Lines, ends_sentence, link_spans, word_count

__all__ = ["Verdict", "explain_line"]

Outcome = Literal["changed", "lost", "kept", "unless", "run", "failed"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule made of a line.

    `outcome` is changed (its edit stands), lost (another rule or a `keep` won), kept (it protects the line), unless (its
    exception held), run (it matched, but its run fell short), or failed; `detail` is the evidence, the winner, or the
    first test that failed; `passed` is the number of tests that held before it.
    """

    rule: Rule
    phase: str
    outcome: Outcome
    detail: str
    passed: int = 0


def explain_line(cleaner: Cleaner, text: str, line: int, *, url: str | None = None, language: str | None = None) -> list[Verdict]:
    """Return the verdict of every rule on a line (from 1), those that hit first, then by how far they came.

    Raises `IndexError` where the text has no such line.

    >>> [verdict.outcome for verdict in explain_line(Cleaner("social"), "He left.\\nShare\\n", 2)][0]
    'changed'
    """
    lines = Lines.of(text)
    if not 1 <= line <= len(lines.texts):
        raise IndexError(f"line {line} of a text of {len(lines.texts)} lines")
    start, end = lines.starts[line - 1], lines.end(line - 1)
    verdicts: list[Verdict] = []
    for step in cleaner.trace(text, url=url, language=language):
        moved = OffsetMap.of(step.edits)
        if any(edit.start <= start and edit.end >= end and not edit.after for edit in step.edits):
            break  # an earlier phase removed the line: nothing later saw it
        show = partial(_shown, moved=moved, lines=lines)
        verdicts.extend(_of_step(step, moved.to_clean(start), moved.to_clean(end), show))
    order: dict[Outcome, int] = {"changed": 0, "kept": 1, "lost": 2, "run": 3, "unless": 4, "failed": 5}
    return sorted(verdicts, key=lambda verdict: (order[verdict.outcome], -verdict.passed))


def _of_step(step: Step, start: int, end: int, show: Callable[[Evidence], str]) -> Iterator[Verdict]:
    """Yield the verdicts of one phase on the stretch where the line stands now."""
    for compiled in step.rules:
        rule = compiled.rule
        wanted = [wish for wish in step.wishes if wish.rule is compiled and wish.start < max(end, start + 1) and wish.end > start]
        if wanted:
            evidence = show(wanted[0].evidence)
            if any(wish in step.chosen for wish in wanted):
                yield Verdict(rule, step.phase, "changed", evidence)
            else:
                winner = next(
                    (wish.rule.rule.name for wish in step.chosen if wish.start < wanted[0].end and wish.end > wanted[0].start),
                    "a rule that keeps the text" if any(low < end and high > start for low, high in step.kept) else "its budget",
                )
                yield Verdict(rule, step.phase, "lost", f"{evidence}; {winner} won")
            continue
        if compiled.match is None:
            yield Verdict(rule, step.phase, "failed", "nothing to repair here")
            continue
        units = step.units(compiled.units)
        index = bisect_right(units.starts, start) - 1
        if index < 0 or units.ends[index] < start:
            yield Verdict(rule, step.phase, "failed", f"a blank line is not looked at as a {compiled.units}")
            continue
        hit = compiled.match.run(units, index)
        if hit is None:
            passed, failure = _first_failure(compiled.match, units, index)
            yield Verdict(rule, step.phase, "failed", failure, passed)
        elif compiled.unless is not None and compiled.unless.run(units, index) is not None:
            yield Verdict(rule, step.phase, "unless", show(compiled.unless.run(units, index) or {}))
        elif rule.action == "keep":
            yield Verdict(rule, step.phase, "kept", show(hit))
        elif rule.action == "flag":
            yield Verdict(rule, step.phase, "changed", f"flags the document: {show(hit)}")
        elif rule.run is not None:
            yield Verdict(rule, step.phase, "run", "the match holds, but its run is too short or does not reach the edge")
        else:
            yield Verdict(rule, step.phase, "failed", "nothing left to change")


def _first_failure(check: Check, units: Units, index: int) -> tuple[int, str]:
    """Return how many tests held, and the first one, in the order they are written, that did not."""
    if check.key == "all":
        parts = sorted(check.parts, key=lambda part: (part.test.place.line, part.test.place.column) if part.test else (0, 0))
        for passed, part in enumerate(parts):
            if part.run(units, index) is None:
                further, failure = _first_failure(part, units, index)
                return passed + further, failure
    if check.key == "any":
        tried = [_first_failure(part, units, index) for part in check.parts]
        best = max(tried, key=lambda one: one[0], default=(0, "no test"))
        return best if len(tried) == 1 else (best[0], f"none of {len(tried)} alternatives; nearest: {best[1]}")
    return 0, _failure(check, units, index)


def _failure(check: Check, units: Units, index: int) -> str:
    wanted = f"{check.key}: {_value(check.test)}" if check.test is not None else check.key
    found = _measured(check, units, index)
    return f"{wanted} does not hold{f' (it is {found})' if found else ''}"


def _measured(check: Check, units: Units, index: int) -> str:
    """Return what a counting test found, for people."""
    text = units.texts[index]
    if check.key == "words":
        return str(word_count(text))
    if check.key == "chars":
        return str(len(text.strip()))
    if check.key == "links":
        return str(len(link_spans(text)))
    if check.key == "full_stop":
        return str(ends_sentence(text)).lower()
    if check.key in ("first", "last"):
        rank = units.line_rank(units.first_lines[index])
        return f"line {rank + 1} of {len(units.filled)}"
    return ""


def _value(test: Test) -> str:
    """Return a test's value as it would be written."""
    value = test.value
    if isinstance(value, Test):
        return "{" + f"{value.key}: {_value(value)}" + "}"
    if isinstance(value, tuple):
        shown = [repr(item.text) if isinstance(item, Phrase) else f"{{{item.key}: …}}" for item in value[:3]]
        return ", ".join(shown) + (f", … ({len(value)})" if len(value) > 3 else "")
    if isinstance(value, Range):
        return _range(value)
    if isinstance(value, Position):
        return f"{value.amount:.0%}" if value.share else str(int(value.amount))
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if not hasattr(value, "of") else value.of


def _range(value: Range) -> str:
    def one(bound: float) -> str:
        return f"{bound:.0%}" if value.share else str(int(bound))

    low = one(value.low) if value.low else ""
    high = one(value.high) if value.high != float("inf") and not (value.share and value.high == 1) else ""
    return low if low == high and low else f"{low}..{high}"


def _shown(evidence: Evidence, moved: OffsetMap, lines: Lines) -> str:
    """Return evidence as one line of text; a repetition is told by the line of the original that it repeats."""
    told = dict(evidence)
    if DUPLICATE_OF in told:
        told[DUPLICATE_OF] = f"of line {bisect_right(lines.starts, moved.to_original(told[DUPLICATE_OF]), hi=len(lines.texts))}"
    return ", ".join(f"{key}: {value!r}" if isinstance(value, str) and key != DUPLICATE_OF else f"{key}: {value}" for key, value in told.items())

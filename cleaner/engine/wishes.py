"""What rules want of a text before it is settled who gets it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cleaner.engine.compiled import CompiledRule
from cleaner.matching.predicates import Evidence, find_spans
from cleaner.matching.runs import grow
from cleaner.matching.units import Units
from cleaner.rules.model import own_tests
from cleaner.rules.patterns import expand

if TYPE_CHECKING:
    import regex


__all__ = ["Wish", "wishes_of"]


@dataclass(frozen=True, slots=True)
class Wish:
    """What one rule wants of a snapshot: put `after` in place of ``[start, end)``; `lines` where whole lines go."""

    start: int
    end: int
    after: str
    rule: CompiledRule
    evidence: Evidence
    lines: tuple[int, int] | None = None  # first and last line, both included


def wishes_of(compiled: CompiledRule, units: Units, hits: Mapping[int, Evidence]) -> list[Wish]:
    """Return what a rule wants where it hits: the spans, the run that grows from each hit, or the unit itself."""
    rule = compiled.rule
    if not hits:
        return []
    if compiled.spans is not None:
        return _span_wishes(compiled, units, hits)
    if rule.run is not None and (then := compiled.then or compiled.match) is not None:
        runs = grow(rule.run, then, units, hits)
        return [
            _lines_wish(
                compiled, units, first, last, {**hits[head], **({"run": last - first + 1} if last > first else {})}
            )
            for first, last, head in runs
        ]
    if rule.action == "replace":
        return [_replace_wish(compiled, units, index, evidence) for index, evidence in hits.items()]
    return [_lines_wish(compiled, units, index, index, evidence) for index, evidence in hits.items()]


def _lines_wish(compiled: CompiledRule, units: Units, first: int, last: int, evidence: Evidence) -> Wish:
    lines = (units.first_lines[first], units.last_lines[last]) if units.kind != "document" else None
    return Wish(units.starts[first], units.ends[last], "", compiled, evidence, lines)


def _span_wishes(compiled: CompiledRule, units: Units, hits: Mapping[int, Evidence]) -> list[Wish]:
    wishes: list[Wish] = []
    for index, evidence in hits.items():
        for span in compiled.spans(units, index) if compiled.spans is not None else ():
            if span.start < span.end:
                start = units.starts[index]
                after = expand(compiled.rule.template or "", span.match)  # what is dropped has no template
                wishes.append(
                    Wish(start + span.start, start + span.end, after, compiled, {**evidence, **span.evidence})
                )
    return wishes


def _replace_wish(compiled: CompiledRule, units: Units, index: int, evidence: Evidence) -> Wish:
    match: regex.Match[str] | None = None
    for test in own_tests(compiled.rule.match):
        if test.key == "regex":
            found = find_spans(test)(units, index)
            match = found[0].match if found else None
            break
    return Wish(
        units.starts[index],
        units.ends[index],
        expand(compiled.rule.template or "", match),
        compiled,
        evidence,
    )

"""Runs: a match that grows over its neighbours."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from cleaner.matching.predicates import Check
from cleaner.matching.units import Units
from cleaner.rules.model import Run

__all__ = ["Stop", "grow", "reach"]

Stop = Literal["edge", "gap", "test"]  # the text has no more units, too many blank lines, a unit that does not pass


def grow(run: Run, test: Check, units: Units, heads: Iterable[int]) -> list[tuple[int, int, int]]:
    """Return the runs that start at matching units: first and last unit (both included), and the match.

    `heads` are the matching units, `test` is what the others must pass. A run goes on over the units that
    follow, or, with ``edge: start``, over those before; a match inside a run starts none of its own.
    """
    backwards = run.edge == "start"
    step = -1 if backwards else 1
    edge = {"start": 0, "end": len(units.texts) - 1}.get(run.edge or "")
    most = run.count.high if run.then else run.count.high - 1  # units beside the match
    least = run.count.low if run.then else run.count.low - 1
    known: dict[int, tuple[int, Stop]] = {}
    found: list[tuple[int, int, int]] = []
    taken: int | None = None
    for head in sorted(heads, reverse=backwards):
        if taken is not None and (head >= taken if backwards else head <= taken):
            continue
        far, _ = reach(run, test, units, head, known)
        if abs(far - head) > most:
            far = head + step * int(most)
        if abs(far - head) < least or (edge is not None and far != edge):
            continue
        taken = far
        found.append((min(head, far), max(head, far), head))
    return sorted(found)


def reach(run: Run, test: Check, units: Units, head: int, known: dict[int, tuple[int, Stop]]) -> tuple[int, Stop]:
    """Return the furthest unit that a run could go on to from a match, however many it may take, and what stops it there.

    `known` holds that for each unit passed on the way, so that no stretch is walked twice.
    """
    step = -1 if run.edge == "start" else 1
    passed: list[int] = []
    at = head
    while at not in known:
        following = at + step
        if not 0 <= following < len(units.texts):
            known[at] = at, "edge"
        elif units.blank_lines_between(min(at, following)) > run.gap:
            known[at] = at, "gap"
        elif test.run(units, following) is None:
            known[at] = at, "test"
        else:
            passed.append(at)
            at = following
    found = known[at]
    for place in passed:
        known[place] = found
    return found

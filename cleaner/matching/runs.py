"""Runs: a match that grows over its neighbours."""

from __future__ import annotations

from collections.abc import Iterable

from cleaner.matching.predicates import Check
from cleaner.matching.units import Units
from cleaner.rules.model import Run

__all__ = ["grow"]


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
    reach: dict[int, int] = {}  # each unit passed on the way: how far the way goes, so that no stretch is walked twice
    found: list[tuple[int, int, int]] = []
    taken: int | None = None
    for head in sorted(heads, reverse=backwards):
        if taken is not None and (head >= taken if backwards else head <= taken):
            continue
        far = _reach(run, test, units, head, step, reach)
        if abs(far - head) > most:
            far = head + step * int(most)
        if abs(far - head) < least or (edge is not None and far != edge):
            continue
        taken = far
        found.append((min(head, far), max(head, far), head))
    return sorted(found)


def _reach(run: Run, test: Check, units: Units, start: int, step: int, reach: dict[int, int]) -> int:
    """Return the furthest unit that can be reached from `start` by units that pass the test."""
    passed: list[int] = []
    at = start
    while at not in reach:
        following = at + step
        if (
            not 0 <= following < len(units.texts)
            or units.blank_lines_between(min(at, following)) > run.gap
            or test.run(units, following) is None
        ):
            reach[at] = at
            break
        passed.append(at)
        at = following
    far = reach[at]
    for place in passed:
        reach[place] = far
    return far

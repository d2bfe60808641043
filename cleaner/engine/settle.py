"""Settling which of a phase's wishes are granted, and carrying them out."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from cleaner.edits import Cause, Edit, OffsetMap, compose, minimal, splice
from cleaner.engine.compiled import REMOVING, Phase
from cleaner.engine.document import Snapshot, Work
from cleaner.engine.result import Flag
from cleaner.engine.wishes import Wish
from cleaner.matching.predicates import DUPLICATE_OF, Evidence
from cleaner.matching.scan import Hits
from cleaner.matching.units import Kind
from cleaner.text import Lines, word_count

__all__ = ["Claim", "carry_out", "claim", "goes_on", "merged", "overlaps", "with_lines"]


class Claim(NamedTuple):
    """What decides between two wishes that overlap: of the first item that differs, the less goes first."""

    length: int  # below zero, so that the longer goes first
    start: int
    risk: int  # from here on it is `CompiledRule.priority`
    layer: int
    name: str


def claim(wish: Wish) -> Claim:
    """Return the claim of a wish."""
    return Claim(wish.start - wish.end, wish.start, *wish.rule.priority)


def carry_out(work: Work, phase: Phase, wishes: list[Wish]) -> list[Wish]:
    """Settle a phase's wishes, compose what is left into the document's edits, and return it."""
    text = work.snapshot.lines.text
    wishes = [wish for wish in wishes if not overlaps(work.kept, wish.start, wish.end)]
    chosen = _within_budgets(work, wishes)
    if not chosen:
        return []
    if phase in REMOVING:
        work.removed_words += sum(
            word_count(text[wish.start : wish.end]) for wish in chosen if wish.lines and not wish.rule.passages
        )
    origin = (OffsetMap.of(work.edits), Lines.of(work.original)) if phase == "duplicate" else None
    edits: list[Edit] = []
    for wish, (start, end, after) in zip(chosen, _stretches(chosen, text, work.snapshot), strict=True):
        place, before, new = minimal(start, text[start:end], after)
        if before == new:
            continue
        evidence = dict(wish.evidence)
        if origin is not None:
            evidence = with_lines(evidence, *origin)
        rule = wish.rule.rule
        cause = Cause(rule.name, rule.action, rule.risk, evidence)
        edits.append(Edit(place, place + len(before), before, new, (cause,)))
    if not edits:
        return chosen
    creeping = [wish for wish in chosen if wish.rule.creeps]
    if work.kept or work.gaps or creeping:
        moved = OffsetMap.of(edits)
        work.kept = [(moved.to_clean(start), moved.to_clean(end)) for start, end in work.kept]
        gaps = {name: [moved.to_clean(at) for at in places] for name, places in work.gaps.items()}
        for wish in creeping:
            gaps.setdefault(wish.rule.rule.name, []).append(moved.to_clean(wish.start))
        work.gaps = {name: sorted(set(places)) for name, places in gaps.items()}
    work.edits = compose(work.original, work.edits, edits)
    spliced = splice(text, ((edit.start, edit.end, edit.after) for edit in edits))
    # Where whole lines went and nothing else, what the others hit is known.
    only_lines = all(wish.lines is not None for wish in chosen)
    hits: dict[Kind, Hits] = {}
    if only_lines and "line" in work.snapshot.hits:
        hits["line"] = work.snapshot.hits["line"]
    seen = work.snapshot
    work.snapshot = Snapshot(Lines.of(spliced), seen.language, seen.deadline, hits, known=seen.known)
    return chosen


def goes_on(work: Work, wish: Wish) -> bool:
    """Tell whether a rule that took something before now wants what is beside it: what it took must not make it take more."""
    gaps = work.gaps.get(wish.rule.rule.name)
    if gaps is None:
        return False
    lines, filled = work.snapshot.lines, work.snapshot.lines.filled
    line = lines.line_at(wish.start)  # where a span stands
    first, last = wish.lines or (line, line)
    before, after = bisect_left(filled, first) - 1, bisect_right(filled, last)
    start = lines.end(filled[before]) if before >= 0 else 0
    end = lines.starts[filled[after]] if after < len(filled) else len(lines.text)
    place = bisect_left(gaps, start)
    return place < len(gaps) and gaps[place] <= end


def with_lines(evidence: Evidence, earlier: OffsetMap, lines: Lines) -> dict[str, Any]:
    """Return evidence with the offset of a repeated unit, in the snapshot, turned into a line number of the original."""

    def known(key: str, value: Any) -> Any:
        if key == DUPLICATE_OF:
            return lines.line_at(earlier.to_original(value)) + 1
        return with_lines(value, earlier, lines) if isinstance(value, dict) else value

    return {key: known(key, value) for key, value in evidence.items()}


def merged(stretches: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the stretches sorted, those that overlap made one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(stretches):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def overlaps(stretches: Sequence[tuple[int, int]], start: int, end: int) -> bool:
    """Tell whether a stretch overlaps one of sorted ones that do not overlap each other."""
    place = bisect_left(stretches, (max(end, start + 1), -1))
    return place > 0 and stretches[place - 1][1] > start


def _settle(wishes: Iterable[Wish]) -> list[Wish]:
    """Return wishes that do not overlap: of those that do, the one with the better claim."""
    chosen: list[Wish] = []
    together: list[Wish] = []  # each overlaps one before it
    until = 0
    for wish in sorted(wishes, key=lambda wish: wish.start):
        if wish.start >= until:
            chosen += _winners(together)
            together = []
        together.append(wish)
        until = max(until, wish.end, wish.start + 1)
    return chosen + _winners(together)


def _winners(wishes: list[Wish]) -> list[Wish]:
    """Settle a few wishes, as `_settle` does."""
    if len(wishes) < 2:
        return wishes
    taken: list[tuple[int, int]] = []
    chosen: list[Wish] = []
    for wish in sorted(wishes, key=claim):
        place = bisect_left(taken, (wish.start, wish.end))
        if place > 0 and taken[place - 1][1] > wish.start:
            continue
        if place < len(taken) and taken[place][0] < max(wish.end, wish.start + 1):
            continue
        taken.insert(place, (wish.start, wish.end))
        chosen.append(wish)
    return sorted(chosen, key=lambda wish: wish.start)


def _within_budgets(work: Work, wishes: list[Wish]) -> list[Wish]:
    """Settle the wishes; take back those of a rule that would remove more than its budget, and settle again."""
    while True:
        chosen = _settle(wish for wish in wishes if wish.rule.rule.name not in work.over)
        spent: Counter[str] = Counter()
        budgets: dict[str, float] = {}
        for wish in chosen:
            rule = wish.rule.rule
            if rule.budget is not None:
                budgets[rule.name] = rule.budget
                spent[rule.name] += word_count(work.snapshot.lines.text[wish.start : wish.end])
        for name, words in spent.items():
            share = work.words.share_over(work.spent[name] + words, budgets[name])
            if share is not None:
                if not any(flag.name == "budget" and flag.rule == name for flag in work.flags):
                    detail = f"{share:.1%} of the words would go, more than {budgets[name]:.0%}"
                    work.flags.append(Flag("budget", name, detail))
                work.over.add(name)
                break
        else:
            work.spent.update(spent)
            return chosen


def _stretches(chosen: Sequence[Wish], text: str, snapshot: Snapshot) -> list[tuple[int, int, str]]:
    """Return what each wish replaces, whole lines with their line ends and with the blank lines that close up."""
    stretches = [(wish.start, wish.end, wish.after) for wish in chosen]
    whole = [place for place, wish in enumerate(chosen) if wish.lines is not None]
    if not whole:
        return stretches
    lines = snapshot.units("line").lines
    filled = snapshot.units("line").filled
    block: list[int] = []
    for number, place in enumerate(whole):
        block.append(place)
        last = (chosen[place].lines or (0, 0))[1]
        following = bisect_right(filled, last)
        after = (chosen[whole[number + 1]].lines or (0, 0))[0] if number + 1 < len(whole) else None
        if after is not None and following < len(filled) and filled[following] == after:
            continue
        start, end = _close_up(lines, filled, (chosen[block[0]].lines or (0, 0))[0], last, len(text))
        if text[start - 1 : start] == "\r" and text[end : end + 1] == "\n":
            start, end = start - 1, end - 1  # two line ends would become one
        for at, inner in enumerate(block):
            first_line = (chosen[inner].lines or (0, 0))[0]
            next_line = (chosen[block[at + 1]].lines or (0, 0))[0] if at + 1 < len(block) else None
            stretches[inner] = (
                start if at == 0 else lines.starts[first_line],
                end if next_line is None else lines.starts[next_line],
                "",
            )
        block = []
    return stretches


def _close_up(lines: Lines, filled: Sequence[int], first: int, last: int, length: int) -> tuple[int, int]:
    """Return the stretch that goes when the lines `first` to `last` go: of the blank lines around them, one side goes too."""
    before = bisect_left(filled, first)
    after = bisect_right(filled, last)
    previous = filled[before - 1] if before > 0 else -1
    following = filled[after] if after < len(filled) else len(lines.texts)
    if previous < 0 and following == len(lines.texts):
        return 0, length
    blanks_before, blanks_after = first - previous - 1, following - last - 1
    start, end = lines.starts[first], lines.starts[last + 1]
    if following == len(lines.texts):
        if lines.end(last) == length:
            return lines.end(previous), length  # no final line end: the one before goes instead
        return lines.starts[previous + 1], end
    if previous < 0:
        return start, lines.starts[following]
    if blanks_before >= blanks_after:
        return start, lines.starts[following]
    return lines.starts[previous + 1], end

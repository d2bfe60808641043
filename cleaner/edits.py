"""The algebra of edits: apply, invert, compose, and map offsets both ways.

A list of edits says how one text becomes another. Its edits are sorted, do not overlap, and
carry what stood there before, so that a list can be turned round and checked. All offsets are
Unicode code points. Every function here is linear in the number of edits.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = [
    "Cause",
    "Edit",
    "EditError",
    "OffsetMap",
    "apply",
    "check",
    "compose",
    "invert",
    "minimal",
    "restore",
    "splice",
]


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a stretch was changed: the rule, what it did, how sure it is, and what it saw.

    `rule` is the full name (``pack/id``), `risk` one of safe, likely, risky, and `evidence` maps each
    test that hit to what it found; it holds only what JSON can say.
    """

    rule: str
    action: str
    risk: str
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Edit:
    """One replaced stretch: `before` stood at ``[start, end)`` (code points), `after` stands there now."""

    start: int
    end: int
    before: str
    after: str
    causes: tuple[Cause, ...] = ()


class EditError(ValueError):
    """A list of edits does not fit its text; `index` is the offending edit's place in the list."""

    def __init__(self, index: int, message: str) -> None:
        super().__init__(f"edit {index}: {message}")
        self.index = index


def minimal(start: int, before: str, after: str) -> tuple[int, str, str]:
    """Trim what `before` and `after` share at both ends; return the new start, before and after.

    >>> minimal(10, "US -backed", "US-backed")
    (12, ' ', '')
    """
    head = _common_prefix(before, after)
    before, after = before[head:], after[head:]
    tail = _common_prefix(before[::-1], after[::-1])
    return start + head, before[: len(before) - tail], after[: len(after) - tail]


def _common_prefix(left: str, right: str) -> int:
    """Return how many leading characters two strings share.

    Halving the stretch keeps the comparison in C: equal megabytes cost no loop over characters.
    """
    low, high = 0, min(len(left), len(right))
    if left[:high] == right[:high]:
        return high
    while low < high:
        middle = (low + high + 1) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def check(original: str, edits: Sequence[Edit]) -> None:
    """Raise `EditError` unless the edits are sorted, disjoint, change something and fit `original`."""
    position = 0
    for index, edit in enumerate(edits):
        if edit.start > edit.end or edit.end > len(original) or edit.start < 0:
            raise EditError(index, f"[{edit.start}, {edit.end}) is not inside a text of {len(original)} characters")
        if edit.start < position:
            raise EditError(index, f"starts at {edit.start}, before the end of the edit before it ({position})")
        if original[edit.start : edit.end] != edit.before:
            found = original[edit.start : edit.end]
            raise EditError(index, f"the text holds {_short(found)} at {edit.start}, not {_short(edit.before)}")
        if edit.before == edit.after:
            raise EditError(index, f"changes nothing: {_short(edit.before)}")
        position = edit.end


def _short(text: str, longest: int = 40) -> str:
    return repr(text if len(text) <= longest else text[: longest - 1] + "…")


def apply(original: str, edits: Sequence[Edit]) -> str:
    """Return `original` with the edits carried out.

    Raises `EditError` where an edit does not fit.

    >>> apply("He left. Share", [Edit(8, 14, " Share", "")])
    'He left.'
    """
    if not edits:
        return original
    check(original, edits)
    return splice(original, ((edit.start, edit.end, edit.after) for edit in edits))


def splice(text: str, replacements: Iterable[tuple[int, int, str]]) -> str:
    """Return `text` with other text in place of sorted stretches that do not overlap: ``(start, end, after)``.

    >>> splice("He left. Share", [(8, 14, "")])
    'He left.'
    """
    pieces: list[str] = []
    position = 0
    for start, end, after in replacements:
        pieces.append(text[position:start])
        pieces.append(after)
        position = end
    pieces.append(text[position:])
    return "".join(pieces)


def invert(edits: Iterable[Edit]) -> list[Edit]:
    """Return the edits that lead back, in coordinates of the changed text.

    >>> invert([Edit(8, 14, " Share", "")])
    [Edit(start=8, end=8, before='', after=' Share', causes=())]
    """
    inverse: list[Edit] = []
    shift = 0
    for edit in edits:
        start = edit.start + shift
        inverse.append(Edit(start, start + len(edit.after), edit.after, edit.before, edit.causes))
        shift += len(edit.after) - len(edit.before)
    return inverse


def restore(clean: str, edits: Sequence[Edit]) -> str:
    """Return the text that `apply` turned into `clean`.

    Raises `EditError` where an edit does not fit.

    >>> restore("He left.", [Edit(8, 14, " Share", "")])
    'He left. Share'
    """
    return apply(clean, invert(edits))


def compose(original: str, first: Sequence[Edit], second: Sequence[Edit]) -> list[Edit]:
    """Return one list that does what `first` (on `original`) and then `second` (on its result) do.

    Edits of the two lists that overlap become one, with the causes of all in the order in which
    they acted; edits that only touch stay apart, so that each stretch keeps its own cause.

    >>> repair = [Edit(3, 6, "â€™", "’", (Cause("core/mojibake", "fix", "safe", {}),))]
    >>> removal = [Edit(0, 5, "don’t", "", (Cause("x/y", "drop", "safe", {}),))]
    >>> [(e.before, e.after, [c.rule for c in e.causes]) for e in compose("donâ€™t", repair, removal)]
    [('donâ€™t', '', ['core/mojibake', 'x/y'])]
    """
    if not first:
        return list(second)
    if not second:
        return list(first)
    composed: list[Edit] = []
    i = j = 0
    shift = 0  # middle coordinate minus original coordinate, after first[:i]
    while i < len(first) or j < len(second):
        taken_first = i
        taken_second = j
        low = high = -1
        group_shift = shift
        while True:
            # The next edit in middle coordinates; at the same place the shorter one, then `first`.
            next_first = (
                (first[i].start + shift, first[i].start + shift + len(first[i].after)) if i < len(first) else None
            )
            next_second = (second[j].start, second[j].end) if j < len(second) else None
            use_first = next_second is None or (next_first is not None and next_first <= next_second)
            upcoming = next_first if use_first else next_second
            if upcoming is None:
                break
            start, end = upcoming
            if low < 0:
                low, high = start, end
            elif start < high or (not use_first and low == high == start == end):
                high = max(high, end)
            else:
                break
            if use_first:
                shift += len(first[i].after) - len(first[i].before)
                i += 1
            else:
                j += 1
        parts_first = first[taken_first:i]
        parts_second = second[taken_second:j]
        if not parts_second:
            for part in parts_first:
                _append(composed, part)
            continue
        if not parts_first:
            only = parts_second[0]
            start = only.start - group_shift
            _append(composed, Edit(start, start + len(only.before), only.before, only.after, only.causes))
            continue
        _append(composed, _merge(original, parts_first, parts_second, low, high, group_shift, shift))
    return composed


def _merge(
    original: str,
    first: Sequence[Edit],
    second: Sequence[Edit],
    low: int,
    high: int,
    shift_before: int,
    shift_after: int,
) -> Edit:
    """Make one edit of overlapping ones that cover ``[low, high)`` of the middle text."""
    start, end = low - shift_before, high - shift_after
    pieces: list[str] = []
    position = low
    middle_shift = shift_before
    afters: list[tuple[int, int, str]] = []
    for edit in first:
        middle_start = edit.start + middle_shift
        afters.append((middle_start, middle_start + len(edit.after), edit.after))
        middle_shift += len(edit.after) - len(edit.before)
    # Whatever of the group no edit of `second` covers lies in what an edit of `first` put there.
    following = iter(second)
    upcoming = next(following, None)
    for middle_start, middle_end, after in afters:
        position = max(position, middle_start)
        while upcoming is not None and upcoming.start <= middle_end:
            if upcoming.start > position:
                pieces.append(after[position - middle_start : upcoming.start - middle_start])
            pieces.append(upcoming.after)
            position = max(position, upcoming.end)
            upcoming = next(following, None)
        if position < middle_end:
            pieces.append(after[position - middle_start :])
            position = middle_end
    while upcoming is not None:  # pragma: no cover - a group ends with the edit that reaches furthest
        pieces.append(upcoming.after)
        upcoming = next(following, None)
    causes = tuple(cause for edit in (*first, *second) for cause in edit.causes)
    start, before, after = minimal(start, original[start:end], "".join(pieces))
    return Edit(start, start + len(before), before, after, causes)


def _append(edits: list[Edit], edit: Edit) -> None:
    """Append an edit that changes something; two insertions at one place become one, so that a place names one edit."""
    if edit.before == edit.after:
        return
    if edits and edits[-1].start == edits[-1].end == edit.start == edit.end:
        last = edits.pop()
        edit = Edit(edit.start, edit.end, "", last.after + edit.after, last.causes + edit.causes)
    edits.append(edit)


@dataclass(frozen=True, slots=True)
class OffsetMap:
    """Maps offsets between the original text and the clean one, both in code points.

    A character that was kept maps exactly. An offset inside a changed stretch maps to the start of
    what stands there instead, or, where nothing does, to the character after it.
    """

    original_starts: tuple[int, ...]
    original_ends: tuple[int, ...]
    clean_starts: tuple[int, ...]
    clean_ends: tuple[int, ...]

    @classmethod
    def of(cls, edits: Sequence[Edit]) -> OffsetMap:
        """Return the map of a list of edits."""
        inverse = invert(edits)
        return cls(
            tuple(edit.start for edit in edits),
            tuple(edit.end for edit in edits),
            tuple(edit.start for edit in inverse),
            tuple(edit.end for edit in inverse),
        )

    def to_clean(self, offset: int) -> int:
        """Return where the original's character at `offset` stands in the clean text.

        >>> OffsetMap.of([Edit(2, 5, "abc", "")]).to_clean(6)
        3
        """
        return _map(offset, self.original_starts, self.original_ends, self.clean_starts, self.clean_ends)

    def to_original(self, offset: int) -> int:
        """Return where the clean text's character at `offset` stood in the original.

        >>> OffsetMap.of([Edit(2, 5, "abc", "")]).to_original(3)
        6
        """
        return _map(offset, self.clean_starts, self.clean_ends, self.original_starts, self.original_ends)


def _map(
    offset: int,
    from_starts: tuple[int, ...],
    from_ends: tuple[int, ...],
    to_starts: tuple[int, ...],
    to_ends: tuple[int, ...],
) -> int:
    place = bisect_right(from_starts, offset) - 1
    if place < 0:
        return offset
    if offset < from_ends[place]:
        return to_starts[place]
    return offset - from_ends[place] + to_ends[place]

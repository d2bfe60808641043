"""The units that tests look at: the lines, paragraphs, or the whole of one snapshot of a text."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Literal

from cleaner.text import Lines, fold, strip_edges, word_count

__all__ = ["Units", "document_unit", "line_units", "paragraph_units"]


@dataclass(slots=True)
class Units:
    """All units of one kind in one snapshot of a document.

    For each unit: its text without line end, where it starts and ends in `text` (code points), and the indices
    of its first and last line in `lines`. `filled` holds the indices of the lines that are not blank. The other
    fields are caches and what tests need to know of the document.
    """

    kind: Literal["line", "paragraph", "document"]
    text: str
    texts: list[str]
    starts: list[int]
    ends: list[int]
    first_lines: list[int]
    last_lines: list[int]
    lines: Lines
    filled: list[int]
    language: str | None = None
    deadline: float = float("inf")
    folded: dict[tuple[int, bool], str] = field(default_factory=dict)
    cache: dict[Any, Any] = field(default_factory=dict)

    def fold(self, index: int, case: bool) -> str:
        """Return the folded text of a unit."""
        key = (index, case)
        found = self.folded.get(key)
        if found is None:
            found = self.folded[key] = fold(self.texts[index], case=case)
        return found

    def edges(self, index: int, case: bool) -> tuple[int, int]:
        """Return where the folded text of a unit starts and ends without bullets and punctuation around it."""
        key = ("edges", index, case)
        found: tuple[int, int] | None = self.cache.get(key)
        if found is None:
            found = self.cache[key] = strip_edges(self.fold(index, case))
        return found

    def word_count(self, index: int) -> int:
        """Return the number of words of a unit; many rules ask for the same one."""
        key = ("words", index)
        found: int | None = self.cache.get(key)
        if found is None:
            found = self.cache[key] = word_count(self.texts[index])
        return found

    def seconds_left(self) -> float:
        """Return how long a pattern may still run; raise `TimeoutError` where no time is left."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the document's time is used up")
        return left

    def line_rank(self, line: int) -> int:
        """Return how many filled lines stand before a line."""
        ranks: dict[int, int] | None = self.cache.get("ranks")
        if ranks is None:
            ranks = self.cache["ranks"] = {at: rank for rank, at in enumerate(self.filled)}
        return ranks[line]

    def blank_lines_between(self, index: int) -> int:
        """Return the number of blank lines between a unit and the one after it."""
        return self.first_lines[index + 1] - self.last_lines[index] - 1


def line_units(text: str, lines: Lines, *, language: str | None, deadline: float) -> Units:
    """Return the lines that are not blank as units."""
    filled = lines.filled()
    starts = lines.starts
    if len(filled) == len(lines.texts):
        texts, unit_starts = lines.texts, starts[:-1]
    else:
        texts, unit_starts = [lines.texts[at] for at in filled], [starts[at] for at in filled]
    ends = [start + len(line) for start, line in zip(unit_starts, texts, strict=True)]
    return Units("line", text, texts, unit_starts, ends, filled, filled, lines, filled, language, deadline)


def paragraph_units(of_lines: Units) -> Units:
    """Return the stretches of lines between blank lines as units."""
    lines, filled = of_lines.lines, of_lines.filled
    firsts = [at for place, at in enumerate(filled) if place == 0 or filled[place - 1] != at - 1]
    lasts = [at for place, at in enumerate(filled) if place + 1 == len(filled) or filled[place + 1] != at + 1]
    starts = [lines.starts[at] for at in firsts]
    ends = [lines.end(at) for at in lasts]
    texts = [of_lines.text[start:end] for start, end in zip(starts, ends, strict=True)]
    return Units(
        "paragraph",
        of_lines.text,
        texts,
        starts,
        ends,
        firsts,
        lasts,
        lines,
        filled,
        of_lines.language,
        of_lines.deadline,
    )


def document_unit(of_lines: Units) -> Units:
    """Return the whole text as one unit; an empty text has none."""
    text, lines = of_lines.text, of_lines.lines
    some = [0] if text else []
    last = [max(0, len(lines.texts) - 1)] if text else []
    return Units(
        "document",
        text,
        [text] if text else [],
        some,
        [len(text)] if text else [],
        some,
        last,
        lines,
        of_lines.filled,
        of_lines.language,
        of_lines.deadline,
    )

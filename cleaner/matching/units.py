"""The units that tests look at: the lines, paragraphs, or the whole of one snapshot of a text."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, TypeVar

from cleaner.text import Lines, fold, strip_edges, word_count

__all__ = ["Kind", "Units", "document_unit", "line_units", "paragraph_units"]


Kind = Literal["line", "paragraph", "document"]
_T = TypeVar("_T")

_LONGEST = 1e9  # seconds; infinity is no time at all to `regex`


@dataclass
class Units:
    """All units of one kind in one snapshot of a document.

    For each unit: its text without line end, and the indices of its first and last line in `lines`. `filled`
    holds the indices of the lines that are not blank. The other fields are what tests need to know of the
    document, and caches: `known` of texts, which goes from one snapshot of a document to the next, `cache` of these units.
    """

    kind: Kind
    text: str
    texts: list[str]
    first_lines: list[int]
    last_lines: list[int]
    lines: Lines
    filled: list[int]
    language: str | None = None
    deadline: float = float("inf")
    known: dict[Any, Any] = field(default_factory=dict)
    cache: dict[Any, Any] = field(default_factory=dict)

    @cached_property
    def starts(self) -> list[int]:
        """Where each unit starts in `text`, in code points."""
        starts = self.lines.starts
        return [starts[line] for line in self.first_lines]

    @cached_property
    def ends(self) -> list[int]:
        """Where each unit ends in `text`, in code points, before its line end; that of a document is part of it."""
        if self.kind == "document":
            return [len(self.text)] * len(self.texts)
        return [self.lines.end(line) for line in self.last_lines]

    @cached_property
    def ranks(self) -> dict[int, int]:
        """How many filled lines stand before each of them."""
        return {at: rank for rank, at in enumerate(self.filled)}

    @cached_property
    def stripped(self) -> list[str]:
        """The units' texts without blanks at their ends."""
        if self.kind == "line":
            return [line for line in self.lines.stripped if line]
        return list(map(str.strip, self.texts))

    def once(self, key: object, work_out: Callable[[Units], _T]) -> _T:
        """Return what `work_out` says of these units, worked out when it is first asked for under this key."""
        if key not in self.cache:
            self.cache[key] = work_out(self)
        found: _T = self.cache[key]
        return found

    # Without `once`: rules ask for these of so many units that another call would be seen.

    def fold(self, index: int, case: bool) -> str:
        """Return the folded text of a unit."""
        text = self.texts[index]
        key = ("fold", case, text)
        found: str | None = self.known.get(key)
        if found is None:
            found = self.known[key] = fold(text, case=case)
        return found

    def edges(self, index: int, case: bool) -> tuple[int, int]:
        """Return where the folded text of a unit starts and ends without bullets and punctuation around it."""
        key = ("edges", case, self.texts[index])
        found: tuple[int, int] | None = self.known.get(key)
        if found is None:
            found = self.known[key] = strip_edges(self.fold(index, case))
        return found

    def word_count(self, index: int) -> int:
        """Return the number of words of a unit; many rules ask for the same one."""
        text = self.texts[index]
        key = ("words", text)
        found: int | None = self.known.get(key)
        if found is None:
            found = self.known[key] = word_count(text)
        return found

    def seconds_left(self) -> float:
        """Return how long a pattern may still run; raise `TimeoutError` where no time is left."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the document's time is used up")
        return min(left, _LONGEST)

    def blank_lines_between(self, index: int) -> int:
        """Return the number of blank lines between a unit and the one after it."""
        return self.first_lines[index + 1] - self.last_lines[index] - 1


def line_units(lines: Lines, *, language: str | None, deadline: float, known: dict[Any, Any] | None = None) -> Units:
    """Return the lines that are not blank as units."""
    filled = lines.filled
    every = len(filled) == len(lines.texts)
    texts = lines.texts if every else [lines.texts[at] for at in filled]
    known = {} if known is None else known
    return Units("line", lines.text, texts, filled, filled, lines, filled, language, deadline, known)


def paragraph_units(of_lines: Units) -> Units:
    """Return the stretches of lines between blank lines as units."""
    lines, filled = of_lines.lines, of_lines.filled
    firsts = [at for place, at in enumerate(filled) if place == 0 or filled[place - 1] != at - 1]
    lasts = [at for place, at in enumerate(filled) if place + 1 == len(filled) or filled[place + 1] != at + 1]
    texts = [of_lines.text[lines.starts[first] : lines.end(last)] for first, last in zip(firsts, lasts, strict=True)]
    return replace(of_lines, kind="paragraph", texts=texts, first_lines=firsts, last_lines=lasts, cache={})


def document_unit(of_lines: Units) -> Units:
    """Return the whole text as one unit; an empty text has none."""
    text, lines = of_lines.text, of_lines.lines
    texts, firsts, lasts = ([text], [0], [max(0, len(lines.texts) - 1)]) if text else ([], [], [])
    return replace(of_lines, kind="document", texts=texts, first_lines=firsts, last_lines=lasts, cache={})

"""What is wrong with packs, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Place", "Problem", "RuleError", "nearest", "printable"]

_SHOWN = 100  # characters of the offending line before and after the place


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: file name, line and column, both from 1. Without a name, in no file at all."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, where it stands, and the offending line of the file."""

    place: Place
    message: str
    source: str = ""

    def __str__(self) -> str:
        if not self.place.file:
            return self.message
        if not self.source.strip():
            return f"{self.place}: {self.message}"
        first = max(0, self.place.column - _SHOWN)
        shown = printable(("…" if first else "") + self.source[first : first + 2 * _SHOWN])
        caret = " " * (self.place.column - 1 - first + bool(first)) + "^"
        return f"{self.place}: {self.message}\n    {shown}\n    {caret}"


def printable(text: str) -> str:
    """Return text that cannot move a terminal's cursor: a character for each of `text`."""
    return "".join(character if character.isprintable() else " " if character.isspace() else "�" for character in text)


class RuleError(ValueError):
    """Packs or a configuration cannot be used; `problems` holds everything that is wrong with them."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems

    def __reduce__(self) -> tuple[type[RuleError], tuple[list[Problem]]]:
        return type(self), (self.problems,)


def nearest(word: str, known: Sequence[str]) -> str:
    """Return `` (did you mean `x`?)`` for the known word nearest to `word`, or nothing where none is near.

    >>> nearest("stats", ["starts", "ends"])
    ' (did you mean `starts`?)'
    """
    from difflib import get_close_matches

    close = [name for name in known if len(word) > 2 and name.startswith(word)]
    close = close or get_close_matches(word[:80], known, n=1, cutoff=0.6)
    return f" (did you mean `{close[0]}`?)" if close else ""

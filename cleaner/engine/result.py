"""What cleaning gives back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from cleaner.edits import Edit, OffsetMap, restore

__all__ = ["Flag", "Result"]


@dataclass(frozen=True, slots=True)
class Flag:
    """Something to know of a document: `name` is guard, budget, timeout, or the id of a rule that flags.

    `rule` is the full name of the rule concerned; `error` says that the document was not cleaned as it should be.
    """

    name: str
    rule: str | None
    detail: str
    error: bool = False


@dataclass(frozen=True)
class Result:
    """What cleaning made of a document: the clean text, every edit in coordinates of the original, and flags."""

    original: str
    text: str
    edits: tuple[Edit, ...]
    flags: tuple[Flag, ...] = ()

    @cached_property
    def _offsets(self) -> OffsetMap:
        return OffsetMap.of(self.edits)

    def to_clean(self, offset: int) -> int:
        """Return where the original's character at `offset` (code points) stands in the clean text.

        Raises `IndexError` for an offset outside the original; its length is still one.
        """
        return self._offsets.to_clean(_checked(offset, self.original))

    def to_original(self, offset: int) -> int:
        """Return where the clean text's character at `offset` (code points) stood in the original.

        Raises `IndexError` for an offset outside the clean text; its length is still one.
        """
        return self._offsets.to_original(_checked(offset, self.text))

    def restore(self) -> str:
        """Return the original, rebuilt from the clean text and the edits alone."""
        return restore(self.text, self.edits)


def _checked(offset: int, text: str) -> int:
    if not 0 <= offset <= len(text):
        raise IndexError(f"offset {offset} is outside the text, which has {len(text)} characters")
    return offset

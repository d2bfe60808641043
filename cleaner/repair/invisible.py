"""Characters that nobody sees: controls, terminal escapes, zero-width spaces, soft hyphens."""

from __future__ import annotations

import re
from functools import cache
from typing import Annotated

import msgspec

from cleaner.repair.common import Replacement, code_points, lines_with
from cleaner.text import Lines

__all__ = ["InvisibleOptions", "find_invisible"]


class InvisibleOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `invisible` removes."""

    soft_hyphens: Annotated[
        bool,
        msgspec.Meta(description="remove U+00AD too, but not at a line's end, where it is a visible hyphen"),
    ] = True


# Scripts written without spaces, where U+200B marks where a line may break (Unicode Standard, chapters 16
# and 17): Thai, Lao, Tibetan, Myanmar, Khmer, Tai, Balinese, Sundanese, Javanese, Cham.
_ZERO_WIDTH_SCRIPTS = (
    "\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\u1b00-\u1bbf\ua980-\ua9ff\uaa00-\uaadf"
)
_ALWAYS = "\x00-\x08\x0e-\x1f\x7f\u2060\ufeff\ufff9-\ufffb"
_ZERO_WIDTH_SPACE = "\u200b"
_SOFT_HYPHEN = "\xad"
# Of the C1 controls only those that mean nothing in Windows-1252: `encoding` restores the others. Beside what
# may be mojibake, C1 controls and soft hyphens are bytes of a character that can yet be restored.
_C1 = "\x81\x8d\x8f\x90\x9d"
_MOJIBAKE = "\x80-\xffŒœŠšŸŽžƒˆ˜–—‘’‚“”„†‡•…‰‹›€™"


@cache
def _invisible(soft_hyphens: bool) -> tuple[str, re.Pattern[str]]:
    """A pattern found in every text with something to remove, and the pattern of what to remove."""
    candidates, removed = (
        _ALWAYS + _C1 + _ZERO_WIDTH_SPACE,
        [
            # ECMA-48 control sequences, operating system commands, character sets; before the lone ESC
            r"\x1b(?:\[[0-?]*+[ -/]*+[@-~]|\][^\x00-\x1f\x7f]*+(?:\x07|\x1b\\)|[()*+][0-9A-B])",
            f"[{_ALWAYS}]",
            f"(?<![{_ZERO_WIDTH_SCRIPTS}]){_ZERO_WIDTH_SPACE}(?![{_ZERO_WIDTH_SCRIPTS}])",
            f"(?<![{_MOJIBAKE}])[{_C1}](?![{_MOJIBAKE}])",
        ],
    )
    if soft_hyphens:
        candidates += _SOFT_HYPHEN
        removed.append(rf"(?<![ÂÃ\x80-\x9f]){_SOFT_HYPHEN}(?![\x80-\x9f])(?![ \t]*+(?:[\r\n]|\Z))")
    return f"[{candidates}]", re.compile("|".join(removed))


def find_invisible(lines: Lines, options: InvisibleOptions) -> list[Replacement]:
    """Return the runs of invisible characters, to be removed."""
    text = lines.text
    candidates, pattern = _invisible(options.soft_hyphens)
    changes: list[Replacement] = []
    start = end = 0
    for match in (match for line in lines_with(candidates, lines) for match in pattern.finditer(text, *line)):
        if match.start() > end and start < end:
            changes.append(Replacement(start, end, "", {"characters": code_points(text[start:end])}))
        if match.start() > end or start == end:
            start = match.start()
        end = match.end()
    if start < end:
        changes.append(Replacement(start, end, "", {"characters": code_points(text[start:end])}))
    return changes

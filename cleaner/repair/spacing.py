"""Blanks at the ends of lines, blank lines, and non-breaking spaces, all left alone in fenced code."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Annotated

import msgspec

from cleaner.repair.common import Replacement, code_points, fences, outside
from cleaner.text import Lines

__all__ = [
    "BlankLinesOptions",
    "NonBreakingSpacesOptions",
    "TrailingBlanksOptions",
    "find_blank_lines",
    "find_non_breaking_spaces",
    "find_trailing_blanks",
]


class TrailingBlanksOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `trailing_blanks` leaves."""

    markdown_breaks: Annotated[
        bool, msgspec.Meta(description="keep exactly two spaces between two lines of a paragraph")
    ] = False


class BlankLinesOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `blank_lines` leaves."""

    keep: Annotated[int, msgspec.Meta(ge=0, le=100, description="blank lines left in a row")] = 1
    head: Annotated[bool, msgspec.Meta(description="leave none at the text's start")] = True
    tail: Annotated[bool, msgspec.Meta(description="leave none at the text's end")] = True


class NonBreakingSpacesOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """No options."""


_BLANK_CHARACTERS = " \t\xa0\u1680\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))


def find_trailing_blanks(lines: Lines, options: TrailingBlanksOptions) -> list[Replacement]:
    """Return the blanks at the ends of lines, to be removed."""
    text = lines.text
    if lines.stripped == lines.texts:
        return []
    bare = list(map(str.rstrip, lines.texts))
    runs: list[tuple[int, int]] = []
    breaks: set[int] = set()  # where blanks stand between text on their line and on the next
    for at in [at for at, (line, rest) in enumerate(zip(lines.texts, bare, strict=True)) if line is not rest]:
        line = lines.texts[at]
        content = len(line.rstrip(_BLANK_CHARACTERS))
        if content < len(line):
            runs.append((lines.starts[at] + content, lines.end(at)))
            if options.markdown_breaks and content and "".join(lines.texts[at + 1 : at + 2]).strip(_BLANK_CHARACTERS):
                breaks.add(runs[-1][0])
    changes: list[Replacement] = []
    for start, end in outside(iter(runs), fences(text)):
        if start in breaks and text[start:end] == "  ":
            continue
        changes.append(Replacement(start, end, "", {"characters": code_points(text[start:end])}))
    return changes


def find_blank_lines(lines: Lines, options: BlankLinesOptions) -> list[Replacement]:
    """Return the blank lines that are too many, to be removed; beside an indented line all may stay."""
    if not _has_blank_lines(lines, options):
        return []
    texts, starts = lines.texts, lines.starts
    spans = ((starts[at], starts[at + 1]) for at, line in enumerate(texts) if not line.strip(_BLANK_CHARACTERS))
    unfenced = {start for start, _ in outside(spans, fences(lines.text))}
    blank = [start in unfenced for start in starts[:-1]]
    changes: list[Replacement] = []
    first = 0
    while first < len(texts):
        last = first  # the run of blank lines is texts[first:last]
        while last < len(texts) and blank[last]:
            last += 1
        keep = options.keep
        if (options.head and first == 0) or (options.tail and last == len(texts)):
            keep = 0
        elif any(_indented(texts[beside]) for beside in (first - 1, last) if 0 <= beside < len(texts)):
            keep = last - first
        if keep < last - first:
            evidence = {"blank_lines": last - first, "kept": keep}
            changes.append(Replacement(starts[first + keep], starts[last], "", evidence))
        first = last + 1
    return changes


def _has_blank_lines(lines: Lines, options: BlankLinesOptions) -> bool:
    """Whether a text may have more blank lines than `options` allow."""
    stripped, filled = lines.stripped, lines.filled
    if len(filled) in (0, len(stripped)):
        return False
    if (options.head and not stripped[0]) or (options.tail and not stripped[-1]):
        return True
    if lines.ends is None and lines.texts.count("") == len(stripped) - len(filled):
        gap = "\n" * (options.keep + 2)
        return gap in lines.text or lines.text.startswith(gap[1:])
    return any(after - before > options.keep + 1 for before, after in pairwise([-1, *filled, len(stripped)]))


def _indented(line: str) -> bool:
    """Whether a line begins like code or verse, with a tab or two blanks, and is not blank."""
    if line[:1] not in _BLANK_CHARACTERS:  # most lines
        return False
    blanks = line[: len(line) - len(line.lstrip(_BLANK_CHARACTERS))]
    if len(blanks) == len(line) or _is_leftover(blanks):
        return False
    return blanks[:1] == "\t" or len(blanks) > 1


def _is_leftover(blanks: str) -> bool:
    """Whether the blanks at a line's start are one non-breaking space, alone or beside a space; more indent the line."""
    return len(blanks) <= 2 and blanks.strip(" ") in ("\xa0", "\u2007", "\u202f")


_NON_BREAKING = re.compile("[\xa0\u2007\u202f][ \t\xa0\u2007\u202f]*")


def find_non_breaking_spaces(lines: Lines, options: NonBreakingSpacesOptions) -> list[Replacement]:
    """Return the runs of blanks with a non-breaking space: one space takes their place, or nothing at a line's edge."""
    text = lines.text
    if not ("\xa0" in text or "\u202f" in text or "\u2007" in text):
        return []
    runs: list[tuple[int, int]] = []
    for match in _NON_BREAKING.finditer(text):
        start, end = match.span()
        while start > 0 and text[start - 1] in " \t":
            start -= 1
        runs.append((start, end))
    changes: list[Replacement] = []
    for start, end in outside(iter(runs), fences(text)):
        run = text[start:end]
        if end == len(text) or text[end] in "\r\n":
            after = ""
        elif start == 0 or text[start - 1] in "\r\n":
            # Nor may a fence come to stand at the line's start.
            if not _is_leftover(run) or text.startswith(("```", "~~~"), end):
                continue
            after = ""
        elif len(run) == 1 or "\t" in run:  # between words, or columns
            continue
        else:
            after = " "
        changes.append(Replacement(start, end, after, {"characters": code_points(run)}))
    return changes

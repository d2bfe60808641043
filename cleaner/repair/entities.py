"""HTML entities left in text that holds no tags, except in code and where a line speaks of entities."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Annotated

import msgspec

from cleaner.edits import splice
from cleaner.repair.common import Replacement, fences, found, outside
from cleaner.text import Lines

__all__ = ["EntitiesOptions", "find_entities"]


class EntitiesOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `entities` decodes besides the harmless ones."""

    angle_brackets: Annotated[bool, msgspec.Meta(description="decode `&lt;` and `&gt;` too")] = False


_LINE_END = re.compile(r"[\r\n]")
_ENTITY = re.compile(
    r"(?P<amps>&(?:amp;)*+)"
    r"(?:#0{0,8}(?P<decimal>[0-9]{1,7});|#[xX]0{0,8}(?P<hex>[0-9A-Fa-f]{1,6});|(?P<name>[A-Za-z][A-Za-z0-9]{1,31});)"
    r"|&(?:amp;)++"
)
_TAG = r"<[A-Za-z/!]"
_ABOUT_ENTITIES = re.compile(r"\b(?:entit(?:y|ies)|ampersands?|character references?)\b", re.IGNORECASE)
_ADDRESS_OF = re.compile(r"(?:=|\breturn)[ \t]*\Z")
_REST_BLANK = re.compile(r"[ \t]*+(?:[\r\n]|\Z)")
_INDENTED_CODE = re.compile(r" {4}| {0,3}\t")


def _entity(match: re.Match[str], angle_brackets: bool) -> tuple[int, str] | None:
    """The end of a matched entity and what it stands for; None if it had better stay."""
    name = match["name"]
    if match["amps"] is None:
        return match.end(), "&"
    if name is not None:
        from html.entities import html5

        after = html5.get(f"{name};", "")
        if not after and len(match["amps"]) > 1:  # `&amp;` before a word that is no entity
            return match.end("amps"), "&"
    else:
        code = int(match["decimal"]) if match["hex"] is None else int(match["hex"], 16)
        after = chr(code) if code <= 0x10FFFF else ""
        if 128 <= code < 160:  # as HTML reads them: https://html.spec.whatwg.org/multipage/parsing.html
            after = bytes([code]).decode("windows-1252", "ignore")
    if not after or any(map(_unwanted, after)) or (not angle_brackets and ("<" in after or ">" in after)):
        return None
    return match.end(), after


def _unwanted(character: str) -> bool:
    """Control character, line or paragraph separator, surrogate or noncharacter."""
    code = ord(character)
    return (
        code < 32
        or 127 <= code < 160
        or 0xD800 <= code < 0xE000
        or code in (0x2028, 0x2029)
        or 0xFDD0 <= code < 0xFDF0
        or code & 0xFFFE == 0xFFFE
    )


def _code_spans(line: str) -> list[tuple[int, int]]:
    """Start and end of each code span in a line: from a run of backticks to the next of the same length."""
    runs = list(re.finditer(r"`+", line))
    after: dict[int, int] = {}  # length of a run: the nearest later run of that length
    partner: list[int | None] = [None] * len(runs)
    for index in range(len(runs) - 1, -1, -1):
        length = len(runs[index][0])
        partner[index] = after.get(length)
        after[length] = index
    spans: list[tuple[int, int]] = []
    index = 0
    while index < len(runs):
        other = partner[index]
        if other is None:
            index += 1
        else:
            spans.append((runs[index].start(), runs[other].end()))
            index = other + 1
    return spans


def _entities(text: str) -> Iterator[re.Match[str]]:
    at = text.find("&")
    while at >= 0:
        match = _ENTITY.match(text, at)
        if match is not None:
            yield match
        at = text.find("&", match.end() if match else at + 1)


def _entity_changes(lines: Lines, angle_brackets: bool) -> list[Replacement]:
    text = lines.text
    if not (matches := list(_entities(text))) or found(_TAG, lines):
        return []
    changes: list[Replacement] = []
    free = set(outside((match.span() for match in matches), fences(text)))
    line_end = 0
    code: list[tuple[int, int]] = []
    for match in matches:
        start, end = match.span()
        decoded = _entity(match, angle_brackets)
        if decoded is None or match.span() not in free:
            continue
        if start >= line_end:
            line_start = max(text.rfind("\n", line_end, start), text.rfind("\r", line_end, start)) + 1 or line_end
            ending = _LINE_END.search(text, end)
            line_end = ending.start() if ending else len(text)
            code = _code(text, line_start, line_end)
        inside = bisect_right(code, start, key=lambda span: span[0]) - 1
        if inside >= 0 and start < code[inside][1]:
            continue
        # `p = &num;` at a line's end takes an address
        if match["name"] and _REST_BLANK.match(text, end) and _ADDRESS_OF.search(text, max(0, start - 32), start):
            continue
        end, character = decoded
        changes.append(Replacement(start, end, character, {"entity": text[start:end][:64]}))
    return changes


def _code(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """The stretches of a line that are code, or all of it where it is indented code or talks of entities."""
    if _INDENTED_CODE.match(text, start, end) or _ABOUT_ENTITIES.search(text, start, end):
        return [(start, end)]
    return [(start + first, start + last) for first, last in _code_spans(text[start:end])]


def find_entities(lines: Lines, options: EntitiesOptions) -> list[Replacement]:
    """Return the entities to decode: none at all if their characters would make another one or change what is code."""
    changes = _entity_changes(lines, options.angle_brackets)
    # Decoding may put together another entity or undo a code span: such a text stays as it is.
    if changes:
        decoded = splice(lines.text, ((change.start, change.end, change.after) for change in changes))
        if _entity_changes(Lines.of(decoded), options.angle_brackets):
            return []
    return changes

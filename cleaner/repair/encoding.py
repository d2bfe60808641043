"""Mojibake, text decoded with the wrong encoding: ftfy repairs it, in those lines where a scan finds any sign of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import zip_longest
from typing import TYPE_CHECKING, Annotated

import msgspec

from cleaner.edits import minimal, splice
from cleaner.repair.common import Replacement, compile_re, lines_with
from cleaner.text import Lines

if TYPE_CHECKING:
    import ftfy

__all__ = ["EncodingOptions", "find_encoding"]


class EncodingOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `encoding` changes besides mojibake; the names are ftfy's."""

    uncurl_quotes: Annotated[bool, msgspec.Meta(description="make curly quotes straight")] = False
    fix_latin_ligatures: Annotated[bool, msgspec.Meta(description="write ligatures such as ﬁ as letters")] = False
    fix_character_width: Annotated[
        bool, msgspec.Meta(description="give full-width letters and half-width kana their usual width")
    ] = False


# A longer line goes to ftfy in pieces: parts of ftfy are quadratic.
_LONGEST = 65_536

# What Python's `\s` holds and RE2's does not, and the reverse, in one class for both.
_ANY_SPACE = "[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
_ANY_WORD = "[0-9A-Za-z_\x80-\U0010ffff]"


def _flat_pattern(verbose: str) -> str:
    """A verbose pattern without its layout, for RE2 and `re`.

    It is widened so that on a whole text it finds all that the given one finds in its lines.
    """
    flat: list[str] = []
    in_class = False
    characters = iter(verbose)
    for character in characters:
        if character == "\\":
            escaped = next(characters)
            flat.append({"s": _ANY_SPACE, "w": _ANY_WORD}.get(escaped, "\\" + escaped))
        elif in_class:
            in_class = character != "]"
            flat.append(character)
        elif character == "[":
            in_class = True
            flat.append(character)
        elif character == "#":
            while next(characters, "\n") != "\n":
                pass
        elif character == "^":
            flat.append(r"(?:\A|[\r\n])")
        elif not character.isspace():
            flat.append(character)
    return "".join(flat)


@cache
def _character_map(options: EncodingOptions) -> Mapping[int, str]:
    """What the optional steps make of single characters, in ftfy's order of steps."""
    from ftfy import chardata, fixes

    characters = {chr(code) for code in chardata.LIGATURES} | {chr(code) for code in chardata.WIDTH_MAP}
    characters |= set("\u02bc") | {chr(code) for code in range(0x2018, 0x2020)}
    steps = (fixes.fix_latin_ligatures, fixes.fix_character_width, fixes.uncurl_quotes)
    table = {}
    for character in characters:
        after = character
        while True:
            before = after
            for step in steps:
                after = step(after) if getattr(options, step.__name__) else after
            if after == before:
                break
        if after != character:
            table[ord(character)] = after
    return table


@cache
def _suspect(options: EncodingOptions) -> str:
    """A pattern found in every line that ftfy would change under `options`, for RE2 and `re` alike.

    ftfy looks for mojibake only where its badness expression matches. That expression holds all C1 controls,
    so that `fix_c1_controls` acts nowhere else; the optional steps act on single characters.
    """
    from ftfy.badness import BADNESS_RE

    pattern = _flat_pattern(BADNESS_RE.pattern)
    if characters := "".join(map(chr, sorted(_character_map(options)))):
        pattern += f"|[{characters}]"
    return pattern


@cache
def _ftfy_config(options: EncodingOptions) -> ftfy.TextFixerConfig:
    from ftfy import TextFixerConfig

    return TextFixerConfig(
        unescape_html=False,
        remove_terminal_escapes=False,
        fix_line_breaks=False,
        fix_surrogates=False,
        remove_control_chars=False,
        normalization=None,
        uncurl_quotes=options.uncurl_quotes,
        fix_latin_ligatures=options.fix_latin_ligatures,
        fix_character_width=options.fix_character_width,
    )


def _cut(line: str, start: int, stop: int) -> int:
    """Where the piece of a line from `start` on ends: before a blank that follows ASCII, if one is near."""
    limit = start + _LONGEST
    if limit >= stop:
        return stop
    between_ascii = limit
    for at in range(limit, max(start, limit - 4096), -1):
        if line[at - 1] <= "~" and line[at] <= "~":
            if line[at] == " ":
                return at
            if between_ascii == limit:
                between_ascii = at
    return between_ascii


# ftfy reads a blank as a lost byte A0. Here it is not one: a quote without its last byte, as in `saidâ€ and`,
# would become a dagger, and an ellipsis without its second one a rare mathematical sign. These stay.
_BEYOND_REPAIR = re.compile("[âāβв][\x80€Ђ](?= )|â[\xa0-\xbf](?= )")


def _parts(line: str) -> Iterator[tuple[int, int, bool]]:
    """Start and end of the parts of a line that are repaired on their own, and whether there is hope."""
    start = 0
    for match in [*_BEYOND_REPAIR.finditer(line), None]:
        stop = match.start() if match else len(line)
        while start < stop:
            end = _cut(line, start, stop)
            yield start, end, True
            start = end
        if match:
            yield *match.span(), False
            start = match.end()


def _mend(line: str, options: EncodingOptions) -> tuple[str, list[str]]:
    """The line as ftfy repairs it, and the steps taken."""
    from ftfy import fix_and_explain

    config = _ftfy_config(options)
    steps: dict[str, None] = {}
    while True:
        pieces: list[str] = []
        for start, end, mendable in _parts(line):
            piece = line[start:end]
            if mendable:
                fixed, plan = fix_and_explain(piece, config)
                piece = _with_line_ends(piece, fixed) if "\x85" in piece else fixed
                steps.update((f"{step.action} {step.parameter}", None) for step in plan or ())
            pieces.append(piece)
        mended = "".join(pieces)
        if mended == line or len(pieces) == 1:
            return mended, list(steps)
        line = mended  # its parts may be others: again, until nothing changes


def _with_line_ends(before: str, after: str) -> str:
    """Put back what ftfy took for lost ellipses and is line ends here (NEL)."""
    changes = _differences(before, after)
    return splice(before, (one for one in changes if before[one[0] : one[1]].strip("\x85") or one[2].strip("…")))


# Repairing an encoding keeps ASCII, except blanks (byte A0), `?` (a lost byte) and control characters.
_ANCHOR = re.compile(r"[!->@-~]+")
_ASCII = re.compile(r"[\x00-\x7f]+")


def _differences(before: str, after: str, anchor: re.Pattern[str] = _ANCHOR) -> Iterator[tuple[int, int, str]]:
    """Stretches of `before` that differ and what `after` has there, aligned at runs of ASCII; linear time."""
    if not all(
        a is not None and b is not None and a[0] == b[0]
        for a, b in zip_longest(anchor.finditer(before), anchor.finditer(after))
    ):
        yield from _trimmed(0, before, after)
        return
    i = j = 0
    for a, b in zip_longest(anchor.finditer(before), anchor.finditer(after)):
        yield from _gap(i, before[i : a.start()], after[j : b.start()], anchor)
        i, j = a.end(), b.end()
    yield from _gap(i, before[i:], after[j:], anchor)


def _gap(start: int, before: str, after: str, anchor: re.Pattern[str]) -> Iterator[tuple[int, int, str]]:
    if before == after:
        return
    if anchor is _ASCII:
        yield from _trimmed(start, before, after)
    else:
        for first, last, text in _differences(before, after, _ASCII):
            yield start + first, start + last, text


def _trimmed(start: int, before: str, after: str) -> Iterator[tuple[int, int, str]]:
    """The one stretch left without common head and tail, or none."""
    start, before, after = minimal(start, before, after)
    if before or after:
        yield start, start + len(before), after


# What speaks of encodings shows their failures: `"Ã¤" instead of "ä"`, or UTF-8 read as Latin-1.
_QUOTES = frozenset("\"'`´‘’‚‛“”„‟«»‹›")
_ABOUT_ENCODINGS = re.compile(
    r"\b(?:mojibake|charsets?|character encoding|unicode|utf-?8|latin-?1|iso-?8859|(?:windows|cp)-?125\d)\b",
    re.IGNORECASE,
)
_LONG_LINE = 2000  # so long a line is a text without line ends, where a word says little about the rest


def _about_encodings(line: str, spans: list[tuple[int, int, str]]) -> bool:
    if len(line) < _LONG_LINE and _ABOUT_ENCODINGS.search(line):
        return True
    return any(
        start > 0 and end < len(line) and line[start - 1] in _QUOTES and line[end] in _QUOTES for start, end, _ in spans
    )


def find_encoding(lines: Lines, options: EncodingOptions) -> list[Replacement]:
    """Return what ftfy repairs, but nothing in a line that speaks of encodings."""
    text = lines.text
    if text.isascii():
        return []
    changes: list[Replacement] = []
    table = _character_map(options)
    for start, end in lines_with(_suspect(options), lines):
        line = text[start:end]
        mended, steps = _mend(line, options)
        if mended == line:
            continue
        # The character steps make new ASCII, which blurs the anchors: align without them, then add them.
        decoded = _mend(line, EncodingOptions())[0] if table else mended
        spans = list(_differences(line, decoded))
        if spans and _about_encodings(line, spans):
            continue
        if decoded != mended:
            exact = decoded.translate(table) == mended
            spans = list(_mapped(line, spans, table) if exact else _differences(line, mended))
        evidence = {"steps": steps}
        changes += [Replacement(start + first, start + last, after, evidence) for first, last, after in spans]
    return changes


def _mapped(line: str, spans: list[tuple[int, int, str]], table: Mapping[int, str]) -> Iterator[tuple[int, int, str]]:
    """`spans` with the characters of `table` replaced in and between them."""
    characters = compile_re("[" + "".join(map(chr, sorted(table))) + "]")
    done = 0
    for start, end, after in [*spans, (len(line), len(line), "")]:
        for match in characters.finditer(line, done, start):
            yield match.start(), match.end(), table[ord(match[0])]
        if start < end or after:
            yield from _trimmed(start, line[start:end], after.translate(table))
        done = end

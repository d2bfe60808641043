r"""The operations behind `do: fix`: encoding, entities, invisible characters and spacing.

Each operation is a function from a whole text, split into lines, and its options to the stretches to replace, and
one line in `OPERATIONS`. They are pure, never raise on any `str` (lone surrogates included), take linear time, and find
nothing in their own result. A line ends at LF, CRLF or a lone CR; every other character stands inside a line.

>>> encoding = OPERATIONS["encoding"]
>>> encoding.find(Lines.of("donâ€™t"), encoding.options())
[Replacement(start=3, end=6, after='’', evidence={'steps': ['encode sloppy-windows-1252', 'decode utf-8']})]
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice, pairwise, zip_longest
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from cleaner.edits import minimal, splice
from cleaner.text import Lines

if TYPE_CHECKING:
    import ftfy


__all__ = [
    "OPERATIONS",
    "BlankLinesOptions",
    "EncodingOptions",
    "EntitiesOptions",
    "InvisibleOptions",
    "NonBreakingSpacesOptions",
    "Operation",
    "Replacement",
    "TrailingBlanksOptions",
    "operation_schemas",
]


@dataclass(frozen=True, slots=True)
class Replacement:
    """What comes in place of ``[start, end)`` of a text (code points), nothing where it is removed.

    `evidence` says why, in values that JSON can hold.
    """

    start: int
    end: int
    after: str
    evidence: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Operation:
    """One fix that a rule can name; `about` says in one line what it repairs.

    In the phase `fix` it runs before all other rules, in `spacing` after them. `options` is the options' type, of which every
    field has a default. `find` gives, for a whole text's lines and options, sorted replacements that do not overlap, each a
    real change.
    """

    about: str
    phase: Literal["fix", "spacing"]
    options: type[msgspec.Struct]
    find: Callable[[Lines, Any], list[Replacement]]


class EncodingOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `encoding` changes besides mojibake; the names are ftfy's."""

    uncurl_quotes: Annotated[bool, msgspec.Meta(description="make curly quotes straight")] = False
    fix_latin_ligatures: Annotated[bool, msgspec.Meta(description="write ligatures such as ﬁ as letters")] = False
    fix_character_width: Annotated[
        bool, msgspec.Meta(description="give full-width letters and half-width kana their usual width")
    ] = False


class EntitiesOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `entities` decodes besides the harmless ones."""

    angle_brackets: Annotated[bool, msgspec.Meta(description="decode `&lt;` and `&gt;` too")] = False


class InvisibleOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `invisible` removes."""

    soft_hyphens: Annotated[
        bool,
        msgspec.Meta(description="remove U+00AD too, but not at a line's end, where it is a visible hyphen"),
    ] = True


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


# Scanning. RE2 runs over UTF-8 bytes at several hundred MB/s, Python's own `re` over a `str` at 10 to 100.


@cache
def _re2() -> Any:
    try:
        import re2
    except ImportError:  # no wheel for this platform: slower, the same results
        return None
    return re2


@cache
def _compile_re2(pattern: str) -> Any:
    re2 = _re2()
    options = re2.Options()
    options.max_mem = 64 << 20  # the default of 8 MB makes the larger classes fall out of its fast path
    options.log_errors = False
    return re2.compile(pattern, options)


@cache
def _compile_re(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _found(pattern: str, lines: Lines) -> bool:
    """Whether `pattern`, which must mean the same to RE2 and `re`, is found in a text."""
    if _re2() is None:
        return _compile_re(pattern).search(lines.text) is not None
    return _compile_re2(pattern).search(lines.data) is not None


def _lines_with(pattern: str, lines: Lines) -> Iterator[tuple[int, int]]:
    """Start and end of each non-empty line that a match of `pattern` touches, without line ends."""
    text = lines.text
    data: Any = text if _re2() is None else lines.data
    compiled = _compile_re(pattern) if _re2() is None else _compile_re2(pattern)
    line_end: Any = re.compile(r"[\r\n]" if _re2() is None else rb"[\r\n]")
    cr, lf = ("\r", "\n") if _re2() is None else (b"\r", b"\n")
    wide = len(data) != len(text)
    done = offset = 0  # in `data`, and the same place in `text`
    while match := compiled.search(data, done):
        first = max(data.rfind(cr, done, match.start()), data.rfind(lf, done, match.start())) + 1 or done
        after = line_end.search(data, match.end())
        last = after.start() if after else len(data)
        start = offset + (len(data[done:first].decode("utf-8", "surrogatepass")) if wide else first - done)
        end = start + (len(data[first:last].decode("utf-8", "surrogatepass")) if wide else last - first)
        for line in _compile_re(r"[^\r\n]+").finditer(text, start, end):
            yield line.span()
        done, offset = last, end
        if done >= len(data):
            return


_LINE_END = re.compile(r"[\r\n]")
_FENCE = re.compile(r"(`{3,}|~{3,})([^\r\n]*)")


def _fences(text: str) -> list[tuple[int, int]]:
    """Start and end of each fenced code block with its fences, as CommonMark 0.31 section 4.5 has them.

    An unclosed block reaches to the end of the text.
    """
    if "```" not in text and "~~~" not in text:
        return []
    blocks: list[tuple[int, int]] = []
    opened, fence = 0, ""
    for match in _FENCE.finditer(text):
        start = match.start()
        while start > 0 and match.start() - start < 4 and text[start - 1] == " ":
            start -= 1
        if match.start() - start > 3 or (start > 0 and text[start - 1] not in "\r\n"):
            continue
        marks, rest = match.groups()
        if not fence:
            if marks[0] == "~" or "`" not in rest:
                opened, fence = start, marks
        elif marks[0] == fence[0] and len(marks) >= len(fence) and not rest.strip(" \t"):
            blocks.append((opened, match.end()))
            fence = ""
    if fence:
        blocks.append((opened, len(text)))
    return blocks


def _outside(spans: Iterator[tuple[int, int]], blocks: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Those of the sorted `spans` that touch none of the sorted `blocks`."""
    at = 0
    for start, end in spans:
        while at < len(blocks) and blocks[at][1] <= start:
            at += 1
        if at == len(blocks) or end <= blocks[at][0]:
            yield start, end


def _code_points(text: str) -> list[str]:
    """The distinct characters of a stretch, at most eight, as `U+200B`."""
    return [f"U+{ord(character):04X}" for character in islice(dict.fromkeys(text), 8)]


# Encoding

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
                piece, plan = fix_and_explain(piece, config)
                steps.update((f"{step.action} {step.parameter}", None) for step in plan or ())
            pieces.append(piece)
        mended = "".join(pieces)
        if mended == line or len(pieces) == 1:
            return mended, list(steps)
        line = mended  # its parts may be others: again, until nothing changes


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


def _find_encoding(lines: Lines, options: EncodingOptions) -> list[Replacement]:
    text = lines.text
    if text.isascii():
        return []
    changes: list[Replacement] = []
    table = _character_map(options)
    for start, end in _lines_with(_suspect(options), lines):
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
        changes += [
            Replacement(start + first, start + last, after, evidence)
            for first, last, after in spans
            if line[first:last].strip("\x85") or after.strip("…")  # NEL is a line end here, not a lost ellipsis
        ]
    return changes


def _mapped(line: str, spans: list[tuple[int, int, str]], table: Mapping[int, str]) -> Iterator[tuple[int, int, str]]:
    """`spans` with the characters of `table` replaced in and between them."""
    characters = _compile_re("[" + "".join(map(chr, sorted(table))) + "]")
    done = 0
    for start, end, after in [*spans, (len(line), len(line), "")]:
        for match in characters.finditer(line, done, start):
            yield match.start(), match.end(), table[ord(match[0])]
        if start < end or after:
            yield from _trimmed(start, line[start:end], after.translate(table))
        done = end


# Entities

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
    if not (matches := list(_entities(text))) or _found(_TAG, lines):
        return []
    changes: list[Replacement] = []
    free = set(_outside((match.span() for match in matches), _fences(text)))
    line_end = 0
    code: list[tuple[int, int]] = []
    for match in matches:
        start, end = match.span()
        decoded = _entity(match, angle_brackets)
        if decoded is None or match.span() not in free:
            continue
        if start >= line_end:
            line_start = max(text.rfind("\n", line_end, start), text.rfind("\r", line_end, start)) + 1 or line_end
            found = _LINE_END.search(text, end)
            line_end = found.start() if found else len(text)
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


def _find_entities(lines: Lines, options: EntitiesOptions) -> list[Replacement]:
    changes = _entity_changes(lines, options.angle_brackets)
    # Decoding may put together another entity or undo a code span: such a text stays as it is.
    if changes:
        decoded = splice(lines.text, ((change.start, change.end, change.after) for change in changes))
        if _entity_changes(Lines.of(decoded), options.angle_brackets):
            return []
    return changes


# Invisible characters

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


def _find_invisible(lines: Lines, options: InvisibleOptions) -> list[Replacement]:
    text = lines.text
    candidates, pattern = _invisible(options.soft_hyphens)
    changes: list[Replacement] = []
    start = end = 0
    for match in (match for line in _lines_with(candidates, lines) for match in pattern.finditer(text, *line)):
        if match.start() > end and start < end:
            changes.append(Replacement(start, end, "", {"characters": _code_points(text[start:end])}))
        if match.start() > end or start == end:
            start = match.start()
        end = match.end()
    if start < end:
        changes.append(Replacement(start, end, "", {"characters": _code_points(text[start:end])}))
    return changes


# Spacing

_BLANK_CHARACTERS = " \t\xa0\u1680\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))


def _find_trailing_blanks(lines: Lines, options: TrailingBlanksOptions) -> list[Replacement]:
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
    for start, end in _outside(iter(runs), _fences(text)):
        if start in breaks and text[start:end] == "  ":
            continue
        changes.append(Replacement(start, end, "", {"characters": _code_points(text[start:end])}))
    return changes


def _find_blank_lines(lines: Lines, options: BlankLinesOptions) -> list[Replacement]:
    if not _has_blank_lines(lines, options):
        return []
    texts, starts = lines.texts, lines.starts
    spans = ((starts[at], starts[at + 1]) for at, line in enumerate(texts) if not line.strip(_BLANK_CHARACTERS))
    outside = {start for start, _ in _outside(spans, _fences(lines.text))}
    blank = [start in outside for start in starts[:-1]]
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


def _find_non_breaking_spaces(lines: Lines, options: NonBreakingSpacesOptions) -> list[Replacement]:
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
    for start, end in _outside(iter(runs), _fences(text)):
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
        changes.append(Replacement(start, end, after, {"characters": _code_points(run)}))
    return changes


OPERATIONS: Mapping[str, Operation] = {
    "encoding": Operation("Mojibake: text decoded with the wrong encoding", "fix", EncodingOptions, _find_encoding),
    "entities": Operation("Leftover HTML entities, in text that holds no tags", "fix", EntitiesOptions, _find_entities),
    "invisible": Operation(
        "Control characters, terminal escapes, zero-width spaces, soft hyphens",
        "fix",
        InvisibleOptions,
        _find_invisible,
    ),
    "trailing_blanks": Operation(
        "Blanks at the ends of lines", "spacing", TrailingBlanksOptions, _find_trailing_blanks
    ),
    "blank_lines": Operation(
        "Too many blank lines in a row, or at the start or end",
        "spacing",
        BlankLinesOptions,
        _find_blank_lines,
    ),
    "non_breaking_spaces": Operation(
        "Non-breaking spaces in runs, beside other blanks or at a line's edge",
        "spacing",
        NonBreakingSpacesOptions,
        _find_non_breaking_spaces,
    ),
}
"""The operations by the name that `with: {operation: …}` gives."""


def operation_schemas() -> dict[str, dict[str, Any]]:
    """Return for each operation the JSON Schema of its options, with what it repairs as the description.

    >>> operation_schemas()["entities"]["properties"]["angle_brackets"]["default"]
    False
    """
    types = [operation.options for operation in OPERATIONS.values()]
    _, schemas = msgspec.json.schema_components(types)
    return {
        name: {
            "description": operation.about,
            "type": "object",
            "properties": schemas[operation.options.__name__]["properties"],
        }
        for name, operation in OPERATIONS.items()
    }

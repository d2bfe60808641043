"""Text as rules see it: lines, folding, and counts.

A line ends at LF, CRLF or a lone CR. The other characters that Unicode calls line breaks (U+2028,
U+2029, form feed, vertical tab, NEL) are ordinary characters inside a line, so that no splitting
and joining can lose them.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import accumulate, zip_longest

__all__ = [
    "APOSTROPHES",
    "DASHES",
    "EDGE",
    "INVISIBLE",
    "QUOTES",
    "SPACES",
    "UNUSUAL",
    "Lines",
    "ends_sentence",
    "fold",
    "fold_offsets",
    "holds_unusual",
    "host_of",
    "is_unspaced",
    "link_spans",
    "plain_host",
    "strip_edges",
    "word_count",
]


@dataclass(frozen=True)
class Lines:
    r"""A text and its lines: `texts` without their ends, `starts` as offsets (code points).

    `starts` has one entry more than `texts`: the length of the text.

    >>> lines = Lines.of("a\r\nb\n")
    >>> lines.texts, lines.starts
    (['a', 'b'], [0, 3, 5])
    """

    text: str
    texts: list[str]
    ends: list[str] | None  # the line ends where they are not all alike

    @classmethod
    def of(cls, text: str) -> Lines:
        """Split `text` into lines; a final line end opens no further line."""
        ends = None
        if "\r" in text:
            pieces = _LINE_END.split(text)  # line, end, line, end, …, line
            texts, ends = pieces[0::2], pieces[1::2]
        else:
            texts = text.split("\n")
        if not texts[-1]:
            texts.pop()
        return cls(text, texts, ends)

    @cached_property
    def starts(self) -> list[int]:
        """Where each line starts, and where the text ends."""
        if self.ends is None:
            lengths = [len(line) + 1 for line in self.texts]
        else:
            lengths = [len(line) + len(end) for line, end in zip_longest(self.texts, self.ends, fillvalue="")]
        starts = list(accumulate(lengths, initial=0))
        starts[-1] = len(self.text)
        return starts

    @cached_property
    def data(self) -> bytes:
        """The text as UTF-8, lone surrogates included: what RE2 looks at."""
        return self.text.encode("utf-8", "surrogatepass")

    def end(self, index: int) -> int:
        """Return the offset at which line `index` ends, before its line end."""
        return self.starts[index] + len(self.texts[index])

    def line_at(self, offset: int) -> int:
        r"""Return the index of the line that an offset stands in, with its line end; the text's end is in the last line.

        >>> lines = Lines.of("a\r\nb\n")
        >>> [lines.line_at(offset) for offset in range(6)]
        [0, 0, 0, 1, 1, 1]
        """
        return max(0, bisect_right(self.starts, offset, hi=len(self.texts)) - 1)

    @cached_property
    def stripped(self) -> list[str]:
        """The lines without blanks at their ends."""
        return list(map(str.strip, self.texts))

    @cached_property
    def filled(self) -> list[int]:
        """The indices of the lines that are not blank."""
        return [index for index, line in enumerate(self.stripped) if line]


_LINE_END = re.compile(r"(\r\n|\r|\n)")

# ------------------------------------------------------------------ folding
# Each constant is the inside of a character class that `re`, `regex` and RE2 read alike: explicit
# ranges only, because the engines follow different versions of Unicode.

SPACES = r"\t\n\x0b\x0c\r\x1c-\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"
APOSTROPHES = r"'`\x{b4}\x{2b9}\x{2bb}\x{2bc}\x{2018}-\x{201b}\x{2032}\x{ff07}"
QUOTES = r'"\x{ab}\x{bb}\x{201c}-\x{201f}\x{2033}\x{ff02}'
DASHES = r"\-\x{2010}-\x{2015}\x{2212}\x{fe58}\x{fe63}\x{ff0d}"
INVISIBLE = (
    r"\x{ad}\x{34f}\x{61c}\x{180e}\x{200b}-\x{200f}\x{202a}-\x{202e}\x{2060}-\x{2064}\x{2066}-\x{2069}"
    + r"\x{fe00}-\x{fe0f}\x{feff}\x{e0020}-\x{e007f}"
)
# What `is` ignores around a phrase: blanks, punctuation, bullets, arrows, symbols, emoji, and the
# private-use characters that icon fonts leave behind.
EDGE = (
    SPACES
    + r"!-/:-@\[-`{-~\x{a1}-\x{a9}\x{ab}-\x{b1}\x{b4}\x{b6}-\x{b8}\x{bb}\x{bf}\x{d7}\x{f7}\x{2b9}-\x{2bc}"
    + r"\x{2010}-\x{2027}\x{2030}-\x{205e}\x{20a0}-\x{20cf}\x{2190}-\x{2bff}\x{2e00}-\x{2e7f}\x{3001}-\x{3004}\x{3008}-\x{3020}"
    + r"\x{3030}\x{303d}\x{30fb}\x{60c}\x{61b}\x{61f}\x{6d4}\x{964}\x{965}\x{e000}-\x{f8ff}\x{fe10}-\x{fe19}\x{fe30}-\x{fe6b}"
    + r"\x{ff01}-\x{ff0f}\x{ff1a}-\x{ff20}\x{ff3b}-\x{ff40}\x{ff5b}-\x{ff65}\x{589}\x{104a}\x{104b}\x{17d4}\x{1f000}-\x{1faff}"
)


def _python_class(ranges: str) -> str:
    r"""Rewrite ``\x{…}`` escapes, which `re` does not know, as characters."""
    return re.sub(r"\\x\{([0-9a-f]+)\}", lambda match: re.escape(chr(int(match[1], 16))), ranges)


_RANGE_END = r"(?:\\x\{([0-9a-f]+)\}|\\x([0-9a-f]{2})|(\\.|[^\\]))"


def _characters(ranges: str) -> str:
    """Return every character of a class's ranges."""
    characters: list[str] = []
    for match in re.finditer(f"{_RANGE_END}(?:-{_RANGE_END})?", ranges):
        low, high = (_code(match.groups()[at : at + 3]) for at in (0, 3))
        characters.extend(map(chr, range(low, max(low, high) + 1)))
    return "".join(characters)


def _code(parts: Sequence[str | None]) -> int:
    long, short, literal = parts
    if literal:
        named = {"\\t": 9, "\\n": 10, "\\r": 13}
        return named.get(literal, ord(literal[-1]))
    return int(long or short or "0", 16)


_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_FOLD: dict[int, str | int | None] = {
    **_FULL_WIDTH,
    **{ord(character): " " for character in _characters(SPACES)},
    **{ord(character): "'" for character in _characters(APOSTROPHES)},
    **{ord(character): '"' for character in _characters(QUOTES)},
    **{ord(character): "-" for character in _characters(DASHES)},
    **{ord(character): None for character in _characters(INVISIBLE)},
    ord("…"): "...",
    ord("İ"): "i",  # casefold would make two characters of it, and Turkish capitals come without a dot
    ord("ı"): "i",
    ord("ŉ"): "'n",
    0xFF40: "'",
}
_UNSEEN = dict.fromkeys(map(ord, _characters(INVISIBLE)))
# What most texts hold beside ASCII: replaced one by one they take a tenth of the time that translating takes.
_TYPOGRAPHIC = tuple((mark, str(_FOLD[ord(mark)])) for mark in "’‘“”–—…\xa0")
_MARKED = re.compile(
    r"[\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0900-\u0dff\u1ab0-\u1aff\u1dc0-\u1dff\u3099\u309a]"
)

# Characters whose folding is more than another case, blank, quote or full-width mark: multi-character folds other
# than of ß and İ, compatibility letters, marks that may compose, invisible ones. Only lines that hold one need to be folded
# before they can be scanned.
UNUSUAL = (
    INVISIBLE
    + r"\x{b5}\x{149}\x{17f}\x{1c5}\x{1c8}\x{1cb}\x{1f0}\x{1f2}\x{300}-\x{36f}\x{390}\x{3b0}"
    + r"\x{3d0}-\x{3d1}\x{3d5}-\x{3d6}\x{3f0}-\x{3f1}\x{3f4}-\x{3f5}\x{483}-\x{487}\x{587}\x{591}-\x{5c7}\x{610}-\x{61a}"
    + r"\x{64b}-\x{65f}\x{93c}\x{94d}\x{951}-\x{954}\x{958}-\x{95f}\x{9bc}-\x{9cd}\x{9dc}-\x{9df}\x{9fe}"
    + r"\x{a33}-\x{a4d}\x{a59}-\x{a5e}\x{abc}-\x{acd}"
    + r"\x{b3c}-\x{b5d}\x{bcd}\x{c3c}-\x{c56}\x{cbc}-\x{ccd}\x{d3b}-\x{d4d}\x{dca}\x{13f8}-\x{13fd}\x{1ab0}-\x{1aff}"
    + r"\x{1c80}-\x{1c88}\x{1dc0}-\x{1dff}\x{1e96}-\x{1e9b}\x{1f50}-\x{1f56}\x{1f80}-\x{1fff}\x{2126}\x{212a}-\x{212b}"
    + r"\x{3099}-\x{309a}\x{ab70}-\x{abbf}\x{fb00}-\x{fb06}\x{fb13}-\x{fb17}\x{ff10}-\x{ff19}\x{ff21}-\x{ff3a}\x{ff41}-\x{ff5a}"
)


def fold(text: str, *, case: bool = False) -> str:
    r"""Return `text` as phrases are compared: case, blanks, quotes, dashes and invisible characters evened out.

    Runs of blanks become one space. With `case`, upper and lower case stay apart.

    >>> fold("Don’t\u00a0 SHARE\u200b — it")
    "don't share - it"
    """
    plain = _as_ascii(text)
    if plain.isascii():
        folded = plain if case else plain.lower()
        if folded.isprintable() and "  " not in folded:
            return folded.replace("`", "'")
    folded = _fold_once(text, case)
    if _MARKED.search(text):
        # Marks may compose with what stands before them, or with what folding makes of it.
        seen = text.translate(_UNSEEN)
        if not (unicodedata.is_normalized("NFC", seen) and unicodedata.is_normalized("NFC", folded)):
            return "".join(piece for _, piece in _pieces(text, case))
    return _BLANKS.sub(" ", folded)


def _as_ascii(text: str) -> str:
    """Return a text with typographic quotes, dashes, dots and blanks as they are folded; often all of it is ASCII then."""
    if not text.isascii():
        for mark, folded in _TYPOGRAPHIC:
            text = text.replace(mark, folded)
    return text


def holds_unusual(text: str) -> bool:
    """Tell whether a text holds a character of `UNUSUAL`: without, each character folds as it does alone."""
    return _unusual().search(text) is not None


@cache
def _unusual() -> re.Pattern[str]:
    return re.compile(f"[{_python_class(UNUSUAL)}]")


def _fold_once(text: str, case: bool) -> str:
    folded = text.translate(_FOLD) if _FOLDS.search(text) else text  # translating is ten times as slow as looking
    return folded if case else folded.casefold()


_FOLDS = re.compile("[" + "".join(re.escape(chr(code)) for code in sorted(_FOLD) if code != 0x20) + "]")
_BLANKS = re.compile(r" {2,}")


def fold_offsets(text: str, *, case: bool = False) -> list[int]:
    r"""Return for each character of `fold(text)` the offset in `text` it comes from, and last the length.

    >>> fold_offsets("a\u200b  b")
    [0, 2, 4, 5]
    """
    offsets: list[int] = []
    for offset, piece in _pieces(text, case):
        offsets.extend([offset] * len(piece))
    offsets.append(len(text))
    return offsets


def _belongs_to_base(character: str) -> bool:
    if ord(character) in _UNSEEN:
        return True
    return unicodedata.combining(character) > 0 and _MARKED.match(character) is not None


def _pieces(text: str, case: bool) -> list[tuple[int, str]]:
    """Fold character by character (a base and its marks count as one), keeping each one's offset."""
    pieces: list[tuple[int, str]] = []
    length = len(text)
    position = 0
    blank = False
    while position < length:
        start = position
        position += 1
        while position < length and _belongs_to_base(text[position]):
            position += 1
        cluster = text[start:position].translate(_UNSEEN)
        marked = len(cluster) > 1 or _MARKED.match(cluster) is not None
        folded = _fold_once(unicodedata.normalize("NFC", cluster) if marked else cluster, case)
        while len(cluster) > 1 and folded != cluster:  # a folded letter may compose with its marks: ｅ and ´ make é
            cluster = folded
            folded = _fold_once(unicodedata.normalize("NFC", cluster), case)
        for character in folded:
            if character == " " and blank:
                continue
            blank = character == " "
            pieces.append((start, character))
    return pieces


_EDGES = re.compile(f"[{_python_class(EDGE)}]*")


def strip_edges(folded: str) -> tuple[int, int]:
    """Return where a folded text starts and ends without bullets, arrows, blanks and punctuation around it.

    >>> start, end = strip_edges("↗ share:")
    >>> "↗ share:"[start:end]
    'share'
    """
    if folded and "a" <= folded[0] <= "z" and "a" <= folded[-1] <= "z":  # as most texts do
        return 0, len(folded)
    head = _EDGES.match(folded)
    start = head.end() if head else 0
    if start == len(folded):
        return start, start
    tail = _EDGES.match(folded[::-1])
    return start, len(folded) - (tail.end() if tail else 0)


# Classes that span whole scripts take milliseconds to compile: when first needed.
_UNSPACED = (
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3040-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)


def is_unspaced(character: str) -> bool:
    """Tell whether a character is of a script that puts no spaces between words (Han, kana, Thai, Lao, Khmer, Burmese)."""
    return _compiled(_UNSPACED).match(character) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


# ------------------------------------------------------------------ counts and shapes

_ASCII_MARKS = bytes(code for code in range(0x80) if not (chr(code).isalnum() or chr(code).isspace()))
_ASCII_BLANKS = bytes(0x20 if chr(code).isspace() else code for code in range(0x100))
_NO_WORD = re.compile(r"(?<!\S)(?:[^\w\s]|_)+(?!\S)")


def word_count(text: str) -> int:
    """Return the number of words: stretches without blanks that hold a letter or digit.

    Each character of a script that puts no spaces between words (`is_unspaced`) counts as one.

    >>> word_count("He said – twice – 你好 ok")
    6
    """
    plain = _as_ascii(text)
    if plain.isascii():
        return len(plain.encode().translate(_ASCII_BLANKS, _ASCII_MARKS).split())
    if not (unspaced := _compiled(_UNSPACED)).search(text):
        return len(text.split()) - len(_NO_WORD.findall(text))
    apart, count = unspaced.subn(" ", text)
    return count + word_count(apart)


_CLOSERS = "\"'”’»›)]}）」』】〉》*_\u200b\u200d\ufe0f \t\u00a0"
_FULL_STOPS = frozenset(".!?…。！？．｡؟۔।॥։።၊။។៕᙮᠃⸮‼⁇⁈⁉")


def ends_sentence(text: str) -> bool:
    """Tell whether a text ends like a sentence: a full stop of any script, and closing quotes or brackets after it.

    >>> ends_sentence('He said "no."'), ends_sentence("Read next")
    (True, False)
    """
    text = text.rstrip()
    stripped = text.rstrip(_CLOSERS)
    return bool(stripped) and stripped[-1] in _FULL_STOPS


_LINK = re.compile(
    r"\[[^\]\n]{0,500}\]\(\S{1,2000}?\)|(?:https?://|www\.)\S+|[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+"
)


def link_spans(text: str) -> Sequence[tuple[int, int]]:
    """Return where the links of a text stand: Markdown links, URLs and e-mail addresses.

    >>> link_spans("see www.example.org/a now")
    [(4, 21)]
    """
    if "://" not in text and "www." not in text and "@" not in text and "](" not in text:
        return []
    return [match.span() for match in _LINK.finditer(text)]


def host_of(url: str | None) -> str:
    """Return the host of an address, in lower case; "" for what has none.

    >>> host_of("https://News.example.org:8080/a"), host_of("no address")
    ('news.example.org', '')
    """
    if not url:
        return ""
    from urllib.parse import urlsplit  # takes longer to import than most texts take to clean

    try:
        return plain_host(urlsplit(url).hostname or "")
    except ValueError:
        return ""


def plain_host(host: str) -> str:
    """Return a host as sites are compared: in lower case, without a final dot, and in its own letters.

    >>> plain_host("WWW.xn--mnchen-3ya.DE.")
    'www.münchen.de'
    """
    host = host.lower().rstrip(".")
    if host.isascii() and "xn--" not in host:
        return host
    return unicodedata.normalize("NFC", ".".join(map(_in_letters, host.split("."))))


def _in_letters(label: str) -> str:
    """Return a part of a host without the ASCII that stands for other letters (RFC 3492); what is none stays."""
    if not label.startswith("xn--"):
        return label
    try:
        return label[4:].encode("ascii").decode("punycode").lower()
    except UnicodeError:
        return label

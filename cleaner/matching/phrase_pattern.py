"""Phrases as a pattern of RE2, for tests that find them anywhere in a text or at its end."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby

from cleaner.rules.model import Phrase, fold_phrase
from cleaner.rules.patterns import NOT_ASCII

__all__ = ["phrase_pattern"]


def phrase_pattern(key: str, phrases: Sequence[Phrase], *, whole: bool = True) -> str:
    """Return an RE2 pattern that matches every line, folded or not, on which an `ends` or `has` test could hit.

    Lines with unusual characters (`cleaner.text.UNUSUAL`) must be folded first. If not `whole`, of a long phrase that lines
    may hold anywhere the first letters do: it compiles sooner, and hardly matches more.
    """
    texts = {fold_phrase(phrase)[0] for phrase in phrases}
    if not whole and key == "has":
        texts = {text if len(text) <= _LETTERS else text[:_LETTERS].rstrip("s") + _CUT for text in texts}
    tree = _tree(sorted(texts), True, key == "has")
    written: dict[str, str] = dict(_MARKS)

    def write(found: re.Match[str]) -> str:
        piece = found[0]
        if piece not in written:
            written[piece] = _written(piece)
        return written[piece]

    tail = rf"(?-i:[{_ASCII_EDGE}{NOT_ASCII}]*)$" if key == "ends" else ""
    return f"(?is)(?:{_PIECE.sub(write, tree)}){tail}"


# Patterns are put together from folded text, which has no capitals of ASCII, and translated as a whole: these
# capitals stand for what is no text.
_OPEN, _CLOSE, _OR, _EDGE, _CUT = "A", "B", "C", "D", "E"
_MARKS = {_OPEN: "(?:", _CLOSE: ")", _OR: "|", _EDGE: r"\b", _CUT: ""}
# Of a phrase that is cut; a run of `s` at its end is left out, because a line may have `ß` for some of it.
_LETTERS = 14
_PIECE = re.compile(r"\.+| +|ss+|[^0-9a-hj-z]")
_ASCII_EDGE = r"\t-\r\x1c-/:-@\[-`{-\x7f"
_MORE_FORMS = {"σ": "ς", "i": "ıİ"}


def _tree(texts: Iterable[str], edge_before: bool, edge_after: bool) -> str:
    """Return sorted texts as alternatives with their edges marked; words that several start with are said once.

    So RE2 has a third less to read and to compile.
    """
    branches: list[str] = []
    for word, group in groupby(texts, key=_first_word):
        of_word = list(group)
        before = _EDGE if edge_before and _is_edge(word[:1], word[:2]) else ""
        rest = [text[len(word) + 1 :] for text in of_word if text != word]
        if len(rest) < len(of_word):
            branches.append(before + _ended(word, edge_after))
        if len(rest) == 1:
            branches.append(f"{before}{word} {_ended(rest[0], edge_after)}")
        elif rest:
            branches.append(f"{before}{word} {_OPEN}{_tree(rest, False, edge_after)}{_CLOSE}")
    return _OR.join(branches)


def _first_word(text: str) -> str:
    return text.partition(" ")[0]


def _ended(text: str, edge_after: bool) -> str:
    return text + _EDGE if edge_after and _is_edge(text[-1:], text[-2:]) else text


def _is_edge(character: str, pair: str) -> bool:
    """Tell whether a phrase has a word edge, to RE2 as well, beside this character: one that only its other case passes for.

    Where what stands around the phrase is ignored, there is none: `_share_`.
    """
    return pair != "ss" and _PIECE.match(character) is None


def _written(piece: str) -> str:
    """Return the pattern of one character other than a letter or digit of ASCII, or of a run of dots, blanks or `s`.

    Beyond ASCII, anything may pass for a mark (`＂`, `…`), a blank or `ß`. Classes hold both cases of what they
    hold, and say so, because RE2 takes long to find the other case of every character.
    """
    first = piece[0]
    if first == "i" or not first.isascii():
        forms = _forms(first)
        return "[" + "".join(f"\\x{{{ord(form):x}}}" for form in forms) + "]" if forms else "."
    among = {" ": r"\t-\r\x1c-\x20", "'": "'`", "s": "sS"}.get(first) or f"\\x{ord(first):02x}"
    return f"(?-i:[{among}{NOT_ASCII}]+)"


def _forms(character: str) -> list[str]:
    """Return a folded character, its capital, the other σ and the Turkish i; an empty list for a lone surrogate."""
    upper = character.upper()
    forms = {character, upper, *_MORE_FORMS.get(character, "")} if len(upper) == 1 else {character}
    return [] if any(0xD800 <= ord(form) < 0xE000 for form in forms) else sorted(forms)

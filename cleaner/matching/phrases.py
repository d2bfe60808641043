"""Phrase tests: folded, word-edged, and by the document's language."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from typing import Generic, TypeVar

from cleaner.matching.units import Units
from cleaner.rules.model import Phrase
from cleaner.text import (
    fold,
    fold_offsets,
    is_unspaced,
    strip_edges,
)

__all__ = [
    "FINDERS",
    "PhraseIndex",
    "PhraseTable",
    "heads_for_scan",
    "phrase_spans",
    "phrases_for_scan",
    "primary_language",
]


# Three letters for the languages that packs have phrases in (ISO 639-2 and 639-3), and the two written forms of Norwegian.
_SHORTER = {
    "ces": "cs",
    "chi": "zh",
    "cmn": "zh",
    "cze": "cs",
    "dan": "da",
    "deu": "de",
    "dut": "nl",
    "eng": "en",
    "fra": "fr",
    "fre": "fr",
    "ger": "de",
    "ita": "it",
    "jpn": "ja",
    "nb": "no",
    "nld": "nl",
    "nn": "no",
    "nno": "no",
    "nob": "no",
    "nor": "no",
    "pol": "pl",
    "por": "pt",
    "rus": "ru",
    "slk": "sk",
    "slo": "sk",
    "spa": "es",
    "swe": "sv",
    "tur": "tr",
    "yue": "zh",
    "zho": "zh",
}


def primary_language(tag: str | None) -> str | None:
    """Return the first part of a language tag, by its two letters where that language has them.

    What says no language is None: no tag at all, or one that means undetermined, or several.

    >>> primary_language("pt-BR"), primary_language("deu_Latn"), primary_language("English"), primary_language("und")
    ('pt', 'de', None, None)
    """
    if not tag:
        return None
    first = tag.lower().replace("_", "-").partition("-")[0]
    if len(first) not in (2, 3) or first in ("und", "mul"):
        return None
    return _SHORTER.get(first, first)


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_" or unicodedata.category(character).startswith("M")


def _needs_edge(character: str) -> bool:
    """Tell whether a phrase that starts or ends with this character wants a word edge there."""
    return _is_word(character) and not is_unspaced(character)


@dataclass(frozen=True, slots=True)
class _Folded:
    text: str
    edge_before: bool
    edge_after: bool
    core: tuple[int, int] | None  # where it starts and ends without its own punctuation; None if it is no more


@dataclass(slots=True)
class _Picked:
    """A test's phrases for one language, longest first, and by what `is`, `starts` and `ends` look up."""

    longest: tuple[_Folded, ...]
    cores: dict[str, str] = field(init=False)
    bare: tuple[_Folded, ...] = field(init=False)  # those of mere punctuation
    by_first: dict[str, tuple[_Folded, ...]] = field(default_factory=dict)
    by_last: dict[str, tuple[_Folded, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.cores = {one.text[slice(*one.core)] if one.core else one.text: one.text for one in reversed(self.longest)}
        self.bare = tuple(one for one in self.longest if one.core is None)

    def starting(self, character: str) -> tuple[_Folded, ...]:
        """Return the phrases whose first character, other than punctuation, is this one, and those of mere punctuation."""
        if not self.by_first:
            self.by_first = self._by([one.text[one.core[0]] if one.core else "" for one in self.longest])
        return self.by_first.get(character, self.bare)

    def ending(self, character: str) -> tuple[_Folded, ...]:
        """Return the phrases whose last character, other than punctuation, is this one, and those of mere punctuation."""
        if not self.by_last:
            self.by_last = self._by([one.text[one.core[1] - 1] if one.core else "" for one in self.longest])
        return self.by_last.get(character, self.bare)

    def _by(self, characters: Sequence[str]) -> dict[str, tuple[_Folded, ...]]:
        pairs = list(zip(characters, self.longest, strict=True))
        return {wanted: tuple(one for character, one in pairs if character in ("", wanted)) for wanted in {*characters}}


@dataclass(slots=True)
class PhraseTable:
    """The phrases of one test, folded once, and picked by language."""

    phrases: Sequence[Phrase]
    case: bool
    by_language: dict[str | None, _Picked] = field(default_factory=dict)
    languages: frozenset[str | None] | None = None  # known when a language is first asked for

    def pick(self, language: str | None) -> _Picked:
        """Return the phrases for a language (None: all)."""
        key = primary_language(language)
        if key is not None:
            if self.languages is None:
                self.languages = frozenset(map(primary_language, {phrase.language for phrase in self.phrases}))
            if key not in self.languages:
                key = ""  # documents may claim any language: those without phrases share one entry
        found = self.by_language.get(key)
        if found is None:
            folded = dict.fromkeys(
                fold(phrase.text, case=self.case).strip()
                for phrase in self.phrases
                if key is None or phrase.language is None or primary_language(phrase.language) == key
            )
            edged = map(_with_edges, folded)
            longest = tuple(sorted(edged, key=lambda one: (-len(one.text), one.text)))
            found = self.by_language[key] = _Picked(longest)
        return found


@lru_cache(maxsize=1 << 15)  # the same names stand in many tests
def _with_edges(text: str) -> _Folded:
    start, end = strip_edges(text)
    return _Folded(text, _needs_edge(text[0]), _needs_edge(text[-1]), (start, end) if start < end else None)


def _edge_before(folded: str, phrase: _Folded, start: int) -> bool:
    return not phrase.edge_before or start == 0 or not _needs_edge(folded[start - 1])


def _edge_after(folded: str, phrase: _Folded, start: int) -> bool:
    end = start + len(phrase.text)
    if end >= len(folded):
        return True
    if unicodedata.category(folded[end]).startswith("M"):  # a mark belongs to the letter before it
        return False
    return not phrase.edge_after or not _needs_edge(folded[end])


def _find_is(table: PhraseTable, units: Units, index: int) -> tuple[str, int, int] | None:
    folded = units.fold(index, table.case)
    start, end = units.edges(index, table.case)
    if start == end:  # only punctuation: it must be the phrase itself
        start, end = len(folded) - len(folded.lstrip()), len(folded.rstrip())
    core = folded[start:end]
    phrase = table.pick(units.language).cores.get(core)
    return None if phrase is None else (phrase, start, end)


def _find_starts(table: PhraseTable, units: Units, index: int) -> tuple[str, int, int] | None:
    folded = units.fold(index, table.case)
    edge = units.edges(index, table.case)[0]
    blank = len(folded) - len(folded.lstrip())
    for phrase in table.pick(units.language).starting(folded[edge : edge + 1]):
        start = edge - phrase.core[0] if phrase.core else blank
        if start >= 0 and folded.startswith(phrase.text, start) and _edge_after(folded, phrase, start):
            return phrase.text, start, start + len(phrase.text)
    return None


def _find_ends(table: PhraseTable, units: Units, index: int) -> tuple[str, int, int] | None:
    folded = units.fold(index, table.case)
    edge = units.edges(index, table.case)[1]
    blank = len(folded.rstrip())
    for phrase in table.pick(units.language).ending(folded[edge - 1 : edge]):
        start = edge - phrase.core[1] if phrase.core else blank - len(phrase.text)
        if start >= 0 and folded.startswith(phrase.text, start) and _edge_before(folded, phrase, start):
            return phrase.text, start, start + len(phrase.text)
    return None


def _occurrences(folded: str, phrase: _Folded) -> list[int]:
    found: list[int] = []
    start = folded.find(phrase.text)
    while start >= 0:
        if _edge_before(folded, phrase, start) and _edge_after(folded, phrase, start):
            found.append(start)
            start = folded.find(phrase.text, start + len(phrase.text))
        else:
            start = folded.find(phrase.text, start + 1)
    return found


def _find_has(table: PhraseTable, units: Units, index: int) -> tuple[str, int, int] | None:
    folded = units.fold(index, table.case)
    for phrase in table.pick(units.language).longest:
        if phrase.text in folded:
            found = _occurrences(folded, phrase)
            if found:
                return phrase.text, found[0], found[0] + len(phrase.text)
    return None


# Each finds the phrase that hits and where it stands in the folded text.
FINDERS: dict[str, Callable[[PhraseTable, Units, int], tuple[str, int, int] | None]] = {
    "is": _find_is,
    "starts": _find_starts,
    "ends": _find_ends,
    "has": _find_has,
}


def phrase_spans(key: str, table: PhraseTable, units: Units, index: int) -> list[tuple[int, int, str]]:
    """Return where a test's phrases stand in a unit (offsets inside its text) and which they are; `has` finds all."""
    hit = FINDERS[key](table, units, index)
    if hit is None:
        return []
    found = [hit]
    if key == "has":
        folded = units.fold(index, table.case)
        taken: list[tuple[int, int, str]] = []
        for phrase in table.pick(units.language).longest:
            more = [(start, start + len(phrase.text), phrase.text) for start in _occurrences(folded, phrase)]
            more = [span for span in more if _is_free(taken, span[0], span[1])]
            taken = sorted(taken + more) if more else taken
        found = [(text, start, end) for start, end, text in taken]
    offsets = fold_offsets(units.texts[index], case=table.case)
    # Where a character folds to several, as `…` does, the phrase must not start or end among them.
    return [
        (offsets[start], offsets[end], text)
        for text, start, end in found
        if offsets[end - 1] < offsets[end] and (start == 0 or offsets[start - 1] < offsets[start])
    ]


def _is_free(taken: Sequence[tuple[int, int, str]], start: int, end: int) -> bool:
    """Tell whether no span of a sorted list, whose spans do not overlap, overlaps ``[start, end)``."""
    place = bisect_left(taken, (end,))
    return place == 0 or taken[place - 1][1] <= start


# ------------------------------------------------------------------ for the accelerator

_Owner = TypeVar("_Owner")
_KEY = 6  # characters


@dataclass(slots=True)
class PhraseIndex(Generic[_Owner]):
    """The phrases of all `is`, `starts` and `ends` tests, to be looked up in a folded text; languages and word edges aside.

    Phrases are kept by their first or last characters, and those of mere punctuation apart.
    """

    whole: dict[str, list[_Owner]] = field(default_factory=dict)
    heads: dict[str, dict[str, list[_Owner]]] = field(default_factory=dict)
    tails: dict[str, dict[str, list[_Owner]]] = field(default_factory=dict)
    bare_heads: dict[str, list[_Owner]] = field(default_factory=dict)
    bare_tails: dict[str, list[_Owner]] = field(default_factory=dict)

    def add(self, key: str, phrases: Iterable[Phrase], owner: _Owner) -> None:
        """Add the phrases of an `is`, `starts` or `ends` test."""
        for text, start, end in dict.fromkeys([_folded(phrase.text) for phrase in phrases]):
            if key == "is":
                table, known = self.whole, text[start:end] or text
            elif start == end:
                table, known = (self.bare_heads if key == "starts" else self.bare_tails), text
            elif key == "starts":
                table, known = self.heads.setdefault(text[start : start + _KEY], {}), text[start:]
            else:
                table, known = self.tails.setdefault(text[max(0, end - _KEY) : end], {}), text[:end]
            table.setdefault(known, []).append(owner)

    def find(self, folded: str) -> set[_Owner]:
        """Return the owners of all phrases that a folded text is, starts with or ends with, perhaps."""
        start, end = strip_edges(folded)
        found = set(self.whole.get(folded[start:end] or folded.strip(), ()))
        for length in range(1, min(_KEY, len(folded) - start) + 1) if self.heads else ():
            for text, owners in self.heads.get(folded[start : start + length], {}).items():
                if folded.startswith(text, start):
                    found.update(owners)
        for length in range(1, min(_KEY, end) + 1) if self.tails else ():
            for text, owners in self.tails.get(folded[end - length : end], {}).items():
                if folded.endswith(text, 0, end):
                    found.update(owners)
        for text, owners in self.bare_heads.items():
            if folded.lstrip().startswith(text):
                found.update(owners)
        for text, owners in self.bare_tails.items():
            if folded.rstrip().endswith(text):
                found.update(owners)
        return found


@lru_cache(maxsize=1 << 15)
def _folded(text: str) -> tuple[str, int, int]:
    """Return a phrase folded, and where it starts and ends without the punctuation around it."""
    folded = fold(text).strip()
    return (folded, *strip_edges(folded))


_HEAD = 12  # characters of a phrase that the finder looks at: more make a larger automaton, fewer more false alarms


def heads_for_scan(whole: Iterable[Phrase], heads: Iterable[Phrase]) -> bytes:
    """Return an RE2 pattern over UTF-8 as bytes that finds every line that is, or starts with, one of these phrases.

    Lines with unusual characters (`cleaner.text.UNUSUAL`) aside. Bytes make an automaton a tenth as large.
    """
    full: set[str] = set()
    cut: set[str] = set()
    starting: set[str] = set()
    for phrase in whole:
        text, start, end = _folded(phrase.text)
        text = text[start:end] or text
        (full if len(text) <= _HEAD else cut).add(_head(text))
    for phrase in heads:
        text = _folded(phrase.text)[0]
        (starting if len(text) <= _HEAD else cut).add(_head(text))
    around = rf"(?-i:[{_ASCII_EDGE}\x80-\xff]*)"
    branches = [
        f"(?:{_one_of(texts, False, edged, _BYTES)}){tail}"
        for texts, edged, tail in ((full, False, around + "$"), (starting, True, ""), (cut, False, ""))
        if texts
    ]
    return f"(?ism)^{around}(?:{'|'.join(branches)})".encode("ascii")


def _head(text: str) -> str:
    """Return what the finder looks at of a folded phrase; the two `s` of a folded `ß` stay together."""
    head = text[:_HEAD].rstrip()
    return head.rstrip("s") or text if text.startswith("s", _HEAD) else head


def phrases_for_scan(key: str, phrases: Sequence[Phrase]) -> str:
    """Return an RE2 pattern that matches every line, folded or not, on which an `ends` or `has` test could hit.

    Lines with unusual characters (`cleaner.text.UNUSUAL`) must be folded first.
    """
    inner = _one_of({_folded(phrase.text)[0] for phrase in phrases}, True, key == "has", _CHARACTERS)
    tail = rf"(?-i:[{_ASCII_EDGE}\x{{80}}-\x{{10ffff}}]*)$" if key == "ends" else ""
    return f"(?is)(?:{inner}){tail}"


# Patterns are put together from folded text, which has no capitals of ASCII, and translated as a whole: these
# capitals stand for what is no text.
_OPEN, _CLOSE, _OR, _EDGE = "A", "B", "C", "D"
_MARKS = {_OPEN: "(?:", _CLOSE: ")", _OR: "|", _EDGE: r"\b"}
_PIECE = re.compile(r"\.+| +|ss+|[^0-9a-hj-z]")


def _one_of(texts: Iterable[str], edge_before: bool, edge_after: bool, alphabet: _Alphabet) -> str:
    """Return the RE2 pattern, to be read with ``i``, of one of these folded texts; edges are those of words."""
    written: dict[str, str] = dict(_MARKS)

    def write(found: re.Match[str]) -> str:
        piece = found[0]
        if piece not in written:
            written[piece] = alphabet.piece(piece)
        return written[piece]

    return _PIECE.sub(write, _tree(sorted(texts), edge_before, edge_after))


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


@dataclass(frozen=True, slots=True)
class _Alphabet:
    """How characters are written as patterns; `beyond` is all that is not ASCII, inside a class."""

    beyond: str
    letter: Callable[[str], str]  # of one that is not ASCII, or `i`

    def piece(self, piece: str) -> str:
        """Return the pattern of one character other than a letter or digit of ASCII, or of a run of dots, blanks or `s`.

        Beyond ASCII, anything may pass for a mark (`＂`, `…`), a blank or `ß`. Classes hold both cases of what they
        hold, and say so, because RE2 takes long to find the other case of every character.
        """
        first = piece[0]
        if first == "i" or not first.isascii():
            return self.letter(first)
        among = {" ": r"\t-\r\x1c-\x20", "'": "'`", "s": "sS"}.get(first) or f"\\x{ord(first):02x}"
        return f"(?-i:[{among}{self.beyond}]+)"


_ASCII_EDGE = r"\t-\r\x1c-/:-@\[-`{-\x7f"


_MORE_FORMS = {"σ": "ς", "i": "ıİ"}


def _forms(character: str) -> list[str]:
    """Return a folded character, its capital, the other σ and the Turkish i; an empty list for a lone surrogate."""
    upper = character.upper()
    forms = {character, upper, *_MORE_FORMS.get(character, "")} if len(upper) == 1 else {character}
    return [] if any(0xD800 <= ord(form) < 0xE000 for form in forms) else sorted(forms)


@lru_cache(maxsize=4096)
def _letter(character: str) -> str:
    forms = _forms(character)
    return "[" + "".join(f"\\x{{{ord(form):x}}}" for form in forms) + "]" if forms else "."


@lru_cache(maxsize=4096)
def _letter_bytes(character: str) -> str:
    forms = ["".join(f"\\x{byte:02x}" for byte in form.encode()) for form in _forms(character)]
    return f"(?-i:{'|'.join(forms)})" if forms else r"(?-i:[\x80-\xff]+)"


_CHARACTERS = _Alphabet(r"\x{80}-\x{10ffff}", _letter)
_BYTES = _Alphabet(r"\x80-\xff", _letter_bytes)

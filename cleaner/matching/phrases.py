"""Phrase tests: folded, word-edged, and by the document's language."""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from cleaner.languages import primary_language
from cleaner.matching.units import Units
from cleaner.rules.model import Phrase, fold_phrase
from cleaner.text import fold, fold_offsets, is_unspaced, strip_edges

__all__ = ["FINDERS", "PhraseTable", "needs_edge", "phrase_spans"]


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_" or unicodedata.category(character).startswith("M")


def needs_edge(character: str) -> bool:
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
                fold(phrase.text, case=True).strip() if self.case else fold_phrase(phrase)[0]
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
    return _Folded(text, needs_edge(text[0]), needs_edge(text[-1]), (start, end) if start < end else None)


def _edge_before(folded: str, phrase: _Folded, start: int) -> bool:
    return not phrase.edge_before or start == 0 or not needs_edge(folded[start - 1])


def _edge_after(folded: str, phrase: _Folded, start: int) -> bool:
    end = start + len(phrase.text)
    if end >= len(folded):
        return True
    if unicodedata.category(folded[end]).startswith("M"):  # a mark belongs to the letter before it
        return False
    return not phrase.edge_after or not needs_edge(folded[end])


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

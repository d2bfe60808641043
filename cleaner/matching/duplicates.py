"""Repeated units: which earlier one a unit equals, exactly or nearly.

Nearly equal means: of the words of both, in order, at least the wanted share is common (twice the common
words over all words). Candidates come from an index of rare words that no pair above the share can miss
(prefix filtering, Chaudhuri et al. 2006, "A primitive operator for similarity joins"), so that cost stays
close to linear; units over 400 words are compared for equality only.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from functools import partial

from cleaner.matching.units import Units
from cleaner.rules.model import Duplicate
from cleaner.text import ends_sentence

__all__ = ["earlier", "near_earlier", "near_previous", "passage_of", "repeated"]

_MOST_WORDS = 400
_MOST_CANDIDATES = (
    20  # the earliest ones; what shares rare words with more units than this is a table, not a repetition
)
_MOST_BEGINNINGS = 8  # earlier units where a passage is looked for: with all, cost grows with the square
_SENTENCE = 8  # words from which a unit that ends with a full stop counts as prose
_NOT_PROSE = re.compile(r"^[^\w\"“‘«(¿¡]|^\d+[.)]|[{}<>=;|\\_]|\t")  # list marks, numbering, tables, code


def earlier(units: Units) -> list[int]:
    """Return for each unit the index of the first equal one; its own where it is the first. Blanks at the ends do not count."""
    return units.once("earlier", _earlier)


def _earlier(units: Units) -> list[int]:
    first: dict[str, int] = {}
    return [first.setdefault(text, index) for index, text in enumerate(units.stripped)]


def repeated(units: Units, wanted: Duplicate) -> list[int]:
    """Return the indices of the units that repeat as is wanted: the one before, an earlier one, or in a passage; exactly."""
    if wanted.passage is not None:
        return sorted(passage_of(units, wanted.passage))
    later = units.once("later", _later)
    if wanted.of == "previous":
        return [index for index in later if units.stripped[index - 1] == units.stripped[index]]
    return later


def _later(units: Units) -> list[int]:
    """Return the indices of the units that equal an earlier one; several rules ask."""
    if len(set(units.stripped)) == len(units.texts):  # as in most texts
        return []
    return [index for index, first in enumerate(earlier(units)) if first != index]


def near_earlier(units: Units, share: float) -> list[int]:
    """Return for each unit the index of the first earlier one at least `share` (0..1) similar; its own where there is none."""
    return units.once(("near", share), partial(_near_earlier, share=share))


def near_previous(units: Units, share: float, index: int) -> bool:
    """Tell whether a unit is at least `share` (0..1) similar to the one before it."""
    if index == 0:
        return False
    same = earlier(units)
    if same[index] == same[index - 1]:
        return True
    left, right = units.texts[index - 1].split(), units.texts[index].split()
    if max(len(left), len(right)) > _MOST_WORDS:
        return False
    units.seconds_left()
    return _similarity(left, right, share) >= share


def passage_of(units: Units, words: int) -> dict[int, int]:
    """Return for each unit in a repeated passage the unit that it repeats.

    A passage is a stretch of two or more units that stood earlier in the same order, none of them in both
    stretches, and whose sentences hold at least `words` words: menus, tables and code repeat on purpose.
    """
    return units.once(("passage", words), partial(_passage_of, words=words))


def _passage_of(units: Units, words: int) -> dict[int, int]:
    # Most that repeats is short: no passage has more words in sentences than all of it.
    if _words_in_sentences(units, units.once("later", _later)) < words:
        return {}
    found: dict[int, int] = {}
    for start, source, length in _stretches(units):
        inside = range(start, start + length)
        if length > 1 and _words_in_sentences(units, inside) >= words:
            found.update((at, source + at - start) for at in inside)
    return found


def _words_in_sentences(units: Units, places: Iterable[int]) -> int:
    return sum(units.word_count(at) for at in places if _is_sentence(units, at))


def _is_sentence(units: Units, index: int) -> bool:
    text = units.texts[index]
    return ends_sentence(text) and units.word_count(index) >= _SENTENCE and not _NOT_PROSE.search(text)


def _stretches(units: Units) -> list[tuple[int, int, int]]:
    """Return the longest stretches that repeat an earlier one: where they begin, where that one does, and their length."""
    same = earlier(units)
    places: dict[int, list[int]] = {}
    for at, first in enumerate(same):
        holders = places.setdefault(first, [])
        if len(holders) < _MOST_BEGINNINGS:
            holders.append(at)
    found: list[tuple[int, int, int]] = []
    at = 0
    while at < len(same):
        longest = source = 0
        for other in places[same[at]]:
            length = 0
            while other + length < at and at + length < len(same) and same[other + length] == same[at + length]:
                length += 1
            if length > longest:
                longest, source = length, other
        if longest:
            found.append((at, source, longest))
        at += max(1, longest)
    return found


def _near_earlier(units: Units, share: float) -> list[int]:
    exact = earlier(units)
    words = [text.split() for text in units.texts]
    frequency = Counter(word for unit in words for word in set(unit))
    index: dict[str, list[int]] = {}
    result: list[int] = []
    for at, unit in enumerate(words):
        if exact[at] != at:
            result.append(exact[at])
            continue
        result.append(at)
        count = len(unit)
        if not 0 < count <= _MOST_WORDS:
            continue
        # A pair of similarity s shares at least s/(2-s) of the longer one's words; leaving out that many less one
        # of the words, rarest first, at least one of those left must be shared.
        rarest = sorted(unit, key=lambda word: (frequency[word], word))
        needed = math.ceil(share / (2 - share) * count - 1e-9)
        prefix = list(dict.fromkeys(rarest[: count - needed + 1]))
        candidates = sorted({other for word in prefix for other in index.get(word, ())})[:_MOST_CANDIDATES]
        for other in candidates:
            units.seconds_left()
            if _similarity(words[other], unit, share) >= share:
                result[at] = other
                break
        for word in prefix:
            holders = index.setdefault(word, [])
            if len(holders) < _MOST_CANDIDATES:  # later ones could never be among the earliest candidates
                holders.append(at)
    return result


def _similarity(left: list[str], right: list[str], wanted: float) -> float:
    if 2 * min(len(left), len(right)) < wanted * (len(left) + len(right)):
        return 0.0
    from difflib import SequenceMatcher

    matcher = SequenceMatcher(None, left, right, autojunk=False)
    return matcher.ratio() if matcher.quick_ratio() >= wanted else 0.0

"""Words, and which lines of a text are still there after any cleaner went over it.

Only the two texts are compared, so that cleaners without an audit are measured in the same way. A line is
still there if its words are, at their place: all of them, or at least `KEPT` of them where a line was edited,
joined to another or split.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import lru_cache

__all__ = ["KEPT", "overlap", "plain_words", "surviving", "words_of"]

KEPT = 0.6  # the least share of a line's words that must be left for the line to count as kept
_INSIDE = 0.8  # the least share of an output line's words that come from the line it is a piece of

_DROPPED = re.compile("['`\u00b4\u02bc\u2018\u2019\u00ad\u200b\u200c\u200d\u2060\ufeff]")
_WORD = re.compile(r"[^\W_]+")
_PLAIN_WORD = re.compile(r"\w+")


@lru_cache(maxsize=16_384)  # the same lines come again: in the clean text, and from the next extractor
def words_of(text: str) -> tuple[str, ...]:
    """Return the words by which lines are compared: compatibility forms, case, apostrophes and invisible characters do not count.

    >>> words_of("Don’t  share – the Ｆｉｌｅ_1")
    ('dont', 'share', 'the', 'file', '1')
    """
    if text.isascii():
        return tuple(_WORD.findall(text.lower().replace("'", "").replace("`", "")))
    return tuple(_WORD.findall(_DROPPED.sub("", unicodedata.normalize("NFKC", text).casefold())))


def plain_words(text: str) -> list[str]:
    r"""Return the words of the word measures: runs of ``\w`` in lower case.

    >>> plain_words("Don’t share")
    ['don', 't', 'share']
    """
    return _PLAIN_WORD.findall(text.lower())


def overlap(left: Counter[str], right: Counter[str]) -> int:
    """Return how many words two bags share.

    >>> overlap(Counter("aab"), Counter("abb"))
    2
    """
    if len(left) > len(right):
        left, right = right, left
    return sum(min(count, right[word]) for word, count in left.items() if word in right)


def surviving(lines: Sequence[str], clean: str) -> list[int | None]:
    """Return for each line, none of them blank, how many of its words `clean` still holds; None where the line is gone.

    >>> surviving(["Read next", "He left the old town."], "He left town.")
    [None, 3]
    """
    bags = [words_of(line) for line in lines]
    there = [line for line in clean.split("\n") if line.strip()]
    there_bags = [words_of(line) for line in there]
    keys = [" ".join(bag) or line.strip() for bag, line in zip(bags, lines, strict=True)]
    there_keys = [" ".join(bag) or line.strip() for bag, line in zip(there_bags, there, strict=True)]
    if keys == there_keys:
        return [len(bag) for bag in bags]
    kept: list[int | None] = [None] * len(lines)
    at = there_at = 0
    for same, there_same in [*_anchors(keys, there_keys), (len(keys), len(there_keys))]:
        if same > at and there_same > there_at:
            _fill_gap(kept, bags, range(at, same), there_bags[there_at:there_same])
        if same < len(keys):
            kept[same] = len(bags[same])
        at, there_at = same + 1, there_same + 1
    return kept


def _anchors(keys: list[str], there: list[str]) -> list[tuple[int, int]]:
    """Return the pairs of equal lines, in order."""
    earliest = _embed(keys, there)
    if earliest is not None:
        # The same lines from the end: where both agree, there is no other way to lay the text over the original.
        last = len(keys) - 1
        mirrored = _embed(keys[::-1], there[::-1])
        if mirrored is not None and [last - place for place in reversed(mirrored)] == earliest:
            return list(zip(earliest, range(len(there)), strict=True))
    matched = [
        (block.a + step, block.b + step)
        for block in SequenceMatcher(None, keys, there, autojunk=False).get_matching_blocks()
        for step in range(block.size)
    ]
    if earliest is not None and len(matched) < len(there):
        return list(zip(earliest, range(len(there)), strict=True))
    return matched


def _embed(keys: Sequence[str], there: Sequence[str]) -> list[int] | None:
    """Return the earliest places in `keys` of the lines of `there`, in order, or None where they do not all occur so."""
    places: list[int] = []
    at = 0
    for key in there:
        try:
            at = keys.index(key, at) + 1
        except ValueError:
            return None
        places.append(at - 1)
    return places


def _fill_gap(
    kept: list[int | None], bags: Sequence[Sequence[str]], gap: range, there: Sequence[Sequence[str]]
) -> None:
    """Look for edited, joined and split lines between two anchors, longest first; each word is given away once."""
    pool = [Counter(bag) for bag in there]
    sizes = [len(bag) for bag in there]
    for place in sorted(gap, key=lambda place: -len(bags[place])):
        count = len(bags[place])
        if not count:
            continue
        wanted = Counter(bags[place])
        least = KEPT * count
        shared = [
            overlap(wanted, left) if min(count, size) >= least else 0 for left, size in zip(pool, sizes, strict=True)
        ]
        best = max(range(len(pool)), key=shared.__getitem__)  # the first of equals
        if shared[best] >= least:
            kept[place] = shared[best]
            pool[best] = pool[best] - wanted
            continue
        pieces = [
            index for index, left in enumerate(pool) if left and overlap(wanted, left) >= _INSIDE * sum(left.values())
        ]
        together = sum((pool[index] for index in pieces), Counter[str]())
        found = overlap(wanted, together)
        if found >= least:
            kept[place] = found
            for index in pieces:
                pool[index] = Counter()

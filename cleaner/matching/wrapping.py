"""Wrapped units: the lines that a paragraph was broken into at some width, as in plain text, e-mails and old books.

Such a line says nothing by itself: what stands in it was begun on the line before, or ends on the next.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from itertools import accumulate

from cleaner.matching.units import Units
from cleaner.text import ends_sentence

__all__ = ["is_wrapped", "wrapped"]

_WIDTH = 25  # characters; no narrower text is wrapped
_RUNS_ON = re.compile(r"[^\W_]$|[,;%)\]’'–—-]$")  # how a line ends in the middle of a sentence
_AROUND = 6  # units to a side
_SHARE = 0.25  # of the units around; capitals begin the others, and paragraphs end


def wrapped(units: Units) -> list[int]:
    """Return the indices of the units that are lines of a wrapped paragraph.

    Where a line of 25 characters or more ends in the middle of a sentence, it and the line right below it are, if of
    the units around them, six to a side, a quarter go on so in lower case and are as wide themselves or end the sentence.
    Scripts without case cannot tell.
    """
    return units.once("wrapped", _wrapped)


def is_wrapped(units: Units, index: int) -> bool:
    """Tell whether a unit is a line of a wrapped paragraph."""
    places = wrapped(units)
    at = bisect_left(places, index)
    return at < len(places) and places[at] == index


def _wrapped(units: Units) -> list[int]:
    texts = units.stripped
    going_on = [at for at, text in enumerate(texts) if text[:1].islower() and _goes_on(units, at)]
    if not going_on:
        return []
    count = len(texts)
    until = list(accumulate(map(set(going_on).__contains__, range(count)), initial=0))
    found: list[int] = []
    for at in range(count):
        first, last = max(0, at - _AROUND), min(count, at + _AROUND + 1)
        if until[last] - until[first] >= _SHARE * (last - first) and (_runs_on(units, at) or _runs_on(units, at - 1)):
            found.append(at)
    return found


def _goes_on(units: Units, at: int) -> bool:
    """Tell whether a unit is a line that goes on with a sentence; the same label under each of many items does not."""
    text = units.stripped[at]
    return _runs_on(units, at - 1) and (len(text) >= _WIDTH or ends_sentence(text))


def _runs_on(units: Units, at: int) -> bool:
    """Tell whether a unit is a line that goes on with the next, no blank line between."""
    if not 0 <= at < len(units.texts) - 1 or units.blank_lines_between(at):
        return False
    text = units.stripped[at]
    return len(text) >= _WIDTH and _RUNS_ON.search(text) is not None

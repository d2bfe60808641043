"""An index of phrases: which of those that `is`, `starts` and `ends` look for a text may open or end with."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from cleaner.matching.phrases import needs_edge
from cleaner.matching.units import Units
from cleaner.rules.model import Phrase, fold_phrase
from cleaner.text import fold, holds_unusual, strip_edges

__all__ = ["Owner", "PhraseIndex", "index_phrases"]

# A rule, and how far from the unit that is hit the unit stands that the rule must look at.
Owner = tuple[int, int]
_Table = dict[str, tuple[int, ...]]  # by phrase: the numbers of the groups of tests that have it
_KEY = 6  # characters
_GLANCE = 5  # characters of a text that are looked up first: of more, too few are seen again; of fewer, too many pass
_LEAD = _GLANCE - 1  # what stands behind the last one may change it
_NEXT = 8  # characters that are looked up next
_HEAD = 20  # characters that are compared then
_SEEN = 1 << 15  # glances whose answers are kept at most
# How phrases go on that start like a glance: those of `_NEXT` characters and more, up to `_HEAD`, by what stands behind the
# first four, and what is left of the others.
_Leads = tuple[Mapping[str, tuple[str, ...]], tuple[str, ...]]
_ANY: _Leads = ({}, ("",))  # any phrase may follow
_EDGED: _Leads = ({}, ("",))  # there is punctuation first
# Most of what `strip_edges` takes away.
_EDGES = "".join(filter(lambda one: strip_edges(one) == (1, 1), map(chr, range(0x80)))) + "\xa0“”‘’«»‹›•·–—…→▪●"


@dataclass(frozen=True, slots=True)
class PhraseIndex:
    """The phrases of all `is`, `starts` and `ends` tests, to be looked up in a folded text; languages and word edges aside.

    Phrases are kept by their first or last characters, and those of mere punctuation apart.
    """

    whole: _Table
    heads: Mapping[str, _Table]
    tails: Mapping[str, _Table]
    bare_heads: _Table
    bare_tails: _Table
    groups: Sequence[Sequence[Owner]]  # whose tests share their phrases
    leads: Mapping[str, _Leads | None]  # by the first characters of a text

    def openings(self, units: Units) -> list[int]:
        """Return the indices of units that may be a phrase of an `is` test, or start with one of `starts`.

        Python looks up a short piece of each sooner than an automaton of all phrases gets past the text.
        """
        found: list[int] = []
        leads, texts = self.leads, units.texts
        pieces = map(leads.__getitem__, [text[:_GLANCE] for text in texts])
        for at, lead in enumerate(pieces):
            if lead is None:
                continue
            rest = text = texts[at]
            if lead is _EDGED and not self.bare_heads:
                rest = text[: 2 * _HEAD].lstrip(_EDGES)
                if len(rest) <= _HEAD:
                    rest = text.lstrip(_EDGES)
                lead = leads[rest[:_GLANCE]]
                if lead is None:
                    continue
            behind = rest[_LEAD : _NEXT + 1].lower()
            if (
                behind[: _NEXT - _LEAD] not in lead[0]
                and not behind.startswith(lead[1])
                and behind.isascii()  # and besides as folding leaves it
                and behind.isprintable()
                and "  " not in behind
                and "`" not in behind
            ):
                continue
            if lead is _ANY or lead is _EDGED or self._opens(rest, lead):
                found.append(at)
        return found

    def _opens(self, text: str, lead: _Leads) -> bool:
        """Tell whether a text, without punctuation before it, may be or start with a phrase that its lead leaves."""
        head = text[: _HEAD + 1]
        if not head.isascii() and holds_unusual(head):
            return True
        folded = fold(head)
        if len(folded) <= _HEAD < len(text):  # blanks became one: there is more to see
            return True
        some, short = lead[0].get(folded[_LEAD:_NEXT], ()), lead[1]
        if folded.startswith(some) and any(folded.startswith(one) and self._ends(one, folded) for one in some):
            return True
        return folded.startswith(short, _LEAD) and any(
            folded.startswith(one, _LEAD) and self._ends(folded[: _LEAD + len(one)], folded) for one in short
        )

    def _ends(self, phrase: str, folded: str) -> bool:
        """Tell whether a phrase at the start of a folded text may end there, with all or a word of it, or goes on."""
        rest = folded[len(phrase) :]
        if len(phrase) >= _HEAD or (phrase in self.whole and strip_edges(rest)[0] == len(rest)):
            return True
        starts = phrase in self.heads.get(phrase[:_KEY], ())
        return starts and not (rest and needs_edge(phrase[-1]) and needs_edge(rest[0]))

    def opening(self, folded: str) -> set[Owner]:
        """Return the owners of all phrases that a folded text is or starts with, perhaps."""
        start, end = strip_edges(folded)
        found = list(self.whole.get(folded[start:end] or folded.strip(), ()))
        for length in range(1, min(_KEY, len(folded) - start) + 1) if self.heads else ():
            for text, groups in self.heads.get(folded[start : start + length], {}).items():
                if folded.startswith(text, start):
                    found += groups
        for text, groups in self.bare_heads.items():
            if folded.lstrip().startswith(text):
                found += groups
        return self._owners(found)

    def ending(self, folded: str) -> set[Owner]:
        """Return the owners of all phrases that a folded text ends with, perhaps."""
        found: list[int] = []
        end = strip_edges(folded)[1]
        for length in range(1, min(_KEY, end) + 1) if self.tails else ():
            for text, groups in self.tails.get(folded[end - length : end], {}).items():
                if folded.endswith(text, 0, end):
                    found += groups
        for text, groups in self.bare_tails.items():
            if folded.rstrip().endswith(text):
                found += groups
        return self._owners(found)

    def _owners(self, groups: Iterable[int]) -> set[Owner]:
        return set().union(*(self.groups[number] for number in groups))


class _Seen(dict[str, "_Leads | None"]):
    """What a text may open with, by its first characters: worked out when first asked for, and forgotten when too much."""

    def __init__(self, work_out: Callable[[str], _Leads | None]) -> None:
        super().__init__()
        self.work_out = work_out

    def __missing__(self, glance: str) -> _Leads | None:
        if len(self) >= _SEEN:
            self.clear()
        self[glance] = found = self.work_out(glance)
        return found


def index_phrases(tests: Iterable[tuple[str, Sequence[Phrase], Owner]]) -> PhraseIndex:
    """Return the index of the phrases of `is`, `starts` and `ends` tests: key, phrases, and whose they are."""
    whole: _Table = {}
    heads: dict[str, _Table] = {}
    tails: dict[str, _Table] = {}
    bare_heads: _Table = {}
    bare_tails: _Table = {}
    bare_whole = False
    opening: set[str] = set()
    groups: dict[tuple[str, int], tuple[Sequence[Phrase], list[Owner]]] = {}
    for key, phrases, owner in tests:  # many share a name, and so the phrases
        groups.setdefault((key, id(phrases)), (phrases, []))[1].append(owner)
    for number, ((key, _), (phrases, _)) in enumerate(groups.items()):
        alone = (number,)
        for text, start, end in dict.fromkeys(map(fold_phrase, phrases)):
            if key == "is":
                table, known = whole, text[start:end] or text
                opening.add(known)
                bare_whole = bare_whole or start == end
            elif start == end:
                table, known = (bare_heads if key == "starts" else bare_tails), text
            elif key == "starts":
                table, known = heads.setdefault(text[start : start + _KEY], {}), text[start:]
                opening.add(known)
            else:
                table, known = tails.setdefault(text[max(0, end - _KEY) : end], {}), text[:end]
            others = table.get(known)
            table[known] = alone if others is None else others + alone
    in_order = sorted(opening)

    @cache
    def of_lead(lead: str) -> _Leads | None:
        texts = in_order[bisect_left(in_order, lead) : bisect_right(in_order, lead, key=lambda text: text[:_LEAD])]
        by_next: dict[str, set[str]] = {}
        for text in texts:
            if len(text) >= _NEXT:
                by_next.setdefault(text[_LEAD:_NEXT], set()).add(text[:_HEAD])
        short = tuple(text[_LEAD:] for text in texts if _LEAD < len(text) < _NEXT)
        return ({behind: tuple(some) for behind, some in by_next.items()}, short) if texts else None

    def leads(glance: str) -> _Leads | None:
        if holds_unusual(glance):
            return _ANY
        if len(glance) < _GLANCE:  # which is all of the text, but for punctuation before it
            folded = fold(glance)
            if not folded:
                return _ANY if bare_whole else None
            return _EDGED if strip_edges(folded)[0] else _ANY if index.opening(folded) else None
        folded = fold(glance)
        lead = folded[:_LEAD]
        if strip_edges(lead)[0]:
            return _EDGED
        if len(folded) != _GLANCE or any(
            one in opening and index._ends(one, lead) for one in (lead[:1], lead[:2], lead[:3])
        ):
            return _ANY
        found = of_lead(lead)
        if found is not None and lead in opening and index._ends(lead, folded):
            return found[0], (*found[1], "")
        return found

    owners = [owners for _, owners in groups.values()]
    index = PhraseIndex(whole, heads, tails, bare_heads, bare_tails, owners, _Seen(leads))
    return index

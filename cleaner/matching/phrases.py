"""Phrase tests: folded, word-edged, and by the document's language."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import groupby

from cleaner.languages import primary_language
from cleaner.matching.units import Units
from cleaner.rules.model import Phrase, fold_phrase
from cleaner.text import (
    fold,
    fold_offsets,
    holds_unusual,
    is_unspaced,
    strip_edges,
)

__all__ = [
    "FINDERS",
    "Owner",
    "PhraseIndex",
    "PhraseTable",
    "index_phrases",
    "phrase_spans",
    "phrases_for_scan",
]


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
        return starts and not (rest and _needs_edge(phrase[-1]) and _needs_edge(rest[0]))

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


def phrases_for_scan(key: str, phrases: Sequence[Phrase], *, whole: bool = True) -> str:
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

    tail = rf"(?-i:[{_ASCII_EDGE}{_BEYOND}]*)$" if key == "ends" else ""
    return f"(?is)(?:{_PIECE.sub(write, tree)}){tail}"


# Patterns are put together from folded text, which has no capitals of ASCII, and translated as a whole: these
# capitals stand for what is no text.
_OPEN, _CLOSE, _OR, _EDGE, _CUT = "A", "B", "C", "D", "E"
_MARKS = {_OPEN: "(?:", _CLOSE: ")", _OR: "|", _EDGE: r"\b", _CUT: ""}
# Of a phrase that is cut; a run of `s` at its end is left out, because a line may have `ß` for some of it.
_LETTERS = 14
_PIECE = re.compile(r"\.+| +|ss+|[^0-9a-hj-z]")
_ASCII_EDGE = r"\t-\r\x1c-/:-@\[-`{-\x7f"
_BEYOND = r"\x{80}-\x{10ffff}"
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
    return f"(?-i:[{among}{_BEYOND}]+)"


def _forms(character: str) -> list[str]:
    """Return a folded character, its capital, the other σ and the Turkish i; an empty list for a lone surrogate."""
    upper = character.upper()
    forms = {character, upper, *_MORE_FORMS.get(character, "")} if len(upper) == 1 else {character}
    return [] if any(0xD800 <= ord(form) < 0xE000 for form in forms) else sorted(forms)

"""Lines and words that went and stayed, counted: one text, or many, against its labels and its gold text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property

from cleaner.quality.align import overlap, plain_words, surviving, words_of
from cleaner.quality.labels import Labelled

__all__ = ["Counts", "Gold", "rates", "score_text", "share"]

HURT = 0.05  # share of its content words beyond which a text is hurt
_GRAM = 4  # words in a row that the gold text must hold for a word of a cut line to be content


@dataclass(slots=True)
class Counts:
    """What was counted over some texts. Repetitions are boilerplate too; `before` and `after` are sums over texts with gold."""

    texts: int = 0
    emptied: int = 0
    hurt: int = 0
    boilerplate: int = 0
    boilerplate_removed: int = 0
    repeated: int = 0
    repeated_removed: int = 0
    content: int = 0
    content_removed: int = 0
    boilerplate_words: int = 0
    boilerplate_words_removed: int = 0
    content_words: int = 0
    content_words_lost: int = 0
    with_gold: int = 0
    precision_before: float = 0.0
    recall_before: float = 0.0
    f1_before: float = 0.0
    precision_after: float = 0.0
    recall_after: float = 0.0
    f1_after: float = 0.0
    unwanted: int = 0
    unwanted_before: int = 0
    unwanted_after: int = 0
    wanted: int = 0
    wanted_before: int = 0
    wanted_after: int = 0

    def add(self, other: Counts) -> None:
        """Add what was counted elsewhere."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))


def share(part: float, whole: float) -> float | None:
    """Return which share (0..1) of the whole a part is; None where there is nothing to divide by."""
    return part / whole if whole else None


def rates(counts: Counts) -> dict[str, float | None]:
    """Return the figures that are compared, as shares 0..1; None where there is nothing to divide by.

    Word precision, recall and F1 are means over texts of the shares of words, by number of occurrences, that text and gold
    text have in common.

    >>> rates(Counts(boilerplate=4, boilerplate_removed=3, content=9, content_removed=1))["precision"]
    0.75
    """
    removed = counts.boilerplate_removed + counts.content_removed
    return {
        "precision": share(counts.boilerplate_removed, removed),
        "recall": share(counts.boilerplate_removed, counts.boilerplate),
        "repeated_recall": share(counts.repeated_removed, counts.repeated),
        "content_lines_lost": share(counts.content_removed, counts.content),
        "content_words_lost": share(counts.content_words_lost, counts.content_words),
        "boilerplate_words_removed": share(counts.boilerplate_words_removed, counts.boilerplate_words),
        "hurt": share(counts.hurt, counts.texts),
        **{
            f"word_{name}": share(getattr(counts, name), counts.with_gold)
            for name in (
                "precision_before",
                "recall_before",
                "f1_before",
                "precision_after",
                "recall_after",
                "f1_after",
            )
        },
    }


@dataclass(frozen=True)
class Gold:
    """The gold text of a row as words, made when first asked for."""

    text: str | None

    @cached_property
    def words(self) -> Sequence[str]:
        """All words, in order."""
        return words_of(self.text or "")

    @cached_property
    def joined(self) -> str:
        """The words with a blank before, between and behind them."""
        return f" {' '.join(self.words)} "

    @cached_property
    def grams(self) -> frozenset[tuple[str, ...]]:
        """All runs of as many words as make content."""
        return frozenset(zip(*(self.words[shift:] for shift in range(_GRAM)), strict=False))

    def content(self, words: Sequence[str]) -> list[bool]:
        """Tell for each word of a content line whether it is content: it is, unless gold holds the line only in part."""
        if self.text is None or len(words) < _GRAM or f" {' '.join(words)} " in self.joined:
            return [True] * len(words)
        covered = [False] * len(words)
        for place in range(len(words) - _GRAM + 1):
            if tuple(words[place : place + _GRAM]) in self.grams:
                covered[place : place + _GRAM] = [True] * _GRAM
        return covered


def score_text(row: Labelled, clean: str, missed: list[int] | None = None) -> Counts:
    """Compare a row with a clean version of its text, whoever made it.

    The places (from 0) of boilerplate lines that are still there are added to `missed`.
    """
    lines = row.text.split("\n")
    filled = [place for place, label in enumerate(row.labels) if label != "-"]
    counts = Counts(texts=1, emptied=int(not clean.strip()))
    gold = Gold(row.gold)
    for place, kept in zip(filled, surviving([lines[place] for place in filled], clean), strict=True):
        words, gone = words_of(lines[place]), kept is None
        match row.labels[place]:
            case "c":
                counts.content += 1
                counts.content_removed += gone
                counts.content_words += len(words)
                if kept is None:
                    counts.content_words_lost += len(words)
                elif kept < len(words):
                    counts.content_words_lost += max(0, sum(gold.content(words)) - kept)
            case "b" | "d" as label:
                counts.boilerplate += 1
                counts.boilerplate_removed += gone
                counts.repeated += label == "d"
                counts.repeated_removed += label == "d" and gone
                counts.boilerplate_words += len(words)
                counts.boilerplate_words_removed += len(words) - (kept or 0)
                if not gone and missed is not None:
                    missed.append(place)
            case _:
                pass
    counts.hurt = int(counts.content_words_lost > HURT * counts.content_words)
    if row.gold is not None:
        counts.with_gold = 1
        wanted = Counter(plain_words(row.gold))
        before = _word_scores(Counter(plain_words(row.text)), wanted)
        after = before if clean == row.text else _word_scores(Counter(plain_words(clean)), wanted)
        counts.precision_before, counts.recall_before, counts.f1_before = before
        counts.precision_after, counts.recall_after, counts.f1_after = after
    text_flat, clean_flat = _flat(row.text), _flat(clean)
    for snippet in map(_flat, row.without or ()):
        counts.unwanted += 1
        counts.unwanted_before += snippet in text_flat
        counts.unwanted_after += snippet in text_flat and snippet in clean_flat
    for snippet in map(_flat, row.with_ or ()):
        counts.wanted += 1
        counts.wanted_before += snippet in text_flat
        counts.wanted_after += snippet in text_flat and snippet in clean_flat
    return counts


def _word_scores(found: Counter[str], wanted: Counter[str]) -> tuple[float, float, float]:
    """Return precision, recall and F1 of a bag of words."""
    common = overlap(found, wanted)
    if not common:
        return 0.0, 0.0, 0.0
    precision, recall = common / found.total(), common / wanted.total()
    return precision, recall, 2 * precision * recall / (precision + recall)


def _flat(text: str) -> str:
    return " ".join(text.lower().split())

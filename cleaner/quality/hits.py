"""What each rule did to labelled lines, taken from the edits: they say which characters it took, so that nothing is guessed."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Literal

from cleaner.edits import Edit
from cleaner.engine import Result
from cleaner.quality.align import words_of
from cleaner.quality.counts import Gold, share
from cleaner.quality.labels import Labelled
from cleaner.rules.evidence import earned_risk, wilson
from cleaner.rules.model import Risk

__all__ = ["Hit", "RuleScore", "hits_of"]


@dataclass(frozen=True, slots=True)
class Hit:
    """What one rule did to one line (`place`, from 0) of a text.

    `kind` is line (it went whole), span (words inside it went) or repair (no word went, or the rule fixes: not scored).
    `label` is the line's; of a span in a content line, ``b`` where gold does not hold the words that went. `words` went,
    `content_words` of them wrongly.
    """

    rule: str
    place: int
    kind: Literal["line", "span", "repair"]
    label: str
    words: int = 0
    content_words: int = 0


def hits_of(row: Labelled, result: Result) -> list[Hit]:
    """Return what each rule did to a row's text, by the edits; a line counts once for the rule that took most of it.

    Where several rules changed the same stretch, the last one that did more than repair it is the one.
    """
    lines = row.text.split("\n")
    starts = list(accumulate((len(line) + 1 for line in lines), initial=0))
    touched: dict[int, list[Edit]] = defaultdict(list)
    for edit in result.edits:
        first = bisect_right(starts, edit.start) - 1
        last = bisect_right(starts, max(edit.start, edit.end - 1)) - 1
        for place in range(first, min(last, len(lines) - 1) + 1):
            end = starts[place] + len(lines[place])
            # An edit that only takes the line end, or a blank line, touches no words.
            if row.labels[place] != "-" and (edit.start < end or edit.start == edit.end == end):
                touched[place].append(edit)
    gold = Gold(row.gold)
    hits: list[Hit] = []
    for place, edits in touched.items():
        hits.extend(_line_hits(lines[place], starts[place], place, row.labels[place], edits, gold))
    return hits


def _line_hits(line: str, start: int, place: int, label: str, edits: Sequence[Edit], gold: Gold) -> Iterator[Hit]:
    """Yield what the rules did to one line, which begins at `start` of the text."""
    stretches = [(max(0, edit.start - start), min(len(line), edit.end - start), edit) for edit in edits]
    words = words_of(line)
    if not _edited(line, stretches, start).strip():
        taker = max(stretches, key=lambda one: one[1] - one[0])[2]
        if _acting(taker) is None:  # a line of invisible characters
            yield Hit(_rule_of(taker), place, "repair", label)
            return
        yield Hit(_rule_of(taker), place, "line", label, len(words), len(words) if label == "c" else 0)
        return
    for stretch in stretches:
        rule, fixes = _rule_of(stretch[2]), _acting(stretch[2]) is None
        left = Counter(words_of(_edited(line, [stretch], start)))
        gone = Counter(words) - left
        if fixes or not gone:
            yield Hit(rule, place, "repair", label)
            continue
        content = 0
        if label == "c":
            held = Counter(word for word, inside in zip(words, gold.content(words), strict=True) if inside)
            content = (held - left).total()
        wrong = 2 * content > gone.total()
        yield Hit(rule, place, "span", "b" if label == "c" and not wrong else label, gone.total(), content)


def _edited(line: str, stretches: Sequence[tuple[int, int, Edit]], start: int) -> str:
    """Return a line after some edits; what an edit of several lines puts in their place counts for the first of them."""
    pieces: list[str] = []
    position = 0
    for first, last, edit in stretches:
        pieces += (line[position:first], edit.after if edit.start >= start else "")
        position = last
    return "".join((*pieces, line[position:]))


def _acting(edit: Edit) -> str | None:
    """Return the last rule of an edit that did more than repair."""
    return next((cause.rule for cause in reversed(edit.causes) if cause.action != "fix"), None)


def _rule_of(edit: Edit) -> str:
    return _acting(edit) or (edit.causes[-1].rule if edit.causes else "")


@dataclass(slots=True)
class RuleScore:
    """What one rule did to all texts: whole lines, spans, repairs, and the labels of the first two.

    `distinct` are the different texts of lines among the scored hits, by site, each with how often it was right and how
    often it was scored: several extractors of one page give the same line several times.
    """

    lines: int = 0
    spans: int = 0
    repairs: int = 0
    right: int = 0
    repeated: int = 0
    wrong: int = 0
    unsure: int = 0
    words: int = 0
    content_words: int = 0
    sites: set[str] = field(default_factory=set)
    distinct: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)

    @property
    def scored(self) -> int:
        """The hits that are right or wrong."""
        return self.right + self.wrong

    @property
    def precision(self) -> float | None:
        """The share of the scored hits that are boilerplate."""
        return share(self.right, self.scored)

    @property
    def distinct_right(self) -> float:
        """How many of the different lines are boilerplate; one whose copies disagree counts in part."""
        return sum(right / scored for right, scored in self.distinct.values())

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the precision among the different lines, 0..1; None where there are none."""
        return wilson(self.distinct_right, len(self.distinct)) if self.distinct else None

    @property
    def earned(self) -> Risk | None:
        """The risk that follows from it; None where the different lines are too few."""
        return earned_risk(self.distinct_right, len(self.distinct))

    def add(self, hit: Hit, site: str, text: int) -> None:
        """Count one hit; `text` is a number that stands for the line's words."""
        self.lines += hit.kind == "line"
        self.spans += hit.kind == "span"
        self.repairs += hit.kind == "repair"
        self.sites.add(site)
        if hit.kind == "repair":
            return
        self.right += hit.label in "bd"
        self.repeated += hit.label == "d"
        self.wrong += hit.label == "c"
        self.unsure += hit.label == "u"
        self.words += hit.words
        self.content_words += hit.content_words
        if hit.label != "u":
            right, scored = self.distinct.get((site, text), (0, 0))
            self.distinct[site, text] = right + (hit.label in "bd"), scored + 1

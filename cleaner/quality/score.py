"""Precision and recall on labelled text: in total, by group, and for every rule.

The totals compare the clean text with the original (see `align`), as they would for any cleaner. What a rule
did is taken from the edits: they say which characters it took, so that nothing has to be guessed.
"""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field, fields
from functools import cached_property
from itertools import accumulate, islice
from multiprocessing import get_context
from typing import Any, Literal

import msgspec

from cleaner.corpus.streams import InputError
from cleaner.edits import Edit
from cleaner.engine import Cleaner, Result
from cleaner.quality.align import overlap, plain_words, surviving, words_of
from cleaner.quality.labels import Labelled, decode, read_rows, site_of
from cleaner.rules.evidence import Measurement, earned_risk, stamp, wilson
from cleaner.rules.model import Risk, Rule

__all__ = [
    "GROUPINGS",
    "WHOLE_PAGES",
    "Counts",
    "Hit",
    "Report",
    "RuleScore",
    "Sample",
    "as_json",
    "evidence_for",
    "half_of",
    "hits_of",
    "rates",
    "score",
    "score_text",
]

GROUPINGS = ("extractor", "page_type", "language", "half")
# Extractors that keep the whole page, menus and all. Nine lines in ten of these texts are boilerplate, so they would drown
# the others: the group `main` leaves them out, and so do page types and languages.
WHOLE_PAGES = frozenset({"resiliparse_full"})
HURT = 0.05  # share of its content words beyond which a text is hurt
_GRAM = 4  # words in a row that the gold text must hold for a word of a cut line to be content

# ------------------------------------------------------------------ totals


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


def _share(part: float, whole: float) -> float | None:
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
        "precision": _share(counts.boilerplate_removed, removed),
        "recall": _share(counts.boilerplate_removed, counts.boilerplate),
        "repeated_recall": _share(counts.repeated_removed, counts.repeated),
        "content_lines_lost": _share(counts.content_removed, counts.content),
        "content_words_lost": _share(counts.content_words_lost, counts.content_words),
        "boilerplate_words_removed": _share(counts.boilerplate_words_removed, counts.boilerplate_words),
        "hurt": _share(counts.hurt, counts.texts),
        **{
            f"word_{name}": _share(getattr(counts, name), counts.with_gold)
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
class _Gold:
    """The gold text of a row as words, made when first asked for."""

    text: str | None

    @cached_property
    def words(self) -> Sequence[str]:
        return words_of(self.text or "")

    @cached_property
    def joined(self) -> str:
        return f" {' '.join(self.words)} "

    @cached_property
    def grams(self) -> frozenset[tuple[str, ...]]:
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
    gold = _Gold(row.gold)
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


# ------------------------------------------------------------------ rules


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
    gold = _Gold(row.gold)
    hits: list[Hit] = []
    for place, edits in touched.items():
        hits.extend(_line_hits(lines[place], starts[place], place, row.labels[place], edits, gold))
    return hits


def _line_hits(line: str, start: int, place: int, label: str, edits: Sequence[Edit], gold: _Gold) -> Iterator[Hit]:
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
        return _share(self.right, self.scored)

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


def evidence_for(report: Report, rules: Iterable[Rule]) -> dict[str, Measurement]:
    """Return what a report says of each rule that took lines or spans, by the rule's full name."""
    found = {rule.name: (rule, report.rules.get(rule.name)) for rule in rules}
    return {
        name: Measurement(round(one.distinct_right, 2), len(one.distinct), len(one.sites), stamp(rule))
        for name, (rule, one) in found.items()
        if one is not None and one.distinct
    }


# ------------------------------------------------------------------ samples


@dataclass(slots=True)
class Sample:
    """A line that went wrongly, or stayed wrongly: where first, between which lines, how often, and by which rule."""

    id: str
    line: int
    before: str
    text: str
    after: str
    words: int
    rule: str = ""
    count: int = 0

    @property
    def weight(self) -> int:
        """How bad it is: its words (or one, where it has none), each time that it occurs."""
        return max(1, self.words) * self.count


def _sample(row: Labelled, place: int, words: int, rule: str = "") -> Sample:
    lines = row.text.split("\n")
    filled = [other for other, label in enumerate(row.labels) if label != "-"]
    at = filled.index(place)
    before = lines[filled[at - 1]] if at else ""
    after = lines[filled[at + 1]] if at + 1 < len(filled) else ""
    return Sample(row.id, place + 1, before, lines[place], after, words, rule)


# ------------------------------------------------------------------ a file of labelled text


@dataclass(frozen=True, slots=True)
class _Scored:
    """What came of one row; of each hit also a number that stands for the line's words."""

    groups: tuple[tuple[str, str], ...]
    site: str
    counts: Counts
    hits: tuple[tuple[Hit, int], ...]
    lost: tuple[Sample, ...]
    missed: tuple[Sample, ...]
    flags: tuple[str, ...]
    failed: bool


@dataclass(slots=True)
class Report:
    """The scores of a cleaner on a file. `groups` are by grouping, then name: ``{"": {"all": …, "main": …}, "extractor": …}``.

    `flags` are numbers of texts, `failed` is the number of those that could not be cleaned.
    """

    groups: dict[str, dict[str, Counts]] = field(default_factory=dict)
    rules: dict[str, RuleScore] = field(default_factory=dict)
    lost: list[Sample] = field(default_factory=list)
    missed: list[Sample] = field(default_factory=list)
    flags: Counter[str] = field(default_factory=Counter)
    failed: int = 0


def _score_row(row: Labelled, cleaner: Cleaner, samples: bool) -> _Scored:
    result = cleaner(row.text, url=row.url, language=row.language)
    missed: list[int] = []
    counts = score_text(row, result.text, missed)
    hits = hits_of(row, result)
    lines = row.text.split("\n")
    lost: list[Sample] = []
    left: list[Sample] = []
    if samples:
        lost = [_sample(row, hit.place, hit.content_words, hit.rule) for hit in hits if hit.label == "c" and hit.words]
        left = [_sample(row, place, len(words_of(lines[place]))) for place in missed]
    main = row.extractor not in WHOLE_PAGES
    groups = [("", "all"), *([("", "main")] if main else [])]
    for grouping in GROUPINGS:
        name = half_of(site_of(row)) if grouping == "half" else getattr(row, grouping)
        if name and (main or grouping == "extractor"):
            groups.append((grouping, name))
    return _Scored(
        tuple(groups),
        site_of(row),
        counts,
        tuple((hit, _digest(lines[hit.place])) for hit in hits),
        tuple(lost),
        tuple(left),
        tuple({flag.name: None for flag in result.flags}),
        any(flag.error for flag in result.flags),
    )


def half_of(site: str) -> str:
    """Return in which half of all sites one is, ``1`` or ``2``: rules can be written on the one and measured on the other."""
    return str(1 + zlib.crc32(site.encode("utf-8", "backslashreplace")) % 2)


def _digest(line: str) -> int:
    """Return a number that is the same for lines of the same words, in every process."""
    return zlib.crc32(" ".join(words_of(line)).encode("utf-8", "backslashreplace"))


@dataclass(frozen=True, slots=True)
class _Batch:
    path: str
    first: int  # number of the first row, from 1
    rows: tuple[bytes, ...]


def _batches(path: str, limit: int | None) -> Iterator[_Batch]:
    rows, first = read_rows(path, limit), 1
    while chunk := tuple(islice(rows, _BATCH)):
        yield _Batch(path, first, chunk)
        first += len(chunk)


_BATCH = 32  # rows that a worker gets at once


def _score_batch(batch: _Batch, cleaner: Cleaner, samples: bool) -> list[_Scored]:
    scored: list[_Scored] = []
    for number, line in enumerate(batch.rows, batch.first):
        try:
            row = decode(line)
        except ValueError as error:
            raise InputError(f"{batch.path}: row {number}: {error}") from None
        scored.append(_score_row(row, cleaner, samples))
    return scored


def _spread(batches: Iterator[_Batch], cleaner: Cleaner, samples: bool, jobs: int) -> Iterator[list[_Scored]]:
    """Score batches in `jobs` processes, in order, with only a few of them under way."""
    if jobs == 1:
        yield from (_score_batch(batch, cleaner, samples) for batch in batches)
        return
    # Forking would copy what other threads of the program hold; a fresh process is the same everywhere.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_start, initargs=(cleaner,)) as pool:
        under_way: deque[Future[list[_Scored]]] = deque()
        for batch in batches:
            under_way.append(pool.submit(_score_there, batch, samples))
            if len(under_way) > 4 * jobs:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


_of_process: dict[str, Cleaner] = {}  # in a worker: the cleaner, compiled once


def _start(cleaner: Cleaner) -> None:
    _of_process["cleaner"] = cleaner


def _score_there(batch: _Batch, samples: bool) -> list[_Scored]:
    return _score_batch(batch, _of_process["cleaner"], samples)


def score(path: str, cleaner: Cleaner, *, limit: int | None = None, samples: bool = False, jobs: int = 1) -> Report:
    """Clean the labelled texts of a file and compare the result with the labels.

    `limit` is the number of rows to take, from the first on; `samples` also collects what went and stayed wrongly, worst
    first; `jobs` is a number of processes. The report does not depend on it. Raises `OSError` where the file cannot be read,
    `InputError` where a row is wrong, or there is none.
    """
    report = Report({"": {"all": Counts()}}, {rule.name: RuleScore() for rule in cleaner.configuration.rules})
    lost: dict[tuple[str, int], Sample] = {}
    missed: dict[int, Sample] = {}
    for batch in _spread(_batches(path, limit), cleaner, samples, jobs):
        for one in batch:
            for grouping, name in one.groups:
                report.groups.setdefault(grouping, {}).setdefault(name, Counts()).add(one.counts)
            for hit, text in one.hits:
                report.rules.setdefault(hit.rule, RuleScore()).add(hit, one.site, text)
            for sample in one.lost:
                lost.setdefault((sample.rule, _digest(sample.text)), sample).count += 1
            for sample in one.missed:
                missed.setdefault(_digest(sample.text), sample).count += 1
            report.flags.update(one.flags)
            report.failed += one.failed
    if not report.groups[""]["all"].texts:
        raise InputError(f"{path}: holds no row, so that there is nothing to measure")
    report.lost = _worst(lost.values())
    report.missed = _worst(missed.values())
    return report


def _worst(samples: Iterable[Sample]) -> list[Sample]:
    return sorted(samples, key=lambda sample: (-sample.weight, sample.id, sample.line))


def as_json(
    report: Report, rules: Sequence[Rule], *, by: Sequence[str] = GROUPINGS, lost: int = 0, missed: int = 0
) -> dict[str, Any]:
    """Return a report as JSON can say it: counts, shares 0..1, and for each rule its declared and its earned risk."""
    declared: Mapping[str, str] = {rule.name: rule.risk for rule in rules}
    return {
        "totals": _group_json(report.groups[""]),
        **{grouping: _group_json(report.groups.get(grouping, {})) for grouping in by},
        "rules": {name: _rule_json(one, declared.get(name)) for name, one in sorted(report.rules.items())},
        "flags": dict(sorted(report.flags.items())),
        **({"lost": _samples_json(report.lost[:lost])} if lost else {}),
        **({"missed": _samples_json(report.missed[:missed])} if missed else {}),
    }


def _group_json(groups: Mapping[str, Counts]) -> dict[str, Any]:
    return {
        name: {"counts": msgspec.to_builtins(counts), "rates": rates(counts)} for name, counts in sorted(groups.items())
    }


def _rule_json(one: RuleScore, declared: str | None) -> dict[str, Any]:
    return {
        "lines": one.lines,
        "spans": one.spans,
        "repairs": one.repairs,
        "right": one.right,
        "repeated": one.repeated,
        "wrong": one.wrong,
        "unsure": one.unsure,
        "precision": one.precision,
        "interval": one.interval,
        "words": one.words,
        "content_words": one.content_words,
        "sites": len(one.sites),
        "distinct": len(one.distinct),
        "risk": declared,
        "earned": one.earned,
    }


def _samples_json(samples: Iterable[Sample]) -> list[dict[str, Any]]:
    return [msgspec.to_builtins(sample) for sample in samples]

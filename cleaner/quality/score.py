"""Precision and recall on labelled text: in total, by group, and for every rule.

The totals compare the clean text with the original (see `align`), as they would for any cleaner; what a rule did is taken
from the edits (see `hits`).
"""

from __future__ import annotations

import zlib
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing import get_context
from typing import Any

import msgspec

from cleaner.corpus.streams import InputError
from cleaner.engine import Cleaner
from cleaner.quality.align import words_of
from cleaner.quality.counts import Counts, rates, score_text
from cleaner.quality.hits import Hit, RuleScore, hits_of
from cleaner.quality.labels import Labelled, decode, read_rows, site_of
from cleaner.rules.evidence import Measurement, stamp
from cleaner.rules.model import Rule

__all__ = ["GROUPINGS", "WHOLE_PAGES", "Report", "Sample", "as_json", "evidence_for", "half_of", "score"]

GROUPINGS = ("extractor", "page_type", "language", "half")
# Extractors that keep the whole page, menus and all. Nine lines in ten of these texts are boilerplate, so they would drown
# the others: the group `main` leaves them out, and so do page types and languages.
WHOLE_PAGES = frozenset({"resiliparse_full"})
_BATCH = 32  # rows that a worker gets at once


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


def evidence_for(report: Report, rules: Iterable[Rule]) -> dict[str, Measurement]:
    """Return what a report says of each rule that took lines or spans, by the rule's full name."""
    found = {rule.name: (rule, report.rules.get(rule.name)) for rule in rules}
    return {
        name: Measurement(round(one.distinct_right, 2), len(one.distinct), len(one.sites), stamp(rule))
        for name, (rule, one) in found.items()
        if one is not None and one.distinct
    }


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

"""Audits as attributes for dolma, whose mixer then makes the same changes; and such attributes as edits, to compare.

Needs no package of dolma's. A row of an attributes file stands for the document on the same line of the documents
file: ``{"id": …, "source": …, "attributes": {NAME: [[start, end, score], …]}}``, in code points of the original.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from os.path import dirname
from typing import Any, cast

import msgspec

from cleaner.audit import EditRow
from cleaner.corpus import batch
from cleaner.corpus.files import is_safe_name, path_of
from cleaner.corpus.formats import FORMATS, format_of
from cleaner.corpus.records import Record
from cleaner.corpus.store import joined, make_folder, write_whole
from cleaner.corpus.streams import InputError, Sink, open_sink, split_name
from cleaner.edits import Cause, Edit
from cleaner.rules.model import RISKS, Risk

__all__ = ["SCORES", "Export", "attributes", "edits_of", "export", "replacement_of", "span_replacements"]

SCORES: Mapping[Risk, float] = {"safe": 1.0, "likely": 0.75, "risky": 0.5}
"""The score of a span, by the highest risk of its rules: a mixer's `min_score` of 0.75 leaves risky rules out."""

DELETED = "deleted"
ORIGINAL = "{}"  # in a mixer's replacement: what stood there
Spans = dict[str, list[tuple[int, int, float]]]
_NAME = re.compile(r"[A-Za-z0-9_-]+")


def attributes(edits: Iterable[Edit | EditRow], name: str = "cleaner") -> Spans:
    """Return the attributes of one document: for each text that edits put in place, the spans that get it.

    A deletion stands under ``NAME__deleted``, other edits under `NAME` and what they put in place, as its code
    points. What a mixer cannot do is left out: an edit that inserts at a place without replacing anything, or
    puts in a text that holds ``{}``. Raises `ValueError` for a name that cannot stand in a mixer's path.

    >>> attributes([Edit(3, 6, "â€™", "’", (Cause("core/mojibake", "fix", "safe", {}),))])
    {'cleaner__2019': [(3, 6, 1.0)]}
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r}: a name has letters, digits, hyphens and underscores")
    found: Spans = {}
    for edit in edits:
        if _can_be_said(edit):
            points = "_".join(f"{ord(character):x}" for character in edit.after)
            found.setdefault(f"{name}__{points or DELETED}", []).append((edit.start, edit.end, _score(edit)))
    return found


def _can_be_said(edit: Edit | EditRow) -> bool:
    return edit.start < edit.end and ORIGINAL not in edit.after


def _score(edit: Edit | EditRow) -> float:
    if isinstance(edit, EditRow):
        return SCORES[edit.risk]
    return SCORES[max((cast(Risk, cause.risk) for cause in edit.causes), key=RISKS.index, default="risky")]


def replacement_of(attribute: str) -> str:
    """Return the text that the spans of an attribute get.

    Raises `ValueError` for a name that `attributes` does not give.

    >>> replacement_of("cleaner__2019"), replacement_of("cleaner__deleted")
    ('’', '')
    """
    name, _, points = attribute.rpartition("__")
    try:
        if name:
            return "" if points == DELETED else "".join(chr(int(point, 16)) for point in points.split("_"))
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"{attribute!r} is no attribute of ours, as NAME__{DELETED} and NAME__2019 are")


def span_replacements(names: Iterable[str], min_score: float = 0.0) -> list[dict[str, Any]]:
    """Return what makes dolma's mixer carry out these attributes: its `span_replacement`.

    Raises `ValueError` for a name that `attributes` does not give.

    >>> span_replacements(["cleaner__deleted"], min_score=0.75)
    [{'span': '$.attributes.cleaner__deleted', 'min_score': 0.75, 'replacement': ''}]
    """
    return [
        {"span": f"$.attributes.{name}", "min_score": min_score, "replacement": replacement_of(name)}
        for name in sorted(names)
    ]


# ------------------------------------------------------------------ a finished run


@dataclass(frozen=True, slots=True)
class Export:
    """What was exported: documents, spans by attribute, and how many edits a mixer cannot do."""

    documents: int
    spans: Mapping[str, int]
    left_out: int


class _Known(msgspec.Struct):
    """What a row of attributes repeats of its document."""

    id: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    source: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _AttributesRow(_Known, kw_only=True):
    attributes: Spans


def export(out: str, data: str, name: str = "cleaner") -> Export:
    """Write the audit of the finished run in `out` as attributes files: ``DATA/attributes/NAME/…``.

    `data` is the folder that holds dolma's folder ``documents``, the input of the run: each file gets one of
    the same name, with a row for each of its lines. Raises `InputError` where `out` holds no audit or a file is
    not JSON Lines, `AuditError` where the audit is damaged, and `OSError`.
    """
    folder = joined(data, "attributes", name)
    spans: Counter[str] = Counter()
    documents = left_out = 0
    current = ""
    sink: Sink | None = None
    with ExitStack() as stack:
        for file, record, entry in batch.documents(out):
            if file != current:
                if sink is not None:
                    sink.close()
                    stack.pop_all().close()
                current, sink = file, _create(folder, file, stack)
            assert sink is not None
            if not record.raw.strip():
                continue  # dolma stops at a line without a document
            edits = entry.edits if entry is not None else ()
            made = attributes(edits, name)
            sink.put(_row(record, made))
            documents += 1
            left_out += sum(not _can_be_said(edit) for edit in edits)
            spans.update({attribute: len(found) for attribute, found in made.items()})
        if sink is not None:
            sink.close()
    return Export(documents, dict(sorted(spans.items())), left_out)


def _create(folder: str, file: str, stack: ExitStack) -> Sink:
    if format_of(file) is not FORMATS[".jsonl"] or not is_safe_name(file):
        raise InputError(f"{file}: dolma reads JSON Lines, and this is something else")
    path = path_of(folder, file)
    make_folder(dirname(path))
    return open_sink(stack.enter_context(write_whole(path)), split_name(file)[1])


def _row(record: Record, made: Spans) -> bytes:
    try:
        known = msgspec.json.decode(record.raw, type=_Known)
    except msgspec.DecodeError:  # a mixer will stop at it
        known = _Known()
    return msgspec.json.encode(_AttributesRow(id=known.id, source=known.source, attributes=made)) + b"\n"


# ------------------------------------------------------------------ attributes of others


def edits_of(
    text: str, attributes: Mapping[str, Any], replacements: Sequence[Mapping[str, Any]], name: str = "dolma"
) -> list[Edit]:
    """Return the edits that dolma's mixer makes of a document's attributes, to compare them with others.

    `replacements` is the mixer's `span_replacement`: maps with `span` (``$.attributes.NAME``), `replacement`,
    and `min_score` (included), `max_score` (not included) or both. Of spans that overlap, the first counts. The
    edits' rules are ``name/NAME``, their evidence the score. Raises `ValueError` for a span that is empty or not
    inside the text, and for other paths.

    >>> edits_of("a b", {"x": [[0, 2, 0.9]]}, [{"span": "$.attributes.x", "min_score": 0.5, "replacement": ""}])[
    ...     0
    ... ].before
    'a '
    """
    wanted: list[tuple[int, int, str, Cause]] = []
    for one in replacements:
        prefix, _, attribute = str(one["span"]).partition("$.attributes.")
        if prefix or not attribute:
            raise ValueError(f"{one['span']!r}: only paths like $.attributes.NAME can be read")
        low, high = one.get("min_score"), one.get("max_score")
        after = one.get("replacement") or ""
        for start, end, score in attributes.get(attribute, ()):
            if (low is not None and score < low) or (high is not None and score >= high):
                continue
            if not 0 <= start < end <= len(text):
                raise ValueError(f"{attribute}: [{start}, {end}) is no stretch of a text of {len(text)} characters")
            cause = Cause(f"{name}/{attribute}", "replace" if after else "drop", "likely", {"score": score})
            wanted.append((start, end, after.replace(ORIGINAL, text[start:end]), cause))
    edits: list[Edit] = []
    position = 0
    for start, end, after, cause in sorted(wanted, key=lambda wish: wish[0]):
        if start >= position:
            position = end
            if text[start:end] != after:
                edits.append(Edit(start, end, text[start:end], after, (cause,)))
    return edits

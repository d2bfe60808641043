"""Labelled text: JSON Lines whose rows hold a text and a label for each of its lines."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO, cast

import msgspec

from cleaner.corpus.streams import InputError
from cleaner.text import host_of

__all__ = ["LABELS", "Labelled", "decode", "read_rows", "site_of"]

LABELS = {
    "c": "content",
    "b": "boilerplate",
    "d": "a repetition that is boilerplate",
    "u": "unsure, never scored",
    "-": "blank",
}


class Labelled(msgspec.Struct, frozen=True):
    r"""One text. `labels` has a letter of `LABELS` for each of ``text.split("\n")``; `gold` is the content alone.

    `with_` and `without` are snippets that a clean text must, and must not, hold.
    """

    id: str
    text: str
    labels: str
    gold: str | None = None
    url: str | None = None
    extractor: str | None = None
    page_type: str | None = None
    language: str | None = None
    with_: list[str] | None = msgspec.field(default=None, name="with")
    without: list[str] | None = None


_DECODER = msgspec.json.Decoder(Labelled)


def decode(line: bytes) -> Labelled:
    """Return a row. Raises `ValueError` for one that is no JSON, lacks a field, or whose labels do not fit its text."""
    try:
        row = _DECODER.decode(line)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    lines = row.text.split("\n")
    if len(row.labels) != len(lines):
        raise ValueError(f"{len(row.labels)} labels for {len(lines)} lines")
    for number, (label, text) in enumerate(zip(row.labels, lines, strict=True), 1):
        if label not in LABELS:
            raise ValueError(f"line {number} has the label `{label}`; there are: {', '.join(LABELS)}")
        if (label == "-") is bool(text.strip()):
            raise ValueError(f"line {number} is {'not ' if text.strip() else ''}blank, but its label is `{label}`")
    return row


def read_rows(path: str, limit: int | None = None) -> Iterator[bytes]:
    """Yield the rows of a .jsonl or .jsonl.gz file, undecoded, at most `limit` of them.

    Raises `OSError` where the file cannot be read, `InputError` where it is damaged.
    """
    opened = gzip.open(path, "rb") if path.endswith(".gz") else open(path, "rb")  # noqa: SIM115 - closed below
    with opened as handle:
        try:
            yield from islice((line for line in cast(BinaryIO, handle) if line.strip()), limit)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError(f"{path}: {error}") from None


def site_of(row: Labelled) -> str:
    """Return the host of a row's page; where there is none, the row's id."""
    return (host_of(row.url) or row.id).removeprefix("www.")

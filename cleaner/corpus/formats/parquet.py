"""Parquet as a format: `cleaner.corpus.parquet` does the work, and is imported when there is some, with pyarrow."""

from __future__ import annotations

from collections.abc import Iterator

from cleaner.corpus.formats.common import Format
from cleaner.corpus.records import Input, Record, Writer
from cleaner.corpus.streams import Sink

__all__ = ["PARQUET"]


def _read_parquet(source: Input) -> Iterator[Record]:
    from cleaner.corpus.parquet import read

    yield from read(source)


def _parquet_writer(sink: Sink, source: Input) -> Writer:
    from cleaner.corpus.parquet import open_writer

    return open_writer(sink, source)


def _parquet_rest(record: Record) -> object:
    from cleaner.corpus.parquet import rest

    return rest(record)


PARQUET = Format(_read_parquet, _parquet_writer, _parquet_rest, unit="groups", compressed=False)

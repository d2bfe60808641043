"""Parquet: row groups, schema, metadata and every other column stay as they are."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from cleaner.corpus.records import Fields, Input, Record
from cleaner.corpus.store import open_read
from cleaner.corpus.streams import MAX_RECORD, Damage, InputError, Sink

try:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq
except ImportError:
    raise InputError(".parquet files need the package pyarrow: pip install 'cleaner[parquet]'") from None

__all__ = [
    "STRINGS",
    "ParquetWriter",
    "column_of",
    "group_sizes",
    "join",
    "names_of",
    "not_utf8",
    "open_writer",
    "read",
    "rest",
    "values_of",
    "with_texts",
    "word_at",
]

ROWS = 500  # read at a time
GROUP_BYTES = 64 * 2**20  # a group that is larger in memory is written as several
STRINGS = (pa.string(), pa.large_string(), pa.string_view())


# What the metadata calls compressions, as the writer wants to hear it.
_CODECS = {"UNCOMPRESSED": "NONE", "LZ4_RAW": "LZ4", "LZO": "SNAPPY"}


@dataclass(frozen=True)
class Batch:
    """Some rows of one row group of a file; `path` leads to the text."""

    file: Any
    group: int
    rows: Any
    path: str

    @cached_property
    def others(self) -> list[Any]:
        """What stands in each row beside the text."""
        return _others(self.rows, self.path)


@dataclass(frozen=True, slots=True)
class _Row:
    batch: Batch
    index: int


class _Undecodable(bytes):
    """A text that is not UTF-8, which the audit takes as it is, and the row that it stands in."""

    row: _Row

    def __new__(cls, data: bytes, row: _Row) -> _Undecodable:
        """Return `data` with its row."""
        self = super().__new__(cls, data)
        self.row = row
        return self


def group_sizes(handle: Any) -> list[int]:
    """Return the bytes of each row group.

    Raises `OSError` or `ValueError` for a file that is, or could be, one to keep as it is.
    """
    file = _open(handle)
    if _has_double(pa.struct(list(file.schema_arrow))):
        raise ValueError("several columns have the same name")  # it may be that of the text
    metadata = file.metadata
    return [_group_size(metadata.row_group(group)) for group in range(metadata.num_row_groups)]


def _open(handle: Any) -> Any:
    try:
        return pq.ParquetFile(handle, memory_map=False, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        if getattr(error, "errno", None):
            raise
        raise ValueError(f"not a Parquet file: {_words(error)}") from None


def _has_double(kind: Any) -> bool:
    """Say whether two fields of a struct have the same name, or of one in it."""
    fields = [kind.field(number) for number in range(kind.num_fields)]
    return len({field.name for field in fields}) < len(fields) or any(
        _has_double(field.type) for field in fields if pa.types.is_struct(field.type)
    )


def _open_for(handle: Any, fields: Fields) -> Any:
    """Open a file; raise `ValueError` where one could not say which of its columns `fields` mean."""
    file = _open(handle)
    for path in (fields.text, fields.id, fields.url, fields.language):
        _places(file.schema_arrow, path)
    return file


def _words(error: Exception) -> str:
    return " ".join(str(error).split())


def _group_size(group: Any) -> int:
    return sum(group.column(number).total_compressed_size for number in range(group.num_columns))


def read(source: Input) -> Iterator[Record]:
    """Yield the rows of the groups from `start` up to `end`; the bytes of a file that has none to clean."""
    fields = source.fields
    try:
        file = _open_for(source.handle, fields)
    except ValueError as error:
        # Kept as it is, in pieces, like any record that is none; what is empty is told, too.
        size = source.handle.seek(0, os.SEEK_END)
        for at in range(0, max(1, size), MAX_RECORD):
            source.handle.seek(at)
            yield Record(at, None, source.handle.read(MAX_RECORD), problem=str(error))
        return
    end = file.num_row_groups if source.end is None else source.end
    for group in range(source.start, end):
        place = sum(file.metadata.row_group(before).num_rows for before in range(group))
        try:
            for rows in file.iter_batches(batch_size=ROWS, row_groups=[group], use_threads=False):
                batch = Batch(file, group, rows, fields.text)
                texts = values_of(rows, fields.text, strings=True)
                if texts is None:
                    texts = [None] * rows.num_rows
                others = [values_of(rows, name) for name in (fields.id, fields.url, fields.language)]
                for index, text in enumerate(texts):
                    ids, urls, languages = (word_at(column, index) for column in others)
                    raw = _Row(batch, index)
                    if isinstance(text, bytes):
                        problem, bad = not_utf8(text), _Undecodable(text, raw)
                        yield Record(place + index, None, bad, problem=problem, flag="undecodable", id=ids, url=urls)
                    else:
                        yield Record(place + index, text, raw, id=ids, url=urls, language=languages)
                place += rows.num_rows
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            columns = file.metadata.row_group(group)
            start = min(_chunk_start(columns.column(number)) for number in range(columns.num_columns))
            failed = isinstance(error, OSError) and error.errno is not None  # Arrow's own errors have no number
            why = error.strerror if isinstance(error, OSError) and failed else _words(error)
            damage = Damage(start, start + _group_size(columns), f"row group {group} cannot be read: {why}", failed)
            none = _Row(Batch(file, group, None, fields.text), -1)
            flag = "unreadable" if failed else "corrupt"
            yield Record(place, None, none, problem=damage.detail, flag=flag, lost=damage)


def not_utf8(data: bytes) -> str:
    """Return why bytes are no text; "" if they are."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return f"not UTF-8 at byte {error.start} of the text: {error.reason}"
    return ""


def _chunk_start(column: Any) -> int:
    offsets = (column.dictionary_page_offset, column.data_page_offset)
    return int(min(offset for offset in offsets if offset))


def word_at(column: Sequence[Any] | None, index: int) -> str | None:
    """Return a value of a column, if there is one, as text: an id may be a number."""
    value = column[index] if column is not None else None
    return str(value) if isinstance(value, (str, int)) else None


def values_of(rows: Any, path: str, *, strings: bool = False) -> list[Any] | None:
    """Return the values of a column, nested by dots; None if there is none (or, if `strings`, none of text).

    Texts that are not UTF-8, which Arrow does not check, are bytes. What is neither text nor a whole number is None.
    """
    column = column_of(rows, path)
    if column is None or (strings and column.type not in STRINGS):
        return None
    kind = column.type
    if not (kind in STRINGS or pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        # Nothing else says an id, and a time or a date may be one that Python cannot hold.
        return [None] * len(column)
    values: list[Any]
    try:
        values = column.to_pylist()
    except UnicodeDecodeError:
        values = [_decoded(data) for data in column.cast(pa.large_binary()).to_pylist()]
    return values


def _decoded(data: bytes | None) -> str | bytes | None:
    try:
        return None if data is None else data.decode()
    except UnicodeDecodeError:
        return data


def column_of(rows: Any, path: str) -> Any:
    """Return a column of a batch, nested by dots, without its dictionary; None if there is none.

    Raises `ValueError` where several have the name.
    """
    places = _places(rows.schema, path)
    if not places:
        return None
    column = rows.column(places[0])
    for place in places[1:]:
        column = pc.struct_field(column, [place])
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _places(schema: Any, path: str) -> list[int]:
    """Return the place of a column, and those of the fields in it that `path` leads to; none if it leads nowhere.

    Raises `ValueError` where several columns have the name.
    """
    places: list[int] = []
    names = _names(schema, path)
    kind = pa.struct(list(schema))
    for depth, name in enumerate(names, 1):
        found = kind.get_all_field_indices(name) if pa.types.is_struct(kind) else []
        if not found:
            return []
        if len(found) > 1:
            raise ValueError(f"{len(found)} columns are called `{'.'.join(names[:depth])}`: rename all but one")
        places += found
        kind = kind.field(found[0]).type
    return places


def with_texts(column: Any, names: Sequence[str], texts: Sequence[str | bytes | None]) -> Any:
    """Return `column` with the texts put into it, or into the part of its structs that `names` lead to.

    Bytes are put in as they are, valid or not.
    """
    if not names:
        if pa.types.is_dictionary(column.type):
            return _texts_as(texts, column.type.value_type).dictionary_encode().cast(column.type)
        return _texts_as(texts, column.type)
    index = column.type.get_field_index(names[0])
    parts = [pc.struct_field(column, [number]) for number in range(column.type.num_fields)]
    parts[index] = with_texts(parts[index], names[1:], texts)
    members = [column.type.field(number) for number in range(column.type.num_fields)]
    return pa.StructArray.from_arrays(parts, fields=members, mask=column.is_null())


def _texts_as(texts: Sequence[str | bytes | None], kind: Any) -> Any:
    if any(isinstance(text, bytes) for text in texts):
        data = [text.encode() if isinstance(text, str) else text for text in texts]
        return pa.array(data, pa.large_binary()).view(pa.large_string()).cast(kind, safe=False)
    return pa.array(texts, kind)


def rest(record: Record) -> object:
    """Return what cleaning leaves alone of a row: equal where all of it is, bit for bit."""
    if not isinstance(record.raw, _Row) or record.raw.index < 0:
        return None
    return record.raw.batch.others[record.raw.index]


def _others(rows: Any, path: str) -> list[Any]:
    """Return what stands in each row beside the text."""
    column = column_of(rows, path)
    names = names_of(rows, path) if column is not None and column.type in STRINGS else []
    return _cells(rows.to_struct_array(), names)


def _cells(column: Any, without: Sequence[str] = ()) -> list[Any]:
    """Return values that are equal where the cells of a column are: the same NaN, times that Python cannot hold.

    The field of its structs that the names `without` lead to is left out.
    """
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return _cells(column.storage)
    if pa.types.is_dictionary(kind):
        return _cells(column.dictionary_decode())
    if pa.types.is_struct(kind):
        names = [kind.field(number).name for number in range(kind.num_fields)]
        parts = [
            _cells(part, without[1:] if without[:1] == [name] else ())
            for name, part in zip(names, column.flatten(), strict=True)
            if without != [name]
        ]
        return list(zip(itertools.repeat(names), column.is_valid().to_pylist(), *parts, strict=False))
    if pa.types.is_map(kind):
        column = column.cast(pa.list_(pa.struct([kind.key_field, kind.item_field])))
        values = list(zip(*map(_cells, column.flatten().flatten()), strict=True))
    elif _is_list(kind):
        values = _cells(column.flatten())
    else:
        cells: list[Any] = _bits(column).to_pylist()
        return cells
    lengths = pc.list_value_length(column).to_pylist()
    ends = itertools.accumulate(length or 0 for length in lengths)
    return [None if length is None else values[end - length : end] for length, end in zip(lengths, ends, strict=True)]


def _is_list(kind: Any) -> bool:
    return any(
        test(kind)
        for test in (
            pa.types.is_list,
            pa.types.is_large_list,
            pa.types.is_fixed_size_list,
            pa.types.is_list_view,
            pa.types.is_large_list_view,
        )
    )


def _bits(column: Any) -> Any:
    """Return a column as one of numbers or bytes, every bit kept."""
    kind = column.type
    if kind in STRINGS:
        return column.cast(pa.large_binary())
    if pa.types.is_floating(kind) or pa.types.is_temporal(kind):
        return column.view({16: pa.int16(), 32: pa.int32(), 64: pa.int64()}[kind.bit_width])
    return column


def names_of(rows: Any, path: str) -> list[str]:
    """Return the names that lead to a column: one, or a struct's and those of its fields."""
    return _names(rows.schema, path)


def _names(schema: Any, path: str) -> list[str]:
    return [path] if path in schema.names else path.split(".")


@dataclass(slots=True)
class ParquetWriter:
    """Writes rows in groups like those they were read from; the empty ones among `due` to `end` of `file`, too."""

    sink: Sink
    fields: Fields
    file: Any = None
    writer: Any = None
    due: int = 0  # the group that comes next
    end: int = 0
    batch: Batch | None = None
    kept: list[int] = field(default_factory=list)
    texts: dict[int, str] = field(default_factory=dict)
    held: list[Any] = field(default_factory=list)
    size: int = 0
    groups: int = 0

    def put(self, record: Record, text: str | None) -> None:
        """Take one row."""
        if isinstance(record.raw, bytes) and not isinstance(record.raw, _Undecodable):
            self.sink.put(record.raw)
            return
        row: _Row = record.raw.row if isinstance(record.raw, _Undecodable) else record.raw
        if row.batch is not self.batch:
            self._end_batch(row.batch)
        if row.index >= 0:
            self.kept.append(row.index)
            if text is not None:
                text.encode()  # raises where the text holds lone surrogates
                self.texts[row.index] = text

    def close(self) -> None:
        """Write what is held back, and the end of the file."""
        self._end_batch(None)
        self._skip_to(self.end)
        if self.writer is not None:
            self.writer.close()
        self.sink.close()

    def another(self, sink: Sink) -> ParquetWriter:
        """Return a writer of a file with the same schema into another sink."""
        return ParquetWriter(sink, self.fields, self.file, _writer(sink, self.file) if self.file is not None else None)

    def _end_batch(self, following: Batch | None) -> None:
        batch, self.batch = self.batch, following
        if batch is not None and batch.rows is not None and self.kept:
            rows = batch.rows
            if self.texts:
                path = self.fields.text
                names = names_of(rows, path)
                number = rows.schema.get_field_index(names[0])
                texts = values_of(rows, path, strings=True) or []
                for index, text in self.texts.items():
                    texts[index] = text
                column = with_texts(rows.column(number), names[1:], texts)
                rows = rows.set_column(number, rows.schema.field(number), column)
            if len(self.kept) < rows.num_rows:
                rows = _taken(rows, self.kept)
            self.held.append(rows)
            self.size += rows.nbytes
        self.kept, self.texts = [], {}
        if batch is not None and (following is None or following.group != batch.group or self.size > GROUP_BYTES):
            self._write()
        if following is not None and following.group >= self.due:
            self._skip_to(min(following.group, self.end))
            self.due = following.group + 1

    def _skip_to(self, group: int) -> None:
        """Write the empty ones of the groups before `group`: no row has told of them."""
        while self.due < group:
            if not self.file.metadata.row_group(self.due).num_rows:
                self.writer.write_table(self.file.schema_arrow.empty_table())
                self.groups += 1
            self.due += 1

    def _write(self) -> None:
        if self.held:
            table = pa.Table.from_batches(self.held)
            self.writer.write_table(table, row_group_size=max(1, table.num_rows))
            self.groups += 1
        self.held, self.size = [], 0


def _taken(rows: Any, kept: Sequence[int]) -> Any:
    """Return some rows of a batch, without keeping the others in memory where Arrow can."""
    try:
        return rows.take(pa.array(kept))
    except pa.ArrowNotImplementedError:  # string views
        return pa.concat_batches([rows.slice(index, 1) for index in kept])


def open_writer(sink: Sink, source: Input) -> ParquetWriter:
    """Return a writer for a file like the one that `source` reads."""
    try:
        file = _open_for(source.handle, source.fields)
    except ValueError:
        return ParquetWriter(sink, source.fields)
    end = file.num_row_groups if source.end is None else min(source.end, file.num_row_groups)
    return ParquetWriter(sink, source.fields, file, _writer(sink, file), source.start, end)


def _writer(sink: Sink, file: Any) -> Any:
    """Return a writer for a file like `file`: the same schema, metadata and compression."""
    compression: Any = "snappy"
    if file.metadata.num_row_groups and file.metadata.num_columns:
        group = file.metadata.row_group(0)
        compression = {
            group.column(number).path_in_schema: _CODECS.get(name := group.column(number).compression, name)
            for number in range(group.num_columns)
        }
    return pq.ParquetWriter(_Handle(sink), file.schema_arrow, compression=compression)


@dataclass(slots=True)
class _Handle:
    """A file that only a writer needs."""

    sink: Sink
    closed: bool = False
    broken: bool = False

    def write(self, data: Any) -> int:
        # A writer that is given up tries to write its end when it goes, which nobody must hear of.
        if not self.broken and not self.sink.handle.closed:
            self.broken = True
            self.sink.put(bytes(data))
            self.broken = False
        return len(data)

    def tell(self) -> int:
        return self.sink.written

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False


def join(sink: Sink, parts: Sequence[str]) -> None:
    """Put the row groups of files of one schema together."""
    writer = None
    for part in parts:
        with open_read(part) as handle:
            file = _open(handle)
            if writer is None:
                writer = _writer(sink, file)
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, use_threads=False)
                writer.write_table(table, row_group_size=max(1, table.num_rows))
    if writer is not None:
        writer.close()
    sink.close()

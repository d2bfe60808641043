"""Arrow tables: the text column cleaned, and the audit beside it as one more column.

Whatever speaks Arrow is one call away: pyarrow, polars, pandas, DuckDB. The modules for Ray Data, Spark and
Hugging Face datasets hand their batches to `ArrowCleaner`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec

from cleaner.audit import AuditError, DocumentRow, DocumentRows, EditRow, Entry, FlagRow, restore_document, run_row
from cleaner.corpus.records import Fields, Record
from cleaner.corpus.work import clean_record
from cleaner.engine import Cleaner, Result

try:
    import pyarrow as pa
except ImportError:
    raise ImportError("Arrow tables need the package pyarrow: pip install 'cleaner[arrow]'") from None

from cleaner.corpus.parquet import STRINGS, column_of, names_of, not_utf8, values_of, with_texts, word_at

__all__ = [
    "AUDIT_TYPE",
    "EDIT_TYPE",
    "FLAG_TYPE",
    "ROWS",
    "ArrowCleaner",
    "audit_field",
    "audit_table",
    "clean_arrow",
    "restore_arrow",
]

_USUAL = Fields()
ROWS = 1000  # cleaned at a time: enough that Arrow costs nothing, few enough to hold in memory

# One edit: the fields of the audit's edit rows but `document`, which is the row that the edit stands in. `evidence`
# has a JSON object for each of `rules`.
EDIT_TYPE = pa.struct(
    [
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("line", pa.int64()),
        ("before", pa.string()),
        ("after", pa.string()),
        ("rules", pa.list_(pa.string())),
        ("action", pa.string()),
        ("risk", pa.string()),
        ("evidence", pa.list_(pa.string())),
    ]
)
FLAG_TYPE = pa.struct([("name", pa.string()), ("rule", pa.string()), ("detail", pa.string()), ("error", pa.bool_())])
# What the audit says of one document, null where there is no text. The digests are of the text in UTF-8.
AUDIT_TYPE = pa.struct(
    [
        ("edits", pa.list_(EDIT_TYPE)),
        ("flags", pa.list_(FLAG_TYPE)),
        ("original_sha256", pa.string()),
        ("clean_sha256", pa.string()),
    ]
)


def clean_arrow(
    data: Any,
    cleaner: Cleaner,
    *,
    text: str = "text",
    url: str | None = None,
    language: str | None = None,
    audit: str = "audit",
) -> Any:
    r"""Clean the texts of a table and return it with the column `audit` added; all else stays as it is.

    `data` is a pyarrow Table, RecordBatch or RecordBatchReader, which come back as what they were, or anything with
    the Arrow stream interface (a DataFrame of polars or pandas, a relation of DuckDB), which comes back as a Table.
    `text`, `url` and `language` name columns, nested ones with dots; without a name, the columns ``url`` and
    ``language`` are used if they are there. `audit` has the type `AUDIT_TYPE`; its field carries the audit's header
    as metadata ``cleaner``. A null stays null. A text on which the engine fails, or that is not UTF-8, stays as it
    is, flagged. Raises `ValueError` for a column that is not there, or holds no strings.

    >>> table = pa.table({"text": ["He left.\n\nShare\n", None]})
    >>> cleaned = clean_arrow(table, Cleaner("default"))
    >>> cleaned["text"].to_pylist()
    ['He left.\n', None]
    >>> [edit["rules"] for edit in cleaned["audit"][0]["edits"].as_py()]
    [['social/share-label']]
    """
    rows = _rows_of(data)
    fields = _fields(rows.schema, text, url, language)
    if audit in rows.schema.names:
        raise ValueError(f"there is a column {audit!r} already: name another one with audit=")
    field = audit_field(cleaner, audit)
    if isinstance(rows, pa.RecordBatch):
        return _clean_batch(rows, cleaner, fields, field)
    schema = rows.schema.append(field)
    cleaned = (_clean_batch(batch, cleaner, fields, field) for batch in _batches(rows))
    return _as(rows, cleaned, schema)


def audit_field(cleaner: Cleaner, name: str = "audit") -> Any:
    """Return the Arrow field of the audit: its metadata ``cleaner`` is the audit's header, a JSON object."""
    header = msgspec.json.encode(run_row(cleaner.configuration, {}))
    return pa.field(name, AUDIT_TYPE, metadata={"cleaner": header})


def restore_arrow(data: Any, *, text: str = "text", audit: str = "audit") -> Any:
    """Return a cleaned table as it was before: the original texts, without the column `audit`.

    `data` is what `clean_arrow` takes. Raises `AuditError` where a text and its audit do not give, byte for byte,
    the original, and `ValueError` for a column that is not there.
    """
    rows = _rows_of(data)
    _fields(rows.schema, text, None, None)
    if audit not in rows.schema.names:
        raise ValueError(_missing(audit, rows.schema))
    if isinstance(rows, pa.RecordBatch):
        return _restore_batch(rows, text, audit)
    schema = rows.schema.remove(rows.schema.get_field_index(audit))
    return _as(rows, (_restore_batch(batch, text, audit) for batch in _batches(rows)), schema)


def audit_table(data: Any, *, id: str | None = None, audit: str = "audit") -> Any:
    """Return the audit of a cleaned table on its own: a row for each text, with `document` and the fields of `AUDIT_TYPE`.

    `document` is the value of the column `id` (without a name, of ``id`` if it is there) as text; where there is
    none, the SHA-256 of the original. The result is a RecordBatch for one, else a Table.
    Raises `ValueError` for a column that is not there.
    """
    rows = _rows_of(data)
    if audit not in rows.schema.names:
        raise ValueError(_missing(audit, rows.schema))
    name = _named(rows.schema, id, _USUAL.id)
    schema = pa.schema([pa.field("document", pa.string()), *AUDIT_TYPE], metadata=rows.schema.field(audit).metadata)
    if isinstance(rows, pa.RecordBatch):
        return _audit_batch(rows, name, audit, schema)
    return pa.Table.from_batches((_audit_batch(batch, name, audit, schema) for batch in _batches(rows)), schema)


@dataclass(frozen=True)
class ArrowCleaner:
    """`clean_arrow` as a callable that can be sent to other processes, whatever they have on their disks.

    `rules` is what `Cleaner.to_resolved` gives; the other fields are as for `clean_arrow`. It is pickled as these
    texts alone, so that equal rules give equal bytes, and compiled when it is first called, once in each process that
    keeps it.
    """

    rules: str
    text: str = "text"
    url: str | None = None
    language: str | None = None
    audit: str = "audit"

    @cached_property
    def cleaner(self) -> Cleaner:
        """The cleaner of the rules."""
        return Cleaner.from_resolved(self.rules)

    def __call__(self, data: Any) -> Any:
        """Clean a table or batch."""
        return clean_arrow(data, self.cleaner, text=self.text, url=self.url, language=self.language, audit=self.audit)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.rules, self.text, self.url, self.language, self.audit)


# ------------------------------------------------------------------ tables in and out


def _rows_of(data: Any) -> Any:
    """Return what speaks Arrow as a Table, RecordBatch or RecordBatchReader."""
    if isinstance(data, (pa.Table, pa.RecordBatch, pa.RecordBatchReader)):
        return data
    if hasattr(data, "__arrow_c_stream__"):
        return pa.RecordBatchReader.from_stream(data).read_all()
    raise TypeError(f"expected a table that speaks Arrow, not {type(data).__name__}")


def _batches(rows: Any) -> Iterator[Any]:
    for batch in rows if isinstance(rows, pa.RecordBatchReader) else rows.to_batches(max_chunksize=ROWS):
        for start in range(0, batch.num_rows, ROWS):
            yield batch.slice(start, ROWS)


def _as(rows: Any, batches: Iterable[Any], schema: Any) -> Any:
    """Return batches as what `rows` is: a stream, or a table."""
    if isinstance(rows, pa.RecordBatchReader):
        return pa.RecordBatchReader.from_batches(schema, batches)
    return pa.Table.from_batches(batches, schema)


def _fields(schema: Any, text: str, url: str | None, language: str | None) -> Fields:
    """Return which columns are what; raise `ValueError` where they are not there."""
    column = column_of(pa.RecordBatch.from_pylist([], schema), text)
    if column is None:
        raise ValueError(_missing(text, schema))
    if column.type not in STRINGS and not pa.types.is_null(column.type):
        raise ValueError(f"the column {text!r} holds {column.type}, not strings")
    return Fields(text, url=_named(schema, url, _USUAL.url), language=_named(schema, language, _USUAL.language))


def _named(schema: Any, name: str | None, default: str) -> str:
    if name is not None and column_of(pa.RecordBatch.from_pylist([], schema), name) is None:
        raise ValueError(_missing(name, schema))
    return name or default


def _missing(name: str, schema: Any) -> str:
    return f"there is no column {name!r}; there are: {', '.join(schema.names)}"


def _put(rows: Any, path: str, texts: list[str | bytes | None]) -> Any:
    names = names_of(rows, path)
    number = rows.schema.get_field_index(names[0])
    return rows.set_column(number, rows.schema.field(number), with_texts(rows.column(number), names[1:], texts))


# ------------------------------------------------------------------ one batch


def _clean_batch(rows: Any, cleaner: Cleaner, fields: Fields, field: Any) -> Any:
    def clean(text: str, *, url: str | None, language: str | None) -> Result:
        result = cleaner(text, url=url, language=language)
        result.text.encode()  # raises where a rule made half a character, which no Arrow string can hold
        return result

    texts = values_of(rows, fields.text) or []
    urls, languages = values_of(rows, fields.url), values_of(rows, fields.language)
    said: list[dict[str, Any] | None] = []
    changed = False
    for index, text in enumerate(texts):
        if text is None:
            said.append(None)
            continue
        if isinstance(text, bytes):
            record = Record(index, None, text, problem=not_utf8(text), flag="undecodable")
        else:
            record = Record(index, text, url=word_at(urls, index), language=word_at(languages, index))
        cleaned, audited = clean_record(clean, record, "", "", None)
        said.append(_audit_of(audited))
        if cleaned is not None:
            texts[index] = cleaned
            changed = True
    if changed:
        rows = _put(rows, fields.text, texts)
    return rows.append_column(field, pa.array(said, AUDIT_TYPE))


def _audit_of(rows: DocumentRows) -> dict[str, Any]:
    """Return the rows of one document as a value of `AUDIT_TYPE`."""
    document = rows.document
    return {
        "edits": list(map(_edit_of, rows.edits)),
        "flags": [msgspec.structs.asdict(flag) for flag in document.flags],
        "original_sha256": document.original_sha256,
        "clean_sha256": document.clean_sha256,
    }


def _edit_of(row: EditRow) -> dict[str, Any]:
    return msgspec.structs.asdict(row) | {"evidence": [json.dumps(one, ensure_ascii=False) for one in row.evidence]}


def _restore_batch(rows: Any, text: str, audit: str) -> Any:
    texts = values_of(rows, text) or []
    said = rows.column(audit).to_pylist()
    changed = False
    for index, (cleaned, one) in enumerate(zip(texts, said, strict=True)):
        if cleaned is None and one is None:
            continue
        if cleaned is None or one is None:
            raise AuditError(f"row {index}: a text without audit, or an audit without text")
        data = cleaned if isinstance(cleaned, bytes) else cleaned.encode()
        try:
            original = restore_document(_entry(one, undecoded=isinstance(cleaned, bytes)), data)
        except AuditError as error:
            raise AuditError(f"row {index}: {error}") from None
        if original != data:
            texts[index] = original.decode()
            changed = True
    rows = rows.drop_columns([audit])
    return _put(rows, text, texts) if changed else rows


def _entry(said: dict[str, Any], *, undecoded: bool) -> Entry:
    """Return a value of `AUDIT_TYPE` as what `cleaner.audit` proves a document by."""
    edits = tuple(
        EditRow("", **{**one, "rules": tuple(one["rules"]), "evidence": tuple(map(json.loads, one["evidence"]))})
        for one in said["edits"]
    )
    flags = tuple(FlagRow(**flag) for flag in said["flags"])
    encoding = None if undecoded else "utf-8"
    hashes = said["original_sha256"], said["clean_sha256"]
    return Entry("", DocumentRow("", "", None, None, None, encoding, *hashes, 0, 0, len(edits), flags), edits, ())


def _audit_batch(rows: Any, id: str, audit: str, schema: Any) -> Any:
    said = rows.column(audit)
    rows, said = rows.filter(said.is_valid()), said.drop_null()
    parts = [said.field(number) for number in range(said.type.num_fields)]
    ids = values_of(rows, id)
    digests = said.field("original_sha256").to_pylist()
    names = [word_at(ids, index) or digests[index] for index in range(len(digests))]
    return pa.RecordBatch.from_arrays([pa.array(names, pa.string()), *parts], schema=schema)

"""Parquet files that other tools write, and few expect: through a run, its check and the way back."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from cleaner import Cleaner
from cleaner.audit import DocumentRow
from cleaner.cli.diff import diff
from cleaner.corpus import batch
from cleaner.corpus.formats import Fields, Input, format_of
from cleaner.corpus.parquet import column_of, join
from cleaner.corpus.streams import open_sink
from tests.samples import PACK

CLEANER = Cleaner.from_text(PACK)
DIRTY, CLEAN = "He left.\nShare\nShe stayed.", "He left.\nShe stayed."
FAR = 2**62  # no time that Python knows


def run(folder: Path, options: batch.Options | None = None, /, **tables: pa.Table | bytes) -> batch.Summary:
    """Clean tables, as Parquet of two rows a group, or bytes; check the run and bring all back."""
    (folder / "in").mkdir()
    for name, table in tables.items():
        path = folder / "in" / f"{name}.parquet"
        if isinstance(table, bytes):
            path.write_bytes(table)
        else:
            pq.write_table(table, path, row_group_size=2)
    summary = batch.run(CLEANER, [str(folder / "in")], str(folder / "out"), options=options, jobs=0)
    assert batch.verify(str(folder / "out"), [str(folder / "in")], jobs=1) == []
    assert batch.restore(str(folder / "out"), str(folder / "back"), jobs=1) == []
    for name, table in tables.items():
        if isinstance(table, bytes):
            assert (folder / "back" / f"{name}.parquet").read_bytes() == table
        else:
            assert stored(folder / "back" / f"{name}.parquet") == stored(folder / "in" / f"{name}.parquet")
    return summary


def stored(path: Path) -> list[bytes]:
    """The schema and the row groups of a file."""
    file = pq.ParquetFile(path)
    return [
        str(file.schema_arrow).encode(),
        *(bits(file.read_row_group(group)) for group in range(file.num_row_groups)),
    ]


def bits(table: pa.Table) -> bytes:
    """What a table holds as bytes, in which a NaN is a NaN; its dictionaries may be others."""
    sink = pa.BufferOutputStream()
    table = table.flatten()
    columns = [
        pa.chunked_array(list(map(plain, column.chunks)), plain(column.slice(0, 0)).type) for column in table.columns
    ]
    table = pa.Table.from_arrays(columns, table.column_names)
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def plain(column: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return column.cast(pa.large_string(), safe=False) if pa.types.is_string_view(column.type) else column


def said(folder: Path) -> list[DocumentRow]:
    """What the audit says of each document."""
    entries = [entry for _, _, entry in batch.documents(str(folder / "out")) if entry is not None]
    return [entry.document for entry in entries if entry.document is not None]


NAN = float("nan")
ODD = {
    "moment": pa.array([FAR, None, 5], pa.timestamp("us")),
    "local": pa.array([1, None, 5], pa.timestamp("us", "Mars/Phobos")),
    "day": pa.array([2**30, None, 5], pa.date32()),
    "time": pa.array([FAR, None, 5], pa.time64("us")),
    "span": pa.array([FAR, None, 5], pa.duration("ms")),
    "number": pa.array([NAN, None, -0.0]),
    "half": pa.array([NAN, None, -0.0], pa.float16()),
    "list": pa.array([[NAN, None], None, []]),
    "pair": pa.array([[NAN, 1.0], None, [2.0, 3.0]], pa.list_(pa.float32(), 2)),
    "map": pa.array([[("a", NAN), ("b", None)], None, []], pa.map_(pa.string(), pa.float64())),
    "twice": pa.StructArray.from_arrays(
        [pa.array([FAR, 1, 2], pa.timestamp("us")), pa.array([[1], [2], None])], ["a", "a"]
    ),
    "deep": pa.array(
        [[{"a": FAR, "b": [[1]]}], None, [None]],
        pa.list_(pa.struct({"a": pa.timestamp("us"), "b": pa.list_(pa.list_(pa.int8()))})),
    ),
    "chosen": pa.array(["a", None, "b"]).dictionary_encode(),
    "uuid": pa.array([b"a" * 16, None, b"b" * 16], pa.uuid()),
    "nothing": pa.nulls(3),
    "yes": pa.array([True, None, False]),
    "price": pa.array([1, None, 3], pa.decimal128(5, 2)),
    "bytes": pa.array([b"\xff", None, b""]),
    "number again": pa.array([1, 2, 3]),
}


def test_what_python_cannot_hold_is_compared(tmp_path: Path) -> None:
    columns = [pa.array([DIRTY, "a", DIRTY]), *ODD.values()]
    names = ["text", *ODD]
    names[-1] = "number"  # a second one of the name
    nested = pa.table({"doc": pa.StructArray.from_arrays(columns, names)})
    table = pa.Table.from_arrays(columns, names)
    assert run(tmp_path, a=table).changed == 2
    (tmp_path / "nested").mkdir()
    assert run(tmp_path / "nested", batch.Options(fields=Fields("doc.text")), a=nested).changed == 2


def changes() -> Iterator[tuple[str, pa.Array]]:
    """Columns of ODD, with one value another."""
    for name, column in ODD.items():
        values = [column.take(pa.array(rows)) for rows in ([0, 0, 2], [1, 1, 2], [2, 1, 2])]
        yield from ((name, value) for value in values if bits(pa.table({"a": value})) != bits(pa.table({"a": column})))
    yield "number", pa.array([NAN, None, 0.0])
    yield "moment", pa.array([FAR + 1, None, 5], pa.timestamp("us"))


@pytest.mark.parametrize("way", ["text", "doc.text"])
def test_every_other_value_that_changes_is_found(tmp_path: Path, way: str) -> None:
    """The rows alone show it, without the digest of the file."""
    path = tmp_path / "a.parquet"

    def rests(columns: dict[str, pa.Array]) -> list[object]:
        table = pa.table({"text": pa.array(["a", "b", "c"]), **columns})
        pq.write_table(pa.table({"doc": table.to_struct_array().combine_chunks()}) if "." in way else table, path)
        with open(path, "rb") as handle:
            fields = Fields(way)
            return [
                format_of("a.parquet").rest(record) for record in format_of("a.parquet").read(Input(handle, "", fields))
            ]

    before = rests(ODD)
    assert rests(ODD) == before
    assert rests({name if name != "yes" else "no": column for name, column in ODD.items()}) != before
    for count, (name, column) in enumerate(changes()):
        after = rests(ODD | {name: column})
        assert [one != other for one, other in zip(before, after, strict=True)].count(True) == 1, (name, count)


@pytest.mark.parametrize("name", ["id", "url", "language"])
def test_times_that_python_does_not_know_say_nothing(tmp_path: Path, name: str) -> None:
    for number, far in enumerate((pa.timestamp("us"), pa.duration("s"), pa.timestamp("us", "Mars/Phobos"))):
        folder = tmp_path / str(number)
        folder.mkdir()
        table = pa.table({"text": [DIRTY, "a"], name: pa.array([FAR, 1], far)})
        assert run(folder, a=table).changed == 1
        assert pq.read_table(folder / "out" / "a.parquet")["text"].to_pylist() == [CLEAN, "a"]
        assert [getattr(row, name) for row in said(folder)] == [None, None]


def test_whole_numbers_and_texts_are_ids(tmp_path: Path) -> None:
    for number, (values, expected) in enumerate(
        (
            (pa.array([2**64 - 1, None], pa.uint64()), [str(2**64 - 1), None]),
            (pa.array(["x", None]).dictionary_encode(), ["x", None]),
            (pa.array([1.5, None]), [None, None]),
        )
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert run(folder, a=pa.table({"text": [DIRTY, DIRTY], "id": values})).changed == 2
        assert [row.id for row in said(folder)] == expected


def double(*names: str, **others: pa.Array) -> pa.Table:
    """A table with columns of the same name."""
    columns = [pa.array([DIRTY, "a", DIRTY]), pa.array(["x", "y", "z"])]
    return pa.Table.from_arrays([*columns, *others.values()], [*names, *others])


@pytest.mark.parametrize(
    ("table", "text", "named"),
    [
        (double("text", "text"), "text", "text"),
        (double("id", "id", text=pa.array([DIRTY] * 3)), "text", "id"),
        (double("language", "language", text=pa.array([DIRTY] * 3)), "text", "language"),
        (pa.table({"doc": double("text", "text").to_struct_array().combine_chunks()}), "doc.text", "doc.text"),
        (double("doc.text", "doc.text"), "doc.text", "doc.text"),
        (double("doc", "doc"), "doc.text", "doc"),
    ],
)
def test_columns_of_one_name_are_told(tmp_path: Path, table: pa.Table, text: str, named: str) -> None:
    path = tmp_path / "twice.parquet"
    pq.write_table(table, path, row_group_size=1)
    options = batch.Options(fields=Fields(text), quarantine=True, task_bytes=10)  # few bytes: cut if it can be
    good = pa.table({"doc": [{"text": DIRTY}], "text": [DIRTY]})
    summary = run(tmp_path, options, twice=path.read_bytes(), good=good)
    assert (summary.changed, summary.flags) == (1, {"malformed": 1})
    (failure,) = summary.failed
    assert failure.document.endswith("twice.parquet#0")
    assert failure.detail == f"2 columns are called `{named}`: rename all but one"
    for copy in ("out", "out/_quarantine", "out/_audit/rejected"):
        assert (tmp_path / copy / "twice.parquet").read_bytes() == path.read_bytes()


def test_other_columns_may_share_a_name(tmp_path: Path) -> None:
    options = batch.Options(task_bytes=10)
    summary = run(tmp_path, options, a=double("n", "n", text=pa.array([DIRTY, "a", DIRTY])))
    assert (summary.changed, summary.flags, summary.tasks) == (2, {}, 1)


def test_diff_tells_of_columns_of_one_name(tmp_path: Path) -> None:
    pq.write_table(double("text", "text"), tmp_path / "a.parquet")
    pq.write_table(pa.table({"text": ["Share this article:"]}), tmp_path / "b.parquet")
    done = CliRunner().invoke(diff, [str(tmp_path)], standalone_mode=False)
    assert done.return_value == 1
    assert "a.parquet#0: 2 columns are called `text`: rename all but one" in done.stderr
    assert "1 document" in done.stdout


BAD = b"\xff Share"


def broken(kind: pa.DataType) -> pa.Array:
    """Strings, one of which is not UTF-8."""
    data = pa.array([DIRTY.encode(), BAD, None, DIRTY.encode(), b"a"], pa.large_binary())
    texts = data.view(pa.large_string())
    return texts.dictionary_encode().cast(kind) if pa.types.is_dictionary(kind) else texts.cast(kind, safe=False)


CHOSEN = pa.dictionary(pa.int32(), pa.string())
STRINGS = [pa.string(), pa.large_string(), pa.string_view()]


@pytest.mark.parametrize(
    ("kind", "nested"),  # Arrow writes no views in structs
    [*((kind, False) for kind in [*STRINGS, CHOSEN]), *((kind, True) for kind in [*STRINGS[:2], CHOSEN])],
    ids=str,
)
def test_rows_beside_a_text_that_is_not_utf8(tmp_path: Path, kind: pa.DataType, nested: bool) -> None:
    table = pa.table({"text": broken(kind), "id": range(5)})
    if nested:
        table = pa.table({"doc": table.to_struct_array().combine_chunks()})
    options = batch.Options(fields=Fields("doc.text", id="doc.id") if nested else Fields(), quarantine=True)
    summary = run(tmp_path, options, a=table)
    assert (summary.documents, summary.changed, summary.flags) == (4, 2, {"undecodable": 1})
    assert summary.failed[0].document.endswith("a.parquet#1")
    assert summary.failed[0].detail == "not UTF-8 at byte 0 of the text: invalid start byte"
    assert said(tmp_path)[1].original_sha256 == hashlib.sha256(BAD).hexdigest()
    assert texts(tmp_path / "out") == [CLEAN.encode(), BAD, None, CLEAN.encode(), b"a"]
    assert texts(tmp_path / "out" / "_quarantine") == [BAD]
    assert (tmp_path / "out" / "_audit" / "rejected" / "a.parquet").read_bytes() == BAD


def texts(folder: Path) -> list[bytes | None]:
    """The texts of a.parquet as bytes."""
    file = pq.ParquetFile(folder / "a.parquet")
    found: list[bytes | None] = []
    for group in range(file.num_row_groups):
        for rows in file.read_row_group(group).to_batches():
            found += (
                column_of(rows, "doc.text" if "doc" in rows.schema.names else "text")
                .cast(pa.large_binary())
                .to_pylist()
            )
    return found


@pytest.mark.parametrize("name", ["id", "language", "other"])
@pytest.mark.parametrize("kind", STRINGS, ids=str)
def test_other_strings_that_are_not_utf8_come_through(tmp_path: Path, kind: pa.DataType, name: str) -> None:
    summary = run(tmp_path, a=pa.table({"text": [DIRTY] * 5, name: broken(kind)}))
    assert (summary.documents, summary.changed, summary.flags) == (5, 5, {})
    assert texts(tmp_path / "out") == [CLEAN.encode()] * 5


def test_a_text_that_is_not_utf8_in_a_file_that_is_cut(tmp_path: Path) -> None:
    table = pa.table({"text": pa.chunked_array([broken(pa.string())] * 20)})
    summary = run(tmp_path, batch.Options(task_bytes=100), a=table)
    assert summary.tasks > 2
    assert (summary.documents, summary.changed, summary.flags) == (80, 40, {"undecodable": 20})
    out = tmp_path / "out" / "a.parquet"
    changed = out.read_bytes().replace(BAD, BAD.swapcase())
    out.write_bytes(changed)
    assert len(batch.verify(str(tmp_path / "out"), jobs=1)) >= 20


def test_an_empty_file_is_told_like_one_cut_short(tmp_path: Path) -> None:
    out = pa.BufferOutputStream()
    pq.write_table(pa.table({"text": [DIRTY]}), out)
    short = bytes(out.getvalue())[:-20]
    summary = run(tmp_path, empty=b"", good=pa.table({"text": [DIRTY]}), short=short)
    assert (summary.documents, summary.changed, summary.errors, summary.flags) == (3, 1, 2, {"malformed": 2})
    assert [Path(failure.document).name for failure in summary.failed] == ["empty.parquet#0", "short.parquet#0"]
    assert all(failure.detail.startswith("not a Parquet file: ") for failure in summary.failed)


# ------------------------------------------------------------------ groups


def sizes(path: Path) -> list[int]:
    metadata = pq.read_metadata(path)
    return [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]


@pytest.mark.parametrize("task_bytes", [batch.Options().task_bytes, 100])
@pytest.mark.parametrize("groups", [[], [0], [0, 0], [0, 3, 0, 0, 900, 2, 0], [1, 0, 0, 0, 0, 0, 0, 0, 0, 1]])
def test_empty_groups_stay(tmp_path: Path, groups: list[int], task_bytes: int) -> None:
    table = pa.table({"text": [DIRTY] * 900, "n": range(900)})
    (tmp_path / "in").mkdir()
    with pq.ParquetWriter(tmp_path / "in" / "a.parquet", table.schema) as writer:
        for size in groups:
            writer.write_table(table.slice(0, size))
    options = batch.Options(task_bytes=task_bytes)
    summary = batch.run(CLEANER, [str(tmp_path / "in")], str(tmp_path / "out"), options=options, jobs=0)
    assert (summary.documents, summary.without_text, summary.tasks > 1) == (
        sum(groups),
        0,
        task_bytes == 100 and len(groups) > 2,
    )
    assert batch.verify(str(tmp_path / "out"), [str(tmp_path / "in")]) == []
    assert batch.restore(str(tmp_path / "out"), str(tmp_path / "back")) == []
    for folder in ("out", "back"):
        assert sizes(tmp_path / folder / "a.parquet") == groups
    assert stored(tmp_path / "back" / "a.parquet") == stored(tmp_path / "in" / "a.parquet")


def test_large_groups_stay_whole_where_parts_are_put_together(tmp_path: Path) -> None:
    """Arrow cuts a table after 2 ** 20 rows unless it is told not to."""
    rows = 2**20 + 1
    table = pa.table({"text": pa.array([""] * rows), "n": pa.nulls(rows, pa.int8())})
    (tmp_path / "in").mkdir()
    with pq.ParquetWriter(tmp_path / "in" / "a.parquet", table.schema) as writer:
        writer.write_table(table, row_group_size=rows)
    with open(tmp_path / "b.parquet", "wb") as handle:
        join(open_sink(handle), [str(tmp_path / "in" / "a.parquet")])
    assert sizes(tmp_path / "b.parquet") == [rows]


def test_a_clean_file_with_fewer_groups_is_told(tmp_path: Path) -> None:
    table = pa.table({"text": [DIRTY] * 2000})
    (tmp_path / "in").mkdir()
    pq.write_table(table, tmp_path / "in" / "a.parquet", row_group_size=200, compression="none")
    options = batch.Options(task_bytes=1000)
    batch.run(CLEANER, [str(tmp_path / "in")], str(tmp_path / "out"), options=options, jobs=0)
    clean = pq.read_table(tmp_path / "out" / "a.parquet")
    pq.write_table(clean.slice(0, 400), tmp_path / "out" / "a.parquet", row_group_size=200)
    assert batch.verify(str(tmp_path / "out"))
    assert batch.restore(str(tmp_path / "out"), str(tmp_path / "back"))

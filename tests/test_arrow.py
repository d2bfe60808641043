"""Arrow tables: whatever type a column has, only the texts change, and the audit puts them back."""

import json
import pickle
from typing import Any

import duckdb
import msgspec
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleaner import Cleaner, Result
from cleaner.audit import AuditError, run_row
from cleaner.corpus.parquet import column_of
from cleaner.integrations.arrow import (
    AUDIT_TYPE,
    EDIT_TYPE,
    ROWS,
    ArrowCleaner,
    audit_table,
    clean_arrow,
    restore_arrow,
)
from tests.samples import PACK

CLEAN = Cleaner.from_text(
    PACK
    + """
- id: teilen
  about: The same in German
  risk: safe
  for: {language: de}
  match: {is: teilen}
  examples: [{in: "Er ging.\\nTeilen\\nSie blieb.", out: "Er ging.\\nSie blieb.", language: de}, {keep: teilen wir}]
- id: mark
  about: Marks a text
  do: flag
  match: {is: mark me}
  examples: [{flag: mark me}, {keep: He left}]
- id: mine
  about: What one site adds
  risk: safe
  for: {site: example.com}
  match: {is: mine}
  examples: [{in: "He left.\\nMine\\nShe stayed.", out: "He left.\\nShe stayed."}, {keep: mine shaft}]
"""
)
TYPES = [
    pa.string(),
    pa.large_string(),
    pa.string_view(),
    pa.dictionary(pa.int8(), pa.string()),
    pa.dictionary(pa.int32(), pa.large_string()),
    pa.dictionary(pa.uint16(), pa.string(), ordered=True),
]
LINES = ["Share", "Teilen", "mark me", "mine", "US -backed", "He left.", "café 👩‍🔬", "", "\x00", "a,b", "他说。"]
texts = st.one_of(st.none(), st.lists(st.sampled_from(LINES), max_size=5).map("\n".join))
words = st.sampled_from([None, "de", "en", "https://example.com/a", "https://a.org"])
OTHERS: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (pa.string(), words),
    (pa.large_string(), words),
    (pa.dictionary(pa.int8(), pa.string()), words),
    (pa.int64(), st.sampled_from([None, 1])),
    (pa.null(), st.none()),
    (pa.list_(pa.string()), st.just(["de"])),
]


@st.composite
def tables(draw: st.DrawFn) -> tuple[Any, str]:
    """A table, in chunks of its own, and the path of its text."""
    kind = draw(st.sampled_from(TYPES))
    path = draw(st.sampled_from(["text", "body", "page.text"]))
    chunks = draw(st.lists(st.lists(texts, max_size=4), max_size=3))
    fields = [pa.field(path.partition(".")[0], pa.struct([("n", pa.int8()), ("text", kind)]) if "." in path else kind)]
    others = {}
    for name in draw(st.lists(st.sampled_from(["url", "language", "id", "n"]), unique=True)):
        other, values = draw(st.sampled_from(OTHERS))
        fields.insert(0, pa.field(name, other, metadata={"kept": name}))
        others[name] = values
    batches = []
    for chunk in chunks:
        arrays = []
        for field in fields:
            if field.name in others:
                arrays.append(pa.array([draw(others[field.name]) for _ in chunk], field.type))
            elif "." in path:
                values = pa.array(chunk, kind.value_type if pa.types.is_dictionary(kind) else kind)
                empty = pa.array([draw(st.booleans()) for _ in chunk], pa.bool_())
                struct = [pa.array([1] * len(chunk), pa.int8()), values.cast(kind)]
                arrays.append(pa.StructArray.from_arrays(struct, fields=list(field.type), mask=empty))
            else:
                values = pa.array(chunk, kind.value_type if pa.types.is_dictionary(kind) else kind)
                arrays.append(values.cast(kind))
        batches.append(pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields)))
    return pa.Table.from_batches(batches, pa.schema(fields, metadata={"of": "the table"})), path


def values(table: Any, path: str) -> list[Any]:
    return [value for batch in table.to_batches() for value in column_of(batch, path).to_pylist()]


def known(table: Any, name: str) -> list[str | None]:
    """What `cleaner run` takes for a document's URL or language: text, or a number as text."""
    found = values(table, name) if name in table.schema.names else [None] * len(table)
    return [str(value) if isinstance(value, (str, int)) else None for value in found]


def same(one: Any, other: Any) -> bool:
    """Whether two tables hold the same; pyarrow calls dictionaries different that say the same in another order."""
    equal: bool = one.schema.equals(other.schema, check_metadata=True) and one.to_pylist() == other.to_pylist()
    return equal


@given(tables())
def test_only_texts_change_and_come_back(made: tuple[Any, str]) -> None:
    table, path = made
    cleaned = clean_arrow(table, CLEAN, text=path)
    cleaned.validate(full=True)
    assert cleaned.schema.remove(len(table.schema)).equals(table.schema, check_metadata=True)
    assert cleaned.schema.field("audit").type == AUDIT_TYPE
    assert same(clean_arrow(table.combine_chunks(), CLEAN, text=path), cleaned)
    told = zip(values(table, path), known(table, "url"), known(table, "language"), strict=True)
    for (text, url, language), clean, audit in zip(
        told, values(cleaned, path), cleaned["audit"].to_pylist(), strict=True
    ):
        if text is None:
            assert clean is audit is None
            continue
        result = CLEAN(text, url=url, language=language)
        assert clean == result.text
        assert [(edit["start"], edit["end"], edit["before"], edit["after"]) for edit in audit["edits"]] == [
            (edit.start, edit.end, edit.before, edit.after) for edit in result.edits
        ]
        assert [flag["name"] for flag in audit["flags"]] == [flag.name for flag in result.flags]
    assert same(restore_arrow(cleaned, text=path), table)


@given(tables())
def test_kinds_of_tables_agree(made: tuple[Any, str]) -> None:
    table, path = made
    cleaned = clean_arrow(table, CLEAN, text=path)
    stream = clean_arrow(table.to_reader(), CLEAN, text=path)
    assert isinstance(stream, pa.RecordBatchReader)
    assert same(stream.read_all(), cleaned)
    for batch in table.to_batches():
        one = clean_arrow(batch, CLEAN, text=path)
        assert isinstance(one, pa.RecordBatch)
        assert same(restore_arrow(one, text=path), batch)
    copy = pickle.loads(pickle.dumps(ArrowCleaner(CLEAN.to_resolved(), path)))
    assert same(copy(table), cleaned)


TABLE = pa.table({"id": [7, None, 9], "text": ["He left.\nShare\nShe stayed.", "Fine.", None]})


@pytest.mark.parametrize("names", [("url", "language"), ("link", "spoken"), ("page.link", "page.spoken")])
def test_sites_and_languages_count(names: tuple[str, str]) -> None:
    text = "He left.\nMine\nTeilen\nShe stayed."
    known = [("https://www.example.com/a", None), (None, "de-AT"), ("https://a.org", "en"), (None, None)]
    columns: dict[str, list[Any]] = {
        name.rpartition(".")[2]: [row[place] for row in known] for place, name in enumerate(names)
    }
    if "." in names[0]:
        columns = {"page": [dict(zip(columns, row, strict=True)) for row in known]}
    table = pa.table({"text": [text] * 4, **columns})
    cleaned = clean_arrow(table, CLEAN, url=names[0], language=names[1])["text"].to_pylist()
    assert cleaned == [text.replace("Mine\n", ""), text.replace("Teilen\n", ""), text, text]
    if names == ("url", "language"):
        assert clean_arrow(table, CLEAN)["text"].to_pylist() == cleaned


def test_batches_are_small() -> None:
    table = pa.table({"text": ["x\nShare"] * (2 * ROWS + 1)})
    assert [len(batch) for batch in clean_arrow(table, CLEAN).to_batches()] == [ROWS, ROWS, 1]


def test_dataframes_and_queries_in_one_call() -> None:
    texts = TABLE["text"].to_pylist()
    clean = ["He left.\nShe stayed.", "Fine.", None]
    frame = pl.DataFrame({"text": texts})
    assert pl.DataFrame(clean_arrow(frame, CLEAN))["text"].to_list() == clean
    assert pl.DataFrame(restore_arrow(clean_arrow(frame, CLEAN))).equals(frame)
    panda = clean_arrow(pd.DataFrame({"text": texts}), CLEAN).to_pandas()
    assert panda["text"].iloc[:2].to_list() == clean[:2]
    assert panda["text"].isna().to_list() == [False, False, True]
    with duckdb.connect() as connection:
        cleaned = clean_arrow(connection.from_arrow(TABLE), CLEAN)
        again = connection.from_arrow(cleaned)
        assert again.aggregate("sum(len(audit.edits))").fetchall() == [(1,)]
        assert restore_arrow(again).to_pylist() == TABLE.to_pylist()


def test_the_audit_on_its_own() -> None:
    cleaned = clean_arrow(TABLE, CLEAN)
    first, second = audit_table(cleaned).to_pylist()
    assert (first["document"], second["document"]) == ("7", second["original_sha256"])
    assert [edit["rules"] for edit in first["edits"]] == [["t/share-line"]]
    assert [json.loads(one) for one in first["edits"][0]["evidence"]] == [{"is": "share"}]
    (batch,) = cleaned.to_batches()
    assert audit_table(batch).to_pylist() == [first, second]
    assert audit_table(cleaned, id="text")["document"].to_pylist() == ["He left.\nShe stayed.", "Fine."]


def test_the_header_is_metadata() -> None:
    header = clean_arrow(TABLE, CLEAN).schema.field("audit").metadata[b"cleaner"]
    assert header == msgspec.json.encode(run_row(CLEAN.configuration, {}))


def test_edits_have_the_fields_of_the_audit() -> None:
    assert EDIT_TYPE.names == "start end line before after rules action risk evidence".split()


def test_a_text_that_is_not_utf8_stays() -> None:
    for kind in (pa.string(), pa.large_string(), pa.string_view()):
        data = (
            pa.array([b"a\nShare\nb", b"\xff\nShare", None], pa.large_binary())
            .view(pa.large_string())
            .cast(kind, safe=False)
        )
        table = pa.table({"text": data, "url": data})
        cleaned = clean_arrow(table, CLEAN)
        assert cleaned["text"].cast(pa.large_binary()).to_pylist() == [b"a\nb", b"\xff\nShare", None]
        assert [[flag["name"] for flag in audit["flags"]] for audit in cleaned["audit"].to_pylist()[:2]] == [
            [],
            ["undecodable"],
        ]
        restored = restore_arrow(cleaned)["text"]
        assert restored.type == kind
        assert restored.cast(pa.large_binary()).to_pylist() == data.cast(pa.large_binary()).to_pylist()


class Failing(Cleaner):
    """Fails on some texts, as nobody foresaw."""

    def __call__(self, text: str, *, url: str | None = None, language: str | None = None) -> Result:
        if text == "fail":
            raise RuntimeError("as asked")
        result = super().__call__(text, url=url, language=language)
        return Result(text, "\ud800", ()) if text == "half" else result


def test_a_text_that_fails_stays() -> None:
    failing = Failing.from_text(PACK)
    cleaned = clean_arrow(pa.table({"text": ["fail", "half", "a\nShare\nb"]}), failing)
    assert cleaned["text"].to_pylist() == ["fail", "half", "a\nb"]
    flags = [audit["flags"] for audit in cleaned["audit"].to_pylist()]
    assert flags[0] == [{"name": "failed", "rule": None, "detail": "RuntimeError: as asked", "error": True}]
    assert [flag["name"] for flag in flags[1]] == ["failed"]
    assert flags[2] == []
    assert restore_arrow(cleaned)["text"].to_pylist() == ["fail", "half", "a\nShare\nb"]


@pytest.mark.parametrize(
    ("table", "options", "error", "message"),
    [
        ({"body": ["x"]}, {}, ValueError, "there is no column 'text'; there are: body"),
        ({"text": [1]}, {}, ValueError, "the column 'text' holds int64, not strings"),
        ({"text": ["x"]}, {"url": "link"}, ValueError, "there is no column 'link'; there are: text"),
        ({"text": ["x"], "audit": [1]}, {}, ValueError, "there is a column 'audit' already"),
        (["x"], {}, TypeError, "expected a table that speaks Arrow, not list"),
    ],
)
def test_wrong_columns(table: Any, options: dict[str, str], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        clean_arrow(pa.table(table) if isinstance(table, dict) else table, CLEAN, **options)


def test_damage_is_found() -> None:
    cleaned = clean_arrow(TABLE, CLEAN)
    changed = cleaned.set_column(1, "text", [["He left.\nShe left.", "Fine.", None]])
    with pytest.raises(AuditError, match="row 0: the clean file and the edits do not give the original"):
        restore_arrow(changed)
    for texts in (["He left.\nShe stayed.", "Fine.", "x"], ["He left.\nShe stayed.", None, None]):
        with pytest.raises(AuditError, match=r"row \d: a text without audit, or an audit without text"):
            restore_arrow(cleaned.set_column(1, "text", [texts]))
    with pytest.raises(ValueError, match="there is no column 'audit'"):
        restore_arrow(TABLE)
    with pytest.raises(ValueError, match="there is no column 'audit'"):
        audit_table(TABLE)

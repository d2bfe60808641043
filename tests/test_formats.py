import base64
import gzip
import hashlib
import io
import itertools
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from cleaner.corpus import batch, streams
from cleaner.corpus.formats import Fields, Format, Input, Record, decode, format_of
from cleaner.corpus.formats.json_lines import MAX_DEPTH
from cleaner.corpus.streams import Damage, Line, blocks, lines, open_sink, split_name
from cleaner.engine import Cleaner
from tests.hostile import MAKERS, files
from tests.samples import PACK

CLEANER = Cleaner.from_text(PACK)
# Takes out what can be all that a document has.
ERASER = Cleaner.from_text(
    PACK
    + r"""
- id: zero-width
  about: A space without width
  unit: span
  risk: safe
  match: {regex: '\u200B'}
  examples: [{in: "He\u200B left", out: He left}, {keep: He left}]
"""
)
DIRTY, CLEAN = "He left.\nShare\nShe stayed.", "He left.\nShe stayed."


def cleaned(name: str, data: bytes, fields: Fields | None = None, clean: Cleaner = CLEANER) -> bytes:
    """What a file becomes, by the format alone."""
    chosen, codec = format_of(name), split_name(name)[1]
    handle = io.BytesIO(data)
    source = Input(handle, codec, fields or Fields())
    out = io.BytesIO()
    sink = open_sink(out, codec)
    writer = chosen.writer(sink, source)
    handle.seek(0)
    for record in chosen.read(source):
        if record.lost is None:
            writer.put(record, None if record.text is None else clean(record.text).text)
    writer.close()
    return out.getvalue()


def records(name: str, data: bytes, fields: Fields | None = None) -> list[Record]:
    chosen: Format = format_of(name)
    return list(chosen.read(Input(io.BytesIO(data), split_name(name)[1], fields or Fields())))


def there_and_back(folder: Path, name: str, data: bytes, fields: Fields | None = None) -> bytes:
    """What a run makes of a file that it can put back, byte for byte."""
    path, out, back = folder / "in" / name, folder / "out", folder / "back"
    path.parent.mkdir()
    path.write_bytes(data)
    batch.run(ERASER, [str(path)], str(out), options=batch.Options(fields or Fields()), jobs=0)
    assert batch.verify(str(out), [str(path)], jobs=1) == []
    assert batch.restore(str(out), str(back), jobs=1) == []
    assert (back / name).read_bytes() == data
    return (out / name).read_bytes()


# ------------------------------------------------------------------ JSON Lines

D, C = json.dumps(DIRTY).encode(), json.dumps(CLEAN).encode()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'{"text":%b}' % D, b'{"text":%b}' % C),
        (
            b' { "a" : 1.50 , "text" :\t%b , "b":[{"text":"x\\nShare"}] } \r' % D,
            b' { "a" : 1.50 , "text" :\t%b , "b":[{"text":"x\\nShare"}] } \r' % C,
        ),
        (b'{"title":%b,"text":%b}' % (D, D), b'{"title":%b,"text":%b}' % (D, C)),
        (
            b'{"n":1e400,"m":-0.0,"text":%b,"l":12345678901234567890123}' % D,
            b'{"n":1e400,"m":-0.0,"text":%b,"l":12345678901234567890123}' % C,
        ),
        (b'{"n":NaN,"m":[-Infinity, 1],"text":%b}' % D, b'{"n":NaN,"m":[-Infinity, 1],"text":%b}' % C),
        (b'{"a\\"b":"\\\\","text":%b}' % D, b'{"a\\"b":"\\\\","text":%b}' % C),
        (b'{"te\\u0078t":%b}' % D, b'{"te\\u0078t":%b}' % C),
        (b'{"o":"\\ud800","text":%b}' % D, b'{"o":"\\ud800","text":%b}' % C),
        (b'{"text":"\\ud800\\nShare\\n\\udc00\\u00e9"}', b'{"text":"\\ud800\\n\\udc00\\u00e9"}'),
        (b'{"text":"\\ud800 \\\\ud800\\nShare\\nb"}', b'{"text":"\\ud800 \\\\ud800\\nb"}'),
        ('{"text":"é\\nShare\\n😀"}'.encode(), '{"text":"é\\n😀"}'.encode()),
        (b'{"text":"\\u00e9\\nShare\\nb"}', b'{"text":"\\u00e9\\nb"}'),
        (b"\xef\xbb\xbf" + b'{"text":%b}' % D, b"\xef\xbb\xbf" + b'{"text":%b}' % C),
        (b'{"text":"/\\/ \\u0041"}', b'{"text":"/\\/ \\u0041"}'),
        (b'{"text":null}', b'{"text":null}'),
        (b"{}", b"{}"),
        (b"", b""),
    ],
)  # fmt: skip
def test_only_the_text_of_a_line_changes(line: bytes, expected: bytes) -> None:
    before = b'{"text":"x"}\n' + line + b'\n{"text":"y"}'
    found = records("a.jsonl", before)
    assert [record.problem for record in found] == ["", "", ""]
    chosen = format_of("a.jsonl")
    out = io.BytesIO()
    writer = chosen.writer(open_sink(out), Input(io.BytesIO(), "", Fields()))
    for record in found:
        text = None if record.text is None else CLEANER(record.text).text
        writer.put(record, None if text == record.text else text)
    assert out.getvalue() == b'{"text":"x"}\n' + expected + b'\n{"text":"y"}'


@pytest.mark.parametrize(
    "line", [b"{", b"[1]", b'"a"', b'{"text":"a"} x', b'{"text":"a","text":"b"}', b'{"text":"\xff"}']
)
def test_what_is_no_object_is_told_and_kept(line: bytes) -> None:
    data = line + b'\n{"text":"x"}\n'
    bad, good = records("a.jsonl", data)
    assert bad.problem
    assert (bad.text, bad.raw, good.text, good.place) == (None, line + b"\n", "x", len(line) + 1)


def test_nested_fields() -> None:
    data = b'{"doc":{"x":1,"body":%b},"meta":{"src":{"id":7,"url":"u"}},"lang":"en"}\n' % D
    fields = Fields("doc.body", "meta.src.id", "meta.src.url", "lang")
    (record,) = records("a.jsonl", data, fields)
    assert (record.text, record.id, record.url, record.language) == (DIRTY, "7", "u", "en")
    assert cleaned("a.jsonl", data, fields) == data.replace(D, C)


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ('{"title":"é","text":"in.~"}', '{"title":"é","text":"in."}'),
        ('{"title":"\\u00e9","text":"in.\\u200b"}', '{"title":"\\u00e9","text":"in."}'),
        ('{"title":"é","text":"\\u00e9.\\u200b"}', '{"title":"é","text":"\\u00e9."}'),
        ('{"title":"\\u00e9","text":"é.~"}', '{"title":"\\u00e9","text":"é."}'),
        ('{"text":"in.\\u200b"}', '{"text":"in."}'),
    ],
)
def test_characters_beyond_ascii_come_back_as_they_were_written(line: str, after: str, tmp_path: Path) -> None:
    original = line.replace("~", "\u200b").encode()
    assert there_and_back(tmp_path, "a.jsonl", original) == after.encode()


def test_what_is_not_proper_json_hides_nothing_of_the_rest() -> None:
    line = (
        rb'{"id":"the NaN case, -Infinity \"NaN ","n":[NaN,{"k":-Infinity}],"meta":{"lang":"\u00e9n \ud83d\ude00","x":NaN},'
        rb'"url":"http://a/\ud83d\ude00","a\ud800":1,"a\udc00":"\udc00","\\ud800":2,"\\ud801":3,"text":"a"}'
    )
    (record,) = records("a.jsonl", line, Fields(language="meta.lang"))
    assert (record.problem, record.text) == ("", "a")
    assert (record.id, record.url, record.language) == (
        'the NaN case, -Infinity "NaN ', "http://a/😀", "én 😀",
    )  # fmt: skip
    (record,) = records("a.jsonl", rb'{"id":"\ud800 a","url":"http://\udfff/","text":"a"}')
    assert (record.id, record.url) == ("\ud800 a", "http://\ufffd/")
    for broken in (
        rb'{"a\ud800":1,"a\ud800":2,"text":"a"}',
        b'{"a":NaN,"text":"a',
        b'{"a":NaN,"text":' + b'"\\"' * 10**5,
    ):
        assert records("a.jsonl", broken)[0].problem.startswith("not a JSON object: ")


@pytest.mark.parametrize(("start", "end"), [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"text":"x","a":', b"}]")])
def test_json_nested_too_deeply_is_told_and_kept(start: bytes, end: bytes) -> None:
    def line(levels: int, before: bytes = b"") -> bytes:
        return b'{%b"text":"x","a":%b1%b}' % (before, start * levels, end * levels)

    steps = 2 if start == b'[{"text":"x","a":' else 1
    most = (MAX_DEPTH - 1) // steps
    for before in (b"", b'"n":NaN,'):
        for levels in (most + 1, 1000, 10**5):
            data = line(levels, before)
            (record,) = records("a.jsonl", data)
            assert (record.text, record.raw) == (None, data)
            assert record.problem == f"not a JSON object: nested too deeply, in more than {MAX_DEPTH} levels"
        assert records("a.jsonl", line(most, before))[0].text == "x"
    text = json.dumps("[{" * 10**4 + '"]}\\' * 10**4).encode()
    assert records("a.jsonl", b'{"a":[],"text":%b}' % text)[0].text is not None


def test_two_halves_do_not_become_a_character() -> None:
    chosen = format_of("a.jsonl")
    (record,) = records("a.jsonl", b'{"text":"\\ud83d-\\ude00"}')
    writer = chosen.writer(open_sink(io.BytesIO()), Input(io.BytesIO(), "", Fields()))
    with pytest.raises(ValueError, match="two halves"):
        writer.put(record, "\ud83d\ude00")


@pytest.mark.parametrize("seed", range(20))
def test_parts_of_a_file_are_its_lines_once_each(seed: int) -> None:
    data = MAKERS[".jsonl"](random.Random(seed)) + b"\n" * (seed % 3)
    chosen = format_of("a.jsonl")
    whole = records("a.jsonl", data)
    rnd = random.Random(seed)
    ends = sorted({rnd.randrange(len(data) + 1) for _ in range(5)} | {len(data)}) if data else []
    found = [
        record
        for start, end in itertools.pairwise([0, *ends])
        if start < end
        for record in chosen.read(Input(io.BytesIO(data), "", Fields(), start, end))
    ]
    assert [(record.place, record.raw) for record in found] == [(record.place, record.raw) for record in whole]


# ------------------------------------------------------------------ bytes


def test_lines_too_long_come_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MAX_RECORD", 10)
    data = b"short\n" + b"x" * 25 + b"\nend\n" + b"y" * 11

    def cut(size: int) -> Iterator[bytes | Damage]:
        yield from (data[at : at + size] for at in range(0, len(data), size))

    expected = [
        Line(0, b"short\n"), Line(6, b"x" * 10, False), Line(16, b"x" * 10, False), Line(26, b"xxxxx\n", False),
        Line(32, b"end\n"), Line(36, b"y" * 10, False), Line(46, b"y", False),
    ]  # fmt: skip
    for size in range(1, len(data) + 1):
        assert list(lines(cut(size))) == expected, size


@pytest.mark.parametrize("codec", [".gz", ".zst"])
def test_damage_costs_one_member(codec: str) -> None:
    compress = gzip.compress if codec == ".gz" else zstandard.compress
    members = [compress(random.Random(seed).randbytes(3000)) for seed in range(3)]
    broken = bytearray(b"".join(members))
    start = len(members[0])
    broken[start + 4 : start + 12] = b"\0" * 8 if codec == ".zst" else b"\xff" * 8
    broken[start + 40 : start + 60] = b"\xff" * 20
    found = list(blocks(io.BytesIO(bytes(broken)), codec))
    data = b"".join(block for block in found if isinstance(block, bytes))
    damage = [block for block in found if isinstance(block, Damage)]
    assert damage, codec
    assert start <= damage[0].start < damage[-1].end <= start + len(members[1])
    assert f"at byte {damage[0].start}" in damage[0].detail
    assert data.startswith(random.Random(0).randbytes(3000))
    assert data.endswith(random.Random(2).randbytes(3000))


@pytest.mark.parametrize("codec", [".gz", ".zst"])
def test_what_ends_early_is_told(codec: str) -> None:
    whole = (gzip.compress if codec == ".gz" else zstandard.compress)(random.Random(1).randbytes(10**5))
    for length in (len(whole) - 1, len(whole) // 2, 6):
        *_, last = blocks(io.BytesIO(whole[:length]), codec)
        assert isinstance(last, Damage)
        assert last.detail.endswith(f"ends early, at byte {length}")
    assert b"".join(b for b in blocks(io.BytesIO(whole + b"\0" * 20), codec) if isinstance(b, bytes)) == random.Random(
        1
    ).randbytes(10**5)


def test_a_bomb_is_read_in_small_pieces() -> None:
    bombs = (gzip.compress(bytes(2**26)), ".gz"), (zstandard.compress(bytes(2**26)), ".zst")
    for data, codec in bombs:
        sizes = [len(block) for block in blocks(io.BytesIO(data), codec) if isinstance(block, bytes)]
        assert sum(sizes) == 2**26
        assert codec == ".zst" or max(sizes) <= 2**20


# ------------------------------------------------------------------ the other formats


def test_csv_changes_only_the_text() -> None:
    data = f'id;"text";z\r\n1;"He said ""no"".\nShare\nB";"q;""r"""\r\n2;plain;\r\n3;"x\n{DIRTY}";\r\n'.encode()
    assert cleaned("a.csv", data) == data.replace(b"\nShare", b"")
    assert [record.text for record in records("a.csv", data)] == [
        None,
        'He said "no".\nShare\nB',
        "plain",
        f"x\n{DIRTY}",
    ]
    assert [record.id for record in records("a.csv", data)] == [None, "1", "2", "3"]
    assert records("a.csv", data + b"1;2\n")[-1].problem == "not a record: 2 fields where there are 3 names"
    assert records("a.csv", data + b'1;"2\n')[-1].problem == "not a record: a quote is never closed"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"id,text\n1,He left; he said.\n", b"id,text\n1,He left; he said. So.\n"),
        (b"text;id\nHe left, he said.;1\n", b"text;id\nHe left, he said. So.;1\n"),
        (b"text\nHe left; he said.\n", b"text\nHe left; he said. So.\n"),
        (b'id,text\n1,"He left, he said."\n', b'id,text\n1,"He left, he said. So."\n'),
    ],
)
def test_csv_quotes_only_what_the_delimiter_wants(before: bytes, after: bytes) -> None:
    clean = Cleaner.from_text(
        "rules: [{id: a, about: x, match: {has: he said.}, unit: span, do: replace, with: he said. So., "
        "examples: [{in: he said., out: he said. So.}, {keep: b}]}]"
    )
    assert cleaned("a.csv", before, clean=clean) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("text\n~\nSecond.\n", 'text\n""\nSecond.\n'),
        ('"text"\r\n"~"\r\n"Second."\r\n', '"text"\r\n""\r\n"Second."\r\n'),
        ("text\n\n~\t\n \t\n~ ", 'text\n\n"\t"\n \t\n" "'),
        ("text\tid\nfoo\t1\n~\t\n\nhello\t3\n", "text\tid\nfoo\t1\n\t\n\nhello\t3\n"),
        ("id\ttext\n \t~\n", "id\ttext\n \t\n"),
        ("text;id\n~;\n", "text;id\n;\n"),
        ('id,text\n1, "a~, b" \n', 'id,text\n1, "a, b" \n'),
        ("id,text\n1, a~ \n", "id,text\n1, a \n"),
        ('"te;xt"\n"a~;"\n"~"', '"te;xt"\n"a;"\n""'),
    ],
)  # fmt: skip
def test_csv_records_stay_records_and_come_back(before: str, after: str, tmp_path: Path) -> None:
    original = before.replace("~", "\u200b").encode()
    fields = Fields("te;xt" if "te;xt" in before else "text")
    assert there_and_back(tmp_path, "a.csv", original, fields) == after.encode()
    places = [(one.is_document, one.id) for one in records("a.csv", original, fields)]
    assert [(one.is_document, one.id) for one in records("a.csv", after.encode(), fields)] == places


@pytest.mark.parametrize("names", [b"id,caf\xe9,text", b"\xff\xfei\x00d\x00,text"])
def test_csv_names_that_are_not_utf8_are_told(names: bytes) -> None:
    data = names + b"\r\n1,x,Share\r\n"
    assert cleaned("a.csv", data) == data
    assert [record.text for record in records("a.csv", data)] == [None, None]
    for record in records("a.csv", data):
        assert re.fullmatch(r"the names of the fields are not UTF-8 \(.+\): convert the file", record.problem)


ALONE = "not a record: a line ends in \\r alone: convert the line ends of the file to \\n"


def test_csv_lines_that_end_in_a_carriage_return_alone_are_told() -> None:
    mac = b"id,text\rs1,Share\rs2,hello\r"
    assert [(record.text, record.problem) for record in records("a.csv", mac)] == [(None, ALONE)]
    assert [(one.text, one.problem) for one in records("a.csv", mac + b"\n1,x\n")] == [(None, ALONE)] * 2
    data = b'id,text\n1,hello\r2,Share\n3,x\n4\r5,y\n6,"a\rb"\r\n7,z\r\r\n8,end\r'
    found = records("a.csv", data)
    assert [record.text for record in found] == [None, None, "x", None, "a\rb", "z", "end"]
    assert [record.problem for record in found] == ["", ALONE, "", ALONE, "", "", ""]
    assert records("a.csv", b'id,text\n1,a"b\nc"d\n')[-1].problem == "not a record: a quote stands inside a field"
    assert cleaned("a.csv", mac) == mac
    assert cleaned("a.csv", data) == data


def test_wet_keeps_lengths_and_digests_right() -> None:
    body = DIRTY.encode()
    right = b"sha1:" + base64.b32encode(hashlib.sha1(body).digest())
    clean = b"sha1:" + base64.b32encode(hashlib.sha1(CLEAN.encode()).digest())
    form = (
        b"WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: https://a.example/x\r\nWARC-Block-Digest: %b\r\n"
        b"WARC-Identified-Content-Language: eng,fra\r\nX:  odd \r\nContent-Length: %d\r\n\r\n%b\r\n\r\n"
    )
    info = b"WARC/1.0\r\nWARC-Type: warcinfo\r\nContent-Length: 5\r\n\r\nShare\r\n\r\n"
    for before, after in ((right, clean), (clean, clean)):  # a wrong digest stays wrong
        data = info + form % (before, len(body), body) + info
        expected = info + form % (after, len(CLEAN.encode()), CLEAN.encode()) + info
        assert cleaned("a.wet", data) == expected
        found = records("a.wet", data)[1]
        assert (found.text, found.url, found.language) == (DIRTY, "https://a.example/x", "eng")
    packed = gzip.compress(info) + gzip.compress(form % (right, len(body), body))
    after = cleaned("a.wet.gz", packed)
    assert gzip.decompress(after) == info + form % (clean, len(CLEAN.encode()), CLEAN.encode())
    assert after.count(b"\x1f\x8b\x08") == 2  # a member a record, so that indices can point to them


def test_parquet_keeps_groups_schema_and_metadata() -> None:
    table = pa.table(
        {
            "n": pa.array([1, None, 3, 4, 5], pa.int16()),
            "doc": pa.array(
                [
                    {"text": DIRTY, "k": 1},
                    None,
                    {"text": None, "k": 2},
                    {"text": "x", "k": 3},
                    {"text": DIRTY, "k": 4},
                ]
            ),
            "tags": pa.array([["a"], [], None, ["b", "c"], ["d"]]),
        }
    ).replace_schema_metadata({"origin": "test"})
    out = io.BytesIO()
    pq.write_table(table, out, row_group_size=2, compression="zstd")
    data = cleaned("a.parquet", out.getvalue(), Fields("doc.text"))
    before, after = pq.ParquetFile(io.BytesIO(out.getvalue())), pq.ParquetFile(io.BytesIO(data))
    assert after.schema_arrow.equals(before.schema_arrow, check_metadata=True)
    assert [after.metadata.row_group(n).num_rows for n in range(after.num_row_groups)] == [2, 2, 1]
    assert after.metadata.row_group(0).column(0).compression == "ZSTD"
    rows = before.read().to_pylist()
    for row in rows:
        if row["doc"] and row["doc"]["text"] == DIRTY:
            row["doc"]["text"] = CLEAN
    assert after.read().to_pylist() == rows


def test_encodings_come_back_exactly() -> None:
    german = "Über die Straße führte früher ein schmaler Weg, größer als nötig, für müde Füße. " * 5
    for data, encoding, expected in (
        (german.encode("cp1252"), "cp1252", german),
        (german.encode("utf-16"), None, "\ufeff" + german),
        (german.encode("utf-32"), None, "\ufeff" + german),
        (german.encode(), "cp1252", german),
    ):
        text, name = decode(data, encoding)
        assert (text, text.encode(name)) == (expected, data)
    text, name = decode(german.encode("cp1252"), None)
    assert text.encode(name) == german.encode("cp1252")
    for data in (german.encode()[:-1] + b"\xff\xff\xff\xff\xff", b"ab\xff", german.encode()[:1]):
        with pytest.raises(UnicodeDecodeError):
            decode(data, None)


# ------------------------------------------------------------------ there and back


def texts(name: str, data: bytes) -> list[str | bytes | None]:
    """The texts of a file, or, where it is one document or holds none, bytes."""
    found: list[str | bytes | None] = []
    for record in records(name, data):
        if record.lost is None:
            found.append(record.raw if record.text is None and isinstance(record.raw, bytes) else record.text)
    if format_of(name).single:
        return [b"".join(block for block in blocks(io.BytesIO(data), split_name(name)[1]) if isinstance(block, bytes))]
    return found


def test_hostile_files_there_and_back(tmp_path: Path) -> None:
    made = files(500)
    for name, data in made.items():
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    out, back = tmp_path / "out", tmp_path / "back"
    summary = batch.run(ERASER, [str(tmp_path / "in")], str(out), jobs=0)
    assert summary.files == len(made)
    assert summary.changed > 300
    assert {"malformed", "corrupt", "undecodable"} <= summary.flags.keys()
    assert "failed" not in summary.flags
    assert batch.verify(str(out), [str(tmp_path / "in")], jobs=1) == []
    told = batch.restore(str(out), str(back), jobs=1)
    assert len(told) == summary.flags["corrupt"]
    assert all("what could not be read is not in the clean file" in line for line in told)
    assert sorted(p.relative_to(back) for p in back.rglob("*") if p.is_file()) == sorted(map(Path, made))
    for name, data in made.items():
        restored = (back / name).read_bytes()
        assert texts(name, restored) == texts(name, data), name
        if split_name(name)[0] in (".txt", ".md", ".csv", ".wet") and not split_name(name)[1]:
            assert restored == data, name

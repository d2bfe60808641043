import functools
import json
import operator
import re
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleaner.audit import (
    AuditError,
    DocumentRow,
    EditRow,
    Entry,
    FlagRow,
    PackRow,
    RunRow,
    decode_row,
    digest,
    document_rows,
    encode_row,
    read,
    restore_document,
    unchanged_rows,
    verify_document,
)
from cleaner.edits import Cause, Edit, apply
from cleaner.engine import Flag, Result

SHARE = Cause("news/share-line", "drop", "safe", {"is": "share"})
GAP = Cause("core/hyphen-gap", "replace", "likely", {"regex": " (?=-)", "groups": ["US"]})


def result(original: str, *edits: Edit, flags: tuple[Flag, ...] = ()) -> Result:
    return Result(original, apply(original, edits), edits, flags)


def audit(document: str, cleaned: Result) -> bytes:
    """The audit's lines of one document."""
    original = cleaned.original.encode("utf-8", "surrogatepass")
    clean = cleaned.text.encode("utf-8", "surrogatepass")
    rows = document_rows(document, f"in/{document}", "utf-8", cleaned, original=original, clean=clean)
    return b"".join(map(encode_row, rows))


def only_entry(data: bytes) -> Entry:
    (entry,) = read(data.splitlines(keepends=True))
    assert isinstance(entry, Entry)
    return entry


EXAMPLE = result(
    "Émile left.\r\nShare\nThe US -backed force 𝄞\n",
    Edit(13, 19, "Share\n", "", (SHARE,)),
    Edit(25, 26, " ", "", (GAP, SHARE)),
    flags=(Flag("budget", "news/share-line", "10% of the words", False),),
)


# ------------------------------------------------------------------ what is written


def test_golden_rows() -> None:
    assert audit("a/é.txt", EXAMPLE).decode().splitlines() == [
        '{"type":"edit","document":"a/é.txt","start":13,"end":19,"line":2,"before":"Share\\n","after":"",'
        '"rules":["news/share-line"],"action":"drop","risk":"safe","evidence":[{"is":"share"}],'
        '"check":"f065838f365bb75b"}',
        '{"type":"edit","document":"a/é.txt","start":25,"end":26,"line":3,"before":" ","after":"",'
        '"rules":["core/hyphen-gap","news/share-line"],"action":"drop","risk":"likely",'
        '"evidence":[{"regex":" (?=-)","groups":["US"]},{"is":"share"}],"check":"654740a79be2550b"}',
        '{"type":"document","document":"a/é.txt","source":"in/a/é.txt","id":null,"url":null,'
        '"language":null,"encoding":"utf-8",'
        '"original_sha256":"d51841bcf6332cb9a1309f1393ca19dd99c82806d80c40652e3a88d38c303599",'
        '"clean_sha256":"a26b7c3bfac11f0af30a107352cea27408f32bc844361cb295857ad7d2d26750",'
        '"chars":42,"clean_chars":35,"edits":2,'
        '"flags":[{"name":"budget","rule":"news/share-line","detail":"10% of the words","error":false}],'
        '"check":"76a9f04b447f57fb"}',
    ]


def test_golden_header() -> None:
    row = RunRow("cleaner", "1.2.3", "15.0.0", {"re2": None}, (PackRow("news", "1.0.0"),), "ab", {"jobs": 1})
    assert encode_row(row).decode() == (
        '{"type":"run","tool":"cleaner","version":"1.2.3","unicode":"15.0.0","engines":{"re2":null},'
        '"packs":[{"name":"news","version":"1.0.0"}],"digest":"ab","options":{"jobs":1},'
        '"check":"9ed9409043d862cb"}\n'
    )


@pytest.mark.parametrize(
    ("original", "offset", "line"),
    [
        ("a", 0, 1),
        ("a", 1, 1),
        ("a\nb", 1, 1),
        ("a\nb", 2, 2),
        ("a\r\nb", 2, 1),
        ("a\r\nb", 3, 2),
        ("a\rb", 2, 2),
        ("a\u2028b\x85c\x0cd", 6, 1),
        ("\n\n\n", 2, 3),
        ("a\n", 2, 1),
        ("", 0, 1),
    ],
)
def test_line_is_the_one_where_the_edit_starts(original: str, offset: int, line: int) -> None:
    cleaned = result(original, Edit(offset, offset, "", "+", (SHARE,)))
    assert only_entry(audit("a.txt", cleaned)).edits[0].line == line


def test_an_edit_without_a_cause_is_refused() -> None:
    with pytest.raises(AuditError, match="the edit at 1 has no cause"):
        audit("a.txt", result("ab", Edit(1, 2, "b", "")))


# ------------------------------------------------------------------ what is read is what was written

# Every kind of character that has ever broken a format, lone surrogates among them.
texts = st.text(
    st.one_of(st.sampled_from('\n\r\x00\x1b\x85\u2028\ufeff"\\ud8\ud800\udc80\udfff😀é'), st.characters(codec=None))
)
causes = st.builds(
    Cause,
    rule=texts,
    action=st.sampled_from(["drop", "replace", "fix", "keep", "flag"]),
    risk=st.sampled_from(["safe", "likely", "risky"]),
    evidence=st.dictionaries(texts, st.one_of(texts, st.integers(0, 9), st.lists(texts, max_size=2))),
)


@st.composite
def results(draw: st.DrawFn) -> Result:
    original = draw(texts)
    edits: list[Edit] = []
    position = 0
    for size in draw(st.lists(st.integers(0, 3), max_size=4)):
        start = position + draw(st.integers(0, 2))
        before = original[start : start + size]
        after = draw(texts.filter(functools.partial(operator.ne, before)))
        if start > len(original) or len(before) != size:
            break
        edits.append(Edit(start, start + size, before, after, tuple(draw(st.lists(causes, min_size=1, max_size=2)))))
        position = start + size + 1
    flags = tuple(draw(st.lists(st.builds(Flag, texts, st.none() | texts, texts, st.booleans()), max_size=2)))
    return Result(original, apply(original, edits), tuple(edits), flags)


@given(name=texts, cleaned=results())
def test_round_trip(name: str, cleaned: Result) -> None:
    data = audit(name, cleaned)
    data.decode()  # the audit is UTF-8 whatever the text
    entry = only_entry(data)
    clean = cleaned.text.encode("utf-8", "surrogatepass")
    assert entry.name == name
    assert [(row.start, row.end, row.before, row.after, row.rules, list(row.evidence)) for row in entry.edits] == [
        (
            edit.start,
            edit.end,
            edit.before,
            edit.after,
            tuple(cause.rule for cause in edit.causes),
            [dict(cause.evidence) for cause in edit.causes],
        )
        for edit in cleaned.edits
    ]
    assert entry.document is not None
    assert entry.document.flags == tuple(FlagRow(f.name, f.rule, f.detail, f.error) for f in cleaned.flags)
    original = cleaned.original.encode("utf-8", "surrogatepass")
    assert restore_document(entry, clean) == original
    assert verify_document(entry, clean, original) == []


def test_two_lone_surrogates_stay_two() -> None:
    cleaned = result("\ud83d\ude00 😀 \\ud83d", Edit(0, 2, "\ud83d\ude00", "", (SHARE,)))
    entry = only_entry(audit("a.txt", cleaned))
    assert entry.edits[0].before == "\ud83d\ude00"
    assert len(entry.edits[0].before) == 2


def test_other_json_readers_agree() -> None:
    for line in audit("a.txt", EXAMPLE).splitlines():
        row = json.loads(line)
        body = line[: line.index(b',"check":')]
        assert row["check"] == digest(body)[:16]


# ------------------------------------------------------------------ damage

LINES = audit("a.txt", EXAMPLE).splitlines(keepends=True)
CLEAN = EXAMPLE.text.encode()
ORIGINAL = EXAMPLE.original.encode()
FIELDS = [*json.loads(LINES[1])]


def damaged(value: object) -> object:
    """Another value of the same kind."""
    match value:
        case str():
            return value[:-1] + ("0" if value[-1:] != "0" else "1")
        case int():
            return value + 1
        case list():
            return value[:-1]
        case None:
            return "x"
        case _:
            raise TypeError(value)


def test_every_field_is_there() -> None:
    expected = "type document start end line before after rules action risk evidence check"
    assert expected.split() == FIELDS


@pytest.mark.parametrize("field", FIELDS)
def test_a_changed_field_names_the_edit(field: str) -> None:
    row = json.loads(LINES[1])
    row[field] = damaged(row[field])
    line = json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    assert line != LINES[1]
    entry = only_entry(b"".join([LINES[0], line, LINES[2]]))
    assert entry.name == "a.txt"
    assert [problem for problem in verify_document(entry, CLEAN) if problem.startswith("edit 2: the row")]
    with pytest.raises(AuditError, match="edit 2: the row"):
        restore_document(entry, CLEAN)


@pytest.mark.parametrize("field", [*json.loads(LINES[2])])
def test_a_changed_field_of_the_document_is_named(field: str) -> None:
    row = json.loads(LINES[2])
    row[field] = damaged(row[field])
    line = json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    entry = only_entry(b"".join([*LINES[:2], line]))
    assert entry.name == "a.txt"
    assert verify_document(entry, CLEAN)[0].startswith("the document's row: the row")


@given(data=st.data())
def test_any_changed_byte_is_noticed(data: st.DataObject) -> None:
    whole = b"".join(LINES)
    at = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != whole[at]))
    changed = whole[:at] + bytes([byte]) + whole[at + 1 :]
    entries = list(read(re.findall(rb"[^\n]*\n|[^\n]+$", changed)))
    assert any(isinstance(entry, Entry) and verify_document(entry, CLEAN) for entry in entries)


@given(st.integers(1, len(b"".join(LINES)) - 1))
def test_a_cut_is_noticed(length: int) -> None:
    entry = only_entry(b"".join(LINES)[:length])
    assert verify_document(entry, CLEAN)


def forged(number: int, **fields: object) -> bytes:
    """The example's audit with a row changed and its check made anew."""
    row = json.loads(LINES[number])
    del row["check"]
    body = json.dumps(row | fields, ensure_ascii=False, separators=(",", ":")).encode()[:-1]
    line = body + b',"check":"' + digest(body)[:16].encode() + b'"}\n'
    return b"".join([*LINES[:number], line, *LINES[number + 1 :]])


# A tool that writes wrong rows writes right checks: the texts must contradict it.
@pytest.mark.parametrize(
    ("number", "fields", "problem"),
    [
        (1, {"start": 24}, "edit 2: [24, 26) is not as long as what stood there"),
        (1, {"start": 24, "end": 25}, "the clean file and the edits do not give the original"),
        (1, {"start": 12, "end": 13}, "edit 2: starts at 12, before the end of the edit before it (19)"),
        (1, {"before": "x"}, "the clean file and the edits do not give the original"),
        (1, {"after": "x"}, "edit 2: in the clean file the text holds '-' at 19, not 'x'"),
        (1, {"after": " "}, "edit 2: changes nothing"),
        (1, {"line": 2}, "edit 2: is in line 3, not 2"),
        (1, {"line": 0}, "edit 2: the row is malformed"),
        (1, {"start": -1}, "edit 2: the row is malformed"),
        (1, {"rules": ["core/hyphen-gap"]}, "edit 2: has 1 rules and 2 pieces of evidence"),
        (1, {"risk": "none"}, "edit 2: the row is malformed"),
        (1, {"document": "b.txt"}, "edit 2: belongs to 'b.txt'"),
        (1, {"more": 1}, "edit 2: the row is malformed"),
        (2, {"chars": 41}, "the document's row counts 41 characters in the original, there are 42"),
        (2, {"clean_chars": 36}, "the document's row counts 36 characters in the clean text, there are 35"),
        (2, {"edits": 3}, "the document's row counts 3 edits, the audit has 2"),
        (2, {"encoding": None}, "it could not be decoded, and yet it was changed"),
        (2, {"encoding": "no-such"}, "there is no encoding 'no-such'"),
        (2, {"encoding": "utf-16"}, "of the clean file is not utf-16"),
        (2, {"original_sha256": "0" * 64}, "the clean file and the edits do not give the original"),
        (2, {"clean_sha256": "0" * 64}, "the clean file was changed: its SHA-256 is another"),
        (2, {"clean_sha256": "0"}, "the document's row: the row is malformed"),
    ],
)
def test_rows_that_do_not_fit_the_texts(number: int, fields: dict[str, object], problem: str) -> None:
    problems = verify_document(only_entry(forged(number, **fields)), CLEAN)
    assert problem in "\n".join(problems)


def test_rows_out_of_order_removed_or_doubled() -> None:
    first, second, document = LINES
    for lines, problem in (
        ([second, first, document], "edit 2: starts at 13, before the end of the edit before it (26)"),
        ([first, document], "the document's row counts 2 edits, the audit has 1"),
        (
            [first, second, second, document],
            "edit 3: starts at 25, before the end of the edit before it (26)",
        ),
        ([first, second], "the audit is cut short: these edits have no document's row"),
    ):
        assert problem in verify_document(only_entry(b"".join(lines)), CLEAN)


@pytest.mark.parametrize(
    ("clean", "problems"),
    [
        (
            CLEAN.replace(b"left", b"lef\xc3\x9f"),
            ["the clean file and the edits do not give the original", "from line 1 on (byte 10)"],
        ),
        (CLEAN + b"x", ["the clean file and the edits do not give the original", "from line 3 on (byte 39)"]),
        (CLEAN[:-1], ["the clean file and the edits do not give the original", "from line 2 on (byte 38)"]),
        (CLEAN[:9], ["edit 1: in the clean file", "from line 1 on (byte 9)"]),
        (b"", ["edit 1: in the clean file", "from line 1 on (byte 0)"]),
        (b"\xff" + CLEAN, ["byte 0 of the clean file is not utf-8", "from line 1 on (byte 0)"]),
    ],
)
def test_a_changed_clean_file_is_placed(clean: bytes, problems: list[str]) -> None:
    found = verify_document(only_entry(b"".join(LINES)), clean, ORIGINAL)
    assert [problem in line for problem, line in zip(problems, found, strict=True)] == [True, True]
    assert verify_document(only_entry(b"".join(LINES)), clean)[-1] == (
        "the clean file was changed: its SHA-256 is another"
    )
    with pytest.raises(AuditError):
        restore_document(only_entry(b"".join(LINES)), clean)


def test_another_original_is_noticed() -> None:
    assert verify_document(only_entry(b"".join(LINES)), CLEAN, ORIGINAL + b" ") == [
        "the original is not the file that was cleaned: its SHA-256 is another"
    ]


def test_what_was_not_decoded_is_restored_as_it_is() -> None:
    data = b"a\xff\nShare\n"
    flag = FlagRow("undecodable", None, "not UTF-8 at byte 1", True)
    entry = only_entry(encode_row(unchanged_rows("a.txt", "in/a.txt", data, None, flag).document))
    assert restore_document(entry, data) == data
    assert verify_document(entry, data, data) == []
    assert verify_document(entry, data + b"x", data) == [
        "the clean file and the edits do not give the original",
        "the clean file was changed: its SHA-256 is another, from line 3 on (byte 9)",
    ]


def test_what_was_not_decoded_has_not_changed() -> None:
    flag = FlagRow("undecodable", None, "not UTF-8 at byte 1", True)
    row = unchanged_rows("a.txt", "in/a.txt", b"a\xff\n", None, flag).document
    edited = decode_row(audit("a.txt", result("a", Edit(0, 1, "a", "", (SHARE,)))).splitlines(keepends=True)[0])
    assert isinstance(edited, EditRow)
    for entry in (
        Entry("a.txt", row, (edited,), ()),
        Entry("a.txt", msgspec.structs.replace(row, original_sha256="0" * 64), (), ()),
    ):
        assert "it could not be decoded, and yet it was changed" in verify_document(entry, b"a\xff\n")


def test_a_damaged_header_is_told_apart() -> None:
    header = encode_row(RunRow("cleaner", "1.2.3", "15.0.0", {"re2": None}, (), "ab", {"jobs": 1}))
    entries = list(read([header.replace(b"1.2.3", b"1.2.4"), *audit("a.txt", EXAMPLE).splitlines(keepends=True)]))
    damage = "the header: the row was changed: its check does not match (row 1 of the audit)"
    assert entries[0] == Entry("", None, (), (damage,))
    assert entries[1:] == [only_entry(audit("a.txt", EXAMPLE))]


@pytest.mark.parametrize("line", [b"", b"\n", b"{}\n", b'{"type":"run"}\n', b"[]\n", b"\xff\xfe\n"])
def test_what_is_no_row_is_refused(line: bytes) -> None:
    with pytest.raises(AuditError):
        decode_row(line)


def test_reading_takes_one_document_at_a_time() -> None:
    taken = 0

    def lines() -> Iterator[bytes]:
        nonlocal taken
        for _ in range(1000):
            taken += len(LINES)
            yield from LINES

    next(read(lines()))
    assert taken == len(LINES)


def test_rows_are_what_they_say() -> None:
    assert [type(decode_row(line)) for line in LINES] == [EditRow, EditRow, DocumentRow]

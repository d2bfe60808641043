import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cleaner.corpus import batch
from cleaner.corpus.files import Found, InputError, Skipped, find, is_safe_name, prepare_output
from cleaner.corpus.formats import decode, suffixes
from cleaner.corpus.journal import audit_codec, part_path, read_run
from cleaner.corpus.records import Fields
from cleaner.corpus.store import read_small, write_whole
from cleaner.corpus.streams import blocks, open_sink
from cleaner.engine import Cleaner, Result
from tests.samples import PACK

FIRST = "The council met on Monday and agreed the budget for the coming year."
LAST = "The vote was close, and the mayor thanked both sides."
POSIX = pytest.mark.skipif(os.name != "posix", reason="names of bytes, links and pipes are POSIX's")
# Not every file system takes names that are not UTF-8.
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs a file system that takes any bytes")

FILES: dict[str, tuple[bytes, bytes]] = {  # name: what goes in, what must come out
    "plain.txt": (f"{FIRST}\nShare\n{LAST}\n".encode(), f"{FIRST}\n{LAST}\n".encode()),
    "twice.md": (
        f"{FIRST}\nShare\nA US -backed plan.\n{LAST}\n".encode(),
        f"{FIRST}\nA US-backed plan.\n{LAST}\n".encode(),
    ),
    "crlf.txt": (f"{FIRST}\r\nShare\r\n{LAST}\r\n".encode(), f"{FIRST}\r\n{LAST}\r\n".encode()),
    "cr.txt": (f"{FIRST}\rShare\r{LAST}\r".encode(), f"{FIRST}\r{LAST}\r".encode()),
    "mixed.txt": (f"{FIRST}\r\nShare\n{LAST}\r{LAST}".encode(), f"{FIRST}\r\n{LAST}\r{LAST}".encode()),
    "bom.txt": (f"\ufeff{FIRST}\nShare\n{LAST}\n".encode(), f"\ufeff{FIRST}\n{LAST}\n".encode()),
    "no-end.text": (f"{FIRST}\nShare\n{LAST}".encode(), f"{FIRST}\n{LAST}".encode()),
    "UPPER.TXT": (f"{FIRST}\n".encode(), f"{FIRST}\n".encode()),
    "nel.txt": (f"{FIRST}\x85Share\x85{LAST}".encode(), f"{FIRST}\x85Share\x85{LAST}".encode()),
    "u2028.txt": (
        f"{FIRST}\u2028Share\u2029\f{LAST}\n".encode(),
        f"{FIRST}\u2028Share\u2029\f{LAST}\n".encode(),
    ),
    "nul.txt": (f"{FIRST}\0\nShare\n{LAST}\0\n".encode(), f"{FIRST}\0\n{LAST}\0\n".encode()),
    "blank.txt": (b"\n \n\t\r\n", b"\n \n\t\r\n"),
    "empty.txt": (b"", b""),
    "sub/deep/a b.txt": (f"{FIRST}\nShare\n{LAST}\n".encode(), f"{FIRST}\n{LAST}\n".encode()),
    "bad.txt": (FIRST.encode() + b"\nShare\n\xff\n", FIRST.encode() + b"\nShare\n\xff\n"),
    "cut.txt": ("é".encode()[:1], "é".encode()[:1]),
    "surrogate.txt": (b"\xed\xa0\x80\nShare\n", b"\xed\xa0\x80\nShare\n"),
    "utf16.txt": (FIRST.encode("utf-16"), FIRST.encode("utf-16")),
}
UNDECODABLE = {"bad.txt": 75, "cut.txt": 0, "surrogate.txt": 0}
# Without a guess, which would depend on what is installed.
STRICT = batch.Options(Fields(encoding="utf-8"))
AWKWARD_NAMES = [
    b"with space.txt",
    b"new\nline.txt",
    b"\xff\xfe.txt",
    b"esc\x1b[2J.txt",
    "é.txt".encode(),
    "\u202etxt.md".encode(),
    b"quote'\".txt",
    b"back\\slash.txt",
    b"_audit.txt",
    b"-o.txt",
    b"*.txt",
]


@pytest.fixture(scope="module")
def cleaner(tmp_path_factory: pytest.TempPathFactory) -> Cleaner:
    path = tmp_path_factory.mktemp("pack") / "t.yaml"
    path.write_text(PACK, encoding="utf-8")
    return Cleaner.from_file(path)


Write = Callable[[dict[str, bytes]], Path]


@pytest.fixture
def folder(tmp_path: Path) -> Write:
    def write(files: dict[str, bytes]) -> Path:
        for name, data in files.items():
            path = tmp_path / "in" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return tmp_path / "in"

    return write


def tree(path: Path | str) -> dict[bytes, bytes]:
    """Every file under a folder but the audit: its name, in bytes, and its content."""
    top = os.fsencode(path)
    found = {}
    for parent, _, names in os.walk(top):
        for name in names:
            full = os.path.join(parent, name)
            with open(full, "rb") as handle:
                found[os.path.relpath(full, top).replace(os.sep.encode(), b"/")] = handle.read()
    return {name: data for name, data in found.items() if not name.startswith(b"_audit/")}


def audit_lines(out: Path | str) -> list[bytes]:
    """The rows of an audit of one part, with the run's header before them."""
    with open(part_path(str(out), 0, audit_codec()), "rb") as handle:
        data = b"".join(block for block in blocks(handle, audit_codec()) if isinstance(block, bytes))
    return [header_line(out), *data.splitlines(keepends=True)]


def header_line(out: Path | str) -> bytes:
    return (Path(out) / "_audit" / "run.jsonl").read_bytes().splitlines(keepends=True)[0]


def set_audit(out: Path, lines: list[bytes]) -> None:
    """Replace the rows of an audit of one part; the header among `lines` stays as it is."""
    whole = b"".join(lines)
    with open(part_path(str(out), 0, audit_codec()), "wb") as handle:
        sink = open_sink(handle, audit_codec())
        sink.put(whole.removeprefix(header_line(out)))
        sink.close()


@pytest.fixture
def finished(cleaner: Cleaner, folder: Write, tmp_path: Path) -> Path:
    """The output of a run over two documents, one with two edits."""
    inputs = folder({name: FILES[name][0] for name in ("plain.txt", "twice.md")})
    batch.run(cleaner, [str(inputs)], str(tmp_path / "out"))
    return tmp_path / "out"


# ------------------------------------------------------------------ a run and its way back


def test_run_restore_verify(cleaner: Cleaner, folder: Write, tmp_path: Path) -> None:
    inputs = folder({name: before for name, (before, _) in FILES.items()})
    out, back = tmp_path / "out", tmp_path / "back"
    summary = batch.run(cleaner, [str(inputs)], str(out), options=STRICT)

    assert tree(out) == {name.encode(): after for name, (_, after) in FILES.items()}
    assert batch.verify(str(out), [str(inputs)]) == []
    assert batch.restore(str(out), str(back)) == []
    assert tree(back) == tree(inputs)

    assert summary.documents == len(FILES)
    assert summary.changed == sum(before != after for before, after in FILES.values())
    decoded = [pair for name, pair in FILES.items() if name not in UNDECODABLE]
    assert summary.chars == sum(len(decode(before)[0]) for before, _ in decoded)
    assert summary.clean_chars == sum(len(decode(after)[0]) for _, after in decoded)
    assert {rule: tally.hits for rule, tally in summary.rules.items()} == {
        "t/share-line": summary.changed,
        "t/hyphen-gap": 1,
    }
    removed = sum(tally.removed for tally in summary.rules.values())
    assert removed == summary.chars - summary.clean_chars
    assert summary.flags == {"undecodable": len(UNDECODABLE)}


def test_what_is_not_utf8_is_told_with_its_place(cleaner: Cleaner, folder: Write, tmp_path: Path) -> None:
    inputs = folder({name: FILES[name][0] for name in UNDECODABLE})
    summary = batch.run(cleaner, [str(inputs)], str(tmp_path / "out"), options=STRICT)
    assert [(failure.document, failure.flag) for failure in summary.failed] == [
        (name, "undecodable") for name in sorted(UNDECODABLE)
    ]
    for failure in summary.failed:
        assert failure.detail.startswith(f"not UTF-8 at byte {UNDECODABLE[failure.document]}: ")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_a_byte_order_mark_stays_where_it_tells_the_encoding(folder: Write, tmp_path: Path, encoding: str) -> None:
    original = f"\ufeff{FIRST}\u200b\nShare\n{LAST}\n".encode(encoding)
    inputs, out = folder({"a.txt": original}), tmp_path / "out"
    batch.run(Cleaner("default"), [str(inputs)], str(out))
    assert (out / "a.txt").read_bytes() == f"\ufeff{FIRST}\n{LAST}\n".encode(encoding)
    assert batch.verify(str(out), [str(inputs)]) == []
    assert batch.restore(str(out), str(tmp_path / "back")) == []
    assert (tmp_path / "back" / "a.txt").read_bytes() == original


@LINUX
def test_any_name_comes_through(cleaner: Cleaner, tmp_path: Path) -> None:
    inputs = tmp_path / "in"
    inputs.mkdir()
    before, after = FILES["plain.txt"]
    for name in AWKWARD_NAMES:
        with open(os.path.join(os.fsencode(inputs), name), "xb") as handle:
            handle.write(before)
    out, back = tmp_path / "out", tmp_path / "back"
    batch.run(cleaner, [str(inputs)], str(out))
    assert tree(out) == dict.fromkeys(AWKWARD_NAMES, after)
    b"".join(audit_lines(out)).decode()
    assert batch.verify(str(out), [str(inputs)]) == []
    assert batch.restore(str(out), str(back)) == []
    assert tree(back) == dict.fromkeys(AWKWARD_NAMES, before)


def test_the_audit_is_the_same_every_time(cleaner: Cleaner, folder: Write, tmp_path: Path) -> None:
    inputs = folder({name: before for name, (before, _) in FILES.items()})
    for out in ("one", "two"):
        batch.run(cleaner, [str(inputs)], str(tmp_path / out))
    assert audit_lines(tmp_path / "one") == audit_lines(tmp_path / "two")


def test_a_document_on_which_the_engine_fails_is_kept(folder: Write, tmp_path: Path) -> None:
    class Failing(Cleaner):
        def __call__(self, text: str, *, url: str | None = None, language: str | None = None) -> Result:
            if "fail here" in text:
                raise RuntimeError("as asked")
            return super().__call__(text, url=url, language=language)

    pack = tmp_path / "t.yaml"
    pack.write_text(PACK, encoding="utf-8")
    inputs = folder({"a.txt": b"fail here\nShare\n", "b.txt": FILES["plain.txt"][0]})
    out = tmp_path / "out"
    summary = batch.run(Failing.from_file(pack), [str(inputs)], str(out))
    assert summary.failed == (batch.Failure("a.txt", "failed", "RuntimeError: as asked"),)
    assert tree(out) == {b"a.txt": b"fail here\nShare\n", b"b.txt": FILES["plain.txt"][1]}
    row = json.loads(audit_lines(out)[1])
    assert row["flags"] == [{"name": "failed", "rule": None, "detail": "RuntimeError: as asked", "error": True}]
    assert batch.verify(str(out), [str(inputs)]) == []


def test_progress_counts_up_to_the_whole(cleaner: Cleaner, folder: Write, tmp_path: Path) -> None:
    inputs = folder({"a.txt": b"a", "b.txt": b"", "c.txt": b"ccc"})
    steps: list[batch.Step] = []
    batch.run(cleaner, [str(inputs)], str(tmp_path / "out"), steps.append)
    last = steps[-1]
    assert (last.bytes, last.total_bytes, last.files, last.total_files, last.documents) == (4, 4, 3, 3, 3)


def test_the_header_tells_the_options(cleaner: Cleaner, folder: Write, tmp_path: Path) -> None:
    inputs = folder({"a.txt": b"a"})
    options = batch.Options(Fields(text="body"), language="de")
    batch.run(cleaner, [str(inputs)], str(tmp_path / "out"), options=options)
    row = json.loads(header_line(tmp_path / "out"))
    assert row["options"]["language"] == "de"
    assert row["options"]["fields"]["text"] == "body"
    assert row["packs"] == [{"name": "t", "version": "1.0.0"}]
    assert row["digest"] == cleaner.configuration.digest


# ------------------------------------------------------------------ tampering


def test_a_finished_run_is_sound(finished: Path) -> None:
    assert batch.verify(str(finished)) == []
    assert len(read_run(str(finished)).tasks) == 1
    kinds = [json.loads(line)["type"] for line in audit_lines(finished)]
    assert kinds == ["run", "edit", "document", "edit", "edit", "document"]


def test_any_changed_byte_of_the_audit_is_noticed(finished: Path) -> None:
    whole = b"".join(audit_lines(finished))
    for at in range(len(header_line(finished)), len(whole), 5):
        set_audit(finished, [whole[:at], bytes([whole[at] ^ 1]), whole[at + 1 :]])
        assert batch.verify(str(finished)), f"byte {at}"


def test_any_cut_of_the_audit_is_noticed(finished: Path) -> None:
    whole = b"".join(audit_lines(finished))
    for length in [*range(len(header_line(finished)), len(whole), 29), len(whole) - 1]:
        set_audit(finished, [whole[:length]])
        assert batch.verify(str(finished)), f"cut to {length}"


EDIT_FIELDS = "type document start end line before after rules action risk evidence check".split()


@pytest.mark.parametrize("field", EDIT_FIELDS)
def test_a_changed_field_names_document_and_edit(finished: Path, field: str) -> None:
    lines = audit_lines(finished)
    row = json.loads(lines[4])
    value = row[field]
    row[field] = value + 1 if isinstance(value, int) else value[:-1] or "x"
    lines[4] = json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    set_audit(finished, lines)
    problems = batch.verify(str(finished))
    assert [problem for problem in problems if problem.startswith("twice.md: edit 2: ")], problems
    assert not [problem for problem in problems if problem.startswith("plain.txt")]


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([0, 2, 3, 4, 5], "plain.txt: the document's row counts 1 edits, the audit has 0"),
        ([0, 1, 2, 4, 5], "twice.md: the document's row counts 2 edits, the audit has 1"),
        ([0, 1, 2, 3, 3, 4, 5], "twice.md: edit 2: starts at "),
        ([0, 1, 2, 4, 3, 5], "twice.md: edit 2: starts at "),
        ([0, 1, 3, 4, 5], "twice.md: edit 1: belongs to 'plain.txt'"),
        ([0, 1, 2, 3, 4], "twice.md: the audit is cut short"),
        ([0, 1, 2], "twice.md: the audit has no row for this file"),
        ([0, 3, 4, 5], "plain.txt: the audit has no row for this file"),
        ([0, 1, 2, 1, 2, 3, 4, 5], "plain.txt: stands in the audit twice"),
        ([0], "plain.txt: the audit has no row for this file"),
    ],
)
def test_rows_removed_doubled_moved(finished: Path, rows: list[int], problem: str) -> None:
    lines = audit_lines(finished)
    set_audit(finished, [lines[row] for row in rows])
    problems = batch.verify(str(finished))
    assert [found for found in problems if found.startswith(problem)], problems


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            lambda lines: [lines[0].replace(b"1.0.0", b"1.0.1"), *lines[1:]],
            "row 1 of run.jsonl: the row was changed",
        ),
        (
            lambda lines: [lines[0], lines[1].replace(b"plain", b"plane")],
            "row 2 of run.jsonl: the row was changed",
        ),
        (lambda lines: lines[1:], "the header is missing"),
        (lambda lines: [lines[0], *lines], "there is more than one header"),
        (lambda lines: [], "it is empty"),
        (lambda lines: [lines[0]], "plain.txt: the audit has no row for this file"),
    ],
)
def test_a_damaged_record_is_named(finished: Path, change: Callable[[list[bytes]], list[bytes]], problem: str) -> None:
    path = finished / "_audit" / "run.jsonl"
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))
    assert problem in "\n".join(batch.verify(str(finished)))
    assert problem in "\n".join(batch.restore(str(finished), str(path.parents[2] / "back")))


@pytest.mark.parametrize(
    "change", [lambda data: b"", lambda data: bytes(len(data)), lambda data: data[: len(data) // 2]]
)
def test_what_an_audit_lost_is_not_restored_without_a_word(
    folder: Write, tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    rows = "".join(f'{{"text": "He left {number}.\\nShare\\n"}}\n' for number in range(50))
    inputs, out = folder({"a.txt": b"He left.\nShare\n", "x.jsonl": rows.encode()}), tmp_path / "out"
    batch.run(Cleaner.from_text(PACK), [str(inputs)], str(out))
    part = Path(part_path(str(out), 0, audit_codec()))
    part.write_bytes(change(part.read_bytes()))
    assert batch.verify(str(out))
    problems = batch.restore(str(out), str(tmp_path / "back"))
    assert [problem for problem in problems if problem.startswith("the audit: ")], problems


def test_a_record_of_a_run_that_is_empty_is_not_gone_on_with(finished: Path, tmp_path: Path) -> None:
    (finished / "_audit" / "run.jsonl").write_bytes(b"")
    with pytest.raises(InputError, match=r"the record of the run in it is damaged \(it is empty\); remove it"):
        batch.run(Cleaner.from_text(PACK), [str(tmp_path / "in")], str(finished))


def test_what_cannot_be_read_any_more_leaves_nothing_behind(folder: Write, tmp_path: Path) -> None:
    """The second run goes on with the first, and leaves what a run of its own would."""
    bad = b'{"text": "x y"}\nbroken\n'
    inputs = folder({"a.txt": b"He left.\nShare\n", "b.txt": b"He left.\n", "g.jsonl": bad, "h.jsonl": bad})
    cleaner, out, new = Cleaner.from_text(PACK), tmp_path / "out", tmp_path / "new"
    batch.run(cleaner, [str(inputs)], str(out))
    assert sorted(os.listdir(out / "_audit" / "rejected")) == ["g.jsonl", "h.jsonl"]
    os.unlink(inputs / "a.txt")
    os.symlink("a.txt", inputs / "a.txt")  # to itself
    os.unlink(inputs / "g.jsonl")
    (inputs / "h.jsonl").write_bytes(b'{"text": "x y"}\n')
    for folder_ in (out, new):
        batch.run(cleaner, [str(inputs)], str(folder_))
        assert batch.verify(str(folder_)) == []
    assert tree(out) == tree(new) == {b"b.txt": b"He left.\n", b"h.jsonl": b'{"text": "x y"}\n'}
    assert not (out / "_audit" / "rejected" / "h.jsonl").exists()


def test_files_that_turn_into_something_else_while_others_are_cleaned(folder: Write, tmp_path: Path) -> None:
    names = [f"{number}.txt" for number in range(6)]
    inputs = folder(dict.fromkeys(names, b"He left.\nShare\n") | {"d/7.txt": b"He left.\n"})

    def change(step: batch.Step) -> None:
        if step.files == 1:
            os.unlink(inputs / "5.txt")
            os.symlink("5.txt", inputs / "5.txt")
            os.unlink(inputs / "d" / "7.txt")
            os.rmdir(inputs / "d")
            (inputs / "d").write_bytes(b"")

    options = batch.Options(task_bytes=1)
    batch.run(Cleaner.from_text(PACK), [str(inputs)], str(tmp_path / "out"), options=options)
    for name in (*names, "d/7.txt"):
        (inputs / name).write_bytes(b"She left.\n")
    summary = batch.run(Cleaner.from_text(PACK), [str(inputs)], str(tmp_path / "out"), change, options=options, jobs=0)
    assert [(os.path.basename(one.document), one.flag) for one in summary.failed] == [
        ("5.txt", "unreadable"),
        ("7.txt", "unreadable"),
    ]
    assert sorted(tree(tmp_path / "out")) == [name.encode() for name in names[:5]]


def test_what_is_rejected_of_a_file_with_a_long_name(folder: Write, tmp_path: Path) -> None:
    name = "x" * 249 + ".jsonl"
    rows = b'{"text": "hello there, it is"}\n' * 600_000 + b"broken\n"  # the last part of several
    summary = batch.run(Cleaner.from_text(PACK), [str(folder({name: rows}))], str(tmp_path / "out"))
    assert summary.flags == {"malformed": 1}
    (rejected,) = (tmp_path / "out" / "_audit" / "rejected").iterdir()
    assert rejected.read_bytes() == b"broken\n"


def test_a_changed_clean_file_is_named_and_not_restored(finished: Path, tmp_path: Path) -> None:
    path = finished / "twice.md"
    path.write_bytes(path.read_bytes().replace(b"close", b"cloze"))
    changed = "twice.md: the clean file was changed: its SHA-256 is another"
    assert changed in batch.verify(str(finished))
    assert f"{changed}, from line 3 on (byte 103)" in batch.verify(str(finished), [str(tmp_path / "in")])
    back = tmp_path / "back"
    assert batch.restore(str(finished), str(back)) == [
        "twice.md: the clean file and the edits do not give the original"
    ]
    assert tree(back) == {b"plain.txt": FILES["plain.txt"][0]}


def test_every_changed_character_is_noticed(finished: Path) -> None:
    path = finished / "plain.txt"
    clean = path.read_bytes()
    for at in range(len(clean)):
        path.write_bytes(clean[:at] + b"~" + clean[at + 1 :])
        problems = batch.verify(str(finished))
        assert problems, f"byte {at}"
        assert all(problem.startswith("plain.txt: ") for problem in problems)


def test_files_missing_or_too_many(finished: Path, tmp_path: Path) -> None:
    os.unlink(finished / "plain.txt")
    (finished / "more.txt").write_bytes(b"")
    assert batch.verify(str(finished)) == [
        "plain.txt: the clean file cannot be read: No such file or directory",
        "more.txt: the audit has no row for this file",
    ]
    assert batch.restore(str(finished), str(tmp_path / "back")) == [
        "more.txt: the audit has no row for this file",
        "plain.txt: the clean file cannot be read: No such file or directory",
    ]


def test_originals_missing_changed_or_too_many(finished: Path, tmp_path: Path) -> None:
    inputs = tmp_path / "in"
    os.unlink(inputs / "plain.txt")
    (inputs / "twice.md").write_bytes(b"other")
    (inputs / "more.txt").write_bytes(b"")
    assert batch.verify(str(finished), [str(inputs)]) == [
        "plain.txt: the original is missing",
        "twice.md: the original is not the file that was cleaned: its SHA-256 is another",
        "more.txt: the audit has no row for this original",
    ]


@pytest.mark.parametrize("name", ["../plain.txt", "/etc/hostname", "_audit/audit.jsonl", "a/../plain.txt", "a\0"])
def test_names_that_lead_elsewhere_are_refused(finished: Path, tmp_path: Path, name: str) -> None:
    from cleaner.audit import FlagRow, encode_row, unchanged_rows

    row = encode_row(unchanged_rows(name, "x", b"", "", FlagRow("failed", None, "", True)).document)
    set_audit(finished, [*audit_lines(finished), row])
    expected = f"{name}: not a name of a file in the output"
    assert expected in batch.verify(str(finished))
    assert batch.restore(str(finished), str(tmp_path / "back")) == [expected]
    assert set(tree(tmp_path / "back")) == {b"plain.txt", b"twice.md"}
    assert not is_safe_name(name)


@pytest.mark.parametrize(("size", "found"), [(0, None), (4, None), (5, b"Share"), (6, None), (99, None)])
def test_a_small_file_is_read_as_it_was_found_or_not_at_all(tmp_path: Path, size: int, found: bytes | None) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"Share")
    assert read_small(str(path), size) == found
    assert read_small(str(tmp_path), size) is None
    assert read_small(str(tmp_path / "gone.txt"), size) is None


def test_files_that_change_after_they_were_found(folder: Write, tmp_path: Path) -> None:
    """What is there when a file is read counts; one that cannot be read any more is told, and costs no other."""
    before = f"{FIRST}\nShare\n{LAST}\n"
    inputs = folder({f"{number}.txt": before.encode() for number in range(10)})

    def change(step: batch.Step) -> None:
        if step.files == 5:  # the other half is the second task
            (inputs / "5.txt").write_text(before + before, encoding="utf-8")
            (inputs / "6.txt").write_text("Share\nNo.\n", encoding="utf-8")
            (inputs / "7.txt").unlink()
            (inputs / "8.txt").unlink()
            (inputs / "8.txt").mkdir()

    out = tmp_path / "out"
    options = batch.Options(task_bytes=5 * len(before))
    summary = batch.run(Cleaner.from_text(PACK), [str(inputs)], str(out), change, options=options, jobs=0)
    told = [(os.path.basename(failure.document), failure.flag) for failure in summary.failed]
    assert told == [("7.txt", "unreadable"), ("8.txt", "unreadable")]
    after = f"{FIRST}\n{LAST}\n"
    expected = {f"{number}.txt": after for number in (0, 1, 2, 3, 4, 9)} | {"5.txt": after + after, "6.txt": "No.\n"}
    assert {path.name: path.read_text(encoding="utf-8") for path in out.glob("*.txt")} == expected


# ------------------------------------------------------------------ finding files


def names(found: Found) -> list[str]:
    return [source.name for source in found.sources]


def test_find_sorts_and_mirrors(folder: Write) -> None:
    inputs = folder(dict.fromkeys(["b.txt", "a/z.md", "a.txt", "B.text", "é.txt", "a/b/c.txt"], b""))
    assert names(find([str(inputs)])) == ["B.text", "a/b/c.txt", "a/z.md", "a.txt", "b.txt", "é.txt"]
    assert names(find([str(inputs / "b.txt"), str(inputs / "a")])) == ["b/c.txt", "b.txt", "z.md"]


def test_find_names_what_it_leaves_out(folder: Write) -> None:
    inputs = folder(dict.fromkeys(["a.txt", "b.png", "c", "d.parquet.gz", "e.json"], b""))
    found = find([str(inputs)])
    assert names(found) == ["a.txt"]
    assert found.skipped == tuple(
        Skipped(str(inputs / name), f"not a file that can be cleaned ({suffixes()})")
        for name in ("b.png", "c", "d.parquet.gz", "e.json")
    )


@POSIX
def test_find_is_safe_with_links_and_pipes(folder: Write) -> None:
    inputs = folder({"a.txt": b"", "sub/b.txt": b""})
    (inputs / "linked.txt").symlink_to("a.txt")
    (inputs / "sub" / "up").symlink_to("..")
    (inputs / "self.txt").symlink_to("self.txt")
    os.mkfifo(inputs / "pipe.txt")
    found = find([str(inputs)])
    assert names(found) == ["a.txt", "linked.txt", "sub/b.txt"]
    assert {os.path.basename(skip.path): skip.error for skip in found.skipped} == {
        "pipe.txt": False,
        "self.txt": True,
        "up": False,
    }


@POSIX
def test_a_link_that_leads_nowhere_is_told(cleaner: Cleaner, folder: Write, tmp_path: Path) -> None:
    inputs = folder({"a.txt": b"a"})
    (inputs / "gone.txt").symlink_to("nowhere")
    summary = batch.run(cleaner, [str(inputs)], str(tmp_path / "out"))
    assert summary.failed == (
        batch.Failure(str(inputs / "gone.txt"), "unreadable", "cannot be read: No such file or directory"),
    )
    assert summary.documents == 1


@POSIX
def test_a_link_that_is_not_entered_is_told_where_nothing_is_left(folder: Write) -> None:
    inputs = folder({"a/b.txt": b"b", "c/d.png": b""})
    (inputs / "c" / "up").symlink_to("../a")
    with pytest.raises(InputError, match=r"in \S+/c; \S+/c/up: a link to a folder; name that folder"):
        find([str(inputs / "c")])


@pytest.mark.parametrize(
    ("files", "inputs", "message"),
    [
        (["a.txt"], ["nope"], "there is no such file or folder"),
        (["a.png"], ["."], r"no file that can be cleaned \(.txt, .text, .md, "),
        (["a.JSON"], ["a.JSON"], r"in \S+/a.JSON; name JSON Lines .jsonl, for .json is one value"),
        (["x/a.json", "b.md.zip"], ["x", "b.md.zip"], r"b.md.zip; name JSON Lines .jsonl, for .json is one value"),
        (["x/a.txt", "y/a.txt"], ["x", "y"], "would both become a.txt"),
        (["x/a.txt"], ["x", "x"], "a.txt: the inputs hold this file twice"),
        (["x/a.txt", "y/a.txt/b.txt"], ["x", "y"], "cannot both be in one folder"),
        (["_audit/a.txt"], ["."], "the name _audit is kept for the audit"),
    ],
)
def test_inputs_that_cannot_be(folder: Write, files: list[str], inputs: list[str], message: str) -> None:
    top = folder(dict.fromkeys(files, b""))
    with pytest.raises(InputError, match=message):
        find([str(top / path) for path in inputs])


def test_the_output_of_a_run_can_be_cleaned_again(folder: Write, tmp_path: Path) -> None:
    inputs = folder({"a.txt": b"He left.\nShare\n", "b.txt": b"\xff"})
    out, again = tmp_path / "out", tmp_path / "again"
    options = batch.Options(Fields(encoding="utf-8"), quarantine=True)
    batch.run(Cleaner("social"), [str(inputs)], str(out), options=options)
    found = find([str(out)])
    assert [source.name for source in found.sources] == ["a.txt", "b.txt"]
    assert [(skip.path, skip.reason, skip.error) for skip in found.skipped] == [
        (str(out / "_audit"), "the audit of a run", False),
        (str(out / "_quarantine"), "the quarantine of a run", False),
    ]
    batch.run(Cleaner("social"), [str(out)], str(again), options=options)
    assert batch.verify(str(again), [str(out)]) == []


# ------------------------------------------------------------------ the output


@pytest.mark.parametrize(
    ("out", "inputs", "message"),
    [
        ("in", ["in"], "must not be the input"),
        ("in/out", ["in"], "must not be inside the input"),
        ("in/../in/x/out", ["in"], "must not be inside the input"),
        (".", ["in"], "the input must not be inside the output"),
        (".", ["in/a.txt"], "the input must not be inside the output"),
        ("full", ["in"], "is not empty; remove it or choose another folder"),
        ("in/a.txt", ["in/b.txt"], "is not a folder"),
    ],
)
def test_outputs_that_cannot_be(folder: Write, tmp_path: Path, out: str, inputs: list[str], message: str) -> None:
    folder({"a.txt": b"", "b.txt": b"", "../full/x": b""})
    before = tree(tmp_path)
    with pytest.raises(InputError, match=message):
        prepare_output(str(tmp_path / out), [str(tmp_path / path) for path in inputs])
    assert tree(tmp_path) == before
    assert not (tmp_path / "in" / "out").exists()


@POSIX
def test_an_output_that_leads_into_the_input_by_a_link(folder: Write, tmp_path: Path) -> None:
    inputs = folder({"a.txt": b""})
    (tmp_path / "link").symlink_to(inputs)
    with pytest.raises(InputError, match="must not be inside the input"):
        prepare_output(str(tmp_path / "link" / "out"), [str(inputs)])


def test_outputs_that_can_be(folder: Write, tmp_path: Path) -> None:
    inputs = folder({"a.txt": b""})
    prepare_output(str(tmp_path / "in2" / "deep"), [str(inputs)])
    prepare_output(str(tmp_path / "in2" / "deep"), [str(inputs)])
    prepare_output(str(inputs / "beside"), [str(inputs / "a.txt")])
    assert (inputs / "beside").is_dir()


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"before")

    def break_off() -> None:
        with write_whole(str(path)) as handle:
            handle.write(b"half")
            raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        break_off()
    assert tree(tmp_path) == {b"a.txt": b"before"}
    with write_whole(str(path)) as handle:
        handle.write(b"after")
        assert path.read_bytes() == b"before"
    assert tree(tmp_path) == {b"a.txt": b"after"}


def test_decode_keeps_everything() -> None:
    data = "\ufeffa\r\n\r\n\0\x85\u2028".encode()
    assert decode(data)[0].encode() == data
    with pytest.raises(UnicodeDecodeError) as caught:
        decode(b"ab\xff")
    assert caught.value.start == 2

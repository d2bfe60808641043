import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import cleaner
from cleaner.cli.common import shown
from cleaner.cli.diff import compare, diff_lines
from cleaner.corpus.formats import suffixes
from cleaner.corpus.journal import audit_codec, part_path
from cleaner.corpus.streams import blocks, open_sink
from cleaner.edits import Cause, Edit, apply
from cleaner.engine import Result
from tests.samples import PACK

ROOT = Path(__file__).resolve().parents[1]
POSIX = pytest.mark.skipif(os.name != "posix", reason="terminals, signals and pipes are POSIX's")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs a file system that takes any bytes")

FIRST = "The council met on Monday and agreed the budget for the coming year."
LAST = "The vote was close, and the mayor thanked both sides."
DIRTY = f"{FIRST}\nShare\nA US -backed plan.\n{LAST}\n"
CLEAN = f"{FIRST}\nA US-backed plan.\n{LAST}\n"


def environment(**more: str) -> dict[str, str]:
    hidden = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
    kept = {key: value for key, value in os.environ.items() if key not in hidden}
    path = os.pathsep.join([str(Path(cleaner.__file__).parents[1]), *filter(None, [kept.get("PYTHONPATH")])])
    return kept | {"PYTHONPATH": path, "PYTHONIOENCODING": "utf-8", "TERM": "xterm"} | more


COMMAND = [sys.executable, "-m", "cleaner"]


def call(*arguments: str | Path | bytes, cwd: Path, **more: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [*COMMAND, *arguments], cwd=cwd, env=environment(**more), capture_output=True, check=False, timeout=60
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A folder with a configuration and an input folder of one dirty and one clean document."""
    (tmp_path / "t.yaml").write_text(PACK, encoding="utf-8")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_bytes(DIRTY.encode())
    (tmp_path / "in" / "b.txt").write_bytes(LAST.encode())
    return tmp_path


RUN = ("run", "in", "-o", "out", "--config", "t.yaml")

# ------------------------------------------------------------------ the round


def test_run_verify_restore(work: Path) -> None:
    code, out, err = call(*RUN, cwd=work)
    assert code == 0, err
    assert re.fullmatch(r"100%: 2 of 2 files done, [\d,]+ docs/s, [\d.]+ MB/s, 3\.5% removed\n", err), err
    rows = [line.split() for line in out.splitlines()]
    for row in (
        ["documents", "2"],
        ["changed", "1"],
        ["removed", "7", "(3.5%)"],
        ["t/share-line", "1", "6"],
        ["t/hyphen-gap", "1", "1"],
    ):
        assert row in rows
    assert (work / "out" / "a.txt").read_bytes() == CLEAN.encode()
    assert (work / "out" / "b.txt").read_bytes() == LAST.encode()

    assert call("verify", "out", cwd=work) == (0, "every invariant holds\n", "")
    assert call("verify", "out", "in", cwd=work) == (0, "every invariant holds\n", "")
    assert call("restore", "out", "-o", "back", cwd=work) == (0, "", "")
    assert (work / "back" / "a.txt").read_bytes() == DIRTY.encode()
    assert sorted(path.name for path in (work / "back").iterdir()) == ["a.txt", "b.txt"]


def test_quiet_says_nothing(work: Path) -> None:
    (work / "in" / "c.png").write_bytes(b"")
    assert call(*RUN, "--quiet", cwd=work) == (0, "", "")


def test_skipped_and_failed_are_named(work: Path) -> None:
    (work / "in" / "c.png").write_bytes(b"")
    (work / "in" / "bad.txt").write_bytes(b"ab\xff\nShare\n")
    code, out, err = call(*RUN, cwd=work)
    assert code == 1
    assert "bad.txt: undecodable: not UTF-8 at byte 2: invalid start byte" in err.splitlines()
    assert f"{Path('in', 'c.png')}: skipped: not a file that can be cleaned ({suffixes()})" in err.splitlines()
    assert ["flagged", "undecodable", "1"] in [line.split() for line in out.splitlines()]
    assert (work / "out" / "bad.txt").read_bytes() == b"ab\xff\nShare\n"
    # Quiet is quiet about what went well only.
    (work / "t.yaml").rename(work / "u.yaml")
    code, out, err = call("run", "in", "-o", "out2", "--config", "u.yaml", "-q", "--encoding", "utf-8", cwd=work)
    assert (code, out, err) == (1, "", "bad.txt: undecodable: not UTF-8 at byte 2: invalid start byte\n")
    assert call("verify", "out", "in", cwd=work)[0] == 0


def test_verify_names_document_and_edit(work: Path) -> None:
    call(*RUN, cwd=work)
    audit = Path(part_path(str(work / "out"), 0, audit_codec()))
    with open(audit, "rb") as handle:
        data = b"".join(block for block in blocks(handle, audit_codec()) if isinstance(block, bytes))
    with open(audit, "wb") as handle:
        sink = open_sink(handle, audit_codec())
        sink.put(data.replace(b'"before":" "', b'"before":"_"'))
        sink.close()
    code, out, err = call("verify", "out", cwd=work)
    assert (code, err) == (1, "")
    assert out == "a.txt: edit 2: the row was changed: its check does not match (row 2 of the audit)\n"
    code, out, err = call("restore", "out", "-o", "back", cwd=work)
    assert (code, out.startswith("a.txt: edit 2: "), err) == (1, True, "")
    assert [path.name for path in (work / "back").iterdir()] == ["b.txt"]


def test_the_default_rules_clean_the_seeds(tmp_path: Path) -> None:
    code, _, err = call("run", ROOT / "seeds", "-o", "out", cwd=tmp_path)
    assert code == 0, err
    seeds = list((ROOT / "seeds").glob("*.txt"))
    assert len(seeds) == 2
    assert any("\nShare\n" in path.read_text(encoding="utf-8") for path in seeds)
    for path in seeds:
        assert "\nShare\n" not in (tmp_path / "out" / path.name).read_text(encoding="utf-8")
    assert call("verify", "out", ROOT / "seeds", cwd=tmp_path)[0] == 0


# ------------------------------------------------------------------ wrong usage


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Usage: cleaner"),
        (["run"], "Missing argument 'INPUT...'"),
        (["run", "in"], "Missing option '-o'"),
        (["clean", "in"], "No such command 'clean'"),
        (["run", "nope", "-o", "out", "--config", "t.yaml"], "Error: nope: there is no such file or folder"),
        (["run", "in", "-o", "in", "--config", "t.yaml"], "Error: in: the output must not be the input"),
        (
            ["run", "in", "-o", "in/out", "--config", "t.yaml"],
            "Error: in/out: the output must not be inside the input in",
        ),
        (
            ["run", "in", "-o", ".", "--config", "t.yaml"],
            "Error: in: the input must not be inside the output .",
        ),
        (
            ["run", "in", "-o", "full", "--config", "t.yaml"],
            "Error: full: is not empty; remove it or choose another folder",
        ),
        (
            ["run", "in", "-o", "full/x/out", "--config", "t.yaml"],
            "Error: full/x/out: cannot be used as a folder: ",
        ),
        (["run", "in", "-o", "out", "--config", "t.yaml", "--pack", "news"], "exclude each other"),
        (["run", "in", "-o", "out", "--config", "nope.yaml"], "nope.yaml"),
        (["run", "in", "-o", "out", "--config", "bad.yaml"], "bad.yaml:"),
        (["run", "in", "-o", "out", "--pack", "no-such-pack"], "Error: no pack `no-such-pack`; there are: "),
        (
            ["run", "in", "-o", "out", "--pack", "t.yaml"],
            "Error: no pack is called `t.yaml`; a file is given by --config",
        ),
        (["run", "-", "--summary", "s.json"], "- stands alone"),
        (["run", "in", "-o", "out", "--summary", "nope/s.json"], "--summary: there is no folder nope."),
        (["diff", "in", "--config", "bad.yaml"], "bad.yaml:"),
        (["diff", "nope", "--config", "t.yaml"], "Error: nope: there is no such file or folder"),
        (["verify", "in"], "Error: in: has no audit that can be read"),
        (["verify", "nope"], "Error: nope: has no audit that can be read"),
        (["restore", "in", "-o", "out"], "Error: in: has no audit that can be read"),
    ],
)
def test_wrong_usage(work: Path, arguments: list[str], message: str) -> None:
    (work / "full").mkdir()
    (work / "full" / "x").write_bytes(b"")
    (work / "bad.yaml").write_text("pack: t\nversion: 1.0.0\nruls: []\n", encoding="utf-8")
    before = sorted(str(path) for path in work.rglob("*"))
    code, out, err = call(*arguments, cwd=work)
    assert code == 2
    assert message in err
    assert "Traceback" not in err
    assert out == ""
    assert sorted(str(path) for path in work.rglob("*")) == before


@pytest.mark.parametrize("command", ["run", "diff", "restore", "verify"])
def test_help_is_complete(work: Path, command: str) -> None:
    code, out, err = call(command, "--help", cwd=work)
    assert (code, err) == (0, "")
    assert re.search(rf"Examples?:\n +cleaner {command} ", out)
    options = out.partition("Options:\n")[2]
    assert not re.search(r"^ +(?:-\w, )?--[\w-]+(?: [A-Z]+)?$(?!\n {10,}\S)", options, re.MULTILINE), options


def test_help_and_version(work: Path) -> None:
    code, out, _ = call("--help", cwd=work)
    assert code == 0
    positions = [out.index(f"\n  {command} ") for command in ("run", "diff", "restore", "verify")]
    assert positions == sorted(positions)
    assert call("--version", cwd=work) == (0, f"cleaner {cleaner.__version__}\n", "")


def test_help_imports_nothing_slow() -> None:
    code = (
        "import sys; from cleaner.cli import main; main(['--help'])\n"
        "print(*sorted({'rich', 'ftfy', 'cleaner.audit'} & sys.modules.keys()), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, check=False)
    assert (done.returncode, done.stderr.decode().strip()) == (0, "")


@pytest.mark.parametrize(
    ("package", "name", "extra"), [("pyarrow", "b.parquet", "parquet"), ("zstandard", "b.jsonl.zst", "zstd")]
)
def test_a_missing_package_is_told_before_anything_is_written(
    tmp_path: Path, package: str, name: str, extra: str
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text(FIRST, encoding="utf-8")
    (tmp_path / "in" / name).write_bytes(b"")
    code = (
        f"import sys; sys.modules[{package!r}] = None; from cleaner.cli import main\n"
        "sys.exit(main(['run', 'in', '-o', 'out']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, check=False
    )
    told = done.stderr.decode()
    assert (done.returncode, name in told, f"cleaner[{extra}]" in told) == (2, True, True), told
    assert not (tmp_path / "out").exists()


# ------------------------------------------------------------------ diff

PLAIN = f"""--- in/a.txt: 2 edits, 7 of {len(DIRTY)} characters removed
@@ line 1 @@
  {FIRST}
- Share  [t/share-line]
- A US -backed plan.  [t/hyphen-gap]
+ A US-backed plan.  [t/hyphen-gap]
  {LAST}
"""
TOTAL = f"""=== 1 of 2 documents would change: 2 edits, 7 of {len(DIRTY + LAST)} characters removed (3.5%)
    rule          edits  characters
    t/hyphen-gap      1           1
    t/share-line      1           6
"""


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_diff_shows_and_writes_nothing(work: Path) -> None:
    before = sorted(work.rglob("*"))
    assert call("diff", "in", "--config", "t.yaml", cwd=work) == (0, PLAIN + TOTAL, "")
    assert sorted(work.rglob("*")) == before


@pytest.mark.parametrize(
    ("color", "more", "coloured"),
    [
        ("always", {}, True),
        ("always", {"NO_COLOR": "1"}, True),
        ("auto", {}, False),
        ("never", {}, False),
    ],
)
def test_diff_in_colour(work: Path, color: str, more: dict[str, str], coloured: bool) -> None:
    code, out, _ = call("diff", "in", "--config", "t.yaml", "--color", color, cwd=work, **more)
    assert (code, plain(out)) == (0, PLAIN + TOTAL)
    assert (out != PLAIN + TOTAL) is coloured


@POSIX
@pytest.mark.parametrize(("more", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_diff_in_a_terminal(work: Path, more: dict[str, str], coloured: bool) -> None:
    code, out = in_terminal("diff", "in", "--config", "t.yaml", cwd=work, **more)
    assert (code, plain(out)) == (0, PLAIN + TOTAL)
    assert ("\x1b[" in out) is coloured


def in_terminal(*arguments: str, cwd: Path, **more: str) -> tuple[int, str]:
    """Call the command with a terminal as standard output and error."""
    ours, theirs = os.openpty()
    try:
        process = subprocess.Popen(
            [*COMMAND, *arguments], cwd=cwd, env=environment(**more), stdout=theirs, stderr=theirs
        )
    finally:
        os.close(theirs)
    pieces = []
    with open(ours, "rb", buffering=0) as handle:
        try:
            while piece := handle.read(65536):
                pieces.append(piece)
        except OSError:  # how Linux says that the other end is closed
            pass
    return process.wait(timeout=60), b"".join(pieces).decode().replace("\r\n", "\n")


@POSIX
def test_run_in_a_terminal_shows_a_bar_and_a_table(work: Path) -> None:
    code, out = in_terminal(*RUN, cwd=work)
    assert code == 0
    assert "━" in out
    assert "t/share-line" in out
    assert "files done" not in out


def test_diff_tells_what_it_could_not_read(work: Path) -> None:
    (work / "in" / "bad.txt").write_bytes(b"ab\xff\n")
    code, out, err = call("diff", "in", "--config", "t.yaml", cwd=work)
    assert (code, out) == (1, PLAIN + TOTAL)
    assert err == "in/bad.txt: not UTF-8 at byte 2: invalid start byte\n"


CAUSE = (Cause("t/a", "drop", "safe", {}),)
OTHER = (Cause("t/b", "replace", "safe", {}),)


@pytest.mark.parametrize(
    ("original", "edits", "lines"),
    [
        ("a\nx\nb", [Edit(2, 4, "x\n", "", CAUSE)], ["1 a", "-2 x [t/a]", "3 b"]),
        ("a\nx\nb", [Edit(1, 3, "\nx", "", CAUSE)], ["1 a", "-2 x [t/a]", "3 b"]),
        ("a\nx", [Edit(1, 3, "\nx", "", CAUSE)], ["1 a", "-2 x [t/a]"]),
        ("x\nb", [Edit(0, 2, "x\n", "", CAUSE)], ["-1 x [t/a]", "2 b"]),
        ("x", [Edit(0, 1, "x", "", CAUSE)], ["-1 x [t/a]"]),
        ("x\nx\nb", [Edit(2, 4, "x\n", "", CAUSE)], ["1 x", "-2 x [t/a]", "3 b"]),
        ("x\nx\nb", [Edit(0, 2, "x\n", "", CAUSE)], ["-1 x [t/a]", "2 x", "3 b"]),
        ("a\n\n\nb", [Edit(2, 3, "\n", "", CAUSE)], ["1 a", "-2  [t/a]", "3 ", "4 b"]),
        ("a b\nc", [Edit(1, 2, " ", "-", CAUSE)], ["-1 a b [t/a]", "+1 a-b [t/a]", "2 c"]),
        (
            "x\na b\nc",
            [Edit(0, 2, "x\n", "", CAUSE), Edit(3, 4, " ", "-", OTHER)],
            ["-1 x [t/a]", "-2 a b [t/b]", "+1 a-b [t/b]", "3 c"],
        ),
        ("ab\ncd", [Edit(2, 3, "\n", " ", CAUSE)], ["-1 ab [t/a]", "-2 cd", "+1 ab cd [t/a]"]),
        ("ab cd", [Edit(2, 3, " ", "\n", CAUSE)], ["-1 ab cd [t/a]", "+1 ab [t/a]", "+2 cd"]),
        ("a\r\nb", [Edit(1, 2, "\r", "", CAUSE)], ["-1 a\r\n [t/a]", "+1 a\n [t/a]", "2 b"]),
        ("a\n", [Edit(1, 2, "\n", "", CAUSE)], ["-1 a\n [t/a]", "+1 a [t/a]"]),
        ("a", [Edit(1, 1, "", "\n", CAUSE)], ["-1 a [t/a]", "+1 a\n [t/a]"]),
        (
            "a\nb",
            [Edit(0, 3, "a\nb", "c\nd\ne", CAUSE)],
            ["-1 a [t/a]", "-2 b [t/a]", "+1 c [t/a]", "+2 d [t/a]", "+3 e [t/a]"],
        ),
    ],
)
def test_compare(original: str, edits: list[Edit], lines: list[str]) -> None:
    found = compare(Result(original, apply(original, edits), tuple(edits), ()))
    assert [
        f"{line.sign.strip()}{line.number} {line.text}" + "".join(f" [{rule}]" for rule in line.rules) for line in found
    ] == lines


def test_diff_shows_one_line_around() -> None:
    text = "a\nb\nx\nc\nd\ne\nf\ny\ng\nh"
    edits = (Edit(4, 6, "x\n", "", CAUSE), Edit(14, 16, "y\n", "", CAUSE))
    result = Result(text, apply(text, edits), edits, ())
    assert list(diff_lines("p", result, plain=True)) == [
        "--- p: 2 edits, 4 of 19 characters removed",
        "@@ line 2 @@",
        "  b",
        "- x  [t/a]",
        "  c",
        "@@ line 7 @@",
        "  f",
        "- y  [t/a]",
        "  g",
    ]


# ------------------------------------------------------------------ terminals, pipes, signals


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b.txt", "a b.txt"),
        ("é 日本 😀 ’\u00a0", "é 日本 😀 ’\u00a0"),
        ("a\tb", "a\tb"),
        ("a\nb\r", r"a\nb\r"),
        ("\x1b[2J\x07\x7f\x9b", r"\x1b[2J\x07\x7f\x9b"),
        ("\u202e\u2066\ufeff\u200b", r"\u202e\u2066\ufeff\u200b"),
        ("\u2028\u2029\x85", r"\u2028\u2029\x85"),
        ("\udcff\ud800", r"\udcff\ud800"),
        ("\U000e0041", r"\U000e0041"),
        ("می\u200cخواهم 👩\u200d👩", "می\u200cخواهم 👩\u200d👩"),
    ],
)
def test_shown(text: str, expected: str) -> None:
    assert shown(text) == expected


@LINUX
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_names_and_texts_cannot_command_the_terminal(work: Path, encoding: str) -> None:
    inputs = os.fsencode(work / "in")
    for name in (b"\x1b[2J\xff\n.txt", "é\u202e.png".encode()):
        with open(os.path.join(inputs, name), "xb") as handle:
            handle.write(f"\x1b]0;title\x07\n{DIRTY}".encode())
    for arguments in (
        RUN,
        ("diff", "in", "--config", "t.yaml"),
        ("diff", "in", "--config", "t.yaml", "--color", "always"),
    ):
        code, out, err = call(*arguments, cwd=work, PYTHONIOENCODING=encoding)
        assert code == 0, err
        for text in (out, err):
            assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", plain(text))
        assert r"\x1b[2J\udcff\n.txt" in out + err or arguments is RUN


@POSIX
def test_a_closed_pipe_is_no_error(work: Path) -> None:
    for number in range(50):
        (work / "in" / f"{number}.txt").write_bytes((DIRTY * 100).encode())
    process = subprocess.Popen(
        [*COMMAND, "diff", "in", "--config", "t.yaml"],
        cwd=work,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout
    assert process.stderr
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=60) == 141


@POSIX
def test_ctrl_c_ends_with_130(work: Path) -> None:
    for number in range(1000):
        (work / "in" / f"{number}.txt").write_bytes(DIRTY.encode())
    process = subprocess.Popen([*COMMAND, *RUN], cwd=work, env=environment(), stderr=subprocess.PIPE)
    audit = work / "out" / "_audit"
    deadline = time.monotonic() + 30
    while not (audit.is_dir() and (audit / "journal.jsonl").exists()) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    last = ["out is not finished; the same command goes on with it", "", "interrupted"]
    assert err.decode().splitlines()[-3:] == last
    assert b"Traceback" not in err
    code, out, told = call("verify", "out", cwd=work)
    assert (code, out) == (2, "")
    assert "has not finished: run it again" in told
    assert call(*RUN, "-q", cwd=work) == (0, "", "")
    assert call("verify", "out", "in", cwd=work)[0] == 0
    assert not list((work / "out").rglob("*.tmp"))


def test_standard_input_to_standard_output(work: Path) -> None:
    for arguments, given, expected in (
        ([], DIRTY.encode(), CLEAN.encode()),
        (
            ["--format", "jsonl"],
            b'{"n": 1.50, "text": "a\\nShare\\nb"}\n{"text": 1}\n{"text": "c"}',
            b'{"n": 1.50, "text": "a\\nb"}\n{"text": 1}\n{"text": "c"}',
        ),
    ):
        command = [*COMMAND, "run", "-", "--config", "t.yaml", *arguments]
        done = subprocess.run(
            command, cwd=work, env=environment(), input=given, capture_output=True, check=False, timeout=60
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, expected, b"")


def test_the_wrong_field_is_told(work: Path) -> None:
    (work / "a.jsonl").write_bytes(b'{"body": "a"}\n')
    code, _, err = call("run", "a.jsonl", "-o", "out", "--config", "t.yaml", "-q", cwd=work)
    assert (code, err) == (1, "no record has text in `text`; name the field with --text-field\n")
    arguments = ("run", "a.jsonl", "-o", "out2", "--config", "t.yaml", "-q", "--text-field", "body")
    assert call(*arguments, cwd=work) == (0, "", "")


def test_the_wrong_field_is_told_of_standard_input(work: Path) -> None:
    for given, code in ((b'{"body": "a"}\n', 1), (b'{"body": "a"}\n{"text": "b"}\n', 0), (b"\n", 0)):
        done = subprocess.run(
            [*COMMAND, "run", "-", "--config", "t.yaml", "--format", "jsonl"],
            cwd=work,
            env=environment(),
            input=given,
            capture_output=True,
            check=False,
            timeout=60,
        )
        told = b"no record has text in `text`; name the field with --text-field\n" if code else b""
        assert (done.returncode, done.stdout, done.stderr) == (code, given, told)


def test_some_records_without_text_are_told(work: Path) -> None:
    (work / "in" / "c.jsonl").write_bytes(b'{"body": "a"}\n{"body": "b"}\n')
    (work / "in" / "d.jsonl").write_bytes(b'{"body": "a"}\n{"text": "b"}\n')
    told = "c.jsonl: no record has text in `text`\n3 records without text in `text`, copied as they are\n"
    assert call(*RUN, "-q", cwd=work) == (0, "", told)


def test_fields_that_no_document_has_are_told(work: Path) -> None:
    (work / "a.jsonl").write_bytes(b'{"text": "a", "link": "https://example.org/"}\n{"text": "b"}\n')
    named = ("--url-field", "link", "--id-field", "key", "--config", "t.yaml")
    told = "no document has `key`, which --id-field names\n"
    assert call("run", "a.jsonl", "-o", "out", "-q", *named, cwd=work) == (0, "", told)
    done = subprocess.run(
        [*COMMAND, "run", "-", "--format", "jsonl", *named],
        cwd=work,
        env=environment(),
        input=(work / "a.jsonl").read_bytes(),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr.decode()) == (0, told)


def test_the_last_line_of_progress_has_all_files(work: Path) -> None:
    for number in range(6):
        (work / "in" / f"{number}.jsonl").write_text('{"text": "He left."}\n' * 20_000)
    lines = call(*RUN, "-j", "1", cwd=work)[2].splitlines()
    assert lines[-1].startswith("100%: 8 of 8 files done, ")
    assert [line.partition("%")[0] for line in lines] == sorted({line.partition("%")[0] for line in lines}, key=int)


@pytest.mark.parametrize("option", ["--json", "--html"])
def test_score_writes_where_there_is_a_folder(work: Path, option: str) -> None:
    code, out, err = call("score", "in/a.txt", option, "no/x", cwd=work)
    assert (code, out, f"{option}: there is no folder no." in err) == (2, "", True)


def test_a_format_is_for_standard_input(work: Path) -> None:
    code, _, err = call(*RUN, "--format", "text", cwd=work)
    assert (code, "--format is for standard input" in err) == (2, True)


def test_only_records_that_should_have_text_are_missed(work: Path) -> None:
    (work / "a.jsonl").write_bytes(b'{"body": "a"}\n\nnot JSON\n')
    (work / "b.csv").write_bytes(b'id,body\n1,"a\nShare\nb"\n')
    for command in ("run", "diff"):
        for name in ("a.jsonl", "b.csv"):
            more = ("--dry-run", "-q") if command == "run" else ()
            code, _, err = call(command, name, *more, "--config", "t.yaml", cwd=work)
            assert (code, err.splitlines()[-1]) == (1, "no record has text in `text`; name the field with --text-field")
    code, out, _ = call("diff", "b.csv", "--config", "t.yaml", "--text-field", "body", cwd=work)
    assert (code, "- Share  [t/share-line]" in out) == (0, True)
    arguments = ("run", "b.csv", "--config", "t.yaml", "--dry-run", "--text-field", "body")
    assert "without text" not in call(*arguments, cwd=work)[1]


@pytest.mark.parametrize("command", [["run", "-o", "out"], ["diff"], ["explain"]])
def test_a_configuration_without_rules_is_refused(work: Path, command: list[str]) -> None:
    (work / "none.yaml").write_text("max_risk: safe\n")
    code, out, err = call(command[0], "in/a.txt", *command[1:], "--config", "none.yaml", cwd=work)
    assert (code, out) == (2, "")
    assert err.startswith("none.yaml:1:1: there are no rules: write `extends: default`")


def test_a_language_is_that_of_documents_that_say_none(work: Path) -> None:
    (work / "de.yaml").write_text(
        "pack: p\nversion: 1.0.0\nabout: German only\nrules:\n  - id: share\n    about: A share label\n"
        "    for: {language: de}\n    match: {is: teilen}\n"
        "    examples: [{drop: Teilen, language: de}, {keep: Mitteilen, language: de}]\n"
    )
    goes = {None: True, "": True, "und": True, "German": True, "unknown": True, "de-AT": True, "en": False}
    rows = [json.dumps({"text": "Sie ging nach Hause.\nTeilen\n", "language": tag}) for tag in goes]
    (work / "a.jsonl").write_text("\n".join(rows) + "\n")
    code, _, err = call("run", "a.jsonl", "-o", "out", "-q", "--config", "de.yaml", "--language", "de", cwd=work)
    clean = [json.loads(row)["text"] for row in (work / "out" / "a.jsonl").read_text().splitlines()]
    assert (code, err, {tag: "Teilen" not in text for tag, text in zip(goes, clean, strict=True)}) == (0, "", goes)


@pytest.mark.skipif(os.name == "nt", reason="closing streams is told to a POSIX shell")
@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ("run - <&-", "Error: standard input is closed."),
        ("run - >&-", "Error: standard output is closed."),
        ("rules list >&-", "Error: standard output is closed."),
        ("run - --nope 2>&-", ""),
    ],
)
def test_closed_streams_are_told(work: Path, arguments: str, error: str) -> None:
    done = subprocess.run(
        f"{shlex.join(COMMAND)} {arguments}",
        shell=True,
        cwd=work,
        capture_output=True,
        text=True,
        input="hi",
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr.splitlines()[-1:]) == (2, "", [error] if error else [])


def test_a_language_is_a_tag(work: Path) -> None:
    for command in ("run", "diff", "explain"):
        code, _, err = call(command, "in/a.txt", "--language", "english", cwd=work)
        assert (code, "'english' is not a tag such as en, pt-BR or eng_Latn" in err) == (2, True)


def test_what_could_not_be_unpacked_is_told_when_restoring(work: Path) -> None:
    (work / "in" / "c.jsonl.gz").write_bytes(b"no gzip")
    assert call(*RUN, "-q", cwd=work)[0] == 1
    where = "what could not be read is not in the clean file; it stands in _audit/rejected/c.jsonl.gz"
    assert call("restore", "out", "-o", "again", cwd=work) == (1, f"c.jsonl.gz#0: {where}\n", "")
    assert (work / "out" / "_audit" / "rejected" / "c.jsonl.gz").read_bytes() == b"no gzip"
    assert (work / "again" / "a.txt").read_bytes() == DIRTY.encode()


def test_other_options_are_told_as_they_are_typed(work: Path) -> None:
    assert call(*RUN, "--text-field", "body", "-q", cwd=work)[0] == 0
    code, _, err = call(*RUN, "--language", "en", "--quarantine", "--encoding", "cp1252", cwd=work)
    told = (
        "--encoding not given, now cp1252; --text-field body, now text; "
        "--language not given, now en; --quarantine off, now on; results must not be mixed"
    )
    assert (code, told in err) == (2, True), err


def test_what_helps_with_other_encodings_is_told(work: Path) -> None:
    (work / "in" / "c.txt").write_bytes(b"caf\xe9\n")
    code, _, err = call("run", "in", "--dry-run", "-q", "--config", "t.yaml", cwd=work)
    assert code == 1
    assert err.splitlines()[0] == "c.txt: undecodable: not UTF-8 at byte 3: invalid continuation byte"
    assert err.splitlines()[1].startswith("to read text that is not UTF-8, name its encoding with --encoding")
    arguments = ("run", "in", "--dry-run", "-q", "--config", "t.yaml", "--encoding", "cp1252")
    assert call(*arguments, cwd=work) == (0, "", "")


def test_a_profile_tells_stages_and_rules(work: Path) -> None:
    code, out, _ = call(*RUN, "--profile", "--summary", "s.json", "-q", cwd=work)
    rows = [line.split() for line in out.splitlines()]
    assert (code, ["stage", "seconds", "share"] in rows, ["rule", "seconds", "share"] in rows) == (0, True, True)
    assert {"scan", "settle", "audit", "write", "t/share-line", "t/hyphen-gap"} <= {row[0] for row in rows}
    assert all(re.fullmatch(r"\d+\.\d%", row[2]) for row in rows if row[0] not in ("stage", "rule"))
    summary = json.loads((work / "s.json").read_bytes())
    assert summary["slow_rules"].keys() == {"t/share-line", "t/hyphen-gap"}
    assert call(*RUN, "--profile", "-q", cwd=work)[1] == "nothing was cleaned, so no time was spent\n"


def test_a_summary_counts_what_is_known_of_documents(work: Path) -> None:
    rows = (
        b'{"text": "a", "id": "1", "url": "https://example.org/", "language": "en"}\n{"text": "b", "id": "2"}\n{"te\n'
    )
    (work / "a.jsonl").write_bytes(rows)
    for more in (["-o", "out"], ["--dry-run"]):
        code, _, err = call("run", "a.jsonl", *more, "--config", "t.yaml", "--summary", "s.json", "-q", cwd=work)
        assert err.splitlines()[0].startswith("a.jsonl#99: malformed: ")
        assert "OUT/_audit/rejected has it, too" in err
        summary = json.loads((work / "s.json").read_bytes())
        assert (code, summary["known"], summary["flags"]) == (
            1,
            {"id": 2, "url": 1, "language": 1},
            {"malformed": 1},
        )


def test_a_rehearsal_writes_nothing_but_the_summary(work: Path) -> None:
    before = sorted(str(path) for path in work.rglob("*"))
    for arguments in (["--dry-run"], ["--sample", "1"], ["--sample", "100"]):
        code, out, err = call("run", "in", "--config", "t.yaml", *arguments, cwd=work)
        assert (code, ["t/share-line", "1", "6"] in [line.split() for line in out.splitlines()]) == (
            0,
            True,
        ), err
        assert sorted(str(path) for path in work.rglob("*")) == before
    assert call("run", "in", "--config", "t.yaml", "--dry-run", "-q", "--summary", "s.json", cwd=work) == (
        0,
        "",
        "",
    )
    summary = json.loads((work / "s.json").read_bytes())
    assert (summary["documents"], summary["rules"]["t/share-line"]) == (2, {"hits": 1, "removed": 6})


@POSIX
@pytest.mark.parametrize("more", [["-o", "out"], ["--dry-run"]])
def test_a_summary_overwrites_nothing_that_is_read(work: Path, more: list[str]) -> None:
    os.link(work / "t.yaml", work / "same.yaml")
    os.symlink("in", work / "link")
    for path in ("in/a.txt", "in/new.json", "link/b.txt", "t.yaml", "same.yaml", *(["out"] if "-o" in more else [])):
        code, _, err = call("run", "in", *more, "--config", "t.yaml", "--summary", path, cwd=work)
        assert (code, f"--summary: {path} is " in err, (work / "out").exists()) == (2, True, False), err
    assert (work / "in" / "a.txt").read_bytes() == DIRTY.encode()
    assert (work / "t.yaml").read_text() == PACK


@LINUX
def test_a_summary_that_cannot_be_written_hides_nothing(work: Path) -> None:
    (work / "in" / "bad.txt").write_bytes(b"\xff")
    code, _, err = call(*RUN, "--summary", "/dev/full", "-q", cwd=work)
    assert (code, "bad.txt: undecodable: " in err) == (1, True)
    assert err.endswith("Error: /dev/full: No space left on device\n")
    assert call("verify", "out", cwd=work)[0] == 0


@LINUX
def test_a_full_disk_is_told_with_the_output(work: Path) -> None:
    (work / "in" / "c.txt").write_bytes(b"He left.\n" * 40_000)
    limited = shlex.join([*COMMAND, *RUN, "-q"])
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f 100; {limited}"],
        cwd=work,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    told = "out is not finished; the same command goes on with it\nError: out: File too large\n"
    assert (done.returncode, done.stderr) == (1, told)
    assert call(*RUN, "-q", cwd=work)[0] == 0
    assert call("verify", "out", "in", cwd=work)[0] == 0


@pytest.mark.parametrize("more", [["--dry-run"], ["--sample", "1"]])
def test_a_rehearsal_refuses_the_outputs_that_the_run_would(work: Path, more: list[str]) -> None:
    (work / "full").mkdir()
    (work / "full" / "x").touch()
    (work / "damaged" / "_audit").mkdir(parents=True)
    (work / "damaged" / "_audit" / "run.jsonl").touch()
    (work / "file").touch()
    assert call(*RUN[:3], "other", *RUN[4:], "--language", "de", "-q", cwd=work)[0] == 0
    before = sorted(str(path) for path in work.rglob("*"))
    for out in ("full", "damaged", "file", "file/a/b", "in", "in/sub/out", "other"):
        command = (*RUN[:3], out, *RUN[4:], "-q")
        told = call(*command, *more, cwd=work)
        assert (told[0], sorted(str(path) for path in work.rglob("*"))) == (2, before)
        assert told == call(*command, cwd=work)
        assert sorted(str(path) for path in work.rglob("*")) == before
    for out in ("new/folder", "out"):
        assert call(*RUN[:3], out, *RUN[4:], "-q", *more, cwd=work) == (0, "", "")
    assert sorted(str(path) for path in work.rglob("*")) == before

"""Runs over many files: the same whoever does the work, whatever happens on the way."""

import gzip
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import cleaner
from cleaner.corpus import batch
from cleaner.corpus.files import InputError
from cleaner.corpus.journal import lock, read_run
from cleaner.corpus.records import Fields
from cleaner.engine import Cleaner
from tests.samples import PACK

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="signals and limits as Linux has them")
OPTIONS = batch.Options(task_bytes=60_000)
SCRIPT = """
import os, signal, sys
from pathlib import Path
from cleaner.corpus import batch
from cleaner.engine import Cleaner

def rebuild(configuration):
    return Dying.from_configuration(configuration)

class Dying(Cleaner):
    def __reduce__(self):
        return rebuild, (self.configuration,)

    def __call__(self, text, *, url=None, language=None):
        if "die always" in text:
            os.kill(os.getpid(), signal.SIGKILL)
        if "die once" in text and (marks := os.environ.get("MARKS")):
            mark = Path(marks, str(len(text)))
            if not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(text, url=url, language=language)

if __name__ == "__main__":
    folder, jobs = sys.argv[1:]
    if limit := os.environ.get("LIMIT"):
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    try:
        summary = batch.run(
            Dying.from_file("t.yaml"),
            ["in"],
            folder,
            options=batch.Options(task_bytes=60_000, quarantine="APART" in os.environ),
            jobs=int(jobs),
            on_note=print,
        )
    except OSError as error:
        sys.exit(f"failed: {error.strerror}")
    print(summary.documents, summary.errors)
"""


def texts(rnd: random.Random, count: int) -> list[str]:
    words = "the council met on Monday and agreed a budget for schools".split()
    lines = ["Share", "", *(" ".join(rnd.choices(words, k=9)) + "." for _ in range(6))]
    return ["\n".join(rnd.choices(lines, k=rnd.randint(3, 40))) for _ in range(count)]


def make_corpus(folder: Path) -> None:
    """A few large files, which are done in parts, and many small ones."""
    rnd = random.Random(1)
    for name, count in (("big.jsonl", 700), ("sub/other.jsonl", 200)):
        rows = [
            json.dumps({"id": number, "url": f"https://s{number % 5}.example.com/{number}", "text": text})
            for number, text in enumerate(texts(rnd, count))
        ]
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([*rows[: count // 2], '{"text": ', *rows[count // 2 :]]) + "\n", encoding="utf-8")
    with gzip.GzipFile(folder / "packed.jsonl.gz", "wb", mtime=0) as packed:
        packed.write((folder / "sub" / "other.jsonl").read_bytes())
    pq.write_table(
        pa.table({"text": texts(rnd, 900), "n": range(900)}),
        folder / "rows.parquet",
        row_group_size=40,
        compression="none",
    )
    for number, text in enumerate(texts(rnd, 200)):
        path = folder / f"small/{number % 9}/{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a corpus, rules, and the output of a run that nothing happened to."""
    work = tmp_path_factory.mktemp("batch")
    (work / "t.yaml").write_text(PACK, encoding="utf-8")
    (work / "script.py").write_text(SCRIPT, encoding="utf-8")
    make_corpus(work / "in")
    assert call(work, "quiet", 1).returncode == 0
    assert len(read_run(str(work / "quiet")).tasks) > 15
    assert len(read_run(str(work / "quiet")).joins) == 3
    return work


def start(work: Path, out: Path | str, jobs: int, **environment: str) -> "subprocess.Popen[str]":
    path = os.pathsep.join([str(Path(cleaner.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(
        [sys.executable, "script.py", str(out), str(jobs)],
        cwd=work,
        env=os.environ | {"PYTHONPATH": path} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def call(work: Path, out: Path | str, jobs: int, **environment: str) -> "subprocess.CompletedProcess[str]":
    process = start(work, out, jobs, **environment)
    told, wrong = process.communicate(timeout=120)
    return subprocess.CompletedProcess([], process.returncode, told, wrong)


def own_copy(quiet: Path, tmp_path: Path, *more: str) -> Path:
    """The corpus again, to be changed, with its times, by which files are known."""
    for name in ("in", *more):
        shutil.copytree(quiet / name, tmp_path / name)
    for name in ("t.yaml", "script.py"):
        shutil.copy2(quiet / name, tmp_path / name)
    return tmp_path


# ------------------------------------------------------------------ whoever does the work


@pytest.mark.parametrize("jobs", [0, 2, 7])
def test_any_number_of_workers(quiet: Path, tmp_path: Path, jobs: int) -> None:
    assert call(quiet, tmp_path / "out", jobs).stderr == ""
    assert tree(tmp_path / "out") == tree(quiet / "quiet")


def test_inputs_in_another_order(quiet: Path, tmp_path: Path) -> None:
    clean = Cleaner.from_text(PACK)
    inputs = [str(quiet / "in" / name) for name in sorted(os.listdir(quiet / "in"))]
    for number, given in enumerate((inputs, inputs[::-1])):
        batch.run(clean, given, str(tmp_path / str(number)), options=OPTIONS, jobs=0)
    assert tree(tmp_path / "0") == tree(tmp_path / "1")


def test_the_way_back_with_workers(quiet: Path, tmp_path: Path) -> None:
    assert batch.verify(str(quiet / "quiet"), [str(quiet / "in")], jobs=2) == []
    assert batch.restore(str(quiet / "quiet"), str(tmp_path / "back"), jobs=2) == []
    back = tree(tmp_path / "back")
    before = tree(quiet / "in")
    assert back.keys() == before.keys()
    assert {name for name in back if back[name] != before[name]} <= {"rows.parquet", "packed.jsonl.gz"}
    assert gzip.decompress(back["packed.jsonl.gz"]) == before["sub/other.jsonl"]
    assert pq.read_table(tmp_path / "back" / "rows.parquet").equals(pq.read_table(quiet / "in" / "rows.parquet"))


def test_verify_sees_every_byte(quiet: Path, tmp_path: Path) -> None:
    work = own_copy(quiet, tmp_path, "quiet")
    path = work / "quiet" / "big.jsonl"
    data = path.read_bytes()
    at = data.index(b'"url": "https://s3') + 9
    path.write_bytes(data[:at] + b"H" + data[at + 1 :])
    assert batch.verify(str(work / "quiet"), jobs=0) == ["big.jsonl: a clean file was changed outside the texts"]
    with_inputs = batch.verify(str(work / "quiet"), [str(work / "in")], jobs=0)
    assert [line.partition(": ")[2] for line in with_inputs] == ["something other than the text was changed"]
    path.write_bytes(data + b"\n")
    assert batch.verify(str(work / "quiet"), jobs=0) == [
        f"big.jsonl: the clean file has {len(data) + 1} bytes, {len(data)} were written"
    ]


def test_verify_sees_what_stands_beside_the_clean_files(quiet: Path, tmp_path: Path) -> None:
    """Each file of what was rejected or set apart, and Parquet that was put together, with its size unchanged."""
    (tmp_path / "in").mkdir()
    for name in ("sub/other.jsonl", "packed.jsonl.gz", "rows.parquet"):
        shutil.copy(quiet / "in" / name, tmp_path / "in")
    (tmp_path / "in" / "a.txt").write_bytes(b"\xff\n")
    out, cleaner = tmp_path / "out", Cleaner.from_text(PACK)
    options = batch.Options(task_bytes=60_000, quarantine=True)
    batch.run(cleaner, [str(tmp_path / "in")], str(out), options=options, jobs=0)
    assert batch.verify(str(out), jobs=0) == []
    assert "rows.parquet" in read_run(str(out)).joins
    beside = sorted((*(out / "_audit" / "rejected").iterdir(), *(out / "_quarantine").iterdir(), out / "rows.parquet"))
    assert len(beside) == 6
    for path in beside:
        before = path.read_bytes()
        path.write_bytes(
            before[:-6] + bytes([before[-6] ^ 1]) + before[-5:] if len(before) > 6 else b"\0" * len(before)
        )
        problems = batch.verify(str(out), jobs=0)
        assert problems
        assert any(problem.startswith(f"{path.relative_to(out)}: ") for problem in problems), problems
        batch.restore(str(out), str(tmp_path / "back"), jobs=0)
        shutil.rmtree(tmp_path / "back")
        path.write_bytes(before)
    assert batch.verify(str(out), jobs=0) == []
    (rejected, *_) = (out / "_audit" / "rejected").iterdir()
    rejected.unlink()
    assert len(batch.verify(str(out), jobs=0)) == 1
    batch.run(cleaner, [str(tmp_path / "in")], str(out), options=options, jobs=0)
    assert batch.verify(str(out), jobs=0) == []
    assert rejected.exists()


def test_verify_and_restore_name_a_part_of_the_audit_that_is_gone(quiet: Path, tmp_path: Path) -> None:
    out = own_copy(quiet, tmp_path, "quiet") / "quiet"
    part = sorted((out / "_audit").glob("part-*"))[0]
    part.unlink()
    gone = f"the audit: {part}: No such file or directory"
    assert gone in batch.verify(str(out), jobs=0)
    assert gone in batch.restore(str(out), str(tmp_path / "back"), jobs=0)


def test_batches_of_small_files_come_last_and_the_smallest_at_the_end(quiet: Path, tmp_path: Path) -> None:
    steps = [0]
    clean = Cleaner.from_text(PACK)
    inputs = [str(quiet / "in")]
    batch.run(clean, inputs, str(tmp_path / "out"), lambda step: steps.append(step.bytes), options=OPTIONS, jobs=0)
    sizes = [after - before for before, after in itertools.pairwise(steps)]
    tasks = read_run(str(tmp_path / "out")).tasks.values()
    batches = sorted((row.bytes for row in tasks if len(row.files) > 1), reverse=True)
    assert len(batches) > 2
    assert sizes[-len(batches) :] == batches


def test_workers_go_on_while_an_answer_is_noted(quiet: Path, tmp_path: Path) -> None:
    """The only worker ends its second task before the first one is done with."""
    clean = Cleaner.from_text(PACK)
    tasks = tmp_path / "out" / "_audit" / "tasks"
    begun = time.monotonic()
    waited = False

    def wait(step: batch.Step) -> None:
        nonlocal waited
        while not waited and step.documents:
            assert time.monotonic() < begun + 60
            time.sleep(0.01)
            waited = len(list(tasks.glob("*.part"))) > 1

    batch.run(clean, [str(quiet / "in" / "big.jsonl")], str(tmp_path / "out"), wait, options=OPTIONS, jobs=1)
    assert waited


# ------------------------------------------------------------------ whatever happens


@LINUX
def test_killed_twenty_times(quiet: Path, tmp_path: Path) -> None:
    kill_and_go_on(quiet, quiet / "quiet", tmp_path, 20)


def kill_and_go_on(work: Path, expected: Path, tmp_path: Path, rounds: int, **environment: str) -> None:
    """Kill runs at random moments, go on, and compare with the output of a quiet one."""
    rnd = random.Random(7)
    begun = time.monotonic()
    assert call(work, tmp_path / "timed", 2, **environment).returncode == 0
    assert tree(tmp_path / "timed") == tree(expected)
    whole = time.monotonic() - begun
    killed = 0
    out = tmp_path / "out"
    for round_ in range(3 * rounds):
        if round_ >= rounds and killed >= rounds // 2:
            break
        fresh, begun = not out.exists(), time.monotonic()
        process = start(work, out, 2, **environment)
        # The first rounds strike while much is left to do, the later ones as the run ends.
        share = rnd.uniform(0.2, 0.8) if round_ < rounds // 2 else rnd.uniform(0.5, 1.05)
        with suppress(subprocess.TimeoutExpired):
            process.wait(whole * share)
            if fresh:  # the machine was busier when it was timed
                whole = min(whole, time.monotonic() - begun)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        if process.returncode == 0 or (out / "_audit" / "run.jsonl").exists():
            assert tree(out) == tree(expected)
            out = tmp_path / f"out{round_}"
    assert killed >= rounds // 2
    last = call(work, out, 2, **environment)
    assert last.returncode == 0, last.stderr
    assert tree(out) == tree(expected)


@LINUX
def test_every_step_of_the_end_can_be_the_last(quiet: Path, tmp_path: Path) -> None:
    """A run is stopped before each change that its last stretch makes to the folder."""
    clean = Cleaner.from_text(PACK)
    inputs = [str(quiet / "in" / "small" / "0")]
    batch.run(clean, inputs, str(tmp_path / "whole"), options=OPTIONS, jobs=0)
    for steps in range(1, 200):
        out = tmp_path / str(steps)
        left = steps

        def trace(event: str, arguments: tuple[object, ...], out: Path = out) -> None:
            nonlocal left
            if left > 0 and event in ("os.rename", "os.remove") and str(out) in str(arguments[0]):
                left -= 1
                if left == 0:
                    raise KeyboardInterrupt

        hooks.append(trace)
        try:
            batch.run(clean, inputs, str(out), options=OPTIONS, jobs=0)
            finished = left > 0
        except KeyboardInterrupt:
            finished = False
        finally:
            hooks.clear()
        if not finished:
            batch.run(clean, inputs, str(out), options=OPTIONS, jobs=0)
            assert tree(out) == tree(tmp_path / "whole"), steps
        if finished:
            return


hooks: list[object] = []


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    for hook in hooks:
        hook(event, arguments)  # type: ignore[operator]


sys.addaudithook(_hook)


@LINUX
def test_a_worker_that_dies_costs_a_retry(quiet: Path, tmp_path: Path) -> None:
    work = own_copy(quiet, tmp_path)
    (work / "in" / "small" / "die.txt").write_text("die once\nShare\n", encoding="utf-8")
    with open(work / "in" / "big.jsonl", "a", encoding="utf-8") as handle:  # no document was at hand at two deaths
        handle.write('{"text": "die once\\nShare and share"}\n{"text": "Share\\ndie once"}\n{"text": "die once"}\n')
    (work / "marks").mkdir()
    assert call(work, "calm", 2).returncode == 0
    done = call(work, "out", 2, MARKS=str(work / "marks"))
    assert done.returncode == 0, done.stderr
    assert len(os.listdir(work / "marks")) == 4
    assert tree(work / "out") == tree(work / "calm")


@LINUX
def test_a_document_that_kills_is_kept_and_flagged(quiet: Path, tmp_path: Path) -> None:
    work = own_copy(quiet, tmp_path)
    (work / "in" / "small" / "die.txt").write_text("die always\nShare\n", encoding="utf-8")
    with open(work / "in" / "big.jsonl", "a", encoding="utf-8") as handle:
        handle.write('{"text": "Share\\nbefore"}\n{"text": "die always\\nShare"}\n{"text": "Share\\nafter"}\n')
    done = call(work, "out", 2)
    assert done.returncode == 0, done.stderr
    summary = read_run(str(work / "out"))
    failed = [failure for row in summary.tasks.values() for failure in row.failed if failure.flag == "failed"]
    assert [failure.document.partition("#")[0] for failure in failed] == ["big.jsonl", "small/die.txt"]
    assert (work / "out" / "small" / "die.txt").read_text(encoding="utf-8") == "die always\nShare\n"
    lines = (work / "out" / "big.jsonl").read_text(encoding="utf-8").splitlines()
    assert lines[-3:] == ['{"text": "before"}', '{"text": "die always\\nShare"}', '{"text": "after"}']
    assert batch.verify(str(work / "out"), [str(work / "in")], jobs=0) == []


@LINUX
def test_a_full_disk(quiet: Path, tmp_path: Path) -> None:
    for limit in (3_000, 30_000, 200_000):
        done = call(quiet, tmp_path / "out", 2, LIMIT=str(limit))
        assert (done.returncode, done.stderr) == (1, "failed: File too large\n")
    with pytest.raises(InputError, match="has not finished: run it again"):
        batch.verify(str(tmp_path / "out"))
    done = call(quiet, tmp_path / "out", 2)
    assert done.returncode == 0, done.stderr
    assert tree(tmp_path / "out") == tree(quiet / "quiet")


def test_two_runs_on_one_output(quiet: Path, tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("no such locks")
    (tmp_path / "out").mkdir()
    with lock(str(tmp_path / "out")), pytest.raises(InputError, match="another run is writing to it"):
        batch.run(Cleaner.from_text(PACK), [str(quiet / "in")], str(tmp_path / "out"))


# ------------------------------------------------------------------ where the time goes


@pytest.mark.parametrize("jobs", [0, 2])
def test_a_profile_changes_nothing(quiet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: int) -> None:
    monkeypatch.chdir(quiet)
    clean = Cleaner.from_file("t.yaml")
    done = batch.run(clean, ["in"], str(tmp_path / "out"), options=OPTIONS, jobs=jobs, profile=True)
    assert tree(tmp_path / "out") == tree(quiet / "quiet")
    stages = {"read", "scan", "keep", "fix", "span", "line", "run", "duplicate", "spacing", "settle", "audit", "write"}
    assert {"read", "scan", "line", "settle", "audit", "write"} <= done.stages.keys() <= stages
    assert done.slow_rules.keys() == {"t/share-line", "t/hyphen-gap"}
    assert 0 < done.slow_rules["t/share-line"] <= done.stages["line"] + 1e-9
    if not jobs:
        assert 0.5 * done.seconds < sum(done.stages.values()) < done.seconds
    sampled = batch.rehearse(clean, ["in"], options=OPTIONS, jobs=0, sample=20, profile=True)
    assert sampled.slow_rules.keys() == done.slow_rules.keys()
    assert batch.rehearse(clean, ["in"], options=OPTIONS, jobs=0, sample=20).stages == {}


# ------------------------------------------------------------------ again


def test_progress_tells_what_an_earlier_run_did(quiet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = own_copy(quiet, tmp_path, "quiet")
    monkeypatch.chdir(work)
    (work / "in" / "new.txt").write_text("He left.\nShare\n", encoding="utf-8")
    steps: list[batch.Step] = []
    batch.run(Cleaner.from_file("t.yaml"), ["in"], "quiet", steps.append, options=OPTIONS, jobs=0)
    assert steps[-1].documents - steps[0].reused_documents >= 1
    assert steps[0].documents == steps[0].reused_documents > 2_000


def test_nothing_is_done_twice(quiet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = own_copy(quiet, tmp_path, "quiet")
    monkeypatch.chdir(work)
    before = {path: path.stat().st_mtime_ns for path in (work / "quiet").rglob("*")}
    notes: list[str] = []
    summary = batch.run(
        Cleaner.from_file(work / "t.yaml"), ["in"], str(work / "quiet"), options=OPTIONS, on_note=notes.append
    )
    assert summary.reused == summary.tasks
    assert summary.documents == 700 + 200 + 200 + 3 + 900 + 200
    assert {path: path.stat().st_mtime_ns for path in (work / "quiet").rglob("*")} == before


@pytest.mark.parametrize("jobs", [0, 2])
def test_changed_inputs_alone_are_done_again(
    quiet: Path, tmp_path: Path, jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = own_copy(quiet, tmp_path, "quiet")
    monkeypatch.chdir(work)
    clean = Cleaner.from_file(work / "t.yaml")
    inputs = work / "in"
    data = (inputs / "sub" / "other.jsonl").read_bytes()
    (inputs / "sub" / "other.jsonl").write_bytes(data + b'{"text": "Share\\nmore"}\n')
    (inputs / "rows.parquet").unlink()
    (inputs / "new.txt").write_text("new\nShare\n", encoding="utf-8")
    notes: list[str] = []
    again = batch.run(clean, ["in"], str(work / "quiet"), options=OPTIONS, jobs=jobs, on_note=notes.append)
    assert notes[0] == "1 of the inputs is changed: sub/other.jsonl"
    assert notes[1] == "1 of the inputs is gone: rows.parquet"
    assert 0 < again.reused < again.tasks
    batch.run(clean, ["in"], str(work / "fresh"), options=OPTIONS, jobs=0)
    assert tree(work / "quiet") == tree(work / "fresh")
    assert batch.verify(str(work / "quiet"), ["in"], jobs=0) == []


def test_outputs_that_went_missing_are_made_again(quiet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = own_copy(quiet, tmp_path, "quiet")
    monkeypatch.chdir(work)
    (work / "quiet" / "small" / "3" / "3.txt").unlink()
    (work / "quiet" / "big.jsonl").write_bytes(b"")
    (work / "quiet" / "_audit" / "part-00000.jsonl.zst").unlink()
    batch.run(Cleaner.from_file(work / "t.yaml"), ["in"], str(work / "quiet"), options=OPTIONS, jobs=0)
    assert tree(work / "quiet") == tree(quiet / "quiet")


def test_results_are_not_mixed(quiet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = own_copy(quiet, tmp_path, "quiet")
    monkeypatch.chdir(work)
    other = PACK.replace("is: share", "is: [share, print]")
    for clean, options, message in (
        (Cleaner.from_text(other), OPTIONS, r"other rules \(t 1.0.0, digest"),
        (
            Cleaner.from_file(work / "t.yaml"),
            batch.Options(Fields("body"), task_bytes=60_000),
            "--text-field text, now body",
        ),
        (
            Cleaner.from_file(work / "t.yaml"),
            batch.Options(language="de", task_bytes=60_000),
            "--language not given, now de",
        ),
    ):
        with pytest.raises(InputError, match=f"{message}.*must not be mixed: remove it or choose another folder"):
            batch.run(clean, ["in"], str(work / "quiet"), options=options)
    assert tree(work / "quiet") == tree(quiet / "quiet")


def test_a_damaged_record_is_no_ground_to_go_on_from(quiet: Path, tmp_path: Path) -> None:
    work = own_copy(quiet, tmp_path, "quiet")
    path = work / "quiet" / "_audit" / "run.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"documents":', b'"documents": ', 1))
    with pytest.raises(InputError, match="the record of the run in it is damaged"):
        batch.run(Cleaner.from_text(PACK), [str(work / "in")], str(work / "quiet"), options=OPTIONS)


# ------------------------------------------------------------------ faults


def test_bad_records_go_aside_and_stay(quiet: Path) -> None:
    bad = b'{"text": \n'
    assert (quiet / "quiet" / "big.jsonl").read_bytes().count(bad) == 1
    aside = quiet / "quiet" / "_audit" / "rejected"
    found = sorted(str(path.relative_to(aside)).partition("@")[0] for path in aside.rglob("*") if path.is_file())
    assert found == ["big.jsonl", "packed.jsonl.gz", "sub/other.jsonl"]
    assert all(path.read_bytes() == bad for path in aside.rglob("*") if path.is_file())
    failed = [failure for row in read_run(str(quiet / "quiet")).tasks.values() for failure in row.failed]
    assert [(failure.document.partition("#")[0], failure.flag) for failure in failed] == [
        (name, "malformed") for name in found
    ]
    place = int(next(failure.document for failure in failed if failure.document.startswith("big")).partition("#")[2])
    assert (quiet / "in" / "big.jsonl").read_bytes()[place:].startswith(bad)


def test_truncated_inputs(quiet: Path, tmp_path: Path) -> None:
    rnd = random.Random(3)
    for round_ in range(6):
        work = tmp_path / str(round_)
        work.mkdir()
        for path in ("packed.jsonl.gz", "rows.parquet", "big.jsonl"):
            data = (quiet / "in" / path).read_bytes()
            (work / path).write_bytes(data[: rnd.randrange(len(data))])
        out = work / "out"
        summary = batch.run(
            Cleaner.from_text(PACK), [str(p) for p in work.iterdir()], str(out), options=OPTIONS, jobs=0
        )
        assert summary.errors >= 2
        assert (out / "rows.parquet").read_bytes() == (work / "rows.parquet").read_bytes()
        assert any("packed.jsonl.gz" in f.document and "ends early, at byte" in f.detail for f in summary.failed)
        originals = [str(work / name) for name in ("packed.jsonl.gz", "rows.parquet", "big.jsonl")]
        assert batch.verify(str(out), originals, jobs=0) == []
        told = batch.restore(str(out), str(work / "back"), jobs=0)
        assert [line.partition("#")[0] for line in told] == ["packed.jsonl.gz"]
        assert (work / "back" / "big.jsonl").read_bytes() == (work / "big.jsonl").read_bytes()


# ------------------------------------------------------------------ quarantine

FLAGGING = (
    PACK
    + """
- id: borderline
  about: A text to look at
  do: flag
  match: {has: borderline}
  examples: [{flag: This is a borderline case.}, {keep: This is none.}]
"""
)
APART = batch.Options(task_bytes=60_000, quarantine=True)


def doubtful(number: int) -> bool:
    return number % 7 == 3 and number < 400


def make_doubtful(folder: Path) -> dict[str, object]:
    """A corpus of all formats, and what of it belongs in the quarantine, by name."""
    rnd = random.Random(5)
    bodies = [text + "\nA borderline case." * doubtful(number) for number, text in enumerate(texts(rnd, 700))]
    flagged = [number for number in range(700) if doubtful(number)]
    folder.mkdir()
    rows = [f'{{"n": {number},  "text": {json.dumps(text)}}}\n'.encode() for number, text in enumerate(bodies)]
    rows.insert(1, b'{"text": \n')
    (folder / "a.jsonl").write_bytes(b"".join(rows))
    apart = b"".join([rows[1], *(rows[number + 1] for number in flagged)])
    (folder / "a.jsonl.gz").write_bytes(gzip.compress(b"".join(rows), mtime=0))
    table = pa.table({"text": bodies, "n": range(700)}).replace_schema_metadata({"owner": "tests"})
    pq.write_table(table, folder / "a.parquet", row_group_size=40, compression="none")
    records = [f'{number},"{text}"\n'.encode() for number, text in enumerate(bodies)]
    (folder / "a.csv").write_bytes(b"".join([b"n,text\n", *records]))
    # The first part of it holds nothing that is flagged.
    (folder / "late.csv").write_bytes(b"".join([b"n,text\n", *records[400:], *records[400:], records[3]]))
    pages = [
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nContent-Length: {len(text)}\r\n\r\n{text}\r\n\r\n".encode()
        for kind, text in [("warcinfo", "software: x"), *(("conversion", text) for text in bodies)]
    ]
    (folder / "a.wet").write_bytes(b"".join(pages))
    (folder / "calm.jsonl").write_bytes(b'{"text": "He stayed."}\n')
    expected: dict[str, object] = {
        "a.jsonl": apart,
        "a.jsonl.gz": apart,
        "a.parquet": table.take(flagged),
        "a.csv": b"".join([b"n,text\n", *(records[number] for number in flagged)]),
        "late.csv": b"n,text\n" + records[3],
        "a.wet": b"".join([pages[0], *(pages[number + 1] for number in flagged)]),
        "notes/none.txt": b"caf\xe9",
    }
    (folder / "notes").mkdir()
    (folder / "notes" / "none.txt").write_bytes(b"caf\xe9")
    for number, text in enumerate(bodies[:60]):
        (folder / "notes" / f"{number}.txt").write_bytes(text.encode())
        if doubtful(number):
            expected[f"notes/{number}.txt"] = text.encode()
    return expected


def set_apart(out: Path) -> dict[str, object]:
    found: dict[str, object] = dict(tree(out / "_quarantine"))
    for name in found:
        if name.endswith(".gz"):
            found[name] = gzip.decompress(found[name])  # type: ignore[arg-type]
        elif name.endswith(".parquet"):
            found[name] = pq.read_table(out / "_quarantine" / name)
    return found


@pytest.fixture(scope="module")
def flagged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """A folder with a corpus and the output of a run with a quarantine, and what is expected in that."""
    work = tmp_path_factory.mktemp("quarantine")
    expected = make_doubtful(work / "in")
    batch.run(Cleaner.from_text(FLAGGING), [str(work / "in")], str(work / "out"), options=APART, jobs=1)
    assert sorted(read_run(str(work / "out")).joins) == ["a.csv", "a.jsonl", "a.parquet", "a.wet", "late.csv"]
    (work / "t.yaml").write_text(FLAGGING, encoding="utf-8")
    (work / "script.py").write_text(SCRIPT, encoding="utf-8")
    return work, expected


def test_flagged_documents_are_copied_as_they_were(flagged: tuple[Path, dict[str, object]], tmp_path: Path) -> None:
    work, expected = flagged
    found = set_apart(work / "out")
    assert found == expected
    assert found["a.parquet"].schema.metadata[b"owner"] == b"tests"  # type: ignore[attr-defined]
    plain = batch.Options(task_bytes=60_000)
    batch.run(Cleaner.from_text(FLAGGING), [str(work / "in")], str(tmp_path / "plain"), options=plain, jobs=0)
    kept = {name: data for name, data in tree(work / "out").items() if name.partition("/")[0] != "_quarantine"}
    without = tree(tmp_path / "plain")
    assert kept.keys() == without.keys()
    assert {name for name in kept if kept[name] != without[name]} == {"_audit/run.jsonl"}


def test_a_quarantine_does_not_stand_in_the_way_back(flagged: tuple[Path, dict[str, object]], tmp_path: Path) -> None:
    work, _ = flagged
    assert batch.verify(str(work / "out"), [str(work / "in")], jobs=0) == []
    assert batch.restore(str(work / "out"), str(tmp_path / "back"), jobs=0) == []
    before, back = tree(work / "in"), tree(tmp_path / "back")
    assert before.keys() == back.keys()
    assert {name for name in back if back[name] != before[name]} <= {"a.parquet", "a.jsonl.gz"}


@pytest.mark.parametrize("jobs", [0, 3])
def test_a_quarantine_with_any_number_of_workers(
    flagged: tuple[Path, dict[str, object]], tmp_path: Path, jobs: int
) -> None:
    work, _ = flagged
    batch.run(Cleaner.from_text(FLAGGING), [str(work / "in")], str(tmp_path / "out"), options=APART, jobs=jobs)
    assert tree(tmp_path / "out") == tree(work / "out")


class Stop(Exception):
    pass


def test_a_quarantine_in_a_run_that_is_stopped(
    flagged: tuple[Path, dict[str, object]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, _ = flagged
    clean = Cleaner.from_text(FLAGGING)
    out = str(tmp_path / "out")
    steps = 0

    def stop(step: batch.Step) -> None:
        nonlocal steps
        steps += 1
        if steps % 4 == 0:
            raise Stop

    for _ in range(100):
        try:
            batch.run(clean, [str(work / "in")], out, stop, options=APART, jobs=0)
            break
        except Stop:
            continue
    assert steps > 12
    assert tree(tmp_path / "out") == tree(work / "out")


@LINUX
def test_a_quarantine_in_a_run_that_is_killed(flagged: tuple[Path, dict[str, object]], tmp_path: Path) -> None:
    work, _ = flagged
    batch_out = tmp_path / "quiet"
    assert call(work, batch_out, 1, APART="1").returncode == 0
    assert set_apart(batch_out) == set_apart(work / "out")
    kill_and_go_on(work, batch_out, tmp_path, 5, APART="1")


@LINUX
def test_a_quarantine_and_a_full_disk(flagged: tuple[Path, dict[str, object]], tmp_path: Path) -> None:
    work, _ = flagged
    assert call(work, tmp_path / "quiet", 0, APART="1").returncode == 0
    done = call(work, tmp_path / "out", 2, APART="1", LIMIT="200000")
    assert (done.returncode, done.stderr) == (1, "failed: File too large\n")
    assert call(work, tmp_path / "out", 2, APART="1").returncode == 0
    assert tree(tmp_path / "out") == tree(tmp_path / "quiet")


def test_a_quarantine_that_is_damaged_or_not_up_to_date(
    flagged: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    work, _ = flagged
    for name in ("in", "out"):
        shutil.copytree(work / name, tmp_path / name)
    clean = Cleaner.from_text(FLAGGING)
    out = tmp_path / "out"
    aside = out / "_quarantine"
    for name in ("a.jsonl", "notes/3.txt"):
        (aside / name).unlink()
    (aside / "a.csv").write_bytes(b"")
    (aside / "b.txt").write_bytes(b"")
    assert sorted(batch.verify(str(out), jobs=0)) == [
        f"_quarantine/a.csv: the file has 0 bytes, {len((work / 'out/_quarantine/a.csv').read_bytes())} were written",
        "_quarantine/a.jsonl: the file of what was flagged is missing",
        "_quarantine/b.txt: the audit has no row for this file",
        "_quarantine/notes/3.txt: the file of what was flagged is missing",
    ]
    (aside / "b.txt").unlink()
    batch.run(clean, [str(work / "in")], str(out), options=APART, jobs=0)
    assert tree(out) == tree(work / "out")
    for name in ("a.jsonl", "notes/3.txt"):
        (tmp_path / "in" / name).write_bytes(b'{"text": "Nothing of note."}\n')
    (tmp_path / "in" / "a.csv").unlink()
    (tmp_path / "in" / "notes" / "10.txt").unlink()
    batch.run(clean, [str(tmp_path / "in")], str(out), options=APART, jobs=0)
    gone = {"a.jsonl", "a.csv", "notes/3.txt", "notes/10.txt"}
    assert tree(aside).keys() == tree(work / "out" / "_quarantine").keys() - gone
    assert batch.verify(str(out), [str(tmp_path / "in")], jobs=0) == []


def test_no_input_may_lie_where_the_quarantine_does(tmp_path: Path) -> None:
    (tmp_path / "in" / "_quarantine").mkdir(parents=True)
    (tmp_path / "in" / "_quarantine" / "a.txt").write_bytes(b"a")
    with pytest.raises(InputError, match="the name _quarantine is kept"):
        batch.run(Cleaner.from_text(PACK), [str(tmp_path / "in")], str(tmp_path / "out"))


# ------------------------------------------------------------------ questions to the audit


def test_the_documented_queries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {"text": "He left.\nShare\nShe stayed.", "url": "https://www.example.com/a"},
        {
            "text": "He left the building early.\nShare\nShe stayed on for the whole of the evening.",
            "url": "https://other.example/",
        },
        {"text": "Share\n" * 3 + "Words that are here to stay and to be counted.", "url": "https://www.example.com/b"},
    ]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    clean = Cleaner.from_text(PACK.replace("pack: t", "pack: social").replace("share-line", "share-label"))
    batch.run(clean, [str(tmp_path / "in.jsonl")], str(tmp_path / "out"))
    monkeypatch.chdir(tmp_path / "out")
    page = (Path(__file__).parents[1] / "docs" / "audit.md").read_text(encoding="utf-8")
    database = duckdb.connect()
    most, site, lost = (part.partition("```")[0] for part in page.split("```sql\n")[1:])
    assert database.execute(most).fetchall() == [("social/share-label", 5, 30)]
    assert database.execute(site).fetchall() == [
        ("https://www.example.com/a", 2, "Share\n", ""),
        *(("https://www.example.com/b", line, "Share\n", "") for line in (1, 2, 3)),
    ]
    assert [row[1:] for row in database.execute(lost).fetchall()] == [
        ("https://www.example.com/b", 64, 46, 0.281),
        ("https://www.example.com/a", 26, 20, 0.231),
    ]

"""Inputs that the system fails to read, at first or in the middle: told, counted, and tried again by the next run."""

import gzip
import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem  # type: ignore[import-untyped]

from cleaner import Cleaner
from cleaner.corpus import batch
from tests.samples import PACK

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs a file that cannot be read")
CLEANER = Cleaner.from_text(PACK)
TEXT = "He left.\nShare\nShe stayed."
OPTIONS = batch.Options(task_bytes=60_000, quarantine=True)


class _Failing(io.BytesIO):
    """A file of which only some bytes can be read, and no others."""

    def __init__(self, data: bytes, bad: range) -> None:
        super().__init__(data)
        self.bad = bad

    def read(self, size: int | None = -1, /) -> bytes:
        end = len(self.getvalue()) if size is None or size < 0 else self.tell() + size
        if self.tell() < self.bad.stop and end > self.bad.start:
            raise OSError(5, "Input/output error")
        return super().read(size)


class _Disk(MemoryFileSystem):  # type: ignore[misc]
    """A file system with bad places in some files."""

    protocol: ClassVar[str] = "bad"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    bad: ClassVar[dict[str, range]] = {}

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.removeprefix("bad://")))

    def _open(self, path: str, mode: str = "rb", **how: Any) -> Any:
        if mode != "rb":
            return super()._open(path, mode, **how)
        return _Failing(self.store[path].getvalue(), self.bad.get(path.rpartition("/")[2], range(0)))


@pytest.fixture
def bad(tmp_path: Path) -> Iterator[dict[str, range]]:
    """Where the files of ``bad://in``, which are those of `make`, cannot be read."""
    fsspec.register_implementation("bad", _Disk, clobber=True)
    make(tmp_path / "in")
    for path in (tmp_path / "in").iterdir():
        _Disk().pipe_file(f"/in/{path.name}", path.read_bytes())
    yield _Disk.bad
    _Disk.bad.clear()
    _Disk.store.clear()


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "_audit" not in path.parts
    }


def rows(count: int) -> bytes:
    return b"".join(json.dumps({"id": number, "text": TEXT}).encode() + b"\n" for number in range(count))


def make(folder: Path) -> None:
    folder.mkdir()
    lines = rows(900)
    (folder / "a.jsonl").write_bytes(lines)  # a task
    (folder / "b.jsonl").write_bytes(rows(3000))  # several
    (folder / "c.jsonl.gz").write_bytes(gzip.compress(lines, mtime=0))
    (folder / "d.csv").write_text("id,text\n" + f'1,"{TEXT}"\n' * 2000)
    wet = f"WARC/1.0\r\nWARC-Type: conversion\r\nContent-Length: {len(TEXT)}\r\n\r\n{TEXT}\r\n\r\n"
    (folder / "e.wet").write_text(wet * 2000, newline="")
    pq.write_table(pa.table({"text": [TEXT] * 2000}), folder / "f.parquet", row_group_size=500)
    (folder / "g.txt").write_text(TEXT)


@LINUX
@pytest.mark.parametrize("quarantine", [False, True])
@pytest.mark.parametrize("jobs", [0, 2])
def test_files_that_cannot_be_read_cost_no_other(tmp_path: Path, quarantine: bool, jobs: int) -> None:
    suffixes = ("txt", "jsonl", "csv", "wet", "parquet", "txt.gz", "jsonl.zst")
    (tmp_path / "in").mkdir()
    for suffix in suffixes:
        (tmp_path / "in" / f"a.{suffix}").symlink_to("/proc/self/mem")
    (tmp_path / "in" / "b.txt").write_text(TEXT)
    out = tmp_path / "out"
    options = batch.Options(quarantine=quarantine)
    summary = batch.run(CLEANER, [str(tmp_path / "in")], str(out), options=options, jobs=jobs)
    told = {Path(one.document).name: one.flag for one in summary.failed}
    assert told == {f"a.{suffix}": "unreadable" for suffix in suffixes}
    assert (summary.errors, contents(out)) == (len(suffixes), {"b.txt": b"He left.\nShe stayed."})
    assert batch.verify(str(out)) == []


@pytest.mark.parametrize("place", [0, 1_000, 70_000, 120_000])
def test_what_stands_before_a_bad_place_is_kept(tmp_path: Path, bad: dict[str, range], place: int) -> None:
    """A failure in the middle is told, costs what follows in its task alone, and is no word on the next run."""
    inputs = ["bad://in"]
    out, sound = tmp_path / "out", tmp_path / "sound"
    good = batch.run(CLEANER, inputs, str(sound), options=OPTIONS, jobs=0)
    sizes = {path.name: path.stat().st_size for path in (tmp_path / "in").iterdir()}
    bad.update({name: range(place, size) for name, size in sizes.items() if size > place})
    summary = batch.run(CLEANER, inputs, str(out), options=OPTIONS, jobs=0)
    failed = [one for one in summary.failed if one.flag == "unreadable"]
    assert {one.flag for one in summary.failed} <= {"unreadable", "malformed"}  # a record that is cut off
    assert {one.document.rpartition("/")[2].partition("#")[0] for one in failed} == set(bad)
    assert all("cannot be read" in one.detail and "Input/output error" in one.detail for one in failed)
    assert summary.errors == len(summary.failed)
    for name, data in contents(out).items():
        if name in bad and not name.endswith((".gz", ".parquet")):
            assert TEXT[-8:].encode() in data
            assert contents(sound)[name].startswith(data[: data.rindex(TEXT[-8:].encode())])
    assert batch.verify(str(out)) == []
    problems = batch.restore(str(out), str(tmp_path / "back"))
    assert len(problems) == summary.flags.get("unreadable", 0)
    assert all("is not in the clean file: " in problem and "/rejected/" not in problem for problem in problems)
    bad.clear()
    said: list[str] = []
    again = batch.run(CLEANER, inputs, str(out), options=OPTIONS, jobs=0, on_note=said.append)
    assert (again.errors, again.documents, contents(out)) == (0, good.documents, contents(sound))
    assert any("could not read is tried again" in note for note in said)
    assert batch.verify(str(out), inputs) == []


def test_a_bad_place_at_the_start_of_a_part(tmp_path: Path, bad: dict[str, range]) -> None:
    bad["b.jsonl"] = range(70_000, 100_000)  # in the second of three parts
    out = tmp_path / "out"
    summary = batch.run(CLEANER, ["bad://in/b.jsonl"], str(out), options=batch.Options(task_bytes=60_000), jobs=0)
    detail = "cannot be read from byte 59999 on: Input/output error"
    assert summary.failed == (batch.Failure("b.jsonl#59999", "unreadable", detail),)
    lines = (out / "b.jsonl").read_bytes().splitlines()
    ids = [json.loads(line)["id"] for line in lines]
    assert (ids[0], ids[-1], 1500 < len(ids) < 2500) == (0, 2999, True)
    assert batch.verify(str(out)) == []


def test_a_file_that_is_gone_before_its_last_part_is_not_there_at_all(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    file, away = tmp_path / "in" / "b.jsonl", tmp_path / "b.jsonl"
    file.write_bytes(rows(3000) + b"broken\n")
    (tmp_path / "in" / "c.txt").write_text(TEXT)
    out, options = tmp_path / "out", batch.Options(task_bytes=60_000, quarantine=True)

    def change(step: batch.Step) -> None:
        if step.documents > 1500:
            with suppress(FileNotFoundError):
                file.rename(away)

    for before in (False, True):
        if before:  # what an earlier run made of it goes
            batch.run(CLEANER, [str(tmp_path / "in")], str(out), options=options, jobs=0)
            assert sorted(contents(out)) == ["_quarantine/b.jsonl", "b.jsonl", "c.txt"]
            os.utime(file)
        summary = batch.run(CLEANER, [str(tmp_path / "in")], str(out), change, options=options, jobs=0)
        assert [(one.document, one.flag) for one in summary.failed] == [(str(file), "unreadable")]
        assert (summary.documents, summary.errors, sorted(contents(out))) == (1, 1, ["c.txt"])
        assert batch.verify(str(out)) == []
        assert batch.restore(str(out), str(tmp_path / f"back-{before}")) == []
        away.rename(file)
    batch.run(CLEANER, [str(tmp_path / "in")], str(out), options=options, jobs=0)
    assert batch.verify(str(out), [str(tmp_path / "in")]) == []
    (out / "b.jsonl").unlink()
    problems = batch.verify(str(out))
    assert problems
    assert all(problem.endswith("the clean file cannot be read: No such file or directory") for problem in problems)

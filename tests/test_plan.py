"""Files in parts: what is cut is what there was, whoever takes which part."""

import gzip
import io
import json
import random
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from cleaner.corpus import batch, streams
from cleaner.corpus.files import Source
from cleaner.corpus.formats import common, csv_lines, format_of, wet
from cleaner.corpus.journal import read_run
from cleaner.corpus.plan import Cut, cut, is_surveyed, survey
from cleaner.corpus.records import Fields, Input, Record
from cleaner.corpus.streams import split_name
from cleaner.engine import Cleaner
from tests import hostile
from tests.samples import PACK

STEP = 6_000
OPTIONS = batch.Options(task_bytes=STEP)
Maker = Callable[[random.Random], bytes]
CLEANER = Cleaner.from_text(PACK)


def source_of(path: Path) -> Source:
    return Source(str(path), path.name, path.stat().st_size)


def cuts_of(path: Path, step: int) -> Sequence[Cut]:
    if path.name.endswith(".jsonl"):
        return [Cut(place, (place, place)) for place in range(step, path.stat().st_size, step)]
    return survey(source_of(path), step)


def records(path: Path, step: int | None) -> Iterator[Record]:
    """The records of a file, in parts cut about every `step` bytes, or in one go."""
    cuts = cuts_of(path, step) if step else ()
    starts: list[Any] = [(0, (0, 0)), *((one.start, one.seek) for one in cuts)]
    ends = [*(one.start for one in cuts), None]
    for (start, seek), end in zip(starts, ends, strict=True):
        with path.open("rb") as handle:
            yield from format_of(path.name).read(
                Input(handle, split_name(path.name)[1], Fields(encoding="utf-8"), start, end, seek)
            )


def in_members(maker: Callable[[random.Random], bytes], compress: Callable[[bytes], bytes]) -> Maker:
    """A maker of compressed files whose members end anywhere; some are damaged."""

    def make(rnd: random.Random) -> bytes:
        data = maker(rnd)
        ends = sorted(rnd.randrange(len(data) + 1) for _ in range(rnd.randint(0, 12)))
        return hostile.cut(rnd, b"".join(compress(data[a:b]) for a, b in pairwise([0, *ends, len(data)])))

    return make


FILES: dict[str, Maker] = {
    ".jsonl": hostile.json_lines,
    ".csv": hostile.comma_separated,
    ".wet": hostile.wet,
    ".wet.gz": hostile.MAKERS[".wet.gz"],
    ".jsonl.gz": in_members(hostile.json_lines, lambda data: gzip.compress(data, mtime=0)),
    ".csv.zst": in_members(hostile.comma_separated, zstandard.compress),
    ".wet.zst": in_members(hostile.wet, zstandard.compress),
}


@pytest.mark.parametrize("suffix", FILES)
@pytest.mark.parametrize("longest", [300, streams.MAX_RECORD])
def test_parts_of_hostile_files(
    suffix: str, longest: int, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (streams, common, csv_lines, wet):
        monkeypatch.setattr(module, "MAX_RECORD", longest)
    folder = tmp_path_factory.mktemp("parts")
    cuts = 0

    @settings(max_examples=150)
    @given(st.integers(0, 10**9), st.integers(1, 400))
    def check(seed: int, step: int) -> None:
        nonlocal cuts
        path = folder / f"a{suffix}"
        path.write_bytes(FILES[suffix](random.Random(seed)))
        cuts += len(cuts_of(path, step))
        assert list(records(path, step)) == list(records(path, None))

    check()
    assert cuts


# ------------------------------------------------------------------ whole runs


def members(pieces: list[bytes], compress: Callable[[bytes], bytes]) -> bytes:
    return b"".join(map(compress, pieces))


def stored(data: bytes) -> bytes:
    return gzip.compress(data, 0, mtime=0)


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def made() -> dict[str, bytes]:
    """Large files, by name; what compresses is as large as what it compresses."""
    rnd = random.Random(4)
    lines = ["Share", "The council met, and agreed a “budget”.", "A US -backed plan; it was late.", "", 'He said "no".']
    bodies = ["\n".join(rnd.choices(lines, k=rnd.randint(1, 12))) for _ in range(600)]
    rows = [json.dumps({"n": rnd.randbytes(40).hex(), "text": text}).encode() + b"\n" for text in bodies]
    cells = [
        b'%d,"%b"\n' % (number, text.replace('"', '""').encode()) if "\n" in text else b"%d,plain\n" % number
        for number, text in enumerate(bodies)
    ]
    pages = [
        b"WARC/1.0\r\nWARC-Type: %b\r\nContent-Length: %d\r\n\r\n%b\r\n\r\n" % (kind, len(text), text)
        for kind, text in [(b"warcinfo", b"software: x"), *((b"conversion", text.encode()) for text in bodies)]
    ]
    table = b"".join([b"id,text\r\n", *cells])
    fast = zstandard.ZstdCompressor(level=1)
    return {
        "a.csv": table,
        "b.wet": b"".join(pages),
        "c.wet.gz": members(pages, stored),
        "d.jsonl.gz": members([b"".join(rows[at : at + 20]) for at in range(0, 600, 20)], stored),
        "e.jsonl.gz": members(pieces(b"".join(rows), 500), stored),  # as bgzip does it: members end anywhere
        "f.jsonl.zst": members([b"".join(rows[at : at + 5]) for at in range(0, 600, 5)], fast.compress),
        "g.csv.gz": members(pieces(table, 700), stored),
        "h.jsonl.gz": stored(b"".join(rows)),
        "i.wet.gz": stored(b"".join(pages)),
    }


ONE_MEMBER = {"h.jsonl.gz", "i.wet.gz"}


def unpacked(path: Path) -> bytes:
    with path.open("rb") as handle:
        found = list(streams.blocks(handle, split_name(path.name)[1]))
    assert all(isinstance(block, bytes) for block in found)
    return b"".join(block for block in found if isinstance(block, bytes))


@pytest.fixture(scope="module")
def cleaned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with large files, and what became of them in parts and in one piece each."""
    work = tmp_path_factory.mktemp("plan")
    (work / "in").mkdir()
    for name, data in made().items():
        (work / "in" / name).write_bytes(data)
    batch.run(CLEANER, [str(work / "in")], str(work / "parts"), options=OPTIONS, jobs=0)
    batch.run(CLEANER, [str(work / "in")], str(work / "whole"), jobs=0)
    return work


def test_parts_give_what_the_whole_gives(cleaned: Path) -> None:
    tasks: dict[str, int] = {}
    for row in read_run(str(cleaned / "parts")).tasks.values():
        assert row.part == (row.files[0].name not in ONE_MEMBER)
        tasks[row.files[0].name] = tasks.get(row.files[0].name, 0) + 1
    assert tasks.keys() == made().keys()
    assert {name for name, count in tasks.items() if count == 1} == ONE_MEMBER
    assert all(count > 5 for name, count in tasks.items() if name not in ONE_MEMBER)
    assert len(read_run(str(cleaned / "whole")).tasks) == 1
    for name in made():
        assert unpacked(cleaned / "parts" / name) == unpacked(cleaned / "whole" / name), name
    assert list(batch.audit_lines(str(cleaned / "parts"))) == list(batch.audit_lines(str(cleaned / "whole")))


def test_parts_are_the_same_for_any_number_of_workers(cleaned: Path, tmp_path: Path) -> None:
    batch.run(CLEANER, [str(cleaned / "in")], str(tmp_path / "out"), options=OPTIONS, jobs=3)
    assert files(tmp_path / "out") == files(cleaned / "parts")


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("jobs", [0, 2])
def test_the_way_back_from_parts(cleaned: Path, tmp_path: Path, jobs: int) -> None:
    assert batch.verify(str(cleaned / "parts"), [str(cleaned / "in")], jobs=jobs) == []
    assert batch.restore(str(cleaned / "parts"), str(tmp_path / "back"), jobs=jobs) == []
    for name in made():
        assert unpacked(tmp_path / "back" / name) == unpacked(cleaned / "in" / name), name
    assert files(tmp_path / "back").keys() == made().keys()


def test_a_changed_part_is_noticed(cleaned: Path, tmp_path: Path) -> None:
    path = cleaned / "parts" / "b.wet"
    data = path.read_bytes()
    at = data.rindex(b"WARC-Type: conv")
    try:
        path.write_bytes(data[:at] + b"w" + data[at + 1 :])
        assert batch.verify(str(cleaned / "parts"), jobs=0) == ["b.wet: a clean file was changed outside the texts"]
    finally:
        path.write_bytes(data)


def test_files_are_looked_at_once(cleaned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(handle: io.BufferedReader, codec: str) -> bool:
        raise AssertionError("looked at again")

    before = files(cleaned / "parts")
    monkeypatch.setattr("cleaner.corpus.plan.has_members", refuse)
    done = batch.run(CLEANER, [str(cleaned / "in")], str(cleaned / "parts"), options=OPTIONS, jobs=0)
    assert done.reused == done.tasks
    assert files(cleaned / "parts") == before


def test_sizes_of_tasks_add_up(cleaned: Path) -> None:
    found = [source_of(cleaned / "in" / name) for name in made()]
    surveys = {source.name: survey(source, STEP) for source in found if is_surveyed(source, OPTIONS)}
    assert len(surveys) == len(found)
    assert sum(task.size for task in cut(found, OPTIONS, surveys)) == sum(source.size for source in found)

"""There and back in every format: a run, its verification, and the originals restored from it, text by text.

    python benchmarks/roundtrip.py [--texts 8544] [--jobs 2] [--folder DIR]

Writes the texts (all labelled ones where CLEANER_QUALITY names them, else made ones) in each format, cleans, verifies
and restores, and compares what came back: text files byte for byte, of the others each record's text and every other
field. Ends with 1 where one differs.
"""

import argparse
import csv
import gzip
import io
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from texts import made_texts, quality_file

from cleaner.corpus import batch
from cleaner.engine import Cleaner

Rows = list[tuple[str, str]]  # id, text


def every_text(count: int) -> list[str]:
    path = quality_file()
    if path is None:
        return made_texts(count)
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line)["text"] for line in file][:count]


def write_files(path: Path, rows: Rows) -> None:
    for number, (name, text) in enumerate(rows):
        folder = path / str(number // 1000)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.txt").write_bytes(text.encode())


def read_files(path: Path) -> Rows:
    found = sorted(path.rglob("*.txt"), key=lambda one: int(one.stem))
    return [(one.stem, one.read_bytes().decode()) for one in found]


def json_lines(rows: Rows) -> bytes:
    made = [json.dumps({"id": name, "text": text, "n": 1.50}, ensure_ascii=False) for name, text in rows]
    return "".join(f"{line}\n" for line in made).encode()


def from_json_lines(data: bytes) -> Rows:
    found = [json.loads(line) for line in data.split(b"\n") if line]
    assert all(row["n"] == 1.5 for row in found)
    return [(row["id"], row["text"]) for row in found]


def table(rows: Rows) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([("id", "text", "n"), *((name, text, "1.50") for name, text in rows)])
    return out.getvalue().encode()


def from_table(data: bytes) -> Rows:
    csv.field_size_limit(2**30)
    names, *found = csv.reader(io.StringIO(data.decode(), newline=""))
    assert names == ["id", "text", "n"]
    assert all(row[2] == "1.50" for row in found)
    return [(row[0], row[1]) for row in found]


def pages(rows: Rows) -> list[bytes]:
    form = b"WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Record-ID: %b\r\nContent-Length: %d\r\n\r\n%b\r\n\r\n"
    return [form % (name.encode(), len(data := text.encode()), data) for name, text in rows]


def from_pages(data: bytes) -> Rows:
    found, at = [], 0
    while at < len(data):
        end = data.index(b"\r\n\r\n", at) + 4
        fields = dict(line.split(b": ") for line in data[at:end].split(b"\r\n")[1:-2])
        size = int(fields[b"Content-Length"])
        found.append((fields[b"WARC-Record-ID"].decode(), data[end : end + size].decode()))
        at = end + size + 4
    return found


def write_parquet(path: Path, rows: Rows) -> None:
    names, bodies = zip(*rows, strict=True)
    pq.write_table(pa.table({"id": names, "text": bodies, "n": [1.5] * len(rows)}), path, row_group_size=500)


def read_parquet(path: Path) -> Rows:
    found = pq.read_table(path).to_pylist()
    assert all(row["n"] == 1.5 for row in found)
    return [(row["id"], row["text"]) for row in found]


def members(rows: Rows) -> bytes:
    return b"".join(gzip.compress(json_lines(rows[at : at + 100])) for at in range(0, len(rows), 100))


def unpack_zstd(data: bytes) -> bytes:
    return zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True).read()


Write = Callable[[Path, Rows], object]
Read = Callable[[Path], Rows]
FORMATS: dict[str, tuple[Write, Read]] = {
    "txt": (write_files, read_files),
    "a.jsonl": (lambda path, rows: path.write_bytes(json_lines(rows)), lambda path: from_json_lines(path.read_bytes())),
    "a.jsonl.gz": (
        lambda path, rows: path.write_bytes(members(rows)),
        lambda path: from_json_lines(gzip.decompress(path.read_bytes())),
    ),
    "a.jsonl.zst": (
        lambda path, rows: path.write_bytes(zstandard.compress(json_lines(rows))),
        lambda path: from_json_lines(unpack_zstd(path.read_bytes())),
    ),
    "a.csv": (lambda path, rows: path.write_bytes(table(rows)), lambda path: from_table(path.read_bytes())),
    "a.csv.gz": (
        lambda path, rows: path.write_bytes(gzip.compress(table(rows))),
        lambda path: from_table(gzip.decompress(path.read_bytes())),
    ),
    "a.wet": (lambda path, rows: path.write_bytes(b"".join(pages(rows))), lambda path: from_pages(path.read_bytes())),
    "a.wet.gz": (
        lambda path, rows: path.write_bytes(b"".join(map(gzip.compress, pages(rows)))),
        lambda path: from_pages(gzip.decompress(path.read_bytes())),
    ),
    "a.parquet": (write_parquet, read_parquet),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=10**6 if quality_file() else 1000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="cleaner-roundtrip-", dir=options.folder))
    clean = Cleaner("default")
    rows = [(str(number), text) for number, text in enumerate(every_text(options.texts))]
    wrong = 0
    print(
        f"{'format':<12}{'texts':>8}{'changed':>9}{'run s':>8}{'verify s':>10}{'restore s':>11}{'problems':>10}{'differ':>8}"
    )
    try:
        for name, (write, read) in FORMATS.items():
            given, out, back = (folder / part for part in ("in", "out", "back"))
            given.mkdir()
            write(given / name, rows)
            times = [time.monotonic()]
            done = batch.run(clean, [str(given)], str(out), jobs=options.jobs)
            times.append(time.monotonic())
            problems = batch.verify(str(out), [str(given)], jobs=options.jobs)
            times.append(time.monotonic())
            problems += batch.restore(str(out), str(back), jobs=options.jobs)
            times.append(time.monotonic())
            found = read(back / name)
            differ = sum(one != other for one, other in zip(rows, found, strict=False)) + abs(len(rows) - len(found))
            if name == "txt":
                differ += read(given / name) != found
            wrong += differ + len(problems) + done.errors + (done.documents != len(rows))
            seconds = [after - before for before, after in pairwise(times)]
            print(
                f"{name:<12}{done.documents:>8,}{done.changed:>9,}{seconds[0]:>8.1f}{seconds[1]:>10.1f}{seconds[2]:>11.1f}"
                f"{len(problems):>10}{differ:>8}",
                flush=True,
            )
            for path in (given, out, back):
                shutil.rmtree(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()

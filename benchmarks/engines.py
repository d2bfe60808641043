"""The same texts through `cleaner run` and every engine: throughput, and its ratio to that of `cleaner run`.

    python benchmarks/engines.py [--megabytes 100] [--jobs 2] [--engines run ray] [--folder DIR]

Makes Parquet files of the texts under DIR and cleans them once with each engine, in a process of its own and with the
same number of workers. The time from the first row read to the last one written counts, start-up (imports, a JVM, a
cluster) is told apart. Where a ratio is under 0.7, the time is split up. Figures go to benchmarks/runs/DATE/engines.json.

    python benchmarks/engines.py one ENGINE INPUT OUT [--jobs 2] [--pack NAME] [--outcome FILE]

cleans the Parquet files in the folder INPUT with one engine, prints its seconds as JSON, and writes what came of each
document to FILE, as JSON Lines in the order of the ids.
"""

import argparse
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LOW = 0.7  # below this ratio to `cleaner run` one wants to know why
FILES = 8


@dataclass(frozen=True, slots=True)
class Task:
    """Which Parquet files to clean, with which packs, to where, and with how many workers."""

    folder: Path
    out: Path
    packs: list[str]
    jobs: int


Mark = Callable[[str], None]  # is told the name of the phase that has just ended


@dataclass(frozen=True, slots=True)
class Engine:
    """How to clean with an engine, and how to read what it wrote: (id, text, edits, flags) of each document."""

    run: Callable[[Task, Mark], None]
    read: Callable[[Path], Iterator[tuple[str, Any, Any, Any]]]


# ------------------------------------------------------------------ engines: start, then clean


def with_cleaner_run(task: Task, mark: Mark) -> None:
    from cleaner import Cleaner
    from cleaner.corpus.batch import run

    cleaner = Cleaner(*task.packs)
    mark("start")
    run(cleaner, [str(task.folder)], str(task.out), jobs=task.jobs)
    mark("clean")


def with_ray(task: Task, mark: Mark) -> None:
    import ray

    from cleaner import Cleaner
    from cleaner.integrations.ray import clean_dataset

    cleaner = Cleaner(*task.packs)
    # A pool of fixed size keeps its cores: one more is for reading and writing, or nothing would ever be read.
    ray.init(num_cpus=task.jobs + 1, include_dashboard=False, log_to_driver=False)
    mark("start")
    actors = ray.data.ActorPoolStrategy(size=task.jobs)
    clean_dataset(ray.data.read_parquet(str(task.folder)), cleaner, compute=actors).write_parquet(str(task.out))
    mark("clean")
    ray.shutdown()


def with_spark(task: Task, mark: Mark) -> None:
    from pyspark.sql import SparkSession

    from cleaner import Cleaner
    from cleaner.integrations.spark import clean_dataframe

    cleaner = Cleaner(*task.packs)
    builder = SparkSession.builder.master(f"local[{task.jobs},4]").config("spark.ui.enabled", "false")
    spark = (
        builder.config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1").getOrCreate()
    )
    mark("start")
    clean_dataframe(spark.read.parquet(str(task.folder)), cleaner).write.parquet(str(task.out))
    mark("clean")
    spark.stop()


def with_datasets(task: Task, mark: Mark) -> None:
    import datasets

    from cleaner import Cleaner
    from cleaner.integrations.datasets import clean_dataset

    cleaner = Cleaner(*task.packs)
    files = sorted(map(str, task.folder.glob("*.parquet")))
    mark("start")
    dataset = datasets.Dataset.from_parquet(files, cache_dir=str(task.out.with_suffix(".cache")))
    task.out.mkdir()
    clean_dataset(dataset, cleaner, num_proc=task.jobs).to_parquet(task.out / "clean.parquet")
    mark("clean")


def with_datatrove(task: Task, mark: Mark) -> None:
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.readers import ParquetReader
    from datatrove.pipeline.writers import JsonlWriter

    from cleaner import Cleaner
    from cleaner.integrations.datatrove import CleanText

    cleaner = Cleaner(*task.packs)
    mark("start")
    clean = CleanText(cleaner, str(task.out / "audit"))
    pipeline = [ParquetReader(str(task.folder)), clean, JsonlWriter(str(task.out / "clean"))]
    files = len(list(task.folder.glob("*.parquet")))
    LocalPipelineExecutor(pipeline, tasks=files, workers=task.jobs, logging_dir=str(task.out / "logs")).run()
    mark("clean")


# ------------------------------------------------------------------ what they wrote


def read_run(out: Path) -> Iterator[tuple[str, Any, Any, Any]]:
    """Read the output and the audit of `cleaner run`."""
    import pyarrow.parquet as pq

    from cleaner.audit import read
    from cleaner.corpus.batch import audit_lines

    files = sorted(out.glob("*.parquet"))
    rows = (row for file in files for row in pq.ParquetFile(file).read(columns=["id", "text"]).to_pylist())
    yield from with_audit(rows, read(audit_lines(str(out))))


def read_datatrove(out: Path) -> Iterator[tuple[str, Any, Any, Any]]:
    """Read the output and the audit of the pipeline; its reader has passed over what has no text."""
    from cleaner.integrations.datatrove import read_audit

    lines = (
        line
        for file in sorted((out / "clean").glob("*.gz"))
        for line in gzip.decompress(file.read_bytes()).splitlines()
    )
    yield from with_audit(map(json.loads, lines), read_audit(str(out / "audit")))


def with_audit(rows: Iterable[Any], entries: Iterable[Any]) -> Iterator[tuple[str, Any, Any, Any]]:
    """Yield documents with what an audit that stands apart says of them."""
    import msgspec

    from cleaner.audit import DocumentRow, Entry

    audit = {}
    for entry in entries:
        if isinstance(entry, Entry) and isinstance(entry.document, DocumentRow):
            edits = [msgspec.to_builtins(row) for row in entry.edits]
            for edit in edits:
                del edit["type"], edit["document"]
            assert entry.document.id not in audit, f"{entry.document.id} is in the audit twice"
            audit[entry.document.id] = edits, msgspec.to_builtins(entry.document.flags)
    for row in rows:
        yield row["id"], row["text"], *audit.pop(row["id"], (None, None))
    assert not audit, f"the audit has documents that the output has not: {list(audit)[:3]}"


def read_parquet(out: Path) -> Iterator[tuple[str, Any, Any, Any]]:
    """Read Parquet files with the column `audit`."""
    import pyarrow.parquet as pq

    for file in sorted(out.glob("*.parquet")):
        for row in pq.ParquetFile(file).read(columns=["id", "text", "audit"]).to_pylist():
            audit = row["audit"] or {"edits": None, "flags": None}
            for edit in audit["edits"] or ():
                edit["evidence"] = [json.loads(evidence) for evidence in edit["evidence"]]
            yield row["id"], row["text"], audit["edits"], audit["flags"]


ENGINES = {
    "run": Engine(with_cleaner_run, read_run),
    "ray": Engine(with_ray, read_parquet),
    "spark": Engine(with_spark, read_parquet),
    "datasets": Engine(with_datasets, read_parquet),
    "datatrove": Engine(with_datatrove, read_datatrove),
}

# ------------------------------------------------------------------ one engine, in this process


def one(options: argparse.Namespace) -> None:
    """Clean with one engine; print the seconds of its phases."""
    engine = ENGINES[options.engine]
    seconds: dict[str, float] = {}
    before = time.perf_counter()

    def mark(phase: str) -> None:
        nonlocal before
        now = time.perf_counter()
        seconds[phase], before = now - before, now

    engine.run(Task(options.input, options.out, options.pack, options.jobs), mark)
    mark("stop")
    if options.outcome:
        found = sorted(engine.read(options.out), key=lambda row: row[0])
        with open(options.outcome, "w", encoding="utf-8") as handle:
            handle.writelines(json.dumps(row, sort_keys=True) + "\n" for row in found)
    print(json.dumps(seconds), flush=True)


def environment() -> dict[str, str]:
    """Return the environment for an engine: workers use this Python and this checkout, and nothing calls home."""
    root = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    return os.environ | {
        "PYTHONPATH": path,
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "RAY_USAGE_STATS_ENABLED": "0",
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    }


# ------------------------------------------------------------------ all of them, compared


def make_input(folder: Path, megabytes: float) -> tuple[int, int]:
    """Write texts as Parquet files; return the number of documents and of bytes in them."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from texts import texts

    made = texts(1200)
    average = sum(len(text.encode()) for text in made) / len(made)
    count = max(FILES, round(megabytes * 1e6 / average))
    folder.mkdir()
    size = 0
    for file in range(FILES):
        numbers = range(file, count, FILES)
        rows = [f"{number}\n{made[number % len(made)]}" for number in numbers]
        size += sum(len(row.encode()) for row in rows)
        urls = [f"https://site{number % 997}.example.com/{number}" for number in numbers]
        table = pa.table({"id": [str(number) for number in numbers], "url": urls, "text": rows})
        pq.write_table(table, folder / f"{file}.parquet", row_group_size=1000)
    return count, size


def alone(folder: Path, packs: list[str]) -> tuple[float, float]:
    """Return the seconds that one core takes to compile the rules as workers do, and to clean everything."""
    import pyarrow.parquet as pq

    from cleaner import Cleaner
    from cleaner.integrations.arrow import clean_arrow

    text = Cleaner(*packs).to_resolved()
    begun = time.perf_counter()
    cleaner = Cleaner.from_resolved(text)
    compiled = time.perf_counter()
    for file in sorted(folder.glob("*.parquet")):
        clean_arrow(pq.read_table(file), cleaner)
    return compiled - begun, time.perf_counter() - compiled


def measure(name: str, folder: Path, out: Path, options: argparse.Namespace) -> dict[str, float]:
    """Run an engine in a process of its own; return the seconds of its phases."""
    command = [sys.executable, __file__, "one", name, str(folder), str(out), "--jobs", str(options.jobs)]
    for pack in options.pack:
        command += ["--pack", pack]
    log = out.with_suffix(".log")
    with open(log, "wb") as errors:
        done = subprocess.run(command, env=environment(), stdout=subprocess.PIPE, stderr=errors, check=False)
    if done.returncode:
        sys.exit(f"{name} failed:\n{log.read_text(encoding='utf-8', errors='replace')[-4000:]}")
    seconds: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return seconds


def compare(options: argparse.Namespace) -> None:
    """Measure the engines in one run, print and write the figures."""
    from setting import in_one_line, machine, run_folder

    here = machine()
    folder = Path(tempfile.mkdtemp(prefix="cleaner-engines-", dir=options.folder))
    try:
        documents, size = make_input(folder / "input", options.megabytes)
        compiling, cleaning = alone(folder / "input", options.pack)
        print(in_one_line(here))
        print(f"{documents:,} documents, {size / 1e6:.1f} MB, {options.jobs} workers; one core alone: {cleaning:.1f} s")
        print(f"{'engine':<12}{'start':>8}{'clean':>8}{'docs/s':>10}{'MB/s':>8}{'ratio':>8}")
        found: dict[str, dict[str, float]] = {}
        names = ["run", *(name for name in options.engines if name != "run")]
        for name in names:
            seconds = measure(name, folder / "input", folder / name, options)
            base = found["run"]["clean_seconds"] if found else seconds["clean"]
            found[name] = {
                "start_seconds": seconds["start"],
                "clean_seconds": seconds["clean"],
                "documents_per_second": documents / seconds["clean"],
                "megabytes_per_second": size / 1e6 / seconds["clean"],
                "ratio": base / seconds["clean"],
            }
            told = found[name]
            print(
                f"{name:<12}{told['start_seconds']:>8.1f}{told['clean_seconds']:>8.1f}"
                f"{told['documents_per_second']:>10,.0f}{told['megabytes_per_second']:>8.2f}{told['ratio']:>8.2f}",
                flush=True,
            )
            if told["ratio"] < LOW:
                share = cleaning / options.jobs
                rest = seconds["clean"] - share - compiling
                print(
                    f"    of {seconds['clean']:.1f} s: cleaning {share:.1f} (what one core alone takes, divided), compiling "
                    f"the rules {compiling:.1f}, the engine {rest:.1f}; before them, its start {seconds['start']:.1f}"
                )
            shutil.rmtree(folder / name, ignore_errors=True)
        result = {
            "machine": here,
            "documents": documents,
            "bytes": size,
            "jobs": options.jobs,
            "packs": options.pack,
            "one_core": {"compile_seconds": compiling, "clean_seconds": cleaning},
            "engines": found,
        }
        target = run_folder() / "engines.json"
        target.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        print(f"written to {target}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--pack", action="append", help="(default: default)")
    if sys.argv[1:2] == ["one"]:
        parser.add_argument("one", choices=["one"])
        parser.add_argument("engine", choices=ENGINES)
        parser.add_argument("input", type=Path)
        parser.add_argument("out", type=Path)
        parser.add_argument("--outcome", type=Path)
        work = one
    else:
        parser.add_argument("--megabytes", type=float, default=100)
        parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
        parser.add_argument("--folder", type=Path, default=None, help="where to put the files for a while")
        work = compare
    options = parser.parse_args()
    options.pack = options.pack or ["default"]
    work(options)


if __name__ == "__main__":
    main()

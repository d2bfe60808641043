"""Speed in MB/s and, what counts, as ratios within one run.

    python benchmarks/speed.py [--quick] [--texts 1200] [--rounds 5] [--out FOLDER]

Every stage goes over the same texts in turn, round after round, so that a machine that slows down slows all
of them; the medians of the processor time are printed. Peers, each in an environment of its own (`make peers`), do the same on
every fourth text. Then come the curves and the cases of `curves.py`. Writes speed.json, and plots where matplotlib is installed
(the extra `bench`), to FOLDER (default: benchmarks/runs/DATE). CLEANER_QUALITY may name labelled texts (JSON Lines, gzip) to
measure on.

`--quick` measures little of all, in less than a minute: whether it works, not how fast.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import curves
import msgspec
from setting import machine, run_folder
from texts import quality_file, texts

from cleaner import Cleaner
from cleaner.audit import document_rows, encode_row
from cleaner.corpus import batch
from cleaner.rules import load

ROOT = Path(__file__).parents[1]
SPLIT = "split and hash every line"
CLEANED = "default pack, JSON Lines and audit"
OURS = "cleaner run, to files"


@dataclass(frozen=True, slots=True)
class Peer:
    """A tool that does a part of what we do: its environment, and its script in benchmarks/peers."""

    environment: str
    script: str

    @property
    def command(self) -> list[str]:
        python = ROOT / "build" / "peers" / self.environment / "bin" / "python"
        return [str(python), str(ROOT / "benchmarks" / "peers" / f"{self.script}.py")]


PEERS = {
    "datatrove: ftfy, C4's line rules": Peer("datatrove", "datatrove_lines"),
    "data-juicer: four mappers": Peer("data-juicer", "data_juicer_mappers"),
    "clean-text: defaults": Peer("clean-text", "clean_text_defaults"),
}


def split_and_hash(rows: list[bytes]) -> int:
    """The least that any line cleaner must do."""
    return sum(len({hash(line) for line in msgspec.json.decode(row)["text"].split("\n")}) for row in rows)


def clean_all(clean: Cleaner) -> Callable[[list[bytes]], int]:
    """JSON Lines to JSON Lines with a full audit."""

    def run(rows: list[bytes]) -> int:
        size = 0
        for row in rows:
            record = msgspec.json.decode(row)
            text = record["text"]
            result = clean(text)
            record["text"] = result.text
            size += len(msgspec.json.encode(record))
            original, cleaned = text.encode(), result.text.encode()
            for audited in document_rows("d", "d", "utf-8", result, original=original, clean=cleaned):
                size += len(encode_row(audited))
        return size

    return run


def clean_only(clean: Cleaner) -> Callable[[list[bytes]], int]:
    """The engine alone."""
    return lambda rows: sum(len(clean(msgspec.json.decode(row)["text"]).edits) for row in rows)


def stages() -> dict[str, Callable[[list[bytes]], int]]:
    """Return what is measured in this process, by name."""
    return {
        SPLIT: split_and_hash,
        "core pack": clean_only(Cleaner("core")),
        "default pack": clean_only(Cleaner("default")),
        CLEANED: clean_all(Cleaner("default")),
    }


def median_speeds(size: float, seconds: Mapping[str, list[float]]) -> dict[str, float]:
    """Return MB/s by name, from the seconds of each round for `size` MB."""
    return {name: round(size / statistics.median(times), 3) for name, times in seconds.items() if times}


def measure_stages(rows: list[bytes], rounds: int) -> dict[str, float]:
    """Return MB/s of each stage."""
    seconds: dict[str, list[float]] = {}
    made = stages()
    for _ in range(rounds):
        for name, stage in made.items():
            start = time.process_time()
            stage(rows)
            seconds.setdefault(name, []).append(time.process_time() - start)
    return median_speeds(sum(map(len, rows)) / 1e6, seconds)


# ------------------------------------------------------------------ peers


def start_peer(peer: Peer, source: Path, stack: ExitStack) -> "subprocess.Popen[str]":
    """Start a peer, which tells when it is ready for rounds."""
    # Some install what they miss while they run: they must not.
    environment = os.environ | {"PIP_NO_INDEX": "1", "UV_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [*peer.command, str(source), str(source.with_suffix(f".{peer.environment}"))],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    stack.enter_context(process)
    stack.callback(process.kill)
    return process


def told(process: "subprocess.Popen[str]") -> dict[str, float]:
    """Return the next line of JSON that a peer prints."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"a peer ended with code {process.wait()}; run its script in benchmarks/peers to see why")
    found: dict[str, float] = json.loads(line)
    return found


def run_to_files(cleaner: Cleaner, source: Path) -> float:
    """Return the seconds that a run takes, from JSON Lines to JSON Lines and audit, in this process."""
    out = source.with_suffix(".clean")
    start = time.process_time()
    batch.run(cleaner, [str(source)], str(out), jobs=0)
    spent = time.process_time() - start
    shutil.rmtree(out)
    return spent


def measure_peers(rows: list[bytes], rounds: int) -> dict[str, float]:
    """Return MB/s of us and of each peer that is installed, from file to file, in turn."""
    peers = {name: peer for name, peer in PEERS.items() if Path(peer.command[0]).exists()}
    for name in PEERS.keys() - peers.keys():
        print(f"{name}: not installed; `make peers` does that", file=sys.stderr)
    cleaner = Cleaner("default")
    cleaned = clean_all(cleaner)
    seconds: dict[str, list[float]] = {name: [] for name in (SPLIT, CLEANED, OURS, *peers)}
    with tempfile.TemporaryDirectory(prefix="cleaner-peers-") as folder, ExitStack() as stack:
        source = Path(folder, "texts.jsonl")
        source.write_bytes(b"".join(row + b"\n" for row in rows))
        started = {name: start_peer(peer, source, stack) for name, peer in peers.items()}
        for process in started.values():
            told(process)
        for _ in range(rounds):
            for name, stage in ((SPLIT, split_and_hash), (CLEANED, cleaned)):
                start = time.process_time()
                stage(rows)
                seconds[name].append(time.process_time() - start)
            seconds[OURS].append(run_to_files(cleaner, source))
            for name, process in started.items():
                assert process.stdin is not None
                process.stdin.write("\n")
                process.stdin.flush()
                found = told(process)
                assert found["bytes"] == source.stat().st_size
                seconds[name].append(found["seconds"])
        size = source.stat().st_size / 1e6
    return median_speeds(size, seconds)


# ------------------------------------------------------------------ all of it


def print_speeds(title: str, speeds: Mapping[str, float], ours: str) -> None:
    """Print MB/s, and how many times as fast or slow as `ours` each is."""
    print(f"\n{title}\n")
    print("| | MB/s | against ours |")
    print("| --- | ---: | ---: |")
    for name, speed in speeds.items():
        ratio = speed / speeds[ours]
        against = "" if name == ours else f"{ratio:.1f} times" if ratio >= 1 else f"1/{1 / ratio:.1f}"
        print(f"| {name} | {speed:.1f} | {against} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=1200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="measure little, to see that it works")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    count, rounds = (60, 1) if options.quick else (options.texts, options.rounds)
    out = run_folder(options.out or (ROOT / "build" / "bench" if options.quick else None))
    begun = last = time.monotonic()
    took: dict[str, float] = {}

    def done(part: str) -> None:
        nonlocal last
        took[part], last = round(time.monotonic() - last, 1), time.monotonic()
        print(f"({part}: {took[part]} s)", file=sys.stderr, flush=True)

    chosen = texts(count)
    rows = [msgspec.json.encode({"id": str(number), "text": text}) for number, text in enumerate(chosen)]
    few = rows[::4]
    source = "labelled pages" if quality_file() else "made texts"
    size, some = (sum(map(len, part)) / 1e6 for part in (rows, few))
    rules = len(load(["default"]).rules)
    print(f"{size:.1f} MB in {len(rows)} {source}, {rules} rules, {rounds} rounds, one core", flush=True)

    speeds = measure_stages(rows, rounds)
    print_speeds(f"{size:.1f} MB in memory", speeds, CLEANED)
    done("stages")
    against = measure_peers(few, rounds)
    print_speeds(f"{some:.1f} MB, in memory above, from file to file below", against, OURS)
    done("peers")
    ratios = {"split and hash": round(speeds[SPLIT] / speeds[CLEANED], 2)}
    ratios |= {name: round(against[OURS] / against[name], 2) for name in PEERS if name in against}

    cases = curves.cases(chosen, quick=options.quick)
    print("\n| case | |\n| --- | ---: |")
    for name, value in cases.items():
        print(f"| {name} | {value} |", flush=True)
    done("cases")
    lines = curves.curves(chosen, quick=options.quick)
    curves.print_curves(lines)
    done("curves")
    found: dict[str, Any] = {
        "machine": machine(),
        "source": source,
        "texts": len(rows),
        "megabytes": round(size, 2),
        "rules": rules,
        "rounds": rounds,
        "speeds": speeds,
        "peers": against,
        "ratios": ratios,
        "cases": cases,
        "curves": lines,
        "seconds": took,
    }
    (out / "speed.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    drawn = curves.plot(lines, out)
    print(f"\n{time.monotonic() - begun:.0f} s; written: {', '.join(map(str, [out / 'speed.json', *drawn]))}")


if __name__ == "__main__":
    main()

"""Speed in MB/s and, what counts, as ratios within one run.

    python benchmarks/speed.py [--texts 1200] [--rounds 5]

Every stage goes over the same texts in turn, round after round, so that a machine that slows down slows all
of them; the medians are printed. CLEANER_QUALITY may name labelled texts (JSON Lines, gzip) to measure on.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import msgspec
from texts import quality_file, texts

from cleaner import Cleaner
from cleaner.audit import document_rows, encode_row
from cleaner.rules import load


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=1200)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    rows = [msgspec.json.encode({"id": str(number), "text": text}) for number, text in enumerate(texts(options.texts))]
    size = sum(map(len, rows)) / 1e6
    stages: dict[str, Callable[[list[bytes]], int]] = {
        "split and hash every line": split_and_hash,
        "core pack": clean_only(Cleaner("core")),
        "default pack": clean_only(Cleaner("default")),
        "default pack, JSON Lines and audit": clean_all(Cleaner("default")),
    }
    seconds: dict[str, list[float]] = {name: [] for name in stages}
    for _ in range(options.rounds):
        for name, stage in stages.items():
            start = time.perf_counter()
            stage(rows)
            seconds[name].append(time.perf_counter() - start)
    base = statistics.median(seconds["split and hash every line"])
    source = "labelled pages" if quality_file() else "made texts"
    print(f"{size:.1f} MB in {len(rows)} {source}, {len(load(['default']).rules)} rules, {options.rounds} rounds")
    for name, times in seconds.items():
        median = statistics.median(times)
        print(f"{name:<36} {size / median:8.1f} MB/s   1/{median / base:.1f}")


if __name__ == "__main__":
    main()

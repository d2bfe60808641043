"""A large run: throughput with one and two workers, and the peak memory of the whole process tree.

    python benchmarks/scale.py [--gigabytes 0.2] [--files 10000] [--jobs 1 2] [--folder DIR] [--rules default]

Makes JSON Lines shards and many small text files under DIR, then cleans each with every number of workers. Linux only: memory
is read from /proc, as the sum of each process's share (PSS), twice a second. Figures go to benchmarks/runs/DATE/scale.json.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from setting import in_one_line, machine, run_folder
from texts import texts

SHARD = 2**28  # bytes of a shard, about
SMALL = 2000  # characters of a small file, about


def make_lines(folder: Path, size: int) -> None:
    """Write JSON Lines of `size` bytes: the texts over and over, each time with another number."""
    folder.mkdir(parents=True)
    made = texts(1200)
    total = number = shard = 0
    while total < size:
        written = 0
        with open(folder / f"{shard:05d}.jsonl", "w", encoding="utf-8") as handle:
            while written < min(SHARD, size - total):
                url = f"https://site{number % 997}.example.com/{number}"
                row = {"id": number, "url": url, "text": f"{number}\n{made[number % len(made)]}"}
                written += handle.write(json.dumps(row, ensure_ascii=False) + "\n")
                number += 1
        total += written
        shard += 1


def make_files(folder: Path, count: int) -> None:
    made = texts(1200)
    rnd = random.Random(1)
    for number in range(count):
        if number % 1000 == 0:
            (folder / str(number // 1000)).mkdir(parents=True)
        text = rnd.choice(made)[:SMALL]
        (folder / str(number // 1000) / f"{number}.txt").write_text(text, encoding="utf-8")


def tree(root: int) -> list[int]:
    """A process and all that come from it."""
    found = [root]
    for process in found:
        try:
            for task in os.listdir(f"/proc/{process}/task"):
                found += map(int, Path(f"/proc/{process}/task/{task}/children").read_text().split())
        except OSError:
            pass
    return found


def memory(root: int) -> int:
    """Bytes that a process and its descendants hold, what they share counted once."""
    total = 0
    for process in tree(root):
        try:
            for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        except OSError:
            pass
    return total


def measure(inputs: Path, out: Path, jobs: int, rules: list[str]) -> dict[str, float]:
    """Clean in a process of its own; return seconds, peak bytes and counts."""
    summary = out.with_suffix(".json")
    command = [sys.executable, "-c", "import sys; from cleaner.cli import main; sys.exit(main())", "run", str(inputs)]
    begun = time.monotonic()
    process = subprocess.Popen([*command, "-o", str(out), "--jobs", str(jobs), "-q", "--summary", str(summary), *rules])
    peak = 0
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.5):
            peak = max(peak, memory(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    seconds = time.monotonic() - begun
    done.set()
    watcher.join()
    if code:
        sys.exit(f"the run failed with exit code {code}")
    told = json.loads(summary.read_text(encoding="utf-8"))
    return {"seconds": seconds, "peak": peak} | {
        key: told[key] for key in ("bytes", "documents", "files", "audit_bytes")
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=0.2)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--rules", default=None, help="a configuration file (default: the default pack)")
    options = parser.parse_args()
    rules = ["--config", options.rules] if options.rules else []
    if options.folder is not None:
        options.folder.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="cleaner-scale-", dir=options.folder))
    here = machine()
    runs: list[dict[str, object]] = []
    try:
        make_lines(folder / "lines", int(options.gigabytes * 1e9))
        make_files(folder / "files", options.files)
        print(in_one_line(here))
        heads = {"jobs": 6, "MB": 10, "documents": 12, "seconds": 10, "MB/s": 8, "docs/s": 9, "peak MB": 9, "audit": 8}
        print("corpus  " + "".join(f"{head:>{width}}" for head, width in heads.items()))
        for corpus in ("lines", "files"):
            first = 0.0
            for jobs in options.jobs:
                out = folder / f"{corpus}-{jobs}"
                # What it wrote stays until the end: for some minutes ext4 does not use freed inodes again, and to pass over
                # those of 10,000 files costs the next run half a millisecond for each file that it makes.
                found = measure(folder / corpus, out, jobs, rules)
                seconds = found["seconds"]
                first = first or seconds
                print(
                    f"{corpus:<8}{jobs:>6}{found['bytes'] / 1e6:>10.1f}{found['documents']:>12,}{seconds:>10.1f}"
                    f"{found['bytes'] / 1e6 / seconds:>8.2f}{found['documents'] / seconds:>9,.0f}{found['peak'] / 1e6:>9.0f}"
                    f"{found['audit_bytes'] / found['bytes']:>8.1%}  x{first / seconds:.2f}",
                    flush=True,
                )
                runs.append({"corpus": corpus, "jobs": jobs, **found})
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    written = run_folder() / "scale.json"
    before = json.loads(written.read_text(encoding="utf-8"))["runs"] if written.is_file() else []
    content = {"machine": here, "runs": [*before, *runs]}
    written.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

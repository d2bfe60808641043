"""A run in every format, and its way back, on natural text where it is at hand."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_every_format_there_and_back(tmp_path: Path) -> None:
    command = [sys.executable, "benchmarks/roundtrip.py", "--texts", "60", "--jobs", "1", "--folder", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    rows = [line.split() for line in done.stdout.splitlines()[1:]]
    assert [
        row[0].removeprefix("a.") for row in rows
    ] == "txt jsonl jsonl.gz jsonl.zst csv csv.gz wet wet.gz parquet".split()
    assert all(int(row[2]) > 10 for row in rows)  # something was changed

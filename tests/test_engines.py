"""The engines, started for real: the same documents through each give what `cleaner run` gives, whoever dies."""

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.samples import PACK, documents

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "benchmarks" / "engines.py"
ENGINES = runpy.run_path(str(SCRIPT))
COUNT = 20_000
LIMIT = 300  # seconds that an engine may take


def run(*command: str, **more: str) -> str:
    """Run a Python script as users would, in a process of its own; return what it prints."""
    environment = ENGINES["environment"]() | more
    done = subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def write(folder: Path, rows: list[dict[str, Any]], files: int) -> Path:
    folder.mkdir()
    for file in range(files):
        pq.write_table(pa.Table.from_pylist(rows[file::files]), folder / f"{file}.parquet", row_group_size=1000)
    return folder


def read(path: Path) -> list[list[Any]]:
    with open(path, encoding="utf-8") as handle:
        return [json.loads(line) for line in handle]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of Parquet files, and in it `run`, what `cleaner run` makes of them."""
    folder = tmp_path_factory.mktemp("engines")
    write(folder / "input", list(documents(COUNT)), 4)
    run(str(SCRIPT), "one", "run", str(folder / "input"), str(folder / "out"), "--outcome", str(folder / "run"))
    return folder


def test_the_corpus_is_worth_comparing(corpus: Path) -> None:
    rows = read(corpus / "run")
    assert len(rows) == COUNT
    assert sum(text is None for _, text, _, _ in rows) > COUNT / 100
    rules = {rule for _, _, edits, _ in rows for edit in edits or () for rule in edit["rules"]}
    assert len(rules) > 100
    assert {flag["name"] for *_, flags in rows for flag in flags or ()} >= {"budget", "guard"}


@pytest.mark.parametrize("engine", [name for name in ENGINES["ENGINES"] if name != "run"])
def test_engines_agree_with_cleaner_run(engine: str, corpus: Path, tmp_path: Path) -> None:
    outcome = tmp_path / "outcome"
    run(str(SCRIPT), "one", engine, str(corpus / "input"), str(tmp_path / "out"), "--outcome", str(outcome))
    found = read(outcome)
    ids = {id for id, *_ in found}
    # What has no text may be left out: not every engine knows nulls.
    expected = [row for row in read(corpus / "run") if row[1] is not None or row[0] in ids]
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one == other


@pytest.mark.parametrize("engine", ["ray", "spark"])
def test_a_killed_worker_changes_nothing(engine: str, corpus: Path, tmp_path: Path) -> None:
    expected = [row for row in read(corpus / "run") if row[0] < "doc-02000"]
    folder, mark = write(tmp_path / "input", list(documents(2000)), 4), tmp_path / "mark"
    run(str(ROOT / "tests" / "killed.py"), engine, str(folder), str(tmp_path / "out"), str(mark), "doc-01100")
    assert not Path(f"/proc/{mark.read_text()}").exists()
    found = sorted(ENGINES["read_parquet"](tmp_path / "out"), key=lambda row: str(row[0]))
    assert json.loads(json.dumps(found)) == expected
    # No row of the audit is there twice.
    edits = [(id, edit["start"], edit["end"]) for id, _, told, _ in found for edit in told or ()]
    assert len(edits) == len(set(edits)) > 500


CACHED = """
import json, os, sys
import datasets
from cleaner import Cleaner
from cleaner.integrations.datasets import clean_dataset

if __name__ == "__main__":
    folder, pack = sys.argv[1:]
    dataset = datasets.Dataset.from_parquet(f"{folder}/input/0.parquet", cache_dir=f"{folder}/cache")
    cleaned = clean_dataset(dataset, Cleaner.from_file(pack), num_proc=2)
    files = [file["filename"] for file in cleaned.cache_files]
    stream = clean_dataset(dataset.to_iterable_dataset(num_shards=2), Cleaner.from_file(pack))
    assert list(stream) == cleaned.to_list()
    assert cleaned.features == stream.features
    assert clean_dataset(dataset.select([]), Cleaner.from_file(pack)).features == cleaned.features
    assert clean_dataset(dataset.with_format("numpy"), Cleaner.from_file(pack)).format["type"] == "numpy"
    print(json.dumps([sorted((file, os.stat(file).st_mtime_ns) for file in files), cleaned["text"][0]]))
"""


def test_the_cache_of_datasets_follows_the_rules(tmp_path: Path) -> None:
    write(tmp_path / "input", [{"text": text} for text in ("a\nShare\nb", "Share", "plain", None)], 1)
    (tmp_path / "cached.py").write_text(CACHED, encoding="utf-8")

    def clean(name: str, pack: str) -> Any:
        (tmp_path / name).write_text(pack, encoding="utf-8")
        return json.loads(run(str(tmp_path / "cached.py"), str(tmp_path), str(tmp_path / name)).splitlines()[-1])

    first = clean("first.yaml", PACK)
    assert first[1] == "a\nb"
    # The same rules, from another file and with another description, are found: no file is written again.
    assert clean("other.yaml", PACK.replace("about: A share button", "about: What shares")) == first
    # One phrase more is not.
    changed = clean("first.yaml", PACK.replace("{is: share}", "{is: [share, tweet]}"))
    assert changed[1] == "a\nb"
    assert not {file for file, _ in changed[0]} & {file for file, _ in first[0]}

"""The step in real pipelines of datatrove, against `cleaner run` on the same documents."""

import copy
import gzip
import json
import os
import pickle
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from datatrove.data import Document

import cleaner
from cleaner.audit import Entry, RunRow, read, restore_document, verify_document
from cleaner.corpus import batch
from cleaner.engine import Cleaner
from cleaner.integrations import datatrove as step
from cleaner.integrations.datatrove import CleanText, read_audit
from docs.blocks import blocks_of
from tests.samples import PACK

GUIDE = Path(__file__).parents[1] / "docs" / "integrations" / "datatrove.md"
COUNT = 3000
FRENCH = """
- id: french
  about: A rule for one language and one site
  for: {language: [fr], site: [example.com]}
  match: {is: partager}
  examples: [{in: "Il part.\\nPartager", out: "Il part.", language: fr}, {keep: Un verre à partager}]
"""
# The step in the middle kills all of the run, once, while rank 1 is half done.
SCRIPT = """
import os, signal, sys
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
from cleaner import Cleaner
from cleaner.integrations.datatrove import CleanText

class Deadly(PipelineStep):
    name, type = "deadly", "test"

    def run(self, data, rank=0, world_size=1):
        for place, document in enumerate(data):
            if rank == 1 and place == 700 and os.environ.get("DIE"):
                os.killpg(0, signal.SIGKILL)
            yield document

if __name__ == "__main__":
    executor = LocalPipelineExecutor(
        [
            JsonlReader("in"),
            CleanText(Cleaner.from_file("t.yaml"), "audit"),
            Deadly(),
            JsonlWriter("out", compression=None),
        ],
        tasks=2,
        workers=int(sys.argv[1]),
        logging_dir="logs",
    )
    executor.run()
"""


def texts(rnd: random.Random, count: int) -> Iterator[str]:
    lines = ["Share", "Partager", "", "A US -backed force.", "İstanbul 😀 é.", "He left.", "Nobody cheered at all."]
    for _ in range(count):
        yield "\n".join(rnd.choices(lines, k=rnd.randint(1, 25))) or "He left."


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with rules, the script, and documents in two files: one for each rank."""
    folder = tmp_path_factory.mktemp("datatrove")
    (folder / "t.yaml").write_text(PACK + FRENCH.strip("\n") + "\n", encoding="utf-8")
    (folder / "script.py").write_text(SCRIPT, encoding="utf-8")
    rnd = random.Random(1)
    (folder / "in").mkdir()
    for name in "ab":
        rows = [
            {
                "id": f"{name}{number}",
                "text": text,
                "url": f"https://www.example.{rnd.choice(['com', 'org'])}/{number}",
                "language": rnd.choice(["fr", "en", "fra_Latn"]),
            }
            for number, text in enumerate(texts(rnd, COUNT // 2))
        ]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / "in" / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    return folder


def call(work: Path, workers: int, **environment: str) -> int:
    path = os.pathsep.join([str(Path(cleaner.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "script.py", str(workers)],
        cwd=work,
        env=os.environ | {"PYTHONPATH": path} | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        timeout=120,
        check=False,
    )
    return done.returncode


def documents(folder: Path) -> dict[str, str]:
    lines = [line for file in sorted(folder.glob("*.jsonl")) for line in file.read_bytes().splitlines()]
    rows = [json.loads(line) for line in lines]
    assert len(rows) == len({row["id"] for row in rows})
    return {row["id"]: row["text"] for row in rows}


def entries(work: Path) -> list[Entry]:
    found = list(read_audit(str(work / "audit")))
    assert sum(isinstance(one, RunRow) for one in found) == 2
    return [one for one in found if isinstance(one, Entry)]


@pytest.mark.parametrize("workers", [1, 2])
def test_pipeline_gives_what_a_run_gives(work: Path, tmp_path: Path, workers: int) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    for name in ("t.yaml", "script.py", "in"):
        (folder / name).symlink_to(work / name)
    # Killed halfway, with what rank 1 had written in place, and started again.
    assert call(folder, workers, DIE="1") != 0
    assert not (folder / "logs" / "completions" / "00001").exists()
    assert (folder / "audit" / "00001.jsonl.gz").exists()
    assert call(folder, workers) == 0
    assert sorted(path.name for path in (folder / "audit").iterdir()) == ["00000.jsonl.gz", "00001.jsonl.gz"]

    # Languages as `cleaner run` knows them.
    (tmp_path / "in").mkdir()
    for path in (work / "in").iterdir():
        (tmp_path / "in" / path.name).write_text(path.read_text("utf-8").replace('"fra_Latn"', '"fr"'), "utf-8")
    batch.run(Cleaner.from_file(work / "t.yaml"), [str(tmp_path / "in")], str(tmp_path / "run"), jobs=0)
    originals, clean = documents(folder / "in"), documents(folder / "out")
    assert clean == documents(tmp_path / "run")
    assert clean != originals

    found = entries(folder)
    expected = [entry for entry in read(batch.audit_lines(str(tmp_path / "run"))) if isinstance(entry, Entry)]
    assert [entry.name for entry in found] == list(originals)
    for entry, other in zip(found, expected, strict=True):
        assert entry.document is not None
        assert other.document is not None
        assert entry.name == entry.document.id == other.document.id
        assert [edit.start for edit in entry.edits] == [edit.start for edit in other.edits]
        assert [(edit.before, edit.after, edit.rules, edit.evidence, edit.line) for edit in entry.edits] == [
            (edit.before, edit.after, edit.rules, edit.evidence, edit.line) for edit in other.edits
        ]
        text, original = clean[entry.name].encode(), originals[entry.name].encode()
        assert verify_document(entry, text, original) == []
        assert restore_document(entry, text) == original
    assert {rule for entry in found for edit in entry.edits for rule in edit.rules} == {
        "t/french",
        "t/hyphen-gap",
        "t/share-line",
    }

    told = {one["name"]: one["stats"] for one in json.loads((folder / "logs" / "stats" / "00001.json").read_text())}
    counts = told["✂️ - FORMAT: 🧹 cleaner"]
    second = [entry for entry in found if entry.name.startswith("b")]
    assert counts["total"] == COUNT // 2 == len(second)
    assert counts["edits"]["total"] == sum(len(entry.edits) for entry in second)
    assert counts["changed"] == sum(bool(entry.edits) for entry in second)
    assert counts["removed"]["total"] == sum(
        len(edit.before) - len(edit.after) for entry in second for edit in entry.edits
    )


# ------------------------------------------------------------------ one step


class Failing(Cleaner):
    """Fails on some texts, as no engine should."""

    def __call__(self, text: str, *, url: str | None = None, language: str | None = None) -> cleaner.Result:
        if "fail" in text:
            raise RecursionError("too deep")
        return super().__call__(text, url=url, language=language)

    def __reduce__(self) -> tuple[object, ...]:
        return failing, ()


def failing() -> Failing:
    return Failing()


def test_failing_document_passes_unchanged(tmp_path: Path) -> None:
    one = CleanText(failing(), str(tmp_path))
    given = [Document("He left.\n\nShare\n", "1"), Document("to fail\n\nShare\n", "2")]
    first, second = one.run(iter(given), rank=3)
    assert (first.text, second.text) == ("He left.\n", "to fail\n\nShare\n")
    assert first is given[0]
    _, _, entry = read_audit(str(tmp_path))
    assert isinstance(entry, Entry)
    assert entry.document is not None
    assert [(flag.name, flag.detail, flag.error) for flag in entry.document.flags] == [
        ("failed", "RecursionError: too deep", True)
    ]
    assert one.stats.stats["flag failed"].total == 1
    assert (tmp_path / "00003.jsonl.gz").exists()


def test_rank_without_documents_has_a_header(tmp_path: Path) -> None:
    assert list(CleanText(Cleaner("core"), str(tmp_path)).run(None, rank=7, world_size=8)) == []
    (header,) = read_audit(str(tmp_path))
    assert isinstance(header, RunRow)
    assert (header.options["rank"], header.options["world_size"]) == (7, 8)


def test_rerun_overwrites(tmp_path: Path) -> None:
    one = CleanText(Cleaner("default"), str(tmp_path))
    for _ in range(2):
        list(one.run(Document(f"He left {number}.\n\nShare\n", str(number)) for number in range(5)))
    with gzip.open(tmp_path / "00000.jsonl.gz") as file:
        assert len(list(file)) == 1 + 2 * 5


def test_copies_compile_once_in_a_process(tmp_path: Path) -> None:
    step._compiled.cache_clear()
    one = CleanText(Cleaner("core"), str(tmp_path))
    copies = [copy.deepcopy(one), pickle.loads(pickle.dumps(one)), one]
    for rank, each in enumerate(copies):
        list(each.run(iter([Document("He left.", "1")]), rank=rank))
    assert step._compiled.cache_info().misses == 1
    assert copies[0].stats.stats["total"].total == 1
    assert len({repr(each.rules) for each in copies}) == 1
    assert "core" in repr(one.rules)


def test_guide_is_true(tmp_path: Path) -> None:
    """The scripts of the guide, one after the other, on two files of documents."""
    first, second = (one.text for one in blocks_of(GUIDE.read_text("utf-8")) if one.language == "python")
    (tmp_path / "articles").mkdir()
    for name in "ab":
        lines = [json.dumps({"id": f"{name}{number}", "text": "He left.\n\nShare\n"}) + "\n" for number in range(3)]
        (tmp_path / "articles" / f"{name}.jsonl").write_text("".join(lines), "utf-8")
    path = os.pathsep.join([str(Path(cleaner.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    told = ""
    for name, script in (("clean.py", first), ("back.py", second)):
        (tmp_path / name).write_text(script, "utf-8")
        done = subprocess.run(
            [sys.executable, name],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        told = done.stdout
    assert sorted(told.splitlines()) == [
        f"{name}{number} 'He left.\\n\\nShare\\n'" for name in "ab" for number in range(3)
    ]


def test_import_is_left_to_who_wants_it() -> None:
    code = "import sys, cleaner; print(sorted(name for name in sys.modules if 'integrations' in name or 'datatrove' in name))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

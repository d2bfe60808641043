"""Attributes files against dolma's own mixer, and against an applier that reads them as its documentation says."""

import gzip
import json
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleaner.audit import AuditError
from cleaner.corpus import batch
from cleaner.corpus.files import InputError
from cleaner.edits import Cause, Edit, apply
from cleaner.engine import Cleaner
from cleaner.integrations.dolma import (
    SCORES,
    attributes,
    edits_of,
    export,
    replacement_of,
    span_replacements,
)
from docs.blocks import blocks_of
from tests.samples import PACK

GUIDE = Path(__file__).parents[1] / "docs" / "integrations" / "dolma.md"
# Its mixer is in a library of its own, which needs none of the packages that dolma pins.
DOLMA = "dolma==1.2.1"
MIX = """
import importlib.util, pathlib, sys
folder, config = sys.argv[1:]
(library,) = pathlib.Path(folder, "dolma").glob("dolma.*")
spec = importlib.util.spec_from_file_location("dolma.dolma", library)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
module.mixer_entrypoint(config)
"""
FIX = """\
- id: mojibake
  about: Mojibake
  unit: document
  do: fix
  with: encoding
  examples: [{in: donâ€™t, out: don’t}, {keep: don’t}]
"""
HAS_WHEEL = pytest.mark.skipif(sys.version_info >= (3, 13), reason="this version of dolma has no wheel for it")


def mixed_by_hand(text: str, spans: Mapping[str, Any], replacements: Sequence[Mapping[str, Any]]) -> str:
    """What dolma's documentation says that its mixer does, for spans that do not overlap."""
    for start, end, after in sorted(
        (
            (start, end, one["replacement"])
            for one in replacements
            for start, end, score in spans.get(one["span"].removeprefix("$.attributes."), ())
            if score >= one["min_score"]
        ),
        reverse=True,
    ):
        text = text[:start] + after.replace("{}", text[start:end]) + text[end:]
    return text


@pytest.fixture(scope="module")
def dolma(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package, and nothing that it depends on."""
    folder = tmp_path_factory.mktemp("dolma")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:", "--target"]
    subprocess.run([*command, str(folder), DOLMA], check=True, timeout=300, capture_output=True)
    return folder


def mix(dolma: Path, data: Path, name: str, replacements: Sequence[Mapping[str, Any]]) -> dict[Any, str]:
    """Mix all documents of `data` with one set of attributes; return the texts by id."""
    shutil.rmtree(data / "mixed", ignore_errors=True)  # a mixer leaves alone what is there
    config = {
        "work_dir": {"input": str(data / "work-in"), "output": str(data / "work-out")},
        "processes": 1,
        "streams": [
            {
                "name": "mixed",
                "documents": [str(data / "documents" / "*.jsonl.gz")],
                "attributes": [name],
                "output": {"path": str(data / "mixed"), "max_size_in_bytes": 10**9},
                "compression": {"input": None, "output": None},
                "span_replacement": [{"syntax": "jsonpath", **one} for one in replacements],
            }
        ],
    }
    command = [sys.executable, "-c", MIX, str(dolma), json.dumps(config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "Mismatched" not in done.stderr
    assert "Missing attributes" not in done.stderr
    return texts_of(data / "mixed")


def texts_of(folder: Path) -> dict[Any, str]:
    found = {}
    for path in sorted(folder.rglob("*.gz")):
        for line in gzip.decompress(path.read_bytes()).splitlines():
            row = json.loads(line)
            found[row["id"]] = row["text"]
    return found


def cause(risk: str) -> Cause:
    return Cause(f"t/{risk}", "replace", risk, {})


def write_documents(data: Path, texts: Mapping[Any, str], name: str = "a.jsonl.gz") -> None:
    (data / "documents").mkdir(parents=True, exist_ok=True)
    rows = [json.dumps({"id": id, "text": text, "source": "made"}) + "\n" for id, text in texts.items()]
    (data / "documents" / name).write_bytes(gzip.compress("".join(rows).encode()))


def made_texts(count: int) -> dict[Any, str]:
    rnd = random.Random(1)
    lines = [
        "Share",
        "",
        "A US -backed force.",
        "İstanbul 😀 é.",
        "He left.",
        "FranÃ§ois and MarÃ\xadas stayed, donâ€™t they",
    ]
    return {
        number if number % 2 else f"n{number}": "\n".join(rnd.choices(lines, k=rnd.randint(1, 12)))
        for number in range(count)
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set as dolma has them, and the output of a run over its documents."""
    folder = tmp_path_factory.mktemp("run")
    texts = made_texts(400)
    write_documents(folder, {id: texts[id] for id in list(texts)[:300]})
    write_documents(folder, {id: texts[id] for id in list(texts)[300:]}, "b.jsonl.gz")
    (folder / "t.yaml").write_text(PACK + FIX, encoding="utf-8")
    cleaner = Cleaner.from_file(folder / "t.yaml")
    options = batch.Options(task_bytes=5_000)
    batch.run(cleaner, [str(folder / "documents")], str(folder / "out"), options=options, jobs=0)
    return folder


def test_export_lines_up_with_documents(run: Path) -> None:
    made = export(str(run / "out"), str(run))
    assert made.documents == 400
    assert made.left_out == 0
    assert set(made.spans) == {"cleaner__deleted", "cleaner__2019", "cleaner__e7", "cleaner__ed"}
    replacements = span_replacements(made.spans)
    clean = texts_of(run / "out")
    counted = 0
    for name in ("a.jsonl.gz", "b.jsonl.gz"):
        documents = gzip.decompress((run / "documents" / name).read_bytes()).splitlines()
        rows = gzip.decompress((run / "attributes" / "cleaner" / name).read_bytes()).splitlines()
        for document, row in zip(map(json.loads, documents), map(json.loads, rows), strict=True):
            assert (row["id"], row["source"]) == (document["id"], "made")
            text, spans = document["text"], row["attributes"]
            assert mixed_by_hand(text, spans, replacements) == clean[row["id"]]
            assert apply(text, edits_of(text, spans, replacements)) == clean[row["id"]]
            counted += sum(map(len, spans.values()))
    assert counted == sum(made.spans.values()) > 400


@HAS_WHEEL
def test_mixer_does_what_a_run_did(run: Path, dolma: Path) -> None:
    made = export(str(run / "out"), str(run), "again")
    clean = texts_of(run / "out")
    assert mix(dolma, run, "again", span_replacements(made.spans)) == clean != made_texts(400)


def some_edits(rnd: random.Random, text: str) -> list[Edit]:
    """Edits of a text that touch and stand alone, at its ends too."""
    edits = []
    position = 0
    while position < len(text):
        position += rnd.choice([0, 0, 1, 3])
        end = min(len(text), position + rnd.choice([1, 1, 2, 5]))
        after = rnd.choice(["", "", "’", "ab\u0301", "😀", " "])
        if position < end and text[position:end] != after:
            edits.append(Edit(position, end, text[position:end], after, (cause(rnd.choice(list(SCORES))),)))
        position = end
    return edits


@HAS_WHEEL
@pytest.mark.parametrize("least", [0.0, 0.75])
def test_mixer_carries_out_any_edits(dolma: Path, tmp_path: Path, least: float) -> None:
    rnd = random.Random(int(least * 4))
    texts = {str(number): "".join(rnd.choices("ab \n😀éİ", k=rnd.randint(0, 20))) for number in range(500)}
    edits = {id: some_edits(rnd, text) for id, text in texts.items()}
    write_documents(tmp_path, texts)
    rows = [{"id": id, "attributes": attributes(edits[id], "x")} for id in texts]
    (tmp_path / "attributes" / "x").mkdir(parents=True)
    path = tmp_path / "attributes" / "x" / "a.jsonl.gz"
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    replacements = span_replacements({name for row in rows for name in row["attributes"]}, least)
    assert len(replacements) == 5
    expected = {
        id: apply(text, [edit for edit in edits[id] if SCORES[edit.causes[0].risk] >= least])  # type: ignore[index]
        for id, text in texts.items()
    }
    assert mix(dolma, tmp_path, "x", replacements) == expected
    for row in rows:
        text = texts[str(row["id"])]
        again = apply(text, edits_of(text, row["attributes"], replacements))  # type: ignore[arg-type]
        assert again == expected[str(row["id"])]


@HAS_WHEEL
def test_spans_of_others_are_read_as_the_mixer_does(dolma: Path, tmp_path: Path) -> None:
    """Spans that overlap, scores on the limit, what stood there."""
    text = "abcdefghij"
    spans = {"one": [[0, 3, 0.5], [2, 5, 0.9], [6, 8, 0.4]], "two": [[5, 6, 1.0], [6, 7, 0.2], [8, 10, 0.3]]}
    settings = (
        [{"span": "$.attributes.one", "min_score": 0.5, "replacement": ""}],
        [{"span": "$.attributes.one", "min_score": 0.4, "replacement": "<{}>"}],
        [{"span": "$.attributes.two", "max_score": 0.3, "replacement": "-"}],
        [
            {"span": "$.attributes.two", "min_score": 0.25, "max_score": 0.9, "replacement": "{}{}"},
            {"span": "$.attributes.one", "min_score": 0.0, "replacement": ""},
        ],
    )
    write_documents(tmp_path, {"1": text})
    (tmp_path / "attributes" / "x").mkdir(parents=True)
    row = json.dumps({"id": "1", "attributes": spans})
    (tmp_path / "attributes" / "x" / "a.jsonl.gz").write_bytes(gzip.compress(row.encode()))
    for replacements in settings:
        assert mix(dolma, tmp_path, "x", replacements) == {"1": apply(text, edits_of(text, spans, replacements))}


# ------------------------------------------------------------------ names, and what cannot be said


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: "{}" not in text))
def test_names_say_the_text(after: str) -> None:
    (name,) = attributes([Edit(0, 1, "\x00", after, (cause("safe"),))])
    assert replacement_of(name) == after
    assert re.fullmatch(r"cleaner__[0-9a-f_]+", name)


def test_what_a_mixer_cannot_do_is_left_out() -> None:
    edits = [Edit(0, 0, "", "A", ()), Edit(1, 2, "b", "{}", ()), Edit(3, 4, "d", "", ())]
    assert attributes(edits) == {"cleaner__deleted": [(3, 4, SCORES["risky"])]}


@pytest.mark.parametrize("name", ["", "deleted", "__deleted", "cleaner__", "cleaner__xyz", "cleaner__110000"])
def test_names_of_others_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no attribute of ours"):
        replacement_of(name)


def test_names_that_paths_cannot_say_are_refused() -> None:
    with pytest.raises(ValueError, match="letters, digits"):
        attributes([], "a.b")


@pytest.mark.parametrize("span", [[2, 2, 1.0], [-1, 2, 1.0], [2, 5, 1.0], [3, 2, 1.0]])
def test_wrong_spans_are_refused(span: list[float]) -> None:
    with pytest.raises(ValueError, match="no stretch of a text of 4"):
        edits_of("abcd", {"x": [span]}, [{"span": "$.attributes.x", "min_score": 0.5}])


def test_wrong_paths_are_refused() -> None:
    with pytest.raises(ValueError, match="only paths like"):
        edits_of("abcd", {}, [{"span": "$..x", "min_score": 0}])


def test_other_formats_are_refused(tmp_path: Path) -> None:
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "a.txt").write_text("He left.\n", encoding="utf-8")
    batch.run(Cleaner("core"), [str(tmp_path / "documents")], str(tmp_path / "out"), jobs=0)
    with pytest.raises(InputError, match=r"a\.txt: dolma reads JSON Lines"):
        export(str(tmp_path / "out"), str(tmp_path))
    assert not list((tmp_path / "attributes").rglob("*"))


def test_audit_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    write_documents(tmp_path, {1: "He left.\n\nShare\n", 2: "She stayed."})
    batch.run(Cleaner("default"), [str(tmp_path / "documents")], str(tmp_path / "out"), jobs=0)
    path = tmp_path / "out" / "a.jsonl.gz"
    first, second = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    for wrong in (first, first + second + second):
        path.write_bytes(gzip.compress(wrong))
        with pytest.raises(AuditError, match=r"record is missing|no row in the audit"):
            export(str(tmp_path / "out"), str(tmp_path))
        assert not (tmp_path / "attributes" / "cleaner" / "a.jsonl.gz").exists()


def test_guide_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "data"
    write_documents(data, {"1": "He left.\n\nShare\n"})
    batch.run(Cleaner("default"), [str(data / "documents")], str(tmp_path / "clean"), jobs=0)
    monkeypatch.chdir(tmp_path)
    (script,) = (one.text for one in blocks_of(GUIDE.read_text("utf-8")) if one.language == "python")
    exec(compile(script, GUIDE.name, "exec"), {})
    config = json.loads((tmp_path / "mix.json").read_text("utf-8"))
    (stream,) = config["streams"]
    assert stream["span_replacement"] == span_replacements(["cleaner__deleted"], 0.75)

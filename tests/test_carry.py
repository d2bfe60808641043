"""A resolved configuration as text: the same rules, digest and results, and nothing else."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cleaner import Cleaner, RuleError
from cleaner.rules import load, pack_files
from tests.samples import PACK, documents


@pytest.mark.parametrize("pack", pack_files())
def test_every_pack_comes_back(pack: str) -> None:
    clean = Cleaner(pack)
    again = Cleaner.from_resolved(clean.to_resolved())
    assert again.configuration.digest == clean.configuration.digest
    assert again.to_resolved() == clean.to_resolved()


def test_results_are_the_same() -> None:
    clean = Cleaner("default")
    again = Cleaner.from_resolved(clean.to_resolved())
    for row in documents(2000):
        if row["text"] is not None:
            known = {"url": row["url"], "language": row["language"]}
            assert again(row["text"], **known) == clean(row["text"], **known)


def test_files_are_not_needed(tmp_path: Path) -> None:
    (tmp_path / "ours.yaml").write_text(PACK, encoding="utf-8")
    layers = """
extends: [default, ./ours.yaml]
guard: 40%
disable: [news/more-news]
override: {t/share-line: {budget: 30%}}
sites: {example.com: {disable: core/mojibake}}
"""
    (tmp_path / "cleaner.yaml").write_text(layers, encoding="utf-8")
    clean = Cleaner.from_file(tmp_path / "cleaner.yaml")
    text = clean.to_resolved()
    code = "import sys; from cleaner import Cleaner; c = Cleaner.from_resolved(sys.stdin.read());"
    code += "print(c.configuration.digest, repr(c('a\\nShare\\nb c d e f').text), c.configuration.guard)"
    empty = tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "ours.yaml").unlink()
    done = subprocess.run(
        [sys.executable, "-c", code], input=text, cwd=empty, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{clean.configuration.digest} 'a\\nb c d e f' 0.4\n"


def test_the_text_follows_from_what_decides_results() -> None:
    text = Cleaner.from_text(PACK).to_resolved()
    assert text.isascii()
    told = Cleaner.from_text(PACK.replace("about: A share button", "about: Another word for it")).to_resolved()
    assert told == text
    assert Cleaner.from_text(PACK.replace("{is: share}", "{is: [share, share]}")).to_resolved() != text
    assert Cleaner.from_text(PACK.replace("risk: safe", "risk: likely")).to_resolved() != text
    one, other = (
        f"{PACK}- id: fix\n  about: A\n  do: fix\n  with: {{operation: encoding, {options}}}\n"
        "  examples: [{in: donâ€™t, out: don’t}, {keep: don’t}]\n"
        for options in (
            "uncurl_quotes: false, fix_latin_ligatures: true",
            "fix_latin_ligatures: true, uncurl_quotes: false",
        )
    )
    assert Cleaner.from_text(one).to_resolved() == Cleaner.from_text(other).to_resolved() != text


def test_the_time_limit_comes_along() -> None:
    clean = Cleaner.from_configuration(load(["core"]), time_limit=0.0)
    assert [flag.name for flag in Cleaner.from_resolved(clean.to_resolved())("Share\n" * 20).flags] == [
        flag.name for flag in clean("Share\n" * 20).flags
    ]
    assert Cleaner.from_resolved(clean.to_resolved()).to_resolved() == clean.to_resolved()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda said: said | {"cleaner": "0.0.0"},
            "written by cleaner 0.0.0, and this is .*: install the same version",
        ),
        (lambda said: {"rules": []}, "not a resolved configuration"),
        (lambda said: [], "not a resolved configuration"),
        (lambda said: {"cleaner": said["cleaner"]}, "its digest does not match"),
        (lambda said: said | {"configuration": {}}, "its digest does not match"),
        (lambda said: said | {"configuration": said["configuration"] | {"": "Place"}}, "its digest does not match"),
        (lambda said: said | {"configuration": said["configuration"] | {"guard": 0.1}}, "its digest does not match"),
        (lambda said: said | {"configuration": said["configuration"] | {"rules": [1]}}, "its digest does not match"),
    ],
)
def test_damage_is_found(change: Callable[[Any], Any], message: str) -> None:
    text = json.dumps(change(json.loads(Cleaner.from_text(PACK).to_resolved())))
    with pytest.raises(RuleError, match=message):
        Cleaner.from_resolved(text)
    with pytest.raises(RuleError, match="not a resolved configuration"):
        Cleaner.from_resolved(text[:-1])

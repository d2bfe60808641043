"""The two sample articles, edit by edit."""

from pathlib import Path

import pytest
import yaml

from cleaner import Cleaner

ROOT = Path(__file__).parents[1]
CASES = yaml.safe_load((ROOT / "tests/cases/seeds.yaml").read_text(encoding="utf-8"))


def seed(name: str) -> str:
    return (ROOT / "seeds" / name).read_bytes().decode()


@pytest.mark.parametrize("name", CASES)
def test_edits(name: str) -> None:
    result = Cleaner("default")(seed(name))
    found = [
        [edit.start, edit.end, edit.before, edit.after, [cause.rule for cause in edit.causes]] for edit in result.edits
    ]
    assert found == CASES[name]
    assert not result.flags


def test_what_is_gone_and_what_stays() -> None:
    name = "000_c34863fadbf55049.txt"
    before = seed(name).split("\n")
    after = Cleaner("default")(seed(name)).text.split("\n")
    gone = [line for line in before if line == "Share" or line.startswith("More news:")]
    assert len(gone) == 5
    expected = [line.replace("US -backed", "US-backed") for line in before if line and line not in gone]
    expected.remove("He gave no details")
    assert [line for line in after if line] == expected


def test_only_blank_lines_change() -> None:
    name = "002_e26bedd94b465bd5.txt"
    after = Cleaner("default")(seed(name)).text
    assert [line for line in after.split("\n") if line] == [line for line in seed(name).split("\n") if line]
    assert "\n\n\n" not in after


@pytest.mark.parametrize("name", CASES)
def test_mojibake_is_undone(name: str) -> None:
    """A seed read as Windows-1252 comes back, and is cleaned as if nothing had happened."""
    clean = Cleaner("default")
    broken = seed(name).encode().decode("windows-1252")
    assert clean(broken).text == clean(seed(name)).text
    assert ("Nicolás" in seed(name)) == ("Nicolás" in clean(broken).text)

"""The linter: cases from cases/lint.yaml, and one rule whose conditions are taken away in turn."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from cleaner.engine import changes_of, clean_of
from cleaner.rules.examples import check_examples
from cleaner.rules.layers import Resolved, resolve_file
from cleaner.rules.lint import WARNINGS, lint

CASES: dict[str, Any] = yaml.safe_load(
    Path(__file__).with_name("cases").joinpath("lint.yaml").read_text(encoding="utf-8")
)
HEAD = "pack: case\nversion: 1.0.0\nabout: A case\n"


@pytest.fixture
def resolved(tmp_path: Path) -> Callable[[str], Resolved]:
    """Return the function that reads a pack; its head goes last, so that lines are counted as written."""

    def resolve(pack: str) -> Resolved:
        file = tmp_path / "case.yaml"
        file.write_text(pack + HEAD, encoding="utf-8")
        found = resolve_file(file)
        assert check_examples(found.configuration, clean_of) == []
        return found

    return resolve


def warned(resolved: Resolved, name: str | None = None) -> list[str]:
    """Return the warnings of one kind, or all, as `line:column message`."""
    found = lint(resolved, clean_of, changes_of)
    return [f"{one.place.line}:{one.place.column} {one.message}" for one in found if name in (None, one.name)]


def listed(kind: str) -> list[Any]:
    return [
        pytest.param(name, case, id=f"{name}-{number}")
        for name, cases in CASES.items()
        for number, case in enumerate(cases[kind], 1)
    ]


def test_every_warning_has_cases() -> None:
    assert sorted(CASES) == sorted(WARNINGS)


def test_every_warning_is_documented() -> None:
    page = Path(__file__).parents[1].joinpath("docs", "lint.md").read_text(encoding="utf-8")
    assert re.findall(r"(?m)^## (.*)$", page) == list(WARNINGS)


@pytest.mark.parametrize(("name", "case"), listed("found"))
def test_found(name: str, case: dict[str, Any], resolved: Callable[[str], Resolved]) -> None:
    assert warned(resolved(case["pack"]), name) == case["warnings"]


@pytest.mark.parametrize(("name", "pack"), listed("missed"))
def test_missed(name: str, pack: str, resolved: Callable[[str], Resolved]) -> None:
    assert warned(resolved(pack), name) == []


# What is wrong with a name, no rule can silence.
SILENCEABLE = [param for param in listed("found") if CASES[param.values[0]].get("silenced", True)]


@pytest.mark.parametrize(("name", "case"), SILENCEABLE)
def test_silenced(name: str, case: dict[str, Any], resolved: Callable[[str], Resolved]) -> None:
    """The rule's `allow` silences the warning, and no other."""
    loud = resolved(case["pack"])
    others = sorted(one.message for one in lint(loud, clean_of, changes_of) if one.name != name)
    if "allow: [" in case["pack"]:
        quiet = resolved(case["pack"].replace("allow: [", f"allow: [{name}, "))
    else:
        quiet = resolved(re.sub(r"(?m)^(- id: .*)$", rf"\1\n  allow: [{name}]", case["pack"]))
    assert warned(quiet, name) == []
    assert sorted(one.message for one in lint(quiet, clean_of, changes_of)) == others


def test_warnings_say_where_and_what(resolved: Callable[[str], Resolved]) -> None:
    case = CASES["has-alone"]["found"][0]["pack"]
    first, *_ = (one for one in lint(resolved(case), clean_of, changes_of) if one.name == "has-alone")
    assert (first.name, first.rule) == ("has-alone", "case/a")
    assert str(first) == f"{first.place}: has-alone: {first.message}"
    assert first.place.file.endswith("case.yaml")


def test_warnings_are_sorted_by_place(resolved: Callable[[str], Resolved]) -> None:
    for cases in CASES.values():
        for case in cases["found"]:
            found = lint(resolved(case["pack"]), clean_of, changes_of)
            places = [(one.place.file, one.place.line, one.place.column) for one in found]
            assert places == sorted(places)


# Each line of `match`, `unless` and `run` on its own, so that a warning's line says which it is.
SAMPLE = """\
define:
  headline: {words: 3..8, full_stop: false}
rules:
- id: sample
  about: A heading, and the headlines under it
  match:
    starts: [read next, up next]
    words: ..4
    full_stop: false
    not: {has: chapter}
    last: 5
  unless:
    digits: 2..
  run:
    then: {use: $headline}
    count: 2..3
    gap: 0
    edge: end
  examples:
  - {in: "It ended.\\nRead next\\nFloods hit coast\\nVote is late", out: It ended.}
"""
# What each example alone proves.
PROOFS = {
    "It ended.\\nSo far\\nFloods hit coast\\nVote is late": ["starts"],
    "It ended.\\nRead next week's bigger issue\\nFloods hit coast\\nVote is late": ["words"],
    "It ended.\\nRead next.\\nFloods hit coast\\nVote is late": ["full_stop"],
    "It ended.\\nRead next chapter\\nFloods hit coast\\nVote is late": ["not"],
    "It ended.\\nRead next 2020\\nFloods hit coast\\nVote is late": ["unless"],
    "It ended.\\nRead next\\nFloods hit coast": ["count: 2.."],
    "End.\\nRead next\\nFlood hits the coast hard\\nVote is late by years\\nRain will fall\\nIt snows too": [
        "count: ..3",
        "edge",
    ],
    "It ended.\\nRead next\\nFloods hit coast\\n\\nVote is late": ["gap"],
}
CONDITIONS = [
    "starts",
    "words",
    "full_stop",
    "not",
    "last",
    "unless",
    "count: 2..",
    "count: ..3",
    "gap",
    "edge",
]


@pytest.mark.parametrize("left_out", [None, *PROOFS], ids=lambda text: "all" if text is None else PROOFS[text][0])
def test_what_no_example_proves(left_out: str | None, resolved: Callable[[str], Resolved]) -> None:
    """Take each condition away in turn: what the left-out example would prove shows up, and nothing else.

    No example proves `last`: with a run that must reach the end, it says nothing.
    """
    kept = [text for text in PROOFS if text != left_out]
    pack = SAMPLE + "".join(f'  - {{keep: "{text}"}}\n' for text in kept)
    found = [one for one in lint(resolved(pack), clean_of, changes_of) if one.name == "unproven-condition"]
    names = [next(name for name in CONDITIONS if re.search(rf"`{re.escape(name)}", one.message)) for one in found]
    assert sorted(names) == sorted(["last", *PROOFS.get(left_out or "", [])])


def test_a_clean_pack_has_no_warnings(resolved: Callable[[str], Resolved]) -> None:
    pack = SAMPLE.replace("    last: 5\n", "") + "".join(f'  - {{keep: "{text}"}}\n' for text in PROOFS)
    assert warned(resolved(pack)) == []


def test_examples_that_do_not_hold_are_told(tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(
        "rules:\n- id: a\n  about: A\n  match: {is: share}\n"
        "  examples: [{drop: Share}, {drop: Share it}, {keep: SHARE}, {keep: Rest}]\n" + HEAD,
        encoding="utf-8",
    )
    failures = check_examples(resolve_file(file).configuration, clean_of)
    assert [(one.rule, one.example.text, one.expected, one.found) for one in failures] == [
        ("case/a", "Share it", "", "Share it"),
        ("case/a", "SHARE", "SHARE", ""),
    ]


def test_examples_of_a_rule_that_keeps_can_fail(tmp_path: Path) -> None:
    file = tmp_path / "keeps.yaml"
    file.write_text(
        "rules:\n- id: a\n  about: A\n  do: keep\n  match: {is: share}\n"
        '  examples: [{keep: Share}, {keep: Share it}, {drop: Share it}, {drop: SHARE}, {in: "Share\\nit", out: Share}]\n'
        + HEAD,
        encoding="utf-8",
    )
    failures = check_examples(resolve_file(file).configuration, clean_of)
    assert [(one.rule, one.example.text, one.expected, one.found) for one in failures] == [
        ("case/a", "Share it", "Share it", ""),
        ("case/a", "SHARE", "", "SHARE"),
    ]


def test_what_a_rule_that_keeps_does_not_keep_shadows_nothing(resolved: Callable[[str], Resolved]) -> None:
    pack = (
        "rules:\n- id: a\n  about: A\n  do: keep\n  match: {is: share}\n  examples: [{keep: share}, {drop: share it}]\n"
    )
    assert warned(resolved(pack)) == []


def test_a_start_never_lints() -> None:
    """On its way to clean a text, `cleaner` does not even import the linter."""
    code = "import sys, cleaner; cleaner.Cleaner('core')('Share'); print('cleaner.rules.lint' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

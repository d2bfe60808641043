"""The figures that lie beside the packs: they are of these rules, and no rule says less of its risk than they allow."""

from dataclasses import replace
from pathlib import Path

import pytest

from cleaner.rules import Rule
from cleaner.rules.evidence import (
    LEAST_LINES,
    Measurement,
    evidence_of,
    evidence_text,
    measured,
    read_evidence,
    stamp,
    write_evidence,
)
from cleaner.rules.layers import resolve
from cleaner.rules.model import RISKS

RULES = {rule.name: rule for rule in resolve(["fullpage", "default"]).rules}
LEAST = {"safe": 0.97, "likely": 0.85, "risky": 0.0}  # lower bounds of the precision


def test_most_rules_were_measured_as_they_are() -> None:
    assert set(measured()) <= set(RULES)
    assert sum(evidence_of(rule) is not None for rule in RULES.values()) > len(RULES) / 3


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_no_rule_is_riskier_than_it_says(rule: Rule) -> None:
    """What was measured may prove too little; it must not prove the contrary."""
    found = evidence_of(rule)
    if found is not None and found.lines >= LEAST_LINES:
        assert found.interval[1] >= LEAST[rule.risk], evidence_text(found)


def test_a_rule_that_changed_has_no_evidence() -> None:
    rule = next(rule for rule in RULES.values() if evidence_of(rule) is not None)
    assert evidence_of(replace(rule, budget=0.123)) is None
    assert evidence_text(None) == "not measured"


def test_risk_and_configuration_make_no_other_rule_of_it() -> None:
    rule = RULES["social/share-label"]
    assert {stamp(replace(rule, layer=9)), *(stamp(replace(rule, risk=risk)) for risk in RISKS)} == {stamp(rule)}


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (Measurement(8.5, 9, 4, ""), "9 lines: not enough evidence"),
        (Measurement(1, 1, 1, ""), "1 line: not enough evidence"),
        (Measurement(200, 200, 30, ""), "100.0% of 200 lines (98.1% to 100.0%): safe"),
        (Measurement(40.5, 54, 30, ""), "75.0% of 54 lines (62.1% to 84.6%): risky"),
    ],
)
def test_evidence_in_words(found: Measurement, text: str) -> None:
    assert evidence_text(found) == text


def test_what_is_written_is_read(tmp_path: Path) -> None:
    file = tmp_path / "evidence.json"
    said = {"social/share-label": Measurement(8.5, 9, 4, "0123456789ab"), "news/more-news": Measurement(1, 1, 1, "")}
    write_evidence(file, said)
    assert read_evidence(file) == said

"""What a rule's examples prove: cases from cases/examples.yaml."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from cleaner.engine import clean_of
from cleaner.rules.examples import check_examples
from cleaner.rules.layers import resolve_text

CASES: list[dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("cases").joinpath("examples.yaml").read_text(encoding="utf-8")
)
NAMES = "define: {share: {de: [teilen], fr: [partager]}}\n"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["about"])
def test_examples(case: dict[str, Any]) -> None:
    configuration = resolve_text(f"{NAMES}rules:\n{case['rules']}").configuration
    assert [failure.example.text for failure in check_examples(configuration, clean_of)] == case["fail"]

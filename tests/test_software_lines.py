"""Lines as web software prints them, each alone among sentences: most go, and what a writer may well say stays."""

from functools import cache
from pathlib import Path

import pytest
import yaml

from cleaner import Cleaner

CASES = yaml.safe_load(Path(__file__).with_name("cases").joinpath("software_lines.yaml").read_text(encoding="utf-8"))
HEADING = "The bridge closes"
SENTENCES = [
    "The council met on Monday in the old hall beside the harbour to speak of the bridge.",
    "Engineers had found a crack in its second pier during the spring of that year.",
    "Nobody could say how long the crack had been there before it was seen by a fisherman.",
    "The ferry would run from six in the morning until midnight, and cost nothing for the far bank.",
    "Shops on the quay asked who was to pay for the customers that they were going to lose.",
    "Work starts in May, and the old bridge should carry its first cart in the autumn after.",
    "The school opens an hour later, so that the children need not cross in the dark.",
    "Rain had fallen on the roof all evening, and two buckets stood on the steps of the stage.",
]
WHERE = {
    "above": lambda line: [line, HEADING, *SENTENCES, *SENTENCES],
    "amid": lambda line: [HEADING, *SENTENCES, line, *SENTENCES],
    "below": lambda line: [HEADING, *SENTENCES, *SENTENCES, line],
}


@cache
def cleaner() -> Cleaner:
    return Cleaner("default")


def left(line: str, where: str) -> list[str]:
    return cleaner()("\n".join(WHERE[where](line))).text.split("\n")


@pytest.mark.parametrize("where", WHERE)
def test_lines_go_and_nothing_else(where: str) -> None:
    others = [one for one in WHERE[where]("") if one]
    assert [line for line in CASES["goes"][where] if left(line, where) != others] == []


@pytest.mark.parametrize("where", WHERE)
def test_lines_stay(where: str) -> None:
    assert [line for line in CASES["stays"] if line not in left(line, where)] == []


@pytest.mark.parametrize("where", WHERE)
def test_known_failures(where: str) -> None:
    """A line that goes by now belongs to those that go."""
    assert [line for line in CASES["known_failures"][where] if line not in left(line, where)] == []

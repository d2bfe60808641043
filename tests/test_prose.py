"""Prose about sharing, newsletters, cookies, links and comments loses not one word."""

import re
import textwrap
from functools import cache
from pathlib import Path

import pytest
import yaml

from cleaner import Cleaner
from tests import prose

BY_HAND: dict[str, list[str]] = yaml.safe_load(
    Path(__file__).with_name("cases").joinpath("prose.yaml").read_text(encoding="utf-8")
)
TEXTS = [
    pytest.param(text, id=f"{genre}-{number}")
    for genre, texts in BY_HAND.items()
    for number, text in enumerate(texts, 1)
]
PROFILES = ("default", "conservative")
MADE = prose.paragraphs()


@cache
def cleaner(profile: str) -> Cleaner:
    return Cleaner(profile)


def keeps_every_word(profile: str, text: str, language: str | None = "en") -> None:
    result = cleaner(profile)(text, language=language)
    gone = [(edit.before, [cause.rule for cause in edit.causes]) for edit in result.edits]
    assert result.text.split() == text.split(), gone


def test_there_is_enough_of_it() -> None:
    assert len(set(MADE)) == 1_000
    assert sum(map(len, BY_HAND.values())) >= 150


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("language", ["en", None])
@pytest.mark.parametrize("text", TEXTS)
def test_texts_written_by_hand(text: str, language: str | None, profile: str) -> None:
    keeps_every_word(profile, text, language)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("language", ["en", None])
def test_all_of_them_in_one_text(language: str | None, profile: str) -> None:
    keeps_every_word(profile, "\n\n".join(text for texts in BY_HAND.values() for text in texts), language)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("topic", list(prose.TOPICS))
def test_every_paragraph_alone(topic: str, profile: str) -> None:
    number = list(prose.TOPICS).index(topic)
    for text in MADE[number :: len(prose.TOPICS)]:
        keeps_every_word(profile, text)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("between", ["\n", "\n\n"], ids=["lines", "paragraphs"])
def test_articles(between: str, profile: str) -> None:
    """Eight paragraphs an article, so that each stands at some end of one, and amid others."""
    for start in range(0, len(MADE), 8):
        keeps_every_word(profile, between.join(MADE[start : start + 8]))


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("width", [30, 40, 50, 60, 72, 80, 100])
def test_wrapped_at_some_width(width: int, profile: str) -> None:
    """What no rule can tell from a leftover by itself, a line above or below shows to be part of a paragraph."""
    for start in range(0, len(MADE), 8):
        keeps_every_word(profile, "\n\n".join(textwrap.fill(text, width) for text in MADE[start : start + 8]))
    for texts in BY_HAND.values():
        for text in texts:
            keeps_every_word(profile, "\n".join(textwrap.fill(line, width) for line in text.split("\n")))


@pytest.mark.parametrize("profile", PROFILES)
def test_a_sentence_a_line(profile: str) -> None:
    for start in range(0, len(MADE), 4):
        sentences = re.split(r"(?<=[.?!”]) (?=[A-Z0-9“])|\n", "\n".join(MADE[start : start + 4]))
        # Templates recur, and the pack `core` takes a line that stands twice in a row.
        keeps_every_word(profile, "\n".join(dict.fromkeys(sentences)))

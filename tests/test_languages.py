"""Labels of thirteen languages and scripts, and words that are a label in one language and a word of another."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from cleaner import Cleaner

FOLDER = Path(__file__).with_name("cases")
LANGUAGES: dict[str, Any] = yaml.safe_load((FOLDER / "languages.yaml").read_text(encoding="utf-8"))
KNOWN = (True, False)


def cases(kind: str) -> list[tuple[str, str]]:
    return [(language, line) for language, case in LANGUAGES.items() for line in case[kind]]


@cache
def cleaner() -> Cleaner:
    return Cleaner("default")


def test_every_language_has_its_cases() -> None:
    assert len(LANGUAGES) >= 12
    for language, case in LANGUAGES.items():
        assert min(len(case["drop"]), len(case["keep"])) >= 12, language


@pytest.mark.parametrize("known", KNOWN, ids=["known", "unknown"])
@pytest.mark.parametrize(("language", "line"), cases("drop"))
def test_labels_go(language: str, line: str, known: bool) -> None:
    text = "\n".join(LANGUAGES[language]["text"])
    result = cleaner()(f"{text}\n{line}", language=language if known else None)
    assert result.text == text


@pytest.mark.parametrize("known", KNOWN, ids=["known", "unknown"])
@pytest.mark.parametrize(("language", "line"), cases("keep"))
def test_look_alikes_stay(language: str, line: str, known: bool) -> None:
    lines = LANGUAGES[language]["text"]
    for place in (0, 3, len(lines)):
        text = "\n".join([*lines[:place], line, *lines[place:]])
        result = cleaner()(text, language=language if known else None)
        assert result.text == text, [cause.rule for edit in result.edits for cause in edit.causes]


LOOK_ALIKES: dict[str, list[list[str]]] = yaml.safe_load((FOLDER / "lookalikes.yaml").read_text(encoding="utf-8"))
WORDS = [*LOOK_ALIKES["known"], *LOOK_ALIKES["always"]]
TEXTS = {language.partition("-")[0]: case["text"] for language, case in LANGUAGES.items()}


def with_line(language: str, line: str, place: int) -> str:
    lines = TEXTS[language]
    return "\n".join([*lines[:place], line, *lines[place:]])


@pytest.mark.parametrize("place", [0, 3], ids=["first", "amid"])
@pytest.mark.parametrize(("language", "line", "meaning"), WORDS)
def test_no_label_of_another_language_goes(language: str, line: str, meaning: str, place: int) -> None:
    text = with_line(language, line, place)
    assert cleaner()(text, language=language).text == text


@pytest.mark.parametrize("place", [0, 3], ids=["first", "amid"])
@pytest.mark.parametrize(("language", "line", "meaning"), LOOK_ALIKES["always"])
def test_plain_words_stay_where_the_language_is_unknown(language: str, line: str, meaning: str, place: int) -> None:
    text = with_line(language, line, place)
    assert cleaner()(text).text == text


@pytest.mark.parametrize(("language", "line", "meaning"), LOOK_ALIKES["known"])
def test_labels_of_any_language_go_where_it_is_unknown(language: str, line: str, meaning: str) -> None:
    texts = [with_line(language, line, place) for place in (0, 3, 6)]
    assert any(cleaner()(text).text != text for text in texts)


BLOCKS: dict[str, list[str]] = yaml.safe_load((FOLDER / "blocks.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("known", KNOWN, ids=["known", "unknown"])
@pytest.mark.parametrize(
    ("language", "block"), [(language, one) for language, blocks in BLOCKS.items() for one in blocks]
)
def test_blocks_go(language: str, block: str, known: bool) -> None:
    text = "\n".join([*TEXTS[language], *TEXTS[language][-2::-1]])
    result = cleaner()(f"{text}\n\n{block}", language=language if known else None)
    assert result.text.rstrip() == text


PROSE: dict[str, list[str]] = yaml.safe_load((FOLDER / "prose_languages.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("known", KNOWN, ids=["known", "unknown"])
@pytest.mark.parametrize(
    ("language", "text"), [(language, text) for language, texts in PROSE.items() for text in texts]
)
def test_prose_stays(language: str, text: str, known: bool) -> None:
    lines = TEXTS[language]
    for document in (text, "\n".join([*lines, text]), "\n".join([text, *lines])):
        result = cleaner()(document, language=language if known else None)
        assert result.text.split() == document.split(), [cause.rule for edit in result.edits for cause in edit.causes]


@pytest.mark.parametrize("tag", ["de", "de-AT", "de_DE", "DEU", "ger", "deu_Latn"])
def test_a_language_by_any_of_its_tags(tag: str) -> None:
    text = "\n".join(TEXTS["de"])
    assert cleaner()(f"{text}\nDiesen Artikel teilen", language=tag).text == text
    assert cleaner()(f"Tags\n{text}", language=tag).text == f"Tags\n{text}"


def test_text_without_spaces_is_not_taken_for_short_lines() -> None:
    """Thai has no full stops and few blanks: under a label such lines would pass for a footer's."""
    lines = ["เรือข้ามฟากไม่ได้ออกจากท่าตั้งแต่พายุเมื่อวันอังคารที่แล้ว", "ไม่มีใครบนเกาะคิดว่าท่าเรือจะพังลงในคืนเดียว"] * 2
    text = "\n".join([*lines, "Share", "โรงเรียนยังเปิดสำหรับเด็กที่เดินมาได้เอง"])
    assert cleaner()(text).text.endswith("\nโรงเรียนยังเปิดสำหรับเด็กที่เดินมาได้เอง")

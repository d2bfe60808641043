"""Lines, folding, counts and shapes: tables, all of Unicode once, and random texts."""

import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import regex
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from cleaner import text as module
from cleaner.text import (
    APOSTROPHES,
    DASHES,
    EDGE,
    INVISIBLE,
    QUOTES,
    SPACES,
    UNUSUAL,
    Lines,
    ends_sentence,
    fold,
    fold_offsets,
    is_unspaced,
    link_spans,
    strip_edges,
    word_count,
)

CASES: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "cases" / "text.yaml").read_text("utf-8"))
CLASSES = {
    "SPACES": SPACES,
    "APOSTROPHES": APOSTROPHES,
    "QUOTES": QUOTES,
    "DASHES": DASHES,
    "INVISIBLE": INVISIBLE,
    "EDGE": EDGE,
    "UNUSUAL": UNUSUAL,
}
SURROGATES = range(0xD800, 0xE000)
EVERY_CHARACTER = [chr(code) for code in range(0x110000)]

# What folding treats specially, and marks to go with it
ODD = (
    "\r|\n|\x85|\u2028|\f|\v| |  |\xa0|\u3000|\t|\u200b|\u200d|\ufeff|\u034f|\xad|\ufe0f|‘|’|`|´|“|»|-|—|…|’|”|–|_|\x1c"
)
LETTERS = "a|e|I|İ|ı|ŉ|ß|ẞ|ſ|ǰ|ΐ|Σ|ς|ﬁ|ﬓ|Ａ|ｅ|１|K|Å|é|ộ|ᾳ|ᾼ|क|क़|न|か|が|한|각|ก|א|ا|😀|\ud800|\0"
MARKS = "\u0301|\u0307|\u0323|\u0302|\u0308|\u0345|\u093c|\u094d|\u0951|\u0952|\u3099|\u05b0|\u064b"
MARKS += "|\u20d2|\u0330|\u09be|\u09c7"
PIECES = st.sampled_from("|".join((ODD, LETTERS, MARKS)).split("|"))
TEXTS = st.one_of(st.lists(PIECES, max_size=16).map("".join), st.text(max_size=30))


@cache
def members(name: str) -> frozenset[str]:
    return frozenset(module._characters(CLASSES[name]))


# ------------------------------------------------------------------ lines


@pytest.mark.parametrize("case", CASES["lines"], ids=lambda case: repr(case["text"]))
def test_lines(case: dict[str, Any]) -> None:
    lines = Lines.of(case["text"])
    assert (lines.texts, lines.starts) == (case["lines"], case["starts"])


@given(TEXTS)
def test_lines_join_to_the_text(text: str) -> None:
    lines = Lines.of(text)
    assert "".join(text[start:end] for start, end in zip(lines.starts, lines.starts[1:], strict=False)) == text
    assert lines.starts[0] == 0
    assert lines.starts[-1] == len(text)
    assert len(lines.starts) == len(lines.texts) + 1
    for index, line in enumerate(lines.texts):
        assert text[lines.starts[index] : lines.end(index)] == line
        assert not re.search(r"[\r\n]", line)
        end = text[lines.end(index) : lines.starts[index + 1]]
        assert end in ("\n", "\r", "\r\n") or (end == "" and index == len(lines.texts) - 1 and line)
    assert lines.filled == [index for index, line in enumerate(lines.texts) if line.strip()]


# ------------------------------------------------------------------ folding


@pytest.mark.parametrize(("text", "expected"), CASES["fold"], ids=repr)
def test_fold(text: str, expected: str) -> None:
    assert fold(text) == expected


@pytest.mark.parametrize(("text", "expected"), CASES["case"], ids=repr)
def test_fold_with_case(text: str, expected: str) -> None:
    assert fold(text, case=True) == expected


@given(TEXTS, st.booleans())
@example("e\u200b\u0301", False)
@example("ｅ\u0301", True)
@example("I\u200b\u0307", False)
@example("ß\u0301", False)
def test_fold_is_idempotent(text: str, case: bool) -> None:
    folded = fold(text, case=case)
    assert fold(folded, case=case) == folded


@given(TEXTS, st.booleans())
def test_fold_is_made_of_its_pieces(text: str, case: bool) -> None:
    """The quick ways through `fold` give what folding character by character does."""
    pieces = module._pieces(text, case)
    assert fold(text, case=case) == "".join(piece for _, piece in pieces)


@given(TEXTS, st.booleans())
def test_offsets_lead_into_the_text(text: str, case: bool) -> None:
    folded, offsets = fold(text, case=case), fold_offsets(text, case=case)
    assert len(offsets) == len(folded) + 1
    assert offsets == sorted(offsets)
    assert offsets[-1] == len(text)
    for character, offset in zip(folded, offsets, strict=False):
        assert 0 <= offset < len(text)
        if character == " ":
            assert text[offset] in members("SPACES")


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
def test_canonically_equal_texts_of_latin_letters_fold_alike(text: str) -> None:
    letters = "".join(character for character in text if ord(character) < 0x250)
    assert fold(unicodedata.normalize("NFD", letters)) == fold(unicodedata.normalize("NFC", letters))


@given(TEXTS, TEXTS)
def test_folding_a_text_folds_its_words(left: str, right: str) -> None:
    assert fold(f"{left}x y{right}") == f"{fold(f'{left}x')} {fold(f'y{right}')}"


def test_every_character_that_folds_unusually_is_listed() -> None:
    """A line without these is scanned unfolded: its folding may differ by case, ß, σ, i, blank and punctuation only."""
    plain = members("SPACES") | members("APOSTROPHES") | members("QUOTES") | members("DASHES") | set("…ßẞςıİ")
    plain |= {chr(code) for code in range(0xFF01, 0xFF5F) if not chr(code).isalnum()}
    missing = []
    for character in EVERY_CHARACTER:
        if character in members("UNUSUAL") or character in plain:
            continue
        folded = fold(f"x{character}x")[1:-1]
        if folded != character and not (len(folded) == 1 and folded.upper() == character):
            missing.append((hex(ord(character)), folded))
        if unicodedata.combining(character) and module._MARKED.match(character):
            missing.append((hex(ord(character)), "mark"))
    assert missing == []


def test_every_character_folds_in_one_step() -> None:
    assert [hex(ord(one)) for one in EVERY_CHARACTER if fold(fold(one)) != fold(one)] == []
    assert [
        hex(ord(one)) for one in EVERY_CHARACTER if fold(fold(one, case=True), case=True) != fold(one, case=True)
    ] == []


def test_plain_case_is_the_same_for_the_accelerator() -> None:
    """Where a character only changes case, RE2's own folding finds it."""
    re2 = pytest.importorskip("re2")
    differ = []
    for character in EVERY_CHARACTER:
        if ord(character) in SURROGATES or character in members("UNUSUAL"):
            continue
        folded = fold(f"x{character}x")[1:-1]
        if (
            folded not in (character, "", "ss", "i")
            and folded.isalpha()
            and not re2.fullmatch(f"(?i){folded}", character)
        ):
            differ.append(hex(ord(character)))
    assert differ == []


@pytest.mark.parametrize("name", CLASSES)
def test_every_engine_reads_a_class_alike(name: str) -> None:
    text = "".join(EVERY_CHARACTER)
    inside = "".join(sorted(members(name)))
    python_class = f"[{module._python_class(CLASSES[name])}]"
    assert "".join(re.findall(python_class, text)) == inside
    assert "".join(regex.findall(python_class, text)) == inside
    re2 = pytest.importorskip("re2")
    encodable = "".join(one for one in EVERY_CHARACTER if ord(one) not in SURROGATES)
    assert "".join(re2.findall(f"[{CLASSES[name]}]", encodable)) == inside


def test_blanks_are_what_python_strips() -> None:
    assert members("SPACES") == {one for one in EVERY_CHARACTER if one.isspace()}


# ------------------------------------------------------------------ edges, counts, shapes


@pytest.mark.parametrize(("text", "inner"), CASES["edges"], ids=repr)
def test_edges(text: str, inner: str) -> None:
    start, end = strip_edges(fold(text))
    assert fold(text)[start:end] == inner


@given(TEXTS)
def test_edges_hold_no_letters(text: str) -> None:
    start, end = strip_edges(text)
    assert 0 <= start <= end <= len(text)
    assert not any(map(str.isalnum, text[:start] + text[end:]))
    assert strip_edges(text[start:end]) == (0, end - start)


@pytest.mark.parametrize(("text", "count"), CASES["words"], ids=repr)
def test_words(text: str, count: int) -> None:
    assert word_count(text) == count


@given(st.lists(TEXTS, max_size=4))
def test_words_add_up_over_blanks(texts: list[str]) -> None:
    assert word_count("\n".join(texts)) == sum(map(word_count, texts))


@given(TEXTS)
def test_words_are_counted_alike_whatever_the_way(text: str) -> None:
    """ASCII, text that is ASCII but for its quotes and dashes, and text with a word of Han beside it take ways of their own."""
    assert word_count(text + " 漢é") == word_count(text) + 1 + 1


@pytest.mark.parametrize("text", CASES["sentence"]["ends"])
def test_sentence_ends(text: str) -> None:
    assert ends_sentence(text)


@pytest.mark.parametrize("text", CASES["sentence"]["stays"])
def test_no_sentence_ends(text: str) -> None:
    assert not ends_sentence(text)


@pytest.mark.parametrize(("text", "links"), CASES["links"], ids=repr)
def test_links(text: str, links: list[str]) -> None:
    assert [text[start:end] for start, end in link_spans(text)] == links


@pytest.mark.parametrize("shape", ["[", "[a](", "a@", "a@a.", "www.", "a.", "https://", "[]("])
def test_links_are_found_in_linear_time(shape: str) -> None:
    import time

    started = time.process_time()
    link_spans((shape * 100_000)[:100_000] + "](@ www. ://")
    assert time.process_time() - started < 2


@pytest.mark.parametrize(("characters", "unspaced"), [("漢あカไກမក々〇ﾊ𠮷", True), ("aéяא한।1 -。", False)])
def test_unspaced(characters: str, unspaced: bool) -> None:
    assert {is_unspaced(character) for character in characters} == {unspaced}

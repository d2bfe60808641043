"""Every test of the rule language, on the texts of cases/tests.yaml; and the parts of matching."""

from __future__ import annotations

import string
import time
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cleaner.engine.compiled import finder_of
from cleaner.matching.duplicates import near_earlier, near_previous
from cleaner.matching.phrases import PhraseTable, phrase_spans
from cleaner.matching.predicates import Check, compile_test
from cleaner.matching.runs import grow
from cleaner.matching.scan import build_scanner
from cleaner.matching.units import Units, document_unit, line_units, paragraph_units
from cleaner.rules import load_text, model
from cleaner.rules.clues import scan_of
from cleaner.rules.model import Phrase, Range, Run
from cleaner.rules.problems import Place
from cleaner.rules.tests import TESTS
from cleaner.text import Lines

CASES: dict[str, list[dict[str, Any]]] = yaml.safe_load(
    Path(__file__).with_name("cases").joinpath("tests.yaml").read_text(encoding="utf-8")
)
HERE = Place("here", 1, 1)


def match_of(case: dict[str, Any]) -> model.Test:
    rule = {"id": "one", "about": "one", "match": case["match"], "examples": [{"drop": "a"}, {"keep": "b"}]}
    pack = {"define": case.get("define", {}), "rules": [rule]}
    match = load_text(yaml.safe_dump(pack, allow_unicode=True)).rules[0].match
    assert match is not None
    return match


def units_of(text: str, kind: str = "line", language: str | None = None, seconds: float = 10) -> Units:
    lines = line_units(Lines.of(text), language=language, deadline=time.monotonic() + seconds)
    if kind == "line":
        return lines
    return paragraph_units(lines) if kind == "paragraph" else document_unit(lines)


def passing(check: Check, units: Units) -> list[int]:
    """Return the units that pass; none of them may be missed by the accelerator."""
    passed = [index for index in range(len(units.texts)) if check.run(units, index) is not None]
    candidates = build_scanner([scan_of(check.test)], units.kind).candidates(units)
    assert set(passed) <= set(candidates.get(0, ())), "the accelerator misses a unit"
    find = finder_of(check.test)
    assert find is None or set(passed) <= set(find(units)), "what finds repeated and wrapped units misses one"
    return passed


def cases() -> list[Any]:
    return [pytest.param(case, id=f"{key}-{number}") for key in CASES for number, case in enumerate(CASES[key], 1)]


def test_every_test_of_the_language_has_cases() -> None:
    assert CASES.keys() == {*TESTS, "case", "any", "language"}


@pytest.mark.parametrize("case", cases())
def test_case(case: dict[str, Any]) -> None:
    assert case.keys() <= {"match", "define", "unit", "language", "hit", "miss", "text", "lines"}
    check = compile_test(match_of(case))
    kind, language = case.get("unit", "line"), case.get("language")
    if "text" in case:
        units = units_of(case["text"], kind, language)
        assert [units.first_lines[index] + 1 for index in passing(check, units)] == case["lines"]
    assert ("text" in case) != bool(case.get("hit"))
    for wanted, texts in (([0], case.get("hit", [])), ([], case.get("miss", []))):
        for text in texts:
            assert passing(check, units_of(text, kind, language)) == wanted, text


SURROGATES = ["share \ud800", "\udfff share", "\ud83d"]


@pytest.mark.parametrize("text", SURROGATES)
def test_lone_surrogates_are_ordinary_characters(text: str) -> None:
    assert passing(compile_test(match_of({"match": {"has": "share"}})), units_of(text)) == [0] * ("share" in text)


def test_one_line_with_a_lone_surrogate_does_not_make_every_line_a_candidate() -> None:
    scanner = build_scanner([scan_of(match_of({"match": {"is": "share"}}))])
    assert list(scanner.candidates(units_of("one\n\ud800\nshare\ntwo"))[0]) == [2]


# ------------------------------------------------------------------ phrases

SPANS = [
    # phrases, text, [start, end, phrase]
    (["share"], "share, Share; SHARE", [(0, 5, "share"), (7, 12, "share"), (14, 19, "share")]),
    (["share"], "a shareholder's share", [(16, 21, "share")]),
    (["share", "share this"], "share this: share", [(0, 10, "share this"), (12, 17, "share")]),
    (["share this", "this page"], "share this page", [(0, 10, "share this")]),  # as long: the first by letter
    (["a b", "b c d"], "a b c d a b", [(2, 7, "b c d"), (8, 11, "a b")]),
    (["sign up"], "si\u00adgn \u200b \u00a0up now", [(0, 11, "sign up")]),
    (["..."], "a… b...", [(1, 2, "..."), (4, 7, "...")]),
    (["straße"], "die STRASSE, die Straße", [(4, 11, "strasse"), (17, 23, "strasse")]),
    (["café"], "un cafe\u0301 noir", [(3, 8, "café")]),
    (["分享"], "请分享，分享", [(1, 3, "分享"), (4, 6, "分享")]),
    (["साझा"], "यह।साझा", [(3, 7, "साझा")]),
    (["分享", "转发"], "分享转发", [(0, 2, "分享"), (2, 4, "转发")]),
]


@pytest.mark.parametrize(("phrases", "text", "wanted"), SPANS)
def test_phrases_are_found_where_they_stand(phrases: list[str], text: str, wanted: list[tuple[int, int, str]]) -> None:
    table = PhraseTable([Phrase(phrase) for phrase in phrases], case=False)
    assert phrase_spans("has", table, units_of(text), 0) == wanted


@pytest.mark.parametrize(
    ("key", "phrase", "text", "wanted"),
    [
        ("is", "share", "↗ SHARE:", "SHARE"),
        ("is", "share", "\u200b[s\u200bhare]", "s\u200bhare"),
        ("starts", "more news:", "• More news: one", "More news:"),
        ("starts", "+ info", "• + info: one", "+ info"),
        ("ends", "read more", "It began. Read\u00a0more »", "Read\u00a0more"),
        ("ends", "more news:", "see more news: »", "more news:"),
        ("is", "...", " … ", "…"),
    ],
)
def test_a_phrase_at_an_end_is_cut_without_what_is_ignored(key: str, phrase: str, text: str, wanted: str) -> None:
    ((start, end, _),) = phrase_spans(key, PhraseTable([Phrase(phrase)], case=False), units_of(text), 0)
    assert text[start:end] == wanted


@given(
    st.sampled_from(["starts", "ends"]),
    st.lists(st.text("ab→. ", min_size=1, max_size=4).filter(str.strip), min_size=1, max_size=5),
    st.text("ab→. ", min_size=1, max_size=8).filter(str.strip),
)
def test_phrases_looked_up_by_a_character_are_those_found_one_by_one(key: str, phrases: list[str], text: str) -> None:
    def found(*some: str) -> set[str]:
        return {
            hit for _, _, hit in phrase_spans(key, PhraseTable([*map(Phrase, some)], case=False), units_of(text), 0)
        }

    alone = set().union(*map(found, phrases))
    assert found(*phrases) <= alone
    assert [len(one) for one in found(*phrases)] == ([max(map(len, alone))] if alone else [])


def test_a_document_may_claim_any_language_without_filling_the_memory() -> None:
    table = PhraseTable([Phrase("share", "en"), Phrase("tweet")], case=False)
    for one, two in product(string.ascii_lowercase, repeat=2):
        assert list(table.pick(f"x{one}{two}").cores) == ["tweet"]
    assert len(table.by_language) == 1


def test_a_line_of_a_million_phrases_is_cut_in_linear_time() -> None:
    table = PhraseTable([Phrase("a"), Phrase("b c")], case=False)
    text = "a b c " * 100_000
    started = time.process_time()
    assert len(phrase_spans("has", table, units_of(text, seconds=60), 0)) == 200_000
    assert time.process_time() - started < 10


# ------------------------------------------------------------------ duplicates


def similar(left: list[str], right: list[str]) -> float:
    """Twice the longest common subsequence over all words: no matcher can find more than that in common."""
    row = [0] * (len(right) + 1)
    for word in left:
        diagonal = 0
        for at, other in enumerate(right, 1):
            diagonal, row[at] = row[at], diagonal + 1 if word == other else max(row[at], row[at - 1])
    return 2 * row[-1] / (len(left) + len(right))


@given(
    st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=12), min_size=2, max_size=8),
    st.sampled_from([0.5, 0.7, 0.9]),
)
def test_near_duplicates_are_near(units: list[list[str]], share: float) -> None:
    made = units_of("\n".join(" ".join(words) for words in units))
    for index, first in enumerate(near_earlier(made, share)):
        assert first <= index
        if first < index:
            assert similar(units[first], units[index]) >= share - 1e-9
        assert all(units[index] != other for other in units[:index]) or first < index
        if near_previous(made, share, index):
            assert similar(units[index - 1], units[index]) >= share - 1e-9
            assert first < index


@given(st.lists(st.sampled_from("abcdefghijklmnopqrst"), min_size=10, max_size=20, unique=True), st.data())
def test_one_changed_word_in_ten_is_near(words: list[str], data: st.DataObject) -> None:
    """The index of rare words must not lose a pair: with one word changed, all the rest is common."""
    changed = list(words)
    changed[data.draw(st.integers(0, len(words) - 1))] = "X"
    made = units_of("\n".join([" ".join(words), "between", " ".join(changed)]))
    assert near_earlier(made, 0.9) == [0, 1, 0]


@pytest.mark.parametrize(("words", "same"), [(400, True), (401, False)])
def test_near_duplicates_have_at_most_four_hundred_words(words: int, same: bool) -> None:
    text = " ".join(map(str, range(words)))
    made = units_of(f"x{text}\n{text}\n{text}")
    assert near_earlier(made, 0.9) == ([0, 0, 1] if same else [0, 1, 1])
    assert [near_previous(made, 0.9, index) for index in range(3)] == [False, same, True]


def test_near_duplicates_of_many_lines_with_the_same_words() -> None:
    started = time.process_time()
    made = units_of("".join(f"x y z q{number} r{number}\n" for number in range(20_000)), seconds=60)
    assert near_earlier(made, 0.7) == list(range(20_000))
    assert time.process_time() - started < 10


def test_near_duplicates_keep_to_the_time_limit() -> None:
    lines = [" ".join("ab"[(number * at * at // 7) % 2] for at in range(400)) for number in range(1, 400)]
    started = time.process_time()
    with pytest.raises(TimeoutError):
        near_earlier(units_of("\n".join(lines), seconds=0.2), 0.95)
    assert time.process_time() - started < 2


# ------------------------------------------------------------------ runs

RUNS = [
    # lines (h starts a run, t may follow, - is blank, x neither), count, gap, edge, first and last line taken
    ("h t t x", "1..", 1, None, [(0, 2)]),
    ("h x", "1..", 1, None, []),
    ("h x", "0..", 1, None, [(0, 0)]),
    ("h t t t", "1..2", 1, None, [(0, 2)]),
    ("h t", "2..", 1, None, []),
    ("h - t", "1..", 1, None, [(0, 2)]),
    ("h - t", "1..", 0, None, []),
    ("h - - t", "1..", 1, None, []),
    ("h t - - t", "1..", 1, None, [(0, 1)]),
    ("h t t", "1..", 1, "end", [(0, 2)]),
    ("h t t x", "1..", 1, "end", []),
    ("h t t -", "1..", 1, "end", [(0, 2)]),
    ("h t t t", "1..2", 1, "end", []),
    ("t t h x", "1..", 1, "start", [(0, 2)]),
    ("x t h", "1..", 1, "start", []),
    ("- t h", "1..", 1, "start", [(1, 2)]),
    ("h t h t", "1..", 1, None, [(0, 1), (2, 3)]),
    ("t h x t h", "1..", 1, "start", [(0, 1)]),
    ("x h h", "1..", 1, "start", []),
]


@pytest.mark.parametrize(("text", "count", "gap", "edge", "wanted"), RUNS)
def test_runs(text: str, count: str, gap: int, edge: Any, wanted: list[tuple[int, int]]) -> None:
    units = units_of("\n".join("" if line == "-" else line for line in text.split()))
    low, _, high = count.partition("..")
    then = model.Test("is", (Phrase("t"),), HERE)
    heads = [index for index, line in enumerate(units.texts) if line == "h"]
    run = Run(then, Range(float(low), float(high or "inf")), gap, edge, HERE)
    found = grow(run, compile_test(then), units, heads)
    assert [(units.first_lines[first], units.last_lines[last]) for first, last, _ in found] == wanted


@pytest.mark.parametrize(
    ("text", "count", "edge", "wanted"),
    [
        ("a a a x a", (1, 9), None, [(0, 2), (4, 4)]),
        ("a a a x a", (2, 9), None, [(0, 2)]),
        ("a a a a a", (1, 2), None, [(0, 1), (2, 3), (4, 4)]),
        ("a x a a", (1, 9), "end", [(2, 3)]),
        ("a a x a", (1, 9), "start", [(0, 1)]),
        ("a a a", (1, 1), None, [(0, 0), (1, 1), (2, 2)]),
    ],
)
def test_runs_of_the_match_itself(text: str, count: tuple[int, int], edge: Any, wanted: list[tuple[int, int]]) -> None:
    units = units_of(text.replace(" ", "\n"))
    match = model.Test("is", (Phrase("a"),), HERE)
    heads = [index for index, line in enumerate(units.texts) if line == "a"]
    run = Run(None, Range(float(count[0]), float(count[1])), 1, edge, HERE)
    assert [(first, last) for first, last, _ in grow(run, compile_test(match), units, heads)] == wanted


def test_runs_that_fail_at_their_edge_cost_each_line_once() -> None:
    """A hundred thousand heads, each of which could grow to the last line but one."""
    units = units_of("a\n" * 100_000 + "x")
    check, calls = compile_test(model.Test("is", (Phrase("a"),), HERE)), [0]

    def counted(units: Units, index: int) -> Any:
        calls[0] += 1
        return check.run(units, index)

    run = Run(None, Range(1, float("inf")), 1, "end", HERE)
    assert grow(run, replace(check, run=counted), units, range(100_000)) == []
    assert calls[0] <= 100_001

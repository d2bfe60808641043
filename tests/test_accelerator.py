"""The accelerator may only ever choose too many rules: results with it and without it are equal."""

from __future__ import annotations

import sys
import time
import unicodedata
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleaner import Cleaner
from cleaner.matching import finders
from cleaner.matching.phrases import PhraseTable
from cleaner.matching.predicates import Check, compile_test
from cleaner.matching.scan import Scanner, build_scanner
from cleaner.matching.units import Kind, Units, document_unit, line_units, paragraph_units
from cleaner.rules import model
from cleaner.rules.clues import Scan, scan_of
from cleaner.rules.layers import resolve
from cleaner.rules.model import Phrase
from cleaner.rules.problems import Place
from cleaner.text import Lines, fold

re2 = pytest.importorskip("re2")

HERE = Place("here", 1, 1)
CONFIGURATION = resolve(["default"]).configuration
RULES = [rule for rule in CONFIGURATION.rules if rule.match is not None]
PHRASES = sorted(
    {
        phrase.text
        for rule in RULES
        for test in model.inner_tests(rule.match)
        if test.key in ("is", "starts", "ends", "has")
        for phrase in test.value
    }
)
SAMPLES = sorted({example.text for rule in RULES for example in rule.examples})
CONTENT = [
    "The council met on Monday and agreed on the budget for the coming year.",
    "“We share the cost,” the mayor said – “and the blame.”",
    "- A list item",
    "İstanbul'da ışık ve ISI",
    "Die Straße, DIE STRASSE; STRAẞE",
    "ο κόσμος, Ο ΚΌΣΜΟΣ, κόσμοσ",
    "他说他没有更多的细节。share按钮",
    "هو لم يعط أي تفاصيل.",
    "_Share_ and *share* and share_it",
    "K\u212aeep Å\u212b Ω\u2126 ſtop ﬁne ŉ ǅ ϐ ᾳ ꭰ",
    "12,345 likes · 7 comments · ٣٤",
    "",
]
# What folding evens out, beside what it does not.
SPACES = " \u00a0\u2003\u3000\t"
NOISE = [
    "\u200b",
    "\u00ad",
    "\ufeff",
    "\u200d",
    "\u0301",
    "\u0308",
    "\u3099",
    "\u202e",
    "\ufe0f",
    "\ud800",
    "\0",
    "\x1c",
]
BULLETS = ["", "• ", "↗ ", "» ", "_", "\uf1e0 ", "📤 ", "[", "— ", "1. ", "x", "\u00a0", "'", "¡", "\u20e3"]
TAILS = ["", ":", " »", "…", "_", "!", "]", "s", " 12", "\u200b", "\u3000", "?!", "\u0301"]
SWAPS = {
    " ": SPACES,
    "'": "'’`´ʼ＇",
    '"': '"“”«»＂',
    "-": "-–—‑−",
    ".": ".．",
    "i": "iİıI",
    "s": "sſS",
    "k": "kK\u212a",
    "σ": "σςΣ",
    "ς": "σςΣ",
    "ß": "ßẞ",
}


@st.composite
def phrase_like(draw: st.DrawFn) -> str:
    """A phrase of the packs, disguised."""
    text: str = draw(st.sampled_from(PHRASES))
    text = draw(st.sampled_from([text, text.upper(), text.title(), text.lower(), text.casefold(), text.swapcase()]))
    if draw(st.booleans()):
        text = "".join(draw(st.sampled_from(SWAPS[one])) if one in SWAPS else one for one in text)
    how = draw(st.integers(0, 5))
    if how == 0:
        text = "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in text)
    elif how == 1:
        text = unicodedata.normalize("NFD", text)
    elif how == 2:
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.sampled_from(NOISE)) + text[at:]
    elif how == 3:
        text = text.replace("...", "…")
    return draw(st.sampled_from(BULLETS)) + text + draw(st.sampled_from(TAILS))


line = st.one_of(st.sampled_from(CONTENT), phrase_like(), phrase_like(), st.sampled_from(SAMPLES))
texts = st.builds(
    lambda lines, end: end.join(lines), st.lists(line, max_size=8), st.sampled_from(["\n", "\n\n", "\r\n"])
)
languages = st.sampled_from([None, None, "en", "fr", "de", "sw"])


@cache
def pair(number: int | None) -> tuple[Cleaner, Cleaner]:
    """Return the cleaner of one rule, or of all, with and without the accelerator; no guard hides any."""
    rules = CONFIGURATION.rules if number is None else (CONFIGURATION.rules[number],)
    only = replace(CONFIGURATION, rules=tuple(replace(rule, budget=None) for rule in rules), guard=1.0)
    fast, plain = (Cleaner.from_configuration(only, accelerate=on) for on in (True, False))
    return fast, plain


@settings(max_examples=200)
@given(texts, languages)
def test_all_rules_give_the_same_results(text: str, language: str | None) -> None:
    fast, plain = pair(None)
    assert fast(text, language=language) == plain(text, language=language)


@settings(max_examples=200)
@given(texts, languages, st.integers(0, len(CONFIGURATION.rules) - 1))
def test_each_rule_gives_the_same_results(text: str, language: str | None, number: int) -> None:
    fast, plain = pair(number)
    assert fast(text, language=language) == plain(text, language=language)


def units_of(text: str, kind: Kind = "line", language: str | None = None) -> Units:
    lines = line_units(Lines.of(text), language=language, deadline=time.monotonic() + 60)
    if kind == "line":
        return lines
    return paragraph_units(lines) if kind == "paragraph" else document_unit(lines)


@cache
def checks() -> tuple[dict[Kind, list[Check]], dict[Kind, Scanner]]:
    """Return the compiled matches of all rules by kind of unit, and one scanner for each kind."""
    by_kind: dict[Kind, list[model.Test]] = {}
    for rule in RULES:
        assert rule.match is not None
        by_kind.setdefault("line" if rule.unit == "span" else rule.unit, []).append(rule.match)
    compiled = {kind: list(map(compile_test, tests)) for kind, tests in by_kind.items()}
    return compiled, {kind: build_scanner(list(map(scan_of, tests)), kind) for kind, tests in by_kind.items()}


@settings(max_examples=200)
@given(texts)
def test_candidates_hold_every_unit_that_passes(text: str) -> None:
    by_kind, scanners = checks()
    for kind, found in by_kind.items():
        units = units_of(text, kind)
        candidates = scanners[kind].candidates(units)
        for rule, check in enumerate(found):
            missed = [
                index
                for index in range(len(units.texts))
                if index not in candidates.get(rule, ()) and check.run(units, index) is not None
            ]
            assert not missed, (check.test, [units.texts[index] for index in missed])


def test_the_accelerator_leaves_rules_out() -> None:
    """Lest all of this hold because every rule looks at every line."""
    by_kind, scanners = checks()
    units = units_of("\n".join(CONTENT[:3]))
    chosen = sum(map(len, scanners["line"].candidates(units).values()))
    assert chosen < 0.2 * len(by_kind["line"]) * len(units.texts)


# ------------------------------------------------------------------ every character


@pytest.mark.parametrize("key", ["is", "starts", "ends", "has"])
def test_every_character_is_found_by_the_scan_wherever_the_phrase_test_finds_it(key: str) -> None:
    """A phrase of one character, and the same character in every other shape that folds to it."""
    shapes: dict[str, set[str]] = {}
    for code in range(0x80, sys.maxunicode + 1):
        if 0xD800 <= code < 0xE000:
            continue
        one = chr(code)
        for other in {one.upper(), one.lower(), one.casefold(), one.title(), one.swapcase()} - {one}:
            shapes.setdefault(one, set()).add(other)
            shapes.setdefault(other, set()).add(one)
    for code in range(0xFF01, 0xFF5F):
        shapes.setdefault(chr(code - 0xFEE0), set()).add(chr(code))
    found = 0
    for one, others in sorted(shapes.items()):
        if not PhraseTable([Phrase(one)], case=False).pick(None).longest:
            continue
        check = compile_test(model.Test(key, (Phrase(one),), HERE))
        scanner = build_scanner([scan_of(check.test)])
        units = units_of("\n".join(sorted(others)))
        candidates = set(scanner.candidates(units).get(0, ()))
        passed = {index for index in range(len(units.texts)) if check.run(units, index) is not None}
        assert passed <= candidates, (one, [units.texts[index] for index in passed - candidates])
        found += len(passed)
    assert found > 2_500


def test_what_is_ignored_around_a_phrase_is_ignored_by_the_scan() -> None:
    check = compile_test(model.Test("is", (Phrase("share"),), HERE))
    scanner = build_scanner([scan_of(check.test)])
    for made in ([f"{one}share" for one in CHARACTERS], [f"share{one}" for one in CHARACTERS]):
        units = units_of("\n".join(made))
        candidates = set(scanner.candidates(units).get(0, ()))
        missed = [
            units.texts[at] for at in range(len(made)) if at not in candidates and check.run(units, at) is not None
        ]
        assert not missed, missed[:20]


PATTERNS = r"""
    i k s I ı İ ß ẞ σ ς å ω µ ǆ θ ꙋ ა ɤ Ɤ ɫ \u0131 [a-z] [^a-z] [k]x? [^k] [İ] [^ı] [à-ž] [^à-ž] [^\x00-\x7f]
    \w \W \s \S \d \D [\W] [^\W] \p{Lu} \P{Lu} \p{Greek} . ιͅ
""".split()
# All that has case or is of a kind of its own; Han, Hangul and the like are all alike.
BLOCKS = [
    (0, 0x3400),
    (0xA000, 0xAC00),
    (0xF900, 0x10600),
    (0x10C00, 0x10E00),
    (0x118A0, 0x118E0),
    (0x16E40, 0x16EE0),
]
BLOCKS += [(0x1D400, 0x1D800), (0x1DF00, 0x1E000), (0x1E900, 0x1E960), (0x1F000, 0x1FB00), (0xE0000, 0xE01F0)]
CHARACTERS = [chr(code) for low, high in BLOCKS for code in range(low, high) if chr(code) not in "\r\n"]


@pytest.mark.parametrize("case", [False, True], ids=["any", "case"])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_see_every_character_alike(pattern: str, case: bool) -> None:
    check = compile_test(model.Test("regex", f"^{pattern}$", HERE, case))
    scanner = build_scanner([scan_of(check.test)])
    units = units_of("\n".join(CHARACTERS))
    candidates = set(scanner.candidates(units).get(0, ()))
    missed = [one for at, one in enumerate(units.texts) if at not in candidates and check.run(units, at) is not None]
    assert not missed, [f"{ord(one):x}" for one in missed[:20]]


@pytest.mark.parametrize("key", ["is", "starts", "has"])
def test_a_long_phrase_may_be_cut_anywhere(key: str) -> None:
    """The finder looks at the first characters only, and one character may fold to several or several to one."""
    for written, others in (
        ("ß", "ß ẞ ss SS"),
        ("...", "… ... .."),
        ("'", "’ ʼ"),
        ("é", "é É e\u0301"),
        ("  ", "\u00a0 \u3000 \u00a0\u00a0\u3000\t"),
    ):
        for length in range(1, 40):
            before = ("kleiner text " * 4)[:length].strip()
            check = compile_test(model.Test(key, (Phrase(f"{before}{written}erlesen bis morgen"),), HERE))
            scanner = build_scanner([scan_of(check.test)])
            units = units_of("\n".join(f"{before}{other}erlesen bis morgen" for other in others.split(" ")))
            passed = {index for index in range(len(units.texts)) if check.run(units, index) is not None}
            assert passed <= set(scanner.candidates(units).get(0, ())), (before, written)
            assert passed


# What folds to more, fewer or other characters, among letters that do not.
TRICKY = st.lists(
    st.sampled_from([*"abcs ß.'’–…iİıéＥΣς你1_\u0301\u200b\ufb01", "ab", "bc ", "  ", "cab"]), max_size=14
).map("".join)


@settings(max_examples=200)
@given(st.sampled_from(["is", "starts", "has", "ends"]), TRICKY, TRICKY, TRICKY)
def test_what_a_text_opens_with_or_holds_is_found_however_it_is_written(
    key: str, phrase: str, before: str, after: str
) -> None:
    if not fold(phrase).strip():
        return
    check = compile_test(model.Test(key, (Phrase(phrase), Phrase("abc"), Phrase("ab")), HERE))
    scanner = build_scanner([scan_of(check.test)])
    shapes = {phrase, phrase.upper(), phrase.replace(" ", "  "), unicodedata.normalize("NFD", phrase)}
    units = units_of(
        "\n".join(f"{first}{shape}{last}" for shape in shapes for first in ("", before) for last in ("", after))
    )
    candidates = set(scanner.candidates(units).get(0, ()))
    passed = {at for at in range(len(units.texts)) if check.run(units, at) is not None}
    assert passed <= candidates, [units.texts[at] for at in passed - candidates]


# ------------------------------------------------------------------ without it


class Forgetful:
    """A set that ran out of memory: it answers that nothing matched, not even what always does."""

    def Match(self, text: bytes) -> list[int]:
        return []


def scans() -> list[Scan | None]:
    return [scan_of(model.Test("has", (Phrase(one),), HERE)) for one in ("share", "tweet")] + [None]


def listed(scanner: Scanner, units: Units) -> list[list[int]]:
    found = scanner.candidates(units)
    return [list(found.get(rule, ())) for rule in range(3)]


def test_an_answer_without_the_sentinel_makes_every_rule_of_the_set_a_candidate() -> None:
    scanner = build_scanner(scans())
    units = units_of("one\nshare\nthree")
    assert listed(scanner, units) == [[1], [], [0, 1, 2]]
    (finder,) = scanner.finders
    forgetful = replace(finder, patterns=lambda: replace(finder.patterns(), matcher=Forgetful()))
    assert listed(replace(scanner, finders=[forgetful]), units) == [[1], [1], [0, 1, 2]]


def test_a_set_that_runs_out_of_memory_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """RE2 with the least memory in which the set compiles: results stay what they are."""
    patterns: list[Scan | None] = [
        scan_of(model.Test("has", tuple(Phrase(f"{word} {number}") for number in range(40)), HERE))
        for word in ("share", "tweet", "pin", "mail")
    ]
    text = "\n".join(
        f"{word} {number}{'x' * (number % 3)}" for word in ("share", "tweet", "pin") for number in range(40)
    )
    units = units_of(text)
    wanted = build_scanner(patterns).candidates(units)
    for memory in (1 << 10, 1 << 14, 1 << 16, 1 << 17, 1 << 18, 1 << 20):
        monkeypatch.setattr(finders, "_MEMORY", memory)
        found = build_scanner(patterns).candidates(units)
        assert all(set(some) <= set(found[rule]) for rule, some in wanted.items())


def test_a_pattern_that_re2_refuses_costs_no_other_rule_anything() -> None:
    """RE2 counts no further than to 1,000; the beginning of the pattern it takes."""
    long = f"^submission of {'(?:' * 4}(?:ab){{4}}{'){4}' * 4}$"
    tests = [model.Test("regex", pattern, HERE) for pattern in (long, "^publication of")]
    scanner = build_scanner(list(map(scan_of, tests)))
    units = units_of(f"submission of {'ab' * 1024}\nsubmission of boats\npublication of boats\nboats")
    assert list(scanner.always) == []
    assert scanner.candidates(units) == {0: [0, 1, 2], 1: [2]}  # whatever is worth a look to anybody


@pytest.mark.parametrize("pattern", [r"shares[^a-z]now", r"shares\P{L}now", r"shares\Xnow", r"^shares\s.{0,3}now"])
def test_a_pattern_may_go_past_the_end_of_a_line(pattern: str) -> None:
    """In a paragraph a line end is a character like any other."""
    test = model.Test("regex", pattern, HERE)
    units = units_of("a text\nof lines\n\nshares\nnow", "paragraph")
    assert compile_test(test).run(units, 1) is not None
    assert build_scanner([scan_of(test)], "paragraph").candidates(units) == {0: [1]}


def test_without_re2_every_rule_looks_at_every_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finders, "re2", None)
    units = units_of("one\nshare")
    assert listed(build_scanner(scans()), units) == [[0, 1]] * 3
    without: Any = Cleaner.from_configuration(CONFIGURATION)
    for text in SAMPLES[::10]:
        assert without(text) == pair(None)[0](text) or without(text).flags


def test_a_letter_whose_case_re2_does_not_know_is_looked_at() -> None:
    """Dotless and dotted i, and the letters of a later Unicode than RE2's."""
    clean, plain = (
        Cleaner.from_configuration(
            replace(CONFIGURATION, rules=(replace(RULES[0], match=match, unless=None),)), accelerate=on
        )
        for on in (True, False)
        for match in [model.Test("regex", "paylaşın", HERE)]
    )
    assert clean("PAYLAŞIN") == plain("PAYLAŞIN")

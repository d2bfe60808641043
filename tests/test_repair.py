"""The `fix` operations: cases from cases/repair.yaml, and properties that hold for every text."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import ftfy
import msgspec
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cleaner.repair import OPERATIONS, EncodingOptions, Replacement, common, encoding
from cleaner.text import Lines
from tests.samples import SHAPES

CASES: dict[str, Any] = yaml.safe_load(
    # YAML has no escape for a lone surrogate: `\ud800` would be refused, so a private character carries it.
    re.sub(
        r"\\u(d[89a-f][0-9a-f]{2})",
        lambda match: f"\\U000F{match[1]}",
        Path(__file__).with_name("cases").joinpath("repair.yaml").read_text(encoding="utf-8"),
    )
)


def text_of(value: str) -> str:
    return re.sub("[\U000fd800-\U000fdfff]", lambda match: chr(ord(match[0]) - 0xF0000), value)


def changed(name: str, text: str, **options: Any) -> tuple[str, list[Replacement]]:
    operation = OPERATIONS[name]
    changes = operation.find(Lines.of(text), msgspec.convert(options, operation.options))
    pieces, done = [], 0
    for change in changes:
        assert done <= change.start <= change.end <= len(text), (changes, text)
        assert text[change.start : change.end] != change.after, (change, text)
        pieces += [text[done : change.start], change.after]
        done = change.end
        json.dumps(change.evidence)
    return "".join(pieces) + text[done:], changes


def listed(kind: str) -> list[Any]:
    return [
        pytest.param(name, case, id=f"{name}-{index}")
        for name in OPERATIONS
        for index, case in enumerate(CASES[name][kind])
    ]


def test_cases_and_operations_are_the_same() -> None:
    assert CASES.keys() - {"known_failures"} == OPERATIONS.keys()


@pytest.mark.parametrize(("name", "case"), listed("changes"))
def test_changes(name: str, case: dict[str, Any]) -> None:
    text, changes = changed(name, text_of(case["in"]), **case.get("options", {}))
    assert text == text_of(case["out"])
    if "edits" in case:
        assert [[change.start, change.end, change.after] for change in changes] == case["edits"]
    assert changed(name, text, **case.get("options", {})) == (text, [])


@pytest.mark.parametrize(("name", "case"), listed("stays"))
def test_stays(name: str, case: Any) -> None:
    case = case if isinstance(case, dict) else {"in": case}
    assert changed(name, text_of(case["in"]), **case.get("options", {})) == (text_of(case["in"]), [])


@pytest.mark.parametrize("case", CASES["known_failures"], ids=lambda case: case["why"])
@pytest.mark.xfail(strict=True)
def test_known_failure(case: dict[str, Any]) -> None:
    assert changed(case["operation"], case["in"])[0] == case["out"]


# Properties

# What the operations act on, and what they must leave alone beside it
SPACES = "\n|\r|\r\n| |  |    |\t|\xa0|\u202f|\u2007|\u3000|\u2028|\x85|\f|\v"
MARKS = "a|b c|É|à|``` |```|~~~|~~~~|`|``|&|&amp;|amp;|&#39;|#|112;|&#96;|&lt;|&nbsp;|&#32;|lt;|<|<b|=|&num;"
HIDDEN = "\0|\x1b|\x1b[0m|[|m|\x81|\x8d|\x92|\xad|\u200b|ก|\ufeff|\u2060|\u200d|👨|\ud800|\udc00|א"
BROKEN = "â€™|â€|Ã|Â|â|Ã©|Ã\xa0|\x80|\x99|œ|Œ|“|’|ﬁ|Ａ|ŉ|Ð|вЂ|ï»¿|À\x80|í\xa0\xbd|?|\ufffd"
FRAGMENTS = st.sampled_from("|".join((SPACES, MARKS, HIDDEN, BROKEN)).split("|"))
TEXTS = st.one_of(
    st.lists(FRAGMENTS, max_size=24).map("".join),
    st.text(max_size=40),
    st.text(st.characters(max_codepoint=0x17F), max_size=40),
)


def broken(codec: str) -> st.SearchStrategy[str]:
    """Text as it looks when its UTF-8 was read in another encoding."""

    def breaking(text: str) -> str:
        return text.encode("utf-8", "surrogatepass").decode(codec, "replace")

    return st.text(st.characters(max_codepoint=0x2FFF), max_size=12).map(breaking)


CODECS = (
    "latin-1 sloppy-windows-1252 sloppy-windows-1251 sloppy-windows-1250 sloppy-windows-1253 "
    "sloppy-windows-1254 sloppy-windows-1257 iso-8859-2 macroman cp437"
)
MOJIBAKE = st.lists(
    st.one_of(*map(broken, CODECS.split()), FRAGMENTS, st.text(st.characters(max_codepoint=0xFF), max_size=6)),
    max_size=8,
).map("".join)
BOOLEANS = st.booleans()
OPTIONS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "encoding": st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("uncurl_quotes", "fix_latin_ligatures", "fix_character_width"), BOOLEANS)
    ),
    "entities": st.fixed_dictionaries({}, optional={"angle_brackets": BOOLEANS}),
    "invisible": st.fixed_dictionaries({}, optional={"soft_hyphens": BOOLEANS}),
    "trailing_blanks": st.fixed_dictionaries({}, optional={"markdown_breaks": BOOLEANS}),
    "blank_lines": st.fixed_dictionaries({}, optional={"keep": st.integers(0, 3), "head": BOOLEANS, "tail": BOOLEANS}),
    "non_breaking_spaces": st.just({}),
}


@pytest.mark.parametrize("name", OPERATIONS)
@given(text=st.one_of(TEXTS, MOJIBAKE), data=st.data())
def test_result_is_final(name: str, text: str, data: st.DataObject) -> None:
    options = data.draw(OPTIONS[name])
    after, _ = changed(name, text, **options)
    assert changed(name, after, **options) == (after, [])


@pytest.mark.parametrize("name", OPERATIONS)
@given(text=st.one_of(TEXTS, MOJIBAKE), data=st.data())
def test_accelerator_changes_nothing(name: str, text: str, data: st.DataObject) -> None:
    options = data.draw(OPTIONS[name])
    fast = changed(name, text, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(common, "_re2", lambda: None)
        assert changed(name, text, **options) == fast


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name != "encoding"])
@given(text=TEXTS)
def test_letters_stay(name: str, text: str) -> None:
    """Nothing but `encoding` touches a letter of a text without entities and terminal escapes."""
    text = text.replace("&", "").replace("\x1b", "")
    letters = "".join(character for character in text if character.isalpha())
    assert "".join(character for character in changed(name, text)[0] if character.isalpha()) == letters


def by_ftfy(line: str, options: EncodingOptions) -> str:
    return ftfy.fix_and_explain(line, encoding._ftfy_config(options)).text


FLAGS = st.builds(EncodingOptions, uncurl_quotes=BOOLEANS, fix_latin_ligatures=BOOLEANS, fix_character_width=BOOLEANS)


@settings(max_examples=500)
@given(line=st.one_of(MOJIBAKE, TEXTS).map(lambda text: re.sub(r"[\r\n]", "", text)), options=FLAGS)
@example(line="Ã la carte", options=EncodingOptions())
@example(line="œ", options=EncodingOptions())
@example(line="à“٣", options=EncodingOptions())
@example(line="\u2003É€", options=EncodingOptions())
def test_gate_misses_nothing(line: str, options: EncodingOptions) -> None:
    """Where the gate says clean, ftfy changes nothing, in every place of a text."""
    for before, after in (("", ""), ("x\n", "\ny"), ("x\r", "\ry"), ("x\r\n", "\r\ny")):
        text = before + line + after
        flagged = list(common.lines_with(encoding._suspect(options), Lines.of(text)))
        if (len(before), len(before) + len(line)) not in flagged:
            assert by_ftfy(line, options) == line


@settings(max_examples=300)
@given(lines=st.lists(MOJIBAKE.map(lambda text: re.sub(r"[\r\n]", "", text)), max_size=4), options=FLAGS)
def test_every_line_as_ftfy_has_it(lines: list[str], options: EncodingOptions) -> None:
    after, _ = changed("encoding", "\n".join(lines), **msgspec.to_builtins(options))
    for line, mended in zip(lines, after.split("\n") if lines else [], strict=True):
        expected = by_ftfy(line, options)
        if mended.replace("\x85", "…") != expected:  # one of the kinds of lines that are left to themselves
            without = list(encoding._differences(line, by_ftfy(line, EncodingOptions())))
            assert encoding._BEYOND_REPAIR.search(line) or (mended == line and encoding._about_encodings(line, without))


@settings(max_examples=400)
@given(text=MOJIBAKE, longest=st.integers(4, 20), options=FLAGS)
@example(text="aÃ£Â© Ã£Â© Ã£Â©Ã£ÃÂ©", longest=6, options=EncodingOptions())
@example(text="0Â\x80à\xa0\x800Â\x85", longest=4, options=EncodingOptions())
def test_long_lines(text: str, longest: int, options: EncodingOptions) -> None:
    """A line repaired in pieces is as final as one repaired whole."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "_LONGEST", longest)
        after, _ = changed("encoding", text, **msgspec.to_builtins(options))
        assert changed("encoding", after, **msgspec.to_builtins(options)) == (after, [])


def test_long_line_is_cut_between_words() -> None:
    line = "The cafÃ© isnâ€™t open " * 12_000
    assert changed("encoding", line)[0] == "The café isn’t open " * 12_000


@given(text=MOJIBAKE, options=FLAGS)
def test_replacements_are_minimal(text: str, options: EncodingOptions) -> None:
    for change in changed("encoding", text, **msgspec.to_builtins(options))[1]:
        before = text[change.start : change.end]
        if before and change.after:
            assert before[0] != change.after[0]
            assert before[-1] != change.after[-1]


def test_gate_spares_ordinary_text() -> None:
    assert not list(common.lines_with(encoding._suspect(EncodingOptions()), Lines.of("It’s “fine” – à Paris…\n" * 9)))


@given(text=TEXTS)
def test_fences_are_whole_lines(text: str) -> None:
    for start, end in common.fences(text):
        assert start == 0 or text[start - 1] in "\r\n"
        assert end == len(text) or text[end] in "\r\n"


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", OPERATIONS)
def test_shapes_that_drove_parsers_mad(name: str, shape: str) -> None:
    """What they cost is measured by benchmarks/linear.py; here, what comes out is final."""
    text = SHAPES[shape] * (5_000 // len(SHAPES[shape])) + "x"
    after, _ = changed(name, text)
    assert changed(name, after) == (after, [])


def test_options_are_strict() -> None:
    for operation in OPERATIONS.values():
        assert operation.options() == msgspec.convert({}, operation.options)
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({"no_such_option": True}, operation.options)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"keep": -1}, OPERATIONS["blank_lines"].options)

"""Tests and phrases read from nodes. Every key of a test is one line of a table here; problems are collected, not raised."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from cleaner.rules.keys import Key, check_keys, ref
from cleaner.rules.model import TEXT_TESTS, UNLIMITED, Duplicate, Nearby, Phrase, Position, Range, Test, folded_phrase
from cleaner.rules.names import Reading
from cleaner.rules.nodes import Node
from cleaner.rules.patterns import PatternError
from cleaner.rules.problems import Place, nearest
from cleaner.rules.scalars import read_boolean, read_choice, read_range, read_share, read_whole, read_word, whole
from cleaner.rules.widening import check_pattern
from cleaner.text import fold

__all__ = [
    "CASE",
    "DUPLICATE_KEYS",
    "LANGUAGE",
    "LARGEST_NUMBER",
    "LONGEST_PASSAGE",
    "LONGEST_PHRASE",
    "NAME",
    "NEARBY_KEYS",
    "TESTS",
    "check_name",
    "looks_like_phrases",
    "parse_test",
    "resolve_name",
]

LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})?|any")
NAME = re.compile(r"[\w/-]+")  # what may be meant as the name of a test or of phrases
MOST_EXPANDED = 200_000  # phrases and tests, counted wherever a name stands for them
_DEEPEST_TEST = 50  # tests inside one another, names put in
LONGEST_PHRASE = 500  # characters
LONGEST_PASSAGE = 99_999  # words
LARGEST_NUMBER = 999_999_999  # of lines or units

# ------------------------------------------------------------------ phrases


def _phrases(reading: Reading, node: Node, language: str | None = None) -> tuple[Phrase, ...]:
    """Read phrases: a string, a list, a ``$name``, or (in `define`) a map from languages to any of these."""
    if node.kind == "list":
        return tuple(phrase for item in node.items for phrase in _phrases(reading, item, language))
    if node.kind == "map":
        found: list[Phrase] = []
        for key, key_node, value in node.named():
            if key_node.tag != "str":
                read_word(reading.problems, key_node, "a language")
            elif not LANGUAGE.fullmatch(key):
                reading.problems.add(
                    key_node.place, f"`{key[:60]}` is not a language such as `en` or `pt-br`, nor `any`"
                )
            else:
                found.extend(_phrases(reading, value, None if key == "any" else key))
        return tuple(found)
    word = read_word(reading.problems, node, "a phrase")
    if word is None or not _may_expand(reading, node):
        return ()
    if word.startswith("$") and len(word) > 1:
        return tuple(
            Phrase(phrase.text, phrase.language or language, phrase.folded)
            for phrase in resolve_name(reading, word[1:], node, "phrases") or ()
        )
    if len(word) > LONGEST_PHRASE:
        reading.problems.add(node.place, f"a phrase has at most {LONGEST_PHRASE} characters")
        return ()
    if not fold(word).strip():
        reading.problems.add(node.place, "a phrase must hold more than blanks and invisible characters")
        return ()
    return (folded_phrase(word, language),)


def _may_expand(reading: Reading, node: Node) -> bool:
    """Count one more phrase or test; past the limit, say so once and return False."""
    reading.problems.expanded += 1
    if reading.problems.expanded == MOST_EXPANDED + 1:
        reading.problems.add(node.place, f"with all names put in, more than {MOST_EXPANDED:,} phrases and tests")
    return reading.problems.expanded <= MOST_EXPANDED


def looks_like_phrases(node: Node) -> bool:
    """Tell whether a `define` entry is meant as phrases; the languages `is` and `has` are also tests, which come first."""
    if node.kind == "map":
        others = [(key, key_node, value) for key, key_node, value in node.named() if key not in TESTS and key != "case"]
        return any(
            LANGUAGE.fullmatch(key) or key_node.tag != "str" or (value.kind == "list" and looks_like_phrases(value))
            for key, key_node, value in others
        )
    return node.kind == "scalar" or not any(item.kind == "map" for item in node.items)


def resolve_name(reading: Reading, name: str, node: Node, wanted: str) -> Any:
    """Return what a name stands for: phrases or a test."""
    found = reading.names.find(name, reading.pack)
    if found is None:
        hint = nearest(name, reading.names.visible(reading.pack)).replace("`", "`$", 1)
        owner = name.rpartition("/")[0]
        if not NAME.fullmatch(name) and wanted == "phrases":
            reading.problems.add(
                node.place,
                f"`${name[:60]}` is no name, and no phrase begins with a dollar: write it without, or as a `regex`",
            )
            return None
        if not hint:
            hint = "; write it under `define`"
            if owner and owner not in reading.names.defined:
                hint = f"; add `requires: [{owner[:60]}]` or extend that pack"
        reading.problems.add(node.place, f"unknown name `${name[:60]}`{hint}")
        return None
    owner, definition = found
    full = f"{owner}/{name.rpartition('/')[2]}"
    reading.used.add(full)
    if full in reading.resolving:
        circle = " → ".join([*reading.resolving[reading.resolving.index(full) :], full])
        reading.problems.add(node.place, f"a name that leads back to itself: {circle}")
        return None
    if len(reading.resolving) > 20:
        reading.problems.add(node.place, "names nested more than 20 deep")
        return None
    if (wanted == "phrases") != looks_like_phrases(definition):
        said = f"`${name[:60]}` stands for "
        said += (
            f"a test; here phrases are wanted (a test is put in by `use: ${name[:60]}`)"
            if wanted == "phrases"
            else f"phrases; here a test is wanted, such as `is: ${name[:60]}`"
        )
        reading.problems.add(node.place, said)
        return None
    inner = Reading(owner, reading.names, reading.problems, [*reading.resolving, full], reading.used, reading.depth)
    return _phrases(inner, definition) if wanted == "phrases" else parse_test(inner, definition)


def check_name(reading: Reading, node: Node) -> None:
    """Read a `define` entry that no rule uses, so that its faults are told as well."""
    if looks_like_phrases(node):
        _phrases(reading, node)
    else:
        parse_test(reading, node)


# ------------------------------------------------------------------ tests


def _phrase_value(reading: Reading, node: Node) -> tuple[Phrase, ...] | None:
    if node.kind == "map":
        reading.problems.add(node.place, "phrases by language belong in `define`; write `$name` here")
        return None
    before = len(reading.problems.found)
    phrases = _phrases(reading, node)
    if not phrases and len(reading.problems.found) == before and node.tag != "alias":
        reading.problems.add(node.place, "no phrase is left here; a test without phrases never holds")
    return phrases or None


def _pattern_value(reading: Reading, node: Node) -> str | None:
    pattern = read_word(reading.problems, node, "a pattern")
    if pattern == "":
        reading.problems.add(node.place, "an empty pattern, which is found everywhere")
    return pattern or None


def _measure_value(shares: bool) -> Callable[[Reading, Node], Range | None]:
    return lambda reading, node: read_range(reading.problems, node, shares=shares)


def _boolean_value(reading: Reading, node: Node) -> bool | None:
    return read_boolean(reading.problems, node)


def _position_value(reading: Reading, node: Node) -> Position | None:
    share = node.text.endswith("%")
    amount = whole(node.text.removesuffix("%"), 1, 100 if share else LARGEST_NUMBER)
    if amount is None:
        reading.problems.add(node.place, "expected a number of lines, 1 or more, such as `3`, or a share such as `30%`")
        return None
    return Position(amount / 100, True) if share else Position(amount)


def _duplicate_value(reading: Reading, node: Node) -> Duplicate | None:
    near: float | None = None
    passage: int | None = None
    of_node: Node | None = node
    if node.kind == "map":
        check_keys(reading.problems, node, DUPLICATE_KEYS, "duplicate")
        of_node = node.get("of")
        near_node = node.get("near")
        if near_node is not None:
            near = read_share(reading.problems, near_node, "near")
            if near is not None and not 0.5 <= near < 1:
                reading.problems.add(
                    near_node.place,
                    "`near` is a share from 0.5 to below 1, such as `0.9`; where all must be equal, leave it out",
                )
                near = None
        if of_node is None:
            reading.problems.add(node.place, "`duplicate` wants `of: previous` or `of: earlier`")
            return None
        passage_node = node.get("passage")
        if passage_node is not None:
            passage = read_whole(reading.problems, passage_node, 1, LONGEST_PASSAGE, "`passage` is a number of words")
            if passage is not None and (near_node is not None or of_node.text != "earlier"):
                reading.problems.add(passage_node.place, "`passage` goes with `of: earlier`, and without `near`")
    if of_node is None:
        return None
    of = read_choice(reading.problems, of_node, "duplicate", ("previous", "earlier"))
    return Duplicate("previous" if of == "previous" else "earlier", near, passage) if of else None


def _nearby_value(key: str) -> Callable[[Reading, Node], Nearby | None]:
    def read(reading: Reading, node: Node) -> Nearby | None:
        if not check_keys(reading.problems, node, NEARBY_KEYS, f"`{key}`"):
            return None
        match_node, within_node, count_node = (node.get(name) for name in NEARBY_KEYS)
        if match_node is None:
            reading.problems.add(node.place, f"`{key}` wants a test of the units nearby: `match: {{full_stop: true}}`")
            return None
        within: int | None = None
        if within_node is not None:
            within = read_whole(reading.problems, within_node, 1, LARGEST_NUMBER, "`within` is a number of units")
        match = parse_test(reading, match_node)
        count = read_range(reading.problems, count_node, shares=True) if count_node is not None else Range(1, UNLIMITED)
        return Nearby(match, within, count) if match is not None and count is not None else None

    return read


def _use_value(reading: Reading, node: Node) -> Test | None:
    word = read_word(reading.problems, node, "a name")
    if word is None:
        return None
    if not word.startswith("$"):
        reading.problems.add(node.place, f"a name is written with a dollar: `${word[:60]}`")
        return None
    test: Test | None = resolve_name(reading, word[1:], node, "test")
    return test


def _all_value(reading: Reading, node: Node) -> tuple[Test, ...] | None:
    if node.kind != "list" or not node.items:
        reading.problems.add(node.place, "`all` wants a list of tests")
        return None
    return tuple(test for item in node.items if (test := parse_test(reading, item)) is not None)


_PHRASES, _COUNT, _AMOUNT, _POSITION = ref("phrases"), ref("count"), ref("amount"), ref("position")
_TEST, _BOOLEAN = ref("test"), ref("boolean")

NEARBY_KEYS: dict[str, Key] = {
    "match": Key("the test for the units nearby", _TEST, "{full_stop: true}"),
    "within": Key("how many units away they may stand, on either side; without it, any", ref("distance"), "5"),
    "count": Key("how many of them must pass it, or which share of those that there are", _AMOUNT, "80%..", "1.."),
}
DUPLICATE_KEYS: dict[str, Key] = {
    "of": Key("previous (the unit before) or earlier (any before)", {"enum": ["previous", "earlier"]}, "earlier"),
    "near": Key("share of the words, in order, that must be equal; from 0.5 to below 1", ref("near"), "0.9"),
    "passage": Key(
        "the fewest words in sentences of a stretch of units that stood earlier in the same order",
        ref("passage"),
        "100",
    ),
}


def _test_value(reading: Reading, node: Node) -> Test | None:
    return parse_test(reading, node)


TESTS: dict[str, Key] = {
    "is": Key(
        "the unit is the phrase; bullets, arrows and punctuation around it do not count",
        _PHRASES,
        "[share, share this]",
        read=_phrase_value,
    ),
    "starts": Key("the unit starts with the phrase", _PHRASES, "'more news:'", read=_phrase_value),
    "ends": Key("the unit ends with the phrase", _PHRASES, "all rights reserved", read=_phrase_value),
    "has": Key("the phrase stands anywhere in the unit", _PHRASES, "privacy policy", read=_phrase_value),
    "regex": Key("the pattern is found in the unit", ref("pattern"), r"'^\d+ comments?$'", read=_pattern_value),
    "words": Key("number of words", _COUNT, "3..18", read=_measure_value(False)),
    "chars": Key("number of characters, without blanks at the ends", _COUNT, "15..", read=_measure_value(False)),
    "links": Key("number of links, or the share of characters in links", _AMOUNT, "50%..", read=_measure_value(True)),
    "upper": Key(
        "number of upper-case letters, or their share of the letters",
        _AMOUNT,
        "60%..",
        read=_measure_value(True),
    ),
    "digits": Key(
        "number of digits, or their share of the characters that are not blank",
        _AMOUNT,
        "4..",
        read=_measure_value(True),
    ),
    "full_stop": Key("ends like a sentence", _BOOLEAN, "false", read=_boolean_value),
    "wrapped": Key("a line of a paragraph that is wrapped at some width", _BOOLEAN, "true", read=_boolean_value),
    "first": Key("among the first lines of the document", _POSITION, "3", read=_position_value),
    "last": Key("among the last lines of the document", _POSITION, "30%", read=_position_value),
    "previous": Key("the unit before passes the test", _TEST, "{is: $share}", read=_test_value),
    "next": Key("the unit after passes the test", _TEST, "{words: ..3}", read=_test_value),
    "above": Key(
        "how many of the units above pass a test",
        ref("nearby"),
        "{match: {full_stop: true}, count: ..2}",
        read=_nearby_value("above"),
    ),
    "below": Key(
        "how many of the units below pass a test",
        ref("nearby"),
        "{match: {full_stop: true}, count: 3..}",
        read=_nearby_value("below"),
    ),
    "around": Key(
        "how many of the units above and below pass a test",
        ref("nearby"),
        "{within: 5, match: {words: ..4}, count: 80%..}",
        read=_nearby_value("around"),
    ),
    "duplicate": Key(
        "equal to the unit before, or to an earlier one", ref("duplicate"), "previous", read=_duplicate_value
    ),
    "use": Key("a named test", ref("name"), "$headline", read=_use_value),
    "not": Key("the test does not hold", _TEST, "{full_stop: true}", read=_test_value),
    "all": Key("every test of the list", ref("tests"), "[{has: $share}, {has: $follow}]", read=_all_value),
}
# Stands beside a test and says how it is meant.
CASE = Key("the phrases and patterns of this map are case-sensitive", _BOOLEAN, "true", "false")


def parse_test(reading: Reading, node: Node) -> Test | None:
    """Read a test: a map (all must hold) or a list (any must hold)."""
    if not _may_expand(reading, node):
        return None
    if reading.depth >= _DEEPEST_TEST:
        reading.problems.add(node.place, f"tests nested more than {_DEEPEST_TEST} deep")
        return None
    reading.depth += 1
    test = _parse_test(reading, node)
    reading.depth -= 1
    return test


def _parse_test(reading: Reading, node: Node) -> Test | None:
    if node.kind == "list":
        if not node.items:
            reading.problems.add(node.place, "an empty list of tests")
            return None
        branches = tuple(test for item in node.items if (test := parse_test(reading, item)) is not None)
        return Test("any", branches, node.place)
    if node.kind != "map" or not node.pairs:
        if node.tag != "alias":
            reading.problems.add(node.place, "expected a test such as `{is: share}`")
        return None
    case_node = node.get("case")
    case = bool(read_boolean(reading.problems, case_node)) if case_node is not None else False
    if case_node is not None and not any(node.get(key) for key in TEXT_TESTS):
        reading.problems.add(case_node.place, "`case` goes beside a phrase or a pattern")
    tests: list[Test] = []
    for key, key_node, value in node.named():
        if key == "case":
            continue
        known = TESTS.get(key)
        if known is None:
            hint = nearest(key, [*TESTS, "case"])
            if key in ("or", "any"):
                hint = "; any of several tests is a list: `[{is: share}, {is: tweet}]`"
            elif not hint and value.tag == "null":
                hint = "; several phrases are a list: `[one, other]`"
            reading.problems.add(key_node.place, f"unknown test `{key[:60]}`{hint}")
            continue
        parsed = known.read(reading, value) if known.read is not None else None
        if parsed is None:
            continue
        if key == "regex" and not _pattern_compiles(reading, value, parsed, case):
            continue
        tests.append(Test(key, parsed, key_node.place, case and key in TEXT_TESTS))
    if not tests:
        return None
    return tests[0] if len(tests) == 1 else Test("all", tuple(tests), node.place)


def _pattern_compiles(reading: Reading, node: Node, pattern: str, case: bool) -> bool:
    try:
        check_pattern(pattern, case=case)
    except PatternError as error:
        # Inside quotes the pattern starts one column later; a doubled quote or an escape shifts what follows.
        lines = reading.problems.sources.get(node.place.file, [])
        line = lines[node.place.line - 1] if 0 < node.place.line <= len(lines) else ""
        written = line[node.place.column - 1 :]
        quoted = written[:1] in "'\""
        place = node.place
        if written[quoted:].startswith(pattern[: error.offset + 1]):
            place = Place(place.file, place.line, place.column + quoted + error.offset)
        reading.problems.add(place, f"{error} (at character {error.offset + 1} of the pattern)")
        return False
    return True

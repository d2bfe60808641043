"""Nodes read as rules. Every key of the language is one line of a table here; problems are collected, not raised."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cleaner.languages import TAG
from cleaner.rules.model import (
    ACTIONS,
    RISKS,
    STATUSES,
    TEXT_TESTS,
    UNITS,
    Duplicate,
    Example,
    Nearby,
    Phrase,
    Position,
    Range,
    Rule,
    Run,
    Test,
    folded_phrase,
    own_tests,
    span_locator,
)
from cleaner.rules.nodes import Node, Problems
from cleaner.rules.patterns import PatternError, compile_pattern, template_groups
from cleaner.rules.problems import Place, nearest
from cleaner.rules.widening import check_pattern
from cleaner.text import fold, plain_host

__all__ = [
    "CASE",
    "DUPLICATE_KEYS",
    "EXAMPLE_KEYS",
    "FOR_KEYS",
    "HOST",
    "IDENTIFIER",
    "LANGUAGE",
    "LARGEST_EXAMPLE",
    "LARGEST_GAP",
    "LARGEST_NUMBER",
    "LONGEST_PASSAGE",
    "LONGEST_PHRASE",
    "NEARBY_KEYS",
    "RULE_KEYS",
    "RUN_KEYS",
    "TESTS",
    "Key",
    "Names",
    "Reading",
    "check_name",
    "looks_like_phrases",
    "parse_rule",
    "parse_test",
    "read_boolean",
    "read_choice",
    "read_share",
    "read_strings",
    "read_whole",
    "read_word",
    "ref",
]

LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})?|any")
HOST = re.compile(r"(?:\*\.)?[^\s/:@*]+")
IDENTIFIER = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_NAME = re.compile(r"[\w/-]+")  # what may be meant as one
_RANGE = re.compile(r"(?:([0-9]+(?:\.[0-9]+)?)(%?))?(\.\.)?(?:([0-9]+(?:\.[0-9]+)?)(%?))?")
_UNLIMITED = float("inf")
MOST_EXPANDED = 200_000  # phrases and tests, counted wherever a name stands for them
_DEEPEST_TEST = 50  # tests inside one another, names put in
LARGEST_EXAMPLE = 20_000  # characters
LONGEST_PHRASE = 500  # characters
LONGEST_PASSAGE = 99_999  # words
LARGEST_GAP = 999  # blank lines
LARGEST_NUMBER = 999_999_999  # of lines or units


@dataclass(frozen=True, slots=True)
class Names:
    """What `define` says: by pack, the nodes of each name; `sees` lists for each pack the packs whose names it may use bare."""

    defined: Mapping[str, Mapping[str, Node]]
    sees: Mapping[str, tuple[str, ...]]

    def find(self, name: str, pack: str) -> tuple[str, Node] | None:
        """Return the pack and node that ``name`` or ``pack/name`` (without the dollar) stands for in `pack`."""
        owner, slash, bare = name.partition("/")
        for candidate in (owner,) if slash else self.sees.get(pack, (pack,)):
            node = self.defined.get(candidate, {}).get(bare if slash else name)
            if node is not None:
                return candidate, node
        return None

    def visible(self, pack: str) -> list[str]:
        """Return all names that `pack` may write."""
        bare = [name for seen in self.sees.get(pack, (pack,)) for name in self.defined.get(seen, {})]
        return bare + [f"{owner}/{name}" for owner, names in self.defined.items() for name in names]


@dataclass(slots=True)
class Reading:
    """The state of reading one pack's rules: its names, the problems found, and the names being resolved."""

    pack: str
    names: Names
    problems: Problems
    resolving: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    depth: int = 0


# ------------------------------------------------------------------ scalars


def read_word(problems: Problems, node: Node, what: str) -> str | None:
    """Return a scalar that must be text; say so where YAML would read it as something else."""
    if node.kind != "scalar":
        problems.add(node.place, f"{what} must be text, not a {node.kind}")
        return None
    if node.tag == "alias":
        return None
    if node.tag == "null":
        problems.add(node.place, f"{what} is empty")
        return None
    if node.tag != "str":
        if len(node.text) > 60:
            problems.add(node.place, f"YAML does not read {what} as text: write it in quotes")
            return None
        kind = {"bool": "a boolean", "int": "a number", "float": "a number", "timestamp": "a date"}.get(
            node.tag, f"`{node.tag}`"
        )
        problems.add(node.place, f"YAML reads `{node.text}` as {kind}: write '{node.text}' in quotes")
        return None
    return node.text


def read_strings(problems: Problems, node: Node, what: str) -> tuple[str, ...]:
    """Return a string or a list of strings as a tuple."""
    items = node.items if node.kind == "list" else (node,)
    words = (read_word(problems, item, what) for item in items)
    return tuple(word for word in words if word is not None)


def read_choice(problems: Problems, node: Node, what: str, known: tuple[str, ...]) -> str | None:
    """Return a word that must be one of those `known`."""
    # What YAML takes for a number or a boolean is none of the words in quotes either.
    word = node.text if node.kind == "scalar" and node.text and node.tag != "alias" else read_word(problems, node, what)
    if word is not None and word not in known:
        problems.add(node.place, f"{what} is one of {', '.join(known)}, not `{word[:60]}`{nearest(word, list(known))}")
        return None
    return word


def read_boolean(problems: Problems, node: Node) -> bool | None:
    """Return ``true`` or ``false``, the two that every reader of YAML takes for a boolean."""
    if node.kind == "scalar" and node.tag == "bool" and node.text.lower() in ("true", "false"):
        return node.text.lower() == "true"
    problems.add(node.place, "expected `true` or `false`")
    return None


def _whole(text: str, low: int, high: int) -> int | None:
    """Return the whole number that `text` writes, if it is one from `low` to `high`."""
    # No zero in front, because YAML reads `010` as 8.
    number = int(text) if re.fullmatch(r"0|[1-9][0-9]{0,8}", text) else None
    return number if number is not None and low <= number <= high else None


def read_whole(problems: Problems, node: Node, low: int, high: int, what: str) -> int | None:
    """Return a whole number from `low` to `high`, of nine digits at most; `what` begins the message where it is none."""
    number = _whole(node.text, low, high)
    if number is None:
        problems.add(node.place, f"{what}, {low} to {high:,}")
    return number


def read_share(problems: Problems, node: Node, what: str) -> float | None:
    """Return a share 0..1 written as ``30%`` or ``0.3``."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(%?)", node.text)
    share = float(found[1]) / (100 if found[2] else 1) if found else -1.0
    if not 0 < share <= 1:
        problems.add(node.place, f"{what} is a share such as `30%` or `0.3`")
        return None
    return share


def _range(problems: Problems, node: Node, *, shares: bool) -> Range | None:
    """Return a range such as ``3..18``, which with `shares` may also be one of shares: ``60%..``."""
    text = node.text
    found = _RANGE.fullmatch(text)
    if not text or text == ".." or found is None:
        problems.add(
            node.place,
            "expected a range such as `3..18`, `15..`, `..5` or `4`"
            + (", or shares such as `60%..`" if shares else ""),
        )
        return None
    low_text, low_unit, dots, high_text, high_unit = found.groups()
    if not dots and low_text and high_text:
        problems.add(node.place, f"expected a range such as `3..18`, not `{text[:60]}`")
        return None
    share = "%" in text or any("." in part for part in (low_text or "", high_text or ""))
    if share and not shares:
        problems.add(node.place, f"`{text[:60]}`: a count is a whole number, a range of counts such as `3..18`")
        return None
    if share and low_text and high_text and low_unit != high_unit:
        problems.add(node.place, f"`{text[:60]}`: both ends must be shares, such as `50%..80%`, or both counts")
        return None

    def number(part: str | None, unit: str | None, missing: float) -> float:
        return missing if part is None else float(part) / (100 if unit == "%" else 1)

    low = number(low_text, low_unit, 0.0)
    high = number(high_text, high_unit, 1.0 if share else _UNLIMITED) if dots else low
    if low > high:
        problems.add(node.place, f"`{text[:60]}`: the lower end is above the upper one")
        return None
    if share and high > 1:
        problems.add(node.place, f"`{text[:60]}`: a share is at most 100%")
        return None
    return Range(low, high, share)


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
            for phrase in _resolve(reading, word[1:], node, "phrases") or ()
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


def _resolve(reading: Reading, name: str, node: Node, wanted: str) -> Any:
    """Return what a name stands for: phrases or a test."""
    found = reading.names.find(name, reading.pack)
    if found is None:
        hint = nearest(name, reading.names.visible(reading.pack)).replace("`", "`$", 1)
        owner = name.rpartition("/")[0]
        if not _NAME.fullmatch(name) and wanted == "phrases":
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
    return lambda reading, node: _range(reading.problems, node, shares=shares)


def _boolean_value(reading: Reading, node: Node) -> bool | None:
    return read_boolean(reading.problems, node)


def _position_value(reading: Reading, node: Node) -> Position | None:
    share = node.text.endswith("%")
    amount = _whole(node.text.removesuffix("%"), 1, 100 if share else LARGEST_NUMBER)
    if amount is None:
        reading.problems.add(node.place, "expected a number of lines, 1 or more, such as `3`, or a share such as `30%`")
        return None
    return Position(amount / 100, True) if share else Position(amount)


def _duplicate_value(reading: Reading, node: Node) -> Duplicate | None:
    near: float | None = None
    passage: int | None = None
    of_node: Node | None = node
    if node.kind == "map":
        _check_keys(reading, node, DUPLICATE_KEYS, "duplicate")
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
        if not _check_keys(reading, node, NEARBY_KEYS, f"`{key}`"):
            return None
        match_node, within_node, count_node = (node.get(name) for name in NEARBY_KEYS)
        if match_node is None:
            reading.problems.add(node.place, f"`{key}` wants a test of the units nearby: `match: {{full_stop: true}}`")
            return None
        within: int | None = None
        if within_node is not None:
            within = read_whole(reading.problems, within_node, 1, LARGEST_NUMBER, "`within` is a number of units")
        match = parse_test(reading, match_node)
        count = _range(reading.problems, count_node, shares=True) if count_node is not None else Range(1, _UNLIMITED)
        return Nearby(match, within, count) if match is not None and count is not None else None

    return read


def _use_value(reading: Reading, node: Node) -> Test | None:
    word = read_word(reading.problems, node, "a name")
    if word is None:
        return None
    if not word.startswith("$"):
        reading.problems.add(node.place, f"a name is written with a dollar: `${word[:60]}`")
        return None
    test: Test | None = _resolve(reading, word[1:], node, "test")
    return test


def _all_value(reading: Reading, node: Node) -> tuple[Test, ...] | None:
    if node.kind != "list" or not node.items:
        reading.problems.add(node.place, "`all` wants a list of tests")
        return None
    return tuple(test for item in node.items if (test := parse_test(reading, item)) is not None)


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the language: how its value is read, what it says, and what the value looks like.

    `schema` is the value's JSON Schema, for editors and the reference; `example` and `default` are values as they
    are written. Where `read` is None, the value is read together with its neighbours. `name` is the field that
    it fills, if that is called otherwise.
    """

    about: str
    schema: Mapping[str, Any]
    example: str
    default: str = ""
    read: Callable[[Reading, Node], Any] | None = None
    name: str = ""


def ref(kind: str) -> dict[str, Any]:
    """Return the JSON Schema of a value of a kind that `cleaner.rules.schema` describes."""
    return {"$ref": f"#/$defs/{kind}"}


def _test_value(reading: Reading, node: Node) -> Test | None:
    return parse_test(reading, node)


_PHRASES, _COUNT, _AMOUNT, _POSITION = ref("phrases"), ref("count"), ref("amount"), ref("position")
_TEST, _TEXT, _TEXTS, _BOOLEAN, _SHARE = (
    ref("test"),
    ref("text"),
    ref("texts"),
    ref("boolean"),
    ref("share"),
)

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


# ------------------------------------------------------------------ rules

RULE_KEYS: dict[str, Key] = {
    "id": Key("the rule's name, unique in its pack", ref("identifier"), "share-line"),
    "about": Key(
        "one line: what leftover this is",
        _TEXT,
        "A line that is only a share button's label",
        read=lambda reading, node: read_word(reading.problems, node, "about"),
    ),
    "risk": Key(
        "safe (never the author's), likely or risky",
        {"enum": list(RISKS)},
        "safe",
        "likely",
        read=lambda reading, node: read_choice(reading.problems, node, "risk", RISKS),
    ),
    "status": Key(
        "stable, testing, experimental (off unless enabled) or deprecated",
        {"enum": list(STATUSES)},
        "experimental",
        "stable",
        read=lambda reading, node: read_choice(reading.problems, node, "status", STATUSES),
    ),
    "tags": Key(
        "labels to select rules by",
        _TEXTS,
        "[share]",
        read=lambda reading, node: read_strings(reading.problems, node, "a tag"),
    ),
    "refs": Key(
        "where the rule comes from",
        _TEXTS,
        "'https://example.com/list'",
        read=lambda reading, node: read_strings(reading.problems, node, "a reference"),
    ),
    "replaced_by": Key(
        "the rule to use instead",
        _TEXT,
        "social/share-label",
        read=lambda reading, node: read_word(reading.problems, node, "replaced_by"),
    ),
    "for": Key(
        "the languages and sites the rule is for: only documents known to be of them",
        ref("for"),
        "{language: [en, de], site: example.com}",
    ),
    "unit": Key(
        "what the rule looks at: line, paragraph, span or document",
        {"enum": list(UNITS)},
        "span",
        "line",
        read=lambda reading, node: read_choice(reading.problems, node, "unit", UNITS),
    ),
    "match": Key("the test", _TEST, "{is: $share}", read=_test_value),
    "unless": Key("a test; where it holds, the rule stays away", _TEST, "{full_stop: true}", read=_test_value),
    "run": Key(
        "how the match grows over its neighbours",
        ref("run"),
        "{then: {use: $headline}, count: 2..12}",
        read=lambda reading, node: _run(reading, node),
    ),
    "do": Key(
        "drop, replace, fix, keep or flag",
        {"enum": list(ACTIONS)},
        "replace",
        "drop",
        read=lambda reading, node: read_choice(reading.problems, node, "do", ACTIONS),
        name="action",
    ),
    "with": Key(
        "the template of replace; the operation of fix, or a map of the operation and its options",
        {},
        r"'\1-\2'",
    ),
    "budget": Key(
        "share of the document's words that the rule may remove",
        _SHARE,
        "20%",
        read=lambda reading, node: read_share(reading.problems, node, "budget"),
    ),
    "allow": Key(
        "names of lint warnings that are right for this rule, and stay silent",
        _TEXTS,
        "[short-phrase]",
        read=lambda reading, node: read_strings(reading.problems, node, "a warning's name"),
    ),
    "examples": Key(
        "texts that prove what the rule does and what it leaves: at least one of each",
        ref("examples"),
        "[{drop: Share}, {keep: Share prices fell}]",
        read=lambda reading, node: _examples(reading, node),
    ),
}
FOR_KEYS: dict[str, Key] = {
    "language": Key("languages, as in BCP 47", ref("languages"), "[en, de]"),
    "site": Key("sites; their subdomains are meant too", ref("hosts"), "example.com"),
}
RUN_KEYS: dict[str, Key] = {
    "then": Key("the test for the units that follow; without it they must pass `match`", _TEST, "{use: $headline}"),
    "count": Key(
        "how many units may be taken: after the match if `then` is given, else the match included",
        {**_COUNT, "not": {"enum": [0, "0", "..0", "0..0"]}},
        "2..12",
        "1..",
    ),
    "gap": Key("how many blank lines may stand between two units", ref("gap"), "0", "1"),
    "edge": Key("start or end: the run must reach that edge of the text", {"enum": ["start", "end"]}, "end"),
}
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
_SOME = {**ref("sample"), "minLength": 1, "minItems": 1}
EXAMPLE_KEYS: dict[str, Key] = {
    "drop": Key("text that is removed whole", _SOME, "Share"),
    "keep": Key("text that stays as it is", _SOME, "Share prices fell"),
    "in": Key("text before", _SOME, "US -backed force"),
    "out": Key("text after", ref("sample"), "US-backed force"),
    "flag": Key("text that is flagged", _SOME, "Enable JavaScript to read on"),
    "language": Key("the document's language", {**_TEXT, "pattern": f"^(?:{TAG.pattern})$"}, "en"),
    "site": Key("the document's site", {**_TEXT, "pattern": f"^(?:{HOST.pattern})$"}, "example.com"),
}


def _check_keys(reading: Reading, node: Node, known: Mapping[str, Key], what: str) -> bool:
    if node.kind != "map":
        if node.tag != "alias":
            reading.problems.add(node.place, f"{what} must be a map with the keys {', '.join(known)}")
        return False
    for key, key_node, value in node.named():
        if key not in known:
            hint = nearest(key, list(known))
            if known is RULE_KEYS:
                hint = _where(key) or hint
            elif known is EXAMPLE_KEYS and not hint and value.tag == "null":
                hint = "; text with a comma wants quotes"
            reading.problems.add(key_node.place, f"unknown key `{key[:60]}` in {what}{hint}")
    return True


def _where(key: str) -> str:
    """Return where a key belongs that stands in a rule and is one of its parts, if it is."""
    if key in TESTS:
        return "; it is a test: write it under `match`, further in"
    parts = {"run": RUN_KEYS, "for": FOR_KEYS, "examples": EXAMPLE_KEYS}
    part = next((part for part, keys in parts.items() if key in keys), None)
    return f"; write it under `{part}`, further in" if part else ""


def parse_rule(reading: Reading, node: Node, layer: int) -> Rule | None:
    """Read one rule; return None where it has problems."""
    before = len(reading.problems.found)
    if not _check_keys(reading, node, RULE_KEYS, "a rule"):
        return None
    values: dict[str, Any] = {}
    for key, known in RULE_KEYS.items():
        value = node.get(key)
        parsed = known.read(reading, value) if value is not None and known.read is not None else None
        if parsed is not None:
            values[known.name or key] = parsed
    identifier = _identifier(reading, node)
    misspelt = any(nearest(key, ["about"]) for key, _, _ in node.named() if key not in RULE_KEYS)
    if "about" not in values and node.get("about") is None and not misspelt:
        which = f"rule `{identifier}` has no `about`" if identifier else "a rule without `about`"
        reading.problems.add(node.place, f"{which}: one line that says what leftover it removes")
    for_node = node.get("for")
    if for_node is not None and _check_keys(reading, for_node, FOR_KEYS, "`for`"):
        for key, name, plain in (("language", "languages", str.lower), ("site", "sites", plain_host)):
            value = for_node.get(key)
            if value is not None:
                values[name] = tuple(map(plain, read_strings(reading.problems, value, f"a {key}")))
                _check_for(reading, value, key)
    _read_with(reading, node, values)
    if len(reading.problems.found) == before:
        rule = Rule(reading.pack, identifier or "", place=node.place, layer=layer, **values)
        _check_rule(reading, rule, node)
        if len(reading.problems.found) == before:
            return rule
    return None


def _check_for(reading: Reading, node: Node, key: str) -> None:
    """Report languages that are no tags, and sites that are addresses: they would never be those of a document."""
    for item in node.items if node.kind == "list" else (node,):
        word = item.text
        if item.kind != "scalar" or item.tag != "str":
            continue
        if key == "language" and (word.lower() == "any" or not LANGUAGE.fullmatch(word.lower())):
            reading.problems.add(item.place, f"`{word[:60]}` is not a language such as `en` or `pt-br`")
        elif key == "site" and not HOST.fullmatch(word):
            reading.problems.add(item.place, f"`{word[:60]}` is not a site such as example.com")


def _identifier(reading: Reading, node: Node) -> str | None:
    id_node = node.get("id")
    if id_node is None:
        reading.problems.add(node.place, "a rule without `id`")
        return None
    identifier = read_word(reading.problems, id_node, "id")
    if identifier is not None and not IDENTIFIER.fullmatch(identifier):
        reading.problems.add(
            id_node.place,
            f"`{identifier[:60]}`: an id has lower-case letters a to z, digits and hyphens, such as `share-line`",
        )
        return None
    return identifier


def _read_with(reading: Reading, node: Node, values: dict[str, Any]) -> None:
    with_node = node.get("with")
    action = values.get("action", "drop")
    if with_node is None:
        if action == "replace":
            reading.problems.add(node.place, "`do: replace` wants a template: `with: '\\1-\\2'`")
        elif action == "fix":
            reading.problems.add(node.place, "`do: fix` wants an operation: `with: {operation: encoding}`")
        return
    if action == "replace":
        values["template"] = read_word(reading.problems, with_node, "a template")
    elif action == "fix":
        if with_node.kind == "scalar":
            values["operation"] = read_word(reading.problems, with_node, "an operation")
            values["option_places"] = {"operation": with_node.place}
            return
        if with_node.kind != "map" or with_node.get("operation") is None:
            reading.problems.add(with_node.place, "`do: fix` wants an operation: `with: {operation: encoding}`")
            return
        options: dict[str, Any] = {}
        places: dict[str, Place] = {}
        for key, key_node, value in with_node.named():
            places[key] = key_node.place
            if key == "operation":
                values["operation"] = read_word(reading.problems, value, "operation")
            else:
                options[key] = _option(reading, value)
        values["options"], values["option_places"] = options, places
    else:
        reading.problems.add(with_node.place, "`with` belongs to `do: replace` or `do: fix`")


def _option(reading: Reading, node: Node) -> Any:
    if node.kind != "scalar":
        reading.problems.add(node.place, "an option is true, false, a number or text")
        return None
    if node.tag == "bool":
        return read_boolean(reading.problems, node)
    if node.tag == "int" and re.fullmatch(r"-?\d{1,9}", node.text):
        return int(node.text)
    if node.tag == "float" and re.fullmatch(r"-?\d{1,9}\.\d{1,9}", node.text):
        return float(node.text)
    return read_word(reading.problems, node, "an option")


def _run(reading: Reading, node: Node) -> Run | None:
    if not _check_keys(reading, node, RUN_KEYS, "`run`"):
        return None
    then_node, count_node, gap_node, edge_node = (node.get(key) for key in RUN_KEYS)
    then = parse_test(reading, then_node) if then_node is not None else None
    count = _range(reading.problems, count_node, shares=False) if count_node is not None else Range(1, _UNLIMITED)
    gap: int | None = 1
    if gap_node is not None:
        gap = read_whole(reading.problems, gap_node, 0, LARGEST_GAP, "`gap` is a number of blank lines")
    edge = read_choice(reading.problems, edge_node, "edge", ("start", "end")) if edge_node is not None else None
    if count is None or gap is None:
        return None
    if count_node is not None and count.high < 1:
        reading.problems.add(count_node.place, "`count` must let the run take at least one unit")
    return Run(then, count, gap, "start" if edge == "start" else "end" if edge == "end" else None, node.place)


def _examples(reading: Reading, node: Node) -> tuple[Example, ...]:
    if node.kind != "list":
        reading.problems.add(node.place, "examples must be a list such as [{drop: Share}, {keep: Share prices fell}]")
        return ()
    return tuple(example for item in node.items if (example := _example(reading, item)) is not None)


def _example(reading: Reading, node: Node) -> Example | None:
    if not _check_keys(reading, node, EXAMPLE_KEYS, "an example"):
        return None
    if any(key not in EXAMPLE_KEYS for key, _, _ in node.named()):
        return None
    kinds = [key for key in ("drop", "keep", "in", "flag") if node.get(key) is not None]
    out_node = node.get("out")
    if len(kinds) != 1 or (out_node is not None) != (kinds == ["in"]):
        reading.problems.add(
            node.place, "an example is {drop: text}, {keep: text}, {flag: text} or {in: text, out: text}"
        )
        return None
    words = {key: _sample(reading, value, key) for key, _, value in node.named()}
    text = words.get(kinds[0])
    if text is None or None in words.values():
        return None
    text_node = node.get(kinds[0])
    if not text and text_node is not None:
        reading.problems.add(text_node.place, "an example of no text proves nothing")
    language_node, site_node = node.get("language"), node.get("site")
    if language_node is not None and not TAG.fullmatch(language_node.text):
        reading.problems.add(
            language_node.place, f"`{language_node.text[:60]}` is not a tag such as `en`, `pt-BR` or `eng_Latn`"
        )
    if site_node is not None:
        _check_for(reading, site_node, "site")
    if len(text) > LARGEST_EXAMPLE:
        reading.problems.add(node.place, f"an example has at most {LARGEST_EXAMPLE:,} characters")
        return None
    out = {"drop": "", "in": words.get("out") or ""}.get(kinds[0], text)
    if kinds == ["in"] and out == text:
        reading.problems.add(node.place, "`in` and `out` are the same; write {keep: text}")
    kind = {"drop": "drop", "keep": "keep", "flag": "flag"}.get(kinds[0], "change")
    return Example(kind, text, out, node.place, words.get("language"), words.get("site"))  # type: ignore[arg-type]


def _sample(reading: Reading, node: Node, key: str) -> str | None:
    """Read what an example says: a text, or a list of its lines, where a ``$name`` stands for the lines that it names."""
    if node.kind != "list" or key in FOR_KEYS:
        return read_word(reading.problems, node, key)
    lines: list[str] = []
    for item in node.items:
        line = read_word(reading.problems, item, "a line of an example")
        if line is None:
            return None
        if not line.startswith("$") or len(line) == 1:
            lines.append(line)
            continue
        if not _NAME.fullmatch(line[1:]):
            reading.problems.add(
                item.place,
                f"`{line[:60]}` is no name; a text in which a line begins with a dollar is written as one string",
            )
            return None
        phrases = _resolve(reading, line[1:], item, "phrases")
        if phrases is None:
            return None
        lines.extend(phrase.text for phrase in phrases)
    return "\n".join(lines)


def _check_rule(reading: Reading, rule: Rule, node: Node) -> None:
    """Report what each key allows but the rule as a whole does not."""

    def problem(key: str, message: str) -> None:
        value = node.get(key)
        reading.problems.add(value.place if value is not None else node.place, message)

    if node.get("match") is None and rule.action != "fix":
        problem("match", f"rule `{rule.id}` has no `match`")
    if rule.unit == "document" and rule.action in ("drop", "replace", "keep"):
        problem("unit", "a whole document is never removed or replaced: use `do: flag`")
    if rule.unit in ("span", "document") and rule.run is not None:
        problem("run", f"a run is of lines or paragraphs, not of a {rule.unit}")
    if rule.run is not None and rule.action not in ("drop", "keep"):
        problem("run", f"a run can be dropped or kept, not `{rule.action}`")
    if rule.unit == "span" and rule.match is not None and span_locator(rule.match) is None:
        problem("match", f"a span is found by exactly one of {', '.join(TEXT_TESTS)} at the top of `match`")
    if rule.template is not None:
        _check_template(reading, rule, node)
    if rule.action == "fix" and rule.unit == "span":
        problem("unit", "`do: fix` looks at lines, paragraphs or the document")
    for example in rule.examples:
        if (example.kind == "flag") != (rule.action == "flag") and example.kind != "keep":
            wrong = "belongs to `do: flag`" if example.kind == "flag" else "does not fit `do: flag`: write {flag: text}"
            reading.problems.add(example.place, f"this example {wrong}")
    changes = [example for example in rule.examples if example.kind in ("drop", "change", "flag")]
    keeps = [example for example in rule.examples if example.kind == "keep"]
    if rule.action == "keep":
        if not keeps:
            problem("examples", f"rule `{rule.id}` needs an example of what it keeps: {{keep: text}}")
    elif not changes or not keeps:
        missing = (
            "one that changes ({drop: text} or {in: …, out: …})" if not changes else "one that must stay ({keep: text})"
        )
        if rule.action == "flag" and not changes:
            missing = "one that is flagged ({flag: text})"
        problem("examples", f"rule `{rule.id}` needs an example: {missing}")


def _check_template(reading: Reading, rule: Rule, node: Node) -> None:
    with_node = node.get("with")
    groups = template_groups(rule.template or "")
    patterns = [test for test in own_tests(rule.match) if test.key == "regex"]
    if with_node is None or not groups:
        return
    if len(patterns) != 1:
        reading.problems.add(
            with_node.place,
            "a template with groups wants exactly one `regex` in `match`, for the unit itself",
        )
        return
    compiled = compile_pattern(patterns[0].value, case=patterns[0].case)
    for group in groups:
        if (int(group) > compiled.groups) if group.isdecimal() else (group not in compiled.groupindex):
            reading.problems.add(with_node.place, f"the pattern has no group `{group}`")

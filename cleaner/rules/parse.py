"""Nodes read as rules. Every key of the language is one line of a table here; problems are collected, not raised."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cleaner.rules.model import (
    ACTIONS,
    RISKS,
    STATUSES,
    UNITS,
    Duplicate,
    Example,
    Phrase,
    Position,
    Range,
    Rule,
    Run,
    Test,
    tests_in,
)
from cleaner.rules.nodes import Node, Place, Problems, nearest
from cleaner.rules.patterns import PatternError, compile_pattern, template_groups
from cleaner.text import fold, strip_edges

__all__ = ["EXAMPLE_KEYS", "RULE_KEYS", "RUN_KEYS", "TESTS", "Names", "Reading", "check_name", "parse_rule", "parse_test", "read_share", "read_strings", "read_word", "span_locator"]

TEXT_TESTS = ("is", "starts", "ends", "has", "regex")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})?|any")
_IDENTIFIER = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_RANGE = re.compile(r"(?:(\d+(?:\.\d+)?)(%?))?(\.\.)?(?:(\d+(?:\.\d+)?)(%?))?")
_UNLIMITED = float("inf")
_LARGEST_EXAMPLE = 20_000  # characters


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


# ------------------------------------------------------------------ scalars


def read_word(reading: Reading, node: Node, what: str) -> str | None:
    """Return a scalar that must be text; say so where YAML would read it as something else."""
    if node.kind != "scalar":
        reading.problems.add(node.place, f"{what} must be text, not a {node.kind}")
        return None
    if node.tag == "alias":
        return None
    if node.tag == "null":
        reading.problems.add(node.place, f"{what} is empty")
        return None
    if node.tag != "str":
        kind = {"bool": "a boolean", "int": "a number", "float": "a number", "timestamp": "a date"}.get(node.tag, f"`{node.tag}`")
        reading.problems.add(node.place, f"YAML reads `{node.text}` as {kind}: write '{node.text}' in quotes")
        return None
    return node.text


def read_strings(reading: Reading, node: Node, what: str) -> tuple[str, ...]:
    """Return a string or a list of strings as a tuple."""
    items = node.items if node.kind == "list" else (node,)
    words = (read_word(reading, item, what) for item in items)
    return tuple(word for word in words if word is not None)


def _choice(reading: Reading, node: Node, what: str, known: tuple[str, ...]) -> str | None:
    word = read_word(reading, node, what)
    if word is not None and word not in known:
        reading.problems.add(node.place, f"{what} is one of {', '.join(known)}, not `{word[:60]}`{nearest(word, list(known))}")
        return None
    return word


def _flag(reading: Reading, node: Node) -> bool | None:
    if node.kind == "scalar" and node.tag == "bool" and node.text.lower() in ("true", "false"):
        return node.text.lower() == "true"
    reading.problems.add(node.place, "expected `true` or `false`")
    return None


def read_share(reading: Reading, node: Node, what: str) -> float | None:
    """Return a share 0..1 written as ``30%`` or ``0.3``."""
    text = node.text.strip() if node.kind == "scalar" else ""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(%?)", text)
    share = float(found[1]) / (100 if found[2] else 1) if found else -1.0
    if not 0 < share <= 1:
        reading.problems.add(node.place, f"{what} is a share such as `30%` or `0.3`")
        return None
    return share


def _range(reading: Reading, node: Node, *, shares: bool, counts: bool = True) -> Range | None:
    text = node.text.strip() if node.kind == "scalar" else ""
    found = _RANGE.fullmatch(text)
    if not text or text == ".." or found is None:
        reading.problems.add(node.place, "expected a range such as `3..18`, `15..`, `..5` or `4`" + (", or shares such as `60%..`" if shares else ""))
        return None
    low_text, low_unit, dots, high_text, high_unit = found.groups()
    if not dots and low_text and high_text:
        reading.problems.add(node.place, f"expected a range such as `3..18`, not `{text}`")
        return None
    share = "%" in text or any("." in part for part in (low_text or "", high_text or ""))
    if share and not shares:
        reading.problems.add(node.place, f"`{text}`: a count is a whole number")
        return None

    def number(part: str | None, unit: str | None, missing: float) -> float:
        return missing if part is None else float(part) / (100 if unit == "%" else 1)

    low = number(low_text, low_unit, 0.0)
    high = number(high_text, high_unit, 1.0 if share else _UNLIMITED) if dots else low
    if low > high:
        reading.problems.add(node.place, f"`{text}`: the lower end is above the upper one")
        return None
    if share and high > 1:
        reading.problems.add(node.place, f"`{text}`: a share is at most 100%")
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
                read_word(reading, key_node, "a language")
            elif not _LANGUAGE.fullmatch(key):
                reading.problems.add(key_node.place, f"`{key[:60]}` is not a language such as `en` or `pt-br`, nor `any`")
            else:
                found.extend(_phrases(reading, value, None if key == "any" else key))
        return tuple(found)
    word = read_word(reading, node, "a phrase")
    if word is None:
        return ()
    if word.startswith("$") and len(word) > 1:
        return tuple(
            Phrase(phrase.text, phrase.language or language) for phrase in _resolve(reading, word[1:], node, "phrases") or ()
        )
    if len(word) > 500:
        reading.problems.add(node.place, "a phrase has at most 500 characters")
        return ()
    folded = fold(word)
    start, end = strip_edges(folded)
    if not folded.strip():
        reading.problems.add(node.place, "a phrase must hold more than blanks")
        return ()
    if start == end and len(folded.strip()) < 1:
        return ()
    return (Phrase(word, language),)


def _is_test_map(node: Node) -> bool:
    return node.kind == "map" and bool(node.pairs) and all(key in TESTS or key == "case" for key, _, _ in node.named())


def _looks_like_phrases(node: Node) -> bool:
    if node.kind == "map":
        return not _is_test_map(node) and all(_LANGUAGE.fullmatch(key) or key_node.tag != "str" for key, key_node, _ in node.named())
    return node.kind == "scalar" or not any(item.kind == "map" for item in node.items)


def _resolve(reading: Reading, name: str, node: Node, wanted: str) -> Any:
    """Return what a name stands for: phrases or a test."""
    found = reading.names.find(name, reading.pack)
    if found is None:
        hint = nearest(name, reading.names.visible(reading.pack))
        reading.problems.add(node.place, f"unknown name `${name[:60]}`{hint.replace('`', '`$', 1)}")
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
    if (wanted == "phrases") != _looks_like_phrases(definition):
        is_now = "phrases" if _looks_like_phrases(definition) else "a test"
        reading.problems.add(node.place, f"`${name}` stands for {is_now}; here {'phrases are' if wanted == 'phrases' else 'a test is'} wanted")
        return None
    inner = Reading(owner, reading.names, reading.problems, [*reading.resolving, full], reading.used)
    return _phrases(inner, definition) if wanted == "phrases" else parse_test(inner, definition)


def check_name(reading: Reading, node: Node) -> None:
    """Read a `define` entry that no rule uses, so that its faults are told as well."""
    if _looks_like_phrases(node):
        _phrases(reading, node)
    else:
        parse_test(reading, node)


# ------------------------------------------------------------------ tests


def _phrase_value(reading: Reading, node: Node) -> tuple[Phrase, ...] | None:
    if node.kind == "map":
        reading.problems.add(node.place, "phrases by language belong in `define`; write `$name` here")
        return None
    return _phrases(reading, node) or None


def _pattern_value(reading: Reading, node: Node) -> str | None:
    return read_word(reading, node, "a pattern")


def _measure_value(shares: bool) -> Callable[[Reading, Node], Range | None]:
    return lambda reading, node: _range(reading, node, shares=shares)


def _position_value(reading: Reading, node: Node) -> Position | None:
    text = node.text.strip() if node.kind == "scalar" else ""
    found = re.fullmatch(r"(\d+)(%?)", text)
    amount = int(found[1]) if found else 0
    if not found or not amount or (found[2] and amount > 100):
        reading.problems.add(node.place, "expected a number of lines such as `3`, or a share such as `30%`")
        return None
    return Position(amount / 100, True) if found[2] else Position(amount)


def _duplicate_value(reading: Reading, node: Node) -> Duplicate | None:
    near: float | None = None
    of_node: Node | None = node
    if node.kind == "map":
        _check_keys(reading, node, {"of": "", "near": ""}, "duplicate")
        of_node = node.get("of")
        near_node = node.get("near")
        if near_node is not None:
            near = read_share(reading, near_node, "near")
            if near is not None and not 0.5 <= near < 1:
                reading.problems.add(near_node.place, "`near` lies between 0.5 and 1")
                near = None
        if of_node is None:
            reading.problems.add(node.place, "`duplicate` wants `of: previous` or `of: earlier`")
            return None
    if of_node is None:
        return None
    of = _choice(reading, of_node, "duplicate", ("previous", "earlier"))
    return Duplicate("previous" if of == "previous" else "earlier", near) if of else None


def _use_value(reading: Reading, node: Node) -> Test | None:
    word = read_word(reading, node, "a name")
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
class TestKey:
    """One test of the language: how its value is read, and what it says."""

    read: Callable[[Reading, Node], Any]
    about: str


TESTS: dict[str, TestKey] = {
    "is": TestKey(_phrase_value, "the unit is the phrase; bullets, arrows and punctuation around it do not count"),
    "starts": TestKey(_phrase_value, "the unit starts with the phrase"),
    "ends": TestKey(_phrase_value, "the unit ends with the phrase"),
    "has": TestKey(_phrase_value, "the phrase stands anywhere in the unit"),
    "regex": TestKey(_pattern_value, "the pattern is found in the unit"),
    "words": TestKey(_measure_value(False), "number of words"),
    "chars": TestKey(_measure_value(False), "number of characters, without blanks at the ends"),
    "links": TestKey(_measure_value(True), "number of links, or the share of characters in links"),
    "upper": TestKey(_measure_value(True), "number of upper-case letters, or their share of the letters"),
    "digits": TestKey(_measure_value(True), "number of digits, or their share of the characters that are not blank"),
    "full_stop": TestKey(_flag, "ends like a sentence"),
    "first": TestKey(_position_value, "among the first lines of the document"),
    "last": TestKey(_position_value, "among the last lines of the document"),
    "previous": TestKey(lambda reading, node: parse_test(reading, node), "the unit before passes the test"),
    "next": TestKey(lambda reading, node: parse_test(reading, node), "the unit after passes the test"),
    "duplicate": TestKey(_duplicate_value, "equal to the unit before, or to an earlier one"),
    "use": TestKey(_use_value, "a named test"),
    "not": TestKey(lambda reading, node: parse_test(reading, node), "the test does not hold"),
    "all": TestKey(_all_value, "every test of the list"),
}


def parse_test(reading: Reading, node: Node) -> Test | None:
    """Read a test: a map (all must hold) or a list (any must hold)."""
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
    case = bool(_flag(reading, case_node)) if case_node is not None else False
    if case_node is not None and not any(node.get(key) for key in TEXT_TESTS):
        reading.problems.add(case_node.place, "`case` goes beside a phrase or a pattern")
    tests: list[Test] = []
    for key, key_node, value in node.named():
        if key == "case":
            continue
        known = TESTS.get(key)
        if known is None:
            reading.problems.add(key_node.place, f"unknown test `{key[:60]}`{nearest(key, [*TESTS, 'case'])}")
            continue
        parsed = known.read(reading, value)
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
        compile_pattern(pattern, case=case)
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

RULE_KEYS: dict[str, str] = {
    "id": "the rule's name, unique in its pack",
    "about": "one line: what leftover this is",
    "risk": "safe, likely or risky",
    "status": "stable, testing, experimental (off unless enabled) or deprecated",
    "tags": "labels to select rules by",
    "refs": "where the rule comes from",
    "replaced_by": "the rule to use instead",
    "for": "the languages and sites the rule is for",
    "unit": "what the rule looks at: line, paragraph, span or document",
    "match": "the test",
    "unless": "a test; where it holds, the rule stays away",
    "run": "how the match grows over its neighbours",
    "do": "drop, replace, fix, keep or flag",
    "with": "the template of replace, the operation of fix",
    "budget": "share of the document's words that the rule may remove",
    "examples": "texts that prove what the rule does and what it leaves",
}
RUN_KEYS: dict[str, str] = {
    "then": "the test for the units that follow",
    "count": "how many units may be taken",
    "gap": "how many blank lines may stand between two units",
    "edge": "start or end: the run must reach the edge of the text",
}
EXAMPLE_KEYS: dict[str, str] = {
    "drop": "text that is removed whole",
    "keep": "text that stays as it is",
    "in": "text before",
    "out": "text after",
    "flag": "text that is flagged",
    "language": "the document's language",
    "site": "the document's site",
}


def _check_keys(reading: Reading, node: Node, known: Mapping[str, str], what: str) -> bool:
    if node.kind != "map":
        if node.tag != "alias":
            reading.problems.add(node.place, f"{what} must be a map with the keys {', '.join(known)}")
        return False
    for key, key_node, _ in node.named():
        if key not in known:
            reading.problems.add(key_node.place, f"unknown key `{key[:60]}` in {what}{nearest(key, list(known))}")
    return True


def parse_rule(reading: Reading, node: Node, layer: int) -> Rule | None:
    """Read one rule; return None where it has problems."""
    before = len(reading.problems.found)
    if not _check_keys(reading, node, RULE_KEYS, "a rule"):
        return None
    values: dict[str, Any] = {}
    readers: dict[str, tuple[str, Callable[[Node], Any]]] = {
        "about": ("about", lambda value: read_word(reading, value, "about")),
        "risk": ("risk", lambda value: _choice(reading, value, "risk", RISKS)),
        "status": ("status", lambda value: _choice(reading, value, "status", STATUSES)),
        "unit": ("unit", lambda value: _choice(reading, value, "unit", UNITS)),
        "do": ("action", lambda value: _choice(reading, value, "do", ACTIONS)),
        "tags": ("tags", lambda value: read_strings(reading, value, "a tag")),
        "refs": ("refs", lambda value: read_strings(reading, value, "a reference")),
        "replaced_by": ("replaced_by", lambda value: read_word(reading, value, "replaced_by")),
        "budget": ("budget", lambda value: read_share(reading, value, "budget")),
        "match": ("match", lambda value: parse_test(reading, value)),
        "unless": ("unless", lambda value: parse_test(reading, value)),
        "run": ("run", lambda value: _run(reading, value)),
        "examples": ("examples", lambda value: _examples(reading, value)),
    }
    for key, (name, read) in readers.items():
        value = node.get(key)
        parsed = read(value) if value is not None else None
        if parsed is not None:
            values[name] = parsed
    identifier = _identifier(reading, node)
    if "about" not in values and node.get("about") is None:
        reading.problems.add(node.place, f"rule `{identifier}` has no `about`: one line that says what leftover it removes")
    for_node = node.get("for")
    if for_node is not None and _check_keys(reading, for_node, {"language": "", "site": ""}, "`for`"):
        for key, name in (("language", "languages"), ("site", "sites")):
            value = for_node.get(key)
            if value is not None:
                values[name] = tuple(word.lower() for word in read_strings(reading, value, f"a {key}"))
    _read_with(reading, node, values)
    if len(reading.problems.found) == before:
        rule = Rule(reading.pack, identifier or "", place=node.place, layer=layer, **values)
        _check_rule(reading, rule, node)
        if len(reading.problems.found) == before:
            return rule
    return None


def _identifier(reading: Reading, node: Node) -> str | None:
    id_node = node.get("id")
    if id_node is None:
        reading.problems.add(node.place, "a rule without `id`")
        return None
    identifier = read_word(reading, id_node, "id")
    if identifier is not None and not _IDENTIFIER.fullmatch(identifier):
        reading.problems.add(id_node.place, f"`{identifier[:60]}`: an id has lower-case letters, digits and hyphens, such as `share-line`")
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
        values["template"] = read_word(reading, with_node, "a template")
    elif action == "fix":
        if with_node.kind == "scalar":
            values["operation"] = read_word(reading, with_node, "an operation")
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
                values["operation"] = read_word(reading, value, "operation")
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
        return _flag(reading, node)
    if node.tag == "int" and re.fullmatch(r"-?\d{1,9}", node.text):
        return int(node.text)
    if node.tag == "float" and re.fullmatch(r"-?\d{1,9}\.\d{1,9}", node.text):
        return float(node.text)
    return read_word(reading, node, "an option")


def _run(reading: Reading, node: Node) -> Run | None:
    if not _check_keys(reading, node, RUN_KEYS, "`run`"):
        return None
    then_node, count_node, gap_node, edge_node = (node.get(key) for key in RUN_KEYS)
    then = parse_test(reading, then_node) if then_node is not None else None
    count = _range(reading, count_node, shares=False) if count_node is not None else Range(1, _UNLIMITED)
    gap = 1
    if gap_node is not None:
        if gap_node.kind == "scalar" and re.fullmatch(r"\d{1,3}", gap_node.text):
            gap = int(gap_node.text)
        else:
            reading.problems.add(gap_node.place, "`gap` is a number of blank lines, 0 to 999")
    edge = _choice(reading, edge_node, "edge", ("start", "end")) if edge_node is not None else None
    if count is None:
        return None
    return Run(then, count, gap, "start" if edge == "start" else "end" if edge == "end" else None, node.place)


def _examples(reading: Reading, node: Node) -> tuple[Example, ...]:
    if node.kind != "list":
        reading.problems.add(node.place, "examples must be a list such as [{drop: Share}, {keep: Share prices fell}]")
        return ()
    return tuple(example for item in node.items if (example := _example(reading, item)) is not None)


def _example(reading: Reading, node: Node) -> Example | None:
    if not _check_keys(reading, node, EXAMPLE_KEYS, "an example"):
        return None
    kinds = [key for key in ("drop", "keep", "in", "flag") if node.get(key) is not None]
    out_node = node.get("out")
    if len(kinds) != 1 or (out_node is not None) != (kinds == ["in"]):
        reading.problems.add(node.place, "an example is {drop: text}, {keep: text}, {flag: text} or {in: text, out: text}")
        return None
    words = {key: read_word(reading, value, key) for key, _, value in node.named() if key in EXAMPLE_KEYS}
    text = words.get(kinds[0])
    if text is None or None in words.values():
        return None
    if len(text) > _LARGEST_EXAMPLE:
        reading.problems.add(node.place, f"an example has at most {_LARGEST_EXAMPLE:,} characters")
        return None
    out = {"drop": "", "in": words.get("out") or ""}.get(kinds[0], text)
    if kinds == ["in"] and out == text:
        reading.problems.add(node.place, "`in` and `out` are the same; write {keep: text}")
    kind = {"drop": "drop", "keep": "keep", "flag": "flag"}.get(kinds[0], "change")
    return Example(kind, text, out, node.place, words.get("language"), words.get("site"))  # type: ignore[arg-type]


def _check_rule(reading: Reading, rule: Rule, node: Node) -> None:
    """Report what each key allows but the rule as a whole does not."""

    def problem(key: str, message: str) -> None:
        value = node.get(key)
        reading.problems.add(value.place if value is not None else node.place, message)

    if rule.match is None and rule.action != "fix":
        problem("match", f"rule `{rule.id}` has no `match`")
    if rule.unit == "document" and rule.action in ("drop", "replace", "keep"):
        problem("unit", "a whole document is never removed or replaced: use `do: flag`")
    if rule.unit in ("span", "document") and rule.run is not None:
        problem("run", f"a run is of lines or paragraphs, not of a {rule.unit}")
    if rule.run is not None and rule.action not in ("drop", "keep"):
        problem("run", f"a run can be dropped or kept, not `{rule.action}`")
    if rule.unit == "span":
        if rule.action in ("fix",):
            problem("unit", "`do: fix` looks at lines, paragraphs or the document")
        if rule.match is not None and span_locator(rule.match) is None:
            problem("match", f"a span is found by exactly one of {', '.join(TEXT_TESTS)} at the top of `match`")
    if rule.template is not None:
        _check_template(reading, rule, node)
    if rule.action == "fix" and rule.unit == "span":
        problem("unit", "`do: fix` looks at lines, paragraphs or the document")
    changes = [example for example in rule.examples if example.kind in ("drop", "change", "flag")]
    keeps = [example for example in rule.examples if example.kind == "keep"]
    if rule.action == "keep":
        if not keeps:
            problem("examples", f"rule `{rule.id}` needs an example of what it keeps: {{keep: text}}")
    elif not changes or not keeps:
        missing = "one that changes ({drop: text} or {in: …, out: …})" if not changes else "one that must stay ({keep: text})"
        if rule.action == "flag" and not changes:
            missing = "one that is flagged ({flag: text})"
        problem("examples", f"rule `{rule.id}` needs an example: {missing}")


def span_locator(match: Test) -> Test | None:
    """Return the test of a span rule's match that finds the spans, or None unless there is exactly one."""
    tests = match.value if match.key == "all" else (match,)
    found = [test for test in tests if test.key in TEXT_TESTS]
    return found[0] if len(found) == 1 else None


def _check_template(reading: Reading, rule: Rule, node: Node) -> None:
    with_node = node.get("with")
    groups = template_groups(rule.template or "")
    patterns = [test for test in tests_in(rule.match) if test.key == "regex"]
    if with_node is None or not groups:
        return
    if len(patterns) != 1:
        reading.problems.add(with_node.place, "a template with groups wants exactly one `regex` in `match`")
        return
    compiled = compile_pattern(patterns[0].value, case=patterns[0].case)
    for group in groups:
        if (int(group) > compiled.groups) if group.isdecimal() else (group not in compiled.groupindex):
            reading.problems.add(with_node.place, f"the pattern has no group `{group}`")

"""Nodes read as rules. Every key of a rule is one line of a table here; problems are collected, not raised."""

from __future__ import annotations

import re
from typing import Any

from cleaner.languages import TAG
from cleaner.rules.keys import Key, check_keys, ref
from cleaner.rules.model import (
    ACTIONS,
    RISKS,
    STATUSES,
    TEXT_TESTS,
    UNITS,
    UNLIMITED,
    Example,
    Range,
    Rule,
    Run,
    own_tests,
    span_locator,
)
from cleaner.rules.names import Reading
from cleaner.rules.nodes import Node
from cleaner.rules.patterns import compile_pattern, template_groups
from cleaner.rules.problems import Place, nearest
from cleaner.rules.scalars import (
    read_boolean,
    read_choice,
    read_range,
    read_share,
    read_strings,
    read_whole,
    read_word,
)
from cleaner.rules.tests import LANGUAGE, NAME, TESTS, parse_test, resolve_name
from cleaner.text import plain_host

__all__ = [
    "EXAMPLE_KEYS",
    "FOR_KEYS",
    "HOST",
    "IDENTIFIER",
    "LARGEST_EXAMPLE",
    "LARGEST_GAP",
    "RULE_KEYS",
    "RUN_KEYS",
    "parse_rule",
]

HOST = re.compile(r"(?:\*\.)?[^\s/:@*]+")
IDENTIFIER = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
LARGEST_EXAMPLE = 20_000  # characters
LARGEST_GAP = 999  # blank lines

_COUNT, _TEST, _TEXT, _TEXTS, _SHARE = ref("count"), ref("test"), ref("text"), ref("texts"), ref("share")

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
    "match": Key("the test", _TEST, "{is: $share}", read=parse_test),
    "unless": Key("a test; where it holds, the rule stays away", _TEST, "{full_stop: true}", read=parse_test),
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


def _quoted(key: str, value: Node) -> str:
    """Return that text wants quotes, where a key of an example may be what follows a comma in it."""
    return "; text with a comma wants quotes" if value.tag == "null" and not nearest(key, list(EXAMPLE_KEYS)) else ""


def _where(key: str, value: Node) -> str:
    """Return where a key belongs that stands in a rule and is one of its parts, if it is."""
    if key in TESTS:
        return "; it is a test: write it under `match`, further in"
    parts = {"run": RUN_KEYS, "for": FOR_KEYS, "examples": EXAMPLE_KEYS}
    part = next((part for part, keys in parts.items() if key in keys), None)
    return f"; write it under `{part}`, further in" if part else ""


def parse_rule(reading: Reading, node: Node, layer: int) -> Rule | None:
    """Read one rule; return None where it has problems."""
    before = len(reading.problems.found)
    if not check_keys(reading.problems, node, RULE_KEYS, "a rule", _where):
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
    if for_node is not None and check_keys(reading.problems, for_node, FOR_KEYS, "`for`"):
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
    if not check_keys(reading.problems, node, RUN_KEYS, "`run`"):
        return None
    then_node, count_node, gap_node, edge_node = (node.get(key) for key in RUN_KEYS)
    then = parse_test(reading, then_node) if then_node is not None else None
    count = read_range(reading.problems, count_node, shares=False) if count_node is not None else Range(1, UNLIMITED)
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
    if not check_keys(reading.problems, node, EXAMPLE_KEYS, "an example", _quoted):
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
        if not NAME.fullmatch(line[1:]):
            reading.problems.add(
                item.place,
                f"`{line[:60]}` is no name; a text in which a line begins with a dollar is written as one string",
            )
            return None
        phrases = resolve_name(reading, line[1:], item, "phrases")
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

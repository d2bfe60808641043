"""The rule language as a JSON Schema, for editors and other tools, made from the tables that the reader uses.

A schema sees single values, not the file as a whole: names, groups and duplicate keys stay with the reader.
It accepts what the reader accepts, and refuses as much of the rest as it can.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from cleaner.rules.keys import Key, ref
from cleaner.rules.layers import DEFINED, PACK_KEYS, VERSION
from cleaner.rules.model import TEXT_TESTS
from cleaner.rules.overrides import SITE_KEYS
from cleaner.rules.parse import (
    EXAMPLE_KEYS,
    FOR_KEYS,
    HOST,
    IDENTIFIER,
    LARGEST_EXAMPLE,
    LARGEST_GAP,
    RULE_KEYS,
    RUN_KEYS,
)
from cleaner.rules.patterns import LONGEST_PATTERN
from cleaner.rules.tests import (
    CASE,
    DUPLICATE_KEYS,
    LANGUAGE,
    LARGEST_NUMBER,
    LONGEST_PASSAGE,
    LONGEST_PHRASE,
    NEARBY_KEYS,
    TESTS,
)

__all__ = ["KINDS", "json_schema"]

_WHOLE = r"[0-9]+"
_ABOVE_ZERO = r"(?=.*[1-9])"
_PERCENT = r"0*(?:100(?:\.0+)?|[0-9]{1,2}(?:\.[0-9]+)?)%"  # up to 100
_FRACTION = r"0*(?:1(?:\.0+)?|0(?:\.[0-9]+)?)"  # up to 1


def _whole(pattern: str) -> str:
    return f"^(?:{pattern})$"


def _range(*numbers: str) -> str:
    return _whole("|".join(rf"{number}(?:\.\.(?:{number})?)?|\.\.{number}" for number in numbers))


def _whole_number(low: int, high: int) -> dict[str, Any]:
    """Return the schema of a whole number, bare or in quotes, from `low`, 0 or 1, to `high`, a row of nines."""
    pattern = f"[1-9][0-9]{{0,{len(str(high)) - 1}}}"
    return {
        "anyOf": [
            {"type": "integer", "minimum": low, "maximum": high},
            {"type": "string", "pattern": _whole(pattern if low else f"0|{pattern}")},
        ]
    }


def _needs(*keys: str) -> dict[str, Any]:
    return {"required": list(keys)}


def _one_or_many(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "array", "items": schema}]}


def _keys(keys: Mapping[str, Key], **more: Any) -> dict[str, Any]:
    """Return the schema of a map with these keys and no others."""
    properties = {name: _key(key) for name, key in keys.items()}
    return {"type": "object", "additionalProperties": False, "properties": properties, **more}


def _key(key: Key) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "description": key.about,
        **key.schema,
        "examples": [yaml.safe_load(key.example)],
    }
    if key.default:
        schema["default"] = yaml.safe_load(key.default)
    return schema


# The kinds of values that keys have: what they are, and how they look.
KINDS: dict[str, dict[str, Any]] = {
    "text": {"description": "text", "type": "string"},
    "texts": {"description": "text, or a list of texts", **_one_or_many(ref("text"))},
    "boolean": {"description": "`true` or `false`", "type": "boolean"},
    "identifier": {
        "description": "lower-case letters a to z, digits and hyphens, such as `share-line`",
        "type": "string",
        "pattern": _whole(IDENTIFIER.pattern),
    },
    "version": {
        "description": "`MAJOR.MINOR.PATCH`, such as `1.0.0`",
        "type": "string",
        "pattern": _whole(VERSION.pattern),
    },
    "packs": {
        "description": "a pack or a list of packs: a name, `name@version`, or the path of a YAML file",
        **_one_or_many({"type": "string", "not": {"pattern": "://"}}),
    },
    "share": {
        "description": "a share above 0, up to 1: `30%` or `0.3`",
        "anyOf": [
            {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
            {
                "type": "string",
                "pattern": _whole(rf"{_ABOVE_ZERO}(?:{_PERCENT}|{_FRACTION})"),
            },
        ],
    },
    "passage": {
        "description": "a number of words such as `100`",
        **_whole_number(1, LONGEST_PASSAGE),
    },
    "near": {
        "description": "a share from 0.5 to below 1: `90%` or `0.9`",
        "anyOf": [
            {"type": "number", "minimum": 0.5, "exclusiveMaximum": 1},
            {"type": "string", "pattern": _whole(r"0*[5-9][0-9](?:\.[0-9]+)?%|0+\.[5-9][0-9]*")},
        ],
    },
    "count": {
        "description": "a range of whole numbers, both ends included: `3..18`, `15..`, `..5` or `4`",
        "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": _range(_WHOLE)}],
    },
    "amount": {
        "description": "a range of whole numbers such as `2..`, or of shares such as `60%..` or `0.6..`",
        "anyOf": [
            {"type": "integer", "minimum": 0},
            {"type": "number", "minimum": 0, "maximum": 1},
            {"type": "string", "pattern": _range(_WHOLE, _PERCENT, _FRACTION)},
        ],
    },
    "position": {
        "description": "a number of lines, `3`, or a share of them, `30%`, which is at least two lines",
        "anyOf": [
            *_whole_number(1, LARGEST_NUMBER)["anyOf"],
            {"type": "string", "pattern": _whole("(?:100|[1-9][0-9]?)%")},
        ],
    },
    "gap": {
        "description": "a number of blank lines, 0 to 999",
        **_whole_number(0, LARGEST_GAP),
    },
    "distance": {
        "description": "a number of units, 1 or more",
        **_whole_number(1, LARGEST_NUMBER),
    },
    "pattern": {
        "description": "a regular expression of the Python package `regex`",
        "type": "string",
        "minLength": 1,
        "maxLength": LONGEST_PATTERN,
    },
    "name": {
        "description": "a name from `define`: `$name`, or `$pack/name`",
        "type": "string",
        "pattern": _whole(rf"\$(?:{IDENTIFIER.pattern}/)?{DEFINED.pattern}"),
    },
    "phrase": {
        "description": "a phrase, or a `$name` that stands for phrases",
        "type": "string",
        "minLength": 1,
        "maxLength": LONGEST_PHRASE,
        "pattern": r"\S",
    },
    "phrases": {
        "description": "a phrase, a `$name` that stands for phrases, or a list of these",
        "anyOf": [ref("phrase"), {"type": "array", "minItems": 1, "items": ref("phrases")}],
    },
    "phrases-by-language": {
        "description": "phrases by language; `any` is every language",
        "type": "object",
        "propertyNames": {"pattern": _whole(LANGUAGE.pattern)},
        "additionalProperties": ref("phrases"),
    },
    "define": {
        "description": "a map from names to phrases, to phrases by language, or to a test",
        "type": "object",
        "propertyNames": {"pattern": _whole(DEFINED.pattern)},
        "additionalProperties": {"anyOf": [ref("phrases"), ref("test"), ref("phrases-by-language")]},
    },
    "test": {
        "description": "a map of tests (all must hold) or a list of them (any must hold)",
        "if": {"type": "array"},
        "then": {"minItems": 1, "items": ref("test")},
        "else": _keys(
            {**TESTS, "case": CASE},
            minProperties=1,
            dependentSchemas={"case": {"anyOf": [_needs(key) for key in TEXT_TESTS]}},
        ),
    },
    "tests": {"description": "a list of tests", "type": "array", "minItems": 1, "items": ref("test")},
    "nearby": {
        "description": "a map of `match`, `within` and `count`",
        **_keys(NEARBY_KEYS, **_needs("match")),
    },
    "duplicate": {
        "description": "`previous`, `earlier`, or a map of `of` with `near` or `passage`",
        "if": {"type": "object"},
        "then": _keys(DUPLICATE_KEYS, **_needs("of")),
        "else": DUPLICATE_KEYS["of"].schema,
    },
    "for": {"description": "a map of `language` and `site`", **_keys(FOR_KEYS)},
    "run": {"description": "a map of `then`, `count`, `gap` and `edge`", **_keys(RUN_KEYS)},
    "languages": {
        "description": "a language such as `en` or `pt-br`, or a list of them",
        **_one_or_many(
            {
                "type": "string",
                "not": {"const": "any"},
                "pattern": _whole(LANGUAGE.pattern.replace("a-z", "A-Za-z")),
            }
        ),
    },
    "hosts": {
        "description": "a site such as `example.com`, or a list of them",
        **_one_or_many({"type": "string", "pattern": _whole(HOST.pattern)}),
    },
    "sample": {
        "description": "a text, or a list of its lines, in which a `$name` stands for the lines that `define` says",
        "type": ["string", "array"],
        "maxLength": LARGEST_EXAMPLE,
        "items": {"type": "string"},
    },
    "example": {
        "description": "`{drop: text}`, `{keep: text}`, `{in: text, out: text}` or `{flag: text}`",
        **_keys(
            EXAMPLE_KEYS,
            oneOf=[_needs(key) for key in ("drop", "keep", "in", "flag")],
            dependentRequired={"in": ["out"], "out": ["in"]},
        ),
    },
    "examples": {"description": "a list of examples", "type": "array", "items": ref("example")},
    "override": {
        "description": "a map from rules to changed fields, and from names with `+` or `-` to phrases",
        "type": "object",
        "propertyNames": {"pattern": r"^[^/]+/[^/]+$"},
        "patternProperties": {r"[+-]$": {"anyOf": [ref("phrases"), ref("phrases-by-language")]}},
        "additionalProperties": {
            "type": "object",
            "propertyNames": {"pattern": _whole(rf"(?:{'|'.join(RULE_KEYS)})(?:\..+)?")},
            "properties": {
                **{name: _key(key) for name, key in RULE_KEYS.items()},
                "id": False,
                **{f"for.{name}": _key(key) for name, key in FOR_KEYS.items()},
                **{f"run.{name}": _key(key) for name, key in RUN_KEYS.items()},
                **{f"match.{name}": _key(key) for name, key in TESTS.items()},
                **{f"unless.{name}": _key(key) for name, key in TESTS.items()},
            },
        },
    },
    "sites": {
        "description": "a map from sites to maps of `disable`, `enable` and `override`",
        "type": "object",
        "propertyNames": {"pattern": _whole(HOST.pattern)},
        "additionalProperties": _keys({name: PACK_KEYS[name] for name in SITE_KEYS}),
    },
}


def json_schema(operations: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of packs and configurations.

    `operations` gives for each operation of `do: fix` the schema of its options, as
    `cleaner.repair.operation_schemas` does.

    >>> json_schema({})["$defs"]["rule"]["properties"]["risk"]["enum"]
    ['safe', 'likely', 'risky']
    """
    definitions = {
        **KINDS,
        "rules": {"type": "array", "items": ref("rule")},
        "rule": _rule(),
        "fix": _fix(operations),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "cleaner: a pack of rules, or a configuration",
        **_keys(PACK_KEYS, dependentRequired={"pack": ["version", "about"]}),
        "$defs": definitions,
    }


def _fix(operations: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the schema of `with` beside `do: fix`: an operation's name, or a map of it and its options."""
    branches: list[dict[str, Any]] = [{"enum": list(operations)}]
    for name, options in operations.items():
        properties = {"operation": {"const": name}, **options["properties"]}
        branches.append({**options, "properties": properties, "additionalProperties": False, **_needs("operation")})
    return {"description": "an operation's name, or a map of `operation` and its options", "anyOf": branches}


def _rule() -> dict[str, Any]:
    """Return the schema of a rule, with what one key asks of the others."""

    def when(key: str, *values: str) -> dict[str, Any]:
        return {"properties": {key: {"enum": list(values)}}, **_needs(key)}

    def never(key: str) -> dict[str, Any]:
        return {"properties": {key: False}}

    def has(*kinds: str) -> dict[str, Any]:
        return {"contains": {"anyOf": [_needs(kind) for kind in kinds]}}

    def only(*kinds: str) -> dict[str, Any]:
        return {"items": {"anyOf": [_needs(kind) for kind in kinds]}}

    def examples(**schema: Any) -> dict[str, Any]:
        return {"properties": {"examples": schema}}

    conditions = [
        {"if": when("do", "fix"), "else": _needs("match")},
        {"if": when("do", "replace"), "then": {"properties": {"with": {"type": "string"}}, **_needs("with")}},
        {"if": when("do", "fix"), "then": {"properties": {"with": ref("fix")}, **_needs("with")}},
        {"if": when("do", "fix", "replace"), "else": never("with")},
        {"if": when("unit", "document"), "then": when("do", "fix", "flag")},
        {"if": when("do", "fix"), "then": {"properties": {"unit": {"not": {"const": "span"}}}}},
        {
            "if": _needs("run"),
            "then": {"properties": {"unit": {"enum": ["line", "paragraph"]}, "do": {"enum": ["drop", "keep"]}}},
        },
        {"if": when("unit", "span"), "then": {"properties": {"match": _span_match()}}},
        # Examples: one that stays; and one that changes, unless the rule only protects.
        examples(**has("keep")),
        {
            "if": when("do", "flag"),
            "then": examples(**has("flag"), **only("flag", "keep")),
            "else": examples(**only("drop", "in", "keep")),
        },
        {"if": when("do", "keep", "flag"), "else": examples(**has("drop", "in"))},
    ]
    return _keys(RULE_KEYS, **_needs("id", "about", "examples"), allOf=conditions)


def _span_match() -> dict[str, Any]:
    """Return the schema of a span rule's match: exactly one test at its top finds the spans."""
    exactly_one = {"type": "object", "oneOf": [_needs(key) for key in TEXT_TESTS]}
    alone = {"maxProperties": 1, "type": "object"}
    only_all = {
        **alone,
        **_needs("all"),
        "properties": {"all": {"contains": {**exactly_one, "maxProperties": 2}}},
    }
    return {"anyOf": [exactly_one, only_all]}

"""The JSON Schema says what the reader says, as far as a schema can."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from cleaner import Cleaner
from cleaner.repair import OPERATIONS, operation_schemas
from cleaner.rules import RuleError, load_text, pack_files
from cleaner.rules.keys import Key
from cleaner.rules.layers import PACK_KEYS
from cleaner.rules.parse import EXAMPLE_KEYS, FOR_KEYS, RULE_KEYS, RUN_KEYS
from cleaner.rules.schema import KINDS, json_schema
from cleaner.rules.tests import CASE, DUPLICATE_KEYS, NEARBY_KEYS, TESTS

ROOT = Path(__file__).resolve().parents[1]
SCHEMA = json_schema(operation_schemas())
VALIDATOR = Draft202012Validator(SCHEMA)

TABLES: dict[str, Mapping[str, Key]] = {
    "pack": PACK_KEYS,
    "rule": RULE_KEYS,
    "test": {**TESTS, "case": CASE},
    "run": RUN_KEYS,
    "for": FOR_KEYS,
    "nearby": NEARBY_KEYS,
    "duplicate": DUPLICATE_KEYS,
    "example": EXAMPLE_KEYS,
}
KEYS = [pytest.param(key, id=f"{table}-{name}") for table, keys in TABLES.items() for name, key in keys.items()]


def faults(value: object, schema: Mapping[str, Any] = SCHEMA) -> list[str]:
    """Return what the schema finds wrong with a value."""
    errors = Draft202012Validator({"$defs": SCHEMA["$defs"], **schema}).iter_errors(value)
    return [f"{error.json_path}: {error.message}" for error in errors]


def test_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_refers_only_to_what_it_defines() -> None:
    def refs(value: object) -> set[str]:
        if isinstance(value, dict):
            here = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
            return here.union(*map(refs, value.values()))
        return set().union(*map(refs, value)) if isinstance(value, (list, tuple)) else set()

    defined = {f"#/$defs/{name}" for name in SCHEMA["$defs"]}
    assert refs(SCHEMA) <= defined
    assert {f"#/$defs/{name}" for name in KINDS} <= refs(SCHEMA)


@pytest.mark.parametrize("name", pack_files())
def test_shipped_packs_are_valid(name: str) -> None:
    # The slow parser, because editors do not have the fast one either, and the two differ in places.
    text = pack_files()[name].read_text(encoding="utf-8")
    assert faults(yaml.safe_load(text)) == []
    assert text.startswith("# yaml-language-server: $schema=pack.schema.json\n")


@pytest.mark.parametrize("key", KEYS)
def test_examples_and_defaults_are_values(key: Key) -> None:
    assert faults(yaml.safe_load(key.example), key.schema) == []
    if key.default:
        assert faults(yaml.safe_load(key.default), key.schema) == []


@pytest.mark.parametrize("name", TESTS)
def test_examples_of_tests_are_read(name: str) -> None:
    text = f"""
define: {{share: [share], follow: [follow], headline: {{words: 3..18}}}}
rules:
- id: x
  about: x
  match: {{{name}: {TESTS[name].example}}}
  examples: [{{drop: x}}, {{keep: y}}]
"""
    assert faults(yaml.safe_load(text)) == []
    load_text(text)


@pytest.mark.parametrize("name", OPERATIONS)
def test_options_are_those_of_the_operation(name: str) -> None:
    options = {option: value["default"] for option, value in operation_schemas()[name]["properties"].items()}
    OPERATIONS[name].options(**options)
    assert faults({"operation": name, **options}, SCHEMA["$defs"]["fix"]) == []
    assert faults({"operation": name, "colour": True}, SCHEMA["$defs"]["fix"])
    assert all("description" in value for value in operation_schemas()[name]["properties"].values())


# ------------------------------------------------------------------ the reader and the schema

CASES = ROOT / "tests" / "cases"
BROKEN = yaml.safe_load((CASES / "broken_packs.yaml").read_text(encoding="utf-8"))
BEYOND = yaml.safe_load((CASES / "beyond_schema.yaml").read_text(encoding="utf-8"))
BEYOND_NAMES = [name for names in BEYOND.values() for name in names]
HEAD = "pack: p\nversion: 1.0.0\nabout: A pack\nrules:\n"


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: case["name"])
def test_refuses_what_the_reader_refuses(case: dict[str, Any]) -> None:
    try:
        documents = list(yaml.safe_load_all(case["file"] if "file" in case else HEAD + case["rules"]))
    except yaml.YAMLError:
        assert case["name"] not in BEYOND_NAMES
        return
    refused = len(documents) != 1 or bool(faults(documents[0]))
    assert refused == (case["name"] not in BEYOND_NAMES)


def test_all_that_is_beyond_the_schema_is_known() -> None:
    assert sorted(BEYOND_NAMES) == sorted({case["name"] for case in BROKEN}.intersection(BEYOND_NAMES))


# Values that a key may be given, right and wrong; the schema must not refuse what the reader takes.
SCALARS: dict[str, list[object]] = {
    "count": [
        "3..18",
        "15..",
        "..5",
        "..0",
        "0..0",
        "0..1",
        4,
        0,
        "4",
        "5..2",
        "..",
        "a",
        1.5,
        "10%..",
        -1,
        True,
        None,
    ],
    "amount": ["50%..", "2..", "..0.5", 1, 0.5, "0.5..60%", "50%..0.8", "0.5..1", "120%..", 1.5, "x"],
    "position": [3, "30%", "3", 0, "0%", "101%", "100%", "1..2", 1.5],
    "share": ["30%", 0.3, 1, "100%", 0, "0%", "101%", 1.1, "a", "0.3"],
    "near": [0.9, "90%", 0.5, 1, 0.4, "50%", "100%"],
    "gap": [0, 1, 999, 1000, -1, "2", 1.5],
    "distance": [1, 5, "3", 0, -1, 1.5, "x", 999_999_999, 1_000_000_000, "0", "03", True],
    "phrases": [
        "share",
        ["share", "this"],
        "$p",
        "$t",
        "$none",
        [],
        "",
        " ",
        ["a", ["b"]],
        True,
        3,
        {"en": "a"},
        "x" * 501,
    ],
    "pattern": ["a+", "(a)(b)", "(", "(a+)+", 3, "$"],
    "boolean": [True, False, "yes", 1],
    "name": ["$t", "$p", "t", "$none", "$", 1],
    "duplicate": [
        "previous",
        "earlier",
        "x",
        {"of": "earlier"},
        {"of": "earlier", "near": 0.9},
        {"near": 0.9},
    ],
    "text": ["x", "two words", "", 1, True, None, ["x"]],
    "languages": ["en", "EN", ["en", "pt-br"], "any", "english", 1],
    "hosts": ["example.com", ["a.b", "c.d"], "https://example.com", "a@b", 1],
    "texts": ["x", ["x", "y"], [], 1, [1], {"x": "y"}],
    "identifier": ["share-line", "a", "A", "a_b", "", 1],
    "sample": ["Share", "", 1, "x" * 20_001],
}


def values(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Draw values, right and wrong, for a key."""
    if "enum" in schema:
        return st.sampled_from([*schema["enum"], "x"])
    return KIND_VALUES[schema["$ref"].rpartition("/")[2]]


def maps(keys: Mapping[str, Key], most: int) -> st.SearchStrategy[dict[str, Any]]:
    """Draw maps with some of the keys, and now and then one that is unknown."""
    entries = st.one_of(
        *(st.tuples(st.just(name), values(key.schema)) for name, key in keys.items() if key.schema),
        st.just(("colour", 1)),
    )
    return st.lists(entries, max_size=most).map(dict)


KIND_VALUES: dict[str, st.SearchStrategy[Any]] = {kind: st.sampled_from(known) for kind, known in SCALARS.items()}
KIND_VALUES["test"] = st.deferred(
    lambda: st.one_of(
        maps({**TESTS, "case": CASE}, 3),
        st.sampled_from([{"is": "share"}, {"regex": "a(b)"}, {"words": 3}]),
        st.lists(KIND_VALUES["test"], max_size=2),
    )
)
KIND_VALUES["nearby"] = maps(NEARBY_KEYS, 3)
KIND_VALUES["tests"] = st.lists(KIND_VALUES["test"], max_size=2)
KIND_VALUES["for"] = maps(FOR_KEYS, 2)
KIND_VALUES["run"] = maps(RUN_KEYS, 3)
GOOD_EXAMPLES = [{"drop": "Share"}, {"keep": "Share prices"}, {"in": "a", "out": "b"}, {"flag": "x"}]
KIND_VALUES["examples"] = st.lists(st.sampled_from(GOOD_EXAMPLES) | maps(EXAMPLE_KEYS, 3), max_size=4)
WITH = [
    "\\1",
    "x",
    "encoding",
    {"operation": "blank_lines", "keep": 2},
    {"operation": "nothing"},
    {"keep": 2},
    1,
]
# Mostly right, so that the single fault, or the combination of keys, is what counts.
RIGHT = {
    "id": "x",
    "about": "x",
    "match": {"is": "share"},
    "examples": [{"drop": "x"}, {"keep": "y"}],
}


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a rule that is right but for some keys drawn at random."""
    rule = dict(RIGHT)
    for name in draw(st.lists(st.sampled_from(sorted(RULE_KEYS)), max_size=4, unique=True)):
        if draw(st.booleans()) or name not in rule:
            rule[name] = draw(values(RULE_KEYS[name].schema) if RULE_KEYS[name].schema else st.sampled_from(WITH))
        else:
            del rule[name]
    return rule


@given(rules())
@settings(max_examples=1000)
def test_takes_what_the_reader_takes(rule: dict[str, Any]) -> None:
    pack = {"define": {"p": ["share"], "t": {"words": 3}}, "rules": [rule]}
    text = yaml.safe_dump(pack, allow_unicode=True)
    try:
        Cleaner.from_configuration(load_text(text))
    except RuleError:
        return
    assert faults(yaml.safe_load(text)) == []

"""Packs changed at random: each loads, or is refused with problems that stand somewhere, and soon.

Most changes are made to single rules cut out of the shipped packs, together with the names that they use.
"""

import random
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import yaml

from cleaner.rules import RuleError, load_text, pack_files
from cleaner.rules.layers import PACK_KEYS
from cleaner.rules.parse import EXAMPLE_KEYS, FOR_KEYS, RULE_KEYS, RUN_KEYS
from cleaner.rules.tests import TESTS

ROUNDS = 20  # tests of each kind
EXCERPTS = 498  # changed excerpts in each
WHOLE = 2  # changed whole packs in each; a hundred times as slow
SECONDS = 2.0  # for one pack, of processor time
MOST_PHRASES = 8  # of each name in an excerpt

KEYS = [
    *PACK_KEYS,
    *RULE_KEYS,
    *RUN_KEYS,
    *EXAMPLE_KEYS,
    *FOR_KEYS,
    *TESTS,
    "case",
    "of",
    "near",
    "operation",
    "en",
    "any",
    "<<",
]
VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 1.5, 10**30, "", " ", "no", "share", "$share", "$", "$x/y", "$headline",
    "3..18", "18..3", "..",
    "..5", "50%", "50%..", "120%", "0", "1e9", "earlier", "previous", "safe", "risky", "experimental",
    "line", "span", "document",
    "paragraph", "drop", "replace", "fix", "keep", "flag", "encoding", "end", "core", "core@9.9.9",
    "./x.yaml", "https://x.y",
    "tag:x", "*/*", "(a+)+", "(", "[", "\\1", "\\g<x>", "(?R)", "a{e}", "x" * 600, "\u200b", "\x85\u2028",
    "İ", "😀",
    [], {}, [[]], [{}], [None], {"is": "share"}, {"en": ["share"]}, [{"drop": "a"}, {"keep": "b"}],
    {"then": {"words": "3.."}},
    {"operation": "encoding"}, {"not": {"not": {}}}, {"all": [{"is": "a"}]}, {"a/b": {"c.d": 1}},
    {"a/b+": ["x"]},
]  # fmt: skip
BYTES = [
    *"{}[]:,-#&*!|>'\"%@`\\\n\t \r?<$.0~=()+^/",
    "\0",
    "\x85",
    "\u2028",
    "\ufeff",
    "\ud800",
    "é",
    "😀",
    ": ",
    "- ",
    "''",
    "\n\n",
    "---\n",
    "...\n",
]


# ------------------------------------------------------------------ what is changed


@cache
def packs() -> list[str]:
    return [path.read_text("utf-8") for path in pack_files().values()]


@cache
def excerpts() -> list[Any]:
    """Packs of one rule each, with the first phrases of the names that it uses."""
    found = []
    for text in packs():
        pack = yaml.load(text, yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader)
        names = {name: _cut(value) for name, value in pack.get("define", {}).items()}
        for rule in pack.get("rules", []):
            used = {name: names[name] for name in names if f"${name}" in str(rule)}
            used |= {name: names[name] for name in names if f"${name}" in str(used)}
            found.append({"pack": "p", "version": "1.0.0", "about": "x", "define": used, "rules": [rule]})
    return found


def _cut(value: Any) -> Any:
    if isinstance(value, list):
        return value[:MOST_PHRASES]
    return {key: _cut(inner) for key, inner in value.items()} if isinstance(value, dict) else value


def dump(pack: Any) -> str:
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return str(yaml.dump(pack, Dumper=dumper, allow_unicode=True, sort_keys=False))


# ------------------------------------------------------------------ how it is changed


def changed_tree(value: Any, choose: random.Random) -> Any:
    """The value with one node of it replaced, dropped, doubled, wrapped, renamed, or swapped with another."""
    places = _places(value)
    if not places:
        return choose.choice(VALUES)
    path = choose.choice(places)
    copy = _copied(value)
    parent = copy
    for step in path[:-1]:
        parent = parent[step]
    last = path[-1]
    kind = choose.choice(["replace", "replace", "drop", "double", "wrap", "rename", "swap", "add"])
    if kind == "replace":
        parent[last] = choose.choice(VALUES)
    elif kind == "drop":
        del parent[last]
    elif kind == "double":
        parent[last] = [_copied(parent[last]), _copied(parent[last])]
    elif kind == "wrap":
        parent[last] = choose.choice([[parent[last]], {choose.choice(KEYS): parent[last]}])
    elif kind == "swap":
        other = value
        for step in choose.choice(places):
            other = other[step]
        parent[last] = _copied(other)
    elif isinstance(parent, dict):
        key = choose.choice([*KEYS, None, 1, True, "", "x" * 200, str(last)[:-1], f"{last}x"])
        parent[key] = parent.pop(last) if kind == "rename" else choose.choice(VALUES)
    else:
        parent.insert(last, choose.choice(VALUES))
    return copy


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, inner in children for place in ((*path, key), *_places(inner, (*path, key)))]


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(inner) for key, inner in value.items()}
    return [_copied(inner) for inner in value] if isinstance(value, list) else value


def changed_text(text: str, choose: random.Random) -> str:
    """The text with some characters of it dropped, put in, replaced, or a stretch of it moved."""
    for _ in range(choose.choice([1, 1, 1, 2, 5])):
        start = choose.randrange(len(text) + 1)
        end = min(len(text), start + choose.choice([0, 0, 1, 1, 2, 10, 100]))
        put = choose.choice(["", choose.choice(BYTES), choose.choice(BYTES), choose.choice(KEYS), text[end : end + 20]])
        if choose.random() < 0.1:
            put = choose.choice(["[", "{", "- ", "{a: ", "((", "&a ", "*a ", "!a "]) * choose.choice([2, 50, 2000])
        text = text[:start] + put + text[end:]
    return text


# ------------------------------------------------------------------ what must hold


def loads_or_is_refused(text: str) -> bool:
    started = time.process_time()
    refused: RuleError | None = None
    try:
        load_text(text, "fuzz.yaml")
    except RuleError as error:
        refused = error
    assert time.process_time() - started < SECONDS
    if refused is None:
        return True
    assert refused.problems
    for problem in refused.problems:
        assert problem.place.line >= 1
        assert problem.place.column >= 1
        assert problem.message.isprintable()
        assert len(problem.message) < 2_000
        assert len(str(problem)) < 3_000
    return False


def run(kind: str, seed: int, change: Callable[[random.Random, bool], str]) -> None:
    choose = random.Random(f"{kind} {seed}")
    outcomes = [loads_or_is_refused(change(choose, whole)) for whole in [False] * EXCERPTS + [True] * WHOLE]
    assert {True, False} <= set(outcomes)  # else the changes are too small, or too large, to tell anything


def test_excerpts_load() -> None:
    assert len(excerpts()) > 50
    refused = []
    for pack in excerpts():
        try:
            load_text(dump(pack))
        except RuleError as error:
            refused += [problem.message for problem in error.problems]
    assert [message for message in refused if "unknown name" not in message] == []
    assert len(refused) < len(excerpts()) / 2  # names of other packs are not in an excerpt


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_changed_trees(seed: int) -> None:
    def change(choose: random.Random, whole: bool) -> str:
        pack = yaml.safe_load(choose.choice(packs())) if whole else choose.choice(excerpts())
        for _ in range(choose.choice([1, 1, 2, 3])):
            pack = changed_tree(pack, choose)
        return dump(pack)

    run("tree", seed, change)


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_changed_texts(seed: int) -> None:
    dumped = [dump(pack) for pack in excerpts()]
    run("text", seed, lambda choose, whole: changed_text(choose.choice(packs() if whole else dumped), choose))

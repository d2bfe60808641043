"""The engine: cases from cases/engine.yaml, and what holds for every text, however hostile."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cleaner import Cleaner, Result, RuleError
from cleaner.edits import apply, check
from cleaner.engine import Laps, Phase
from cleaner.rules import Configuration, load, load_text
from cleaner.rules.examples import alone
from cleaner.rules.layers import resolve

CASES: dict[str, list[dict[str, Any]]] = yaml.safe_load(
    Path(__file__).with_name("cases").joinpath("engine.yaml").read_text(encoding="utf-8")
)
KEYS = {
    "about",
    "rules",
    "define",
    "guard",
    "url",
    "language",
    "in",
    "out",
    "edits",
    "flags",
    "details",
    "evidence",
}


def configuration_of(rules: list[dict[str, Any]], **pack: Any) -> Configuration:
    # The examples satisfy the reading of a pack; nothing runs them here.
    written = [
        {
            "about": "one",
            "examples": [{"flag" if rule.get("do") == "flag" else "drop": "a"}, {"keep": "b"}],
            **rule,
        }
        for rule in rules
    ]
    return load_text(yaml.safe_dump({"guard": "100%", **pack, "rules": written}, allow_unicode=True))


def cleaner_of(*rules: dict[str, Any], guard: str = "100%", **options: Any) -> Cleaner:
    return Cleaner.from_configuration(configuration_of(list(rules), guard=guard), **options)


def holds(text: str, result: Result) -> None:
    """The promises that every result keeps."""
    assert result.original == text
    check(text, result.edits)
    assert apply(text, result.edits) == result.text
    assert result.restore() == text
    assert all(edit.causes for edit in result.edits)


def cases() -> list[Any]:
    return [pytest.param(case, id=f"{key}-{number}") for key in CASES for number, case in enumerate(CASES[key], 1)]


@pytest.mark.parametrize("accelerate", [True, False], ids=["fast", "plain"])
@pytest.mark.parametrize("case", cases())
def test_case(case: dict[str, Any], accelerate: bool) -> None:
    assert case.keys() <= KEYS | {"evidence_of"}
    pack = {key: case[key] for key in ("define", "guard") if key in case}
    cleaner = Cleaner.from_configuration(configuration_of(case["rules"], **pack), accelerate=accelerate)
    text = case["in"]
    result = cleaner(text, url=case.get("url"), language=case.get("language"))
    holds(text, result)
    assert result.text == (text if case.get("out") is None else case["out"])
    if case.get("edits") is not None:
        found = [
            (one.start, one.end, one.before, one.after, [cause.rule for cause in one.causes]) for one in result.edits
        ]
        assert found == [(*edit, [rules] if isinstance(rules, str) else rules) for *edit, rules in case["edits"]]
    assert [[flag.name, flag.rule] for flag in result.flags] == case.get("flags", [])
    if "details" in case:
        assert [flag.detail for flag in result.flags] == case["details"]
    causes = [cause for edit in result.edits for cause in edit.causes]
    if case.get("evidence"):
        assert [cause.evidence for cause in causes] == case["evidence"]
    for rule, evidence in case.get("evidence_of", {}).items():
        assert [cause.evidence for cause in causes if cause.rule == rule] == [evidence]


def test_a_later_layer_wins() -> None:
    pack = "rules: [{id: %s, about: one, match: {is: share}, do: %s, examples: [{drop: share}, {keep: a}]}]"
    first = load_text(pack % ("a", "drop")).rules[0]
    for layer, wanted in ((0, ["local/a"]), (1, ["local/b"])):
        other = load_text(pack % ("b", "drop")).rules[0]
        other = type(other)(**{name: getattr(other, name) for name in other.__slots__} | {"layer": layer})
        both = Configuration((), (first, other), 1.0, "")
        (edit,) = Cleaner.from_configuration(both)("share").edits
        assert [cause.rule for cause in edit.causes] == wanted


def test_evidence_is_clipped() -> None:
    result = cleaner_of({"id": "a", "match": {"regex": "^(x+)$"}})("x" * 500)
    evidence = result.edits[0].causes[0].evidence
    assert evidence == {"regex": "x" * 119 + "…", "groups": ["x" * 119 + "…"]}


def test_causes_name_action_and_risk() -> None:
    clean = cleaner_of(
        {"id": "a", "risk": "risky", "match": {"is": "share"}},
        {"id": "b", "match": {"is": "tweet"}, "do": "replace", "with": "x"},
        {"id": "c", "risk": "safe", "do": "fix", "with": "entities"},
    )
    found = {
        (cause.rule, cause.action, cause.risk) for edit in clean("share\ntweet\n&amp;").edits for cause in edit.causes
    }
    assert found == {
        ("local/a", "drop", "risky"),
        ("local/b", "replace", "likely"),
        ("local/c", "fix", "safe"),
    }


def test_offsets_map_both_ways() -> None:
    result = cleaner_of({"id": "a", "match": {"is": "share"}})("one\nshare\ntwo")
    assert result.text[result.to_clean(10)] == "t"
    assert result.to_original(result.to_clean(11)) == 11
    assert result.to_clean(5) == 4
    assert (result.to_clean(13), result.to_original(7)) == (7, 13)
    for outside in (-1, 14):
        with pytest.raises(IndexError, match=f"offset {outside} is outside the text, which has 13 characters"):
            result.to_clean(outside)
    with pytest.raises(IndexError, match="offset 8 is outside"):
        result.to_original(8)


def test_packs_are_named_one_by_one() -> None:
    with pytest.raises(TypeError, match=r"as in Cleaner\('news', 'legal'\), not by \['news'\]"):
        Cleaner(["news"])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"as in load\(\['news'\]\), not by 'news'"):
        load("news")


def test_rules_are_written_in_text() -> None:
    wrong: Any = b"rules: []"
    with pytest.raises(TypeError, match="text must be str, not bytes"):
        Cleaner.from_text(wrong)


@cache
def cleaner_with_budgets(rules: tuple[tuple[str, str, str, int | None], ...]) -> Cleaner:
    return cleaner_of(
        *(
            {"id": f"r{number}", "unit": unit, "match": {test: word}} | ({"budget": f"{budget}%"} if budget else {})
            for number, (unit, test, word, budget) in enumerate(rules)
        ),
        accelerate=False,
    )


@settings(max_examples=1_000, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["line", "paragraph"]),
            st.sampled_from(["has", "starts"]),
            st.sampled_from("ab"),
            st.sampled_from([None, 20, 40]),
        ),
        min_size=2,
        max_size=3,
    ).map(tuple),
    st.lists(st.lists(st.sampled_from("abx"), max_size=4).map(" ".join), min_size=2, max_size=8).map("\n".join),
)
def test_budgets_leave_nothing_for_a_second_cleaning(
    rules: tuple[tuple[str, str, str, int | None], ...], text: str
) -> None:
    clean = cleaner_with_budgets(rules)
    cleaned = clean(text).text
    assert clean(cleaned).text == cleaned


# ------------------------------------------------------------------ time

# The last two want what stands behind them: the accelerator, which cannot look, lets them through.
SLOW = ["c(?:a|a)*b", "ca*a*a*a*a*b", "c(?:a|aa)*b", "c(?:.*,){6}P", "c(?:a|a)*(?=b)", "ca*a*a*a*(?=b)"]
SLOW_TEXT = "c" + "a" * 3_000 + "a," * 5_000 + "xbP"  # all that the patterns want, not where they want it


@pytest.mark.parametrize("accelerate", [True, False], ids=["fast", "plain"])
@pytest.mark.parametrize("pattern", SLOW)
def test_a_slow_pattern_leaves_the_document_alone(pattern: str, accelerate: bool) -> None:
    try:
        configuration = configuration_of(
            [{"id": "slow", "match": {"regex": pattern}}, {"id": "a", "match": {"is": "share"}}]
        )
    except RuleError:
        return  # refused from the start: as good
    clean = Cleaner.from_configuration(configuration, accelerate=accelerate, time_limit=0.2)
    text = f"x\nshare\n{SLOW_TEXT}"
    started = time.process_time()
    result = clean(text)
    assert time.process_time() - started < 2
    if result.flags:
        assert (result.text, result.edits) == (text, ())
        (flag,) = result.flags
        assert (flag.name, flag.rule, flag.error) == ("timeout", None, True)
    else:
        assert result.text == f"x\n{SLOW_TEXT}"
    assert clean("x\nshare\ny").text == "x\ny"


@pytest.mark.parametrize(("pattern", "accelerate"), [(SLOW[0], False), (SLOW[-2], True)])
def test_slow_patterns_are_slow(pattern: str, accelerate: bool) -> None:
    """Lest the test above pass because nothing reaches the limit."""
    clean = cleaner_of({"id": "slow", "match": {"regex": pattern}}, time_limit=0.2, accelerate=accelerate)
    assert [flag.name for flag in clean(SLOW_TEXT).flags] == ["timeout"]


def test_time_without_limit() -> None:
    clean = cleaner_of({"id": "a", "match": {"regex": "^share$"}}, time_limit=float("inf"))
    assert clean("one\nshare\ntwo") == cleaner_of({"id": "a", "match": {"regex": "^share$"}})("one\nshare\ntwo")


def test_near_duplicates_reach_the_time_limit() -> None:
    clean = cleaner_of({"id": "a", "match": {"duplicate": {"of": "earlier", "near": 0.95}}}, time_limit=0.2)
    text = "\n".join(" ".join("ab"[(number * at * at // 7) % 2] for at in range(400)) for number in range(1, 400))
    started = time.process_time()
    result = clean(text)
    assert time.process_time() - started < 2
    assert (result.text, [flag.name for flag in result.flags]) == (text, ["timeout"])


@pytest.mark.parametrize("pattern", ["(a+)+$", "(?:x*y?)*z", "(?:(?:a{2,})*b)+"])
def test_nested_quantifiers_are_refused(pattern: str) -> None:
    with pytest.raises(RuleError, match="nested quantifiers"):
        cleaner_of({"id": "a", "match": {"regex": pattern}})


# ------------------------------------------------------------------ copies

DEFAULT = resolve(["default"]).configuration
SAMPLES = sorted({example.text for rule in DEFAULT.rules for example in rule.examples})[::7]


def test_a_pickled_cleaner_is_small_the_same_each_time_and_gives_the_same_results() -> None:
    cleaner = Cleaner("default")
    data = pickle.dumps(cleaner)
    copy = pickle.loads(data)
    assert pickle.dumps(Cleaner("default")) == data
    assert len(data) < 4_000_000
    assert copy.configuration.digest == cleaner.configuration.digest
    for text in SAMPLES:
        assert copy(text) == cleaner(text)


def test_a_pickled_cleaner_keeps_its_options() -> None:
    clean = cleaner_of({"id": "slow", "match": {"regex": SLOW[0]}}, time_limit=0.1, accelerate=False)
    started = time.process_time()
    assert [flag.name for flag in pickle.loads(pickle.dumps(clean))(SLOW_TEXT).flags] == ["timeout"]
    assert time.process_time() - started < 2


def test_eight_threads_get_what_one_gets() -> None:
    cleaner = Cleaner("default")
    texts = [f"{one}\n\n{other}\n\n{one}" for one, other in zip(SAMPLES, reversed(SAMPLES), strict=True)]
    alone_ = [cleaner(text) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(Cleaner("default"), texts)) == alone_


def test_timing_changes_no_result() -> None:
    cleaner = Cleaner("default")
    laps = Laps()
    assert [cleaner.timed(text, laps) for text in SAMPLES] == [cleaner(text) for text in SAMPLES]
    assert {stage for stage, rule in laps.spent if rule} <= set(get_args(Phase))
    assert {rule for _, rule in laps.spent if rule} <= {rule.name for rule in cleaner.configuration.rules}
    assert all(seconds >= 0 for seconds in laps.spent.values())


def test_a_result_does_not_depend_on_what_was_cleaned_before() -> None:
    cleaner = Cleaner("default")
    first = [cleaner(text) for text in SAMPLES]
    assert [cleaner(text) for text in reversed(SAMPLES)] == first[::-1]


def test_results_and_pickles_do_not_depend_on_the_hash_seed() -> None:
    program = (
        "import hashlib, pickle; from cleaner import Cleaner; from cleaner.rules.layers import resolve\n"
        "clean = Cleaner('default')\n"
        "texts = sorted({e.text for r in resolve(['default']).configuration.rules for e in r.examples})[::7]\n"
        "results = repr([clean('\\n\\n'.join(texts[i:i + 3])) for i in range(len(texts))])\n"
        "print(hashlib.sha256(results.encode('utf-8', 'replace')).hexdigest(), clean.configuration.digest,\n"
        "      hashlib.sha256(pickle.dumps(clean)).hexdigest())"
    )
    seen = set()
    for seed in ("0", "1"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[1])}
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, check=True, text=True
        )
        seen.add(done.stdout)
    assert len(seen) == 1


def test_a_rule_alone_has_neither_budget_nor_guard() -> None:
    configuration = configuration_of(
        [{"id": "a", "budget": "1%", "match": {"is": "share"}}, {"id": "b", "match": {"is": "b"}}], guard="1%"
    )
    only = Cleaner.from_configuration(alone(configuration, configuration.rules[0]))
    assert only("share\nb").text == "b"


# ------------------------------------------------------------------ hostile texts

HOSTILE = {
    "nothing": "",
    "blank lines": "\n" * 100_000,
    "blank lines of every kind": "\r\n \t\u3000\r\x1c\n" * 5_000,
    "one long line": "share this " * 900_000,
    "one long line of one letter": "a" * 10_000_000,
    "one long line of full stops": "." * 1_000_000,
    "one long line of opening brackets": "[" * 300_000,
    "many lines": "The council met on Monday.\nShare\n\n" * 33_000,
    "many lines with lone carriage returns": "Share\rIt ended.\r" * 30_000,
    "many numbers": "".join(f"Line {number} of many.\n" for number in range(100_000)),
    "equal lines": "He gave no details of the plan to anybody.\n" * 100_000,
    "equal paragraphs": "He gave no details of the plan to anybody.\n\n" * 30_000,
    "two lines in turn": "He gave no details of the plan.\nShe gave no details of it.\n" * 30_000,
    "null characters": "\0share\0\n\0" * 10_000,
    "lone surrogates": "share \ud800\n\udfff\nShare\n\n" * 2_000,
    "right to left": "\u202eشارك\u202c\n\u200fשתף:\n" * 10_000,
    "joined emoji": "👩\u200d👩\u200d👧\u200d👦 share\n🏳️\u200d🌈\n" * 10_000,
    "marks": "e\u0301\u0302\u0303 share\n" * 10_000,
    "only marks": "\u0301" * 200_000,
    "only zero-width": "\u200b" * 200_000 + "\n\u200b\n",
    "broken letters": "donâ€™t cafÃ© Ã¢â‚¬Å“\n" * 2_000,
    "entities": "R&amp;amp;amp;D &#x41; &bogus; &\n" * 5_000,
    "links": "[a](http://b) " * 20_000,
    "almost links": "[" + "a" * 499 + "](" + "b" * 100_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts(name: str) -> None:
    """Nothing raises, and every promise holds; that it ends at all is the test of the cost."""
    text = HOSTILE[name]
    holds(text, default()(text))


@cache
def default() -> Cleaner:
    return Cleaner("default")


COSTLY = {
    # 100,000 lines that all start a run which fails at its edge
    "runs": (
        [{"id": "r", "match": {"starts": "more"}, "run": {"count": "1..", "edge": "end"}}],
        "more\n" * 100_000 + "x",
    ),
    "runs backwards": (
        [
            {
                "id": "r",
                "match": {"starts": "more"},
                "run": {"then": {"words": "1.."}, "count": "1..", "edge": "start"},
            }
        ],
        "x\n\n\n" + "more\n" * 100_000,
    ),
    "turns": (
        [
            {"id": "a", "match": {"is": "a"}},
            {"id": "k", "match": {"is": "k"}, "do": "keep"},
            {"id": "r", "match": {"is": "k"}, "do": "drop"},
        ],
        "a\n\nk\nb\n\n" * 20_000,
    ),
    "kept lines": (
        [
            {"id": "k", "match": {"starts": "k"}, "do": "keep"},
            {"id": "a", "match": {"has": "a"}, "unit": "span"},
        ],
        "k a\na b\n" * 20_000,
    ),
    "spans": ([{"id": "s", "unit": "span", "match": {"has": ["a", "b c"]}}], "a b c d " * 20_000),
    "overlapping spans": (
        [{"id": f"s{n}", "unit": "span", "match": {"regex": f"a{{{n}}}"}} for n in range(1, 6)],
        "aaaaaaa " * 4_000,
    ),
    "lines beside the same neighbour": (
        [
            {"id": "a", "match": {"is": "x", "next": {"is": "c"}}},
            {"id": "b", "match": {"is": "b", "next": {"is": "c"}}},
        ],
        "b\nx\nc\n" * 20_000,
    ),
    "near": (
        [{"id": "n", "match": {"duplicate": {"of": "earlier", "near": 0.8}}}],
        "".join(f"the same line as before but for {n}\n" for n in range(10_000)),
    ),
    "near the one before": (
        [{"id": "n", "match": {"duplicate": {"of": "previous", "near": 0.8}}}],
        "".join(f"the same line as before but for {n}\n" for n in range(10_000)),
    ),
}


@pytest.mark.parametrize("name", COSTLY)
def test_costly_texts(name: str) -> None:
    rules, text = COSTLY[name]
    clean = cleaner_of(*rules, time_limit=60)
    started = time.process_time()
    result = clean(text)
    assert time.process_time() - started < 15
    assert not any(flag.error for flag in result.flags)
    holds(text, result)


def test_turns_keep_what_is_kept() -> None:
    rules, text = COSTLY["turns"]
    assert cleaner_of(*rules)(text).text == "k\nb\n\n" * 20_000


def test_digest_of_many_results_is_the_same_twice() -> None:
    """A document cleaned among others and alone: one digest."""
    text = "\n\n".join(SAMPLES)
    digests = {hashlib.sha256(repr(default()(text)).encode("utf-8", "replace")).hexdigest() for _ in range(2)}
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("language", "hits"),
    [
        ("English", 1),
        ("und", 1),
        ("mul", 1),
        ("un", 1),
        ("zxx", 1),
        ("12", 1),
        ("en-GB", 1),
        (" en ", 1),
        ("fr", 0),
        ("xx", 0),
    ],
)
def test_what_is_no_language_is_not_known(language: str, hits: int) -> None:
    clean = Cleaner.from_text(
        "define: {share: {en: [share], fr: [partager]}}\n"
        "rules: [{id: a, about: x, match: {is: $share}, examples: [{drop: Share}, {keep: Rest}]}]"
    )
    assert len(clean("He left.\nShare\nIt rained.", language=language).edits) == hits


@pytest.mark.parametrize("wrong", [b"Share", None, 12, ["Share"]])
def test_only_text_is_cleaned(wrong: Any) -> None:
    with pytest.raises(TypeError, match=f"text must be str, not {type(wrong).__name__}"):
        Cleaner("social")(wrong)


@pytest.mark.parametrize("name", ["url", "language"])
def test_what_is_known_of_a_text_is_text_or_none(name: str) -> None:
    known: Any = {name: float("nan")}
    with pytest.raises(TypeError, match=f"{name} must be str or None, not float"):
        Cleaner("core")("a", **known)

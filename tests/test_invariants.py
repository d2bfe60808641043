"""The five promises of the README, each on thousands of random texts and random subsets of the shipped rules."""

import os
import pickle
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleaner import Cleaner, Result
from cleaner.audit import Entry, document_rows, encode_row, read, restore_document, verify_document
from cleaner.edits import apply, check
from cleaner.rules import Configuration, Rule, model
from cleaner.rules.layers import resolve

EXAMPLES = 2_000
CONFIGURATION = resolve(["default"]).configuration
PHRASES = sorted(
    {
        phrase.text
        for rule in CONFIGURATION.rules
        for test in model.inner_tests(rule.match)
        if test.key in ("is", "starts", "ends", "has")
        for phrase in test.value
    }
)
SAMPLES = sorted({example.text for rule in CONFIGURATION.rules for example in rule.examples})
# The examples of rules that run to an edge of the text.
EDGES = {
    edge: {
        example.text for rule in CONFIGURATION.rules if rule.run and rule.run.edge == edge for example in rule.examples
    }
    for edge in ("start", "end")
}
CONTENT = [
    "The council met on Monday and agreed on the budget for the coming year.",
    "“We share the cost,” the mayor said, “and we share the blame.”",
    "Il a dit qu’il n’avait rien à partager.",
    "    for line in lines:\n        print(line)",
    "- A list item",
    "Share prices fell by 3 % after the report.",
    "他说他没有更多的细节。",
    "هو لم يعط أي تفاصيل.",
    "No.",
]
HOSTILE = "\x00\x1b\x85\u2028\u2029\x0b\x0c\u00a0\u200b\u200d\ufeff\u202e\ud800\udfff👩\u200d🔬İıßς…–\t "

content = st.sampled_from(CONTENT)
boilerplate = st.one_of(
    st.sampled_from(PHRASES),
    st.sampled_from(SAMPLES),
    st.tuples(
        st.sampled_from(["", "↗ ", "• ", "» "]),
        st.sampled_from(PHRASES),
        st.sampled_from(["", ":", " »", "…"]),
    ).map(lambda parts: parts[0] + parts[1].upper() + parts[2]),
)
mojibake = st.sampled_from([*CONTENT, "Nicolás said “no” – twice", "naïve café, 5 €"]).map(
    lambda text: text.encode().decode("windows-1252", "replace")
)
hostile = st.text(st.sampled_from(HOSTILE + "ab\n\r"), max_size=12)
lines = st.lists(st.one_of(content, boilerplate, mojibake, hostile, st.just("")), max_size=14)
texts = st.builds(
    lambda parts, end, last: end.join(parts) + (end if last else ""),
    lines,
    st.sampled_from(["\n", "\n\n", "\r\n", "\r"]),
    st.booleans(),
)
EVERY = 60  # the number of the subset that is all rules
subsets = st.one_of(st.just(EVERY), st.integers(0, 59))
languages = st.sampled_from([None, None, "en", "fr", "de"])


def _subset(seed: int) -> list[int]:
    """Sixty fixed subsets, from a few rules to half of them: a cleaner is built once for each."""
    count = len(CONFIGURATION.rules)
    if seed == EVERY:
        return list(range(count))
    step = 2 + seed % 29
    return [number for number in range(count) if (number * 7 + seed * 13) % step == 0]


@cache
def cleaner_of(subset: int, accelerate: bool = True) -> Cleaner:
    rules = tuple(CONFIGURATION.rules[number] for number in _subset(subset))
    return Cleaner.from_configuration(
        Configuration(CONFIGURATION.packs, rules, CONFIGURATION.guard, CONFIGURATION.digest),
        accelerate=accelerate,
    )


def clean(text: str, subset: int, language: str | None) -> Result:
    return cleaner_of(subset)(text, language=language)


@settings(max_examples=EXAMPLES)
@given(texts, subsets, languages)
def test_complete(text: str, subset: int, language: str | None) -> None:
    result = clean(text, subset, language)
    position = 0
    for edit in result.edits:
        assert text[edit.start : edit.end] == edit.before
        assert edit.before != edit.after
        assert edit.start >= position
        assert edit.causes
        position = edit.end
    assert apply(text, result.edits) == result.text
    for one, other in zip(result.edits, result.edits[1:], strict=False):
        for offset in range(one.end, other.start):
            assert result.text[result.to_clean(offset)] == text[offset]
            assert result.to_original(result.to_clean(offset)) == offset


@settings(max_examples=EXAMPLES)
@given(texts, subsets, languages)
def test_reversible(text: str, subset: int, language: str | None) -> None:
    result = clean(text, subset, language)
    assert result.restore() == text
    original, cleaned = (part.encode("utf-8", "surrogatepass") for part in (text, result.text))
    rows = document_rows("a.txt", "a.txt", "utf-8", result, original=original, clean=cleaned)
    (entry,) = read([encode_row(row) for row in rows])
    assert isinstance(entry, Entry)
    assert restore_document(entry, cleaned) == original
    assert not verify_document(entry, cleaned)


@settings(max_examples=EXAMPLES)
@given(texts, subsets, languages)
def test_deterministic(text: str, subset: int, language: str | None) -> None:
    result = clean(text, subset, language)
    assert clean(text, subset, language) == result
    if subset % 4 == 0:  # slow: every rule looks at every line
        assert cleaner_of(subset, accelerate=False)(text, language=language) == result


@settings(max_examples=EXAMPLES)
@given(lines, st.lists(content, min_size=1, max_size=6), subsets, languages)
def test_conservative(around: list[str], prose: list[str], subset: int, language: str | None) -> None:
    """An author's sentence of many words is never touched, whatever leftovers stand around it.

    Those after which all belongs to the page, such as the heading of the comments, stand below it only, and the reverse.
    """
    sentences = [f"{line} It was the {number}th time in that year." for number, line in enumerate(CONTENT[:2])]
    above, below = ([line for line in around if line not in EDGES[edge]] for edge in ("end", "start"))
    text = "\n\n".join([*above, *sentences, *below])
    result = clean(text, subset, language)
    for sentence in sentences:
        assert sentence in result.text
    assert result.text.strip() or not text.strip()


@settings(max_examples=EXAMPLES)
@given(st.text(max_size=300), subsets, languages)
def test_bounded(text: str, subset: int, language: str | None) -> None:
    """No input raises or runs out of time."""
    result = clean(text, subset, language)
    check(text, result.edits)
    assert not any(flag.error for flag in result.flags)


def test_a_pickled_cleaner_gives_the_same_results() -> None:
    cleaner = cleaner_of(EVERY)
    other = pickle.loads(pickle.dumps(cleaner))
    for text in SAMPLES:
        assert other(text) == cleaner(text)


def test_results_do_not_depend_on_the_process() -> None:
    program = (
        "import sys, hashlib; from cleaner import Cleaner; from cleaner.rules.layers import resolve\n"
        "clean = Cleaner('default')\n"
        "texts = [e.text for r in resolve(['default']).configuration.rules for e in r.examples]\n"
        "print(hashlib.sha256(repr([clean(t) for t in texts]).encode()).hexdigest(), clean.configuration.digest)"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[1])},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("0", "1", "4711")
    }
    assert len(seen) == 1


def every_rule() -> list[Rule]:
    return list(CONFIGURATION.rules)


@pytest.mark.parametrize("rule", every_rule(), ids=lambda rule: rule.name)
def test_no_rule_changes_another_rules_keep_text(rule: Rule) -> None:
    """Every `keep` text of a rule survives all rules together (another rule's repair of spacing included)."""
    cleaner = cleaner_of(EVERY)
    for example in rule.examples:
        if example.kind == "keep":
            url = f"https://{example.site}/" if example.site else None
            result = cleaner(example.text, url=url, language=example.language)
            assert result.text == example.text, [cause.rule for edit in result.edits for cause in edit.causes]

"""Warnings: what a pack may say and yet hardly means, and conditions that no example proves.

Each warning is one function and one line of `WARNINGS`. A rule silences one by name: ``allow: [has-alone]``.
Some run examples, so nothing here is done when a cleaner starts.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import regex

from cleaner.rules.clues import found_by, scan_of, widened
from cleaner.rules.examples import Changes, Clean, alone, check_example, known_of
from cleaner.rules.layers import Resolved
from cleaner.rules.model import (
    TEXT_TESTS,
    Configuration,
    Rule,
    Test,
    inner_tests,
    own_tests,
    span_locator,
    tests_of,
)
from cleaner.rules.patterns import compile_pattern, template_groups
from cleaner.rules.problems import Place, nearest
from cleaner.rules.wording import clip, written
from cleaner.text import fold, is_unspaced

try:
    import re2
except ImportError:  # pragma: no cover - musl Linux has no wheel
    re2 = None

__all__ = ["WARNINGS", "Warning", "WarningKind", "lint"]

# The rule that a warning is about (None: a name), where, and what is wrong.
_Found = tuple[Rule | None, Place, str]

_FEWEST_LETTERS = {"is": 2, "starts": 4, "ends": 4, "has": 4}
_PHRASE_TESTS = tuple(_FEWEST_LETTERS)
_UNLIMITED = float("inf")


@dataclass(frozen=True, slots=True)
class Warning:
    """One thing to look at: a key of `WARNINGS`, the rule's full name (None for a name), where, and what."""

    name: str
    rule: str | None
    place: Place
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.name}: {self.message}"


@dataclass(frozen=True, slots=True)
class WarningKind:
    """A kind of warning: what it says in one line, and the function that finds it."""

    about: str
    find: Callable[[_Subject], Iterator[_Found]]


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is looked at; `changes` says for each example, by rule and number, which rules change its text."""

    resolved: Resolved
    make_clean: Callable[[Configuration], Clean]
    changes: Mapping[tuple[str, int], frozenset[str]]

    @property
    def rules(self) -> tuple[Rule, ...]:
        return self.resolved.rules


def lint(
    resolved: Resolved,
    make_clean: Callable[[Configuration], Clean],
    make_changes: Callable[[Configuration], Changes],
) -> list[Warning]:
    """Return what is doubtful in packs, sorted by place.

    `make_clean` is for one rule at a time, in many variants: it must be quick to set up. `make_changes` is
    for all rules at once. `cleaner.engine` has both: `clean_of` and `changes_of`.
    """
    subject = _Subject(resolved, make_clean, _changes(resolved.configuration, make_changes))
    found: dict[tuple[str, Place, str], Warning] = {}  # a named test may be used, and warned of, many times
    for name, kind in WARNINGS.items():
        for rule, place, message in kind.find(subject):
            if rule is None or name not in rule.allow:
                found.setdefault((name, place, message), Warning(name, rule.name if rule else None, place, message))
    return sorted(
        found.values(),
        key=lambda one: (one.place.file, one.place.line, one.place.column, one.name, one.message),
    )


def _changes(
    configuration: Configuration, make_changes: Callable[[Configuration], Changes]
) -> dict[tuple[str, int], frozenset[str]]:
    """Run every example through all rules, without budgets and document guard."""
    rules = tuple(replace(rule, budget=None) for rule in configuration.rules)
    changes = make_changes(replace(configuration, rules=rules, guard=1.0))
    return {
        (rule.name, number): changes(example.text, *known_of(rule, example))
        for rule in rules
        for number, example in enumerate(rule.examples)
        if example.kind != "flag"
    }


# ------------------------------------------------------------------ patterns

_TOKEN = regex.compile(
    r"""(?P<nothing>\(\?\#[^)]*\)|\(\?[a-zA-Z]+(?:-[a-zA-Z]+)?\)|[\^$]|\\[bBAZzmMGK])
    |(?P<open>\((?:\?(?:P?<(?![=!])\w+>|(?P<look><?[=!])|[a-zA-Z]*(?:-[a-zA-Z]+)?:|>|\|))?)
    |(?P<close>\))
    |(?P<bar>\|)
    |(?P<atom>\\[pP](?:\{[^}]*\}|\w)|\\N\{[^}]*\}|\\x..|\\u.{4}|\\U.{8}|\\g<\w+>|\\.
        |\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*+\]|.)""",
    regex.VERBOSE | regex.DOTALL,
)
_QUANTIFIER = regex.compile(r"(?:\*|\+|\?|\{(?P<low>\d*)(?P<comma>,?)(?P<high>\d*)\})(?<!\{\}|\{,\})(?P<suffix>[+?]?)")
_VERBOSE = regex.compile(r"\(\?[a-wyzA-Z]*x")


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # nothing (no width), look, open, close, bar, atom
    text: str
    low: int = 1
    high: float = 1
    possessive: bool = False
    quantifier: str = ""


@lru_cache(maxsize=4096)
def _tokens(pattern: str) -> tuple[_Token, ...]:
    """Split a pattern; nothing where it is one that cannot be read this simply."""
    if _VERBOSE.search(pattern):
        return ()
    tokens: list[_Token] = []
    position = 0
    while position < len(pattern):
        found = _TOKEN.match(pattern, position)
        if found is None:
            return ()
        position = found.end()
        kind = "look" if found["look"] else found.lastgroup or "atom"
        quantifier = _QUANTIFIER.match(pattern, position) if kind in ("atom", "close") else None
        if quantifier is None:
            tokens.append(_Token(kind, found[0]))
            continue
        position = quantifier.end()
        low, high = _repeats(quantifier)
        tokens.append(_Token(kind, found[0], low, high, quantifier["suffix"] == "+", quantifier[0]))
    return tuple(tokens)


def _repeats(quantifier: regex.Match[str]) -> tuple[int, float]:
    symbol = quantifier[0][0]
    if symbol != "{":
        return (1 if symbol == "+" else 0), (1 if symbol == "?" else _UNLIMITED)
    low = int(quantifier["low"] or 0)
    if not quantifier["comma"]:
        return low, low
    return low, int(quantifier["high"]) if quantifier["high"] else _UNLIMITED


# Characters to try atoms on; not the dotted and dotless i, nor others whose case is their own affair.
_SAMPLE = "".join(map(chr, [*range(0x130), *range(0x132, 0x17F)])) + "ΑαЖжا١—’…\u3000你"


@lru_cache(maxsize=4096)
def _members(atom: str, case: bool) -> frozenset[str]:
    """Return which characters of a sample an atom takes."""
    try:
        return frozenset(regex.findall(atom, _SAMPLE, regex.DOTALL | (0 if case else regex.IGNORECASE)))
    except regex.error:
        return frozenset()


def _one_holds_other(left: str, right: str, case: bool) -> bool:
    ours, theirs = _members(left, case), _members(right, case)
    return bool(ours and theirs) and (ours <= theirs or theirs <= ours)


def _overlapping(pattern: str, case: bool) -> str | None:
    """Return two neighbouring repetitions of which one takes all that the other takes, as written, or None.

    Between them may stand only what has no width.
    """
    before: _Token | None = None
    outer: list[tuple[_Token | None, bool]] = []
    for token in _tokens(pattern):
        if token.kind in ("open", "look"):
            outer.append((before, token.kind == "look"))
            before = None
        elif token.kind == "close":
            former, look = outer.pop() if outer else (None, False)
            before = former if look else None
        elif token.kind == "bar":
            before = None
        elif token.kind == "atom":
            repeats = token.high == _UNLIMITED
            if repeats and before is not None and _one_holds_other(before.text, token.text, case):
                return f"{before.text}{before.quantifier}{token.text}{token.quantifier}"
            before = token if repeats and not token.possessive else None
    return None


@lru_cache(maxsize=4096)
def _spelled_out(pattern: str, case: bool) -> bool:
    """Tell whether a pattern says what the whole unit is: bound to both ends, with no room for free text."""
    tokens = [token for token in _tokens(pattern) if not token.text.startswith("(?") or token.kind != "nothing"]
    depth = 0
    alternatives: list[list[_Token]] = [[]]
    for token in tokens:
        depth += (token.kind in ("open", "look")) - (token.kind == "close")
        if token.kind == "bar" and depth == 0:
            alternatives.append([])
        else:
            alternatives[-1].append(token)
    for tokens in alternatives:
        if not tokens or tokens[0].text not in ("^", r"\A") or tokens[-1].text not in ("$", r"\Z", r"\z"):
            return False
        if _has_free_text(tokens, case):
            return False
    return True


def _has_free_text(tokens: list[_Token], case: bool) -> bool:
    opened: list[int] = []
    for place, token in enumerate(tokens):
        if token.kind in ("open", "look"):
            opened.append(place)
        elif token.kind == "close" and opened:
            start = opened.pop()
            if tokens[start].kind == "look":
                continue
            inside = [
                one for one in tokens[start:place] if one.kind == "atom" and (len(one.text) > 1 or one.text == ".")
            ]
            if token.high == _UNLIMITED and any("a" in _members(one.text, case) for one in inside):
                return True
        elif any(tokens[start].kind == "look" for start in opened):
            continue
        elif token.kind == "atom" and token.high == _UNLIMITED and {"a", " "} <= _members(token.text, case):
            return True
    return False


@lru_cache(maxsize=4096)
def _is_compiled(pattern: str) -> bool:
    """Tell whether RE2 takes a widened pattern."""
    if re2 is None:
        return True
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options)
    except re2.error:
        return False
    return True


def _empty_match(subject: _Subject) -> Iterator[_Found]:
    for rule, test in _patterns(subject):
        pattern: str = test.value
        # With a look-around, matching nothing can still be a condition: `^(?!Share)`.
        looks = any(token.kind == "look" for token in _tokens(pattern))
        if not looks and compile_pattern(pattern, case=test.case).search(""):
            message = (
                f"`{clip(pattern)}` also matches where nothing stands; write `+` for `*`, or drop the empty alternative"
            )
            yield rule, test.place, message


def _ambiguous_pattern(subject: _Subject) -> Iterator[_Found]:
    for rule, test in _patterns(subject):
        both = _overlapping(test.value, test.case)
        if both is not None:
            message = (
                f"`{clip(both)}` can share out the same characters in many ways, all of which are tried; "
                "leave one out, or make the first possessive (`*+`, `++`)"
            )
            yield rule, test.place, message


def _patterns(subject: _Subject) -> Iterator[tuple[Rule, Test]]:
    for rule in subject.rules:
        for test in tests_of(rule):
            if test.key == "regex":
                yield rule, test


# ------------------------------------------------------------------ what chooses candidates


def _slow_pattern(subject: _Subject) -> Iterator[_Found]:
    for rule in subject.rules:
        # What a repeated line says cannot be known beforehand: such a rule must look at every line anyway.
        if rule.match is None or _is_chosen(rule.match) or found_by(rule.match) is not None:
            continue
        own = [test for test in own_tests(rule.match) if test.key in TEXT_TESTS]
        slow = [test for test in own if not _is_chosen(test)]
        for test in slow:
            message = (
                f"the accelerator cannot take `{clip(test.value)}`, so Python tries every {rule.unit}; "
                "write it without conditions and `(?x)`, or put a phrase beside it"
            )
            yield rule, test.place, message
        if own and not slow:
            message = (
                f"no phrase or pattern that every hit must hold, so Python tries every {rule.unit}; "
                "give each alternative one"
            )
            yield rule, rule.match.place, message


def _is_chosen(test: Test) -> bool:
    """Tell whether the accelerator can choose candidates for a test."""
    scan = scan_of(test)
    return scan is not None and all(one.key != "regex" or _is_compiled(widened(one) or "") for one, _ in scan)


# ------------------------------------------------------------------ limits


def _short_phrase(subject: _Subject) -> Iterator[_Found]:
    for rule in subject.rules:
        if (
            rule.match is None
            or rule.action in ("keep", "fix")
            or (rule.run is not None and (rule.run.edge or rule.run.then))
        ):
            continue
        for test in _without_company(rule.match):
            short = [phrase.text for phrase in test.value if _letters(phrase.text) < _FEWEST_LETTERS[test.key]]
            if short:
                more = ", …" if len(short) > 3 else ""
                message = (
                    f"`{test.key}: {clip(', '.join(short[:3]))}{more}` is short and stands alone; "
                    "put a limit beside it, such as `words: ..5` or `last: 3`"
                )
                yield rule, test.place, message


def _letters(phrase: str) -> int:
    """Return the number of letters, marks and digits; a syllable of Hangul, Han and such as two."""
    return sum(
        2 if is_unspaced(character) or "가" <= character <= "힣" else 1
        for character in fold(phrase)
        if unicodedata.category(character)[0] in "LMN"
    )


def _without_company(test: Test) -> Iterator[Test]:
    """Yield the phrase tests beside which no other test must hold."""
    if test.key == "use":
        yield from _without_company(test.value)
    elif test.key == "any":
        for part in test.value:
            yield from _without_company(part)
    elif test.key == "all":
        positive = [part for part in test.value if part.key != "not"]
        if len(positive) == 1:
            yield from _without_company(positive[0])
    elif test.key in _PHRASE_TESTS:
        yield test


def _unlimited_removal(subject: _Subject) -> Iterator[_Found]:
    for rule, test in _unlimited(subject):
        if test.key != "has":
            message = (
                f"`{clip(written(test))}` removes a {rule.unit} however long it is and wherever it stands; "
                "add `words`, `chars`, `first`, `last` or `full_stop: false`"
            )
            yield rule, test.place, message


def _has_alone(subject: _Subject) -> Iterator[_Found]:
    for rule, test in _unlimited(subject):
        if test.key == "has":
            message = (
                f"`{clip(written(test))}` alone removes every {rule.unit} that only mentions it; "
                "use `is`, `starts` or `ends`, or add `words: ..12` or another limit"
            )
            yield rule, test.place, message


def _unlimited(subject: _Subject) -> Iterator[tuple[Rule, Test]]:
    """Yield the tests that let whole units go without any limit of length or position."""
    for rule in subject.rules:
        if (
            rule.action != "drop"
            or rule.match is None
            or rule.unit == "span"
            or (rule.run is not None and rule.run.edge)
        ):
            continue
        if rule.unless is None or not _holds_for_long(rule.unless):
            for test in _unlimited_tests(rule.match):
                yield rule, test


def _unlimited_tests(test: Test) -> list[Test]:
    """Return what in a test limits nothing: the test, or the alternatives of it that do not."""
    if test.key == "any":
        return [found for part in test.value for found in _unlimited_tests(part)]
    if test.key == "all":
        return [] if any(not _unlimited_tests(part) for part in test.value) else [test]
    if test.key == "use":
        return [test] if _unlimited_tests(test.value) else []
    return [] if _limits(test) else [test]


def _limits(test: Test) -> bool:
    match test.key:
        case "is" | "first" | "last" | "duplicate":
            return True
        case "words" | "chars":
            return bool(test.value.high < _UNLIMITED)
        case "full_stop":
            return test.value is False
        case "regex":
            return _spelled_out(test.value, test.case)
        case "not":
            return _holds_for_long(test.value)
        case _:
            return False


def _holds_for_long(test: Test) -> bool:
    """Tell whether a test holds for all that is long, or a sentence: where it does not, length is limited."""
    match test.key:
        case "words" | "chars":
            return bool(test.value.low > 0 and test.value.high == _UNLIMITED)
        case "full_stop":
            return test.value is True
        case "any":
            return any(map(_holds_for_long, test.value))
        case "use":
            return _holds_for_long(test.value)
        case _:
            return False


# ------------------------------------------------------------------ names


def _unused_name(subject: _Subject) -> Iterator[_Found]:
    resolved = subject.resolved
    used = frozenset[str]().union(*resolved.uses.values())
    # A pack without rules of its own has its names for others.
    packs = {rule.pack for rule in resolved.rules}
    for name, node in resolved.names.items():
        if name not in used and name.partition("/")[0] in packs:
            yield None, node.place, f"no rule uses `{name}`; use it or delete it"


def _unknown_warning(subject: _Subject) -> Iterator[_Found]:
    for rule in subject.rules:
        for name in rule.allow:
            if name not in WARNINGS:
                hint = nearest(name, list(WARNINGS))
                yield (
                    rule,
                    rule.place,
                    f"`allow` names `{clip(name)}`, which is no warning{hint}; correct or delete it",
                )


def _unknown_rule(subject: _Subject) -> Iterator[_Found]:
    names = [rule.name for rule in subject.rules]
    for rule in subject.rules:
        name = rule.replaced_by
        if name == rule.name:
            yield rule, rule.place, f"`replaced_by` names `{name}` itself; name another rule, or delete it"
        elif name is not None and name not in names:
            hint = nearest(name, names)
            message = f"`replaced_by` names `{clip(name)}`, which is no rule{hint}; write `pack/id`, or delete it"
            yield rule, rule.place, message


# ------------------------------------------------------------------ rules beside each other


def _shadowed(subject: _Subject) -> Iterator[_Found]:
    for rule in subject.resolved.configuration.rules:
        if rule.action == "keep":  # what its examples lose, it has not taken
            continue
        done = [
            subject.changes[rule.name, number]
            for number, example in enumerate(rule.examples)
            if example.kind in ("drop", "change")
        ]
        if done and not any(rule.name in names for names in done):
            winners = sorted(frozenset[str]().union(*done))
            who = (
                f"{', '.join(winners[:3])}{', …' if len(winners) > 3 else ''} won"
                if winners
                else "a rule that keeps won"
            )
            message = (
                f"rule `{rule.name}` changes none of its examples when all rules run: {who}; "
                "delete it, narrow the other, or add an example that is its own"
            )
            yield rule, rule.place, message


def _keep_broken(subject: _Subject) -> Iterator[_Found]:
    for rule in subject.resolved.configuration.rules:
        for number, example in enumerate(rule.examples):
            others = sorted(subject.changes[rule.name, number] - {rule.name}) if example.kind == "keep" else []
            if others:
                message = (
                    f"`keep: {clip(example.text.strip())}` is changed by {', '.join(others)}; "
                    "narrow that rule, or take an example that nobody changes"
                )
                yield rule, example.place, message


# ------------------------------------------------------------------ conditions that no example proves


def _unproven_condition(subject: _Subject) -> Iterator[_Found]:
    make = partial(_still_hold, subject)
    for rule in subject.rules:
        if "unproven-condition" in rule.allow:
            continue
        for place, what, mutant, loosens in _mutants(rule):
            if make(rule, mutant, loosens):
                wanted = "a {keep: …} that only it holds back" if loosens else "one that only it changes"
                yield rule, place, f"every example holds without `{what}`: add {wanted}, or delete it"


def _still_hold(subject: _Subject, rule: Rule, mutant: Rule, loosens: bool) -> bool:
    clean = subject.make_clean(alone(subject.resolved.configuration, mutant))
    # First those that are likely to fail, so that most variants cost one example.
    ordered = sorted(rule.examples, key=lambda example: (example.kind == "keep") != loosens)
    return all(check_example(mutant, example, clean) is None for example in ordered)


def _mutants(rule: Rule) -> Iterator[tuple[Place, str, Rule, bool]]:
    """Yield a condition's place and text, the rule without it, and whether that lets more through."""
    for deleted, what, match, loosens in _without_one(rule.match) if rule.match is not None else ():
        if _fits(rule, match):
            yield deleted.place, what, replace(rule, match=match), loosens
    if rule.unless is not None:
        yield (
            rule.unless.place,
            clip(written(Test("unless", rule.unless, rule.unless.place))),
            replace(rule, unless=None),
            True,
        )
    run = rule.run
    if run is None:
        return
    if run.edge is not None:
        yield run.place, f"edge: {run.edge}", replace(rule, run=replace(run, edge=None)), True
    count = run.count
    if count.low > 1:
        lowest = replace(count, low=1)
        yield run.place, f"count: {count.low:g}..", replace(rule, run=replace(run, count=lowest)), True
    if count.high < _UNLIMITED:
        highest = replace(count, high=_UNLIMITED)
        yield run.place, f"count: ..{count.high:g}", replace(rule, run=replace(run, count=highest)), True
    if run.gap != 1:
        yield run.place, f"gap: {run.gap}", replace(rule, run=replace(run, gap=1)), run.gap == 0


def _without_one(test: Test) -> Iterator[tuple[Test, str, Test, bool]]:
    """Yield what a test is without one key, one alternative, or `case`."""
    if test.key not in ("all", "any"):
        if test.case:
            yield test, "case: true", replace(test, case=False), True
        return
    parts: tuple[Test, ...] = test.value
    cased = [part for part in parts if part.case]
    if test.key == "all" and cased:
        even = tuple(replace(part, case=False) for part in parts)
        yield cased[0], "case: true", replace(test, value=even), True
    for number, part in enumerate(parts):
        before, after = parts[:number], parts[number + 1 :]
        rest = before + after
        if rest:
            yield part, clip(written(part)), rest[0] if len(rest) == 1 else replace(test, value=rest), test.key == "all"
        if part.key in ("all", "any") or test.key == "any":
            for deleted, what, mutant, loosens in _without_one(part):
                yield deleted, what, replace(test, value=(*before, mutant, *after)), loosens


def _fits(rule: Rule, match: Test) -> bool:
    """Tell whether the rest of a rule can do with this match."""
    if rule.unit == "span" and span_locator(match) is None:
        return False
    needs_pattern = bool(template_groups(rule.template or ""))
    return not needs_pattern or any(test.key == "regex" for test in inner_tests(match))


WARNINGS: dict[str, WarningKind] = {
    "ambiguous-pattern": WarningKind(
        "a pattern repeats the same characters twice in a row, and can become slow", _ambiguous_pattern
    ),
    "empty-match": WarningKind("a pattern that also matches where nothing stands", _empty_match),
    "has-alone": WarningKind("`has` without any limit removes whatever mentions the phrase", _has_alone),
    "keep-broken": WarningKind("an example that must stay is changed by another rule", _keep_broken),
    "shadowed": WarningKind("other rules win all that the rule's examples change", _shadowed),
    "short-phrase": WarningKind("a phrase of few letters, with nothing beside it", _short_phrase),
    "slow-pattern": WarningKind("the accelerator cannot choose candidates for the rule", _slow_pattern),
    "unknown-rule": WarningKind("`replaced_by` names no other rule", _unknown_rule),
    "unknown-warning": WarningKind("`allow` names a warning that does not exist", _unknown_warning),
    "unlimited-removal": WarningKind("a removal without any limit of length or position", _unlimited_removal),
    "unproven-condition": WarningKind("a condition without which every example still holds", _unproven_condition),
    "unused-name": WarningKind("a name in `define` that no rule uses", _unused_name),
}

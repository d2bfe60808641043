"""Why a line went or stayed: every rule that looked at it, and the test that decided."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from cleaner.edits import OffsetMap
from cleaner.engine import Cleaner, Result, Step
from cleaner.engine.compiled import REMOVING, CompiledRule, Phase
from cleaner.engine.settle import Claim, claim, overlaps
from cleaner.engine.wishes import Wish
from cleaner.matching.predicates import DUPLICATE_OF, Check, compile_test
from cleaner.matching.runs import reach
from cleaner.matching.units import Units
from cleaner.matching.wrapping import is_wrapped
from cleaner.rules.model import UNLIMITED, Nearby, Range, Rule, Run, Test, inner_tests
from cleaner.rules.wording import quoted, written
from cleaner.text import Lines, ends_sentence

__all__ = ["Explanation", "Fate", "Verdict", "explain", "explain_line"]

Outcome = Literal["changed", "kept", "lost", "run", "unless", "failed"]
_ORDER: dict[Outcome, int] = {"changed": 0, "kept": 1, "lost": 2, "run": 3, "unless": 4, "failed": 5}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rule made of a line.

    `outcome` is changed (its edit stands), kept (it protects the line), lost (another rule won), run (it
    matched, but its run fell short), unless (its exception held), or failed; `detail` is the evidence, the
    winner, or the first test that failed; `passed` are the tests that held before that one.
    """

    rule: Rule
    phase: str
    outcome: Outcome
    detail: str
    passed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a line: `after` is what stands there now, `rules` the full names of what changed it."""

    kind: Literal["removed", "changed", "kept"]
    after: str
    rules: tuple[str, ...] = ()


def explain_line(
    cleaner: Cleaner, text: str, line: int, *, url: str | None = None, language: str | None = None
) -> list[Verdict]:
    r"""Return the verdict of every rule on a line (from 1), those that hit first, then by how far they came.

    Raises `IndexError` where the text has no such line, `TimeoutError` where the rules take too long.

    >>> [verdict.outcome for verdict in explain_line(Cleaner("social"), "He left.\nShare\n", 2)][0]
    'changed'
    """
    return explain(cleaner, text, url=url, language=language).verdicts(line)


def explain(cleaner: Cleaner, text: str, *, url: str | None = None, language: str | None = None) -> Explanation:
    """Clean a text and keep what is needed to explain each of its lines.

    Raises `TimeoutError` where the rules take longer than the document's time.
    """
    result = cleaner(text, url=url, language=language)
    steps = cleaner.trace(text, url=url, language=language)
    return Explanation(result, tuple(steps), tuple(rule.name for rule in cleaner.configuration.rules))


@dataclass(frozen=True)
class Explanation:
    """A document, cleaned, and every phase as it went; `rules` are the full names of all rules that are on."""

    result: Result
    steps: tuple[Step, ...]
    rules: tuple[str, ...]

    @cached_property
    def lines(self) -> Lines:
        """The lines of the original."""
        return Lines.of(self.result.original)

    @cached_property
    def _looks(self) -> tuple[_Look, ...]:
        return tuple(_Look(step, OffsetMap.of(step.edits), self.lines) for step in self.steps)

    @cached_property
    def _touched(self) -> dict[int, dict[str, Phase]]:
        """For each line of the original that a rule changed, guard aside, the rules in the order of their phases."""
        touched: dict[int, dict[str, Phase]] = {}
        for look in self._looks:
            for wish in look.step.chosen:
                last = look.line(max(wish.start, wish.end - 1))
                for line in range(look.line(wish.start), last + 1):
                    if not look.is_gone(line):
                        touched.setdefault(line, {})[wish.rule.rule.name] = look.step.phase
        return touched

    @property
    def elsewhere(self) -> tuple[str, ...]:
        """The full names of the rules that are for other languages or sites than this document is known to have."""
        asked = {one.rule.name for step in self.steps for one in step.rules}
        return tuple(dict.fromkeys(name for name in self.rules if name not in asked))

    @property
    def taken_back(self) -> bool:
        """Whether the document guard took all removals back; verdicts tell what the rules wanted before."""
        return any(flag.name == "guard" for flag in self.result.flags)

    @cached_property
    def withheld(self) -> dict[int, tuple[str, ...]]:
        """For each line (from 1) of which the document guard took a removal back, the full names of the rules."""
        if not self.taken_back:
            return {}
        removing = {
            line: tuple(name for name, phase in rules.items() if phase in REMOVING)
            for line, rules in self._touched.items()
        }
        return {line: rules for line, rules in sorted(removing.items()) if rules}

    def changed(self) -> list[int]:
        """Return the numbers of the lines (from 1) that did not stay as they were."""
        return [line for line in range(1, len(self.lines.texts) + 1) if self.fate(line).kind != "kept"]

    def fate(self, line: int) -> Fate:
        """Return what became of a line (from 1). Raises `IndexError` where there is none such."""
        start, end, following = self._stretch(line)
        result, text = self.result, self.lines.texts[line - 1]
        first = bisect_left(result.edits, start, key=lambda edit: max(edit.end, edit.start + 1) - 1)
        causes: dict[str, None] = {}
        for edit in result.edits[first:]:
            if edit.start >= following:
                break
            causes.update(dict.fromkeys(cause.rule for cause in edit.causes))
        if not causes:
            return Fate("kept", text)
        # Edits that touch become one, with the causes of both; the phases know which was whose.
        withheld = self.withheld.get(line, ())
        causes = dict.fromkeys(name for name in self._touched.get(line, ()) if name not in withheld) or causes
        whole = end if text else following
        after = result.text[result.to_clean(start) : result.to_clean(whole)]
        if not after:
            return Fate("removed", "", tuple(causes))
        if text and after == text:  # only its line end went, with the blank lines after it
            return Fate("kept", text)
        return Fate("changed", after, tuple(causes))

    def verdicts(self, line: int) -> list[Verdict]:
        """Return each rule's verdict on a line (from 1), those that hit first, then by how far they came.

        Raises `IndexError` where the text has no such line.
        """
        start, end, _ = self._stretch(line)
        found: dict[str, Verdict] = {}
        for look in self._looks:
            if look.is_gone(line):
                break  # nothing later saw it
            for verdict in look.verdicts(look.moved.to_clean(start), look.moved.to_clean(end)):
                # A phase may have had several turns: the one in which the rule came furthest counts.
                before = found.get(verdict.rule.name)
                if before is None or _ORDER[verdict.outcome] < _ORDER[before.outcome]:
                    found[verdict.rule.name] = verdict
        return sorted(found.values(), key=lambda verdict: (_ORDER[verdict.outcome], -len(verdict.passed)))

    def unseen(self, line: int) -> int:
        """Return how many rules never saw a line (from 1), because it was removed before their turn."""
        seen, all_of_them = set(), set()
        for look in self._looks:
            names = {one.rule.name for one in look.step.rules}
            all_of_them |= names
            seen |= set() if look.is_gone(line) else names
        return len(all_of_them - seen)

    def _stretch(self, line: int) -> tuple[int, int, int]:
        lines = self.lines
        if not 1 <= line <= len(lines.texts):
            raise IndexError(f"line {line} of a text of {len(lines.texts)} lines")
        return lines.starts[line - 1], lines.end(line - 1), lines.starts[line]


@dataclass(frozen=True, slots=True)
class _Look:
    """One phase, looked at with the lines of the original in mind."""

    step: Step
    moved: OffsetMap
    lines: Lines

    def is_gone(self, line: int) -> bool:
        """Tell whether an earlier phase removed a line (from 1) that is not blank."""
        start, end = self.lines.starts[line - 1], self.lines.end(line - 1)
        edits = self.step.edits
        place = bisect_right(edits, start, key=lambda edit: edit.start) - 1
        return start < end and place >= 0 and edits[place].end >= end and not edits[place].after

    def verdicts(self, start: int, end: int) -> Iterator[Verdict]:
        """Yield the verdicts of the phase's rules on the stretch where the line stands now."""
        step = self.step
        wishes: dict[int, list[Wish]] = {}
        for wish in step.wishes:
            if wish.start < max(end, start + 1) and wish.end > start:
                wishes.setdefault(id(wish.rule), []).append(wish)
        for compiled in step.rules:
            rule = compiled.rule
            wanted = wishes.get(id(compiled), [])
            if wanted:
                yield self._of_wishes(rule, wanted)
                continue
            if compiled.match is None:
                yield Verdict(rule, step.phase, "failed", "nothing to repair here")
                continue
            units = step.units(compiled.units)
            index = bisect_right(units.starts, start) - 1
            if index < 0 or units.ends[index] < start:
                detail = f"no {compiled.units} begins here: the line is blank"
                yield Verdict(rule, step.phase, "failed", detail)
                continue
            hit = compiled.match.run(units, index)
            if hit is None:
                passed, failure = _first_failure(compiled.match, units, index)
                yield Verdict(rule, step.phase, "failed", failure, tuple(passed))
                continue
            held = self.evidence_text(hit, rule)
            exception = compiled.unless.run(units, index) if compiled.unless is not None else None
            then = compiled.then or compiled.match
            short = _short_run(rule.run, then, units, index, self) if rule.run is not None else None
            if exception is not None:
                detail = self.evidence_text(exception) or written(compiled.rule.unless)
                yield Verdict(rule, step.phase, "unless", f"{held}; but {detail}" if held else detail)
            elif short is not None:
                yield Verdict(rule, step.phase, "run", f"{held}; {short}" if held else short)
            elif rule.action == "keep":
                yield Verdict(rule, step.phase, "kept", held)
            elif rule.action == "flag":
                yield Verdict(rule, step.phase, "changed", held)
            else:
                yield Verdict(rule, step.phase, "failed", "nothing is left to change")

    def _of_wishes(self, rule: Rule, wanted: list[Wish]) -> Verdict:
        """Return the verdict of a rule that wanted to change the line."""
        step, wish = self.step, wanted[0]
        evidence = self.evidence_text(wish.evidence, rule)
        if wish.lines is not None and wish.lines[0] < wish.lines[1]:
            first, last = (self.line(wish.start), self.line(max(wish.start, wish.end - 1)))
            evidence += f"{', ' if evidence else ''}with lines {first} to {last}"
        if any(one in step.chosen for one in wanted):
            return Verdict(rule, step.phase, "changed", evidence)
        if overlaps(step.kept, wish.start, wish.end):
            first, last = (self.line(wish.start), self.line(max(wish.start, wish.end - 1)))
            where = f"line {first}" if first == last else f"lines {first} to {last}"
            why = f"a rule with `do: keep` protects text of {where}"
        elif _is_over(step, wish.rule):
            why = f"it wants more than its budget of {rule.budget:.0%} of the document's words"
        else:
            winner = min((one for one in step.chosen if _meet(one, wish)), key=claim)
            why = f"{winner.rule.rule.name} wins: {_advantage(winner, wish)}"
        return Verdict(rule, step.phase, "lost", f"{evidence}; but {why}" if evidence else why)

    def line(self, offset: int) -> int:
        """Return the number, from 1, of the original's line at an offset of the snapshot."""
        return self.lines.line_at(self.moved.to_original(offset)) + 1

    def evidence_text(self, evidence: Mapping[str, Any], rule: Rule | None = None) -> str:
        """Return evidence as one line of text; a repetition is told by the line that it repeats."""
        pieces = []
        # As the rule has them, and not in the order in which they were tried.
        order = [test.key for test in inner_tests(rule.match if rule else None)]
        known = sorted(evidence.items(), key=lambda item: order.index(item[0]) if item[0] in order else len(order))
        for key, value in known:
            if key == "run":
                continue
            if key == DUPLICATE_OF:
                pieces.append(f"repeats line {self.line(value)}")
            elif isinstance(value, Mapping):
                pieces.append(f"{key} line has {self.evidence_text(value)}")
            elif isinstance(value, bool):
                pieces.append(f"{key}: {str(value).lower()}")
            elif isinstance(value, float):
                pieces.append(f"{key}: {value:.0%}")
            else:
                pieces.append(f"{key}: {value!r}" if isinstance(value, str) else f"{key}: {value}")
        return ", ".join(pieces)


def _meet(one: Wish, other: Wish) -> bool:
    """Tell whether only one of two wishes can be granted; what only puts text in takes up its place."""
    return one.start < max(other.end, other.start + 1) and other.start < max(one.end, one.start + 1)


def _is_over(step: Step, compiled: CompiledRule) -> bool:
    """Tell whether a rule was past its budget: nothing that was granted had a better claim to something it wanted."""
    return compiled.rule.budget is not None and any(
        all(claim(one) > claim(wish) for one in step.chosen if _meet(one, wish))
        for wish in step.wishes
        if wish.rule is compiled and not overlaps(step.kept, wish.start, wish.end)
    )


def _advantage(winner: Wish, loser: Wish) -> str:
    """Return why one wish was preferred to another: the first thing in which their claims differ."""
    pairs = zip(Claim._fields, claim(winner), claim(loser), strict=True)
    differing = next(item for item, ours, theirs in pairs if ours != theirs)
    return {
        "length": "its stretch is longer",
        "start": "its stretch starts earlier",
        "risk": f"{winner.rule.rule.risk} goes before {loser.rule.rule.risk}",
        "layer": "it is of a later layer",
        "name": "its name comes first",
    }[differing]


def _short_run(run: Run, test: Check, units: Units, head: int, look: _Look) -> str | None:
    """Return why the run that starts at a match comes to nothing; None where it does not."""
    far, stop = reach(run, test, units, head, {})
    taken = abs(far - head) if run.then else abs(far - head) + 1
    if stop == "edge":
        why = f"the text {'begins' if run.edge == 'start' else 'ends'} there"
    else:
        following = far - 1 if run.edge == "start" else far + 1
        line = look.line(units.starts[following])
        if stop == "test":
            why = f"line {line} ends it: {_first_failure(test, units, following)[1]}"
        else:
            why = f"more than {_count(run.gap, 'blank line')} {'before' if following > far else 'after'} line {line}"
    if taken < run.count.low:
        return f"but its run takes {taken} of at least {int(run.count.low)}: {why}"
    if run.edge is not None and stop != "edge":
        return f"but its run does not reach the {run.edge} of the text: {why}"
    if run.edge is not None and taken > run.count.high:
        return f"but its run would take {taken}, more than {int(run.count.high)}, to reach the {run.edge} of the text"
    return None


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


# ------------------------------------------------------------------ what failed


def _first_failure(check: Check, units: Units, index: int) -> tuple[list[str], str]:
    """Return the tests that held, and the first one, in the order they are written, that did not."""
    if check.test.key == "all":
        passed: list[str] = []
        for part in sorted(check.parts, key=_place):
            if part.run(units, index) is None:
                further, failure = _first_failure(part, units, index)
                return [*passed, *further], failure
            passed.append(written(part.test))
    if check.test.key == "any":
        tried = [_first_failure(part, units, index) for part in check.parts]
        held, failure = max(tried, key=lambda one: len(one[0]))
        return held, failure if len(tried) == 1 else f"none of {len(tried)} alternatives; the nearest: {failure}"
    return [], _failure(check, units, index)


def _place(check: Check) -> tuple[str, int, int]:
    place = check.test.place
    return place.file, place.line, place.column


def _failure(check: Check, units: Units, index: int) -> str:
    """Return a single test with what was found in its stead."""
    if check.test.key in ("previous", "next") and check.parts:
        other = index + (1 if check.test.key == "next" else -1)
        if not 0 <= other < len(units.texts):
            return f"there is no {check.test.key} {units.kind}"
        _, failure = _first_failure(check.parts[0], units, other)
        return f"{check.test.key} {units.kind} {quoted(units.texts[other])}: {failure}"
    if check.test.key == "not":
        return f"{written(check.test)} fails: the line has that"
    found = _measured(check.test, units, index)
    return f"{written(check.test)} fails{f': {found}' if found else ''}"


def _measured(test: Test, units: Units, index: int) -> str:
    """Return what a counting test found, for people."""
    match test.key:
        case "full_stop":
            return "it ends like a sentence" if ends_sentence(units.texts[index]) else "it does not end like a sentence"
        case "wrapped":
            return f"it is {'a' if is_wrapped(units, index) else 'no'} line of a wrapped paragraph"
        case "first" | "last":
            rank = units.ranks.get(units.first_lines[index], 0)
            return f"it is line {rank + 1} of {len(units.filled)} with text"
    count = test.value.count if isinstance(test.value, Nearby) else test.value
    if not isinstance(count, Range):
        return ""
    unlimited = Range(0, UNLIMITED, share=count.share)
    value = replace(test.value, count=unlimited) if isinstance(test.value, Nearby) else unlimited
    found = (compile_test(replace(test, value=value)).run(units, index) or {})[test.key]
    number = f"{found:.0%}" if count.share else str(found)
    return f"{number} do" if isinstance(test.value, Nearby) else f"it has {number}"

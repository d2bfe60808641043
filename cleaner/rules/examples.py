"""What a rule's examples prove: each is run through a cleaner and compared with what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from cleaner.rules.model import Configuration, Example, Rule, Test

__all__ = ["Changes", "Clean", "Failure", "alone", "check_example", "check_examples", "known_of"]

# Text, url, language → clean text and the names of the flags raised.
Clean = Callable[[str, str | None, str | None], tuple[str, frozenset[str]]]
# The same → full names of the rules whose edits are in the result.
Changes = Callable[[str, str | None, str | None], frozenset[str]]


@dataclass(frozen=True, slots=True)
class Failure:
    """An example that does not hold: what was expected and what came out."""

    rule: str
    example: Example
    expected: str
    found: str


def alone(configuration: Configuration, rule: Rule) -> Configuration:
    """Return a configuration of this rule alone, without budget and document guard, as examples are run.

    A rule that keeps changes nothing by itself, so that none of its examples could fail: beside it, one drops every line.
    """
    rules = [replace(rule, budget=None, status="stable")]
    if rule.action == "keep":
        rules.append(Rule(rule.pack, "every-line", "", rule.place, match=Test("regex", r"\S", rule.place)))
    return replace(configuration, rules=tuple(rules), guard=1.0)


def known_of(rule: Rule, example: Example) -> tuple[str | None, str | None]:
    """Return the address and language an example's text is said to have; what it does not say, the first the rule is for."""
    site = example.site or next(iter(rule.sites), None)
    language = example.language or next(iter(rule.languages), None)
    return (f"https://{site.removeprefix('*.')}/" if site else None), language


def check_examples(configuration: Configuration, make_clean: Callable[[Configuration], Clean]) -> list[Failure]:
    """Run the examples of every rule, each rule alone; return those that do not hold.

    `make_clean` makes the cleaning function of one rule's configuration: `cleaner.engine.clean_of`.
    """
    failures: list[Failure] = []
    for rule in configuration.rules:
        clean = make_clean(alone(configuration, rule))
        failures.extend(
            failure for example in rule.examples if (failure := check_example(rule, example, clean)) is not None
        )
    return failures


def check_example(rule: Rule, example: Example, clean: Clean) -> Failure | None:
    """Run one example; return None where it holds."""
    text, flags = clean(example.text, *known_of(rule, example))
    if text != example.out:
        return Failure(rule.name, example, example.out, text)
    if example.kind == "flag" and rule.id not in flags:
        return Failure(rule.name, example, f"flag {rule.id}", f"flags: {', '.join(sorted(flags)) or 'none'}")
    return None

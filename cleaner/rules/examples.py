"""What a rule's examples prove: each is run through a cleaner and compared with what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from cleaner.rules.model import Configuration, Example, Rule

__all__ = ["Failure", "alone", "check_example"]

# Text, url, language → clean text and the names of the flags raised.
Clean = Callable[[str, str | None, str | None], tuple[str, frozenset[str]]]


@dataclass(frozen=True, slots=True)
class Failure:
    """An example that does not hold: what was expected and what came out."""

    rule: str
    example: Example
    expected: str
    found: str


def alone(configuration: Configuration, rule: Rule) -> Configuration:
    """Return a configuration of this rule alone, without budget and document guard, as examples are run."""
    return replace(configuration, rules=(replace(rule, budget=None, status="stable"),), guard=1.0)


def check_example(rule: Rule, example: Example, clean: Clean) -> Failure | None:
    """Run one example; return None where it holds."""
    url = f"https://{example.site}/" if example.site else None
    text, flags = clean(example.text, url, example.language)
    if text != example.out:
        return Failure(rule.name, example, example.out, text)
    if example.kind == "flag" and rule.id not in flags:
        return Failure(rule.name, example, f"flag {rule.id}", f"flags: {', '.join(sorted(flags)) or 'none'}")
    return None

"""What the linter looks at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cleaner.rules.examples import Clean
from cleaner.rules.layers import Resolved
from cleaner.rules.model import Configuration, Rule
from cleaner.rules.nodes import Node
from cleaner.rules.problems import Place

__all__ = ["Found", "Subject"]

# The rule that a warning is about (None: a name), where, and what is wrong.
Found = tuple[Rule | None, Place, str]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is looked at; `changes` says for each example, by rule and number, which rules change its text.

    `warnings` are the names of all that there are.
    """

    resolved: Resolved
    make_clean: Callable[[Configuration], Clean]
    changes: Mapping[tuple[str, int], frozenset[str]]
    warnings: Sequence[str]

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All rules, also those that do not run."""
        return self.resolved.rules

    def node(self, rule: Rule, key: str) -> Node | None:
        """Return what stands under a key of a rule, after all overrides."""
        node = self.resolved.nodes.get(rule.name)
        return node.get(key) if node is not None else None

"""Warnings of names that nobody uses, or that name nothing."""

from __future__ import annotations

from collections.abc import Iterator

from cleaner.rules.lint.subject import Found, Subject
from cleaner.rules.problems import nearest
from cleaner.rules.wording import clip

__all__ = ["unknown_rule", "unknown_warning", "unused_name"]


def unused_name(subject: Subject) -> Iterator[Found]:
    """Yield names in `define` that no rule uses."""
    resolved = subject.resolved
    used = frozenset[str]().union(*resolved.uses.values())
    # A pack without rules of its own has its names for others.
    packs = {rule.pack for rule in resolved.rules}
    for name, node in resolved.names.items():
        if name not in used and name.partition("/")[0] in packs:
            yield None, node.place, f"no rule uses `{name}`; use it or delete it"


def unknown_warning(subject: Subject) -> Iterator[Found]:
    """Yield names in `allow` that are no warnings."""
    for rule in subject.rules:
        written_in = subject.node(rule, "allow")
        places = {item.text: item.place for item in (written_in.items or (written_in,))} if written_in else {}
        for name in rule.allow:
            if name not in subject.warnings:
                hint = nearest(name, subject.warnings)
                yield (
                    rule,
                    places.get(name, rule.place),
                    f"`allow` names `{clip(name)}`, which is no warning{hint}; correct or delete it",
                )


def unknown_rule(subject: Subject) -> Iterator[Found]:
    """Yield names in `replaced_by` that are no other rules."""
    names = [rule.name for rule in subject.rules]
    for rule in subject.rules:
        name = rule.replaced_by
        written_in = subject.node(rule, "replaced_by")
        place = written_in.place if written_in else rule.place
        if name == rule.name:
            yield rule, place, f"`replaced_by` names `{name}` itself; name another rule, or delete it"
        elif name is not None and name not in names:
            hint = nearest(name, names)
            message = f"`replaced_by` names `{clip(name)}`, which is no rule{hint}; write `pack/id`, or delete it"
            yield rule, place, message

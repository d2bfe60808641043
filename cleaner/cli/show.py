"""One rule as its layers made it: the command `rules show`."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import click

from cleaner.cli.common import pack_options, pick, resolved_of, shown, shown_path, unknown_rule, width

if TYPE_CHECKING:
    from cleaner.rules import Place
    from cleaner.rules.layers import Resolved
    from cleaner.rules.nodes import Node

__all__ = ["rule_lines", "show"]

_WIDEST = 88  # columns of YAML on one line
_COMMENTS = 60  # columns after which comments no longer stand under one another


@click.command(short_help="Show a rule and where each field comes from.")
@click.argument("rule", metavar="ID")
@pack_options
def show(rule: str, packs: tuple[str, ...], config: str | None) -> int:
    """Show a rule as YAML, after all layers, with the file and line that each field comes from.

    ID is the full name, such as social/share-label, or the part after the slash. Comments below the rule
    say what its names stand for.

    \b
    Examples:
      cleaner rules show share-label
      cleaner rules show news/more-news --config cleaner.yaml
    """  # noqa: D301 - click needs the control character
    resolved = resolved_of(config, packs)
    found = pick(resolved.rules, (rule,))
    if not found:
        raise click.UsageError(unknown_rule(rule, [one.name for one in resolved.rules]))
    for number, one in enumerate(found):
        if number:
            click.echo("---")
        for line in rule_lines(resolved, one.name):
            click.echo(line)
    return 0


def rule_lines(resolved: Resolved, name: str) -> Iterator[str]:
    """Yield a rule, by full name, as YAML with comments, and the names that it uses."""
    from cleaner.rules.evidence import evidence_of, evidence_text

    rule = next(one for one in resolved.rules if one.name == name)
    pack = next(one for one in resolved.configuration.packs if one.name == rule.pack)
    runs = any(one.name == name for one in resolved.configuration.rules)
    yield f"# {name}, of {pack.name} {pack.version}{'' if runs else '; it is off'}"
    if is_shipped(pack.file):
        yield f"# {shown_path(pack.file)}"
    if (evidence := evidence_of(rule)) is not None:
        yield f"# measured: {evidence_text(evidence)}"
    lines: list[tuple[str, Place]] = []
    for key, _, value in resolved.nodes[name].named():
        lines.extend(_block(f"{key}:", value))
    column = min(_COMMENTS, max(width(text) for text, _ in lines)) + 2
    for text, place in lines:
        yield f"{text}{' ' * max(2, column - width(text))}# {_at(place)}"
    for used in sorted(resolved.uses[name]):
        yield "#"
        yield from _name_lines(used, resolved.names[used])


def _at(place: Place) -> str:
    file = os.path.basename(place.file) if is_shipped(place.file) else shown_path(place.file)
    return f"{file}:{place.line}"


def is_shipped(file: str) -> bool:
    """Say whether a file is a shipped pack, whose name says enough."""
    from cleaner.rules.packs import pack_paths

    return file in pack_paths().values()


def _name_lines(name: str, node: Node) -> Iterator[str]:
    """Yield, as comments, what a name stands for: a test, or phrases by language."""
    from cleaner.rules.tests import looks_like_phrases

    if not looks_like_phrases(node):
        yield f"# ${name}: {_flow(node)}  ({_at(node.place)})"
        return
    yield f"# ${name} stands for"
    groups = [(key, value) for key, _, value in node.named()] if node.kind == "map" else [("any", node)]
    for language, value in groups:
        items = value.items if value.kind == "list" else (value,)
        for _, group in groupby(items, key=lambda item: item.place.file):
            phrases = list(group)
            text = ", ".join(_flow(item) for item in phrases)
            head = f"{language} ({_at(phrases[0].place)}): "
            for line in textwrap.wrap(
                head + text, _WIDEST, break_long_words=False, break_on_hyphens=False, subsequent_indent="  "
            ):
                yield f"#   {line}"


def _block(head: str, node: Node) -> list[tuple[str, Place]]:
    """Return a value as lines of YAML behind its key or dash, each with its place; short ones take one."""
    flow = _flow(node)
    if (
        node.kind == "scalar"
        or (width(head) + width(flow) < _WIDEST and len(_files(node)) == 1)
        or flow in ("[]", "{}")
    ):
        return [(f"{head} {flow}", node.place)]
    lines: list[tuple[str, Place]] = []
    if node.kind == "map":
        for key, value in node.pairs:
            lines.extend(_block(f"{_flow(key)}:", value))
    else:
        for item in node.items:
            lines.extend(_block("-", item))
    if head == "-":  # the first key stands behind the dash
        return [(f"{'- ' if number == 0 else '  '}{text}", place) for number, (text, place) in enumerate(lines)]
    return [(head, node.place), *((f"  {text}", place) for text, place in lines)]


def _files(node: Node) -> set[str]:
    children: Sequence[Node] = [*node.items, *(one for pair in node.pairs for one in pair)]
    return {node.place.file}.union(*map(_files, children))


def _flow(node: Node) -> str:
    """Return a value as YAML on one line."""
    if node.kind == "map":
        return "{" + ", ".join(f"{_flow(key)}: {_flow(value)}" for key, value in node.pairs) + "}"
    if node.kind == "list":
        return "[" + ", ".join(map(_flow, node.items)) + "]"
    if node.tag != "str":
        return node.text
    import yaml

    style = None if shown(node.text, keep="") == node.text else '"'
    text: str = yaml.safe_dump(
        [node.text], default_flow_style=True, default_style=style, width=float("inf"), allow_unicode=True
    )
    # What a terminal could obey is an escape that YAML, too, reads as one.
    return shown(text.strip()[1:-1])

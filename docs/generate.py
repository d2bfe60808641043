"""Writes what is made from code and packs: the reference, the catalogue, the JSON Schema for editors."""

import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cleaner.repair import OPERATIONS, operation_schemas
from cleaner.rules import Example, Rule, pack_files
from cleaner.rules.evidence import evidence_of, evidence_text
from cleaner.rules.keys import Key
from cleaner.rules.layers import PACK_KEYS, resolve
from cleaner.rules.lint import WARNINGS
from cleaner.rules.model import Phrase, inner_tests
from cleaner.rules.overrides import SITE_KEYS
from cleaner.rules.parse import EXAMPLE_KEYS, FOR_KEYS, RULE_KEYS, RUN_KEYS
from cleaner.rules.schema import KINDS, json_schema
from cleaner.rules.tests import CASE, DUPLICATE_KEYS, NEARBY_KEYS, TESTS
from docs.blocks import DOCUMENTS, ROOT, rewritten

NOTE = "<!-- Written by `make docs`: change the code or the packs, not this file. -->"
LONGEST_EXAMPLE = 140  # characters shown in the catalogue

# ------------------------------------------------------------------ Markdown


def code(text: str) -> str:
    r"""Return `text` as inline code that may stand in a table: line ends and what nobody sees become visible.

    >>> print(code("a|b\n\u200bc"), code("`x`"))
    `a\|b⏎\u200bc` `` `x` ``
    """
    shown = "".join(
        "⏎" if character == "\n" else character if character.isprintable() else escaped(character) for character in text
    )
    fence = "`" * (max((len(run) for run in re.findall("`+", shown)), default=0) + 1)
    edge = " " if shown != shown.strip("` ") or not shown else ""
    return fence + edge + shown.replace("|", "\\|") + edge + fence


def escaped(character: str) -> str:
    """Return a character as an escape; joiners stay, for they shape Persian, Indic scripts and emoji."""
    return character if character in "\u200c\u200d" else character.encode("unicode_escape").decode("ascii")


def prose(text: str) -> str:
    r"""Return `text` so that Markdown shows it as it is, but for code in backticks.

    >>> prose("a <b> | *c* `<d>`")
    'a \\<b> \\| \\*c\\* `<d>`'
    """
    parts = re.split(r"(`[^`]+`)", text)
    return "".join(
        part.replace("|", "\\|") if number % 2 else re.sub(r"([\\`*\[\]<|]|\b_|_\b)", r"\\\1", part)
        for number, part in enumerate(parts)
    )


def table(*head: str, rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield the lines of a table."""
    for cells in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(cells)} |"
    yield ""


# ------------------------------------------------------------------ the reference


def kind(schema: Mapping[str, Any]) -> str:
    """Return what a value looks like, in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#values)" if name in KINDS else name
    if "enum" in schema:
        return ", ".join(code(value) for value in schema["enum"])
    if "type" in schema:
        bounds = [str(schema[key]) for key in ("minimum", "maximum") if key in schema]
        return f"{schema['type']} {' to '.join(bounds)}".strip()
    return "text or a map"


def key_table(keys: Mapping[str, Key], *required: str) -> Iterator[str]:
    """Yield the table of the keys of one map."""
    rows = (
        (
            code(name),
            kind(key.schema),
            code(key.default) if key.default else "required" if name in required else "",
            prose(key.about),
            code(f"{name}: {key.example}"),
        )
        for name, key in keys.items()
    )
    return table("key", "value", "default", "meaning", "example", rows=rows)


REFERENCE_HEAD = f"""\
# Reference

{NOTE}

Every key of packs and configurations. [The rule language](rules.md) explains how they work together,
[the guide](guide.md) how to write a rule. Editors can check files against `rules/pack.schema.json`, which
`cleaner rules schema` prints.

## Packs and configurations

A file with `pack` is a pack and needs `version` and `about` too; a file without is a configuration.
"""
RULE_NOTES = """\
`match` is required, but for `do: fix`. `with` is required for `do: replace` and `do: fix`, and belongs to
them alone. A rule of unit `document` can only fix or flag. A `run` is of lines or paragraphs, and drops or
keeps them. A rule of unit `span` has exactly one of `is`, `starts`, `ends`, `has` and `regex` at the top of
`match`.
"""


def reference() -> Iterator[str]:
    """Yield the lines of the reference."""
    yield REFERENCE_HEAD
    yield from key_table(PACK_KEYS)
    yield f"A site under `sites` takes {', '.join(code(key) for key in SITE_KEYS)}; they mean the same there."
    yield "An `override` for a site changes rules, not names.\n"
    yield "## Rules\n"
    yield from key_table(RULE_KEYS, "id", "about", "examples")
    yield RULE_NOTES
    yield "### for\n"
    yield from key_table(FOR_KEYS)
    yield "### run\n"
    yield from key_table(RUN_KEYS)
    yield "## Tests\n"
    yield from key_table({**TESTS, "case": CASE})
    yield "### above, below, around\n"
    yield from key_table(NEARBY_KEYS, "match")
    yield "### duplicate\n"
    yield from key_table(DUPLICATE_KEYS, "of")
    yield "## Examples\n"
    yield from key_table(EXAMPLE_KEYS)
    yield "## Operations\n"
    yield "What `do: fix` can do: `with: NAME`, or `with: {operation: NAME, OPTION: VALUE}`.\n"
    for name, schema in operation_schemas().items():
        yield f"### {name}\n"
        when = {"fix": "before all other rules", "spacing": "after all other rules"}
        yield f"{prose(schema['description'])}. Runs {when[OPERATIONS[name].phase]}.\n"
        if schema["properties"]:
            yield from table(
                "option",
                "value",
                "default",
                "meaning",
                rows=(
                    (
                        code(option),
                        kind(value),
                        code(json.dumps(value["default"])),
                        prose(value["description"]),
                    )
                    for option, value in schema["properties"].items()
                ),
            )
    yield "## Warnings\n"
    yield "What `cleaner rules check` warns about; `allow: [NAME]` in a rule silences it there.\n"
    yield from table(
        "name",
        "what is found",
        rows=((f"[{name}](lint.md#{name})", prose(warning.about)) for name, warning in WARNINGS.items()),
    )
    yield "## Values\n"
    yield from table(
        "value",
        "how it is written",
        rows=((name, prose(value["description"])) for name, value in KINDS.items()),
    )


# ------------------------------------------------------------------ the catalogue


def languages(rule: Rule) -> str:
    """Return the languages that a rule knows: those it is for, or those of its phrases."""
    phrases = [
        phrase
        for test in inner_tests(rule.match)
        if isinstance(test.value, tuple)
        for phrase in test.value
        if isinstance(phrase, Phrase)
    ]
    known = set(rule.languages) or {phrase.language for phrase in phrases if phrase.language}
    return ", ".join(sorted(known))


def sample(examples: Iterable[Example], *kinds: str) -> str:
    """Return the first example of these kinds, cut short."""
    for example in examples:
        if example.kind in kinds:
            before, after = shortened(example.text), shortened(example.out)
            return f"{code(before)} → {code(after)}" if example.kind == "change" else code(before)
    return ""


def shortened(text: str) -> str:
    """Return `text`, or its start and an ellipsis where it is long."""
    return text if len(text) <= LONGEST_EXAMPLE else text[:LONGEST_EXAMPLE].rstrip() + "…"


def catalogue() -> Iterator[str]:
    """Yield the lines of the catalogue."""
    resolved = resolve(list(pack_files()))
    rules = {
        pack.name: [rule for rule in resolved.rules if rule.pack == pack.name] for pack in resolved.configuration.packs
    }
    yield "# Catalogue\n"
    yield NOTE + "\n"
    count = sum(map(len, rules.values()))
    yield f"{count} rules come with `cleaner`. A rule without languages is for all; `⏎` is a line end.\n"
    for pack in resolved.configuration.packs:
        yield f"## {pack.name} {pack.version}\n"
        yield f"{prose(pack.about)}.\n"
        if not rules[pack.name]:
            yield "No rules of its own: it takes in other packs.\n"
            continue
        yield from table(
            "rule",
            "what it is",
            "risk",
            "measured",
            "unit",
            "action",
            "languages",
            "changes",
            "leaves",
            rows=(
                (
                    code(rule.id) + ("" if rule.status == "stable" else f" ({rule.status})"),
                    prose(rule.about),
                    rule.risk,
                    evidence_text(evidence_of(rule)),
                    rule.unit,
                    f"{rule.action} {code(rule.operation)}" if rule.operation else rule.action,
                    languages(rule),
                    sample(rule.examples, "drop", "change", "flag"),
                    sample(rule.examples, "keep"),
                )
                for rule in rules[pack.name]
            ),
        )


# ------------------------------------------------------------------ files


def pages() -> dict[str, str]:
    """Return every generated file: its path from the root, and its text."""
    schema = json.dumps(json_schema(operation_schemas()), ensure_ascii=False, indent=2)
    return {
        "docs/reference.md": "\n".join(reference()),
        "docs/catalogue.md": "\n".join(catalogue()),
        "rules/pack.schema.json": schema + "\n",
    }


def main() -> None:
    """Write the generated files, and renew the output of commands in the written ones."""
    for path, text in pages().items():
        (ROOT / path).write_text(text, encoding="utf-8", newline="\n")
    for document in DOCUMENTS:
        before = document.read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory() as folder:
            after = rewritten(before, Path(folder))
        if after != before:
            document.write_text(after, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()

"""Why lines go or stay: the command `explain`."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from cleaner.cli.common import (
    Piece,
    aligned,
    clip,
    color_option,
    colour_of,
    documents,
    field_options,
    is_plain,
    load_cleaner,
    no_text,
    page,
    plural,
    rules_options,
    shown,
    style,
)
from cleaner.languages import stated_language

if TYPE_CHECKING:
    from cleaner.corpus.records import Fields
    from cleaner.explain import Explanation, Verdict

__all__ = ["explain"]

_LONGEST_LINE = 100  # characters


@click.command(short_help="Say why lines go or stay.")
@click.argument("target", metavar="FILE[#ID][:LINE]", type=click.Path())
@rules_options
@field_options
@click.option(
    "--all",
    "every",
    is_flag=True,
    help="Show the rules, too, that failed at their first test, and name all that stood aside.",
)
@color_option
@click.option("--no-pager", is_flag=True, help="Print straight to the terminal.")
def explain(
    target: str,
    config: str | None,
    packs: tuple[str, ...],
    language: str | None,
    fields: Fields,
    every: bool,
    color: str,
    no_pager: bool,
) -> int:
    """Say which rules looked at a line, and which test decided.

    With LINE (from 1), tell of that line, whether it goes or stays; without, of every line that changes,
    or would if the document guard had not taken it back, and sum up. In a file of many documents, ID names
    one: by its id, or by its place, as `diff` and the audit do. For each rule there is what it made of the
    line:

    \b
      removes    and what it found; likewise replaces, repairs, flags
      protects   its `do: keep` holds all other rules off
      lost       it wanted to, but another rule, a `keep` or its budget won
      run short  it matched, but too few lines go with it
      excepted   it matched, but so did its `unless`
      failed     the first test that failed, and in brackets those that held before it

    Rules that failed at their first test are only counted.

    \b
    Examples:
      cleaner explain article.txt:12
      cleaner explain article.txt:12 --all --pack news
      cleaner explain article.txt --config cleaner.yaml
      cleaner explain shard.jsonl.gz#a-17:3
    """  # noqa: D301 - click needs the control character
    from cleaner.explain import explain as explain_text

    path, document, line = split_target(target)
    one = find_document(path, document, fields)
    if one.text is None:
        missing = f"no text in `{shown(fields.text)}`; name the field with --text-field"
        click.echo(f"{one.name}: {one.problem or missing}", err=True)
        return 1
    cleaner = load_cleaner(config, packs)
    try:
        explanation = explain_text(cleaner, one.text, url=one.url, language=stated_language(one.language, language))
    except TimeoutError as error:
        click.echo(f"{one.name}: timeout: {error}; the document would stay as it is", err=True)
        return 1
    count = len(explanation.lines.texts)
    if line is not None and not 1 <= line <= count:
        raise click.UsageError(f"{one.name} has no line {line}: it has {plural(count, 'line')}.")
    plain = is_plain(color)
    if line is not None:
        page(["\n".join(line_report(one.name, explanation, line, every, plain))], plain, pager=not no_pager)
        return 0
    page(file_report(one.name, explanation, every, plain), plain, pager=not no_pager)
    return 0


def find_document(path: str, document: str | None, fields: Fields) -> Piece:
    """Return the document of a file, the one that is called `document` where it holds many."""
    from cleaner.corpus.formats import decode, format_of, is_corpus_file

    if not is_corpus_file(path):
        try:
            with open(path, "rb") as handle:
                return Piece(shown(path), decode(handle.read(), fields.encoding)[0])
        except UnicodeDecodeError as error:
            return Piece(shown(path), problem=f"not UTF-8 at byte {error.start}: {error.reason}")
    if format_of(path).single:
        return next(documents(path, fields))
    if document is None:
        hint = f"name one of them, such as {shown(path)}#ID"
        raise click.UsageError(f"{shown(path)} holds many documents: {hint}; `cleaner diff` shows their names.")
    texts = 0
    for one in documents(path, fields):
        if document in (one.id, str(one.place)):
            return one
        texts += one.text is not None
    if not texts:
        raise click.UsageError(no_text(fields))
    raise click.UsageError(f"{shown(path)} has no document `{shown(document[:60])}`.")


def split_target(target: str) -> tuple[str, str | None, int | None]:
    """Return the file, document and line that `FILE[#ID][:LINE]` names; a file of that whole name goes first."""
    if os.path.isfile(target):
        return target, None, None
    path, colon, number = target.rpartition(":")
    has_line = bool(colon) and number.isascii() and number.isdecimal()
    name, line = (path, int(number)) if has_line else (target, None)
    for end in (len(name), *(place for place, character in enumerate(name) if character == "#")):
        if os.path.isfile(name[:end]):
            return name[:end], name[end + 1 :] or None, line
    what = "is a folder; name a file in it" if os.path.isdir(name) else "there is no such file"
    raise click.UsageError(f"{shown(name)}: {what}.")


def file_report(name: str, explanation: Explanation, every: bool, plain: bool) -> Iterator[str]:
    """Yield the report on each line that changed, or would have without the guard, and the summary."""
    fates = {line: explanation.fate(line) for line in explanation.changed()}
    for line in sorted({*fates, *explanation.withheld}):
        if explanation.lines.texts[line - 1].strip():
            yield "\n".join([*line_report(name, explanation, line, every, plain, notes=False), ""])
    blank = sum(1 for line in fates if not explanation.lines.texts[line - 1].strip())
    rules = Counter(rule for fate in fates.values() for rule in fate.rules)
    head = f"=== {len(fates):,} of {plural(len(explanation.lines.texts), 'line')} of {name} would change"
    head += f", {blank:,} of them blank" if blank else ""
    yield style(head, plain, bold=True)
    if rules:
        rows = [
            (f"    {shown(rule)}", f"{count:,}")
            for rule, count in sorted(rules.items(), key=lambda item: (-item[1], item[0]))
        ]
        yield from aligned([("    rule", "lines"), *rows], right=(1,))
    yield from notes_on(explanation, every, plain)


def notes_on(explanation: Explanation, every: bool, plain: bool) -> Iterator[str]:
    """Yield what holds for the whole document: flags, and rules that stood aside."""
    for flag in explanation.result.flags:
        name = f"{flag.name} ({flag.rule})" if flag.rule and flag.rule != flag.name else flag.name
        yield style(f"flag {shown(name)}: {shown(flag.detail)}", plain, bold=True)
    if explanation.taken_back:
        yield "The guard took every removal back; without it, the rules would have done what is shown here."
    if explanation.elsewhere:
        count = len(explanation.elsewhere)
        few = every or count <= _FEW
        yield (
            f"{plural(count, 'rule')} stood aside: for a language (see --language) or site that this is not known to be of"
            + (f": {shown(', '.join(explanation.elsewhere))}" if few else " (--all names them)")
        )


_FEW = 3  # rules that are named without --all
_WORDS = {
    "kept": "protects",
    "lost": "lost",
    "run": "run short",
    "unless": "excepted",
    "failed": "failed",
}
_ACTIONS = {"drop": "removes", "replace": "replaces", "fix": "repairs", "flag": "flags", "keep": "protects"}


def line_report(
    name: str, explanation: Explanation, line: int, every: bool, plain: bool, notes: bool = True
) -> Iterator[str]:
    """Yield the report on one line."""
    text = explanation.lines.texts[line - 1]
    fate = explanation.fate(line)
    yield (style(f"{name}:{line}:", plain, bold=True) + f" {shown(clip(text, _LONGEST_LINE)) or '(blank)'}")
    verdicts = explanation.verdicts(line)
    names = ", ".join(style(shown(rule), plain, fg=colour_of(rule)) for rule in fate.rules)
    if fate.kind == "removed":
        yield f"  goes: {names}" + ("" if text.strip() else ", with the text beside it")
    elif fate.kind == "changed":
        yield f"  becomes: {shown(clip(fate.after, _LONGEST_LINE))}  [{names}]"
    if line in explanation.withheld:
        and_stays = "stays" if fate.kind == "kept" else "and stays"
        yield f"  {and_stays}: the document guard took all removals back"
    elif fate.kind == "kept":
        keeper = next((verdict for verdict in verdicts if verdict.outcome == "kept"), None)
        yield f"  stays: {shown(keeper.rule.name)} protects it" if keeper else "  stays"
    reported = [verdict for verdict in verdicts if every or verdict.outcome != "failed" or verdict.passed]
    rows = [("    " + shown(verdict.rule.name), word_for(verdict), detail_of(verdict)) for verdict in reported]
    for verdict, row in zip(reported, aligned(rows) if rows else (), strict=True):
        yield row if verdict.outcome == "failed" else style(row, plain, fg=colour_of(verdict.rule.name))
    others = len(verdicts) - len(reported)
    if others:
        rest = plural(others, "other rule" if reported else "rule")
        yield f"    {rest} failed at the first test (--all shows them)"
    unseen = explanation.unseen(line)
    if unseen:
        yield f"    {plural(unseen, 'rule')} would have come later and never saw it"
    if notes:
        yield from notes_on(explanation, every, plain)


def word_for(verdict: Verdict) -> str:
    """Return an outcome in a word or two."""
    return _ACTIONS[verdict.rule.action] if verdict.outcome == "changed" else _WORDS[verdict.outcome]


def detail_of(verdict: Verdict) -> str:
    """Return what decided, and the tests that held before it."""
    held = f" (held: {', '.join(verdict.passed)})" if verdict.passed else ""
    return shown(f"{verdict.detail}{held}")

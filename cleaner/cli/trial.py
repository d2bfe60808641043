"""What one rule would do to one's own files: the command `rules try`."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import click

from cleaner.cli.common import (
    clip,
    color_option,
    documents,
    field_options,
    find_texts,
    is_plain,
    known_language,
    no_text,
    pick,
    plural,
    shown,
    style,
    unknown_rule,
)
from cleaner.languages import stated_language

if TYPE_CHECKING:
    from cleaner.cli.common import Piece
    from cleaner.corpus.records import Fields
    from cleaner.engine import Cleaner
    from cleaner.rules import Configuration, Rule
    from cleaner.text import Lines

__all__ = ["trial"]

_WIDEST = 160  # characters of a sample's line
_DOING = {"drop": "remove", "replace": "replace", "fix": "repair", "keep": "keep", "flag": "flag"}


@click.command("try", short_help="Try a rule on your files.")
@click.argument("pattern", metavar="PATTERN|FILE")
@click.option(
    "--on",
    "paths",
    metavar="PATH",
    multiple=True,
    required=True,
    type=click.Path(),
    help="File or folder to try it on; may be given several times.",
)
@click.argument("more", metavar="[PATH]...", nargs=-1, type=click.Path())
@click.option(
    "--unit",
    type=click.Choice(["line", "paragraph", "span"]),
    default="line",
    show_default=True,
    help="What a PATTERN looks at and removes; span is only what it matches.",
)
@click.option("--rule", "wanted", metavar="ID", multiple=True, help="Of a FILE, only this rule.")
@known_language
@field_options
@click.option(
    "--samples",
    metavar="N",
    type=click.IntRange(0),
    default=10,
    show_default=True,
    help="Distinct texts to show: the longest, then rare ones.",
)
@color_option
def trial(
    pattern: str,
    paths: tuple[str, ...],
    more: tuple[str, ...],
    unit: str,
    wanted: tuple[str, ...],
    language: str | None,
    fields: Fields,
    samples: int,
    color: str,
) -> int:
    """Show what a rule would remove from your files; write nothing.

    PATTERN is a regular expression between slashes, or a test as in a rule's `match`; it needs no
    examples, and may use the names of the shipped packs, such as $social/share. FILE is a file of rules, each
    of which is tried alone. Budgets and the document guard are left aside. The samples show the longest texts
    first, then some of the rarest: what matches too much shows there.

    \b
    Examples:
      cleaner rules try 'is: [share this, tweet this]' --on articles/
      cleaner rules try '{starts: "read more", words: ..20, last: 30%}' --on articles/
      cleaner rules try '/\\(photo: [^)]*\\)/' --unit span --on a.txt b.txt --samples 30
      cleaner rules try mine.yaml --rule read-next --on articles/
    """  # noqa: D301 - click needs the control character
    from cleaner.engine import Cleaner

    configuration, rules = what_to_try(pattern, unit, wanted)
    found, failed = find_texts((*paths, *more))
    cleaners = [(rule, Cleaner.from_configuration(alone_acting(configuration, rule))) for rule in rules]
    tallies = [Tally(rule) for rule in rules]
    without_text = 0
    for source in found.sources:
        for one in documents(source.path, fields):
            problem = one.problem
            if one.text is None and not problem:
                without_text += 1
                continue
            try:
                for (_, cleaner), tally in zip(cleaners, tallies, strict=True):
                    if not problem:
                        tally.add(cleaner, one, language)
            except TimeoutError as error:
                problem = f"timeout: {error}"
            if problem:
                click.echo(f"{one.name}: {problem}", err=True)
                failed = True
    if without_text and not tallies[0].documents:
        click.echo(no_text(fields), err=True)
        failed = True
    plain = is_plain(color)
    for number, tally in enumerate(tallies):
        if number:
            click.echo()
        for line in tally.lines(samples, plain):
            click.echo(line, color=not plain)
    return 1 if failed else 0


def what_to_try(pattern: str, unit: str, wanted: Sequence[str]) -> tuple[Configuration, list[Rule]]:
    """Return the rules that PATTERN or FILE stands for, in their configuration."""
    from cleaner.rules import Configuration, Rule, RuleError
    from cleaner.rules.layers import load_test, resolve_file
    from cleaner.rules.model import Test, span_locator
    from cleaner.rules.patterns import PatternError
    from cleaner.rules.problems import Place, Problem
    from cleaner.rules.widening import check_pattern

    if os.path.isfile(pattern):
        resolved = resolve_file(pattern)
        own = resolved.configuration.packs[-1].file
        mine = [one for one in resolved.rules if one.place.file == own or one.name in resolved.changed]
        chosen = pick(mine, wanted)
        if not chosen:
            if wanted and pick(resolved.rules, wanted):
                raise click.UsageError(f"{shown(pattern)} neither has nor changes the rule `{shown(wanted[0])}`.")
            names = [one.name for one in mine]
            raise click.UsageError(
                unknown_rule(wanted[0], names) if wanted else f"{shown(pattern)} has no rules of its own."
            )
        return resolved.configuration, chosen
    if wanted:
        raise click.UsageError("--rule goes with a FILE of rules.")
    place = Place("PATTERN", 1, 1)
    if len(pattern) > 2 and pattern.startswith("/") and pattern.endswith("/"):
        try:
            check_pattern(pattern[1:-1])
        except PatternError as error:
            place = Place("PATTERN", 1, error.offset + 2)
            raise RuleError([Problem(place, str(error), pattern)]) from None
        match = Test("regex", pattern[1:-1], place)
    elif pattern.endswith((".yaml", ".yml")):
        raise click.UsageError(f"{shown(pattern)}: there is no such file.")
    else:
        match = load_test(pattern, "PATTERN")
    if unit == "span" and span_locator(match) is None:
        raise click.UsageError("--unit span wants exactly one of is, starts, ends, has or regex in PATTERN.")
    rule = Rule("try", "pattern", "", place, unit=unit, match=match)  # type: ignore[arg-type]
    return Configuration((), (rule,), 1.0, ""), [rule]


def alone_acting(configuration: Configuration, rule: Rule) -> Configuration:
    """Return a configuration of this rule alone; instead of keeping or flagging it drops, to show hits."""
    from cleaner.rules.examples import alone

    shows = replace(rule, action="drop") if rule.action in ("keep", "flag") else rule
    return alone(configuration, shows)


@dataclass(slots=True)
class Sample:
    """One distinct text that was hit: where first, what stood around it, and how often it came."""

    where: str
    before: str
    line: str
    mark: tuple[int, int]
    after: str
    instead: str
    count: int = 0
    length: int = 0


@dataclass(slots=True)
class Tally:
    """What one rule did to all documents."""

    rule: Rule
    documents: int = 0
    touched: int = 0
    hits: int = 0
    chars: int = 0
    removed: int = 0
    samples: dict[tuple[int, str, str], Sample] = field(default_factory=dict)

    def add(self, cleaner: Cleaner, piece: Piece, language: str | None) -> None:
        """Try the rule on one document. Raises `TimeoutError`."""
        text = piece.text or ""
        steps = cleaner.trace(text, url=piece.url, language=stated_language(piece.language, language))
        wishes = [(step, wish) for step in steps for wish in step.chosen]
        self.documents += 1
        self.chars += len(text)
        self.touched += bool(wishes)
        for step, wish in wishes:
            snapshot = step.units("line")
            hit = snapshot.text[wish.start : wish.end]
            self.hits += 1
            self.removed += len(hit) - len(wish.after)
            key = (len(hit), hit[:500], wish.after[:500])
            if key not in self.samples:
                self.samples[key] = sample_of(piece.name, snapshot.lines, wish)
            self.samples[key].count += 1

    def lines(self, samples: int, plain: bool) -> Iterator[str]:
        """Yield the counts and the samples."""
        does = _DOING[self.rule.action]
        name = self.rule.name if self.rule.about else "the pattern"
        where = f"{self.touched:,} of {plural(self.documents, 'document')}"
        yield style(f"{name} would {does}: {plural(self.hits, 'hit')} in {where}", plain, bold=True)
        if not self.hits:
            return
        share = self.removed / self.chars if self.chars else 0.0
        taken = f"{self.removed:,} of {plural(self.chars, 'character')} ({share:.1%})"
        yield f"{taken}, {plural(len(self.samples), 'distinct text')}"
        longest = sorted(self.samples.values(), key=lambda one: -one.length)[: (samples + 1) // 2]
        others = [one for one in self.samples.values() if not any(one is other for other in longest)]
        # Among texts as rare as one another, a mixed lot says more than the first ones.
        rarest = sorted(others, key=lambda one: (one.count, zlib.crc32(one.line.encode("utf-8", "replace"))))
        for title, group in (("longest", longest), ("rarest", rarest[: samples - len(longest)])):
            if group:
                yield ""
                yield style(f"=== {title}", plain, bold=True)
            for number, one in enumerate(group):
                if number:
                    yield ""
                yield from sample_lines(one, plain)


def sample_of(name: str, lines: Lines, wish: Any) -> Sample:
    """Return a hit with the line before it and the line after it."""
    first, last = lines.line_at(wish.start), lines.line_at(max(wish.start, wish.end - 1))
    line = "\n".join(lines.texts[first : last + 1])
    start = wish.start - lines.starts[first]
    return Sample(
        f"{name}:{first + 1}",
        lines.texts[first - 1] if first else "",
        line,
        (start, min(len(line), start + wish.end - wish.start)),
        lines.texts[last + 1] if last + 1 < len(lines.texts) else "",
        wish.after,
        length=wish.end - wish.start,
    )


def sample_lines(sample: Sample, plain: bool) -> Iterator[str]:
    """Yield a sample: its place and count, and its lines between their neighbours."""
    times = f" (and {plural(sample.count - 1, 'more time')})" if sample.count > 1 else ""
    yield style(f"{sample.where}{times}", plain, fg="cyan")
    if sample.before.strip():
        yield f"  {shown(clip(sample.before, _WIDEST))}"
    start, end = sample.mark
    whole = not sample.line[:start].strip() and not sample.line[end:].strip() and not sample.instead
    for line in sample.line.split("\n") if whole else ():
        yield style(f"- {shown(clip(line, _WIDEST))}", plain, fg="red")
    if not whole:
        around = (_WIDEST - min(_WIDEST, end - start)) // 2
        before, after = sample.line[:start], sample.line[end:]
        before = f"…{before[-around:]}" if len(before) > around else before
        after = f"{after[:around]}…" if len(after) > around else after
        gone = style(f"[-{shown(clip(sample.line[start:end], _WIDEST))}-]", plain, fg="red")
        came = style(f"{{+{shown(clip(sample.instead, _WIDEST))}+}}", plain, fg="green") if sample.instead else ""
        yield f"- {shown(before)}{gone if end > start else ''}{came}{shown(after)}"
    if sample.after.strip():
        yield f"  {shown(clip(sample.after, _WIDEST))}"

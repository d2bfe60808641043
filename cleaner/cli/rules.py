"""For people who write rules: the commands `rules check`, `test`, `list` and `schema`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from cleaner.cli.common import (
    clip,
    color_option,
    is_plain,
    language_option,
    pack_options,
    pick,
    plural,
    print_table,
    problem_text,
    resolved_of,
    shown,
    shown_path,
    unknown_rule,
)
from cleaner.cli.show import show
from cleaner.cli.trial import trial

if TYPE_CHECKING:
    from cleaner.rules import Problem, Rule
    from cleaner.rules.layers import Resolved

__all__ = ["rules"]


class Tidy(click.Group):
    """A group that lists its commands in the order in which they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=Tidy, short_help="Write rules: look, try, check, test.")
def rules() -> None:
    """Find out about rules, and write your own.

    \b
    Examples:
      cleaner rules list --search newsletter       find a rule
      cleaner rules show social/share-label        see what it says, and where
      cleaner rules try 'is: share this' --on articles/   try an idea
      cleaner rules check cleaner.yaml             find every mistake
      cleaner rules test cleaner.yaml              run the examples
    """  # noqa: D301 - click needs the control character


files_argument = click.argument("files", metavar="[FILE]...", nargs=-1, type=click.Path(exists=True, dir_okay=False))


@dataclass(frozen=True, slots=True)
class Examined:
    """Rules that could be read: all that they resolve to, and those to examine, which `files` hold or which are overridden."""

    resolved: Resolved
    rules: tuple[Rule, ...]
    files: frozenset[str]


def examine(files: Sequence[str]) -> tuple[list[Examined], list[Problem]]:
    """Read files of rules (none: the shipped packs); return what is sound, and the problems of the rest."""
    from cleaner.cli.failures import changed_rules
    from cleaner.engine import Cleaner
    from cleaner.rules import RuleError, pack_files
    from cleaner.rules.layers import resolve, resolve_file

    def checked(resolved: Resolved, *, whole: bool) -> Examined:
        configuration = resolved.configuration
        # Options of operations are known to the engine only, and rules that are off have them too.
        Cleaner.from_configuration(replace(configuration, rules=resolved.rules), accelerate=False)
        names = {pack.file for pack in configuration.packs}
        if not whole:  # shipped packs are examined where they are named
            names = names - {str(path) for path in pack_files().values()} | {configuration.packs[-1].file}
        own = [rule for rule in resolved.rules if rule.place.file in names or rule.name in resolved.changed]
        # What is overridden for one site only stands beside the rule itself.
        own += [rule for rule in changed_rules(resolved) if rule not in resolved.rules]
        return Examined(resolved, tuple(own), frozenset(names))

    problems: dict[Problem, None] = {}
    found: list[Examined] = []
    if not files:
        try:
            return [checked(resolve(tuple(pack_files())), whole=True)], []
        except RuleError:
            files = [str(path) for path in pack_files().values()]  # one by one, so that the sound ones are examined
    for file in files:
        try:
            found.append(checked(resolve_file(file), whole=False))
        except RuleError as error:
            problems.update(dict.fromkeys(error.problems))
    return found, list(problems)


# ------------------------------------------------------------------ check


@rules.command(short_help="Find every mistake in files of rules.")
@files_argument
@click.option("--strict", is_flag=True, help="Let warnings, too, end with exit code 1.")
def check(files: tuple[str, ...], strict: bool) -> int:
    """Find every mistake in packs and configurations, and in files that they extend; without FILE, in all shipped packs.

    Each problem is told with file, line and column. Errors come first: what cannot be read as rules, and
    examples that fail. Warnings, with their name in brackets, are about rules that work and yet may do
    more or less than was meant; where one is right for a rule, `allow: [NAME]` in the rule silences it.

    \b
    Exit codes:
      0  no errors; warnings do no harm, unless --strict is given
      1  with --strict: warnings
      2  errors

    \b
    Examples:
      cleaner rules check
      cleaner rules check cleaner.yaml
      cleaner rules check --strict rules/*.yaml
    """  # noqa: D301 - click needs the control character
    from cleaner.engine import changes_of, clean_of
    from cleaner.rules.examples import check_examples
    from cleaner.rules.lint import lint

    found, problems = examine(files)
    errors = {problem_text(problem.place, problem.message, source=problem.source): None for problem in problems}
    warnings: dict[str, None] = {}
    for one in found:
        configuration = replace(one.resolved.configuration, rules=one.rules)
        failing = set()
        for failure in check_examples(configuration, clean_of):
            failing.add(failure.rule)
            wanted, got = brief(failure.expected), brief(failure.found)
            message = f"an example of `{failure.rule}` fails: expected {wanted}, found {got}"
            errors[problem_text(failure.example.place, message)] = None
        own = {rule.name for rule in one.rules}
        for warning in lint(one.resolved, clean_of, changes_of):
            if warning.name == "shadowed" and warning.rule in failing:
                continue  # it fails alone already, so that no other rule is to blame
            if warning.place.file in one.files or warning.rule in own:
                warnings[problem_text(warning.place, warning.message, name=warning.name)] = None
    for text in [*errors, *warnings]:
        click.echo(text)
    examined = [rule for one in found for rule in one.rules]
    examples = {example.place for rule in examined for example in rule.examples}
    counts = [plural(len({rule.place for rule in examined}), "rule"), plural(len(examples), "example")]
    outcome = [plural(len(errors), "error"), plural(len(warnings), "warning")]
    click.echo(f"{', '.join(counts)}: {', '.join(outcome)}")
    return 2 if errors else 1 if warnings and strict else 0


def brief(text: str) -> str:
    """Return a text in quotes, cut short."""
    return repr(clip(text, 60)) if text else "nothing"


# ------------------------------------------------------------------ test


@rules.command(short_help="Run the examples of rules.")
@files_argument
@click.option("--rule", "wanted", metavar="ID", multiple=True, help="Only this rule; may be given several times.")
@color_option
def test(files: tuple[str, ...], wanted: tuple[str, ...], color: str) -> int:
    """Run the examples of packs and configurations; without FILE, of all shipped packs.

    Each rule runs alone. For an example that fails, the difference is shown between what was expected (-)
    and what came out (+); where blanks and line ends differ, they are visible: · a blank, → a tab, ⏎ a
    line end. Of a configuration, its own rules are tested, those of files that it extends, and those that it
    overrides.

    Exit codes: 0 all hold, 1 an example fails, 2 the rules cannot be read.

    \b
    Examples:
      cleaner rules test
      cleaner rules test cleaner.yaml
      cleaner rules test --rule social/share-label
    """  # noqa: D301 - click needs the control character
    from cleaner.cli.failures import failure_lines
    from cleaner.engine import clean_of
    from cleaner.rules import RuleError
    from cleaner.rules.examples import check_examples

    start = time.perf_counter()
    found, problems = examine(files)
    if problems:
        raise RuleError(problems)
    chosen = [(one, rule) for one in found for rule in pick(one.rules, wanted)]
    if wanted:
        every = [rule for one in found for rule in one.rules]
        for name in wanted:
            if not pick(every, (name,)):
                raise click.UsageError(unknown_rule(name, [rule.name for rule in every]))
    failures = [
        failure
        for one, rule in chosen
        for failure in check_examples(replace(one.resolved.configuration, rules=(rule,)), clean_of)
    ]
    plain = is_plain(color)
    for failure in failures:
        for line in failure_lines(failure, plain):
            click.echo(line, color=not plain)
        click.echo()
    count = sum(len(rule.examples) for _, rule in chosen)
    ran = f"{plural(count, 'example')} of {plural(len(chosen), 'rule')} in {time.perf_counter() - start:.1f} s"
    click.echo(f"{ran}: {f'{len(failures):,} failed' if failures else 'all hold'}")
    return 1 if failures else 0


# ------------------------------------------------------------------ list


@rules.command("list", short_help="List rules.")
@pack_options
@click.option("--tag", help="Only rules with this tag.")
@click.option("--risk", type=click.Choice(["safe", "likely", "risky"]), help="Only rules of this risk.")
@click.option(
    "--action",
    type=click.Choice(["drop", "replace", "fix", "keep", "flag"]),
    help="Only rules that do this.",
)
@click.option(
    "--unit",
    type=click.Choice(["line", "paragraph", "span", "document"]),
    help="Only rules that look at this.",
)
@language_option("Only rules that can hit in this language, e.g. fr.")
@click.option("--search", metavar="TEXT", help="Only rules with this text in their name, about, tags or phrases.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a list of objects.")
def list_rules(
    packs: tuple[str, ...],
    config: str | None,
    tag: str | None,
    risk: str | None,
    action: str | None,
    unit: str | None,
    language: str | None,
    search: str | None,
    as_json: bool,
) -> int:
    """List the rules of packs or a configuration, those that are off included.

    `earned` is the risk that follows from what a rule took of labelled text, with the number of different lines: too few
    say nothing. In a pipe each rule is one line; --json has more columns.

    \b
    Examples:
      cleaner rules list
      cleaner rules list --pack news --risk risky
      cleaner rules list --search 'read more' --language en
      cleaner rules list --config cleaner.yaml --json
    """  # noqa: D301 - click needs the control character
    resolved = resolved_of(config, packs)
    running = {rule.name for rule in resolved.configuration.rules}
    chosen = [
        rule
        for rule in resolved.rules
        if (tag is None or tag in rule.tags)
        and risk in (None, rule.risk)
        and action in (None, rule.action)
        and unit in (None, rule.unit)
        and (language is None or speaks(rule, language))
        and (search is None or any(search.casefold() in text.casefold() for text in texts_of(rule)))
    ]
    if as_json:
        import json

        described = [described_rule(rule, rule.name in running) for rule in chosen]
        click.echo(json.dumps(described, ensure_ascii=False, indent=2))
        return 0
    if not chosen:
        click.echo(f"none of the {len(resolved.rules):,} rules is like that", err=True)
        return 0
    rows = [
        (
            rule.name,
            rule.risk,
            earned_text(rule),
            rule.status if rule.name in running else f"{rule.status}, off",
            rule.unit,
            rule.action,
            shown(rule.about),
        )
        for rule in chosen
    ]
    print_table(("id", "risk", "earned", "status", "unit", "action", "about"), rows)
    return 0


def earned_text(rule: Rule) -> str:
    """Return the risk that a shipped rule earned, and on how many different lines; nothing where it was not measured."""
    from cleaner.rules.evidence import evidence_of

    found = evidence_of(rule)
    return "" if found is None else f"{found.earned or 'too few'} ({found.lines:,})"


def described_rule(rule: Rule, running: bool) -> dict[str, Any]:
    """Return what `rules list --json` tells of a rule."""
    from cleaner.rules.evidence import evidence_of

    found = evidence_of(rule)
    return {
        "id": rule.name,
        "about": rule.about,
        "risk": rule.risk,
        "measured": found
        and {"right": found.right, "lines": found.lines, "sites": found.sites, "earned": found.earned},
        "status": rule.status,
        "runs": running,
        "unit": rule.unit,
        "action": rule.action,
        "tags": list(rule.tags),
        "languages": list(rule.languages),
        "sites": list(rule.sites),
        "file": shown_path(rule.place.file),
        "line": rule.place.line,
    }


def speaks(rule: Rule, language: str) -> bool:
    """Say whether a rule can hit in documents of a language."""
    from cleaner.languages import primary_language

    spoken = primary_language(language)
    if rule.languages and spoken not in map(primary_language, rule.languages):
        return False
    languages = {primary_language(phrase.language) for phrase in phrases_of(rule)}
    return not languages or None in languages or spoken in languages


def phrases_of(rule: Rule) -> Iterator[Any]:
    """Yield the phrases in a rule's match."""
    from cleaner.rules.model import Phrase, inner_tests

    for one in inner_tests(rule.match):
        if isinstance(one.value, tuple):
            yield from (item for item in one.value if isinstance(item, Phrase))


def texts_of(rule: Rule) -> Iterator[str]:
    """Yield the texts in which a rule is searched for."""
    from cleaner.rules.model import inner_tests

    yield from (rule.name, rule.about, *rule.tags)
    yield from (phrase.text for phrase in phrases_of(rule))
    yield from (one.value for one in inner_tests(rule.match) if isinstance(one.value, str))


# ------------------------------------------------------------------ schema


@rules.command(short_help="Print the JSON Schema of packs.")
def schema() -> int:
    """Print the JSON Schema of packs and configurations, for editors that complete and check YAML.

    \b
    Example:
      cleaner rules schema > cleaner.schema.json
    """  # noqa: D301 - click needs the control character
    import json

    from cleaner.repair import operation_schemas
    from cleaner.rules.schema import json_schema

    click.echo(json.dumps(json_schema(operation_schemas()), ensure_ascii=False, indent=2))
    return 0


rules.add_command(show)
rules.add_command(trial, "try")

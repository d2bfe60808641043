"""Cleaning, and proving or undoing it: the commands `run`, `restore` and `verify`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from cleaner.cli.common import (
    check_folder,
    check_one_source,
    field_options,
    no_text,
    plural,
    print_table,
    resolved_of,
    rules_options,
    shown,
)

if TYPE_CHECKING:
    from cleaner.corpus.batch import Failure, Options, Step, Summary
    from cleaner.corpus.records import Fields
    from cleaner.engine import Cleaner
    from cleaner.rules.layers import Resolved

__all__ = ["jobs_option", "restore", "run", "verify"]

SHOWN_FAILURES = 100
SHOWN_SOURCES = 10
MALFORMED = (
    "what is malformed stays as it is, and OUT/_audit/rejected has it, too; behind # is the byte where it begins"
)


jobs_option = click.option(
    "-j", "--jobs", metavar="N", type=click.IntRange(min=1), help="Number of processes.  [default: one a core]"
)


@click.command(short_help="Clean files or folders.")
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=click.Path())
@click.option("-o", "--output", "out", metavar="OUT", type=click.Path(), help="Folder to write.")
@rules_options
@field_options
@jobs_option
@click.option("--quarantine", is_flag=True, help="Copy flagged documents, as they were, to OUT/_quarantine.")
@click.option("--dry-run", is_flag=True, help="Tell what would happen; write nothing.")
@click.option(
    "--sample",
    metavar="N",
    type=click.IntRange(min=1),
    help="Like --dry-run, on about N documents from all over the input.",
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["text", "jsonl"]),
    help="What standard input holds: one text (the default), or JSON Lines.",
)
@click.option("--summary", metavar="FILE", type=click.Path(dir_okay=False), help="Write the summary as JSON, too.")
@click.option("--profile", is_flag=True, help="Tell where the time went, and which rules took most of it.")
@click.option("-q", "--quiet", is_flag=True, help="Tell nothing but what went wrong.")
def run(
    inputs: tuple[str, ...],
    out: str | None,
    config: str | None,
    packs: tuple[str, ...],
    language: str | None,
    fields: Fields,
    jobs: int | None,
    quarantine: bool,
    dry_run: bool,
    sample: int | None,
    kind: str | None,
    summary: str | None,
    profile: bool,
    quiet: bool,
) -> int:
    """Clean files, or all files in folders, into the folder OUT.

    Text (.txt .text .md), JSON Lines (.jsonl .ndjson), CSV (.csv .tsv) and WET (.wet), each also as .gz or .zst;
    .json.gz and .json.zst with an object a line; .parquet. OUT gets a file of the same name for each input, and
    the record of every change in OUT/_audit. All else in a file stays as it is. Paths such as s3://bucket/folder
    work as well; INPUT - cleans standard input to standard output.

    With --quarantine, OUT/_quarantine has a file of the same name and format for each file in which a document
    is flagged, with just these documents, as they were; what is in OUT stays complete.

    The same command again goes on where a run stopped, takes up inputs that changed, and removes from OUT what came
    of inputs that are gone: other inputs want another OUT. What cannot be read or cleaned is kept as it is and
    reported. Rules that the configuration overrides are tested first:
    where an example no longer holds, nothing is cleaned.

    \b
    Examples:
      cleaner run articles/ -o clean/
      cleaner run shards/ -o clean/ --text-field content --jobs 8
      cleaner run articles/ --sample 1000 --config cleaner.yaml
      zcat a.jsonl.gz | cleaner run - --format jsonl > clean.jsonl
    """  # noqa: D301 - click needs the control character
    from cleaner.corpus import batch
    from cleaner.corpus.journal import is_begun
    from cleaner.engine import Cleaner

    piped = "-" in inputs
    if kind is not None and not piped:
        raise click.UsageError("--format is for standard input: that of a file is told by its suffix.")
    if piped and (len(inputs) > 1 or out is not None or dry_run or sample or quarantine or profile or summary):
        raise click.UsageError("- stands alone: standard input is cleaned to standard output.")
    check_folder("--summary", summary)
    if not piped and out is None and not dry_run and not sample:
        raise click.UsageError("Missing option '-o' / '--output'.")
    check_summary(summary, inputs, out, config)
    options = batch.Options(fields, language, quarantine=quarantine)
    check_one_source(config, packs)
    if config:
        resolved = resolved_of(config, packs)
        if not overrides_hold(config, resolved):
            return 2
        cleaner = Cleaner.from_configuration(resolved.configuration)
    else:
        cleaner = Cleaner(*packs)
    if piped:
        if sys.stdin is None:
            raise click.UsageError("standard input is closed.")
        return clean_pipe(cleaner, kind, options)
    with progress(quiet) as on_progress:
        if out is None or dry_run or sample:
            done = batch.rehearse(
                cleaner, inputs, on_progress, options=options, jobs=jobs, sample=sample, profile=profile, out=out
            )
        else:
            note = None if quiet else lambda message: click.echo(shown(message), err=True)
            try:
                done = batch.run(
                    cleaner, inputs, out, on_progress, options=options, jobs=jobs, on_note=note, profile=profile
                )
            except (KeyboardInterrupt, OSError) as error:
                if is_begun(out):
                    click.echo(f"{shown(out)} is not finished; the same command goes on with it", err=True)
                if isinstance(error, OSError) and error.errno and not error.filename:
                    raise OSError(error.errno, error.strerror, out) from None  # what writes does not know where
                raise
    try:
        if summary is not None:
            write_summary(done, summary)
    finally:  # what went wrong must be told, whatever becomes of the summary
        print_outcome(done, fields, quiet=quiet)
        if profile:
            print_profile(done)
        print_textless(done, fields)
    return 1 if done.errors or not has_text(done) else 0


def clean_pipe(cleaner: Cleaner, kind: str | None, options: Options) -> int:
    """Clean standard input to standard output; return the exit code."""
    from cleaner.corpus import batch

    suffix = ".jsonl" if kind == "jsonl" else ".txt"
    done = batch.stream(cleaner, sys.stdin.buffer, sys.stdout.buffer, suffix, options)
    print_failures(done.failed, len(done.failed))
    hint_encoding({failure.flag for failure in done.failed}, options.fields)
    hint_fields(options.fields, done.known, done.texts)
    if done.without_text and not done.texts:
        click.echo(no_text(options.fields), err=True)
        return 1
    return 1 if done.failed else 0


def check_summary(summary: str | None, inputs: Sequence[str], out: str | None, config: str | None) -> None:
    """Raise `click.UsageError` where the summary would overwrite what is read, or stand where only the run writes."""
    import os

    if summary is None:
        return
    path = os.path.realpath(summary)
    for other in (*inputs, out, config):
        if other is None or "://" in other:
            continue
        place = os.path.realpath(other)
        if path == place or path.startswith(os.path.join(place, "")):
            where = "is" if path == place else "is in"
            raise click.UsageError(f"--summary: {shown(summary)} {where} {shown(other)}; choose another place.")
        if os.path.exists(path) and os.path.exists(place) and os.path.samefile(path, place):
            raise click.UsageError(f"--summary: {shown(summary)} is {shown(other)}; choose another place.")


def write_summary(done: Summary, path: str) -> None:
    """Write a summary as JSON. Raises `OSError`, with the path."""
    import json

    from cleaner.corpus.store import named

    content = json.dumps(done.as_json(), indent=1)
    with named(path), open(path, "w", encoding="utf-8") as handle:
        handle.write(content + "\n")


def print_outcome(done: Summary, fields: Fields, *, quiet: bool) -> None:
    """Print how a run went, and what the user should know of it."""
    print_failures(done.failed, done.errors)
    if "malformed" in done.flags:
        click.echo(MALFORMED, err=True)
    hint_encoding(done.flags, fields)
    hint_fields(fields, done.known, done.documents)
    if not quiet:
        for skip in done.skipped:
            if not skip.error:
                click.echo(f"{shown(skip.path)}: skipped: {shown(skip.reason)}", err=True)
        print_summary(done)


def has_text(done: Summary) -> bool:
    """Tell whether a run found text, or at least no record without one."""
    return not done.without_text or done.documents != done.flags.get("malformed", 0)


def print_textless(done: Summary, fields: Fields) -> None:
    """Say where records have no text in the field that should hold it."""
    if not has_text(done):
        click.echo(no_text(fields), err=True)
        return
    for name in done.textless[:SHOWN_FAILURES]:
        click.echo(f"{shown(name)}: no record has text in `{shown(fields.text)}`", err=True)
    if done.without_text:
        records = plural(done.without_text, "record")
        click.echo(f"{records} without text in `{shown(fields.text)}`, copied as they are", err=True)


def print_failures(failed: Sequence[Failure], errors: int) -> None:
    """Print what went wrong, a line each."""
    for failure in failed[:SHOWN_FAILURES]:
        click.echo(f"{shown(failure.document)}: {failure.flag}: {shown(failure.detail)}", err=True)
    if errors > SHOWN_FAILURES:
        click.echo(f"and {errors - SHOWN_FAILURES:,} more; the audit has them all", err=True)


def hint_encoding(flags: Container[str], fields: Fields) -> None:
    """Say what helps where texts are not UTF-8 and no encoding was given."""
    if "undecodable" in flags and fields.encoding is None:
        from importlib.util import find_spec

        hint = "to read text that is not UTF-8, name its encoding with --encoding"
        if find_spec("charset_normalizer") is None:
            hint += ", or have it guessed: pip install 'cleaner[encodings]'"
        click.echo(hint, err=True)


def hint_fields(fields: Fields, known: Mapping[str, int], documents: int) -> None:
    """Say which fields that were named no document has."""
    from cleaner.corpus.records import Fields

    for name in ("id", "url", "language"):
        field = getattr(fields, name)
        if documents and not known.get(name) and field != getattr(Fields(), name):
            click.echo(f"no document has `{shown(field)}`, which --{name}-field names", err=True)


def overrides_hold(config: str, resolved: Resolved) -> bool:
    """Run the examples of the rules that a configuration overrides; show those that fail."""
    from dataclasses import replace

    from cleaner.cli.failures import changed_rules, failure_lines
    from cleaner.engine import clean_of
    from cleaner.rules.examples import check_examples

    changed = changed_rules(resolved)
    failures = check_examples(replace(resolved.configuration, rules=changed), clean_of)
    for failure in failures:
        click.echo("\n".join(failure_lines(failure, plain=True)), err=True)
    if failures:
        examples = plural(len(failures), "example")
        ending = "no longer holds" if len(failures) == 1 else "no longer hold"
        hint = "where the change is meant, give the rule `examples` of its own in the same override"
        click.echo(
            f"Error: {shown(config)} changes rules so that {examples} {ending}; nothing was cleaned; {hint}.", err=True
        )
    return not failures


@contextmanager
def progress(quiet: bool) -> Iterator[Callable[[Step], None] | None]:
    """Give a function that shows progress on standard error: a bar in a terminal, else a line per tenth."""
    if quiet:
        yield None
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (BarColumn(), DownloadColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=None)
            yield lambda step: bar.update(task, completed=step.bytes, total=step.total_bytes, description=speed(step))
    else:
        tenths = 0
        last: Step | None = None

        def print_line(step: Step, now: int) -> None:
            click.echo(f"{now * 10}%: {step.files:,} of {step.total_files:,} files done, {speed(step)}", err=True)

        def print_tenth(step: Step) -> None:
            nonlocal tenths, last
            last = step
            now = step.bytes * 10 // step.total_bytes if step.total_bytes else 10
            if tenths < now < 10:  # all bytes may be read before the last file is done
                tenths = now
                print_line(step, now)

        yield print_tenth
        if last is not None:
            print_line(last, 10)


def speed(step: Step) -> str:
    """Return how fast it goes, and how much is removed, in a few words."""
    seconds = max(step.seconds, 1e-3)
    removed = (step.chars - step.clean_chars) / step.chars if step.chars else 0.0
    megabytes = (step.bytes - step.reused) / 1e6 / seconds
    documents = step.documents - step.reused_documents
    return f"{documents / seconds:,.0f} docs/s, {megabytes:.1f} MB/s, {removed:.1%} removed"


def print_summary(summary: Summary) -> None:
    """Print what a run did, as tables."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = 120
    removed = summary.chars - summary.clean_chars
    share = removed / summary.chars if summary.chars else 0.0
    total = Table(box=None, show_header=False, pad_edge=False)
    total.add_column()
    total.add_column(justify="right")
    of_input = summary.audit_bytes / summary.bytes if summary.bytes else 0.0
    audit = f"{summary.audit_bytes:,} bytes ({of_input:.1%} of the input, {summary.audit_time:.0%} of the time)"
    for label, value in (
        ("documents", f"{summary.documents:,}"),
        ("changed", f"{summary.changed:,}"),
        ("characters", f"{summary.chars:,}"),
        ("removed", f"{removed:,} ({share:.1%})"),
        ("audit", audit),
        ("skipped files", f"{len(summary.skipped):,}"),
        *((("records without text", f"{summary.without_text:,}"),) if summary.without_text else ()),
        *((f"flagged {flag}", f"{count:,}") for flag, count in summary.flags.items()),
    ):
        total.add_row(Text(label), Text(value))
    console.print(total)
    if summary.rules:
        rules = Table(box=box.SIMPLE, pad_edge=False)
        rules.add_column("rule", overflow="fold")
        rules.add_column("hits", justify="right")
        rules.add_column("removed", justify="right")
        for name, tally in sorted(summary.rules.items(), key=lambda item: (-item[1].hits, item[0])):
            rules.add_row(Text(shown(name)), Text(f"{tally.hits:,}"), Text(f"{tally.removed:,}"))
        console.print(rules)
    if len(summary.sources) > 1:
        sources = Table(box=box.SIMPLE, pad_edge=False)
        sources.add_column("source", overflow="fold")
        for column in ("documents", "characters", "removed"):
            sources.add_column(column, justify="right")
        for name, (documents, chars, gone) in list(summary.sources.items())[:SHOWN_SOURCES]:
            source = Text(shown(name) or "(others)")
            sources.add_row(source, Text(f"{documents:,}"), Text(f"{chars:,}"), Text(f"{gone:,}"))
        console.print(sources)


def print_profile(summary: Summary) -> None:
    """Print where the time of all workers went."""
    total = sum(summary.stages.values())
    if not total:
        click.echo("nothing was cleaned, so no time was spent")
        return
    for head, spent in (("stage", summary.stages), ("rule", summary.slow_rules)):
        rows = [[shown(name), f"{seconds:,.2f}", f"{seconds / total:.1%}"] for name, seconds in spent.items()]
        print_table([head, "seconds", "share"], rows, right=(1, 2))


# ------------------------------------------------------------------ restore, verify


@click.command(short_help="Rebuild the originals of a run.")
@click.argument("out", metavar="OUT", type=click.Path())
@click.option("-o", "--output", "to", metavar="DIR", required=True, type=click.Path(), help="Folder to write.")
@jobs_option
def restore(out: str, to: str, jobs: int | None) -> int:
    """Rebuild the originals of a run from its clean files and its audit, byte for byte.

    Files of several documents get their original texts back; what stands around them never changed. DIR must
    be new or empty. Every document is proved to be the original before it is written.

    \b
    Example:
      cleaner restore clean/ -o originals/
    """  # noqa: D301 - click needs the control character
    from cleaner.corpus import batch

    return report(batch.restore(out, to, jobs=jobs))


@click.command(short_help="Check every invariant on a finished run.")
@click.argument("out", metavar="OUT", type=click.Path())
@click.argument("originals", metavar="[INPUT]...", nargs=-1, type=click.Path())
@jobs_option
def verify(out: str, originals: tuple[str, ...], jobs: int | None) -> int:
    """Check every invariant on a finished run.

    Every row of the audit is sound, every file has its rows, clean files and edits give the originals,
    and nothing changed without an edit. With INPUT, what was cleaned is compared with it. Each problem is
    one line that names the document and, where one is at fault, the edit.

    \b
    Examples:
      cleaner verify clean/
      cleaner verify clean/ articles/
    """  # noqa: D301 - click needs the control character
    from cleaner.corpus import batch

    problems = batch.verify(out, originals, jobs=jobs)
    if not problems:
        click.echo("every invariant holds")
    return report(problems)


def report(problems: Sequence[str]) -> int:
    """Print problems, a line each, and return the exit code."""
    for problem in problems:
        click.echo(shown(problem))
    return 1 if problems else 0

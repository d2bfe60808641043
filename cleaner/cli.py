"""The command line. What is slow to import is imported by the command that needs it."""

from __future__ import annotations

import os
import sys
import unicodedata
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cleaner import __version__

if TYPE_CHECKING:
    from cleaner.corpus.batch import Step, Summary
    from cleaner.edits import Edit
    from cleaner.engine import Cleaner, Result
    from cleaner.text import Lines

__all__ = ["app", "main", "shown"]

EXIT_CODES = """\b
Exit codes:
  0    done
  1    done, but documents failed or were flagged with an error
  2    wrong usage or configuration; nothing was written
  130  interrupted"""

Command = TypeVar("Command", bound=Callable[..., Any])


class Tidy(click.Group):
    """A group that lists its commands in the order in which they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=Tidy, context_settings={"help_option_names": ["-h", "--help"]}, epilog=EXIT_CODES)
@click.version_option(__version__, package_name="cleaner", message="%(prog)s %(version)s")
def app() -> None:
    """Remove the leftovers of web pages from extracted text.

    Share buttons, related links, newsletter prompts, repeated lines, broken characters: whatever is
    removed or repaired stands in an audit, with the rule that did it, and can be put back.

    \b
    Examples:
      cleaner diff articles/              see what would change
      cleaner run articles/ -o clean/     clean a folder
      cleaner verify clean/ articles/     prove that nothing else changed
      cleaner restore clean/ -o again/    get the originals back
    """  # noqa: D301 - click needs the control character


def rules_options(command: Command) -> Command:
    """Add the options that choose the rules."""
    for option in (
        click.option(
            "--language", metavar="TAG", help="Language that all documents are known to be in, e.g. en."
        ),
        click.option(
            "--pack",
            "packs",
            metavar="NAME",
            multiple=True,
            help="Pack of rules to use; may be given several times.  [default: default]",
        ),
        click.option(
            "--config",
            type=click.Path(exists=True, dir_okay=False),
            metavar="FILE",
            help="Configuration (YAML) to use in place of packs.",
        ),
    ):
        command = option(command)
    return command


def load_cleaner(config: str | None, packs: Sequence[str]) -> Cleaner:
    """Return the cleaner that the options ask for."""
    if config and packs:
        raise click.UsageError(
            "--config and --pack exclude each other: a configuration names its packs itself."
        )
    from cleaner.engine import Cleaner

    return Cleaner.from_file(config) if config else Cleaner(*packs)


# ------------------------------------------------------------------ run


@app.command(short_help="Clean files or folders.")
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=click.Path())
@click.option(
    "-o", "--output", "out", metavar="OUT", required=True, type=click.Path(), help="Folder to write."
)
@rules_options
@click.option("-q", "--quiet", is_flag=True, help="Tell nothing but what went wrong.")
def run(
    inputs: tuple[str, ...],
    out: str,
    config: str | None,
    packs: tuple[str, ...],
    language: str | None,
    quiet: bool,
) -> int:
    """Clean text files, or all text files in folders, into the folder OUT.

    Text files are .txt, .text and .md, in UTF-8. OUT must be new or empty; it gets a file of the same
    name for each input, and the record of every change in OUT/_audit/audit.jsonl. A file that is not
    UTF-8 is copied as it is and reported.

    \b
    Examples:
      cleaner run articles/ -o clean/
      cleaner run a.txt b.md -o clean/ --pack news
      cleaner run articles/ -o clean/ --config cleaner.yaml --language en
    """  # noqa: D301 - click needs the control character
    from cleaner.corpus import batch

    cleaner = load_cleaner(config, packs)
    with progress(quiet) as on_progress:
        summary = batch.run(cleaner, inputs, out, on_progress, language=language)
    for failure in summary.failed:
        click.echo(f"{shown(failure.document)}: {failure.flag}: {shown(failure.detail)}", err=True)
    if not quiet:
        for skip in summary.skipped:
            if not skip.error:
                click.echo(f"{shown(skip.path)}: skipped: {shown(skip.reason)}", err=True)
        print_summary(summary)
    return 1 if summary.failed else 0


@contextmanager
def progress(quiet: bool) -> Iterator[Callable[[Step], None] | None]:
    """Give a function that shows progress on standard error: a bar in a terminal, else a line per tenth."""
    if quiet:
        yield None
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

        columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=None)
            yield lambda step: bar.update(task, completed=step.bytes, total=step.total_bytes)
    else:
        tenths = 0

        def print_line(step: Step) -> None:
            nonlocal tenths
            now = step.documents * 10 // step.total_documents
            if now > tenths:
                tenths = now
                click.echo(f"{step.documents} of {step.total_documents} files done", err=True)

        yield print_line


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
    for label, value in (
        ("documents", f"{summary.documents:,}"),
        ("changed", f"{summary.changed:,}"),
        ("characters", f"{summary.chars:,}"),
        ("removed", f"{removed:,} ({share:.1%})"),
        ("skipped files", f"{len(summary.skipped):,}"),
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


# ------------------------------------------------------------------ diff


@app.command(short_help="Show what would change; write nothing.")
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=click.Path())
@rules_options
@click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Colours; auto means in a terminal, unless NO_COLOR is set.",
)
def diff(
    inputs: tuple[str, ...], config: str | None, packs: tuple[str, ...], language: str | None, color: str
) -> int:
    """Show what would change in text files, or all text files in folders; write nothing.

    Lines that go begin with "-", what a line becomes begins with "+"; the rules follow in brackets.
    Invisible characters are shown as escapes.

    \b
    Examples:
      cleaner diff article.txt
      cleaner diff articles/ --pack news | less
    """  # noqa: D301 - click needs the control character
    from cleaner.corpus.files import decode, find

    found = find(inputs)
    cleaner = load_cleaner(config, packs)
    plain = color == "never" or (color == "auto" and (bool(os.environ.get("NO_COLOR")) or not is_terminal()))
    failed = False
    for skip in found.skipped:
        failed |= skip.error
        click.echo(f"{shown(skip.path)}: skipped: {shown(skip.reason)}", err=True)
    for source in found.sources:
        try:
            with open(source.path, "rb") as handle:
                result = cleaner(decode(handle.read()), language=language)
        except UnicodeDecodeError as error:
            click.echo(f"{shown(source.path)}: undecodable: not UTF-8 at byte {error.start}", err=True)
            failed = True
        except Exception as error:
            click.echo(f"{shown(source.path)}: failed: {shown(str(error))}", err=True)
            failed = True
        else:
            for flag in result.flags:
                failed |= flag.error
                click.echo(f"{shown(source.path)}: {flag.name}: {shown(flag.detail)}", err=True)
            if result.edits:
                text = "\n".join(diff_lines(source.path, result, plain))
                click.echo(text, color=not plain)
    return 1 if failed else 0


def is_terminal() -> bool:
    """Say whether standard output is a terminal that knows colours."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


@dataclass(frozen=True, slots=True)
class Shown:
    """A line of a diff: its sign, text, line number from 1, rules, and the stretches of `text` to colour."""

    sign: str
    text: str
    number: int
    rules: tuple[str, ...] = ()
    marks: tuple[tuple[int, int, str], ...] = ()


def diff_lines(path: str, result: Result, plain: bool) -> Iterator[str]:
    """Yield the lines that show what happened to one document."""
    removed = len(result.original) - len(result.text)
    edits = "1 edit" if len(result.edits) == 1 else f"{len(result.edits)} edits"
    header = f"--- {shown(path)}: {edits}, {removed:,} of {len(result.original):,} characters removed"
    yield header if plain else click.style(header, bold=True)
    lines = compare(result)
    near = {place + by for place, line in enumerate(lines) if line.sign != " " for by in (-1, 0, 1)}
    previous = -2
    for place, line in enumerate(lines):
        if place not in near:
            continue
        if place != previous + 1:
            yield (
                f"@@ line {line.number} @@" if plain else click.style(f"@@ line {line.number} @@", fg="cyan")
            )
        previous = place
        yield paint(line, plain)


COLOURS = ("red", "yellow", "magenta", "blue", "green", "bright_red", "bright_magenta", "bright_blue")


def colour_of(rule: str) -> str:
    """Return the colour of a rule, the same in every document."""
    return COLOURS[zlib.crc32(rule.encode("utf-8", "replace")) % len(COLOURS)]


def paint(line: Shown, plain: bool) -> str:
    """Return a line of a diff as it is printed."""
    if plain or line.sign == " ":
        rules = f"  [{', '.join(line.rules)}]" if line.rules else ""
        return f"{line.sign} {shown(line.text)}{shown(rules)}"
    main = colour_of(line.rules[-1]) if line.rules else None
    pieces = [click.style(line.sign, fg=main, bold=True), " "]
    position = 0
    for start, end, rule in line.marks:
        pieces.append(shown(line.text[position:start]))
        style = {"strikethrough": True} if line.sign == "-" else {"bold": True}
        pieces.append(click.style(shown(line.text[start:end]), fg=colour_of(rule), **style))
        position = max(position, end)
    pieces.append(shown(line.text[position:]))
    names = [click.style(shown(rule), fg=colour_of(rule)) for rule in line.rules]
    return "".join(pieces) + (f"  [{', '.join(names)}]" if names else "")


def compare(result: Result) -> list[Shown]:
    """Return all lines of a document: those that stay, those that go, and what comes in their place."""
    from cleaner.text import Lines

    old, new = Lines.of(result.original), Lines.of(result.text)
    lines = align(result, old, new, strict=False)
    if all(line.sign == " " for line in lines):
        # Only the end of the last line differs.
        lines = align(result, old, new, strict=True)
    return lines


def align(result: Result, old: Lines, new: Lines, *, strict: bool) -> list[Shown]:
    """Match each clean line with the original line it came from; if `strict`, so must their ends."""
    from cleaner.edits import invert

    pairs = zip(invert(result.edits), result.edits, strict=True)
    # What only took whole lines away says nothing about the lines that came.
    inverse = [back for back, edit in pairs if not _takes_whole_lines(edit, old)]
    lines: list[Shown] = []

    def flush(i: int, j: int) -> None:
        ends = old.texts[done_old:i] == new.texts[done_new:j]  # then only their ends differ: show them
        lines.extend(_side("-", old, at, result.original, result.edits, ends) for at in range(done_old, i))
        lines.extend(_side("+", new, at, result.text, inverse, ends) for at in range(done_new, j))

    done_old = done_new = 0
    for j, text in enumerate(new.texts):
        i = bisect_right(old.starts, result.to_original(new.starts[j])) - 1
        if not done_old <= i < len(old.texts) or old.texts[i] != text:
            continue
        old_end, new_end = (
            result.original[old.end(i) : old.starts[i + 1]],
            result.text[new.end(j) : new.starts[j + 1]],
        )
        if old_end != new_end and (strict or (old_end and new_end)):
            continue
        flush(i, j)
        lines.append(Shown(" ", text, i + 1))
        done_old, done_new = i + 1, j + 1
    flush(len(old.texts), len(new.texts))
    return lines


def _takes_whole_lines(edit: Edit, old: Lines) -> bool:
    """Say whether an edit only removes lines, from start to start or from end to end."""
    if edit.after:
        return False
    first = bisect_right(old.starts, edit.start) - 1
    last = bisect_right(old.starts, edit.end) - 1
    from_start = old.starts[first] == edit.start and old.starts[last] == edit.end
    return from_start or all(
        at < len(old.texts) and old.end(at) == offset
        for at, offset in ((first, edit.start), (last, edit.end))
    )


def _side(sign: str, lines: Lines, at: int, text: str, edits: Sequence[Edit], ends: bool) -> Shown:
    """Return line `at` of one side with the edits, in that side's coordinates, that touch it."""
    start, stop = lines.starts[at], lines.starts[at + 1]
    marks = []
    names: dict[str, None] = {}
    for place in range(bisect_left(edits, start, key=lambda edit: edit.end), len(edits)):
        edit = edits[place]
        if edit.start > stop:
            break
        if edit.start < edit.end and (edit.end <= start or edit.start >= stop):
            continue
        rules = [cause.rule for cause in edit.causes]
        names.update(dict.fromkeys(rules))
        if edit.start < edit.end:
            marks.append((max(0, edit.start - start), edit.end - start, rules[-1]))
    return Shown(sign, text[start:stop] if ends else lines.texts[at], at + 1, tuple(names), tuple(marks))


# ------------------------------------------------------------------ restore, verify


@app.command(short_help="Rebuild the originals of a run.")
@click.argument("out", metavar="OUT", type=click.Path())
@click.option(
    "-o", "--output", "to", metavar="DIR", required=True, type=click.Path(), help="Folder to write."
)
def restore(out: str, to: str) -> int:
    """Rebuild the originals of a run from its clean files and its audit, byte for byte.

    DIR must be new or empty. Every file is proved to be the original before it is written.

    \b
    Example:
      cleaner restore clean/ -o originals/
    """  # noqa: D301 - click needs the control character
    from cleaner.corpus import batch

    return report(batch.restore(out, to))


@app.command(short_help="Check every invariant on a finished run.")
@click.argument("out", metavar="OUT", type=click.Path())
@click.argument("originals", metavar="[INPUT]...", nargs=-1, type=click.Path())
def verify(out: str, originals: tuple[str, ...]) -> int:
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

    problems = batch.verify(out, originals)
    if not problems:
        click.echo("every invariant holds")
    return report(problems)


def report(problems: Sequence[str]) -> int:
    """Print problems, a line each, and return the exit code."""
    for problem in problems:
        click.echo(shown(problem))
    return 1 if problems else 0


# ------------------------------------------------------------------ what is printed


def shown(text: str, keep: str = "\t") -> str:
    r"""Return `text` safe for a terminal: what it could obey, or nobody could see, becomes an escape.

    >>> print(shown("a\x1b[2J\n\u202eb\udc80"))
    a\x1b[2J\n\u202eb\udc80
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character
        if character in keep or character in JOINERS or unicodedata.category(character) not in HIDDEN
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
JOINERS = "\u200c\u200d"  # they shape Persian, Indic scripts and emoji


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line with `arguments` (default: those of the process) and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A name or text that the terminal's encoding cannot say must not end the program.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = app.main(arguments, prog_name="cleaner", standalone_mode=False)
    except click.Abort:
        click.echo("interrupted", err=True)
        return 130
    except click.ClickException as error:
        error.show()
        return 2
    except SystemExit:
        return 141  # nobody reads on: what a program gets that a closed pipe stops
    except OSError as error:
        click.echo(f"Error: {shown(str(error))}", err=True)
        return 1
    except ValueError as error:
        from cleaner.corpus.files import InputError
        from cleaner.rules import RuleError

        if isinstance(error, RuleError):
            click.echo(shown(str(error), keep="\n\t"), err=True)
        elif isinstance(error, InputError):
            click.echo(f"Error: {shown(str(error))}", err=True)
        else:
            raise
        return 2
    return int(code or 0)


if __name__ == "__main__":
    sys.exit(main())

"""What the commands share: options, reading files, and putting text on a terminal or into a pipe."""

from __future__ import annotations

import functools
import os
import sys
import unicodedata
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cleaner.languages import TAG

if TYPE_CHECKING:
    from cleaner.corpus.files import Found
    from cleaner.corpus.records import Fields
    from cleaner.engine import Cleaner
    from cleaner.rules import Place, Problem, Rule
    from cleaner.rules.layers import Resolved

__all__ = [
    "Command",
    "Piece",
    "aligned",
    "check_folder",
    "check_one_source",
    "clip",
    "color_option",
    "colour_of",
    "documents",
    "field_options",
    "find_texts",
    "is_plain",
    "known_language",
    "language_option",
    "load_cleaner",
    "no_text",
    "pack_options",
    "page",
    "pick",
    "plural",
    "print_problems",
    "print_table",
    "problem_text",
    "resolved_of",
    "rules_options",
    "shown",
    "shown_path",
    "style",
    "unknown_rule",
    "width",
]

Command = TypeVar("Command", bound=Callable[..., Any])

# ------------------------------------------------------------------ options


def check_language(_context: click.Context, _option: click.Parameter, tag: str | None) -> str | None:
    """Raise `click.BadParameter` for what is no language tag: it would switch off every rule for a language."""
    if tag is not None and not TAG.fullmatch(tag):
        raise click.BadParameter(f"{tag!r} is not a tag such as en, pt-BR or eng_Latn.")
    return tag


def language_option(what: str) -> Callable[[Command], Command]:
    """Return the option `--language`; `what` is its help."""
    return click.option("--language", metavar="TAG", callback=check_language, help=what)


known_language = language_option("Language of the documents that do not say theirs, e.g. en.")


def rules_options(command: Command) -> Command:
    """Add the options that choose the rules."""
    for option in (known_language, *_PACK_OPTIONS):
        command = option(command)
    return command


def field_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how documents are read; the command gets them as `fields`."""

    @functools.wraps(command)
    def with_fields(
        *values: Any,
        text_field: str,
        id_field: str,
        url_field: str,
        language_field: str,
        encoding: str | None,
        **others: Any,
    ) -> Any:
        from cleaner.corpus.records import Fields

        fields = Fields(text_field, id_field, url_field, language_field, encoding)
        return command(*values, fields=fields, **others)

    for option in (
        click.option(
            "--encoding",
            metavar="NAME",
            callback=check_encoding,
            help="Encoding of plain text files that are not UTF-8, e.g. cp1252.",
        ),
        click.option(
            "--language-field", metavar="NAME", default="language", show_default=True, help="Field with the language."
        ),
        click.option("--url-field", metavar="NAME", default="url", show_default=True, help="Field with the address."),
        click.option(
            "--id-field", metavar="NAME", default="id", show_default=True, help="Field with the document's own id."
        ),
        click.option(
            "--text-field",
            metavar="NAME",
            default="text",
            show_default=True,
            help="Field or column with the text; a dot leads into a nested one.",
        ),
    ):
        with_fields = option(with_fields)
    return with_fields


def check_encoding(_context: click.Context, _option: click.Parameter, name: str | None) -> str | None:
    """Raise `click.BadParameter` for an encoding that Python does not know."""
    import codecs

    try:
        codecs.lookup(name or "utf-8")
    except LookupError:
        raise click.BadParameter(f"there is no encoding {name!r}.") from None
    return name


_PACK_OPTIONS = (
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
)


def pack_options(command: Command) -> Command:
    """Add the options that choose packs."""
    for option in _PACK_OPTIONS:
        command = option(command)
    return command


color_option = click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Colours; auto means in a terminal, unless NO_COLOR is set.",
)


def check_folder(option: str, path: str | None) -> None:
    """Raise `click.UsageError` where the file that an option names could not be written: there is no such folder."""
    if path is not None and not os.path.isdir(os.path.dirname(path) or "."):
        raise click.UsageError(f"{option}: there is no folder {shown(os.path.dirname(path))}.")


def check_one_source(config: str | None, packs: Sequence[str]) -> None:
    """Raise `click.UsageError` where both a configuration and packs are given."""
    if config and packs:
        raise click.UsageError("--config and --pack exclude each other: a configuration names its packs itself.")


def load_cleaner(config: str | None, packs: Sequence[str]) -> Cleaner:
    """Return the cleaner that the options ask for."""
    check_one_source(config, packs)
    from cleaner.engine import Cleaner

    if not config:
        return Cleaner(*packs)
    cleaner = Cleaner.from_file(config)
    check_rules(config, cleaner.configuration.rules)
    return cleaner


def resolved_of(config: str | None, packs: Sequence[str]) -> Resolved:
    """Return the rules that the options ask for, with what they were made from."""
    from cleaner.rules.layers import resolve, resolve_file

    check_one_source(config, packs)
    if not config:
        return resolve(packs or ("default",))
    resolved = resolve_file(config)
    check_rules(config, resolved.rules)
    return resolved


def check_rules(config: str, rules: Sequence[Rule]) -> None:
    """Raise `RuleError` for a configuration without rules, with which nothing would ever happen."""
    from cleaner.rules.problems import Place, Problem, RuleError

    if not rules:
        message = "there are no rules: write `extends: default`, say, for those that clean where none are named"
        raise RuleError([Problem(Place(config, 1, 1), message)])


def pick(every: Sequence[Rule], wanted: Sequence[str]) -> list[Rule]:
    """Return the rules that are called so, with or without their pack's name; all where none is named."""
    return [rule for rule in every if not wanted or rule.name in wanted or rule.id in wanted]


def unknown_rule(name: str, known: Sequence[str]) -> str:
    """Return the message about a rule that does not exist."""
    from cleaner.rules.problems import nearest

    hint = nearest(name, list(known)) or nearest(name, [full.partition("/")[2] for full in known])
    return f"there is no rule `{shown(name[:60])}`{hint}; see `cleaner rules list`."


# ------------------------------------------------------------------ reading


def find_texts(paths: Sequence[str]) -> tuple[Found, bool]:
    """Return the text files among and under `paths`, and whether one failed; say what is left out."""
    from cleaner.corpus.files import find

    found = find(paths)
    for skip in found.skipped:
        click.echo(f"{shown(skip.path)}: skipped: {shown(skip.reason)}", err=True)
    return found, any(skip.error for skip in found.skipped)


@dataclass(frozen=True, slots=True)
class Piece:
    """One document of a file, or the `problem` with reading it; `name` is safe to print, `place` as in the audit.

    Without `text` or `problem` it is a record that holds no document.
    """

    name: str
    text: str | None = None
    url: str | None = None
    language: str | None = None
    problem: str = ""
    id: str = ""
    place: int = 0


def no_text(fields: Fields) -> str:
    """Return the message that no record has text."""
    name = "name the field" if fields.text == type(fields)().text else "name another field"
    return f"no record has text in `{shown(fields.text)}`; {name} with --text-field"


def documents(path: str, fields: Fields) -> Iterator[Piece]:
    """Yield the documents of a file, in any format; one in a file of many is called `FILE#ID`."""
    from cleaner.corpus.formats import Input, format_of, lacks_text
    from cleaner.corpus.streams import split_name

    kind = format_of(path)
    try:
        with open(path, "rb") as handle:
            for record in kind.read(Input(handle, split_name(path)[1], fields)):
                called = record.id or str(record.place)
                name = shown(path) if kind.single else f"{shown(path)}#{shown(called)}"
                if record.is_document or lacks_text(record, kind):
                    yield Piece(name, record.text, record.url, record.language, record.problem, called, record.place)
    except (OSError, ValueError) as error:
        detail = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        yield Piece(shown(path), problem=shown(detail))


# ------------------------------------------------------------------ text that is safe to print

HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
JOINERS = "\u200c\u200d"  # they shape Persian, Indic scripts and emoji


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


def clip(text: str, longest: int) -> str:
    """Return `text` cut to `longest` characters, in the middle, where people look last.

    >>> clip("one two three four", 11)
    'one t… four'
    """
    if len(text) <= longest:
        return text
    tail = (longest - 1) // 2
    return f"{text[: longest - 1 - tail]}…{text[len(text) - tail :]}"


def plural(count: int, noun: str) -> str:
    """Return a count with its noun.

    >>> plural(1, "edit"), plural(1200, "edit"), plural(2, "match")
    ('1 edit', '1,200 edits', '2 matches')
    """
    ending = "" if count == 1 else "es" if noun.endswith(("ch", "s")) else "s"
    return f"{count:,} {noun}{ending}"


def shown_path(path: str) -> str:
    """Return a path as people would type it: from the working directory where it lies below it."""
    try:
        relative = os.path.relpath(path)
    except ValueError:  # another drive
        return shown(path)
    return shown(relative if os.path.isabs(path) and not relative.startswith("..") else path)


# ------------------------------------------------------------------ colours and pages

# Of the 256 colours, those that can be read on black and on white.
COLOURS = (
    27,
    28,
    33,
    35,
    37,
    61,
    64,
    67,
    71,
    91,
    98,
    100,
    124,
    125,
    129,
    130,
    132,
    133,
    136,
    160,
    166,
    168,
    172,
    202,
)


def colour_of(rule: str) -> int:
    """Return the colour of a rule (of 256), the same in every document."""
    return COLOURS[zlib.crc32(rule.encode("utf-8", "replace")) % len(COLOURS)]


def is_plain(color: str) -> bool:
    """Say whether the option `--color` asks for text without colours."""
    return color == "never" or (color == "auto" and (bool(os.environ.get("NO_COLOR")) or not is_terminal()))


def is_terminal() -> bool:
    """Say whether standard output is a terminal that knows colours."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def style(text: str, plain: bool, **how: Any) -> str:
    """Return `text` in a style, or as it is."""
    return text if plain else click.style(text, **how)


def page(pieces: Iterable[str], plain: bool, pager: bool = True) -> None:
    """Print text, each piece a line or more; in a terminal by a pager, unless all fits on one screen."""
    if pager and sys.stdout.isatty() and sys.stdin.isatty() and os.environ.get("TERM") != "dumb":
        os.environ.setdefault("LESS", "FRX")
        click.echo_via_pager((f"{piece}\n" for piece in pieces), color=not plain)
        return
    for piece in pieces:
        click.echo(piece, color=not plain)


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> None:
    """Print rows under their heads: as wide as a terminal is, or, for `grep`, each on one line.

    `right` are the columns that stand at the right; cells must be safe to print.
    """
    if is_terminal():
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE, pad_edge=False)
        for number, head in enumerate(heads):
            table.add_column(head, overflow="fold", justify="right" if number in right else "left")
        for row in rows:
            table.add_row(*map(Text, row))
        Console(highlight=False, markup=False, emoji=False).print(table)
        return
    for line in aligned([heads, *rows], right):
        click.echo(line)


def aligned(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> Iterator[str]:
    """Yield rows as lines whose columns stand under one another."""
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            " " * (wide - width(cell)) + cell if number in right else cell + " " * (wide - width(cell))
            for number, (cell, wide) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def width(text: str) -> int:
    """Return how many columns a terminal needs for `text`."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


# ------------------------------------------------------------------ problems

_WIDEST = 100  # characters of an offending line


def print_problems(problems: Iterable[Problem]) -> None:
    """Print problems of packs on standard error, with the line that each one is about."""
    for problem in problems:
        click.echo(problem_text(problem.place, problem.message, source=problem.source), err=True)


def problem_text(place: Place, message: str, *, source: str = "", name: str = "") -> str:
    """Return a problem as it is printed: place, message, a warning's name, the offending line and a caret."""
    if not place.file:
        return f"Error: {shown(message)}"
    head = f"{shown_path(place.file)}:{place.line}:{place.column}: {shown(message)}"
    if name:
        head += f" [{name}]"
    line = source or line_of(place.file, place.line)
    if not line.strip():
        return head
    at = place.column - 1
    start = max(0, at - _WIDEST * 2 // 3) if len(line) > _WIDEST else 0
    before = shown(line[start:at], keep="").replace("\\t", " ")
    rest = shown(line[at : start + _WIDEST], keep="").replace("\\t", " ")
    before = f"…{before}" if start else before
    rest += "…" if start + _WIDEST < len(line) else ""
    return f"{head}\n    {before}{rest}\n    {' ' * width(before)}^"


def line_of(file: str, number: int) -> str:
    """Return a line of a file of rules, or nothing where it cannot be read."""
    lines = _lines(file)
    return lines[number - 1] if 0 < number <= len(lines) else ""


@cache
def _lines(file: str) -> tuple[str, ...]:
    try:
        with open(file, encoding="utf-8-sig", errors="replace") as handle:
            return tuple(handle.read().split("\n"))
    except OSError:
        return ()

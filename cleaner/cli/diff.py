"""What would change, line by line: the command `diff`."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from cleaner.cli.common import (
    aligned,
    color_option,
    colour_of,
    documents,
    field_options,
    find_texts,
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
    from cleaner.edits import Edit
    from cleaner.engine import Result
    from cleaner.text import Lines

__all__ = ["compare", "diff", "diff_lines"]


@click.command(short_help="Show what would change; write nothing.")
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=click.Path())
@rules_options
@field_options
@click.option(
    "-U",
    "--unified",
    "around",
    metavar="N",
    type=click.IntRange(0),
    default=1,
    show_default=True,
    help="Unchanged lines to show around each change.",
)
@color_option
@click.option("--no-pager", is_flag=True, help="Print straight to the terminal.")
def diff(
    inputs: tuple[str, ...],
    config: str | None,
    packs: tuple[str, ...],
    language: str | None,
    fields: Fields,
    around: int,
    color: str,
    no_pager: bool,
) -> int:
    """Show what would change in files, or in all files of folders; write nothing.

    Lines that go begin with "-", what a line becomes begins with "+"; the rules follow in brackets, each
    in a colour of its own. Invisible characters are shown as escapes. The last lines sum up what each rule
    would do. In a terminal the diff is shown by $PAGER (or less), in a pipe as it is.

    \b
    Examples:
      cleaner diff article.txt
      cleaner diff articles/ --pack news -U 3
      cleaner diff articles/ --config cleaner.yaml > changes.txt
    """  # noqa: D301 - click needs the control character
    found, failed = find_texts(inputs)
    cleaner = load_cleaner(config, packs)
    plain = is_plain(color)
    total = Total()
    problems: list[str] = []

    def pieces() -> Iterator[str]:
        for source in found.sources:
            for one in documents(source.path, fields):
                if one.problem:
                    problems.append(f"{one.name}: {one.problem}")
                    total.failed = True
                if one.text is None:
                    total.without_text += not one.problem
                    continue
                result = cleaner(one.text, url=one.url, language=stated_language(one.language, language))
                for flag in result.flags:
                    total.failed |= flag.error
                    problems.append(f"{one.name}: {flag.name}: {shown(flag.detail)}")
                total.add(result)
                if result.edits:
                    yield "\n".join(diff_lines(one.name, result, plain, around))
        yield "\n".join(total.lines(plain))

    page(pieces(), plain, pager=not no_pager)
    if total.without_text and not total.documents:
        problems.append(no_text(fields))
        total.failed = True
    # A pager owns the screen: what went wrong is told after it.
    for problem in problems:
        click.echo(problem, err=True)
    return 1 if failed or total.failed else 0


@dataclass(slots=True)
class Total:
    """What a whole diff comes to.

    `without_text` counts records that hold no document, `hits` the edits of each rule, `taken` the characters it removed.
    """

    documents: int = 0
    without_text: int = 0
    changed: int = 0
    edits: int = 0
    chars: int = 0
    removed: int = 0
    hits: Counter[str] = field(default_factory=Counter)
    taken: Counter[str] = field(default_factory=Counter)
    failed: bool = False

    def add(self, result: Result) -> None:
        """Count one document."""
        self.documents += 1
        self.changed += bool(result.edits)
        self.edits += len(result.edits)
        self.chars += len(result.original)
        self.removed += len(result.original) - len(result.text)
        for edit in result.edits:
            for rule in {cause.rule for cause in edit.causes}:
                self.hits[rule] += 1
            if edit.causes:
                self.taken[edit.causes[-1].rule] += len(edit.before) - len(edit.after)

    def lines(self, plain: bool) -> Iterator[str]:
        """Yield the lines that sum up."""
        share = self.removed / self.chars if self.chars else 0.0
        head = f"{self.changed:,} of {plural(self.documents, 'document')} would change"
        if self.changed:
            head += f": {plural(self.edits, 'edit')}, "
            head += f"{self.removed:,} of {plural(self.chars, 'character')} removed ({share:.1%})"
        yield style(f"=== {head}", plain, bold=True)
        rules = sorted(self.hits, key=lambda rule: (-self.hits[rule], rule))
        rows = [(f"    {shown(rule)}", f"{self.hits[rule]:,}", f"{self.taken[rule]:,}") for rule in rules]
        if rows:
            table = aligned([("    rule", "edits", "characters"), *rows], right=(1, 2))
            for rule, line in zip(["", *rules], table, strict=True):
                yield line if plain or not rule else style(line, plain, fg=colour_of(rule))


@dataclass(frozen=True, slots=True)
class Shown:
    """A line of a diff: its sign, text, line number from 1, rules, and the stretches of `text` to colour."""

    sign: str
    text: str
    number: int
    rules: tuple[str, ...] = ()
    marks: tuple[tuple[int, int, str], ...] = ()


def diff_lines(name: str, result: Result, plain: bool, around: int = 1) -> Iterator[str]:
    """Yield the lines that show what happened to one document; `around` is the number of unchanged ones."""
    removed = len(result.original) - len(result.text)
    edits = plural(len(result.edits), "edit")
    header = f"--- {name}: {edits}, {removed:,} of {len(result.original):,} characters removed"
    yield style(header, plain, bold=True)
    lines = compare(result)
    near = bytearray(len(lines))
    for place, line in enumerate(lines):
        if line.sign != " ":
            low = max(0, place - around)
            near[low : place + around + 1] = b"\1" * len(near[low : place + around + 1])
    previous = -2
    for place, line in enumerate(lines):
        if not near[place]:
            continue
        if place != previous + 1:
            yield style(f"@@ line {line.number} @@", plain, fg="cyan")
        previous = place
        yield paint(line, plain)


def paint(line: Shown, plain: bool) -> str:
    """Return a line of a diff as it is printed."""
    if plain or line.sign == " ":
        rules = f"  [{', '.join(line.rules)}]" if line.rules else ""
        return f"{line.sign} {shown(line.text)}{shown(rules)}"
    main = colour_of(line.rules[-1]) if line.rules else None
    pieces = [style(line.sign, plain, fg=main, bold=True), " "]
    position = 0
    for start, end, rule in line.marks:
        pieces.append(shown(line.text[position:start]))
        how = {"strikethrough": True} if line.sign == "-" else {"bold": True}
        pieces.append(style(shown(line.text[start:end]), plain, fg=colour_of(rule), **how))
        position = max(position, end)
    pieces.append(shown(line.text[position:]))
    names = [style(shown(rule), plain, fg=colour_of(rule)) for rule in line.rules]
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
        at < len(old.texts) and old.end(at) == offset for at, offset in ((first, edit.start), (last, edit.end))
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

"""Examples that fail, shown as differences between what was expected and what came out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from cleaner.cli.common import shown, shown_path, style

if TYPE_CHECKING:
    from cleaner.rules import Rule
    from cleaner.rules.examples import Failure
    from cleaner.rules.layers import Resolved

__all__ = ["changed_rules", "difference", "failure_lines"]

_CONTEXT = 2  # equal lines beside a difference
_MARKS = {" ": "·", "\t": "→", "\n": "⏎", "\r": "␍", "\u00a0": "⍽"}
_KINDS = {
    "drop": "should remove this whole text",
    "keep": "should leave this text as it is",
    "change": "should make `out` of `in`",
    "flag": "should flag this text",
}


def changed_rules(resolved: Resolved) -> tuple[Rule, ...]:
    """Return the rules that run and that a configuration overrides, for a site or for all, ready to test."""
    written: dict[str, Rule] = {rule.name: rule for rule in resolved.rules}
    changed = [
        rule
        for rule in resolved.configuration.rules
        if rule.name in resolved.changed or replace(rule, except_sites=()) != written.get(rule.name)
    ]
    # A variant for one site is proved by examples that name none.
    return tuple(replace(rule, sites=(), except_sites=()) for rule in changed)


def failure_lines(failure: Failure, plain: bool) -> Iterator[str]:
    """Yield the lines that show one failing example: its place, what it says, and the difference."""
    place, example = failure.example.place, failure.example
    known = {"language": example.language, "site": example.site}
    given = "".join(f", {key} {shown(value)}" for key, value in known.items() if value)
    head = f"{shown_path(place.file)}:{place.line}:{place.column}:"
    yield f"{style(head, plain, bold=True)} {failure.rule} {_KINDS[example.kind]}{given}"
    yield f"    {style('- expected', plain, fg='green')}  {style('+ found', plain, fg='red')}"
    for line in difference(failure.expected, failure.found, plain):
        yield f"    {line}"


def difference(expected: str, found: str, plain: bool = True) -> list[str]:
    r"""Return a line diff of two texts; blanks and line ends that differ are made visible.

    >>> difference("He left.\nShe stayed.", "He left. \nShe stayed.\n")
    ['- He left.', '+ He left.·', '- She stayed.', '+ She stayed.⏎']
    """
    old, new = expected.splitlines(keepends=True), found.splitlines(keepends=True)
    lines: list[str] = []
    blocks = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    for number, (what, low, high, other_low, other_high) in enumerate(blocks):
        if what == "equal":
            lines.extend(_context(old[low:high], before=number > 0, after=number + 1 < len(blocks)))
        elif high - low == other_high - other_low:
            for left, right in zip(old[low:high], new[other_low:other_high], strict=True):
                lines.extend(_both([left], [right], plain))
        else:
            lines.extend(_both(old[low:high], new[other_low:other_high], plain))
    if not expected or not found:
        sign, colour = ("- ", "green") if not expected else ("+ ", "red")
        nothing = style(f"{sign}(nothing)", plain, fg=colour)
        return [nothing, *lines] if not expected else [*lines, nothing]
    return lines


def _context(lines: list[str], *, before: bool, after: bool) -> list[str]:
    """Return equal lines without the middle of long stretches; differences come `before` or `after` it."""
    head, tail = (_CONTEXT if before else 0), (_CONTEXT if after else 0)
    shown_lines = [f"  {shown(_body(line))}" for line in lines]
    if len(lines) <= head + tail:
        return shown_lines
    return [
        *shown_lines[:head],
        f"  ({len(lines) - head - tail} equal lines)",
        *shown_lines[len(lines) - tail :],
    ]


def _both(old: list[str], new: list[str], plain: bool) -> list[str]:
    """Return the lines of one difference, with what differs in them marked."""
    left, right = "".join(old), "".join(new)
    differs = [bytearray(len(left)), bytearray(len(right))]
    for what, low, high, other_low, other_high in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if what != "equal":
            differs[0][low:high] = b"\1" * (high - low)
            differs[1][other_low:other_high] = b"\1" * (other_high - other_low)
    return [
        *_marked("-", old, differs[0], plain, "green"),
        *_marked("+", new, differs[1], plain, "red"),
    ]


def _marked(sign: str, lines: list[str], differs: bytearray, plain: bool, colour: str) -> Iterator[str]:
    position = 0
    for line in lines:
        flags = differs[position : position + len(line)]
        position += len(line)
        # A line that is wholly new needs no marks inside, only at its end.
        whole = all(flags)
        pieces = [style(f"{sign} ", plain, fg=colour)]
        start = 0
        while start < len(line):
            end = start
            while end < len(line) and flags[end] == flags[start]:
                end += 1
            piece = line[start:end]
            if not flags[start]:
                pieces.append(shown(_body(piece)))
            elif whole:
                body = piece.rstrip()
                pieces.append(style(shown(body) + _visible(_body(piece[len(body) :])), plain, fg=colour))
            else:
                pieces.append(style(_visible(piece), plain, fg=colour, bold=True, underline=True))
            start = end
        yield "".join(pieces)


def _body(line: str) -> str:
    """Return a line without its end."""
    return line.rstrip("\r\n")


def _visible(piece: str) -> str:
    """Return a stretch that differs, its blanks visible where they are all of it or stand at its ends."""
    body = piece.strip()
    at = piece.index(body) if body else len(piece)
    ends = [piece[:at], piece[at + len(body) :]]
    return shown(body).join("".join(_MARKS.get(character, shown(character)) for character in end) for end in ends)

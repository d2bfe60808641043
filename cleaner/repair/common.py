"""What the operations share: the replacements they give back, quick scans of a text, and fenced code, which most leave alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any

from cleaner.text import Lines

__all__ = ["Replacement", "code_points", "compile_re", "fences", "found", "lines_with", "outside"]


@dataclass(frozen=True, slots=True)
class Replacement:
    """What comes in place of ``[start, end)`` of a text (code points), nothing where it is removed.

    `evidence` says why, in values that JSON can hold.
    """

    start: int
    end: int
    after: str
    evidence: Mapping[str, object]


# Scanning. RE2 runs over UTF-8 bytes at several hundred MB/s, Python's own `re` over a `str` at 10 to 100.


@cache
def _re2() -> Any:
    try:
        import re2
    except ImportError:  # no wheel for this platform: slower, the same results
        return None
    return re2


@cache
def _compile_re2(pattern: str) -> Any:
    re2 = _re2()
    options = re2.Options()
    options.max_mem = 64 << 20  # the default of 8 MB makes the larger classes fall out of its fast path
    options.log_errors = False
    return re2.compile(pattern, options)


@cache
def compile_re(pattern: str) -> re.Pattern[str]:
    """Return a pattern compiled by Python's own `re`, each one once."""
    return re.compile(pattern)


def found(pattern: str, lines: Lines) -> bool:
    """Whether `pattern`, which must mean the same to RE2 and `re`, is found in a text."""
    if _re2() is None:
        return compile_re(pattern).search(lines.text) is not None
    return _compile_re2(pattern).search(lines.data) is not None


def lines_with(pattern: str, lines: Lines) -> Iterator[tuple[int, int]]:
    """Start and end of each non-empty line that a match of `pattern` touches, without line ends."""
    text = lines.text
    data: Any = text if _re2() is None else lines.data
    compiled = compile_re(pattern) if _re2() is None else _compile_re2(pattern)
    line_end: Any = re.compile(r"[\r\n]" if _re2() is None else rb"[\r\n]")
    cr, lf = ("\r", "\n") if _re2() is None else (b"\r", b"\n")
    wide = len(data) != len(text)
    done = offset = 0  # in `data`, and the same place in `text`
    while match := compiled.search(data, done):
        first = max(data.rfind(cr, done, match.start()), data.rfind(lf, done, match.start())) + 1 or done
        after = line_end.search(data, match.end())
        last = after.start() if after else len(data)
        start = offset + (len(data[done:first].decode("utf-8", "surrogatepass")) if wide else first - done)
        end = start + (len(data[first:last].decode("utf-8", "surrogatepass")) if wide else last - first)
        for line in compile_re(r"[^\r\n]+").finditer(text, start, end):
            yield line.span()
        done, offset = last, end
        if done >= len(data):
            return


_FENCE = re.compile(r"(`{3,}|~{3,})([^\r\n]*)")


def fences(text: str) -> list[tuple[int, int]]:
    """Start and end of each fenced code block with its fences, as CommonMark 0.31 section 4.5 has them.

    An unclosed block reaches to the end of the text.
    """
    if "```" not in text and "~~~" not in text:
        return []
    blocks: list[tuple[int, int]] = []
    opened, fence = 0, ""
    for match in _FENCE.finditer(text):
        start = match.start()
        while start > 0 and match.start() - start < 4 and text[start - 1] == " ":
            start -= 1
        if match.start() - start > 3 or (start > 0 and text[start - 1] not in "\r\n"):
            continue
        marks, rest = match.groups()
        if not fence:
            if marks[0] == "~" or "`" not in rest:
                opened, fence = start, marks
        elif marks[0] == fence[0] and len(marks) >= len(fence) and not rest.strip(" \t"):
            blocks.append((opened, match.end()))
            fence = ""
    if fence:
        blocks.append((opened, len(text)))
    return blocks


def outside(spans: Iterator[tuple[int, int]], blocks: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Those of the sorted `spans` that touch none of the sorted `blocks`."""
    at = 0
    for start, end in spans:
        while at < len(blocks) and blocks[at][1] <= start:
            at += 1
        if at == len(blocks) or end <= blocks[at][0]:
            yield start, end


def code_points(text: str) -> list[str]:
    """The distinct characters of a stretch, at most eight, as `U+200B`."""
    return [f"U+{ord(character):04X}" for character in islice(dict.fromkeys(text), 8)]

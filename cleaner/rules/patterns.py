"""Patterns of the rule language, compiled; and templates, filled."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import regex  # takes long to import, and is needed where a pattern is first tried

__all__ = [
    "LONGEST_PATTERN",
    "MARK",
    "MARKS_FIRST",
    "NOT_ASCII",
    "PatternError",
    "both_cases",
    "compile_pattern",
    "expand",
    "template_groups",
]

LONGEST_PATTERN = 4_000  # characters
NOT_ASCII = r"\x{80}-\x{10ffff}"
MARK = r"\x00-/:-@\[-^`{-\x7f" + NOT_ASCII  # the inside of `\W`, widened


def both_cases(inside: str) -> str:
    """Return the class of what is both cases of itself, and says so: RE2 takes long to look for the other of every character."""
    return f"(?-i:[{inside}])"


# How most patterns that are tied to a line's start begin, `^\W*` widened.
MARKS_FIRST = f"^(?:{both_cases(MARK)})*"


class PatternError(ValueError):
    """A pattern cannot be used; `offset` is the place inside it (code points)."""

    def __init__(self, offset: int, message: str) -> None:
        super().__init__(message)
        self.offset = offset


def compile_pattern(pattern: str, *, case: bool = False) -> regex.Pattern[str]:
    """Compile a pattern of the rule language; `case` makes it case-sensitive.

    What it must not do besides, `cleaner.rules.widening.check_pattern` tells. Raises `PatternError` where the pattern does not
    compile, is too long, or uses a named list.

    >>> bool(compile_pattern("share").search("SHARE"))
    True
    """
    import regex

    if len(pattern) > LONGEST_PATTERN:
        raise PatternError(
            LONGEST_PATTERN, f"the pattern has {len(pattern):,} characters; the most is {LONGEST_PATTERN:,}"
        )
    named_list = re.match(r"(?s)(?:[^\\]|\\[^L])*?\\L<", pattern)
    if named_list is not None:  # told first: `regex` would only say that it does not know the list
        raise PatternError(
            named_list.end() - 3,
            "named lists (`\\L<…>`) have no place in a pack: write phrases, or `(?:one|other)`",
        )
    try:
        compiled: regex.Pattern[str] = regex.compile(pattern, regex.V0 | (0 if case else regex.IGNORECASE))
    except regex.error as error:
        at, said = getattr(error, "pos", None) or 0, getattr(error, "msg", str(error))
        raise PatternError(at, f"the pattern does not compile: {said}") from None
    except RecursionError:
        raise PatternError(0, "the pattern does not compile: too many groups inside one another") from None
    except Exception as error:  # whatever the parser of `regex` trips over, a pack must not
        raise PatternError(0, f"the pattern does not compile: {error}") from None
    return compiled


def template_groups(template: str) -> list[str]:
    r"""Return the groups that a template names: ``\1`` as "1", ``\g<name>`` as "name"."""
    return [number or name for number, name in _REFERENCE.findall(template)]


def expand(template: str, match: regex.Match[str] | None) -> str:
    r"""Fill a template's ``\1`` and ``\g<name>`` from a match; groups that took no part are empty.

    >>> import regex
    >>> expand(r"\1-\2", regex.search("(a) (b)", "a b"))
    'a-b'
    """

    def group(reference: re.Match[str]) -> str:
        if match is None:
            return ""
        key: Any = reference[2] or reference[1]
        return match[int(key) if key.isdecimal() else key] or ""

    return _REFERENCE.sub(group, template)


_REFERENCE = re.compile(r"\\(?:([1-9]\d?)|g<(\w+)>)")

"""Patterns read as patterns: the check for nested quantifiers, and the widening for the accelerator.

`widen` rewrites a pattern of the `regex` dialect as one that RE2 can take and that matches wherever the
original could: it may find too much, never too little. Look-arounds and word edges are dropped, Unicode
classes become "their ASCII part or anything that is not ASCII", since the two engines follow different
versions of Unicode.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import regex

from cleaner.text import SPACES

__all__ = ["LONGEST_PATTERN", "PatternError", "compile_pattern", "expand", "nested_quantifier", "template_groups", "widen"]

LONGEST_PATTERN = 4_000  # characters
_NOT_ASCII = r"\x{80}-\x{10ffff}"
_QUANTIFIER = re.compile(r"\*|\+|\?|\{(\d*)(,?)(\d*)\}")
_GROUP = re.compile(r"\((?:\?(?:P?<(?![=!])\w+>|:|>|\||[a-zA-Z]*(?:-[a-zA-Z]+)?:|(?P<look><?[=!])))?")
_GLOBAL_FLAGS = re.compile(r"\(\?([a-zA-Z]+)(?:-[a-zA-Z]+)?\)")
_MANY = 10  # repetitions from which a bounded quantifier counts as unbounded
_RE2_MOST_REPEATS = 1000
# Escapes that stand for one class: its inside as a superset, and as a subset for negated classes.
_CLASSES = {
    "w": ("0-9A-Za-z_" + _NOT_ASCII, "0-9A-Za-z_"),
    "d": ("0-9" + _NOT_ASCII, "0-9"),
    "s": (SPACES, r"\t\n\x0b\x0c\r "),
    "W": (r"\x00-/:-@\[-^`{-\x7f" + _NOT_ASCII, r"\x00-/:-@\[-^`{-\x7f"),
    "D": (r"\x00-/:-\x7f" + _NOT_ASCII, r"\x00-/:-\x7f"),
    "S": (r"\x00-\x08\x0e-\x1f!-\x7f" + _NOT_ASCII, r"\x00-\x08\x0e-\x1b!-\x7f"),
}
_PROPERTIES = {"l": "A-Za-z", "letter": "A-Za-z", "alpha": "A-Za-z", "alphabetic": "A-Za-z", "n": "0-9", "nd": "0-9"}
_CASED_PROPERTIES = {"lu": "A-Z", "ll": "a-z", "uppercase": "A-Z", "lowercase": "a-z", "upper": "A-Z", "lower": "a-z"}
_CONTROLS = {"n": 10, "t": 9, "r": 13, "f": 12, "v": 11, "a": 7}
_EDGES = frozenset("bBmMKG")


class PatternError(ValueError):
    """A pattern cannot be used; `offset` is the place inside it (code points)."""

    def __init__(self, offset: int, message: str) -> None:
        super().__init__(message)
        self.offset = offset


def compile_pattern(pattern: str, *, case: bool = False) -> regex.Pattern[str]:
    """Compile a pattern of the rule language; `case` makes it case-sensitive.

    Raises `PatternError` where the pattern does not compile, is too long, or nests quantifiers.

    >>> bool(compile_pattern("share").search("SHARE"))
    True
    """
    if len(pattern) > LONGEST_PATTERN:
        raise PatternError(LONGEST_PATTERN, f"the pattern has {len(pattern):,} characters; the most is {LONGEST_PATTERN:,}")
    try:
        compiled: regex.Pattern[str] = regex.compile(pattern, regex.V0 | (0 if case else regex.IGNORECASE))
    except regex.error as error:
        raise PatternError(error.pos or 0, f"the pattern does not compile: {error.msg}") from None
    except (RecursionError, OverflowError, ValueError, KeyError) as error:
        raise PatternError(0, f"the pattern does not compile: {error}") from None
    nested = nested_quantifier(pattern)
    if nested is not None:
        raise PatternError(
            nested,
            "nested quantifiers can take for ever: repeat once, or make the inner one possessive (`a++`) or atomic (`(?>…)`)",
        )
    return compiled


def nested_quantifier(pattern: str) -> int | None:
    """Return where the first quantifier stands that repeats something which itself repeats, or None.

    >>> nested_quantifier("(a+)+$"), nested_quantifier("(?:a++b)+")
    (4, None)
    """
    reading = _read(pattern, True)
    return reading.nested


def widen(pattern: str, *, case: bool = False) -> str | None:
    """Return an RE2 pattern that matches wherever `pattern` could, or None where there is none.

    >>> widen(r"\\bUS (?=-led)")
    '(?is)US\\\\x20'
    """
    reading = _read(pattern, case)
    if reading.unsupported or reading.widened is None:
        return None
    return ("(?s)" if case and not reading.flags else "(?is)") + reading.widened


@dataclass(slots=True)
class _Reading:
    pattern: str
    case: bool
    position: int = 0
    depth: int = 0
    nested: int | None = None
    unsupported: bool = False
    flags: bool = False
    widened: str | None = field(default=None)


@lru_cache(maxsize=4096)
def _read(pattern: str, case: bool) -> _Reading:
    reading = _Reading(pattern, case)
    reading.flags = bool(re.search(r"\(\?[a-zA-Z]*-?[a-zA-Z]+[:)]", pattern))
    try:
        reading.widened, _ = _alternatives(reading)
    except (IndexError, ValueError, RecursionError):
        reading.unsupported = True
    if reading.position < len(pattern):
        reading.unsupported = True
    return reading


def _alternatives(reading: _Reading) -> tuple[str, bool]:
    """Read up to the closing bracket; return the widened text and whether anything repeats without bound."""
    reading.depth += 1
    branches: list[str] = []
    repeats = False
    while True:
        widened, repeating = _sequence(reading)
        branches.append(widened)
        repeats = repeats or repeating
        if reading.pattern[reading.position : reading.position + 1] != "|":
            break
        reading.position += 1
    reading.depth -= 1
    return "|".join(branches), repeats


def _sequence(reading: _Reading) -> tuple[str, bool]:
    pieces: list[str] = []
    repeats = False
    pattern = reading.pattern
    while reading.position < len(pattern) and pattern[reading.position] not in "|)":
        atom, repeating = _atom(reading)
        quantifier = _QUANTIFIER.match(pattern, reading.position)
        while quantifier and (quantifier[0][0] != "{" or quantifier[1] or quantifier[3]):
            low, high = _bounds(quantifier)
            place = reading.position
            reading.position = quantifier.end()
            suffix = pattern[reading.position : reading.position + 1]
            if suffix and suffix in "?+":
                reading.position += 1
            many = high is None or high >= _MANY
            if many and repeating and reading.nested is None:
                reading.nested = place
            repeating = (repeating or (many and low != high)) and suffix != "+"
            atom = _repeated(atom, low, high)
            quantifier = _QUANTIFIER.match(pattern, reading.position)
        if pattern.startswith("{", reading.position) and re.match(r"\{[^}]*[eidsc]<?", pattern[reading.position :]):
            reading.unsupported = True  # approximate matching
        pieces.append(atom)
        repeats = repeats or repeating
    return "".join(pieces), repeats


def _bounds(quantifier: re.Match[str]) -> tuple[int, int | None]:
    symbol = quantifier[0]
    if symbol[0] != "{":
        return {"*": (0, None), "+": (1, None), "?": (0, 1)}[symbol]
    low = int(quantifier[1] or 0)
    if not quantifier[2]:
        return low, low
    return low, int(quantifier[3]) if quantifier[3] else None


def _repeated(atom: str, low: int, high: int | None) -> str:
    if not atom:
        return ""
    if high is None or high > _RE2_MOST_REPEATS or high * len(atom) > 2 * _RE2_MOST_REPEATS:
        return f"(?:{atom})" + ("*" if low == 0 else "+")
    return f"(?:{atom}){{{low},{high}}}"


def _atom(reading: _Reading) -> tuple[str, bool]:
    pattern, at = reading.pattern, reading.position
    character = pattern[at]
    if character == "(":
        return _group(reading)
    if character == "[":
        return _class(reading), False
    if character == "\\":
        return _escape(reading), False
    reading.position += 1
    if character == "^":
        return ("" if reading.flags else "^"), False
    if character == "$":
        return ("" if reading.flags else r"(?:\n?$)"), False
    if character == ".":
        return ".", False
    return _literal(ord(character)), False


def _literal(code: int) -> str:
    if 0xD800 <= code < 0xE000:
        return "."
    character = chr(code)
    if character.isascii() and not character.isalnum():
        return f"\\x{code:02x}"
    return character if character.isascii() else f"\\x{{{code:x}}}"


def _group(reading: _Reading) -> tuple[str, bool]:
    pattern, at = reading.pattern, reading.position
    if pattern.startswith("(?#", at):
        reading.position = pattern.index(")", at) + 1
        return "", False
    flags = _GLOBAL_FLAGS.match(pattern, at)
    if flags:
        reading.unsupported = reading.unsupported or "x" in flags[1] or "f" in flags[1] or "V" in flags[1]
        reading.position = flags.end()
        return "", False
    opening = _GROUP.match(pattern, at)
    if opening is None or (opening[0] == "(" and pattern.startswith("(?", at)) or "x" in opening[0].partition("<")[0]:
        # Recursion, conditions, verbose groups: still read for nested quantifiers, not widened.
        reading.unsupported = True
        reading.position = at + (2 if pattern.startswith("(?", at) else 1)
    else:
        reading.position = opening.end()
    inner, repeats = _alternatives(reading)
    if pattern[reading.position] != ")":
        raise ValueError("unclosed group")
    reading.position += 1
    if opening is not None and opening["look"]:
        return "", False
    if opening is not None and opening[0] == "(?>":
        repeats = False
    return (f"(?:{inner})" if inner else ""), repeats


def _escape(reading: _Reading) -> str:
    """Read an escape outside a class."""
    pattern = reading.pattern
    letter = pattern[reading.position + 1]
    if letter in _CLASSES:
        reading.position += 2
        return f"[{_CLASSES[letter][0]}]"
    if letter in "pP":
        inside = _property(reading)
        return f"[{inside}{_NOT_ASCII}]" if inside else "."
    if letter in _EDGES:
        reading.position += 2
        return ""
    if letter in "AZz":
        reading.position += 2
        return "^" if letter == "A" else r"(?:\n?$)"
    if letter in "XR":
        reading.position += 2
        return ".+"
    if letter in "123456789" or letter == "g":
        reference = re.compile(r"\\(?:\d{1,2}|g<\w+>)").match(pattern, reading.position)
        if reference is None:
            raise ValueError("escape")
        reading.position = reference.end()
        return ".*"
    code = _code(reading)
    return "." if code is None else _literal(code)


def _property(reading: _Reading) -> str | None:
    r"""Read ``\p{…}``; return the ASCII part of a superset, or None where it may be anything."""
    found = re.compile(r"\\([pP])(?:\{(\^?)([^}]*)\}|(\w))").match(reading.pattern, reading.position)
    if found is None:
        raise ValueError("property")
    reading.position = found.end()
    if found[1] == "P" or found[2]:
        return None
    name = (found[3] or found[4]).lower().rpartition("=")[2]
    if name in _CASED_PROPERTIES:
        return _CASED_PROPERTIES[name] if reading.case and not reading.flags else "A-Za-z"
    return _PROPERTIES.get(name)


def _code(reading: _Reading) -> int | None:
    """Read an escaped character; None where it is a named one."""
    found = re.compile(
        r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(0[0-7]{0,2})|(N\{[^}]*\})|([ntrfva])|([^0-9A-Za-z]))"
    ).match(reading.pattern, reading.position)
    if found is None:
        raise ValueError("escape")
    reading.position = found.end()
    for group in (1, 2, 3):
        if found[group]:
            return int(found[group], 16)
    if found[4]:
        return int(found[4], 8)
    if found[5]:
        return None
    return _CONTROLS[found[6]] if found[6] else ord(found[7])


def _class(reading: _Reading) -> str:
    """Read a bracketed class; return one that holds at least as much."""
    pattern = reading.pattern
    reading.position += 1
    negated = pattern[reading.position] == "^"
    reading.position += negated
    inside: list[str] = []
    anything = False
    first = True
    previous: int | None = None  # the code before a possible `-`
    while first or pattern[reading.position] != "]":
        first = False
        rest = pattern[reading.position : reading.position + 2]
        if rest[0] == "[" and (rest[1] in ":[" or pattern.find("]", reading.position) < 0):
            raise ValueError("set within a set")
        if rest in ("&&", "||", "~~", "--"):
            raise ValueError("set operation")
        code: int | None
        if rest[0] == "\\" and rest[1] in _CLASSES:
            reading.position += 2
            inside.append(_CLASSES[rest[1]][1 if negated else 0])
            previous = None
            continue
        if rest[0] == "\\" and rest[1] in "pP":
            ascii_part = _property(reading)
            if not negated:
                anything = anything or ascii_part is None
                inside.append((ascii_part or "") + _NOT_ASCII)
            previous = None
            continue
        if rest[0] == "\\":
            code = 8 if rest[1] == "b" else _code(reading)
            reading.position += 2 if rest[1] == "b" else 0
        elif rest[0] == "-" and previous is not None and rest[1] != "]":
            reading.position += 1
            if pattern[reading.position] == "\\":
                code = _code(reading)
            else:
                code = ord(pattern[reading.position])
                reading.position += 1
            if code is None or code < previous:
                raise ValueError("range")
            inside[-1] = f"{_in_class(previous)}-{_in_class(code)}"
            previous = None
            continue
        else:
            code = ord(rest[0])
            reading.position += 1
        if code is None:
            anything = anything or not negated
            continue
        inside.append(_in_class(code))
        previous = code
    reading.position += 1
    if anything or not any(inside):
        return "."
    return f"[{'^' if negated else ''}{''.join(inside)}]"


def _in_class(code: int) -> str:
    if 0xD800 <= code < 0xE000:
        raise ValueError("surrogate")
    return f"\\x{{{code:x}}}"


def template_groups(template: str) -> list[str]:
    r"""Return the groups that a template names: ``\1`` as "1", ``\g<name>`` as "name"."""
    return [number or name for number, name in _REFERENCE.findall(template)]


def expand(template: str, match: regex.Match[str] | None) -> str:
    r"""Fill a template's ``\1`` and ``\g<name>`` from a match; groups that took no part are empty.

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

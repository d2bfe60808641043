"""Patterns read as patterns: the check for nested quantifiers, and the widening for the accelerator.

`widen` rewrites a pattern of the `regex` dialect as one that RE2 can take and that matches wherever the
original could: it may find too much, never too little. Look-arounds and word edges are dropped, Unicode
classes become "their ASCII part or anything that is not ASCII", since the two engines follow different
versions of Unicode.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from cleaner.rules.patterns import MARK, NOT_ASCII, PatternError, both_cases, compile_pattern
from cleaner.text import SPACES

__all__ = ["check_pattern", "nested_quantifier", "widen", "widened_openings"]

_QUANTIFIER = re.compile(r"\*|\+|\?|\{(?!\})([0-9]*)(,?)([0-9]*)\}")
# Approximate matching: `{e<=2}`, `{i,d}`, `{1<=s<=3}`, `{2i+3d<=8}`, and each with a class behind a colon.
_FUZZY = re.compile(r"\{(?:[0-9]+<=?[deis]<=?[0-9]+|[0-9]*[deis](?:\+[0-9]*[dis])*(?:<=?[0-9]+)?)[,:}]")
_CALL = re.compile(r"\(\?(?:R|[0-9]|[-+][0-9]|&|P>|P&)")
_COMMENT = re.compile(r"\(\?#(?:\\.|[^\\)])*\)", re.DOTALL)
_VERB = re.compile(r"\(\*[^\W\d_]\w*\)")
_SKIPPED = re.compile(r"(?:\s|#[^\n]*(?:\n|\Z))*")  # in verbose patterns
_GROUP = re.compile(r"\((?:\?(?:P?<(?![=!])\w+>|:|>|\||(?P<flags>[a-zA-Z]*(?:-[a-zA-Z]+)?):|(?P<look><?[=!])))?")
_GLOBAL_FLAGS = re.compile(r"\(\?(?!R\))([a-zA-Z]*)(?:-([a-zA-Z]+))?\)")
_PLAIN = re.compile(r"[0-9A-HJ-Za-hj-z ]+(?![*+?{])")  # characters that stand for themselves and are not repeated
_MANY = 10  # repetitions from which a bounded quantifier counts as unbounded
_MOST_COUNTED = 4  # repetitions that the accelerator still counts
# Escapes that stand for one class: its inside as a superset, and as a subset for negated classes.
_CLASSES = {
    "w": ("0-9A-Za-z_" + NOT_ASCII, "0-9A-Za-z_"),
    "d": ("0-9" + NOT_ASCII, "0-9"),
    "s": (SPACES, r"\t\n\x0b\x0c\r "),
    "W": (MARK, r"\x00-/:-@\[-^`{-\x7f"),
    "D": (r"\x00-/:-\x7f" + NOT_ASCII, r"\x00-/:-\x7f"),
    "S": (r"\x00-\x08\x0e-\x1f!-\x7f" + NOT_ASCII, r"\x00-\x08\x0e-\x1b!-\x7f"),
}
_ENOUGH = 10  # letters by which a first look knows a line: with fewer, more lines are looked at twice
_PROPERTIES = {
    "l": "A-Za-z",
    "letter": "A-Za-z",
    "alpha": "A-Za-z",
    "alphabetic": "A-Za-z",
    "n": "0-9",
    "nd": "0-9",
}
_CASED_PROPERTIES = {
    "lu": "A-Z",
    "ll": "a-z",
    "uppercase": "A-Z",
    "lowercase": "a-z",
    "upper": "A-Z",
    "lower": "a-z",
}
_CONTROLS = {"n": 10, "t": 9, "r": 13, "f": 12, "v": 11, "a": 7}
_EDGES = frozenset("bBmMKG")


def check_pattern(pattern: str, *, case: bool = False) -> None:
    """Raise `PatternError` where a pattern does not compile, or has no place in a pack.

    It has none if it is too long, nests quantifiers, calls itself or its groups, matches approximately, uses a named list,
    or holds a backspace.
    """
    backspace = pattern.find("\b")
    if backspace >= 0:
        raise PatternError(backspace, "a backspace, which YAML reads for `\\b` in double quotes: use single quotes")
    compile_pattern(pattern, case=case)
    reading = _read(pattern, case)
    if reading.refused is not None:
        raise PatternError(*reading.refused)
    if reading.nested is not None:
        raise PatternError(
            reading.nested,
            "nested quantifiers can take for ever: repeat once, or make the inner one possessive (`a++`) or atomic (`(?>…)`)",
        )


def nested_quantifier(pattern: str) -> int | None:
    """Return where the first quantifier stands that repeats something which itself repeats, or None.

    >>> nested_quantifier("(a+)+$"), nested_quantifier("(?:a++b)+")
    (4, None)
    """
    reading = _read(pattern, True)
    return reading.nested


def widen(pattern: str, *, case: bool = False) -> str | None:
    r"""Return an RE2 pattern that matches wherever `pattern` could, or None where there is none.

    >>> widen(r"\bUS (?=-led)")
    '(?is)US\\x20'
    """
    reading = _read(pattern, case)
    if reading.unsupported or reading.widened is None or (not case and _holds_unlike(reading.widened)):
        return None
    return ("(?s)" if case and not reading.flags else "(?is)") + reading.widened


# Letters that `regex` takes for another case of ones that RE2 has known for longer: Ɤ, ….
_UNLIKE = (0xA7CB, 0xA7DC, 0xA7DD, 0xA7E2, 0x1DF95)
_CODES = re.compile(r"\\x\{([0-9a-f]+)\}(?:-\\x\{([0-9a-f]+)\})?")


def widened_openings(pattern: str, *, case: bool = False) -> tuple[str, ...]:
    r"""Return RE2 patterns for a first look: how each alternative of `widen` begins, up to its first ten letters or so.

    Patterns differ there already, and whole ones take twice as long to compile. Empty where `widen` gives None.

    >>> widened_openings("read all posts(?:,.*)?|see more")
    ('(?is)read\\x20all\\x20posts', '(?is)see\\x20more')
    """
    wide = widen(pattern, case=case)
    if wide is None:
        return ()
    flags = wide[: wide.index(")") + 1]
    return tuple(flags + begun for begun in _read(pattern, case).openings)


def _holds_unlike(wide: str) -> bool:
    """Tell whether a widened pattern names such a letter, alone or in a range (other than all but ASCII)."""
    for low, high in set(_CODES.findall(wide)):
        first, last = int(low, 16), int(high or low, 16)
        if last < 0x10FFFF and any(first <= code <= last for code in _UNLIKE):
            return True
    return False


@dataclass(slots=True)
class _Reading:
    pattern: str
    case: bool
    position: int = 0
    depth: int = 0
    nested: int | None = None
    refused: tuple[int, str] | None = None
    unsupported: bool = False
    verbose: bool = False
    flags: bool = False
    widened: str | None = None
    openings: tuple[str, ...] = ()


@lru_cache(maxsize=4096)
def _read(pattern: str, case: bool) -> _Reading:
    reading = _Reading(pattern, case)
    reading.flags = bool(re.search(r"\(\?[a-zA-Z]*-?[a-zA-Z]+[:)]", pattern))
    try:
        whole = _alternatives(reading)
        reading.widened, reading.openings = whole.text, whole.openings
    except (IndexError, ValueError, RecursionError):
        reading.unsupported = True
    if reading.position < len(pattern):
        reading.unsupported = True
    return reading


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a pattern: its widened text, whether anything in it repeats without bound, and the fewest letters it takes.

    `openings` says how its alternatives begin, each up to the letters that are enough for a first look.
    """

    text: str
    repeats: bool = False
    letters: int = 0
    openings: tuple[str, ...] = ()


def _alternatives(reading: _Reading) -> _Part:
    """Read up to the closing bracket."""
    reading.depth += 1
    branches: list[_Part] = []
    while True:
        branches.append(_sequence(reading))
        if reading.pattern[reading.position : reading.position + 1] != "|":
            break
        reading.position += 1
    reading.depth -= 1
    repeats, letters = any(branch.repeats for branch in branches), min(branch.letters for branch in branches)
    openings = tuple(opening for branch in branches for opening in branch.openings)
    return _Part("|".join(branch.text for branch in branches), repeats, letters, openings)


def _sequence(reading: _Reading) -> _Part:
    """Read up to the next bar or closing bracket."""
    pieces: list[str] = []
    letters = 0
    opening: str | None = None  # as soon as there are letters enough for a first look
    repeats = False
    pattern = reading.pattern
    _skip(reading)
    while reading.position < len(pattern) and pattern[reading.position] not in "|)":
        if opening is None and letters >= _ENOUGH:
            opening = "".join(pieces)
        plain = None if reading.verbose else _PLAIN.match(pattern, reading.position)
        if plain is not None:
            pieces.append(plain[0].replace(" ", r"\x20"))
            letters += len(plain[0])
            reading.position = plain.end()
            continue
        part = _atom(reading)
        atom, repeating, least = part.text, part.repeats, part.letters
        _skip(reading)
        quantifier = _QUANTIFIER.match(pattern, reading.position)
        if opening is None and letters + least >= _ENOUGH and part.openings and not quantifier:
            # Alternatives that say enough, each as far as it must: what follows them cannot be said then.
            opening = "".join([*pieces, f"(?:{'|'.join(part.openings)})"])
        while quantifier:
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
            least *= low
            _skip(reading)
            quantifier = _QUANTIFIER.match(pattern, reading.position)
        if _FUZZY.match(pattern, reading.position):
            _refuse(reading, "approximate matching (`{e<=1}`) has no place in a pack: it can take for ever")
        pieces.append(atom)
        repeats = repeats or repeating
        letters += least
    text = "".join(pieces)
    return _Part(text, repeats, letters, (text if opening is None else opening,))


def _skip(reading: _Reading) -> None:
    """Skip blanks and comments where the pattern is verbose."""
    if reading.verbose:
        skipped = _SKIPPED.match(reading.pattern, reading.position)
        reading.position = skipped.end() if skipped else reading.position


def _refuse(reading: _Reading, message: str) -> None:
    reading.unsupported = True
    reading.refused = reading.refused or (reading.position, message)


def _bounds(quantifier: re.Match[str]) -> tuple[int, int | None]:
    symbol = quantifier[0]
    if symbol[0] != "{":
        return {"*": (0, None), "+": (1, None), "?": (0, 1)}[symbol]
    low = int(quantifier[1] or 0)
    if not quantifier[2]:
        return low, low
    return low, int(quantifier[3]) if quantifier[3] else None


def _repeated(atom: str, low: int, high: int | None) -> str:
    """Widen a repetition: a long count becomes "any number", since each number would be a state of its own."""
    if not atom:
        return ""
    if high is None or high > _MOST_COUNTED:
        return f"(?:{atom})" + ("*" if low == 0 else "+")
    return f"(?:{atom}){{{low},{high}}}"


def _atom(reading: _Reading) -> _Part:
    pattern, at = reading.pattern, reading.position
    character = pattern[at]
    if character == "(":
        return _group(reading)
    if character == "[":
        return _Part(_class(reading))
    if character == "\\":
        return _Part(_escape(reading))
    reading.position += 1
    if character == "^":
        return _Part("" if reading.flags else "^")
    if character == "$":
        # Before a last line end `$` holds too, and what follows may take that line end.
        rest = pattern[reading.position :]
        last = not rest.strip(")") or (reading.depth == 1 and rest[0] == "|")
        return _Part(r"(?:\n?$)" if last and not reading.flags else "")
    if character == ".":
        return _Part(".")
    return _Part(_literal(reading, ord(character)), letters=1)


# `regex` takes the dotted and the dotless i for other cases of I and i, RE2 for letters of their own.
_I = frozenset(map(ord, "iIıİ"))
_ANY_I = r"iI\x{130}\x{131}"
_AS_ASCII = (0x17F, 0x212A)  # ſ and the kelvin sign, other cases of s and k


def _literal(reading: _Reading, code: int) -> str:
    if code in _I and not (reading.case and not reading.flags):
        return both_cases(_ANY_I)
    if 0xD800 <= code < 0xE000:
        return "."
    character = chr(code)
    if character.isascii() and not character.isalnum():
        return f"\\x{code:02x}"
    return character if character.isascii() else f"\\x{{{code:x}}}"


def _group(reading: _Reading) -> _Part:
    pattern, at = reading.pattern, reading.position
    aside = _COMMENT.match(pattern, at) or _VERB.match(pattern, at)
    if aside:
        reading.unsupported = reading.unsupported or aside[0].startswith("(*")
        reading.position = aside.end()
        return _Part("")
    if _CALL.match(pattern, at):
        _refuse(
            reading,
            "a pattern that calls itself or its groups (`(?R)`, `(?1)`, `(?&name)`) has no place in a pack",
        )
    flags = _GLOBAL_FLAGS.match(pattern, at)
    if flags:
        reading.unsupported = reading.unsupported or "x" in flags[1] or "f" in flags[1]
        reading.verbose = ("x" in flags[1] or reading.verbose) and "x" not in (flags[2] or "")
        reading.position = flags.end()
        return _Part("")
    opening = _GROUP.match(pattern, at)
    verbose = reading.verbose
    if opening is None or (opening[0] == "(" and pattern.startswith("(?", at)):
        # Conditions, calls, versions: still read for nested quantifiers, not widened.
        reading.unsupported = True
        reading.position = at + (2 if pattern.startswith("(?", at) else 1)
    else:
        reading.position = opening.end()
        on, _, off = (opening["flags"] or "").partition("-")
        reading.unsupported = reading.unsupported or "x" in on or "f" in on
        reading.verbose = ("x" in on or verbose) and "x" not in off
    inner = _alternatives(reading)
    reading.verbose = verbose
    if pattern[reading.position] != ")":
        raise ValueError("unclosed group")
    reading.position += 1
    if opening is not None and opening["look"]:
        return _Part("")
    repeats = inner.repeats and not (opening is not None and opening[0] == "(?>")
    if not inner.text:
        return _Part("", repeats, inner.letters)
    return _Part(f"(?:{inner.text})", repeats, inner.letters, inner.openings)


def _escape(reading: _Reading) -> str:
    """Read an escape outside a class."""
    pattern = reading.pattern
    letter = pattern[reading.position + 1]
    if letter in _CLASSES:
        reading.position += 2
        return both_cases(_CLASSES[letter][0])
    if letter in "pP":
        inside = _property(reading)
        return both_cases(inside + NOT_ASCII) if inside else "."  # one case only where the pattern tells cases apart
    if letter in _EDGES:
        reading.position += 2
        return ""
    if letter in "AZz":
        reading.position += 2
        return "^" if letter == "A" else r"(?:\n?$)"
    if letter in "XR":
        reading.position += 2
        return ".+"
    octal = re.compile(r"\\([1-7][0-7]{2})").match(pattern, reading.position)
    if octal:
        reading.position = octal.end()
        return _literal(reading, int(octal[1], 8) & 0x1FF)
    if letter in "123456789" or letter == "g":
        reference = re.compile(r"\\(?:\d{1,2}|g<\w+>)").match(pattern, reading.position)
        if reference is None:
            raise ValueError("escape")
        reading.position = reference.end()
        return ".*"
    code = _code(reading)
    return "." if code is None else _literal(reading, code)


def _property(reading: _Reading) -> str | None:
    r"""Read ``\p{…}``; return the ASCII part of a superset, or None where it may be anything."""
    found = re.compile(r"\\([pP])(?:\{(\^?)([A-Za-z0-9 &_.:=/-]*)\}|([CLMNPSZ]))").match(
        reading.pattern, reading.position
    )
    if found is None:
        raise ValueError("property")
    reading.position = found.end()
    if found[1] == "P" or found[2]:
        return None
    kind, equals, name = (found[3] or found[4]).lower().rpartition("=")
    if equals and kind not in ("gc", "generalcategory", "general_category"):
        return None
    if name in _CASED_PROPERTIES:
        return _CASED_PROPERTIES[name] if reading.case and not reading.flags else "A-Za-z"
    return _PROPERTIES.get(name)


def _code(reading: _Reading) -> int | None:
    """Read an escaped character; None where it is a named one."""
    found = re.compile(
        r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(0[0-7]{0,2})|"
        r"(N\{[A-Za-z0-9 -]*\})|([ntrfva])|([^0-9A-Za-z]))"
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
    kinds: set[str] = set()
    holds_i = False
    letters = False  # whether it names some of ASCII, or another case of these, but for whole kinds
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
            kinds.add("w" if rest[1].islower() else "W")
            inside.append(_CLASSES[rest[1]][1 if negated else 0])
            previous = None
            continue
        if rest[0] == "\\" and rest[1] in "pP":
            kinds.add("W" if rest[1] == "P" or pattern.startswith("{^", reading.position + 2) else "w")
            ascii_part = _property(reading)
            if not negated:
                anything = anything or ascii_part is None
                inside.append((ascii_part or "") + NOT_ASCII)
            previous = None
            continue
        if rest[0] == "\\":
            code = 8 if rest[1] == "b" else _code(reading)
            reading.position += 2 if rest[1] == "b" else 0
        elif rest[0] == "-" and previous is not None and rest[1] != "]":
            reading.position += 1
            if pattern[reading.position] == "\\":
                code = _code(reading)
            elif pattern.startswith("[:", reading.position):
                raise ValueError("set within a set")
            else:
                code = ord(pattern[reading.position])
                reading.position += 1
            if code is None or code < previous:
                raise ValueError("range")
            inside[-1] = f"{_in_class(previous)}-{_in_class(code)}"
            holds_i = holds_i or any(previous <= one <= code for one in _I)
            letters = letters or (previous <= ord("z") and code >= ord("A"))
            letters = letters or any(previous <= one <= code for one in _AS_ASCII)
            previous = None
            continue
        else:
            code = ord(rest[0])
            reading.position += 1
        if code is None:
            anything = anything or not negated
            continue
        inside.append(_in_class(code))
        holds_i = holds_i or code in _I
        letters = letters or (code < 0x80 and chr(code).isalpha()) or code in _AS_ASCII
        previous = code
    reading.position += 1
    if holds_i and not negated and not (reading.case and not reading.flags):
        inside.append(_ANY_I)
    # `regex` takes a class that holds a kind of character and its opposite for any character, even a negated one.
    if anything or not any(inside) or (negated and len(kinds) == 2):
        return "."
    text = "".join(inside)
    if not negated and NOT_ASCII in text and ("A-Za-z" in text or not letters):
        return both_cases(text)
    # Where flags may turn the case on and off, what is excluded without regard to it is excluded too seldom.
    if negated and reading.flags:
        return f"(?-i:[^{text}])"
    return f"[{'^' if negated else ''}{text}]"


def _in_class(code: int) -> str:
    if 0xD800 <= code < 0xE000:
        raise ValueError("surrogate")
    return f"\\x{{{code:x}}}"

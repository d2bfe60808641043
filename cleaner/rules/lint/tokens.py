"""Patterns cut into tokens: as much of their grammar as warnings want to know."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import regex

from cleaner.rules.model import UNLIMITED

__all__ = ["Token", "is_spelled_out", "overlapping", "tokens_of"]

_TOKEN = regex.compile(
    r"""(?P<nothing>\(\?\#[^)]*\)|\(\?[a-zA-Z]+(?:-[a-zA-Z]+)?\)|[\^$]|\\[bBAZzmMGK])
    |(?P<open>\((?:\?(?:P?<(?![=!])\w+>|(?P<look><?[=!])|[a-zA-Z]*(?:-[a-zA-Z]+)?:|>|\|))?)
    |(?P<close>\))
    |(?P<bar>\|)
    |(?P<atom>\\[pP](?:\{[^}]*\}|\w)|\\N\{[^}]*\}|\\x..|\\u.{4}|\\U.{8}|\\g<\w+>|\\.
        |\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*+\]|.)""",
    regex.VERBOSE | regex.DOTALL,
)
_QUANTIFIER = regex.compile(r"(?:\*|\+|\?|\{(?P<low>\d*)(?P<comma>,?)(?P<high>\d*)\})(?<!\{\}|\{,\})(?P<suffix>[+?]?)")
_VERBOSE = regex.compile(r"\(\?[a-wyzA-Z]*x")


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a pattern, and how often it repeats."""

    kind: str  # nothing (no width), look, open, close, bar, atom
    text: str
    low: int = 1
    high: float = 1
    possessive: bool = False
    quantifier: str = ""


@lru_cache(maxsize=4096)
def tokens_of(pattern: str) -> tuple[Token, ...]:
    """Split a pattern; nothing where it is one that cannot be read this simply."""
    if _VERBOSE.search(pattern):
        return ()
    tokens: list[Token] = []
    position = 0
    while position < len(pattern):
        found = _TOKEN.match(pattern, position)
        if found is None:
            return ()
        position = found.end()
        kind = "look" if found["look"] else found.lastgroup or "atom"
        quantifier = _QUANTIFIER.match(pattern, position) if kind in ("atom", "close") else None
        if quantifier is None:
            tokens.append(Token(kind, found[0]))
            continue
        position = quantifier.end()
        low, high = _repeats(quantifier)
        tokens.append(Token(kind, found[0], low, high, quantifier["suffix"] == "+", quantifier[0]))
    return tuple(tokens)


def _repeats(quantifier: regex.Match[str]) -> tuple[int, float]:
    symbol = quantifier[0][0]
    if symbol != "{":
        return (1 if symbol == "+" else 0), (1 if symbol == "?" else UNLIMITED)
    low = int(quantifier["low"] or 0)
    if not quantifier["comma"]:
        return low, low
    return low, int(quantifier["high"]) if quantifier["high"] else UNLIMITED


# Characters to try atoms on; not the dotted and dotless i, nor others whose case is their own affair.
_SAMPLE = "".join(map(chr, [*range(0x130), *range(0x132, 0x17F)])) + "ΑαЖжا١—’…\u3000你"


@lru_cache(maxsize=4096)
def _members(atom: str, case: bool) -> frozenset[str]:
    """Return which characters of a sample an atom takes."""
    try:
        return frozenset(regex.findall(atom, _SAMPLE, regex.DOTALL | (0 if case else regex.IGNORECASE)))
    except regex.error:
        return frozenset()


def _one_holds_other(left: str, right: str, case: bool) -> bool:
    ours, theirs = _members(left, case), _members(right, case)
    return bool(ours and theirs) and (ours <= theirs or theirs <= ours)


def overlapping(pattern: str, case: bool) -> str | None:
    """Return two neighbouring repetitions of which one takes all that the other takes, as written, or None.

    Between them may stand only what has no width.
    """
    before: Token | None = None
    outer: list[tuple[Token | None, bool]] = []
    for token in tokens_of(pattern):
        if token.kind in ("open", "look"):
            outer.append((before, token.kind == "look"))
            before = None
        elif token.kind == "close":
            former, look = outer.pop() if outer else (None, False)
            before = former if look else None
        elif token.kind == "bar":
            before = None
        elif token.kind == "atom":
            repeats = token.high == UNLIMITED
            if repeats and before is not None and _one_holds_other(before.text, token.text, case):
                return f"{before.text}{before.quantifier}{token.text}{token.quantifier}"
            before = token if repeats and not token.possessive else None
    return None


@lru_cache(maxsize=4096)
def is_spelled_out(pattern: str, case: bool) -> bool:
    """Tell whether a pattern says what the whole unit is: bound to both ends, with no room for free text."""
    tokens = [token for token in tokens_of(pattern) if not token.text.startswith("(?") or token.kind != "nothing"]
    depth = 0
    alternatives: list[list[Token]] = [[]]
    for token in tokens:
        depth += (token.kind in ("open", "look")) - (token.kind == "close")
        if token.kind == "bar" and depth == 0:
            alternatives.append([])
        else:
            alternatives[-1].append(token)
    for tokens in alternatives:
        if not tokens or tokens[0].text not in ("^", r"\A") or tokens[-1].text not in ("$", r"\Z", r"\z"):
            return False
        if _has_free_text(tokens, case):
            return False
    return True


def _has_free_text(tokens: list[Token], case: bool) -> bool:
    opened: list[int] = []
    for place, token in enumerate(tokens):
        if token.kind in ("open", "look"):
            opened.append(place)
        elif token.kind == "close" and opened:
            start = opened.pop()
            if tokens[start].kind == "look":
                continue
            inside = [
                one for one in tokens[start:place] if one.kind == "atom" and (len(one.text) > 1 or one.text == ".")
            ]
            if token.high == UNLIMITED and any("a" in _members(one.text, case) for one in inside):
                return True
        elif any(tokens[start].kind == "look" for start in opened):
            continue
        elif token.kind == "atom" and token.high == UNLIMITED and {"a", " "} <= _members(token.text, case):
            return True
    return False

"""Scalars of packs: words, choices, numbers, shares and ranges. What is none is a problem, and comes back as None."""

from __future__ import annotations

import re

from cleaner.rules.model import UNLIMITED, Range
from cleaner.rules.nodes import Node, Problems
from cleaner.rules.problems import nearest

__all__ = [
    "read_boolean",
    "read_choice",
    "read_range",
    "read_share",
    "read_strings",
    "read_whole",
    "read_word",
    "whole",
]

_RANGE = re.compile(r"(?:([0-9]+(?:\.[0-9]+)?)(%?))?(\.\.)?(?:([0-9]+(?:\.[0-9]+)?)(%?))?")


def read_word(problems: Problems, node: Node, what: str) -> str | None:
    """Return a scalar that must be text; say so where YAML would read it as something else."""
    if node.kind != "scalar":
        problems.add(node.place, f"{what} must be text, not a {node.kind}")
        return None
    if node.tag == "alias":
        return None
    if node.tag == "null":
        problems.add(node.place, f"{what} is empty")
        return None
    if node.tag != "str":
        if len(node.text) > 60:
            problems.add(node.place, f"YAML does not read {what} as text: write it in quotes")
            return None
        kind = {"bool": "a boolean", "int": "a number", "float": "a number", "timestamp": "a date"}.get(
            node.tag, f"`{node.tag}`"
        )
        problems.add(node.place, f"YAML reads `{node.text}` as {kind}: write '{node.text}' in quotes")
        return None
    return node.text


def read_strings(problems: Problems, node: Node, what: str) -> tuple[str, ...]:
    """Return a string or a list of strings as a tuple."""
    items = node.items if node.kind == "list" else (node,)
    words = (read_word(problems, item, what) for item in items)
    return tuple(word for word in words if word is not None)


def read_choice(problems: Problems, node: Node, what: str, known: tuple[str, ...]) -> str | None:
    """Return a word that must be one of those `known`."""
    # What YAML takes for a number or a boolean is none of the words in quotes either.
    word = node.text if node.kind == "scalar" and node.text and node.tag != "alias" else read_word(problems, node, what)
    if word is not None and word not in known:
        problems.add(node.place, f"{what} is one of {', '.join(known)}, not `{word[:60]}`{nearest(word, list(known))}")
        return None
    return word


def read_boolean(problems: Problems, node: Node) -> bool | None:
    """Return ``true`` or ``false``, the two that every reader of YAML takes for a boolean."""
    if node.kind == "scalar" and node.tag == "bool" and node.text.lower() in ("true", "false"):
        return node.text.lower() == "true"
    problems.add(node.place, "expected `true` or `false`")
    return None


def whole(text: str, low: int, high: int) -> int | None:
    """Return the whole number that `text` writes, if it is one from `low` to `high`."""
    # No zero in front, because YAML reads `010` as 8.
    number = int(text) if re.fullmatch(r"0|[1-9][0-9]{0,8}", text) else None
    return number if number is not None and low <= number <= high else None


def read_whole(problems: Problems, node: Node, low: int, high: int, what: str) -> int | None:
    """Return a whole number from `low` to `high`, of nine digits at most; `what` begins the message where it is none."""
    number = whole(node.text, low, high)
    if number is None:
        problems.add(node.place, f"{what}, {low} to {high:,}")
    return number


def read_share(problems: Problems, node: Node, what: str) -> float | None:
    """Return a share 0..1 written as ``30%`` or ``0.3``."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(%?)", node.text)
    share = float(found[1]) / (100 if found[2] else 1) if found else -1.0
    if not 0 < share <= 1:
        problems.add(node.place, f"{what} is a share such as `30%` or `0.3`")
        return None
    return share


def read_range(problems: Problems, node: Node, *, shares: bool) -> Range | None:
    """Return a range such as ``3..18``, which with `shares` may also be one of shares: ``60%..``."""
    text = node.text
    found = _RANGE.fullmatch(text)
    if not text or text == ".." or found is None:
        problems.add(
            node.place,
            "expected a range such as `3..18`, `15..`, `..5` or `4`"
            + (", or shares such as `60%..`" if shares else ""),
        )
        return None
    low_text, low_unit, dots, high_text, high_unit = found.groups()
    if not dots and low_text and high_text:
        problems.add(node.place, f"expected a range such as `3..18`, not `{text[:60]}`")
        return None
    share = "%" in text or any("." in part for part in (low_text or "", high_text or ""))
    if share and not shares:
        problems.add(node.place, f"`{text[:60]}`: a count is a whole number, a range of counts such as `3..18`")
        return None
    if share and low_text and high_text and low_unit != high_unit:
        problems.add(node.place, f"`{text[:60]}`: both ends must be shares, such as `50%..80%`, or both counts")
        return None

    def number(part: str | None, unit: str | None, missing: float) -> float:
        return missing if part is None else float(part) / (100 if unit == "%" else 1)

    low = number(low_text, low_unit, 0.0)
    high = number(high_text, high_unit, 1.0 if share else UNLIMITED) if dots else low
    if low > high:
        problems.add(node.place, f"`{text[:60]}`: the lower end is above the upper one")
        return None
    if share and high > 1:
        problems.add(node.place, f"`{text[:60]}`: a share is at most 100%")
        return None
    return Range(low, high, share)

"""What rules were measured to do: the precision of each on labelled text, and the risk that it earns.

The figures lie beside the packs, in ``evidence.json``; ``make evidence`` writes them. A rule that changed since then has none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import msgspec

from cleaner.rules.carry import digest_of
from cleaner.rules.model import Risk, Rule
from cleaner.rules.packs import pack_folder

__all__ = [
    "EVIDENCE_FILE",
    "LEAST_LINES",
    "Measurement",
    "earned_risk",
    "evidence_of",
    "evidence_text",
    "measured",
    "read_evidence",
    "stamp",
    "wilson",
    "write_evidence",
]

EVIDENCE_FILE = "evidence.json"
LEAST_LINES = 10  # different lines below which a rule's precision says nothing
_SAFE, _LIKELY = 0.97, 0.85  # lower bounds of the precision's interval


class Measurement(msgspec.Struct, frozen=True):
    """What a rule was measured to take: of `lines` different lines, on `sites` sites, `right` were boilerplate.

    A line that several extractors give of one site counts once; `right` is a sum of shares, where they do not agree.
    `stamp` tells the rule as it was.
    """

    right: float
    lines: int
    sites: int
    stamp: str

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the precision, 0..1."""
        return wilson(self.right, self.lines)

    @property
    def earned(self) -> Risk | None:
        """The risk that it earns; None where the lines are too few."""
        return earned_risk(self.right, self.lines)


_Z = 1.959963984540054  # of the normal distribution, 2.5 % lie above


def wilson(right: float, count: float) -> tuple[float, float]:
    """Return the 95 % score interval of a share (Wilson 1927, "Probable inference", equation for p).

    >>> [round(bound, 4) for bound in wilson(9, 10)]
    [0.5958, 0.9821]
    """
    if not count:
        return 0.0, 1.0
    share, square = right / count, _Z * _Z
    middle = share + square / (2 * count)
    spread = _Z * math.sqrt(share * (1 - share) / count + square / (4 * count * count))
    whole = 1 + square / count
    return max(0.0, (middle - spread) / whole), min(1.0, (middle + spread) / whole)


def earned_risk(right: float, lines: int) -> Risk | None:
    """Return the risk that a rule earns by the lower bound of its precision's interval; None where the lines are too few.

    >>> earned_risk(200, 200), earned_risk(99, 103), earned_risk(9, 11), earned_risk(9, 9)
    ('safe', 'likely', 'risky', None)
    """
    if lines < LEAST_LINES:
        return None
    low = wilson(right, lines)[0]
    return "safe" if low >= _SAFE else "likely" if low >= _LIKELY else "risky"


def stamp(rule: Rule) -> str:
    """Return what tells a rule from what it was before: 12 digits of the SHA-256 of all of it that decides results."""
    # Which configuration takes it in, for which risk, makes no other rule of it.
    return digest_of((), [replace(rule, layer=0, risk="safe")], 0.0)[:12]


@cache
def measured() -> Mapping[str, Measurement]:
    """Return the figures that lie beside the shipped packs, by the rule's full name; none where the file is missing."""
    path = pack_folder() / EVIDENCE_FILE
    return read_evidence(path) if path.is_file() else {}


def read_evidence(path: Path) -> Mapping[str, Measurement]:
    """Return the figures of a file. Raises `OSError` where it cannot be read, `ValueError` where it is none."""
    return msgspec.json.decode(path.read_bytes(), type=dict[str, Measurement])


def write_evidence(path: Path, evidence: Mapping[str, Measurement]) -> None:
    """Write the figures to a file, a rule a line."""
    lines = [f' "{name}": {msgspec.json.encode(one).decode()}' for name, one in sorted(evidence.items())]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8", newline="\n")


def evidence_of(rule: Rule) -> Measurement | None:
    """Return what a shipped rule was measured to do, as it is now."""
    found = measured().get(rule.name)
    return found if found is not None and found.stamp == stamp(rule) else None


def evidence_text(found: Measurement | None) -> str:
    """Return in words what `evidence_of` tells of a rule."""
    if found is None:
        return "not measured"
    counted = f"{found.lines:,} line{'' if found.lines == 1 else 's'}"
    if found.earned is None:
        return f"{counted}: not enough evidence"
    low, high = found.interval
    return f"{found.right / found.lines:.1%} of {counted} ({low:.1%} to {high:.1%}): {found.earned}"

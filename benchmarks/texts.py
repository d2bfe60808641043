"""Texts to measure on: labelled real pages where they are at hand, else text made to look like them."""

import gzip
import json
import os
import random
from pathlib import Path

# Measured on extracted web pages: the share of texts that a rule changes and, in those, of lines that it hits, and
# the shares of blank lines and of lines with characters beyond ASCII. Of the other lines half have 58 characters or
# less, a tenth 322 or more.
CHANGED, HIT, BLANK, NOT_ASCII = 0.43, 0.15, 0.30, 0.22
WORDS = (
    "the of and to in a is that for it was on with as by at from his her they have this had not are but were "
    "which one all their there been more when who will would can out about other into some could time year "
    "people council mayor report school market water street music summer winter house river garden price "
    "neighbourhood committee announced yesterday environment development particular president government "
    "information performance championship restaurant investigation association understanding manufacturers"
).split()
LEFTOVERS = [
    "Share",
    "Read more",
    "Advertisement",
    "Related articles",
    "Subscribe to our newsletter",
    "0 Comments",
]


def quality_file() -> Path | None:
    """Return the labelled texts (JSON Lines with `text`), named by CLEANER_QUALITY, or None."""
    named = os.environ.get("CLEANER_QUALITY")
    return Path(named) if named else None


def made_texts(count: int, seed: int = 1) -> list[str]:
    """Return `count` texts of about 10 KB made by a generator; the same seed gives the same texts."""
    rnd = random.Random(seed)
    return [_text(rnd) for _ in range(count)]


def _text(rnd: random.Random) -> str:
    hit = HIT if rnd.random() < CHANGED else 0.0
    lines = []
    for _ in range(rnd.randint(20, 150)):
        lines.append(_line(rnd, hit))
        if rnd.random() < BLANK / (1 - BLANK):  # seldom two blank ones in a row
            lines.append("")
    return "\n".join(lines)


def _line(rnd: random.Random, hit: float) -> str:
    if rnd.random() < hit:
        return rnd.choice(LEFTOVERS)
    words = [rnd.choice(WORDS) for _ in range(max(1, min(500, int(rnd.lognormvariate(2.3, 1.2)))))]
    for _ in range(2 if rnd.random() < NOT_ASCII else 0):
        words[rnd.randrange(len(words))] = rnd.choice(["café", "“quoted”", "naïve", "it’s", "–", "Zürich"])
    return " ".join(words).capitalize() + rnd.choice([".", ".", "", "", ":"])


def texts(count: int) -> list[str]:
    """Return texts to measure on: every n-th of the labelled ones, or made ones."""
    path = quality_file()
    if path is None:
        return made_texts(count)
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    rows = [row["text"] for row in rows if row.get("extractor") != "resiliparse_full"]
    return rows[:: max(1, len(rows) // count)][:count]

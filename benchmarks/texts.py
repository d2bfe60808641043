"""Texts to measure on: labelled real pages where they are at hand, else text made to look like them."""

import gzip
import json
import os
import random
from pathlib import Path

# Measured on extracted web pages: median line lengths, share of blank lines, of lines with characters
# beyond ASCII, and of lines that a rule hits.
BLANK, NOT_ASCII, HIT = 0.27, 0.22, 0.02
WORDS = (
    "the of and to in a is that for it was on with as by at from his her they have this had not are but were "
    "which one all their there been more when who will would can out about other into some could time year "
    "people council mayor report school market water street music summer winter house river garden price"
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
    return ["\n".join(_line(rnd) for _ in range(rnd.randint(40, 220))) for _ in range(count)]


def _line(rnd: random.Random) -> str:
    if rnd.random() < BLANK:
        return ""
    if rnd.random() < HIT:
        return rnd.choice(LEFTOVERS)
    words = [rnd.choice(WORDS) for _ in range(max(1, int(rnd.lognormvariate(2.4, 1.0))))]
    if rnd.random() < NOT_ASCII:
        words[rnd.randrange(len(words))] = rnd.choice(["café", "“quoted”", "naïve", "it’s", "–", "Zürich"])
    return " ".join(words).capitalize() + rnd.choice([".", ".", ".", "", ":"])


def texts(count: int) -> list[str]:
    """Return texts to measure on: every n-th of the labelled ones, or made ones."""
    path = quality_file()
    if path is None:
        return made_texts(count)
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    rows = [row["text"] for row in rows if row.get("extractor") != "resiliparse_full"]
    return rows[:: max(1, len(rows) // count)][:count]

"""What several tests clean with, and what they clean."""

import random
from collections.abc import Iterator
from typing import Any

from cleaner.rules.layers import resolve

PACK = r"""
pack: t
version: 1.0.0
about: Rules that the tests can count on
rules:
- id: share-line
  about: A share button
  risk: safe
  match: {is: share}
  examples: [{in: "He left.\nShare\nShe stayed.", out: "He left.\nShe stayed."}, {keep: Share prices fell}]
- id: hyphen-gap
  about: A gap before a hyphen
  unit: span
  risk: safe
  match: {regex: ' (?=-backed)', case: true}
  examples: [{in: US -backed force, out: US-backed force}, {keep: he left - backed by none}]
"""

# Each shape once drove some parser into quadratic time.
SHAPES = {
    "mojibake": "Ã© word ",
    "quotes lost": "saidâ€ and",
    "no blank": "Ð¿Ñ€Ð¸",
    "java null": "À\x80",
    "surrogates": "í\xa0\xbdí¸\x80",
    "lines": "â€™\n",
    "old lines": "â€™\r",
    "entities": "&eacute; ` `` ",
    "nested": "&amp;amp;",
    "open": "&amp",
    "blanks": " \xa0\t",
    "escapes": "\x1b]\x1b[0",
    "hyphens": "\xad ",
    "fences": "```\n",
    "ticks": "`a``b```c````&amp;",
    "blank lines": "\n \n\n",
}

WORDS = (
    "the council voted late on monday after a long debate about the harbour and the new bridge which nobody in town "
    "had asked for while café owners near the market said that prices “went up” again this winter"
).split()


def documents(count: int) -> Iterator[dict[str, Any]]:
    """Make documents of prose and examples of the shipped rules, always the same: `id`, `url`, `language` and `text`.

    Some have no text, no URL or no language; some texts come twice.
    """
    examples = [
        example
        for rule in resolve(["default"]).configuration.rules
        for example in rule.examples
        if len(example.text) < 2000
    ]
    for number in range(count):
        rnd = random.Random(number if number % 50 else number // 2)
        parts = [_prose(rnd) for _ in range(rnd.randint(1, 5))]
        chosen = rnd.sample(examples, rnd.choice([0, 1, 1, 2, 3]))
        for example in chosen:
            parts.insert(rnd.randint(0, len(parts)), example.text)
        site = next((one.site for one in chosen if one.site), f"site{rnd.randrange(97)}.example.com")
        spoken = next((one.language for one in chosen if one.language), rnd.choice(["en", "de", None, None]))
        yield {
            "id": f"doc-{number:05d}",
            "url": f"https://{site}/{number}" if rnd.random() < 0.8 else None,
            "language": spoken,
            "text": rnd.choice(["\n", "\n\n"]).join(parts) if rnd.random() < 0.98 else None,
        }


def _prose(rnd: random.Random) -> str:
    return " ".join(rnd.choice(WORDS) for _ in range(rnd.randint(8, 30))).capitalize() + "."

"""What several tests clean with."""

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

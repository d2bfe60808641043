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

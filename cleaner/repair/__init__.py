"""The operations behind `do: fix`: encoding, entities, invisible characters and spacing.

Each operation is a function from a whole text, split into lines, and its options to the stretches to replace, and
one line in `OPERATIONS`. They are pure, never raise on any `str` (lone surrogates included), take linear time, and find
nothing in their own result. A line ends at LF, CRLF or a lone CR; every other character stands inside a line.

>>> encoding = OPERATIONS["encoding"]
>>> encoding.find(Lines.of("donâ€™t"), encoding.options())
[Replacement(start=3, end=6, after='’', evidence={'steps': ['encode sloppy-windows-1252', 'decode utf-8']})]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from cleaner.repair.common import Replacement
from cleaner.repair.encoding import EncodingOptions, find_encoding
from cleaner.repair.entities import EntitiesOptions, find_entities
from cleaner.repair.invisible import InvisibleOptions, find_invisible
from cleaner.repair.spacing import (
    BlankLinesOptions,
    NonBreakingSpacesOptions,
    TrailingBlanksOptions,
    find_blank_lines,
    find_non_breaking_spaces,
    find_trailing_blanks,
)
from cleaner.text import Lines

__all__ = [
    "OPERATIONS",
    "BlankLinesOptions",
    "EncodingOptions",
    "EntitiesOptions",
    "InvisibleOptions",
    "NonBreakingSpacesOptions",
    "Operation",
    "Replacement",
    "TrailingBlanksOptions",
    "operation_schemas",
]


@dataclass(frozen=True, slots=True)
class Operation:
    """One fix that a rule can name; `about` says in one line what it repairs.

    In the phase `fix` it runs before all other rules, in `spacing` after them. `options` is the options' type, of which every
    field has a default. `find` gives, for a whole text's lines and options, sorted replacements that do not overlap, each a
    real change.
    """

    about: str
    phase: Literal["fix", "spacing"]
    options: type[msgspec.Struct]
    find: Callable[[Lines, Any], list[Replacement]]


OPERATIONS: Mapping[str, Operation] = {
    "encoding": Operation("Mojibake: text decoded with the wrong encoding", "fix", EncodingOptions, find_encoding),
    "entities": Operation("Leftover HTML entities, in text that holds no tags", "fix", EntitiesOptions, find_entities),
    "invisible": Operation(
        "Control characters, terminal escapes, zero-width spaces, soft hyphens",
        "fix",
        InvisibleOptions,
        find_invisible,
    ),
    "trailing_blanks": Operation("Blanks at the ends of lines", "spacing", TrailingBlanksOptions, find_trailing_blanks),
    "blank_lines": Operation(
        "Too many blank lines in a row, or at the start or end",
        "spacing",
        BlankLinesOptions,
        find_blank_lines,
    ),
    "non_breaking_spaces": Operation(
        "Non-breaking spaces in runs, beside other blanks or at a line's edge",
        "spacing",
        NonBreakingSpacesOptions,
        find_non_breaking_spaces,
    ),
}
"""The operations by the name that `with: {operation: …}` gives."""


def operation_schemas() -> dict[str, dict[str, Any]]:
    """Return for each operation the JSON Schema of its options, with what it repairs as the description.

    >>> operation_schemas()["entities"]["properties"]["angle_brackets"]["default"]
    False
    """
    types = [operation.options for operation in OPERATIONS.values()]
    _, schemas = msgspec.json.schema_components(types)
    return {
        name: {
            "description": operation.about,
            "type": "object",
            "properties": schemas[operation.options.__name__]["properties"],
        }
        for name, operation in OPERATIONS.items()
    }

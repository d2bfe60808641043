"""Keys of the language: what each says, how it is read, and what its value looks like."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cleaner.rules.names import Reading
from cleaner.rules.nodes import Node, Problems
from cleaner.rules.problems import nearest

__all__ = ["Key", "check_keys", "ref"]


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the language: how its value is read, what it says, and what the value looks like.

    `schema` is the value's JSON Schema, for editors and the reference; `example` and `default` are values as they
    are written. Where `read` is None, the value is read together with its neighbours. `name` is the field that
    it fills, if that is called otherwise.
    """

    about: str
    schema: Mapping[str, Any]
    example: str
    default: str = ""
    read: Callable[[Reading, Node], Any] | None = None
    name: str = ""


def ref(kind: str) -> dict[str, Any]:
    """Return the JSON Schema of a value of a kind that `cleaner.rules.schema` describes."""
    return {"$ref": f"#/$defs/{kind}"}


def check_keys(
    problems: Problems,
    node: Node,
    known: Mapping[str, Key],
    what: str,
    hint: Callable[[str, Node], str] = lambda key, value: "",
) -> bool:
    """Report what is no map, and keys that are not known; tell whether it is a map.

    `hint` says of an unknown key and its value what to do, where there is more to say than which key is near.
    """
    if node.kind != "map":
        if node.tag != "alias":
            problems.add(node.place, f"{what} must be a map with the keys {', '.join(known)}")
        return False
    for key, key_node, value in node.named():
        if key not in known:
            said = hint(key, value) or nearest(key, list(known))
            problems.add(key_node.place, f"unknown key `{key[:60]}` in {what}{said}")
    return True

"""Names that packs define, and the state of reading what may use them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cleaner.rules.nodes import Node, Problems

__all__ = ["Names", "Reading"]


@dataclass(frozen=True, slots=True)
class Names:
    """What `define` says: by pack, the nodes of each name; `sees` lists for each pack the packs whose names it may use bare."""

    defined: Mapping[str, Mapping[str, Node]]
    sees: Mapping[str, tuple[str, ...]]

    def find(self, name: str, pack: str) -> tuple[str, Node] | None:
        """Return the pack and node that ``name`` or ``pack/name`` (without the dollar) stands for in `pack`."""
        owner, slash, bare = name.partition("/")
        for candidate in (owner,) if slash else self.sees.get(pack, (pack,)):
            node = self.defined.get(candidate, {}).get(bare if slash else name)
            if node is not None:
                return candidate, node
        return None

    def visible(self, pack: str) -> list[str]:
        """Return all names that `pack` may write."""
        bare = [name for seen in self.sees.get(pack, (pack,)) for name in self.defined.get(seen, {})]
        return bare + [f"{owner}/{name}" for owner, names in self.defined.items() for name in names]


@dataclass(slots=True)
class Reading:
    """The state of reading one pack's rules: its names, the problems found, and the names being resolved."""

    pack: str
    names: Names
    problems: Problems
    resolving: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    depth: int = 0

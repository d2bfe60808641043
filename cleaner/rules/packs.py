"""The shipped packs, by name."""

from __future__ import annotations

from functools import cache
from pathlib import Path

__all__ = ["pack_files"]


@cache
def pack_files() -> dict[str, Path]:
    """Return the shipped packs: name to file. A wheel carries them inside the package, a checkout beside it."""
    package = Path(__file__).resolve().parents[1]
    folder = package / "packs"
    if not folder.is_dir():
        folder = package.parent / "rules"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}

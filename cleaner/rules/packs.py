"""The shipped packs, by name."""

from __future__ import annotations

from functools import cache
from pathlib import Path

__all__ = ["pack_files", "pack_folder"]


def pack_folder() -> Path:
    """Return the folder of the shipped packs. A wheel carries it inside the package, a checkout beside it."""
    package = Path(__file__).resolve().parents[1]
    folder = package / "packs"
    return folder if folder.is_dir() else package.parent / "rules"


@cache
def pack_files() -> dict[str, Path]:
    """Return the shipped packs: name to file."""
    return {path.stem: path for path in sorted(pack_folder().glob("*.yaml"))}

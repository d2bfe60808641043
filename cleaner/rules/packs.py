"""The shipped packs, by name."""

from __future__ import annotations

import os.path
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LARGEST_FILE", "LARGEST_FILE_BYTES", "pack_files", "pack_folder", "pack_paths"]

LARGEST_FILE = 16_000_000  # characters of one pack
LARGEST_FILE_BYTES = 4 * LARGEST_FILE  # a character has up to four in UTF-8


@cache
def _folder() -> str:
    package = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    folder = os.path.join(package, "packs")
    return folder if os.path.isdir(folder) else os.path.join(os.path.dirname(package), "rules")


def pack_folder() -> Path:
    """Return the folder of the shipped packs. A wheel carries it inside the package, a checkout beside it."""
    from pathlib import Path  # takes long to import, and cleaning needs none

    return Path(_folder())


@cache
def pack_files() -> dict[str, Path]:
    """Return the shipped packs: name to file."""
    from pathlib import Path

    return {name: Path(path) for name, path in pack_paths().items()}


@cache
def pack_paths() -> dict[str, str]:
    """Return the shipped packs: name to the path of the file."""
    names = sorted(name.removesuffix(".yaml") for name in os.listdir(_folder()) if name.endswith(".yaml"))
    return {name: os.path.join(_folder(), f"{name}.yaml") for name in names}

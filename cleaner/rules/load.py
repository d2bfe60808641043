"""Loading rules for cleaning: from the cache, or from YAML, which is imported only then."""

from __future__ import annotations

import os.path
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cleaner.rules.cache import cached, without_examples
from cleaner.rules.model import Configuration

if TYPE_CHECKING:
    from pathlib import Path

    from cleaner.rules.layers import Resolved

__all__ = ["load", "load_file", "load_text"]


def load(names: Sequence[str]) -> Configuration:
    """Return the configuration that the named packs make together, in this order, without the rules' examples.

    Raises `RuleError` with every problem found, `TypeError` for one name that is not in a sequence.

    >>> load(["core"]).packs[0].name
    'core'
    """
    if isinstance(names, str):  # a sequence, too: each of its letters would be a name
        raise TypeError(f"packs are named by a sequence of str, as in load([{names!r}]), not by {names!r}")

    def resolved() -> Resolved:
        from cleaner.rules.layers import resolve

        return resolve(names)

    return cached(["packs", *names], resolved)


def load_file(path: str | Path) -> Configuration:
    """Return the configuration of a pack or configuration file, without the rules' examples.

    Raises `RuleError` with every problem found, `OSError` where the file cannot be read.
    """

    def resolved() -> Resolved:
        from cleaner.rules.layers import resolve_file

        return resolve_file(path)

    if not os.path.isfile(path):  # a pipe can be read only once
        return without_examples(resolved().configuration)
    return cached(["file", str(path), os.path.abspath(path)], resolved)


def load_text(text: str, file: str = "<text>") -> Configuration:
    """Return the configuration written in `text`, without the rules' examples; `file` names it in messages.

    Paths in it are taken from the working directory. Raises `RuleError` with every problem found.
    """
    if not isinstance(text, str):
        raise TypeError(f"text must be str, not {type(text).__name__}")
    from cleaner.rules.layers import resolve_text

    return without_examples(resolve_text(text, file).configuration)

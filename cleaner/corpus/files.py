"""Text files: finding them, mirroring their names, reading and writing their bytes.

Names are handled as the file system gives them. Bytes of a name that are not UTF-8 travel as lone
surrogates (`os.fsdecode`), so that every name leads back to its file. A document's name is its path in
the output, with `/` between the parts.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import BinaryIO

__all__ = [
    "AUDIT_FOLDER",
    "TEXT_SUFFIXES",
    "Found",
    "InputError",
    "Skipped",
    "Source",
    "decode",
    "find",
    "is_safe_name",
    "path_of",
    "prepare_output",
    "walk",
    "write_whole",
]

TEXT_SUFFIXES = (".txt", ".text", ".md")
AUDIT_FOLDER = "_audit"


class InputError(ValueError):
    """The inputs or the output cannot be used as asked; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file to clean: its path, the name of its document, and its size in bytes when it was found."""

    path: str
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """A path that is left out, and why; `error` says that it may have held text."""

    path: str
    reason: str
    error: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """What is to be cleaned, in order, and what is not."""

    sources: tuple[Source, ...]
    skipped: tuple[Skipped, ...]


def find(inputs: Sequence[str]) -> Found:
    """Return the text files among and under `inputs`, sorted by the bytes of their names.

    A file keeps its own name, files in a folder their path below that folder. Links to files are read,
    links to folders are not entered: they may lead in circles. Raises `InputError` where an input does
    not exist, where two files would have one name, or where there is no text file at all.
    """
    sources: list[Source] = []
    skipped: list[Skipped] = []
    for path in inputs:
        if not os.path.exists(path):
            raise InputError(f"{path}: there is no such file or folder")
        single = not os.path.isdir(path)
        candidates = [(path, os.path.basename(path))] if single else walk(path)
        for found, name in candidates:
            if isinstance(name, Skipped):
                skipped.append(name)
                continue
            entry = _look(found, name)
            if isinstance(entry, Source):
                sources.append(entry)
            else:
                skipped.append(entry)
    if not sources and not any(skip.error for skip in skipped):
        kinds = ", ".join(TEXT_SUFFIXES)
        raise InputError(f"no text file ({kinds}) in {', '.join(inputs)}")
    _check_names(sources)
    return Found(tuple(sources), tuple(skipped))


def walk(folder: str) -> Iterator[tuple[str, str | Skipped]]:
    """Yield the path and the name of every file under `folder`, or why a path cannot be entered.

    The name is the path below `folder`. The order is that of the bytes of the names, in each folder.
    """
    waiting = [(folder, "")]
    while waiting:
        path, name = waiting.pop()
        if name and not os.path.isdir(path):
            yield path, name
        elif name and os.path.islink(path):
            yield path, Skipped(path, "a link to a folder; name that folder as an input of its own")
        else:
            try:
                entries = sorted(os.listdir(path), key=os.fsencode, reverse=True)
            except OSError as error:
                yield path, Skipped(path, f"cannot be read: {error.strerror}", error=True)
                continue
            prefix = f"{name}/" if name else ""
            waiting.extend((os.path.join(path, entry), prefix + entry) for entry in entries)


def _look(path: str, name: str) -> Source | Skipped:
    if not name.lower().endswith(TEXT_SUFFIXES):
        return Skipped(path, f"not a text file ({', '.join(TEXT_SUFFIXES)})")
    try:
        status = os.stat(path)
    except OSError as error:
        return Skipped(path, f"cannot be read: {error.strerror}", error=True)
    if not stat.S_ISREG(status.st_mode):
        return Skipped(path, "not a regular file")
    return Source(path, name, status.st_size)


def _check_names(sources: Sequence[Source]) -> None:
    paths: dict[str, str] = {}
    for source in sources:
        if not is_safe_name(source.name):
            raise InputError(f"{source.path}: the name {AUDIT_FOLDER} is kept for the audit; rename it")
        if source.name in paths:
            both = f"{paths[source.name]} and {source.path}"
            raise InputError(f"{both} would both become {source.name}; clean them into two folders")
        paths[source.name] = source.path
    for source in sources:
        parent = source.name
        while parent := parent.rpartition("/")[0]:
            if parent in paths:
                both = f"{paths[parent]} and {source.path}"
                raise InputError(f"{both} cannot both be in one folder; clean them into two folders")


def is_safe_name(name: str) -> bool:
    """Say whether `name` is one that a document can have: a path that stays inside the output.

    >>> [is_safe_name(name) for name in ("a/b.txt", "../b.txt", "/b.txt", "_audit/b.txt", "a//b.txt", "")]
    [True, False, False, False, False, False]
    """
    parts = name.split("/")
    if parts[0] == AUDIT_FOLDER or any(part in ("", ".", "..") for part in parts) or "\0" in name:
        return False
    return os.sep == "/" or not set(name) & {os.sep, ":"}


def path_of(folder: str, name: str) -> str:
    """Return the path of document `name` in `folder`."""
    return os.path.join(folder, *name.split("/"))


def prepare_output(out: str, inputs: Sequence[str]) -> None:
    """Make the folder `out`.

    Raises `InputError` unless it is new or empty, and apart from every folder of `inputs`.
    """
    target = os.path.realpath(out)
    for path in inputs:
        origin = os.path.realpath(path)
        if target == origin:
            raise InputError(f"{out}: the output must not be the input; choose another folder")
        if os.path.isdir(origin) and _inside(target, origin):
            raise InputError(f"{out}: the output must not be inside the input {path}; choose another folder")
        if _inside(origin, target):
            raise InputError(f"{path}: the input must not be inside the output {out}; choose another folder")
    if os.path.lexists(out) and not os.path.isdir(out):
        raise InputError(f"{out}: is not a folder; choose another name for the output")
    try:
        os.makedirs(out, exist_ok=True)
        entries = os.listdir(out)
    except OSError as error:
        raise InputError(f"{out}: cannot be used as a folder: {error.strerror}") from None
    if entries:
        raise InputError(f"{out}: is not empty; remove it or choose another folder")


def _inside(path: str, folder: str) -> bool:
    return path.startswith(folder if folder.endswith(os.sep) else folder + os.sep)


def decode(data: bytes) -> str:
    """Return `data` as UTF-8 text, every character kept: line ends, NUL and a byte order mark (U+FEFF).

    Raises `UnicodeDecodeError`, whose `start` is the offset of the first bad byte.
    """
    return data.decode("utf-8")


@contextmanager
def write_whole(path: str) -> Iterator[BinaryIO]:
    """Open a file that appears at `path` when the block ends, whole, or, if it fails, not at all."""
    folder = os.path.dirname(path) or "."
    temporary = os.path.join(folder, f".cleaner-{os.getpid()}-{os.urandom(4).hex()}.tmp")
    try:
        with open(temporary, "xb") as handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise

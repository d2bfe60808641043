"""Files: finding them, and mirroring their names.

Names are handled as the file system gives them. Bytes of a name that are not UTF-8 travel as lone
surrogates (`os.fsdecode`), so that every name leads back to its file. A document's name is its path in
the output, with `/` between the parts.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cleaner.corpus.formats import is_corpus_file, suffixes
from cleaner.corpus.store import exists, is_remote, joined, listing, make_folder, remote_files
from cleaner.corpus.streams import InputError

__all__ = [
    "AUDIT_FOLDER",
    "QUARANTINE_FOLDER",
    "RUN_FILE",
    "Found",
    "InputError",
    "Skipped",
    "Source",
    "check_output",
    "find",
    "is_safe_name",
    "path_of",
    "prepare_output",
    "quarantine_of",
    "walk",
]

AUDIT_FOLDER = "_audit"
QUARANTINE_FOLDER = "_quarantine"
RUN_FILE = "run.jsonl"  # in the folder of the audit, when the run is finished
_SHOWN = 3  # reasons why nothing is left to clean


@dataclass(frozen=True, slots=True)
class Source:
    """A file to clean: its path, its name in the output, its size in bytes when it was found.

    `stamp` changes when the file does: its time of change in nanoseconds, or what a bucket gives.
    """

    path: str
    name: str
    size: int
    stamp: str = ""


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
    """Return the files with text among and under `inputs`, sorted by the bytes of their names.

    A file keeps its own name, files in a folder their path below that folder. Links to files are read,
    links to folders are not entered: they may lead in circles. Of the output of a run, its audit and its quarantine are
    left out. Raises `InputError` where an input does not exist, where two files would have one name, or where there is
    none at all.
    """
    sources: list[Source] = []
    skipped: list[Skipped] = []
    for path in inputs:
        records = _records(path)
        skipped += records.values()
        if is_remote(path):
            for place, inner, size, stamp in remote_files(path):
                if inner.partition("/")[0] in records:
                    continue
                if is_corpus_file(inner):
                    sources.append(Source(place, inner, size, stamp))
                else:
                    skipped.append(Skipped(place, f"not a file that can be cleaned ({suffixes()})"))
            continue
        if not os.path.exists(path):
            raise InputError(f"{path}: there is no such file or folder")
        single = not os.path.isdir(path)
        candidates = [(path, os.path.basename(path))] if single else walk(path)
        for found, name in candidates:
            if isinstance(name, Skipped):
                skipped.append(name)
                continue
            if name.partition("/")[0] in records:
                continue
            entry = _look(found, name)
            if isinstance(entry, Source):
                sources.append(entry)
            else:
                skipped.append(entry)
    if not sources and not any(skip.error for skip in skipped):
        more = [f"; {skip.path}: {skip.reason}" for skip in skipped if suffixes() not in skip.reason]
        if any(skip.path.lower().endswith(".json") for skip in skipped):
            more.insert(0, "; name JSON Lines .jsonl, for .json is one value")
        raise InputError(f"no file that can be cleaned ({suffixes()}) in {', '.join(inputs)}{''.join(more[:_SHOWN])}")
    _check_names(sources)
    sources.sort(key=lambda source: os.fsencode(source.name).split(b"/"))
    return Found(tuple(sources), tuple(skipped))


def _records(path: str) -> dict[str, Skipped]:
    """Return what is not text of a corpus in an input that is the output of a finished run, by name."""
    if not exists(joined(path, AUDIT_FOLDER, RUN_FILE)):
        return {}
    kept = {AUDIT_FOLDER: "the audit of a run", QUARANTINE_FOLDER: "the quarantine of a run"}
    return {name: Skipped(joined(path, name), kept[name]) for name in listing(path) if name in kept}


def walk(folder: str) -> Iterator[tuple[str, str | Skipped]]:
    """Yield the path and the name of every file under `folder`, or why a path cannot be entered.

    The name is the path below `folder`. The order is that of the bytes of the names, in each folder.
    """
    if is_remote(folder):
        yield from ((path, name) for path, name, _, _ in remote_files(folder))
        return
    waiting = [(folder, "", True, False)]
    while waiting:
        path, name, is_folder, is_link = waiting.pop()
        if not is_folder:
            yield path, name
        elif is_link:
            yield path, Skipped(path, "a link to a folder; name that folder as an input of its own")
        else:
            try:
                with os.scandir(path) as found:
                    entries = sorted(found, key=lambda entry: os.fsencode(entry.name), reverse=True)
            except OSError as error:
                yield path, Skipped(path, f"cannot be read: {error.strerror}", error=True)
                continue
            prefix = f"{name}/" if name else ""
            for entry in entries:
                is_folder = _is_folder(entry)
                waiting.append((entry.path, prefix + entry.name, is_folder, is_folder and entry.is_symlink()))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Say whether an entry is a folder or a link to one; most systems tell it along with the name."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _look(path: str, name: str) -> Source | Skipped:
    if not is_corpus_file(name):
        return Skipped(path, f"not a file that can be cleaned ({suffixes()})")
    try:
        status = os.stat(path)
    except OSError as error:
        return Skipped(path, f"cannot be read: {error.strerror}", error=True)
    if not stat.S_ISREG(status.st_mode):
        return Skipped(path, "not a regular file")
    return Source(path, name, status.st_size, str(status.st_mtime_ns))


def _check_names(sources: Sequence[Source]) -> None:
    paths: dict[str, str] = {}
    for source in sources:
        if not is_safe_name(source.name):
            first = source.name.partition("/")[0]
            use = "the audit" if first == AUDIT_FOLDER else "the quarantine"
            raise InputError(f"{source.path}: the name {first} is kept for {use}; rename it")
        if paths.get(source.name) == source.path:
            raise InputError(f"{source.path}: the inputs hold this file twice; name it once")
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
    if parts[0] in (AUDIT_FOLDER, QUARANTINE_FOLDER) or any(part in ("", ".", "..") for part in parts) or "\0" in name:
        return False
    return os.sep == "/" or not set(name) & {os.sep, ":"}


def path_of(folder: str, name: str) -> str:
    """Return the path of document `name` in `folder`."""
    return joined(folder, *name.split("/"))


def quarantine_of(out: str, name: str) -> str:
    """Return the path of the file with what was flagged in the file `name` of the output `out`."""
    return path_of(joined(out, QUARANTINE_FOLDER), name)


def prepare_output(out: str, inputs: Sequence[str], *, again: bool = False) -> None:
    """Make the folder `out`.

    Raises `InputError` unless it is new or empty (or, with `again`, holds a run), and apart from every
    folder of `inputs`.
    """
    check_output(out, inputs, again=again)
    try:
        make_folder(out)
    except OSError as error:
        raise InputError(f"{out}: cannot be used as a folder: {error.strerror}") from None


def check_output(out: str, inputs: Sequence[str], *, again: bool = False) -> None:
    """Raise `InputError` where `prepare_output` would; make nothing."""
    if is_remote(out) or any(map(is_remote, inputs)):
        _check_apart(out, inputs)
        _check_entries(out, listing(out), again=again)
        return
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
    above = target
    while not os.path.lexists(above):
        above = os.path.dirname(above)
    try:
        if above != target:
            os.stat(os.path.join(above, "."))  # a file is no folder to make one in
            if not os.access(above, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            return
        entries = os.listdir(out)
        if not entries and not os.access(out, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise InputError(f"{out}: cannot be used as a folder: {error.strerror}") from None
    _check_entries(out, entries, again=again)


def _check_entries(out: str, entries: Sequence[str], *, again: bool) -> None:
    if entries and not (again and AUDIT_FOLDER in entries):
        raise InputError(f"{out}: is not empty; remove it or choose another folder")


def _check_apart(out: str, inputs: Sequence[str]) -> None:
    target = out.rstrip("/")
    for path in inputs:
        origin = path.rstrip("/")
        if f"{target}/".startswith(f"{origin}/") or f"{origin}/".startswith(f"{target}/"):
            raise InputError(f"{out}: the output and the input {path} must be apart; choose another folder")


def _inside(path: str, folder: str) -> bool:
    return path.startswith(folder if folder.endswith(os.sep) else folder + os.sep)

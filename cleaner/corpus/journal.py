"""The record of a run: what was asked, which tasks are done and what they gave, and how to go on.

In ``OUT/_audit`` stands ``run.jsonl`` where a run is finished: its header, then a row for each task, in order,
whose edits and documents are in ``part-00000.jsonl.zst`` and so on. Until then the rows stand in ``journal.jsonl``,
as tasks end, and the parts in ``tasks/``, named by the tasks' keys. Between the two, a run packs, and one
that goes on with a finished run first unpacks; ``pack.jsonl`` and ``unpack.jsonl`` say so, and
every step of both can be done again, so that a crash may happen at any moment.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated

import msgspec

from cleaner.audit import AuditError, RunRow, decode_as, encode_row
from cleaner.corpus.files import AUDIT_FOLDER, RUN_FILE
from cleaner.corpus.store import (
    exists,
    is_remote,
    joined,
    listing,
    make_folder,
    move,
    read_bytes,
    remove,
    remove_folder,
    write_whole,
)
from cleaner.corpus.streams import CODECS, InputError

__all__ = [
    "FailureRow",
    "FileRow",
    "JoinRow",
    "Journal",
    "TaskRow",
    "append",
    "audit_codec",
    "begin",
    "check",
    "codec_of",
    "finish",
    "is_begun",
    "lock",
    "part_path",
    "read_run",
    "reopen",
    "task_path",
]

Count = Annotated[int, msgspec.Meta(ge=0)]


class FileRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """A file of a task: its name, size and stamp as input, and the size of what was written (-1: nothing).

    `apart` is the size of its file in the quarantine (-1: nothing in it was flagged). `textless` says that it has
    records, and none of them text. `apart_sha256` is the digest of the file in the quarantine, `rejected_sha256` that of
    what was rejected, empty where there is none.
    """

    name: str
    size: Count
    stamp: str
    written: int
    apart: int = -1
    textless: bool = False
    apart_sha256: str = ""
    rejected_sha256: str = ""


class FailureRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """A document, or a path, with a flag that is an error."""

    document: str
    flag: str
    detail: str


class TaskRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="task"):
    """A task that is done.

    ``[start, end)`` is what it read of its file, in the units of the format, if it did not read it all, `seek`
    where reading began (a byte on the disk, and the one, uncompressed, that stands there); `extent` is how many
    such units it wrote. `sha256` is that of the digests of all it wrote. `sources` has, for
    hosts and files, the documents, their characters and how many were removed; `rules` how often a rule
    acted and how many characters went. `known` counts the documents that say their id, url or language. `failed`
    has the first errors of `errors`.
    """

    key: str
    files: tuple[FileRow, ...]
    start: Count
    end: int | None
    part: bool
    seek: tuple[Count, Count]
    extent: Count
    sha256: str
    documents: Count
    changed: Count
    edits: Count
    chars: Count
    clean_chars: Count
    bytes: Count
    clean_bytes: Count
    audit_bytes: Count
    without_text: Count
    known: dict[str, int]
    rules: dict[str, tuple[int, int]]
    sources: dict[str, tuple[int, int, int]]
    flags: dict[str, int]
    errors: Count
    failed: tuple[FailureRow, ...]


class JoinRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="join"):
    """A file whose parts were put together, as in `FileRow`; `keys` are those of the tasks, as one.

    `sha256` is the digest of the file where it is more than its parts in a row, and else empty.
    """

    name: str
    keys: str
    size: Count
    apart: int = -1
    sha256: str = ""
    apart_sha256: str = ""


Row = RunRow | TaskRow | JoinRow
_DECODER: msgspec.json.Decoder[Row] = msgspec.json.Decoder(Row)
_RUN, _JOURNAL, _PACK, _UNPACK = RUN_FILE, "journal.jsonl", "pack.jsonl", "unpack.jsonl"


@dataclass(frozen=True, slots=True)
class Journal:
    """What is known of a run."""

    header: RunRow | None = None
    tasks: dict[str, TaskRow] = field(default_factory=dict)
    joins: dict[str, JoinRow] = field(default_factory=dict)


def audit_codec() -> str:
    """Return the suffix of the compression that audits are written with: zstd's if it is installed."""
    try:
        import zstandard  # noqa: F401
    except ImportError:
        return ".gz"
    return ".zst"


def _path(out: str, *names: str) -> str:
    return joined(out, AUDIT_FOLDER, *names)


def part_path(out: str, number: int, codec: str) -> str:
    """Return where the rows of task `number` of a finished run stand."""
    return _path(out, f"part-{number:05d}.jsonl{codec}")


def task_path(out: str, name: str) -> str:
    """Return where a file of an unfinished task stands."""
    return _path(out, "tasks", name)


def _decode(data: bytes, *, torn: bool) -> Journal:
    journal = Journal()
    header = None
    for number, line in enumerate(data.splitlines(keepends=True), 1):
        try:
            row = decode_as(_DECODER, line)
        except AuditError as error:
            if torn:
                break  # the moment of a crash; what follows was never acknowledged
            raise AuditError(f"row {number} of {_RUN}: {error}") from None
        if isinstance(row, RunRow):
            if number > 1:
                raise AuditError("there is more than one header")
            header = row
        elif isinstance(row, TaskRow):
            journal.tasks[row.key] = row
        else:
            journal.joins[row.name] = row
    return Journal(header, journal.tasks, journal.joins)


def _load(out: str, name: str) -> Journal:
    torn = name == _JOURNAL
    data = read_bytes(_path(out, name))
    if torn and is_remote(out):
        # A bucket cannot append: there, each row is an object of its own.
        rows = listing(_path(out, "rows"))
        data += b"".join(read_bytes(_path(out, "rows", row)) for row in rows)
    return _decode(data, torn=torn)


def _write(out: str, name: str, rows: Sequence[Row]) -> None:
    with write_whole(_path(out, name)) as handle:
        handle.writelines(map(encode_row, rows))


def append(out: str, row: TaskRow | JoinRow) -> None:
    """Note that a task is done; it survives whatever happens next."""
    if is_remote(out):
        name = row.key if isinstance(row, TaskRow) else f"z-{row.keys[:24]}"
        with write_whole(_path(out, "rows", name)) as whole:
            whole.write(encode_row(row))
        return
    with open(_path(out, _JOURNAL), "ab") as handle:
        handle.write(encode_row(row))
        handle.flush()
        os.fsync(handle.fileno())


def read_run(out: str) -> Journal:
    """Return the record of the finished run in `out`.

    Raises `InputError` where there is none, `AuditError` where it is damaged.
    """
    try:
        return _load(out, _RUN)
    except OSError as error:
        state = "the run in it has not finished: run it again" if is_begun(out) else "is it the output of a run?"
        raise InputError(f"{out}: has no audit that can be read ({error.strerror or error}); {state}") from None


def is_begun(out: str) -> bool:
    """Say whether `out` holds a run that has not finished."""
    return any(exists(_path(out, name)) for name in (_JOURNAL, _PACK, _UNPACK))


def check(out: str, header: RunRow) -> None:
    """Raise `InputError` or `AuditError` where `begin` would; change nothing."""
    _last_record(out, header)


def begin(out: str, header: RunRow) -> tuple[Journal, bool]:
    """Make `out` ready for a run; return what is done already, and whether all of it was finished.

    Raises `InputError` where what is there was made by other rules, options or versions.
    """
    if exists(_path(out, _PACK)):
        _pack(out, _load(out, _PACK))
    name, journal = _last_record(out, header)
    if name == _RUN:
        return journal, True
    make_folder(_path(out, "tasks"))
    if exists(_path(out, _UNPACK)):
        _unpack(out, journal)
    _write(out, _JOURNAL, [header, *journal.tasks.values(), *journal.joins.values()])
    remove(_path(out, _UNPACK))
    return journal, False


def _last_record(out: str, header: RunRow) -> tuple[str, Journal]:
    """Return the name of the record that holds what is done in `out`, and what it says; empty where there is none.

    Raises `InputError` where that was made by other rules, options or versions.
    """
    names = (_PACK, *((_UNPACK, _JOURNAL) if exists(_path(out, _JOURNAL)) else (_RUN, _UNPACK)))
    name = next((name for name in names if exists(_path(out, name))), "")
    journal = _load(out, name) if name else Journal()
    if journal.header is not None:
        _compare(out, journal.header, header)
    elif name == _RUN:
        raise AuditError("it is empty")
    return name, journal


def reopen(out: str, journal: Journal) -> None:
    """Go on with a finished run, some of whose inputs changed."""
    make_folder(_path(out, "tasks"))
    move(_path(out, _RUN), _path(out, _UNPACK))
    _unpack(out, journal)
    assert journal.header is not None
    _write(out, _JOURNAL, [journal.header, *journal.tasks.values(), *journal.joins.values()])
    remove(_path(out, _UNPACK))


def _unpack(out: str, journal: Journal) -> None:
    codec = codec_of(journal)
    for number, key in enumerate(journal.tasks):
        part = part_path(out, number, codec)
        if exists(part):
            move(part, task_path(out, f"{key}.audit"))


def finish(out: str, header: RunRow, tasks: Sequence[TaskRow], joins: Sequence[JoinRow]) -> None:
    """Give the audit its final shape."""
    _write(out, _PACK, [header, *tasks, *joins])
    _pack(out, Journal(header, {row.key: row for row in tasks}))


def _pack(out: str, journal: Journal) -> None:
    codec = codec_of(journal)
    for number, key in enumerate(journal.tasks):
        path = task_path(out, f"{key}.audit")
        if exists(path):
            move(path, part_path(out, number, codec))
    kept = {part_path("", number, codec).rpartition("/")[2] for number in range(len(journal.tasks))}
    for name in listing(_path(out)):
        # Beside parts of an earlier cut, what a killed run was writing when it died.
        if (name.startswith("part-") and name not in kept) or name.startswith(".cleaner-"):
            remove(_path(out, name))
    remove(_path(out, _JOURNAL))
    if is_remote(out):
        remove_folder(_path(out, "rows"))
    move(_path(out, _PACK), _path(out, _RUN))
    remove_folder(_path(out, "tasks"))


def codec_of(journal: Journal) -> str:
    """Return the suffix of the compression of a run's audit."""
    codec = journal.header.options.get("audit", "") if journal.header else ""
    return codec if codec in CODECS else ""


def _compare(out: str, old: RunRow, new: RunRow) -> None:
    changes = []
    if old.version != new.version:
        changes.append(f"version {old.version} of cleaner, this is {new.version}")
    if old.digest != new.digest:
        packs = ", ".join(f"{pack.name} {pack.version}" for pack in old.packs)
        changes.append(f"other rules ({packs}, digest {old.digest[:12]}; now {new.digest[:12]})")
    for name in sorted(old.options.keys() | new.options.keys()):
        before, now = old.options.get(name), new.options.get(name)
        if isinstance(before, dict) and isinstance(now, dict):
            changes += [
                _change("--encoding" if key == "encoding" else f"--{key}-field", before.get(key), now.get(key))
                for key in sorted(before.keys() | now.keys())
                if before.get(key) != now.get(key)
            ]
        elif before != now:
            changes.append(_change(f"--{name}" if name in ("language", "quarantine") else name, before, now))
    for name in sorted(old.engines.keys() | new.engines.keys()):
        before, now = old.engines.get(name), new.engines.get(name)
        if before != now:
            changes.append(f"{name} {before}, now {now}")
    if changes:
        raise InputError(
            f"{out}: is not empty: it holds a run made with {'; '.join(changes)}; "
            "results must not be mixed: remove it or choose another folder"
        )


def _change(name: str, before: object, now: object) -> str:
    def shown(value: object) -> object:
        return ("on" if value else "off") if isinstance(value, bool) else "not given" if value is None else value

    return f"{name} {shown(before)}, now {shown(now)}"


@contextmanager
def lock(out: str) -> Iterator[None]:
    """Keep other runs away from `out`. Raises `InputError` where one is at work there.

    The operating system gives the lock back when the process ends, however it ends. There is none where the
    system has no such locks, and none in a bucket.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    if is_remote(out):
        yield
        return
    make_folder(_path(out))
    folder = os.open(_path(out), os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{out}: another run is writing to it; wait for it, or stop it") from None
        yield
    finally:
        os.close(folder)

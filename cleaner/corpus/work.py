"""What a worker does: clean, verify or restore the files of one task.

Everything here takes a task's description, reads and writes files, and returns counts. What is written is in
place, whole, when a function returns; a task that is interrupted can be done again.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, BinaryIO, Generic, TypeVar
from urllib.parse import urlsplit

from cleaner.audit import (
    AuditError,
    DocumentRow,
    EditRow,
    Entry,
    FlagRow,
    RunRow,
    document_rows,
    encode_row,
    read,
    restore_document,
    unchanged_row,
    verify_document,
)
from cleaner.corpus.files import AUDIT_FOLDER, Source, is_safe_name, path_of, quarantine_of
from cleaner.corpus.formats import TOO_LONG, Format, format_of, lacks_text
from cleaner.corpus.journal import FailureRow, FileRow, TaskRow, task_path
from cleaner.corpus.plan import SMALL, Options, Task
from cleaner.corpus.records import Fields, Input, Record, Writer
from cleaner.corpus.store import (
    is_remote,
    joined,
    make_folder,
    move,
    open_read,
    read_small,
    remove,
    size_of,
    sync_all,
    write_small,
    write_whole,
)
from cleaner.corpus.streams import Damage, Sink, blocks, lines, open_sink, split_name, told

if TYPE_CHECKING:
    from cleaner.engine import Cleaner, Result

__all__ = [
    "Check",
    "Done",
    "Mark",
    "Part",
    "audit_rows",
    "clean_record",
    "clean_task",
    "join_parts",
    "lost_task",
    "pairs",
    "put_together",
    "restore_part",
    "restored_part",
    "verify_part",
]

FAILURES = 100  # that a task's row names; the audit has them all
SOURCES = 100  # that a task's row counts apart
TOGETHER = 64  # small documents, more or less, that are read, noted and written in a row

_T = TypeVar("_T")
Mark = Callable[[int, int], None]  # is told the number of the record at hand, and the bytes done


@dataclass(frozen=True, slots=True)
class Done:
    """What comes of cleaning a task: its row, how many seconds it took, and how many of them the audit.

    `spent` tells more, if it was asked for: seconds by stage and rule.
    """

    row: TaskRow
    seconds: float
    audit_seconds: float
    spent: Mapping[tuple[str, str], float]


@dataclass(slots=True)
class _Tally:
    """What happened in a task."""

    documents: int = 0
    changed: int = 0
    edits: int = 0
    chars: int = 0
    clean_chars: int = 0
    without_text: int = 0
    errors: int = 0
    hits: Counter[str] = field(default_factory=Counter)
    removed: Counter[str] = field(default_factory=Counter)
    flags: Counter[str] = field(default_factory=Counter)
    sources: dict[str, list[int]] = field(default_factory=dict)
    failed: list[FailureRow] = field(default_factory=list)

    def fail(self, document: str, flag: str, detail: str) -> None:
        self.errors += 1
        if len(self.failed) < FAILURES:
            self.failed.append(FailureRow(_sayable(document), flag, _sayable(detail)))

    def count(self, rows: Sequence[EditRow | DocumentRow], source: str) -> None:
        document = rows[-1]
        assert isinstance(document, DocumentRow)
        self.documents += 1
        self.changed += len(rows) > 1
        self.edits += len(rows) - 1
        self.chars += document.chars
        self.clean_chars += document.clean_chars
        told = self.sources.setdefault(source, [0, 0, 0])
        for place, value in enumerate((1, document.chars, document.chars - document.clean_chars)):
            told[place] += value
        for row in rows[:-1]:
            assert isinstance(row, EditRow)
            self.hits.update(dict.fromkeys(row.rules, 1))
            self.removed[row.rules[-1]] += len(row.before) - len(row.after)
        for flag in document.flags:
            self.flags[flag.name] += 1
            if flag.error:
                self.fail(document.document, flag.name, flag.detail)

    def top_sources(self) -> dict[str, tuple[int, int, int]]:
        ranked = sorted(self.sources.items(), key=lambda item: (-item[1][2], -item[1][1], item[0]))
        told = {name: (one, two, three) for name, (one, two, three) in ranked[:SOURCES]}
        rest = [counts for _, counts in ranked[SOURCES:]]
        if rest:
            one, two, three = (sum(counts[place] for counts in rest) for place in range(3))
            told[""] = (one, two, three)
        return told


def _sayable(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _source_of(record: Record, file: Source) -> str:
    """Return the host of a document, or the file it is in."""
    if record.url:
        try:
            host = urlsplit(record.url).hostname
        except ValueError:
            host = None
        if host:
            return _sayable(host)
    return _sayable(file.name)


def name_of(file: str, record: Record, single: bool) -> str:
    """Return the name of a document in the audit."""
    return file if single and not record.place and not record.lost else f"{file}#{record.place}"


def clean_record(
    cleaner: Callable[..., Result],
    record: Record,
    name: str,
    source: str,
    language: str | None,
    *,
    broken: bool = False,
) -> tuple[str | None, list[EditRow | DocumentRow]]:
    """Clean the document in `record`; return its text, None if it stays, and its rows.

    A document on which the engine fails stays, flagged; so does one that is `broken`: workers died of it.
    """
    if record.text is None:
        kind = "corrupt" if record.lost else "oversize" if record.problem == TOO_LONG else "malformed"
        flag = FlagRow(kind, None, record.problem, error=True)
        if (
            isinstance(record.raw, bytes)
            and record.encoding == "utf-8"
            and record.problem.startswith("not UTF-8 at byte ")
        ):
            flag = FlagRow("undecodable", None, record.problem, error=True)
        data = record.raw if isinstance(record.raw, bytes) else b""
        return None, [unchanged_row(name, source, data, None, flag)]
    encoding = record.encoding
    told = {"id": record.id, "url": record.url, "language": record.language}
    original = record.text.encode(encoding, "surrogatepass")
    try:
        if broken:
            raise RuntimeError("the process that cleaned it died, twice")
        result = cleaner(record.text, url=record.url, language=record.language or language)
        clean = result.text.encode(encoding, "surrogatepass") if result.edits else original
        return (
            result.text if result.edits else None,
            document_rows(name, source, encoding, result, original=original, clean=clean, **told),
        )
    except Exception as error:
        # Whatever it is, this document stays as it was and the run goes on.
        return None, [_failed_row(record, name, source, original, f"{type(error).__name__}: {error}")]


def _failed_row(record: Record, name: str, source: str, original: bytes, detail: str) -> DocumentRow:
    flag = FlagRow("failed", None, detail, error=True)
    told = {"id": record.id, "url": record.url, "language": record.language}
    return unchanged_row(name, source, original, record.text, flag, encoding=record.encoding, **told)


class _Unreadable(Exception):
    """A file cannot be read at all."""


def _records(source: Input, chosen: Format) -> Iterator[Record]:
    """Yield the records of a file; where reading fails, tell so in a last one."""
    place = -1
    try:
        for record in chosen.read(source):
            place = record.place
            yield record
    except OSError as error:
        detail = f"cannot be read: {error.strerror or error}"
        if place < 0:
            raise _Unreadable(detail) from None
        yield Record(place + 1, None, problem=detail, lost=Damage(0, 0, detail))


def clean_task(
    cleaner: Cleaner,
    task: Task,
    out: str,
    options: Options,
    codec: str,
    skip: frozenset[int],
    mark: Mark,
    limit: int | None = None,
    *,
    profile: bool = False,
) -> Done:
    """Clean the files of `task` into `out`; return what is to be noted.

    With `profile`, it says where the time went.

    Records whose number is in `skip` are left as they are: they made workers die. With an empty `out`, nothing
    is written, and no more than `limit` documents are cleaned. Raises `OSError` where the output cannot be
    written.
    """
    tally = _Tally()
    files: list[FileRow] = []
    hashed = hashlib.sha256()
    number = done = clean_bytes = extent = 0
    moves: list[tuple[str, str]] = []
    stale: list[str] = []
    base = task_path(out, task.key)
    begun = time.perf_counter()
    cleaning = documenting = 0.0
    laps = None
    if profile:
        from cleaner.engine import Laps

        laps = Laps()

    def timed(text: str, *, url: str | None, language: str | None) -> Result:
        nonlocal cleaning
        before = time.perf_counter()
        try:
            if laps is None:
                return cleaner(text, url=url, language=language)
            laps.add("audit")
            return cleaner.timed(text, laps, url=url, language=language)
        finally:
            cleaning += time.perf_counter() - before

    create = _create if out else _discard
    with create(f"{base}.audit") as handle:
        audit = open_sink(handle, codec, fast=True)
        noted = _Together[EditRow | DocumentRow](lambda rows: audit.put(b"".join(map(encode_row, rows))))
        written = _Together[tuple[str, bytes]](_write_small)
        for place, (file, data) in enumerate(_read_ahead(task.files)):
            to = path_of(out, file.name)
            direct = is_remote(out) and not task.part
            temporary = to if direct else f"{base}.{'part' if task.part else place}"
            chosen = format_of(file.name)
            codec_in = split_name(file.name)[1]
            rejected = _Rejected(out, file.name, task.start)
            held = io.BytesIO() if file.size < SMALL and not is_remote(base) else None
            try:
                with ExitStack() as stack:
                    reading = stack.enter_context(open_read(file.path) if data is None else io.BytesIO(data))
                    writing = stack.enter_context(create(temporary) if held is None else held)
                    source = Input(reading, codec_in, options.fields, task.start, task.end, task.seek)
                    sink = open_sink(writing, source.codec)
                    writer = chosen.writer(sink, source)
                    aside = None
                    if options.quarantine and out:
                        set_apart = quarantine_of(out, file.name)
                        at = set_apart if direct else f"{base}.{'' if task.part else f'{place}.'}apart"
                        aside = _Aside(at, set_apart, source, file, stack)
                    if chosen.unit == "groups":
                        reading.seek(0)  # the writer has looked at the schema
                    for record in _records(source, chosen):
                        mark(number, done)
                        done += _length(record)
                        if laps is not None:
                            laps.add("read")
                        before = time.perf_counter()
                        text = None
                        if record.text is not None or record.problem:
                            name = name_of(file.name, record, chosen.single)
                            text, rows = clean_record(
                                timed, record, name, file.path, options.language, broken=number in skip
                            )
                            if record.problem and out:
                                rejected.put(record, file, chosen)
                            documenting += time.perf_counter() - before
                        else:
                            rows = []
                            tally.without_text += lacks_text(record, chosen)
                        if laps is not None:
                            laps.add("audit")
                        if record.lost is None:
                            try:
                                writer.put(record, text)
                            except ValueError as error:
                                detail = f"{type(error).__name__}: {error}"
                                assert record.text is not None
                                original = record.text.encode(record.encoding, "surrogatepass")
                                rows = [_failed_row(record, name, file.path, original, detail)]
                                writer.put(record, None)
                        if aside is not None and record.lost is None:
                            if rows and rows[-1].flags:  # type: ignore[union-attr]
                                aside.put(record)
                            elif chosen.head and not record.place and not rows:
                                aside.head = record
                        if laps is not None:
                            laps.add("write")
                        if rows:
                            before = time.perf_counter()
                            tally.count(rows, _source_of(record, file))
                            noted.put(rows, _length(record))
                            documenting += time.perf_counter() - before
                        if laps is not None:
                            laps.add("audit")
                        number += 1
                        if limit is not None and tally.documents >= limit:
                            break
                    mark(-1, done)
                    writer.close()
                    apart = aside.close() if aside is not None else -1
                    if held is not None and out:
                        written.put([(temporary, held.getvalue())], sink.size)
                    if laps is not None:
                        laps.add("write")
                extent = getattr(writer, "groups", sink.written)
                hashed.update(sink.sha256.digest())
                clean_bytes += sink.size
                if aside is not None and apart >= 0:
                    moves.append((aside.path, aside.to))
                elif aside is not None and not task.part:
                    stale.append(aside.to)
                files.append(FileRow(file.name, file.size, file.stamp, sink.size, apart))
                moves.append((temporary, to))
            except (_Unreadable, FileNotFoundError, PermissionError, IsADirectoryError) as error:
                if isinstance(error, OSError) and error.filename != file.path:
                    raise
                detail = str(error) if isinstance(error, _Unreadable) else f"cannot be read: {error.strerror}"
                tally.fail(file.path, "unreadable", detail)
                files.append(FileRow(file.name, file.size, file.stamp, -1))
            finally:
                if out and not chosen.single:
                    rejected.close()
        written.flush()
        noted.flush()
        audit.close()
    if out:
        put_in_place(out, f"{base}.audit", moves, task.part)
        for path in stale:
            remove(path)
    if laps is not None:
        laps.add("write")
    row = TaskRow(
        key=task.key,
        files=tuple(files),
        start=task.start,
        end=task.end,
        part=task.part,
        seek=task.seek,
        extent=extent if task.part else 0,
        sha256=hashed.hexdigest(),
        documents=tally.documents,
        changed=tally.changed,
        edits=tally.edits,
        chars=tally.chars,
        clean_chars=tally.clean_chars,
        bytes=task.size,
        clean_bytes=clean_bytes,
        audit_bytes=audit.size,
        without_text=tally.without_text,
        rules={rule: (tally.hits[rule], tally.removed[rule]) for rule in sorted(tally.hits)},
        sources=tally.top_sources(),
        flags=dict(sorted(tally.flags.items())),
        errors=tally.errors,
        failed=tuple(tally.failed),
    )
    return Done(row, time.perf_counter() - begun, documenting - cleaning, laps.spent if laps is not None else {})


@dataclass(slots=True)
class _Together(Generic[_T]):
    """Things to do, done many at a time.

    Between two documents, cleaning displaces from the processor's caches what reading, noting and writing need. To do
    each for many small documents in a row saved 8 % of all time on files of 2,000 characters.
    """

    do: Callable[[list[_T]], object]
    waiting: list[_T] = field(default_factory=list)
    size: int = 0

    def put(self, things: Iterable[_T], size: int) -> None:
        """Have `things` done, at the latest when they are many, or of many bytes."""
        self.waiting.extend(things)
        self.size += size
        if len(self.waiting) >= TOGETHER or self.size >= SMALL:
            self.flush()

    def flush(self) -> None:
        """Do what waits."""
        self.do(self.waiting)
        self.waiting.clear()
        self.size = 0


def _read_ahead(files: Sequence[Source]) -> Iterator[tuple[Source, bytes | None]]:
    """Yield files with their bytes; None for those that are large, or not as they were when they were found."""
    for at in range(0, len(files), TOGETHER):
        ahead = files[at : at + TOGETHER]
        yield from [(file, read_small(file.path, file.size) if file.size < SMALL else None) for file in ahead]


def _write_small(files: Iterable[tuple[str, bytes]]) -> None:
    for path, data in files:
        write_small(path, data)


def _create(path: str) -> AbstractContextManager[BinaryIO]:
    # What stands among the tasks counts only once it is noted: it needs no other name until then.
    return write_whole(path) if is_remote(path) else open(path, "wb")


@contextmanager
def _discard(path: str) -> Iterator[BinaryIO]:
    with open(os.devnull, "wb") as handle:
        yield handle


def lost_task(task: Task, detail: str) -> TaskRow:
    """Return the row of a task whose files could not even be read: the workers died of it."""
    files = tuple(FileRow(file.name, file.size, file.stamp, -1) for file in task.files)
    failed = tuple(FailureRow(_sayable(file.name), "unreadable", detail) for file in task.files)
    return TaskRow(
        key=task.key, files=files, start=task.start, end=task.end, part=task.part, seek=task.seek, extent=0,
        sha256="", documents=0, changed=0, edits=0, chars=0, clean_chars=0, bytes=task.size, clean_bytes=0, audit_bytes=0,
        without_text=0, rules={}, sources={}, flags={}, errors=len(files), failed=failed[:FAILURES],
    )  # fmt: skip


def _length(record: Record) -> int:
    return len(record.raw) if isinstance(record.raw, bytes) else len(record.text or "")


def put_in_place(out: str, audit: str, moves: Sequence[tuple[str, str]], part: bool) -> None:
    """Have what was written survive a failure of the machine, then give it its names."""
    sync_all(out, [audit, *(temporary for temporary, _ in moves)])
    if part:
        return
    folders = {os.path.dirname(to) for _, to in moves}
    for folder in folders:
        make_folder(folder)
    for temporary, to in moves:
        if temporary != to:
            move(temporary, to)


@dataclass(slots=True)
class _Aside:
    """The file of the flagged documents of another, begun with the first of them."""

    path: str
    to: str
    source: Input
    file: Source
    opened: ExitStack
    head: Record | None = None
    writer: Writer | None = None
    sink: Sink | None = None

    def put(self, record: Record) -> None:
        """Add a document as it was."""
        if self.writer is None:
            self.sink = open_sink(self.opened.enter_context(_create(self.path)), self.source.codec)
            # The schema is in the file, whose own handle is being read from.
            reading = self.opened.enter_context(open_read(self.file.path))
            self.writer = format_of(self.file.name).writer(self.sink, replace(self.source, handle=reading))
            if self.head is not None:
                self.writer.put(self.head, None)
        self.writer.put(record, None)

    def close(self) -> int:
        """Return the size of the file, -1 if there is none."""
        if self.writer is None or self.sink is None:
            return -1
        self.writer.close()
        return self.sink.size


@dataclass(slots=True)
class _Rejected:
    """The side file of bad records: what could not be read, as it is on the disk."""

    out: str
    name: str
    start: int
    handle: object = None

    @property
    def path(self) -> str:
        place = f"@{self.start}" if self.start else ""
        return path_of(joined(self.out, AUDIT_FOLDER, "rejected"), self.name + place)

    def put(self, record: Record, file: Source, chosen: Format) -> None:
        if chosen.single and record.lost is None:
            return  # the file itself is in the output, as it is
        parts: Iterator[bytes] = iter([record.raw] if isinstance(record.raw, bytes) else [])
        if record.lost is not None:
            parts = _stretch(file.path, record.lost)
        data = b"".join(parts) if is_remote(self.path) else None
        make_folder(os.path.dirname(self.path))
        if data is not None:
            with write_whole(f"{self.path}.{record.place}") as whole:
                whole.write(data)
            return
        # It is begun anew by whoever does the task again.
        with open(self.path, "ab" if self.handle else "wb") as handle:
            self.handle = True
            handle.writelines(parts)

    def close(self) -> None:
        if self.handle is None and not is_remote(self.path):
            remove(self.path)


def _stretch(path: str, lost: Damage) -> Iterator[bytes]:
    with open_read(path) as handle:
        handle.seek(lost.start)
        left = lost.end - lost.start
        while left > 0 and (data := handle.read(min(left, 2**20))):
            left -= len(data)
            yield data


# ------------------------------------------------------------------ files in parts


def join_parts(out: str, name: str, keys: Sequence[str], apart: Sequence[str]) -> tuple[int, int]:
    """Put the parts of a file together, and those of its flagged documents, which the tasks `apart` have.

    Returns the sizes of both, -1 where nothing was flagged.
    """
    parts = [task_path(out, f"{key}.part") for key in keys]
    flagged = [task_path(out, f"{key}.apart") for key in apart]
    # As long as the first part is there, nothing has been removed: whoever finds it can do all this again.
    if flagged:
        head = b"" if keys[0] in apart else _head(name, parts[0])
        _write_together(name, flagged, quarantine_of(out, name), head)
    else:
        remove(quarantine_of(out, name))
    size = put_together(name, parts, path_of(out, name))
    for path in flagged:
        remove(path)
    return size, size_of(quarantine_of(out, name))


def put_together(name: str, parts: Sequence[str], to: str) -> int:
    """Write the file `name`, whose parts are files, to the path `to`; remove the parts, the first one first."""
    _write_together(name, parts, to)
    for part in parts:
        remove(part)
    return size_of(to)


def _head(name: str, part: str) -> bytes:
    """Return the first record of a file, as its first part has it, if no file of the format goes without."""
    chosen, codec = format_of(name), split_name(name)[1]
    if not chosen.head:
        return b""
    out = io.BytesIO()
    with open_read(part) as handle:
        source = Input(handle, codec, Fields())
        sink = open_sink(out, codec)
        writer = chosen.writer(sink, source)
        first = next(chosen.read(source), None)
        if first is None or _is_document(first):
            return b""
        writer.put(first, None)
        writer.close()
    return out.getvalue()


def _write_together(name: str, parts: Sequence[str], to: str, head: bytes = b"") -> None:
    temporary = f"{parts[0]}.joined"
    make_folder(os.path.dirname(to))
    with write_whole(to if is_remote(to) else temporary) as handle:
        handle.write(head)
        handle.flush()
        if format_of(name).unit == "groups":
            from cleaner.corpus.parquet import join

            join(open_sink(handle), parts)
        else:
            for part in parts:
                with open_read(part) as reading:
                    _copy(reading, handle)
    if not is_remote(to):
        move(temporary, to)


def _copy(reading: BinaryIO, writing: BinaryIO) -> None:
    try:
        while os.sendfile(writing.fileno(), reading.fileno(), None, 2**26):
            pass
    except (OSError, AttributeError):  # not every system can, nor what is no file
        shutil.copyfileobj(reading, writing, 2**20)


# ------------------------------------------------------------------ proving


@dataclass(frozen=True, slots=True)
class Part:
    """A task of a finished run: its row, where its rows of the audit stand, and where it begins in its clean file.

    `start` is in the units of the format, `seek` as in `Input`.
    """

    row: TaskRow
    audit: str
    codec: str
    start: int = 0
    seek: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Check:
    """What to check a run with: its folder, the fields, and the originals' paths by name, if they are there."""

    out: str
    fields: Fields
    originals: Mapping[str, str] | None = None


@dataclass(slots=True)
class _Pair:
    """The records of a clean file, and of its original, side by side."""

    name: str
    chosen: Format
    clean: Iterator[Record]
    original: Iterator[Record] | None
    close: list[Callable[[], None]]


def _is_document(record: Record) -> bool:
    return record.text is not None or bool(record.problem)


def audit_rows(part: Part) -> Iterator[bytes]:
    """Yield the rows that a task wrote, as lines. Raises `AuditError` where they cannot be read, and `OSError`."""
    with open_read(part.audit) as handle:
        for line in lines(blocks(handle, part.codec)):
            if isinstance(line, Damage):
                raise AuditError(f"{part.audit}: {line.detail}")
            yield line.data


def entries(part: Part) -> Iterator[tuple[str, Entry]]:
    """Yield what the audit says of each document of a task, after the name of its file ("" if not known)."""
    names = {file.name for file in part.row.files}
    for entry in read(audit_rows(part)):
        if isinstance(entry, RunRow):
            continue
        file = entry.name if entry.name in names else entry.name.rpartition("#")[0]
        if not entry.name and len(names) == 1:
            (file,) = names
        yield file if file in names else "", entry


def pairs(part: Part, check: Check) -> Iterator[tuple[str, Record, Entry | None]]:
    """Yield the records of a task's clean files, in order, each after the name of its file and with its entry.

    A record without a document has no entry. Raises `AuditError` where the two do not go together, or the audit
    is damaged.
    """
    told = (
        (file, entry)
        for file, entry in entries(part)
        if entry.document is None or all(flag.name != "corrupt" for flag in entry.document.flags)
    )
    for written in part.row.files:
        if written.written < 0:
            continue
        pair = _open(part, written.name, check, originals=False)
        try:
            for record in pair.clean:
                if not _is_document(record):
                    yield written.name, record, None
                    continue
                file, entry = next(told, ("", None))
                if entry is None or file != written.name:
                    raise AuditError(f"{written.name}#{record.place}: has no row in the audit")
                if entry.problems or entry.document is None:
                    raise AuditError(f"{entry.name}: {next(iter(entry.problems), 'its row is missing')}")
                yield file, record, entry
        finally:
            for close in pair.close:
                close()
    if (rest := next(told, None)) is not None:
        raise AuditError(f"{rest[1].name}: its record is missing in the clean file")


def _open(part: Part, file: str, check: Check, *, originals: bool) -> _Pair:
    """Open a clean file, and its original if asked. Raises `AuditError` where the clean file cannot be read."""
    chosen = format_of(file)
    codec = split_name(file)[1]
    whole = not part.row.part
    close: list[Callable[[], None]] = []
    try:
        handle = open_read(path_of(check.out, file))
    except OSError as error:
        raise AuditError(f"the clean file cannot be read: {error.strerror or error}") from None
    close.append(handle.close)
    end = None if whole else part.start + part.row.extent
    clean = chosen.read(Input(handle, codec, check.fields, part.start, end, part.seek))
    original = None
    if originals and check.originals is not None and file in check.originals:
        first = open_read(check.originals[file])
        close.append(first.close)
        original = chosen.read(Input(first, codec, check.fields, part.row.start, part.row.end, part.row.seek))
    return _Pair(file, chosen, clean, original, close)


def verify_part(part: Part, check: Check) -> list[str]:
    """Check what a task wrote; return what is wrong, a line each."""
    problems: list[str] = []
    try:
        for name, problem in _verify(part, check):
            problems.append(f"{name or 'the audit'}: {problem}")
    except (AuditError, OSError) as error:
        problems.append(f"the audit: {told(error)}")
    return problems


def _verify(part: Part, check: Check) -> Iterator[tuple[str, str]]:
    written = [file.name for file in part.row.files if file.written >= 0]
    done: set[str] = set()
    pair: _Pair | None = None
    documents = 0
    told = False
    for file, entry in entries(part):
        documents += 1
        if entry.document is None and not file:
            yield from ((entry.name, problem) for problem in entry.problems)
            told = True
            continue
        if not file:
            yield entry.name, "not a name of a file in the output"
            continue
        if pair is None or pair.name != file:
            if pair is not None:
                yield from _ended(pair)
                pair = None
            if file in done:
                yield entry.name, "stands in the audit twice"
                continue
            done.add(file)
            try:
                pair = _open(part, file, check, originals=True)
            except AuditError as error:
                if entry.document is None:
                    yield from ((entry.name, problem) for problem in entry.problems)
                yield entry.name, str(error)
                continue
            except OSError as error:
                yield entry.name, f"the original cannot be read: {error.strerror or error}"
                continue
            if check.originals is not None and file not in check.originals:
                yield file, "the original is missing"
        lost = entry.document is not None and any(flag.name == "corrupt" for flag in entry.document.flags)
        for problem in _verify_next(pair, entry, check, lost):
            told = True
            yield entry.name or pair.name, problem
    if pair is not None:
        yield from _ended(pair)
    for name in written:
        if name not in done and (format_of(name).single or (documents == 0 and part.row.documents)):
            told = True
            yield name, "the audit has no row for this file"
    if not told and documents != part.row.documents:
        yield "", f"it has {documents} documents of a task that had {part.row.documents}"
    if not told:
        yield from _digest_problems(part, check)


def _verify_next(pair: _Pair, entry: Entry, check: Check, lost: bool) -> Iterator[str]:
    """Check the next document of a file; records that hold none are compared on the way."""
    clean: Record | None = None
    original: Record | None = None
    while True:
        original = next(pair.original, None) if pair.original is not None else None
        if lost and (original is None or original.lost is not None):
            break
        clean = next(pair.clean, None)
        if clean is None:
            if entry.document is not None and pair.chosen.single:
                yield "stands in the audit twice"
            else:
                yield from entry.problems
                yield "its record is missing in the clean file"
            return
        if _is_document(clean):
            break
        rest = pair.chosen.rest
        if original is not None and rest(original, check.fields) != rest(clean, check.fields):
            yield "a record without text was changed"
        clean = None
    if entry.document is None:
        yield from entry.problems
        return
    before = None
    if original is not None and (clean is None or _is_document(original)):
        before = _bytes_of(original, entry, pair.chosen.single)
        if (
            clean is not None
            and clean.text is not None
            and original.text is not None
            and pair.chosen.rest(original, check.fields) != pair.chosen.rest(clean, check.fields)
        ):
            yield "something other than the text was changed"
    yield from verify_document(entry, b"" if clean is None else _bytes_of(clean, entry, pair.chosen.single), before)


def _bytes_of(record: Record, entry: Entry, single: bool) -> bytes:
    if record.text is None or single:
        return record.raw if isinstance(record.raw, bytes) else b""
    encoding = entry.document.encoding if entry.document else None
    try:
        return record.text.encode(encoding or record.encoding, "surrogatepass")
    except (UnicodeError, LookupError):
        return record.text.encode(record.encoding, "surrogatepass")


def _ended(pair: _Pair) -> Iterator[tuple[str, str]]:
    more = sum(map(_is_document, pair.clean))
    if more:
        yield pair.name, f"the audit has no row for the last {more} of its documents"
    for close in pair.close:
        close()


def _digest_problems(part: Part, check: Check) -> Iterator[tuple[str, str]]:
    """Compare all bytes that a task wrote: of what is no text, too."""
    if part.row.part and format_of(part.row.files[0].name).unit == "groups":
        return
    hashed = hashlib.sha256()
    for file in part.row.files:
        if file.written < 0:
            continue
        one = hashlib.sha256()
        left = file.written
        try:
            with open_read(path_of(check.out, file.name)) as handle:
                handle.seek(part.seek[0])
                while data := handle.read(min(left, 2**20) if part.row.part else 2**20):
                    one.update(data)
                    left -= len(data)
        except OSError:
            return  # told before
        if left < 0:
            yield file.name, "the clean file is longer than what was written"
        hashed.update(one.digest())
    if hashed.hexdigest() != part.row.sha256:
        yield (
            ", ".join(file.name for file in part.row.files[:3]),
            "a clean file was changed outside the texts",
        )


def restore_part(part: Part, check: Check, to: str) -> list[str]:
    """Write the originals of a task's files to the folder `to`; return the problems, a line each.

    A document that cannot be proved to be the original is not written, or, where it shares its file with
    others, left as it is in the clean file.
    """
    problems: list[str] = []
    pair: _Pair | None = None
    seen: set[str] = set()
    current: _Restoring | None = None
    try:
        for file, entry in entries(part):
            if not file or not is_safe_name(file):
                problem = next(iter(entry.problems), "not a name of a file in the output")
                problems.append(f"{entry.name or 'the audit'}: {problem}")
                continue
            if pair is None or pair.name != file:
                if current is not None:
                    current.end()
                    current = None
                if file in seen:
                    problems.append(f"{entry.name}: stands in the audit twice; restored once")
                    continue
                seen.add(file)
                try:
                    pair = _open(part, file, check, originals=False)
                except AuditError as error:
                    problems.append(f"{entry.name}: {error}")
                    pair = None
                    continue
                current = _Restoring(part, check, pair, to)
            if current is not None:
                problems += current.take(entry)
        for row in part.row.files:
            if row.written >= 0 and row.name not in seen and not format_of(row.name).single:
                if current is not None:
                    current.end()
                current = _Restoring(part, check, _open(part, row.name, check, originals=False), to)
    except (AuditError, OSError) as error:
        problems.append(f"the audit: {told(error)}")
    if current is not None:
        current.end()
    return problems


class _Restoring:
    """A file on its way back: its records in order, each as it was."""

    def __init__(self, part: Part, check: Check, pair: _Pair, to: str) -> None:
        self.pair = pair
        name = pair.name
        self.path = restored_part(to, part.row.key) if part.row.part else path_of(to, name)
        make_folder(os.path.dirname(self.path))
        self.whole = write_whole(self.path, sync=False)
        self.sink: Sink = open_sink(self.whole.__enter__(), split_name(name)[1])
        self.template = open_read(path_of(check.out, name))
        self.writer = pair.chosen.writer(self.sink, Input(self.template, split_name(name)[1], check.fields))
        self.empty = True

    def take(self, entry: Entry) -> Iterator[str]:
        """Write the document of `entry` and what stands before it."""
        if entry.document is not None and any(flag.name == "corrupt" for flag in entry.document.flags):
            where = f"_audit/rejected/{self.pair.name}"
            yield f"{entry.name}: what could not be read is not in the clean file; it stands in {where}"
            return
        while (record := next(self.pair.clean, None)) is not None and not _is_document(record):
            self.writer.put(record, None)
            self.empty = False
        name = entry.name or self.pair.name
        if record is None:
            double = self.pair.chosen.single
            yield (f"{name}: stands in the audit twice; restored once" if double else f"{name}: its record is missing")
            return
        try:
            original = restore_document(entry, _bytes_of(record, entry, self.pair.chosen.single))
            text = None
            if record.text is not None and entry.document is not None and entry.document.encoding is not None:
                text = original.decode(entry.document.encoding, "surrogatepass")
            if self.pair.chosen.single:
                self.sink.put(original)
            else:
                self.writer.put(record, None if text == record.text else text)
            self.empty = False
        except (AuditError, ValueError) as error:
            yield f"{name}: {error}"
            if not self.pair.chosen.single:
                self.writer.put(record, None)

    def end(self) -> None:
        """Write what is left of the file, or nothing if nothing of it could be proved."""
        for record in self.pair.clean:
            self.writer.put(record, None)
        self.writer.close()
        self.template.close()
        if self.empty and self.pair.chosen.single:
            with suppress(_Unreadable):
                self.whole.__exit__(_Unreadable, _Unreadable(), None)
        else:
            self.whole.__exit__(None, None, None)
        for close in self.pair.close:
            close()


def restored_part(to: str, key: str) -> str:
    """Return where a part of a restored file stands until all of them do."""
    return joined(to, ".parts", key)

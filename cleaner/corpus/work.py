"""What a worker does: it cleans the files of one task.

It takes the task's description, reads and writes files, and returns counts. What is written is in place, whole, when
the function returns; a task that is interrupted can be done again.
"""

from __future__ import annotations

import hashlib
import io
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from cleaner.audit import DocumentRow, DocumentRows, EditRow, FlagRow, document_rows, encode_row, unchanged_rows
from cleaner.corpus.aside import Aside, Rejected
from cleaner.corpus.files import Source, path_of, quarantine_of
from cleaner.corpus.formats import MARKED, Format, format_of, lacks_text
from cleaner.corpus.journal import FailureRow, FileRow, TaskRow, task_path
from cleaner.corpus.plan import SMALL, Options, Task
from cleaner.corpus.records import Input, Record, Writer
from cleaner.corpus.store import (
    create,
    discard,
    is_remote,
    make_folder,
    move,
    open_input,
    read_small,
    remove,
    sync_all,
    write_small,
)
from cleaner.corpus.streams import Damage, open_sink, split_name
from cleaner.languages import stated_language
from cleaner.text import host_of

if TYPE_CHECKING:
    from cleaner.engine import Cleaner, Laps, Result

__all__ = ["KNOWN", "Done", "Mark", "clean_record", "clean_task", "lost_task", "unread_row"]

FAILURES = 100  # that a task's row names; the audit has them all
SOURCES = 100  # that a task's row counts apart
KNOWN = ("id", "url", "language")  # what a document may say of itself
_MARK = "\ufeff"
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
    known: Counter[str] = field(default_factory=Counter)
    hits: Counter[str] = field(default_factory=Counter)
    removed: Counter[str] = field(default_factory=Counter)
    flags: Counter[str] = field(default_factory=Counter)
    sources: dict[str, list[int]] = field(default_factory=dict)
    failed: list[FailureRow] = field(default_factory=list)

    def fail(self, document: str, flag: str, detail: str) -> None:
        self.errors += 1
        if len(self.failed) < FAILURES:
            self.failed.append(FailureRow(_sayable(document), flag, _sayable(detail)))

    def count(self, rows: DocumentRows, source: str) -> None:
        document = rows.document
        self.documents += 1
        self.changed += bool(rows.edits)
        self.edits += len(rows.edits)
        self.chars += document.chars
        self.clean_chars += document.clean_chars
        counts = self.sources.setdefault(source, [0, 0, 0])
        for place, value in enumerate((1, document.chars, document.chars - document.clean_chars)):
            counts[place] += value
        self.known.update(name for name in KNOWN if getattr(document, name) is not None)
        for edit in rows.edits:
            self.hits.update(dict.fromkeys(edit.rules, 1))
            self.removed[edit.rules[-1]] += len(edit.before) - len(edit.after)
        for flag in document.flags:
            self.flags[flag.name] += 1
            if flag.error:
                self.fail(document.document, flag.name, flag.detail)

    def top_sources(self) -> dict[str, tuple[int, int, int]]:
        ranked = sorted(self.sources.items(), key=lambda item: (-item[1][2], -item[1][1], item[0]))
        top = {name: (one, two, three) for name, (one, two, three) in ranked[:SOURCES]}
        rest = [counts for _, counts in ranked[SOURCES:]]
        if rest:
            one, two, three = (sum(counts[place] for counts in rest) for place in range(3))
            top[""] = (one, two, three)
        return top


def _sayable(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _source_of(record: Record, file: Source) -> str:
    """Return the host of a document, or the file it is in."""
    return _sayable(host_of(record.url) or file.name)


def _name_of(file: str, record: Record, single: bool) -> str:
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
) -> tuple[str | None, DocumentRows]:
    """Clean the document in `record`; return its text, None if it stays, and its rows.

    A document on which the engine fails stays, flagged; so does one that is `broken`: workers died of it.
    """
    if record.text is None:
        data = record.raw if isinstance(record.raw, bytes) else b""
        return None, unchanged_rows(name, source, data, None, FlagRow(record.flag, None, record.problem, error=True))
    encoding = record.encoding
    original = record.text.encode(encoding, "surrogatepass")
    try:
        if broken:
            raise RuntimeError("the process that cleaned it died, twice")
        known = {"url": record.url, "language": stated_language(record.language, language)}
        if encoding in MARKED and record.text.startswith(_MARK):
            result = _clean_behind_mark(cleaner, record.text, known)
        else:
            result = cleaner(record.text, **known)
        clean = result.text.encode(encoding, "surrogatepass") if result.edits else original
        return (
            result.text if result.edits else None,
            document_rows(name, source, encoding, result, original=original, clean=clean, **_known(record)),
        )
    except Exception as error:
        # Whatever it is, this document stays as it was and the run goes on.
        return None, _failed_rows(record, name, source, error)


def _clean_behind_mark(cleaner: Callable[..., Result], text: str, known: Mapping[str, str | None]) -> Result:
    """Clean a text but for its byte order mark, without which nobody could read the file."""
    result = cleaner(text.removeprefix(_MARK), **known)
    edits = [replace(edit, start=edit.start + 1, end=edit.end + 1) for edit in result.edits]
    return replace(result, original=text, text=_MARK + result.text, edits=tuple(edits))


def _failed_rows(record: Record, name: str, source: str, error: Exception) -> DocumentRows:
    assert record.text is not None
    flag = FlagRow("failed", None, f"{type(error).__name__}: {error}", error=True)
    original = record.text.encode(record.encoding, "surrogatepass")
    known = _known(record)
    return unchanged_rows(name, source, original, record.text, flag, encoding=record.encoding, **known)


def _known(record: Record) -> dict[str, str | None]:
    return {"id": record.id, "url": record.url, "language": record.language}


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
        yield Record(place + 1, None, problem=detail, flag="corrupt", lost=Damage(0, 0, detail))


@dataclass(slots=True)
class _Clock:
    """Where the time of a task goes: by stage and rule only if that was asked for."""

    laps: Laps | None
    begun: float = field(default_factory=time.perf_counter)
    cleaning: float = 0.0
    documenting: float = 0.0  # cleaning, and the rows of the audit

    def add(self, stage: str) -> None:
        """Count the time since the last call for a stage."""
        if self.laps is not None:
            self.laps.add(stage)

    def timed(self, cleaner: Cleaner) -> Callable[..., Result]:
        """Return the cleaner as a function whose time is counted."""

        def clean(text: str, **known: Any) -> Result:
            before = time.perf_counter()
            try:
                if self.laps is None:
                    return cleaner(text, **known)
                self.laps.add("audit")
                return cleaner.timed(text, self.laps, **known)
            finally:
                self.cleaning += time.perf_counter() - before

        return clean


@dataclass(slots=True)
class _Turn:
    """A task at work: what it is to do, and what has come of it so far."""

    task: Task
    out: str
    options: Options
    clean: Callable[..., Result]
    skip: frozenset[int]
    mark: Mark
    limit: int | None
    clock: _Clock
    noted: _Together[EditRow | DocumentRow]  # rows of the audit
    written: _Together[tuple[str, bytes]]  # small files
    tally: _Tally = field(default_factory=_Tally)
    number: int = 0  # of the record at hand
    done: int = 0  # bytes
    clean_bytes: int = 0
    extent: int = 0
    hashed: Any = field(default_factory=hashlib.sha256)
    files: list[FileRow] = field(default_factory=list)
    moves: list[tuple[str, str]] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)

    def temporary(self, suffix: object) -> str:
        """Return where a file stands until the task is done."""
        return f"{task_path(self.out, self.task.key)}.{suffix}"


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
    laps = None
    if profile:
        from cleaner.engine import Laps

        laps = Laps()
    clock = _Clock(laps)
    path = task_path(out, f"{task.key}.audit")
    with (create if out else discard)(path) as handle:
        audit = open_sink(handle, codec, fast=True)
        noted = _Together[EditRow | DocumentRow](lambda rows: audit.put(b"".join(map(encode_row, rows))))
        written = _Together[tuple[str, bytes]](_write_small)
        turn = _Turn(task, out, options, clock.timed(cleaner), skip, mark, limit, clock, noted, written)
        for place, (file, data) in enumerate(_read_ahead(task.files)):
            try:
                _clean_file(turn, place, file, data)
            except (_Unreadable, OSError) as error:
                if isinstance(error, OSError) and error.filename != file.path:
                    raise  # it is the output that fails
                detail = str(error) if isinstance(error, _Unreadable) else f"cannot be read: {error.strerror}"
                turn.tally.fail(file.path, "unreadable", detail)
                turn.files.append(FileRow(file.name, file.size, file.stamp, -1))
                if not task.part:  # what an earlier run could still read
                    turn.stale += [path_of(out, file.name), quarantine_of(out, file.name)]
        written.flush()
        noted.flush()
        audit.close()
    if out:
        _put_in_place(out, path, turn.moves, task.part)
        for stale in turn.stale:
            remove(stale)
    clock.add("write")
    row = _row_of(turn, audit.size)
    seconds = time.perf_counter() - clock.begun
    return Done(row, seconds, clock.documenting - clock.cleaning, laps.spent if laps is not None else {})


def _clean_file(turn: _Turn, place: int, file: Source, data: bytes | None) -> None:
    """Clean one file of a task, the `place`-th; `data` is what is in it, if that was read already.

    Raises `_Unreadable` or `OSError` where it cannot be read, and `OSError` where the output cannot be written.
    """
    task, out = turn.task, turn.out
    to = path_of(out, file.name)
    direct = is_remote(out) and not task.part
    temporary = to if direct else turn.temporary("part" if task.part else place)
    chosen = format_of(file.name)
    held = io.BytesIO() if file.size < SMALL and not is_remote(temporary) else None
    rejected = Rejected(out, file.name, task.start)
    documents, without_text = turn.tally.documents, turn.tally.without_text
    with ExitStack() as stack:
        if out and not chosen.single:
            stack.callback(rejected.close)
        reading = stack.enter_context(open_input(file.path) if data is None else io.BytesIO(data))
        writing = stack.enter_context((create if out else discard)(temporary) if held is None else held)
        source = Input(reading, split_name(file.name)[1], turn.options.fields, task.start, task.end, task.seek)
        sink = open_sink(writing, source.codec)
        writer = chosen.writer(sink, source)
        aside = None
        if turn.options.quarantine and out:
            set_apart = quarantine_of(out, file.name)
            at = set_apart if direct else turn.temporary("apart" if task.part else f"{place}.apart")
            aside = Aside(at, set_apart, source.codec, writer, stack)
        if chosen.unit == "groups":
            reading.seek(0)  # the writer has looked at the schema
        for record in _records(source, chosen):
            _take(turn, record, file, chosen, writer, aside, rejected)
            if turn.limit is not None and turn.tally.documents >= turn.limit:
                break
        turn.mark(-1, turn.done)
        writer.close()
        apart, apart_sha256 = aside.close() if aside is not None else (-1, "")
        if held is not None and out:
            turn.written.put([(temporary, held.getvalue())], sink.size)
        turn.clock.add("write")
    turn.extent = getattr(writer, "groups", sink.written)
    turn.hashed.update(sink.sha256.digest())
    turn.clean_bytes += sink.size
    if aside is not None and apart >= 0:
        turn.moves.append((aside.path, aside.to))
    elif aside is not None and not task.part:
        turn.stale.append(aside.to)
    textless = turn.tally.documents == documents and turn.tally.without_text > without_text
    turn.files.append(
        FileRow(file.name, file.size, file.stamp, sink.size, apart, textless, apart_sha256, rejected.digest)
    )
    turn.moves.append((temporary, to))


def _take(
    turn: _Turn, record: Record, file: Source, chosen: Format, writer: Writer, aside: Aside | None, rejected: Rejected
) -> None:
    """Clean one record, write it, and note what came of it."""
    clock = turn.clock
    turn.mark(turn.number, turn.done)
    turn.done += _length(record)
    clock.add("read")
    before = time.perf_counter()
    text, rows = None, None
    if record.is_document:
        name = _name_of(file.name, record, chosen.single)
        broken = turn.number in turn.skip
        text, rows = clean_record(turn.clean, record, name, file.path, turn.options.language, broken=broken)
        if record.problem and turn.out:
            rejected.put(record, file, chosen)
        clock.documenting += time.perf_counter() - before
    else:
        turn.tally.without_text += lacks_text(record, chosen)
    clock.add("audit")
    if record.lost is None:
        try:
            writer.put(record, text)
        except ValueError as error:
            rows = _failed_rows(record, name, file.path, error)
            writer.put(record, None)
        if aside is not None:
            if rows is not None and rows.document.flags:
                aside.put(record)
            elif chosen.head and not record.place and rows is None:
                aside.head = record
    clock.add("write")
    if rows is not None:
        before = time.perf_counter()
        turn.tally.count(rows, _source_of(record, file))
        turn.noted.put(rows, _length(record))
        clock.documenting += time.perf_counter() - before
    clock.add("audit")
    turn.number += 1


def _row_of(turn: _Turn, audit_bytes: int) -> TaskRow:
    task, tally = turn.task, turn.tally
    return TaskRow(
        key=task.key,
        files=tuple(turn.files),
        start=task.start,
        end=task.end,
        part=task.part,
        seek=task.seek,
        extent=turn.extent if task.part else 0,
        sha256=turn.hashed.hexdigest(),
        documents=tally.documents,
        changed=tally.changed,
        edits=tally.edits,
        chars=tally.chars,
        clean_chars=tally.clean_chars,
        bytes=task.size,
        clean_bytes=turn.clean_bytes,
        audit_bytes=audit_bytes,
        without_text=tally.without_text,
        known=dict(tally.known),
        rules={rule: (tally.hits[rule], tally.removed[rule]) for rule in sorted(tally.hits)},
        sources=tally.top_sources(),
        flags=dict(sorted(tally.flags.items())),
        errors=tally.errors,
        failed=tuple(tally.failed),
    )


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


def lost_task(task: Task, detail: str) -> TaskRow:
    """Return the row of a task whose files could not even be read: the workers died of it."""
    files = tuple(FileRow(file.name, file.size, file.stamp, -1) for file in task.files)
    failed = [FailureRow(_sayable(file.path), "unreadable", detail) for file in task.files]
    return _unread(task, files, failed)


def unread_row(row: TaskRow, failed: Sequence[FailureRow]) -> TaskRow:
    """Return the row of a task of whose file nothing is written, whatever came of the task."""
    return _unread(
        row,
        tuple(
            msgspec.structs.replace(file, written=-1, apart=-1, apart_sha256="", rejected_sha256="")
            for file in row.files
        ),
        failed,
    )


def _unread(task: Task | TaskRow, files: tuple[FileRow, ...], failed: Sequence[FailureRow]) -> TaskRow:
    size = task.size if isinstance(task, Task) else task.bytes
    return TaskRow(
        key=task.key, files=files, start=task.start, end=task.end, part=task.part, seek=task.seek, extent=0,
        sha256="", documents=0, changed=0, edits=0, chars=0, clean_chars=0, bytes=size, clean_bytes=0, audit_bytes=0,
        without_text=0, known={}, rules={}, sources={}, flags={}, errors=len(failed), failed=tuple(failed[:FAILURES]),
    )  # fmt: skip


def _length(record: Record) -> int:
    return len(record.raw) if isinstance(record.raw, bytes) else len(record.text or "")


def _put_in_place(out: str, audit: str, moves: Sequence[tuple[str, str]], part: bool) -> None:
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

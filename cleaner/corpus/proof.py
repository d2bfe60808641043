"""What can be done with a finished run, task by task: pair documents with their audit, verify, restore."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from cleaner.audit import AuditError, DocumentRow, Entry, RunRow, read, restore_document, verify_document
from cleaner.corpus.files import is_safe_name, path_of
from cleaner.corpus.formats import Format, format_of
from cleaner.corpus.journal import TaskRow
from cleaner.corpus.records import LOST, Fields, Input, Record
from cleaner.corpus.store import joined, make_folder, open_input, open_read, write_whole
from cleaner.corpus.streams import Damage, Sink, blocks, error_message, lines, open_sink, split_name

__all__ = ["FinishedRun", "Part", "audit_rows", "pairs", "restore_part", "restored_part", "verify_part"]


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
class FinishedRun:
    """A finished run: its folder, the fields that it read, and the originals' paths by name, if they are there."""

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


def audit_rows(part: Part) -> Iterator[bytes]:
    """Yield the rows that a task wrote, as lines. Raises `AuditError` where they cannot be read, and `OSError`."""
    with open_read(part.audit) as handle:
        for line in lines(blocks(handle, part.codec)):
            if isinstance(line, Damage):
                raise AuditError(f"{part.audit}: {line.detail}")
            yield line.data


def _is_lost(document: DocumentRow) -> bool:
    """Say whether what a row stands for could not be read, and is not in the clean file."""
    return any(flag.name in LOST for flag in document.flags)


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


def pairs(part: Part, run: FinishedRun) -> Iterator[tuple[str, Record, Entry | None]]:
    """Yield the records of a task's clean files, in order, each after the name of its file and with its entry.

    A record without a document has no entry. Raises `AuditError` where the two do not go together, or the audit
    is damaged.
    """
    sound = ((file, entry) for file, entry in entries(part) if entry.document is None or not _is_lost(entry.document))
    for written in part.row.files:
        if written.written < 0:
            continue
        pair = _open(part, written.name, run, originals=False)
        try:
            for record in pair.clean:
                if not record.is_document:
                    yield written.name, record, None
                    continue
                file, entry = next(sound, ("", None))
                if entry is None or file != written.name:
                    raise AuditError(f"{written.name}#{record.place}: has no row in the audit")
                if entry.problems or entry.document is None:
                    raise AuditError(f"{entry.name}: {next(iter(entry.problems), 'its row is missing')}")
                yield file, record, entry
        finally:
            for close in pair.close:
                close()
    if (rest := next(sound, None)) is not None:
        raise AuditError(f"{rest[1].name}: its record is missing in the clean file")


def _open(part: Part, file: str, run: FinishedRun, *, originals: bool) -> _Pair:
    """Open a clean file, and its original if asked. Raises `AuditError` where the clean file cannot be read."""
    chosen = format_of(file)
    codec = split_name(file)[1]
    whole = not part.row.part
    close: list[Callable[[], None]] = []
    try:
        handle = open_read(path_of(run.out, file))
    except OSError as error:
        raise AuditError(f"the clean file cannot be read: {error.strerror or error}") from None
    close.append(handle.close)
    end = None if whole else part.start + part.row.extent
    clean = chosen.read(Input(handle, codec, run.fields, part.start, end, part.seek))
    original = None
    if originals and run.originals is not None and file in run.originals:
        first = open_input(run.originals[file])
        close.append(first.close)
        original = chosen.read(Input(first, codec, run.fields, part.row.start, part.row.end, part.row.seek))
    return _Pair(file, chosen, clean, original, close)


def verify_part(part: Part, run: FinishedRun) -> list[str]:
    """Check what a task wrote; return what is wrong, a line each."""
    problems: list[str] = []
    try:
        for name, problem in _verify(part, run):
            problems.append(f"{name or 'the audit'}: {problem}")
    except (AuditError, OSError) as error:
        problems.append(f"the audit: {error_message(error)}")
    return problems


def _verify(part: Part, run: FinishedRun) -> Iterator[tuple[str, str]]:
    written = [file.name for file in part.row.files if file.written >= 0]
    done: set[str] = set()
    gone: set[str] = set()
    pair: _Pair | None = None
    documents = 0
    reported = False
    for file, entry in entries(part):
        documents += 1
        if entry.document is None and not file:
            yield from ((entry.name, problem) for problem in entry.problems)
            reported = True
            continue
        if not file:
            yield entry.name, "not a name of a file in the output"
            continue
        if pair is None or pair.name != file:
            if pair is not None:
                yield from _ended(pair)
                pair = None
            if file in gone and "#" in entry.name:
                continue  # told at the first of its documents
            if file in done:
                yield entry.name, "stands in the audit twice"
                continue
            done.add(file)
            try:
                pair = _open(part, file, run, originals=True)
            except AuditError as error:
                if entry.document is None:
                    yield from ((entry.name, problem) for problem in entry.problems)
                yield entry.name, str(error)
                gone.add(file)
                continue
            except OSError as error:
                yield entry.name, f"the original cannot be read: {error.strerror or error}"
                gone.add(file)
                continue
            if run.originals is not None and file not in run.originals:
                yield file, "the original is missing"
        lost = entry.document is not None and _is_lost(entry.document)
        for problem in _verify_next(pair, entry, run, lost):
            reported = True
            yield entry.name or pair.name, problem
    if pair is not None:
        yield from _ended(pair)
    for name in written:
        if name not in done and (format_of(name).single or (documents == 0 and part.row.documents)):
            reported = True
            yield name, "the audit has no row for this file"
    if not reported and documents != part.row.documents:
        yield "", _miscount(part, documents)
    if not reported:
        yield from _digest_problems(part, run)


def _miscount(part: Part, documents: int) -> str:
    return f"it has {documents} documents of a task that had {part.row.documents}"


def _verify_next(pair: _Pair, entry: Entry, run: FinishedRun, lost: bool) -> Iterator[str]:
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
        if clean.is_document:
            break
        rest = pair.chosen.rest
        if original is not None and rest(original) != rest(clean):
            yield "a record without text was changed"
        clean = None
    if entry.document is None:
        yield from entry.problems
        return
    before = None
    if original is not None and (clean is None or original.is_document):
        before = _bytes_of(original, entry, pair.chosen.single)
        if (
            clean is not None
            and clean.text is not None
            and original.text is not None
            and pair.chosen.rest(original) != pair.chosen.rest(clean)
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
    more = sum(record.is_document for record in pair.clean)
    if more:
        yield pair.name, f"the audit has no row for the last {more} of its documents"
    for close in pair.close:
        close()


def _digest_problems(part: Part, run: FinishedRun) -> Iterator[tuple[str, str]]:
    """Compare all bytes that a task wrote: of what is no text, too."""
    if part.row.part and format_of(part.row.files[0].name).unit == "groups":
        return
    if all(file.written < 0 for file in part.row.files):
        return
    hashed = hashlib.sha256()
    for file in part.row.files:
        if file.written < 0:
            continue
        one = hashlib.sha256()
        left = file.written
        try:
            with open_read(path_of(run.out, file.name)) as handle:
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


def restore_part(part: Part, run: FinishedRun, to: str) -> list[str]:
    """Write the originals of a task's files to the folder `to`; return the problems, a line each.

    A document that cannot be proved to be the original is not written, or, where it shares its file with
    others, left as it is in the clean file.
    """
    problems: list[str] = []
    pair: _Pair | None = None
    seen: set[str] = set()
    gone: set[str] = set()
    current: _Restoring | None = None
    documents = 0
    try:
        for file, entry in entries(part):
            documents += 1
            if not file or not is_safe_name(file):
                problem = next(iter(entry.problems), "not a name of a file in the output")
                problems.append(f"{entry.name or 'the audit'}: {problem}")
                continue
            if pair is None or pair.name != file:
                if current is not None:
                    current.end()
                    current = None
                if file in gone and "#" in entry.name:
                    continue  # told at the first of its documents
                if file in seen:
                    problems.append(f"{entry.name}: stands in the audit twice; restored once")
                    continue
                seen.add(file)
                try:
                    pair = _open(part, file, run, originals=False)
                except AuditError as error:
                    problems.append(f"{entry.name}: {error}")
                    pair = None
                    gone.add(file)
                    continue
                current = _Restoring(part, run, pair, to)
            if current is not None:
                problems += current.take(entry)
        for row in part.row.files:
            if row.written >= 0 and row.name not in seen and not format_of(row.name).single:
                if current is not None:
                    current.end()
                current = _Restoring(part, run, _open(part, row.name, run, originals=False), to)
    except (AuditError, OSError) as error:
        problems.append(f"the audit: {error_message(error)}")
    if current is not None:
        current.end()
    if not problems and documents != part.row.documents:
        problems.append(f"the audit: {_miscount(part, documents)}")
    return problems


class _Unproved(Exception):
    """Nothing of a file could be proved to be the original."""


class _Restoring:
    """A file on its way back: its records in order, each as it was."""

    def __init__(self, part: Part, run: FinishedRun, pair: _Pair, to: str) -> None:
        self.pair = pair
        name = pair.name
        self.path = restored_part(to, part.row.key) if part.row.part else path_of(to, name)
        make_folder(os.path.dirname(self.path))
        self.whole = write_whole(self.path, sync=False)
        self.sink: Sink = open_sink(self.whole.__enter__(), split_name(name)[1])
        self.template = open_read(path_of(run.out, name))
        end = part.start + part.row.extent if part.row.part else None
        source = Input(self.template, split_name(name)[1], run.fields, part.start, end)
        self.writer = pair.chosen.writer(self.sink, source)
        self.empty = True

    def take(self, entry: Entry) -> Iterator[str]:
        """Write the document of `entry` and what stands before it."""
        if entry.document is not None and _is_lost(entry.document):
            if entry.document.flags[0].name != "corrupt":
                yield f"{entry.name}: is not in the clean file: {entry.document.flags[0].detail}"
                return
            where = f"_audit/rejected/{self.pair.name}"
            yield f"{entry.name}: what could not be read is not in the clean file; it stands in {where}"
            return
        while (record := next(self.pair.clean, None)) is not None and not record.is_document:
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
            with suppress(_Unproved):
                self.whole.__exit__(_Unproved, _Unproved(), None)
        else:
            self.whole.__exit__(None, None, None)
        for close in self.pair.close:
            close()


def restored_part(to: str, key: str) -> str:
    """Return where a part of a restored file stands until all of them do."""
    return joined(to, ".parts", key)

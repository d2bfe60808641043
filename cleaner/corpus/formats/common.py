"""What formats share: what one is made of, how they read parts of files, and write records that are bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cleaner.corpus.records import Input, Record, Writer
from cleaner.corpus.streams import MAX_RECORD, Damage, Line, Sink, blocks, lines

__all__ = ["Format", "around_span", "bytes_writer", "from_start", "lines_of", "lost", "oversize"]


@dataclass(frozen=True, slots=True)
class Format:
    """A format of files.

    `rest` gives what cleaning leaves alone of a record. `unit` is what a large file is cut by: ``lines`` (at
    any byte: a part begins with the next line), ``records`` (where one begins, which takes a look at all that
    comes before), ``groups`` (of rows), or empty if it is read in one go. `starts` takes what a file says, in order,
    and yields bytes of it where records begin, about one for each block, as long as there is no doubt.
    With `single`, a file is one document. With `head`, a first record without text says what the others are: no
    file of the format goes without it.
    """

    read: Callable[[Input], Iterator[Record]]
    writer: Callable[[Sink, Input], Writer]
    rest: Callable[[Record], object]
    unit: str = ""
    single: bool = False
    compressed: bool = True
    head: bool = False
    starts: Callable[[Iterator[bytes]], Iterator[int]] | None = None


@dataclass(frozen=True, slots=True)
class _BytesWriter:
    """Writes records whose `raw` is bytes; `replace` gives those of a record with another text."""

    sink: Sink
    replace: Callable[[Record, str], bytes]
    cut: bool = False

    def put(self, record: Record, text: str | None) -> None:
        self.sink.put(record.raw if text is None else self.replace(record, text))
        if self.cut:
            self.sink.cut()

    def close(self) -> None:
        self.sink.close()

    def another(self, sink: Sink) -> Writer:
        return _BytesWriter(sink, self.replace, self.cut)


def bytes_writer(replace: Callable[[Record, str], bytes], *, cut: bool = False) -> Callable[[Sink, Input], Writer]:
    """Return what makes writers of records whose `raw` is bytes; with `cut`, each ends a member of the compression."""
    return lambda sink, source: _BytesWriter(sink, replace, cut)


def around_span(record: Record) -> object:
    """Return what stands before the text of a record, and behind it."""
    start, end = record.span
    return record.raw[:start], record.raw[end:]


def from_start(source: Input) -> Iterator[bytes | Damage]:
    """Yield what the file says from the start of the part on, at which a record begins."""
    at, place = source.seek
    if source.start:
        source.handle.seek(at)
    for block in _blocks(source, at):
        if isinstance(block, bytes) and place < source.start:
            left = block[source.start - place :]
            place += len(block)
            if left:
                yield left
        else:
            yield block


def _blocks(source: Input, at: int) -> Iterator[bytes | Damage]:
    """Yield blocks as `blocks` does; where the system fails to read on, what came before stays, and a `Damage` ends it.

    Raises `OSError` where nothing at all of the file can be read.
    """
    place = at
    told = source.handle.seekable()  # standard input does not say where it is
    try:
        for block in blocks(source.handle, source.codec, at):
            yield block
            if told:
                place = source.handle.tell()
            elif isinstance(block, bytes):
                place += len(block)
    except OSError as error:
        if not place:
            raise
        detail = f"cannot be read from byte {place} on: {error.strerror or error}"
        yield Damage(place, place, detail, failed=True)


def lost(damage: Damage) -> Record:
    """Return the record that says what could not be read."""
    flag = "unreadable" if damage.failed else "corrupt"
    return Record(damage.start, None, problem=damage.detail, flag=flag, lost=damage)


def oversize(place: int, data: bytes) -> Record:
    """Return a record of bytes that are too many for one, or of a piece of them."""
    return Record(place, None, data, problem=f"longer than {MAX_RECORD >> 20} MiB", flag="oversize")


def lines_of(source: Input) -> Iterator[Line | Damage]:
    """Yield the lines that begin in the part of the file, and what of it is damaged."""
    if source.codec or not source.start:
        yield from lines(from_start(source), source.start, source.end)
        return
    # The line that the place before the start is in belongs to the part before this one.
    source.handle.seek(source.start - 1)
    found = lines(_blocks(source, source.start - 1), source.start - 1)
    for line in found:
        if isinstance(line, Damage):
            yield line
        elif line.data.endswith(b"\n"):
            break
    ended = True
    for line in found:
        if isinstance(line, Line):
            if ended and source.end is not None and line.place >= source.end:
                return
            ended = line.data.endswith(b"\n")  # the last piece of one that is too long
        yield line

"""Bytes in and out: compressed or not, in bounded memory, and past places that are damaged."""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

__all__ = [
    "CODECS",
    "MAX_RECORD",
    "Codec",
    "Damage",
    "InputError",
    "Line",
    "Sink",
    "blocks",
    "error_message",
    "has_members",
    "lines",
    "members",
    "open_sink",
    "split_name",
]

# Bytes of a document with its record; what is longer is copied in pieces, so that no input can fill the memory. The
# default pack takes some 30 times as much to clean natural text: 2 GB for this much.
MAX_RECORD = 64 * 2**20
BLOCK = 2**20
FIRST = 2**16  # bytes; Python makes room for all that is asked for, which for small files takes most of the time


class InputError(ValueError):
    """The inputs or the output cannot be used as asked; the message says what to do."""


def error_message(error: Exception) -> str:
    """Return an error of the system without its number: ``out/part.jsonl.zst: No such file or directory``."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)


class Compressor(Protocol):
    """What zlib and zstandard offer to compress a member."""

    def compress(self, data: bytes, /) -> bytes:
        """Return what is ready of the compressed bytes."""

    def flush(self) -> bytes:
        """Return the rest."""


@dataclass(frozen=True, slots=True)
class Codec:
    """A compression: how a member begins, and how to read and write one.

    `begin` tells beginnings from chance, but for those of rare writers. `step` is how many compressed bytes may
    be taken at once, so that what they become stays small; `take` gives the bytes out and the compressed bytes
    not yet used.
    """

    name: str
    magic: bytes
    begin: re.Pattern[bytes]
    step: int
    decompressor: Callable[[], Any]
    take: Callable[[Any, bytes], tuple[bytes, bytes]]
    compressor: Callable[[bool], Compressor]
    errors: Callable[[], tuple[type[Exception], ...]]


def _take_gzip(reader: Any, data: bytes) -> tuple[bytes, bytes]:
    block = reader.decompress(data, BLOCK)
    return block, reader.unused_data if reader.eof else reader.unconsumed_tail


def _take_zstd(reader: Any, data: bytes) -> tuple[bytes, bytes]:
    block = reader.decompress(data)
    return block, reader.unused_data if reader.eof else b""


def _zstandard() -> Any:
    try:
        import zstandard
    except ImportError:
        raise InputError(".zst files need the package zstandard: pip install 'cleaner[zstd]'") from None
    return zstandard


# Outputs are as small as the usual tools make them; the audit is written for speed.
CODECS: dict[str, Codec] = {
    ".gz": Codec(
        "gzip",
        b"\x1f\x8b\x08",
        re.compile(rb"\x1f\x8b\x08[\0-\x1f].{4}[\0\2\4]", re.DOTALL),
        65536,
        lambda: zlib.decompressobj(31),
        _take_gzip,
        lambda fast: zlib.compressobj(1 if fast else 6, zlib.DEFLATED, 31),
        lambda: (zlib.error,),
    ),
    ".zst": Codec(
        "zstd",
        b"\x28\xb5\x2f\xfd",
        re.compile(rb"\x28\xb5\x2f\xfd"),
        4096,
        lambda: _zstandard().ZstdDecompressor().decompressobj(),
        _take_zstd,
        lambda fast: _zstandard().ZstdCompressor(level=1 if fast else 3).compressobj(),
        lambda: (_zstandard().ZstdError,),
    ),
}


def split_name(name: str) -> tuple[str, str]:
    """Return the suffix of the format of a file and that of its compression, in lower case.

    >>> split_name("a.b/c.JSONL.gz"), split_name("c.txt"), split_name("c")
    (('.jsonl', '.gz'), ('.txt', ''), ('', ''))
    """
    stem = name.rpartition("/")[2].lower()
    rest, dot, suffix = stem.rpartition(".")
    codec = dot + suffix if dot + suffix in CODECS else ""
    if codec:
        _, dot, suffix = rest.rpartition(".")
    return (dot + suffix if dot else ""), codec


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes ``[start, end)`` of a file, as it is on the disk, that cannot be read, and why.

    With `failed`, it was the system that could not, and nobody knows how much there is to read: it may be able to
    another time.
    """

    start: int
    end: int
    detail: str
    failed: bool = False


def blocks(handle: BinaryIO, codec: str = "", at: int = 0) -> Iterator[bytes | Damage]:
    """Yield the content of a file in blocks, uncompressed; where it is damaged, a `Damage`.

    After damage it goes on where the next member of the compression begins, if there is one. `at` is where in
    the file `handle` stands: there, a member must begin.
    """
    for _, block in members(handle, codec, at):
        yield block


def members(handle: BinaryIO, codec: str = "", at: int = 0) -> Iterator[tuple[int, bytes | Damage]]:
    """Yield what `blocks` does, each after the byte of the file at which one can begin to read it."""
    if codec:
        yield from _members(handle, CODECS[codec], at)
        return
    size = FIRST
    while block := handle.read(size):
        yield at, block
        at += len(block)
        size = BLOCK if len(block) == size else FIRST


def has_members(handle: BinaryIO, codec: str) -> bool:
    """Say whether a compressed file seems to have more members than one; the content is not looked at."""
    begin = CODECS[codec].begin
    data = handle.read(BLOCK)[1:]
    while begin.search(data) is None:
        more = handle.read(BLOCK)
        if not more:
            return False
        data = data[-8:] + more
    return True


def _members(handle: BinaryIO, codec: Codec, position: int) -> Iterator[tuple[int, bytes | Damage]]:
    errors = codec.errors()
    reader: Any = None
    begin = position  # of the member at hand
    data = b""  # begins at `position`
    while data or (data := handle.read(codec.step)):
        if reader is None:
            padding = len(data) - len(data.lstrip(b"\0"))  # tapes, and some tools, fill up with zeros
            data, position = data[padding:], position + padding
            if not data:
                continue
            if len(data) < len(codec.magic):
                data += handle.read(codec.step)
            reader = codec.decompressor()
            begin = position
        try:
            block, rest = codec.take(reader, data)
        except errors as error:
            start = position
            data, position = _next_member(handle, codec, data, position)
            yield begin, Damage(start, position, f"{codec.name} is damaged at byte {start}: {_words(error)}")
            reader = None
            continue
        position += len(data) - len(rest)
        data = rest
        if block:
            yield begin, block
        if reader.eof:
            reader = None
    while reader is not None and not reader.eof:
        # What zlib holds back for want of room comes out without more input.
        block = reader.decompress(b"", BLOCK) if codec.name == "gzip" else b""
        if not block:
            yield begin, Damage(position, position, f"{codec.name} ends early, at byte {position}")
            return
        yield begin, block


def _words(error: Exception) -> str:
    return str(error).replace("\n", " ")


def _next_member(handle: BinaryIO, codec: Codec, data: bytes, position: int) -> tuple[bytes, int]:
    """Return the bytes from the next beginning of a member on, and where that is."""
    offset = 1
    while True:
        found = data.find(codec.magic, offset)
        if found >= 0:
            return data[found:], position + found
        kept = min(len(codec.magic) - 1, len(data))
        position += len(data) - kept
        more = handle.read(65536)
        if not more:
            return b"", position + kept
        data, offset = data[len(data) - kept :] + more, 0


@dataclass(frozen=True, slots=True)
class Line:
    """A line with its line feed; `whole` is off for a piece of a line longer than `MAX_RECORD`."""

    place: int
    data: bytes
    whole: bool = True


def lines(source: Iterator[bytes | Damage], place: int = 0, end: int | None = None) -> Iterator[Line | Damage]:
    """Yield the lines of the blocks of `source`, the first of which stands at `place`.

    Only what begins before `end`. Lines end at line feeds alone, as JSON Lines wants it. What damage cuts
    off gets a line feed, so that what follows stays a line of its own.
    """
    pending: list[bytes] = []
    size = 0
    whole = True
    for block in source:
        if isinstance(block, Damage):
            if size:
                yield Line(place, b"".join(pending) + b"\n", whole)
                place, pending, size, whole = place + size, [], 0, True
            yield block
            continue
        pieces = block.split(b"\n")
        for piece in pieces[:-1]:
            data = b"".join([*pending, piece, b"\n"]) if pending else piece + b"\n"
            pending, size = [], 0
            while len(data) > MAX_RECORD:
                yield Line(place, data[:MAX_RECORD], False)
                place, data, whole = place + MAX_RECORD, data[MAX_RECORD:], False
            if data:
                yield Line(place, data, whole)
            place, whole = place + len(data), True
            if end is not None and place >= end:
                return
        if pieces[-1]:
            pending.append(pieces[-1])
            size += len(pieces[-1])
        while size > MAX_RECORD:
            data = b"".join(pending)
            yield Line(place, data[:MAX_RECORD], False)
            pending, size = [data[MAX_RECORD:]], size - MAX_RECORD
            place, whole = place + MAX_RECORD, False
    if size:
        yield Line(place, b"".join(pending), whole)


@dataclass(slots=True)
class Sink:
    """Where bytes are written: `put` them, `cut` begins a new member of the compression.

    `size` and `sha256` are those of what reached `handle`, once closed.
    """

    handle: BinaryIO
    codec: Codec | None
    fast: bool
    compressor: Compressor | None = None
    size: int = 0
    written: int = 0
    sha256: Any = None

    def put(self, data: bytes) -> None:
        """Write `data`."""
        self.written += len(data)
        if self.codec is None:
            self._out(data)
            return
        if self.compressor is None:
            self.compressor = self.codec.compressor(self.fast)
        self._out(self.compressor.compress(data))

    def cut(self) -> None:
        """End the member of the compression, if there is one."""
        if self.compressor is not None:
            self._out(self.compressor.flush())
            self.compressor = None

    def close(self) -> None:
        """Write what is held back; an empty file is an empty member."""
        if self.codec is not None and not self.written:
            self.put(b"")
        self.cut()

    def _out(self, data: bytes) -> None:
        if data:
            self.handle.write(data)
            self.size += len(data)
            self.sha256.update(data)


def open_sink(handle: BinaryIO, codec: str = "", *, fast: bool = False) -> Sink:
    """Return the sink that compresses into `handle`; `codec` is a suffix of `CODECS` or empty."""
    return Sink(handle, CODECS[codec] if codec else None, fast, sha256=hashlib.sha256())

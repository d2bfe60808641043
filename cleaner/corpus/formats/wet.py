"""WET, the texts of web pages as Common Crawl has them: records with headers that give length and digest."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from cleaner.corpus.formats.common import Format, bytes_writer, from_start, lost, oversize
from cleaner.corpus.records import Input, Record
from cleaner.corpus.streams import MAX_RECORD, Damage

__all__ = ["WET"]

_LENGTH = re.compile(rb"(?im)^content-length:[ \t]*(\d{1,18})[ \t]*(?=\r?$)")
_BLOCK_DIGEST = re.compile(rb"(?im)^warc-block-digest:[ \t]*sha1:([A-Z2-7]{32})[ \t]*(?=\r?$)")


@dataclass(slots=True)
class _Buffer:
    """Bytes of a stream, looked at before they are taken."""

    source: Iterator[bytes] | Iterator[bytes | Damage]
    place: int = 0  # of what is next
    data: bytes = b""
    at: int = 0  # of what is next, in `data`
    damage: Damage | None = None

    @property
    def size(self) -> int:
        """How many bytes are at hand."""
        return len(self.data) - self.at

    def fill(self, size: int) -> bool:
        """Have `size` bytes at hand; say whether there are as many before the end or damage."""
        if self.size >= size:
            return True
        parts, have = [self.data[self.at :]], self.size
        while have < size and self.damage is None:
            block = next(self.source, None)
            if block is None:
                break
            if isinstance(block, Damage):
                self.damage = block
                break
            parts.append(block)
            have += len(block)
        self.data, self.at = b"".join(parts), 0
        return have >= size

    def find(self, what: bytes, limit: int) -> int:
        """Return how far off `what` is, -1 where it is not in `limit` bytes."""
        while (found := self.data.find(what, self.at)) < 0:
            have = self.size
            if have > limit or not self.fill(have + 1):
                return -1
        return found - self.at

    def look(self, start: int, end: int) -> bytes:
        """Return bytes that are at hand."""
        return self.data[self.at + start : self.at + end]

    def take(self, size: int) -> bytes:
        """Return the next bytes, and go on behind them."""
        data = self.look(0, size)
        self.at += len(data)
        self.place += len(data)
        return data


def _read_wet(source: Input) -> Iterator[Record]:
    buffer = _Buffer(from_start(source), source.start)
    while source.end is None or buffer.place < source.end:
        at = buffer.place
        if not buffer.fill(1):
            if buffer.damage is None:
                return
            yield lost(buffer.damage)
            buffer.damage = None
            continue
        header, size = _wet_header(buffer)
        if size < 0:
            yield Record(at, None, _resync(buffer), problem=f"no WARC record at byte {at}")
            continue
        if size > MAX_RECORD:
            yield oversize(at, buffer.take(len(header)))
            left = size + 4
            while left and buffer.fill(1):
                piece = buffer.take(min(left, MAX_RECORD))
                left -= len(piece)
                yield oversize(at, piece)
            continue
        total = len(header) + size + 4
        if not _is_whole(buffer, total):
            problem = f"the WARC record at byte {at} does not end where it should"
            yield Record(at, None, _resync(buffer), problem=problem)
            continue
        yield _wet_record(at, buffer.take(total), len(header), size)


def _wet_header(buffer: _Buffer) -> tuple[bytes, int]:
    """Return the header of the next record, and how many bytes it says that the record has: -1 if there is none."""
    end = buffer.find(b"\r\n\r\n", 2**16)
    header = buffer.look(0, end + 4) if end >= 0 else b""
    length = _LENGTH.search(header)
    return header, int(length[1]) if header.startswith(b"WARC/") and length is not None else -1


def _is_whole(buffer: _Buffer, total: int) -> bool:
    return buffer.fill(total) and buffer.look(total - 4, total) == b"\r\n\r\n"


def _wet_starts(source: Iterator[bytes]) -> Iterator[int]:
    """Yield where records begin, up to the first that is not as it should be."""
    buffer = _Buffer(source)
    while buffer.fill(1):
        yield buffer.place
        header, size = _wet_header(buffer)
        total = len(header) + size + 4
        if not 0 <= size <= MAX_RECORD or not _is_whole(buffer, total):
            return
        buffer.take(total)


def _resync(buffer: _Buffer) -> bytes:
    """Take bytes up to what may be the next record."""
    found = buffer.find(b"\nWARC/1.", MAX_RECORD)
    data = buffer.take(found + 1 if found >= 0 else max(1, buffer.size))
    # What damage cut off must end, so that the next record is found in the output, too.
    return data + b"\r\n\r\n" if buffer.damage is not None and not buffer.size else data


def _wet_record(place: int, raw: bytes, start: int, size: int) -> Record:
    headers: dict[str, str] = {}
    for line in raw[:start].decode("utf-8", "replace").split("\r\n")[1:]:
        name, _, value = line.partition(":")
        headers.setdefault(name.strip().lower(), value.strip())
    if headers.get("warc-type") != "conversion":
        return Record(place, None, raw)
    try:
        text = raw[start : start + size].decode()
    except UnicodeDecodeError as error:
        problem = f"not UTF-8 at byte {error.start} of the record: {error.reason}"
        return Record(place, None, raw, problem=problem, flag="undecodable")
    language = headers.get("warc-identified-content-language", "").partition(",")[0]
    return Record(
        place,
        text,
        raw,
        (start, start + size),
        id=headers.get("warc-record-id"),
        url=headers.get("warc-target-uri"),
        language=language or None,
    )


def _sha1(data: bytes) -> bytes:
    return base64.b32encode(hashlib.sha1(data, usedforsecurity=False).digest())


def _replace_wet(record: Record, text: str) -> bytes:
    start, end = record.span
    header, body = record.raw[:start], record.raw[start:end]
    data = text.encode()
    header = _in_header(header, _LENGTH, str(len(data)).encode())
    found = _BLOCK_DIGEST.search(header)
    if found and found[1] == _sha1(body):  # a digest that was wrong stays as it was
        header = _in_header(header, _BLOCK_DIGEST, _sha1(data))
    return bytes(header + data + record.raw[end:])


def _in_header(header: bytes, pattern: re.Pattern[bytes], value: bytes) -> bytes:
    found = pattern.search(header)
    return header if found is None else header[: found.start(1)] + value + header[found.end(1) :]


def _wet_rest(record: Record) -> object:
    start, end = record.span
    header = record.raw[:start] if end else record.raw
    return _in_header(_in_header(header, _LENGTH, b""), _BLOCK_DIGEST, b""), record.raw[end:] if end else b""


WET = Format(_read_wet, bytes_writer(_replace_wet, cut=True), _wet_rest, unit="records", head=True, starts=_wet_starts)

"""Plain text: a file is one document, in UTF-8 or another encoding."""

from __future__ import annotations

from collections.abc import Iterator

from cleaner.corpus.formats.common import Format, bytes_writer, lost, oversize
from cleaner.corpus.records import Input, Record
from cleaner.corpus.streams import MAX_RECORD, Damage, blocks

__all__ = ["MARKED", "TEXT", "decode"]

_MARKS = (
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\0\0\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
MARKED = frozenset(name for _, name in _MARKS)  # encodings that nobody would know without their byte order mark


FEW_BAD = 4  # bytes that are not UTF-8; a guess from fewer is worth nothing


def decode(data: bytes, encoding: str | None = "utf-8") -> tuple[str, str]:
    r"""Return `data` as text, every character kept, and the encoding it is in.

    A byte order mark decides and stays, as U+FEFF; then UTF-8 is tried, then `encoding`, or, if that is None,
    what charset-normalizer finds. Raises `UnicodeDecodeError` unless the text gives the same bytes again; its
    `start` is the offset of the first bad byte.

    >>> decode(b"\xef\xbb\xbfa\r\n"), decode("\ufeffa".encode("utf-16-le"))
    (('\ufeffa\r\n', 'utf-8'), ('\ufeffa', 'utf-16-le'))
    >>> decode(b"caf\xe9", "cp1252")
    ('café', 'cp1252')
    """
    try:
        return data.decode(), "utf-8"
    except UnicodeDecodeError as error:
        failure = error
    marked = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    for name in (marked, encoding or _guess(data)):
        if name is None:
            continue
        try:
            text = data.decode(name)
            if text.encode(name) == data:
                return text, name
        except (UnicodeError, LookupError):
            pass
    raise failure


def _guess(data: bytes) -> str | None:
    """Return the encoding that `data` is most likely in; None where that would be chance."""
    text = data.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    if bad < FEW_BAD or bad < len(text) - len(text.encode("ascii", "ignore")) - bad:
        return None  # damaged UTF-8 rather than something else
    try:
        import charset_normalizer
    except ImportError:
        return None
    found = charset_normalizer.from_bytes(data).best()
    return found.encoding.replace("_", "-") if found is not None else None


def _read_text(source: Input) -> Iterator[Record]:
    parts: list[bytes] = []
    size = place = 0
    for block in blocks(source.handle, source.codec):
        if isinstance(block, Damage):
            yield lost(block)
            continue
        parts.append(block)
        size += len(block)
        while size > MAX_RECORD:
            data = b"".join(parts)
            yield oversize(place, data[:MAX_RECORD])
            parts, size, place = [data[MAX_RECORD:]], size - MAX_RECORD, place + MAX_RECORD
    data = parts[0] if len(parts) == 1 else b"".join(parts)
    if place:
        yield oversize(place, data)
        return
    try:
        text, encoding = decode(data, source.fields.encoding)
    except UnicodeDecodeError as error:
        problem = f"not UTF-8 at byte {error.start}: {error.reason}"
        yield Record(0, None, data, problem=problem, flag="undecodable")
    else:
        yield Record(0, text, data, (0, len(data)), encoding=encoding)


def _replace_text(record: Record, text: str) -> bytes:
    return text.encode(record.encoding)


TEXT = Format(_read_text, bytes_writer(_replace_text), lambda record: None, single=True)

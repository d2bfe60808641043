"""The formats of files: how documents are read from one, and put back with nothing else changed.

A format is an entry of `FORMATS`. It reads records, one at a time, each with what is needed to write it
again, and writes each with another text or as it was. Reading what it wrote gives as many records, in the
same order, so that an audit that follows the order leads back.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from cleaner.corpus.records import Fields, Input, Record, Writer
from cleaner.corpus.streams import (
    CODECS,
    MAX_RECORD,
    Damage,
    InputError,
    Line,
    Sink,
    blocks,
    lines,
    split_name,
)

__all__ = [
    "FORMATS",
    "MARKED",
    "Fields",
    "Format",
    "Input",
    "Record",
    "Writer",
    "check_packages",
    "decode",
    "format_of",
    "is_corpus_file",
    "lacks_text",
    "suffixes",
]


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


def _bytes_writer(replace: Callable[[Record, str], bytes], *, cut: bool = False) -> Callable[[Sink, Input], Writer]:
    return lambda sink, source: _BytesWriter(sink, replace, cut)


def _around_span(record: Record) -> object:
    start, end = record.span
    return record.raw[:start], record.raw[end:]


def _from_start(source: Input) -> Iterator[bytes | Damage]:
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


def _lost(damage: Damage) -> Record:
    flag = "unreadable" if damage.failed else "corrupt"
    return Record(damage.start, None, problem=damage.detail, flag=flag, lost=damage)


def _oversize(place: int, data: bytes) -> Record:
    return Record(place, None, data, problem=f"longer than {MAX_RECORD >> 20} MiB", flag="oversize")


# ------------------------------------------------------------------ text

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
            yield _lost(block)
            continue
        parts.append(block)
        size += len(block)
        while size > MAX_RECORD:
            data = b"".join(parts)
            yield _oversize(place, data[:MAX_RECORD])
            parts, size, place = [data[MAX_RECORD:]], size - MAX_RECORD, place + MAX_RECORD
    data = parts[0] if len(parts) == 1 else b"".join(parts)
    if place:
        yield _oversize(place, data)
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


# ------------------------------------------------------------------ JSON Lines

_RAW_DECODER = msgspec.json.Decoder(dict[str, msgspec.Raw])
_STRING_DECODER = msgspec.json.Decoder(str)
_KEY = re.compile(rb'[ \t\r\n]*"(?:[^"\\]|\\.)*"[ \t\r\n]*:[ \t\r\n]*', re.DOTALL)
_NEXT = re.compile(rb"[ \t\r\n]*([,}])")
# Every quote belongs to a match, so that what looks like a number, or a bracket, is one.
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?'
_STRINGS = re.compile(_STRING, re.DOTALL)
_NOT_JSON = re.compile(_STRING + rb"|(?<=[:\[, \t])(?:NaN|-?Infinity)(?=[,\]} \t])", re.DOTALL)
_SURROGATE = re.compile(rb"\\(?:u[dD](?=[89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")

# How deep the decoder gets depends on how deep its caller is: a bound of its own makes records the same everywhere.
MAX_DEPTH = 500
_TOO_DEEP = f"nested too deeply, in more than {MAX_DEPTH} levels"


class _Malformed(ValueError):
    """A line is not the JSON object it should be."""


def _members(data: bytes) -> tuple[dict[str, msgspec.Raw], bytes]:
    """Return the raw values of an object, and the bytes that were read: as long as `data`.

    They differ only in what JSON proper does not know: lone surrogates, NaN and infinities are replaced to
    get past them.
    """
    try:
        members, masked = _RAW_DECODER.decode(data), data
    except RecursionError:
        raise _Malformed(_TOO_DEEP) from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        masked = _NOT_JSON.sub(_mask, data)
        try:
            members = _RAW_DECODER.decode(masked)
        except RecursionError:
            raise _Malformed(_TOO_DEEP) from None
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise _Malformed(str(error)) from None
    if _is_too_deep(data):
        raise _Malformed(_TOO_DEEP)
    return members, masked


def _mask(match: re.Match[bytes]) -> bytes:
    """Replace a number that JSON does not know, and, in a string, surrogates: each by a character of its own."""
    found = match[0]
    if not found.startswith(b'"'):
        return b"0".ljust(len(found))
    return _SURROGATE.sub(lambda escape: escape[0].replace(b"d", b"e").replace(b"D", b"e"), found)


def _is_too_deep(data: bytes) -> bool:
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return False
    level = 0
    for bracket in _BRACKET.findall(_STRINGS.sub(b"", data)):
        level += 1 if bracket in (b"[", b"{") else -1
        if level > MAX_DEPTH:
            return True
    return False


_Span = tuple[int, int]


def _values(data: bytes, name: str) -> dict[str, _Span]:
    """Return where the values of the object `data` stand, by field; nothing if it has no field `name`."""
    members, masked = _members(data)
    if name not in members:
        return {}
    found = {}
    at = data.index(b"{") + 1
    after: re.Match[bytes] | None = None
    for key, raw in members.items():
        value = bytes(raw)
        match = _KEY.match(masked, at)
        end = match.end() + len(value) if match is not None else 0
        if match is None or masked[match.end() : end] != value:
            raise _Malformed("a field stands in the object twice")
        after = _NEXT.match(masked, end)
        if after is None:
            raise _Malformed("a field stands in the object twice")
        found[key] = match.end(), end
        at = after.end()
    if after is None or after[1] != b"}":
        raise _Malformed("a field stands in the object twice")
    return found


def _find(data: bytes, values: dict[str, _Span], path: Sequence[str]) -> _Span | None:
    """Return where the value at `path` stands in the object `data` of these values; None where there is none."""
    span = values.get(path[0])
    if span is None or len(path) == 1:
        return span
    start, end = span
    value = data[start:end]
    if not value.startswith(b"{"):
        return None
    found = _find(value, _values(value, path[1]), path[1:])
    return None if found is None else (start + found[0], start + found[1])


def _string(data: bytes) -> str | None:
    """Return the string that `data` says in JSON; None if it says something else."""
    if not data.startswith(b'"'):
        return None
    try:
        return _STRING_DECODER.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        try:
            value = json.loads(data.decode(), strict=False)
        except ValueError as error:
            raise _Malformed(str(error)) from None
        return value if isinstance(value, str) else None


def _scalar(data: bytes, values: dict[str, _Span], field: str) -> str | None:
    """Return a field's value as text, None if it has none or is more than a scalar."""
    try:
        span = _find(data, values, field.split("."))
        value = b"" if span is None else data[span[0] : span[1]]
        if value.startswith(b'"'):
            return _string(value)
    except _Malformed:
        return None
    return None if value in (b"", b"null", b"true", b"false") or value[:1] in (b"{", b"[") else value.decode()


def _address(url: str | None) -> str | None:
    """Return a URL without halves of characters: no host can be told from one that has some."""
    if url is None or url.isascii():
        return url
    return url.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _read_json_lines(source: Input) -> Iterator[Record]:
    for line in _lines_of(source):
        if isinstance(line, Damage):
            yield _lost(line)
        elif not line.whole:
            yield _oversize(line.place, line.data)
        elif not line.data.strip():
            yield Record(line.place, None, line.data)
        else:
            yield _json_record(line.place, line.data, source.fields)


def _lines_of(source: Input) -> Iterator[Line | Damage]:
    if source.codec or not source.start:
        yield from lines(_from_start(source), source.start, source.end)
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


def _line_starts(source: Iterator[bytes]) -> Iterator[int]:
    place, ended = 0, True
    for block in source:
        found = -1 if ended else block.find(b"\n")
        if ended:
            yield place
        elif 0 <= found < len(block) - 1:
            yield place + found + 1
        place, ended = place + len(block), block.endswith(b"\n")


def _json_record(place: int, raw: bytes, fields: Fields) -> Record:
    mark = 3 if raw.startswith(b"\xef\xbb\xbf") else 0
    data = raw[mark:]
    try:
        path = fields.text.split(".")
        values = _values(data, path[0])
        span = _find(data, values, path)
        text = None if span is None else _string(data[span[0] : span[1]])
        if text is None or span is None:
            return Record(place, None, raw)
    except _Malformed as error:
        return Record(place, None, raw, problem=f"not a JSON object: {error}")
    return Record(
        place,
        text,
        raw,
        (mark + span[0], mark + span[1]),
        id=_scalar(data, values, fields.id),
        url=_address(_scalar(data, values, fields.url)),
        language=_scalar(data, values, fields.language),
    )


def _replace_json(record: Record, text: str) -> bytes:
    start, end = record.span
    plain = record.raw[start:end].isascii()
    if plain and record.text is not None and record.text.isascii():
        plain = record.raw.isascii()  # the text itself does not tell: it has no escapes either
    if not plain:
        try:
            return bytes(record.raw[:start] + msgspec.json.encode(text) + record.raw[end:])
        except UnicodeEncodeError:
            pass
    value = json.dumps(text)  # what is written in ASCII stays so
    if json.loads(value) != text:
        raise ValueError("JSON cannot say this text: two halves of a character would become one")
    return bytes(record.raw[:start] + value.encode() + record.raw[end:])


# ------------------------------------------------------------------ CSV

_CSV_FIELDS = {
    delimiter: re.compile(rb'[ ]*"(?:[^"]|"")*"[ ]*(?=%b|[\r\n]|\Z)|[^%b\r\n]*' % (delimiter, delimiter))
    for delimiter in (b",", b"\t", b";")
}
_CSV_BLANK = {b"\t": b" \r\n\v\f"}  # what a blank line is made of: any blank but the delimiter


def _read_csv(source: Input) -> Iterator[Record]:
    """Read records of the first one's shape: RFC 4180, with the delimiter that the names of the fields show."""
    head: _Head | None = None
    if source.start:
        source.handle.seek(0)
        above = Input(source.handle, source.codec, source.fields)
        for first in _csv_lines(above):
            if first.lost is not None:
                raise OSError(f"the names of the fields, of which {first.problem}")
            if _is_filled(first):
                head = _csv_head(first.raw)
                break
    for record in _csv_lines(source):
        if not _is_filled(record, head):
            yield record
            continue
        raw = record.raw
        if head is None or head.problem:
            head = head or _csv_head(raw)
            yield Record(record.place, None, raw, problem=head.problem)
            continue
        spans = _csv_spans(raw, head.delimiter, 0)
        try:
            if _goes_on(raw, spans):
                raise ValueError(_ALONE)
            if len(spans) != len(head.names):
                raise ValueError(f"{len(spans)} fields where there are {len(head.names)} names")
            if any(_is_torn(raw[start:end]) for start, end in spans):
                raise ValueError("a quote stands inside a field")
            values = {
                name: (_csv_value(raw[start:end]), (start, end))
                for name, (start, end) in zip(head.names, spans, strict=True)
                if name in (source.fields.text, source.fields.id, source.fields.url, source.fields.language)
            }
        except ValueError as error:
            yield Record(record.place, None, raw, problem=f"not a record: {error}")
            continue
        found = values.get(source.fields.text)
        others = {name: value or None for name, (value, _) in values.items()}
        yield Record(
            record.place,
            found[0] if found else None,
            raw,
            found[1] if found else (0, 0),
            id=others.get(source.fields.id),
            url=others.get(source.fields.url),
            language=others.get(source.fields.language),
            form=head,
        )


@dataclass(frozen=True, slots=True)
class _Head:
    """The names of the fields, what stands between them, and, if they cannot be read, `problem`: then no record can.

    `quoted` says whether they stand in quotes, as the other fields then do, as a rule.
    """

    names: tuple[str, ...]
    delimiter: bytes
    problem: str = ""
    quoted: bool = False


def _is_filled(record: Record, head: _Head | None = None) -> bool:
    """Say whether a record has fields, if only empty ones: it is no blank line."""
    blank = _CSV_BLANK.get(head.delimiter) if head else None
    return not record.problem and not record.lost and bool(record.raw.strip(blank))


def _csv_head(raw: bytes) -> _Head:
    mark = 3 if raw.startswith(b"\xef\xbb\xbf") else 0
    line = raw.partition(b"\n")[0]
    delimiter = max((b",", b"\t", b";"), key=line.count)
    spans = _csv_spans(raw, delimiter, mark)
    if _goes_on(raw, spans):
        return _Head((), delimiter, f"not a record: {_ALONE}")
    try:
        names = tuple(_csv_value(raw[start:end]) for start, end in spans)
        return _Head(names, delimiter, quoted=raw[mark:].lstrip(b" ").startswith(b'"'))
    except UnicodeDecodeError as error:
        return _Head((), delimiter, f"the names of the fields are not UTF-8 ({error.reason}): convert the file")


def _csv_starts(source: Iterator[bytes]) -> Iterator[int]:
    """Yield where records begin: after a line feed before which quotes are even, and after the names."""
    place = known = 0
    filled = False
    odd, ended = 0, True
    for block in source:
        found = place if ended and not odd else -1
        at, quotes = 0, odd
        while found < 0 and 0 <= (end := block.find(b"\n", at)) < len(block) - 1:
            quotes ^= block.count(b'"', at, end) & 1
            at = end + 1
            if not quotes:
                found = place + at
        if max(found, place) - known > MAX_RECORD:
            return  # a record this long is read in pieces, and its quotes are not counted
        if found >= 0:
            known = found
            if filled:
                yield found
        filled = filled or bool(block.strip())
        odd ^= block.count(b'"') & 1
        place, ended = place + len(block), block.endswith(b"\n")


def _csv_lines(source: Input) -> Iterator[Record]:
    """Yield records as bytes: lines, and what follows them as long as a quote is open."""
    pending: list[Line] = []
    size = quotes = 0
    for line in _lines_of(source):
        if isinstance(line, Damage):
            if pending:
                # Left open, the quote would swallow what follows in the output.
                raw = b"".join(one.data for one in pending)
                yield Record(pending[0].place, None, raw.removesuffix(b"\n") + b'"\n')
                pending, size, quotes = [], 0, 0
            yield _lost(line)
            continue
        pending.append(line)
        size += len(line.data)
        quotes += line.data.count(b'"')
        if size > MAX_RECORD or not line.whole:
            yield from (_oversize(one.place, one.data) for one in pending)
        elif quotes % 2:
            continue
        else:
            yield Record(pending[0].place, None, b"".join(one.data for one in pending))
        pending, size, quotes = [], 0, 0
    if pending:
        yield _csv_open(pending)


def _csv_open(pending: Sequence[Line]) -> Record:
    raw = b"".join(one.data for one in pending)
    return Record(pending[0].place, None, raw, problem="not a record: a quote is never closed")


def _csv_spans(raw: bytes, delimiter: bytes, at: int) -> list[tuple[int, int]]:
    pattern = _CSV_FIELDS[delimiter]
    spans = []
    while True:
        match = pattern.match(raw, at)
        assert match is not None  # the pattern takes nothing, too
        spans.append(match.span())
        at = match.end() + 1
        if raw[match.end() : at] != delimiter:
            return spans


_ALONE = r"a line ends in \r alone: convert the line ends of the file to \n"


def _goes_on(raw: bytes, spans: Sequence[tuple[int, int]]) -> bool:
    """Say whether the line goes on behind the fields: a carriage return alone has ended them."""
    return raw[spans[-1][1] :].lstrip(b"\r")[:1] not in (b"", b"\n")


def _is_torn(data: bytes) -> bool:
    """Say whether quotes stand in a field that are not its own: there, readers disagree."""
    quoted = data.strip(b" ")
    proper = len(quoted) > 1 and quoted.startswith(b'"') and quoted.endswith(b'"')
    return b'"' in (quoted[1:-1].replace(b'""', b"") if proper else data)


def _csv_value(data: bytes) -> str:
    quoted = data.strip(b" ")
    if quoted.startswith(b'"') and quoted.endswith(b'"') and len(quoted) > 1:
        data = quoted[1:-1].replace(b'""', b'"')
    return data.decode()


def _replace_csv(record: Record, text: str) -> bytes:
    start, end = record.span
    head: _Head = record.form
    old, data = record.raw[start:end], text.encode()
    field = old.strip(b" ")
    quoted = field.startswith(b'"')
    alone = len(head.names) == 1
    if quoted and alone and not field[1:-1].strip(b" \t\v\f"):
        quoted = head.quoted  # it may be in quotes only because it is blank
    if quoted or head.delimiter in data or re.search(rb'["\r\n]', data) or (alone and not data.strip()):
        data = b'"' + data.replace(b'"', b'""') + b'"'
    # Blanks around quotes are not of the text.
    return bytes(record.raw[:start] + (old.replace(field, data) if field.startswith(b'"') else data) + record.raw[end:])


# ------------------------------------------------------------------ WET

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
    buffer = _Buffer(_from_start(source), source.start)
    while source.end is None or buffer.place < source.end:
        at = buffer.place
        if not buffer.fill(1):
            if buffer.damage is None:
                return
            yield _lost(buffer.damage)
            buffer.damage = None
            continue
        header, size = _wet_header(buffer)
        if size < 0:
            yield Record(at, None, _resync(buffer), problem=f"no WARC record at byte {at}")
            continue
        if size > MAX_RECORD:
            yield _oversize(at, buffer.take(len(header)))
            left = size + 4
            while left and buffer.fill(1):
                piece = buffer.take(min(left, MAX_RECORD))
                left -= len(piece)
                yield _oversize(at, piece)
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


# ------------------------------------------------------------------ the table


def _read_parquet(source: Input) -> Iterator[Record]:
    from cleaner.corpus.parquet import read

    yield from read(source)


def _parquet_writer(sink: Sink, source: Input) -> Writer:
    from cleaner.corpus.parquet import open_writer

    return open_writer(sink, source)


def _parquet_rest(record: Record) -> object:
    from cleaner.corpus.parquet import rest

    return rest(record)


_TEXT = Format(_read_text, _bytes_writer(_replace_text), lambda record: None, single=True)
_JSON_LINES = Format(_read_json_lines, _bytes_writer(_replace_json), _around_span, unit="lines", starts=_line_starts)
_CSV = Format(_read_csv, _bytes_writer(_replace_csv), _around_span, unit="records", head=True, starts=_csv_starts)
_WET = Format(
    _read_wet, _bytes_writer(_replace_wet, cut=True), _wet_rest, unit="records", head=True, starts=_wet_starts
)
_PARQUET = Format(_read_parquet, _parquet_writer, _parquet_rest, unit="groups", compressed=False)

FORMATS: dict[str, Format] = {
    ".txt": _TEXT,
    ".text": _TEXT,
    ".md": _TEXT,
    ".jsonl": _JSON_LINES,
    ".ndjson": _JSON_LINES,
    ".csv": _CSV,
    ".tsv": _CSV,
    ".parquet": _PARQUET,
    ".wet": _WET,
}
# Corpora come as .json.gz or .json.zst with an object a line; a plain .json file is something else.
COMPRESSED_FORMATS: dict[str, Format] = {".json": _JSON_LINES}


def lacks_text(record: Record, chosen: Format) -> bool:
    """Say whether a record holds no document though it should: it is no blank line, and no head of a file."""
    if record.is_document or (chosen.head and not record.place):
        return False
    return not isinstance(record.raw, bytes) or bool(record.raw.strip())


def suffixes() -> str:
    """Return the suffixes of the files that can be cleaned, as one line."""
    return ", ".join(FORMATS)


def is_corpus_file(name: str) -> bool:
    """Say whether the suffix of `name` is that of a format.

    >>> [is_corpus_file(name) for name in ("a.txt", "a.JSONL.zst", "a.json", "a.json.gz", "a.parquet.gz")]
    [True, True, False, True, False]
    """
    return _look_up(name) is not None


def _look_up(name: str) -> Format | None:
    suffix, codec = split_name(name)
    found = FORMATS.get(suffix)
    if not codec:
        return found
    return found if found is not None and found.compressed else COMPRESSED_FORMATS.get(suffix)


def check_packages(name: str) -> None:
    """Raise `InputError` where the package for a file's format or compression is missing; it says which."""
    try:
        if format_of(name) is _PARQUET:
            import cleaner.corpus.parquet  # noqa: F401
        if codec := split_name(name)[1]:
            CODECS[codec].errors()
    except InputError as error:
        raise InputError(f"{name}: {error}") from None


def format_of(name: str) -> Format:
    """Return the format of a file for which `is_corpus_file` holds; raise `InputError` for others."""
    found = _look_up(name)
    if found is None:
        raise InputError(f"{name}: not a file that can be cleaned ({suffixes()}, each also as .gz or .zst)")
    return found

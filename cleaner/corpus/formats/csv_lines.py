"""CSV and its kind, with tabs or semicolons: the first record names the fields, and one of them is the text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cleaner.corpus.formats.common import Format, around_span, bytes_writer, lines_of, lost, oversize
from cleaner.corpus.records import Input, Record
from cleaner.corpus.streams import MAX_RECORD, Damage, Line

__all__ = ["CSV"]

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
    for line in lines_of(source):
        if isinstance(line, Damage):
            if pending:
                # Left open, the quote would swallow what follows in the output.
                raw = b"".join(one.data for one in pending)
                yield Record(pending[0].place, None, raw.removesuffix(b"\n") + b'"\n')
                pending, size, quotes = [], 0, 0
            yield lost(line)
            continue
        pending.append(line)
        size += len(line.data)
        quotes += line.data.count(b'"')
        if size > MAX_RECORD or not line.whole:
            yield from (oversize(one.place, one.data) for one in pending)
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


CSV = Format(_read_csv, bytes_writer(_replace_csv), around_span, unit="records", head=True, starts=_csv_starts)

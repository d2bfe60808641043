"""JSON Lines: an object a line, of which only the text changes, byte for byte."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

import msgspec

from cleaner.corpus.formats.common import Format, around_span, bytes_writer, lines_of, lost, oversize
from cleaner.corpus.records import Fields, Input, Record
from cleaner.corpus.streams import Damage

__all__ = ["JSON_LINES"]

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
    for line in lines_of(source):
        if isinstance(line, Damage):
            yield lost(line)
        elif not line.whole:
            yield oversize(line.place, line.data)
        elif not line.data.strip():
            yield Record(line.place, None, line.data)
        else:
            yield _json_record(line.place, line.data, source.fields)


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


JSON_LINES = Format(_read_json_lines, bytes_writer(_replace_json), around_span, unit="lines", starts=_line_starts)

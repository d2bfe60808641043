"""The audit: what a run did, as JSON Lines, and what can be proved from it.

The first row describes the run. Then come, for every document, a row for each of its edits and one
for the document itself. Every row ends with `check`, a digest of the row's own bytes, so that damage
to any field is noticed and placed. It guards against accidents, not against a forger, who could
compute it anew.

Reading and writing need one document's rows at a time. Nothing here opens a file.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

import msgspec

from cleaner import __version__
from cleaner.edits import Edit, EditError, apply, restore
from cleaner.rules.model import RISKS, Action, Risk
from cleaner.text import Lines

if TYPE_CHECKING:
    from cleaner.engine import Result
    from cleaner.rules.model import Configuration

__all__ = [
    "AuditError",
    "DocumentRow",
    "DocumentRows",
    "EditRow",
    "Entry",
    "FlagRow",
    "PackRow",
    "Row",
    "RunRow",
    "decode_as",
    "decode_row",
    "digest",
    "document_rows",
    "encode_row",
    "engine_versions",
    "read",
    "restore_document",
    "run_row",
    "unchanged_rows",
    "verify_document",
]

Natural = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[int, msgspec.Meta(ge=1)]
Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class AuditError(ValueError):
    """A row, or what it says about a document, is wrong; the message is one line."""


class PackRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A pack that took part, by name and version."""

    name: str
    version: str


class FlagRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something to know about a document; `error` says that it was not cleaned as it should be."""

    name: str
    rule: str | None
    detail: str
    error: bool


class RunRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="run"):
    """The header: everything but the documents that decides the result.

    `engines` maps each library that takes part to its version (None: not installed), `digest` is the
    SHA-256 of the resolved configuration.
    """

    tool: str
    version: str
    unicode: str
    engines: dict[str, str | None]
    packs: tuple[PackRow, ...]
    digest: str
    options: dict[str, Any]


class EditRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="edit"):
    """One edit: ``[start, end)`` in code points and `line`, from 1, of the original.

    `rules` and `evidence` go together, in the order in which the rules acted; `action` is the last
    one's, `risk` the highest.
    """

    document: str
    start: Natural
    end: Natural
    line: Positive
    before: str
    after: str
    rules: tuple[str, ...]
    action: Action
    risk: Risk
    evidence: tuple[dict[str, Any], ...]


class DocumentRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="document"):
    """One document, after its edits.

    `document` is its name in the output: that of the file, followed, if the file holds several, by ``#`` and
    its place there. `source` is the file it came from; `id`, `url` and `language` are as the file has them.
    `encoding` is None where the bytes could not be decoded and were copied. The digests are of the document's
    bytes; `chars` and `clean_chars` count code points before and after, `edits` the edit rows.
    """

    document: str
    source: str
    id: str | None
    url: str | None
    language: str | None
    encoding: str | None
    original_sha256: Sha256
    clean_sha256: Sha256
    chars: Natural
    clean_chars: Natural
    edits: Natural
    flags: tuple[FlagRow, ...]


Row = RunRow | EditRow | DocumentRow


@dataclass(frozen=True, slots=True)
class DocumentRows:
    """The rows of one document, and in this order when they are written: those of its edits, then its own."""

    edits: tuple[EditRow, ...]
    document: DocumentRow

    def __iter__(self) -> Iterator[EditRow | DocumentRow]:
        yield from self.edits
        yield self.document


# ------------------------------------------------------------------ rows as bytes

_CHECK = re.compile(rb'(?P<body>.*),"check":"(?P<check>[0-9a-f]{16})"\}\n', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPE = re.compile(r"\\(?:u(d[89a-f][0-9a-f]{2})|.)", re.DOTALL)

_T = TypeVar("_T")
_ENCODER = msgspec.json.Encoder()
_DECODER: msgspec.json.Decoder[Row] = msgspec.json.Decoder(Row)


def digest(data: bytes) -> str:
    """Return the SHA-256 of `data` as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def _check(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest()[:16].encode()


def encode_row(row: msgspec.Struct) -> bytes:
    r"""Return `row` as one line of JSON with its check and a line feed.

    A lone surrogate, which UTF-8 cannot say, becomes a `\udXXX` escape. Characters beyond U+FFFF stand
    as themselves, so that such an escape is always a lone one.

    >>> row = RunRow("cleaner", "1.0", "14.0.0", {}, (), "", {})
    >>> decode_row(encode_row(row)) == row
    True
    """
    try:
        data = _ENCODER.encode(row)
    except UnicodeEncodeError:
        text = json.dumps(msgspec.to_builtins(row), ensure_ascii=False, separators=(",", ":"))
        data = _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text).encode()
    return _checked(data)


def _checked(data: bytes) -> bytes:
    body = data[:-1]
    return body + b',"check":"' + _check(body) + b'"}\n'


def _unchecked(line: bytes) -> bytes:
    found = _CHECK.fullmatch(line)
    if not found:
        raise AuditError("the row is incomplete")
    if _check(found["body"]) != found["check"]:
        raise AuditError("the row was changed: its check does not match")
    return found["body"] + b"}"


def decode_row(line: bytes) -> Row:
    """Return the row that stands on `line` with its line feed.

    Raises `AuditError` where the check does not match or the row is not as it should be.
    """
    return decode_as(_DECODER, line)


def decode_as(decoder: msgspec.json.Decoder[_T], line: bytes) -> _T:
    """Return the row of the decoder's type that stands on `line` with its line feed.

    Raises `AuditError` where the check does not match or the row is not as it should be.
    """
    data = _unchecked(line)
    try:
        if b"\\ud" in data:
            row: _T = msgspec.convert(json.loads(_ESCAPE.sub(_unescape, data.decode())), decoder.type)
            return row
        return decoder.decode(data)
    except (msgspec.MsgspecError, ValueError) as error:
        raise AuditError(f"the row is malformed: {error}") from None


def _unescape(match: re.Match[str]) -> str:
    # Left to the JSON reader, two lone surrogates in a row would become one character.
    return chr(int(match[1], 16)) if match[1] else match[0]


# ------------------------------------------------------------------ building rows


def engine_versions() -> dict[str, str | None]:
    """Return the versions of what decides a result: Python and the text libraries (None: not installed)."""
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for name, package in (
        ("regex", "regex"),
        ("ftfy", "ftfy"),
        ("re2", "google-re2"),
        ("charset-normalizer",) * 2,
    ):
        try:
            versions[name] = version(package)
        except PackageNotFoundError:
            versions[name] = None
    return versions


def run_row(configuration: Configuration, options: Mapping[str, object]) -> RunRow:
    """Return the header of a run with `configuration` and `options` (what JSON can say)."""
    return RunRow(
        tool="cleaner",
        version=__version__,
        unicode=unicodedata.unidata_version,
        engines=engine_versions(),
        packs=tuple(PackRow(pack.name, pack.version) for pack in configuration.packs),
        digest=configuration.digest,
        options=dict(options),
    )


def document_rows(
    document: str,
    source: str,
    encoding: str,
    result: Result,
    *,
    original: bytes,
    clean: bytes,
    id: str | None = None,
    url: str | None = None,
    language: str | None = None,
) -> DocumentRows:
    """Return the rows of one cleaned document; `original` and `clean` are its bytes in `encoding`."""
    sha256 = digest(original)
    return DocumentRows(
        tuple(
            _edit_row(document, edit, line)
            for edit, line in zip(result.edits, _lines(result.original, result.edits), strict=True)
        ),
        DocumentRow(
            document=document,
            source=source,
            id=id,
            url=url,
            language=language,
            encoding=encoding,
            original_sha256=sha256,
            clean_sha256=sha256 if clean is original else digest(clean),
            chars=len(result.original),
            clean_chars=len(result.text),
            edits=len(result.edits),
            flags=tuple(FlagRow(flag.name, flag.rule, flag.detail, flag.error) for flag in result.flags),
        ),
    )


def _edit_row(document: str, edit: Edit, line: int) -> EditRow:
    if not edit.causes:
        raise AuditError(f"the edit at {edit.start} has no cause")
    return EditRow(
        document=document,
        start=edit.start,
        end=edit.end,
        line=line,
        before=edit.before,
        after=edit.after,
        rules=tuple(cause.rule for cause in edit.causes),
        action=cast(Action, edit.causes[-1].action),
        risk=max((cast(Risk, cause.risk) for cause in edit.causes), key=RISKS.index),
        evidence=tuple(dict(cause.evidence) for cause in edit.causes),
    )


def unchanged_rows(
    document: str,
    source: str,
    data: bytes,
    text: str | None,
    flag: FlagRow,
    *,
    encoding: str = "utf-8",
    id: str | None = None,
    url: str | None = None,
    language: str | None = None,
) -> DocumentRows:
    """Return what is said of a document that was kept as it is, for the reason `flag`.

    `text` is its text, None where `data` could not be decoded.
    """
    chars = 0 if text is None else len(text)
    said = None if text is None else encoding
    sha256 = digest(data)
    row = DocumentRow(document, source, id, url, language, said, sha256, sha256, chars, chars, 0, (flag,))
    return DocumentRows((), row)


def _lines(text: str, edits: Sequence[Edit]) -> Iterator[int]:
    """Yield the line, from 1, in which each edit starts."""
    if "\r" in text:
        lines = Lines.of(text)
        yield from (lines.line_at(edit.start) + 1 for edit in edits)
        return
    line, at = 1, 0
    for edit in edits:
        # A line feed that ends the text opens no further line.
        line, at = line + text.count("\n", at, min(edit.start, len(text) - 1)), edit.start
        yield line


# ------------------------------------------------------------------ reading


@dataclass(frozen=True, slots=True)
class Entry:
    """What an audit says about one document.

    `name` is the document's, as far as it is known ("" if not). `document` is None where its row is
    missing or damaged, `edits` holds the rows that are sound. `problems` tells, a line each, what is not;
    it counts edits from 1.
    """

    name: str
    document: DocumentRow | None
    edits: tuple[EditRow, ...]
    problems: tuple[str, ...]


def read(lines: Iterable[bytes]) -> Iterator[RunRow | Entry]:
    """Yield the headers (one, and first, in a sound audit) and the entries of an audit.

    `lines` are its lines with their line feeds, as a file opened in binary mode gives them. Damage raises
    nothing: it is told in the `problems` of the entry where it is.
    """
    edits: list[EditRow] = []
    problems: list[str] = []
    names: list[str] = []  # what the sound edit rows call the document, then what damaged ones do
    count = 0
    for number, line in enumerate(lines, 1):
        row: Row | None
        try:
            row = decode_row(line)
        except AuditError as error:
            row, message = None, f"{error} (row {number} of the audit)"
        if isinstance(row, RunRow):
            yield row
        elif isinstance(row, EditRow):
            count += 1
            edits.append(row)
            names.insert(0, row.document)
        elif row is None and number == 1 and b'"document":' not in line:
            yield Entry("", None, (), (f"the header: {message}",))
        elif row is None and not _tells_document(line):
            count += 1
            problems.append(f"edit {count}: {message}")
            names.append(_name_in(line))
        else:
            if row is None:
                problems.append(f"the document's row: {message}")
                names.append(_name_in(line))
            name = row.document if row else next(filter(None, names), "")
            yield Entry(name, row, tuple(edits), tuple(problems))
            edits, problems, names, count = [], [], [], 0
    if count:
        problems.append("the audit is cut short: these edits have no document's row")
        yield Entry(next(filter(None, names), ""), None, tuple(edits), tuple(problems))


def _tells_document(line: bytes) -> bool:
    """Say whether a damaged row was most likely a document's, even if its type is what was damaged."""
    return b'"clean_sha256":' in line or (line.startswith(b'{"type":"document"') and b'"start":' not in line)


_NAME = re.compile(rb'"document":"((?:[^"\\]|\\.)*)"')


def _name_in(line: bytes) -> str:
    """Return the document that a damaged row names, as far as can be read."""
    found = _NAME.search(line)
    try:
        return str(json.loads(b'"' + found[1] + b'"')) if found else ""
    except ValueError:
        return ""


# ------------------------------------------------------------------ proving


def restore_document(entry: Entry, clean: bytes) -> bytes:
    """Return the original bytes of the document whose clean bytes are `clean`.

    Raises `AuditError` where the entry is damaged or the result is not, byte for byte, the original.
    """
    if entry.problems or entry.document is None:
        raise AuditError(next(iter(entry.problems), "the document's row is missing"))
    row = entry.document
    if row.encoding is None:
        original = clean
    else:
        text = _decode(clean, row.encoding)
        try:
            original = restore(text, _edits(entry)).encode(row.encoding, "surrogatepass")
        except EditError as error:
            raise AuditError(_placed(error, "in the clean file ")) from None
    if digest(original) != row.original_sha256:
        raise AuditError("the clean file and the edits do not give the original")
    return original


def verify_document(entry: Entry, clean: bytes, original: bytes | None = None) -> list[str]:
    """Return what is wrong with a document, a line each; nothing if every invariant holds.

    `clean` is the content of its clean file, `original`, if given, that of the file that was cleaned.
    """
    problems = list(entry.problems)
    row = entry.document
    if row is None:
        return problems or ["the document's row is missing"]
    changed = digest(clean) != row.clean_sha256
    if original is not None and digest(original) != row.original_sha256:
        problems.append("the original is not the file that was cleaned: its SHA-256 is another")
        original = None
    if len(entry.edits) != row.edits and not entry.problems:
        problems.append(f"the document's row counts {row.edits} edits, the audit has {len(entry.edits)}")
    problems += _row_problems(row, entry.edits)
    if not problems:
        try:
            restored = restore_document(entry, clean)
        except AuditError as error:
            problems.append(str(error))
        else:
            problems += _text_problems(row, entry, restored, clean)
    if changed:
        place = _change(entry, clean, original) if original is not None else ""
        problems.append(f"the clean file was changed: its SHA-256 is another{place}")
    return problems


def _row_problems(row: DocumentRow, edits: Sequence[EditRow]) -> Iterator[str]:
    """Yield what is wrong with the rows alone."""
    if row.encoding is None and (edits or row.original_sha256 != row.clean_sha256):
        yield "it could not be decoded, and yet it was changed"
    position = 0
    for number, edit in enumerate(edits, 1):
        if edit.document != row.document:
            yield f"edit {number}: belongs to {edit.document!r}"
        if edit.end - edit.start != len(edit.before):
            yield f"edit {number}: [{edit.start}, {edit.end}) is not as long as what stood there"
        if edit.start < position:
            yield f"edit {number}: starts at {edit.start}, before the end of the edit before it ({position})"
        if edit.before == edit.after:
            yield f"edit {number}: changes nothing"
        if not edit.rules or len(edit.rules) != len(edit.evidence):
            yield f"edit {number}: has {len(edit.rules)} rules and {len(edit.evidence)} pieces of evidence"
        position = edit.end


def _text_problems(row: DocumentRow, entry: Entry, restored: bytes, clean: bytes) -> Iterator[str]:
    """Yield where the rows do not fit the texts; `restored` is the original."""
    if row.encoding is None:
        return
    original, text = _decode(restored, row.encoding), _decode(clean, row.encoding)
    for what, said, found in (
        ("original", row.chars, len(original)),
        ("clean text", row.clean_chars, len(text)),
    ):
        if said != found:
            yield f"the document's row counts {said} characters in the {what}, there are {found}"
    lines = Lines.of(original if entry.edits else "")
    for number, edit in enumerate(entry.edits, 1):
        if edit.line != (line := lines.line_at(edit.start) + 1):
            yield f"edit {number}: is in line {line}, not {edit.line}"
    try:
        if apply(original, _edits(entry)) != text:
            yield "the original and the edits do not give the clean file"
    except EditError as error:
        yield _placed(error, "in the original ")


def _change(entry: Entry, clean: bytes, original: bytes) -> str:
    """Say where `clean` departs from what the sound `original` and the edits give, if that can be told."""
    encoding = entry.document.encoding if entry.document else None
    expected = original
    if encoding is not None:
        try:
            text = original.decode(encoding, "surrogatepass")
            expected = apply(text, _edits(entry)).encode(encoding, "surrogatepass")
        except (EditError, ValueError, LookupError):
            return ""
    at = next(
        (at for at, (left, right) in enumerate(zip(expected, clean, strict=False)) if left != right),
        min(len(expected), len(clean)),
    )
    line = max(1, len(Lines.of(expected[:at].decode("latin-1") + "x").texts))
    return f", from line {line} on (byte {at})"


def _decode(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding, "surrogatepass")
    except UnicodeDecodeError as error:
        raise AuditError(f"byte {error.start} of the clean file is not {encoding}") from None
    except LookupError:
        raise AuditError(f"there is no encoding {encoding!r}") from None


def _edits(entry: Entry) -> list[Edit]:
    return [Edit(row.start, row.end, row.before, row.after) for row in entry.edits]


def _placed(error: EditError, where: str) -> str:
    """Return the message of an error with the edit counted from 1."""
    return f"edit {error.index + 1}: {where}{str(error).partition(': ')[2]}"

"""A run over many files, and what can be done with a finished one: restore, verify.

`clean_source` does all the work on one file and returns bytes and counts only, so that it can be called
anywhere; `run` puts them together in the order of the files.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from cleaner.audit import (
    AuditError,
    DocumentRow,
    EditRow,
    Entry,
    FlagRow,
    RunRow,
    document_rows,
    encode_row,
    read,
    restore_document,
    run_row,
    unchanged_row,
    verify_document,
)
from cleaner.corpus.files import (
    AUDIT_FOLDER,
    InputError,
    Skipped,
    Source,
    decode,
    find,
    is_safe_name,
    path_of,
    prepare_output,
    walk,
    write_whole,
)

if TYPE_CHECKING:
    from cleaner.engine import Cleaner

__all__ = [
    "Failure",
    "Outcome",
    "Step",
    "Summary",
    "Tally",
    "audit_path",
    "clean_source",
    "restore",
    "run",
    "verify",
]


@dataclass(frozen=True, slots=True)
class Tally:
    """What one rule did: how often it took part in an edit, and by how many characters texts shrank."""

    hits: int
    removed: int


@dataclass(frozen=True, slots=True)
class Failure:
    """A document with a flag that is an error, or a path that could not be read."""

    document: str
    flag: str
    detail: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run did, counted in documents and characters (code points), and what went wrong.

    `rules` and `flags` are by name; `failed` has one entry for each flag that is an error.
    """

    documents: int
    changed: int
    chars: int
    clean_chars: int
    rules: Mapping[str, Tally]
    flags: Mapping[str, int]
    skipped: tuple[Skipped, ...]
    failed: tuple[Failure, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """Progress: the document just done, and how many bytes and documents are, of how many."""

    document: str
    bytes: int
    total_bytes: int
    documents: int
    total_documents: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """One cleaned file: its clean bytes, its rows of the audit, and what to count."""

    clean: bytes
    rows: bytes
    chars: int
    clean_chars: int
    hits: Mapping[str, int] = field(default_factory=dict)
    removed: Mapping[str, int] = field(default_factory=dict)
    flags: tuple[FlagRow, ...] = ()


def audit_path(out: str) -> str:
    """Return where the audit of the run in `out` stands."""
    return os.path.join(out, AUDIT_FOLDER, "audit.jsonl")


def clean_source(cleaner: Cleaner, source: Source, language: str | None = None) -> Outcome:
    """Clean one file.

    What is not UTF-8, and a document on which the engine fails, is kept as it is and flagged. Raises
    `OSError` where the file cannot be read.
    """
    with open(source.path, "rb") as handle:
        data = handle.read()
    try:
        text = decode(data)
    except UnicodeDecodeError as error:
        flag = FlagRow("undecodable", None, f"not UTF-8 at byte {error.start}: {error.reason}", error=True)
        return _unchanged(source, data, None, flag)
    try:
        result = cleaner(text, language=language)
        clean = result.text.encode()
        rows = document_rows(source.name, source.path, "utf-8", result, original=data, clean=clean)
        encoded = b"".join(map(encode_row, rows))
    except Exception as error:
        # Whatever it is, this document stays as it was and the run goes on.
        detail = f"{type(error).__name__}: {error}"
        return _unchanged(source, data, text, FlagRow("failed", None, detail, error=True))
    hits: Counter[str] = Counter()
    removed: Counter[str] = Counter()
    for row in rows:
        if isinstance(row, EditRow):
            hits.update(dict.fromkeys(row.rules, 1))
            removed[row.rules[-1]] += len(row.before) - len(row.after)
    document = rows[-1]
    flags = document.flags if isinstance(document, DocumentRow) else ()
    return Outcome(clean, encoded, len(text), len(result.text), hits, removed, flags)


def _unchanged(source: Source, data: bytes, text: str | None, flag: FlagRow) -> Outcome:
    row = unchanged_row(source.name, source.path, data, text, flag)
    return Outcome(data, encode_row(row), row.chars, row.clean_chars, flags=(flag,))


def run(
    cleaner: Cleaner,
    inputs: Sequence[str],
    out: str,
    on_progress: Callable[[Step], None] | None = None,
    *,
    language: str | None = None,
) -> Summary:
    """Clean the text files among and under `inputs` into `out`, with an audit in ``out/_audit``.

    The audit appears last: a folder without one is a run that did not end. `language` is what the
    documents are known to be in. Raises `InputError` for inputs and outputs that cannot be, and `OSError`
    where the output cannot be written.
    """
    found = find(inputs)
    prepare_output(out, inputs)
    documents = changed = chars = clean_chars = done = 0
    hits: Counter[str] = Counter()
    removed: Counter[str] = Counter()
    flags: Counter[str] = Counter()
    failed = [Failure(skip.path, "unreadable", skip.reason) for skip in found.skipped if skip.error]
    total = sum(source.size for source in found.sources)
    os.makedirs(os.path.dirname(audit_path(out)))
    with write_whole(audit_path(out)) as audit:
        audit.write(encode_row(run_row(cleaner.configuration, {"language": language})))
        for number, source in enumerate(found.sources, 1):
            done += source.size
            try:
                outcome = clean_source(cleaner, source, language)
            except OSError as error:
                failed.append(Failure(source.path, "unreadable", f"cannot be read: {error.strerror}"))
            else:
                _write(path_of(out, source.name), outcome.clean)
                audit.write(outcome.rows)
                documents += 1
                changed += bool(outcome.hits)
                chars += outcome.chars
                clean_chars += outcome.clean_chars
                hits.update(outcome.hits)
                removed.update(outcome.removed)
                flags.update(flag.name for flag in outcome.flags)
                failed += [
                    Failure(source.name, flag.name, flag.detail) for flag in outcome.flags if flag.error
                ]
            if on_progress:
                on_progress(Step(source.name, done, total, number, len(found.sources)))
    return Summary(
        documents=documents,
        changed=changed,
        chars=chars,
        clean_chars=clean_chars,
        rules={rule: Tally(hits[rule], removed[rule]) for rule in sorted(hits)},
        flags=dict(sorted(flags.items())),
        skipped=found.skipped,
        failed=tuple(failed),
    )


def _write(path: str, data: bytes) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with write_whole(path) as handle:
        handle.write(data)


def _open_audit(out: str) -> BinaryIO:
    """Open the audit of the run in `out`; raise `InputError` where there is none."""
    try:
        return open(audit_path(out), "rb")
    except OSError as error:
        raise InputError(
            f"{out}: has no audit that can be read ({error.strerror}); is it the output of a finished run?"
        ) from None


def _read(path: str) -> bytes:
    with open(path, "rb") as handle:
        return handle.read()


def restore(out: str, to: str) -> list[str]:
    """Write the originals of the run in `out` to the folder `to`; return the problems, a line each.

    Each original is checked against its digest first: what cannot be proved is not written. Raises
    `InputError` where `out` holds no audit, or `to` is not new or empty.
    """
    problems: list[str] = []
    written: set[str] = set()
    with _open_audit(out) as handle:
        prepare_output(to, [out])
        for entry in read(handle):
            if isinstance(entry, RunRow):
                continue
            try:
                if entry.name in written:
                    raise AuditError("stands in the audit twice; restored once")
                _write(path_of(to, entry.name), _original(out, entry))
                written.add(entry.name)
            except AuditError as error:
                problems.append(_problem(entry.name, str(error)))
    return problems


def _original(out: str, entry: Entry) -> bytes:
    """Return the original of a document; raise `AuditError` where it cannot be had."""
    if entry.document is None:
        return restore_document(entry, b"")  # which says what is wrong
    if not is_safe_name(entry.name):
        raise AuditError("not a name of a file in the output")
    try:
        clean = _read(path_of(out, entry.name))
    except OSError as error:
        raise AuditError(f"the clean file cannot be read: {error.strerror}") from None
    return restore_document(entry, clean)


def verify(out: str, originals: Sequence[str] = ()) -> list[str]:
    """Check every invariant on the run in `out`; return the problems, a line each.

    `originals` are the inputs of the run, which need not exist any more; where given, the documents are
    compared with them. Raises `InputError` where `out` holds no audit or an original does not exist.
    """
    sources = {source.name: source.path for source in find(originals).sources} if originals else None
    problems: list[str] = []
    seen: set[str] = set()
    headers = 0
    with _open_audit(out) as handle:
        for number, entry in enumerate(read(handle)):
            if number == 0 and isinstance(entry, Entry) and entry.name:
                problems.append(_problem("", "the header is missing"))
            if isinstance(entry, RunRow):
                headers += 1
                continue
            problems += [_problem(entry.name, problem) for problem in _verify(out, entry, seen, sources)]
            seen.add(entry.name)
    if headers > 1:
        problems.append(_problem("", "there is more than one header"))
    if not headers and not problems:
        problems.append(_problem("", "it is empty"))
    for path, name in walk(out):
        if isinstance(name, Skipped):
            problems.append(_problem(path, name.reason))
        elif name not in seen and not name.startswith(f"{AUDIT_FOLDER}/"):
            problems.append(_problem(name, "the audit has no row for this file"))
    for name in sources or ():
        if name not in seen:
            problems.append(_problem(name, "the audit has no row for this original"))
    return problems


def _verify(out: str, entry: Entry, seen: set[str], sources: Mapping[str, str] | None) -> Iterator[str]:
    if entry.document is None:
        yield from entry.problems
        return
    if not is_safe_name(entry.name):
        yield "not a name of a file in the output"
        return
    if entry.name in seen:
        yield "stands in the audit twice"
    original = None
    if sources is not None:
        if entry.name not in sources:
            yield "the original is missing"
        else:
            try:
                original = _read(sources[entry.name])
            except OSError as error:
                yield f"the original cannot be read: {error.strerror}"
    try:
        clean = _read(path_of(out, entry.name))
    except OSError as error:
        yield f"the clean file cannot be read: {error.strerror}"
        return
    yield from verify_document(entry, clean, original)


def _problem(name: str, message: str) -> str:
    return f"{name or 'the audit'}: {message}"

"""A step of a datatrove pipeline that cleans documents and writes the audit, a file for each rank."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import lru_cache
from typing import IO, TYPE_CHECKING, Any

try:
    from datatrove.data import Document
    from datatrove.io import DataFolderLike, get_datafolder
    from datatrove.pipeline.base import PipelineStep
    from datatrove.pipeline.writers.disk_base import DiskWriter
    from datatrove.utils.typeshelper import StatHints
except ImportError:
    raise ImportError("datatrove pipelines need the package datatrove: pip install 'cleaner[datatrove]'") from None

from cleaner.audit import DocumentRow, DocumentRows, EditRow, Entry, RunRow, encode_row, read, run_row
from cleaner.corpus.records import Record
from cleaner.corpus.work import clean_record

if TYPE_CHECKING:
    from cleaner.engine import Cleaner

__all__ = ["AuditWriter", "CleanText", "read_audit"]


class _Frozen:
    """A cleaner on its way to a worker: copied and pickled as bytes, compiled where it is needed."""

    __slots__ = ("data", "name")

    def __init__(self, cleaner: Cleaner) -> None:
        packs = ", ".join(f"{pack.name} {pack.version}" for pack in cleaner.configuration.packs)
        self.name = f"{packs} ({cleaner.configuration.digest[:12]})"
        self.data = pickle.dumps(cleaner)

    def __repr__(self) -> str:
        return self.name  # stands in the executor's record of the pipeline

    def __hash__(self) -> int:
        return hash(self.data)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Frozen) and self.data == other.data


@lru_cache(maxsize=4)
def _compiled(frozen: _Frozen) -> Cleaner:
    """Return the cleaner, compiled once a process: an executor unpickles the pipeline anew for every rank."""
    cleaner: Cleaner = pickle.loads(frozen.data)
    return cleaner


class AuditWriter(DiskWriter):  # type: ignore[misc]  # datatrove has no types
    """Writes rows of an audit, a file for each rank. A rank that runs again writes its file anew.

    `output_folder`, `output_filename` and `compression` ("gzip", "zstd" or None) are as in datatrove's writers.
    """

    default_output_filename = "${rank}.jsonl"
    name = "🧾 cleaner's audit"

    def __init__(
        self, output_folder: DataFolderLike, output_filename: str | None = None, compression: str | None = "gzip"
    ) -> None:
        super().__init__(output_folder, output_filename, compression, mode="wb")

    def write_rows(self, rows: Iterable[RunRow | EditRow | DocumentRow], rank: int) -> None:
        """Write the header of a rank, or the rows of a document."""
        data = b"".join(map(encode_row, rows))
        self.write(Document(text="", id="", metadata={"data": data}), rank)

    def _default_adapter(self, document: Document) -> dict[str, bytes]:
        return {"data": document.metadata["data"]}

    def _write(self, document: dict[str, bytes], file_handler: IO[bytes], filename: str) -> None:
        file_handler.write(document["data"])


class CleanText(PipelineStep):  # type: ignore[misc]  # datatrove has no types
    """Cleans the text of each document and writes what it did to an audit, a file for each rank.

    A document that the engine fails on passes unchanged; its row in the audit has the flag ``failed``. The rules
    are compiled once in each process.

    Statistics: documents (`total`, `changed`), `edits` and `removed` (characters) of each document, `rule …` and
    `flag …` by name.
    """

    type = "✂️ - FORMAT"
    name = "🧹 cleaner"

    def __init__(
        self,
        cleaner: Cleaner,
        audit: AuditWriter | DataFolderLike,
        *,
        url_key: str = "url",
        language_key: str = "language",
        language: str | None = None,
    ) -> None:
        """Take the rules, and the folder (or writer) of the audit.

        `url_key` and `language_key` name the metadata that holds a document's address and language (BCP 47, or
        ISO 639-3 as in ``eng_Latn``); `language` is that of all documents that do not say theirs.
        """
        super().__init__()
        self.rules = _Frozen(cleaner)
        self.audit = audit if isinstance(audit, AuditWriter) else AuditWriter(audit)
        self.url_key = url_key
        self.language_key = language_key
        self.language = language

    def run(self, data: Iterator[Document] | None, rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        """Yield the documents of a rank, clean."""
        cleaner = _compiled(self.rules)
        options = {"url_key": self.url_key, "language_key": self.language_key, "language": self.language}
        with self.audit as audit:
            audit.write_rows(
                [run_row(cleaner.configuration, {**options, "rank": rank, "world_size": world_size})], rank
            )
            for place, document in enumerate(data or ()):
                with self.track_time():
                    rows = self._clean(cleaner, document, place)
                    audit.write_rows(rows, rank)
                    self._count(rows)
                self.update_doc_stats(document)
                yield document

    def _clean(self, cleaner: Cleaner, document: Document, place: int) -> DocumentRows:
        """Clean a document in place; return its rows."""
        metadata = document.metadata
        record = Record(
            place,
            document.text,
            id=str(document.id),
            url=_word(metadata.get(self.url_key)),
            language=_word(metadata.get(self.language_key)),
        )
        source = _word(metadata.get("file_path")) or ""
        text, rows = clean_record(cleaner, record, str(document.id), source, self.language)
        if text is not None:
            document.text = text
        return rows

    def _count(self, rows: DocumentRows) -> None:
        row = rows.document
        self.stat_update(StatHints.total)
        for flag in row.flags:
            self.stat_update(f"flag {flag.name}")
        if row.edits:
            self.stat_update("changed")
            self.stat_update("edits", value=row.edits)
            self.stat_update("removed", value=row.chars - row.clean_chars)
            rules = {rule: None for edit in rows.edits for rule in edit.rules}
            self.stat_update(*(f"rule {rule}" for rule in rules))


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def read_audit(folder: DataFolderLike) -> Iterator[RunRow | Entry]:
    """Yield the header and the entries of each rank, in order, from the folder of an audit.

    See `cleaner.audit.read`; `cleaner.audit.restore_document` gives a document back.
    """
    files = get_datafolder(folder)
    for path in files.list_files():
        with closing(files.open(path, "rb", compression="infer")) as lines:
            yield from read(lines)

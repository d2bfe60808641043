"""What formats and those who use them hand each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

from cleaner.corpus.streams import Damage, Sink

__all__ = ["LOST", "Fields", "Input", "Record", "Writer"]

# Flags of what is not in the output: bytes that are damaged, and those that the system could not read, but may next time.
LOST = frozenset({"corrupt", "unreadable"})


@dataclass(frozen=True, slots=True)
class Fields:
    """Which fields of a record are what; a dot leads into a nested one.

    A record needs none of them but `text`. `encoding` is what text files without a byte order mark are in;
    None means UTF-8 or, where that fails, what charset-normalizer finds, if it is installed.
    """

    text: str = "text"
    id: str = "id"
    url: str = "url"
    language: str = "language"
    encoding: str | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """A file, or the part of one that a task reads: ``[start, end)`` in the units of the format.

    Bytes are those of the file uncompressed. `seek` is where reading begins: a byte of the file as it is on the
    disk, and which byte, uncompressed, stands there; it is of no use where parts are cut by lines or groups.
    """

    handle: BinaryIO
    codec: str
    fields: Fields
    start: int = 0
    end: int | None = None
    seek: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Record:
    """One record: the document in it, if there is one, and what it takes to write it again.

    `place` tells it from the others of its file. Without `text` there is nothing to clean: `problem` says
    why that is an error, if it is, `flag` what kind of error, and `raw` is copied. `lost` is the stretch of the file
    that could not be read at all; no record stands for it in the output. `span` is where the text is in `raw`, `form` what
    else of its file the format must know to write it.
    """

    place: int
    text: str | None
    raw: Any = b""
    span: tuple[int, int] = (0, 0)
    problem: str = ""
    flag: str = "malformed"
    lost: Damage | None = None
    id: str | None = None
    url: str | None = None
    language: str | None = None
    encoding: str = "utf-8"
    form: Any = None

    @property
    def is_document(self) -> bool:
        """Whether there is a document in it, or should be: it has a row in the audit."""
        return self.text is not None or bool(self.problem)


class Writer(Protocol):
    """Takes records with their new text, None to leave one as it is, and ends."""

    def put(self, record: Record, text: str | None) -> None:
        """Write one record. Raises `ValueError`, and writes nothing, if it cannot hold that text."""

    def close(self) -> None:
        """Write what is held back."""

    def another(self, sink: Sink) -> Writer:
        """Return a writer of the same kind of file into another sink. Reads nothing."""

"""Files beside the output: flagged documents, and what is no record."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from cleaner.corpus.files import AUDIT_FOLDER, Source, path_of
from cleaner.corpus.formats import Format
from cleaner.corpus.records import Record, Writer
from cleaner.corpus.store import create, is_remote, joined, make_folder, open_read, remove, write_whole
from cleaner.corpus.streams import Damage, Sink, open_sink

__all__ = ["Aside", "Rejected"]

_LONGEST_NAME = 255  # bytes that most file systems take


@dataclass(slots=True)
class Aside:
    """The file of the flagged documents of another, begun with the first of them."""

    path: str
    to: str
    codec: str
    like: Writer
    opened: ExitStack
    head: Record | None = None
    writer: Writer | None = None
    sink: Sink | None = None

    def put(self, record: Record) -> None:
        """Add a document as it was."""
        if self.writer is None:
            self.sink = open_sink(self.opened.enter_context(create(self.path)), self.codec)
            self.writer = self.like.another(self.sink)
            if self.head is not None:
                self.writer.put(self.head, None)
        self.writer.put(record, None)

    def close(self) -> tuple[int, str]:
        """Return the size of the file and its digest, -1 and nothing if there is none."""
        if self.writer is None or self.sink is None:
            return -1, ""
        self.writer.close()
        return self.sink.size, self.sink.sha256.hexdigest()


@dataclass(slots=True)
class Rejected:
    """The side file of bad records: what could not be read, as it is on the disk.

    `start` tells the parts of a file apart.
    """

    out: str
    name: str
    start: int
    begun: bool = False
    sha256: Any = field(default_factory=hashlib.sha256)

    @property
    def path(self) -> str:
        """Where it stands, if anything was bad."""
        name = f"{self.name}@{self.start}" if self.start else self.name
        folder, _, last = name.rpartition("/")
        data = os.fsencode(last)
        if len(data) > _LONGEST_NAME:
            last = f"{hashlib.sha256(data).hexdigest()}@{self.start}"
        return path_of(joined(self.out, AUDIT_FOLDER, "rejected"), f"{folder}/{last}" if folder else last)

    def put(self, record: Record, file: Source, chosen: Format) -> None:
        """Add a record of `file` that is none."""
        if record.lost is None and chosen.single:
            return  # the file itself is in the output, as it is
        if record.lost is not None and record.lost.failed:
            return  # nobody can read it
        parts: Iterator[bytes] = iter([record.raw] if isinstance(record.raw, bytes) else [])
        if record.lost is not None:
            parts = _stretch(file.path, record.lost)
        data = b"".join(parts) if is_remote(self.path) else None
        make_folder(os.path.dirname(self.path))
        if data is not None:
            self.begun = True
            self.sha256.update(data)
            with write_whole(f"{self.path}.{record.place}") as whole:
                whole.write(data)
            return
        # It is begun anew by whoever does the task again.
        with open(self.path, "ab" if self.begun else "wb") as handle:
            self.begun = True
            for part in parts:
                self.sha256.update(part)
                handle.write(part)

    @property
    def digest(self) -> str:
        """The SHA-256 of the file, or of the objects of a bucket in order; empty if there is none."""
        return self.sha256.hexdigest() if self.begun else ""

    def close(self) -> None:
        """Remove what an earlier run left there, if nothing is bad any more."""
        if not self.begun and not is_remote(self.path):
            remove(self.path)


def _stretch(path: str, lost: Damage) -> Iterator[bytes]:
    at = lost.start
    while at < lost.end:
        try:
            with open_read(path) as handle:
                handle.seek(at)
                data = handle.read(min(lost.end - at, 2**20))
        except OSError:
            return  # it could be read before; that it is damaged is told anyway
        if not data:
            return
        at += len(data)
        yield data

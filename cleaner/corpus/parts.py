"""Files that were written in parts, and are put together."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Sequence
from typing import BinaryIO

from cleaner.corpus.files import path_of, quarantine_of
from cleaner.corpus.formats import format_of
from cleaner.corpus.journal import task_path
from cleaner.corpus.records import Fields, Input
from cleaner.corpus.store import is_remote, make_folder, move, open_read, remove, sha256_of, size_of, write_whole
from cleaner.corpus.streams import open_sink, split_name

__all__ = ["join_parts", "put_together"]


def join_parts(out: str, name: str, keys: Sequence[str], apart: Sequence[str]) -> tuple[int, int, str, str]:
    """Put the parts of a file together, and those of its flagged documents, which the tasks `apart` have.

    Returns the sizes of both, -1 where nothing was flagged, and their digests, empty where `JoinRow` needs none.
    """
    parts = [task_path(out, f"{key}.part") for key in keys]
    flagged = [task_path(out, f"{key}.apart") for key in apart]
    # As long as the first part is there, nothing has been removed: whoever finds it can do all this again.
    if flagged:
        head = b"" if keys[0] in apart else _head(name, parts[0])
        _write_together(name, flagged, quarantine_of(out, name), head)
    else:
        remove(quarantine_of(out, name))
    apart_sha256 = sha256_of(quarantine_of(out, name)) if flagged else ""
    size = put_together(name, parts, path_of(out, name))
    for path in flagged:
        remove(path)
    sha256 = sha256_of(path_of(out, name)) if format_of(name).unit == "groups" else ""
    return size, size_of(quarantine_of(out, name)), sha256, apart_sha256


def put_together(name: str, parts: Sequence[str], to: str) -> int:
    """Write the file `name`, whose parts are files, to the path `to`; remove the parts, the first one first."""
    _write_together(name, parts, to)
    for part in parts:
        remove(part)
    return size_of(to)


def _head(name: str, part: str) -> bytes:
    """Return the first record of a file, as its first part has it, if no file of the format goes without."""
    chosen, codec = format_of(name), split_name(name)[1]
    if not chosen.head:
        return b""
    out = io.BytesIO()
    with open_read(part) as handle:
        source = Input(handle, codec, Fields())
        sink = open_sink(out, codec)
        writer = chosen.writer(sink, source)
        first = next(chosen.read(source), None)
        if first is None or first.is_document:
            return b""
        writer.put(first, None)
        writer.close()
    return out.getvalue()


def _write_together(name: str, parts: Sequence[str], to: str, head: bytes = b"") -> None:
    temporary = f"{parts[0]}.joined"
    make_folder(os.path.dirname(to))
    with write_whole(to if is_remote(to) else temporary) as handle:
        handle.write(head)
        handle.flush()
        if format_of(name).unit == "groups":
            from cleaner.corpus.parquet import join

            join(open_sink(handle), parts)
        else:
            for part in parts:
                with open_read(part) as reading:
                    _copy(reading, handle)
    if not is_remote(to):
        move(temporary, to)


def _copy(reading: BinaryIO, writing: BinaryIO) -> None:
    try:
        while os.sendfile(writing.fileno(), reading.fileno(), None, 2**26):
            pass
    except (OSError, AttributeError):  # not every system can, nor what is no file
        shutil.copyfileobj(reading, writing, 2**20)

"""Cutting a corpus into tasks, from the inputs and the options alone: never from the number of workers."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cleaner.corpus.files import Source
from cleaner.corpus.formats import Format, format_of
from cleaner.corpus.records import Fields
from cleaner.corpus.store import open_read
from cleaner.corpus.streams import split_name

__all__ = ["TASK_BYTES", "Options", "Task", "cut"]

TASK_BYTES = 16 * 2**20
SMALL = 2**20  # bytes; smaller files share a task
BATCH_FILES = 4000
BATCH_END = 1000  # a batch ends after about as many files
FULL_GROUPS = 128 * 2**20  # a Parquet file below is one task: parts cost writing it twice


@dataclass(frozen=True, slots=True)
class Options:
    """What a run is asked to do, beside its rules; all of it decides the result.

    `language` (BCP 47) is that of all documents that do not say theirs. `task_bytes` is about how much
    input a task has, and so what a crash can cost. With `quarantine`, flagged documents are also written, as
    they were, to files of their own.
    """

    fields: Fields = field(default_factory=Fields)
    language: str | None = None
    task_bytes: int = TASK_BYTES
    quarantine: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """Files to clean in one go, or the part ``[start, end)`` of one, in the units of its format.

    `key` tells it from every other, and changes when one of the files does.
    """

    files: tuple[Source, ...]
    start: int = 0
    end: int | None = None
    part: bool = False

    @property
    def key(self) -> str:
        """What the task is about, as 24 hexadecimal digits."""
        told = [[file.name, file.size, file.stamp] for file in self.files]
        return hashlib.sha256(repr((told, self.start, self.end)).encode()).hexdigest()[:24]

    @property
    def size(self) -> int:
        """How many bytes of input it has, about."""
        if self.part and self.end is not None and format_of(self.files[0].name).unit == "bytes":
            return min(self.end, self.files[0].size) - self.start
        return sum(file.size for file in self.files)


def cut(sources: Sequence[Source], options: Options) -> Iterator[Task]:
    """Yield the tasks in the order of the files, which is that of the output."""
    batch: list[Source] = []
    size = 0
    for source in sources:
        if source.size >= min(SMALL, options.task_bytes):
            if batch:
                yield Task(tuple(batch))
                batch, size = [], 0
            yield from _parts(source, options)
            continue
        batch.append(source)
        size += source.size
        # Where a batch ends depends on names, so that a new file moves the ends near it only.
        ends = zlib.crc32(source.name.encode("utf-8", "surrogateescape")) % BATCH_END == 0
        if ends or size >= options.task_bytes or len(batch) >= BATCH_FILES:
            yield Task(tuple(batch))
            batch, size = [], 0
    if batch:
        yield Task(tuple(batch))


def _parts(source: Source, options: Options) -> Iterator[Task]:
    chosen = format_of(source.name)
    ends = [] if split_name(source.name)[1] else _ends(source, chosen, options.task_bytes)
    if len(ends) < 2:
        yield Task((source,))
        return
    for start, end in zip([0, *ends], ends, strict=False):
        yield Task((source,), start, end, part=True)


def _ends(source: Source, chosen: Format, step: int) -> list[int]:
    if chosen.unit == "bytes":
        return [*range(step, source.size, step), source.size]
    if chosen.unit != "groups" or source.size < min(FULL_GROUPS, 8 * step):
        return []
    from cleaner.corpus.parquet import group_sizes

    try:
        with open_read(source.path) as handle:
            sizes = group_sizes(handle)
    except (OSError, ValueError):
        return []  # the task tells what is wrong
    ends, size = [], 0
    for group, bytes_ in enumerate(sizes, 1):
        size += bytes_
        if size >= 4 * step or group == len(sizes):
            ends.append(group)
            size = 0
    return ends

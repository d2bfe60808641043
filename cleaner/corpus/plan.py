"""Cutting a corpus into tasks, from the inputs and the options alone: never from the number of workers."""

from __future__ import annotations

import hashlib
import itertools
import zlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from cleaner.corpus.files import Source
from cleaner.corpus.formats import format_of
from cleaner.corpus.records import Fields
from cleaner.corpus.store import is_remote, open_read
from cleaner.corpus.streams import Damage, has_members, members, split_name

__all__ = ["SMALL", "TASK_BYTES", "Cut", "Options", "Task", "cut", "is_surveyed", "survey"]

TASK_BYTES = 16 * 2**20
SMALL = 2**20  # bytes; smaller files share a task
BATCH_FILES = 4000
BATCH_END = 1000  # a batch ends after about as many files
WHOLE = 128 * 2**20  # a file below is one task, if it takes a look at the file to cut it


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
class Cut:
    """A place where a file can be cut: `start` is the first byte, uncompressed, of the part that begins there.

    To read it, one begins at byte ``seek[0]`` of the file as it is on the disk, where byte ``seek[1]`` stands.
    """

    start: int
    seek: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Task:
    """Files to clean in one go, or the part ``[start, end)`` of one, in the units of its format.

    `size` is how many bytes of input it has, about, `seek` as in `Cut`. `key`, 24 hexadecimal digits, tells it from
    every other, and changes when one of the files does.
    """

    files: tuple[Source, ...]
    size: int
    start: int = 0
    end: int | None = None
    part: bool = False
    seek: tuple[int, int] = (0, 0)
    key: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        seen = [[file.name, file.size, file.stamp] for file in self.files]
        key = hashlib.sha256(repr((seen, self.start, self.end)).encode()).hexdigest()[:24]
        object.__setattr__(self, "key", key)


def cut(sources: Sequence[Source], options: Options, surveys: Mapping[str, Sequence[Cut]]) -> Iterator[Task]:
    """Yield the tasks in the order of the files, which is that of the output.

    `surveys` has, by name, the places where the files can be cut that were looked at for it (`is_surveyed`).
    """
    batch: list[Source] = []
    size = 0
    for source in sources:
        if source.size >= min(SMALL, options.task_bytes):
            if batch:
                yield Task(tuple(batch), size)
                batch, size = [], 0
            yield from _parts(source, options, surveys.get(source.name, ()))
            continue
        batch.append(source)
        size += source.size
        # Where a batch ends depends on names, so that a new file moves the ends near it only.
        ends = zlib.crc32(source.name.encode("utf-8", "surrogateescape")) % BATCH_END == 0
        if ends or size >= options.task_bytes or len(batch) >= BATCH_FILES:
            yield Task(tuple(batch), size)
            batch, size = [], 0
    if batch:
        yield Task(tuple(batch), size)


def _parts(source: Source, options: Options, surveyed: Sequence[Cut]) -> Iterator[Task]:
    chosen, step = format_of(source.name), options.task_bytes
    cuts: Sequence[Cut] = ()
    sizes: list[int] = []
    if surveyed:
        cuts = surveyed
    elif chosen.unit == "lines" and not split_name(source.name)[1]:
        cuts = [Cut(start, (start, start)) for start in range(step, source.size, step)]
    elif chosen.unit == "groups" and source.size >= min(WHOLE, 8 * step):
        cuts, sizes = _groups(source, 4 * step)
    if not cuts:
        yield Task((source,), source.size)
        return
    begins = [0, *(one.seek[0] for one in cuts), source.size]
    sizes = sizes or [end - begin for begin, end in itertools.pairwise(begins)]
    first = Cut(0, (0, 0))
    for one, following, size in zip([first, *cuts], [*cuts, None], sizes, strict=True):
        end = None if following is None else following.start
        yield Task((source,), size, one.start, end, part=True, seek=one.seek)


def _groups(source: Source, step: int) -> tuple[list[Cut], list[int]]:
    """Return between which row groups to cut a Parquet file, and how large the parts are."""
    from cleaner.corpus.parquet import group_sizes

    try:
        with open_read(source.path) as handle:
            groups = group_sizes(handle)
    except (OSError, ValueError):
        return [], []  # the task tells what is wrong
    cuts: list[Cut] = []
    sizes = [0]
    for group, size in enumerate(groups):
        if sizes[-1] >= step:
            cuts.append(Cut(group, (0, 0)))
            sizes.append(0)
        sizes[-1] += size
    return cuts, sizes


def is_surveyed(source: Source, options: Options) -> bool:
    """Say whether it takes a look at a file to cut it, and is worth it.

    Files in a bucket would have to be fetched twice.
    """
    unit, codec = format_of(source.name).unit, split_name(source.name)[1]
    return (
        (unit == "records" or (unit == "lines" and codec != ""))
        and source.size >= min(WHOLE, 8 * options.task_bytes)
        and not is_remote(source.path)
    )


def survey(source: Source, step: int) -> tuple[Cut, ...]:
    """Return where to cut a file, about every `step` bytes (uncompressed) if it can be.

    A compressed file can be cut near the beginning of a member of its compression. What follows damage, or a record
    that is not as it should be, stays in one piece: where records begin there depends on what comes before.
    """
    codec = split_name(source.name)[1]
    starts = format_of(source.name).starts
    assert starts is not None
    cuts: list[Cut] = []
    near = max(1, step // 8)
    seeks: deque[tuple[int, int]] = deque()

    def content(handle: BinaryIO) -> Iterator[bytes]:
        place = 0
        last = -1
        for at, block in members(handle, codec):
            if isinstance(block, Damage):
                return
            if at != last:
                seeks.append((at, place))
                last = at
            place += len(block)
            for piece in range(0, len(block), near):
                yield block[piece : piece + near]

    due = step
    try:
        with open_read(source.path) as handle:
            if codec and not has_members(handle, codec):
                return ()
            handle.seek(0)
            for start in starts(content(handle)):
                while len(seeks) > 1 and seeks[1][1] <= start:
                    seeks.popleft()
                seek = seeks[0] if codec else (start, start)
                if start >= due and start - seek[1] <= near:
                    cuts.append(Cut(start, seek))
                    due = start + step
    except OSError:
        pass  # the task tells what is wrong
    return tuple(cuts)

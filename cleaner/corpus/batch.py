"""A run over many files, and what can be done with a finished one: restore, verify.

The work is cut into tasks (`plan`), done by workers (`pool`, `work`), and noted as it is done (`journal`), so that a
run that was stopped goes on where it was when it is started again.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from cleaner.audit import AuditError, Entry, run_row
from cleaner.corpus.aside import Rejected
from cleaner.corpus.files import (
    AUDIT_FOLDER,
    QUARANTINE_FOLDER,
    Found,
    Skipped,
    Source,
    check_output,
    find,
    is_safe_name,
    path_of,
    prepare_output,
    quarantine_of,
    walk,
)
from cleaner.corpus.formats import FORMATS, check_packages, lacks_text
from cleaner.corpus.journal import (
    FailureRow,
    FileRow,
    JoinRow,
    Journal,
    TaskRow,
    append,
    audit_codec,
    begin,
    check,
    codec_of,
    finish,
    lock,
    part_path,
    read_run,
    reopen,
    task_path,
)
from cleaner.corpus.plan import Cut, Options, Task, cut, is_surveyed
from cleaner.corpus.pool import Context, Job, Lost, available, run_jobs
from cleaner.corpus.proof import FinishedRun, Part, audit_rows, pairs, restored_part
from cleaner.corpus.records import Fields, Input, Record
from cleaner.corpus.store import exists, is_remote, remove, remove_folder, sha256_of, size_of, write_whole
from cleaner.corpus.streams import InputError, open_sink, split_name
from cleaner.corpus.work import KNOWN, Done, clean_record, lost_task, unread_row

if TYPE_CHECKING:
    from cleaner.engine import Cleaner

__all__ = [
    "Failure",
    "Options",
    "Step",
    "Summary",
    "Tally",
    "audit_lines",
    "documents",
    "rehearse",
    "restore",
    "run",
    "stream",
    "verify",
]

SLOW_RULES = 10
FEW_BYTES = 2**20  # a run that is smaller is done before workers have started


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

    `rules`, `sources` and `flags` are by name; a source is the host of a document's URL or else its file, and
    has documents, characters, and removed characters ("" stands for all the smaller ones). `errors` counts the flags
    that are errors, `failed` has the first of them. `without_text` counts records that hold no text, `textless` names
    the files that hold no others; `known` counts the documents that say their id, url or language. `bytes`
    and `clean_bytes` are the sizes of files, `audit_bytes` that of the audit, `reused` how many tasks of `tasks`
    were done by an earlier run, `seconds` how long this one took, `audit_time` the share of the
    workers' time that went into the audit. `stages` and `slow_rules` tell, if it was asked for, how many seconds
    of the workers each stage took, and the rules that took most.
    """

    documents: int
    changed: int
    edits: int
    chars: int
    clean_chars: int
    without_text: int
    textless: tuple[str, ...]
    known: Mapping[str, int]
    bytes: int
    clean_bytes: int
    audit_bytes: int
    rules: Mapping[str, Tally]
    sources: Mapping[str, tuple[int, int, int]]
    flags: Mapping[str, int]
    errors: int
    skipped: tuple[Skipped, ...]
    failed: tuple[Failure, ...]
    files: int
    tasks: int
    reused: int
    seconds: float
    audit_time: float
    stages: Mapping[str, float] = field(default_factory=dict)
    slow_rules: Mapping[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the summary as what JSON can say."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, slots=True)
class Step:
    """Progress: how much is done, of how much; `reused` bytes, and documents, were done by an earlier run."""

    bytes: int
    total_bytes: int
    files: int
    total_files: int
    documents: int
    chars: int
    clean_chars: int
    reused: int
    reused_documents: int
    seconds: float


@dataclass(slots=True)
class _Progress:
    """What has been done so far, told to whoever asked for it."""

    total_bytes: int
    total_files: int
    tell: Callable[[Step], None] | None
    begun: float = field(default_factory=time.monotonic)
    bytes: int = 0
    files: int = 0
    documents: int = 0
    chars: int = 0
    clean_chars: int = 0
    reused: int = 0
    reused_documents: int = 0
    seconds: float = 0.0  # of all workers
    audit_seconds: float = 0.0
    spent: dict[tuple[str, str], float] = field(default_factory=dict)  # seconds of all workers, by stage and rule

    def done(self, task: Task, result: Done | Lost) -> TaskRow:
        if isinstance(result, Lost):
            return lost_task(task, result.detail)
        self.seconds += result.seconds
        self.audit_seconds += result.audit_seconds
        for key, seconds in result.spent.items():
            self.spent[key] = self.spent.get(key, 0.0) + seconds
        return result.row

    def add(self, row: TaskRow, *, reused: bool = False) -> None:
        self.bytes += row.bytes
        if reused:
            self.reused += row.bytes
            self.reused_documents += row.documents
        self.files += 0 if row.part and row.end is not None else len(row.files)
        self.documents += row.documents
        self.chars += row.chars
        self.clean_chars += row.clean_chars

    def step(self, more: int = 0) -> None:
        if self.tell is not None:
            done = min(self.bytes + more, self.total_bytes)
            self.tell(
                Step(
                    done,
                    self.total_bytes,
                    min(self.files, self.total_files),
                    self.total_files,
                    self.documents,
                    self.chars,
                    self.clean_chars,
                    self.reused,
                    self.reused_documents,
                    time.monotonic() - self.begun,
                )
            )


def run(
    cleaner: Cleaner,
    inputs: Sequence[str],
    out: str,
    on_progress: Callable[[Step], None] | None = None,
    *,
    options: Options | None = None,
    jobs: int | None = None,
    on_note: Callable[[str], None] | None = None,
    profile: bool = False,
) -> Summary:
    """Clean the files among and under `inputs` into `out`, with an audit in ``out/_audit``.

    If `out` holds a run of the same rules, options and version, it goes on with that, and does again only
    what inputs that changed touch; `on_note` is told what that is. `jobs` is the number of processes
    (default: one a core, none for little work). With `profile`, the summary says where time went, which
    costs a little. Raises `InputError` for inputs and outputs that cannot be,
    and `OSError` where the output cannot be written.
    """
    options = options or Options()
    found = _find_all(inputs)
    prepare_output(out, inputs, again=True)
    with lock(out):
        return _run(cleaner, found, out, on_progress, options, jobs, on_note or (lambda message: None), profile)


def _find_all(inputs: Sequence[str]) -> Found:
    """Return the files to clean; raise `InputError` before anything is written where one needs a package that is missing."""
    found = find(inputs)
    for name in {split_name(source.name): source.name for source in found.sources}.values():
        check_packages(name)
    return found


def _run(
    cleaner: Cleaner,
    found: Found,
    out: str,
    on_progress: Callable[[Step], None] | None,
    options: Options,
    jobs: int | None,
    say: Callable[[str], None],
    profile: bool,
) -> Summary:
    codec = audit_codec()
    header = run_row(cleaner.configuration, _settings(options, codec))
    with _damage_told(out):
        old, finished = begin(out, header)
    tasks = list(cut(found.sources, options, _surveys(found.sources, options, jobs, old)))
    progress = _Progress(sum(source.size for source in found.sources), len(found.sources), on_progress)
    rows, joins = _reusable(out, old, tasks, finished)
    _tell_changes(old, tasks, rows, say)
    if finished:
        if len(rows) == len(tasks) == len(old.tasks):
            return _summary([rows[task.key] for task in tasks], found, progress, reused=len(rows))
        reopen(out, old)
    _remove_outputs(out, old, found.sources, {task.key for task in tasks})
    reused = len(rows)
    for row in rows.values():
        progress.add(row, reused=True)
    if reused:
        progress.step()
    parts = _parts_of(tasks)
    todo = deque(Job("clean", (task, None)) for task in sorted(tasks, key=_turn) if task.key not in rows)
    todo.extend(_joins_to_do(parts, rows, joins))
    # What may have killed a run before is kept at arm's length.
    workers = _workers(
        jobs, sum(job.about[0].size for job in todo if job.kind == "clean"), len(todo), old.header is not None
    )
    for job, result in run_jobs(Context(cleaner, out, options, codec, profile=profile), todo, workers, progress.step):
        if job.kind == "clean":
            task: Task = job.about[0]
            row = progress.done(task, result)
            append(out, row)
            rows[row.key] = row
            progress.add(row)
            progress.step()
            if row.part:
                name = task.files[0].name
                todo.extend(_joins_to_do({name: parts[name]}, rows, joins))
        else:
            name, keys, _ = job.about
            if isinstance(result, Lost):
                raise OSError(f"{name}: its parts could not be put together: {result.detail}")
            joins[name] = JoinRow(name, _as_one(keys), *result)
            append(out, joins[name])
    for name in _give_up(rows, parts):
        for path in (path_of(out, name), quarantine_of(out, name)):
            remove(path)  # what an earlier run could still read
        for key in parts[name]:
            Rejected(out, name, rows[key].start).close()
    ordered = [rows[task.key] for task in tasks]
    for task, row in zip(tasks, ordered, strict=True):
        if not row.sha256:  # it was lost, and has no audit of its own
            with write_whole(task_path(out, f"{task.key}.audit")) as handle:
                open_sink(handle, codec, fast=True).close()
    finish(out, header, ordered, [joins[name] for name in parts if name in joins])
    return _summary(ordered, found, progress, reused=reused)


@contextmanager
def _damage_told(out: str) -> Iterator[None]:
    try:
        yield
    except AuditError as error:
        raise InputError(
            f"{out}: is not empty, and the record of the run in it is damaged ({error}); remove it"
        ) from None


def _settings(options: Options, codec: str) -> dict[str, object]:
    return {
        "fields": dataclasses.asdict(options.fields),
        "language": options.language,
        "task_bytes": options.task_bytes,
        "quarantine": options.quarantine,
        "audit": codec,
    }


def _surveys(sources: Sequence[Source], options: Options, jobs: int | None, old: Journal) -> dict[str, tuple[Cut, ...]]:
    """Return where the files can be cut that it takes a look at, if no earlier run has looked."""
    known: dict[tuple[str, int, str], list[TaskRow]] = {}
    for row in old.tasks.values():
        if len(row.files) == 1:
            (file,) = row.files
            known.setdefault((file.name, file.size, file.stamp), []).append(row)
    found: dict[str, tuple[Cut, ...]] = {}
    todo: deque[Job] = deque()
    for source in sources:
        if is_surveyed(source, options):
            parts = sorted(known.get((source.name, source.size, source.stamp), ()), key=lambda row: row.start)
            ends = [0, *(row.end for row in parts)]
            if parts and ends == [*(row.start for row in parts), None]:
                found[source.name] = tuple(Cut(row.start, row.seek) for row in parts[1:])
            else:
                todo.append(Job("survey", source))
    workers = 0 if len(todo) < 2 else _workers(jobs, sum(job.about.size for job in todo), len(todo), False)
    for job, cuts in run_jobs(Context(None, "", options), todo, workers):
        found[job.about.name] = () if isinstance(cuts, Lost) else cuts
    return found


def _workers(jobs: int | None, size: int, count: int, again: bool) -> int:
    if jobs is None:
        jobs = 0 if size < FEW_BYTES and not again else available()
    return min(jobs, count)


def _turn(task: Task) -> int:
    """Say when a task is due: batches of small files come last, the smallest at the end, so that all workers end together."""
    return 0 if len(task.files) == 1 else 2**62 - task.size


def _parts_of(tasks: Iterable[Task]) -> dict[str, list[str]]:
    """Return the keys of the tasks of each file that is done in parts."""
    parts: dict[str, list[str]] = {}
    for task in tasks:
        if task.part:
            parts.setdefault(task.files[0].name, []).append(task.key)
    return parts


def _as_one(keys: Sequence[str]) -> str:
    return hashlib.sha256(",".join(keys).encode()).hexdigest()[:24]


def _joins_to_do(
    parts: Mapping[str, Sequence[str]], rows: Mapping[str, TaskRow], joins: Mapping[str, JoinRow]
) -> list[Job]:
    return [
        Job("join", (name, tuple(keys), tuple(key for key in keys if rows[key].files[0].apart >= 0)))
        for name, keys in parts.items()
        if name not in joins and all(key in rows and rows[key].files[0].written >= 0 for key in keys)
    ]


def _give_up(rows: dict[str, TaskRow], parts: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the files that have a part which could not be read; in `rows`, nothing was made of their other parts, either.

    Without all its parts, a file is not put together.
    """
    names = []
    for name, keys in parts.items():
        told = next((rows[key].failed for key in keys if rows[key].files[0].written < 0), None)
        if told is not None:
            names.append(name)
            for key in keys:
                rows[key] = unread_row(rows[key], told[-1:] if key == keys[0] else ())
    return names


def _reusable(
    out: str, old: Journal, tasks: Sequence[Task], finished: bool
) -> tuple[dict[str, TaskRow], dict[str, JoinRow]]:
    """Return the rows of the tasks that need not be done again, and of the files that are put together."""
    parts = _parts_of(tasks)
    joins = {
        name: old.joins[name]
        for name, keys in parts.items()
        if name in old.joins
        and old.joins[name].keys == _as_one(keys)
        and size_of(path_of(out, name)) == old.joins[name].size
        and (old.joins[name].apart < 0 or size_of(quarantine_of(out, name)) == old.joins[name].apart)
    }
    numbers = {key: number for number, key in enumerate(old.tasks)}
    rows = {}
    for task in tasks:
        row = old.tasks.get(task.key)
        if row is None or _is_unread(row) or not _has_rejected(out, row):
            continue
        audit = part_path(out, numbers[row.key], codec_of(old)) if finished else task_path(out, f"{row.key}.audit")
        if size_of(audit) != row.audit_bytes:
            continue
        if row.part:
            whole = row.files[0].name in joins or _has_parts(out, row)
        else:
            whole = all(
                size_of(path_of(out, file.name)) == file.written
                and (file.apart < 0 or size_of(quarantine_of(out, file.name)) == file.apart)
                for file in row.files
            )
        if whole:
            rows[row.key] = row
    # A file some of whose parts must be done again needs all of them.
    torn = {name for name, keys in parts.items() if name in joins and any(key not in rows for key in keys)}
    for name in torn:
        del joins[name]
        for key in parts[name]:
            if key in rows and not _has_parts(out, rows[key]):
                del rows[key]
    return rows, joins


def _is_unread(row: TaskRow) -> bool:
    """Say whether the system could not read some of what a task has: it may be able to now."""
    return any(file.written < 0 for file in row.files) or "unreadable" in row.flags


def _has_rejected(out: str, row: TaskRow) -> bool:
    """Say whether what a task rejected is still there."""
    if is_remote(out):
        return True  # there, each record is an object of its own
    return all(exists(Rejected(out, file.name, row.start).path) for file in row.files if file.rejected_sha256)


def _has_parts(out: str, row: TaskRow) -> bool:
    """Say whether what a task wrote, for others to put together, is still there."""
    (file,) = row.files
    return size_of(task_path(out, f"{row.key}.part")) == file.written and (
        file.apart < 0 or size_of(task_path(out, f"{row.key}.apart")) == file.apart
    )


def _tell_changes(old: Journal, tasks: Sequence[Task], rows: Mapping[str, TaskRow], say: Callable[[str], None]) -> None:
    if old.header is None:
        return
    before = {file.name: (file.size, file.stamp) for row in old.tasks.values() for file in row.files}
    now = {file.name: (file.size, file.stamp) for task in tasks for file in task.files}
    known = old.tasks.keys() & {task.key for task in tasks}
    unread = {key for key in known - rows.keys() if _is_unread(old.tasks[key])}
    if unread:
        say(f"what {'1 task' if len(unread) == 1 else f'{len(unread):,} tasks'} could not read is tried again")
        known -= unread
    for what, names in (
        ("changed", sorted(name for name in before.keys() & now.keys() if before[name] != now[name])),
        ("gone", sorted(before.keys() - now.keys())),
    ):
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            say(f"{len(names)} of the inputs {'is' if len(names) == 1 else 'are'} {what}: {', '.join(names[:3])}{more}")
    if len(known) > len(rows):
        again = len(known) - len(rows)
        whose = "1 task is done again: what it" if again == 1 else f"{again:,} tasks are done again: what they"
        say(f"{whose} wrote is missing or was changed")
    say(f"going on with an earlier run: {len(rows)} of {len(tasks)} tasks are done")


def _remove_outputs(out: str, old: Journal, sources: Sequence[Source], keys: Container[str]) -> None:
    """Remove what an earlier run made of inputs that are gone, and what it could not read of those that changed.

    `keys` are those of the tasks that there are now.
    """
    kept = {source.name for source in sources}
    for row in old.tasks.values():
        for file in row.files:
            if not is_safe_name(file.name):
                continue
            if row.key not in keys and not is_remote(out):
                remove(Rejected(out, file.name, row.start).path)
            if file.name not in kept:
                _remove_file(out, file.name)
                if file.apart >= 0:
                    _remove_file(out, f"{QUARANTINE_FOLDER}/{file.name}")


def _remove_file(out: str, name: str) -> None:
    """Remove a file of the output, and the folders that are empty without it."""
    remove(path_of(out, name))
    folder = "" if is_remote(out) else os.path.dirname(name)
    while folder:
        try:
            os.rmdir(path_of(out, folder))
        except OSError:
            break
        folder = os.path.dirname(folder)


def _summary(rows: Sequence[TaskRow], found: Found, progress: _Progress, *, reused: int = 0) -> Summary:
    hits: Counter[str] = Counter()
    removed: Counter[str] = Counter()
    flags: Counter[str] = Counter()
    sources: dict[str, list[int]] = {}
    unreadable = [FailureRow(skip.path, "unreadable", skip.reason) for skip in found.skipped if skip.error]
    failed = [*unreadable, *(failure for row in rows for failure in row.failed)]
    for row in rows:
        flags.update(row.flags)
        for rule, (one, two) in row.rules.items():
            hits[rule] += one
            removed[rule] += two
        for source, counts in row.sources.items():
            sums = sources.setdefault(source, [0, 0, 0])
            for place, count in enumerate(counts):
                sums[place] += count
    ranked = sorted(sources.items(), key=lambda item: (-item[1][2], -item[1][1], item[0]))
    textless = {file.name: None for row in rows for file in row.files if file.textless}
    for row in rows:
        if row.part and row.documents:  # another part of the file has text
            textless.pop(row.files[0].name, None)
    known = sum((Counter(row.known) for row in rows), Counter[str]())
    return Summary(
        documents=sum(row.documents for row in rows),
        changed=sum(row.changed for row in rows),
        edits=sum(row.edits for row in rows),
        chars=sum(row.chars for row in rows),
        clean_chars=sum(row.clean_chars for row in rows),
        without_text=sum(row.without_text for row in rows),
        textless=tuple(textless),
        known=dict(known),
        bytes=sum(source.size for source in found.sources),
        clean_bytes=sum(row.clean_bytes for row in rows),
        audit_bytes=sum(row.audit_bytes for row in rows),
        rules={rule: Tally(hits[rule], removed[rule]) for rule in sorted(hits)},
        sources={name: (one, two, three) for name, (one, two, three) in ranked},
        flags=dict(sorted(flags.items())),
        errors=len(unreadable) + sum(row.errors for row in rows),
        skipped=found.skipped,
        failed=tuple(Failure(one.document, one.flag, one.detail) for one in failed),
        files=len(found.sources),
        tasks=len(rows),
        reused=reused,
        seconds=time.monotonic() - progress.begun,
        audit_time=progress.audit_seconds / progress.seconds if progress.seconds else 0.0,
        stages=_largest(progress.spent, 0),
        slow_rules=dict(list(_largest(progress.spent, 1).items())[:SLOW_RULES]),
    )


def _largest(spent: Mapping[tuple[str, str], float], place: int) -> dict[str, float]:
    """Return seconds added up by stage (0) or rule (1), the most first."""
    added: dict[str, float] = {}
    for key, seconds in spent.items():
        if key[place]:
            added[key[place]] = added.get(key[place], 0.0) + seconds
    return dict(sorted(added.items(), key=lambda item: (-item[1], item[0])))


def rehearse(
    cleaner: Cleaner,
    inputs: Sequence[str],
    on_progress: Callable[[Step], None] | None = None,
    *,
    options: Options | None = None,
    jobs: int | None = None,
    sample: int | None = None,
    profile: bool = False,
    out: str | None = None,
) -> Summary:
    """Return what `run` would do; write nothing. With `sample`, on about so many documents from all over.

    Raises `InputError` for inputs that cannot be, and, if it is given, for an output `out` that cannot be.
    """
    options = options or Options()
    found = _find_all(inputs)
    if out is not None:
        check_output(out, inputs, again=True)
        with _damage_told(out):
            check(out, run_row(cleaner.configuration, _settings(options, audit_codec())))
    tasks = list(cut(found.sources, options, _surveys(found.sources, options, jobs, Journal())))
    limit = None
    if sample is not None:
        chosen = min(len(tasks), max(1, sample // 10), sample)
        tasks = [tasks[number * len(tasks) // chosen] for number in range(chosen)] if chosen else []
        limit = -(-sample // max(1, chosen))
    progress = _Progress(sum(task.size for task in tasks), sum(len(task.files) for task in tasks), on_progress)
    todo = deque(Job("clean", (task, limit)) for task in tasks)
    rows: dict[str, TaskRow] = {}
    workers = _workers(jobs, progress.total_bytes, len(todo), False)
    for job, result in run_jobs(
        Context(cleaner, "", options, audit_codec(), profile=profile), todo, workers, progress.step
    ):
        row = progress.done(job.about[0], result)
        rows[row.key] = row
        progress.add(row)
        progress.step()
    _give_up(rows, _parts_of(tasks))
    return _summary([rows[task.key] for task in tasks], found, progress)


@dataclass(frozen=True, slots=True)
class Streamed:
    """What went wrong in a stream, and how many of its records held text, or none though they should.

    `known` counts those that say their id, url or language.
    """

    failed: tuple[Failure, ...]
    texts: int
    without_text: int
    known: Mapping[str, int]


def stream(cleaner: Cleaner, reading: BinaryIO, writing: BinaryIO, suffix: str, options: Options) -> Streamed:
    """Clean what `reading` gives, in the format of `suffix`, into `writing`.

    Each record is written as soon as it is clean, and flushed.
    """
    chosen = FORMATS[suffix]
    source = Input(reading, "", options.fields)
    sink = open_sink(writing)
    writer = chosen.writer(sink, source)
    failed: list[Failure] = []
    texts = without_text = 0
    known: Counter[str] = Counter()
    for record in chosen.read(source):
        name = f"-#{record.place}"
        text = None
        known.update(name for name in KNOWN if getattr(record, name) is not None)
        texts += record.text is not None
        without_text += lacks_text(record, chosen)
        if record.is_document:
            text, rows = clean_record(cleaner, record, name, "-", options.language)
            failed += [Failure(name, flag.name, flag.detail) for flag in rows.document.flags if flag.error]
        if record.lost is None:
            try:
                writer.put(record, text)
            except ValueError as error:
                failed.append(Failure(name, "failed", f"{type(error).__name__}: {error}"))
                writer.put(record, None)
        writing.flush()
    writer.close()
    writing.flush()
    return Streamed(tuple(failed), texts, without_text, dict(known))


# ------------------------------------------------------------------ a finished run


def _parts(out: str, journal: Journal) -> list[Part]:
    codec = codec_of(journal)
    parts = []
    done: dict[str, tuple[int, int]] = {}  # of files in parts: units, bytes on the disk
    for number, row in enumerate(journal.tasks.values()):
        file = row.files[0]
        start, at = done.get(file.name, (0, 0))
        parts.append(Part(row, part_path(out, number, codec), codec, start, (at, start)))
        if row.part:
            done[file.name] = start + row.extent, at + max(0, file.written)
    return parts


def _fields(journal: Journal) -> Fields:
    fields = journal.header.options.get("fields") if journal.header else None
    try:
        return Fields(**fields) if isinstance(fields, dict) else Fields()
    except TypeError:
        return Fields()


def audit_lines(out: str) -> Iterable[bytes]:
    """Yield all rows of the audit of the finished run in `out`, as they stand there, without the header.

    Raises `InputError` where there is none, `AuditError` where it is damaged.
    """
    for part in _parts(out, read_run(out)):
        yield from audit_rows(part)


def documents(out: str) -> Iterator[tuple[str, Record, Entry | None]]:
    """Yield the records of the finished run in `out`, as in its clean files, file after file.

    Before each stands the name of its file, after it what the audit says of it; None if it holds no document.
    Raises `InputError` where there is no audit, `AuditError` where it is damaged or does not fit the files.
    """
    journal = read_run(out)
    run = FinishedRun(out, _fields(journal))
    for part in _parts(out, journal):
        yield from pairs(part, run)


def restore(out: str, to: str, *, jobs: int | None = None) -> list[str]:
    """Write the originals of the run in `out` to the folder `to`; return the problems, a line each.

    Each document is checked against its digest first: what cannot be proved is not written, or, where it
    shares its file with others, stays clean. Raises `InputError` where `out` holds no audit, or `to` is not
    new or empty.
    """
    try:
        journal = read_run(out)
    except AuditError as error:
        return [_problem("", str(error))]
    prepare_output(to, [out])
    # Before anything else: where the record of the run is damaged, files may be missing without a word below.
    missing = [*_record_problems(journal), *_file_problems(out, journal, None)]
    parts = _parts(out, journal)
    todo = deque(Job("restore", part) for part in parts)
    problems: dict[str, list[str]] = {}
    run = FinishedRun(out, _fields(journal))
    workers = _workers(jobs, sum(part.row.clean_bytes for part in parts), len(todo), False)
    context = Context(None, to, run=run)
    for job, result in run_jobs(context, todo, workers):
        problems[job.about.row.key] = [_problem("", result.detail)] if isinstance(result, Lost) else result
    by_file: dict[str, list[str]] = {}
    for part in parts:
        if part.row.part:
            by_file.setdefault(part.row.files[0].name, []).append(restored_part(to, part.row.key))
    last = deque(
        Job("put together", (name, paths, path_of(to, name)))
        for name, paths in by_file.items()
        if is_safe_name(name) and all(size_of(path) >= 0 for path in paths)
    )
    apart = []
    for job, result in run_jobs(context, last, min(workers, len(last))):
        details = [result.detail] if isinstance(result, Lost) else result
        apart += [_problem(job.about[0], f"its parts could not be put together: {detail}") for detail in details]
    remove_folder(path_of(to, ".parts"))
    found = [problem for part in parts for problem in problems.get(part.row.key, [])] + apart
    return list(dict.fromkeys([*missing, *found]))


def verify(out: str, originals: Sequence[str] = (), *, jobs: int | None = None) -> list[str]:
    """Check every invariant on the run in `out`; return the problems, a line each.

    `originals` are the inputs of the run, which need not exist any more; where given, the documents are
    compared with them. Raises `InputError` where `out` holds no audit or an original does not exist.
    """
    sources = {source.name: source.path for source in find(originals).sources} if originals else None
    try:
        journal = read_run(out)
    except AuditError as error:
        return [_problem("", str(error))]
    problems = _record_problems(journal)
    parts = _parts(out, journal)
    todo = deque(Job("verify", part) for part in parts)
    run = FinishedRun(out, _fields(journal), sources)
    workers = _workers(jobs, sum(part.row.clean_bytes for part in parts), len(todo), False)
    found: dict[str, list[str]] = {}
    for job, result in run_jobs(Context(None, out, run=run), todo, workers):
        found[job.about.row.key] = [_problem("", result.detail)] if isinstance(result, Lost) else result
    problems += [problem for part in parts for problem in found.get(part.row.key, [])]
    problems += _file_problems(out, journal, sources)
    return problems


def _record_problems(journal: Journal) -> list[str]:
    if journal.header is None:
        return [_problem("", "the header is missing" if journal.tasks else "it is empty")]
    return []


def _file_problems(out: str, journal: Journal, sources: Mapping[str, str] | None) -> list[str]:
    problems = []
    known: dict[str, int] = {}
    for row in journal.tasks.values():
        for file in row.files:
            if file.written >= 0:
                known[file.name] = known.get(file.name, 0) + file.written
    sizes = known | {name: join.size for name, join in journal.joins.items()}
    rows: list[FileRow | JoinRow] = [file for row in journal.tasks.values() for file in row.files]
    rows += journal.joins.values()
    aside = {f"{QUARANTINE_FOLDER}/{row.name}": (row.apart, row.apart_sha256) for row in rows if row.apart >= 0}
    for path, name in walk(out):
        if isinstance(name, Skipped):
            problems.append(_problem(path, name.reason))
        elif name.startswith(f"{AUDIT_FOLDER}/"):
            continue
        elif name in aside:
            size, digest = aside.pop(name)
            if size_of(path) != size:
                problems.append(_problem(name, f"the file has {size_of(path)} bytes, {size} were written"))
            elif digest and sha256_of(path) != digest:
                problems.append(_problem(name, "the file was changed"))
        elif name not in known:
            problems.append(_problem(name, "the audit has no row for this file"))
        elif name in journal.joins and size_of(path) != sizes[name]:
            problems.append(_problem(name, f"the clean file has {size_of(path)} bytes, {sizes[name]} were written"))
        elif name in journal.joins and journal.joins[name].sha256 not in ("", sha256_of(path)):
            problems.append(_problem(name, "the clean file was changed"))
    problems += [_problem(name, "the file of what was flagged is missing") for name in aside]
    for row in journal.tasks.values():
        for file in row.files:
            rejected = Rejected(out, file.name, row.start).path
            if file.rejected_sha256 and not is_remote(out) and sha256_of(rejected) != file.rejected_sha256:
                where = os.path.relpath(rejected, out)
                problems.append(_problem(where, "what was rejected is missing or was changed"))
    for name in sources or ():
        if name not in known:
            problems.append(_problem(name, "the audit has no row for this original"))
    return problems


def _problem(name: str, message: str) -> str:
    return f"{name or 'the audit'}: {message}"

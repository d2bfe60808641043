"""Workers: processes that each do one job at a time, and may die of it.

A worker that dies is replaced, and its job done again. A document that was at hand when two of them died is
left out, so that it costs no more than itself.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import pickle
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any

from cleaner.corpus.parts import join_parts, put_together
from cleaner.corpus.plan import Options, survey
from cleaner.corpus.proof import FinishedRun, restore_part, verify_part
from cleaner.corpus.work import Mark, clean_task

if TYPE_CHECKING:
    from cleaner.engine import Cleaner

__all__ = ["Context", "Job", "Lost", "available", "run_jobs"]

TRIES = 3  # of a job that kills its workers while no document is at hand
LEFT_OUT = 20  # documents of a job that may be left out before it is given up: each costs two workers


@dataclass(frozen=True, slots=True)
class Context:
    """What workers need to know once: it decides the result of every job."""

    cleaner: Cleaner | None
    out: str
    options: Options = field(default_factory=Options)
    codec: str = ""
    run: FinishedRun | None = None
    profile: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """One thing to do: a name of `JOBS`, and what it is about. The rest tells what went wrong before."""

    kind: str
    about: Any
    deaths: int = 0
    suspects: frozenset[int] = frozenset()  # numbers of the documents that were at hand at one of them
    skip: frozenset[int] = frozenset()  # and of those that were at two


@dataclass(frozen=True, slots=True)
class Lost:
    """What comes of a job whose workers die, whatever is left out."""

    detail: str


def _survey(context: Context, job: Job, mark: Mark) -> Any:
    return survey(job.about, context.options.task_bytes)


def _clean(context: Context, job: Job, mark: Mark) -> Any:
    assert context.cleaner is not None
    task, limit = job.about
    return clean_task(
        context.cleaner,
        task,
        context.out,
        context.options,
        context.codec,
        job.skip,
        mark,
        limit,
        profile=context.profile,
    )


def _join(context: Context, job: Job, mark: Mark) -> Any:
    return join_parts(context.out, *job.about)


def _verify(context: Context, job: Job, mark: Mark) -> Any:
    assert context.run is not None
    return verify_part(job.about, context.run)


def _restore(context: Context, job: Job, mark: Mark) -> Any:
    assert context.run is not None
    return restore_part(job.about, context.run, context.out)


def _put_together(context: Context, job: Job, mark: Mark) -> Any:
    try:
        put_together(*job.about)
    except ValueError as error:  # what was restored of a damaged file may be no Parquet
        return [str(error)]
    return []


JOBS: dict[str, Callable[[Context, Job, Mark], Any]] = {
    "survey": _survey,
    "clean": _clean,
    "join": _join,
    "verify": _verify,
    "restore": _restore,
    "put together": _put_together,
}


def available() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


@dataclass(slots=True)
class _Worker:
    process: Any
    connection: Connection
    progress: Any  # the number of the record at hand, -1 for none, and the bytes done
    job: Job | None = None


@dataclass(slots=True)
class _Pool:
    size: int
    context: bytes  # pickled
    workers: list[_Worker] = field(default_factory=list)


def run_jobs(
    context: Context, todo: deque[Job], workers: int, on_bytes: Callable[[int], None] | None = None
) -> Iterator[tuple[Job, Any]]:
    """Do all jobs of `todo`, to which more may be added on the way; yield each with what came of it.

    Without workers they are done here. `on_bytes` is told, now and then, how many bytes of unfinished jobs
    are done. Raises what a job raises.
    """
    if not workers:
        while todo:
            job = todo.popleft()
            yield job, JOBS[job.kind](context, job, lambda number, done: None)
        return
    pool = _Pool(workers, pickle.dumps(context))
    try:
        while todo or any(worker.job for worker in pool.workers):
            _hand_out(pool, todo)
            busy = {worker.connection: worker for worker in pool.workers if worker.job is not None}
            dead = {worker.process.sentinel: worker for worker in pool.workers if worker.job is not None}
            ready = wait([*busy, *dead], timeout=0.5)
            if on_bytes is not None:
                on_bytes(sum(worker.progress[1] for worker in pool.workers if worker.job is not None))
            answers = [
                answer
                for connection, worker in busy.items()
                if connection in ready or worker.process.sentinel in ready
                for answer in _collect(pool, worker, todo)
            ]
            _hand_out(pool, todo)  # to note an answer may take the disk a while
            yield from answers
    finally:
        for worker in pool.workers:
            worker.process.kill()  # those that wait for a job have nothing to lose, and would take a while to end
        for worker in pool.workers:
            worker.process.join()


def _hand_out(pool: _Pool, todo: deque[Job]) -> None:
    idle = [worker for worker in pool.workers if worker.job is None]
    started = [_start() for _ in range(min(len(todo) - len(idle), pool.size - len(pool.workers)))]
    pool.workers += started
    for worker in started:
        # It is more than a pipe holds, so that this waits for one that has yet to begin to read; all others begin meanwhile.
        with suppress(OSError):  # it died; that is seen at once
            worker.connection.send_bytes(pool.context)
    idle += started
    for worker in idle[: len(todo)]:
        job = todo.popleft()
        worker.progress[0], worker.progress[1] = -1, 0
        worker.job = job
        with suppress(OSError):  # it died while it waited; that is seen at once
            worker.connection.send(job)


def _collect(pool: _Pool, worker: _Worker, todo: deque[Job]) -> Iterator[tuple[Job, Any]]:
    job = worker.job
    assert job is not None
    try:
        # A worker may have died right after it had answered.
        answer = worker.connection.recv() if worker.connection.poll() else None
    except (EOFError, OSError, pickle.UnpicklingError):
        answer = None
    if answer is not None:
        worker.job = None
        if isinstance(answer, BaseException):
            raise answer
        yield job, answer
        return
    worker.process.kill()
    worker.process.join()
    worker.connection.close()
    pool.workers.remove(worker)
    number = worker.progress[0]
    again = replace(job, deaths=job.deaths + 1)
    if number in job.suspects:
        again = replace(again, skip=job.skip | {number})
    elif number >= 0:
        again = replace(again, suspects=job.suspects | {number})
    hopeless = again.deaths >= TRIES and number < 0
    if hopeless or again.deaths > 2 * LEFT_OUT:
        yield (
            job,
            Lost(f"the process that read it died, {again.deaths} times ({_ended(worker.process.exitcode)})"),
        )
    else:
        todo.appendleft(again)


def _ended(code: int | None) -> str:
    if code is not None and code < 0:
        try:
            return signal.Signals(-code).name
        except ValueError:
            pass
    return f"exit code {code}"


def _start() -> _Worker:
    # Forking would copy what other threads of the program hold; a fresh process is the same everywhere.
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    progress = spawn.RawArray("q", 2)
    process = spawn.Process(target=_main, args=(there, progress, os.getpid()), daemon=True)
    process.start()
    there.close()
    return _Worker(process, here, progress)


def _main(connection: Connection, progress: Any, parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: do not outlive it
        if os.getppid() != parent:
            os._exit(1)
    try:
        context: Context = pickle.loads(connection.recv_bytes())
    except (EOFError, OSError):
        return

    def mark(number: int, done: int) -> None:
        progress[0] = number
        progress[1] = done

    while True:
        try:
            job = connection.recv()
        except (EOFError, OSError):
            return
        answer: Any
        try:
            answer = JOBS[job.kind](context, job, mark)
        except Exception as error:
            answer = error
        try:
            connection.send(answer)
        except (TypeError, AttributeError, pickle.PicklingError):
            connection.send(RuntimeError(f"{type(answer).__name__}: {answer}"))
        except OSError:
            return

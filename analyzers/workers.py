"""Work in several processes, where there is enough of it to pay for them.

`scope()` stands around the reading of one repository; inside it `run` spreads a function over chunks of
bytes, and `spread` one over parts of anything; without it, or where little is to be done, this process does
everything itself. The result is the same either way. Workers read files as this process does and give back
what they found; nothing of the repository is run in them. The function must be a module's own, for it is
found by name (`spawn`).
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

_WORTH = 1_000_000  # bytes: less is read faster than a process is started
_CHUNK = 128_000  # bytes handed over at once, about: what is left at the end is shared evenly

Given = TypeVar("Given")
Result = TypeVar("Result")
# What the workers of `spread` work with: set in each of them when it is started.
_GIVEN: list[object] = []


class _Pool:
    """The processes of one reading, started when first needed."""

    def __init__(self, cores: int) -> None:
        self.cores = cores
        self._executor: ProcessPoolExecutor | None = None

    def executor(self) -> ProcessPoolExecutor:
        if self._executor is None:
            context = multiprocessing.get_context(_start_method())
            # This process works too, so one less is started.
            self._executor = ProcessPoolExecutor(self.cores - 1, context, _prepare)
        return self._executor

    def close(self) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._executor = None


_POOL: ContextVar[_Pool | None] = ContextVar("pool", default=None)


@contextmanager
def scope(cores: int | None = None) -> Iterator[None]:
    """Allow `cores` processes (all cores that this process may use), this one included."""
    pool = _Pool(cores if cores is not None else available())
    token = _POOL.set(pool)
    try:
        yield
    finally:
        _POOL.reset(token)
        pool.close()


def available() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run(function: Callable[[list[bytes]], list[Result]], items: Sequence[bytes]) -> list[Result]:
    """`function` of all items, in their order. It gives one result for each item of the list it gets.

    What a worker raises is raised here; of a worker that was killed the part is done here.
    """
    pool = _POOL.get()
    if pool is None or pool.cores < 2 or sum(map(len, items)) < _WORTH:
        return function(list(items))
    chunks = _chunks(items)
    waiting = _submitted(pool, function, chunks)
    results: list[list[Result]] = [[] for _ in chunks]
    for number in reversed(range(len(chunks))):  # what no worker has begun is done here, from the end
        future = waiting[number]
        if future is None or future.cancel():
            results[number] = function(chunks[number])
            waiting[number] = None
    for number, future in enumerate(waiting):
        if future is not None:
            try:
                results[number] = future.result()
            except RecursionError:  # what was found is nested too deeply to be sent
                results[number] = function(chunks[number])
            except BrokenProcessPool:
                pool.close()
                results[number] = function(chunks[number])
    return [result for part in results for result in part]


def spread(function: Callable[[Given, int], Result], given: Given, parts: int) -> list[Result]:
    """`function` of what is given and of each number below `parts`, in order.

    What is given is handed to each process once (a forked one has it already), the results are sent. Where
    there is one process only, all is done here; nothing that is done spreads its own work further.
    """
    pool = _POOL.get()
    cores = min(pool.cores, parts) if pool is not None else 1
    if cores < 2:
        return [function(given, part) for part in range(parts)]
    token = _POOL.set(None)
    try:
        context = multiprocessing.get_context(_start_method())
        with ProcessPoolExecutor(cores - 1, context, _prepare, (given,)) as executor:
            return _shared(executor, function, given, parts)
    finally:
        _POOL.reset(token)


def _shared(
    executor: ProcessPoolExecutor, function: Callable[[Given, int], Result], given: Given, parts: int
) -> list[Result]:
    waiting: list[Future[Result] | None] = []
    for part in range(parts):
        try:
            waiting.append(executor.submit(_part, function, part))
        except BrokenProcessPool:
            waiting.append(None)
    done: dict[int, Result] = {}
    for part in reversed(range(parts)):  # what no worker has begun is done here, from the end
        future = waiting[part]
        if future is None or future.cancel():
            done[part] = function(given, part)
            waiting[part] = None
    for part, future in enumerate(waiting):
        if future is not None:
            try:
                done[part] = future.result()
            except (RecursionError, BrokenProcessPool):  # too deep to be sent, or the worker was killed
                done[part] = function(given, part)
    return [done[part] for part in range(parts)]


def _part(function: Callable[[Any, int], Result], part: int) -> Result:
    return function(_GIVEN[0], part)


def _submitted(
    pool: _Pool, function: Callable[[list[bytes]], list[Result]], chunks: Sequence[list[bytes]]
) -> list[Future[list[Result]] | None]:
    """What workers were given; None for what they could not be given, for one of them was killed."""
    executor = pool.executor()
    waiting: list[Future[list[Result]] | None] = []
    for chunk in chunks:
        try:
            waiting.append(executor.submit(function, chunk))
        except BrokenProcessPool:
            waiting.append(None)
            pool.close()
            executor = pool.executor()
    return waiting


def _chunks(items: Sequence[bytes]) -> list[list[bytes]]:
    chunks: list[list[bytes]] = [[]]
    size = 0
    for item in items:
        if size >= _CHUNK:
            chunks.append([])
            size = 0
        chunks[-1].append(item)
        size += len(item)
    return chunks


def _start_method() -> str:
    """Forking takes a few milliseconds, but only a process with one thread may be forked."""
    forks = sys.platform == "linux" and threading.active_count() == 1
    return "fork" if forks else "spawn"


def _prepare(given: object = None) -> None:
    """In a worker: Ctrl-C is for the process that reads the repository, which ends its workers."""
    _POOL.set(None)
    _GIVEN[:] = [given]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()  # what is made is sent away and freed at once

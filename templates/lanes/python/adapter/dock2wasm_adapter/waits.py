"""Waiting for the host: for one thing with a time limit, or for several from asyncio's loop.

What can be waited for is a `pollable` of wasi:io/poll, a child of what it belongs to: whoever asked for it
drops it before its parent goes.
"""

import time

from wit_world.imports import monotonic_clock, poll

# What coroutines wait for. The loop's `select` looks here.
PENDING = []
# Sockets are waited for by the C library, pollables by the host; where a loop has both, in turns of this.
_TURN = 0.002


class Wait:
    """One pollable, and whoever waits for it. `owner` is a set that holds it until it is dropped.

    Where the owner has to go first, it drops the wait, which ends the waiting.
    """

    def __init__(self, pollable, owner):
        self._pollable = pollable
        self._owner = owner
        self._future = None
        owner.add(self)

    def drop(self):
        if self._pollable is None:
            return
        pollable, self._pollable = self._pollable, None
        self._owner.discard(self)
        if self in PENDING:
            PENDING.remove(self)
        pollable.__exit__(None, None, None)
        self.wake()

    def wake(self):
        future = self._future
        if future is not None and not future.done() and not future.get_loop().is_closed():
            future.set_result(None)

    def block(self, timeout=None):
        """Whether it was ready within `timeout` seconds (None: for ever). Drops it."""
        try:
            if timeout is None:
                self._pollable.block()
                return True
            return bool(_first_ready([self._pollable], timeout))
        finally:
            self.drop()

    async def ready(self):
        """Let asyncio's loop go on until it is ready or dropped. Drops it, also on cancellation."""
        import asyncio

        self._future = asyncio.get_running_loop().create_future()
        PENDING.append(self)
        try:
            await self._future
        finally:
            self.drop()


def _first_ready(pollables, timeout):
    """Indices of those that are ready, after at most `timeout` seconds (None: for ever)."""
    if timeout is None:
        return list(poll.poll(pollables))
    if timeout <= 0:
        return [index for index, pollable in enumerate(pollables) if pollable.ready()]
    timer = monotonic_clock.subscribe_duration(int(timeout * 1e9))
    try:
        return [index for index in poll.poll([*pollables, timer]) if index < len(pollables)]
    finally:
        timer.__exit__(None, None, None)


def select(sockets, timeout):
    """What a selector's `select` does while coroutines wait for the host: wakes them, gives socket events.

    `sockets(timeout)` gives the events of sockets; None where the loop has none.
    """
    end = None if timeout is None else time.monotonic() + timeout
    while True:
        events = sockets(0) if sockets is not None else []
        left = None if end is None else max(0.0, end - time.monotonic())
        if events:
            left = 0.0
        elif sockets is not None:
            left = _TURN if left is None else min(left, _TURN)
        waiting = list(PENDING)
        found = _first_ready([wait._pollable for wait in waiting], left)
        for index in found:
            waiting[index].wake()
        if events or found or (end is not None and time.monotonic() >= end):
            return events

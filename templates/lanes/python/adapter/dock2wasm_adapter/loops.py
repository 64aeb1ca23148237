"""asyncio where one thread is all there is: a loop that sleeps, and executors that work at once.

The stock loop wakes itself through a socket pair, which WASI does not have; nothing else runs beside it that
could wake it, so it needs none. What is handed to an executor or a worker thread is run to its end at once.
"""

import functools
import sys

from dock2wasm_adapter import modules, threads
from dock2wasm_adapter.gaps import UnsupportedError


def _selectors(selectors):
    plain = selectors.SelectSelector.select

    def select(self, timeout=None):
        waits = sys.modules.get("dock2wasm_adapter.waits")
        if waits is not None and waits.PENDING:
            return waits.select(functools.partial(plain, self) if self.get_map() else None, timeout)
        if self.get_map():
            return plain(self, timeout)
        if timeout is None:
            raise UnsupportedError(
                "dock2wasm: the event loop waits for something that cannot happen: there is no other thread,"
                " signal or connection that could wake it"
            )
        if timeout > 0:
            threads._sleep(timeout)
        return []

    selectors.SelectSelector.select = select
    selectors.DefaultSelector = selectors.SelectSelector


def _selector_events(module):
    loop = module.BaseSelectorEventLoop

    def make(self):
        self._ssock = self._csock = None
        self._internal_fds += 1

    def close(self):
        self._internal_fds -= 1

    loop._make_self_pipe = make
    loop._close_self_pipe = close
    loop._write_to_self = lambda self: None


def _base_events(module):
    def run_in_executor(self, executor, func, *args):
        self._check_closed()
        if threads.loops_forever(func):
            raise UnsupportedError(f"dock2wasm: {func!r} runs a loop without an end; {threads.REMEDY}")
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            future.set_exception(error)
        return future

    async def shutdown_default_executor(self, timeout=None):
        self._executor_shutdown_called = True

    module.BaseEventLoop.run_in_executor = run_in_executor
    module.BaseEventLoop.shutdown_default_executor = shutdown_default_executor


def _unix_events(module):
    loop = module._UnixSelectorEventLoop
    # No signal ever comes; a server that only registers for its own end may do so.
    loop.add_signal_handler = lambda self, sig, callback, *args: None
    loop.remove_signal_handler = lambda self, sig: False


def _anyio(module):
    import contextvars

    async def run_sync(cls, func, args, abandon_on_cancel=False, limiter=None):
        await cls.checkpoint()
        if threads.loops_forever(func):
            raise UnsupportedError(f"dock2wasm: {func!r} runs a loop without an end; {threads.REMEDY}")
        return contextvars.copy_context().run(func, *args)

    module.AsyncIOBackend.run_sync_in_worker_thread = classmethod(run_sync)


def install():
    """Place the hooks; nothing is imported here."""
    modules.hook("selectors", _selectors)
    modules.hook("asyncio.selector_events", _selector_events)
    modules.hook("asyncio.base_events", _base_events)
    modules.hook("asyncio.unix_events", _unix_events)
    modules.hook("anyio._backends._asyncio", _anyio)

"""Threads where there are none: a short task runs at `start()`, what would have to run beside it is refused.

An instance has one thread of execution. A task handed to a thread or a pool is run to its end when
it is started, which is right for work that somebody waits for. A loop would never come back, a
timer would fire later than the request lives, and a wait for another thread would never end: each
of these raises UnsupportedError.
"""

import sys
import time

from dock2wasm_adapter import modules
from dock2wasm_adapter.gaps import UnsupportedError

# How long the tasks that run inside `start()` may sleep altogether before they count as a loop.
SLEEP_BUDGET = 5.0

REMEDY = "there are no threads in WebAssembly; move the work out of the service or do it within the request"


class _Running:
    """The thread that is being run inside `start()`, and how long it has slept."""

    def __init__(self):
        self.names = []
        self.slept = 0.0


_running = _Running()


def loops_forever(function):
    """Whether a function's code holds a loop that nothing inside it leaves (`while True` without break).

    Read from the bytecode: a backward jump whose body has no return and no jump past its end. A
    loop around a condition is not found here; its first wait is (`_pause`).
    """
    import dis

    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if code is None:
        return False
    instructions = list(dis.get_instructions(code))
    for loop in instructions:
        if not loop.opname.startswith("JUMP_BACKWARD") or loop.argval is None:
            continue
        body = [i for i in instructions if loop.argval <= i.offset <= loop.offset]
        if not any(_leaves(i, loop.argval, loop.offset) for i in body):
            return True
    return False


def _leaves(instruction, start, end):
    if instruction.opname.startswith(("RETURN", "RAISE", "RERAISE", "YIELD")):
        return True
    is_jump = "JUMP" in instruction.opname or instruction.opname.startswith(("FOR_ITER", "SEND"))
    return is_jump and isinstance(instruction.argval, int) and not start <= instruction.argval <= end


def _pause(seconds, why):
    """Sleep inside a task, as long as the budget lasts."""
    if _running.names:
        _running.slept += seconds
        if _running.slept > SLEEP_BUDGET:
            raise UnsupportedError(
                f"dock2wasm: the thread {_running.names[-1]!r} keeps running ({why}); {REMEDY}"
            )
    _sleep(seconds)


_sleep = time.sleep


def _time_sleep(seconds, /):
    if _running.names and seconds > 0:
        _pause(seconds, "it sleeps")
    else:
        _sleep(seconds)


def _threading(threading):
    plain_init = threading.Thread.__init__

    def start(self):
        if not getattr(self, "_initialized", True):
            raise RuntimeError("thread.__init__() not called")
        if self._started.is_set():
            raise RuntimeError("threads can only be started once")
        run = self._target if type(self).run is threading.Thread.run else type(self).run
        if loops_forever(run):
            raise UnsupportedError(
                f"dock2wasm: the thread {self.name!r} runs a loop without an end; {REMEDY}"
            )
        self._started.set()
        if not _running.names:
            _running.slept = 0.0
        _running.names.append(self.name)
        try:
            self.run()
        except SystemExit:
            pass
        except UnsupportedError:
            raise
        except Exception:
            # As the interpreter does for a real thread: reported, and not the starter's problem.
            threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), self)))
        finally:
            _running.names.pop()
            self._dock2wasm_done = True

    def init(self, *args, **kwargs):
        plain_init(self, *args, **kwargs)
        self._dock2wasm_done = False

    def join(self, timeout=None):
        if not self._started.is_set():
            raise RuntimeError("cannot join thread before it is started")

    def is_alive(self):
        return self._started.is_set() and not self._dock2wasm_done

    threading.Thread.__init__ = init
    threading.Thread.start = start
    threading.Thread.join = join
    threading.Thread.is_alive = is_alive

    def timer_start(self):
        raise UnsupportedError(f"dock2wasm: threading.Timer({self.interval!r}) cannot fire later; {REMEDY}")

    threading.Timer.start = timer_start

    def wait(self, timeout=None):
        # Nobody else runs, so nobody can notify: only time can pass.
        if timeout is None:
            raise UnsupportedError(f"dock2wasm: waiting for another thread would never end; {REMEDY}")
        if timeout > 0:
            saved = self._release_save()
            try:
                _pause(timeout, "it waits")
            finally:
                self._acquire_restore(saved)
        return False

    threading.Condition.wait = wait


def _thread_pool(module):
    """ThreadPoolExecutor that does the work in `submit`."""
    from concurrent.futures import _base

    class ThreadPoolExecutor(_base.Executor):
        def __init__(self, max_workers=None, thread_name_prefix="", initializer=None, initargs=(), **kwargs):
            if max_workers is not None and max_workers <= 0:
                raise ValueError("max_workers must be greater than 0")
            self._max_workers = max_workers or 1
            self._shutdown = False
            self._initializer = (initializer, initargs)

        def submit(self, fn, /, *args, **kwargs):
            if self._shutdown:
                raise RuntimeError("cannot schedule new futures after shutdown")
            if loops_forever(fn):
                raise UnsupportedError(f"dock2wasm: {fn!r} runs a loop without an end; {REMEDY}")
            initializer, initargs = self._initializer
            if initializer is not None:
                self._initializer = (None, ())
                initializer(*initargs)
            future = _base.Future()
            future.set_running_or_notify_cancel()
            _running.names.append(getattr(fn, "__qualname__", repr(fn)))
            if len(_running.names) == 1:
                _running.slept = 0.0
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)
            finally:
                _running.names.pop()
            return future

        def shutdown(self, wait=True, *, cancel_futures=False):
            self._shutdown = True

    ThreadPoolExecutor.__module__ = module.__name__
    ThreadPoolExecutor.__qualname__ = "ThreadPoolExecutor"
    module.ThreadPoolExecutor = ThreadPoolExecutor


def _queue(queue):
    """The queue in C would wait for ever; the one in Python waits through Condition."""
    queue.SimpleQueue = queue._PySimpleQueue


def install():
    """Place the hooks; nothing is imported here."""
    time.sleep = _time_sleep
    modules.hook("threading", _threading)
    modules.hook("concurrent.futures.thread", _thread_pool)
    modules.hook("queue", _queue)

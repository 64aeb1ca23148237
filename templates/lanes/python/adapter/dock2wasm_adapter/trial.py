"""A trial import of the application at build time: may what it makes be part of the snapshot?

Run in a process that is thrown away. Every call that the import makes is looked at (`sys.monitoring`): what
would be different in each instance, or happen outside the component, refuses the snapshot, by name and line.
What a dependency does while it is itself imported is not the application's doing: it is in the snapshot in
any case and is only said.
"""

import sys
import types

_TOOL = 4  # one of the tool ids that sys.monitoring leaves to anybody

# (module, name) of functions in C, and of those that stand for them here -> what such a call is.
_CALLS = {
    **{("time", n): "reads the clock" for n in (
        "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time",
        "process_time_ns", "thread_time", "thread_time_ns", "clock_gettime", "clock_gettime_ns",
    )},
    ("posix", "urandom"): "takes a random number",
    ("posix", "getrandom"): "takes a random number",
    ("posix", "putenv"): "changes the environment below os.environ",
    ("posix", "unsetenv"): "changes the environment below os.environ",
    ("posix", "fork"): "starts a process",
    ("posix", "posix_spawn"): "starts a process",
    ("_thread", "start_new_thread"): "starts a thread",
    ("_thread", "start_joinable_thread"): "starts a thread",
    **{("_socket", n): "uses the network" for n in (
        "getaddrinfo", "gethostbyname", "gethostbyaddr", "gethostname", "getnameinfo", "socketpair",
    )},
}  # fmt: skip
# With no argument they stand for now.
_NOW = frozenset(("localtime", "gmtime", "ctime", "asctime", "strftime"))
_TODAY = frozenset(("now", "utcnow", "today"))
# Classes, by (module, name), of which no object may be made, and methods that may not be called. By name:
# looking must not import what the application does not.
_MAKING = {
    ("_socket", "socket"): "opens a socket",
    ("asyncio.events", "AbstractEventLoop"): "makes an event loop",
    ("subprocess", "Popen"): "starts a process",
}
_METHODS = {
    "start": (("threading", "Thread"), "starts a thread"),
    "submit": (("concurrent.futures._base", "Executor"), "starts a thread"),
}
_RANDOM = ("random", "Random")
# (module, name) of functions in Python.
_FUNCTIONS = {
    ("subprocess", "Popen.__init__"): "starts a process",
    ("dock2wasm_adapter.gaps", "_subprocess.<locals>.init"): "starts a process",
    ("dock2wasm_adapter.gaps", "refuse.<locals>.refused"): "asks for what WebAssembly does not have",
    ("dock2wasm_adapter.gaps", "_refuse_process"): "starts a process",
    ("multiprocessing.process", "BaseProcess.start"): "starts a process",
}
# Who may: the time of a log line does not stay; os.environ does it for itself, and is recorded.
_PASSING = {"reads the clock": "logging", "changes the environment below os.environ": "os"}
# `random` calls itself, to seed a new generator among others: what it is called for is seen from outside.
_ITSELF = frozenset(("random",))
_BETWEEN = frozenset(("importlib", "_frozen_importlib", "_frozen_importlib_external", __name__))


class Watch:
    """Calls made by the application's import.

    `refused`: [(what, where, through)]; `said`: the same, of dependencies.
    """

    def __init__(self, tree, is_own, is_dependency):
        self.refused = []
        self.said = []
        self._tree = tree
        self._is_own = is_own
        self._is_dependency = is_dependency

    def __enter__(self):
        monitoring = sys.monitoring
        monitoring.use_tool_id(_TOOL, "dock2wasm")
        monitoring.register_callback(_TOOL, monitoring.events.CALL, self._called)
        monitoring.set_events(_TOOL, monitoring.events.CALL)
        self._tree.note_write = self._written
        return self

    def __exit__(self, *exc):
        monitoring = sys.monitoring
        monitoring.set_events(_TOOL, 0)
        monitoring.free_tool_id(_TOOL)
        del self._tree.note_write

    def _written(self, path):
        self._note(f"writes the file {path}", "", 2)

    def _called(self, code, offset, function, first):
        what, name = _what(function, first)
        if what:
            caller = sys._getframe(1).f_globals.get("__name__")
            if caller in _ITSELF or caller == _PASSING.get(what):
                return
            self._note(what, name, 2)

    def _note(self, what, name, depth):
        frame = sys._getframe(depth)
        through = name
        while frame is not None:
            module = frame.f_globals.get("__name__", "")
            if self._is_own(module):
                where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                self._add(self.refused, (what, where, through))
                return
            if module not in _BETWEEN:
                if frame.f_code.co_name == "<module>":
                    if self._is_dependency(module) and "clock" not in what:
                        self._add(self.said, (what, module, through))
                    return
                if not module.startswith("dock2wasm_adapter"):
                    through = f"{module}.{frame.f_code.co_qualname}"
            frame = frame.f_back

    @staticmethod
    def _add(found, entry):
        if entry not in found:
            found.append(entry)


def _is_a(cls, *names):
    """The first of these (module, name) that the class is, or comes from."""
    bases = [(base.__module__, base.__name__) for base in type.mro(cls)]
    return next((name for name in names if name in bases), None)


def _what(function, first):
    """(what a call is, or empty; the name of what is called)."""
    kind = type(function)
    if kind is types.BuiltinFunctionType:
        return _built_in(function, first)
    if kind is types.MethodType:
        first = function.__self__
        function = function.__func__
        kind = type(function)
    if kind is types.FunctionType:
        module = function.__module__ or ""
        what = _FUNCTIONS.get((module, function.__qualname__), "")
        if what:
            return what, function.__qualname__
        if module.startswith("wit_world.imports"):
            return "calls the host", f"{module.rpartition('.')[2]}.{function.__qualname__}"
    elif isinstance(function, type):
        return _made(function, first)
    elif kind is not types.MethodDescriptorType:
        return "", ""
    name = function.__name__
    if name in _METHODS:
        owner, what = _METHODS[name]
        if _is_a(type(first), owner):
            return what, f"{type(first).__name__}.{name}"
    elif (
        not name.startswith("_")
        and _is_a(type(first), _RANDOM)
        and hasattr(sys.modules["random"].Random, name)
    ):
        return "takes a random number", f"random.{name}"
    return "", ""


def _built_in(function, first):
    owner, name = function.__self__, function.__name__
    if isinstance(owner, types.ModuleType):
        module = owner.__name__
        if module == "time" and name in _NOW:
            # strftime takes the format first, and the others nothing.
            return ("reads the clock" if first is _MISSING or name == "strftime" else ""), f"time.{name}"
        return _CALLS.get((module, name), ""), f"{module.replace('posix', 'os').lstrip('_')}.{name}"
    if isinstance(owner, type):
        today = name in _TODAY and _is_a(owner, ("datetime", "date"))
        return ("reads the clock" if today else ""), f"{owner.__name__}.{name}"
    if not name.startswith("_") and _is_a(type(owner), _RANDOM):
        return "takes a random number", f"random.{name}"
    return "", ""


def _made(cls, first):
    known = _is_a(cls, *_MAKING)
    if known is not None:
        return _MAKING[known], cls.__name__
    if _is_a(cls, _RANDOM) and cls.__name__ != "SystemRandom":
        # Without a seed it is seeded anew in each instance; with one its sequence must not be.
        seeded = first is not _MISSING and first is not None
        return ("seeds a random generator" if seeded else ""), cls.__name__
    return "", ""


_MISSING = sys.monitoring.MISSING

"""Which environment variables are read and set while modules are imported at build time.

What a dependency reads then is fixed by the build. What the import of the application reads is compared with
the live values at an instance's first request (`application`).
"""

import contextlib
import os
import sys

# Frames of these are never the one that asked: they are what is between a module and the variables.
_BETWEEN = frozenset(("os", "_collections_abc", "collections.abc", "importlib", "contextlib", __name__))


class Recorder:
    """Reads and writes of os.environ. `is_own(module)` tells the application's modules from all others."""

    def __init__(self, is_own=lambda name: False):
        self.reads = {}  # variable -> value at build, None where it was not set
        self.everything = ""  # where all variables were asked for, or empty
        self.writes = {}  # variable -> value, None where it was removed
        self.fixed = {}  # what dependencies read in their own import: variable -> value at build
        self.who = {}  # variable -> "file:line" of the application, or the dependency
        self._is_own = is_own

    def read(self, environ, name):
        if name in self.writes:
            return  # its own value
        own, where = self._asker()
        found = self.reads if own else self.fixed
        if name not in found:
            found[name] = _plain(environ, name)
            self.who.setdefault(name, where)

    def read_all(self, environ):
        own, where = self._asker()
        if own:
            self.everything = self.everything or where
        else:
            for name in map(os.fsdecode, list(environ._data)):
                self.read(environ, name)

    def write(self, environ, name, value):
        self.writes[name] = value

    def _asker(self):
        """(whether the application asked, where).

        A dependency that is being imported asks for itself.
        """
        frame = sys._getframe(2)
        nearest = ""
        while frame is not None:
            module = frame.f_globals.get("__name__", "")
            if module not in _BETWEEN:
                if self._is_own(module):
                    return True, f"{frame.f_code.co_filename}:{frame.f_lineno}"
                nearest = nearest or module
                if frame.f_code.co_name == "<module>":
                    return False, nearest
            frame = frame.f_back
        return False, nearest


def _plain(environ, name):
    value = environ._data.get(os.fsencode(name))
    return None if value is None else os.fsdecode(value)


class _Recording(type(os.environ)):
    """The class of os.environ and os.environb for a while."""

    def __getitem__(self, key):
        if isinstance(key, (str, bytes)):
            self._recorder.read(self, os.fsdecode(key))
        return super().__getitem__(key)

    def __setitem__(self, key, value):
        super().__setitem__(key, value)
        self._recorder.write(self, os.fsdecode(key), os.fsdecode(value))

    def __delitem__(self, key):
        super().__delitem__(key)
        self._recorder.write(self, os.fsdecode(key), None)

    def __iter__(self):
        self._recorder.read_all(self)
        return super().__iter__()

    def __len__(self):
        self._recorder.read_all(self)
        return super().__len__()

    def __repr__(self):
        self._recorder.read_all(self)
        return super().__repr__()


@contextlib.contextmanager
def recorded(recorder):
    """Note what happens to os.environ and os.environb."""
    views = [view for view in (os.environ, getattr(os, "environb", None)) if view is not None]
    plain = type(os.environ)
    for view in views:
        view._recorder = recorder
        view.__class__ = _Recording
    try:
        yield recorder
    finally:
        for view in views:
            view.__class__ = plain
            del view._recorder


def replace_all(values):
    """Make these the only variables. Of the build's own environment nothing may be seen."""
    for name in list(os.environ):
        del os.environ[name]
    os.environ.update(values)


def with_defaults(values, home):
    """The variables, and what a container always has and a component has not."""
    return {
        "HOME": home,
        "PATH": "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
        **values,
    }

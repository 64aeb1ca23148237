"""Which environment variables are read while dependencies are imported: those values are frozen."""

import contextlib
import os

_SEEN = {}
_WHO = {}


class _Recording(type(os.environ)):
    """os.environ's class for a while: notes what is read by name."""

    def __getitem__(self, key):
        if isinstance(key, str):
            _SEEN.setdefault(key, self._data.get(self.encodekey(key)))
            _WHO.setdefault(key, self._who)
        return super().__getitem__(key)


@contextlib.contextmanager
def recorded(environ, who):
    """Note reads of `environ` (which is os.environ) on behalf of the module `who`."""
    plain = environ.__class__
    environ._who = who
    environ.__class__ = _Recording
    try:
        yield
    finally:
        environ.__class__ = plain
        del environ._who


def seen():
    """Variable -> value at build (None: not set), of everything read so far; says it on standard output."""
    for key, who in _WHO.items():
        print(
            f"dock2wasm-note: the import of {who} reads the variable {key}; its value is fixed by the build",
            flush=True,
        )
    return {key: None if value is None else os.fsdecode(value) for key, value in _SEEN.items()}

"""Writing to an output-stream of wasi:io 0.2, by a library of our own (native/streams.c)."""

from componentize_py_types import Err

from dock2wasm_adapter.incoming import release_error

try:
    import _dock2wasm_streams as _native
except ImportError:  # under another Python than the component's
    _native = None


class StreamEndedError(Exception):
    """The other side takes no more."""


def write(stream, data):
    """As output-stream.write: at most as many bytes as check-write permitted. Raises StreamEndedError."""
    if _native is not None:
        if not _native.write(stream.handle, data):
            raise StreamEndedError
        return
    try:
        stream.write(bytes(data))
    except Err as error:
        release_error(error)
        raise StreamEndedError from None


def write_and_flush(stream, data):
    """As output-stream.blocking-write-and-flush: at most 4096 bytes. Raises StreamEndedError."""
    if _native is not None:
        if not _native.write_and_flush(stream.handle, data):
            raise StreamEndedError
        return
    try:
        stream.blocking_write_and_flush(bytes(data))
    except Err as error:
        release_error(error)
        raise StreamEndedError from None

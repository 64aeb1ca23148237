/* Writing to an output-stream of wasi:io 0.2 without componentize-py's bindings, which leak what is written.
 *
 * componentize-py 0.25.1 copies each list<u8> argument into memory that it never frees (runtime/src/lib.rs,
 * maybe_pop_list): an instance that is reused would grow by every byte of its answers. Here the host reads the bytes
 * where they are. What the imports mean stands in the component-type section (streams.component-type, made from
 * streams.wit).
 */
#include "python.h"

#define IMPORT(interface, name) __attribute__((import_module(interface), import_name(name)))

/* result<_, stream-error>: 1 at [0] is an error; then 0 at [4] is last-operation-failed, with an `error` at [8]. */
typedef struct {
    uint8_t failed, pad[3];
    uint8_t closed, pad2[3];
    int32_t error;
} Result;

IMPORT("wasi:io/streams@0.2.0", "[method]output-stream.write")
extern void stream_write(int32_t stream, const void *data, size_t size, Result *result);
IMPORT("wasi:io/streams@0.2.0", "[method]output-stream.blocking-write-and-flush")
extern void stream_write_and_flush(int32_t stream, const void *data, size_t size, Result *result);
IMPORT("wasi:io/error@0.2.0", "[resource-drop]error")
extern void error_drop(int32_t error);

static PyObject *call(PyObject *args, void (*function)(int32_t, const void *, size_t, Result *)) {
    int stream;
    Py_buffer data;
    Result result = {0};
    if (!PyArg_ParseTuple(args, "iy*", &stream, &data)) return NULL;
    function(stream, data.buf, data.len, &result);
    PyBuffer_Release(&data);
    if (result.failed && !result.closed) error_drop(result.error);
    return PyBool_FromLong(!result.failed);
}

static PyObject *py_write(PyObject *self, PyObject *args) { return call(args, stream_write); }
static PyObject *py_write_and_flush(PyObject *self, PyObject *args) { return call(args, stream_write_and_flush); }

static PyMethodDef METHODS[] = {
    {"write", py_write, METH_VARARGS, "write(handle of the stream, data) -> whether it was taken"},
    {"write_and_flush", py_write_and_flush, METH_VARARGS, "the same, of at most 4096 bytes; waits until it is sent"},
    {NULL, NULL, 0, NULL},
};
static PyModuleDef MODULE = {
    .ob_base = {1, NULL}, .m_name = "_dock2wasm_streams", .m_size = -1, .m_methods = METHODS,
};

PyObject *PyInit__dock2wasm_streams(void) { return PyModule_Create2(&MODULE, PYTHON_API_VERSION); }

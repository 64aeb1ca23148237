/* The few functions of CPython's C API that the libraries here use, declared by hand for 3.14 on a 32-bit target, so
 * that the C compiler alone builds them (build.py). Sources: Include/object.h, moduleobject.h, methodobject.h,
 * pybuffer.h of CPython 3.14.
 */
#include <stddef.h>
#include <stdint.h>

typedef ptrdiff_t Py_ssize_t;
typedef struct {
    Py_ssize_t ob_refcnt;
    void *ob_type;
} PyObject;
typedef PyObject *(*PyCFunction)(PyObject *, PyObject *);
typedef struct {
    const char *ml_name;
    PyCFunction ml_meth;
    int ml_flags;
    const char *ml_doc;
} PyMethodDef;
typedef struct {
    PyObject ob_base;
    PyObject *(*m_init)(void);
    Py_ssize_t m_index;
    PyObject *m_copy;
    const char *m_name;
    const char *m_doc;
    Py_ssize_t m_size;
    PyMethodDef *m_methods;
    void *m_slots, *m_traverse, *m_clear, *m_free;
} PyModuleDef;
typedef struct {
    void *buf;
    PyObject *obj;
    Py_ssize_t len, itemsize;
    int readonly, ndim;
    char *format;
    Py_ssize_t *shape, *strides, *suboffsets;
    void *internal;
} Py_buffer;
#define METH_VARARGS 1
#define PYTHON_API_VERSION 1013

extern int PyArg_ParseTuple(PyObject *, const char *, ...);
extern PyObject *PyBytes_FromStringAndSize(const char *, Py_ssize_t);
extern char *PyBytes_AsString(PyObject *);
extern PyObject *PyBool_FromLong(long);
extern PyObject *PyModule_Create2(PyModuleDef *, int);
extern PyObject *PyErr_NoMemory(void);
extern void PyBuffer_Release(Py_buffer *);

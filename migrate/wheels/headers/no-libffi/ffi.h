/* libffi's interface without libffi, for cffi on WASI, where machine code cannot be made while a program runs.
 *
 * Modules that cffi compiled ("API mode") call C directly and never come here. What needs libffi, calls through
 * function pointers and callbacks, is refused: ffi_prep_cif answers FFI_BAD_ABI, which cffi reports as an error.
 */
#ifndef DOCK2WASM_FFI_H
#define DOCK2WASM_FFI_H

#include <stddef.h>

/* cffi's view of a Python file as a FILE: WASI cannot duplicate a descriptor. The caller reports the failure. */
#define dup(fd) (-1)

#define FFI_SIZEOF_ARG sizeof(long)
#define FFI_TYPE_VOID 0
#define FFI_TYPE_INT 1
#define FFI_TYPE_FLOAT 2
#define FFI_TYPE_DOUBLE 3
#define FFI_TYPE_LONGDOUBLE 4
#define FFI_TYPE_UINT8 5
#define FFI_TYPE_SINT8 6
#define FFI_TYPE_UINT16 7
#define FFI_TYPE_SINT16 8
#define FFI_TYPE_UINT32 9
#define FFI_TYPE_SINT32 10
#define FFI_TYPE_UINT64 11
#define FFI_TYPE_SINT64 12
#define FFI_TYPE_STRUCT 13
#define FFI_TYPE_POINTER 14

typedef unsigned long ffi_arg;
typedef signed long ffi_sarg;
typedef enum { FFI_FIRST_ABI = 0, FFI_DEFAULT_ABI = 1 } ffi_abi;
typedef enum { FFI_OK = 0, FFI_BAD_TYPEDEF, FFI_BAD_ABI, FFI_BAD_ARGTYPE } ffi_status;
typedef struct _ffi_type {
    size_t size;
    unsigned short alignment;
    unsigned short type;
    struct _ffi_type **elements;
} ffi_type;
typedef struct {
    ffi_abi abi;
    unsigned nargs;
    ffi_type **arg_types;
    ffi_type *rtype;
    unsigned bytes;
    unsigned flags;
} ffi_cif;
typedef struct {
    void *user_data;
} ffi_closure;

#define DOCK2WASM_FFI(name, c_type, number) \
    static ffi_type ffi_type_##name __attribute__((unused)) = {sizeof(c_type), _Alignof(c_type), number, NULL}
static ffi_type ffi_type_void __attribute__((unused)) = {1, 1, FFI_TYPE_VOID, NULL};
DOCK2WASM_FFI(uint8, unsigned char, FFI_TYPE_UINT8);
DOCK2WASM_FFI(sint8, signed char, FFI_TYPE_SINT8);
DOCK2WASM_FFI(uint16, unsigned short, FFI_TYPE_UINT16);
DOCK2WASM_FFI(sint16, short, FFI_TYPE_SINT16);
DOCK2WASM_FFI(uint32, unsigned int, FFI_TYPE_UINT32);
DOCK2WASM_FFI(sint32, int, FFI_TYPE_SINT32);
DOCK2WASM_FFI(uint64, unsigned long long, FFI_TYPE_UINT64);
DOCK2WASM_FFI(sint64, long long, FFI_TYPE_SINT64);
DOCK2WASM_FFI(float, float, FFI_TYPE_FLOAT);
DOCK2WASM_FFI(double, double, FFI_TYPE_DOUBLE);
DOCK2WASM_FFI(longdouble, long double, FFI_TYPE_LONGDOUBLE);
DOCK2WASM_FFI(pointer, void *, FFI_TYPE_POINTER);

static inline ffi_status ffi_prep_cif(ffi_cif *cif, ffi_abi abi, unsigned count, ffi_type *result, ffi_type **types) {
    (void)cif, (void)abi, (void)count, (void)result, (void)types;
    return FFI_BAD_ABI;
}

static inline void ffi_call(ffi_cif *cif, void (*function)(void), void *result, void **values) {
    (void)cif, (void)function, (void)result, (void)values;
    __builtin_trap(); /* no cif can have been prepared */
}

static inline ffi_status ffi_prep_closure(ffi_closure *closure, ffi_cif *cif,
                                          void (*function)(ffi_cif *, void *, void **, void *), void *data) {
    (void)closure, (void)cif, (void)function, (void)data;
    return FFI_BAD_ABI;
}

#endif

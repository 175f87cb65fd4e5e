/* The part of DLPack 1 that fastlr reads (https://dmlc.github.io/dlpack): how a library describes a tensor, and the
   table of functions that it offers for that in C, the type's `__dlpack_c_exchange_api__`. */
#ifndef FASTLR_DLPACK_H
#define FASTLR_DLPACK_H

#include <stdint.h>

#define FASTLR_DLPACK_MAJOR 1
#define FASTLR_DLPACK_CPU 1   /* the device type */
#define FASTLR_DLPACK_FLOAT 2 /* the type code */

typedef struct {
    void *data;
    int32_t device_type, device_id;
    int32_t ndim;
    uint8_t code, bits;
    uint16_t lanes;
    int64_t *shape, *strides;
    uint64_t byte_offset;
} fastlr_tensor;

/* Describes a Python object that is a tensor; nothing is owned, the pointers are good while it is unchanged. */
typedef int (*fastlr_describe)(void *tensor, fastlr_tensor *out);

typedef struct {
    uint32_t major, minor;
    void *previous;
    void *allocate, *export_managed, *import_managed; /* functions that fastlr does not call */
    fastlr_describe describe;
} fastlr_exchange;

/* Whether the interpreter's counts of references are exact. */
#ifdef Py_GIL_DISABLED
#define FASTLR_EXACT_COUNTS 0
#else
#define FASTLR_EXACT_COUNTS 1
#endif

#endif

/* Sums and maxima over a chunk, in float64 and in one fixed order, so that they have the same bits whoever takes them:
   element i is added to lane i % 16, and then the lanes are added, the first first.

   GCC does not keep sixteen lanes of doubles in registers by itself (4 GB/s); written as vectors as wide as the
   processor's it does. */
#ifndef FASTLR_MEASURE_H
#define FASTLR_MEASURE_H

#include <stdint.h>
#include <string.h>

#define FASTLR_LANES 16

#if defined(__GNUC__)

#if defined(__AVX512F__)
#include <immintrin.h>
#define FASTLR_WIDTH 8
#elif defined(__AVX__)
#define FASTLR_WIDTH 4
#else
#define FASTLR_WIDTH 2
#endif

typedef double fastlr_doubles __attribute__((vector_size(8 * FASTLR_WIDTH)));
typedef float fastlr_floats __attribute__((vector_size(4 * FASTLR_WIDTH)));

static inline fastlr_doubles fastlr_load_double(const double *x) {
    fastlr_doubles wide;
    memcpy(&wide, x, sizeof wide);
    return wide;
}

static inline fastlr_doubles fastlr_load_float(const float *x) {
#if defined(__AVX512F__) /* the builtin below becomes six instructions with GCC 12 instead of this one */
    return (fastlr_doubles)_mm512_cvtps_pd(_mm256_loadu_ps(x));
#else
    fastlr_floats narrow;
    memcpy(&narrow, x, sizeof narrow);
    return __builtin_convertvector(narrow, fastlr_doubles);
#endif
}

/* Adds the products of all whole groups of 16; returns where they end. */
#define FASTLR_WHOLE(type)                                                                            \
    static inline int64_t fastlr_whole_##type(const type *x, const type *y, int64_t n, double *lane) { \
        fastlr_doubles sum[FASTLR_LANES / FASTLR_WIDTH] = {{0}};                                      \
        int64_t i;                                                                                    \
        for (i = 0; i + FASTLR_LANES <= n; i += FASTLR_LANES)                                         \
            _Pragma("GCC unroll 8") for (int k = 0; k < FASTLR_LANES / FASTLR_WIDTH; k++)             \
                sum[k] += fastlr_load_##type(x + i + k * FASTLR_WIDTH) *                              \
                          fastlr_load_##type(y + i + k * FASTLR_WIDTH);                               \
        memcpy(lane, sum, sizeof sum);                                                                \
        return i;                                                                                     \
    }

#else

#define FASTLR_WHOLE(type)                                                                            \
    static int64_t fastlr_whole_##type(const type *x, const type *y, int64_t n, double *lane) {       \
        (void)x, (void)y, (void)n, (void)lane;                                                        \
        return 0;                                                                                     \
    }

#endif

#define FASTLR_MEASURES(type, bits, magnitude)                                                        \
    FASTLR_WHOLE(type)                                                                                \
    /* The scalar product. */                                                                         \
    static double dot_##type(const void *first, const void *second, int64_t n) {                      \
        const type *x = (const type *)first, *y = (const type *)second;                               \
        double lane[FASTLR_LANES] = {0}, total = 0;                                                   \
        int64_t whole = fastlr_whole_##type(x, y, n, lane);                                           \
        for (int64_t i = 0; whole + i < n; i++)                                                       \
            lane[i & (FASTLR_LANES - 1)] += (double)x[whole + i] * (double)y[whole + i];              \
        for (int k = 0; k < FASTLR_LANES; k++) total += lane[k];                                      \
        return total;                                                                                 \
    }                                                                                                 \
    /* The largest magnitude, NaN if there is one: magnitudes are ordered as their bits are. */       \
    static double largest_##type(const void *array, int64_t n) {                                      \
        const type *x = (const type *)array;                                                          \
        bits most = 0;                                                                                \
        type value;                                                                                   \
        for (int64_t i = 0; i < n; i++) {                                                             \
            bits one;                                                                                 \
            memcpy(&one, x + i, sizeof one);                                                          \
            one &= magnitude;                                                                         \
            most = one > most ? one : most;                                                           \
        }                                                                                             \
        memcpy(&value, &most, sizeof value);                                                          \
        return value + 0; /* zero for a subnormal number where those are flushed, as in the sums */    \
    }                                                                                                 \
    /* How many are NaN or infinite. */                                                               \
    static double faults_##type(const void *array, int64_t n) {                                       \
        const type *x = (const type *)array;                                                          \
        int64_t count = 0;                                                                            \
        for (int64_t i = 0; i < n; i++) count += !(x[i] - x[i] == 0);                                 \
        return (double)count;                                                                         \
    }                                                                                                 \
    /* before = after - before */                                                                     \
    static void moved_##type(const void *after, void *before, int64_t n) {                            \
        const type *x = (const type *)after;                                                          \
        type *y = (type *)before;                                                                     \
        for (int64_t i = 0; i < n; i++) y[i] = x[i] - y[i];                                           \
    }

FASTLR_MEASURES(float, int32_t, INT32_MAX)
FASTLR_MEASURES(double, int64_t, INT64_MAX)

#endif

/* A step's reads and writes and nothing else: what the memory bus, or the cache, allows. */
#ifndef FASTLR_STREAM_H
#define FASTLR_STREAM_H

#include <stdint.h>
#include <stdlib.h> /* with glibc, its name: only its linker chooses among clones */

#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__GLIBC__)
#define FASTLR_WIDEST __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FASTLR_WIDEST
#endif

/* Whole numbers, because their sum takes the same time whatever they are.  All arrays are read and written in one loop,
   each thread from one end of its part to the other: of chunks, of chunks dealt to the threads in turn, of an array
   after the other within a chunk, of prefetching and of writing around the cache, none was faster at 64 million
   weights, and the last three were slower by a third or more. */
FASTLR_WIDEST static void fastlr_stream_0(uint32_t *restrict w, const uint32_t *restrict g, int64_t n) {
    for (int64_t i = 0; i < n; i++) w[i] += g[i];
}

FASTLR_WIDEST static void fastlr_stream_1(uint32_t *restrict w, const uint32_t *restrict g, uint32_t *restrict a,
                                          int64_t n) {
    for (int64_t i = 0; i < n; i++) w[i] += g[i], a[i] += g[i];
}

FASTLR_WIDEST static void fastlr_stream_2(uint32_t *restrict w, const uint32_t *restrict g, uint32_t *restrict a,
                                          uint32_t *restrict b, int64_t n) {
    for (int64_t i = 0; i < n; i++) w[i] += g[i], a[i] += g[i], b[i] += g[i];
}

FASTLR_WIDEST static void fastlr_stream_3(uint32_t *restrict w, const uint32_t *restrict g, uint32_t *restrict a,
                                          uint32_t *restrict b, uint32_t *restrict c, int64_t n) {
    for (int64_t i = 0; i < n; i++) w[i] += g[i], a[i] += g[i], b[i] += g[i], c[i] += g[i];
}

/* Words first, first + 1, ... last - 1 of arrays[0] = w, arrays[1] = g and the state arrays. */
static void fastlr_stream_part(uint32_t *const *arrays, int states, int64_t first, int64_t last) {
    uint32_t *at[5] = {0};
    for (int k = 0; k < 2 + states; k++) at[k] = arrays[k] + first;
    int64_t n = last - first;
    switch (states) {
        case 0: fastlr_stream_0(at[0], at[1], n); break;
        case 1: fastlr_stream_1(at[0], at[1], at[2], n); break;
        case 2: fastlr_stream_2(at[0], at[1], at[2], at[3], n); break;
        case 3: fastlr_stream_3(at[0], at[1], at[2], at[3], at[4], n); break;
    }
}

static void fastlr_stream(uint32_t *const *arrays, int states, int64_t n, int threads) {
    if (threads == 1) {
        fastlr_stream_part(arrays, states, 0, n);
        return;
    }
    /* parts end on cache lines, so that no two threads write to one */
    int64_t lines = (n + 15) / 16;
#if defined(_OPENMP)
#pragma omp parallel for schedule(static, 1) num_threads(threads)
#endif
    for (int k = 0; k < threads; k++) {
        int64_t first = lines * k / threads * 16, last = lines * (k + 1) / threads * 16;
        fastlr_stream_part(arrays, states, first, last < n ? last : n);
    }
}

#endif

/* fastlr/rules/vocabulary.py in C: the same bits, and nothing that keeps a loop from being vectorised. */
#ifndef FASTLR_VOCABULARY_H
#define FASTLR_VOCABULARY_H

#include <math.h>
#include <stdint.h>

/* The arrays of a kernel never overlap (the optimizer checks it): the compiler may load ahead. */
#if defined(_MSC_VER)
#define FASTLR_RESTRICT(type) type *__restrict
#else
#define FASTLR_RESTRICT(type) type *__restrict__
#endif

#define sqrt_float sqrtf
#define sqrt_double sqrt

#define FASTLR_WORDS(type)                                                                        \
    static inline type maximum_##type(type a, type b) { return (a >= b) | (a != a) ? a : b; }     \
    static inline type bounded_##type(type x, type low, type high) {                              \
        type above = x < low ? low : x;                                                           \
        return above > high ? high : above;                                                       \
    }                                                                                             \
    static inline type positive_##type(type x) { return (x > 0) | (x != x) ? x : (type)0; }       \
    static inline type power_##type(type x, type n) {                                             \
        type result = 1, factor[2] = {1, x}; /* chosen without a branch, which would be mispredicted */ \
        for (int64_t left = (int64_t)n; left; left >>= 1) {                                       \
            result *= factor[left & 1];                                                           \
            factor[1] *= factor[1];                                                               \
        }                                                                                         \
        return result;                                                                            \
    }

FASTLR_WORDS(float)
FASTLR_WORDS(double)

#endif

/* Rows of a table lie anywhere in memory, so the processor cannot foresee the next one as it does along an array. */
#ifndef FASTLR_ROWS_H
#define FASTLR_ROWS_H

#if defined(_MSC_VER)
#define FASTLR_FETCH(address) ((void)(address))
#else
#define FASTLR_FETCH(address) __builtin_prefetch(address, 1)
#endif

/* Only the first lines of a row: from there on the processor goes along by itself. */
static inline void fastlr_fetch(const char *begin, long long bytes) {
    const char *end = begin + (bytes < 256 ? bytes : 256);
    for (const char *line = begin; line < end; line += 64) FASTLR_FETCH(line);
}

/* The mean of the squares of what a kernel's first line makes of a row's gradient: eight sums of every eighth square, in
   float64, then these in pairs; an order that depends on nothing, and that the compiler can vectorise. */
#define FASTLR_MEAN_OF_SQUARES(type)                                                                            \
    static inline double mean_of_squares_##type(const type *w, const type *g, long long n, const double *c) {   \
        const type scale = (type)c[0], decay = (type)c[1];                                                      \
        double s[8] = {0, 0, 0, 0, 0, 0, 0, 0};                                                                 \
        long long i = 0;                                                                                        \
        for (; i + 8 <= n; i += 8)                                                                              \
            for (int k = 0; k < 8; k++) {                                                                       \
                const double value = scale * g[i + k] + decay * w[i + k];                                       \
                s[k] += value * value;                                                                          \
            }                                                                                                   \
        for (int k = 0; i + k < n; k++) {                                                                       \
            const double value = scale * g[i + k] + decay * w[i + k];                                           \
            s[k] += value * value;                                                                              \
        }                                                                                                       \
        return (((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))) / (double)n;                 \
    }

FASTLR_MEAN_OF_SQUARES(float)
FASTLR_MEAN_OF_SQUARES(double)

#endif

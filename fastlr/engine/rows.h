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

#endif

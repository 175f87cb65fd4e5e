# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False
"""Steps of some rows of a table.  It knows addresses, rows and coefficients, and no optimizer.

Design: each row is a short array, updated in place by the very kernel that updates whole arrays, without gathering and
scattering.

- Rows that stand several times in a step are found with a hash table as large as the step, not as the table.  They are
  chained in order of occurrence; whoever updates the row adds its chain up, so no sum depends on the threads.
- Threads take a few rows at a time, as they take chunks of arrays.
- Rows lie anywhere, so those that come soon are asked for ahead.  Of a table of 2 million rows of 64 in float32, 1,000
  rows of Adam took 250 us without and take 120 with, 10,000 took 2.4 ms and take 2.1 (1.1 and 0.74 with two threads); 4
  to 16 rows ahead are alike, and 100,000 rows are limited by the memory either way.
- Several threads are worth waking from a quarter of the bytes on that arrays need, for the waiting adds up as well: 500
  such rows took 170 us with one thread and 160 with two, 1,000 took 300 and 200.
- A step that a row has missed is the kernel with a gradient of zero and the coefficients of that step, which the caller
  keeps.  Where the row did not move, and the next coefficients are the same, it will not move any more.
- A rule may have a function of a row (`RowWork`): it takes the mean of the row's squared gradients and the row's own
  state, one float64, and gives the new state and one of the kernel's coefficients.
"""

from cython.parallel cimport prange
from libc.stdint cimport int32_t, int64_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy

cimport numpy as cnp

import numpy as np

from fastlr.engine import native

from fastlr.engine.chunks cimport (
    MAX_ARRAYS, MAX_THREADS, MAX_VALUES, Share, coefficients_function, fastlr_caller, fastlr_enter_mode,
    fastlr_keep_off, fastlr_leave_mode, fastlr_note_caller, fastlr_take, kernel_function,
)

cnp.import_array()

cdef extern from "rows.h" nogil:
    void fastlr_fetch(const char *begin, long long bytes)
    double mean_of_squares_float(const float *w, const float *g, long long n, const double *c)
    double mean_of_squares_double(const double *w, const double *g, long long n, const double *c)

cdef enum:
    AHEAD = 8                       # rows
    TAKE_ROWS = 64                  # rows that a thread takes at a time
    RELEASE_FROM = 32 * 1024        # bytes; as in native.pyx

ctypedef fused real:
    float
    double

cdef struct Run:
    kernel_function kernel
    coefficients_function row       # NULL: the rule has no function of a row
    int arrays                      # w, g and the state
    int count                       # of coefficients that the kernel takes
    int row_count                   # of those that the row's function takes
    int replaced                    # which of the kernel's coefficients the row's function gives
    int itemsize
    bint flush
    int64_t width
    int64_t bytes                   # of a row
    char *at[MAX_ARRAYS]            # where row 0 is; [1]: the gradient of occurrence 0
    double *own                     # the states of the rows, for a rule with a function of a row
    int64_t chosen                  # how many different rows there are
    const int64_t *rows             # which they are; NULL: 0, 1, 2, ...
    const int64_t *first            # where each occurs first; NULL: in the same order
    const int64_t *next             # where the same row occurs next, or -1; NULL: none does
    const char *coefficients        # of this step; NULL: make no step
    int64_t size                    # bytes of the coefficients of a step
    int64_t *last                   # the step at which each row was up to date; NULL: what was missed is not made up for
    int64_t steps                   # how many were made
    int64_t begin                   # the step behind which `past` begins
    const char *past                # the coefficients of each
    const char *zeros               # a gradient


class RowError(Exception):
    """The row at this position is not in the table."""


cdef inline void update(const Run *run, int64_t row, void **at, const char *coefficients) noexcept nogil:
    """One step of a row, whose arrays these are."""
    cdef const double *values = <const double *> coefficients
    cdef double rounded[MAX_VALUES]
    cdef double given[MAX_VALUES]
    cdef double out[2]
    cdef double square
    cdef int k
    if run.row == NULL:
        run.kernel(at, run.width, coefficients)
        return
    if run.itemsize == sizeof(float):
        square = mean_of_squares_float(<const float *> at[0], <const float *> at[1], run.width, values)
    else:
        square = mean_of_squares_double(<const double *> at[0], <const double *> at[1], run.width, values)
    given[0] = run.own[row]
    for k in range(run.row_count):
        given[1 + k] = values[run.count + k]
    run.row(square, given, out)
    run.own[row] = out[0]
    for k in range(run.count):
        if run.itemsize == sizeof(float):
            (<float *> rounded)[k] = <float> (out[1] if k == run.replaced else values[k])
        else:
            rounded[k] = out[1] if k == run.replaced else values[k]
    run.kernel(at, run.width, rounded)


cdef inline bint moved(const Run *run, int64_t row, void **at, const char *kept, double own) noexcept nogil:
    """Whether a row has other bits than those that were kept."""
    cdef int k
    if memcmp(at[0], kept, run.bytes):
        return True
    for k in range(2, run.arrays):
        if memcmp(at[k], kept + (k - 1) * run.bytes, run.bytes):
            return True
    return run.row != NULL and memcmp(&run.own[row], &own, sizeof(double)) != 0


cdef inline void keep(const Run *run, void **at, char *kept) noexcept nogil:
    cdef int k
    memcpy(kept, at[0], run.bytes)
    for k in range(2, run.arrays):
        memcpy(kept + (k - 1) * run.bytes, at[k], run.bytes)


cdef inline void replay(const Run *run, int64_t row, void **at, char *kept) noexcept nogil:
    """Make the steps that a row has missed."""
    cdef const char *now = run.past + (run.last[row] - run.begin) * run.size
    cdef const char *end = run.past + (run.steps - run.begin) * run.size
    cdef int64_t missed = 0
    cdef double own = 0
    cdef bint looked
    at[1] = <void *> run.zeros
    while now < end:
        missed += 1
        # Looking costs as much as a step, so it is done after 1, 2, 4, 8, ...
        looked = missed & (missed - 1) == 0
        if looked:
            keep(run, at, kept)
            if run.row != NULL:
                own = run.own[row]
        update(run, row, at, now)
        now += run.size
        if looked and not moved(run, row, at, kept, own):
            while now < end and memcmp(now - run.size, now, run.size) == 0:
                now += run.size


cdef inline void add(real *into, const real *other, int64_t n) noexcept nogil:
    cdef int64_t j
    for j in range(n):
        into[j] = into[j] + other[j]


cdef inline void add_up(const Run *run, int64_t occurrence, char *into) noexcept nogil:
    """The gradients of a row, in order of occurrence."""
    cdef const char *other
    memcpy(into, run.at[1] + occurrence * run.bytes, run.bytes)
    occurrence = run.next[occurrence]
    while occurrence >= 0:
        other = run.at[1] + occurrence * run.bytes
        if run.itemsize == sizeof(float):
            add(<float *> into, <const float *> other, run.width)
        else:
            add(<double *> into, <const double *> other, run.width)
        occurrence = run.next[occurrence]


cdef inline void fetch(const Run *run, int64_t index) noexcept nogil:
    cdef int64_t row = run.rows[index] if run.rows != NULL else index
    cdef int k
    fastlr_fetch(run.at[0] + row * run.bytes, run.bytes)
    for k in range(2, run.arrays):
        fastlr_fetch(run.at[k] + row * run.bytes, run.bytes)
    if run.row != NULL:
        fastlr_fetch(<char *> &run.own[row], sizeof(double))


cdef void run_rows(const Run *run, int64_t begin, int64_t end, char *scratch) noexcept nogil:
    """Update the rows begin, begin + 1, ... end - 1 of those that are chosen."""
    cdef void *at[MAX_ARRAYS]
    cdef int64_t index, row, occurrence
    cdef int k
    for index in range(begin, end):
        if run.rows != NULL and index + AHEAD < run.chosen:
            fetch(run, index + AHEAD)
        row = run.rows[index] if run.rows != NULL else index
        at[0] = run.at[0] + row * run.bytes
        for k in range(2, run.arrays):
            at[k] = run.at[k] + row * run.bytes
        if run.last != NULL:
            if run.last[row] < run.steps:
                replay(run, row, at, scratch)
            run.last[row] = run.steps + (run.coefficients != NULL)
        if run.coefficients == NULL:
            continue
        occurrence = run.first[index] if run.first != NULL else index
        at[1] = run.at[1] + occurrence * run.bytes
        if run.next != NULL and run.next[occurrence] >= 0:
            add_up(run, occurrence, scratch)
            at[1] = scratch
        update(run, row, at, run.coefficients)


cdef void run_share(const Run *run, Share *share, char *scratch) noexcept nogil:
    cdef long long first = fastlr_take(&share.next, TAKE_ROWS)
    while first < share.last:
        run_rows(run, first, min(first + TAKE_ROWS, share.last), scratch)
        first = fastlr_take(&share.next, TAKE_ROWS)


cdef void run_part(
    const Run *run, const fastlr_caller *caller, Share *shares, int part, int parts, char *scratch
) noexcept nogil:
    cdef unsigned long long mode = fastlr_enter_mode(run.flush)
    cdef int k
    fastlr_keep_off(caller)
    for k in range(parts):
        run_share(run, &shares[(part + k) % parts], scratch)
    fastlr_leave_mode(mode)


cdef void run_all(const Run *run, int parts, char *scratch, int64_t apart) noexcept nogil:
    cdef fastlr_caller caller
    cdef Share shares[MAX_THREADS]
    cdef int part
    cdef unsigned long long mode
    if parts == 1:
        mode = fastlr_enter_mode(run.flush)
        run_rows(run, 0, run.chosen, scratch)
        fastlr_leave_mode(mode)
        return
    for part in range(parts):
        shares[part].next = run.chosen * part // parts
        shares[part].last = run.chosen * (part + 1) // parts
    fastlr_note_caller(&caller)
    for part in prange(parts, num_threads=parts, schedule="static", chunksize=1):
        run_part(run, &caller, shares, part, parts, scratch + part * apart)


cdef int64_t look_over(const int64_t *rows, int64_t count, int64_t n, bint *ascending) noexcept nogil:
    """The first occurrence of a row that is not in the table, or -1; and whether each row is above the one before."""
    cdef int64_t i
    ascending[0] = True
    for i in range(count):
        if not 0 <= rows[i] < n:
            return i
        if i > 0 and rows[i] <= rows[i - 1]:
            ascending[0] = False
    return -1


cdef int64_t find(
    const int64_t *rows, int64_t count, int64_t *unique, int64_t *first, int64_t *next, int64_t *tail,
    int32_t *slots, int bits
) noexcept nogil:
    """Number the different rows in order of occurrence and chain the occurrences of each; returns how many there are."""
    cdef int64_t i, row, found = 0
    cdef uint64_t slot, mask = (<uint64_t> 1 << bits) - 1
    cdef int32_t known
    for i in range(count):
        row = rows[i]
        next[i] = -1
        slot = (<uint64_t> row * 0x9E3779B97F4A7C15u) >> (64 - bits)
        while True:
            known = slots[slot] - 1
            if known < 0:
                slots[slot] = <int32_t> (found + 1)
                unique[found] = row
                first[found] = i
                tail[found] = i
                found += 1
                break
            if unique[known] == row:
                next[tail[known]] = i
                tail[known] = i
                break
            slot = (slot + 1) & mask
    return found


cdef class Table:
    """A table whose rows take steps, and their state.

    Parameters
    ----------
    work : fastlr.engine.Work
        The kernel and its coefficients; its settings are not used.
    arrays : tuple of arrays
        (w, *state) of one dtype and of shape (rows, ...), C-contiguous, aligned, without overlap; for a rule with a
        function of a row (w, the rows' states), which are float64 of shape (rows,).
    flush : bool
        Whether subnormal numbers are read and written as zero.
    """

    cdef readonly object work, arrays, flush
    cdef readonly int64_t rows, width
    cdef Run _run
    cdef object _zeros
    cdef coefficients_function _coefficients
    cdef int _values
    cdef int _picks[MAX_VALUES]

    def __cinit__(self, work, arrays, bint flush=False):
        cdef int k
        row = work.row
        self.work, self.arrays, self.flush = work, arrays, flush
        self.rows = arrays[0].shape[0]
        self.width = arrays[0].size // self.rows if self.rows else 0
        picks = [*work.picks, *(row.picks if row else ())]
        self._values = len(picks)
        if work.values > MAX_VALUES or len(picks) > MAX_VALUES or 2 + work.states > MAX_ARRAYS:
            raise ValueError(f"a rule may have at most {MAX_VALUES} coefficients and {MAX_ARRAYS - 2} state arrays")
        for k in range(self._values):
            self._picks[k] = picks[k]
        self._coefficients = <coefficients_function> <uintptr_t> work.coefficients_address
        self._run.kernel = <kernel_function> <uintptr_t> work.kernel_address
        self._run.row = <coefficients_function> <uintptr_t> (row.address if row else 0)
        self._run.arrays = 2 + work.states
        self._run.count = len(work.picks)
        self._run.row_count = len(row.picks) if row else 0
        self._run.replaced = row.replaced if row else 0
        self._run.itemsize = arrays[0].itemsize
        self._run.flush = flush
        self._run.width = self.width
        self._run.bytes = self.width * arrays[0].itemsize
        self._run.size = self._values * (sizeof(double) if row else arrays[0].itemsize)
        self._zeros = np.zeros(max(1, self.width), arrays[0].dtype)
        self._run.zeros = <const char *> cnp.PyArray_DATA(self._zeros)
        self._run.at[0] = <char *> cnp.PyArray_DATA(arrays[0])
        for k in range(work.states):
            self._run.at[2 + k] = <char *> cnp.PyArray_DATA(arrays[1 + k])
        if row:
            self._run.own = <double *> cnp.PyArray_DATA(arrays[1])

    def coefficients(self, int64_t t, settings):
        """Those of step t = 1, 2, ... as `step` takes them."""
        cdef double given[MAX_VALUES]
        cdef double values[MAX_VALUES]
        cdef int k
        if len(settings) > MAX_VALUES:
            raise ValueError(f"a rule may have at most {MAX_VALUES} settings, got {len(settings)}")
        for k in range(len(settings)):
            given[k] = settings[k]
        cdef unsigned long long mode = fastlr_enter_mode(self._run.flush)
        self._coefficients(<double> t, given, values)
        fastlr_leave_mode(mode)
        return self.rounded([values[self._picks[k]] for k in range(self._values)])

    @property
    def coefficient_count(self):
        """How many `coefficients` are."""
        return self._values

    def rounded(self, values):
        """As an array of the dtype in which they are taken."""
        return np.array(values, np.float64 if self.work.row else self.arrays[0].dtype)

    def step(self, rows, values, coefficients, last=None, int64_t steps=0, past=None, int64_t begin=0):
        """Make a step of these rows, and first, if `last` is given, the steps that they have missed.

        Parameters
        ----------
        rows : array of int64, 1-d, C-contiguous, or None for all
            In any order; the gradients of a row that occurs several times are added in order of occurrence.
        values : array of shape (len(rows), width), C-contiguous, of the table's dtype, or None
            Gradients; None: only the missed steps are made.
        coefficients : array
            Of this step, from `coefficients`.
        last : array of int64 of shape (rows,), optional
            How many steps each row has behind it; brought up to date.
        steps : int
            How many steps there were before this one.
        past : array of shape (steps - begin, ...)
            The coefficients of the steps behind step `begin`, at which or later all of `last` are.

        Raises
        ------
        RowError
            For a row that is not in the table; nothing is changed then.
        """
        cdef Run run = self._run
        cdef int64_t count = self.rows if rows is None else rows.shape[0], bad, work
        cdef int64_t *tables = NULL
        cdef int32_t *slots = NULL
        cdef char *scratch = NULL
        cdef int bits = 1, parts
        cdef bint ascending
        cdef int64_t apart = (run.arrays * run.bytes + 127) // 64 * 64
        run.chosen = count
        if rows is not None:
            run.rows = <const int64_t *> cnp.PyArray_DATA(rows)
            with nogil:
                bad = look_over(run.rows, count, self.rows, &ascending)
            if bad >= 0:
                raise RowError(bad)
        if values is not None:
            run.at[1] = <char *> cnp.PyArray_DATA(values)
            run.coefficients = <const char *> cnp.PyArray_DATA(coefficients)
        if last is not None:
            run.last = <int64_t *> cnp.PyArray_DATA(last)
            run.steps, run.begin = steps, begin
            run.past = <const char *> cnp.PyArray_DATA(past)
        try:
            if rows is not None and not ascending:
                if count >= 1 << 30:
                    raise ValueError(f"step: rows must be fewer than 2**30, got {count}")
                while (<int64_t> 1 << bits) < 2 * count:
                    bits += 1
                tables = <int64_t *> checked(malloc(4 * count * sizeof(int64_t)))
                slots = <int32_t *> checked(calloc(<size_t> 1 << bits, sizeof(int32_t)))
                with nogil:
                    run.chosen = find(
                        run.rows, count, tables, tables + count, tables + 2 * count, tables + 3 * count, slots, bits
                    )
                run.rows, run.first = tables, tables + count
                if run.chosen < count:
                    run.next = tables + 2 * count
            work = (run.chosen + missed(&run)) * run.arrays * run.bytes
            parts = parts_of(run.chosen, work)
            scratch = <char *> checked(malloc(parts * apart))
            if work < RELEASE_FROM:
                run_all(&run, parts, scratch, apart)
            else:
                with nogil:
                    run_all(&run, parts, scratch, apart)
        finally:
            free(tables)
            free(slots)
            free(scratch)


cdef int64_t missed(const Run *run) noexcept nogil:
    """How many steps all the rows have missed."""
    cdef int64_t index, count = 0
    if run.last != NULL:
        for index in range(run.chosen):
            count += run.steps - run.last[run.rows[index] if run.rows != NULL else index]
    return count


cdef int parts_of(int64_t chosen, int64_t bytes) except -1:
    """How many threads share so many rows."""
    cdef int64_t asleep_from = native.get_parallel_from()[0]
    if bytes < asleep_from // 4:
        return 1
    return max(<int64_t> 1, min(<int64_t> native.get_threads(), chosen, <int64_t> MAX_THREADS))


cdef void *checked(void *memory) except NULL:
    if memory == NULL:
        raise MemoryError("no memory for the rows of a step")
    return memory

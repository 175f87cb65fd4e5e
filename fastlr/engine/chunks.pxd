"""What a step runs over, and how its threads share it: plain C structures, and functions that know no Python object."""

from cython.parallel cimport prange
from libc.stdint cimport int64_t

cdef extern from "machine.h" nogil:
    ctypedef struct fastlr_caller:
        pass
    void fastlr_note_caller(fastlr_caller *caller)
    void fastlr_keep_off(const fastlr_caller *caller)
    unsigned long long fastlr_enter_mode(bint flush)
    void fastlr_leave_mode(unsigned long long before)
    long long fastlr_take(long long *next, long long count)

cdef enum:
    MAX_ARRAYS = 8
    MAX_VALUES = 32
    # Weights that a kernel is called for at once.  On 2 MiB of L2 cache any size from 1,024 to 16,384 is within 3 % of the
    # best from 10,000 to 64 million weights; above, AdamW loses 10 %, below, the calls themselves are felt.
    CHUNK = 4096
    TAKE = 2                        # chunks that a thread takes at a time
    MAX_THREADS = 1024

ctypedef void (*kernel_function)(void **, int64_t, const void *) noexcept nogil
ctypedef void (*coefficients_function)(double, const double *, double *) noexcept nogil

cdef struct Group:
    kernel_function kernel
    coefficients_function coefficients
    int arrays
    int given                       # how many settings there are
    int64_t steps                   # how many it has taken
    bint frozen
    int count                       # of coefficients that the kernel takes
    int pick[MAX_VALUES]            # which of the values they are
    double settings[MAX_VALUES]     # what the coefficients are computed from
    double values[MAX_VALUES]       # the coefficients in float64
    double rounded[MAX_VALUES]      # those that the kernel takes, as an array of its dtype

cdef struct Segment:
    char *arrays[MAX_ARRAYS]
    int64_t n
    int64_t first_chunk
    Group *group

cdef struct Sweep:
    Segment *segments
    int64_t count
    int64_t chunks
    int itemsize
    bint flush


cdef inline int64_t chunks_of(int64_t n) noexcept nogil:
    return (n + CHUNK - 1) // CHUNK


cdef inline void compute_coefficients(Group *group, double t, int itemsize) noexcept nogil:
    cdef int k
    group.coefficients(t, group.settings, group.values)
    for k in range(group.count):
        if itemsize == sizeof(float):
            (<float *> group.rounded)[k] = <float> group.values[group.pick[k]]
        else:
            group.rounded[k] = group.values[group.pick[k]]


cdef inline void run_chunks(const Sweep *sweep, int64_t first, int64_t last) noexcept nogil:
    """Run the kernels over chunks first, first + 1, ... last - 1."""
    cdef int64_t low = 0, high = sweep.count, middle, chunk = first, start
    cdef void *at[MAX_ARRAYS]
    cdef Segment *segment
    cdef int k
    while high - low > 1:  # the segment in which the first chunk lies
        middle = (low + high) // 2
        if sweep.segments[middle].first_chunk <= first:
            low = middle
        else:
            high = middle
    while chunk < last:
        segment = &sweep.segments[low]
        start = (chunk - segment.first_chunk) * CHUNK
        if start >= segment.n:
            low += 1
            continue
        for k in range(segment.group.arrays):
            at[k] = segment.arrays[k] + start * sweep.itemsize
        segment.group.kernel(at, min(<int64_t> CHUNK, segment.n - start), segment.group.rounded)
        chunk += 1


cdef struct Share:
    long long next                  # of the chunks of one thread, the first that nobody has taken
    long long last
    long long apart[6]              # so that no two are in one cache line


cdef inline void run_share(const Sweep *sweep, Share *share) noexcept nogil:
    """Take chunks, a few at a time, until none are left."""
    cdef long long first = fastlr_take(&share.next, TAKE)
    while first < share.last:
        run_chunks(sweep, first, min(first + TAKE, share.last))
        first = fastlr_take(&share.next, TAKE)


cdef inline void run_part(
    const Sweep *sweep, const fastlr_caller *caller, Share *shares, int part, int parts
) noexcept nogil:
    # Flushing and rounding are settings of each thread.
    cdef unsigned long long mode = fastlr_enter_mode(sweep.flush)
    cdef int k
    fastlr_keep_off(caller)
    for k in range(parts):
        run_share(sweep, &shares[(part + k) % parts])
    fastlr_leave_mode(mode)


cdef inline void run_parts(const Sweep *sweep, int parts) noexcept nogil:
    """Run all chunks: each thread a contiguous range of them, then what is left of the ranges of late threads.

    With equal parts a step waits for a thread whose processor is shared: beside a process that keeps one of two
    processors busy a million weights of AdamW took 560 us, and this way 160.  On a quiet machine it is the same.
    """
    cdef fastlr_caller caller
    cdef Share shares[MAX_THREADS]
    cdef int part
    for part in range(parts):
        shares[part].next = sweep.chunks * part // parts
        shares[part].last = sweep.chunks * (part + 1) // parts
    fastlr_note_caller(&caller)
    for part in prange(parts, num_threads=parts, schedule="static", chunksize=1):
        run_part(sweep, &caller, shares, part, parts)

"""What a step runs over, and how its threads share it: plain C structures, and functions that know no Python object."""

from cython.parallel cimport prange
from libc.math cimport INFINITY
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

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

cdef enum:                          # what is gathered in a chunk while it is hot
    GRADIENT = 1                    # the gradient's norm, largest magnitude and non-finite elements
    UPDATE = 2                      # the norms of the step and of the weights after it, the largest weight
    KEEP = 4                        # a copy of the step
    ALONG = 8                       # <gradient, the step that was kept>
    CLIPPED = 16                    # the gradient's norm after clipping each element

cdef enum:                          # where the sums of a chunk, a row or all of them are
    GRADIENT_SQUARES, GRADIENT_LARGEST, ALONG_LAST, ALONG_OWN, UPDATE_SQUARES, WEIGHT_SQUARES, WEIGHT_LARGEST
    CLIPPED_SQUARES, GRADIENT_FAULTS
    SUMS                            # how many they are

ctypedef void (*kernel_function)(void **, int64_t, const void *) noexcept nogil
ctypedef void (*coefficients_function)(double, const double *, double *) noexcept nogil
ctypedef double (*dot_function)(const void *, const void *, int64_t) noexcept nogil
ctypedef double (*largest_function)(const void *, int64_t) noexcept nogil
ctypedef void (*moved_function)(const void *, void *, int64_t) noexcept nogil

cdef struct Sweep
cdef struct Segment

ctypedef void (*visit_function)(const Sweep *, const Segment *, void **, int64_t, int64_t) noexcept nogil

cdef struct Group:
    kernel_function kernel
    coefficients_function coefficients
    int arrays
    int given                       # how many settings there are
    int64_t steps                   # how many it has taken
    bint frozen
    double rate                     # the learning rate of its last step
    int rate_at                     # which setting that is
    int scale_at                    # which coefficient multiplies the gradient; -1: none does
    int count                       # of coefficients that the kernel takes
    int pick[MAX_VALUES]            # which of the values they are
    double settings[MAX_VALUES]     # what the coefficients are computed from
    double values[MAX_VALUES]       # the coefficients in float64
    double rounded[MAX_VALUES]      # those that the kernel takes, as an array of its dtype

cdef struct Segment:
    char *arrays[MAX_ARRAYS]
    char *average                   # of the weights; NULL: none is taken
    char *last                      # the step that was kept; NULL: none is
    int64_t n
    int64_t first_chunk
    int64_t row                     # the (first) parameter it is
    Group *group

cdef struct Passes:
    visit_function visit            # what is done with a chunk; NULL: the kernel is run, and nothing else
    bint only_measure               # gather what is in the gradients, change nothing
    int gather
    bint scaled                     # by the factors
    double limit                    # of each element of the gradients; infinite: none
    double share                    # by which averages move towards the weights; 0: they stay, 1: they become them
    bint zero                       # the gradients
    double *factors                 # by row
    double *sums                    # by chunk, SUMS each
    kernel_function clipped
    kernel_function blended
    dot_function dot
    largest_function largest
    largest_function faults
    moved_function moved

cdef struct Sweep:
    Segment *segments
    int64_t count
    int64_t chunks
    int itemsize
    bint flush
    Passes passes


cdef inline int64_t chunks_of(int64_t n) noexcept nogil:
    return (n + CHUNK - 1) // CHUNK


cdef inline void round_into(double *rounded, int k, double value, int itemsize) noexcept nogil:
    """Store a coefficient in an array of the kernel's dtype."""
    if itemsize == sizeof(float):
        (<float *> rounded)[k] = <float> value
    else:
        rounded[k] = value


cdef inline void compute_coefficients(Group *group, double t, int itemsize) noexcept nogil:
    cdef int k
    if group.coefficients == NULL:
        return
    group.rate = group.settings[group.rate_at]
    group.coefficients(t, group.settings, group.values)
    for k in range(group.count):
        round_into(group.rounded, k, group.values[group.pick[k]], itemsize)


cdef inline void run_passes(
    const Sweep *sweep, const Segment *segment, void **at, int64_t start, int64_t chunk
) noexcept nogil:
    """Run the kernel over a chunk, and do whatever else there is to do with it, while it is in the cache."""
    cdef const Passes *passes = &sweep.passes
    cdef int64_t n = min(<int64_t> CHUNK, segment.n - start), size = n * sweep.itemsize
    cdef double step[CHUNK]         # of whichever dtype
    cdef double treated[CHUNK]
    cdef double coefficients[MAX_VALUES]
    cdef double *sums = passes.sums + chunk * SUMS
    cdef void *gradient = at[1]
    cdef char *last = segment.last + start * sweep.itemsize
    if passes.gather & GRADIENT:
        sums[GRADIENT_SQUARES] = passes.dot(gradient, gradient, n)
        sums[GRADIENT_LARGEST] = passes.largest(gradient, n)
        sums[GRADIENT_FAULTS] = 0 if sums[GRADIENT_LARGEST] < INFINITY else passes.faults(gradient, n)
    if passes.only_measure:
        return
    if passes.gather & ALONG:
        sums[ALONG_LAST] = passes.dot(gradient, last, n)
    if passes.gather & (UPDATE | KEEP):
        memcpy(step, at[0], size)
    at[1] = treat(sweep, segment, gradient, treated, coefficients, n)
    if passes.gather & CLIPPED:
        sums[CLIPPED_SQUARES] = passes.dot(at[1], at[1], n)
    segment.group.kernel(at, n, coefficients)
    if passes.share != 0:
        blend(sweep, segment.average + start * sweep.itemsize, at[0], n)
    if passes.gather & (UPDATE | KEEP):
        passes.moved(at[0], step, n)
    if passes.gather & UPDATE:
        sums[UPDATE_SQUARES] = passes.dot(step, step, n)
        sums[WEIGHT_SQUARES] = passes.dot(at[0], at[0], n)
        sums[WEIGHT_LARGEST] = passes.largest(at[0], n)
    if passes.gather & KEEP:
        sums[ALONG_OWN] = passes.dot(gradient, step, n)
        memcpy(last, step, size)
    if passes.zero:
        memset(gradient, 0, size)


cdef inline void *treat(
    const Sweep *sweep, const Segment *segment, void *gradient, void *treated, double *coefficients, int64_t n
) noexcept nogil:
    """The gradient as the kernel gets it, and the kernel's coefficients: a factor goes into those where it can."""
    cdef const Group *group = segment.group
    cdef double factor = sweep.passes.factors[segment.row]
    cdef void *at[2]
    cdef double clip[3]
    memcpy(coefficients, group.rounded, sizeof(group.rounded))
    if sweep.passes.limit == INFINITY and (group.scale_at >= 0 or not sweep.passes.scaled):
        if sweep.passes.scaled:
            round_into(
                coefficients, group.scale_at, group.values[group.pick[group.scale_at]] * factor, sweep.itemsize
            )
        return gradient
    at[0], at[1] = treated, gradient
    round_into(clip, 0, factor, sweep.itemsize)
    round_into(clip, 1, -sweep.passes.limit, sweep.itemsize)
    round_into(clip, 2, sweep.passes.limit, sweep.itemsize)
    sweep.passes.clipped(at, n, clip)
    return treated


cdef inline void blend(const Sweep *sweep, void *average, void *weights, int64_t n) noexcept nogil:
    """Move an average towards the weights."""
    cdef void *at[2]
    cdef double share[1]
    if sweep.passes.share == 1:  # exactly, which sums and differences need not be
        memcpy(average, weights, n * sweep.itemsize)
        return
    at[0], at[1] = average, weights
    round_into(share, 0, sweep.passes.share, sweep.itemsize)
    sweep.passes.blended(at, n, share)


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
        if sweep.passes.visit != NULL:
            sweep.passes.visit(sweep, segment, at, start, chunk)
        else:
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

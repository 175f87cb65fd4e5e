# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False
"""The engine: runs kernels over segments.  It knows addresses, pointers and lengths, and no optimizer.

Design: a `Plan` holds everything a step needs, laid out once, so that a step is one call that allocates nothing.

- An *entry* is one parameter: the pointers of w, g and its state arrays, its length, its group.
- A *segment* is a run of entries that are neighbours in every array: a flat buffer is one segment.
- A *chunk* is CHUNK weights of a segment: small enough that its arrays stay in the L2 cache, which is what lets later
  passes over the same chunk (averages, zeroing, copies) cost no memory traffic.
- Threads take contiguous ranges of chunks, so each streams through its own part of memory.
"""

from cython.parallel cimport prange
from libc.stdint cimport int64_t, uintptr_t
from libc.stdlib cimport calloc, free

cimport numpy as cnp

cnp.import_array()

cdef extern from "machine.h" nogil:
    const int FASTLR_OPENMP
    int fastlr_cpu_supports(const char *level)
    ctypedef struct fastlr_caller:
        pass
    void fastlr_note_caller(fastlr_caller *caller)
    void fastlr_keep_off(const fastlr_caller *caller)

cdef enum:
    MAX_ARRAYS = 8
    MAX_VALUES = 32
    CHUNK = 4096
    # Below this many weights a step is shorter than giving up the interpreter lock is worth.
    RELEASE_FROM = 2048

ctypedef void (*kernel_function)(void **, int64_t, const void *) noexcept nogil
ctypedef void (*coefficients_function)(double, const double *, double *) noexcept nogil

cdef struct Group:
    kernel_function kernel
    coefficients_function coefficients
    int arrays
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

cdef struct Span:
    char *begin
    char *end

OPENMP = bool(FASTLR_OPENMP)
IN_USE = "step(): this optimizer is in the middle of a step in another thread; give each thread its own"
cdef int threads = 1
# A sleeping thread wakes in 20 to 40 us; one thread steps 260,000 weights in 40 (SGD) to 90 us (AdamW).  Below that a
# second one gains little if it happens to be awake, and costs as much if not.
cdef int64_t parallel_from = 262144


def set_threads(int count):
    """How many threads steps use from now on."""
    global threads
    threads = count


def get_threads():
    return threads


def set_parallel_from(int64_t weights):
    """Use one thread for steps over fewer weights than this; returns what it was."""
    global parallel_from
    before, parallel_from = parallel_from, weights
    return before


def cpu_supports(str level):
    """Whether this processor and operating system can run kernels compiled for x86-64-v1, v3 or v4."""
    return bool(fastlr_cpu_supports(level.encode()))


cdef inline int64_t chunks(int64_t n) noexcept nogil:
    return (n + CHUNK - 1) // CHUNK


cdef void compute_coefficients(Group *group, double t, int itemsize) noexcept nogil:
    cdef int k
    group.coefficients(t, group.settings, group.values)
    for k in range(group.count):
        if itemsize == sizeof(float):
            (<float *> group.rounded)[k] = <float> group.values[group.pick[k]]
        else:
            group.rounded[k] = group.values[group.pick[k]]


cdef void run_chunks(Segment *segments, int64_t count, int itemsize, int64_t first, int64_t last) noexcept nogil:
    """Run the kernels over chunks first, first + 1, ... last - 1 of the whole plan."""
    cdef int64_t low = 0, high = count, middle, chunk = first, start
    cdef void *at[MAX_ARRAYS]
    cdef Segment *segment
    cdef int k
    while high - low > 1:  # the segment in which the first chunk lies
        middle = (low + high) // 2
        if segments[middle].first_chunk <= first:
            low = middle
        else:
            high = middle
    while chunk < last:
        segment = &segments[low]
        start = (chunk - segment.first_chunk) * CHUNK
        if start >= segment.n:
            low += 1
            continue
        for k in range(segment.group.arrays):
            at[k] = segment.arrays[k] + start * itemsize
        segment.group.kernel(at, min(<int64_t> CHUNK, segment.n - start), segment.group.rounded)
        chunk += 1


class MisfitError(Exception):
    """The gradient at this index cannot be used."""


cdef class Plan:
    """Kernels, settings, arrays and the step count of one optimizer, ready to run.

    Parameters
    ----------
    works : sequence of Work
        One a parameter group; see `fastlr.engine.Work`.  The arrays must be what `fastlr.arrays` has checked:
        C-contiguous, aligned, of one dtype, without overlap.
    gradients : list of arrays, optional
        Where the gradients are when `step` is not told.
    """

    cdef public int64_t steps
    """How many steps were made."""
    cdef readonly object works
    cdef list _weights
    cdef object _usual
    cdef Group *_groups
    cdef Segment *_entries
    cdef Segment *_segments
    cdef Span *_owned
    cdef int64_t _group_count, _entry_count, _segment_count, _owned_count, _chunk_count, _weight_count
    cdef int _itemsize
    cdef bint _busy, _pointed_at_usual

    def __cinit__(self, works, gradients=None):
        self.works = works
        self._usual = tuple(gradients or ())
        self._weights = [row[0] for work in works for row in work.rows]
        self._group_count = len(works)
        self._entry_count = len(self._weights)
        self._itemsize = self._weights[0].itemsize
        self._groups = <Group *> allocated(self._group_count * sizeof(Group))
        self._entries = <Segment *> allocated(self._entry_count * sizeof(Segment))
        self._segments = <Segment *> allocated(self._entry_count * sizeof(Segment))
        self._fill()
        self._own()

    def __dealloc__(self):
        free(self._groups)
        free(self._entries)
        free(self._segments)
        free(self._owned)

    cdef _fill(self):
        cdef int64_t i = 0, j
        cdef int k
        cdef Segment *entry
        for j, work in enumerate(self.works):
            if len(work.settings) > MAX_VALUES or work.values > MAX_VALUES or 2 + work.states > MAX_ARRAYS:
                raise ValueError(
                    f"a rule may have at most {MAX_VALUES} settings, {MAX_VALUES} coefficients and "
                    f"{MAX_ARRAYS - 2} state arrays, got {len(work.settings)}, {work.values} and {work.states}"
                )
            self._groups[j].kernel = <kernel_function> <uintptr_t> work.kernel_address
            self._groups[j].coefficients = <coefficients_function> <uintptr_t> work.coefficients_address
            self._groups[j].arrays = 2 + work.states
            self._groups[j].count = len(work.picks)
            for k, pick in enumerate(work.picks):
                self._groups[j].pick[k] = pick
            self._configure(j, work.settings)
            for row in work.rows:
                entry = &self._entries[i]
                entry.group = &self._groups[j]
                entry.n = row[0].size
                entry.arrays[0] = <char *> cnp.PyArray_DATA(row[0])
                for k in range(1, len(row)):
                    entry.arrays[k + 1] = <char *> cnp.PyArray_DATA(row[k])
                self._weight_count += entry.n
                i += 1

    cdef _own(self):
        """Note the memory that a gradient must not share, sorted, neighbours joined."""
        spans = sorted(
            (<uintptr_t> cnp.PyArray_DATA(array), <uintptr_t> cnp.PyArray_DATA(array) + array.nbytes)
            for work in self.works for row in work.rows for array in row if array.size
        )
        self._owned = <Span *> allocated(len(spans) * sizeof(Span))
        for begin, end in spans:
            if self._owned_count and <uintptr_t> self._owned[self._owned_count - 1].end == begin:
                self._owned[self._owned_count - 1].end = <char *> <uintptr_t> end
            else:
                self._owned[self._owned_count] = Span(<char *> <uintptr_t> begin, <char *> <uintptr_t> end)
                self._owned_count += 1

    cdef _configure(self, int64_t group, settings):
        cdef int k
        for k, value in enumerate(settings):
            self._groups[group].settings[k] = value

    def configure(self, int64_t group, settings):
        """Set what a group's coefficients are computed from."""
        if not 0 <= group < self._group_count or len(settings) != len(self.works[group].settings):
            raise IndexError((group, settings))
        self._configure(group, settings)

    def set(self, int64_t group, int64_t k, double value):
        """Set one of them."""
        if not (0 <= group < self._group_count and 0 <= k < len(self.works[group].settings)):
            raise IndexError((group, k))
        self._groups[group].settings[k] = value

    def settings(self, int64_t group):
        """What they are now."""
        return tuple(self._groups[group].settings[k] for k in range(len(self.works[group].settings)))

    cdef _point(self, gradients):
        """Take the gradients from where they are, or raise `MisfitError`; then nothing is changed."""
        cdef int64_t i
        cdef bint moved = False
        cdef char *begin
        if len(gradients) != self._entry_count:
            raise IndexError((len(gradients), self._entry_count))
        for i in range(self._entry_count):
            gradient = gradients[i]
            if not fits(self._weights[i], gradient):
                raise MisfitError(i)
            begin = <char *> cnp.PyArray_DATA(gradient)
            if begin != self._entries[i].arrays[1]:
                moved = True
                if self._is_owned(begin, begin + self._entries[i].n * self._itemsize):
                    raise MisfitError(i)
        if moved or self._segment_count == 0:
            for i in range(self._entry_count):
                self._entries[i].arrays[1] = <char *> cnp.PyArray_DATA(gradients[i])
            self._merge()

    cdef bint _is_owned(self, char *begin, char *end) noexcept:
        cdef int64_t low = 0, high = self._owned_count, middle
        while low < high:  # the first span that ends after `begin`
            middle = (low + high) // 2
            if self._owned[middle].end <= begin:
                low = middle + 1
            else:
                high = middle
        return low < self._owned_count and begin < end and self._owned[low].begin < end

    cdef void _merge(self) noexcept:
        """Lay out the segments: entries that continue the one before in every array join it."""
        cdef int64_t i, count = 0, first_chunk = 0
        cdef Segment *entry
        cdef Segment *last = NULL
        for i in range(self._entry_count):
            entry = &self._entries[i]
            if entry.n == 0:
                continue
            if last != NULL and continues(last, entry, self._itemsize):
                last.n += entry.n
                continue
            if last != NULL:
                first_chunk += chunks(last.n)
            last = &self._segments[count]
            last[0] = entry[0]
            last.first_chunk = first_chunk
            count += 1
        self._segment_count = count
        self._chunk_count = first_chunk + chunks(last.n) if last != NULL else 0

    def step(self, gradients=None, rates=None):
        """Make one step.

        Parameters
        ----------
        gradients : list or tuple of arrays, optional
            In the order of the rows of all works.
        rates : (int, list of (group, k, value)), optional
            Settings for this step alone, and the `steps` that they were computed for.

        Raises
        ------
        MisfitError
            For a gradient that cannot be used; nothing is changed then.
        RuntimeError
            If a step of this plan is under way, or was made since the rates were computed.
        """
        # Python code may run between any two lines in another thread, so all of a step is inside this call.
        if self._busy:
            raise RuntimeError(IN_USE)
        self._busy = True
        try:
            if gradients is not None:
                gradients = tuple(gradients)  # a reference to each until the end, whatever happens to the list
                self._point(gradients)
                self._pointed_at_usual = False
            else:
                gradients = self._usual
                if not self._pointed_at_usual:
                    self._point(gradients)
                    self._pointed_at_usual = True
            if rates is not None:
                if rates[0] != self.steps:
                    raise RuntimeError(IN_USE)
                for group, k, value in rates[1]:
                    self.set(group, k, value)
            self.run(gradients)
            self.steps += 1
        finally:
            self._busy = False
        return True

    cpdef run(self, gradients):
        """The arithmetic of a step; the gradients are pointed at already."""
        cdef int64_t i, count = self._chunk_count
        cdef int part, parts
        cdef fastlr_caller caller
        for i in range(self._group_count):
            compute_coefficients(&self._groups[i], <double> (self.steps + 1), self._itemsize)
        if self._weight_count < min(<int64_t> RELEASE_FROM, parallel_from):
            run_chunks(self._segments, self._segment_count, self._itemsize, 0, count)
            return
        parts = <int> min(threads, count) if self._weight_count >= parallel_from else 1
        with nogil:
            if parts == 1:
                run_chunks(self._segments, self._segment_count, self._itemsize, 0, count)
            else:
                fastlr_note_caller(&caller)
                for part in prange(parts, num_threads=parts, schedule="static", chunksize=1):
                    fastlr_keep_off(&caller)
                    run_chunks(
                        self._segments, self._segment_count, self._itemsize,
                        count * part // parts, count * (part + 1) // parts,
                    )

    @property
    def segments(self):
        """How many runs of neighbouring parameters the last gradients left: 1 for packed parameters."""
        return self._segment_count


cdef void *allocated(size_t size) except NULL:
    cdef void *memory = calloc(max(size, <size_t> 1), 1)
    if memory == NULL:
        raise MemoryError(f"no memory for {size} bytes of the optimizer's tables")
    return memory


cdef bint continues(Segment *last, Segment *entry, int itemsize) noexcept:
    cdef int k
    if entry.group != last.group:
        return False
    for k in range(entry.group.arrays):
        if last.arrays[k] + last.n * itemsize != entry.arrays[k]:
            return False
    return True


cdef bint fits(cnp.ndarray weight, gradient):
    """Whether a gradient has its weight's shape and dtype and can be read as it lies."""
    cdef int k
    if not cnp.PyArray_Check(gradient):
        return False
    if cnp.PyArray_TYPE(gradient) != cnp.PyArray_TYPE(weight) or not cnp.PyArray_ISCARRAY_RO(gradient):
        return False
    if cnp.PyArray_NDIM(gradient) != cnp.PyArray_NDIM(weight):
        return False
    for k in range(cnp.PyArray_NDIM(weight)):
        if cnp.PyArray_DIM(gradient, k) != cnp.PyArray_DIM(weight, k):
            return False
    return True

# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False
"""The engine: runs kernels over segments.  It knows addresses, pointers and lengths, and no optimizer.

Design: a `Plan` holds everything a step needs, laid out once, so that a step is one call that allocates nothing.

- An *entry* is one parameter: the pointers of w, g and its state arrays, its length, its group.
- A *segment* is a run of entries that are neighbours in every array: a flat buffer is one segment.
- A *chunk* is CHUNK weights of a segment: small enough that its arrays stay in the L2 cache, which is what lets later
  passes over the same chunk (averages, zeroing, copies) cost no memory traffic.
- Threads take contiguous ranges of chunks, so each streams through its own part of memory, and help who is late.

Hints to the memory were tried and are not there.  Prefetching costs 35 % (the processor's own is better); stores past
the cache have nothing to gain, for each line that is written was read; huge pages are asked for by NumPy's allocator,
and a step of 64 million weights takes the same time without them.
"""

from libc.math cimport INFINITY
from libc.stdint cimport int64_t, uintptr_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from itertools import pairwise

import numpy as np

cimport numpy as cnp
from fastlr.engine.chunks cimport (
    GRADIENT, GRADIENT_LARGEST, MAX_ARRAYS, MAX_VALUES, SUMS, WEIGHT_LARGEST, Group, Segment, Sweep, chunks_of, coefficients_function,
    compute_coefficients, dot_function, fastlr_enter_mode, fastlr_leave_mode, kernel_function, largest_function,
    moved_function, run_chunks, run_parts, run_passes,
)

cnp.import_array()

cdef extern from "machine.h" nogil:
    const int FASTLR_OPENMP
    const int FASTLR_FLUSH
    int fastlr_cpu_supports(const char *level)
    bint fastlr_threads_awake()
    void fastlr_note_step()

cdef enum:
    # Below this many bytes of arrays a step is shorter than giving up the interpreter lock is worth.
    RELEASE_FROM = 32 * 1024

cdef struct Span:
    char *begin
    char *end

OPENMP = bool(FASTLR_OPENMP)
FLUSH = bool(FASTLR_FLUSH)
cdef int threads = 1
# Bytes of arrays (w, g and state) from which a step uses several threads.  Waking one takes 30 to 60 us, in which one
# thread alone steps 4 MiB (260,000 weights of AdamW in float32 in 80 us, 520,000 of SGD in 55).  Threads that are still
# awake from the step before answer in 1 to 3 us: SGD breaks even at 65,000 weights, AdamW gains 40 % at 33,000.
cdef int64_t asleep_from = 4 << 20
cdef int64_t awake_from = 512 << 10


def set_threads(int count):
    """How many threads steps use from now on."""
    global threads
    threads = count


def get_threads():
    return threads


def set_parallel_from(int64_t asleep, int64_t awake):
    """Use one thread for steps over fewer bytes of arrays than this; returns what it was."""
    global asleep_from, awake_from
    before = asleep_from, awake_from
    asleep_from, awake_from = asleep, awake
    return before


def get_parallel_from():
    return asleep_from, awake_from


def enter_mode(bint flush):
    """Compute in this thread as a step does, whatever the process has set: rounding to nearest, subnormal numbers kept
    or flushed to zero; returns what `leave_mode` needs."""
    return fastlr_enter_mode(flush)


def leave_mode(unsigned long long before):
    """Compute as before `enter_mode`."""
    fastlr_leave_mode(before)


def cpu_supports(str level):
    """Whether this processor and operating system can run kernels compiled for x86-64-v1, v3 or v4."""
    return bool(fastlr_cpu_supports(level.encode()))


class MisfitError(Exception):
    """The gradient at this index cannot be used."""


cdef class Plan:
    """Kernels, settings, arrays and the step count of one optimizer, ready to run.

    Parameters
    ----------
    works : sequence of Work
        One a parameter group; see `fastlr.engine.Work`.
    rows : sequence of (int, tuple of arrays)
        A parameter each, in the order of the gradients: its group, and (w, *state).  The arrays must be what
        `fastlr.arrays` has checked: C-contiguous, aligned, of one dtype, without overlap.
    gradients : list of arrays, optional
        Where the gradients are when `step` is not told.
    flush : bool
        Whether subnormal numbers are read and written as zero.
    """

    cdef public int64_t steps
    """How many steps were made."""
    cdef public object treatment
    """What decides about a step once its gradients are there (`Treatment`), or None."""
    cdef readonly object works, rows, passes
    cdef readonly object factors
    """What the gradient of each row is multiplied by, float64."""
    cdef readonly object totals
    """What was gathered: a row for each parameter, and one for all of them; see `fastlr.engine.Total`."""
    cdef list _weights, _varying
    cdef object _usual
    cdef Group *_groups
    cdef Segment *_entries
    cdef Span *_owned
    cdef double *_totals
    cdef Sweep _sweep
    cdef int64_t _group_count, _entry_count, _owned_count, _bytes, _weights_moved
    cdef bint _busy, _pointed_at_usual, _apart

    def __cinit__(self, works, rows, gradients=None, bint flush=False):
        self.works = works
        self.rows = rows
        self._usual = tuple(gradients or ())
        self._varying = []
        self._weights = [arrays[0] for _, arrays in rows]
        self._group_count = len(works)
        self._entry_count = len(self._weights)
        self._groups = <Group *> allocated(self._group_count * sizeof(Group))
        self._entries = <Segment *> allocated(self._entry_count * sizeof(Segment))
        self._sweep.segments = <Segment *> allocated(self._entry_count * sizeof(Segment))
        self._sweep.itemsize = self._weights[0].itemsize
        self._sweep.flush = flush
        self._fill()
        self._own(())

    def __dealloc__(self):
        free(self._sweep.passes.sums)
        free(self._groups)
        free(self._entries)
        free(self._sweep.segments)
        free(self._owned)

    cdef _fill(self):
        cdef int64_t i, j
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
            self._groups[j].given = len(work.settings)
            self._groups[j].rate_at = work.rate_at
            self._groups[j].scale_at = work.scale_at
            self._groups[j].count = len(work.picks)
            for k, pick in enumerate(work.picks):
                self._groups[j].pick[k] = pick
            self._configure(j, work.settings)
        for i, (group, arrays) in enumerate(self.rows):
            entry = &self._entries[i]
            entry.group = &self._groups[self._checked(group)]
            entry.row = i
            entry.n = arrays[0].size
            entry.arrays[0] = <char *> cnp.PyArray_DATA(arrays[0])
            for k in range(1, entry.group.arrays - 1):
                entry.arrays[k + 1] = <char *> cnp.PyArray_DATA(arrays[k])

    def equip(self, passes):
        """Do more in a step than to run the kernels: see `fastlr.engine.Passes`."""
        cdef int64_t i, chunks = 0
        self.passes = passes
        self.factors = np.ones(self._entry_count)
        self.totals = np.zeros((self._entry_count + 1, SUMS))
        self._totals = <double *> cnp.PyArray_DATA(self.totals)
        self._apart = passes.apart
        for i in range(self._entry_count):
            entry = &self._entries[i]
            chunks += chunks_of(entry.n)
            entry.average = <char *> cnp.PyArray_DATA(passes.averages[i]) if passes.averages else NULL
            entry.last = <char *> cnp.PyArray_DATA(passes.last[i]) if passes.last else NULL
        self._own(passes.guarded)
        free(self._sweep.passes.sums)
        self._sweep.passes.sums = NULL
        if self._apart:
            self._sweep.passes.sums = <double *> allocated(chunks * SUMS * sizeof(double))
        self._sweep.passes.factors = <double *> cnp.PyArray_DATA(self.factors)
        self._sweep.passes.zero = passes.zero
        self._sweep.passes.limit = INFINITY
        self._sweep.passes.clipped = <kernel_function> <uintptr_t> passes.addresses["clipped"]
        self._sweep.passes.blended = <kernel_function> <uintptr_t> passes.addresses["blended"]
        self._sweep.passes.dot = <dot_function> <uintptr_t> passes.addresses["dot"]
        self._sweep.passes.largest = <largest_function> <uintptr_t> passes.addresses["largest"]
        self._sweep.passes.faults = <largest_function> <uintptr_t> passes.addresses["faults"]
        self._sweep.passes.moved = <moved_function> <uintptr_t> passes.addresses["moved"]
        self._sweep.passes.visit = run_passes
        self._sweep.count = 0
        self._pointed_at_usual = False

    def direct(self, int gather, bint scaled, double limit, double share):
        """What the next step does besides: gather sums, scale by the factors, limit gradients, move the averages."""
        self._sweep.passes.gather = gather
        self._sweep.passes.scaled = scaled
        self._sweep.passes.limit = limit
        self._sweep.passes.share = share

    @property
    def directions(self):
        """What `direct` was told."""
        passes = &self._sweep.passes
        return passes.gather, bool(passes.scaled), passes.limit, passes.share

    cpdef measure(self, gradients):
        """Gather what is in the gradients, which are pointed at already, and change nothing."""
        cdef unsigned long long mode = fastlr_enter_mode(self._sweep.flush)
        self._sweep.passes.only_measure = True
        self._sweep.passes.gather = GRADIENT
        self._sweep_over(self._weights_moved * self._sweep.itemsize)
        self._sweep.passes.only_measure = False
        fastlr_leave_mode(mode)
        self._collect()

    cdef _collect(self):
        """Add the sums of chunks in their order, and those of rows in theirs."""
        cdef double *every = self._totals + self._entry_count * SUMS
        cdef double *total
        cdef Segment *segment
        cdef int64_t i, chunk
        memset(self._totals, 0, (self._entry_count + 1) * SUMS * sizeof(double))
        for i in range(self._sweep.count):
            segment = &self._sweep.segments[i]
            total = self._totals + segment.row * SUMS
            for chunk in range(segment.first_chunk, segment.first_chunk + chunks_of(segment.n)):
                add(total, self._sweep.passes.sums + chunk * SUMS)
            add(every, total)

    def total(self, int column):
        """One of the totals of all parameters."""
        if not 0 <= column < SUMS:
            raise IndexError(column)
        return self._totals[self._entry_count * SUMS + column]

    cdef _own(self, guarded):
        """Note the memory that a gradient must not share, the rows' and that of others, sorted, neighbours joined."""
        spans = sorted(
            (<uintptr_t> cnp.PyArray_DATA(array), <uintptr_t> cnp.PyArray_DATA(array) + array.nbytes)
            for arrays in (*(arrays for _, arrays in self.rows), guarded) for array in arrays if array.size
        )
        free(self._owned)
        self._owned = NULL
        self._owned_count = 0
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

    cdef int64_t _checked(self, int64_t group) except -1:
        if not 0 <= group < self._group_count:
            raise IndexError(f"group {group} of {self._group_count}")
        return group

    def configure(self, int64_t group, settings):
        """Set what a group's coefficients are computed from."""
        if len(settings) != self._groups[self._checked(group)].given:
            raise IndexError((group, settings))
        self._configure(group, settings)

    cpdef set(self, int64_t group, int64_t k, double value):
        """Set one of them."""
        if not 0 <= k < self._groups[self._checked(group)].given:
            raise IndexError((group, k))
        self._groups[group].settings[k] = value

    def count(self, int64_t group):
        """How many steps a group has taken."""
        return self._groups[self._checked(group)].steps

    def set_count(self, int64_t group, int64_t steps):
        """Let a group have taken so many."""
        self._groups[self._checked(group)].steps = steps

    def rate(self, int64_t group):
        """The learning rate of a group's last step; 0 before the first."""
        return self._groups[self._checked(group)].rate

    def is_frozen(self, int64_t group):
        """Whether steps pass a group by."""
        return bool(self._groups[self._checked(group)].frozen)

    def freeze(self, int64_t group, bint frozen):
        """Let steps pass a group by, or not any more; gradients of a frozen group are not looked at."""
        if self._busy:  # its gradients were looked at already, or not
            raise RuntimeError("groups cannot be frozen or unfrozen inside a step; do it between steps")
        self._groups[self._checked(group)].frozen = frozen
        self._sweep.count = 0  # lay out the segments anew
        self._pointed_at_usual = False

    def frozen(self):
        """The rows that steps pass by."""
        cdef int64_t i
        return frozenset([i for i in range(self._entry_count) if self._entries[i].group.frozen])

    def vary(self, int64_t group, functions):
        """Take settings of a group from functions of `steps` before each step: (k, function) for each of them."""
        kept = [entry for entry in self._varying if entry[0] != group]
        self._varying = sorted([*kept, *((group, k, function) for k, function in functions)], key=lambda e: e[:2])

    cdef _evaluate(self):
        """Take the settings that are functions of the step from them."""
        for group, k, function in self._varying:
            self.set(group, k, function(self.steps))

    def rehearse(self):
        """Ask every function of the step, so that what it raises is raised before anything has changed."""
        self._busy = True
        try:
            self._evaluate()
            if self.treatment is not None:
                self.treatment.numbers()
        finally:
            self._busy = False

    def settings(self, int64_t group):
        """What they are now."""
        return tuple(self._groups[group].settings[k] for k in range(self._groups[self._checked(group)].given))

    cdef _point(self, gradients):
        """Take the gradients from where they are, or raise `MisfitError`; then nothing is changed."""
        cdef int64_t i
        cdef bint moved = False
        cdef char *begin
        if len(gradients) != self._entry_count:
            raise IndexError((len(gradients), self._entry_count))
        for i in range(self._entry_count):
            if self._entries[i].group.frozen:
                continue
            gradient = gradients[i]
            if not fits(self._weights[i], gradient):
                raise MisfitError(i)
            if self._sweep.passes.zero and not cnp.PyArray_ISWRITEABLE(gradient):
                raise MisfitError(i)
            begin = <char *> cnp.PyArray_DATA(gradient)
            if begin != self._entries[i].arrays[1]:
                moved = True
                if self._is_owned(begin, begin + self._entries[i].n * self._sweep.itemsize):
                    raise MisfitError(i)
        if moved or self._sweep.count == 0:
            if self._sweep.passes.zero:
                self._check_apart([
                    0 if self._entries[<int64_t> i].group.frozen else <uintptr_t> cnp.PyArray_DATA(gradient)
                    for i, gradient in enumerate(gradients)
                ])
            for i in range(self._entry_count):
                if not self._entries[i].group.frozen:
                    self._entries[i].arrays[1] = <char *> cnp.PyArray_DATA(gradients[i])
            self._merge()

    cdef _check_apart(self, addresses):
        """Gradients that are zeroed must not share memory: one would be gone before the other is read."""
        spans = sorted(
            (address, address + self._entries[<int64_t> i].n * self._sweep.itemsize, i)
            for i, address in enumerate(addresses) if address and self._entries[<int64_t> i].n
        )
        for (_, end, _), (begin, _, i) in pairwise(spans):
            if begin < end:
                raise MisfitError(i)

    cdef _point_at(self, cnp.ndarray addresses):
        """Take the gradients from these addresses, or raise `MisfitError`; then nothing is changed."""
        cdef int64_t i
        cdef bint moved = self._sweep.count == 0
        cdef char **at = <char **> cnp.PyArray_DATA(addresses)
        if addresses.shape[0] != self._entry_count or cnp.PyArray_TYPE(addresses) != cnp.NPY_INT64:
            raise IndexError((addresses.shape[0], self._entry_count))
        for i in range(self._entry_count):
            if at[i] != self._entries[i].arrays[1]:
                moved = True
                if at[i] != NULL and self._is_owned(at[i], at[i] + self._entries[i].n * self._sweep.itemsize):
                    raise MisfitError(i)
        if moved:
            if self._sweep.passes.zero:
                self._check_apart(addresses.tolist())
            for i in range(self._entry_count):
                self._entries[i].arrays[1] = at[i]
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
        self._bytes = 0
        self._weights_moved = 0
        for i in range(self._entry_count):
            entry = &self._entries[i]
            if entry.n == 0 or entry.arrays[1] == NULL or entry.group.frozen:
                continue
            self._weights_moved += entry.n
            self._bytes += entry.n * entry.group.arrays * self._sweep.itemsize
            if last != NULL and not self._apart and continues(last, entry, self._sweep.itemsize):
                last.n += entry.n
                continue
            if last != NULL:
                first_chunk += chunks_of(last.n)
            last = &self._sweep.segments[count]
            last[0] = entry[0]
            last.first_chunk = first_chunk
            count += 1
        self._sweep.count = count
        self._sweep.chunks = first_chunk + chunks_of(last.n) if last != NULL else 0

    def step(self, gradients=None, cnp.ndarray addresses=None):
        """Make one step.

        Parameters
        ----------
        gradients : list or tuple of arrays, optional
            In the order of the rows; None stands for those of a frozen group.
        addresses : array of int64, optional
            Where the gradients are instead, for a caller who keeps them alive and knows that they have the dtype and
            the length of their weights; 0 passes a row by.

        Returns
        -------
        bool
            Whether the treatment let it be made.

        Raises
        ------
        MisfitError
            For a gradient that cannot be used; nothing is changed then.
        RuntimeError
            If a step of this plan is under way.
        """
        cdef int64_t i
        # Python code may run between any two lines in another thread, so all of a step is inside this call.
        if self._busy:
            raise RuntimeError(
                "step(): this optimizer is in the middle of a step in another thread; give each thread its own"
            )
        self._busy = True
        try:
            if addresses is not None:
                gradients = addresses
                self._point_at(addresses)
                self._pointed_at_usual = False
            elif gradients is not None:
                gradients = tuple(gradients)  # a reference to each until the end, whatever happens to the list
                self._point(gradients)
                self._pointed_at_usual = False
            else:
                gradients = self._usual
                if not self._pointed_at_usual:
                    self._point(gradients)
                    self._pointed_at_usual = True
            self._evaluate()
            if self.treatment is not None and not self.treatment.begin(gradients):
                return False
            self.run(gradients)
            self.steps += 1
            for i in range(self._group_count):
                self._groups[i].steps += not self._groups[i].frozen
            if self.treatment is not None:
                self.treatment.end()
        finally:
            self._busy = False
        return True

    cpdef run(self, gradients):
        """The arithmetic of a step; the gradients are pointed at already."""
        cdef int64_t i
        cdef unsigned long long mode = fastlr_enter_mode(self._sweep.flush)
        for i in range(self._group_count):
            compute_coefficients(&self._groups[i], <double> (self._groups[i].steps + 1), self._sweep.itemsize)
        self._sweep_over(self._bytes)
        fastlr_leave_mode(mode)
        if self._sweep.passes.gather:
            self._collect()

    cdef void _sweep_over(self, int64_t size):
        """Run over all chunks, in which so many bytes are read or written."""
        if size < min(<int64_t> RELEASE_FROM, asleep_from):
            run_chunks(&self._sweep, 0, self._sweep.chunks)
        else:
            with nogil:
                self._run_large(size)

    cdef void _run_large(self, int64_t size) noexcept nogil:
        cdef bint several = size >= asleep_from or (size >= awake_from and fastlr_threads_awake())
        if several and threads > 1 and self._sweep.chunks > 1:
            run_parts(&self._sweep, <int> min(<int64_t> threads, self._sweep.chunks))
        else:
            run_chunks(&self._sweep, 0, self._sweep.chunks)
        if size >= awake_from:
            fastlr_note_step()

    def arrays_of(self, gradients):
        """The gradients of a step as arrays, whichever way they were given; None for what was passed by."""
        if not isinstance(gradients, np.ndarray):
            return gradients
        return [array_at(address, weight) for address, weight in zip(gradients.tolist(), self._weights)]

    @property
    def busy(self):
        """Whether a step is under way."""
        return bool(self._busy)

    @property
    def segments(self):
        """How many runs of neighbouring parameters the last gradients left: 1 for packed parameters."""
        return self._sweep.count


def array_at(int64_t address, cnp.ndarray like):
    """An array over the memory there, of the shape and dtype of another; it owns nothing.  None for address 0."""
    if address == 0:
        return None
    return cnp.PyArray_SimpleNewFromData(
        cnp.PyArray_NDIM(like), cnp.PyArray_DIMS(like), cnp.PyArray_TYPE(like), <void *> <uintptr_t> address
    )


cdef void *allocated(size_t size) except NULL:
    cdef void *memory = calloc(max(size, <size_t> 1), 1)
    if memory == NULL:
        raise MemoryError(f"no memory for {size} bytes of the optimizer's tables")
    return memory


cdef inline void add(double *total, const double *sums) noexcept:
    cdef int k
    for k in range(SUMS):
        if k == GRADIENT_LARGEST or k == WEIGHT_LARGEST:
            if not total[k] >= sums[k] and total[k] == total[k]:  # NaN wins, and stays
                total[k] = sums[k]
        else:
            total[k] += sums[k]


cdef bint continues(Segment *last, Segment *entry, int itemsize) noexcept:
    cdef int k
    if entry.group != last.group:
        return False
    for k in range(entry.group.arrays):
        if last.arrays[k] + last.n * itemsize != entry.arrays[k]:
            return False
    return entry.average == NULL or last.average + last.n * itemsize == entry.average


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

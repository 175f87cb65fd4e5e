# cython: language_level=3, boundscheck=False, wraparound=False
"""The physical limit: the reads and writes of a step, with an addition for each instead of an optimizer."""

from libc.stdint cimport int64_t, uint32_t

cdef extern from "stream.h" nogil:
    void fastlr_stream(uint32_t **arrays, int states, int64_t n, int threads)

cdef enum:
    MAX_ARRAYS = 5


cdef class Stream:
    """Adds g to w and to each state array.

    Parameters
    ----------
    arrays : sequence of uint32 arrays
        w, g, and up to three state arrays, of one length.
    threads : int
        How many take part; without OpenMP they take turns.
    """

    cdef uint32_t *pointers[MAX_ARRAYS]
    cdef int states
    cdef int64_t n
    cdef public int threads
    cdef object arrays  # keeps them alive

    def __init__(self, arrays, int threads):
        cdef uint32_t[::1] view
        if not 2 <= len(arrays) <= MAX_ARRAYS:
            raise ValueError(f"Stream(arrays): must be from 2 to {MAX_ARRAYS} arrays, got {len(arrays)}")
        if len({len(array) for array in arrays}) != 1 or len(arrays[0]) == 0:
            raise ValueError("Stream(arrays): must be of one length, and not empty")
        self.arrays, self.threads = list(arrays), threads
        self.states, self.n = len(arrays) - 2, len(arrays[0])
        for k, array in enumerate(arrays):
            view = array
            self.pointers[k] = &view[0]

    def step(self):
        """Stream once through all of them."""
        fastlr_stream(self.pointers, self.states, self.n, self.threads)

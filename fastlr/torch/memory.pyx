# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False
"""Where tensors are: read once when a plan is laid out, and looked at again before each step.

Design: a plan of the engine holds addresses, but PyTorch's users may do anything between two steps: assign `p.data`,
resize, move, replace or clear the optimizer's state, exchange parameters in a group.  Nothing tells an optimizer, so
every step compares all that the plan was made of with what is there now.  In Python that takes 2 us a parameter of
AdamW, here 0.35, for PyTorch takes 0.06 to describe a tensor, and there are five of them.

The three of the state need no look while they are *private*: nobody has asked the optimizer for its state since they
were seen, and when they were, the counts of references said that nobody else holds the state, a tensor in it or its
memory.  Then nobody can have changed them, and it takes 0.16 us.
"""

from cpython.dict cimport PyDict_GetItemWithError, PyDict_Next
from cpython.exc cimport PyErr_Clear
from cpython.object cimport PyObject
from cpython.ref cimport Py_REFCNT
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport int32_t, int64_t, uint32_t, uint8_t, uintptr_t
from libc.stdlib cimport calloc, free

cimport numpy as cnp

cnp.import_array()

cdef extern from "dlpack.h":
    const uint32_t FASTLR_DLPACK_MAJOR
    const int32_t FASTLR_DLPACK_CPU
    const uint8_t FASTLR_DLPACK_FLOAT
    const bint FASTLR_EXACT_COUNTS
    ctypedef struct Tensor "fastlr_tensor":
        void *data
        int32_t device_type
        int32_t ndim
        uint8_t code
        uint8_t bits
        int64_t *shape
        int64_t *strides
    ctypedef int (*describe_function "fastlr_describe")(void *, Tensor *) noexcept
    ctypedef struct Exchange "fastlr_exchange":
        uint32_t major
        describe_function describe

cdef enum:
    MAX_TENSORS = 8                 # the weights, the state, the count of steps
    MAX_DIMENSIONS = 64             # what PyTorch allows
    LAST_IN_FLOAT32 = 1 << 24       # from here on x + 1 == x
    # References of our own.  To the state: the optimizer, and Memory; to an entry: the state, Memory twice, and the
    # layout's row; to a tensor: its entry, and Memory.
    OF_STATE = 2
    OF_ENTRY = 4
    OF_TENSOR = 2
    PATIENCE = 8                    # steps in which nobody asks for the state, until counting is worth it
    LONGEST = 1024

cdef struct Row:
    int64_t n
    int32_t ndim
    uint8_t bits
    int tensors                     # the weights and those of the state
    int group                       # of the engine
    char *at[MAX_TENSORS]           # where they are
    bint active                     # whether the step under way is for it
    char *count                     # where the state's count of steps is, or NULL
    uint8_t count_bits
    int64_t *shape                  # ndim numbers, and ndim strides

FINE, MOVED, UNEVEN = range(3)
"""What `Memory.read` finds: all is as it was; something is elsewhere; members of one group differ in their steps."""

cdef describe_function describe = NULL
cdef object GRAD = "grad", PARAMS = "params"
cdef object plain = None, parameter = None, inner = None, others = None


def use(exchange, tensor_type, parameter_type, local, count_others):
    """Set once how tensors are read: the table of functions, the types that are nothing but a tensor, a function that
    gives the tensor with the memory for any other type, or None, and one that counts who else has a tensor's
    memory, or None."""
    global describe, plain, parameter, inner, others
    cdef Exchange *table = <Exchange *> PyCapsule_GetPointer(exchange, "dlpack_exchange_api")
    if table.major != FASTLR_DLPACK_MAJOR or table.describe == NULL:
        raise ImportError(f"fastlr.torch reads tensors by DLPack {FASTLR_DLPACK_MAJOR}, this PyTorch has {table.major}")
    describe, plain, parameter, inner = table.describe, tensor_type, parameter_type, local
    others = count_others


cdef bint look(object tensor, Tensor *found) except -1:
    """Describe a tensor whose memory a processor can read as floats; False for any other."""
    if type(tensor) is not plain and type(tensor) is not parameter:
        tensor = inner(tensor) if tensor is not None else None
        if tensor is None:
            return False
    if describe(<void *> tensor, found) != 0:
        PyErr_Clear()  # sparse, on a device without memory, or not there at all: PyTorch has an error for each
        return False
    return found.device_type == FASTLR_DLPACK_CPU and found.code == FASTLR_DLPACK_FLOAT


cdef int64_t size(const Tensor *found) noexcept:
    cdef int64_t n = 1
    cdef int k
    for k in range(found.ndim):
        n *= found.shape[k]
    return n


cdef bint fits(const Row *row, const Tensor *found) noexcept:
    """Whether a tensor's elements are laid out as those of the row: then memory order pairs them."""
    cdef int k
    if found.bits != row.bits or found.ndim != row.ndim or (found.data == NULL and row.n):
        return False
    for k in range(row.ndim):
        if found.shape[k] != row.shape[k]:
            return False
        if found.strides[k] != row.shape[row.ndim + k] and row.shape[k] > 1 and row.n:
            return False
    return True


def flat(tensor):
    """A 1-d array over a dense tensor's memory, in its order, which owns nothing and keeps nothing alive.

    PyTorch's own `numpy()` would forbid to resize the tensor for ever.
    """
    cdef Tensor found
    cdef cnp.npy_intp n
    if not look(tensor, &found):
        raise TypeError(f"a dense tensor of floats on the CPU, got {type(tensor).__name__}")
    n = size(&found)
    return cnp.PyArray_SimpleNewFromData(1, &n, cnp.NPY_FLOAT32 if found.bits == 32 else cnp.NPY_FLOAT64, found.data)


def span(tensor):
    """(address, address behind the last byte) of a dense tensor's memory, or None if it cannot be read."""
    cdef Tensor found
    if not look(tensor, &found):
        return None
    begin = <uintptr_t> found.data
    return begin, begin + size(&found) * (found.bits // 8)


cdef class Memory:
    """What a plan was made of.

    Parameters
    ----------
    members : list of lists of tensors
        The parameters of each of the optimizer's groups.
    state : dict of tensor to dict
        The optimizer's.
    rows : sequence of (int, dict, tuple of str, str or None, int)
        What the engine steps: which of the parameters, in the order of all groups; its entry of the optimizer's state;
        the names there of the tensors that the kernel takes, and of the count of steps, if there is one; the group of
        the engine.  The tensors must be dense and laid out alike.

    Attributes
    ----------
    addresses : array of int64
        Of each row's gradient, after `read`; 0 where there is none.
    private : bool
        Whether nobody else can reach the state but by asking the optimizer for it.
    odd : list of (int, tensor)
        Parameters with a gradient that cannot be read as it lies, or that have no row, and the gradient.
    """

    cdef list _members, _params, _entries, _tensors, _names, _counts, _count_names, _gradients
    cdef list _keys, _values
    cdef readonly object state
    cdef readonly bint private
    cdef int _calm, _patience
    cdef readonly list odd
    cdef readonly object addresses
    cdef int64_t *_at
    cdef int64_t *_steps
    cdef int64_t *_row_of
    cdef Row *_rows
    cdef int _count, _groups

    def __cinit__(self, members, state, rows):
        cdef int i
        cdef cnp.npy_intp n = len(rows)
        self._members = [list(each) for each in members]
        if not isinstance(state, dict):
            raise TypeError(f"the state must be a dict, got {type(state).__name__}")
        self.state, self._patience = state, PATIENCE
        self._keys, self._values = list(state.keys()), list(state.values())
        params = [tensor for each in self._members for tensor in each]
        self._count = len(rows)
        self._groups = 1 + max((row[4] for row in rows), default=-1)
        self._rows = <Row *> allocated(self._count * sizeof(Row))
        self._steps = <int64_t *> allocated(self._groups * sizeof(int64_t))
        self._row_of = <int64_t *> allocated(len(params) * sizeof(int64_t))
        self.addresses = cnp.PyArray_ZEROS(1, &n, cnp.NPY_INT64, 0)
        self._at = <int64_t *> cnp.PyArray_DATA(self.addresses)
        for i in range(len(params)):
            self._row_of[i] = -1
        self._params, self._entries, self._tensors, self._names = [], [], [], []
        self._counts, self._count_names, self._gradients, self.odd = [], [], [], []
        for i, (index, entry, names, count, group) in enumerate(rows):
            self._row_of[index] = i
            self._params.append(params[index])
            self._entries.append(entry)
            self._names.append(names)
            self._tensors.append(tuple(entry[name] for name in names))
            self._count_names.append(count)
            self._counts.append(None if count is None else entry[count])
            self._rows[i].group = group
            self._note(&self._rows[i], i)

    def __dealloc__(self):
        cdef int i
        if self._rows != NULL:
            for i in range(self._count):
                free(self._rows[i].shape)
        free(self._rows)
        free(self._steps)
        free(self._row_of)

    cdef _note(self, Row *row, int i):
        """Read where a row's tensors are."""
        cdef Tensor found
        cdef int k
        if not look(self._params[i], &found):
            raise TypeError(f"row {i}: a dense tensor of floats on the CPU, got {type(self._params[i]).__name__}")
        row.n, row.ndim, row.bits, row.at[0] = size(&found), found.ndim, found.bits, <char *> found.data
        row.shape = <int64_t *> allocated(2 * row.ndim * sizeof(int64_t))
        for k in range(row.ndim):
            row.shape[k] = found.shape[k]
            row.shape[row.ndim + k] = found.strides[k]
        row.tensors = 1 + len(self._tensors[i])
        for k in range(1, row.tensors):
            if not look(self._tensors[i][k - 1], &found) or not fits(row, &found):
                raise TypeError(f"row {i}: {self._names[i][k - 1]} must be laid out as the parameter")
            row.at[k] = <char *> found.data
        if self._counts[i] is not None:
            if not look(self._counts[i], &found) or size(&found) != 1:
                raise TypeError(f"row {i}: {self._count_names[i]} must be one float")
            row.count, row.count_bits = <char *> found.data, found.bits

    def read(self, list groups, bint exposed):
        """Compare everything with what is there now, and find the gradients.

        Parameters
        ----------
        groups : list of dict
            The optimizer's.
        exposed : bool
            Whether anybody has asked for the state since the last call.

        Returns
        -------
        int
            FINE; or MOVED or UNEVEN, and then the plan must be laid out anew.
        """
        cdef int64_t index = 0
        cdef int g, i
        cdef Tensor found
        cdef list members
        cdef int result = 0
        self._gradients.clear()
        self.odd.clear()
        for g in range(self._groups):
            self._steps[g] = -1
        if exposed:
            self.private, self._calm = False, 0
        if len(groups) != len(self._members) or not (self.private or self._knows()):
            return MOVED
        for g in range(len(self._members)):
            listed = groups[g][PARAMS]
            members = listed if type(listed) is list else list(listed)
            if len(members) != len(<list> self._members[g]):
                return MOVED
            for i in range(len(members)):
                param = members[i]
                if param is not (<list> self._members[g])[i]:
                    return MOVED
                gradient = getattr(param, GRAD)
                row = self._row_of[index]
                if row >= 0:
                    self._at[row] = 0
                    self._rows[row].active = False
                if gradient is None:
                    pass
                elif row < 0:
                    self.odd.append((index, gradient))
                else:
                    if not self._holds(row, param):
                        return MOVED
                    if not self._even(row):
                        return UNEVEN
                    self._take(row, index, gradient)
                index += 1
        if not self.private:
            self._calm += 1
            if self._calm >= self._patience:
                self._calm, self._patience = 0, min(2 * self._patience, <int> LONGEST)
                self.private = self._is_private()
        return FINE

    cdef bint _is_private(self) except -1:
        """Whether the optimizer and we have the only references to the state, its entries, their tensors and memory."""
        cdef int i
        state = self.state
        if others is None or not FASTLR_EXACT_COUNTS or Py_REFCNT(state) > OF_STATE + 1:
            return False
        for i in range(self._count):
            if not self._names[i] and self._counts[i] is None:
                continue
            entry = self._entries[i]
            if Py_REFCNT(entry) > OF_ENTRY + 1:
                return False
            for tensor in self._tensors[i]:
                if not is_alone(tensor):
                    return False
            count = self._counts[i]
            if count is not None and not is_alone(count):
                return False
        return True

    cdef bint _knows(self) except -1:
        """Whether the state has the entries that it had.

        In their order, for a tensor's hash is a function in Python.
        """
        cdef PyObject *key
        cdef PyObject *value
        cdef Py_ssize_t at = 0, i = 0
        if len(self.state) != len(self._keys):
            return False
        while PyDict_Next(self.state, &at, &key, &value):
            if key != <PyObject *> self._keys[i] or value != <PyObject *> self._values[i]:
                return False
            i += 1
        return True

    cdef bint _holds(self, int64_t i, param) except -1:
        """Whether a row's tensors are those that they were, where they were."""
        cdef Row *row = &self._rows[i]
        cdef Tensor found
        cdef int k
        cdef tuple names = <tuple> self._names[i], tensors = <tuple> self._tensors[i]
        entry = self._entries[i]
        if not look(param, &found) or found.data != row.at[0] or not fits(row, &found):
            return False
        if self.private:
            return True
        for k in range(1, row.tensors):
            tensor = get(entry, names[k - 1])
            if tensor is not tensors[k - 1] or not look(tensor, &found):
                return False
            if found.data != row.at[k] or not fits(row, &found):
                return False
        if row.count == NULL:
            return True
        tensor = get(entry, self._count_names[i])
        if tensor is not self._counts[i] or not look(tensor, &found):
            return False
        return found.data == row.count and found.bits == row.count_bits

    cdef bint _even(self, int64_t i) noexcept:
        """Whether a row has taken as many steps as the others of its group."""
        cdef Row *row = &self._rows[i]
        cdef double count
        if row.count == NULL:
            return True
        count = (<float *> row.count)[0] if row.count_bits == 32 else (<double *> row.count)[0]
        if count < 0 or (row.count_bits == 32 and count >= LAST_IN_FLOAT32):
            return False  # to be refused, or to be counted in float64, when it is laid out
        if self._steps[row.group] < 0:
            self._steps[row.group] = <int64_t> count
        return self._steps[row.group] == count

    cdef _take(self, int64_t i, int64_t index, gradient):
        """Note where a gradient is."""
        cdef Row *row = &self._rows[i]
        cdef Tensor found
        self._gradients.append(gradient)  # alive until the step is done, whoever lets go of it meanwhile
        # A single number may be a view that stands for its negative, as the imaginary part of a conjugate does.
        if look(gradient, &found) and fits(row, &found) and not (row.n == 1 and gradient.is_neg()):
            self._at[i] = <int64_t> <uintptr_t> found.data
            row.active = True
        else:
            self.odd.append((index, gradient))

    def take(self, int64_t index, gradient):
        """Use this for the gradient of a parameter in this step; whether it has a row and the gradient fits."""
        cdef Tensor found
        cdef int64_t i = self._row_of[index]
        if i < 0 or not look(gradient, &found) or not fits(&self._rows[i], &found):
            return False
        self._gradients.append(gradient)
        self._at[i] = <int64_t> <uintptr_t> found.data
        self._rows[i].active = True
        return True

    def has(self, int64_t index):
        """Whether a parameter has a row."""
        return self._row_of[index] >= 0

    def steps(self):
        """(group of the engine, the steps that its members have taken) where a state counts them."""
        return [(g, self._steps[g]) for g in range(self._groups) if self._steps[g] >= 0]

    def done(self):
        """Count the step in the state of all that took it, let go of the gradients; return the tensors that changed."""
        cdef int i
        cdef list changed = []
        for i in range(self._count):
            if not self._rows[i].active:
                continue
            changed.append(self._params[i])
            if self._rows[i].count_bits == 32:
                (<float *> self._rows[i].count)[0] += 1
            elif self._rows[i].count != NULL:
                (<double *> self._rows[i].count)[0] += 1
        self.release()
        return changed

    def release(self):
        """Let go of the gradients."""
        self._gradients.clear()
        self.odd.clear()


cdef bint is_alone(tensor) except -1:
    """Whether a tensor in a local variable has no other references but ours, and its memory no other tensor."""
    return type(tensor) is plain and Py_REFCNT(tensor) <= OF_TENSOR + 1 and others(tensor) == 0


cdef object get(mapping, key):
    cdef void *found = <void *> PyDict_GetItemWithError(mapping, key)
    return <object> found if found != NULL else None


cdef void *allocated(size_t size) except NULL:
    cdef void *memory = calloc(max(size, <size_t> 1), 1)
    if memory == NULL:
        raise MemoryError(f"no memory for {size} bytes of the optimizer's tables")
    return memory

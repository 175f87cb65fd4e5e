"""The maths a second time: each optimizer written from its paper, for reading and for testing the fast one.

Nothing of fastlr is imported here.  Every function is a generator: it takes the first weights and an iterable
of gradients, and yields the weights after each step.  `fastlr.reference.rows` makes steps of some rows of a table.

>>> import numpy as np
>>> from fastlr.reference import sgd
>>> theta = np.array(8.0)
>>> for _, theta in zip(range(3), sgd(theta, iter(lambda: 2 * theta, None), lr=0.25)):  # minimize theta^2
...     print(theta)
4.0
2.0
1.0
"""

from . import complete as complete
from . import rows as rows
from .adagrad import adagrad as adagrad
from .adam import adam as adam
from .adamw import adamw as adamw
from .rmsprop import rmsprop as rmsprop
from .sgd import sgd as sgd

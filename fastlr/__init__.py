"""fastlr: fused optimizer steps on the CPU, bit-for-bit equal to plain NumPy.

opt = fastlr.Adam(params, lr=1e-3)    # the arrays are updated in place
opt.step(grads)
"""

from fastlr import reference, rules
from fastlr.buffers import Packed, pack
from fastlr.config import show_config
from fastlr.engine.threads import get_num_threads, set_num_threads
from fastlr.groups import Group
from fastlr.optimizer import Optimizer, from_rule

SGD = from_rule(rules.SGD)
Adagrad = from_rule(rules.Adagrad)
RMSprop = from_rule(rules.RMSprop)
Adam = from_rule(rules.Adam)
AdamW = from_rule(rules.AdamW)

__version__ = "0.1.0"

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Group",
    "Optimizer",
    "Packed",
    "RMSprop",
    "from_rule",
    "get_num_threads",
    "pack",
    "reference",
    "rules",
    "set_num_threads",
    "show_config",
]

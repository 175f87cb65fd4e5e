"""fastlr: fused optimizer steps on the CPU, bit-for-bit equal to plain NumPy.

opt = fastlr.Adam(params, lr=1e-3)
opt.step(grads)                       # updates the arrays in place
"""

from fastlr import reference as reference
from fastlr import rules as rules
from fastlr import schedules as schedules
from fastlr.buffers import Packed as Packed
from fastlr.buffers import pack as pack
from fastlr.config import show_config as show_config
from fastlr.engine.threads import get_num_threads as get_num_threads
from fastlr.engine.threads import set_num_threads as set_num_threads
from fastlr.groups import Group as Group
from fastlr.groups import layerwise as layerwise
from fastlr.optimizer import Optimizer as Optimizer
from fastlr.optimizer import from_rule as from_rule

SGD = from_rule(rules.SGD)
Adagrad = from_rule(rules.Adagrad)
RMSprop = from_rule(rules.RMSprop)
Adam = from_rule(rules.Adam)
AdamW = from_rule(rules.AdamW)

__version__ = "0.1.0"

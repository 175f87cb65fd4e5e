"""What a step does to a stretch of memory besides the optimizer's own arithmetic, written in the same words.

clipped     the gradient as the optimizer gets it, where it cannot be had by a coefficient
blended     an average of the weights, moved towards them
summed      micro-batches' gradients
"""

from fastlr.rules.text import Kernel
from fastlr.rules.vocabulary import bounded


def clipped(w, g, scale, low, high):
    w = bounded(scale * g, low, high)
    return w


def blended(w, g, share):
    w = w + share * (g - w)  # not (1 - share) * w + share * g: rounded shares do not add up to 1
    return w


def summed(w, g):
    w = w + g
    return w


CLIPPED, BLENDED, SUMMED = Kernel(clipped), Kernel(blended), Kernel(summed)
PASSES = (CLIPPED, BLENDED, SUMMED)

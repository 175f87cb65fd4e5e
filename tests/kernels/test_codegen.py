"""What the compilers read is the rule's own text."""

import sys
from pathlib import Path

import pytest

from fastlr.kernels import codegen
from fastlr.rules import ROW_RULES, RULES
from fastlr.rules.text import Coefficients, Kernel
from fastlr.rules.vocabulary import WORDS

SOURCE = codegen.cython_module((*RULES, *ROW_RULES))
TEXTS = [text for rule in RULES for text in (*rule.kernels, rule.coefficients)]
TEXTS += [text for rule in ROW_RULES for text in (rule.coefficients, rule.row)]


def two_states(w, g, m, v, rate):
    m = m + g  # a comment stays
    v = v + m
    w = w - rate * v
    return w, m, v


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text.name)
def test_every_line_of_a_rule_is_in_the_module_for_both_widths(text):
    for word in WORDS:
        if f"{word}(" in text.body:
            assert f"{word}_double(" in SOURCE
    lines = [line for line in text.body.splitlines() if not any(f"{word}(" in line for word in WORDS)]
    assert lines
    for line in lines:
        assert line in SOURCE


def test_comments_and_order_survive():
    kernel = Kernel(two_states)
    assert kernel.body.splitlines()[0] == "    m = m + g  # a comment stays"
    assert kernel.state == ("m", "v")
    assert kernel.coefficients == ("rate",)


def test_two_kernels_of_one_name_are_refused():
    def adam(w, g, rate):
        w = w - rate * g
        return w

    class Mine(RULES[0]):
        kernels = (Kernel(adam),)

    with pytest.raises(TypeError, match="adam is defined in two rule files"):
        codegen.cython_module([*RULES, Mine])


def wrong_order(w, g, m, v, rate):
    return w, v, m


def no_weights(w, g, m, rate):
    return m


def a_literal(w, g, rate):
    w = w - 2 * rate * g
    return w


def an_expression(w, g, rate):
    return w - rate * g


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (wrong_order, "returns w and the state arrays in the same order"),
        (no_weights, "returns w and the state arrays"),
        (a_literal, "must not contain the number 2.*make it a coefficient"),
        (an_expression, "must return plain names"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_kernel_that_could_not_be_compiled_says_why(function, message):
    with pytest.raises(TypeError, match=f"{function.__name__}.*{message}"):
        Kernel(function)


def test_numba_source_is_python():
    def step(t, lr):
        return t, lr

    for source in (codegen.numba_kernel(Kernel(two_states)), codegen.numba_coefficients(Coefficients(step))):
        compile(source, "generated", "exec")


def test_the_build_left_its_output_to_read():
    """Where the package was built in this checkout, the Cython text is what is generated now."""
    generated = Path(sys.modules["fastlr"].__file__).parents[1] / "build" / "generated"
    for path in generated.glob("_v*.pyx"):
        assert path.read_text() == SOURCE, "rebuild: the kernels are older than the rules"

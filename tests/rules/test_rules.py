"""Each optimizer is whole: a rule, a reference, a public class, with the same settings."""

import inspect
from pathlib import Path

import pytest

import fastlr
from fastlr import reference, rules

FILES = {path.stem for path in Path(rules.__file__).parent.glob("*.py")} - {
    "__init__",
    "averaging",
    "base",
    "options",
    "passes",
    "settings",
    "text",
    "vocabulary",
}


def test_every_rule_file_is_listed():
    listed = {rule.__module__.rpartition(".")[2] for rule in (*rules.RULES, *rules.ROW_RULES)}
    assert listed == FILES, "add the import to fastlr/rules/__init__.py"


@pytest.mark.parametrize("rule", [*rules.RULES, *rules.ROW_RULES])
def test_has_a_public_class(rule):
    assert getattr(fastlr, rule.__name__, None), f"add {rule.__name__} = from_rule(...) to fastlr/__init__.py"
    assert getattr(fastlr, rule.__name__).rule is rule


@pytest.mark.parametrize("rule", rules.RULES)
def test_has_a_reference_with_the_same_settings(rule):
    function = getattr(reference, rule.__name__.lower(), None)
    assert function, f"add {rule.__name__.lower()} to fastlr/reference/__init__.py"
    theirs = inspect.signature(function).parameters
    assert [key for key in theirs if key not in ("theta", "gradients", "like")] == list(rule.kinds())
    for key, value in rule().settings().items():
        assert theirs[key].default == value, key


@pytest.mark.parametrize("rule", [*rules.RULES, *rules.ROW_RULES])
def test_documents_every_setting(rule):
    for key in rule.kinds():
        assert f"\n    {key} : " in rule.__doc__
    for section in ("Parameters", "Raises", "References", "Examples"):
        assert f"{section}\n    ---" in rule.__doc__


@pytest.mark.parametrize("rule", rules.RULES)
def test_every_coefficient_that_a_kernel_takes_is_computed(rule):
    for kernel in rule.kernels:
        assert set(kernel.coefficients) <= set(rule.coefficients.returns)
    used = {name for kernel in rule.kernels for name in kernel.coefficients}
    assert used == set(rule.coefficients.returns)

import numpy as np
import pytest

import fastlr
from fastlr.lab import OPTIMIZERS, choose
from fastlr.rules import RULES


def test_every_rule_has_its_name():
    for rule in RULES:
        (choice,) = choose([rule.__name__.lower()])
        assert choice.rule == rule()


@pytest.mark.parametrize(
    ("name", "rule", "settings"),
    [
        ("momentum", "SGD", {"momentum": 0.9, "nesterov": False}),
        ("nesterov", "SGD", {"momentum": 0.9, "nesterov": True}),
        ("amsgrad", "Adam", {"amsgrad": True}),
        ("centered", "RMSprop", {"centered": True}),
        ("adam@0.01", "Adam", {"lr": 0.01}),
        ("momentum@1e-2", "SGD", {"momentum": 0.9, "lr": 0.01}),
    ],
)
def test_variants(name, rule, settings):
    (choice,) = choose([name])
    assert choice.name == name
    assert type(choice.rule).__name__ == rule
    assert choice.rule.settings() == type(choice.rule)(**settings).settings()


def test_settings_override_and_none_is_the_default():
    one, two = choose(["momentum", "sgd@0.5"], lr=0.1, momentum=0.8, weight_decay=None, like="keras", backend="numpy")
    assert (one.rule.lr, one.rule.momentum, one.rule.weight_decay) == (0.1, 0.8, 0.0)
    assert (two.rule.lr, two.rule.momentum) == (0.5, 0.8)
    assert {(choice.rule.like, choice.rule.backend) for choice in (one, two)} == {("keras", "numpy")}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer_and_reference_take_the_same_steps(name):
    (choice,) = choose([name], weight_decay=0.01)
    packed = fastlr.pack({"w": np.linspace(-1, 1, 9)})
    optimizer = choice.optimizer(packed)
    assert optimizer.name == type(choice.rule).__name__
    assert optimizer.groups[0].rule == choice.rule

    def gradients():
        while True:
            yield packed.flat_grads

    start = packed.flat.copy()
    thetas = choice.reference(packed.flat.copy(), gradients())
    for step in range(5):
        packed.flat_grads[:] = np.cos(np.arange(9) + step)
        optimizer.step()
        np.testing.assert_allclose(next(thetas), packed.flat, rtol=1e-12)
    assert (packed.flat != start).all()


@pytest.mark.parametrize(
    ("names", "settings", "message"),
    [
        (["adamm"], {}, r"^optimizer 'adamm': unknown, did you mean 'adamw?'\? there are adagrad, "),
        (["x"], {}, r"^optimizer 'x': unknown, there are adagrad, "),
        (["adam", "sgd", "adam"], {}, r"^optimizer 'adam': must be named once, got it twice"),
        (["adam"], {"momentum": 0.9}, r"^optimizer 'adam': takes no momentum, it takes lr, betas"),
        (["adam@fast"], {}, r"^optimizer 'adam@fast': what follows '@' must be a learning rate, got 'fast'"),
        (["adam@-1"], {}, r"^Adam\(lr=-1.0\): lr must be in \[0, inf\), got -1.0"),
        (["adam"], {"lr": float("nan")}, r"^Adam\(lr=nan\): lr must be in"),
        (["adamw"], {"like": "sklearn"}, r"^AdamW\(like='sklearn'\): like must be one of"),
    ],
)
def test_errors(names, settings, message):
    with pytest.raises(ValueError, match=message):
        choose(names, **settings)

"""Slope ranges and group activations of `theory.lipschitz.nonlinearity`."""

import math

import mpmath
import numpy as np
import pytest

from theory.lipschitz.nonlinearity import nonlinearity

NAMES = [
    "relu", "leaky_relu", "leaky_relu:-0.5", "leaky_relu:3", "abs", "linear", "tanh", "sigmoid",
    "erf", "sin", "arctan", "softplus", "softsign", "hard_tanh", "elu", "elu:2", "elu:-0.3",
    "selu", "gelu", "silu", "hard_swish",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_difference_quotients_fill_the_slope_range_and_stay_in_it(name):
    kind = nonlinearity(name)
    x = np.linspace(-30, 30, 240_001)
    quotients = np.diff(kind.apply(x)) / np.diff(x)
    # a quotient of rounded values is off by 2 ulp of 30 over the step
    rounding = 4 * 30 * np.finfo(float).eps / 2.5e-4
    assert quotients.min() >= kind.lower - rounding
    assert quotients.max() <= kind.upper + rounding
    assert quotients.min() == pytest.approx(kind.lower, abs=3e-3)
    assert quotients.max() == pytest.approx(kind.upper, abs=3e-3)


@pytest.mark.parametrize("name", NAMES)
def test_slopes_are_the_derivative(name):
    kind = nonlinearity(name)
    x = np.linspace(-6, 6, 401) + math.pi * 1e-3  # no kink within the step
    h = 1e-5
    central = (kind.apply(x + h) - kind.apply(x - h)) / (2 * h)
    np.testing.assert_allclose(kind.slopes(x), central, atol=1e-8)


def _extreme(derivative, near):
    with mpmath.workdps(40):
        at = mpmath.findroot(lambda x: mpmath.diff(derivative, x), near)
        return derivative(at)


def _gelu(x):
    return mpmath.ncdf(x) + x * mpmath.npdf(x)


def _silu(x):
    s = 1 / (1 + mpmath.exp(-x))
    return s * (1 + x * (1 - s))


@pytest.mark.parametrize(
    ("name", "derivative", "near"), [("gelu", _gelu, 1.4), ("silu", _silu, 2.4)]
)
def test_irrational_ranges_are_rounded_outwards(name, derivative, near):
    kind = nonlinearity(name)
    for bound, place, side in ((kind.upper, near, 1), (kind.lower, -near, -1)):
        exact = _extreme(derivative, place)
        excess = side * (mpmath.mpf(bound) - exact)
        assert 0 < excess < 1e-14


def test_other_irrational_ranges_are_rounded_outwards():
    with mpmath.workdps(40):
        alpha = mpmath.mpf("1.6732632423543772848170429916717")
        scale = mpmath.mpf("1.0507009873554804934193349852946")
        assert 0 < nonlinearity("selu").upper - alpha * scale < 1e-14
        assert 0 < nonlinearity("erf").upper - 2 / mpmath.sqrt(mpmath.pi) < 1e-14


def test_groups():
    v = np.array([[3.0, 1.0, -2.0, 5.0, 0.0, -1.0]])
    np.testing.assert_array_equal(nonlinearity("maxmin").apply(v), [[1, 3, -2, 5, -1, 0]])
    np.testing.assert_array_equal(nonlinearity("group_sort", 3).apply(v), [[-2, 1, 3, -1, 0, 5]])
    np.testing.assert_array_equal(nonlinearity("group_sort:6").apply(v), np.sort(v))
    np.testing.assert_allclose(
        nonlinearity("householder").apply(v), nonlinearity("maxmin").apply(v), atol=1e-15
    )
    u = np.array([1.0, 2.0, 3.0]) / math.sqrt(14)
    kind = nonlinearity("householder:1,2,3")
    for group in v.reshape(2, 3):
        reflected = group - 2 * u * (u @ group)
        expected = group if u @ group > 0 else reflected
        np.testing.assert_allclose(kind.apply(group), expected, atol=1e-15)


def test_a_name_makes_an_equal_activation():
    for kind in (nonlinearity("householder", direction=[1, 2]), nonlinearity("group_sort", 4)):
        assert nonlinearity(kind.name) == kind
    assert nonlinearity(kind) is kind


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("rellu", "Did you mean 'relu'"),
        ("relu:2", "takes no parameter"),
        ("leaky_relu:nan", "finite"),
        ("leaky_relu:x", "finite"),
        ("group_sort:0", ">= 1"),
        ("group_sort:2.5", ">= 1"),
        ("householder:0,0", "not 0"),
        ("householder:1,inf", "finite"),
        (3, "must be a name"),
    ],
)
def test_mistakes(spec, words):
    with pytest.raises(ValueError, match=words) as caught:
        nonlinearity(spec)
    assert "\n" not in str(caught.value)

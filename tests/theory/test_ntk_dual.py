"""Dual activations, optimal activations and regimes of infinitely wide and deep networks."""

import itertools
import math
import warnings

import mpmath
import numpy as np
import pytest

from theory import gaussian
from theory import ntk_classifiers as ntkc


def hard_tanh(x):
    return np.clip(x, -1, 1)


hard_tanh.kinks = (-1.0, 1.0)
hard_tanh.derivative = lambda x: (np.abs(x) <= 1) * 1.0


def bump(x):
    return x * np.exp(-x * x / 2)


def shifted(x):
    return np.maximum(x - 0.5, 0)


shifted.kinks = (0.5,)
shifted.derivative = lambda x: (x > 0.5) * 1.0

XI = np.array([-1.0, -0.8, -0.3, 0.0, 1e-3, 0.4, 0.61, 0.63, 0.9, 0.999, 1.0])


@pytest.mark.parametrize(
    ("spec", "accuracy"),
    [
        ("relu", 1e-14),
        ("leaky_relu:0.2", 1e-14),
        ("abs", 1e-14),
        ("linear", 1e-14),
        ("erf", 1e-14),
        ("sin", 1e-14),
        ("hermite:4", 1e-14),
        ("gelu", 3e-14),
        ("tanh", 3e-14),
        ("silu", 3e-14),
        pytest.param(bump, 1e-9, marks=pytest.mark.slow),  # derivative by differences
        ("selu", 1e-11),
        ("elu", 1e-11),
        (hard_tanh, 1e-11),
        pytest.param(shifted, 1e-11, marks=pytest.mark.slow),
    ],
)
def test_dual_by_quadrature(spec, accuracy):
    """Against `theory.gaussian`, which integrates in two dimensions where its series is slow."""
    dual, square = ntkc.dual(spec), gaussian.moment(spec, 2, 1.0)
    np.testing.assert_allclose(dual(XI), gaussian.dual(spec, XI) / square, rtol=0, atol=accuracy)
    slopes = gaussian.dual_derivative(spec, XI) / square
    np.testing.assert_allclose(dual.derivative(XI), slopes, rtol=0, atol=accuracy * dual.chaos * 9)
    np.testing.assert_allclose(dual.gap(1 - XI), 1 - dual(XI), rtol=0, atol=accuracy)
    fall = dual.chaos - dual.derivative(XI)
    np.testing.assert_allclose(dual.derivative_gap(1 - XI), fall, rtol=0, atol=9 * accuracy)
    assert dual.chaos == pytest.approx(
        gaussian.derivative_moment(spec, 2, 1.0) / square, rel=max(accuracy, 1e-9)
    )
    assert dual.mean == pytest.approx(
        gaussian.moment(spec, 1, 1.0) / math.sqrt(square), abs=accuracy
    )
    assert dual(0.0) == pytest.approx(dual.mean**2, abs=1e-14)
    assert dual.derivative(0.0) == pytest.approx(dual.slope**2, abs=1e-13)


def test_dual_is_the_square_of_the_hermite_coefficients():
    a = [0.3, -0.5, 0.0, 0.7]

    def cubic(x):
        return a[0] + a[1] * x + a[3] * (x**3 - 3 * x) / math.sqrt(6)

    dual, total = ntkc.dual(cubic), sum(x * x for x in a)
    np.testing.assert_allclose(dual.series, [x * x / total for x in a], atol=1e-14)
    assert dual.slope == pytest.approx(-0.5 / math.sqrt(total), abs=1e-14)
    assert ntkc.dual([x * x for x in a]).slope > 0  # D does not know the sign


@pytest.mark.parametrize("delta", [1e-300, 1e-17, 1e-9, 1e-3, 0.1, 0.39, 1.0, 1.7])
def test_gaps_without_cancellation(delta):
    with mpmath.workdps(340):
        exact = mpmath.mpf(delta)
        x = 1 - exact
        theta = mpmath.acos(x)
        third = mpmath.mpf(2) / 3
        cases = {
            "relu": (
                exact - (mpmath.sin(theta) - theta * x) / mpmath.pi,
                theta / mpmath.pi,
            ),
            "abs": (
                exact - 2 * (mpmath.sin(theta) - theta * x) / mpmath.pi,
                2 * theta / mpmath.pi,
            ),
            "erf": (
                1 - mpmath.asin(third * x) / mpmath.asin(third),
                (third / mpmath.sqrt(1 - third**2) - third / mpmath.sqrt(1 - (third * x) ** 2))
                / mpmath.asin(third),
            ),
            "sine:2.5": (
                1 - mpmath.sinh(2.5 * x) / mpmath.sinh(2.5),
                2.5 * (mpmath.cosh(2.5) - mpmath.cosh(2.5 * x)) / mpmath.sinh(2.5),
            ),
            "optimal:1": (1 - (x + x**7) / 2, 7 * (1 - x**6) / 2),
        }
        for name, (gap, slope) in cases.items():
            dual = ntkc.dual(name)
            assert dual.gap(delta) == pytest.approx(float(gap), rel=4e-15), name
            assert dual.derivative_gap(delta) == pytest.approx(float(slope), rel=4e-15), name


def test_names_of_users_functions():
    """A callable that happens to share a name is looked at, not looked up."""

    def hermite(x):
        return x**2 + x

    def sin(x):
        return x**3

    assert ntkc.dual(hermite).series == pytest.approx((0.25, 0.25, 0.5), abs=1e-14)
    assert ntkc.dual(sin).series == pytest.approx((0, 9 / 15, 0, 6 / 15), abs=1e-14)
    np.testing.assert_allclose(ntkc.dual(np.sin)(XI), ntkc.dual("sin")(XI), atol=1e-14)


def test_series_are_normalised_and_checked():
    assert ntkc.dual([0, 2, 0, 2, 0]).series == (0, 0.5, 0, 0.5)
    assert ntkc.dual(np.array([1, 1, 1])).chaos == pytest.approx(1, rel=1e-15)
    dual = ntkc.dual("relu")
    assert ntkc.dual(dual) is dual
    assert dual.series[:5] == pytest.approx(
        (1 / math.pi, 0.5, 1 / (2 * math.pi), 0, 1 / (24 * math.pi))
    )
    assert (ntkc.dual("abs").parity, dual.parity, ntkc.dual("tanh").parity) == (1, 0, -1)


# --- optimal activations (claim C2) -------------------------------------------------------------


@pytest.mark.parametrize("dimension", [0.25, 0.7, 1, 1.5, 2, 2.5, 3, 4, 8, 16, 100.25])
def test_optimal_dual(dimension):
    dual = ntkc.optimal_dual(dimension)
    assert ntkc.exponent(dual) == pytest.approx(dimension, rel=1e-14)
    assert math.fsum(dual.series) == pytest.approx(1, rel=1e-15)
    if dimension >= 2:
        assert dual.series[1] == pytest.approx(2 ** (-dimension / 2), rel=1e-15)
        assert dual.chaos == pytest.approx(2, rel=1e-15)


def test_optimal_duals_of_the_authors():
    assert ntkc.optimal_dual(1).series == (0, 0.5, 0, 0, 0, 0, 0, 0.5)
    assert ntkc.optimal_dual(2).series == (0, 0.5, 0, 0.5)
    assert ntkc.optimal_dual(4).series == (0, 0.25, 0.5, 0.25)
    assert ntkc.optimal_dual(8).series == (0, 1 / 16, 7 / 8, 1 / 16)
    assert ntkc.dual("optimal:4").series == ntkc.optimal_dual(4).series


@pytest.mark.parametrize(
    ("dimension", "parameter"),  # the sheet's, to 22 digits
    [
        (2, 2.676073964919651903665),
        (3, 4.394826568436397048463),
        (4, 6.135393035897202728661),
        (5, 7.948659450194978387512),
        (8, 13.82584580528150534860),
        (16, 31.83952243949783091969),
    ],
)
def test_sine_parameter(dimension, parameter):
    with mpmath.workdps(40):
        found = mpmath.findroot(
            lambda a: (
                2 * mpmath.log(mpmath.sinh(a) / a) - dimension * mpmath.log(a * mpmath.coth(a))
            ),
            parameter,
        )
        assert float(found) == parameter
    assert ntkc.sine_parameter(dimension) == pytest.approx(parameter, rel=2e-15)
    assert ntkc.exponent(f"sine:{parameter}") == pytest.approx(dimension, rel=2e-15)


def test_sine_family_does_not_reach_exponent_one():
    assert ntkc.sine_exponent(1.0) == pytest.approx(1.185565769445566, rel=1e-15)
    assert ntkc.exponent("sin") == pytest.approx(1.185565769445566, rel=2e-15)
    assert ntkc.exponent("erf") == pytest.approx(0.8882146512837059, rel=4e-15)
    for a, alpha in (
        (2.676, 1.999958157283591),
        (6.13539, 3.999998289397019),
        (13.8258, 7.999977734812680),
    ):
        assert ntkc.sine_exponent(a) == pytest.approx(alpha, rel=1e-14)
    exponents = [ntkc.sine_exponent(a) for a in (1e-2, 0.1, 0.49, 0.51, 1, 10, 100, 300)]
    assert all(b > a > 1 for a, b in itertools.pairwise(exponents))


# --- regimes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "kind", "case", "exponent"),
    [
        ("relu", "majority", "=", None),
        ("leaky_relu:0.2", "majority", "=", None),
        ("abs", "majority", "=", None),
        ("gelu", "majority", ">", None),
        ("erf", "singular", ">", 0.8882146512837059),
        ("sin", "singular", ">", 1.185565769445566),
        ("tanh", "singular", ">", 0.88070363),
        ("hermite:2", "nearest-neighbour", ">", None),
        ("hermite:5", "nearest-neighbour", ">", None),
        ([0.5, 0.3, 0.1, 0.1], "majority", "<", None),
        ([1, 1, 1], "majority", "=", None),
        (hard_tanh, "singular", ">", None),
        pytest.param(shifted, "majority", ">", None, marks=pytest.mark.slow),
        (bump, "singular", ">", None),
    ],
)
def test_regimes(spec, kind, case, exponent):
    found = ntkc.regime(spec)
    assert (found.kind, found.case, found.doubt) == (kind, case, None)
    if exponent:
        assert found.exponent == pytest.approx(exponent, rel=1e-8)
    assert (found.exponent is None) == (kind != "singular")


def test_regime_of_callables_from_their_moments():
    """hard_tanh: B' = P(|g| < 1)/E phi^2, A' = P(|g| < 1)/sqrt(E phi^2)."""
    inside = math.erf(1 / math.sqrt(2))
    square = inside - 2 * math.exp(-0.5) / math.sqrt(2 * math.pi) + 1 - inside
    alpha = -2 * math.log(inside**2 / square) / math.log(inside / square)
    assert ntkc.regime(hard_tanh).exponent == pytest.approx(alpha, rel=1e-9)
    # bump: E phi'(x) = 2^(-3/2), E phi^2 = 3^(-3/2), E phi'^2 = E (1 - x^2)^2 e^(-x^2)
    slope, square, chaos = 2**-1.5, 3**-1.5, 3**-0.5 * (1 - 2 / 3 + 3 / 9)
    alpha = -2 * math.log(slope**2 / square) / math.log(chaos / square)
    assert ntkc.regime(bump).exponent == pytest.approx(alpha, rel=1e-9)


def test_a_mean_too_near_zero_to_tell():
    with pytest.warns(UserWarning, match="too near 0 to tell, and taken as 0"):
        found = ntkc.regime("selu")
    assert found.kind == "singular"
    assert "majority vote" in found.doubt
    with pytest.warns(UserWarning, match=r"too near 0 to trust: .* depth about 94, and"):
        found = ntkc.regime([1e-28, 0.5, 0, 0.5])  # A = 1e-14: A^2/a^L = 1 at 93.01
    assert found.kind == "majority"
    with pytest.warns(UserWarning, match=r"A' = E phi'.*singular"):
        ntkc.regime(lambda x: x**2 - 1 + 1e-13 * x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ntkc.regime([1e-18, 0.5, 0, 0.5]).kind == "majority"


def test_depth_that_an_uncertain_mean_needs():
    """The depth in the warning: from there the NNGP is the constant of the majority vote."""
    dual = ntkc.dual([1e-28, 0.5, 0, 0.5])
    for depth, reached in ((80, False), (106, True)):
        ratio = ntkc.nngp(dual, 1.0, depth) / ntkc.nngp(dual, 1.2, depth)
        assert (abs(ratio - 1) < 1e-3) == reached


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ntkc.dual([0, -1, 2]), "coefficient 1 of the dual must be finite and >= 0"),
        (lambda: ntkc.dual([0, math.nan]), "coefficient 1 of the dual"),
        (lambda: ntkc.dual([0.0, 0.0]), "must have a finite sum > 0"),
        (lambda: ntkc.dual([]), "must be a series of numbers, a name or a callable"),
        (lambda: ntkc.dual(3), "must be a series of numbers"),
        (lambda: ntkc.exponent([1.0] * 20), r"\[1, 1, 1, 1, 1, 1, 1, 1, ...\] has A = "),
        (lambda: ntkc.dual("rellu"), "Did you mean 'relu'"),
        (lambda: ntkc.dual("sine:x"), "'x' is not a number"),
        (lambda: ntkc.dual("sine:-1"), r"must be in \(0, 300\]"),
        (lambda: ntkc.dual(lambda x: 0.0 * x), "vanishes"),
        (lambda: ntkc.dual(np.sign), "jumps"),
        (lambda: ntkc.dual("relu")(1.1), "xi must be between -1 and 1, not 1.1"),
        (lambda: ntkc.dual("relu").gap([0.1, math.nan]), r"not nan at index \(1,\)"),
        (lambda: ntkc.optimal_dual(0.1), "dimension must be between 0.25 and 1000"),
        (lambda: ntkc.sine_parameter(1.0), "reaches exponents above 1"),
        (lambda: ntkc.regime("linear"), "linear is linear"),
        (lambda: ntkc.regime([1.0]), "is constant"),
        (lambda: ntkc.exponent("relu"), "a singular kernel needs A = 0"),
    ],
)
def test_mistakes(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)

import math

import mpmath
import numpy as np
import pytest
from scipy.stats import multivariate_normal

from theory.activations import Activation, activation
from theory.gaussian import (
    derivative_moment,
    dual,
    dual_curvature,
    dual_derivative,
    expectation,
    hermite_coefficients,
    moment,
)
from theory.prediction import Prediction

mpmath.mp.dps = 30
ULPS = 1e-14  # 50 rounding errors: a sum of some hundred terms of one sign
RHOS = np.array([-1, -1 + 1e-9, -0.999, -0.7, -0.1, 0, 0.3, 0.8, 0.9999, 1 - 1e-12, 1])
SMOOTH = ("gelu", "silu", "tanh", "elu", "selu", "sin", "erf", "hermite:3")


def double_factorial(n):
    return math.prod(range(n, 0, -2))


# --- one dimension ------------------------------------------------------------------------------


@pytest.mark.parametrize("variance", [1e-200, 1e-6, 0.3, 1.0, 7.0, 1e4, 1e60])
@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_moments_of_homogeneous_functions(k, variance):
    s = math.sqrt(variance)
    absolute = double_factorial(k - 1) * (math.sqrt(2 / math.pi) if k % 2 else 1.0)  # E|g|^k
    scale = absolute * s**k
    assert moment("abs", k, variance) == pytest.approx(scale, rel=ULPS)
    assert moment("relu", k, variance) == pytest.approx(scale / 2, rel=ULPS)
    leaky = (1 + (-0.2) ** k) / 2 * scale
    assert moment("leaky_relu:0.2", k, variance) == pytest.approx(leaky, rel=ULPS)
    assert moment("linear", k, variance) == pytest.approx(0 if k % 2 else scale, abs=ULPS * scale)


@pytest.mark.parametrize("v", [1e-8, 0.5, 1.0, 30.0, 1e4])
def test_moments_of_sin_erf_and_hermite(v):
    assert moment("sin", 2, v) == pytest.approx(
        math.exp(-v) * math.sinh(v) if v < 300 else 0.5, rel=ULPS
    )
    erf = 2 / math.pi * math.asin(2 * v / (1 + 2 * v))
    assert moment("erf", 2, v) == pytest.approx(erf, rel=ULPS)
    assert derivative_moment("erf", 2, v) == pytest.approx(
        4 / math.pi / math.sqrt(1 + 4 * v), rel=ULPS
    )
    assert derivative_moment("sin", 1, v) == pytest.approx(math.exp(-v / 2), abs=ULPS)
    # E (s^3 g^3 - 3 s g)^2 / 6 = (15 v^3 - 18 v^2 + 9 v) / 6
    assert moment("hermite:3", 2, v) == pytest.approx((15 * v**3 - 18 * v**2 + 9 * v) / 6, rel=ULPS)


def mp_function(name):
    alpha, scale = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
    return {
        "gelu": lambda x: x * mpmath.ncdf(x),
        "silu": lambda x: x / (1 + mpmath.exp(-x)),
        "tanh": mpmath.tanh,
        "elu": lambda x: x if x > 0 else mpmath.expm1(x),
        "selu": lambda x: scale * (x if x > 0 else alpha * mpmath.expm1(x)),
    }[name]


@pytest.mark.parametrize("name", ["gelu", "silu", "tanh", "elu", "selu"])
@pytest.mark.parametrize("variance", [0.4, 20.0])
def test_moments_against_mpmath(name, variance):
    f, s = mp_function(name), mpmath.sqrt(variance)
    panels = [-14, -6, -3, -1, -0.3, 0, 0.3, 1, 3, 6, 14]  # density at 14: 1e-43
    for k in (1, 2, 4):
        exact = mpmath.quad(lambda g, k=k: f(s * g) ** k * mpmath.npdf(g), panels)
        assert moment(name, k, variance) == pytest.approx(float(exact), rel=ULPS, abs=1e-16)
    slope = mpmath.quad(lambda g: f(s * g) * g * mpmath.npdf(g), panels) / s  # Stein's lemma
    assert derivative_moment(name, 1, variance) == pytest.approx(float(slope), rel=ULPS)


def test_selu_keeps_mean_0_and_variance_1():
    # Klambauer et al. 2017: the fixed point that defines the two constants.
    assert moment("selu", 1, 1.0) == pytest.approx(0, abs=1e-15)
    assert moment("selu", 2, 1.0) == pytest.approx(1, rel=ULPS)


def test_ou_mean_is_the_integral_over_its_own_coordinate():
    # With x = h(z): E phi(g) = int e^(2 z^2) pdf(h(z)) dz, no inverse needed.
    def h(z):
        return mpmath.sqrt(mpmath.pi) / 2 * mpmath.erfi(z)

    exact = 2 * mpmath.quad(
        lambda z: mpmath.exp(2 * z * z) * mpmath.npdf(h(z)), [0, 0.5, 1, 1.5, 2, 2.6]
    )
    assert moment("ou:1,0", 1, 1.0) == pytest.approx(float(exact), rel=ULPS)


def test_variance_zero_and_power_zero():
    assert moment("gelu", 2, 0.0) == 0
    assert moment(lambda x: np.cos(x) + 1, 3, 0.0) == 8
    assert moment("ou:1,0", 2, 0) == 1
    assert moment("tanh", 0, 3.0) == 1
    assert derivative_moment("tanh", 2, 0.0) == 1
    assert derivative_moment("relu", 2, 0.0) == 0
    assert dual("ou:1,0", 0.5, 0.0) == 1
    assert dual("relu", 0.5, 0.0) == dual_derivative("gelu", 0.5, 0.0) == 0
    assert hermite_coefficients("ou:1,0", 2, 0.0).tolist() == [1, 0, 0]
    assert expectation(np.cos, 0.0) == Prediction(1.0, 0.0, "value at 0")


@pytest.mark.parametrize(
    ("function", "kinks", "exact"),
    [
        (lambda x: np.log(np.abs(x)), (0,), -(np.euler_gamma + math.log(2)) / 2),
        (lambda x: 1.0 * (x > 0.3), (0.3,), math.erfc(0.3 / math.sqrt(2)) / 2),
        (lambda x: 1.0 * (x > 0.3), (), math.erfc(0.3 / math.sqrt(2)) / 2),
        (lambda x: np.exp(x * x / 3), (), math.sqrt(3)),
        (lambda x: np.exp(3 * x), (), math.exp(4.5)),
        (lambda x: x**40, (), double_factorial(39)),
        (lambda x: 2.5, (), 2.5),
        (activation("relu"), (), 1 / math.sqrt(2 * math.pi)),
    ],
)
def test_expectation_states_its_error(function, kinks, exact):
    value, error, method = expectation(function, 1.0, kinks)
    assert abs(value - exact) <= error <= 2e-13 * max(abs(exact), 1)
    assert method


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: np.exp(x * x), "f.* diverges or overflows: the integrand is inf at x = "),
        (lambda x: np.exp(x * x / 2.05), "diverges, or converges too slowly"),
        (lambda x: np.where(x > 3, np.nan, x), "the integrand is nan at x = "),
    ],
)
def test_divergent_integrals(function, message):
    with pytest.raises(ValueError, match=message):
        expectation(function, 1.0)


def test_divergent_moment_names_the_activation():
    growing = Activation("growing", lambda x: np.exp(x * x / 5), lambda x: x)
    assert moment(growing, 2, 1.0) == pytest.approx(1 / math.sqrt(1 - 0.8), rel=1e-13)
    with pytest.raises(ValueError, match=r"growing\^3 diverges"):
        moment(growing, 3, 1.0)
    with pytest.raises(ValueError, match=r"sin\^2 is not resolved"):
        moment("sin", 2, 1e100)


@pytest.mark.parametrize("variance", [-1.0, math.nan, math.inf])
def test_bad_variance(variance):
    for call in (
        lambda: moment("relu", 2, variance),
        lambda: derivative_moment("relu", 2, variance),
        lambda: expectation(np.cos, variance),
        lambda: hermite_coefficients("relu", 2, variance),
        lambda: dual("relu", 0.1, variance),
        lambda: dual_derivative("relu", 0.1, variance),
    ):
        with pytest.raises(ValueError, match=f"variance must be finite and >= 0, got {variance}"):
            call()


def test_other_bad_arguments():
    for k in (-1, 2.5, math.nan):
        with pytest.raises(ValueError, match="k must be an integer >= 0"):
            moment("relu", k, 1.0)
    with pytest.raises(ValueError, match="degree must be an integer >= 0"):
        hermite_coefficients("relu", -1)
    for rho in (1.0001, [0.5, -1.5], math.nan):
        with pytest.raises(ValueError, match="rho must be between -1 and 1, got"):
            dual("relu", rho)


# --- Hermite coefficients -----------------------------------------------------------------------


def test_hermite_coefficients_of_relu():
    # a_k^2 = (k-3)!!^2 / (2 pi k!) for even k, sign (-1)^(k/2+1).
    a = hermite_coefficients("relu", 300, 4.0) / 2
    assert a[:2] == pytest.approx([1 / math.sqrt(2 * math.pi), 0.5], rel=ULPS)
    assert np.abs(a[3::2]).max() < 1e-15
    for k in (2, 4, 10, 50, 300):
        log_size = math.lgamma((k - 1) / 2) + (k - 2) / 2 * math.log(2) - math.log(math.pi) / 2
        size = math.exp(log_size - math.lgamma(k + 1) / 2) / math.sqrt(2 * math.pi)
        assert a[k] == pytest.approx(-size if k % 4 == 0 else size, abs=1e-14)


@pytest.mark.parametrize("v", [0.5, 3.0])
def test_hermite_coefficients_of_sin_and_parseval(v):
    # e^(i s g) has coefficients (i s)^k e^(-v/2) / sqrt(k!).
    a = hermite_coefficients("sin", 60, v)
    exact = [
        (-1) ** (k // 2) * math.exp(-v / 2) * v ** (k / 2) / math.sqrt(math.factorial(k))
        if k % 2
        else 0
        for k in range(61)
    ]
    np.testing.assert_allclose(a, exact, atol=1e-15)
    assert a @ a == pytest.approx(moment("sin", 2, v), rel=ULPS)


def test_parseval_within_the_tail():
    for name in ("gelu", "tanh", "silu", "ou:1,0"):
        a, square = hermite_coefficients(name, 400), moment(name, 2, 1.0)
        assert a @ a <= square * (1 + 1e-14)
        assert a @ a == pytest.approx(square, rel=1e-6)
    basis = hermite_coefficients("hermite:7", 9)
    np.testing.assert_allclose(basis, np.eye(10)[7], atol=1e-14)


def test_hermite_coefficients_are_read_only_copies():
    first = hermite_coefficients("tanh", 5)
    first[:] = 0
    assert hermite_coefficients("tanh", 5)[1] > 0.5


# --- two dimensions -----------------------------------------------------------------------------


def arc_cosine(rho):
    """E relu(g1) relu(g2) at 30 digits, and its derivative (Cho & Saul 2009)."""
    rho = mpmath.mpf(float(rho))
    angle = mpmath.acos(rho)
    value = mpmath.sin(angle) + (mpmath.pi - angle) * rho
    return float(value / (2 * mpmath.pi)), float((mpmath.pi - angle) / (2 * mpmath.pi))


@pytest.mark.parametrize("v", [1.0, 5.5])
def test_arc_cosine_kernels(v):
    value, slope = np.array([arc_cosine(r) for r in RHOS]).T
    back, back_slope = np.array([arc_cosine(-r) for r in RHOS]).T
    np.testing.assert_allclose(dual("relu", RHOS, v), v * value, rtol=ULPS, atol=1e-30)
    np.testing.assert_allclose(dual_derivative("relu", RHOS, v), v * slope, rtol=ULPS)
    a = 0.3  # leaky: x+ - a x-, so (1 + a^2) J(rho) - 2 a J(-rho)
    leaky = v * ((1 + a * a) * value - 2 * a * back)
    np.testing.assert_allclose(dual("leaky_relu:0.3", RHOS, v), leaky, rtol=ULPS, atol=1e-15)
    leaky = v * ((1 + a * a) * slope + 2 * a * back_slope)
    np.testing.assert_allclose(dual_derivative("leaky_relu:0.3", RHOS, v), leaky, rtol=ULPS)
    folded = 2 / math.pi * (np.sqrt(1 - RHOS**2) + RHOS * np.arcsin(RHOS))
    np.testing.assert_allclose(dual("abs", RHOS, v), v * folded, rtol=ULPS)
    np.testing.assert_allclose(dual("linear", RHOS, v), v * RHOS, atol=1e-15 * v)
    np.testing.assert_allclose(dual_derivative("linear", RHOS, v), v, rtol=ULPS)


@pytest.mark.parametrize("v", [0.2, 1.0, 40.0])
def test_dual_of_erf_sin_and_hermite(v):
    # Independent of the closed forms: the same functions under another name take the general path.
    for name in ("erf", "sin", "hermite:3"):
        act = activation(name)
        unknown = Activation("unknown", act.function, act.derivative)
        scale = moment(name, 2, v)
        np.testing.assert_allclose(dual(name, RHOS, v), dual(unknown, RHOS, v), atol=2e-13 * scale)
        scale = v * derivative_moment(name, 2, v)
        general = dual_derivative(unknown, RHOS, v)
        np.testing.assert_allclose(dual_derivative(name, RHOS, v), general, atol=2e-13 * scale)
    assert dual("erf", 0.5, v) == pytest.approx(2 / math.pi * math.asin(v / (1 + 2 * v)), rel=ULPS)
    assert dual("sin", 0.5, v) == pytest.approx(math.exp(-v) * math.sinh(v / 2), rel=ULPS)
    assert dual("hermite:3", 0.5) == 0.125
    assert dual_derivative("hermite:3", 0.5) == 0.75
    assert dual("hermite:0", 0.0) == 1


def test_general_path_on_relu():
    # Kinked, so near rho = +-1 the series has not converged and the quadrature is used.
    relu = activation("relu")
    unknown = Activation("unknown", relu.function, relu.derivative, kinks=(0.0,))
    np.testing.assert_allclose(dual(unknown, RHOS, 3.0), dual("relu", RHOS, 3.0), atol=1e-14)
    slope = dual_derivative("relu", RHOS, 3.0)
    np.testing.assert_allclose(dual_derivative(unknown, RHOS, 3.0), slope, atol=1e-14)


@pytest.mark.parametrize(
    "rho", [-0.95, *(pytest.param(r, marks=pytest.mark.slow) for r in (-0.9999, 0.95, 0.9999))]
)
def test_general_path_with_kinks_away_from_zero(rho):
    # clip(x, -1/4, 3/4) = -1/4 + (x + 1/4)+ - (x - 3/4)+, whose conditional mean given g1 = x is
    # a sum of E (rho x + t z - c)+ = t (m Phi(m) + pdf(m)), m = (rho x - c) / t, t^2 = 1 - rho^2.
    def clipped(x):
        return np.clip(x, -0.25, 0.75)

    clipped.derivative = lambda x: 1.0 * ((x > -0.25) & (x < 0.75))
    clipped.kinks = (-0.25, 0.75)
    low, high, r = mpmath.mpf("-0.25"), mpmath.mpf("0.75"), mpmath.mpf(rho)
    t = mpmath.sqrt(1 - r * r)

    def ramp(x, c):
        m = (r * x - c) / t
        return t * (m * mpmath.ncdf(m) + mpmath.npdf(m))

    def given(x):
        conditional = low + ramp(x, low) - ramp(x, high)
        return min(max(x, low), high) * conditional * mpmath.npdf(x)

    near = [
        c + d * t for c in (low / r, high / r) for d in (-16, -8, -4, -2, -1, 0, 1, 2, 4, 8, 16)
    ]
    panels = [x for x in [*near, low, high, *range(-12, 13)] if abs(x) <= 12]
    exact = float(mpmath.quad(given, sorted(set(panels))))
    assert dual(clipped, rho) == pytest.approx(exact, rel=1e-13)
    # the slope is P(both in (-1/4, 3/4)), here by scipy's bivariate normal distribution
    both = multivariate_normal([0, 0], [[1, rho], [rho, 1]], abseps=1e-13, releps=1e-13)
    box = both.cdf([0.75, 0.75], lower_limit=[-0.25, -0.25])
    assert dual_derivative(clipped, rho) == pytest.approx(float(box), abs=1e-11)


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("v", [1.0, 50.0])
def test_dual_at_the_ends_and_its_derivative(name, v):
    scale = moment(name, 2, v)
    assert dual(name, 1.0, v) == pytest.approx(scale, rel=1e-13)
    assert dual(name, 0.0, v) == pytest.approx(moment(name, 1, v) ** 2, abs=1e-13 * scale)
    act = activation(name)
    mirrored = expectation(lambda x: act(x) * act(-x), v, (0.0,)).value
    assert dual(name, -1.0, v) == pytest.approx(mirrored, abs=1e-13 * scale)
    slope = v * derivative_moment(name, 2, v)
    assert dual_derivative(name, 1.0, v) == pytest.approx(slope, rel=1e-13)
    step = 1e-3  # five-point rule: step^4 D'''''/ 30, and rounding 1e-13 / step
    at = [dual(name, 0.4 + j * step, v) for j in (-2, -1, 1, 2)]
    difference = (at[0] - 8 * at[1] + 8 * at[2] - at[3]) / (12 * step)
    assert dual_derivative(name, 0.4, v) == pytest.approx(difference, rel=1e-8)


def test_unequal_variances_general_path_on_known_functions():
    # Under another name the closed forms are not taken: relu by quadrature near +-1, sin by series.
    v, w = 0.7, 3.0
    for name in ("relu", "sin", "erf"):
        known = activation(name)
        unknown = Activation("unknown", known.function, known.derivative, kinks=known.kinks)
        for function in (dual, dual_derivative):
            by_closed = function(name, RHOS, v, w)
            np.testing.assert_allclose(function(unknown, RHOS, v, w), by_closed, atol=2e-14)
            np.testing.assert_allclose(function(unknown, RHOS, w, v), by_closed, atol=2e-14)
    relu = activation("relu")
    unknown = Activation("unknown", relu.function, relu.derivative, kinks=(0.0,))
    bend = math.sqrt(v * w) * np.sqrt(1 - RHOS**2) / (2 * math.pi)  # E s^2 delta(s g1) relu(t g2)
    np.testing.assert_allclose(dual_curvature(unknown, RHOS, v, w), bend, atol=3e-14)
    np.testing.assert_allclose(dual_curvature("relu", RHOS, v, w), bend, atol=1e-15)


@pytest.mark.parametrize("rho", [-0.8, 0.3, 0.97])
def test_unequal_variances_of_sin_and_erf(rho):
    # E cos(x -+ y) = e^(-variance/2); erf(x) = P(|g/sqrt 2| < x) signed, hence an orthant angle.
    v, w = 0.7, 3.0
    cross = rho * math.sqrt(v * w)
    sines = (math.exp(-(v + w - 2 * cross) / 2) - math.exp(-(v + w + 2 * cross) / 2)) / 2
    assert dual("sin", rho, v, w) == pytest.approx(sines, rel=ULPS)
    assert dual_curvature("sin", rho, v, w) == pytest.approx(-v * sines, rel=1e-13)
    angle = math.asin(2 * cross / math.sqrt((1 + 2 * v) * (1 + 2 * w)))
    assert dual("erf", rho, v, w) == pytest.approx(2 / math.pi * angle, rel=ULPS)


@pytest.mark.parametrize("name", ["tanh", "gelu", "silu", "hermite:3"])
def test_unequal_variances_by_gauss_hermite(name):
    # 150 x 150 nodes: rounding at these variances (poles of tanh at +-2.5 i standard deviations)
    x, weights = np.polynomial.hermite_e.hermegauss(150)
    weights = weights / weights.sum()
    act, v, w, rho = activation(name), 0.4, 0.9, 0.6
    a, b = math.sqrt(v) * x[:, None], math.sqrt(w) * (rho * x[:, None] + 0.8 * x)
    found = weights @ (act(a) * act(b)) @ weights
    slope = math.sqrt(v * w) * (weights @ (act.derivative(a) * act.derivative(b)) @ weights)
    both = weights @ (act(a) * act(b) * (x[:, None] - 0.6 * x / 0.8) ** 2) @ weights
    bend = both - found / (1 - rho**2)  # E phi phi ((S^-1 x)_a^2 - (S^-1)_aa) s^2
    assert dual(name, rho, v, w) == pytest.approx(found, abs=1e-12)
    assert dual_derivative(name, rho, v, w) == pytest.approx(slope, abs=1e-12)
    assert dual_curvature(name, rho, v, w) == pytest.approx(bend, abs=1e-11)


def test_variance_zero_of_one_of_two():
    assert dual("gelu", 0.3, 0.0, 2.0) == 0
    hermite = activation("hermite:2")
    assert dual(hermite, 0.3, 0.0, 2.0) == pytest.approx(-(2 - 1) / 2, rel=ULPS)
    with pytest.raises(ValueError, match="variance must be finite and >= 0, got nan"):
        dual("tanh", 0.3, 1.0, math.nan)


def test_shapes_of_rho():
    assert isinstance(dual("gelu", 0.3), float)
    assert isinstance(dual("relu", 0.3), float)
    assert dual("tanh", [[0.1, 0.2, 0.3]]).shape == (1, 3)
    assert dual_curvature("tanh", [0.1, 0.2]).shape == (2,)
    assert dual("tanh", np.array([])).shape == (0,)


def test_unresolved_dual_is_an_error():
    rough = Activation("rough", lambda x: np.sin(1000 * x), lambda x: 1000 * np.cos(1000 * x))
    with pytest.raises(ValueError, match=r"rough.* is not resolved"):
        dual(rough, 0.9999)

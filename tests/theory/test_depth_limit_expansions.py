"""Corrections in 1/n, and the computer-algebra proofs."""

import math
from fractions import Fraction

import numpy as np
import pytest
import sympy
from scipy import integrate

from theory import depth_limit
from theory.depth_limit import large_width, symbolic

# Table of the notes (claims C10, C11): a, b, B, v.
TABLE = {
    0.25: (0.00886922401613778, 0.0747191573618934, 0.0088159281341302, 2.545610836841),
    0.5: (0.0237449493817697, 0.177190393008312, 0.0396682954882089, 3.177664865284),
    0.75: (0.0413260050136987, 0.313469109602619, 0.100224843339812, 3.889555747724),
    1.0: (0.0603277351962858, 0.490924422890405, 0.199830205326115, 4.675334078407),
}


@pytest.mark.parametrize("time", [0.0, 1e-3, *TABLE, 2.0, 8.0, 30.0])
def test_two_derivations_agree(time):
    one, two = depth_limit.width_corrections(time), depth_limit.width_corrections_by_clock(time)
    # The clock route cancels: rounding of terms of size s e^{s/2}.
    assert one.a == pytest.approx(two.a, abs=1e-14)
    assert one.b == pytest.approx(two.b, abs=1e-13 * (1 + time) * math.exp(time / 2))
    assert abs(one.B - two.B) <= 1e-13 * (1 + time) * math.exp(time / 2)
    assert one.v == pytest.approx(two.v, rel=1e-13)


@pytest.mark.parametrize("time", TABLE)
def test_width_corrections_table(time):
    assert depth_limit.width_corrections(time) == pytest.approx(TABLE[time], abs=6e-13)


@pytest.mark.parametrize("time", [1e-6, 0.01, 0.3, 1.0, 4.0, 40.0])
def test_activity_deficit_by_its_integral(time):
    """a = (1/pi) int_{e^{-s/2}}^1 sqrt((1-x)/x) dx by adaptive quadrature."""
    low = math.exp(-time / 2)
    # x = 1 - y^2 near 1, x = y^2 near 0
    middle = max(low, 0.5)
    top = integrate.quad(
        lambda y: 2 * y * y / math.sqrt(1 - y * y), 0, math.sqrt(1 - middle), epsrel=1e-13
    )[0]
    bottom = integrate.quad(lambda y: 2 * math.sqrt(1 - y * y), math.sqrt(low), math.sqrt(middle))[
        0
    ]
    assert large_width.activity_deficit(time) == pytest.approx((top + bottom) / math.pi, rel=1e-11)


def test_activity_deficit_leaves_zero_as_the_small_time_law_says():
    s = 1e-6
    kappa = depth_limit.small_time_coefficient(math.inf)
    assert large_width.activity_deficit(s) / s**1.5 == pytest.approx(kappa, rel=1e-6)
    # The derivative is sqrt(e^{-s/2} (1 - e^{-s/2})) / (2 pi); the integral is consistent.
    for end in (0.5, 3.0, 500.0):
        total = integrate.quad(large_width.activity_deficit, 0, end, epsabs=0, epsrel=1e-12)[0]
        assert large_width.activity_deficit_integral(end) == pytest.approx(total, rel=1e-10)


@pytest.mark.parametrize("time", [0.4, 1.0, 2.5])
def test_b_by_the_printed_formula(time):
    """g(s) and B(s) by adaptive quadrature of the formulas in the docstring."""

    def g(s):
        eps = math.exp(-s / 2)
        alpha = math.asin(math.sqrt(eps))
        inner = integrate.quad(
            lambda x: (1 - x) / x * (2 * math.sqrt(x * (1 - x)) + math.asin(math.sqrt(x))), eps, 1
        )[0]
        first = (1 - eps) * (alpha + math.sin(alpha) * math.cos(alpha))
        return math.exp(s / 2) / math.pi * (first + inner)

    B = integrate.quad(lambda r: math.exp((time - r) / 2) * g(r), 0, time, epsabs=1e-10)[0]
    value = depth_limit.width_corrections(time)
    assert abs(value.B - B) <= 1e-8
    assert value.b == pytest.approx(g(time) + B / 2, abs=1e-8)


def test_b_is_the_derivative_of_B():
    h = 1e-3
    for s in (0.5, 2.0):
        values = [depth_limit.width_corrections(s + k * h).B for k in (-2, -1, 1, 2)]
        slope = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * h)
        assert depth_limit.width_corrections(s).b == pytest.approx(slope, rel=1e-9)


def test_exact_derivatives_at_time_zero():
    """At n fixed d/ds E M = (1 + 1/n)/4 and d/ds n Var Q = 4 + O(1/n), so b' = 1/4 and v' = 2.

    d/ds E[X_i^3] = 3 E[X_i M] = 3 E|g|^3 / (2 n).
    """
    s = 1e-6
    now = depth_limit.width_corrections(s)
    assert now.b / s == pytest.approx(0.25, rel=1e-2)  # the next term is O(sqrt(s))
    assert (now.v - 2) / s == pytest.approx(2, rel=1e-2)
    third = 3 / 2 * 2 * math.sqrt(2 / math.pi)
    assert depth_limit.skewness_coefficient(s) / s == pytest.approx(third, rel=1e-5)


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.9])
def test_covariance_kernel_by_gaussian_quadrature(rho):
    """K(rho) = E relu(g)^2 relu(g')^2 in polar coordinates: E r^4 = 8 times an angular mean."""
    shift = math.acos(rho)
    integral = integrate.quad(
        lambda t: (math.cos(t) * math.cos(t - shift)) ** 2, shift - math.pi / 2, math.pi / 2
    )[0]
    k = 8 * integral / (2 * math.pi)
    x = math.inf if rho == 0 else -math.log(rho)
    assert large_width._excess_covariance(np.array([x]))[0] == pytest.approx(k - 0.25, abs=1e-12)


def test_skewness_by_the_clock():
    """n E X^3 = 3 (q/2) int_1^q E[W_+(u)^3] / (u/2)^2 du, W(u) ~ N(0, u)."""
    third = math.sqrt(2 / math.pi)  # E g_+^3
    for s in (0.3, 1.0, 3.0):
        q = math.exp(s / 2)
        integral = integrate.quad(lambda u: third * u**1.5 / (u / 2) ** 2, 1, q)[0]
        exact = 3 * q / 2 * integral
        assert depth_limit.skewness_coefficient(s) == pytest.approx(exact, rel=1e-12)
    assert depth_limit.skewness_coefficient(1.0) == pytest.approx(4.483588578189, abs=1e-12)
    assert depth_limit.excess_kurtosis_coefficient(1.0) == pytest.approx(8.026, abs=5e-4)


def test_large_times():
    late = depth_limit.width_corrections(900.0)
    assert late.a == pytest.approx(0.5, abs=1e-15)
    assert math.isfinite(late.B)
    with pytest.raises(ValueError, match=r"time must be <= 1000 here, not 2000"):
        depth_limit.width_corrections(2000)
    with pytest.raises(ValueError, match="time must be >= 0"):
        depth_limit.width_corrections_by_clock(-1)


# --- symbolic -------------------------------------------------------------------------------------

PROOFS = [
    (symbolic.gbm_log_drift, ("-1/2",), (0, Fraction(1, 2))),
    (symbolic.gbm_square_growth, (1,), ("1/2",)),
    (symbolic.ou_drift, (1,), ("1/2", 2)),
    (symbolic.ou_noise, (1,), (2,)),
    (symbolic.relu_variance_rate, ("1/2", 0.5), (1, "1/4")),
    (symbolic.activity_deficit_slope, (1,), (2, "1/2")),
]


@pytest.mark.parametrize(
    ("proof", "true", "false"), PROOFS, ids=lambda p: getattr(p, "__name__", "")
)
def test_proof_accepts_the_truth_and_refutes_mutants(proof, true, false):
    assert proof() == 0
    assert all(proof(constant) == 0 for constant in true)
    for constant in false:
        residual = proof(constant)
        assert isinstance(residual, sympy.Expr)
        assert residual != 0


def test_ou_variance_proof():
    assert symbolic.ou_variance() == 0
    assert symbolic.ou_variance(decay=1) != 0
    assert symbolic.ou_variance(level=1) != 0


@pytest.mark.parametrize(
    ("active", "width"), [(a, n) for n in range(1, 6) for a in range(1, n + 1)]
)
def test_norm_drift_and_bracket(active, width):
    assert symbolic.norm_log_drift(active, width) == 0
    assert symbolic.norm_log_drift(active, width, "-1/2") == sympy.Rational(-1, 2 * width)
    assert symbolic.norm_log_bracket(active, width) == 0
    assert (symbolic.norm_log_bracket(active, width, -2) == 0) == (width == 1)


def test_symbolic_mistakes():
    with pytest.raises(ValueError, match="active must be at most the width 2, not 3"):
        symbolic.norm_log_drift(3, 2)
    for constant in ("nan", "x", "1/0", "(", math.inf):
        with pytest.raises(ValueError, match=r"must be a (finite )?number such as '1/2'"):
            symbolic.gbm_log_drift(constant)

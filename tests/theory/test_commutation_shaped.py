"""The covariance of shaped MLPs (claim C9): a diffusion, here by other numerical routes."""

import math

import numpy as np
import pytest
import scipy.linalg
import sympy

from theory import commutation


@pytest.mark.parametrize(
    ("rho", "c_plus", "c_minus", "mean", "second"),
    # Crank-Nicolson of the derivation notes on 4001 points: printed to 1e-5, and that accurate
    [
        (0.3, 1.0, -1.0, 0.53884, 0.49623),
        (0.3, 0.7, 0.7, 0.24071, 0.49288),
        (0.0, 0.0, 1.0, 0.15128, 0.40415),
    ],
)
def test_table(rho, c_plus, c_minus, mean, second):
    found = commutation.shaped_correlation_moments(rho, c_plus, c_minus, 1.0)
    assert found[:2] == pytest.approx((mean, second), abs=1e-5)


def chebyshev(count):
    """Nodes in [0, pi], decreasing, and the differentiation matrix (Trefethen)."""
    k = np.arange(count + 1)
    x = np.cos(np.pi * k / count)
    ends = np.where((k == 0) | (k == count), 2.0, 1.0) * (-1.0) ** k
    matrix = np.outer(ends, 1 / ends) / (x[:, None] - x + np.eye(count + 1))
    return np.pi * (1 + x) / 2, (matrix - np.diag(matrix.sum(axis=1))) * 2 / np.pi


def by_angle(rho, strength, time, count=80):
    """E rho and E rho^2 by collocation in theta, where the diffusion is

    d theta = -(strength / 2 pi)(1 - theta cot theta) dt - sin theta dB.
    """
    theta, D = chebyshev(count)
    pull = np.zeros(count + 1)
    pull[1:-1] = strength / (2 * np.pi) * (1 - theta[1:-1] / np.tan(theta[1:-1]))
    generator = np.diag(np.sin(theta) ** 2 / 2) @ D @ D - np.diag(pull) @ D
    generator[-1] = 0
    u = np.stack([np.cos(theta), np.cos(theta) ** 2], axis=1)
    if strength:  # u is smooth in rho at -1: u' = 0 at theta = pi
        extend = np.vstack([-D[0, 1:] / D[0, 0], np.eye(count)])
        u = extend @ scipy.linalg.expm((generator @ extend)[1:] * time) @ u[1:]
    else:
        u = scipy.linalg.expm(generator * time) @ u
    weights = (-1.0) ** np.arange(count + 1)
    weights[[0, -1]] /= 2
    weights /= math.acos(rho) - theta
    return (weights @ u) / weights.sum()


@pytest.mark.parametrize(
    ("rho", "c_plus", "c_minus", "time"),
    [
        (0.3, 1.0, -1.0, 1.0),
        (0.3, 0.0, 0.0, 1.0),
        (0.01, 1.0, 0.0, 1.0),
        (-0.9, 2.0, 2.0, 0.5),
        (-0.99, 1.0, -0.5, 0.3),
        (0.95, -1.0, 1.0, 0.02),
    ],
)
def test_by_collocation_in_the_angle(rho, c_plus, c_minus, time):
    found = commutation.shaped_correlation_moments(rho, c_plus, c_minus, time)
    exact = by_angle(rho, (c_plus - c_minus) ** 2, time)
    # collocation itself: 1e-11 (80 against 160 nodes)
    assert np.abs(np.array(found[:2]) - exact).max() <= found.error + 3e-11
    assert found.error < 1e-8


def test_small_times_by_the_generator():
    """E f(rho_t) = f + t A f + t^2 A^2 f / 2 + t^3 A^3 f / 6 + O(t^4), symbolically."""
    rho, strength, t = 0.4, 2.25, 0.002
    c = sympy.Symbol("c")
    nu = strength / (2 * sympy.pi) * (sympy.sqrt(1 - c**2) - c * sympy.acos(c))

    def generator(f):
        drift = nu - c * (1 - c**2) / 2
        return drift * sympy.diff(f, c) + (1 - c**2) ** 2 * sympy.diff(f, c, 2) / 2

    found = commutation.shaped_correlation_moments(rho, 2.0, 0.5, t)
    for value, start in zip(found[:2], (c, c**2), strict=True):
        term, total = start, 0.0
        for k in range(4):
            total += t**k / math.factorial(k) * float(term.subs(c, rho).evalf())
            term = generator(term)
        assert value == pytest.approx(total, abs=1e-9)


def test_ends():
    """rho = 1 stays; rho = -1 is left at once, unless the slopes are equal."""
    assert commutation.shaped_correlation_moments(1, 1, -1, 2.0) == (1, 1, 0)
    assert commutation.shaped_correlation_moments(-1, 3, 3, 2.0) == (-1, 1, 0)
    assert commutation.shaped_correlation_moments(0.2, 1, 0, 0.0) == (0.2, 0.2**2, 0)
    at_end = commutation.shaped_correlation_moments(-1, 1, -1, 1.0)
    near = commutation.shaped_correlation_moments(-1 + 1e-9, 1, -1, 1.0)
    assert at_end[:2] == pytest.approx(near[:2], abs=5e-9)
    # first order: nu(-1) = (c_+ - c_-)^2 / 2
    start = commutation.shaped_correlation_moments(-1, 1, -1, 1e-5)
    assert start.mean == pytest.approx(-1 + 2e-5, abs=2e-7)
    # near 1 the gap is a geometric Brownian motion of mean growth e^t
    close = commutation.shaped_correlation_moments(1 - 1e-8, 0, 0, 1.0)
    assert (1 - close.mean) / 1e-8 == pytest.approx(math.e, rel=1e-3)
    late = commutation.shaped_correlation_moments(0.3, 1, -1, 100.0)
    assert 0.999 < late.second < late.mean < 1


def test_drift_is_that_of_the_residual_flow():
    """nu = dc/dt of `flow`, at (c_+ - c_-)^2 = 1; the sign of c_- matters."""
    for rho in (-1.0, -0.5, 0.0, 0.9):
        residual = 2 * commutation.rates((1, 1, rho))[2] / 2 - rho / 2
        assert commutation.shaped_drift(rho, 0.5, -0.5) == pytest.approx(residual, abs=1e-15)
        assert commutation.shaped_drift(rho, 1, 1) == 0
        assert commutation.shaped_drift(rho, 1, -1) == pytest.approx(4 * residual, abs=1e-15)
    assert commutation.shaped_drift(1 - 1e-10, 1, 0) == pytest.approx(
        2e-10**1.5 / (6 * math.pi), rel=1e-6
    )


def test_drift_by_one_layer():
    """n (E <phi_s(U) phi_s(V)> 2/(s_+^2 + s_-^2) - rho) -> nu at infinite n, by Richardson.

    The expectation is (s_+^2 + s_-^2) J(rho) - 2 s_+ s_- J(-rho), J the dual of relu.
    """
    rho, c_plus, c_minus = 0.3, 1.3, -0.4

    def relu_dual(c):
        return (math.sqrt(1 - c * c) + c * (math.pi - math.acos(c))) / (2 * math.pi)

    def change(n):
        up, down = 1 + c_plus / math.sqrt(n), 1 + c_minus / math.sqrt(n)
        both = (up**2 + down**2) * relu_dual(rho) - 2 * up * down * relu_dual(-rho)
        return n * (2 * both / (up**2 + down**2) - rho)

    exact = 2 * change(4e8) - change(1e8)  # error in powers of n^-1/2
    assert commutation.shaped_drift(rho, c_plus, c_minus) == pytest.approx(exact, abs=1e-6)


def test_log_variance():
    assert commutation.shaped_log_variance(1.5) == (-1.5, 3.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: commutation.shaped_correlation_moments(1.2, 1, 0, 1),
            "rho0 must be between -1 and 1",
        ),
        (lambda: commutation.shaped_correlation_moments(0, math.nan, 0, 1), "c_plus must be"),
        (lambda: commutation.shaped_correlation_moments(0, 0, math.inf, 1), "c_minus must be"),
        (lambda: commutation.shaped_correlation_moments(0, 0, 1, -1), "time must be >= 0"),
        (lambda: commutation.shaped_correlation_moments(0, 0, 1, 1e3), "time must be <= 100"),
        (lambda: commutation.shaped_drift(math.nan, 0, 1), "rho must be a finite number"),
        (lambda: commutation.shaped_log_variance(math.nan), "time must be a finite number"),
    ],
)
def test_mistakes(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)

"""Correlation of two inputs at fixed width (claim C22)."""

import math

import numpy as np
import pytest
import sympy
from scipy import integrate, special

from theory.depth_limit import correlation, symbolic


def kappa(c):
    return (math.sqrt(1 - c * c) + c * (math.pi - math.acos(c))) / (2 * math.pi)


def fisher_density(c, n, rho):
    """Density of the sample correlation of n Gaussian pairs of known mean (Fisher 1915)."""
    log_constant = special.gammaln(n) - special.gammaln(n + 0.5)
    return (
        (n - 1)
        * math.exp(log_constant)
        * (1 - rho**2) ** (n / 2)
        * (1 - c * c) ** ((n - 3) / 2)
        / (math.sqrt(2 * math.pi) * (1 - rho * c) ** (n - 0.5))
        * special.hyp2f1(0.5, 0.5, n + 0.5, (1 + rho * c) / 2)
    )


def integral(function, n, rho):
    """Over the law of c; c = sin u removes the singular ends of n = 2."""

    def integrand(u):
        return function(math.sin(u)) * fisher_density(math.sin(u), n, rho) * math.cos(u)

    half = math.pi / 2 - 1e-9
    return integrate.quad(integrand, -half, half, epsabs=1e-12, epsrel=1e-11, limit=400)[0]


@pytest.mark.parametrize(("width", "c0"), [(2, 0.3), (3, 0.3), (5, 0.7), (9, -0.4), (40, 0.95)])
def test_start_by_fishers_density(width, c0):
    n = width
    assert integral(lambda c: 1.0, n, c0) == pytest.approx(1, abs=2e-8)
    start = correlation.correlation_start(n, c0)
    drift = integral(lambda c: ((n - 2 + c * c) * kappa(c) - (n - 1) * c / 2) / n, n, c0)
    bracket = integral(lambda c: (1 - c * c) * (1 - 2 * c * kappa(c)) / n, n, c0)
    assert start == pytest.approx((drift, bracket, integral(lambda c: c, n, c0)), abs=2e-8)


@pytest.mark.parametrize(
    ("width", "c0", "values", "noise"),
    # Monte Carlo of the derivation notes: drift with its standard error; bracket and mean to 1e-3.
    [
        (2, 0.3, (0.0222, 0.1954, 0.2381), 1e-4),
        (3, 0.3, (0.0388, 0.1740, 0.2574), 1e-4),
        (5, 0.7, (0.0002, 0.0591, 0.6594), 1e-4),
    ],
)
def test_start_table(width, c0, values, noise):
    start = correlation.correlation_start(width, c0)
    assert start.drift == pytest.approx(values[0], abs=4 * noise)
    assert start[1:] == pytest.approx(values[1:], abs=1e-3)


def test_start_by_simulation():
    """The process itself: relu of pairs of vectors, no conditioning on c.

    1e6 vectors; six comparisons at 5.5 standard errors: false alarm below 1e-6.
    """
    rng = np.random.default_rng(5)
    for n, c0 in ((2, 0.3), (4, -0.5)):
        a = rng.standard_normal((500_000, n))
        b = c0 * a + math.sqrt(1 - c0**2) * rng.standard_normal(a.shape)
        size_a, size_b = np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)
        c = (a * b).sum(axis=1) / (size_a * size_b)
        up, vp = np.maximum(a, 0), np.maximum(b, 0)
        m_a, m_b = (up**2).sum(axis=1) / n / size_a**2, (vp**2).sum(axis=1) / n / size_b**2
        m_ab = (up * vp).sum(axis=1) / n / (size_a * size_b)
        samples = (
            correlation.correlation_drift(n, c, m_a, m_b, m_ab),
            correlation.correlation_bracket(c, m_a, m_b, m_ab),
            c,
        )
        for sample, exact in zip(samples, correlation.correlation_start(n, c0), strict=True):
            assert abs(sample.mean() - exact) < 5.5 * sample.std() / math.sqrt(len(sample))
        without_square = (n - 2) * m_ab - (n - 1) * c * (m_a + m_b) / 2
        gap = abs(without_square.mean() - correlation.correlation_start(n, c0).drift)
        assert gap > 20 * without_square.std() / math.sqrt(len(c))


def test_drift_and_bracket_by_small_steps():
    """One-step means by Gauss-Hermite quadrature over the noise, n = 2, Richardson in the step."""
    a, b = np.array([0.8, -0.3]), np.array([0.5, 0.9])
    up, vp = np.maximum(a, 0), np.maximum(b, 0)
    gram = np.array([[up @ up, up @ vp], [up @ vp, vp @ vp]]) / 2
    root = np.linalg.cholesky(gram)
    x, w = np.polynomial.hermite_e.hermegauss(12)
    z = np.stack([g.ravel() for g in np.meshgrid(x, x, x, x, indexing="ij")])
    weights = np.prod(np.stack([g.ravel() for g in np.meshgrid(w, w, w, w, indexing="ij")]), axis=0)
    weights /= weights.sum()
    c = float(a @ b / math.sqrt((a @ a) * (b @ b)))

    def one_step(h):
        first, second = z[:2], z[2:]
        p = a[:, None] + math.sqrt(h) * root[0, 0] * first
        q = b[:, None] + math.sqrt(h) * (root[1, 0] * first + root[1, 1] * second)
        change = (p * q).sum(0) / np.sqrt((p * p).sum(0) * (q * q).sum(0)) - c
        return np.array([weights @ change, weights @ change**2]) / h

    drift, bracket = 2 * one_step(1e-4) - one_step(2e-4)
    size_a, size_b = a @ a, b @ b
    m = gram[0, 0] / size_a, gram[1, 1] / size_b, gram[0, 1] / math.sqrt(size_a * size_b)
    assert correlation.correlation_drift(2, c, *m) == pytest.approx(drift, abs=1e-6)
    assert correlation.correlation_bracket(c, *m) == pytest.approx(bracket, abs=1e-6)


def test_linear_network():
    """-c (1 - c^2)/n and 2 (1 - c^2)^2/n hold for every c, so also on average."""
    for n, c0 in ((2, 0.6), (7, -0.2)):
        start = correlation.correlation_start(n, c0, "linear")
        drift = -integral(lambda c: c * (1 - c * c), n, c0) / n
        bracket = 2 * integral(lambda c: (1 - c * c) ** 2, n, c0) / n
        assert start[:2] == pytest.approx((drift, bracket), abs=1e-8)


def test_extreme_widths_and_correlations():
    # E c = c_0 - c_0 (1 - c_0^2)/(2n) + O(n^-2)
    wide = correlation.correlation_start(10**6, 0.5)
    assert wide.mean == pytest.approx(0.5 - 0.5 * 0.75 / 2e6, abs=1e-11)
    assert wide.drift == pytest.approx(kappa(0.5) - 0.25, abs=1e-5)
    for n in (2, 1000):
        near = correlation.correlation_start(n, 0.999)
        assert 0.99 < near.mean < 0.999
        assert 0 < near.bracket < 1e-3
        opposite = correlation.correlation_start(n, -1.0)
        assert opposite == pytest.approx(((n - 1) / (2 * n), 0, -1), abs=1e-15)
        same = correlation.correlation_start(n, 1.0)
        assert same == pytest.approx((0, 0, 1), abs=1e-15)


def test_infinite_width():
    assert correlation.infinite_width_correlation(0.3, 1.0) == pytest.approx(0.38295, abs=6e-6)
    assert correlation.infinite_width_correlation(0.3, 0.0) == pytest.approx(0.3, abs=1e-15)
    assert correlation.infinite_width_correlation(1.0, 5.0) == 1.0
    solution = integrate.solve_ivp(
        lambda _, c: [kappa(float(c[0])) - c[0] / 2], (0, 3), [-0.8], rtol=1e-11, atol=1e-13
    )
    value = correlation.infinite_width_correlation(-0.8, 3.0)
    assert value == pytest.approx(float(solution.y[0, -1]), abs=1e-9)
    late = 1 - correlation.infinite_width_correlation(-1.0, 1e5)
    assert late * 1e10 / (18 * math.pi**2) == pytest.approx(1, abs=1e-3)


def test_mistakes():
    with pytest.raises(ValueError, match="width must be >= 2, not 1"):
        correlation.correlation_start(1, 0.3)
    with pytest.raises(ValueError, match="tanh is not homogeneous"):
        correlation.correlation_start(3, 0.3, "tanh")
    for bad in (1.01, -2):
        with pytest.raises(ValueError, match="c0 must be between -1 and 1"):
            correlation.infinite_width_correlation(bad, 1.0)
    with pytest.raises(ValueError, match="c0 must be a finite number"):
        correlation.correlation_start(3, math.nan)


@pytest.mark.parametrize(
    ("proof", "true", "false"),
    [(symbolic.correlation_drift, 1, (0, -1)), (symbolic.correlation_bracket, -2, (-1, 2))],
)
def test_proof_accepts_the_truth_and_refutes_mutants(proof, true, false):
    assert proof(true) == 0
    for constant in false:
        residual = proof(constant)
        assert isinstance(residual, sympy.Expr)
        assert residual != 0

"""Squared-error theory and classical rules (C14, C15)."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import ncx2

from theory import kernel_density as kd


def test_mise_in_one_dimension_by_quadrature():
    """Bias^2 + variance of the estimator, integrated, over int rho^2."""
    n, h = 7, 0.6
    x = np.linspace(-14, 14, 4001)

    def normal(variance):
        return np.exp(-x * x / (2 * variance)) / np.sqrt(2 * np.pi * variance)

    mean = normal(1 + h * h)
    # E K_h^2 = K_{h / sqrt 2} * rho / (2 h sqrt pi)
    second = normal(1 + h * h / 2) / (2 * h * math.sqrt(math.pi))
    error = np.trapezoid((mean - normal(1)) ** 2 + (second - mean**2) / n, x)
    value = error / np.trapezoid(normal(1) ** 2, x)
    assert kd.relative_mise(1, n, h) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(("d", "n"), [(1, 1), (1, 50), (3, 1e4), (20, 1e3), (60, 1e12), (2, 1e30)])
def test_optimum_minimises(d, n):
    best = kd.mise_optimum(d, n)
    found = minimize_scalar(
        lambda x: -kd.mise_gain(d, n, math.exp(x)),
        bounds=(math.log(best) - 1, math.log(best) + 1),
        method="bounded",
        options={"xatol": 1e-10},
    )
    if n < 1e30:  # there h^4 is below the rounding of the gain
        assert math.exp(found.x) == pytest.approx(best, rel=1e-5)
    t, k = best**-2, d / 2 + 1
    right = (t + 0.5) ** -k * -math.expm1(k * math.log1p(-0.5 / (t + 1))) + (t + 1) ** -k / n
    assert right * n == pytest.approx(1, rel=1e-12)
    assert kd.mise_approximation(d, n) <= best * (1 + 1e-15)


def test_figures_of_the_sheet():
    for alpha, d, closed, exact, digits in [
        (0.3, 20, 0.9034, 0.9070, 5e-5),
        (0.3, 50, 0.88369, 0.88373, 5e-6),
        (1, 50, 0.3971, 0.3985, 5e-5),
    ]:
        n = math.exp(alpha * d)
        tolerance = {"abs": 1.3 * digits}
        assert kd.mise_approximation(d, n) == pytest.approx(closed, **tolerance)
        assert kd.mise_optimum(d, n) == pytest.approx(exact, **tolerance)
    for alpha, d, gain in [(0.1, 20, 5e-3), (0.3, 50, 4e-4)]:
        n = math.exp(alpha * d)
        best = kd.mise_optimum(d, n)
        assert kd.mise_gain(d, n, best) == pytest.approx(gain, rel=0.06)
        assert kd.relative_mise(d, n, best) == 1 - kd.mise_gain(d, n, best)
    assert kd.mise_optimum(5, 1) == pytest.approx(math.sqrt(2), rel=1e-9)


def test_limit_is_the_field_of_the_boundaries():
    for alpha in (0.1, 0.5, 1.0):
        d = 600 / alpha
        found = kd.mise_approximation(d, math.exp(alpha * d))
        assert found == pytest.approx(kd.boundaries(alpha).h_mise, rel=4 * alpha / d)
    pair = [(1, 0.25), (1, 1.75)]
    for alpha in (1e-9, 0.2, 3.0, 40.0):
        h2 = kd.boundaries(alpha, spectrum=pair).h_mise ** 2
        balance = sum(math.log(v / h2 + 0.5) for _, v in pair) / 4
        assert balance == pytest.approx(alpha, rel=1e-12, abs=1e-15)
    exact = kd.boundaries(0.3, spectrum=[(1, 4.0), (2, 4.0)]).h_mise
    assert exact == pytest.approx(2 * kd.boundaries(0.3).h_mise, rel=1e-15)


def test_squared_error_never_reaches_the_normal_regime():
    """It crosses h_G once, and lambda* <= 1.06553 (C14); so the mutant h_MISE > h_CLT fails."""

    def log_index(alpha):
        return math.log(kd.stable_index(alpha, kd.boundaries(alpha).h_mise))

    assert brentq(log_index, 0.1, 0.6, xtol=1e-15) == pytest.approx(0.29209632222323, abs=2e-14)
    grid = np.geomspace(1e-8, 300, 400)
    index = kd.stable_index(grid, kd.boundaries(grid).h_mise)
    assert index.max() == pytest.approx(1.06553, abs=1e-4)
    assert grid[np.argmax(index)] == pytest.approx(0.629, rel=0.04)
    assert np.sum(np.diff(np.sign(index[grid < 5] - 1)) != 0) == 1


def test_classical_rules():
    assert kd.scott(3, 100) == pytest.approx(100 ** (-1 / 7), rel=1e-15)
    for d, n in [(1, 50), (20, 1e3)]:
        textbook = ((d + 2) * n / 4) ** (-1 / (d + 4))
        assert kd.silverman(d, n) == pytest.approx(textbook, rel=1e-14)
    pair = [(1, 0.25), (1, 1.75)]
    for alpha in (0.05, 0.2):
        d = 3000
        limits = kd.boundaries(alpha), kd.boundaries(alpha, spectrum=pair)
        n = math.exp(alpha * d)
        assert kd.scott(d, n) == pytest.approx(limits[0].h_scott, rel=4 * alpha / d * 1.1)
        assert kd.silverman(d, n) == pytest.approx(limits[0].h_scott, rel=8 * math.log(d) / d)
        assert kd.silverman(d, n, pair) == pytest.approx(limits[1].h_scott, rel=8 * math.log(d) / d)


def test_normal_reference_of_two_variances_minimises_its_error():
    """R(K) / (n h^d) + h^4 int (Delta rho)^2 / 4, the integral by quadrature in the plane."""
    variances, n = (0.5, 2.0), 300.0
    x = np.linspace(-12, 12, 801)
    a, b = np.meshgrid(x, x, indexing="ij")
    density = np.exp(-(a**2) / (2 * variances[0]) - b**2 / (2 * variances[1]))
    density /= 2 * np.pi * math.sqrt(variances[0] * variances[1])
    curvature = sum((y / v) ** 2 - 1 / v for y, v in zip((a, b), variances, strict=True))
    integral = np.trapezoid(np.trapezoid((density * curvature) ** 2, x), x)
    best = (2 / (4 * math.pi * n * integral)) ** (1 / 6)
    assert kd.silverman(2, n, [(1, v) for v in variances]) == pytest.approx(best, rel=1e-10)


# Largest d <= 60 with finite-size index > 2 and > 1: Scott, Silverman (sheet, C15).
TABLE = {
    1e2: (3, 6, 3, 5),
    1e3: (4, 9, 4, 7),
    1e4: (6, 12, 5, 9),
    1e5: (7, 15, 6, 11),
    1e6: (8, 17, 7, 13),
    1e9: (10, 25, 9, 19),
    1e12: (13, 32, 11, 23),
}


@pytest.mark.parametrize("n", TABLE)
def test_where_the_rules_land(n):
    """2 h^2 d log F / d r^2 at F = 1/n by scipy's law, an oracle for `finite_index` too."""
    found = []
    d = np.arange(1, 61)
    edge = ncx2.ppf(1 / n, d, d)
    slope = ncx2.pdf(edge, d, d) / ncx2.cdf(edge, d, d)
    for rule in (kd.scott, kd.silverman):
        index = 2 * rule(d, n) ** 2 * slope
        found += [int(d[index > bound].max()) for bound in (2, 1)]
    assert tuple(found) == TABLE[n]
    # the mutant: the limit of d -> oo, which is condensed in every cell
    alpha = math.log(n) / d
    assert np.all(kd.stable_index(alpha, np.exp(-alpha)) < 1 + 1e-14)


def test_mistakes_get_one_line():
    for call, message in [
        (lambda: kd.mise_optimum(0, 10), "d must be > 0"),
        (lambda: kd.mise_optimum(3, 0.5), "n must be >= 1, not 0.5"),
        (lambda: kd.scott(3, math.nan), "n must be > 0 and finite, not nan"),
        (lambda: kd.relative_mise(3, 10, 0), "h must be > 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()

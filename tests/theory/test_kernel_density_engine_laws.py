"""The law of kernel sums at finite n and d, means over the query, and the best bandwidth.

Oracles: literal data, a convolution for two points, closed cases, the exact mean, and the sheet.
"""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from theory.kernel_density.engine import finite_index, log_moment, means
from theory.kernel_density.law import LargestLaw, exact, sum_law
from theory.kernel_density.optimum import kl_divergence, kl_optimum, query_means, query_rule


def glass(alpha):
    """s_G(alpha) at q = 1 by bisection of alpha(s) (C1)."""
    low, high = -60.0, 60.0
    for _ in range(200):
        s = math.exp((low + high) / 2)
        above = math.log1p(1 / s) / 2 - s / (2 * (1 + s) ** 2) > alpha
        low, high = ((low + high) / 2, high) if above else (low, (low + high) / 2)
    return s


def draws(d, n, h, q, runs, seed=20240815):
    """log S of `runs` literal data sets."""
    rng = np.random.Generator(np.random.PCG64(seed))
    x = np.full(d, math.sqrt(q))
    logs = []
    for _ in range(runs // 500):
        r2 = ((rng.standard_normal((500 * n, d)) - x) ** 2).sum(axis=1).reshape(500, n)
        logs.append(np.logaddexp.reduce(-r2 / (2 * h * h), axis=1))
    return np.sort(np.concatenate(logs))


def test_law_of_two_points_by_convolution():
    law, h = exact(20, 2, 1.0), 1.0
    for log_s in (-22.0, -17.0, -13.0, -11.0):
        rest = math.exp(log_s)
        edge = -2 * h * h * log_s  # W <= s
        points = edge + np.array([1e-9, 1e-6, 1e-3, 0.1, 1, 3, 8, 20, 40, 80, 160])
        value = 0.0
        for low, high in itertools.pairwise(points):
            x, weight = np.polynomial.legendre.leggauss(30)
            t = (low + high) / 2 + (high - low) / 2 * x
            other = -2 * np.log(rest - np.exp(-t / 2))
            value += (
                (high - low)
                / 2
                * weight
                @ (stats.ncx2.pdf(t, 20, 20) * stats.ncx2.sf(other, 20, 20))
            )
        assert float(law.cdf(log_s)) == pytest.approx(value, abs=law.law.error + 1e-8)


@pytest.mark.parametrize("size", [(10, 100, 0.5, 1.0), (4, 100, 0.6, 1.0), (6, 60, 1.5, 0.5)])
def test_law_and_means_against_literal_data(size):
    # False alarms: DKW at 1e-6, means at 6 standard errors (1e-8 each).
    logs = draws(*size, runs=6000)
    found = exact(*size)
    grid = np.arange(logs.size + 1) / logs.size
    p = found.cdf(logs)
    distance = max((grid[1:] - p).max(), (p - grid[:-1]).max())
    assert distance < math.sqrt(math.log(2 / 1e-6) / (2 * logs.size))
    standard_error = logs.std() / math.sqrt(logs.size)
    assert abs(found.log_sum.value - logs.mean()) < 6 * standard_error
    # Mutants: the Gumbel constant dropped, and the annealed average.
    assert abs(found.log_sum.value + np.euler_gamma - logs.mean()) > 6 * standard_error
    annealed = math.log(size[1]) + log_moment(size[0], size[2], size[3])
    if finite_index(*size).index < 1:
        assert abs(annealed - logs.mean()) > 6 * standard_error


@pytest.mark.parametrize(
    "size",
    [
        (20, 1000, 0.2),  # index .05
        (20, 1000, 0.75),
        (100, 1e12, 0.65),
        (100, 1e12, 1.0),  # 1.13
        (100, 1e12, 1.2),
        (300, 1e30, 1.6),  # 2.6
        (20, 1000, 1e4),  # S constant to 2e-9
    ],
)
def test_law_has_the_exact_mean(size):
    # The mean comes from the real Laplace transform, the law from a complex one.
    law, (truth, rounding, _) = sum_law(*size), means(*size).log_sum
    assert law.error < 1e-7
    x, weight = np.polynomial.legendre.leggauss(40)
    edges = stats.norm.cdf(np.linspace(-5.2, 5.2, 40))
    p = (edges[1:] + edges[:-1])[:, None] / 2 + np.diff(edges)[:, None] / 2 * x
    y = law.quantile(p)
    mean = (np.diff(edges)[:, None] / 2 * weight * y).sum() / (edges[-1] - edges[0])
    spread = float(np.subtract(*law.quantile([0.84, 0.16])) / 2)
    # Cut off is 1e-7 in probability on each side; log S is within 1000 spreads there.
    assert abs(mean - truth) < 1e-4 * spread + rounding
    # A float cannot tell log S apart within eps |log S|.
    levels = [1e-6, 0.5, 0.999]
    blur = 1e-12 + 4e-16 * abs(truth) / spread
    assert law.cdf(law.quantile(levels)) == pytest.approx(levels, abs=blur)
    # At the mean shifted by Euler's constant, the mutant, the law is elsewhere.
    if finite_index(*size).index < 1:
        assert abs(mean - truth - np.euler_gamma) > 0.02 * spread


def test_median_fluctuations_of_the_sheet():
    # C5 at alpha = .3, -log median |S/(n E W) - 1|/d, simulated there to about 1e-4.
    for index, d, value in (
        (1.3, 100, 0.0185),
        (1.3, 400, 0.0125),
        (1.6, 200, 0.0315),
        (1.6, 800, 0.0278),
        (2.5, 200, 0.0753),
        (3.0, 100, 0.0932),
    ):
        h, n = math.sqrt(index * glass(0.3)), math.exp(0.3 * d)
        law, base = sum_law(d, n, h), 0.3 * d + log_moment(d, h)
        size = math.exp(-value * d)
        tolerance = 0.02 + 1e-4 * d  # of the logarithm of the median
        for sign, side in ((1, 1), (-1, -1)):
            median = size * math.exp(sign * tolerance)
            inside = law.cdf(base + math.log1p(median)) - law.cdf(base + math.log1p(-median))
            assert side * (float(inside) - 0.5) > 0


def test_largest_term_alone():
    one = exact(3, 1, 0.5)
    assert isinstance(one.law, LargestLaw)
    r2 = np.array([1.0, 6.0, 20.0])
    truth = stats.ncx2.sf(r2, 3, 3)
    assert one.cdf(-r2 / 0.5) == pytest.approx(truth, rel=1e-10)
    assert one.law.quantile(truth) == pytest.approx(-r2 / 0.5, rel=1e-9)
    tiny = sum_law(20, 1000, 1e-3)
    assert isinstance(tiny, LargestLaw)
    assert tiny.error < 1e-5


def test_law_says_when_it_is_not_resolved():
    with pytest.raises(ValueError, match=r"not resolved at d = 1, n = 2, h = 1.0 \(error"):
        sum_law(1, 2, 1.0)
    with pytest.raises(ValueError, match=r"needs n = 1 or n >= 2, not 1\.5"):
        sum_law(3, 1.5, 1.0)
    with pytest.raises(ValueError, match="log_s must not be NaN"):
        sum_law(5, 20, 1.0).cdf(math.nan)


# Averages over the query, and the optimum.


@pytest.mark.parametrize("d", [1, 4, 50, 100_000])
def test_query_rule_has_the_moments_of_chi_squared(d):
    q, weights = query_rule(d, 12)
    for k in range(5):
        moment = math.prod((d + 2 * j) / d for j in range(k))
        assert weights @ q**k == pytest.approx(moment, rel=1e-9)  # weights below 1e-14 are left out


def test_optimum_of_one_point_is_closed():
    # E sum p r^2 = E r^2 = 2 d, so h* = sqrt 2 and KL = d log(2)/2.
    found = kl_optimum(3, 1)
    assert found.bandwidth.value == pytest.approx(math.sqrt(2), rel=1e-9)
    assert found.divergence.value == pytest.approx(1.5 * math.log(2), rel=1e-9)


@pytest.mark.parametrize(
    ("d", "n", "bandwidth", "divergence"),
    [
        (20, 999, 0.86446, 1.828),
        pytest.param(5, 999, 0.54456, 0.128, marks=pytest.mark.slow),
        pytest.param(10, 999, 0.70522, 0.525, marks=pytest.mark.slow),
        pytest.param(40, 999, 1.00266, 5.443, marks=pytest.mark.slow),
        pytest.param(20, 1e6, 0.63690, 0.689519, marks=pytest.mark.slow),
        pytest.param(50, 1e12, 0.65805, 1.789457, marks=pytest.mark.slow),
    ],
)
def test_optima_of_the_sheet(d, n, bandwidth, divergence):
    # C10 (leave-one-out, n - 1 points) and 5.5, to the digits printed.
    found = kl_optimum(d, n)
    assert found.bandwidth.value == pytest.approx(bandwidth, abs=6e-6)
    assert found.divergence.value == pytest.approx(divergence, abs=6e-4 if n < 1e3 else 6e-7)
    assert found.bandwidth.error < 1e-6
    # The identity of C11, and a minimum: 1 % to either side is worse.
    h = found.bandwidth.value
    for factor in (0.99, 1.01):
        assert kl_divergence(d, n, factor * h).value > found.divergence.value
    # Mutant: the asymptotic bandwidth at (20, 1000).
    if (d, n) == (20, 999):
        assert abs(h - 0.7419) > 0.1


@pytest.mark.parametrize(("d", "n"), [(1, 1e20), (1, 1e30), (3, 1e30)])
def test_optimum_below_rounding_says_so(d, n):
    with pytest.raises(ValueError, match=rf"and d = {d} is lost in rounding"):
        kl_optimum(d, n)


@pytest.mark.slow
def test_optimum_that_rare_queries_decide_says_so():
    with pytest.raises(ValueError, match=r"is lost: .* changes by .* % with their number"):
        kl_optimum(1, 1e14)


def test_divergence_is_never_negative():
    found = kl_divergence(1, 1e30, 1e-3)
    assert found.value >= 0
    assert abs(found.value - 0.25e-12) <= found.error  # h^4/4: only the bias is left
    assert kl_divergence(1, 1e30, 1e-2).value == pytest.approx(0.25e-8, rel=5e-3)


def test_optimum_in_one_dimension():
    # Two resolutions, and a stationary point of the risk: its differences over h* (1 -+ 1/4).
    found = kl_optimum(1, 1e4)
    h = found.bandwidth.value
    assert found.bandwidth.error < 1e-3 * h
    for factor in (0.75, 1.25):
        assert kl_divergence(1, 1e4, factor * h).value > found.divergence.value


def test_divergence_of_scott_and_shares_at_the_optimum():
    # C10: Scott at (20, 1000) costs 2.168 nats; E Y_2 at the exact optimum .277.
    assert kl_divergence(20, 999, 1000 ** (-1 / 24)).value == pytest.approx(2.168, abs=6e-4)
    assert query_means(20, 999, 0.86446).y2.value == pytest.approx(0.277, abs=6e-4)

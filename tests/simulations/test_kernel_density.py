"""Kernel sums of random data: the sampler against literal data, exact means and exact laws.

Statistics are compared within Z standard errors, laws within the band of Dvoretzky, Kiefer and
Wolfowitz: all tests of this file together raise a false alarm with probability 1e-6.
"""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pytest
from scipy import integrate, special, stats

from simulations import core
from simulations.core import Estimate, Experiment, Job, Law, Result
from simulations.kernel_density import (
    DIRECT,
    SPACINGS,
    SUMS,
    Params,
    order,
    prepared,
)
from theory import kernel_density as theory

core.setup()

Array = np.ndarray[Any, Any]
LEVEL = 0.5e-6
"""For the normal statistics, and as much for the laws."""
Z = stats.norm.isf(LEVEL / 2 / 400)
"""Four hundred statistics at most, two-sided: 6.1."""
LAWS = 20
ROUNDING = 1e-12
"""Of log S, relative to log S and to log n: that of the spline of log r^2."""


def simulate(experiment: Experiment = SUMS, samples: int = 1 << 14, **more: Any) -> Result:
    p = Params(**more)
    (found,) = core.run([Job(experiment, p if experiment is SPACINGS else prepared(p), samples)], 7)
    return found


def mean(found: Result, name: str) -> Estimate:
    e = found[name]
    assert isinstance(e, Estimate)
    return e


def assert_is(e: Any, value: float, stderr: float = 0.0, slack: float = 0.0) -> None:
    assert isinstance(e, Estimate)
    assert abs(e.value - value) <= Z * math.hypot(e.stderr, stderr) + slack, (e, value)


def band(samples: int) -> float:
    return math.sqrt(math.log(2 * LAWS / LEVEL) / (2 * samples))


def literal(d: int, n: int, q: float, samples: int, seed: int = 3) -> Array:
    """Squared distances from a fixed query to data of numpy's; (samples, n)."""
    rng = np.random.default_rng(seed)
    x = np.full(d, math.sqrt(q))
    return np.stack([((rng.standard_normal((n, d)) - x) ** 2).sum(axis=1) for _ in range(samples)])


# --- the sampler --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("d", "q", "n"), [(1, 1.0, 50), (1, 0.0, 1e9), (20, 1.0, 1e3), (300, 3, 9)]
)
def test_table_inverts_the_distribution_function(d: int, q: float, n: float) -> None:
    """Of scipy, where it is not below 1e-80; errors of its own are 1e-13."""
    u = np.linspace(-math.log(n) - 30, 30, 999)
    squares = np.exp(order.log_distance(d, q, n)(u))
    law = stats.ncx2(d, q * d) if q else stats.chi2(d)
    low = u < 0
    assert np.allclose(law.logcdf(squares[low]), -np.logaddexp(0, -u[low]), rtol=0, atol=2e-7)
    assert np.allclose(law.logsf(squares[~low]), -np.logaddexp(0, u[~low]), rtol=0, atol=2e-7)


def test_order_statistics_of_uniform_variables() -> None:
    """The j-th of n is Beta(j, n + 1 - j), which is exact for real n as well."""
    for n, k in ((40, 40), (2500.5, 16)):
        u = order.draw_logits(np.random.default_rng(2), n, k, 1 << 14)
        assert np.all(np.diff(u, axis=0) > 0)
        for j in (1, k // 2, k):
            p = stats.beta(j, n + 1 - j).cdf(1 / (1 + np.exp(-u[j - 1])))
            assert stats.kstest(p, "uniform").statistic < band(p.size)


@pytest.mark.parametrize(
    ("d", "n", "h", "q", "top"), [(3, 65, 0.5, 1.0, 4), (6, 150, 0.8, 2.0, 16)]
)
def test_literal_data(d: int, n: int, h: float, q: float, top: int) -> None:
    """Sums by order statistics against numpy's data sets: two-sample bands, and all the means."""
    w = np.exp(-literal(d, n, q, 4000) / (2 * h * h))
    s = w.sum(axis=1)
    p = w / s[:, None]
    y2 = (p**2).sum(axis=1)
    excess = s / (n * (1 + 1 / h**2) ** (-d / 2) * math.exp(-q * d / (2 * (1 + h * h)))) - 1
    found = order.draw_weights(np.random.default_rng(4), order.Case(d, q, n, h, top), 20_000)
    for mine, true in (
        (found.log_sum, np.log(s)),
        (found.y2, y2),
        (found.y3, (p**3).sum(axis=1)),
        (found.p1, p.max(axis=1)),
        (found.excess, excess),
    ):
        assert stats.ks_2samp(mine, true).statistic < band(20_000) + band(4000)
    result = simulate(dimension=d, points=n, bandwidth=h, q=q, top=top, samples=20_000)
    logs = np.sort(np.log(w), axis=1)[:, ::-1]
    ratios = (logs[:, :3].sum(axis=1) - 3 * logs[:, 3]) / 3
    for name, x in (
        ("log_sum", np.log(s)),
        ("y2", y2),
        ("y2_square", y2**2),
        ("p1", p.max(axis=1)),
        ("inverse_p1", 1 / p.max(axis=1)),
        ("effective_points", 1 / y2),
        ("log_excess", np.log(np.abs(excess))),
        ("log_density", np.log(s) - math.log(n) - d / 2 * math.log(2 * math.pi * h * h)),
    ):
        assert_is(result[name], x.mean(), x.std() / math.sqrt(x.size))
    index = 1 / ratios.mean()
    assert_is(result["index"], index, ratios.std() / math.sqrt(ratios.size) * index**2)


TABLE = [
    (10, 500, 0.8, 1.0, -1.63014406585, 0.129258850638, 0.0377393936146),
    (20, 1000, 0.75, 1.0, -10.9215285922, 0.420746298111, 0.276707729455),
    (50, 1e6, 0.7, 1.0, -35.7206041947, 0.505331024254, 0.372058900529),
    (100, 1e12, 0.65, 1.0, -80.6407211569, 0.53454432763, 0.406392795243),
    (30, 1e4, 0.9, 1.3, -14.523028238, 0.316277048415, 0.187636721601),
]
"""Table 5.4 of the sheet: d, n, h, q, E log S, E Y_2, E Y_3 by another exact engine."""


@pytest.mark.parametrize(("d", "n", "h", "q", "log_sum", "y2", "y3"), TABLE)
def test_exact_means(
    d: int, n: float, h: float, q: float, log_sum: float, y2: float, y3: float
) -> None:
    found = simulate(dimension=d, points=n, bandwidth=h, q=q, samples=1 << 15)
    for name, value in {"log_sum": log_sum, "y2": y2, "y3": y3}.items():
        assert_is(found[name], value)


@pytest.mark.parametrize(
    ("d", "n", "h", "q"),
    [
        (20, 1e4, 0.75, 1.0),
        pytest.param(50, 1e6, 1.15, 1.0, marks=pytest.mark.slow),
        (100, 1e30, 0.9, 1.0),
    ],
)
def test_exact_law_and_the_inverse_of_the_largest_share(
    d: int, n: float, h: float, q: float
) -> None:
    exact = theory.exact(d, n, h, q)
    edges = tuple(exact.law.quantile(np.linspace(0.01, 0.99, 99)).tolist())
    found = simulate(dimension=d, points=n, bandwidth=h, q=q, edges=edges, samples=1 << 15)
    law = found["law_log_sum"]
    assert isinstance(law, Law)
    assert law.counts.sum() == 1 << 15
    measured = np.cumsum(law.counts[:-1]) / (1 << 15)
    assert np.abs(measured - exact.cdf(np.asarray(edges))).max() < band(1 << 15) + exact.law.error
    assert_is(found["inverse_p1"], expected_inverse_share(d, n, h, q), slack=1e-7)


def expected_inverse_share(d: int, n: float, h: float, q: float) -> float:
    """E[S/W_max] = 1 + (n - 1) E[E[W | r^2 > t]/W(t)], t the least of n distances; by scipy."""
    s = h * h / (1 + h * h)
    law, tilted = stats.ncx2(d, q * d), stats.ncx2(d, q * d * s)
    log_mean = -d / 2 * math.log1p(1 / h**2) - q * d / (2 * (1 + h * h))

    def integrand(v: float) -> float:
        t = math.exp(v)
        log_f, f = law.logpdf(t) + v + math.log(n), law.cdf(t)
        others = math.log(n - 1) + log_mean + tilted.logsf(t / s) + t / (2 * h * h)
        return float(math.exp(log_f + others + (n - 2) * math.log1p(-f)))

    low = np.asarray(-math.log(n))
    typical = float(law.ppf(1 / n) if n < 1e15 else np.exp(order.log_distance(d, q, n)(low)))
    ends = math.log(typical) - 30 / d, math.log(typical) + 30 / d
    return 1 + float(integrate.quad(integrand, *ends, limit=400, points=[math.log(typical)])[0])


@pytest.mark.parametrize(
    ("index", "expected"), [(1.3, 0.0185), (1.6, 0.0353), (2.5, 0.0776), (3.0, 0.0932)]
)
def test_fluctuations_of_the_sum(index: float, expected: float) -> None:
    """-log median |S/(n E W) - 1|/d at alpha = 0.3, d = 100, by another sampler: sheet, C5."""
    n, glass = math.exp(30), theory.boundaries(0.3).h_glass
    case = order.Case(100, 1.0, n, float(glass) * math.sqrt(index), 16)
    rng = np.random.default_rng(8)
    excess = np.concatenate([order.draw_weights(rng, case, 2048).excess for _ in range(10)])
    # Error of the median of log |.|: 0.01, that is 1e-4 here; four digits are known.
    assert -np.log(np.median(np.abs(excess))) / 100 == pytest.approx(expected, abs=8e-4)


def test_relative_variance_where_the_fluctuations_are_normal() -> None:
    """[(1 + h^2)^2/(h^2 (h^2 + 2))]^(d/2) e^(d q/((h^2 + 1)(h^2 + 2))) - 1, by n."""
    for d, n, h, q in ((10, 300, 2.0, 1.0), (40, 1e20, 3.0, 0.5), (5, 1e30, 50.0, 2.0)):
        found = order.draw_weights(np.random.default_rng(5), order.Case(d, q, n, h, 16), 20_000)
        s = h * h
        log_ratio = d / 2 * math.log1p(1 / (s * (s + 2))) + d * q / ((s + 1) * (s + 2))
        z = found.excess / math.sqrt(math.expm1(log_ratio) / n)
        assert abs(z.mean()) < Z / math.sqrt(z.size)
        squares = z * z
        assert abs(squares.mean() - 1) < Z * squares.std() / math.sqrt(z.size)


def test_wrong_remainder_is_rejected() -> None:
    """Points beyond the nearest drawn as if they could be nearer: E log S = -9.4, not -10.92.

    The sheet's -9.44 (C17) is with the wrong variance as well; here the mean alone is wrong.
    """
    wrong = simulate(dimension=20, points=1000, bandwidth=0.75, bulk="unconditional")
    assert mean(wrong, "log_sum").value == pytest.approx(-9.44, abs=0.25)
    assert abs(mean(wrong, "log_sum").value + 10.9215) > 20 * mean(wrong, "log_sum").stderr


def test_one_point_and_few() -> None:
    """log S = -r^2/(2 h^2) of one point; two on a line by quadrature; all but equal weights."""
    for experiment in (SUMS, DIRECT):
        found = simulate(experiment, dimension=1, points=1, bandwidth=0.5, q=2.0)
        assert_is(found["log_sum"], -3 / (2 * 0.25))
        assert mean(found, "p1") == (1.0, 0.0, 1 << 14, 0.0)
        assert "index" not in found
        found = simulate(experiment, dimension=1, points=2, bandwidth=0.7, samples=1 << 13)
        assert_is(found["log_sum"], two_on_a_line(0.7))
        found = simulate(experiment, dimension=3, points=10, bandwidth=1e5)
        assert mean(found, "effective_points").value == pytest.approx(10, rel=1e-9)
        assert_is(found["log_sum"], math.log(10) - 6 / 2e10, slack=ROUNDING)


def two_on_a_line(h: float) -> float:
    y, weight = np.polynomial.hermite_e.hermegauss(200)
    log_w = -((y - 1) ** 2) / (2 * h * h)
    total = np.logaddexp(log_w[:, None], log_w)
    return float(weight @ total @ weight) / (2 * math.pi)


def test_bandwidth_to_zero() -> None:
    """log S = -(least r^2)/(2 h^2), whose mean is that of the survival function."""
    d, n, h = 4, 300, 1e-3
    law = stats.ncx2(d, d)
    least = integrate.quad(lambda t: law.sf(t) ** n, 0, 20, limit=200, points=[0.3])[0]
    for experiment in (SUMS, DIRECT):
        found = simulate(experiment, dimension=d, points=n, bandwidth=h, samples=1 << 12)
        assert_is(found["log_sum"], -least / (2 * h * h), slack=1e-3)
        assert mean(found, "y2").value == pytest.approx(1, abs=1e-2)


@pytest.mark.slow
def test_any_real_number_of_points() -> None:
    """Continuous in n, also at 4 k, below which nothing is approximated."""
    few, more = (simulate(dimension=5, points=n, bandwidth=0.9) for n in (64, 64.001))
    assert_is(few["log_sum"], mean(more, "log_sum").value, mean(more, "log_sum").stderr)
    assert_is(few["y2"], mean(more, "y2").value, mean(more, "y2").stderr)


def test_spacings_are_exponential() -> None:
    found = simulate(SPACINGS, dimension=100, points=1e12, samples=500)
    assert_is(found["spacing"], 1.0)
    assert_is(found["spacing_square"], 2.0)
    law = found["law_spacing"]
    assert isinstance(law, Law)
    measured = np.cumsum(law.counts[:-1]) / law.counts.sum()
    assert np.abs(measured - np.arange(1, 64) / 64).max() < band(1500)
    assert np.allclose(-np.expm1(-law.edges), np.arange(1, 64) / 64)


# --- literal data -------------------------------------------------------------------------------


def test_direct_against_exact_means() -> None:
    for q, found in (
        (1.0, simulate(DIRECT, dimension=10, points=500, bandwidth=0.8, samples=2048)),
        (0.0, simulate(DIRECT, dimension=2, points=50, bandwidth=0.3, q=0.0, samples=4096)),
    ):
        d, n, h = (10, 500, 0.8) if q else (2, 50, 0.3)
        exact = theory.exact(d, n, h, q)
        for name in ("log_sum", "y2", "y3", "distance"):
            assert_is(found[name], getattr(exact, name).value)


def test_direct_with_a_random_query() -> None:
    """Means over the query by Gauss-Laguerre quadrature over |x|^2/2 ~ Gamma(d/2)."""
    d, n, h = 3, 100, 0.6
    y, weight = special.roots_genlaguerre(14, d / 2 - 1)
    weight = weight / math.gamma(d / 2)
    found = simulate(DIRECT, dimension=d, points=n, bandwidth=h, query="random", samples=1 << 13)
    means = [theory.engine.means(d, n, h, 2 * t / d) for t in y]
    for name in ("log_sum", "y2", "distance"):
        assert_is(found[name], float(weight @ [getattr(m, name).value for m in means]))


# --- the sampler against the exact engine -------------------------------------------------------

SIZES = ((20, 1e3), (50, 1e6), (100, 1e12), (200, 1e20))
INDICES = (0.4, 0.7, 0.95, 2.5)
"""Between 1 and 2 Y_2 has no useful mean at large n."""


@pytest.mark.slow
@pytest.mark.parametrize(("d", "n"), SIZES)
def test_ninety_six_comparisons(d: int, n: float) -> None:
    """4 sizes, 4 bandwidths, 3 numbers of nearest points, log S and Y_2; 4e4 data sets each."""
    glass = 1 / math.sqrt(theory.finite_index(d, n, 1.0).index)
    scores = []
    for index in INDICES:
        h = glass * math.sqrt(index)
        exact = theory.engine.means(d, n, h)
        for top in (8, 16, 32):
            found = simulate(dimension=d, points=n, bandwidth=h, top=top, samples=40_000)
            for name, value in (("log_sum", exact.log_sum), ("y2", exact.y2)):
                e = mean(found, name)
                scores.append((e.value - value.value) / e.stderr)
    assert len(scores) == 24
    assert np.abs(scores).max() < Z, scores
    # Not too small either: the sum of squares, at three standard deviations of chi^2.
    assert np.sum(np.square(scores)) < stats.chi2(24).isf(LEVEL / 8)


@pytest.mark.slow
@pytest.mark.parametrize("n", [1e12, 1e30])
def test_cost_does_not_depend_on_the_number_of_points(n: float) -> None:
    """1e5 data sets in half a second of one core; measured 0.2."""
    case, rng = order.Case(100, 1.0, n, 0.9, 16), np.random.default_rng(1)
    order.draw_weights(rng, case, 2)
    times = []
    for _ in range(3):
        begin = time.process_time()
        for _ in range(50):
            order.draw_weights(rng, case, 2000)
        times.append(time.process_time() - begin)
    assert min(times) < 0.5

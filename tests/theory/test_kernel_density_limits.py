"""The limits of d -> oo against the exact functionals of finite n and d (C2, C5, C6, C7, C9)."""

import math

import numpy as np
import pytest

from theory import kernel_density as kd
from theory.kernel_density.engine import means


def extrapolate(d, values):
    """Intercept of a fit on {1, log d / d, 1 / d, log^2 d / d^2}."""
    d = np.asarray(d, dtype=float)
    slow = np.log(d) / d
    terms = np.stack([np.ones_like(d), slow, 1 / d, slow**2], axis=1)
    return np.linalg.lstsq(terms, np.asarray(values), rcond=None)[0][0]


# The deficit (log(n E W) - E log S) / d at alpha = .25 and d = 50, 100, 200, 400 (sheet, C2).
DEFICITS = [
    (0.5, (0.158409, 0.131857, 0.116307, 0.107177)),
    (0.8, (0.036875, 0.024271, 0.017243, 0.013206)),
    (1.0, (0.014276, 0.006989, 0.003465, 0.001727)),
    (1.25, (4.2e-3, 1.1e-3, 2.0e-4, 1.7e-5)),
]


@pytest.mark.parametrize(("index", "table"), DEFICITS)
def test_quenched_deficit_tends_to_that_of_the_free_energy(index, table):
    alpha, sizes = 0.25, (50, 100, 200, 400)
    h = kd.boundaries(alpha).h_glass * math.sqrt(index)
    annealed = alpha + kd.moment_rate(1, h)
    found = [annealed - means(d, math.exp(alpha * d), h).log_sum.value / d for d in sizes]
    np.testing.assert_allclose(found, table, rtol=0, atol=6e-5 if index > 1 else 6e-7)
    normaliser = math.log(2 * math.pi * h * h) / 2
    limit = annealed - alpha - normaliser - kd.free_energy(alpha, h).value
    # the next terms of the expansion; the mutant, the self-averaging formula, has limit 0
    assert extrapolate(sizes, found) == pytest.approx(limit, abs=5e-4)


# Exact E Y_2 at alpha = .3, d = 50 ... 800 (sheet, C7); its last entry for .3 reads .704320,
# which two quadratures and the extrapolation to .7 contradict.
SHARES = [
    (0.3, (0.746313, 0.727200, 0.715530, 0.708693, 0.704797)),
    (0.5, (0.581732, 0.548480, 0.527809, 0.515573, 0.508575)),
    (0.7, (0.426545, 0.377465, 0.345548, 0.325886, 0.314330)),
]


@pytest.mark.parametrize(("index", "table"), SHARES)
def test_shares_tend_to_those_of_poisson_and_dirichlet(index, table):
    alpha, sizes = 0.3, (50, 100, 200, 400, 800)
    h = kd.boundaries(alpha).h_glass * math.sqrt(index)
    exact = [means(d, math.exp(alpha * d), h) for d in sizes]
    second, third = ([m.y2.value for m in exact], [m.y3.value for m in exact])
    np.testing.assert_allclose(second, table, rtol=0, atol=6e-7)
    assert extrapolate(sizes, second) == pytest.approx(kd.share_moment(index), rel=3e-3)
    assert extrapolate(sizes, third) == pytest.approx(kd.share_moment(index, 3), rel=6e-3)
    assert abs(extrapolate(sizes, second) - index) > 0.1 or index == 0.5  # mutant E Y_2 = lambda


def test_finite_index_tends_to_the_limit_through_the_effective_alpha():
    gaps = []
    for d in (50, 200, 800):
        found = kd.finite_index(d, math.exp(0.3 * d), 0.8).index
        corrected = kd.stable_index(kd.effective_alpha(d, 0.3), 0.8)
        gaps.append(abs(found / corrected - 1) * d)
        assert abs(found - corrected) < 0.2 * abs(found - kd.stable_index(0.3, 0.8))
    assert max(gaps) < 1.5  # what is left is O(1 / d)


def test_relative_variance_explodes_at_its_own_bandwidth():
    """Trap T1: at rate 0 the relative variance is e^O(1), while S self-averages there."""
    alpha, d = 0.3, 800
    h = kd.variance_bandwidth(alpha)
    n = math.exp(alpha * d)
    assert kd.relative_variance(d, n, h) == pytest.approx(1, rel=1e-9)
    for factor in (0.95, 1.05):
        rate = math.log(kd.relative_variance(d, n, factor * h)) / d
        assert (rate > 0) == (factor < 1)
        if factor * h > kd.boundaries(alpha).h_clt:
            assert -rate / 2 == pytest.approx(kd.fluctuation_exponent(alpha, factor * h), rel=1e-9)
    wide = 1.5 * kd.boundaries(alpha).h_clt
    rate = math.log(kd.relative_variance(d, n, wide)) / d
    assert -rate / 2 == pytest.approx(kd.fluctuation_exponent(alpha, wide), rel=1e-9)


def test_best_bandwidth_tends_to_the_limit():
    """(50, 1e12) of table 5.5: the limit at alpha_eff is the nearer one, and still 6 % off."""
    d, n = 50, 1e12
    exact = kd.kl_optimum(d, n)
    assert exact.bandwidth.value == pytest.approx(0.65805, abs=6e-6)
    assert exact.divergence.value == pytest.approx(1.789457, abs=6e-7)
    alpha = math.log(n) / d
    plain = kd.boundaries(alpha).h_kl
    corrected = kd.boundaries(kd.effective_alpha(d, alpha)).h_kl
    assert kd.boundaries(alpha).h_scott < plain < corrected < exact.bandwidth.value

"""The exact finite-size engine of kernel density estimation: law of the distances, and means.

Oracles: 50-digit Poisson mixtures, closed cases, and the tables of the sheet (sections 3 and 5,
computed there by other programs).
"""

import math

import mpmath as mp
import numpy as np
import pytest
from scipy import integrate

from theory.kernel_density import engine
from theory.kernel_density.corrections import carried_share
from theory.kernel_density.distances import Distances
from theory.kernel_density.engine import (
    finite_index,
    log_moment,
    means,
    relative_variance,
)
from theory.kernel_density.law import exact


def glass(alpha):
    """s_G(alpha) at q = 1 by bisection of alpha(s) (C1)."""
    low, high = -60.0, 60.0
    for _ in range(200):
        s = math.exp((low + high) / 2)
        above = math.log1p(1 / s) / 2 - s / (2 * (1 + s) ** 2) > alpha
        low, high = ((low + high) / 2, high) if above else (low, (low + high) / 2)
    return s


def log_mixture(t, d, q, upper):
    """log P(r^2 <= t), or > t, as a Poisson mixture of central chi^2, all in 50 digits."""
    with mp.workdps(50):
        x, lam, a = mp.mpf(t) / 2, mp.mpf(q) * d / 2, mp.mpf(d) / 2
        term = mp.e ** (a * mp.log(x) - x - mp.loggamma(a + 1))
        terms = []
        for j in range(500 + int(2 * x) + int(2 * lam)):
            terms.append(term)
            term *= x / (a + j + 1)
        tails = [mp.mpf(0)]
        for value in reversed(terms):
            tails.append(tails[-1] + value)
        below = tails[:0:-1]  # P(chi^2_(d+2j) <= t)
        total, weight = mp.mpf(0), mp.e ** (-lam)
        for j, p in enumerate(below):
            total += weight * (1 - p if upper else p)
            weight *= lam / (j + 1)
        return mp.log(total)


@pytest.mark.parametrize(
    ("d", "q"),
    [(1, 0.0), (1, 1.0), (1, 40.0), (2, 0.0), (3, 2.0), (10, 1.0), (41, 0.5), (100, 1.0)],
)
def test_distribution_of_distances_against_fifty_digits(d, q):
    law = Distances(d, q)
    for ratio in (1e-30, 1e-3, 0.1, 0.5, 0.9):
        truth = log_mixture(ratio * law.mean, d, q, upper=False)
        size = 1 + abs(float(truth))
        assert abs(float(law.log_cdf(ratio * law.mean) - truth)) < 3e-14 + 4e-16 * size
    for ratio in (1.0, 1.3, 2.0):
        truth = log_mixture(ratio * law.mean, d, q, upper=True)
        assert abs(float(law.log_sf(ratio * law.mean) - truth)) < 3e-14


@pytest.mark.parametrize("d", [1, 2, 20, 43, 300, 10_000])
def test_density_against_bessel_functions(d):
    law = Distances(d, 1.0)
    for ratio in (0.3, 1.0, 1.7):
        t = ratio * law.mean
        with mp.workdps(40):
            nu, z = mp.mpf(d) / 2 - 1, mp.sqrt(mp.mpf(d) * t)
            # The power series of I_nu z^-nu, which mpmath's own routine may not sum at large d.
            term = mp.e ** (-nu * mp.log(2) - mp.loggamma(nu + 1))
            total, k = mp.mpf(0), 0
            while k < 10 or term > total * mp.mpf(10) ** -30:
                total += term
                k += 1
                term *= z * z / 4 / k / (k + nu)
            truth = -mp.log(2) - (mp.mpf(t) + d) / 2 + nu * mp.log(t) + mp.log(total)
        assert abs(float(law.log_pdf(t) - truth)) < 2e-14 + 4e-15 * abs(float(truth))


@pytest.mark.parametrize("d", [1, 2, 20, 300, 100_000])
def test_quantiles_invert_both_tails(d):
    law = Distances(d)
    log_p = np.array([-300.0, -70.0, -20.0, -5.0, -0.7, -0.6, -0.1, -1e-5])
    # At d = 1e5 one ulp of t is 1e-11 in log F.
    assert law.log_cdf(law.quantile(log_p)) == pytest.approx(
        log_p, rel=1e-14, abs=2e-16 * d + 1e-13
    )
    assert law.log_sf(law.upper_quantile(log_p)) == pytest.approx(
        log_p, rel=1e-14, abs=2e-16 * d + 1e-13
    )


TABLE = [  # sheet, 5.4: all printed digits
    ((10, 500, 0.8, 1.0), ("-1.63014406585", "0.129258850638", "0.0377393936146")),
    ((20, 1000, 0.75, 1.0), ("-10.9215285922", "0.420746298111", "0.276707729455")),
    ((50, 1e6, 0.7, 1.0), ("-35.7206041947", "0.505331024254", "0.372058900529")),
    ((100, 1e12, 0.65, 1.0), ("-80.6407211569", "0.53454432763", "0.406392795243")),
    ((30, 1e4, 0.9, 1.3), ("-14.523028238", "0.316277048415", "0.187636721601")),
]


@pytest.mark.parametrize(("size", "printed"), TABLE)
def test_means_to_all_digits_of_the_sheet(size, printed):
    found = means(*size)
    for prediction, text in zip(found[:3], printed, strict=True):
        last = 10.0 ** -len(text.split(".")[1])
        assert abs(prediction.value - float(text)) < 1.1 * last
        assert prediction.error < 1e-11


@pytest.mark.parametrize(
    ("d", "h", "q"), [(1, 1.0, 1.0), (5, 0.3, 2.0), (100, 1.0, 0.0), (20, 1e-5, 1.0)]
)
def test_one_point_is_its_own_sum(d, h, q):
    found = means(d, 1, h, q)
    second = d * (1 + q)
    assert found.log_sum.value == pytest.approx(-second / (2 * h * h), rel=2e-12)
    assert found.y2.value == pytest.approx(1, abs=1e-11)
    assert found.y3.value == pytest.approx(1, abs=1e-11)
    assert found.distance.value == pytest.approx(second, rel=1e-11)


def test_two_uniform_points_in_closed_form():
    # d = 2, q = 0, h = 1: r^2/2 is exponential and W uniform, so E log S = 2 log 2 - 3/2.
    found = means(2, 2, 1.0, 0.0)
    assert found.log_sum.value == pytest.approx(2 * math.log(2) - 1.5, abs=1e-11)
    share, _ = integrate.dblquad(
        lambda a, b: (a * a + b * b) / (a + b) ** 2, 0, 1, 0, lambda b: b, epsabs=1e-12
    )
    assert found.y2.value == pytest.approx(2 * share, abs=1e-9)


def test_two_limits_of_the_bandwidth():
    # h -> infinity: log S = log n - E r^2/(2h^2); h -> 0: log S = -E r_min^2/(2h^2), all one point.
    wide = means(20, 1000, 1e8)
    assert wide.log_sum.value == pytest.approx(math.log(1000), abs=1e-11)
    assert wide.y2.value == pytest.approx(1e-3, rel=1e-11)
    law = Distances(20)
    nearest, _ = integrate.quad(
        lambda t: math.exp(1000 * float(law.log_sf(t))), 0, 60, epsabs=1e-10
    )
    for h in (1e-2, 1e-3, 1e-6):
        narrow = means(20, 1000, h)
        index = finite_index(20, 1000, h).index
        assert narrow.distance.value == pytest.approx(nearest, rel=index + 1e-9)
        assert -2 * h * h * narrow.log_sum.value == pytest.approx(nearest, rel=index + 1e-9)
        assert 0 < 1 - narrow.y2.value + 1e-12 < 1.2 * index + 2e-12


def test_both_algorithms_agree(monkeypatch):
    matrix = means(20, 1000, 0.06)
    monkeypatch.setattr(engine, "LONGEST", 100)
    windows = means(20, 1000, 0.06)
    for a, b in zip(matrix, windows, strict=True):
        assert a.value == pytest.approx(b.value, rel=3e-11)


@pytest.mark.parametrize(
    "size",
    [
        (1, 10, 1e-3),
        (1, 1e30, 1e-20),
        (300, 1e30, 1.0),
        (100_000, 1e30, 1.0),
        (2, 2.5, 1e3),
        (3, 5, 1e-40),
    ],
)
def test_shares_add_up_at_extreme_sizes(size):
    # E Y_1 = 1 is the test of the quadrature that does not know n, d or h.
    d, n, h = size
    found = engine.quadrature(engine.transform(Distances(d), n, h, engine.STEPS[0]), n)
    assert found[0] == pytest.approx(1, abs=1e-11)
    assert 0 < found[3] <= found[2] * (1 + 1e-11) <= 1 + 1e-10


def test_deficits_and_condensed_shares_of_the_sheet():
    # C2 at alpha = .25, four bandwidths; C7 at alpha = .3 (d <= 400, and 800 for two of them).
    sizes = (50, 100, 200, 400)
    for index, printed in {
        0.5: (0.158409, 0.131857, 0.116307, 0.107177),
        0.8: (0.036875, 0.024271, 0.017243, 0.013206),
        1.0: (0.014276, 0.006989, 0.003465, 0.001727),
        1.25: (4.2e-3, 1.1e-3, 2.0e-4, 1.7e-5),
    }.items():
        h = math.sqrt(index * glass(0.25))
        for d, value in zip(sizes, printed, strict=True):
            annealed = 0.25 * d + log_moment(d, h)
            found = (annealed - means(d, math.exp(0.25 * d), h).log_sum.value) / d
            assert found == pytest.approx(value, abs=6e-7 if index <= 1 else 0.05 * value)
    for index, shares in {
        0.3: (0.746313, 0.727200, 0.715530, 0.708693),
        0.5: (0.581732, 0.548480, 0.527809, 0.515573, 0.508575),
        0.7: (0.426545, 0.377465, 0.345548, 0.325886, 0.314330),
    }.items():
        h = math.sqrt(index * glass(0.3))
        for d, value in zip((*sizes, 800), shares, strict=False):
            assert means(d, math.exp(0.3 * d), h).y2.value == pytest.approx(value, abs=6e-7)


def test_share_that_the_sheet_misprints():
    # C7 prints .704320 at alpha = .3, index .3, d = 800: the other entries of its row fall by
    # .0191, .0117, .0068 per doubling, so that .7043 would break the sequence.
    h = math.sqrt(0.3 * glass(0.3))
    assert means(800, math.exp(240), h).y2.value == pytest.approx(0.704797, abs=1e-6)


def test_index_and_nearest_neighbour_of_the_sheet():
    for d, n, nearest, glass_h in (
        (10, 1e3, 0.60577893, 0.62323458),
        (20, 1e3, 0.83001103, 0.91698588),
        (50, 1e6, 0.85437263, 0.96778866),
        (100, 1e12, 0.83384891, 0.94033294),
    ):
        found = finite_index(d, n, 0.7)
        assert math.sqrt(found.nearest / d) == pytest.approx(nearest, abs=6e-9)
        assert found.index == pytest.approx((0.7 / glass_h) ** 2, rel=3e-8)
        assert found.log_scale == pytest.approx(-found.nearest / 0.98, rel=1e-12)


@pytest.mark.parametrize(
    ("n", "cells"),
    [(1e2, (3, 6, 3, 5)), (1e3, (4, 9, 4, 7)), (1e6, (8, 17, 7, 13)), (1e12, (13, 32, 11, 23))],
)
def test_where_rules_of_thumb_leave_the_regimes(n, cells):
    # C15: the largest d with index > 2 and > 1.
    rules = (lambda d: n ** (-1 / (d + 4)), lambda d: ((d + 2) * n / 4) ** (-1 / (d + 4)))
    found = []
    for rule in rules:
        for level in (2, 1):
            d = cells[len(found)]
            assert finite_index(d, n, rule(d)).index > level
            assert finite_index(d + 1, n, rule(d + 1)).index < level
            found.append(d)


def test_fraction_of_the_mean_at_index_one():
    # C6: exact proxies at alpha = .3.
    h = math.sqrt(glass(0.3))
    for d, value in ((30, 0.218), (100, 0.299), (300, 0.359), (1000, 0.409)):
        nearest = finite_index(d, math.exp(0.3 * d), h).nearest
        assert carried_share(d, h, nearest) == pytest.approx(value, abs=6e-4)
        # The same function of s at index 2.
        assert carried_share(d, math.sqrt(2) * h, nearest, 2.0) == pytest.approx(
            carried_share(d, h, nearest), abs=1e-9
        )


@pytest.mark.parametrize(
    ("d", "n", "h", "q"), [(3, 10, 1.0, 1.0), (20, 1000, 0.5, 0.7), (5, 2, 30.0, 2.0)]
)
def test_relative_variance_against_its_moments(d, n, h, q):
    second = math.exp(log_moment(d, h, q, power=2) - 2 * log_moment(d, h, q))
    assert relative_variance(d, n, h, q) == pytest.approx((second - 1) / n, rel=1e-9)


def test_relative_variance_at_the_ends():
    assert relative_variance(20, 1000, 1e-30) == math.inf
    # h -> infinity: Var r^2/(4 h^4 n), Var r^2 = 2 d + 4 q d.
    assert relative_variance(20, 1000, 1e6) == pytest.approx(120 / 4e24 / 1000, rel=1e-9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 10, 1.0), "d must be a whole number >= 1, not 0"),
        ((3, 0.5, 1.0), "n must be between 1 and 1e200, not 0.5"),
        ((3, 10, 0.0), "h must be between 1e-100 and 1e100, not 0.0"),
        ((3, 10, math.nan), "h must be a finite number, not nan"),
        ((3, 10, 1.0, -1.0), "q must be >= 0, not -1.0"),
    ],
)
def test_mistakes_get_one_clear_line(arguments, message):
    with pytest.raises(ValueError, match=message):
        exact(*arguments)


def test_scale_derivative_is_the_mean_distance():
    # dE log S/d log h = E sum p r^2/h^2, by central differences of fourth order.
    h, step = 0.8, 1e-3
    values = [means(15, 300, h * math.exp(k * step)).log_sum.value for k in (-2, -1, 1, 2)]
    slope = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step)
    assert slope == pytest.approx(means(15, 300, h).distance.value / h**2, rel=1e-8)

"""Boundaries, stable index, universality over kernels, collapse (C2, C3, C10, C12, C13, C16)."""

import math

import mpmath as mp
import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import ncx2

from theory import kernel_density as kd

PAIR = [(1, 0.25), (1, 1.75)]

# The table 5.1 of the sheet (30-digit bisections, typical query):
# alpha, h_G, h_CLT, h*, lambda*(h*), kappa(h*), lambda* of Scott, h_MISE.
TABLE = """
.02 2.29051003673316 3.23927035869973 1.24312323025238 .294553349802494 .237626946997038 .183131824600459 1.35980718760793
.1 1.37078470020708 1.93858231412639 1.03857241296982 .574030631659596 .137847090328557 .435715095687441 1.17736494458615
.25 .946847039849921 1.33904392524858 .834374507532106 .776537443998441 .0689270723826101 .676539421178866 .933023685008675
.5 .652145331150911 .922272771951912 .622436190534448 .910963325981102 .0258858389371666 .865001258370113 .671415927068407
1 .372106281700087 .526237750224486 .369343909963337 .985207890930469 .00397293633179747 .977410573751499 .380995757183079
2 .135368288062846 .191439668893705 .135346369231171 .999676186240659 8.19116808528074e-5 .999512429341181 .135959260268226
"""  # noqa: E501 (a table)
ROWS = [[float(x) for x in line.split()] for line in TABLE.strip().splitlines()]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row[0]))
def test_table_of_the_sheet(row):
    alpha, glass, clt, best, index, risk, scott_index, mise = row
    b, least = kd.boundaries(alpha), kd.kl_limit(alpha)
    close = {"rel": 4e-15}  # 15 printed digits
    assert b.h_glass == pytest.approx(glass, **close)
    assert b.h_clt == pytest.approx(clt, **close)
    assert b.h_kl == pytest.approx(best, **close)
    assert b.h_mise == pytest.approx(mise, **close)
    assert b.h_scott == pytest.approx(math.exp(-alpha), **close)
    assert kd.stable_index(alpha, best) == pytest.approx(index, **close)
    assert kd.stable_index(alpha, b.h_scott) == pytest.approx(scott_index, **close)
    assert least == pytest.approx((best, risk, index, 1 - index), rel=4e-15, abs=3e-16)
    assert kd.kl_risk(alpha, best) == pytest.approx(risk, **close)


def test_implicit_equations():
    """The two equations given as input to the sheet, and h_C and h_V of C16 and T1."""
    for alpha in (0.01, 0.3, 1.7):
        b = kd.boundaries(alpha)
        g, c = b.h_glass**2, b.h_clt**2
        assert math.log1p(1 / g) / 2 - g / (2 * (g + 1) ** 2) == pytest.approx(alpha, rel=1e-12)
        assert math.log1p(2 / c) / 2 - c / (c + 2) ** 2 == pytest.approx(alpha, rel=1e-12)
        v = kd.variance_bandwidth(alpha) ** 2
        blow_up = math.log1p(1 / v) + 1 / (1 + v) - math.log1p(2 / v) / 2 - 1 / (2 + v)
        assert blow_up == pytest.approx(alpha, rel=1e-12)
        assert kd.collapse_bandwidth(alpha) ** -2 == pytest.approx(math.expm1(2 * alpha), rel=1e-14)


def test_variance_explodes_between_the_thresholds():
    """The table 5.6, and h_G < h_V < h_CLT at any alpha, query and spectrum (trap T1)."""
    alpha = np.array([0.05, 0.25, 0.5, 1, 2])
    table = [2.0475200373, 1.1113046274, 0.7627569738, 0.4341092593, 0.1578181944]
    np.testing.assert_allclose(kd.variance_bandwidth(alpha), table, rtol=0, atol=6e-11)
    for q in (0.3, 1, 2):
        for spectrum in (None, PAIR):
            grid = np.geomspace(1e-8, 100, 60)
            b, v = kd.boundaries(grid, q, spectrum), kd.variance_bandwidth(grid, q, spectrum)
            assert np.all(b.h_glass < v)
            assert np.all(v < b.h_clt)
            h = kd.variance_bandwidth(0.7, q, spectrum)
            growth = kd.moment_rate(2, h, q, spectrum) - 2 * kd.moment_rate(1, h, q, spectrum)
            assert growth == pytest.approx(0.7, rel=1e-13)


def test_limits_of_small_and_large_alpha():
    for alpha in (6.0, 9.0):
        e = math.exp(-2 * alpha)
        b = kd.boundaries(alpha)
        assert b.h_glass**2 == pytest.approx(e + 1.5 * e**3, rel=1e-14)
        assert b.h_kl**2 == pytest.approx(e + e**3 / 2, rel=1e-14)
        least = kd.kl_limit(alpha)
        assert least.risk == pytest.approx(e * e / 4, rel=4 * e)
        assert least.share == pytest.approx(e * e, rel=4 * e)
        assert kd.stable_index(alpha, b.h_scott) == pytest.approx(1 - 1.5 * e * e, abs=9e-15)
    for alpha in (1e-10, 1e-12):
        y = math.sqrt(4 * alpha / 3)
        b = kd.boundaries(alpha)
        assert b.h_glass**2 == pytest.approx(1 / y - 8 / 9, abs=3 * y + 4e-15 / y)
        assert b.h_kl**2 == pytest.approx(2 - 3 * y + 4 / 3 * y * y, abs=4e-15)
        risk = math.log(2) / 2 - 0.75 * y + 25 / 48 * y * y
        assert kd.kl_limit(alpha).risk == pytest.approx(risk, abs=3e-15)


def test_logarithms_at_any_alpha():
    far = kd.boundaries(1e4, log=True)
    assert far == pytest.approx((-1e4, -1e4 + math.log(2) / 2, -1e4, -1e4, -1e4), rel=1e-15)
    assert kd.boundaries(1e4).h_glass == 0
    assert kd.collapse_bandwidth(1e4, log=True) == -1e4
    near = kd.boundaries([0.3, 1e-12], 0.5, PAIR, log=True)
    np.testing.assert_allclose(np.exp(near), kd.boundaries([0.3, 1e-12], 0.5, PAIR), rtol=1e-14)


@pytest.mark.parametrize("spectrum", [None, PAIR, [(0.9, 1e-4), (0.1, 3)]])
def test_order_of_the_bandwidths(spectrum):
    """h_Scott < h* < h_G at every alpha (C10, C15), h_CLT = sqrt 2 h_G at every query (C2)."""
    grid = np.geomspace(1e-10, 4, 200)
    b = kd.boundaries(grid, 1, spectrum)
    assert np.all(b.h_scott < b.h_kl)
    assert np.all(b.h_kl < b.h_glass)
    other = kd.boundaries(grid, 2.3, spectrum)
    np.testing.assert_allclose(other.h_clt, math.sqrt(2) * other.h_glass, rtol=1e-15)
    np.testing.assert_array_equal(other.h_kl, b.h_kl)


def test_index_from_its_definition():
    """Decay of the number n e^(-d I) of points beyond a weight, at the level where it is 1."""

    def energy(u):
        return u**1.5 / 3 + 0.2 * u

    alpha, q, step = 0.4, 0.7, 1e-5
    levels = np.array([alpha - step, alpha + step])
    w = -energy(kd.nearest(levels, q, PAIR))
    assert kd.index_of(alpha, lambda u: u**0.5 / 2 + 0.2, q, PAIR) == pytest.approx(
        np.diff(levels)[0] / np.diff(w)[0], rel=1e-8
    )
    for h in (0.3, 1.0, 1.9):
        gaussian = kd.index_of(alpha, lambda u, h=h: 1 / (2 * h * h), q, PAIR)
        assert kd.stable_index(alpha, h, q, PAIR) == pytest.approx(gaussian, rel=1e-14)


def test_mutants_of_the_boundaries_are_rejected():
    """M1: averaging over the query; M2; the root of the index; the mean variance of a spectrum."""
    h = kd.boundaries(0.25)
    averaged = brentq(lambda s: math.log1p(2 / s) / 2 - 1 / (s + 2) - 0.25, 0.3, 3, xtol=1e-14)
    assert math.sqrt(averaged) == pytest.approx(0.9295900963, abs=1e-10)
    wrong = {
        "averaged": math.sqrt(averaged) - h.h_glass,
        "twice": 2 * h.h_glass - h.h_clt,
        "h_G": h.h_glass - h.h_kl,
        "root": kd.stable_index(0.25, 1.2) - 1.2 / h.h_glass,
        "mean variance": h.h_glass - kd.boundaries(0.25, 1, PAIR).h_glass,
        "collapse at q = 1": kd.collapse_bandwidth(0.25) - h.h_glass,
    }
    for name, gap in wrong.items():
        assert abs(gap) > 0.015, name


# --- other kernels (C12) ------------------------------------------------------------------------


@pytest.mark.parametrize("power", [0.5, 1, 2, 4, 7.5])
@pytest.mark.parametrize("spectrum", [None, PAIR])
def test_kernels_share_their_optimum(power, spectrum):
    alpha = 0.3
    b, gauss = kd.kernel_boundaries(alpha, power, 1, spectrum), kd.kl_limit(alpha, spectrum)
    best = minimize_scalar(
        lambda x: kd.kl_risk(alpha, math.exp(x), spectrum, power=power),
        bounds=(math.log(b.h_kl) - 1, math.log(b.h_kl) + 1),
        method="bounded",
        options={"xatol": 1e-9},
    )
    assert math.exp(best.x) == pytest.approx(gauss.bandwidth, abs=1e-7)
    assert best.fun == pytest.approx(gauss.risk, abs=1e-13)
    index = kd.stable_index(alpha, gauss.bandwidth, 1, spectrum, power=power)
    assert index == pytest.approx(gauss.stable_index, rel=1e-13)
    assert kd.stable_index(alpha, b.h_glass, 1, spectrum, power=power) == pytest.approx(1)
    assert kd.stable_index(alpha, b.h_clt, 1, spectrum, power=power) == pytest.approx(2)
    assert b.h_clt / b.h_glass == pytest.approx(2 ** (1 / power), rel=1e-14)
    if power != 2:  # the mutant of C12
        assert abs(b.h_clt / b.h_glass - math.sqrt(2)) > 0.1


def test_kernels_by_the_formulas_of_the_sheet():
    """5.2 digits are not printed for p != 2; the closed forms at 30 digits stand in."""
    with mp.workdps(30):
        s = mp.exp(
            mp.findroot(
                lambda x: mp.log1p(mp.exp(-x)) / 2 - mp.exp(x) / (2 * (mp.exp(x) + 1) ** 2) - 0.3,
                -0.28,
            )
        )
        u = s * (1 + 2 * s) / (1 + s) ** 2
        for p in (1, 3, 4):
            b = kd.kernel_boundaries(0.3, p)
            assert b.h_glass == pytest.approx(
                float((s * u ** (mp.mpf(p) / 2 - 1)) ** (1 / mp.mpf(p))), rel=2e-15
            )
            assert kd.stable_index(0.3, 0.7, power=p) == pytest.approx(
                float(mp.mpf("0.7") ** p * u ** (1 - mp.mpf(p) / 2) / s), rel=4e-15
            )
        assert kd.kl_limit(0.3).share == pytest.approx(0.18451, abs=5e-6)
        assert kd.kl_limit(0.3).risk == pytest.approx(0.05616, abs=5e-6)


def exact_share(d, power, alpha=0.3):
    """E Y_2 of e^(alpha d) points at h*: n int E[(tW)^2 e^(-tW)] e^(-n E[1 - e^(-tW)]) dt / t."""
    h = kd.boundaries(alpha).h_kl
    edge = d * (math.sqrt(kd.nearest(alpha)) / h) ** power / power
    z = np.linspace(-80, min(60, edge * (1 - 1e-6)), 2500)  # log W over its typical maximum
    energy = edge - z
    r2 = d * h * h * (power * energy / d) ** (2 / power)
    log_mass = ncx2.logpdf(r2, d, d) + alpha * d + np.log(2 * r2 / (power * energy))
    mass = np.exp(log_mass) * (z[1] - z[0])
    tau = np.linspace(-60, 60, 400)
    log_w = np.minimum(tau[:, None] + z, 300)
    w = np.exp(log_w)
    log_laplace = np.expm1(-w) @ mass
    return np.exp(log_laplace) @ (np.exp(2 * log_w - w) @ mass) * (tau[1] - tau[0])


@pytest.mark.parametrize(
    ("power", "table"),
    [
        (1, (0.29652, 0.25375, 0.22575, 0.20821)),
        (2, (0.34413, 0.28582, 0.24641, 0.22094)),
        (4, (0.42479, 0.34118, 0.28274, 0.24384)),
    ],
)
def test_one_share_for_all_kernels(power, table):
    """The exact table of C12, and its extrapolation in d to 1 - u* / s_G = .18451."""
    d = np.array([50, 100, 200, 400])
    shares = [exact_share(int(n), power) for n in d]
    np.testing.assert_allclose(shares, table, atol=6e-6)
    slow = np.log(d) / d
    terms = np.stack([np.ones(4), slow, 1 / d, slow**2], axis=1)
    limit = np.linalg.solve(terms, shares)[0]
    assert limit == pytest.approx(kd.kl_limit(0.3).share, rel=0.03)  # the next terms
    if power != 2:  # the mutant: the Gaussian index at this kernel's own h_G / h*
        wrong = 1 - (kd.boundaries(0.3).h_kl / kd.kernel_boundaries(0.3, power).h_glass) ** 2
        assert abs(limit - wrong) > 0.05


def test_compact_kernels_have_one_threshold():
    edge = kd.kernel_boundaries([0.1, 0.3, 2], math.inf, 0.8, PAIR)
    np.testing.assert_allclose(edge.h_glass, np.sqrt(kd.nearest([0.1, 0.3, 2], 0.8, PAIR)), 1e-15)
    np.testing.assert_array_equal(edge.h_clt, edge.h_glass)
    steep = kd.kernel_boundaries(0.3, 1e6, 0.8, PAIR)
    assert steep.h_clt == pytest.approx(edge.h_glass[1], rel=2e-6)


def test_only_one_threshold_where_it_is_claimed():
    """u^(1 - p/2) / s falls in u for p >= 1 at any q, and for q <= 1 at any p; else refused."""
    s = np.geomspace(1e-8, 1e8, 4001)
    for spectrum in (None, PAIR, [(0.99, 1e-6), (0.01, 10)]):
        for p, q in [(1, 0), (1, 1), (1, 50), (1.5, 1e4), (4, 3), (1e-3, 1), (1e-3, 0.2)]:
            u = kd.distance(s, q, spectrum)
            assert np.all(np.diff(np.log(u) * (1 - p / 2) - np.log(s)) < 0)
    u = kd.distance(s, 50)
    assert np.any(np.diff(np.log(u) * (1 - 0.2 / 2) - np.log(s)) > 0)
    with pytest.raises(ValueError, match=r"power 0.2 < 1 needs q <= 1"):
        kd.kernel_boundaries(0.3, 0.2, 50)


def test_integral_of_the_kernel():
    """By quadrature over the radius, (2 pi)^(d/2) at p = 2, and its limit per dimension."""
    for d, p in [(1, 1.0), (3, 4.0), (6, 2.5)]:
        r = np.linspace(0, 60, 600_001)[1:]
        sphere = 2 * math.pi ** (d / 2) / math.gamma(d / 2)
        value = np.trapezoid(sphere * r ** (d - 1) * np.exp(-(d ** (1 - p / 2)) * r**p / p), r)
        # d = 1 starts at r = 1e-4 with the integrand 2: that much is missing
        missing = 2e-4 if d == 1 else 0
        assert math.exp(kd.log_kernel_integral(d, p)) == pytest.approx(value + missing, rel=1e-7)
    d = np.array([1, 10, 1e5])
    np.testing.assert_allclose(kd.log_kernel_integral(d, 2), d / 2 * math.log(2 * math.pi))
    limit = math.log(2 * math.pi * math.e) / 2 - 1 / 3
    assert kd.log_kernel_integral(1e6, 3) / 1e6 == pytest.approx(limit, abs=1e-5)


# --- diffusion (C16) ----------------------------------------------------------------------------


def test_collapse_is_condensation_at_the_planted_query():
    for alpha in (1e-6, 0.25, 1.0, 5.0):
        h = kd.collapse_bandwidth(alpha)
        assert kd.boundaries(alpha, 1 + h * h).h_glass == pytest.approx(h, rel=1e-9)
        assert kd.collapse_time(alpha) == pytest.approx(math.log1p(h * h) / 2, rel=1e-13)
    assert kd.collapse_bandwidth(0.25) == pytest.approx(1.24157, abs=5e-6)
    assert kd.boundaries(0.25).h_glass == pytest.approx(0.94685, abs=5e-6)  # the mutant


def test_collapse_for_any_spectrum():
    """The planted weight against the others, at x_a^2 = sigma_a^2 + h^2 in each direction."""
    alpha = 0.4
    h2 = kd.collapse_bandwidth(alpha, PAIR) ** 2
    others = [math.log1p(v / h2) / 2 + (v + h2) / (2 * (h2 + v)) for _, v in PAIR]
    assert alpha - sum(others) / 2 == pytest.approx(-0.5, abs=1e-14)
    one = kd.collapse_bandwidth([0.4, 50], [(1, 4.0)])
    np.testing.assert_allclose(one, 2 * kd.collapse_bandwidth([0.4, 50]), rtol=1e-13)
    assert kd.collapse_bandwidth([1e-9, 400.0], PAIR, log=True)[1] == pytest.approx(
        -400 + math.log(0.25 * 1.75) / 4, rel=1e-14
    )


def test_regimes_in_words():
    words = [kd.regime(x) for x in (0, 0.99, 1, 1.99, 2, 1e9)]
    assert words == ["condensed"] * 2 + ["stable"] * 2 + ["normal"] * 2
    with pytest.raises(ValueError, match="index must be >= 0 and finite, not nan"):
        kd.regime(math.nan)


def test_mistakes_get_one_line():
    for call, message in [
        (lambda: kd.boundaries(-1), "alpha must be > 0 and finite, not -1"),
        (lambda: kd.stable_index(0.3, 0), "h must be > 0 and finite, not 0"),
        (lambda: kd.stable_index(0.3, math.nan), "h must be > 0 and finite, not nan"),
        (lambda: kd.stable_index(0.3, 1, power=math.inf), "no stable index"),
        (lambda: kd.kernel_boundaries(0.3, -2), "power must be > 0, not -2"),
        (lambda: kd.kernel_boundaries(0.3, math.nan), "power must be > 0, not nan"),
        (lambda: kd.collapse_bandwidth(0), "alpha must be > 0"),
        (lambda: kd.index_of(0.3, lambda u: 0.0), r"slope\(u\*\) must be > 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()

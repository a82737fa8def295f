"""Rate functions of distances (C1, C13) and the prefactor of finite d (C9)."""

import math

import mpmath as mp
import numpy as np
import pytest
from scipy.stats import ncx2

from theory import kernel_density as kd

PAIR = [(1, 0.25), (1, 1.75)]
SKEW = [(0.2, 5.0), (0.5, 1.0), (0.3, 1e-3)]


def mp_alpha(s, q=1, spectrum=((1, 1),)):
    """alpha(s) as the sheet writes it, with variances."""
    total = sum(mp.mpf(w) for w, _ in spectrum)
    terms = (
        w * (mp.log1p(v / s) - v / (s + v) + q * mp.mpf(v) ** 2 / (s + v) ** 2) for w, v in spectrum
    )
    return sum(terms) / total / 2


def mp_distance(s, q=1, spectrum=((1, 1),)):
    total = sum(mp.mpf(w) for w, _ in spectrum)
    return sum(w * (v * s / (v + s) + q * v * (s / (s + v)) ** 2) for w, v in spectrum) / total


def mp_tilt(alpha, q=1, spectrum=((1, 1),)):
    """s_G by bisection in log s."""
    low, high = -2 * mp.mpf(alpha) - 60, mp.mpf(80)
    for _ in range(100):
        middle = (low + high) / 2
        if mp_alpha(mp.exp(middle), q, spectrum) > alpha:
            low = middle
        else:
            high = middle
    return mp.exp(low)


@pytest.mark.parametrize("spectrum", [None, PAIR, SKEW])
@pytest.mark.parametrize("q", [0, 1, 2.5])
def test_rates_and_their_inverse_by_mpmath(q, spectrum):
    exact = spectrum or ((1, 1),)
    with mp.workdps(25):
        for alpha in (1e-12, 0.02, 2.0, 300.0, 1e4):
            log = mp.log(mp_tilt(alpha, q, exact))
            found = kd.log_tilt(alpha, q, spectrum)
            assert abs(found - log) < 4e-15 * max(1, abs(log))
            if alpha <= 300:
                u = mp_distance(mp.exp(log), q, exact)
                # a few ulp of log s, which u follows with a slope of at most 2
                assert kd.nearest(alpha, q, spectrum) == pytest.approx(
                    float(u), rel=8e-15 * max(1, abs(float(log)))
                )
        for s in (1e-30, 1e-3, 0.4, 3.0, 1e6, 1e12):
            exact_rate = float(mp_alpha(mp.mpf(s), q, exact))
            assert kd.rate(s, q, spectrum) == pytest.approx(exact_rate, rel=4e-15)


# The table 5.2 and 5.3 of the sheet, 30-digit bisections: (alpha, q, spectrum, h_G, u*).
TABLE = [
    (0.25, 0.5, None, 0.813504424273816, 0.477536218046553),
    (0.25, 2, None, 1.15316428986447, 1.22234771422706),
    (1, 0.5, None, 0.299594057207448, 0.0857558016019757),
    (1, 2, None, 0.519830686326286, 0.303251516399405),
    (0.25, 1, PAIR, 0.911708079385256, 0.54248243926099),
    (1, 1, PAIR, 0.308873992562054, 0.0916364571297337),
]


@pytest.mark.parametrize(("alpha", "q", "spectrum", "h", "u"), TABLE)
def test_tables_of_the_sheet(alpha, q, spectrum, h, u):
    assert kd.boundaries(alpha, q, spectrum).h_glass == pytest.approx(h, rel=2e-15)
    assert kd.nearest(alpha, q, spectrum) == pytest.approx(u, rel=4e-15)


def test_moments_of_the_weight_by_quadrature():
    """E exp(-lambda r^2 / (2 h^2)) over the noncentral chi-square density, at every d."""
    for d, h, lam, q in [(1, 0.7, 1.0, 1.0), (3, 1.3, 2.0, 0.2), (8, 0.4, 0.5, 2.0)]:
        x = np.linspace(-80, np.log(200.0), 20_001)
        r2 = np.exp(x)
        integrand = ncx2.pdf(r2, d, q * d) * np.exp(-lam * r2 / (2 * h * h)) * r2
        value = math.log(np.trapezoid(integrand, x)) / d
        assert kd.moment_rate(lam, h, q) == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize("spectrum", [None, PAIR, SKEW])
def test_legendre_duality(spectrum):
    """phi(lambda) = -min_u (I(u) + lambda u / (2 h^2)), over a grid of tilts."""
    h, lam, q = 0.8, 1.7, 0.6
    grid = np.exp(np.linspace(-9, 9, 20_001))
    cost = kd.rate(grid, q, spectrum) + lam * kd.distance(grid, q, spectrum) / (2 * h * h)
    assert -cost.min() == pytest.approx(kd.moment_rate(lam, h, q, spectrum), abs=1e-6)
    du, di = np.diff(kd.distance(grid, q, spectrum)), np.diff(kd.rate(grid, q, spectrum))
    middle = np.sqrt(grid[1:] * grid[:-1])
    np.testing.assert_allclose(di / du * -2 * middle, 1, atol=1e-6)


@pytest.mark.parametrize("q", [0.5, 1, 2])
def test_the_rate_is_that_of_the_exact_law(q):
    """C1 and C9: -log F / d - log(2 pi d v) / (2d) - alpha falls like d^-2."""
    u = kd.nearest(0.25, q)
    gaps, bare = [], []
    for d in (100, 400, 1600):
        log_f = ncx2.logcdf(d * u, d, q * d)
        gaps.append((kd.log_probability(d, 0.25, q) - log_f) / d)
        bare.append(-log_f / d - 0.25)
    assert gaps[0] < 1.5e-4
    assert gaps[1] < 1e-5
    assert gaps[2] < 6e-7
    assert gaps[0] / gaps[1] > 14  # 16 if purely of second order
    if q == 1:  # the mutant without the prefactor
        assert bare[:2] == pytest.approx([0.0258, 0.0082], abs=5e-5)


def test_prefactor_with_two_variances_by_inversion():
    """P(r^2 < t) = (1 / 2 pi i) int e^(x t) E e^(-x r^2) dx / x along Re x = theta, d = 400."""
    d, alpha = 400, 0.25
    u = kd.nearest(alpha, 1, PAIR)
    theta = 1 / (2 * math.exp(kd.log_tilt(alpha, 1, PAIR)))
    x = theta + 1j * np.linspace(-2, 2, 20_001)
    log = x * d * u
    for _, v in PAIR:
        log -= d / 4 * np.log1p(2 * x * v) + d / 2 * x * v / (1 + 2 * x * v)
    value = np.log(np.trapezoid(np.exp(log) / x, x.imag).real / (2 * math.pi))
    assert kd.log_probability(d, alpha, 1, PAIR) == pytest.approx(value, abs=0.02)
    assert -value - d * alpha > 3  # so the prefactor is most of the correction


def test_effective_alpha_explains_most_of_the_bias():
    alpha = math.log(1000) / 20
    best = kd.boundaries(kd.effective_alpha(20, alpha)).h_kl
    assert best == pytest.approx(0.8318, abs=5e-5)  # the exact optimum is .8645, the limit .7419
    assert kd.boundaries(alpha).h_kl == pytest.approx(0.7419, abs=5e-5)
    with pytest.raises(ValueError, match=r"alpha_eff is .* d is too small"):
        kd.effective_alpha(10, 0.05)


def test_one_group_many_groups_and_units():
    """Groups of equal variance are one; scaling all variances scales u and s."""
    split = [(0.1, 1.0), (7, 1.0)]
    for alpha in (0.01, 0.5, 3):
        assert kd.log_tilt(alpha, 1, split) == pytest.approx(kd.log_tilt(alpha), abs=1e-14)
        scaled = kd.boundaries(alpha, 1, [(w, 9 * v) for w, v in SKEW])
        plain = kd.boundaries(alpha, 1, SKEW)
        np.testing.assert_allclose(scaled, 3 * np.array(plain), rtol=1e-14)


def test_arrays_broadcast():
    alpha, q = np.array([0.1, 0.4]), np.array([[1.0], [0.5], [0.0]])
    table = kd.log_tilt(alpha, q, PAIR)
    assert table.shape == (3, 2)
    assert table[1, 0] == pytest.approx(kd.log_tilt(0.1, 0.5, PAIR), abs=1e-15)
    assert isinstance(kd.nearest(0.1), float)
    assert np.all(np.diff(kd.log_tilt(np.geomspace(1e-12, 1e4, 200))) < 0)


BAD = [
    (lambda: kd.log_tilt(0), "alpha must be > 0 and finite, not 0"),
    (lambda: kd.log_tilt([0.1, math.nan]), "alpha must be > 0 and finite, not nan"),
    (lambda: kd.nearest("x"), "alpha must be > 0 and finite, not 'x'"),
    (lambda: kd.nearest(1, -0.5), "q must be >= 0 and finite, not -0.5"),
    (lambda: kd.rate(math.inf), "tilt must be > 0 and finite, not inf"),
    (lambda: kd.nearest(1, 1, []), "spectrum must be a sequence"),
    (lambda: kd.nearest(1, 1, [1.0, 2.0]), "spectrum must be a sequence"),
    (lambda: kd.nearest(1, 1, [(1, 1), (1, 0)]), r"spectrum\[1\] must be .* drop constant"),
    (lambda: kd.nearest(1, 1, [(math.nan, 1)]), r"spectrum\[0\] must be"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_mistakes_get_one_line(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)

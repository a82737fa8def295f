"""One-sided stable laws (C6) and the shares of the condensed phase (C7)."""

import math

import mpmath as mp
import numpy as np
import pytest
from scipy.special import erf, erfc
from scipy.stats import levy, levy_stable, ncx2

from theory import kernel_density as kd

BELOW, ABOVE = (0.2, 0.5, 0.8, 0.95), (1.05, 1.25, 1.6, 1.95)


def fourier_cdf(index, x):
    """Gil-Pelaez inversion of exp(-Gamma(1 - L) (-i w)^L) at 20 digits."""
    with mp.workdps(20):
        g, x = mp.gamma(1 - index), mp.mpf(x)

        def integrand(v):
            w = mp.exp(v)
            return mp.im(mp.exp(-1j * w * x - g * mp.mpc(0, -w) ** index))

        # the modulus exp(-Re Gamma(1 - L) (-i)^L w^L) is e^-40 at the upper end
        decay = g * mp.cos(mp.pi * index / 2)
        top = mp.log(40 / decay) / index
        ends = [top - 42, *(top - k for k in (30, 20, 14, 10, 7, 5, 4, 3, 2, 1, 0.5, 0))]
        return float(mp.mpf(1) / 2 - mp.quad(integrand, ends) / mp.pi)


def test_levy_case_is_exact():
    """E exp(-tX) = exp(-sqrt(pi t)): the first passage law, in all of both tails."""
    law, x = kd.OneSidedStable(0.5), np.array([2e-3, 0.01, 0.1, 1, 10, 1e3, 1e10, 1e100])
    c = math.pi / 2
    assert law.scale == pytest.approx(c, rel=4e-16)
    # relative precision is lost to the conditioning c / x in the lower tail only
    np.testing.assert_allclose(law.cdf(x), erfc(np.sqrt(c / (2 * x))), rtol=2e-12)
    np.testing.assert_allclose(law.cdf(x[2:]), erfc(np.sqrt(c / (2 * x[2:]))), rtol=2e-14)
    np.testing.assert_allclose(law.sf(x), erf(np.sqrt(c / (2 * x))), rtol=4e-15)
    np.testing.assert_allclose(law.pdf(x[1:]), levy.pdf(x[1:], scale=c), rtol=3e-13)
    assert law.cdf([-1, 0, math.inf]).tolist() == [0, 0, 1]
    assert law.pdf([-1.0, 0.0]).tolist() == [0, 0]


@pytest.mark.parametrize("index", [0.8, 1.25, 1.6, 1.95])
def test_cdf_by_fourier_inversion(index):
    law = kd.OneSidedStable(index)
    for x in (-1.0, 2.0) if index > 1 else (3.0,):
        assert law.cdf(x) == pytest.approx(fourier_cdf(index, x), abs=2e-12)


@pytest.mark.parametrize("index", [0.5, 0.7, 1.25, 1.6])
def test_cdf_by_scipy_in_the_s1_convention(index):
    """scipy's law of skewness 1, location 0 and our scale; 1e-6 is what it achieves."""
    law = kd.OneSidedStable(index)
    assert levy_stable.parameterization == "S1"
    for x in (-1.5, 0.4, 2.0, 12.0):
        frozen = levy_stable(index, 1.0, loc=0.0, scale=law.scale)
        assert law.cdf(x) == pytest.approx(float(frozen.cdf(x)), abs=1e-6)
    # mutants: symmetric law; scale without Gamma(1 - L); index off by 10 %
    bare = math.cos(math.pi * index / 2)
    wrong = [
        levy_stable.cdf(2.0, index, 0.0, scale=law.scale),
        levy_stable.cdf(2.0, index, 1.0, scale=abs(bare) ** (1 / index)),
        kd.OneSidedStable(0.9 * index).cdf(2.0),
    ]
    assert min(abs(law.cdf(2.0) - w) for w in wrong) > 5e-3


@pytest.mark.parametrize("index", [*BELOW, *ABOVE])
def test_laplace_transform_of_the_distribution(index):
    """E exp(-tX) = t int e^(-tx) P(X <= x) dx, by the trapezoidal rule in log x or asinh x."""
    law = kd.OneSidedStable(index)
    v = np.linspace(-4 / index - 4, 6, 1201) if index < 1 else np.linspace(-6, 6, 801)
    x, slope = (np.exp(v), np.exp(v)) if index < 1 else (np.sinh(v), np.cosh(v))
    cdf = law.cdf(x)
    for t in (0.3, 1.0):
        product = np.exp(np.minimum(-t * x, 700)) * cdf
        value = t * np.trapezoid(product * slope, v)
        assert value == pytest.approx(math.exp(law.log_laplace(t).item()), rel=1e-9)


@pytest.mark.parametrize("index", [*BELOW, *ABOVE])
def test_density_is_the_derivative(index):
    law, step = kd.OneSidedStable(index), 1e-4
    x = np.array([-3, -0.5, 0.3, 1.0, 6.0, 30.0])
    if index < 1:
        x = x[2:]
    slope = (law.cdf(x + step) - law.cdf(x - step)) / (2 * step)
    np.testing.assert_allclose(law.pdf(x), slope, atol=2e-6, rtol=2e-6)
    if index > 1:
        assert law.pdf(0.0) == pytest.approx(law.pdf(1e-9), rel=1e-6)
        assert law.pdf(0.0) == pytest.approx(law.pdf(-1e-9), rel=1e-6)


@pytest.mark.parametrize("index", [*BELOW, *ABOVE])
def test_tails(index):
    """P(X > x) ~ x^-L, the intensity of the Poisson process; cdf + sf = 1; P(X > 0)."""
    law = kd.OneSidedStable(index)
    far = 1e60
    assert law.sf(far) == pytest.approx(far**-index, rel=1e-6)
    x = np.array([-5, -1, -1e-3, 0, 1e-3, 0.5, 2, 40, math.inf])
    np.testing.assert_allclose(law.cdf(x) + law.sf(x), 1, rtol=1e-15)
    assert np.all(np.diff(law.cdf(x)) >= 0)
    if index > 1:
        assert law.sf(0) == pytest.approx(1 - 1 / index, rel=1e-15)


def test_transforms():
    law = kd.OneSidedStable(1.5)
    assert law.log_laplace(1.0) == pytest.approx(-math.gamma(-0.5), rel=1e-15)
    # the modulus of the characteristic function is exp(-(c w)^L)
    omega = 0.7
    value = law.log_laplace(-1j * omega)
    assert value.real == pytest.approx(-((law.scale * omega) ** 1.5), rel=1e-14)
    skew = value.imag / value.real  # -tan(pi L / 2), for skewness 1 and location 0
    assert skew == pytest.approx(-math.tan(math.pi * 0.75), rel=1e-14)
    assert law.mean == 0
    assert kd.OneSidedStable(0.5).mean == math.inf


def test_scale_passes_through_index_one():
    """Gamma(1 - L) cos(pi L / 2) -> pi / 2 from both sides."""
    scales = [kd.OneSidedStable(1 + e).scale for e in (-0.01, 0.01)]
    assert scales == pytest.approx([math.pi / 2, math.pi / 2], rel=0.05)


@pytest.mark.parametrize("index", [0, 1, 0.995, 1.005, 2, -0.5, math.nan, "x"])
def test_indices_out_of_reach(index):
    with pytest.raises(ValueError, match="index must be"):
        kd.OneSidedStable(index)


def test_bad_arguments_of_the_laws():
    law = kd.OneSidedStable(0.5)
    with pytest.raises(ValueError, match="x must not be NaN"):
        law.cdf([1.0, math.nan])
    with pytest.raises(ValueError, match="t must be finite with a real part >= 0"):
        law.log_laplace(-1)


# --- exact shares at the critical points (C6) ---------------------------------------------------


def test_carried_share_by_quadrature():
    d, h, q, beyond, power = 5, 0.8, 1.3, 4.0, 2.0
    x = np.linspace(beyond, 150, 200_001)
    tail = np.trapezoid(ncx2.pdf(x, d, q * d) * np.exp(-power * x / (2 * h * h)), x)
    whole = math.exp(d * kd.moment_rate(power, h, q))
    assert kd.carried_share(d, h, beyond, power, q) == pytest.approx(tail / whole, rel=1e-7)


def test_half_of_the_mean_is_lost_slowly():
    """The table of C6 at alpha = .3; the share of the variance at lambda* = 2 is the same."""
    b = kd.boundaries(0.3)
    for d, share in [(30, 0.218), (100, 0.299)]:
        edge = ncx2.ppf(math.exp(-0.3 * d), d, d)
        assert kd.carried_share(d, b.h_glass, edge) == pytest.approx(share, abs=5e-4)
        assert kd.carried_share(d, b.h_clt, edge, 2) == pytest.approx(
            kd.carried_share(d, b.h_glass, edge), rel=1e-12
        )
        assert kd.critical_fraction(d, 0.3) == pytest.approx(share, abs=2 / d)
    # .359 .409 .440 in the table, up to O(1 / sqrt d) of the normal approximation
    limit = kd.critical_fraction([300, 1000, 3000, 1e12], 0.3)
    np.testing.assert_allclose(limit[:3], [0.359, 0.409, 0.440], atol=0.011)
    assert limit[3] == pytest.approx(0.5, abs=1e-4)


# --- shares (C7) --------------------------------------------------------------------------------


def test_moments_of_the_shares():
    lam = np.array([0, 0.3, 0.5, 0.7, 0.999999, 1, 3])
    below = np.minimum(lam, 1)
    np.testing.assert_allclose(kd.share_moment(lam), 1 - below, rtol=1e-9)
    np.testing.assert_allclose(kd.share_moment(lam, 3), (1 - below) * (2 - below) / 2, rtol=1e-9)
    np.testing.assert_array_equal(kd.share_moment(lam, 1), 1)
    assert kd.share_moment(0.3, 1 + 1e-12) == pytest.approx(1, abs=1e-10)
    np.testing.assert_allclose(kd.share_variance(lam), below * (1 - below) / 3)
    assert kd.inverse_largest_share([0.5, 1, 2]).tolist() == [2, math.inf, math.inf]
    assert abs(kd.share_moment(0.3) - 0.3) > 0.3  # the mutant E Y_2 = lambda


@pytest.mark.parametrize("lam", [0.05, 0.4, 0.9])
def test_groupings_are_a_probability(lam):
    """All set partitions of m draws sum to 1; E Y_k and E Y_2^2 are special cases."""

    def partitions(m):
        if m == 0:
            yield []
            return
        for rest in partitions(m - 1):
            yield [*rest, 1]
            for i in range(len(rest)):
                yield [*rest[:i], rest[i] + 1, *rest[i + 1 :]]

    for m in (1, 2, 5, 7):
        total = math.fsum(kd.grouping_probability(sizes, lam) for sizes in partitions(m))
        assert total == pytest.approx(1, rel=1e-12)
    for k in (2, 3, 6):
        assert kd.grouping_probability([k], lam) == pytest.approx(kd.share_moment(lam, k))
    square = kd.grouping_probability([2, 2], lam) + kd.grouping_probability([4], lam)
    assert square == pytest.approx((1 - lam) * (3 - 2 * lam) / 3, rel=1e-13)
    assert square - (1 - lam) ** 2 == pytest.approx(kd.share_variance(lam), rel=1e-12)


def test_inverse_largest_share_from_the_law_of_the_largest():
    """Given W_max = m the others are Poisson below m: E[S / m] = 1 + L / (1 - L), at any m."""
    lam = 0.6
    x = np.linspace(-60, 0, 200_001)
    others = np.trapezoid(lam * np.exp((1 - lam) * x), x)
    assert kd.inverse_largest_share(lam) == pytest.approx(1 + others, rel=1e-8)


def test_ratios():
    assert kd.ratio_cdf(0.5, 3, 0.7) == pytest.approx(0.5**2.1)
    assert kd.ratio_cdf([0, 1, 2.0], 1, 1.4).tolist() == [0, 1, 1]
    for call, message in [
        (lambda: kd.ratio_cdf(0.5, 0, 0.7), "rank must be a whole number >= 1, not 0"),
        (lambda: kd.share_moment(-0.1), "index must be >= 0"),
        (lambda: kd.share_moment(0.5, 0.5), "k must be >= 1"),
        (lambda: kd.grouping_probability([2], 1.0), "index must be < 1"),
        (lambda: kd.grouping_probability([2, 0], 0.5), r"sizes\[1\] must be a whole number"),
        (lambda: kd.grouping_probability([], 0.5), "at least one group"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()


def test_slow_bias_of_the_shares_is_that_of_the_effective_alpha():
    """Exact E Y_2 at alpha = lambda* = .3; .704320 of the sheet at d = 800 is off by 5e-4."""
    d, h = np.array([50, 100, 200, 400, 800]), math.sqrt(0.3) * kd.boundaries(0.3).h_glass
    exact = np.array([0.746313, 0.727200, 0.715530, 0.708693, 0.704797])
    corrected = kd.share_moment(kd.stable_index(kd.effective_alpha(d, 0.3), h))
    np.testing.assert_allclose(corrected, [0.7439, 0.7256, 0.7146, 0.7082, 0.7045], atol=6e-5)
    gaps = exact - corrected
    assert np.all(np.abs(gaps) < 0.0025)
    assert np.all(np.abs(gaps) < 0.06 * (exact - 0.7) + 4e-4)


def test_general_density_index():
    """C13: at h* = r_n / sqrt d the index is D / d, here for N(0, I) at finite n by differences."""
    d, n, step = 10, 1000, 1e-5
    r2 = ncx2.ppf(1 / n, d, d)
    slope = (
        ncx2.logcdf(r2 * math.exp(step), d, d) - ncx2.logcdf(r2 * math.exp(-step), d, d)
    ) / step  # D = d log F / d log r = 2 d log F / d log r^2
    assert math.sqrt(r2 / d) == pytest.approx(0.60577893, abs=6e-9)  # table 5.4
    index = kd.local_index(math.sqrt(r2 / d), r2, slope)
    assert index == pytest.approx(slope / d, rel=1e-14)
    # table 5.4: the finite-size h_G = 1 / sqrt(2 d log F / d r^2)
    assert math.sqrt(r2 / slope) == pytest.approx(0.62323458, abs=2e-8)
    assert kd.local_index(0.62323458, r2, slope) == pytest.approx(1, abs=1e-7)

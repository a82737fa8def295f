"""Active count and log-norm: time zero, small times, width two, every width."""

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import integrate

from theory import depth_limit
from theory.depth_limit import large_width


@pytest.mark.parametrize(
    ("width", "rate"),
    [(1, "-1/2"), (2, "-1/6"), (3, "-1/21"), (4, "1/60"), (5, "9/155"), (6, "11/126")],
)
def test_rate_at_zero_is_the_known_fraction(width, rate):
    assert depth_limit.log_norm_rate_at_zero_exact(width) == Fraction(rate)
    assert depth_limit.log_norm_rate_at_zero(width) == pytest.approx(
        float(Fraction(rate)), rel=4e-16
    )


@pytest.mark.parametrize("width", [7, 20, 53, 60, 500])
def test_rate_at_zero_by_the_binomial_sum_at_larger_widths(width):
    exact = depth_limit.log_norm_rate_at_zero_exact(width)
    assert depth_limit.log_norm_rate_at_zero(width) == pytest.approx(float(exact), rel=1e-15)
    implied = 2 * (width * exact + 1)
    assert depth_limit.active_count_at_zero(width) == pytest.approx(float(implied), rel=4e-16)


def test_rate_at_zero_of_enormous_width_is_a_quarter():
    assert depth_limit.log_norm_rate_at_zero(10**18) == pytest.approx(0.25, rel=1e-15)


def mean_root_by_laplace(m):
    """E sqrt(N), N = |relu(G_m)|^2, from E e^{-x N} = ((1 + (1+2x)^{-1/2})/2)^m alone."""

    def integrand(u):  # x = u^2
        return -math.expm1(m * math.log1p((1 / math.sqrt(1 + 2 * u * u) - 1) / 2)) / u**2

    head = integrate.quad(integrand, 1e-9, 1, epsabs=1e-13, epsrel=1e-12, limit=500)[0]
    tail = integrate.quad(integrand, 1, math.inf, epsabs=1e-13, epsrel=1e-12, limit=500)[0]
    return (head + tail + 1e-9 * m / 2) / math.sqrt(math.pi)


@pytest.mark.parametrize("m", [1, 2, 3, 9, 49, 1000])
def test_mean_post_activation_norm(m):
    value = depth_limit.mean_post_activation_norm(m)
    assert value == pytest.approx(mean_root_by_laplace(m), rel=1e-8)


def test_small_time_coefficient():
    # Reference values of the derivation notes (claim C7), ten digits.
    known = {2: 0.0299311870, 3: 0.0436328313, 4: 0.0513895742, 6: 0.0595707356, 10: 0.0660712682}
    for width, value in known.items():
        assert depth_limit.small_time_coefficient(width) == pytest.approx(value, abs=5e-11)
    limit = depth_limit.small_time_coefficient(math.inf)
    assert depth_limit.small_time_coefficient(1) == 0
    assert depth_limit.small_time_coefficient(10**12) == pytest.approx(limit, rel=2e-12)


def test_small_time_coefficient_is_continuous_where_the_method_changes():
    below, above = (depth_limit.mean_post_activation_norm(10**6 + k) ** 2 for k in (0, 1))
    # m -> (E|relu(G_m)|)^2 = m/2 - 5/8 + O(1/m) grows by 1/2; 1e-12 relative error of each value.
    assert above - below == pytest.approx(0.5, abs=4e-6)


# --- width two ------------------------------------------------------------------------------------

TIMES = [1e-4, 1e-3, 0.0625, 0.25, 1.0, 2.0, 8.0, 24.0, 60.0, 300.0]


@pytest.mark.parametrize("time", TIMES)
def test_spectral_elements_agree_with_finite_volumes(time):
    # Both stated errors are 1e-9; they agree ten times better.
    count = [depth_limit.active_count_two(time, m) for m in ("spectral", "finite-volume")]
    assert abs(count[0] - count[1]) < 2e-10
    ratio = [depth_limit.log_ratio_two(time, m) for m in ("spectral", "finite-volume")]
    assert abs(ratio[0] - ratio[1]) < 2e-10 * max(1, time)


@pytest.mark.parametrize(
    ("time", "count", "ratio"),
    # Table of the notes (section 5; last digit rounded), and claim C13 at times up to 24.
    [
        (0.0625, 1.33273133166, -0.01042047),
        (0.25, 1.32893828762, -0.041780320635),
        (0.5, 1.32208847402, -0.083929078559),
        (0.75, 1.31436319714, -0.126537058073),
        (1.0, 1.30626511296, -0.169641302123),
    ],
)
def test_width_two_table(time, count, ratio):
    assert depth_limit.active_count(2, time).value == pytest.approx(count, abs=1e-10)
    assert depth_limit.log_ratio(2, time).value == pytest.approx(ratio, abs=5e-9)


@pytest.mark.parametrize(
    ("time", "count"), [(2, 1.274007111), (4, 1.21954), (6, 1.17823), (8, 1.14637), (24, 1.03720)]
)
def test_width_two_at_long_horizons(time, count):
    digits = 9 if time == 2 else 5
    assert depth_limit.active_count(2, time).value == pytest.approx(
        count, abs=6 * 10.0 ** -(digits + 1)
    )


def test_width_two_leaves_time_zero_as_the_small_time_law_says():
    """Linear extrapolation of deficit / s^{3/2} to s = 0 gives kappa_2 (claim C7)."""
    s = np.array([1e-3, 2e-3])
    start, *later = (depth_limit.active_count_two(x) for x in (0.0, *s))
    slope = [0.75 * (start - count) / x**1.5 for x, count in zip(s, later, strict=True)]
    kappa = depth_limit.small_time_coefficient(2)
    # The next term is relative O(s^2) ~ 1e-5 at most.
    assert 2 * slope[0] - slope[1] == pytest.approx(kappa, rel=1e-5)
    wrong = (
        kappa * depth_limit.mean_post_activation_norm(2) / depth_limit.mean_post_activation_norm(1)
    )
    assert abs(2 * slope[0] - slope[1] - wrong) > 0.1 * kappa


def test_width_two_log_ratio_is_the_integral_of_the_active_count():
    integral = integrate.quad(
        lambda s: depth_limit.active_count_two(s) / 2 - 1, 0, 3, epsabs=1e-11
    )[0]
    assert depth_limit.log_ratio_two(3.0) == pytest.approx(integral / 2, abs=1e-9)


def test_width_two_settles_on_one_active_neuron():
    assert depth_limit.active_count_two(1e4) == pytest.approx(1, abs=1e-9)
    assert depth_limit.active_count_two(1e12) == pytest.approx(1, abs=1e-9)
    tail = depth_limit.log_ratio_two(1e4) - depth_limit.log_ratio_two(9e3)
    assert tail == pytest.approx(-1000 / 4, abs=1e-6)


# --- every width ----------------------------------------------------------------------------------


def slow(*values):
    """A case for the slow tests."""
    return pytest.param(*values, marks=pytest.mark.slow)


# Exact tables of the notes (claim C15, another method: a Galerkin expansion; error <= 5e-6 on the
# count, 1e-5 at s = 4; <= 1e-7, 1e-6, 4e-6 on the log ratio for s <= 1, s = 2, s = 4).
COUNTS = {
    3: (1.7086597, 1.6996774, 1.6893769, 1.6784198, 1.633151, 1.550690),
    4: (2.1270726, 2.1169494, 2.1052415, 2.0927072, 2.040227, 1.941898),
    6: (3.0406234, 3.0291687, 3.0158032, 3.0014144, 2.940695, 2.825597),
    10: (4.9971710, 4.9844064, 4.9694267, 4.9532503, 4.884927, 4.757174),
    20: (9.9917080, 9.9778765, 9.9615809, 9.9439636, 9.869956, 9.736364),
}
RATIOS = {
    3: (-0.01200118, -0.02432106, -0.05021531, -0.1075859, -0.244026),
    4: (0.00408645, 0.00790500, 0.01447409, 0.0227925, 0.020260),
    6: (0.02176582, 0.04333068, 0.08564879, 0.1665821, 0.313560),
    10: (0.03752176, 0.07490975, 0.14914049, 0.2951023, 0.577038),
    20: (0.04997894, 0.09988563, 0.19940267, 0.3970785, 0.787114),
}


@pytest.mark.parametrize("width", [slow(n) if n >= 10 else n for n in COUNTS])
def test_active_count_is_within_its_error_of_the_exact_table(width):
    for time, true in zip((0.25, 0.5, 0.75, 1, 2, 4), COUNTS[width], strict=True):
        prediction = depth_limit.active_count(width, time)
        assert abs(prediction.value - true) <= prediction.error + 5e-6
        constant = depth_limit.constant_rate_active_count(width, time)
        assert abs(constant - true) > 20 * prediction.error or time > 1


@pytest.mark.parametrize("width", RATIOS)
def test_log_ratio_is_within_its_error_of_the_exact_table(width):
    slack = (1e-7, 1e-7, 1e-7, 1e-6, 4e-6)
    for time, true, s in zip((0.25, 0.5, 1, 2, 4), RATIOS[width], slack, strict=True):
        prediction = depth_limit.log_ratio(width, time)
        assert abs(prediction.value - true) <= prediction.error + s
        assert prediction.error < 2e-5 or time > 1


@pytest.mark.parametrize(
    ("width", "time", "true", "noise"),
    # Monte Carlo of the notes (section 5 and claim C13), and at late times a plain simulation of
    # 1e4 to 6e4 paths, step 1/32 and 1/16 extrapolated; noise is one standard error.
    [
        (3, 1, 1.67860, 0.00016),
        slow(50, 0.5, 24.9760, 0.0028),
        (50, 1, 24.9424, 0.0033),
        (4, 2, 2.0409, 0.0018),
        (4, 4, 1.9432, 0.0020),
        (5, 12, 2.0624, 0.0028),
        (5, 18, 1.9076, 0.0028),
        (3, 24, 1.178, 0.0024),
        (8, 8, 3.599, 0.0073),
        (20, 24, 9.316, 0.017),
        slow(50, 24, 24.376, 0.037),
    ],
)
def test_active_count_against_monte_carlo(width, time, true, noise):
    prediction = depth_limit.active_count(width, time)
    assert abs(prediction.value - true) <= prediction.error + 4 * noise


def test_large_width_limit_of_the_estimate():
    # E[A_1] at n = 50 and log ratio of the notes (claim C15): errors 1e-6, 1e-7.
    count, ratio = depth_limit.active_count(50, 1), depth_limit.log_ratio(50, 1)
    assert abs(count.value - 24.941363) <= count.error + 1e-6
    assert abs(ratio.value - 0.2297502) <= ratio.error + 1e-7
    big = depth_limit.active_count(10**6, 1)
    drop = 5e5 - big.value
    assert drop == pytest.approx(large_width.activity_deficit(1.0), rel=1e-5)


def test_every_width_leaves_time_zero_as_the_small_time_law_says():
    small = 1e-2
    for width in (3, 7, 40):
        drop = (
            depth_limit.active_count_at_zero(width) - depth_limit.active_count(width, small).value
        )
        expected = depth_limit.small_time_coefficient(width) * small**1.5 / (1 - 2.0**-width)
        # The next term is below 1 % of it; the count itself is known to 1e-6 there.
        assert drop == pytest.approx(expected, rel=0.01, abs=5e-7)


@pytest.mark.parametrize("width", [3, 4, 5, slow(17), 400])
def test_interval_never_leaves_the_proven_bounds_by_more_than_its_slack(width):
    start = depth_limit.active_count_at_zero(width)
    for time in (0.0, 0.3, 3.0, 30.0, 1e4):
        count, ratio = depth_limit.active_count(width, time), depth_limit.log_ratio(width, time)
        assert 1 <= count.value <= start
        assert count.error <= start - 1 + 1e-6
        assert -time / (2 * width) <= ratio.value <= depth_limit.log_norm_rate_at_zero(width) * time
    assert depth_limit.active_count(width, 0).value == start


def test_width_one_is_exact():
    assert depth_limit.active_count(1, 3.0) == (1.0, 0.0, "exact")
    assert depth_limit.log_ratio(1, 3.0) == (-1.5, 0.0, "exact")
    assert depth_limit.constant_rate_log_ratio(1, 3.0) == -1.5


def test_constant_rate_is_outside_the_stated_error_for_widths_above_one():
    for width in (2, 3, 4, 10, 100):
        for time in (0.1, 0.5, 1.0):
            prediction = depth_limit.log_ratio(width, time)
            constant = depth_limit.constant_rate_log_ratio(width, time)
            assert constant - prediction.value > 10 * prediction.error


# --- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [0, -1, 2.5, 4.0, True, None, math.nan, "4"])
def test_bad_width(width):
    with pytest.raises(ValueError, match=r"^width must be a whole number >= 1, not "):
        depth_limit.active_count(width, 1.0)
    with pytest.raises(ValueError, match="width must be"):
        depth_limit.log_norm_rate_at_zero(width)


@pytest.mark.parametrize("time", [math.nan, math.inf, -math.inf, "soon", None])
def test_time_must_be_finite(time):
    with pytest.raises(ValueError, match=r"^time must be a finite number, not "):
        depth_limit.log_ratio(3, time)


def test_time_must_not_be_negative():
    with pytest.raises(ValueError, match=r"^time must be >= 0, not -1\.$"):
        depth_limit.active_count(2, -1)


def test_unknown_method():
    with pytest.raises(ValueError, match="'spectral' or 'finite-volume', not 'fft'"):
        depth_limit.active_count_two(1.0, "fft")


def test_numpy_integers_are_widths():
    assert depth_limit.log_norm_rate_at_zero(np.int32(3)) == depth_limit.log_norm_rate_at_zero(3)

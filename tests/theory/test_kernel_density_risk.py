"""Typical log-density, sizes of fluctuations, Kullback-Leibler risk (C4, C5, C10, C13)."""

import math

import mpmath as mp
import numpy as np
import pytest

from theory import kernel_density as kd

PAIR = [(1, 0.25), (1, 1.75)]
SKEW = [(0.2, 5.0), (0.5, 1.0), (0.3, 1e-3)]


def variational(alpha, h, q, spectrum, power):
    """max over u >= u* of alpha - I(u) - e(u) by a grid, as a sum over the points would find."""
    low = kd.log_tilt(alpha, q, spectrum)
    s = np.exp(np.linspace(low, low + 25, 40_001))
    e = (np.sqrt(kd.distance(s, q, spectrum)) / h) ** power / power
    log_sum = np.max(alpha - kd.rate(s, q, spectrum) - e)
    normaliser = math.log(2 * math.pi * math.e) / 2 - 1 / power + math.log(h)
    return log_sum - alpha - normaliser


@pytest.mark.parametrize("power", [1, 2, 3.5])
@pytest.mark.parametrize(("q", "spectrum"), [(1, None), (0.4, PAIR), (1, SKEW)])
def test_free_energy_is_the_best_level(power, q, spectrum):
    for ratio in (0.4, 0.9, 1.1, 3.0):
        h = ratio * kd.kernel_boundaries(0.3, power, q, spectrum).h_glass
        value = kd.free_energy(0.3, h, q, spectrum, power=power).value
        assert value == pytest.approx(variational(0.3, h, q, spectrum, power), abs=1e-7)


def test_free_energy_by_the_formulas_of_the_sheet():
    for alpha, q in [(0.25, 1), (0.8, 0.5)]:
        s = math.exp(kd.log_tilt(alpha, q))
        u = kd.nearest(alpha, q)
        below, above = 0.6 * math.sqrt(s), 1.3 * math.sqrt(s)
        low, high = kd.free_energy(alpha, below, q), kd.free_energy(alpha, above, q)
        h2 = above**2
        assert high.value == pytest.approx(
            -math.log(2 * math.pi * (1 + h2)) / 2 - q / (2 * (1 + h2)), abs=1e-15
        )
        assert high.by_q == pytest.approx(-1 / (2 * (1 + h2)), rel=1e-14)
        assert high.by_alpha == 0
        h2 = below**2
        assert low.value == pytest.approx(
            -math.log(2 * math.pi * h2) / 2 - alpha - u / (2 * h2), abs=3e-15
        )
        assert low.by_q == pytest.approx(-s / (2 * h2 * (1 + s)), rel=1e-14)
        # the mutant: the upper formula below h_G
        wrong = -math.log(2 * math.pi * (1 + h2)) / 2 - q / (2 * (1 + h2))
        assert wrong > low.value + 0.04
        if q == 1:
            assert high.spread == pytest.approx(math.sqrt(0.5) / (1 + above**2), rel=1e-14)
            assert low.spread == pytest.approx(math.sqrt(0.5) * s / (h2 * (1 + s)), rel=1e-14)


@pytest.mark.parametrize("power", [1, 2, 3])
@pytest.mark.parametrize("spectrum", [None, PAIR])
def test_derivatives_by_differences(power, spectrum):
    alpha, q, step = 0.3, 0.8, 1e-4
    for h in (0.5, 1.4):

        def f(a=alpha, x=0.0, c=q, h=h):
            return kd.free_energy(a, h * math.exp(x), c, spectrum, power=power).value

        found = kd.free_energy(alpha, h, q, spectrum, power=power)
        slope = (f(x=step) - f(x=-step)) / (2 * step)
        curve = (f(x=step) + f(x=-step) - 2 * f()) / step**2
        assert found.by_log_h == pytest.approx(slope, abs=1e-7)
        assert found.by_log_h_twice == pytest.approx(curve, abs=3e-7)  # eps / step^2 and step^2
        by_alpha = (f(a=alpha + step) - f(a=alpha - step)) / (2 * step)
        assert found.by_alpha == pytest.approx(by_alpha, abs=1e-6)
        assert found.by_q == pytest.approx((f(c=q + step) - f(c=q - step)) / (2 * step), abs=1e-8)


def test_the_second_derivative_jumps_at_the_transition():
    """4 s^2 / (1 + s)^3 above, 2 (1 + 2s) / (1 + s)^2 below; value and first one do not jump."""
    for alpha in (0.05, 0.5, 2):
        h = kd.boundaries(alpha).h_glass
        s = h * h
        above, below = (
            kd.free_energy(alpha, h * (1 + 1e-12)),
            kd.free_energy(alpha, h * (1 - 1e-12)),
        )
        assert above.value == pytest.approx(below.value, abs=1e-11)
        assert above.by_log_h == pytest.approx(below.by_log_h, abs=1e-11)
        assert -above.by_log_h_twice == pytest.approx(4 * s * s / (1 + s) ** 3, rel=1e-10)
        assert -below.by_log_h_twice == pytest.approx(2 * (1 + 2 * s) / (1 + s) ** 2, rel=1e-10)


def test_the_annealed_deficit():
    """D_oo of claim C2 at alpha = .25: f of the self-averaging phase minus f."""
    glass = kd.boundaries(0.25).h_glass
    for index, deficit in [(0.5, 0.094923), (0.8, 0.007625), (1, 0), (1.25, 0)]:
        h = glass * math.sqrt(index)
        annealed = kd.moment_rate(1, h) - math.log(2 * math.pi * h * h) / 2
        assert annealed - kd.free_energy(0.25, h).value == pytest.approx(deficit, abs=6e-7)


def test_spread_by_its_gradient():
    """Var log rho_h over x ~ rho: (df / d chi_a)^2 Var chi_a summed over the directions."""
    alpha, h, step = 0.3, 0.7, 1e-5
    spread = kd.free_energy(alpha, h, 1, PAIR).spread
    # Only a common q can be varied here: for one group it is the whole gradient.
    one = [(1, 1.3)]
    by_q = (
        kd.free_energy(alpha, h, 1 + step, one).value
        - kd.free_energy(alpha, h, 1 - step, one).value
    ) / (2 * step)
    assert kd.free_energy(alpha, h, 1, one).spread == pytest.approx(-math.sqrt(2) * by_q, rel=1e-8)
    # Two groups: never less than from |x| alone (Cauchy-Schwarz).
    assert spread > -math.sqrt(2) * kd.free_energy(alpha, h, 1, PAIR).by_q


# --- fluctuations (C5) --------------------------------------------------------------------------


def test_exponents_of_the_sheet():
    """alpha = .3; the sheet's ".00685 at lambda* = 1.25" is .00668 (30 digits below)."""
    glass = kd.boundaries(0.3).h_glass
    table = [(1.3, 0.00904), (1.6, 0.02589), (2.5, 0.07326), (3, 0.08925), (1.25, 0.00668)]
    for index, delta in table:
        found = kd.fluctuation_exponent(0.3, glass * math.sqrt(index))
        assert found == pytest.approx(delta, abs=5e-6)
    with mp.workdps(30):
        s = mp.findroot(
            lambda s: mp.log1p(1 / s) / 2 - s / (2 * (1 + s) ** 2) - mp.mpf("0.3"), 0.75
        )
        u = s * (1 + 2 * s) / (1 + s) ** 2
        for index in ("1.0001", "1.25", "1.6", "1.9999"):
            h2 = mp.mpf(index) * s
            phi = -mp.log1p(1 / h2) / 2 - 1 / (2 * (h2 + 1))
            delta = float(mp.mpf("0.3") + phi + u / (2 * h2))
            found = kd.fluctuation_exponent(0.3, float(mp.sqrt(h2)))
            assert found == pytest.approx(delta, abs=3e-16)
        h2 = mp.mpf("1.6") * s  # the mutant: the formula of normal fluctuations
        phi, phi2 = (-mp.log1p(k / h2) / 2 - k / (2 * (h2 + k)) for k in (1, 2))
        assert float((mp.mpf("0.3") - phi2 + 2 * phi) / 2) == pytest.approx(0.021656, abs=1e-6)


@pytest.mark.parametrize("power", [1, 2, 3])
@pytest.mark.parametrize("spectrum", [None, PAIR])
def test_exponents_join(power, spectrum):
    b = kd.kernel_boundaries(0.4, power, 0.9, spectrum)

    def delta(h):
        return kd.fluctuation_exponent(0.4, h, 0.9, spectrum, power=power)

    assert delta(b.h_glass * (1 - 1e-9)) == 0
    assert 0 <= delta(b.h_glass * (1 + 1e-9)) < 1e-15
    below, above = delta(b.h_clt * (1 - 1e-9)), delta(b.h_clt * (1 + 1e-9))
    assert below == pytest.approx(above, abs=1e-8)
    assert delta(1e4 if power > 1 else 1e6) == pytest.approx(0.2, abs=1e-5)  # alpha / 2
    grid = delta(np.linspace(b.h_glass, 3 * b.h_clt, 400))
    assert np.all(np.diff(grid) > 0)


def test_normal_exponent_of_the_exact_relative_variance():
    """(1/n) E W^2 / (E W)^2 - 1/n by the formula of C5, at d = 1000."""
    d, alpha, q = 1000, 0.3, 1.4
    h2 = (2 * kd.boundaries(alpha, q).h_clt) ** 2
    log = d / 2 * math.log((1 + h2) ** 2 / (h2 * (h2 + 2))) + d * q / ((h2 + 1) * (h2 + 2))
    relvar = math.log(math.expm1(log)) - alpha * d
    found = kd.fluctuation_exponent(alpha, math.sqrt(h2), q)
    assert found == pytest.approx(-relvar / (2 * d), abs=1e-12)


# --- risk (C10) ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("q", "spectrum"), [(1, None), (0.5, PAIR), (2, None), (0, None)])
def test_exponent_of_the_share_is_the_best_level(q, spectrum):
    """min over u of I(u) - alpha + 2 (log(n E W/W)/d)^+, on a grid of tilts."""
    alpha = 0.3
    low = kd.log_tilt(alpha, q, spectrum)
    s = np.exp(np.linspace(low - 12, low + 12, 400_001))
    rate, u = kd.rate(s, q, spectrum), kd.distance(s, q, spectrum)
    for index in (1.02, 1.25, 1.7, 1.9, 2.5, 4.0, 100.0):
        h = math.exp((low + math.log(index)) / 2)
        below = u / (2 * h * h) + alpha + kd.moment_rate(1, h, q, spectrum)
        best = np.min(rate - alpha + 2 * np.maximum(below, 0))
        found = kd.share_exponent(alpha, h, q, spectrum)
        # The minimum is a kink: a step of 6e-5 in log s, times s v of order 1.
        assert found == pytest.approx(best, abs=6e-5)
        typical = 2 * kd.fluctuation_exponent(alpha, h, q, spectrum)
        assert found <= typical * (1 + 1e-12)
        assert (typical - found < 1e-12) == (index > 2)
    assert kd.share_exponent(alpha, math.exp(low / 2) * 0.9, q, spectrum) == 0


def test_exponent_of_the_share_broadcasts_and_ends():
    many = kd.share_exponent([0.1, 0.3], [[1.0], [2.0]])
    assert many.shape == (2, 2)
    assert many[1, 1] == kd.share_exponent(0.3, 2.0)
    assert kd.share_exponent(0.3, 1e10) == pytest.approx(0.3, rel=1e-14)  # E Y_2 = 1/n
    assert kd.share_exponent(5, 1e-3) == 0
    with pytest.raises(ValueError, match="h must be > 0"):
        kd.share_exponent(0.3, math.nan)


@pytest.mark.parametrize("spectrum", [None, PAIR, SKEW])
def test_risk_is_the_gap_to_the_truth(spectrum):
    pairs = spectrum or [(1, 1)]
    total = sum(w for w, _ in pairs)
    scale = sum(w * math.log(v) for w, v in pairs) / total / 2
    truth = -math.log(2 * math.pi * math.e) / 2 - scale
    for power in (1, 2, 4):
        h = np.geomspace(0.05, 20, 50)
        gap = truth - kd.free_energy(0.3, h, 1, spectrum, power=power).value
        risk = kd.kl_risk(0.3, h, spectrum, power=power)
        np.testing.assert_allclose(risk, gap, rtol=1e-12, atol=4e-15)
        assert np.all(risk >= kd.kl_limit(0.3, spectrum).risk)
    least = kd.kl_limit(0.3, spectrum)
    assert least.risk == pytest.approx(0.3 + math.log(least.bandwidth) - scale, abs=3e-15)
    assert least.share == pytest.approx(1 - least.stable_index, abs=1e-15)


def test_risk_by_the_formulas_of_the_sheet_and_its_mutants():
    for alpha in (0.1, 0.5, 1.0):
        b, least = kd.boundaries(alpha), kd.kl_limit(alpha)
        h = 1.7 * b.h_glass
        value = math.log1p(h * h) / 2 + 1 / (2 * (1 + h * h)) - 0.5
        assert kd.kl_risk(alpha, h) == pytest.approx(value, abs=1e-15)
        h = 0.7 * b.h_glass
        value = alpha - 0.5 + math.log(h) + kd.nearest(alpha) / (2 * h * h)
        assert kd.kl_risk(alpha, h) == pytest.approx(value, abs=2e-15)
        for mutant in (b.h_glass, b.h_clt, b.h_scott):
            assert kd.kl_risk(alpha, mutant) > least.risk * (1 + 1e-3)


def test_least_risk_keeps_its_digits():
    """kappa(h*) ~ e^(-4 alpha) / 4 is far below the rounding of alpha + log h*."""
    with mp.workdps(60):
        for alpha in (2, 5, 15):
            e = mp.exp(-2 * alpha)
            s = mp.findroot(lambda s, a=alpha: mp.log1p(1 / s) / 2 - s / (2 * (1 + s) ** 2) - a, e)
            exact = alpha + mp.log(s * (1 + 2 * s) / (1 + s) ** 2) / 2
            assert kd.kl_limit(alpha).risk == pytest.approx(float(exact), rel=1e-13)
    assert kd.kl_limit(150.0).risk == pytest.approx(math.exp(-600) / 4, rel=1e-12)


def test_ends():
    """h -> 0 and h -> oo without a warning (warnings are errors)."""
    tiny = kd.free_energy(0.3, 1e-300)
    assert tiny.value == -math.inf
    assert kd.kl_risk(0.3, 1e-300) == math.inf
    assert kd.fluctuation_exponent(0.3, 1e-300) == 0
    assert kd.stable_index(0.3, 1e-300) == 0
    wide = math.log(1e300)
    assert kd.kl_risk(0.3, 1e300) == pytest.approx(wide - 0.5, rel=1e-15)
    assert kd.free_energy(0.3, 1e300).value == pytest.approx(-wide - math.log(2 * math.pi) / 2)
    assert kd.fluctuation_exponent(0.3, 1e300) == pytest.approx(0.15, rel=1e-15)
    table = kd.free_energy([0.3, 0.5], [[0.5], [1.0], [2.0]], 1, SKEW)
    assert {np.shape(field) for field in table} == {(3, 2)}
    with pytest.raises(ValueError, match="a compact kernel has density 0"):
        kd.kl_risk(0.3, 1, power=math.inf)
    with pytest.raises(ValueError, match="h must be > 0 and finite, not nan"):
        kd.free_energy(0.3, math.nan)

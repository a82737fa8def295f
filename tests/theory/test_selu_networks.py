"""Random SELU networks: finite width (C11), Edgeworth corrections (C12), initialisation (C10)."""

import functools
import math

import mpmath
import numpy as np
import pytest
from scipy import special, stats

from theory import gaussian, selu

# --- finite width -------------------------------------------------------------------------------


def test_leading_orders_of_the_sheet():
    n = 10**9
    found = selu.finite_width(n)
    assert found.n_var_q.value == pytest.approx(3.87945, abs=5e-6)
    assert n * (found.second_moment.value - 1) == pytest.approx(-1.56664, abs=1e-5)
    assert n * found.mean.value == pytest.approx(-0.119430, abs=1e-6)
    assert found.n_var_mean.value == pytest.approx(1.03061, abs=1e-5)
    assert found.slope.value == pytest.approx(0.7826478831968128, abs=1e-9)


def test_against_the_simulations_of_the_sheet():
    # (value, standard error), at most 4.5 of them off in 9 comparisons: false alarm 6e-5
    measured = {
        32: (-0.04713, 0.00108, 3.810, 0.010, 0.77270, 0.00043),
        128: (-0.01111, 0.00077, 3.860, 0.009, 0.78034, 0.00046),
        256: (None, None, 3.866, 0.011, 0.78160, 0.00058),
        512: (-0.00358, 0.00071, None, None, None, None),
    }
    for n, (shift, s1, spread, s2, slope, s3) in measured.items():
        found = selu.finite_width(n)
        for value, error, prediction in (
            (shift, s1, found.second_moment._replace(value=found.second_moment.value - 1)),
            (spread, s2, found.n_var_q),
            (slope, s3, found.slope),
        ):
            if value is not None:
                assert abs(value - prediction.value) <= 4.5 * error + prediction.error


def test_first_layer_is_exact():
    found = selu.finite_width(50, 1)
    assert found.n_var_q.value == pytest.approx(1.5031404506154079, rel=1e-13)
    assert found.second_moment.value == pytest.approx(1, rel=1e-14)
    assert found.n_var_mean.value == pytest.approx(1, rel=1e-14)
    assert found.variance.value == pytest.approx(1 - 1 / 50, rel=1e-13)  # E[q] - E[m^2]
    for name in ("second_moment", "n_var_q", "mean", "n_var_mean", "variance", "slope"):
        assert getattr(found, name).error < 1e-11


def test_variance_in_every_layer():
    chi, noise = 0.7826478831968128, 1.5031404506154079
    for depth in (2, 5, 40):
        exact = noise * (1 - chi ** (2 * depth)) / (1 - chi**2)
        assert selu.finite_width(10**9, depth).n_var_q.value == pytest.approx(exact, rel=1e-7)


def test_slope_by_its_formula():
    # The formula of the docstring from closed forms of F and mpmath's moments of f: no recursion.
    _, second = selu.derivatives(0.0, 1.0, 6)
    chi, bend, bend3 = second[2] / 2, second[4] / 4, second[6] / 8

    def moment(k, q):
        f = lambda g: (  # noqa: E731  a formula
            selu.SCALE * math.sqrt(q) * g
            if g > 0
            else selu.SCALE * selu.ALPHA * mpmath.expm1(mpmath.sqrt(q) * g)
        )
        return mpmath.quad(lambda g: f(g) ** k * mpmath.npdf(g), [-12, -3, 0, 3, 12])

    four, six = moment(4, 1), moment(6, 1)
    noise, third = four - 1, six - 3 * four + 2
    step = 1e-3
    tilt = (moment(4, 1 + step) - moment(4, 1 - step)) / (2 * step) - 2 * chi
    variance = noise / (1 - chi**2)
    shift = bend * variance / (2 * (1 - chi))
    skew = 3 * chi**2 * bend * variance**2 + 3 * chi * tilt * variance + third
    skew /= 1 - chi**3
    predicted = (bend * (skew / variance + 2 * shift) + bend3 * variance) / 2
    n = 10**6
    found = n * (selu.finite_width(n).slope.value - chi)
    assert found == pytest.approx(float(predicted), rel=1e-4)


@pytest.mark.parametrize("depth", [1, 3, 20])
def test_second_order_for_a_linear_network(depth):
    # q_l = q_0 times l independent chi^2_n/n: everything is known
    def exact(n):
        grown = math.expm1(depth * math.log1p(2 / n))
        return {
            "second_moment": 1.7,
            "n_var_q": 1.7**2 * n * grown,
            "mean": 0.0,
            "n_var_mean": 1.7,
            "variance": 1.7 * (1 - 1 / n),
            "slope": 1.0,
            "log_q": math.log(1.7) + depth * (special.psi(n / 2) - math.log(n / 2)),
        }

    for name in exact(100):
        gaps = []
        for n in (1000, 4000):
            found = getattr(selu.finite_width(n, depth, q0=1.7, activation="linear"), name)
            gaps.append(abs(found.value - exact(n)[name]))
            assert gaps[-1] <= found.error
        # what is missing is of order n^-2 or smaller: a quarter of the width, 1/16 of the gap
        assert gaps[1] <= gaps[0] / 14 + 2e-11


def test_mean_and_slope_for_the_modulus():
    # |z|: q as for the linear network, and E m_l = sqrt(2/pi) E sqrt(q_{l-1})
    n, depth = 400, 3
    found = selu.finite_width(n, depth, activation="abs")
    root = special.gammaln((n + 1) / 2) - special.gammaln(n / 2) - math.log(n / 2) / 2
    exact = math.sqrt(2 / math.pi) * math.exp((depth - 1) * root)
    assert abs(found.mean.value - exact) < 1e-6 / n * depth**3
    # n Var m_l = (1 - 2/pi) E q + n (2/pi) Var sqrt(q)
    spread = 1 - math.exp(2 * (depth - 1) * root)
    exact = (1 - 2 / math.pi) + n * 2 / math.pi * spread
    assert found.n_var_mean.value == pytest.approx(exact, abs=1e-3)
    assert abs(found.n_var_mean.value - exact) <= found.n_var_mean.error


@functools.cache
def simulated(n, count=40_000, layers=30):
    """Estimate and standard error in the last layer, by independent networks, drawn plainly."""
    rng = np.random.default_rng(20260101)
    q = np.ones(count)
    for _ in range(layers):
        z = np.sqrt(q)[:, None] * rng.standard_normal((count, n))
        h = selu.SCALE * np.where(z > 0, z, selu.ALPHA * np.expm1(np.minimum(z, 0)))
        q, mean = np.square(h).mean(axis=1), h.mean(axis=1)
    results = {}
    for name, x in {
        "second_moment": q,
        "n_var_q": n * (q - q.mean()) ** 2,
        "mean": mean,
        "n_var_mean": n * (mean - mean.mean()) ** 2,
        "variance": q - mean**2,
        "log_q": np.log(q),
    }.items():
        results[name] = float(x.mean()), float(x.std() / math.sqrt(count))
    return results


@pytest.mark.parametrize(
    "name", ["second_moment", "n_var_q", "mean", "n_var_mean", "variance", "log_q"]
)
def test_against_simulation(name):
    # 5.5 standard errors of each of 6: false alarm 2e-7
    value, error = simulated(24)[name]
    found = getattr(selu.finite_width(24, 30), name)
    assert abs(found.value - value) <= found.error + 5.5 * error


def test_other_activations_and_their_failures():
    found = selu.finite_width(100, 4, activation="tanh", q0=0.5)
    path = 0.5
    for _ in range(4):
        path = gaussian.moment("tanh", 2, path)
    assert found.second_moment.value == pytest.approx(path, rel=0.05)
    scale, alpha = selu.SCALE, selu.ALPHA
    assert selu.second_moment_map(1.0, scale=scale, alpha=alpha) == pytest.approx(1, rel=1e-14)
    with pytest.raises(ValueError, match=r"q of relu does not settle .* give a depth"):
        selu.finite_width(100, activation="relu")
    with pytest.raises(ValueError, match=r"q of relu is .* at layer 233; take a smaller depth"):
        selu.finite_width(100, 1000, activation="relu")
    with pytest.raises(ValueError, match="width must be a whole number >= 1, not 0"):
        selu.finite_width(0)
    with pytest.raises(ValueError, match="depth must be a whole number >= 1, not 0"):
        selu.finite_width(10, 0)
    with pytest.raises(ValueError, match="q0 must be > 0"):
        selu.finite_width(10, 1, q0=0.0)


def test_start_is_forgotten():
    far = selu.finite_width(100, 200, q0=3.0)
    for here, there in zip(far, selu.finite_width(100), strict=True):
        assert here.value == pytest.approx(there.value, abs=1e-9)


# --- Edgeworth ----------------------------------------------------------------------------------

GAMMA = [  # n; mean and second moment, each exact, by order 1, by order 2
    (16, -0.020660413045297, -0.020124961, -0.020831734, 1.0747587414106, 1.079527393, 1.075647166),
    (64, -0.010218973003034, -0.010062481, -0.010239174, 1.0386821532832, 1.039763696, 1.038793640),
    (
        256,
        -0.0050729622283975,
        -0.00503124,
        -0.005075414,
        1.0196253998448,
        1.019881848,
        1.019639334,
    ),
]


@pytest.mark.parametrize(("n", "mean", "m1", "m2", "second", "s1", "s2"), GAMMA)
def test_edgeworth_table(n, mean, m1, m2, second, s1, s2):
    cumulants = 2 / math.sqrt(n), 6 / n
    assert selu.edgeworth(*cumulants, order=0) == pytest.approx((0, 1), abs=1e-14)
    assert selu.edgeworth(*cumulants, order=1) == pytest.approx((m1, s1), abs=6e-10)
    assert selu.edgeworth(*cumulants) == pytest.approx((m2, s2), abs=6e-10)
    exact = gamma_moments(n)
    assert exact == pytest.approx((mean, second), rel=1e-13)


def gamma_moments(n):
    """Exact moments of f(z), z = (gamma_n - n)/sqrt(n), a sum of n shifted exponentials."""
    root = math.sqrt(n)
    results = []
    for power in (1, 2):

        def term(g, power=power):
            z = (g - n) / root
            f = selu.SCALE * (z if z > 0 else selu.ALPHA * mpmath.expm1(z))
            density = mpmath.exp((n - 1) * mpmath.log(g) - g - mpmath.loggamma(n))
            return f**power * density

        edges = [max(n + k * root, mpmath.mpf("1e-30")) for k in (-9, -4, -2, 0, 2, 4, 9, 20)]
        results.append(float(mpmath.quad(term, edges)))
    return tuple(results)


def test_edgeworth_orders_of_convergence():
    sizes = np.array([64, 256])
    exact = np.array([gamma_moments(n) for n in sizes.tolist()])
    for order in (0, 1, 2):
        found = np.stack(selu.edgeworth(2 / np.sqrt(sizes), 6 / sizes, order=order), axis=1)
        slope = np.diff(np.log(np.abs(found - exact)), axis=0) / math.log(4)
        np.testing.assert_allclose(slope, -(order + 1) / 2, atol=0.1)


def test_edgeworth_of_a_polynomial_is_exact():
    # z^2 and z: no corrections beyond order 0; and a cubic function has all of it in order 1
    found = selu.edgeworth(0.3, 0.2, 0.5, 2.0, activation="linear")
    assert found == pytest.approx((0.5, 0.25 + 2.0), rel=1e-10)
    cubic = selu.edgeworth(0.3, 0.2, 0.5, 2.0, order=1, activation=_cube)
    assert cubic.mean == pytest.approx(0.5**3 + 3 * 0.5 * 2 + 0.3, rel=1e-10)


def _cube(x):
    return x**3


def test_edgeworth_mistakes():
    with pytest.raises(ValueError, match="order must be 0, 1 or 2, not 3"):
        selu.edgeworth(0, 0, order=3)
    with pytest.raises(ValueError, match="cumulant3 must be finite, not nan"):
        selu.edgeworth(math.nan, 0)


# --- initialisation -----------------------------------------------------------------------------


def test_marginals_of_the_sheet():
    assert selu.probability_inside(64, (-0.1, 0.1)) == pytest.approx(0.0796557, abs=5e-8)
    for n, exact in {64: 0.318224, 256: 0.577094, 1024: 0.858332, 4096: 0.989105}.items():
        assert selu.probability_inside(n, None, (0.95, 1.1)) == pytest.approx(exact, abs=1e-6)
    # The sheet has 0.665060712801, from an end that is off by 2e-10.
    found = selu.probability_inside(9, selu.attracting_omega())
    assert found == pytest.approx(0.66506071275442505, rel=1e-14)
    assert selu.probability_inside(5) == 1.0


@pytest.mark.parametrize("n", [1, 2, 3, 10, 1000])
def test_joint_law_reduces_to_its_marginals(n):
    wide = selu.probability_inside(n, (-40, 40), (0.95, 1.1))
    marginal = stats.chi2.cdf(1.1 * n, n) - stats.chi2.cdf(0.95 * n, n)
    assert wide == pytest.approx(marginal, abs=1e-13)
    high = selu.probability_inside(n, (-0.3, 0.7), (0.0, 1e9))
    assert high == pytest.approx(stats.norm.cdf(0.7) - stats.norm.cdf(-0.3), abs=1e-13)


@pytest.mark.parametrize("n", [1, 2, 5, 64])
def test_joint_law_by_drawing(n):
    rng = np.random.default_rng(7)
    count = 100_000
    w = rng.standard_normal((count, n)) / math.sqrt(n)
    omega, tau = w.sum(axis=1), np.square(w).sum(axis=1)
    inside = (omega >= -0.5) & (omega <= 1) & (tau >= 0.5) & (tau <= 1.2)
    expected = selu.probability_inside(n, (-0.5, 1), (0.5, 1.2))
    # exact binomial test, one false alarm in 4e6 over the four widths
    assert stats.binomtest(int(inside.sum()), count, expected).pvalue > 6e-8


def test_joint_law_with_two_weights_by_an_angle():
    # n = 2: w = r (cos a, sin a), tau = r^2 ~ Exp(1)/1, omega = sqrt(2 tau) cos a
    def inner(tau):
        bound = min(1.0, 0.4 / math.sqrt(2 * tau))
        return math.exp(-tau) * 2 / math.pi * math.asin(bound)

    exact = float(mpmath.quad(inner, [0.5, 1.0, 1.5]))
    assert selu.probability_inside(2, (-0.4, 0.4), (0.5, 1.5)) == pytest.approx(exact, rel=1e-12)


def test_initialisation_mistakes():
    with pytest.raises(ValueError, match=r"omega_range must be \(low, high\) with low <= high"):
        selu.probability_inside(4, (1, -1))
    with pytest.raises(ValueError, match="tau_range"):
        selu.probability_inside(4, None, (math.nan, 1))
    assert selu.probability_inside(4, None, (-2, -1)) == 0.0
    assert selu.probability_inside(4, (0.5, 0.5), (0, 1)) == 0.0

"""Rates at time zero for any activation, and long horizons (claims C17 to C19)."""

import math
from dataclasses import replace

import mpmath
import numpy as np
import pytest
from scipy import integrate, special

from theory import depth_limit
from theory.activations import Activation, activation
from theory.depth_limit import long_run, rates

# --- two slopes -----------------------------------------------------------------------------------


def tau_by_hypergeometric_sum(n, a):
    """sum_k C(n,k) 2^-n 2F1(1, (n-k)/2; n/2; 1 - a^2), 30 digits."""
    with mpmath.workdps(30):
        a2 = mpmath.mpf(a) ** 2
        terms = (
            mpmath.binomial(n, k)
            * mpmath.hyp2f1(1, mpmath.mpf(n - k) / 2, mpmath.mpf(n) / 2, 1 - a2)
            for k in range(1, n + 1)
        )
        return (mpmath.fsum(terms) + 1 / a2) / mpmath.mpf(2) ** n


@pytest.mark.parametrize("width", [1, 2, 3, 4, 7, 30, 200])
@pytest.mark.parametrize("slope", [1e-3, 0.2, 0.7, 0.999])
def test_tau_is_the_hypergeometric_sum(width, slope):
    exact = float(tau_by_hypergeometric_sum(width, slope))
    assert rates.two_slope_tau(width, slope) == pytest.approx(exact, rel=2e-14)
    assert rates.two_slope_tau(width, -1 / slope) == pytest.approx(exact * slope**2, rel=2e-14)


def test_tau_at_the_ends():
    assert rates.two_slope_tau(5, 1) == pytest.approx(1, rel=1e-14)
    assert rates.two_slope_tau(3, 0) == math.inf
    assert rates.two_slope_tau(3, 1e-200) == math.inf
    # a -> 0: the start with every coordinate negative dominates
    assert rates.two_slope_tau(3, 1e-100) == pytest.approx(1e200 / 8, rel=1e-14)
    # n -> infinity: E|X|^2 / E|phi|^2
    assert rates.two_slope_tau(10**18, 0.5) == pytest.approx(2 / 1.25, rel=1e-13)


@pytest.mark.parametrize(
    ("width", "slope", "value"),
    # Reference values of the derivation notes (claim C17).
    [
        (3, 0.1, -0.0198474849),
        (3, 0.2, 0.0033071136),
        (3, 0.3, 0.0264530766),
        (3, 0.5, 0.0710132649),
        (3, 0.7, 0.1121845600),
        (4, 0.1, 0.0326422066),
        (4, 0.5, 0.1253529488),
        (5, 0.5, 0.1594155464),
    ],
)
def test_two_slope_rate_table(width, slope, value):
    for sign in (1, -1):
        rate = depth_limit_rate(width, f"leaky_relu:{sign * slope}")
        assert rate == pytest.approx(value, abs=6e-11)
    steep = depth_limit_rate(width, f"leaky_relu:{1 / slope}")
    assert steep == pytest.approx(value / slope**2, abs=6e-11 / slope**2)
    wrong = (1 + slope) / 4 - (1 + slope - slope * rates.two_slope_tau(width, slope)) / width
    assert abs(wrong - value) > 0.01  # a for a^2


depth_limit_rate = rates.log_norm_rate_at_zero


def test_exact_two_slope_rates():
    for a in (0.0625, 0.5, 0.9):
        assert depth_limit_rate(1, f"leaky_relu:{a}") == pytest.approx(-(1 + a * a) / 4, rel=1e-14)
        assert depth_limit_rate(2, f"leaky_relu:{a}") == pytest.approx(
            -((1 - a) ** 2) / 8, rel=1e-12
        )
    for n in (1, 2, 3, 50):
        for name in ("abs", "linear", "leaky_relu:-1"):
            assert depth_limit_rate(n, name) == pytest.approx(0.5 - 1 / n, abs=1e-15)
    # A slope of 0 is ReLU, given N_0 > 0; a tiny one counts every start.
    assert depth_limit_rate(3, "leaky_relu:0") == depth_limit_rate(3) == -1 / 21
    assert depth_limit_rate(3, "leaky_relu:1e-200") == pytest.approx(-7 / 8 / 21, rel=1e-14)
    assert depth_limit_rate(3, "relu", 17.0) == depth_limit_rate(3)


def test_critical_slope():
    # r_3 = 0 where 4 a^2 tau_3 = 1 + a^2.  The notes give 0.185786851756154, off by 1e-14.
    with mpmath.workdps(30):
        root = mpmath.findroot(
            lambda a: 4 * a * a * tau_by_hypergeometric_sum(3, a) - 1 - a * a, 0.2
        )
    assert rates.critical_slope() == pytest.approx(float(root), abs=1e-15)
    assert rates.critical_slope() == pytest.approx(0.185786851756154, abs=2e-14)
    assert rates.critical_slope(2) == 1.0
    for width in (1, 4, 10):
        with pytest.raises(ValueError, match=f"width must be 2 or 3, not {width}: the rate is"):
            rates.critical_slope(width)


# --- any activation -------------------------------------------------------------------------------

SMOOTH = {  # phi, phi', phi'' written out here
    "silu": lambda x: (
        x * special.expit(x),
        special.expit(x) * (1 + x * special.expit(-x)),
        special.expit(x) * special.expit(-x) * (2 + x * (1 - 2 * special.expit(x))),
    ),
    "tanh": lambda x: (
        np.tanh(x),
        1 / np.cosh(x) ** 2,
        -2 * np.tanh(x) / np.cosh(x) ** 2,
    ),
    "erf": lambda x: (
        special.erf(x),
        2 / math.sqrt(math.pi) * np.exp(-x * x),
        -4 * x / math.sqrt(math.pi) * np.exp(-x * x),
    ),
    "gelu": lambda x: (
        x * special.ndtr(x),
        special.ndtr(x) + x * normal(x),
        (2 - x * x) * normal(x),
    ),
    "softplus": lambda x: (
        np.logaddexp(0, x),
        special.expit(x),
        special.expit(x) * special.expit(-x),
    ),
}


def normal(x):
    return np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def rate_by_tensor_quadrature(functions, n, q=1.0, count=60):
    """Mean over an n-dimensional Gauss-Legendre grid, split at 0, of the drift with phi''."""
    x, w = np.polynomial.legendre.leggauss(count)
    g = np.concatenate([-(1 + x) * 3.75, (1 + x) * 3.75])
    w = np.tile(w * 3.75, 2) * normal(g)
    f, f1, f2 = functions(math.sqrt(q) * g)
    shapes = [tuple(-1 if i == j else 1 for j in range(n)) for i in range(n)]

    def total(values):
        return sum(values.reshape(s) for s in shapes)

    weights = math.prod(w.reshape(s) for s in shapes)
    drift = total((f1**2 + f * f2) / 2) - total(f**2 * f1**2) / total(f**2)
    return float((weights * drift).sum() / weights.sum()) / n


@pytest.mark.parametrize("width", [1, 2, 3])
@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_rate_by_tensor_quadrature(name, width):
    act = activation(name) if name != "softplus" else softplus()
    oracle = rate_by_tensor_quadrature(SMOOTH[name], width)
    # The grid is cut at 7.5 deviations, and the drift is not smooth at the origin.
    tolerance = 2e-8 if width > 1 else 1e-12
    assert depth_limit_rate(width, act) == pytest.approx(oracle, abs=tolerance)
    no_curvature = rate_by_tensor_quadrature(
        lambda x: (*SMOOTH[name](x)[:2], 0 * x), width, count=20
    )
    assert abs(no_curvature - oracle) > 1e-3


def softplus():
    return Activation("softplus", lambda x: np.logaddexp(0, x), special.expit)


@pytest.mark.parametrize(
    ("name", "two", "three", "critical"),
    # Reference values of the derivation notes (claim C18).
    [
        ("gelu", -0.0847195, -0.0201609, 0.4972854),
        ("silu", -0.0448051, 0.0080877, 1.3960412),
        ("tanh", -0.0675481, 0.0031709, 1.1185863),
        ("erf", -0.0949469, -0.0092950, 0.7842337),
    ],
)
def test_smooth_rates_table(name, two, three, critical):
    assert depth_limit_rate(2, name) == pytest.approx(two, abs=6e-8)
    assert depth_limit_rate(3, name) == pytest.approx(three, abs=6e-8)
    assert rates.critical_variance(name) == pytest.approx(critical, abs=6e-8)
    assert depth_limit_rate(3, name, 0.9 * critical) > 0 > depth_limit_rate(3, name, 1.1 * critical)


@pytest.mark.parametrize("spec", ["relu", "abs", "leaky_relu:0.2", "leaky_relu:-3"])
@pytest.mark.parametrize("width", [1, 2, 3, 10, 10**6])
def test_the_laplace_route_agrees_with_the_closed_forms(spec, width):
    """Two derivations: homogeneity hidden, the kink and the dead half-line are found by itself."""
    hidden = replace(activation(spec), homogeneous=False)
    exact = depth_limit_rate(width, spec)
    assert depth_limit_rate(width, hidden, 7.0) == pytest.approx(
        exact, abs=1e-13 * (1 + abs(exact))
    )


@pytest.mark.parametrize("name", ["tanh", "silu", "elu", "softplus"])
def test_large_width_is_the_ratio_of_means(name):
    act = activation(name) if name != "softplus" else softplus()
    values = {
        key: integrate.quad(lambda x, f=f: f(x) * normal(x), -12, 12, points=[0], epsrel=1e-12)[0]
        for key, f in {
            "growth": lambda x: x * act(x) * act.derivative(x) / 2,
            "loss": lambda x: (act(x) * act.derivative(x)) ** 2,
            "norm": lambda x: act(x) ** 2,
        }.items()
    }
    n = 10**6
    limit = values["growth"] - values["loss"] / values["norm"] / n
    assert depth_limit_rate(n, act) == pytest.approx(limit, abs=1e-10)  # next order 1/n^2


def test_limits_of_small_and_large_variance():
    for n in (2, 3, 5):  # q -> 0: phi'(0)^2 (1/2 - 1/n); the next term is O(sqrt q)
        assert depth_limit_rate(n, "tanh", 1e-8) == pytest.approx(0.5 - 1 / n, abs=1e-6)
        # q -> infinity, GELU: that of ReLU over all starts, + O(q^-1/2)
        relu = (1 - 2.0**-n) * depth_limit_rate(n)
        for q in (1e4, 1e6):
            assert depth_limit_rate(n, "gelu", q) == pytest.approx(relu, abs=0.2 / math.sqrt(q))


def test_width_one_by_other_arguments():
    # log exp(X) = X has no drift; phi = e^{z^2} makes Z Ornstein-Uhlenbeck: d E Z^2 = 1 - 2 E Z^2.
    exponential = Activation("exp", np.exp, np.exp)
    assert depth_limit_rate(1, exponential) == pytest.approx(0, abs=1e-13)
    ou = activation("ou:1,0")
    mean_log = integrate.quad(lambda x: math.log(ou(x)) * normal(x), -12, 12, points=[0])[0]
    assert depth_limit_rate(1, ou) == pytest.approx(1 - 2 * mean_log, abs=1e-9)


def test_kink_off_zero_adds_its_local_time():
    """phi = 1 + |x|: phi phi'' = 2 delta; also the limit of 1 + sqrt(x^2 + eps^2)."""
    bent = Activation("bent", lambda x: 1 + np.abs(x), np.sign, kinks=(0.0,))
    density = 1 / math.sqrt(2 * math.pi)
    assert depth_limit_rate(1, bent) == pytest.approx(density - 0.5, abs=1e-13)
    rounded = []
    for eps in (0.01, 0.005):

        def curve(x, eps=eps):
            r = np.sqrt(x * x + eps * eps)
            return 1 + r, x / r, eps**2 / r**3

        act = Activation("rounded", lambda x, c=curve: c(x)[0], lambda x, c=curve: c(x)[1])
        rounded.append(depth_limit_rate(3, act))
    assert 2 * rounded[1] - rounded[0] == pytest.approx(depth_limit_rate(3, bent), abs=1e-3)
    assert depth_limit_rate(3, bent) - density > 0.1  # the point mass is most of it


def test_dead_intervals_are_conditioned_on():
    def shrink(x):
        return np.sign(x) * np.maximum(np.abs(x) - 1, 0)

    act = Activation("shrink", shrink, lambda x: 1.0 * (np.abs(x) > 1), kinks=(-1.0, 1.0))
    dead = 1 - 2 * special.ndtr(-1.0)
    assert rates.alive_probability(3, act, 1.0) == pytest.approx(1 - dead**3, rel=1e-13)
    assert rates.alive_probability(2, activation("relu"), 4.0) == 0.75
    assert rates.alive_probability(2, activation("gelu"), 1e6) == 1
    assert depth_limit_rate(1, act) == pytest.approx(-0.5, abs=1e-13)  # log|X| - 1 wherever alive
    with pytest.raises(ValueError, match=r"shrink is 0 at almost every start of variance 0\.001"):
        depth_limit_rate(3, act, 1e-3)


def test_rate_mistakes():
    for bad in (0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="variance must be"):
            depth_limit_rate(3, "tanh", bad)
    with pytest.raises(ValueError, match="unknown activation 'rleu'"):
        depth_limit_rate(3, "rleu")
    with pytest.raises(ValueError, match="relu is homogeneous"):
        rates.critical_variance("relu")
    with pytest.raises(
        ValueError, match=r"tanh at width 1 keeps one sign for variances from 0\.001"
    ):
        rates.critical_variance("tanh", 1)
    with pytest.raises(ValueError, match="slope must be a finite number"):
        rates.two_slope_tau(3, math.nan)
    with pytest.raises(ValueError, match="not resolved"):
        depth_limit_rate(3, "sin", 1e4)


# --- long horizons --------------------------------------------------------------------------------


def test_long_run_rate():
    table = {(3, 0.3): 0.0426306850, (3, 0.5): 0.0792835615, (4, 0.5): 0.1246480450}
    table[6, 0.2] = 0.0849817421
    for (n, a), value in table.items():  # notes, claim C17
        assert long_run.long_run_rate(n, a) == pytest.approx(value, abs=6e-11)
        assert long_run.long_run_rate(n, -a) == long_run.long_run_rate(n, a)
        assert long_run.long_run_rate(n, 1 / a) == pytest.approx(value / a**2, rel=1e-8)
        assert abs(depth_limit_rate(n, f"leaky_relu:{a}") - value) > 1e-4  # not the rate at 0
    assert long_run.long_run_rate(2, 0.3) == 0
    assert [long_run.long_run_rate(n, 0) for n in (1, 2, 4)] == [-1 / 2, -1 / 4, -1 / 8]
    assert 0 < long_run.long_run_rate(5, 1e-9) < 1e-15  # discontinuous at slope 0
    # One neuron keeps its sign for ever: rates -1/2 and -a^2/2 with equal chances.
    assert long_run.long_run_rate(1, 0.5) == -(1 / 2 + 1 / 8) / 2


def test_long_run_rate_at_width_two_and_three_by_the_direction_density():
    """Stationary mean of the drift, density ~ 1/nu, by quadrature over octants of the sphere."""
    a, x, w = 0.3, *np.polynomial.legendre.leggauss(40)
    t, wt = (1 + x) * math.pi / 4, w * math.pi / 4
    theta, phi = t[:, None], t[None, :]
    squares = (
        (np.sin(theta) * np.cos(phi)) ** 2,
        (np.sin(theta) * np.sin(phi)) ** 2,
        np.cos(theta) ** 2 + 0 * phi,
    )
    inverse = 0.0
    for signs in np.ndindex(2, 2, 2):
        nu = sum((a**2 if s else 1) * y for s, y in zip(signs, squares, strict=True))
        inverse += float(np.sum(wt[:, None] * wt * np.sin(theta) / nu)) / (4 * math.pi)
    assert long_run.long_run_rate(3, a) == pytest.approx(1 / (6 * inverse), rel=1e-12)


def test_hardy_bound():
    table = {2: 0.25, 3: 0.25, 4: 0.25, 5: 0.24607, 6: 0.23624, 8: 0.21037, 10: 0.18614}
    for n, value in table.items():  # notes, claim C19
        assert long_run.hardy_bound(n) == pytest.approx(value, abs=6e-6)
    with pytest.raises(ValueError, match="width must be >= 2, not 1"):
        long_run.hardy_bound(1)


def test_hardy_bound_by_moments_of_the_distance():
    """The quotient itself at n = 6, from Gaussian half-vectors: d^2 = |x_+|^2/|x|^2."""
    n, total = 6, {}
    alphas = np.linspace(0.52, 0.8, 29)
    for power in np.concatenate([2 * alphas, 2 * alphas - 2]):
        total[power] = 1.0  # k = n
        for k in range(1, n):
            beta = special.beta((k + power) / 2, (n - k) / 2) / special.beta(k / 2, (n - k) / 2)
            total[power] += math.comb(n, k) * beta
    quotient = [a * a * (1 - total[2 * a] / total[2 * a - 2]) for a in alphas]
    assert long_run.hardy_bound(n) <= min(quotient) + 1e-15
    assert long_run.hardy_bound(n) == pytest.approx(min(quotient), rel=1e-3)


def test_hardy_bound_falls_to_one_eighth():
    bounds = [long_run.hardy_bound(n) for n in (4, 5, 10, 50, 1000, 5000)]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[-1] == pytest.approx(1 / 8, rel=1e-3)


def test_small_time_keeps_the_name():
    assert depth_limit.small_time.log_norm_rate_at_zero is rates.log_norm_rate_at_zero

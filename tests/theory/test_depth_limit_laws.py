"""Laws with a closed form: width one, Ornstein-Uhlenbeck, infinite width, first layer."""

import itertools
import math

import mpmath
import numpy as np
import pytest
from scipy import integrate, special, stats

from theory import depth_limit
from theory.activations import activation


def width_one_oracle(depth, time=1.0):
    """alive, mean, second moment and mean log by quadrature at 40 digits."""
    with mpmath.workdps(40):
        sigma = mpmath.sqrt(mpmath.mpf(time) / depth)
        low = -1 / sigma
        points = [low] + [p for p in range(-12, 13, 2) if p > low] + [14]
        if points[1] > -12:
            points.insert(1, (low + points[1]) / 2)
        else:
            points = [p for p in points if p >= -12]  # normal tail 1e-33

        def mean(f):
            return mpmath.quad(lambda z: f(1 + sigma * z) * mpmath.npdf(z), points)

        alive = mpmath.ncdf(1 / sigma)
        return (
            alive**depth,
            mean(lambda y: y) ** depth,
            mean(lambda y: y * y) ** depth,
            depth * mean(lambda y: mpmath.log(y) if y > 0 else 0) / alive,
        )


@pytest.mark.parametrize(
    ("depth", "time"), [(1, 1), (4, 1), (16, 1), (64, 1), (10**6, 1), (2, 25), (7, 1e-3)]
)
def test_width_one_law(depth, time):
    law = depth_limit.width_one_law(depth, time)
    for value, exact in zip(law, width_one_oracle(depth, time), strict=True):
        assert value == pytest.approx(float(exact), rel=1e-12)


def test_width_one_law_has_the_known_depth_bias():
    # E log = -1/2 - 3/(4 L) + O(L^-2); the next term is about 2.5/L^2.
    law = depth_limit.width_one_law(10_000)
    assert law.mean_log == pytest.approx(-0.5 - 0.75e-4, abs=5e-8)
    assert depth_limit.width_one_law(5, 0.0) == (1, 1, 1, 0)


@pytest.mark.parametrize("time", [1e-4, 0.01, 1.0, 25.0, 100.0])
def test_log_cdf_of_one_layer(time):
    x = np.linspace(-20, 5, 101) * min(1, math.sqrt(time))
    s = math.sqrt(time)
    exact = (special.ndtr(np.expm1(x) / s) - special.ndtr(-1 / s)) / special.ndtr(1 / s)
    assert depth_limit.width_one_log_cdf(x, 1, time) == pytest.approx(exact, abs=1e-13)


@pytest.mark.parametrize("time", [0.3, 2.0])
def test_log_cdf_of_two_layers_is_a_convolution(time):
    sigma = math.sqrt(time / 2)
    alive = special.ndtr(1 / sigma)

    def by_quadrature(x):
        def integrand(z):
            # second factor 1 + sigma z' in (0, e^x / (1 + sigma z)]
            top = (math.exp(x) / (1 + sigma * z) - 1) / sigma
            return stats.norm.pdf(z) * (special.ndtr(top) - special.ndtr(-1 / sigma))

        edges = [-1 / sigma, -1 / sigma + 1e-3, -1 / sigma + 0.1, 0, 2, 12]
        parts = (
            integrate.quad(integrand, a, b, epsabs=1e-13, limit=200)[0]
            for a, b in itertools.pairwise(edges)
        )
        return sum(parts) / alive**2

    for x in (-2.5, -0.7, 0.2, 1.1):
        assert float(depth_limit.width_one_log_cdf(x, 2, time)) == pytest.approx(
            by_quadrature(x), abs=1e-10
        )


@pytest.mark.parametrize(
    ("depth", "time"), [(3, 1.0), (50, 1.0), (1000, 0.2), (10**6, 1.0), (8, 9)]
)
def test_log_cdf_has_the_moments_of_the_law(depth, time):
    """E S and E e^S by parts, E f(S) = f(b) - int_a^b f' F, against `width_one_law`."""
    law = depth_limit.width_one_law(depth, time)
    low, high = -60 * max(1, math.sqrt(time)), 9 * math.sqrt(time)  # beyond: probability < 1e-16
    x = np.linspace(low, high, 30_001)
    cdf = depth_limit.width_one_log_cdf(x, depth, time)
    mean = high - integrate.simpson(cdf, x=x)
    assert mean == pytest.approx(law.mean_log, abs=1e-9 * max(1, time))
    growth = math.exp(high) - integrate.simpson(np.exp(x) * cdf, x=x)
    if time <= 1:  # the stated 1e-11 of F, times e^high; nothing left at larger times
        assert law.alive * growth == pytest.approx(law.mean, abs=1e-11 * math.exp(high))


def test_log_cdf_tends_to_the_limit_law():
    x = np.linspace(-5, 4, 301)
    limit = depth_limit.width_one_log_cdf(x)
    assert limit == pytest.approx(stats.norm(-0.5, 1).cdf(x), abs=1e-15)
    gaps = [np.abs(depth_limit.width_one_log_cdf(x, L) - limit).max() for L in (250, 1000)]
    # Weak order 1: four times the depth, a quarter of the distance, to the next order 1/L.
    assert gaps[0] / gaps[1] == pytest.approx(4, rel=0.05)
    assert gaps[1] < 1.2e-3


def test_log_cdf_at_the_ends():
    for depth in (1, 7, math.inf):
        ends = depth_limit.width_one_log_cdf([-math.inf, math.inf, 1e9], depth)
        assert ends.tolist() == [0, 1, 1]
    assert depth_limit.width_one_log_cdf([-1.0, 0.0], 3, 0.0).tolist() == [0, 1]
    with pytest.raises(ValueError, match="NaN"):
        depth_limit.width_one_log_cdf([0.0, math.nan], 3)
    with pytest.raises(ValueError, match="time must be <= 100"):
        depth_limit.width_one_log_cdf(0.0, 3, 101)
    with pytest.raises(ValueError, match="time must be <= 700"):
        depth_limit.width_one_law(3, 701)
    with pytest.raises(ValueError, match="depth must be a whole number >= 1, not 0"):
        depth_limit.width_one_log_cdf(0.0, 0)


# --- Ornstein-Uhlenbeck ---------------------------------------------------------------------------

OU_CASES = [
    # alpha, beta, x0, t; Z_0, phi(x0), mean, variance, 10 % and 90 % quantiles (section 5)
    (1.0, 0.0, 0.5, 0.2, 0.46435076757453, 1.2406328785566, 0.38017825362863, 0.16483997698218,
     -0.141060762161, 1.21661052346),
    (0.5, 1.0, -0.3, 1.0, 0.71015548750669, 1.6558605052185, 0.55306964977266, 0.19673467014368,
     -2.03072192704, 1.67693300607),
]  # fmt: skip


@pytest.mark.parametrize("case", OU_CASES)
def test_ou_reference_values(case):
    alpha, beta, start, time, z, phi, mean, variance, q10, q90 = case
    law = depth_limit.ou_law(alpha, beta, start, time)
    assert law == pytest.approx((z, mean, variance), abs=1e-13)
    assert float(depth_limit.ou_activation(alpha, beta)(start)) == pytest.approx(phi, abs=1e-12)
    at = alpha, beta, start, time
    assert depth_limit.ou_quantile(0.1, *at) == pytest.approx(q10, abs=1e-11)
    assert depth_limit.ou_quantile(0.9, *at) == pytest.approx(q90, abs=1e-10)


@pytest.mark.parametrize(("alpha", "beta", "x"), [(1, 0, 0.5), (0.5, 1, -0.3), (-2, 0.4, 0.9)])
def test_ou_law_solves_the_backward_equation(alpha, beta, x):
    """u(t, x) = P(Z_t <= c | X_0 = x) must satisfy u_t = phi(x)^2 u_xx / 2, with Z from h alone."""
    with mpmath.workdps(40):

        def coordinate(y):
            w = alpha * y + beta
            return mpmath.findroot(lambda z: mpmath.sqrt(mpmath.pi) / 2 * mpmath.erfi(z) - w, w / 2)

        def u(t, y):
            law = depth_limit.ou_law(alpha, beta, x, float(t))
            decay = mpmath.exp(-(alpha**2) * t)
            variance = (1 - mpmath.exp(-2 * alpha**2 * t)) / 2
            # The exact rationals behind the float law, so that derivatives can be taken.
            assert float(variance) == pytest.approx(law.variance, rel=1e-14)
            assert float(coordinate(x) * decay) == pytest.approx(law.mean, rel=1e-13)
            return mpmath.ncdf((mpmath.mpf("0.3") - coordinate(y) * decay) / mpmath.sqrt(variance))

        t0, x0 = mpmath.mpf("0.37"), mpmath.mpf(x)
        left = mpmath.diff(lambda t: u(t, x0), t0)
        right = mpmath.exp(coordinate(x0) ** 2) ** 2 * mpmath.diff(lambda y: u(t0, y), x0, 2) / 2
        assert abs(left - right) < 1e-12 * abs(left)


def test_ou_quantile_is_a_quantile_for_a_negative_slope():
    at = (-0.8, 0.3, 0.6, 0.5)
    law = depth_limit.ou_law(*at)
    for p in (0.05, 0.5, 0.8):
        z = depth_limit.ou_law(-0.8, 0.3, depth_limit.ou_quantile(p, *at), 0.0).start
        below = stats.norm(law.mean, math.sqrt(law.variance)).cdf(z)
        assert 1 - below == pytest.approx(p, abs=1e-12)  # X falls when Z grows


def test_ou_critical_time():
    assert depth_limit.ou_critical_time(1.0) == pytest.approx(0.34657359027997, abs=1e-14)
    # Var Z_t reaches 1/4 there: E e^{2 Z^2} is finite exactly below it.
    variance = depth_limit.ou_law(0.7, 0, 0.1, depth_limit.ou_critical_time(0.7)).variance
    assert variance == pytest.approx(0.25, rel=1e-14)


@pytest.mark.parametrize(("alpha", "beta"), [(0, 0), (math.nan, 0), (1, math.inf), ("a", 0)])
def test_ou_mistakes(alpha, beta):
    with pytest.raises(ValueError, match=r"^(alpha|beta) must"):
        depth_limit.ou_activation(alpha, beta)
    with pytest.raises(ValueError, match="probability must lie strictly between 0 and 1"):
        depth_limit.ou_quantile(1.0, 1, 0, 0, 1)


# --- infinite width -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "rate"), [("relu", 0.5), ("abs", 1), ("linear", 1), ("leaky_relu:0.2", 0.52)]
)
def test_limit_variance_of_homogeneous_activations(name, rate):
    for time in (0, 0.7, 3):
        exact = 1.7 * math.exp(rate * time)
        assert depth_limit.limit_variance(name, 1.7, time) == pytest.approx(exact, rel=1e-14)


def test_limit_variance_of_erf_by_separation_of_variables():
    """t = int dq / (2/pi asin(2q/(1+2q))) between q_0 and q_t."""
    end = depth_limit.limit_variance("erf", 0.4, 2.0)
    time = integrate.quad(
        lambda q: math.pi / 2 / math.asin(2 * q / (1 + 2 * q)), 0.4, end, epsabs=1e-13
    )[0]
    assert time == pytest.approx(2.0, rel=1e-9)


def test_limit_variance_of_tanh_by_separation_of_variables():
    end = depth_limit.limit_variance("tanh", 1.0, 1.5)
    nodes, weights = np.polynomial.hermite_e.hermegauss(150)

    def growth(q):
        return np.dot(weights, np.tanh(math.sqrt(q) * nodes) ** 2) / math.sqrt(2 * math.pi)

    time = integrate.quad(lambda q: 1 / growth(q), 1.0, end, epsabs=1e-12)[0]
    # 150 Gauss-Hermite nodes: tanh has poles at distance pi/2, error about 1e-8.
    assert time == pytest.approx(1.5, rel=1e-7)


def test_limit_variance_agrees_with_relu_given_as_an_unknown_function():
    phi = activation(lambda x: np.maximum(x, 0))
    assert not phi.homogeneous
    assert depth_limit.limit_variance(phi, 2.0, 1.0) == pytest.approx(2 * math.exp(0.5), rel=1e-9)


def test_limit_variance_edges():
    assert depth_limit.limit_variance("tanh", 0.0, 2.0) == 0
    assert depth_limit.limit_variance("gelu", 1.3, 0.0) == 1.3
    with pytest.raises(ValueError, match=r"^the variance of hermite:3 overflows before time 5"):
        depth_limit.limit_variance("hermite:3", 1.0, 5.0)
    with pytest.raises(ValueError, match="overflows before time 5000"):
        depth_limit.limit_variance("relu", 1.0, 5000)
    with pytest.raises(ValueError, match="q0 must be >= 0, not -1"):
        depth_limit.limit_variance("relu", -1, 1)


def test_infinite_width_network_tends_to_the_limit():
    assert depth_limit.infinite_width_variance(1) == 1.5
    bias = depth_limit.infinite_width_variance(10**6) - math.exp(0.5)
    assert bias == pytest.approx(-math.exp(0.5) / 8e6, rel=1e-4)  # rounding 2e-16 / 2e-7


# --- finite depth ---------------------------------------------------------------------------------


def first_layer_moments(width, depth):
    """E Q_1 and E Q_1^2 by tensor quadrature over Y_0 and z, from the definition of a layer."""
    half, weight = np.polynomial.legendre.leggauss(40)
    positive, weight = 6 * (half + 1), 6 * weight * stats.norm.pdf(6 * (half + 1))
    y, wy = np.concatenate([-positive, positive]), np.concatenate([weight, weight])
    z, wz = np.polynomial.hermite_e.hermegauss(4)  # exact to degree 7 in z
    wz = wz / math.sqrt(2 * math.pi)
    grid = np.meshgrid(*[y] * width, *[z] * width, indexing="ij", sparse=True)
    mass = math.prod(np.meshgrid(*[wy] * width, *[wz] * width, indexing="ij", sparse=True))
    scale = np.sqrt(sum(np.maximum(g, 0) ** 2 for g in grid[:width]) / width / depth)
    q = sum((g + scale * n) ** 2 for g, n in zip(grid[:width], grid[width:], strict=True)) / width
    return float(np.sum(mass * q)), float(np.sum(mass * q * q))


@pytest.mark.parametrize(("width", "depth"), [(1, 1), (1, 7), (2, 1), (2, 3)])
def test_one_layer_moments_by_quadrature(width, depth):
    moments = depth_limit.one_layer_moments(width, depth)
    mean, second = first_layer_moments(width, depth)
    assert float(moments.mean) == pytest.approx(mean, rel=1e-9)  # cut at 12 deviations, 40 nodes
    assert float(moments.second_moment) == pytest.approx(second, rel=1e-9)


def test_one_layer_variances_are_the_known_rationals():
    known = {(1, 1): 14.25, (2, 1): 5.5, (10, 1): 0.84, (10, 5): 0.296}  # section 5
    for sizes, variance in known.items():
        assert float(depth_limit.one_layer_moments(*sizes).variance) == variance


@pytest.mark.parametrize("depth", [1, 4, 16, 1000])
def test_two_width_first_layer_by_quadrature_over_the_direction(depth):
    """E[A_1] = mean over the uniform angle of sum_i Phi(x_i / sqrt(M/L)), M = |relu(x)|^2/2."""
    root = math.sqrt(2 * depth)

    def active(angle):
        x = np.array([math.cos(angle), math.sin(angle)])
        norm = math.hypot(*np.maximum(x, 0))
        return float(np.sum(special.ndtr(root * x / norm))) if norm > 0 else 0.0

    edges = [-math.pi / 2, -0.1, 0, 0.1, math.pi / 4]  # twice this half is the whole but for A = 0
    total = sum(
        integrate.quad(active, a, b, epsabs=1e-13, limit=400)[0]
        for a, b in itertools.pairwise(edges)
    )
    assert depth_limit.two_width_first_layer(depth) == pytest.approx(total / math.pi, abs=1e-11)


def test_two_width_first_layer_table():
    known = {1: 0.9318620343173, 4: 0.9932471776299, 16: 0.9993146395842}  # section 5
    for depth, value in known.items():
        assert depth_limit.two_width_first_layer(depth) == pytest.approx(value, abs=1e-13)
    # d/ds E A vanishes at 0; the drop of one step of size h is kappa-like, h^{3/2}.
    drops = [1 - depth_limit.two_width_first_layer(L) for L in (10**6, 4 * 10**6)]
    assert drops[0] / drops[1] == pytest.approx(8, rel=1e-3)
    assert depth_limit.two_width_first_layer(3, 0.0) == 1


def test_extinction_bound():
    for depth in (1, 5):
        alive = depth_limit.width_one_law(depth).alive
        step = depth_limit.extinction_bound(1, depth)
        assert (1 - step) ** depth == pytest.approx(alive, rel=1e-14)
    # Width 2: the exact conditional probability at every direction stays below.
    depth = 2
    bound = depth_limit.extinction_bound(2, depth)
    for angle in np.linspace(-math.pi / 2 + 1e-3, math.pi - 1e-3, 400):
        x = np.array([math.cos(angle), math.sin(angle)])
        scale = math.hypot(*np.maximum(x, 0)) / math.sqrt(2 * depth)
        assert np.prod(special.ndtr(-x / scale)) <= bound * (1 + 1e-12)
    assert depth_limit.extinction_bound(3, 4, 0.0) == 0

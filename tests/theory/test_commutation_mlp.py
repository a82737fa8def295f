"""MLPs, whose limits do not commute (claim C8), and the tangent kernels of both networks."""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest

from theory import commutation, gaussian


def mp_log_layer(width):
    """Mean and variance of log m given K >= 1, with 40 digits."""
    n = mpmath.mpf(width)
    weights = [mpmath.binomial(n, k) for k in range(1, width + 1)]
    means = [mpmath.log(4 / n) + mpmath.digamma(mpmath.mpf(k) / 2) for k in range(1, width + 1)]
    total = sum(weights)
    mean = sum(w * m for w, m in zip(weights, means, strict=True)) / total
    spread = sum(
        w * (mpmath.polygamma(1, mpmath.mpf(k) / 2) + (m - mean) ** 2)
        for k, (w, m) in enumerate(zip(weights, means, strict=True), start=1)
    )
    return mean, spread / total


# --- exact laws at finite width -----------------------------------------------------------------


@pytest.mark.parametrize(("width", "depth"), [(1, 3), (2, 7), (20, 100), (100, 20), (1000, 1)])
def test_log_moments_by_mpmath(width, depth):
    with mpmath.workdps(40):
        mean, variance = mp_log_layer(width)
        half = mpmath.mpf(width) / 2
        mean = depth * mean + mpmath.digamma(half) - mpmath.log(half)
        variance = depth * variance + mpmath.polygamma(1, half)
        alive = (1 - mpmath.mpf(2) ** -width) ** depth
    found = commutation.mlp_log_moments(width, depth)
    assert found == pytest.approx((float(mean), float(variance), float(alive)), rel=1e-12)


@pytest.mark.parametrize(
    ("width", "depth", "mean", "variance"),
    [
        (100, 20, -0.51845104445538, 1.0590011762012),
        (100, 100, -2.5521218942759, 5.2142005480992),
        (20, 100, -13.769504980830, 31.280973835683),
    ],
)
def test_log_moments_table(width, depth, mean, variance):
    found = commutation.mlp_log_moments(width, depth)
    assert found[:2] == pytest.approx((mean, variance), rel=5e-14)


def test_log_moments_per_layer():
    for width, mean, variance in (
        (20, -0.13718672476903, 0.31175807500002),
        (100, -0.02542088562276, 0.05193999214873),
    ):
        two, three = (commutation.mlp_log_moments(width, depth) for depth in (2, 3))
        assert three.mean - two.mean == pytest.approx(mean, abs=1e-14)
        assert three.variance - two.variance == pytest.approx(variance, abs=1e-14)


def test_log_moments_without_commutation():
    """L/n = r: N(-5r/2, 5r), errors O(1/n); n first: 0."""
    for r in (0.5, 2.0):
        found = commutation.mlp_log_moments(100_000, int(r * 100_000))
        assert found[:2] == pytest.approx((-2.5 * r, 5 * r), rel=1e-4)
    assert commutation.mlp_log_moments(10**7, 1).mean == pytest.approx(-3.5e-7, rel=1e-6)


def test_log_moments_by_simulation():
    """Products of explicit weights, n = 6, L = 4; 1e5 networks, four comparisons at 5.5 SE."""
    rng = np.random.default_rng(8)
    y = rng.standard_normal((100_000, 6, 1))
    for _ in range(4):
        y = math.sqrt(2 / 6) * (rng.standard_normal((100_000, 6, 6)) @ np.maximum(y, 0))
    q = (y[:, :, 0] ** 2).mean(axis=1)
    exact = commutation.mlp_log_moments(6, 4)
    assert abs((q > 0).mean() - exact.alive) < 5.5 * math.sqrt(
        exact.alive * (1 - exact.alive) / q.size
    )
    logs = np.log(q[q > 0])
    assert abs(logs.mean() - exact.mean) < 5.5 * logs.std() / math.sqrt(logs.size)
    squares = (logs - logs.mean()) ** 2
    assert abs(squares.mean() - exact.variance) < 5.5 * squares.std() / math.sqrt(logs.size)
    assert abs(q.mean() - 1) < 5.5 * q.std() / math.sqrt(q.size)


def test_second_moment_by_fractions():
    for width, depth in ((1, 3), (5, 2), (100, 100)):
        # E chi^2_k^2 = k (k + 2), averaged over Binomial(n, 1/2)
        counts = [Fraction(math.comb(width, k), 2**width) for k in range(width + 1)]
        layer = Fraction(4, width**2) * sum(p * k * (k + 2) for k, p in enumerate(counts))
        exact = layer**depth * Fraction(width + 2, width)
        assert commutation.mlp_second_moment(width, depth) == pytest.approx(float(exact), rel=1e-13)
    assert commutation.mlp_second_moment(100, 100) == pytest.approx(134, abs=0.5)


# --- infinite width -----------------------------------------------------------------------------


def test_correlation_by_the_dual():
    for name in ("relu", "abs", "leaky_relu:0.3", "linear"):
        c = -0.4
        for depth in range(1, 8):
            c = gaussian.dual(name, c) / gaussian.moment(name, 2, 1.0)
            assert commutation.mlp_correlation(-0.4, depth, name) == pytest.approx(c, abs=5e-15)


def test_correlation_ends():
    assert commutation.mlp_correlation(1, 50) == 1
    assert commutation.mlp_correlation(-1, 1) == pytest.approx(0, abs=1e-15)
    assert commutation.mlp_angle(1e-8, 1) == pytest.approx(
        1e-8 * (1 - 1e-8 / 3 / math.pi), rel=1e-15
    )
    late = commutation.mlp_angle(1.2, 10_000)
    assert late * 10_000 == pytest.approx(3 * math.pi, rel=3e-3)  # next term log(l)/l


def test_covariance_of_relu_and_its_critical_weights():
    assert commutation.mlp_weight_variance(3.0) == pytest.approx(2, rel=1e-15)
    for depth in (1, 10, 100):
        q = commutation.mlp_covariance(3, 3, 0.9, depth)
        exact = (3, 3, 3 * commutation.mlp_correlation(0.3, depth))
        assert q == pytest.approx(exact, rel=1e-13)
    doubled = commutation.mlp_covariance(1, 2, 0.3, 4, "relu", 4.0)
    critical = commutation.mlp_covariance(1, 2, 0.3, 4)
    assert doubled == pytest.approx([16 * x for x in critical], rel=1e-14)


def test_covariance_of_erf_by_its_closed_form():
    """Williams' kernel, with biases and unequal inputs."""
    weight, bias = 1.7, 0.2
    aa, bb, ab = 1.0, 2.5, -0.4

    def kernel(x, y, xy):
        angle = math.asin(2 * xy / math.sqrt((1 + 2 * x) * (1 + 2 * y)))
        return weight * 2 / math.pi * angle + bias

    for depth in range(1, 6):
        aa, bb, ab = kernel(aa, aa, aa), kernel(bb, bb, bb), kernel(aa, bb, ab)
        found = commutation.mlp_covariance(1.0, 2.5, -0.4, depth, "erf", weight, bias)
        assert found == pytest.approx((aa, bb, ab), rel=1e-13)


def test_covariance_keeps_q0_at_the_critical_weights():
    for name in ("tanh", "gelu", "elu"):
        q = commutation.mlp_covariance(0.8, 0.8, 0.3, 20, name)
        assert q.q_aa == pytest.approx(0.8, rel=1e-9)  # gelu's fixed point repels
        assert q.q_aa == q.q_bb


# --- tangent kernels ----------------------------------------------------------------------------


def test_mlp_ntk_of_relu():
    """Equal inputs: T_l = T_{l-1} + q0, Theta = (q0 + T_L)/2.  Two inputs: Jacot et al.'s sum."""
    for depth in (1, 5):
        theta = commutation.mlp_ntk(2, 2, 2, depth)
        assert theta == pytest.approx([2 * (depth + 2) / 2] * 3, rel=1e-13)
    # Theta = sum over layers of kappa_1 times the products of kappa_0 above it
    angles = [math.acos(0.3)]
    for _ in range(4):
        t = angles[-1]
        angles.append(math.acos((math.sin(t) + (math.pi - t) * math.cos(t)) / math.pi))
    slopes = [1 - t / math.pi for t in angles]  # 2 E relu' relu'
    total = sum(math.cos(angles[k]) * math.prod(slopes[k:4]) for k in range(5))
    # q_1..q_4, the read-out, and the input layer
    last = (math.sin(angles[4]) + (math.pi - angles[4]) * math.cos(angles[4])) / (2 * math.pi)
    exact = last + total * slopes[4] / 2
    assert commutation.mlp_ntk(1, 1, 0.3, 4).q_ab == pytest.approx(exact, rel=1e-13)


def parameter_gradients(inputs, width, depth, residual, rng):
    """Theta of one finite ReLU or tanh network, by explicit backpropagation."""
    n, d = width, inputs.shape[0]
    h, keep = (1 / depth, 1.0) if residual else (2.0, 0.0)
    w_in = rng.standard_normal((n, d))
    weights = rng.standard_normal((depth, n, n))
    v = rng.standard_normal(n)
    states = [w_in @ inputs / math.sqrt(d)]
    for w in weights:
        branch = math.sqrt(h / n) * (w @ np.maximum(states[-1], 0))
        states.append(keep * states[-1] + branch)
    features = [np.maximum(y, 0) for y in states]
    theta = features[-1].T @ features[-1] / n
    b = (states[-1] > 0) * v[:, None] / math.sqrt(n)
    for k in range(depth - 1, -1, -1):
        theta = theta + h * (b.T @ b) * (features[k].T @ features[k]) / n
        b = keep * b + (states[k] > 0) * (math.sqrt(h / n) * (weights[k].T @ b))
    return theta + (b.T @ b) * (inputs.T @ inputs) / d


@pytest.mark.parametrize("residual", [True, False])
def test_ntk_by_wide_networks(residual):
    """40 networks of width 300: bias O(1/300), allowed 0.03 beside 5.5 standard errors."""
    rng = np.random.default_rng(11)
    inputs = np.array([[1.0, 0.3], [0.0, math.sqrt(1 - 0.09)]]) * math.sqrt(2)
    samples = np.array([parameter_gradients(inputs, 300, 3, residual, rng) for _ in range(40)])
    if residual:
        exact = commutation.resnet_ntk(1, 1, 0.3, 1.0, 3)
    else:
        exact = commutation.mlp_ntk(1, 1, 0.3, 3)
    mean, error = samples.mean(axis=0), samples.std(axis=0) / math.sqrt(40)
    assert abs(mean[0, 0] - exact.q_aa) < 5.5 * error[0, 0] + 0.03
    assert abs(mean[0, 1] - exact.q_ab) < 5.5 * error[0, 1] + 0.03


@pytest.mark.parametrize("name", ["relu", "abs", "tanh"])
def test_resnet_ntk_is_the_limit_of_its_depths(name):
    q, time = (1.0, 2.0, 0.5), 1.3
    limit = np.array(commutation.resnet_ntk(*q, time, activation=name))
    first, second, third = (
        np.array(commutation.resnet_ntk(*q, time, depth, name)) for depth in (40, 80, 160)
    )
    once = 2 * second - first, 2 * third - second  # then c/L^3: c/(40 * 80 * 160), c < 10
    np.testing.assert_allclose((4 * once[1] - once[0]) / 3, limit, rtol=2e-5)
    uniform = [1 / math.sqrt(40)] * 40
    np.testing.assert_allclose(
        commutation.resnet_ntk(*q, time, 40, name, uniform), first, rtol=1e-12
    )


def test_resnet_ntk_of_relu_in_closed_form():
    # T' = q/2 + T/2, T_0 = q_0: T = q_0 e^{t/2} (1 + t/2), Theta = (q + T)/2
    for time in (0.0, 1.0, 4.0):
        theta = commutation.resnet_ntk(1, 4, 2, time)
        exact = math.exp(time / 2) * (1 + time / 4)
        assert theta == pytest.approx((exact, 4 * exact, 2 * exact), rel=1e-10)


def test_derivative_rates():
    assert commutation.derivative_rates((1, 4, 1.0)) == pytest.approx(
        [0.5, 0.5, (math.pi - math.acos(0.5)) / (2 * math.pi)], rel=1e-14
    )
    aa, bb, ab = 1.0, 4.0, 1.0
    cross = 4 / math.pi / math.sqrt((1 + 2 * aa) * (1 + 2 * bb) - 4 * ab * ab)
    own = [4 / math.pi / math.sqrt(1 + 4 * x) for x in (aa, bb)]
    assert commutation.derivative_rates((aa, bb, ab), "erf") == pytest.approx([*own, cross])
    zero = commutation.derivative_rates((0, bb, 0), "erf")
    means = [2 / math.sqrt(math.pi) / math.sqrt(1 + 2 * x) for x in (0, bb)]
    assert zero == pytest.approx([4 / math.pi, own[1], means[0] * means[1]], rel=1e-13)


# --- mistakes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: commutation.mlp_log_moments(0, 1), "width must be a whole number >= 1, not 0"),
        (lambda: commutation.mlp_log_moments(5, 1.5), r"depth must be a whole number >= 1, not 1"),
        (lambda: commutation.mlp_second_moment(1, 1000), "overflows; take a smaller depth"),
        (lambda: commutation.mlp_correlation(-1.5, 3), "c0 must be between -1 and 1"),
        (lambda: commutation.mlp_correlation(0.3, 3, "tanh"), "tanh is not homogeneous"),
        (lambda: commutation.mlp_angle(4.0, 3), "theta0 must be <= 3.14159"),
        (lambda: commutation.mlp_covariance(1, 1, 2, 3), "q_ab must be between"),
        (lambda: commutation.mlp_covariance(1, 1, 0, 3, "relu", -1.0), "weight_variance must be"),
        (lambda: commutation.mlp_covariance(1, 1, 0, 3, "relu", 2, -1), "bias_variance must be"),
        (lambda: commutation.mlp_covariance(0, 1, 0, 3, "tanh"), "no weight variance keeps q0"),
        (lambda: commutation.mlp_covariance(1, 1, 0, 99, "relu", 1e9), "overflows at layer 3"),
        (lambda: commutation.mlp_ntk(1, 1, 0, 99, "relu", 1e9), "relu overflows at layer"),
        (lambda: commutation.resnet_ntk(1, 1, 0, 1, scales=[1.0]), "pass depth too"),
        (lambda: commutation.resnet_ntk(1, 1, math.nan, 1), "q_ab must be a finite number"),
    ],
)
def test_mistakes(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)

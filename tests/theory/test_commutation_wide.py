"""V and B against closed forms, exact linear networks, and particles drawn one by one."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from scipy.stats import norm

from theory import commutation, depth_limit
from theory.activations import activation as activation_of
from theory.commutation.particles import at_depth

FALSE_ALARM = 1e-6
Z = norm.isf(FALSE_ALARM / 2)


@pytest.mark.parametrize(("time", "rel"), [(0.1, 1e-7), (0.5, 1e-6), (1.0, 1e-5), (2.0, 2e-5)])
def test_one_input_has_the_closed_form(time: float, rel: float) -> None:
    exact, q = depth_limit.width_corrections(time), math.exp(time / 2)
    for q_ab in (0.3, 1.0):  # as the first of two inputs, and alone
        found = commutation.fluctuations(1.0, 1.0, q_ab, time)
        gap = np.array([found.covariance[0, 0] - q * q * exact.v, found.correction[0] - exact.B])
        assert abs(gap[0]) <= min(found.covariance_error[0, 0], rel * q * q * exact.v)
        assert abs(gap[1]) <= min(found.correction_error[0], rel)
    assert commutation.fluctuation(time) == exact.v


def wick(q: tuple[float, float, float]) -> np.ndarray:
    """Cov(x_i x_j, x_k x_m) of N(0, Q) in the order (aa, bb, ab)."""
    a, b, c = q
    return np.array(
        [
            [2 * a * a, 2 * c * c, 2 * a * c],
            [2 * c * c, 2 * b * b, 2 * b * c],
            [2 * a * c, 2 * b * c, a * b + c * c],
        ]
    )


@pytest.mark.parametrize("time", [0.5, 1.0])
def test_linear_networks_are_wishart(time: float) -> None:
    # dS = S dt + noise with d[S_ij, S_kl] = (2/n)(S_ik S_jl + S_il S_jk) dt and E S = e^t S_0, so
    # V = (1 + 2t) e^{2t} V_0 and B = 0.
    q = (1.0, 2.0, -0.5)
    found = commutation.fluctuations(*q, time, "linear")
    exact = (1 + 2 * time) * math.exp(2 * time) * wick(q)
    assert np.all(np.abs(found.covariance - exact) <= found.covariance_error + 1e-9)
    assert np.allclose(found.covariance, exact, rtol=1e-4)
    assert np.allclose(found.correction, 0, atol=1e-9)


@pytest.mark.parametrize("depth", [1, 3, 8])
def test_linear_networks_of_finite_depth(depth: int) -> None:
    # |Y + sqrt(h/n) |Y| z|^2 = |Y|^2 ((1 + sqrt(h/n) z_1)^2 + (h/n) chi^2_{n-1}), whose variance
    # is 4h/n + 2h^2/n: n Var q -> q_0^2 (1+h)^{2L} (2 + L (4h + 2h^2) / (1+h)^2).
    time, h = 1.0, 1.0 / depth
    found = commutation.fluctuations(1.0, 1.0, 1.0, time, "linear", depth)
    exact = (1 + h) ** (2 * depth) * (2 + depth * (4 * h + 2 * h * h) / (1 + h) ** 2)
    assert found.covariance[0, 0] == pytest.approx(exact, rel=1e-9)


def test_no_time_no_layers() -> None:
    found = commutation.fluctuations(1.0, 2.0, 0.5, 0.0)
    assert np.array_equal(found.covariance, wick((1.0, 2.0, 0.5)))
    assert not found.correction.any()


def test_symmetries() -> None:
    first = commutation.fluctuations(1.0, 2.0, 0.5, 1.0)
    swapped = commutation.fluctuations(2.0, 1.0, 0.5, 1.0)
    order = [1, 0, 2]
    assert np.allclose(swapped.covariance, first.covariance[np.ix_(order, order)], rtol=2e-5)
    assert np.allclose(swapped.correction, first.correction[order], atol=2e-5)
    scaled = commutation.fluctuations(9.0, 18.0, 4.5, 1.0)  # ReLU is homogeneous
    assert np.allclose(scaled.covariance, 81 * first.covariance, rtol=1e-9)
    assert np.allclose(scaled.correction, 9 * first.correction, rtol=1e-7)


def test_nearly_equal_inputs_tend_to_one_input() -> None:
    one = commutation.fluctuations(1.0, 1.0, 1.0, 1.0)
    for gap in (1.5e-5, 0.9e-5, 1e-9, 0.0):  # either side of where they count as one
        near = commutation.fluctuations(1.0, 1.0, 1 - gap, 1.0)
        assert np.allclose(near.covariance, one.covariance, rtol=2e-5 + 2 * gap)
        assert np.allclose(near.correction, one.correction, atol=2e-5 + 2 * gap)
    double = commutation.fluctuations(1.0, 4.0, 2.0, 1.0)  # parallel, ReLU
    assert double.covariance[2, 2] == pytest.approx(4 * one.covariance[0, 0], rel=1e-12)
    assert double.correction[1] == pytest.approx(4 * one.correction[0], rel=1e-12)


def test_other_depths_are_interpolated() -> None:
    for depth in (9, 40):
        V, B = at_depth(np.array([1.0]), 1.0, depth, activation_of("tanh"), 768)
        found = commutation.fluctuations(1.0, 1.0, 1.0, 1.0, "tanh", depth)
        assert found.covariance[0, 0] == pytest.approx(V[0, 0], rel=1e-7)
        assert found.correction[0] == pytest.approx(B[0], rel=1e-6)


REFERENCE = [
    ("relu", (1.0, 1.0, 0.0), 4.502, 0.008),
    ("relu", (1.0, 1.0, 0.3), 6.002, 0.009),
    ("relu", (1.0, 1.0, 0.6), 8.304, 0.009),
    ("relu", (1.0, 1.0, 0.8), 10.290, 0.006),
    ("relu", (1.0, 2.0, 0.5), 12.68, 0.08),
    ("tanh", (1.0, 1.0, 0.3), 3.519, 0.016),
]
"""V_ab(1) by Monte Carlo of the formula C5: value and standard error, from the notes."""


@pytest.mark.parametrize(("activation", "q", "value", "stderr"), REFERENCE)
def test_reference_values(
    activation: str, q: tuple[float, float, float], value: float, stderr: float
) -> None:
    found = commutation.fluctuations(*q, 1.0, activation).covariance[2, 2]
    assert abs(found - value) < 3 * stderr  # 5 % that one of the six exceeds 2.6


def drawn_particles(depth: int, activation: str, samples: int, seed: int) -> np.ndarray:
    """The functional of C5 for a network of this depth, drawn: (x x', clock) per particle."""
    act = activation_of(activation)
    q, h = np.array([1.0, 1.5, 0.4]), 1.0 / depth
    flow = [q]
    for _ in range(depth):
        flow.append(flow[-1] + h * commutation.rates(flow[-1], activation))
    ahead = [np.eye(3)]
    for here in flow[-2::-1]:
        ahead.append(ahead[-1] @ (np.eye(3) + h * commutation.jacobian(here, activation)))
    ahead.reverse()
    rng = np.random.default_rng(seed)

    def gaussian(c: np.ndarray) -> np.ndarray:
        root = np.linalg.cholesky([[c[0], c[2]], [c[2], c[1]]])
        return root @ rng.standard_normal((2, samples))

    x, total = gaussian(q), np.zeros((3, samples))
    for layer in range(depth):
        a, b = act(x)
        total += h * ahead[layer + 1] @ np.stack([a * a, b * b, a * b])
        x = x + gaussian(flow[layer + 1] - flow[layer])
    return np.stack([x[0] ** 2, x[1] ** 2, x[0] * x[1]]) + total


@pytest.mark.parametrize("activation", ["relu", "tanh", "selu"])
def test_variance_of_drawn_particles(activation: str) -> None:
    batches = 50
    found = commutation.fluctuations(1.0, 1.5, 0.4, 1.0, activation, 4).covariance
    values = np.array(
        [np.cov(drawn_particles(4, activation, 20_000, 7 + k)) for k in range(batches)]
    )
    stderr = values.std(axis=0, ddof=1) / math.sqrt(batches)
    # Student's t with 49 degrees: 6 of six entries beyond 6.5 with probability < 1e-6.
    assert np.all(np.abs(values.mean(axis=0) - found) < 6.5 * stderr)


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["relu", "tanh", "abs"])
def test_width_correction_of_drawn_networks(activation: str) -> None:
    # n (E q - Q) at depth 3, n = 12 and 24, extrapolated: the next order, of size 1/n^2, is left.
    act = activation_of(activation)
    depth, q, batches, samples = 3, (1.0, 1.0, 0.3), 200, 20_000
    root = np.linalg.cholesky([[1.0, 0.3], [0.3, 1.0]])
    wide = np.array(commutation.finite_depth_covariance(*q, 1.0, depth, activation))
    scaled = {}
    for n in (12, 24):
        rng = np.random.default_rng(n)
        means = []
        for _ in range(batches):
            y = np.einsum("ab,bns->ans", root, rng.standard_normal((2, n, samples // n)))
            for _ in range(depth):
                a, b = act(y)
                G = [np.mean(u * v, axis=0) for u, v in ((a, a), (b, b), (a, b))]
                first = np.sqrt(G[0])
                along = G[2] / np.where(first > 0, first, 1)
                rest = np.sqrt(np.maximum(G[1] - along**2, 0))
                z, w = rng.standard_normal((2, n, samples // n)) / math.sqrt(depth)
                y = y + np.stack([first * z, along * z + rest * w])
            means.append([np.mean(y[0] ** 2), np.mean(y[1] ** 2), np.mean(y[0] * y[1])] - wide)
        scaled[n] = n * np.array(means)
    best = 2 * scaled[24] - scaled[12]
    stderr = best.std(axis=0, ddof=1) / math.sqrt(batches)
    found = commutation.fluctuations(*q, 1.0, activation, depth).correction
    assert np.all(np.abs(best.mean(axis=0) - found) < Z * 1.1 * stderr + 0.01)


def test_correlation_is_biased_by_one_over_n() -> None:
    found = commutation.correlation_expansion(1.0, 1.0, 0.3, 1.0)
    assert found.value == pytest.approx(0.382946657082745306, abs=1e-12)
    # Networks of the notes: -.018(1) at n = 20 and -.0080(4) at n = 50.
    assert found.bias == pytest.approx(-0.37, abs=0.02)
    c, step = found.value, 1e-3
    V = commutation.fluctuations(1.0, 1.0, 0.3, 1.0).covariance
    q = np.array(commutation.covariance(1.0, 1.0, 0.3, 1.0))

    def f(x: np.ndarray) -> float:
        return float(x[2] / math.sqrt(x[0] * x[1]))

    unit = np.eye(3) * step
    slope = np.array([f(q + u) - f(q - u) for u in unit]) / (2 * step)
    assert found.variance == pytest.approx(slope @ V @ slope, rel=1e-5)
    curve = np.array(
        [[f(q + u + v) - f(q + u - v) - f(q - u + v) + f(q - u - v) for u in unit] for v in unit]
    ) / (4 * step**2)
    B = commutation.fluctuations(1.0, 1.0, 0.3, 1.0).correction
    assert found.bias == pytest.approx(slope @ B + np.sum(curve * V) / 2, rel=1e-4)
    assert c == pytest.approx(f(q))


def test_logarithm_of_one_input() -> None:
    found = commutation.log_expansion(1.0, 1.0)
    exact = depth_limit.width_corrections(1.0)
    assert found.value == pytest.approx(0.5)
    assert found.variance == pytest.approx(exact.v, rel=1e-5)
    assert found.bias == pytest.approx(exact.B / math.exp(0.5) - exact.v / 2, rel=1e-5)


def test_band() -> None:
    here = commutation.band(1.0, 1.0, 0.3, 1.0, width=100, depth=100, z=2.0)
    found = commutation.fluctuations(1.0, 1.0, 0.3, 1.0, "relu", 100)
    assert here.limit[2] == pytest.approx(0.631372299, abs=1e-9)
    assert here.mean == pytest.approx(
        np.array(commutation.finite_depth_covariance(1.0, 1.0, 0.3, 1.0, 100))
        + found.correction / 100
    )
    assert here.deviation == pytest.approx(np.sqrt(np.diag(found.covariance)) / 10)
    assert here.high - here.low == pytest.approx(4 * here.deviation)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1.0, 1.0, 1.5, 1.0), "q_ab"),
        ((1.0, 1.0, math.nan, 1.0), "q_ab"),
        ((1.0, 1.0, 0.3, -1.0), "time must be >= 0"),
        ((1.0, 1.0, -1.0, 1.0), "too far apart"),
        ((1.0, 4.0, 2.0, 1.0, "tanh"), "parallel inputs"),
        ((1.0, 1.0, -0.9999, 1.0), "too far apart"),
        ((1.0, 1.0, 0.3, 30.0), "too far apart"),
        ((0.0, 1.0, 0.0, 1.0), "no fluctuations"),
        ((1.0, 1.0, 0.3, 1.0, "relu", 0), "depth must be a whole number >= 1"),
    ],
)
def test_mistakes_are_one_line(arguments: tuple[float, ...], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        commutation.fluctuations(*arguments)
    assert "\n" not in str(caught.value)

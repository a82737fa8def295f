"""The normal draws: law, independence of the two halves, accuracy of their trigonometry.

Each statistical test has a false-alarm probability of at most 1e-6 for a random seed.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import binom, norm

from simulations import core
from simulations.normals import _cos_sin_pi, pair

core.setup()

SEED = 20
N = 1 << 20
Z = norm.isf(0.5e-6 / 20)
"""Two-sided 1e-6 for up to twenty normal statistics together: 5.5."""

draw = jax.jit(pair, static_argnums=(1, 2))


@pytest.fixture(scope="module", params=[np.float32, np.float64], ids=["float32", "float64"])
def both(request: pytest.FixtureRequest) -> Any:
    first, second = draw(jax.random.key(SEED), (N // 8, 8), request.param)
    assert first.dtype == second.dtype == request.param
    assert first.shape == (N // 8, 8)
    return np.asarray(first, dtype=float), np.asarray(second, dtype=float)


def test_moments(both: Any) -> None:
    # Var z^k = E z^2k - (E z^k)^2.
    for z in both:
        for k, mean, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
            assert abs((z**k).mean() - mean) < Z * math.sqrt(variance / N), k


def test_distribution(both: Any) -> None:
    # Dvoretzky, Kiefer, Wolfowitz: P(sup |F_n - F| > e) <= 2 exp(-2 n e^2); the 24 bits move the
    # distribution function by less than 1.2e-7.
    for z in both:
        u = ndtr(np.sort(z, axis=None))
        steps = np.arange(N + 1) / N
        distance = max((steps[1:] - u).max(), (u - steps[:-1]).max())
        assert distance < math.sqrt(math.log(2 / 0.5e-6) / (2 * N)) + 1.2e-7


def test_tails(both: Any) -> None:
    for z in both:
        for sign in (1, -1):
            for level in (3, 4, 4.5):
                count = int((sign * z > level).sum())
                p = norm.sf(level)
                alpha = 1e-6 / 24
                assert binom.cdf(count, N, p) > alpha
                assert binom.sf(count - 1, N, p) > alpha


def test_the_two_halves_are_independent(both: Any) -> None:
    a, b = both
    square_a, square_b = a * a - 1, b * b - 1
    for product, variance in (
        (a * b, 1),
        (square_a * b, 2),
        (a * square_b, 2),
        (square_a * square_b, 4),
        (a**3 * b, 15),
        (a * b**3, 15),
    ):
        assert abs(product.mean()) < Z * math.sqrt(variance / N)


def test_neighbours_are_independent(both: Any) -> None:
    for z in both:
        for product in (z[1:] * z[:-1], z[:, 1:] * z[:, :-1], both[0][1:] * both[1][:-1]):
            assert abs(product.mean()) < Z / math.sqrt(product.size)
        square = z * z - 1
        assert abs((square[1:] * square[:-1]).mean()) < Z * 2 / math.sqrt(N - 8)


def test_largest_value_is_the_stated_one() -> None:
    z = np.concatenate([np.asarray(h) for h in draw(jax.random.key(1), (N // 8, 8), np.float32)])
    assert np.abs(z).max() <= math.sqrt(-2 * math.log(0.5 * 2**-24)) < 5.9
    assert np.isfinite(z).all()


def test_double_precision_has_its_own_bits() -> None:
    z, _ = draw(jax.random.key(1), (N // 8, 8), np.float64)
    assert np.mean(np.asarray(z) == np.asarray(z, dtype=np.float32)) < 1e-3


def test_lanes_do_not_change_the_draws() -> None:
    # The same bits; a vectorised logarithm may differ in the last place.
    keys = jax.random.split(jax.random.key(3), 4)
    together = jax.jit(jax.vmap(lambda k: pair(k, (5, 32), np.float32)))(keys)
    alone = jax.jit(lambda k: pair(k, (5, 32), np.float32))
    for i, key in enumerate(keys):
        for one, lane in zip(alone(key), together, strict=True):
            np.testing.assert_allclose(lane[i], one, rtol=0, atol=2e-6)


def test_cosine_and_sine() -> None:
    words = np.arange(-(2**31), 2**31, 4093)
    special = np.add.outer(np.arange(-8, 9) * 2**28, np.arange(-300, 301)).ravel()
    special = special[(special >= -(2**31)) & (special < 2**31)]
    for w in (words, special):
        t = w.astype(np.int32).astype(np.float32) * np.float32(2**-31)
        cosine, sine = jax.jit(lambda t: _cos_sin_pi(t, np.float32))(jnp.asarray(t))
        angle = np.pi * t.astype(float)
        assert np.abs(np.asarray(cosine, dtype=float) - np.cos(angle)).max() < 9e-8
        assert np.abs(np.asarray(sine, dtype=float) - np.sin(angle)).max() < 9e-8


def test_values_at_the_quarters_are_exact() -> None:
    t = np.array([-1, -0.5, 0, 0.5, 1], dtype=np.float32)
    cosine, sine = _cos_sin_pi(jnp.asarray(t), np.float32)
    assert np.asarray(cosine).tolist() == [-1, 0, 1, 0, -1]
    assert np.asarray(sine).tolist() == [0, -1, 0, 1, 0]

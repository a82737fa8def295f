"""Large gains found by rounding the signals of the ascent to patterns."""

import math

import numpy as np
import pytest

from tests.theory.lipschitz_nets import (
    TINY,
    block_diagonal,
    implicit_network,
    random_network,
    random_weights,
)
from theory.lipschitz.network import Network
from theory.lipschitz.patterns import fgl, rounded


def value(network, norm="l2"):
    return math.exp(fgl(network, norm).log_value)


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("name", [n for n in TINY if n != "implicit"])
def test_rounding_never_exceeds_and_mostly_finds_the_gain(name, norm):
    found = rounded(TINY[name], norm)
    assert found <= value(TINY[name], norm) * (1 + 1e-12)
    assert found >= 0.9 * value(TINY[name], norm)


@pytest.mark.parametrize("seed", range(6))
def test_rounding_equals_the_gain_of_small_networks(seed):
    """Widths 4-5-5-3; 200 starts each."""
    network = random_network(seed, (4, 5, 5, 3))
    assert rounded(network, draws=200) == pytest.approx(value(network), rel=1e-9)


def test_rounding_starts_from_signals():
    network = random_network(1, (6, 10, 10, 4), activation="maxmin")
    rng = np.random.default_rng(0)
    signals = rng.standard_normal((6, 5)), [rng.standard_normal((10, 5)) for _ in range(2)]
    assert rounded(network, "l2", *signals) == pytest.approx(value(network), rel=1e-9)
    with pytest.raises(ValueError, match="shapes"):
        rounded(network, "l2", signals[0], signals[1][:1])
    with pytest.raises(ValueError, match="loop"):
        rounded(implicit_network())


def test_rounding_ignores_patterns_that_pass_nothing():
    network = Network([np.eye(2), -np.eye(2), np.eye(2)], "relu")
    assert rounded(network) == pytest.approx(1.0)
    assert rounded(Network([np.zeros((2, 2)), np.eye(2)], "relu")) == 0.0


def test_rounding_of_parts_that_share_nothing():
    parts = random_weights(54, 3, 4, 2), random_weights(55, 2, 4, 3)
    network = Network(block_diagonal(*parts), "relu")
    best = max(value(Network(part, "relu")) for part in parts)
    assert rounded(network) == pytest.approx(best, rel=1e-6)

"""Networks of finite width by their exact law: against the weights, closed forms and duals.

Statistical tests use Z standard errors: false alarms have probability 1e-6 for the whole file and a
random seed, as far as means are normal.
"""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np
import pytest
from scipy import stats

from simulations import core
from simulations.core import Estimate, Job
from simulations.ntk_classifiers import NETWORK, Params
from simulations.ntk_classifiers.network import unit_activation
from theory.ntk_classifiers import dual

core.setup()

SEED = int(os.environ.get("DEEPVERDICT_SEED", "6"))
Z = stats.norm.isf(0.5e-6 / 20)
"""Two-sided 1e-6 for twenty normal statistics together: 5.5."""
Array = np.ndarray[Any, Any]


def simulate(samples: int, **params: Any) -> Any:
    return core.run([Job(NETWORK, Params(**params), samples)], SEED)[0]


def assert_is(e: Estimate, value: float, stderr: float = 0.0) -> None:
    assert abs(e.value - value) <= Z * math.hypot(e.stderr, stderr), (e, value, stderr)


def explicit_networks(depth: int, r: float, width: int, samples: int) -> Array:
    """The four statistics of networks of numpy, weights and gradients and all, phi = sqrt2 relu."""
    rng = np.random.default_rng(SEED)
    inputs = np.array([[1.0, 0.0], [1 - r * r / 2, r * math.sqrt(1 - r * r / 4)]]).T
    h, before, weights = [np.broadcast_to(inputs, (samples, 2, 2))], [], []
    scales = [1.0, *[width**-0.5] * (depth - 1)]
    for scale in scales:
        weights.append(rng.standard_normal((samples, width, h[-1].shape[1])))
        before.append(scale * weights[-1] @ h[-1])
        h.append(math.sqrt(2) * np.maximum(before[-1], 0))
    v = rng.standard_normal((samples, width, 1)) / math.sqrt(width)
    gradients = [h[-1] / math.sqrt(width)]
    back = v * math.sqrt(2) * (before[-1] > 0)
    for layer in reversed(range(depth)):
        outer = scales[layer] * back[:, :, None] * h[layer][:, None]
        gradients.append(outer.reshape(samples, -1, 2))
        if layer:
            pulled = scales[layer] * np.swapaxes(weights[layer], 1, 2) @ back
            back = pulled * math.sqrt(2) * (before[layer - 1] > 0)
    g = np.concatenate(gradients, axis=1)
    nngp, ntk = (np.swapaxes(x, 1, 2) @ x for x in (h[-1] / math.sqrt(width), g))
    return np.stack([nngp[:, 0, 1], nngp[:, 0, 0], ntk[:, 0, 1], ntk[:, 0, 0]], axis=1)


def test_exact_law_is_that_of_the_weights() -> None:
    found = simulate(1 << 15, width=4, depth=3, activation="relu", distance=0.8)
    true = explicit_networks(3, 0.8, 4, 1 << 14)
    for column, name in zip(true.T, ("nngp", "nngp_diagonal", "ntk", "ntk_diagonal"), strict=True):
        assert_is(found[name], column.mean(), column.std() / math.sqrt(column.size))


@pytest.mark.slow
def test_one_layer_is_exact_at_every_width() -> None:
    """The arc-cosine kernels of r = 1, angle pi/3."""
    found = simulate(1 << 15, width=3, depth=1, activation="relu", dtype="float64")
    angle = math.pi / 3
    nngp = (math.sin(angle) + (math.pi - angle) * 0.5) / math.pi
    ntk = nngp + 0.5 * (1 - angle / math.pi)
    for name, value in {"nngp": nngp, "nngp_diagonal": 1, "ntk": ntk, "ntk_diagonal": 2}.items():
        assert_is(found[name], value)


@pytest.mark.parametrize("spec", ["optimal:1", "optimal:3", "sine:2.676", "gelu"])
def test_network_activations_have_their_duals(spec: str) -> None:
    """E phi(u) phi(v) on Hermite's nodes, 80 squared."""
    phi, d = unit_activation(spec), dual(spec)
    u, w = np.polynomial.hermite_e.hermegauss(80)
    w = w / w.sum()
    for x in (0.0, 0.3, 0.8, 1.0):
        v = x * u[:, None] + math.sqrt(1 - x * x) * u
        found = float(w @ (np.asarray(phi(u))[:, None] * np.asarray(phi(v))) @ w)
        assert found == pytest.approx(d(x), abs=1e-10)
    z, step = np.linspace(-2, 2, 9) + 0.01, 1e-6
    slope = (np.asarray(phi(z + step)) - np.asarray(phi(z - step))) / (2 * step)
    assert np.asarray(phi.derivative(z)) == pytest.approx(slope, abs=1e-7)

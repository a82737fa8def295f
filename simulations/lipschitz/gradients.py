r"""What sampling tells about a Lipschitz constant: norms of Jacobians, and difference quotients.

One sample is one point x (GRADIENT) or one pair x, x + d (PAIRS), at a network of its own drawn
from the law, or at the one that was read.  The points are scale N(0, I), or rows of the data drawn
with replacement, to which d is added; d ~ scale N(0, I), of every second pair `increment` of it.

    l2      |J|_2,                |f(x + d) - f(x)|_2 / |d|_2
    linf    |J| from l_inf to l_1,  |f(x + d) - f(x)|_1 / |d|_inf

Up to rounding each is a lower bound on the constant of its network, and so is the largest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from simulations.accumulators import Block, Largest, Moments
from simulations.arrays import Array, Held, read_matrix
from simulations.checks import refuse
from simulations.core import Estimate, Experiment, Result, generator, one_thread
from simulations.lipschitz import params as checks
from simulations.lipschitz.networks import held, network_of, random_network, read_network
from simulations.lipschitz.params import Params

if TYPE_CHECKING:
    import jax

    from theory.lipschitz.network import Network

WORK = 1 << 28
"""Multiplications of a block, about."""
MOST = 4096
"""Samples of a block, at most."""

Measure = Callable[["Network", str, Array, Array], Array]


def gradient_block(key: jax.Array, p: Params, count: int) -> Block:
    """One block of norms of Jacobians."""
    return _block(key, p, count, _jacobians)


def pairs_block(key: jax.Array, p: Params, count: int) -> Block:
    """One block of difference quotients."""
    return _block(key, p, count, _quotients)


def _block(key: jax.Array, p: Params, count: int, measure: Measure) -> Block:
    one_thread()
    rng = generator(key)
    inputs = network_of(p.network).inputs if p.network else p.sizes[0]
    x = _points(rng, p, inputs, count)
    d = np.asarray(p.scale * rng.standard_normal(x.shape))
    d[1::2] *= p.increment
    if p.network:
        values = measure(network_of(p.network), p.norm, x, d)
    else:
        values = np.empty(count)
        for i in range(count):
            network = random_network(rng, p.sizes, p.law, p.activation, p.groups, p.residual)
            values[i] = measure(network, p.norm, x[i : i + 1], d[i : i + 1])[0]
    found: Any = {"values": Moments.of_numpy(values), "largest": Largest.of_numpy(values, x)}
    return dict(found)


def _points(rng: np.random.Generator, p: Params, inputs: int, count: int) -> Array:
    if p.table:
        rows = p.table.arrays[0]
        return np.asarray(rows[rng.integers(0, len(rows), count)])
    return np.asarray(p.scale * rng.standard_normal((count, inputs)))


def _jacobians(network: Network, norm: str, x: Array, d: Array) -> Array:
    from theory.lipschitz.lower import sampled_gradients

    return sampled_gradients(network, x, norm)


def _quotients(network: Network, norm: str, x: Array, d: Array) -> Array:
    end = x + d
    order, other = (2, 2) if norm == "l2" else (1, np.inf)
    moved = np.linalg.norm(network(end) - network(x), ord=order, axis=1)
    return np.asarray(moved / np.linalg.norm(end - x, ord=other, axis=1))


def gradient_estimates(block: Block, p: Params) -> Result:
    """The mean, and the largest, which was observed once: its error is 0."""
    return _estimates("gradient", block)


def pairs_estimates(block: Block, p: Params) -> Result:
    """The mean, and the largest, which was observed once: its error is 0."""
    return _estimates("quotient", block)


def _estimates(name: str, block: Any) -> Result:
    mean = Estimate.of(block["values"])
    return {name: mean, "largest": Estimate(float(block["largest"].value), 0.0, mean.samples)}


def block_size(p: Params) -> int:
    """Samples in a full block: a power of two."""
    if p.network:
        numbers = sum(array.size for array in p.network.arrays)
        network = network_of(p.network)
        side = min(network.inputs, network.outputs)
    else:
        numbers = 20 * sum(a * b for a, b in pairwise(p.sizes))  # to draw one
        side = min(p.sizes[0], p.sizes[-1])
    return min(MOST, 1 << max(0, (WORK // (numbers * side)).bit_length() - 1))


def prepared(p: Params) -> Params:
    """The parameters with the files read that they name."""
    network, table = p.network, p.table
    inputs = p.sizes[0]
    if p.weights is not None:
        refuse(p, "a network from a file", "widths", "law")
        found = read_network(p.weights, p.activation, p.groups, p.layout, p.residual)
        if found.is_implicit:
            raise ValueError(
                f"--weights: {p.weights} holds an implicit network; use a bound of it."
            )
        network, inputs = held(found, p.weights), found.inputs
        p = replace(p, activation=None, groups=None, residual=False)
    if p.data is not None:
        x = read_matrix("--data", p.data, "samples")
        if x.shape[1] != inputs:
            raise ValueError(
                f"--data: {p.data} has inputs of dimension {x.shape[1]}; the network takes "
                f"{inputs}."
            )
        table = Held([x], source=p.data)
    return replace(p, weights=None, layout="auto", data=None, network=network, table=table)


def _check_gradient(p: Params) -> None:
    checks.check_gradient(p)
    _check_drawn(p)


def _check_pairs(p: Params) -> None:
    checks.check_pairs(p)
    _check_drawn(p)


def _check_drawn(p: Params) -> None:
    if not p.network:  # what widths and activation do not allow is known before the first block
        random_network(np.random.default_rng(0), p.sizes, p.law, p.activation, p.groups, p.residual)


GRADIENT = Experiment(
    "lipschitz/gradient",
    Params,
    gradient_block,
    gradient_estimates,
    block_size,
    code=lambda p: None,
    check=_check_gradient,
)
PAIRS = Experiment(
    "lipschitz/pairs",
    Params,
    pairs_block,
    pairs_estimates,
    block_size,
    code=lambda p: None,
    check=_check_pairs,
)

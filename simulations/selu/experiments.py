"""The experiments on self-normalising networks: their blocks, and the estimates made of them.

What each measures is said in `simulations.selu`; jax is imported when a block is computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from simulations.accumulators import Accumulator, Block, Moments
from simulations.core import Estimate, Experiment, Result, samples_per_block
from simulations.selu import params as checks
from simulations.selu.params import Params

if TYPE_CHECKING:
    import jax

    from simulations.selu import networks, neurons

STATISTICS = ("second_moment", "mean", "variance", "log_q")


def paths_block(key: jax.Array, p: Params, count: int) -> Block:
    """One block of networks: the signal of one input at all recorded layers."""
    from simulations.selu.networks import path_statistics

    dynamic = {"depth": p.depth, "records": p.records, "burn_in": p.burn_in}
    block = _block(path_statistics, _network(p), key, p, count, dynamic)
    for name in ("paths", "spread"):
        block[name] = Moments(*(np.asarray(field)[: p.records] for field in block[name]))
    if not p.settled:
        del block["regression"]
    return block


def initialisation_block(key: jax.Array, p: Params, count: int) -> Block:
    """One block of neurons: the sums of their weights."""
    from simulations.selu.neurons import initialisation_statistics

    dynamic = {name: getattr(p, name) for name in checks.OF_DOMAINS}
    return _block(initialisation_statistics, _neuron(p), key, p, count, dynamic)


def neuron_block(key: jax.Array, p: Params, count: int) -> Block:
    """One block of outputs of a neuron whose pre-activation is normal."""
    from simulations.selu.neurons import neuron_statistics

    real = np.dtype(p.dtype).type
    dynamic = {"y": real(p.mean * p.omega), "root_x": real(math.sqrt(p.variance * p.tau))}
    return _block(neuron_statistics, _normal_neuron(p), key, p, count, dynamic)


def clt_block(key: jax.Array, p: Params, count: int) -> Block:
    """One block of outputs of a neuron with few inputs."""
    from simulations.selu.neurons import clt_statistics

    return _block(clt_statistics, _neuron(p), key, p, count, {})


def _block(
    statistics: Callable[..., Block], code: Any, key: jax.Array, p: Params, count: int, more: Any
) -> Block:
    from simulations import coupled, forward
    from theory.activations import SELU_ALPHA, SELU_LAMBDA

    real = np.dtype(p.dtype).type
    a, b = p.affine or (1.0, 0.0)
    dynamic = {
        "q0": real(p.q0),
        "mean": real(p.mean),
        "keep": real(1 if p.keep is None else p.keep),
        "a": real(a),
        "b": real(b),
        "saturation": real(-SELU_LAMBDA * SELU_ALPHA),
    }
    block = coupled.compiled(statistics, code, forward.lanes_here())
    return dict(block(key, count, dynamic | more))


def _network(p: Params) -> networks.Code:
    from simulations.selu.networks import Code

    explicit = p.sampler == "explicit"
    return Code(p.width, p.activation, p.dtype, p.initialisation, explicit, p.keep is not None)


def _neuron(p: Params) -> neurons.Code:
    from simulations.selu.neurons import Code

    return Code(p.width, p.activation, p.dtype, p.initialisation, p.inputs, False)


def _normal_neuron(p: Params) -> neurons.Code:
    from simulations.selu.neurons import Code

    return Code(1, p.activation, p.dtype, "gaussian", "gaussian", p.keep is not None)


def paths_estimates(block: Block, p: Params) -> Result:
    """Named estimates; those at an earlier recorded layer l carry the suffix `@l`."""
    result: Result = {}
    for record, (_, suffix) in enumerate(recorded_layers(p)):
        for k, name in enumerate(STATISTICS):
            result[name + suffix] = Estimate.of(block["paths"], (record, k))
        for k, name in enumerate(("n_var_q", "n_var_mean")):
            found = Estimate.of(block["spread"], (record, k))
            result[name + suffix] = found.times(p.width)
    if p.settled:
        result["slope"] = ratio(block["regression"])
    return result


def initialisation_estimates(block: Block, p: Params) -> Result:
    """Named estimates of the sums of a neuron's weights."""
    from simulations.selu.neurons import INITIALISATION as names

    return _named(block, "initialisation", names) | {
        "n_var_tau": Estimate.of(block["spread"], 0).times(p.width)
    }


def neuron_estimates(block: Block, p: Params) -> Result:
    """Named estimates of a neuron's output."""
    from simulations.selu.neurons import NEURON as names

    return _named(block, "neuron", names) | {"variance": Estimate.of(block["spread"], 0)}


def clt_estimates(block: Block, p: Params) -> Result:
    """Named estimates of a neuron's output, and moments of its pre-activation."""
    from simulations.selu.neurons import CLT as names

    return _named(block, "clt", names) | {"variance": Estimate.of(block["spread"], 0)}


def _named(block: Block, kind: str, names: Sequence[str]) -> Result:
    return {name: Estimate.of(block[kind], k) for k, name in enumerate(names)}


def recorded_layers(p: Params) -> list[tuple[int, str]]:
    """The layer of every record, and the suffix of its estimates."""
    pairs_of_layers = (p.depth + 1) // 2
    layers = [2 * (pairs_of_layers * (record + 1) // p.records) for record in range(p.records - 1)]
    return [*((layer, f"@{layer}") for layer in layers), (p.depth, "")]


def ratio(moments: Accumulator) -> Estimate:
    """mean A / mean B from the moments of (A, B, A + B), its error to first order.

    The last gives the covariance of A and B, and so the variance of A - (ratio) B.
    """
    assert isinstance(moments, Moments), "a ratio is made of moments"
    a, b, _ = (float(x) for x in moments.mean)
    n, (aa, bb, sums) = float(moments.n[0]), (float(x) for x in moments.m2)
    if n < 2 or not b > 0:
        return Estimate(math.nan, math.inf, int(n))
    slope = a / b
    square = aa + slope**2 * bb - slope * (sums - aa - bb)
    return Estimate(slope, math.sqrt(max(square, 0.0) / n / (n - 1)) / b, int(n))


def paths_block_size(p: Params) -> int:
    """Samples in a full block of networks."""
    code = _network(p)
    units = p.width * (p.width if code.explicit else 2 if p.initialisation == "normalised" else 1)
    return samples_per_block(p.depth * (units + p.width * code.dropout), code.batch)


def neuron_block_size(p: Params) -> int:
    """Samples in a full block of normal neurons."""
    return samples_per_block(1 + (p.keep is not None), _normal_neuron(p).batch)


def sum_block_size(p: Params) -> int:
    """Samples in a full block of sums over the weights of a neuron."""
    return samples_per_block(2 * p.width, _neuron(p).batch)


PATHS = Experiment(
    "selu/paths",
    Params,
    paths_block,
    paths_estimates,
    paths_block_size,
    code=_network,
    check=checks.check_paths,
)
INITIALISATION = Experiment(
    "selu/initialisation",
    Params,
    initialisation_block,
    initialisation_estimates,
    sum_block_size,
    code=_neuron,
    check=checks.check_initialisation,
)
NEURON = Experiment(
    "selu/neuron",
    Params,
    neuron_block,
    neuron_estimates,
    neuron_block_size,
    code=_normal_neuron,
    check=checks.check_neuron,
)
CLT = Experiment(
    "selu/clt",
    Params,
    clt_block,
    clt_estimates,
    sum_block_size,
    code=_neuron,
    check=checks.check_clt,
)

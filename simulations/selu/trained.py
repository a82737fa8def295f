"""A user's own network on random inputs: the block, and the estimates made of it.

The hidden layers h_l = f(W_l h_{l-1} + b_l) are all but the last, whose output is left alone.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from simulations.accumulators import Block, Moments
from simulations.arrays import Held, read_matrix
from simulations.core import Estimate, Experiment, Result
from simulations.selu.params import Params, check_network
from theory.weights import Layer, read_layers

if TYPE_CHECKING:
    import jax

GROUP = 64
"""Samples in a group whose variance is one sample of a variance."""
STATE_SIZE = 1 << 20
"""Numbers in the widest layer of a block."""
STATISTICS = ("mean", "second_moment")


def with_network(p: Params) -> Params:
    """The parameters with the files of weights and inputs read."""
    from dataclasses import replace

    if p.weights is None:
        return p
    layers = read_layers(p.weights, p.layout)
    if len(layers) < 2:
        raise ValueError(
            f"--weights: {p.weights} holds one layer; a network has at least one hidden layer "
            "and an output."
        )
    arrays = [array for layer in layers for array in layer[1:]]
    table = Held()
    if p.data is not None:
        x = read_matrix("--data", p.data, "samples")
        if x.shape[1] != layers[0].weight.shape[1]:
            raise ValueError(
                f"--data: {p.data} has inputs of dimension {x.shape[1]}; the first layer of "
                f"{p.weights} takes {layers[0].weight.shape[1]}."
            )
        table = Held([x], source=p.data)
    network = Held(arrays, [layer.name for layer in layers], p.weights)
    return replace(p, weights=None, data=None, layout="auto", network=network, table=table)


def layers_of(p: Params) -> tuple[Layer, ...]:
    """The layers that were read."""
    held = p.network
    return tuple(
        Layer(name, *arrays)
        for name, *arrays in zip(held.names, held.arrays[::2], held.arrays[1::2], strict=True)
    )


def network_block(key: jax.Array, p: Params, count: int) -> Block:
    """One block of inputs: every hidden layer's statistics."""
    import jax
    import jax.numpy as jnp

    layers = layers_of(p)
    valid = jnp.arange(block_size(p)) < count
    shape = (layers[0].weight.shape[1], len(valid))
    if p.table:
        rows = jax.random.randint(key, shape[1:], 0, len(p.table.arrays[0]))
        h = jnp.asarray(p.table.arrays[0].T, p.dtype)[:, rows]
    else:
        h = jax.random.normal(key, shape, p.dtype)
    block: Block = {}
    for number, (_, weight, bias) in enumerate(layers[:-1], start=1):
        h, found, spread = _layer()(weight.astype(p.dtype), bias.astype(p.dtype), h, valid)
        block |= {f"layer {number}": found, f"spread {number}": spread}
    return block


@functools.lru_cache
def _layer() -> Any:
    import jax
    import jax.numpy as jnp

    from simulations.accumulators import variances
    from theory.activations import activation

    f = activation("selu")

    def layer(
        weight: jax.Array, bias: jax.Array, h: jax.Array, valid: jax.Array
    ) -> tuple[jax.Array, Moments, Moments]:
        h = f(jnp.matmul(weight, h, precision="highest") + bias[:, None])
        wide = h.astype(jnp.float64)
        found = jnp.stack([jnp.mean(wide, axis=0), jnp.mean(wide * wide, axis=0)])
        whole = jnp.all(valid.reshape(-1, GROUP), axis=-1)
        spread = jnp.mean(variances(h, GROUP), axis=0)[None, :]
        return h, Moments.of(found, valid), Moments.of(spread, whole)

    return jax.jit(layer)


def network_estimates(block: Block, p: Params) -> Result:
    """Named estimates of every hidden layer l, with the suffix `@l`."""
    result: Result = {}
    for number in range(1, len(p.network.names)):
        found, spread = block[f"layer {number}"], block[f"spread {number}"]
        for k, name in enumerate(STATISTICS):
            result[f"{name}@{number}"] = Estimate.of(found, k)
        result[f"variance@{number}"] = Estimate.of(spread, 0)
    return result


def block_size(p: Params) -> int:
    """Samples in a full block: a power of two."""
    widest = max(max(map(int, layer.weight.shape)) for layer in layers_of(p))
    return max(GROUP, 1 << max(0, (STATE_SIZE // widest).bit_length() - 1))


def _check(p: Params) -> None:
    check_network(p)
    if not p.network:
        raise ValueError("the weights have not been read; see simulations.selu.with_network.")


def _code(p: Params) -> str:
    return str(p.network)


NETWORK = Experiment(
    "selu/network",
    Params,
    network_block,
    network_estimates,
    block_size,
    code=_code,
    check=_check,
)

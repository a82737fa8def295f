r"""The forward engine: random residual networks, simulated by their exact law or by their weights.

    Y_l = Y_{l-1} + sqrt(h) W_l phi(Y_{l-1}),  (W_l)_ij ~ N(0, 1/n) independent,  h = time / depth.

Exact law.  Given Y_{l-1}, the vector W_l phi(Y_{l-1}) is Gaussian with independent coordinates of
variance |phi(Y_{l-1})|^2 / n, and W_l is used nowhere else.  So n normals z per layer in place of
n^2 weights, W_l phi = |phi| n^{-1/2} z, give a path (Y_0, ..., Y_L) with the same law: not an
approximation.  `columns` has the law of W_l on several vectors.

`sampler="explicit"` draws the weights themselves and is the oracle of the other.

State arrays are width-major, (n, samples): the samples lie along the vector lanes.  Layers come in
twos, each pair of normals (see `normals`) serving two consecutive layers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeAlias, TypeVar

import jax
import jax.numpy as jnp

from simulations.accumulators import Block, merge
from simulations.normals import pair

State = TypeVar("State")
Noise: TypeAlias = jax.Array
"""One layer's randomness: z of shape (columns * n, samples), or weights (n, n, samples)."""

Drawn = TypeVar("Drawn", covariant=True)


class Layers(Protocol[Drawn]):
    """What draws the randomness of layers."""

    def two_layers(self, key: jax.Array) -> tuple[Drawn, Drawn]:
        """The randomness of two consecutive layers."""


STATE_SIZE = 1 << 15
"""Numbers in the state of one batch: it fits a core's second-level cache."""


class Shape(NamedTuple):
    """What fixes the compiled code of a simulation, apart from the activation."""

    width: int
    batch: int
    dtype: str
    explicit: bool = False
    columns: int = 1
    """Vectors that each W_l is applied to."""

    def start(self, key: jax.Array) -> jax.Array:
        """Independent N(0, 1) in the shape of the state."""
        return jax.random.normal(key, (self.width, self.batch), self.dtype)

    def two_layers(self, key: jax.Array) -> tuple[Noise, Noise]:
        """The randomness of two consecutive layers."""
        n, samples = self.width, self.batch
        shape = (n, n, samples) if self.explicit else (self.columns * n, samples)
        return pair(key, shape, jnp.dtype(self.dtype).type)


def batch_size(width: int, explicit: bool = False) -> int:
    """Samples in a batch: the power of two that keeps the state in the cache, at least 2."""
    size = width * width if explicit else width
    return max(2, 1 << max(0, (STATE_SIZE // size).bit_length() - 1))


def apply_weights(noise: Noise, phi: jax.Array) -> jax.Array:
    """W phi for one layer: phi is (n, samples), the result too."""
    n = phi.shape[0]
    if noise.ndim == 3:
        return jnp.einsum("ijs,js->is", noise, phi) / jnp.sqrt(n).astype(phi.dtype)
    return jnp.sqrt(jnp.sum(phi * phi, axis=0) * phi.dtype.type(1 / n)) * noise


def polar(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """|x| and x / |x| over the first axis, both 0 for x = 0.

    A long path may be tiny without being dead, so no square is taken before the largest entry is
    divided out.
    """
    largest = jnp.max(jnp.abs(x), axis=0)
    alive = largest > 0
    scaled = x / jnp.where(alive, largest, 1)
    length = jnp.where(alive, jnp.sqrt(jnp.sum(scaled * scaled, axis=0)), 1)
    return largest * length, scaled / length


def march(
    key: jax.Array,
    pairs: jax.Array | int,
    shape: Layers[Drawn],
    state: State,
    advance: Callable[[State, Drawn, Drawn], State],
) -> State:
    """Take the state through `pairs` pairs of layers; pair k draws with fold_in(key, k)."""

    def body(k: jax.Array, state: State) -> State:
        return advance(state, *shape.two_layers(jax.random.fold_in(key, k)))

    end: State = jax.lax.fori_loop(0, pairs, body, state)
    return end


def accumulate(
    key: jax.Array,
    count: jax.Array | int,
    batch: int,
    statistics: Callable[[jax.Array, jax.Array], Block],
    lanes: int,
) -> Block:
    """Accumulators over `count` samples, in batches of `batch` samples merged in order.

    statistics(key, valid): accumulators of one batch, of which the first samples, where `valid` is
    true, count.  Batch b draws with fold_in(key, b); `lanes` batches are computed side by side,
    which an accelerator needs, and merged in the same order, so that memory does not grow with
    the number of samples and the lanes do not change the stream.
    """

    def one(index: jax.Array) -> Block:
        valid = index * batch + jnp.arange(batch) < count
        return statistics(jax.random.fold_in(key, index), valid)

    def body(group: jax.Array, total: Block) -> Block:
        first = group * lanes
        if lanes == 1:
            return merge(total, one(first))
        parts = jax.vmap(one)(first + jnp.arange(lanes))
        for lane in range(lanes):
            total = merge(total, jax.tree.map(lambda x, lane=lane: x[lane], parts))
        return total

    zero = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(one, jnp.asarray(0)))
    groups = -(-count // (batch * lanes))
    total: Block = jax.lax.fori_loop(0, groups, body, zero)
    return total


def lanes_here() -> int:
    """Batches computed side by side on the present device: one on a CPU, 32 on an accelerator."""
    return 1 if jax.default_backend() == "cpu" else 32

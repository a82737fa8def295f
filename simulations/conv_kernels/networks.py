r"""Random ReLU convolutional networks with finitely many channels, in jax, on two inputs.

    h^1_ci = w_c . x_i,    h^l_ci = (2/(s n))^{1/2} sum_{j < s} W_cj . relu(h^{l-1}_{., is + j}),

channels c = 1..n, patches without overlap, all weights N(0, 1).  One filter serves all positions
i, so that given the layer below the channels are independent, each a normal vector over positions
and inputs, whose covariance is the mean over channels and children of products of activations.
That is the law of one weight matrix on that many vectors (`simulations.columns`).

The first input has all patches equal, e_1; those of the second are cos(angle) e_1 + sin(angle) e_2.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from simulations.accumulators import Block, Moments, variances
from simulations.columns import Matrix, apply_weights, batch_size
from simulations.coupled import Dynamic
from simulations.normals import pair
from theory.activations import Activation

GROUP = 64
"""Samples in a group whose variance is one sample of a variance."""


class Code(NamedTuple):
    """What fixes compiled code."""

    width: int
    patch_sizes: tuple[int, ...]
    patches: int
    dtype: str
    explicit: bool
    activation: str = "relu"

    @property
    def half(self) -> int:
        """Half a batch: each of a pair of normals serves one half."""
        layers = self.matrices(1)
        columns = max((m.columns for m in layers), default=2 * self.patches)
        size = self.width * (self.width if self.explicit else columns)
        return max(GROUP, batch_size(1, size))

    @property
    def batch(self) -> int:
        """Samples that are simulated at a time."""
        return 2 * self.half

    def matrices(self, batch: int) -> list[Matrix]:
        """The weights of the layers 2, ..., L."""
        found, positions = [], self.patches
        for size in self.patch_sizes[1:]:
            positions //= size
            shape = (2 * positions, self.width, self.width * size, batch)
            found.append(Matrix(*shape, self.dtype, self.explicit))
        return found

    @property
    def draws(self) -> list[int]:
        """Normals of each layer of one network."""
        return [2 * self.width] + [
            m.fan_out * (m.fan_in if m.explicit else m.columns) for m in self.matrices(1)
        ]


def network_statistics(
    key: jax.Array, valid: jax.Array, f: Activation, code: Code, d: Dynamic
) -> Block:
    """Moments of the kernel that the last hidden layer gives the readout."""
    halves = _first_layer(jax.random.fold_in(key, 0), code, d)
    for layer, matrix in enumerate(code.matrices(code.half), start=1):
        noise = matrix.two_layers(jax.random.fold_in(key, layer))
        halves = [_layer(h, z, f, matrix) for h, z in zip(halves, noise, strict=True)]
    values = jnp.concatenate([_kernels(h, f) for h in halves], axis=-1)
    found = jnp.concatenate([values, values[:1] ** 2])
    whole = jnp.all(valid.reshape(-1, GROUP), axis=-1)
    spread = Moments.of(variances(values, GROUP), whole)
    return {"network": Moments.of(found, valid), "spread": spread}


def _first_layer(key: jax.Array, code: Code, d: Dynamic) -> list[jax.Array]:
    """h^1 of shape (2 inputs, patches, channels, samples), for both halves of the batch."""
    found = []
    for z in pair(key, (2, code.width, code.half), jnp.dtype(code.dtype).type):
        x = jnp.broadcast_to(z[0], (code.patches, *z[0].shape))
        y = d["cosine"][:, None, None] * z[0] + d["sine"][:, None, None] * z[1]
        found.append(jnp.stack([x, y]))
    return found


def _layer(h: jax.Array, noise: jax.Array, f: Activation, matrix: Matrix) -> jax.Array:
    columns = f(h).reshape(matrix.columns, matrix.fan_in, matrix.batch)
    images = apply_weights(noise, columns, matrix.explicit)
    scaled: jax.Array = images.dtype.type(math.sqrt(2)) * images
    return scaled.reshape(2, -1, matrix.fan_out, matrix.batch)


def _kernels(h: jax.Array, f: Activation) -> jax.Array:
    """(rfk, rfk_xx) of every network, in double precision."""
    phi = f(h).astype(jnp.float64)
    across, own = (2 * jnp.mean(phi[0] * other, axis=(0, 1)) for other in (phi[1], phi[0]))
    return jnp.stack([across, own])

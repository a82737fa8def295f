r"""Gradients by their exact law given the forward path, without weights.

    g_{l-1} = g_l + sqrt(h) phi'(Y_{l-1}) W_l^T g_l,   g_L = u, |u| = 1.

The forward path knows W_l by W_l phi = n^{-1/2} |phi| z alone.  With e = phi / |phi| and fresh
normals F,

    W_l^T g = n^{-1/2} (e <z, g> + |g| (F - e <e, F>)),   F ~ N(0, I_n),

and W_l^T g = n^{-1/2} |g| F where phi = 0.  Leaving out the first term, W_l^T g = n^{-1/2} |g| F
everywhere, is the usual assumption that the weights of the backward pass are independent of those
of the forward pass: kept as a wrong law to test against, by option "independent".

Only Y_l is stored: the z are drawn a second time from the same keys.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from simulations import forward
from simulations.accumulators import Block, Moments
from simulations.coupled import Dynamic, Static, start_at, steps
from simulations.forward import Noise, polar
from simulations.norms import alive, direction, log_norm
from theory.activations import Activation

GRADIENT = ("gradient", "gradient_alive", "gradient_log_square", "gradient_square")


def gradient_statistics(
    key: jax.Array, valid: jax.Array, f: Activation, s: Static, d: Dynamic
) -> Block:
    """Moments of the statistics of log |g_0| / |g_L|, in an array of one record and one row."""
    shape = s.shape
    toward, law = s.option.split()
    first, end, ahead, back = jax.random.split(key, 4)
    y = start_at(first, shape, d)
    path = jnp.zeros((s.stored, *y.shape), y.dtype)
    pairs = (d["depth"] + 1) // 2

    def forward_pair(state: Any, noise1: Noise, noise2: Noise) -> Any:
        y, path, done = state
        for layer, (noise, h) in enumerate(zip((noise1, noise2), steps(done, d), strict=True)):
            path = path.at[done + layer].set(y)
            y = y + jnp.sqrt(h) * forward.apply_weights(noise, f(y))
        return y, path, done + 2

    _, path, _ = forward.march(ahead, pairs, shape, (y, path, 0), forward_pair)

    def backward_pair(index: jax.Array, g: jax.Array) -> jax.Array:
        k = pairs - 1 - index
        seen = shape.two_layers(jax.random.fold_in(ahead, k))
        fresh = shape.two_layers(jax.random.fold_in(back, k))
        h = steps(2 * k, d)
        for layer in (1, 0):
            y = path[2 * k + layer]
            pulled = _transposed(f(y), seen[layer], fresh[layer], g, law)
            g = g + jnp.sqrt(h[layer]) * f.derivative(y) * pulled
        return g

    g = jax.lax.fori_loop(0, pairs, backward_pair, direction(end, shape, toward))
    ratio = log_norm(g)
    values = jnp.stack([ratio, ratio, ratio**2, jnp.exp(2 * ratio)])
    counted = jnp.stack([valid, valid & alive(f(y)), valid, valid])
    return {"gradient": Moments(*(x[None, None] for x in Moments.of(values, counted)))}


def _transposed(
    phi: jax.Array, z: jax.Array, fresh: jax.Array, g: jax.Array, law: str
) -> jax.Array:
    """W^T g given that W phi = n^{-1/2} |phi| z."""
    free = polar(g)[0] * fresh
    if law == "conditional":
        e = polar(phi)[1]
        free = free + e * jnp.sum(z * g - e * free, axis=0)
    pulled: jax.Array = g.dtype.type(g.shape[0] ** -0.5) * free
    return pulled

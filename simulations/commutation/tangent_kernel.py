r"""Tangent kernels of networks on k inputs, by the exact law of the weights given the forward pass.

    f = <v, phi(Y_L)> / sqrt(n),  v ~ N(0, I_n),   every parameter N(0, 1), factors written out.

With B_l = df/dY_l, so that B_L = phi'(Y_L) v / sqrt(n) and

    B_{l-1} = B_l + alpha_l sigma_w phi'(Y_{l-1}) W_l^T B_l      (without the first B_l in an mlp),

the kernel, a sum over the parameters of v, of every W_l and b_l, and of W_in, is

    Theta(a, b) = <phi_L(a), phi_L(b)> / n + <B_0(a), B_0(b)> <a, b> / d
        + sum_l alpha_l^2 <B_l(a), B_l(b)> (sigma_w^2 <phi_{l-1}(a), phi_{l-1}(b)> / n + sigma_b^2).

W_l^T B_l is drawn given W_l phi (`simulations.columns`).  Only Y_l is stored: the noise is drawn a
second time from the same keys.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from simulations import forward
from simulations.accumulators import Block, Moments
from simulations.columns import Basis, apply_transposed, orthonormal
from simulations.commutation.networks import Code, grouped_variance, law, layer, start
from simulations.commutation.params import pair_name, pairs
from simulations.coupled import Dynamic
from theory.activations import Activation


def tangent_statistics(
    key: jax.Array, valid: jax.Array, f: Activation, code: Code, d: Dynamic
) -> Block:
    """Moments of the entries of the tangent kernel, their variances, and the law."""
    first, last, ahead, back = jax.random.split(key, 4)
    y = start(first, code, d).y
    steps = (d["depth"] + 1) // 2

    def forward_pair(state: Any, noise1: list[jax.Array], noise2: list[jax.Array]) -> Any:
        y, path, done = state
        for i, noise in enumerate((noise1, noise2)):
            path = path.at[done + i].set(y)
            y = layer(f, noise, y, done + i, code, d)
        return y, path, done + 2

    path = jnp.zeros((code.layers, *y.shape), y.dtype)
    y, path, _ = forward.march(ahead, steps, code, (y, path, 0), forward_pair)
    v = jax.random.normal(last, y.shape[1:], y.dtype) * y.dtype.type(code.width**-0.5)
    (matrix,) = code.matrices()

    def backward_pair(i: jax.Array, state: Any) -> Any:
        k = steps - 1 - i
        seen = code.two_layers(jax.random.fold_in(ahead, k))
        fresh = matrix.two_fresh(jax.random.fold_in(back, k))
        for j in (1, 0):
            state = _back(state, path[2 * k + j], seen[j][0], fresh[j], 2 * k + j, f, code, d)
        return state

    state = f.derivative(y) * v, products(f(y)) / code.width
    b, theta = jax.lax.fori_loop(0, steps, backward_pair, state)
    theta = theta + products(b) * d["gram"][..., None]
    return _block(theta, valid, code, d)


def _back(
    state: tuple[jax.Array, jax.Array],
    y: jax.Array,
    noise: jax.Array,
    fresh: jax.Array,
    index: Any,
    f: Activation,
    code: Code,
    d: Dynamic,
) -> tuple[jax.Array, jax.Array]:
    """B and the kernel's sum, from layer `index` (counted from 0) to the one before."""
    b, theta = state
    phi = f(y)
    within = index < d["depth"]
    alpha = d["alpha"][index]  # 0 beyond the depth
    seen = products(phi) * (d["sigma_w"] ** 2 / code.width) + d["sigma_b"] ** 2
    theta = theta + alpha**2 * products(b) * seen
    basis = None if code.explicit else orthonormal(phi)
    if basis is not None:  # nothing is known of W along vectors that vanish: fresh weights
        basis = Basis(d["conditional"] * basis.e, basis.r)
    pulled = apply_transposed(noise, fresh, basis, b, explicit=code.explicit)
    step = alpha * d["sigma_w"] * f.derivative(y) * pulled
    return (b + step if code.residual else jnp.where(within, step, b)), theta


def products(x: jax.Array) -> jax.Array:
    """<x_a, x_b> for all columns, (k, k, samples).

    Pair by pair: see `columns.apply_transposed` on sums of broadcast products.
    """
    return jnp.stack([jnp.stack([jnp.sum(a * b, axis=0) for b in x]) for a in x])


def _block(theta: jax.Array, valid: jax.Array, code: Code, d: Dynamic) -> Block:
    theta = theta.astype(jnp.float64)
    found = {pair_name("ntk", a, b): theta[a, b] for a, b in pairs(code.columns)}
    found["log_ntk_aa"] = jnp.log(jnp.where(theta[0, 0] > 0, theta[0, 0], 1))
    values = jnp.stack([*found.values()])
    alive = (theta[0, 0] > 0) & valid
    counted = jnp.stack([valid] * (len(found) - 1) + [alive])
    varied = jnp.stack([found[name] for name in ("ntk_aa", "ntk_ab") if name in found])
    every = jnp.ones_like(varied, bool)
    counts = {name: (value, jnp.array(True)) for name, value in found.items()}
    return {
        "ntk": Moments.of(values, counted),
        "variance": grouped_variance(varied, every, valid),
        "law": law(counts, valid, d),
    }

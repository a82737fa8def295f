"""Models of the pre-activation norm |Y_l| and of a tangent V_l = (dY_l / dY_0) v.

The names of the statistics are explained in `simulations.depth_limit`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from simulations import coupled
from simulations.accumulators import Block
from simulations.columns import images
from simulations.coupled import Dynamic, Observed, Static, start_at
from simulations.forward import Noise, Shape, apply_weights, polar
from theory.activations import Activation

PRE_NORM = ("log_pre_norm", "log_pre_norm_alive", "pre_norm_residual")
TANGENT = ("tangent", "tangent_alive", "tangent_residual", "tangent_square")


class Norm(NamedTuple):
    """A network, the vector whose norm is followed, and the sums taken along its path."""

    y: jax.Array
    v: jax.Array
    """Y itself, or a tangent at Y."""
    martingale: jax.Array
    """Sum of the increments <V, dV> / |V|^2, of mean zero."""
    drift: jax.Array
    """Sum of h |a|^2 / |V|^2, dV being sqrt(h) W a."""


def pre_norm_statistics(
    key: jax.Array, valid: jax.Array, f: Activation, s: Static, d: Dynamic
) -> Block:
    """Moments of the statistics of log |Y_L| / |Y_0|."""

    def layer(path: Norm, noise: Noise, h: jax.Array) -> Norm:
        phi = f(path.y)
        dy = apply_weights(noise, phi)
        martingale, drift = _increments(path.y, dy, phi, h)
        y = path.y + dy
        return Norm(y, y, path.martingale + martingale, path.drift + drift)

    def start(key: jax.Array, shape: Shape) -> Norm:
        y = start_at(key, shape, d)
        return _start(y, y)

    return coupled.recorded("pre_norm", _model(PRE_NORM, start, layer, f), key, valid, s, d)


def tangent_statistics(
    key: jax.Array, valid: jax.Array, f: Activation, s: Static, d: Dynamic
) -> Block:
    """Moments of the statistics of log |V_L| / |V_0|."""

    def layer(path: Norm, noise: Noise, h: jax.Array) -> Norm:
        slope = f.derivative(path.y) * path.v
        dy, dv = images(noise, [f(path.y), slope])
        martingale, drift = _increments(path.v, dv, slope, h)
        return Norm(path.y + dy, path.v + dv, path.martingale + martingale, path.drift + drift)

    def start(key: jax.Array, shape: Shape) -> Norm:
        first, second = jax.random.split(key)
        return _start(start_at(first, shape, d), direction(second, shape, s.option))

    return coupled.recorded("tangent", _model(TANGENT, start, layer, f), key, valid, s, d)


def direction(key: jax.Array, shape: Shape, kind: str) -> jax.Array:
    """A unit vector per sample: e_1 ("first"), (1, ..., 1) / sqrt(n) ("ones"), or "uniform"."""
    n = shape.width
    if kind == "uniform":
        return polar(shape.start(key))[1]
    v = jnp.zeros((n, shape.batch), shape.dtype)
    return v.at[0].set(1) if kind == "first" else v + v.dtype.type(n**-0.5)


def log_norm(x: jax.Array, axis: int = 0) -> jax.Array:
    """log |x| over an axis.

    A vector that vanishes does so by rounding, its law having no atom at zero; a factor of 1e-38
    in its place is no further from the truth than the rounding was.
    """
    length = polar(jnp.moveaxis(x, axis, 0))[0]
    return jnp.log(jnp.maximum(length, smallest(x)))


def smallest(x: jax.Array) -> float:
    """The smallest normal number of its type."""
    return float(np.finfo(x.dtype).tiny)


def share(v: jax.Array, dv: jax.Array) -> jax.Array:
    """<v, dv> / |v|^2 over the first axis; 0 for v = 0."""
    length, u = polar(v)
    return jnp.sum(u * dv, axis=0) / jnp.where(length > 0, length, 1)


def alive(phi: jax.Array, axis: int = 0) -> jax.Array:
    """Whether some unit is not at rest."""
    return jnp.any(phi != 0, axis=axis)


def _start(y: jax.Array, v: jax.Array) -> Norm:
    zero = jnp.zeros(y.shape[1], y.dtype)
    return Norm(y, v, zero, zero)


def _increments(
    v: jax.Array, dv: jax.Array, a: jax.Array, h: jax.Array
) -> tuple[jax.Array, jax.Array]:
    length = polar(v)[0]
    return share(v, dv), h * (polar(a)[0] / jnp.where(length > 0, length, 1)) ** 2


def _model(
    names: tuple[str, ...],
    start: Callable[[jax.Array, Shape], Norm],
    layer: Callable[[Norm, Noise, jax.Array], Norm],
    f: Activation,
) -> coupled.Model:
    def observe(first: Norm, both: Norm, time: jax.Array) -> Observed:
        n = first.y.shape[0]
        ratio = log_norm(both.v, 1) - log_norm(first.v)
        value = ratio - both.martingale
        residual = value - both.drift * value.dtype.type((n - 2) / (2 * n))
        values = (value, value, residual, jnp.exp(2 * ratio))
        started = jnp.broadcast_to(alive(f(first.y)), value.shape)
        return Observed(jnp.stack(values[: len(names)], axis=1), {"start": started})

    kinds = ("all", "start", "all", "all")[: len(names)]
    return coupled.Model(len(names), start, layer, observe, coupled.pooled(kinds))

"""Model of the Jacobian J_l = dY_l / dY_0 with explicit weights: norms both ways, determinant.

    J_l = (I + sqrt(h) W_l D_{l-1}) J_{l-1},   D = diag phi'(Y).

Every control is the sum of what is linear in W_l given the past, so its mean is zero; the names of
the statistics are explained in `simulations.depth_limit`.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from simulations import coupled
from simulations.accumulators import Block
from simulations.coupled import Dynamic, Observed, Static, start_at
from simulations.forward import Noise, Shape, apply_weights
from simulations.norms import direction, log_norm, share, smallest
from theory.activations import Activation


def names(width: int) -> tuple[str, ...]:
    """The statistics in their order; `nuclear` is known in closed form at width 2 alone."""
    norms = ("tangent", "gradient", "column_mean", "row_mean", "column_minus_row")
    always = (*norms, "log_det", "log_det_residual", "frobenius")
    return (*always, "nuclear") if width == 2 else always


class Chain(NamedTuple):
    """A network, its Jacobian, and the sums taken along its path."""

    y: jax.Array
    jacobian: jax.Array
    """Shape (n, n, samples)."""
    v: jax.Array
    """Start direction of J v."""
    u: jax.Array
    """End direction of J^T u."""
    log_det: jax.Array
    slopes: jax.Array
    """Sum of h |phi'(Y)|^2."""
    controls: tuple[jax.Array, ...]
    """Of log |J v|, log |J^T u|, columns, rows, log |det J| and, at width 2, `nuclear`."""


def jacobian_statistics(
    key: jax.Array, valid: jax.Array, f: Activation, s: Static, d: Dynamic
) -> Block:
    """Moments of the statistics of J_L."""
    n = s.width

    def start(key: jax.Array, shape: Shape) -> Chain:
        first, second, third = jax.random.split(key, 3)
        y = start_at(first, shape, d)
        zero = jnp.zeros(shape.batch, y.dtype)
        one = jnp.broadcast_to(jnp.eye(n, dtype=y.dtype)[..., None], (n, n, shape.batch))
        v, u = (direction(k, shape, s.option) for k in (second, third))
        return Chain(y, one, v, u, zero, zero, (zero,) * (5 + (n == 2)))

    def layer(path: Chain, noise: Noise, h: jax.Array) -> Chain:
        y, jacobian = path.y, path.jacobian
        slope = f.derivative(y)
        step = noise * slope * y.dtype.type(n**-0.5)
        change = product(step, jacobian)
        increments = _linear(path, step, change)
        return Chain(
            y + apply_weights(noise, f(y)),
            jacobian + change,
            path.v,
            path.u,
            path.log_det + log_abs_det(step),
            path.slopes + h * jnp.sum(slope * slope, axis=0),
            tuple(a + b for a, b in zip(path.controls, increments, strict=True)),
        )

    def observe(first: Chain, both: Chain, time: jax.Array) -> Observed:
        j = jnp.moveaxis(both.jacobian, 0, 2)  # (row, column, network, sample)
        v, u = jnp.moveaxis(both.v, 0, 1), jnp.moveaxis(both.u, 0, 1)
        tangent, gradient, columns, rows, det = both.controls[:5]
        column = jnp.mean(log_norm(j), axis=0) - columns
        row = jnp.mean(log_norm(j, 1), axis=0) - rows
        log_det = both.log_det - det
        square = jnp.sum(j * j, axis=(0, 1))
        values = {
            "tangent": log_norm(jnp.sum(j * v, axis=1)) - tangent,
            "gradient": log_norm(jnp.sum(j * u[:, None], axis=0)) - gradient,
            "column_mean": column,
            "row_mean": row,
            "column_minus_row": column - row,
            "log_det": log_det,
            "log_det_residual": log_det + both.slopes / (2 * n),
            "frobenius": square / n,
        }
        if n == 2:
            total = square + 2 * jnp.exp(both.log_det)
            values["nuclear"] = jnp.log(total / 4) / 2 - both.controls[5]
        return coupled.observed(names(n), values)

    model = coupled.Model(
        size=len(names(n)),
        start=start,
        layer=layer,
        observe=observe,
        moments=coupled.pooled(("all",) * len(names(n))),
    )
    return coupled.recorded("jacobian", model, key, valid, s, d)


def _linear(path: Chain, step: jax.Array, change: jax.Array) -> list[jax.Array]:
    """The increments of the controls."""
    j, v, u = path.jacobian, path.v, path.u
    trace = jnp.trace(step)
    back = jnp.sum(j * u[:, None], axis=0), jnp.sum(change * u[:, None], axis=0)
    found = [
        share(jnp.sum(j * v, axis=1), jnp.sum(change * v, axis=1)),
        share(*back),
        jnp.mean(share(j, change), axis=0),
        jnp.mean(share(jnp.swapaxes(j, 0, 1), jnp.swapaxes(change, 0, 1)), axis=0),
        trace,
    ]
    if len(path.controls) == 6:  # (s_1 + s_2)^2 = |J|_F^2 + 2 |det J|
        det = jnp.exp(path.log_det)
        moved = jnp.sum(j * change, axis=(0, 1)) + det * trace
        found.append(moved / (jnp.sum(j * j, axis=(0, 1)) + 2 * det))
    return found


def product(a: jax.Array, b: jax.Array) -> jax.Array:
    """Matrix product over the first two axes, sample by sample."""
    return jnp.sum(a[:, :, None] * b[None], axis=1)


def log_abs_det(step: jax.Array) -> jax.Array:
    """log |det(I + step)| by elimination without exchange of rows.

    The matrix is the identity and a little more.  Where a pivot is small by chance its error is a
    rounding error over the pivot, which does not add up to anything over the samples.
    """
    tiny = smallest(step)
    rest = step + jnp.eye(step.shape[0], dtype=step.dtype)[..., None]
    total = jnp.zeros_like(step[0, 0])
    while rest.shape[0]:
        pivot = jnp.where(rest[0, 0] == 0, tiny, rest[0, 0])
        total = total + jnp.log(jnp.abs(pivot))
        rest = rest[1:, 1:] - rest[1:, :1] / pivot * rest[:1, 1:]
    return total

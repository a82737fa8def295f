"""Coupled residual networks in jax: what one batch of them yields, statistic by statistic.

The conventions and the names of the statistics are those of `simulations.depth_limit`, which
turns the sums made here into estimates.  Everything here sees only drawn numbers, no prediction.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from simulations import coupled, forward
from simulations.accumulators import Block, Moments, variances
from simulations.coupled import ROWS as ROWS
from simulations.coupled import Dynamic, Static, rows, start_at, two_layers
from theory.activations import Activation

STATISTICS = (
    "alive",
    "log_ratio",
    "dead_control",
    "log_ratio_martingale",
    "active_count",
    "q",
    "skewness",
    "fourth_moment",
    "displacement",
    "drift_residual",
    "quadratic_variation",
    "growth",
    "var_q",
    "var_log_q",
)
"""Per sample, in the order of the rows of every moment; docs/depth_limit.md says what each is."""


class Path(NamedTuple):
    """A network on its way: its state and the sums taken along its path, per sample."""

    y: jax.Array
    martingale: jax.Array
    """Sum of the increments sqrt(h) <phi phi', W phi> / N."""
    active: jax.Array
    """Sum of h A."""
    energy: jax.Array
    """Sum of h N / n."""


def path_statistics(
    key: jax.Array, valid: jax.Array, f: Activation, s: Static, d: Dynamic
) -> Block:
    """Moments of every statistic at every recorded time, and the law of the first coordinate."""
    model = coupled.Model(
        size=len(STATISTICS),
        start=lambda key, shape: _start(start_at(key, shape, d)),
        layer=lambda path, noise, h: _layer(f, path, noise, h),
        observe=lambda start, both, time: _observe(f, start.y, both, time, d),
        moments=_moments,
        law=lambda path: ("neuron", path.y[0], True),
    )
    return coupled.recorded("paths", model, key, valid, s, d)


def _start(y: jax.Array) -> Path:
    zero = jnp.zeros(y.shape[1], y.dtype)
    return Path(y, zero, zero, zero)


def _layer(f: Activation, path: Path, noise: jax.Array, h: jax.Array) -> Path:
    y = path.y
    phi = f(y)
    square = jnp.sum(phi * phi, axis=0)
    dy = forward.apply_weights(noise, phi)
    alive = square > 0
    increment = jnp.sum(phi * f.derivative(y) * dy, axis=0) / jnp.where(alive, square, 1)
    return Path(
        y + dy,
        path.martingale + jnp.where(alive, increment, 0),
        path.active + h * jnp.sum(y > 0, axis=0, dtype=y.dtype),
        path.energy + h * square * y.dtype.type(1 / y.shape[0]),
    )


class Observed(NamedTuple):
    """Per sample, fine and coarse network along the first axis."""

    values: jax.Array
    """In the order of STATISTICS along the second axis."""
    alive: jax.Array
    alive_at_start: jax.Array
    q: jax.Array


def _observe(f: Activation, start: jax.Array, path: Path, time: Any, d: Dynamic) -> Observed:
    n = start.shape[0]
    y = path.y
    square0, square = jnp.sum(f(start) ** 2, axis=0), jnp.sum(f(y) ** 2, axis=1)
    alive0 = square0 > 0
    alive = (square > 0) & alive0
    log_ratio = jnp.log(jnp.where(alive, square, 1) / jnp.where(alive0, square0, 1)) / 2
    excess0 = d["control"] * (jnp.sum(start > 0, axis=0) - d["active_at_start"])
    control = path.martingale + excess0 * time / (2 * n)
    drift = (path.active / 2 - time) / n
    values = {
        "alive": alive.astype(y.dtype),
        "log_ratio": log_ratio - control,
        "dead_control": control,
        "log_ratio_martingale": log_ratio - path.martingale,
        "active_count": jnp.sum(y > 0, axis=1) - excess0,
        "q": d["scale"] ** 2 + path.energy,
        "skewness": jnp.mean(y**3, axis=1),
        "fourth_moment": jnp.mean(y**4, axis=1),
        "displacement": jnp.mean(y - start, axis=1),
        "drift_residual": log_ratio - path.martingale - drift,
        "quadratic_variation": (log_ratio - drift) ** 2,
        "growth": jnp.sqrt(square / jnp.where(alive0, square0, 1)),
    }
    # These two are statistics of a batch, see `_moments`.
    values["var_q"] = values["var_log_q"] = jnp.zeros_like(values["q"])
    stacked = jnp.stack([values[name].astype(y.dtype) for name in STATISTICS], axis=1)
    return Observed(stacked, alive, alive0, jnp.mean(y**2, axis=1))


WHERE = {
    "start": ("alive", "active_count", "growth"),
    "dead": ("dead_control",),
    "everywhere": ("q", "skewness", "fourth_moment", "displacement"),
}
"""Statistics that are not conditioned on survival: given N_0 > 0, given death, given nothing."""


VARIANCE = STATISTICS.index("var_q")


def _moments(o: Observed, valid: jax.Array) -> Moments:
    """Rows of every moment, as ROWS: depth L, extrapolated limit, depth L minus depth L/2."""
    both = o.alive[0] & o.alive[1]
    alive = jnp.stack([o.alive[0], both, both]) & valid
    start = jnp.broadcast_to(o.alive_at_start & valid, alive.shape)
    everywhere = jnp.broadcast_to(valid, alive.shape)
    masks = {"start": start, "dead": start & ~alive, "everywhere": everywhere}
    of = {name: masks[kind] for kind, names in WHERE.items() for name in names}
    where = jnp.stack([of.get(name, alive) for name in STATISTICS], axis=1)
    # A batch is one sample of a variance.
    q = o.q.astype(jnp.float64)
    both_q = jnp.stack([q, jnp.log(jnp.where(q > 0, q, 1))], axis=1)
    spread = variances(both_q, q.shape[-1])[..., 0]
    moments = Moments.of(rows(o.values), where)
    full = jnp.all(valid)
    count, mean = (
        field.at[:, VARIANCE:].set(jnp.where(full, value, 0))
        for field, value in ((moments.n, 1.0), (moments.mean, rows(spread)))
    )
    return moments._replace(n=count, mean=mean)


def gap_statistics(key: jax.Array, valid: jax.Array, f: Activation, s: Static, d: Dynamic) -> Block:
    """Moments of sup_l |Y_l - Y'_l|^2 / n over the layers common to the coupled networks."""
    shape = s.shape
    first, layers = jax.random.split(key)
    start = _start(start_at(first, shape, d))
    advance_both = two_layers(lambda path, noise, h: _layer(f, path, noise, h), d)

    def advance(state: Any, noise1: jax.Array, noise2: jax.Array) -> Any:
        fine, coarse, done, largest = advance_both(state, noise1, noise2)
        gap = jnp.mean((fine.y - coarse.y) ** 2, axis=0)
        return fine, coarse, done, jnp.maximum(largest, gap)

    state = (start, start, 0, jnp.zeros(shape.batch, s.dtype))
    state = forward.march(layers, (d["depth"] + 1) // 2, shape, state, advance)
    return {"gap": Moments.of(state[3][None], valid)}

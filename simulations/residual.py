"""Coupled residual networks in jax: what one batch of them yields, statistic by statistic.

The conventions and the names of the statistics are those of `simulations.depth_limit`, which
turns the sums made here into estimates.  Everything here sees only drawn numbers, no prediction.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from simulations import forward
from simulations.accumulators import Block, Counts, Moments
from theory.activations import Activation, activation

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

ROWS = ("", "_limit", "_step")
"""Suffixes of the estimates: depth L, limit, difference to depth L/2."""

Dynamic: TypeAlias = dict[str, Any]
"""Numbers that may change without a new compilation: depth, horizon, records, start, bin edges."""


class Static(NamedTuple):
    """The part of the parameters that fixes compiled code."""

    width: int
    activation: str
    dtype: str
    explicit: bool
    records: int
    """Room for this many records; how many are made is a number."""


class Path(NamedTuple):
    """A network on its way: its state and the sums taken along its path, per sample."""

    y: jax.Array
    martingale: jax.Array
    """Sum of the increments sqrt(h) <phi phi', W phi> / N."""
    active: jax.Array
    """Sum of h A."""
    energy: jax.Array
    """Sum of h N / n."""


@functools.lru_cache(maxsize=64)
def compiled(kind: str, s: Static, lanes: int) -> Any:
    """The jitted block function (key, count, dynamic) -> accumulators of "paths" or "coupling"."""
    batch = forward.batch_size(s.width, s.explicit)
    statistics = {"paths": _path_statistics, "coupling": _gap_statistics}[kind]
    f = activation(s.activation)  # outside the jit: a user's function is tried out on numbers

    def block(key: jax.Array, count: jax.Array, d: Dynamic) -> Block:
        return forward.accumulate(key, count, batch, lambda k, v: statistics(k, v, f, s, d), lanes)

    return jax.jit(block)


def _start(key: jax.Array, s: Static, d: Dynamic) -> tuple[Any, jax.Array, jax.Array]:
    """Shape of the batch, key of the layers, and Y_0."""
    shape = forward.Shape(s.width, forward.batch_size(s.width, s.explicit), s.dtype, s.explicit)
    first, layers = jax.random.split(key)
    y = jnp.where(d["random_start"], shape.start(first), 1)
    return shape, layers, d["scale"] * y


def _two_layers(f: Activation, d: Dynamic) -> Any:
    """Advance the fine network by two layers and the coarse one by their sum."""

    def layer(path: Path, noise: jax.Array, h: jax.Array) -> Path:
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

    def advance(state: Any, noise1: jax.Array, noise2: jax.Array) -> Any:
        fine, coarse, done, *rest = state
        h = d["h"]
        # An odd depth ends with half a pair: the second layer then has step zero.
        h2 = jnp.where(done + 2 <= d["depth"], h, 0).astype(h.dtype)
        noise1, noise2 = jnp.sqrt(h) * noise1, jnp.sqrt(h2) * noise2
        fine = layer(layer(fine, noise1, h), noise2, h2)
        coarse = layer(coarse, noise1 + noise2, h + h2)
        return (fine, coarse, done + 2, *rest)

    return advance


def _path_statistics(
    key: jax.Array, valid: jax.Array, f: Activation, s: Static, d: Dynamic
) -> Block:
    """Moments of every statistic, fine and extrapolated, at every recorded time."""
    shape, layers, start = _start(key, s, d)
    zero = jnp.zeros(shape.batch, s.dtype)
    state = (Path(start, zero, zero, zero),) * 2 + (0,)
    pairs = (d["depth"] + 1) // 2 // d["records"]
    two_layers = _two_layers(f, d)

    def segment(record: jax.Array, carry: tuple[Any, Block]) -> tuple[Any, Block]:
        state, block = carry
        here = jax.random.fold_in(layers, record)
        state = forward.march(here, pairs, shape, state, two_layers)
        both = jax.tree.map(lambda fine, coarse: jnp.stack([fine, coarse]), *state[:2])
        time = d["time"] * (record + 1).astype(s.dtype) / d["records"]
        # Without the barrier XLA spends seconds fusing all statistics into all of their sums.
        observed = jax.lax.optimization_barrier(_observe(f, start, both, time, d))
        now = _moments(observed, valid)
        return state, jax.tree.map(lambda all_, one: all_.at[record].set(one), block, now)

    zeros = jnp.zeros((s.records, len(ROWS), len(STATISTICS)))
    empty: Block = {"paths": Moments(*(zeros,) * 5)}
    state, block = jax.lax.fori_loop(0, d["records"], segment, (state, empty))
    if d["edges"].shape[0]:
        block["neuron"] = Counts.of(state[0].y[0], d["edges"], valid)
    return dict(block)


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


def _moments(o: Observed, valid: jax.Array) -> Block:
    """Rows of every moment, as ROWS: depth L, extrapolated limit, depth L minus depth L/2."""
    both = o.alive[0] & o.alive[1]
    alive = jnp.stack([o.alive[0], both, both]) & valid
    start = jnp.broadcast_to(o.alive_at_start & valid, alive.shape)
    everywhere = jnp.broadcast_to(valid, alive.shape)
    masks = {"start": start, "dead": start & ~alive, "everywhere": everywhere}
    of = {name: masks[kind] for kind, names in WHERE.items() for name in names}
    where = jnp.stack([of.get(name, alive) for name in STATISTICS], axis=1)
    # Variances are taken batch by batch: unbiased, with an error bar from their scatter, also
    # for the difference of two coupled networks.  A batch is one sample of a variance.
    q = o.q.astype(jnp.float64)
    spread = jnp.var(jnp.stack([q, jnp.log(jnp.where(q > 0, q, 1))], axis=1), axis=2, ddof=1)
    moments = Moments.of(_rows(o.values), where)
    full = jnp.all(valid)
    count, mean = (
        field.at[:, VARIANCE:].set(jnp.where(full, value, 0))
        for field, value in ((moments.n, 1.0), (moments.mean, _rows(spread)))
    )
    return {"paths": moments._replace(n=count, mean=mean)}


def _rows(x: jax.Array) -> jax.Array:
    """From the fine and the coarse value to the three rows."""
    return jnp.stack([x[0], 2 * x[0] - x[1], x[0] - x[1]])


def _gap_statistics(
    key: jax.Array, valid: jax.Array, f: Activation, s: Static, d: Dynamic
) -> Block:
    """Moments of sup_l |Y_l - Y'_l|^2 / n over the layers common to the coupled networks."""
    shape, layers, start = _start(key, s, d)
    zero = jnp.zeros(shape.batch, s.dtype)
    two_layers = _two_layers(f, d)

    def advance(state: Any, noise1: jax.Array, noise2: jax.Array) -> Any:
        fine, coarse, done, largest = two_layers(state, noise1, noise2)
        gap = jnp.mean((fine.y - coarse.y) ** 2, axis=0)
        return fine, coarse, done, jnp.maximum(largest, gap)

    state = (Path(start, zero, zero, zero),) * 2 + (0, zero)
    state = forward.march(layers, (d["depth"] + 1) // 2, shape, state, advance)
    return {"gap": Moments.of(state[3][None], valid)}

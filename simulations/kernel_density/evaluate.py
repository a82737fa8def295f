r"""Sums over kernels at given queries: log-sum-exp of directly computed distances, in blocks.

    W_i = exp(-r_i^2 / (2 h^2)),   r_i = |x - y_i|,   S = sum W_i,   p_i = W_i / S,
    log rho_h(x) = log S - log n - (d/2) log(2 pi h^2).

r^2 is the sum of (x_k - y_ik)^2, each term >= 0: relative error at most (d + 2) eps, whatever the
size of r.  The product form |x|^2 + |y|^2 - 2 <x, y> has the absolute error eps (|x|^2 + |y|^2), an
error of log W of eps (|x|^2 + |y|^2)/(2 h^2): fatal for clusters far from the origin compared with
h, visible in float32 for standard data, and no faster at d = 20 (`benchmarks/kernel_density.py`).

All W_i are taken relative to the largest, so that nothing underflows that matters.  Memory does not
grow with the number of points.  Double precision throughout.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from simulations.arrays import Array

QUERIES = 64
"""Queries of a tile."""
TILE = 1 << 21
"""Coordinates of the points of a tile, at most; and 2048 points."""
UNROLLED = 32
"""Coordinates summed without a loop."""
FAR = 1e300
"""A squared distance that no point has."""


class Sums(NamedTuple):
    """What was summed for each query; the first axis of the first four is the bandwidth."""

    log_sum: Array
    """log S."""
    y2: Array
    """Y_2 = sum p_i^2; its inverse is the effective number of points."""
    largest: Array
    """p_1, the largest share."""
    moment: Array
    """sum p_i r_i^2."""
    nearest: Array
    """Squared distances to the nearest points, ascending; infinite where there are no more."""
    points: Array
    """Number of points in the sums."""


def kernel_sums(
    queries: Array,
    points: Iterable[tuple[int, Array]],
    bandwidths: Sequence[float],
    skip: Array | None = None,
    neighbours: int = 0,
    shares: bool = True,
) -> Sums:
    """Sums over all points, given in blocks (first row, rows), for queries (m, d).

    `skip` is for each query the row of a point that is left out, the query itself; -1 for none.
    Without `shares` only log S is summed, twice as fast; the others are then NaN.
    ValueError where no point is left.
    """
    m, d = queries.shape
    wide = d if d <= UNROLLED else UNROLLED * math.ceil(d / UNROLLED)
    left_out = np.full(m, -1) if skip is None else np.asarray(skip)
    rate = np.array([0.5 / h / h for h in bandwidths])
    tiles = [
        _Tile(queries[i : i + QUERIES], wide, len(rate), neighbours, shares) for i in _starts(m)
    ]
    step = _step(shares)
    count = 0
    for first, block in points:
        count += len(block)
        size = _width(wide, len(block))
        for start in range(0, len(block), size):
            y = _columns(block[start : start + size], wide, size)
            valid = min(size, len(block) - start)
            for i, tile in zip(_starts(m), tiles, strict=True):
                own = np.full(QUERIES, -1)
                own[: tile.used] = left_out[i : i + QUERIES] - (first + start)
                tile.state, r2, least = step(tile.x, y, own, valid, rate, tile.state)
                tile.see(r2, least)
    used = count - (left_out >= 0)
    if np.any(used < 1):
        raise ValueError("no point is left to estimate a density from.")
    return _gathered(tiles, rate, used)


def log_density(sums: Sums, bandwidths: Sequence[float], dimension: int) -> Array:
    """log rho_h at the queries, shape (bandwidths, queries)."""
    h = np.asarray(bandwidths)[:, None]
    scale = dimension * (math.log(2 * math.pi) / 2 + np.log(h))
    return np.asarray(sums.log_sum - np.log(sums.points) - scale)


class _Tile:
    """The sums of up to QUERIES queries so far."""

    def __init__(
        self, queries: Array, wide: int, bandwidths: int, neighbours: int, shares: bool
    ) -> None:
        self.used = len(queries)
        self.x = _columns(queries, wide, QUERIES)
        zero = np.zeros((bandwidths, QUERIES))
        self.state: Any = (np.full(QUERIES, FAR), *([zero] * (3 if shares else 1)))
        self.nearest = np.full((QUERIES, neighbours), np.inf)

    def see(self, r2: Any, least: Any) -> None:
        """Keep the nearest points: few tiles have nearer ones."""
        k = self.nearest.shape[1]
        if not k:
            return
        last = self.nearest[: self.used, -1]
        new = np.flatnonzero(np.asarray(least)[: self.used] < last)
        near = np.asarray(r2)[:, new]
        closer = near < last[new]
        for column, i in enumerate(new):
            found = np.concatenate([self.nearest[i], near[closer[:, column], column]])
            self.nearest[i] = np.partition(found, k - 1)[:k]


def _gathered(tiles: list[_Tile], rate: Array, used: Array) -> Sums:
    def whole(k: int) -> Array:
        return np.concatenate([np.asarray(t.state[k])[..., : t.used] for t in tiles], axis=-1)

    least, s = whole(0), whole(1)
    nearest = np.concatenate([np.sort(t.nearest[: t.used], axis=1) for t in tiles])
    log_sum = np.log(s) - rate[:, None] * least
    if len(tiles[0].state) == 2:
        unknown = np.full_like(s, np.nan)
        return Sums(log_sum, unknown, unknown, unknown, nearest, used)
    return Sums(log_sum, whole(2) / s**2, 1 / s, whole(3) / s, nearest, used)


@functools.cache
def _step(shares: bool) -> Any:
    """(x, y, own, valid, rate, state) -> (state, r^2, smallest r^2 of each query), compiled."""
    from simulations.core import setup
    from simulations.engines import start_jax_on_one_core

    start_jax_on_one_core()  # the bytes are to be those of every engine
    setup()
    import jax
    import jax.numpy as jnp

    def distances(x: jax.Array, y: jax.Array) -> jax.Array:
        def add(first: Any, total: jax.Array) -> jax.Array:
            for k in range(min(len(x), UNROLLED)):
                difference = y[first + k][:, None] - x[first + k][None, :]
                total = total + difference * difference
            return total

        total = jnp.zeros((y.shape[1], x.shape[1]))
        if len(x) <= UNROLLED:
            return add(0, total)
        loops = len(x) // UNROLLED
        looped: jax.Array = jax.lax.fori_loop(
            0, loops, lambda i, total: add(i * UNROLLED, total), total
        )
        return looped

    def step(
        x: jax.Array, y: jax.Array, own: jax.Array, valid: jax.Array, rate: jax.Array, state: Any
    ) -> Any:
        before, *sums = state
        place = jnp.arange(y.shape[1])[:, None]
        # The barriers keep XLA from computing distances and exponentials once for each sum.
        r2 = jnp.where((place == own) | (place >= valid), jnp.inf, distances(x, y))
        r2 = jax.lax.optimization_barrier(r2)
        here = jnp.min(r2, axis=0)
        least = jnp.minimum(before, here)
        shrink = jnp.exp((least - before) * rate[:, None])
        more = [added(r2, least, rate[i]) for i in range(len(rate))]
        for k, power in enumerate((1, 2, 1)[: len(sums)]):
            sums[k] = sums[k] * shrink**power + jnp.stack([m[k] for m in more])
        return (least, *sums), r2, here

    def added(r2: jax.Array, least: jax.Array, c: jax.Array) -> list[jax.Array]:
        w = jnp.exp((least - r2) * c)
        if not shares:
            return [jnp.sum(w, axis=0)]
        w = jax.lax.optimization_barrier(w)
        weighted = jnp.where(w > 0, w * r2, 0.0)
        return [jnp.sum(v, axis=0) for v in (w, w * w, weighted)]

    return jax.jit(step)


def _columns(x: Array, wide: int, size: int) -> Array:
    """Transposed, and filled with zeros to (wide, size)."""
    full = np.zeros((wide, size))
    full[: x.shape[1], : len(x)] = x.T
    return full


def _width(wide: int, points: int) -> int:
    """Points of a tile: few shapes, so that few are compiled."""
    most = max(64, min(2048, 1 << ((TILE // wide).bit_length() - 1)))
    return min(most, max(64, 1 << (points - 1).bit_length()))


def _starts(m: int) -> range:
    return range(0, m, QUERIES)

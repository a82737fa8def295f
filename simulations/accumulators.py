"""Sums over samples that merge exactly in meaning and in block order: moments, laws, extremes.

All sums are double precision.  Merging two accumulators does not commute in floating point, so the
caller merges in block order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import jax

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]] | jax.Array"


class Moments(NamedTuple):
    """Count, mean and central sums of powers 2 to 4 of a stream; one entry per output."""

    n: Any
    mean: Any
    m2: Any
    m3: Any
    m4: Any

    @staticmethod
    def of(values: jax.Array, where: jax.Array | bool = True) -> Moments:
        """Moments over the last axis of `values`, counting only the entries with `where` true."""
        import jax.numpy as jnp

        _check_precision()
        x = values.astype(jnp.float64)
        mask = jnp.broadcast_to(where, x.shape)
        n = jnp.sum(mask, axis=-1, dtype=jnp.float64)
        safe = jnp.maximum(n, 1.0)
        mean = jnp.sum(jnp.where(mask, x, 0.0), axis=-1) / safe
        d = jnp.where(mask, x - mean[..., None], 0.0)
        d2 = d * d
        sums = (jnp.sum(d2, -1), jnp.sum(d2 * d, -1), jnp.sum(d2 * d2, -1))
        return Moments(n, mean, *sums)

    @staticmethod
    def of_numpy(values: np.ndarray[Any, Any]) -> Moments:
        """The same of a numpy array, all entries counting; no jax is loaded."""
        mean = values.mean(axis=-1)
        d = values - mean[..., None]
        n = np.full(mean.shape, float(values.shape[-1]))
        return Moments(n, mean, *(np.sum(d**k, axis=-1) for k in (2, 3, 4)))

    def merge(self, other: Moments) -> Moments:
        """Pooled moments, by the pairwise update of Chan et al. (1983), Pebay (2008) above order 2.

        Works on numpy and jax arrays alike; an empty side leaves the other unchanged.
        """
        a, b = self.n, other.n
        n = a + b
        safe = n + (n == 0)
        d = other.mean - self.mean
        f, g = a / safe, b / safe  # the shares of the two sides
        mean = self.mean + d * g
        m2 = self.m2 + other.m2 + d**2 * (a * g)
        m3 = self.m3 + other.m3 + d**3 * (a * g * (f - g)) + 3 * d * (f * other.m2 - g * self.m2)
        m4 = (
            self.m4
            + other.m4
            + d**4 * (a * g * (f * f - f * g + g * g))
            + 6 * d**2 * (f * f * other.m2 + g * g * self.m2)
            + 4 * d * (f * other.m3 - g * self.m3)
        )
        return Moments(n, mean, m2, m3, m4)


def variances(values: jax.Array, group: int, where: jax.Array | None = None) -> jax.Array:
    """Unbiased variance of each group of so many consecutive samples along the last axis.

    Only the samples with `where` true count; with fewer than two of them it is not finite.

    A variance taken group by group is a mean of independent samples: it has an error bar, and the
    difference of two variances of coupled samples has one as well.
    """
    import jax.numpy as jnp

    def split(x: jax.Array) -> jax.Array:
        return x.reshape(*x.shape[:-1], -1, group)

    mask = None if where is None else split(jnp.broadcast_to(where, values.shape))
    return jnp.var(split(values.astype(jnp.float64)), axis=-1, ddof=1, where=mask)


class Counts(NamedTuple):
    """Number of samples in each of the fixed bins (-inf, e_0], (e_0, e_1], ..., (e_last, inf)."""

    counts: Any

    @staticmethod
    def of(values: jax.Array, edges: jax.Array, where: jax.Array | bool = True) -> Counts:
        """Bin counts of the vector `values`, counting only the entries with `where` true.

        NaN falls in the last bin: keep moments of the same values, which are checked.
        """
        import jax.numpy as jnp

        _check_precision()
        index = jnp.searchsorted(edges, values, side="left")
        mask = jnp.broadcast_to(where, values.shape).astype(jnp.int64)
        return Counts(jnp.zeros(edges.shape[0] + 1, jnp.int64).at[index].add(mask))

    def merge(self, other: Counts) -> Counts:
        """Bin counts of both streams."""
        return Counts(self.counts + other.counts)


class Largest(NamedTuple):
    """The largest value of a stream, and the vector that belongs to it; the first of equal ones."""

    value: Any
    at: Any

    @staticmethod
    def of_numpy(values: np.ndarray[Any, Any], vectors: np.ndarray[Any, Any]) -> Largest:
        """Of values (samples,) with vectors (samples, length); NaN counts as the largest."""
        place = int(np.argmax(values))
        return Largest(values[place], vectors[place])

    def merge(self, other: Largest) -> Largest:
        """The larger of the two, this one if they are equal."""
        return other if other.value > self.value else self


def _check_precision() -> None:
    import jax.numpy as jnp

    if jnp.result_type(float) != jnp.float64:
        raise TypeError("sums over samples need jax_enable_x64; call simulations.core.setup().")


Accumulator: TypeAlias = Moments | Counts | Largest
Block: TypeAlias = dict[str, Accumulator]


def merge(left: Block, right: Block) -> Block:
    """Merge two blocks name by name, `left` first."""
    return {name: left[name].merge(right[name]) for name in left}  # type: ignore[arg-type]  # same names, same kinds


def to_json(block: Block) -> dict[str, Any]:
    """Exact text form of a block: floats by `repr`, which Python reads back to the same bits."""
    return {
        name: [np.asarray(field).tolist() for field in accumulator]
        for name, accumulator in block.items()
    }


def from_json(data: dict[str, Any]) -> Block:
    """Inverse of `to_json`; five fields are moments, two a largest value, one field is counts."""
    return {name: _from_json(fields) for name, fields in data.items()}


def _from_json(fields: list[Any]) -> Accumulator:
    if len(fields) == 1:
        return Counts(np.array(fields[0], dtype=np.int64))
    kind = Largest if len(fields) == 2 else Moments
    return kind(*(np.array(field, dtype=np.float64) for field in fields))


def not_finite(block: Block) -> str | None:
    """Name of the first statistic with a NaN or an infinity in it, None if there is none."""
    for name, accumulator in block.items():
        if not all(np.all(np.isfinite(field)) for field in accumulator):
            return name
    return None

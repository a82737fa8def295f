"""Networks of depth L and L/2 on the same weights, and the moments of what is seen on them.

A model says how one network starts, how a layer moves it, and what is observed of it; everything
here is common to all models.  The coarse network's layers see the sums of the fine one's noises,
two by two, so it has the law of a network of half the depth, strongly coupled to the first.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

import jax
import jax.numpy as jnp

from simulations import forward
from simulations.accumulators import Block, Counts, Moments
from simulations.forward import Noise
from theory.activations import activation

ROWS = ("", "_limit", "_step")
"""Suffixes of the estimates: depth L, limit, difference to depth L/2."""

Dynamic: TypeAlias = dict[str, Any]
"""Numbers that may change without a new compilation: depth, horizon, records, start, bin edges."""

Path: TypeAlias = Any
"""A network on its way: a named tuple of arrays, samples along their last axis."""


class Static(NamedTuple):
    """The part of the parameters that fixes compiled code."""

    width: int
    activation: str
    dtype: str
    explicit: bool
    records: int
    """Room for this many records; how many are made is a number."""
    columns: int = 1
    """Vectors that each weight matrix is applied to."""
    option: str = ""
    """What else chooses the code of one experiment, the direction of a tangent for example."""
    stored: int = 0
    """Layers of the path that are kept, a power of two; 0 where none are."""

    @property
    def shape(self) -> forward.Shape:
        """The batch that is simulated at a time."""
        batch = forward.batch_size(self.width * self.columns, self.explicit)
        if self.stored:
            batch = min(batch, stored_batch(self.width, self.stored))
        return forward.Shape(self.width, batch, self.dtype, self.explicit, self.columns)

    @property
    def batch(self) -> int:
        """Samples that are simulated at a time."""
        return self.shape.batch


class Code(Protocol):
    """What fixes compiled code, as far as `compiled` has to know."""

    @property
    def activation(self) -> str:
        """Name of the activation."""

    @property
    def batch(self) -> int:
        """Samples that are simulated at a time."""


STORED = 1 << 22
"""Numbers in the stored path of one batch: 16 MB in single precision."""


def stored_batch(width: int, stored: int) -> int:
    """The largest power of two of samples whose stored paths fit; 0 if not even two do."""
    most = STORED // (width * stored)
    return 1 << (most.bit_length() - 1) if most >= 2 else 0


class Model(NamedTuple):
    """What is simulated.

    start(key, shape): the path at layer 0; layer(path, noise, h): the path one layer on, the noise
    scaled by sqrt(h); observe(first, both, time): what is seen of `both`, the fine and the coarse
    path stacked along a new first axis, given the path at layer 0; moments(observed, valid): its
    moments, entries of shape (ROWS, statistics); mark(path): what a record leaves in the path;
    law(path): values to be binned, and which of them count, after the last record.
    """

    size: int
    """Number of statistics."""
    start: Callable[[jax.Array, forward.Shape], Path]
    layer: Callable[[Path, Noise, jax.Array], Path]
    observe: Callable[[Path, Path, jax.Array], Any]
    moments: Callable[[Any, jax.Array], Moments]
    mark: Callable[[Path], Path] = lambda path: path
    law: Callable[[Path], tuple[str, jax.Array, jax.Array | bool]] | None = None


@functools.lru_cache(maxsize=64)
def compiled(statistics: Callable[..., Block], s: Code, lanes: int) -> Any:
    """The jitted block function (key, count, dynamic) -> accumulators.

    statistics(key, valid, activation, static, dynamic): the accumulators of one batch.
    """
    f = activation(s.activation)  # outside the jit: a user's function is tried out on numbers

    def block(key: jax.Array, count: jax.Array, d: Dynamic) -> Block:
        return forward.accumulate(
            key, count, s.batch, lambda k, v: statistics(k, v, f, s, d), lanes
        )

    return jax.jit(block)


def start_at(key: jax.Array, shape: forward.Shape, d: Dynamic) -> jax.Array:
    """Y_0."""
    y: jax.Array = d["scale"] * jnp.where(d["random_start"], shape.start(key), 1)
    return y


def two_layers(layer: Callable[[Path, Noise, jax.Array], Path], d: Dynamic) -> Any:
    """Advance the fine network by two layers and the coarse one by their sum."""

    def advance(state: Any, noise1: Noise, noise2: Noise) -> Any:
        fine, coarse, done, *rest = state
        h, h2 = steps(done, d)
        noise1, noise2 = jnp.sqrt(h) * noise1, jnp.sqrt(h2) * noise2
        fine = layer(layer(fine, noise1, h), noise2, h2)
        coarse = layer(coarse, noise1 + noise2, h + h2)
        return (fine, coarse, done + 2, *rest)

    return advance


def steps(done: Any, d: Dynamic) -> tuple[jax.Array, jax.Array]:
    """The steps of the two layers after `done` layers.

    An odd depth ends with half a pair: the second layer then has step zero.
    """
    h = d["h"]
    return h, jnp.where(done + 2 <= d["depth"], h, 0).astype(h.dtype)


def recorded(
    name: str, model: Model, key: jax.Array, valid: jax.Array, s: Static, d: Dynamic
) -> Block:
    """Moments of every statistic, fine and extrapolated, at every recorded time."""
    shape = s.shape
    first, layers = jax.random.split(key)
    start = model.start(first, shape)
    pairs = (d["depth"] + 1) // 2 // d["records"]
    advance = two_layers(model.layer, d)

    def segment(record: jax.Array, carry: tuple[Any, Block]) -> tuple[Any, Block]:
        state, block = carry
        here = jax.random.fold_in(layers, record)
        state = forward.march(here, pairs, shape, state, advance)
        both = jax.tree.map(lambda fine, coarse: jnp.stack([fine, coarse]), *state[:2])
        time = d["time"] * (record + 1).astype(s.dtype) / d["records"]
        # Without the barrier XLA spends seconds fusing all statistics into all of their sums.
        observed = jax.lax.optimization_barrier(model.observe(start, both, time))
        now: Block = {name: model.moments(observed, valid)}
        state = (model.mark(state[0]), model.mark(state[1]), state[2])
        return state, jax.tree.map(lambda all_, one: all_.at[record].set(one), block, now)

    zeros = jnp.zeros((s.records, len(ROWS), model.size))
    empty: Block = {name: Moments(*(zeros,) * 5)}
    state, block = jax.lax.fori_loop(0, d["records"], segment, ((start, start, 0), empty))
    if model.law is not None and d["edges"].shape[0]:
        law, values, where = model.law(state[0])
        block[law] = Counts.of(values, d["edges"], valid & where)
    return dict(block)


class Observed(NamedTuple):
    """Per sample, fine and coarse network along the first axis."""

    values: jax.Array
    """Shape (2, statistics, samples)."""
    masks: dict[str, jax.Array]
    """By kind, which samples count: shape (2, samples), fine and coarse."""


def observed(names: Sequence[str], values: Mapping[str, jax.Array], **masks: jax.Array) -> Observed:
    """The values in the order of the names."""
    return Observed(jnp.stack([values[name] for name in names], axis=1), masks)


def pooled(kinds: Sequence[str]) -> Callable[[Observed, jax.Array], Moments]:
    """Moments of every statistic over the samples of its kind, "all" being every sample.

    The limit and the step of a statistic count the samples in which both networks are of its kind.
    """

    def moments(o: Observed, valid: jax.Array) -> Moments:
        masks = {kind: jnp.stack([m[0], *[m[0] & m[1]] * 2]) & valid for kind, m in o.masks.items()}
        masks["all"] = jnp.broadcast_to(valid, (len(ROWS), *valid.shape))
        return Moments.of(rows(o.values), jnp.stack([masks[kind] for kind in kinds], axis=1))

    return moments


def rows(x: jax.Array) -> jax.Array:
    """From the fine and the coarse value to the three rows."""
    return jnp.stack([x[0], 2 * x[0] - x[1], x[0] - x[1]])

"""Model of one network on two inputs: the correlation of their signals before and after phi.

The names of the statistics are explained in `simulations.depth_limit`.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from simulations import coupled
from simulations.accumulators import Block
from simulations.columns import images
from simulations.coupled import Dynamic, Observed, Static
from simulations.forward import Noise, Shape, polar
from simulations.norms import alive
from theory.activations import Activation

KINDS = {
    "correlation": "all",
    "correlation_drift": "all",
    "post_correlation": "both",
    "same": "start",
    "different": "start",
    "undecided": "start",
    "single": "first",
    "moved": "first",
}
"""Of each statistic, the samples that count: all; those with both inputs alive at the record, or
at the start; those with the first input alive at the start."""

SAME, DIFFERENT = 0.999, 0.001
"""Post-activation correlations beyond which two inputs count as ruled by the same unit, or not."""


class Two(NamedTuple):
    """A network on two inputs."""

    a: jax.Array
    b: jax.Array
    martingale: jax.Array
    """Sum of the linear increments of the correlation, of mean zero."""
    leader: jax.Array
    """Largest coordinate of the first input at the last record."""


def correlation_statistics(
    key: jax.Array, valid: jax.Array, f: Activation, s: Static, d: Dynamic
) -> Block:
    """Moments of the statistics of both correlations, and the law of the one after phi."""

    def start(key: jax.Array, shape: Shape) -> Two:
        first, second = jax.random.split(key)
        x, y = d["scale"] * shape.start(first), d["scale"] * shape.start(second)
        c = d["correlation"]
        zero = jnp.zeros(shape.batch, x.dtype)
        return Two(x, c * x + jnp.sqrt(1 - c * c) * y, zero, _leader(x))

    def layer(path: Two, noise: Noise, h: jax.Array) -> Two:
        a, b = path.a, path.b
        da, db = images(noise, [f(a), f(b)])
        martingale = path.martingale + _linear(a, b, da, db)
        return Two(a + da, b + db, martingale, path.leader)

    def observe(first: Two, both: Two, time: jax.Array) -> Observed:
        c, c0 = _correlation(both.a, both.b, 1), _correlation(first.a, first.b)
        fa, fb = f(both.a), f(both.b)
        post = _correlation(fa, fb, 1)
        ends = alive(fa, 1) & alive(fb, 1)
        same, different = ends & (post > SAME), ends & (post < DIFFERENT)
        one, two = alive(f(first.a)), alive(f(first.b))
        values = {
            "correlation": c,
            "correlation_drift": (c - c0 - both.martingale) / time,
            "post_correlation": post,
            "same": same,
            "different": different,
            "undecided": ~(same | different),
            "single": jnp.sum(both.a > 0, axis=1) == 1,
            "moved": _leader(both.a, 1) != both.leader,
        }
        masks = {"both": ends, "start": one & two, "first": one}
        return coupled.observed(
            tuple(KINDS),
            {name: value.astype(s.dtype) for name, value in values.items()},
            **{kind: jnp.broadcast_to(mask, c.shape) for kind, mask in masks.items()},
        )

    def law(path: Two) -> tuple[str, jax.Array, jax.Array]:
        fa, fb = f(path.a), f(path.b)
        return "post", _correlation(fa, fb), alive(fa) & alive(fb)

    model = coupled.Model(
        size=len(KINDS),
        start=start,
        layer=layer,
        observe=observe,
        moments=coupled.pooled(tuple(KINDS.values())),
        mark=lambda path: path._replace(leader=_leader(path.a)),
        law=law,
    )
    return coupled.recorded("correlation", model, key, valid, s, d)


def _linear(a: jax.Array, b: jax.Array, da: jax.Array, db: jax.Array) -> jax.Array:
    """The part of the increment of <a, b> / (|a| |b|) that is linear in da and db."""
    (length_a, a), (length_b, b) = polar(a), polar(b)
    c = jnp.sum(a * b, axis=0)
    by_a = jnp.sum((b - c * a) * da, axis=0) / jnp.where(length_a > 0, length_a, 1)
    return by_a + jnp.sum((a - c * b) * db, axis=0) / jnp.where(length_b > 0, length_b, 1)


def _correlation(a: jax.Array, b: jax.Array, axis: int = 0) -> jax.Array:
    """<a, b> / (|a| |b|), 0 where one of them vanishes."""
    (_, a), (_, b) = (polar(jnp.moveaxis(x, axis, 0)) for x in (a, b))
    return jnp.sum(a * b, axis=0)


def _leader(a: jax.Array, axis: int = 0) -> jax.Array:
    return jnp.argmax(a, axis=axis)

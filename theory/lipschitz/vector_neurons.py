r"""Activations on vector-valued neurons: the rows of a batch are one vector for each neuron.

    z = m v + h |v| s,    m = (alpha + beta) / 2,  h = (beta - alpha) / 2,  |s| = 1

for slopes in [alpha, beta], with norms over the batch, one for each neuron; where groups are sorted
or reflected, the sums (the part orthogonal to u) pass and the deviations d (the part along u)
become |d| s, one norm for each group.  In other words z = (m + h Q) v with a reflection Q that
takes v / |v| to s.  The vjp is that with the best reflection for the cotangent a:

    v <- m a + h |a| v / |v|,      s <- a
"""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from theory.lipschitz.nonlinearity import Nonlinearity, nonlinearity


def vector_activation(
    v: Any, s: Any, activation: str | Nonlinearity = "relu", group_size: int = 2
) -> Any:
    """m v + h |v| s for pre-activations `v` (rows, ...), norms over the rows.

    `s` has the shape of `v` and norm 1 per neuron, or per group, where it has no sum (or is along
    u).  The vjp is the one above and gives the cotangent of `s` without a norm.
    """
    return _rule(nonlinearity(activation, group_size).name)(v, s)


class Geometry(NamedTuple):
    """What becomes z = (v - part(v)) + m part(v) + h length(part(v)) s."""

    m: float
    h: float
    part: Callable[[Any], Any]
    length: Callable[[Any], Any]


@functools.cache
def geometry(name: str) -> Geometry:
    """Of the activation of this name."""
    import jax.numpy as jnp

    kind = nonlinearity(name)
    g = kind.group_size
    if kind.kind == "slopes":
        m, h = (kind.lower + kind.upper) / 2, (kind.upper - kind.lower) / 2
        return Geometry(m, h, lambda v: v, lambda d: jnp.sqrt((d * d).sum(axis=0, keepdims=True)))

    def groups(v: Any) -> Any:
        return v.reshape(*v.shape[:-1], -1, g)

    def deviations(v: Any) -> Any:
        return (groups(v) - groups(v).mean(axis=-1, keepdims=True)).reshape(v.shape)

    def along(v: Any) -> Any:
        u = jnp.asarray([x / math.hypot(*kind.direction) for x in kind.direction], v.dtype)
        return ((groups(v) * u).sum(axis=-1, keepdims=True) * u).reshape(v.shape)

    def length(d: Any) -> Any:
        squares = (groups(d) ** 2).sum(axis=(0, -1))
        return jnp.repeat(jnp.sqrt(squares), g, axis=-1)[None]

    return Geometry(0.0, 1.0, deviations if kind.kind == "group_sort" else along, length)


@functools.cache
def _rule(name: str) -> Callable[[Any, Any], Any]:
    """The activation with its vjp."""
    import jax

    m, h, part, length = geometry(name)

    @jax.custom_vjp
    def activate(v: Any, s: Any) -> Any:
        return forward(v, s)[0]

    def forward(v: Any, s: Any) -> tuple[Any, Any]:
        d = part(v)
        size = length(d)
        return v - d + m * d + h * size * s, direction_of(d, size, s)

    def backward(unit: Any, a: Any) -> tuple[Any, Any]:
        d = part(a)
        return a - d + m * d + h * length(d) * unit, d

    activate.defvjp(forward, backward)
    return activate


def direction_of(v: Any, size: Any, old: Any) -> Any:
    """v / size; `old` where the size is so small that its square was not a normal number."""
    import jax.numpy as jnp

    # Every direction is optimal for a neuron without signal; the old one keeps the ascent monotone.
    usable = size > math.sqrt(np.finfo(v.dtype).tiny)
    return jnp.where(usable, v / jnp.where(usable, size, 1), old)

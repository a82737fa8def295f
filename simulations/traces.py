r"""Single paths of the post-activation norm |phi(Y_l)|, kept on a grid of times.

The networks are those of `simulations.depth_limit`, drawn by their exact law (`forward`).  A path
is one sample: each of its points is stored as moments of one number, so that a stored run gives
back the very paths.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from simulations.accumulators import Block, Moments
from simulations.core import Estimate, Experiment, Result

if TYPE_CHECKING:
    import jax

MOST = 16
"""Paths are looked at, not averaged: a run keeps at most these."""


@dataclass(frozen=True, kw_only=True)
class Params:
    """The network and the grid."""

    width: int = 4
    """Units per layer, n."""
    depth: int = 1000
    """Number of layers, L."""
    time: float = 1.0
    """Horizon T; the weights have variance T / (n L) per layer."""
    activation: str = "relu"
    """Named activation (relu, leaky_relu:0.2, tanh, gelu, ...) or module:function."""
    q0: float = 1.0
    """Variance of the coordinates of Y_0."""
    points: int = 125
    """Keep the path at this number of equally spaced times, besides its start."""
    dtype: Literal["float32", "float64"] = "float32"
    """Precision of draws and state."""

    def __post_init__(self) -> None:
        for name in ("width", "depth", "points"):
            value = getattr(self, name)
            if value < 1:
                raise ValueError(f"{name} must be an integer >= 1; got {value}.")
        for name in ("time", "q0"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be a finite number > 0; got {value}.")
        if self.depth % (2 * self.points):  # layers are drawn in pairs
            raise ValueError(
                f"depth must be a multiple of {2 * self.points} for {self.points} points; "
                f"got {self.depth}."
            )


def block(key: jax.Array, p: Params, count: int) -> Block:
    """The first `count` of MOST paths: moments of shape (MOST, points + 1)."""
    real = np.dtype(p.dtype).type
    dynamic = {
        "pairs": p.depth // (2 * p.points),
        "step": real(math.sqrt(p.time / p.depth)),
        "scale": real(math.sqrt(p.q0)),
    }
    return dict(_compiled(p.width, p.activation, p.dtype, p.points)(key, count, dynamic))


@functools.lru_cache(maxsize=32)
def _compiled(width: int, name: str, dtype: str, points: int) -> Any:
    import jax
    import jax.numpy as jnp

    from simulations import forward
    from theory.activations import activation

    f = activation(name)
    shape = forward.Shape(width, MOST, dtype)

    def norm(y: jax.Array) -> jax.Array:
        return jnp.sqrt(jnp.sum(f(y) ** 2, axis=0))

    def paths(key: jax.Array, count: jax.Array, d: dict[str, Any]) -> Block:
        first, layers = jax.random.split(key)
        start = d["scale"] * shape.start(first)

        def two_layers(y: jax.Array, noise1: jax.Array, noise2: jax.Array) -> jax.Array:
            for noise in (noise1, noise2):
                y = y + d["step"] * forward.apply_weights(noise, f(y))
            return y

        def segment(y: jax.Array, point: jax.Array) -> tuple[jax.Array, jax.Array]:
            here = jax.random.fold_in(layers, point)
            y = forward.march(here, d["pairs"], shape, y, two_layers)
            return y, norm(y)

        later = jax.lax.scan(segment, start, jnp.arange(points))[1]
        kept = jnp.concatenate([norm(start)[None], later]).T
        return {"path": Moments.of(kept[..., None], jnp.arange(MOST)[:, None, None] < count)}

    return jax.jit(paths)


def estimates(merged: Block, p: Params) -> Result:
    """`path[i]@t`: |phi(Y_l)| of path i at t = T l / L, an estimate from one sample."""
    moments = merged["path"]
    assert isinstance(moments, Moments), "paths are moments"
    samples = np.asarray(moments.n)[:, 0]
    if samples.max() > 1:
        raise ValueError(f"{TRACES.name} keeps at most {MOST} paths; ask for no more samples.")
    return {
        f"path[{i}]@{time:g}": Estimate.of(moments, (i, k))
        for i in range(int(samples.sum()))
        for k, time in enumerate(times(p))
    }


def times(p: Params) -> np.ndarray[Any, Any]:
    """The grid, from 0 to the horizon, shape (points + 1,)."""
    return p.time * np.arange(p.points + 1) / p.points


def trajectories(result: Result, p: Params) -> np.ndarray[Any, Any]:
    """The paths as rows, shape (paths, points + 1)."""
    values = [e.value for e in result.values() if isinstance(e, Estimate)]
    return np.reshape(values, (-1, p.points + 1))


TRACES = Experiment("depth_limit/traces", Params, block, estimates, lambda p: MOST)

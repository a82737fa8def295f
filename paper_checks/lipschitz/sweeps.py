r"""Plain sweeps of vector neurons, written out for feed-forward ReLU-like networks, and wrong ones.

    forward    v = W z,  z = m v + h |v| s;        backward    b = m a + h |a| v / |v|,  s = a / |a|

in the true scale of the weights, without momentum, independently of `theory.lipschitz`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass
class Point:
    """X, one s per hidden layer, and what the last sweep saw."""

    x: Array
    s: list[Array]
    value: float = 0.0
    signals: tuple[Array, ...] = ()
    """Z_0, ..., Z_(L-1)."""
    adjoints: tuple[Array, ...] = ()
    """b_1, ..., b_L, the last one y: those of the pre-activations."""
    multipliers: tuple[Array, ...] = ()
    """|a| / (2 h |v|), one per unit."""


RULES = {
    "right": lambda m, h, a, v: m * a + h * _norm(a) * v / _norm(v),
    "b = m a - h |a| v/|v|": lambda m, h, a, v: m * a - h * _norm(a) * v / _norm(v),
    "b = a": lambda m, h, a, v: a,
    "b = a / 2": lambda m, h, a, v: a / 2,
}
"""Backward rules; all but the first are wrong."""


def start(weights: Sequence[Array], rank: int, seed: int) -> Point:
    """A random point."""
    rng = np.random.default_rng([8, seed])
    x = rng.standard_normal((weights[0].shape[1], rank))
    s = [rng.standard_normal((len(w), rank)) for w in weights[:-1]]
    return Point(x / np.linalg.norm(x), [part / _norm(part) for part in s])


def sweep(
    weights: Sequence[Array],
    point: Point,
    slopes: tuple[float, float] = (0.0, 1.0),
    rule: str = "right",
    factor: float = 1.0,
) -> Point:
    """The next point, with value, signals and adjoints of this one; `factor` of |v| s: 1."""
    m, h = (slopes[1] + slopes[0]) / 2, (slopes[1] - slopes[0]) / 2
    *hidden, last = weights
    signals, pre = [point.x], []
    for w, s in zip(hidden, point.s, strict=True):
        v = w @ signals[-1]
        pre.append(v)
        signals.append(m * v + factor * h * _norm(v) * s)
    y = last @ signals[-1]
    a, adjoints, directions, multipliers = last.T @ y, [y], [], []
    for w, v in zip(reversed(hidden), reversed(pre), strict=True):
        directions.append(a / _norm(a))
        multipliers.append((_norm(a) / (2 * h * _norm(v))).ravel())
        adjoints.append(RULES[rule](m, h, a, v))
        a = w.T @ adjoints[-1]
    return Point(
        a / np.linalg.norm(a),
        directions[::-1],
        float(np.linalg.norm(y)),
        tuple(signals),
        tuple(adjoints[::-1]),
        tuple(multipliers[::-1]),
    )


def run(
    weights: Sequence[Array], rank: int, iterations: int, seed: int = 0, **options: Any
) -> tuple[Point, list[float]]:
    """The point after so many sweeps, and all values."""
    point, values = start(weights, rank, seed), []
    for _ in range(iterations):
        point = sweep(weights, point, **options)
        values.append(point.value)
    return point, values


def _norm(rows: Array) -> Array:
    return np.asarray(np.linalg.norm(rows, axis=1, keepdims=True))

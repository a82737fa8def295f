"""What the claims share: eigenvalues, scaled and extrapolated."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache, reduce
from typing import Any

import numpy as np

from paper_checks.core import Case
from paper_checks.trends import Extrapolated, extrapolated
from theory import conv_kernels as theory
from theory.prediction import Prediction

KINDS = ("rfk", "ntk")
TWICE_NU = {"rfk": 3, "ntk": 1}
"""2 nu: the degree of the singularity of the kernel at zero distance."""

Label = tuple[int, ...]


def each(make: Callable[[str], Case]) -> tuple[Case, ...]:
    """The case of the RFK and that of the NTK."""
    return tuple(make(kind) for kind in KINDS)


@cache
def eigenvalue(label: Label, sizes: Label, kind: str) -> Prediction:
    """`theory.eigenvalue`, computed once."""
    return theory.eigenvalue(label, sizes, kind)


class Ray:
    """Labels base + k direction of one tree: their eigenvalues as functions of k.

    |k| is Euclidean over the growing patches, of k_i + (s_1 - 2)/2.
    """

    def __init__(
        self, sizes: Label, kind: str, direction: Label, base: Label | None = None
    ) -> None:
        self.sizes, self.kind, self.direction = sizes, kind, direction
        self.base = base or (0,) * len(direction)

    def norm(self, k: int) -> float:
        """|k| of the growing degrees."""
        shift = self.sizes[0] / 2 - 1
        grown = zip(self.base, self.direction, strict=True)
        return math.hypot(*(b + k * d + shift for b, d in grown if d))

    def log(self, k: int, power: float = 0.0) -> Prediction:
        """log(Lambda |k|^power), with the stated error of Lambda."""
        label = tuple(b + k * d for b, d in zip(self.base, self.direction, strict=True))
        value, error, method = eigenvalue(label, self.sizes, self.kind)
        if value <= 2 * error:
            raise ValueError(f"Lambda at {label} of {self.sizes} is lost in rounding.")
        log = math.log(value) + power * math.log(self.norm(k))
        return Prediction(log, error / (value - error), method)

    def slope(self, low: int, high: int) -> Prediction:
        """Minus the exponent of |k| between two labels."""
        first, last = self.log(low), self.log(high)
        width = math.log(self.norm(high) / self.norm(low))
        error = (first.error + last.error) / width
        return Prediction((first.value - last.value) / width, error, "two eigenvalues")

    def exponent(self, low: int, middle: int, high: int) -> Extrapolated:
        """The same extrapolated, from three labels that double, with corrections c/|k|."""
        first, last = self.slope(low, middle), self.slope(middle, high)
        limit = Prediction(
            2 * last.value - first.value, 2 * last.error + first.error, "extrapolated in 1/k"
        )
        return extrapolated(limit, "k", (low, middle), (first, last))

    def constant(self, low: int, high: int, power: float) -> Extrapolated:
        """log of the limit of Lambda |k|^power, from two labels, with corrections c/|k|."""
        first, last = self.log(low, power), self.log(high, power)
        a, b = self.norm(low), self.norm(high)
        size, scaled = math.exp(first.value), math.exp(last.value)
        limit = (b * scaled - a * size) / (b - a)
        error = (b * scaled * last.error + a * size * first.error) / (b - a) / limit
        found = Prediction(math.log(limit), error, "extrapolated in 1/k")
        return extrapolated(
            found,
            "|k|",
            (a, b),
            (first, last),
            lambda k: math.log(limit + a * (size - limit) / k),
        )


@cache
def panels(size: int = 2, count: int = 12) -> tuple[Any, Any]:
    """Angles in [0, pi] and weights of the mean over the sphere in R^size, finest at 0."""
    edges = np.concatenate([[0], 0.5 ** np.arange(16, 0, -1), [1.0, 2.0, math.pi]])
    x, w = np.polynomial.legendre.leggauss(count)
    half = np.diff(edges)[:, None] / 2
    angle = (edges[:-1, None] + half * (1 + x)).ravel()
    weight = (half * w).ravel() * np.sin(angle) ** (size - 2)
    return angle, weight / weight.sum()


def outer(parts: Sequence[Any]) -> Any:
    """The outer product of vectors."""
    return reduce(np.multiply.outer, parts)

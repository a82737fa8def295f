"""Integrals against the normal density: Gauss-Legendre panels, split at kinks, with their error."""

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from theory.activations import Elementwise

Array = npt.NDArray[np.float64]

REACH = 38.0
"""Standard deviations covered: the normal density there is 1e-314, the smallest float64."""
RESOLVED = 1e-9
"""Largest error accepted, relative to the integral of the absolute value."""
ROUNDING = 16 * float(np.finfo(float).eps)


class Part(NamedTuple):
    """An integral, its error, and the integral of the absolute value."""

    value: float
    error: float
    size: float

    def resolved(self, name: str) -> float:
        """The value, if its error is small."""
        if not self.error <= RESOLVED * self.size:
            raise ValueError(
                f"the Gaussian mean of {name} is not resolved: {self.value:g} may be off by "
                f"{self.error:.1g}; take a smaller variance, or give your function its kinks."
            )
        return self.value


def weighted(f: Elementwise, deviation: float, power: int, name: str) -> Elementwise:
    """g -> f(deviation g)^power times the normal density, without avoidable overflow."""

    def integrand(g: Array) -> Array:
        density = np.exp(g * g / (-2 * power)) / (2 * math.pi) ** (0.5 / power)
        with np.errstate(all="ignore"):
            values: Array = (np.asarray(f(deviation * g), dtype=float) * density) ** power
        return finite(values, deviation * g, name)

    return integrand


def finite(values: Array, x: Array, name: str) -> Array:
    """`values` at the points x; ValueError where one is not finite."""
    if not np.isfinite(values).all():
        first = np.flatnonzero(~np.isfinite(values))[0]
        raise ValueError(
            f"the Gaussian mean of {name} diverges or overflows: "
            f"the integrand is {values.flat[first]} at x = {x.flat[first]:g}."
        )
    return values


def normal_mean(
    integrand: Elementwise, deviation: float, kinks: Sequence[float], name: str
) -> Part:
    """Integral over [-REACH, REACH] of an integrand that must have died out there."""
    part = integrate(integrand, panel_edges(deviation, kinks))
    ends = np.linspace(REACH - 2, REACH, 9)
    if np.abs(integrand(np.concatenate([-ends, ends]))).max() > ROUNDING * part.size:
        raise ValueError(
            f"the Gaussian mean of {name} diverges, or converges too slowly: the integrand is "
            f"not negligible at {REACH:g} standard deviations."
        )
    return part


def scale_steps(deviation: float) -> Array:
    """1, 4, 16, ... in x = deviation g, as steps in g < 1: an activation has scale 1 in x."""
    count = 1 + math.floor(math.log(deviation, 4)) if deviation > 1 else 0
    return np.asarray(4.0 ** np.arange(count) / deviation)


def panel_edges(deviation: float, kinks: Sequence[float], width: float = 1.0) -> Array:
    """Panel edges in g: a grid that resolves the density, the kinks, and the scale of x."""
    near = np.arange(0, 10 + width, width)
    grid = np.concatenate([near, near[-1] + (REACH - near[-1]) * np.linspace(0, 1, 12) ** 1.5])
    with np.errstate(over="ignore"):  # a kink may be far outside
        centres = np.array([0.0, *kinks]) / deviation
    steps = np.concatenate([[0.0], scale_steps(deviation)])
    local = centres[:, None] + np.concatenate([-steps, steps])
    return np.unique(np.clip(np.concatenate([-grid, grid, local.ravel()]), -REACH, REACH))


@functools.cache
def _rule(count: int) -> tuple[Array, Array]:
    return np.polynomial.legendre.leggauss(count)


def nodes(left: Array, right: Array, count: int) -> tuple[Array, Array]:
    """Gauss-Legendre nodes and weights on each panel, along a new last axis."""
    x, weights = _rule(count)
    half = (right - left) / 2
    return (left + right)[..., None] / 2 + half[..., None] * x, half[..., None] * weights


def integrate(integrand: Elementwise, edges: Array, most: int = 2_000_000) -> Part:
    """Bisect panels until the rules with 12 and 20 nodes agree to rounding on each.

    Stops earlier, with the larger error that is left, after about `most` nodes.
    """
    left, right = edges[:-1], edges[1:]
    done, size, used = [], 0.0, 0
    while left.size:
        g, weights = nodes(left, right, 20)
        values = integrand(g.ravel()).reshape(g.shape) * weights
        fine, sizes = values.sum(axis=1), np.abs(values).sum(axis=1)
        g, weights = nodes(left, right, 12)
        error = np.abs(fine - (integrand(g.ravel()).reshape(g.shape) * weights).sum(axis=1))
        used += 32 * left.size
        middle = (left + right) / 2
        split = error > ROUNDING / 2 * (size + sizes.sum())
        split &= (left < middle) & (middle < right) & (used < most)
        done.append(np.stack([fine, error, sizes])[:, ~split])
        size += float(sizes[~split].sum())
        left, right, middle = left[split], right[split], middle[split]
        left, right = np.concatenate([left, middle]), np.concatenate([middle, right])
    fine, error, sizes = np.concatenate(done, axis=1)
    return Part(math.fsum(fine), math.fsum(error) + ROUNDING * size, size)

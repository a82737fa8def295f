r"""Gaussian building blocks of SELU: moments of f(z), z ~ N(y, x), and their derivatives in y.

    f(z) = scale z (z > 0),  k (e^z - 1) (z <= 0),   k = scale alpha;     x is a VARIANCE.

With s = sqrt(x), u = y/sqrt(2x), v = sqrt(x/2), G = exp(-u^2):

    P  = Phi(y/s)              = P(z > 0),              Q = 1 - P
    p  = G/sqrt(2 pi x)        = density of z at 0      p^(j+1) = -(y p^(j) + j p^(j-1))/x
    e  = G erfcx(u + v)/2      = E[e^z; z < 0]          e'  = e - p
    e2 = G erfcx(u + 2v)/2     = E[e^2z; z < 0]         e2' = 2 e2 - p

(derivatives in y), and for every F(y, x) = E phi(z) the heat identity F_x = F_yy/2.  So one tower
of derivatives in y gives all derivatives of both moments.

Where numbers cancel.  The variance is never a difference of large numbers: for x >= 1/4 it is
formed from f + k where y <= 0, which vanishes in the far negative, and from f(z) - scale z where
y > 0, which vanishes in the far positive; for x < 1/4 it is E (f(z) - E f(z))^2 by Gauss-Legendre
rules on both sides of the kink, with f(z) - f(y) formed from z - y.  Source: the derivatives are
Klambauer et al. (2017), appendix; the forms without cancellation are derived.
"""

import functools
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from theory._panels import nodes
from theory.activations import SELU_ALPHA as ALPHA
from theory.activations import SELU_LAMBDA as SCALE

Array = npt.NDArray[np.float64]

NARROW = 0.25
"""Variance below which the closed forms lose digits and a quadrature takes over."""
_CHUNK = 4096


class Blocks(NamedTuple):
    """P, Q, p, e, e2 of the module docstring."""

    above: Array
    below: Array
    density: Array
    exp1: Array
    exp2: Array


class HalfMoments(NamedTuple):
    """E[z; z > 0], E[z^2; z > 0], E[e^z - 1; z < 0] and E[(e^z - 1)^2; z < 0]."""

    above1: Array
    above2: Array
    below1: Array
    below2: Array


def arguments(**named: Any) -> tuple[Array, ...]:
    """Finite float arrays of one shape; those called nu, tau, x, q or *variance* must be >= 0."""
    arrays = []
    for name, value in named.items():
        try:
            array = np.asarray(value, dtype=float)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(f"{name} must be a number or an array, not {value!r}.") from None
        positive = name in ("nu", "tau", "x", "q") or "variance" in name
        bad = array[~(np.isfinite(array) & ((array >= 0) | (not positive)))]
        if bad.size:
            raise ValueError(f"{name} must be finite{' and >= 0' * positive}, not {bad[0]!s}.")
        arrays.append(array)
    try:
        return tuple(np.broadcast_arrays(*arrays))
    except ValueError:
        shapes = ", ".join(f"{n} {a.shape}" for n, a in zip(named, arrays, strict=True))
        raise ValueError(f"shapes do not broadcast: {shapes}.") from None


def blocks(y: Array, x: Array) -> Blocks:
    """P, Q, p, e, e2 at finite y and x >= 0; where x = 0 their limits (p = inf at y = x = 0)."""
    with np.errstate(divide="ignore", over="ignore", invalid="ignore", under="ignore"):
        s = np.sqrt(x)
        u = np.where((y == 0) & (x == 0), 0.0, y / (np.sqrt(2) * s))
        v, far = s / np.sqrt(2), np.sqrt(2) * u
        gauss = np.exp(-u * u)
        density = np.where((x == 0) & (y != 0), 0.0, gauss / (np.sqrt(2 * np.pi) * s))
        return Blocks(
            special.ndtr(far),
            special.ndtr(-far),
            density,
            _tilted(y, x, u + v, gauss, 1),
            _tilted(y, x, u + 2 * v, gauss, 2),
        )


def _tilted(y: Array, x: Array, t: Array, gauss: Array, k: int) -> Array:
    """E[e^(k z); z < 0]; below t = -5, where erfcx grows, both of its exponents are negative."""
    near = 0.5 * gauss * special.erfcx(np.maximum(t, -5))
    far = np.exp(np.minimum(k * y + k * k / 2 * x, 0)) * special.ndtr(-np.sqrt(2) * t)
    return np.asarray(np.where(t < -5, far, near))


def half_moments(y: Array, x: Array) -> HalfMoments:
    """Both moments of both sides, without cancellation for x < NARROW."""
    b = blocks(y, x)
    with np.errstate(invalid="ignore", over="ignore"):  # x = 0 is replaced below
        flow = np.sqrt(x / (2 * np.pi)) * np.exp(-0.5 * np.square(y) / np.where(x > 0, x, 1))
    wide = [
        y * b.above + flow,
        (y * y + x) * b.above + y * flow,
        b.exp1 - b.below,
        b.exp2 - 2 * b.exp1 + b.below,
    ]
    narrow = x < NARROW
    if narrow.any():
        fine = _over_chunks(_narrow_halves, y[narrow], x[narrow])
        for target, values in zip(wide, fine, strict=True):
            target[narrow] = values
    return HalfMoments(*wide)


def mean_variance(y: Array, x: Array, scale: float, alpha: float) -> tuple[Array, Array]:
    """E f(z) and Var f(z), arrays of the shape of y and x."""
    shape = y.shape
    y, x = np.atleast_1d(y), np.atleast_1d(x)
    mean, variance = _wide_moments(y, x, scale, alpha)
    narrow = x < NARROW
    if narrow.any():
        centred = functools.partial(_narrow_moments, scale=scale, alpha=alpha)
        mean[narrow], variance[narrow] = _over_chunks(centred, y[narrow], x[narrow])
    return mean.reshape(shape), variance.reshape(shape)


def _wide_moments(y: Array, x: Array, scale: float, alpha: float) -> tuple[Array, Array]:
    k, b = scale * alpha, blocks(y, x)
    with np.errstate(all="ignore"):  # narrow points are replaced by the caller
        flow = x * b.density
        # f + k for y <= 0
        left, left2 = y * b.above + flow, (y * y + x) * b.above + y * flow
        shifted = scale * left + k * (b.above + b.exp1)
        square = scale**2 * left2 + 2 * scale * k * left + k * k * (b.above + b.exp2)
        # r = f - scale z, on z < 0 only, for y > 0; Cov(z, r) = x E r'
        one, two = y * b.below - flow, (y * y + x) * b.below - y * flow
        tilt = (y + x) * b.exp1 - flow  # E[z e^z; z < 0]
        rest = k * (b.exp1 - b.below) - scale * one
        rest2 = k * k * (b.exp2 - 2 * b.exp1 + b.below) - 2 * scale * k * (tilt - one)
        slope = k * b.exp1 - scale * b.below
        right = scale**2 * (x + two) + 2 * scale * x * slope + rest2 - rest**2
        mean = np.where(y > 0, scale * y + rest, shifted - k)
        return mean, np.maximum(np.where(y > 0, right, square - shifted**2), 0.0)


def _sides(y: Array, x: Array) -> tuple[Array, Array, Array]:
    """Nodes g and their normal weights on both sides of the kink (side, point, node), and s."""
    s = np.sqrt(x)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        kink = np.where(s > 0, np.clip(-y / s, -40, 40), np.where(y > 0, -40.0, 40.0))
    # 9 deviations, or as far beyond a distant kink as the density falls by the same factor
    low, high = -np.hypot(np.minimum(kink, 0), 9), np.hypot(np.maximum(kink, 0), 9)
    starts = np.stack([low, np.maximum(kink, -9)])
    ends = np.stack([np.minimum(kink, 9), high])
    g, weights = nodes(starts, ends, 64)
    return g, weights * np.exp(-0.5 * g * g) / np.sqrt(2 * np.pi), s[:, None]


def _narrow_halves(y: Array, x: Array) -> tuple[Array, ...]:
    g, (below, above), s = _sides(y, x)
    z = y[:, None] + s * g
    drop, rise = np.expm1(np.minimum(z[0], 0)), np.maximum(z[1], 0)
    weighted = (above * rise, above * rise**2, below * drop, below * drop**2)
    return tuple(term.sum(axis=-1) for term in weighted)


def _narrow_moments(y: Array, x: Array, scale: float, alpha: float) -> tuple[Array, Array]:
    k, (g, (below, above), s), y = scale * alpha, _sides(y, x), y[:, None]
    at_y = np.where(y > 0, scale * y, k * np.expm1(np.minimum(y, 0)))
    negative, positive = np.minimum(y + s * g[0], 0), np.maximum(y + s * g[1], 0)
    # f(z) - f(y), from z - y where both are on one side
    step = k * np.exp(np.minimum(y, 0)) * np.expm1(s * g[0])
    down = np.where(y > 0, k * np.expm1(negative) - at_y, step)
    up = np.where(y > 0, scale * s * g[1], scale * positive - at_y)
    shift = ((below * down).sum(axis=-1) + (above * up).sum(axis=-1))[:, None]
    variance = (below * (down - shift) ** 2).sum(axis=-1) + (above * (up - shift) ** 2).sum(axis=-1)
    return (at_y + shift)[:, 0], variance


def _over_chunks(function: Any, y: Array, x: Array) -> list[Array]:
    """A function of points, with bounded memory."""
    starts = range(0, y.size, _CHUNK)
    parts = [function(y[i : i + _CHUNK], x[i : i + _CHUNK]) for i in starts]
    return [np.concatenate(columns) for columns in zip(*parts, strict=True)]


def mean_tower(y: Array, x: Array, order: int, scale: float, alpha: float) -> Array:
    """d^j/dy^j E f(z) for j = 0..order, shape (order + 1, *y.shape); x > 0 or y != 0."""
    b = blocks(y, x)
    tower = [mean_variance(y, x, scale, alpha)[0], scale * (b.above + alpha * b.exp1)]
    e = b.exp1
    for p in _densities(y, x, b.density, order - 1):
        tower.append(scale * (alpha * e + (1 - alpha) * p))
        e = e - p
    return np.stack(tower[: order + 1])


def second_tower(y: Array, x: Array, order: int, scale: float, alpha: float) -> Array:
    """d^j/dy^j E f(z)^2 for j = 0..order, shape (order + 1, *y.shape); x > 0 or y != 0."""
    b = blocks(y, x)
    halves = HalfMoments(*(h.reshape(y.shape) for h in half_moments(*np.atleast_1d(y, x))))
    unit = 2 * scale**2
    tower = [
        scale**2 * (halves.above2 + alpha**2 * halves.below2),
        unit * (halves.above1 + alpha**2 * (halves.below1 + halves.below2)),
        unit * (b.above + alpha**2 * (2 * b.exp2 - b.exp1)),
    ]
    e, e2 = b.exp1, b.exp2
    for p in _densities(y, x, b.density, order - 2):
        e, e2 = e - p, 2 * e2 - p
        tower.append(unit * (p + alpha**2 * (2 * e2 - e)))
    return np.stack(tower[: order + 1])


def _densities(y: Array, x: Array, density: Array, count: int) -> list[Array]:
    """p, p', p'', ... (derivatives in y), `count` of them."""
    results = [np.zeros_like(density), density]  # p^(-1) is multiplied by 0
    variance = np.where(x > 0, x, 1.0)
    for j in range(count - 1):
        results.append(-(y * results[-1] + j * results[-2]) / variance)
    return results[1 : count + 1]


__all__ = [
    "ALPHA",
    "NARROW",
    "SCALE",
    "Blocks",
    "HalfMoments",
    "arguments",
    "blocks",
    "half_moments",
    "mean_tower",
    "mean_variance",
    "second_tower",
]

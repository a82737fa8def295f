r"""Ways to evaluate a dual activation without cancellation at correlation 1 and at correlation 0.

Every form offers, elementwise on float64 arrays,

    value(x)         D(x)               relative accuracy down to x = 0, -1 <= x <= 1
    slope(x)         D'(x)
    gap(delta)       1 - D(1 - delta)   relative accuracy down to delta = 0, 0 <= delta <= 2
    slope_near(d)    D'(1 - d)          where 1 - d would round away what matters
    slope_gap(d)     D'(1) - D'(1 - d)
"""

import functools
import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from theory import gaussian
from theory.activations import Activation

Array = npt.NDArray[np.float64]

LOW = 0.62
"""Correlations up to here are served by a truncated power series: 0.62^100 = 2e-21."""
LOW_DEGREE = 100
_ANGULAR_RESOLVED = 1e-10
_NODE_COUNTS = (32, 64, 128)


class Form(Protocol):
    """What the recursions need of a dual activation."""

    def value(self, x: Array) -> Array:
        """D(x)."""

    def slope(self, x: Array) -> Array:
        """D'(x)."""

    def gap(self, delta: Array) -> Array:
        """1 - D(1 - delta)."""

    def slope_near(self, delta: Array) -> Array:
        """D'(1 - delta)."""

    def slope_gap(self, delta: Array) -> Array:
        """D'(1) - D'(1 - delta)."""


def horner(coefficients: tuple[float, ...], x: Array) -> Array:
    """sum_k c_k x^k; in place, for speed."""
    result = np.full_like(x, coefficients[-1])
    for c in coefficients[-2::-1]:
        result *= x
        if c:
            result += c
    return result


def tails(coefficients: tuple[float, ...]) -> tuple[float, ...]:
    """T_j = sum_{k > j} c_k, so that sum_k c_k (1 - x^k) = (1 - x) sum_j T_j x^j."""
    sums = np.cumsum(np.array(coefficients)[:0:-1])[::-1]
    return tuple(sums.tolist()) or (0.0,)


@dataclass(frozen=True)
class Series:
    """D(x) = sum_k c_k x^k, a finite sum of nonnegative terms: nothing cancels for x >= 0."""

    c: tuple[float, ...]

    @functools.cached_property
    def _prime(self) -> tuple[float, ...]:
        return tuple(k * c for k, c in enumerate(self.c))[1:] or (0.0,)

    @functools.cached_property
    def _gap(self) -> tuple[float, ...]:
        return tails(self.c)

    @functools.cached_property
    def _slope_gap(self) -> tuple[float, ...]:
        return tails(self._prime)

    def value(self, x: Array) -> Array:
        """D(x)."""
        return horner(self.c, x)

    def slope(self, x: Array) -> Array:
        """D'(x)."""
        return horner(self._prime, x)

    def gap(self, delta: Array) -> Array:
        """1 - D(1 - delta)."""
        return delta * horner(self._gap, 1 - delta)

    def slope_near(self, delta: Array) -> Array:
        """D'(1 - delta)."""
        return horner(self._prime, 1 - delta)

    def slope_gap(self, delta: Array) -> Array:
        """D'(1) - D'(1 - delta)."""
        return delta * horner(self._slope_gap, 1 - delta)


def angle(delta: Array) -> Array:
    """theta with 1 - cos theta = delta."""
    return np.asarray(2 * np.arcsin(np.sqrt(delta / 2)))


_BULGE = tuple((-1.0) ** (k + 1) * 2 * k / math.factorial(2 * k + 1) for k in range(1, 18))


def _bulge(theta: Array) -> Array:
    """sin theta - theta cos theta on [0, pi] by its power series: no cancellation at 0."""
    square = theta * theta
    return theta * square * horner(_BULGE, square)


@dataclass(frozen=True)
class Homogeneous:
    r"""phi(1) = u, phi(-1) = d, homogeneous; q = 2ud/(u^2 + d^2), x = cos theta (Cho & Saul 2009).

    D = (b(pi - theta) + q b(theta))/pi,  b = sin - theta cos,     D' = 1 - (1 + q) theta/pi.
    """

    q: float

    def value(self, x: Array) -> Array:
        """D(x)."""
        return np.asarray((_bulge(np.arccos(-x)) + self.q * _bulge(np.arccos(x))) / math.pi)

    def slope(self, x: Array) -> Array:
        """D'(x)."""
        return np.asarray((np.arccos(-x) - self.q * np.arccos(x)) / math.pi)

    def gap(self, delta: Array) -> Array:
        """1 - D(1 - delta)."""
        return np.asarray(delta - (1 + self.q) / math.pi * _bulge(angle(delta)))

    def slope_near(self, delta: Array) -> Array:
        """D'(1 - delta)."""
        return 1 - self.slope_gap(delta)

    def slope_gap(self, delta: Array) -> Array:
        """D'(1) - D'(1 - delta)."""
        return (1 + self.q) / math.pi * angle(delta)

    def coefficients(self, degree: int) -> tuple[float, ...]:
        """c_0, ..., c_degree, from D'' = (1 + q)/(pi sqrt(1 - x^2))."""
        c = np.zeros(degree + 2)
        c[:2] = (1 + self.q) / math.pi, (1 - self.q) / 2
        central = (1 + self.q) / math.pi
        for k in range(2, degree + 1, 2):
            c[k] = central / (k * (k - 1))
            central *= (k - 1) / k
        return tuple(c[: degree + 1].tolist())


@dataclass(frozen=True, eq=False)
class Angular:
    r"""Any continuous phi with kinks: the power series of D converges slowly at 1.

    D'(cos theta) is smooth in theta where D' is not in x; so it is interpolated in theta on
    [0, pi], and psi(theta) = int_0^theta D'(cos t) sin t dt is delta times a smooth F(theta).
    Below x = LOW in size the power series serves.  Absolute accuracy about 1e-11.
    """

    low: Series
    prime: Array
    """Chebyshev coefficients of D'(cos theta), in 2 theta/pi - 1."""
    mean_prime: Array
    """The same of F(theta) = psi/(1 - cos theta), the mean of D' over [cos theta, 1]."""
    power: int = 1
    """D'(1) - D'(cos theta) ~ theta^power: 1 where phi' jumps, else 2."""

    def value(self, x: Array) -> Array:
        """D(x)."""
        inside = np.abs(x) <= LOW
        outside = 1 - self.gap(np.where(inside, 1.0, 1 - x))
        return np.where(inside, self.low.value(np.where(inside, x, 0.0)), outside)

    def slope(self, x: Array) -> Array:
        """D'(x)."""
        inside = np.abs(x) <= LOW
        outside = self.slope_near(np.where(inside, 1.0, 1 - x))
        return np.where(inside, self.low.slope(np.where(inside, x, 0.0)), outside)

    def gap(self, delta: Array) -> Array:
        """1 - D(1 - delta)."""
        return np.clip(delta * _chebyshev(self.mean_prime, angle(delta)), 0.0, 2.0)

    def slope_near(self, delta: Array) -> Array:
        """D'(1 - delta)."""
        return _chebyshev(self.prime, angle(delta))

    def slope_gap(self, delta: Array) -> Array:
        """D'(1) - D'(1 - delta); a power of theta below angles where the difference cancels."""
        theta, start = angle(delta), 1e-6 if self.power == 1 else 1e-5
        ends = (_chebyshev(self.prime, t) for t in (np.zeros_like(theta), np.maximum(theta, start)))
        top, near = ends
        return np.asarray((top - near) * np.minimum(theta / start, 1.0) ** self.power)


def angular(act: Activation, low: tuple[float, ...], square: float) -> Angular:
    """The form of phi / sqrt(square); D' by the quadrature of `theory.gaussian`."""
    for count in _NODE_COUNTS:
        # Chebyshev nodes in theta/pi, by the sine of half the angle: theta = 0 is not a node
        theta = math.pi * np.sin((np.arange(count) + 0.5) * math.pi / (2 * count)) ** 2
        values = np.asarray(gaussian.dual_derivative(act, np.cos(theta))) / square
        prime = _interpolate(values)
        if np.abs(prime[-4:]).max() <= _ANGULAR_RESOLVED * np.abs(prime).max():
            break
    else:
        raise ValueError(
            f"the dual activation of {act.name} is not resolved: its derivative is too rough; "
            "give your function its kinks, or pass the series of its dual."
        )
    u, weights = np.polynomial.legendre.leggauss(count // 2 + 16)
    t = theta[:, None] * (1 + u) / 2
    # sin t / (1 - cos theta) = [sin t / theta] theta / (2 sin^2(theta/2))
    mass = weights / 2 * np.sin(t) * (theta / (2 * np.sin(theta / 2) ** 2))[:, None]
    return Angular(Series(low), prime, _interpolate((_chebyshev(prime, t) * mass).sum(axis=1)))


def _interpolate(values: Array) -> Array:
    """Chebyshev coefficients from values at theta = pi sin^2((2j + 1) pi / (4 count))."""
    count = values.size
    angles = (np.arange(count) + 0.5) * math.pi / count
    matrix = np.cos(np.arange(count)[:, None] * angles) * (2 / count)
    matrix[0] /= 2
    signs = (-1.0) ** np.arange(count)  # 2 theta/pi - 1 = -cos(angles)
    return np.asarray(signs * (matrix @ values))


def _chebyshev(coefficients: Array, theta: Array) -> Array:
    return np.asarray(np.polynomial.chebyshev.chebval(2 * theta / math.pi - 1, coefficients))

r"""A fixed point of the moment map proved by an interval Newton step (Krawczyk's operator).

With F(p) = g(p) - p on a box B = c +- r of p = (mean, variance), and Y near F'(c)^-1,

    K(B) = c - Y F(c) + (I - Y F'(B)) (B - c).

If K(B) lies in the interior of B, then B holds exactly one fixed point, and it lies in K(B).  The
Jacobian over K(B) then decides whether it attracts: for a 2x2 matrix both eigenvalues are inside
the unit circle exactly if |det| < 1 and |trace| < 1 + det (Jury), and one is outside if either
inequality is reversed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple, TypeAlias

from flint import arb

from theory.rigor.balls import ball, precision
from theory.selu.balls import Selu, constants, tower

BITS = 160
RADII = tuple(10.0**-k for k in range(13, 3, -1))
"""Half widths of the boxes tried, relative to the standard deviation and to the variance."""

Pair: TypeAlias = tuple[arb, arb]
Matrix: TypeAlias = tuple[arb, arb, arb, arb]
"""Rows (11, 12, 21, 22)."""


class Enclosure(NamedTuple):
    """A proved fixed point: exactly one within `error` of (mean, variance), in each coordinate."""

    mean: float
    variance: float
    error: float
    attracting: bool | None
    """Spectral radius below 1 (True), above 1 (False), or too near to 1 to tell (None)."""


def enclose(
    omega: float,
    tau: float,
    mean: float,
    variance: float,
    *,
    scale: float | None = None,
    alpha: float | None = None,
) -> Enclosure | None:
    """Prove that a fixed point at (omega, tau) lies by the approximate one; None if that fails.

    The four numbers, and scale and alpha where given, count as the exact binary numbers they are;
    without them the constants are SELU's own, in closed form.  Raises ValueError unless all are
    finite and tau and variance positive.
    """
    numbers = {"omega": omega, "tau": tau, "mean": mean, "variance": variance}
    for name, value in numbers.items():
        if not math.isfinite(value) or (name in ("tau", "variance") and value <= 0):
            raise ValueError(f"{name} must be finite{_sign(name)}, not {value!r}.")
    with precision(BITS):
        selu = constants(Fraction(0), Fraction(1))
        selu = Selu(
            selu.scale if scale is None else arb(float(scale)),
            selu.alpha if alpha is None else arb(float(alpha)),
        )
        weights = arb(float(omega)), arb(float(tau))
        centre = arb(float(mean)), arb(float(variance))
        for size in RADII:
            radii = size * max(math.sqrt(variance), abs(mean)), size * variance
            found = _krawczyk(centre, radii, weights, selu)
            if found is not None:
                return _result(found, (mean, variance), weights, selu)
    return None


def _sign(name: str) -> str:
    return " and positive" if name in ("tau", "variance") else ""


def image(point: Pair, weights: Pair, selu: Selu) -> Pair:
    """(mean, variance) of the next layer over a box."""
    (mean, *_), (second, *_) = tower(point[0] * weights[0], point[1] * weights[1], selu, 1)
    return mean, second - mean * mean


def jacobian(point: Pair, weights: Pair, selu: Selu) -> Matrix:
    """Jacobian of `image` with respect to the point, over a box."""
    omega, tau = weights
    m, s = tower(point[0] * omega, point[1] * tau, selu, 2)
    return (
        m[1] * omega,
        m[2] * tau / 2,
        (s[1] - 2 * m[0] * m[1]) * omega,
        (s[2] / 2 - m[0] * m[2]) * tau,
    )


def _krawczyk(centre: Pair, radii: tuple[float, float], weights: Pair, selu: Selu) -> Pair | None:
    """K(B) where it lies in the interior of B = centre +- radii."""
    steps = arb(0, radii[0]), arb(0, radii[1])
    box = centre[0] + steps[0], centre[1] + steps[1]
    if not box[1] > 0:
        return None
    a, b, c, d = jacobian(centre, weights, selu)
    inverse = _inverse((a - 1, b, c, d - 1))
    if inverse is None:
        return None
    following = image(centre, weights, selu)
    newton = _times(inverse, [following[k] - centre[k] for k in (0, 1)])
    a, b, c, d = jacobian(box, weights, selu)
    p, q, r, s = inverse
    rest = (
        1 - p * (a - 1) - q * c, -p * b - q * (d - 1),
        -r * (a - 1) - s * c, 1 - r * b - s * (d - 1),
    )  # fmt: skip
    spread = _times(rest, steps)
    found = tuple(centre[k] - newton[k] + spread[k] for k in (0, 1))
    inside = all(box[k].contains_interior(found[k]) for k in (0, 1))
    return (found[0], found[1]) if inside else None


def _inverse(matrix: Matrix) -> Matrix | None:
    """Middle of the inverse: any nearby matrix will do; None where it is singular."""
    a, b, c, d = (entry.mid() for entry in matrix)
    det = a * d - b * c
    if not (det > 0 or det < 0):
        return None
    p, q, r, s = ((entry / det).mid() for entry in (d, -b, -c, a))
    return p, q, r, s


def _times(matrix: Matrix, vector: Sequence[arb]) -> Pair:
    a, b, c, d = matrix
    return a * vector[0] + b * vector[1], c * vector[0] + d * vector[1]


def _result(found: Pair, stated: tuple[float, float], weights: Pair, selu: Selu) -> Enclosure:
    """The enclosure around the stated floats, its error rounded up, and the verdict on radius."""
    distances = [float((found[k] - ball(Fraction(stated[k]))).abs_upper()) for k in (0, 1)]
    error = math.nextafter(max(distances), math.inf)
    return Enclosure(*stated, error, attracting(jacobian(found, weights, selu)))


def attracting(matrix: Matrix) -> bool | None:
    """Whether the spectral radius is below 1 (True) or above it (False) on all of the box."""
    a, b, c, d = matrix
    det, trace = a * d - b * c, a + d
    margins = 1 - det, 1 + det, 1 + det - trace, 1 + det + trace
    if all(margin > 0 for margin in margins):
        return True
    # |det| > 1 puts an eigenvalue outside; so does a sign change of the characteristic polynomial
    # between 1 (or -1) and infinity.
    return False if any(margin < 0 for margin in margins) else None

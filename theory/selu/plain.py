r"""The moments of SELU as the checker works them out: nothing here comes from the prover.

The moments of f(z), z ~ N(y, x), are written as integrals over the two sides of the kink,

    E[z 1_{z>0}]        = y Q(-u) + s h(u)             u = y / s, s = sqrt(x),
    E[z^2 1_{z>0}]      = (y^2 + x) Q(-u) + y s h(u)   h the standard normal density,
    E[e^{kz} 1_{z<0}]   = exp(ky + k^2 x / 2) Q(u + ks),  Q(t) = erfc(t / sqrt 2) / 2,

and their derivatives are found by arithmetic with power series (`arb_series`), not from formulas.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, TypeAlias

from flint import arb, arb_series

from theory.rigor.balls import ball
from theory.rigor.statements import Parameters

Series: TypeAlias = Any
"""An `arb` or an `arb_series`."""
Function: TypeAlias = Callable[[Series, Series], Sequence[Series]]
Map: TypeAlias = Callable[[Series, Series], tuple[Series, Series]]
"""(y, x) -> (mean, variance) of what the layer passes on."""

TARGET = ("target_mean", "target_variance", "at_omega", "at_tau")


def halves(y: Series, x: Series) -> tuple[Series, Series, Series, Series]:
    """E[z; z > 0], E[e^z - 1; z < 0], E[z^2; z > 0] and E[(e^z - 1)^2; z < 0]."""
    s = x.sqrt()
    u = y / s
    above, below = _tail(-u), _tail(u)
    edge = s * (-(u * u) / 2).exp() / (2 * arb.pi()).sqrt()
    once = (y + x / 2).exp() * _tail(u + s)
    twice = (2 * (y + x)).exp() * _tail(u + 2 * s)
    return y * above + edge, once - below, (y * y + x) * above + y * edge, twice - 2 * once + below


def _tail(t: Series) -> Series:
    return (t / arb(2).sqrt()).erfc() / 2


def slopes(parameters: Parameters) -> tuple[arb, arb]:
    """(scale, scale alpha) of the activation with the wanted fixed point.

    The two conditions scale A1 + k B1 = mean, scale^2 A2 + k^2 B2 = variance + mean^2, k = scale
    alpha, are solved for k first; ValueError if no pair is positive.
    """
    mean, variance, omega, tau = (ball(parameters[name]) for name in TARGET)
    a1, b1, a2, b2 = halves(mean * omega, variance * tau)
    # scale = (mean - k B1) / A1, so k solves (A2 B1^2 + B2 A1^2) k^2 - 2 A2 B1 mean k + rest = 0.
    square = a2 * b1 * b1 + b2 * a1 * a1
    half = a2 * b1 * mean
    rest = a2 * mean * mean - (variance + mean * mean) * a1 * a1
    k = (half + (half * half - square * rest).sqrt()) / square
    scale = (mean - k * b1) / a1
    if not (scale > 0 and k > 0):
        raise ValueError("no activation has the wanted fixed point.")
    return scale, k


def layer(parameters: Parameters) -> Map:
    """(y, x) -> mean and variance of f(z), z ~ N(y, x)."""
    scale, k = slopes(parameters)

    def moments(y: Series, x: Series) -> tuple[Series, Series]:
        if isinstance(x, arb) and x == 0:  # then z = y
            return (scale * y if y > 0 else k * y.expm1()), arb(0)
        a1, b1, a2, b2 = halves(y, x)
        mean = scale * a1 + k * b1
        return mean, scale * scale * a2 + k * k * b2 - mean * mean

    return moments


def dropout(parameters: Parameters) -> Map:
    """The same after alpha dropout, with the affine correction made for the target's moments."""
    moments, keep = layer(parameters), parameters["keep"]
    if not 0 < keep <= 1:
        raise ValueError(f"keep = {keep} is no probability above 0.")
    low, q = -slopes(parameters)[1], ball(keep)

    def raw(mean: Series, variance: Series) -> tuple[Series, Series]:
        # A mixture: kept with probability q, else the constant low.
        mixed = q * mean + (1 - q) * low
        second = q * (variance + mean * mean) + (1 - q) * low * low
        return mixed, second - mixed * mixed

    wanted = ball(parameters["target_mean"]), ball(parameters["target_variance"])
    before = raw(*wanted)
    a = (wanted[1] / before[1]).sqrt()

    def dropped(y: Series, x: Series) -> tuple[Series, Series]:
        mean, variance = raw(*moments(y, x))
        return wanted[0] + a * (mean - before[0]), a * a * variance

    return dropped


def centred(function: Function, y: arb, x: arb) -> list[arb]:
    """F(centre) + F_y(cell)(y - y_c) + F_x(cell)(x - x_c) of each function."""
    middle = function(y.mid(), x.mid())
    by_y = function(arb_series([y, 1], 2), arb_series([x], 2))
    by_x = function(arb_series([y], 2), arb_series([x, 1], 2))
    dy, dx = y - y.mid(), x - x.mid()
    return [m + a[1] * dy + b[1] * dx for m, a, b in zip(middle, by_y, by_x, strict=True)]


def jacobian(moments: Map, y: arb, x: arb) -> tuple[arb, arb, arb, arb]:
    """d(mean, variance) / d(y, x) over a cell, row by row."""
    by_y = moments(arb_series([y, 1], 2), arb_series([x], 2))
    by_x = moments(arb_series([y], 2), arb_series([x, 1], 2))
    return by_y[0][1], by_x[0][1], by_y[1][1], by_x[1][1]


def centred_jacobian(moments: Map, y: arb, x: arb) -> list[arb]:
    """The same, each entry by its value at the centre and its slopes over the cell.

    Half the second derivative along (1, 1), less those along the axes, is the mixed derivative.
    """
    middle = jacobian(moments, y.mid(), x.mid())
    line, flat = (arb_series([z, 1], 3) for z in (y, x)), (arb_series([z], 3) for z in (y, x))
    (ys, xs), (y0, x0) = line, flat
    along = [moments(ys, x0), moments(y0, xs), moments(ys, xs)]
    dy, dx = y - y.mid(), x - x.mid()
    found = []
    for k in (0, 1):
        yy, xx, both = (series[k][2] for series in along)
        mixed = both - yy - xx
        found.append(middle[2 * k] + 2 * yy * dy + mixed * dx)
        found.append(middle[2 * k + 1] + mixed * dy + 2 * xx * dx)
    return found


def norm_gap(entries: Sequence[arb], omega: arb, tau: arb, norm: Fraction) -> list[arb]:
    """All > 0 exactly if [[a, b], [c, d]] diag(omega, tau) has spectral norm below `norm`.

    With N the columns' squares and inner product, 1 - N is positive definite: its diagonal and its
    determinant are positive.
    """
    first, second = omega / ball(norm), tau / ball(norm)
    a, c = entries[0] * first, entries[2] * first
    b, d = entries[1] * second, entries[3] * second
    left, right, inner = 1 - a * a - c * c, 1 - b * b - d * d, a * b + c * d
    return [left, right, left * right - inner * inner]

r"""Kernels of infinite depth when D(0) = 0 (claims C3, C4, C5).

Singular, D = a x + ..., 0 < a < 1, n layers to reach x_n where D is linear to rounding:

    h(x) = lim Sigma_L/a^L = lim K_L/((L + 1) a^L) = x_n/a^n         Koenigs: h(D(x)) = a h(x)
    c(x) = lim [K_L/a^L - (L + 1) h]                                 why the NTK is slow
    h = R(r)/r^alpha,  alpha = -4 log|A'|/log B'                     R log-periodic, no limit at 0

The NNGP converges geometrically, the NTK only as c/(L h), and c/h ~ alpha B'/((B' - 1) r^2) at
small r: at depth L the NTK shows the exponent alpha + 2 for all r << sqrt(alpha B'/((B' - 1) L)).

Nearest neighbour, D = c x^m + ..., m >= 2:

    G(x) = lim -log(Sigma_L)/m^L = -(log x_n + log(c)/(m - 1))/m^n    Boettcher
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline

from theory._checks import real, whole
from theory.ntk_classifiers._forms import Array
from theory.ntk_classifiers.dual import Dual, Spec, dual, inside
from theory.ntk_classifiers.recursions import Flags, Orbit, folded, is_symmetric, mirrored, orbit

_TABLE_BOTTOM, _KNOTS = 1e-11, 30_000


class Ripple(NamedTuple):
    """R(r) = r^alpha h over one period, at equispaced phases, below the distance asked for."""

    period: float
    """In log r: (1/2) log B'."""
    mean: float
    minimum: float
    maximum: float


def exponent(activation: Spec) -> float:
    """alpha = -4 log|A'|/log B' of a singular dual; ValueError for any other."""
    d = _singular(activation)
    return -2 * math.log(d.series[1]) / math.log(d.chaos)


def koenigs(activation: Spec, r: Any, *, log: bool = False) -> Any:
    """h(1 - r^2/2), or its logarithm, at distances r; infinite at 0.

    Beyond sqrt(2) the limit still exists, and may be negative (no logarithm: ValueError).
    Relative error about 1e-15 per layer used, of which there are log(1/r^2)/log B' + O(1).
    """
    d, distances = _singular(activation), inside(r, 0.0, 2.0, "distances r")
    if is_symmetric(distances):
        return mirrored(distances, lambda half: np.asarray(koenigs(d, half, log=log)))
    o, signs, same = _infinite(d, distances, tangent=False)
    a = d.series[1]
    if log:
        negative = (signs * o.sigma < 0) | (same & (signs < 0))
        if negative.any():
            place = distances.flat[int(np.argmax(negative))]
            raise ValueError(f"h is negative at r = {place:g}: it has no logarithm there.")
        with np.errstate(divide="ignore"):
            values = np.log(np.abs(o.sigma)) - o.done * math.log(a)
    else:
        with np.errstate(over="ignore"):
            values = signs * o.sigma * np.power(a, -o.done)
    return _shaped(r, np.where(same, signs * math.inf, values))


def koenigs_kernel(activation: Spec) -> Callable[[Array], Array]:
    """r -> log h(1 - r^2/2) from a table, for many pairs: about 1e-10 off; r in [0, sqrt(2)].

    A cubic spline of log R - log x in log r, down to r = 1e-11; R is periodic below.
    """
    d = _singular(activation)
    alpha, bottom = exponent(d), math.log(_TABLE_BOTTOM)
    logs = np.linspace(bottom, math.log(2) / 2, _KNOTS)
    r = np.append(np.exp(logs[:-1]), 1.0)  # at the last, r = sqrt(2), h/x is h'(0) = 1
    smooth = koenigs(d, r, log=True) - _log_correlation(r)
    smooth[-1] = 0.0
    table = _uniform_spline(logs, smooth + alpha * logs)
    period = math.log(d.chaos) / 2

    def log_kernel(distances: Array) -> Array:
        r = inside(distances, 0.0, math.sqrt(2) * (1 + 1e-12), "distances r")
        with np.errstate(divide="ignore"):
            log_r, log_x = np.log(np.maximum(r, 1e-300)), _log_correlation(r)
        place, below = log_r, log_r < bottom
        if below.any():
            # one period down in log r is one layer: R is periodic to O(r^2) there
            place = np.where(below, bottom + np.mod(log_r - bottom, period), log_r)
        values = table(place) - alpha * log_r + log_x
        return np.asarray(np.where(r > 0, values, math.inf)) if below.any() else values

    return log_kernel


def _uniform_spline(x: Array, y: Array) -> Callable[[Array], Array]:
    """The cubic spline through equispaced points; their spacing gives the piece, not a search."""
    pieces, scale = CubicSpline(x, y).c, (x.size - 1) / (x[-1] - x[0])

    def spline(at: Array) -> Array:
        index = np.clip(((at - x[0]) * scale).astype(np.intp), 0, x.size - 2)
        rest = at - x[index]
        values = pieces[0][index]
        for row in pieces[1:]:
            values *= rest
            values += row[index]
        return np.asarray(values)

    return spline


def ntk_offset(activation: Spec, r: Any) -> Any:
    """c in K_L/a^L = (L + 1) h + c + o(1); error a rounding of h + c per layer used."""
    d = _singular(activation)
    o, signs, same = _infinite(d, inside(r, 0.0, 2.0, "distances r"), tangent=True)
    with np.errstate(over="ignore"):
        values = signs * (o.tangent - (o.done + 1) * o.sigma) * np.power(d.series[1], -o.done)
    return _shaped(r, np.where(same, signs * math.inf, values))


def bottcher(activation: Spec, r: Any) -> Any:
    """G = lim -log|Sigma_L|/m^L of a dual with D(0) = D'(0) = 0; 0 at r = 0, increasing in r."""
    d = dual(activation)
    if d.order < 2:
        raise ValueError(f"{d.name} has A = {d.mean:g}, A' = {d.slope:g}: G needs both to be 0.")
    o, _, same = _infinite(d, inside(r, 0.0, 2.0, "distances r"), tangent=False)
    m = d.order
    with np.errstate(divide="ignore"):
        logs = np.log(np.abs(o.sigma)) + math.log(d.series[m]) / (m - 1)
    return _shaped(r, np.where(same, 0.0, -logs / np.power(float(m), o.done)))


def ripple(activation: Spec, r: float = 1e-9, phases: int = 16) -> Ripple:
    """The log-periodic factor R, at `phases` distances over one period that ends at r."""
    d, count = _singular(activation), whole(phases, "phases")
    top = real(r, "r")
    if not 0 < top < 1:
        raise ValueError(f"r must be between 0 and 1, not {r!r}.")
    period = math.log(d.chaos) / 2
    logs = math.log(top) - period * np.arange(count) / count
    with np.errstate(over="ignore"):  # exponents in the hundreds
        values = np.exp(koenigs(d, np.exp(logs), log=True) + exponent(d) * logs)
    return Ripple(period, float(values.mean()), float(values.min()), float(values.max()))


def _log_correlation(r: Array) -> Array:
    """log(1 - r^2/2), -inf at and beyond sqrt(2)."""
    return np.asarray(np.log(np.maximum((1 - r * math.sqrt(0.5)) * (1 + r * math.sqrt(0.5)), 0.0)))


def _singular(activation: Spec) -> Dual:
    d = dual(activation)
    if d.order != 1 or d.series[1] == 1:
        kind = "is linear" if d.order == 1 else f"has A = {d.mean:g}, A' = {d.slope:g}"
        raise ValueError(f"{d.name} {kind}: a singular kernel needs A = 0 and 0 < |A'| < 1.")
    return d


def _infinite(d: Dual, r: Array, *, tangent: bool) -> tuple[Orbit, Array, Flags]:
    """Orbits until D is a power to rounding, signs, and where r = 0 (or its mirror image)."""
    if d.order == 1 and min(math.log(d.chaos), -math.log(d.series[1])) < 1e-4:
        raise ValueError(
            f"{d.name} is too near linear: B' = {d.chaos:.9g}, A'^2 = {d.series[1]:.9g}; its limit "
            "takes over 100000 layers. See nngp and ntk for finite depth."
        )
    delta, signs = folded(d, r.ravel(), 1)
    o = orbit(d, delta, None, tangent)
    return o, signs, np.asarray(o.delta == 0)


def _shaped(r: Any, values: Array) -> Any:
    return float(values[0]) if np.ndim(r) == 0 else values.reshape(np.shape(r))

r"""The active count and the mean log-norm ratio at every width (claims C7 to C10, C13 to C17).

ReLU, given N_0 > 0:

    n = 1          A is constant: E[A_t | N_0 > 0] = 1, E log ratio = -t/2, exactly.
    n = 2          the one-dimensional problem of `width_two`, to 1e-9.
    n = 3 to 30    the Galerkin method of `galerkin`, stated error below 1e-5 up to time 2.
    n > 30         E[A_t] = n/2 - d(1/n), d the quartic in 1/n through d(0) = a(t) of `large_width`
                   and the Galerkin values at n = 20, 30, 60 and 120; its first coefficients are
                   `width_expansion`.  The error adds theirs, weighted, and the difference to
                   the cubic that leaves out n = 20.

Two slopes, phi(x) = x for x > 0 and `slope` x for x <= 0: `two_slopes`; at n = 1 and at
|slope| = 1 exactly (there the log ratio is N((1/2 - 1/n) t, t/n)).

Proven bounds for ReLU, any n and t.  E[A_t | N_0 > 0] >= 1 because the norm never reaches zero.
And P(X_i(t) > 0) <= 1/2: X_i is a Brownian motion run by a clock, and given the moduli of all its
excursions and the other coordinates the signs are fair coins; a positive excursion makes the clock
run faster, so it lasts less time than the same excursion with a negative sign, while the moment it
starts does not depend on its sign.  So E[A_t | N_0 > 0] <= n / (2 (1 - 2^-n)), and
-t/(2n) <= E log ratio <= r_n t.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from theory._checks import nonnegative, real, whole
from theory.depth_limit import galerkin, large_width, two_slopes, width_two
from theory.depth_limit.rates import log_norm_rate_at_zero
from theory.depth_limit.small_time import active_count_at_zero
from theory.prediction import Prediction

DIRECT = 30
"""Widest network that the Galerkin method treats itself; wider ones are interpolated."""
NODES = (120, 60, 30, 20)
PDE = "one-dimensional PDE, spectral elements"


def active_count(width: int, time: float, slope: float = 0.0) -> Prediction:
    """Mean number of positive coordinates at `time`, with its error.

    E[A_t | N_0 > 0] for ReLU (slope 0); E[A_t] for another slope.
    """
    n, t, a = whole(width, "width"), nonnegative(time), abs(real(slope, "slope"))
    if a > 1:  # the mirror image, on a clock a^2 times as fast
        mirrored = active_count(n, a * a * t, 1 / a)
        return mirrored._replace(value=n - mirrored.value)
    if n == 1:
        return Prediction(0.5 if a else 1.0, 0.0, "exact")
    if a == 1:
        return Prediction(n / 2, 0.0, "exact")
    if a:
        return _within(two_slopes.active_count(n, t, a), 0.0, float(n))
    if n == 2:
        return Prediction(width_two.active_count_two(t), width_two.ERROR, PDE)
    if t == 0:
        return Prediction(active_count_at_zero(n), 0.0, "exact")
    if n <= DIRECT:
        found = galerkin.active_count(n, t)
    else:
        drop = _interpolate(n, large_width.activity_deficit(t), lambda m: _deficit(m, t))
        alive = -math.expm1(-n * math.log(2))
        rounding = 1e-15 * n
        found = Prediction((n / 2 - drop.value) / alive, drop.error + rounding, drop.method)
    return _within(found, 1.0, active_count_at_zero(n))


def log_ratio(width: int, time: float, slope: float = 0.0) -> Prediction:
    """E[log(|phi(X_t)|/|phi(X_0)|) | N_0 > 0] with its error; no condition for slopes but 0.

    For ReLU it equals (1/n) int_0^t (E[A_s | N_0 > 0]/2 - 1) ds; every integral is taken exactly.
    """
    n, t, a = whole(width, "width"), nonnegative(time), abs(real(slope, "slope"))
    if a > 1:
        return log_ratio(n, a * a * t, 1 / a)
    if n == 1:
        return Prediction(-(1 + a * a) * t / (4 if a else 2), 0.0, "exact")
    if a == 1:
        return Prediction((0.5 - 1 / n) * t, 0.0, "exact")
    if a:
        return two_slopes.log_ratio(n, t, a)
    if n == 2:
        return Prediction(width_two.log_ratio_two(t), width_two.ERROR * t, PDE)
    highest = log_norm_rate_at_zero(n) * t
    if n <= DIRECT:
        count = galerkin.active_integral(n, t)
        found = Prediction(count.value / (2 * n) - t / n, count.error / (2 * n), count.method)
    else:
        limit = large_width.activity_deficit_integral(t)
        drop = _interpolate(n, limit, lambda m: _deficit_integral(m, t))
        alive = -math.expm1(-n * math.log(2))
        found = Prediction(
            highest - drop.value / (2 * n * alive), drop.error / n + 1e-15 * t, drop.method
        )
    return _within(found, -t / (2 * n), highest)


class WidthExpansion(NamedTuple):
    """E[A_t] = n/2 - a - a2/n - a3/n^2 + O(n^-3) for ReLU."""

    a: float
    a2: float
    a3: float


def width_expansion(time: float) -> WidthExpansion:
    """Coefficients of the large-width expansion of E[A_t] (unconditional; claims C10, C16).

    a is exact; a2 and a3 are those of the quartic that `active_count` uses above width 30, with
    errors of about 1e-5 and 5 % for times from 0.1 to 2.
    """
    t = nonnegative(time)
    limit = large_width.activity_deficit(t)
    points = np.array([1 / m for m in NODES])
    slopes = [(_deficit(m, t).value - limit) * m for m in NODES]
    a2, a3 = np.polynomial.polynomial.polyfit(points, slopes, len(NODES) - 1)[:2]
    return WidthExpansion(limit, float(a2), float(a3))


def _deficit(width: int, time: float) -> Prediction:
    """n/2 - E[A_t], unconditional."""
    count, alive = galerkin.active_count(width, time), 1 - 0.5**width
    return count._replace(value=width / 2 - alive * count.value)


def _deficit_integral(width: int, time: float) -> Prediction:
    count, alive = galerkin.active_integral(width, time), 1 - 0.5**width
    return count._replace(value=width * time / 2 - alive * count.value)


def _interpolate(n: int, limit: float, at: Callable[[int], Prediction]) -> Prediction:
    """The polynomial in 1/n through the limit and the values at NODES, at width n."""
    known = [Prediction(limit, 0.0, ""), *(at(m) for m in NODES)]
    points = [0.0, *(1 / m for m in NODES)]
    value, error = _lagrange(1 / n, points, known)
    lower, _ = _lagrange(1 / n, points[:-1], known[:-1])
    return Prediction(
        value, error + abs(value - lower), "interpolation in 1/n of " + galerkin.METHOD
    )


def _lagrange(
    x: float, points: Sequence[float], values: Sequence[Prediction]
) -> tuple[float, float]:
    """The interpolating polynomial at x, and the error of the values carried to it."""
    weights = [math.prod((x - q) / (p - q) for q in points if q != p) for p in points]
    pairs = list(zip(weights, values, strict=True))
    return math.fsum(w * v.value for w, v in pairs), math.fsum(abs(w) * v.error for w, v in pairs)


def _within(found: Prediction, lowest: float, highest: float) -> Prediction:
    """The prediction, given that the truth lies between two proven bounds."""
    value = min(max(found.value, lowest), highest)
    bound = max(highest - value, value - lowest)
    return found._replace(value=value, error=min(found.error + abs(value - found.value), bound))

r"""The angle between two inputs of an infinitely wide and deep ReLU network.

    d theta/dt = -(1 - theta cot theta)/(2 pi),     c = cos theta,
    t = 2 pi int_{theta_t}^{theta_0} d theta/(1 - theta cot theta)            (derived)

equivalently dc/dt = (sin theta - theta cos theta)/(2 pi).  theta is in [0, pi]; 0 stays, pi leaves
at once (theta = pi - sqrt(t) to first order), and theta_t ~ 6 pi/t in the end.

No elementary primitive is known.  Below theta = 1 the double pole at 0 is taken out,

    1/(1 - theta cot theta) = 3/theta^2 + g(theta),   g = -1/5 - theta^2/175 - ...,

g by its power series (radius 4.49, the first root of tan theta = theta); all else is
Gauss-Legendre, which converges like 3.4^(-2 nodes) here.  t is convex in theta, so that Newton's
method overshoots at most once and is monotone from there.
"""

import functools
import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import scipy.special

from theory._checks import nonnegative, real

Array = npt.NDArray[np.float64]


def angle(theta0: float, time: float) -> float:
    """theta_t from theta_0 = `theta0`; relative error below 1e-14, down to the smallest angles."""
    start, t = _angle(theta0, "theta0"), nonnegative(time)
    if start == 0 or t == 0:
        return start
    theta = 1 / (1 / start + t / (6 * math.pi))
    for _ in range(100):  # from theta0 = pi the steps only halve until pi - theta ~ sqrt(t)
        step = (_time(start, theta) - t) * _inverse_pull(theta) / (2 * math.pi)
        theta = min(theta + step, start)
        if abs(step) <= 4e-16 * theta:
            break
    return theta


def time_between(theta0: float, theta: float) -> float:
    """The time at which the angle has shrunk from `theta0` to `theta`; infinite for theta = 0."""
    start, end = _angle(theta0, "theta0"), _angle(theta, "theta")
    if end > start:
        raise ValueError(f"theta must be at most theta0 = {theta0!r}, not {theta!r}: it decreases.")
    if end == start:
        return 0.0
    return _time(start, end) if end else math.inf


def gap(theta: float) -> float:
    """sin theta - theta cos theta, without cancellation."""
    return float(theta * theta * scipy.special.spherical_jn(1, theta))


def _angle(value: float, name: str) -> float:
    theta = real(value, name)
    if not 0 <= theta <= math.pi:
        raise ValueError(f"{name} must be between 0 and pi, not {value!r}.")
    return theta


def _inverse_pull(theta: float) -> float:
    """1 - theta cot theta."""
    return gap(theta) / math.sin(theta)


def _time(start: float, end: float) -> float:
    if end >= 1:
        return 2 * math.pi * _integral(lambda x: 1 / (1 - x / np.tan(x)), end, start)
    pole = 3 * (start - end) / (start * end)
    rest = _integral(_regular, end, start)
    return 2 * math.pi * (pole + rest)


def _integral(function: Callable[[Array], Array], left: float, right: float) -> float:
    nodes, weights = _rule()
    half = (right - left) / 2
    return float(half * (weights @ function(left + half * (1 + nodes))))


@functools.cache
def _rule() -> tuple[Array, Array]:
    nodes, weights = np.polynomial.legendre.leggauss(40)
    return nodes, weights


def _regular(theta: Array) -> Array:
    """g(theta) = 1/(1 - theta cot theta) - 3/theta^2."""
    square = np.minimum(theta, 1.0) ** 2
    large = np.maximum(theta, 1.0)
    direct = 1 / (1 - large / np.tan(large)) - 3 / large**2
    return np.where(theta < 1, np.polyval(_series()[::-1], square), direct)


@functools.cache
def _series() -> Array:
    """Coefficients of g in theta^2.

    1 - theta cot theta = theta^2 sum_k d_k theta^2k with d_k = 2 zeta(2k+2)/pi^(2k+2); the
    reciprocal of the sum starts with 3.  Rounding grows like 2^k, slower than 20^-k falls.
    """
    k = np.arange(18)
    d = 2 * scipy.special.zeta(2 * k + 2) / math.pi ** (2 * k + 2)
    e = [3.0]
    for j in k[1:]:
        e.append(-3 * float(d[1 : j + 1] @ np.array(e[::-1])))
    return np.array(e[1:])

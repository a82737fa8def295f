r"""Kernel sums at finite n and d, without asymptotics: E log S, E Y_2, E Y_3 (claims C3, C5, C8).

S = sum_i W_i with W_i = exp(-r_i^2/(2 h^2)), n independent r_i^2 with the law of `distances`, that
is for a query point x held fixed at |x|^2 = q d; Y_k = sum_i (W_i/S)^k.  With L(t) = (1 - m)^n the
Laplace transform of S, m(t) = E[1 - exp(-tW)], and A_k(t) = E[(tW)^k exp(-tW)] at t = e^tau,

    E log S = -gamma_E - n int tau A_1 L^((n-1)/n) dtau,     (-dL/dtau = n A_1 L^((n-1)/n))
    E Y_k   = n/Gamma(k) int A_k L^((n-1)/n) dtau,           E Y_1 = 1, a test of the quadrature,
    E sum_i p_i r_i^2 = n int E[r^2 tW exp(-tW)] L^((n-1)/n) dtau,     p_i = W_i/S.

Trapezoid rules throughout.  In r^2 = 2 a log(1 + e^x), logarithmic near 0 and linear beyond, with a
the smaller of h^2 and the spread of r^2; tW = exp(tau - r^2/(2h^2)) is a function of scale 1 in
r^2/(2h^2), analytic in a strip, whence errors like exp(-pi^2/step).  In tau = y + D e^(y/D), linear
and then exponential, since for small h all happens at tau = r^2/(2h^2) -> infinity, on the scale
tau/D of log F(r^2), D = d log F/d log r^2.  For h so small that the grid in r^2 would be too long,
only a window of it is used for each tau (`_by_windows`).

n may be any real number >= 1, to 1e200.  Errors are differences between two resolutions.
Source: derived (sheet: C8).
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import interpolate, optimize

from theory._checks import nonnegative, real, whole
from theory.kernel_density.distances import Array, Distances
from theory.prediction import Prediction

LOST = 42.0
"""exp(-LOST) is what may be cut off."""
STEPS = (0.22, 0.28)
"""Fine and coarse steps in x; those in tau are 0.7 of them."""
LONGEST = 30_000
"""Longest grid in r^2."""
EPS = float(np.finfo(float).eps)


class Means(NamedTuple):
    """Means over data sets, for a query point with |x|^2 = q d."""

    log_sum: Prediction
    """E log S; E log rho_h = E log S - log n - (d/2) log(2 pi h^2)."""
    y2: Prediction
    """E Y_2; 1/Y_2 is the effective number of points."""
    y3: Prediction
    """E Y_3."""
    distance: Prediction
    """E sum_i p_i r_i^2; d log(1/h^2)-derivatives: dE log S/d log h = this/h^2."""


class Transform(NamedTuple):
    """The Laplace transform of S at t = exp(tau)."""

    tau: Array
    weight: Array
    """Trapezoid weights in tau."""
    log_l: Array
    """log E exp(-t S)."""
    moments: Array
    """n A_1, n A_2, n A_3, n E[r^2 tW exp(-tW)]; shape (4, tau)."""


def means(d: int, n: float, h: float, q: float = 1.0) -> Means:
    """E log S, E Y_2, E Y_3 and E sum p r^2; errors mostly below 1e-11 relative."""
    distances, n, h = checked(d, n, h, q)
    fine, coarse = (quadrature(transform(distances, n, h, step), n) for step in STEPS)
    method = "quadrature of the Laplace transform, two resolutions"
    predictions = []
    for value, other in zip(fine[1:], coarse[1:], strict=True):
        error = abs(value - other) + abs(fine[0] - 1) * abs(value) + 64 * EPS * abs(value)
        predictions.append(Prediction(float(value), float(error + 64 * EPS), method))
    return Means(*predictions)


def relative_variance(d: int, n: float, h: float, q: float = 1.0) -> float:
    """Var S / (E S)^2 over data sets (C5, exact); inf where it is beyond 1e308."""
    distances, n, h = checked(d, n, h, q)
    s = h * h
    # log of (1 + s)^2/(s (s + 2)) without cancellation at either end.
    log_base = -math.log1p(-((1 + s) ** -2)) if s > 1 else 2 * math.log1p(s) - math.log(s * (s + 2))
    log_ratio = distances.dimension / 2 * log_base + distances.noncentrality / ((s + 1) * (s + 2))
    if log_ratio < 1:
        return math.expm1(log_ratio) / n
    log_variance = log_ratio + math.log1p(-math.exp(-log_ratio)) - math.log(n)
    return math.exp(log_variance) if log_variance < 709 else math.inf


def log_moment(d: int, h: float, q: float = 1.0, power: float = 1.0) -> float:
    """log E W^power = d phi(power) (C1), exact at every d."""
    s = real(h, "h") ** 2 / power
    return -d / 2 * (math.log1p(1 / s) + q / (1 + s))


@dataclass(frozen=True)
class FiniteIndex:
    """The stable index at finite n and d."""

    index: float
    """lambda_d = 2 h^2 d log F/d r^2 at r_n^2; 1 and 2 mark the ends of the regimes."""
    nearest: float
    """r_n^2, n F(r_n^2) = 1: the squared distance of the nearest neighbour, nearly."""
    log_scale: float
    """log a_n = -r_n^2/(2 h^2)."""
    dimension: float
    """Local intrinsic dimension D = d log F/d log r at r_n; the index is h^2 D/r_n^2."""


def finite_index(d: int, n: float, h: float, q: float = 1.0) -> FiniteIndex:
    """lambda_d (C3) from the exact law of the distances; n > 1."""
    distances, n, h = checked(d, n, h, q)
    if n == 1:
        raise ValueError("finite_index needs n > 1: one point has no quantile 1/n.")
    nearest = float(distances.quantile(-math.log(n)))
    local = 2 * float(distances.slope(nearest))
    return FiniteIndex(h * h * local / nearest, nearest, -nearest / (2 * h * h), local)


def checked(d: object, n: object, h: object, q: object) -> tuple[Distances, float, float]:
    """The arguments, or ValueError."""
    n, h = real(n, "n"), real(h, "h")
    if not 1 <= n <= 1e200:
        raise ValueError(f"n must be between 1 and 1e200, not {n!r}.")
    if not 1e-100 <= h <= 1e100:
        raise ValueError(f"h must be between 1e-100 and 1e100, not {h!r}.")
    dimension = whole(d, "d")
    if dimension > 1_000_000:
        raise ValueError(f"d must be <= 1e6, not {dimension!r}.")
    return Distances(dimension, nonnegative(q, "q", at_most=1e6)), n, h


def transform(distances: Distances, n: float, h: float, step: float) -> Transform:
    """log L and the moments at the nodes of the trapezoid rule in tau."""
    frame = Frame(distances, n, h)
    tau, weight = frame.times(0.7 * step)
    if frame.length(step) > LONGEST and frame.index < 0.5:
        m, survivor, moments = _by_windows(frame, tau, step)
    else:
        m, survivor, moments = _by_matrix(frame, tau, step)
    near = np.log1p(-np.minimum(m, 0.5))
    log_survivor = np.where(m < 0.5, near, np.log(np.maximum(survivor, 1e-300)))
    return Transform(tau, weight, n * log_survivor, moments)


class Frame:
    """Ranges of r^2 and tau that matter, and the grids on them."""

    def __init__(self, distances: Distances, n: float, h: float) -> None:
        self.distances, self.n, self.h = distances, n, h
        d, q, s = distances.dimension, distances.q, h * h
        log_n, log_mean = math.log(n), log_moment(d, h, q)
        # P(no r^2 below `late`) <= exp(-LOST).
        if n > 2 * LOST:
            late = float(distances.quantile(math.log(-math.expm1(-LOST / n))))
        else:
            late = distances.chernoff(-LOST / n, lower=False)
        self.first, self.last = -log_n - log_mean - LOST, late / (2 * s) + 4.5
        self.low = distances.chernoff(-LOST - 3 - log_n, lower=True)
        slope = float(self.low * (1 / distances.tilt(np.asarray(self.low)) - 1) / 2)
        if slope < self.low / (4 * s):  # index below 1/2 at `low`: no help from larger distances
            self.first = max(self.first, self.low / (2 * s))
        # Beyond `high` is nothing, or nothing of n E[tW] at the last t.
        c = s / (1 + s)
        self.high, self.curtailed = distances.chernoff(-LOST - 3, lower=False), False
        beyond = LOST + max(0.0, log_n + log_mean + self.last)
        if n > 2 * LOST and beyond < 1e5:  # few points: 1 - m matters, up to the last r^2
            tilted = c * Distances(d, q * c).chernoff(-beyond, lower=False)
            self.high, self.curtailed = min(self.high, tilted), tilted < self.high
        typical = max(late, d * c * (1 + q * c)) if n > 2 * LOST else distances.mean
        self.unit = min(s, float(distances.deviation(np.asarray(typical))))
        self.slope = max(10.0, slope)
        self.index = 2 * s * slope / late

    def times(self, step: float) -> tuple[Array, Array]:
        """Nodes tau = y + D e^(y/D) between `first` and `last`, and weights."""
        scale, last = self.slope, self.last

        def tau(y: Array) -> Array:
            return np.asarray(y + scale * np.exp(y / scale))

        low = min(self.first, 0.0) - scale - 1
        high = min(last, scale * math.log(last / scale)) if last > scale else last
        start, stop = (
            optimize.brentq(lambda y, end=end: float(tau(y)) - end, low, high + 1e-9 * abs(high))
            for end in (self.first, last)
        )
        y = np.arange(start, stop + step, step)
        return tau(y), step * (1 + np.exp(y / scale))

    def x(self, t: float) -> float:
        """The inverse of t = 2 unit log(1 + e^x)."""
        return _inverse_softplus(t / (2 * self.unit))

    def length(self, step: float) -> float:
        """Number of nodes in r^2."""
        return (self.x(self.high) - self.x(self.low)) / step


def quadrature(transform: Transform, n: float) -> Array:
    """1, E log S, E Y_2, E Y_3, E sum p r^2 by quadrature."""
    tau, weight, log_l, moments = transform
    one, two, three, distance = moments * (weight * np.exp(log_l * ((n - 1) / n)))
    return np.array(
        [
            one.sum(),
            -np.euler_gamma - (tau * one).sum(),
            two.sum(),
            three.sum() / 2,
            distance.sum(),
        ]
    )


def _by_matrix(frame: Frame, tau: Array, step: float) -> tuple[Array, Array, Array]:
    """m, 1 - m and n times the moments, from one grid in r^2 for all tau."""
    x = np.arange(frame.x(frame.low), frame.x(frame.high) + step, step)
    soft = np.logaddexp(0, x)
    log_soft = np.where(x < -30, x, np.log(np.maximum(soft, 1e-300)))
    t = 2 * frame.unit * soft
    log_density = frame.distances.log_density(t, math.log(2 * frame.unit) + log_soft)
    log_n = math.log(frame.n)
    mass = np.exp(log_n + log_density + np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x))) - log_soft)
    mass *= step
    columns = np.stack([mass, mass * t], axis=1)
    rho = t / (2 * frame.h**2)
    result = np.empty((6, tau.size))
    block = max(1, 400_000 // x.size)
    for begin in range(0, tau.size, block):
        rows = slice(begin, begin + block)
        z = np.exp(np.minimum(tau[rows, None] - rho, 6.5))
        gone = np.exp(-z)
        result[0, rows] = -np.expm1(-z) @ mass
        result[1, rows] = gone @ mass
        gone *= z
        result[[2, 5], rows] = (gone @ columns).T
        gone *= z
        result[3, rows] = gone @ mass
        gone *= z
        result[4, rows] = gone @ mass
    beyond = math.exp(float(frame.distances.log_sf(frame.high)))
    return result[0] / frame.n, result[1] / frame.n + beyond, result[2:]


def _by_windows(frame: Frame, tau: Array, step: float) -> tuple[Array, Array, Array]:
    """The same for h -> 0: m = E F(2 h^2 (tau - zeta)), zeta standard Gumbel (by parts).

    Nodes are placed anew for each tau, where r^2/(2h^2) is near tau; log F is a spline in log r^2.
    """
    reach = 6 + LOST / (1 - frame.index)
    log_f = _log_cdf_spline(frame, step, frame.last + reach)
    blocks = np.array_split(tau, max(1, tau.size // 40))
    sums = np.concatenate([_window(frame, log_f, part, step, reach) for part in blocks], axis=1)
    m = sums[0] / frame.n
    return m, np.maximum(1 - m, 0), sums[1:]


def _window(
    frame: Frame, log_f: interpolate.BSpline, tau: Array, step: float, reach: float
) -> Array:
    """n m and n times the moments, at a few tau."""
    at = np.maximum(tau, 1.0)
    above = np.log(-np.expm1(-at))  # centre = at + above has log(1 + e^centre) = at
    lowest = _inverse_softplus(frame.low / (2 * frame.h**2))
    left = 0.0
    for c in np.minimum(at + above, 1e3):
        left = max(left, c - max(_inverse_softplus(max(c - 6, 1e-300)), min(lowest, c - 6)))
    offset = np.arange(-left, reach, step)
    x = (at + above)[:, None] + offset
    # rho = log(1 + e^x), and zeta = tau - rho without cancellation at large tau.
    soft = np.log1p(np.exp(-np.abs(x)))
    rho = np.maximum(x, 0) + soft
    zeta = np.where(x > 0, (tau - at - above)[:, None] - offset - soft, tau[:, None] - soft)
    z = np.exp(np.minimum(zeta, 6.5))
    log_t = math.log(2 * frame.h**2) + np.where(x < -30, x, np.log(np.maximum(rho, 1e-300)))
    inside = np.clip(log_t, log_f.t[0], log_f.t[-1])
    with np.errstate(under="ignore"):
        below = np.exp(math.log(frame.n) + log_f(inside)) * (log_t >= log_f.t[0])
        nm = step / (1 + np.exp(-x)) * z * np.exp(-z) * below
    area = nm * log_f.derivative()(inside) / rho
    parts = [nm, area, area * z, area * z * z, area * rho * (2 * frame.h**2)]
    return np.array([part.sum(axis=1) for part in parts])


def _log_cdf_spline(frame: Frame, step: float, last: float) -> interpolate.BSpline:
    ends = math.log(frame.low), math.log(min(frame.high, 2 * frame.h**2 * last))
    v = np.linspace(*ends, 2 * math.ceil(50 / step))
    return interpolate.make_interp_spline(v, frame.distances.log_cdf(np.exp(v)), k=7)


def _inverse_softplus(value: float) -> float:
    """x with log(1 + e^x) = value."""
    return value + math.log(-math.expm1(-value)) if value > 1e-300 else math.log(value)

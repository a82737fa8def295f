r"""Kernel sums over n points at a cost that does not depend on n: order statistics and a remainder.

r_i^2 = |x - y_i|^2 are independent with distribution function F; W_i = exp(-r_i^2/(2 h^2)).

1. The k nearest: F(r_(j)^2) = G_j/(G_k + Gamma(n + 1 - k)), G_j sums of independent Exp(1); F is
   inverted by a spline of log r^2 in log(F/(1 - F)), made once for given d, q and n.
2. The n - k others are independent given that they are farther away than t = r_(k)^2.  Their sum is
   drawn with its exact mean and its variance and skewness,

       E[W; r^2 > t] = E W (1 - F_1(t/s)),  s = h^2/(1 + h^2),

   F_1 the noncentral chi^2 distribution function of noncentrality q d s; centred moments are
   integrals over the spline.  Sums of W^2 and W^3 follow that of W by linear regression.

The only approximation is the law of the remainder beyond three moments: its excess kurtosis is
0.1/k at most where it matters.  Up to 4 k points all are drawn (k = n) and nothing is approximated.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simulations.arrays import Array

if TYPE_CHECKING:
    from collections.abc import Callable

    from theory.kernel_density.distances import Distances

    Function = Callable[[Array], Array]

NODES, FINE = 300, 0.02
"""Exact values of F in the table; step in log(F/(1 - F)) to which they are interpolated."""
ENDS = (35.0, 40.0)
"""The table runs from F = e^-35/n to 1 - F = e^-40."""
RANGE = 1e-13
"""Probability that F(r_(k)^2) lies outside of the range of the remainder's tables, each side."""
NEGLIGIBLE = 0.05
"""Index d log F/d log(1/W) at r_n below which the remainder is under 1e-20 of the sum."""
PIECE = 2048
"""Samples whose arrays lie in the cache together."""


class Weights(NamedTuple):
    """The kernel weights of many data sets: the largest, and sums over all of them."""

    log_top: Array
    """log W_(j), the largest first; (k, samples)."""
    sums: Array
    """Sums of W, W^2 and W^3 in units of W_(1), its square and its cube; (3, samples)."""
    excess: Array
    """S/(n E W) - 1 without cancellation."""


def drawn_one_by_one(n: float, top: int) -> int:
    """How many of the n points are drawn one by one: all of few, else the `top` nearest."""
    return int(n) if n <= 4 * top else top


def draw_logits(rng: np.random.Generator, n: float, k: int, count: int) -> Array:
    """log(F/(1 - F)) of the k nearest of n points, nearest first; (k, samples)."""
    g = np.cumsum(rng.standard_exponential((k, count)), axis=0)
    rest = g[-1] + rng.standard_gamma(n + 1 - k, count) - g
    np.divide(g, rest, out=g)
    return np.asarray(np.log(g, out=g))


@functools.lru_cache(maxsize=32)
def log_distance(d: int, q: float, n: float) -> Function:
    """The spline log r^2 as a function of log(F/(1 - F)), constant beyond the ends of its table."""
    from scipy.interpolate import CubicSpline, PchipInterpolator, make_interp_spline

    from theory.kernel_density.distances import Distances

    law = Distances(d, q)
    low = float(law.quantile(-math.log(n) - ENDS[0]))
    high = float(law.upper_quantile(-ENDS[1]))
    # Nodes about equally spaced in the argument, after a first look.
    rough = np.unique(np.concatenate([np.geomspace(low, high, 48), np.linspace(low, high, 48)]))
    x = logit(law, rough)
    v = PchipInterpolator(x, np.log(rough))(np.linspace(x[0], x[-1], NODES))
    exact = make_interp_spline(logit(law, np.exp(v)), v, k=7)
    x = np.arange(exact.t[0], exact.t[-1], FINE)
    spline = CubicSpline(x, exact(x))
    return lambda u: np.asarray(spline(np.clip(u, x[0], x[-1])))


def logit(law: Distances, t: Array) -> Array:
    """log(F/(1 - F)) at t, accurate in both tails."""
    from theory.kernel_density.distances import log1mexp

    found, below = np.empty(t.shape), t < law.mean
    low, high = law.log_cdf(t[below]), law.log_sf(t[~below])
    found[below], found[~below] = low - log1mexp(low), log1mexp(high) - high
    return found


class Remainder(NamedTuple):
    """One weight of a point with r^2 > t, by log(F/(1 - F)) at t, in units of c."""

    log_unit: float
    """log c, c = E[W | r^2 > t] at the quantile k/n."""
    ends: tuple[float, float]
    log_mean: Function
    """log E[W | r^2 > t]/c"""
    log_tilted: Function
    """log F_1(t/s) = log(E[W; r^2 < t]/E W)."""
    log_variance: Function
    third: Function
    """Third central moment by the variance."""
    fourth: Function
    """Fourth central moment by the variance."""


@functools.lru_cache(maxsize=32)
def remainder(d: int, q: float, n: float, h: float, k: int) -> Remainder | None:
    """The tables for points beyond the k nearest; None where they do not matter, for h -> 0."""
    from scipy.interpolate import CubicSpline, make_interp_spline
    from scipy.special import expit

    from theory.kernel_density.distances import Distances, log1mexp

    distance = log_distance(d, q, n)
    low, high = _range(n, k)
    typical = math.log(k / (n - k))
    slope = float(distance(np.array(typical + 0.01)) - distance(np.array(typical - 0.01))) / 0.02
    square = 2 * h * h
    if square < NEGLIGIBLE * slope * math.exp(float(distance(np.array(typical)))):
        return None
    s = h * h / (1 + h * h)
    tilted = Distances(d, q * s)

    def log_means(v: Array) -> tuple[Array, Array]:
        """log E[W | r^2 > t] and log F_1."""
        x = logit(tilted, np.exp(distance(v)) / s)
        below, above = -np.logaddexp(0, -x), -np.logaddexp(0, x)
        return log_moment(d, q, h) + above + np.logaddexp(0, v), below

    log_unit = float(log_means(np.array([typical]))[0][0])
    # Moments of W/c - 1 over r^2 > t, as integrals over F.
    u = np.arange(low, ENDS[1], FINE)
    w = np.expm1(np.minimum(-np.exp(distance(u)) / square - log_unit, 170))
    density = expit(u) * expit(-u)
    v = np.linspace(low, high, 80)
    moments = []
    for power in (2, 3, 4):
        whole = CubicSpline(u, w**power * density).antiderivative()
        moments.append((whole(u[-1]) - whole(v)) / expit(-v))
    log_mean, log_tilted = log_means(v)
    m = np.expm1(log_mean - log_unit)
    two, three, four = moments
    variance = two - m * m
    third = three - 3 * m * two + 2 * m**3
    fourth = four - 4 * m * three + 6 * m * m * two - 3 * m**4
    curves = (log_mean - log_unit, log_tilted, np.log(variance), third / variance)
    functions = [make_interp_spline(v, y, k=5) for y in (*curves, fourth / variance)]
    return Remainder(log_unit, (low, high), *functions)


def _range(n: float, k: int) -> tuple[float, float]:
    """Where log(F/(1 - F)) of the k-th nearest point lies."""
    from scipy.special import gammainccinv, gammaincinv

    shape = n + 1 - k
    if shape > 1e8:
        others = shape - 8 * math.sqrt(shape), shape + 8 * math.sqrt(shape)
    else:
        others = float(gammaincinv(shape, RANGE)), float(gammainccinv(shape, RANGE))
    low, high = float(gammaincinv(k, RANGE)), float(gammainccinv(k, RANGE))
    return math.log(low / others[1]), math.log(high / others[0])


def log_moment(d: int, q: float, h: float) -> float:
    """log E W, exactly."""
    return -d / 2 * (math.log1p(1 / h**2) + q / (1 + h * h))


class Case(NamedTuple):
    """What fixes the law of the sums."""

    d: int
    q: float
    n: float
    h: float
    top: int
    conditional: bool = True
    """False: the others are drawn as if they were not known to be farther away, which is wrong."""


def draw_weights(rng: np.random.Generator, case: Case, count: int) -> Weights:
    """Weights of so many data sets of n points, for a query with |x|^2 = q d."""
    d, q, n, h = case[:4]
    k = drawn_one_by_one(n, case.top)
    u = draw_logits(rng, n, k, count)
    log_w = np.exp(log_distance(d, q, n)(u)) / (-2 * h * h)
    relative = np.exp(log_w - log_w[0])
    square = relative * relative
    sums = np.stack([x.sum(axis=0) for x in (relative, square, square * relative)])
    log_mean = log_moment(d, q, h)
    if k == n:
        return Weights(log_w, sums, np.expm1(log_w - log_mean).sum(axis=0) / n)
    excess = np.exp(np.minimum(log_w[0] - log_mean, 700)) / n * sums[0]
    rest = remainder(d, q, n, h, k)
    if rest is None:
        return Weights(log_w, sums, excess - 1)
    at = np.clip(u[-1], *rest.ends)
    unit = np.exp(np.minimum(rest.log_unit - log_w[0], 700))
    more, noise = _others(rng, rest, at, n - k, None if case.conditional else log_mean)
    sums += more * np.stack([unit, unit**2, unit**3])
    # n E W is taken off the nearest and off the others, of which it is E W (F - F_1)/(1 - F).
    odds = np.exp(at)
    shift = odds - np.exp(rest.log_tilted(at)) * (1 + odds) if case.conditional else 0.0
    excess += (n - k) / n * shift - k / n + noise * (math.exp(rest.log_unit - log_mean) / n)
    return Weights(log_w, sums, excess)


def _others(
    rng: np.random.Generator, rest: Remainder, at: Array, others: float, log_mean: float | None
) -> tuple[Array, Array]:
    """Sums of W, W^2 and W^3 over the others in units of c, and the first less its mean."""
    mean, variance = np.exp(rest.log_mean(at)), np.exp(rest.log_variance(at))
    if log_mean is not None:
        mean = np.full(at.shape, math.exp(log_mean - rest.log_unit))
    third, fourth = rest.third(at), rest.fourth(at)
    deviation = np.sqrt(others * variance)
    noise = deviation * _skewed(rng, third / deviation)
    means = (mean, variance + mean**2, variance * (third + 3 * mean) + mean**3)
    slopes = (np.ones_like(mean), third + 2 * mean, fourth + 3 * mean * (third + mean))
    sums = others * np.stack(means) + np.stack(slopes) * noise
    return np.maximum(sums, 0), noise


def _skewed(rng: np.random.Generator, skewness: Array) -> Array:
    """Draws of mean 0, variance 1 and small skewness: a normal variable and its square."""
    a = skewness / 6
    a = a * (1 + 10 / 6 * a * a)
    z = rng.standard_normal(skewness.shape)
    return np.asarray((z + a * (z * z - 1)) / np.sqrt(1 + 2 * a * a))

r"""Kernel sums over n points at a cost that does not depend on n: order statistics and a remainder.

r_i^2 = |x - y_i|^2 are independent with distribution function F; W_i = exp(-r_i^2/(2 h^2)).

1. The k nearest: F(r_(j)^2) = G_j/(G_k + Gamma(n + 1 - k)), G_j sums of independent Exp(1); F is
   inverted by a spline of log r^2 in log(F/(1 - F)), made once for given d, q and n.
2. The n - k others are independent given that they are farther away than t = r_(k)^2.  Their sum is
   drawn with its exact mean and its variance and skewness,

       E[W; r^2 > t] = E W (1 - F_1(t/s)),  s = h^2/(1 + h^2),

   F_1 the noncentral chi^2 distribution function of noncentrality q d s; central moments are
   integrals over F.  Sums of W^2 and W^3 follow that of W by linear regression.

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

COARSE, FINE = 0.3, 0.02
"""Steps in log(F/(1 - F)), about: of exact values of F, and of the table made of them."""
ENDS = (35.0, 40.0)
"""The table runs from F = e^-35/n to 1 - F = e^-40."""
RANGE = 1e-13
"""Probability that F(r_(k)^2) lies outside of the range of the remainder's tables, each side."""
KNOTS = 80
"""Of those tables."""
PIECE = 2048
"""Samples whose arrays lie in the cache together."""


class Weights(NamedTuple):
    """The kernel weights of many data sets, an entry for each."""

    log_top: Array
    """log W_(j), the largest first; (k, samples)."""
    log_sum: Array
    p1: Array
    y2: Array
    y3: Array
    excess: Array
    """S/(n E W) - 1 without cancellation."""

    @staticmethod
    def of(log_top: Array, excess: Array, mean: Array | float, rest: Array | None) -> Weights:
        """From the largest weights, and from the rest of S over W_(1) that is `mean` in the mean:
        `rest` holds its sums of W, W^2 and W^3 by the mean, its square and its cube."""
        relative = np.exp(log_top - log_top[0])
        square = relative * relative
        one, two, three = (x.sum(axis=0) for x in (relative, square, square * relative))
        if rest is None:
            rest = np.zeros((3, len(one)))
        total = one + mean * rest[0]
        p1, share = 1 / total, mean / total
        y2 = two * p1**2 + rest[1] * share**2
        y3 = three * p1**3 + rest[2] * share**3
        return Weights(log_top, log_top[0] + np.log(total), p1, y2, y3, excess)


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
    v = PchipInterpolator(x, np.log(rough))(np.arange(x[0], x[-1], COARSE))
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
    """The sum over the N = n - k others by its mean N mu, mu = E[W | r^2 > t], as a function of
    log(F/(1 - F)) at t = r_(k)^2."""

    ends: tuple[float, float]
    log_mu: Function
    log_tilted: Function
    """log F_1(t/s) = log(E[W; r^2 < t]/E W)."""
    log_deviation: Function
    """Of its standard deviation."""
    skewness: Function
    kurtosis: Function
    """The fourth central moment of W by N times its squared variance."""


@functools.lru_cache(maxsize=32)
def remainder(d: int, q: float, n: float, h: float, k: int) -> Remainder:
    """The tables for points beyond the k nearest."""
    from scipy.interpolate import make_interp_spline
    from scipy.special import log_expit, logsumexp

    from theory.kernel_density.distances import Distances

    distance, (low, high), s = log_distance(d, q, n), _range(n, k), h * h / (1 + h * h)
    v = np.linspace(low, high, KNOTS)
    x = logit(Distances(d, q * s), np.exp(distance(v)) / s)
    log_mu = log_moment(d, q, h) + log_expit(-x) - log_expit(-v)
    # Moments of W/mu - 1 over r^2 > t, as integrals over F; W/mu is of the order of N at t.
    offset, weight = _panels(ENDS[1] - low)
    u = v[:, None] + offset
    w = np.expm1(-np.exp(distance(u)) / (2 * h * h) - log_mu[:, None])
    log_density = log_expit(u) + log_expit(-u) + np.log(weight) - log_expit(-v)[:, None]
    with np.errstate(divide="ignore"):
        log_w = np.log(np.abs(w))
    log_variance, log_n = logsumexp(2 * log_w + log_density, axis=1), math.log(n - k)
    log_scaled = log_w - log_variance[:, None] / 2
    skewness = np.sum(np.sign(w) * np.exp(3 * log_scaled + log_density - log_n / 2), axis=1)
    kurtosis = np.sum(np.exp(4 * log_scaled + log_density - log_n), axis=1)
    curves = (log_mu, log_expit(x), (log_variance - log_n) / 2, skewness, kurtosis)
    return Remainder((low, high), *(make_interp_spline(v, y, k=5) for y in curves))


def _panels(length: float) -> tuple[Array, Array]:
    """Nodes and weights for integrals over (0, length), finer towards 0."""
    x, weight = np.polynomial.legendre.leggauss(6)
    edges = np.concatenate([[0.0], np.geomspace(0.01, 1, 12), np.arange(2, length + 1)])
    half = np.diff(edges)[:, None] / 2
    return (edges[:-1, None] + half * (1 + x)).ravel(), (half * weight).ravel()


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
    log_mean = log_moment(d, q, h)
    if k == n:
        return Weights.of(log_w, np.expm1(log_w - log_mean).sum(axis=0) / n, 0.0, None)
    rest, others = remainder(d, q, n, h, k), n - k
    at = np.clip(u[-1], *rest.ends)
    sums, noise = _others(rng, rest, at, others)
    log_mu, odds = rest.log_mu(at), np.exp(at)
    # n E W is taken off the nearest and off the others, of which it is E W (F - F_1)/(1 - F).
    shift = odds - np.exp(rest.log_tilted(at)) * (1 + odds)
    if not case.conditional:
        log_mu, shift = np.full(count, log_mean), np.zeros(count)
    excess = np.exp(np.minimum(log_w - log_mean, 700)).sum(axis=0) / n - k / n
    excess += others / n * (shift + noise * np.exp(log_mu - log_mean))
    return Weights.of(log_w, excess, others * np.exp(log_mu - log_w[0]), sums)


def _others(
    rng: np.random.Generator, rest: Remainder, at: Array, others: float
) -> tuple[Array, Array]:
    """Sums of W, W^2 and W^3 over the others by N mu and its powers; the first less its mean."""
    deviation, skewness = np.exp(rest.log_deviation(at)), rest.skewness(at)
    noise = deviation * _skewed(rng, skewness)
    each, third = 1 / others, skewness * deviation
    square = deviation**2
    means = (1.0, each + square, each * (each + 3 * square) + third * square)
    slopes = (1.0, third + 2 * each, 3 * each * (each + third) + rest.kurtosis(at) * square)
    pairs = zip(means, slopes, strict=True)
    return np.stack([np.maximum(mean + slope * noise, 0) for mean, slope in pairs]), noise


def _skewed(rng: np.random.Generator, skewness: Array) -> Array:
    """Draws of mean 0, variance 1 and small skewness: a normal variable and its square."""
    a = skewness / 6
    a = a * (1 + 10 / 6 * a * a)
    z = rng.standard_normal(skewness.shape)
    return np.asarray((z + a * (z * z - 1)) / np.sqrt(1 + 2 * a * a))

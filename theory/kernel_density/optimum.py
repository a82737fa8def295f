r"""Means over the query, Kullback-Leibler risk and its optimum at finite n and d (C8, C10, C11).

For x ~ N(0, I_d), |x|^2/2 has the Gamma law with density y^(d/2-1) e^-y/Gamma(d/2), so that means
over x are generalised Gauss-Laguerre sums of those of `engine`, at q = |x|^2/d.

    KL(rho || rho_h) = E log rho - E log rho_h
                     = log n - d/2 + d log h - E log S         (nats, over data and query),
    d KL / d log h   = d - E sum_i p_i r_i^2 / h^2,

and the optimum is the root of the second line, h^2 = E sum p r^2/d.  The leave-one-out likelihood
of n points has, in the mean, the risk of n - 1 points.  Source: derived (sheet: C8, C10, C11).
"""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import linalg, optimize

from theory.kernel_density.distances import Array, Distances
from theory.kernel_density.engine import EPS, STEPS, Means, checked, quadrature, transform
from theory.prediction import Prediction

RESOLVED = 0.01
"""Largest difference of log h* between two resolutions."""
ROUNDING = 16 * EPS
"""A slope of this size is rounding, and counts as 0: a root."""


class KLOptimum(NamedTuple):
    """The bandwidth of least Kullback-Leibler risk at finite n and d."""

    bandwidth: Prediction
    """h*."""
    divergence: Prediction
    """KL(rho || rho_h*) in nats, for all d dimensions together."""


def query_means(d: int, n: float, h: float) -> Means:
    """E log S, E Y_2, E Y_3 and E sum p r^2 over the data and queries x ~ N(0, I_d)."""
    distances, n, h = checked(d, n, h, 1.0)
    fine, coarse = (
        _query_means(distances.dimension, n, h, count, step)[1:]
        for count, step in zip(_counts(distances.dimension), STEPS, strict=True)
    )
    return Means(
        *(
            Prediction(float(a), float(abs(a - b) + 1e-13 * (1 + abs(a))), "Gauss-Laguerre over q")
            for a, b in zip(fine, coarse, strict=True)
        )
    )


def kl_divergence(d: int, n: float, h: float) -> Prediction:
    """E KL(rho || rho_h) for rho = N(0, I_d), n points, Gaussian kernel; nats for all of d."""
    log_sum = query_means(d, n, h).log_sum
    value = math.log(n) - d / 2 + d * math.log(h) - log_sum.value
    # No divergence is negative: what is below 0 is rounding.
    return Prediction(max(value, 0.0), log_sum.error + 1e-15 * d, log_sum.method)


def kl_optimum(d: int, n: float) -> KLOptimum:
    """The bandwidth that minimises the risk, and the risk there; n - 1 for leave-one-out.

    ValueError where it is lost: in rounding (the slope is of the order of h^4), as for 1e30 points
    on a line, or in the mean over queries, where rare ones decide, as for 1e14.
    """
    distances, n, _ = checked(d, n, 1.0, 1.0)
    d = distances.dimension
    many, some = _counts(d)
    roots = [_log_guess(d, n)]
    for count, step, width in ((6, STEPS[1], 0.2), (some, STEPS[1], 0.02), (many, STEPS[0], 1e-3)):
        slope = functools.cache(functools.partial(_slope, d=d, n=n, count=count, step=step))
        if count == 6 and not any(slope(roots[0] + shift) for shift in (-width, width)):
            raise ValueError(
                f"the optimum for n = {n:g} and d = {d} is lost in rounding: all bandwidths near "
                "it leave a risk of 0."
            )
        ends = _bracket(slope, roots[-1], width)
        roots.append(float(optimize.brentq(slope, *ends, xtol=1e-11)))
    change = abs(roots[-1] - roots[-2])
    if change > RESOLVED:
        raise ValueError(
            f"the optimum for n = {n:g} and d = {d} is lost: of the mean over queries too little "
            f"is known, and the bandwidth changes by {100 * change:.2g} % with their number."
        )
    bandwidth = math.exp(roots[-1])
    bend = (slope(ends[1]) - slope(ends[0])) / (ends[1] - ends[0])
    error = bandwidth * (change + 2e-11 + ROUNDING / bend)
    divergence = kl_divergence(d, n, bandwidth)
    return KLOptimum(
        Prediction(bandwidth, error, "root of d KL/d log h by exact means"), divergence
    )


def _counts(d: int) -> tuple[int, int]:
    """Queries in the mean, and in the coarser rule that it is compared with."""
    fine = 10 + math.ceil(30 / math.sqrt(d))
    return fine, fine - fine // 4


def _slope(log_h: float, d: int, n: float, count: int, step: float) -> float:
    """(d KL/d log h)/d = E sum p (1 - r^2/(d h^2)); 0 where it is rounding."""
    h = math.exp(log_h)
    one, *_, distance = _query_means(
        d, n, h, count, step
    )  # the errors of one and of distance agree
    value = float(one - distance / (d * h * h))
    return value if abs(value) > ROUNDING else 0.0


def _log_guess(d: int, n: float) -> float:
    """log of r_n/sqrt(d), where the optimum tends to as d -> inf; E r^2/d = 2 for one point.

    Scott's rule where it is larger: in low dimension.
    """
    nearest = 2.0 * d if n < 4 else float(Distances(d).quantile(-math.log(n)))
    return max(math.log(nearest / d) / 2, -math.log(n) / (d + 4))


def _bracket(slope: Callable[[float], float], guess: float, width: float) -> tuple[float, float]:
    """Ends of log h between which the slope, < 0 as h -> 0 and > 0 as h -> inf, has its root."""
    direction = -1 if slope(guess) > 0 else 1
    inner, outer = guess, guess + direction * width
    while slope(outer) * direction <= 0:
        width *= 2
        inner, outer = outer, outer + direction * width
    return min(inner, outer), max(inner, outer)


def _query_means(d: int, n: float, h: float, count: int, step: float) -> Array:
    """1, E log S, E Y_2, E Y_3, E sum p r^2 with `count` queries."""
    nodes, weights = query_rule(d, count)
    rows = [quadrature(transform(Distances(d, q), n, h, step), n) for q in nodes.tolist()]
    return np.asarray(weights @ np.array(rows))


@functools.cache
def query_rule(d: int, count: int) -> tuple[Array, Array]:
    """Nodes q = |x|^2/d and weights (sum 1) of the Gauss rule for |x|^2 ~ chi^2_d."""
    k = np.arange(count)
    power = d / 2 - 1
    diagonal, beside = 2 * k + 1 + power, np.sqrt(k[1:] * (k[1:] + power))
    nodes, vectors = linalg.eigh_tridiagonal(diagonal, beside)
    weights = vectors[0] ** 2
    heavy = weights > 1e-14
    return 2 * nodes[heavy] / d, weights[heavy] / weights[heavy].sum()

"""Exact means at finite n and d as fast as a figure needs them: one resolution, few queries."""

from __future__ import annotations

import functools
import math

import numpy as np

from theory.kernel_density.distances import Distances
from theory.kernel_density.engine import STEPS, quadrature, transform
from theory.kernel_density.optimum import query_rule
from theory.kernel_density.rules import scott

QUERIES = 8
"""Lengths of the query in a mean: 1e-7 from d = 5 on."""


@functools.cache
def share(d: int, n: float, h: float) -> float:
    """E Y_2 for a query with |x|^2 = d."""
    return float(quadrature(transform(Distances(d, 1.0), n, h, STEPS[1]), n)[2])


def divergence(d: int, n: float, h: float) -> float:
    """KL(rho || rho_h) in nats."""
    return math.log(n) - d / 2 + d * math.log(h) - _mean(d, n, h, 1)


@functools.cache
def likelihood_bandwidth(d: int, n: float) -> float:
    """The bandwidth of least KL divergence, the root of h^2 = E sum p r^2 / d, to 1e-4."""
    from scipy.optimize import newton

    def gap(log_h: float) -> float:
        return math.log(_mean(d, n, math.exp(log_h), 4) / d) - 2 * log_h

    guess = math.log(float(scott(d, n))) + 0.1
    return math.exp(newton(gap, guess, x1=guess + 0.1, tol=1e-4))


def _mean(d: int, n: float, h: float, row: int) -> float:
    """Mean over queries x ~ N(0, I_d) of E log S (row 1) or E sum p r^2 (row 4)."""
    q, weights = query_rule(d, QUERIES)
    found = [quadrature(transform(Distances(d, x), n, h, STEPS[1]), n)[row] for x in q.tolist()]
    return float(np.dot(weights, found))

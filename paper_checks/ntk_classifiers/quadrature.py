r"""Integrals that need nothing of the theory: the risk of a vote and the Bayes risk (C8, C10).

Tanh-sinh nodes, kept as logarithms of the distances to both ends, serve all of them.  In the
example of d = 1 the classes have the densities 2 (1 - t) and 2 t of the first simplex coordinate
t, with weights 2/5 and 3/5, so that (2 eta - 1) p = 4/5 - 2t.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import betainc, betaln, expit

Array = npt.NDArray[np.float64]
LogKernel = Callable[[Array], Array]


def nodes(step: float, smallest: float = 1.0) -> tuple[Array, Array, Array]:
    """log y, log(1 - y) and weights on (0, 1), for integrands like y^(smallest - 1) at the ends."""
    count = math.ceil(math.asinh(40 / (math.pi * smallest)) / step)
    x = step * np.arange(-count, count + 1)
    logit = math.pi * np.sinh(x)
    low, high = -np.logaddexp(0, -logit), -np.logaddexp(0, logit)
    return low, high, low + high + np.log(step * math.pi * np.cosh(x))


def average(t0: float, log_kernel: LogKernel, smallest: float) -> float:
    """f = int (4/5 - 2t) k(|x - x'|) dt at t0; k like r^(smallest - 1) at 0."""
    low, _, weight = nodes(1 / 16, smallest)
    total = 0.0
    for sign, length in ((-1, t0), (1, 1 - t0)):
        gap = length * np.exp(low)  # |t - t0|, to rounding relative to itself
        t = t0 + sign * gap
        norms = np.hypot(t, 1 - t) * math.hypot(t0, 1 - t0)
        cosine = (t * t0 + (1 - t) * (1 - t0)) / norms
        r = np.minimum(gap / norms * np.sqrt(2 / (1 + cosine)), math.sqrt(2))
        total += length * float((0.8 - 2 * t) @ np.exp(weight + log_kernel(r)))
    return total


def average_excess(log_kernel: LogKernel, smallest: float) -> float:
    """Excess risk of sign f, which changes sign at most once: (b - 2/5)^2 at the boundary b."""
    ends = (1e-9, 1 - 1e-9)
    low, high = (average(t, log_kernel, smallest) for t in ends)
    if low > 0 > high:
        b = brentq(lambda t: average(t, log_kernel, smallest), *ends, xtol=1e-15)
    else:
        b = 1.0 if low > 0 else 0.0
    return float((b - 0.4) ** 2)


def power_excess(alpha: float) -> float:
    """The same for r^-alpha, alpha < 1."""
    return average_excess(lambda r: -alpha * np.log(r), 1 - alpha)


def random_excess(probability: Callable[[Array], Array]) -> float:
    """E |2 eta - 1| P(not the Bayes decision | eta) in the example, from P(+1 | eta)."""
    t, weights = np.polynomial.legendre.leggauss(100)
    total = 0.0
    for low, high in ((0.0, 0.4), (0.4, 1.0)):
        x = (low + high) / 2 + (high - low) / 2 * t
        first, second = 0.8 * (1 - x), 1.2 * x
        rho = probability(first / (first + second))
        wrong = rho if low else 1 - rho
        total += (high - low) / 2 * float(weights @ (np.abs(first - second) * wrong))
    return total


def bayes_risk(
    alpha1: Sequence[float],
    alpha2: Sequence[float],
    prior: float,
    pair: tuple[int, int],
    step: float,
) -> float:
    """The Bayes risk, where c = alpha1 - alpha2 has c_i = -c_j > 0 for the `pair` (i, j).

    log odds = c_i logit(w) + sum_k c_k log x_k + constant over the other k, w = x_i/(x_i + x_j):
    given the class w is Beta(a_i, a_j), independent of the x_k, which are Dirichlet.  So the
    probability of an error given the x_k is an incomplete beta function, and the rest a product
    rule over sticks u_k: x_k = u_k prod_{l < k} (1 - u_l).
    """
    i, j = pair
    c = np.subtract(alpha1, alpha2)
    others = [k for k in range(len(c)) if c[k] and k not in pair]
    constant = math.log(prior / (1 - prior)) - _log_beta(alpha1) + _log_beta(alpha2)
    risk = 0.0
    for a, mass, sign in ((alpha1, prior, 1), (alpha2, 1 - prior, -1)):
        rest = math.fsum(a)
        odds, weight, left = np.full((), constant), np.full((), math.log(mass)), np.zeros(())
        for k in others:
            rest -= a[k]
            low, high, dy = nodes(step, min(1.0, a[k], rest))
            odds = odds[..., None] + c[k] * (left[..., None] + low)
            weight = weight[..., None] + dy + (a[k] - 1) * low + (rest - 1) * high
            weight -= betaln(a[k], rest)
            left = left[..., None] + high
        # class +1 is missed where logit(w) < -odds/c_i, class -1 where it is above
        missed = betainc(a[i], a[j], expit(-odds / c[i]))
        if sign < 0:
            missed = betainc(a[j], a[i], expit(odds / c[i]))
        risk += float((np.exp(weight) * missed).sum())
    return risk


def _log_beta(a: Sequence[float]) -> float:
    return math.fsum(math.lgamma(x) for x in a) - math.lgamma(math.fsum(a))

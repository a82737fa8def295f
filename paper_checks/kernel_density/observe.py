"""What the claims share: bandwidths by their index, exact quantities, extrapolation in d."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from paper_checks.core import Measured, measured
from paper_checks.trends import Extrapolated, extrapolated
from simulations.kernel_density import SUMS, Params
from theory import kernel_density as theory
from theory.prediction import Prediction

if TYPE_CHECKING:
    from theory.kernel_density.engine import Means
    from theory.kernel_density.law import LargestLaw, SumLaw

ALPHA = 0.3
"""log n / d of most cases."""
SIZES = (100, 200, 400, 800, 1500)
"""Dimensions from which limits are extrapolated; the engine is exact at each."""
THOUSAND = 1000

Array = np.ndarray[Any, Any]

Term = Callable[[float], float]
SLOW: tuple[Term, ...] = (
    lambda d: math.log(d) / d,
    lambda d: 1 / d,
    lambda d: (math.log(d) / d) ** 2,
)
"""Corrections of quantities that depend on the prefactor of the small-ball probability."""


def points(d: int, alpha: float = ALPHA) -> float:
    """n = e^(alpha d)."""
    return math.exp(alpha * d)


def bandwidth(index: float, alpha: float = ALPHA, q: float = 1.0) -> float:
    """The bandwidth at which the stable index has this value in the limit."""
    return math.sqrt(index) * float(theory.boundaries(alpha, q).h_glass)


def log_mean(d: int, n: float, h: float, q: float = 1.0) -> float:
    """log(n E W), exactly."""
    return math.log(n) + d * float(theory.moment_rate(1.0, h, q))


@cache
def means(d: int, n: float, h: float, q: float = 1.0) -> Means:
    """The exact means, computed once."""
    from theory.kernel_density.engine import means as found

    return found(d, n, h, q)


@cache
def law(d: int, n: float, h: float, q: float = 1.0) -> SumLaw | LargestLaw:
    """The exact law of log S, computed once."""
    return theory.sum_law(d, n, h, q)


def limit(
    value: Callable[[int], float | Prediction],
    sizes: Sequence[int] = SIZES,
    terms: Sequence[Term] = SLOW,
) -> Extrapolated:
    """The constant of a least-squares fit of value(d) on 1 and these corrections.

    Its error is that of the values, propagated; what the corrections leave out is for the
    tolerance of the case.
    """
    solved = _solved(sizes, terms)
    found = [value(d) for d in sizes]
    errors = [x.error if isinstance(x, Prediction) else 0.0 for x in found]
    values = [x.value if isinstance(x, Prediction) else x for x in found]
    error = float(np.abs(solved[0]) @ errors)
    constant = Prediction(float(solved[0] @ values), error, "extrapolated in d")
    factors = (solved @ values).tolist()

    def fit(d: float) -> float:
        return float(np.dot(factors, [1.0, *(term(d) for term in terms)]))

    return extrapolated(constant, "d", sizes, found, fit)


def limits(
    values: Callable[[int], Sequence[float]],
    sizes: Sequence[int] = SIZES,
    terms: Sequence[Term] = SLOW,
) -> list[float]:
    """The same for several values at once."""
    found = _solved(sizes, terms)[0] @ np.array([values(d) for d in sizes])
    return [float(x) for x in found]


def _solved(sizes: Sequence[int], terms: Sequence[Term]) -> Array:
    """From values to the coefficients of 1 and the terms."""
    return np.asarray(np.linalg.pinv([[1.0, *(term(d) for term in terms)] for d in sizes]))


def sums(name: str, quick: int, full: int, **params: Any) -> Measured:
    """An estimate of data sets drawn by order statistics."""
    return measured(SUMS, Params(**params), name, quick=quick, full=full)


def lost(h: float, alpha: float = ALPHA) -> float:
    """alpha + phi(1) + u*/(2 h^2): log(n E W/a_n)/d in the limit, a_n the largest weight."""
    return alpha + float(theory.moment_rate(1.0, h)) + float(theory.nearest(alpha)) / (2 * h * h)


def deficit(index: float, alpha: float = 0.25) -> Callable[[int], Prediction]:
    """d -> (log n E W - E log S)/d, exactly."""
    h = bandwidth(index, alpha)

    def found(d: int) -> Prediction:
        n = points(d, alpha)
        log_sum = means(d, n, h).log_sum
        gap = (log_mean(d, n, h) - log_sum.value) / d
        return Prediction(gap, log_sum.error / d, log_sum.method)

    return found


def boundary(which: str, alpha: float) -> float:
    """h_G, h_CLT or h_V for "G", "CLT" or "V", at a typical query."""
    b = theory.boundaries(alpha)
    found = {"G": b.h_glass, "CLT": b.h_clt, "V": theory.variance_bandwidth(alpha)}[which]
    return float(found)

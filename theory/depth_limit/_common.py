"""The quadrature shared by the modules of this package."""

import math
from collections.abc import Callable

import numpy as np


def relative_decay(x: np.ndarray) -> np.ndarray:
    """(1 - e^-x) / x, 1 at 0: the mean of e^{-sx} over s in [0, 1]."""
    safe = np.where(x == 0, 1.0, x)
    return np.asarray(np.where(x == 0, 1.0, -np.expm1(-safe) / safe))


def integral_from_zero(function: Callable[[np.ndarray], np.ndarray], upper: float) -> float:
    """Integral over [0, upper] of a vectorised function that is analytic in sqrt(w) near 0.

    Gauss-Legendre in sqrt(w) removes the square-root behaviour that first-passage quantities
    have at time zero; 40 nodes per unit of sqrt(w) are exact to rounding for functions that vary
    on the scale 1.
    """
    if upper == 0:
        return 0.0
    root = math.sqrt(upper)
    edges = np.linspace(0, root, math.ceil(root) + 1)
    nodes, weights = np.polynomial.legendre.leggauss(40)
    half = np.diff(edges)[:, None] / 2
    u = (edges[:-1, None] + half * (1 + nodes)).ravel()
    return float(np.dot((half * weights).ravel() * 2 * u, function(u * u)))

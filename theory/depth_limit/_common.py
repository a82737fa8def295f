"""Checks of arguments and the quadrature shared by the modules of this package."""

import math
import operator
from collections.abc import Callable

import numpy as np


def whole(value: object, name: str) -> int:
    """`value` as a Python int >= 1; ValueError naming `name` otherwise."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]  # the point is to find out
    except TypeError:
        number = 0
    if isinstance(value, bool | np.bool_) or number < 1:
        raise ValueError(f"{name} must be a whole number >= 1, not {value!r}.")
    return number


def real(value: object, name: str) -> float:
    """`value` as a finite float; ValueError naming `name` otherwise."""
    try:
        number = float(value)  # type: ignore[arg-type]  # the point is to find out
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{name} must be a finite number, not {value!r}.")
    return number


def nonnegative(value: object, name: str = "time", at_most: float = math.inf) -> float:
    """`value` as a finite float in [0, at_most]; ValueError naming `name` otherwise."""
    number = real(value, name)
    if number < 0:
        raise ValueError(f"{name} must be >= 0, not {value!r}.")
    if number > at_most:
        raise ValueError(f"{name} must be <= {at_most:g} here, not {value!r}.")
    return number


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

r"""Moments in a network whose weights are given: three approximations, each with fewer assumptions.

A layer has weights W (out, in) and biases b, and h = f(z), z = W h' + b.  All three take every z_i
as normal, N(y_i, x_i).

    shared       the setting of the theorems: all inputs of a layer have one mean mu and one
                 variance nu and are independent: y_i = mu omega_i + b_i, x_i = nu tau_i; the next
                 mu and nu are the averages of E h_i and of Var h_i.
    independent  every unit has its own mean and variance: y = W m' + b, x_i = sum_j W_ij^2 v'_j.
    dependent    and units have covariances: S = W C' W^T, x_i = S_ii, with z jointly normal.

For the last, with F_i^(k) = d^k/dy^k E f(z_i) at (y_i, x_i), Mehler's formula gives

    Cov(h_i, h_j) = sum_{k >= 1} S_ij^k F_i^(k) F_j^(k) / k!,

cut off after ORDER terms: for SELU the rest is below 2e-3 sqrt(Var h_i Var h_j) even at correlation
1, where the sum is known, and far smaller away from it.  None of the three has an error bound: sums
of inputs are not normal.  Source: derived.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from theory.selu.blocks import Array
from theory.selu.moments import derivatives, gaussian_moments

ORDER = 12


class Given(NamedTuple):
    """A layer whose weights are given."""

    weight: Array
    """(out, in)"""
    bias: Array
    """(out,)"""


class Units(NamedTuple):
    """Mean and variance of every unit of a layer."""

    mean: Array
    variance: Array


def shared(layers: Sequence[Given], mean: float, variance: float) -> list[Units]:
    """Of each layer's units when their inputs share one mean and one variance."""
    found = []
    for weight, bias in layers:
        y = mean * weight.sum(axis=1) + bias
        units = _moments(y, variance * np.square(weight).sum(axis=1))
        mean, variance = (float(np.mean(part)) for part in units)
        found.append(units)
    return found


def independent(layers: Sequence[Given], mean: Array, variance: Array) -> list[Units]:
    """Of each layer's units when every input has its own mean and variance."""
    found, before = [], Units(mean, variance)
    for weight, bias in layers:
        before = _moments(weight @ before.mean + bias, np.square(weight) @ before.variance)
        found.append(before)
    return found


def dependent(layers: Sequence[Given], mean: Array, covariance: Array) -> list[Units]:
    """Of each layer's units when the inputs have covariances as well."""
    found = []
    for weight, bias in layers:
        y, s = weight @ mean + bias, weight @ covariance @ weight.T
        units = _moments(y, np.maximum(np.diagonal(s), 0))
        mean, covariance = units.mean, _covariance(y, s, units.variance)
        found.append(units)
    return found


def _moments(y: Array, x: Array) -> Units:
    found = gaussian_moments(y, x)
    return Units(np.atleast_1d(found.mean), np.atleast_1d(found.variance))


def _covariance(y: Array, s: Array, variance: Array) -> Array:
    """Covariance of f(z) for z ~ N(y, s), the diagonal known."""
    random = np.diagonal(s) > 0  # a unit that never changes covaries with none
    tower, _ = derivatives(np.where(random, y, 1.0), np.where(random, np.diagonal(s), 1.0), ORDER)
    found, power = np.zeros_like(s), np.ones_like(s)
    for k in range(1, ORDER + 1):
        power = power * s
        slope = np.where(random, tower[k], 0) / math.sqrt(math.factorial(k))
        found += power * np.outer(slope, slope)
    np.fill_diagonal(found, variance)
    return found

r"""Activations whose limit kernel has a chosen exponent (claim C2).

alpha = -2 log D'(0)/log D'(1).  The classifier is consistent in dimension d iff alpha = d.

    d >= 2       D = q x + (1 - 2q) x^2 + q x^3,   q = 2^(-d/2):   D'(0) = q, D'(1) = 2
    0 < d <= 2   D = x/2 + (1 - f) x^k/2 + f x^(k+1)/2,  k + f = 2^(1 + 2/d) - 1 (derived)

The first needs q <= 1/2.  The second has D'(0) = 1/2, D'(1) = (1 + k + f)/2 = 2^(2/d); at d = 1 it
is (x + x^7)/2, at d = 2 both are (x + x^3)/2.  An activation with the dual sum c_k x^k is
sum_k (+-) sqrt(c_k) h_k.

The sine family sinh(a x)/sinh(a) reaches every d > 1: alpha increases with a, from 1 at a -> 0.
"""

import math

import numpy as np
import scipy.optimize

from theory._checks import real
from theory.ntk_classifiers.dual import Dual, from_series

_SINE_RANGE = (1e-2, 300.0)


def optimal_dual(dimension: float) -> Dual:
    """A polynomial dual with exponent `dimension`, any real number from 0.25 to 1000."""
    d = real(dimension, "dimension")
    if not 0.25 <= d <= 1000:
        raise ValueError(f"dimension must be between 0.25 and 1000, not {dimension!r}.")
    if d >= 2:
        q = 2.0 ** (-d / 2)
        return from_series([0.0, q, 1 - 2 * q, q], f"optimal:{d:g}")
    power = 2.0 ** (1 + 2 / d) - 1
    k = math.floor(power)
    c = np.zeros(k + 2)
    c[1], c[k], c[k + 1] = 0.5, (1 - (power - k)) / 2, (power - k) / 2
    return from_series(c.tolist(), f"optimal:{d:g}")


def sine_exponent(a: float) -> float:
    """alpha of sin(sqrt(a) x): 2 log(sinh(a)/a)/log(a coth a)."""
    return 2 * _log_sinhc(a) / (math.log(a) - math.log(math.tanh(a)))


def sine_parameter(dimension: float) -> float:
    """The a for which sin(sqrt(a) x) has exponent `dimension`: > 1, since alpha = 1 needs a = 0."""
    d = real(dimension, "dimension")
    low, high = (sine_exponent(a) for a in _SINE_RANGE)
    if not low <= d <= high:
        raise ValueError(
            f"the sine family reaches exponents above 1; here from {low:.6g} to {high:.6g}, "
            f"not {dimension!r}."
        )
    return float(
        scipy.optimize.brentq(lambda a: sine_exponent(a) - d, *_SINE_RANGE, xtol=1e-15, rtol=1e-15)
    )


def _log_sinhc(a: float) -> float:
    """log(sinh(a)/a)."""
    if a < 0.5:
        square = a * a
        return math.log1p(math.fsum(square**k / math.factorial(2 * k + 1) for k in range(1, 9)))
    return a + math.log1p(-math.exp(-2 * a)) - math.log(2 * a)

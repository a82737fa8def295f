r"""Width one with the activation whose limit is an Ornstein-Uhlenbeck process (claim C3).

    h(z) = int_0^z e^{u^2} du,    phi(y) = exp(h^{-1}(alpha y + beta)^2),    alpha != 0.

Then Z = h^{-1}(alpha X + beta) satisfies dZ = -alpha^2 Z dt + alpha dB (Ito; `symbolic` proves it):

    Z_t ~ N(Z_0 e^{-alpha^2 t}, (1 - e^{-2 alpha^2 t})/2),    X_t = (h(Z_t) - beta)/alpha,

stationary law N(0, 1/2).  X has no second moment after t* = ln 2 / (2 alpha^2), so compare laws or
quantiles, never moments of X.
"""

import math
from typing import NamedTuple

from scipy import special

from theory._checks import nonnegative, real
from theory.activations import Activation, activation, ou_coordinate


class OrnsteinUhlenbeckLaw(NamedTuple):
    """The Gaussian law of Z_t given X_0."""

    start: float
    """Z_0 = h^{-1}(alpha X_0 + beta)."""
    mean: float
    variance: float


def ou_activation(alpha: float, beta: float = 0.0) -> Activation:
    """phi(y) = exp(h^{-1}(alpha y + beta)^2); not globally Lipschitz."""
    a, b = _slope(alpha), real(beta, "beta")
    return activation(f"ou:{a!r},{b!r}")


def ou_law(alpha: float, beta: float, start: float, time: float) -> OrnsteinUhlenbeckLaw:
    """Law of Z_t = h^{-1}(alpha X_t + beta) for X_0 = `start`."""
    a, b, t = _slope(alpha), real(beta, "beta"), nonnegative(time)
    z = float(ou_coordinate(a * real(start, "start") + b))
    rate = a * t * a  # in this order time 0 gives 0 at any alpha
    return OrnsteinUhlenbeckLaw(z, z * math.exp(-rate), -math.expm1(-2 * rate) / 2)


def ou_quantile(probability: float, alpha: float, beta: float, start: float, time: float) -> float:
    """Quantile of X_t for X_0 = `start`; infinite where X_t exceeds the largest double."""
    p = real(probability, "probability")
    if not 0 < p < 1:
        raise ValueError(f"probability must lie strictly between 0 and 1, not {probability!r}.")
    law = ou_law(alpha, beta, start, time)
    # X is an increasing function of alpha Z.
    z = law.mean + math.copysign(math.sqrt(law.variance), alpha) * special.ndtri(p)
    return float((math.sqrt(math.pi) / 2 * special.erfi(z) - beta) / alpha)


def ou_critical_time(alpha: float) -> float:
    """t* = ln 2 / (2 alpha^2): E X_t^2 is infinite for t > t* (deterministic start)."""
    a = _slope(alpha)
    return math.log(2) / 2 / a / a


def _slope(alpha: float) -> float:
    a = real(alpha, "alpha")
    if a == 0:
        raise ValueError("alpha must not be 0; the activation would be constant.")
    return a

r"""Where random weights put a neuron: the law of (omega, tau) at initialisation (claim C10).

w_i ~ N(0, 1/n) independent: omega = sum w_i ~ N(0, 1) for EVERY n, and n tau = sum n w_i^2 ~
chi^2_n.  Jointly n tau = omega^2 + R, R ~ chi^2_(n-1) independent of omega.

At tau = 1 and SELU's constants (0, 1) is a fixed point for every omega shared by all neurons, with
Jacobian J(omega) = M(0, 1) diag(omega, 1).  It attracts between the omega at which J has the
eigenvalue -1 or 1; det(I -+ J) is linear in omega.  Source: derived.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy import special

from theory._checks import whole
from theory._panels import integrate
from theory.selu.moments import derivatives


class Range(NamedTuple):
    """An open interval."""

    low: float
    high: float


def attracting_omega() -> Range:
    """The omega for which (0, 1) attracts at tau = 1 (shared omega, SELU's constants)."""
    m, q = derivatives(0.0, 1.0, 2)  # m[0] = 0
    a, b, c, d = float(m[1]), float(m[2]) / 2, float(q[1]), float(q[2]) / 2
    return Range(-(1 + d) / (a * (1 + d) - b * c), (1 - d) / (a * (1 - d) + b * c))


def probability_inside(
    width: int,
    omega_range: tuple[float, float] | None = None,
    tau_range: tuple[float, float] | None = None,
) -> float:
    """P(omega and tau in their closed ranges) for n = `width` weights N(0, 1/n); None: anywhere.

    Absolute error below 1e-13.
    """
    n = whole(width, "width")
    low, high = _ordered(omega_range, "omega_range")
    tau_low, tau_high = _ordered(tau_range, "tau_range")
    tau_low = max(tau_low, 0.0)
    if tau_high < tau_low:
        return 0.0
    if omega_range is None:
        return _between(special.chdtr, special.chdtrc, n, n * tau_low, n * tau_high)
    if tau_range is None:
        return _normal_between(low, high)
    if n == 1:  # tau = omega^2
        inner, outer = math.sqrt(tau_low), math.sqrt(tau_high)
        pieces = ((max(low, -outer), min(high, -inner)), (max(low, inner), min(high, outer)))
        return sum(_normal_between(*piece) for piece in pieces if piece[0] < piece[1])

    def density(omega: np.ndarray) -> np.ndarray:
        rest = np.maximum(n * np.array([[tau_low], [tau_high]]) - omega**2, 0)
        below = special.chdtr(n - 1, rest)
        return np.asarray(
            np.exp(-omega * omega / 2) / math.sqrt(2 * math.pi) * np.diff(below, axis=0)[0]
        )

    ends = np.clip([low, high], -9, 9)
    kinks = [
        sign * math.sqrt(n * tau)
        for tau in (tau_low, tau_high)
        if tau < math.inf
        for sign in (-1, 1)
    ]
    edges = np.unique(np.clip([*np.arange(-9, 10), *ends, *kinks], *ends))
    return min(max(integrate(density, edges).value, 0.0), 1.0) if edges.size > 1 else 0.0


def _ordered(ends: tuple[float, float] | None, name: str) -> tuple[float, float]:
    low, high = (-math.inf, math.inf) if ends is None else map(float, ends)
    if not low <= high:
        raise ValueError(f"{name} must be (low, high) with low <= high, not {ends!r}.")
    return low, high


def _normal_between(low: float, high: float) -> float:
    if low > 0:
        low, high = -high, -low
    return float(special.ndtr(high) - special.ndtr(low))


def _between(cdf: np.ufunc, survival: np.ufunc, n: int, low: float, high: float) -> float:
    """F(high) - F(low), from the tails where both are beyond the middle."""
    return float(survival(n, low) - survival(n, high) if low > n else cdf(n, high) - cdf(n, low))

r"""The active count and the log-norm at time zero, and how they leave it (claims C5, C6, C7).

    E[A_0 | N_0 > 0] = n / (2 (1 - 2^-n)),        r_n = 1 / (4 (1 - 2^-n)) - 1/n,
    E[A_s] = n/2 - kappa_n s^{3/2} + O(s^2),      kappa_n = E|phi(G)| / (3 pi sqrt(n)),

G a standard normal vector of n - 1 coordinates.  The first time derivative of E[A_s] at 0 is zero:
the constant-rate formula (rate r_n for ever) is tangent to the truth, and wrong afterwards.
"""

import math
from fractions import Fraction

import numpy as np
from scipy import special

from theory._checks import nonnegative, whole
from theory.depth_limit.rates import log_norm_rate_at_zero as log_norm_rate_at_zero


def log_norm_rate_at_zero_exact(width: int) -> Fraction:
    """The rate of ReLU at time 0 as a fraction, by summing over the number of active neurons."""
    n = whole(width, "width")
    total, term = 0, 1
    for k in range(1, n + 1):
        term = term * (n - k + 1) // k
        total += k * term
    return (Fraction(total, 2**n - 1) / 2 - 1) / n


def active_count_at_zero(width: int) -> float:
    """E[A_0 | N_0 > 0] = n / (2 (1 - 2^-n)): the mean of a positive Binomial(n, 1/2)."""
    n = whole(width, "width")
    return n / (2 * _alive(n))


def constant_rate_log_ratio(width: int, time: float) -> float:
    """r_n t: the attributed formula for E[log(|phi(X_t)|/|phi(X_0)|) given N_0 > 0].

    Exact for n = 1 and to first order at t = 0; wrong for 2 <= n < infinity and t > 0.
    """
    return log_norm_rate_at_zero(width) * nonnegative(time)


def constant_rate_active_count(width: int, time: float) -> float:
    """E[A_0 | N_0 > 0] at every time: the active count that the constant-rate formula implies."""
    nonnegative(time)
    return active_count_at_zero(width)


def small_time_coefficient(width: float) -> float:
    """kappa_n of E[A_s] = n/2 - kappa_n s^{3/2} + O(s^2); `math.inf` gives 1/(3 pi sqrt 2)."""
    if width == math.inf:
        return 1 / (3 * math.pi * math.sqrt(2))
    n = whole(width, "width")
    return mean_post_activation_norm(n - 1) / (3 * math.pi * math.sqrt(n)) if n > 1 else 0.0


def mean_post_activation_norm(dimension: int) -> float:
    """E|relu(G)| for G ~ N(0, I_m): a Binomial(m, 1/2) mixture of chi means.

    Above m = 1e6 the expansion sqrt(m/2) (1 - 5/(8m)), relative error below 1/m^2, replaces
    the sum.  Relative error below 1e-12 at every m.
    """
    m = whole(dimension, "dimension")
    if m > 10**6:
        return math.sqrt(m / 2) * (1 - 5 / (8 * m))
    # Binomial weights from the mode outwards: ratios keep the relative precision that the
    # difference of three large log-gammas would lose.
    mode, reach = m // 2, 45 * math.isqrt(m) // 2 + 2
    up = np.arange(mode, min(m, mode + reach))
    down = np.arange(mode, max(0, mode - reach), -1)
    right = np.cumprod((m - up) / (up + 1))
    left = np.cumprod(down / (m - down + 1))
    weights = np.concatenate([left[::-1], [1.0], right])
    k = np.arange(mode - left.size, mode + right.size + 1)
    return float(np.dot(weights, _chi_mean(k)) / weights.sum())


def _chi_mean(degrees: np.ndarray) -> np.ndarray:
    """E chi_k = sqrt(2) Gamma((k+1)/2) / Gamma(k/2), zero at k = 0."""
    k = np.maximum(degrees, 1).astype(float)
    series = np.sqrt(k) * (1 - 1 / (4 * k) + 1 / (32 * k**2) + 5 / (128 * k**3))
    exact = math.sqrt(2) * special.poch(np.minimum(k, 1e4) / 2, 0.5)
    return np.asarray(np.where(degrees == 0, 0.0, np.where(k > 1e4, series, exact)))


def _alive(n: int) -> float:
    return 1 - math.ldexp(1.0, -n)

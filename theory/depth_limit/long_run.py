r"""Long horizons: rate of the log-norm, and how fast one neuron is left (C17, C19; derived).

phi(x) = x for x > 0 and a x for x < 0; only |a| matters.

a != 0, n >= 2: the direction of X is a diffusion with generator (nu/2n) Laplacian, nu = |phi|^2 on
    the sphere, nu >= min(1, a^2): ergodic, with density proportional to 1/nu.  log|X| has drift
    ((n-2)/2n) nu (claim C20) and |phi|/|X| is bounded, so (1/T) E log|phi(X_T)| tends to
    (n-2)/(2n) / E[1/nu] = (n-2) / (2 n tau_n(a)).
a != 0, n = 1: X never changes sign, and the mean rate is that of two geometric Brownian motions.
a = 0 (ReLU): after a random finite time exactly one neuron is active, and it is a geometric
    Brownian motion of rate -1/(2n) for ever.  The rate jumps at a = 0.

ReLU, how late: P(A_t >= 2) = exp(-c_n t/(2n) + o(t)), with c_n the least value of

    int |grad f|^2 / int f^2/nu       over f on the sphere that vanish where nu = 0.

A single neighbouring facet gives c_n <= 1/4.  With d = sqrt(nu), |grad d|^2 = 1 - d^2, and the
trial function d^alpha, alpha > 1/2, gives c_n <= alpha^2 (1 - E d^{2 alpha} / E d^{2 alpha - 2})
over the directions with d > 0, where d^2 ~ Beta(k/2, (n-k)/2) with k ~ Binomial(n, 1/2), k >= 1.
"""

import math

import numpy as np
from scipy import optimize, special

from theory._checks import real, whole
from theory.depth_limit.rates import two_slope_tau


def long_run_rate(width: int, slope: float) -> float:
    """lim (1/T) E log|phi(X_T)| for slopes 1 and `slope`, given N_0 > 0; relative error 1e-14.

    (n-2) / (2 n tau_n) for slope != 0 and n >= 2; -(1 + slope^2)/4 for slope != 0 and n = 1;
    -1/(2n) for slope 0.
    """
    n, a = whole(width, "width"), real(slope, "slope")
    if a == 0:
        return -1 / (2 * n)
    if n == 1:
        return -(1 + a * a) / 4
    return (n - 2) / (2 * n * two_slope_tau(n, a))


def hardy_bound(width: int) -> float:
    """An upper bound on c_n of P(A_t >= 2) = exp(-c_n t/(2n) + o(t)), ReLU, n >= 2.

    The least of 1/4 and of the trial functions d^alpha; below 1/4 from width 5 on.  Any alpha
    gives a bound, so the search for the best one costs sharpness, never truth.
    """
    n = whole(width, "width")
    if n == 1:
        raise ValueError("width must be >= 2, not 1: a single neuron is never joined by another.")
    k = np.arange(1, n + 1)
    log_weight = -special.betaln(k + 1, n - k + 1)  # log C(n,k), up to what cancels in the ratio

    def bound(log_excess: float) -> float:
        excess = math.exp(log_excess)  # alpha - 1/2; E d^{2 alpha - 2} has the pole 1/excess, k = 1
        alpha = 0.5 + excess
        log_lower = log_weight + special.gammaln((k - 1) / 2 + excess) - special.gammaln(k / 2)
        log_upper = log_lower + np.log((k - 1) / 2 + excess) - math.log((n - 1) / 2 + excess)
        ratio = math.exp(special.logsumexp(log_upper) - special.logsumexp(log_lower))
        return alpha * alpha * (1 - ratio)

    grid = np.linspace(max(-700.0, -n), math.log(2), 60)
    best = int(np.argmin([bound(u) for u in grid]))
    bracket = grid[max(best - 1, 0)], grid[min(best + 1, grid.size - 1)]
    found = optimize.minimize_scalar(bound, bounds=bracket, method="bounded")
    return min(0.25, float(found.fun))

r"""Squared-error theory and the classical rules of bandwidth (C14, C15).

Data N(0, I_d), Gaussian kernel.  The integrated squared error over |rho|^2 is, exactly,

    MISE / |rho|^2 = h^-d / n + (1 - 1/n) (1 + h^2)^(-d/2) - 2 (1 + h^2/2)^(-d/2) + 1.

With t = 1/h^2 and k = d/2 + 1 its stationary points solve

    1/n = (t + 1/2)^-k - (1 - 1/n) (t + 1)^-k,

whose right side falls in t, is >= 1/n at t = 1/2 and <= 1/n at t = n^(1/k) - 1/2: there is one
minimum, and h^2 >= 1 / (n^(2/(d+2)) - 1/2).  In large dimension it says nothing: the least MISE is
that of the estimate 0, up to an exponentially small gain.
"""

import numpy as np
from numpy.typing import ArrayLike

from theory.kernel_density.rates import Array, Real, Spectrum, groups, plain, positive, root


def mise_gain(d: ArrayLike, n: ArrayLike, h: ArrayLike) -> Real:
    """1 - MISE / |rho|^2: by how much the estimator beats the estimate 0 (< 0: it does not)."""
    half, log_n, log_h = positive(d, "d") / 2, _log_size(n), np.log(positive(h, "h"))
    square = 2 * log_h
    with np.errstate(over="ignore", under="ignore"):
        signal = 2 * np.exp(-half * np.logaddexp(0, square - np.log(2)))
        bias = -np.expm1(-log_n) * np.exp(-half * np.logaddexp(0, square))
        noise = np.exp(-log_n - half * square)
    return plain(signal - bias - noise)


def relative_mise(d: ArrayLike, n: ArrayLike, h: ArrayLike) -> Real:
    """MISE / |rho|^2, exact (C14)."""
    return 1 - mise_gain(d, n, h)


def mise_optimum(d: ArrayLike, n: ArrayLike) -> Real:
    """The bandwidth of least MISE, exact at every (n, d)."""
    dimension, log_n = np.broadcast_arrays(positive(d, "d"), _log_size(n))
    k = dimension / 2 + 1

    def gap(x: Array, k: Array, log_n: Array) -> Array:
        t = np.exp(x)
        shrink = k * np.log1p(-0.5 / (t + 1))
        left = -np.expm1(shrink) + np.exp(shrink - log_n)
        return np.asarray(np.log(left) - k * np.log(t + 0.5) + log_n)

    high = np.log(0.5 + np.expm1(log_n / k))
    log_t = root(gap, np.full_like(high, np.log(0.5)) - 1e-9, high + 1e-9, k, log_n)
    return plain(np.exp(-log_t / 2))


def mise_approximation(d: ArrayLike, n: ArrayLike) -> Real:
    """1 / sqrt(n^(2/(d+2)) - 1/2), a lower bound of `mise_optimum`, exact for n = 1 and d -> oo."""
    return plain((0.5 + np.expm1(_log_size(n) / (positive(d, "d") / 2 + 1))) ** -0.5)


def scott(d: ArrayLike, n: ArrayLike) -> Real:
    """Scott's factor n^(-1/(d+4)), for data of unit variance."""
    return plain(np.exp(-_log_size(n) / (positive(d, "d") + 4)))


def silverman(d: ArrayLike, n: ArrayLike, spectrum: Spectrum | None = None) -> Real:
    """The isotropic bandwidth of least asymptotic MISE for N(0, Sigma), d whole directions.

    h^(d+4) = (d/n) |Sigma|^(1/2) / (tr Sigma^-2 / 2 + (tr Sigma^-1)^2 / 4); Silverman's factor
    ((d + 2) n / 4)^(-1/(d+4)) for Sigma = I, and e^-alpha times the geometric mean of sigma in
    large dimension.
    """
    dimension, g = positive(d, "d"), groups(spectrum)
    inverse, square = (g.mean(np.exp(-k * g.logs)) for k in (1, 2))
    curvature = square / 2 + dimension * inverse**2 / 4
    log = dimension * g.log_scale - _log_size(n) - np.log(curvature)
    return plain(np.exp(log / (dimension + 4)))


def _log_size(n: ArrayLike) -> Array:
    size = positive(n, "n")
    if np.any(size < 1):
        raise ValueError(f"n must be >= 1, not {n!r}.")
    return np.asarray(np.log(size))

r"""From the limit to finite d: the prefactor of the small-ball probability, and exact shares (C9).

    log P(r^2 < d u*(alpha)) = -d alpha - log(2 pi d v) / 2 + O(1/d)          (Bahadur, Rao)

with v of `rates` at s_G(alpha).  So a limit evaluated at alpha_eff = alpha - log(2 pi d v) / (2d)
has its largest correction, O(log d / d), already in it.  At d <= 100 that correction matters more
than the limit; a decision needs the exact finite-size quantities all the same.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, ndtr
from scipy.stats import ncx2

from theory.kernel_density.rates import (
    Array,
    Real,
    Spectrum,
    groups,
    nonnegative,
    plain,
    positive,
    tilt_at,
    width_at,
)


def log_probability(
    d: ArrayLike, alpha: ArrayLike, q: ArrayLike = 1.0, spectrum: Spectrum | None = None
) -> Real:
    """log P(|x - y|^2 < d u*(alpha)) up to O(1/d)."""
    dimension, a = positive(d, "d"), positive(alpha, "alpha")
    return plain(-dimension * a - _prefactor(dimension, a, q, spectrum))


def effective_alpha(
    d: ArrayLike, alpha: ArrayLike, q: ArrayLike = 1.0, spectrum: Spectrum | None = None
) -> Real:
    """alpha - log(2 pi d v) / (2d): the alpha at which to evaluate limits at finite d.

    ValueError where nothing is left of alpha: d is then too small for any limit.
    """
    dimension, a = positive(d, "d"), positive(alpha, "alpha")
    value = a - _prefactor(dimension, a, q, spectrum) / dimension
    if np.any(value <= 0):
        least = value.min().item()
        raise ValueError(f"alpha_eff is {least:.3g} <= 0: d is too small, use exact quantities.")
    return plain(value)


def critical_fraction(
    d: ArrayLike, alpha: ArrayLike, q: ArrayLike = 1.0, spectrum: Spectrum | None = None
) -> Real:
    """Share of n E W, at lambda* = 1, that typical data sets carry; 1/2 as d -> oo, slowly.

    Phi(-log(2 pi d v) / (2 sqrt(d v))); `carried_share` is the exact one.  The same number is the
    share of the variance n E W^2 at lambda* = 2.
    """
    dimension, a = positive(d, "d"), positive(alpha, "alpha")
    g, c = groups(spectrum), nonnegative(q, "q")
    spread = np.sqrt(dimension * width_at(tilt_at(a, c, g), c, g))
    return plain(ndtr(-_prefactor(dimension, a, q, spectrum) / spread))


def carried_share(
    d: ArrayLike, h: ArrayLike, beyond: ArrayLike, power: ArrayLike = 1.0, q: ArrayLike = 1.0
) -> Real:
    """E[W^power; r^2 > beyond] / E W^power, exactly (C6, C17): model G, Gaussian kernel.

    Tilting N(0, 1) by W^power divides r^2 by s = h^2 / (h^2 + power): the survival function of the
    noncentral chi-square law of noncentrality q d s at beyond / s.
    """
    dimension, c = positive(d, "d"), nonnegative(q, "q")
    s = 1 / (1 + positive(power, "power") / positive(h, "h") ** 2)
    return plain(ncx2.sf(nonnegative(beyond, "beyond") / s, dimension, c * dimension * s))


def local_index(h: ArrayLike, squared_distance: ArrayLike, intrinsic_dimension: ArrayLike) -> Real:
    """lambda* = h^2 D / r^2 of any density (C13): D = d log P(|x - y| < r) / d log r.

    Take r, the distance to the nearest neighbour, and D, the local intrinsic dimension, at that
    scale.  At the best bandwidth r / sqrt(d) it is D / d: condensed wherever D < d.
    """
    r2 = positive(squared_distance, "squared_distance")
    return plain(positive(h, "h") ** 2 * positive(intrinsic_dimension, "intrinsic_dimension") / r2)


def log_kernel_integral(d: ArrayLike, power: float) -> Real:
    """log of the integral of exp(-d (|u| / sqrt d)^p / p) over R^d, exactly (C12).

    (2 pi^(d/2) / Gamma(d/2)) d^(d/2) (p/d)^(d/p) Gamma(d/p) / p; per d it tends to
    log(2 pi e) / 2 - 1/p.  With bandwidth h, add d log h.
    """
    dimension, p = positive(d, "d"), float(positive(power, "power"))
    sphere = np.log(2) + dimension / 2 * np.log(np.pi * dimension) - gammaln(dimension / 2)
    radial = dimension / p * np.log(p / dimension) + gammaln(dimension / p) - np.log(p)
    return plain(sphere + radial)


def _prefactor(d: Array, alpha: Array, q: ArrayLike, spectrum: Spectrum | None) -> Array:
    """log(2 pi d v) / 2."""
    g, c = groups(spectrum), nonnegative(q, "q")
    return np.asarray(np.log(2 * np.pi * d * width_at(tilt_at(alpha, c, g), c, g)) / 2)

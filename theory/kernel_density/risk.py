r"""Typical log-density, its fluctuations, shares, Kullback-Leibler risk (C4, C5, C7, C10, C12).

With s = max(s_1, s_G), s_1 the tilt at lambda = 1 (s_1 = h^2 for p = 2), u = u(s) and
l = min(lambda*, 1), one formula covers the self-averaging and the condensed phase:

    f = lim log(rho_h(x)) / d = 1/p - log(2 pi e) / 2 - log h - alpha(s) - (sqrt(u) / h)^p / p

and df / dlog h = (sqrt(u) / h)^p - 1, df / dalpha = 1/l - 1, df / dq = -<z> / (2l) follow because
s is stationary or, at s_G, fixed by alpha.  The risk against the truth at q = 1 is

    kappa = (e^y - 1 - y) / p + < g(w) - g(<w^2>) > / 2,   y = p log(sqrt(u) / h),
    g(t)  = -log(1 - t) - t,

whose first term vanishes at h* = sqrt(u*), and which does not cancel at any alpha.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from theory.kernel_density.phases import exponent, log_blow_up, log_glass
from theory.kernel_density.rates import (
    Array,
    Groups,
    Real,
    Spectrum,
    excess,
    groups,
    log_distance_at,
    moment_rate,
    nonnegative,
    plain,
    positive,
    rate_at,
    root,
    slope_at,
    tilt_at,
)

ONE = np.ones(())


class FreeEnergy(NamedTuple):
    """f = lim log(rho_h(x)) / d and its derivatives."""

    value: Real
    by_log_h: Real
    by_log_h_twice: Real
    """Jumps at h_G, where the value and its first derivatives do not; there, the value above."""
    by_alpha: Real
    by_q: Real
    spread: Real
    """sqrt(d) times it is the standard deviation of log rho_h(x) over x ~ rho (take q = 1)."""


class KLLimit(NamedTuple):
    """The bandwidth of least Kullback-Leibler risk as d -> oo, for every kernel exponent."""

    bandwidth: Real
    risk: Real
    """kappa(h*) = KL / d = alpha + log h* - <log sigma>."""
    stable_index: Real
    """lambda*(h*) = u* / s_G < 1: the optimum is condensed."""
    share: Real
    """E Y_2 = 1 - lambda*(h*) for the Gaussian kernel and all other exponents."""


def free_energy(
    alpha: ArrayLike,
    h: ArrayLike,
    q: ArrayLike = 1.0,
    spectrum: Spectrum | None = None,
    *,
    power: float = 2.0,
) -> FreeEnergy:
    """Typical log-density per dimension at a query with x_a^2 = q sigma_a^2 (C4, C12, C13)."""
    a, log_h, c, g, p = _arguments(alpha, h, q, spectrum, power)
    low = tilt_at(a, c, g)
    free = _tilt(log_h, 1.0, p, c, g)
    log_s = np.maximum(low, free)
    y = p * (log_distance_at(log_s, c, g) / 2 - log_h)
    index = np.exp(np.minimum(p * (log_h - log_glass(low, p, c, g)), 0))
    z = expit(g.logs - log_s[..., None])
    slope = slope_at(log_s, c, g)
    curve = np.where(free >= low, (slope - 1) / (1 + (p / 2 - 1) * slope), -1.0)
    with np.errstate(over="ignore", divide="ignore"):  # h -> 0: f -> -oo
        values = (
            -np.expm1(y) / p - (1 + np.log(2 * np.pi)) / 2 - log_h - rate_at(log_s, c, g),
            np.expm1(y),
            p * np.exp(y) * curve,
            1 / index - 1,
            -g.mean(z) / (2 * index),
            np.sqrt(g.mean(z * z) / 2) / index,
        )
    return FreeEnergy(*(plain(x) for x in np.broadcast_arrays(*values)))


def fluctuation_exponent(
    alpha: ArrayLike,
    h: ArrayLike,
    q: ArrayLike = 1.0,
    spectrum: Spectrum | None = None,
    *,
    power: float = 2.0,
) -> Real:
    """Delta = -lim log |S / (n E W) - 1| / d (C5); 0 in the condensed phase, by convention.

    (alpha - phi(2) + 2 phi(1)) / 2 for lambda* >= 2 and alpha + phi(1) + e(u*) for
    1 <= lambda* <= 2, with phi(lambda) = -min_u (I(u) + lambda e(u)), e(u) = (sqrt(u) / h)^p / p.
    """
    a, log_h, c, g, p = _arguments(alpha, h, q, spectrum, power)
    low = tilt_at(a, c, g)
    index = p * (log_h - log_glass(low, p, c, g))

    def cost(log_s: Array, lam: float = 1.0) -> Array:
        weight = np.exp(p * (log_distance_at(log_s, c, g) / 2 - log_h)) / p
        return np.asarray(rate_at(log_s, c, g) + lam * weight)

    with np.errstate(all="ignore"):  # h -> 0 gives 0, h -> oo alpha / 2
        one = cost(np.maximum(_tilt(log_h, 1.0, p, c, g), low))
        if p == 2:
            blow_up = np.exp(log_blow_up(2 * log_h, c, g))
        else:
            blow_up = 2 * one - cost(_tilt(log_h, 2.0, p, c, g), 2.0)
        normal, stable = (a - blow_up) / 2, np.maximum(cost(low) - one, 0)
    return plain(np.where(index >= np.log(2), normal, np.where(index > 0, stable, 0.0)))


def share_exponent(
    alpha: ArrayLike, h: ArrayLike, q: ArrayLike = 1.0, spectrum: Spectrum | None = None
) -> Real:
    """-lim log(E Y_2) / d of the Gaussian kernel (C7); 0 in the condensed phase, by convention.

    E Y_2 ~ E sum min(1, W_i / (n E W))^2: alpha - phi(2) + 2 phi(1), or I(u) - alpha at the
    distance where one weight equals n E W if the index is below 2 there.  Rare data sets with a
    point so near make it then, and typical ones have the larger exponent 2 Delta.
    """
    a, log_h, c, g, _ = _arguments(alpha, h, q, spectrum, 2.0)
    low, free = tilt_at(a, c, g), 2 * log_h
    level = -np.asarray(moment_rate(1.0, h, q, spectrum)) - a  # -log(n E W) / d = u / (2 h^2)
    met = (level > 0) & (free > low)  # else no weight reaches n E W, or the phase is condensed
    log_u = np.where(met, free + np.log(2 * np.where(met, level, 1)), log_distance_at(low, c, g))
    # u <= s (1 + q); and u(free), of the mean, is farther.
    ends = log_u - np.log1p(c) - 1e-9, np.maximum(free, low) + 1e-9
    log_s = root(lambda x, t, k: log_distance_at(x, k, g) - t, *ends, log_u, c)
    one_weight = met & (log_s > free - np.log(2))
    normal = a - np.exp(log_blow_up(free, c, g))
    found = np.where(one_weight, rate_at(log_s, c, g) - a, normal)
    return plain(np.where(free > low, found, 0.0))


def kl_risk(
    alpha: ArrayLike, h: ArrayLike, spectrum: Spectrum | None = None, *, power: float = 2.0
) -> Real:
    """kappa(h) = lim KL(rho || rho_h) / d, over data and query (C10, C12, C13)."""
    a, log_h, _, g, p = _arguments(alpha, h, 1.0, spectrum, power)
    log_s = np.maximum(tilt_at(a, ONE, g), _tilt(log_h, 1.0, p, ONE, g))
    y = p * (log_distance_at(log_s, ONE, g) / 2 - log_h)
    with np.errstate(over="ignore"):  # h -> 0: no bound
        return plain((np.expm1(y) - y) / p + _least(log_s, g))


def kl_limit(alpha: ArrayLike, spectrum: Spectrum | None = None) -> KLLimit:
    """h* = sqrt(u*), kappa(h*), lambda*(h*) and E Y_2 there, as d -> oo (C10, C12, C13)."""
    g = groups(spectrum)
    log_s = tilt_at(positive(alpha, "alpha"), ONE, g)
    log_u = log_distance_at(log_s, ONE, g)
    share = g.mean(expit(log_s[..., None] - g.logs) ** 2)
    with np.errstate(under="ignore"):
        values = (np.exp(log_u / 2), _least(log_s, g), np.exp(log_u - log_s), share)
    return KLLimit(*(plain(x) for x in values))


# --- pieces -------------------------------------------------------------------------------------


def _arguments(
    alpha: ArrayLike, h: ArrayLike, q: ArrayLike, spectrum: Spectrum | None, power: float
) -> tuple[Array, Array, Array, Groups, float]:
    c = nonnegative(q, "q")
    p = exponent(power, c)
    if not np.isfinite(p):
        raise ValueError("a compact kernel has density 0 below h_G; give a finite power.")
    a, log_h, c = np.broadcast_arrays(positive(alpha, "alpha"), np.log(positive(h, "h")), c)
    return a, log_h, c, groups(spectrum), p


def _tilt(log_h: Array, lam: float, p: float, q: Array, g: Groups) -> Array:
    """log s that minimises I + lambda e: s u^(p/2 - 1) = h^p / lambda (increasing in s)."""
    target = p * log_h - np.log(lam)
    if p == 2:
        return np.asarray(target)

    def gap(x: Array, t: Array, c: Array) -> Array:
        return np.asarray(x + (p / 2 - 1) * log_distance_at(x, c, g) - t)

    reach = np.full_like(target, 1.0)
    low, high = target - reach, target + reach
    while np.any(gap(low, target, q) > 0) or np.any(gap(high, target, q) < 0):
        reach *= 2
        low, high = target - reach, target + reach
    return root(gap, low, high, target, q)


def _least(log_s: Array, g: Groups) -> Array:
    """kappa(sqrt(u(s))) at q = 1: (< g(w) > - g(<w^2>)) / 2."""
    ell = log_s[..., None] - g.logs
    rest = log_distance_at(log_s, ONE, g) - log_s  # log(1 - <w^2>), as u = s <1 - w^2>
    with np.errstate(divide="ignore"):  # <w^2> underflows at large alpha, and counts for nothing
        square = np.log(g.mean(expit(ell) ** 2)) - rest
    return np.asarray(g.mean(excess(ell)) - excess(square)) / 2

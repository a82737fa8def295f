r"""Where a kernel density estimator changes regime (C2, C3, C12, C13, C16).

n = e^(alpha d) points, bandwidth h, d -> oo at fixed alpha and fixed query.  The kernel is
exp(-d (|u| / sqrt d)^p / p), p = 2 the Gaussian one; p = oo stands for kernels of compact support
scaled to radius h sqrt d, of which only the edge matters.  With s_G and u* of `rates`,

    lambda* = (h / h_G)^p                 stable index: -d log N / d log W at the largest weight
    h_G^p   = s_G u*^(p/2 - 1)            below it one point owns the estimate ("glass")
    h_CLT   = 2^(1/p) h_G                 above it the fluctuations are normal
    h_KL    = sqrt(u*) at q = 1           the same for every p; lambda* = u* / s_G < 1 there

That lambda* = 1 and 2 are the only thresholds needs u^(1 - p/2) / s to fall in u.  It does for
p >= 1 at any q, since d log u / d log s < 2, and for q <= 1 at any p, since u / s = <z (1 + q w)>
falls in s; other cases are refused.

In a mixture of well separated components n counts those of the query's own, of weight w: alpha is
to be read as alpha + log(w) / d, the same in the limit (C13).

Averages over the query (h_KL, h_MISE, the rules) do not depend on q.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from theory.kernel_density.rates import (
    Array,
    Groups,
    Real,
    Spectrum,
    groups,
    log_distance_at,
    nonnegative,
    plain,
    positive,
    root,
    tilt_at,
)

Regime = Literal["normal", "stable", "condensed"]


class Boundaries(NamedTuple):
    """Bandwidths that matter at one alpha, as d -> oo."""

    h_glass: Real
    """One point owns the estimate below it (condensed phase)."""
    h_clt: Real
    """Normal fluctuations above it, alpha-stable ones of infinite variance below."""
    h_kl: Real
    """Minimises the Kullback-Leibler divergence from the truth; below h_glass."""
    h_mise: Real
    """Minimises the integrated squared error of the Gaussian kernel (see `rules`)."""
    h_scott: Real
    """Normal-reference rules (Scott, Silverman): e^-alpha times the geometric mean of sigma."""


def boundaries(
    alpha: ArrayLike, q: ArrayLike = 1.0, spectrum: Spectrum | None = None, *, log: bool = False
) -> Boundaries:
    """Boundaries and optimal bandwidths of the Gaussian kernel; their logarithms if `log`.

    The bandwidths underflow to 0 beyond alpha = 745, the logarithms never.
    """
    a, c, g = positive(alpha, "alpha"), nonnegative(q, "q"), groups(spectrum)
    half = tilt_at(a, c, g) / 2
    one = np.ones(())
    typical = half if np.all(c == 1) else tilt_at(a, one, g) / 2
    logs = (
        half,
        half + np.log(2) / 2,
        log_distance_at(2 * typical, one, g) / 2,
        _log_mise(a, g),
        g.log_scale - a,
    )
    return Boundaries(*(_out(x, log) for x in np.broadcast_arrays(*logs)))


class KernelBoundaries(NamedTuple):
    """Bandwidths of the kernel of one exponent p, as d -> oo."""

    h_glass: Real
    h_clt: Real
    h_kl: Real


def kernel_boundaries(
    alpha: ArrayLike,
    power: float,
    q: ArrayLike = 1.0,
    spectrum: Spectrum | None = None,
    *,
    log: bool = False,
) -> KernelBoundaries:
    """The boundaries of the kernel exp(-d (|u| / sqrt d)^p / p), p = `power` in (0, oo] (C12)."""
    a, c, g = positive(alpha, "alpha"), nonnegative(q, "q"), groups(spectrum)
    p = exponent(power, c)
    glass = log_glass(tilt_at(a, c, g), p, c, g)
    best = log_distance_at(tilt_at(a, np.ones(()), g), np.ones(()), g) / 2
    logs = np.broadcast_arrays(glass, glass + np.log(2) / p, best)
    return KernelBoundaries(*(_out(x, log) for x in logs))


def stable_index(
    alpha: ArrayLike,
    h: ArrayLike,
    q: ArrayLike = 1.0,
    spectrum: Spectrum | None = None,
    *,
    power: float = 2.0,
) -> Real:
    """lambda*(alpha, h) = (h / h_G)^p: > 2 normal, (1, 2) stable, < 1 condensed (C3)."""
    a, c, g = positive(alpha, "alpha"), nonnegative(q, "q"), groups(spectrum)
    p = exponent(power, c)
    if not np.isfinite(p):
        raise ValueError("a compact kernel has no stable index; give a finite power.")
    return _out(p * (np.log(positive(h, "h")) - log_glass(tilt_at(a, c, g), p, c, g)), False)


def regime(index: float) -> Regime:
    """The phase of a stable index: "normal" >= 2, "stable" in [1, 2), "condensed" < 1."""
    value = float(nonnegative(index, "index"))
    return "normal" if value >= 2 else "stable" if value >= 1 else "condensed"


def index_of(
    alpha: ArrayLike,
    slope: Callable[[Real], ArrayLike],
    q: ArrayLike = 1.0,
    spectrum: Spectrum | None = None,
) -> Real:
    """Stable index of any radial weight exp(-d e(r^2 / d)), `slope` = e' > 0: 1 / (2 s_G e'(u*)).

    With several local minima of I + e the index names the phase only if the first one is lowest.
    """
    a, c, g = positive(alpha, "alpha"), nonnegative(q, "q"), groups(spectrum)
    log_s = tilt_at(a, c, g)
    rise = positive(slope(plain(np.exp(log_distance_at(log_s, c, g)))), "slope(u*)")
    return _out(-np.log(2 * rise) - log_s, False)


def variance_bandwidth(
    alpha: ArrayLike, q: ArrayLike = 1.0, spectrum: Spectrum | None = None
) -> Real:
    """h_V below which the relative variance over data sets explodes: neither threshold (trap T1).

    alpha = phi(2) - 2 phi(1), with y = sigma^2 / h^2:
    < log(1 + y^2 / (1 + 2y)) / 2 + q y^2 / ((1 + y) (1 + 2y)) >.  h_G < h_V < h_CLT.
    """
    a, c = np.broadcast_arrays(positive(alpha, "alpha"), nonnegative(q, "q"))
    g = groups(spectrum)
    # y^2 / 3 <= y^2 / (1 + 2y) for y <= 1, and y / 3 above; each term is <= (1/2 + q) y^2.
    low = g.logs.min() - 2 * a - 2
    high = g.logs.max() + np.maximum(1, np.log((1 + 2 * c) / a) / 2)
    return _out(root(lambda x, b, k: log_blow_up(x, k, g) - np.log(b), low, high, a, c) / 2, False)


def collapse_bandwidth(
    alpha: ArrayLike, spectrum: Spectrum | None = None, *, log: bool = False
) -> Real:
    """h_C below which the noised training point itself dominates the empirical score (C16).

    x = y_0 + h z with y_0 a training point: alpha = < log(1 + sigma^2 / h^2) > / 2, that is
    h_C^2 = 1 / (e^(2 alpha) - 1) for unit variance.  Also where the other points condense at
    that x: h_C = h_G at q = 1 + h_C^2, and not at q = 1, the query of `boundaries`.
    """
    a, g = positive(alpha, "alpha"), groups(spectrum)
    if spectrum is None:
        return _out(-a - np.log(-np.expm1(-2 * a)) / 2, log)

    def gap(x: Array, b: Array) -> Array:
        return np.log(g.mean(np.logaddexp(0, g.logs - x[..., None])) / (2 * b))

    flat = -2 * a - np.log(-np.expm1(-2 * a))
    return _out(root(gap, g.logs.min() + flat - 1, g.logs.max() + flat + 1, a) / 2, log)


def collapse_time(alpha: ArrayLike) -> Real:
    """Collapse in the time of the Ornstein-Uhlenbeck noise, h^2 = e^(2t) - 1 (C16).

    t_C = log(1 + 1 / (e^(2 alpha) - 1)) / 2 for data of unit variance.
    """
    return plain(-np.log(-np.expm1(-2 * positive(alpha, "alpha"))) / 2)


# --- pieces -------------------------------------------------------------------------------------


def exponent(power: float, q: Array) -> float:
    """A checked exponent of the kernel."""
    p = float(power)
    if not p > 0:
        raise ValueError(f"power must be > 0, not {power!r}.")
    if p < 1 and np.any(q > 1):
        raise ValueError(f"power {p:g} < 1 needs q <= 1: the phases of other cases are not known.")
    return p


def log_glass(log_s: Array, p: float, q: Array, g: Groups) -> Array:
    """log h_G of the exponent p: log(u*) / 2 + log(s_G / u*) / p."""
    log_u = log_distance_at(log_s, q, g)
    return np.asarray(log_s / 2 if p == 2 else log_u / 2 + (log_s - log_u) / p)


def log_blow_up(log_h2: Array, q: Array, g: Groups) -> Array:
    """log(phi(2) - 2 phi(1)): rate at which the relative variance of one weight grows."""
    y = g.logs - log_h2[..., None]
    twice = np.logaddexp(0, y + np.log(2))
    spread = np.logaddexp(0, 2 * y - twice) / 2
    return np.asarray(np.log(g.mean(spread + q[..., None] * expit(y) * expit(y + np.log(2)) / 2)))


def _log_mise(alpha: Array, g: Groups) -> Array:
    """The balance n^-1 h^-d |Sigma|^(1/2) = |1 + h^2 / (2 Sigma)|^(-1/2) at rate e^d."""
    if np.ptp(g.logs) == 0:
        return np.asarray(g.logs[0] / 2 - alpha - np.log1p(-np.exp(-2 * alpha) / 2) / 2)

    def gap(x: Array, a: Array) -> Array:
        return g.mean(np.logaddexp(g.logs - x[..., None], -np.log(2))) / 2 - a

    ratio = -2 * alpha - np.log1p(-np.exp(-2 * alpha) / 2)
    return root(gap, g.logs.min() + ratio - 1, g.logs.max() + ratio + 1, alpha) / 2


def _out(logarithm: ArrayLike, log: bool) -> Real:
    with np.errstate(over="ignore", under="ignore"):
        return plain(logarithm if log else np.exp(logarithm))

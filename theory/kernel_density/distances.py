r"""The law of r^2 = |x - y|^2 for y ~ N(0, I_d) and |x|^2 = q d: noncentral chi^2, in logarithms.

Density, distribution function, survival function and quantiles in both tails, for d from 1 to 1e5
and probabilities far below the smallest float64 (only their logarithms are formed).

With lambda = q d, nu = d/2 - 1 and z = sqrt(lambda t)

    f(t) = exp(-(t + lambda)/2) t^nu (z^-nu I_nu(z))/2.

Debye's uniform expansion of I_nu, with R = sqrt(nu^2 + z^2) and the root c of t = c (2 nu +
lambda c), leaves an exponent without cancellation (derived):

    f(t) = exp(-nu (c - 1 - log c) - lambda (c - 1)^2/2) / (2 sqrt(2 pi R)) * sum_k U_k(nu/R)/nu^k,
    c - 1 = (t - 2 nu - lambda)/(nu + lambda + R).

Below nu = 20 the expansion is taken at the order nu + N >= 20 and carried down by the stable
recurrence I_{k-1} = I_{k+1} + (2k/z) I_k.  Tails are integrals of f with double-exponential nodes.
Relative errors of f, F and 1 - F: 1e-13, plus 4 eps times the size of the logarithm (measured).
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from theory._checks import nonnegative, whole

Array = npt.NDArray[np.float64]
AnyArray = npt.NDArray[Any]
"""Floats, or complex numbers where a density is continued off the real line."""

LOWEST_ORDER, TERMS = 20, 14
"""Debye's expansion: smallest order, and number of terms (the next is below 1e-16)."""


@dataclass(frozen=True)
class Distances:
    """r^2 = |x - y|^2: noncentral chi^2 with `dimension` degrees of freedom, noncentrality q d."""

    dimension: int
    q: float = 1.0

    def __post_init__(self) -> None:
        whole(self.dimension, "d")
        nonnegative(self.q, "q")

    @property
    def noncentrality(self) -> float:
        """q d."""
        return self.q * self.dimension

    @property
    def mean(self) -> float:
        """E r^2 = d (1 + q)."""
        return self.dimension * (1 + self.q)

    @cached_property
    def _shift(self) -> int:
        return max(0, math.ceil(LOWEST_ORDER - (self.dimension / 2 - 1)))

    def log_pdf(self, t: npt.ArrayLike) -> Array:
        """Logarithm of the density at t > 0."""
        t = np.asarray(t, dtype=float)
        log_t = np.log(t)
        return np.asarray(self.log_density(t, log_t) - log_t)

    def log_density(self, t: AnyArray, log_t: AnyArray) -> AnyArray:
        """log(t f(t)), the density of log r^2, from t and log t (t may underflow, or be complex).

        A complex t needs |arg t| <= pi/2.
        """
        lam, nu, shift = self.noncentrality, self.dimension / 2 - 1, self._shift
        m = nu + shift
        root = np.sqrt(m * m + lam * t)
        delta = (t - (2 * m + lam)) / (m + lam + root)
        gaussian = -lam / 2 * delta * delta - math.log(2) - np.log(2 * math.pi * root) / 2
        series = np.log(_debye(m, root))
        if not shift:
            log_c = log_t - np.log(m + root)
            return np.asarray(-m * minus_log(delta, log_c) + gaussian + series + log_t)
        ladder = _log_ladder(nu, shift, lam * t, root, series)
        tilt = -m * delta - m * np.log(m + root)
        return np.asarray((nu + 1) * log_t + tilt + gaussian + series + ladder)

    def log_cdf(self, t: npt.ArrayLike) -> Array:
        """log P(r^2 <= t)."""
        return self._log_tail(t, lower=True)

    def log_sf(self, t: npt.ArrayLike) -> Array:
        """log P(r^2 > t)."""
        return self._log_tail(t, lower=False)

    def _log_tail(self, t: npt.ArrayLike, *, lower: bool) -> Array:
        t = np.asarray(t, dtype=float)
        below = t < self.mean
        result = np.empty(t.shape)
        for side, tail, where in ((True, self._lower, below), (False, self._upper, ~below)):
            if where.any():
                value = tail(t[where])
                result[where] = value if side == lower else log1mexp(value)
        return result

    def slope(self, t: npt.ArrayLike) -> Array:
        """d log F / d log t = D/2, D = d log F / d log r the local intrinsic dimension."""
        t = np.asarray(t, dtype=float)
        return np.asarray(np.exp(self.log_density(t, np.log(t)) - self.log_cdf(t)))

    def quantile(self, log_p: npt.ArrayLike) -> Array:
        """The t with log P(r^2 <= t) = log_p < 0; of t the relative error is 1e-14 or so."""
        return self._quantile(log_p, lower=True)

    def upper_quantile(self, log_p: npt.ArrayLike) -> Array:
        """The t with log P(r^2 > t) = log_p < 0."""
        return self._quantile(log_p, lower=False)

    def _quantile(self, log_p: npt.ArrayLike, *, lower: bool) -> Array:
        log_p = _checked(log_p)
        small = log_p <= math.log(0.5)
        result = np.empty(log_p.shape)
        for here, where in ((lower, small), (not lower, ~small)):
            if where.any():
                target = log_p[where] if here == lower else log1mexp(log_p[where])
                result[where] = self._invert(target, lower=here)
        return result

    def chernoff(self, log_p: float, *, lower: bool) -> float:
        """A t with P(r^2 <= t) <= e^log_p, or P(r^2 > t) <= e^log_p: in a tail, near a quantile."""
        return float(self._start(np.array([log_p]), lower=lower)[0])

    def tilt(self, t: AnyArray) -> AnyArray:
        """c with t = c (d + q d c): the tilt exp(-r^2/(2s)), c = s/(1 + s), that has mean t."""
        half = self.dimension / 2
        return np.asarray(t / (half + np.sqrt(half * half + self.noncentrality * t)))

    def deviation(self, t: AnyArray) -> AnyArray:
        """Standard deviation of r^2 under the tilt that has mean t."""
        c = self.tilt(t)
        return np.asarray(c * np.sqrt(2 * self.dimension + 4 * self.noncentrality * c))

    def _lower(self, t: Array) -> Array:
        # In v = log t, where a power of t at 0 is an exponential.
        positive = t > 0
        t = np.where(positive, t, 1.0)
        steep = t * np.maximum(1 / self.tilt(t) - 1, 0) / 2
        scale = 1 / (steep + np.maximum(t / self.deviation(t), self.dimension / 4))
        y, weight = _half_line()
        y, weight = scale[..., None] * y, scale[..., None] * weight
        with np.errstate(under="ignore"):
            log_t = np.log(t)
            here = self.log_density(t, log_t)
            there = self.log_density(t[..., None] * np.exp(-y), log_t[..., None] - y)
            ratio = np.exp(there - here[..., None])
        return np.where(positive, here + np.log((ratio * weight).sum(axis=-1)), -np.inf)

    def _upper(self, t: Array) -> Array:
        slope = np.maximum(1 - 1 / self.tilt(t), 0) / 2
        y, weight = _half_line()
        scale = (1 / (slope + 1 / self.deviation(t)))[..., None]
        there = t[..., None] + scale * y
        here = self.log_pdf(t)
        with np.errstate(under="ignore"):
            ratio = np.exp(self.log_pdf(there) - here[..., None])
        return np.asarray(here + np.log((ratio * scale * weight).sum(axis=-1)))

    def _invert(self, log_p: Array, *, lower: bool) -> Array:
        """Newton's method: log F is concave in log t, log(1 - F) in t, or nearly so."""
        t = self._start(log_p, lower=lower)
        for _ in range(60):
            if lower:
                value = self.log_cdf(t)
                change = (log_p - value) / np.exp(self.log_density(t, np.log(t)) - value)
                t = t * np.exp(np.clip(change, -5, 5))
            else:
                value = self.log_sf(t)
                change = (value - log_p) / np.exp(self.log_pdf(t) - value) / t
                t = t * (1 + np.clip(change, -0.5, 1.0))
            if (np.abs(change) <= 1e-13).all():
                break
        return t

    def _start(self, log_p: Array, *, lower: bool) -> Array:
        """Where the exponent -d/2 (c - 1 - log c) - q d (c - 1)^2/2 of f is log_p."""
        d, reach = self.dimension, float(-log_p.min()) + 40
        log_c = np.linspace(0, 1, 400) ** 2 * (4 * reach / d + 4 * math.sqrt(reach / d))
        log_c = -log_c / 2 if lower else np.log1p(log_c)
        x = np.expm1(log_c)
        rate = d / 2 * minus_log(x, log_c) + self.noncentrality * x * x / 2
        log_c = np.interp(-log_p, rate, log_c)
        if log_c.min() < -650:
            raise ValueError(
                f"log_p = {log_p.min():g} is too low for d = {d}: r^2 would be below 1e-280."
            )
        c = np.exp(log_c)
        return np.asarray(c * (d + self.noncentrality * c))


def log1mexp(x: Array) -> Array:
    """log(1 - e^x) for x <= 0, at full relative accuracy."""
    with np.errstate(divide="ignore"):
        near = np.log(-np.expm1(np.minimum(x, 0)))
        return np.where(x > -math.log(2), near, np.log1p(-np.exp(np.minimum(x, 0))))


def _checked(log_p: npt.ArrayLike) -> Array:
    log_p = np.asarray(log_p, dtype=float)
    if not ((log_p < 0) & (log_p > -1e6)).all():
        raise ValueError(f"log_p must lie in (-1e6, 0), not {log_p!r}.")
    return log_p


def minus_log(x: AnyArray, log_c: AnyArray) -> AnyArray:
    """x - log c, c = 1 + x, without cancellation near 0: xy - 2(y^3/3 + ...), y = x/(2 + x)."""
    y = x / (2 + x)
    square = y * y
    series = np.zeros_like(y)
    for k in range(35, 1, -2):
        series = (series + 1 / k) * square
    return np.where(np.abs(x) < 0.5, x * y - 2 * y * series, x - log_c)


@cache
def _half_line(step: float = 0.1) -> tuple[Array, Array]:
    """Nodes and weights for integrals over (0, inf) of decreasing functions of scale 1."""
    x = np.arange(-3.8, 6.8, step)
    y = np.exp(x - np.exp(-x))
    return y, step * y * (1 + np.exp(-x))


@cache
def _debye_coefficients() -> Array:
    """a_kj of U_k(p) = p^k sum_j a_kj p^(2j), from U' = p^2 (1-p^2)/2 U' + int (1-5s^2)/8 U."""
    u: dict[int, Fraction] = {0: Fraction(1)}
    rows = np.zeros((TERMS, TERMS))
    for k in range(TERMS):
        rows[k, : k + 1] = [float(u[k + 2 * j]) for j in range(k + 1)]
        following: dict[int, Fraction] = {}
        for power, a in u.items():
            for shift, factor in (
                (1, Fraction(power, 2) + Fraction(1, 8 * (power + 1))),
                (3, -Fraction(power, 2) - Fraction(5, 8 * (power + 3))),
            ):
                following[power + shift] = following.get(power + shift, Fraction(0)) + a * factor
        u = following
    return rows


def _debye(order: float, root: AnyArray) -> AnyArray:
    """sum_k U_k(p)/order^k, p = order/root."""
    # Large orders need few terms: below order^-k < 1e-18 nothing is left.
    terms = min(TERMS, 2 + math.ceil(42 / math.log(order)))
    inverse = (1 / root)[..., None] ** np.arange(terms)
    square = (order / root)[..., None] ** (2 * np.arange(terms))
    return np.asarray(((square @ _debye_coefficients()[:terms, :terms].T) * inverse).sum(axis=-1))


def _log_ladder(nu: float, shift: int, z2: AnyArray, root: AnyArray, series: AnyArray) -> AnyArray:
    """log of (z^-nu I_nu)/(z^-m I_m), m = nu + shift, from r_k = I_{k+1}/(z I_k) at k = m."""
    m = nu + shift
    above = np.sqrt((m + 1) ** 2 + z2)
    # log of z^-(m+1) I_{m+1} less log of z^-m I_m, by Debye's expansion of both.
    gap = (2 * m + 1) / (above + root)
    log_r = gap - np.log(m + 1 + above) - m * np.log1p((1 + gap) / (m + root))
    log_r = log_r - np.log(above / root) / 2 + np.log(_debye(m + 1, above)) - series
    ratio = np.exp(log_r)
    product = np.ones_like(ratio)
    total = np.zeros_like(ratio)
    for k in range(shift - 1, -1, -1):
        inverse = 2 * (nu + k + 1) + z2 * ratio
        ratio = 1 / inverse
        product = product * inverse
        if k % 8 == 0:
            total, product = total + np.log(product), np.ones_like(ratio)
    return total

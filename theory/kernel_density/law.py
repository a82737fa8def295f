r"""The law of S = sum_i W_i at finite n and d: one Fourier inversion for all regimes (claim C8).

psi(omega) = E exp(i omega S) = (1 - M)^n, M = E[1 - exp(i omega W)].  The integral M over r^2 is
moved off the real line, r^2 = 2 a log(1 + e^(x - i pi a/(2 h^2))), which makes of i omega W a
damping and keeps the grid of the real transform; log psi is then a spline in log omega.

For a variable S - c >= 0, and Chernoff's bound P(S < c) <= min_t e^(tc) E e^(-tS) supplies a c with
P(S < c) < e^-25,

    P(S - c <= x) = (2/pi) int_0^inf Re[psi(omega) e^(-i omega c)] sin(omega x)/omega domega,

summed over the half-periods of the sine.  Where psi decays within a few of them (normal and stable
regime) the sum ends; where it does not (condensed regime, psi ~ exp(-omega^lambda), and far in the
upper tail) the terms alternate and vary slowly, and averages of partial sums converge.  Where both
fail, as for few points in low dimension, two resolutions disagree: `error` is their largest
difference.  Where the relative variance is small, everything is centred at n E W.
Source: derived (sheet: C8).
"""

import dataclasses
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import interpolate

from theory.kernel_density.distances import AnyArray, Array, Distances
from theory.kernel_density.engine import (
    LONGEST,
    LOST,
    Frame,
    checked,
    finite_index,
    log_moment,
    means,
    relative_variance,
)
from theory.prediction import Prediction

KNOTS = 320
"""Points at which the distribution function is computed."""
RESOLUTIONS = ((0.2, 56, 16), (0.26, 42, 14))
"""Step in x, half-periods, nodes in each."""
TAIL = 1e-8
"""Probability beyond the outermost knots, roughly."""
CENTRED = 0.01
"""Relative variance below which everything is centred at n E W."""
WORST = 1e-3
"""Largest error of the distribution function that is accepted."""


@dataclass(frozen=True)
class SumLaw:
    """The law of log S for a fixed query; `error` bounds the error of `cdf`, nearly."""

    error: float
    """Largest difference between two resolutions, and what was cut off."""
    knots: Array
    """Positions u: log((S - c) t_1), increasing."""
    probabilities: Array
    """P at the knots."""
    rate: float
    """log t_1: S varies by e^-rate."""
    offset: float
    """(c - B) t_1."""
    log_base: float
    """log B, B = n E W; -inf for B = 0."""

    def cdf(self, log_s: npt.ArrayLike) -> Array:
        """P(log S <= log_s)."""
        log_s = np.asarray(log_s, dtype=float)
        if np.isnan(log_s).any():
            raise ValueError("log_s must not be NaN.")
        with np.errstate(divide="ignore"):
            if math.isinf(self.log_base):
                v = np.clip(log_s + self.rate, -1e9, 1e9)
                u = v + np.log1p(-np.exp(np.minimum(np.log(self.offset) - v, 0)))
            else:
                scale = math.exp(self.log_base + self.rate)
                moved = scale * np.expm1(np.clip(log_s - self.log_base, -700, 700))
                u = np.log(np.maximum(moved - self.offset, 0))
        return self.at(u)

    def at(self, u: Array) -> Array:
        """The distribution function in the variable of the knots."""
        inside = 1 / (1 + np.exp(-self._curve(np.clip(u, self.knots[0], self.knots[-1]))))
        return np.where(u < self.knots[0], 0.0, np.where(u > self.knots[-1], 1.0, inside))

    def quantile(self, probability: npt.ArrayLike) -> Array:
        """log S at these probabilities, which must lie within the knots (1e-8 or so)."""
        p = np.asarray(probability, dtype=float)
        ends = self.probabilities[[0, -1]]
        if not ((p >= ends[0]) & (p <= ends[1])).all():
            raise ValueError(
                f"probability must lie between {ends[0]:.1g} and 1 - {1 - ends[1]:.1g}, not {p!r}."
            )
        logit = np.log(p) - np.log1p(-p)
        low, high = np.full(p.shape, self.knots[0]), np.full(p.shape, self.knots[-1])
        for _ in range(52):
            middle = (low + high) / 2
            above = self._curve(middle) > logit
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        if math.isinf(self.log_base):
            with np.errstate(divide="ignore"):
                return np.asarray(np.logaddexp(low, np.log(self.offset)) - self.rate)
        moved = np.exp(low) + self.offset
        return np.asarray(self.log_base + np.log1p(moved * math.exp(-self.rate - self.log_base)))

    @cached_property
    def _curve(self) -> interpolate.CubicSpline:
        p = np.clip(self.probabilities, 1e-12, 1 - 1e-12)
        return interpolate.CubicSpline(self.knots, np.log(p) - np.log1p(-p))


@dataclass(frozen=True)
class LargestLaw:
    """The law of log max W_i: that of log S for one point, and nearly so for h -> 0."""

    distances: Distances
    n: float
    h: float
    error: float
    """0 for n = 1; otherwise about twice the index: E[S/max W] - 1 is of that order."""

    def cdf(self, log_s: npt.ArrayLike) -> Array:
        """P(log max W <= log_s) = P(r^2 > -2 h^2 log_s)^n."""
        log_s = np.asarray(log_s, dtype=float)
        if np.isnan(log_s).any():
            raise ValueError("log_s must not be NaN.")
        t = np.clip(-2 * self.h**2 * log_s, 0, 1e200)
        return np.exp(self.n * self.distances.log_sf(t))

    def quantile(self, probability: npt.ArrayLike) -> Array:
        """log S at these probabilities in (0, 1)."""
        p = np.asarray(probability, dtype=float)
        if not ((p > 0) & (p < 1)).all():
            raise ValueError(f"probability must lie in (0, 1), not {p!r}.")
        return -self.distances.upper_quantile(np.log(p) / self.n) / (2 * self.h**2)


@dataclass(frozen=True)
class Exact:
    """Kernel sums over n points at a fixed query, |x|^2 = q d, without asymptotics."""

    dimension: int
    n: float
    h: float
    q: float
    log_sum: Prediction
    """E log S; E log rho_h = E log S - log n - (d/2) log(2 pi h^2)."""
    y2: Prediction
    """E Y_2 = E sum p_i^2, p_i = W_i/S."""
    y3: Prediction
    """E Y_3."""
    distance: Prediction
    """E sum_i p_i r_i^2."""

    @cached_property
    def law(self) -> SumLaw | LargestLaw:
        """The law of log S with its error; computed when first asked for."""
        return sum_law(self.dimension, self.n, self.h, self.q)

    def cdf(self, log_s: npt.ArrayLike) -> Array:
        """P(log S <= log_s), to within `law.error`."""
        return self.law.cdf(log_s)


def exact(d: int, n: float, h: float, q: float = 1.0) -> Exact:
    """E log S, E Y_2, E Y_3 and the law of S for a query with |x|^2 = q d; n real, 1 to 1e200."""
    distances, n, h = checked(d, n, h, q)
    return Exact(distances.dimension, n, h, distances.q, *means(d, n, h, q))


def sum_law(d: int, n: float, h: float, q: float = 1.0) -> SumLaw | LargestLaw:
    """The law of log S for n = 1 or n >= 2.

    ValueError where its error would be above 1e-3: fewer than about 10 points for d <= 2.
    """
    distances, n, h = checked(d, n, h, q)
    if n == 1:
        return LargestLaw(distances, n, h, 0.0)
    if n < 2:
        raise ValueError(f"the law of S needs n = 1 or n >= 2, not {n!r}.")
    frame = Frame(distances, n, h)
    if frame.length(RESOLUTIONS[0][0]) > LONGEST:
        return LargestLaw(distances, n, h, 2 * finite_index(d, n, h, q).index)
    centred = relative_variance(d, n, h, q) < CENTRED
    log_base = math.log(n) + log_moment(d, h, q) if centred else -math.inf
    rate, offset = _placement(frame, log_base)
    fine, coarse = (
        _Inversion(frame, log_base, rate, offset, *resolution) for resolution in RESOLUTIONS
    )
    knots = _knots(fine)
    p = fine(knots)
    if not (p > 0.5).any():
        raise ValueError(_unresolved(d, n, h, 1.0))
    low = np.flatnonzero((p < TAIL / 10) & (knots < knots[np.argmax(p > 0.5)])).max(initial=-1)
    high = np.flatnonzero(p > 1 - TAIL / 10).min(initial=p.size)
    knots, p = knots[low + 1 : high], p[low + 1 : high]
    law = SumLaw(math.nan, knots, p, rate, offset, log_base)
    middle = (knots[1:] + knots[:-1]) / 2
    between = float(np.abs(law.at(middle) - coarse(middle)).max())
    error = between + max(p[0], 1 - p[-1]) + math.exp(-25)
    index = finite_index(d, n, h, q).index
    if not error < max(WORST, 2 * index) and index < 0.02:
        return LargestLaw(distances, n, h, 2 * index)
    if not error < WORST:
        raise ValueError(_unresolved(d, n, h, error))
    return dataclasses.replace(law, error=error)


def _unresolved(d: int, n: float, h: float, error: float) -> str:
    return (
        f"the law of S is not resolved at d = {d}, n = {n:g}, h = {h!r} (error {error:.1g}); "
        "the points are few, or S is constant up to rounding."
    )


def _placement(frame: Frame, log_base: float) -> tuple[float, float]:
    """log t_1, log E exp(-t_1 (S - B)) of order 1, and (c - B) t_1 with P(S < c) < e^-25.

    c is the best of S >= 0, Chernoff's bound and, for B = n E W, Bernstein's.
    """
    tau, _ = frame.times(0.25)
    tau = tau[tau + log_base - math.log(frame.n) < 3]  # exp(t E W) must stay moderate
    log_l = _log_laplace(frame, tau, 0.0, 0.25, log_base).real
    rate = float(tau[np.argmin(np.abs(np.abs(log_l) - 0.5))])
    bernstein = -math.inf
    if log_base > -math.inf:
        d, q, n = frame.distances.dimension, frame.distances.q, frame.n
        log_deviation = log_base + math.log(relative_variance(d, n, frame.h, q)) / 2
        if np.abs(log_l).max() < 0.5:
            rate = -log_deviation
        mean, deviation = math.exp(log_base + rate), math.exp(min(log_deviation + rate, 700))
        # W is at least this near its mean, but for a probability below e^-LOST.
        least = -float(frame.distances.upper_quantile(-LOST - math.log(n))) / (2 * frame.h**2)
        third = 25 / 3 * mean / n * -math.expm1(least - log_moment(d, frame.h, q))
        bernstein = max(-mean, -third - math.hypot(third, math.sqrt(50) * deviation))
    with np.errstate(over="ignore"):
        bounds = (-25 - log_l) * np.exp(np.minimum(rate - tau, 700))
    return rate, max(float(bounds.max()), bernstein, 0.0 if math.isinf(log_base) else -math.inf)


class _Inversion:
    """u -> P(S <= c + e^(u - rate))."""

    def __init__(
        self,
        frame: Frame,
        log_base: float,
        rate: float,
        offset: float,
        step: float,
        periods: int,
        count: int,
    ) -> None:
        d, q = frame.distances.dimension, frame.distances.q
        self.index = min(1.0, 0.7 * finite_index(d, frame.n, frame.h, q).index)
        tau = _frequencies(frame, log_base, rate, step, self.index)
        log_psi = _log_laplace(frame, tau, math.pi / 2, step, log_base)
        log_omega = tau - rate
        if offset:
            phase = np.exp(np.minimum(log_omega + math.log(abs(offset)), 700))
            log_psi = log_psi - 1j * math.copysign(1, offset) * phase
        self.spline = interpolate.make_interp_spline(log_omega, log_psi, k=5)
        self.ends = log_omega[0], log_omega[-1]
        x, weight = np.polynomial.legendre.leggauss(count)
        # The first half-period is graded towards 0, where psi has a power of omega.
        edges = np.concatenate([[0.0], 4.0 ** np.arange(-14, 1), np.arange(2, periods + 1)])
        half = np.diff(edges) / 2 * math.pi
        centre = (edges[1:] + edges[:-1]) / 2 * math.pi
        self.phase = centre[:, None] + half[:, None] * x
        self.weight = half[:, None] * weight * np.sin(self.phase) / self.phase * 2 / math.pi
        self.first, self.periods = edges.size - periods, periods

    def __call__(self, u: Array) -> Array:
        result = np.empty(u.size)
        for begin in range(0, u.size, 40):
            some = slice(begin, begin + 40)
            log_omega = np.log(self.phase) - u[some, None, None]
            log_psi = self.spline(np.clip(log_omega, *self.ends))
            value = np.exp(np.minimum(log_psi.real, 0)) * np.cos(log_psi.imag)
            terms = (np.where(log_omega > self.ends[1], 0.0, value) * self.weight).sum(axis=2)
            sums = np.cumsum(terms, axis=1)[:, self.first - 1 :]
            sums = sums[:, sums.shape[1] // 2 :]
            while sums.shape[1] > 1:
                sums = (sums[:, 1:] + sums[:, :-1]) / 2
            result[some] = sums[:, 0]
        return result


def _frequencies(frame: Frame, log_base: float, rate: float, step: float, index: float) -> Array:
    """log omega from |log psi| = 1e-11 to |psi| = e^-28, or to where nothing more is known."""
    stride = max(1.0, 0.4 / index)  # the scale of log psi is 1/index
    coarse = np.arange(rate - 30 / index, max(frame.last, rate) + 6, stride)
    size = _log_laplace(frame, coarse, math.pi / 2, 0.25, log_base)
    low = coarse[np.abs(size) < 1e-11]
    high = coarse[size.real < -28]
    start = low.max(initial=coarse[0])
    stop = high.min(initial=coarse[-1])
    return np.arange(start, min(stop + 1, coarse[-1]), step / 2 * stride)


def _log_laplace(
    frame: Frame, tau: Array, theta: float, step: float, log_base: float
) -> npt.NDArray[np.complex128]:
    """log E exp(-p (S - B)), p = exp(tau - i theta), by a grid in r^2 that turns too."""
    x = np.arange(frame.x(frame.low), frame.x(frame.high) + step, step)
    x = x - 1j * theta * frame.unit / frame.h**2
    decay = _log1p(np.exp(np.where(x.real > 0, -x, x)))
    soft = np.where(x.real > 0, x, 0) + decay
    log_soft = np.where(x.real < -30, x, np.log(np.where(x.real < -30, 1, soft)))
    log_density = frame.distances.log_density(
        2 * frame.unit * soft, math.log(2 * frame.unit) + log_soft
    )
    mass = step * np.exp(math.log(frame.n) + log_density + x - soft - log_soft)
    rho = soft * (frame.unit / frame.h**2)
    turn = np.exp(-1j * theta)
    total = np.empty(tau.size, dtype=complex)
    block = max(1, 200_000 // x.size)
    for begin in range(0, tau.size, block):
        rows = slice(begin, begin + block)
        log_z = tau[rows, None] - 1j * theta - rho
        if math.isinf(log_base):
            z = np.exp(np.minimum(log_z.real, 300) + 1j * log_z.imag)
            small = np.abs(z) < 1e-5
            total[rows] = np.where(small, z * (z / 2 - 1), np.exp(-z) - 1) @ mass
        else:
            mean = turn * np.exp(tau[rows, None] + log_base - math.log(frame.n))
            total[rows] = _second_remainder(np.exp(log_z) - mean) @ mass
    if not math.isinf(log_base) and frame.curtailed:
        # Beyond the grid W is 0 compared with its mean.
        beyond = frame.n * math.exp(float(frame.distances.log_sf(frame.high)))
        total += beyond * _second_remainder(-turn * np.exp(tau + log_base - math.log(frame.n)))
    value = _log1p(total / frame.n)
    return np.asarray(frame.n * (value.real + 1j * np.unwrap(value.imag)))


def _log1p(z: AnyArray) -> AnyArray:
    """log(1 + z); numpy's, for complex z, has an absolute error of eps only."""
    x, y = z.real, z.imag
    size = np.maximum(x * (2 + x) + y * y, -1 + 1e-15)
    return np.asarray(np.log1p(size) / 2 + 1j * np.arctan2(y, 1 + x))


def _second_remainder(z: AnyArray) -> AnyArray:
    """exp(-z) - 1 + z."""
    near = np.abs(z) < 0.1
    small = np.where(near, z, 0)
    series = np.zeros_like(small)
    for k in range(11, 2, -1):
        series = (1 - series) * small / k
    return np.where(near, (1 - series) * small * small / 2, np.exp(-z) - 1 + z)


def _knots(inversion: _Inversion) -> Array:
    """Where P runs from TAIL to 1 - TAIL."""
    u = np.arange(-14.0, 30.0, 0.5) / inversion.index
    p = inversion(u)
    low, high = np.flatnonzero(p < TAIL), np.flatnonzero(p > 1 - TAIL)
    start = u[low[low < np.argmax(p > 0.5)].max(initial=0)]
    stop = u[high.min(initial=u.size - 1)]
    return np.linspace(start, stop, KNOTS)

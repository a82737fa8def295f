r"""Limit laws of a sum of heavy-tailed weights: stable laws skewed to one side (C6).

With n P(r^2 <= r_n^2) = 1 and a_n = exp(-r_n^2 / (2 h^2)), the weights W_i / a_n become the points
of a Poisson process of intensity L x^(-L-1) dx, L = lambda*, and

    S / a_n -> X  (0 < L < 1),      (S - n E W) / a_n -> X  (1 < L < 2),
    E exp(-t X) = exp(-Gamma(1 - L) t^L),       Re t >= 0.

In the S1 parameterisation X has index L, skewness 1, location 0 and scale
c = (Gamma(1 - L) cos(pi L / 2))^(1 / L); the S0 one shifts it by c tan(pi L / 2).

Distribution.  Let X = |Gamma(1 - L)|^(1/L) Y and k = L / (L - 1).  The line of Fourier inversion,
moved to the path of steepest descent, leaves integrals without oscillation (Zolotarev, Kanter):

    P(Y <= y)  = (1/pi) int_0^{pi min(1, 1/L)} exp(-|y|^k e^E),     y > 0 if L < 1, y < 0 if L > 1
    E(t)       = (log sin t - L log sin L t) / (L - 1) + log sin |L - 1| t
    P(Y > y)   = (1/pi) int_0^{pi (1 - 1/L)} exp(-y^k e^B),         y > 0, L > 1
    B(t)       = (log sin(pi/L + t) - L log sin L t) / (L - 1) + log sin(pi/L - (L - 1) t)

t = end / (1 + e^-x) makes E and B linear in x at both ends, where the trapezoidal rule in x then
converges at an exponential rate.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, gamma

from theory._checks import real
from theory.kernel_density.rates import Array, Real, plain

CLOSEST = 0.01
"""Smallest |L - 1|: beyond, the constants grow like 1 / |L - 1| and no limit is in sight."""


@dataclass(frozen=True)
class OneSidedStable:
    """The law of X above, for 0 < index < 2 at least 0.01 away from 1."""

    index: float

    def __post_init__(self) -> None:
        index = real(self.index, "index")
        if not (0 < index < 2 and abs(index - 1) >= CLOSEST):
            raise ValueError(
                f"index must be in (0, 2) and at least {CLOSEST} away from 1, not {self.index!r}."
            )
        object.__setattr__(self, "index", index)

    @property
    def scale(self) -> float:
        """c of the S1 parameterisation (skewness 1, location 0)."""
        size = gamma(1 - self.index) * np.cos(np.pi * self.index / 2)
        return float(size ** (1 / self.index))

    @property
    def mean(self) -> float:
        """0 for index > 1, oo below."""
        return 0.0 if self.index > 1 else float("inf")

    def log_laplace(self, t: ArrayLike) -> NDArray[np.generic]:
        """log E exp(-t X) = -Gamma(1 - L) t^L for Re t >= 0, principal branch.

        t = -i omega gives the logarithm of the characteristic function.
        """
        values = np.asarray(t)
        values = values.astype(np.result_type(values, np.float64))
        if not np.all(np.isfinite(values) & (values.real >= 0)):
            raise ValueError("t must be finite with a real part >= 0.")
        return np.asarray(-gamma(1 - self.index) * values**self.index)

    def cdf(self, x: ArrayLike) -> Real:
        """P(X <= x), to full relative precision in the lower tail too."""
        return self._tail(x, -1)

    def sf(self, x: ArrayLike) -> Real:
        """P(X > x), to full relative precision in the upper tail too."""
        return self._tail(x, 1)

    def pdf(self, x: ArrayLike) -> Real:
        """Density of X; 0 for x <= 0 if index < 1."""
        y, index = self._standard(x), self.index
        peak = gamma(1 + 1 / index) * np.sin(np.pi / index) / np.pi
        out = np.full_like(y, peak if index > 1 else 0.0)  # the value at 0 stays
        for side, chosen in self._sides(y):
            size = np.abs(y[chosen])
            part = _average(index, side, np.log(size), lambda m: m * np.exp(-m))
            out[chosen] = _length(index, side) * abs(index / (index - 1)) * part / size
        return plain(out / self._unit)

    def _tail(self, x: ArrayLike, wanted: int) -> Real:
        y, index = self._standard(x), self.index
        zero = 1 / index if index > 1 else 0.0  # P(X <= 0)
        out = np.full_like(y, zero if wanted < 0 else 1 - zero)
        for side, chosen in self._sides(y):
            log, length = np.log(np.abs(y[chosen])), _length(index, side)
            if side == wanted:
                out[chosen] = length * _average(index, side, log, _survival)
            elif length == 1:
                out[chosen] = _average(index, side, log, _complement)
            else:
                out[chosen] = 1 - length * _average(index, side, log, _survival)
        return plain(out)

    @property
    def _unit(self) -> float:
        return float(abs(gamma(1 - self.index)) ** (1 / self.index))

    def _standard(self, x: ArrayLike) -> Array:
        values = np.asarray(x, dtype=np.float64)
        if np.any(np.isnan(values)):
            raise ValueError("x must not be NaN.")
        # Beyond, P(X > x) < 1e-286; sin(rest) of `_exponent` would underflow.
        largest = np.exp(min(690.0, 660 / self.index))
        return np.asarray(np.clip(values / self._unit, -largest, largest))

    def _sides(self, y: Array) -> list[tuple[int, NDArray[np.bool_]]]:
        """The points that each integral serves: -1 the lower tail, +1 the upper one."""
        pairs = [(-1, y > 0)] if self.index < 1 else [(-1, y < 0), (1, y > 0)]
        return [(side, chosen) for side, chosen in pairs if np.any(chosen)]


def _survival(m: Array) -> Array:
    return np.asarray(np.exp(-m))


def _complement(m: Array) -> Array:
    return np.asarray(-np.expm1(-m))


def _length(index: float, side: int) -> float:
    """Length of the path divided by pi."""
    return 1 - 1 / index if side > 0 else min(1.0, 1 / index)


def _average(index: float, side: int, log_y: Array, function: Callable[[Array], Array]) -> Array:
    """Mean of function(|y|^k e^E) or of function(y^k e^B) over the path."""
    # The exponent has slopes up to `steep` in x, so the integrand is analytic for |Im x| < pi / 2 /
    # steep and the error exp(-pi^2 / (steep step)); cut at exp(-40) of the smallest probability.
    steep = max(1.0, index) / abs(index - 1)
    step = min(0.5, 0.27 / steep)
    reach = 40 + index * max(0.0, float(np.max(log_y)))
    x = step * np.arange(-40 // step, reach // step + 2)
    weight = step * expit(x) * expit(-x)
    end = np.pi * _length(index, side)
    shape = _exponent(index, side, end * expit(x), end * expit(-x))
    power = index / (index - 1)
    flat = log_y.ravel()
    out = np.empty_like(flat)
    rows = max(1, (1 << 21) // len(x))  # bounds the memory
    with np.errstate(over="ignore", under="ignore"):
        for i in range(0, len(flat), rows):
            grown = np.exp(np.minimum(power * flat[i : i + rows, None] + shape, 700.0))
            out[i : i + rows] = function(grown) @ weight
    return out.reshape(log_y.shape)


def _exponent(index: float, side: int, t: Array, rest: Array) -> Array:
    """E(t) or B(t) at the distances t and `rest` from the two ends of the path."""
    if side > 0:
        last = np.log(np.sin(np.pi / index - (index - 1) * t))
        first, inner = np.log(np.sin(rest)), np.log(np.sin(index * t))
    else:
        last = np.log(np.sin(abs(index - 1) * t))
        near = np.minimum(t, rest)  # the one whose sine vanishes at the far end
        first = np.log(np.sin(near if index < 1 else t))
        inner = np.log(np.sin(index * (t if index < 1 else near)))
    return np.asarray((first - index * inner) / (index - 1) + last)

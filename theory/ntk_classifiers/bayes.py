r"""Bayes risk of two Dirichlet classes (claim C10).

Class +1 has probability `prior` = p.  Given the class, T is Dirichlet(alpha1) (class +1) or
Dirichlet(alpha2) (class -1) on the simplex of d + 1 coordinates, and the input is T/|T|, a point of
the non-negative part of the sphere S^d.  With c = alpha1 - alpha2 and B the multivariate beta
function, eta = P(+1 | input) has

    log(eta/(1 - eta)) = sum_i c_i log T_i + log(p/(1-p)) - log B(alpha1) + log B(alpha2),

and the risk of the best decision when a missed +1 costs 1 - q and a missed -1 costs q is

    C(q) = E min(q (1 - eta), (1 - q) eta);       Bayes risk = 2 C(1/2).

Since min(1, e^x) = (1/2 pi i) int e^{sx} ds/(s (1 - s)) along Re s = sigma in (0, 1),

    C(q) = 1/(2 pi i) int w1^s w2^{1-s} B(alpha2 + s c) / (B(alpha1)^s B(alpha2)^{1-s})
           * ds/(s (1 - s)),                w1 = (1 - q) p,  w2 = q (1 - p)         (derived).

It is the Gil-Pelaez inversion of the two distribution functions, added up before the integral is
taken: the pole at 0 is gone, and one integral through the saddle of the integrand gives a small
risk without cancellation.  For |s| = v large, the integrand at the angle phi from the vertical is
exp(-v (E sin phi + pi N cos phi)) times a power of v,

    E = sum c_i log|c_i| - S log|S| + log(w1/w2) - log B(alpha1) + log B(alpha2),  S = sum c_i,
    N = min(sum of the positive c_i, sum of the negative |c_i|);

so the path is a hyperbola that leans by atan(E/(pi N)), 45 degrees at most (the poles are on the
real axis): it decays without oscillating even where N = 0 and the vertical integral would not.
The trapezoidal rule along it converges geometrically.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from theory._checks import real
from theory.prediction import Prediction

Array = npt.NDArray[np.float64]
EPS = float(np.finfo(float).eps)


@dataclass(frozen=True)
class DirichletPair:
    """Two classes of points on the simplex (or on the sphere), Dirichlet given the class.

    `prior` is the probability of class +1, whose parameters are `alpha1`.  ValueError for
    parameters that are not positive and finite, of unequal length, or fewer than two.
    """

    alpha1: tuple[float, ...]
    alpha2: tuple[float, ...]
    prior: float

    def __post_init__(self) -> None:
        for name in ("alpha1", "alpha2"):
            object.__setattr__(self, name, _parameters(getattr(self, name), name))
        if len(self.alpha1) != len(self.alpha2):
            raise ValueError(
                f"alpha1 and alpha2 must have equal length, not {len(self.alpha1)} and "
                f"{len(self.alpha2)}."
            )
        prior = real(self.prior, "prior")
        if not 0 < prior < 1:
            raise ValueError(f"prior must be between 0 and 1 (both excluded), not {prior!r}.")
        object.__setattr__(self, "prior", prior)

    @property
    def dimension(self) -> int:
        """Intrinsic dimension d of the data: the number of parameters less one."""
        return len(self.alpha1) - 1

    def log_odds(self, x: npt.ArrayLike) -> Array:
        """log(eta/(1 - eta)) at points x (..., d + 1) of the simplex or the sphere; +-inf allowed.

        Only the direction of x matters.  ValueError for a point with a negative coordinate, and
        for one on the border of the simplex where the ratio of the densities has no value.
        """
        t = self._simplex(x)
        slopes = np.subtract(self.alpha1, self.alpha2)
        with np.errstate(divide="ignore"):
            terms = np.where(slopes == 0, 0.0, slopes * np.log(np.where(slopes == 0, 1.0, t)))
        up, down = (terms == np.inf).any(axis=-1), (terms == -np.inf).any(axis=-1)
        if (up & down).any():
            raise ValueError(
                "the posterior has no value where zero coordinates favour both classes; "
                f"point {np.flatnonzero(up & down)[0]} is such; move it inside the simplex."
            )
        return np.asarray(terms.sum(axis=-1) + self._constant())

    def posterior(self, x: npt.ArrayLike) -> Array:
        """eta(x) = P(class +1 | x), with the conventions of `log_odds`."""
        return np.asarray(special.expit(self.log_odds(x)))

    def weighted_risk(self, q: npt.ArrayLike) -> tuple[Array, Array]:
        """C(q) = E min(q (1 - eta), (1 - q) eta) for q in [0, 1], and its error, elementwise.

        Relative error about 1e-14 for parameters of order one; the error returned has the rounding
        of the gamma functions in it, and grows with the parameters.
        """
        levels = np.asarray(q, dtype=float)
        if not ((levels >= 0) & (levels <= 1)).all():
            raise ValueError("q must be between 0 and 1.")
        flat = levels.ravel()
        values, errors = np.zeros(flat.size), np.zeros(flat.size)
        w1, w2 = (1 - flat) * self.prior, flat * (1 - self.prior)
        inside = np.flatnonzero((w1 > 0) & (w2 > 0))
        if self.alpha1 == self.alpha2:
            values = np.minimum(w1, w2)
        else:
            for some in np.array_split(inside, max(1, inside.size // 32)):
                values[some], errors[some] = _invert(self, w1[some], w2[some])
        return values.reshape(levels.shape), errors.reshape(levels.shape)

    def kink(self) -> float:
        """The q at which E = 0: C is least smooth there, with a kink in a derivative if N = 0."""
        return float(special.expit(self._bend() + math.log(self.prior / (1 - self.prior))))

    def _constant(self) -> float:
        ratio = math.log(self.prior) - math.log1p(-self.prior)
        return ratio - float(log_beta(self.alpha1)) + float(log_beta(self.alpha2))

    def _bend(self) -> float:
        """E less log(w1/w2)."""
        slopes = np.subtract(self.alpha1, self.alpha2)
        total = slopes.sum()
        entropy = special.xlogy(slopes, np.abs(slopes)).sum() - special.xlogy(total, abs(total))
        return float(entropy - log_beta(self.alpha1) + log_beta(self.alpha2))

    def _simplex(self, x: npt.ArrayLike) -> Array:
        points = np.asarray(x, dtype=float)
        if points.ndim == 0 or points.shape[-1] != self.dimension + 1:
            raise ValueError(
                f"points must have {self.dimension + 1} coordinates in their last axis; "
                f"the shape is {points.shape}."
            )
        total = points.sum(axis=-1, keepdims=True)
        if not ((points >= 0) & (total > 0) & np.isfinite(total)).all():
            raise ValueError("points must have finite coordinates >= 0 that are not all zero.")
        return np.asarray(points / total)


def bayes_risk(alpha1: Sequence[float], alpha2: Sequence[float], prior: float) -> Prediction:
    """Least probability of error for two Dirichlet classes; `prior` is that of class +1, alpha1.

    E min(eta, 1 - eta), by the integral of the module docstring.  Source: C10, derived.
    """
    pair = DirichletPair(tuple(alpha1), tuple(alpha2), prior)
    value, error = pair.weighted_risk(0.5)
    return Prediction(2 * float(value), 2 * float(error), "Mellin inversion")


def log_beta(alpha: npt.ArrayLike) -> npt.NDArray[Any]:
    """log B(alpha) = sum log Gamma(alpha_i) - log Gamma(sum alpha_i) along the last axis."""
    a = np.asarray(alpha)
    gamma = special.loggamma if np.iscomplexobj(a) else special.gammaln
    return np.asarray(gamma(a).sum(axis=-1) - gamma(a.sum(axis=-1)))


def _parameters(values: Sequence[float], name: str) -> tuple[float, ...]:
    numbers = tuple(real(value, f"{name}[{i}]") for i, value in enumerate(values))
    if len(numbers) < 2 or min(numbers) <= 0:
        raise ValueError(f"{name} must hold two or more positive numbers, not {numbers}.")
    return numbers


def _invert(pair: DirichletPair, w1: Array, w2: Array) -> tuple[Array, Array]:
    """The integral for each pair of weights, with steps halved until two results agree."""
    slopes, alpha2 = np.subtract(pair.alpha1, pair.alpha2), np.asarray(pair.alpha2)
    first = np.log(w1) - float(log_beta(pair.alpha1))
    second = np.log(w2) - float(log_beta(pair.alpha2))

    def exponent(s: npt.NDArray[Any]) -> npt.NDArray[Any]:
        arguments = alpha2 + s[..., None] * slopes
        return np.asarray(s * first[:, None] + (1 - s) * second[:, None] + log_beta(arguments))

    grid = np.broadcast_to(special.expit(np.linspace(-9, 9, 91)), (w1.size, 91))
    saddle = np.argmin(exponent(grid) - np.log(grid * (1 - grid)), axis=1)
    centre = grid[0, saddle][:, None]
    reach = np.minimum(centre, 1 - centre)
    up, down = slopes[slopes > 0].sum(), -slopes[slopes < 0].sum()
    lean = np.arctan2(pair._bend() + np.log(w1 / w2), math.pi * min(up, down))
    lean = np.clip(lean, -math.pi / 4, math.pi / 4)[:, None]
    # Beyond |s| = 1e13/scale the phase is lost to rounding; the last value is the error of that.
    scale = 1 + np.abs(slopes).sum() + float(np.abs(first - second).max())
    limit = float(np.log(2e13 / scale / reach.min()))

    def along(u: Array) -> tuple[Array, Array]:
        """Integrand over du, and its rounding error."""
        s = centre + reach * (np.sin(lean) * (1 - np.cosh(u)) + 1j * np.cos(lean) * np.sinh(u))
        speed = reach * (-np.sin(lean) * np.sinh(u) + 1j * np.cos(lean) * np.cosh(u))
        terms = np.exp(exponent(s)) / (s * (1 - s)) * speed / math.pi
        size = np.abs(s) * (scale + np.abs(slopes).sum() * np.log1p(np.abs(s)))
        digits = (
            size + np.abs(special.gammaln(pair.alpha2)).sum() + np.abs(first - second).max() + 4
        )
        return np.imag(terms), 4 * EPS * np.abs(terms) * digits

    step = 0.125
    values, _ = along(np.arange(0, limit, step))
    total = step * (values.sum(axis=1) - values[:, 0] / 2)
    for _ in range(6):
        middle, more = along(np.arange(step / 2, limit, step))
        step /= 2
        finer = total / 2 + step * middle.sum(axis=1)
        change, total = np.abs(finer - total), finer
        error = change + 2 * step * more.sum(axis=1) + np.abs(values[:, -1])
        if (change <= 16 * EPS * np.abs(total)).all():
            break
    return total, error

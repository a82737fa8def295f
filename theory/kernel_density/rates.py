r"""Rate functions of the distance from a query to the data (C1, C13).

The squared distance r^2 = |x - y|^2 to y ~ N(0, diag sigma_a^2), x fixed with x_a^2 = q sigma_a^2,
satisfies log P(r^2 < d u) ~ -d I(u) below its mean.  The tilt s = h^2 / lambda > 0 is the natural
parameter: with w = s / (s + sigma^2), z = 1 - w and < > the mean over the spectrum,

    I = alpha(s) = < -log(w) - z + q z^2 > / 2          strictly decreasing from oo to 0
    u(s)         = < sigma^2 w (1 + q w) >              dI/du = -1 / (2 s)
    v(s)         = < z^2 (1 + 2 q w) > / 2              = -d alpha / d log s

and the Gaussian weight W = exp(-r^2 / (2 h^2)) has log E W^lambda = d phi(lambda), exactly at
every d, with phi = -< -log(w) + q z > / 2.  Everything is computed from log s, which stays finite
for alpha from 1e-12 to 1e4.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize.elementwise import find_root
from scipy.special import expit

Array = NDArray[np.float64]
Real = float | Array
"""A float, or an array where the arguments are arrays; arguments broadcast."""
Spectrum = Sequence[tuple[float, float]]
"""(weight, variance) of groups of coordinates; the weights are divided by their sum."""


class Groups(NamedTuple):
    """A checked spectrum."""

    weights: Array
    logs: Array
    """Logarithms of the variances."""

    def mean(self, values: Array) -> Array:
        """Average over the last axis, that of the groups."""
        return np.asarray(values @ self.weights)

    @property
    def log_scale(self) -> float:
        """Mean of log sigma, the logarithm of the geometric mean."""
        return float(self.logs @ self.weights) / 2


def rate(tilt: ArrayLike, q: ArrayLike = 1.0, spectrum: Spectrum | None = None) -> Real:
    """alpha(s): -log P(r^2 < d u(s)) / d as d -> oo (C1, C13)."""
    return plain(rate_at(np.log(positive(tilt, "tilt")), _query(q), groups(spectrum)))


def distance(tilt: ArrayLike, q: ArrayLike = 1.0, spectrum: Spectrum | None = None) -> Real:
    """u(s): squared distance per dimension at the tilt s (C1, C13)."""
    return plain(distance_at(np.log(positive(tilt, "tilt")), _query(q), groups(spectrum)))


def log_tilt(alpha: ArrayLike, q: ArrayLike = 1.0, spectrum: Spectrum | None = None) -> Real:
    """log s_G, the inverse of alpha(s); finite where s_G itself underflows (alpha > 372)."""
    return plain(tilt_at(positive(alpha, "alpha"), _query(q), groups(spectrum)))


def nearest(alpha: ArrayLike, q: ArrayLike = 1.0, spectrum: Spectrum | None = None) -> Real:
    """u*(alpha) = lim r_min^2 / d: squared distance to the nearest of e^(alpha d) points."""
    g = groups(spectrum)
    return plain(distance_at(tilt_at(positive(alpha, "alpha"), _query(q), g), _query(q), g))


def moment_rate(
    power: ArrayLike, h: ArrayLike, q: ArrayLike = 1.0, spectrum: Spectrum | None = None
) -> Real:
    """phi(lambda) = log E[W^lambda | x] / d of the Gaussian kernel, exact at every d (C1)."""
    log_s = 2 * np.log(positive(h, "h")) - np.log(positive(power, "power"))
    ell = log_s[..., None] - (g := groups(spectrum)).logs
    return plain(-g.mean(np.logaddexp(0, -ell) + _query(q)[..., None] * expit(-ell)) / 2)


# --- the same at log s, for checked arguments ---------------------------------------------------


def rate_at(log_s: Array, q: Array, g: Groups) -> Array:
    """alpha(s), without cancellation at large s."""
    ell = log_s[..., None] - g.logs
    return g.mean(excess(-ell) + q[..., None] * expit(-ell) ** 2) / 2


def distance_at(log_s: Array, q: Array, g: Groups) -> Array:
    """u(s); 0 where it underflows."""
    return np.asarray(np.exp(log_distance_at(log_s, q, g)))


def log_distance_at(log_s: Array, q: Array, g: Groups) -> Array:
    """log u(s), finite at any s."""
    w, _, base = _weights(log_s, g)
    scale = np.minimum(log_s, g.logs.max())
    return np.asarray(scale + np.log(g.mean(base * (1 + q[..., None] * w))))


def slope_at(log_s: Array, q: Array, g: Groups) -> Array:
    """d log u / d log s = 2 s v / u, between 0 and 2."""
    w, z, base = _weights(log_s, g)
    twice = q[..., None] * w
    return np.asarray(g.mean(base * z * (1 + 2 * twice)) / g.mean(base * (1 + twice)))


def _weights(log_s: Array, g: Groups) -> tuple[Array, Array, Array]:
    """w, z and sigma^2 w over min(s, max sigma^2); it is z as long as s is the smaller."""
    ell, top = log_s[..., None] - g.logs, g.logs.max()
    w, z = expit(ell), expit(-ell)
    return w, z, np.where(log_s[..., None] > top, np.exp(g.logs - top) * w, z)


def width_at(log_s: Array, q: Array, g: Groups) -> Array:
    """v(s): variance per dimension of r^2 / (2 s) under the tilted law."""
    ell = log_s[..., None] - g.logs
    return g.mean(expit(-ell) ** 2 * (1 + 2 * q[..., None] * expit(ell))) / 2


def tilt_at(alpha: Array, q: Array, g: Groups) -> Array:
    """log s_G: a bracket that follows from the formulas, its root, and one step of Newton."""
    alpha, q = np.broadcast_arrays(alpha, q)
    # Each -log(w) - z is >= 2 alpha + 1 at the lower end and at most z^2 beyond the upper one.
    low = g.logs.min() - 2 * alpha - 2
    high = g.logs.max() + 1 + np.maximum(0, np.log((1 + q) / (2 * alpha)) / 2)
    log_s = root(lambda x, a, c: np.log(rate_at(x, c, g) / a), low, high, alpha, q)
    return np.asarray(log_s + (rate_at(log_s, q, g) - alpha) / width_at(log_s, q, g))


def excess(ell: Array) -> Array:
    """-log(1 - p) - p at p = 1 / (1 + e^-ell), to full relative precision."""
    ell = np.asarray(ell)
    p = expit(np.minimum(ell, -0.4))
    # -log(1 - p) = 2 artanh(t), t = p / (2 - p) <= 1/4, and 2t - p = p t.
    t = p / (2 - p)
    series = np.zeros_like(t)
    for k in range(25, 1, -2):
        series = t * t * (series + 1 / k)
    direct = np.logaddexp(0, ell) - expit(ell)
    return np.asarray(np.where(ell < -0.4, t * (p + 2 * series), direct))


def root(function: Callable[..., Any], low: Array, high: Array, *args: Array) -> Array:
    """The root of a monotone function in [low, high], to a few ulp, element by element."""
    found = find_root(function, (np.asarray(low), np.asarray(high)), args=args)
    if not np.all(found.success):
        raise ArithmeticError("no root between the ends of a bracket.")
    return np.asarray(found.x)


# --- arguments ----------------------------------------------------------------------------------


def groups(spectrum: Spectrum | None) -> Groups:
    """A spectrum as arrays; None is one group of variance 1."""
    if spectrum is None:
        return Groups(np.ones(1), np.zeros(1))
    try:
        table = np.array([(float(weight), float(variance)) for weight, variance in spectrum])
    except (TypeError, ValueError, OverflowError):
        table = np.empty(0)
    if not table.size:
        raise ValueError(f"spectrum must be a sequence of (weight, variance), not {spectrum!r}.")
    for i, pair in enumerate(table.tolist()):
        if not all(0 < part < np.inf for part in pair):
            raise ValueError(
                f"spectrum[{i}] must be a weight and a variance > 0 and finite, not {tuple(pair)}; "
                "drop constant directions."
            )
    return Groups(table[:, 0] / table[:, 0].sum(), np.log(table[:, 1]))


def positive(value: ArrayLike, name: str) -> Array:
    """`value` as an array of finite floats > 0; ValueError naming `name` otherwise."""
    return _checked(value, name, "> 0", lambda x: x > 0)


def plain(values: ArrayLike) -> Real:
    """A float where every argument was one, else an array."""
    array = np.array(values, dtype=np.float64)
    return array if array.ndim else array.item()


def nonnegative(value: ArrayLike, name: str) -> Array:
    """`value` as an array of finite floats >= 0; ValueError naming `name` otherwise."""
    return _checked(value, name, ">= 0", lambda x: x >= 0)


def _query(q: ArrayLike) -> Array:
    return nonnegative(q, "q")


def _checked(value: ArrayLike, name: str, words: str, good: Callable[[Array], Any]) -> Array:
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        array = np.array(np.nan)
    wrong = ~(np.isfinite(array) & good(array))
    if np.any(wrong):
        shown = value if array.ndim == 0 else array[wrong][0].item()
        raise ValueError(f"{name} must be {words} and finite, not {shown!r}.")
    return array

r"""The window of tau outside which no fixed point exists without a mean (omega = 0; claim C13).

With omega = 0 the variance obeys nu -> V(nu tau), V(x) = Var f(sqrt(x) g).  Where f is linear on
both sides near 0 (or far out), with slopes l (left) and r (right), V(x)/x tends to

    c(l, r) = (l^2 + r^2)/2 - (r - l)^2/(2 pi)

as x -> 0 (or infinity).  If V(x)/x decreases from c_0 to c_inf, there is a positive fixed point,
and only one, exactly for 1/c_0 < tau < 1/c_inf: below, the variance dies; above, it explodes.  For
SELU

    c_0 = c(scale alpha, scale),   c_inf = c(0, scale).

With SELU's constants the decrease is proved by certificate on [2^-14, 2^10]; for other alpha it is
looked at on a grid.  Source: derived.
"""

import functools
import math
from typing import NamedTuple

import numpy as np

from theory._checks import real
from theory.selu.blocks import ALPHA, SCALE
from theory.selu.moments import gaussian_moments


class Window(NamedTuple):
    """Ends of the open interval of tau that has a fixed point at omega = 0."""

    lower: float
    upper: float


def window(scale: float = SCALE, alpha: float = ALPHA) -> Window:
    """1/c_0 and 1/c_inf; ValueError if V(x)/x is not decreasing, so that the ends say nothing."""
    scale, alpha = real(scale, "scale"), real(alpha, "alpha")
    if scale == 0:
        raise ValueError("scale must not be 0.")
    if not _decreasing(alpha):
        raise ValueError(f"alpha = {alpha:g}: Var f/x does not decrease in x; no window is known.")
    return Window(1 / kinked_variance(scale * alpha, scale), 1 / kinked_variance(0.0, scale))


def kinked_variance(left: float, right: float) -> float:
    """c(l, r): variance of l g for g < 0, r g for g > 0, with g ~ N(0, 1)."""
    a, b = real(left, "left"), real(right, "right")
    return (a * a + b * b) / 2 - (b - a) ** 2 / (2 * math.pi)


def variance_ratio(x: float, scale: float = SCALE, alpha: float = ALPHA) -> float:
    """V(x)/x at omega = 0; nu* = x/tau is the fixed point of the tau with V(x)/x = 1/tau."""
    x = real(x, "x")
    if not x > 0:
        raise ValueError(f"x must be > 0, not {x!r}.")
    return float(gaussian_moments(0.0, x, scale=scale, alpha=alpha).variance) / x


@functools.lru_cache(maxsize=64)
def _decreasing(alpha: float) -> bool:
    x = np.exp2(np.linspace(-30, 30, 241))
    ratio = gaussian_moments(0.0, x, scale=1.0, alpha=alpha).variance / x
    return bool((np.diff(ratio) < 0).all())

r"""Width one, ReLU: geometric Brownian motion and its exact discretisation (claim C2).

Given X_0 = y0 > 0 the limit is X_t = y0 exp(B_t - t/2).  The network of depth L multiplies y by
1 + sigma z, sigma = (time/L)^{1/2}, z ~ N(0, 1), until it first becomes <= 0, then freezes.  So,
with Phi, pdf the standard normal functions, per layer

    P(stays positive) = Phi(1/sigma)
    mu_1 = E[(1 + sigma z)_+]   = Phi(1/sigma) + sigma pdf(1/sigma)
    mu_2 = E[(1 + sigma z)_+^2] = (1 + sigma^2) Phi(1/sigma) + sigma pdf(1/sigma)

and the law of log(Y_L/y0) given survival is the L-fold convolution of the law of
w = log(1 + sigma z) given 1 + sigma z > 0, of density e^w pdf((e^w - 1)/sigma) / (sigma
Phi(1/sigma)).  That density is entire in w, so the trapezoidal rule in w gives its mean and its
characteristic function to rounding; Gil-Pelaez inversion gives the distribution function.
"""

import functools
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from theory._checks import nonnegative, whole


class WidthOneLaw(NamedTuple):
    """A network of width one and given depth, started at y0 > 0; in units of y0."""

    alive: float
    """P(Y_L > 0)."""
    mean: float
    """E phi(Y_L) / y0."""
    second_moment: float
    """E phi(Y_L)^2 / y0^2."""
    mean_log: float
    """E[log(Y_L / y0) | Y_L > 0]; tends to -time/2."""


def width_one_law(depth: int, time: float = 1.0) -> WidthOneLaw:
    """Exact facts about the network of width 1 and depth L at horizon `time`.

    Relative error below 1e-12 for depth up to 1e6 and time up to 100: every L-th power is
    exp(L log1p(small)).
    """
    layers, t = whole(depth, "depth"), nonnegative(time, at_most=700)  # second moment up to e^t
    if t == 0:
        return WidthOneLaw(1.0, 1.0, 1.0, 0.0)
    sigma = math.sqrt(t / layers)
    tail = special.ndtr(-1 / sigma)
    bump = sigma * _normal_density(1 / sigma)
    w, weight = _log_step(sigma)
    # log y - (y - 1) does not cancel in the mean, and E[y - 1; y > 0] = bump exactly.
    mean_log = (np.dot(weight, w - np.expm1(w)) + bump) / (1 - tail)
    return WidthOneLaw(
        alive=math.exp(layers * special.log_ndtr(1 / sigma)),
        mean=math.exp(layers * math.log1p(bump - tail)),
        second_moment=math.exp(layers * math.log1p(sigma**2 + bump - (1 + sigma**2) * tail)),
        mean_log=float(layers * mean_log),
    )


def width_one_log_cdf(x: ArrayLike, depth: float = math.inf, time: float = 1.0) -> np.ndarray:
    """P(log(Y_L/y0) <= x | Y_L > 0), elementwise; `math.inf` gives the limit law N(-t/2, t).

    Finite depth: the exact law of the network, absolute error below 1e-11 for depth up to 1e6;
    time at most 100.
    """
    points = np.asarray(x, dtype=float)
    if np.isnan(points).any():
        raise ValueError("x must not contain NaN; remove those entries.")
    t = nonnegative(time, at_most=math.inf if depth == math.inf else 100)
    if t == 0:
        return np.asarray((points >= 0).astype(float))
    if depth == math.inf:
        return np.asarray(special.ndtr((points + t / 2) / math.sqrt(t)))
    reach, amplitude = _inversion(whole(depth, "depth"), t)
    flat = np.clip(points.ravel() + t / 2, -reach, reach)
    frequency = (np.arange(amplitude.size) + 0.5) * (math.pi / (2 * reach))
    values = np.empty_like(flat)
    for start in range(0, flat.size, 1024):  # bounds the memory of the outer product
        some = flat[start : start + 1024]
        values[start : start + 1024] = 0.5 - np.imag(
            np.exp(-1j * np.outer(some, frequency)) @ amplitude
        )
    values = np.where(np.abs(flat) < reach, values, flat > 0)
    return np.clip(values, 0, 1).reshape(points.shape)


def _log_step(sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes w = log(1 + sigma z) and weights of the measure of z on {1 + sigma z > 0}."""
    far = 9.5  # normal tail below 1e-20
    low = max(-50.0, math.log1p(-far * sigma)) if far * sigma < 1 else -50.0
    high = math.log1p(far * sigma)
    # Frequencies up to 100 must be resolved: at large sigma the transform decays like e^{-pi u/4}.
    step = min(sigma, 0.5) / 8
    w = low + step * np.arange(math.ceil((high - low) / step) + 1)
    return w, step * np.exp(w) / sigma * _normal_density(np.expm1(w) / sigma)


@functools.lru_cache(maxsize=32)
def _inversion(depth: int, time: float) -> tuple[float, np.ndarray]:
    """Half-range and Gil-Pelaez coefficients of log(Y_L/y0) + t/2.

    With frequencies u_k = (k + 1/2) pi / (2 reach) the sum below is the distribution function up
    to aliasing from distances > 2 reach, that is to the probability of |.| > reach.
    """
    sigma = math.sqrt(time / depth)
    reach = 20 * math.sqrt(time) + (50.0 if 9.5 * sigma >= 1 else 0.0)
    w, weight = _log_step(sigma)
    weight = weight / special.ndtr(1 / sigma)
    blocks: list[np.ndarray] = []
    size = 1.0
    while size > 1e-13:  # rounding of the phases leaves 1e-14
        k = 256 * len(blocks) + np.arange(256) + 0.5
        u = k * (math.pi / (2 * reach))
        # E e^{iuw} - 1 = -2 E sin^2(uw/2) + i E sin(uw): small terms are summed, not 1's.
        phase = np.outer(u, w)
        small = -2 * np.sin(phase / 2) ** 2 @ weight + 1j * (np.sin(phase) @ weight)
        power = np.exp(depth * np.log1p(small) + 0.5j * u * time)
        blocks.append(power / (math.pi * k))
        size = float(np.abs(power[-8:]).max())
    return reach, np.concatenate(blocks)


def _normal_density(z: np.ndarray | float) -> np.ndarray:
    return np.asarray(np.exp(-0.5 * np.square(z)) / math.sqrt(2 * math.pi))

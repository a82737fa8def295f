r"""Shaped MLPs: the covariance stays random when depth and width grow together (claim C9).

    Y_l = [2/(n (s_+^2 + s_-^2))]^{1/2} W_l phi_s(Y_{l-1}),   (W_l)_ij ~ N(0, 1),
    phi_s(x) = s_+ max(x, 0) + s_- min(x, 0),   s_+- = 1 + c_+-/sqrt(n),   L/n -> T = `time`.

With this sign of c_- the limit (Li, Nica and Roy, arXiv:2206.02768; derived again) is

    dV_ab = nu(rho) sqrt(V_aa V_bb) dt + noise,   d[V_ab, V_cd]/dt = V_ac V_bd + V_ad V_bc,
    nu(rho) = (c_+ - c_-)^2 (sin theta - theta cos theta)/(2 pi),   rho = cos theta,

so log(V_aa(T)/V_aa(0)) ~ N(-T, 2T), and rho is a diffusion of its own,

    d rho = (nu(rho) - rho (1 - rho^2)/2) dt + (1 - rho^2) dB,
    dz = (nu/(1 - rho^2) + rho/2) dt + dB,   z = artanh rho:  unit noise.

The moments of rho solve the backward equation u_t = u_zz/2 + (nu/(1 - rho^2) + rho/2) u_z by
Crank and Nicolson's scheme.  At both ends u = A + B e^{-2|z|}, as a smooth function of rho has it:
z = -inf is an entrance (rho = -1 is left at once) unless c_+ = c_-, where it stays, as rho = 1
always does.
The noise-free equation is that of `flow` at time (c_+ - c_-)^2 T.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.linalg

from theory._checks import correlation as checked_correlation
from theory._checks import nonnegative, real
from theory.angle import gap

Array = npt.NDArray[np.float64]

LARGEST_TIME = 100.0
"""Beyond it the grid no longer resolves the drift."""
_STEEP = 1e6
"""Drift at the left end: u changes by 1e-6 u_t from there to z = -inf, and is extrapolated."""
_POINTS, _STEPS = 700, 150


class CorrelationMoments(NamedTuple):
    """E rho and E rho^2, and how far either may be off."""

    mean: float
    second: float
    error: float


class LogVariance(NamedTuple):
    """Mean and variance of the Gaussian law of log(V_aa(T)/V_aa(0))."""

    mean: float
    variance: float


def shaped_correlation_moments(
    rho0: float, c_plus: float, c_minus: float, time: float
) -> CorrelationMoments:
    """E rho_T and E rho_T^2 from rho_0 = `rho0`.

    Extrapolated from three grids; `error` is the change that makes (measured, not proved).
    """
    rho, t = checked_correlation(rho0, "rho0"), nonnegative(time, at_most=LARGEST_TIME)
    strength = _strength(c_plus, c_minus)
    if t == 0 or rho == 1 or (rho == -1 and strength == 0):
        return CorrelationMoments(rho, rho * rho, 0.0)
    coarse, middle, fine = (_backward(rho, strength, t, refined) for refined in (1, 2, 4))
    # errors are even in the steps
    first, second = middle + (middle - coarse) / 3, fine + (fine - middle) / 3
    best = second + (second - first) / 15
    error = float(np.abs(best - second).max()) + 1e-12
    return CorrelationMoments(max(float(best[0]), -1.0), min(float(best[1]), 1.0), error)


def shaped_drift(rho: float, c_plus: float, c_minus: float) -> float:
    """nu(rho), the drift of V_ab at V_aa = V_bb = 1; no cancellation near rho = 1."""
    theta = math.acos(checked_correlation(rho, "rho"))
    return _strength(c_plus, c_minus) * gap(theta) / (2 * math.pi)


def shaped_log_variance(time: float) -> LogVariance:
    """log(V_aa(T)/V_aa(0)) ~ N(-T, 2T), whatever c_+ and c_-."""
    t = nonnegative(time)
    return LogVariance(-t, 2 * t)


def _strength(c_plus: float, c_minus: float) -> float:
    """(c_+ - c_-)^2."""
    return (real(c_plus, "c_plus") - real(c_minus, "c_minus")) ** 2


def _drift(z: Array, strength: float) -> Array:
    """nu/(1 - rho^2) + rho/2; theta = 2 arctan e^-z keeps both ends accurate."""
    theta = 2 * np.arctan(np.exp(-z))
    sine = 1 / np.cosh(z)
    small = np.minimum(theta, 0.1)
    series = small**3 / 3 * (1 - small**2 / 10 * (1 - small**2 / 28 * (1 - small**2 / 54)))
    difference = np.where(theta < 0.1, series, sine - theta * np.tanh(z))
    return np.asarray(strength / (2 * math.pi) * difference / sine**2 + np.tanh(z) / 2)


def _backward(rho: float, strength: float, t: float, refined: int) -> Array:
    """u(t, z0) for u(0) = rho and rho^2 on one grid, z0 = artanh rho a node of it."""
    start = math.atanh(rho) if rho > -1 else -math.inf
    reach = t + 9 * math.sqrt(t)
    steepest = -math.log(8 * _STEEP / strength) / 2 if strength else -math.inf
    here = max(start, min(steepest, 0.0))
    left, right = max(here - reach, min(steepest, 0.0)), max(here, 0.0) + reach
    h = (right - left) / (_POINTS * refined)
    before = round((here - left) / h)
    z: Array = here + h * np.arange(-before, _POINTS * refined - before + 1, dtype=np.float64)
    drift = _drift(z, strength)
    lower, upper = 0.5 / h**2 - drift / (2 * h), 0.5 / h**2 + drift / (2 * h)
    middle = np.full(z.size, -1 / h**2)
    # u_{-1} = u_0 + (u_0 - u_1) e^-2h exactly for A + B e^2z; so at the right end
    shrink = math.exp(-2 * h)
    middle[0] += lower[0] * (1 + shrink)
    upper[0] -= lower[0] * shrink
    middle[-1] += upper[-1] * (1 + shrink)
    lower[-1] -= upper[-1] * shrink
    u = _crank_nicolson(
        lower, middle, upper, np.stack([np.tanh(z), np.tanh(z) ** 2], 1), t, refined
    )
    value, slope = u[before], u[before + 1] - u[before]
    # towards z = -inf: u = A + B e^2z
    outside = math.expm1(2 * (start - here)) / math.expm1(2 * h)
    return np.asarray(value + slope * outside)


def _crank_nicolson(
    lower: Array, middle: Array, upper: Array, u: Array, t: float, refined: int
) -> Array:
    """exp(t A) u for the tridiagonal A, to second order in the time step."""
    steps = _STEPS * refined * math.ceil(1 + math.sqrt(t))
    half = t / steps / 2
    bands = np.zeros((3, middle.size))
    bands[0, 1:], bands[1], bands[2, :-1] = -half * upper[:-1], 1 - half * middle, -half * lower[1:]
    factor = scipy.linalg.lapack.dgttrf(bands[2, :-1], bands[1], bands[0, 1:])[:5]
    for _ in range(steps):
        known = (1 + half * middle)[:, None] * u
        known[1:] += half * lower[1:, None] * u[:-1]
        known[:-1] += half * upper[:-1, None] * u[1:]
        u = scipy.linalg.lapack.dgttrs(*factor, known)[0]
    return u

r"""First corrections in 1/n of the limit diffusion, ReLU, start q0 = 1 (claims C10, C11).

    P(X_i(s) > 0)   = 1/2 - a(s)/n           E[M_s] = e^{s/2}/2 + b(s)/n
    E[Q_s]          = e^{s/2} + B(s)/n       n Var(Q_s) e^{-s} -> v(s)
    n E[X_i^3]     -> (24/sqrt(2 pi)) (e^{3s/4} - e^{s/2})
    n excess kurtosis of X_i -> 3 (v(s) - 2)          errors O(1/n) relative to each term.

Two independent routes.  `width_corrections` perturbs the heat flow of the deterministic clock:
with eps = e^{-s/2}, alpha = arcsin sqrt(eps), theta = arccos(e^{-s/4}),

    a = (theta - sin theta cos theta) / pi
    g = (e^{s/2}/2) { (1-eps)(2/pi)(alpha + sin alpha cos alpha)
                      + (2/pi) int_eps^1 ((1-x)/x) (2 sqrt(x(1-x)) + arcsin sqrt(x)) dx }
    B = int_0^s e^{(s-r)/2} g(r) dr,   b = g + B/2 = B'
    v = 2 + 4(1-eps) + 2 int_0^s (s-w) k(w/4) dw,   k(x) = K(e^{-x}) - 1/4
    K(rho) = [(1 + 2 rho^2)(pi/2 + arcsin rho) + 3 rho sqrt(1 - rho^2)] / (2 pi).

`width_corrections_by_clock` writes X_i(t) = W_i(tau_t) with independent Brownian motions and
expands the common clock to second order: with l = s/2, q = e^{s/2},

    B = (q/2) [8 int_0^l (l-w) k(w/2) dw + 8 int_0^l k(w/2) dw - 10 l],   b = B'
    v = 2 + 4(1 - 1/q) + 8 int_0^l (l-w) k(w/2) dw
    a = (1/pi) int_eps^1 sqrt((1-x)/x) dx.
"""

import math
from typing import NamedTuple

import numpy as np

from theory._checks import nonnegative, real
from theory.depth_limit._common import integral_from_zero

LARGEST_TIME = 1000.0
"""Beyond it e^{s/2} nears the largest double."""


class WidthCorrections(NamedTuple):
    """Coefficients of 1/n in P(X_i > 0) (negated), E M, E Q, and the limit of n Var(Q)/q^2."""

    a: float
    b: float
    B: float
    v: float


def width_corrections(time: float) -> WidthCorrections:
    """a, b, B, v at `time`, by perturbation of the heat flow; relative error about 1e-13."""
    s = nonnegative(time, at_most=LARGEST_TIME)
    # Everything is carried divided by q = e^{s/2}, so nothing grows inside the integrals.
    scaled = integral_from_zero(_clock_source, s)
    q = math.exp(s / 2)
    variance = 2 - 4 * math.expm1(-s / 2)
    variance += 2 * integral_from_zero(lambda w: (s - w) * _excess_covariance(w / 4), s)
    rate = float(_clock_source(np.array([s]))[0])
    return WidthCorrections(activity_deficit(s), q * (rate + scaled / 2), q * scaled, variance)


def width_corrections_by_clock(time: float) -> WidthCorrections:
    """The same four numbers from the second-order expansion of the random clock.

    Absolute error about 1e-13 e^{s/2} (B is a difference of terms of size s).
    """
    s = nonnegative(time, at_most=LARGEST_TIME)
    q, ell = math.exp(s / 2), s / 2
    single = integral_from_zero(lambda w: _excess_covariance(w / 2), ell)
    double = integral_from_zero(lambda w: (ell - w) * _excess_covariance(w / 2), ell)
    B = q / 2 * (8 * double + 8 * single - 10 * ell)
    b = B / 2 + q / 4 * (8 * single + 8 * float(_excess_covariance(np.array([ell / 2]))[0]) - 10)
    # x = e^{-r/2} in a = (1/pi) int sqrt((1-x)/x) dx
    a = integral_from_zero(lambda r: np.sqrt(-np.expm1(-r / 2) * np.exp(-r / 2)), s) / (2 * math.pi)
    return WidthCorrections(a, b, B, 2 - 4 * math.expm1(-s / 2) + 8 * double)


def skewness_coefficient(time: float) -> float:
    """Limit of n E[X_i^3]: (24/sqrt(2 pi)) (e^{3s/4} - e^{s/2}).  Not divided by a variance."""
    s = nonnegative(time, at_most=LARGEST_TIME * 0.9)
    return 24 / math.sqrt(2 * math.pi) * math.exp(s / 2) * math.expm1(s / 4)


def excess_kurtosis_coefficient(time: float) -> float:
    """Limit of n (E X_i^4 / (E X_i^2)^2 - 3): 3 (v(s) - 2)."""
    return 3 * (width_corrections(time).v - 2)


def activity_deficit(time: float) -> float:
    """a(s) = (theta - sin theta cos theta)/pi, theta = arccos(e^{-s/4}): lim n/2 - E[A_s]."""
    return float(_activity_deficit(np.array([time]))[0])


def two_slope_activity_deficit(slope: float, time: float) -> float:
    """lim n/2 - E[A_s] for phi(x) = x, x > 0, and slope x, x <= 0, |slope| <= 1 (claim C17 v).

    ((1 - a^2)/(1 + a^2)) a(s (1 + a^2)), with a(s) that of ReLU: the clock's own part of neuron i
    has the two halves' difference, and the deterministic clock runs 1 + a^2 times as fast.
    """
    a, s = abs(real(slope, "slope")), nonnegative(time)
    if a > 1:
        raise ValueError(f"slope must be from -1 to 1 here, not {slope!r}.")
    return (1 - a * a) / (1 + a * a) * activity_deficit((1 + a * a) * s)


def activity_deficit_integral(time: float) -> float:
    """Integral of a over [0, time]."""
    # a = 1/2 to 1e-22 beyond 200.
    return integral_from_zero(_activity_deficit, min(time, 200.0)) + max(time - 200.0, 0) / 2


def _activity_deficit(s: np.ndarray) -> np.ndarray:
    sine = np.sqrt(-np.expm1(-s / 2))
    x = 2 * np.arctan2(sine, np.exp(-s / 4))
    # (x - sin x) / 2 pi; the difference cancels for small x, where its series is used.
    series = x**3 / 6 * (1 - x**2 / 20 * (1 - x**2 / 42 * (1 - x**2 / 72 * (1 - x**2 / 110))))
    return np.asarray(np.where(x < 0.5, series, x - np.sin(x)) / (2 * math.pi))


def _clock_source(s: np.ndarray) -> np.ndarray:
    """g(s) e^{-s/2}."""
    eps = np.exp(-s / 2)
    sine, cosine = np.sqrt(eps), np.sqrt(-np.expm1(-s / 2))
    alpha = np.arctan2(sine, cosine)
    # x = sin^2(phi) makes the integrand analytic on [0, pi/2]: 2 cos^3 (2 cos + phi / sin).
    nodes, weights = np.polynomial.legendre.leggauss(30)
    half = np.arctan2(cosine, sine)[:, None] / 2
    phi = alpha[:, None] + half * (1 + nodes)
    inner = 2 * np.cos(phi) ** 3 * (2 * np.cos(phi) + phi / np.sin(phi))
    integral = (inner * half) @ weights
    return np.asarray(((1 - eps) * (alpha + sine * cosine) + integral) / math.pi)


def _excess_covariance(x: np.ndarray) -> np.ndarray:
    """K(e^-x) - 1/4: covariance of relu(g)^2 and relu(g')^2 at correlation e^-x."""
    rho, root = np.exp(-x), np.sqrt(-np.expm1(-2 * x))
    angle = math.pi / 2 + np.arctan2(rho, root)
    return np.asarray(((1 + 2 * rho**2) * angle + 3 * rho * root) / (2 * math.pi) - 0.25)

r"""Two inputs at fixed width: drift and bracket of the correlation (claim C22; derived).

c = <X^a, X^b>/(|X^a||X^b|), G_ab = <phi(X^a), phi(X^b)>/n, and

    m_a = G_aa/|X^a|^2,   m_b = G_bb/|X^b|^2,   m_ab = G_ab/(|X^a||X^b|),

    drift of c = (n - 2 + c^2) m_ab - (n-1) c (m_a + m_b)/2,
    d[c]/dt    = (1 - c^2) (m_a + m_b - 2 c m_ab)                 (any phi; `symbolic` proves both).

Time 0+, ReLU.  The coordinate pairs are independent N(0, [[1, c_0], [c_0, 1]]).  Given the Gram
matrix of the two start vectors their directions are a uniform pair at angle theta = arccos c, so
each coordinate pair of the directions is r (cos psi, cos(psi - theta)) with psi uniform and
independent of r, E r^2 = 2/n.  Averaging products of relu over psi gives

    E[m_a | c] = 1/(2n),   E[m_ab | c] = kappa(c)/n,
    kappa(c) = (sqrt(1 - c^2) + c (pi - arccos c)) / (2 pi) = (sin d - d cos d)/(2 pi), cos d = -c,

the Gaussian dual of relu; for phi(1) = s, phi(-1) = r the same with (s^2 + r^2)/(2n) and with the
dual of phi.  c has Fisher's law with n degrees of freedom (mean known): in z = artanh c, with
y = z - artanh c_0, the density is proportional to

    cosh(y)^{1/2-n} (cosh z)^{1/2} 2F1(1/2, 1/2; n + 1/2; (1 + c c_0)/2),

which does not overflow, and the trapezoidal rule in y converges exponentially.

Infinite width: dc/dt = (f(c) - c)/2, f = 2 kappa (`theory.angle`).
"""

import math
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from theory import gaussian
from theory._checks import correlation as checked_correlation
from theory._checks import nonnegative
from theory.angle import angle
from theory.depth_limit.rates import start


class CorrelationStart(NamedTuple):
    """Means over both start vectors at t = 0+: drift of c, d[c]/dt, and c itself."""

    drift: float
    bracket: float
    mean: float


def correlation_start(
    width: int, c0: float, activation: gaussian.Spec = "relu"
) -> CorrelationStart:
    """E of the drift of c, of d[c]/dt and of c at t = 0+; n >= 2, homogeneous phi.

    `c0` is the correlation of the inputs, that of each coordinate pair; absolute error about 1e-13.
    """
    n, act, _ = start(width, activation, 1.0)
    rho = checked_correlation(c0)
    if n < 2:
        raise ValueError("width must be >= 2, not 1: two numbers have no angle.")
    if not act.homogeneous:
        raise ValueError(f"{act.name} is not homogeneous; take relu, abs, linear or leaky_relu:a.")
    c, weights = _fisher(n, rho)
    m = (float(act(1.0)) ** 2 + float(act(-1.0)) ** 2) / (2 * n)
    m_ab = gaussian.dual(act, c) / n
    drift, bracket = correlation_drift(n, c, m, m, m_ab), correlation_bracket(c, m, m, m_ab)
    return CorrelationStart(*(float(np.dot(weights, x)) for x in (drift, bracket, c)))


def correlation_drift(width: int, c: Any, m_a: Any, m_b: Any, m_ab: Any) -> Any:
    """(n - 2 + c^2) m_ab - (n-1) c (m_a + m_b)/2; numbers or arrays."""
    return (width - 2 + c * c) * m_ab - (width - 1) * c * (m_a + m_b) / 2


def correlation_bracket(c: Any, m_a: Any, m_b: Any, m_ab: Any) -> Any:
    """d[c]/dt = (1 - c^2) (m_a + m_b - 2 c m_ab); numbers or arrays."""
    return (1 - c * c) * (m_a + m_b - 2 * c * m_ab)


def infinite_width_correlation(c0: float, time: float) -> float:
    """c_t of dc/dt = (f(c) - c)/2, ReLU, c_0 = `c0`; absolute error of a few 1e-16.

    c_t tends to 1 like 1 - 18 pi^2/t^2; at any finite width it does not (claim C22).
    """
    return math.cos(angle(math.acos(checked_correlation(c0)), nonnegative(time)))


def _fisher(n: int, rho: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of the law of the sample correlation of n pairs of known mean."""
    if abs(rho) == 1:
        return np.array([rho]), np.array([1.0])
    step = min(0.2, 0.5 / math.sqrt(n))  # strip of half width pi/2, Gaussian of deviation n^-1/2
    reach = math.acosh(math.exp(min(42 / (n - 1), 600)))
    y = step * np.arange(-math.ceil(reach / step), math.ceil(reach / step) + 1)
    z = y + math.atanh(rho)
    c = np.tanh(z)
    log_density = (0.5 - n) * _log_cosh(y) + _log_cosh(z) / 2
    series = special.hyp2f1(0.5, 0.5, n + 0.5, (1 + c * rho) / 2)
    density = np.exp(log_density - log_density.max()) * series
    return c, density / density.sum()


def _log_cosh(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.log1p(2 * np.sinh(x / 2) ** 2))

r"""Norms that do not see the sign change between widths 3 and 4 (claims C20, C21; derived).

Pre-activation norm, any phi.  In n dimensions the Laplacian of log|x| is (n-2)/|x|^2, so

    d log|X| = martingale + ((n-2)/(2n)) |phi(X)|^2/|X|^2 dt,    bracket |phi|^2/(n |X|^2) dt,

and for |phi(x)| <= C|x| E log|X_t| is constant at width 2, increasing above, decreasing below.

Forward tangent V = (dX_t/dX_0) v, D = diag phi'(X):  dV has covariance (|DV|^2/n) I, so

    d log|V| = martingale + ((n-2)/(2n)) |DV|^2/|V|^2 dt,

and for the Jacobian, dJ = n^{-1/2} dB D J,

    E log|det J_t| = -(1/2n) int_0^t E sum_i phi'(X_i)^2 ds.

Finite depth.  One layer adds sigma z to y, sigma^2 = t |phi(y)|^2/(nL).  With J ~ Poisson(x),
x = |y|^2/(2 sigma^2), |y + sigma z|^2 = 2 sigma^2 Gamma(n/2 + J) and
d/dx E psi(n/2 + J) = E 1/(n/2 + J) = int_0^1 (1-v)^{n/2-1} e^{-xv} dv; against 1/x this gives

    E log|y + sigma z| - log|y| = (1/2) { E_1(x) + int_0^1 (1 - (1-v)^{n/2-1}) e^{-xv} dv/v },

at width 2 just E_1(x)/2.  If |phi(x)| <= |x| then x >= nL/(2t) in every layer.
"""

import math

import numpy as np
from scipy import special

from theory import gaussian
from theory._checks import nonnegative, real, whole
from theory.depth_limit import estimates
from theory.depth_limit.rates import alive_probability, start, weighted_mean
from theory.prediction import Prediction


def pre_norm_rate_at_zero(
    width: int,
    activation: gaussian.Spec = "relu",
    variance: float = 1.0,
    *,
    given_alive: bool = False,
) -> float:
    """d/dt E log|X_t| at t = 0+, from X_0 ~ N(0, variance I_n); ReLU: (n-2)/(4n).

    Unconditional, or given phi(X_0) != 0.  Equals ((n-2)/(2n)) E |phi(X)|^2/|X|^2; where phi(0) is
    not 0, width 2 has phi(0)^2/(2 variance) (log|x| is not harmonic at 0) and width 1 no rate:
    ValueError.  Errors as for `log_norm_rate_at_zero`; relative 1e-9 at width 3 if phi(0) is not 0.
    """
    n, act, q = start(width, activation, variance)
    at_zero = float(act(0.0))
    if n == 1 and at_zero != 0:
        raise ValueError(
            f"at width 1 the rate is infinite, because {act.name} is {at_zero:g} at 0."
        )
    if act.homogeneous:
        rate = (n - 2) / (2 * n) * (float(act(1.0)) ** 2 + float(act(-1.0)) ** 2) / 2
    elif n == 1:
        rate = -gaussian.expectation(lambda x: (act(x) / x) ** 2, q, act.kinks).value / 2
    elif n == 2:
        rate = at_zero**2 / (2 * q)
    else:
        mean = weighted_mean(lambda x: (act(x) / x) ** 2, np.square, n, q, act.kinks, act.name)
        rate = (n - 2) / (2 * n) * mean
    return rate / alive_probability(n, act, q) if given_alive else rate


def tangent_rate_at_zero(
    width: int,
    activation: gaussian.Spec = "relu",
    variance: float = 1.0,
    *,
    given_alive: bool = False,
) -> float:
    """d/dt E log|V_t| at t = 0+ for a fixed direction: ((n-2)/(2n)) E phi'^2; ReLU: (n-2)/(4n).

    The backward gradient, J^T u for a fixed u, has the same rate.
    """
    n, act, q = start(width, activation, variance)
    rate = (n - 2) / (2 * n) * gaussian.derivative_moment(act, 2, q)
    return rate / alive_probability(n, act, q) if given_alive else rate


def log_determinant(width: int, time: float) -> Prediction:
    """E log|det J_t|, ReLU, unconditional: -(1/2n) int_0^t E[A_s] ds, from `log_ratio`."""
    n, t = whole(width, "width"), nonnegative(time)
    alive, ratio = 1 - math.ldexp(1.0, -n), estimates.log_ratio(n, t)
    return Prediction(-alive * (ratio.value + t / n), alive * ratio.error, ratio.method)


def lyapunov_exponents(width: int) -> tuple[float, ...]:
    """(n - 2k)/(2n), k = 1..n: rates of the singular values of J for the linear activation."""
    n = whole(width, "width")
    return tuple((n - 2 * k) / (2 * n) for k in range(1, n + 1))


def one_layer_log_growth(width: int, ratio: float) -> float:
    """E log|y + sigma z| - log|y| in n dimensions, `ratio` = |y|^2/(2 sigma^2) > 0.

    E_1(ratio)/2 at width 2; (n-2)/(4 ratio) for large ratios.  Error about 1e-13 of the larger of
    the two terms in the module docstring.
    """
    n, x = whole(width, "width"), real(ratio, "ratio")
    if x <= 0:
        raise ValueError(f"ratio must be > 0, not {ratio!r}.")
    base = float(special.exp1(x)) / 2
    if n == 2:
        return base
    # Panels in log v up to 1/2, in log(1 - v) above: scales 1/x and 1/n, and the singularity of
    # width 1 at v = 1, are resolved.
    lowest = -80 - math.log(max(x, n))
    edges = np.linspace(lowest, math.log(0.5), math.ceil(-2 * lowest))
    nodes, weights = np.polynomial.legendre.leggauss(12)
    half = np.diff(edges)[:, None] / 2
    v = np.exp(edges[:-1, None] + half * (1 + nodes))
    m = n / 2 - 1
    low = -np.expm1(m * np.log1p(-v)) * np.exp(-x * v)
    high = -np.expm1(m * np.log(v)) * np.exp(-x * (1 - v)) * v / (1 - v)
    return base + float(np.sum(half * weights * (low + high))) / 2


def log_norm_bias_bound(depth: int, time: float = 1.0) -> float:
    """(L/2) E_1(L/t): at width 2, if |phi(x)| <= |x|, 0 <= E log|Y_L|/|Y_0| <= this.

    The limit is exactly 0, so this bounds the depth bias; also that of E log|V_L| if |phi'| <= 1.
    """
    layers, t = whole(depth, "depth"), nonnegative(time)
    return layers * one_layer_log_growth(2, layers / t) if t else 0.0

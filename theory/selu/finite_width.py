r"""Networks of finite width with random Gaussian weights (claim C11).

Weights N(0, 1/n), no biases, one input with q_0 = |h_0|^2/n.  Given layer l the preactivations are
independent N(0, q_l), q_l = |h_l|^2/n, exactly; so q is a Markov chain

    q_{l+1} = n^-1 sum_i f(sqrt(q_l) g_i)^2,     g_i ~ N(0, 1) independent,

about the path qbar_{l+1} = F(qbar_l), F(q) = E f(sqrt(q) g)^2, qbar_0 = q_0.  The noise given q has
variance s(q)/n, s = E f^4 - F^2, third moment k(q)/n^2, k = E f^6 - 3 F E f^4 + 2 F^3, and fourth
moment 3 s^2/n^2 + O(n^-3).  With d = q - qbar, of size n^-1/2, and Taylor series of F and s, the
first four moments of d obey a linear recursion that is exact to order n^-2: each n^-1 and each d^2
counts alike, terms beyond n^-2 are dropped.  To first order

    n Var q' = F'^2 n Var q + s,       n (E q' - qbar') = F' n (E q - qbar) + F''/2 n Var q,

and at a stationary qbar, chi = F', V = s/(1 - chi^2) the regression of q' on q has the slope

    chi + (F'' (T/V + 2 b)/2 + F''' V/2)/n,     b = F'' V/(2 (1 - chi)),
    T = (3 chi^2 F'' V^2 + 3 chi s' V + k)/(1 - chi^3).

Neuron mean m = n^-1 sum_i f(z_i) and variance within the layer q - m^2 in the same way.
Derivatives in q follow from Hermite coefficients of f, f^2, f^4, f^6 by d/dq = (d/dy)^2/2.
Source: derived.  Errors are estimates of the next term, not bounds.
"""

import functools
import math
from typing import NamedTuple

import numpy as np

from theory import gaussian
from theory._checks import nonnegative, whole
from theory.activations import Activation
from theory.activations import activation as named
from theory.prediction import Prediction
from theory.selu.blocks import Array
from theory.selu.moments import shifted

_METHOD = "expansion in 1/n"


class FiniteWidth(NamedTuple):
    """Layer `depth`, or the stationary state; over networks, for one input."""

    second_moment: Prediction
    """E q."""
    n_var_q: Prediction
    """n Var q."""
    mean: Prediction
    """E m, m the mean over the neurons of the layer."""
    n_var_mean: Prediction
    """n Var m."""
    variance: Prediction
    """E[q - m^2], the variance within the layer (divisor n)."""
    slope: Prediction
    """Cov(q_l, q_{l-1})/Var q_{l-1}; its limit if q_{l-1} is not random."""
    log_q: Prediction
    """E log q."""


def finite_width(
    width: int,
    depth: int | None = None,
    *,
    q0: float = 1.0,
    activation: gaussian.Spec = "selu",
) -> FiniteWidth:
    """Predictions for layer `depth` >= 1, or for depth -> infinity if it is None.

    Narrow networks have large errors: look at them below n = 30.  ValueError if
    q grows or dies out with depth (ReLU) where a stationary state is asked for.
    """
    n, q, act = whole(width, "width"), nonnegative(q0, "q0"), named(activation)
    if q == 0:
        raise ValueError("q0 must be > 0: a zero input stays zero, or is not random at first.")
    if depth is None:
        before = _taylor(act, stationary_q(act, q))
        moments = [_stationary(before, n, order) for order in (1, 2)]
        return _predictions(before, moments, moments, n)
    moments = [np.eye(5)[0]] * 2
    for layer in range(whole(depth, "depth")):
        if not 1e-70 < q < 1e70:  # its fourth power leaves the range of floats
            raise ValueError(f"q of {act.name} is {q:.3g} at layer {layer}; take a smaller depth.")
        before, start = _taylor(act, q), moments
        moments = [_advance(before, n, order, m) for order, m in zip((1, 2), start, strict=True)]
        q = before.following
    return _predictions(before, start, moments, n)


def stationary_q(activation: gaussian.Spec = "selu", q0: float = 1.0) -> float:
    """The limit of q -> E f(sqrt(q) g)^2 from q0; ValueError if it is not a positive number."""
    act, q = named(activation), q0
    for step in range(2000):
        around = _taylor(act, q)
        slope = float(around.second[1])
        if abs(around.following - q) <= 1e-15 * q and abs(slope) < 1:
            return q
        # Newton once the map itself has come near
        near = step >= 20 and abs(slope) < 0.999
        q = q + (around.following - q) / (1 - slope) if near else around.following
        if not 1e-30 < q < 1e30:
            break
    raise ValueError(
        f"q of {act.name} does not settle at a positive number from q0 = {q0:g}: give a depth."
    )


class _Taylor(NamedTuple):
    """Taylor coefficients in q of E f^2, its noise s, and E f, and the third moment k."""

    q: float
    second: Array
    noise: Array
    third: float
    mean: Array

    @property
    def following(self) -> float:
        return float(self.second[0])


@functools.lru_cache(maxsize=256)
def _taylor(act: Activation, q: float) -> _Taylor:
    one, two, four = (_in_q(act, power, q, 4) for power in (1, 2, 4))
    six = gaussian.moment(act, 6, q)
    noise = (four - np.convolve(two, two)[:5])[:3]
    third = six - 3 * two[0] * four[0] + 2 * two[0] ** 3
    return _Taylor(q, two, noise, float(third), one)


def _in_q(act: Activation, power: int, q: float, order: int) -> Array:
    """Taylor coefficients of q -> E f(sqrt(q) g)^power: sqrt((2k)!)/(2^k k!) a_2k/q^k."""
    k = np.arange(order + 1)
    factors = [math.sqrt(math.factorial(2 * j)) / 2**j / math.factorial(j) for j in k.tolist()]
    a = gaussian.hermite_coefficients(shifted(act, 0.0, power), 2 * order, q)
    return np.asarray(factors) * a[::2] / q**k


def _transition(around: _Taylor, n: int, order: int) -> Array:
    """Coefficient of d^i in E d'^j at [j, i]: all terms up to n^-order."""
    table, d, s = np.zeros((5, 5)), np.array(around.second), around.noise
    d[0], table[0, 0] = 0.0, 1.0
    square = np.convolve(d, d)[:5]
    if order == 1:
        table[1, 1:3], table[2, 2], table[2, 0] = d[1:3], square[2], s[0] / n
        return table
    table[1], table[2] = d, square
    table[2, :3] += s / n
    table[3] = np.convolve(square, d)[:5]
    table[3, :3] += 3 / n * np.convolve(d, s)[:3]
    table[3, 0] += around.third / n**2
    table[4] = np.convolve(square, square)[:5]
    table[4, 2] += 6 / n * s[0] * square[2]
    table[4, 0] += 3 * s[0] ** 2 / n**2
    return table


def _advance(around: _Taylor, n: int, order: int, moments: Array) -> Array:
    return np.asarray(_transition(around, n, order) @ moments)


def _stationary(around: _Taylor, n: int, order: int) -> Array:
    table = _transition(around, n, order)
    rest = np.linalg.solve(np.eye(4) - table[1:, 1:], table[1:, 0])
    return np.concatenate([[1.0], rest])


def _predictions(around: _Taylor, before: list[Array], after: list[Array], n: int) -> FiniteWidth:
    """From the moments (to order 1 and to order 2) of d in the layer before and in the layer."""
    q, h = around.following, around.mean
    spread = (around.second - np.convolve(h, h)[:5])[:3]
    first, second = before
    size = [q, q + after[0][1], q + after[1][1]]
    mean = [float(h[0]), float(h[:3] @ first[:3]), float(h @ second)]
    noise = float(spread[0] + n * h[1] ** 2 * first[2])
    across = float((np.convolve(h, h)[:5] - h[0] * 2 * h) @ second) + h[0] ** 2
    var_mean = [noise, float(spread @ second[:3]) + n * (across - (mean[2] - h[0]) ** 2)]
    powers = np.array([0.0, 1 / q, -0.5 / q**2, 1 / (3 * q**3), -0.25 / q**4])
    logs = [math.log(q)]
    logs += [logs[0] + float(powers[:3] @ after[0][:3]), logs[0] + float(powers @ after[1])]
    total, centre, across_networks = (_from_orders(v, n) for v in (size, mean, var_mean))
    return FiniteWidth(
        second_moment=total,
        n_var_q=_from_orders([n * after[0][2], n * (after[1][2] - after[1][1] ** 2)], n),
        mean=centre,
        n_var_mean=across_networks,
        variance=_within(total, centre, across_networks, n),
        slope=_from_orders(_slopes(around, second), n),
        log_q=_from_orders(logs, n),
    )


def _within(q: Prediction, mean: Prediction, var_mean: Prediction, n: int) -> Prediction:
    """E[q - m^2] = E q - n Var m/n - (E m)^2, errors added."""
    value = q.value - var_mean.value / n - mean.value**2
    rest = q.error + var_mean.error / n + (2 * abs(mean.value) + mean.error) * mean.error
    return Prediction(value, rest, _METHOD)


def _slopes(around: _Taylor, moments: Array) -> list[float]:
    """Slope of the regression of d' on d, in the limit and to order 1/n."""
    d = around.second
    variance = moments[2] - moments[1] ** 2
    if not variance > 0:
        return [float(d[1]), float(d[1])]
    covariance = d[1:4] @ moments[2:5] - (d[1:3] @ moments[1:3]) * moments[1]
    return [float(d[1]), float(covariance / variance)]


def _from_orders(values: list[float], n: int) -> Prediction:
    """The last of the partial sums in 1/n, with an estimate of the next term.

    That is the last one times its ratio to the one before, or the one before times (4/n)^2, with
    2 for 4 where there are only two: at least twice what SELU networks of widths 4 to 64 show.
    """
    before, last = np.abs(np.diff(values, prepend=0.0))[-2:].tolist()
    rounding = 1e-12 * (1 + abs(float(values[-1])))
    if last <= rounding and (len(values) == 2 or before <= rounding):  # exact: nothing random yet
        return Prediction(float(values[-1]), rounding, _METHOD)
    usual = ((4 if len(values) > 2 else 2) / n) ** 2
    rest = max(last * last / before if before > 0 else last, before * usual)
    return Prediction(float(values[-1]), rest + rounding, _METHOD)

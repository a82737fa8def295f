r"""Fluctuations of the kernel of a wide residual network, and its 1/n correction (claims C4, C5).

Q = (q_aa, q_bb, q_ab) is the covariance flow of infinite width, hat q = <Y_a, Y_b>/n that of one
network of width n and depth L.  As n grows,

    sqrt(n) (hat q - Q) -> N(0, V),      n (E hat q - Q) -> B,

at every fixed depth, and the limits of V and B for L -> infinity do not depend on how L grows
with n: the variance is O(1/n) whatever L/n.  Functions of hat q follow by Taylor's formula:

    n Var f(hat q) -> f' V f',      n (E f(hat q) - f(Q)) -> f' B + (1/2) tr(f'' V).

V and B come from `theory.commutation.particles` for given depths and grids.  The grid's error is
c step^2 (kinks of phi), that of a finite depth a series in 1/L: both are extrapolated, and the
stated errors are what the last extrapolation step changed.  They are measured, not proved.

One input in closed form (ReLU): V_aa = q^2 v(t), `fluctuation`.
"""

import functools
import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from theory._checks import nonnegative, whole
from theory.activations import Activation
from theory.activations import activation as named
from theory.commutation.flow import Covariance, checked, covariance, finite_depth_covariance
from theory.commutation.particles import PAIRS, at_depth, matrix
from theory.depth_limit import width_corrections
from theory.gaussian import Spec

Array = npt.NDArray[np.float64]

_GRIDS = {1: (512, 768), 2: (160, 224)}
"""Points a side of the two grids, by the number of inputs."""
_LAYERS = (5, 8, 13, 21, 34)
"""Depths, for each unit of time, from which other depths are extrapolated in 1/L."""


_PARALLEL = 1e-5
"""1 - c below which two inputs are taken as one: the grid's sums would cancel there."""


class Fluctuations(NamedTuple):
    """V and B in the order (aa, bb, ab), with what the numerics may be off by."""

    covariance: Array
    """V, shape (3, 3): limit of n Cov(hat q)."""
    correction: Array
    """B, shape (3,): limit of n (E hat q - Q)."""
    covariance_error: Array
    correction_error: Array


class Band(NamedTuple):
    """Where hat q of one network lies: arrays in the order (aa, bb, ab)."""

    limit: Array
    """Both limits taken, in any order."""
    mean: Array
    """Finite depth exactly, width to first order: Q_L + B/n."""
    deviation: Array
    """sqrt(V/n)."""
    low: Array
    high: Array


def fluctuation(time: float) -> float:
    """v(t), ReLU: n Var hat q_aa -> q_t^2 v(t); relative error about 1e-13 (closed form)."""
    return width_corrections(time).v


def fluctuations(
    q_aa: float,
    q_bb: float,
    q_ab: float,
    time: float,
    activation: Spec = "relu",
    depth: int | None = None,
) -> Fluctuations:
    """V and B of a network of this depth, or of infinite depth.

    Relative error about 1e-5 for smooth and for kinked phi alike; a second or two, then cached.
    Raises ValueError for a covariance that is not one, for correlations below about -0.99, and
    where a long time or a large sigma_w spreads the scales too far for the grid.
    """
    layers = None if depth is None else whole(depth, "depth")
    act = named(activation)
    return _fluctuations(checked(q_aa, q_bb, q_ab), nonnegative(time), act, layers)


def band(
    q_aa: float,
    q_bb: float,
    q_ab: float,
    time: float,
    width: int,
    depth: int,
    activation: Spec = "relu",
    z: float = 1.96,
) -> Band:
    """Q_L + B/n -+ z sqrt(V/n): where hat q of one network lies, with the probability of z.

    V and B are those of this depth; the next terms are of relative size 1/n.
    """
    n = whole(width, "width")
    found = fluctuations(q_aa, q_bb, q_ab, time, activation, depth)
    mean = _mean_field(q_aa, q_bb, q_ab, time, activation, depth) + found.correction / n
    deviation = np.sqrt(np.diag(found.covariance) / n)
    limit = _mean_field(q_aa, q_bb, q_ab, time, activation)
    return Band(limit, mean, deviation, mean - z * deviation, mean + z * deviation)


class Expansion(NamedTuple):
    """A function f of hat q in a wide network: E f = value + bias/n, Var f = variance/n."""

    value: float
    bias: float
    variance: float


def correlation_expansion(
    q_aa: float,
    q_bb: float,
    q_ab: float,
    time: float,
    activation: Spec = "relu",
    depth: int | None = None,
) -> Expansion:
    """The correlation hat q_ab / sqrt(hat q_aa hat q_bb), |c| < 1: its mean is not c (derived)."""
    found = fluctuations(q_aa, q_bb, q_ab, time, activation, depth)
    a, b, ab = _mean_field(q_aa, q_bb, q_ab, time, activation, depth)
    c, r = ab / math.sqrt(a * b), 1 / math.sqrt(a * b)
    slope = np.array([-c / (2 * a), -c / (2 * b), r])
    mixed = c / (4 * a * b)
    second = np.array(
        [
            [3 * c / (4 * a * a), mixed, -r / (2 * a)],
            [mixed, 3 * c / (4 * b * b), -r / (2 * b)],
            [-r / (2 * a), -r / (2 * b), 0.0],
        ]
    )
    return _expansion(c, slope, second, found)


def log_expansion(
    q: float, time: float, activation: Spec = "relu", depth: int | None = None
) -> Expansion:
    """log hat q of one input: the mean gains (B/q - V/(2 q^2))/n, the variance is V/(q^2 n)."""
    found = fluctuations(q, q, q, time, activation, depth)
    here = _mean_field(q, q, q, time, activation, depth)[0]
    slope, second = np.array([1 / here, 0, 0]), np.diag([-1 / here**2, 0, 0])
    return _expansion(math.log(here), slope, second, found)


def _expansion(value: float, slope: Array, second: Array, found: Fluctuations) -> Expansion:
    V, B = found.covariance, found.correction
    bias = slope @ B + np.sum(second * V) / 2
    return Expansion(float(value), float(bias), float(slope @ V @ slope))


def _mean_field(
    q_aa: float,
    q_bb: float,
    q_ab: float,
    time: float,
    activation: Spec = "relu",
    depth: int | None = None,
) -> Array:
    """Q at infinite width, shape (3,): of this depth, or of infinite depth."""
    if depth is None:
        return np.array(covariance(q_aa, q_bb, q_ab, time, activation))
    return np.array(finite_depth_covariance(q_aa, q_bb, q_ab, time, depth, activation))


@functools.lru_cache(maxsize=64)
def _fluctuations(q: Covariance, time: float, act: Activation, depth: int | None) -> Fluctuations:
    if min(q.q_aa, q.q_bb) == 0:
        raise ValueError(f"an input with q = 0 has no fluctuations: {tuple(q)}; leave it out.")
    c = q.q_ab / math.sqrt(q.q_aa * q.q_bb)
    if c < 1 - _PARALLEL:
        return _extrapolated(np.array(q), time, act, depth)
    ratio = math.sqrt(q.q_bb / q.q_aa)
    if not (math.isclose(ratio, 1, rel_tol=1e-12) or act.homogeneous):
        raise ValueError(
            f"two parallel inputs (q_aa, q_bb, q_ab) = {tuple(q)} need the same length unless the "
            "activation is homogeneous."
        )
    single = _extrapolated(np.array([q.q_aa]), time, act, depth)
    scale = np.array([1.0, ratio**2, ratio])
    V, B, V_error, B_error = (
        x.item() * (np.outer(scale, scale) if x.ndim == 2 else scale) for x in single
    )
    gap = 2 * (1 - c)
    return Fluctuations(V, B, V_error + gap * abs(V), B_error + gap * abs(B))


def _extrapolated(q: Array, time: float, act: Activation, depth: int | None) -> Fluctuations:
    """To a vanishing grid step at every depth, and then to the wanted depth."""
    if time == 0:
        zero = np.zeros(q.size)
        return Fluctuations(_of_gaussian(q), zero, np.zeros((q.size, q.size)), zero)
    layers = [k * max(1, math.ceil(time)) for k in _LAYERS]
    if depth is not None and depth <= layers[1]:
        layers, every, fewer = [depth], np.ones(1), np.ones(1)
    else:
        x = [1 / k for k in layers]
        at = 0.0 if depth is None else 1 / depth
        every, fewer = _lagrange(x, at), np.array([0.0, *_lagrange(x[1:], at)])
    coarse, fine = _GRIDS[1 if q.size == 1 else 2]
    gain = (fine / coarse) ** 2 - 1
    both = [[at_depth(q, time, k, act, points) for points in (coarse, fine)] for k in layers]
    results = []
    for which in (0, 1):
        rough = np.array([first[which] for first, _ in both])
        sharp = np.array([second[which] for _, second in both])
        shift = (sharp - rough) / gain
        value = np.tensordot(every, sharp + shift, 1)
        doubt = np.abs(value - np.tensordot(fewer, sharp + shift, 1))
        results.append((value, doubt + np.abs(np.tensordot(every, shift, 1))))
    (V, V_error), (B, B_error) = results
    return Fluctuations(V, B, V_error, B_error)


def _lagrange(nodes: list[float], at: float) -> Array:
    """Weights of the polynomial through the nodes, evaluated at `at`."""
    return np.array([math.prod((at - b) / (a - b) for b in nodes if b != a) for a in nodes])


def _of_gaussian(q: Array) -> Array:
    """Covariances of the products of coordinates of N(0, Q)."""
    Q, pairs = matrix(q), PAIRS[1 if q.size == 1 else 2]
    rows = [[Q[i, k] * Q[j, m] + Q[i, m] * Q[j, k] for k, m in pairs] for i, j in pairs]
    return np.array(rows)

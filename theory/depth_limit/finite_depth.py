r"""Exact facts about networks of finite depth, ReLU, q0 = 1 (section 5 of the notes; derived).

They serve as oracles for a simulator: no limit, no expansion.
"""

import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from scipy import special

from theory._checks import nonnegative, whole


class OneLayerMoments(NamedTuple):
    """Moments of Q_1 = |Y_1|^2/n after the first residual layer."""

    mean: Fraction
    second_moment: Fraction
    variance: Fraction


def one_layer_moments(width: int, depth: int) -> OneLayerMoments:
    """E Q_1 = 1 + 1/(2L), E Q_1^2 and Var Q_1 of the first layer of a depth-L network.

    E Q_1^2 = 1 + 2/n + (2 + 4/n)(1/2 + 1/n)/L + (1 + 2/n)(1/4 + 5/(4n))/L^2.
    Given Y_0, Y_1 = Y_0 + sqrt(M/L) z: the terms are E Q^2, (2 + 4/n) E[QM], (1 + 2/n) E M^2.
    """
    n, layers = whole(width, "width"), whole(depth, "depth")
    v, h = Fraction(1, n), Fraction(1, layers)
    mean = 1 + h / 2
    second = (
        1
        + 2 * v
        + (2 + 4 * v) * (Fraction(1, 2) + v) * h
        + (1 + 2 * v) * (Fraction(1, 4) + Fraction(5, 4) * v) * h**2
    )
    return OneLayerMoments(mean, second, second - mean**2)


def two_width_first_layer(depth: int, time: float = 1.0) -> float:
    """E[A_1] (unconditional) after the first layer of a width-2 network of depth L.

    With s = sqrt(2L/time): (1/pi) [ int_0^{pi/2} (Phi(s cos u) + Phi(-s tan u)) du
    + (pi/2) Phi(s) ].  Absolute error below 1e-12 for L/time <= 1e8.
    """
    layers, t = whole(depth, "depth"), nonnegative(time)
    if t == 0:
        return 1.0
    s = math.sqrt(2 * layers / t)
    # 1 - E[A_1] is the integral of Phi(-s cos u) - Phi(-s tan u); u -> pi/2 - u in the first term
    # puts both boundary layers, of width 1/s, at 0.  The quadrature grid is geometric there.
    edges = np.concatenate([[0.0], np.geomspace(min(1.0, 1 / s) * 1e-2, math.pi / 2, 60)])
    nodes, weights = np.polynomial.legendre.leggauss(20)
    half = np.diff(edges)[:, None] / 2
    u = edges[:-1, None] + half * (1 + nodes)
    difference = special.ndtr(-s * np.sin(u)) - special.ndtr(-s * np.tan(u))
    drop = float(np.sum(half * weights * difference)) + math.pi / 2 * float(special.ndtr(-s))
    return 1 - drop / math.pi


def extinction_bound(width: int, depth: int, time: float = 1.0) -> float:
    """Phi(-sqrt(n L / time)): bound on P(all neurons <= 0 after a layer | N > 0 before).

    Project on phi(Y): extinction needs N + N g sqrt(time/(n L)) <= 0.  Equality for n = 1.
    """
    n, layers, t = whole(width, "width"), whole(depth, "depth"), nonnegative(time)
    return float(special.ndtr(-math.sqrt(n * layers / t))) if t else 0.0

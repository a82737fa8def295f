r"""Infinite width: the coordinates decouple into Gaussians of variance q_t (claim C12).

    q' = E phi(sqrt(q) g)^2,  q(0) = q0,        ReLU: q_t = q0 e^{t/2}.

Depth-then-width and width-then-depth give the same q_t; in the latter order a network of depth L
has exactly q0 (1 + t/(2L))^L (ReLU), so its depth bias is -q0 e^{t/2} t^2/(8L) + O(L^-2).
"""

import math
from collections.abc import Callable

import numpy as np
from scipy import integrate

from theory import gaussian
from theory._checks import nonnegative, whole
from theory.activations import Activation, activation

LARGEST_VARIANCE = 1e50
"""Where the differential equation is given up: the growth is then faster than exponential."""


def limit_variance(phi: str | Callable[..., object] | Activation, q0: float, time: float) -> float:
    """Variance q_t of one neuron in the limit of infinite depth and width, from q_0 = `q0`.

    Positively homogeneous phi: q0 e^{rt}, r = (phi(1)^2 + phi(-1)^2)/2 (relu 1/2, abs and linear
    1, leaky_relu:a (1 + a^2)/2).  Otherwise the ordinary differential equation, relative error
    about 1e-10.  ValueError if the variance leaves the range of doubles before `time`.
    """
    f = activation(phi)
    start, t = nonnegative(q0, "q0"), nonnegative(time)
    if f.homogeneous:
        rate = (float(f(1.0)) ** 2 + float(f(-1.0)) ** 2) / 2
        return _finite(start * _exp(rate * t), f.name, t)
    if t == 0:
        return start

    def too_large(_: float, q: np.ndarray) -> float:
        return LARGEST_VARIANCE - float(q[0])

    too_large.terminal = True  # type: ignore[attr-defined]  # how scipy is told to stop there
    solution = integrate.solve_ivp(
        lambda _, q: [gaussian.moment(f, 2, min(max(float(q[0]), 0.0), LARGEST_VARIANCE))],
        (0.0, t),
        [start],
        method="DOP853",
        rtol=1e-12,
        atol=1e-14,
        events=too_large,
    )
    return _finite(float(solution.y[0, -1]) if solution.status == 0 else math.inf, f.name, t)


def infinite_width_variance(depth: int, time: float = 1.0) -> float:
    """(1 + t/(2L))^L: E Q_L of the ReLU network of infinite width and depth L (q0 = 1)."""
    layers, t = whole(depth, "depth"), nonnegative(time)
    return _finite(_exp(layers * math.log1p(t / (2 * layers))), "relu", t)


def _exp(x: float) -> float:
    return math.exp(x) if x < 709 else math.inf


def _finite(value: float, name: str, time: float) -> float:
    if not math.isfinite(value):
        raise ValueError(f"the variance of {name} overflows before time {time:g}; reduce time.")
    return value

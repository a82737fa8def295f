r"""Tangent kernels of infinite width (NTK), for residual networks and MLPs (derived).

    f = <v, phi(Y_L)>/sqrt(n),   v ~ N(0, I),

in NTK parametrisation: all entries of v, W_l and W_in are N(0, 1) parameters, the factors
n^{-1/2}, sqrt(h_l) = sqrt(time) alpha_l (residual) or sigma_w (MLP), and d^{-1/2} are explicit.
As n grows, with q_l, F of `flow` and F' = (E phi'(U)^2, E phi'(V)^2, E phi'(U) phi'(V)),

    T_0 = q_0,   T_l = T_{l-1} + h_l (F + T_{l-1} F')(q_{l-1})       residual
                 T_l = sigma_w^2 (F + T_{l-1} F')(q_{l-1})           MLP
    Theta = (F + T_L F')(q_L),

products entry by entry; at infinite depth T' = F + T F'.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from theory import activations, gaussian
from theory._checks import nonnegative, whole
from theory.activations import Activation
from theory.commutation.flow import (
    Covariance,
    checked,
    covariance,
    layer_times,
    rates,
    ratio,
    solve,
)
from theory.commutation.mlp import mlp_weight_variance

Array = npt.NDArray[np.float64]


def resnet_ntk(
    q_aa: float,
    q_bb: float,
    q_ab: float,
    time: float,
    depth: int | None = None,
    activation: gaussian.Spec = "relu",
    scales: Sequence[float] | Array | None = None,
) -> Covariance:
    """Theta of a residual network of this depth, or of infinite depth; entries aa, bb, ab.

    `scales` are the branch factors alpha_l of a finite depth, else L^-1/2.
    """
    q, act = checked(q_aa, q_bb, q_ab), activations.activation(activation)
    if depth is not None:
        return _through(q, 1.0, layer_times(time, depth, scales), act)
    if scales is not None:
        raise ValueError("scales belong to a finite depth; pass depth too.")
    t = nonnegative(time)
    if act.homogeneous:  # q in closed form: c = 1 must stay 1, F' has a root singularity there

        def slope(s: float, kernel: Array) -> Array:
            return _grow(np.array(covariance(*q, s, act)), kernel, act)

        end = covariance(*q, t, act)
        kernel = solve(slope, np.array(q), [t], act.name, 1e-12)[0]
        return Covariance(*_grow(np.array(end), kernel, act).tolist())

    def slopes(_: float, x: Array) -> Array:
        return np.concatenate([rates(x[:3], act), _grow(x[:3], x[3:], act)])

    x = solve(slopes, np.array([*q, *q]), [t], act.name, 1e-12)[0]
    return Covariance(*_grow(x[:3], x[3:], act).tolist())


def mlp_ntk(
    q_aa: float,
    q_bb: float,
    q_ab: float,
    depth: int,
    activation: gaussian.Spec = "relu",
    weight_variance: float | None = None,
) -> Covariance:
    """Theta of an MLP without biases; entries aa, bb, ab."""
    q, act = checked(q_aa, q_bb, q_ab), activations.activation(activation)
    variance = mlp_weight_variance(q.q_aa, act, weight_variance)
    return _through(q, 0.0, [variance] * whole(depth, "depth"), act)


def derivative_rates(q: Sequence[float] | Array, activation: gaussian.Spec = "relu") -> Array:
    """F'(q) = (E phi'(U)^2, E phi'(V)^2, E phi'(U) phi'(V)), shape (3,)."""
    act = activations.activation(activation)
    aa, bb, c = float(q[0]), float(q[1]), ratio(q)
    if act.homogeneous:
        own = gaussian.dual_derivative(act, 1.0)
        return np.array([own, own, gaussian.dual_derivative(act, c)])
    own_aa = gaussian.derivative_moment(act, 2, aa)
    own_bb = own_aa if aa == bb else gaussian.derivative_moment(act, 2, bb)
    if aa == bb and c == 1:
        cross = own_aa
    elif aa == 0 or bb == 0:
        cross = gaussian.derivative_moment(act, 1, aa) * gaussian.derivative_moment(act, 1, bb)
    else:
        cross = gaussian.dual_derivative(act, c, aa, bb) / (math.sqrt(aa) * math.sqrt(bb))
    return np.array([own_aa, own_bb, cross])


def _grow(q: Array, kernel: Array, act: Activation) -> Array:
    return rates(q, act) + kernel * derivative_rates(q, act)


def _through(start: Covariance, keep: float, steps: Sequence[float], act: Activation) -> Covariance:
    q = kernel = np.array(start)
    for layer, step in enumerate(steps, start=1):
        with np.errstate(over="ignore", invalid="ignore"):
            kernel = keep * kernel + step * _grow(q, kernel, act)
            q = keep * q + step * rates(q, act)
        if not (np.isfinite(q).all() and np.isfinite(kernel).all()):
            raise ValueError(f"the tangent kernel of {act.name} overflows at layer {layer}.")
    return Covariance(*_grow(q, kernel, act).tolist())

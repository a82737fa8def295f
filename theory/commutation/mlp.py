r"""Multilayer perceptrons, whose limits do not commute (claim C8).

    Y_l = sigma_w W_l phi(Y_{l-1}) + b_l,   (W_l)_ij ~ N(0, 1/n),   (b_l)_i ~ N(0, sigma_b^2),

`weight_variance` is sigma_w^2; left out, it is the critical one, that keeps q_aa (ReLU: 2).

Infinite width: q_l = sigma_w^2 F(q_{l-1}) + sigma_b^2, F as in `flow`.  Critical, homogeneous phi:

    sin^2(theta_l/2) = sin^2(theta_{l-1}/2) - (u + d)^2 (sin theta - theta cos theta)/(4 pi r),

with u = phi(1), d = phi(-1), r = (u^2 + d^2)/2, theta = theta_{l-1}: no cancellation near 0, where
theta_l ~ 3 pi/l for ReLU (derived).

Finite width n, critical ReLU, one input (exact, derived): hat q_l / hat q_{l-1} = m_l are i.i.d.,

    m = (2/n) chi^2_K,  K ~ Binomial(n, 1/2),      hat q_0 = chi^2_n/n  (q0 = 1),
    E m = 1,  E m^2 = 1 + 5/n,  E log(chi^2_k) = psi(k/2) + log 2,  Var log(chi^2_k) = psi_1(k/2).

A layer is dead (K = 0, log m = -infinity) with probability 2^-n; log moments are given that none
is.  With L/n -> r they tend to -5r/2 and 5r.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from theory import activations, gaussian
from theory._checks import correlation as checked_correlation
from theory._checks import nonnegative, whole
from theory.angle import gap
from theory.commutation.flow import Covariance, checked, growth, rates, speed

Array = npt.NDArray[np.float64]


class LogMoments(NamedTuple):
    """Law of log hat q_L: mean and variance given that no layer is dead, and that probability."""

    mean: float
    variance: float
    alive: float


def mlp_log_moments(width: int, depth: int) -> LogMoments:
    """Mean and variance of log hat q_L of a critical ReLU MLP (q0 = 1), given no dead layer.

    L i.i.d. layers and the chi-square of Y_0; relative error about 1e-12 for widths up to 1e5.
    """
    n, layers = whole(width, "width"), whole(depth, "depth")
    k, weights = _active(n)
    # log(4/n) + psi(k/2), in two parts that are both small
    log_means = np.log1p((2 * k - n) / n) + (special.psi(k / 2) - np.log(k / 2))
    mean = float(weights @ log_means)
    variance = float(weights @ (special.polygamma(1, k / 2) + (log_means - mean) ** 2))
    start = float(special.psi(n / 2)) - math.log(n / 2)
    return LogMoments(
        layers * mean + start,
        layers * variance + float(special.polygamma(1, n / 2)),
        math.exp(layers * math.log1p(-(0.5**n))) if n < 1075 else 1.0,
    )


def mlp_second_moment(width: int, depth: int) -> float:
    """E hat q_L^2 = (1 + 5/n)^L (1 + 2/n) of a critical ReLU MLP (q0 = 1); dead layers count as 0.

    Not one for simulations: at n = L = 100 most of it comes from paths that are hardly ever drawn.
    """
    n, layers = whole(width, "width"), whole(depth, "depth")
    exponent = layers * math.log1p(5 / n) + math.log1p(2 / n)
    if exponent > 709:
        raise ValueError(f"E q^2 = e^{exponent:.0f} overflows; take a smaller depth / width.")
    return math.exp(exponent)


def mlp_correlation(c0: float, depth: int, activation: gaussian.Spec = "relu") -> float:
    """c_L of a critical MLP of infinite width, homogeneous phi, from c_0 = `c0`."""
    return math.cos(mlp_angle(math.acos(checked_correlation(c0)), depth, activation))


def mlp_angle(theta0: float, depth: int, activation: gaussian.Spec = "relu") -> float:
    """theta_L = arccos c_L from theta_0 in [0, pi]; no cancellation at small angles."""
    theta, layers = nonnegative(theta0, "theta0", at_most=math.pi), whole(depth, "depth")
    pull = speed(activation) / (4 * math.pi * growth(activations.activation(activation)))
    for _ in range(layers):
        square = math.sin(theta / 2) ** 2 - pull * gap(theta)
        theta = 2 * math.asin(math.sqrt(min(max(square, 0.0), 1.0)))
    return theta


def mlp_covariance(
    q_aa: float,
    q_bb: float,
    q_ab: float,
    depth: int,
    activation: gaussian.Spec = "relu",
    weight_variance: float | None = None,
    bias_variance: float = 0.0,
) -> Covariance:
    """q_L of infinite width, any activation and any variances of weights and biases."""
    q, layers = checked(q_aa, q_bb, q_ab), whole(depth, "depth")
    act, bias = activations.activation(activation), nonnegative(bias_variance, "bias_variance")
    weight = mlp_weight_variance(q.q_aa, act, weight_variance)
    for layer in range(1, layers + 1):
        with np.errstate(over="ignore"):
            following = weight * rates(q, act) + bias
        if not np.isfinite(following).all():
            raise ValueError(f"the covariance of {act.name} overflows at layer {layer}.")
        q = checked(*following.tolist())
    return q


def mlp_weight_variance(
    q0: float, activation: gaussian.Spec = "relu", given: float | None = None
) -> float:
    """`given`, or the critical sigma_w^2 = q0/E phi(sqrt(q0) g)^2, that keeps the variance q0."""
    if given is not None:
        return nonnegative(given, "weight_variance")
    act = activations.activation(activation)
    variance = 1.0 if act.homogeneous else nonnegative(q0, "q0")
    power = gaussian.moment(act, 2, variance)
    if not power > 0 or variance == 0:
        raise ValueError(f"no weight variance keeps q0 = {q0!r} with {act.name}; pass one.")
    return variance / power


def _active(n: int) -> tuple[Array, Array]:
    """Numbers of active neurons k >= 1 and their probabilities, to 40 standard deviations."""
    middle, reach = n // 2, 20 * math.isqrt(n) + 20
    k = np.arange(max(1, middle - reach), min(n, middle + reach) + 1, dtype=float)
    # By ratios: their logarithms are small in the middle, where gammaln would cancel.
    logs = np.concatenate([[0.0], np.cumsum(np.log((n - k[:-1]) / (k[:-1] + 1)))])
    weights = np.exp(logs - logs.max())
    return k, weights / weights.sum()

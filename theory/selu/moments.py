r"""The moment map of a layer, its Jacobian, and the gain of the backward pass (claims C1, C2).

A neuron with weights w has omega = sum w_i and tau = sum w_i^2 (no 1/n; neither mean nor variance
of w).  For independent inputs of one mean mu and one variance nu, z = w.x has mean y = mu omega and
variance x = nu tau; with z ~ N(y, x) the next layer has

    (mu, nu) -> (E f(z), Var f(z)),        J = d(E f, Var f)/d(mu, nu) = M(y, x) diag(omega, tau),
    M = [[m_y, m_yy/2], [q_y - 2 m m_y, q_yy/2 - m m_yy]],     m = E f(z),  q = E f(z)^2.

The map is about one (mu, nu) shared by all inputs; real neurons differ in (omega, tau), so the
inputs of the layer after do not share theirs.

Every function takes `scale` and `alpha` (SELU's by default; closed forms), or `activation`, any
activation of theory.activations, by quadrature with relative error about 1e-13.  Arguments may be
arrays that broadcast; floats in, floats out.  ValueError: NaN, infinity, a negative nu or tau,
overflow; and for derivatives y = x = 0, where none exists.
Source: Klambauer, Unterthiner, Mayr, Hochreiter, arXiv:1706.02515.
"""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from theory import gaussian
from theory.activations import Activation
from theory.activations import activation as named
from theory.selu.blocks import (
    ALPHA,
    SCALE,
    Array,
    arguments,
    blocks,
    mean_tower,
    mean_variance,
    second_tower,
)


class Moments(NamedTuple):
    """Mean and variance."""

    mean: Any
    variance: Any


def moment_map(
    mu: Any,
    nu: Any,
    omega: Any,
    tau: Any,
    *,
    scale: float = SCALE,
    alpha: float = ALPHA,
    activation: gaussian.Spec | None = None,
) -> Moments:
    """(mu, nu) of the next layer: E f(z) and Var f(z), z ~ N(mu omega, nu tau)."""
    y, x = preactivation(mu, nu, omega, tau)
    return gaussian_moments(y, x, scale=scale, alpha=alpha, activation=activation)


def gaussian_moments(
    y: Any,
    x: Any,
    *,
    scale: float = SCALE,
    alpha: float = ALPHA,
    activation: gaussian.Spec | None = None,
) -> Moments:
    """E f(z) and Var f(z) for z ~ N(y, x), x a variance; f(y) and 0 where x = 0."""
    y, x = arguments(y=y, x=x)
    if _closed(activation):
        mean, variance = mean_variance(y, x, *_constants(scale, alpha))
    else:
        mean, variance = _pointwise(lambda a, b: _quadrature_moments(activation, a, b), y, x)
    return Moments(plain(mean, "E f(z)"), plain(variance, "Var f(z)"))


def second_moment_map(
    q: Any,
    *,
    scale: float = SCALE,
    alpha: float = ALPHA,
    activation: gaussian.Spec | None = None,
) -> Any:
    """E f(sqrt(q) g)^2: the next q = |h|^2/n of a wide random network, N(0, 1/n) weights (C11)."""
    (q,) = arguments(q=q)
    m = gaussian_moments(np.zeros_like(q), q, scale=scale, alpha=alpha, activation=activation)
    return plain(m.variance + np.square(m.mean), "E f(z)^2")


def derivatives(
    y: Any,
    x: Any,
    order: int,
    *,
    scale: float = SCALE,
    alpha: float = ALPHA,
    activation: gaussian.Spec | None = None,
) -> tuple[Array, Array]:
    """d^j/dy^j of E f(z) and of E f(z)^2, z ~ N(y, x), j = 0..order along the first axis.

    By the heat identity d/dx = (d/dy)^2/2 these hold the derivatives in x too.
    """
    y, x = arguments(y=y, x=x)
    if ((y == 0) & (x == 0)).any():
        raise ValueError("f has a kink at 0: there is no derivative at mean 0 and variance 0.")
    if _closed(activation):
        constants = _constants(scale, alpha)
        towers = tuple(tower(y, x, order, *constants) for tower in (mean_tower, second_tower))
    else:
        towers = _pointwise(lambda a, b: _quadrature_towers(activation, a, b, order), y, x)
    for tower in towers:
        plain(tower, "a derivative of the moments")
    return towers[0], towers[1]


def jacobian(
    mu: Any,
    nu: Any,
    omega: Any,
    tau: Any,
    *,
    scale: float = SCALE,
    alpha: float = ALPHA,
    activation: gaussian.Spec | None = None,
) -> Array:
    """d(next mean, next variance)/d(mu, nu), shape (..., 2, 2)."""
    y, x = preactivation(mu, nu, omega, tau)
    m, q = derivatives(y, x, 2, scale=scale, alpha=alpha, activation=activation)
    rows = [[m[1], m[2] / 2], [q[1] - 2 * m[0] * m[1], q[2] / 2 - m[0] * m[2]]]
    columns = np.broadcast_arrays(omega, tau, y)[:2]
    table = np.array([[entry * c for entry, c in zip(r, columns, strict=True)] for r in rows])
    return np.moveaxis(table, (0, 1), (-2, -1))


def contraction(
    mu: Any,
    nu: Any,
    omega: Any,
    tau: Any,
    *,
    scale: float = SCALE,
    alpha: float = ALPHA,
    activation: gaussian.Spec | None = None,
) -> Any:
    """Spectral norm S of the Jacobian: below 1 the map contracts the Euclidean distance."""
    table = jacobian(mu, nu, omega, tau, scale=scale, alpha=alpha, activation=activation)
    return plain(spectral_norm(table), "the spectral norm")


def backward_factor(
    mu: Any,
    nu: Any,
    omega: Any,
    tau: Any,
    *,
    scale: float = SCALE,
    alpha: float = ALPHA,
    activation: gaussian.Spec | None = None,
) -> Any:
    """E f'(z)^2 = scale^2 (P + alpha^2 e2), z ~ N(mu omega, nu tau): gain of squared gradients.

    1.0716 at (0, 1, 0, 1): the theorems on forward moments do not control it.
    """
    y, x = preactivation(mu, nu, omega, tau)
    if _closed(activation):
        scale, alpha = _constants(scale, alpha)
        b = blocks(y, x)
        return plain(scale**2 * (b.above + alpha**2 * b.exp2), "E f'(z)^2")
    act = _spec(activation)
    gain = _pointwise(
        lambda a, b: (gaussian.derivative_moment(shifted(act, float(a)), 2, float(b)),), y, x
    )
    return plain(gain[0], "E f'(z)^2")


def spectral_norm(table: Array) -> Array:
    """Largest singular value of 2 x 2 matrices: half the sum of two lengths, no cancellation."""
    (a, b), (c, d) = np.moveaxis(table, (-2, -1), (0, 1))
    return np.asarray((np.hypot(a + d, b - c) + np.hypot(a - d, b + c)) / 2)


def spectral_radius(table: Array) -> Array:
    """Largest modulus of an eigenvalue of 2 x 2 matrices."""
    (a, b), (c, d) = np.moveaxis(table, (-2, -1), (0, 1))
    half, square = (a + d) / 2, ((a - d) / 2) ** 2 + b * c
    determinant = np.maximum(a * d - b * c, 0)  # positive where eigenvalues are complex
    real = np.abs(half) + np.sqrt(np.maximum(square, 0))
    return np.asarray(np.where(square >= 0, real, np.sqrt(determinant)))


def preactivation(mu: Any, nu: Any, omega: Any, tau: Any) -> tuple[Array, Array]:
    """y = mu omega and x = nu tau, checked and broadcast."""
    mu, nu, omega, tau = arguments(mu=mu, nu=nu, omega=omega, tau=tau)
    with np.errstate(over="ignore"):
        y, x = mu * omega, nu * tau
    if not (np.isfinite(y).all() and np.isfinite(x).all()):
        raise ValueError("mu omega or nu tau overflows; take smaller values.")
    return np.asarray(y), np.asarray(x)


def plain(values: Array, name: str) -> Any:
    """A finite result: a float if it is one number, else the array."""
    if not np.isfinite(values).all():
        raise ValueError(f"{name} overflows for these arguments; take smaller values.")
    return float(values) if np.ndim(values) == 0 else values


# --- any activation -----------------------------------------------------------------------------


def _closed(activation: gaussian.Spec | None) -> bool:
    return activation is None or activation == "selu"


def _spec(activation: gaussian.Spec | None) -> Activation:
    return named("selu" if activation is None else activation)


def _constants(scale: float, alpha: float) -> tuple[float, float]:
    for name, value in (("scale", scale), ("alpha", alpha)):
        if not (isinstance(value, int | float | np.number) and math.isfinite(value)):
            raise ValueError(f"{name} must be a finite number, not {value!r}.")
    return float(scale), float(alpha)


@functools.lru_cache(maxsize=32)
def shifted(act: Activation, y: float, power: int = 1) -> Activation:
    """g -> act(y + g)^power; its derivative is that of power 1."""
    return Activation(
        f"{act.name}(x + {y:g})" + (f"^{power}" if power > 1 else ""),
        lambda g: act.function(y + g) ** power,
        lambda g: act.derivative(y + g),
        tuple(sorted({-y, *(kink - y for kink in act.kinks)})),  # and where act has scale 1
    )


def _quadrature_moments(
    activation: gaussian.Spec | None, y: float, x: float
) -> tuple[float, float]:
    act = _spec(activation)
    base = float(act(y))
    moved = shifted(act, y)
    step = gaussian.expectation(lambda g: moved.function(g) - base, x, moved.kinks).value
    mean = base + step
    spread = gaussian.expectation(lambda g: (moved.function(g) - base - step) ** 2, x, moved.kinks)
    return mean, spread.value if x else 0.0


def _quadrature_towers(
    activation: gaussian.Spec | None, y: float, x: float, order: int
) -> tuple[Array, Array]:
    """F^(j) = sqrt(j!) a_j / s^j, a_j the Hermite coefficients of g -> f(y + s g)."""
    if x == 0:
        raise ValueError("derivatives by quadrature need a variance > 0.")
    act, steps = _spec(activation), np.arange(order + 1)
    factors = np.sqrt([float(math.factorial(j)) for j in steps]) / math.sqrt(x) ** steps
    first, second = (
        gaussian.hermite_coefficients(shifted(act, y, power), order, x) for power in (1, 2)
    )
    return factors * first, factors * second


def _pointwise(function: Callable[[float, float], Any], y: Array, x: Array) -> tuple[Array, ...]:
    """A function of one point that gives several numbers or vectors, over arrays of points."""
    rows = [function(float(a), float(b)) for a, b in zip(y.flat, x.flat, strict=True)]
    columns = [np.asarray(c) for c in zip(*rows, strict=True)]
    return tuple(np.moveaxis(c, 0, -1).reshape(c.shape[1:] + y.shape) for c in columns)

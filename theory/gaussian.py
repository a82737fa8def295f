r"""Gaussian expectations of activation functions.

g, g1, g2 ~ N(0, 1), corr(g1, g2) = rho, s = sqrt(variance), phi any activation of
theory.activations (a name, a callable or an Activation).

    expectation          E f(s g)                     any function, with its error
    moment               E phi(s g)^k
    derivative_moment    E phi'(s g)^k
    hermite_coefficients a_k = E phi(s g) h_k(g),     h_k = He_k / sqrt(k!)
    dual                 D(rho) = E phi(s g1) phi(s g2) = sum_k a_k^2 rho^k
    dual_derivative      dD/drho = variance * E phi'(s g1) phi'(s g2)

One dimension: Gauss-Legendre panels with edges at every kink, bisected until two rules agree.
Two dimensions: closed forms, with J(rho) = (sin d - d cos d) / (2 pi), d = arccos(-rho), the dual
of relu (Cho & Saul 2009), and c_+ = phi(1), c_- = phi(-1):

    phi homogeneous    variance ((c_+^2 + c_-^2) J(rho) + 2 c_+ c_- J(-rho))
    erf                (2/pi) asin(2 variance rho / (1 + 2 variance))          (Williams 1997)
    sin                e^-variance sinh(variance rho)                          (derived)
    hermite:k          rho^k at variance 1

and for any other the power series where its tail, at most |rho|^(K+1) (E phi^2 - sum_k a_k^2), is
below rounding, else quadrature in the rotated variables (g1 +- g2).

Raises ValueError for a variance that is not finite and >= 0, a rho outside [-1, 1], and an
integral that diverges or that the quadrature does not resolve.
"""

import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.special

from theory.activations import Activation, Elementwise, activation
from theory.prediction import Prediction

Array = npt.NDArray[np.float64]
Spec = str | Elementwise | Activation

REACH = 38.0
"""Standard deviations covered: the normal density there is 1e-314, the smallest float64."""
_RESOLVED = 1e-9
"""Largest error accepted, relative to the integral of the absolute value."""
_ROUNDING = 16 * float(np.finfo(float).eps)
_SERIES_DEGREE = 200


def moment(phi: Spec, k: int, variance: float) -> float:
    """E phi(sqrt(variance) g)^k for an integer k >= 0."""
    act = activation(phi)
    return _power_mean(act.function, act, k, variance, f"{act.name}^{k}")


def derivative_moment(phi: Spec, k: int, variance: float) -> float:
    """E phi'(sqrt(variance) g)^k for an integer k >= 0."""
    act = activation(phi)
    return _power_mean(act.derivative, act, k, variance, f"({act.name}')^{k}")


def expectation(function: Elementwise, variance: float, kinks: Sequence[float] = ()) -> Prediction:
    """E function(sqrt(variance) g), and how far it may be off.

    `kinks`: the points where the function is not smooth; a kink that is not named costs time, not
    accuracy.  Structure much narrower than 1 and away from 0 and from the kinks can be missed.
    """
    deviation = _deviation(variance)
    points = kinks if kinks else getattr(function, "kinks", ())
    if deviation == 0:
        return Prediction(float(function(np.zeros(1))[0]), 0.0, "value at 0")
    name = getattr(function, "name", getattr(function, "__name__", "function"))
    part = _normal_mean(_integrand(function, deviation, 1, name), deviation, points, name)
    return Prediction(part.value, part.error, "Gauss-Legendre panels")


def hermite_coefficients(phi: Spec, degree: int, variance: float = 1.0) -> Array:
    """a_0, ..., a_degree; absolute error about 1e-14 sqrt(E phi^2), at most 1e-9 of it."""
    act, deviation, degree = activation(phi), _deviation(variance), _natural("degree", degree)
    if deviation == 0:
        return np.concatenate([[float(act(0.0))], np.zeros(degree)])
    return _coefficients(act.function, act, degree, deviation).copy()


def dual(phi: Spec, rho: Any, variance: float = 1.0) -> Any:
    """E phi(s g1) phi(s g2), a float, or an array where rho is one."""
    act, deviation = activation(phi), _deviation(variance)
    closed = _closed_dual(act, variance)
    if closed is None:
        return _over_rho(lambda r: _dual(act.function, act, deviation, r), rho)
    return _over_rho(closed, rho)


def dual_derivative(phi: Spec, rho: Any, variance: float = 1.0) -> Any:
    """variance * E phi'(s g1) phi'(s g2), which is d dual / d rho for a continuous phi."""
    act, deviation = activation(phi), _deviation(variance)
    closed = _closed_dual_derivative(act, variance)
    if closed is None:
        return _over_rho(lambda r: variance * _dual(act.derivative, act, deviation, r), rho)
    return _over_rho(closed, rho)


# --- arguments ----------------------------------------------------------------------------------


def _deviation(variance: float) -> float:
    if not 0 <= variance < math.inf:
        raise ValueError(f"variance must be finite and >= 0, got {variance}.")
    return math.sqrt(variance)


def _natural(name: str, value: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = -1
    if number < 0:
        raise ValueError(f"{name} must be an integer >= 0, got {value!r}.")
    return number


def _over_rho(function: Callable[[float], float], rho: Any) -> Any:
    values = np.asarray(rho, dtype=float)
    bad = values[~(np.abs(values) <= 1)]
    if bad.size:
        raise ValueError(f"rho must be between -1 and 1, got {bad[0]}.")
    if values.ndim == 0:
        return function(float(values))
    return np.array([function(float(r)) for r in values.flat]).reshape(values.shape)


# --- one dimension ------------------------------------------------------------------------------


class _Part(NamedTuple):
    """An integral, its error, and the integral of the absolute value."""

    value: float
    error: float
    size: float

    def resolved(self, name: str) -> float:
        """The value, if its error is small."""
        if not self.error <= _RESOLVED * self.size:
            raise ValueError(
                f"the Gaussian mean of {name} is not resolved: {self.value:g} may be off by "
                f"{self.error:.1g}; take a smaller variance, or give your function its kinks."
            )
        return self.value


def _power_mean(f: Elementwise, act: Activation, k: int, variance: float, name: str) -> float:
    deviation, k = _deviation(variance), _natural("k", k)
    if k == 0:
        return 1.0
    if deviation == 0:
        return float(f(0.0)) ** k
    part = _normal_mean(_integrand(f, deviation, k, name), deviation, act.kinks, name)
    return part._replace(error=part.error + k * _ROUNDING * part.size).resolved(name)


def _integrand(f: Elementwise, deviation: float, power: int, name: str) -> Elementwise:
    """g -> f(deviation g)^power times the normal density, without avoidable overflow."""

    def integrand(g: Array) -> Array:
        density = np.exp(g * g / (-2 * power)) / (2 * math.pi) ** (0.5 / power)
        with np.errstate(all="ignore"):
            values: Array = (np.asarray(f(deviation * g), dtype=float) * density) ** power
        return _finite(values, deviation * g, name)

    return integrand


def _finite(values: Array, x: Array, name: str) -> Array:
    if not np.isfinite(values).all():
        first = np.flatnonzero(~np.isfinite(values))[0]
        raise ValueError(
            f"the Gaussian mean of {name} diverges or overflows: "
            f"the integrand is {values.flat[first]} at x = {x.flat[first]:g}."
        )
    return values


def _normal_mean(
    integrand: Elementwise, deviation: float, kinks: Sequence[float], name: str
) -> _Part:
    """Integral over [-REACH, REACH] of an integrand that must have died out there."""
    part = _integrate(integrand, _edges(deviation, kinks))
    ends = np.linspace(REACH - 2, REACH, 9)
    if np.abs(integrand(np.concatenate([-ends, ends]))).max() > _ROUNDING * part.size:
        raise ValueError(
            f"the Gaussian mean of {name} diverges, or converges too slowly: the integrand is "
            f"not negligible at {REACH:g} standard deviations."
        )
    return part


def _steps(deviation: float) -> Array:
    """1, 4, 16, ... in x = deviation g, as steps in g < 1: an activation has scale 1 in x."""
    count = 1 + math.floor(math.log(deviation, 4)) if deviation > 1 else 0
    return np.asarray(4.0 ** np.arange(count) / deviation)


def _edges(deviation: float, kinks: Sequence[float], width: float = 1.0) -> Array:
    """Panel edges in g: a grid that resolves the density, the kinks, and the scale of x."""
    near = np.arange(0, 10 + width, width)
    grid = np.concatenate([near, near[-1] + (REACH - near[-1]) * np.linspace(0, 1, 12) ** 1.5])
    with np.errstate(over="ignore"):  # a kink may be far outside
        centres = np.array([0.0, *kinks]) / deviation
    steps = np.concatenate([[0.0], _steps(deviation)])
    local = centres[:, None] + np.concatenate([-steps, steps])
    return np.unique(np.clip(np.concatenate([-grid, grid, local.ravel()]), -REACH, REACH))


@functools.cache
def _rule(count: int) -> tuple[Array, Array]:
    return np.polynomial.legendre.leggauss(count)


def _nodes(left: Array, right: Array, count: int) -> tuple[Array, Array]:
    """Gauss-Legendre nodes and weights on each panel, along a new last axis."""
    x, weights = _rule(count)
    half = (right - left) / 2
    return (left + right)[..., None] / 2 + half[..., None] * x, half[..., None] * weights


def _integrate(integrand: Elementwise, edges: Array, most: int = 2_000_000) -> _Part:
    """Bisect panels until the rules with 12 and 20 nodes agree to rounding on each.

    Stops earlier, with the larger error that is left, after about `most` nodes.
    """
    left, right = edges[:-1], edges[1:]
    done, size, used = [], 0.0, 0
    while left.size:
        g, weights = _nodes(left, right, 20)
        values = integrand(g.ravel()).reshape(g.shape) * weights
        fine, sizes = values.sum(axis=1), np.abs(values).sum(axis=1)
        g, weights = _nodes(left, right, 12)
        error = np.abs(fine - (integrand(g.ravel()).reshape(g.shape) * weights).sum(axis=1))
        used += 32 * left.size
        middle = (left + right) / 2
        split = error > _ROUNDING / 2 * (size + sizes.sum())
        split &= (left < middle) & (middle < right) & (used < most)
        done.append(np.stack([fine, error, sizes])[:, ~split])
        size += float(sizes[~split].sum())
        left, right, middle = left[split], right[split], middle[split]
        left, right = np.concatenate([left, middle]), np.concatenate([middle, right])
    fine, error, sizes = np.concatenate(done, axis=1)
    return _Part(math.fsum(fine), math.fsum(error) + _ROUNDING * size, size)


@functools.lru_cache(maxsize=64)
def _coefficients(f: Elementwise, act: Activation, degree: int, deviation: float) -> Array:
    """Hermite coefficients of g -> f(deviation g) by two rules on common panels.

    h_k sqrt(density) obeys the recurrence of h_k and stays bounded, so nothing overflows.
    """
    # h_k has wavelength 2 pi / sqrt(k): at most one to a panel.
    edges = _edges(deviation, act.kinks, width=min(1.0, 6 / math.sqrt(degree + 1)))
    size = math.sqrt(_power_mean(f, act, 2, deviation**2, f"{act.name}^2"))
    results = []
    for count in (16, 24):
        g, weights = (a.ravel() for a in _nodes(edges[:-1], edges[1:], count))
        root = np.exp(-g * g / 4) / (2 * math.pi) ** 0.25
        with np.errstate(all="ignore"):
            values = np.asarray(f(deviation * g), dtype=float) * root
        _finite(values, deviation * g, act.name)
        previous, current = np.zeros_like(g), root
        result = np.empty(degree + 1)
        for k in range(degree + 1):
            result[k] = (weights * values) @ current
            following = (g * current - math.sqrt(k) * previous) / math.sqrt(k + 1)
            previous, current = current, following
        results.append(result)
    error = float(np.abs(results[1] - results[0]).max())
    _Part(size, error, size).resolved(f"{act.name} times a Hermite polynomial")
    return results[1]


# --- two dimensions -----------------------------------------------------------------------------


def _relu_dual(rho: float) -> float:
    """J(rho) = (sin d - d cos d) / (2 pi) as d^2 j_1(d) / (2 pi): no cancellation at rho = -1."""
    d = math.acos(-rho)
    return float(d * d * scipy.special.spherical_jn(1, d)) / (2 * math.pi)


def _closed_dual(act: Activation, v: float) -> Callable[[float], float] | None:
    if act.homogeneous:
        up, down = float(act(1.0)), float(act(-1.0))
        same, cross = v * (up * up + down * down), 2 * v * up * down
        return lambda r: same * _relu_dual(r) + cross * _relu_dual(-r)
    if act == activation("erf"):
        return lambda r: 2 / math.pi * math.asin(2 * v * r / (1 + 2 * v))
    if act == activation("sin"):
        return lambda r: (
            -math.copysign(math.exp(-v * (1 - abs(r))) * math.expm1(-2 * v * abs(r)) / 2, -r)
        )
    if v == 1 and _hermite_degree(act) is not None:
        return lambda r: r ** float(_hermite_degree(act) or 0)
    return None


def _closed_dual_derivative(act: Activation, v: float) -> Callable[[float], float] | None:
    if act.homogeneous:
        up, down = float(act(1.0)), float(act(-1.0))
        same, cross = v * (up * up + down * down), 2 * v * up * down
        return lambda r: (same * math.acos(-r) - cross * math.acos(r)) / (2 * math.pi)
    if act == activation("erf"):
        return lambda r: 4 * v / math.pi / math.sqrt((1 + 2 * v * (1 - r)) * (1 + 2 * v * (1 + r)))
    if act == activation("sin"):
        return lambda r: v * (math.exp(-v * (1 - r)) + math.exp(-v * (1 + r))) / 2
    degree = _hermite_degree(act)
    if v == 1 and degree is not None:
        return lambda r: degree * r ** float(degree - 1) if degree else 0.0
    return None


def _hermite_degree(act: Activation) -> int | None:
    family, _, degree = act.name.partition(":")
    known = family == "hermite" and degree.isdigit() and act == activation(act.name)
    return int(degree) if known else None


def _dual(f: Elementwise, act: Activation, deviation: float, rho: float) -> float:
    """E f(s g1) f(s g2) by the Hermite series if it has converged, else by quadrature."""
    if deviation == 0:
        return float(f(0.0)) ** 2
    name = f"{act.name}(x) {act.name}(y)"
    square = _normal_mean(_integrand(f, deviation, 2, name), deviation, act.kinks, name)
    scale = square.resolved(name)
    squares = _coefficients(f, act, _SERIES_DEGREE, deviation) ** 2
    rest = abs(scale - math.fsum(squares))
    if rest * abs(rho) ** len(squares) <= _ROUNDING * scale:
        return math.fsum(squares * rho ** np.arange(len(squares)))
    fine, coarse = (_rotated(f, act, deviation, rho, count, name) for count in (24, 16))
    error = fine.error + abs(fine.value - coarse.value)
    return _Part(fine.value, error, scale).resolved(name)


def _rotated(f: Elementwise, act: Activation, s: float, rho: float, count: int, name: str) -> _Part:
    """E f(s g1) f(s g2) with g1 = a u + b w, g2 = sign(rho) (a u - b w), u and w independent.

    a >= b: the lines g1 = kink, g2 = kink cross every line w = const at a large angle, so the inner
    integral over u, split where it meets them, is smooth in w between the points where they meet
    each other.  That makes rho = +-1 no special case.
    """
    a, b, sign = math.sqrt((1 + abs(rho)) / 2), math.sqrt((1 - abs(rho)) / 2), math.copysign(1, rho)
    centres = np.array([0.0, *act.kinks])
    grid = np.array([0, 1, 2, 3, 4, 5, 6, 7.5, 9, 11, 14, 20])
    steps = np.concatenate([[0.0], _steps(s * a)])
    steps = np.concatenate([-steps, steps])
    reach = grid[-1]

    def inner(w: Array) -> Array:
        first = centres[:, None] / (s * a) + steps
        second = sign * centres[:, None] / (s * a) + steps
        moved = b / a * w[:, None]
        fixed = np.broadcast_to(np.concatenate([-grid, grid]), (w.size, 2 * grid.size))
        edges = np.concatenate([fixed, first.ravel() - moved, second.ravel() + moved], axis=1)
        edges = np.sort(np.clip(edges, -reach, reach), axis=1)
        u, weights = _nodes(edges[:, :-1], edges[:, 1:], count)
        shift = b * w[:, None, None]
        density = np.exp(-(u * u + w[:, None, None] ** 2) / 4) / math.sqrt(2 * math.pi)
        with np.errstate(all="ignore"):
            values = f(s * (a * u + shift)) * density * (f(s * sign * (a * u - shift)) * density)
        return np.asarray((_finite(values, s * a * u, name) * weights).sum(axis=(1, 2)))

    def outer(w: Array) -> Array:
        chunks = np.array_split(w, 1 + w.size // 64)  # bounded memory
        return np.concatenate([inner(chunk) for chunk in chunks])

    meetings = ((centres[:, None] - sign * centres) / 2).ravel()
    edges = _edges(s * b, meetings.tolist()) if b else np.concatenate([-grid[::-1], grid[1:]])
    edges = np.unique(np.clip(edges, -reach, reach))
    return _integrate(outer, edges, most=20_000)

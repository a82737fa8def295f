r"""Gaussian expectations of activation functions.

g, g1, g2 ~ N(0, 1), corr(g1, g2) = rho, s = sqrt(variance), t = sqrt(second), where `second`
is the variance if not given; phi any activation of theory.activations (a name, a callable or an
Activation).

    expectation          E f(s g)                     any function, with its error
    moment               E phi(s g)^k
    derivative_moment    E phi'(s g)^k
    hermite_coefficients a_k = E phi(s g) h_k(g),     h_k = He_k / sqrt(k!)
    dual                 D(rho) = E phi(s g1) phi(t g2) = sum_k a_k(s) a_k(t) rho^k
    dual_derivative      dD/drho = s t E phi'(s g1) phi'(t g2)
    dual_curvature       s^2 E phi''(s g1) phi(t g2)

One dimension: Gauss-Legendre panels with edges at every kink, bisected until two rules agree.
Two dimensions: closed forms, with J(rho) = (sin d - d cos d) / (2 pi), d = arccos(-rho), the dual
of relu (Cho & Saul 2009), and c_+ = phi(1), c_- = phi(-1):

    phi homogeneous    s t ((c_+^2 + c_-^2) J(rho) + 2 c_+ c_- J(-rho))
    erf                (2/pi) asin(2 s t rho / sqrt((1 + 2 s^2)(1 + 2 t^2)))   (Williams 1997)
    sin                e^(-(s^2 + t^2)/2) sinh(s t rho)                        (derived)
    hermite:k          rho^k at variances 1

and for any other the power series where its tail, at most |rho|^(K+1) times the root of
(E phi(s g)^2 - sum_k a_k(s)^2)(E phi(t g)^2 - sum_k a_k(t)^2), is below rounding,
else quadrature in the rotated variables (g1 +- g2).

Raises ValueError for a variance that is not finite and >= 0, a rho outside [-1, 1], and an
integral that diverges or that the quadrature does not resolve.
"""

import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.special

from theory._panels import (
    ROUNDING,
    Array,
    Part,
    finite,
    integrate,
    nodes,
    normal_mean,
    panel_edges,
    scale_steps,
    weighted,
)
from theory.activations import Activation, Elementwise, activation
from theory.prediction import Prediction

Spec = str | Elementwise | Activation

_DEGREES = (50, 200, 800)


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
    part = normal_mean(weighted(function, deviation, 1, name), deviation, points, name)
    return Prediction(part.value, part.error, "Gauss-Legendre panels")


def hermite_coefficients(phi: Spec, degree: int, variance: float = 1.0) -> Array:
    """a_0, ..., a_degree; absolute error about 1e-14 sqrt(E phi^2), at most 1e-9 of it."""
    act, deviation, degree = activation(phi), _deviation(variance), _natural("degree", degree)
    if deviation == 0:
        return np.concatenate([[float(act(0.0))], np.zeros(degree)])
    return _coefficients(act.function, act, degree, deviation).copy()


def dual(phi: Spec, rho: Any, variance: float = 1.0, second: float | None = None) -> Any:
    """E phi(s g1) phi(t g2), a float, or an array where rho is one."""
    act, v, w = activation(phi), variance, variance if second is None else second
    pair = _Pair(act, act.function, act.function, _deviation(v), _deviation(w))
    return _over_rho(_closed_dual(act, v, w) or pair.mean, rho)


def dual_derivative(phi: Spec, rho: Any, variance: float = 1.0, second: float | None = None) -> Any:
    """s t E phi'(s g1) phi'(t g2), which is d dual / d rho for a continuous phi."""
    act, v, w = activation(phi), variance, variance if second is None else second
    pair = _Pair(act, act.derivative, act.derivative, _deviation(v), _deviation(w))
    return _over_rho(
        _closed_dual_derivative(act, v, w) or (lambda r: _product(v, w) * pair.mean(r)), rho
    )


def dual_curvature(phi: Spec, rho: Any, variance: float = 1.0, second: float | None = None) -> Any:
    """s^2 E phi''(s g1) phi(t g2) for a continuous phi, kinks of which count in phi''.

    By parts E[s g1 phi'(s g1) phi(t g2)] - rho s t E phi'(s g1) phi'(t g2): no second derivative.
    """
    act, v, w = activation(phi), variance, variance if second is None else second
    slope = dual_derivative(act, rho, v, w)
    if act.homogeneous:
        both = _product(v, w) * (float(act(1.0)) + float(act(-1.0))) ** 2 / (2 * math.pi)
        return _over_rho(lambda r: both * math.sqrt((1 - r) * (1 + r)), rho)
    pair = _Pair(act, _stretched(act), act.function, _deviation(v), _deviation(w))
    return _over_rho(pair.mean, rho) - np.asarray(rho, dtype=float) * slope


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


def _power_mean(f: Elementwise, act: Activation, k: int, variance: float, name: str) -> float:
    deviation, k = _deviation(variance), _natural("k", k)
    if k == 0:
        return 1.0
    if deviation == 0:
        return float(f(0.0)) ** k
    part = normal_mean(weighted(f, deviation, k, name), deviation, act.kinks, name)
    return part._replace(error=part.error + k * ROUNDING * part.size).resolved(name)


@functools.lru_cache(maxsize=64)
def _coefficients(f: Elementwise, act: Activation, degree: int, deviation: float) -> Array:
    """Hermite coefficients of g -> f(deviation g) by two rules on common panels.

    h_k sqrt(density) obeys the recurrence of h_k and stays bounded, so nothing overflows.
    """
    # h_k has wavelength 2 pi / sqrt(k): at most one to a panel.
    edges = panel_edges(deviation, act.kinks, width=min(1.0, 6 / math.sqrt(degree + 1)))
    size = math.sqrt(_power_mean(f, act, 2, deviation**2, f"{act.name}^2"))
    results = []
    for count in (16, 24):
        g, weights = (a.ravel() for a in nodes(edges[:-1], edges[1:], count))
        root = np.exp(-g * g / 4) / (2 * math.pi) ** 0.25
        with np.errstate(all="ignore"):
            values = np.asarray(f(deviation * g), dtype=float) * root
        finite(values, deviation * g, act.name)
        previous, current = np.zeros_like(g), root
        result = np.empty(degree + 1)
        for k in range(degree + 1):
            result[k] = (weights * values) @ current
            following = (g * current - math.sqrt(k) * previous) / math.sqrt(k + 1)
            previous, current = current, following
        results.append(result)
    error = float(np.abs(results[1] - results[0]).max())
    Part(size, error, size).resolved(f"{act.name} times a Hermite polynomial")
    return results[1]


# --- two dimensions -----------------------------------------------------------------------------


def _relu_dual(rho: float) -> float:
    """J(rho) = (sin d - d cos d) / (2 pi) as d^2 j_1(d) / (2 pi): no cancellation at rho = -1."""
    d = math.acos(-rho)
    return float(d * d * scipy.special.spherical_jn(1, d)) / (2 * math.pi)


def _product(v: float, w: float) -> float:
    """s t, the product of the deviations."""
    return v if v == w else math.sqrt(v) * math.sqrt(w)


def _closed_dual(act: Activation, v: float, w: float) -> Callable[[float], float] | None:
    st = _product(v, w)
    if act.homogeneous:
        up, down = float(act(1.0)), float(act(-1.0))
        same, cross = st * (up * up + down * down), 2 * st * up * down
        return lambda r: same * _relu_dual(r) + cross * _relu_dual(-r)
    if act == activation("erf"):
        root = math.sqrt(1 + 2 * v) * math.sqrt(1 + 2 * w)
        return lambda r: 2 / math.pi * math.asin(2 * st * r / root)
    if act == activation("sin"):
        gap = (math.sqrt(v) - math.sqrt(w)) ** 2 / 2
        return lambda r: (
            -math.copysign(
                math.exp(-gap - st * (1 - abs(r))) * math.expm1(-2 * st * abs(r)) / 2, -r
            )
        )
    if v == w == 1 and _hermite_degree(act) is not None:
        return lambda r: r ** float(_hermite_degree(act) or 0)
    return None


def _closed_dual_derivative(act: Activation, v: float, w: float) -> Callable[[float], float] | None:
    st = _product(v, w)
    if act.homogeneous:
        up, down = float(act(1.0)), float(act(-1.0))
        same, cross = st * (up * up + down * down), 2 * st * up * down
        return lambda r: (same * math.acos(-r) - cross * math.acos(r)) / (2 * math.pi)
    if act == activation("erf"):
        both = 1 + 2 * v + 2 * w
        return lambda r: 4 * st / math.pi / math.sqrt(both + 4 * st * st * (1 - r) * (1 + r))
    if act == activation("sin"):
        gap = (math.sqrt(v) - math.sqrt(w)) ** 2 / 2
        return lambda r: st * (math.exp(-gap - st * (1 - r)) + math.exp(-gap - st * (1 + r))) / 2
    degree = _hermite_degree(act)
    if v == w == 1 and degree is not None:
        return lambda r: degree * r ** float(degree - 1) if degree else 0.0
    return None


def _hermite_degree(act: Activation) -> int | None:
    family, _, degree = act.name.partition(":")
    known = family == "hermite" and degree.isdigit() and act == activation(act.name)
    return int(degree) if known else None


@functools.lru_cache(maxsize=64)
def _stretched(act: Activation) -> Elementwise:
    """x -> x phi'(x), one object for each activation, so that its coefficients are found again."""
    return lambda x: x * act.derivative(x)


class _Pair(NamedTuple):
    """E f(s g1) h(t g2): two functions with the kinks of one activation."""

    act: Activation
    f: Elementwise
    h: Elementwise
    s: float
    t: float

    def mean(self, rho: float) -> float:
        """By the Hermite series if it has converged, else by quadrature."""
        name = f"{self.act.name}(x) {self.act.name}(y)"
        if self.s == 0 or self.t == 0:
            return self._single(self.f, self.s) * self._single(self.h, self.t)
        square_a = self._square(self.f, self.s, name)
        same = (self.f, self.s) == (self.h, self.t)
        square_b = square_a if same else self._square(self.h, self.t, name)
        scale = math.sqrt(square_a * square_b)
        rest = scale
        for degree in _DEGREES:
            if degree == _DEGREES[-1] and rest * abs(rho) ** degree > ROUNDING * scale:
                break
            a = _coefficients(self.f, self.act, degree, self.s)
            b = _coefficients(self.h, self.act, degree, self.t)
            rest = math.sqrt(abs(square_a - math.fsum(a**2)) * abs(square_b - math.fsum(b**2)))
            if rest * abs(rho) ** len(a) <= ROUNDING * scale:
                return math.fsum(a * b * rho ** np.arange(len(a)))
        fine, coarse = (_rotated(self, rho, count, name) for count in (24, 16))
        error = fine.error + abs(fine.value - coarse.value)
        return Part(fine.value, error, scale).resolved(name)

    def _single(self, f: Elementwise, deviation: float) -> float:
        return _power_mean(f, self.act, 1, deviation**2, self.act.name)

    def _square(self, f: Elementwise, deviation: float, name: str) -> float:
        part = normal_mean(weighted(f, deviation, 2, name), deviation, self.act.kinks, name)
        return part.resolved(name)


def _rotated(pair: _Pair, rho: float, count: int, name: str) -> Part:
    """E f(s g1) h(t g2) with g1 = a u + b w, g2 = sign(rho) (a u - b w), u and w independent.

    a >= b: the lines g1 = kink, g2 = kink cross every line w = const at a large angle, so the inner
    integral over u, split where it meets them, is smooth in w between the points where they meet
    each other.  That makes rho = +-1 no special case.
    """
    act, f, h, s, t = pair
    a, b, sign = math.sqrt((1 + abs(rho)) / 2), math.sqrt((1 - abs(rho)) / 2), math.copysign(1, rho)
    kinks = np.array([0.0, *act.kinks])
    grid = np.array([0, 1, 2, 3, 4, 5, 6, 7.5, 9, 11, 14, 20])
    reach = grid[-1]

    def lines(deviation: float, sign: float) -> Array:
        steps = np.concatenate([[0.0], scale_steps(deviation * a)])
        centres = sign * kinks[:, None] / (deviation * a)
        return np.asarray(centres + np.concatenate([-steps, steps])).ravel()

    first, second = lines(s, 1.0), lines(t, sign)

    def inner(w: Array) -> Array:
        moved = b / a * w[:, None]
        fixed = np.broadcast_to(np.concatenate([-grid, grid]), (w.size, 2 * grid.size))
        edges = np.concatenate([fixed, first - moved, second + moved], axis=1)
        edges = np.sort(np.clip(edges, -reach, reach), axis=1)
        u, weights = nodes(edges[:, :-1], edges[:, 1:], count)
        shift = b * w[:, None, None]
        density = np.exp(-(u * u + w[:, None, None] ** 2) / 4) / math.sqrt(2 * math.pi)
        with np.errstate(all="ignore"):
            values = f(s * (a * u + shift)) * density * (h(t * sign * (a * u - shift)) * density)
        return np.asarray((finite(values, s * a * u, name) * weights).sum(axis=(1, 2)))

    def outer(w: Array) -> Array:
        chunks = np.array_split(w, 1 + w.size // 64)  # bounded memory
        return np.concatenate([inner(chunk) for chunk in chunks])

    larger = max(s, t)
    meetings = (kinks[:, None] / s - sign * kinks / t).ravel() / 2 * larger
    edges = panel_edges(larger * b, meetings.tolist()) if b else np.concatenate([-grid, grid])
    edges = np.unique(np.clip(edges, -reach, reach))
    return integrate(outer, edges, most=20_000)

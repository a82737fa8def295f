r"""Deep limits when A = E phi is not 0 (claim C6): majority vote, except ridgeless B' < 1.

B' > 1   D has one fixed point c in (0, 1), mu = D'(c) < 1; off the diagonal Sigma_L -> c and
         K_L -> K* = c/(1 - mu), while K_L(1) ~ B'^(L+1)/(B' - 1): a vote of all points.
B' = 1   D(1 - delta) = 1 - delta + kappa delta^(1 + s) + ...: K_L/(L + 1) -> s/(2s + 1) off the
         diagonal and 1 on it; 1/3 for smooth phi (s = 1), 1/4 where phi' jumps (s = 1/2: ReLU).
B' < 1   Sigma_L = 1 - B'^L g + ..., g(delta) = lim psi^L(delta)/B'^L: all of K_L(X, X) tends to the
         constant 1/(1 - B').  With a ridge lambda, depth first, that is a majority vote,
         f = kappa sum_i y_i/(lambda + n kappa), kappa = 1/(1 - B').  Without one the predictor
         tends to the interpolant with constant drift,

             f(x) = b - sum_i w_i g(x, x_i),    [-G 1; 1^T 0] [w; b] = [y; 0],

         which keeps every training label (derived; the NTK is O(1/L) away, the NNGP O(B'^L)).
         Where phi' jumps, D'(1) - D'(1 - delta) ~ delta^(1/2) and K_L(1) - K_L ~ B'^(L/2) g^(1/2):
         the NTK has g^(1/2) in place of g, and is O(B'^(L/2)) away (derived).
"""

from typing import Any, NamedTuple

import numpy as np

from theory._checks import nonnegative
from theory.ntk_classifiers._forms import Array
from theory.ntk_classifiers.dual import Dual, Spec, dual, inside
from theory.ntk_classifiers.labels import signed_labels
from theory.ntk_classifiers.recursions import NEAR, distances, tangent_kind

CRITICAL = 1e-12
"""B' this close to 1 counts as 1."""
_MOST_LAYERS = 1_000_000


class FixedPoint(NamedTuple):
    """Of D in (0, 1), for A != 0 and B' > 1."""

    value: float
    """c = D(c)."""
    slope: float
    """mu = D'(c)."""
    tangent: float
    """K* = c/(1 - mu), the limit of the NTK off the diagonal."""


def fixed_point(activation: Spec) -> FixedPoint:
    """c, mu and K* of a dual with A != 0 and B' > 1."""
    d = _majority(activation)
    if chaos_case(d) != ">":
        raise ValueError(f"{d.name} has B' = {d.chaos:.12g}; c < 1 needs B' > 1.")
    # D(x) - x is convex, positive at 0 and decreasing up to c: Newton from 0 is monotone
    x = np.zeros(1)
    for _ in range(200):
        excess = d.form.gap(1 - x) - (1 - x) if x[0] > 1 - NEAR else x - d.form.value(x)
        slope = d.form.slope(x)
        step = -excess / (1 - slope)
        x = np.minimum(x + step, 1.0)
        if abs(step[0]) <= 1e-16 * x[0] or step[0] <= 0:
            break
    mu = float(d.form.slope(x)[0])
    return FixedPoint(float(x[0]), mu, float(x[0]) / (1 - mu))


def critical_ratio(activation: Spec) -> float:
    """lim K_L(x, x')/(L + 1) = s/(2s + 1) for x != x', of a dual with B' = 1."""
    d = _majority(activation)
    if chaos_case(d) != "=":
        raise ValueError(f"{d.name} has B' = {d.chaos:.12g}; s/(2s + 1) needs B' = 1.")
    return 1 / 3 if d.smooth else 1 / 4


def critical_vote(activation: Spec, labels: Any) -> float:
    """q sum y/((1 - q) + n q): the ridgeless limit for B' = 1, the same at every new point."""
    q, y = critical_ratio(activation), signed_labels(labels)
    return q * float(y.sum()) / ((1 - q) + y.size * q)


def ridge_vote(activation: Spec, labels: Any, ridge: float) -> float:
    """kappa sum y/(lambda + n kappa): the NTK limit for B' < 1 at a fixed ridge lambda > 0."""
    d, y, penalty = _contracting(activation), signed_labels(labels), nonnegative(ridge, "ridge")
    if penalty == 0:
        raise ValueError("without a ridge the limit is no vote; use kriging.")
    kappa = 1 / (1 - d.chaos)
    return kappa * float(y.sum()) / (penalty + y.size * kappa)


def drift(activation: Spec, r: Any) -> Any:
    """g(r^2/2) = lim psi^L(r^2/2)/B'^L, for B' < 1: like r^2/2 at small r."""
    d = _contracting(activation)
    delta = np.atleast_1d(inside(r, 0.0, 2.0, "distances r")) ** 2 / 2
    layer = 0
    while delta.any():
        # g_{l+1}/g_l - 1 is at most the slope gap over B', and falls geometrically
        if (d.form.slope_gap(delta) <= 1e-17 * d.chaos * (1 - d.chaos)).all():
            break
        delta = np.where(delta < NEAR, d.form.gap(delta), 1 - d.form.value(1 - delta))
        layer += 1
        if layer > _MOST_LAYERS or d.chaos**layer < 1e-290:
            raise ValueError(f"{d.name} has B' = {d.chaos:.12g}, too near 1 or 0 for g.")
    values = delta / d.chaos**layer
    return float(values[0]) if np.ndim(r) == 0 else values.reshape(np.shape(r))


def kriging(activation: Spec, train: Any, labels: Any, test: Any, *, kind: str = "nngp") -> Array:
    """The ridgeless limit for B' < 1 at the rows of `test`; train and test on the unit sphere.

    `kind`, "nngp" or "ntk", matters where phi' jumps.
    """
    d = _contracting(activation)
    power = 0.5 if tangent_kind(kind) and not d.smooth else 1.0
    y = signed_labels(labels)
    between = distances(train)
    if len(between) != y.size:
        raise ValueError(f"there are {len(between)} training points and {y.size} labels.")
    refuse_duplicates(between)
    n = y.size
    system = np.ones((n + 1, n + 1))
    system[:n, :n] = -(drift(d, between) ** power)
    system[n, n] = 0.0
    solution = np.linalg.solve(system, np.append(y, 0.0))
    return np.asarray(solution[n] - drift(d, distances(test, train)) ** power @ solution[:n])


def refuse_duplicates(between: Array) -> None:
    """ValueError that names two training points at distance 0."""
    i, j = np.nonzero(np.triu(between == 0, 1))
    if i.size:
        raise ValueError(
            f"training points {i[0]} and {j[0]} coincide: drop one of them, or use a ridge."
        )


def chaos_case(d: Dual) -> str:
    """ ">", "=" or "<": B' against 1."""
    if abs(d.chaos - 1) <= CRITICAL:
        return "="
    return ">" if d.chaos > 1 else "<"


def _majority(activation: Spec) -> Dual:
    d = dual(activation)
    if d.order != 0:
        raise ValueError(f"{d.name} has A = 0: no majority limit; see regime.")
    if d.chaos == 0:
        raise ValueError(f"{d.name} is constant: its kernel does not depend on the inputs.")
    return d


def _contracting(activation: Spec) -> Dual:
    d = _majority(activation)
    if chaos_case(d) != "<":
        raise ValueError(f"{d.name} has B' = {d.chaos:.12g}; this limit needs B' < 1.")
    return d


__all__ = [
    "FixedPoint",
    "critical_ratio",
    "critical_vote",
    "drift",
    "fixed_point",
    "kriging",
    "ridge_vote",
]

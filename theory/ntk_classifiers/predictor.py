r"""The kernel predictor at finite depth, f_L(x) = K_L(x, X) (K_L(X, X) + ridge)^{-1} y.

Kernels are divided by their diagonal, which leaves f as it is; each test row is divided by its
largest entry, whose logarithm is kept: signs are right where f itself underflows.  Where all
kernel values meet (A != 0, B' <= 1) the system is solved for K_L(1) - K_L instead, bordered by the
constant, so that depth costs no digits.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg

from theory._checks import nonnegative
from theory.ntk_classifiers._forms import Array
from theory.ntk_classifiers.dual import Dual, Spec, dual
from theory.ntk_classifiers.labels import signed_labels
from theory.ntk_classifiers.majority import chaos_case, refuse_duplicates
from theory.ntk_classifiers.recursions import (
    depth_of,
    distances,
    kernel_gap,
    ntk_diagonal,
    signed_logs,
    tangent_kind,
)

CONDITION = 1e10
"""Largest condition number that float64 answers are given for."""


class Scores(NamedTuple):
    """f = values exp(log_scale), one entry for each test point; the class is the sign of values."""

    values: Array
    log_scale: Array
    """Logarithm of the largest kernel value of the row, relative to the diagonal (or 0)."""
    condition: float
    """Of the system that was solved (estimate, 1-norm)."""


def predictor(
    activation: Spec,
    train: Any,
    labels: Any,
    test: Any,
    depth: int,
    *,
    kind: str = "ntk",
    ridge: float = 0.0,
) -> Scores:
    """f_L at the rows of `test`; `kind` is "ntk" or "nngp"; `ridge` is added to the raw diagonal.

    ValueError for labels that are not +-1, points off the sphere, training points that coincide
    (without a ridge), and a matrix with a condition number above 1e10.
    """
    d, layers, y = dual(activation), depth_of(depth), signed_labels(labels)
    penalty, tangent, between = nonnegative(ridge, "ridge"), tangent_kind(kind), distances(train)
    if len(between) != y.size:
        raise ValueError(f"there are {len(between)} training points and {y.size} labels.")
    if not penalty:
        refuse_duplicates(between)
    towards = distances(test, train)
    top = ntk_diagonal(d, layers, log=True) if tangent else 0.0
    if d.order == 0 and chaos_case(d) != ">":
        gaps = [kernel_gap(d, r, layers, kind=kind) for r in (between, towards)]
        return _from_gaps(gaps[0], gaps[1], y, math.exp(top), penalty, layers)
    logs, signs = _unit_logs(d, between, layers, tangent, top)
    matrix = signs * np.exp(logs)
    np.fill_diagonal(matrix, 1 + penalty * math.exp(-top))
    weights, condition = _solve(matrix, y, layers)
    logs, signs = _unit_logs(d, towards, layers, tangent, top)
    scale = logs.max(axis=1)
    scale = np.where(np.isfinite(scale), scale, 0.0)
    with np.errstate(under="ignore"):
        values = (signs * np.exp(logs - scale[:, None])) @ weights
    return Scores(values, scale, condition)


def _unit_logs(d: Dual, r: Array, depth: int, tangent: bool, top: float) -> tuple[Array, Array]:
    """log |K/K(1)| and the sign of K."""
    logs, negative = signed_logs(d, r, depth, tangent)
    return logs - top, np.where(negative, -1.0, 1.0)


def _solve(matrix: Array, y: Array, depth: int) -> tuple[Array, float]:
    norm = float(np.abs(matrix).sum(axis=0).max())
    factor, info = scipy.linalg.lapack.dpotrf(matrix, lower=1)
    rcond = 0.0 if info else float(scipy.linalg.lapack.dpocon(factor, norm, uplo="L")[0])
    _check_condition(rcond, depth)
    return scipy.linalg.cho_solve((factor, True), y), 1 / rcond


def _from_gaps(
    between: Array, towards: Array, y: Array, top: float, ridge: float, depth: int
) -> Scores:
    """K = top 1 1^T - E: [ridge - E, 1; 1^T, -1/top] [w; b] = [y; 0] and f = b - E(x, X) w."""
    n, size = y.size, max(float(between.max()), ridge) or 1.0
    system = np.ones((n + 1, n + 1))
    system[:n, :n] = -between / size
    system[np.arange(n), np.arange(n)] += ridge / size
    system[n, n] = -size / top
    norm = float(np.abs(system).sum(axis=0).max())
    lu, pivots, info = scipy.linalg.lapack.dgetrf(system)
    rcond = 0.0 if info else float(scipy.linalg.lapack.dgecon(lu, norm)[0])
    _check_condition(rcond, depth)
    solution = scipy.linalg.lu_solve((lu, pivots), np.append(y, 0.0))
    values = solution[n] - towards / size @ solution[:n]
    return Scores(values, np.zeros(len(values)), 1 / rcond)


def _check_condition(rcond: float, depth: int) -> None:
    if rcond * CONDITION > 1:
        return
    size = f"{1 / rcond:.1g}" if rcond > 1e-17 else "above 1e17"
    raise ValueError(
        f"the kernel matrix at depth {depth} has condition number {size}, too large for double "
        "precision: take another depth, or a ridge."
    )

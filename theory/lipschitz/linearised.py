r"""A network at given points: products with its Jacobians, and its values with error bounds.

Points are columns.  J(x) is a product of the weights and, per layer, of D: the slopes at v, the
permutation that sorts v, or the reflection that acts at v.
"""

import math
from typing import Any

import numpy as np
import scipy.sparse

from theory.lipschitz.network import Network, Stage, dense
from theory.lipschitz.nonlinearity import Nonlinearity

Vector = np.ndarray[Any, np.dtype[np.float64]]

_PIECEWISE = ("relu", "leaky_relu", "abs", "linear", "hard_tanh", "maxmin", "group_sort")


class Linearised:
    """J(x) of the columns of `x`, for all at once.

    An implicit layer is solved by fixed point iteration; ValueError where that does not converge.
    """

    def __init__(self, network: Network, x: Vector) -> None:
        self._stages = network.stages
        self._at: list[Any] = []
        for stage in network.stages:
            after: Any = 0.0 if stage.skip is None else stage.skip @ x
            if stage.inner is None:
                x = after if stage.bias is None else after + stage.bias[:, None]
                self._at.append(None)
                continue
            v = stage.inner @ x
            if stage.bias is not None:
                v = v + stage.bias[:, None]
            e = _apply(stage, v)
            if stage.loop is not None:
                v, e = _fixed_point(stage, v)
            self._at.append(_slope(stage, v))
            x = after + (e if stage.outer is None else stage.outer @ e)
        self.value = np.asarray(x)

    def forward(self, d: Vector) -> Vector:
        """J d, one column per point."""
        for stage, at in zip(self._stages, self._at, strict=True):
            after: Any = 0.0 if stage.skip is None else stage.skip @ d
            if stage.inner is not None:
                e = _times(stage, at, stage.inner @ d)
                after = after + (e if stage.outer is None else stage.outer @ e)
            d = after
        return np.asarray(d)

    def backward(self, a: Vector) -> Vector:
        """J^T a, one column per point."""
        for stage, at in zip(reversed(self._stages), reversed(self._at), strict=True):
            before: Any = 0.0 if stage.skip is None else stage.skip.T @ a
            if stage.inner is not None:
                e = a if stage.outer is None else stage.outer.T @ a
                before = before + stage.inner.T @ _times(stage, at, e, transposed=True)
            a = before
        return np.asarray(a)


def _apply(stage: Stage, v: Vector) -> Vector:
    assert stage.activation is not None
    return np.asarray(stage.activation.apply(v.T).T)


def _fixed_point(stage: Stage, given: Vector) -> tuple[Vector, Vector]:
    loop: Any = stage.loop
    for damping in (1.0, 0.5, 0.1):
        e = np.zeros_like(given)
        for _ in range(int(300 / damping)):
            step = _apply(stage, given + loop @ e) - e
            e = e + damping * step
            if np.abs(step).max(initial=0.0) <= 1e-13 * min(1 + np.abs(e).max(initial=0.0), 1e100):
                return given + loop @ e, e
    raise ValueError("the implicit layer was not solved by fixed point iteration.")


def _slope(stage: Stage, v: Vector) -> Any:
    """What `_times` needs to know of v."""
    kind = stage.activation
    assert kind is not None
    if kind.kind == "slopes":
        d = np.asarray(kind.slopes(v))
        if stage.loop is None:
            return d
        matrix = np.eye(stage.units) - d.T[:, :, None] * dense(stage.loop)
        return np.asarray(np.linalg.inv(matrix) * d.T[:, None, :])
    if stage.loop is not None:
        raise ValueError(f"the Jacobian of an implicit layer needs slopes, not {kind.name}.")
    groups = v.reshape(-1, kind.group_size, v.shape[1])
    if kind.kind == "group_sort":
        return np.argsort(groups, axis=1, kind="stable")
    return np.einsum("h,ghb->gb", _direction(kind), groups) < 0


def _direction(kind: Nonlinearity) -> Vector:
    return np.asarray(kind.direction) / math.hypot(*kind.direction)


def _times(stage: Stage, at: Any, v: Vector, transposed: bool = False) -> Vector:
    """D v, or D^T v; for an implicit layer (I - D J)^-1 D."""
    kind = stage.activation
    assert kind is not None
    if stage.loop is not None:
        return np.asarray(np.einsum("bji,jb->ib" if transposed else "bij,jb->ib", at, v))
    if kind.kind == "slopes":
        return np.asarray(at * v)
    groups = v.reshape(-1, kind.group_size, v.shape[1])
    if kind.kind == "group_sort":
        if not transposed:
            return np.take_along_axis(groups, at, axis=1).reshape(v.shape)
        back = np.empty_like(groups)
        np.put_along_axis(back, at, groups, axis=1)
        return back.reshape(v.shape)
    u = _direction(kind)
    along = np.where(at, np.einsum("h,ghb->gb", u, groups), 0.0)
    return np.asarray(groups - 2 * u[:, None] * along[:, None]).reshape(v.shape)


# --- values with error bounds --------------------------------------------------------------------


def evaluate(network: Network, x: Vector) -> tuple[Any, Any]:
    """f at the columns of `x`, and bounds on the Euclidean norms of its errors; no implicit layers.

    In extended precision where all activations are piecewise linear and the machine has it.  The
    bounds follow the computation: a product of n terms adds n u | |W| |x| |_2 and multiplies errors
    by |W|_2, an activation of slope at most s multiplies them by s and adds 8 u |its value|_2.
    """
    names = [s.activation.name.partition(":")[0] for s in network.stages if s.activation]
    kind: Any = np.longdouble if all(name in _PIECEWISE for name in names) else np.float64
    unit = float(np.finfo(kind).eps)
    value = x.astype(kind)
    error = np.zeros(x.shape[1])
    for stage in network.stages:
        after, wrong = _dot(stage.skip, value, error, unit)
        if stage.inner is None:
            value, error = _shifted(after, wrong, stage.bias, unit)
            continue
        v, ev = _shifted(*_dot(stage.inner, value, error, unit), stage.bias, unit)
        e, ee = _activated(stage, v, ev, unit)
        z, ez = (e, ee) if stage.outer is None else _dot(stage.outer, e, ee, unit)
        value = after + z
        # The bounds are computed in floats, too.
        error = (wrong + ez + unit * _norm(value)) * (1 + 1e-12)
    return value, error


def size(y: Any, norm: str) -> Any:
    """|y|_2 or |y|_1 of the columns, without overflow or underflow of squares."""
    if norm == "linf":
        return np.abs(y).sum(axis=0)
    top = np.abs(y).max(axis=0)
    return top * np.sqrt(np.square(y / np.where(top > 0, top, 1.0)).sum(axis=0))


def _norm(x: Any) -> Any:
    return size(x, "l2").astype(float)


def _norm_bound(matrix: Any) -> float:
    """At least |matrix|_2; a computed singular value is good to far more than 10 digits."""
    rows, columns = (float(abs(matrix).sum(axis=k).max()) for k in (1, 0))
    bound = math.sqrt(rows) * math.sqrt(columns)
    if not scipy.sparse.issparse(matrix) and max(matrix.shape) <= 1024:
        bound = min(bound, float(np.linalg.norm(matrix, 2)))
    return bound * (1 + 1e-9)


def _dot(matrix: Any, x: Any, error: Any, unit: float) -> tuple[Any, Any]:
    if matrix is None:
        return 0.0, 0.0
    exact = matrix.astype(x.dtype)
    magnitude = abs(matrix) @ np.abs(x).astype(float)
    wrong = _norm_bound(matrix) * error + 2 * (matrix.shape[1] + 4) * unit * _norm(magnitude)
    return exact @ x, wrong


def _shifted(value: Any, error: Any, bias: Any, unit: float) -> tuple[Any, Any]:
    if bias is None:
        return value, error
    value = value + bias[:, None]
    return value, error + unit * _norm(value)


def _activated(stage: Stage, v: Any, error: Any, unit: float) -> tuple[Any, Any]:
    kind = stage.activation
    assert kind is not None
    e = _apply(stage, v)
    # GroupSort and Householder are 1-Lipschitz; the latter computes with g + 8 roundings of |v|.
    slope = max(abs(kind.lower), abs(kind.upper)) if kind.kind == "slopes" else 1.0
    return e, slope * error + 8 * unit * _norm(e) + 4 * kind.group_size * unit * _norm(v)

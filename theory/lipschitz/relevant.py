r"""Which units and entries of the signals a bound depends on, found by the checker itself.

A unit whose in-row is zero does not move, one whose out-column is zero does not matter; both are
taken out, repeatedly.  This is exact: it looks at which weights are zero, and computes nothing.
"""

import math
from typing import Any

import numpy as np
import scipy.sparse

from theory.lipschitz.network import Network, Stage, dense

Mask = np.ndarray[Any, np.dtype[np.bool_]]

MAX_ENTRIES = 1 << 28
"""Dense matrices of more entries are not formed."""


class Refused(Exception):
    """Why something is not proved, in one line."""


def group_count(stage: Stage) -> int:
    """Number of multipliers of the stage."""
    return 0 if stage.activation is None else stage.units // stage.activation.group_size


def live(network: Network) -> tuple[list[Mask], list[Mask]]:
    """Which entries of the signals x_0, ..., x_S, and which units of each stage, matter."""
    stages = network.stages
    nonzero = [[_nonzero(getattr(s, name)) for name in _MATRICES] for s in stages]
    signals = [np.ones(stages[0].inputs, bool), *(np.ones(s.outputs, bool) for s in stages)]
    units = [np.ones(s.units, bool) for s in stages]
    for stage, mask in zip(stages, units, strict=True):
        if stage.lower is not None:
            mask &= (stage.lower != 0) | (stage.upper != 0)
    before = -1
    while before != (before := sum(int(mask.sum()) for mask in [*signals, *units])):
        for k in range(len(stages)):
            _forward(stages[k], nonzero[k], signals[k], signals[k + 1], units[k])
        for k in reversed(range(len(stages))):
            _backward(stages[k], nonzero[k], signals[k], signals[k + 1], units[k])
    return signals, units


_MATRICES = ("skip", "inner", "outer", "loop")


def _nonzero(matrix: Any) -> Any:
    return None if matrix is None else matrix != 0


def _hit(pattern: Any, mask: Mask) -> Mask:
    """Which rows have an entry in the columns of the mask."""
    if scipy.sparse.issparse(pattern):
        return np.asarray(pattern.astype(np.float32) @ mask.astype(np.float32) > 0)
    return np.asarray((pattern if mask.all() else pattern[:, mask]).any(axis=1))


def _forward(stage: Stage, nonzero: Any, x: Mask, after: Mask, units: Mask) -> None:
    skip, inner, outer, loop = nonzero
    reached = np.zeros(len(after), bool) if skip is None else _hit(skip, x)
    if inner is not None:
        driven = _hit(inner, x)
        if loop is not None:
            driven |= _hit(loop, units)
        units &= _grouped(stage, driven)
        reached |= units if outer is None else _hit(outer, units)
    after &= reached


def _backward(stage: Stage, nonzero: Any, x: Mask, after: Mask, units: Mask) -> None:
    skip, inner, outer, loop = nonzero
    seen = np.zeros(len(x), bool) if skip is None else _hit(skip.T, after)
    if inner is not None:
        wanted = after.copy() if outer is None else _hit(outer.T, after)
        if loop is not None:
            wanted |= _hit(loop.T, units)
        units &= _grouped(stage, wanted)
        seen |= _hit(inner.T, units)
    x &= seen


def _grouped(stage: Stage, mask: Mask) -> Mask:
    assert stage.activation is not None
    size = stage.activation.group_size
    return np.repeat(mask.reshape(-1, size).any(axis=1), size)


def pruned(stage: Stage, x: Mask, after: Mask, units: Mask) -> Stage:
    """The dense stage of what matters; `outer` is None only where the units are the output."""
    skip = _part(stage.skip, after, x)
    if not units.any():
        return Stage(skip)
    outer = _part(stage.outer, after, units)
    if stage.outer is None and not np.array_equal(after, units):
        outer = _part(np.eye(len(after)), after, units)
    inner, loop = _part(stage.inner, units, x), _part(stage.loop, units, units)
    lower, upper = (None if s is None else s[units] for s in (stage.lower, stage.upper))
    return Stage(skip, inner, outer, loop, stage.activation, lower, upper)


def _part(matrix: Any, rows: Mask, columns: Mask) -> Any:
    if matrix is None:
        return None
    if math.prod(matrix.shape) > MAX_ENTRIES:
        shape = " x ".join(map(str, matrix.shape))
        raise Refused(f"a matrix of {shape} is too large for dense algebra")
    matrix = dense(matrix)
    matrix = matrix if rows.all() else matrix[rows]
    return matrix if columns.all() else np.ascontiguousarray(matrix[:, columns])

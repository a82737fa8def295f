r"""What is true of the increments of one stage: an exact linear part and a quadratic constraint.

For two inputs of x <- H x + G e, e = phi(v), v = W x + J e, the differences obey QC(x, e) >= 0:

    slopes        sum 2 l_i (e_i - a_i v_i)(b_i v_i - e_i)                  for all l_i >= 0
    groups        the rest of v passes, and 2 l_g (|d_g(v)|^2 - |d_g(e)|^2)
    "lipschitz"   sum 2 l_g (beta^2 |v_g|^2 - |e_g|^2),  beta = max |slope|, 1 for groups

d_g is the deviation from the mean of the group (GroupSort keeps the mean, and is a contraction of
the deviations), or u.v / |u| (Householder keeps the rest, and takes the modulus of it).  Both are
written without roots: e = N s + D y with s = S v exactly, integer or float matrices D, and numbers
y with QC = sum_j 2 l (d_j^2 / w_j - w_j y_j^2): Helmert rows h_j = (-1, ..., -1, j, 0, ..., 0)
with d_j = h_j.v and w_j = |h_j|^2, or u and |u|^2.  A unit whose two slopes are equal is linear and
passes too.  In all cases

    QC = sum_j -2 own_j y_j^2 + 2 mixed_j y_j d_j + 2 square_j d_j^2,

where rounding `own` down and `square` up keeps QC >= 0 true (with mixed = 0).

Units whose in-row or out-column is zero are taken out first, repeatedly: their increments vanish or
do not matter, so their multipliers are ignored.  Signals are scaled by the exponents of the
certificate, units by powers of two that make 2 l about 1.  All of this is exact, or refused.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import scipy.sparse

from theory.lipschitz.enclosure import LARGEST, SMALLEST, Enclosure, exact
from theory.lipschitz.network import Network, Stage
from theory.lipschitz.nonlinearity import Nonlinearity
from theory.lipschitz.relevant import Mask, Refused, group_count, live, pruned

Vector = np.ndarray[Any, np.dtype[np.float64]]
Exponents = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, eq=False)
class Coefficient:
    """Numbers known up to a relative error of some roundings."""

    value: Vector
    roundings: int = 0


@dataclass(frozen=True, eq=False)
class Passing:
    """e = N s + D y, s = source x."""

    source: Enclosure
    spread: Enclosure
    """N^T, sparse."""
    rest: Enclosure
    """D^T, sparse."""


@dataclass(frozen=True, eq=False)
class Relation:
    """One stage, pruned and scaled; the linear ones have a `skip` alone."""

    skip: Vector | None
    number: int = 1
    """The stage of the network, from 1."""
    outer: Vector | None = None
    inner: Enclosure | None = None
    """d = inner x + loop e."""
    loop: Vector | None = None
    own: Vector | None = None
    mixed: Coefficient | None = None
    square: Coefficient | None = None
    passing: Passing | None = None


@dataclass(frozen=True, eq=False)
class Relations:
    """All stages, which inputs and outputs matter, and the powers of two of these outputs."""

    stages: tuple[Relation, ...]
    inputs: Mask
    outputs: Mask
    exponents: Exponents


def relations(
    network: Network, relaxation: str, exponents: Sequence[int], multipliers: Sequence[Any]
) -> Relations | None:
    """The stages with their constraints; None if the output does not depend on the input.

    Raises Refused where a multiplier that matters is not positive and finite, and where scaling is
    not exact.
    """
    signals, units = live(network)
    if not all(mask.any() for mask in signals):
        return None
    shift = np.zeros(int(signals[0].sum()), dtype=np.int64)
    found: list[Relation] = []
    for k, whole in enumerate(network.stages):
        try:
            stage = pruned(whole, signals[k], signals[k + 1], units[k])
            weights = _weights(whole, units[k], relaxation, multipliers[k])
            shift = shift + (exponents[k] - exponents[k + 1])
            stage, weights, shift = _scaled(stage, weights, shift)
            parts = _constrained(stage, weights, relaxation, split=k == 0)
            found += [replace(part, number=k + 1) for part in parts]
        except Refused as reason:
            raise Refused(f"stage {k + 1} of {len(network.stages)}: {reason}") from None
    return Relations(tuple(found), signals[0], signals[-1], shift)


def needed(network: Network, relaxation: str = "exact") -> list[Mask]:
    """Per stage, which multipliers matter."""
    return [
        _chosen(stage, mask, relaxation)
        for stage, mask in zip(network.stages, live(network)[1], strict=True)
    ]


def _chosen(stage: Stage, mask: Mask, relaxation: str) -> Mask:
    if stage.activation is None:
        return mask
    groups = np.asarray(mask.reshape(group_count(stage), -1).any(axis=1))
    return groups & ~_is_linear(stage) if relaxation == "exact" else groups


# --- scaling -----------------------------------------------------------------------------------


def _is_linear(stage: Stage) -> Any:
    """Which units have one slope only, and so pass exactly."""
    if stage.lower is None or stage.loop is not None:
        return np.full(group_count(stage), _is_identity(stage) and stage.loop is None)
    return stage.lower == stage.upper


def _is_identity(stage: Stage) -> bool:
    kind = stage.activation
    return kind is not None and kind.kind == "group_sort" and kind.group_size == 1


def _weights(stage: Stage, units: Mask, relaxation: str, multipliers: Any) -> Any:
    """The multipliers that matter, positive; 1 stands for those of linear units."""
    if not units.any():
        return None
    chosen = units.reshape(len(multipliers), -1).any(axis=1)
    weights = np.asarray(multipliers, dtype=float)[chosen]
    if relaxation == "exact":
        linear = _is_linear(stage)
        weights[linear[units] if linear.any() else slice(0)] = 0.5
    if not (np.isfinite(weights).all() and (weights > 0).all()):
        bad = weights[~(np.isfinite(weights) & (weights > 0))][0]
        raise Refused(f"a multiplier is {bad}; those that matter must be positive")
    return weights


def _scaled(stage: Stage, weights: Any, shift: Exponents) -> tuple[Stage, Any, Exponents]:
    """The stage in units of its own, with 2 l in [1/2, 2); the exponents of x after it."""
    if stage.inner is None:
        return Stage(_shifted(stage.skip, 0, shift)), None, np.zeros(stage.outputs, np.int64)
    halves = -(np.frexp(2 * weights)[1].astype(np.int64) // 2)
    weights = np.ldexp(weights, 2 * halves)
    own = np.repeat(halves, len(stage.inner) // len(halves))
    after = own if stage.outer is None else np.zeros(stage.outputs, np.int64)
    scaled = replace(
        stage,
        skip=_shifted(stage.skip, -after, shift),
        inner=_shifted(stage.inner, -own, shift),
        outer=_shifted(stage.outer, 0, own),
        loop=_shifted(stage.loop, -own, own),
    )
    return scaled, weights, after


def _shifted(matrix: Any, rows: Any, columns: Any) -> Any:
    """The matrix times powers of two, exactly."""
    if matrix is None:
        return None
    rows, columns = np.broadcast_to(rows, len(matrix)), np.broadcast_to(columns, matrix.shape[1])
    shift = rows[:, None] + columns
    if shift.any():
        shifted = np.ldexp(matrix, np.clip(shift, -5000, 5000).astype(np.int32))
    else:
        shifted = matrix
    size = np.abs(shifted)
    if not size.max() <= LARGEST:
        raise Refused("a scaled weight is larger than 2^200; choose other exponents")
    if size.min() < SMALLEST and ((size < SMALLEST) & (matrix != 0)).any():
        raise Refused("a scaled weight is below the smallest normal number")
    return shifted


# --- constraints -------------------------------------------------------------------------------


def _constrained(stage: Stage, weights: Any, relaxation: str, split: bool) -> list[Relation]:
    """The stage with its constraint; where it pays, with a linear stage x -> W x of its own."""
    if stage.inner is None:
        return [Relation(stage.skip)]
    constrain = _exact if relaxation == "exact" else _lipschitz
    relation = constrain(stage, weights)
    full = relation.square is not None or relation.passing is not None
    if split and full and stage.skip is None and stage.inputs > stage.units:
        alone = constrain(replace(stage, inner=np.eye(stage.units)), weights)
        return [Relation(stage.inner), alone]
    return [relation]


def _lipschitz(stage: Stage, weights: Any) -> Relation:
    """|e_g| <= beta |v_g|."""
    assert stage.inner is not None
    own = np.repeat(weights, stage.units // len(weights))
    beta = np.ones(stage.units)
    if stage.lower is not None and stage.upper is not None:
        _ordinary(stage.lower, stage.upper)
        beta = np.maximum(np.abs(stage.lower), np.abs(stage.upper))
    square = Coefficient(_up(own * _up(np.square(beta))))
    return Relation(
        stage.skip,
        outer=stage.outer,
        inner=exact(stage.inner),
        loop=stage.loop,
        own=own,
        square=square,
    )


def _exact(stage: Stage, weights: Any) -> Relation:
    if _is_identity(stage):
        ones = np.ones(stage.units)
        stage = replace(stage, lower=ones, upper=ones)
    if stage.lower is not None:
        return _sloped(stage, weights)
    if stage.loop is not None:
        raise Refused("groups in an implicit layer have only the relaxation 'lipschitz'")
    assert stage.activation is not None
    source, measure, spread, rest, squares = _small(stage.activation)
    count, inner = len(weights), exact(stage.inner)
    passing = Passing(
        _blocks(count, source, 1) @ inner, _blocks(count, spread.T), _blocks(count, rest.T)
    )
    each, squares = np.repeat(weights, len(squares)), np.tile(squares, count)
    own, square = _down(each * squares), Coefficient(_up(each / squares))
    return Relation(
        stage.skip,
        outer=stage.outer,
        inner=_measured(inner, count, measure),
        own=own,
        square=square,
        passing=passing,
    )


def _measured(inner: Enclosure, count: int, measure: Vector) -> Enclosure:
    """d = D_v v for all groups.

    The difference of a pair has one rounding, relative to itself: equal rows give an exact 0, which
    leaves an idle unit of a large multiplier without any error.
    """
    if measure.shape == (1, 2) and (np.abs(measure) == 1).all():
        left, right = inner.mid[0::2], inner.mid[1::2]
        return replace(exact(measure[0, 0] * left + measure[0, 1] * right), roundings=1)
    return _blocks(count, measure) @ inner


def _sloped(stage: Stage, weights: Any) -> Relation:
    inner, lower, upper = stage.inner, stage.lower, stage.upper
    assert inner is not None
    assert lower is not None
    assert upper is not None
    _ordinary(lower, upper)
    linear, passing = _is_linear(stage), None
    if linear.any():
        chosen = scipy.sparse.eye_array(len(linear), format="csr")
        spread, rest = chosen[linear], chosen[~linear]
        passing = Passing(exact(inner[linear]).times(lower[linear]), exact(spread), exact(rest))
        inner, lower, upper = inner[~linear], lower[~linear], upper[~linear]
        weights = weights[~linear]
    mixed = square = None
    if (lower + upper).any():
        is_one = not lower.any() and (upper == 1).all()
        mixed = Coefficient((lower + upper) * weights, 0 if is_one else 2)
    if (lower * upper).any():
        square = Coefficient(-lower * upper * weights, 2)
    return Relation(
        stage.skip,
        outer=stage.outer,
        inner=exact(inner),
        loop=stage.loop,
        own=weights,
        mixed=mixed,
        square=square,
        passing=passing,
    )


def _small(kind: Nonlinearity) -> tuple[Vector, Vector, Vector, Vector, Vector]:
    """Per group: S (correctly rounded), D_v with d = D_v v (exact), N, D, and the numbers w_j."""
    size = kind.group_size
    if kind.kind == "group_sort":
        rows = [[-1.0] * j + [float(j)] + [0.0] * (size - 1 - j) for j in range(1, size)]
        measure = np.array(rows).reshape(size - 1, size)
        ones = np.ones((size, 1))
        squares = np.array([float(j * j + j) for j in range(1, size)])
        return ones.T / size, measure, ones, measure.T, squares
    u = [Fraction(entry) for entry in kind.direction]
    largest = Fraction(2) ** math.frexp(max(map(abs, kind.direction)))[1]
    u = [entry / largest for entry in u]
    _ordinary(np.array([float(entry) for entry in u]))
    square = sum(entry * entry for entry in u)
    keep = [[float((i == j) - u[i] * u[j] / square) for j in range(size)] for i in range(size)]
    column = np.array([[float(entry)] for entry in u])
    low = np.nextafter(float(square), 0.0)
    return np.array(keep), column.T, np.eye(size), column, np.array([low])


def _ordinary(*slopes: Vector) -> None:
    for values in slopes:
        size = np.abs(values[values != 0])
        if size.size and not (size.min() > 2.0**-100 and size.max() < 2.0**100):
            raise Refused("a slope or direction is not within 2^-100 ... 2^100 in size")


def _blocks(count: int, small: Vector, roundings: int = 0) -> Enclosure:
    """The block diagonal sparse matrix of copies of a small one."""
    sparse = scipy.sparse.csr_array(scipy.sparse.kron(scipy.sparse.eye_array(count), small))
    return replace(exact(sparse), roundings=roundings)


def _up(values: Any) -> Vector:
    return np.asarray(np.nextafter(values, np.inf))


def _down(values: Any) -> Vector:
    return np.asarray(np.nextafter(values, -np.inf))

r"""Networks in forms that other methods need: scalar units on stacked signals, residual ReLU.

Generic form.  With the signals xi = (x_0, e_1, ..., e_m) every unit has a pre-activation r_i . xi,
an output e_i with slopes in [a_i, b_i], and the network is C xi.  What passes through an activation
unchanged (the sums of GroupSort, the complement of a Householder direction, units with a_i = b_i)
is substituted exactly, so it has neither a signal nor a multiplier.  In an orthonormal basis of
its group MaxMin is (s, d) -> (s, |d|), s = (v_1 + v_2) / sqrt 2 and d = (v_2 - v_1) / sqrt 2, and
Householder the same with d = u.v; of GroupSort with g > 2 only the whole vector of the g - 1
deviations from the mean is 1-Lipschitz, so these units are tied to one multiplier.

    M = rho E_0 + sum_i l_i (p_i q_i^T + q_i p_i^T) - C^T C,   p = e_i - a_i r_i, q = e_i - b_i r_i

M >= 0 proves |f(x) - f(y)|^2 <= rho |x - y|^2 (Fazlyab et al., arXiv 1906.04893, in this form
derived).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse

from theory.lipschitz.network import Matrix, Network, Stage, dense
from theory.lipschitz.nonlinearity import Nonlinearity, group_basis, nonlinearity
from theory.lipschitz.reductions import scaled_by

Vector = np.ndarray[Any, np.dtype[np.float64]]
Indices = np.ndarray[Any, np.dtype[np.intp]]


@dataclass(frozen=True, eq=False)
class Units:
    """A stage x <- skip x + outer e, e_i of slopes [lower_i, upper_i] at inner x + loop e."""

    skip: Vector
    inner: Vector
    outer: Vector
    loop: Vector | None
    lower: Vector
    upper: Vector
    tie: Indices
    """Number of the multiplier of each unit, among those of the stage."""
    multipliers: int
    """How many multipliers a `Candidate` holds for this stage; ties beyond them are extra."""
    gain: Vector
    """The multiplier of a unit, times gain^2, is the one of its form here (see `_NARROW`)."""


@dataclass(frozen=True, eq=False)
class Rows:
    """A network as scalar units on the signals (x_0, e_1, ..., e_m)."""

    inputs: int
    rows: Vector
    """R, (m, inputs + m): pre-activations."""
    output: Vector
    """C, (outputs, inputs + m)."""
    lower: Vector
    upper: Vector
    tie: Indices
    """Number of the multiplier of each unit: unit i is signal inputs + i."""
    multipliers: tuple[int, ...]
    """Per stage, how many multipliers; after all these come the extra ones."""
    gain: Vector
    """As in `Units`."""


_NARROW = 0.1
"""Slopes [m - h, m + h] with 2 h below this share of the largest pass as m v + h e, e in [-1, 1].

The two forms are the same, but this one stays well conditioned as h goes to 0.
"""


def generic_rows(
    network: Network, exponents: Sequence[int] | None = None, relaxation: str = "exact"
) -> Rows:
    """The generic form of `network`, in units scaled by `exponents` (see `Certificate`).

    `relaxation`: "exact"; "lipschitz", each unit or group only bounded by its largest slope; or
    "diagonal", what passes a group is again a unit of slopes [-1, 1] with an extra multiplier.
    """
    return stacked(scalar_stages(network, exponents, relaxation))


def stacked(stages: Sequence[Units]) -> Rows:
    """The generic form of a chain of such stages."""
    inputs = stages[0].skip.shape[1]
    size = inputs + sum(stage.lower.size for stage in stages)
    x = np.eye(inputs, size)
    rows = np.zeros((size - inputs, size))
    ties: list[Indices] = []
    start, first = inputs, 0
    extra = sum(stage.multipliers for stage in stages)
    for stage in stages:
        end = start + stage.lower.size
        part = rows[start - inputs : end - inputs]
        part[:] = stage.inner @ x
        if stage.loop is not None:
            part[:, start:end] += stage.loop
        x = stage.skip @ x
        x[:, start:end] += stage.outer
        beyond = stage.tie >= stage.multipliers
        ties.append(np.where(beyond, stage.tie - stage.multipliers + extra, stage.tie + first))
        extra += len(set(stage.tie[beyond].tolist()))
        start, first = end, first + stage.multipliers
    return Rows(
        inputs,
        rows,
        x,
        np.concatenate([stage.lower for stage in stages]),
        np.concatenate([stage.upper for stage in stages]),
        np.concatenate(ties),
        tuple(stage.multipliers for stage in stages),
        np.concatenate([stage.gain for stage in stages]),
    )


def scalar_stages(
    network: Network, exponents: Sequence[int] | None = None, relaxation: str = "exact"
) -> list[Units]:
    """The stages of `network` with scalar units only (see `generic_rows`)."""
    shifts = np.zeros(len(network.stages), dtype=int) if exponents is None else -np.diff(exponents)
    pairs = zip(network.stages, shifts, strict=True)
    return [_scalar(stage, int(shift), relaxation) for stage, shift in pairs]


def _scalar(stage: Stage, shift: int, relaxation: str) -> Units:
    if stage.inner is None:
        skip = dense(scaled_by(stage.skip, shift))
        none = np.zeros(0)
        outer = np.zeros((skip.shape[0], 0))
        return Units(
            skip, np.zeros((0, skip.shape[1])), outer, None, none, none, _indices([]), 0, none
        )
    inner = dense(scaled_by(stage.inner, shift))
    skip = (
        np.zeros((stage.outputs, stage.inputs))
        if stage.skip is None
        else dense(scaled_by(stage.skip, shift))
    )
    split = _split(stage, relaxation)
    basis, passing = split.basis, split.passing
    outer = np.eye(stage.units) if stage.outer is None else dense(stage.outer)
    through = passing.T @ (split.factor[:, None] * passing.toarray())
    loop = None
    units = _product(basis, outer.T).T * split.gain
    if stage.loop is not None:
        # v = W x + J (U^T e + T v), with T what passes.
        j = dense(stage.loop)
        inverse = np.linalg.inv(np.eye(stage.units) - j @ through)
        inner, back = inverse @ inner, inverse @ ((basis @ j.T).T * split.gain)
        loop = basis @ back
        units = units + outer @ (through @ back)
    skip = skip + outer @ (through @ inner)
    own = (split.lower, split.upper, split.tie, split.multipliers, split.gain)
    return Units(skip, _product(basis, inner), units, loop, *own)


def _product(basis: Any, matrix: Vector) -> Vector:
    """basis @ matrix, with 0 for entries that are no more than rounding errors of a 0."""
    found = basis @ matrix
    noise = 4 * np.finfo(float).eps * (abs(basis) @ np.abs(matrix))
    return np.where(np.abs(found) <= noise, 0.0, found)


@dataclass(frozen=True, eq=False)
class _Split:
    """What of e = phi(v) is a unit and what passes: e = U^T (gain e_u) + S^T (factor S v)."""

    basis: Any
    """U, orthonormal rows."""
    passing: Any
    """S."""
    factor: Vector
    lower: Vector
    upper: Vector
    tie: Indices
    multipliers: int
    gain: Vector


def _split(stage: Stage, relaxation: str) -> _Split:
    kind = stage.activation
    assert kind is not None
    if kind.kind == "slopes":
        return _split_slopes(stage, relaxation)
    deviations, rest = group_basis(kind)
    groups = stage.units // kind.group_size
    if relaxation == "lipschitz":
        deviations, rest = np.eye(kind.group_size), rest[:0]
    tie = np.repeat(np.arange(groups), len(deviations))
    if relaxation == "diagonal":
        both = np.vstack([deviations, rest])
        extra = np.repeat(np.arange(groups) + groups, len(rest))
        tie = np.hstack([tie.reshape(groups, -1), extra.reshape(groups, -1)]).ravel()
        deviations, rest = both, rest[:0]
    basis, passing = _repeated(deviations, groups), _repeated(rest, groups)
    ones = np.ones(basis.shape[0])
    factor = np.ones(passing.shape[0])
    return _Split(basis, passing, factor, -ones, ones, _indices(tie), groups, ones)


def _split_slopes(stage: Stage, relaxation: str) -> _Split:
    assert stage.lower is not None
    assert stage.upper is not None
    lower, upper = stage.lower, stage.upper
    if relaxation == "lipschitz":
        upper = np.maximum(np.abs(lower), np.abs(upper))
        lower = -upper
    eye = scipy.sparse.eye_array(stage.units, format="csr")
    bent = lower < upper
    narrow = upper - lower < _NARROW * np.maximum(np.abs(lower), np.abs(upper))
    passing = narrow | ~bent
    middle, half = lower / 2 + upper / 2, upper / 2 - lower / 2
    return _Split(
        eye[bent],
        eye[passing],
        middle[passing],
        np.where(narrow, -1.0, lower)[bent],
        np.where(narrow, 1.0, upper)[bent],
        _indices(np.flatnonzero(bent)),
        stage.units,
        np.where(narrow, half, 1.0)[bent],
    )


def _repeated(block: Vector, groups: int) -> Any:
    """Block-diagonal."""
    if not len(block):
        return scipy.sparse.csr_array((0, groups * block.shape[1]))
    return scipy.sparse.csr_array(scipy.sparse.kron(scipy.sparse.eye_array(groups), block))


def _indices(values: Any) -> Indices:
    return np.asarray(values, dtype=np.intp)


# --- residual ReLU -----------------------------------------------------------------------------


def as_residual_relu(network: Network) -> Network:
    """The same function with ReLU units only: stages x <- H x + G relu(W x), exact floats.

    MaxMin: (v_1, v_2) -> (v_2 - relu(v_2 - v_1), v_2 + relu(v_1 - v_2)) (Pauli et al., arXiv
    2401.14033, "LipSDP-RR"); Householder: v -> v + (2 / |u|^2) u relu(-u.v) (derived).  The
    weights become linear stages of their own.  Raises ValueError for other activations, groups of
    more than two, and a direction u for which 2 u / |u|^2 is not exact in floats.
    """
    return Network.of_stages(part for stage in network.stages for part in _residual_relu(stage))


def _residual_relu(stage: Stage) -> list[Stage]:
    kind = stage.activation
    if kind is None or kind.name == "relu":
        return [stage]
    if stage.loop is not None:
        raise ValueError("rr is not for implicit layers; use interior-point or lambda-only.")
    groups = stage.units // kind.group_size
    h, g, w = (_repeated(part, groups) for part in _relu_block(kind))
    relu = nonlinearity("relu")
    low, high = np.zeros(w.shape[0]), np.ones(w.shape[0])
    assert stage.inner is not None
    if stage.skip is None:
        body = [
            Stage(skip=stage.inner, bias=stage.bias),
            Stage(_like(h, stage), _like(w, stage), _like(g, stage), None, relu, low, high),
        ]
        return body if stage.outer is None else [*body, Stage(skip=stage.outer)]
    # The signals are (x, v), then (x, e).
    eye = scipy.sparse.eye_array(stage.inputs)
    outer = scipy.sparse.eye_array(stage.units) if stage.outer is None else stage.outer
    last, first, outer = (scipy.sparse.csr_array(m) for m in (stage.skip, stage.inner, outer))
    bias = None if stage.bias is None else np.concatenate([np.zeros(stage.inputs), stage.bias])
    aside = scipy.sparse.csr_array((w.shape[0], stage.inputs))
    sparse = scipy.sparse
    skip = sparse.block_array([[eye, None], [None, h]], format="csr")
    inner = sparse.hstack([aside, w], format="csr")
    after = sparse.vstack([aside.T, g], format="csr")
    return [
        Stage(skip=_like(sparse.vstack([eye, first], format="csr"), stage), bias=bias),
        Stage(_like(skip, stage), _like(inner, stage), _like(after, stage), None, relu, low, high),
        Stage(skip=_like(sparse.hstack([last, outer], format="csr"), stage)),
    ]


def _like(matrix: Any, stage: Stage) -> Matrix:
    """Sparse where the weights of the stage are."""
    matrix = scipy.sparse.csr_array(matrix)
    return matrix if scipy.sparse.issparse(stage.inner) else matrix.toarray()


def _relu_block(kind: Nonlinearity) -> tuple[Vector, Vector, Vector]:
    """H, G, W of one group: phi(v) = H v + G relu(W v)."""
    if kind.kind == "group_sort" and kind.group_size <= 2:
        if kind.group_size == 1:
            return np.eye(1), np.zeros((1, 1)), np.zeros((1, 1))
        return (
            np.array([[0.0, 1.0], [0.0, 1.0]]),
            np.diag([-1.0, 1.0]),
            np.array([[-1.0, 1.0], [1.0, -1.0]]),
        )
    if kind.kind == "group_sort":
        raise ValueError(
            f"rr writes groups of two as residual ReLU, not of {kind.group_size};"
            " use 'nsr-full' or 'nsr-diag'."
        )
    if kind.kind == "slopes":
        raise ValueError(f"rr is for MaxMin, Householder and ReLU, not {kind.name}; use 'lipsdp'.")
    u = [Fraction(entry) for entry in kind.direction]
    exact = [2 * entry / sum(part * part for part in u) for entry in u]
    column = np.array([[float(entry)] for entry in exact])
    if [Fraction(entry) for entry in column.ravel().tolist()] != exact:
        raise ValueError(
            f"rr: 2 u / |u|^2 is not exact in floats for the direction {list(kind.direction)};"
            " use 'nsr-full'."
        )
    return np.eye(len(u)), column, -np.array([kind.direction])

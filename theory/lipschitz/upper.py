r"""Upper bounds from multipliers: one pass of Schur complements from the output to the input.

With P_S = diag(output) and Lambda the multipliers of the centred units (slopes in [-1, 1] times h),

    P_{k-1} = Hm' P Hm + W' Lambda W + R' (Lambda - B)^-1 R,
    Hm = H + G m W,   B = h G' P G h,   R = h G' P Hm

is the least storage matrix that satisfies the inequality of stage k, and the bound is the largest
eigenvalue of P_0.  Lambda - B must be positive definite; if it is not, the multipliers prove
nothing yet.  This is the solver's own float pass; the proof is in `theory.lipschitz.certificate`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse.linalg

from theory.lipschitz.ascent import Point
from theory.lipschitz.blocks import Block
from theory.lipschitz.network import dense
from theory.lipschitz.reductions import width

Array = np.ndarray[Any, np.dtype[Any]]

DENSE = 64
"""Up to this many inputs all eigenvalues are computed."""
LOG2 = math.log(2.0)


@dataclass(frozen=True, eq=False)
class Scaled:
    """Multipliers in units in which signals and storage matrices are of order one."""

    exponents: list[int]
    """c_0 = 0, ..., c_S, on top of those of the blocks."""
    multipliers: list[Array | None]
    """Per block, one per unit."""
    input: Array
    """mu (l_inf), or one number that is 1 (l2)."""
    output: Array
    """Diagonal of P_S, or one number that stands for all."""


def scaled(point: Point, norm: str, problem: int = 0) -> Scaled:
    """The multipliers of one problem of the ascent, in powers of two of their natural sizes."""
    exponents = [0, *(round(level[problem] / LOG2) for level in point.levels[1:])]
    last = round(point.log_value[problem] / LOG2)
    exponents.append(last)
    shift = 2 if norm == "l2" else 1
    multipliers: list[Array | None] = []
    for k, found in enumerate(point.multipliers):
        if found is None:
            multipliers.append(None)
            continue
        # Where nothing flows 0 / 0 stands; such units get a multiplier that does no harm.
        log = found[:, problem] + LOG2 * (2 * exponents[k + 1] - shift * last)
        middle = np.median(log[np.isfinite(log)]) if np.isfinite(log).any() else 0.0
        log = np.where(np.isnan(log), middle, log)
        multipliers.append(np.exp(np.clip(log, middle - 23, middle + 23)))
    if norm == "l2":
        return Scaled(exponents, multipliers, np.ones(1), np.ones(1))
    delta = np.exp(point.outputs[:, problem] - LOG2 * last)
    mu = np.exp(point.inputs[:, problem] - LOG2 * last)
    floor = 1e-12  # an input or output that carries nothing still needs a positive number
    return Scaled(
        exponents,
        multipliers,
        np.maximum(mu, floor * mu.max()),
        1 / np.maximum(delta, floor * delta.max()),
    )


def inflated(found: Scaled, slack: float) -> Scaled:
    """Multipliers with the factor (1 + slack)^(2 (S - k)), which leaves room in every stage."""
    count = len(found.multipliers)
    return Scaled(
        found.exponents,
        [
            None if numbers is None else numbers * (1 + slack) ** (2 * (count - k))
            for k, numbers in enumerate(found.multipliers)
        ],
        found.input,
        found.output,
    )


def log_upper(
    blocks: Sequence[Block], final: Any, found: Scaled, norm: str, start: Array | None = None
) -> float:
    """Logarithm of the bound, in the units of the blocks; inf where the multipliers prove nothing.

    `final`: the last matrix.  `start`: where the search for the largest eigenvalue starts.
    """
    c = found.exponents
    matrix = dense(final)
    storage = (matrix.T * found.output) @ matrix * 4.0 ** (c[-2] - c[-1])
    inputs = matrix.shape[1]
    apply: Callable[[Array], Array] | None = None
    for k in range(len(blocks) - 1, -1, -1):
        factor = 4.0 ** (c[k] - c[k + 1])
        numbers = found.multipliers[k]
        form = _stage(blocks[k], storage, numbers)
        if form is None:
            return math.inf
        inputs = width(blocks[k])
        if k == 0 and inputs > DENSE:
            gram = _gram(form) if norm == "l2" else None
            if gram is not None:
                storage = gram * factor
            else:
                apply = _operator(form, factor)
        else:
            storage = _formed(form) * factor
    root = 1.0 if norm == "l2" else 1 / np.sqrt(found.input)
    if apply is None:
        weighted = storage * root * np.reshape(root, (-1, 1)) if norm == "linf" else storage
        if not np.isfinite(weighted).all():
            return math.inf
        largest = _largest(weighted, start if len(weighted) == inputs else None)
    else:
        operator = scipy.sparse.linalg.LinearOperator(
            (inputs, inputs), matvec=lambda x: root * apply(root * x.ravel()), dtype=float
        )
        largest = _lanczos(operator, inputs, start)
    if not largest > 0:
        return -math.inf if largest == 0 else math.inf
    value = c[-1] * LOG2 + 0.5 * math.log(largest)
    if norm == "linf":
        value += 0.5 * math.log(found.input.sum() * (1 / found.output).sum())
    return value


@dataclass(frozen=True, eq=False)
class _Form:
    """x' P x = |factor x|^2 + x' W' diag W x, or x' W' inner W x, or x' whole x."""

    inner: Any = None
    middle: Array | None = None
    factor: Array | None = None
    diagonal: Array | None = None
    whole: Array | None = None
    solve: Any = None
    weight: Array | None = None


def _stage(block: Block, storage: Array, numbers: Array | None) -> _Form | None:
    """The quadratic form before the stage; None where the multipliers are too small."""
    if block.inner is None:
        assert block.skip is not None
        return _Form(whole=_congruence(block.skip, storage))
    assert block.middle is not None
    assert block.half is not None
    assert numbers is not None
    p, h, m = block.passing, block.half, block.middle
    spread = np.repeat(numbers, block.size)
    charge = 2 * spread * h * h  # Lambda of the centred units
    mixed = None
    if block.skip is not None:
        outer = np.eye(len(m)) if block.outer is None else dense(block.outer)
        mixed = outer.T @ (storage @ dense(block.skip))
        below = outer.T @ storage @ outer
        whole = _congruence(block.skip, storage)
    else:
        below = storage if block.outer is None else _congruence(block.outer, storage)
    gap = np.negative(below[p:, p:]) * h * h[:, None]
    gap[np.diag_indices_from(gap)] += charge
    try:
        root = np.linalg.cholesky(gap) if len(gap) else gap
    except np.linalg.LinAlgError:
        return None
    if p == 0 and mixed is None and (m != 0).all():
        # K = Lambda (1 - D^2) + D Lambda (Lambda - B)^-1 Lambda D with D = m / h.
        ratio = m / h
        rest = charge * (1 - ratio) * (1 + ratio)
        return _Form(
            inner=block.inner,
            solve=root,
            weight=ratio * charge,
            diagonal=rest if rest.any() else None,
        )
    kernel = below * m * m[:, None]
    kernel[np.arange(p, len(m)), np.arange(p, len(m))] += charge
    if mixed is None:
        half = _solved(root, h[:, None] * below[p:] * m)
        kernel += half.T @ half
        return _Form(inner=block.inner, middle=kernel)
    inner = dense(block.inner)
    reach = h[:, None] * (mixed[p:] + (below[p:] * m) @ inner)
    half = _solved(root, reach)
    cross = (m[:, None] * mixed).T @ inner
    return _Form(whole=whole + cross + cross.T + inner.T @ kernel @ inner + half.T @ half)


def _solved(root: Array, right: Array) -> Array:
    if not len(root):
        return right
    return np.asarray(scipy.linalg.solve_triangular(root, right, lower=True, check_finite=False))


def _congruence(matrix: Any, storage: Array) -> Array:
    return np.asarray(matrix.T @ (matrix.T @ storage).T)


def _formed(form: _Form) -> Array:
    """The matrix of the form."""
    if form.whole is not None:
        return form.whole
    if form.middle is not None:
        return _congruence(form.inner, form.middle)
    inner = dense(form.inner)
    factor = _solved(form.solve, form.weight[:, None] * inner)  # type: ignore[index]
    formed = factor.T @ factor
    if form.diagonal is not None:
        formed += inner.T @ (form.diagonal[:, None] * inner)
    return np.asarray(formed)


def _gram(form: _Form) -> Array | None:
    """A matrix of the smaller side of the first layer with the largest eigenvalue of the form."""
    if form.solve is None or form.diagonal is not None or scipy.sparse.issparse(form.inner):
        return None
    factor = _solved(form.solve, form.weight[:, None] * form.inner)  # type: ignore[index]
    return np.asarray(factor @ factor.T if len(factor) < factor.shape[1] else factor.T @ factor)


def _operator(form: _Form, factor: float) -> Callable[[Array], Array]:
    """x -> P x without forming P: the input may be far wider than the first layer."""
    if form.whole is not None:
        whole = form.whole
        return lambda x: factor * (whole @ x)
    inner = form.inner
    if form.middle is not None:
        middle = form.middle
        return lambda x: factor * (inner.T @ (middle @ (inner @ x)))
    weight, diagonal = form.weight, form.diagonal
    upper = (form.solve.T, False)  # in the memory order of LAPACK: no copy at every product

    def apply(x: Array) -> Array:
        y = inner @ x
        z = weight * scipy.linalg.cho_solve(upper, weight * y, check_finite=False)
        if diagonal is not None:
            z += diagonal * y
        return np.asarray(factor * (inner.T @ z))

    return apply


def _largest(matrix: Array, start: Array | None) -> float:
    size = len(matrix)
    if size <= DENSE:
        return float(np.linalg.eigvalsh(matrix)[-1]) if size else 0.0
    return _lanczos(matrix, size, start)


def _lanczos(operator: Any, size: int, start: Array | None) -> float:
    v0 = np.ones(size) if start is None or not start.any() else start
    try:
        found = scipy.sparse.linalg.eigsh(
            operator, k=1, which="LA", v0=v0, tol=1e-10, return_eigenvectors=False
        )
    except scipy.sparse.linalg.ArpackNoConvergence:
        return math.inf
    return float(found[0])

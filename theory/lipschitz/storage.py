r"""Storage matrices: one proof for all networks, stage by stage.

From P_S = diag(output) backwards, a float matrix P_(k-1) is computed such that the layer inequality

    x^T P_(k-1) x - (H x + G e)^T P_k (H x + G e) - QC_k(x, e) >= 0      for all x and e

is proved for the original weights; P_(k-1) is the smallest such matrix up to a margin that pays for
all roundings.  For true increments QC_k >= 0, so that x_k^T P_k x_k never grows, and a proof of
diag(input) - P_0 >= 0 gives

    sum output_i (x_S)_i^2 <= sum input_i (x_0)_i^2.

With e = N s + D y (see `theory.lipschitz.quadratic`) the inequality is that of a matrix in (y, x),

    [[A, B], [B^T, P_(k-1) - R]],
    A = 2 own - D^T G^T P G D - (mixed J + its transpose) - 2 J^T square J,
    B = mixed W + 2 J^T square W + D^T G^T P (H + G N S)      (up to its sign),
    R = (H + G N S)^T P (H + G N S) + 2 W^T square W,

whose entries are enclosed, and in which P_(k-1) = B^T A^-1 B + R.  For a ReLU layer A = 2 l - P_k
and B = l W have one rounding per entry.  The first stage is kept as P_0 = F^T F + diag(extra), so
that the last proof needs the smaller side of F only.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from theory.lipschitz.enclosure import (
    Enclosure,
    eliminate,
    exact,
    positive_definite,
    root_above,
    upper,
)
from theory.lipschitz.quadratic import Passing, Relation
from theory.lipschitz.relevant import Refused

Vector = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, eq=False)
class Root:
    """The storage matrix of the input, F^T F + diag(extra) for an F in the enclosure."""

    factor: Enclosure
    extra: Vector

    def below(self, diagonal: Vector) -> bool:
        """Whether it is proved to be at most diag(diagonal)."""
        rest = (diagonal - self.extra) * (1 - 2.0**-50)
        if not (np.isfinite(rest).all() and (rest > 2.0**-400).all() and rest.max() < 2.0**400):
            return False
        gram = self._gram(rest)
        left = Enclosure(np.eye(len(gram.mid)) - gram.mid, gram.left, gram.right, 1)
        return positive_definite(left)

    def ratio(self, diagonal: Vector) -> float:
        """About the smallest t for which t * diag(diagonal) is above it."""
        positive = np.maximum(diagonal, 2.0**-300 * diagonal.max())
        top = largest_eigenvalue(self._gram(positive).mid)
        return top + float((self.extra / positive).max())

    def _gram(self, diagonal: Vector) -> Enclosure:
        scaled = self.factor.T.times(1 / np.sqrt(diagonal), 3).T
        m, n = scaled.mid.shape
        return scaled @ scaled.T if m <= n else scaled.T @ scaled


def largest_eigenvalue(matrix: Vector) -> float:
    """The largest eigenvalue of a positive semidefinite matrix, not proved."""
    if not np.isfinite(matrix).all():
        return np.inf
    if len(matrix) <= 128:
        return float(np.linalg.eigvalsh(matrix)[-1])
    from scipy.sparse.linalg import ArpackError, eigsh

    start = np.abs(matrix).sum(axis=1) + np.finfo(float).tiny
    try:
        return float(eigsh(matrix, k=1, v0=start, tol=1e-11, return_eigenvectors=False)[0])
    except ArpackError:
        return float(np.linalg.eigvalsh(matrix)[-1])


def storage(stages: tuple[Relation, ...], output: Vector) -> Root:
    """The storage matrix of the input; Refused with the stage where there is none."""
    p: Vector | None = output
    last = stages[-1].number
    for relation in reversed(stages[1:]):
        p = _step(relation, p)
        if p is None:
            raise Refused(f"stage {relation.number} of {last}: its inequality is not proved")
    root = _first(stages[0], p)
    if root is None:
        raise Refused(f"stage 1 of {last}: its inequality is not proved")
    return root


def _step(relation: Relation, p: Any) -> Vector | None:
    if relation.own is None:
        square = _congruence(relation.skip, p)
        return upper(None, square, np.zeros(len(square.mid)))
    a, b, r = _inequality(relation, p)
    found = eliminate(a, b)
    return None if found is None else upper(found[0], r, found[1])


def _first(relation: Relation, p: Any) -> Root | None:
    skip = relation.skip
    if relation.own is None:
        assert skip is not None
        nothing = np.zeros(skip.shape[1])
        if p.ndim == 1:
            return Root(exact(skip).times(np.sqrt(p), 1), nothing)
        root = root_above(p)
        return None if root is None else Root(exact(root.T) @ exact(skip), nothing)
    a, b, r = _inequality(relation, p)
    found = eliminate(a, b)
    if found is None:
        return None
    if r is None:
        return Root(exact(found[0]), found[1])
    above = upper(found[0], r, found[1])
    root = None if above is None else root_above(above)
    return None if root is None else Root(exact(root.T), np.zeros(len(root)))


def _inequality(relation: Relation, p: Any) -> tuple[Enclosure, Enclosure, Enclosure | None]:
    """The enclosures of A, B (up to sign) and R."""
    xx, ex, ee = _outer(relation, np.diag(p) if p.ndim == 1 else p)
    if relation.passing is not None:
        xx, ex, ee = _pass(relation.passing, xx, ex, ee)
    inner, loop, own = relation.inner, relation.loop, relation.own
    assert inner is not None
    assert own is not None
    if relation.mixed is not None:
        ex = _plus(ex, inner.times(relation.mixed.value, relation.mixed.roundings))
        if loop is not None:
            back = exact(loop).times(relation.mixed.value, relation.mixed.roundings)
            ee = ee + back + back.T
    if relation.square is not None:
        double, roundings = 2 * relation.square.value, relation.square.roundings
        weighted = inner.times(double, roundings)
        xx = _plus(xx, inner.T @ weighted)
        if loop is not None:
            ex = _plus(ex, exact(loop.T) @ weighted)
            ee = ee + exact(loop.T) @ exact(loop).times(double, roundings)
    if ex is None:
        ex = exact(np.zeros((len(own), inner.mid.shape[1])))
    return _minus(own, ee), ex, xx


def _outer(relation: Relation, p: Vector) -> tuple[Enclosure | None, Enclosure | None, Enclosure]:
    """(H x + G e)^T P (H x + G e): the blocks xx, ex, ee."""
    ee = exact(p)
    across = ee if relation.outer is None else exact(relation.outer.T) @ ee
    if relation.outer is not None:
        ee = across @ exact(relation.outer)
    if relation.skip is None:
        return None, None, ee
    return _congruence(relation.skip, p), across @ exact(relation.skip), ee


def _congruence(matrix: Any, p: Vector) -> Enclosure:
    """H^T P H, P a matrix or a diagonal."""
    h = exact(matrix)
    if p.ndim == 1:
        return h.T @ (h if (p == 1).all() else h.times(p))
    return h.T @ (exact(p) @ h)


def _pass(
    passing: Passing, xx: Enclosure | None, ex: Enclosure | None, ee: Enclosure
) -> tuple[Enclosure, Enclosure, Enclosure]:
    """The same blocks in (x, y) for e = N S x + D y."""
    spread, rest, source = passing.spread, passing.rest, passing.source
    onto, other = spread @ ee, rest @ ee
    through = (spread @ onto.T) @ source
    passed = _plus(xx, source.T @ through)
    yx = (rest @ onto.T) @ source
    if ex is not None:
        crossed = source.T @ (spread @ ex)
        passed = passed + crossed + crossed.T
        yx = yx + rest @ ex
    return passed, yx, rest @ other.T


def _plus(a: Enclosure | None, b: Enclosure) -> Enclosure:
    return b if a is None else a + b


def _minus(own: Vector, ee: Enclosure) -> Enclosure:
    """2 diag(own) - ee, symmetric."""
    left, right = ee.radius()
    mid = -ee.mid
    mid[np.diag_indices_from(mid)] += 2 * own
    found = Enclosure(mid, left, right, 1)
    plain = ee.roundings == 0 and left is right
    return found if plain else found.symmetric()

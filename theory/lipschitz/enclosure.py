r"""Matrices of real numbers that are known up to a proven error, and what can be proved of them.

An `Enclosure` is a float matrix `mid` with vectors `left`, `right` and an integer q; it stands for
every real matrix M with

    |M_ij - mid_ij| <= left_i right_j + g_q |mid_ij|,    g_q = q u / (1 - q u),  u = 2^-53.

Radii of rank one stay of rank one: by Cauchy and Schwarz
l_i r_j + l'_i r'_j <= sqrt(l_i^2 + l'_i^2) sqrt(r_j^2 + r'_j^2), and cost no products of matrices.

Rounding.  A sum of n products, in any order and with or without fused multiplication, has an error
of at most g_n sum |a_k b_k| <= g_n |a| |b|, and q earlier roundings of the factors make that
g_(n+q).  Strassen-like products and reduced precision are not allowed; division by the reciprocal
is (it counts as two roundings).  Vectors are computed in floats and enlarged by SLACK, which covers
far more than their own roundings.  All numbers handled are at most LARGEST = 2^200 (else refused),
so nothing overflows, and every `left` and `right` is at least TINY = 2^-480: a matrix entry is the
result of fewer than 2^50 operations that may underflow, each with an error below 2^-1022, less than
TINY^2 together.

Proof of positivity.  Let C be the result of a float Cholesky factorisation of a symmetric float
matrix A (n x n), and T of C T = B by substitution.  Then (Higham, Accuracy and Stability, 8.5 and
10.3, Rump 2006), with g = g_(n+4) and c_i, t_j the norms of the rows of C and columns of T,

    |C C^T - A|_ij <= g c_i c_j,   |C T - B|_ij <= g c_i t_j,   c_i^2 <= A_ii / (1 - g).

Every error E of this kind, symmetric with |E_ij| <= q_i q_j, N rows, obeys
E >= -N diag(q_i^2), since (sum q_i |x_i|)^2 <= N sum q_i^2 x_i^2.  So a shift of the diagonal by
N q_i^2 before the factorisation pays for all errors; it is relative to the diagonal, whatever the
scaling.  An entry that is known up to a relative error g_q costs q more in g, because
|A_ij| <= (1 + g) c_i c_j.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
from scipy.linalg import blas, lapack

Vector = np.ndarray[Any, np.dtype[np.float64]]
Matrix = Any
"""A float64 array, or a sparse one as a left factor."""

UNIT = 2.0**-53
LARGEST = 2.0**200
SMALLEST = 2.0**-1022
TINY = 2.0**-480
SLACK = 1.001


def gamma(roundings: int) -> float:
    """An upper bound of g_q = q u / (1 - q u)."""
    return SLACK * roundings * UNIT


@dataclass(frozen=True, eq=False)
class Enclosure:
    """All M with |M_ij - mid_ij| <= left_i right_j + g_roundings |mid_ij|."""

    mid: Matrix
    left: Vector
    right: Vector
    roundings: int = 0

    @property
    def T(self) -> "Enclosure":
        """The transposed matrices."""
        return Enclosure(self.mid.T, self.right, self.left, self.roundings)

    def __matmul__(self, other: "Enclosure") -> "Enclosure":
        """All products; a left factor may be sparse."""
        terms = self.mid.shape[1]
        if scipy.sparse.issparse(self.mid):
            terms = int(np.diff(self.mid.indptr).max(initial=0))
        rows, columns = norms(self.mid), norms(other.mid.T)
        inner = length(other.left)
        g = gamma(terms + self.roundings + other.roundings)
        left, right = _sum(
            (g * rows, columns),
            (rows * inner, other.right),
            (self.left, columns * length(self.right)),
            (self.left * (length(self.right) * inner), other.right),
        )
        return Enclosure(self.mid @ other.mid, left, right)

    def __add__(self, other: "Enclosure") -> "Enclosure":
        left, right = _sum(self.radius(), other.radius())
        return Enclosure(self.mid + other.mid, left, right, 1)

    def times(self, factor: Vector, roundings: int = 0) -> "Enclosure":
        """Row i times factor_i, which is known up to a relative error of some roundings."""
        left = SLACK * np.abs(factor) * self.left + TINY
        mid = factor[:, None] * self.mid
        return Enclosure(mid, left, self.right, self.roundings + roundings + 1)

    def radius(self) -> tuple[Vector, Vector]:
        """Vectors with |M_ij - mid_ij| <= left_i right_j."""
        if not self.roundings:
            return self.left, self.right
        # |mid_ij| is at most the geometric mean of the largest entries of its row and column.
        size = np.abs(self.mid)
        rows, columns = np.sqrt(size.max(1, initial=0)), np.sqrt(size.max(0, initial=0))
        g = math.sqrt(gamma(self.roundings))
        return _sum((self.left, self.right), (g * rows, g * columns))

    def symmetric(self) -> "Enclosure":
        """The symmetric matrices among these, with a symmetric `mid` and left = right."""
        left, right = _balanced(*self.radius())
        both = SLACK * np.sqrt(0.5 * (np.square(left) + np.square(right)))
        return Enclosure(0.5 * (self.mid + self.mid.T), both, both, 1)


def exact(matrix: Matrix) -> Enclosure:
    """The float matrix itself."""
    m, n = matrix.shape
    left = np.full(m, TINY)
    return Enclosure(matrix, left, left if m == n else np.full(n, TINY))


def norms(matrix: Matrix) -> Vector:
    """Upper bounds of the norms of the rows."""
    if scipy.sparse.issparse(matrix):
        squares = matrix.multiply(matrix).sum(axis=1)
    else:
        squares = np.einsum("ij,ij->i", matrix, matrix)
    return np.asarray(SLACK * np.sqrt(squares) + TINY)


def length(vector: Vector) -> float:
    """Upper bound of the norm of a vector."""
    return float(SLACK * np.sqrt(vector @ vector) + TINY)


def _balanced(left: Vector, right: Vector) -> tuple[Vector, Vector]:
    """The same bound left_i right_j with both vectors of the same length."""
    ratio = math.sqrt(length(right) / length(left))
    return SLACK * ratio * left + TINY, SLACK / ratio * right + TINY


def _sum(*terms: tuple[Vector, Vector]) -> tuple[Vector, Vector]:
    """left_i right_j at least the sum of the products of these."""
    pairs = [_balanced(*term) for term in terms]
    left, right = (sum(np.square(pair[k]) for pair in pairs) for k in (0, 1))
    return SLACK * np.sqrt(left), SLACK * np.sqrt(right)


# --- proofs ------------------------------------------------------------------------------------


def positive_definite(a: Enclosure) -> bool:
    """Whether all symmetric matrices in `a` are proved positive semidefinite."""
    a = a.symmetric()
    return _factor(a, np.square(a.left), len(a.left)) is not None


def eliminate(a: Enclosure, b: Enclosure) -> tuple[Vector, Vector] | None:
    """T and m with [[T^T T + diag(m), B^T], [B, A]] >= 0 for all symmetric A in a and B in b.

    None if A is not proved positive.  `a` is symmetric, with left = right.
    """
    size = sum(b.mid.shape)
    if not len(a.mid):
        return np.zeros(b.mid.shape), np.zeros(b.mid.shape[1])
    diagonal = np.diagonal(a.mid)
    if not (np.isfinite(diagonal).all() and (diagonal > 0).all()):
        return None
    left, right = _weighed(b, diagonal)
    errors = np.square(a.left) + np.square(left)
    factor = _factor(a, errors, size, b.roundings)
    if factor is None:
        return None
    # T^T C^T = B^T, in the memory order of LAPACK without a copy of B.
    solved = np.asarray(blas.dtrsm(1.0, factor, b.mid.T, side=1, lower=1, trans_a=1))
    t = solved.T
    g = gamma(len(diagonal) + b.roundings + 8)
    margin = SLACK * size * (g * np.square(norms(solved)) + np.square(right))
    return (t, margin) if margin.max() < LARGEST else None


def upper(t: Vector | None, r: Enclosure | None, margin: Vector) -> Vector | None:
    """A symmetric float matrix P with P - T^T T - R - diag(margin) >= 0 for all R in r."""
    errors = np.full(len(margin), TINY)
    p = np.zeros((len(margin), len(margin)))
    if t is not None:
        p = t.T @ t
        errors = errors + gamma(len(t) + 4) * np.square(norms(t.T))
    if r is not None:
        r = r.symmetric()
        p = r.mid if t is None else p + r.mid
        largest = np.abs(r.mid).max(axis=1)
        errors = errors + np.square(r.left) + gamma(r.roundings + 4) * largest
    p[np.diag_indices_from(p)] += SLACK * (margin + len(margin) * errors)
    return p if np.abs(p).max() < LARGEST else None


def root_above(p: Vector) -> Vector | None:
    """A lower triangular float matrix C with C C^T - p >= 0, for a symmetric float matrix p."""
    shift = SLACK * len(p) * (gamma(len(p) + 8) * np.diagonal(p) + TINY)
    return _cholesky(p, shift)


def _weighed(b: Enclosure, diagonal: Vector) -> tuple[Vector, Vector]:
    """The radius of b, balanced relative to what it is added to."""
    left, right = b.left, b.right
    columns = np.einsum("ij,ij->j", b.mid, b.mid / diagonal[:, None])
    typical = max(float(columns.mean()), TINY)
    ratio = np.square(right) / np.maximum(columns, 1e-6 * typical)
    weight = (float(ratio.mean()) / float((np.square(left) / diagonal).mean())) ** 0.25
    weight = min(max(weight, 1 / LARGEST), LARGEST)
    return SLACK * weight * left + TINY, SLACK / weight * right + TINY


def _factor(a: Enclosure, errors: Vector, size: int, roundings: int = 0) -> Vector | None:
    """C with A - C C^T >= size * (errors of the factorisation) for all A in a, or None."""
    g = gamma(len(errors) + max(a.roundings, 0) + roundings + 8)
    diagonal = np.diagonal(a.mid)
    return _cholesky(a.mid, -SLACK * size * (g * np.abs(diagonal) + errors))


def _cholesky(matrix: Vector, shift: Vector) -> Vector | None:
    """The lower factor of matrix + diag(shift), in the memory order of LAPACK; None if it fails."""
    work = np.array(matrix, order="F")
    diagonal = work.ravel(order="K")[:: len(work) + 1]
    diagonal += shift
    if not (np.isfinite(diagonal).all() and (diagonal > 0).all() and diagonal.max() < LARGEST):
        return None
    factor, failed = lapack.dpotrf(work, lower=1, clean=1, overwrite_a=1)
    # A NaN or an infinity anywhere shows in the pivot of its row.
    if failed or not np.isfinite(np.diagonal(factor)).all():
        return None
    return np.asarray(factor)

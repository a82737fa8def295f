r"""Primal-dual interior point for  min b.y  subject to  M(y) = sum_j y_j A_j - C >= 0.

Every A_j is a sum of terms p_i q_i^T + q_i p_i^T over the rows i tied to multiplier j, so only the
rows P, Q are kept.  HKM direction with Mehrotra's predictor and corrector; Z = M^-1 and X is the
dual matrix, tr(A_j X) = b_j.  One iteration costs about 30 N^3 operations for dense rows.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse

Vector = np.ndarray[Any, np.dtype[np.float64]]

_DENSE = 0.1
"""Rows with a larger share of nonzeros are kept as dense arrays."""
_FEASIBLE = 1e-9
"""Largest violation of the dual constraints, over the largest b, with which a dual value counts."""


@dataclass(frozen=True, eq=False)
class Program:
    """The problem; signals that only occur in a multiple of the identity, if any, come last."""

    p: Any
    """P, (rows, N), dense or sparse."""
    q: Any
    """Q, (rows, N)."""
    tie: np.ndarray[Any, np.dtype[np.intp]]
    """Number of the multiplier of each row; every number below len(b) occurs."""
    b: Vector
    constant: Vector
    """C, (N, N)."""
    tail: int = 0
    """The last so many signals carry y_0 times the identity and b.y = y_0; 0: nothing such."""

    def slack(self, y: Vector) -> Vector:
        """M(y)."""
        return self.change(y) - self.constant

    def change(self, dy: Vector) -> Vector:
        """sum_j dy_j A_j."""
        half = _dense(self.p.T @ _times(dy[self.tie], self.q))
        return half + half.T

    def traces(self, x: Vector) -> Vector:
        """tr(A_j X) for a symmetric X."""
        rows = self.p @ x
        product = self.q.multiply(rows) if scipy.sparse.issparse(self.q) else self.q * rows
        sums = np.asarray(product.sum(axis=1)).ravel()
        return np.asarray(
            np.bincount(self.tie, weights=2 * sums, minlength=self.b.size), dtype=float
        )

    def schur(self, x: Vector, z: Vector) -> Vector:
        """tr(A_i X A_j Z), symmetrised over i and j."""
        (xpp, xpq, xqq), (zpp, zpq, zqq) = self._products(x), self._products(z)
        full = xpp * zqq + xqq * zpp + xpq * zpq.T
        full += xpq.T * zpq
        if np.array_equal(self.tie, np.arange(self.b.size)):
            return full
        ties = scipy.sparse.csr_array(
            (np.ones(self.tie.size), (self.tie, np.arange(self.tie.size))),
            shape=(self.b.size, self.tie.size),
        )
        return np.asarray(ties @ (ties @ full).T)

    def _products(self, v: Vector) -> tuple[Vector, Vector, Vector]:
        pv, qv = self.p @ v, self.q @ v
        return (self.p @ pv.T).T, (self.q @ pv.T).T, (self.q @ qv.T).T


def rows(matrix: Vector) -> Any:
    """`matrix`, sparse where that pays."""
    few = np.count_nonzero(matrix) <= _DENSE * matrix.size
    return scipy.sparse.csr_array(matrix) if few else matrix


@dataclass
class Optimum:
    """The best feasible point found; dual <= optimum <= value."""

    y: Vector
    value: float = math.inf
    dual: float = -math.inf
    iterations: int = 0
    history: list[tuple[int, float, float]] = field(default_factory=list)
    """(iteration, dual, value)."""

    @property
    def gap(self) -> float:
        """(value - dual) / |value|."""
        if not math.isfinite(self.value) or not math.isfinite(self.dual):
            return math.inf
        return (self.value - self.dual) / max(abs(self.value), 1e-300)


def minimise(
    program: Program,
    y: Vector,
    tolerance: float,
    *,
    target: float = -math.inf,
    iterations: int = 120,
) -> Optimum:
    """Solve `program` from the strictly feasible `y` to a relative gap of `tolerance`.

    Stops early at a value below `target`, and where rounding admits no further progress; the gap
    then is larger.  Raises ValueError where `y` is not strictly feasible.
    """
    size = program.constant.shape[0]
    m = program.slack(y)
    root = cholesky(m)
    if root is None:
        raise ValueError("the starting point is not strictly feasible.")
    found = Optimum(y)
    x = np.eye(size) * (program.b.sum() / max(program.traces(np.eye(size))[program.b > 0].sum(), 1))
    stalled = 0
    for iteration in range(1, iterations + 1):
        old = found.gap
        _judge(program, found, x, y, root, iteration)
        if found.gap <= tolerance or found.value < target:
            break
        stalled = stalled + 1 if 0.9 * old < found.gap < 0.1 else 0
        z = _inverse(root)
        mu = float(np.sum(m * x)) / size
        step = _Step(program, x, z)
        if step.factor is None or stalled > 8:
            break
        dy, dx, primal, dual = _direction(step, m, mu)
        y_next = y + primal * dy
        m_next = program.slack(y_next)
        root_next = cholesky(m_next)
        if root_next is None or max(primal, dual) < 1e-7:
            break
        y, m, root = y_next, m_next, root_next
        x = x + dual * dx
        x = (x + x.T) / 2
    return found


def _direction(step: "_Step", m: Vector, mu: float) -> tuple[Vector, Vector, float, float]:
    """dy, dX and the lengths along them, by Mehrotra's rule."""
    x, size = step.x, len(m)
    _, dm, dx = step.towards(0.0)
    primal, dual = _length(m, dm), _length(x, dx)
    ahead = float(np.sum((m + primal * dm) * (x + dual * dx))) / size
    sigma = max(ahead / mu, 0.0) ** 2 if min(primal, dual) >= 0.3 else 0.5
    sigma = min(max(sigma, 1e-4), 0.9)
    dy, dm, dx = step.towards(sigma * mu, dx @ dm @ step.z)
    primal, dual = _length(m, dm), _length(x, dx)
    keep = 0.95 if min(primal, dual) > 0.5 else 0.92
    primal, dual = (length if length == 1 else keep * length for length in (primal, dual))
    return dy, dx, primal, dual


def _judge(
    program: Program, found: Optimum, x: Vector, y: Vector, root: Vector, iteration: int
) -> None:
    value = float(program.b @ y)
    if program.tail:
        # The Schur complement of the tail is y_0 I - S: lmax(S) is the least y_0 for these y.
        last = root[-program.tail :, -program.tail :]
        value -= float(np.linalg.svd(last, compute_uv=False)[-1]) ** 2
    if value < found.value:
        found.value, found.y = value, y
    # b.y* >= tr(C X) + (b - tr(A X)).y*: not before full steps have made the latter negligible.
    residual = np.abs(program.b - program.traces(x))
    if residual.max() <= _FEASIBLE * program.b.max():
        dual = float(np.sum(program.constant * x)) - float(residual @ np.abs(y))
        found.dual = max(found.dual, dual)
    found.iterations = iteration
    found.history.append((iteration, found.dual, found.value))


class _Step:
    """The Newton equations at (X, Z), factored once for predictor and corrector."""

    def __init__(self, program: Program, x: Vector, z: Vector) -> None:
        self.program, self.x, self.z = program, x, z
        self.traces = program.traces(z)
        self.matrix = program.schur(x, z)
        self.scale = 1 / np.sqrt(np.diag(self.matrix))
        self.matrix *= self.scale[:, None]
        self.matrix *= self.scale
        self.factor = None
        if np.isfinite(self.scale).all():
            shift = 1e-15
            while self.factor is None and shift < 1e-8:
                shift *= 10
                self.factor = cholesky(self.matrix + shift * np.eye(len(self.scale)))

    def towards(self, mu: float, second: Vector | None = None) -> tuple[Vector, Vector, Vector]:
        """dy, dM, dX to the centre `mu`; `second` is the predictor's product dX dM Z."""
        right = mu * self.traces - self.program.b
        if second is not None:
            second = (second + second.T) / 2
            right = right - self.program.traces(second)
        right = right * self.scale
        solution = self._solve(right)
        solution += self._solve(right - self.matrix @ solution)
        dy = solution * self.scale
        dm = self.program.change(dy)
        product = self.x @ dm @ self.z
        dx = mu * self.z - self.x - (product + product.T) / 2
        return dy, dm, dx if second is None else dx - second

    def _solve(self, right: Vector) -> Vector:
        return np.asarray(scipy.linalg.cho_solve((self.factor, True), right, check_finite=False))


def _length(matrix: Vector, change: Vector) -> float:
    """The largest of 1, 0.8, 0.64, ... that keeps `matrix` + length * `change` definite."""
    length = 1.0
    while length > 1e-9:
        if cholesky(matrix + length * change) is not None:
            return length
        length *= 0.8
    return 0.0


def cholesky(matrix: Vector) -> Vector | None:
    """The lower factor, or None where there is none."""
    try:
        root = np.asarray(scipy.linalg.cholesky(matrix, lower=True, check_finite=False))
    except np.linalg.LinAlgError:
        return None
    return root if np.isfinite(np.diag(root)).all() else None


def _inverse(root: Vector) -> Vector:
    half, _ = scipy.linalg.lapack.dpotri(root, lower=1)
    lower = np.tril(half)
    return np.asarray(lower + np.tril(half, -1).T)


def _times(factors: Vector, matrix: Any) -> Any:
    if scipy.sparse.issparse(matrix):
        return scipy.sparse.diags_array(factors) @ matrix
    return factors[:, None] * matrix


def _dense(matrix: Any) -> Vector:
    return np.asarray(matrix.toarray() if scipy.sparse.issparse(matrix) else matrix)

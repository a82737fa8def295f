"""The statement of a certificate in exact rational arithmetic; random networks, multipliers."""

from fractions import Fraction
from itertools import pairwise

import flint
import numpy as np
import scipy.sparse

from theory.lipschitz.candidate import Candidate
from theory.lipschitz.network import Network, dense

# --- the statement, in rational numbers -----------------------------------------------------------


def rational(matrix):
    m = dense(matrix)
    return flint.fmpq_mat(
        m.shape[0], m.shape[1], [fmpq(Fraction(float(x))) for x in m.ravel().tolist()]
    )


def fmpq(x):
    x = Fraction(x)
    return flint.fmpq(x.numerator, x.denominator)


def diagonal_matrix(numbers):
    out = flint.fmpq_mat(len(numbers), len(numbers))
    for i, x in enumerate(numbers):
        out[i, i] = fmpq(x)
    return out


def stack(rows):
    """A matrix from a list of lists of fmpq."""
    return flint.fmpq_mat(len(rows), len(rows[0]), [x for row in rows for x in row])


def rows_of(matrix):
    return [[matrix[i, j] for j in range(matrix.ncols())] for i in range(matrix.nrows())]


def _pair(total, weight, p, q):
    """total += weight (p^T q + q^T p) / 2 for rows p and q."""
    for i, x in enumerate(p):
        if x == 0 and q[i] == 0:
            continue
        for j in range(len(p)):
            total[i, j] += weight * (x * q[j] + q[i] * p[j]) / 2


def is_positive(matrix):
    """Whether a symmetric rational matrix is positive semidefinite (elimination, exactly)."""
    a, n = rows_of(matrix), matrix.nrows()
    for k in range(n):
        if a[k][k] < 0 or (a[k][k] == 0 and any(a[k][j] != 0 for j in range(k, n))):
            return False
        if a[k][k] == 0:
            continue
        for i in range(k + 1, n):
            if a[i][k] == 0:
                continue
            factor = a[i][k] / a[k][k]
            for j in range(i, n):
                a[i][j] -= factor * a[k][j]
                a[j][i] = a[i][j]
    return True


def exact_matrix(network, certificate):
    """sum input x_0^2 - sum output y^2 - sum of constraints, as a form in x_0 and activations.

    Nothing is shared with the checker: true (unscaled) units, no storage matrices, deviations of
    groups by their first g - 1 members.  Only units that never move are set to 0, and linear ones
    substituted: they have no multiplier.
    """
    c = certificate
    lipschitz = c.relaxation == "lipschitz"
    counts = []
    for stage in network.stages:
        kind = stage.activation
        if kind is None:
            counts.append(0)
        elif kind.kind == "slopes" or lipschitz:
            counts.append(stage.units)
        else:
            each = 1 if kind.kind == "householder" else kind.group_size - 1
            counts.append(stage.units // kind.group_size * each)
    n = network.inputs + sum(counts)
    total = flint.fmpq_mat(n, n)
    x = [[flint.fmpq(int(i == j)) for j in range(n)] for i in range(network.inputs)]
    mu = np.broadcast_to(c.input, network.inputs)
    for row, weight in zip(x, mu, strict=True):
        _pair(total, fmpq(Fraction(float(weight))), row, row)
    x, start = stack(x), network.inputs
    for k, stage in enumerate(network.stages):
        after = flint.fmpq_mat(stage.outputs, n)
        if stage.skip is not None:
            after = after + rational(stage.skip) * x
        if stage.activation is not None:
            free = [[flint.fmpq(int(j == start + i)) for j in range(n)] for i in range(counts[k])]
            start += counts[k]
            v = rational(stage.inner) * x
            if stage.loop is not None:
                v = v + rational(stage.loop) * stack(free)
            scale = Fraction(4) ** -c.exponents[k + 1]
            weights = [fmpq(Fraction(float(t)) * scale) for t in c.multipliers[k]]
            e = stack(_constrained(total, stage, rows_of(v), free, weights, lipschitz))
            after = after + (e if stage.outer is None else rational(stage.outer) * e)
        x = after
    scale = Fraction(4) ** -c.exponents[-1]
    out = np.broadcast_to(c.output, network.outputs)
    for row, weight in zip(rows_of(x), out, strict=True):
        _pair(total, -fmpq(Fraction(float(weight)) * scale), row, row)
    return total


def _constrained(total, stage, v, free, weights, lipschitz):
    """Subtract the constraints of a stage; the rows of its activations."""
    kind = stage.activation
    size = len(v) // len(weights)
    zero = [flint.fmpq(0)] * len(v[0])
    groups = [v[g * size : (g + 1) * size] for g in range(len(weights))]
    moves = [any(x != 0 for row in group for x in row) for group in groups]
    each = len(free) // len(weights)
    free = [e if moves[i // each] else zero for i, e in enumerate(free)] if each else free
    if lipschitz:
        lower = np.zeros(len(v)) - 1 if stage.lower is None else stage.lower
        upper = np.zeros(len(v)) + 1 if stage.upper is None else stage.upper
        for i, (row, e) in enumerate(zip(v, free, strict=True)):
            beta = fmpq(max(abs(Fraction(lower[i])), abs(Fraction(upper[i]))))
            _pair(total, -2 * weights[i // size] * beta * beta, row, row)
            _pair(total, 2 * weights[i // size], e, e)
        return free
    if kind.kind == "slopes":
        bounds = list(zip(stage.lower, stage.upper, strict=True))
        if stage.loop is None:
            free = [
                [fmpq(Fraction(a)) * x for x in row] if a == b else e
                for (a, b), row, e in zip(bounds, v, free, strict=True)
            ]
        for row, e, t, (a, b) in zip(v, free, weights, bounds, strict=True):
            low = [y - fmpq(Fraction(a)) * z for y, z in zip(e, row, strict=True)]
            high = [fmpq(Fraction(b)) * z - y for y, z in zip(e, row, strict=True)]
            _pair(total, -2 * t, low, high)
        return free
    out = []
    for g, t in enumerate(weights):
        rows = groups[g]
        if kind.kind == "group_sort":
            mean = [sum(column, flint.fmpq(0)) / size for column in zip(*rows, strict=True)]
            some = free[g * (size - 1) : (g + 1) * (size - 1)]
            rest = [-sum(column, flint.fmpq(0)) for column in zip(*some, strict=True)]
            rest = rest or [flint.fmpq(0)] * len(mean)
            for row, e in zip(rows, [*some, rest], strict=True):
                d = [x - m for x, m in zip(row, mean, strict=True)]
                _pair(total, -2 * t, d, d)
                _pair(total, 2 * t, e, e)
                out.append([x + m for x, m in zip(e, mean, strict=True)])
        else:
            u = [fmpq(Fraction(x)) for x in kind.direction]
            square = sum((x * x for x in u), flint.fmpq(0))
            along = [
                sum((x * y for x, y in zip(u, column, strict=True)), flint.fmpq(0))
                for column in zip(*rows, strict=True)
            ]
            e = free[g]  # u . phi(v)
            _pair(total, -2 * t / square, along, along)
            _pair(total, 2 * t / square, e, e)
            for x, row in zip(u, rows, strict=True):
                change = [(y - z) * x / square for y, z in zip(e, along, strict=True)]
                out.append([y + z for y, z in zip(row, change, strict=True)])
    return out


# --- networks and multipliers -------------------------------------------------------------------

KINDS = (
    "relu",
    "leaky_relu:0.1",
    "leaky_relu:-0.3",
    "abs",
    "tanh",
    "gelu",
    "maxmin",
    "group_sort:3",
    "group_sort:4",
    "householder:1,2",
    "householder:1,2,3",
)


def _norm(matrix):
    return 1.0 if matrix is None else float(np.linalg.norm(dense(matrix), 2))


def simple_multipliers(rng, network):
    """Large enough that the inequalities hold: each 3 times what comes after it."""
    found, size = [], 2.0
    for stage in reversed(network.stages):
        if stage.activation is None:
            found.append(None)
            size *= _norm(stage.skip) ** 2
            continue
        beta = 1.0 if stage.lower is None else max(abs(stage.lower).max(), abs(stage.upper).max())
        own = 3 * size * _norm(stage.outer) ** 2
        found.append(own * rng.uniform(0.6, 1.4, stage.units // stage.activation.group_size))
        skip = 0.0 if stage.skip is None else _norm(stage.skip)
        size = 3 * size * (skip + 1.2 * beta * _norm(stage.outer) * _norm(stage.inner)) ** 2
    return tuple(reversed(found))


def candidate(network, multipliers, norm="l2", relaxation="exact", exponents=None, rng=None):
    inputs = np.ones(1) if norm == "l2" else rng.uniform(0.5, 2, network.inputs)
    outputs = np.ones(1) if norm == "l2" else rng.uniform(0.5, 2, network.outputs)
    c = (0,) * (len(network.stages) + 1) if exponents is None else exponents
    return Candidate(norm, relaxation, 0.0, c, inputs, outputs, multipliers)


def matrices(rng, widths):
    laws = (
        lambda s: rng.standard_normal(s),
        lambda s: rng.standard_normal(s) * (rng.random(s) < 0.4),
        lambda s: rng.integers(-1, 2, s).astype(float),
        lambda s: rng.standard_normal(s).astype(np.float32),
        lambda s: np.outer(rng.standard_normal(s[0]), rng.standard_normal(s[1])),
    )
    law = laws[rng.integers(len(laws))]
    return [law((m, n)) for n, m in pairwise(widths)]


def random_network(rng, kind):
    size = {"group_sort:3": 3, "group_sort:4": 4, "householder:1,2,3": 3}.get(kind, 2)
    n = size * int(rng.integers(1, 3))
    shape = int(rng.integers(4))
    if shape == 0:
        depth = int(rng.integers(0, 3))
        widths = [int(rng.integers(1, 8)), *[size * int(rng.integers(1, 3))] * depth]
        widths.append(int(rng.integers(1, 4)))
        return Network(matrices(rng, widths), kind)
    if shape == 1:
        first, last = matrices(rng, [int(rng.integers(1, 8)), n, int(rng.integers(1, 4))])
        blocks = []
        for _ in range(int(rng.integers(1, 3))):
            m = size * int(rng.integers(1, 3))
            inner, outer = matrices(rng, [n, m, n])
            blocks.append(inner if m == n else (None, outer, inner))
        return Network.residual(first if rng.random() < 0.7 else None, blocks, last, kind)
    if shape == 2 and "group" not in kind and "house" not in kind and kind != "maxmin":
        inner, outer = matrices(rng, [int(rng.integers(1, 5)), n, 2])
        loop = rng.standard_normal((n, n))
        return Network.implicit(0.3 * loop / _norm(loop), inner, outer, kind)
    widths = [9, n, int(rng.integers(1, 4))]
    sparse = [scipy.sparse.csr_array(w) for w in matrices(rng, widths)]
    return Network(sparse, kind)

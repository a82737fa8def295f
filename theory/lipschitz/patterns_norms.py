r"""Rounding errors, and proofs that norms of computed matrices are small enough.

u = 2^-53; any order of summation; LAPACK's Cholesky factorisation (Rump 2006), which must be one by
ordinary arithmetic.  Used by the checker `patterns_proof` only.
"""

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

Vector = np.ndarray[Any, np.dtype[np.float64]]

U = 2.0**-53
TINY = float(np.finfo(float).tiny)


def gamma(count: int) -> float:
    """An upper bound on count u / (1 - count u), for count up to 1e13."""
    return 1.01 * count * U


def above(value: float, terms: int) -> float:
    """At least the exact sum of `terms` numbers >= 0 that came out as `value`."""
    return value * (1 + gamma(2 * terms + 4)) + TINY * (terms + 1)


def signs(width: int) -> Vector:
    """All vectors of signs up to a common one, as columns."""
    if width > 24:
        raise ValueError(f"the signs of {width} numbers are too many")
    # The first sign is 1: opposite vectors give the same norm.
    return np.array([(1.0, *s) for s in itertools.product((1.0, -1.0), repeat=width - 1)]).T


def frobenius(a: Vector) -> Vector:
    """At least the Frobenius norms of the matrices a."""
    return np.asarray(
        np.sqrt(np.einsum("bij,bij->b", a, a) + a[0].size * TINY) * (1 + gamma(2 * a[0].size + 8))
    )


def sums_at_most(blocks: Iterator[Vector], rho: float, error: float) -> str:
    """Why not all columns of all (rows, patterns, columns) have l_1 norms at most rho - error."""
    for block in blocks:
        total = above(float(np.abs(block).sum(axis=0).max()), len(block)) + error
        if not total * (1 + 4 * U) <= rho:
            return f"a pattern has norm up to {total:.10g}, above {rho:.10g}"
    return ""


def norms_at_most(blocks: Iterator[Vector], rho: float, error: float) -> str:
    """Why not all matrices (rows, patterns, columns) have norms at most sqrt(rho) - error."""
    root = math.sqrt(rho) * (1 - 4 * U) - error * (1 + 4 * U)
    if not root > 0:
        return f"rounding errors up to {error:.3g} are larger than the bound {math.sqrt(rho):.10g}"
    shift = -math.frexp(root)[1]
    limit = math.ldexp(root, shift) ** 2 * (1 - 8 * U)  # in [1/4, 1)
    for block in blocks:
        if not _below(np.ldexp(np.moveaxis(block, 1, 0), shift), limit):
            return f"a pattern has norm above {math.sqrt(rho):.10g}, or too near to it"
    return ""


def _below(a: Vector, limit: float) -> bool:
    """Whether all spectral norms of a (patterns, m, n) are proved to be at most sqrt(limit)."""
    if a.shape[1] > a.shape[2]:
        a = np.swapaxes(a, 1, 2)
    size, length = a.shape[1:]
    if not np.isfinite(a).all():
        return False
    gram = a @ np.swapaxes(a, 1, 2)
    if not np.isfinite(gram).all():
        return False
    # Where the factorisation exists every diagonal entry is below `limit`, traces below size limit.
    room = 2 * size * (gamma(length + 2) + gamma(size + 3)) + 32 * U
    limit *= 1 - room
    rough = np.sqrt(np.einsum("bij,bij->b", gram, gram)) * (1 + gamma(size * size + 8))
    rest = gram[~(rough <= limit)]
    if not len(rest):
        return True
    try:
        np.linalg.cholesky(limit * np.eye(size) - rest)
    except np.linalg.LinAlgError:
        return False
    return True


def dominating(k: Vector) -> Vector:
    """A lower triangular C with C C^T - K K^T >= 0, proved."""
    shift = math.frexp(float(np.abs(k).max()))[1]
    if abs(shift) > 400:
        raise ValueError(f"weights of the order of 2^{shift} must be scaled first")
    k = np.ldexp(k, -shift)
    gram = k @ k.T
    size, length = k.shape
    magnitude = np.abs(k) @ np.abs(k).T
    rounding = 2 * gamma(length + 4) * float(magnitude.sum(axis=1).max()) + TINY * length * size
    for factor in (2.0, 20.0, 200.0, 2000.0):
        add = factor * rounding
        try:
            c = np.linalg.cholesky(gram + add * np.eye(size))
        except np.linalg.LinAlgError:
            continue
        # C C^T - K K^T = add I + (C C^T - gram - add I) + (gram - K K^T).
        error = np.abs(c @ c.T - (gram + add * np.eye(size)))
        error += 2 * gamma(size + 4) * (np.abs(c) @ np.abs(c).T) + TINY * size
        # The sum gram + add is rounded, too: 4 u of it is in the second term.
        if 1.01 * float(error.sum(axis=1).max()) + rounding <= add:
            return np.ldexp(c, shift)
    raise ValueError("the matrix of the inputs has no proved factor")

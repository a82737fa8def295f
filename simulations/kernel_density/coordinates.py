r"""The coordinates in which distances are taken: those of the file, or whitened ones.

Whitened: z = A (x - mean) with A A^T the inverse of the covariance on its range; directions without
variance are left out, so that z has as many coordinates as the covariance has rank.  Densities are
given in the units of the file (on the affine subspace that the data span, if it is a subspace):
log rho(x) = log rho(z) + log_jacobian.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from simulations.arrays import Array, Held
from simulations.kernel_density import files

CONSTANT = 1e-12
"""A column whose standard deviation is a smaller part of its largest entry is constant."""
DEGENERATE = 1e-10
"""A direction with a smaller part of the variance, all columns scaled alike, has none."""


class Spread(NamedTuple):
    """Mean and covariance of the columns."""

    mean: Array
    covariance: Array | None
    """Only where it was asked for."""
    variance: Array
    constant: Array
    """Which columns are constant."""

    @property
    def scale(self) -> float:
        """Root mean square of the standard deviations of the columns."""
        return float(np.sqrt(self.variance.mean()))


class Frame(NamedTuple):
    """Coordinates z = matrix (x - mean), or x itself where there is no matrix."""

    mean: Array
    matrix: Array | None
    log_jacobian: float
    scale: float
    """Root mean square of the standard deviations of the coordinates."""
    constant: tuple[int, ...]
    """Columns, counted from 1, that are constant."""
    dimension: int
    """Number of coordinates, d."""

    def of(self, x: Array) -> Array:
        """Rows in these coordinates."""
        return x if self.matrix is None else (x - self.mean) @ self.matrix.T

    def blocks(self, table: Held) -> Iterator[tuple[int, Array]]:
        """The points in these coordinates, in blocks."""
        for start, block in files.blocks(table):
            yield start, self.of(block)


@functools.lru_cache(maxsize=8)
def frame(table: Held, whiten: bool) -> Frame:
    """The coordinates for these points.

    ValueError where whitening would make all distances equal.
    """
    found = spread(table, whiten)
    constant = tuple(int(k) + 1 for k in np.flatnonzero(found.constant))
    columns = len(found.mean)
    if len(constant) == columns:
        return Frame(found.mean, None, 0.0, 0.0, constant, columns)
    if not whiten:
        return Frame(found.mean, None, 0.0, found.scale, constant, columns)
    assert found.covariance is not None, "it was asked for"
    keep = ~found.constant
    deviation = np.sqrt(found.variance[keep])
    correlation = found.covariance[np.ix_(keep, keep)] / np.outer(deviation, deviation)
    values, vectors = np.linalg.eigh(correlation)
    good = values > DEGENERATE * values[-1]
    values, vectors = values[good], vectors[:, good]
    n = len(table.arrays[0])
    if len(values) >= n - 1:
        raise ValueError(
            f"--whiten: {n} points span {len(values)} dimensions, and whitened lie at equal "
            "distances; give more points or leave --whiten out."
        )
    matrix = np.zeros((len(values), columns))
    matrix[:, keep] = (vectors / np.sqrt(values)).T / deviation
    basis, _ = np.linalg.qr(deviation[:, None] * vectors)  # of what the covariance spans
    _, log_jacobian = np.linalg.slogdet(matrix[:, keep] @ basis)
    return Frame(found.mean, matrix, float(log_jacobian), 1.0, constant, len(values))


def spread(table: Held, covariance: bool) -> Spread:
    """Moments of the columns (divided by n - 1), merged block by block."""
    n, columns = 0, table.arrays[0].shape[1]
    mean, largest = np.zeros(columns), np.zeros(columns)
    second = np.zeros((columns, columns)) if covariance else np.zeros(columns)
    for _, block in files.blocks(table):
        own = block.mean(axis=0)
        x, step = block - own, own - mean
        weight = n * len(block) / (n + len(block))
        if covariance:
            second += x.T @ x + weight * np.outer(step, step)
        else:
            second += np.sum(x * x, axis=0) + weight * step**2
        n += len(block)
        mean = mean + step * (len(block) / n)
        largest = np.maximum(largest, np.abs(block).max(axis=0))
    second /= max(n - 1, 1)
    variance = np.diag(second).copy() if covariance else second
    constant = np.sqrt(variance) <= CONSTANT * largest
    return Spread(mean, second if covariance else None, np.where(constant, 0, variance), constant)

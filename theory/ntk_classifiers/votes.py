r"""Votes of the training points: sign sum_i y_i k(|x - x_i|), also for kernels infinite at 0.

This is the classifier that a wide network becomes as its depth grows in the singular regime; with
k(r) = r^-d it is the Hilbert estimate of Devroye, Gyorfi and Krzyzak (J. Multivariate Anal. 65,
1998).  A kernel is a number alpha, for k = r^-alpha, or a function of the distance r that returns
log k; `koenigs_kernel` makes that of an activation.  Sums are taken as log-sum-exp, one per class,
so no weight under- or overflows.

    score(x) = (S_+ - S_-)/(S_+ + S_-) = tanh((log S_+ - log S_-)/2),   S_+- = sum_{y_i = +-1} k

estimates 2 eta(x) - 1; the vote is its sign.

Distances come from differences of coordinates, never from 1 - x.x', so close points keep all their
digits.  Where log k is +infinity (a test point that is also a training point, for singular
kernels) only such training points vote, with one vote each.  Where k = 0 for all points, and where
a vote is exactly even, the score is 0.  Points need not be on the sphere, unless the kernel asks.

All pairs are visited in blocks of fixed size, so memory does not grow with their number.  With
`neighbours` = m only the m nearest training points vote (k-d tree); for a kernel that decreases in
r the others would have had at most R = (n - m) k(r_m) together, which moves the score by at most
2 R/(S + R): the error returned.  That is small for kernels much steeper than r^-d only.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist
from scipy.special import expit

from theory._checks import nonnegative, whole
from theory.ntk_classifiers.labels import signed_labels

Array = npt.NDArray[np.float64]
LogKernel = Callable[[Array], npt.ArrayLike]
"""r -> log k(r), elementwise on arrays of distances; +-inf allowed, NaN not."""

ROWS, COLUMNS = 128, 2048
"""Pairs in a block: 2 MB per array."""


class Vote(NamedTuple):
    """Scores in [-1, 1], one for each test point, and bounds on what left-out points change."""

    score: Array
    error: Array


def hilbert_vote(
    test: npt.ArrayLike,
    train: npt.ArrayLike,
    labels: npt.ArrayLike,
    kernel: float | LogKernel,
    *,
    neighbours: int | None = None,
) -> Vote:
    """Scores of the rows of `test` from the rows of `train` with labels +1 and -1.

    The error is 0 without `neighbours` (rounding aside).  ValueError for other labels (see
    `hilbert_classify`), NaN, and shapes that do not fit.
    """
    members = (signed_labels(labels) > 0).astype(np.intp)
    logs, rest = _log_votes(test, train, members, 2, kernel, neighbours)
    total = np.logaddexp(logs[:, 0], logs[:, 1])
    voted, complete = total > -np.inf, rest == -np.inf
    with np.errstate(invalid="ignore"):
        score = np.where(voted, np.tanh((logs[:, 1] - logs[:, 0]) / 2), 0)
        error = np.where(complete, 0, np.where(voted, 2 * expit(rest - total), 2))
    return Vote(score, error)


def hilbert_classify(
    test: npt.ArrayLike,
    train: npt.ArrayLike,
    labels: npt.ArrayLike,
    kernel: float | LogKernel,
    *,
    neighbours: int | None = None,
) -> npt.NDArray[np.generic]:
    """The class with the largest sum of weights for each row of `test`; labels of any kind.

    Exact ties go to the class that sorts first.
    """
    names = np.asarray(labels)
    if names.dtype.kind == "f" and np.isnan(names).any():
        raise ValueError(f"label {np.flatnonzero(np.isnan(names))[0]} is NaN.")
    classes, members = np.unique(names, return_inverse=True)
    members = members.reshape(names.shape)
    logs, _ = _log_votes(test, train, members, classes.size, kernel, neighbours)
    return np.asarray(classes[np.argmax(logs, axis=1)])


def _log_votes(
    test: npt.ArrayLike,
    train: npt.ArrayLike,
    members: npt.NDArray[np.intp],
    classes: int,
    kernel: float | LogKernel,
    neighbours: int | None,
) -> tuple[Array, Array]:
    """log of the sum of weights of each class, and of the bound R on points that did not vote."""
    points, given = _points(test, "test"), _points(train, "train")
    if points.shape[1] != given.shape[1]:
        raise ValueError(
            f"test and train must have as many coordinates, not {points.shape[1]} and "
            f"{given.shape[1]}."
        )
    if members.shape != (given.shape[0],):
        raise ValueError(
            f"labels must be one per training point: {given.shape[0]}, not shape {members.shape}."
        )
    log_kernel = kernel if callable(kernel) else _power(nonnegative(kernel, "kernel"))
    if neighbours is not None:
        return _nearest(
            points, given, members, classes, log_kernel, whole(neighbours, "neighbours")
        )
    # Training points in order of their class: a block of columns then belongs to one class.
    order = np.argsort(members, kind="stable")
    bounds = np.searchsorted(members[order], np.arange(classes + 1))
    groups = [given[order[a:b]] for a, b in itertools.pairwise(bounds)]
    logs = np.empty((points.shape[0], classes))
    for first in range(0, points.shape[0], ROWS):
        rows = points[first : first + ROWS]
        sums = [_log_sum(rows, group, log_kernel) for group in groups]
        logs[first : first + ROWS] = _with_duplicates(
            np.stack([s[0] for s in sums], axis=1), np.stack([s[1] for s in sums], axis=1)
        )
    return logs, np.full(points.shape[0], -np.inf)


def _log_sum(rows: Array, group: Array, log_kernel: LogKernel) -> tuple[Array, Array]:
    """log sum of the finite weights from `group`, and the number of infinite ones, for each row."""
    top, total = np.full(rows.shape[0], -np.inf), np.zeros(rows.shape[0])
    infinite = np.zeros(rows.shape[0])
    for weights in _blocks(rows, group, log_kernel):
        highest = weights.max(axis=1)
        if (highest == np.inf).any():
            infinite += (weights == np.inf).sum(axis=1)
            weights[weights == np.inf] = -np.inf
            highest = weights.max(axis=1)
        higher = np.maximum(top, highest)
        reference = np.where(higher == -np.inf, 0, higher)
        weights -= reference[:, None]
        total = total * np.exp(top - reference) + np.exp(weights, out=weights).sum(axis=1)
        top = higher
    with np.errstate(divide="ignore"):
        return np.where(top == -np.inf, 0, top) + np.log(total), infinite


def _blocks(rows: Array, group: Array, log_kernel: LogKernel) -> Iterator[Array]:
    for first in range(0, group.shape[0], COLUMNS):
        yield _log_weights(cdist(rows, group[first : first + COLUMNS]), log_kernel)


def _nearest(
    points: Array,
    given: Array,
    members: npt.NDArray[np.intp],
    classes: int,
    log_kernel: LogKernel,
    count: int,
) -> tuple[Array, Array]:
    count = min(count, given.shape[0])
    tree = cKDTree(given)
    logs, rest = np.empty((points.shape[0], classes)), np.full(points.shape[0], -np.inf)
    rows = max(1, ROWS * COLUMNS // count)
    for first in range(0, points.shape[0], rows):
        some = slice(first, first + rows)
        r, index = tree.query(points[some], k=np.arange(1, count + 1))
        weights, labels = _log_weights(r, log_kernel), members[index]
        if count < given.shape[0]:
            rest[some] = np.log(given.shape[0] - count) + weights[:, -1]
        finite = np.where(weights == np.inf, -np.inf, weights)
        top = finite.max(axis=1, keepdims=True)
        top = np.where(top == -np.inf, 0, top)
        sums, infinite = np.empty((2, labels.shape[0], classes))
        for c in range(classes):
            own = labels == c
            with np.errstate(divide="ignore"):
                sums[:, c] = top[:, 0] + np.log(np.sum(np.exp(finite - top) * own, axis=1))
            infinite[:, c] = ((weights == np.inf) & own).sum(axis=1)
        logs[some] = _with_duplicates(sums, infinite)
        decided = infinite.any(axis=1) & (weights[:, -1] < np.inf)
        rest[some] = np.where(decided, -np.inf, rest[some])
    return logs, rest


def _with_duplicates(logs: Array, infinite: Array) -> Array:
    """Only infinite weights count where there are any, one vote each."""
    with np.errstate(divide="ignore"):
        return np.where(infinite.any(axis=1, keepdims=True), np.log(infinite), logs)


def _power(alpha: float) -> LogKernel:
    def log_kernel(r: Array) -> Array:
        if alpha == 0:
            return np.zeros_like(r)
        with np.errstate(divide="ignore"):
            logs = np.log(r, out=r)
        logs *= -alpha
        return logs

    return log_kernel


def _log_weights(r: Array, log_kernel: LogKernel) -> Array:
    weights = np.require(log_kernel(r), dtype=float, requirements="W")  # a jax array is read-only
    if weights.shape != r.shape:
        raise ValueError(
            f"the kernel must return one value per distance: shape {r.shape}, not {weights.shape}."
        )
    if np.isnan(weights).any():
        raise ValueError("the logarithm of the kernel is NaN at some distance between points.")
    return weights


def _points(values: npt.ArrayLike, name: str) -> Array:
    points = np.asarray(values, dtype=float)
    if points.ndim != 2 or points.shape[0] < 1 or points.shape[1] < 1:
        raise ValueError(
            f"{name} must be a table with a point in each row, not of shape {points.shape}."
        )
    bad = np.flatnonzero(~np.isfinite(points).all(axis=1))
    if bad.size:
        raise ValueError(f"{name} must be finite; row {bad[0]} is not.")
    return points

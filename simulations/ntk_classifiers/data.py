r"""Data sets: drawn from two Dirichlet classes, or random splits of a user's points.

Class +1 has probability `prior`.  Given the class, T is Dirichlet and the point is T/|T|.  With
G_i = Gamma(a_i + 1) U_i^{1/a_i}, which is Gamma(a_i), everything is done in logarithms: points
near the axes keep all digits of their small coordinates, and of the odds

    log(eta/(1 - eta)) = sum_i (a1_i - a2_i) log T_i + log(p/(1-p)) - log B(a1) + log B(a2).
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np

from simulations.arrays import Array
from simulations.ntk_classifiers.params import Params


class DataSet(NamedTuple):
    """Training and test points, one a row, on the unit sphere; labels are +-1."""

    train: Array
    labels: Array
    test: Array
    test_labels: Array
    log_odds: Array | None
    """log(eta/(1 - eta)) at the test points, where it is known."""


def draw(rng: np.random.Generator, p: Params) -> DataSet:
    """One data set."""
    if p.table:
        return _split(rng, p)
    size = p.points + p.test
    positive = rng.random(size) < p.prior
    a = np.where(positive[:, None], *np.array(p.alphas))
    logs = np.log(rng.standard_gamma(a + 1)) - rng.standard_exponential(a.shape) / a
    logs -= logs.max(axis=1, keepdims=True)
    x = np.exp(logs)
    log_t = logs[p.points :] - np.log(x[p.points :].sum(axis=1, keepdims=True))
    slopes = np.subtract(*p.alphas)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    y = np.where(positive, 1.0, -1.0)
    return DataSet(
        x[: p.points],
        y[: p.points],
        x[p.points :],
        y[p.points :],
        log_t @ slopes + _offset(p.alphas, p.prior),
    )


def _split(rng: np.random.Generator, p: Params) -> DataSet:
    """Distinct rows of the user's points, at random."""
    x, y = p.table.arrays
    rows = rng.permutation(len(x))[: p.points + p.test]
    train, test = rows[: p.points], rows[p.points :]
    return DataSet(x[train], y[train], x[test], y[test], None)


@functools.lru_cache
def _offset(alphas: tuple[tuple[float, ...], tuple[float, ...]], prior: float) -> float:
    """log(p/(1-p)) - log B(a1) + log B(a2)."""

    def log_beta(a: tuple[float, ...]) -> float:
        return math.fsum(map(math.lgamma, a)) - math.lgamma(math.fsum(a))

    return math.log(prior) - math.log1p(-prior) - log_beta(alphas[0]) + log_beta(alphas[1])

r"""Bandwidths of greatest leave-one-out likelihood, by the stationarity identity and no grid.

log rho_{h,-i}(y_i) = log sum_{j != i} exp(-r_ij^2/(2 h^2)) - log(n - 1) - (d/2) log(2 pi h^2);

its mean over i is stationary where h^2 = M(h), the mean over i of sum_j p_ij r_ij^2, by d.  The
iteration h^2 <- M(h) is the EM algorithm: the likelihood never falls.  `bandwidths.climb` does it
with secant steps.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simulations.accumulators import Block, Moments
from simulations.arrays import Array
from simulations.core import Estimate, Experiment, Result, generator
from simulations.kernel_density import params as checks
from simulations.kernel_density.bandwidths import climb
from simulations.kernel_density.params import Params

if TYPE_CHECKING:
    import jax

STATISTICS = ("bandwidth", "y2", "kl", "kl_scott")
PAIRS = 1 << 23
"""Pairs of points in a block."""
SLOWEST = 500
"""Steps of the plain iteration."""
CLOSE = 1e-8
"""Relative accuracy of the bandwidth."""
FAR = 1e290
"""A squared distance that no point has."""
SMALLEST = 1e-4
"""Bandwidth at which the iteration is stopped: only the wrong one gets there."""


class At(NamedTuple):
    """Leave-one-out sums at one bandwidth; means over the points."""

    square: float
    """sum_j p_ij r_ij^2, by d: the next h^2 of the iteration."""
    log_density: float
    y2: float


class Pairs:
    """All squared distances of a data set."""

    # `evaluate.kernel_sums` gives the same sums in bounded memory, but computes the distances anew
    # at each bandwidth: ten times slower at 200 points in dimension 5, twice at 1000 in 40.  The
    # product form is safe here: the points are standard normal and h is not small against them.

    def __init__(self, x: Array, own: bool = False) -> None:
        self.n, self.d = x.shape
        norms = np.einsum("ij,ij->i", x, x)
        squares = x @ x.T
        squares *= -2
        squares += norms
        squares += norms[:, None]
        np.maximum(squares, 0, out=squares)
        np.fill_diagonal(squares, 0.0 if own else FAR)
        self.nearest = squares.min(axis=1)
        squares -= self.nearest[:, None]
        self.farther = squares
        self.points = self.n - (not own)

    def at(self, h: float) -> At:
        """The sums at a bandwidth."""
        w = np.exp(self.farther * (-0.5 / h**2))
        total = w.sum(axis=1)
        square = self.nearest + np.einsum("ij,ij->i", w, self.farther) / total
        log_density = np.log(total) - self.nearest / (2 * h * h) - math.log(self.points)
        y2 = np.einsum("ij,ij->i", w, w) / total**2
        scale = self.d / 2 * math.log(2 * math.pi * h * h)
        return At(square.mean() / self.d, float(log_density.mean()) - scale, float(y2.mean()))


def likelihood_bandwidth(pairs: Pairs, h: float) -> float:
    """The bandwidth at which the iteration from h comes to rest."""

    def evaluate(h: float) -> tuple[float, float]:
        found = pairs.at(h)
        return found.log_density, found.square

    return climb(evaluate, h, evaluate(h), CLOSE).bandwidth


def plain_iteration(pairs: Pairs, h: float) -> float:
    """The same without acceleration, until h is all but 0."""
    for _ in range(SLOWEST):
        before, h = h, math.sqrt(pairs.at(h).square)
        if h < SMALLEST or abs(h / before - 1) < CLOSE:
            break
    return max(h, SMALLEST)


def leave_one_out_block(key: jax.Array, p: Params, count: int) -> Block:
    """One block of data sets of N(0, I_d)."""
    rng = generator(key)
    scott = p.size ** (-1 / (p.dimension + 4))
    values = []
    for _ in range(count):
        x = rng.standard_normal((p.size, p.dimension))
        # The log density at the same points: the mean of the difference has less variance.
        truth = -np.mean(np.sum(x * x, axis=1)) / 2 - p.dimension / 2 * math.log(2 * math.pi)
        pairs = Pairs(x, p.own)
        h = plain_iteration(pairs, scott) if p.own else likelihood_bandwidth(pairs, scott)
        best, rule = pairs.at(h), pairs.at(scott)
        values.append([h, best.y2, truth - best.log_density, truth - rule.log_density])
    return {"sets": Moments.of_numpy(np.array(values).T)}


def leave_one_out_estimates(block: Block, p: Params) -> Result:
    """Named estimates."""
    return {name: Estimate.of(block["sets"], i) for i, name in enumerate(STATISTICS)}


def _block_size(p: Params) -> int:
    return 1 << max(0, (PAIRS // p.size**2).bit_length() - 1)


LEAVE_ONE_OUT = Experiment(
    "kernel_density/leave_one_out",
    Params,
    leave_one_out_block,
    leave_one_out_estimates,
    _block_size,
    check=checks.check_leave_one_out,
)

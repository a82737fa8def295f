"""Kernel sums at a fixed query: by order statistics, and from data drawn point by point.

What each measures is said in `simulations.kernel_density`; all arithmetic is double precision.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from simulations.accumulators import Block, Counts, Moments
from simulations.arrays import Array
from simulations.core import Estimate, Experiment, Law, Result, generator
from simulations.kernel_density import params as checks
from simulations.kernel_density.order import (
    PIECE,
    Case,
    Weights,
    draw_logits,
    draw_weights,
    drawn_one_by_one,
    log_distance,
    log_moment,
)
from simulations.kernel_density.params import Params

if TYPE_CHECKING:
    import jax

BLOCK = 1 << 14
"""Data sets of a full block, by order statistics."""
NORMALS = 1 << 24
"""Normals of a full block, drawn point by point: some tenths of a second."""
ROWS = 1 << 18
"""Coordinates that are held at a time."""
RATIOS = 3
"""Ratios of consecutive weights from which the index is estimated."""
SPACINGS_BLOCK = 1 << 10
SPACING_EDGES = tuple(-math.log1p(-i / 64) for i in range(1, 64))
"""Equally likely bins of Exp(1)."""

STATISTICS = (
    "log_sum",
    "y2",
    "y3",
    "y2_square",
    "p1",
    "inverse_p1",
    "effective_points",
    "log_excess",
    "inverse_index",
    "distance",
)
"""In the order of the moments; "distance" where the data is drawn point by point."""


def counts(values: Array, edges: tuple[float, ...]) -> Counts:
    """How many values lie in each bin."""
    place = np.searchsorted(np.asarray(edges), values, side="left")
    return Counts(np.bincount(place, minlength=len(edges) + 1))


def sums_block(key: jax.Array, p: Params, count: int) -> Block:
    """One block of data sets by order statistics."""
    rng, found = generator(key), []
    case = Case(p.dimension, p.q, p.points, p.h, p.top, p.bulk == "conditional")
    for begin in range(0, count, PIECE):
        found.append(statistics(draw_weights(rng, case, min(PIECE, count - begin)), p))
    return _block(np.concatenate(found, axis=1), p)


def direct_block(key: jax.Array, p: Params, count: int) -> Block:
    """One block of data sets point by point: the literal definition of the sums."""
    rng, found = generator(key), []
    n, d = p.size, p.dimension
    piece = max(1, ROWS // (n * d))
    for begin in range(0, count, piece):
        m = min(piece, count - begin)
        if p.query == "random":
            x = rng.standard_normal((m, 1, d))
        else:
            x = np.zeros((m, 1, d))
            x[:, :, 0] = math.sqrt(p.q * d)
        difference = rng.standard_normal((m, n, d)) - x
        squares = np.sort(np.einsum("mnd,mnd->nm", difference, difference), axis=0)
        found.append(_explicit(squares, np.sum(x * x, axis=(1, 2)) / d, p))
    return _block(np.concatenate(found, axis=1), p)


def _explicit(squares: Array, q: Array, p: Params) -> Array:
    """The statistics from all squared distances (n, samples), nearest first."""
    log_w = squares / (-2 * p.h**2)
    log_means = np.array([log_moment(p.dimension, each, p.h) for each in q.tolist()])
    with np.errstate(over="ignore"):
        excess = np.expm1(np.minimum(log_w - log_means, 700)).mean(axis=0)
    weights = Weights.of(log_w, excess, 0.0, None)
    distance = (np.exp(log_w - weights.log_sum) * squares).sum(axis=0)
    return np.vstack([statistics(weights, p), distance])


def statistics(w: Weights, p: Params) -> Array:
    """The statistics of each data set, without the distance; then what is counted in bins."""
    k = min(RATIOS, len(w.log_top) - 1)
    inverse = (w.log_top[:k].sum(axis=0) - k * w.log_top[k]) / max(k, 1)
    log_excess = np.log(np.maximum(np.abs(w.excess), 1e-300))
    share = 1 / (p.points * w.y2)  # in units of n, whose fourth power may overflow
    rows = [w.log_sum, w.y2, w.y3, w.y2**2, w.p1, 1 / w.p1, share, log_excess, inverse]
    return np.stack([*rows, getattr(w, p.binned)] if p.edges else rows)


def _block(values: Array, p: Params) -> Block:
    """Moments, and counts of the last but one row or the last where there are edges."""
    if not p.edges:
        return {"sums": Moments.of_numpy(values)}
    binned = len(STATISTICS) - 1
    return {
        "sums": Moments.of_numpy(np.delete(values, binned, axis=0)),
        "law": counts(values[binned], p.edges),
    }


def sums_estimates(block: Block, p: Params) -> Result:
    """Named estimates, and the law that was counted."""
    sums = block["sums"]
    size = len(np.asarray(sums[0]))
    result: Result = {name: Estimate.of(sums, i) for i, name in enumerate(STATISTICS[:size])}
    log_sum, inverse = result["log_sum"], result.pop("inverse_index")
    assert isinstance(log_sum, Estimate), "a mean"
    assert isinstance(inverse, Estimate), "a mean"
    effective = result["effective_points"]
    assert isinstance(effective, Estimate), "a mean"
    result["effective_points"] = effective.times(p.points)
    scale = math.log(p.points) + p.dimension / 2 * math.log(2 * math.pi * p.h**2)
    result["log_density"] = log_sum._replace(value=log_sum.value - scale)
    if p.points > RATIOS:
        index = 1 / inverse.value
        # Skewness of 1/x is not that of x: to first order its sign changes.
        result["index"] = Estimate(
            index, inverse.stderr * index**2, inverse.samples, -inverse.skewness
        )
    if isinstance(law := block.get("law"), Counts):
        result[f"law_{p.binned}"] = Law(np.asarray(p.edges), np.asarray(law.counts))
    return result


def spacings_block(key: jax.Array, p: Params, count: int) -> Block:
    """One block of k log(F(r_(k+1)^2)/F(r_(k)^2)) of the nearest points, F computed exactly."""
    from theory.kernel_density.distances import Distances

    rng = generator(key)
    k = drawn_one_by_one(p.points, p.top)
    u = draw_logits(rng, p.points, k, count)[: RATIOS + 1]
    squares = np.exp(log_distance(p.dimension, p.q, p.points)(u))
    log_f = Distances(p.dimension, p.q).log_cdf(squares)
    rank = np.arange(1, len(u))[:, None]
    spacings = (rank * np.diff(log_f, axis=0)).ravel()
    return {
        "spacings": Moments.of_numpy(np.stack([spacings, spacings**2])),
        "law": counts(spacings, SPACING_EDGES),
    }


def spacings_estimates(block: Block, p: Params) -> Result:
    """Mean and mean square of the spacings, and their law."""
    result: Result = {
        name: Estimate.of(block["spacings"], i)
        for i, name in enumerate(("spacing", "spacing_square"))
    }
    law = block["law"]
    assert isinstance(law, Counts), "a law"
    return result | {"law_spacing": Law(np.asarray(SPACING_EDGES), np.asarray(law.counts))}


def _direct_size(p: Params) -> int:
    return 1 << max(0, (NORMALS // (p.size * p.dimension)).bit_length() - 1)


SUMS = Experiment(
    "kernel_density/sums",
    Params,
    sums_block,
    sums_estimates,
    lambda p: BLOCK,
    check=checks.check_sums,
)

DIRECT = Experiment(
    "kernel_density/direct",
    Params,
    direct_block,
    sums_estimates,
    _direct_size,
    check=checks.check_direct,
)

SPACINGS = Experiment(
    "kernel_density/spacings",
    Params,
    spacings_block,
    spacings_estimates,
    lambda p: SPACINGS_BLOCK,
    check=checks.check_spacings,
)

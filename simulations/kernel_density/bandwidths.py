r"""Bandwidths for points of a user's own: rules of thumb, and the best leave-one-out likelihood.

    L(h) = mean over points j of log rho_h^(-j)(y_j),     rho^(-j) without the point j itself,
    M(h) = (1/d) mean_j sum_{i != j} p_i r_i^2.

h^2 <- M(h) is a step of the EM algorithm for L: L never falls, and h^2 = M(h) at its maximum
(claim C11).  Here a secant step of log M against log h is tried instead, and kept if L does not
fall.  With many points j runs over a sample of them, drawn by the digest of the data.

Where every point has an exact copy, L grows without bound as h -> 0: refused.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from simulations.arrays import Array, Held
from simulations.kernel_density import files
from simulations.kernel_density.coordinates import frame
from simulations.kernel_density.evaluate import Sums, kernel_sums, log_density

WORK = 4_000_000_000
"""Coordinate differences of one pass over leave-one-out distances."""
LEAST, MOST = 64, 4096
"""Points that are left out in turn."""
TOLERANCE = 1e-9
"""Of log h, where every point is left out."""
STEPS = 200


class Likelihood(NamedTuple):
    """The bandwidth of largest leave-one-out likelihood."""

    bandwidth: float
    stderr: float
    """Over the points left out, as if they were independent."""
    log_density: float
    """L at the maximum, in the coordinates of the frame."""
    left_out: int
    """Points left out in turn."""
    passes: int
    copies: int
    """Points among those with an exact copy."""
    reach: float
    """The largest distance from a point left out to its nearest neighbour."""
    history: tuple[tuple[float, float], ...]
    """(h, L) of the steps that were kept."""


class Climb(NamedTuple):
    """The maximum that an ascent has found."""

    bandwidth: float
    slope: float
    """d log M / d log h^2 there."""
    history: tuple[tuple[float, float], ...]
    passes: int


def rule(name: str, points: int, dimension: int, scale: float) -> float:
    """Scott's or Silverman's factor times the standard deviation of a coordinate."""
    if name == "scott":
        base = float(points)
    elif name == "silverman":
        base = points * (dimension + 2) / 4
    else:
        raise ValueError(f'no rule is called "{name}".')
    return float(scale * base ** (-1 / (dimension + 4)))


def sample(table: Held, most: int) -> Array:
    """Rows of the table, all of them or `most` chosen by its digest alone, ascending."""
    n = len(table.arrays[0])
    if n <= most:
        return np.arange(n)
    rng = np.random.Generator(np.random.PCG64(int(table[:16], 16)))
    return np.sort(rng.choice(n, most, replace=False, shuffle=False))


@functools.lru_cache(maxsize=8)
def likelihood(table: Held, whiten: bool) -> Likelihood:
    """The bandwidth of largest leave-one-out likelihood.

    ValueError for less than two points, or where every point has a copy.
    """
    coordinates = frame(table, whiten)
    n, d = len(table.arrays[0]), coordinates.dimension
    if n < 2:
        raise ValueError("--data: the likelihood leaves points out, and there is only one.")
    if coordinates.scale == 0:
        raise ValueError(f"--data: all {n} points are equal; there is no density to estimate.")
    left = sample(table, min(MOST, max(LEAST, WORK // (n * d))))
    queries = coordinates.of(files.rows(table, left))
    last: list[Sums] = []

    def evaluate(h: float) -> tuple[float, float]:
        last[:] = [kernel_sums(queries, coordinates.blocks(table), [h], left, 1)]
        return float(log_density(last[0], [h], d).mean()), float(last[0].moment.mean() / d)

    start = rule("scott", n, d, coordinates.scale)
    first = evaluate(start)
    nearest = last[0].nearest[:, 0]
    copies = int(np.sum(nearest == 0))
    if copies == len(left):
        raise ValueError(
            "--data: every point has an exact copy, so that the likelihood grows without bound as "
            "h -> 0; drop the copies (numpy.unique) or give --bandwidth a number."
        )
    tolerance = TOLERANCE if len(left) == n else 1e-3 / math.sqrt(len(left))
    found = climb(evaluate, start, first, tolerance)
    h, value = found.history[-1]
    moment = last[0].moment[0] / d
    spread = float(np.std(moment)) / math.sqrt(len(left))
    stderr = spread / (2 * h) / max(1 - found.slope, 1e-3)
    reach = math.sqrt(float(nearest.max()))
    return Likelihood(
        found.bandwidth, stderr, value, len(left), found.passes, copies, reach, found.history
    )


def climb(
    evaluate: Callable[[float], tuple[float, float]],
    h: float,
    first: tuple[float, float],
    tolerance: float,
) -> Climb:
    """Maximise L by steps that never lower it; evaluate(h) = (L, M), `first` = evaluate(h)."""
    value, target = first
    history, passes, slope = [(h, value)], 1, 0.0
    for _ in range(STEPS):
        gap = math.log(target) / 2 - math.log(h)
        step = gap / max(1 - slope, 0.02)
        trials = [step, gap] if step != gap else [gap]
        for trial in trials:
            new = h * math.exp(min(3.0, max(-3.0, trial)))
            new_value, new_target = evaluate(new)
            passes += 1
            if new_value >= value - 1e-13 * abs(value):
                break
        moved = math.log(new / h)
        if moved != 0:
            bend = (math.log(new_target / target) / 2) / moved
            slope = min(0.98, max(0.0, bend))
        h, value, target = new, new_value, new_target
        history.append((h, value))
        left = abs(math.log(target) / 2 - math.log(h)) / (1 - slope)
        if left < tolerance:
            return Climb(h, slope, tuple(history), passes)
    raise ValueError("--bandwidth likelihood: no maximum was found; give a number.")

"""The runs that several figures share, and how their results are read."""

from __future__ import annotations

from typing import Any

import numpy as np

from figures.reading import mean
from simulations.core import Estimate, Job, Law, Result
from simulations.depth_limit import PATHS, Params

MILLION = 1_000_000

GAUSSIAN_SPREAD = float(np.exp(0.25))
"""Standard deviation of a neuron at time 1 in the limit of infinite depth, then width (q0 = 1)."""

EDGES = tuple(GAUSSIAN_SPREAD * z for z in np.arange(-40, 65) / 8)
"""Where the law of one neuron is counted; the law leans to the right."""

BUDGET = {
    2: (128, MILLION),
    3: (64, MILLION),
    4: (64, MILLION),
    5: (64, MILLION // 2),
    6: (64, MILLION),
    8: (64, MILLION // 2),
    10: (64, MILLION // 2),
    14: (64, MILLION // 2),
    20: (64, MILLION // 4),
    50: (64, MILLION // 4),
    100: (64, MILLION // 16),
}
"""Depth and samples at each width.  Extrapolation to infinite depth then leaves an error far below
the intervals shown."""


def standard(width: int) -> Job:
    """Networks up to time 1, looked at eight times."""
    depth, samples = BUDGET[width]
    edges = EDGES if width in (2, 10, 100) else ()
    return Job(PATHS, Params(width=width, depth=depth, records=8, edges=edges), samples)


def over_time(job: Job, result: Result, name: str) -> tuple[list[float], list[Estimate]]:
    """The recorded times and the estimate `name` at each of them."""
    p = job.params
    times = [p.time * (k + 1) / p.records for k in range(p.records)]
    names = [f"{name}@{t:g}" for t in times[:-1]] + [name]
    return times, [mean(result, n) for n in names]


def neuron(result: Result) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Edges and counts of the law of one neuron."""
    law = result["neuron"]
    assert isinstance(law, Law), "the law of a neuron is binned"
    return law.edges, law.counts

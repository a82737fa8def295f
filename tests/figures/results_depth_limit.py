"""Made-up results of the simulations behind the figures of `depth_limit`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from figures.depth_limit import FIGURES, width_one
from simulations import traces
from simulations.core import Estimate, Experiment, Job, Law, Result
from simulations.depth_limit import CORRELATION, GRADIENT, PATHS, PRE_NORM, TANGENT
from simulations.traces import TRACES
from tests.figures import reading

MeanOf = Callable[[int, float], float]


def log_ratio(n: int, t: float) -> float:
    """Made-up measurement: near the truth, recognisable."""
    return (0.25 / (1 - 0.5**n) - 1 / n) * t - 0.002 * t**2 + 1e-4


def active(n: int, t: float) -> float:
    return n / 2 / (1 - 0.5**n) - 0.05 * t


READ: dict[Experiment, tuple[tuple[str, MeanOf], ...]] = {
    PATHS: (("log_ratio_limit", log_ratio), ("active_count_limit", active)),
    PRE_NORM: (("log_pre_norm_alive_limit", lambda n, t: (n - 2) * t / 40),),
    TANGENT: (("tangent_alive_limit", lambda n, t: (n - 2) * t / 50),),
    GRADIENT: (("gradient_alive", lambda n, t: (n - 2) * t / 60),),
    CORRELATION: (
        ("post_correlation", lambda n, t: 0.3 + t / 600),
        ("single", lambda n, t: 1 - 0.5 * math.exp(-t / 30)),
    ),
}
"""What the figures read of each experiment, at made-up values."""


def made_up(job: Job, error: float = 1e-3) -> Result:
    """A result of the job with known numbers; a neuron is Gaussian with its limit variance."""
    p = job.params
    if job.experiment is TRACES:
        # Path 0 is frozen at zero; path i stays at i.
        return {
            f"path[{i}]@{k}": Estimate(float(i), math.inf, 1)
            for i in range(traces.MOST)
            for k in range(p.points + 1)
        }
    result: Result = {}
    for k in range(p.records):
        t = p.time * (k + 1) / p.records
        at = "" if k == p.records - 1 else f"@{t:g}"
        for name, mean in READ[job.experiment]:
            result[name + at] = Estimate(mean(p.width, t), error, 100)
    if job.experiment is CORRELATION:
        result["post"] = Law(np.array(p.edges), np.arange(len(p.edges) + 1))
    elif p.edges:
        cut = np.round(1e6 * _cdf(p)(np.array(p.edges)))
        result["neuron"] = Law(np.array(p.edges), np.diff([0, *cut, 1e6]).astype(int))
    return result


def _cdf(p: Any) -> Callable[[Any], Any]:
    if p.activation != "relu":  # N(1, 1/4) in the coordinate z, where the bins are equal
        edges = np.asarray(p.edges)
        return lambda y: stats.norm.cdf(np.interp(y, edges, width_one.PLACES), 1, 0.5)
    if p.width == 1:  # a tenth dies out, the others log-normal
        return lambda y: 0.1 + 0.9 * stats.lognorm.cdf(y, 1, scale=math.exp(-0.5))
    return lambda y: stats.norm.cdf(y, 0, math.exp(0.25))


def drawn(name: str, error: float = 1e-3) -> tuple[Figure, list[Axes]]:
    return reading.drawn(FIGURES, name, lambda job: made_up(job, error))

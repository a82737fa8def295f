"""Made-up results of the simulations behind the figures of `kernel_density`."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.kernel_density import FIGURES
from simulations.core import Estimate, Job, Law, Result
from tests.figures import reading

ERROR = 1e-3


def leave_one_out(name: str, d: int) -> float:
    """Recognisable."""
    return {"bandwidth": 0.4, "kl": 0.05, "kl_scott": 0.06}[name] * math.pow(d, 0.3)


def sums(name: str, d: int, h: float) -> float:
    """Recognisable."""
    return {"y2": 0.5 / h + 1 / d, "log_excess": -0.1 * d * h}[name]


def counts(d: int, bins: int) -> list[int]:
    """Of all bins, with those beyond the edges."""
    return [100 + d + 7 * k for k in range(bins)]


def made_up(job: Job) -> Result:
    p = job.params
    if job.experiment.name.endswith("leave_one_out"):
        found = {x: leave_one_out(x, p.dimension) for x in ("bandwidth", "kl", "kl_scott")}
    else:
        found = {x: sums(x, p.dimension, p.bandwidth) for x in ("y2", "log_excess")}
    result: Result = {name: Estimate(v, ERROR, job.samples) for name, v in found.items()}
    if p.edges:
        drawn = np.array(counts(p.dimension, len(p.edges) + 1))
        result[f"law_{p.binned}"] = Law(np.array(p.edges), drawn)
    return result


def drawn(name: str) -> tuple[Figure, list[Axes]]:
    return reading.drawn(FIGURES, name, made_up)

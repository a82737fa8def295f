"""Made-up results of the simulations behind the figures of `commutation`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from figures.commutation import FIGURES
from simulations.core import Estimate, Job, Law, Result
from tests.figures import reading

GROUPS = 8
ERROR = 1e-3


def made_up_values(p: Any, t: float) -> dict[str, float]:
    """Near the truth, recognisable."""
    layers = t * p.depth
    log = 6 * layers / p.width if p.architecture != "resnet" else 5 / p.width
    return {
        "q_aa": 1 + t / 2 + 1 / p.width,
        "q_ab": 0.3 + t / 3,
        "correlation": 0.3 + t / 10,
        "n_var_q_aa": 9 + t,
        "n_var_q_ab": 4 + t,
        "var_log_q": log,
        "alive": 0.001 if is_dead(p) else 1.0,
    }


def is_dead(p: Any) -> bool:
    return p.architecture == "mlp" and p.width == 5 and p.depth > 100


def made_up(job: Job) -> Result:
    p = job.params
    result: Result = {}
    for k in range(p.records):
        done = p.depth if k == p.records - 1 else 2 * ((p.depth + 1) // 2 * (k + 1) // p.records)
        at = f"@{done / p.depth:g}" if done < p.depth else ""
        for name, value in made_up_values(p, done / p.depth).items():
            few = "var" in name
            result[name + at] = Estimate(value, ERROR, GROUPS if few else 100)
    if is_dead(p):
        result["var_log_q"] = Estimate(math.nan, math.inf, 0)
    if p.edges:
        scale = 0.5 if p.binned == "log_q" else math.exp(0.25)
        cut = np.round(1e6 * stats.norm.cdf(np.array(p.edges), 0, scale))
        result["law"] = Law(np.array(p.edges), np.diff([0, *cut, 1e6]).astype(int))
    return result


def drawn(name: str) -> tuple[Figure, list[Axes]]:
    return reading.drawn(FIGURES, name, made_up)

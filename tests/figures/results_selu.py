"""Made-up results of the simulations behind the figures of `selu`."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.selu import FIGURES
from simulations.core import Estimate, Job, Result
from tests.figures import reading

GROUPS = 8
ERROR = 1e-3


def made_up(job: Job) -> Result:
    """Near the truth, recognisable; layers are recorded every second one."""
    p = job.params
    result: Result = {"slope": Estimate(0.78 - 0.3 / p.width, ERROR, 100)}
    for k in range(p.records):
        layer = p.depth if k == p.records - 1 else 2 * (k + 1)
        at = f"@{layer}" if layer < p.depth else ""
        result["second_moment" + at] = Estimate(1 - 1.5 / p.width, ERROR, 100)
        result["mean" + at] = Estimate(-0.1 / p.width, ERROR, 100)
        result["n_var_q" + at] = Estimate(3 + layer / 20 + 1 / p.width, ERROR, GROUPS)
    return result


def drawn(name: str) -> tuple[Figure, list[Axes]]:
    return reading.drawn(FIGURES, name, made_up)

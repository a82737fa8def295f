"""Made-up results of the simulations behind the figures of `conv_kernels`."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.conv_kernels import FIGURES
from simulations.conv_kernels import Params
from simulations.core import Estimate, Job, Result
from tests.figures import reading

ERROR = 0.01
"""Relative."""


def error(p: Params) -> float:
    """A power of the points that differs from student to student and teacher to teacher."""
    level = p.level or len(p.patch_sizes)
    return float(p.points ** -(0.1 * len(p.patch_sizes) + 0.2 * level + (p.teacher == "rfk")))


def made_up(job: Job) -> Result:
    """Recognisable, with few designs."""
    value = error(job.params)
    return {"error": Estimate(value, ERROR * value, job.samples)}


def drawn(name: str) -> tuple[Figure, list[Axes]]:
    return reading.drawn(FIGURES, name, made_up)

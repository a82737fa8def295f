"""Made-up results of the simulations behind the figures of `ntk_classifiers`."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.ntk_classifiers import FIGURES
from simulations.core import Estimate, Job, Result
from tests.figures import reading

ERROR = 1e-3


def _mark(text: str) -> float:
    """Tells specifications apart."""
    return sum(k * ord(letter) for k, letter in enumerate(text, 1)) % 997 / 1e5


def excess(method: str, points: int, dimension: int) -> float:
    return 0.01 * dimension + _mark(method) + 1 / points


def agreement(method: str, first: str) -> float:
    return 0.5 + 10 * _mark(method) + _mark(first)


def made_up(job: Job) -> Result:
    p = job.params
    first, *others = p.methods
    result: Result = {
        f"excess@{m}": Estimate(excess(m, p.points, p.dimension), ERROR, job.samples)
        for m in p.methods
    }
    for m in others:
        result[f"agreement@{m}"] = Estimate(agreement(m, first), ERROR, job.samples)
    return result


def drawn(name: str) -> tuple[Figure, list[Axes]]:
    return reading.drawn(FIGURES, name, made_up)

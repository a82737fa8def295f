"""The figures of `lipschitz` have no simulations behind them."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.lipschitz import FIGURES
from simulations.core import Job, Result
from tests.figures import reading


def made_up(job: Job) -> Result:
    raise AssertionError(f"no figure of lipschitz asks for {job}.")


def drawn(name: str) -> tuple[Figure, list[Axes]]:
    return reading.drawn(FIGURES, name, made_up)

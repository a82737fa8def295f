"""What is read back from the axes of a figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from scipy import stats

from figures.core import Drawing
from simulations.core import Job, Result

Z = stats.norm.isf(0.0005)  # 99.9 %, two-sided
Array = np.ndarray[Any, Any]


def drawn(
    figures: Sequence[Drawing], name: str, made_up: Callable[[Job], Result]
) -> tuple[Figure, list[Axes]]:
    """The figure of this name with made-up results."""
    drawing = next(d for d in figures if d.name == name)
    figure = drawing.picture({job: made_up(job) for job in drawing.jobs})
    return figure, figure.axes


def line(ax: Axes, **look: Any) -> tuple[Array, Array]:
    """The only line of the axes with this label or this colour and dash."""
    found = [
        one
        for one in ax.lines
        if all(getattr(one, f"get_{key}")() == value for key, value in look.items())
        and len(np.asarray(one.get_xdata())) > 2
    ]
    assert len(found) == 1, [one.get_label() for one in found]
    return np.asarray(found[0].get_xdata()), np.asarray(found[0].get_ydata())


def points(ax: Axes) -> list[tuple[Array, Array, Array]]:
    """x, y and half the length of the bar of every series of measured points."""
    series = []
    for container in ax.containers:
        assert isinstance(container, ErrorbarContainer)
        dots, _, (bars,) = container.lines
        ends = np.array(bars.get_segments())
        middle = ends.mean(axis=1)
        if dots is not None:
            np.testing.assert_allclose(
                middle[:, 1], np.asarray(dots.get_ydata(), float), rtol=1e-12
            )
        series.append((middle[:, 0], middle[:, 1], (ends[:, 1, 1] - ends[:, 0, 1]) / 2))
    return series


def close(found: Any, expected: Any, rel: float = 1e-9, absolute: float = 1e-12) -> None:
    np.testing.assert_allclose(found, expected, rtol=rel, atol=absolute)

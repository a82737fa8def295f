"""Bounds and times of all methods on random networks of growing depth and width (C6 to C8, C12)."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from figures import style
from figures.core import Drawing
from figures.lipschitz.measure import FILE, LONG, MATRICES, METHODS, TOLERANCE, WIDTH
from figures.lipschitz.networks import COLORS, LABELS, MARKERS
from simulations.core import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = np.ndarray[Any, np.dtype[np.float64]]

AXES = {"depth": f"depth (matrices), width {WIDTH}", "width": f"width, {MATRICES} matrices"}
TICKS = (1.5, 2, 3, 5, 10, 15)
NAMES = {"relu": "ReLU", "maxmin": "MaxMin"}


@functools.cache
def stored() -> dict[str, Any]:
    """What `figures.lipschitz.measure` found."""
    found: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
    return found


def series(activation: str, axis: str, method: str, key: str) -> tuple[Array, Array]:
    """Sizes, and the logarithm of the bound ("log") or the seconds."""
    rows = [
        (row["size"], row[key])
        for row in stored()["growth"]
        if (row["activation"], row["axis"], row["method"]) == (activation, axis, method)
    ]
    sizes, values = np.array(rows, dtype=float).reshape(-1, 2).T
    return sizes, values


def growth(activation: str, _: Sequence[Result]) -> Figure:
    """Bound above, time below; over depth to the left, over width to the right."""
    figure = style.canvas(9.2, 6.2)
    panels = figure.subplots(2, 2, sharex="col")
    for column, (axis, label) in enumerate(AXES.items()):
        above, below = panels[:, column]
        for method in (*METHODS[activation], "found"):
            sizes, logs = series(activation, axis, method, "log")
            look: Any = {"color": COLORS[method], "marker": MARKERS[method], "ms": 4}
            if method in ("fgl", "interior-point"):
                look |= {"ls": ":", "ms": 7 if method == "fgl" else 6, "zorder": 4}
            if method == "found":
                above.plot(sizes, np.exp(logs), "--", color=COLORS[method], label=LABELS[method])
                continue
            above.plot(sizes, np.exp(logs), label=LABELS[method], **look)
            sizes, seconds = series(activation, axis, method, "seconds")
            below.plot(sizes, seconds, **look)
        above.set_yscale("log")
        below.set_yscale("log")
        below.set_xscale("log", base=2)
        below.xaxis.set_major_formatter("{x:.0f}")
        below.set_xlabel(label)
    panels[0, 1].minorticks_off()
    panels[0, 1].set_yticks(TICKS, [f"{x:g}" for x in TICKS])
    panels[0, 0].set_ylabel("certified bound")
    panels[1, 0].set_ylabel("time, s")
    handles, names = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4)
    return figure


FIGURES = tuple(
    Drawing(
        f"lipschitz_growth_{activation}",
        f"Random {name} networks (weights of variance 1 / fan-in, seed 0), Euclidean norms: the "
        f"certified bound of every method and its time on one core, proof included, with brackets "
        f"closed to {TOLERANCE:g}. A line ends where a method takes more than {LONG:g} seconds, "
        "does not close its bracket, or has too many patterns to enumerate. Grey: the largest "
        "difference quotient found by attack. From stored measurements.",
        (),
        functools.partial(growth, activation),
    )
    for activation, name in NAMES.items()
)

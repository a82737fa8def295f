"""The error of the kernel over width and depth (claims C3, C4, C8)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from figures import style
from figures.commutation.plan import CORRELATION, SIZES, error, mlp, resnet, root, variance
from figures.core import Drawing
from figures.reading import mean
from simulations.core import Result
from theory import commutation as theory

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SCALE = (0.1, 16.0)
"""Ends of the colours."""
LEAST_ALIVE = 0.01
"""Share of networks that must be alive for a cell to show their spread."""
DEPTHS = tuple(int(x) for x in np.unique(np.geomspace(SIZES[0], 1000, 25).round()))
PAIRS = (("aa", 0), ("ab", 2))

_cells = [(n, depth) for n in SIZES for depth in SIZES]
_resnets = tuple(resnet(n, depth) for n, depth in _cells)
_mlps = tuple(mlp(n, depth) for n, depth in _cells)
_diagonal = tuple(resnet(n, n) for n in SIZES)

Array = np.ndarray[Any, Any]


def spreads(results: Sequence[Result]) -> tuple[Array, float]:
    """Standard deviation of log hat q_aa, rows widths, NaN where nearly all networks are dead.

    Also the largest relative half-width of the 99.9% intervals.
    """
    values, widest = [], 0.0
    for result in results:
        if mean(result, "alive").value < LEAST_ALIVE:
            values.append(math.nan)
            continue
        e = root(variance(result, "var_log_q"))
        values.append(e.value)
        widest = max(widest, style.Z * e.stderr / e.value)
    return np.reshape(values, (len(SIZES), len(SIZES))), widest


def width_depth_map(results: Sequence[Result]) -> Figure:
    """Relative error of the kernel over width and depth, residual network and perceptron."""
    from matplotlib.colors import LogNorm

    figure = style.canvas(7.6, 3.7)
    panels = figure.subplots(1, 2, sharey=True)
    half = len(_cells)
    widest = 0.0
    for ax, some, title in (
        (panels[0], results[:half], "residual network"),
        (panels[1], results[half:], "perceptron"),
    ):
        values, wide = spreads(some)
        widest = max(widest, wide)
        ax.set_facecolor("0.85")
        mesh = ax.pcolormesh(np.ma.masked_invalid(values), cmap="cividis", norm=LogNorm(*SCALE))
        _numbers(ax, values)
        ax.set_title(title)
        ax.set_xlabel("depth $L$")
        ax.set_xticks(np.arange(len(SIZES)) + 0.5, [str(n) for n in SIZES])
        ax.tick_params(length=0)
    panels[0].set_ylabel("width $n$")
    panels[0].set_yticks(np.arange(len(SIZES)) + 0.5, [str(n) for n in SIZES])
    bar = figure.colorbar(mesh, ax=panels, pad=0.02)
    bar.set_label(
        r"standard deviation of $\log\,\hat q_L(a,a)$"
        f"\n(99.9% intervals: $\\pm{100 * widest:.0f}$% at most)"
    )
    bar.set_ticks([0.1, 0.3, 1, 3, 10], labels=["0.1", "0.3", "1", "3", "10"])
    bar.minorticks_off()
    return figure


def _numbers(ax: Axes, values: Array) -> None:
    middle = math.sqrt(SCALE[0] * SCALE[1])
    for (row, column), value in np.ndenumerate(values):
        text = "dead" if math.isnan(value) else f"{value:.{2 if value < 1 else 1}f}"
        color = "white" if value < middle else "black"
        place = column + 0.5, row + 0.5
        ax.text(*place, text, color=color, ha="center", va="center", fontsize=8)


def error_rates(results: Sequence[Result]) -> Figure:
    """Left, the error at n = L; right, what infinite width leaves of it."""
    figure = style.canvas(7.6, 3.2)
    left, right = figure.subplots(1, 2)
    start = (1.0, 1.0, CORRELATION)
    limit = theory.covariance(*start, 1.0)
    V = theory.fluctuations(*start, 1.0).covariance
    beta = theory.depth_correction(*start, 1.0)
    finite = np.array([theory.finite_depth_covariance(*start, 1.0, k) for k in DEPTHS])
    sizes, depths = np.array(SIZES), np.array(DEPTHS)
    for color, (pair, k) in zip(style.CYCLE, PAIRS, strict=False):
        name = rf"$\hat q_L({pair[0]},{pair[1]})$"
        found = [error(r, n, pair, limit[k]) for n, r in zip(SIZES, results, strict=True)]
        left.plot(sizes, np.sqrt(V[k, k] / sizes), color=color)
        style.measured(left, SIZES, found, color=color, label=name)
        label = rf"$q_L({pair[0]},{pair[1]})$"
        right.plot(DEPTHS, np.abs(finite[:, k] - limit[k]), ".", ms=4, color=color, label=label)
        right.plot(DEPTHS, np.abs(beta[k]) / depths, color=color, lw=1)
    _triangle(left, (60, 0.9), 4, -0.5, r"slope $-\frac{1}{2}$")
    _triangle(right, (80, 6e-3), 4, -1, r"slope $-1$")
    for ax in (left, right):
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.legend(loc="lower left")
    left.set_xticks(SIZES, [str(n) for n in SIZES])
    left.minorticks_off()
    left.set_yticks([0.1, 0.2, 0.5, 1, 2], ["0.1", "0.2", "0.5", "1", "2"])
    left.set_xlabel("width = depth,  $n = L$")
    left.set_ylabel(r"root mean square of $\hat q_L - q_1$")
    right.set_xlabel("depth $L$,  $n = \\infty$")
    right.set_ylabel(r"$|q_L - q_1|$")
    return figure


def _triangle(
    ax: Axes, corner: tuple[float, float], length: float, slope: float, text: str
) -> None:
    """A line of this slope from the corner on, with its name."""
    x, y = corner
    ax.plot([x, x * length], [y, y * length**slope], color=style.DOUBTED, lw=0.9)
    middle = x * math.sqrt(length), y * length ** (slope / 2)
    look: Any = {"textcoords": "offset points", "color": style.DOUBTED}
    ax.annotate(text, middle, (4, 3), **look)


FIGURES = (
    Drawing(
        "width_depth_map",
        "Relative error of the kernel of one input after L layers of n units, ReLU: standard "
        "deviation of log hat q, its 99.9% intervals within the part of the value that the scale "
        "names. It does not grow with the depth of a residual network, so that width and depth "
        "may grow in any order; that of a critical perceptron grows like (5 L / n)^(1/2). "
        "Perceptrons in which a layer has died are left out; in cells marked dead these are more "
        "than 99% of them.",
        (*_resnets, *_mlps),
        width_depth_map,
    ),
    Drawing(
        "error_rates",
        "Residual networks, ReLU, two inputs of correlation 0.3. Left: root mean square error of "
        "the kernel at n = L, with 99.9% intervals, against (V/n)^(1/2), its first order. Right: "
        "what is left of it at infinite width, exact at every depth (dots), against |beta|/L, its "
        "first order.",
        _diagonal,
        error_rates,
    ),
)

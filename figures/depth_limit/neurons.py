"""The neurons: how many stay active, and the law of a single one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from figures import style
from figures.core import Drawing
from figures.depth_limit.plan import GAUSSIAN_SPREAD, neuron, over_time, standard
from figures.reading import rescaled
from simulations.core import Result
from theory import depth_limit as theory

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COUNT_WIDTHS = (2, 4, 10, 50)
LAW_WIDTHS = (2, 10, 100)
GRID = np.linspace(0, 1, 33)
FEWEST = 10
"""Quantiles with fewer samples beyond them are not shown."""

_counts = tuple(standard(n) for n in COUNT_WIDTHS)
_laws = tuple(standard(n) for n in LAW_WIDTHS)

Array = np.ndarray[Any, Any]


def active_share(results: Sequence[Result]) -> Figure:
    """The mean share of active neurons over time, measured and by both formulas."""
    figure = style.canvas(9.0, 2.8)
    panels = figure.subplots(1, len(COUNT_WIDTHS), sharex=True)
    for ax, n, job, result in zip(panels, COUNT_WIDTHS, _counts, results, strict=True):
        times, found = over_time(job, result, "active_count_limit")
        share = [rescaled(e, 0, 1 / n) for e in found]
        line = [theory.active_count(n, float(s)).value / n for s in GRID]
        constant = theory.active_count_at_zero(n) / n
        ax.plot(GRID, constant + 0 * GRID, "--", color=style.DOUBTED, lw=1, label="constant")
        ax.plot(GRID, line, color=style.PREDICTED, label="predicted")
        style.measured(ax, times, share, label=style.WITH_INTERVAL)
        ax.set_title(f"$n = {n}$")
        ax.set_xlabel("time $s$")
        ax.set_xlim(0, 1.03)
    panels[0].set_ylabel(r"$E[A_s\,|\,N_0 > 0]\,/\,n$")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


def quantiles(edges: Array, counts: Array) -> tuple[Array, Array, Array, Array]:
    """Edges inside the sample, and the Gaussian quantiles of their measured probability.

    Returns edges, quantiles, and the lower and upper ends of the quantiles' simultaneous 99.9%
    band: Clopper-Pearson intervals of the probabilities, the level divided by their number.
    """
    below = np.cumsum(counts)[:-1]
    total = counts.sum()
    shown = (below >= FEWEST) & (total - below >= FEWEST)
    k = below[shown].astype(float)
    risk = (1 - style.LEVEL) / 2 / len(edges)
    low = special.betaincinv(k, total - k + 1, risk)
    high = special.betaincinv(k + 1, total - k, 1 - risk)
    return edges[shown], *(GAUSSIAN_SPREAD * special.ndtri(p) for p in (k / total, low, high))


def neuron_quantiles(results: Sequence[Result]) -> Figure:
    """Quantiles of one neuron against those of the Gaussian of infinite width."""
    figure = style.canvas(7.6, 3.3)
    left, right = figure.subplots(1, 2)
    reach = 3.5 * GAUSSIAN_SPREAD
    left.axline((0, 0), slope=1, color=style.DOUBTED, ls="--", lw=0.9, zorder=0)
    right.axhline(0, color=style.DOUBTED, ls="--", lw=0.9, zorder=0)
    for n, color, result in zip(LAW_WIDTHS, style.CYCLE, results, strict=False):
        measured, gaussian, low, high = quantiles(*neuron(result))
        for ax, values in ((left, measured), (right, measured - gaussian)):
            ax.plot(gaussian, values, color=color, lw=1, label=f"$n = {n}$")
        left.fill_betweenx(measured, low, high, color=color, alpha=0.25, lw=0)
        right.fill_between(gaussian, measured - high, measured - low, color=color, alpha=0.25, lw=0)
    for ax in (left, right):
        ax.set_xlim(-reach, reach)
        ax.set_xlabel(r"quantile of $N(0, e^{1/2})$")
    left.set_ylim(-4, 8)
    right.set_ylim(-0.5, 2)
    left.set_ylabel("measured quantile of one neuron")
    right.set_ylabel("measured $-$ Gaussian quantile")
    left.legend(loc="upper left")
    return figure


FIGURES = (
    Drawing(
        "active_share",
        "Mean share of active neurons given N_0 > 0, extrapolated to infinite depth, with 99.9% "
        "intervals, against the prediction (exact at width 2) and against the constant that the "
        "constant-rate formula needs.",
        _counts,
        active_share,
    ),
    Drawing(
        "neuron_quantiles",
        "Quantiles of one neuron at time 1, width n, against those of the Gaussian of infinite "
        "depth, then width; right, their difference. Bands hold simultaneously with 99.9%. The "
        "law leans to the right at small width.",
        _laws,
        neuron_quantiles,
    ),
)

"""The mean log norm of the post-activation: its paths, its rate, and what becomes of that rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from figures import style
from figures.core import Drawing
from figures.depth_limit.plan import over_time, standard
from figures.reading import rescaled
from simulations import traces
from simulations.core import Estimate, Job, Result
from simulations.traces import TRACES, trajectories
from theory import depth_limit as theory

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PATH_WIDTHS = (2, 3, 4, 6, 20)
SHOWN = 8
"""Paths per panel."""
WIDTHS = (2, 3, 4, 6)
GRID = np.linspace(0, 1, 33)
TIME = r"time $t = l/L$"

_means = tuple(standard(n) for n in PATH_WIDTHS)
_traces = tuple(Job(TRACES, traces.Params(width=n), traces.MOST) for n in PATH_WIDTHS)
_few = tuple(standard(n) for n in WIDTHS)


def log_norm_paths(results: Sequence[Result]) -> Figure:
    """Above, paths of |phi(Y_l)|; below, the mean log ratio, measured and by both formulas."""
    figure = style.canvas(9.6, 4.8)
    panels = figure.subplots(2, len(PATH_WIDTHS), sharex=True)
    means, paths = results[: len(_means)], results[len(_means) :]
    for k, n in enumerate(PATH_WIDTHS):
        above, below = panels[:, k]
        kept = trajectories(paths[k], _traces[k].params)
        alive = kept[kept[:, 0] > 0][:SHOWN]
        colors = [style.CYCLE[i % len(style.CYCLE)] for i in range(len(alive))]
        for path, color in zip(alive, colors, strict=True):
            above.semilogy(traces.times(_traces[k].params), path, color=color, lw=0.7)
        above.set_ylim(0.05, 20)
        above.set_title(f"$n = {n}$")
        _mean_panel(below, n, *over_time(_means[k], means[k], "log_ratio_limit"))
        below.set_xlabel(TIME)
        if k:
            above.set_yticklabels([])
    panels[0, 0].set_ylabel(r"$|\phi(Y_l)|$,  $L = 1000$")
    panels[1, 0].set_ylabel(r"$E\,\log\,|\phi(X_t)|/|\phi(X_0)|$")
    figure.legend(*panels[1, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


def _mean_panel(ax: Axes, n: int, times: list[float], found: list[Estimate]) -> None:
    constant = constant_rate(n)
    ax.axhline(0, color="0.8", lw=0.8, zorder=0)
    ax.plot(GRID, constant, "--", color=style.DOUBTED, lw=1, label="constant rate $r_n t$")
    ax.plot(GRID, predicted(n), color=style.PREDICTED, label="predicted")
    style.measured(ax, times, found, label=style.WITH_INTERVAL)
    ax.set_xlim(0, 1.03)
    low, high = min(0.0, constant[-1]), max(0.0, constant[-1])
    ax.set_ylim(low - 0.12 * (high - low), high + 0.12 * (high - low))


def predicted(n: int) -> np.ndarray[Any, Any]:
    """E[log ratio | N_0 > 0] at the times of GRID, as theory has it."""
    return np.array([theory.log_ratio(n, float(t)).value for t in GRID])


def constant_rate(n: int) -> np.ndarray[Any, Any]:
    """The same by the formula r_n t."""
    return np.array([theory.constant_rate_log_ratio(n, float(t)) for t in GRID])


def log_ratio(results: Sequence[Result]) -> Figure:
    """Left, the mean log ratio at four widths; right, how far it is from the constant rate."""
    figure = style.canvas(7.6, 3.2)
    left, right = figure.subplots(1, 2)
    left.axhline(0, color="0.8", lw=0.8, zorder=0)
    right.axhline(0, color=style.DOUBTED, ls="--", lw=0.9, zorder=0)
    for k, (n, job, result) in enumerate(zip(WIDTHS, _few, results, strict=True)):
        color = style.CYCLE[k]
        times, found = over_time(job, result, "log_ratio_limit")
        constant = constant_rate(n)
        line = predicted(n)
        gap = 1e3 * (line - constant)
        left.plot(GRID, constant, "--", color=color, lw=0.9)
        left.plot(GRID, line, color=color)
        style.measured(left, times, found, color=color)
        right.plot(GRID, gap, color=color)
        aside = [t + 0.01 * (k - 1.5) for t in times]
        gaps = [
            rescaled(e, theory.constant_rate_log_ratio(n, t), 1e3)
            for t, e in zip(times, found, strict=True)
        ]
        style.measured(right, aside, gaps, color=color)
        for ax, y in ((left, line), (right, gap)):
            style.name(ax, 1.02, y[-1], f"$n = {n}$", color)
    _legend(left)
    for ax in (left, right):
        ax.set_xlabel(TIME)
        ax.set_xlim(0, 1.03)
    left.set_ylabel(r"$E\,\log\,|\phi(X_t)|/|\phi(X_0)|$")
    right.set_ylabel(r"the same minus $r_n t$   ($\times 10^{-3}$)")
    return figure


def _legend(ax: Axes) -> None:
    """What the marks mean, apart from their colours."""
    from matplotlib.lines import Line2D

    marks = {
        style.WITH_INTERVAL: Line2D([], [], color="black", marker="o", ms=3, ls=""),
        "predicted": Line2D([], [], color="black"),
        "constant rate $r_n t$": Line2D([], [], color="black", ls="--", lw=0.9),
    }
    ax.legend(marks.values(), marks.keys(), loc="lower left", fontsize=8)


FIGURES = (
    Drawing(
        "log_norm_paths",
        "Above: single paths of the post-activation norm, depth 1000, width n. Below: mean log "
        "ratio given N_0 > 0, extrapolated to infinite depth, with 99.9% intervals, against the "
        "prediction and against the constant-rate formula r_n t. The sign changes from width 3 "
        "to width 4.",
        (*_means, *_traces),
        log_norm_paths,
    ),
    Drawing(
        "log_ratio",
        "Mean log ratio of the post-activation norm given N_0 > 0 at width n: points measured and "
        "extrapolated to infinite depth, with 99.9% intervals; solid lines predicted; dashed "
        "lines the constant-rate formula r_n t. Right: the same after subtracting r_n t, which "
        "would be zero if the formula were exact (points moved sideways a little, to be told "
        "apart).",
        _few,
        log_ratio,
    ),
)

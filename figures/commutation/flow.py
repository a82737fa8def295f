"""The limit kernel and the networks around it: paths, correlations, branch factors (C1, C2, C7)."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from figures import style
from figures.commutation.plan import (
    CORRELATION,
    FEWEST,
    SIZES,
    deviation,
    over_time,
    recorded,
    resnet,
)
from figures.core import Drawing
from figures.reading import mean
from simulations.commutation import PATHS, Params
from simulations.core import Job, Result
from theory import commutation as theory

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray[Any, Any]

PATH_WIDTHS = (12, 70, 400)
PATH_DEPTHS = (32, 64, 128, 256)
"""One network of each is shown."""
GRID = np.linspace(0, 1, 33)
NODES = (1 / 3, 2 / 3, 1.0)
"""Times at which V_ab is computed; it is interpolated in between."""
TIME = r"time $t = l/L$"

_means = tuple(
    Job(PATHS, Params(width=n, depth=64, records=8), 4096 if n < 400 else FEWEST)
    for n in PATH_WIDTHS
)
_singles = {
    n: tuple(Job(PATHS, Params(width=n, depth=k, records=min(32, k // 2)), 1) for k in PATH_DEPTHS)
    for n in PATH_WIDTHS
}


@functools.cache
def variances() -> dict[str, Array]:
    """V_aa(t) and V_ab(t) on GRID: closed form, and a cubic that is exact at 0 and at NODES."""
    q = np.exp(GRID / 2)
    v = np.array([theory.fluctuation(float(t)) for t in GRID])
    start = (1.0, 1.0, CORRELATION)
    known = [1 + CORRELATION**2]
    known += [float(theory.fluctuations(*start, t).covariance[2, 2]) for t in NODES]
    cubic = np.polynomial.polynomial.polyfit([0.0, *NODES], known, 3)
    return {"aa": q**2 * v, "ab": np.polynomial.polynomial.polyval(GRID, cubic)}


def kernel_paths(results: Sequence[Result]) -> Figure:
    """Kernels of single networks, their mean and spread, and the predicted band."""
    figure = style.canvas(7.6, 4.6)
    panels = figure.subplots(2, len(PATH_WIDTHS), sharex=True, sharey="row")
    limit = theory.covariance_path(1.0, 1.0, CORRELATION, GRID)
    means, rest = results[: len(_means)], list(results[len(_means) :])
    for column, n in enumerate(PATH_WIDTHS):
        singles = [rest.pop(0) for _ in PATH_DEPTHS]
        for row, (pair, k) in enumerate((("aa", 0), ("ab", 2))):
            ax = panels[row, column]
            spread = np.sqrt(variances()[pair] / n)
            low, high = limit[:, k] - spread, limit[:, k] + spread
            look: Any = {"color": style.PREDICTED, "alpha": 0.2, "lw": 0}
            ax.fill_between(GRID, low, high, label=r"$q_t \pm (V_t/n)^{1/2}$", **look)
            ax.plot(GRID, limit[:, k], color=style.PREDICTED, label="$q_t$")
            _paths(ax, n, singles, pair)
            _spread(ax, _means[column].params, means[column], pair)
            if column == 0:
                ax.set_ylabel(rf"$\hat q_{{tL}}({pair[0]},{pair[1]})$")
        panels[0, column].set_title(f"$n = {n}$")
        panels[1, column].set_xlabel(TIME)
        panels[1, column].set_xlim(0, 1.03)
        panels[1, column].set_xticks([0, 0.5, 1])
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=5)
    return figure


def _paths(ax: Axes, n: int, results: Sequence[Result], pair: str) -> None:
    for job, result in zip(_singles[n], results, strict=True):
        times, found = over_time(job.params, result, f"q_{pair}")
        label = "single networks" if job is _singles[n][0] else None
        ax.plot(times, [e.value for e in found], color="0.5", lw=0.8, label=label)


def _spread(ax: Axes, p: Params, result: Result, pair: str) -> None:
    """The measured mean, and above and below it the mean and one measured deviation."""
    times, found = over_time(p, result, f"q_{pair}")
    style.measured(ax, times, found, label="mean")
    edges = [deviation(result, p.width, pair, at) for at, _ in recorded(p)]
    for sign in (1, -1):
        ends = [
            e._replace(value=m.value + sign * e.value, stderr=math.hypot(e.stderr, m.stderr))
            for m, e in zip(found, edges, strict=True)
        ]
        label = r"mean $\pm$ sd" if sign > 0 else None
        style.measured(ax, times, ends, fmt="_", ms=5, label=label)


STARTS = (-0.9, -0.6, -0.3, 0.0, 0.3, 0.6, 0.9)
HORIZON = 4.0
LATE = np.geomspace(0.1, 1000, 81)

_correlations = tuple(
    Job(
        PATHS,
        Params(width=400, depth=128, time=HORIZON, records=8, correlation=c),
        256,
    )
    for c in STARTS
)


def correlation_flow(results: Sequence[Result]) -> Figure:
    """Left, c_t from seven starts; right, how slowly it tends to 1."""
    figure = style.canvas(7.6, 3.4)
    left, right = figure.subplots(1, 2)
    early = np.linspace(0, HORIZON, 65)
    for k, (c, job, result) in enumerate(zip(STARTS, _correlations, results, strict=True)):
        color = style.CYCLE[k]
        line = [theory.correlation(c, float(t)) for t in early]
        left.plot(early, line, color=color)
        style.measured(left, *over_time(job.params, result, "correlation"), color=color)
        style.name(left, HORIZON, line[-1], f"${c:g}$", color)
        gaps = [2 * math.sin(theory.angle(math.acos(c), float(t)) / 2) ** 2 for t in LATE]
        right.plot(LATE, gaps, color=color, lw=1.1)
    asymptote = 18 * math.pi**2 / LATE**2
    right.plot(LATE, asymptote, "--", color="black", lw=0.9, label=r"$18\,\pi^2/t^2$")
    left.text(1.0, 1.0, "$c_0$", transform=left.transAxes, ha="left", va="bottom")
    left.set_xlim(0, 1.03 * HORIZON)
    left.set_ylim(-1, 1)
    left.set_ylabel("correlation $c_t$")
    left.set_xlabel("time $t$")
    right.set_xscale("log")
    right.set_yscale("log")
    right.set_ylim(1e-4, 4)
    right.set_ylabel("$1 - c_t$")
    right.set_xlabel("time $t$")
    right.legend(loc="lower left")
    return figure


GAMMAS = (0.4, 0.5, 0.75, 1.0)
APART = {0.75: 1.04, 1.0: 0.96}
"""By how much the names of two lines that meet are moved."""
BRANCH_WIDTH = 170
BRANCH_DEPTHS = SIZES[1:]
FINE = tuple(int(x) for x in np.unique(np.geomspace(BRANCH_DEPTHS[0], 400, 25).round()))


def _branch(gamma: float, depth: int) -> Job:
    if gamma == 0.5:
        return resnet(BRANCH_WIDTH, depth)
    return Job(PATHS, Params(width=BRANCH_WIDTH, depth=depth, gamma=gamma), 384)


_branches = tuple(_branch(gamma, depth) for gamma in GAMMAS for depth in BRANCH_DEPTHS)


def branch_exponents(results: Sequence[Result]) -> Figure:
    """q_L over the depth for branches of size L^-gamma: only 1/2 has a limit of its own."""
    figure = style.canvas(5.6, 3.4)
    ax = figure.subplots()
    for k, gamma in enumerate(GAMMAS):
        color = style.CYCLE[k]
        line = [_infinite_width(gamma, depth) for depth in FINE]
        ax.plot(FINE, line, color=color)
        some = results[k * len(BRANCH_DEPTHS) : (k + 1) * len(BRANCH_DEPTHS)]
        style.measured(ax, BRANCH_DEPTHS, [mean(r, "q_aa") for r in some], color=color)
        place = line[-1] * APART.get(gamma, 1)
        style.name(ax, FINE[-1], place, rf"$\gamma = {gamma:g}$", color)
    ends = [BRANCH_DEPTHS[0], BRANCH_DEPTHS[-1]]
    ax.plot(ends, 2 * [math.exp(0.5)], color=style.DOUBTED, ls="--", lw=0.9, zorder=0)
    ax.text(BRANCH_DEPTHS[0], math.exp(0.5), "$e^{1/2}$", color=style.DOUBTED, va="bottom")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xticks(BRANCH_DEPTHS, [str(n) for n in BRANCH_DEPTHS])
    ax.set_yticks([1, 2, 3, 4, 5], ["1", "2", "3", "4", "5"])
    ax.minorticks_off()
    ax.set_ylim(0.9, 6)
    ax.set_xlabel("depth $L$")
    ax.set_ylabel("$E\\,\\hat q_L(a,a)$")
    return figure


def _infinite_width(gamma: float, depth: int) -> float:
    scales = [depth**-gamma] * depth
    return theory.finite_depth_covariance(1.0, 1.0, 1.0, 1.0, depth, scales=scales).q_aa


FIGURES = (
    Drawing(
        "kernel_paths",
        "Kernels of residual networks of width n along their depth, ReLU, two inputs of "
        "correlation 0.3. Lines and bands: the limit q_t and one standard deviation (V_t/n)^(1/2) "
        "around it, the same for every depth. Grey: one network each of 32, 64, 128 and 256 "
        "layers. Blue, with 99.9% intervals: the mean over networks of 64 layers, and one "
        "measured standard deviation above and below it; beyond V_t/n it has terms of order "
        "1/n^2, which n = 12 shows.",
        (*_means, *(job for n in PATH_WIDTHS for job in _singles[n])),
        kernel_paths,
    ),
    Drawing(
        "correlation_flow",
        "Correlation of two inputs in the limit, from seven starts c_0 (ReLU). Points: mean "
        "correlation in networks of 400 units and 128 layers, with 99.9% intervals; they are "
        "below the limit by up to 0.01, which is of order 1/n + 1/L. Right: c_t tends to 1 like "
        "1 - 18 pi^2/t^2 (dashes), whatever the start.",
        _correlations,
        correlation_flow,
    ),
    Drawing(
        "branch_exponents",
        "Mean kernel of one input after L layers with branches of size L^-gamma, ReLU, width 170, "
        "with 99.9% intervals; lines are exact at infinite width. For gamma < 1/2 it grows "
        "without bound, for gamma > 1/2 nothing is left of the branches, and at 1/2 it tends to "
        "e^(1/2).",
        _branches,
        branch_exponents,
    ),
)

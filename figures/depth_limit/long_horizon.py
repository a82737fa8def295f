"""What is left in the end: one active neuron, and correlations of 0 and 1 (claims C19, C22)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from figures import style
from figures.core import Drawing
from figures.depth_limit.plan import over_time
from figures.reading import rescaled
from simulations.core import Job, Law, Result
from simulations.depth_limit import CORRELATION, PATHS, Params
from theory import depth_limit as theory
from theory import gaussian

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HORIZON = 60
COUNT_WIDTHS = (2, 3, 4)
PAIR_WIDTHS = (2, 3)
C0 = 0.3
"""Correlation of the two inputs."""
GRID = np.array([*np.linspace(0, 4, 9), *np.linspace(5, HORIZON, 45)])

ATOM = 0.001
"""Correlations this near 0 and 1 count as 0 and 1."""
EDGES = (ATOM, *(k / 10 for k in range(1, 10)), 1 - ATOM)

Array = np.ndarray[Any, Any]


def _count(width: int) -> Job:
    p = Params(width=width, depth=32 * HORIZON, time=float(HORIZON), records=8)
    return Job(PATHS, p, 200_000 // width)


def _pair(width: int) -> Job:
    p = Params(
        width=width,
        depth=48 * HORIZON,
        time=float(HORIZON),
        records=8,
        correlation=C0,
        edges=EDGES,
    )
    return Job(CORRELATION, p, 25_000)


_counts = tuple(map(_count, COUNT_WIDTHS))
_singles = tuple(map(_pair, COUNT_WIDTHS))
_pairs = tuple(map(_pair, PAIR_WIDTHS))


def active_to_one(results: Sequence[Result]) -> Figure:
    """Left, the mean number of active neurons; right, the probability of two or more."""
    figure = style.canvas(7.8, 3.2)
    left, right = figure.subplots(1, 2)
    left.axhline(1, color=style.DOUBTED, ls="--", lw=0.9, zorder=0)
    for k, n in enumerate(COUNT_WIDTHS):
        color = style.CYCLE[k]
        predictions = [theory.active_count(n, float(t)) for t in GRID]
        line = np.array([p.value for p in predictions])
        error = np.array([p.error for p in predictions])
        left.plot(GRID, line, color=color, label=f"$n = {n}$")
        left.fill_between(GRID, line - error, line + error, color=color, alpha=0.25, lw=0)
        times, found = over_time(_counts[k], results[k], "active_count_limit")
        style.measured(left, times, found, color=color)
        times, alone = over_time(_singles[k], results[k + len(COUNT_WIDTHS)], "single")
        more = [rescaled(e, 1.0, -1.0)._replace(stderr=e.stderr) for e in alone]
        style.measured(right, times, more, color=color)
        if n == 2:
            right.plot(GRID, line - 1, color=color)
        right.plot(GRID, np.exp(-GRID / (8 * n)), ":", color=color, lw=0.9)
    left.set_ylabel(r"$E[A_t\,|\,N_0 > 0]$")
    left.set_ylim(0.9, None)
    right.set_yscale("log")
    right.set_ylim(1e-3, 1.3)
    right.set_ylabel(r"$P(A_t \geq 2\,|\,N_0 > 0)$")
    for ax in (left, right):
        ax.set_xlabel("time $t$")
        ax.set_xlim(0, HORIZON + 1.5)
    left.legend()
    return figure


def correlation_end(results: Sequence[Result]) -> Figure:
    """The law of the correlation after phi at the end, and its mean on the way there."""
    figure = style.canvas(9.0, 3.0)
    panels = figure.subplots(1, 3)
    times = np.linspace(0, HORIZON, 61)
    wide = np.array([_infinite_width(float(t)) for t in times])
    for ax, n, result in zip(panels, PAIR_WIDTHS, results, strict=False):
        law = result["post"]
        assert isinstance(law, Law), "the law of the correlation is binned"
        _histogram(ax, law.counts)
        ax.axvline(wide[-1], ymax=0.85, color=style.PREDICTED, label=r"$n = \infty$")
        ax.set_title(f"$n = {n}$,  $t = {HORIZON}$")
        ax.set_xlabel(r"correlation of $\phi(X)$ and $\phi(X')$")
    panels[0].set_ylabel("share of the pairs")
    panels[0].legend(loc="upper center")
    last = panels[2]
    last.plot(times, wide, color=style.PREDICTED)
    style.name(last, HORIZON, wide[-1], r"$n = \infty$", style.PREDICTED)
    for color, n, job, result in zip(
        (style.CYCLE[0], style.CYCLE[2]), PAIR_WIDTHS, _pairs, results, strict=True
    ):
        at, found = over_time(job, result, "post_correlation")
        style.measured(last, at, found, color=color)
        style.name(last, at[-1], found[-1].value, f"$n = {n}$", color)
    last.set_title("mean over time")
    last.set_xlabel("time $t$")
    last.set_ylabel(r"mean correlation after $\phi$")
    last.set_ylim(0.3, 1.02)
    return figure


def _infinite_width(time: float) -> float:
    """f(c_t), the correlation after phi at infinite width."""
    return 2 * float(gaussian.dual("relu", theory.infinite_width_correlation(C0, time)))


def _histogram(ax: Axes, counts: Array) -> None:
    """Shares of the pairs, those at 0 and 1 as bars outside; intervals are Clopper-Pearson."""
    width = 0.1
    places = np.array([-width / 2, *(np.arange(10) + 0.5) * width, 1 + width / 2])
    total = counts.sum()
    colors = [style.CYCLE[0], *["0.75"] * 10, style.CYCLE[0]]
    ax.bar(places, counts / total, 0.92 * width, color=colors, bottom=0)
    for x, k in zip(places, counts, strict=True):
        low, high = _clopper_pearson(float(k), float(total))
        ax.plot([x, x], [low, high], color="black", lw=0.8)
    for x in (0, -1):
        share = counts[x] / total
        ax.text(places[x], 1.25 * share, f"{share:.3f}", ha="center")
    ax.set_yscale("log")
    ax.set_xlim(-0.2, 1.2)
    ax.set_ylim(1e-5, 3)
    ax.set_xticks([-width / 2, 0.25, 0.5, 0.75, 1 + width / 2], ["0", "", "0.5", "", "1"])


def _clopper_pearson(k: float, total: float) -> tuple[float, float]:
    risk = (1 - style.LEVEL) / 2
    low = special.betaincinv(k, total - k + 1, risk) if k else 0.0
    return float(low), float(special.betaincinv(k + 1, total - k, 1 - risk))


FIGURES = (
    Drawing(
        "active_to_one",
        "Left: mean number of active neurons given N_0 > 0 up to time 60, extrapolated to "
        "infinite depth, with 99.9% intervals; lines are predicted, with bands of their stated "
        "error; every width ends at one neuron. Right: probability of two or more, in networks "
        "of 48 layers per unit of time; solid, the exact law at width 2; dots, e^{-t/(8n)}: no "
        "width falls at a higher exponential rate in the end.",
        (*_counts, *_singles),
        active_to_one,
    ),
    Drawing(
        "correlation_end",
        "Two inputs of correlation 0.3 at time 60: histogram of the correlation after phi over "
        "the pairs of which neither vanishes. The outer bars hold what is within 0.001 of 0 and "
        "of 1: the last neuron is the same for both inputs or it is not. Bars in between count "
        "pairs that are not there yet. Right: its mean over time. Intervals are 99.9%. The "
        "infinitely wide network, n = \N{INFINITY}, is that of the mean-field equation, where it "
        "tends to 1.",
        _pairs,
        correlation_end,
    ),
)

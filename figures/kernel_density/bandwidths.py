"""Regimes over n and d at the bandwidths in use, and cross-validation (claims C10, C11, C15)."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from figures import style
from figures.core import Drawing
from figures.kernel_density.finite import divergence, likelihood_bandwidth
from figures.kernel_density.phases import PALE, SHADES
from figures.reading import mean, rescaled
from simulations.core import Job, Result
from simulations.kernel_density import LEAVE_ONE_OUT, Params
from theory import kernel_density as theory

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = np.ndarray[Any, Any]
Grid = tuple[Sequence[int] | Array, Array]


# --- map ------------------------------------------------------------------------------------------

DIMENSIONS = (*range(2, 20), 21, 24, 27, 30, 34, 38, 43, 50, 60, 71, 84, 100)
SIZES = np.geomspace(100, 1e12, 25)
FINE = np.geomspace(2, 100, 121), np.geomspace(100, 1e12, 121)
"""Dimensions and sizes of the map that is drawn."""
COARSE = (2, 4, 7, 13, 25, 50, 100)
COARSE_SIZES = np.geomspace(100, 1e12, 6)
DATA = (("digits", 1797, 64), ("wine", 178, 13), ("breast cancer", 569, 30))
"""Points and columns of the data sets of scikit-learn."""


def index_map(rule: Callable[[int, float], float], d: Sequence[int], n: Array) -> Array:
    """The stable index at finite n and d, a row per dimension."""
    return np.array([[theory.finite_index(k, x, rule(k, x)).index for x in n.tolist()] for k in d])


def scott_map() -> Array:
    """Of Scott's rule."""
    return index_map(lambda d, n: float(theory.scott(d, n)), DIMENSIONS, SIZES)


@functools.cache
def likelihood_map() -> Array:
    """Of the likelihood-optimal bandwidth, log interpolated from a coarse grid."""
    values = index_map(likelihood_bandwidth, COARSE, COARSE_SIZES)
    return interpolated(values, (COARSE, COARSE_SIZES), (DIMENSIONS, SIZES))


def interpolated(values: Array, known: Grid, wanted: Grid) -> Array:
    """By cubic splines, all in logarithms."""
    from scipy.interpolate import RectBivariateSpline

    curve = RectBivariateSpline(*map(np.log, known), np.log(values))
    found: Array = np.exp(curve(*map(np.log, wanted)))
    return found


def regimes(_: Sequence[Result]) -> Figure:
    """Regime over n and d under Scott's rule and at the likelihood-optimal bandwidth."""
    from matplotlib.patheffects import withStroke

    figure = style.canvas(9.2, 4.0)
    left, right = figure.subplots(1, 2, sharey=True)
    for ax, found, title in (
        (left, scott_map(), "Scott's rule"),
        (right, likelihood_map(), "likelihood-optimal bandwidth"),
    ):
        ax.set(xscale="log", yscale="log", xlim=SIZES[[0, -1]], ylim=(2, 100), title=title)
        index = np.log(interpolated(found, (DIMENSIONS, SIZES), FINE))
        levels, colors = np.log([1e-9, 1, 2, 1e99]), list(SHADES.values())
        ax.contourf(*FINE[::-1], index, levels, colors=colors, alpha=2 * PALE)
        for at, width in (((0.5, 4, 10), 0.6), ((1, 2), 1.5)):
            look: Any = {"colors": "black", "linewidths": width, "linestyles": "solid"}
            drawn = ax.contour(*FINE[::-1], index, np.log(at), **look)
            ax.clabel(drawn, fmt=lambda x: f"{math.exp(x):g}", fontsize=8)
        for name, size, columns in DATA:
            ax.plot(size, columns, "k^", ms=5)
            place: Any = {"xytext": (-4, 6), "textcoords": "offset points", "fontsize": 8}
            halo = [withStroke(linewidth=2, foreground="white", alpha=0.6)]
            ax.annotate(name, (size, columns), path_effects=halo, **place)
        ax.set_yticks([2, 5, 10, 20, 50, 100], ["2", "5", "10", "20", "50", "100"])
        ax.minorticks_off()
        ax.set_xlabel("points $n$")
    left.set_ylabel("dimension $d$")
    for text, n, d in (("normal", 1e9, 3), ("stable", 3e9, 17), ("condensed", 1e9, 50)):
        left.text(n, d, text, ha="center", va="center")
    return figure


# --- cross-validation -----------------------------------------------------------------------------

POINTS = 1000
DATA_SETS = 24
MEASURED_AT = (3, 5, 7, 10, 14, 20, 28, 40, 60)
LINE = (3, 5, 8, 12, 20, 34, 60)
"""Dimensions of the exact optimum."""
_sets = tuple(
    Job(LEAVE_ONE_OUT, Params(dimension=d, points=POINTS), DATA_SETS) for d in MEASURED_AT
)


@functools.cache
def optimum() -> tuple[Array, Array]:
    """The exact optimal bandwidth of n - 1 points, and its divergence, at LINE."""
    h = [likelihood_bandwidth(d, POINTS - 1) for d in LINE]
    loss = [divergence(d, POINTS - 1, x) for d, x in zip(LINE, h, strict=True)]
    return np.array(h), np.array(loss)


def cross_validation(results: Sequence[Result]) -> Figure:
    """Leave-one-out bandwidths and their risk over d, with exact values and limits."""
    from scipy.interpolate import CubicSpline

    figure = style.canvas(9.2, 3.6)
    left, right = figure.subplots(1, 2)
    d = np.geomspace(LINE[0], LINE[-1], 81)
    exact, least = (CubicSpline(np.log(LINE), np.log(x)) for x in optimum())
    alpha = math.log(POINTS) / d
    limit = theory.kl_limit(alpha)
    scott = np.asarray(theory.scott(d, POINTS))
    loss = [divergence(k, POINTS - 1, float(theory.scott(k, POINTS))) for k in LINE]
    of_scott = CubicSpline(np.log(LINE), np.log(loss))
    left.plot(d, np.exp(exact(np.log(d))), color=style.PREDICTED, label="exact optimum")
    right.plot(d, np.exp(least(np.log(d))) / d, color=style.PREDICTED)
    left.plot(d, np.asarray(limit.bandwidth), "--", color="black", lw=1, label="optimum, limit")
    right.plot(d, np.asarray(limit.risk), "--", color="black", lw=1)
    left.plot(d, scott, color=style.CYCLE[2], label="Scott")
    right.plot(d, np.exp(of_scott(np.log(d))) / d, color=style.CYCLE[2])
    for ax, name, color, marker, label in (
        (left, "bandwidth", style.MEASURED, "o", "leave-one-out likelihood"),
        (right, "kl", style.MEASURED, "o", None),
        (right, "kl_scott", style.CYCLE[2], "s", None),
    ):
        units: Sequence[float] = MEASURED_AT if ax is right else [1] * len(results)
        means = [mean(row, name) for row in results]
        found = [rescaled(e, 0, 1 / unit) for e, unit in zip(means, units, strict=True)]
        style.measured(ax, MEASURED_AT, found, color=color, fmt=marker, ms=3.5, label=label)
    for ax in (left, right):
        ax.set_xscale("log")
        ax.set_xticks([3, 5, 10, 20, 40, 60], ["3", "5", "10", "20", "40", "60"])
        ax.minorticks_off()
        ax.set_xlabel("dimension $d$")
    left.set_ylabel("bandwidth $h$")
    right.set_ylim(bottom=0)
    right.set_ylabel(r"${\rm KL}(\rho \| \rho_h)\,/\,d$")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


FIGURES = (
    Drawing(
        "density_map",
        "The regime of a density estimate of n normal points in dimension d at a typical query, by "
        "its stable index (contours) at these n and d: normal above 2, condensed below 1. Left: "
        "with Scott's rule. Right: with the bandwidth of least Kullback-Leibler divergence, which "
        "cross-validated likelihood finds. Triangles: sizes of three data sets, which lie where "
        "normal data of their size would. All computed.",
        (),
        regimes,
    ),
    Drawing(
        "density_bandwidths",
        "1000 points of the standard normal law. Left: bandwidth of largest leave-one-out "
        "likelihood, in the mean over data sets with 99.9% intervals, against the exact optimum at "
        "this n and d and its limit at the same log(n)/d. Right: Kullback-Leibler divergence from "
        "the truth per dimension, at that bandwidth and with Scott's rule.",
        _sets,
        cross_validation,
    ),
)

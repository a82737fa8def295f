"""Excess risk and accuracy over the sample size, and their limits (claims C8 to C10)."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from figures import style
from figures.core import Drawing
from figures.reading import mean, rescaled
from simulations.core import Estimate, Job, Result
from simulations.ntk_classifiers import VOTES, Params
from theory import ntk_classifiers as theory

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray[Any, Any]

DIMENSIONS = (1, 2, 4, 8)
SIZES = (100, 300, 1000, 3000, 10_000)
"""Training points, n."""
DATA_SETS, DEEP, TEST = 256, 160, 20
"""Data sets for powers of the distance and, as these take longer, for activations."""
NEAREST = "nearest"


@functools.cache
def pair(dimension: int) -> theory.DirichletPair:
    """The paper's two classes."""
    p = Params(dimension=dimension)
    return theory.DirichletPair(*p.alphas, p.prior)


@functools.cache
def excess(dimension: int, exponent: float) -> float:
    """Excess risk of the vote with r^-exponent, n to infinity."""
    return theory.excess_risk(pair(dimension), exponent).value


@functools.cache
def bayes(dimension: int) -> float:
    """Least probability of error."""
    return theory.asymptotic_risk(pair(dimension), dimension).value


def sine(dimension: int) -> str:
    """sin(sqrt(a) x) with exponent d, in d = 1 sin(x): there is none."""
    return f"sine:{theory.sine_parameter(dimension)!r}" if dimension > 1 else "sin"


def deep(dimension: int) -> tuple[str, ...]:
    """Two activations."""
    return f"limit:optimal:{dimension}", f"limit:{sine(dimension)}"


def powers(exponents: Sequence[float]) -> tuple[str, ...]:
    """Votes with r^-alpha."""
    return tuple(f"hilbert:{a:g}" for a in exponents)


def shallow(dimension: int) -> tuple[str, ...]:
    """An exponent too small, one too large, and the nearest neighbour."""
    return *powers((dimension / 2, 2 * dimension)), NEAREST


NAMES = (
    "polynomial activation",
    "sine activation",
    r"$\alpha = d/2$",
    r"$\alpha = 2d$",
    "nearest neighbour",
)
LOOKS = tuple(zip((*style.CYCLE[:1], *style.CYCLE[2:5], style.CYCLE[6]), "oD^vs", strict=True))


def _job(dimension: int, points: int, methods: tuple[str, ...], data_sets: int) -> Job:
    p = Params(dimension=dimension, points=points, test=TEST, methods=methods)
    return Job(VOTES, p, data_sets)


_curves = {
    d: tuple(
        _job(d, n, some, count)
        for some, count in ((deep(d), DEEP), (shallow(d), DATA_SETS))
        for n in SIZES
    )
    for d in DIMENSIONS
}


def _draw_curves(axes: Sequence[Axes], results: Sequence[Result], accuracy: bool) -> None:
    """Measured excess of every method, or the accuracy, which is 1 less Bayes risk and excess."""
    for k, (ax, d) in enumerate(zip(axes, DIMENSIONS, strict=False)):
        rows = results[2 * k * len(SIZES) : 2 * (k + 1) * len(SIZES)]
        methods = (*deep(d), *shallow(d))
        for j, (method, name, look) in enumerate(zip(methods, NAMES, LOOKS, strict=True)):
            own = rows[: len(SIZES)] if method in deep(d) else rows[len(SIZES) :]
            found = [mean(row, f"excess@{method}") for row in own]
            if accuracy:
                found = [_accuracy(e, bayes(d)) for e in found]
            shifted = [n * 1.06 ** (j - 2) for n in SIZES]
            color, marker = look
            ax.plot(shifted, [e.value for e in found], color=color, lw=0.8)
            options: Any = {"color": color, "fmt": marker, "ms": 3.5, "label": name}
            style.measured(ax, shifted, found, **options)
        ax.set_xscale("log")
        ax.set_xlabel("training points $n$")
        ax.set_title(f"$d = {d}$")


def _accuracy(e: Estimate, least: float) -> Estimate:
    return e._replace(value=1 - least - e.value)


def consistency(results: Sequence[Result]) -> Figure:
    """Excess risk over n in three dimensions; dashes are the limits."""
    figure = style.canvas(9.2, 3.7)
    axes = figure.subplots(1, 3, sharey=True)
    _draw_curves(axes, results, accuracy=False)
    for ax, d in zip(axes, DIMENSIONS, strict=False):
        levels = [(math.inf, LOOKS[4][0]), (2 * d, LOOKS[3][0])]
        if d == 1:  # below the dimension the limit is quick to compute on the arc only
            levels += [(0.5, LOOKS[2][0]), (theory.exponent("sin"), LOOKS[1][0])]
        for exponent, color in levels:
            ax.axhline(excess(d, exponent), color=color, ls="--", lw=0.9, zorder=1)
        ax.axhline(excess(d, 0), color=style.DOUBTED, ls=":", lw=1.2, label="majority vote")
        ax.set_yscale("log")
        ax.set_title(f"$d = {d}$, Bayes risk {bayes(d):.4f}")
    axes[0].set_ylabel("excess risk")
    handles, names = axes[0].get_legend_handles_labels()
    look: Any = {"loc": "outside lower center", "ncols": 6, "columnspacing": 1.2}
    figure.legend([*handles[1:], handles[0]], [*names[1:], names[0]], **look)
    return figure


def accuracy(results: Sequence[Result]) -> Figure:
    """Accuracy over n in four dimensions, between the majority vote and the Bayes rule."""
    figure = style.canvas(9.2, 3.3)
    axes = figure.subplots(1, 4)
    _draw_curves(axes, results, accuracy=True)
    for ax, d in zip(axes, DIMENSIONS, strict=True):
        least = bayes(d)
        nearest = 1 - least - excess(d, math.inf)
        ax.axhline(1 - least, color=style.PREDICTED, lw=1.1, label="Bayes rule")
        ax.axhline(nearest, color=LOOKS[4][0], ls="--", lw=0.9, label="nearest neighbour, limit")
        majority = 1 - least - excess(d, 0)
        ax.axhline(majority, color=style.DOUBTED, ls=":", lw=1.2, label="majority vote")
        ax.set_ylim(majority - 0.02, 1 - least + 0.02)
    axes[0].set_ylabel("accuracy")
    handles, names = axes[0].get_legend_handles_labels()
    order = [3, 4, 5, 6, 7, 0, 1, 2]
    handles, names = [handles[k] for k in order], [names[k] for k in order]
    figure.legend(handles, names, loc="outside lower center", ncols=4)
    return figure


# --- limits ---------------------------------------------------------------------------------------

POWERS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 8.0)
"""Exponents measured for d = 1."""
RATIOS = (1.25, 1.5, 2.0, 4.0)
"""alpha/d, d = 2 and 4."""
MEASURED_AT = (1000, 10_000)
_STEEP = 0.25, 0.255, 0.26, 0.262, 0.264, 0.267, 0.27, 0.28, 0.3, 0.33, 0.37, 0.42
BELOW = (0.15, *_STEEP, 0.5, 0.6, 0.75, 0.9, 0.999)
"""Exponents < d = 1 of the curve; near 0.26 a boundary appears."""


@functools.cache
def share(dimension: int) -> Callable[[Array], Array]:
    """Excess risk over that of the nearest neighbour, as a function of s = d/alpha.

    A cubic spline through a few values, flat at s = 0 (the risk is even in s): error 1e-3.
    """
    from scipy.interpolate import CubicSpline

    s = np.array([0, 0.2, 0.4, 0.6, 0.8, 0.9, 1])
    values = [excess(dimension, dimension / x if x else math.inf) for x in s]
    spline = CubicSpline(s, np.divide(values, values[0]), bc_type=((1, 0.0), "not-a-knot"))
    return lambda at: np.asarray(spline(at))


_arc = tuple(_job(1, n, powers(POWERS), DATA_SETS) for n in MEASURED_AT)
_others = {d: _job(d, SIZES[-1], powers([d * x for x in RATIOS]), DATA_SETS) for d in (2, 4)}


def limit_risk(results: Sequence[Result]) -> Figure:
    """Excess risk over alpha for d = 1, and as a share of the nearest neighbour's over d/alpha."""
    figure = style.canvas(8.6, 3.6)
    left, right = figure.subplots(1, 2)
    above = np.geomspace(1, 16, 60)
    colors = style.CYCLE[0], style.CYCLE[2]
    left.plot(BELOW, [excess(1, a) for a in BELOW], color=style.CYCLE[4], label="global average")
    stable = excess(1, math.inf) * share(1)(1 / above)
    left.plot(above, stable, color=style.PREDICTED, label="stable law")
    left.plot(1, 0, "*", color="black", ms=8, zorder=5, label=r"consistent: $\alpha = d$")
    for n, result, color, marker in zip(MEASURED_AT, results, colors, "so", strict=False):
        found = [mean(result, f"excess@{m}") for m in powers(POWERS)]
        style.measured(left, POWERS, found, color=color, fmt=marker, label=f"$n = {n}$")
    for exponent, at, name in ((0.0, 0.6, "majority vote"), (math.inf, 0.31, "nearest neighbour")):
        left.axhline(excess(1, exponent), color=style.DOUBTED, ls=":", lw=0.9)
        left.text(at, excess(1, exponent) + 0.001, name, va="bottom")
    left.set_xscale("log")
    left.set_xticks([0.25, 0.5, 1, 2, 4, 8, 16], ["1/4", "1/2", "1", "2", "4", "8", "16"])
    left.minorticks_off()
    left.set_xlabel(r"exponent $\alpha$, $\;d = 1$")
    left.set_ylabel("excess risk")
    left.legend(loc="upper right", bbox_to_anchor=(1, 0.95))
    _shares(right, results)
    return figure


def _shares(ax: Axes, results: Sequence[Result]) -> None:
    s = np.linspace(0, 1, 41)
    looks = zip((1, 2, 4), (style.CYCLE[0], *style.CYCLE[2:4]), "o^s", strict=True)
    for d, color, marker in looks:
        whole = excess(d, math.inf)
        ax.plot(s, share(d)(s), color=color)
        result = results[1] if d == 1 else results[len(MEASURED_AT) + (2, 4).index(d)]
        exponents = [a for a in POWERS if a > 1] if d == 1 else [d * x for x in RATIOS]
        found = [rescaled(mean(result, f"excess@{m}"), 0, 1 / whole) for m in powers(exponents)]
        at = [d / a + 0.006 * ((1, 2, 4).index(d) - 1) for a in exponents]
        style.measured(ax, at, found, color=color, fmt=marker, label=f"$d = {d}$")
    ax.set_xlabel(r"$d\,/\,\alpha$")
    ax.set_ylabel("excess risk / that of the nearest neighbour")
    ax.set_ylim(bottom=0)
    ax.legend(loc="lower left")


FIGURES = (
    Drawing(
        "classifiers_consistency",
        "Excess risk, E |2 eta - 1| 1{vote differs from Bayes}, over the sample size for the "
        "paper's Dirichlet classes in three dimensions, with 99.9% intervals; the Bayes risk is "
        "computed. Dashes are the limits for n to infinity where they are known, dots the majority "
        "vote. Only alpha = d falls to 0, and as slowly as a power of log n: at these sizes a "
        "smaller exponent can do better. For d = 1 the sine activation is sin, alpha = 1.19.",
        tuple(job for d in DIMENSIONS[:3] for job in _curves[d]),
        consistency,
    ),
    Drawing(
        "classifiers_accuracy",
        "Accuracy over the sample size in d = 1, 2, 4 and 8 (the paper's main figure, with data "
        "sets redrawn), with 99.9% intervals: 1 less the computed Bayes risk less the measured "
        "excess risk. Votes of infinitely deep networks and of powers of the distance, between "
        "the Bayes rule and the majority vote.",
        tuple(job for jobs in _curves.values() for job in jobs),
        accuracy,
    ),
    Drawing(
        "classifiers_limit_risk",
        "Excess risk of the vote with weights r^-alpha, measured with 99.9% intervals, against its "
        "limit for n to infinity: the sign of a global average below alpha = d, a stable law above "
        "it. Left: d = 1. At alpha = d the limit is 0 and the approach logarithmic. Right: as a "
        "share of the nearest neighbour's, n = 10000: the limit depends little on the dimension, "
        "and is reached later near alpha = d and in higher dimension.",
        (*_arc, *_others.values()),
        limit_risk,
    ),
)

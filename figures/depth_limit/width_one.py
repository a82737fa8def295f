"""Width one: the two activations whose limit diffusion has a closed form (claims C2, C3)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from figures import style
from figures.core import Drawing
from figures.depth_limit.plan import MILLION, neuron
from simulations.core import Job, Result
from simulations.depth_limit import PATHS, Params
from theory import depth_limit as theory

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DEPTHS = (5, 50, 500)
LOGS = np.arange(-25, 18) / 5
"""Edges of the bins of log Y_L."""

TIMES = (0.1, 0.5, 2.0)
START = 0.5
PLACES = np.arange(-28, 29) / 10
"""Edges of the bins of Z = h^{-1}(Y)."""


def _brownian(depth: int) -> Job:
    # The first bin ends at 0: it counts the networks that died out.
    edges = (0.0, *np.exp(LOGS).tolist())
    return Job(PATHS, Params(width=1, depth=depth, start=1.0, edges=edges), MILLION // 5)


def _ornstein_uhlenbeck(time: float) -> Job:
    edges = tuple((math.sqrt(math.pi) / 2 * special.erfi(PLACES)).tolist())
    p = Params(width=1, depth=500, time=time, activation="ou:1,0", start=START, edges=edges)
    return Job(PATHS, p, MILLION // 10)


def geometric_brownian_motion(results: Sequence[Result]) -> Figure:
    """Histograms of log Y_L at three depths, with the exact law of each and the limit law."""
    figure = style.canvas(7.2, 2.8)
    panels = figure.subplots(1, len(DEPTHS), sharex=True, sharey=True)
    x = np.linspace(LOGS[0], LOGS[-1], 421)
    middle = (x[1:] + x[:-1]) / 2
    for ax, depth, result in zip(panels, DEPTHS, results, strict=True):
        _, counts = neuron(result)
        dead, total = counts[0], counts.sum()
        style.histogram(ax, counts[2:-1], total - dead, LOGS, label="measured")
        exact = np.diff(theory.width_one_log_cdf(x, depth)) / np.diff(x)
        limit = np.diff(theory.width_one_log_cdf(x)) / np.diff(x)
        ax.plot(middle, limit, color=style.PREDICTED, label=r"$N(-\frac{1}{2}, 1)$")
        ax.plot(middle, exact, color="black", lw=0.7, label="exact at depth $L$")
        ax.set_title(f"$L = {depth}$" + (f",  {dead / total:.1%} died out" if dead else ""))
        ax.set_xlabel(r"$\log\, Y_L$")
    panels[0].set_ylabel("density")
    panels[0].set_ylim(bottom=0)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


def ornstein_uhlenbeck(results: Sequence[Result]) -> Figure:
    """Histograms of Z = h^{-1}(Y_L) at three times, with the Gaussian law of each."""
    figure = style.canvas(5.6, 3.2)
    ax = figure.subplots()
    z = np.linspace(PLACES[0], PLACES[-1], 401)
    for color, time, result in zip(style.CYCLE, TIMES, results, strict=False):
        _, counts = neuron(result)
        style.histogram(ax, counts[1:-1], counts.sum(), PLACES, color=color)
        law = theory.ou_law(1.0, 0.0, START, time)
        ax.plot(z, _normal(z, law.mean, law.variance), color=color, label=f"$t = {time:g}$")
    ax.plot(z, _normal(z, 0, 0.5), ":", color="black", lw=1, label=r"$t = \infty$")
    ax.axvline(theory.ou_law(1.0, 0.0, START, 0).start, color=style.DOUBTED, lw=0.7)
    ax.text(0.48, 1, "start", transform=ax.get_xaxis_transform(), color=style.DOUBTED, va="top")
    ax.set_ylim(bottom=0)
    ax.set_xlim(PLACES[0], PLACES[-1])
    ax.set_xlabel(r"$h^{-1}(Y_L)$,   $h(z) = \int_0^z e^{u^2} du$")
    ax.set_ylabel("density")
    ax.legend(title="bars measured,\nlines predicted", alignment="left")
    return figure


def _normal(x: np.ndarray[Any, Any], mean: float, variance: float) -> np.ndarray[Any, Any]:
    result: np.ndarray[Any, Any] = np.exp(-((x - mean) ** 2) / (2 * variance))
    return result / math.sqrt(2 * math.pi * variance)


FIGURES = (
    Drawing(
        "width_one_gbm",
        "Width 1, ReLU, started at 1: histogram of log Y_L over the networks that survive, with "
        "99.9% intervals, against the limit law N(-1/2, 1) of geometric Brownian motion and the "
        "exact law of the network of depth L.",
        tuple(_brownian(depth) for depth in DEPTHS),
        geometric_brownian_motion,
    ),
    Drawing(
        "width_one_ou",
        "Width 1 with the activation exp(h^{-1}(y)^2), h(z) the integral of exp(u^2) from 0 to z, "
        "started at 1/2, depth 500: histogram of h^{-1}(Y_L) at three times, with 99.9% "
        "intervals, against the Gaussian law of the Ornstein-Uhlenbeck process.",
        tuple(_ornstein_uhlenbeck(time) for time in TIMES),
        ornstein_uhlenbeck,
    ),
)

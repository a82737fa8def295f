"""How the ascent closes its bracket, and how many directions its neurons need (C6, V1, V2)."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from figures import style
from figures.core import Drawing
from figures.lipschitz.networks import random_network, trained
from simulations.core import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from theory.lipschitz import Network

Array = np.ndarray[Any, np.dtype[np.float64]]

NETWORKS = {
    "ReLU, digits 64-16x5-10": ("relu-64-16-16-16-16-16-10", 0),
    "MaxMin, digits 64-16x5-10": ("maxmin-64-16-16-16-16-16-10", 0),
    "ReLU, random 32x8": ("relu", 9),
    "MaxMin, random 32x8": ("maxmin", 9),
}
"""What they are called in the legend: a file, or an activation and the number of layers."""
WIDTH = 32
LOOKS = dict(zip(NETWORKS, zip(style.CYCLE, "osD^", strict=False), strict=False))
ITERATIONS = (4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
RANKS = (1, 2, 3, 4, 5, 6, 8)
STARTS, STEPS, MOST = 8, 200, 12
EXACT = 1e-10
"""Differences below are those of rounding and of an ascent that stops."""


def network(name: str) -> Network:
    """One of NETWORKS."""
    source, layers = NETWORKS[name]
    return random_network(source, [WIDTH] * layers) if layers else trained(source)


@functools.cache
def bracket(name: str) -> tuple[Array, Array, Array]:
    """Iterations, log dual and log upper value of ascents that stop there."""
    from theory.lipschitz.solver import lipsdp

    found = [lipsdp(network(name), tolerance=1e-14, iterations=k) for k in ITERATIONS]
    dual, upper = (np.array([getattr(c, key) for c in found]) for key in ("log_dual", "log_value"))
    return np.array(ITERATIONS, dtype=float), dual, np.minimum.accumulate(upper)


@functools.cache
def interior(name: str) -> tuple[Array, Array]:
    """Iterations of the interior-point method, and log upper - log dual."""
    from theory.lipschitz.interior_point import interior_point

    history = np.array(interior_point(network(name), "l2", 1e-8).history, dtype=float)
    return history[:, 0], history[:, 2] - history[:, 1]


@functools.cache
def shortfalls(name: str) -> tuple[Array, Array]:
    """1 - value / optimum of the best and the worst start, for each of RANKS."""
    from theory.lipschitz.ascent import Ascent
    from theory.lipschitz.assembly import reduce
    from theory.lipschitz.network import dense
    from theory.lipschitz.reductions import normalised

    blocks = reduce(network(name)).blocks
    body, _ = normalised(blocks[:-1])
    final = np.stack([dense(blocks[-1].skip)] * STARTS)
    values = []
    for rank in (*RANKS, MOST):
        run = Ascent(body, final, "l2", rank)
        for _ in range(STEPS):
            run.step()
        values.append(run.best)
    short = -np.expm1(np.array(values[:-1]) - np.max(values))
    return short.min(axis=1), short.max(axis=1)


def closing(_: Sequence[Result]) -> Figure:
    """Both ends of a bracket; its width over the iterations; the rank that is needed."""
    figure = style.canvas(10.2, 3.5)
    ends, widths, ranks = figure.subplots(1, 3)
    name = "MaxMin, digits 64-16x5-10"
    k, dual, upper = bracket(name)
    color, seen = LOOKS[name][0], np.isfinite(upper)
    optimum = math.exp(dual[-1])
    ends.fill_between(k[seen], np.exp(dual[seen]), np.exp(upper[seen]), color=color, alpha=0.15)
    ends.plot(
        k[seen], np.exp(upper[seen]), "-v", color=color, ms=4, label="upper, from multipliers"
    )
    ends.plot(k, np.exp(dual), "-^", color="black", ms=4, label="dual value")
    ends.axhline(optimum, color=style.DOUBTED, ls="--", lw=1, zorder=0)
    ends.set_ylim(0.985 * optimum, 1.01 * optimum)
    ends.set_xlim(k[0], 64)
    ends.set_ylabel("bound, MaxMin, digits 64-16x5-10")
    ends.legend(loc="lower right")
    for name, (color, marker) in LOOKS.items():
        k, dual, upper = bracket(name)
        gap = np.expm1(upper - dual)
        shown = np.isfinite(gap)
        look: Any = {"color": color, "marker": marker, "ms": 4}
        widths.plot(k[shown], np.maximum(gap[shown], EXACT), label=name, **look)
        steps, gap = interior(name)
        shown = gap < 1
        widths.plot(steps[shown], np.expm1(gap[shown]), ":", color=color, lw=1.2)
        best, worst = shortfalls(name)
        ranks.plot(RANKS, np.maximum(best, EXACT), **look)
        ranks.plot(RANKS, np.maximum(worst, EXACT), "--", lw=0.8, **look | {"marker": ""})
    widths.set_ylabel("upper / dual - 1")
    ranks.set_ylabel("1 - best value / optimum")
    for ax in (ends, widths):
        ax.set_xscale("log", base=2)
        ax.xaxis.set_major_formatter("{x:.0f}")
        ax.set_xlabel("iterations")
    for ax in (widths, ranks):
        ax.set_yscale("log")
        ax.set_ylim(0.6 * EXACT, 1)
    ranks.set_xlabel("rank $r$: numbers in the place of one")
    ranks.set_xticks(RANKS)
    handles, names = widths.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4)
    return figure


FIGURES = (
    Drawing(
        "lipschitz_bracket",
        "Vector-neuron ascent. Left: the dual value and the bound that the multipliers give, "
        "before the proof. Middle: the relative width of the bracket; dotted, that of the dense "
        "interior-point method, whose iterations cost more. Brackets are drawn from where the "
        "multipliers give a bound at all. Right: the best value reached with neurons in r "
        f"dimensions, {STARTS} starts of {STEPS} iterations, and dashed the worst. At r = 1 it is "
        "the gain of a pattern, from some r on the optimum of LipSDP. What is below "
        f"{EXACT:g} is drawn there. All "
        "computed.",
        (),
        closing,
    ),
)

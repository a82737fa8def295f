"""Kernels of deep networks: the factor R, effective exponents, and ReLU (claims C3, C4, C6)."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from figures import style
from figures.core import Drawing
from simulations.core import Result
from theory import ntk_classifiers as theory

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray[Any, Any]
DISTANCE = "distance $r$"

# --- R(r) -----------------------------------------------------------------------------------------

OPTIMAL = tuple((f"optimal:{d}", f"cubic, $d = {d}$") for d in (2, 4, 8))
SINES = tuple((f"sine:{theory.sine_parameter(d)!r}", f"sine, $d = {d}$") for d in (4, 8))
ACTIVATIONS = (("optimal:1", "$(x + x^7)/2$"), *OPTIMAL, *SINES)
"""Activations and their names in the figure."""
SMALL = 1e-9
"""Largest distance of the panels in which R is periodic to rounding."""
PERIODS = 3


def factor(activation: str, r: Array) -> Array:
    """R(r) over its mean over one period at small r."""
    logs = theory.koenigs(activation, r, log=True) + theory.exponent(activation) * np.log(r)
    found: Array = np.exp(logs) / theory.ripple(activation, SMALL).mean
    return found


def log_periodic(_: Sequence[Result]) -> Figure:
    """R up to large distances, all six; beside it, each on its own scale at small ones."""
    figure = style.canvas(9.2, 4.4)
    figure.set_layout_engine("none")  # with a panel over two rows its last digit is left to chance
    edges = {"left": 0.06, "right": 0.99, "bottom": 0.12, "top": 0.93}
    grid = figure.add_gridspec(2, 4, width_ratios=[1.9, 1, 1, 1], wspace=0.36, hspace=0.4, **edges)
    left = figure.add_subplot(grid[:, 0])
    r = np.append(np.geomspace(1e-4, 1.3, 400), np.linspace(1.3, 1.41, 40)[1:])
    for (activation, name), color in zip(ACTIVATIONS, style.CYCLE, strict=False):
        left.plot(r, factor(activation, r), color=color, label=name)
    left.set_xscale("log")
    left.set_ylim(0, 1.5)
    left.set_xlabel(DISTANCE)
    left.set_ylabel(r"$R(r)\,/\,\bar R$")
    left.legend(loc="lower left", fontsize=8)
    for k, (activation, name) in enumerate(ACTIVATIONS):
        ax = figure.add_subplot(grid[k // 3, 1 + k % 3])
        _ripple(ax, activation, style.CYCLE[k])
        ax.set_title(name, loc="right")  # the power of ten is on the left
        if k % 3 == 0:
            ax.set_ylabel(r"$R(r)\,/\,\bar R - 1$")
        if k >= 3:
            ax.set_xlabel(r"$(\log r_0 - \log r)\,/\,\frac{1}{2}\log B'$")
    return figure


def _ripple(ax: Axes, activation: str, color: str) -> None:
    """R over some periods below r_0, with the band between its extremes."""
    found = theory.ripple(activation, SMALL, 64)
    phase = np.linspace(0, PERIODS, 48 * PERIODS + 1)
    values = factor(activation, SMALL * np.exp(-found.period * phase)) - 1
    low, high = found.minimum / found.mean - 1, found.maximum / found.mean - 1
    ax.axhspan(low, high, color=color, alpha=0.15, lw=0)
    ax.plot(phase, values, color=color)
    ax.set_xlim(0, PERIODS)
    ax.set_ylim(1.25 * low, 1.25 * high)
    ax.ticklabel_format(axis="y", scilimits=(-1, 1), useMathText=True)


# --- effective exponents --------------------------------------------------------------------------

EXAMPLE = "optimal:2"
DEPTHS = (10, 20, 100, 300, 1000)
RADII = np.geomspace(1e-4, 1, 241)


def effective_exponent(kernel: str, r: Array, depth: int) -> Array:
    """-d log K/d log r by central differences of step 1e-3 in log r: error 1e-6."""
    of, step = {"nngp": theory.nngp, "ntk": theory.ntk}[kernel], 1e-3
    ends = (np.asarray(of(EXAMPLE, r * math.exp(s), depth, log=True)) for s in (-step, step))
    inner, outer = ends
    found: Array = (inner - outer) / (2 * step)
    return found


def crossing(depth: int) -> float:
    """The r at which (L + 1) h and the offset c of the NTK are equal, to leading order in 1/L."""
    d = theory.dual(EXAMPLE)
    return math.sqrt(theory.exponent(d) * d.chaos / ((d.chaos - 1) * (depth + 1)))


def exponents(_: Sequence[Result]) -> Figure:
    """Effective exponents of both kernels at several depths; the NTK's also over r/crossing."""
    figure = style.canvas(9.2, 3.4)
    left, middle, right = figure.subplots(1, 3, sharey=True)
    alpha = theory.exponent(EXAMPLE)
    for depth, color in zip(DEPTHS, style.CYCLE, strict=False):
        look: Any = {"color": color, "label": f"$L = {depth}$"}
        left.plot(RADII, effective_exponent("nngp", RADII, depth), **look)
        found = effective_exponent("ntk", RADII, depth)
        middle.plot(RADII, found, **look)
        at = crossing(depth)
        if at < RADII[-1]:
            there = effective_exponent("ntk", np.array([at]), depth)
            middle.plot(at, there[0], "o", color=color, ms=5, mec="white", zorder=4)
        right.plot(RADII / at, found, **look)
    x = np.geomspace(1e-2, 20, 201)
    law = r"$\alpha + 2/(1 + r^2/r_L^2)$"
    right.plot(x, alpha + 2 / (1 + x * x), "--", color="black", lw=1, label=law)
    for ax, title in zip((left, middle, right), ("NNGP", "NTK", "NTK, rescaled"), strict=True):
        ax.set_title(title)
        ax.set_xscale("log")
        ax.set_xlabel(DISTANCE if ax is not right else r"$r\,/\,r_L, \;\; r_L \sim L^{-1/2}$")
        for level in (alpha, alpha + 2):
            ax.axhline(level, color="black", ls=":", lw=0.8)
    left.set_ylabel(r"$-\,d\log K_L\,/\,d\log r$")
    left.set_ylim(0, 4.9)
    left.set_yticks([0, 1, 2, 3, 4])
    left.text(0.00012, 2.08, r"$\alpha$")
    left.text(0.00012, 4.08, r"$\alpha + 2$")
    right.set_xlim(1e-2, 20)
    handles, names = right.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=6)
    return figure


# --- ReLU -----------------------------------------------------------------------------------------

DEEPEST = 50_000
"""Layers of the paper's ReLU network."""
PAIRS = (1.0, 0.1, 0.01, 0.001)
TOLD = (100, 1000, 10_000)
APART = np.geomspace(3e-5, 1, 91)


@functools.cache
def relu_ntk(r: tuple[float, ...], depths: tuple[int, ...]) -> Array:
    """K_L of ReLU, a row per depth, in one pass through the layers."""
    form = theory.dual("relu").form
    delta = np.square(r) / 2
    kernel, rows, wanted = 1 - delta, [], set(depths)
    for layer in range(1, max(depths) + 1):
        slope = form.slope_near(delta)
        delta = form.gap(delta)
        kernel = 1 - delta + kernel * slope
        if layer in wanted:
            rows.append(kernel)
    return np.array(rows)


def relu(_: Sequence[Result]) -> Figure:
    """K_L/(L + 1) over depth, and what is left of the distance in K_L."""
    figure = style.canvas(8.4, 3.4)
    left, right = figure.subplots(1, 2)
    limit = theory.critical_ratio("relu")
    layers = np.unique(np.geomspace(1, DEEPEST, 150).astype(int))
    kernel = relu_ntk(PAIRS, tuple(layers.tolist()))
    for r, values, color in zip(PAIRS, kernel.T, style.CYCLE, strict=False):
        left.plot(layers, values / (layers + 1), color=color, label=f"$r = {r:g}$")
        leading = limit + 3 * math.pi / (4 * r * layers)
        valid = (layers > 5 / r) & (r < 1)
        left.plot(layers[valid], leading[valid], "--", color=color, lw=0.9)
    left.axhline(limit, color="black", ls=":", lw=0.9)
    left.text(1.2, limit - 0.01, "1/4", va="top")
    left.set_ylim(0.2, 1.03)
    left.set_xlabel("depth $L$")
    left.set_ylabel("$K_L\\,/\\,(L + 1)$")
    left.legend(loc="upper right")
    kernel = relu_ntk((*APART.tolist(), math.sqrt(2)), TOLD)
    for depth, values, color in zip(TOLD, kernel, style.CYCLE[4:], strict=False):
        right.plot(APART, values[:-1] - values[-1], color=color, label=f"$L = {depth}$")
    right.plot(APART, 3 * math.pi / (4 * APART), "--", color="black", lw=1, label=r"$3\pi/4r$")
    right.set_yscale("log")
    right.set_ylim(0.5, 3e4)
    right.set_xlabel(DISTANCE)
    right.set_ylabel("$K_L(r) - K_L(\\sqrt{2})$")
    right.legend(loc="upper right")
    for ax in (left, right):
        ax.set_xscale("log")
    return figure


FIGURES = (
    Drawing(
        "ntk_log_periodic",
        "Kernels of infinite depth are R(r)/r^alpha, and R has no limit at 0: it is log-periodic. "
        "Left: R over its mean. Right: the same below r_0 = 1e-9 in periods of log r, each on its "
        "own scale, with the band between the extremes; for a sine activation in d = 8 they "
        "differ by a factor of two. All computed.",
        (),
        log_periodic,
    ),
    Drawing(
        "ntk_exponents",
        "Effective exponents of the kernels of the activation with alpha = 2 (dual (x + x^3)/2) "
        "after L layers. The NNGP has its exponent until it saturates at r ~ B'^(-L/2). The NTK "
        "shows alpha + 2 below the crossing r_L = (alpha B'/((B' - 1)(L + 1)))^(1/2), dots, and "
        "alpha above it, where r is of order one anyway for L < 100. All computed.",
        (),
        exponents,
    ),
    Drawing(
        "ntk_relu",
        "NTK of a deep ReLU network, all computed. Left: over L + 1 it tends to 1/4 off the "
        "diagonal, a majority vote, but only as 1/4 + 3 pi/(4 r L), dashes: near pairs need more "
        "than 10000 layers. Right: what is left of the distance does not shrink with depth, it is "
        "a Hilbert kernel of exponent 1 for r > 1/L.",
        (),
        relu,
    ),
)

"""Eigenvalues by sector and by direction (claims C2 and C3)."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from figures import style
from figures.core import Drawing
from simulations.core import Result
from theory import conv_kernels as theory

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray[Any, Any]

KINDS = ("rfk", "ntk")
FLAT, DEEP = (2, 2), (2, 2, 2)
GRID = 2048
"""Points a circle; what is aliased is below 3 % up to |k| = 256, and far below for the RFK."""
DEGREES = tuple(int(k) for k in np.unique(np.geomspace(1, 256, 40).round()))
DOUBLING: dict[tuple[int, ...], tuple[int, ...]] = {
    (1, 0, 0, 0): (2, 4, 8, 32, 3, 9, 33),
    (1, 1, 0, 0): (1, 2, 8, 32),
    (1, 1, 1, 1): (1, 2, 4, 8, 16),
}
"""Degrees shown of each direction of the deeper tree."""
RINGS = (16, 64, 256)
"""|k| at which all directions are shown."""
COLORS = style.CYCLE[0], style.CYCLE[2], style.CYCLE[3]
"""Of the sectors."""


@functools.cache
def grid(kind: str) -> Array:
    """All eigenvalues of two layers, patches of two."""
    return theory.spectrum(FLAT, kind, GRID).values


def line(ax: Axes, level: int, sizes: tuple[int, ...], kind: str, odd: bool = False) -> None:
    """C |k|^-b of a sector, where it is asymptotic."""
    power = theory.exponent(level, sizes, kind)
    k = np.geomspace(4 if level < 3 else 3, 256 if sizes == FLAT else 64, 2)
    constant = theory.leading_constant(level, sizes, kind, odd=odd).value
    look: Any = {"color": "black", "lw": 0.9, "ls": ":" if odd else "-", "zorder": 4}
    ax.plot(k, constant * k**-power, label="$C|k|^{-b}$, odd $k$" if odd else "$C|k|^{-b}$", **look)


def sectors(_: Sequence[Result]) -> Figure:
    """Two layers, all directions of sector 2; three layers, the diagonal of each sector."""
    figure = style.canvas(9.2, 3.6)
    left, middle, right = figure.subplots(1, 3)
    for ax, kind in ((left, "rfk"), (middle, "ntk")):
        _cloud(ax, kind)
        ax.set_title(f"{kind.upper()}, two layers")
    _deep(right)
    right.set_title("NTK, three layers")
    left.set_ylabel(r"eigenvalue $\Lambda_k$")
    for ax in (left, middle, right):
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_xlabel(r"$|k|$")
        ax.set_xticks([1, 10, 100])
        ax.minorticks_off()
    right.set_xlim(0.9, 130)
    handles = left.get_legend_handles_labels(), right.get_legend_handles_labels()
    found = {name: handle for pair in handles for handle, name in zip(*pair, strict=True)}
    wanted = sorted(found, key=lambda name: (name.startswith("$C"), name))
    figure.legend([found[k] for k in wanted], wanted, loc="outside lower center", ncols=6)
    return figure


def _cloud(ax: Axes, kind: str) -> None:
    values = grid(kind)
    first, second = np.meshgrid(DEGREES, DEGREES)
    pick = first <= second
    first, second = first[pick], second[pick]
    look: Any = {"ls": "", "marker": ".", "mew": 0}
    ax.plot(
        np.hypot(first, second),
        values[first, second],
        color=COLORS[1],
        ms=4,
        alpha=0.6,
        label="sector 2",
        **look,
    )
    rows = np.array(DEGREES)
    even = rows[rows % 2 == 0]
    odd = rows[rows % 2 == 1]
    ax.plot(even, values[even, 0], color=COLORS[0], ms=6.5, label="sector 1, even $k$", **look)
    ax.plot(
        odd, values[odd, 0], "o", mfc="none", color=COLORS[0], ms=3.2, label="sector 1, odd $k$"
    )
    line(ax, 1, FLAT, kind)
    line(ax, 1, FLAT, kind, odd=True)
    line(ax, 2, FLAT, kind)
    for level, at, shift in ((1, 40, 4.5), (2, 40, 0.07)):
        power = theory.exponent(level, FLAT, kind)
        height = theory.leading_constant(level, FLAT, kind).value * at**-power
        ax.text(at, height * shift, f"$-{power:g}$", ha="center", va="center")


@functools.cache
def deep(kind: str) -> dict[tuple[int, ...], tuple[Array, Array, Array]]:
    """Degrees k, norms and eigenvalues of each direction of the deeper tree."""
    found = {}
    for direction, degrees in DOUBLING.items():
        labels = [tuple(k * d for d in direction) for k in degrees]
        values = [theory.eigenvalue(label, DEEP, kind).value for label in labels]
        norms = [math.hypot(*label) for label in labels]
        found[direction] = np.array(degrees), np.array(norms), np.array(values)
    return found


def _deep(ax: Axes) -> None:
    for level, (color, (k, norm, values)) in enumerate(
        zip(COLORS, deep("ntk").values(), strict=True), start=1
    ):
        even = (k % 2 == 0) | (level > 1)
        label = "sector 3" if level == 3 else None
        ax.plot(norm[even], values[even], "o", color=color, ms=3, label=label)
        ax.plot(norm[~even], values[~even], "o", mfc="none", color=color, ms=3.2)
        line(ax, level, DEEP, "ntk")
        power = theory.exponent(level, DEEP, "ntk")
        at = norm.max()
        style.name(ax, at, float(values[norm.argmax()]), f"$-{power:g}$", color)
    line(ax, 1, DEEP, "ntk", odd=True)


def ring(kind: str, radius: int) -> tuple[Array, Array]:
    """Angles in degrees and Lambda |k|^(2 nu + 2)/C of the labels nearest to a circle."""
    first, second = np.indices((radius + 2, radius + 2))
    near = np.abs(np.hypot(first, second) - radius) < 0.5
    first, second = first[near], second[near]
    angle = np.degrees(np.arctan2(second, first))
    order = np.argsort(angle, kind="stable")
    norm = np.hypot(first, second)
    power = theory.exponent(2, FLAT, kind)
    constant = theory.leading_constant(2, FLAT, kind).value
    scaled = grid(kind)[first, second] * norm**power / constant
    return angle[order], scaled[order]


def directions(_: Sequence[Result]) -> Figure:
    """Eigenvalues of sector 2 over their asymptotic form, against the direction of k."""
    figure = style.canvas(7.6, 3.3)
    panels = figure.subplots(1, 2, sharey=True)
    for ax, kind in zip(panels, KINDS, strict=True):
        for color, radius in zip(style.CYCLE, RINGS, strict=False):
            angle, scaled = ring(kind, radius)
            ax.plot(angle, scaled, ".", color=color, ms=4, mew=0, label=f"$|k| = {radius}$")
        ax.axhline(1, color="black", lw=0.9, zorder=0)
        ax.set_yscale("log")
        ax.set_xticks(range(0, 91, 15))
        ax.set_xlabel("direction of $k$, degrees from an axis")
        ax.set_title(f"{kind.upper()}, two layers")
    panels[0].set_ylabel(r"$\Lambda_k\,|k|^{2\nu + 2}\,/\,C$")
    panels[1].legend(loc="upper center", markerscale=2)
    return figure


FIGURES = (
    Drawing(
        "conv_spectra",
        "Eigenvalues of convolutional kernels, patches of two, by sector: the smallest meta-patch "
        "that holds all non-zero degrees. Black: leading constant times |k|^(-2 nu - d_eff(l)), "
        "dotted for the odd degrees of sector 1, which decay as the even ones with a smaller "
        "constant. Left and middle: two layers; modes of sector 2 near an axis decay with the "
        "exponent of sector 1. Right: three layers, all degrees of a sector equal.",
        (),
        sectors,
    ),
    Drawing(
        "conv_directions",
        "Eigenvalues of sector 2, two layers, patches of two, divided by the isotropic law "
        "C |k|^(-2 nu - 2), against the direction of k. In every fixed direction between the axes "
        "they tend to 1. Near the axes they exceed it by a factor that grows with |k|: with one "
        "degree fixed the exponent is smaller by one. Axes themselves are sector 1, whose odd "
        "degrees lie below the even ones.",
        (),
        directions,
    ),
)

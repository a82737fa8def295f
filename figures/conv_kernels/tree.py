"""The tree of patches: meta-patches of each level and their effective dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from figures import style
from figures.core import Drawing
from simulations.core import Result
from theory import conv_kernels as theory

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZES = (2, 2, 2)
"""s_1, s_2, s_3."""
COLORS = style.CYCLE[0], style.CYCLE[2], style.CYCLE[1]
"""Of the levels."""


def meta_patches(level: int) -> list[tuple[float, float]]:
    """First and last pixel of every meta-patch of a level, pixels counted from 1."""
    width = theory.effective_dimension(level, SIZES) * SIZES[0] // (SIZES[0] - 1)
    pixels = theory.effective_dimension(len(SIZES), SIZES) * SIZES[0] // (SIZES[0] - 1)
    return [(start + 1, start + width) for start in range(0, pixels, width)]


def tree(_: Sequence[Result]) -> Figure:
    """Pixels, units of each layer, and a frame around what the first unit of each layer sees."""
    figure = style.canvas(6.6, 3.8)
    ax = figure.subplots()
    below = [float(x) for first, last in meta_patches(1) for x in (first, last)]
    ax.plot(below, [0.0] * len(below), "s", color="0.75", ms=13, mec="0.4")
    for level, color in enumerate(COLORS, start=1):
        units = [(first + last) / 2 for first, last in meta_patches(level)]
        children = len(below) // len(units)
        for i, unit in enumerate(units):
            for child in below[i * children : (i + 1) * children]:
                ax.plot([child, unit], [level - 1, level], color="0.7", lw=0.9, zorder=0)
        ax.plot(units, [level] * len(units), "o", color=color, ms=11)
        first, last = meta_patches(level)[0]
        margin, foot = 0.32 + 0.09 * level, -0.2 - 0.33 * level
        ends = [first - margin, first - margin, last + margin, last + margin]
        ax.plot(ends, [foot + 0.14, foot, foot, foot + 0.14], color=color, lw=1.6)
        size = theory.effective_dimension(level, SIZES)
        text = f"meta-patch of level {level}: " + rf"$d_\mathrm{{eff}} = {size}$"
        ax.annotate(
            text,
            (last + margin, foot),
            (5, 0),
            textcoords="offset points",
            color=color,
            va="center",
        )
        below = units
    top = len(SIZES)
    ax.plot([below[0]] * 2, [top, top + 0.75], color="0.7", lw=0.9, zorder=0)
    ax.plot(below, [top + 0.75], "D", color="black", ms=8)
    ax.set_yticks(
        [*range(top + 1), top + 0.75],
        ["input", *(f"$s_{k} = {s}$    {k}" for k, s in enumerate(SIZES, 1)), "readout"],
    )
    ax.set_xticks(range(1, len(meta_patches(1)) * SIZES[0] + 1))
    ax.set_xlabel("pixel")
    ax.set_ylabel("layer")
    ax.set_ylim(-1.45, top + 1.0)
    ax.tick_params(length=0)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    return figure


FIGURES = (
    Drawing(
        "conv_tree",
        "A network of three hidden convolutional layers with patches of two that do not overlap. A "
        "meta-patch of level l is all that one unit of layer l sees, P_l patches of s_1 pixels. "
        "Each patch is normalised, so that one of two pixels is an angle, and the effective "
        "dimension is d_eff(l) = (s_1 - 1) P_l: angles, not pixels.",
        (),
        tree,
    ),
)

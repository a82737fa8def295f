"""The figures of the paper's proofs at small variance, and where Theorem 3 ends (claim C6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from figures import style
from figures.core import Drawing
from figures.selu.maps import VARIANCE
from simulations.core import Result
from theory import selu as theory

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray[Any, Any]

CORNER = 0.1
"""Largest |mu| and |omega|."""
STATED = (0.02, 0.24)
"""Variances of Theorem 3, over both of its ranges of tau."""
SQUARE = 0.005
"""What the paper uses of the squared mean."""
BEFORE = np.linspace(1.2, 20, 189)
SMALL = np.linspace(0, 0.4, 201)
TINY = np.geomspace(1e-6, 1, 241)
COLORS = style.CYCLE[0], style.CYCLE[2], style.CYCLE[3], style.CYCLE[4]


def tail(x: Array, y: float) -> Array:
    """The paper's h: E[(e^z - 2 e^(2z)) 1{z < 0}], z ~ N(y, x), times 2 e^(y^2/(2x))."""
    from scipy.special import erfcx

    found: Array = erfcx((x + y) / np.sqrt(2 * x)) - 2 * erfcx((2 * x + y) / np.sqrt(2 * x))
    return found


def small_variance(_: Sequence[Result]) -> Figure:
    """h, the next mean and its square, and the growth of the smallest variances."""
    figure = style.canvas(7.6, 5.4)
    (above, mean), (growth, square) = figure.subplots(2, 2)
    for color, y in zip(COLORS, (-CORNER, 0.0, CORNER), strict=False):
        above.plot(BEFORE, tail(BEFORE, y), color=color, label=f"$y = {y:g}$")
    above.axhline(0, color="0.75", lw=0.8, zorder=0)
    above.set_xlabel(r"$x = \nu\tau$")
    above.set_ylabel("$h(x, y)$")
    for color, omega in zip(COLORS, (-CORNER, CORNER), strict=False):
        after = theory.moment_map(CORNER, SMALL, omega, 1.0).mean
        label = rf"$\mu\omega = {CORNER * omega:g}$"
        mean.plot(SMALL, after, color=color, label=label)
        square.plot(SMALL, after**2, color=color, label=label)
    square.axhline(SQUARE, color=style.DOUBTED, ls="--", lw=1, label="bound in the paper")
    mean.set_ylabel(r"next mean $\tilde\mu$")
    square.set_ylabel(r"its square $\tilde\mu^2$")
    for ax in (mean, square):
        _stated(ax)
        ax.set_xlim(SMALL[0], SMALL[-1])
        ax.set_xlabel(VARIANCE)
    square.set_ylim(bottom=0)
    for color, tau in zip(COLORS, (0.8, 0.9, 0.95, 1.0), strict=True):
        after = theory.moment_map(CORNER, TINY, CORNER, tau).variance
        growth.plot(TINY, after / TINY, color=color, label=rf"$\tau = {tau:g}$")
    growth.axhline(1, color=style.DOUBTED, ls="--", lw=1)
    _stated(growth)
    growth.set_xscale("log")
    growth.set_xlim(TINY[0], TINY[-1])
    growth.set_xlabel(VARIANCE)
    growth.set_ylabel(r"growth $\tilde\nu / \nu$")
    above.legend(loc="lower right")
    mean.legend(loc="upper right")
    square.legend(loc="lower right")
    growth.legend(loc="upper left")
    return figure


def _stated(ax: Axes) -> None:
    ax.axvspan(*STATED, color="0.92", lw=0, zorder=0)


FIGURES = (
    Drawing(
        "selu_small_variance",
        "What the proofs for small variances use; grey, the variances of Theorem 3. Top left: the "
        "function h of Fig. A3, negative and increasing in x = nu tau; y = mu omega is hardly "
        "seen. Right: mean after one layer and its square (Figs. A6 and A7), mu = 0.1, tau = 1. "
        "Bottom left: growth of the variance at mu omega = 0.01, where it is least. It is above 1 "
        "on the whole range stated, and far below it, but not down to 0: at tau = 0.8 and "
        "nu < 6.9e-5 the variance falls. All computed.",
        (),
        small_variance,
    ),
)

"""The moment map as arrows, and where it contracts (claims C2-C4, C15)."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from figures import style
from figures.core import Drawing
from figures.selu.certificates import certificate
from simulations.core import Result
from theory import selu as theory

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray[Any, Any]
Ranges = Mapping[str, tuple[str, str]]

NEAR = np.linspace(-0.1, 0.1, 5), np.linspace(0.8, 1.5, 8)
WIDE = np.linspace(-1, 1, 5), np.linspace(0, 3, 13)
"""Starts (mean, variance) of the arrows."""
MEAN, VARIANCE = r"mean $\mu$", r"variance $\nu$"


def images(mean: Array, variance: Array) -> tuple[Array, Array, Array, Array]:
    """Starts on the grid and where one layer takes them, omega = 0 and tau = 1."""
    mu, nu = np.meshgrid(mean, variance)
    after = theory.moment_map(mu, nu, 0.0, 1.0)
    return mu, nu, after.mean, after.variance


def moment_map(_: Sequence[Result]) -> Figure:
    """Arrows from (mu, nu) to the next layer, in the box of Theorem 1 and around it."""
    figure = style.canvas(7.6, 3.8)
    panels = figure.subplots(1, 2)
    look: Any = {"angles": "xy", "scale_units": "xy", "scale": 1, "color": style.MEASURED}
    for ax, grid, size in zip(panels, (NEAR, WIDE), (0.004, 0.0035), strict=True):
        mu, nu, mean, variance = images(*grid)
        ax.plot(mu, nu, ".", color=style.MEASURED, ms=2.5)
        ax.quiver(mu, nu, mean - mu, variance - nu, width=size, alpha=0.75, **look)
        line = np.linspace(grid[1][0], grid[1][-1], 201)
        curve = theory.moment_map(0.0, line, 0.0, 1.0)
        label = "image after one layer"
        ax.plot(curve.mean, curve.variance, color=style.PREDICTED, label=label)
        ax.plot(0, 1, "o", color="black", ms=5, zorder=4, label="fixed point (0, 1)")
        ax.set_xlabel(MEAN)
    outline(panels[1], (-0.1, 0.1), (0.8, 1.5), color="black", lw=1.1, label="box of Theorem 1")
    panels[0].set_ylabel(VARIANCE)
    panels[0].set_title("the box of Theorem 1")
    panels[1].set_title("around it")
    handles = panels[1].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=3)
    return figure


def outline(ax: Axes, x: tuple[float, float], y: tuple[float, float], **look: Any) -> None:
    """A rectangle that is not filled."""
    from matplotlib.patches import Rectangle

    ax.add_patch(Rectangle((x[0], y[0]), x[1] - x[0], y[1] - y[0], fill=False, **look))


OMEGA = 0.1
VARIANCES = np.geomspace(0.25, 4, 121)
SUMS = np.linspace(0.6, 1.4, 81)
"""nu and tau of the map."""
MEANS = np.linspace(-0.1, 0.1, 5)
PROVED: tuple[tuple[str, str, Ranges], ...] = (
    ("Lemma 12", "contraction", {}),
    ("larger invariant box", "theorem-1", {"nu": ("0.60", "1.61"), "tau": ("0.88", "1.14")}),
    ("Theorem 1", "theorem-1", {}),
)
"""Statements and the ranges that differ from their own, all proved when the figure is drawn."""


def norms(variance: Array, tau: Array) -> Array:
    """Largest S over |mu|, |omega| <= 0.1, rows tau, columns nu.

    The norm grows with |omega|, and the signs of mu and omega matter by their product only.
    """
    nu, t = np.meshgrid(variance, tau)
    found: Array = np.max([theory.contraction(m, nu, OMEGA, t) for m in MEANS], axis=0)
    return found


@functools.cache
def proved() -> dict[str, tuple[tuple[float, float], tuple[float, float], int]]:
    """Range of nu, range of tau and number of boxes of each proof in PROVED."""
    found = {}
    for name, statement, ranges in PROVED:
        proof = certificate(statement, **ranges)
        nu, tau = (proof.domain[key] for key in ("nu", "tau"))
        found[name] = (float(nu[0]), float(nu[1])), (float(tau[0]), float(tau[1])), proof.boxes
    return found


def domains(_: Sequence[Result]) -> Figure:
    """Spectral norm over nu and tau, its contour 1, and the domains on which S < 1 is proved."""
    figure = style.canvas(6.4, 4.0)
    ax = figure.subplots()
    values = norms(VARIANCES, SUMS)
    levels = np.arange(0.65, 1.3001, 0.05)
    filled = ax.contourf(VARIANCES, SUMS, values, levels=levels, cmap="cividis", extend="both")
    filled.set_edgecolor("face")  # no seams between the levels
    ax.contour(VARIANCES, SUMS, values, levels=[1.0], colors="black", linewidths=1.8)
    ax.text(0.44, 1.07, "$S = 1$", ha="right")
    x = np.geomspace(1e-3, 30, 400)
    after = theory.gaussian_moments(np.zeros_like(x), x)
    ax.plot(after.variance, x / after.variance, color="white", ls=":", lw=1.2)
    ax.text(3.55, 1.17, r"fixed point, $\omega = 0$", color="white", ha="right")
    colors = (style.CYCLE[1], style.CYCLE[5], style.CYCLE[4])
    for color, (name, (nu, tau, boxes)) in zip(colors, proved().items(), strict=True):
        outline(ax, nu, tau, color=color, lw=1.8, label=f"{name}: {boxes} boxes")
    ax.set_xscale("log")
    ax.set_xlim(VARIANCES[0], VARIANCES[-1])
    ax.set_ylim(SUMS[0], SUMS[-1])
    ax.set_xticks([0.25, 0.5, 1, 2, 4], ["0.25", "0.5", "1", "2", "4"])
    ax.minorticks_off()
    ax.set_xlabel(VARIANCE)
    ax.set_ylabel(r"sum of squared weights $\tau$")
    bar = figure.colorbar(filled, ax=ax)
    bar.set_label(r"largest $S$ for $|\mu|, |\omega| \leq 0.1$")
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


FIGURES = (
    Drawing(
        "selu_moment_map",
        "Mean and variance before and after one layer of SELU, weights with sum omega = 0 and sum "
        "of squares tau = 1 (Fig. 2 of the paper). Left: the box of Theorem 1, which is mapped "
        "into itself. Right: starts far outside. With omega = 0 the next mean and variance depend "
        "on the variance alone, so that all arrows end on one curve; along it the distance to "
        "(0, 1) shrinks by the factor 0.78 per layer near the fixed point.",
        (),
        moment_map,
    ),
    Drawing(
        "selu_domains",
        "Spectral norm S of the Jacobian of (mu, nu) after one layer, the largest over |mu| and "
        "|omega| up to 0.1. The map contracts Euclidean distances where S < 1, below the "
        "black line. Rectangles: domains on which S < 1 is proved by ball arithmetic, with the "
        "number of boxes that the proof takes; that of Theorem 1 and the larger one are proved to "
        "be mapped into themselves too. The paper needed about 3.2e9 evaluations for Lemma 12.",
        (),
        domains,
    ),
)

"""What the certificates hold: the boxes of a proof, and a funnel of rectangles (C3-C6, C14)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from figures import style
from figures.core import Drawing
from figures.selu.certificates import certificate
from figures.selu.maps import MEAN, OMEGA, VARIANCE
from simulations.core import Result
from theory import selu as theory

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure

    from theory.rigor import Certificate

Array = np.ndarray[Any, Any]
Rows = Array
"""One row (y_low, y_high, x_low, x_high) for each box."""

LEMMA_12: Mapping[str, tuple[str, str]] = {"nu": ("0.8", "1.5"), "tau": ("0.8", "1.25")}
NORMS = ("1", "0.989027")
"""Bounds on S that are proved; the supremum is 0.98902627."""
KINK = 0.98, 1.02
"""x near nu_min tau_max, where S is largest; the second proof is shown there alone."""
SMALL = "0.0002", "0.4"
"""Variances for which Theorem 3 is shown: more than the paper states."""


def rows(proof: Certificate, goal: str) -> Rows:
    """The boxes of a goal."""
    from theory.rigor.balls import fraction

    ends = [[float(fraction(end)) for side in box for end in side] for box in proof.goals[goal]]
    return np.array(ends)


def largest_norm(y: Array, x: Array) -> Array:
    """Largest S on the domain of Lemma 12 for given y and x: |omega| and tau as large as can be."""
    low, high = float(LEMMA_12["nu"][0]), float(LEMMA_12["tau"][1])
    tau = np.minimum(high, x / low)
    found: Array = theory.contraction(y / OMEGA, x / tau, OMEGA, tau)
    return found


def least_growth(y: Array, x: Array) -> Array:
    """Next variance over the largest variance of the domain of the proof with this y and x."""
    domain = certificate("theorem-3", nu=SMALL).domain
    nu = np.minimum(float(domain["nu"][1]), x / float(domain["tau"][0]))
    found: Array = theory.gaussian_moments(y, x).variance / nu
    return found


def boxes(_: Sequence[Result]) -> Figure:
    """The boxes of three proofs over the function that they bound."""
    figure = style.canvas(8.4, 3.6)
    panels = figure.subplots(1, 3)
    norm_look: Any = {"cmap": "cividis", "vmin": 0.72, "vmax": 1.0}
    for ax, norm, shown in zip(panels, NORMS, (None, KINK), strict=False):
        found = rows(certificate("contraction", norm=norm), "contraction")
        mesh = _boxes(ax, found, shown, largest_norm, norm_look)
        ax.set_title(f"Lemma 12, $S < {norm}$: {len(found)} boxes")
    bar = figure.colorbar(mesh, ax=panels[:2], orientation="horizontal", shrink=0.6)
    bar.set_label("largest $S$")
    theorem = certificate("theorem-3", nu=SMALL)
    found = rows(theorem, next(iter(theorem.goals)))
    mesh = _boxes(panels[2], found, None, least_growth, {"cmap": "cividis", "vmin": 1, "vmax": 1.6})
    panels[2].set_yscale("log")
    panels[2].set_title(rf"Theorem 3, $\tilde\nu > \nu$: {len(found)} boxes")
    bar = figure.colorbar(mesh, ax=panels[2], orientation="horizontal")
    bar.set_label(r"least $\tilde\nu / \nu$")
    panels[0].set_ylabel(r"$x = \nu\tau$")
    return figure


def _boxes(
    ax: Axes, found: Rows, shown: tuple[float, float] | None, function: Any, look: Any
) -> QuadMesh:
    """Outlines of the boxes over the values of a function of (y, x), x in the range shown."""
    from matplotlib.collections import PolyCollection

    low, high = found[:, ::2].min(axis=0), found[:, 1::2].max(axis=0)
    low[1], high[1] = shown or (low[1], high[1])
    grid = np.linspace(low[0], high[0], 61), np.geomspace(low[1], high[1], 161)
    y, x = np.meshgrid(*grid)
    values = function(y, x)
    mesh = ax.pcolormesh(y, x, values, shading="nearest", rasterized=True, **look)
    corners = [[(a, c), (b, c), (b, d), (a, d)] for a, b, c, d in found]
    ax.add_collection(
        PolyCollection(
            corners,
            facecolors="none",
            edgecolors="white",
            linewidths=0.7 if len(found) < 100 else 0.4,
        )
    )
    ax.set_xlim(low[0], high[0])
    ax.set_ylim(low[1], high[1])
    ax.set_xticks([low[0], 0, high[0]])
    ax.set_xlabel(r"$y = \mu\omega$")
    return mesh


STEPS = 0.6180339887498949, 0.7548776662466927
"""Fractional parts of their multiples fill a square evenly: omega and tau of the single paths."""


def chain(proof: Certificate) -> Array:
    """Rows (mean_low, mean_high, variance_low, variance_high): start, layers, target."""
    domain, parameters = proof.domain, proof.parameters
    names = "mean_low", "mean_high", "variance_low", "variance_high"
    start = (*domain["mu"], *domain["nu"])
    last = [parameters[name] for name in names]
    return np.array([start, *parameters["rectangles"], last], dtype=float)


def paths(proof: Certificate, layers: int) -> Array:
    """(mean, variance) from the corners of the start, each layer with its own omega and tau."""
    domain = {name: (float(a), float(b)) for name, (a, b) in proof.domain.items()}
    corners = np.array([(m, v) for m in domain["mu"] for v in domain["nu"]])
    shifts = np.arange(len(corners)) / len(corners)
    found = [corners]
    for layer in range(layers):
        at = [(step * (layer + 1) + shifts) % 1 for step in STEPS]
        omega, tau = (
            low + part * (high - low)
            for part, (low, high) in zip(at, (domain["omega"], domain["tau"]), strict=True)
        )
        mu, nu = found[-1].T
        found.append(np.column_stack(theory.moment_map(mu, nu, omega, tau)))
    return np.array(found)


def funnel(_: Sequence[Result]) -> Figure:
    """The rectangles of the certificate, in the plane and over the layers."""
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    found = certificate("funnel")
    rectangles = chain(found)
    layers = len(rectangles) - 1
    figure = style.canvas(7.6, 4.0)
    plane, right = figure.subplots(1, 2, width_ratios=[1.125, 1])
    colors = colormaps["cividis"](np.linspace(0, 0.95, layers + 1))
    for k, (a, b, c, d) in enumerate(rectangles):
        last = k == layers
        look: Any = {"facecolor": colors[k], "alpha": 0.25, "lw": 0, "zorder": k}
        edge: Any = {"fill": False, "edgecolor": style.PREDICTED if last else colors[k], "lw": 1}
        for how in (look, edge | {"zorder": k + 0.5, "lw": 2 if last else 1}):
            plane.add_patch(Rectangle((a, c), b - a, d - c, **how))
    single = paths(found, layers)
    grey: Any = {"color": "0.35", "lw": 0.7, "zorder": layers + 2}
    for k in range(single.shape[1]):
        plane.plot(single[:, k, 0], single[:, k, 1], ".-", ms=2.5, **grey)
        right.plot(single[:, k, 1], color="0.35", lw=0.8, zorder=3)
    plane.set_xlim(-1.35, 1.35)
    plane.set_xlabel(MEAN)
    for ax in (plane, right):
        ax.set_yscale("log")
        ax.set_ylim(0.015, 22)
        ax.set_yticks([0.1, 1, 10], ["0.1", "1", "10"])
        ax.set_ylabel(VARIANCE)
    _ranges(right, rectangles)
    right.set_title(f"{layers} layers, {found.boxes} boxes")
    return figure


def _ranges(ax: Axes, rectangles: Array) -> None:
    """Range of the variance after each layer, and that of the box of Theorem 1."""
    at = np.arange(len(rectangles))
    low, high = rectangles[:, 2], rectangles[:, 3]
    ax.fill_between(at, low, high, color=style.MEASURED, alpha=0.25, lw=0, label="proved range")
    for end in rectangles[-1, 2:]:
        ax.axhline(end, color=style.PREDICTED, lw=1.2, zorder=2)
    ax.plot([], [], color=style.PREDICTED, label="box of Theorem 1")
    ax.plot([], [], color="0.35", lw=0.8, label="single paths")
    ax.set_xlim(0, at[-1])
    ax.set_xlabel("layer")
    ax.legend(loc="upper right")


FIGURES = (
    Drawing(
        "selu_boxes",
        "Three proofs. Mean and variance of a neuron's output depend on y = mu omega and x = nu "
        "tau alone, and the box of (y, x) is cut until a bound in ball arithmetic holds on every "
        "piece. Left: the largest spectral norm S on the domain of Lemma 12, below 1. Middle: a "
        "sharper bound on it, enlarged near the place where S is largest (0.98902627 at y = 0.01, "
        "x = 1), where the boxes must be finest. Right: Theorem 3 on variances from 0.0002 to 0.4, "
        "boxes cut at geometric means. Where z is nearly always positive (bottom right) SELU "
        "hardly bends; at a variance of 0.00005 the theorem is false there.",
        (),
        boxes,
    ),
    Drawing(
        "selu_funnel",
        "Every start with |mu| up to 1.25 and nu from 0.02 to 16 is inside the box of Theorem 1 "
        "after the layers shown, for |omega| up to 0.1 and tau from 0.95 to 1.1, which may differ "
        "from layer to layer. Left: the rectangles of the certificate, each mapped into the next, "
        "from dark to light; red, the box of Theorem 1. Right: their ranges of the variance. Grey: "
        "single paths from the four corners, omega and tau another in every layer.",
        (),
        funnel,
    ),
)

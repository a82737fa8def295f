"""Boundaries over log(n)/d, and the Kullback-Leibler risk over the bandwidth (C2, C10, C14)."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from figures import style
from figures.core import Drawing
from figures.kernel_density.finite import divergence
from simulations.core import Result
from theory import kernel_density as theory

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray[Any, Any]

ALPHA = r"$\alpha = \log(n)\,/\,d$"
SHADES = {"condensed": "#D55E00", "stable": "#E69F00", "normal": "#009E73"}
"""Colours of the regimes; drawn pale."""
PALE = 0.16

# --- phase diagram --------------------------------------------------------------------------------

ALPHAS = np.geomspace(0.01, 2, 161)
BANDWIDTHS = (
    ("h_kl", r"least KL divergence, $h_*$", style.CYCLE[0], "-"),
    ("h_mise", "least squared error", style.CYCLE[3], "-"),
    ("h_scott", r"Scott, Silverman: $e^{-\alpha}$", style.CYCLE[2], "-"),
    ("variance", "relative variance 1", style.DOUBTED, "--"),
)


def lines(alpha: Array) -> dict[str, Array]:
    """Every bandwidth of the figure by its name."""
    found = {k: np.asarray(v) for k, v in theory.boundaries(alpha)._asdict().items()}
    return found | {"variance": np.asarray(theory.variance_bandwidth(alpha))}


def phases(_: Sequence[Result]) -> Figure:
    """Bandwidths that matter over alpha; beside it the stable index of each."""
    figure = style.canvas(9.2, 3.9)
    left, right = figure.subplots(1, 2)
    found = lines(ALPHAS)
    low, high = 0.11, 4.5
    glass, clt = found["h_glass"], found["h_clt"]
    _shade(left, [np.full_like(glass, low), glass, clt, np.full_like(glass, high)])
    _shade(right, [np.full_like(glass, x) for x in (0, 1, 2, 2.4)])
    for ax, values in ((left, found), (right, {k: (h / glass) ** 2 for k, h in found.items()})):
        for name in ("h_glass", "h_clt"):
            ax.plot(ALPHAS, values[name], color="black", lw=1.3)
        for name, label, color, dash in BANDWIDTHS:
            ax.plot(ALPHAS, values[name], dash, color=color, lw=1.6, label=label)
        ax.set_xscale("log")
        ax.set_xlim(ALPHAS[0], ALPHAS[-1])
        ax.set_xticks([0.01, 0.1, 1], ["0.01", "0.1", "1"])
        ax.set_xlabel(ALPHA)
    left.set_yscale("log")
    left.set_ylim(low, high)
    left.set_yticks([0.2, 0.5, 1, 2, 4], ["0.2", "0.5", "1", "2", "4"])
    left.minorticks_off()
    left.set_ylabel("bandwidth $h$")
    left.text(0.013, 3.62, r"$h_{\rm CLT}$", va="bottom")
    left.text(0.013, 2.45, "$h_G$", va="top")
    for text, index in (("normal", 2.2), ("stable", 1.7), ("condensed", 0.7)):
        right.text(0.02, index, text, va="center")
    right.set_ylim(0, 2.4)
    right.set_ylabel(r"stable index $\lambda_* = (h/h_G)^2$")
    handles, names = left.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4)
    return figure


def _shade(ax: Axes, edges: Sequence[Array]) -> None:
    for color, below, above in zip(SHADES.values(), edges, edges[1:], strict=False):
        ax.fill_between(ALPHAS, below, above, color=color, alpha=PALE, lw=0)


# --- risk -----------------------------------------------------------------------------------------

RISK_AT = (0.1, 0.25, 0.5, 1.0)
SIZES = (20, 50, 200)
"""Dimensions of the exact curves."""
KNOTS = 9
FROM, TO = 0.62, 1.6
"""Bandwidths over h_G, but for alpha = 0.1, where h* lies lower."""


@functools.cache
def finite_risk(d: int, alpha: float, low: float, high: float) -> tuple[Array, Array]:
    """KL / d exactly, at bandwidths that are close in log h."""
    h = np.geomspace(low, high, KNOTS)
    n = math.exp(alpha * d)
    return h, np.array([divergence(d, n, x) / d for x in h.tolist()])


def risk(_: Sequence[Result]) -> Figure:
    """KL / d over h: the limit with its minimum, and exact curves at finite d."""
    from scipy.interpolate import CubicSpline

    figure = style.canvas(9.2, 3.1)
    for ax, alpha in zip(figure.subplots(1, len(RISK_AT)), RISK_AT, strict=True):
        glass = float(theory.boundaries(alpha).h_glass)
        best = theory.kl_limit(alpha)
        low = min(FROM * glass, 0.8 * float(best.bandwidth))
        h = np.geomspace(low, TO * glass, 121)
        for d, color in zip(SIZES, style.CYCLE[2:5], strict=True):
            at, values = finite_risk(d, alpha, low, TO * glass)
            curve = CubicSpline(np.log(at), values)(np.log(h))
            ax.plot(h, curve, color=color, label=f"$d = {d}$")
            k = int(np.argmin(curve))
            ax.plot(h[k], curve[k], "o", color=color, ms=4, mec="white", mew=0.6, zorder=4)
        limit = np.asarray(theory.kl_risk(alpha, h))
        ax.plot(h, limit, color="black", lw=1.6, label=r"$d \to \infty$")
        ax.plot(float(best.bandwidth), float(best.risk), "o", color="black", ms=4, zorder=4)
        ax.axvspan(low, glass, color=SHADES["condensed"], alpha=PALE, lw=0)
        ax.axvspan(glass, math.sqrt(2) * glass, color=SHADES["stable"], alpha=PALE, lw=0)
        ax.axvspan(math.sqrt(2) * glass, TO * glass, color=SHADES["normal"], alpha=PALE, lw=0)
        ax.set_xlim(low, TO * glass)
        ax.set_ylim(bottom=0)
        ax.set_xlabel("bandwidth $h$")
        ax.set_title(rf"$\alpha = {alpha:g}$")
    first = figure.axes[0]
    first.set_ylabel(r"${\rm KL}(\rho \| \rho_h)\,/\,d$")
    handles, names = first.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4)
    return figure


FIGURES = (
    Drawing(
        "density_phases",
        "Gaussian data and kernel, n = e^(alpha d) points, d to infinity. Left: the estimate is "
        "normal above h_CLT, stable between h_CLT and h_G, and owned by a few points (condensed) "
        "below h_G. The bandwidth of least Kullback-Leibler divergence is condensed at every "
        "alpha, the rules of thumb more so; that of least squared error is condensed below "
        "alpha = 0.292. Right: the stable index of each. Where the relative variance is 1 nothing "
        "changes. All computed.",
        (),
        phases,
    ),
    Drawing(
        "density_risk",
        "Kullback-Leibler divergence from the truth, per dimension, over the bandwidth. Black: the "
        "limit, with a minimum in the condensed regime and no kink at h_G, where the shade "
        "changes. Colours: exact values at finite d, which approach it like log(d)/d. Dots are "
        "the minima. All computed.",
        (),
        risk,
    ),
)

"""Where the norm grows for two slopes: width against slope at three horizons (claim C17)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from figures import style
from figures.core import Drawing
from figures.depth_limit.sign_map import signs, zero_line
from figures.reading import mean
from simulations.core import Job, Result
from simulations.depth_limit import PATHS, Params
from theory import depth_limit as theory

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTHS = (1, 2, 3, 4, 5)
SLOPES = (np.arange(100) + 0.5) / 100
"""Never 0: there the rate of the far future jumps to -1/(2n)."""
NODES = (0.175, 0.5)
"""Where the ratio over [0, 1] is computed, besides the slopes 0 and 1."""
MEASURED = (0.1, 0.2, 0.3)
FEW = np.linspace(0.005, 0.4, 80)

_jobs = tuple(
    Job(PATHS, Params(width=3, activation=f"leaky_relu:{a:g}"), 500_000) for a in MEASURED
)

Array = np.ndarray[Any, Any]


def at_start(width: int, slopes: Array) -> Array:
    """The rate at time 0+."""
    return np.array([theory.log_norm_rate_at_zero(width, f"leaky_relu:{a}") for a in slopes])


def over_one(width: int, slopes: Array) -> Array:
    """E log ratio over [0, 1] without condition, to 4e-4.

    What it has beyond the rate at 0+ is interpolated in the slope, by a cubic.
    """
    known = np.array([0.0, *NODES, 1.0])
    alive = 1 - 0.5**width
    ratios = [alive * theory.log_ratio(width, 1.0).value]
    ratios += [theory.log_ratio(width, 1.0, a).value for a in known[1:]]
    rates = [alive * theory.log_norm_rate_at_zero(width), *at_start(width, known[1:])]
    beyond = np.polynomial.polynomial.polyfit(known, np.subtract(ratios, rates), 3)
    found: Array = at_start(width, slopes) + np.polynomial.polynomial.polyval(slopes, beyond)
    return found


def at_end(width: int, slopes: Array) -> Array:
    """The rate as time grows."""
    return np.array([theory.long_run_rate(width, float(a)) for a in slopes])


HORIZONS: tuple[tuple[str, Callable[[int, Array], Array]], ...] = (
    ("$t = 0+$", at_start),
    ("mean over $[0, 1]$", over_one),
    (r"$t \to \infty$", at_end),
)


def slope_map(results: Sequence[Result]) -> Figure:
    """The rate over width and slope at three horizons, and its zeros at width 3."""
    from matplotlib.colors import SymLogNorm

    figure = style.canvas(9.6, 3.2)
    *panels, last = figure.subplots(1, 4, width_ratios=[1, 1, 1, 1.5])
    scale = SymLogNorm(0.02, vmin=-0.5, vmax=0.5)
    zeros = zeros_at_three()
    for k, (ax, (title, rate)) in enumerate(zip(panels, HORIZONS, strict=True)):
        values = np.array([rate(n, SLOPES) for n in WIDTHS]).T
        mesh = ax.pcolormesh(WIDTHS, SLOPES, values, cmap=signs(), norm=scale, rasterized=True)
        ax.plot(*zero_line(SLOPES, values), color="black", lw=1.6)
        if k < len(zeros):
            ax.text(2.4, zeros[k], f"{zeros[k]:.3f}", ha="right", va="center")
        ax.set_title(title)
        ax.set_xlabel("width $n$")
        ax.set_xticks(WIDTHS)
        if ax is not panels[0]:
            ax.set_yticklabels([])
    panels[0].set_ylabel("slope $a$")
    bar = figure.colorbar(mesh, ax=panels)
    bar.set_label(r"rate of $E\,\log\,|\phi|$")
    _width_three(last, results)
    last.plot(zeros, [0.0, 0.0], "o", color="black", mfc="white", ms=4, zorder=4)
    return figure


def zeros_at_three() -> tuple[float, float]:
    """The slopes at which the first two rates of HORIZONS are zero at width 3."""
    from scipy import optimize

    later = optimize.brentq(lambda a: over_one(3, np.array([a]))[0], 0.1, 0.3)
    return theory.critical_slope(), float(later)


def _width_three(ax: Axes, results: Sequence[Result]) -> None:
    """The rates at width 3, where the sign depends on the slope."""
    ax.axhline(0, color="0.8", lw=0.8, zorder=0)
    look = ({"color": "black", "ls": "--"}, {"color": style.PREDICTED}, {"color": style.CYCLE[2]})
    for (name, rate), how in zip(HORIZONS, look, strict=True):
        ax.plot(FEW, rate(3, FEW), label=name, lw=1.1, **how)  # type: ignore[arg-type]  # by name
    found = [mean(result, "log_ratio_limit") for result in results]
    style.measured(ax, MEASURED, found, label=style.WITH_INTERVAL)
    ax.set_title("rate at $n = 3$")
    ax.set_xlabel("slope $a$")
    ax.set_xlim(0, FEW[-1])
    ax.set_ylim(-0.05, 0.1)
    ax.legend(loc="upper left", fontsize=8)


FIGURES = (
    Drawing(
        "slope_map",
        "Rate of the mean log norm after phi(x) = x for x > 0, a x for x < 0, over width n and "
        "slope a: at time 0+, averaged over [0, 1], and as time grows; black, the line between "
        "negative and positive. Right: width 3, the same three with points measured and "
        "extrapolated to infinite depth, with 99.9% intervals. At width 3 the rate at 0+ is zero "
        "at a = 0.1858, that over [0, 1] at 0.175, and that of the far future is positive for "
        "every a > 0 (width 2: zero). At a = 0 it is -1/(2n). Over [0, 1] the difference to the "
        "rate at 0+ is interpolated between the slopes 0, 0.175, 0.5 and 1.",
        _jobs,
        slope_map,
    ),
)

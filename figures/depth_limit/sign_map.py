"""Where the post-activation norm grows on average, over width and horizon (claims C9, C13)."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from figures import style
from figures.core import Drawing
from figures.depth_limit.plan import over_time
from simulations.core import Job, Result
from simulations.depth_limit import PATHS, Params
from theory import depth_limit as theory

if TYPE_CHECKING:
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

WIDTHS = tuple(range(1, 9))
HORIZON = 8
LAYERS = {1: 256, 2: 128}
"""Per unit of time, 64 from width 3 on: what extrapolation leaves is far below the intervals."""


def _job(width: int) -> Job:
    depth = LAYERS.get(width, 64) * HORIZON
    p = Params(width=width, depth=depth, time=float(HORIZON), records=HORIZON)
    return Job(PATHS, p, 100_000)


_jobs = tuple(map(_job, WIDTHS))

Array = np.ndarray[Any, Any]


def sign_map(results: Sequence[Result]) -> Figure:
    """The mean log ratio over width and horizon, with its signs and the line between them."""
    from matplotlib.colors import SymLogNorm

    series = [
        over_time(job, result, "log_ratio_limit")
        for job, result in zip(_jobs, results, strict=True)
    ]
    times = np.array(series[0][0])
    values = np.array([[e.value for e in found] for _, found in series]).T
    errors = np.array([[e.stderr for e in found] for _, found in series]).T
    z = NormalDist().inv_cdf(1 - (1 - style.LEVEL) / 2 / values.size)
    figure = style.canvas(5.4, 4.2)
    ax = figure.subplots()
    scale = SymLogNorm(0.02, vmin=-4, vmax=4)
    mesh = ax.pcolormesh(WIDTHS, times, values, cmap=signs(), norm=scale)
    for (row, column), value in np.ndenumerate(values):
        certain = abs(value) > z * errors[row, column]
        sign = ("+" if value > 0 else "\N{MINUS SIGN}") if certain else "?"
        ax.text(WIDTHS[column], float(times[row]), sign, ha="center", va="center", size=11)
    ax.plot(*zero_line(times, values), color="black", lw=3, label="zero, measured")
    ax.plot(*exact_zero_line(times), color=style.CYCLE[4], lw=1.2, ls="--", label="zero, predicted")
    figure.legend(loc="outside upper center", ncols=2)
    ax.set_xlabel("width $n$")
    ax.set_ylabel("horizon $T$")
    ax.set_yticks(times)
    bar = figure.colorbar(mesh, ax=ax)
    bar.set_label(r"$E\,\log\,|\phi(X_T)|/|\phi(X_0)|$")
    return figure


def zero_line(times: Array, values: Array) -> tuple[Array, Array]:
    """The line between negative and positive, for values that rise with the width.

    Between two times the values are interpolated; before the first they keep their sign.
    """
    half = (times[1] - times[0]) / 2
    t = np.linspace(times[0] - half, times[-1] + half, 1601)
    columns = [np.interp(t, times, column) for column in values.T]
    return WIDTHS[0] - 0.5 + np.sum(np.array(columns) < 0, axis=0), t


def exact_zero_line(times: Array) -> tuple[Array, Array]:
    """The line of `zero_line` at infinite depth, for a ratio that changes sign once or never.

    At width 4 it does, because the rate falls from r_4 > 0 to -1/8.  Where the rate begins below
    zero or the ratio ends above zero there is no change.
    """
    from scipy import optimize

    half = (times[1] - times[0]) / 2
    first, last = float(times[0] - half), float(times[-1] + half)
    t = np.linspace(first, last, 1601)
    negative = np.zeros_like(t)
    for n in WIDTHS:
        if theory.log_norm_rate_at_zero(n) < 0:
            negative += 1
        elif theory.log_ratio(n, last).value < 0:
            negative += t > optimize.brentq(_ratio, first, last, args=(n,))
    return WIDTHS[0] - 0.5 + negative, t


def _ratio(time: float, width: int) -> float:
    return theory.log_ratio(width, time).value


def signs() -> Colormap:
    """Colours of negative and positive values, white at zero."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("signs", [style.CYCLE[1], "white", style.CYCLE[0]])


FIGURES = (
    Drawing(
        "sign_map",
        "Mean log ratio of the post-activation norm given N_0 > 0 over width and horizon "
        "(T is sigma_w^2), measured and extrapolated to infinite depth. + and \N{MINUS SIGN} mark "
        "signs that are certain, all 64 together at 99.9%; ? marks the others. The black line is "
        "where the measured value crosses zero, the dashed one where the predicted one does "
        "(width 4: T = 5.704).",
        _jobs,
        sign_map,
    ),
)

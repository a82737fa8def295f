"""The mean log norms at time 1 over the width: of the signal, of tangents and of gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from figures import style
from figures.core import Drawing
from figures.depth_limit.plan import standard
from figures.reading import mean, rescaled
from simulations.core import Experiment, Job, Result
from simulations.depth_limit import GRADIENT, PRE_NORM, TANGENT, Params
from theory import depth_limit as theory

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTHS = (2, 3, 4, 5, 6, 8, 10, 14, 20)
NORM_WIDTHS = (2, 3, 4, 6, 10)
GRADIENT_DEPTH = 64
"""A gradient is not extrapolated: at this depth its bias is below its interval."""

_signals = tuple(standard(n) for n in WIDTHS)
_after = tuple(standard(n) for n in NORM_WIDTHS)


def every_width(results: Sequence[Result]) -> Figure:
    """Left, the mean log ratio at time 1; right, how far it is from the constant rate."""
    figure = style.canvas(7.6, 3.2)
    left, right = figure.subplots(1, 2)
    found = [mean(result, "log_ratio_limit") for result in results]
    exact = [theory.log_ratio(n, 1.0).value for n in WIDTHS]
    constant = [theory.constant_rate_log_ratio(n, 1.0) for n in WIDTHS]
    gaps = [1e3 * (e - c) for e, c in zip(exact, constant, strict=True)]
    far = [rescaled(e, c, 1e3) for e, c in zip(found, constant, strict=True)]
    left.axhline(0, color="0.8", lw=0.8, zorder=0)
    for ax, dashed, line, points in (
        (left, constant, exact, found),
        (right, [0.0] * len(WIDTHS), gaps, far),
    ):
        ax.plot(WIDTHS, dashed, "--", color=style.DOUBTED, lw=1, label="constant rate $r_n$")
        ax.plot(WIDTHS, line, color=style.PREDICTED, label="predicted")
        style.measured(ax, WIDTHS, points, label=style.WITH_INTERVAL)
        _width_axis(ax, WIDTHS)
    _name_change(left)
    left.set_ylabel(r"$E\,\log\,|\phi(X_1)|/|\phi(X_0)|$")
    right.set_ylabel(r"the same minus $r_n$   ($\times 10^{-3}$)")
    left.legend(loc="lower right")
    return figure


def _name_change(ax: Axes) -> None:
    """Where the sign changes: between widths 3 and 4."""
    ax.axvspan(3, 4, color="0.93", lw=0, zorder=-1)
    ax.text(3.46, 0.19, "sign\nchange", ha="center", va="top", fontsize=7, color=style.DOUBTED)


def _width_axis(ax: Axes, widths: Sequence[int]) -> None:
    ax.set_xscale("log")
    ax.set_xticks(widths, [str(n) for n in widths])
    ax.minorticks_off()
    ax.set_xlabel("width $n$")


def _norm(experiment: Experiment, width: int, samples: int, **more: object) -> Job:
    return Job(experiment, Params(width=width, **more), samples)  # type: ignore[arg-type]  # by name


_before = tuple(_norm(PRE_NORM, n, 100_000) for n in NORM_WIDTHS)
_tangents = tuple(_norm(TANGENT, n, 100_000) for n in NORM_WIDTHS)
_gradients = {
    direction: tuple(
        _norm(GRADIENT, n, 800_000 // n, depth=GRADIENT_DEPTH, direction=direction)
        for n in NORM_WIDTHS
    )
    for direction in ("first", "uniform")
}

SERIES = (
    (r"$|\phi(X)|$, after $\phi$", "log_ratio_limit", _after),
    ("$|X|$, before $\\phi$", "log_pre_norm_alive_limit", _before),
    ("$|J e_1|$, tangent", "tangent_alive_limit", _tangents),
    ("$|J^T e_1|$, gradient", "gradient_alive", _gradients["first"]),
    ("$|J^T u|$, $u$ uniform", "gradient_alive", _gradients["uniform"]),
)
"""Name, estimate and runs of each norm."""


def tangents(results: Sequence[Result]) -> Figure:
    """Mean log growth over [0, 1] of five norms; right, after subtracting that at time 0+."""
    figure = style.canvas(8.2, 3.4)
    left, right = figure.subplots(1, 2)
    early = [theory.tangent_rate_at_zero(n, given_alive=True) for n in NORM_WIDTHS]
    exact = [theory.log_ratio(n, 1.0).value for n in NORM_WIDTHS]
    for ax in (left, right):
        ax.axhline(0, color="0.8", lw=0.8, zorder=0)
    left.plot(NORM_WIDTHS, exact, color=style.CYCLE[0], lw=1)
    left.plot(NORM_WIDTHS, early, "--", color=style.DOUBTED, lw=1, zorder=0)
    for k, (label, name, jobs) in enumerate(SERIES):
        here, results = results[: len(jobs)], results[len(jobs) :]
        found = [mean(result, name) for result in here]
        x = [n * 1.025 ** (k - 2.5 if k else 0) for n in NORM_WIDTHS]
        style.measured(left, x, found, color=style.CYCLE[k], label=label)
        if k:
            apart = [rescaled(e, r, 1e3) for e, r in zip(found, early, strict=True)]
            style.measured(right, x, apart, color=style.CYCLE[k])
    for ax in (left, right):
        _width_axis(ax, NORM_WIDTHS)
    left.set_ylabel("mean log growth over $[0, 1]$")
    right.set_ylabel(r"the same minus the rate at $0+$   ($\times 10^{-3}$)")
    left.legend(loc="lower right", fontsize=8)
    return figure


FIGURES = (
    Drawing(
        "every_width",
        "Mean log ratio of the post-activation norm over [0, 1] given N_0 > 0 against the width: "
        "points measured and extrapolated to infinite depth, with 99.9% intervals; the solid line "
        "joins the values of the Galerkin method (width 2: of the one-dimensional equation), "
        "whose error is below 1e-5; dashes are the constant rate r_n. Right: the same after "
        "subtracting r_n. The sign changes from width 3 to width 4.",
        _signals,
        every_width,
    ),
    Drawing(
        "tangents",
        "Mean log growth over [0, 1] given N_0 > 0 of the norm after and before phi, of the "
        "forward tangent and of the backward gradient (to e_1 and to a uniform direction), with "
        "99.9% intervals; norms and tangents extrapolated to infinite depth, gradients at depth "
        "64; points moved sideways a little, to be told apart. Solid, what is predicted after "
        "phi; dashed, the rate at time 0+ that the other four share, (n-2)/(4n (1 - 2^-n)). "
        "Right: what differs from that rate. The norm after phi changes sign from width 3 to 4, "
        "the others at width 2, where all but the gradient to e_1 stay at zero. At width 1 all "
        "five are -1/2.",
        tuple(job for _, _, jobs in SERIES for job in jobs),
        tangents,
    ),
)

"""Shaped networks, random in the joint limit (claim C9), beside those of the other figures."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from figures import style
from figures.commutation.plan import CORRELATION, SIZES, mlp, over_time, recorded, resnet, variance
from figures.core import Drawing
from simulations.commutation import PATHS, Params
from simulations.core import Estimate, Job, Result
from theory import commutation as theory

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 70
HORIZON = 4
SLOPES = (1.0, 0.0)
"""c_+ = -c_-; with 0 the network is linear."""
TIMES = np.array([0, 0.125, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 3.5, 4])

_shaped = tuple(
    Job(
        PATHS,
        Params(
            architecture="shaped",
            width=WIDTH,
            depth=HORIZON * WIDTH,
            records=8,
            c_plus=c,
            c_minus=-c,
        ),
        2048,
    )
    for c in SLOPES
)
_resnets = tuple(resnet(WIDTH, depth) for depth in SIZES)
_mlps = tuple(mlp(WIDTH, depth) for depth in SIZES)

Array = np.ndarray[Any, Any]


@functools.cache
def correlation_law(c: float) -> tuple[Array, Array]:
    """Mean and standard deviation of the limiting correlation at TIMES."""
    found = [theory.shaped_correlation_moments(CORRELATION, c, -c, float(t)) for t in TIMES]
    mean = np.array([m.mean for m in found])
    second = np.array([m.second for m in found])
    return mean, np.sqrt(np.maximum(second - mean**2, 0))


def shaped_limit(results: Sequence[Result]) -> Figure:
    """Left, the correlation in the joint limit; right, the variance of the log kernel."""
    figure = style.canvas(7.6, 3.4)
    left, right = figure.subplots(1, 2)
    shaped = results[: len(SLOPES)]
    for c, color, result in zip(SLOPES, style.CYCLE, shaped, strict=False):
        mean, spread = correlation_law(c)
        for edge in (mean - spread, np.minimum(mean + spread, 1)):
            left.plot(TIMES, edge, ":", color=color, lw=0.9)
        left.plot(TIMES, mean, color=color)
        times, found = over_time(_shaped[0].params, result, "correlation")
        label = rf"$c_+ = -c_- = {c:g}$"
        style.measured(left, [HORIZON * t for t in times], found, color=color, label=label)
    _variances(right, results)
    left.set_xlim(0, HORIZON + 0.1)
    left.set_ylim(-1, 1)
    left.set_ylabel(r"correlation $\rho_T$")
    left.set_xlabel("$T = L/n$")
    left.legend(loc="lower left", title="shaped networks", alignment="left")
    return figure


def _variances(ax: Axes, results: Sequence[Result]) -> None:
    """Var log hat q over L/n: 5 T, 2 T and constant."""
    ratios = [depth / WIDTH for depth in SIZES]
    exact = [theory.mlp_log_moments(WIDTH, depth).variance for depth in SIZES]
    one, two = (theory.mlp_log_moments(WIDTH, depth).variance for depth in (1, 2))
    first = 2 * one - two  # of Y_0 alone
    fine = np.geomspace(ratios[0], ratios[-1], 41).tolist()
    limit = [first + theory.shaped_log_variance(t).variance for t in fine]
    constant = len(fine) * [theory.log_expansion(1.0, 1.0).variance / WIDTH]
    records = recorded(_shaped[0].params)
    found = [variance(results[0], f"var_log_q{at}") for at, _ in records]
    measured = [variance(r, "var_log_q") for r in results[len(SLOPES) :]]
    residual, mlps = measured[: len(SIZES)], measured[len(SIZES) :]
    times = [HORIZON * t for _, t in records]
    _line(ax, "perceptron", style.CYCLE[2], ratios, exact, ratios, mlps)
    _line(ax, "shaped", style.CYCLE[0], fine, limit, times, found)
    _line(ax, "residual", style.CYCLE[3], fine, constant, ratios, residual)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("$L/n$")
    ax.set_ylabel(r"Var $\log\,\hat q_L(a,a)$")
    ax.set_title(f"$n = {WIDTH}$")


def _line(
    ax: Axes,
    name: str,
    color: str,
    x: Sequence[float],
    y: Sequence[float],
    at: Sequence[float],
    found: Sequence[Estimate],
) -> None:
    ax.plot(x, y, color=color)
    style.measured(ax, at, found, color=color)
    style.name(ax, x[-1], y[-1], name, color)


FIGURES = (
    Drawing(
        "shaped_limit",
        "Left: shaped perceptrons of width 70, slopes 1 + c/n^(1/2), two inputs of correlation "
        "0.3: mean correlation after L = T n layers, with 99.9% intervals, against that of the "
        "limiting diffusion; dots are one standard deviation of the limit, which is random, away. "
        "Right: variance of the log kernel in three networks of width 70, with 99.9% intervals; "
        "lines are 5 L/n (perceptron, exact), 2 L/n (shaped, limit; with the variance that the "
        "first layer brings) and v/n (residual, first order in 1/n).",
        (*_shaped, *_resnets, *_mlps),
        shaped_limit,
    ),
)

"""The pictures of classifiers: one run with its methods in rows, and the learning curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from simulations.core import Estimate, Result
from simulations.ntk_classifiers.params import Params
from simulations.plot import MEASURED, PREDICTED, Z

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simulations.sweeps import Plan

COLOURS = (MEASURED, PREDICTED, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Hues told apart by every kind of colour vision (Okabe and Ito)."""
WORDS = {"excess": "excess risk", "error": "share of errors"}


def methods_picture(p: Params, result: Result, predictions: dict[str, dict[str, Any]]) -> Figure:
    """The excess (or error) of every method in a row of its own, with its limit of many points."""
    from matplotlib.figure import Figure

    kind = _kind(p)
    figure = Figure(figsize=(7, 1.2 + 0.45 * len(p.methods)), layout="constrained")
    ax = figure.subplots()
    ax.axvline(0, color="0.8", lw=0.8)
    for row, text in enumerate(p.methods):
        value, half = _bar(result[f"{kind}@{text}"])
        label = "measured" if row == 0 else None
        ax.errorbar(value, row, xerr=half, fmt="o", ms=4, color=MEASURED, label=label)
    said = [predictions.get(f"{kind}@{text}", {}).get("limit", math.nan) for text in p.methods]
    if any(map(math.isfinite, said)):
        rows = range(len(said))
        ax.plot(said, rows, "|", ms=16, mew=2, color=PREDICTED, label="many points")
    ax.set_yticks(range(len(p.methods)), p.methods)
    ax.set_ylim(len(p.methods) - 0.5, -0.5)
    ax.set_xlabel(f"{WORDS[kind]}, {p.points} training points")
    ax.legend(frameon=False, fontsize="small")
    return figure


def learning_curve(
    plan: Plan, results: Sequence[Result], predictions: Sequence[dict[str, Any]]
) -> Figure | None:
    """Of a sweep over `points`: every method over their number, and its limit of many points."""
    if plan.over != ("points",) or len({p.methods for p in plan.params}) > 1:
        return None
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.2), layout="constrained")
    ax = figure.subplots()
    order = sorted(range(len(results)), key=lambda i: plan.params[i].points)
    methods = plan.params[0].methods
    for place, text in enumerate(methods):
        colour = COLOURS[place % len(COLOURS)]
        _curve(ax, text, colour, [(plan.params[i], results[i]) for i in order], predictions[0])
    ax.set_xscale("log")
    ticks = sorted({p.points for p in plan.params})
    ax.set_xticks(ticks, map(str, ticks))
    ax.xaxis.minorticks_off()
    ax.set_xlabel("training points")
    ax.set_ylabel(WORDS[_kind(plan.params[0])])
    bars = [_bar(results[i][f"{_kind(plan.params[i])}@{m}"]) for i in order for m in methods]
    low, high = min(v - h for v, h in bars), max(v + h for v, h in bars)
    if low > 0:
        ax.set_yscale("log")
        ax.set_ylim(0.7 * low, high / 0.7)
    ax.legend(frameon=False, fontsize="small", title="dashed: many points")
    return figure


def _curve(
    ax: Axes, text: str, colour: str, runs: list[tuple[Params, Result]], said: dict[str, Any]
) -> None:
    name = f"{_kind(runs[0][0])}@{text}"
    points = [p.points for p, _ in runs]
    values, halves = zip(*(_bar(result[name]) for _, result in runs), strict=True)
    ax.errorbar(points, values, halves, fmt="o-", ms=4, lw=1, color=colour, label=text)
    if "limit" in said.get(name, {}):
        ax.axhline(said[name]["limit"], ls="--", lw=1, color=colour)


def _kind(p: Params) -> str:
    return "error" if p.table else "excess"


def _bar(estimate: Any) -> tuple[float, float]:
    """Value and half of a 99.9 % interval, 0 where there is none."""
    assert isinstance(estimate, Estimate), "a mean"
    half = Z * estimate.stderr
    return estimate.value, half if math.isfinite(half) else 0.0

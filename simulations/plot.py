"""The picture of a run: measured against predicted, with 99.9 % intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulations.core import Estimate, Result, Twin
from simulations.store import replacing
from simulations.sweeps import Plan

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Z = 3.29  # two-sided 99.9 %
MEASURED, PREDICTED = "#0072B2", "#D55E00"
"""Two hues told apart by every kind of colour vision (Okabe and Ito)."""


def draw(
    path: Path,
    plan: Plan,
    results: Sequence[Result],
    predictions: Sequence[dict[str, Any]],
    twin: Twin,
) -> None:
    """Write the picture: the headline of every run, or every predicted estimate of a single one.

    Where theory predicts none of a run's estimates, all that its table shows are drawn.
    """
    import matplotlib

    if plan.over:
        own = twin.sweep_picture(plan, results, predictions)
    else:
        own = twin.picture(plan.params[0], results[0], predictions[0])
    figure = own or _figure(plan, results, predictions, twin)
    with matplotlib.rc_context({"svg.hashsalt": twin.experiment(plan.params[0]).name}):
        date = {".svg": "Date", ".pdf": "CreationDate"}.get(path.suffix)
        with replacing(path) as file:
            kind = path.suffix[1:]
            figure.savefig(file, format=kind, metadata={date: None} if date else {}, dpi=160)


def _figure(
    plan: Plan, results: Sequence[Result], predictions: Sequence[dict[str, Any]], twin: Twin
) -> Figure:
    from matplotlib.figure import Figure

    shown = [k for k, e in results[0].items() if isinstance(e, Estimate) and twin.shown(k)]
    said = {k for k, p in predictions[0].items() if p.keys() & {"predicted", "limit"}}
    names = [k for k in shown if k in said] or shown
    height = 4.0 if plan.over else 0.7 + 0.75 * len(names)
    figure = Figure(figsize=(7, height), layout="constrained")
    if plan.over:
        headline = twin.headline_of(results)
        _every_run(figure.subplots(), plan, results, predictions, headline)
    else:
        axes = figure.subplots(len(names), squeeze=False)[:, 0]
        for ax, name in zip(axes, names, strict=True):
            _one_estimate(ax, name, results[0][name], predictions[0].get(name, {}))
        drawn = [zip(*ax.get_legend_handles_labels(), strict=True) for ax in axes]
        handles = {label: handle for one in drawn for handle, label in one}
        if handles:
            place = {"loc": "lower right", "bbox_to_anchor": (1, 1), "frameon": False}
            axes[0].legend(handles.values(), handles.keys(), ncols=3, **place)
    return figure


def _every_run(
    ax: Axes,
    plan: Plan,
    results: Sequence[Result],
    predictions: Sequence[dict[str, Any]],
    headline: str,
) -> None:
    """The headline over the last parameter, the values of the others in groups side by side."""
    places = range(len(results))
    measured = [r[headline] for r in results]
    values = [e.value for e in measured if isinstance(e, Estimate)]
    errors = [Z * e.stderr for e in measured if isinstance(e, Estimate)]
    ax.axhline(0, color="0.8", lw=0.8)
    for key in ("predicted", "limit"):
        said = [p.get(headline, {}).get(key, math.nan) for p in predictions]
        if any(map(math.isfinite, said)):
            ax.plot(places, said, "_", ms=22, mew=2, color=PREDICTED, label=key)
            break
    ax.errorbar(places, values, errors, fmt="o", ms=4, color=MEASURED, label="measured")
    ax.set_xticks(places, [", ".join(map(str, label)) for label in plan.labels])
    ax.tick_params("x", rotation=90 if len(places) > 12 else 0)
    ax.set_xlabel(", ".join(plan.over))
    ax.set_ylabel(headline.replace("_", " "))
    ax.legend(frameon=False)


def _one_estimate(ax: Axes, name: str, estimate: Any, said: dict[str, Any]) -> None:
    for key, style in (("predicted", "-"), ("limit", ":")):
        if key in said:
            ax.axvline(said[key], color=PREDICTED, ls=style, label=key)
    if "band" in said:
        ax.axvspan(*said["band"], color=PREDICTED, alpha=0.15, lw=0, label="one network")
    ax.errorbar(estimate.value, 0, xerr=Z * estimate.stderr, fmt="o", ms=4, color=MEASURED)
    ax.set_yticks([0], [name])
    ax.spines[["left", "right", "top"]].set_visible(False)
    ax.margins(x=0.3)

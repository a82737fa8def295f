"""The picture of a run: measured against predicted, with 99.9 % intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulations.core import Estimate, Params, Result, Twin
from simulations.store import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Z = 3.29  # two-sided 99.9 %
MEASURED, PREDICTED = "#0072B2", "#D55E00"
"""Two hues told apart by every kind of colour vision (Okabe and Ito)."""


def draw(
    path: Path,
    params: Sequence[Params],
    results: Sequence[Result],
    predictions: Sequence[dict[str, Any]],
    twin: Twin,
) -> None:
    """Write the picture: the headline over the surveyed sizes, or every predicted estimate.

    Where theory predicts none of a run's estimates, all that its table shows are drawn.
    """
    import matplotlib
    from matplotlib.figure import Figure

    said = [k for k, p in predictions[0].items() if p.keys() & {"predicted", "limit"}]
    names = [k for k in said if isinstance(results[0].get(k), Estimate)]
    names = names or [k for k, e in results[0].items() if isinstance(e, Estimate) and twin.shown(k)]
    survey = len(params) > 1
    height = 4.0 if survey else 0.7 + 0.75 * len(names)
    figure = Figure(figsize=(7, height), layout="constrained")
    if survey:
        _over_sizes(figure.subplots(), params, results, predictions, twin)
    else:
        axes = figure.subplots(len(names), squeeze=False)[:, 0]
        for ax, name in zip(axes, names, strict=True):
            _one_estimate(ax, name, results[0][name], predictions[0].get(name, {}))
        if said:
            axes[0].legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False)
    with matplotlib.rc_context({"svg.hashsalt": twin.experiment(params[0]).name}):
        date = {".svg": "Date", ".pdf": "CreationDate"}.get(path.suffix)
        with replacing(path) as file:
            kind = path.suffix[1:]
            figure.savefig(file, format=kind, metadata={date: None} if date else {}, dpi=160)


def _over_sizes(
    ax: Axes,
    params: Sequence[Params],
    results: Sequence[Result],
    predictions: Sequence[dict[str, Any]],
    twin: Twin,
) -> None:
    sizes = [getattr(p, twin.survey_over) for p in params]
    places = range(len(sizes))
    measured = [r[twin.headline] for r in results]
    values = [e.value for e in measured if isinstance(e, Estimate)]
    errors = [Z * e.stderr for e in measured if isinstance(e, Estimate)]
    ax.axhline(0, color="0.8", lw=0.8)
    said = [p.get(twin.headline, {}).get("predicted", float("nan")) for p in predictions]
    if any(map(math.isfinite, said)):
        ax.plot(places, said, "_", ms=22, mew=2, color=PREDICTED, label="predicted")
    ax.errorbar(places, values, errors, fmt="o", ms=4, color=MEASURED, label="measured")
    ax.set_xticks(places, [str(s) for s in sizes])
    ax.set_xlabel(twin.survey_over)
    ax.set_ylabel(twin.headline.replace("_", " "))
    ax.legend(frameon=False)


def _one_estimate(ax: Axes, name: str, estimate: Any, said: dict[str, float]) -> None:
    for key, style in (("predicted", "-"), ("limit", ":")):
        if key in said:
            ax.axvline(said[key], color=PREDICTED, ls=style, label=key)
    ax.errorbar(estimate.value, 0, xerr=Z * estimate.stderr, fmt="o", ms=4, color=MEASURED)
    ax.set_yticks([0], [name])
    ax.spines[["left", "right", "top"]].set_visible(False)
    ax.margins(x=0.3)

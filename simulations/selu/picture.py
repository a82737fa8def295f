"""The picture of a user's own network."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from simulations.core import Estimate, Result
from simulations.plot import MEASURED, PREDICTED, Z
from simulations.selu.params import Params
from simulations.selu.report import domains, hidden

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INDEPENDENT, SHARED = "#009E73", "#CC79A7"


def network_picture(p: Params, result: Result, predictions: dict[str, dict[str, Any]]) -> Figure:
    """Every neuron's omega and tau with the proved domains; mean and variance of every layer."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.6), layout="constrained")
    plane, mean, variance = figure.subplot_mosaic(
        [["plane", "mean"], ["plane", "variance"]]
    ).values()
    _plane(plane, p)
    numbers = [layer.number for layer in hidden(p)]
    for ax, name in ((mean, "mean"), (variance, "variance")):
        _moments(ax, name, numbers, result, predictions)
    mean.legend(frameon=False, fontsize="small")
    variance.set_xlabel("hidden layer")
    return figure


def _plane(ax: Axes, p: Params) -> None:
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    layers = list(hidden(p))
    for layer in layers:
        colour = colormaps["viridis"](0.9 * (layer.number - 1) / max(1, len(layers) - 1))
        label = f"layer {layer.number}" if len(layers) <= 8 else None
        ax.plot(layer.omega, layer.tau, ".", ms=4, color=colour, label=label)
    for domain in domains():
        (left, right), (low, high) = domain.omega, domain.tau
        style = "-" if domain.name == "theorem 1" else ":"
        box = Rectangle((left, low), right - left, high - low, fill=False, ls=style, ec=PREDICTED)
        box.set_label(domain.name)
        ax.add_patch(box)
    ax.set_xlabel(r"$\omega$, sum of a neuron's weights")
    ax.set_ylabel(r"$\tau$, sum of their squares")
    ax.legend(frameon=False, fontsize="small")


def _moments(
    ax: Axes, name: str, numbers: list[int], result: Result, said: dict[str, dict[str, Any]]
) -> None:
    found = [result[f"{name}@{k}"] for k in numbers]
    values = [e.value for e in found if isinstance(e, Estimate)]
    errors = [Z * e.stderr for e in found if isinstance(e, Estimate)]
    ax.errorbar(numbers, values, errors, fmt="o", ms=4, color=MEASURED, label="measured")
    for key, label, colour in (
        ("predicted", "predicted, with covariances", PREDICTED),
        ("independent", "every neuron its own, independent", INDEPENDENT),
        ("shared", "one mean and variance a layer", SHARED),
    ):
        theory = [said[f"{name}@{k}"].get(key, math.nan) for k in numbers]
        ax.plot(numbers, theory, "_", ms=14, mew=2, color=colour, label=label)
    ax.set_ylabel(name)
    ax.set_xticks(numbers)

"""Laws in networks as wide as they are deep: of neurons, and of the log kernel (claims C6, C8)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from figures import style
from figures.commutation.plan import CORRELATION, ONE_INPUT
from figures.core import Drawing
from simulations.commutation import PATHS, Params
from simulations.core import Job, Law, Result
from theory import commutation as theory

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray[Any, Any]

NEURON_SIZES = (50, 200)
BINS = np.linspace(-2.8, 2.8, 15)
"""Edges of the bins of a neuron, in standard deviations of the limit."""


def spread(binned: str) -> float:
    """Standard deviation of Y(a), or of Y(a) - Y(b), in the limit."""
    q = theory.covariance(1.0, 1.0, CORRELATION, 1.0)
    return math.sqrt(q.q_aa if binned == "neuron" else q.q_aa + q.q_bb - 2 * q.q_ab)


def _neuron(size: int, binned: str) -> Job:
    edges = tuple((spread(binned) * BINS).tolist())
    gram = ONE_INPUT if binned == "neuron" else ()
    p = Params(width=size, depth=size, binned=binned, edges=edges, gram=gram)
    return Job(PATHS, p, 40_960 if size < 100 else 4096)


BINNED = (("neuron", "$Y_{L,1}(a)$"), ("difference", "$Y_{L,1}(a) - Y_{L,1}(b)$"))
_neurons = tuple(_neuron(n, binned) for binned, _ in BINNED for n in NEURON_SIZES)


def neuron_laws(results: Sequence[Result]) -> Figure:
    """Histograms of one neuron on one input and of its difference on two, with the limit."""
    figure = style.canvas(7.6, 4.4)
    panels = figure.subplots(2, 4, sharey="row", height_ratios=[1.6, 1])
    for k, (job, result) in enumerate(zip(_neurons, results, strict=True)):
        above, below = panels[:, k]
        binned, name = BINNED[k // len(NEURON_SIZES)]
        law, scale = _law(result), spread(binned)
        inside = law.counts[1:-1]
        style.histogram(above, inside, law.counts.sum(), law.edges, label=style.WITH_INTERVAL)
        x = scale * np.linspace(BINS[0], BINS[-1], 201)
        above.plot(x, _normal(x, 0, scale**2), color=style.PREDICTED, label="limit")
        _ratio(below, law, scale)
        above.set_title(f"$n = L = {job.params.width}$")
        above.set_xticklabels([])
        below.set_xlabel(name)
        for ax in (above, below):
            ax.set_xlim(x[0], x[-1])
    panels[0, 0].set_ylabel("density")
    panels[0, 0].set_ylim(bottom=0)
    panels[1, 0].set_ylabel("measured / limit")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


def _ratio(ax: Axes, law: Law, scale: float) -> None:
    """Measured over predicted probability of every bin."""
    total, middle = law.counts.sum(), (law.edges[1:] + law.edges[:-1]) / 2
    limit = np.diff(_normal_cdf(law.edges, scale))
    share = law.counts[1:-1] / total
    error = style.Z * np.sqrt(share * (1 - share) / total)
    ax.axhline(1, color=style.PREDICTED, lw=1)
    look: Any = {"fmt": "o", "ms": 2, "elinewidth": 0.8, "color": style.MEASURED}
    ax.errorbar(middle, share / limit, error / limit, **look)
    ax.set_ylim(0.2, 1.8)


LOG_SIZE = 100
LOG_SAMPLES = 8192


def _log_laws() -> tuple[tuple[float, float], tuple[float, float]]:
    """Mean and variance of log hat q at n = L: residual network, then perceptron."""
    wide = theory.log_expansion(1.0, 1.0, depth=LOG_SIZE)
    exact = theory.mlp_log_moments(LOG_SIZE, LOG_SIZE)
    residual = wide.value + wide.bias / LOG_SIZE, wide.variance / LOG_SIZE
    return residual, (exact.mean, exact.variance)


LOG_EDGES = (np.linspace(-0.5, 1.5, 31), np.linspace(-12, 6, 31))
"""Of the same two."""


def _log(architecture: Any, edges: Array) -> Job:
    p = Params(
        architecture=architecture,
        width=LOG_SIZE,
        depth=LOG_SIZE,
        gram=ONE_INPUT,
        binned="log_q",
        edges=tuple(edges.tolist()),
    )
    return Job(PATHS, p, LOG_SAMPLES)


_logs = (_log("resnet", LOG_EDGES[0]), _log("mlp", LOG_EDGES[1]))


def log_kernel_laws(results: Sequence[Result]) -> Figure:
    """The law of the log kernel at n = L = 100 in both networks, and the first one enlarged."""
    figure = style.canvas(7.6, 3.2)
    left, right = figure.subplots(1, 2, width_ratios=[1.5, 1])
    colors, names = (style.CYCLE[0], style.CYCLE[2]), ("residual network", "perceptron")
    for result, color, name, (mean, variance) in zip(
        results, colors, names, _log_laws(), strict=True
    ):
        law = _law(result)
        counts, total = law.counts[1:-1], law.counts.sum()
        for ax in (left, right) if name == names[0] else (left,):
            style.histogram(ax, counts, total, law.edges, color=color, label=name)
            x = np.linspace(law.edges[0], law.edges[-1], 301)
            label = "predicted normal laws" if name == names[1] else None
            look: Any = {"color": style.PREDICTED, "label": label}
            ax.plot(x, _normal(x, mean, variance), **look)
    limits = (0.5, right, "black"), (0.5, left, colors[0]), (0.0, left, colors[1])
    for at, ax, color in limits:
        ax.axvline(at, color=color, ls=":", lw=0.9)
    left.set_xlim(LOG_EDGES[1][0], LOG_EDGES[1][-1])
    right.set_xlim(LOG_EDGES[0][0], LOG_EDGES[0][-1])
    for ax in (left, right):
        ax.set_ylim(bottom=0)
        ax.set_xlabel(r"$\log\,\hat q_L(a,a)$")
    left.set_ylabel("density")
    left.legend(loc="upper left")
    right.set_title("residual network, enlarged")
    return figure


def _law(result: Result) -> Law:
    law = result["law"]
    assert isinstance(law, Law), "laws are binned"
    return law


def _normal(x: Array, mean: float, variance: float) -> Array:
    result: Array = np.exp(-((x - mean) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)
    return result


def _normal_cdf(x: Array, scale: float) -> Array:
    from scipy import special

    return np.asarray(special.ndtr(x / scale))


FIGURES = (
    Drawing(
        "neuron_laws",
        "One neuron per network at the last of L layers, ReLU: its value on an input, and the "
        "difference of its values on two inputs of correlation 0.3, against the Gaussian laws of "
        "covariance q_1 that are the limit for n and L to infinity in any order. Below, measured "
        "over limiting probability of each bin: at n = 50 the middle is too high by a few percent, "
        "as an excess kurtosis of order 1/n makes it. Intervals are 99.9%.",
        _neurons,
        neuron_laws,
    ),
    Drawing(
        "log_kernel_laws",
        "Law of the log kernel of one input over networks with n = L = 100, ReLU, with 99.9% "
        "intervals. Lines are normal laws with the predicted mean and variance: to first order "
        "in 1/n for the residual network, exact for the perceptron. Dots mark the limits of "
        "infinite width, 1/2 and 0: the perceptron is far from its own.",
        _logs,
        log_kernel_laws,
    ),
)

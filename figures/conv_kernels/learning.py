"""How fast the kernels learn a field that depends on one meta-patch (claim C5)."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from figures import style
from figures.core import Drawing
from figures.reading import mean
from simulations.conv_kernels import LEARNING, Params
from simulations.core import Estimate, Job, Result
from theory import conv_kernels as theory

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray[Any, Any]

DESIGNS = {64: 64, 128: 32, 256: 24, 512: 12, 1024: 6}
"""Designs of each number of points."""
POINTS = np.array(list(DESIGNS))
GRIDS = {1: 65536, 2: 1536}
"""Points a circle of the spectra for the deterministic equivalent, by the number of patches; the
grid's edge holds less than a tenth of every curve."""


@dataclass(frozen=True)
class Curve:
    """An NTK student of this depth, patches of two; a teacher on one meta-patch of this level."""

    depth: int
    level: int
    teacher: Literal["ntk", "rfk"] = "ntk"

    @property
    def sizes(self) -> tuple[int, ...]:
        """Patches of the student."""
        return (2,) * self.depth

    @property
    def jobs(self) -> tuple[Job, ...]:
        """One for each number of points."""
        look: Any = {"patch_sizes": self.sizes, "level": self.level, "teacher": self.teacher}
        return tuple(
            Job(LEARNING, Params(points=points, **look), designs)
            for points, designs in DESIGNS.items()
        )

    @property
    def beta(self) -> float:
        """The predicted exponent."""
        return theory.learning_exponent(self.sizes, "ntk", self.teacher, self.level)


FLAT = Curve(2, 2), Curve(2, 1), Curve(2, 2, "rfk")
DEEP = Curve(3, 3), Curve(3, 2), Curve(3, 1)
EVERY = (Curve(1, 1), *FLAT, *DEEP)
COLORS = {1: style.CYCLE[0], 2: style.CYCLE[2], 3: style.CYCLE[3]}
"""Of the teacher's level."""


@functools.cache
def equivalent(curve: Curve) -> Array:
    """The deterministic equivalent at POINTS; students of up to two layers."""
    patches = 2 ** (curve.depth - 1)
    student, teacher = (
        theory.spectrum(sizes, kind, GRIDS[patches], patches)
        for sizes, kind in ((curve.sizes, "ntk"), ((2,) * curve.level, curve.teacher))
    )
    return theory.learning_curve(student, teacher, POINTS).error


def errors(curve: Curve, results: Sequence[Result]) -> list[Estimate]:
    """Errors at POINTS; their standard errors are widened to Student's interval."""
    from scipy import special

    found = []
    for result in results:
        e = mean(result, "error")
        quantile = float(special.stdtrit(e.samples - 1, (1 + style.LEVEL) / 2))
        found.append(e._replace(stderr=e.stderr * quantile / style.Z))
    return found


def fit(found: Sequence[Estimate]) -> Estimate:
    """Minus the slope of log error in log n, all sizes weighted alike."""
    weights = slope_weights()
    value = -sum(w * np.log(e.value) for w, e in zip(weights, found, strict=True))
    error = np.sqrt(sum((w * e.stderr / e.value) ** 2 for w, e in zip(weights, found, strict=True)))
    return Estimate(float(value), float(error), min(e.samples for e in found))


def slope_weights() -> Array:
    """Weights of log values in their least-squares slope in log n."""
    x = np.log(POINTS) - np.log(POINTS).mean()
    weights: Array = x / (x @ x)
    return weights


def learning(results: Sequence[Result]) -> Figure:
    """Error of students of two and of three layers against the number of points."""
    figure = style.canvas(8.4, 3.7)
    panels = figure.subplots(1, 2)
    size = len(POINTS)
    rows = [results[i : i + size] for i in range(0, len(results), size)]
    for ax, curves in zip(panels, (FLAT, DEEP), strict=True):
        for curve in curves:
            color = style.CYCLE[4] if curve.teacher == "rfk" else COLORS[curve.level]
            _curve(ax, curve, errors(curve, rows.pop(0)), color)
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_xlim(50, 7500)
        ax.set_xticks(POINTS, [str(n) for n in POINTS])
        ax.minorticks_off()
        ax.set_xlabel("points $n$")
        ax.set_title(f"NTK student of {'two' if curves is FLAT else 'three'} layers")
    panels[0].set_ylabel("mean squared error")
    panels[0].plot([], [], "o", color="0.3", ms=3, label=style.WITH_INTERVAL)
    panels[0].plot([], [], color="0.3", lw=1.1, label="deterministic equivalent")
    panels[0].plot([], [], "--", color=style.DOUBTED, lw=0.9, label=r"slope $-\beta$")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _curve(ax: Axes, curve: Curve, found: Sequence[Estimate], color: str) -> None:
    style.measured(ax, POINTS.tolist(), found, color=color)
    x = np.array([POINTS[0], POINTS[-1] * 1.25])
    middle = np.exp(np.mean([np.log(e.value) for e in found]))
    power = middle * (x / np.exp(np.log(POINTS).mean())) ** -curve.beta
    ax.plot(x, power, "--", color=style.DOUBTED, lw=0.9, zorder=1)
    if curve.depth < 3:
        ax.plot(POINTS, equivalent(curve), color=color, lw=1.1, zorder=2)
    name = f"RFK, level {curve.level}" if curve.teacher == "rfk" else f"level {curve.level}"
    style.name(ax, float(x[-1]), float(power[-1]), rf"{name}: $\beta = {curve.beta:.3g}$", color)


def exponents(results: Sequence[Result]) -> Figure:
    """Exponents over the teacher's level and over the student's depth, formula and fits."""
    figure = style.canvas(7.8, 3.4)
    left, right = figure.subplots(1, 2)
    size = len(POINTS)
    fits = {
        curve: fit(errors(curve, results[i * size : (i + 1) * size]))
        for i, curve in enumerate(EVERY)
    }
    levels = [1, 2, 3]
    _formula(left, levels, [Curve(3, k).beta for k in levels], r"formula for $\beta$")
    curse = theory.learning_exponent((2, 2, 2), "ntk", "ntk")
    known = [theory.learning_exponent((2,) * k, "ntk", "ntk") for k in levels]
    look: Any = {"color": style.DOUBTED, "lw": 1.0}
    left.plot(levels, [curse] * 3, ls="--", label=r"$2\nu_T/d_\mathrm{eff}(L)$", **look)
    left.plot(levels, known, ls=":", label=r"$2\nu_T/d_\mathrm{eff}(l)$", **look)
    style.measured(left, levels, [fits[Curve(3, k)] for k in levels], label="slope of the errors")
    left.set_xlabel("level $l$ of the teacher, $L = 3$")
    left.set_xticks(levels)
    left.set_ylabel(r"learning exponent $\beta$")
    left.legend(loc="upper right")
    depths = [1, 2, 3, 4, 5]
    for level in (1, 2):
        limit = 1 / (1 + theory.effective_dimension(level, (2,) * level))
        right.axhline(limit, color=style.DOUBTED, lw=1, ls=":", zorder=0)
        own = [depth for depth in depths if depth >= level]
        line = [Curve(depth, level).beta for depth in own]
        _formula(right, own, line)
        style.name(right, own[-1], line[-1], f"$l = {level}$", style.PREDICTED)
        seen = [depth for depth in own if depth <= 3]
        style.measured(right, seen, [fits[Curve(depth, level)] for depth in seen])
    same = [curve for curve in EVERY if curve.depth < 3 and curve.teacher == "ntk"]
    slopes = [float(-slope_weights() @ np.log(equivalent(curve))) for curve in same]
    label = "slope of the equivalent"
    look = {"marker": "_", "ls": "", "color": "black", "ms": 11, "label": label}
    right.plot([curve.depth for curve in same], slopes, **look)
    right.set_xlabel("layers $L$ of the student")
    right.set_xticks(depths)
    right.legend(loc="upper right")
    for ax in (left, right):
        ax.set_ylim(0, 1.15)
    return figure


def _formula(ax: Axes, x: Sequence[int], beta: Sequence[float], label: str | None = None) -> None:
    ax.plot(x, beta, "s-", color=style.PREDICTED, ms=4, mfc="white", label=label)


FIGURES = (
    Drawing(
        "conv_learning",
        "Squared error of ridgeless regression with the NTK of a convolutional network, patches of "
        "two, on noiseless Gaussian fields whose covariance is the NTK (or RFK, as said) of one "
        "meta-patch of the level given, averaged over fields exactly and over designs with 99.9% "
        "intervals. Solid: the deterministic equivalent. Dashes: slopes of the predicted exponent "
        "through the middle of the points, which they reach only beyond the sizes shown.",
        tuple(job for curve in (*FLAT, *DEEP) for job in curve.jobs),
        learning,
    ),
    Drawing(
        "conv_exponents",
        "Exponent beta of the error n^(-beta) for teachers of level l and students of L layers, "
        "both NTK, patches of two. Points: slopes of the measured errors from n = 64 to 1024 with "
        "99.9% intervals, which at such n are off the asymptotic beta by up to 0.1; black: slopes "
        "of the deterministic equivalent over the same n. Left: dashes are the curse of "
        "dimensionality, dots a student that knew the patch. Right: dots are the limits of deep "
        "students, 2 nu_T/(2 nu_S + d_eff(l)) with nu = 1/2.",
        tuple(job for curve in EVERY for job in curve.jobs),
        exponents,
    ),
)

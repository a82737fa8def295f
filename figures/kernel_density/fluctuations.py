"""Laws, sizes and shares of the kernel sum in the three regimes (claims C5 to C7)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from figures import style
from figures.core import Drawing
from figures.kernel_density.finite import share
from figures.kernel_density.phases import PALE, SHADES
from figures.reading import mean
from simulations.core import Job, Law, Result
from simulations.kernel_density import SUMS, Params
from theory import kernel_density as theory
from theory.kernel_density.law import SumLaw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = np.ndarray[Any, Any]

ALPHA = 0.3
SAMPLES = 16_384


def bandwidth(index: float) -> float:
    """h with this lambda* at ALPHA."""
    return float(theory.boundaries(ALPHA).h_glass) * math.sqrt(index)


def points(d: int) -> float:
    """n."""
    return math.exp(ALPHA * d)


def log_mean(d: int, index: float) -> float:
    """log n E W."""
    return d * (ALPHA + float(theory.moment_rate(1.0, bandwidth(index))))


# --- laws -----------------------------------------------------------------------------------------

INDICES = (0.5, 1.6, 3.0)
LAW_SIZES = (30, 300)
RANGES = ((-3.5, 8.5), (-6.0, 14.0), (-4.0, 5.0))
BINS = 33
LAW_SAMPLES = 65_536
STANDARD = (
    r"$\log S - \log a_n$",
    r"$(S - n\,{\rm E}W)\,/\,a_n$",
    r"$(S - n\,{\rm E}W)\,/\,{\rm sd}$",
)
NAMES = (r"condensed, $\lambda_* = 0.5$", r"stable, $\lambda_* = 1.6$", r"normal, $\lambda_* = 3$")


def unit(d: int, index: float) -> float:
    """log a_n, a_n/(n E W), or the standard deviation of S/(n E W): the unit of the variable."""
    h = bandwidth(index)
    if index > 2:
        return math.sqrt(theory.relative_variance(d, points(d), h))
    log_scale = theory.finite_index(d, points(d), h).log_scale
    return log_scale if index < 1 else math.exp(log_scale - log_mean(d, index))


def law_edges(d: int, index: float) -> Array:
    """Edges of the bins, of log S or of S/(n E W) - 1."""
    x = np.linspace(*RANGES[INDICES.index(index)], BINS + 1)
    return x + unit(d, index) if index < 1 else x * unit(d, index)


def exact_cdf(d: int, index: float, at: Array) -> Array:
    """The exact distribution function at values of log S or of S/(n E W) - 1."""
    law = theory.sum_law(d, points(d), bandwidth(index))
    if index < 1:
        return law.cdf(at)
    if isinstance(law, SumLaw) and math.isfinite(law.log_base):
        # Fluctuations may be so small that log S is rounded: in the law's own variable.
        moved = math.exp(law.log_base + law.rate) * at - law.offset
        with np.errstate(divide="ignore"):
            return law.at(np.log(np.maximum(moved, 0)))
    return law.cdf(log_mean(d, index) + np.log1p(np.maximum(at, -1 + 1e-15)))


def limit_density(index: float) -> Callable[[Array], Array]:
    """Density of the limit in the standard variable."""
    if index > 2:
        return lambda x: np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    law = theory.OneSidedStable(index)
    if index > 1:
        return lambda x: np.asarray(law.pdf(x))
    return lambda x: np.asarray(law.pdf(np.exp(x))) * np.exp(x)


def _law_job(d: int, index: float) -> Job:
    edges = tuple(law_edges(d, index).tolist())
    binned: Any = "log_sum" if index < 1 else "excess"
    p = Params(
        dimension=d, points=points(d), bandwidth=bandwidth(index), binned=binned, edges=edges
    )
    return Job(SUMS, p, LAW_SAMPLES)


_laws = tuple(_law_job(d, index) for d in LAW_SIZES for index in INDICES)


def laws(results: Sequence[Result]) -> Figure:
    """Histograms in three regimes, with the exact law and the limit."""
    figure = style.canvas(9.2, 4.6)
    grid = figure.subplots(len(LAW_SIZES), len(INDICES), sharex="col", sharey="col")
    for k, result in enumerate(results):
        d, index = LAW_SIZES[k // len(INDICES)], INDICES[k % len(INDICES)]
        ax, low, high = grid[k // len(INDICES), k % len(INDICES)], *RANGES[k % len(INDICES)]
        law = result["law_log_sum" if index < 1 else "law_excess"]
        assert isinstance(law, Law), "laws are binned"
        edges = np.linspace(low, high, BINS + 1)
        inside, total = law.counts[1:-1], law.counts.sum()
        style.histogram(ax, inside, total, edges, label=style.WITH_INTERVAL)
        x = np.linspace(low, high, 201)
        steps = x + unit(d, index) if index < 1 else x * unit(d, index)
        density = np.diff(exact_cdf(d, index, steps)) / np.diff(x)
        look: Any = {"color": style.PREDICTED, "label": "exact at this $d$ and $n$"}
        ax.plot((x[1:] + x[:-1]) / 2, density, **look)
        ax.plot(
            x, limit_density(index)(x), "--", color="black", lw=1, label=r"limit $d \to \infty$"
        )
        ax.set_xlim(low, high)
        if d == LAW_SIZES[0]:
            ax.set_title(NAMES[k % len(INDICES)])
        else:
            ax.set_xlabel(STANDARD[k % len(INDICES)])
    for row, d in zip(grid, LAW_SIZES, strict=True):
        row[0].set_ylabel(f"density, $d = {d}$")
        for ax in row:
            ax.set_ylim(bottom=0)
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


# --- shares ---------------------------------------------------------------------------------------

SHARE_SIZES = (30, 100, 300, 1000)
COLORS = style.CYCLE[:1] + style.CYCLE[2:5]
SHARE_INDICES = (0.1, 0.3, 0.5, 0.7, 0.9)
RATIOS = np.unique(np.append(np.linspace(0.1, 1.7, 33), np.linspace(0.9, 1.2, 19)).round(6))
"""h / h_G."""


def _sums(d: int, index: float) -> Job:
    p = Params(dimension=d, points=points(d), bandwidth=bandwidth(index))
    return Job(SUMS, p, SAMPLES)


_shares = tuple(_sums(d, index) for d in SHARE_SIZES for index in SHARE_INDICES)


def shares(results: Sequence[Result]) -> Figure:
    """E Y_2 over h / h_G, measured, exact and in the limit; beside it the relative variance."""
    figure = style.canvas(9.2, 3.6)
    left, right = figure.subplots(1, 2)
    _bands(left, RATIOS[0])
    _bands(right, RATIOS[0])
    x = np.linspace(0.1, 1.7, 161)
    for k, (d, color, marker) in enumerate(zip(SHARE_SIZES, COLORS, "osD^", strict=True)):
        glass, n = bandwidth(1.0), points(d)
        left.plot(RATIOS, [share(d, n, glass * r) for r in RATIOS.tolist()], color=color, lw=1)
        rows = results[k * len(SHARE_INDICES) : (k + 1) * len(SHARE_INDICES)]
        found = [mean(row, "y2") for row in rows]
        look: Any = {"color": color, "fmt": marker, "ms": 3.5, "label": f"$d = {d}$"}
        style.measured(left, np.sqrt(SHARE_INDICES).tolist(), found, **look)
        values = [theory.relative_variance(d, n, glass * r) for r in x.tolist()]
        right.plot(x, np.clip(values, 1e-30, 1e30), color=color)
    left.plot(x, np.maximum(1 - x * x, 0), "--", color="black", lw=1.2, label=r"$1 - (h/h_G)^2$")
    left.set_ylim(0, 1)
    left.set_ylabel(r"${\rm E}\,Y_2$, share of one point")
    blow_up = float(theory.variance_bandwidth(ALPHA)) / bandwidth(1.0)
    right.axhline(1, color="black", ls=":", lw=0.9)
    right.axvline(blow_up, color="black", ls=":", lw=0.9)
    right.set_yscale("log")
    right.set_ylim(1e-9, 1e13)
    right.set_ylabel(r"relative variance of $\rho_h(x)$")
    for ax in (left, right):
        ax.set_xlim(RATIOS[0], RATIOS[-1])
        ax.set_xlabel("$h\\,/\\,h_G$")
    handles, names = left.get_legend_handles_labels()
    place: Any = {"loc": "outside lower center", "ncols": 5}
    figure.legend([*handles[1:], handles[0]], [*names[1:], names[0]], **place)
    return figure


def _bands(ax: Axes, low: float) -> None:
    """The regimes, over h / h_G."""
    ends = (low, 1, math.sqrt(2), 3)
    for color, a, b in zip(SHADES.values(), ends, ends[1:], strict=False):
        ax.axvspan(a, b, color=color, alpha=PALE, lw=0)


# --- sizes ----------------------------------------------------------------------------------------

EXCESS_SIZES = (60, 200, 600)
EXCESS_INDICES = (0.5, 0.8, 1.1, 1.3, 1.6, 2.0, 2.5, 3.0, 4.0)
_excesses = tuple(_sums(d, index) for d in EXCESS_SIZES for index in EXCESS_INDICES)


def exponents(results: Sequence[Result]) -> Figure:
    """-E log |S/(n E W) - 1| / d over h / h_G, and its limit."""
    figure = style.canvas(5.6, 3.7)
    ax = figure.subplots()
    _bands(ax, 0.6)
    glass, x = bandwidth(1.0), np.linspace(0.6, 2.1, 301)
    for k, (d, color, marker) in enumerate(zip(EXCESS_SIZES, COLORS[1:], "sD^", strict=True)):
        rows = results[k * len(EXCESS_INDICES) : (k + 1) * len(EXCESS_INDICES)]
        sizes = [mean(row, "log_excess") for row in rows]
        found = [e._replace(value=-e.value / d, stderr=e.stderr / d) for e in sizes]
        at = np.sqrt(EXCESS_INDICES).tolist()
        ax.plot(at, [e.value for e in found], color=color, lw=0.8)
        style.measured(ax, at, found, color=color, fmt=marker, ms=3.5, label=f"$d = {d}$")
    limit = np.asarray(theory.fluctuation_exponent(ALPHA, glass * x))
    ax.plot(x, limit, color="black", lw=1.6, label=r"$\Delta$, limit")
    below = x[x < math.sqrt(2)]
    doubted: Any = {"color": style.DOUBTED, "lw": 1.2, "label": "of the standard deviation"}
    ax.plot(below, normal_exponent(below), "--", **doubted)
    ax.set_xlim(0.6, 2.1)
    ax.set_ylim(-0.03, 0.13)
    ax.set_xlabel("$h\\,/\\,h_G$")
    ax.set_ylabel(r"$-{\rm E}\,\log|S/(n\,{\rm E}W) - 1|\,/\,d$")
    ax.legend(loc="upper left")
    return figure


def normal_exponent(ratio: Array) -> Array:
    """(alpha - phi(2) + 2 phi(1)) / 2, the exponent of the standard deviation."""
    h = bandwidth(1.0) * ratio
    phi = [np.asarray(theory.moment_rate(k, h)) for k in (2.0, 1.0)]
    return np.asarray((ALPHA - phi[0] + 2 * phi[1]) / 2)


FIGURES = (
    Drawing(
        "density_laws",
        "The kernel sum S at a fixed query over data sets, alpha = 0.3, in the three regimes; "
        "histograms with 99.9% intervals. The exact law at these n and d fits everywhere; the "
        "limits, a one-sided stable law of index lambda* or its logarithm and the normal law, are "
        "reached slowly. a_n is the weight of the nearest of n points.",
        _laws,
        laws,
    ),
    Drawing(
        "density_shares",
        "alpha = 0.3. Left: mean share E Y_2 = E sum p_i^2 of one point in the estimate, lines "
        "exact, points measured with 99.9% intervals, dashes the limit. It rises smoothly through "
        "both thresholds, where the shade changes. Right: relative variance over data sets, exact. "
        "Dots: where it is 1 as d grows. It explodes at a bandwidth that is neither threshold, and "
        "above h_G the estimate is near its mean all the same.",
        _shares,
        shares,
    ),
    Drawing(
        "density_fluctuations",
        "Size of the relative fluctuations of the kernel sum, as an exponent: measured with 99.9% "
        "intervals at alpha = 0.3, against the limit. Its slope changes at h_CLT; below h_G there "
        "is no self-averaging. Dashes: the exponent of the standard deviation, which rare data "
        "sets make, below h_CLT.",
        _excesses,
        exponents,
    ),
)

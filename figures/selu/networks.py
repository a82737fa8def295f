"""What is left at finite width: random networks and sums of few inputs (claims C11, C12)."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from figures import style
from figures.core import Drawing
from figures.reading import mean, rescaled
from simulations.core import Estimate, Job, Result
from simulations.selu import PATHS, Params
from theory import selu as theory

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from theory.selu import FiniteWidth

Array = np.ndarray[Any, Any]

WIDTHS = (16, 32, 64, 128, 256)
SHOWN = (16, 64, 256)
"""Widths whose layers are shown one by one."""
DEPTH = 50
RECORDS = 25
LAYERS = 20
"""As many layers are shown, all but the last."""
DRAWS = 1 << 29
"""Normals for each width: the error of n E q is that of (n / samples)^(1/2)."""
FINE = tuple(int(n) for n in np.unique(np.geomspace(WIDTHS[0], WIDTHS[-1], 17).round()))


def _job(width: int) -> Job:
    p = Params(width=width, depth=DEPTH, records=RECORDS)
    return Job(PATHS, p, DRAWS // (DEPTH * width) // 64 * 64)


_jobs = tuple(_job(n) for n in WIDTHS)


@functools.cache
def predicted(width: int, depth: int | None = None) -> FiniteWidth:
    """The expansion in 1/n; `depth` None is the stationary state."""
    return theory.finite_width(width, depth)


def grouped(result: Result, name: str) -> Estimate:
    """A variance, measured over few groups: its error is widened to Student's interval."""
    from scipy import special

    e = mean(result, name)
    quantile = float(special.stdtrit(e.samples - 1, (1 + style.LEVEL) / 2))
    return e._replace(stderr=e.stderr * quantile / style.Z)


def finite_width(results: Sequence[Result]) -> Figure:
    """Spread of q over the layers; its bias and that of the neuron mean, and the slope, over n."""
    figure = style.canvas(8.8, 3.3)
    left, middle, right = figure.subplots(1, 3)
    of = dict(zip(WIDTHS, results, strict=True))
    colors = dict(zip(SHOWN, style.CYCLE, strict=False))
    layers = list(range(1, LAYERS + 1))
    for n in SHOWN:
        line = [predicted(n, k).n_var_q.value for k in layers]
        left.plot(layers, line, color=colors[n])
        recorded = list(range(2, LAYERS + 1, 2))
        found = [grouped(of[n], f"n_var_q@{k}") for k in recorded]
        style.measured(left, recorded, found, color=colors[n], label=f"$n = {n}$")
    chi = float(theory.jacobian(0.0, 1.0, 0.0, 1.0)[1, 1])
    first = predicted(10**9, 1).n_var_q.value
    limit = [first * (1 - chi ** (2 * k)) / (1 - chi**2) for k in layers]
    left.plot(layers, limit, "--", color="black", lw=0.9, label=r"$n \to \infty$")
    left.set_xlabel("layer $l$")
    left.set_ylabel("$n$ Var $q_l$")
    left.set_ylim(1.4, 4.15)
    left.legend(loc="lower right")
    _biases(middle, results)
    _slopes(right, results, chi)
    for ax in (middle, right):
        ax.set_xscale("log")
        ax.set_xticks(WIDTHS, [str(n) for n in WIDTHS])
        ax.minorticks_off()
        ax.set_xlabel("width $n$")
    return figure


def _biases(ax: Axes, results: Sequence[Result]) -> None:
    """n (E q - 1) and n E m in the last layer."""
    rows: tuple[tuple[str, float, str, Callable[[FiniteWidth], float], str], ...] = (
        (
            "second_moment",
            1.0,
            "$n\\,(E\\,q_L - 1)$",
            lambda f: f.second_moment.value,
            style.CYCLE[0],
        ),
        ("mean", 0.0, "$n\\,E\\,m_L$", lambda f: f.mean.value, style.CYCLE[2]),
    )
    for name, target, label, read, color in rows:
        line = [n * (read(predicted(n)) - target) for n in FINE]
        ax.plot(FINE, line, color=color)
        wide = 10**7
        ax.axhline(wide * (read(predicted(wide)) - target), color=color, ls="--", lw=0.9)
        found = [rescaled(mean(r, name), target, n) for n, r in zip(WIDTHS, results, strict=True)]
        style.measured(ax, WIDTHS, found, color=color, label=label)
    ax.axhline(0, color="0.8", lw=0.8, zorder=0)
    ax.set_ylabel(f"bias after {DEPTH} layers, times $n$")
    ax.legend(loc="lower left")


def _slopes(ax: Axes, results: Sequence[Result], chi: float) -> None:
    """Slope of q_{l+1} on q_l, against the radius and the norm of the Jacobian."""
    norm = theory.contraction(0.0, 1.0, 0.0, 1.0)
    ax.plot(FINE, [predicted(n).slope.value for n in FINE], color=style.CYCLE[0])
    found = [mean(r, "slope") for r in results]
    style.measured(ax, WIDTHS, found, color=style.CYCLE[0], label="slope of $q_{l+1}$ on $q_l$")
    ax.axhline(chi, color="black", ls="--", lw=0.9, label=rf"$\chi = {chi:.5f}$")
    ax.axhline(norm, color=style.DOUBTED, ls=":", lw=1.1, label=f"$S = {norm:.5f}$")
    ax.set_ylabel("slope")
    ax.legend(loc="lower right")


INPUTS = 4
"""Inputs of the neuron whose law is shown."""
SIZES = tuple(4**k for k in range(1, 7))
"""Inputs of a neuron, n."""
ORDERS = ((0, "normal law", "$n^{-1/2}$"), (1, "order 1", "$n^{-1}$"), (2, "order 2", "$n^{-3/2}$"))
"""Orders of the expansion, and what they leave."""
Z = np.linspace(-3.2, 4.2, 301)


def law(n: int, z: Array) -> Array:
    """Density of z, the standardised sum of n exponential inputs: a shifted Gamma law."""
    from scipy import stats

    root = math.sqrt(n)
    found: Array = root * stats.gamma.pdf(n + root * z, n)
    return found


def expansion(n: int, z: Array, order: int) -> Array:
    """Edgeworth's density with the cumulants 2 n^(-1/2) and 6/n, up to n^(-order/2)."""
    from scipy.special import eval_hermitenorm as hermite

    third, fourth = cumulants(n)
    terms = [
        np.ones_like(z),
        third / 6 * hermite(3, z),
        fourth / 24 * hermite(4, z) + third**2 / 72 * hermite(6, z),
    ]
    found: Array = sum(terms[: order + 1]) * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return found


def cumulants(n: int) -> tuple[float, float]:
    """Third and fourth cumulant of z."""
    return 2 / math.sqrt(n), 6 / n


@functools.cache
def exact(n: int) -> tuple[float, float]:
    """E f(z) and E f(z)^2 by Gauss-Legendre rules on both sides of the kink."""
    from theory.activations import activation

    f = activation("selu")
    t, weight = np.polynomial.legendre.leggauss(400)
    found = np.zeros(2)
    for low, high in ((-min(math.sqrt(n), 14.0), 0.0), (0.0, 30.0)):
        z = low + (high - low) * (t + 1) / 2
        mass = weight * (high - low) / 2 * law(n, z)
        found += [float(mass @ f(z)), float(mass @ np.square(f(z)))]
    return float(found[0]), float(found[1])


def edgeworth(_: Sequence[Result]) -> Figure:
    """Left, the density of z and its expansions; right, what they miss in both moments."""
    figure = style.canvas(8.4, 3.3)
    left, *rest = figure.subplots(1, 3, width_ratios=[1.25, 1, 1])
    left.plot(Z, law(INPUTS, Z), color="black", lw=2.2, label="exact", zorder=1)
    looks = ((style.DOUBTED, "--"), (style.CYCLE[2], "-"), (style.CYCLE[1], "-"))
    for (order, name, exponent), (color, dash) in zip(ORDERS, looks, strict=True):
        left.plot(Z, expansion(INPUTS, Z, order), dash, color=color, lw=1.1, label=name)
        errors = []
        for n in SIZES:
            m = theory.edgeworth(*cumulants(n), order=order)
            errors.append(np.abs(np.subtract([float(m.mean), float(m.second_moment)], exact(n))))
        for ax, row in zip(rest, np.transpose(errors), strict=True):
            ax.plot(SIZES, row, "o", ms=3.5, color=color)
            power = row[-1] * (np.array(SIZES) / SIZES[-1]) ** (-(order + 1) / 2)
            ax.plot(SIZES, power, dash, color=color, lw=1)
            style.name(ax, SIZES[-1], power[-1], exponent, color)
    left.set_xlim(Z[0], Z[-1])
    left.set_ylim(-0.03, 0.5)
    left.set_xlabel("$z$")
    left.set_ylabel("density")
    left.set_title(f"$n = {INPUTS}$ inputs")
    left.legend(loc="upper right")
    for ax, title in zip(rest, ("$E\\,f(z)$", "$E\\,f(z)^2$"), strict=True):
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_xticks(SIZES[::2], [str(n) for n in SIZES[::2]])
        ax.minorticks_off()
        ax.set_xlabel("inputs $n$")
        ax.set_ylabel(f"error of {title}")
    return figure


FIGURES = (
    Drawing(
        "selu_finite_width",
        "SELU networks with weights N(0, 1/n), one input of mean square q_0 = 1, with 99.9% "
        "intervals; solid lines are expansions in 1/n. Left: n Var q_l over networks in layer l, q "
        "the mean square of a layer; dashes are the limit. Middle: n times the bias of q and of "
        "the neurons' mean m after 50 layers; dashes are the limits -1.567 and -0.119. Right: "
        "slope of q_{l+1} on q_l: at large width it is the spectral radius chi of the Jacobian at "
        "(0, 1), not the spectral norm S.",
        _jobs,
        finite_width,
    ),
    Drawing(
        "selu_edgeworth",
        "A neuron with equal weights n^(-1/2) and n inputs of the law Exp(1) - 1: its z is not "
        "normal (replaces Fig. A8 of the paper). Left: exact density of z and Edgeworth "
        "expansions. Middle and right: error of the mean and of the second moment of f(z), exact "
        "by quadrature less the prediction; lines are powers of n through the last point.",
        (),
        edgeworth,
    ),
)

"""Fixed points over tau, which exist in a window alone (claim C13)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from figures import style
from figures.core import Drawing
from simulations.core import Result
from theory import selu as theory

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = np.ndarray[Any, Any]

OMEGAS = (0.0, 0.1, 0.3)
BEFORE = np.geomspace(1e-9, 1e9, 241)
"""x = nu tau, which runs along a curve of fixed points."""


def curve(omega: float) -> tuple[Array, Array, Array, Array]:
    """tau, mean, variance and spectral radius of the fixed points, one for each x of BEFORE.

    y = omega E f(z) is solved by iteration, which shrinks errors by |omega d(E f)/dy| < 0.6; then
    mu = E f(z), nu = Var f(z) and tau = x / nu.
    """
    y = np.zeros_like(BEFORE)
    for _ in range(80 if omega else 1):
        mean, nu = theory.gaussian_moments(y, BEFORE)
        y = omega * mean
    tau = BEFORE / nu
    return tau, mean, nu, theory.spectral_radius(theory.jacobian(mean, nu, omega, tau))


def fixed_points(_: Sequence[Result]) -> Figure:
    """Variance, mean and spectral radius of the fixed point over tau."""
    figure = style.canvas(8.4, 3.2)
    panels = figure.subplots(1, 3)
    first, second, third = panels
    for color, omega in zip(style.CYCLE[:1] + style.CYCLE[2:], OMEGAS, strict=False):
        tau, mean, nu, radius = curve(omega)
        look: Any = {"color": color, "label": rf"$\omega = {omega:g}$"}
        for ax, values in zip(panels, (nu, mean / np.sqrt(nu), radius), strict=True):
            ax.plot(tau, values, **(look if omega else look | {"lw": 2}))
    ends = theory.window()
    for ax in panels:
        ax.set_xlim(0.2, 2.95)
        ax.set_xlabel(r"sum of squared weights $\tau$")
        for end in ends:
            ax.axvline(end, color="black", lw=0.9, ls=":")
    for text, x in (("dies", ends[0] - 0.14), ("explodes", ends[1] + 0.14)):
        first.text(x, 1, text, rotation=90, ha="center", va="center")
    first.set_yscale("log")
    first.set_ylim(1e-6, 1e6)
    first.set_yticks([1e-6, 1e-3, 1, 1e3, 1e6])
    first.set_ylabel(r"variance $\nu^*$")
    first.plot(1, 1, "o", color="black", ms=4, zorder=4)
    first.legend(loc="upper left", bbox_to_anchor=(0.12, 1))
    second.plot(1, 0, "o", color="black", ms=4, zorder=4)
    second.set_ylabel(r"$\mu^* / \sqrt{\nu^*}$")
    third.set_ylabel("spectral radius")
    third.axhline(1, color=style.DOUBTED, lw=0.8, ls="--")
    return figure


FIGURES = (
    Drawing(
        "selu_fixed_points",
        "Fixed point of the moment map over tau: its variance, its mean in standard deviations, "
        "and the spectral radius of the Jacobian there. For omega = 0 one exists, and only one, "
        "for 0.4956 < tau < 2.6576 (dots): below, the variance dies; above, it grows without "
        "bound. Towards both ends of the window the attraction is lost. The paper's point (0, 1) "
        "at tau = 1 (black) is a fixed point for every omega.",
        (),
        fixed_points,
    ),
)

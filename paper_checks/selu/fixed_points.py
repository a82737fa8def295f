"""C3: the fixed points to which Theorem 1 leads."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from paper_checks.core import Case, Claim, Verdict
from paper_checks.identities import agree
from paper_checks.selu.observe import holds
from theory import selu as theory

CORNERS = tuple((omega, tau) for omega in (-0.1, 0.1) for tau in (0.95, 1.1))


def _fixed_points() -> list[float]:
    """Mean and variance of the fixed points at the corners, by Newton's method."""
    found = [theory.fixed_point(*corner)[:2] for corner in CORNERS]
    return [value for point in found for value in point]


def _iterated(layers: int = 150) -> list[float]:
    """Where `layers` layers lead; of many starts in the box the one that ends farthest off."""
    mu, nu = (a.ravel() for a in np.meshgrid(np.linspace(-0.1, 0.1, 21), np.linspace(0.8, 1.5, 21)))
    found: list[float] = []
    for (omega, tau), mean, variance in zip(
        CORNERS, _fixed_points()[::2], _fixed_points()[1::2], strict=True
    ):
        m, v = mu, nu
        for _ in range(layers):
            m, v = theory.moment_map(m, v, omega, tau)
        found += [float(x[np.argmax(abs(x - end))]) for x, end in ((m, mean), (v, variance))]
    return found


def _hull() -> list[float]:
    """Least and largest mean and variance of the fixed points on a grid of (omega, tau)."""
    grid = [(w, t) for w in np.linspace(-0.1, 0.1, 9) for t in np.linspace(0.95, 1.1, 7)]
    points = np.array([theory.fixed_point(float(w), float(t), prove=False)[:2] for w, t in grid])
    return [*points.min(axis=0), *points.max(axis=0)]


POINTS = {
    ("0.1", "1.1"): ("0.054705980618", "1.410289829276"),
    ("-0.1", "0.95"): ("-0.016720354002", "0.830654349099"),
    ("0.1", "0.8"): ("-0.058452542838", "0.408827252021"),
    ("0.1", "1.25"): ("0.172496462125", "2.232604870392"),
}
"""Fixed points at (omega, tau); computed at 40 digits by Newton's method."""

HALF = Decimal("2e-12")


def _point(omega: str, tau: str) -> Case:
    """Theorem 1 for one (omega, tau) and a box around the stated point."""

    def near(mean: Decimal, variance: Decimal) -> dict[str, str]:
        ends = {"mu": mean, "nu": variance}
        return {k: f"{v - HALF:f} {v + HALF:f}" for k, v in ends.items()}

    mean, variance = map(Decimal, POINTS[omega, tau])
    fixed = {"omega": f"{omega} {omega}", "tau": f"{tau} {tau}"}
    return holds(
        f"omega = {omega}, tau = {tau}",
        "theorem-1",
        fixed | near(mean, variance),
        {
            "(0, 1)": near(Decimal(0), Decimal(1)),
            "one in the eleventh digit": near(mean + 5 * HALF, variance),
        },
    )


CLAIMS = (
    Claim(
        id="selu/C3.enclosed",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"The box within $2 \cdot 10^{-12}$ of $(0.054705980618, 1.410289829276)$ is"
        r" mapped into itself and contracted for $(\omega, \tau) = (0.1, 1.1)$, so that an"
        r" attracting fixed point lies there; and so at three other pairs, two of them outside"
        r" Theorem 1: $\nu^* = 0.830654349099$ at $(-0.1, 0.95)$, 0.408827252021 at $(0.1, 0.8)$"
        r" and 2.232604870392 at $(0.1, 1.25)$.",
        expected=Verdict.PROVED,
        method="interval",
        cases=tuple(_point(*pair) for pair in POINTS),
    ),
    Claim(
        id="selu/C3.fixed-points",
        source="Theorem 1",
        provenance="confirmed-in-source",
        kind="formula",
        statement=r"From 441 starts in the box of Theorem 1, 150 layers lead to the fixed point"
        r" within $10^{-12}$, at the four corners of $(\omega, \tau)$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            agree(
                "four corners",
                _iterated,
                _fixed_points,
                1e-12,
                {"(0, 1) at every tau": [0.0, 1.0] * 4},
            ),
        ),
    ),
    Claim(
        id="selu/C3.hull",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=r"Over the $(\omega, \tau)$ of Theorem 1 the fixed points fill $\mu^* \in"
        r" [-0.0208704, 0.0547060]$, $\nu^* \in [0.8264737, 1.4102899]$, well inside the printed"
        r" $[-0.03106, 0.06773]$ and $[0.80009, 1.48617]$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            agree(
                "grid with the corners",
                _hull,
                [-0.0208704, 0.8264737, 0.0547060, 1.4102899],
                1e-7,
                {"the image": [-0.03106, 0.80371, 0.06773, 1.48157]},
            ),
        ),
    ),
)

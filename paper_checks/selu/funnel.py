"""C14: convergence from far away, for layers that differ and for layers that do not."""

from __future__ import annotations

from paper_checks.core import FULL, Claim, Verdict
from paper_checks.selu.observe import holds

START = {"mu": "-1.25 1.25", "nu": "0.02 16"}
TARGET = {
    "mean_low": "-0.1",
    "mean_high": "0.1",
    "variance_low": "0.8",
    "variance_high": "1.5",
}

CLAIMS = (
    Claim(
        id="selu/C14.funnel",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"For $|\omega_l| \le 0.1$, $\tau_l \in [0.95, 1.1]$, arbitrary and different"
        r" in every layer, every start $|\mu| \le 1.25$, $0.02 \le \nu \le 16$ lies inside the"
        r" box of Theorem 1 after 25 layers: this closes the gaps $\nu \in (0.24, 0.8)$ and $(1.5,"
        r" 3)$ between the theorems.",
        expected=Verdict.PROVED,
        method="interval",
        cases=(
            holds(
                "a chain of rectangles",
                "funnel",
                {**START, **TARGET},
                {
                    "one layer is enough": {"statement": "image", **START, **TARGET},
                    "the box stays inside for tau from 0.8": {
                        "statement": "theorem-1",
                        "tau": "0.8 1.1",
                    },
                },
            ),
        ),
    ),
    Claim(
        id="selu/C14.global",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"For each fixed $(\omega, \tau)$ with $|\omega| \le 0.1$, $0.8 \le \tau \le"
        r" 1.25$ there is exactly one fixed point with $|\mu| \le 1.25$, $0.02 \le \nu \le 16$,"
        r" and it attracts all of that set, although the spectral norm is not below 1 on all of"
        r" it.",
        expected=Verdict.PROVED,
        method="interval",
        cases=(
            holds(
                "18 cells of tau",
                "global",
                {},
                {
                    "a contraction everywhere": {**START, "statement": "contraction"},
                    "the variance always falls": {**START, "statement": "theorem-2"},
                },
                FULL,
            ),
        ),
    ),
)

"""C10: where random weights put a neuron, and for which shared omega the target attracts."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

from paper_checks.core import BOTH, FULL, Case, Claim, Level, Verdict
from paper_checks.identities import agree
from paper_checks.rules import mean_within
from paper_checks.selu.observe import MILLION, sampled
from simulations.selu import INITIALISATION
from theory import selu as theory

OMEGA, TAU = (-0.1, 0.1), (0.95, 1.1)
"""The ranges of Theorem 1."""

RUNS = {64: (MILLION, 4 * MILLION), 256: (200_000, 2 * MILLION)}
"""Neurons (quick, full) at each width."""


def _share(
    name: str,
    width: int,
    tolerance: float,
    ranges: tuple[Any, Any],
    wrong: dict[str, float],
    levels: tuple[Level, ...] = BOTH,
) -> Case:
    """The share of neurons whose omega and tau are in these ranges, None for anywhere."""
    quick, full = RUNS[width]
    return Case(
        label=f"{name.replace('_', ' ')}, n = {width}",
        observe=sampled(INITIALISATION, name, quick, full, width=width),
        predict=partial(theory.probability_inside, width, *ranges),
        rule=mean_within(tolerance, span=1.0),
        mutants={k: partial(float, v) for k, v in wrong.items()},
        levels=levels,
    )


def _attracting() -> Case:
    low, high = theory.attracting_omega()
    quick, full = RUNS[64]
    return Case(
        label="share with an attracting omega, n = 64",
        observe=sampled(
            INITIALISATION,
            "omega_inside",
            quick,
            full,
            width=64,
            omega_low=low,
            omega_high=high,
        ),
        predict=lambda: theory.probability_inside(64, theory.attracting_omega()),
        rule=mean_within(0.005, span=1.0),
        mutants={"|omega| < 1": lambda: float(norm.cdf(1) - norm.cdf(-1)), "1/2": lambda: 0.5},
    )


def _edges(norm_of: Any = theory.spectral_radius) -> list[float]:
    """Where the spectral radius (or norm) of the Jacobian at (0, 1), tau = 1, crosses 1."""

    def excess(omega: float) -> float:
        return float(norm_of(theory.jacobian(0.0, 1.0, omega, 1.0))) - 1

    ends: Any = [brentq(excess, *pair, xtol=1e-14) for pair in ((-3.0, 0.0), (0.0, 3.0))]
    return [float(end) for end in ends]


def _wide_normal() -> list[float]:
    """P(tau in its range) if tau were normal with variance 2/n."""
    root = [np.sqrt(n / 2) for n in (64, 256, 1024, 4096)]
    return [float(norm.cdf(0.1 * r) - norm.cdf(-0.05 * r)) for r in root]


CLAIMS = (
    Claim(
        id="selu/C10.law",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"With weights $N(0, 1/n)$, $\omega \sim N(0, 1)$ and $n\tau \sim \chi^2_n$ for"
        r" every $n$: $|\omega| \le 0.1$ has probability 0.0797, $\tau \in [0.95, 1.1]$ 0.3182 at"
        r" $n = 64$ and 0.5771 at 256 (full level), both together 0.0248 and 0.0455: at"
        r" initialisation more than nine of ten neurons lie outside Theorem 1.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _share("omega_inside", 64, 0.004, (OMEGA, None), {"variance 1/n": 0.576, "1": 1.0}),
            _share("tau_inside", 64, 0.006, (None, TAU), {"n = 256": 0.5771, "normal": 0.3637}),
            _share("inside", 64, 0.003, (OMEGA, TAU), {"omega alone": 0.0797, "tau alone": 0.3182}),
            _share("omega_inside", 256, 0.003, (OMEGA, None), {"1/n": 0.89}, FULL),
            _share("tau_inside", 256, 0.005, (None, TAU), {"n = 64": 0.3182}, FULL),
            _share("inside", 256, 0.003, (OMEGA, TAU), {"omega alone": 0.0797}, FULL),
        ),
    ),
    Claim(
        id="selu/C10.numbers",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"$\mathrm P(0.95 \le \chi^2_n/n \le 1.1)$ is 0.318224, 0.577094, 0.858332 and"
        r" 0.989105 at $n = 64, 256, 1024, 4096$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            agree(
                "four widths",
                lambda: [theory.probability_inside(n, None, TAU) for n in (64, 256, 1024, 4096)],
                [0.318224, 0.577094, 0.858332, 0.989105],
                1e-6,
                {"normal": _wide_normal},
            ),
        ),
    ),
    Claim(
        id="selu/C10.attracting",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"At $\tau = 1$ the fixed point $(0, 1)$ of one shared $\omega$ attracts exactly"
        r" for $-1.0307873 < \omega < 0.9016591$; of neurons drawn at random 66.5 % have such an"
        r" $\omega$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            agree(
                "ends",
                lambda: list(theory.attracting_omega()),
                _edges,
                1e-12,
                {
                    "norm below 1": partial(_edges, theory.spectral_norm),
                    "|omega| < 1": [-1.0, 1.0],
                },
            ),
            _attracting(),
        ),
    ),
)

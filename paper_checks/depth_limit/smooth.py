"""C18: the rate at time 0 of any activation, by its formula and in short networks."""

from __future__ import annotations

from functools import partial
from typing import Any

from paper_checks.core import BOTH, FULL, Case, Claim, Verdict
from paper_checks.depth_limit.observe import MILLION, rate
from paper_checks.identities import proved
from paper_checks.rules import mean_within, ordered
from theory import activations, gaussian
from theory import depth_limit as theory
from theory.depth_limit import symbolic

RATIO = "log_ratio_martingale_limit"
EARLY: dict[str, Any] = {"layers": 1600, "quick": 600_000, "full": 2 * MILLION}
"""Runs to T = 0.01: at width 3 and slopes 0.1 and 0.3 the mean rate there differs from that at time
0 by less than 1e-4, by the Galerkin method."""


def early(width: int, activation: str, mutants: dict[str, Any], levels: Any = BOTH) -> Case:
    """The mean rate on [0, 0.01] against the rate at time 0."""
    return Case(
        label=f"{activation}, n = {width}",
        observe=rate(RATIO, 0, 0.01, width=width, activation=activation, **EARLY),
        predict=lambda: theory.log_norm_rate_at_zero(width, activation),
        rule=mean_within(0.002),
        mutants=mutants,
        levels=levels,
    )


def sign_at_zero(
    activation: str, sign: float, variance: float = 1.0, levels: Any = BOTH, width: int = 3
) -> Case:
    """The sign of the mean rate on [0, 0.01]."""
    start = "" if variance == 1 else f", q0 = {variance:g}"
    return Case(
        label=f"{activation}, n = {width}{start}",
        observe=rate(RATIO, 0, 0.01, width=width, activation=activation, q0=variance, **EARLY),
        predict=lambda: sign,
        rule=ordered(),
        mutants={"the other sign": lambda: -sign},
        levels=levels,
    )


def _without_curvature(width: int, activation: str) -> float:
    """The rate at time 0 without its term E[phi phi'']/2, as Gaussian integration by parts has it:
    E[X phi phi'] = E[phi'^2] + E[phi phi''] at variance 1."""
    act = activations.activation(activation)
    slope = gaussian.expectation(lambda x: x * act(x) * act.derivative(x), 1.0, act.kinks).value
    curvature = slope - gaussian.derivative_moment(act, 2, 1.0)
    return theory.log_norm_rate_at_zero(width, act) - curvature / 2


def _early_smooth(width: int, activation: str, levels: Any = FULL) -> Case:
    return early(
        width,
        activation,
        {"no phi phi''": partial(_without_curvature, width, activation)},
        levels,
    )


CLAIMS = (
    Claim(
        id="depth_limit/C18.ito",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"For every twice differentiable $\phi$ and every $n$, $d\log|\phi(X)|$ has drift"
        r" $\frac1n\big(\frac12\sum(\phi_i'^2 + \phi_i\phi_i'') -"
        r" \sum\phi_i^2\phi_i'^2/|\phi|^2\big)dt$ and bracket"
        r" $\frac1n\sum\phi_i^2\phi_i'^2/|\phi|^2\,dt$, where $|\phi(X)| > 0$.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved(
                "drift with c in place of -1",
                symbolic.smooth_log_drift,
                "-1",
                {"c = -1/2": "-1/2"},
            ),
            proved(
                "drift with c phi phi''",
                partial(symbolic.smooth_log_drift, -1),
                "1/2",
                {"c = 0": "0", "c = 1": "1"},
            ),
            proved("bracket n^p", symbolic.smooth_log_bracket, "-1", {"p = -2": "-2"}),
        ),
    ),
    Claim(
        id="depth_limit/C18.rate-at-zero",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"In networks run to $T = 0.01$ from $q_0 = 1$ the mean growth rate of"
        r" $\log|\phi|$ is $\frac12\mathbb{E}[\phi'^2 + \phi\phi''] - \frac1n\mathbb{E}"
        r"[\sum\phi_i^2\phi_i'^2/|\phi|^2]$: SiLU at $n = 3$ grows, $+0.0081$; GELU, SiLU, tanh"
        r" and erf at $n = 2$ and 3 at the full level.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _early_smooth(3, "silu", BOTH),
            *(_early_smooth(3, f) for f in ("gelu", "tanh", "erf")),
            *(_early_smooth(2, f) for f in ("gelu", "silu", "tanh", "erf")),
        ),
    ),
    Claim(
        id="depth_limit/C18.critical-variance",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=r"The regime of a smooth activation depends on its scale: at $n = 3$ the rate at"
        r" $t = 0^+$ changes from positive to negative as $q_0$ grows: for SiLU between 1 and 4,"
        r" for GELU between 0.1 and 1, for tanh and erf between 0.5 and 2.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=tuple(
            sign_at_zero(f, sign, q0, BOTH if f == "silu" else FULL)
            for f, low, high in (
                ("silu", 1.0, 4.0),
                ("gelu", 0.1, 1.0),
                ("tanh", 0.5, 2.0),
                ("erf", 0.5, 2.0),
            )
            for q0, sign in ((low, 1.0), (high, -1.0))
        ),
    ),
)

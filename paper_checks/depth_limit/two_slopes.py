"""C17: which widths grow when the activation has two slopes, exactly and in networks."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from paper_checks.core import BOTH, FULL, Case, Claim, Computed, Verdict
from paper_checks.depth_limit.active_count import LONG
from paper_checks.depth_limit.observe import MILLION, network, rate
from paper_checks.depth_limit.smooth import RATIO, early, sign_at_zero
from paper_checks.identities import proved
from paper_checks.rules import at_least, at_most, identity, mean_within, ordered
from paper_checks.trends import Extrapolated, richardson
from theory import depth_limit as theory
from theory.depth_limit import symbolic

UNIT: dict[str, Any] = {"depth": 64, "quick": 400_000, "full": 4 * MILLION}
"""Runs to T = 1; at width 3, slope 0.3, this is off by less than 1e-4 (measured)."""


def _leaky(slope: float) -> str:
    return f"leaky_relu:{slope:g}"


def _wrong_two_slopes(width: int, slope: float) -> dict[str, Any]:
    at_zero = theory.log_norm_rate_at_zero
    return {
        "mu = sum a_i^2/2 - 1": lambda: (1 + slope**2) / 4 - 1 / width,
        "a in place of a^2": lambda: at_zero(width, _leaky(math.sqrt(slope))),
        "long run": lambda: theory.long_run_rate(width, slope),
    }


def _early_slope(width: int, slope: float, levels: Any = BOTH) -> Case:
    return early(width, _leaky(slope), _wrong_two_slopes(width, slope), levels)


def _unit_sign(width: int, slope: float, sign: float, levels: Any = BOTH) -> Case:
    return Case(
        label=f"T = 1, n = {width}, a = {slope:g}",
        observe=network(RATIO, width=width, activation=_leaky(slope), **UNIT),
        predict=lambda: sign,
        rule=ordered(),
        mutants={"the other sign": lambda: -sign},
        levels=levels,
    )


def _long_sign() -> Case:
    return Case(
        label="T = 8, n = 4, a = 0",
        observe=network(RATIO, **LONG),
        predict=lambda: -1.0,
        rule=ordered(),
        mutants={"the other sign": lambda: 1.0},
    )


def _unit(width: int, slope: float, tolerance: float, levels: Any = BOTH) -> Case:
    """The mutant is the rate at time 0 kept for ever."""
    return Case(
        label=f"n = {width}, a = {slope:g}",
        observe=network(RATIO, width=width, activation=_leaky(slope), **UNIT),
        predict=lambda: theory.log_ratio(width, 1.0, slope),
        rule=mean_within(tolerance),
        mutants={
            "constant rate": lambda: theory.log_norm_rate_at_zero(width, _leaky(slope)),
            "long run": lambda: theory.long_run_rate(width, slope),
        },
        levels=levels,
    )


def _long_run(width: int, slope: float, start: float, end: float, levels: Any = BOTH) -> Case:
    mutants = {"that of ReLU": lambda: theory.long_run_rate(width, 0.0)}
    if width == 3:  # at width 4 and slope 1/2 it is 7e-4 away: too near to be told apart
        mutants["rate at time 0"] = lambda: theory.log_norm_rate_at_zero(width, _leaky(slope))
    return Case(
        label=f"n = {width}, a = {slope:g}, from {start:g} to {end:g}",
        observe=rate(
            RATIO,
            start,
            end,
            width=width,
            activation=_leaky(slope),
            layers=16,
            quick=10_000,
            full=200_000,
        ),
        predict=lambda: theory.long_run_rate(width, slope),
        rule=mean_within(0.006 if levels == BOTH else 0.003),
        mutants=mutants,
        levels=levels,
    )


EQUAL: dict[str, Any] = {"depth": 16, "quick": 3 * MILLION, "full": 8 * MILLION}
"""A variance counts one sample for 16384 networks of width 2, and it needs 180 of them."""


def _equal_slopes(width: int, activation: str, levels: Any = BOTH) -> Case:
    """At width 2 the mean has no bias of depth to speak of (C20)."""
    return Case(
        label=f"mean, {activation}, n = {width}",
        observe=network(RATIO, width=width, activation=activation, start=1.0, **EQUAL),
        predict=lambda: theory.log_ratio(width, 1.0, 1.0),
        rule=mean_within(0.004),
        mutants={
            "1/4 - 1/n": lambda: 1 / 4 - 1 / width,
            "ReLU": lambda: theory.log_norm_rate_at_zero(width),
        },
        levels=levels,
    )


def _spread(width: int, activation: str, levels: Any = BOTH) -> Case:
    """From a fixed start log Q_1 = 2 log|phi| + constant: variance 4/n; depth 16 takes off 0.02."""
    return Case(
        label=f"variance, {activation}, n = {width}",
        observe=network("var_log_q_limit", width=width, activation=activation, start=1.0, **EQUAL),
        predict=lambda: 4 / width,
        rule=mean_within(0.06),
        mutants={"noise 1/n": lambda: 4 / width**2, "that of log|phi|": lambda: 1 / width},
        levels=levels,
    )


SLOPES = (0.1, 0.3, 0.5, 0.9, 1.0)


def _rates(
    width: int, exact: Callable[[float], float], mutants: dict[str, Callable[[float], float]]
) -> Case:
    def at(formula: Callable[[float], float]) -> list[float]:
        return [formula(a) for a in SLOPES]

    return Case(
        label=f"n = {width}",
        observe=Computed(lambda: [theory.log_norm_rate_at_zero(width, _leaky(a)) for a in SLOPES]),
        predict=partial(at, exact),
        rule=identity(1e-12),
        mutants={name: partial(at, wrong) for name, wrong in mutants.items()},
    )


def _deficit_at_infinity(slope: float) -> Extrapolated:
    """n/2 - E[A_1] at n = 10 and 20, extrapolated in 1/n; what is left is of order 1/200 n^-2."""
    deficits = [n / 2 - theory.active_count(n, 1.0, slope).value for n in (10, 20)]
    return richardson("n", 10, deficits)


def _wide(slope: float) -> Case:
    return Case(
        label=f"a = {slope:g}",
        observe=Computed(lambda: _deficit_at_infinity(slope)),
        predict=lambda: theory.two_slope_activity_deficit(slope, 1.0),
        rule=identity(2e-4),
        mutants={
            "constant": lambda: 0.0,
            "a = 0": lambda: theory.two_slope_activity_deficit(0.0, 1.0),
            "no factor (1 - a^2)/(1 + a^2)": lambda: theory.two_slope_activity_deficit(
                0.0, 1 + slope**2
            ),
        },
        levels=FULL,
    )


CLAIMS = (
    Claim(
        id="depth_limit/C17.ito",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"For slopes 1 and $a$ (leaky ReLU, $|x|$, linear) and every $n$,"
        r" $d\log|\phi(X)|$ has drift $\frac1n\big(\frac12\sum a_i^2 - \sum a_i^4x_i^2/"
        r"\sum a_i^2x_i^2\big)dt$ and bracket $\frac1n\sum a_i^4x_i^2/\sum a_i^2x_i^2\,dt$, with"
        r" $a_i \in \{1, a\}$ by the sign of $x_i$, off the set where some $x_i = 0$.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved(
                "drift with c in place of -1",
                symbolic.two_slope_log_drift,
                "-1",
                {"c = -1/2": "-1/2", "c = 0": "0"},
            ),
            proved("bracket n^p", symbolic.smooth_log_bracket, "-1", {"p = -2": "-2"}),
            proved(
                "equal slopes: mu = n/2 + c", symbolic.equal_slopes_log_drift, "-1", {"c = 0": "0"}
            ),
        ),
    ),
    Claim(
        id="depth_limit/C17.equal-slopes",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"For $\phi(x) = |x|$ or $x$, $\log|\phi(X_1)| - \log|\phi(X_0)|$ has mean"
        r" $\frac12 - \frac1n$ and variance $\frac1n$: zero growth exactly at $n = 2$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _equal_slopes(2, "abs"),
            _spread(2, "abs"),
            _equal_slopes(3, "linear", FULL),
            _spread(3, "linear", FULL),
        ),
    ),
    Claim(
        id="depth_limit/C17.closed",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"The rate at $t = 0^+$ for slopes 1 and $a$ is $-\frac14(1 + a^2)$ at $n = 1$"
        r" and $-\frac18(1 - a)^2 \le 0$ at $n = 2$; five slopes from 0.1 to 1.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            _rates(1, lambda a: -(1 + a * a) / 4, {"a for a^2": lambda a: -(1 + a) / 4}),
            _rates(
                2,
                lambda a: -((1 - a) ** 2) / 8,
                {
                    "a for a^2": lambda a: -((1 - math.sqrt(a)) ** 2) / 8,
                    "mu = sum a_i^2/2 - 1": lambda a: (a * a - 1) / 4,
                },
            ),
        ),
    ),
    Claim(
        id="depth_limit/C17.rate-at-zero",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"In networks run to $T = 0.01$ the mean growth rate of $\log|\phi|$ is $r_n(a) ="
        r" \frac14(1 + a^2) - \frac1n[1 + a^2 - a^2\tau_n]$, $\tau_n = \mathbb{E}\,|Z|^2/"
        r"|\phi(Z)|^2$, $Z \sim N(0, I_n)$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _early_slope(3, 0.1),
            _early_slope(3, 0.3),
            _early_slope(3, 0.5, FULL),
            _early_slope(4, 0.1, FULL),
        ),
    ),
    Claim(
        id="depth_limit/C17.critical-slope",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=r"At $n = 3$ the rate at $t = 0^+$ is negative for slope $a = 0.1$ and $0.15$ and"
        r" positive for $0.22$ and $0.3$: it vanishes at $a^* = 0.1858$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            sign_at_zero(_leaky(0.1), -1.0),
            sign_at_zero(_leaky(0.3), 1.0),
            sign_at_zero(_leaky(0.15), -1.0, levels=FULL),
            sign_at_zero(_leaky(0.22), 1.0, levels=FULL),
        ),
    ),
    Claim(
        id="depth_limit/C17.horizon",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"In networks $\mathbb{E}\log(|\phi(X_1)|/|\phi(X_0)|)$ is that of the Galerkin"
        r" method for slopes 1 and $a$, not $r_n(a)$: $n = 3$ at $a = 0.3$, 0.5, $n = 2$ at 0.2.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _unit(3, 0.3, 0.0015),
            _unit(3, 0.5, 0.001, FULL),
            _unit(2, 0.2, 0.001, FULL),
        ),
    ),
    Claim(
        id="depth_limit/C17.everywhere",
        source="change of regime between widths 3 and 4",
        provenance="derived",
        kind="formula",
        statement=r"The sign change of $\mathbb{E}\log(|\phi(X_T)|/|\phi(X_0)|)$ sits between"
        r" widths 3 and 4 for every leaky ReLU and every horizon.",
        expected=Verdict.REFUTED,
        corrected="depth_limit/C17.map",
        method="monte-carlo",
        cases=(
            Case(
                label="n = 3 decreases, a = 0.3, T = 1",
                observe=network(RATIO, width=3, activation=_leaky(0.3), **UNIT),
                predict=lambda: 0.0,
                rule=at_most(),
            ),
            Case(
                label="n = 4 increases, a = 0, T = 8",
                observe=network(RATIO, **LONG),
                predict=lambda: 0.0,
                rule=at_least(),
            ),
        ),
    ),
    Claim(
        id="depth_limit/C17.map",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=r"The width of the sign change depends on the slope $a$ and the horizon $T$:"
        r" $n = 3$ decreases at $a = 0.1$, $T = 1$ but increases at $a = 0.3$, $T = 1$, and $n = 4$"
        r" decreases at $a = 0$, $T = 8$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _unit_sign(3, 0.1, -1.0),
            _unit_sign(3, 0.3, 1.0),
            _long_sign(),
            _unit_sign(2, 0.2, -1.0, FULL),
        ),
    ),
    Claim(
        id="depth_limit/C17.moving-zero",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=r"At $n = 3$ the critical slope falls with the horizon: for $a = 0.18$ the rate"
        r" at $t = 0^+$ is negative but $\mathbb{E}\log(|\phi(X_1)|/|\phi(X_0)|) > 0$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            sign_at_zero(_leaky(0.18), -1.0, levels=FULL),
            _unit_sign(3, 0.18, 1.0, FULL),
        ),
    ),
    Claim(
        id="depth_limit/C17.long-run",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"For $a \ne 0$ and $n \ge 2$ the rate of $\mathbb{E}\log|\phi(X_t)|$ tends to"
        r" $(n - 2)/(2n\tau_n(a))$ as $t \to \infty$, not to the $-1/(2n)$ of ReLU: networks to"
        r" $t = 40$ or 30, $n = 3$ at $a = 0.3$, 0.5 (where it is not $r_3(a)$), $n = 4$ at 0.5.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _long_run(3, 0.3, 20.0, 40.0),
            _long_run(3, 0.5, 10.0, 30.0, FULL),
            _long_run(4, 0.5, 10.0, 30.0, FULL),
        ),
    ),
    Claim(
        id="depth_limit/C17.large-width",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"For slopes 1 and $a$ and $s = 1$, $\mathbb{E}[\#\{X_i > 0\}] = \frac n2 -"
        r" \frac{1 - a^2}{1 + a^2}(\theta - \sin\theta\cos\theta)/\pi + O(1/n)$ with $\theta ="
        r" \arccos e^{-(1 + a^2)s/4}$: widths 10 and 20 at $a = 0.5$ by the Galerkin method.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(_wide(0.5),),
    ),
)

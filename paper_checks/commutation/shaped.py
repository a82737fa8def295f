"""C9: shaped perceptrons, where the covariance has a random limit at L/n -> T."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from paper_checks.commutation.observe import C0, kernel
from paper_checks.core import FULL, Case, Claim, Computed, Level, Measured, Verdict
from paper_checks.identities import proved
from paper_checks.rules import identity, mean_within
from paper_checks.trends import Extrapolated, bare, richardson
from simulations.core import Estimate, Law, Result
from theory import commutation as theory
from theory.commutation import symbolic

BINS = 200
EDGES = tuple(2 * i / BINS - 1 for i in range(1, BINS))
"""Of the law of the correlation, from which comes its second moment."""

QUICK, MOST = (25, 50), (50, 100)
"""Widths n = L that are extrapolated in 1/n, at the quick and at the full level."""


Network = tuple[float, float, float]
"""rho_0, c_+ and c_-."""

SHAPED: Network = (C0, 1.0, -1.0)
WEAK: Network = (0.0, 0.5, -0.5)
LINEAR: Network = (C0, 0.0, 0.0)
"""With c_+ + c_- = 0 the drift of finite width is nu (1 + O(1/n)); else it is off by n^-1/2."""


def _run(width: int, network: Network, name: str) -> Measured:
    rho0, c_plus, c_minus = network
    return kernel(
        name,
        architecture="shaped",
        width=width,
        depth=width,
        correlation=rho0,
        c_plus=c_plus,
        c_minus=c_minus,
        binned="correlation",
        edges=EDGES,
        quick=40_000,
        full=160_000,
    )


def _extrapolated(widths: tuple[int, int], name: str, network: Network) -> Measured:
    """2 X_2n - X_n; `second` is the second moment of the correlation."""
    runs = [_run(n, network, "law" if name == "second" else name) for n in widths]

    def reduce(results: list[Result]) -> Extrapolated:
        parts = [run.reduce([result]) for run, result in zip(runs, results, strict=True)]
        found = [_second_moment(part) if isinstance(part, Law) else bare(part) for part in parts]
        return richardson("n", widths[0], found)

    return Measured(tuple(s for run in runs for s in run.samplings), reduce)


def _second_moment(law: Law) -> Estimate:
    """Mean square, each bin at the mean square of a constant density; off by less than 1e-4."""
    edges = np.array([-1.0, *law.edges, 1.0])
    squares = (edges[1:] ** 2 + edges[1:] * edges[:-1] + edges[:-1] ** 2) / 3
    samples = int(law.counts.sum())
    share = law.counts / samples
    mean = float(share @ squares)
    variance = float(share @ (squares - mean) ** 2)
    third = float(share @ (squares - mean) ** 3)
    return Estimate(mean, math.sqrt(variance / samples), samples, third / variance**1.5)


def _moments(rho0: float, c_plus: float, c_minus: float) -> theory.CorrelationMoments:
    return theory.shaped_correlation_moments(rho0, c_plus, c_minus, 1.0)


def _correlation(
    network: Network,
    widths: tuple[int, int],
    tolerance: float,
    levels: tuple[Level, ...],
    mutants: dict[str, Callable[[], float]],
) -> Case:
    """What is left of the width is of order 1/n^2."""
    rho0, plus, minus = network
    narrow, wide = widths
    return Case(
        label=f"rho_0 = {rho0:g}, c = ({plus:g}, {minus:g}), n = {narrow}, {wide}",
        observe=_extrapolated(widths, "correlation", network),
        predict=lambda: _moments(*network).mean,
        rule=mean_within(tolerance),
        mutants=mutants,
        levels=levels,
    )


SHAPED_MUTANTS: dict[str, Callable[[], float]] = {
    "sign of c_-: (c_+ + c_-)^2": lambda: _moments(*LINEAR).mean,
    "(c_+ - c_-)^2 = 1": lambda: _moments(C0, 0.5, -0.5).mean,
}
WEAK_MUTANTS: dict[str, Callable[[], float]] = {
    "no drift": lambda: 0.0,
    "(c_+ - c_-)^2 = 4": lambda: _moments(0.0, 1.0, -1.0).mean,
}


def _second(network: Network, tolerance: float) -> Case:
    rho0, plus, minus = network
    return Case(
        label=f"E rho^2, rho_0 = {rho0:g}, c = ({plus:g}, {minus:g})",
        observe=_extrapolated(QUICK, "second", network),
        predict=lambda: _moments(*network).second,
        rule=mean_within(tolerance),
        mutants={
            "drift without noise": lambda: theory.correlation(rho0, (plus - minus) ** 2) ** 2,
            "as at the start": lambda: rho0**2,
        },
    )


def _log(name: str, tolerance: float, mutants: dict[str, float]) -> Case:
    law = theory.shaped_log_variance(1.0)
    return Case(
        label=f"{name}, c = (1, -1)",
        observe=_extrapolated(QUICK, name, SHAPED),
        predict=partial(float, law.mean if name == "log_q" else law.variance),
        rule=mean_within(tolerance),
        mutants={label: partial(float, wrong) for label, wrong in mutants.items()},
    )


RHOS = (-0.9, -0.5, 0.0, 0.3, 0.6, 0.9)


def _residual_drift() -> list[float]:
    """dc/dt of a residual network: E relu(U) relu(V) - c E relu(U)^2 at unit variances."""
    return [float(theory.rates((1.0, 1.0, c))[2] - c / 2) for c in RHOS]


def _shaped_drift(c_plus: float, c_minus: float) -> list[float]:
    return [theory.shaped_drift(c, c_plus, c_minus) for c in RHOS]


CLAIMS = (
    Claim(
        id="commutation/C9.drift",
        source="arXiv:2206.02768",
        provenance="recalled",
        kind="theorem",
        statement=r"One layer of a shaped MLP with slopes $1 + c_\pm/\sqrt n$ moves the"
        r" correlation by $\nu(\rho)/n + O(n^{-3/2})$, $\nu = \frac{(c_+ - c_-)^2}{2\pi}(\sqrt{1 -"
        r" \rho^2} - \rho\arccos\rho)$, and not by the square of $c_+ + c_-$, which belongs to the"
        r" slope $1 - c_-/\sqrt n$.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved("k/pi in nu", symbolic.shaped_drift, "1/2", {"k = 1": 1, "k = 1/4": "1/4"}),
            proved("(c_+ + k c_-)^2", partial(symbolic.shaped_drift, "1/2"), -1, {"k = 1": 1}),
        ),
    ),
    Claim(
        id="commutation/C9.diffusion",
        source="arXiv:2206.02768",
        provenance="recalled",
        kind="theorem",
        statement=r"If $dV_{ab}$ has drift $\nu\sqrt{V_{aa}V_{bb}}$, $dV_{aa}$ none, and"
        r" $d[V_{ab}, V_{cd}] = (V_{ac}V_{bd} + V_{ad}V_{bc})dt$, then $d\rho = (\nu -"
        r" \frac12\rho(1 - \rho^2))dt + (1 - \rho^2)dB$, $z = \operatorname{artanh}\rho$ has drift"
        r" $\nu/(1 - \rho^2) + \frac12\rho$, and $\log V_{aa}(T)/V_{aa}(0) \sim N(-T, 2T)$.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved(
                "drift nu + k rho (1 - rho^2)",
                symbolic.shaped_correlation_drift,
                "-1/2",
                {"k = 0": 0, "k = -1": -1},
            ),
            proved("noise (1 - rho^2)^k", symbolic.shaped_correlation_bracket, 2, {"k = 1": 1}),
            proved(
                "artanh rho: nu/(1 - rho^2) + k rho",
                symbolic.shaped_artanh_drift,
                "1/2",
                {"k = -1/2": "-1/2"},
            ),
            proved("log V: drift", symbolic.shaped_log_drift, -1, {"0": 0, "-5/2": "-5/2"}),
            proved("log V: bracket", symbolic.shaped_log_bracket, 2, {"5": 5, "1": 1}),
        ),
    ),
    Claim(
        id="commutation/C9.same-drift",
        source="arXiv:2310.12079",
        provenance="recalled",
        kind="theorem",
        statement=r"With $(c_+ - c_-)^2 = 1$ the drift of a shaped MLP is the correlation flow of"
        r" a ReLU residual network, $(\sqrt{1 - c^2} - c\arccos c)/(2\pi)$: the residual network"
        r" is the case without noise.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved("residual network, k/pi", symbolic.relu_correlation_flow, "1/2", {"k = 1": 1}),
            proved("shaped MLP, k/pi", symbolic.shaped_drift, "1/2", {"k = 1": 1}),
        ),
    ),
    Claim(
        id="commutation/C9.same-drift-numbers",
        source="arXiv:2310.12079",
        provenance="recalled",
        kind="formula",
        statement=r"$\nu(\rho)$ at $(c_+ - c_-)^2 = 1$ is $\mathbb{E}\phi(U)\phi(V) - \frac12c$"
        r" for ReLU at six correlations.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            Case(
                label="c = -0.9 to 0.9",
                observe=Computed(_residual_drift),
                predict=lambda: _shaped_drift(1, 0),
                rule=identity(1e-14),
                mutants={
                    "(c_+ - c_-)^2 = 4": lambda: _shaped_drift(1, -1),
                    "no drift": lambda: _shaped_drift(1, 1),
                },
            ),
        ),
    ),
    Claim(
        id="commutation/C9.correlation",
        source="arXiv:2206.02768",
        provenance="recalled",
        kind="theorem",
        statement=r"$\mathbb{E}\rho_T$ of shaped networks with $L = n$ is that of the diffusion at"
        r" $T = 1$: 0.539 for $\rho_0 = 0.3$, $c_\pm = \pm1$ at $n = 25$ and 50, extrapolated in"
        r" $1/n$; at the full level $n = 50$ and 100, and 0.151 for $\rho_0 = 0$, $c_\pm ="
        r" \pm\frac12$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _correlation(SHAPED, QUICK, 0.05, ("quick",), SHAPED_MUTANTS),
            _correlation(SHAPED, MOST, 0.03, FULL, SHAPED_MUTANTS),
            _correlation(WEAK, MOST, 0.035, FULL, WEAK_MUTANTS),
        ),
    ),
    Claim(
        id="commutation/C9.random",
        source="arXiv:2206.02768",
        provenance="recalled",
        kind="theorem",
        statement=r"The correlation stays random at $T = 1$, in a linear network too:"
        r" $\mathbb{E}\rho_1^2 = 0.493$ from $\rho_0 = 0.3$ there and 0.496 with $c_\pm = \pm1$,"
        r" $n = L = 25$ and 50 extrapolated.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(_second(LINEAR, 0.04), _second(SHAPED, 0.04)),
    ),
    Claim(
        id="commutation/C9.log-variance",
        source="arXiv:2206.02768",
        provenance="recalled",
        kind="theorem",
        statement=r"$\log V_{aa}$ of shaped networks with $L = n$ has mean $-1$ and variance 2 at"
        r" $T = 1$, $c_\pm = \pm1$, $n = 25$ and 50 extrapolated; a ReLU perceptron has $-\frac52$"
        r" and 5.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _log(
                "log_q",
                0.16,
                {"-5/2: not shaped": -2.5, "0: not random": 0.0},
            ),
            _log(
                "var_log_q",
                0.4,
                {"5: not shaped": 5.0, "1": 1.0},
            ),
        ),
    ),
)

"""C7: other branch factors than L^-1/2."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from paper_checks.commutation.observe import C0, DEPTH, kernel, wide
from paper_checks.core import BOTH, FULL, Case, Claim, Measured, Verdict
from paper_checks.identities import proved
from paper_checks.rules import mean_within
from theory import commutation as theory
from theory import depth_limit
from theory.commutation import symbolic

AA, AB = 0, 2
INDEX = {"q_aa": AA, "q_ab": AB}


def _with_gamma(gamma: float, depth: int) -> float:
    """q_aa of infinite width."""
    scales = [depth**-gamma] * depth
    return theory.finite_depth_covariance(1.0, 1.0, C0, 1.0, depth, scales=scales).q_aa


def _gamma_network(name: str, gamma: float, depth: int, quick: int) -> Measured:
    return kernel(name, width=25, depth=depth, gamma=gamma, quick=quick, full=2 * quick)


def _displacement(gamma: float, depth: int, tolerance: float, quick: int) -> Case:
    def predict() -> float:
        return _with_gamma(gamma, depth) - 1

    return Case(
        label=f"displacement, gamma = {gamma:g}, L = {depth}",
        observe=_gamma_network("displacement", gamma, depth, quick),
        predict=predict,
        rule=mean_within(tolerance),
        mutants={
            "that of gamma = 1/2": lambda: math.expm1(0.5),
            "half": lambda: predict() / 2,
            "none": lambda: 0.0,
        },
    )


def _strong(depth: int, tolerance: float, quick: int, levels: Any) -> Case:
    gamma, width = 0.4, 25

    def predict(by_gamma: float = gamma) -> float:
        time = depth ** (1 - 2 * by_gamma)
        correction = depth_limit.width_corrections(time).B / width
        return float(_with_gamma(by_gamma, depth) + correction)

    return Case(
        label=f"q_aa, gamma = {gamma:g}, L = {depth}",
        observe=_gamma_network("q_aa", gamma, depth, quick),
        predict=predict,
        rule=mean_within(tolerance),
        mutants={"that of gamma = 1/2": lambda: predict(0.5), "q_0": lambda: 1.0},
        levels=levels,
    )


def _not_the_flow(name: str, depth: int) -> Case:
    index = INDEX[name]
    return Case(
        label=f"{name}, L = {depth}",
        observe=_gamma_network(name, 1.0, depth, 4_000),
        predict=lambda: theory.covariance(1.0, 1.0, C0, 1.0)[index],
        rule=mean_within(0.05),
    )


def alternating(layer: int, depth: int) -> float:
    """sqrt(2/L) in every other layer, else 0: the squares sum to 1 at even depths."""
    return math.sqrt(2 / depth) if layer % 2 else 0.0


def front(layer: int, depth: int) -> float:
    """Decreasing, sqrt(2 (L - l) + 1)/L: the squares sum to 1."""
    return math.sqrt(2 * (depth - layer) + 1) / depth


def halving(layer: int, depth: int) -> float:
    """2^{-l/2}: the squares sum to almost 1, and the first layers stay large."""
    return math.pow(2, -layer / 2)


BRANCHES: dict[str, Callable[[int, int], float]] = {
    "alternating": alternating,
    "front": front,
    "halving": halving,
}


def _scales(branch: str, depth: int) -> Any:
    layers = range(1, depth + 1)
    if branch == "linear":
        return [math.sqrt(2 * layer) / depth for layer in layers]
    return [BRANCHES[branch](layer, depth) for layer in layers]


def _branch(branch: str, name: str, tolerance: float, levels: Any = BOTH) -> Case:
    """B of equal factors is used for all; it is 0.008 at most, and off by a part of that."""
    index, width = INDEX[name], 25
    spec = branch if branch == "linear" else f"{__name__}:{branch}"

    def predict() -> float:
        scales = _scales(branch, DEPTH)
        q = theory.finite_depth_covariance(1.0, 1.0, C0, 1.0, DEPTH, scales=scales)
        return float(q[index] + wide().correction[index] / width)

    def flow(time: float) -> float:
        return float(theory.covariance(1.0, 1.0, C0, time)[index])

    mutants = {
        "the input's": lambda: flow(0),
        "clock 2": lambda: flow(2),
        "clock of the sum of alpha": lambda: flow(math.fsum(_scales(branch, DEPTH))),
    }
    if branch == "halving":
        mutants = {"the flow at clock 1": lambda: flow(1), "the input's": lambda: flow(0)}
    return Case(
        label=f"E {name}, {branch}",
        observe=kernel(name, width=width, depth=DEPTH, branch=spec, quick=80_000, full=160_000),
        predict=predict,
        rule=mean_within(tolerance),
        mutants=mutants,
        levels=levels,
    )


CLAIMS = (
    Claim(
        id="commutation/C7.growth",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"With branch factors $L^{-\gamma}$ and infinite width, ReLU, $\log(q_L/q_0)"
        r" \sim \frac12 L^{1 - 2\gamma}$ for every $\gamma > 0$: the limit is $q_0$ for $\gamma >"
        r" \frac12$ and infinite for $\gamma < \frac12$.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved(
                "k L^(1 - 2 gamma)", symbolic.branch_growth, "1/2", {"k = 1": 1, "k = 1/4": "1/4"}
            ),
        ),
    ),
    Claim(
        id="commutation/C7.networks",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"At $n = 25$, ReLU: with $\gamma = 1$ and 0.75 a network stays close to its"
        r" input, $\mathbb{E}|Y_L - Y_0|^2/n = (1 + \frac12L^{-2\gamma})^L - 1$, and with $\gamma"
        r" = 0.4$ it has passed the limit of $\gamma = \frac12$ at $L = 25$ and at $L = 400$ (full"
        r" level).",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _displacement(1.0, 100, 0.0005, 4_000),
            _displacement(0.75, 100, 0.005, 4_000),
            _strong(25, 0.15, 40_000, BOTH),
            _strong(400, 0.8, 6_000, FULL),
        ),
    ),
    Claim(
        id="commutation/C7.ode",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"With branch factors $1/L$ the kernel tends to the flow $q_t$ at $t = 1$, as if"
        r" independent layers gave the limit of an ordinary differential equation.",
        expected=Verdict.REFUTED,
        corrected="commutation/C7.growth",
        method="monte-carlo",
        cases=(_not_the_flow("q_aa", 100), _not_the_flow("q_ab", 100)),
    ),
    Claim(
        id="commutation/C7.clock",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"Unequal branch factors give the flow at the clock $\sum_l \alpha_l^2$, up to"
        r" the errors of depth and $B/n$: $\alpha_l = \sqrt{2l}/L$ at $n = L = 25$, at the full"
        r" level also $\sqrt{2(L - l) + 1}/L$ and $\sqrt{2/L}$ in every other layer.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _branch("linear", "q_aa", 0.03),
            _branch("front", "q_ab", 0.02, FULL),
            _branch("alternating", "q_ab", 0.02, FULL),
        ),
    ),
    Claim(
        id="commutation/C7.largest-factor",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=r"A bounded $\sum_l \alpha_l^2$ is not enough for the flow, the largest factor"
        r" has to vanish: $\alpha_l = 2^{-l/2}$, of clock 1, gives $q_{aa} \to \prod_l(1 +"
        r" 2^{-l-1}) = 1.589\,q_0$ and not $e^{1/2}q_0$; $n = L = 25$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(_branch("halving", "q_aa", 0.025),),
    ),
)

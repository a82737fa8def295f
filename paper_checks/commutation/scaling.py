"""C4: how fast kernels of residual networks approach their limit, in width and in depth."""

from __future__ import annotations

import math
from functools import partial

from paper_checks.commutation.observe import C0, DEPTH, at_depth, standard, standard_at, wide
from paper_checks.core import Case, Claim, Level, Verdict
from paper_checks.estimates import combine, scaled
from paper_checks.observing import joined
from paper_checks.rules import at_most, mean_within
from paper_checks.trends import Extrapolated, power_law, richardson
from simulations.core import Estimate
from theory import commutation as theory

AB = 2


def _constant() -> float:
    """sqrt(V_ab) at the end of the path, both limits taken."""
    return math.sqrt(wide(depth=None).covariance[AB, AB])


def _bound(width: int, depth: int, levels: tuple[Level, ...] = ("quick", "full")) -> Case:
    """Squares of errors have heavy tails at small width: (25, 50) would need more samples."""
    run = standard_at(width, depth, "sup_error_ab")
    return Case(
        label=f"n = {width}, L = {depth}",
        observe=run,
        predict=lambda: _constant() * (width**-0.5 + depth**-0.5),
        rule=at_most(),
        mutants={
            "1/n + 1/L": lambda: _constant() * (1 / width + 1 / depth),
            "n^-1/2 without its constant": lambda: width**-0.5,
        },
        levels=levels,
    )


def _sharp(narrow: int, tolerance: float, levels: tuple[Level, ...]) -> Case:
    """sqrt(n) error = sqrt(V + n bias^2) (1 + O(1/n)), the last term extrapolated away."""

    def predict() -> float:
        bias = at_depth().q_ab - theory.covariance(1.0, 1.0, C0, 1.0).q_ab
        return math.sqrt(wide().covariance[AB, AB] + 1.5 * narrow * bias**2)

    widths = (narrow, 2 * narrow)

    def limit(found: list[Estimate]) -> Extrapolated:
        scaled_up = [scaled(math.sqrt(n), e) for n, e in zip(widths, found, strict=True)]
        return richardson("n", narrow, scaled_up)

    return Case(
        label=f"n = {narrow} and {2 * narrow}",
        observe=joined(limit, [standard(n, "sup_error_ab") for n in widths]),
        predict=predict,
        rule=mean_within(tolerance),
        mutants={
            "independent neurons": lambda: math.sqrt(at_depth().q_aa ** 2 + at_depth().q_ab ** 2),
            "error of q_aa": lambda: math.sqrt(wide().covariance[0, 0]),
        },
        levels=levels,
    )


def _exponent(name: str, tolerance: float) -> Case:
    """Its own bias at these widths is about -0.03 for ab and aa."""
    widths = (25, 50, 100)
    runs = [standard(n, name) for n in widths]
    return Case(
        label=f"exponent of {name.removeprefix('sup_error_')}",
        observe=joined(partial(power_law, "n", widths), runs),
        predict=lambda: -0.5,
        rule=mean_within(tolerance),
        mutants={"-1": lambda: -1.0, "-1/4": lambda: -0.25, "0, as at fixed width": lambda: 0.0},
        levels=("full",),
    )


def _flat() -> Case:
    depths = (DEPTH, 50, 100, 200)
    runs = [standard_at(25, depth, "var_log_q") for depth in depths]
    return Case(
        label="d log Var log q / d log L, L = 25 to 200, n = 25",
        observe=joined(partial(power_law, "L", depths), runs),
        predict=lambda: 0.0,
        rule=mean_within(0.05),
        mutants={"1, as in an MLP": lambda: 1.0, "1/2": lambda: 0.5, "-1/2": lambda: -0.5},
    )


def _same_at(depth: int, tolerance: float) -> Case:
    return Case(
        label=f"n Var log q at L = {depth}, less that at L = 25; n = 25",
        observe=joined(
            lambda found: combine([25, -25], found),
            [standard_at(25, depth, "var_log_q"), standard(25, "var_log_q")],
        ),
        predict=lambda: (
            theory.log_expansion(1.0, 1.0, "relu", depth).variance
            - theory.log_expansion(1.0, 1.0, "relu", DEPTH).variance
        ),
        rule=mean_within(tolerance),
        mutants={"5 (L - 25), as in an MLP": lambda: 5.0 * (depth - DEPTH)},
    )


CLAIMS = (
    Claim(
        id="commutation/C4.bound",
        source="main theorem",
        provenance="recalled",
        kind="theorem",
        statement=r"$\sup_{t \in [0, 1]} \|\hat q_{\lfloor tL \rfloor}(a, b) - q_t(a, b)\|_{L^2}"
        r" \le C(n^{-1/2} + L^{-1/2})$ with one constant for all $n$ and $L$: with ReLU,"
        r" $c_0 = 0.3$ and $C = \sqrt{V_{ab}(1)} = 2.454$ at the sizes named.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _bound(25, DEPTH),
            _bound(50, DEPTH),
            _bound(50, 50),
            _bound(100, DEPTH, ("full",)),
            _bound(25, 200, ("full",)),
        ),
    ),
    Claim(
        id="commutation/C4.sharp",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=r"The error is $\sqrt{V_{ab}/n}\,(1 + O(1/n)) + O(1/L)$: the order $L^{-1/2}$ is"
        r" not there; with ReLU, $c_0 = 0.3$ and $L = 25$, $\sqrt n$ times the error tends to"
        r" 2.42, from two widths extrapolated in $1/n$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(_sharp(25, 0.16, ("quick",)), _sharp(50, 0.06, ("full",))),
    ),
    Claim(
        id="commutation/C4.exponent",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=r"The exponent of the error in the width is $-\frac12$: between $-0.55$ and"
        r" $-0.45$ for $q_{aa}$ and $q_{ab}$ over $n = 25$ to 100 with ReLU and $L = 25$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(_exponent("sup_error_aa", 0.05), _exponent("sup_error_ab", 0.05)),
    ),
    Claim(
        id="commutation/C4.commutes",
        source="main theorem",
        provenance="recalled",
        kind="theorem",
        statement=r"The limits commute: at fixed width $n = 25$ the variance of"
        r" $\log\hat q_{aa}$ of a ReLU residual network does not grow with depth, up to $L = 8n$"
        r" (exponent within 0.05 of 0; an MLP has 1).",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(_flat(), _same_at(200, 0.5)),
    ),
)

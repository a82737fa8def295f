"""C8: in a perceptron the limits of width and depth do not commute."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from scipy.stats import norm

from paper_checks.commutation.observe import kernel, standard_at
from paper_checks.core import BOTH, FULL, Case, Claim, Computed, Measured, Verdict
from paper_checks.identities import proved
from paper_checks.laws import law_within
from paper_checks.observing import weighted
from paper_checks.rules import identity, mean_within
from theory import commutation as theory
from theory.commutation import symbolic

EDGES = tuple(float(x) for x in -2.5 + 2.3 * norm.ppf(np.arange(1, 64) / 64))
RUNS: dict[tuple[int, int], dict[str, Any]] = {
    (10, 20): {"quick": 200_000, "full": 400_000},
    (10, 100): {"quick": 200_000, "full": 400_000},
    (20, 100): {"quick": 40_000, "full": 400_000},
    (100, 20): {"quick": 40_000, "full": 400_000},
    (100, 100): {"quick": 40_000, "full": 160_000, "binned": "log_q", "edges": EDGES},
}
"""Samples of each (n, L), one input.  All of a width share compiled code but that with a law."""


def _mlp(width: int, depth: int, name: str) -> Measured:
    return kernel(
        name,
        architecture="mlp",
        width=width,
        depth=depth,
        gram=((1.0,),),
        **RUNS[width, depth],
    )


def _moment(
    name: str, width: int, depth: int, tolerance: float, rates: dict[str, float], levels: Any
) -> Case:
    """`rates`: wrong values of the limit, in units of r = L/n."""
    part = {"log_q": "mean", "var_log_q": "variance"}[name]
    ratio = depth / width
    return Case(
        label=f"{name}, (n, L) = ({width}, {depth})",
        observe=_mlp(width, depth, name),
        predict=lambda: getattr(theory.mlp_log_moments(width, depth), part),
        rule=mean_within(tolerance),
        mutants={label: partial(float, wrong * ratio) for label, wrong in rates.items()},
        levels=levels,
    )


MEAN_RATES = {"-r: a linear network": -1.0, "0: no drift": 0.0}
VARIANCE_RATES = {"2r: a linear network": 2.0, "4r": 4.0}


def _rates_at(width: int) -> list[float]:
    """n times mean and variance of one layer of log m, given that it is alive."""
    one, two = (theory.mlp_log_moments(width, layers) for layers in (1, 2))
    return [width * (two.mean - one.mean), width * (two.variance - one.variance)]


def _wide_rates(width: int) -> list[float]:
    return [2 * b - a for a, b in zip(_rates_at(width), _rates_at(2 * width), strict=True)]


def _angle_step(depth: int) -> float:
    """(1/theta_2l - 1/theta_l)/l times pi: what one layer adds in the end."""
    start = math.acos(0.3)
    one, two = (theory.mlp_angle(start, layers) for layers in (depth, 2 * depth))
    return math.pi * (1 / two - 1 / one) / depth


def _slope(shallow: Measured, deep: Measured, width: int, layers: int) -> Measured:
    """n times the slope of Var log q_aa in the depth."""
    return weighted([width / layers, -width / layers], [deep, shallow])


def _perceptron_slope(tolerance: float) -> Case:
    width, (shallow, deep) = 10, (20, 100)
    runs = [_mlp(width, depth, "var_log_q") for depth in (shallow, deep)]
    return Case(
        label=f"perceptron, n = {width}, L = {shallow} and {deep}",
        observe=_slope(runs[0], runs[1], width, deep - shallow),
        predict=lambda: _rates_at(width)[1],
        rule=mean_within(tolerance),
        mutants={"0: no growth": lambda: 0.0, "2: linear": lambda: 2.0, "4": lambda: 4.0},
    )


def _resnet_slope(tolerance: float) -> Case:
    width, (shallow, deep) = 25, (25, 100)

    def predict() -> float:
        one, two = (theory.log_expansion(1.0, 1.0, "relu", d).variance for d in (shallow, deep))
        return (two - one) / (deep - shallow)

    return Case(
        label=f"residual network, n = {width}, L = {shallow} and {deep}",
        observe=_slope(
            standard_at(width, shallow, "var_log_q"),
            standard_at(width, deep, "var_log_q"),
            width,
            deep - shallow,
        ),
        predict=predict,
        rule=mean_within(tolerance),
        mutants={"5: as a perceptron": lambda: 5.0, "2: linear perceptron": lambda: 2.0},
    )


def _alive(depth: int, tolerance: float) -> Case:
    width = 10
    return Case(
        label=f"n = {width}, L = {depth}",
        observe=_mlp(width, depth, "alive"),
        predict=lambda: theory.mlp_log_moments(width, depth).alive,
        rule=mean_within(tolerance, span=1.0),
        mutants={
            "never dead": lambda: 1.0,
            "2^(1 - n)": lambda: (1 - 2 ** (1 - width)) ** depth,
        },
    )


def _rational(width: int) -> Case:
    residual: Callable[[Any], Any] = partial(symbolic.perceptron_second_moment_at, width)
    return proved(f"E m^2 = 1 + k/n, n = {width}", residual, 5, {"k = 2": 2, "k = 4": 4})


def _normal(mean: float, variance: float) -> Any:
    return norm(mean, math.sqrt(variance)).cdf


CLAIMS = (
    Claim(
        id="commutation/C8.log-moments",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"In a critical ReLU perceptron $\log\hat q_L$ given that no layer is dead is a"
        r" sum of $L$ independent layers, $\log(\frac2n\chi^2_K)$ with $K \sim \mathrm{Bin}(n,"
        r" \frac12)$, and of $\log(\chi^2_n/n)$: mean and variance at $n = 10$, $L = 20$, and at"
        r" the full level at $(n, L) = (20, 100), (100, 20), (100, 100)$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _moment("log_q", 10, 20, 0.12, MEAN_RATES, BOTH),
            _moment("var_log_q", 10, 20, 0.8, VARIANCE_RATES | {"5r": 5.0}, BOTH),
            _moment("log_q", 100, 100, 0.08, MEAN_RATES, FULL),
            _moment("var_log_q", 100, 100, 0.26, VARIANCE_RATES, FULL),
            _moment("log_q", 20, 100, 0.12, MEAN_RATES | {"-5r/2": -2.5}, FULL),
            _moment("var_log_q", 20, 100, 0.9, VARIANCE_RATES | {"5r": 5.0}, FULL),
            _moment("log_q", 100, 20, 0.02, MEAN_RATES, FULL),
            _moment("var_log_q", 100, 20, 0.03, VARIANCE_RATES, FULL),
        ),
    ),
    Claim(
        id="commutation/C8.second-moment",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"$\mathbb{E}\hat q_L^2 = (1 + 5/n)^L(1 + 2/n)$ for a critical ReLU perceptron"
        r" with $q_0 = 1$: each layer multiplies by $m$ with $\mathbb{E}m^2 = 1 + 5/n$, for every"
        r" $n$ and as a sum of rational numbers at $n = 1, 2, 3$ and 20, and"
        r" $\mathbb{E}(\chi^2_n/n)^2 = 1 + 2/n$.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved(
                "E m^2 = 1 + k/n, every n",
                symbolic.perceptron_second_moment,
                5,
                {"k = 2: linear": 2, "k = 4": 4},
            ),
            *(_rational(n) for n in (1, 2, 3, 20)),
            proved("E q_0^2 = 1 + k/n", symbolic.input_second_moment, 2, {"k = 1": 1, "k = 5": 5}),
        ),
    ),
    Claim(
        id="commutation/C8.log-normal",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"As $L/n \to r$ mean and variance of $\log\hat q_L$ in a critical ReLU"
        r" perceptron tend to $-\frac52r$ and $5r$: $n$ times those of one layer, $n = 1000$ and"
        r" 2000 extrapolated.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            Case(
                label="n times (mean, variance) of one layer",
                observe=Computed(lambda: _wide_rates(1000)),
                predict=lambda: [-2.5, 5.0],
                rule=identity(1e-4),
                mutants={"linear network": lambda: [-1.0, 2.0], "-2, 4": lambda: [-2.0, 4.0]},
            ),
        ),
    ),
    Claim(
        id="commutation/C8.law",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=r"At $n = L = 100$ the law of $\log\hat q_L$ in a critical ReLU perceptron is"
        r" within 0.02 of $N(-2.55, 5.21)$, the normal law with its exact mean and variance.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            Case(
                label="n = L = 100",
                observe=_mlp(100, 100, "law"),
                predict=lambda: _normal(*theory.mlp_log_moments(100, 100)[:2]),
                rule=law_within(0.02),
                levels=FULL,
                mutants={
                    "N(-r, 2r): a linear network": lambda: _normal(-1, 2),
                    "N(-2r, 4r)": lambda: _normal(-2, 4),
                },
            ),
        ),
    ),
    Claim(
        id="commutation/C8.angle",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"In a critical ReLU perceptron of infinite width $1/\theta$ grows by $1/(3\pi)$"
        r" in every layer as $\theta \to 0$, so that $\theta_l \sim 3\pi/l$.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved(
                "step 1/(k pi)", symbolic.perceptron_angle, 3, {"k = 6: residual": 6, "k = 2": 2}
            ),
        ),
    ),
    Claim(
        id="commutation/C8.angle-numbers",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=r"From $c_0 = 0.3$ the mean step of $1/\theta$ between layers 2000 and 4000 is"
        r" within 0.1 % of $1/(3\pi)$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            Case(
                label="l = 2000",
                observe=Computed(lambda: _angle_step(2000)),
                predict=lambda: 1 / 3,
                rule=identity(3.3e-4),
                mutants={"1/6": lambda: 1 / 6, "1/2": lambda: 0.5},
            ),
        ),
    ),
    Claim(
        id="commutation/C8.order-of-limits",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"At a fixed width $\mathrm{Var}\log\hat q_L$ grows linearly in the depth of a"
        r" critical ReLU perceptron, $n$ times its slope being 8.67 at $n = 10$ and 5 as $n \to"
        r" \infty$, and does not in a residual network ($n = 25$, $L = 25$ and 100: 0.06 at most):"
        r" only in the latter do the limits commute.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(_perceptron_slope(0.5), _resnet_slope(0.06)),
    ),
    Claim(
        id="commutation/C8.dead",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"A ReLU perceptron of width $n$ has not died after $L$ layers with probability"
        r" $(1 - 2^{-n})^L$: 0.907 at $n = 10$, $L = 100$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(_alive(100, 0.012),),
    ),
)

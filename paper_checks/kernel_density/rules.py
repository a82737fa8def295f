"""C15: rules of thumb are condensed in large dimension, and where they are not."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import cache, partial
from typing import Any

from paper_checks.core import BOTH, FULL, Case, Claim, Verdict
from paper_checks.identities import agree, proved
from paper_checks.kernel_density import algebra
from paper_checks.kernel_density.observe import points
from paper_checks.kernel_density.risk import extrapolated, h_limit, optimum, scott
from theory import kernel_density as theory
from theory.prediction import Prediction

SIZES = ("1e2", "1e3", "1e4", "1e5", "1e6", "1e9", "1e12")
RULES: dict[str, Callable[[int, float], Any]] = {
    "scott": theory.scott,
    "silverman": theory.silverman,
}
LAST = {
    "scott": ((3, 6), (4, 9), (6, 12), (7, 15), (8, 17), (10, 25), (13, 32)),
    "silverman": ((3, 5), (4, 7), (5, 9), (6, 11), (7, 13), (9, 19), (11, 23)),
}
"""Largest d of a finite index above 2, and above 1, by size."""

SHARES = {
    1e3: {2: 0.014, 4: 0.059, 6: 0.137, 8: 0.212, 10: 0.269, 15: 0.361, 20: 0.421, 30: 0.501}
    | {50: 0.596, 100: 0.709},
    1e6: {4: 0.002, 6: 0.010, 8: 0.032, 10: 0.067, 15: 0.157, 20: 0.217, 30: 0.298, 50: 0.405}
    | {100: 0.554},
}
"""E Y_2 at Scott's bandwidth by n and d."""


@cache
def _squared_index(d: int, n: float) -> float:
    """Finite index over h^2."""
    return theory.finite_index(d, n, 1.0).index


def _last_dimensions(rule: str, n: float) -> list[float]:
    """Largest d <= 60 with a finite index above 2 and above 1; the index falls in d."""
    last = [0.0, 0.0]
    for d in range(1, 61):
        index = _squared_index(d, n) * RULES[rule](d, n) ** 2
        last = [d if index > bound else old for bound, old in zip((2, 1), last, strict=True)]
        if index < 0.8:
            break
    return last


def _last_case(rule: str, place: int) -> Case:
    n = float(SIZES[place])

    def at_optimum() -> list[float]:
        """The same for the asymptotic KL optimum."""
        table = [(d, _squared_index(d, n) * h_limit(d, n) ** 2) for d in range(1, 41)]
        return [float(max([0, *(d for d, x in table if x > bound)])) for bound in (2, 1)]

    other = "silverman" if rule == "scott" else "scott"
    wrong: dict[str, Any] = {"0: condensed in every dimension, as in the limit": [0.0, 0.0]}
    if LAST[rule][place] != LAST[other][place]:
        wrong[f"{other}'s"] = [float(x) for x in LAST[other][place]]
    if n == 1e6 and rule == "scott":
        wrong["h* of the limit for the rule"] = at_optimum
    return agree(
        f"{rule}, n = {SIZES[place]}",
        partial(_last_dimensions, rule, n),
        [float(x) for x in LAST[rule][place]],
        0.0,
        wrong,
    )


def _share_case(n: float) -> Case:
    dimensions, values = list(SHARES[n]), list(SHARES[n].values())

    def found() -> list[Prediction]:
        return [theory.engine.means(d, n, scott(d, n)).y2 for d in dimensions]

    def limit() -> list[float]:
        alphas = [math.log(n) / d for d in dimensions]
        return [1 - float(theory.stable_index(a, math.exp(-a))) for a in alphas]

    def finite() -> list[float]:
        return [max(0.0, 1 - _squared_index(d, n) * scott(d, n) ** 2) for d in dimensions]

    return agree(
        f"n = {n:g}, d = {dimensions[0]} to {dimensions[-1]}",
        found,
        values,
        5.01e-4,
        {"the limit": limit, "1 - lambda at the finite index": finite},
    )


def _price_case(d: int, n: float, value: float, digit: float, full: bool) -> Case:
    """KL at Scott's bandwidth less the least KL, in nats."""

    def price() -> float:
        least = optimum(d, n).divergence.value
        return theory.kl_divergence(d, n, scott(d, n)).value - least

    def limit() -> float:
        alpha = math.log(n) / d
        risk = theory.kl_risk(alpha, math.exp(-alpha))
        return d * (float(risk) - float(theory.kl_limit(alpha).risk))

    return agree(
        f"d = {d}, n = {n:g}",
        price,
        value,
        digit,
        {"d times the limit": limit, "nothing": 0.0},
        FULL if full else BOTH,
    )


def _scott_index(alpha: float, d: int) -> float:
    n = points(d, alpha)
    return theory.finite_index(d, n, scott(d, n)).index


def _scott_limit(alpha: float) -> float:
    return float(theory.stable_index(alpha, math.exp(-alpha)))


CLAIMS = (
    Claim(
        id="kernel_density/C15.condensed",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=r"Rules of thumb are condensed: Scott's and Silverman's bandwidths tend to"
        r" $e^{-\alpha} < h^* < h_G$ at every $\alpha$, since $\log(h^{*2} e^{2\alpha}) = \log(1 +"
        r" w) - w(1 - w)$ is 0 at $w = 0$ and has the derivative $w(1 + 2w)/(1 + w) > 0$, and $1 -"
        r" h^{*2}/h_G^2 = w^2$; $\lambda^*_{Scott} = 1 - \frac32 e^{-4\alpha} + \ldots$",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved("the quotient", algebra.scott_gap, 2, {"e^(-alpha/2)": 1}),
            proved("rising in w", algebra.scott_below, 2, {"1": 1}),
            proved("h* below h_G", algebra.optimum_below, "w**2", {"w": "w"}),
            proved(
                "many points",
                partial(algebra.many_points, of="scott"),
                Fraction(3, 2),
                {"1, as at h*": 1},
            ),
        ),
    ),
    Claim(
        id="kernel_density/C15.normal-reference",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"Silverman's rule and the normal-reference rule are one: the bandwidth of least"
        r" asymptotic squared error $\frac{1}{n h^d} + \frac{h^4}{4}\cdot\frac{d(d + 2)}{4}$, over"
        r" $(4\pi)^{-d/2}$, is $(\frac{4}{(d + 2)n})^{1/(d+4)}$ for $N(0, I_d)$.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved("(d + 2) n h^(d + 4)", algebra.normal_reference, 4, {"Scott: d + 2": "d + 2"}),
        ),
    ),
    Claim(
        id="kernel_density/C15.limit",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"The finite index of Scott's bandwidth extrapolates from $d = 100, \ldots, 1600$"
        r" to $e^{-2\alpha}/s_G$ at $\alpha = 0.1$, 0.25 (0.67654) and 0.28 within $10^{-5}$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=tuple(
            agree(
                f"alpha = {alpha:g}",
                partial(extrapolated, partial(_scott_index, alpha)),
                partial(_scott_limit, alpha),
                1e-5,
                {
                    "1: critical": 1.0,
                    "as at h*": lambda a=alpha: theory.kl_limit(a).stable_index,
                },
            )
            for alpha in (0.1, 0.25, 0.28)
        ),
    ),
    Claim(
        id="kernel_density/C15.table",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=r"Where rules of thumb leave the normal regime: at a typical query the largest $d"
        r" \le 60$ with finite index above 2 (above 1) under Scott's rule is 3 (6), 4 (9), 6 (12),"
        r" 7 (15), 8 (17), 10 (25), 13 (32) for $n = 10^2, \ldots, 10^6, 10^9, 10^{12}$; under"
        r" Silverman's 3 (5), 4 (7), 5 (9), 6 (11), 7 (13), 9 (19), 11 (23).",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=tuple(_last_case(rule, k) for rule in RULES for k in range(len(SIZES))),
    ),
    Claim(
        id="kernel_density/C15.share",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"$\mathbb{E} Y_2$ at Scott's bandwidth rises smoothly with $d$: from 0.014 at"
        r" $d = 2$ to 0.709 at 100 for $n = 10^3$, from 0.002 at 4 to 0.554 at 100 for $n = 10^6$"
        r" (19 values, three decimals).",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=tuple(_share_case(n) for n in SHARES),
    ),
    Claim(
        id="kernel_density/C15.price",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"Scott's bandwidth costs 0.340 nats of divergence against the best one at $(20,"
        r" 1000)$; at level full also 0.029, 0.113, 1.034 in $d = 5, 10, 40$ and 0.296 at $(50,"
        r" 10^{12})$, three decimals.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=tuple(
            _price_case(d, n, value, 5.01e-4, d != 20)
            for d, n, value in (
                (5, 1e3, 0.029),
                (10, 1e3, 0.113),
                (20, 1e3, 0.340),
                (40, 1e3, 1.034),
                (50, 1e12, 0.296),
            )
        ),
    ),
)

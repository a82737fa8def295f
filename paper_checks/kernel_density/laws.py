"""C6: limit laws of the sum and of its largest term, and what is carried at the thresholds."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np

from paper_checks.core import BOTH, FULL, Case, Claim, Verdict
from paper_checks.identities import agree, proved
from paper_checks.kernel_density import integrals
from paper_checks.kernel_density.observe import (
    SIZES,
    Term,
    bandwidth,
    law,
    limit,
    limits,
    log_mean,
    points,
)
from theory import kernel_density as theory
from theory.kernel_density.distances import Distances

Array = np.ndarray[Any, Any]
Law = Callable[[Array], Array]

LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
SHORT = (100, 200, 400, 800)
"""Beyond, S/(n E W) - 1 is lost in rounding for an index above 1.4."""
NORMAL = (60, 100, 140, 200, 280, 400)
ROOTS: tuple[Term, ...] = (
    lambda d: math.log(d) / math.sqrt(d),
    lambda d: 1 / math.sqrt(d),
    lambda d: (math.log(d) / math.sqrt(d)) ** 3,
    lambda d: math.log(d) ** 2 / d**1.5,
)
"""Corrections at the thresholds, where log(2 pi d v)/sqrt(d v) is the argument of a normal law."""


@cache
def stable(index: float) -> theory.OneSidedStable:
    """The law of the limit."""
    return theory.OneSidedStable(index)


@cache
def _quantiles(index: float) -> tuple[float, ...]:
    """Of the stable law, at `LEVELS`, by bisection."""
    found, law_of_limit = [], stable(index)
    for level in LEVELS:
        low, high = (-40.0, 40.0) if index > 1 else (-10.0, 40.0)  # of x, or of log x
        for _ in range(80):
            middle = (low + high) / 2
            x = middle if index > 1 else math.exp(middle)
            low, high = (low, middle) if law_of_limit.cdf(x) > level else (middle, high)
        found.append(low if index > 1 else math.exp(low))
    return tuple(found)


@cache
def log_scale(d: int, index: float) -> float:
    """log a_n."""
    return theory.finite_index(d, points(d), bandwidth(index)).log_scale


def _exact(d: int, index: float, x: Array) -> Array:
    """The exact distribution function of S/a_n, or of (S - n E W)/a_n for an index above 1."""
    n, h = points(d), bandwidth(index)
    found, log_a = law(d, n, h), log_scale(d, index)
    if index < 1:
        return found.cdf(log_a + np.log(x))
    base = log_mean(d, n, h)
    return found.cdf(base + np.log1p(np.maximum(x * math.exp(log_a - base), -1 + 1e-15)))


def _levels(index: float, sizes: tuple[int, ...]) -> list[float]:
    """What the exact law at the quantiles of the limit tends to."""
    x = np.array(_quantiles(index))
    return limits(lambda d: list(_exact(d, index, x)), sizes)


def _moved(
    index: float, change: Callable[[Array], Array], other: float | None = None
) -> list[float]:
    x = change(np.array(_quantiles(index)))
    return [float(p) for p in np.asarray(stable(other or index).cdf(x))]


def _limit_case(index: float, tolerance: float, sizes: tuple[int, ...], full: bool) -> Case:
    c, size = stable(index).scale, abs(math.gamma(1 - index)) ** (1 / index)
    below = index < 1
    wrong: dict[str, Any] = {
        "scale without Gamma": partial(_moved, index, lambda x: x * size),
        "scale without the cosine": partial(_moved, index, lambda x: x * c / size),
        "skewness -1": lambda: [1 - p for p in _moved(index, lambda x: -x)],
        "index + 0.1": partial(_moved, index, lambda x: x, index + 0.1 + 0.1 * (index == 0.9)),
    }
    if below:
        wrong["centred at n E W"] = [0.0] * len(LEVELS)
    else:
        wrong["location of S0"] = partial(
            _moved, index, lambda x: x + c * math.tan(math.pi * index / 2)
        )
    return agree(
        f"lambda* = {index:g}, d <= {sizes[-1]}",
        partial(_levels, index, sizes),
        list(LEVELS),
        tolerance,
        wrong,
        FULL if full else BOTH,
    )


def _normal_levels(d: int, index: float) -> list[float]:
    """The exact law of (S - n E W)/sqrt(n Var W) at five points."""
    n, h = points(d), bandwidth(index)
    deviation = math.sqrt(theory.relative_variance(d, n, h))
    values = law(d, n, h).cdf(log_mean(d, n, h) + np.log1p(deviation * np.array(NORMAL_POINTS)))
    return [float(p) for p in values]


NORMAL_POINTS = (-1.5, -0.7, 0.0, 0.7, 1.5)


def _normal(scale: float, shift: float = 0.0) -> list[float]:
    return [0.5 + math.erf((x - shift) / scale / math.sqrt(2)) / 2 for x in NORMAL_POINTS]


def _critical_levels() -> list[float]:
    """The limit of the same at index 2, on 1, log d/sqrt d, 1/sqrt d, 1/d."""
    terms = (*ROOTS[:2], lambda d: 1 / d)
    return limits(lambda d: _normal_levels(d, 2.0), NORMAL, terms)


def _share(d: int, power: int = 1) -> float:
    """Share of n E W, or of n E W^2, carried beyond r_n, at the index `power`."""
    h = bandwidth(float(power))
    nearest = theory.finite_index(d, points(d), h).nearest
    return float(theory.carried_share(d, h, nearest, float(power)))


def _median(d: int) -> float:
    """The exact median of S/(n E W) at index 1."""
    n, h = points(d), bandwidth(1.0)
    return math.exp(float(law(d, n, h).quantile(0.5)) - log_mean(d, n, h))


def _largest(d: int, index: float) -> list[float]:
    """P(W_(1) <= a_n x) = P(r^2 > r_n^2 - 2 h^2 log x)^n, exactly."""
    h, n = bandwidth(index), points(d)
    r2 = -2 * h * h * (log_scale(d, index) + np.log(np.array(LARGEST)))
    return [float(p) for p in np.exp(-n * np.exp(Distances(d).log_cdf(r2)))]


LARGEST = (0.5, 1.0, 2.0, 5.0)


def _largest_case(index: float) -> Case:
    return agree(
        f"lambda* = {index:g}",
        lambda: limits(partial(_largest, index=index)),
        [math.exp(-(x**-index)) for x in LARGEST],
        1e-3,
        {
            "index + 0.05": [math.exp(-(x ** -(index + 0.05))) for x in LARGEST],
            "e^-1/x": [math.exp(-1 / x) for x in LARGEST],
            "rate lambda": [math.exp(-index * x**-index) for x in LARGEST],
        },
    )


CLAIMS = (
    Claim(
        id="kernel_density/C6.laplace",
        source="the abstract: a stable law below h_CLT",
        provenance="confirmed-in-source",
        kind="theorem",
        statement=r"The sum of the points of intensity $\lambda x^{-\lambda-1}dx$, centred at its"
        r" mean where $1 < \lambda < 2$, has $\mathbb{E}e^{-tX} ="
        r" \exp(-\Gamma(1-\lambda)t^\lambda)$: the stable law of skewness 1, location 0 (S1) and"
        r" scale $(\Gamma(1-\lambda)\cos(\pi\lambda/2))^{1/\lambda}$.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved("index < 1", partial(integrals.laplace, above=False), 1, {"-1": -1, "2": 2}),
            proved("1 < index < 2", partial(integrals.laplace, above=True), 1, {"-1": -1, "2": 2}),
            proved("scale^lambda", integrals.stable_scale, 1, {"2": 2, "-1": -1}),
            proved("skewness", integrals.skewness, 1, {"0: symmetric": 0, "-1": -1}),
        ),
    ),
    Claim(
        id="kernel_density/C6.largest",
        source="the abstract: extreme values below h_G",
        provenance="confirmed-in-source",
        kind="theorem",
        statement=r"$P(W_{(1)} \le a_n x) \to e^{-x^{-\lambda^*}}$, $a_n = e^{-r_n^2/(2h^2)}$,"
        r" $nF(r_n^2) = 1$, within $10^{-3}$ at $x = \frac12, 1, 2, 5$, $\alpha = 0.3$:"
        r" extrapolated from the exact law at $d \le 1500$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=tuple(_largest_case(index) for index in (0.5, 0.8, 1.25, 1.6)),
    ),
    Claim(
        id="kernel_density/C6.limit",
        source="the abstract: a stable law below h_CLT",
        provenance="confirmed-in-source",
        kind="theorem",
        statement=r"$S/a_n$ for $\lambda^* < 1$ and $(S - n\mathbb{E}W)/a_n$ for $1 < \lambda^* <"
        r" 2$ tend to this law: the exact distribution function at its quantiles 0.1 to 0.9,"
        r" $\alpha = 0.3$, extrapolated from $d = 100, \ldots, 800$, within 0.001 at $\lambda^* ="
        r" 0.5$, 0.005 at 0.7, 0.008 at 1.25 and 0.003 at 1.6; at level full, to $d = 1500$, 0.0005"
        r" at 0.3 and 0.5, 0.004 at 0.7, 0.005 at 1.25 and 0.002 at 1.4.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            _limit_case(0.5, 1e-3, SHORT, False),
            _limit_case(0.7, 5e-3, SHORT, False),
            _limit_case(1.25, 8e-3, SHORT, False),
            _limit_case(1.6, 3e-3, SHORT, False),
            _limit_case(0.3, 5e-4, SIZES, True),
            _limit_case(0.5, 5e-4, SIZES, True),
            _limit_case(0.7, 4e-3, SIZES, True),
            _limit_case(1.25, 5e-3, SIZES, True),
            _limit_case(1.4, 2e-3, SIZES, True),
        ),
    ),
    Claim(
        id="kernel_density/C6.normal",
        source="the abstract: three regimes",
        provenance="confirmed-in-source",
        kind="theorem",
        statement=r"For $\lambda^* = 3, 4$, $\alpha = 0.3$, $d = 200$, $n = e^{60}$, the exact law"
        r" of $(S - n\mathbb{E}W)/\sqrt{n\mathrm{Var}W}$ is normal within $3\cdot10^{-4}$ at five"
        r" points.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=tuple(
            agree(
                f"lambda* = {index:g}",
                partial(_normal_levels, 200, index),
                partial(_normal, 1.0),
                3e-4,
                {
                    "half the variance": partial(_normal, math.sqrt(0.5)),
                    "a shift of 0.01": partial(_normal, 1.0, 0.01),
                },
            )
            for index in (3.0, 4.0)
        ),
    ),
    Claim(
        id="kernel_density/C6.half-variance",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"At $\lambda^* = 2$ the limit is normal with half the variance"
        r" $n\mathrm{Var}W$: the exact law at $\alpha = 0.3$, extrapolated in $d^{-1/2}$ from $d ="
        r" 60, \ldots, 400$, within 0.01 at five points.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            agree(
                "alpha = 0.3",
                _critical_levels,
                partial(_normal, math.sqrt(0.5)),
                0.01,
                {
                    "the whole variance": partial(_normal, 1.0),
                    "a third": partial(_normal, math.sqrt(1 / 3)),
                    "two thirds": partial(_normal, math.sqrt(2 / 3)),
                },
            ),
        ),
    ),
    Claim(
        id="kernel_density/C6.half",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"At $\lambda^* = 1$ half of $n\mathbb{E}W$, and at $\lambda^* = 2$ half of"
        r" $n\mathbb{E}W^2$, comes from the points beyond $r_n$, that typical data sets have:"
        r" exact shares at $\alpha = 0.3$ extrapolated from $d = 100, \ldots, 1500$ within"
        r" $10^{-3}$, and, within 0.02, the exact median of $S/(n\mathbb{E}W)$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            proved(
                "one function of s for both, factor 1",
                integrals.shares_at_thresholds,
                1,
                {"2": 2, "-1": -1},
            ),
            agree(
                "shares at lambda* = 1 and 2",
                lambda: [limit(partial(_share, power=k), SIZES, ROOTS).limit.value for k in (1, 2)],
                [0.5, 0.5],
                1e-3,
                {"1": [1.0, 1.0], "0": [0.0, 0.0], "0.45": [0.45, 0.45]},
            ),
            agree(
                "median at lambda* = 1",
                lambda: limit(_median, SIZES, ROOTS),
                0.5,
                0.02,
                {"1: self-averaging": 1.0, "1/e": math.exp(-1), "0": 0.0},
            ),
        ),
    ),
    Claim(
        id="kernel_density/C6.half-slowly",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"That share is 0.218, 0.299, 0.359 and 0.409 at $d = 30, 100, 300, 1000$,"
        r" $\alpha = 0.3$; the normal approximation $\Phi(-\frac12\log(2\pi dv)/\sqrt{dv})$ is off"
        r" by $O(d^{-1/2})$: 0.251, 0.317, 0.370, 0.414.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            agree(
                "exact shares",
                lambda: [_share(d) for d in (30, 100, 300, 1000)],
                [0.218, 0.299, 0.359, 0.409],
                6e-4,
                {
                    "normal approximation": lambda: [
                        float(theory.critical_fraction(d, 0.3)) for d in (30, 100, 300, 1000)
                    ],
                    "1/2": [0.5] * 4,
                },
            ),
        ),
    ),
)

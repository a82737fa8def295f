"""C6: sampled sums have the exact law of finite n and d, which is not yet the limit law."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from paper_checks.core import FULL, Case, Claim, Measured, Verdict
from paper_checks.kernel_density.laws import log_scale, stable
from paper_checks.kernel_density.observe import (
    THOUSAND,
    bandwidth,
    law,
    log_mean,
    points,
    sums,
)
from paper_checks.laws import law_within
from theory import kernel_density as theory
from theory.kernel_density.distances import Distances

Array = np.ndarray[Any, Any]
Law = Callable[[Array], Array]


OFFSETS = {True: (-2.0, 8.0, 0.4), False: (-4.0, 12.0, 0.5)}
"""Edges of log S - log a_n below index 1, of (S - n E W)/a_n above."""


def _edges(d: int, index: float) -> tuple[float, ...]:
    n, h = points(d), bandwidth(index)
    if index < 1:
        return tuple(log_scale(d, index) + x for x in np.arange(*OFFSETS[True]).tolist())
    base = log_mean(d, n, h)
    if index > 2:
        unit = math.sqrt(theory.relative_variance(d, n, h))
    else:
        unit = math.exp(log_scale(d, index) - base)
    return tuple(x * unit for x in np.arange(*OFFSETS[False]).tolist() if x * unit > -1)


def _sampled(d: int, index: float) -> Measured:
    binned = "log_sum" if index < 1 else "excess"
    return sums(
        f"law_{binned}",
        100 * THOUSAND,
        1000 * THOUSAND,
        dimension=d,
        points=points(d),
        bandwidth=bandwidth(index),
        binned=binned,
        edges=_edges(d, index),
    )


def _exact_law(d: int, index: float) -> Law:
    n, h = points(d), bandwidth(index)
    found = law(d, n, h)
    return found.cdf if index < 1 else lambda x: found.cdf(log_mean(d, n, h) + np.log1p(x))


def _limit_law(d: int, index: float) -> Law:
    """The stable law, or the normal one, in the variable of the edges."""
    n, h, log_a = points(d), bandwidth(index), log_scale(d, index)
    if index < 1:
        return lambda x: np.asarray(stable(index).cdf(np.exp(x - log_a)))
    if index < 2:
        unit = math.exp(log_a - log_mean(d, n, h))
        return lambda x: np.asarray(stable(index).cdf(x / unit))
    return _normal_law(d, index, 1.0)


def _normal_law(d: int, index: float, factor: float) -> Law:
    from scipy.special import ndtr

    n, h = points(d), bandwidth(index)
    deviation = factor * math.sqrt(theory.relative_variance(d, n, h))
    return lambda x: np.asarray(ndtr(x / deviation))


def _largest_law(d: int, index: float) -> Law:
    """The law of log W_(1), the largest weight, exactly."""
    n, h = points(d), bandwidth(index)
    return lambda x: np.exp(-n * np.exp(Distances(d).log_cdf(np.maximum(-2 * h * h * x, 0))))


def _law_case(d: int, index: float, tolerance: float, *, full: bool = False) -> Case:
    wrong: dict[str, Callable[[], Any]] = {}
    if index < 1:
        wrong["the largest weight alone"] = partial(_largest_law, d, index)
    if index < 2:
        wrong["limit law"] = partial(_limit_law, d, index)
    if index > 1:
        wrong["normal law, half the variance"] = partial(_normal_law, d, index, math.sqrt(0.5))
    return Case(
        label=f"d = {d}, lambda* = {index:g}" + (f", within {tolerance:g}" if full else ""),
        observe=_sampled(d, index),
        predict=partial(_exact_law, d, index),
        rule=law_within(tolerance),
        mutants=wrong,
        levels=FULL if full else ("quick", "full"),
    )


INDICES = (0.5, 0.8, 1.25, 1.6, 2.5)


CLAIMS = (
    Claim(
        id="kernel_density/C6.sampled",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"The sampled law of $S$ at $\alpha = 0.3$ is the exact one of finite $n$ and"
        r" $d$ within 0.016 at $d = 100$, $\lambda^* = 0.5, 0.8, 1.25, 1.6, 2.5$, with more"
        r" samples within 0.006 there and at $d = 30$ and 300.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            *(_law_case(100, index, 0.016) for index in INDICES),
            *(_law_case(100, index, 0.006, full=True) for index in INDICES),
            *(_law_case(d, index, 0.006, full=True) for d in (30, 300) for index in (0.8, 1.25)),
        ),
    ),
    Claim(
        id="kernel_density/C6.limit-at-hundred",
        source="plausible",
        provenance="derived",
        kind="formula",
        statement=r"At $d = 100$, $n = e^{30}$ the law of $S$ is its stable limit within 0.02 at"
        r" $\lambda^* = 0.5, 0.8, 1.25, 1.6$.",
        expected=Verdict.REFUTED,
        corrected="kernel_density/C6.sampled",
        method="monte-carlo",
        cases=tuple(
            Case(
                label=f"lambda* = {index:g}",
                observe=_sampled(100, index),
                predict=partial(_limit_law, 100, index),
                rule=law_within(0.02),
            )
            for index in INDICES[:4]
        ),
    ),
)

"""C7: the largest weights: the inverse of the first share, and Hill's estimator."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import cache, partial

import numpy as np

from paper_checks.core import BOTH, FULL, Case, Claim, Level, Verdict
from paper_checks.identities import agree, proved
from paper_checks.kernel_density import integrals
from paper_checks.kernel_density.observe import (
    THOUSAND,
    bandwidth,
    limit,
    log_mean,
    means,
    points,
    sums,
)
from paper_checks.rules import mean_within
from paper_checks.trends import Extrapolated
from theory import kernel_density as theory
from theory.kernel_density.distances import Distances

Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


@cache
def _nodes(d: int, n: float, k: int) -> tuple[Array, Array]:
    """r^2 at nodes of the law of the k-th nearest of n points, and weights: U = Beta(k, n + 1 - k)
    with n U = Gamma(k) for large n."""
    g, w = np.polynomial.legendre.leggauss(16)
    edges = np.concatenate([[0], np.geomspace(1e-9, 1, 14), np.arange(2.0, 46.0, 2.0)])
    half = np.diff(edges)[:, None] / 2
    x = (edges[:-1, None] + half * (1 + g)).ravel()
    weight = (half * w).ravel() * x ** (k - 1) * np.exp(-x) / math.factorial(k - 1)
    r2 = Distances(d).quantile(np.log(x) - math.log(n))
    return r2, weight


@cache
def _inverse_largest(d: int, index: float) -> float:
    """E S/W_(1): beyond the nearest point, n W's of mean E[W; r^2 > r_1^2], for n > 1e9."""
    n, h = points(d), bandwidth(index)
    r2, weight = _nodes(d, n, 1)
    others = np.asarray(theory.carried_share(d, h, r2)) * np.exp(
        log_mean(d, n, h) + r2 / (2 * h * h)
    )
    return float(1 + weight @ others)


@cache
def _hill(d: int, index: float) -> float:
    """3 over E log(W_(1) W_(2) W_(3)/W_(4)^3), exactly for n > 1e9."""
    n, h = points(d), bandwidth(index)
    mean = [float(weight @ r2) for r2, weight in (_nodes(d, n, k) for k in (1, 2, 3, 4))]
    return 3 * 2 * h * h / (3 * mean[3] - sum(mean[:3]))


def _hill_case(d: int, index: float, tolerance: float, levels: tuple[Level, ...] = BOTH) -> Case:
    h, n = bandwidth(index), points(d)
    return Case(
        label=f"d = {d}, lambda* = {index:g}",
        observe=sums("index", 40 * THOUSAND, 400 * THOUSAND, dimension=d, points=n, bandwidth=h),
        predict=partial(_hill, d, index),
        rule=mean_within(tolerance),
        mutants={
            "the limit lambda*": lambda: index,
            "as for four ratios": lambda: _hill(d, index) * 4 / 3,
        },
        levels=levels,
    )


def _inverse_case(d: int, index: float) -> Case:
    h, n = bandwidth(index), points(d)
    return Case(
        label=f"d = {d}, lambda* = {index:g}",
        observe=sums(
            "inverse_p1", 120 * THOUSAND, 600 * THOUSAND, dimension=d, points=n, bandwidth=h
        ),
        predict=partial(_inverse_largest, d, index),
        rule=mean_within(0.03),
        mutants={
            "the limit 1/(1 - lambda*)": lambda: 1 / (1 - index),
            "1/E p_1 of the limit, at least": lambda: 1 + index,
        },
    )


def _extrapolated(value: Callable[[int, float], float], index: float) -> Extrapolated:
    return limit(lambda d: value(d, index))


def _effective_points(index: float) -> float:
    """1/E Y_2 at d = 200."""
    return 1 / means(200, points(200), bandwidth(index)).y2.value


CLAIMS = (
    Claim(
        id="kernel_density/C7.ratios",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"The ratios $R_k = W_{(k+1)}/W_{(k)}$ of these points have $P(R_k \le r) ="
        r" r^{k\lambda}$, on which Hill's estimator rests.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved("r^(c k lambda), c = 1", integrals.ratio, 1, {"2": 2, "1/2": Fraction(1, 2)}),
        ),
    ),
    Claim(
        id="kernel_density/C7.inverse-largest",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"$\mathbb{E}[S/W_{(1)}] \to 1/(1 - \lambda^*)$ within 0.005 at $\lambda^* ="
        r" 0.3, 0.5$, $\alpha = 0.3$, extrapolated from exact values at $d \le 1500$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=tuple(
            agree(
                f"lambda* = {index:g}",
                partial(_extrapolated, _inverse_largest, index),
                1 / (1 - index),
                5e-3,
                {
                    "1/E p_1 >= 1 + lambda": 1 + index,
                    "1/(1 - lambda)^2": 1 / (1 - index) ** 2,
                    "1/E Y_2 at d = 200": partial(_effective_points, index),
                },
            )
            for index in (0.3, 0.5)
        ),
    ),
    Claim(
        id="kernel_density/C7.inverse-largest-sampled",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"Sampled means of $S/W_{(1)}$ are the exact finite-size ones within 0.03 at $d"
        r" = 100, 300$, $\lambda^* = 0.5$, $\alpha = 0.3$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=tuple(_inverse_case(d, 0.5) for d in (100, 300)),
    ),
    Claim(
        id="kernel_density/C7.hill",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"Hill's estimator from the three largest ratios, $\alpha = 0.3$, has the exact"
        r" finite-size value, which is not yet $\lambda^*$: within 0.02 at $\lambda^* = 0.7$, $d ="
        r" 100$, 0.01 at 300, and 0.03 at $\lambda^* = 1.25$, $d = 100$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _hill_case(100, 0.7, 0.02),
            _hill_case(300, 0.7, 0.01, FULL),
            _hill_case(100, 1.25, 0.03, FULL),
        ),
    ),
    Claim(
        id="kernel_density/C7.hill-limit",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"That value tends to $\lambda^*$ within $10^{-3}$ at $\lambda^* = 0.7, 1.25$:"
        r" extrapolated from exact values at $d \le 1500$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=tuple(
            agree(
                f"lambda* = {index:g}",
                partial(_extrapolated, _hill, index),
                index,
                1e-3,
                {"d = 800": partial(_hill, 800, index), "its root": math.sqrt(index)},
            )
            for index in (0.7, 1.25)
        ),
    ),
)

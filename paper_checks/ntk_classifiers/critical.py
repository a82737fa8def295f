"""C6 at B' = 1: ReLU and smooth activations with a constant part vote by majority, but late."""

from __future__ import annotations

import math
from functools import cache, partial

import numpy as np

from paper_checks.core import FULL, Claim, Verdict
from paper_checks.identities import agree, proved
from paper_checks.ntk_classifiers import symbolic
from paper_checks.ntk_classifiers.majority import ANGLES, LABELS, PROBE, circle
from paper_checks.trends import Extrapolated, richardson
from theory import ntk_classifiers as theory

CRITICAL = (1.0, 1.0, 1.0)
"""D = (1 + x + x^2)/3, B' = 1."""


@cache
def _critical(spec: str, depth: int) -> tuple[tuple[float, float], ...]:
    """(delta_L, K_L) at r = 1, 0.02 and 0.01 by plain recursion of 1 - xi, `spec` by its name."""
    delta = np.array([0.5, 0.0002, 0.00005])
    k = 1 - delta
    for _ in range(depth):
        if spec == "relu":
            theta = 2 * np.arcsin(np.sqrt(delta / 2))
            # sin - theta cos cancels below 1e-3: there its series
            series = theta**3 / 3 - theta**5 / 30 + theta**7 / 840 - theta**9 / 45360
            direct = np.sin(theta) - theta * (1 - delta)
            bulge = np.where(theta < 0.1, series, direct)
            slope, delta = 1 - theta / math.pi, delta - bulge / math.pi
        else:
            slope, delta = 1 - 2 * delta / 3, delta - delta**2 / 3
        k = 1 - delta + k * slope
    return tuple(zip(delta.tolist(), k.tolist(), strict=True))


def _growth(spec: str, depth: int) -> float:
    """(K_2L - K_L)/L at r = 1."""
    return (_critical(spec, 2 * depth)[0][1] - _critical(spec, depth)[0][1]) / depth


def _logarithm(depth: int) -> float:
    """(K_2L - K_L - L/4)/log 2 at r = 1 for ReLU."""
    first, second = (_critical("relu", n)[0][1] for n in (depth, 2 * depth))
    return (second - first - depth / 4) / math.log(2)


def _decay(depth: int) -> float:
    """(delta_2L^(-1/2) - delta_L^(-1/2))/L for ReLU."""
    first, second = (_critical("relu", n)[0][0] for n in (depth, 2 * depth))
    return float((second**-0.5 - first**-0.5) / depth)


def _sub_leading(depth: int) -> float:
    """(K(0.01) - K(0.02))/(100 - 50) for ReLU."""
    _, far, near = (k for _, k in _critical("relu", depth))
    return (near - far) / 50


def _theory_critical(spec: str, depth: int) -> list[float]:
    return [float(v) for v in theory.ntk(_dual(spec), np.array([1.0, 0.02, 0.01]), depth)]


def _third(name: str) -> object:
    """Constants of the expansion of ReLU at 1 - xi = 0."""
    import sympy as sp

    known = {"2 sqrt(2)/(3 pi)": 2, "sqrt(2)/(3 pi)": 1, "4 sqrt(2)/(3 pi)": 4}
    return known[name] * sp.sqrt(2) / (3 * sp.pi)


def _dual(spec: str) -> str | tuple[float, ...]:
    return "relu" if spec == "relu" else CRITICAL


def _predicted(spec: str, depth: int) -> float:
    """The ridgeless NTK predictor at the test point on the circle."""
    found = theory.predictor(_dual(spec), circle(ANGLES), LABELS, circle((PROBE,)), depth)
    return float(found.values[0] * np.exp(found.log_scale[0]))


def _extrapolated(spec: str, depth: int) -> Extrapolated:
    """Twice that of 2L less that of L: what is left is O(log L/L^2) from the limit."""
    return richardson("L", depth, [_predicted(spec, depth), _predicted(spec, 2 * depth)])


CLAIMS = (
    Claim(
        id="ntk_classifiers/C6.critical",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"If $B' = 1$ and $D(1 - \delta) = 1 - \delta + \kappa\delta^{1+s} + \ldots$,"
        r" then $K_L/(L + 1) \to q = s/(2s + 1)$ off the diagonal and 1 on it, and the limit"
        r" predictor is $q\sum_i y_i/((1 - q) + nq)$; ReLU has $s = 1/2$, $\kappa ="
        r" 2\sqrt{2}/(3\pi)$.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved(
                "q",
                symbolic.critical_slope,
                "s/(2*s + 1)",
                {"1/2": "1/2", "s/(s + 1)": "s/(s + 1)", "1/4 always": "1/4"},
            ),
            proved("n q", symbolic.critical_vote, "n", {"(n - 1) q": "n - 1", "q": "1"}),
            proved(
                "kappa",
                lambda name: symbolic.relu_expansion(_third(name)),
                "2 sqrt(2)/(3 pi)",
                {name: name for name in ("sqrt(2)/(3 pi)", "4 sqrt(2)/(3 pi)")},
            ),
        ),
    ),
    Claim(
        id="ntk_classifiers/C6.quarter",
        source="main theorem",
        provenance="recalled",
        kind="formula",
        statement=r"The NTK of ReLU grows like $L/4$ off the diagonal, that of $D = (1 + \xi +"
        r" \xi^2)/3$ like $L/3$: the slope between $L = 5000$ and 10000 at $r = 1$, within"
        r" $10^{-4}$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            agree("ReLU", partial(_growth, "relu", 5000), 0.25, 1e-4, {"1/2": 0.5, "1/3": 1 / 3}),
            agree(
                "smooth", partial(_growth, "smooth", 5000), 1 / 3, 1e-4, {"1/4": 0.25, "1/2": 0.5}
            ),
        ),
    ),
    Claim(
        id="ntk_classifiers/C6.relu",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"For ReLU $\delta_L \sim 9\pi^2/(2L^2)$ and $K_L = (L + 1)/4 + \frac38\log L +"
        r" O(1)$, and the $O(1)$ is itself a singular kernel, $3\pi/(4r)$ for $1/L \ll r \ll 1$:"
        r" $L = 5000$ and 10000, within 0.1 %, 1 % and 1 %.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            agree(
                "slope of delta^(-1/2)",
                partial(_decay, 5000),
                math.sqrt(2) / (3 * math.pi),
                1.5e-4,
                {"twice it": 2 * math.sqrt(2) / (3 * math.pi), "1/2 of it": 0.075},
            ),
            agree(
                "coefficient of log L",
                partial(_logarithm, 5000),
                3 / 8,
                0.00375,
                {"1/4": 0.25, "1/2": 0.5, "0": 0.0},
            ),
            agree(
                "difference quotient in 1/r at r = 0.01 and 0.02",
                partial(_sub_leading, 10_000),
                3 * math.pi / 4,
                0.0235,
                {"3 pi/8": 3 * math.pi / 8, "0: no point dependence": 0.0},
            ),
        ),
    ),
    Claim(
        id="ntk_classifiers/C6.relu-kernel",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"The kernel in double precision agrees with plain recursion of $1 - \xi$ after"
        r" 10000 layers within $10^{-11}$: ReLU and $(1 + \xi + \xi^2)/3$, $r = 1$, 0.02, 0.01.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=tuple(
            agree(
                spec,
                partial(_theory_critical, spec, 10_000),
                lambda spec=spec: [k for _, k in _critical(spec, 10_000)],
                2.5e-8,
                {"9999 layers": lambda spec=spec: [k - 0.25 for _, k in _critical(spec, 10_000)]},
                FULL,
            )
            for spec in ("relu", "smooth")
        ),
    ),
    Claim(
        id="ntk_classifiers/C6.critical-vote",
        source="main theorem",
        provenance="recalled",
        kind="formula",
        statement=r"At six points on a circle with mean label 1/3 the ridgeless NTK predictors of"
        r" ReLU and of $D = (1 + \xi + \xi^2)/3$ tend to $q\sum_i y_i/((1 - q) + nq) = 2/9$ and"
        r" $1/4$ like $1/L$: extrapolated from $L = 2000$ and 4000, and 8000 and 16000, within"
        r" 0.01.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=tuple(
            agree(
                spec,
                partial(_extrapolated, spec, depth),
                lambda spec=spec: theory.critical_vote(_dual(spec), LABELS),
                0.01,
                {
                    "q = 1/2": 2 / 7,
                    "the mean label": sum(LABELS) / len(LABELS),
                    "the nearest label": -1.0,
                },
            )
            for spec, depth in (("relu", 2000), ("smooth", 8000))
        ),
    ),
    Claim(
        id="ntk_classifiers/C6.critical-depth",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=r"These votes are late, $L \gg n/r$ for ReLU and $n/r^2$ for smooth $\phi$: at"
        r" six points on a circle some 0.3 apart the sign is still that of the nearest label"
        r" after 10 layers of ReLU and after 1000 of $D = (1 + \xi + \xi^2)/3$, and that of the"
        r" majority after 1000 and 8000.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            agree(
                "ReLU, L = 10 and 1000",
                lambda: [float(np.sign(_predicted("relu", n))) for n in (10, 1000)],
                [-1.0, 1.0],
                0.0,
                {"the majority at once": [1.0, 1.0]},
            ),
            agree(
                "smooth, L = 1000 and 8000",
                lambda: [float(np.sign(_predicted("smooth", n))) for n in (1000, 8000)],
                [-1.0, 1.0],
                0.0,
                {"the majority at once": [1.0, 1.0], "never": [-1.0, -1.0]},
            ),
        ),
    ),
)

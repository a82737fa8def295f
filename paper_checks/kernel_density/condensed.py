"""C7: shares of the condensed phase, their slow finite-size bias, and the largest weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import partial

import numpy as np

from paper_checks.core import Case, Claim, Verdict
from paper_checks.identities import agree, proved
from paper_checks.kernel_density import integrals
from paper_checks.kernel_density.observe import (
    ALPHA,
    bandwidth,
    limit,
    means,
    points,
)
from paper_checks.trends import Extrapolated
from theory import kernel_density as theory
from theory.prediction import Prediction

Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

SHARES = {
    0.3: (0.746313, 0.727200, 0.715530, 0.708693, 0.704797),
    0.5: (0.581732, 0.548480, 0.527809, 0.515573, 0.508575),
    0.7: (0.426545, 0.377465, 0.345548, 0.325886, 0.314330),
}
"""Exact E Y_2 at alpha = 0.3 and d = 50, 100, 200, 400, 800; computed apart from this project but
for the last one of 0.3, which was noted as 0.704320."""


def _share(index: float, k: int) -> Callable[[int], Prediction]:
    """d -> E Y_k, exactly."""
    return lambda d: means(d, points(d), bandwidth(index))[k - 1]


def _shares_case(index: float, tolerance: float) -> Case:
    wrong = {} if index == 0.5 else {"E Y_2 = lambda": [index, (1 - index) * (2 - index) / 2]}
    return agree(
        f"lambda* = {index:g}",
        lambda: [limit(_share(index, k)).limit for k in (2, 3)],
        lambda: [float(theory.share_moment(index, k)) for k in (2, 3)],
        tolerance,
        {
            **wrong,
            "E Y_3 = (1 - lambda)^2": [1 - index, (1 - index) ** 2],
            "E Y_3 = (1 - lambda)(2 - lambda)/3": [1 - index, (1 - index) * (2 - index) / 3],
            "d = 800": lambda: [_share(index, k)(800).value for k in (2, 3)],
        },
    )


def _table(index: float) -> Case:
    texts = SHARES[index]
    wrong = {
        "the limit": [1 - index] * 5,
        "effective alpha": lambda: [_corrected(index, d) for d in (50, 100, 200, 400, 800)],
    }
    if index == 0.3:
        wrong["as noted at d = 800"] = [*texts[:4], 0.704320]
    return agree(
        f"lambda* = {index:g}",
        lambda: [_share(index, 2)(d).value for d in (50, 100, 200, 400, 800)],
        list(texts),
        6e-7,
        wrong,
    )


def _corrected(index: float, d: int) -> float:
    """1 - lambda* at the effective alpha."""
    effective = theory.effective_alpha(d, ALPHA)
    return 1 - float(theory.stable_index(effective, bandwidth(index)))


def _explained(index: float) -> list[float]:
    """The part of the bias of E Y_2 that is left at the effective alpha."""
    return [
        (_share(index, 2)(d).value - _corrected(index, d))
        / (_share(index, 2)(d).value - (1 - index))
        for d in (100, 200, 400, 800)
    ]


# --- Above h_G ----------------------------------------------------------------------------------


def _normal_rate(index: float) -> float:
    """alpha - phi(2) + 2 phi(1)."""
    h = bandwidth(index)
    return ALPHA - float(theory.moment_rate(2.0, h)) + 2 * float(theory.moment_rate(1.0, h))


def _typical(index: float) -> float:
    """The rate of typical Y_2, (a_n/(n E W))^2: twice the exponent of the fluctuations."""
    return 2 * float(theory.fluctuation_exponent(ALPHA, bandwidth(index)))


def _decay(index: float) -> Extrapolated:
    return limit(lambda d: -math.log(_share(index, 2)(d).value) / d, (100, 200, 400, 800))


def _decay_case(index: float) -> Case:
    def rate() -> float:
        return float(theory.share_exponent(ALPHA, bandwidth(index)))

    wrong: dict[str, Callable[[], float]] = {"half of it": lambda: rate() / 2}
    if index < 2:
        wrong |= {
            "typical data sets": partial(_typical, index),
            "normal regime's": partial(_normal_rate, index),
        }
    return agree(f"lambda* = {index:g}", partial(_decay, index), rate, 5e-4, wrong)


CLAIMS = (
    Claim(
        id="kernel_density/C7.shares",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"For the points of intensity $\lambda x^{-\lambda-1}dx$, $\lambda < 1$, divided"
        r" by their sum, $\mathbb{E}Y_k = \frac{\Gamma(k-\lambda)}{\Gamma(k)\Gamma(1-\lambda)}$,"
        r" so $\mathbb{E}Y_2 = 1 - \lambda$, $\mathbb{E}Y_3 = \frac12(1-\lambda)(2-\lambda)$;"
        r" $\mathbb{E}Y_2^2 = \frac13(1-\lambda)(3-2\lambda)$ and $\mathbb{E}[1/p_1] ="
        r" 1/(1-\lambda)$.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            *(
                proved(
                    f"E Y_{k}", partial(integrals.share, k=k), 1, {"2": 2, "1/k": Fraction(1, k)}
                )
                for k in (2, 3, 4)
            ),
            proved("E Y_2^2: 3 - 2 lambda", integrals.share_square, 3, {"2": 2, "4": 4}),
            proved("E 1/p_1", integrals.inverse_largest, 1, {"2": 2, "1/2": Fraction(1, 2)}),
        ),
    ),
    Claim(
        id="kernel_density/C7.limit",
        source="the abstract: extreme values below h_G",
        provenance="confirmed-in-source",
        kind="theorem",
        statement=r"$\mathbb{E}Y_2 \to 1 - \lambda^*$ and $\mathbb{E}Y_3 \to"
        r" \frac12(1-\lambda^*)(2 - \lambda^*)$ within $2\cdot10^{-4}$ at $\lambda^* = 0.3, 0.5$,"
        r" $5\cdot10^{-4}$ at 0.7, $\alpha = 0.3$: exact values at $d = 100, \ldots, 1500$"
        r" extrapolated on $1, \log d/d, 1/d, (\log d/d)^2$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(_shares_case(0.3, 2e-4), _shares_case(0.5, 2e-4), _shares_case(0.7, 5e-4)),
    ),
    Claim(
        id="kernel_density/C7.table",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"Exact $\mathbb{E}Y_2$ at $\alpha = 0.3$, $\lambda^* = 0.3$: $0.746313$,"
        r" $0.727200$, $0.715530$, $0.708693$, $0.704797$ at $d = 50, 100, 200, 400, 800$, and as"
        r" many digits at $\lambda^* = 0.5, 0.7$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=tuple(_table(index) for index in SHARES),
    ),
    Claim(
        id="kernel_density/C7.bias",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=r"The bias $\mathbb{E}Y_2 - (1 - \lambda^*)$ is of order $\log d/d$: $1 -"
        r" \lambda^*(\alpha_{eff})$, $\alpha_{eff} = \alpha - \log(2\pi dv)/(2d)$, explains it but"
        r" for 8 % at $\lambda^* = 0.3$ and 20 % at 0.5, $d = 100, \ldots, 800$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=tuple(
            agree(
                f"what is left of 1, lambda* = {index:g}",
                partial(_explained, index),
                [0.0] * 4,
                tolerance,
                {"nothing is explained": [1.0] * 4, "half": [0.5] * 4},
            )
            for index, tolerance in ((0.3, 0.08), (0.5, 0.2))
        ),
    ),
    Claim(
        id="kernel_density/C7.rare",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=r"Above $h_G$ $\mathbb{E}Y_2$ decays at the rate $I(u_c) - \alpha$, $u_c$ the"
        r" distance at which one weight equals $n\mathbb{E}W$, and not at the rate $2\Delta$ of"
        r" typical data sets, at $\lambda^* = 1.25, 1.4$; at $\lambda^* = 2.5$ at the rate $\alpha"
        r" - \varphi(2) + 2\varphi(1)$: within $5\cdot10^{-4}$ at $\alpha = 0.3$, so that sample"
        r" means of $Y_2$ there are made by rare data sets.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=tuple(_decay_case(index) for index in (1.25, 1.4, 2.5)),
    ),
)

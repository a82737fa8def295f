"""C2 and C3: the boundaries of the three regimes, and the stable index."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import partial

import numpy as np

from paper_checks.core import Case, Claim, Verdict
from paper_checks.identities import agree, proved
from paper_checks.kernel_density import symbolic
from paper_checks.kernel_density.observe import bandwidth, boundary, deficit, limit, lost, points
from paper_checks.kernel_density.roots import (
    CLT,
    GLASS,
    OTHER_QUERIES,
    glass_rate,
    near,
    next_digit,
    root_case,
)
from paper_checks.trends import Extrapolated
from theory import kernel_density as theory
from theory.kernel_density.distances import Distances


def _glass_case(alpha: str, text: str, index: int = 1, q: str = "1") -> Case:
    name = f"alpha = {alpha}" + (f", q = {q}" if q != "1" else "")
    if index == 1:
        wrong = {"last digit": next_digit(text), "variance explosion": near(1.17, text)}
    else:
        wrong = {"2 h_G": near(math.sqrt(2), text), "h_G": near(math.sqrt(0.5), text)}
    return root_case(name, partial(glass_rate, q=q, index=index), alpha, text, wrong)


def _lost(index: float) -> float:
    return lost(bandwidth(index, 0.25), 0.25)


def _deficit_case(index: float, tolerance: float) -> Case:
    wrong = {
        "h_G smaller by sqrt(1/2): self-averaging": lambda: 0.0,
        "half": lambda: _lost(index) / 2,
    }
    if index >= 1:
        wrong = {
            "h_G larger: condensed up to h_CLT": lambda: _lost(index * 0.5),
            "alpha/100": lambda: 0.0025,
        }
    return agree(
        f"lambda* = {index:g}",
        lambda: limit(deficit(index)),
        (lambda: _lost(index)) if index < 1 else 0.0,
        tolerance,
        wrong,
    )


def _finite(d: int) -> list[float]:
    """2 h^2 dlog F/dr^2 at r_n^2 by central differences of the exact log F, and -log F; h = 0.7."""
    h, law = 0.7, Distances(d)
    r2 = theory.finite_index(d, points(d), h).nearest
    step = 1e-3 * r2
    ends = law.log_cdf(np.array([r2 - 2 * step, r2 - step, r2 + step, r2 + 2 * step]))
    slope = float(np.array([1, -8, 8, -1]) @ ends) / (12 * step)
    return [2 * h * h * slope, -float(law.log_cdf(r2))]


def _finite_index(d: int) -> list[float]:
    n = points(d)
    return [theory.finite_index(d, n, 0.7).index, math.log(n)]


def _index_limit(q: float) -> Extrapolated:
    return limit(lambda d: theory.finite_index(d, points(d), 0.8, q).index)


CLAIMS = (
    Claim(
        id="kernel_density/C2.sqrt2",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"$W^\lambda$ at bandwidth $h$ is $W$ at $h/\sqrt\lambda$, so $h_{CLT} ="
        r" \sqrt2\,h_G$ for the Gaussian kernel at every $\alpha$, query and density of the data.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved(
                "h lambda^-c, c = 1/2",
                symbolic.rescaled,
                Fraction(1, 2),
                {"c = 1: h_CLT = 2 h_G": 1, "c = 1/4": Fraction(1, 4), "c = 0: h_CLT = h_G": 0},
            ),
        ),
    ),
    Claim(
        id="kernel_density/C2.implicit",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"For typical queries $h_G$ solves $\alpha = \frac12\log(1 + 1/h^2) -"
        r" \frac{h^2}{2(h^2+1)^2}$ and $h_{CLT}$ solves $\alpha = \frac12\log(1 + 2/h^2) -"
        r" \frac{h^2}{(h^2+2)^2}$.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved(
                "h_G, c = 1/2",
                partial(symbolic.implicit, index=1),
                Fraction(1, 2),
                {"1": 1, "1/4": Fraction(1, 4)},
            ),
            proved(
                "h_CLT, c = 1",
                partial(symbolic.implicit, index=2),
                1,
                {"1/2": Fraction(1, 2), "2": 2},
            ),
        ),
    ),
    Claim(
        id="kernel_density/C2.limits",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"$h_G^2 = E + \frac32E^3 + o(E^3)$, $E = e^{-2\alpha}$, as $\alpha \to \infty$,"
        r" and $h_G^2 = 1/y - \frac89 + O(y)$, $y = \sqrt{4\alpha/3}$, as $\alpha \to 0$.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved(
                "E^3: 3/2",
                symbolic.dense,
                Fraction(3, 2),
                {"1": 1, "0": 0, "-3/2": Fraction(-3, 2)},
            ),
            proved(
                "constant: 8/9",
                symbolic.sparse,
                Fraction(8, 9),
                {"1": 1, "0": 0, "-8/9": Fraction(-8, 9)},
            ),
        ),
    ),
    Claim(
        id="kernel_density/C2.table",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"$h_G = 0.946847039849921$ at $\alpha = \frac14$, $0.372106281700087$ at 1, and"
        r" as many digits at $0.02, 0.1, 0.5, 2$, of $h_{CLT}$, and of other queries: each root of"
        r" a decreasing function is enclosed within half a unit of its last digit.",
        expected=Verdict.PROVED,
        method="interval",
        cases=(
            *(_glass_case(alpha, text) for alpha, text in GLASS.items()),
            *(_glass_case(alpha, text, q=q) for (alpha, q), text in OTHER_QUERIES.items()),
        ),
    ),
    Claim(
        id="kernel_density/C2.table-normal",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"$h_{CLT} = 1.93858231412639$, $1.33904392524858$ and $0.526237750224486$ at"
        r" $\alpha = 0.1, 0.25, 1$.",
        expected=Verdict.PROVED,
        method="interval",
        cases=tuple(_glass_case(alpha, text, index=2) for alpha, text in CLT.items()),
    ),
    Claim(
        id="kernel_density/C2.solver",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"The library returns these $h_G$ and $h_{CLT}$ within $10^{-14}$, relatively.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            agree(
                "h_G at six alpha",
                lambda: [boundary("G", float(a)) / float(text) for a, text in GLASS.items()],
                [1.0] * len(GLASS),
                1e-14,
                {"h_CLT": [math.sqrt(0.5)] * len(GLASS)},
            ),
            agree(
                "h_CLT at three alpha",
                lambda: [boundary("CLT", float(a)) / float(text) for a, text in CLT.items()],
                [1.0] * len(CLT),
                1e-14,
                {"h_CLT = 2 h_G": [math.sqrt(0.5)] * len(CLT)},
            ),
        ),
    ),
    Claim(
        id="kernel_density/C2.deficit",
        source="the abstract: three regimes",
        provenance="confirmed-in-source",
        kind="theorem",
        statement=r"At $\alpha = \frac14$ and a typical query $(\log n\mathbb{E}W - \mathbb{E}\log"
        r" S)/d \to \alpha + \varphi(1) + u^*/(2h^2) > 0$ for $\lambda^* = 0.3, 0.5, 0.8$ and $\to"
        r" 0$ for $\lambda^* = 1, 1.25, 1.5$, within $10^{-4}$: extrapolated from exact means at"
        r" $d \le 1500$, $n \le e^{375}$; the condensation starts at $h_G$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=tuple(_deficit_case(index, 1e-4) for index in (0.3, 0.5, 0.8, 1.0, 1.25, 1.5)),
    ),
    Claim(
        id="kernel_density/C3.index",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"Where one point is left, minus the slope of the logarithm of the number of"
        r" weights above $W$ in $\log W$ is $\lambda^* = h^2/s_G = (h/h_G)^2$.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved(
                "h^2/s times c, c = 1",
                symbolic.index,
                1,
                {"c = 2": 2, "c = 1/2": Fraction(1, 2), "-1": -1},
            ),
        ),
    ),
    Claim(
        id="kernel_density/C3.finite",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"At finite size $\lambda_d = 2h^2\,d\log F/dr^2$ at $nF(r_n^2) = 1$, $F$ the"
        r" exact noncentral $\chi^2$ law: by differences of $\log F$ at $d = 20, 100, 1000$, $n ="
        r" e^{0.3d}$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=tuple(
            agree(
                f"d = {d}",
                partial(_finite, d),
                partial(_finite_index, d),
                1e-6,
                {
                    "asymptotic index": lambda d=d: [
                        float(theory.stable_index(0.3, 0.7)),
                        _finite_index(d)[1],
                    ],
                    "h/h_G": lambda d=d: [math.sqrt(_finite_index(d)[0]), _finite_index(d)[1]],
                },
            )
            for d in (20, 100, 1000)
        ),
    ),
    Claim(
        id="kernel_density/C3.limit",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"$\lambda_d \to (h/h_G)^2$ within $10^{-4}$ at $\alpha = 0.3$, $h = 0.8$, $q ="
        r" \frac12, 1, 2$: extrapolated from exact values at $d \le 1500$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=tuple(
            agree(
                f"q = {q:g}",
                partial(_index_limit, q),
                lambda q=q: float(theory.stable_index(0.3, 0.8, q)),
                1e-4,
                {
                    "h/h_G": lambda q=q: math.sqrt(float(theory.stable_index(0.3, 0.8, q))),
                    "q = 1.2": lambda: float(theory.stable_index(0.3, 0.8, 1.2)),
                },
            )
            for q in (0.5, 1.0, 2.0)
        ),
    ),
)

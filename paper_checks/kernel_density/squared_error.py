r"""C14: mean integrated squared error sees nothing in large dimension.

With w = s/(1 + s), s = h_G^2: e^(2 alpha) = e^(-w(1 - w))/w and

    h_MISE^2/h_G^2 = (1 - w)/(e^(-w(1 - w)) - w/2).
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache, partial
from typing import Any

from paper_checks.core import Claim, Verdict
from paper_checks.identities import agree, proved
from paper_checks.kernel_density import algebra
from paper_checks.kernel_density.observe import limit, points
from paper_checks.kernel_density.risk import bisected, digits, h_limit, typical_risk
from paper_checks.trends import Extrapolated
from theory import kernel_density as theory
from theory.prediction import Prediction


def _powers(value: Any) -> Extrapolated:
    """The limit of value(d) from d = 50, ..., 800 with corrections in powers of 1/d."""
    terms = [lambda d, k=k: d**-k for k in range(1, 5)]
    return limit(value, (50, 100, 200, 400, 800), terms)


def _largest_index() -> list[float]:
    """The largest lambda* of h_MISE over alpha, by a search, and its alpha."""
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda alpha: -_index_of_optimum(alpha)[0],
        bounds=(0.01, 5.0),
        method="bounded",
        options={"xatol": 1e-9},
    )
    return _index_of_optimum(float(found.x))


def _index_of_optimum(alpha: float) -> list[float]:
    """lambda* of h_MISE, and alpha."""
    found = theory.boundaries(alpha)
    return [float(theory.stable_index(alpha, found.h_mise)), alpha]


@cache
def _crossing() -> float:
    """alpha of h_MISE = h_G: e^(-w(1 - w)) = 1 - w/2 and alpha(s), 30 digits."""
    mp = digits(30)
    w = bisected(mp, lambda w: 1 - w / 2 - mp.exp(-w * (1 - w)) if w < 1 else -1, "0")
    return float((-mp.log(w) - w * (1 - w)) / 2)


def _equal_at() -> float:
    """alpha of h_MISE = h_G by the two boundaries."""
    from scipy.optimize import brentq

    def gap(alpha: float) -> float:
        found = theory.boundaries(alpha, log=True)
        return float(found.h_mise) - float(found.h_glass)

    return float(brentq(gap, 0.1, 0.6, xtol=1e-14))


def _mise_minimum(alpha: float, d: int) -> float:
    """The bandwidth of least squared error by a bounded search of its gain."""
    from scipy.optimize import minimize_scalar

    n = points(d, alpha)
    found = minimize_scalar(
        lambda x: -math.log(theory.mise_gain(d, n, math.exp(x))),
        bounds=(math.log(theory.mise_approximation(d, n)) - 1e-3, 0.3),
        method="bounded",
        options={"xatol": 1e-10},
    )
    return math.exp(found.x)


def _mise_bandwidth(alpha: float, d: int) -> float:
    return float(theory.mise_optimum(d, points(d, alpha)))


def _gain_rate(alpha: float, d: int) -> float:
    n = points(d, alpha)
    return -math.log(theory.mise_gain(d, n, theory.mise_optimum(d, n))) / d


def _errors(d: int, alpha: float) -> list[float]:
    """MISE/|rho|^2 at h*, h_G, h_CLT and 2 h_CLT."""
    n = points(d, alpha)
    return [float(theory.relative_mise(d, n, h)) for h in _bandwidths(alpha)]


def _bandwidths(alpha: float) -> list[float]:
    found = theory.boundaries(alpha)
    clt = float(found.h_clt)
    return [float(found.h_kl), float(found.h_glass), clt, 2 * clt]


def _risks(alpha: float) -> list[float]:
    return [float(theory.kl_risk(alpha, h)) for h in _bandwidths(alpha)]


CLAIMS = (
    Claim(
        id="kernel_density/C14.error",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"For $\rho = N(0, 1)$ and $n$ points the mean integrated squared error over"
        r" $\int\rho^2$ is $\frac1{nh} + (1 - \frac1n)(1 + h^2)^{-1/2} - 2(1 + h^2/2)^{-1/2} + 1$;"
        r" in $d$ dimensions each of the four integrals is its $d$-th power.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(proved("d = 1", algebra.mise_terms, 1, {"1 for 1 - 1/n": 0}),),
    ),
    Claim(
        id="kernel_density/C14.optimum",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"The bandwidth of least squared error is 0.90694, 0.88373 and 0.39851 at"
        r" $(\alpha, d) = (0.3, 20), (0.3, 50), (1, 50)$, by a search and by the stationarity"
        r" equation within $10^{-7}$, and tends to $(e^{2\alpha} - \frac12)^{-1/2}$: at $\alpha ="
        r" 0.2$, 0.5 from $d \le 800$ within $10^{-5}$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            *(
                agree(
                    f"alpha = {alpha:g}, d = {d}",
                    partial(_mise_minimum, alpha, d),
                    partial(_mise_bandwidth, alpha, d),
                    1e-7,
                    {
                        "without the last term": partial(
                            theory.mise_approximation, d, math.exp(alpha * d)
                        ),
                        "the limit": (1 / (math.exp(2 * alpha) - 0.5)) ** 0.5,
                    },
                )
                for alpha, d in ((0.3, 20), (0.3, 50), (1.0, 50))
            ),
            *(
                agree(
                    f"d -> infinity, alpha = {alpha:g}",
                    partial(_powers, partial(_mise_bandwidth, alpha)),
                    (math.exp(2 * alpha) - 0.5) ** -0.5,
                    1e-5,
                    {
                        "e^-alpha": math.exp(-alpha),
                        "h*": partial(h_limit, 1, math.exp(alpha)),
                        "h_G": lambda a=alpha: theory.boundaries(a).h_glass,
                    },
                )
                for alpha in (0.2, 0.5)
            ),
        ),
    ),
    Claim(
        id="kernel_density/C14.blind",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=r"Squared error is blind: at $\alpha = 0.25$, $d = 400$ the bandwidths $h^*$,"
        r" $h_G$, $h_{CLT}$, $2 h_{CLT}$ all have the error of the estimate 0 within $10^{-11}$,"
        r" while KL$/d$ (exact, $|x|^2 = d$) follows its limits 0.069, 0.084, 0.193, 0.612 within"
        r" 0.008; the best gain over 0 is $e^{-rd}$, $r = -\frac12"
        r" \log(1 - \frac12 e^{-2\alpha})$, extrapolated from $d \le 800$ within $10^{-6}$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            agree(
                "MISE at four bandwidths",
                partial(_errors, 400, 0.25),
                [1.0] * 4,
                1e-11,
                {"half of the density is found": [0.5] * 4, "ordered as KL": partial(_risks, 0.25)},
            ),
            agree(
                "KL/d at the same",
                lambda: [typical_risk(h, 400) for h in _bandwidths(0.25)],
                partial(_risks, 0.25),
                0.008,
                {"the same at all": lambda: [_risks(0.25)[1]] * 4, "0": [0.0] * 4},
            ),
            *(
                agree(
                    f"rate of the gain, alpha = {alpha:g}",
                    partial(_powers, partial(_gain_rate, alpha)),
                    -math.log1p(-math.exp(-2 * alpha) / 2) / 2,
                    1e-6,
                    {"0: a fixed share": 0.0, "alpha: one in n": alpha},
                )
                for alpha in (0.1, 0.3)
            ),
        ),
    ),
    Claim(
        id="kernel_density/C14.rate",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"At $h^2 = 1/(e^{2\alpha} - \frac12)$ the gain of the estimate over 0, to"
        r" leading order $2(1 + h^2/2)^{-d/2}$, is $2(1 - \frac12 e^{-2\alpha})^{d/2}$.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(proved("the base", algebra.mise_rate, Fraction(1, 2), {"e^(-2 alpha)": 1}),),
    ),
    Claim(
        id="kernel_density/C14.never-normal",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"$\lambda^* = h_{MISE}^2/h_G^2 = \frac{1 - w}{e^{-w(1 - w)} - w/2}$, $w = s/(1"
        r" + s)$, is below 2 at every $\alpha$, as $(2 - \lambda^*)(e^{-w(1 - w)} - w/2) ="
        r" 2 e^{-w(1 - w)} - 1 > 0$ by $w(1 - w) \le \frac14$: the bandwidth of least squared error"
        r" is never in the normal regime.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved("the quotient", algebra.mise_index, Fraction(1, 2), {"without the 1/2": 0}),
            proved("below 2", algebra.mise_below_two, 1, {"2 e^(-w(1 - w)) - 2": 2}),
        ),
    ),
    Claim(
        id="kernel_density/C14.largest-index",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"The largest index of $h_{MISE}$ over $\alpha$ is 1.06553, at $\alpha = 0.629$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            agree(
                "index and alpha",
                _largest_index,
                [Prediction(1.06553, 5e-6, "digits"), Prediction(0.629, 5e-4, "digits")],
                0.0,
                {
                    "at the crossing: 1": lambda: _index_of_optimum(_crossing()),
                    "at alpha = 1": partial(_index_of_optimum, 1.0),
                },
            ),
        ),
    ),
    Claim(
        id="kernel_density/C14.crossing",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"$h_{MISE} = h_G$ at $\alpha = 0.29209632222323$ within $10^{-12}$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            agree(
                "alpha",
                _equal_at,
                _crossing,
                1e-12,
                {"0.2921": 0.2921, "1 % more": lambda: 1.01 * _crossing()},
            ),
            agree(
                "its decimals",
                _equal_at,
                0.29209632222323,
                1e-14,
                {"one digit less": 0.2920963222232, "0.3": 0.3},
            ),
        ),
    ),
)

r"""C16: collapse of diffusion models, beside the boundary of condensation at a typical query.

x = y_0 + h z with y_0 a training point: W_0 = e^(-|z|^2/2), |x|^2/d -> 1 + h^2, and the other
points are those of a query of that length.
"""

from __future__ import annotations

import math
from functools import cache, partial

from paper_checks.core import Claim, Verdict
from paper_checks.identities import agree, proved
from paper_checks.kernel_density import algebra
from paper_checks.kernel_density.observe import points
from paper_checks.kernel_density.risk import extrapolated
from paper_checks.kernel_density.spectra import PAIR
from theory import kernel_density as theory

ALPHA = 0.25


@cache
def _balance(d: int) -> float:
    """The h at which E log S of the other points is E log W_0 = -d/2, exactly at finite d."""
    from scipy.optimize import brentq

    def gap(h: float) -> float:
        found = theory.engine.means(d, points(d, ALPHA), h, 1 + h * h)
        return found.log_sum.value / d + 0.5

    return float(brentq(gap, 1.0, 1.6, xtol=1e-11))


def _self_consistent(alpha: float, noise: float = 1.0) -> float:
    """The h with h = h_G(alpha, q = 1 + `noise` h^2)."""
    from scipy.optimize import brentq

    def gap(log_h: float) -> float:
        h = math.exp(log_h)
        return math.log(float(theory.boundaries(alpha, 1 + noise * h * h).h_glass)) - log_h

    return math.exp(brentq(gap, -3 * alpha - 3, 12, xtol=1e-14))


def _glass(alpha: float, q: float = 1.0) -> float:
    return float(theory.boundaries(alpha, q).h_glass)


def _spectral_rate(h: float) -> float:
    """alpha at which the sum condenses at x_a^2 = sigma_a^2 + h^2, one direction at a time."""
    rates = [theory.rate(h * h, (v + h * h) / v, ((1.0, v),)) for _, v in PAIR]
    return float(sum(rates)) / 2


def _collapsed_rate(alpha: float, spectrum: theory.rates.Spectrum | None) -> float:
    return _spectral_rate(float(theory.collapse_bandwidth(alpha, spectrum)))


CLAIMS = (
    Claim(
        id="kernel_density/C16.identity",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"$\alpha(s, q = 1 + s) = \frac12\log(1 + 1/s)$: where the noised training point"
        r" outweighs the others, $h_C^2 = 1/(e^{2\alpha} - 1)$, the others condense at that query;"
        r" so does each direction of variance $v$ at $x_a^2 = v + \zeta$; with $h^2 = e^{2t} - 1$,"
        r" $t_C = \frac12\log(1 + 1/(e^{2\alpha} - 1))$.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved("one variance", algebra.planted, "1 + s", {"typical: q = 1": "1", "q = s": "s"}),
            proved(
                "any direction",
                algebra.planted_direction,
                "v + zeta",
                {"typical: x_a^2 = v": "v", "noise of one variance": "1 + zeta"},
            ),
            proved("h_C", algebra.collapse, 1, {"e^(2 alpha)": 0, "e^(2 alpha) - 2": 2}),
            proved("t_C", algebra.collapse_time, 2, {"n^(1/d)": 1}),
        ),
    ),
    Claim(
        id="kernel_density/C16.bandwidth",
        source="recalled: arXiv:2402.18491",
        provenance="recalled",
        kind="formula",
        statement=r"$h_C = (e^{2\alpha} - 1)^{-1/2}$ is the solution of $h = h_G(\alpha, q = 1 +"
        r" h^2)$ at $\alpha = 0.05$, 0.25, 1 within $10^{-12}$, and not $h_G(\alpha, q = 1)$:"
        r" 1.24157 against 0.94685 at $\alpha = 0.25$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=tuple(
            agree(
                f"alpha = {alpha:g}",
                partial(_self_consistent, alpha),
                partial(theory.collapse_bandwidth, alpha),
                1e-12,
                {
                    "h_G at q = 1": partial(_glass, alpha),
                    "h_CLT at q = 1": lambda a=alpha: math.sqrt(2) * _glass(a),
                    "h_G at q = 2": partial(_glass, alpha, 2.0),
                },
            )
            for alpha in (0.05, 0.25, 1.0)
        ),
    ),
    Claim(
        id="kernel_density/C16.spectrum",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"For variances 1/4 and 7/4 collapse and condensation at the noised point also"
        r" agree: the rate at $x_a^2 = \sigma_a^2 + h^2$ is $\alpha$ at $h = h_C(\alpha)$, $\alpha"
        r" = 0.25$ and 1, within $10^{-13}$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=tuple(
            agree(
                f"alpha = {alpha:g}",
                partial(_collapsed_rate, alpha, PAIR),
                alpha,
                1e-13,
                {
                    "h_C of the mean variance": partial(_collapsed_rate, alpha, None),
                    "h_G": lambda a=alpha: _spectral_rate(
                        float(theory.boundaries(a, 1.0, PAIR).h_glass)
                    ),
                },
            )
            for alpha in (0.25, 1.0)
        ),
    ),
    Claim(
        id="kernel_density/C16.finite",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"At $\alpha = 0.25$ the bandwidth at which $\mathbb{E}\log S$ of the others"
        r" (exact, $|x|^2 = (1 + h^2) d$) is $-d/2$, that of the training point, extrapolates from"
        r" $d = 100, \ldots, 1600$ to $h_C = 1.24157$ within $2 \cdot 10^{-5}$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            agree(
                "where both weigh the same",
                partial(extrapolated, _balance),
                partial(theory.collapse_bandwidth, ALPHA),
                2e-5,
                {
                    "h_G at q = 1": partial(_glass, ALPHA),
                    "h_CLT at q = 1": lambda: math.sqrt(2) * _glass(ALPHA),
                    "h_V": partial(theory.variance_bandwidth, ALPHA),
                },
            ),
        ),
    ),
)

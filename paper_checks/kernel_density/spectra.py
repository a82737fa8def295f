r"""C13: data of several variances, mixtures, and the local intrinsic dimension.

The limits are extrapolated from the exact law of r^2 = v_1 chi_1 + v_2 chi_2, two noncentral
chi^2 variables of d/2 degrees of freedom and noncentrality d/2 for a typical query.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np

from paper_checks.core import Claim, Verdict
from paper_checks.identities import agree, proved
from paper_checks.kernel_density import algebra
from paper_checks.kernel_density.engine import plain
from paper_checks.kernel_density.observe import means
from paper_checks.kernel_density.risk import bisected, digits, extrapolated
from theory import kernel_density as theory
from theory.kernel_density.distances import Distances
from theory.prediction import Prediction

ALPHA = 0.25
PAIR = ((1.0, 0.25), (1.0, 1.75))
"""Half of the directions of variance 1/4, half of 7/4; the mean variance is 1."""


class Nearest(NamedTuple):
    """Where n F(r^2) = 1, n = e^(alpha d)."""

    distance: float
    """r/sqrt(d)."""
    dimension: float
    """(dlog F/dlog r)/d."""

    @property
    def glass(self) -> float:
        """The bandwidth of index 1: r/sqrt(D)."""
        return self.distance / math.sqrt(self.dimension)


def small_ball(d: int, square: float, count: int = 800) -> tuple[float, float]:
    """log P(r^2 < `square`), its derivative in log r^2: a trapezoid rule in log(part/rest)."""
    from scipy.special import expit, logsumexp

    law = Distances(d // 2)
    y, step = np.linspace(-8, 8, count, retstep=True)
    first, second = (
        square * expit(sign * y) / v for sign, (_, v) in zip((1, -1), PAIR, strict=True)
    )
    density = law.log_density(first, np.log(first)) + np.log(step)
    below = logsumexp(density + np.log(expit(-y)) + law.log_cdf(second))
    at = logsumexp(density + law.log_density(second, np.log(second)))
    return float(below), math.exp(at - below)


@cache
def nearest(d: int) -> Nearest:
    """By Newton's method in log r^2, from the limit."""
    x = math.log(d * theory.nearest(ALPHA, 1.0, PAIR))
    for _ in range(4):
        log_f, slope = small_ball(d, math.exp(x))
        x -= (log_f + ALPHA * d) / slope
    return Nearest(math.exp(x / 2) / math.sqrt(d), 2 * slope / d)


def _finite() -> list[Any]:
    """h_G, h* and lambda*(h*) from the limits of r_n and of the dimension there."""
    parts: tuple[Callable[[int], float], ...] = (
        lambda d: nearest(d).glass,
        lambda d: nearest(d).distance,
        lambda d: nearest(d).dimension,
    )
    return [extrapolated(part).limit for part in parts]


def _limit(spectrum: theory.rates.Spectrum | None = PAIR) -> list[float]:
    best = theory.kl_limit(ALPHA, spectrum)
    glass = theory.boundaries(ALPHA, 1.0, spectrum).h_glass
    return [float(glass), float(best.bandwidth), float(best.stable_index)]


def _prefactor(d: int) -> float:
    """log F(d u*) + alpha d + log(2 pi d v)/2: tends to 0 if the prefactor is right."""
    log_f = small_ball(d, d * float(theory.nearest(ALPHA, 1.0, PAIR)))[0]
    return log_f - float(theory.log_probability(d, ALPHA, 1.0, PAIR))


def _mixture(weight: float, other: float) -> list[float]:
    """E log S and E Y_2 of n = 4000 points of a mixture, a query typical of this component.

    The other one is seen at |x|^2 = `other` d; d = 20 and h = 0.75.
    """
    return list(plain(20, 4000.0, 0.75, ((weight, 1.0), (1 - weight, other)))[:2])


def _component(n: float) -> list[Prediction]:
    return list(means(20, n, 0.75)[:2])


def _moment_by_quadrature(h: float, power: float) -> float:
    """phi of a query x_a = sigma_a by an integral in each direction, trapezoid rule."""
    y, step = np.linspace(-12, 12, 2001, retstep=True)
    normal = np.exp(-(y**2) / 2) * step / math.sqrt(2 * math.pi)
    logs = [math.log(normal @ np.exp(-power * v * (1 - y) ** 2 / (2 * h * h))) for _, v in PAIR]
    return sum(logs) / 2


def _moment(h: float, power: float, spectrum: Any = PAIR, q: float = 1.0) -> float:
    return float(theory.moment_rate(power, h, q, spectrum))


@cache
def _digits(alpha: str) -> tuple[float, float]:
    """h_G and u* at 30 digits, the rate of the two variances solved by bisection."""
    mp = digits(30)
    variances = (mp.mpf("0.25"), mp.mpf("1.75"))

    def rate(zeta: Any) -> Any:
        parts = [mp.log(1 + v / zeta) / 2 - v * zeta / (2 * (zeta + v) ** 2) for v in variances]
        return sum(parts) / 2

    zeta = bisected(mp, rate, alpha)
    u = sum(v * zeta / (zeta + v) + v * zeta**2 / (zeta + v) ** 2 for v in variances) / 2
    return float(mp.sqrt(zeta)), float(u)


def _values(alpha: float, spectrum: Any = PAIR) -> list[float]:
    glass = theory.boundaries(alpha, 1.0, spectrum).h_glass
    return [float(glass), float(theory.nearest(alpha, 1.0, spectrum))]


CLAIMS = (
    Claim(
        id="kernel_density/C13.moments",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"For data $N(0, \mathrm{diag}\,\sigma_a^2)$ and $x_a^2 = \sigma_a^2$,"
        r" $\frac1d\log\mathbb{E} W^\lambda = -\langle \frac12\log(1 + \sigma^2/\zeta) +"
        r" \frac{\sigma^2}{2(\zeta + \sigma^2)}\rangle$, $\zeta = h^2/\lambda$, at every $d$:"
        r" variances 1/4 and 7/4, $\lambda = 0.5$, 1 and 2, $h = 0.7$, within $10^{-13}$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=tuple(
            agree(
                f"lambda = {power:g}",
                partial(_moment_by_quadrature, 0.7, power),
                partial(_moment, 0.7, power),
                1e-13,
                {
                    "the mean variance": partial(_moment, 0.7, power, None),
                    "the query at 0": partial(_moment, 0.7, power, PAIR, 0.0),
                },
            )
            for power in (0.5, 1.0, 2.0)
        ),
    ),
    Claim(
        id="kernel_density/C13.boundaries",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"With $\alpha(\zeta) = \langle\frac12\log(1 + \sigma^2/\zeta) - \frac{\sigma^2"
        r" \zeta}{2(\zeta + \sigma^2)^2}\rangle$ and $u = \langle\frac{\sigma^2\zeta}{\zeta +"
        r" \sigma^2} + \frac{\sigma^2\zeta^2}{(\zeta + \sigma^2)^2}\rangle$, $h_G^2 ="
        r" \zeta(\alpha)$ and $u^* = u(\zeta)$: variances 1/4 and 7/4, $\alpha = 0.25$ and 1, to"
        r" $10^{-13}$, a 30-digit bisection.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=tuple(
            agree(
                f"h_G and u*, alpha = {text}",
                partial(_values, float(text)),
                partial(_digits, text),
                1e-13,
                {
                    "the mean variance": partial(_values, float(text), None),
                    "the geometric mean of the variances": partial(
                        _values, float(text), ((1.0, math.sqrt(0.25 * 1.75)),)
                    ),
                },
            )
            for text in ("0.25", "1")
        ),
    ),
    Claim(
        id="kernel_density/C13.finite",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"The same limits come from the exact law of $r^2$ (variances 1/4 and 7/4,"
        r" $\alpha = 0.25$): the bandwidth of index 1, $r_n/\sqrt d$ and $D/d$ at $r_n$ extrapolate"
        r" from $d = 100, \ldots, 1600$ to $h_G$, $h^*$ and $\lambda^*(h^*)$ within $10^{-5}$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            agree(
                "h_G, h* and lambda*(h*)",
                _finite,
                _limit,
                1e-5,
                {
                    "the mean variance": partial(_limit, None),
                    "d = 1600 without extrapolation": lambda: [
                        nearest(1600).glass,
                        nearest(1600).distance,
                        nearest(1600).dimension,
                    ],
                },
            ),
        ),
    ),
    Claim(
        id="kernel_density/C13.prefactor",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"For the two variances $\log F(d u^*) = -d\alpha - \frac12\log(2\pi d v) +"
        r" O(1/d)$, $v = \langle z^2(1 + 2w)\rangle/2$, $w = 1 - z = \zeta/(\zeta + \sigma^2)$: the"
        r" rest extrapolates to 0 within $10^{-4}$ from $d = 100, \ldots, 1600$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            agree(
                "log of the prefactor",
                partial(extrapolated, _prefactor),
                0.0,
                1e-4,
                {
                    "v of the mean variance": lambda: _log_width(None) / 2 - _log_width(PAIR) / 2,
                    "half a logarithm of 2 too much": -math.log(2) / 2,
                },
            ),
        ),
    ),
    Claim(
        id="kernel_density/C13.mixture",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"In a mixture of well separated components a query sees its own, of weight $w$,"
        r" and $\alpha$ becomes $\alpha + (\log w)/d$: 4000 points in $d = 20$, of which a quarter"
        r" has the query's centre and the rest one $5\sqrt d$ away, $h = 0.75$, have"
        r" $\mathbb{E}\log S$ and $\mathbb{E} Y_2$ of 1000 points within 0.001.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            agree(
                "E log S and E Y_2",
                partial(_mixture, 0.25, 26.0),
                partial(_component, 1000.0),
                1e-3,
                {
                    "all points count": partial(_component, 4000.0),
                    "w^2 n points": partial(_component, 250.0),
                },
            ),
        ),
    ),
    Claim(
        id="kernel_density/C13.dimension",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"For any density, $F(r) = P(|x - y| < r)$ and $D = \frac{d\log F}{d\log r}$ at"
        r" $r_n$, $-\frac{d\log N}{d\log W} = h^2 D/r_n^2$ (so $D/d$ at $h = r_n/\sqrt d$:"
        r" condensed where $D < d$); and the kernel of covariance $H = h^2\Sigma$ is that of"
        r" bandwidth $h$ in whitened coordinates.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved("h^2 D/r^2", algebra.local_dimension, 2, {"h^2 D/r": 1}),
            proved("whitened", algebra.whitened, 2, {"H = h^2 sigma": 1}),
        ),
    ),
)


def _log_width(spectrum: Any) -> float:
    """log v, from the prefactor at d = 1."""
    found = theory.log_probability(1, ALPHA, 1.0, spectrum)
    return -2 * (float(found) + ALPHA) - math.log(2 * math.pi)

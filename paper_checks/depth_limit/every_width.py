"""C14 to C16: the random clock in stationary form, and what it gives at every width."""

from __future__ import annotations

import math
from typing import Any

from paper_checks.core import Case, Claim, Computed, Verdict
from paper_checks.depth_limit.active_count import LONG, count_side
from paper_checks.depth_limit.observe import network
from paper_checks.identities import proved
from paper_checks.rules import identity, ordered
from paper_checks.trends import Extrapolated, extrapolated
from theory import depth_limit as theory
from theory.depth_limit import galerkin, symbolic, two_slopes
from theory.prediction import Prediction

TIMES = (0.25, 0.5, 1.0, 2.0)
SMALL = (10, 0.1)
"""Level and scale of a basis that takes a tenth of a second at width 2."""

NEAR: dict[str, Any] = {
    "width": 4,
    "depth": 208,
    "time": 3.2,
    "records": 4,
    "quick": 100_000,
    "full": 2_000_000,
}
"""Records at t = 2.4 and 3.2, on both sides of the zero of the rate."""


def side(found: Prediction, level: float) -> int:
    """Sign of the value less the level; 0 where the error leaves it open."""
    gap = found.value - level
    return 0 if abs(gap) <= found.error else int(math.copysign(1, gap))


def _both_discretisations() -> list[Prediction]:
    """E[A_t | N_0 > 0] at width 2, where two levels of both discretisations agree."""
    level, scale = SMALL
    levels = [galerkin.counts(2, k, scale) for k in (level, level + 4)]
    found = []
    for t in TIMES:
        coarse, fine = ((c.filled_at(t), 1 + c.bare.at(t)) for c in levels)
        found.append(galerkin.agreed(coarse, fine, galerkin.FLOOR * (1 + t)))
    return found


def _width_two(label: str, times: tuple[float, ...], *, full_only: bool = False) -> Case:
    """The mutants are run, not copied: the exponent 1/n is the bare form at twice the time."""
    fast = galerkin.counts
    symmetric = two_slopes.evolution
    return Case(
        label=label,
        observe=Computed(
            (lambda: [galerkin.active_count(2, t) for t in times])
            if full_only
            else _both_discretisations
        ),
        predict=lambda: [theory.active_count(2, t) for t in times],
        rule=identity(),
        mutants={
            "exponent 1/n": lambda: [1 + fast(2, *SMALL).bare.at(2 * t) for t in times],
            "z^2 in place of z_+^2": lambda: [
                symmetric(2, 1.0, *SMALL).active.at(t) / 0.75 for t in times
            ],
            "constant rate": lambda: [theory.constant_rate_active_count(2, t) for t in times],
        },
        levels=("full",) if full_only else ("quick", "full"),
    )


def _deficit_at_infinity() -> Extrapolated:
    """n/2 - E[A_1] at n = 100, 200, 400, extrapolated by the parabola in 1/n; the error is what
    level 8 changes from level 6."""
    weights = {100: 1 / 3, 200: -2, 400: 8 / 3}
    coarse, fine = (
        {n: n / 2 - galerkin.counts(n, level, 0.1).filled_at(1.0) for n in weights}
        for level in (6, 8)
    )
    values = [sum(weight * found[n] for n, weight in weights.items()) for found in (coarse, fine)]
    limit = Prediction(values[1], abs(values[1] - values[0]), "extrapolation in 1/n")
    shown = [Prediction(fine[n], abs(fine[n] - coarse[n]), "Galerkin") for n in weights]

    def parabola(n: float) -> float:
        """Through the three, by Lagrange's polynomials in 1/n."""
        return sum(
            fine[a] * math.prod((1 / n - 1 / b) / (1 / a - 1 / b) for b in fine if b != a)
            for a in fine
        )

    return extrapolated(limit, "n", tuple(weights), shown, parabola)


def _log_ratio_of(width: int, *, bare: bool) -> float:
    """E log ratio(0 -> 1) by one of the two discretisations, at the library's finer level."""
    _, high, scale = galerkin.NARROW.get(width, galerkin.MIDDLE)
    counts = galerkin.counts(width, high, scale)
    count = 1 + counts.bare.integral(1.0) if bare else counts.filled_integral(1.0)
    return count / (2 * width) - 1 / width


def _two_discretisations(width: int, tolerance: float) -> Case:
    return Case(
        label=f"n = {width}, filled and bare",
        observe=Computed(lambda: _log_ratio_of(width, bare=False)),
        predict=lambda: _log_ratio_of(width, bare=True),
        rule=identity(tolerance),
        mutants={"constant rate": lambda: theory.constant_rate_log_ratio(width, 1.0)},
    )


def _headline(width: int, value: float) -> Case:
    return Case(
        label=f"n = {width}, value",
        observe=Computed(lambda: theory.log_ratio(width, 1.0)),
        predict=lambda: value,
        rule=identity(1e-6),
        mutants={"constant rate": lambda: theory.constant_rate_log_ratio(width, 1.0)},
    )


def _zero(label: str, before: Any, after: Any, level: float) -> Case:
    """A quantity that is above the level first and below it then, both beyond its error."""
    return Case(
        label=label,
        observe=Computed(lambda: [side(before(), level), side(after(), level)]),
        predict=lambda: [1, -1],
        rule=identity(),
        mutants={"later": lambda: [1, 1], "earlier": lambda: [-1, -1]},
    )


def _simulated_ratio(time: float, sign: float) -> Case:
    at = "" if time == LONG["time"] else f"@{time:g}"
    return Case(
        label=f"n = 4, log ratio at T = {time:g}",
        observe=network(f"log_ratio_martingale_limit{at}", **LONG),
        predict=lambda: sign,
        rule=ordered(),
        mutants={"the other sign": lambda: -sign},
    )


def _three_terms(width: int) -> float:
    a, a2, a3 = theory.width_expansion(1.0)
    return (width / 2 - a - a2 / width - a3 / width**2) / (1 - 0.5**width)


def _expansion(width: int, tolerance: float) -> Case:
    """The next term, of order n^-3, is the tolerance."""
    half = width / 2
    limit = theory.width_corrections
    return Case(
        label=f"n = {width}",
        observe=Computed(lambda: theory.active_count(width, 1.0)),
        predict=lambda: _three_terms(width),
        rule=identity(tolerance),
        mutants={
            "a2 = a3 = 0": lambda: (half - limit(1.0).a) / (1 - 0.5**width),
            "constant": lambda: theory.constant_rate_active_count(width, 1.0),
        },
        levels=("full",),
    )


CLAIMS = (
    Claim(
        id="depth_limit/C14.clock",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"For slopes 1 and $a$ and every $n$, $X_t/|X_t| = Z(\sigma_t)/|Z(\sigma_t)|$"
        r" with $Z$ the stationary Ornstein-Uhlenbeck process $dZ = -\frac12 Z\,d\sigma + dB$ and"
        r" $d\sigma/dt = |\phi(Z)|^2/n$; its density $h$ under $N(0, I)$ solves $\partial_t h ="
        r" \frac1n L(|\phi|^2 h)$, $L = \frac12(\Delta - z\cdot\nabla)$.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved(
                "generator of Z, f''/2 + c z f'",
                symbolic.stationary_drift,
                "-1/2",
                {"c = -1": "-1", "c = 1/2": "1/2"},
            ),
            proved("L p = c (p f')'", symbolic.stationary_symmetry, "1/2", {"c = 1": "1"}),
            proved("clock (|phi(Z)|^2/n)^p", symbolic.stationary_clock, "1", {"p = 1/2": "1/2"}),
        ),
    ),
    Claim(
        id="depth_limit/C15.width-two",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"At $n = 2$ the Galerkin solution of the equation of C14 for $n$ identical"
        r" particles gives $\mathbb{E}[A_t \mid N_0 > 0]$ of the one-dimensional equation to its"
        r" stated error, for $t = 1/4, 1/2, 1, 2$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            _width_two("levels 10 and 14", TIMES),
            _width_two("the finer levels", TIMES, full_only=True),
        ),
    ),
    Claim(
        id="depth_limit/C15.large-width",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"The Galerkin solution at $n = 100, 200, 400$ extrapolates to the closed form of"
        r" infinite width, $\frac n2 - \mathbb{E}[A_1] \to a(1) = 0.060328$, within $10^{-4}$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            Case(
                label="t = 1",
                observe=Computed(_deficit_at_infinity),
                predict=lambda: theory.width_corrections(1.0).a,
                rule=identity(),
                mutants={
                    "a = 0": lambda: 0.0,
                    "small-time law": lambda: theory.small_time_coefficient(math.inf),
                    "that of width 400": lambda: 200 - galerkin.counts(400, 8, 0.1).filled_at(1.0),
                },
            ),
        ),
    ),
    Claim(
        id="depth_limit/C15.values",
        source="reference values of the notes, by another implementation",
        provenance="derived",
        kind="formula",
        statement=r"$\mathbb{E}[\log(|\phi(X_1)|/|\phi(X_0)|) \mid N_0 > 0]$ is $-0.050215$ at"
        r" $n = 3$ and $+0.014474$ at $n = 4$, to $10^{-6}$ and the stated error; two"
        r" discretisations of the frozen orthant agree to $10^{-6}$ and $4\cdot 10^{-6}$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            _two_discretisations(3, 1e-6),
            _two_discretisations(4, 4e-6),
            _headline(3, -0.0502153),
            _headline(4, 0.0144741),
        ),
    ),
    Claim(
        id="depth_limit/C15.zeros",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=r"At $n = 4$ the rate of $\mathbb{E}[\log|\phi(X_t)| \mid N_0 > 0]$ is positive"
        r" at $t = 2.75$ and negative at $t = 2.82$, and the mean log ratio over $[0, T]$ is"
        r" positive at $T = 5.6$ and negative at $T = 5.8$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            _zero(
                "rate",
                lambda: theory.active_count(4, 2.75),
                lambda: theory.active_count(4, 2.82),
                2.0,
            ),
            _zero(
                "log ratio", lambda: theory.log_ratio(4, 5.6), lambda: theory.log_ratio(4, 5.8), 0.0
            ),
        ),
    ),
    Claim(
        id="depth_limit/C15.zeros-networks",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=r"In networks of width 4 the mean active count crosses 2 between $t = 2$ and"
        r" $t = 4$, and the mean log ratio changes sign between $T = 4$ and $T = 8$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            count_side(2.0, 1.0),
            count_side(4.0, -1.0),
            _simulated_ratio(4.0, 1.0),
            _simulated_ratio(8.0, -1.0),
            count_side(2.4, 1.0, NEAR, levels=("full",)),
            count_side(3.2, -1.0, NEAR, levels=("full",)),
        ),
    ),
    Claim(
        id="depth_limit/C16.three-terms",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"$\mathbb{E}[A_1] = \frac n2 - a - \frac{a_2}{n} - \frac{a_3}{n^2}$ to"
        r" $3\cdot 10^{-5}$ at $n = 10$ and $10^{-5}$ at $n = 16$, with $a_2 < 0$: the deficit at"
        r" finite width is smaller than $a(1)$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(_expansion(10, 3e-5), _expansion(16, 1e-5)),
    ),
)

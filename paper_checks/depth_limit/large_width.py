"""C7 (large n), C10 and C11: first corrections in 1/n."""

from __future__ import annotations

import math

from paper_checks.core import Case, Claim, Computed, Verdict
from paper_checks.depth_limit.observe import network, over, standard
from paper_checks.estimates import scaled
from paper_checks.identities import proved
from paper_checks.rules import identity, mean_within
from paper_checks.trends import Extrapolated, richardson
from simulations.core import Estimate
from theory import depth_limit as theory
from theory.depth_limit import symbolic
from theory.prediction import Prediction

TIMES = (0.25, 0.5, 0.75, 1.0, 2.0)


def _deficit(width: int, tolerance: float, *, full_only: bool = False) -> Case:
    """E[A_1 | N_0 > 0] against (n/2 - a(1)) / (1 - 2^-n); the next term, about 0.08/n, is
    part of the tolerance."""
    alive = 1 - 0.5**width
    return Case(
        label=f"n = {width}",
        observe=standard(width, "active_count_limit"),
        predict=lambda: (width / 2 - theory.width_corrections(1.0).a) / alive,
        rule=mean_within(tolerance),
        mutants={"a = 0": lambda: width / 2 / alive},
        levels=("full",) if full_only else ("quick", "full"),
    )


def _corrections(route: str) -> list[float]:
    method = {"direct": theory.width_corrections, "clock": theory.width_corrections_by_clock}[route]
    return [x for t in TIMES for x in method(t)]


def _variance_growth(time: float) -> float:
    """n Var Q / q^2 if the clock had no memory of its past: the two first terms of v."""
    return 2 + 4 * (1 - math.exp(-time / 2))


def _times_width(found: list[Estimate]) -> Extrapolated:
    """The limit of n X_n from widths 20 and 40."""
    return richardson("n", 20, [scaled(n, e) for n, e in zip((20, 40), found, strict=True)])


def _fourth(width: int, excess: float) -> float:
    second = math.exp(0.5) + theory.width_corrections(1.0).B / width
    return (3 + excess / width) * second**2


CLAIMS = (
    Claim(
        id="depth_limit/C7.large-width",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"Two independent derivations agree: $a(s) \sim \kappa_\infty s^{3/2}$ with"
        r" $\kappa_\infty = 1/(3\pi\sqrt2)$, the large-$n$ limit of the small-time law.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            Case(
                label="s = 1e-4",
                # a(s) s^(-3/2) is 1 - (9/40) s + ... times its limit; the error bounds that term.
                observe=Computed(
                    lambda: Prediction(theory.width_corrections(1e-4).a / 1e-6, 3e-6, "direct")
                ),
                predict=lambda: theory.small_time_coefficient(math.inf),
                rule=identity(),
                mutants={"kappa_50": lambda: theory.small_time_coefficient(50)},
            ),
        ),
    ),
    Claim(
        id="depth_limit/C10.two-routes",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"$a(s) = (\theta - \sin\theta\cos\theta)/\pi$ with $\theta = \arccos e^{-s/4}$"
        r" equals $\frac1\pi\int_{e^{-s/2}}^1 \sqrt{(1-x)/x}\,dx$, the result of the other"
        r" derivation.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(proved("equal slopes", symbolic.activity_deficit_slope, "1", {"half": "1/2"}),),
    ),
    Claim(
        id="depth_limit/C10.networks",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"$\mathbb{E}[A_1] = \frac n2 - a(1) + O(1/n)$ with $a(1) = 0.0603$: the deficit"
        r" of active neurons does not vanish as $n$ grows.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(_deficit(10, 0.0225), _deficit(20, 0.028), _deficit(50, 0.02, full_only=True)),
    ),
    Claim(
        id="depth_limit/C11.two-routes",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"The $1/n$ corrections $a, b, B$ and $v$ by first-order perturbation of the law"
        r" and by the random clock agree to $10^{-10}$ at five times.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            Case(
                label="t = 1/4 to 2",
                observe=Computed(lambda: _corrections("direct")),
                predict=lambda: _corrections("clock"),
                rule=identity(1e-10),
                mutants={
                    "no corrections": lambda: [x for _ in TIMES for x in (0.0, 0.0, 0.0, 2.0)]
                },
            ),
        ),
    ),
    Claim(
        id="depth_limit/C11.mean",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"$\mathbb{E}\,Q_1 = e^{1/2} + B(1)/n + O(n^{-2})$ with $B(1) = 0.1998$, for"
        r" infinite depth.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            Case(
                label="n = 20",
                observe=standard(20, "q_limit"),
                predict=lambda: math.exp(0.5) + theory.width_corrections(1.0).B / 20,
                rule=mean_within(0.0045),
                mutants={
                    "B = 0": lambda: math.exp(0.5),
                    "no factor n^(-1/2) in the noise": lambda: math.exp(10),
                },
            ),
        ),
    ),
    Claim(
        id="depth_limit/C11.square",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=r"Along $n = L$ the biases of depth, $-e^{1/2}/(8L)$, and of width, $+0.1998/n$,"
        r" of $\mathbb{E}\,Q_1$ cancel: a square network shows no bias.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            Case(
                label="n = L = 10",
                observe=network("q", width=10, depth=10, quick=700_000, full=8_000_000),
                predict=lambda: math.exp(0.5),
                rule=mean_within(0.009),
                mutants={
                    "bias of width alone": lambda: (
                        math.exp(0.5) + theory.width_corrections(1.0).B / 10
                    ),
                    "bias of depth alone": lambda: theory.infinite_width_variance(10),
                },
            ),
        ),
    ),
    Claim(
        id="depth_limit/C11.variance",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"$n\,\mathrm{Var}(\log Q_1) \to v(1) = 4.675$ as $n \to \infty$, at infinite"
        r" depth, as $n\,\mathrm{Var}(Q_1)/e$ does with heavier tails; widths 20 and 40"
        r" extrapolated in $1/n$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            Case(
                label="n = 20, 40",
                observe=over(
                    (20, 40),
                    "var_log_q_limit",
                    _times_width,
                    vary="width",
                    depth=32,
                    quick=200_000,
                    full=4_000_000,
                ),
                predict=lambda: theory.width_corrections(1.0).v,
                rule=mean_within(0.35),
                mutants={
                    "frozen at its start": lambda: 2.0,
                    "clock without memory": lambda: _variance_growth(1.0),
                },
            ),
        ),
    ),
    Claim(
        id="depth_limit/C11.shape",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"A neuron is skewed to the right, $\mathbb{E}\,X_1^3 = \frac{24}{n\sqrt{2\pi}}"
        r"(e^{3/4} - e^{1/2})$, and has excess kurtosis $3(v(1) - 2)/n$, to leading"
        r" order in $1/n$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            Case(
                label="third moment, n = 20",
                observe=standard(20, "skewness_limit"),
                predict=lambda: theory.skewness_coefficient(1.0) / 20,
                rule=mean_within(0.05),
                mutants={"symmetric": lambda: 0.0},
            ),
            Case(
                label="fourth moment, n = 20",
                observe=standard(20, "fourth_moment_limit"),
                predict=lambda: _fourth(20, theory.excess_kurtosis_coefficient(1.0)),
                rule=mean_within(0.33),
                mutants={"Gaussian": lambda: _fourth(20, 0.0)},
            ),
        ),
    ),
)

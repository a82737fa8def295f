"""C11: networks of finite width at a random Gaussian initialisation."""

from __future__ import annotations

from functools import cache, partial

from paper_checks.core import BOTH, FULL, Case, Claim, Level, Measured, Verdict
from paper_checks.identities import agree
from paper_checks.rules import Rule, mean_within
from paper_checks.selu.observe import MILLION, sampled
from simulations.selu import PATHS
from theory import gaussian
from theory import selu as theory

DEPTH = 50
"""The second half is stationary (0.78^25 = 0.002); the slope is measured there."""

RUNS = {32: (200_000, 2 * MILLION), 256: (20_000, 300_000)}
"""Networks (quick, full) at each width."""


def _network(width: int, name: str, depth: int = DEPTH) -> Measured:
    quick, full = RUNS[width]
    return sampled(PATHS, name, quick, full, width=width, depth=depth)


@cache
def _at(width: int, depth: int = DEPTH) -> theory.FiniteWidth:
    return theory.finite_width(width, depth)


def _case(
    name: str,
    width: int,
    rule: Rule,
    wrong: dict[str, float],
    levels: tuple[Level, ...] = BOTH,
    depth: int = DEPTH,
) -> Case:
    """An estimate of the last layer against the expansion; the field has the estimate's name."""
    return Case(
        label=f"{name}, n = {width}, L = {depth}",
        observe=_network(width, name, depth),
        predict=lambda: getattr(_at(width, depth), name),
        rule=rule,
        mutants={k: partial(float, v) for k, v in wrong.items()},
        levels=levels,
    )


def _limits(width: int = 100_000) -> list[float]:
    """n Var q, n (E q - 1), n E m and n Var m as n grows: extrapolated."""

    def at(n: int) -> list[float]:
        f = theory.finite_width(n)
        second, mean = f.second_moment.value, f.mean.value
        return [f.n_var_q.value, n * (second - 1), n * mean, f.n_var_mean.value]

    return [2 * b - a for a, b in zip(at(width), at(2 * width), strict=True)]


def _from_derivatives(norm: bool = False) -> list[float]:
    """The same from the derivatives at (0, 1), as in the claim; `norm` for the radius chi."""
    (_, _, m2, _, m4), (_, _, q2, _, q4) = (t.tolist() for t in theory.derivatives(0.0, 1.0, 4))
    chi = theory.contraction(0.0, 1.0, 0.0, 1.0) if norm else q2 / 2
    variance = (gaussian.moment("selu", 4, 1.0) - 1) / (1 - chi**2)
    bias = q4 / 4 / 2 * variance / (1 - chi)
    mean = m2 / 2 * bias + m4 / 4 / 2 * variance
    return [variance, bias, mean, 1 + (m2 / 2) ** 2 * variance]


CLAIMS = (
    Claim(
        id="selu/C11.limits",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"With weights $N(0, 1/n)$ and one input $q = |h|^2/n$ settles where, as $n \to"
        r" \infty$, $n\mathrm{Var}\,q \to \sigma^2/(1 - \chi^2) = 3.87945$, $n(\mathbb{E}q - 1)"
        r" \to \frac12\xi''\sigma^2/((1 - \chi^2)(1 - \chi)) = -1.56664$, and for the mean $m$ over"
        r" a layer $n\mathbb{E}m \to -0.119430$, $n\mathrm{Var}\,m \to 1.03061$; $\chi = \xi'(1)"
        r" = 0.78265$, $\xi(q) = \mathbb{E}f(\sqrt q g)^2$, $\sigma^2 = \mathbb{E}f(g)^4 - 1$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            agree(
                "expansion at n = 100000 and 200000 against the derivatives at (0, 1)",
                _limits,
                _from_derivatives,
                1e-5,
                {"S for chi": partial(_from_derivatives, True)},
            ),
            agree(
                "numbers",
                _from_derivatives,
                [3.87945, -1.56664, -0.119430, 1.03061],
                6e-6,
                {"one layer": [1.50314, 0.0, 0.0, 1.0]},
            ),
        ),
    ),
    Claim(
        id="selu/C11.first-layer",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"After one layer from $q_0 = 1$, $n\mathrm{Var}\,q_1 = \sigma^2 = 1.50314$ and"
        r" $\mathbb{E}q_1 = 1$ exactly: $n = 32$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _case("n_var_q", 32, mean_within(0.12), {"2: linear": 2.0, "3.88": 3.88}, depth=1),
            _case("second_moment", 32, mean_within(0.005), {"0.952": 0.952}, depth=1),
        ),
    ),
    Claim(
        id="selu/C11.bias",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"Deep random networks of width $n$ have $\mathbb{E}q = 1 - 1.567/n +"
        r" O(n^{-2})$, with the next order 0.9522 at $n = 32$, $\mathbb{E}\log q = -0.109$ there,"
        r" and 0.99390 at $n = 256$ (full level): below the fixed point.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _case("second_moment", 32, mean_within(0.012), {"1: no bias": 1.0}),
            _case("log_q", 32, mean_within(0.012), {"log E q": -0.049, "0": 0.0}),
            _case("second_moment", 256, mean_within(0.0025), {"1: no bias": 1.0}, FULL),
        ),
    ),
    Claim(
        id="selu/C11.variance",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"Deep random networks of width $n$ have $n\mathrm{Var}\,q = 3.798$ at $n = 32$,"
        r" the limit 3.87945 with its next order, far above the 1.503 of one layer, and"
        r" $n\mathrm{Var}\,m = 0.980$ there; within a layer the variance $q - m^2$ is 0.9215.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _case("n_var_q", 32, mean_within(0.25), {"one layer": 1.503, "5": 5.0}),
            _case("n_var_mean", 32, mean_within(0.04), {"2": 2.0, "1.1": 1.1}),
            _case("variance", 32, mean_within(0.012), {"second moment": 0.952}),
        ),
    ),
    Claim(
        id="selu/C11.mean",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"The mean over the neurons of a deep random layer has expectation"
        r" $-0.1194/n + O(n^{-2})$: $-0.003577$ at $n = 32$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(_case("mean", 32, mean_within(0.0012), {"0": 0.0, "+": 0.0036}, FULL),),
    ),
    Claim(
        id="selu/C11.slope",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"The regression of $q_{l+1}$ on $q_l$ in stationary networks has slope $\chi -"
        r" 0.34/n + O(n^{-2})$, $\chi$ the spectral radius 0.78265, and not the spectral norm"
        r" 0.78767 of the Jacobian: $n = 32$ and, at full level, 256.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _case("slope", 32, mean_within(0.004), {"S": 0.78767, "0.75": 0.75}),
            _case("slope", 256, mean_within(0.0025), {"S": 0.78767}, FULL),
        ),
    ),
)

"""C1, C2, C3: the limit kernel, the implicit form of its correlation, and finite depth."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from paper_checks.commutation.observe import C0, DEPTH, at_depth, kernel, standard, wide
from paper_checks.core import BOTH, FULL, Case, Claim, Computed, Verdict
from paper_checks.identities import proved
from paper_checks.rules import identity, mean_within
from paper_checks.trends import richardson
from theory import commutation as theory
from theory.commutation import symbolic

AA, AB = 0, 2
INDEX = {"q_aa": AA, "q_ab": AB}


# --- C1 -----------------------------------------------------------------------------------------


def _abs_flow(c0: float) -> float:
    """q_ab with the correlation of |x|: f without its term c/2."""
    return math.exp(0.5) * theory.correlation(c0, 1.0, "abs")


def _kernel(width: int, correlation: float, name: str, tolerance: float, levels: Any) -> Case:
    """E hat q = q_L + B/n + O(1/n^2)."""
    index = INDEX[name]

    def predict() -> float:
        correction = wide(correlation).correction[index]
        return float(at_depth(correlation)[index] + correction / width)

    observe = standard(width, name)
    if correlation != C0:
        observe = kernel(
            name,
            width=width,
            depth=DEPTH,
            correlation=correlation,
            quick=80_000,
            full=2_000_000 if correlation == 0.9 else 500_000,  # its mutant is near
        )
    mutants: dict[str, Callable[[], float]] = {
        "the input's": lambda: 1.0,
        "E phi^2 = q in place of q/2": lambda: math.e,
    }
    if name == "q_ab":
        mutants = {
            "f without c/2": lambda: _abs_flow(correlation),
            "the input's correlation": lambda: correlation * at_depth(correlation).q_aa,
        }
    return Case(
        label=f"E {name}, n = {width}, c_0 = {correlation:g}, to {tolerance:g}",
        observe=observe,
        predict=predict,
        rule=mean_within(tolerance),
        mutants=mutants,
        levels=levels,
    )


def _activation(activation: str, name: str, tolerance: float) -> Case:
    index, width = INDEX[name], 50

    def predict() -> float:
        correction = wide(activation=activation).correction[index]
        return float(at_depth(activation=activation)[index] + correction / width)

    return Case(
        label=f"E {name}, {activation}, n = {width}",
        observe=kernel(
            name, width=width, depth=DEPTH, activation=activation, quick=50_000, full=200_000
        ),
        predict=predict,
        rule=mean_within(tolerance),
        mutants={
            "ReLU": lambda: at_depth()[index],
            "the input's": lambda: (1.0, 1.0, C0)[index],
        },
        levels=FULL,
    )


# --- C2 -----------------------------------------------------------------------------------------

STARTS = (-1.0, -0.9, -0.5, 0.0, 0.3, 0.6, 0.9)
TIMES = (0.5, 1.0, 2.0, 10.0)


@cache
def _by_solver() -> tuple[float, ...]:
    """c at every start and time by a Runge-Kutta method, from E relu(U) relu(V) alone."""
    from scipy.integrate import solve_ivp

    def slope(_: float, c: Any) -> Any:
        return [theory.rates((1.0, 1.0, min(max(float(x), -1.0), 1.0)))[AB] - x / 2 for x in c]

    options = {"method": "DOP853", "rtol": 1e-12, "atol": 1e-14, "t_eval": TIMES}
    found = solve_ivp(slope, (0.0, TIMES[-1]), STARTS, **options)
    return tuple(found.y.ravel().tolist())


def _by_angle(activation: str = "relu", speed: float = 1.0) -> list[float]:
    return [theory.correlation(c, speed * t, activation) for c in STARTS for t in TIMES]


def _gap_by_taylor() -> float:
    """(1 - c_1)/1e-6 from 1 - c_0 = 1e-6 by Taylor's method with 30 digits."""
    import mpmath

    with mpmath.workdps(30):

        def slope(_: Any, c: Any) -> Any:
            return (mpmath.sqrt(1 - c * c) - c * mpmath.acos(c)) / (2 * mpmath.pi)

        start = 1 - mpmath.mpf("1e-6")
        return float((1 - mpmath.odefun(slope, 0, start)(1)) * 1_000_000)


def _gap(time: float) -> float:
    theta = theory.angle(2 * math.asin(math.sqrt(0.5e-6)), time)
    return 2e6 * math.sin(theta / 2) ** 2


def _late(time: float) -> float:
    theta = theory.angle(math.acos(C0), time)
    return 2 * (time * math.sin(theta / 2) / math.pi) ** 2


# --- C3 -----------------------------------------------------------------------------------------


def _depth_error(correlation: float, depth: int, activation: str = "relu") -> float:
    """q_ab at this depth less that of infinite depth."""
    limit = theory.covariance(1.0, 1.0, correlation, 1.0, activation)
    return at_depth(correlation, activation, depth).q_ab - limit.q_ab


def _depth_constant(
    correlation: float, depth: int, activation: str = "relu", levels: Any = BOTH
) -> Case:
    """L (q_L - q) at L and 2 L, extrapolated: the next term is O(L^-2)."""
    predict = partial(theory.depth_correction, 1.0, 1.0, correlation, 1.0, activation)
    return Case(
        label=f"{activation}, c_0 = {correlation:g}",
        observe=Computed(
            lambda: richardson(
                "L",
                depth,
                [n * _depth_error(correlation, n, activation) for n in (depth, 2 * depth)],
            )
        ),
        predict=lambda: predict().q_ab,
        rule=identity(5e-6),
        mutants={
            "none": lambda: 0.0,
            "that of q_aa times c_0": lambda: correlation * predict().q_aa,
        },
        levels=levels,
    )


def _order(name: str) -> Case:
    index = INDEX[name]

    def error(depth: int) -> float:
        return abs(at_depth(depth=depth)[index] - theory.covariance(1.0, 1.0, C0, 1.0)[index])

    return Case(
        label=f"{name}, L = 500 and 1000",
        observe=Computed(lambda: math.log2(error(1000) / error(500))),
        predict=lambda: -1.0,
        rule=identity(2e-3),
        mutants={"-1/2": lambda: -0.5, "-2": lambda: -2.0},
    )


def _shallow(tolerance: float) -> Case:
    width, depth = 50, 5
    return Case(
        label=f"E q_aa, n = {width}, L = {depth}",
        observe=kernel("q_aa", width=width, depth=depth, quick=160_000, full=320_000),
        predict=lambda: at_depth(depth=depth).q_aa + float(wide().correction[AA]) / width,
        rule=mean_within(tolerance),
        mutants={
            "no error of depth": lambda: math.exp(0.5),
            "twice the error": lambda: 2 * at_depth(depth=depth).q_aa - math.exp(0.5),
        },
    )


CLAIMS = (
    Claim(
        id="commutation/C1.flow",
        source="main theorem",
        provenance="recalled",
        kind="formula",
        statement=r"For ReLU $\mathbb{E}\phi(U)\phi(V) = \frac12 f(c)\sqrt{q_{aa}q_{bb}}$ with"
        r" $f(c) = (c\arcsin c + \sqrt{1 - c^2})/\pi + c/2$, so that the correlation of the limit"
        r" kernel solves $dc/dt = (\sqrt{1 - c^2} - c\arccos c)/(2\pi)$, whatever the norms of the"
        r" inputs.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved("E phi phi = k f(c)", symbolic.relu_kernel, "1/2", {"k = 1": 1}),
            proved("dc/dt with k/pi", symbolic.relu_correlation_flow, "1/2", {"k = 1": 1}),
            proved(
                "q_aa' = r q_aa",
                partial(symbolic.relu_correlation_flow, "1/2"),
                "1/2",
                {"r = 1": 1, "r = 1/4": "1/4"},
            ),
        ),
    ),
    Claim(
        id="commutation/C1.networks",
        source="main theorem",
        provenance="recalled",
        kind="theorem",
        statement=r"$\mathbb{E}\hat q$ of a residual network is the flow $dq/dt ="
        r" \mathbb{E}\phi(U)\phi(V)$, in its form for depth 25, up to $B/n$: ReLU with $c_0 = 0.3$"
        r" at $n = 50$ to 0.012, at the full level to 0.003; there also $c_0$ from $-0.9$ to 0.9"
        r" at $n = 25$ to 0.009, and tanh, erf, $|x|$ and SELU at $n = 50$ to 0.015.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _kernel(50, C0, "q_aa", 0.012, ("quick",)),
            _kernel(50, C0, "q_ab", 0.009, ("quick",)),
            _kernel(50, C0, "q_aa", 0.003, FULL),
            _kernel(50, C0, "q_ab", 0.002, FULL),
            *(_kernel(25, c, "q_ab", 0.009, FULL) for c in (-0.9, -0.5, 0.0, 0.6, 0.9)),
            _activation("tanh", "q_aa", 0.008),
            _activation("tanh", "q_ab", 0.006),
            _activation("erf", "q_ab", 0.006),
            _activation("abs", "q_ab", 0.015),
            _activation("selu", "q_ab", 0.015),
        ),
    ),
    Claim(
        id="commutation/C2.implicit",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"With $c = \cos\theta$ the limit correlation has the implicit form $t ="
        r" 2\pi\int_{\theta_t}^{\theta_0} d\theta/(1 - \theta\cot\theta)$, and it leaves $c = -1$"
        r" at rate $\frac12$.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved("t = k pi int", symbolic.implicit_time, 2, {"k = 1": 1, "k = 4": 4}),
            proved("dc/dt at c = -1", symbolic.opposite_rate, "1/2", {"0": 0, "1": 1}),
        ),
    ),
    Claim(
        id="commutation/C2.solver",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"The implicit form agrees with a Runge-Kutta solution of the flow to $10^{-9}$"
        r" for seven $c_0$ from $-1$ to 0.9 at $t = \frac12, 1, 2, 10$, and with a 30-digit Taylor"
        r" solution from $1 - c_0 = 10^{-6}$ to a relative error of $10^{-12}$ in $1 - c_1$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            Case(
                label="c_0 = -1 to 0.9",
                observe=Computed(_by_solver),
                predict=_by_angle,
                rule=identity(1e-9),
                mutants={
                    "as |x|": lambda: _by_angle("abs"),
                    "twice as fast": lambda: _by_angle(speed=2),
                },
            ),
            Case(
                label="(1 - c_1)/1e-6",
                observe=Computed(_gap_by_taylor),
                predict=lambda: _gap(1.0),
                rule=identity(1e-12),
                mutants={"constant": lambda: _gap(0.0), "twice as fast": lambda: _gap(2.0)},
            ),
        ),
    ),
    Claim(
        id="commutation/C2.late",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"Inputs align slowly: $1 - c_t \sim 18\pi^2/t^2$ as $t \to \infty$, from any"
        r" start $c_0 < 1$.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(proved("k pi^2/t^2", symbolic.late_gap, 18, {"k = 9/2": "9/2", "k = 9": 9}),),
    ),
    Claim(
        id="commutation/C2.late-numbers",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=r"From $c_0 = 0.3$ the ratio $t^2(1 - c_t)/\pi^2$ is within $10^{-3}$ of 18 at"
        r" $t = 10^6$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            Case(
                label="t = 1e6",
                observe=Computed(lambda: _late(1e6)),
                predict=lambda: 18.0,
                rule=identity(1e-3),
                mutants={"the MLP's 9/2": lambda: 4.5, "9": lambda: 9.0},
            ),
        ),
    ),
    Claim(
        id="commutation/C3.constant",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"At infinite width depth $L$ is Euler's scheme for the flow: $q_L(a, a) = q_0(1"
        r" + 1/(2L))^L = q_0 e^{1/2}(1 - \frac1{8L} + O(L^{-2}))$ for ReLU.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved(
                "L (q_L - q) -> k e^(1/2)",
                symbolic.euler_correction,
                "-1/8",
                {"k = -1/4": "-1/4", "k = 0": 0},
            ),
        ),
    ),
    Claim(
        id="commutation/C3.two-inputs",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"$L(q_{ab,L} - q_{ab})$ at infinite width tends to the solution of $e' = Je -"
        r" \frac12JF$, $-0.1289$ for ReLU with $c_0 = 0.3$: by extrapolation from finite depths.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            _depth_constant(0.3, 500),
            _depth_constant(-0.5, 500),
            _depth_constant(0.3, 500, "tanh", FULL),
        ),
    ),
    Claim(
        id="commutation/C3.order",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=r"The error of a finite depth at infinite width has the exponent $-1$ in $L$,"
        r" not the $-\frac12$ of the stated bound: ReLU, $c_0 = 0.3$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(_order("q_aa"), _order("q_ab")),
    ),
    Claim(
        id="commutation/C3.networks",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"Networks of depth 5 and width 50 have the mean kernel of Euler's scheme, 0.039"
        r" below that of infinite depth, up to $B/n$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(_shallow(0.015),),
    ),
)

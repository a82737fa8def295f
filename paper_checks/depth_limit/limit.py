"""C1 and C12: convergence to the limit diffusion, its order, and the limits in depth and width."""

from __future__ import annotations

import math
from functools import partial

from paper_checks.core import Case, Claim, Verdict
from paper_checks.depth_limit.observe import over, standard
from paper_checks.estimates import combine
from paper_checks.identities import proved
from paper_checks.rules import mean_within
from paper_checks.trends import power_law, richardson
from theory import depth_limit as theory
from theory.depth_limit import symbolic

DEPTHS = (64, 128, 256)
"""Where the next term in 1/L changes an exponent by about 0.1 at most (exactly known at n = 1)."""


def _order(
    label: str,
    name: str,
    width: int,
    tolerance: float,
    quick: int,
    full: int,
    *,
    full_only: bool = False,
) -> Case:
    """Exponent in L of a difference between depths L and L/2."""
    return Case(
        label=label,
        observe=over(
            DEPTHS,
            name,
            partial(power_law, "L", DEPTHS),
            vary="depth",
            width=width,
            quick=quick,
            full=full,
        ),
        predict=lambda: -1.0,
        rule=mean_within(tolerance),
        mutants={"order doubled": lambda: -2.0, "order halved": lambda: -0.5},
        levels=("full",) if full_only else ("quick", "full"),
    )


def _martingale(width: int) -> Case:
    return Case(
        label=f"n = {width}",
        observe=standard(width, "displacement"),
        predict=lambda: 0.0,
        rule=mean_within(0.03 / width),
        # Drift phi phi' / (2n); X is convex in the noise, so E relu(X_t) only grows from its
        # value (2 pi)^(-1/2) at time 0: the mutant's displacement is at least this.
        mutants={"Stratonovich reading": lambda: 1 / (2 * width * math.sqrt(2 * math.pi))},
    )


def _same_law(width: int, depth: int, name: str, tolerance: float, mutant: float) -> Case:
    return Case(
        label=f"{name.replace('_', ' ')}, n = {width}, L = {depth}",
        observe=over(
            ("exact", "explicit"),
            name,
            lambda e: combine([1, -1], e),
            vary="sampler",
            width=width,
            depth=depth,
            quick=400_000,
            full=4_000_000,
        ),
        predict=lambda: 0.0,
        rule=mean_within(tolerance),
        mutants={"weights of twice the variance": lambda: mutant},
    )


def _variance(activation: str, *, full_only: bool = False) -> Case:
    """E Q at widths 20 and 40, extrapolated in 1/n and in 1/L, against the mean-field equation."""
    return Case(
        label=activation,
        observe=over(
            (20, 40),
            "q_limit",
            partial(richardson, "n", 20),
            vary="width",
            activation=activation,
            depth=32,
            quick=40_000,
            full=1_000_000,
        ),
        predict=lambda: theory.limit_variance(activation, 1.0, 1.0),
        rule=mean_within(0.02),
        mutants={
            "variance of a linear network": lambda: (
                math.e if activation not in ("linear", "abs") else math.exp(0.5)
            ),
            "variance frozen at its start": lambda: 1.0,
        },
        levels=("full",) if full_only else ("quick", "full"),
    )


CLAIMS = (
    Claim(
        id="depth_limit/C1.strong-order",
        source="main convergence theorem",
        provenance="recalled",
        kind="theorem",
        statement=r"At fixed width the ReLU network converges strongly to $dX = n^{-1/2}"
        r"|\phi(X)|\,dB$ with order one half: $\mathbb{E}\sup_t |Y^{(L)}_t - Y^{(L/2)}_t|^2$ of"
        r" coupled depths falls as $L^{-1}$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(_order("n = 10, exponent of L", "sup_gap", 10, 0.08, 60_000, 2_000_000),),
    ),
    Claim(
        id="depth_limit/C1.weak-order",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=r"For smooth statistics the depth bias is of order $1/L$, better than the"
        r" $L^{-1/2}$ of the theorem: the difference between depths $L$ and $L/2$ of the mean log"
        r" ratio (at $n = 1$) and of $\mathbb{E}\,Q$ (at $n = 10$) falls as $L^{-1}$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _order("log ratio, n = 1", "log_ratio_step", 1, 0.3, 400_000, 4_000_000),
            _order("Q, n = 10", "q_step", 10, 0.25, 400_000, 4_000_000, full_only=True),
        ),
    ),
    Claim(
        id="depth_limit/C1.martingale",
        source="main convergence theorem",
        provenance="recalled",
        kind="theorem",
        statement=r"The limit has no drift (Itô, not Stratonovich): "
        r"$\mathbb{E}[Y_L - Y_0] = 0$ at every depth, for ReLU.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=tuple(_martingale(n) for n in (2, 4, 10)),
    ),
    Claim(
        id="depth_limit/E1.exact-law",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"Given $Y_{l-1}$, $W_l\phi(Y_{l-1})$ is $N(0, |\phi(Y_{l-1})|^2 I_n / n)$, so"
        r" $n$ normals a layer give the law of the network with explicit $n \times n$ weights.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _same_law(4, 16, "q", 0.025, math.e - math.sqrt(math.e)),
            _same_law(4, 16, "log_ratio", 0.003, theory.log_ratio(4, 1.0).value),
            _same_law(4, 16, "quadratic_variation", 0.012, 0.25),
        ),
    ),
    Claim(
        id="depth_limit/C12.relu",
        source="sequential limits",
        provenance="recalled",
        kind="theorem",
        statement=r"In the limit of infinite width the variance of a neuron obeys"
        r" $\dot q = \mathbb{E}\,\phi(\sqrt q\, g)^2$, which is $q/2$ for ReLU: $q_t ="
        r" q_0 e^{t/2}$.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved(
                "E relu(sqrt(q) g)^2 = c q",
                symbolic.relu_variance_rate,
                "1/2",
                {"linear network": "1", "a quarter": "1/4"},
            ),
        ),
    ),
    Claim(
        id="depth_limit/C12.networks",
        source="sequential limits",
        provenance="recalled",
        kind="theorem",
        statement=r"Infinite depth then infinite width: $\mathbb{E}\,Q_1 \to q_1$, the solution of"
        r" $\dot q = \mathbb{E}\,\phi(\sqrt q\, g)^2$ with $q_0 = 1$; networks extrapolated in"
        r" $1/L$ and $1/n$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _variance("relu"),
            *(
                _variance(name, full_only=True)
                for name in ("leaky_relu:0.2", "abs", "linear", "erf", "tanh", "gelu")
            ),
        ),
    ),
)

"""C21: forward tangents and backward gradients."""

from __future__ import annotations

from functools import partial
from typing import Any

from paper_checks.core import Case, Claim, Measured, Verdict, measured
from paper_checks.depth_limit.observe import MILLION, coupled
from paper_checks.depth_limit.pre_norm import constant_at_two, early
from paper_checks.observing import weighted
from paper_checks.rules import mean_within, ordered
from simulations.depth_limit import GRADIENT, JACOBIAN, TANGENT, Params
from theory import depth_limit as theory

TWO_LAYERS: dict[str, Any] = {"width": 2, "depth": 2, "time": 4.0}
"""Strong weights in few layers: the tails of |J|^2 are light enough for an interval."""


def jacobian(name: str, width: int = 2, quick: int = 100_000, full: int = 500_000) -> Measured:
    """A statistic of explicit Jacobians; all claims on one width share the run."""
    return coupled(JACOBIAN, Params(width=width, depth=64), name, quick=quick, full=full)


def _tangent_at_two(
    activation: str, depth: int, direction: Any, tolerance: float, *, full_only: bool = False
) -> Case:
    """No tolerance for the depth, as in C20."""
    few = depth <= 8
    return Case(
        label=f"{activation}, v {direction}, L = {depth}"
        + (f", to {tolerance:g}" if full_only else ""),
        observe=measured(
            TANGENT,
            Params(width=2, depth=depth, activation=activation, direction=direction),
            "tangent",
            quick=MILLION if few else 300_000,
            full=(8 if few else 4) * MILLION,
        ),
        predict=lambda: constant_at_two(depth),
        rule=mean_within(tolerance),
        mutants={
            "r_2, as after phi": lambda: theory.log_norm_rate_at_zero(2, activation),
            "rate of width 3": lambda: theory.tangent_rate_at_zero(3, activation),
        },
        levels=("full",) if full_only else ("quick", "full"),
    )


def _tangent_sign(width: int, *, full_only: bool = False) -> Case:
    return Case(
        label=f"n = {width}",
        observe=measured(
            TANGENT, Params(width=width, depth=64), "tangent", quick=100_000, full=MILLION
        ),
        predict=lambda: 1.0,
        rule=ordered(),
        mutants={"decreasing": lambda: -1.0},
        levels=("full",) if full_only else ("quick", "full"),
    )


def _width_one() -> Case:
    """V = Y/Y_0 where Y_0 > 0, V = 1 elsewhere; at L = 64 none dies (4e-14)."""
    return Case(
        label="n = 1, L = 64",
        observe=measured(
            TANGENT, Params(width=1, depth=64), "tangent", quick=300_000, full=3 * MILLION
        ),
        predict=lambda: theory.width_one_law(64).mean_log / 2,
        rule=mean_within(0.002),
        mutants={
            "the limit -1/4": lambda: -0.25,
            "given N_0 > 0": lambda: theory.width_one_law(64).mean_log,
        },
        levels=("full",),
    )


def _rate(width: int, name: str, *, full_only: bool = False) -> Case:
    alive = name.endswith("alive")
    experiment = JACOBIAN if name == "gradient" else TANGENT
    return Case(
        label=f"{name.partition('_')[0]}, n = {width}" + (", given N_0 > 0" if alive else ""),
        observe=early(experiment, name, width),
        predict=lambda: theory.tangent_rate_at_zero(width, given_alive=alive),
        rule=mean_within(0.003),
        mutants={
            "r_n": lambda: theory.log_norm_rate_at_zero(width),
            "the other condition": lambda: theory.tangent_rate_at_zero(
                width, given_alive=not alive
            ),
        },
        levels=("full",) if full_only else ("quick", "full"),
    )


def _squares(label: str, first: Measured, second: Measured, mutants: dict[str, float]) -> Case:
    return Case(
        label=label,
        observe=weighted([1, -1], [first, second]),
        predict=lambda: 0.0,
        rule=mean_within(0.1),
        mutants={name: partial(float, value) for name, value in mutants.items()},
    )


def _gradient_square(backward: Any) -> Measured:
    params = Params(**TWO_LAYERS, backward=backward)
    return measured(GRADIENT, params, "gradient_square", quick=2 * MILLION, full=4 * MILLION)


TANGENT_SQUARE = measured(
    TANGENT, Params(**TWO_LAYERS), "tangent_square", quick=2 * MILLION, full=4 * MILLION
)

FROBENIUS = measured(JACOBIAN, Params(**TWO_LAYERS), "frobenius", quick=800_000, full=2 * MILLION)


def _uniform_gradient() -> Case:
    depth, time = 16, 2.0
    return Case(
        label="u uniform, n = 2, T = 2, L = 16",
        observe=measured(
            GRADIENT,
            Params(width=2, depth=depth, time=time, direction="uniform"),
            "gradient",
            quick=MILLION,
            full=8 * MILLION,
        ),
        predict=lambda: constant_at_two(depth, time),
        rule=mean_within(0.012),
        # Measured at u = e_1 with the same depth and horizon.
        mutants={"as for u = e_1": lambda: -0.055},
    )


def _uniform_pair(width: int) -> Case:
    runs = [
        measured(
            experiment,
            Params(width=width, depth=16, direction="uniform"),
            name,
            quick=MILLION,
            full=4 * MILLION,
        )
        for experiment, name in ((GRADIENT, "gradient"), (TANGENT, "tangent"))
    ]
    return Case(
        label=f"gradient less tangent, n = {width}",
        observe=weighted([1, -1], runs),
        predict=lambda: 0.0,
        rule=mean_within(0.004),
        mutants={"r_n in place of the tangent's rate": lambda: theory.log_norm_rate_at_zero(width)},
        levels=("full",),
    )


def _coordinates(width: int, *, full_only: bool = False) -> Case:
    return Case(
        label=f"n = {width}",
        observe=jacobian("column_minus_row", width, full=500_000 if width == 2 else 100_000),
        predict=lambda: 0.0,
        rule=mean_within(0.004),
        levels=("full",) if full_only else ("quick", "full"),
    )


def _nuclear(tolerance: float, *, full_only: bool = False) -> Case:
    return Case(
        label="n = 2, L = 64" + (f", to {tolerance:g}" if full_only else ""),
        observe=jacobian("nuclear"),
        predict=lambda: constant_at_two(64),
        rule=mean_within(tolerance),
        mutants={
            "geometric mean of s_1, s_2": lambda: theory.log_determinant(2, 1.0).value / 2,
            "r_2": lambda: theory.log_norm_rate_at_zero(2),
        },
        levels=("full",) if full_only else ("quick", "full"),
    )


CLAIMS = (
    Claim(
        id="depth_limit/C21.tangent",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"For $V_l = (\partial Y_l/\partial Y_0)v$ at $n = 2$ and any $|\phi'| \le 1$,"
        r" $0 \le \mathbb{E}\log|V_L|/|v| \le \frac L2 E_1(L)$ on $[0, 1]$, so the limit does not"
        r" move: ReLU and tanh networks.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _tangent_at_two("relu", 8, "first", 1.3e-3),
            _tangent_at_two("relu", 64, "first", 8e-4),
            _tangent_at_two("relu", 64, "first", 2e-4, full_only=True),
            _tangent_at_two("relu", 8, "uniform", 5e-4, full_only=True),
            _tangent_at_two("tanh", 8, "first", 5e-4, full_only=True),
            _tangent_at_two("tanh", 64, "first", 2e-4, full_only=True),
        ),
    ),
    Claim(
        id="depth_limit/C21.regime",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"The tangent's log-norm grows in the mean for $n \ge 3$ (ReLU on $[0, 1]$,"
        r" $v = e_1$, $n = 3$ and 8), where the norm after $\phi$ still decreases at $n = 3$; at"
        r" $n = 1$, depth 64, it is half of $\mathbb{E}[\log(Y_L/Y_0) \mid Y_0 > 0]$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(_tangent_sign(3), _tangent_sign(8, full_only=True), _width_one()),
    ),
    Claim(
        id="depth_limit/C21.rate",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"For ReLU $\frac{d}{dt}\mathbb{E}\log|V_t|$ at $t = 0^+$ is $\frac{n-2}{4n}$,"
        r" and $1/(1 - 2^{-n})$ times that given $N_0 > 0$; the gradient $J^T e_1$ has the same"
        r" rate: networks of widths 3 and 4 run to the short horizon 0.01.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _rate(3, "tangent"),
            _rate(3, "tangent_alive"),
            _rate(4, "tangent", full_only=True),
            _rate(3, "gradient", full_only=True),
        ),
    ),
    Claim(
        id="depth_limit/C21.backward-law",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"Given the forward path, $W_l^T g = n^{-1/2}(e\langle z, g\rangle + |g|(F -"
        r" e\langle e, F\rangle))$ with $e = \phi/|\phi|$, $F$ fresh and $z$ the forward noise; and"
        r" $\mathbb{E}|J^T e_1|^2 = \mathbb{E}|J e_1|^2 = \mathbb{E}\|J\|_F^2/n$: in two layers to"
        r" $T = 4$ at $n = 2$ with ReLU this law gives the second moment of explicit weights.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _squares(
                "gradient less explicit Jacobian",
                _gradient_square("conditional"),
                FROBENIUS,
                {"weights independent of the path": -0.3},
            ),
            _squares(
                "gradient less tangent",
                _gradient_square("conditional"),
                TANGENT_SQUARE,
                {"weights independent of the path": -0.3},
            ),
        ),
    ),
    Claim(
        id="depth_limit/C21.gradient-independence",
        source="usual assumption on the backward pass",
        provenance="derived",
        kind="formula",
        statement=r"The weights of the backward pass may be taken independent of those of the"
        r" forward pass: $\mathbb{E}|J^T e_1|^2$ does not change, at $n = 2$ in two layers to"
        r" $T = 4$ with ReLU.",
        expected=Verdict.REFUTED,
        corrected="depth_limit/C21.backward-law",
        method="monte-carlo",
        cases=(
            _squares(
                "independent less tangent", _gradient_square("independent"), TANGENT_SQUARE, {}
            ),
        ),
    ),
    Claim(
        id="depth_limit/C21.coordinate-directions",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"Forward and backward log-norms are equal in the mean for the same coordinate"
        r" direction: $\mathbb{E}\log|J e_1| = \mathbb{E}\log|J^T e_1|$ at $T = 1$ and depth 64,"
        r" ReLU, $n = 2$ and 8.",
        expected=Verdict.REFUTED,
        corrected="depth_limit/C21.uniform-directions",
        method="monte-carlo",
        cases=(_coordinates(2), _coordinates(8, full_only=True)),
    ),
    Claim(
        id="depth_limit/C21.uniform-directions",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"For $u$, $v$ uniform on the sphere, independent of $J$, $\mathbb{E}\log|J^T u|"
        r" = \mathbb{E}\log|J v|$ at every depth (the laws are one): at $n = 2$ and $T = 2$ with"
        r" ReLU $0 \le \mathbb{E}\log|J^T u| \le \frac L2 E_1(L/T)$, at $n = 3$ and $T = 1$ the two"
        r" means agree.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(_uniform_gradient(), _uniform_pair(3)),
    ),
    Claim(
        id="depth_limit/C21.singular-values",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"At $n = 2$ the singular values of $J$ have $\mathbb{E}\log\frac{s_1 + s_2}{2}"
        r" = 0$ in the limit and at most $\frac L2 E_1(L)$ at depth $L$ for $|\phi'| \le 1$: ReLU,"
        r" $T = 1$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(_nuclear(1e-3), _nuclear(3e-4, full_only=True)),
    ),
)

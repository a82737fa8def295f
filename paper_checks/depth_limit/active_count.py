"""C7 to C9 and C13: the number of active neurons, and where the mean log-norm changes sign."""

from __future__ import annotations

import math
from typing import Any, Literal

from paper_checks.core import Case, Claim, Computed, Verdict
from paper_checks.depth_limit.observe import network, over, standard
from paper_checks.rules import at_least, identity, mean_within, ordered
from theory import depth_limit as theory
from theory.prediction import Prediction

TIMES = (0.0625, 0.25, 0.5, 0.75, 1.0, 2.0, 4.0, 6.0, 8.0, 24.0)


def _active_count(width: int, time: float, tolerance: float, *, full_only: bool = False) -> Case:
    suffix = "" if time == 1.0 else f"@{time:g}"
    return Case(
        label=f"n = {width}, t = {time:g}",
        observe=standard(width, f"active_count_limit{suffix}"),
        predict=lambda: theory.active_count(width, time),
        rule=mean_within(tolerance),
        mutants={
            "constant": lambda: theory.constant_rate_active_count(width, time),
            "unconditional n/2": lambda: width / 2,
        }
        if width < 6
        else {"constant": lambda: theory.constant_rate_active_count(width, time)},
        levels=("full",) if full_only else ("quick", "full"),
    )


def _published(label: str, name: str, width: int, value: float, tolerance: float) -> Case:
    return Case(
        label=label,
        observe=standard(width, name),
        predict=lambda: value,
        rule=mean_within(tolerance),
        mutants={"constant rate": lambda: theory.constant_rate_log_ratio(width, 1.0)},
    )


def _sign(width: int, sign: float) -> Case:
    return Case(
        label=f"n = {width}",
        observe=standard(width, "log_ratio_limit"),
        predict=lambda: sign,
        rule=ordered(),
        mutants={"the other sign": lambda: -sign},
    )


def _early_decay() -> list[Prediction]:
    """(4/3 - E[A_s]) (3/4) s^(-3/2) at width 2, extrapolated from s and 4s to s = 0.

    The next term is proportional to s; the one after, of order s^2 or smaller, is the error.
    """
    scaled = {
        s: 0.75 * (theory.active_count_at_zero(2) - theory.active_count(2, s).value) / s**1.5
        for s in (0.001, 0.004)
    }
    value = (4 * scaled[0.001] - scaled[0.004]) / 3
    return [Prediction(value, 2e-6, "linear extrapolation in s")]


def _width_two(method: Literal["spectral", "finite-volume"]) -> list[float]:
    quantities = (theory.active_count_two, theory.log_ratio_two)
    return [f(t, method=method) for f in quantities for t in TIMES]


LONG: dict[str, Any] = {
    "width": 4,
    "depth": 512,
    "time": 8.0,
    "records": 4,
    "quick": 100_000,
    "full": 4_000_000,
}


def _long_growth() -> Case:
    return Case(
        label="n = 4, T = 8",
        observe=network("log_ratio_martingale_limit", **LONG),
        predict=lambda: 0.0,
        rule=at_least(),
        mutants={"constant rate": lambda: theory.constant_rate_log_ratio(4, 8.0)},
    )


def _long_sign() -> Case:
    return Case(
        label="n = 4, T = 8",
        observe=network("log_ratio_martingale_limit", **LONG),
        predict=lambda: -1.0,
        rule=ordered(),
        mutants={"still positive": lambda: 1.0},
    )


def count_side(time: float, sign: float, run: dict[str, Any] = LONG, **more: Any) -> Case:
    """The sign of E[A_t | N_0 > 0] - 2 in a run at width 4: that of the instantaneous rate."""
    at = "" if time == run["time"] else f"@{time:g}"
    return Case(
        label=f"n = 4, E[A] - 2 at t = {time:g}",
        observe=over(
            (4,),
            f"active_count_limit{at}",
            lambda e: e[0]._replace(value=e[0].value - 2),
            vary="width",
            **{k: v for k, v in run.items() if k != "width"},
        ),
        predict=lambda: sign,
        rule=ordered(),
        mutants={"the other side of 2": lambda: -sign},
        **more,
    )


CLAIMS = (
    Claim(
        id="depth_limit/C7.small-time",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"The active count leaves its start as $\frac n2 - \kappa_n s^{3/2}$ with"
        r" $\kappa_n = \mathbb{E}|\phi(G_{n-1})|/(3\pi\sqrt n)$: at $n = 2$ by the exact equation.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            Case(
                label="n = 2, s to 0",
                observe=Computed(_early_decay),
                predict=lambda: [theory.small_time_coefficient(2)],
                rule=identity(),
                mutants={
                    "n in place of n - 1": lambda: [
                        theory.mean_post_activation_norm(2) / (3 * math.pi * math.sqrt(2))
                    ],
                    "linear decay": lambda: [0.0],
                },
            ),
        ),
    ),
    Claim(
        id="depth_limit/C8.two-methods",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"At $n = 2$ the active count and the log ratio follow from one autonomous"
        r" diffusion of the angle: spectral elements and finite volumes agree to $2\cdot 10^{-9}$"
        r" up to $t = 24$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            Case(
                label="10 times, both quantities",
                observe=Computed(lambda: _width_two("spectral")),
                predict=lambda: _width_two("finite-volume"),
                rule=identity(2e-9),
                mutants={
                    "constant rate": lambda: [
                        f(2, t)
                        for f in (
                            theory.constant_rate_active_count,
                            theory.constant_rate_log_ratio,
                        )
                        for t in TIMES
                    ]
                },
            ),
        ),
    ),
    Claim(
        id="depth_limit/C9.active-count",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"Given $N_0 > 0$ the mean active count at time $t$ is that of C8 at $n = 2$ and"
        r" of C15 at $n = 3$, 4, 6 and 10.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _active_count(2, 1.0, 0.008),
            _active_count(3, 1.0, 0.01),
            _active_count(4, 1.0, 0.012),
            _active_count(6, 1.0, 0.014),
            _active_count(10, 1.0, 0.016),
            *(_active_count(n, 0.5, 0.004, full_only=True) for n in (2, 3, 4)),
        ),
    ),
    Claim(
        id="depth_limit/C9.values",
        source="reference values of the notes, by an independent exact method",
        provenance="derived",
        kind="formula",
        statement=r"$\mathbb{E}[\log(|\phi(X_1)|/|\phi(X_0)|) \mid N_0 > 0]$ is $-0.0502153$ at"
        r" $n = 3$ and $+0.0144741$ at $n = 4$; the network of depth 64 has $+0.01431$ at $n = 4$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _published("n = 3, limit", "log_ratio_limit", 3, -0.0502153, 1e-3),
            _published("n = 4, limit", "log_ratio_limit", 4, 0.0144741, 8e-4),
            _published("n = 4, L = 64", "log_ratio", 4, 0.014312, 8e-4),
        ),
    ),
    Claim(
        id="depth_limit/C9.sign-change",
        source="change of regime between widths 3 and 4",
        provenance="confirmed-in-source",
        kind="theorem",
        statement=r"On $[0, 1]$ the mean log-norm of the post-activations decreases at widths"
        r" $n \le 3$ and increases at widths $n \ge 4$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(_sign(2, -1.0), _sign(3, -1.0), _sign(4, 1.0), _sign(6, 1.0)),
    ),
    Claim(
        id="depth_limit/C13.forever",
        source="change of regime between widths 3 and 4",
        provenance="derived",
        kind="formula",
        statement=r"The regime change between widths 3 and 4 holds at every horizon: at $n = 4$ and"
        r" $T = 8$ the mean log ratio is positive.",
        expected=Verdict.REFUTED,
        corrected="depth_limit/C13.long-horizon",
        method="monte-carlo",
        cases=(_long_growth(),),
    ),
    Claim(
        id="depth_limit/C13.long-horizon",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=r"Weights of large variance move the regime change: at $n = 4$ the mean active"
        r" count falls below 2 between $t = 2$ and $t = 6$, and $\mathbb{E}\log(|\phi(X_8)|/"
        r"|\phi(X_0)|) < 0$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(count_side(2.0, 1.0), count_side(6.0, -1.0), _long_sign()),
    ),
)

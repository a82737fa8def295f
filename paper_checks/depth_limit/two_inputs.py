"""C22: two inputs to one network of fixed width; their correlation does not tend to 1."""

from __future__ import annotations

import math
from typing import Any

from paper_checks.core import Case, Claim, Measured, Verdict, measured
from paper_checks.depth_limit.observe import LATE_PAIRS, MILLION, network
from paper_checks.depth_limit.pre_norm import SHORT, SHORT_DEPTH
from paper_checks.identities import proved
from paper_checks.observing import weighted
from paper_checks.rules import mean_within, ordered
from simulations.core import Estimate, Result
from simulations.depth_limit import CORRELATION, Params
from theory import depth_limit as theory
from theory import gaussian
from theory.depth_limit import symbolic
from theory.prediction import Prediction

C0 = 0.3

SAME = {0.0: 0.669, 0.3: 0.747, 0.9: 0.906}
"""P(same last unit | both alive) at n = 2 and T = 60 by correlation of the inputs.

Known by simulation alone: reference values of the notes, which state them to 0.01.
"""


def _early(name: str, width: int, c0: float) -> Measured:
    params = Params(width=width, depth=SHORT_DEPTH, time=SHORT, correlation=c0)
    return measured(CORRELATION, params, name, quick=300_000, full=MILLION)


def _wide_drift(c0: float) -> float:
    """(f(c) - c)/2, the drift at infinite width."""
    return float(2 * gaussian.dual("relu", c0) - c0) / 2


def _drift(width: int, c0: float, *, full_only: bool = False) -> Case:
    mutants = {"(f(c) - c)/2 of infinite width": lambda: _wide_drift(c0)}
    if width == 2:
        # Without c^2 nothing is left of the first term; m_a + m_b has mean 1/n.
        mutants["n - 2 in place of n - 2 + c^2"] = lambda: -theory.correlation_start(2, c0).mean / 4
    return Case(
        label=f"n = {width}, c_0 = {c0:g}",
        observe=_early("correlation_drift", width, c0),
        predict=lambda: theory.correlation_start(width, c0).drift,
        rule=mean_within(0.003),
        mutants=mutants,
        levels=("full",) if full_only else ("quick", "full"),
    )


def _start(width: int, *, full_only: bool = False) -> Case:
    """At t = 0.01; the drift adds 4e-4 at most."""
    return Case(
        label=f"n = {width}",
        observe=_early("correlation", width, C0),
        predict=lambda: theory.correlation_start(width, C0).mean,
        rule=mean_within(0.014),
        mutants={"c_0, the correlation of one coordinate": lambda: C0},
        levels=("full",) if full_only else ("quick", "full"),
    )


def _at_one(width: int) -> Measured:
    """E c_1 = E c_0 + the mean drift on [0, 1], both without the noise of the paths."""
    run = measured(
        CORRELATION,
        Params(width=width, depth=64, correlation=C0),
        "correlation_drift",
        quick=200_000,
        full=500_000 if width > 3 else MILLION,
    )

    def reduce(results: list[Result]) -> Estimate:
        drift = run.reduce(results)
        assert isinstance(drift, Estimate), "a drift is a mean"
        return drift._replace(value=drift.value + theory.correlation_start(width, C0).mean)

    return Measured(run.samplings, reduce)


def _infinite_width(width: int, *, full_only: bool = False) -> Case:
    return Case(
        label=f"n = {width}",
        observe=_at_one(width),
        predict=lambda: theory.infinite_width_correlation(C0, 1.0),
        rule=mean_within(0.01),
        levels=("full",) if full_only else ("quick", "full"),
    )


def _wider(narrow: int, wide: int, *, full_only: bool = False) -> Case:
    return Case(
        label=f"n = {wide} less n = {narrow}",
        observe=weighted([1, -1], [_at_one(wide), _at_one(narrow)]),
        predict=lambda: 1.0,
        rule=ordered(),
        mutants={"decreasing in n": lambda: -1.0},
        levels=("full",) if full_only else ("quick", "full"),
    )


def _below(width: int) -> Case:
    """Wider networks approach the limit from below."""
    run = _at_one(width)

    def reduce(results: list[Result]) -> Estimate:
        found = run.reduce(results)
        assert isinstance(found, Estimate), "a correlation is a mean"
        return found._replace(value=found.value - theory.infinite_width_correlation(C0, 1.0))

    return Case(
        label=f"n = {width} less infinite width",
        observe=Measured(run.samplings, reduce),
        predict=lambda: -1.0,
        rule=ordered(),
        mutants={"above": lambda: 1.0},
        levels=("full",) if width > 3 else ("quick", "full"),
    )


def _late(name: str, c0: float = C0) -> Measured:
    budget = LATE_PAIRS if c0 == C0 else LATE_PAIRS | {"correlation": c0, "full": 120_000}
    return network(name, **budget)


def _late_case(
    label: str,
    name: str,
    predicted: float | Prediction,
    tolerance: float,
    mutants: dict[str, Any],
    **more: Any,
) -> Case:
    return Case(
        label=label,
        observe=_late(name, more.pop("c0", C0)),
        predict=lambda: predicted,
        rule=mean_within(tolerance, span=1.0),
        mutants=mutants,
        **more,
    )


def _same(c0: float, tolerance: float, *, full_only: bool = False) -> Case:
    return _late_case(
        f"P(same), c_0 = {c0:g}" + (f", to {tolerance:g}" if full_only else ""),
        "same",
        Prediction(SAME[c0], 0.01, "simulation of the notes"),
        tolerance,
        {
            "always the same": lambda: 1.0,
            "one of two units by chance": lambda: 0.5,
            # P(X_i and X'_i of one sign), the correlation of the coordinates being c_0.
            "the signs at the start": lambda: 0.5 + math.asin(c0) / math.pi,
        },
        c0=c0,
        levels=("full",) if full_only else ("quick", "full"),
    )


CLAIMS = (
    Claim(
        id="depth_limit/C22.ito",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"For any $\phi$ and $n \ge 2$ the correlation $c$ of $X^a$, $X^b$ has drift"
        r" $(n - 2 + c^2) m_{ab} - \frac{n-1}2 c (m_a + m_b)$ and bracket $(1 - c^2)(m_a + m_b -"
        r" 2 c\,m_{ab})$, with $m_a = |\phi(X^a)|^2/(n|X^a|^2)$, $m_b$ likewise and $m_{ab} ="
        r" \langle\phi(X^a), \phi(X^b)\rangle/(n|X^a||X^b|)$.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved(
                "drift, (n - 2 + k c^2) m_ab",
                symbolic.correlation_drift,
                "1",
                {"k = 0": "0", "k = 2": "2"},
            ),
            proved(
                "bracket, m_a + m_b + k c m_ab",
                symbolic.correlation_bracket,
                "-2",
                {"k = 0": "0", "k = -1": "-1"},
            ),
        ),
    ),
    Claim(
        id="depth_limit/C22.drift",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"At $t = 0^+$ with ReLU the mean drift of the correlation is that drift averaged"
        r" over the law of $c$ with $\mathbb{E}[m_a \mid c] = \frac1{2n}$ and $\mathbb{E}[m_{ab}"
        r" \mid c] = \frac1n(\sqrt{1-c^2} + c(\pi - \arccos c))/(2\pi)$: networks run to the short"
        r" horizon 0.01 at $n = 2, 3, 5$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _drift(2, 0.3),
            _drift(3, 0.3),
            _drift(2, 0.7, full_only=True),
            _drift(3, 0.7, full_only=True),
            _drift(5, 0.3, full_only=True),
            _drift(5, 0.7, full_only=True),
        ),
    ),
    Claim(
        id="depth_limit/C22.start",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"Coordinate pairs of correlation $c_0 = 0.3$ give vectors whose correlation has"
        r" the mean of Fisher's law: 0.238 at $n = 2$, 0.257 at $n = 3$, 0.273 at $n = 5$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(_start(2), _start(3), _start(5, full_only=True)),
    ),
    Claim(
        id="depth_limit/C22.infinite-width",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"At fixed width the mean correlation at $t = 1$ is that of infinite width,"
        r" $\dot c = \frac12(f(c) - c)$: 0.383 from $c_0 = 0.3$, for ReLU at $n = 2$, 3 and 10.",
        expected=Verdict.REFUTED,
        corrected="depth_limit/C22.approach",
        method="monte-carlo",
        cases=(_infinite_width(2), _infinite_width(3), _infinite_width(10, full_only=True)),
    ),
    Claim(
        id="depth_limit/C22.approach",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=r"From $c_0 = 0.3$ with ReLU the mean correlation at $t = 1$ rises with the width"
        r" towards that of infinite width: between $n = 2$, 3 and 10, all below it.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(_wider(2, 3), _below(3), _wider(3, 10, full_only=True), _below(10)),
    ),
    Claim(
        id="depth_limit/C22.collapse",
        source="what holds at infinite width",
        provenance="derived",
        kind="formula",
        statement=r"At fixed width, too, the correlation of two inputs tends to 1: at $n = 2$ with"
        r" ReLU, $c_0 = 0.3$ and $T = 60$ both inputs that started alive are ruled by the same"
        r" unit, with probability 1, and the mean correlation is that of infinite width.",
        expected=Verdict.REFUTED,
        corrected="depth_limit/C22.zero-or-one",
        method="monte-carlo",
        cases=(
            _late_case("P(same)", "same", 1.0, 0.02, {}),
            Case(
                label="mean correlation",
                observe=_late("correlation"),
                predict=lambda: theory.infinite_width_correlation(C0, 60.0),
                rule=mean_within(0.02, span=2.0),
            ),
        ),
    ),
    Claim(
        id="depth_limit/C22.zero-or-one",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"At $n = 2$ with ReLU the correlation after $\phi$ of two inputs alive at the"
        r" start ends at exactly 0 or exactly 1, both with positive probability: at $T = 60$,"
        r" $c_0 = 0.3$, it is outside $[0.001, 0.999]$ but for a fraction below 0.01 (quick) or"
        r" 0.004 (full).",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _late_case("undecided", "undecided", 0.0, 0.01, {"infinite width: all": lambda: 1.0}),
            _late_case(
                "undecided, to 0.004",
                "undecided",
                0.0,
                0.004,
                {"as at T = 30": lambda: 0.02},
                levels=("full",),
            ),
            *(
                Case(
                    label=f"P({name}) > 0",
                    observe=_late(name),
                    predict=lambda: 1.0,
                    rule=ordered(span=1.0),
                    mutants={"never": lambda: -1.0},
                )
                for name in ("same", "different")
            ),
        ),
    ),
    Claim(
        id="depth_limit/C22.same-unit",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=r"At $n = 2$ with ReLU two inputs alive at the start are ruled by the same unit"
        r" at $T = 60$ with probability $0.747 \pm 0.01$ at $c_0 = 0.3$, $0.669 \pm 0.01$ at 0 and"
        r" $0.906 \pm 0.01$ at 0.9 (reference values of the notes, known by simulation alone).",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _same(0.3, 0.03),
            _same(0.3, 0.008, full_only=True),
            _same(0.0, 0.012, full_only=True),
            _same(0.9, 0.012, full_only=True),
        ),
    ),
)

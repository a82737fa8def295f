"""C8: alpha dropout keeps mean and variance, and Theorem 1."""

from __future__ import annotations

from functools import partial
from typing import Any

from paper_checks.core import BOTH, FULL, Case, Claim, Level, Verdict
from paper_checks.identities import agree, proved
from paper_checks.rules import mean_within
from paper_checks.selu import symbolic
from paper_checks.selu.observe import MILLION, holds, sampled
from simulations.selu import NEURON
from theory import selu as theory

CONSTANTS = {
    "0.95": (0.954844476005031, 0.0839355721938102),
    "0.9": (0.921284516149711, 0.161970970057570),
    "0.8": (0.878903583443533, 0.309039962144095),
    "0.5": (0.886404894665932, 0.779193930518032),
}
"""a and b for each probability to keep; computed at 40 digits."""


def _constants(power: float = 1.0) -> list[float]:
    """All a and b of CONSTANTS; a^power instead of a, with the b that belongs to it."""
    found: list[float] = []
    saturation = -theory.SCALE * theory.ALPHA
    for keep in map(float, CONSTANTS):
        a = theory.alpha_dropout(keep).a ** power
        found += [a, -a * (1 - keep) * saturation]
    return found


def _after(name: str, mean: float, variance: float, keep: float, power: float = 1.0) -> float:
    constants = theory.alpha_dropout(keep)
    moved = theory.dropout_moments(mean, variance, keep, constants.a**power, constants.b)
    return float(getattr(moved, name))


def _to_zero(name: str, mean: float, variance: float, keep: float) -> float:
    """Ordinary dropout: units become 0, the others are divided by `keep`."""
    return mean if name == "mean" else (variance + (1 - keep) * mean**2) / keep


def _measured(
    name: str, mean: float, variance: float, tolerance: float, levels: tuple[Level, ...] = BOTH
) -> Case:
    keep = 0.9
    run: dict[str, Any] = {"mean": mean, "variance": variance, "omega": 1.0, "keep": keep}
    run["affine"] = tuple(theory.alpha_dropout(keep))
    given = (name, mean, variance, keep)
    wrong = {"a without its root": partial(_after, *given, 2.0)}
    if mean or name == "variance":
        wrong["dropped to 0"] = partial(_to_zero, *given)
    return Case(
        label=f"{name} of inputs N({mean:g}, {variance:g}), q = {keep}",
        observe=sampled(NEURON, name, 4 * MILLION, 16 * MILLION, activation="linear", **run),
        predict=partial(_after, *given),
        rule=mean_within(tolerance),
        mutants=wrong,
        levels=levels,
    )


CLAIMS = (
    Claim(
        id="selu/C8.constants",
        source="alpha dropout",
        provenance="confirmed-in-source",
        kind="theorem",
        statement=r"Inputs of mean $m$ and variance $v$ that are kept with probability $q$ and"
        r" set to $s$ otherwise have variance $q((1 - q)(s - m)^2 + v)$; then $ax + b$ with $a ="
        r" (v/(q((1 - q)(s - m)^2 + v)))^{1/2}$, $b = m - a(qm + (1 - q)s)$ restores both.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved("variance of the mixture", symbolic.dropped_variance, 1, {"v/2": "1/2", "0": 0}),
            proved("mean restored", symbolic.dropout_mean, 1, {"b = m": 0, "a squared twice": 2}),
            proved("variance restored", symbolic.dropout_variance, "1/2", {"no root": 1}),
        ),
    ),
    Claim(
        id="selu/C8.numbers",
        source="alpha dropout",
        provenance="confirmed-in-source",
        kind="formula",
        statement=r"For $(m, v) = (0, 1)$ and $s = -\lambda\alpha$, $a = (q + s^2q(1 - q))^{-1/2}$"
        r" and $b = -a(1 - q)s$; $q = 0.95$: 0.954844, 0.083936; 0.9: 0.921285, 0.161971; 0.8:"
        r" 0.878904, 0.309040; 0.5: 0.886405, 0.779194.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            agree(
                "a and b, q = 0.95, 0.9, 0.8, 0.5",
                lambda: [value for pair in CONSTANTS.values() for value in pair],
                lambda: [x for keep in CONSTANTS for x in theory.alpha_dropout(float(keep))],
                1e-14,
                {"a without its root": partial(_constants, 2.0)},
            ),
        ),
    ),
    Claim(
        id="selu/C8.moments",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"With the constants of $(0, 1)$ inputs of another mean $\mu$ and variance"
        r" $\nu$ come out with $a(q\mu + (1 - q)s) + b$ and $a^2q((1 - q)(s - \mu)^2 + \nu)$:"
        r" $q = 0.9$, inputs $N(0, 1)$ and $N(0.5, 0.8)$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _measured("mean", 0.0, 1.0, 0.005),
            _measured("variance", 0.0, 1.0, 0.01),
            _measured("mean", 0.5, 0.8, 0.005, FULL),
            _measured("variance", 0.5, 0.8, 0.01, FULL),
        ),
    ),
    Claim(
        id="selu/C8.theorem-1",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"Theorem 1 also holds for layers followed by alpha dropout with the constants"
        r" of $(0, 1)$, $q = 0.95, 0.9, 0.8$ and 0.5: the box is mapped into itself with spectral"
        r" norm below 1.",
        expected=Verdict.PROVED,
        method="interval",
        cases=tuple(
            holds(
                f"q = {keep}",
                "dropout",
                {"keep": keep},
                {"tau from 0.5": {"tau": "0.5 1.1"}, "norm below 0.3": {"norm": "0.3"}},
            )
            for keep in CONSTANTS
        ),
    ),
)

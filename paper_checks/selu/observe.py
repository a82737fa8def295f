"""What the claims share: certified cases written shortly, and numbers compared with numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from paper_checks.certificates import certified
from paper_checks.core import Case, Computed, Level, Measured, measured
from paper_checks.rules import identity
from simulations.core import Experiment
from simulations.selu import Params

MILLION = 1_000_000

BOTH: tuple[Level, ...] = ("quick", "full")
FULL: tuple[Level, ...] = ("full",)

WIDER = "0.8 1.25"
"""The range of tau in Lemma 12 and Theorems 2 and 3."""


def holds(
    label: str,
    statement: str,
    given: dict[str, str] | None = None,
    wrong: Mapping[str, dict[str, str]] | None = None,
    levels: tuple[Level, ...] = BOTH,
) -> Case:
    """A statement of `theory.selu.statements`, certified; variations of it that a point refutes.

    A value with two ends, "0.8 1.5", is the range of a variable; one number is a parameter.  A
    mutant changes what is `given`; with a "statement" of its own it starts from the defaults.
    """
    base = {"statement": statement, **(given or {})}
    mutants = {
        name: _parts(more if "statement" in more else base | more)
        for name, more in (wrong or {}).items()
    }
    return certified(label, *_parts(base), mutants=mutants, levels=levels)


def _parts(given: Mapping[str, str]) -> tuple[str, dict[str, Any], dict[str, str]]:
    values = {name: text.split() for name, text in given.items() if name != "statement"}
    domain = {name: tuple(ends) for name, ends in values.items() if len(ends) == 2}
    parameters = {name: ends[0] for name, ends in values.items() if len(ends) == 1}
    return f"selu/{given['statement']}", domain, parameters


def agree(
    label: str,
    observed: Callable[[], Any],
    predicted: Callable[[], Any] | float | Sequence[float],
    tolerance: float,
    wrong: Mapping[str, Any],
    levels: tuple[Level, ...] = BOTH,
) -> Case:
    """Numbers computed in two ways, or computed and published."""
    return Case(
        label=label,
        observe=Computed(observed),
        predict=_called(predicted),
        rule=identity(tolerance),
        mutants={name: _called(value) for name, value in wrong.items()},
        levels=levels,
    )


def _called(value: Any) -> Callable[[], Any]:
    return value if callable(value) else lambda: value


def sampled(experiment: Experiment, name: str, quick: int, full: int, **params: Any) -> Measured:
    """One estimate of one run."""
    return measured(experiment, Params(**params), name, quick=quick, full=full)

"""What the claims share: certified cases written shortly, and runs of one estimate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paper_checks.certificates import certified
from paper_checks.core import BOTH, Case, Level, Measured, measured
from simulations.core import Experiment
from simulations.selu import Params

MILLION = 1_000_000


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


def sampled(experiment: Experiment, name: str, quick: int, full: int, **params: Any) -> Measured:
    """One estimate of one run."""
    return measured(experiment, Params(**params), name, quick=quick, full=full)

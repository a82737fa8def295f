"""Cases about identities: numbers that agree, and formulas proved by computer algebra."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from paper_checks.core import BOTH, Case, Computed, Level
from paper_checks.rules import identity, proof
from paper_checks.symbolic import equal
from paper_checks.verdict import Checked, Verdict


def agree(
    label: str,
    observed: Callable[[], Any],
    predicted: Any,
    tolerance: float,
    wrong: Mapping[str, Any],
    levels: tuple[Level, ...] = BOTH,
) -> Case:
    """Numbers computed in two ways, or computed and published, within a tolerance.

    The prediction and the mutants are numbers or functions without arguments.
    """
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


class Identity(NamedTuple):
    """A symbolic identity with one constant left open: `residual(constant)` is 0 if it is right."""

    text: str
    residual: Callable[[Any], Any]

    def __str__(self) -> str:
        return self.text


def _vanishes(identity: Identity, constant: Any) -> Checked:
    """Proved for all functions that are left open; refuted by the exponential in their place."""
    import sympy
    from sympy.core.function import AppliedUndef

    residual = identity.residual(constant)
    checked = equal(residual, 0)
    functions = {f.func for f in sympy.sympify(residual).atoms(AppliedUndef)}
    if checked[0] is Verdict.PROVED or not functions:
        return checked
    tried = equal(residual.subs({f: sympy.exp for f in functions}).doit(), 0)
    return tried if tried[0] is Verdict.REFUTED else checked


def _same(value: Any) -> Any:
    return value


def proved(
    label: str, residual: Callable[[Any], Any], constant: Any, mutants: dict[str, Any]
) -> Case:
    """A case proved by computer algebra: the constant makes the residual 0, no mutant does.

    A mutant that is named by its value alone is called "constant ..." by its case.
    """
    return Case(
        label=label,
        observe=Computed(lambda: Identity(label, residual)),
        predict=lambda: constant,
        rule=proof(_vanishes),
        mutants={
            f"constant {name}" if re.fullmatch(r"[-0-9./]+", name) else name: partial(_same, wrong)
            for name, wrong in mutants.items()
        },
    )

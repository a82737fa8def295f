"""What the claims share: digits proved by balls, and ratios."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from paper_checks.core import Case, Computed
from paper_checks.rules import proof
from paper_checks.verdict import Checked, Verdict
from theory.prediction import Prediction

if TYPE_CHECKING:
    from flint import arb


EXAMPLE = ((1, 2), (2, 1), 0.4)
"""The paper's Dirichlet pair for d = 1: eta = 0.8 (1 - t)/(0.8 (1 - t) + 1.2 t)."""


class Enclosure(NamedTuple):
    """A number known by a ball: `ball` is called within 400 bits."""

    name: str
    ball: Callable[[], arb]

    def __str__(self) -> str:
        return self.name


def digits(label: str, ball: Callable[[], arb], text: str, wrong: Mapping[str, str]) -> Case:
    """A number and its decimals: proved where the ball is within half a unit of the last one.

    A mutant is the text of another number, refuted where the ball excludes its half unit.
    """
    return Case(
        label=label,
        observe=Computed(lambda: Enclosure(label, ball)),
        predict=partial(str, text),
        rule=proof(_rounds_to),
        mutants={name: partial(str, other) for name, other in wrong.items()},
    )


def relative(found: Any, reference: Any) -> list[Prediction]:
    """found/reference of two lists of numbers or Predictions, to be compared with ones."""
    ratios = []
    for x, y in zip(found, reference, strict=True):
        size = abs(float(getattr(y, "value", y)))
        error = (getattr(x, "error", 0.0) + getattr(y, "error", 0.0)) / size
        ratios.append(Prediction(getattr(x, "value", x) / getattr(y, "value", y), error, "ratio"))
    return ratios


def _rounds_to(observed: Any, text: Any) -> Checked:
    from theory.rigor.balls import ball, exact, precision

    with precision(400):
        found = observed.ball()
        stated = exact(text)
        half = Fraction(1, 2 * 10 ** len(text.partition(".")[2]))
        low, high = ball(stated - half), ball(stated + half)
        if found > low and found < high:
            return Verdict.PROVED, None
        if found < low or found > high:
            return Verdict.REFUTED, {"value": found.str(20)}
    return Verdict.INCONCLUSIVE, None

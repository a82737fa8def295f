"""Roots of decreasing rates, enclosed to their last digit by balls, and where the digits stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from paper_checks.core import Case, Computed
from paper_checks.rules import proof
from paper_checks.verdict import Checked, Verdict

if TYPE_CHECKING:
    from flint import arb

GLASS = {
    ".02": "2.29051003673316",
    ".1": "1.37078470020708",
    ".25": "0.946847039849921",
    ".5": "0.652145331150911",
    "1": "0.372106281700087",
    "2": "0.135368288062846",
}
"""h_G at q = 1; from another program, by bisection with 30 digits, as what follows."""
CLT = {".1": "1.93858231412639", ".25": "1.33904392524858", "1": "0.526237750224486"}
OTHER_QUERIES = {
    (".25", ".5"): "0.813504424273816",
    (".25", "2"): "1.15316428986447",
    ("1", ".5"): "0.299594057207448",
    ("1", "2"): "0.519830686326286",
}
EXPLOSION = {
    ".05": "2.0475200373",
    ".25": "1.1113046274",
    ".5": "0.7627569738",
    "1": "0.4341092593",
    "2": "0.1578181944",
}
"""h_V at q = 1."""


class Crossing(NamedTuple):
    """A rate that decreases in h, evaluated in balls; `at(h)` less alpha changes sign once."""

    name: str
    rate: Callable[[arb], arb]
    alpha: str

    def __str__(self) -> str:
        return self.name


def glass_rate(h: arb, q: str, index: int) -> arb:
    """alpha(s) at s = h^2/index."""
    from theory.rigor.balls import ball, exact

    s = h * h / index
    return ((1 + 1 / s).log() - 1 / (1 + s) + ball(exact(q)) / (1 + s) ** 2) / 2


def explosion_rate(h: arb) -> arb:
    """phi(2) - 2 phi(1) at q = 1."""
    s = h * h
    return (1 + 1 / s).log() + 1 / (1 + s) - (1 + 2 / s).log() / 2 - 1 / (2 + s)


def _rounds(crossing: Any, text: Any) -> Checked:
    """Whether the root is within half a unit of the last digit: the rate falls across it."""
    from theory.rigor.balls import ball, exact, precision

    with precision(300):
        half = Fraction(1, 2 * 10 ** len(text.partition(".")[2]))
        alpha = ball(exact(crossing.alpha))
        low, high = (crossing.rate(ball(exact(text) + k * half)) for k in (-1, 1))
        if low > alpha and high < alpha:
            return Verdict.PROVED, None
        if low < alpha or high > alpha:
            return Verdict.REFUTED, {"rate": low.str(15), "alpha": crossing.alpha}
    return Verdict.INCONCLUSIVE, None


def root_case(label: str, rate: Any, alpha: str, text: str, wrong: Mapping[str, str]) -> Case:
    """A case: rate(h) falls through alpha within half a unit of the last digit of `text`."""
    return Case(
        label=label,
        observe=Computed(lambda: Crossing(label, rate, alpha)),
        predict=partial(str, text),
        rule=proof(_rounds),
        mutants={name: partial(str, other) for name, other in wrong.items()},
    )


def near(factor: float, text: str) -> str:
    """A multiple of a number, to six decimals: the text of a mutant."""
    return f"{factor * float(text):.6f}"


def next_digit(text: str) -> str:
    """The same number, its last digit moved by two."""
    return text[:-1] + str((int(text[-1]) + 2) % 10)

"""Students, teachers and sizes, and the cases that are made of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import NamedTuple

import numpy as np

from paper_checks.conv_kernels.observe import TWICE_NU
from paper_checks.core import BOTH, Case, Level, Measured, Sampling
from paper_checks.estimates import combine
from paper_checks.observing import reduced, weighted
from paper_checks.rules import at_least, mean_within, ordered
from paper_checks.trends import Extrapolated, on_line
from simulations.conv_kernels import LEARNING, Params
from simulations.core import Estimate
from theory import conv_kernels as theory

DESIGNS = {32: (512, 512), 64: (256, 256), 128: (128, 192), 256: (64, 128), 512: (64, 64)}
"""Designs (quick, full) of each size."""
GRIDS = {1: 2**15, 2: 2**10}
"""Points a circle of the spectra, by the number of patches: errors are good to 0.5 % at n = 512."""


class Pair(NamedTuple):
    """A student, and a teacher on a meta-patch."""

    student: str
    teacher: str
    level: int | None = None
    sizes: tuple[int, ...] = (2, 2)

    @property
    def name(self) -> str:
        """In words."""
        level = self.level or len(self.sizes)
        return f"{self.teacher} of level {level} by {self.student} {self.sizes}"

    def run(self, points: int) -> Sampling:
        """The designs of one size."""
        p = Params(
            patch_sizes=self.sizes,
            student=self.student,  # type: ignore[arg-type]  # one of the two kinds
            teacher=self.teacher,  # type: ignore[arg-type]
            level=self.level,
            points=points,
        )
        return Sampling(LEARNING, p, *DESIGNS[points])

    def logs(self, *points: int) -> Measured:
        """Mean over the sizes of the mean over designs of log error."""
        weights = [1 / len(points)] * len(points)
        return reduced(tuple(map(self.run, points)), "log_error", partial(combine, weights))

    def slope(self, *points: int) -> Measured:
        """Least squares slope of the mean of log error in log n, all sizes alike."""
        runs = tuple(map(self.run, points))
        return reduced(runs, "log_error", partial(_fitted, points))

    def equivalent(self, *points: int) -> list[float]:
        """log of the deterministic equivalent."""
        return [math.log(x) for x in _curve(self).error[[SIZES.index(n) for n in points]]]

    def inflated(self, *points: int) -> list[float]:
        """log of the equivalent without its factor 1/(1 - gamma)."""
        gamma = _curve(self).overfitting[[SIZES.index(n) for n in points]]
        return [x + math.log1p(-g) for x, g in zip(self.equivalent(*points), gamma, strict=True)]

    def beta(self) -> float:
        """The asymptotic exponent."""
        return theory.learning_exponent(self.sizes, self.student, self.teacher, self.level)

    def curse(self) -> float:
        """2 nu_T/d_eff(L): the exponent if the whole input ruled."""
        return TWICE_NU[self.teacher] / theory.effective_dimension(len(self.sizes), self.sizes)

    def known(self) -> float:
        """2 nu_T/d_eff(l): that of a student that knew the patch."""
        level = self.level or len(self.sizes)
        return TWICE_NU[self.teacher] / theory.effective_dimension(level, self.sizes)


SIZES = tuple(DESIGNS)


@cache
def _curve(pair: Pair) -> theory.LearningCurve:
    inputs = math.prod(pair.sizes[1:])
    student, teacher = (
        theory.spectrum(sizes, kind, GRIDS[inputs], inputs)
        for sizes, kind in (
            (pair.sizes, pair.student),
            (pair.sizes[: pair.level], pair.teacher),
        )
    )
    return theory.learning_curve(student, teacher, SIZES)


def _slope_weights(points: Sequence[int]) -> list[float]:
    logs = np.log(points)
    return [float(x) for x in (logs - logs.mean()) / np.sum((logs - logs.mean()) ** 2)]


def _fitted(points: Sequence[int], logs: Sequence[Estimate]) -> Extrapolated:
    errors = [math.exp(e.value) for e in logs]
    seen = [(n, x, x * e.stderr) for n, x, e in zip(points, errors, logs, strict=True)]
    centre = float(np.mean(np.log(points))), float(np.mean([e.value for e in logs]))
    return on_line(combine(_slope_weights(points), logs), "n", seen, centre)


def _mean(values: Callable[..., list[float]], *points: int, shift: float = 0.0) -> float:
    return float(np.mean(values(*points))) + shift


def _slope(pair: Pair, *points: int, shift: float = 0.0) -> float:
    return float(np.dot(_slope_weights(points), pair.equivalent(*points))) + shift


# --- cases ----------------------------------------------------------------------------------------


def _named(pair: Pair, points: Sequence[int]) -> str:
    return f"{pair.name}, n = {', '.join(map(str, points))}"


def band(
    pair: Pair, low: float, high: float, *points: int, wrong: Pair, levels: tuple[Level, ...] = BOTH
) -> Case:
    """log(error/equivalent), averaged over designs and sizes, within the logarithms of a band."""
    middle, half = math.log(low * high) / 2, math.log(high / low) / 2
    return Case(
        label=_named(pair, points),
        observe=pair.logs(*points),
        predict=partial(_mean, pair.equivalent, *points, shift=middle),
        rule=mean_within(half),
        mutants={
            "without 1/(1 - gamma)": partial(_mean, pair.inflated, *points, shift=middle),
            wrong.name: partial(_mean, wrong.equivalent, *points, shift=middle),
        },
        levels=levels,
    )


def too_low(
    pair: Pair, by: float, wrong: float, *points: int, levels: tuple[Level, ...] = BOTH
) -> Case:
    """The error is above the equivalent by at least this factor."""
    return Case(
        label=_named(pair, points),
        observe=pair.logs(*points),
        predict=partial(_mean, pair.equivalent, *points, shift=math.log(by)),
        rule=at_least(),
        mutants={
            f"{wrong:g} times": partial(_mean, pair.equivalent, *points, shift=math.log(wrong))
        },
        levels=levels,
    )


def same_slope(
    pair: Pair, *points: int, wrong: Sequence[Pair], levels: tuple[Level, ...] = BOTH
) -> Case:
    """The slope is that of the equivalent over the same sizes, within 0.08."""
    return Case(
        label=_named(pair, points),
        observe=pair.slope(*points),
        predict=partial(_slope, pair, *points),
        rule=mean_within(0.08),
        mutants={other.name: partial(_slope, other, *points) for other in wrong},
        levels=levels,
    )


def rate(pair: Pair, *points: int, wrong: Sequence[str], levels: tuple[Level, ...] = BOTH) -> Case:
    """The slope is -beta within 0.1, the most that such sizes are off by."""
    rates = {"2 nu_T/d_eff(L)": pair.curse, "2 nu_T/d_eff(l)": pair.known}
    return Case(
        label=_named(pair, points),
        observe=pair.slope(*points),
        predict=lambda: -pair.beta(),
        rule=mean_within(0.1),
        mutants={name: partial(_negative, rates[name]) for name in wrong},
        levels=levels,
    )


def _negative(rate: Callable[[], float]) -> float:
    return -rate()


def steeper(first: Pair, second: Pair, *points: int, levels: tuple[Level, ...] = BOTH) -> Case:
    """The first teacher is learnt faster than the second, with the same designs in number."""
    difference = weighted([1, -1], [first.slope(*points), second.slope(*points)])
    return Case(
        label=f"{first.name} and {second.name}, n = {', '.join(map(str, points))}",
        observe=difference,
        predict=lambda: second.beta() - first.beta(),
        rule=ordered(),
        mutants={"the other order": lambda: first.beta() - second.beta()},
        levels=levels,
    )

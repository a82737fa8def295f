"""Limits and exponents together with what they were read off: values at finite sizes, and a fit.

An observation may return an `Extrapolated` in place of its bare estimate.  The rule decides on
`limit` alone; the record keeps the rest for the report's picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from paper_checks.estimates import combine, slope
from simulations.core import Estimate
from theory.prediction import Prediction

Value: TypeAlias = float | Prediction | Estimate
Pair: TypeAlias = tuple[float, float]
Triple: TypeAlias = tuple[float, float, float]

SAMPLED = 24
"""Points of a fit that is no straight line."""


@dataclass(frozen=True)
class Extrapolated:
    """A limit or an exponent, and the values at finite sizes that it comes from.

    `points` are (size, value, error), the error a standard error for an Estimate and a bound for a
    Prediction; `curve` is the fit at some sizes.  With `against` = p > 0 they are drawn over
    size^-p and `limit` is the fit at infinite size; with "log" both axes are logarithmic and
    `limit` is the slope.  `size` is the symbol of the size.  Raises ValueError for what cannot be
    drawn, NaN and infinity included.
    """

    limit: Estimate | Prediction
    size: str
    points: tuple[Triple, ...]
    curve: tuple[Pair, ...]
    against: float | Literal["log"] = 1.0

    def __post_init__(self) -> None:
        for name, rows, length in (("points", self.points, 3), ("curve", self.curve, 2)):
            if any(len(row) != length for row in rows):
                raise ValueError(f"an extrapolation's {name} need {length} numbers each.")
            for row in rows:
                if not all(math.isfinite(number) for number in row):
                    raise ValueError(f"an extrapolation's {name} must be finite; got {row!r}.")
                if not row[0] > 0:
                    raise ValueError(f"the sizes of an extrapolation must be > 0; got {row[0]!r}.")
                if self.against == "log" and not row[1] > 0:
                    raise ValueError(f"a power law's values must be > 0; got {row[1]!r}.")
        sizes = [size for size, _, _ in self.points]
        if len(set(sizes)) < max(2, len(sizes)) or not self.curve:
            raise ValueError(f"an extrapolation needs two or more sizes, each once; got {sizes!r}.")
        if any(error < 0 for _, _, error in self.points):
            raise ValueError("the errors of an extrapolation must be >= 0.")
        if self.against != "log" and not 0 < self.against < math.inf:
            raise ValueError(f'`against` must be a power > 0 or "log"; got {self.against!r}.')

    def record(self) -> dict[str, Any]:
        """What the record keeps, seven digits of the fit."""
        return {
            "size": self.size,
            "against": self.against,
            "points": [[float(number) for number in row] for row in self.points],
            "curve": [[float(f"{number:.7g}") for number in row] for row in self.curve],
        }


def extrapolated(
    limit: Estimate | Prediction,
    size: str,
    sizes: Sequence[float],
    values: Sequence[Value],
    fit: Callable[[float], float] | None = None,
    against: float = 1.0,
) -> Extrapolated:
    """A limit with the values at these sizes, and `fit` as a function of the size.

    Without `fit` a straight line in size^-`against`, from the limit to the value at the least size.
    """
    points = _points(sizes, values)
    least = min(points, default=(1.0, 0.0, 0.0))
    if fit is None:
        return Extrapolated(limit, size, points, (least[:2],), against)
    grid = [least[0] * (i / SAMPLED) ** (-1 / against) for i in range(1, SAMPLED + 1)]
    return Extrapolated(limit, size, points, tuple((s, fit(s)) for s in grid), against)


def richardson(size: str, least: float, values: Sequence[float | Estimate]) -> Extrapolated:
    """2 X_2s - X_s, up to O(1/s^2) the limit of X, from [X_s, X_2s] at s = `least`."""
    small, large = values
    limit: Estimate | Prediction
    if isinstance(small, Estimate) and isinstance(large, Estimate):
        limit = combine([-1, 2], [small, large])
    else:
        limit = Prediction(
            2 * _number(large)[0] - _number(small)[0], 0.0, f"extrapolated in {size}"
        )
    return extrapolated(limit, size, (least, 2 * least), values)


def power_law(size: str, sizes: Sequence[float], values: Sequence[Estimate]) -> Extrapolated:
    """The exponent of `estimates.slope` with the line that it is the slope of."""
    found = slope(sizes, values)
    weights = [(e.value / e.stderr) ** 2 for e in values]
    total = math.fsum(weights)
    x = math.fsum(w * math.log(s) for w, s in zip(weights, sizes, strict=True)) / total
    y = math.fsum(w * math.log(e.value) for w, e in zip(weights, values, strict=True)) / total
    return on_line(found, size, _points(sizes, values), (x, y))


def on_line(
    exponent: Estimate | Prediction, size: str, points: Sequence[Triple], centre: Pair
) -> Extrapolated:
    """An exponent with the line through `centre`, (log size, log value), that has this slope."""
    x, y = centre
    ends = {min(points)[0], max(points)[0]}
    curve = tuple((s, math.exp(y + exponent.value * (math.log(s) - x))) for s in sorted(ends))
    return Extrapolated(exponent, size, tuple(points), curve, "log")


def bare(found: Any) -> Any:
    """The limit of an extrapolation; anything else as it is."""
    return found.limit if isinstance(found, Extrapolated) else found


def _points(sizes: Sequence[float], values: Sequence[Value]) -> tuple[Triple, ...]:
    if len(sizes) != len(values):
        raise ValueError(f"an extrapolation got {len(sizes)} sizes for {len(values)} values.")
    return tuple((float(s), *_number(v)) for s, v in zip(sizes, values, strict=True))


def _number(value: Value) -> Pair:
    if isinstance(value, Estimate):
        return value.value, value.stderr
    if isinstance(value, Prediction):
        return value.value, value.error
    return float(value), 0.0

"""The quantities of the command line: experiment, predictions and tables of each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from simulations.conv_kernels.experiments import EIGENVALUE, LEARNING, NETWORK
from simulations.conv_kernels.params import Params
from simulations.conv_kernels.predictions import (
    Said,
    eigenvalue_predictions,
    equivalent,
    learning_predictions,
    network_predictions,
)
from simulations.core import Derived, Estimate, Result, Twin

LEAST = 64
"""Points of the smallest design of a learning curve."""


def curve(p: Params) -> list[Params]:
    """Designs of 64, 128, ... points, up to those of the parameters."""
    if p.points < 2 * LEAST:
        raise ValueError(f"--points must be at least {2 * LEAST} for curve; got {p.points}.")
    halvings = range((p.points // LEAST).bit_length() - 1, -1, -1)
    return [replace(p, points=p.points >> k) for k in halvings]


def curve_table(params: Sequence[Params], results: Sequence[Result]) -> list[list[str]]:
    """The error at every size, the equivalent and the ratio of the two."""
    rows = [["points", "error", "+-", "equivalent", "ratio", "+-"]]
    for p, result in zip(params, results, strict=True):
        e, said = _error(result), equivalent(p)
        numbers = [e.value, e.stderr]
        numbers += [said, e.value / said, e.stderr / said] if said else [math.nan] * 3
        rows.append([str(p.points), *(f"{x:.4g}" if math.isfinite(x) else "" for x in numbers)])
    return rows


def slope_of_curve(params: Sequence[Params], results: Sequence[Result]) -> Derived:
    """Slope of log error in log points; the equivalent's over the same sizes, and -beta."""
    from theory import conv_kernels as theory

    p = params[-1]
    sizes = [math.log(q.points) for q in params]
    found = _slope(sizes, [_error(r) for r in results])
    level = p.level or len(p.patch_sizes)
    kinds = (p.student, p.teacher)
    beta = theory.learning_exponent(p.patch_sizes, *kinds, level)
    said: Said = {"slope": {"limit": -beta}}
    same = [equivalent(q) for q in params]
    if all(same):
        curve = [Estimate(v, v, 1) for v in same if v]
        said["slope"]["predicted"] = _slope(sizes, curve).value
    above, below = (
        theory.learning_exponent(p.patch_sizes[:k], p.teacher, p.teacher)
        for k in (len(p.patch_sizes), level)
    )
    words = (
        f"Student {p.student}, teacher {p.teacher} of level {level}: error ~ n^-{beta:.4g}; "
        f"n^-{above:.4g} if the dimension of the whole input ruled, n^-{below:.4g} for a student "
        "that knew the patch.  At such n slopes are off the limit: by about 0.1 on few patches, "
        "more on many."
    )
    if p.ridge:
        words = "With a ridge there is no prediction of the slope."
        said = {}
    return Derived({"slope": found}, said, words)


def _slope(x: Sequence[float], y: Sequence[Estimate]) -> Estimate:
    """Unweighted slope of log y: a curve that bends would move with the weights."""
    middle = sum(x) / len(x)
    weights = [(a - middle) / sum((b - middle) ** 2 for b in x) for a in x]
    value = sum(w * math.log(e.value) for w, e in zip(weights, y, strict=True))
    error = math.hypot(*(w * e.stderr / e.value for w, e in zip(weights, y, strict=True)))
    return Estimate(value, error, min(e.samples for e in y))


def _error(result: Result) -> Estimate:
    found = result["error"]
    assert isinstance(found, Estimate), "an error is a mean"
    return found


REGRESSION: dict[str, Any] = {
    "experiment": lambda p: LEARNING,
    "params": Params,
    "samples": 32,
    "predictions": learning_predictions,
    "headline": "error",
}
TWINS = {
    "curve": Twin(
        **REGRESSION,
        survey_over="points",
        survey=curve,
        survey_always=True,
        survey_table=curve_table,
        derived=slope_of_curve,
    ),
    "learning": Twin(**REGRESSION),
    "eigenvalue": Twin(
        experiment=lambda p: EIGENVALUE,
        params=Params,
        samples=100_000,
        predictions=eigenvalue_predictions,
        headline="eigenvalue",
    ),
    "network": Twin(
        experiment=lambda p: NETWORK,
        params=Params,
        samples=20_000,
        predictions=network_predictions,
        headline="rfk",
    ),
}
"""By the name that --quantity gives it; the first is the default."""

TWIN = TWINS["curve"]

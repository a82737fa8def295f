"""The quantities of the command line: experiment, predictions and tables of each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from simulations.commutation.experiments import NTK, PATHS
from simulations.commutation.params import Params
from simulations.commutation.predictions import (
    TAMED,
    Said,
    kernel_predictions,
    ntk_predictions,
    own_predictions,
    with_inputs,
    with_reference,
)
from simulations.core import Derived, Estimate, Result, Twin

Z = 3.29
"""Two-sided 99.9 %."""


def depths(p: Params) -> list[Params]:
    """Four depths, each twice the one before, up to that of the parameters."""
    if p.depth < 8:
        raise ValueError(f"--depth must be at least 8 for commutes; got {p.depth}.")
    return [replace(p, depth=p.depth // part) for part in (8, 4, 2, 1)]


def depth_table(params: Sequence[Params], results: Sequence[Result]) -> list[list[str]]:
    """Mean and variance of log q and the variance of q at every depth."""
    rows = [["depth", "log q", "+-", "Var log q", "+-", "predicted", "log n Var q", "+-"]]
    for p, result in zip(params, results, strict=True):
        log, spread = _estimate(result, "log_q"), _estimate(result, "var_log_q")
        said: dict[str, float] = own_predictions(p).get("var_log_q", {})
        predicted = said.get("predicted", said.get("limit", math.nan))
        numbers = (*log[:2], *spread[:2], predicted, *log_variance(result)[:2])
        rows.append([str(p.depth), *(f"{x:.5f}" if math.isfinite(x) else "" for x in numbers)])
    return rows


def slopes_in_depth(params: Sequence[Params], results: Sequence[Result]) -> Derived:
    """Slopes in the depth of Var log q and of log Var q, and what the first one says.

    The second is taken from where Var q can be measured (see `log_variance`), and needs two depths.
    In a residual network both tend to 0, whatever the depth; in a ReLU MLP of width n they are
    close to 5 / n.  A slope of Var log q within 1 / (4 n) of 0 is far from either of the latter.
    """
    layers = [p.depth for p in params]
    spread = slope(layers, [_estimate(r, "var_log_q") for r in results])
    growth = slope(layers, [log_variance(r) for r in results])
    bound, half = 1 / (4 * params[0].width), Z * spread.stderr
    if not math.isfinite(half):
        said = "Too few samples to say whether Var log q grows with the depth."
    elif abs(spread.value) + half < bound:
        said = (
            f"Var log q does not grow with the depth (slope within 1/(4n) = {bound:g} of 0): "
            "consistent with limits that commute."
        )
    elif spread.value - half > bound:
        said = f"Var log q grows with the depth (slope > 1/(4n) = {bound:g}): no common limit."
    else:
        said = "Undecided whether Var log q grows with the depth; take more samples."
    estimates: Result = {"slope_var_log_q": spread, "slope_log_var_q": growth}
    return Derived(estimates, _slope_predictions(params[-1]), said)


def _slope_predictions(p: Params) -> Said:
    from theory import commutation as theory

    if p.architecture == "shaped":
        return {"slope_var_log_q": {"limit": 2 / p.width}}
    if p.architecture == "resnet" and p.branch is None and p.gamma == 0.5 and not p.bias_variance:
        return {name: {"limit": 0.0} for name in ("slope_var_log_q", "slope_log_var_q")}
    if p.architecture == "mlp" and p.activation == "relu" and not p.bias_variance:
        one, two = (theory.mlp_log_moments(p.width, layers).variance for layers in (1, 2))
        per_layer = {"predicted": two - one, "limit": 5 / p.width}
        return {"slope_var_log_q": per_layer, "slope_log_var_q": {"limit": 5 / p.width}}
    return {}


def slope(x: Sequence[float], y: Sequence[Estimate]) -> Estimate:
    """Slope of the line through the defined ones of independent estimates, weighted by error."""
    samples = min(e.samples for e in y)
    points = [
        (a, e.value, e.stderr**-2)
        for a, e in zip(x, y, strict=True)
        if math.isfinite(e.stderr) and e.stderr > 0
    ]
    if len(points) < 2:
        return Estimate(math.nan, math.inf, samples)
    middle = sum(w * a for a, _, w in points) / sum(w for *_, w in points)
    square = sum(w * (a - middle) ** 2 for a, _, w in points)
    value = sum(w * (a - middle) * v for a, v, w in points) / square
    return Estimate(value, square**-0.5, samples)


def log_variance(result: Result) -> Estimate:
    """log n Var q_aa, its error to first order; undefined where log q varies by more than TAMED.

    There Var q comes from paths too rare to be drawn, and what is measured is far below it.
    """
    e = _estimate(result, "n_var_q_aa")
    if not e.value > 0 or _estimate(result, "var_log_q").value > TAMED:
        return Estimate(math.nan, math.inf, e.samples)
    return Estimate(math.log(e.value), e.stderr / e.value, e.samples)


def _estimate(result: Result, name: str) -> Estimate:
    found = result[name]
    assert isinstance(found, Estimate), f"{name} is a mean"
    return found


COMMON: dict[str, Any] = {"params": Params, "samples": 8000}
TWINS = {
    "kernel": Twin(
        experiment=lambda p: PATHS,
        predictions=kernel_predictions,
        headline="q_ab",
        prepare=with_reference,
        **COMMON,
    ),
    "ntk": Twin(
        experiment=lambda p: NTK,
        predictions=ntk_predictions,
        headline="ntk_ab",
        prepare=with_inputs,
        **COMMON,
    ),
    "commutes": Twin(
        experiment=lambda p: PATHS,
        predictions=own_predictions,
        headline="var_log_q",
        prepare=with_inputs,
        survey_over="depth",
        survey=depths,
        survey_always=True,
        survey_table=depth_table,
        derived=slopes_in_depth,
        **COMMON,
    ),
}
"""By the name that --quantity gives it; the first is the default."""

TWIN = TWINS["kernel"]

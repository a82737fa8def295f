"""The quantities of the command line: experiment, predictions, survey and tables of each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from simulations.core import Estimate, Experiment, Result, Twin
from simulations.depth_limit.experiments import (
    CORRELATION,
    GRADIENT,
    JACOBIAN,
    PATHS,
    PRE_NORM,
    TANGENT,
)
from simulations.depth_limit.params import WIDEST_JACOBIAN, Params

Said = dict[str, dict[str, float]]


def predictions(p: Params) -> Said:
    """What theory says of the estimates: of the network itself, or of its infinite depth."""
    from theory import depth_limit as theory

    said: Said = {}
    n, t = p.width, p.time
    if p.start is None:
        limit = theory.limit_variance(p.activation, p.q0, t)
        said["q"] = said["q_limit"] = {"limit": limit}
    slope = two_slope(p)
    if slope is None or p.start is not None:
        return said
    for name, prediction in (
        ("log_ratio", theory.log_ratio(n, t, slope)),
        ("active_count", theory.active_count(n, t, slope)),
    ):
        said[name] = {"limit": prediction.value, "limit_error": prediction.error}
        said[f"{name}_limit"] = {"predicted": prediction.value, "error": prediction.error}
    if slope:
        return said
    if n == 1:
        law = theory.width_one_law(p.depth, time=t)
        said["log_ratio"]["predicted"] = law.mean_log
        said["alive"] = {"predicted": law.alive}
        said["growth"] = {"predicted": law.mean}
    if n > 1:
        # First order in 1/n; the errors are the size of the next term, measured, not proved.
        # At n = 1 the expansion says nothing.
        extra = theory.width_corrections(t)
        q, q_error = p.q0 * (math.exp(t / 2) + extra.B / n), p.q0 * extra.B / n**2
        third = p.q0**1.5 * theory.skewness_coefficient(t) / n
        for name, value, error in (("q", q, q_error), ("skewness", third, 2 * third / n)):
            said[name] = {"limit": value, "limit_error": error}
            said[f"{name}_limit"] = {"predicted": value, "error": error}
    return said


def two_slope(p: Params) -> float | None:
    """a where phi(x) = x for x > 0 and a x for x < 0; None for another activation."""
    from theory.activations import activation

    f = activation(p.activation)
    if not f.homogeneous or f(1.0) != 1:
        return None
    return -float(f(-1.0))


WIDTHS = (1, 2, 3, 4, 6, 10, 50)


def survey(p: Params) -> list[Params]:
    """The widths of the run without options.

    Widths 1 and 2 get four times the depth: there the extrapolation's own error, of order 1/L^2,
    would show.
    """
    return [replace(p, width=n, depth=p.depth * (4 if n <= 2 else 1)) for n in WIDTHS]


def survey_table(params: Sequence[Params], results: Sequence[Result]) -> list[list[str]]:
    """Measured against predicted E[log ratio | survival], and the fate of the constant rate.

    A constant rate is refuted beyond the two-sided normal interval of level 1e-3 / #widths.
    """
    from statistics import NormalDist

    from theory import depth_limit as theory

    z = NormalDist().inv_cdf(1 - 0.5e-3 / len(params))
    rows = [["width", "depth", "log ratio", "+-", "predicted", "+-", "constant rate", "it is"]]
    for p, result in zip(params, results, strict=True):
        measured = result["log_ratio_limit"]
        assert isinstance(measured, Estimate), "log_ratio_limit is a mean"
        row = [str(p.width), str(p.depth), f"{measured.value:.5f}", f"{measured.stderr:.5f}"]
        slope = two_slope(p)
        if slope is not None:
            predicted = theory.log_ratio(p.width, p.time, slope)
            constant = theory.log_norm_rate_at_zero(p.width, p.activation) * p.time
            refuted = abs(measured.value - constant) > z * measured.stderr
            row += [f"{predicted.value:.5f}", f"{predicted.error:.5f}", f"{constant:.5f}"]
            row.append("REFUTED" if refuted else "not refuted")
        else:
            row += ["", "", "", ""]
        rows.append(row)
    return rows


def no_predictions(p: Params) -> Said:
    """Theory has no exact value for these."""
    return {}


def norm_predictions(p: Params) -> Said:
    """E log |Y_t| and E log |V_t| do not move at width 2 if phi(0) = 0 and phi' is bounded.

    Nothing is said of functions of the user and of families that may lack either.
    """
    if p.width != 2 or (":" in p.activation and not p.activation.startswith("leaky_relu:")):
        return {}
    names = ("log_pre_norm", "pre_norm_residual", "tangent", "tangent_residual", "nuclear")
    said: Said = {name: {"limit": 0.0} for name in names}
    return said | {f"{name}_limit": {"predicted": 0.0} for name in names}


def determinant_predictions(p: Params) -> Said:
    """For ReLU E log |det J_t| follows from the active count."""
    from theory import depth_limit as theory

    said = {k: v for k, v in norm_predictions(p).items() if k.startswith("nuclear")}
    if p.activation == "relu" and p.start is None:
        value, error, _ = theory.log_determinant(p.width, p.time)
        said["log_det"] = {"limit": value, "limit_error": error}
        said["log_det_limit"] = {"predicted": value, "error": error}
    return said


def widths_with_jacobian(p: Params) -> list[Params]:
    """The survey as far as a Jacobian goes."""
    return [q for q in survey(p) if q.width <= WIDEST_JACOBIAN]


def gradient_survey(p: Params) -> list[Params]:
    """The survey, as far as the chosen sampler goes."""
    return widths_with_jacobian(p) if p.sampler == "explicit" else survey(p)


def gradient_experiment(p: Params) -> Experiment:
    """By the exact law given the forward path, or by explicit weights."""
    return JACOBIAN if p.sampler == "explicit" else GRADIENT


def plain_table(
    headline: str,
    predicted: Callable[[Params], Said],
    params: Sequence[Params],
    results: Sequence[Result],
) -> list[list[str]]:
    """The headline at every width, and what theory says where it does."""
    rows = [["width", "depth", headline.replace("_", " "), "+-", "predicted", "+-"]]
    for p, result in zip(params, results, strict=True):
        measured = result[headline]
        assert isinstance(measured, Estimate), "a headline is a mean"
        said = predicted(p).get(headline, {})
        numbers = (measured.value, measured.stderr, said.get("predicted"), said.get("error"))
        cells = ["" if x is None else f"{x:.5f}" for x in numbers]
        rows.append([str(p.width), str(p.depth), *cells])
    return rows


def without_steps(name: str) -> bool:
    """The steps to half the depth are for `--json`."""
    return "_step" not in name and not name.startswith("log_ratio_martingale")


def _quantity(
    experiment: Experiment | Callable[[Params], Experiment],
    headline: str,
    predictions: Callable[[Params], Said] = no_predictions,
    **more: Any,
) -> Twin:
    fields: dict[str, Any] = {
        "experiment": (lambda p: experiment) if isinstance(experiment, Experiment) else experiment,
        "params": Params,
        "samples": 200_000,
        "predictions": predictions,
        "survey_over": "width",
        "survey": survey,
        "headline": headline,
        "shown": without_steps,
        "survey_table": partial(plain_table, headline, predictions),
    }
    return Twin(**fields | more)


TWINS = {
    "log_ratio": _quantity(PATHS, "log_ratio_limit", predictions, survey_table=survey_table),
    "active": _quantity(PATHS, "active_count_limit", predictions),
    "pre_norm": _quantity(PRE_NORM, "log_pre_norm_limit", norm_predictions),
    "tangent": _quantity(TANGENT, "tangent_limit", norm_predictions),
    "gradient": _quantity(gradient_experiment, "gradient", survey=gradient_survey),
    "determinant": _quantity(
        JACOBIAN, "log_det_limit", determinant_predictions, survey=widths_with_jacobian
    ),
    "correlation": _quantity(CORRELATION, "correlation_limit"),
}
"""By the name that --quantity gives it; the first is the default."""

TWIN = TWINS["log_ratio"]

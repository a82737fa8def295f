"""Which classifier an activation becomes, whether it is consistent, and how deep it must be."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from simulations.core import Estimate, Report, Result
from simulations.ntk_classifiers.methods import parse
from simulations.ntk_classifiers.params import Params
from simulations.ntk_classifiers.predictions import (
    bayes_risk_of,
    excess_of,
    is_dimension,
    limit_exponent,
    pair_of,
    regime_of,
    vote_predictions,
)

KERNELS = ("nngp", "ntk")
LEVEL = 1e-3
"""Chance of calling two classifiers different that are not, each."""


class Consistency(NamedTuple):
    """Whether the limit classifier becomes the Bayes rule as n -> infinity, and why."""

    answer: bool | None
    reason: str


def votes_report(p: Params, result: Result) -> Report:
    """The limit of the activation, and all classifiers beside it."""
    record = activation_record(p)
    return Report(record, _table(p, result), "\n".join([*_words(record), *_measured(p, result)]))


def activation_record(p: Params) -> dict[str, Any]:
    """What there is to know of the activation at these data: see `simulations.ntk_classifiers`."""
    from theory.ntk_classifiers import dual

    d, found, pair = dual(p.activation), regime_of(p.activation), pair_of(p)
    consistent = consistency(p)
    exponent = limit_exponent(parse(f"limit:{p.activation}"), p.dimension, p.ridge)
    excess = None if pair is None or exponent is None else excess_of(pair, exponent)
    bayes = None if pair is None else bayes_risk_of(pair)
    return {
        "activation": p.activation,
        "dimension": p.dimension,
        "points": p.points,
        "data": p.table.source or None,
        "classifier": "kriging" if _krigs(p) else found.kind,
        "exponent": found.exponent,
        "case": found.case,
        "details": found.details,
        "consistent": consistent.answer,
        "reason": consistent.reason,
        "A": d.mean,
        "A'": d.slope,
        "B'": d.chaos,
        "depth_needed": {kernel: _depth(p, kernel) for kernel in KERNELS},
        "doubt": found.doubt,
        "bayes_risk": bayes,
        "asymptotic_excess": excess,
        "asymptotic_risk": None if excess is None or bayes is None else bayes + excess,
    }


def consistency(p: Params) -> Consistency:
    """Of the infinitely deep classifier in dimension d, for every distribution with a density."""
    found, d = regime_of(p.activation), p.dimension
    if _krigs(p):
        return Consistency(None, "it interpolates the labels by kriging, of which nothing is said.")
    if found.kind == "majority":
        if found.doubt:
            return Consistency(None, "a coefficient is too near 0 to tell.")
        return Consistency(False, "it says the same everywhere.")
    if found.kind == "nearest-neighbour":
        return Consistency(False, "one nearest neighbour errs more often than the Bayes rule.")
    assert found.exponent is not None, "a singular kernel has one"
    if p.table:
        return Consistency(
            None,
            f"the exponent {found.exponent:.6g} would have to be the intrinsic dimension of the "
            f"data, which is not known; their sphere has {d}.",
        )
    if not is_dimension(found.exponent, d):
        return Consistency(False, f"the exponent {found.exponent:.9g} is not the dimension, {d}.")
    if found.doubt:
        return Consistency(None, "a coefficient is too near 0 to tell.")
    return Consistency(True, f"the exponent is the dimension, {d}.")


def _krigs(p: Params) -> bool:
    found = regime_of(p.activation)
    return found.kind == "majority" and found.case == "<" and not p.ridge


def _depth(p: Params, kernel: str) -> dict[str, Any]:
    """Layers, null where theory gives none, and the condition that asks for them."""
    from theory.ntk_classifiers import depth_needed

    try:
        found = depth_needed(p.points, p.dimension, p.activation, kernel=kernel)
    except ValueError as error:
        return {"layers": None, "condition": str(error)}
    return found._asdict()


NAMES = {
    "singular": "singular kernel",
    "nearest-neighbour": "nearest neighbour",
    "majority": "majority vote",
    "kriging": "kriging",
}


def _words(record: dict[str, Any]) -> list[str]:
    exponent = record["exponent"]
    kind = NAMES[record["classifier"]]
    kind += "" if exponent is None else f" of exponent {exponent:.6g}"
    answer = {True: "Consistent", False: "Not consistent", None: "Open whether consistent"}
    numbers = ", ".join(f"{name} = {record[name]:.6g}" for name in ("A", "A'", "B'"))
    lines = [
        f"{record['activation']} becomes: {kind}.  {numbers}.",
        f"{answer[record['consistent']]} in dimension {record['dimension']}: {record['reason']}",
    ]
    for kernel, needed in record["depth_needed"].items():
        layers = needed["layers"]
        words = "no depth known" if layers is None else f"{layers} layers for {record['points']}"
        words += "" if layers is None else " points"
        lines.append(f"Depth needed by the {kernel.upper()}: {words} ({needed['condition']}).")
    if record["doubt"]:
        lines.append(record["doubt"])
    if record["bayes_risk"] is not None:
        lines.append(f"Bayes risk of the two classes: {record['bayes_risk']:.6f}.")
    return lines


def _table(p: Params, result: Result) -> list[list[str]]:
    """A line for each method, compared with the first."""
    said = vote_predictions(p)
    kind = "error" if p.table else "excess"
    head = ["classifier", kind, "+-", "n -> inf", "less the first", "+-", "same answer"]
    rows = [head]
    for place, text in enumerate(p.methods):
        limit = said.get(f"{kind}@{text}", {}).get("limit", math.nan)
        cells = [*_cells(result[f"{kind}@{text}"], 6), f"{limit:.6f}" if limit == limit else ""]
        if place:
            cells += _cells(result[f"difference@{text}"], 6)
            cells += [f"{_mean(result[f'agreement@{text}']).value:.4f}"]
        else:
            cells += ["", "", ""]
        rows.append([text, *cells])
    return rows


def _measured(p: Params, result: Result) -> list[str]:
    """Which of the classifiers differ from the first by more than chance: paired t-intervals."""
    from scipy.stats import t

    better: list[str] = []
    worse: list[str] = []
    for text in p.methods[1:]:
        e = _mean(result[f"difference@{text}"])
        if e.samples > 1 and abs(e.value) > t.isf(LEVEL / 2, e.samples - 1) * e.stderr:
            (worse if e.value > 0 else better).append(text)
    first = p.methods[0]
    lines = [f"Worse here than {first}: {', '.join(worse)}."] if worse else []
    return lines + ([f"Better here than {first}: {', '.join(better)}."] if better else [])


def _mean(estimate: Any) -> Estimate:
    assert isinstance(estimate, Estimate), "a mean"
    return estimate


def _cells(estimate: Any, digits: int) -> list[str]:
    e = _mean(estimate)
    return [f"{x:.{digits}f}" if math.isfinite(x) else "" for x in (e.value, e.stderr)]

"""The experiments of the command line: their predictions and reports."""

from __future__ import annotations

from simulations.core import Twin
from simulations.lipschitz.constraints import (
    CONSTRAINT,
    constraint_predictions,
    constraint_report,
)
from simulations.lipschitz.gradients import GRADIENT, PAIRS, prepared
from simulations.lipschitz.params import Params

SHOWN = ("least", "violations", "form")

TWINS = {
    "constraint": Twin(
        experiment=lambda p: CONSTRAINT,
        params=Params,
        samples=20_000,
        predictions=constraint_predictions,
        headline="least",
        report=constraint_report,
        shown=lambda name: name in SHOWN,
    ),
    "gradient": Twin(
        experiment=lambda p: GRADIENT,
        params=Params,
        samples=1_000,
        predictions=lambda p: {},
        headline="largest",
        prepare=prepared,
    ),
    "pairs": Twin(
        experiment=lambda p: PAIRS,
        params=Params,
        samples=1_000,
        predictions=lambda p: {},
        headline="largest",
        prepare=prepared,
    ),
}
"""By the name that --quantity gives it; `bound` is no simulation, see `command`."""

TWIN = TWINS["constraint"]

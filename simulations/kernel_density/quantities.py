"""The quantities of the command line: experiment, predictions and report of each."""

from __future__ import annotations

from simulations.core import Twin
from simulations.kernel_density.diagnose import DATA_TWIN, or_data
from simulations.kernel_density.experiments import DIRECT, SPACINGS, SUMS
from simulations.kernel_density.leave_one_out import LEAVE_ONE_OUT
from simulations.kernel_density.params import Params
from simulations.kernel_density.predictions import (
    leave_one_out_predictions,
    prepared,
    spacings_predictions,
    sums_predictions,
)
from simulations.kernel_density.report import sums_report

SUMS_TWIN = Twin(
    experiment=lambda p: SUMS,
    params=Params,
    samples=20_000,
    predictions=sums_predictions,
    headline="log_sum",
    prepare=prepared,
    report=sums_report,
)

TWINS = {
    "sums": or_data(SUMS_TWIN),
    "direct": Twin(
        experiment=lambda p: DIRECT,
        params=Params,
        samples=2_000,
        predictions=sums_predictions,
        headline="log_sum",
        prepare=prepared,
        report=sums_report,
    ),
    "spacings": Twin(
        experiment=lambda p: SPACINGS,
        params=Params,
        samples=2_000,
        predictions=spacings_predictions,
        headline="spacing",
    ),
    "leave-one-out": Twin(
        experiment=lambda p: LEAVE_ONE_OUT,
        params=Params,
        samples=20,
        predictions=leave_one_out_predictions,
        headline="bandwidth",
    ),
    "data": DATA_TWIN,
}
"""By the name that --quantity gives it; the first is the default, with --data the last."""

TWIN = TWINS["sums"]

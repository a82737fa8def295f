"""The quantities of the command line: experiment, predictions and pictures of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulations.core import Experiment, Result, Twin
from simulations.selu.experiments import CLT, INITIALISATION, NEURON, PATHS
from simulations.selu.params import Params
from simulations.selu.predictions import (
    clt_predictions,
    initialisation_predictions,
    neuron_predictions,
    path_predictions,
    prepared,
    with_dropout,
)
from simulations.selu.report import network_report
from simulations.selu.trained import NETWORK

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def experiment(p: Params) -> Experiment:
    """Random networks, or the user's own."""
    return NETWORK if p.network else PATHS


def picture(p: Params, result: Result, predictions: dict[str, dict[str, Any]]) -> Figure | None:
    """A user's own network: its neurons in the plane of omega and tau, and its moments."""
    if not p.network:
        return None
    from simulations.selu.picture import network_picture

    return network_picture(p, result, predictions)


TWINS = {
    "moments": Twin(
        experiment=experiment,
        params=Params,
        samples=20_000,
        predictions=path_predictions,
        headline="second_moment",
        prepare=prepared,
        report=network_report,
        picture=picture,
    ),
    "initialisation": Twin(
        experiment=lambda p: INITIALISATION,
        params=Params,
        samples=20_000,
        predictions=initialisation_predictions,
        headline="inside",
    ),
    "neuron": Twin(
        experiment=lambda p: NEURON,
        params=Params,
        samples=20_000,
        predictions=neuron_predictions,
        headline="variance",
        prepare=with_dropout,
    ),
    "clt": Twin(
        experiment=lambda p: CLT,
        params=Params,
        samples=20_000,
        predictions=clt_predictions,
        headline="mean",
    ),
}
"""By the name that --quantity gives it; the first is the default."""

TWIN = TWINS["moments"]

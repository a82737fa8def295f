"""The quantities of the command line: experiment, predictions and pictures of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from simulations.core import Result, Twin
from simulations.ntk_classifiers.network import NETWORK
from simulations.ntk_classifiers.params import Params
from simulations.ntk_classifiers.predictions import (
    network_predictions,
    prepared,
    prepared_network,
    vote_predictions,
)
from simulations.ntk_classifiers.report import votes_report
from simulations.ntk_classifiers.votes import VOTES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from simulations.sweeps import Plan


def picture(p: Params, result: Result, predictions: dict[str, dict[str, Any]]) -> Figure:
    """The methods of one run in rows."""
    from simulations.ntk_classifiers.picture import methods_picture

    return methods_picture(p, result, predictions)


def curve(
    plan: Plan, results: Sequence[Result], predictions: Sequence[dict[str, Any]]
) -> Figure | None:
    """The learning curve of a sweep over the number of points."""
    from simulations.ntk_classifiers.picture import learning_curve

    return learning_curve(plan, results, predictions)


TWINS = {
    "votes": Twin(
        experiment=lambda p: VOTES,
        params=Params,
        samples=200,
        predictions=vote_predictions,
        headline="excess",
        prepare=prepared,
        report=votes_report,
        picture=picture,
        sweep_picture=curve,
        shown=lambda name: name.startswith(("excess@", "error@")),
    ),
    "network": Twin(
        experiment=lambda p: NETWORK,
        params=Params,
        samples=200,
        predictions=network_predictions,
        headline="ntk",
        prepare=prepared_network,
    ),
}
"""By the name that --quantity gives it; the first is the default."""

TWIN = TWINS["votes"]

"""The simulations that the claims share: one run of a network serves every claim about it."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from paper_checks.core import Measured, Sampling, measured
from paper_checks.estimates import combine
from paper_checks.observing import reduced
from paper_checks.trends import Extrapolated, extrapolated
from simulations.core import Estimate, Experiment, Law, Result
from simulations.depth_limit import CORRELATION, COUPLING, PATHS, Params

MILLION = 1_000_000

WIDE_DEPTH = 64
"""Depth from width 3 on: the extrapolated value is then off by less than 3e-5 (log ratio)."""

BUDGET = {
    1: (256, 400_000, 4 * MILLION),
    2: (96, MILLION, 16 * MILLION),
    3: (WIDE_DEPTH, MILLION, 16 * MILLION),
    4: (WIDE_DEPTH, MILLION, 16 * MILLION),
    6: (WIDE_DEPTH, MILLION, 8 * MILLION),
    10: (WIDE_DEPTH, MILLION, 8 * MILLION),
    20: (WIDE_DEPTH, 600_000, 8 * MILLION),
    50: (WIDE_DEPTH, 20_000, 4 * MILLION),
}
"""Depth and samples (quick, full) of the standard run at each width, horizon 1."""


LATE_PAIRS: dict[str, Any] = {
    "experiment": CORRELATION,
    "width": 2,
    "depth": 1440,
    "time": 60.0,
    "records": 4,
    "correlation": 0.3,
    "quick": 32_000,
    "full": 300_000,
}
"""Two inputs run to T = 60 with 24 layers per unit of time; records at t = 15, 30, 45 and 60."""


def coupled(
    experiment: Experiment, params: Params, name: str, *, quick: int, full: int
) -> Measured:
    """As `measured`, with the two depths that an estimate of infinite depth comes from."""
    found = measured(experiment, params, name, quick=quick, full=full)
    if "_limit" not in name:
        return found

    def with_depths(results: list[Result]) -> Estimate | Law | Extrapolated:
        limit = found.reduce(results)
        deep, step = (results[0].get(name.replace("_limit", row)) for row in ("", "_step"))
        if not (
            isinstance(limit, Estimate)
            and isinstance(deep, Estimate)
            and isinstance(step, Estimate)
        ):
            return limit
        return _two_depths(params.depth, limit, deep, step)

    return Measured(found.samplings, with_depths)


def _two_depths(depth: int, limit: Estimate, deep: Estimate, step: Estimate) -> Extrapolated:
    """f_L, and f_{L/2} = f_L - step; the limit is f_L + step of the same samples.

    Var(f - s) = 2 Var f + 2 Var s - Var(f + s) whatever their correlation.
    """
    variance = 2 * deep.stderr**2 + 2 * step.stderr**2 - limit.stderr**2
    error = math.sqrt(max(0.0, variance))
    half = deep._replace(value=deep.value - step.value, stderr=error)
    return extrapolated(limit, "L", (depth // 2, depth), (half, deep))


def standard(width: int, name: str) -> Measured:
    """An estimate of the standard run at this width, with four records up to time 1."""
    depth, quick, full = BUDGET[width]
    return coupled(PATHS, Params(width=width, depth=depth, records=4), name, quick=quick, full=full)


def network(
    name: str, *, quick: int, full: int, experiment: Experiment = PATHS, **params: Any
) -> Measured:
    """An estimate of one run with these parameters."""
    return coupled(experiment, Params(**params), name, quick=quick, full=full)


def over(
    values: tuple[Any, ...],
    name: str,
    reduce: Callable[[list[Estimate]], Estimate | Extrapolated],
    *,
    vary: str,
    quick: int,
    full: int,
    **params: Any,
) -> Measured:
    """One estimate reduced over runs that differ in one parameter."""
    experiment = COUPLING if name == "sup_gap" else PATHS
    samplings = tuple(
        Sampling(experiment, Params(**{vary: v, **params}), quick, full) for v in values
    )
    return reduced(samplings, name, reduce)


def rate(
    name: str, start: float, end: float, *, layers: int, quick: int, full: int, **params: Any
) -> Measured:
    """Mean rate of an estimate between two horizons, each from its own independent run.

    `layers` per unit of time, so that both runs have the same bias per unit of time.  From
    `start` = 0 on it is the estimate at `end`, divided by it.
    """
    length = end - start
    signs = {start: -1 / length, end: 1 / length} if start else {end: 1 / end}
    samplings = tuple(
        Sampling(PATHS, Params(time=t, depth=round(layers * t), **params), quick, full)
        for t in signs
    )
    return reduced(samplings, name, partial(combine, list(signs.values())))

r"""A user's own data: kernel sums at its points, or at other queries, and the local stable index.

One sample is one query, drawn with replacement from the rows of `queries`, or of the data itself
and then left out of it.  n points, bandwidth h, p_i and Y_2 as in `evaluate`; means over queries:

    log_density       log rho_h, in the units of the file (mean over the data: the leave-one-out
                      log likelihood of a point)
    loss              what is lost against the bandwidth of largest leave-one-out likelihood
    y2                Y_2 = sum p_i^2
    effective         1 / Y_2, the effective number of points
    largest           p_1, the share of the nearest point
    owned             whether p_1 > 1/2
    index             lambda of `local_index`, geometric mean; less is more condensed
    dimension         D = lambda R / h^2, geometric mean; R the squared distance of the first point,
                      sum w_k r_(k)^2 with the weights of `local_index`: see theory's `local_index`
    condensed, stable, normal    lambda < 1, 1 to 2, > 2, each with the error of one query (0.62)
    copies            whether a point lies exactly at the query

The errors are those of drawing queries: they say nothing of other data sets.

For the command line: `or_data(twin)` is the twin, with data of one's own where --data is given, and
DATA_TWIN serves --data alone.  Of their parameters `prepared_data` reads data, queries, bandwidth
(a number, "scott", "silverman" or "likelihood") and whiten, and refuses all others that are not at
their default; what it returns is a DataParams.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from simulations.accumulators import Block, Moments
from simulations.arrays import NOTHING, Array, Held
from simulations.checks import refuse
from simulations.core import Estimate, Experiment, Result, Twin, generator
from simulations.kernel_density import bandwidths, files, local_index
from simulations.kernel_density.coordinates import Frame, frame
from simulations.kernel_density.evaluate import kernel_sums, log_density
from simulations.kernel_density.params import Params

if TYPE_CHECKING:
    import jax

STATISTICS = ("log_density", "loss", "y2", "effective", "largest", "owned", "copies")
LOGARITHMS = ("index", "dimension")
REGIMES = ("condensed", "stable", "normal")
WORK = 1 << 31
"""Coordinate differences of a block, at most."""
LEAST_BLOCK, MOST_BLOCK = 64, 4096
PER_POINT = 24
"""Exponentials and sums for a point, in coordinate differences."""
READ = ("data", "queries", "bandwidth", "whiten", "table")
SMALLEST, LARGEST = 1e-100, 1e100
"""Bandwidths by the scale of the data, at which all numbers stay finite."""


@dataclass(frozen=True, kw_only=True)
class DataParams:
    """What fixes the numbers: the data, the queries and the bandwidth."""

    table: Held
    """The points."""
    asked: Held = NOTHING
    """The queries; without them each point is one, left out of the data."""
    bandwidth: float
    """h, in whitened units where the data is whitened."""
    rule: str = ""
    """The rule that it is from."""
    whiten: bool = False
    """Whether distances are taken in coordinates of unit covariance."""
    optimum: float = 0.0
    """The bandwidth of largest leave-one-out likelihood; 0 where there is none."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.bandwidth) and self.bandwidth > 0):
            raise ValueError(f"--bandwidth must be a finite number > 0; got {self.bandwidth}.")
        if not self.asked and len(self.table.arrays[0]) < 2:
            raise ValueError(
                f"--data: {self.table.source} has one point, and without it there is none: give "
                "--queries."
            )
        scale = self.frame.scale
        if scale and not SMALLEST <= self.bandwidth / scale <= LARGEST:
            raise ValueError(
                f"--bandwidth {self.bandwidth:g} is out of all proportion to the data, whose "
                f"columns have the standard deviation {scale:g}."
            )

    @property
    def frame(self) -> Frame:
        """The coordinates of distances."""
        return frame(self.table, self.whiten)

    @property
    def queries(self) -> Held:
        """The matrix of which rows are asked for."""
        return self.asked or self.table


class Answers(NamedTuple):
    """What is known of each query."""

    log_density: Array
    """log rho_h in the units of the file."""
    best: Array
    """The same at the bandwidth of largest likelihood; NaN where there is none."""
    y2: Array
    largest: Array
    inverse: Array
    """a of `local_index`; NaN where there are too few points."""
    scale: Array
    """R, the squared distance at which one point is expected."""
    nearest: Array
    """Distance to the nearest point."""


def prepared_data(p: Params) -> DataParams:
    """The parameters with the files read, and the bandwidth computed."""
    others = [f.name for f in dataclasses.fields(p) if f.name not in READ]
    refuse(p, "data of one's own", *others)
    assert p.data is not None, "there is data"
    table = files.read_points("--data", p.data)
    asked = files.read_points("--queries", p.queries, "queries") if p.queries else NOTHING
    columns = [t.arrays[0].shape[1] for t in (table, asked) if t]
    if columns[0] != columns[-1]:
        raise ValueError(
            f"--queries: {p.queries} has {columns[1]} columns; {p.data} has {columns[0]}."
        )
    return with_bandwidth(table, asked, p.bandwidth, p.whiten)


def with_bandwidth(table: Held, asked: Held, bandwidth: float | str, whiten: bool) -> DataParams:
    """The parameters at a bandwidth that is a number, or named by a rule."""
    coordinates = frame(table, whiten)
    n, rule = len(table.arrays[0]), bandwidth if isinstance(bandwidth, str) else ""
    if n == 1 and not asked:
        bandwidth = 1.0  # of no use; DataParams says what is wrong
    elif coordinates.scale == 0 and (whiten or rule):
        raise ValueError(
            f"--data: all points of {table.source} are equal; give --bandwidth a number"
            + (" and leave --whiten out." if whiten else ".")
        )
    elif rule == "likelihood":
        bandwidth = bandwidths.likelihood(table, whiten).bandwidth
    elif rule:
        bandwidth = bandwidths.rule(rule, n, coordinates.dimension, coordinates.scale)
    optimum, _ = likelihood_of(table, whiten)
    return DataParams(
        table=table,
        asked=asked,
        bandwidth=float(bandwidth),
        rule=rule,
        whiten=whiten,
        optimum=optimum.bandwidth if optimum else 0.0,
    )


def likelihood_of(table: Held, whiten: bool) -> tuple[bandwidths.Likelihood | None, str]:
    """The bandwidth of largest likelihood, or why there is none."""
    try:
        return bandwidths.likelihood(table, whiten), ""
    except ValueError as error:
        return None, str(error).removeprefix("--data: ")


def answers(p: DataParams, which: Array) -> Answers:
    """Of the queries in these rows."""
    f = p.frame
    x = f.of(files.rows(p.queries, which))
    h = [p.bandwidth, p.optimum] if p.optimum else [p.bandwidth]
    sums = kernel_sums(
        x, f.blocks(p.table), h, None if p.asked else which, local_index.SPACINGS + 1
    )
    logs = log_density(sums, h, f.dimension) + f.log_jacobian
    return Answers(
        logs[0],
        logs[1] if p.optimum else np.full(len(which), np.nan),
        sums.y2[0],
        sums.largest[0],
        local_index.inverse_index(sums.nearest, p.bandwidth),
        local_index.squared_distance(sums.nearest),
        np.sqrt(sums.nearest[:, 0]),
    )


def data_block(key: jax.Array, p: DataParams, count: int) -> Block:
    """One block of queries."""
    drawn = generator(key).integers(0, len(p.queries.arrays[0]), count)
    which, back = np.unique(drawn, return_inverse=True)
    a = answers(p, which)
    index = local_index.index(a.inverse)
    known = np.isfinite(index)
    scaled = known & (a.scale > 0)
    dimension = np.where(known, index, 1) * np.where(scaled, a.scale, 1) / p.bandwidth**2
    logs = [np.log(np.where(known, index, 1)), np.log(dimension)]
    loss = a.best - a.log_density if p.optimum else np.zeros(len(which))
    means = [a.log_density, loss, a.y2, 1 / a.y2, a.largest, a.largest > 0.5, a.nearest == 0]
    regimes = [index < 1, (index >= 1) & (index < 2), index >= 2]

    every = np.ones(len(which), dtype=bool)
    return {
        "means": _moments(means, [every] * len(means), back),
        "logs": _moments(logs, [known, scaled], back),
        "regimes": _moments(regimes, [known] * len(regimes), back),
    }


def _moments(values: Sequence[Array], where: Sequence[Array], back: Array) -> Moments:
    """Moments of each of the values, at the queries where it is known."""
    found = []
    for value, known in zip(values, where, strict=True):
        kept = value[back][known[back]]
        found.append(Moments.of_numpy(kept.astype(float)) if len(kept) else Moments(*np.zeros(5)))
    return Moments(*(np.array(field) for field in zip(*found, strict=True)))


def data_estimates(block: Block, p: DataParams) -> Result:
    """Named estimates; what no query has is left out."""
    found: Result = {name: Estimate.of(block["means"], i) for i, name in enumerate(STATISTICS)}
    if not p.optimum:
        del found["loss"]
    for i, name in enumerate(LOGARITHMS):
        e = Estimate.of(block["logs"], i)
        if e.samples:
            value = math.exp(e.value)
            found[name] = Estimate(value, value * e.stderr, e.samples)
    for i, name in enumerate(REGIMES):
        e = Estimate.of(block["regimes"], i)
        if e.samples:
            found[name] = e
    return found


def block_size(p: DataParams) -> int:
    """Queries in a full block: a power of two."""
    n = len(p.table.arrays[0])
    cost = n * (p.frame.dimension + PER_POINT)
    wanted = 1 << max(0, (WORK // cost).bit_length() - 1)
    return min(MOST_BLOCK, max(LEAST_BLOCK, wanted))


DATA = Experiment("kernel_density/data", DataParams, data_block, data_estimates, block_size)


def _report(p: Any, result: Result) -> Any:
    from simulations.kernel_density.diagnosis import data_report

    return data_report(p, result)


def _needs_data(p: Params) -> DataParams:
    if p.data is None:
        raise ValueError("--quantity data needs --data FILE.npy.")
    return prepared_data(p)


DATA_TWIN = Twin(
    experiment=lambda p: DATA,
    params=Params,
    samples=2_000,
    predictions=lambda p: {},
    headline="index",
    prepare=_needs_data,
    report=_report,
)


def or_data(twin: Twin) -> Twin:
    """The twin, but of a user's own data where the parameters name it."""

    def of(p: Any) -> Twin:
        data = isinstance(p, DataParams) or getattr(p, "data", None) is not None
        return DATA_TWIN if data else twin

    return dataclasses.replace(
        twin,
        experiment=lambda p: of(p).experiment(p),
        predictions=lambda p: of(p).predictions(p),
        prepare=lambda p: of(p).prepare(p),
        report=lambda p, result: of(p).report(p, result),
    )

"""Parameters of the simulations of kernel density estimators, and what each experiment refuses.

Light to import: the command line builds its options from these.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Parameter

from simulations import checks
from simulations.arrays import NOTHING, Held
from simulations.checks import refuse

RULES = ("scott", "silverman", "likelihood")
"""Bandwidths by name."""
MOST_POINTS = 1e200
MOST_EXPLICIT = 10_000_000
"""Coordinates of one data set that is drawn explicitly."""
MOST_LEAVE_ONE_OUT = 8192
"""Points of a data set of which all distances are held."""
SMALLEST, LARGEST = 1e-6, 1e6
"""Bandwidths for data of unit variance."""
LARGEST_DIMENSION = 100_000

OF_LAWS = ("binned", "edges")
OF_SAMPLER = ("top", "bulk")
OF_FILES = ("data", "queries", "whiten", "table")


@dataclass(frozen=True, kw_only=True)
class Params:
    """The data, the query and the bandwidth."""

    dimension: int = 20
    """Dimension of the data, d."""
    points: float = 1000.0
    """Number of data points, n; any real number to 1e200 where only order statistics are drawn."""
    bandwidth: float | str = "scott"
    """Bandwidth h of the Gaussian kernel: a number, or scott, silverman or likelihood."""
    q: float = 1.0
    """|x|^2 / d of the query x; 1 is typical."""
    query: Literal["fixed", "random"] = "fixed"
    """The query: of length sqrt(q d), or itself drawn from the density (direct)."""
    data: str | None = None
    """A user's own points: a file .npy, one point a row; or digits, wine, breast-cancer."""
    queries: str | None = None
    """File .npy with queries for --data; without it each point is one, left out of the data."""
    whiten: bool = False
    """Take distances in coordinates in which --data has unit covariance."""
    binned: Annotated[Literal["log_sum", "excess", "y2", "p1"], Parameter(parse=False)] = "log_sum"
    """What is counted in bins, where there are edges."""
    edges: Annotated[tuple[float, ...], Parameter(parse=False)] = ()
    """Edges of the bins."""
    top: Annotated[int, Parameter(show=False)] = 16
    """Nearest neighbours that are drawn one by one."""
    bulk: Annotated[Literal["conditional", "unconditional"], Parameter(show=False)] = "conditional"
    """Law of the other points: given that they are farther away, or as if not, which is wrong."""
    table: Annotated[Held, Parameter(parse=False)] = NOTHING
    """The points that were read."""
    own: Annotated[bool, Parameter(show=False)] = False
    """Keep every point in the estimate at itself, which is wrong (leave-one-out)."""

    def __post_init__(self) -> None:
        checks.whole(self, "dimension", "top")
        if self.dimension > LARGEST_DIMENSION:
            raise ValueError(
                f"--dimension must be at most {LARGEST_DIMENSION}; got {self.dimension}."
            )
        if not 1 <= self.points <= MOST_POINTS:
            raise ValueError(f"--points must be from 1 to {MOST_POINTS:g}; got {self.points:g}.")
        if not 0 <= self.q <= 1e6:
            raise ValueError(f"--q must be from 0 to 1e6; got {self.q}.")
        if isinstance(self.bandwidth, str):
            if self.bandwidth not in RULES:
                raise ValueError(
                    f"--bandwidth must be a number > 0 or {', '.join(RULES[:-1])} or {RULES[-1]}; "
                    f'got "{self.bandwidth}".'
                )
        elif not (math.isfinite(self.bandwidth) and self.bandwidth > 0):
            raise ValueError(f"--bandwidth must be a finite number > 0; got {self.bandwidth}.")
        if self.data is None:
            refuse(self, "random data", "queries", "whiten")

    @property
    def h(self) -> float:
        """The bandwidth, which must have been computed if it was given by a name."""
        if isinstance(self.bandwidth, str):
            raise ValueError(
                f"the bandwidth {self.bandwidth} has not been computed; "
                "see simulations.kernel_density.prepared."
            )
        if not SMALLEST <= self.bandwidth <= LARGEST:
            raise ValueError(
                f"--bandwidth must be from {SMALLEST:g} to {LARGEST:g}; got {self.bandwidth}."
            )
        return float(self.bandwidth)

    @property
    def size(self) -> int:
        """The number of points, which must be whole."""
        if self.points != int(self.points):
            raise ValueError(f"--points must be a whole number here; got {self.points}.")
        return int(self.points)


def check_sums(p: Params) -> None:
    """Refuse what has no meaning for sums over order statistics."""
    refuse(p, "sums over order statistics", "query", "own", *OF_FILES)
    _check_sampler(p)
    _ = p.h


def check_direct(p: Params) -> None:
    """Refuse what has no meaning for data that is drawn point by point."""
    refuse(p, "data drawn point by point", "own", *OF_FILES, *OF_SAMPLER)
    if p.query == "random":
        refuse(p, "a random query", "q")
    if p.size * p.dimension > MOST_EXPLICIT:
        raise ValueError(
            f"--points times --dimension must be at most {MOST_EXPLICIT} where data is drawn point "
            f"by point; got {p.size * p.dimension}. Use --quantity sums."
        )
    _ = p.h


def check_spacings(p: Params) -> None:
    """Refuse what has no meaning for the distances to the nearest points."""
    refuse(p, "distances", "bandwidth", "query", "own", "bulk", *OF_FILES, *OF_LAWS)
    _check_sampler(p)
    if p.points < 2:
        raise ValueError(f"--points must be at least 2 for spacings; got {p.points:g}.")


def check_leave_one_out(p: Params) -> None:
    """Refuse what has no meaning for leave-one-out bandwidths."""
    label = "leave-one-out bandwidths"
    refuse(p, label, "bandwidth", "q", "query", *OF_FILES, *OF_LAWS, *OF_SAMPLER)
    if not 3 <= p.size <= MOST_LEAVE_ONE_OUT:
        raise ValueError(
            f"--points must be from 3 to {MOST_LEAVE_ONE_OUT} for {label}; got {p.size}."
        )


def _check_sampler(p: Params) -> None:
    if not 4 <= p.top <= 1000:
        raise ValueError(f"--top must be from 4 to 1000; got {p.top}.")
    if p.points <= 4 * p.top and not math.isclose(p.points, round(p.points), rel_tol=0):
        raise ValueError(f"--points must be whole up to {4 * p.top}; got {p.points}.")

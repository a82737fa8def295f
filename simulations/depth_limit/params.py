"""Parameters of the simulations of residual networks, and what each experiment refuses of them.

Light to import: the command line builds its options from these.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Parameter

from simulations import checks
from simulations.checks import LARGEST as LARGEST
from simulations.checks import refuse

MAX_RECORDS = 8
WIDEST_JACOBIAN = 16
"""Its elimination is written out, entry by entry, so that compile time grows with the width."""


@dataclass(frozen=True, kw_only=True)
class Params:
    """The network and its input."""

    width: int = 4
    """Units per layer, n."""
    depth: int = 64
    """Number of layers, L; a long --time needs 24 and more per unit of time."""
    time: float = 1.0
    """Horizon T; the weights have variance T / (n L) per layer, so T is sigma_w^2."""
    activation: str = "relu"
    """Named activation (relu, leaky_relu:0.2, tanh, gelu, ...) or module:function."""
    q0: float = 1.0
    """Variance of the coordinates of Y_0."""
    start: float | None = None
    """Start every coordinate at this value instead of at random."""
    sampler: Literal["exact", "explicit"] = "exact"
    """Exact law of the layers (n normals a layer) or explicit weights (n^2)."""
    direction: Literal["first", "ones", "uniform"] = "first"
    """Start of a tangent, end of a gradient: the first unit, (1, ..., 1), or uniformly random."""
    correlation: float = 0.0
    """Correlation c0 of the coordinates of Y_0 on two inputs."""
    dtype: Literal["float32", "float64"] = "float32"
    """Precision of draws and state; sums over samples are always double."""
    records: Annotated[int, Parameter(show=False)] = 1
    """Measure at this number of equally spaced times up to the horizon."""
    edges: Annotated[tuple[float, ...], Parameter(parse=False)] = ()
    """Edges of the bins in which a law is counted."""
    backward: Annotated[Literal["conditional", "independent"], Parameter(show=False)] = (
        "conditional"
    )
    """Law of the weights in the backward pass: the true one, or fresh ones, which is wrong."""

    def __post_init__(self) -> None:
        checks.whole(self, "width", "depth", "records")
        checks.positive(self, "time")
        checks.variance(self)
        if self.start is not None and not math.isfinite(self.start):
            raise ValueError(f"--start must be finite; got {self.start}.")
        checks.correlation(self)
        if self.records > MAX_RECORDS:
            raise ValueError(f"--records must be at most {MAX_RECORDS}; got {self.records}.")
        if self.records > 1 and self.depth % (2 * self.records):
            raise ValueError(
                f"--depth must be a multiple of {2 * self.records} for {self.records} records; "
                f"got {self.depth}."
            )


def check_paths(p: Params) -> None:
    """Refuse what has no meaning for the norm of one signal after phi."""
    refuse(p, "log_ratio and active", "direction", "correlation", "backward")


def check_pre_norm(p: Params) -> None:
    """Refuse what has no meaning for the norm of one signal before phi."""
    refuse(p, "pre_norm", "direction", "correlation", "edges", "backward")
    if p.start == 0:
        raise ValueError("--start must not be 0 for pre_norm, which divides by the norm of Y_0.")


def check_tangent(p: Params) -> None:
    """Refuse what has no meaning for a tangent."""
    refuse(p, "tangent", "correlation", "edges", "backward")


def check_jacobian(p: Params) -> None:
    """Refuse what has no meaning for the Jacobian, and a width that is too large for it."""
    label = "determinant or gradient with explicit weights"
    refuse(p, label, "correlation", "edges", "backward")
    if p.width > WIDEST_JACOBIAN:
        raise ValueError(f"--width must be at most {WIDEST_JACOBIAN} for {label}; got {p.width}.")


def check_gradient(p: Params) -> None:
    """Refuse what has no meaning for a gradient by its exact law, and a path too long to store."""
    from simulations.coupled import stored_batch

    refuse(p, "gradient by its exact law", "correlation", "edges", "records", "sampler")
    if not stored_batch(p.width, stored(p)):
        raise ValueError(
            f"--depth {p.depth} is too much for a gradient at --width {p.width}: it needs its "
            "whole path; take a smaller one of the two."
        )


def check_correlation(p: Params) -> None:
    """Refuse what has no meaning for two inputs."""
    refuse(p, "correlation", "direction", "start", "backward")


def stored(p: Params) -> int:
    """Room for the layers of one path: the power of two that holds whole pairs of them."""
    return max(2, 1 << (p.depth - 1).bit_length())

"""Parameters of the experiments on Lipschitz bounds, and what each experiment refuses.

Light to import: the command line builds its options from these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Parameter

from simulations import checks
from simulations.arrays import NOTHING, Held
from simulations.checks import refuse
from simulations.lipschitz.networks import parse_widths

Mutant = Literal["none", "range", "sign", "coupled", "tau", "gamma", "coordinates", "ungrouped"]

OF_FILES = ("weights", "layout", "data", "network", "table")
OF_NETWORKS = ("widths", "law", "residual", "norm")
OF_PAIRS = ("increment",)
OF_CONSTRAINTS = ("mutant", "multipliers")
DEFAULT_WIDTHS = "16-32-32-10"


@dataclass(frozen=True, kw_only=True)
class Params:
    """The activation or the network, and the points."""

    activation: str | None = None
    """relu (the default of random networks), leaky_relu:0.1, tanh, gelu, ..., maxmin,
    group_sort:4, householder:1,2,3."""
    groups: int | None = None
    """Units per group of group_sort and householder, 2 by default."""
    mutant: Mutant = "none"
    """A wrong constraint to refute: range (nine tenths of the slopes), sign (of lambda), coupled
    (multipliers between units), tau (-T + 2P), gamma (a tenth more in one block), coordinates (a
    lambda for each), ungrouped (11^T for Householder)."""
    multipliers: Annotated[tuple[float, ...], Parameter(parse=False)] = ()
    """(lambda, gamma, nu, tau) of all pairs; without them each pair draws its own."""
    scale: float = 1.0
    """Standard deviation of pre-activations, or of inputs."""
    increment: float = 0.1
    """Size of the increments of every second pair, in units of scale; of the others 1."""
    widths: str = DEFAULT_WIDTHS
    """Widths of random networks from the input to the output, as in 64-128x2-10."""
    law: Literal["normal", "sparse", "student", "positive", "rank3", "ternary"] = "normal"
    """Law of random weights."""
    residual: bool = False
    """The layers between the first and the last are blocks x <- x + phi(W x)."""
    norm: Literal["l2", "linf"] = "l2"
    """l2, or from l_inf to l_1."""
    weights: str | None = None
    """File (.safetensors, .npz, .mat or .onnx) with a network of one's own."""
    layout: Literal["auto", "out-in", "in-out"] = "auto"
    """Layout of the matrices in the file, needed where their shapes allow both."""
    data: str | None = None
    """File (.npy) with inputs (samples, dimension) to start from; else independent normals."""
    network: Annotated[Held, Parameter(parse=False)] = NOTHING
    """The network that was read."""
    table: Annotated[Held, Parameter(parse=False)] = NOTHING
    """The inputs that were read."""

    def __post_init__(self) -> None:
        checks.positive(self, "scale", "increment")
        parse_widths(self.widths)
        if self.groups is not None:
            checks.whole(self, "groups")
        if self.multipliers and len(self.multipliers) != 4:
            raise ValueError("multipliers must be (lambda, gamma, nu, tau).")
        if self.weights is None:
            refuse(self, "random networks", "layout")

    @property
    def sizes(self) -> tuple[int, ...]:
        """Widths of random networks, as numbers."""
        return parse_widths(self.widths)


def check_constraint(p: Params) -> None:
    """Refuse what has no meaning for quadratic constraints of one activation."""
    refuse(p, "the constraints of an activation", *OF_NETWORKS, *OF_FILES)


def check_gradient(p: Params) -> None:
    """Refuse what has no meaning for norms of Jacobians."""
    refuse(p, "norms of Jacobians", *OF_PAIRS)
    _check_network(p)


def check_pairs(p: Params) -> None:
    """Refuse what has no meaning for difference quotients."""
    _check_network(p)


def _check_network(p: Params) -> None:
    refuse(p, "networks", *OF_CONSTRAINTS)
    if p.weights is not None or p.data is not None:
        raise ValueError("the files have not been read; see simulations.lipschitz.prepared.")
    if p.network:
        refuse(p, "a network of one's own", "widths", "law", "activation", "groups", "residual")

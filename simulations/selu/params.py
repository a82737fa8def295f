"""Parameters of the simulations of self-normalising networks, and what each experiment refuses.

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

MAX_RECORDS = 64
SETTLED = 25
"""Layers after which a network whose q settles has all but forgotten its input."""

OF_NEURONS = ("variance", "omega", "tau")
OF_DOMAINS = ("omega_low", "omega_high", "tau_low", "tau_high")
OF_NETWORKS = ("depth", "q0", "sampler", "records", "burn_in")
OF_FILES = ("weights", "data", "layout", "network", "table")


@dataclass(frozen=True, kw_only=True)
class Params:
    """The network or neuron, and its input."""

    width: int = 128
    """Units per layer, n; inputs of a neuron."""
    depth: int = 50
    """Number of layers, L."""
    activation: str = "selu"
    """Named activation (selu, elu, relu, tanh, ...) or module:function."""
    initialisation: Literal[
        "gaussian", "orthogonal", "normalised", "uniform", "rademacher", "equal"
    ] = "gaussian"
    """Weights: of mean 0 and variance 1/n, independent (gaussian, uniform, rademacher); rows of a
    random orthogonal matrix; rows with sum 0 and sum of squares 1 (normalised); all n^{-1/2}."""
    q0: float = 1.0
    """Mean square of the input's coordinates."""
    mean: float = 0.0
    """Mean of the input's coordinates."""
    variance: float = 1.0
    """Variance of each input of a neuron."""
    omega: float = 0.0
    """Sum of a neuron's weights."""
    tau: float = 1.0
    """Sum of the squares of a neuron's weights."""
    inputs: Literal["gaussian", "exponential", "uniform", "rademacher"] = "exponential"
    """Law of the independent inputs of a neuron, standardised (clt)."""
    keep: float | None = None
    """Alpha dropout that keeps a unit with this probability; without it there is none."""
    omega_low: float = -0.1
    """Lower end of the range of omega (initialisation)."""
    omega_high: float = 0.1
    """Upper end of the range of omega (initialisation)."""
    tau_low: float = 0.95
    """Lower end of the range of tau (initialisation)."""
    tau_high: float = 1.1
    """Upper end of the range of tau (initialisation)."""
    weights: str | None = None
    """File (.safetensors or .npz) with the dense layers of a SELU network of one's own."""
    data: str | None = None
    """File (.npy) with inputs (samples, dimension) of that network; else independent N(0, 1)."""
    layout: Literal["auto", "out-in", "in-out"] = "auto"
    """Layout of the matrices in the file, needed where their shapes allow both."""
    sampler: Literal["exact", "explicit"] = "exact"
    """Exact law of the layers (about n normals a layer) or explicit weights (n^2)."""
    dtype: Literal["float32", "float64"] = "float32"
    """Precision of draws and state; sums over samples are always double."""
    records: Annotated[int, Parameter(show=False)] = 1
    """Measure at this number of layers, equally spaced as far as pairs of layers allow."""
    burn_in: Annotated[int, Parameter(show=False)] = SETTLED
    """Layers before the regression of q_{l+1} on q_l begins."""
    affine: Annotated[tuple[float, ...], Parameter(parse=False)] = ()
    """(a, b) applied after dropout; without it the pair that keeps mean 0 and variance 1."""
    network: Annotated[Held, Parameter(parse=False)] = NOTHING
    """The layers that were read."""
    table: Annotated[Held, Parameter(parse=False)] = NOTHING
    """The inputs that were read."""

    def __post_init__(self) -> None:
        checks.whole(self, "width", "depth", "records")
        checks.variance(self)
        checks.positive(self, "variance", "tau")
        for name in ("mean", "omega", *OF_DOMAINS):
            value = getattr(self, name)
            if not math.isfinite(value):
                raise ValueError(f"{checks.option(name)} must be finite; got {value}.")
        for low, high in (OF_DOMAINS[:2], OF_DOMAINS[2:]):
            if getattr(self, low) > getattr(self, high):
                raise ValueError(
                    f"{checks.option(low)} {getattr(self, low)} lies above {checks.option(high)} "
                    f"{getattr(self, high)}."
                )
        if self.keep is not None and not 0 < self.keep <= 1:
            raise ValueError(f"--keep must be above 0 and at most 1; got {self.keep}.")
        if self.weights is None:
            refuse(self, "networks drawn at random", "data", "layout")
        if self.burn_in < 0:
            raise ValueError(f"--burn-in must be an integer >= 0; got {self.burn_in}.")

    @property
    def settled(self) -> bool:
        """Whether layers are left for the regression of q_{l+1} on q_l."""
        return self.depth > self.burn_in


def check_paths(p: Params) -> None:
    """Refuse what has no meaning for the signal of one input through a network."""
    refuse(p, "moments", *OF_NEURONS, *OF_DOMAINS, *OF_FILES, "inputs")
    if p.initialisation == "equal":
        raise ValueError("--initialisation equal is for --quantity clt.")
    if p.initialisation in ("uniform", "rademacher") and p.sampler == "exact":
        raise ValueError(
            f"--initialisation {p.initialisation} has no exact law; use --sampler explicit."
        )
    if p.initialisation == "normalised" and p.width < 3:
        raise ValueError(f"--width must be at least 3 for normalised weights; got {p.width}.")
    if p.mean**2 > p.q0:
        raise ValueError(f"--mean {p.mean} is too large: its square is above --q0 {p.q0}.")
    most = min(MAX_RECORDS, (p.depth + 1) // 2)
    if p.records > most:
        raise ValueError(f"--records must be at most {most} at --depth {p.depth}; got {p.records}.")
    _check_dropout(p, "selu")


def check_initialisation(p: Params) -> None:
    """Refuse what has no meaning for the weights of one neuron."""
    refuse(p, "initialisation", *OF_NETWORKS, *OF_NEURONS, *OF_FILES)
    refuse(p, "initialisation", "activation", "mean", "inputs", "keep", "affine")
    if p.initialisation in ("orthogonal", "equal"):
        raise ValueError(f"--initialisation {p.initialisation} has no meaning for initialisation.")
    if p.initialisation == "normalised" and p.width < 2:
        raise ValueError(f"--width must be at least 2 for normalised weights; got {p.width}.")


def check_neuron(p: Params) -> None:
    """Refuse what has no meaning for one neuron of normal pre-activation."""
    refuse(p, "neuron", *OF_NETWORKS, *OF_DOMAINS, *OF_FILES, "inputs", "width", "initialisation")
    _check_dropout(p, "selu", "linear")


def check_clt(p: Params) -> None:
    """Refuse what has no meaning for a neuron of few inputs."""
    refuse(p, "clt", *OF_NETWORKS, *OF_DOMAINS, *OF_FILES, *OF_NEURONS)
    refuse(p, "clt", "mean", "keep", "affine")
    if p.initialisation in ("orthogonal", "normalised"):
        raise ValueError(f"--initialisation {p.initialisation} has no meaning for clt.")


def check_network(p: Params) -> None:
    """Refuse what has no meaning for a network of the user's own."""
    refuse(p, "weights of one's own", *OF_NETWORKS, *OF_NEURONS, *OF_DOMAINS)
    refuse(p, "weights of one's own", "width", "activation", "initialisation", "mean", "inputs")
    refuse(p, "weights of one's own", "keep", "affine")


def _check_dropout(p: Params, *activations: str) -> None:
    if p.keep is None:
        refuse(p, "networks without dropout", "affine")
    elif p.activation not in activations:
        raise ValueError(f"--keep: alpha dropout is defined for selu, not for {p.activation}.")
    elif len(p.affine) != 2:
        raise ValueError("dropout needs its constants (a, b); see simulations.selu.with_dropout.")

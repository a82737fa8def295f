"""What the command says of a user's own network besides the estimates."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from simulations.arrays import Array
from simulations.core import Report, Result
from simulations.selu.params import Params
from simulations.selu.predictions import Said, network_predictions
from simulations.selu.trained import layers_of

Range = tuple[str, str]

CANDIDATES: dict[str, dict[str, Range]] = {
    "theorem 1": {},
    "wider omega": {"omega": ("-0.25", "0.25")},
    "wider tau": {"tau": ("0.945", "1.117")},
    "wider tau and nu": {"tau": ("0.88", "1.14"), "nu": ("0.60", "1.61")},
}
"""Domains of Theorem 1, the paper's own and others by what they change: each is proved anew."""

WORDS = (
    "The theorems are about units that share one mean and one variance and see independent inputs: "
    "a share inside a domain says how near that is, it proves nothing about this network. "
    "Predicted: every unit with its own mean, variance and covariances, all sums taken as normal; "
    "independent: without covariances; shared: one mean and one variance for a layer."
)


class Domain(NamedTuple):
    """A domain that has been proved: there the map contracts, into its own box."""

    name: str
    omega: tuple[float, float]
    tau: tuple[float, float]
    boxes: int
    """Boxes of the proof."""

    def holds(self, omega: Array, tau: Array) -> Array:
        """Whether each neuron lies inside."""
        return np.asarray(
            (self.omega[0] <= omega)
            & (omega <= self.omega[1])
            & (self.tau[0] <= tau)
            & (tau <= self.tau[1])
        )


@functools.cache
def domains() -> tuple[Domain, ...]:
    """The candidates that are proved here and now, their certificates accepted by the checker."""
    from theory import selu as theory
    from theory.rigor import Certificate, check

    found = []
    for name, change in CANDIDATES.items():
        proof = theory.certify("theorem-1", change or None)
        if isinstance(proof, Certificate) and check(proof).accepted:
            low, high = zip(*(map(float, proof.domain[k]) for k in ("omega", "tau")), strict=True)
            found.append(Domain(name, (low[0], high[0]), (low[1], high[1]), proof.boxes))
    return tuple(found)


class Hidden(NamedTuple):
    """A hidden layer's neurons."""

    number: int
    name: str
    omega: Array
    tau: Array
    bias: Array


def hidden(p: Params) -> Iterable[Hidden]:
    """The hidden layers, all but the last."""
    for number, (name, weight, bias) in enumerate(layers_of(p)[:-1], start=1):
        yield Hidden(number, name, weight.sum(axis=1), np.square(weight).sum(axis=1), bias)


def network_report(p: Params, result: Result) -> Report | None:
    """omega and tau of every neuron, the shares of them in proved domains, and all predictions."""
    if not p.network:
        return None
    proved, said = domains(), network_predictions(p)
    layers = [_layer(layer, proved, said) for layer in hidden(p)]
    record = {
        "weights": p.network.source,
        "data": p.table.source or None,
        "domains": [d._asdict() for d in proved],
        "layers": layers,
        "note": WORDS,
    }
    return Report(record, _table(layers), WORDS)


def _layer(layer: Hidden, proved: tuple[Domain, ...], said: Said) -> dict[str, Any]:
    inside = {d.name: float(np.mean(d.holds(layer.omega, layer.tau))) for d in proved}
    some = np.any([d.holds(layer.omega, layer.tau) for d in proved], axis=0)
    return {
        "layer": layer.number,
        "name": layer.name,
        "omega": layer.omega.tolist(),
        "tau": layer.tau.tolist(),
        "bias": layer.bias.tolist(),
        "inside": inside | {"any": float(np.mean(some))},
        "moments": dict(_of(said, layer)),
    }


def _of(said: Said, layer: Hidden) -> list[tuple[str, dict[str, Any]]]:
    end = f"@{layer.number}"
    return [(name.removesuffix(end), v) for name, v in said.items() if name.endswith(end)]


def _table(layers: list[dict[str, Any]]) -> list[list[str]]:
    names = list(layers[0]["inside"])
    shares = (f"in {name}" for name in names)
    head = ["layer", "units", "omega", "to", "tau", "to", *shares]
    head += ["shared mean", "independent", "shared variance", "independent"]
    rows = [head]
    for layer in layers:
        ends = [f(layer[k]) for k in ("omega", "tau") for f in (min, max)]
        rows.append(
            [f"{layer['layer']} {layer['name']}", str(len(layer["omega"]))]
            + [f"{x:.3f}" for x in ends]
            + [f"{100 * layer['inside'][name]:.1f} %" for name in names]
            + [
                f"{layer['moments'][name][kind]:.4f}"
                for name in ("mean", "variance")
                for kind in ("shared", "independent")
            ]
        )
    return rows

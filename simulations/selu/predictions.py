"""What theory says of the estimates, where it says something; imported by the command alone."""

from __future__ import annotations

import contextlib
import math
from dataclasses import replace
from typing import Any

import numpy as np

from simulations.selu.experiments import recorded_layers
from simulations.selu.params import SETTLED, Params
from simulations.selu.trained import layers_of, with_network

Said = dict[str, dict[str, Any]]


def with_dropout(p: Params) -> Params:
    """The parameters with the constants (a, b) that keep mean 0 and variance 1 under dropout."""
    if p.keep is None or p.affine:
        return p
    from theory import selu as theory

    return replace(p, affine=tuple(theory.alpha_dropout(p.keep)))


def prepared(p: Params) -> Params:
    """The parameters with everything read and filled in that they name."""
    return with_dropout(with_network(p))


def path_predictions(p: Params) -> Said:
    """Of the signal of one input through a network, or of a network of the user's own."""
    if p.network:
        return network_predictions(p)
    said: Said = {}
    with contextlib.suppress(ValueError):  # an overflow: nothing to say
        for layer, suffix in recorded_layers(p):
            for name, found in _at(p, layer).items():
                said[name + suffix] = found
    gaussian = p.initialisation == "gaussian" and p.keep is None
    if gaussian and p.settled and p.burn_in >= SETTLED:
        with contextlib.suppress(ValueError):  # no stationary state
            said["slope"] = _stationary_slope(p)
    return said


def _at(p: Params, layer: int) -> Said:
    """Of one layer: the limit of infinite width, and the first two orders in 1/n."""
    said = _wide(p, layer)
    if p.initialisation == "gaussian" and p.keep is None:
        from theory import selu as theory

        found = theory.finite_width(p.width, layer, q0=p.q0, activation=p.activation)
        for name in ("second_moment", "n_var_q", "mean", "n_var_mean", "variance", "log_q"):
            here = getattr(found, name)
            said[name] = said.get(name, {}) | {"predicted": here.value, "error": here.error}
    return said


def _stationary_slope(p: Params) -> dict[str, float]:
    from theory import selu as theory

    found = theory.finite_width(p.width, q0=p.q0, activation=p.activation).slope
    return {"predicted": found.value, "error": found.error}


def _wide(p: Params, layers: int) -> Said:
    """The limit of infinite width: independent z ~ N(0, x) in every layer.

    x is q, or the variance v in the layer below where the weights of a row sum to 0.
    """
    from theory import selu as theory

    rows_sum_to_zero = p.initialisation == "normalised"
    x = p.q0 - p.mean**2 if rows_sum_to_zero else p.q0
    mean = second = math.nan
    for _ in range(layers):
        mean, variance = theory.gaussian_moments(0.0, x, activation=p.activation)
        if p.keep is not None:
            mean, variance = theory.dropout_moments(mean, variance, p.keep, *p.affine)
        second = variance + mean**2
        x = variance if rows_sum_to_zero else second
    return {
        "second_moment": {"limit": second},
        "mean": {"limit": mean},
        "variance": {"limit": second - mean**2},
        "log_q": {"limit": math.log(second)},
    }


def initialisation_predictions(p: Params) -> Said:
    """Of omega and tau at initialisation; their law where the weights are Gaussian."""
    n = p.width
    if p.initialisation == "normalised":
        return {"omega": {"predicted": 0.0}, "tau": {"predicted": 1.0}}
    kurtosis = {"gaussian": 3.0, "uniform": 1.8, "rademacher": 1.0}[p.initialisation]
    said: Said = {
        "omega": {"predicted": 0.0},
        "tau": {"predicted": 1.0},
        "omega_square": {"predicted": 1.0},
        "n_var_tau": {"predicted": kurtosis - 1},
    }
    if p.initialisation == "gaussian":
        from theory import selu as theory

        omega, tau = (p.omega_low, p.omega_high), (p.tau_low, p.tau_high)
        said["omega_inside"] = {"predicted": theory.probability_inside(n, omega)}
        said["tau_inside"] = {"predicted": theory.probability_inside(n, None, tau)}
        said["inside"] = {"predicted": theory.probability_inside(n, omega, tau)}
    return said


def neuron_predictions(p: Params) -> Said:
    """Of a neuron of normal pre-activation."""
    from theory import selu as theory

    where = (p.mean, p.variance, p.omega, p.tau)
    mean, variance = theory.moment_map(*where, activation=p.activation)
    if p.keep is not None:
        mean, variance = theory.dropout_moments(mean, variance, p.keep, *p.affine)
    return {
        "mean": {"predicted": mean},
        "second_moment": {"predicted": variance + mean**2},
        "variance": {"predicted": variance},
    }


CUMULANTS = {
    "gaussian": (0.0, 0.0),
    "exponential": (2.0, 6.0),
    "uniform": (0.0, -1.2),
    "rademacher": (0.0, -2.0),
}
"""Third and fourth cumulant of the standardised laws."""


def clt_predictions(p: Params) -> Said:
    """Of a neuron of few inputs and equal weights: the normal limit, and Edgeworth's correction."""
    from theory import selu as theory

    mean, variance = theory.gaussian_moments(0.0, 1.0, activation=p.activation)
    said: Said = {
        "mean": {"limit": mean},
        "second_moment": {"limit": variance + mean**2},
        "variance": {"limit": variance},
        "z_square": {"predicted": 1.0},
    }
    if p.initialisation == "equal":
        third, fourth = CUMULANTS[p.inputs]
        skewness = third / math.sqrt(p.width)
        said["z_cube"] = {"predicted": skewness}
        one, two = theory.edgeworth(skewness, fourth / p.width, activation=p.activation)
        found = {"mean": one, "second_moment": two, "variance": two - one**2}
        for name, value in found.items():
            said[name]["predicted"] = value
    return said


WIDEST = 4096
"""Units in a layer up to which their covariances are followed."""
MOMENTS = ("mean", "variance", "second_moment")


def network_predictions(p: Params) -> Said:
    """Of every hidden layer of a network of the user's own, by `theory.selu.given_weights`.

    "shared": one mean and one variance for all units of a layer, the inputs independent, as in the
    theorems; "independent": every unit with its own; "predicted": and with covariances.
    """
    from theory.selu import given_weights as theory

    layers = [theory.Given(weight, bias) for _, weight, bias in layers_of(p)[:-1]]
    x = p.table.arrays[0] if p.table else None
    dimension = layers[0].weight.shape[1]
    mean = np.zeros(dimension) if x is None else x.mean(axis=0)
    variance = np.ones(dimension) if x is None else x.var(axis=0)
    found = {
        "shared": theory.shared(layers, float(mean.mean()), float(variance.mean())),
        "independent": theory.independent(layers, mean, variance),
    }
    if max(max(layer.weight.shape) for layer in layers) <= WIDEST:
        covariance = np.eye(dimension)
        if x is not None:
            covariance = np.atleast_2d(np.cov(x, rowvar=False, bias=True))
        found["predicted"] = theory.dependent(layers, mean, covariance)
    said: Said = {f"{name}@{k + 1}": {} for k in range(len(layers)) for name in MOMENTS}
    for kind, each in found.items():
        for number, units in enumerate(each, start=1):
            numbers = (units.mean, units.variance, units.variance + units.mean**2)
            for name, values in zip(MOMENTS, numbers, strict=True):
                said[f"{name}@{number}"][kind] = float(np.mean(values))
    return said

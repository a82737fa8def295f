"""What theory says of the estimates, where it says something; imported by the command alone."""

from __future__ import annotations

import functools
import math
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from simulations.ntk_classifiers.files import with_data
from simulations.ntk_classifiers.methods import Method, parse
from simulations.ntk_classifiers.params import Params

if TYPE_CHECKING:
    from theory.ntk_classifiers import DirichletPair, Regime

Said = dict[str, dict[str, Any]]

EXACT = 1e-7
"""An exponent this close to the dimension, relative to it, counts as equal."""
DEFAULT_DEPTH = 3


def prepared(p: Params) -> Params:
    """The parameters of votes with the data read and the default methods filled in.

    These are the limit of the activation, hilbert:d, nearest, majority and, with a depth, the
    kernel of that depth.
    """
    p = with_data(p)
    if p.methods:
        return p
    methods = [f"limit:{p.activation}", f"hilbert:{p.dimension}", "nearest", "majority"]
    if p.depth is not None:
        methods.append(f"{p.kernel}:{p.depth}:{p.activation}")
    elif p.kernel != "nngp":
        raise ValueError(f"--kernel {p.kernel} needs its --depth.")
    return replace(p, methods=tuple(methods), kernel="nngp", depth=None)


def prepared_network(p: Params) -> Params:
    """The parameters of a network with a depth."""
    return p if p.depth is not None else replace(p, depth=DEFAULT_DEPTH)


@functools.lru_cache
def regime_of(activation: str) -> Regime:
    """The regime; its warning is its `doubt`."""
    from theory.ntk_classifiers import regime

    with warnings.catch_warnings(action="ignore", category=UserWarning):
        return regime(activation)


@functools.lru_cache
def pair_of(p: Params) -> DirichletPair | None:
    """The two classes, None for a user's data."""
    from theory.ntk_classifiers import DirichletPair

    return None if p.table else DirichletPair(*p.alphas, p.prior)


@functools.lru_cache
def bayes_risk_of(pair: DirichletPair) -> float:
    """The least probability of error."""
    from theory.ntk_classifiers import bayes_risk

    return bayes_risk(pair.alpha1, pair.alpha2, pair.prior).value


@functools.lru_cache
def excess_of(pair: DirichletPair, exponent: float) -> float | None:
    """The excess risk of a vote with r^-exponent as n -> infinity (0: majority, inf: nearest).

    Below the dimension None but for d = 1, and d = 2, where it takes some seconds.
    """
    from theory.ntk_classifiers import excess_risk

    if 0 < exponent < pair.dimension and pair.dimension > 2:
        return None
    return excess_risk(pair, exponent).value


def limit_exponent(method: Method, dimension: int, ridge: float) -> float | None:
    """The exponent of the pure power that a classifier behaves like as n -> infinity.

    0 for the majority, infinity for the nearest neighbour; None where nothing is known: finite
    depth, kriging, and the log-periodic kernel of another exponent than the dimension.
    """
    if method.kind == "hilbert":
        return method.alpha
    if method.kind in ("nearest", "majority"):
        return math.inf if method.kind == "nearest" else 0.0
    if method.kind != "limit":
        return None
    found = regime_of(method.activation)
    if found.kind == "majority":
        return None if found.case == "<" and not ridge else 0.0
    if found.kind == "nearest-neighbour":
        return math.inf
    assert found.exponent is not None, "a singular kernel has one"
    return float(dimension) if is_dimension(found.exponent, dimension) else None


def is_dimension(exponent: float, dimension: int) -> bool:
    """Whether the exponent is the dimension, to the accuracy to which it is known."""
    return abs(exponent - dimension) <= EXACT * dimension


def vote_predictions(p: Params) -> Said:
    """Limits of many training points, n -> infinity after the depth, by method."""
    pair = pair_of(p)
    if pair is None:
        return {}
    limits: dict[str, float] = {}
    for method in map(parse, p.methods):
        exponent = limit_exponent(method, p.dimension, p.ridge)
        excess = None if exponent is None else excess_of(pair, exponent)
        if excess is not None:
            limits[method.text] = excess
    said: Said = {}
    for text, excess in limits.items():
        said[f"excess@{text}"] = {"limit": excess}
        said[f"error@{text}"] = {"limit": excess + bayes_risk_of(pair)}
        if text != p.methods[0] and p.methods[0] in limits:
            said[f"difference@{text}"] = {"limit": excess - limits[p.methods[0]]}
    first = said.get(f"excess@{p.methods[0]}")
    return said | ({"excess": first} if first else {})


def network_predictions(p: Params) -> Said:
    """Limits of infinite width; those of finite width are O(1/n) away."""
    from theory.ntk_classifiers import nngp, ntk, ntk_diagonal

    depth = p.depth or DEFAULT_DEPTH
    return {
        "nngp": {"limit": nngp(p.activation, p.distance, depth)},
        "nngp_diagonal": {"limit": 1.0},
        "ntk": {"limit": ntk(p.activation, p.distance, depth)},
        "ntk_diagonal": {"limit": ntk_diagonal(p.activation, depth)},
    }

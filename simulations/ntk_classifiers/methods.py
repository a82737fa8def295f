r"""The classifiers: their names, and what they say at the test points of a data set.

    limit:ACTIVATION        the infinitely deep network: by its regime a vote with Koenigs' kernel,
                            the nearest neighbour, the majority, or (B' < 1, no ridge) kriging
    hilbert:ALPHA           sign sum_i y_i |x - x_i|^-ALPHA; inf is the nearest neighbour
    nearest, majority       the label of the nearest training point; that of most of them
    nngp:DEPTH:ACTIVATION   sign K_L(x, X) (K_L(X, X) + ridge)^{-1} y of so many hidden layers,
    ntk:DEPTH:ACTIVATION    for either kernel

All votes of a data set share its distances.  What they say is +1, -1, or 0 for a tie: a sum that is
0 to rounding.  Where weights are infinite (a test point that is a training point) only those vote.

Beyond r = sqrt(2) correlations are negative.  Koenigs' h is defined there; its sign, and that of an
odd D, multiply the label.  A nearest-neighbour limit needs a D that is odd or even there.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from simulations.arrays import Array
from simulations.ntk_classifiers.data import DataSet

KINDS = {
    "limit": "limit:ACTIVATION",
    "hilbert": "hilbert:ALPHA",
    "nearest": "nearest",
    "majority": "majority",
    "nngp": "nngp:DEPTH:ACTIVATION",
    "ntk": "ntk:DEPTH:ACTIVATION",
}
TIE = 16 * float(np.finfo(float).eps)
"""A sum of votes below this share of the sum of their sizes is a tie."""


class Method(NamedTuple):
    """A classifier by its name."""

    text: str
    kind: str
    alpha: float = 0.0
    depth: int = 0
    activation: str = ""


def parse(text: str) -> Method:
    """The method of a specification; ValueError, in one line, for anything else."""
    kind, *rest = text.split(":")
    more = ":".join(rest)
    try:
        if kind in ("nearest", "majority") and not rest:
            return Method(text, kind)
        if kind == "hilbert" and float(more) >= 0:
            return Method(text, kind, alpha=float(more))
        if kind == "limit" and more:
            return Method(text, kind, activation=more)
        if kind in ("nngp", "ntk") and len(rest) > 1 and rest[1] and int(rest[0]) > 0:
            return Method(text, kind, depth=int(rest[0]), activation=":".join(rest[1:]))
    except ValueError:
        pass
    known = KINDS.get(kind) or ", ".join(KINDS.values())
    raise ValueError(f'--methods: "{text}" is no classifier; write {known}.')


class Pairs:
    """A data set with what its classifiers share: the distances from test to training points."""

    def __init__(self, data: DataSet, ridge: float) -> None:
        self.data, self.ridge = data, ridge

    @functools.cached_property
    def r(self) -> Array:
        """(test, train)"""
        from scipy.spatial.distance import cdist

        found: Array = cdist(self.data.test, self.data.train)
        return np.minimum(found, 2.0, out=found)

    @functools.cached_property
    def log_r(self) -> Array:
        """(test, train); -inf at 0."""
        with np.errstate(divide="ignore"):
            return np.log(self.r)

    @functools.cached_property
    def opposite(self) -> bool:
        """Whether some correlations are negative."""
        return bool(self.r.max() > math.sqrt(2) * (1 + 1e-12))


Classifier = Callable[[Pairs], Array]
"""What a method says at every test point: +1, -1 or 0."""


def classifier(method: Method) -> Classifier:
    """The classifier of a method."""
    if method.kind == "hilbert":
        if math.isinf(method.alpha):
            return _nearest
        return lambda pairs: _power(pairs, method.alpha)
    if method.kind == "limit":
        return _limit(method.activation)
    if method.kind == "nearest":
        return _nearest
    if method.kind == "majority":
        return _majority
    return lambda pairs: _deep(pairs, method)


def vote(log_weights: Array, labels: Array) -> Array:
    """sign sum_j labels_j exp(log_weights_ij) for every i; labels may differ from row to row."""
    top = log_weights.max(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):  # inf - inf
        weights = np.exp(log_weights - top)
    for row in np.flatnonzero(~np.isfinite(top[:, 0])):
        weights[row] = log_weights[row] == math.inf  # one vote each, and none where all are 0
    sums = weights @ labels if labels.ndim == 1 else np.einsum("ij,ij->i", weights, labels)
    return np.where(np.abs(sums) <= TIE * weights.sum(axis=1), 0.0, np.sign(sums))


def _power(pairs: Pairs, alpha: float) -> Array:
    if alpha == 0:
        return _majority(pairs)
    return vote(-alpha * pairs.log_r, pairs.data.labels)


def _nearest(pairs: Pairs) -> Array:
    return _closest(pairs.r, pairs.data.labels)


def _closest(size: Array, labels: Array) -> Array:
    """The label at the smallest entry of each row; of several, what most of them say."""
    voters = size == size.min(axis=1, keepdims=True)
    return np.asarray(np.sign(np.where(voters, labels, 0.0).sum(axis=1)))


def _majority(pairs: Pairs) -> Array:
    return np.full(len(pairs.data.test), np.sign(pairs.data.labels.sum()))


def _deep(pairs: Pairs, method: Method) -> Array:
    from theory.ntk_classifiers import predictor

    d = pairs.data
    try:
        scores = predictor(
            _dual(method.activation),
            d.train,
            d.labels,
            d.test,
            method.depth,
            kind=method.kind,
            ridge=pairs.ridge,
        )
    except ValueError as error:
        remedy = "A deeper one, or --ridge." if "condition" in str(error) else "See --ridge."
        raise ValueError(f"{method.text}, {len(d.train)} points: {error} {remedy}") from None
    signs: Array = np.sign(scores.values)
    return signs


@functools.lru_cache
def _dual(activation: str) -> Any:
    from theory.ntk_classifiers import dual

    return dual(activation)


@functools.lru_cache
def _limit(activation: str) -> Classifier:
    """The classifier of infinite depth; Koenigs' kernel is tabulated once."""
    from theory.ntk_classifiers import kriging, regime

    dual = _dual(activation)
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # the report says it
        found = regime(dual)
    if found.kind == "singular":
        return functools.partial(_koenigs, dual=dual, log_kernel=_table(activation))
    if found.kind == "nearest-neighbour":
        return functools.partial(_nearest_direction, dual=dual)
    if found.case != "<":
        return _majority

    def interpolant(pairs: Pairs) -> Array:
        if pairs.ridge:
            return _majority(pairs)
        d = pairs.data
        try:
            return np.sign(kriging(dual, d.train, d.labels, d.test))
        except ValueError as error:
            raise ValueError(f"limit:{activation}: {error} See --ridge.") from None

    return interpolant


@functools.lru_cache
def _table(activation: str) -> Callable[[Array], Array]:
    from theory.ntk_classifiers import koenigs_kernel

    return koenigs_kernel(_dual(activation))


def _koenigs(pairs: Pairs, dual: Any, log_kernel: Callable[[Array], Array]) -> Array:
    y = pairs.data.labels
    if not pairs.opposite:
        return vote(log_kernel(pairs.r), y)
    from theory.ntk_classifiers import koenigs

    near = pairs.r <= math.sqrt(2)
    log_weights = log_kernel(_folded(pairs.r))
    signs = np.where(near, 1.0, -1.0)
    if dual.parity != -1:
        values = koenigs(dual, pairs.r[~near])
        signs[~near] = np.sign(values)
        with np.errstate(divide="ignore"):
            log_weights[~near] = np.log(np.abs(values))
    return vote(log_weights, signs * y)


def _nearest_direction(pairs: Pairs, dual: Any) -> Array:
    """The nearest point, an antipode being as near as a point, with its label times D's parity."""
    if not pairs.opposite:
        return _nearest(pairs)
    if not dual.parity:
        raise ValueError(
            f"{dual.name} is neither odd nor even: its limit is not known for points with negative "
            "correlation; move the data to one side of the sphere."
        )
    signs = np.where(pairs.r <= math.sqrt(2), 1.0, float(dual.parity))
    return _closest(_folded(pairs.r), signs * pairs.data.labels)


def _folded(r: Array) -> Array:
    """The distance to the nearer of a point and its antipode."""
    return np.where(r <= math.sqrt(2), r, np.sqrt(np.maximum((2 - r) * (2 + r), 0.0)))

r"""Differences of two logits: their Lipschitz constants for all pairs of labels, and radii.

If |f_i - f_j| changes by at most L_ij |dx|, no input nearer to x than

    radius = min over j of (f_i(x) - f_j(x)) / L_ij,   i = the predicted label

has another label.  All pairs share the hidden layers, so their ascents run as one batch.  The
logits are evaluated with a bound on their rounding errors, and the radius is rounded down.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from theory.display import table
from theory.lipschitz import display
from theory.lipschitz.assembly import merged, reduce
from theory.lipschitz.bounds import certified
from theory.lipschitz.certificate import Certificate
from theory.lipschitz.network import Network, Stage, dense, product
from theory.lipschitz.reductions import Component, width
from theory.lipschitz.solver import close

Vector = np.ndarray[Any, np.dtype[np.float64]]

UNIT = 2.0**-53
MOST = 2000
"""More pairs than this must be asked for in parts."""


@dataclass(frozen=True, eq=False)
class Margins:
    """Constants L_ij of f_i - f_j, (labels, labels), symmetric."""

    upper: Vector
    """Certified; inf where nothing is proved or nothing was asked, 0 on the diagonal."""
    dual: Vector
    """Lower bounds on the optima of the relaxation; nan where nothing was asked."""
    certificates: dict[tuple[int, int], Certificate]
    """For i < j: a certificate of `pair_network(network, i, j)`."""
    norm: str

    def __repr__(self) -> str:
        return f"Margins({display.margins_title(self)})"

    def _repr_html_(self) -> str:
        heading, rows = display.margins_rows(self)
        return table(f"Margins: {display.margins_title(self)}", rows, heading)


@dataclass(frozen=True, eq=False)
class Radii:
    """Certified radii of some inputs."""

    labels: np.ndarray[Any, np.dtype[np.int64]]
    """Predicted labels, (inputs,)."""
    radii: Vector
    """No nearer input has another label; 0 where rounding leaves the label open."""
    margins: Vector
    """Least difference of the logits, rounded down."""

    def __repr__(self) -> str:
        return f"Radii({display.radii_title(self)})"

    def _repr_html_(self) -> str:
        heading = ("input", "label", "certified radius", "margin")
        return table(f"Radii: {display.radii_title(self)}", display.radii_rows(self), heading)


def pair_network(network: Network, i: int, j: int) -> Network:
    """The scalar network f_i - f_j: one more linear stage with entries 1 and -1."""
    row = np.zeros((1, network.outputs))
    row[0, i], row[0, j] = 1.0, -1.0
    return Network.of_stages([*network.stages, Stage(skip=row)])


def margins(
    network: Network,
    norm: str = "l2",
    tolerance: float = 1e-3,
    pairs: Sequence[tuple[int, int]] | None = None,
    **options: Any,
) -> Margins:
    """Certified constants of the differences of logits, for all pairs or the given ones.

    `norm`: "l2" or "linf" for the input.  `options` go to `theory.lipschitz.solver.close`.  Raises
    ValueError for fewer than two outputs, for more than MOST pairs at once and for labels that do
    not exist.
    """
    labels = network.outputs
    if labels < 2:
        raise ValueError("margins are differences of two outputs; this network has one.")
    chosen = _pairs(labels, pairs)
    reduced = reduce(network)
    last = reduced.blocks[-1]
    assert last.skip is not None
    logits = dense(last.skip)
    final = np.stack([logits[[i]] - logits[[j]] for i, j in chosen])
    upper, dual = np.full((labels, labels), np.inf), np.full((labels, labels), np.nan)
    np.fill_diagonal(upper, 0.0)
    np.fill_diagonal(dual, 0.0)
    certificates = {}
    if not final.any() or not all(map(width, reduced.blocks)):
        for i, j in chosen:
            upper[i, j] = upper[j, i] = dual[i, j] = dual[j, i] = 0.0
        return Margins(upper, dual, {}, norm)
    results = close(reduced.blocks, _alive(final), norm, tolerance, **options)
    every = Component(reduced.blocks, np.arange(network.inputs), np.arange(1))
    for (i, j), result, matrix in zip(chosen, results, final, strict=True):
        if not matrix.any():
            upper[i, j] = upper[j, i] = dual[i, j] = dual[j, i] = 0.0
            continue
        whole = merged(network, norm, reduced, [every], [result])
        candidate = replace(
            whole,
            exponents=(*whole.exponents, whole.exponents[-1]),
            multipliers=(*whole.multipliers, None),
            output=result.multipliers.output,
        )
        certificate, _ = certified(pair_network(network, i, j), candidate)
        dual[i, j] = dual[j, i] = math.exp(min(candidate.log_dual, 709.0))
        if certificate is not None:
            upper[i, j] = upper[j, i] = certificate.upper
            certificates[i, j] = certificate
    return Margins(upper, dual, certificates, norm)


def _alive(final: Vector) -> Vector:
    """Pairs of equal logits have the constant 0; the batch gets another problem in their place."""
    dead = ~final.any(axis=(1, 2))
    filled = final.copy()
    filled[dead] = 1.0
    return filled


def _pairs(labels: int, pairs: Sequence[tuple[int, int]] | None) -> list[tuple[int, int]]:
    if pairs is None:
        chosen = list(itertools.combinations(range(labels), 2))
    else:
        chosen = sorted({(min(i, j), max(i, j)) for i, j in pairs})
        for i, j in chosen:
            if i == j or i < 0 or j >= labels:
                raise ValueError(f"no pair of labels ({i}, {j}) among {labels} outputs.")
    if len(chosen) > MOST:
        raise ValueError(f"{len(chosen)} pairs are too many at once; ask for {MOST} at most.")
    return chosen


# --- radii -------------------------------------------------------------------------------------


def certified_radii(network: Network, inputs: Any, found: Margins) -> Radii:
    """Radii, in the norm of `found`, within which the predicted label cannot change.

    `inputs` has shape (count, n_0).  Raises ValueError for inputs of another length or that are not
    finite, and for another number of outputs than `found` has.
    """
    x = np.atleast_2d(np.asarray(inputs, dtype=float))
    if x.ndim != 2 or x.shape[1] != network.inputs or not np.isfinite(x).all():
        raise ValueError(f"inputs must be finite, of shape (count, {network.inputs}).")
    if len(found.upper) != network.outputs:
        raise ValueError(
            f"margins of {len(found.upper)} labels do not fit {network.outputs} outputs."
        )
    value, error = enclosed_outputs(network, x)
    labels = value.argmax(axis=1)
    rows = np.arange(len(x))
    # One rounding each for the difference, the sum of errors and the quotient.
    gaps = (value[rows, labels][:, None] - value) - (error[rows, labels][:, None] + error)
    gaps -= 4 * UNIT * (np.abs(value[rows, labels])[:, None] + np.abs(value) + error)
    gaps[rows, labels] = np.inf
    constants = found.upper[labels]
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.where(gaps <= 0, 0.0, gaps / constants) * (1 - 4 * UNIT)
    each[rows, labels] = np.inf
    return Radii(labels, each.min(axis=1), np.maximum(gaps.min(axis=1), 0.0))


def enclosed_outputs(network: Network, x: Vector) -> tuple[Vector, Vector]:
    """Outputs for inputs (count, n_0) and bounds on their rounding errors, both (count, n_L).

    The library's elementwise functions are taken to be within 8 units in the last place.
    """
    error = np.zeros_like(x)
    for stage in network.stages:
        x, error = _enclosed_stage(stage, x, error)
    return x, error


def _enclosed_stage(stage: Stage, x: Vector, error: Vector) -> tuple[Vector, Vector]:
    if stage.loop is not None:
        raise ValueError("an implicit network has no forward pass here.")
    after, slip = (
        (np.zeros(1), np.zeros(1))
        if stage.skip is None
        else _enclosed_product(stage.skip, x, error)
    )
    if stage.inner is None:
        return _plus_bias(after, slip, stage.bias)
    v, r = _plus_bias(*_enclosed_product(stage.inner, x, error), stage.bias)
    kind = stage.activation
    assert kind is not None
    e = kind.apply(v)
    if kind.kind == "slopes":
        top = max(abs(kind.lower), abs(kind.upper))
        slack = 0.0 if kind.name == "relu" else 8 * UNIT * (np.abs(e) + np.abs(v))
        r = top * r * (1 + 4 * UNIT) + slack
    else:
        groups = r.reshape(len(r), -1, kind.group_size)
        if kind.kind == "group_sort":  # sorting moves no entry by more than the largest error
            spread = groups.max(axis=2)
        else:
            size = np.abs(v).reshape(groups.shape)
            spread = np.linalg.norm(groups + 8 * kind.group_size * UNIT * size, axis=2)
            spread *= 1 + 8 * kind.group_size * UNIT
        r = np.repeat(spread, kind.group_size, axis=1)
    if stage.outer is not None:
        e, r = _enclosed_product(stage.outer, e, r)
    if stage.skip is None:
        return e, r
    total = after + e
    return total, (slip + r) * (1 + 4 * UNIT) + 2 * UNIT * np.abs(total)


def _enclosed_product(matrix: Any, x: Vector, error: Vector) -> tuple[Vector, Vector]:
    """W x with |W| r + g_n |W| |x| around it, paid for twice for the rounding of the bound."""
    n = matrix.shape[1]
    size = abs(matrix)
    slip = product(size, error + (n + 2) * UNIT * np.abs(x))
    return product(matrix, x), slip * (1 + 2 * (n + 4) * UNIT) + n * 2.0**-1070


def _plus_bias(v: Vector, error: Vector, bias: Vector | None) -> tuple[Vector, Vector]:
    if bias is None:
        return v, error
    total = v + bias
    return total, (error + 2 * UNIT * np.abs(total)) * (1 + 2 * UNIT)

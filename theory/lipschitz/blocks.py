r"""A network as the ascent sees it: linear maps and units with slopes m - h to m + h.

    x <- H x + G z,   v = W x,   z = m v + h |v| s      (s a unit vector; h = 0: z = m v)

The rows of v are ordered: `passing` rows with h = 0 first, then the active ones.  In an orthonormal
basis of its group a MaxMin pair is (s, d) -> (s, |d|): s passes, d has slopes in [-1, 1]; so is a
Householder unit, and a GroupSort group of g units passes its mean and does not lengthen its g - 1
deviations, which share one norm and one multiplier (`size`).  The rotation is folded into the
weights, which rounds them: the certificate is for the original ones.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse

from theory.lipschitz.network import Matrix, Network, Stage
from theory.lipschitz.nonlinearity import Nonlinearity, group_basis

Vector = np.ndarray[Any, np.dtype[np.float64]]
Index = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, eq=False)
class Block:
    """One stage; a linear stage has no `inner`."""

    skip: Matrix | None
    """H; None: 0."""
    inner: Matrix | None = None
    """W, rows in the order of v."""
    outer: Matrix | None = None
    """G, columns in the order of v; None: I."""
    middle: Vector | None = None
    """m, one number per row of v."""
    half: Vector | None = None
    """h > 0, one number per active row."""
    passing: int = 0
    """Number of rows of v that pass."""
    size: int = 1
    """Active rows per unit: consecutive rows that share one norm."""
    origin: Index | None = None
    """Which multiplier of the stage each unit of active rows has."""
    multipliers: int = 0
    """How many multipliers the stage has in the certificate."""

    @property
    def units(self) -> int:
        """Number of active units."""
        return 0 if self.half is None else len(self.half) // self.size


def rotation(kind: Nonlinearity, units: int) -> tuple[Any, int]:
    """The orthogonal matrix that takes pre-activations to passing and active rows."""
    deviations, rest = group_basis(kind)
    basis, passing = np.vstack([rest, deviations]), len(rest)
    groups = units // kind.group_size
    blocks = scipy.sparse.csr_array(scipy.sparse.kron(scipy.sparse.eye_array(groups), basis))
    order = np.arange(units).reshape(groups, -1)
    first = np.concatenate([order[:, :passing].ravel(), order[:, passing:].ravel()])
    return blocks[first], passing * groups


def blocks_of(network: Network) -> list[Block]:
    """The blocks of a network without implicit stages; ValueError for one with them."""
    if network.is_implicit:
        raise ValueError("the ascent needs a network without loops; use method interior-point.")
    blocks: list[Block] = []
    fold: Any = None  # what the next stage's matrices must be multiplied by
    for stage in network.stages:
        block, after = _block(stage, fold)
        blocks.append(block)
        fold = after
    assert fold is None, "a network ends with a stage that gives its outputs"
    return blocks


def _times(matrix: Matrix | None, fold: Any) -> Matrix | None:
    if matrix is None or fold is None:
        return matrix
    folded = matrix @ fold
    return folded if scipy.sparse.issparse(matrix) else np.ascontiguousarray(folded)


def _block(stage: Stage, fold: Any) -> tuple[Block, Any]:
    skip, inner = _times(stage.skip, fold), _times(stage.inner, fold)
    if inner is None:
        return Block(skip), None
    assert stage.activation is not None
    if stage.activation.kind != "slopes":
        turn, passing = rotation(stage.activation, stage.units)
        rows = turn @ inner
        size = 1 if stage.activation.kind == "householder" else stage.activation.group_size - 1
        groups = stage.units // stage.activation.group_size
        active = stage.units - passing
        block = Block(
            skip,
            rows,
            None,
            np.repeat([1.0, 0.0], [passing, active]),
            np.ones(active),
            passing,
            max(size, 1),
            np.arange(groups if active else 0),
            groups,
        )
        if skip is None and stage.outer is None:
            return block, turn.T
        outer = turn.T if stage.outer is None else stage.outer @ turn.T
        return replace(block, outer=outer), None
    assert stage.lower is not None
    assert stage.upper is not None
    middle, half = (stage.lower + stage.upper) / 2, (stage.upper - stage.lower) / 2
    silent = (half == 0) & (middle == 0)
    if silent.any():  # the units are 0: without weights they are taken out as dead
        inner = scipy.sparse.diags_array((~silent).astype(float)) @ inner
    order = np.concatenate([np.flatnonzero(half == 0), np.flatnonzero(half > 0)])
    passing = int((half == 0).sum())
    block = Block(
        skip,
        inner,
        stage.outer,
        middle,
        half,
        passing,
        1,
        np.arange(stage.units),
        stage.units,
    )
    if passing:
        back = scipy.sparse.csr_array(scipy.sparse.eye_array(stage.units))[order].T
        plain = skip is None and stage.outer is None
        outer = None if plain else back if stage.outer is None else stage.outer @ back
        block = replace(
            block,
            inner=inner[order],
            outer=outer,
            middle=middle[order],
            half=half[order][passing:],
            origin=order[passing:],
        )
        return block, back if plain else None
    return block, None

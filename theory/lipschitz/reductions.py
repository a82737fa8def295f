"""Exact reductions of a chain of blocks: powers of two, dead units, connected components."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse
from scipy.sparse.csgraph import connected_components

from theory.lipschitz.blocks import Block, Index, Vector
from theory.lipschitz.network import Matrix

Mask = np.ndarray[Any, np.dtype[np.bool_]]


def norm_estimate(matrix: Matrix) -> float:
    """The spectral norm to about 20 %, by power iteration from a fixed start; 0 for zeros."""
    entries = matrix.data if scipy.sparse.issparse(matrix) else matrix
    shift = math.frexp(float(np.abs(entries).max(initial=0.0)))[1]
    x = np.cos(1.0 + np.arange(matrix.shape[1]))
    norm = 0.0
    scaled = scaled_by(matrix, -shift)
    for _ in range(8):
        y = scaled @ x
        x = scaled.T @ y
        length = float(np.linalg.norm(x))
        if length == 0.0:
            break
        norm = math.sqrt(length)
        x /= length
    return math.ldexp(norm, shift)


def scaled_by(matrix: Matrix, power: int) -> Matrix:
    """`matrix` times 2^power."""
    if power == 0:
        return matrix
    if scipy.sparse.issparse(matrix):
        return type(matrix)(
            (np.ldexp(matrix.data, power), matrix.indices, matrix.indptr), shape=matrix.shape
        )
    return np.ldexp(matrix, power)


def normalised(blocks: Sequence[Block]) -> tuple[list[Block], list[int]]:
    """Blocks whose gain is about 1, and c_0 = 0, ..., c_S: x_k is 2^c_k times the scaled signal."""
    exponents, scaled = [0], []
    for block in blocks:
        gain = 0.0 if block.skip is None else norm_estimate(block.skip)
        if block.inner is not None:
            assert block.middle is not None
            outer = 1.0 if block.outer is None else norm_estimate(block.outer)
            top = np.abs(block.middle).max(initial=0.0)
            if block.half is not None and block.units:
                top = max(top, (np.abs(block.middle[block.passing :]) + block.half).max())
            gain += outer * top * norm_estimate(block.inner)
        step = math.frexp(gain)[1] if gain else 0
        exponents.append(exponents[-1] + step)
        skip = None if block.skip is None else scaled_by(block.skip, -step)
        inner = None if block.inner is None else scaled_by(block.inner, -step)
        scaled.append(replace(block, skip=skip, inner=inner))
    return scaled, exponents


# --- dead units and components -----------------------------------------------------------------


def pruned(blocks: Sequence[Block]) -> tuple[list[Block], list[Vector]]:
    """Blocks without units that nothing reaches or that reach nothing, and what became of each.

    The second list holds, per block and multiplier, 0 for a kept unit, 1 for one whose
    pre-activation is constant and -1 for one whose output nobody uses.
    """
    blocks = list(blocks)
    fate = [np.zeros(block.multipliers) for block in blocks]
    changed = True
    while changed:
        changed = False
        for k, block in enumerate(blocks):
            if block.inner is None:
                continue
            rows = _occupied(block.inner, axis=1)
            columns = _used(blocks, k)
            keep = rows & columns
            if block.units:
                # A unit of several rows lives as long as one of its rows does.
                shape = (block.units, block.size)
                fed = rows[block.passing :].reshape(shape).any(axis=1)
                read = columns[block.passing :].reshape(shape).any(axis=1)
                assert block.origin is not None
                fate[k][block.origin[~read]] = -1
                fate[k][block.origin[~fed]] = 1
                keep[block.passing :] = np.repeat(fed & read, block.size)
            if not keep.all():
                changed = True
                _drop(blocks, k, keep)
    return blocks, fate


def _occupied(matrix: Matrix, axis: int) -> Mask:
    """Rows (axis 1) or columns (axis 0) of a matrix that are not 0."""
    if scipy.sparse.issparse(matrix):
        return np.asarray(abs(matrix).sum(axis=axis)).ravel() > 0
    return np.asarray((matrix != 0).any(axis=axis))


def _readers(blocks: Sequence[Block], k: int) -> list[Matrix]:
    """The matrices that are applied to the rows of v of block k, its G or the next stage's."""
    outer = blocks[k].outer
    if outer is not None:
        return [outer]
    following = blocks[k + 1] if k + 1 < len(blocks) and blocks[k].skip is None else None
    if following is None:
        return []
    return [m for m in (following.skip, following.inner) if m is not None]


def _used(blocks: Sequence[Block], k: int) -> Mask:
    inner = blocks[k].inner
    assert inner is not None
    readers = _readers(blocks, k)
    if not readers:
        return np.ones(inner.shape[0], dtype=bool)
    return np.asarray(np.logical_or.reduce([_occupied(m, axis=0) for m in readers]))


def _rows(matrix: Matrix | None, keep: Any) -> Matrix | None:
    return None if matrix is None else matrix[keep]


def _columns(matrix: Matrix | None, keep: Any) -> Matrix | None:
    if matrix is None:
        return None
    kept = matrix[:, keep]
    return kept if scipy.sparse.issparse(matrix) else np.ascontiguousarray(kept)


def _drop(blocks: list[Block], k: int, keep: Any) -> None:
    """Keep only these rows of v of block k."""
    block = blocks[k]
    assert block.middle is not None
    assert block.half is not None
    assert block.origin is not None
    active = keep[block.passing :]
    blocks[k] = replace(
        block,
        inner=_rows(block.inner, keep),
        outer=_columns(block.outer, keep),
        middle=block.middle[keep],
        half=block.half[active],
        passing=int(keep[: block.passing].sum()),
        origin=block.origin[active[:: block.size]],
    )
    if block.outer is None and block.skip is None and k + 1 < len(blocks):
        following = blocks[k + 1]
        blocks[k + 1] = replace(
            following,
            skip=_columns(following.skip, keep),
            inner=_columns(following.inner, keep),
        )


@dataclass(frozen=True, eq=False)
class Component:
    """A part of the network that shares no weight with the others."""

    blocks: list[Block]
    inputs: Index
    outputs: Index


def components(blocks: Sequence[Block]) -> list[Component]:
    """The connected components of a feed-forward chain; any other network is one.

    Components without an input or an output are left out: they contribute nothing.
    """
    inputs = width(blocks[0])
    outputs = height(blocks[-1])
    whole = Component(list(blocks), np.arange(inputs), np.arange(outputs))
    *body, last = blocks
    chain = last.inner is None and all(b.skip is None and b.outer is None for b in body)
    if not chain or any(b.inner is not None and not b.units and not b.passing for b in body):
        return [whole]
    matrices: list[Any] = [*(b.inner for b in body), last.skip]
    if all(not scipy.sparse.issparse(m) and np.count_nonzero(m) == m.size for m in matrices):
        return [whole]
    labels = _labels(body, matrices)
    parts = []
    for label in np.intersect1d(labels[0], labels[-1]):
        masks = [level == label for level in labels]
        part = list(blocks)
        part[0] = replace(part[0], inner=_columns(part[0].inner, masks[0])) if body else part[0]
        for k in range(len(body)):
            _drop(part, k, masks[k + 1])
        final = part[-1].skip
        if not body:
            final = _columns(final, masks[0])
        part[-1] = replace(part[-1], skip=_rows(final, masks[-1]))
        parts.append(Component(part, np.flatnonzero(masks[0]), np.flatnonzero(masks[-1])))
    return parts


def width(block: Block) -> int:
    """Length of x before the block."""
    matrix = block.skip if block.inner is None else block.inner
    assert matrix is not None
    return int(matrix.shape[1])


def height(block: Block) -> int:
    """Length of x after the block."""
    for matrix in (block.skip, block.outer, block.inner):
        if matrix is not None:
            return int(matrix.shape[0])
    raise AssertionError


def _labels(body: Sequence[Block], matrices: Sequence[Any]) -> list[Index]:
    """The component of every input, row of v and output."""
    widths = [matrices[0].shape[1], *(m.shape[0] for m in matrices)]
    ends = np.cumsum([0, *widths])
    edges = []
    for k, matrix in enumerate(matrices):
        rows, columns = matrix.tocoo().coords if scipy.sparse.issparse(matrix) else matrix.nonzero()
        edges.append((ends[k + 1] + rows, ends[k] + columns))
    for k, block in enumerate(body):
        if block.size > 1:  # rows of one unit belong together
            row = ends[k + 1] + block.passing + np.arange(block.units * block.size)
            edges.append((row, row - np.tile(np.arange(block.size), block.units)))
    rows, columns = (np.concatenate(side) for side in zip(*edges, strict=True))
    graph = scipy.sparse.coo_array((np.ones(len(rows)), (rows, columns)), shape=(ends[-1],) * 2)
    label = connected_components(graph, directed=False)[1]
    return [label[a:b] for a, b in itertools.pairwise(ends)]

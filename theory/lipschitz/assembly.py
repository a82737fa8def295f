"""The network as the solver reduces it, and the way back: multipliers of the whole network."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse

from theory.lipschitz.blocks import Block, blocks_of
from theory.lipschitz.candidate import Candidate
from theory.lipschitz.network import Network
from theory.lipschitz.reductions import Component, height, pruned
from theory.lipschitz.upper import LOG2, Scaled

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, eq=False)
class Reduced:
    """The blocks that are solved, the last of them linear, and the way back to the network."""

    blocks: list[Block]
    fate: list[Array]
    """What became of every unit, see `reductions.pruned`."""
    appended: bool
    """Whether the last block is an identity that the network does not have."""


def reduce(network: Network) -> Reduced:
    """The blocks of a network without dead units, with a linear one at the end."""
    blocks, fate = pruned(blocks_of(network))
    appended = blocks[-1].inner is not None
    if appended:
        blocks.append(Block(scipy.sparse.csr_array(scipy.sparse.eye_array(height(blocks[-1])))))
    return Reduced(blocks, fate, appended)


@dataclass(frozen=True, eq=False)
class Closed:
    """The bracket of one problem."""

    log_dual: float
    log_upper: float
    multipliers: Scaled
    """In units of its exponents, which start from the original weights."""
    iterations: int
    history: tuple[tuple[int, float, float], ...]


def merged(
    network: Network,
    norm: str,
    reduced: Reduced,
    parts: Sequence[Component],
    results: Sequence[Closed],
) -> Candidate:
    """One candidate from the brackets of the components: the largest counts (l2), or their sum."""
    stages = len(network.stages)
    if not results:
        return _silent(network, norm)
    values = np.array([r.log_upper for r in results])
    duals = np.array([r.log_dual for r in results])
    combine = np.max if norm == "l2" else np.logaddexp.reduce
    lead = results[int(np.argmax(duals))].multipliers.exponents
    last = round(float(combine(duals)) / LOG2)
    common = [*lead[:-1], last]
    if reduced.appended:
        common[-2] = last
    shift = 2 if norm == "l2" else 1
    every: list[Array | None] = []
    for k in range(stages):
        block = reduced.blocks[k]
        if block.inner is None:
            every.append(None)
            continue
        merged = np.full(block.multipliers, np.nan)
        for part, result in zip(parts, results, strict=True):
            own, found = result.multipliers.exponents, result.multipliers.multipliers[k]
            power = 2 * (common[k + 1] - own[k + 1]) - shift * (common[-1] - own[-1])
            assert found is not None
            origin = part.blocks[k].origin
            merged[origin] = np.ldexp(found, power)
        after = reduced.fate[k + 1 : stages]
        every.append(_completed(merged, reduced.fate[k], after))
    if norm == "l2":
        ends = (
            np.array([math.exp(min(2 * (combine(values) - LOG2 * last), 700.0))]),
            np.ones(1),
        )
    else:
        mu, p = np.full(network.inputs, np.nan), np.full(network.outputs, np.nan)
        for part, result in zip(parts, results, strict=True):
            power = result.multipliers.exponents[-1] - last
            mu[part.inputs] = np.ldexp(result.multipliers.input, power)
            p[part.outputs] = np.ldexp(result.multipliers.output, -power)
        mu = np.where(np.isnan(mu), 1e-12 * np.nanmax(mu), mu)
        ends = mu, np.where(np.isnan(p), 1e12 * np.nanmin(p), p)
    if reduced.appended:
        del common[-1]
    return Candidate(
        norm=norm,
        relaxation="exact",
        log_value=float(combine(values)),
        log_dual=float(combine(duals)),
        exponents=tuple(common),
        input=ends[0],
        output=ends[1],
        multipliers=tuple(every),
        iterations=max(r.iterations for r in results),
        history=max(results, key=lambda r: r.log_dual).history,
    )


def _completed(merged: Array, fate: Array, after: Sequence[Array]) -> Array:
    """Multipliers for idle units too: large where v is constant, small where nobody reads.

    Units of groups can be idle without a zero among the weights, so that the proof does not take
    them out.  One that feeds an idle unit of a later stage must be larger still.
    """
    known = merged[np.isfinite(merged)]
    middle = float(np.median(known)) if len(known) else 1.0
    top = float(known.max()) if len(known) else 1.0
    fed, unread = (sum(bool((later * sign > 0).any()) for later in after) for sign in (1, -1))
    filled = np.where(np.isnan(merged), middle, merged)
    large = top * 10.0 ** min(6 + 4 * fed, 60)
    small = middle * 10.0 ** min(-6 + unread, -4)
    filled = np.where(np.isnan(merged) & (fate > 0), large, filled)
    return np.where(np.isnan(merged) & (fate < 0), small, filled)


def _silent(network: Network, norm: str) -> Candidate:
    """Nothing reaches the output: the constant is 0."""
    ones = tuple(
        None
        if stage.inner is None or stage.activation is None
        else np.ones(stage.units // stage.activation.group_size)
        for stage in network.stages
    )
    return Candidate(
        norm=norm,
        relaxation="exact",
        log_value=-math.inf,
        log_dual=-math.inf,
        exponents=(0,) * (len(network.stages) + 1),
        input=np.zeros(1 if norm == "l2" else network.inputs),
        output=np.ones(1 if norm == "l2" else network.outputs),
        multipliers=ones,
    )

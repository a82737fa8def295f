"""The experiments on kernels: their blocks, and the estimates made of them.

What each measures is said in `simulations.commutation`; jax is imported when a block is computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from simulations.accumulators import Block, Counts, Moments
from simulations.commutation import params as checks
from simulations.commutation.params import (
    Params,
    branch_factors,
    laws,
    room,
    slopes,
    statistics,
    tangent_statistics,
    weight_variance,
)
from simulations.core import Estimate, Experiment, Law, Result, samples_per_block

if TYPE_CHECKING:
    import jax

    from simulations.commutation.networks import Code

LEAST_ROOM = 512
"""Layers for which there is room in any case, so that depths up to it share compiled code."""
LEAST_EDGES = 128
"""Edges of bins for which there is room in any case."""


def kernel_block(key: jax.Array, p: Params, count: int) -> Block:
    """One block of networks: the statistics of their kernels at all recorded layers."""
    from simulations.commutation.networks import kernel_statistics

    block = _block(kernel_statistics, _kernel_code(p), key, p, count, laws(p))
    if not p.reference:
        del block["error"], block["sup_error"]
    used = {"kernel": p.records, "variance": p.records, "error": p.depth}
    return {
        name: Moments(*(np.asarray(field)[: used[name]] for field in acc)) if name in used else acc
        for name, acc in block.items()
    }


def ntk_block(key: jax.Array, p: Params, count: int) -> Block:
    """One block of networks with their tangent kernels."""
    from simulations.commutation import tangent_kernel

    names = tangent_statistics(p)
    return _block(tangent_kernel.tangent_statistics, _ntk_code(p), key, p, count, names)


def _kernel_code(p: Params) -> Code:
    return _code(
        p,
        rescaled=p.architecture != "resnet" and p.homogeneous,
        layers=room(p, LEAST_ROOM),
    )


def _ntk_code(p: Params) -> Code:
    return _code(p, rescaled=False, layers=room(p, 2), stored=True)


def _code(p: Params, **more: Any) -> Code:
    from simulations.commutation.networks import Code

    return Code(
        width=p.width,
        inner=p.inner_width or 0,
        columns=p.columns,
        activation=p.activation,
        dtype=p.dtype,
        explicit=p.sampler == "explicit",
        residual=p.architecture == "resnet",
        shaped=p.architecture == "shaped",
        biased=p.bias_variance > 0,
        **more,
    )


def _block(
    statistics: Callable[..., Block],
    code: Code,
    key: jax.Array,
    p: Params,
    count: int,
    names: list[str],
) -> Block:
    from simulations import coupled, forward

    real = np.dtype(p.dtype).type
    alpha = np.zeros(code.layers + 1, p.dtype)  # an odd depth ends with half a pair of layers
    alpha[: p.depth] = branch_factors(p) if code.residual else 1
    plus, minus = slopes(p)
    edges = np.full(max(LEAST_EDGES, 1 << len(p.edges).bit_length()), np.inf)
    edges[: len(p.edges)] = p.edges
    dynamic = {
        "depth": p.depth,
        "records": p.records,
        "alpha": alpha,
        "root": square_root(p.covariance).astype(p.dtype),
        "gram": p.covariance.astype(p.dtype),
        "sigma_w": real(math.sqrt(weight_variance(p))),
        "sigma_b": real(math.sqrt(p.bias_variance)),
        "plus": real(plus),
        "minus": real(minus),
        "edges": edges,
        "binned": names.index(p.binned) if p.edges else 0,
        "conditional": real(p.backward == "conditional"),
    }
    reference = np.zeros((code.layers + 1, min(p.columns, 2)))
    if p.reference:
        reference[: p.depth] = p.reference
    dynamic["reference"] = reference
    block: Block = coupled.compiled(statistics, code, forward.lanes_here())(key, count, dynamic)
    counts = block.pop("law")
    if p.edges:
        block["law"] = Counts(*(np.asarray(field)[: len(p.edges) + 1] for field in counts))
    return block


def square_root(gram: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Lower triangular R with R R^T = gram, a zero column where a row depends on those before."""
    k = len(gram)
    root = np.zeros((k, k))
    for a in range(k):
        for b in range(a):
            if root[b, b]:
                root[a, b] = (gram[a, b] - root[a, :b] @ root[b, :b]) / root[b, b]
        rest = gram[a, a] - root[a, :a] @ root[a, :a]
        root[a, a] = math.sqrt(rest) if rest > 16 * k * 2**-53 * gram[a, a] else 0.0
    return root


def kernel_estimates(block: Block, p: Params) -> Result:
    """Named estimates; those at an earlier record, at time t = l / L, carry the suffix `@t`."""
    result: Result = {}
    varied = [f"n_var_{name}" for name in ("q_aa", "q_ab")][: p.columns]
    for record, suffix, index in _records(p):
        for k, name in enumerate(statistics(p)):
            result[name + suffix] = Estimate.of(block["kernel"], (record, k))
        for k, name in enumerate(["var_log_q", *varied]):
            found = Estimate.of(block["variance"], (record, k))
            result[name + suffix] = found.times(p.width if k else 1)
        if p.reference:
            for k, name in enumerate(("error_aa", "error_ab")[: p.columns]):
                result[name + suffix] = _root(Estimate.of(block["error"], (index, k)))
    if p.reference:
        for k, name in enumerate(("error_aa", "error_ab")[: p.columns]):
            every = [_root(Estimate.of(block["error"], (i, k))) for i in range(p.depth)]
            result[f"sup_{name}"] = max(every, key=lambda e: e.value)
            result[f"l2_sup_{name}"] = _root(Estimate.of(block["sup_error"], (k,)))
    return result | _law(block, p)


def ntk_estimates(block: Block, p: Params) -> Result:
    """Named estimates of the entries of the tangent kernel."""
    names = tangent_statistics(p)
    result: Result = {name: Estimate.of(block["ntk"], k) for k, name in enumerate(names)}
    for k, name in enumerate(("ntk_aa", "ntk_ab")[: p.columns]):
        result[f"n_var_{name}"] = Estimate.of(block["variance"], k).times(p.width)
    return result | _law(block, p)


def _records(p: Params) -> Iterator[tuple[int, str, int]]:
    """Every record, the suffix of its estimates and its layer, counted from 0."""
    pairs_of_layers = (p.depth + 1) // 2
    for record in range(p.records - 1):
        done = 2 * (pairs_of_layers * (record + 1) // p.records)
        yield record, f"@{done / p.depth:g}", done - 1
    yield p.records - 1, "", p.depth - 1


def _root(e: Estimate) -> Estimate:
    """The root of a mean, its error to first order."""
    root = math.sqrt(e.value)
    return e._replace(value=root, stderr=e.stderr / (2 * root) if root else e.stderr)


def _law(block: Block, p: Params) -> Result:
    if not p.edges:
        return {}
    counts = block["law"]
    assert isinstance(counts, Counts), "laws are counts"
    return {"law": Law(np.asarray(p.edges), np.asarray(counts.counts))}


def kernel_block_size(p: Params) -> int:
    """Samples in a full block of kernels."""
    return samples_per_block(p.depth * _draws(p), _kernel_code(p).batch)


def ntk_block_size(p: Params) -> int:
    """Samples in a full block of tangent kernels, drawn twice forward and once back."""
    return samples_per_block(3 * p.depth * _draws(p), _ntk_code(p).batch)


def _draws(p: Params) -> int:
    """Normals of one layer of one sample."""
    inner = p.inner_width or 0
    if p.sampler == "explicit":
        return 2 * p.width * inner or p.width**2
    return p.columns * (p.width + inner)


PATHS = Experiment(
    "commutation/paths",
    Params,
    kernel_block,
    kernel_estimates,
    kernel_block_size,
    code=_kernel_code,
    check=checks.check_kernel,
)
NTK = Experiment(
    "commutation/ntk",
    Params,
    ntk_block,
    ntk_estimates,
    ntk_block_size,
    code=_ntk_code,
    check=checks.check_ntk,
)

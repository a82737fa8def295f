"""The experiments on residual networks: their blocks, and the estimates made of them.

What each measures is said in `simulations.depth_limit`; jax is imported when a block is computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from simulations.accumulators import Accumulator, Block, Counts, Moments
from simulations.core import Estimate, Experiment, Law, Result, samples_per_block
from simulations.depth_limit import params as checks
from simulations.depth_limit.params import MAX_RECORDS, Params, stored

if TYPE_CHECKING:
    import jax

    from simulations.coupled import Static


def paths_block(key: jax.Array, p: Params, count: int) -> Block:
    """One block of coupled networks: all statistics at all recorded times."""
    from simulations.residual import path_statistics

    return _block(path_statistics, _static(p), key, p, count)


def coupling_block(key: jax.Array, p: Params, count: int) -> Block:
    """One block: squared distance of the two coupled networks, largest over the common layers."""
    from simulations.residual import gap_statistics

    return _block(gap_statistics, _static(p), key, p, count)


def pre_norm_block(key: jax.Array, p: Params, count: int) -> Block:
    """One block of coupled networks: the norm before phi."""
    from simulations.norms import pre_norm_statistics

    return _block(pre_norm_statistics, _static(p), key, p, count)


def tangent_block(key: jax.Array, p: Params, count: int) -> Block:
    """One block of coupled networks with a tangent each."""
    from simulations.norms import tangent_statistics

    return _block(tangent_statistics, _two(p), key, p, count)


def correlation_block(key: jax.Array, p: Params, count: int) -> Block:
    """One block of coupled networks with two inputs each."""
    from simulations.two_inputs import correlation_statistics

    return _block(correlation_statistics, _two(p), key, p, count)


def jacobian_block(key: jax.Array, p: Params, count: int) -> Block:
    """One block of coupled networks with their Jacobians."""
    from simulations.jacobian import jacobian_statistics

    return _block(jacobian_statistics, _explicit(p), key, p, count)


def gradient_block(key: jax.Array, p: Params, count: int) -> Block:
    """One block of networks with a gradient each, by its law given the forward path."""
    from simulations.backward import gradient_statistics

    return _block(gradient_statistics, _kept(p), key, p, count)


def _static(p: Params, **more: Any) -> Static:
    from simulations.coupled import Static

    fields = {"explicit": p.sampler == "explicit"} | more
    return Static(p.width, p.activation, p.dtype, records=MAX_RECORDS, **fields)


def _two(p: Params) -> Static:
    return _static(p, columns=2, option=p.direction)


def _explicit(p: Params) -> Static:
    return _static(p, explicit=True, option=p.direction)


def _kept(p: Params) -> Static:
    return _static(p, option=f"{p.direction} {p.backward}", stored=stored(p))


def _block(
    statistics: Callable[..., Block], static: Static, key: jax.Array, p: Params, count: int
) -> Block:
    from simulations import coupled, forward

    real = np.dtype(p.dtype).type
    active, control = _active_at_start(p)
    dynamic = {
        "depth": p.depth,
        "records": p.records,
        "random_start": p.start is None,
        "h": real(p.time / p.depth),
        "time": real(p.time),
        "scale": real(math.sqrt(p.q0) if p.start is None else p.start),
        "active_at_start": real(active),
        "control": real(control),
        "correlation": real(p.correlation),
        "edges": np.asarray(p.edges, dtype=p.dtype),
    }
    block = coupled.compiled(statistics, static, forward.lanes_here())(key, count, dynamic)
    return {name: _used(acc, p.records) for name, acc in block.items()}


def _used(accumulator: Accumulator, records: int) -> Accumulator:
    """The rows of the records that were made; compiled code has room for MAX_RECORDS."""
    if isinstance(accumulator, Counts):
        return accumulator
    return Moments(*(np.asarray(field)[:records] for field in accumulator))


def _active_at_start(p: Params) -> tuple[float, bool]:
    """E[A_0 | N_0 > 0], a binomial mean, and whether to subtract A_0 as a control.

    Not for a user's own activation: where it vanishes is unknown, and so is the condition.
    """
    from theory.activations import activation

    family, colon, _ = p.activation.partition(":")
    if colon and family not in ("leaky_relu", "hermite", "ou"):
        return 0.0, False
    if p.start is not None:
        return p.width * float(p.start > 0), True
    survives = 1 - 0.5**p.width if activation(p.activation).dead == "negative" else 1.0
    return p.width / 2 / survives, True


def paths_estimates(block: Block, p: Params) -> Result:
    """Named estimates; those at an earlier recorded time t carry the suffix `@t`."""
    from simulations.residual import STATISTICS

    result: Result = {}
    for suffix, here in _by_row(block["paths"], STATISTICS, p):
        here["log_ratio"] = _given_survival(here["log_ratio"], here["dead_control"])
        del here["dead_control"]
        result |= {f"{name}{suffix}": value for name, value in here.items()}
    return result | _law(block, "neuron", p)


def _by_row(
    moments: Accumulator, names: Sequence[str], p: Params
) -> Iterator[tuple[str, dict[str, Estimate]]]:
    """Suffix and estimates of every row at every record, the last record without its time."""
    from simulations.coupled import ROWS

    assert isinstance(moments, Moments), "these are moments"
    rows = min(np.shape(moments.n)[1], len(ROWS) if p.depth > 1 else 1)
    for record in range(p.records):
        last = record == p.records - 1
        at = "" if last else f"@{p.time * (record + 1) / p.records:g}"
        for row, kind in enumerate(ROWS[:rows]):
            yield (
                f"{kind}{at}",
                {name: Estimate.of(moments, (record, row, k)) for k, name in enumerate(names)},
            )


def _law(block: Block, name: str, p: Params) -> Result:
    if name not in block:
        return {}
    counts = block[name]
    assert isinstance(counts, Counts), "laws are counts"
    return {name: Law(np.asarray(p.edges), np.asarray(counts.counts))}


def _named(block: Block, kind: str, names: Sequence[str], p: Params) -> Result:
    return {
        f"{name}{suffix}": estimate
        for suffix, here in _by_row(block[kind], names, p)
        for name, estimate in here.items()
    }


def _given_survival(kept: Estimate, dead: Estimate) -> Estimate:
    """E[log ratio | survival] from its mean over survivors with the control removed.

    The control C has mean zero given N_0 > 0, not given survival: E[C; alive] = -E[C; dead].
    Survivors and dead are independent samples given their numbers.
    """
    if dead.samples < 2:
        return kept
    started = kept.samples + dead.samples
    p = kept.samples / started
    odds = (1 - p) / p
    odds_error = math.sqrt((1 - p) / (p**3 * started))
    stderr = math.hypot(kept.stderr, odds * dead.stderr, dead.value * odds_error)
    return kept._replace(value=kept.value - odds * dead.value, stderr=stderr)


def gap_estimates(block: Block, p: Params) -> Result:
    """The mean of the largest squared distance."""
    return {"sup_gap": Estimate.of(block["gap"], (0,))}


def pre_norm_estimates(block: Block, p: Params) -> Result:
    """Named estimates, rows and records as those of the paths."""
    from simulations.norms import PRE_NORM as names

    return _named(block, "pre_norm", names, p)


def tangent_estimates(block: Block, p: Params) -> Result:
    """Named estimates, rows and records as those of the paths."""
    from simulations.norms import TANGENT as names

    return _named(block, "tangent", names, p)


def correlation_estimates(block: Block, p: Params) -> Result:
    """Named estimates, rows and records as those of the paths, and the law `post`."""
    from simulations.two_inputs import KINDS

    return _named(block, "correlation", tuple(KINDS), p) | _law(block, "post", p)


def jacobian_estimates(block: Block, p: Params) -> Result:
    """Named estimates, rows and records as those of the paths."""
    from simulations.jacobian import names

    return _named(block, "jacobian", names(p.width), p)


def gradient_estimates(block: Block, p: Params) -> Result:
    """Named estimates of the network itself: it has no coarse companion."""
    from simulations.backward import GRADIENT as names

    return _named(block, "gradient", names, p)


def block_size(p: Params) -> int:
    """Samples in a full block of paths."""
    return _size(p, _static(p), p.width ** (2 if p.sampler == "explicit" else 1))


def two_block_size(p: Params) -> int:
    """Samples in a full block with two columns."""
    return _size(p, _two(p), p.width**2 if p.sampler == "explicit" else 2 * p.width)


def jacobian_block_size(p: Params) -> int:
    """Samples in a full block of Jacobians; their products cost more than their draws."""
    return _size(p, _explicit(p), p.width**3)


def gradient_block_size(p: Params) -> int:
    """Samples in a full block of gradients, drawn twice forward and once back."""
    return _size(p, _kept(p), 3 * p.width)


def _size(p: Params, static: Static, draws_per_layer: int) -> int:
    return samples_per_block(p.depth * draws_per_layer, static.batch)


def code(p: Params) -> tuple[object, ...]:
    """What fixes the compiled code: depth, times and start are data."""
    return p.width, p.activation, p.dtype, p.sampler, len(p.edges)


def code_with_direction(p: Params) -> tuple[object, ...]:
    """As `code`, where the direction is compiled too."""
    return *code(p), p.direction


def code_with_path(p: Params) -> tuple[object, ...]:
    """As `code`, where the room for the path is compiled too."""
    return *code(p), p.direction, p.backward, stored(p)


PATHS = Experiment(
    "depth_limit/paths",
    Params,
    paths_block,
    paths_estimates,
    block_size,
    code=code,
    check=checks.check_paths,
)
COUPLING = Experiment(
    "depth_limit/coupling",
    Params,
    coupling_block,
    gap_estimates,
    block_size,
    code=code,
    check=checks.check_paths,
)
PRE_NORM = Experiment(
    "depth_limit/pre_norm",
    Params,
    pre_norm_block,
    pre_norm_estimates,
    block_size,
    code=code,
    check=checks.check_pre_norm,
)
TANGENT = Experiment(
    "depth_limit/tangent",
    Params,
    tangent_block,
    tangent_estimates,
    two_block_size,
    code=code_with_direction,
    check=checks.check_tangent,
)
JACOBIAN = Experiment(
    "depth_limit/jacobian",
    Params,
    jacobian_block,
    jacobian_estimates,
    jacobian_block_size,
    code=code_with_direction,
    check=checks.check_jacobian,
)
GRADIENT = Experiment(
    "depth_limit/gradient",
    Params,
    gradient_block,
    gradient_estimates,
    gradient_block_size,
    code=code_with_path,
    check=checks.check_gradient,
)
CORRELATION = Experiment(
    "depth_limit/correlation",
    Params,
    correlation_block,
    correlation_estimates,
    two_block_size,
    code=code,
    check=checks.check_correlation,
)

r"""The semidefinite program as a whole, by a primal-dual interior point method.

Dense and cubic in all hidden units together: for networks of up to about a thousand of them, for
implicit ones, and as a check of the ascent, with which it shares nothing.  The l2 program is

    min rho  subject to  rho E_0 + sum_i l_i (p_i q_i^T + q_i p_i^T) - C^T C >= 0

(see `theory.lipschitz.relaxations`); l_inf replaces rho E_0 by diag(mu) and -C^T C by the further
signals y with diag(delta) and the off-diagonal block C, and minimises (sum mu + sum delta) / 2,
a bound l_inf -> |.| for one output and l_inf -> l_1 for several (derived).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.linalg

from theory.lipschitz import primal_dual
from theory.lipschitz.candidate import Candidate
from theory.lipschitz.network import Network, Stage, dense
from theory.lipschitz.nonlinearity import group_basis
from theory.lipschitz.primal_dual import Optimum, Program
from theory.lipschitz.relaxations import Rows, Units, scalar_stages, stacked
from theory.lipschitz.scaling import packed, stage_exponents

Vector = np.ndarray[Any, np.dtype[np.float64]]
Indices = np.ndarray[Any, np.dtype[np.intp]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]

LIMIT = 1600
"""Most signals (inputs, units, for l_inf outputs) that are attempted."""

_MARGIN = 1.03
"""Multipliers of the start over the least ones: strict feasibility at every stage."""


def interior_point(network: Network, norm: str = "l2", tolerance: float = 1e-4) -> Candidate:
    """The optimum of the relaxation to a relative `tolerance`, with its multipliers and dual value.

    Raises ValueError for networks with more than about 1500 units, inputs and outputs, and for an
    implicit layer that no multipliers prove well posed.  Groups in an implicit layer have only the
    relaxation "lipschitz".
    """
    groups = network.is_implicit and not network.kinds <= {"slopes"}
    return solve(network, norm, tolerance, "lipschitz" if groups else "exact")


def solve(network: Network, norm: str, tolerance: float, relaxation: str) -> Candidate:
    """The same for a relaxation of `generic_rows`."""
    if norm not in ("l2", "linf"):
        raise ValueError(f"norm must be 'l2' or 'linf', not {norm!r}.")
    exponents = stage_exponents(network)
    if norm == "l2":
        network = _narrow(network)
    _check_size(network, norm, relaxation)
    stages = scalar_stages(network, exponents, relaxation)
    rows = stacked(stages)
    start = _start(stages, rows, norm)
    name = "exact" if relaxation == "diagonal" else relaxation
    if start is None:
        return _zero(network, norm, name, rows)
    loop = any(stage.loop is not None for stage in stages)
    program, scale = _program(rows, start, norm, loop)
    y = np.where(program.b > 0, 1.5, 1.0)
    while primal_dual.cholesky(program.slack(y)) is None:
        y[program.b > 0] *= 2
        if y.max() > 1e30:
            raise ValueError("the interior point method finds no starting point.")
    # rho is the square of the bound.
    found = primal_dual.minimise(program, y, 2 * tolerance if norm == "l2" else tolerance)
    return _candidate(rows, start, scale, found, norm, name, exponents)


def _narrow(network: Network) -> Network:
    """The same l2 bounds with no more inputs than numbers that the first stage forms of them."""
    first = network.stages[0]
    parts = [dense(part) for part in (first.skip, first.inner) if part is not None]
    stack = np.vstack(parts)
    if stack.shape[0] >= stack.shape[1]:
        return network
    # Powers of two keep the squares inside the factorisation in range.
    shift = math.frexp(float(np.abs(stack).max()))[1]
    (root,) = scipy.linalg.qr(np.ldexp(stack, -shift).T, mode="r", check_finite=False)
    root = np.ldexp(root[: stack.shape[0]].T, shift)
    split = 0 if first.skip is None else first.skip.shape[0]
    narrow = replace(
        first,
        skip=None if first.skip is None else root[:split],
        inner=None if first.inner is None else root[split:],
    )
    return Network.of_stages((narrow, *network.stages[1:]))


def _check_size(network: Network, norm: str, relaxation: str) -> None:
    size = network.inputs + sum(_signals(stage, relaxation) for stage in network.stages)
    if norm == "linf":
        size += network.outputs
    if size > LIMIT:
        raise ValueError(
            f"the interior point method is dense in all {size} signals: that would take about"
            f" {160 * size**2 / 2**30:.2g} GB and {7e-10 * size**3 * 30 / 60:.2g} minutes; the"
            f" limit is {LIMIT}; use 'lipsdp' or 'nsr-full'."
        )


def _signals(stage: Stage, relaxation: str) -> int:
    kind = stage.activation
    if kind is None or kind.kind == "slopes" or relaxation != "exact":
        return stage.units
    return stage.units // kind.group_size * len(group_basis(kind)[0])


# --- starting point ----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Start:
    """Feasible multipliers, in the scaled units of the stages."""

    multipliers: Vector
    """One per unit, equal where tied."""
    input: Vector
    """rho, or mu for l_inf."""
    output: Vector
    """delta for l_inf, else empty."""
    used: Mask
    """Units that are neither constant nor unread."""
    constant: Mask


def _start(stages: Sequence[Units], rows: Rows, norm: str) -> _Start | None:
    """Multipliers with which the program is feasible; None where the network is constant."""
    used, constant = _used(rows)
    output = rows.output
    if not output[:, _kept(rows, used)].any():
        return None
    delta = np.ones(len(output))
    if any(stage.loop is not None for stage in stages):
        multipliers, storage = _loop_start(rows, used)
    else:
        multipliers, storage = _backward(stages)
    largest = max(float(np.linalg.eigvalsh(storage)[-1]), 1e-300)
    if norm == "l2":
        return _Start(multipliers, np.array([largest]), np.zeros(0), used, constant)
    # Balanced: all of mu and all of delta are the same in sum.
    mu = np.full(rows.inputs, largest)
    balance = math.sqrt(delta.sum() / mu.sum())
    return _Start(multipliers * balance, mu * balance, delta / balance, used, constant)


def _used(rows: Rows) -> tuple[Mask, Mask]:
    """Which units depend on the input and are read, by repeated exact tests; which are constant."""
    used = np.ones(len(rows.rows), dtype=bool)
    constant = np.zeros(len(rows.rows), dtype=bool)
    while True:
        inside = rows.rows * _kept(rows, used)
        alive = np.bincount(rows.tie, weights=inside.any(axis=1) & used) > 0
        signals = np.asarray(np.vstack([rows.rows[used], rows.output]).any(axis=0))[rows.inputs :]
        read = np.bincount(rows.tie, weights=signals & used) > 0
        after = used & np.take(alive & read, rows.tie)
        constant |= used & ~np.take(alive, rows.tie)
        if np.array_equal(after, used):
            return used, constant
        used = after


def _kept(rows: Rows, used: Mask) -> Mask:
    return np.concatenate([np.ones(rows.inputs, dtype=bool), used])


def _backward(stages: Sequence[Units]) -> tuple[Vector, Vector]:
    """One multiplier per stage, from the last to the first, and the storage matrix of the input.

    A unit with slopes in [a, b], beta = max(|a|, |b|), turns a storage of p e^2 into no more than
    p beta^2 v^2 with the multiplier p beta / (b - a).
    """
    storage = np.eye(stages[-1].skip.shape[0])
    multipliers: list[Vector] = []
    for stage in reversed(stages):
        inside = stage.outer.T @ storage @ stage.outer
        after = storage @ stage.skip
        storage = stage.skip.T @ after
        lower, upper = stage.lower, stage.upper
        if not lower.size:
            multipliers.append(lower)
            continue
        largest = max(float(np.linalg.eigvalsh(inside)[-1]), 1e-250)
        beta = np.maximum(np.abs(lower), np.abs(upper))
        own = _MARGIN * largest * beta / (upper - lower)
        mixed = (own * (lower + upper))[:, None] * stage.inner + stage.outer.T @ after
        root = np.linalg.cholesky(2 * np.diag(own) - inside)
        half = scipy.linalg.solve_triangular(root, mixed, lower=True)
        storage += half.T @ half - 2 * stage.inner.T @ (
            (own * lower * upper)[:, None] * stage.inner
        )
        multipliers.append(own)
    return np.concatenate(multipliers[::-1]), (storage + storage.T) / 2


def _loop_start(rows: Rows, used: Mask) -> tuple[Vector, Vector]:
    """Multipliers that prove an implicit layer well posed, large enough for the output.

    They come from the program min t subject to sum_i l_i (p_i q_i^T + q_i p_i^T) + t I >= 0 and
    l_i + t >= 0, of which any t < 0 will do.
    """
    lines = _lines(rows, used)
    size = len(lines.tie)
    own = _Lines(lines.p[:, :size], lines.q[:, :size], lines.tie, lines.last)
    program = own.program(np.zeros(size, dtype=np.intp), [1.0], np.zeros((size, size)), size, True)
    y = np.ones(program.b.size)
    y[0] = max(0.0, -np.linalg.eigvalsh(program.slack(np.append(0.0, y[1:])))[0]) + 1
    found = primal_dual.minimise(program, y, 0.0, target=-0.2, iterations=60)
    if not found.value < -1e-7:
        raise ValueError(
            "no multipliers prove this implicit layer well posed (e = phi(J e + W x) has one"
            " solution); make its loop matrix J smaller."
        )
    output = rows.output[:, _order(rows, used)]
    heavy = float(np.linalg.norm(output[:, :size], 2)) ** 2
    numbers = found.y[1:] * max(2 * heavy / -found.value, 1e-250)
    half = lines.p.T @ (numbers[lines.tie][:, None] * lines.q)
    m = half + half.T - output.T @ output
    across = m[:size, size:]
    storage = across.T @ np.linalg.solve(m[:size, :size], across) - m[size:, size:]
    multipliers = np.ones(used.size)
    multipliers[used] = numbers[lines.tie]
    return multipliers, (storage + storage.T) / 2


# --- program -----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Lines:
    """Rows p_i, q_i of the units on the signals, and the numbers 0, 1, ... of their multipliers."""

    p: Vector
    q: Vector
    tie: Indices
    last: int
    """Number of multipliers."""

    def program(
        self, identity: Indices, weights: Any, constant: Vector, tail: int, signs: bool
    ) -> Program:
        """With signal j also in the multiplier identity[j] (none: -1) of objective `weights`.

        `signs`: the others must not be negative; by further signals in front, one for each.
        """
        p, q, tie = self.p, self.q, self.tie
        if signs:
            ahead = math.sqrt(0.5) * np.eye(self.last)
            p, q = (scipy.linalg.block_diag(ahead, part) for part in (p, q))
            tie = np.concatenate([np.arange(self.last), tie])
            constant = scipy.linalg.block_diag(np.zeros_like(ahead), constant)
            # In the search for a start they count like all signals.
            inside = 0 if (identity == 0).all() else -1
            tail += self.last if inside == 0 else 0
            identity = np.concatenate([np.full(self.last, inside), identity])
        weights = np.asarray(weights)
        own = math.sqrt(0.5) * np.eye(identity.size)[identity >= 0]
        return Program(
            primal_dual.rows(np.vstack([own, p])),
            primal_dual.rows(np.vstack([own, q])),
            np.concatenate([identity[identity >= 0], tie + weights.size]),
            np.concatenate([weights, np.zeros(self.last)]),
            constant,
            tail,
        )


def _order(rows: Rows, used: Mask) -> Indices:
    """Signals as the program has them: units in use, then the inputs."""
    return np.concatenate([rows.inputs + np.flatnonzero(used), np.arange(rows.inputs)])


def _lines(rows: Rows, used: Mask) -> _Lines:
    part = rows.rows[used][:, _order(rows, used)]
    eye = np.eye(*part.shape)
    numbers, tie = np.unique(rows.tie[used], return_inverse=True)
    lower, upper = rows.lower[used, None], rows.upper[used, None]
    return _Lines(eye - lower * part, eye - upper * part, tie, numbers.size)


def _program(rows: Rows, start: _Start, norm: str, loop: bool) -> tuple[Program, float]:
    """The program in signals with which all multipliers of the start are 1, and its unit."""
    used = start.used
    lines, output = _lines(rows, used), rows.output[:, _order(rows, used)]
    own = np.sqrt(start.multipliers[used])
    n, size = rows.inputs, own.size
    mu = np.full(n, start.input[0]) if norm == "l2" else start.input
    by = np.concatenate([own, np.sqrt(mu)])
    p, q = (own[:, None] * part / by for part in (lines.p, lines.q))
    output = output / by
    if norm == "l2":
        identity = np.concatenate([np.full(size, -1), np.zeros(n, dtype=np.intp)])
        scaled = _Lines(p, q, lines.tie, lines.last)
        return scaled.program(identity, [1.0], output.T @ output, n, loop), float(mu[0])
    count = len(output)
    output = output / np.sqrt(start.output)[:, None]
    order = np.concatenate([np.arange(size), size + count + np.arange(n)])
    wide = np.zeros((2, size, size + count + n))
    wide[0][:, order], wide[1][:, order] = p, q
    constant = np.zeros((size + count + n,) * 2)
    outs = slice(size, size + count)
    constant[outs, order] = output
    constant[order, outs] = output.T
    identity = np.concatenate([np.full(size, -1), np.arange(count + n)])
    weights = np.concatenate([start.output, mu]) / 2
    scaled = _Lines(wide[0], wide[1], lines.tie, lines.last)
    unit = float(weights.sum())
    return scaled.program(identity, weights / unit, constant, 0, loop), unit


# --- result ------------------------------------------------------------------------------------


def _candidate(
    rows: Rows, start: _Start, unit: float, found: Optimum, norm: str, name: str, base: Any
) -> Candidate:
    power = 0.5 if norm == "l2" else 1.0
    shift = base[-1] * math.log(2) + power * math.log(unit)

    def log(value: float) -> float:
        return shift + power * math.log(value) if value > 0 else -math.inf

    count = rows.output.shape[0]
    if norm == "l2":
        numbers, output = found.y[1:], np.ones(1)
        outer = np.array([found.value * unit])
        value = log(found.value)
    else:
        numbers = found.y[count + rows.inputs :]
        outer = found.y[count : count + rows.inputs] * start.input
        delta = found.y[:count] * start.output
        output = 1 / delta
        value = base[-1] * math.log(2) + 0.5 * math.log(outer.sum() * delta.sum())
    parts = _stage_multipliers(rows, start, numbers)
    history = tuple((k, log(dual), log(best)) for k, dual, best in found.history)
    return packed(
        Candidate(
            norm,
            name,
            value,
            tuple(base),
            outer,
            output,
            parts,
            log(found.dual),
            found.iterations,
            history,
        )
    )


def _stage_multipliers(rows: Rows, start: _Start, numbers: Vector) -> tuple[Vector | None, ...]:
    """Per stage; inf for constant units, 0 for unread ones, nan for linear ones (see `packed`)."""
    multipliers = np.full(sum(rows.multipliers), np.nan)
    tie = rows.tie[start.used]
    _, compressed = np.unique(tie, return_inverse=True)
    inside = tie < multipliers.size
    each = numbers[compressed] * start.multipliers[start.used] / rows.gain[start.used] ** 2
    multipliers[tie[inside]] = each[inside]
    for idle, number in ((start.constant, math.inf), (~start.used & ~start.constant, 0.0)):
        number_of = rows.tie[idle]
        multipliers[number_of[number_of < multipliers.size]] = number
    parts = np.split(multipliers, np.cumsum(rows.multipliers)[:-1])
    return tuple(part if part.size else None for part in parts)


def _zero(network: Network, norm: str, name: str, rows: Rows) -> Candidate:
    """The network is constant."""
    inputs = 1 if norm == "l2" else network.inputs
    outputs = 1 if norm == "l2" else network.outputs
    return Candidate(
        norm,
        name,
        -math.inf,
        (0,) * (len(network.stages) + 1),
        np.zeros(inputs),
        np.ones(outputs),
        tuple(np.ones(count) if count else None for count in rows.multipliers),
        -math.inf,
    )

r"""The largest gain of a network over all patterns of its activations ("FGL").

Between two inputs every unit multiplies its increment by a slope in [a, b], a GroupSort group mixes
permutations, a Householder group mixes I and I - 2 u u^T / |u|^2.  The gain is linear in each of
these, its norm convex, so the largest norm is reached at a vertex: slopes a or b, one permutation
or reflection per group.  It bounds the Lipschitz constant from above, and every LipSDP bound lies
above it (Pauli et al. 2024, table 1).  In an implicit layer e = D (W x + J e) the gain
G (I - D J)^-1 D W is a Moebius function of each slope, so the same holds where no matrix I - D J is
singular, that is, where all vertices have det (I - D J) of one sign.

`fgl` enumerates.  All sums over groups are built by doubling: a partial sum over the first groups
is shared by all patterns that agree there.  Where that is too much, `rounded` finds patterns with
a large gain.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from theory.lipschitz.candidate import Candidate
from theory.lipschitz.network import Network, Stage, dense, log2_scale
from theory.lipschitz.nonlinearity import Nonlinearity
from theory.lipschitz.patterns_proof import proves as proves
from theory.lipschitz.rounding import rounded as rounded

Vector = np.ndarray[Any, np.dtype[np.float64]]

MOST_PATTERNS = 2**22
"""The largest number of patterns that is enumerated."""
_BLOCK = 2**18  # numbers in one block of gains


@dataclass(frozen=True, eq=False)
class _Step:
    """x <- skip x + sum over groups of outer D inner x; `inner` None is I, `terms` empty: linear.

    `terms`: pairs (units of the group, their outer D for all choices, (out, choices, units)).
    """

    skip: Vector | None
    inner: Vector | None
    terms: tuple[tuple[slice, Vector], ...]


def fgl(network: Network, norm: str = "l2", most: int = MOST_PATTERNS) -> Candidate:
    """The exact largest gain over all patterns, in floats (relative error about 1e-14).

    norm "l2": of the spectral norm; "linf": of the norm l_inf -> l_1, which is the l_1 norm of the
    gradient for one output.  `input` of the candidate is the square (linf: the gain), enlarged by
    what a proof needs.  Raises ValueError where more than `most` patterns (and, for "linf",
    signs of the smaller side) would have to be looked at.
    """
    if norm not in ("l2", "linf"):
        raise ValueError(f"norm must be 'l2' or 'linf', not {norm!r}.")
    exponents, stages = _scaled(network)
    free = [_choices(stage, live) for stage, live in zip(stages, _live(stages), strict=True)]
    sides = network.inputs, network.outputs
    signs = min(sides) - 1 if norm == "linf" else 0
    count = math.prod(len(c) for choices in free for c in choices) << signs
    if count > most:
        raise ValueError(
            f"the exact gain needs {_size(count)} patterns, more than {_size(most)}; use another "
            "method ('lipsdp' or 'nsr-full' for an upper bound) or `rounded` for a lower one."
        )
    if norm == "l2":
        stages = _compact(stages)
    if network.is_implicit:
        gains = _implicit_gains(stages, free)
    else:
        if stages[-1].outputs < stages[0].inputs:
            stages, free = _transposed(stages), free[::-1]
        gains = _gains(_steps(stages, free), norm)
    best = 0.0
    for gain in gains:
        best = max(best, _largest(gain, best) if norm == "l2" else _largest_linf(gain))
    rho = best * best if norm == "l2" else best
    for slack in (1e-11, 1e-9, 1e-7, 1e-5):
        claimed = rho * (1 + slack)
        if not proves(network, norm, claimed, exponents):
            break
    return Candidate(
        norm,
        "patterns",
        math.log(best) + exponents[-1] * math.log(2) if best else -math.inf,
        exponents,
        np.array([claimed]),
        np.ones(1),
        tuple(None for _ in stages),
    )


def _size(count: int) -> str:
    return str(count) if count < 10**6 else f"2^{math.log2(count):.0f}"


def _scaled(network: Network) -> tuple[tuple[int, ...], list[Stage]]:
    """Stages with dense entries of order 1, and the exponents of the signals between them."""
    exponents, stages = [0], []
    for stage in network.stages:
        parts: dict[str, Any] = {
            name: None if getattr(stage, name) is None else dense(getattr(stage, name))
            for name in ("skip", "inner", "outer", "loop")
        }
        gain = max(log2_scale(parts[n]) for n in ("skip", "inner") if parts[n] is not None)
        for name in ("skip", "inner"):
            if parts[name] is not None:
                parts[name] = np.ldexp(parts[name], -gain)
        exponents.append(exponents[-1] + gain)
        stages.append(
            Stage(**parts, activation=stage.activation, lower=stage.lower, upper=stage.upper)
        )
    return tuple(exponents), stages


def _live(stages: Sequence[Stage]) -> list[Any]:
    """Per stage, which units lie on a path of weights from an input to an output."""
    fed = _reached(stages)
    read = _reached(_transposed(stages))[::-1]
    return [a & b for a, b in zip(fed, read, strict=True)]


def _reached(stages: Sequence[Stage]) -> list[Any]:
    """Per stage, which units are reached from an input; a group is as soon as one unit is."""
    x: Any = np.ones(stages[0].inputs, dtype=bool)
    fed = []
    for stage in stages:
        after: Any = np.zeros(stage.outputs, dtype=bool)
        if stage.skip is not None:
            after = (stage.skip != 0) @ x
        units: Any = np.zeros(0, dtype=bool)
        if stage.inner is not None:
            assert stage.activation is not None
            g = stage.activation.group_size
            units = np.repeat(((stage.inner != 0) @ x).reshape(-1, g).any(axis=1), g)
            units |= stage.loop is not None
            after = after | (units if stage.outer is None else (stage.outer != 0) @ units)
        fed.append(units)
        x = after
    return fed


def _choices(stage: Stage, live: Any) -> list[Vector]:
    """Per group the matrices (choices, g, g) that D may be there; one for a dead group."""
    kind = stage.activation
    if kind is None:
        return []
    g = kind.group_size
    if kind.kind == "slopes":
        assert stage.lower is not None
        assert stage.upper is not None
        pairs = [
            [a] if a == b or not on else [a, b]
            for a, b, on in zip(stage.lower, stage.upper, live, strict=True)
        ]
        return [np.array(pair).reshape(-1, 1, 1) for pair in pairs]
    if stage.loop is not None:
        raise ValueError(f"patterns of an implicit layer need slopes, not {kind.name}.")
    if g > 12:
        raise ValueError(f"groups of {g} units have {g}! orders, too many to look at.")
    full = group_matrices(kind)
    return [full if live[i] else full[:1] for i in range(0, stage.units, g)]


def group_matrices(kind: Nonlinearity) -> Vector:
    """All permutations of a group, or I and the reflection of a Householder group, (., g, g)."""
    one = np.eye(kind.group_size)
    if kind.kind == "group_sort":
        return np.array([one[list(p)] for p in itertools.permutations(range(kind.group_size))])
    u = np.asarray(kind.direction) / math.hypot(*kind.direction)
    return np.asarray([one, one - 2 * np.outer(u, u)])


def _transposed(stages: Sequence[Stage]) -> list[Stage]:
    """The stages of x^T -> x^T A; the set of choices of D is closed under transposition."""
    turned = []
    for stage in reversed(stages):
        skip = None if stage.skip is None else stage.skip.T
        if stage.inner is None:
            turned.append(Stage(skip=skip))
            continue
        inner = np.eye(stage.units) if stage.outer is None else stage.outer.T
        turned.append(Stage(skip, inner, stage.inner.T, stage.loop, stage.activation))
    return turned


def _steps(stages: Sequence[Stage], free: Sequence[Sequence[Vector]]) -> list[_Step]:
    """The stages with the next weights multiplied in where they are the only readers."""
    steps: list[_Step] = []
    waiting: Sequence[Vector] | None = None  # the D in front of the next stage
    for stage, choices in zip(stages, free, strict=True):
        plain = stage.skip is None and stage.outer is None
        if waiting is not None:
            alone = stage.inner is None or plain
            matrix = np.eye(stage.inputs) if not alone else stage.inner if plain else stage.skip
            steps.append(_Step(None, None, _terms(matrix, waiting)))
            waiting = None
            if stage.inner is None:
                continue
        elif plain or stage.inner is None:
            steps.append(_Step(stage.inner if plain else stage.skip, None, ()))
        if plain:
            waiting = choices
        elif stage.inner is not None:
            outer = np.eye(stage.units) if stage.outer is None else stage.outer
            steps.append(_Step(stage.skip, stage.inner, _terms(outer, choices)))
    if waiting is not None:
        steps.append(_Step(None, None, _terms(np.eye(stages[-1].outputs), waiting)))
    return steps


def _terms(outer: Any, choices: Sequence[Vector]) -> tuple[tuple[slice, Vector], ...]:
    terms, first = [], 0
    for matrices in choices:
        units = slice(first, first + matrices.shape[1])
        terms.append((units, np.einsum("ng,cgh->nch", outer[:, units], matrices)))
        first = units.stop
    return tuple(terms)


def _gains(steps: Sequence[_Step], norm: str) -> Iterator[Vector]:
    """Blocks (out, patterns, columns) of gains: all columns (l2), or products with all signs."""
    first = steps[0].skip if steps[0].skip is not None else steps[0].inner
    assert first is not None
    width = first.shape[1]
    start = np.eye(width)[:, None, :] if norm == "l2" else _signs(width)[:, :, None]
    yield from _follow(steps, start)


def _signs(width: int) -> Vector:
    """All vectors of signs up to a common one, as columns."""
    bits = (np.arange(2 ** (width - 1)) >> np.arange(width)[:, None]) & 1
    return np.where(bits == 1, -1.0, 1.0)


def _compact(stages: Sequence[Stage]) -> list[Stage]:
    """The same singular values from no more inputs and outputs than the ends tell apart."""
    first, *others = stages
    parts = [m for m in (first.skip, first.inner) if m is not None]
    low = _low(np.vstack(parts))
    top = 0 if first.skip is None else len(first.skip)
    first = replace(
        first,
        skip=None if first.skip is None else low[:top],
        inner=None if first.inner is None else low[top:],
    )
    *others, last = [first, *others]
    if last.skip is None and last.outer is None:
        return [*others, last]
    outer = np.eye(last.units) if last.outer is None else last.outer
    parts = [*([] if last.skip is None else [last.skip]), *([outer] if last.units else [])]
    high = _low(np.hstack(parts).T).T
    left = 0 if last.skip is None else last.skip.shape[1]
    last = replace(
        last,
        skip=None if last.skip is None else high[:, :left],
        outer=high[:, left:] if last.units else None,
    )
    return [*others, last]


def _low(matrix: Vector) -> Vector:
    """L of the decomposition L Q, where that is smaller."""
    if matrix.shape[1] <= matrix.shape[0]:
        return matrix
    r: Any = np.linalg.qr(matrix.T, mode="r")
    return np.asarray(r.T)


def _follow(steps: Sequence[_Step], x: Vector) -> Iterator[Vector]:
    if not steps:
        yield x
        return
    step, *rest = steps
    v = x if step.inner is None else np.tensordot(step.inner, x, 1)
    if step.skip is not None:
        base = np.tensordot(step.skip, x, 1)
    else:
        base = np.zeros((len(step.terms[0][1]), *x.shape[1:]))
    for y in _sums(step.terms, base[:, None], v):
        yield from _follow(rest, y)


def _sums(terms: Sequence[tuple[slice, Vector]], total: Vector, v: Vector) -> Iterator[Vector]:
    """All sums of one choice per group; `total` is (out, patterns, B, columns), v (units, B, .)."""
    if not terms:
        yield total.reshape(len(total), -1, total.shape[3])
        return
    (units, table), *rest = terms
    if total.size * table.shape[1] > _BLOCK and total.shape[1] * total.shape[2] > 1:
        axis = 1 if total.shape[1] > 1 else 2
        middle = total.shape[axis] // 2
        for half in (slice(None, middle), slice(middle, None)):
            if axis == 1:
                yield from _sums(terms, total[:, half], v)
            else:
                yield from _sums(terms, total[:, :, half], v[:, half])
        return
    added = np.tensordot(table, v[units], 1)
    wider = total[:, :, None] + added[:, None]
    yield from _sums(rest, wider.reshape(len(total), -1, *total.shape[2:]), v)


def _largest(gain: Vector, best: float) -> float:
    """The largest spectral norm of a block if it is above `best`."""
    a = np.moveaxis(gain, 1, 0)
    gram = a @ np.swapaxes(a, 1, 2) if a.shape[1] <= a.shape[2] else np.swapaxes(a, 1, 2) @ a
    # The largest eigenvalue is at most (sum of eigenvalues^4)^(1/4).
    with np.errstate(over="ignore", invalid="ignore"):
        square = gram @ gram
        keep = ~(np.einsum("bij,bij->b", square, square) < best**8 * (1 - 1e-12))
    if not keep.any():
        return best
    return math.sqrt(max(float(np.linalg.eigvalsh(gram[keep])[:, -1].max()), 0.0))


def _largest_linf(gain: Vector) -> float:
    if gain.shape[2] == 1:
        return float(np.abs(gain).sum(axis=0).max())
    signed = np.tensordot(gain, _signs(gain.shape[2]), 1)
    return float(np.abs(signed).sum(axis=0).max())


def _implicit_gains(stages: Sequence[Stage], free: Sequence[Sequence[Vector]]) -> Iterator[Vector]:
    if len(stages) != 1:
        raise ValueError("patterns of a network with a loop need that it is one implicit layer.")
    (stage,), (choices,) = stages, free
    assert stage.inner is not None
    u, w = stage.units, stage.inner
    j: Any = stage.loop
    outer = np.eye(u) if stage.outer is None else stage.outer
    swap = w.shape[1] > len(outer)
    if swap:
        j, w, outer = j.T, outer.T, w.T
    sizes = [len(c) for c in choices]
    chunk = max(1, _BLOCK // (u * (u + w.shape[1])))
    for first in range(0, math.prod(sizes), chunk):
        index = np.arange(first, min(first + chunk, math.prod(sizes)))
        digits = np.unravel_index(index, sizes)
        d = np.stack([c[k, 0, 0] for c, k in zip(choices, digits, strict=True)], axis=1)
        matrix = np.eye(u) - d[:, :, None] * j
        if (np.linalg.slogdet(matrix)[0] <= 0).any():
            raise ValueError(
                "the implicit layer is not well posed: I - D J is singular for slopes in range; "
                "make the matrix of the loop smaller."
            )
        yield np.moveaxis(outer @ np.linalg.solve(matrix, d[:, :, None] * w), 0, 1)

r"""Proof that no pattern of a network has a larger norm; shares no code with `patterns.fgl`.

All patterns are multiplied out in floats, stage by stage, on the original weights.  With u = 2^-53
and g(K) = K u / (1 - K u), a computed product of matrices differs from the exact one entrywise by
at most g(K) R, K the sum of the lengths of all dot products on the way and R the product of the
absolute values of all factors (each path carries at most K rounding factors 1 + d, |d| <= u), plus
what underflow adds, which the same recursion bounds, with the smallest normal number added at
every operation.  R is taken over all patterns at once.  A spectral norm is at most t if the float
Cholesky factorisation of (t^2 - c) I - A A^T exists, with c for the rounding of A A^T and of the
factorisation (Rump 2006).
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from theory.lipschitz.network import Network, Stage, dense
from theory.lipschitz.patterns_norms import (
    TINY,
    U,
    above,
    dominating,
    frobenius,
    gamma,
    norms_at_most,
    signs,
    sums_at_most,
)

Vector = np.ndarray[Any, np.dtype[np.float64]]

_MOST = 2**24
_BLOCK = 2**18


def proves(network: Network, norm: str, rho: float, exponents: Sequence[int] | None = None) -> str:
    """The empty text if no pattern has a larger norm, proved; else one line that says why not.

    "l2": squared spectral norms at most `rho`; "linf": l_inf -> l_1 norms at most `rho`.  With
    exponents c_0, ..., c_S of the signals (see `Certificate`): of the scaled network, in which H
    and W of stage k are multiplied by 2^(c_(k-1) - c_k); refused where that is not exact.  For an
    implicit network also that I - D J is never singular.
    """
    if norm not in ("l2", "linf") or not 0 <= rho < math.inf:
        return f"no proof for norm {norm!r} and bound {rho!r}"
    with np.errstate(all="ignore"):
        try:
            c = [0] * (len(network.stages) + 1) if exponents is None else list(exponents)
            powers = [after - before for before, after in itertools.pairwise(c)]
            stages = [_Dense(s, p) for s, p in zip(network.stages, powers, strict=True)]
            return _proof(stages, norm, rho)
        except (np.linalg.LinAlgError, ValueError) as problem:
            return str(problem)


def _proof(stages: list["_Dense"], norm: str, rho: float) -> str:
    if not _find_live(stages):
        return ""
    if any(s.loop is not None for s in stages):
        return _implicit(stages, norm, rho)
    if stages[-1].outputs < stages[0].inputs:
        stages = [stage.transposed() for stage in reversed(stages)]
    if norm == "l2":
        stages[0].fewer_inputs()
        turned = stages[-1].transposed()
        turned.fewer_inputs()
        stages[-1] = turned.transposed()
    start = np.eye(stages[0].inputs) if norm == "l2" else signs(stages[0].inputs)
    count = math.prod(s.patterns for s in stages)
    if count * (1 if norm == "l2" else start.shape[1]) > _MOST:
        return f"{count} patterns are too many"
    magnitude = np.ones((stages[0].inputs, 1)) if norm == "linf" else np.abs(start)
    rounding, lost = 0, np.zeros_like(magnitude)
    for s in stages:
        magnitude, lost = s.magnitude(magnitude, 0.0), s.magnitude(lost, TINY)
        rounding += s.roundings
    rounding += 8
    # Twice: magnitudes are computed in floats, too.
    radius = 2 * gamma(rounding) * magnitude + 2 * lost
    blocks = _products(stages, start[:, None, :] if norm == "l2" else start[:, :, None])
    if norm == "linf":
        return sums_at_most(blocks, rho, above(float(radius.sum()), radius.size))
    error = above(math.sqrt(above(float(np.square(radius).sum()), radius.size)), 4)
    return norms_at_most(blocks, rho, error)


def _find_live(stages: Sequence["_Dense"]) -> bool:
    """Whether any path leads through the network; other units will keep one choice of D."""
    x: Any = np.ones(stages[0].inputs, dtype=bool)
    for s in stages:
        s.live, x = s.reach(x)
    found = bool(x.any())
    x = np.ones(stages[-1].outputs, dtype=bool)
    for s in reversed(stages):
        used, x = s.transposed().reach(x)
        s.live = s.live & used
    return found


class _Dense:
    """A stage with dense matrices and, per group, all that D may be there."""

    def __init__(self, stage: Stage, power: int) -> None:
        parts: Any = (stage.skip, stage.inner, stage.outer, stage.loop)
        parts = [None if m is None else dense(m) for m in parts]
        for k in (0, 1):
            if parts[k] is not None and power:
                scaled = np.ldexp(parts[k], -power)
                if not (np.ldexp(scaled, power) == parts[k]).all():
                    raise ValueError(f"a matrix cannot be divided exactly by 2^{power}")
                parts[k] = scaled
        self.skip, self.inner, self.outer, self.loop = parts
        self.inputs, self.outputs, self.units = stage.inputs, stage.outputs, stage.units
        self.kind = stage.activation
        self.slopes = (stage.lower, stage.upper)
        self.live = np.ones(self.units, dtype=bool)
        if self.kind is not None and self.kind.direction:
            u = np.abs(self.kind.direction)
            if u.max() > 1e100 * u[u > 0].min():
                raise ValueError("the numbers of a Householder direction are too far apart")

    def unit(self) -> Vector:
        """u / |u|, entries with at most 4 rounding errors."""
        assert self.kind is not None
        u = np.array(self.kind.direction)
        u = np.ldexp(u, -math.frexp(float(np.abs(u).max()))[1])
        return np.asarray(u / math.hypot(*u))

    def reach(self, x: Any) -> tuple[Any, Any]:
        """The units and outputs that the inputs x (booleans) have a path to."""
        after: Any = np.zeros(self.outputs, dtype=bool)
        if self.skip is not None:
            after = (self.skip != 0) @ x
        if self.kind is None:
            return self.live, after
        v = x if self.inner is None else (self.inner != 0) @ x
        v = np.repeat(v.reshape(-1, self.kind.group_size).any(axis=1), self.kind.group_size)
        v = v | (self.loop is not None)
        return v, after | (v if self.outer is None else (self.outer != 0) @ v)

    def transposed(self) -> "_Dense":
        """x^T -> x^T A: the set of all D contains their transposes."""
        other = object.__new__(_Dense)
        other.__dict__ |= self.__dict__
        other.skip = None if self.skip is None else self.skip.T
        other.inner = None if self.outer is None else self.outer.T
        other.outer = None if self.inner is None else self.inner.T
        other.inputs, other.outputs = self.outputs, self.inputs
        return other

    def fewer_inputs(self) -> None:
        """Replace K = [H; W] by a square C with C C^T >= K K^T, if that is smaller."""
        parts = [m for m in (self.skip, self.inner) if m is not None]
        if self.units and self.inner is None:
            return
        stacked = np.vstack(parts)
        if stacked.shape[1] <= len(stacked):
            return
        factor = dominating(stacked)
        self.inputs = len(stacked)
        rows = 0 if self.skip is None else len(self.skip)
        self.skip = None if self.skip is None else factor[:rows]
        self.inner = None if self.inner is None else factor[rows:]

    def options(self) -> list[Any]:
        """Per group: slopes, permutations, or whether to reflect."""
        if self.kind is None:
            return []
        g = self.kind.group_size
        if self.kind.kind == "slopes":
            lower, upper = self.slopes
            assert lower is not None
            assert upper is not None
            return [
                [a] if a == b or not on else [a, b]
                for a, b, on in zip(lower, upper, self.live, strict=True)
            ]
        if g > 10:
            raise ValueError(f"the orders of {g} units are too many")
        every: list[Any] = [False, True]
        if self.kind.kind == "group_sort":
            every = list(itertools.permutations(range(g)))
        return [every if on else every[:1] for on in self.live[::g]]

    @property
    def patterns(self) -> int:
        """How many choices of all D there are."""
        return math.prod(map(len, self.options()))

    @property
    def roundings(self) -> int:
        """Most rounding errors that one path through the stage meets."""
        group = 0 if self.kind is None else 3 * self.kind.group_size + 8
        return self.inputs + self.units + group + 4

    def magnitude(self, x: Vector, tiny: float) -> Vector:
        """An upper bound on |gain| times x, entrywise, `tiny` more per operation."""
        after = tiny if self.skip is None else np.abs(self.skip) @ x + self.inputs * tiny
        if self.kind is None:
            return np.asarray(after + 0 * tiny)
        v = x if self.inner is None else np.abs(self.inner) @ x + self.inputs * tiny
        e = self._spread(v) + 8 * self.kind.group_size * tiny
        return np.asarray(
            after + (e if self.outer is None else np.abs(self.outer) @ e + self.units * tiny)
        )

    def _spread(self, v: Vector) -> Vector:
        assert self.kind is not None
        if self.kind.kind == "slopes":
            lower, upper = (np.abs(np.asarray(side)) for side in self.slopes)
            return np.asarray(np.maximum(lower, upper)[:, None] * v)
        groups = v.reshape(-1, self.kind.group_size, v.shape[1])
        if self.kind.kind == "group_sort":
            # Every entry may be any of its group.
            spread = np.broadcast_to(groups.max(axis=1, keepdims=True), groups.shape)
        else:
            u = np.abs(self.unit()) * (1 + 8 * U)
            spread = groups + 2 * u[:, None] * np.einsum("h,ghx->gx", u, groups)[:, None]
        return np.asarray(spread).reshape(v.shape)

    def act(self, chosen: Sequence[Any], v: Vector) -> Vector:
        """D v for patterns `chosen`, per group an array (patterns, ...); v (units, B, columns)."""
        assert self.kind is not None
        g = self.kind.group_size
        if self.kind.kind == "slopes":
            return np.asarray(np.stack(chosen)[:, :, None, None] * v[:, None])
        if self.kind.kind == "group_sort":
            order = np.stack([g * k + np.asarray(c).T for k, c in enumerate(chosen)])
            return np.asarray(v[order.reshape(len(v), -1)])
        u = self.unit()
        groups = v.reshape(-1, g, 1, *v.shape[1:])
        along = np.einsum("h,khpbc->kpbc", u, groups)
        back = 2.0 * u[:, None, None, None] * along[:, None]
        flip = np.stack(chosen)[:, None, :, None, None]
        return np.asarray(np.where(flip, groups - back, groups)).reshape(len(v), -1, *v.shape[1:])

    def after(self, x: Vector, chosen: Sequence[Any]) -> Vector:
        """(H + G D W) x, patterns in front of the second axis of x (inputs, B, columns)."""
        y: Any = 0.0 if self.skip is None else np.tensordot(self.skip, x, 1)[:, None]
        if self.kind is not None:
            v = x if self.inner is None else np.tensordot(self.inner, x, 1)
            e = self.act(chosen, v)
            y = y + (e if self.outer is None else np.tensordot(self.outer, e, 1))
        return np.asarray(y).reshape(self.outputs, -1, x.shape[2])


def _products(stages: Sequence[_Dense], x: Vector) -> Iterator[Vector]:
    """Products of all patterns with the columns x (inputs, B, columns), in blocks."""
    if not stages:
        yield x
        return
    stage, *rest = stages
    size = max(stage.outputs, stage.units) * x.shape[2]
    step = max(1, _BLOCK // size)
    options = stage.options()
    lengths = [len(o) for o in options]
    for b in range(0, x.shape[1], step):
        part = x[:, b : b + step]
        few = max(1, step // part.shape[1])
        for first in range(0, stage.patterns, few):
            index = np.arange(first, min(first + few, stage.patterns))
            digits = np.unravel_index(index, lengths) if options else ()
            chosen = [np.asarray(o)[d] for o, d in zip(options, digits, strict=True)]
            yield from _products(rest, stage.after(part, chosen))


def _implicit(stages: Sequence[_Dense], norm: str, rho: float) -> str:
    if len(stages) != 1:
        return "patterns of a network with a loop need that it is one implicit layer"
    (stage,) = stages
    if stage.kind is None or stage.kind.kind != "slopes" or stage.skip is not None:
        return "patterns of an implicit layer need slopes and no skip"
    u = stage.units
    options = stage.options()
    lengths = [len(o) for o in options]
    if stage.patterns > _MOST or u > 24:
        return f"{stage.patterns} patterns are too many"
    outer: Any = np.eye(u) if stage.outer is None else stage.outer
    size = math.sqrt(above(float(np.square(outer).sum()), outer.size)) * (1 + 8 * U)
    chunk = max(1, _BLOCK // (u * (u + stage.inputs)))
    for first in range(0, stage.patterns, chunk):
        digits = np.unravel_index(np.arange(first, min(first + chunk, stage.patterns)), lengths)
        d = np.stack([np.asarray(o)[i] for o, i in zip(options, digits, strict=True)], axis=1)
        solved, error = _solved(stage, d)
        gain = outer @ solved
        wide = size * gamma(u + 2) * float(frobenius(solved).max()) + size * error
        error = wide * (1 + 16 * U) + TINY * gain[0].size
        blocks = iter([np.moveaxis(gain, 0, 1)])
        if norm == "l2":
            reason = norms_at_most(blocks, rho, error)
        else:
            # The l_inf -> l_1 norm of an error is at most sqrt(m n) times its Frobenius norm.
            error *= math.sqrt(gain[0].size) * (1 + 4 * U)
            magnitude = float(np.abs(gain).sum(axis=(1, 2)).max())
            error += 2 * gamma(gain[0].size + 4) * magnitude + TINY
            reason = sums_at_most(_signed(blocks), rho, error)
        if reason:
            return reason
    return ""


def _signed(blocks: Iterator[Vector]) -> Iterator[Vector]:
    for block in blocks:
        if block.shape[2] > len(block):
            block = np.swapaxes(block, 0, 2)
        yield np.tensordot(block, signs(block.shape[2]), 1)


def _solved(stage: _Dense, d: Vector) -> tuple[Vector, float]:
    """(I - D J)^-1 D W for all D, and a bound on the Frobenius norm of its error.

    Raises LinAlgError where a determinant is not proved to be positive.
    """
    u = stage.units
    j: Any = stage.loop
    w: Any = stage.inner
    one = np.eye(u)
    matrix = one - d[:, :, None] * j
    right = d[:, :, None] * w
    inverse = np.linalg.inv(matrix)
    far = frobenius(one - inverse @ matrix)
    # 2 roundings in each entry of the matrix, u + 1 in the product.
    big, back = frobenius(np.abs(matrix) + one), frobenius(inverse)
    far = far + 2 * gamma(u + 6) * back * big
    if not (far < 0.5).all():
        raise np.linalg.LinAlgError("I - D J is too near to a singular matrix")
    back = back / (1 - far) * (1 + 8 * U)
    # The computed factors L U are those of a matrix nearby, |L| <= 1, |U| <= 2^(u-1) |M|: where
    # that is too near for the determinant to change its sign, the sign computed is the true one.
    nearby = 2 * gamma(u + 4) * u * u * 2.0 ** (u - 1) * big
    if not (back * nearby < 0.5).all() or not (np.linalg.slogdet(matrix)[0] > 0).all():
        raise np.linalg.LinAlgError("I - D J is not proved to have a positive determinant")
    solved = np.linalg.solve(matrix, right)
    rest = frobenius(right - matrix @ solved)
    rest = rest + 2 * gamma(u + 6) * (frobenius(right) + big * frobenius(solved))
    return solved, float((back * rest).max()) * (1 + 8 * U)

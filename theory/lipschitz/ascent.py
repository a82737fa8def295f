r"""Vector-neuron ascent: LipSDP as the Lipschitz constant of a network with vector-valued neurons.

Theorem (derived).  The optimum of LipSDP over all multipliers is

    sup over r of  max |Z_S|_F,   Z_0 = X (inputs x r), |X|_F = 1,
    V = W Z,  z_i = m_i v_i + h_i |v_i| s_i with free unit vectors s_i,   Z <- H Z + G z

Every (X, s) gives a lower bound on the optimum.  The exact maximiser over s_i, the others fixed, is
the direction a_i / |a_i| of the adjoint, and over X the normalised adjoint: a forward and a
backward sweep never decrease the value, and cost 4 r products with the weights.  At a fixed point
lambda_i = |a_i| / (2 h_i |v_i|) are the multipliers.  For l_inf -> l_1 the rows of X are unit
vectors and the value is the sum of the row norms of Z_S.

Momentum (Nesterov, restarted where the value falls) makes the sweeps fast.  All arrays carry a
batch axis of problems that differ in the last matrix only: (rows, problems, r).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from theory.lipschitz.blocks import Block
from theory.lipschitz.reductions import width

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, eq=False)
class _Map:
    """A block in the precision of the ascent, with its numbers shaped for broadcasting."""

    skip: Any
    inner: Any
    outer: Any
    middle: Any
    half: Any
    passing: int
    size: int


@dataclass(frozen=True, eq=False)
class Point:
    """The ascent at one point, in double precision; log scales are natural logarithms."""

    log_value: Array
    """(problems,): logarithm of the value, a lower bound on the optimum."""
    levels: list[Array]
    """log |Z_k|_F for k = 0, ..., S."""
    multipliers: list[Array | None]
    """log lambda of every block, (units, problems)."""
    inputs: Array
    """Row norms of the adjoint at the input, log, (inputs, problems)."""
    outputs: Array
    """Row norms of the output, log, (outputs, problems)."""
    signals: Array
    """X, (inputs, problems, r)."""
    directions: list[Array]
    """s of every block, (active rows, problems, r)."""


@dataclass(eq=False)
class _Trace:
    pre: list[Array]
    lengths: list[Array]
    levels: list[Array]
    output: Array
    level: Array


class Ascent:
    """Signals of the ascent for one chain of blocks, the last of which is linear.

    `final`: the last matrix, (outputs, width) or (problems, outputs, width).  `norm`: "l2" or
    "linf".  `rank`: r.  `dtype`: float64 or float32.
    """

    def __init__(
        self,
        blocks: Sequence[Block],
        final: Any,
        norm: str,
        rank: int,
        dtype: Any = np.float64,
        seed: int = 0,
    ) -> None:
        self.norm = norm
        self.dtype = np.dtype(dtype)
        self._blocks = list(blocks)
        self._maps = [_map(block, self.dtype) for block in blocks]
        self._final = _final(final, self.dtype)
        self._exact_final = _final(final, np.float64)
        self.problems = final.shape[0] if final.ndim == 3 else 1
        self._guard = math.sqrt(np.finfo(self.dtype).tiny)
        self._slack = 1e-13 if self.dtype == np.float64 else 1e-6
        rng = np.random.default_rng(seed)
        inputs = width(blocks[0]) if blocks else final.shape[-1]
        self.signals = self._unit(rng.standard_normal((inputs, self.problems, rank)))
        self.directions = [
            _rows(rng.standard_normal((b.units * b.size, self.problems, rank)), b.size, self._guard)
            for b in blocks
        ]
        self.signals = self.signals.astype(self.dtype)
        self.directions = [s.astype(self.dtype) for s in self.directions]
        self._rng = rng
        self._restart()
        self.best = np.full(self.problems, -np.inf)

    @property
    def rank(self) -> int:
        """r."""
        return int(self.signals.shape[2])

    def start(self, signals: Array, directions: Sequence[Array]) -> None:
        """Go on from these signals."""
        self.signals = signals.astype(self.dtype)
        self.directions = [s.astype(self.dtype) for s in directions]
        self._restart()
        self.best = np.full(self.problems, -np.inf)

    def grow(self, rank: int) -> None:
        """Raise r: new columns are small random numbers."""
        more = rank - self.rank

        def wider(old: Array) -> Array:
            noise = (
                0.01 * self._rng.standard_normal((*old.shape[:2], more)) / math.sqrt(len(old) + 1)
            )
            return np.concatenate([old, noise.astype(self.dtype)], axis=2)

        self.signals = self._unit(wider(self._plain[0]))
        self.directions = [
            _rows(wider(s), m.size, self._guard)
            for s, m in zip(self._plain[1], self._maps, strict=True)
        ]
        self._restart()

    def _restart(self) -> None:
        self._plain = (self.signals, list(self.directions))
        self._theta = np.ones(self.problems)

    def _unit(self, x: Array) -> Array:
        if self.norm == "linf":
            return _rows(x, 1, 0.0)
        return np.asarray(x / np.sqrt(np.einsum("ibr,ibr->b", x, x))[:, None])

    def step(self) -> Array:
        """One forward and one backward sweep; the log of the value before it, per problem."""
        trace = self._forward(self._maps, self._final, self.signals, self.directions)
        value = self._value(trace)
        fell = (value < self.best - self._slack) & (self._theta > 1)
        if fell.any():
            self._back_to_plain(fell)
            trace = self._forward(self._maps, self._final, self.signals, self.directions)
            value = self._value(trace)
        self.best = np.maximum(self.best, value)
        signals, directions, *_ = self._backward(self._maps, self._final, trace)
        signals = self._unit(signals)
        theta = (1 + np.sqrt(1 + 4 * self._theta**2)) / 2
        momentum = ((self._theta - 1) / theta)[:, None].astype(self.dtype)
        self._theta = theta
        before = self._plain
        self._plain = (signals, directions)
        self.signals = self._unit(signals + momentum * (signals - before[0]))
        self.directions = [
            _rows(s + momentum * (s - old), m.size, self._guard)
            for s, old, m in zip(directions, before[1], self._maps, strict=True)
        ]
        return value

    def _back_to_plain(self, which: Array) -> None:
        pick = which[None, :, None]
        self.signals = np.where(pick, self._plain[0], self.signals)
        self.directions = [
            np.where(pick, old, s) for s, old in zip(self.directions, self._plain[1], strict=True)
        ]
        self._theta = np.where(which, 1.0, self._theta)

    def point(self) -> Point:
        """The last point without momentum, evaluated in double precision."""
        maps = self._maps
        signals, directions = self._plain
        if self.dtype != np.float64:
            maps = [_map(block, np.float64) for block in self._blocks]
            signals = self._unit(signals.astype(float))
            directions = [
                _rows(s.astype(float), m.size, 0.0) for s, m in zip(directions, maps, strict=True)
            ]
        trace = self._forward(maps, self._exact_final, signals, directions)
        adjoint, _, lengths, levels, level = self._backward(maps, self._exact_final, trace)
        with np.errstate(divide="ignore"):
            multipliers = [
                None if m.inner is None else np.log(n / (2 * m.half[:: m.size, :, 0] * a)) + la - lv
                for m, n, a, la, lv in zip(
                    maps, lengths, trace.lengths, levels, trace.levels, strict=True
                )
            ]
            rows = np.log(_lengths(trace.output, 1)) + trace.level
            inputs = np.log(_lengths(adjoint, 1)) + level
        return Point(
            self._value(trace),
            [*trace.levels, trace.level],
            multipliers,
            inputs,
            rows,
            signals,
            list(directions),
        )

    def _value(self, trace: _Trace) -> Array:
        y = trace.output
        with np.errstate(divide="ignore"):
            if self.norm == "linf":
                return np.asarray(np.log(_lengths(y, 1).sum(axis=0)) + trace.level)
            return np.asarray(0.5 * np.log(np.einsum("ibr,ibr->b", y, y)) + trace.level)

    def _forward(
        self, maps: Sequence[_Map], final: Any, signals: Array, directions: Sequence[Array]
    ) -> _Trace:
        z: Any = signals
        level: Array = np.zeros(self.problems)
        if self.norm == "linf":
            z, level = _normalised(z.copy(), level)
        pre, lengths, levels = [], [], []
        for m, s in zip(maps, directions, strict=True):
            levels.append(level)
            after = None if m.skip is None else _dot(m.skip, z)
            if m.inner is None:
                z = after
                pre.append(z)
                lengths.append(np.empty((0, self.problems)))
            else:
                v = _dot(m.inner, z)
                active = v[m.passing :]
                length = _lengths(active, m.size)
                e = m.middle * v
                e[m.passing :] += (m.half * _spread(length, m.size)) * s
                e = e if m.outer is None else _dot(m.outer, e)
                z = e if after is None else after + e
                pre.append(active)
                lengths.append(length)
            z, level = _normalised(z, level)
        return _Trace(pre, lengths, levels, _apply(final, z), level)

    def _backward(
        self, maps: Sequence[_Map], final: Any, trace: _Trace
    ) -> tuple[Array, list[Array], list[Array], list[Array], Array]:
        """Adjoint at the input, unit directions, their lengths, the levels, the input's level."""
        y = trace.output
        if self.norm == "linf":
            y, level = _rows(y, 1, 0.0), np.zeros(self.problems)
        else:
            y, level = _normalised(y.copy(), trace.level)
        g: Any = _adjoint(final, y)
        count = len(maps)
        directions: list[Any] = [None] * count
        lengths: list[Any] = [None] * count
        levels: list[Any] = [None] * count
        for k in range(count - 1, -1, -1):
            m = maps[k]
            g, level = _normalised(g, level)
            levels[k] = level
            before = None if m.skip is None else _dot(m.skip.T, g)
            if m.inner is None:
                directions[k], lengths[k], g = g[:0], np.empty((0, self.problems)), before
                continue
            a = g if m.outer is None else _dot(m.outer.T, g)
            active = a[m.passing :]
            length = _lengths(active, m.size)
            lengths[k] = length
            old = self.directions[k]
            tiny = length <= self._guard
            safe = _spread(np.where(tiny, 1.0, length), m.size)
            unit = active / safe.astype(active.dtype)
            if tiny.any():
                unit = np.where(_spread(tiny, m.size), old, unit)
            directions[k] = unit
            flat = trace.lengths[k] <= self._guard
            ratio = length / np.where(flat, 1.0, trace.lengths[k])
            b = m.middle * a
            pull = trace.pre[k] * _spread(ratio, m.size).astype(a.dtype)
            if flat.any():
                pull = np.where(_spread(flat, m.size), _spread(length, m.size) * old, pull)
            b[m.passing :] += m.half * pull
            g = _dot(m.inner.T, b)
            g = g if before is None else before + g
        return g, directions, lengths, levels, level


def _map(block: Block, dtype: Any) -> _Map:
    def cast(matrix: Any) -> Any:
        return None if matrix is None else matrix.astype(dtype, copy=False)

    def column(numbers: Any) -> Any:
        return None if numbers is None else numbers.astype(dtype)[:, None, None]

    return _Map(
        cast(block.skip),
        cast(block.inner),
        cast(block.outer),
        column(block.middle),
        column(block.half),
        block.passing,
        block.size,
    )


def _final(final: Any, dtype: Any) -> Any:
    return final.astype(dtype, copy=False)


def _dot(matrix: Any, z: Array) -> Array:
    rows = matrix @ z.reshape(len(z), -1)
    return np.asarray(rows).reshape(-1, *z.shape[1:])


def _apply(final: Any, z: Array) -> Array:
    if final.ndim == 3:
        return np.asarray(np.einsum("bon,nbr->obr", final, z, optimize=True))
    return _dot(final, z)


def _adjoint(final: Any, y: Array) -> Array:
    if final.ndim == 3:
        return np.asarray(np.einsum("bon,obr->nbr", final, y, optimize=True))
    return _dot(final.T, y)


def _lengths(rows: Array, size: int) -> Array:
    """Norm of every unit of `size` consecutive rows, (units, problems)."""
    if size == 1:
        return np.asarray(np.sqrt(np.vecdot(rows, rows)))
    grouped = rows.reshape(-1, size, *rows.shape[1:])
    return np.asarray(np.sqrt(np.einsum("isbr,isbr->ib", grouped, grouped)))


def _spread(numbers: Array, size: int) -> Array:
    """A number per unit, (units, problems), as one per row that broadcasts over r."""
    return (numbers if size == 1 else np.repeat(numbers, size, axis=0))[:, :, None]


def _rows(x: Array, size: int, guard: float) -> Array:
    """Unit vectors in the direction of the units; shorter ones than `guard` stay as they are."""
    length = _lengths(x, size)
    return np.asarray(x / _spread(np.where(length <= guard, 1.0, length), size).astype(x.dtype))


def _normalised(z: Any, level: Array) -> tuple[Array, Array]:
    """z, which is overwritten, with norm 1 per problem, and its logarithm added to `level`."""
    if z.shape[1] == 1:
        flat = z.reshape(-1)
        norm = np.array([math.sqrt(flat @ flat)])
    else:
        norm = np.sqrt(np.einsum("ibr,ibr->b", z, z)).astype(float)
    norm[norm == 0] = 1.0
    z /= norm[:, None].astype(z.dtype)
    return z, level + np.log(norm)

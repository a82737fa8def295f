"""The default method: vector-neuron ascent until the bracket of LipSDP is closed."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse

from theory._checks import whole
from theory.lipschitz.ascent import Ascent, Point
from theory.lipschitz.assembly import Closed, merged, reduce
from theory.lipschitz.blocks import Block
from theory.lipschitz.candidate import Candidate
from theory.lipschitz.network import Network, dense
from theory.lipschitz.reductions import (
    components,
    height,
    normalised,
    scaled_by,
    width,
)
from theory.lipschitz.upper import LOG2, Scaled, inflated, log_upper, scaled

Array = np.ndarray[Any, np.dtype[Any]]
Progress = Callable[[int, float, float], None]
"""Called with the iteration and the logarithms of the dual value and of the upper bound."""

ITERATIONS = 20_000
WIDEST = 8192
"""Storage matrices of more units (512 MB each) are not formed: no upper bound from multipliers."""


def lipsdp(
    network: Network,
    norm: str = "l2",
    tolerance: float = 1e-4,
    *,
    rank: int | None = None,
    iterations: int = ITERATIONS,
    precision: str = "auto",
    seed: int = 0,
    progress: Progress | None = None,
) -> Candidate:
    """LipSDP (units with slopes) or LipSDP-NSR in its full form (MaxMin, GroupSort, Householder).

    The bracket of the optimum is closed to the relative `tolerance` or `iterations` are done.
    `precision`: "float64", "float32", or "auto", single for more than 4000 units and tolerances
    from 1e-4; bounds are double in any case.  Raises ValueError for implicit networks, an
    unknown precision, and numbers that are not whole.
    """
    if precision not in ("auto", "float32", "float64"):
        raise ValueError(f"precision must be auto, float32 or float64, not {precision!r}.")
    whole(iterations, "iterations")
    if rank is not None:
        whole(rank, "rank")
    reduced = reduce(network)
    single = precision == "float32" or (
        precision == "auto" and network.hidden > 4000 and tolerance >= 1e-4
    )
    parts = [part for part in components(reduced.blocks) if _carries(part.blocks)]
    results = []
    for part in parts:
        results += close(
            part.blocks,
            part.blocks[-1].skip,
            norm,
            tolerance,
            rank=rank,
            iterations=iterations,
            dtype=np.float32 if single else np.float64,
            seed=seed,
            progress=progress,
        )
    return merged(network, norm, reduced, parts, results)


def _carries(blocks: Sequence[Block]) -> bool:
    """Whether anything can reach the output."""
    return all(width(b) and height(b) for b in blocks) and _nonzero(blocks[-1].skip)


def _nonzero(matrix: Any) -> bool:
    return bool(matrix.nnz if scipy.sparse.issparse(matrix) else matrix.any())


# --- closing the bracket -----------------------------------------------------------------------


def close(
    blocks: Sequence[Block],
    final: Any,
    norm: str,
    tolerance: float,
    *,
    rank: int | None = None,
    iterations: int = ITERATIONS,
    dtype: Any = np.float64,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[Closed]:
    """The brackets of the problems that share all `blocks` but the last, a linear one.

    `final` stands in its place: (outputs, width) or (problems, outputs, width).
    """
    body, powers = normalised(blocks[:-1])
    shift = _exponent(final)
    powers.append(powers[-1] + shift)
    final = scaled_by(final, -shift)
    units = sum(block.units for block in body)
    run = Ascent(body, final, norm, rank or _rank(units), dtype, seed)
    search = _Search(body, final, norm, tolerance, run, powers, progress)
    values: list[Array] = []
    next_check = 20
    for iteration in range(1, iterations + 1):
        values.append(search.run.step())
        if iteration >= next_check or iteration == iterations:
            next_check = max(iteration + 1, round(1.4 * iteration))
            # In single precision the value itself is noisy at 1e-6.
            gain = values[-1] - values[max(len(values) - 11, 0)]
            noise = 1e-5 if search.run.dtype == np.float32 else 0.0
            if (gain < max(tolerance / 2, noise)).all():
                search.check(iteration, stalled=bool((gain < tolerance / 100).all()))
                if search.done:
                    break
    if not search.checked:
        search.check(iterations, stalled=False)
    return search.results()


def _exponent(final: Any) -> int:
    entries = final.data if scipy.sparse.issparse(final) else final
    return math.frexp(float(np.abs(entries).max()))[1]


def _rank(units: int) -> int:
    return 12 if units <= 200 else 16 if units <= 2000 else 24


class _Search:
    """The best bracket so far of every problem."""

    def __init__(
        self,
        blocks: Sequence[Block],
        final: Any,
        norm: str,
        tolerance: float,
        run: Ascent,
        powers: Sequence[int],
        progress: Progress | None,
    ) -> None:
        self.blocks, self.norm, self.tolerance = blocks, norm, tolerance
        self.finals = list(final) if final.ndim == 3 else [final]
        self.final = final
        self.run, self.powers, self.progress = run, powers, progress
        self.offset = LOG2 * powers[-1]
        self.slack = tolerance / (len(blocks) + 1)
        count = len(self.finals)
        self.dual = np.full(count, -np.inf)
        self.upper = np.full(count, np.inf)
        self.best: list[Scaled | None] = [None] * count
        self.history: list[tuple[int, float, float]] = []
        self.iteration = 0
        self.checked = False
        self.stalls = 0
        self.perturbed = False
        self.too_wide = any(width(b) > WIDEST or height(b) > WIDEST for b in blocks[1:])

    @property
    def done(self) -> bool:
        """Whether every bracket is closed, or the dual value has settled and is all there is."""
        if self.too_wide:
            return self.stalls > 1
        return bool((self.upper - self.dual <= math.log1p(self.tolerance)).all())

    def check(self, iteration: int, stalled: bool) -> None:
        """Evaluate both ends; where the ascent has stalled with an open bracket, help it."""
        self.checked, self.iteration = True, iteration
        point = self.run.point()
        self._improve(point, point)
        self._remember()
        if self.progress is not None:
            self.progress(*self.history[-1])
        self.stalls = self.stalls + 1 if stalled else 0
        # The multipliers converge later than the value: one stall means nothing yet.
        if self.done or self.stalls < 2:
            return
        if self.run.dtype == np.float32:
            self._restart(np.float64)
        elif self.run.rank < 64 and iteration < 1000:
            self.run.grow(2 * self.run.rank)
        if self.stalls > 2 and not self.perturbed and len(self.finals) == 1:
            self._perturb(point)

    def _remember(self) -> None:
        lower, upper = float(self.dual.max()), float(self.upper.max())
        self.history.append((self.iteration, lower + self.offset, upper + self.offset))

    def _improve(self, point: Point, exact: Point) -> None:
        """Use the multipliers of `point` and the value of `exact`."""
        self.dual = np.maximum(self.dual, exact.log_value)
        if self.too_wide:
            return
        for problem, final in enumerate(self.finals):
            if self.upper[problem] - self.dual[problem] <= math.log1p(self.tolerance):
                continue
            found = inflated(scaled(point, self.norm, problem), self.slack)
            start = point.signals[:, problem, 0]
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                value = log_upper(self.blocks, final, found, self.norm, start)
            if value < self.upper[problem] or self.best[problem] is None:
                self.upper[problem], self.best[problem] = value, found

    def _restart(self, dtype: Any) -> None:
        """Go on from the present signals in another precision."""
        point = self.run.point()
        self.run = self._ascent(self.blocks, self.final, dtype)
        self.run.start(point.signals, point.directions)

    def _ascent(self, blocks: Sequence[Block], final: Any, dtype: Any) -> Ascent:
        return Ascent(blocks, final, self.norm, self.run.rank, dtype)

    def _perturb(self, point: Point) -> None:
        """Multipliers of weakly coupled parts decay with them: find them with a little coupling.

        The multipliers are those of slightly perturbed weights; the bound is for the true ones.
        """
        self.perturbed = True
        rng = np.random.default_rng(1)
        for size in (1e-7, 1e-5):
            noisy = [
                replace(
                    block,
                    skip=None if block.skip is None else _noisy(block.skip, size, rng),
                    inner=None if block.inner is None else _noisy(block.inner, size, rng),
                )
                for block in self.blocks
            ]
            run = self._ascent(noisy, _noisy(self.finals[0], size, rng), np.float64)
            run.start(point.signals, point.directions)
            for _ in range(300):
                run.step()
            found = run.point()
            true = self._ascent(self.blocks, self.final, np.float64)
            true.start(found.signals, found.directions)
            self._improve(found, true.point())
            self._remember()
            if self.done:
                return

    def results(self) -> list[Closed]:
        """One bracket per problem."""
        point = self.run.point()
        return [
            Closed(
                float(self.dual[problem]) + self.offset,
                float(self.upper[problem]) + self.offset,
                self._multipliers(problem, point),
                self.iteration,
                tuple(self.history),
            )
            for problem in range(len(self.finals))
        ]

    def _multipliers(self, problem: int, point: Point) -> Scaled:
        found = self.best[problem] or scaled(point, self.norm, problem)
        exponents = [a + b for a, b in zip(self.powers, found.exponents, strict=True)]
        return replace(found, exponents=exponents)


def _noisy(matrix: Any, size: float, rng: np.random.Generator) -> Array:
    full = dense(matrix)
    return np.asarray(full + size * np.abs(full).max(initial=0.0) * rng.standard_normal(full.shape))

r"""Active count and log-norm at every width, by the Galerkin method of `bosons` (claims C14, C15).

With N the matrix of nu and D that of the gradient form, h' = -G h, G = D N / (2n), which is
self-adjoint for <x, N y>.  ReLU.  Alive = {some z_i > 0}; the density stays where it is on the
frozen orthant, and the part on alive, h_alive, starts from 1 there.  Two discretisations:

    filled   h is replaced on the frozen orthant, where N = 0, by e^{t/n}, so that it becomes
             continuous: h' = -G h + (e^{t/n}/n) w, w the projection of the orthant's indicator;
             E[A_t] = <A, h>.  Exact at time 0.
    bare     E[A_t | alive] = 1 + <A - 1_alive, e^{-Gt} 1_alive> / (1 - 2^-n).  The observable
             vanishes where a single neuron is active, next to the frozen orthant, where a
             discretisation leaks; so this one is right at long times as well.

As the basis grows the first comes from below and the second from above (up to time 2), with errors
in a nearly constant proportion.  So from two levels the value is taken on the line where both
agree, `filled + share (bare - filled)` with the share (from 0 to 1) that makes the two levels
equal.  Stated error: a quarter of the gap at the finer level (less where the share is near 0, as it
is at small times), what the two levels still differ by, and FLOOR.  Beyond time 2 the bare form
alone is used; its stated error is (2 + t/4) times what a lower level and another scale change.
Both statements were tested against width 2, infinite width and finer levels, not proved.

E log ratio = (1/2n) int E[A_s | alive] ds - t/n; every integral is exact in each mode.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy import linalg

from theory.depth_limit._common import relative_decay
from theory.depth_limit.bosons import Array, Basis, basis
from theory.prediction import Prediction

NARROW = {2: (20, 30, 0.05), 3: (14, 18, 0.07)}
"""Two levels and the scale c up to time 2, by width; smaller scales converge less regularly."""
MIDDLE, WIDE = (10, 14, 0.1), (12, 14, 0.1)
"""The same up to width 10, and above; at most about 7000 states."""
SHORT = 2.0
"""Up to this time the fine bases are used."""
LONG_SCALES = 0.02, 0.04
"""c beyond it, where finer scales near the frozen orthant matter; the second is for comparison."""
FEW = 1200
"""Up to this many states the eigenproblems are dense."""
FLOOR = 1e-6
METHOD = "symmetric Galerkin method"


class Modes(NamedTuple):
    """sum_k weight_k exp(-rate_k t)."""

    rates: Array
    weights: Array

    def at(self, time: float) -> float:
        """The value at `time`."""
        return float(np.dot(self.weights, np.exp(-self.rates * time)))

    def integral(self, time: float) -> float:
        """Integral over [0, time]."""
        return float(time * np.dot(self.weights, relative_decay(self.rates * time)))


class Counts(NamedTuple):
    """E[A_t | alive] of both discretisations at one level."""

    width: int
    start: Modes
    source: Modes
    """The part of w in the filled form, to be driven by e^{t/n}/n."""
    bare: Modes

    def filled_at(self, time: float) -> float:
        """Filled, at `time`."""
        n, rates = self.width, self.source.rates
        driven = (math.exp(time / n) - np.exp(-rates * time)) / (n * rates + 1)
        return self.start.at(time) + float(np.dot(self.source.weights, driven))

    def filled_integral(self, time: float) -> float:
        """Integral of the same over [0, time]."""
        n, rates = self.width, self.source.rates
        driven = n * math.expm1(time / n) - time * relative_decay(rates * time)
        return self.start.integral(time) + float(
            np.dot(self.source.weights, driven / (n * rates + 1))
        )


def active_count(width: int, time: float) -> Prediction:
    """E[A_t | N_0 > 0] for ReLU; see the module for the error."""
    return _predict(width, time, Counts.filled_at, lambda c: 1 + c.bare.at(time))


def active_integral(width: int, time: float) -> Prediction:
    """Integral of E[A_s | N_0 > 0] over [0, time]."""
    return _predict(
        width, time, Counts.filled_integral, lambda c: time + c.bare.integral(time), time
    )


def _predict(
    width: int,
    time: float,
    filled: Callable[[Counts, float], float],
    bare: Callable[[Counts], float],
    duration: float = 1.0,
) -> Prediction:
    if time > SHORT:
        level, (scale, other) = _long_level(width), LONG_SCALES
        best, coarser, wider = (
            bare(_long_counts(width, *choice))
            for choice in ((level, scale), (level - 2, scale), (level, other))
        )
        spread = abs(best - coarser) + abs(best - wider)
        return Prediction(best, (2 + time / 4) * spread + FLOOR * duration, METHOD)
    coarse, fine = ((filled(c, time), bare(c)) for c in _two_levels(width))
    return agreed(coarse, fine, FLOOR * (1 + time) * duration)


def agreed(coarse: Sequence[float], fine: Sequence[float], floor: float) -> Prediction:
    """The value on which the (filled, bare) pairs of two levels agree, with its error."""
    gaps = [bare - filled for filled, bare in (coarse, fine)]
    closing = gaps[0] - gaps[1]
    share = (fine[0] - coarse[0]) / closing if closing else 0.5
    share = min(max(share, 0.0), 1.0)
    before, value = coarse[0] + share * gaps[0], fine[0] + share * gaps[1]
    error = abs(gaps[1]) * min(0.25, share + 0.05) + abs(value - before) + floor
    return Prediction(value, error, METHOD)


def _two_levels(width: int) -> tuple[Counts, Counts]:
    """Both discretisations at two levels."""
    low, high, scale = NARROW.get(width, MIDDLE if width <= 10 else WIDE)
    return counts(width, low, scale), counts(width, high, scale)


def _long_level(width: int) -> int:
    """A level with about 1000 states."""
    return {2: 26, 3: 16, 4: 12}.get(width, 10)


@functools.lru_cache(maxsize=256)
def counts(width: int, level: int, scale: float) -> Counts:
    """Both discretisations at one level and scale c, good up to time 2."""
    b = basis(width, level, scale)
    start, frozen, observables = _vectors(b)
    # Rates grow as level^4 / (n c); 4 level^2 steps were enough at width 10 and scale 0.1.
    steps = math.ceil(4 * level**2 * math.sqrt(max(1.0, 8 / width) * 0.1 / scale))
    of_start = modes(b, b.orbitals.square, start, observables, steps)
    of_frozen = modes(b, b.orbitals.square, frozen, observables, steps)
    bare = Modes(
        np.concatenate([of_start[1].rates, of_frozen[1].rates]),
        np.concatenate([of_start[1].weights, -of_frozen[1].weights]),
    )
    return Counts(width, of_start[0], of_frozen[0], bare)


@functools.lru_cache(maxsize=256)
def _long_counts(width: int, level: int, scale: float) -> Counts:
    """The bare form only; it needs all its modes, for late times."""
    b = basis(width, level, scale)
    start, frozen, observables = _vectors(b)
    bare = dense_modes(b, b.orbitals.square, start - frozen, observables[1:])[0]
    return Counts(width, bare, bare, bare)


def _vectors(b: Basis) -> tuple[Array, Array, Array]:
    """1, the indicator w of the frozen orthant, and the observables A and A - 1_alive, as vectors.

    The observables are divided by P(alive) = 1 - 2^-n.
    """
    start = np.zeros(len(b.states))
    start[0] = 1.0
    positive = b.orbitals.positive
    frozen = b.product_of(np.where(np.arange(len(positive)) == 0, 1.0, 0.0) - positive)
    count = b.sum_of(positive)
    return start, frozen, np.array([count, count - start + frozen]) / (1 - 0.5**b.width)


def modes(b: Basis, square: Array, start: Array, observables: Array, steps: int) -> list[Modes]:
    """<O, e^{-Gt} start> for several observables O, by the cheaper of the two methods."""
    if len(b.states) <= FEW:
        return dense_modes(b, square, start, observables)
    return lanczos_modes(b, square, start, observables, steps)


def lanczos_modes(
    b: Basis, square: Array, start: Array, observables: Array, steps: int
) -> list[Modes]:
    """<O, e^{-Gt} start> from the Krylov space of `steps` steps; right for times of order 1.

    Lanczos in the inner product of N, without keeping or reorthogonalising the vectors: the lost
    orthogonality repeats eigenvalues with split weights, which does not change the sums.
    """
    nu, form = b.operator(square), b.operator(b.orbitals.gradient / (2 * b.width))
    diagonal, off = np.zeros(steps), np.zeros(steps)
    seen = np.zeros((len(observables), steps))
    dual = nu(start)
    norm = math.sqrt(start @ dual)
    v, dual, previous, below = start / norm, dual / norm, np.zeros_like(start), 0.0
    used = steps
    for k in range(steps):
        seen[:, k] = observables @ v
        following = form(dual)
        diagonal[k] = dual @ following
        following -= diagonal[k] * v + below * previous
        next_dual = nu(following)
        square_norm = float(following @ next_dual)
        if square_norm < 1e-26 * diagonal[: k + 1].max() ** 2:
            used = k + 1  # the Krylov space is exhausted
            break
        below = off[k] = math.sqrt(square_norm)
        previous, v, dual = v, following / below, next_dual / below
    rates, vectors = linalg.eigh_tridiagonal(diagonal[:used], off[: used - 1])
    weights = norm * vectors[0] * (seen[:, :used] @ vectors)
    return [Modes(np.maximum(rates, 0), w) for w in weights]


def dense_modes(b: Basis, square: Array, start: Array, observables: Array) -> list[Modes]:
    """The same for all times, by two dense eigenproblems.

    N = C C^T may be singular; with M = C^T D C / (2n),
    e^{-Gt} = 1 - (1/2n) D C [(1 - e^{-Mt}) / M] C^T.
    """
    form = b.dense(b.orbitals.gradient / (2 * b.width))
    values, vectors = linalg.eigh(b.dense(square))
    root = vectors * np.sqrt(np.maximum(values, 0))
    rates, vectors = linalg.eigh(root.T @ form @ root)
    root = root @ vectors
    moving = rates > 1e-13 * rates[-1]
    rates, root = rates[moving], root[:, moving]
    weights = (observables @ form @ root) * (start @ root) / rates
    still = observables @ start - weights.sum(axis=1)
    rates = np.append(rates, 0.0)
    return [Modes(rates, np.append(w, s)) for w, s in zip(weights, still, strict=True)]

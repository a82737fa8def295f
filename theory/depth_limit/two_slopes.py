r"""Active count and log-norm of two-slope activations, by the Galerkin method (claims C14, C17).

phi(x) = x for x > 0 and a x for x <= 0, |a| <= 1 (a larger slope: exchange the sides and
run the clock a^2 times as fast; only a^2 enters).  Nothing freezes when a is not 0, so h solves
h' = -G h, h = 1 at time 0 (see `bosons`), with nu = sum z_+^2 + a^2 z_-^2, and

    E[A_t] = <A, h>,
    E log(|phi(X_t)| / |phi(X_0)|) = (1/2n) int_0^t <nu, h_s> ds + (1/2) <log nu, h_t - 1>,

since |phi(X_t)|^2 = e^{s_t} nu(Z(s_t)).  The coefficients of log nu come from
log nu = int_0^inf (e^{-x} - e^{-x nu}) dx/x, whose integrand is a product over the coordinates.

Stated error: (2 + t/4) times what a lower level and another scale c change, since h piles up at the
origin at late times; tested against the exact law at a = 1 up to time 60, not proved.
"""

import functools
from typing import NamedTuple

import numpy as np

from theory.depth_limit.bosons import Array, Basis, basis
from theory.depth_limit.galerkin import FLOOR, METHOD, Modes, dense_modes
from theory.prediction import Prediction

SCALES = 0.05, 0.1
STEP, LOWEST, HIGHEST = 0.2, -30.0, 45.0
"""Trapezoidal rule in log x for log nu; its error is far below that of the basis."""


class Evolution(NamedTuple):
    """What `level` and `scale` give for one width and slope."""

    active: Modes
    energy: Modes
    """<nu, h>."""
    log_energy: Modes
    """<log nu, h - 1>, up to its value at time 0."""

    def log_ratio(self, width: int, time: float) -> float:
        """E log ratio at `time`."""
        clock = self.energy.integral(time) / width
        return (clock + self.log_energy.at(time) - self.log_energy.at(0.0)) / 2


def active_count(width: int, time: float, slope: float) -> Prediction:
    """E[A_t], the mean number of positive coordinates, 0 < |slope| <= 1, width >= 2."""
    return _estimate([e.active.at(time) for e in _evolutions(width, slope)], time)


def log_ratio(width: int, time: float, slope: float) -> Prediction:
    """E log(|phi(X_t)| / |phi(X_0)|), 0 < |slope| <= 1, width >= 2."""
    return _estimate([e.log_ratio(width, time) for e in _evolutions(width, slope)], time)


def _estimate(values: list[float], time: float) -> Prediction:
    best, coarser, wider = values
    spread = abs(best - coarser) + abs(best - wider)
    error = (2 + time / 4) * spread + FLOOR * (1 + time)
    return Prediction(best, error, METHOD)


def _evolutions(width: int, slope: float) -> list[Evolution]:
    level = {2: 24, 3: 14, 4: 12}.get(width, 10)
    scale, other = SCALES
    choices = ((level, scale), (level - 2, scale), (level, other))
    return [evolution(width, abs(slope), *choice) for choice in choices]


@functools.lru_cache(maxsize=512)
def evolution(width: int, slope: float, level: int, scale: float) -> Evolution:
    """All modes at one level; valid at every time."""
    b = basis(width, level, scale)
    one = b.orbitals
    mirrored = np.where(one.odd[:, None] == one.odd, one.square, -one.square)  # E[z_-^2 f_a f_b]
    square = one.square + slope**2 * mirrored
    start = np.zeros(len(b.states))
    start[0] = 1.0
    energy = b.operator(square)(start)
    observables = np.array([b.sum_of(one.positive), energy, _log_energy(b, slope)])
    return Evolution(*dense_modes(b, square, start, observables))


def _log_energy(b: Basis, slope: float) -> Array:
    """Coefficients of log nu; that of the constant is left out."""
    log_x = np.arange(LOWEST, HIGHEST, STEP)
    total = np.zeros(len(b.states))
    for x in np.exp(log_x):
        square = x * b.orbitals.z**2
        one = b.orbitals.expectations(np.exp(-square), np.exp(-(slope**2) * square))
        total -= STEP * b.product_of(one)
    total[0] = 0.0
    return total

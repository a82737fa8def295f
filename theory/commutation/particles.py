r"""V and B of residual networks of a given depth, by particles on a grid (claim C5, derived).

With h = time/L and m(x) = (phi(x_a)^2, phi(x_b)^2, phi(x_a) phi(x_b)) the neurons of one network
are particles x_i in R^2 that share a random clock, layer by layer:

    x_i(l+1) = x_i(l) + N(0, h M_l),   M_l = (1/n) sum_i m(x_i(l)),   hat q = (1/n) sum_i x_i x_i'.

Linearised about x(l+1) = x(l) + N(0, h F_l), F = E m(x), J = dF/dQ, a particle moves the clock by

    Lambda(l+1) = (1 + h J_l) Lambda(l) + h (m(x(l)) - F_l),

and with Phi(L, l) the propagator of 1 + h J, to leading order in 1/n,

    V = Cov[ x x'(L) + h sum_l Phi(L, l+1) m(x(l)) ]                        (C5, in discrete time)
    B = sum_l E[ (Lambda(l+1) - Lambda(l)) : (1/2) d^2/dx^2 P_l u_(l+1) (x(l)) ]
        + (h/2) sum_l Phi(L, l+1) K_l : Cov Lambda(l),   K = d^2 F/dQ^2     (derived)

where u_l(x) = E[h sum_(k>=l) Phi(L, k+1) m(x(k)) | x(l) = x] and P_l averages over the noise of
layer l.  In B a particle's own clock moves it, and the clock's variance acts through the curvature
of F.  No randomness is needed: P_l is a Gaussian convolution, done by Fourier transform on a grid
over the directions of Q_L.
"""

import functools
import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.fft

from theory.activations import Activation
from theory.commutation.flow import jacobian, rates

Array = npt.NDArray[np.float64]

REACH = 10.0
"""Half the side of the grid, in standard deviations of the last layer."""
FINEST = 1.7
"""Smallest standard deviation of a layer in grid steps: below it sums are not yet integrals."""
PAIRS = {1: ((0, 0),), 2: ((0, 0), (1, 1), (0, 1))}
"""Products of coordinates, by the number of inputs."""


def matrix(q: Array) -> Array:
    """The covariance matrix of (q_aa,) or (q_aa, q_bb, q_ab)."""
    return q.reshape(1, 1) if q.size == 1 else np.array([[q[0], q[2]], [q[2], q[1]]])


def at_depth(
    q: Array, time: float, depth: int, act: Activation, points: int
) -> tuple[Array, Array]:
    """V (pairs, pairs) and B (pairs,) of one depth on a grid of `points` a side.

    `q`: (q_aa,) for one input, (q_aa, q_bb, q_ab) for two; |correlation| < 1.
    """
    h = time / depth
    flow, force, slope = [q], [], []
    for _ in range(depth):
        force.append(_restrict(rates(_whole(flow[-1]), act), q.size))
        slope.append(_restrict(jacobian(_whole(flow[-1]), act), q.size))
        flow.append(flow[-1] + h * force[-1])
    grid = _grid(flow, points)
    phi = np.asarray(act(grid.x), dtype=float)
    pairs = PAIRS[len(grid.x)]
    m = np.stack([phi[i] * phi[j] for i, j in pairs]) * grid.window
    if not np.all(np.isfinite(m)):
        raise ValueError(f"activation {act.name} is not finite on +-{np.abs(grid.x).max():.4g}.")
    one = np.eye(q.size)
    ahead = [one]  # Phi(L, l) for l = L, L-1, ..., 0
    for J in reversed(slope):
        ahead.append(ahead[-1] @ (one + h * J))
    ahead.reverse()
    layer = [np.exp(h * np.tensordot(F, grid.heat, 1)) for F in force]
    V, ahead_of = _backward(grid, m, flow, ahead, layer, h)
    return V, _forward(grid, m, flow, ahead, layer, h, slope, ahead_of)


class _Grid(NamedTuple):
    """A grid over x = A y, y in standard deviations of the last layer."""

    x: Array
    """Shape (inputs, N, ..., N)."""
    window: Array
    """1 where the law lives, falling smoothly to 0 at the edge, where the grid is periodic."""
    heat: Array
    """Fourier symbols of (1/2) d_a^2, (1/2) d_b^2 and d_a d_b."""
    cell: float

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes of space, from the end."""
        return tuple(range(-self.x.shape[0], 0))

    def spectrum(self, field: Array) -> Array:
        """Fourier transform over space."""
        return np.asarray(scipy.fft.rfftn(field, axes=self.axes))

    def smoothed(self, spectrum: Array) -> Array:
        """Back from Fourier space."""
        shape = self.x.shape[1:]
        return np.asarray(scipy.fft.irfftn(spectrum, s=shape, axes=self.axes))

    def law(self, q: Array) -> Array:
        """Weights of N(0, Q) on the grid."""
        Q = matrix(q)
        square = np.sum(np.tensordot(np.linalg.inv(Q), self.x, 1) * self.x, axis=0)
        norm = self.cell / math.sqrt(np.linalg.det(2 * math.pi * Q))
        return np.asarray(np.exp(-square / 2) * norm)

    def products(self, left: Array, right: Array) -> Array:
        """Sums over space of all products of two lists of fields."""
        return np.asarray(left.reshape(len(left), -1) @ right.reshape(len(right), -1).T)

    def mean(self, weights: Array, fields: Array) -> Array:
        """Sums of fields over the weights."""
        return self.products(fields, weights[None])[:, 0]

    def covariance(self, weights: Array, fields: Array) -> Array:
        """Their covariance matrix."""
        flat = fields.reshape(len(fields), -1)
        centred = flat - (flat @ weights.ravel())[:, None]
        return np.asarray((centred * weights.ravel()) @ centred.T)


def _grid(flow: list[Array], points: int) -> _Grid:
    A = np.linalg.cholesky(matrix(flow[-1]))
    k = len(A)
    inverse = np.linalg.inv(A)
    step = 2 * REACH / points
    narrow = min(np.linalg.eigvalsh(inverse @ matrix(q) @ inverse.T)[0] for q in flow)
    if narrow < (FINEST * step) ** 2:
        raise ValueError(
            f"the covariance goes from {flow[0]} to {flow[-1]}: scales too far apart for the "
            "fluctuations; take a shorter time or less opposite inputs."
        )
    y = step * (np.arange(points) - points // 2)
    x = np.tensordot(A, np.stack(np.meshgrid(*[y] * k, indexing="ij")), 1)
    distance = np.abs(y) / REACH
    ramp = np.cos(math.pi / 2 * np.clip((distance - 0.75) / 0.24, 0, 1)) ** 2
    window = functools.reduce(np.multiply.outer, [ramp] * k)
    waves = [2 * math.pi * scipy.fft.fftfreq(points, step)] * (k - 1)
    waves.append(2 * math.pi * scipy.fft.rfftfreq(points, step))
    wave = np.tensordot(inverse.T, np.stack(np.meshgrid(*waves, indexing="ij")), 1)
    heat = np.stack([-wave[i] * wave[j] / (2 if i == j else 1) for i, j in PAIRS[k]])
    return _Grid(x, window, heat, float(np.prod(np.diag(A))) * step**k)


def _backward(
    grid: _Grid, m: Array, flow: list[Array], ahead: list[Array], layer: list[Array], h: float
) -> tuple[Array, list[Array]]:
    """V, and P_l u_(l+1) of every layer.

    Var(f(x_L)) = Var(E[f | x_0]) + sum_l E Var(E[f | x_{l+1}] | x_l), and E[g^2] of the next layer
    needs no convolution, since its law is known.
    """
    products = np.stack([grid.x[i] * grid.x[j] for i, j in PAIRS[len(grid.x)]])
    u = np.zeros_like(m)
    weights = grid.law(flow[-1])
    V = np.zeros((len(m), len(m)))
    seen: list[Array] = []
    for before, symbol, propagator in zip(flow[-2::-1], layer[::-1], ahead[:0:-1], strict=True):
        V += grid.covariance(weights, products + u)
        u = grid.smoothed(grid.spectrum(u) * symbol)
        seen.append(u)
        weights = grid.law(before)
        V -= grid.covariance(weights, products + u)
        u = u + h * np.tensordot(propagator, m, 1)
    return V + grid.covariance(weights, products + u), seen[::-1]


def _forward(
    grid: _Grid,
    m: Array,
    flow: list[Array],
    ahead: list[Array],
    layer: list[Array],
    h: float,
    slope: list[Array],
    ahead_of: list[Array],
) -> Array:
    """B, from w(x) = E[Lambda; x(l) = x] and C = Cov Lambda, layer by layer.

    ahead_of: P_l u_(l+1) of every layer.
    """
    one = np.eye(len(m))
    B, C, w = np.zeros(len(m)), np.zeros((len(m), len(m))), np.zeros_like(m)
    for k, (q, J) in enumerate(zip(flow[:-1], slope, strict=True)):
        weights, growth = grid.law(q), one + h * J
        own = m - grid.mean(weights, m).reshape(-1, *[1] * (m.ndim - 1))
        moved = h * (own * weights + np.tensordot(J, w, 1))
        spectrum = grid.spectrum(moved)
        # d^2 acts on the other factor, by parts; dp/dQ is the same operator on the density.
        bent = grid.smoothed(np.sum(grid.heat * spectrum, axis=0))
        curved = np.einsum("cd,c...,d...->...", C, grid.heat, grid.heat)
        density = grid.smoothed(curved * grid.spectrum(weights))
        B += grid.mean(bent, ahead_of[k]) + h / 2 * ahead[k + 1] @ grid.mean(density, m)
        both = h * grid.products(m, w) @ growth.T
        C = growth @ C @ growth.T + both + both.T + h * h * grid.products(own * weights, own)
        w = grid.smoothed((grid.spectrum(w) + spectrum) * layer[k])
    return B


def _whole(q: Array) -> Array:
    """One input as two uncorrelated ones."""
    return np.array([q[0], q[0], 0.0]) if q.size == 1 else q


def _restrict(values: Array, size: int) -> Array:
    return values[(slice(0, size),) * values.ndim]

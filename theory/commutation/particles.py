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
    grid = _grid(_rough_flow(q, h, depth, act), points)
    with np.errstate(all="ignore"):
        phi = np.asarray(act(grid.x), dtype=float)
        m = np.stack([phi[i] * phi[j] for i, j in PAIRS[len(grid.x)]]) * grid.window
    if not np.all(np.isfinite(m)):
        raise ValueError(f"activation {act.name} is not finite on +-{np.abs(grid.x).max():.4g}.")
    path, here = [], q
    for _ in range(depth):
        path.append(_step(grid, m, here, h))
        here = here + h * path[-1].force
    one = np.eye(q.size)
    ahead = [one]  # Phi(L, l) for l = L, L-1, ..., 0
    for step in reversed(path):
        ahead.append(ahead[-1] @ (one + h * step.slope))
    ahead.reverse()
    V, ahead_of = _backward(grid, m, path, grid.law(here), ahead, h)
    return V, _forward(grid, m, path, ahead, ahead_of, h)


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


def _rough_flow(q: Array, h: float, depth: int, act: Activation) -> list[Array]:
    """Q_0, ..., Q_L to a percent, enough to lay a grid."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(32)
    k = len(matrix(q))
    z = np.stack(np.meshgrid(*[nodes] * k, indexing="ij")).reshape(k, -1)
    w = functools.reduce(np.multiply.outer, [weights / weights.sum()] * k).ravel()
    flow = [q]
    for _ in range(depth):
        with np.errstate(all="ignore"):
            scale, turn = np.linalg.eigh(matrix(flow[-1]))  # Q_0 may be singular
            phi = np.asarray(act(turn * np.sqrt(np.maximum(scale, 0)) @ z), dtype=float)
            flow.append(flow[-1] + h * np.array([phi[i] * phi[j] @ w for i, j in PAIRS[k]]))
        if not np.all(np.isfinite(flow[-1])):
            raise ValueError(f"the kernel of {act.name} from {q} overflows within {depth} layers.")
    return flow


class _Layer(NamedTuple):
    """One layer of the flow."""

    weights: Array
    """Law of a particle before it, on the grid."""
    spectrum: Array
    force: Array
    """F = E m."""
    slope: Array
    """J = dF/dQ, from dp/dQ: no derivative of phi is needed."""
    noise: Array
    """Fourier symbol of its noise N(0, h F)."""


def _step(grid: _Grid, m: Array, q: Array, h: float) -> _Layer:
    weights = grid.law(q)
    spectrum = grid.spectrum(weights)
    force = grid.mean(weights, m)
    slope = grid.products(m, grid.smoothed(grid.heat * spectrum))
    noise = np.exp(h * np.tensordot(force, grid.heat, 1))
    return _Layer(weights, spectrum, force, slope, noise)


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
    grid: _Grid, m: Array, path: list[_Layer], last: Array, ahead: list[Array], h: float
) -> tuple[Array, list[Array]]:
    """V, and P_l u_(l+1) of every layer; `last`: the law after the last layer.

    Var(f(x_L)) = Var(E[f | x_0]) + sum_l E Var(E[f | x_{l+1}] | x_l), and E[g^2] of the next layer
    needs no convolution, since its law is known.
    """
    products = np.stack([grid.x[i] * grid.x[j] for i, j in PAIRS[len(grid.x)]])
    u, weights = np.zeros_like(m), last
    V = np.zeros((len(m), len(m)))
    seen: list[Array] = []
    for layer, propagator in zip(reversed(path), reversed(ahead[1:]), strict=True):
        V += grid.covariance(weights, products + u)
        u = grid.smoothed(grid.spectrum(u) * layer.noise)
        seen.append(u)
        weights = layer.weights
        V -= grid.covariance(weights, products + u)
        u = u + h * np.tensordot(propagator, m, 1)
    return V + grid.covariance(weights, products + u), seen[::-1]


def _forward(
    grid: _Grid, m: Array, path: list[_Layer], ahead: list[Array], ahead_of: list[Array], h: float
) -> Array:
    """B, from w(x) = E[Lambda; x(l) = x] and C = Cov Lambda, layer by layer.

    ahead_of: P_l u_(l+1) of every layer.
    """
    one = np.eye(len(m))
    B, C, w = np.zeros(len(m)), np.zeros((len(m), len(m))), np.zeros_like(m)
    for layer, propagator, later in zip(path, ahead[1:], ahead_of, strict=True):
        growth = one + h * layer.slope
        own = m - layer.force.reshape(-1, *[1] * (m.ndim - 1))
        moved = h * (own * layer.weights + np.tensordot(layer.slope, w, 1))
        spectrum = grid.spectrum(moved)
        # d^2 acts on the other factor, by parts; dp/dQ is the same operator on the density.
        bent = grid.smoothed(np.sum(grid.heat * spectrum, axis=0))
        curved = np.einsum("cd,c...,d...->...", C, grid.heat, grid.heat)
        density = grid.smoothed(curved * layer.spectrum)
        B += grid.mean(bent, later) + h / 2 * propagator @ grid.mean(density, m)
        both = h * grid.products(m, w) @ growth.T
        C = growth @ C @ growth.T + both + both.T + h * h * grid.covariance(layer.weights, m)
        w = grid.smoothed((grid.spectrum(w) + spectrum) * layer.noise)
    return B

r"""The direction of X as a system of n identical particles on a line (claims C14, C15).

Clock.  All coordinates of X have the bracket N/n dt and no cross brackets, so X_t = W(1 + tau_t)
with W a standard Brownian motion in R^n from 0 (Knight), and W(u) = sqrt(u) Z(log u) with Z the
stationary Ornstein-Uhlenbeck process dZ = -Z/2 ds + dB.  For a two-slope activation, phi(x) = x
for x > 0 and a x for x < 0, nu = |phi|^2 is 2-homogeneous, hence

    X_t/|X_t| = Z(s_t)/|Z(s_t)|,   ds/dt = nu(Z)/n,   Z(0) ~ N(0, I).

The density h of Z(s_t) with respect to N(0, I) solves h' = (1/n) L(nu h), L = (Laplace - z.grad)/2,
h = 1 at time 0.  nu and L are sums over coordinates and h is symmetric: with e_0 = 1 and other
orthonormal functions ("orbitals") of one coordinate, h is expanded in the normalised symmetric
products, one for each multiset of at most n orbitals besides e_0.

Orbitals.  u = log(1 + |z|/c) resolves scales down to c near the planes z_i = 0, where h changes
fast.  Even ones are polynomials in u, odd ones sgn(z) u times polynomials in u; the level is the
degree.  They are continuous at 0, as h is.  A basis keeps the multisets of total level <= `level`.

A one-coordinate matrix O acts as sum_ab O_ab A_a^T A_b, where A_b removes one particle from b:
<S - b| A_b |S> = sqrt(number of b in S).  Applied as a sparse product, a small dense one and a
sparse one again, nothing of the size of the basis squared is ever formed.
"""

import functools
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

Array = np.ndarray[Any, np.dtype[np.float64]]
State = tuple[int, ...]

REACH = 15.0
"""Orbitals live on |z| <= 15: beyond it the normal density is below 1e-49."""
PANELS, NODES = 30, 40


class Orbitals(NamedTuple):
    """Orthonormal functions of one coordinate under N(0, 1), e_0 = 1 first, and their matrices.

    Inner products are integrals over z > 0, that is twice those of N(0, 1) there.
    """

    level: Array
    odd: np.ndarray[Any, np.dtype[np.bool_]]
    z: Array
    """Quadrature nodes, z > 0."""
    values: Array
    """On the nodes, times the quadrature weight of the half-normal density."""
    square: Array
    """E[z_+^2 f_a f_b]."""
    gradient: Array
    """E[f_a' f_b']."""
    positive: Array
    """E[f_a; z > 0]."""

    def expectations(self, right: Array, left: Array) -> Array:
        """E[F f_a] for functions F given on the nodes (last axis), at z > 0 and at z < 0."""
        even, odd = (right + left) / 2, (right - left) / 2
        return np.asarray(np.where(self.odd, odd @ self.values.T, even @ self.values.T))


@functools.lru_cache(maxsize=16)
def orbitals(level: int, scale: float) -> Orbitals:
    """Even orbitals of degree 0 to `level` and odd ones of degree 1 to `level` in log(1+|z|/c)."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    edges = np.linspace(0, math.log1p(REACH / scale), PANELS + 1)
    half = np.diff(edges)[:, None] / 2
    u = (edges[:-1, None] + half * (1 + nodes)).ravel()
    z = scale * np.expm1(u)
    slope = 1 / (scale * np.exp(u))  # du/dz
    rho = math.sqrt(2 / math.pi) * np.exp(-z * z / 2) / slope * (half * weights).ravel()
    even, even_slope = _orthonormal(np.ones_like(u), np.zeros_like(u), u, rho, level + 1)
    uneven, uneven_slope = _orthonormal(u, np.ones_like(u), u, rho, level)
    f, df = np.vstack([even, uneven]), np.vstack([even_slope, uneven_slope]) * slope
    odd = np.arange(2 * level + 1) > level
    positive = np.where(odd, f @ rho / 2, 0)
    positive[0] = 0.5
    return Orbitals(
        level=np.append(np.arange(level + 1), np.arange(1, level + 1)),
        odd=odd,
        z=z,
        values=f * rho,
        square=(f * (rho * z * z / 2)) @ f.T,
        gradient=np.where(odd[:, None] == odd, (df * rho) @ df.T, 0.0),
        positive=positive,
    )


def _orthonormal(f: Array, df: Array, u: Array, rho: Array, count: int) -> tuple[Array, Array]:
    """f times the orthonormal polynomials in u, with derivatives; each is orthogonalised twice."""
    values: list[Array] = []
    slopes: list[Array] = []
    for _ in range(count):
        if values:
            f, df = u * values[-1], u * slopes[-1] + values[-1]
        for _, (g, dg) in itertools.product(range(2), list(zip(values, slopes, strict=True))):
            overlap = np.dot(rho * g, f)
            f, df = f - overlap * g, df - overlap * dg
        norm = math.sqrt(np.dot(rho, f * f))
        values.append(f / norm)
        slopes.append(df / norm)
    return np.array(values), np.array(slopes)


@dataclass(frozen=True)
class Basis:
    """Symmetric products of orbitals of n particles with total level at most `level`."""

    width: int
    orbitals: Orbitals
    states: tuple[State, ...]
    """Sorted orbitals other than e_0; the first state is empty: h = 1."""
    remove: sparse.csr_matrix
    """A_b x for all b, stacked: (orbitals * states of n - 1 particles, states)."""
    restore: sparse.csr_matrix
    """Its transpose."""

    def operator(self, matrix: Array) -> Callable[[Array], Array]:
        """The map x -> O x of the one-coordinate matrix `matrix`, on vectors."""
        orbitals = len(matrix)

        def apply(x: Array) -> Array:
            removed = (self.remove @ x).reshape(orbitals, -1)
            return np.asarray(self.restore @ (matrix @ removed).ravel())

        return apply

    def dense(self, matrix: Array) -> Array:
        """The matrix of the same map."""
        fewer = self.remove.shape[0] // len(matrix)
        lifted = sparse.kron(sparse.csr_matrix(matrix), sparse.identity(fewer), format="csr")
        return np.asarray((self.restore @ lifted @ self.remove).todense())

    def sum_of(self, one: Array) -> Array:
        """Coefficients of sum_i F(z_i), from E[F f_a]."""
        n, result = self.width, np.zeros(len(self.states))
        for k, state in enumerate(self.states):
            if len(state) < 2:
                result[k] = math.sqrt(n) * one[state[0]] if state else n * one[0]
        return result

    def product_of(self, one: Array) -> Array:
        """Coefficients of prod_i F(z_i), from E[F f_a]; leading axes of `one` are kept."""
        rest = np.array([self.width - len(s) for s in self.states])
        longest = max(map(len, self.states))
        padded = np.array([s + (0,) * (longest - len(s)) for s in self.states])
        present = np.arange(longest) < np.array([len(s) for s in self.states])[:, None]
        factors = np.where(present, one[..., padded], 1.0)
        roots = np.array([_multiplicity(self.width, s) for s in self.states])
        powers = one[..., :1] ** rest
        return np.asarray(roots * powers * np.prod(factors, axis=-1))


def basis(width: int, level: int, scale: float) -> Basis:
    """All multisets of at most `width` orbitals whose levels sum to at most `level`."""
    one = orbitals(level, scale)
    states = tuple(_multisets(one.level, level, width))
    fewer = {s: k for k, s in enumerate(s for s in states if len(s) < width)}
    rows: list[int] = []
    columns: list[int] = []
    values: list[float] = []
    for k, state in enumerate(states):
        for a in dict.fromkeys((0, *state)):
            if a:
                at = state.index(a)
                left, number = state[:at] + state[at + 1 :], state.count(a)
            else:
                left, number = state, width - len(state)
            if number:
                rows.append(a * len(fewer) + fewer[left])
                columns.append(k)
                values.append(math.sqrt(number))
    shape = (len(one.level) * len(fewer), len(states))
    remove = sparse.csr_matrix((values, (rows, columns)), shape=shape)
    return Basis(width, one, states, remove, remove.T.tocsr())


def _multisets(level: Array, most: int, width: int) -> list[State]:
    by_level = sorted(range(1, len(level)), key=lambda a: (level[a], a))
    found: list[State] = []

    def extend(state: State, first: int, left: int) -> None:
        found.append(tuple(sorted(state)))
        if len(state) == width:
            return
        for at in range(first, len(by_level)):
            a = by_level[at]
            if level[a] > left:
                break
            extend((*state, a), at, left - int(level[a]))

    extend((), 0, most)
    return found


def _multiplicity(width: int, state: State) -> float:
    """sqrt(n! / prod n_a!), e_0 included."""
    log = math.lgamma(width + 1) - math.lgamma(width - len(state) + 1)
    log -= sum(math.lgamma(state.count(a) + 1) for a in set(state))
    return math.exp(log / 2)

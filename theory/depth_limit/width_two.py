r"""Width two, exactly: the direction of X is a one-dimensional diffusion (claim C8).

For n = 2 the angle of X solves d theta = sqrt(nu/2) dB with nu = |phi|^2/|X|^2, that is 1 on the
quadrant [0, pi/2] where both neurons are active and cos^2, sin^2 on the two wings.  By symmetry
keep theta <= pi/4, and on the left wing use x = -gd^{-1}(|theta|) (Gudermannian), where

    dx = -(1/4) tanh|x| dt + dB / sqrt(2)  (x < 0),        dx = dB / sqrt(2)  (0 < x < pi/4),

speed density m = cosh x (x < 0), 1 (x > 0), reflection at pi/4.  With v the probability of being
at x > 0 later, v_t = (1/4m) (m v')', v_0 = 1_{x > 0}, and the start density p (uniform angle, both
halves of the symmetry counted):

    E[A_s | N_0 > 0] = 1 + P(A_s = 2) = 1 + int p v_s dx,   p = (4 / 3 pi) (sech x or 1).

Two methods that share nothing but this problem: spectral elements with an eigen-decomposition,
and finite volumes with a contour integral of the resolvent and two Richardson steps.  They agree
to 1e-10.  The left end x = -24 is reached with probability about 1 as t grows, but the way back to
0 has probability below e^-23: the cut costs less than 1e-10 at any time.
"""

import functools
import itertools
import math
from typing import Literal

import numpy as np
from scipy import linalg

from theory._checks import nonnegative
from theory.depth_limit._common import relative_decay

Method = Literal["spectral", "finite-volume"]

ERROR = 1e-9
"""Stated error of E[A_s | N_0 > 0] by either method (observed: 1e-10); absolute."""

CUT = -24.0
# Short elements at 0, where the initial function jumps; long ones where only a smooth tail is left.
BREAKS = (
    *(CUT, -17.0, -13.0, -10.0, -8.0, -6.0, -5.0, -4.0, -3.2, -2.5, -2.0, -1.5, -1.1),
    *(-0.8, -0.6, -0.4, -0.3, -0.2, -0.1, -0.05, 0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, math.pi / 4),
)
DEGREE = 14
CELLS = 64
"""Finite-volume cells on [0, pi/4] in the coarsest of the three grids."""


def active_count_two(time: float, method: Method = "spectral") -> float:
    """E[A_t | N_0 > 0] at width 2, to 1e-9 (absolute) at any time."""
    return 1 + _both_active(nonnegative(time), method, integrated=False)


def log_ratio_two(time: float, method: Method = "spectral") -> float:
    """E[log(|phi(X_t)|/|phi(X_0)|) | N_0 > 0] at width 2, to 1e-9 t.

    Equals (1/2) int_0^t (E[A_s|N_0>0]/2 - 1) ds; the integral is exact in each mode.
    """
    t = nonnegative(time)
    return (_both_active(t, method, integrated=True) - t) / 4


def _both_active(time: float, method: Method, *, integrated: bool) -> float:
    """P(A_t = 2 | N_0 > 0), or its integral over [0, t]."""
    if method == "spectral":
        rates, weights = _modes()
        if integrated:
            return float(time * np.dot(weights, relative_decay(rates * time)))
        return float(np.dot(weights, np.exp(-rates * time)))
    if method == "finite-volume":
        if time == 0:
            return 0.0 if integrated else 1 / 3
        return _richardson([_finite_volume(CELLS << k, time, integrated) for k in range(3)])
    raise ValueError(f"method must be 'spectral' or 'finite-volume', not {method!r}.")


@functools.cache
def _modes() -> tuple[np.ndarray, np.ndarray]:
    """Decay rates and weights: P(A_s = 2 | N_0 > 0) = sum_k weight_k exp(-rate_k s)."""
    nodes, weights, derivative = _gauss_lobatto(DEGREE)
    size = (len(BREAKS) - 1) * DEGREE + 1
    stiffness = np.zeros((size, size))
    mass, start, step = np.zeros(size), np.zeros(size), np.zeros(size)
    for element, (left, right) in enumerate(itertools.pairwise(BREAKS)):
        half = (right - left) / 2
        wing = left < 0
        # Exact end points: rounding must not put x = 0 on the wrong side.
        x = np.clip(left + half * (nodes + 1), left, right)
        m = np.cosh(x) if wing else np.ones_like(x)
        at = slice(element * DEGREE, (element + 1) * DEGREE + 1)
        stiffness[at, at] += derivative.T @ ((m * weights / half)[:, None] * derivative) / 4
        mass[at] += weights * half * m
        start[at] += weights * half / m * (4 / (3 * math.pi))  # both halves of the symmetry
        step[at] += 0.0 if wing else weights * half
    scale = 1 / np.sqrt(mass)
    rates, vectors = linalg.eigh(scale[:, None] * stiffness * scale)
    return np.maximum(rates, 0), (vectors.T @ (start * scale)) * (vectors.T @ (step * scale))


def _gauss_lobatto(degree: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes, weights and differentiation matrix of Gauss-Lobatto-Legendre interpolation."""
    legendre = np.polynomial.legendre.Legendre.basis(degree)
    slope, curvature = legendre.deriv(), legendre.deriv(2)
    inner = slope.roots()
    inner = inner - slope(inner) / curvature(inner)  # Newton: roots() is exact to 1e-14 only
    x = np.concatenate([[-1.0], inner, [1.0]])
    values = legendre(x)
    gap = x[:, None] - x
    np.fill_diagonal(gap, 1.0)
    derivative = values[:, None] / values / gap
    np.fill_diagonal(derivative, 0.0)
    derivative[0, 0], derivative[-1, -1] = -degree * (degree + 1) / 4, degree * (degree + 1) / 4
    return x, 2 / (degree * (degree + 1) * values**2), derivative


def _finite_volume(cells: int, time: float, integrated: bool) -> float:
    """P(A_t = 2 | N_0 > 0), or its time integral, on a uniform grid with a face at 0.

    The resolvent is a tridiagonal solve; exp(-tK) is its contour integral over the parabola of
    Weideman and Trefethen (2007), 32 points, error 1e-13.
    """
    h = math.pi / 4 / cells
    left = cells // CELLS * math.ceil(-CUT / (math.pi / 4 / CELLS))
    faces = h * np.arange(-left, cells + 1)
    centers = faces[:-1] + h / 2
    wing = centers < 0
    mass = np.where(wing, np.diff(np.sinh(np.minimum(faces, 0))), h)
    conductance = 0.25 / np.diff(_gudermannian(centers))
    start = np.diff(_gudermannian(faces)) * (4 / (3 * math.pi))
    off = np.zeros((3, centers.size), dtype=complex)
    off[0, 1:] = -conductance / mass[:-1]
    off[2, :-1] = -conductance / mass[1:]
    diagonal = np.append(conductance, 0) / mass + np.append(0, conductance) / mass
    points = 32
    angle = math.pi * (2 * np.arange(points // 2) + 1) / points
    zeta = points * (0.1309 - 0.1194 * angle**2 + 0.2500j * angle)
    slope = points * (-0.2388 * angle + 0.2500j)
    total = 0.0
    for z, dz in zip(zeta / time, slope / time, strict=True):
        bands = off.copy()
        bands[1] = z + diagonal
        value = start @ linalg.solve_banded((1, 1), bands, np.where(wing, 0, 1).astype(complex))
        total += float((np.exp(z * time) * value * dz / (z if integrated else 1)).imag)
    return total * 2 / points


def _gudermannian(x: np.ndarray) -> np.ndarray:
    """The angle: gd(x) = 2 arctan tanh(x/2) on the wing x < 0, x itself on x > 0."""
    return np.asarray(np.where(x < 0, 2 * np.arctan(np.tanh(np.minimum(x, 0) / 2)), x))


def _richardson(values: list[float]) -> float:
    """Limit of three values at h, h/2, h/4 with errors in h^2 and h^4."""
    first = [(4 * b - a) / 3 for a, b in itertools.pairwise(values)]
    return (16 * first[1] - first[0]) / 15

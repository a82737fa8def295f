r"""The kernels themselves, from angles or from points.

All is propagated as distances from coincidence, delta = 1 - c and e = (l + 1) - t, which are sums
of positive terms: with w = arccos c = 2 arcsin sqrt(delta/2),

    psi(delta) = 1 - k1 = delta - (sin w - w cos w)/pi,      1 - k0 = w/pi,
    delta <- mean psi(delta),     e <- mean(l (1 - k0) + k0 e + psi(delta)),     e = delta at first.

So a kernel is accurate relative to 1 - K_RFK or L + 1 - K_NTK, however near two inputs are.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from theory.conv_kernels._network import (
    Array,
    checked_kind,
    checked_sizes,
    positions,
)

_ENTRIES = 2_000_000
"""Angles held at a time by `gram`."""
_SERIES = [(-1) ** (k + 1) * 2 * k / math.factorial(2 * k + 1) for k in range(1, 9)]
"""sin w - w cos w = w^3 sum_k series[k] w^2k; eight terms are exact to 1e-17 below w = 1/2."""


def kernel(angles: npt.ArrayLike, patch_sizes: Sequence[int], kind: str) -> Array:
    """K(x, y) from the angles between the patches of x and y, in radians, shape (..., p).

    K_RFK(x, x) = 1 and K_NTK(x, x) = L + 1.  p = s_2 ... s_L p_L; the readout averages p_L
    positions.  Raises ValueError for another p, for NaN, and for sizes or kinds that are none.
    """
    largest = 1.0 if checked_kind(kind) == "rfk" else len(checked_sizes(patch_sizes)) + 1.0
    return largest - kernel_gap(angles, patch_sizes, kind)


def kernel_gap(angles: npt.ArrayLike, patch_sizes: Sequence[int], kind: str) -> Array:
    """K(x, x) - K(x, y), accurate to about 1e-15 of itself; arguments as of `kernel`."""
    return gap_of_deltas(2 * np.sin(_angles(angles) / 2) ** 2, patch_sizes, kind)


def gram(x: npt.ArrayLike, y: npt.ArrayLike, patch_sizes: Sequence[int], kind: str) -> Array:
    """The matrix K(x_i, y_j) of points on the multisphere.

    A point is p angles (patches on circles, s_1 = 2; shape (n, p)) or p unit vectors of s_1
    coordinates (shape (n, p, s_1)); the distances of vectors come from their differences.
    Raises ValueError where a patch is not normalised to 1e-6.
    """
    sizes, kind = checked_sizes(patch_sizes), checked_kind(kind)
    first, second = points(x, sizes, "x"), points(y, sizes, "y")
    if first.shape[1:] != second.shape[1:]:
        raise ValueError(f"x and y must have equal points: {first.shape[1:]}, {second.shape[1:]}.")
    out = np.empty((len(first), len(second)))
    rows = max(1, _ENTRIES // max(1, second.size))
    for start in range(0, len(first), rows):
        near = first[start : start + rows, None] - second[None]
        near = 2 * np.sin(near / 2) ** 2 if near.ndim == 3 else (near * near).sum(axis=-1) / 2
        out[start : start + rows] = gap_of_deltas(near, sizes, kind)
    return (1.0 if kind == "rfk" else len(sizes) + 1.0) - out


def points(x: npt.ArrayLike, sizes: tuple[int, ...], name: str) -> Array:
    """Points as an array (n, p) of angles or (n, p, s_1) of unit vectors; ValueError otherwise."""
    array = np.asarray(x, dtype=float)
    if not (array.ndim == 2 and sizes[0] == 2) and array.shape[2:] != (sizes[0],):
        raise ValueError(
            f"{name} must have shape (n, p, {sizes[0]}), unit vectors"
            f"{', or (n, p), angles' if sizes[0] == 2 else ''}; it has {array.shape}."
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds a NaN or an infinite value; remove that point.")
    positions(array.shape[1], sizes)
    if array.ndim == 2:
        return array
    length = np.sqrt((array * array).sum(axis=-1))
    bad = np.argwhere(np.abs(length - 1) > 1e-6)
    if bad.size:
        row, patch = bad[0]
        raise ValueError(
            f"patch {patch} of {name}[{row}] has length {length[row, patch]:g}; "
            "normalise every patch to length 1."
        )
    return np.asarray(array / length[..., None])


def arc(delta: Array) -> tuple[Array, Array]:
    """psi = 1 - k1 and 1 - k0 at c = 1 - delta, 0 <= delta <= 2, without cancellation."""
    w = 2 * np.arcsin(np.sqrt(np.clip(delta / 2, 0, 1)))
    square = np.minimum(w, 0.5) ** 2
    series = square * np.minimum(w, 0.5) * np.polynomial.polynomial.polyval(square, _SERIES)
    chord = np.where(w < 0.5, series, np.sin(w) - w * np.cos(w))
    return delta - chord / math.pi, w / math.pi


def gap_of_deltas(delta: Array, patch_sizes: Sequence[int], kind: str) -> Array:
    """`kernel_gap` from delta = 1 - cos(angle) of each patch, shape (..., p)."""
    sizes, kind = checked_sizes(patch_sizes), checked_kind(kind)
    children = [*sizes[1:], positions(delta.shape[-1], sizes)]
    gap = delta
    for layer, count in enumerate(children, start=1):
        psi, turn = arc(delta)
        if kind == "ntk":
            gap = _mean(layer * turn + (1 - turn) * gap + psi, count)
        delta = _mean(psi, count)
    return (gap if kind == "ntk" else delta)[..., 0]


def _mean(values: Array, count: int) -> Array:
    return np.asarray(values.reshape(*values.shape[:-1], -1, count).mean(axis=-1))


def _angles(angles: npt.ArrayLike) -> Array:
    array = np.asarray(angles, dtype=float)
    if array.ndim == 0:
        raise ValueError("angles must have shape (..., p), one angle for each patch.")
    if not np.isfinite(array).all():
        raise ValueError(f"angles must be finite numbers, not {array[~np.isfinite(array)][0]}.")
    return array

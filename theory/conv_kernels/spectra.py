r"""Eigenvalues of the kernels on the multisphere: one by one, or all on a grid.

The eigenfunctions are products of harmonics of the patches, of degrees k = (k_1, ..., k_p), and

    Lambda_k = E[K(x, y) prod_i Y_{k_i}(angle_i)],    Y_k(0) = 1,    x, y uniform,

that is the Fourier coefficient on the torus of angles for s_1 = 2 (Y_k = cos k theta), Legendre's
for s_1 = 3, Gegenbauer's beyond.  Lambda_k counts once for each eigenfunction: on circles once for
each sign of each non-zero k_i, and

    sum over all signed k of Lambda_k = K(x, x) = 1 (RFK), L + 1 (NTK).
"""

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from theory._checks import whole
from theory.conv_kernels._measures import ORDERS, activated, entering, passed_on
from theory.conv_kernels._network import Array, checked_kind, checked_sizes, patches, positions
from theory.conv_kernels.kernels import kernel
from theory.prediction import Prediction

_EPS = float(np.finfo(float).eps)
_LARGEST = 20_000
"""Largest degree: the work grows with its square for s_1 >= 3."""
_MOST_POINTS = 2**26
"""Points of a grid: half a gigabyte."""


def eigenvalue(labels: Sequence[int], patch_sizes: Sequence[int], kind: str) -> Prediction:
    """Lambda_k of a label for each patch, any number of patches and any s_1 >= 2.

    The error is rounding, about 1e-15 whatever the degrees: an estimate, from what other rules
    change and from the size of the terms, not proved.  It is generous where two degrees are large
    (below 1e-17 against extended precision).  Time grows with the number of *different* subtrees,
    from a tenth of a second (L = 2) to seconds.
    """
    sizes, kind = checked_sizes(patch_sizes), checked_kind(kind)
    degrees = _checked_labels(labels)
    count = positions(len(degrees), sizes)
    width = patches(sizes)
    trees = [degrees[i * width : (i + 1) * width] for i in range(count)]
    busy = [tree for tree in trees if any(tree)]
    if len(busy) > 1:
        return Prediction(0.0, 0.0, "labels of two positions: the readout only adds them")
    tree = _canonical(busy[0] if busy else trees[0], sizes)
    (fine, size), (coarse, _) = (_tree_eigenvalue(tree, sizes, kind, order) for order in ORDERS)
    share = 1 / count if busy else 1.0
    error = 4 * abs(fine - coarse) + _EPS * (4 * size + _patch_terms(tree, sizes))
    return Prediction(share * fine, share * error, "contraction of the tree of patches")


def one_hidden_layer(label: int, kind: str) -> float:
    """Lambda_k for L = 1 on circles in closed form: zero at odd k > 1."""
    (k,), kind = _checked_labels([label]), checked_kind(kind)
    if kind == "rfk":
        return _fourier_k1(k)
    return _fourier_k1(k) + (_fourier_k0(abs(k - 1)) + _fourier_k0(k + 1)) / 2


class Spectrum(NamedTuple):
    """All eigenvalues with labels up to size/2, arrays of shape (size/2 + 1,) * p."""

    values: Array
    """Lambda at the labels (k_1, ..., k_p) of the index."""
    multiplicities: Array
    """Number of signed labels: 2 for each k_i other than 0 and size/2."""


def spectrum(
    patch_sizes: Sequence[int], kind: str, size: int, inputs: int | None = None
) -> Spectrum:
    """Eigenvalues for s_1 = 2 by a Fourier transform on a grid of `size` points a circle.

    `inputs`: p, by default s_2 ... s_L (one position).  These are the exact eigenvalues of the
    kernel restricted to the grid, so that their sum is exactly K(x, x); they exceed Lambda_k by
    the sum of Lambda at all aliases k + size m, of order size^(-2 nu - 1): small beside the low
    labels only.  Values below about 1e-17 are rounding and may be negative.
    Raises ValueError for an odd size and for grids of more than 2^26 points in [0, pi]^p.
    """
    import scipy.fft

    sizes, kind, n = checked_sizes(patch_sizes), checked_kind(kind), whole(size, "size")
    if sizes[0] != 2:
        raise ValueError(f"patches must be circles, s_1 = 2, for a Fourier grid, not {sizes[0]}.")
    p = patches(sizes) if inputs is None else whole(inputs, "inputs")
    positions(p, sizes)
    side = n // 2 + 1
    if n % 2 or side**p > _MOST_POINTS:
        raise ValueError(
            f"size must be even and (size/2 + 1)^{p} at most {_MOST_POINTS}, not {size!r}."
        )
    angle = np.linspace(0, math.pi, side)
    values = np.empty((side,) * p)
    for first in range(side):  # bounded memory
        rest = np.meshgrid(angle[first : first + 1], *[angle] * (p - 1), indexing="ij")
        values[first] = kernel(np.stack(rest, axis=-1), sizes, kind)[0]
    values = scipy.fft.dctn(values, type=1) / float(n) ** p
    signs = np.where(np.isin(np.arange(side), [0, n // 2]), 1.0, 2.0)
    return Spectrum(values, functools.reduce(np.multiply.outer, [signs] * p))


def _tree_eigenvalue(
    labels: tuple[int, ...], sizes: tuple[int, ...], kind: str, order: int
) -> tuple[float, float]:
    """Lambda, and the sum of the absolute values that it is the sum of."""
    top = activated(entering(labels, sizes, order), len(sizes))
    gaps = top.gap if kind == "ntk" else top.weight * top.delta
    largest = 0.0 if any(labels) else 1.0 if kind == "rfk" else len(sizes) + 1.0
    return largest - float(gaps.sum()), largest + float(np.abs(gaps).sum())


def _patch_terms(labels: tuple[int, ...], sizes: tuple[int, ...]) -> float:
    """What a relative error of each patch's weights does: the others have cancelled already."""
    masses = [float(np.abs(passed_on((k,), sizes[:1], ORDERS[0]).weight).sum()) for k in labels]
    others = [math.prod(masses[:i] + masses[i + 1 :]) for i in range(len(masses))]
    return (len(sizes) + 1) * sum(others)


def _canonical(labels: tuple[int, ...], sizes: tuple[int, ...]) -> tuple[int, ...]:
    """The same for all labels that a permutation of the tree maps to each other."""
    if len(sizes) == 1:
        return labels
    width = patches(sizes[:-1])
    parts = [labels[i : i + width] for i in range(0, len(labels), width)]
    return sum(sorted(_canonical(part, sizes[:-1]) for part in parts), ())


def _checked_labels(labels: Sequence[Any]) -> tuple[int, ...]:
    """Degrees as ints; cos(-k theta) = cos(k theta), so signs are dropped."""
    out = []
    for i, label in enumerate(labels):
        if isinstance(label, bool) or not isinstance(label, int | np.integer):
            raise ValueError(f"labels[{i}] must be a whole number, not {label!r}.")
        degree = abs(int(label))
        if degree > _LARGEST:
            raise ValueError(f"labels[{i}] must be at most {_LARGEST} in size, not {label}.")
        out.append(degree)
    return tuple(out)


def _fourier_k1(k: int) -> float:
    if k == 1:
        return 0.25
    return 0.0 if k % 2 else 4 / (math.pi * (k * k - 1)) ** 2


def _fourier_k0(k: int) -> float:
    if k == 0:
        return 0.5
    return 2 / (math.pi * k) ** 2 if k % 2 else 0.0

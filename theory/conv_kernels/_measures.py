r"""Means of a kernel against products of harmonics, by contraction of the tree of patches.

A node of the network passes on two numbers, delta = 1 - c and the gap e = (l + 1) - t, and every
later layer is linear in e.  So all that a subtree contributes to an integral

    int K prod_i Y_{k_i}(x_i) dx

is a pair of signed measures on the delta axis: the weight prod Y dx, and the weight times e.  Sums
of children are convolutions, layers are push-forwards, and the cost does not depend on p.

After the first layer delta is in [0, 1], and what follows is, as a function of it, analytic except
at distance >= delta below (zero distance) and >= 1 above (c = -1).  On the panels [2^-j, 2^(1-j)]
below 1 and [j, j + 1] above, interpolation in n Gauss-Legendre nodes then converges like 5.8^-n;
so a measure may be replaced by weights at the nodes that give every interpolated function the same
integral (`compressed`).  No node lies outside of where the sum of the children can be.
The mass below delta and the variation of the rest there are both O(sqrt delta), so panels near 0
need fewer nodes, by log 2/log 5.8 = 0.39 a panel.
"""

import functools
from typing import NamedTuple

import numpy as np
import scipy.special

from theory._panels import nodes
from theory.conv_kernels._network import Array, patches
from theory.conv_kernels.kernels import arc

ORDERS = (20, 17)
"""Nodes on the panels below 1, and the fewer that show the error."""
_FEWER = 0.3
"""Nodes saved by each panel nearer to zero distance."""
_LOWEST = -56
"""Zero distance begins at 2^-57: it has 2^-28 of the mass, and K varies by 2^-28 at most there."""


class Measure(NamedTuple):
    """A signed measure on delta: points, their weights, and weights times the NTK's gap e."""

    delta: Array
    weight: Array
    gap: Array


def point(delta: float) -> Measure:
    """Mass 1 at delta; no gap."""
    return Measure(np.array([delta]), np.ones(1), np.zeros(1))


def activated(m: Measure, layer: int) -> Measure:
    """Through the nonlinearity of a layer, before any mean."""
    psi, turn = arc(m.delta)
    return Measure(psi, m.weight, (layer * turn + psi) * m.weight + (1 - turn) * m.gap)


def joined(a: Measure, b: Measure) -> Measure:
    """Sum of two independent children."""
    delta = np.add.outer(a.delta, b.delta).ravel()
    gap = np.outer(a.gap, b.weight) + np.outer(a.weight, b.gap)
    return Measure(delta, np.outer(a.weight, b.weight).ravel(), gap.ravel())


def mean(children: list[Measure], order: int) -> Measure:
    """Mean of independent children: what enters the next nonlinearity."""
    count = len(children)
    while len(children) > 2:
        children = _paired(children, order)
    total = joined(*children) if len(children) == 2 else children[0]
    return Measure(total.delta / count, total.weight, total.gap / count)


def _paired(children: list[Measure], order: int) -> list[Measure]:
    """Half as many; equal pairs are summed once."""
    sums: dict[tuple[int, int], Measure] = {}
    out = []
    for a, b in zip(children[::2], children[1::2], strict=False):
        pair = id(a), id(b)
        if pair not in sums:
            sums[pair] = compressed(joined(a, b), order)
        out.append(sums[pair])
    return out + children[len(out) * 2 :]


def compressed(m: Measure, order: int) -> Measure:
    """Weights at `order` nodes a panel that give interpolated functions the same integrals."""
    delta = np.maximum(m.delta, 2.0 ** (_LOWEST - 1))
    above = np.ceil(delta) - 1  # whole part, 0 up to and including 1
    mantissa, exponent = np.frexp(np.minimum(delta, np.nextafter(1.0, 0.0)))
    panel = exponent - _LOWEST + above.astype(int)
    x = np.where(above > 0, 2 * (delta - above) - 1, 4 * mantissa - 3)
    used = np.flatnonzero(np.bincount(panel))
    moments = np.empty((2, order, int(used[-1]) + 1))
    lower, here = np.zeros_like(x), np.ones_like(x)  # Legendre polynomials of degree k - 1, k
    for k in range(order):
        for i, masses in enumerate((m.weight, m.gap)):
            moments[i, k] = np.bincount(panel, weights=masses * here)
        lower, here = here, ((2 * k + 1) * x * here - k * lower) / (k + 1)
    parts = []
    for j in used.tolist():
        level = j + _LOWEST  # [2^(level - 1), 2^level], or [level, level + 1] above 0
        roots, basis = _basis(order - int(_FEWER * max(0, -level)))
        points = level + (roots + 1) / 2 if level > 0 else np.ldexp(roots + 3, level - 2)
        parts.append([points, *(moments[:, : len(roots), j] @ basis)])
    return Measure(*(np.concatenate(column) for column in zip(*parts, strict=True)))


@functools.cache
def _basis(count: int) -> tuple[Array, Array]:
    """Nodes on [-1, 1]; and what the moment of each degree adds to the weight at each."""
    roots = nodes(np.array([-1.0]), np.array([1.0]), count)[0][0]
    # By inversion, since the rule's own weights integrate polynomials to 1e-14 only.
    return roots, np.linalg.inv(np.polynomial.legendre.legvander(roots, count - 1))


def entering(labels: tuple[int, ...], sizes: tuple[int, ...], order: int) -> Measure:
    """The measure that enters the nonlinearity of the top layer of the tree."""
    if len(sizes) == 1:
        return _leaf(labels[0], sizes[0], order + 4)
    width = patches(sizes[:-1])
    parts = sorted(labels[i : i + width] for i in range(0, len(labels), width))
    return mean([passed_on(part, sizes[:-1], order) for part in parts], order)


@functools.lru_cache(maxsize=256)
def passed_on(labels: tuple[int, ...], sizes: tuple[int, ...], order: int) -> Measure:
    """What a meta-patch passes on to the next layer, through its own nonlinearity."""
    return compressed(activated(entering(labels, sizes, order), len(sizes)), order)


@functools.lru_cache(maxsize=256)
def _leaf(label: int, size: int, order: int) -> Measure:
    """The zonal harmonic of this degree on the sphere of R^size, 1 at the pole."""
    count = 2 << (label // 4).bit_length()  # panels of about a period or less
    width = np.pi / count
    near = width * np.concatenate([[0.0], 0.5 ** np.arange(30.0, -1, -1)])
    edges = np.concatenate([near, width * np.arange(2, count + 1)])
    x, basis = _basis(order)
    half = np.diff(edges)[:, None] / 2
    angle = edges[:-1, None] + half * (1 + x)
    weight = half * (2 * basis[0]) * np.sin(angle) ** (size - 2)
    weight /= np.sqrt(np.pi) * scipy.special.gamma((size - 1) / 2) / scipy.special.gamma(size / 2)
    delta = 2 * np.sin(angle / 2) ** 2
    weight *= _harmonic(label, size, angle) if size > 2 else _cosine(label, angle, count)
    return Measure(delta.ravel(), weight.ravel(), (weight * delta).ravel())


def _cosine(label: int, angle: Array, count: int) -> Array:
    """cos(label * angle); the phase of a panel's middle is reduced in whole numbers.

    The product label * angle would carry the rounding of the angle, label times over.
    """
    out = np.cos(label * angle)
    middle = 2 * np.arange(1, count) + 1  # of the panels above the first, in pi/(2 count)
    phase = (label * middle % (4 * count)) * (np.pi / (2 * count))
    inside, _ = _basis(angle.shape[1])
    out[1 - count :] = np.cos(phase[:, None] + label * (np.pi / (2 * count)) * inside)
    return np.asarray(out)


def _harmonic(label: int, size: int, angle: Array) -> Array:
    """Gegenbauer's polynomial of index size/2 - 1 at cos(angle), over its value at angle 0."""
    lower, here, c = np.zeros_like(angle), np.ones_like(angle), np.cos(angle)
    for k in range(label):
        lower, here = here, ((2 * k + size - 2) * c * here - k * lower) / (k + size - 2)
    return here

"""Convolutional kernels and their eigenvalues against high precision, quadrature and the notes."""

from __future__ import annotations

import itertools
import math
import re

import mpmath
import numpy as np
import pytest
import scipy.integrate
import scipy.special

from theory import conv_kernels, gaussian

TREES = [(2,), (2, 2), (3, 1, 2), (2, 3), (2, 2, 2)]


def literal(angles: list[float], sizes: tuple[int, ...], kind: str) -> mpmath.mpf:
    """The recursion as it is written, in mpmath's precision."""
    k0 = lambda c: (mpmath.pi - mpmath.acos(c)) / mpmath.pi  # noqa: E731
    k1 = lambda c: mpmath.sqrt(1 - c * c) / mpmath.pi + k0(c) * c  # noqa: E731
    c = [mpmath.cos(mpmath.mpf(a)) for a in angles]
    t = list(c)
    for count in [*sizes[1:], len(c) // math.prod(sizes[1:])]:
        t = [k0(x) * y + k1(x) for x, y in zip(c, t, strict=True)]
        c = [k1(x) for x in c]
        t, c = ([sum(v[i : i + count]) / count for i in range(0, len(v), count)] for v in (t, c))
    assert len(c) == 1
    return (c if kind == "rfk" else t)[0]


@pytest.mark.parametrize("kind", ["rfk", "ntk"])
@pytest.mark.parametrize("sizes", TREES)
@pytest.mark.parametrize("positions", [1, 2])
@pytest.mark.parametrize("scale", [math.pi, 1e-4, 1e-9])
def test_kernel_is_the_recursion(
    sizes: tuple[int, ...], kind: str, positions: int, scale: float
) -> None:
    rng = np.random.default_rng(0)
    angles = rng.uniform(0, scale, (5, positions * math.prod(sizes[1:])))
    same = 1 if kind == "rfk" else len(sizes) + 1
    value = conv_kernels.kernel(angles, sizes, kind)
    gap = conv_kernels.kernel_gap(angles, sizes, kind)
    with mpmath.workdps(60):
        exact = [literal(row.tolist(), sizes, kind) for row in angles]
        for i, x in enumerate(exact):
            assert value[i] == pytest.approx(float(x), abs=2e-15)
            # Each layer adds a few ulp: sines, arcsines and sums of positive terms.
            assert gap[i] == pytest.approx(float(same - x), rel=5e-15)


@pytest.mark.parametrize(
    ("angles", "rfk", "ntk"),
    [
        ((0.5, 1.0), 0.798317947807783, 1.820471547852212),
        ((0.5, 1, 2.5, 3), 0.650859524471922, 1.375199663231550),
        ((1e-3, 0.0), 0.999999750090574, 2.999390020828395),
    ],
)
def test_kernel_values_of_the_notes(angles: tuple[float, ...], rfk: float, ntk: float) -> None:
    sizes = (2,) * (1 + int(math.log2(len(angles))))
    assert conv_kernels.kernel(angles, sizes, "rfk") == pytest.approx(rfk, abs=1e-15)
    assert conv_kernels.kernel(angles, sizes, "ntk") == pytest.approx(ntk, abs=2e-15)


def test_one_layer_is_the_dual_of_relu() -> None:
    angles = np.linspace(0, math.pi, 9)
    c = np.clip(np.cos(angles), -1, 1)
    k1 = 2 * gaussian.dual("relu", c)
    k0 = 2 * gaussian.dual_derivative("relu", c)
    assert conv_kernels.kernel(angles[:, None], (2,), "rfk") == pytest.approx(k1, abs=1e-15)
    assert conv_kernels.kernel(angles[:, None], (2,), "ntk") == pytest.approx(
        k1 + c * k0, abs=1e-15
    )


def test_coincident_and_opposite_inputs() -> None:
    for sizes in TREES:
        p = math.prod(sizes[1:])
        zero, pi = np.zeros(p), np.full(p, math.pi)
        assert conv_kernels.kernel(zero, sizes, "rfk") == 1
        assert conv_kernels.kernel(zero, sizes, "ntk") == len(sizes) + 1
        assert conv_kernels.kernel(-pi, sizes, "ntk") == pytest.approx(
            conv_kernels.kernel(3 * pi, sizes, "ntk"), abs=1e-14
        )
    assert conv_kernels.kernel([math.pi], (2,), "rfk") == pytest.approx(0, abs=1e-15)


def test_gram_of_angles_and_of_vectors() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.uniform(-7, 7, (6, 4)), rng.uniform(-7, 7, (3, 4))
    matrix = conv_kernels.gram(x, y, (2, 2), "ntk")
    assert matrix == pytest.approx(conv_kernels.kernel(x[:, None] - y, (2, 2), "ntk"), abs=2e-15)
    points = [np.stack([np.cos(a), np.sin(a)], axis=-1) for a in (x, y)]
    assert conv_kernels.gram(*points, (2, 2), "ntk") == pytest.approx(matrix, abs=3e-15)
    ball = rng.normal(size=(5, 2, 3))
    ball /= np.linalg.norm(ball, axis=-1, keepdims=True)
    angles = np.arccos(np.clip((ball[:, None] * ball).sum(axis=-1), -1, 1))
    found = conv_kernels.gram(ball, ball, (3, 2), "rfk")
    assert found == pytest.approx(conv_kernels.kernel(angles, (3, 2), "rfk"), abs=1e-14)
    assert np.array_equal(np.diag(found), np.ones(5))
    assert np.linalg.eigvalsh(found).min() > 0
    assert conv_kernels.gram(np.empty((0, 2)), y[:, :2], (2, 2), "rfk").shape == (0, 3)


def test_gram_in_blocks_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(2).uniform(0, 6, (40, 2))
    matrix = conv_kernels.gram(x, x, (2, 2), "ntk")
    monkeypatch.setattr("theory.conv_kernels.kernels._ENTRIES", 100)
    assert np.array_equal(conv_kernels.gram(x, x, (2, 2), "ntk"), matrix)


# --- eigenvalues --------------------------------------------------------------------------------

CIRCLES = {
    (0, 0): (5.59217453161102e-1, 1.00015710262095),
    (1, 0): (8.08239886680303e-2, 2.79592894766353e-1),
    (2, 0): (1.73115309017713e-2, 8.84600740134175e-2),
    (3, 0): (1.18879673553781e-3, 1.00140651514597e-2),
    (1, 1): (5.84579517544629e-3, 3.48182215350586e-2),
    (2, 1): (1.30872561728739e-3, 1.13761237901048e-2),
    (2, 2): (3.51101786463211e-4, 4.43853239782115e-3),
    (3, 2): (7.17110287643389e-5, 1.59839526566874e-3),
    (5, 5): (2.60160675453654e-6, 1.96588341991823e-4),
    (8, 8): (2.63328107430344e-7, 4.81706549862149e-5),
    (16, 16): (8.61047181610748e-9, 6.07311309831954e-6),
}
"""s = (2, 2): (RFK, NTK), from the notes (composite Gauss-Legendre)."""
SPHERES = {
    (0, 0): (0.53608334461, 0.88164600061),
    (1, 0): (0.05282952183, 0.17748385959),
    (1, 1): (0.00251941138, 0.01414796256),
    (2, 0): (0.00887584316, 0.04285020350),
    (2, 1): (0.00043180192, 0.00336804802),
}
"""s = (3, 2), 8 digits, from the notes."""
KINDS = pytest.mark.parametrize(("column", "kind"), [(0, "rfk"), (1, "ntk")], ids=["rfk", "ntk"])


@KINDS
def test_eigenvalues_on_circles(column: int, kind: str) -> None:
    for label, pair in CIRCLES.items():
        found = conv_kernels.eigenvalue(label, (2, 2), kind)
        assert found.error < 3e-14
        assert abs(found.value - pair[column]) <= found.error + 5e-15 * pair[column], label


EXTENDED = {
    (0, 0): (0.55921745316110192664, 1.0001571026209486076),
    (8, 8): (2.6332810743022359e-07, 4.8170654986214604e-05),
    (16, 16): (8.61047181562210229e-09, 6.073113098319165701e-06),
    (32, 32): (2.7591461157063806e-10, 7.651813137431789e-07),
}
"""The same by tensor Gauss-Legendre in 80-bit arithmetic: 20 nodes on 30 panels a side."""


@KINDS
def test_eigenvalues_in_extended_precision(column: int, kind: str) -> None:
    for label, pair in EXTENDED.items():
        found = conv_kernels.eigenvalue(label, (2, 2), kind)
        # The terms of large degrees have cancelled patch by patch already.
        tolerance = found.error if label == (0, 0) else 1e-16 if kind == "ntk" else 2e-17
        assert abs(found.value - pair[column]) <= tolerance, label


@KINDS
def test_eigenvalues_on_spheres(column: int, kind: str) -> None:
    for label, pair in SPHERES.items():
        found = conv_kernels.eigenvalue(label, (3, 2), kind).value
        assert found == pytest.approx(pair[column], abs=6e-12), label


@pytest.mark.parametrize("label", [0, 1, 2, 3, 4, 5, 8, 51, 100])
@pytest.mark.parametrize("kind", ["rfk", "ntk"])
def test_one_hidden_layer_in_closed_form(label: int, kind: str) -> None:
    exact = conv_kernels.one_hidden_layer(label, kind)
    found = conv_kernels.eigenvalue([label], (2,), kind)
    assert abs(found.value - exact) <= found.error
    if label % 2 and label > 1:
        assert exact == 0


def test_one_hidden_layer_of_the_notes() -> None:
    printed = {
        "rfk": [4 / math.pi**2, 0.25, 0.0450316371743723, 0.0, 0.00180126548697489],
        "ntk": [6 / math.pi**2, 0.5, 0.1576107301103032, 0.0, 0.0171120221262615],
    }
    for kind, values in printed.items():
        found = [conv_kernels.one_hidden_layer(k, kind) for k in range(5)]
        assert found == pytest.approx(values, rel=1e-14)


@pytest.mark.parametrize("kind", ["rfk", "ntk"])
@pytest.mark.parametrize(
    "label", [7, *(pytest.param(k, marks=pytest.mark.slow) for k in (0, 1, 40, 151))]
)
def test_one_patch_deep_against_quadrature_in_high_precision(label: int, kind: str) -> None:
    sizes = (2, 1, 1)  # compressed twice on the way
    with mpmath.workdps(30):
        pieces = max(10, label)
        exact = mpmath.quad(
            lambda x: literal([x], sizes, kind) * mpmath.cos(label * x) / mpmath.pi,
            [mpmath.pi * i / pieces for i in range(pieces + 1)],
            maxdegree=4,
        )
        found = conv_kernels.eigenvalue([label], sizes, kind)
        assert abs(found.value - exact) <= found.error


def tensor_rule(size: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Angles and weights of the zonal measure, on panels towards zero distance."""
    edges = np.concatenate([[0], 0.5 ** np.arange(16, 0, -1), [1.0, 2.0, math.pi]])
    x, w = np.polynomial.legendre.leggauss(count)
    half = np.diff(edges)[:, None] / 2
    angle = (edges[:-1, None] + half * (1 + x)).ravel()
    weight = (half * w).ravel() * np.sin(angle) ** (size - 2)
    return angle, weight / weight.sum()


@pytest.mark.parametrize(
    ("sizes", "label", "count"),
    [
        ((2, 2), (4, 7), 12),
        ((3, 2), (2, 3), 12),
        ((5, 2), (0, 1), 12),
        pytest.param((2, 3), (1, 2, 0), 5, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("kind", ["rfk", "ntk"])
def test_against_tensor_quadrature(
    sizes: tuple[int, ...], label: tuple[int, ...], count: int, kind: str
) -> None:
    angle, weight = tensor_rule(sizes[0], count)
    value = conv_kernels.kernel(
        np.stack(np.meshgrid(*[angle] * len(label), indexing="ij"), axis=-1), sizes, kind
    )
    for k in label:
        a = sizes[0] / 2 - 1  # a = 0 is the circle
        harmonic = np.cos(k * angle)
        if a:
            top = scipy.special.eval_gegenbauer(k, a, 1.0)
            harmonic = scipy.special.eval_gegenbauer(k, a, np.cos(angle)) / top
        value = np.tensordot(weight * harmonic, value, axes=1)
    # What is left of the tensor rule is the point singularity below 2^-16 and, at 5 nodes, the
    # panels' own error.
    tolerance = 1e-11 if count == 12 else 2e-6
    assert conv_kernels.eigenvalue(label, sizes, kind).value == pytest.approx(value, abs=tolerance)


@pytest.mark.parametrize(
    ("sizes", "size", "inputs"), [((2, 2), 256, 2), ((2, 3), 32, 3), ((2, 2), 16, 4)]
)
@pytest.mark.parametrize("kind", ["rfk", "ntk"])
def test_fourier_grid(sizes: tuple[int, ...], size: int, inputs: int, kind: str) -> None:
    values, multiplicities = conv_kernels.spectrum(sizes, kind, size, inputs)
    largest = 1 if kind == "rfk" else len(sizes) + 1
    assert values.min() > -1e-15
    assert multiplicities.sum() == size**inputs
    assert (values * multiplicities).sum() == pytest.approx(largest, abs=1e-13)
    assert abs(values.sum() - largest) > 0.1  # the trace without multiplicities
    for label in [(0,) * inputs, (1,) * inputs, (2, 1) + (0,) * (inputs - 2)]:
        found = conv_kernels.eigenvalue(label, sizes, kind).value
        # Aliases are added, all positive: size^-4 (RFK) and size^-2 (NTK) along the axes.
        excess = values[label] - found
        assert -1e-15 < excess < 30 * size ** (-4.0 if kind == "rfk" else -2.0)


def test_fourier_grids_of_the_notes() -> None:
    # 8 digits where nothing is aliased, fewer with aliasing, as printed.
    assert conv_kernels.eigenvalue((0,) * 3, (2, 3), "rfk").value == pytest.approx(
        0.55518584, abs=6e-9
    )
    assert conv_kernels.eigenvalue((0,) * 3, (2, 3), "ntk").value == pytest.approx(0.9755, abs=6e-5)
    deep = (0,) * 4, (2, 2, 2)
    assert conv_kernels.eigenvalue(*deep, "rfk").value == pytest.approx(0.651839, abs=1e-6)
    assert conv_kernels.eigenvalue(*deep, "ntk").value == pytest.approx(1.363, abs=1e-3)


def test_permutations_of_the_tree_and_no_others() -> None:
    value = lambda *k: conv_kernels.eigenvalue(k, (2, 2, 2), "ntk").value  # noqa: E731
    same = value(3, 1, 2, 0)
    assert value(2, 0, 1, 3) == value(-1, 3, 0, -2) == same
    assert abs(value(3, 2, 1, 0) - same) > 1e-3 * same
    assert value(1, 1, 0, 0) > 2 * value(1, 0, 1, 0)  # sectors


def test_readout_averages_positions() -> None:
    one = conv_kernels.eigenvalue((2, 1), (2, 2), "ntk").value
    assert conv_kernels.eigenvalue((0, 0, 2, 1), (2, 2), "ntk").value == one / 2
    assert conv_kernels.eigenvalue((1, 0, 2, 0), (2, 2), "ntk")[:2] == (0, 0)
    zero = conv_kernels.eigenvalue((0, 0), (2, 2), "ntk").value
    assert conv_kernels.eigenvalue((0, 0, 0, 0), (2, 2), "ntk").value == zero


def test_deep_kernels_have_no_zeros() -> None:
    assert conv_kernels.eigenvalue((3, 0), (2, 2), "rfk").value > 1e-3
    for label in itertools.product(range(4), repeat=2):
        assert conv_kernels.eigenvalue(label, (2, 2), "rfk").value > 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda k: k.kernel([0.1, 0.2, 0.3], (2, 2), "rfk"), "multiple of s_2 ... s_L = 2 patches"),
        (
            lambda k: k.kernel([0.1, math.nan], (2, 2), "rfk"),
            "angles must be finite numbers, not nan",
        ),
        (lambda k: k.kernel(0.3, (2,), "rfk"), "one angle for each patch"),
        (lambda k: k.kernel([0.1], (2,), "nngp"), 'kind must be "rfk" or "ntk", not \'nngp\''),
        (lambda k: k.kernel([0.1], (), "rfk"), "it is empty"),
        (lambda k: k.kernel([0.1], 2, "rfk"), "patch_sizes must be (s_1, ..., s_L), not 2"),
        (lambda k: k.kernel([0.1], (1,), "rfk"), "patch_sizes[0] must be >= 2"),
        (lambda k: k.kernel([0.1], (2, 0), "rfk"), "patch_sizes[1] must be a whole number >= 1"),
        (lambda k: k.gram([[0.1, 0.2]], [[0.1]], (2,), "rfk"), "x and y must have equal points"),
        (lambda k: k.gram([[0.1]], [[0.1]], (3,), "rfk"), "x must have shape (n, p, 3)"),
        (
            lambda k: k.gram([[[1.0, 1.0]]], [[0.1]], (2,), "rfk"),
            "patch 0 of x[0] has length 1.414",
        ),
        (lambda k: k.gram([[math.inf]], [[0.1]], (2,), "rfk"), "x holds a NaN or an infinite"),
        (lambda k: k.eigenvalue([1.5], (2,), "rfk"), "labels[0] must be a whole number, not 1.5"),
        (lambda k: k.eigenvalue([20001], (2,), "rfk"), "labels[0] must be at most 20000"),
        (lambda k: k.eigenvalue([], (2,), "rfk"), "multiple of s_2 ... s_L = 1 patches, not 0"),
        (lambda k: k.spectrum((3, 2), "rfk", 8), "patches must be circles"),
        (lambda k: k.spectrum((2, 2), "rfk", 9), "size must be even"),
        (lambda k: k.spectrum((2, 2, 2, 2), "rfk", 64), "size must be even and"),
    ],
)
def test_mistakes_get_one_line(call, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        call(conv_kernels)
    assert "\n" not in str(caught.value)

"""Exponents and constants of the eigenvalues' decay against the eigenvalues themselves."""

from __future__ import annotations

import itertools
import math
import re

import numpy as np
import pytest
import scipy.integrate

from theory import conv_kernels

NU2 = {"rfk": 3, "ntk": 1}


def richardson(
    sizes: tuple[int, ...], kind: str, direction: tuple[int, ...], k: int, power: float
) -> float:
    """Lambda |k|^power at k and 2k times the direction, extrapolated with corrections in 1/k."""
    scaled = []
    for factor in (k, 2 * k):
        label = tuple(factor * d for d in direction)
        norm = math.hypot(*((x + sizes[0] / 2 - 1) if x else 0 for x in label))
        scaled.append(conv_kernels.eigenvalue(label, sizes, kind).value * norm**power)
    return 2 * scaled[1] - scaled[0]


def slope(sizes: tuple[int, ...], kind: str, labels: list[tuple[int, ...]]) -> list[float]:
    """Local exponents, base 2, along labels whose growing degrees double."""
    values = [conv_kernels.eigenvalue(label, sizes, kind).value for label in labels]
    return [math.log2(b / a) for a, b in itertools.pairwise(values)]


# --- constants ----------------------------------------------------------------------------------

TABLE = {
    2: (0.0537336720235083996, 0.0358224480156722664),
    3: (0.0248272427823816126, 0.0186204320867862095),
    4: (0.0151179067655622606, 0.0120943254124498084),
    6: (0.00916796498057832399, 0.00785825569763856342),
    8: (0.00852957676013836258, 0.00758184600901187785),
}
"""Patches on circles: RFK's C and NTK's C/L of the top sector, from the notes."""


@pytest.mark.parametrize("patches", TABLE)
def test_constants_of_the_top_sector(patches: int) -> None:
    rfk, ntk = TABLE[patches]
    trees = [(2, patches), (2, 2, patches // 2)] if patches in (4, 6, 8) else [(2, patches)]
    for sizes in trees:
        found = conv_kernels.leading_constant(len(sizes), sizes, "rfk")
        assert found.value == pytest.approx(rfk, rel=1e-13)
        found = conv_kernels.leading_constant(len(sizes), sizes, "ntk")
        assert found.value == pytest.approx(len(sizes) * ntk, rel=1e-13)


def test_constants_on_spheres() -> None:
    constant = lambda kind: conv_kernels.leading_constant(2, (3, 2), kind).value  # noqa: E731
    assert constant("rfk") == pytest.approx(0.4220232731986436, rel=1e-13)
    assert constant("ntk") == pytest.approx(0.3376186185589148, rel=1e-13)


def test_transform_of_the_singularity() -> None:
    # One patch: |theta|^a tested against a Gaussian, int |x|^a g(x) = int FT(k) g^(k) dk/(2 pi).
    for a, kind, local in ((3, "rfk", 1 / (3 * math.pi)), (1, "ntk", -1 / math.pi)):
        constant = conv_kernels.leading_constant(1, (2,), kind).value * math.pi / local
        left = scipy.integrate.quad(lambda x, a=a: 2 * x**a * math.exp(-x * x / 2), 0, 40)[0]
        # FT(k) = constant |k|^(-a - 1), a finite part: subtract the polynomial of its Gaussian.
        order = (a + 1) // 2

        def regular(k: float, a: int = a, order: int = order) -> float:
            taylor = sum((-k * k / 2) ** j / math.factorial(j) for j in range(order))
            return 2 * (math.exp(-k * k / 2) - taylor) * k ** (-a - 1)

        near = scipy.integrate.quad(regular, 1e-2, 1)[0]
        far = scipy.integrate.quad(regular, 1, np.inf)[0]
        # Below 1e-2 the integrand is the next Taylor term to 1e-4.
        near += 2e-2 * (-1) ** order / (2**order * math.factorial(order))
        right = constant * math.sqrt(2 * math.pi) * (near + far) / (2 * math.pi)
        assert right == pytest.approx(left, rel=1e-4)


def test_sector_one_has_two_constants() -> None:
    near, far, F = 0.76603154637458272657, 0.56625664696726913374, 0.202642367284675543
    for kind, scale in (("rfk", F), ("ntk", F / 2)):
        even = conv_kernels.leading_constant(1, (2, 2), kind)
        odd = conv_kernels.leading_constant(1, (2, 2), kind, odd=True)
        assert even.value == pytest.approx(scale * (near + far) / 2, rel=1e-13)
        assert odd.value == pytest.approx(scale * (near - far) / 2, rel=1e-13)
    assert conv_kernels.leading_constant(1, (2, 2), "rfk").value == pytest.approx(
        0.134989016702108183, rel=1e-13
    )
    assert conv_kernels.leading_constant(1, (2, 2), "ntk", odd=True).value == pytest.approx(
        0.0101207146349889879, rel=1e-13
    )


def test_mean_slope_above_by_quadrature() -> None:
    # E k0((1 + k1(cos t))/2) over the circle.
    def k0(c: float) -> float:
        return 1 - math.acos(c) / math.pi

    def k1(c: float) -> float:
        return math.sqrt(max(1 - c * c, 0)) / math.pi + c * k0(c)

    for start, odd in ((1.0, False), (0.0, True)):
        mean = scipy.integrate.quad(
            lambda t, start=start: k0((start + k1(math.cos(t))) / 2) / math.pi, 0, math.pi
        )[0]
        both = [conv_kernels.leading_constant(1, (2, 2), "rfk", odd=o).value for o in (False, True)]
        found = (both[0] - both[1] if odd else both[0] + both[1]) / 0.202642367284675543
        assert found == pytest.approx(mean, rel=1e-8)


def test_one_hidden_layer() -> None:
    for kind in NU2:
        assert conv_kernels.leading_constant(1, (2,), kind, odd=True).value == 0
        even = conv_kernels.leading_constant(1, (2,), kind).value
        exact = conv_kernels.one_hidden_layer(10**4, kind) * 1e4 ** (NU2[kind] + 1)
        assert exact == pytest.approx(even, rel=6e-8)  # corrections 2/k^2 and 5/k^2


def test_readout_divides() -> None:
    one = conv_kernels.leading_constant(2, (2, 2), "ntk").value
    assert conv_kernels.leading_constant(2, (2, 2), "ntk", positions=3).value == one / 3


@pytest.mark.parametrize(
    ("sizes", "level", "direction", "k"),
    [
        ((2, 2), 2, (1, 1), 24),
        ((2, 2), 2, (1, 3), 12),
        ((2, 2), 1, (1, 0), 64),
        ((3, 2), 2, (1, 1), 16),
        ((3, 2), 1, (1, 0), 64),
        pytest.param((2, 3), 1, (0, 1, 0), 64, marks=pytest.mark.slow),
        pytest.param((2, 2, 2), 2, (1, 1, 0, 0), 24, marks=pytest.mark.slow),
        pytest.param((2, 2, 2), 1, (1, 0, 0, 0), 64, marks=pytest.mark.slow),
        pytest.param((4, 2), 1, (1, 0), 64, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("kind", ["rfk", "ntk"])
def test_eigenvalues_tend_to_the_constants(
    sizes: tuple[int, ...], level: int, direction: tuple[int, ...], k: int, kind: str
) -> None:
    power = conv_kernels.exponent(level, sizes, kind)
    assert power == NU2[kind] + conv_kernels.effective_dimension(level, sizes)
    constant = conv_kernels.leading_constant(level, sizes, kind).value
    found = richardson(sizes, kind, direction, k, power)
    assert found == pytest.approx(constant, rel=5e-3)
    # Mutants: without L of the NTK, with D for P_L, without m_l, with one constant for sector 1.
    for wrong in (level, sizes[0] - 1, math.prod(sizes[level:])):
        if wrong > 1:
            assert abs(found / (constant / wrong) - 1) > 0.1


@pytest.mark.parametrize("kind", ["rfk", "ntk"])
def test_odd_degrees_of_sector_one(kind: str) -> None:
    values = [conv_kernels.eigenvalue((k, 0), (2, 2), kind).value for k in (65, 129)]
    scaled = [v * k ** (NU2[kind] + 1) for v, k in zip(values, (65, 129), strict=True)]
    found = (129 * scaled[1] - 65 * scaled[0]) / 64
    constant = conv_kernels.leading_constant(1, (2, 2), kind, odd=True).value
    assert found == pytest.approx(constant, rel=5e-3)


# --- exponents ----------------------------------------------------------------------------------


def test_exponents_by_sector() -> None:
    sizes = (2, 2, 2, 2)
    assert [conv_kernels.exponent(level, sizes, "rfk") for level in (1, 2, 3, 4)] == [4, 5, 7, 11]
    assert [conv_kernels.exponent(level, sizes, "ntk") for level in (1, 2, 3, 4)] == [2, 3, 5, 9]
    assert [conv_kernels.exponent(level, (3, 2), "ntk") for level in (1, 2)] == [3, 5]
    assert conv_kernels.effective_dimension(3, (5, 2, 3)) == 24


def test_exponents_along_directions() -> None:
    assert conv_kernels.exponent(2, (2, 2), "rfk", fixed=[0]) == 4
    assert conv_kernels.exponent(2, (2, 2), "ntk", fixed=[1]) == 2
    assert conv_kernels.exponent(2, (2, 3), "rfk", fixed=[0]) == 6  # the point singularity wins
    assert conv_kernels.exponent(2, (2, 7), "rfk", fixed=range(2, 7)) == 8  # two lines win
    assert conv_kernels.exponent(2, (2, 7), "ntk", fixed=range(2, 7)) == 6
    assert conv_kernels.exponent(3, (2, 2, 2), "rfk", fixed=[2, 3]) == 5  # its lower meta-patch
    assert conv_kernels.exponent(4, (2, 2, 2, 2), "rfk", fixed=[1, 2, 3, 5, 6, 7]) == 8
    for sizes in ((2, 2), (3, 4), (2, 2, 2)):
        level = len(sizes)
        isotropic = 3 + conv_kernels.effective_dimension(level, sizes)
        assert conv_kernels.exponent(level, sizes, "rfk") == isotropic


AXIS = {
    "rfk": [-4.2162, -4.1139, -4.0574, -4.0285],
    "ntk": [-2.4153, -2.2452, -2.1345, -2.0705, -2.0361],
}
"""Local slopes at k_1 = 1, k_2 = 16, 32, ..., from the notes (RFK's last, at 512, is rounding)."""


@pytest.mark.parametrize("kind", ["rfk", "ntk"])
def test_decay_along_an_axis(kind: str) -> None:
    found = slope((2, 2), kind, [(1, 2**j) for j in range(4, 10)])
    rule = conv_kernels.exponent(2, (2, 2), kind, fixed=[0])
    assert found[: len(AXIS[kind])] == pytest.approx(AXIS[kind], abs=6e-5)
    # Corrections are c/k: two local slopes give their limit.
    assert 2 * found[-1] - found[-2] == pytest.approx(-rule, abs=0.003)
    assert abs(found[-1] + conv_kernels.exponent(2, (2, 2), kind)) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["rfk", "ntk"])
def test_two_degrees_of_a_wide_layer(kind: str) -> None:
    # Two singular lines, c_1 and c_2 = 1 - |theta|^2/2 + |theta|^3/(3 pi), in k1(mean c): the term
    # k1''(c) c_1 c_2/49 has the transform E k1'' C_1^2 k^-8, summed over the lines at 0 and pi; in
    # the NTK, t_1 or t_2 = 1 - |theta|/pi takes the place of one of them.
    sizes, rest = (2, 7), range(2, 7)
    power = conv_kernels.exponent(2, sizes, kind, fixed=rest)
    assert power == (8 if kind == "rfk" else 6)
    node, weight = np.polynomial.legendre.leggauss(8)
    u = conv_kernels.kernel(math.pi / 2 * (1 + node[:, None]), (2,), "rfk")
    others = sum(np.meshgrid(*[u] * 5))
    weights = np.prod(np.meshgrid(*[weight / 2] * 5), axis=0)
    slopes = 0.0
    for near in (0, 1, 1, 2):
        c = (near + others) / 7
        slopes += float((weights / (math.pi * np.sqrt(1 - c * c))).sum())
    lines = [conv_kernels.leading_constant(1, (2,), k).value / 2 for k in ("rfk", kind)]
    constant = math.prod(lines) * slopes / 49 * (1 if kind == "rfk" else 2)
    values = [
        conv_kernels.eigenvalue((k, k, 0, 0, 0, 0, 0), sizes, kind).value * float(k) ** power
        for k in (12, 24)
    ]
    # The lines' own corrections are 1/k^2 (see test_one_hidden_layer).
    assert (4 * values[1] - values[0]) / 3 == pytest.approx(constant, rel=3e-3)
    assert math.log2(values[0] / values[1]) < 0.2  # two more for the isotropic exponent


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda k: k.exponent(3, (2, 2), "rfk"),
            "level must be at most 2, the hidden layers, not 3",
        ),
        (lambda k: k.exponent(0, (2, 2), "rfk"), "level must be a whole number >= 1, not 0"),
        (lambda k: k.exponent(2, (2, 2), "rfk", [2]), "fixed must hold patches 0 to 1, not 2"),
        (lambda k: k.exponent(2, (2, 2), "rfk", [0, 1]), "at least one degree must grow"),
        (lambda k: k.leading_constant(1, (2, 1), "rfk"), "patch_sizes[1:] must be >= 2 here"),
        (lambda k: k.leading_constant(1, (2, 2), "RF"), "kind must be"),
        (lambda k: k.leading_constant(1, (2,), "rfk", positions=0), "positions must be a whole"),
    ],
)
def test_mistakes_get_one_line(call, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        call(conv_kernels)
    assert "\n" not in str(caught.value)

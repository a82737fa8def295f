"""Kernels at finite depth: the sheet's values, mpmath, extremes of depth and distance."""

import math

import mpmath
import numpy as np
import pytest

from theory import commutation, gaussian
from theory import ntk_classifiers as ntkc

EXACT_SQUARES = (2.0**-30, 2.0**-17, 2.0**-7, 0.375, 0.875, 1.1875, 1.375)
MPF = mpmath.mpf


def polynomial(*c):
    """D and D' with coefficients that are exact in mpmath."""
    total = sum(map(MPF, c))
    prime = [k * MPF(x) / total for k, x in enumerate(c)][1:]
    return (
        lambda x: mpmath.polyval([MPF(v) / total for v in c[::-1]], x),
        lambda x: mpmath.polyval(prime[::-1], x),
    )


def homogeneous(q):
    def value(x):
        t = mpmath.acos(x)
        falling = mpmath.sin(t) + (mpmath.pi - t) * x
        return (falling + q * (mpmath.sin(t) - t * x)) / mpmath.pi

    return value, lambda x: 1 - (1 + q) * mpmath.acos(x) / mpmath.pi


def sine(a):
    return (
        lambda x: mpmath.sinh(a * x) / mpmath.sinh(a),
        lambda x: a * mpmath.cosh(a * x) / mpmath.sinh(a),
    )


def erf():
    top = mpmath.asin(MPF(2) / 3)
    return (
        lambda x: mpmath.asin(2 * x / 3) / top,
        lambda x: MPF(2) / 3 / mpmath.sqrt(1 - 4 * x * x / 9) / top,
    )


CASES = {
    "relu": lambda: homogeneous(0),
    "abs": lambda: homogeneous(1),
    "leaky_relu:0.25": lambda: homogeneous(-2 * MPF("0.25") / MPF("1.0625")),
    "erf": erf,
    "sine:6": lambda: sine(6),
    "optimal:1": lambda: polynomial(0, 1, 0, 0, 0, 0, 0, 1),
    "optimal:4": lambda: polynomial(0, 1, 2, 1),
    "hermite:3": lambda: polynomial(0, 0, 0, 1),
    (0, 0, 1, 1): lambda: polynomial(0, 0, 1, 1),
    (1, 1, 0, 2): lambda: polynomial(1, 1, 0, 2),
    (4, 2, 1, 1): lambda: polynomial(4, 2, 1, 1),
}


def mp_kernels(case, r, depths):
    """{depth: (Sigma, K)} by the definition."""
    value, slope = CASES[case]()
    x = 1 - MPF(r) ** 2 / 2
    k, found = x, {0: (x, x)}
    for depth in range(1, max(depths) + 1):
        k, x = value(x) + k * slope(x), value(x)
        found[depth] = (x, k)
    return {depth: found[depth] for depth in depths}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_kernels_by_mpmath(case):
    """1e-14: 60 layers with half a rounding in D'(0) each, a few roundings besides."""
    spec = case if isinstance(case, str) else list(case)
    with mpmath.workdps(50):
        for r in EXACT_SQUARES:
            for depth, exact in mp_kernels(case, r, (0, 1, 4, 60)).items():
                for kernel, value in zip((ntkc.nngp, ntkc.ntk), exact, strict=True):
                    log = float(mpmath.log(value))
                    assert kernel(spec, r, depth, log=True) == pytest.approx(
                        log, rel=1e-14, abs=1e-14
                    )
                    if log > -700:
                        assert kernel(spec, r, depth) == pytest.approx(float(value), rel=1e-14)
                gap = ntkc.kernel_gap(spec, r, depth)
                top = mp_kernels(case, 0, (depth,))[depth][1]
                assert gap == pytest.approx(float(top - exact[1]), rel=1e-14)


@pytest.mark.parametrize("case", ["relu", "optimal:4", "sine:6", (1, 1, 0, 2)], ids=str)
def test_negative_correlations_by_mpmath(case):
    spec = case if isinstance(case, str) else list(case)
    with mpmath.workdps(50):
        for r in (1.5, 1.625, 1.875, 2.0):
            for depth, exact in mp_kernels(case, r, (0, 1, 2, 5, 20)).items():
                found = ntkc.nngp(spec, r, depth), ntkc.ntk(spec, r, depth)
                # x = 0 may be crossed: rounding relative to 1 at first, to a^L later
                scale = ntkc.ntk(spec, 2 - r, depth)
                np.testing.assert_allclose(
                    found, [float(v) for v in exact], rtol=0, atol=3e-15 * scale
                )


def test_odd_and_even_duals_at_the_antipode():
    r = np.array([1e-9, 1e-3, 0.4])
    mirrored = 2 * np.sqrt((1 - r / 2) * (1 + r / 2))  # |x + x'|, rounded near 2
    for spec, sign in (("optimal:2", -1), ("sin", -1), ("hermite:2", 1), ("abs", 1)):
        np.testing.assert_allclose(
            ntkc.ntk(spec, mirrored[2], 7), sign * ntkc.ntk(spec, r[2], 7), rtol=1e-13
        )
        assert ntkc.ntk(spec, 2.0, 7) == sign * ntkc.ntk_diagonal(spec, 7)


def test_values_of_the_sheet():
    for spec, r, depth, exact in (
        ("optimal:2", 1.0, 1, (0.3125, 0.75)),
        ("optimal:2", 1.0, 5, (0.0222852102028534658, 0.15929422188282439)),
        ("optimal:2", 1.0, 50, (6.33803346062756751e-16, 3.30578445273265945e-14)),
        ("optimal:2", 0.1, 50, (1.07095916976348019e-13, 4.76258160376326915e-11)),
        ("optimal:1", 1.0, 5, (0.0158734602485071417, 0.0967606456037952734)),
        ("optimal:4", 1.0, 50, (1.9957608015512513e-30, 1.08839614685108883e-28)),
    ):
        found = ntkc.nngp(spec, r, depth), ntkc.ntk(spec, r, depth)
        assert found == pytest.approx(exact, rel=3e-15)


@pytest.mark.parametrize(
    ("depth", "one", "tenth"),
    [
        (1, 0.9423311143775627, 1.958421084701604),
        (10, 4.108351526422749, 9.452019834268447),
        (100, 28.04443991313046, 46.12236459336391),
        (1000, 254.0562490206551, 274.3297539146622),
        (10000, 2504.93623235324, 2525.195991236592),
    ],
)
def test_relu_values_of_the_sheet(depth, one, tenth):
    found = ntkc.ntk("relu", np.array([1.0, 0.1]), depth)
    np.testing.assert_allclose(found, [one, tenth], rtol=1e-14)


def test_relu_by_the_angle_of_commutation():
    for depth in (1, 7, 100):
        theta = commutation.mlp_angle(0.9, depth)
        found = ntkc.nngp("relu", 2 * math.sin(0.45), depth)
        assert found == pytest.approx(math.cos(theta), rel=1e-14)


@pytest.mark.parametrize(("spec", "accuracy"), [("gelu", 1e-13), ("tanh", 1e-13), ("selu", 1e-10)])
def test_kernels_of_quadrature_duals(spec, accuracy):
    """The definition with `theory.gaussian` for D and D'; errors grow like B'^L here."""
    square = gaussian.moment(spec, 2, 1.0)
    for r in (0.1, 0.7, 1.3):
        x = k = 1 - r * r / 2
        for _ in range(4):
            slope = gaussian.dual_derivative(spec, x) / square
            x = gaussian.dual(spec, x) / square
            k = x + k * slope
        assert ntkc.nngp(spec, r, 4) == pytest.approx(x, rel=accuracy)
        assert ntkc.ntk(spec, r, 4) == pytest.approx(k, rel=accuracy)


def test_one_power_in_closed_form():
    """D = x^m: Sigma = x^(m^L), K = Sigma (m^(L+1) - 1)/(m - 1)."""
    for m in (2, 3):
        for depth in (0, 1, 5, 12):
            count = (m ** (depth + 1) - 1) // (m - 1)
            log = m**depth * math.log(0.875)
            assert ntkc.nngp(f"hermite:{m}", 0.5, depth, log=True) == pytest.approx(log, rel=1e-14)
            assert ntkc.ntk(f"hermite:{m}", 0.5, depth, log=True) == pytest.approx(
                log + math.log(count), rel=1e-14
            )
            assert ntkc.ntk_diagonal(f"hermite:{m}", depth) == pytest.approx(count, rel=1e-15)


def test_enormous_depth():
    assert ntkc.nngp("optimal:4", 0.3, 10**6) == 0  # a^L = 4^-1e6
    log = ntkc.nngp("optimal:4", 0.3, 10**6, log=True)
    assert log == pytest.approx(
        ntkc.koenigs("optimal:4", 0.3, log=True) - 10**6 * math.log(4), rel=1e-14
    )
    tangent = ntkc.ntk("optimal:4", 0.3, 10**6, log=True) - log
    assert tangent == pytest.approx(
        math.log1p(10**6 + ntkc.ntk_offset("optimal:4", 0.3) / ntkc.koenigs("optimal:4", 0.3)),
        abs=1e-8,  # logarithms of size 1e6
    )
    assert ntkc.ntk([1, 1, 0, 3], 0.3, 10**7) == pytest.approx(0.390891054882004, rel=1e-14)
    assert ntkc.nngp("hermite:2", 0.3, 5000, log=True) == -math.inf


def test_enormous_diagonal():
    assert ntkc.ntk_diagonal("optimal:2", 5000, log=True) == pytest.approx(
        5001 * math.log(2), rel=1e-15
    )
    with pytest.raises(ValueError, match=r"overflows; pass log=True"):
        ntkc.ntk("optimal:2", np.array([0.0, 0.5]), 5000)
    assert np.isfinite(ntkc.ntk("optimal:2", np.array([0.0, 0.5]), 5000, log=True)).all()
    assert ntkc.ntk_diagonal([1 + 1e-9, 1], 3) == pytest.approx(1.875, rel=1e-8)
    assert ntkc.ntk_diagonal("relu", 9) == 10


def test_tiny_distances():
    r = np.array([0.0, 1e-200, 1e-150, 1e-20, 1e-9])
    found = ntkc.ntk("optimal:2", r, 30)
    assert found[0] == found[1] == ntkc.ntk_diagonal("optimal:2", 30)
    assert (np.diff(found) <= 0).all()
    slope = -np.diff(ntkc.koenigs("optimal:2", np.array([1e-140, 1e-150]), log=True)) / 10
    assert slope == pytest.approx(-2 * math.log(10), rel=1e-7)  # less the ripple of R


def test_shapes_and_symmetry():
    rng = np.random.default_rng(3)
    points = np.abs(rng.standard_normal((80, 4)))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    r = ntkc.distances(points)
    whole = ntkc.ntk("optimal:3", r, 12)
    assert (whole == whole.T).all()
    np.testing.assert_array_equal(whole[:3, :70], ntkc.ntk("optimal:3", r[:3, :70], 12))
    np.testing.assert_array_equal(ntkc.koenigs("optimal:3", r)[5], ntkc.koenigs("optimal:3", r[5]))
    assert isinstance(ntkc.ntk("relu", 0.5, 3), float)
    assert ntkc.ntk("relu", np.zeros((0, 3)), 3).shape == (0, 3)
    assert ntkc.nngp("optimal:2", np.float32(0.5), 2) == ntkc.nngp("optimal:2", 0.5, 2)
    large = np.linspace(0.01, 1.4, 40_000)
    np.testing.assert_array_equal(
        ntkc.ntk("sin", large, 9)[::1000], ntkc.ntk("sin", large[::1000], 9)
    )


def test_distances_from_coordinates():
    angles = np.array([0.3, 0.3 + 1e-9, 0.3, 2.0])
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    r = ntkc.distances(points)
    assert r[0, 2] == 0
    assert r[0, 1] == pytest.approx(1e-9, rel=1e-6)  # coordinates hold 1e-16
    assert r[0, 3] == pytest.approx(2 * math.sin(0.85), rel=1e-15)
    np.testing.assert_array_equal(ntkc.distances(points, points[:2]), r[:, :2])
    assert ntkc.distances([[1.0, 0.0]], [[-1.0, 0.0]])[0, 0] == 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ntkc.ntk("relu", [0.5, math.nan], 3), r"distances r .* not nan at index \(1,\)"),
        (lambda: ntkc.ntk("relu", 2.5, 3), "distances r must be between 0 and 2, not 2.5"),
        (lambda: ntkc.ntk("relu", "a", 3), "distances r must be numbers"),
        (lambda: ntkc.ntk("relu", 0.5, -1), "depth must be a whole number"),
        (lambda: ntkc.nngp("sin", 1.9, 3, log=True), "negative at r = 1.9"),
        (lambda: ntkc.nngp("sin", 2.0, 3, log=True), "negative at r = 2"),
        (lambda: ntkc.kernel_gap("relu", 0.5, 3, kind="x"), "kind must be 'ntk' or 'nngp'"),
        (lambda: ntkc.distances([[1.0, 0.1]]), "row 0 of points has length 1.00499, not 1"),
        (lambda: ntkc.distances([[1.0, math.nan]]), "row 0 of points has length nan"),
        (lambda: ntkc.distances([1.0]), "points must be a matrix"),
        (lambda: ntkc.distances([[1.0]], [[1.0, 0.0]]), "points have 1 coordinates and others 2"),
    ],
)
def test_mistakes(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)

"""Moment map of SELU, its Jacobian, towers of derivatives (claims C1, C2), alpha-dropout (C8)."""

import functools
import math

import mpmath
import numpy as np
import pytest
from mpmath import mpf

from theory import selu
from theory.selu import blocks


@functools.cache
def mp_constants(digits=40):
    """scale and alpha by the closed forms of the paper."""
    with mpmath.workdps(digits):
        return _closed_forms()


def _closed_forms():
    root = mpmath.sqrt(mpmath.e)
    one, two = mpmath.erfc(1 / mpmath.sqrt(2)), mpmath.erfc(mpmath.sqrt(2))
    alpha = mpmath.sqrt(2 / mpmath.pi) / (1 - root * one)
    inner = 2 * mpmath.e**2 * two + mpmath.pi * mpmath.e * one**2
    inner += -2 * (2 + mpmath.pi) * root * one + mpmath.pi + 2
    return (1 - root * one) * mpmath.sqrt(2 * mpmath.pi) / mpmath.sqrt(inner), alpha


def mp_expectation(function, y, x):
    """E function(z), z ~ N(y, x), by quadrature split at 0 and at whole deviations."""
    y, s = mpf(y), mpmath.sqrt(mpf(x))
    edges = sorted({y + k * s for k in range(-18, 19, 4)} | {mpf(0)})
    return mpmath.quad(lambda z: function(z) * mpmath.npdf(z, y, s), edges)


def mp_f(z):
    scale, alpha = mp_constants()
    return scale * (z if z > 0 else alpha * mpmath.expm1(z))


def mp_moments(y, x):
    with mpmath.workdps(30):
        mean = mp_expectation(mp_f, y, x)
        return float(mean), float(mp_expectation(lambda z: (mp_f(z) - mean) ** 2, y, x))


# --- the map ------------------------------------------------------------------------------------


def test_constants_by_the_closed_forms():
    scale, alpha = mp_constants()
    assert pytest.approx(float(scale), rel=3e-16) == selu.SCALE
    assert pytest.approx(float(alpha), rel=3e-16) == selu.ALPHA


POINTS = [
    (0.0, 1.0),
    (0.15, 1.65),
    (-0.01, 0.76),
    (0.01, 0.2499),  # both sides of the switch between closed form and quadrature
    (0.01, 0.2501),
    (1.0, 1e-2),
    (-1.0, 1e-2),
    (0.01, 1e-8),
    (-3.0, 4.0),
    (6.0, 2.0),
    (-12.0, 3.0),
    (30.0, 900.0),
    (-3.0, 1e4),
]


@pytest.mark.parametrize(("y", "x"), POINTS)
def test_moments_by_quadrature(y, x):
    # The variance relative to itself, the mean to its largest part: a few dozen roundings.
    mean, variance = mp_moments(y, x)
    found = selu.gaussian_moments(y, x)
    assert found.mean == pytest.approx(mean, rel=1e-14, abs=1e-14 * (abs(y) + min(1, math.sqrt(x))))
    assert found.variance == pytest.approx(variance, rel=3e-13)


@pytest.mark.parametrize("y", [-2.0, -1e-3, 1e-3, 2.0])
@pytest.mark.parametrize("x", [1e-12, 1e-25, 1e-290])
def test_tiny_variance_is_linear(y, x):
    slope = selu.SCALE * (1 if y > 0 else selu.ALPHA * math.exp(y))
    found = selu.gaussian_moments(y, x)
    assert found.variance == pytest.approx(slope**2 * x, rel=2e-12, abs=0)
    assert found.mean == pytest.approx(activation_at(y), rel=1e-11)


def activation_at(y):
    return selu.SCALE * (y if y > 0 else selu.ALPHA * math.expm1(y))


def test_no_variance_is_no_noise():
    y = np.array([-1e300, -3.0, 0.0, 2.0, 1e150])
    mean, variance = selu.gaussian_moments(y, 0.0)
    assert mean.tolist() == [activation_at(v) for v in y]
    assert variance.tolist() == [0.0] * 5


def test_far_from_the_kink():
    # y >> s: linear; y << -s: log-normal around the saturation value
    mean, variance = selu.gaussian_moments(1e6, 4.0)
    assert (mean, variance) == pytest.approx((selu.SCALE * 1e6, selu.SCALE**2 * 4), rel=1e-15)
    k = selu.SCALE * selu.ALPHA
    mean, variance = selu.gaussian_moments(-40.0, 2.0)
    assert mean == pytest.approx(-k, rel=1e-15)
    assert variance == pytest.approx(k**2 * math.exp(-78) * math.expm1(2), rel=1e-13)
    assert selu.gaussian_moments(-1e8, 1.0).variance == 0.0


def test_huge_variance():
    # Half of the values saturate: V/x -> scale^2 (pi - 1)/(2 pi), correction alpha/sqrt(2 pi x)
    x = 1e16
    ratio = selu.gaussian_moments(0.0, x).variance / x / selu.SCALE**2
    limit = (math.pi - 1) / (2 * math.pi)
    assert ratio == pytest.approx(limit + selu.ALPHA / math.sqrt(2 * math.pi * x), rel=1e-13)


TABLE = [  # (mu, omega, nu, tau), mean, variance, J11, J12, J21, J22, S by mpmath with 40 digits
    ((0.1, 0.1, 1.5, 1.1), (0.0677251016898785525, 1.48157495827116468)),
    ((-0.1, 0.1, 0.8, 0.95), (-0.0310605017922176843, 0.803711757679112797)),
    ((0.1, 0.1, 0.8, 1.1), (-0.000556610552333668178, 0.907264783427326642)),
    ((0.05, -0.08, 1.2, 1.02), (0.0162366750954069101, 1.16945909589118544)),
    ((-1, -0.1, 3, 1.25), (0.318946699738934512, 2.88025571004400572)),
    ((1, 0.1, 16, 1.25), (1.21344031163737215, 11.0957893289729465)),
    ((0.1, 0.1, 0.02, 0.8), (-0.0159610413767238925, 0.02773608321058602)),
    ((0.1, 0.1, 5e-5, 0.8), (0.0103989617707789445, 0.0000478737347623632197)),
    ((0.5, 2, 1, 1), (1.03856301901848575, 1.13406188980607292)),
    ((1, -3, 0.25, 1), (-1.65891416323945407, 0.00279415643529076253)),
]
JACOBIANS = [
    (0.092622606544078663, 0.0978548904670739523, 0.0471477984946320388, 0.766486667668173713),
    (0.101638313497323302, 0.0817682498923164446, 0.0229904901243714971, 0.792179432438908482),
    (0.100234396177453073, 0.0944373274467561489, 0.0261772089086402919, 0.891867711735534496),
    (-0.0768007858942765768, 0.092357121621567968, -0.029499280373777685, 0.758983406871692757),
    (-0.0843445549445021366, 0.0943249158866358908, -0.0830907330354035, 0.747885393715379496),
    (0.0683945923766856546, 0.0538342232832875803, 0.213774883789105682, 0.583296698816858396),
    (0.130771132746841067, -0.589942566453584975, -0.0061081397916514233, 1.32389105388132402),
    (0.109069883243619046, -5.0737860989267394, -0.000120860870407298436, 1.07805111782047413),
    (2.1265116744279374, 0.00404219484766068422, 0.0174086983273190385, 1.06089146870145792),
    (-0.297555530483610301, 0.0495925835975612198, -0.0167649304186340121, 0.0154259926334796279),
]
NORMS = [
    0.774946425771990977,
    0.797095214649152107,
    0.897608358408918016,
    0.765562586123952438,
    0.759577824694193322,
    0.625661485229104475,
    1.45058630976262978,
    5.18814875869368465,
    2.12663362808607115,
    0.302263313365243854,
]


def test_reference_table():
    mu, omega, nu, tau = np.array([where for where, _ in TABLE]).T
    mean, variance = selu.moment_map(mu, nu, omega, tau)
    np.testing.assert_allclose(mean, [m[0] for _, m in TABLE], rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(variance, [m[1] for _, m in TABLE], rtol=1e-13)
    table = selu.jacobian(mu, nu, omega, tau)
    assert table.shape == (10, 2, 2)
    # Entries of the second row are differences of numbers of size 1.
    np.testing.assert_allclose(table.reshape(10, 4), JACOBIANS, rtol=1e-13, atol=2e-15)
    np.testing.assert_allclose(selu.contraction(mu, nu, omega, tau), NORMS, rtol=1e-13)


def test_at_the_fixed_point():
    table = selu.jacobian(0.0, 1.0, 0.0, 1.0)
    assert table.ravel().tolist() == pytest.approx(
        [0, 0.0888347551068901, 0, 0.7826478831968128], abs=1e-15
    )
    assert selu.contraction(0, 1, 0, 1) == pytest.approx(0.7876733604657156, rel=1e-14)
    assert float(selu.spectral_radius(table)) == pytest.approx(0.7826478831968128, rel=1e-14)
    assert selu.backward_factor(0, 1, 0, 1) == pytest.approx(1.0715749924557992576, rel=1e-14)


@pytest.mark.parametrize("omega", [-4.0, 0.0, 0.3, 17.0])
def test_zero_one_is_fixed_for_every_omega(omega):
    assert selu.moment_map(0.0, 1.0, omega, 1.0) == pytest.approx((0, 1), abs=1e-14)


def test_jacobian_is_the_derivative_of_the_map():
    where = np.array([0.1, 1.5, 0.1, 1.1])
    columns = []
    for i in (0, 1):
        step = np.eye(4)[i] * 1e-5
        right, left = (np.array(selu.moment_map(*(where + sign * step))) for sign in (1, -1))
        columns.append((right - left) / 2e-5)
    # third derivatives of size 1 give 1e-10, rounding 1e-11
    np.testing.assert_allclose(np.stack(columns, axis=1), selu.jacobian(*where), atol=2e-10)


def test_norm_and_radius_are_those_of_linear_algebra():
    rng = np.random.default_rng(5)
    tables = rng.standard_normal((200, 2, 2))
    singular = np.linalg.svd(tables, compute_uv=False)[:, 0]
    largest = np.abs(np.linalg.eigvals(tables)).max(axis=1)
    np.testing.assert_allclose(selu.spectral_norm(tables), singular, rtol=1e-13)
    np.testing.assert_allclose(selu.spectral_radius(tables), largest, rtol=1e-7)


# --- towers -------------------------------------------------------------------------------------


def test_derivatives_at_zero_one():
    mean, second = selu.derivatives(0.0, 1.0, 6)
    expected_mean = [
        0,
        0.9852311161857964,
        0.1776695102137802,
        -0.2414995377018520,
        0.04071157459242389,
        0.4598806225080562,
        -0.3867527143747716,
    ]
    expected_second = [
        1,
        0.3029884465096503,
        1.565295766393626,
        0.9543287120581668,
        -0.7021882620360572,
        -0.6681875504999477,
        2.042341867655140,
    ]
    # order 6 multiplies rounding by 2^4 alpha^2 scale^2
    np.testing.assert_allclose(mean, expected_mean, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(second, expected_second, rtol=2e-14, atol=3e-14)


@pytest.mark.parametrize(("y", "x"), [(0.1, 1.65), (-0.7, 0.1), (2.0, 5.0), (-1.0, 40.0)])
def test_towers_by_quadrature_with_hermite_weights(y, x):
    # E f(z)^k He_j(g)/s^j, g = (z - y)/s: another route than the recursions
    s = math.sqrt(x)
    edges = np.unique(np.append(np.linspace(-12, 12, 49), -y / s))
    node, weight = np.polynomial.legendre.leggauss(40)
    half = np.diff(edges)[:, None] / 2
    g = edges[:-1, None] + half * (1 + node)
    density = half * weight * np.exp(-(g**2) / 2) / math.sqrt(2 * math.pi)
    z = y + s * g
    f = selu.SCALE * np.where(z > 0, z, selu.ALPHA * np.expm1(np.minimum(z, 0)))
    for power, tower in enumerate(selu.derivatives(y, x, 6), start=1):
        for j in range(7):
            terms = density * f**power * np.polynomial.hermite_e.hermeval(g, np.eye(7)[j]) / s**j
            # the tower adds e and densities, of size 1
            rounding = 30 * np.finfo(float).eps * (1 + np.abs(terms).sum())
            assert tower[j] == pytest.approx(terms.sum(), rel=1e-13, abs=rounding)


def test_derivatives_without_variance():
    mean, second = selu.derivatives(np.array([-1.0, 2.0]), 0.0, 3)
    k, decay = selu.SCALE * selu.ALPHA, math.exp(-1)
    np.testing.assert_allclose(mean[1:, 0], [k * decay] * 3, rtol=1e-15)
    np.testing.assert_allclose(mean[:, 1], [2 * selu.SCALE, selu.SCALE, 0, 0], rtol=1e-15)
    np.testing.assert_allclose(second[:3, 1], selu.SCALE**2 * np.array([4, 4, 2]), rtol=1e-14)
    np.testing.assert_allclose(  # k^2 (e^2y - 2 e^y + 1)
        second[1:3, 0], k**2 * np.array([2 * decay**2 - 2 * decay, 4 * decay**2 - 2 * decay])
    )


def test_blocks_do_not_overflow():
    y = np.array([0.0, 1e3, -1e3, 1e150, -1e150, 0.0, 5.0])
    x = np.array([1e300, 1e4, 1e4, 1.0, 1.0, 1e-300, 1e-300])
    found = blocks.blocks(y, x)
    assert all(np.isfinite(part).all() for part in found)
    assert all(((part >= 0) & (part <= 1)).all() for part in (*found[:2], *found[3:]))


# --- other constants, other activations ---------------------------------------------------------


@pytest.mark.parametrize("where", [(0.1, 1.5, 0.1, 1.1), (-1, 0.01, 2, 0.9), (0.3, 30, -1, 1)])
def test_quadrature_agrees_with_the_closed_form(where):
    # "selu" by its name is the closed form; as an object it goes through quadrature.
    from theory.activations import activation

    same = activation("selu")
    by_quadrature = selu.moment_map(*where, activation=same)
    assert by_quadrature == pytest.approx(selu.moment_map(*where), rel=1e-12, abs=1e-14)
    np.testing.assert_allclose(
        selu.jacobian(*where, activation=same), selu.jacobian(*where), rtol=1e-10, atol=1e-12
    )
    gain = selu.backward_factor(*where, activation=same)
    assert gain == pytest.approx(selu.backward_factor(*where), rel=1e-12)


def test_other_activations_by_closed_forms():
    mean, variance = selu.moment_map(0.7, 2.0, 1.0, 1.0, activation="linear")
    assert (mean, variance) == pytest.approx((0.7, 2.0), rel=1e-13)
    mean, variance = selu.gaussian_moments([0.0, 0.3], [1.0, 4.0], activation="sin")
    fade = np.exp([-0.5, -2.0])
    np.testing.assert_allclose(mean, np.sin([0, 0.3]) * fade, atol=1e-14)
    second = (1 - np.cos([0, 0.6]) * fade**4) / 2
    np.testing.assert_allclose(variance, second - mean**2, rtol=1e-13)
    elu = selu.gaussian_moments(0.2, 0.9, scale=1.0, alpha=1.0)
    assert selu.gaussian_moments(0.2, 0.9, activation="elu") == pytest.approx(elu, rel=1e-12)


def test_shapes_and_types():
    assert type(selu.moment_map(0.1, 1, 0, 1).mean) is float
    assert selu.moment_map(np.zeros((3, 1)), np.ones(4), 0, 1).variance.shape == (3, 4)
    assert selu.jacobian(0, np.ones((3, 4)), 0, 1).shape == (3, 4, 2, 2)
    assert selu.moment_map([], [], 0, 1).mean.shape == (0,)
    many = selu.gaussian_moments(np.linspace(-1, 1, 10_000), 0.01)
    assert many.variance[1234] == selu.gaussian_moments(np.linspace(-1, 1, 10_000)[1234], 0.01)[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((math.nan, 1, 0, 1), "mu must be finite, not nan"),
        ((0, -1, 0, 1), "nu must be finite and >= 0, not -1.0"),
        ((0, 1, math.inf, 1), "omega must be finite, not inf"),
        ((0, 1, 0, [1.0, -2.0]), "tau must be finite and >= 0, not -2.0"),
        (("a", 1, 0, 1), "mu must be a number or an array, not 'a'"),
        ((1e200, 1, 1e200, 1), "overflows"),
        (([1, 2], [1, 2, 3], 0, 1), "shapes do not broadcast"),
    ],
)
def test_mistakes(arguments, message):
    with pytest.raises(ValueError, match=message):
        selu.moment_map(*arguments)


def test_more_mistakes():
    with pytest.raises(ValueError, match="kink at 0"):
        selu.jacobian(0, 0, 0, 1)
    with pytest.raises(ValueError, match="scale must be a finite number, not nan"):
        selu.moment_map(0, 1, 0, 1, scale=math.nan)
    with pytest.raises(ValueError, match="unknown activation 'sleu'"):
        selu.moment_map(0, 1, 0, 1, activation="sleu")


# --- alpha-dropout ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keep", "a", "b"),
    [
        (0.95, 0.954844476005031, 0.0839355721938102),
        (0.9, 0.921284516149711, 0.161970970057570),
        (0.8, 0.878903583443533, 0.309039962144095),
        (0.5, 0.886404894665932, 0.779193930518032),
        (1.0, 1.0, 0.0),
    ],
)
def test_alpha_dropout_table(keep, a, b):
    assert selu.alpha_dropout(keep) == pytest.approx((a, b), rel=2e-15, abs=1e-16)


@pytest.mark.parametrize("target", [(0.0, 1.0), (0.4, 2.5), (-1.0, 1e-3)])
@pytest.mark.parametrize("keep", [0.999, 0.5, 1e-3])
def test_alpha_dropout_keeps_its_target(target, keep):
    a, b = selu.alpha_dropout(keep, *target)
    found = selu.dropout_moments(*target, keep, a, b)
    assert found == pytest.approx(target, rel=1e-12, abs=1e-12)


def test_dropout_moments_by_the_law():
    # E and Var of a two-point mixture of N(mu, nu) and the saturation value
    mu, nu, q = 0.3, 1.2, 0.7
    saturation = -selu.SCALE * selu.ALPHA
    mean = q * mu + (1 - q) * saturation
    second = q * (nu + mu**2) + (1 - q) * saturation**2
    found = selu.dropout_moments(mu, nu, q, 1.0, 0.0)
    assert found == pytest.approx((mean, second - mean**2), rel=1e-14)
    a, b = selu.alpha_dropout(q)
    usual = selu.dropout_moments(np.array([mu]), nu, q)
    assert usual.mean[0] == pytest.approx(a * mean + b, rel=1e-13)
    assert usual.variance.shape == (1,)


def test_dropout_mistakes():
    with pytest.raises(ValueError, match=r"keep must be a probability in \(0, 1\], not 0"):
        selu.alpha_dropout(0)
    with pytest.raises(ValueError, match="variance must be > 0"):
        selu.alpha_dropout(0.5, 0.0, 0.0)
    with pytest.raises(ValueError, match="keep must be a finite number"):
        selu.dropout_moments(0, 1, math.nan)

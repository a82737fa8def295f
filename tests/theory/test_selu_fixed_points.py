"""Fixed points (claim C3), constants for a target (C9), attracting omega (C10), window (C13)."""

import math
import warnings

import mpmath
import numpy as np
import pytest

from theory import selu

# (omega, tau), mean, variance, radius, norm: mpmath with 40 digits
TABLE = [
    ((-0.1, 0.95), -0.01672035400192615, 0.8306543490988896, 0.786474777886733, 0.7934700328542342),
    ((0, 0.95), -0.01856606448672348, 0.8287946047876575, 0.7885154993525878, 0.7926635105002155),
    ((0.1, 0.95), -0.02087030862116521, 0.826473750625936, 0.7911635106928096, 0.793297978304784),
    ((0, 1), 0, 1, 0.7826478831968128, 0.7876733604657156),
    ((0.1, 1), 0, 1, 0.7865598696035753, 0.7887666950570747),
    ((-0.1, 1), 0, 1, 0.7795826596981058, 0.7887666950570747),
    ((0, 1.05), 0.02232914085355079, 1.189487368670254, 0.7786691468651064, 0.7844082012729241),
    ((-0.1, 1.1), 0.0435857234370213, 1.390579602745184, 0.7711717981146971, 0.7847038294327918),
    ((0, 1.1), 0.04851779666766635, 1.399308086824635, 0.77634767611182, 0.782638123708738),
    ((0.1, 1.1), 0.05470598061819395, 1.410289829275663, 0.7828081025800635, 0.7846619811543147),
    ((0, 0.8), -0.05187901850371859, 0.4107096831560321, 0.8204272446168333, 0.8212987410821412),
    ((0.1, 0.8), -0.05845254283774168, 0.4088272520209293, 0.819529171783241, 0.8202127156812657),
    ((0, 0.9), -0.03341520932102845, 0.674250245635523, 0.7965436626541202, 0.7996638554069138),
    ((0, 1.25), 0.1519674507347133, 2.178855643166542, 0.7774700795442347, 0.7845491805687401),
    ((0.1, 1.25), 0.1724964621247503, 2.232604870392328, 0.7876049689123812, 0.788346962536366),
    ((0, 1.5), 0.4267515537245903, 4.259473911999753, 0.7983051128792362, 0.8046649322265766),
    ((0, 2), 1.780421083698416, 18.45990082076793, 0.8761655587124139, 0.878654199863795),
    ((0.5, 1), 0, 1, 0.8233402008611522, 0.8267336052770694),
    ((1, 1), 0, 1, 1.076750018123181, 1.110949141994409),
    ((0.9, 1.1), 5.086902622920098, 22.93027957965648, 0.9921548461603479, 1.777287319902137),
]


@pytest.mark.parametrize(("where", "mean", "variance", "radius", "norm"), TABLE)
def test_table(where, mean, variance, radius, norm):
    found = selu.fixed_point(*where)
    # rounding of the map is amplified by |1 / (1 - radius)| and, at the last point, by the shear
    slack = 1e-11 if where == (0.9, 1.1) else 3e-14
    assert (found.mean, found.variance) == pytest.approx((mean, variance), rel=slack, abs=slack)
    assert (found.radius, found.norm) == pytest.approx((radius, norm), rel=max(slack, 1e-13))
    assert abs(found.mean - mean) <= found.error + 1e-15 * abs(mean)
    assert abs(found.variance - variance) <= found.error + 1e-15 * variance
    assert found.proved


@pytest.mark.parametrize("omega", np.linspace(-0.1, 0.1, 3))
@pytest.mark.parametrize("tau", [0.95, 1.02, 1.1])
def test_iteration_arrives_there(omega, tau):
    mean, variance = np.array([-0.1, 0.1, 0.0]), np.array([0.8, 1.5, 1.0])
    for _ in range(150):  # 0.9^150 = 1e-7, and the rate at the fixed point is below 0.8
        mean, variance = selu.moment_map(mean, variance, omega, tau)
    found = selu.fixed_point(omega, tau)
    np.testing.assert_allclose(mean, found.mean, atol=1e-13)
    np.testing.assert_allclose(variance, found.variance, rtol=1e-13)


def test_start():
    first = selu.fixed_point(0.2, 1.0)
    again = selu.fixed_point(0.2, 1.0, start=(0.05, 1.2))
    assert again[:4] == pytest.approx(first[:4], abs=1e-13)
    with pytest.raises(ValueError, match=r"from start = \(0.0, 1.0\); start nearer"):
        selu.fixed_point(0.1, 3.0, start=(0.0, 1.0))


def test_custom_constants():
    scale, alpha, radius, norm = selu.parameters_for(0.3, 1.5, 0.2, 0.9)
    found = selu.fixed_point(0.2, 0.9, scale=scale, alpha=alpha)
    assert found[:4] == pytest.approx((0.3, 1.5, radius, norm), rel=1e-12)


def test_other_activations():
    # f = sin: mean 0 at omega = 0, and nu = (1 - e^(-2 nu tau))/2
    tau = 2.0
    nu = float(mpmath.findroot(lambda v: (1 - mpmath.exp(-2 * v * tau)) / 2 - v, 0.5))
    found = selu.fixed_point(0.0, tau, activation="sin")
    assert (found.mean, found.variance) == pytest.approx((0, nu), abs=1e-12)
    assert not found.proved
    with pytest.raises(ValueError, match=r"no fixed point found at omega = 0\.0, tau = 1\.0"):
        selu.fixed_point(0, 1, activation="relu")


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ((0, 0.49), "the variance dies out; tau must lie between 0.4955893006557 and"),
        ((0, 2.66), "the variance explodes"),
        ((0, 0), "dies out"),
        ((0.1, 3.0), "no fixed point found at omega = 0.1, tau = 3.0: from .* the variance goes"),
        ((3.0, 0.3), "goes to"),
        ((math.nan, 1), "omega must be a finite number, not nan"),
        ((0, -1), "tau must be >= 0"),
    ],
)
def test_no_fixed_point(where, message):
    with pytest.raises(ValueError, match=message):
        selu.fixed_point(*where)


# --- window -------------------------------------------------------------------------------------


def test_window():
    found = selu.window()
    assert found == pytest.approx((0.4955893006557005, 2.657570040520787), rel=4e-16)
    # The ends are those of the limits of Var f/x
    assert selu.variance_ratio(1e-16) * found.lower == pytest.approx(1, abs=3e-8)
    assert selu.variance_ratio(1e16) * found.upper == pytest.approx(1, abs=3e-8)
    assert selu.kinked_variance(1.0, 1.0) == 1.0
    assert selu.kinked_variance(-2.0, 2.0) == pytest.approx(4 * (1 - 2 / math.pi), rel=1e-15)


def test_fixed_points_near_the_ends_of_the_window():
    low, high = selu.fixed_point(0, 0.5), selu.fixed_point(0, 2.65)
    assert low.variance == pytest.approx(1.3104e-4, rel=1e-4)
    assert high.variance == pytest.approx(1.775e5, rel=1e-4)
    assert low.norm == pytest.approx(8.56, abs=5e-3)
    assert low.radius == pytest.approx(0.9956, abs=5e-5)
    assert selu.fixed_point(0, 0.4956).radius < 1
    assert selu.fixed_point(0, 2.6575).radius < 1
    with pytest.raises(ValueError, match="too near to the end of the window"):
        selu.fixed_point(0, selu.window().upper * (1 - 1e-15))


def test_window_of_other_constants():
    scale, alpha, *_ = selu.parameters_for(0.0, 2.0)
    lower, upper = selu.window(scale, alpha)
    for tau in (1.01 * lower, 1.0, 0.99 * upper):
        assert selu.fixed_point(0, tau, scale=scale, alpha=alpha).radius < 1
    with pytest.raises(ValueError, match="alpha = 0: Var f/x does not decrease"):
        selu.window(scale=2.0, alpha=0.0)  # relu: one ratio at every x
    with pytest.raises(ValueError, match="scale must not be 0"):
        selu.window(scale=0.0)


# --- constants for a target ---------------------------------------------------------------------

DESIGNS = [  # target and weights, scale, alpha, norm: mpmath with 40 digits
    ((0, 2, 0, 1), 1.060709076103012219423, 1.971255750346268938092, 0.7485395719),
    ((0, 0.5, 0, 1), 1.040957337538634962469, 1.468059870530505280442, 0.8272270118),
    ((0, 4, 0, 1), 1.070232274447110827320, 2.404005338216482242376, 0.7129479121),
    ((0.1, 1, 0, 1), 1.160858507050400058436, 1.311957456273410222647, 0.8312529835),
    ((0.3, 1.5, 0.2, 0.9), 1.315808951116083035918, 1.086909438109111387147, 0.8705837024),
    ((-0.1, 2, 0, 1), 0.9821804337959273772468, 2.326990778819341197538, 0.7143231776),
]


@pytest.mark.parametrize(("target", "scale", "alpha", "norm"), DESIGNS)
def test_design_table(target, scale, alpha, norm):
    found = selu.parameters_for(*target)
    assert found[:2] == pytest.approx((scale, alpha), rel=4e-15)
    assert found.norm == pytest.approx(norm, abs=6e-11)
    assert found.radius < 1


def test_design_of_selu_itself():
    found = selu.parameters_for(0.0, 1.0)
    assert found[:2] == pytest.approx((selu.SCALE, selu.ALPHA), rel=2e-15)


@pytest.mark.parametrize("target", [(1e-5, 1e-6, 0.1, 1), (0, 1e6, 0, 1), (-0.5, 3, -0.2, 2)])
def test_designed_targets_are_fixed(target):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        scale, alpha, *_ = selu.parameters_for(*target)
    found = selu.moment_map(*target, scale=scale, alpha=alpha)
    assert found == pytest.approx(target[:2], rel=1e-11)


def test_a_design_that_does_not_attract():
    # The convention of the authors' helper, z ~ N(mean, variance), is omega = 1, tau = 1.
    with pytest.warns(UserWarning, match=r"does not attract: spectral radius 1\.10839"):
        found = selu.parameters_for(-0.1, 2, 1, 1)
    assert found[:2] == pytest.approx((1.073851239616045682162, 1.976902195424200399996), rel=1e-14)
    assert found.norm == pytest.approx(1.240124195, abs=6e-10)
    # ... whose constants do not have the target at omega = 0
    moved = selu.moment_map(-0.1, 2, 0, 1, scale=found.scale, alpha=found.alpha)
    assert moved == pytest.approx((-0.001735, 2.055008), abs=1e-6)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ((0, 0), "variance and tau must be > 0"),
        ((0, -1), "variance must be >= 0"),
        ((100, 1, 1, 1), "one side of the kink has no mass"),
        ((2, 0.01, 0, 1), "no scale > 0 and alpha > 0"),
        ((math.inf, 1), "mean must be a finite number"),
    ],
)
def test_design_mistakes(target, message):
    with pytest.raises(ValueError, match=message):
        selu.parameters_for(*target)


# --- omega that attracts ------------------------------------------------------------------------


def test_attracting_omega():
    low, high = selu.attracting_omega()
    # det(I -+ J) = 0 in 40 digits
    assert (low, high) == pytest.approx((-1.030787263087097005, 0.901659107216970984), rel=1e-15)
    for edge, sign in ((low, 1), (high, -1)):
        table = selu.jacobian(0, 1, edge, 1)
        assert np.linalg.det(np.eye(2) + sign * table) == pytest.approx(0, abs=1e-14)
        assert float(selu.spectral_radius(table)) == pytest.approx(1, abs=1e-14)
        inside = selu.jacobian(0, 1, 0.999 * edge, 1)
        assert float(selu.spectral_radius(inside)) < 1

"""Attack-side lower bounds: below every exact gain, true difference quotients, right Jacobians."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse

from tests.theory.lipschitz_nets import implicit_network, random_network, random_weights
from theory.lipschitz.linearised import Linearised, evaluate
from theory.lipschitz.lower import lower_bound, sampled_gradients
from theory.lipschitz.network import Network
from theory.lipschitz.patterns import fgl

SLOPES = ["relu", "leaky_relu:0.3", "abs", "tanh", "sigmoid", "gelu", "silu", "elu", "softplus"]
GROUPS = ["maxmin", "group_sort:4", "householder:1,-2"]


def networks():
    for activation in SLOPES + GROUPS:
        yield activation, random_network(60, (3, 4, 4, 2), activation=activation)
    blocks = [random_weights(61, 4, 4)[0], random_weights(62, 4, 4)[0]]
    first, last = random_weights(63, 3, 4)[0], random_weights(64, 4, 2)[0]
    for activation in ("relu", "maxmin"):
        yield f"residual {activation}", Network.residual(first, blocks, last, activation)
    sparse = [scipy.sparse.csr_array(w) for w in random_weights(65, 3, 4, 4, 2)]
    biases = [np.array([0.5, -0.5, 0.1, 0.2]), None, np.ones(2)]
    yield "sparse with biases", Network(sparse, "relu", biases=biases)
    yield "implicit", implicit_network()
    yield "linear", random_network(66, (3, 2))


NETWORKS = dict(networks())


def quotient(network, found, norm):
    """The difference quotient that was reported, of forward passes in double precision."""
    moved = network(found.point + found.direction) - network(found.point)
    if norm == "linf":
        return np.abs(moved).sum() / np.abs(found.direction).max()
    return np.linalg.norm(moved) / np.linalg.norm(found.direction)


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("name", NETWORKS)
def test_lower_bound_is_a_difference_quotient_below_the_exact_gain(name, norm):
    network = NETWORKS[name]
    found = lower_bound(network, norm, samples=200, iterations=30)
    assert 0 < found.value <= math.exp(fgl(network, norm).log_value)
    if not network.is_implicit:
        # Double precision: the steps are 2^-24 or longer.
        assert quotient(network, found, norm) == pytest.approx(found.value, rel=1e-6)
    points = np.random.default_rng(0).standard_normal((50, network.inputs))
    assert found.value > 0.9 * sampled_gradients(network, points, norm).max()


@pytest.mark.parametrize("name", NETWORKS)
def test_products_with_jacobians_are_finite_differences(name):
    network = NETWORKS[name]
    rng = np.random.default_rng(1)
    x, d = rng.standard_normal((2, network.inputs, 5))
    a = rng.standard_normal((network.outputs, 5))
    local = Linearised(network, x)
    h = 1e-6
    ends = [Linearised(network, x + s * h * d).value for s in (1, -1)]
    # Kinks are farther than 1e-6 away with probability above 0.999 (and are, for this seed).
    np.testing.assert_allclose(local.forward(d), (ends[0] - ends[1]) / (2 * h), atol=1e-7)
    np.testing.assert_allclose(
        (a * local.forward(d)).sum(axis=0), (local.backward(a) * d).sum(axis=0), atol=1e-13
    )
    if not network.is_implicit:
        np.testing.assert_allclose(local.value, network(x.T).T, atol=1e-13)


@pytest.mark.parametrize("name", NETWORKS)
def test_sampled_gradients_are_norms_of_jacobians(name):
    network = NETWORKS[name]
    points = np.random.default_rng(2).standard_normal((7, network.inputs))
    signs = list(itertools.product((1, -1), repeat=network.inputs))
    for norm in ("l2", "linf"):
        found = sampled_gradients(network, points, norm)
        for x, value in zip(points, found, strict=True):
            columns = np.eye(network.inputs)
            at = np.repeat(x[:, None], network.inputs, axis=1)
            j = Linearised(network, at).forward(columns)
            expected = (
                np.linalg.svd(j, compute_uv=False)[0]
                if norm == "l2"
                else max(np.abs(j @ s).sum() for s in signs)
            )
            assert value == pytest.approx(expected, rel=1e-12)


def test_power_iteration_of_wide_outputs_stays_below_the_norm():
    network = random_network(67, (14, 20, 13))
    points = np.random.default_rng(3).standard_normal((4, 14))
    found = sampled_gradients(network, points, "linf")
    for x, value in zip(points, found, strict=True):
        j = Linearised(network, np.repeat(x[:, None], 14, axis=1)).forward(np.eye(14))
        signs = 1.0 - 2.0 * ((np.arange(2**14)[:, None] >> np.arange(14)) & 1)
        exact = np.abs(signs @ j.T).sum(axis=1).max()
        assert 0.7 * exact <= value <= exact * (1 + 1e-12)


# --- known constants -----------------------------------------------------------------------------


def test_tight_networks_are_solved():
    """Here some input reaches the largest gain over all patterns (sheet, section 5)."""
    network = random_network(0, (3, 8, 2), activation="maxmin")
    assert lower_bound(network).value == pytest.approx(0.9101247343, rel=1e-8)
    assert lower_bound(network, "linf").value == pytest.approx(1.78653, abs=1e-5)
    householder = random_network(3, (5, 6, 6, 3), activation="householder:1,2,3")
    assert lower_bound(householder).value == pytest.approx(3.3898312, rel=1e-7)


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_linear_network_is_its_norm(norm):
    w = random_weights(68, 5, 3)[0]
    signs = itertools.product((1, -1), repeat=5)
    exact = np.linalg.norm(w, 2) if norm == "l2" else max(np.abs(w @ s).sum() for s in signs)
    assert lower_bound(Network([w]), norm).value == pytest.approx(exact, rel=1e-8)


def test_one_kink_far_away_is_found():
    """x -> relu(3 x - 30) + x / 2: the slope is 7/2 beyond 10 only."""
    network = Network([[[3.0], [1.0], [-1.0]], [[1.0, 0.5, -0.5]]], biases=[[-30.0, 0, 0], None])
    found = lower_bound(network, scale=3.0)
    assert found.value == pytest.approx(3.5, rel=1e-8)
    assert lower_bound(network, inputs=[[11.0]], samples=1, iterations=1).value > 3.49


def test_smooth_networks_at_the_origin():
    network = random_network(69, (4, 6, 3), activation="tanh")
    exact = np.linalg.norm(network.weights[1] @ network.weights[0], 2)
    found = lower_bound(network)
    assert found.value >= exact * (1 - 1e-6)


def test_a_given_point_counts():
    network = random_network(70, (30, 40, 40, 5))
    points = np.random.default_rng(4).standard_normal((3000, 30))
    norms = sampled_gradients(network, points)
    best = points[norms.argmax()]
    found = lower_bound(network, inputs=best, samples=4, iterations=1)
    assert found.value >= norms.max() * (1 - 1e-6)


# --- what makes it a bound -----------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["relu", "maxmin"])
def test_error_bounds_against_exact_arithmetic(activation):
    network = random_network(71, (3, 6, 6, 2), activation=activation)
    points = np.random.default_rng(5).standard_normal((3, 4))
    values, errors = evaluate(network, points)
    for column, value, error in zip(points.T, values.T, errors, strict=True):
        x = [Fraction(float(t)) for t in column]
        for k, w in enumerate(network.weights):
            x = [sum(Fraction(float(a)) * b for a, b in zip(row, x, strict=True)) for row in w]
            if k < 2 and activation == "relu":
                x = [max(t, Fraction(0)) for t in x]
            elif k < 2:
                x = [t for pair in zip(x[::2], x[1::2], strict=True) for t in sorted(pair)]
        # The two halves of an extended number are floats.
        parts = [(float(t), float(t - np.longdouble(float(t)))) for t in value]
        exact = [abs(t - Fraction(a) - Fraction(b)) for t, (a, b) in zip(x, parts, strict=True)]
        assert math.hypot(*map(float, exact)) <= error
        assert error <= 1e-14


def test_the_value_survives_exact_arithmetic():
    """The reported quotient, recomputed in rationals, is not smaller than reported."""
    network = random_network(72, (3, 5, 1))
    found = lower_bound(network)

    def exact(point):
        x = [Fraction(float(t)) for t in point]
        for k, w in enumerate(network.weights):
            x = [sum(Fraction(float(a)) * b for a, b in zip(row, x, strict=True)) for row in w]
            x = [max(t, Fraction(0)) for t in x] if k == 0 else x
        return x[0]

    # `direction` is the rounded difference of two floats: the end is not exactly their sum.
    end = found.point + found.direction
    square = sum(
        (Fraction(float(b)) - Fraction(float(a))) ** 2
        for a, b in zip(found.point, end, strict=True)
    )
    moved = exact(end) - exact(found.point)
    assert moved**2 >= Fraction(found.value) ** 2 * square


def test_no_bound_where_floats_end():
    tiny = Network([1e-200 * np.eye(2)] * 2)
    assert lower_bound(tiny).value == 0.0
    huge = Network([1e200 * np.eye(2)] * 2)
    assert lower_bound(huge).value == 0.0
    assert lower_bound(Network([np.zeros((2, 3)), np.ones((1, 2))])).value == 0.0


def test_same_seed_same_bound_and_another_seed_another_search():
    network = random_network(73, (8, 16, 16, 4))
    first, again = (lower_bound(network, samples=20, iterations=3) for _ in range(2))
    assert first.value == again.value
    np.testing.assert_array_equal(first.point, again.point)
    assert lower_bound(network, samples=20, iterations=3, seed=1).value != first.value


@pytest.mark.parametrize("bad", [np.zeros((2, 4)), [[math.nan, 0.0, 0.0]], np.zeros((1, 1, 3))])
def test_wrong_points_are_refused(bad):
    network = random_network(74, (3, 4, 2))
    with pytest.raises(ValueError, match="points must be finite numbers of shape"):
        sampled_gradients(network, bad)
    with pytest.raises(ValueError, match="points must be finite numbers of shape"):
        lower_bound(network, inputs=bad)


def test_wrong_arguments_are_refused():
    network = random_network(74, (3, 4, 2))
    for options, name in [({"samples": 0}, "samples"), ({"scale": math.nan}, "scale")]:
        with pytest.raises(ValueError, match=name):
            lower_bound(network, **options)
    with pytest.raises(ValueError, match="norm"):
        lower_bound(network, "l1")


def test_loops_that_do_not_converge_are_refused():
    with pytest.raises(ValueError, match="fixed point"):
        lower_bound(Network.implicit([[3.0]], [[1.0]], [[1.0]], "abs"), samples=5, iterations=1)
    w = 0.1 * np.eye(2)
    with pytest.raises(ValueError, match="slopes"):
        lower_bound(Network.implicit(w, w, w, "maxmin"))

"""Methods on unusual networks: their candidates are proved, or refused in one line."""

import math

import numpy as np
import pytest

from tests.theory.lipschitz_values import (
    random_weights,
    value,
)
from theory.lipschitz import primal_dual
from theory.lipschitz.certificate import certify, verify_certificate
from theory.lipschitz.classical import eclipse_fast, lambda_only, nsr_diag, product, rr
from theory.lipschitz.interior_point import interior_point
from theory.lipschitz.network import Network
from theory.lipschitz.relaxations import as_residual_relu

METHODS = (product, lambda_only, nsr_diag, interior_point, rr, eclipse_fast)


# --- closed form with general slopes -----------------------------------------------------------


@pytest.mark.parametrize("pair", [(-0.2, 1.1), (0.1, 0.9), (-1, 1), (-2, 3), (-1, 0), (-1, 0.25)])
def test_eclipse_fast_with_any_slopes_is_proved(pair):
    network = Network(random_weights(2, (5, 7, 6, 3)), slopes=[pair] * 2)
    candidate = eclipse_fast(network)
    certificate = certify(network, candidate)
    assert certificate is not None
    assert verify_certificate(network, certificate).valid
    bound = math.exp(candidate.log_value)
    slack = 1 + 2e-7
    assert bound * (1 - 1e-6) <= certificate.upper <= slack * bound
    assert value(interior_point, network) <= slack * bound
    assert bound <= slack * value(product, network)


def test_eclipse_fast_with_slopes_per_unit_is_proved():
    rng = np.random.default_rng(3)
    lower = [rng.uniform(-1, 1, width) for width in (7, 6)]
    pairs = [(low, low + rng.uniform(0.01, 1, low.size)) for low in lower]
    network = Network(random_weights(2, (5, 7, 6, 3)), slopes=pairs)
    certificate = certify(network, eclipse_fast(network))
    assert certificate is not None
    assert value(interior_point, network) <= certificate.upper


# --- edges -------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("method", METHODS)
def test_constant_networks(method, norm):
    if method is eclipse_fast and norm == "linf":
        pytest.skip("l2 only")
    w1, w2, w3 = random_weights(1, (4, 6, 6, 2))
    network = Network([w1, 0 * w2, w3], "relu" if method is eclipse_fast else "maxmin")
    assert method(network, norm).log_value == -math.inf


@pytest.mark.parametrize("name", ["relu", "maxmin"])
def test_dead_units_do_not_matter(name):
    w1, w2, w3 = random_weights(1, (4, 6, 6, 2))
    w1[:2] = 0
    w2[:, 2:4] = 0
    small = [w1[4:], w2[:, 4:], w3]
    small = value(interior_point, Network(small, name))
    network = Network([w1, w2, w3], name)
    assert value(interior_point, network) == pytest.approx(small, rel=2e-7)
    certificate = certify(network, interior_point(network))
    assert certificate is not None
    assert verify_certificate(network, certificate).valid


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("method", [interior_point, nsr_diag, lambda_only, rr])
def test_groups_that_never_change(method, norm):
    # Equal rows (or columns) of a pair: its difference is 0, or not read, without any zero weight.
    w1, w2, w3 = random_weights(2, (4, 6, 6, 2))
    w1[1] = w1[0]
    w3[:, 2] = w3[:, 3]
    network = Network([w1, w2, w3], "maxmin")
    bound = value(method, network, norm)
    certificate = certify(network, method(network, norm, 1e-6))
    assert certificate is not None
    assert verify_certificate(network, certificate).valid
    assert certificate.upper <= (1 + 1e-5) * bound


@pytest.mark.parametrize("factor", [1e-90, 1e90])
def test_extreme_scales(factor):
    weights = random_weights(1, (4, 6, 6, 2))
    network, far = Network(weights), Network([factor * w for w in weights])
    for method in (product, eclipse_fast, lambda_only, interior_point):
        shift = method(far).log_value - method(network).log_value
        assert shift == pytest.approx(3 * math.log(factor), rel=1e-6)


def test_width_one():
    network = Network([[[2.0]], [[-3.0]]])
    assert value(interior_point, network) == pytest.approx(6, rel=2e-7)
    assert value(eclipse_fast, network) == pytest.approx(6, rel=1e-12)
    assert value(interior_point, network, "linf") == pytest.approx(6, rel=2e-7)


def test_a_linear_network():
    (w,) = random_weights(1, (4, 3))
    network = Network([w])
    assert value(interior_point, network) == pytest.approx(np.linalg.norm(w, 2), rel=2e-7)
    assert value(product, network, "linf") == pytest.approx(np.abs(w).sum())
    assert value(eclipse_fast, network) == pytest.approx(np.linalg.norm(w, 2), rel=1e-12)


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("method", [interior_point, nsr_diag, lambda_only, rr, product])
def test_multipliers_prove_the_bound(method, norm):
    network = Network(random_weights(3, (4, 6, 6, 3)), "maxmin")
    candidate = method(network, norm, 1e-6)
    certificate = certify(network, candidate)
    assert certificate is not None
    assert verify_certificate(network, certificate).valid
    assert certificate.upper <= math.exp(candidate.log_value) * (1 + 1e-6)


# --- the residual ReLU network -----------------------------------------------------------------


@pytest.mark.parametrize("name", ["maxmin", "householder:-1,1", "householder:1,0,1", "relu"])
def test_residual_relu_is_the_same_function(name):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((50, 4))
    weights = random_weights(1, (4, 6, 6, 2))
    network = Network(weights, name, biases=[rng.standard_normal(len(w)) for w in weights])
    blocks = [tuple(rng.standard_normal((6, 6)) for _ in range(3)), rng.standard_normal((6, 6))]
    deep = Network.residual(rng.standard_normal((6, 4)), blocks, weights[-1], name)
    for one in (network, deep):
        relu = as_residual_relu(one)
        assert {stage.activation.name for stage in relu.stages if stage.units} == {"relu"}
        np.testing.assert_allclose(relu(x), one(x), rtol=1e-12, atol=1e-12)


def test_residual_relu_of_householder_loses_nothing():
    # One ReLU per group keeps that relu(d) - relu(-d) = d.
    network = Network(random_weights(3, (5, 6, 6, 3)), "householder:1,1")
    assert value(rr, network) == pytest.approx(value(interior_point, network), rel=4e-7)


# --- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [nsr_diag, rr])
def test_no_nsr_of_slopes(method):
    with pytest.raises(ValueError, match=r"this network has none: use lipsdp, interior-point"):
        method(Network(random_weights(0, (3, 4, 2))))


@pytest.mark.parametrize(
    ("method", "network", "norm", "message"),
    [
        (eclipse_fast, Network([np.eye(2), np.eye(2)], "maxmin"), "l2", "nsr-full"),
        (eclipse_fast, Network([np.eye(2), np.eye(2)]), "linf", "eclipse-fast is for norm 'l2'"),
        (eclipse_fast, Network.residual(None, [np.eye(2)], None), "l2", "feed-forward"),
        (eclipse_fast, Network([np.eye(2), np.eye(2)], "linear"), "l2", "lower < upper"),
        (rr, Network([np.eye(3), np.eye(3)], "group_sort", 3), "l2", "not of 3"),
        (rr, Network([np.eye(3), np.eye(3)], "householder:1,2,3"), "l2", "not exact in floats"),
        (rr, Network(random_weights(0, (2, 4, 2)), ["maxmin"]), "l1", "not 'l1'"),
        (interior_point, Network([np.ones((1700, 2)), np.ones((2, 1700))]), "l2", "1702 signals"),
        (interior_point, Network.implicit([[2.0]], [[1.0]], [[1.0]]), "l2", "well posed"),
        (product, Network.implicit([[2.0]], [[1.0]], [[1.0]]), "l2", "loop of stage 1"),
        (nsr_diag, Network.implicit(np.eye(2), np.eye(2), np.eye(2), "maxmin"), "l2", "implicit"),
        (product, Network([np.eye(2)]), "max", "not 'max'"),
    ],
)
def test_refused_in_one_line(method, network, norm, message):
    with pytest.raises(ValueError, match=message) as caught:
        method(network, norm)
    assert "\n" not in str(caught.value)


def test_a_start_that_is_not_feasible():
    program = primal_dual.Program(
        np.eye(1), np.eye(1), np.zeros(1, dtype=np.intp), np.ones(1), np.eye(1)
    )
    with pytest.raises(ValueError, match="not strictly feasible"):
        primal_dual.minimise(program, np.zeros(1), 1e-6)
    found = primal_dual.minimise(program, np.ones(1), 1e-8)
    assert found.value == pytest.approx(0.5, rel=2e-8)


# --- deep networks -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "depth",
    [16, pytest.param(32, marks=pytest.mark.slow), pytest.param(64, marks=pytest.mark.slow)],
)
def test_deep_networks_close(depth):
    # The bound decays by many decades under the product, and with it all multipliers.
    rng = np.random.default_rng(depth)
    weights = [rng.standard_normal((8, 8)) for _ in range(depth)]
    weights = [w / np.linalg.norm(w, 2) for w in weights]
    network = Network(weights)
    candidate = interior_point(network, "l2", 1e-7)
    assert 0 <= candidate.log_value - candidate.log_dual <= 1.1e-7
    assert candidate.log_value < product(network).log_value - 0.1 * depth
    certificate = certify(network, candidate)
    assert certificate is not None
    assert certificate.log2_upper * math.log(2) == pytest.approx(candidate.log_value, abs=1e-6)

"""The vector-neuron ascent and its upper bound, against published and independent values."""

import math

import numpy as np
import pytest
import scipy.sparse

from tests.theory.lipschitz_nets import (
    block_diagonal,
    random_network,
    random_weights,
    residual_network,
)
from theory.lipschitz.ascent import Ascent
from theory.lipschitz.blocks import blocks_of
from theory.lipschitz.network import Network
from theory.lipschitz.reductions import normalised
from theory.lipschitz.solver import lipsdp


def bracket(network, norm="l2", tolerance=1e-6, **options):
    found = lipsdp(network, norm, tolerance, **options)
    return math.exp(found.log_dual), math.exp(found.log_value)


def encloses(network, value, norm="l2", tolerance=1e-6, digits=1e-7):
    """The bracket is closed and holds a reference value given to a relative error of `digits`."""
    lower, upper = bracket(network, norm, tolerance)
    rounding = 1e-15  # both ends are computed in floats
    assert lower * (1 - rounding) <= upper <= lower * (1 + 1.001 * tolerance)
    assert lower <= value * (1 + digits)
    assert upper >= value * (1 - digits)


# Optima of a generic conic solver, bracketed to 2e-7: seed, widths, ReLU, MaxMin.
TABLE = [
    (0, (3, 8, 2), 0.92559513, 0.91012473),
    (1, (6, 10, 10, 4), 1.87561564, 2.38691926),
    (2, (8, 16, 16, 16, 8), 3.74972296, 3.99424705),
    (7, (10, 32, 1), 1.33912297, 1.19236534),
]


@pytest.mark.parametrize(("seed", "widths", "relu", "maxmin"), TABLE)
def test_reference_values(seed, widths, relu, maxmin):
    encloses(random_network(seed, widths), relu)
    encloses(random_network(seed, widths, "maxmin"), maxmin)


@pytest.mark.parametrize(
    ("slopes", "value"),
    [
        ((-0.2, 1.1), 2.456652919),
        ((0.1, 0.9), 1.450312034),
        ((-1, 1), 3.176794620),
        ((-1, 0), 1.875615638),
        ((0.25, 0.25), None),
    ],
)
def test_slopes(slopes, value):
    weights = random_weights(1, 6, 10, 10, 4)
    if value is None:  # a linear network
        value = np.linalg.norm(0.25**2 * weights[2] @ weights[1] @ weights[0], 2)
    encloses(Network(weights, slopes=[slopes] * 2), value, digits=1e-8)


def test_slopes_of_each_unit():
    # Units fixed on or off are linear: the rest is an ordinary smaller network.
    weights = random_weights(4, 5, 6, 3)
    on, off = np.array([1, 0, 0, 0, 0, 0.0]), np.array([0, 1, 0, 0, 0, 0.0])
    lower, upper = bracket(Network(weights, slopes=[(on, 1 - off)]))
    inner, outer = weights
    with_pass = Network.residual(
        None, [(np.outer(outer[:, 0], inner[0]), outer[:, 2:], inner[2:])], None
    )
    encloses(with_pass, (lower + upper) / 2, digits=2e-6)


@pytest.mark.parametrize(
    ("widths", "seed", "activation", "value"),
    [
        ((6, 12, 12, 4), 11, "group_sort:4", 3.1916501),
        ((6, 12, 12, 4), 11, "group_sort:3", 3.1049321),
        ((5, 6, 6, 3), 3, "householder:1,2,3", 3.3898312),
    ],
)
def test_groups(widths, seed, activation, value):
    encloses(random_network(seed, widths, activation), value)


def test_residual():
    encloses(residual_network("relu"), 3.8701784)
    encloses(residual_network("maxmin"), 6.5695664)


@pytest.mark.parametrize(
    ("seed", "widths", "relu", "maxmin"),
    [
        (0, (3, 8, 2), 1.86689432, 1.78654454),
        (1, (6, 10, 10, 4), 7.2239132, 8.8557353),
        (7, (10, 32, 1), 3.8058178, 3.6184334),
    ],
)
def test_l_inf(seed, widths, relu, maxmin):
    encloses(random_network(seed, widths), relu, "linf", digits=2e-7)
    encloses(random_network(seed, widths, "maxmin"), maxmin, "linf", digits=2e-7)


# --- structure ---------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["relu", "maxmin", "group_sort:4", "gelu"])
def test_sweeps_never_decrease_the_value(activation):
    blocks, _ = normalised(blocks_of(random_network(3, (9, 12, 12, 12, 5), activation)))
    run = Ascent(blocks[:-1], blocks[-1].skip, "l2", 6)
    values = []
    for _ in range(60):
        run._theta[:] = 1.0  # no momentum: each step is a block maximisation
        values.append(run.step()[0])
    assert np.diff(values).min() > -1e-13


def test_invariances():
    weights = random_weights(8, 7, 10, 12, 4)
    rng = np.random.default_rng(1)
    value = sum(bracket(Network(weights))) / 2

    def same(changed, factor=1.0):
        encloses(Network(changed), factor * value, digits=1e-6)

    a, b, c = weights
    same([3 * a, 0.5 * b, 7 * c], 10.5)
    turn = [np.linalg.qr(rng.standard_normal((n, n)))[0] for n in (7, 4)]
    same([a @ turn[0], b, turn[1] @ c])
    order, scale = rng.permutation(10), np.exp(rng.standard_normal(10))
    same([a[order], b[:, order], c])
    same([scale[:, None] * a, b / scale, c])
    # -relu(-v) has the slopes of relu: the bound does not see a negative rescaling, f does.
    sign = np.where(np.arange(10) % 2, -1.0, 1.0)
    same([sign[:, None] * a, b * sign, c])
    # A permutation on one side only is none.
    moved = sum(bracket(Network([a[order], b, c]))) / 2
    assert abs(moved - value) > 1e-3 * value


def test_identity_layers_do_not_go_below_the_norm():
    # f = W3 relu(I relu(I W1)): at least the norm of the half of the map where all units are on
    weights = random_weights(2, 6, 8, 3)
    plain = bracket(Network(weights))
    longer = bracket(Network([weights[0], np.eye(8), weights[1]]))
    assert longer[1] >= plain[0] * (1 - 1e-6)


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("gain", [1.0, 0.5, 0.1, 1e-3, 1e-30])
def test_parts_that_share_no_weight(gain, precision):
    one, two = random_weights(1, 4, 5, 5, 3), random_weights(2, 3, 4, 4, 2)
    two[0] *= gain
    alone = [sum(bracket(Network(part))) / 2 for part in (one, two)]
    both = Network(block_diagonal(one, two))
    lower, upper = bracket(both, tolerance=1e-5, precision=precision)
    assert upper <= lower * (1 + 1.001e-5)
    assert lower <= max(alone) * (1 + 1e-6)
    assert upper >= max(alone) * (1 - 1e-6)
    sums = [sum(bracket(Network(part), "linf")) / 2 for part in (one, two)]
    assert sum(bracket(both, "linf")) / 2 == pytest.approx(sum(sums), rel=2e-6)


@pytest.mark.parametrize("coupling", [1e-4, 1e-8, 1e-12, 1e-16])
def test_parts_that_hardly_touch(coupling):
    one, two = random_weights(1, 4, 5, 5, 3), random_weights(2, 3, 4, 4, 2)
    two[0] *= 0.1
    rng = np.random.default_rng(0)
    weights = [w + coupling * rng.standard_normal(w.shape) for w in block_diagonal(one, two)]
    lower, upper = bracket(Network(weights), tolerance=1e-4)
    assert upper <= lower * (1 + 1.001e-4)


def test_dead_units():
    weights = random_weights(0, 5, 6, 6, 3)
    weights[0][2] = 0
    weights[1][:, 4] = 0
    weights[1][3] = 0
    kept = [weights[0][[0, 1, 3, 5]], weights[1][[0, 1, 2, 4, 5]][:, [0, 1, 3, 5]]]
    small = Network([*kept, weights[2][:, [0, 1, 2, 4, 5]]])
    for norm in ("l2", "linf"):
        value = sum(bracket(small, norm)) / 2
        encloses(Network(weights), value, norm, digits=1e-6)


def test_zero_linear_width_one():
    assert bracket(Network([np.zeros((4, 3)), np.ones((2, 4))])) == (0, 0)
    assert bracket(Network([np.ones((4, 3)), np.zeros((2, 4))])) == (0, 0)
    matrix = random_weights(0, 5, 3)[0]
    encloses(Network([matrix]), np.linalg.norm(matrix, 2), digits=1e-12)
    encloses(Network([np.ones((1, 3)), [[-2.0]], [[1.0], [2.0]]]), 2 * math.sqrt(15), digits=1e-12)


@pytest.mark.parametrize("scale", [1e-150, 1e-40, 1e40, 1e120])
def test_scales(scale):
    weights = random_weights(1, 6, 10, 10, 4)
    found = lipsdp(Network([scale * w for w in weights]), "l2", 1e-6)
    expected = math.log(1.875615638) + 3 * math.log(scale)
    assert found.log_dual - 1e-8 <= expected <= found.log_value + 1e-8
    assert found.log_value - found.log_dual <= 1e-6


def test_sparse_weights_give_the_same():
    weights = [w * (np.abs(w) > 0.3) for w in random_weights(5, 12, 20, 16, 4)]
    for activation in ("relu", "maxmin"):
        value = sum(bracket(Network(weights, activation))) / 2
        sparse = Network([scipy.sparse.csr_array(w) for w in weights], activation)
        encloses(sparse, value, digits=1e-6)


def test_single_precision_closes_the_same_bracket():
    network = random_network(2, (8, 16, 16, 16, 8))
    lower, upper = bracket(network, tolerance=1e-4, precision="float32")
    assert lower <= 3.74972297
    assert upper >= 3.74972295
    assert upper <= lower * 1.0001


def test_single_precision_goes_on_in_double_where_it_is_not_enough():
    lower, upper = bracket(
        random_network(2, (8, 16, 16, 16, 8)), tolerance=1e-9, precision="float32"
    )
    assert upper <= lower * (1 + 1.001e-9)


def test_progress_shows_a_closing_bracket():
    seen = []
    lipsdp(random_network(1, (6, 10, 10, 4)), "l2", 1e-7, progress=lambda *row: seen.append(row))
    assert len(seen) > 0
    assert all(dual <= upper + 1e-12 for _, dual, upper in seen)


def test_few_iterations_give_an_honest_bracket():
    found = lipsdp(random_network(2, (8, 16, 16, 16, 8)), "l2", 1e-9, iterations=3)
    assert found.iterations == 3
    assert math.exp(found.log_dual) <= 3.74972297
    assert math.exp(found.log_value) >= 3.74972295


# --- mutants -----------------------------------------------------------------------------------


def _deep():
    weights = random_weights(3, 30, 40, 40, 40, 10)
    return [w / np.linalg.norm(w, 2) for w in weights]


def _plain_iteration(weights, forward, backward, steps=400):
    """The alternating maximisation with given rules z(v, |v|, s) and b(a, |a|, v/|v|)."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((weights[0].shape[1], 8))
    x /= np.linalg.norm(x)
    units = [rng.standard_normal((len(w), 8)) for w in weights[:-1]]
    units = [s / np.linalg.norm(s, axis=1, keepdims=True) for s in units]
    values = []
    for _ in range(steps):
        z, kept = x, []
        for w, s in zip(weights[:-1], units, strict=True):
            v = w @ z
            length = np.linalg.norm(v, axis=1, keepdims=True)
            kept.append(v / length)
            z = forward(v, length, s)
        y = weights[-1] @ z
        values.append(np.linalg.norm(y))
        a = weights[-1].T @ y
        for k in range(len(units) - 1, -1, -1):
            length = np.linalg.norm(a, axis=1, keepdims=True)
            units[k] = a / length
            a = weights[k].T @ backward(a, length, kept[k])
        x = a / np.linalg.norm(a)
    return np.array(values)


def test_wrong_rules_are_told_apart():
    def right(v, n, s):
        return (v + n * s) / 2

    weights = _deep()
    lower, upper = bracket(Network(weights), tolerance=1e-6)
    values = _plain_iteration(weights, right, right)
    assert values[-1] == pytest.approx(lower, rel=1e-3)
    assert np.diff(values).min() > -1e-13
    assert upper == pytest.approx(0.295597, rel=2e-6)
    doubled = _plain_iteration(weights, lambda v, n, s: v + n * s, lambda a, n, v: a + n * v)
    assert doubled[-1] > 1  # above the product of the norms
    for wrong in (lambda a, n, v: (a - n * v) / 2, lambda a, n, v: a, lambda a, n, v: a / 2):
        values = _plain_iteration(weights, right, wrong)
        assert np.diff(values).min() < -1e-3
        assert values[-1] < 0.9 * lower

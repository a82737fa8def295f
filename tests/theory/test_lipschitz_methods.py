"""Interior point, diagonal, residual-ReLU and closed-form bounds.

Reference values without another source come from a second implementation of the same programs, by
a conic solver, at a relative bracket below 2e-7.
"""

import itertools
import math

import numpy as np
import pytest

pytest.importorskip("cvxpy")

from tests.theory import lipschitz_conic as conic
from tests.theory.lipschitz_values import (
    CLOSE,
    random_implicit,
    random_residual,
    random_weights,
    value,
)
from theory.lipschitz.classical import eclipse_fast, lambda_only, nsr_diag, product, rr
from theory.lipschitz.interior_point import interior_point
from theory.lipschitz.network import Network
from theory.lipschitz.relaxations import generic_rows

PAIR = np.ones((2, 2))
# seed, dims: product, LipSDP and ECLipsE-Fast (ReLU); NSR-full, NSR-diag, lambda-only, RR (MaxMin).
TABLE = [
    (0, (3, 8, 2), 1.6309497265, 0.92559513, 1.2213191754, 0.91012473, 0.92691504, 1.13535883,
     1.34758868),
    (1, (6, 10, 10, 4), 4.7050093646, 1.87561564, 2.6927198690, 2.38691926, 3.15029445,
     3.42642922, 2.64918812),
    (2, (8, 16, 16, 16, 8), 9.9575448420, 3.74972296, 5.5738718598, 3.99424705, 6.90453004,
     8.16645632, 9.62522091),
    (7, (10, 32, 1), 2.2886982322, 1.33912297, 1.7342275432, 1.19236534, 1.76724453, 2.03159547,
     1.65767831),
]  # fmt: skip


@pytest.mark.parametrize("row", TABLE, ids=[f"seed{row[0]}" for row in TABLE])
def test_reference_table(row):
    seed, dims, mp, lipsdp, fast, full, diagonal, one, residual = row
    weights = random_weights(seed, dims)
    relu, maxmin = Network(weights), Network(weights, "maxmin")
    assert value(product, relu) == pytest.approx(mp, rel=1e-10)
    assert value(eclipse_fast, relu) == pytest.approx(fast, rel=1e-10)
    assert value(interior_point, relu) == pytest.approx(lipsdp, rel=2e-7)
    assert value(interior_point, maxmin) == pytest.approx(full, rel=2e-7)
    assert value(nsr_diag, maxmin) == pytest.approx(diagonal, rel=2e-7)
    assert value(lambda_only, maxmin) == pytest.approx(one, rel=2e-7)
    assert value(rr, maxmin) == pytest.approx(residual, rel=2e-7)


# l_inf -> l_1: LipSDP (ReLU), NSR-full, NSR-diag.
@pytest.mark.parametrize(
    ("seed", "dims", "expected"),
    [
        (0, (3, 8, 2), (1.86689432, 1.78654454, 1.82987387)),
        (1, (6, 10, 10, 4), (7.2239132, 8.8557353, 11.8348727)),
        (7, (10, 32, 1), (3.8058178, 3.6184334, 5.2676902)),
    ],
)
def test_reference_values_of_linf(seed, dims, expected):
    weights = random_weights(seed, dims)
    maxmin = Network(weights, "maxmin")
    found = (
        value(interior_point, Network(weights), "linf"),
        value(interior_point, maxmin, "linf"),
        value(nsr_diag, maxmin, "linf"),
    )
    assert found == pytest.approx(expected, rel=2e-7)


def test_product_of_row_sums():
    weights = random_weights(7, (10, 32, 1))
    assert value(product, Network(weights), "linf") == pytest.approx(16.79307, rel=1e-6)


def test_reference_values_of_other_groups():
    weights = random_weights(11, (6, 12, 12, 4))
    three, four = (Network(weights, "group_sort", g) for g in (3, 4))
    assert value(interior_point, three) == pytest.approx(3.1049321, rel=2e-7)
    assert value(nsr_diag, three) == pytest.approx(3.2054172, rel=2e-7)
    assert value(lambda_only, three) == pytest.approx(3.4500685, rel=2e-7)
    assert value(interior_point, four) == pytest.approx(3.1916501, rel=2e-7)
    assert value(nsr_diag, four) == pytest.approx(3.3741513, rel=2e-7)
    house = Network(random_weights(3, (5, 6, 6, 3)), "householder:1,2,3")
    assert value(interior_point, house) == pytest.approx(3.3898312, rel=2e-7)


def test_reference_values_of_residual_and_implicit_networks():
    first, blocks, last = random_residual()
    relu, maxmin = (Network.residual(first, blocks, last, name) for name in ("relu", "maxmin"))
    assert value(interior_point, relu) == pytest.approx(3.8701784, rel=2e-7)
    assert value(interior_point, maxmin) == pytest.approx(6.5695664, rel=2e-7)
    assert value(interior_point, Network.implicit(*random_implicit())) == pytest.approx(
        5.2394962, rel=2e-7
    )


# --- against the dense conic programs ----------------------------------------------------------


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize(
    "pair", [(0, 1), (-0.2, 1.1), (0.1, 0.9), (-1, 1), (-2, 3), (0.5, 1), (-1, 0.25)]
)
def test_slopes_agree_with_the_conic_program(pair, norm):
    weights = random_weights(4, (3, 5, 4, 2))
    expected = conic.optimum(
        conic.feed_forward(weights), lambda layer: conic.slopes(layer, *pair), norm
    )
    network = Network(weights, slopes=[pair] * 2)
    assert value(interior_point, network, norm) == pytest.approx(expected, rel=CLOSE)


def test_slopes_per_unit_agree_with_the_conic_program():
    weights = random_weights(5, (3, 5, 2))
    lower, upper = np.linspace(-1, 0.5, 5), np.linspace(0.6, 1.4, 5)
    expected = conic.optimum(
        conic.feed_forward(weights), lambda layer: conic.slopes(layer, lower, upper)
    )
    network = Network(weights, slopes=[(lower, upper)])
    assert value(interior_point, network) == pytest.approx(expected, rel=CLOSE)


def test_a_unit_with_one_slope_is_linear():
    w1, w2 = random_weights(5, (3, 5, 2))
    upper = np.array([1.0, 1.0, 0.5, 1.0, 1.0])
    lower = np.where(upper == 0.5, 0.5, 0.0)
    rest = lower == 0
    block = (0.5 * np.outer(w2[:, 2], w1[2]), w2[:, rest], w1[rest])
    expected = value(interior_point, Network.residual(None, [block], None))
    found = value(interior_point, Network([w1, w2], slopes=[(lower, upper)]))
    assert found == pytest.approx(expected, rel=2e-7)


@pytest.mark.parametrize("width", [1e-2, 1e-5, 1e-9, 1e-14])
def test_units_that_are_nearly_linear(width):
    lower = np.array([0.0, 0, 0.5, 0, 0])
    upper = np.where(lower > 0, lower + width, 1.0)
    network = Network(random_weights(5, (3, 5, 2)), slopes=[(lower, upper)])
    straight = Network(
        random_weights(5, (3, 5, 2)), slopes=[(lower, np.where(lower > 0, lower, 1.0))]
    )
    more = value(interior_point, network) / value(interior_point, straight) - 1
    assert -2e-7 < more < width + 2e-7


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize(
    ("name", "kernel"),
    [
        ("maxmin", np.ones((2, 2))),
        ("group_sort:3", np.ones((3, 3))),
        ("householder:1,2", np.eye(2) - np.outer([1, 2], [1, 2]) / 5),
        ("householder:1,2,2", np.eye(3) - np.outer([1, 2, 2], [1, 2, 2]) / 9),
    ],
)
def test_groups_agree_with_the_conic_program(name, kernel, norm):
    weights = random_weights(8, (3, 6, 6, 2))
    program, network = conic.feed_forward(weights), Network(weights, name)
    size = len(kernel)
    within = conic.kept(program, kernel)
    full = conic.optimum(
        program, lambda layer: conic.lipschitz(layer, size=size), norm, within=within
    )
    diagonal = conic.optimum(program, lambda layer: conic.groups(layer, kernel, ("gamma",)), norm)
    one = conic.optimum(program, lambda layer: conic.lipschitz(layer, size=size), norm)
    assert value(interior_point, network, norm) == pytest.approx(full, rel=CLOSE)
    # As published: the infimum is approached as nu and tau grow, and found to about 1e-4.
    published = conic.optimum(program, lambda layer: conic.groups(layer, kernel), norm)
    assert full * (1 - CLOSE) <= published <= full * (1 + 1e-3)
    assert value(nsr_diag, network, norm) == pytest.approx(diagonal, rel=CLOSE)
    assert value(lambda_only, network, norm) == pytest.approx(one, rel=CLOSE)


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_residual_networks_agree_with_the_conic_program(norm):
    rng = np.random.default_rng(9)
    blocks = [tuple(rng.standard_normal((4, 4)) / 2 for _ in range(3)) for _ in range(2)]
    first, last = rng.standard_normal((4, 3)), rng.standard_normal((2, 4))
    program = conic.residual(blocks, last, first)
    network = Network.residual(first, blocks, last)
    expected = conic.optimum(program, conic.slopes, norm)
    assert value(interior_point, network, norm) == pytest.approx(expected, rel=CLOSE)
    network = Network.residual(first, blocks, last, "maxmin")
    within = conic.kept(program, PAIR)
    pairs = lambda layer: conic.lipschitz(layer, size=2)  # noqa: E731
    expected = conic.optimum(program, pairs, norm, within=within)
    assert value(interior_point, network, norm) == pytest.approx(expected, rel=CLOSE)
    expected = conic.optimum(program, lambda layer: conic.groups(layer, PAIR, ("gamma",)), norm)
    assert value(nsr_diag, network, norm) == pytest.approx(expected, rel=CLOSE)


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize(("name", "pair"), [("relu", (0, 1)), ("leaky_relu:-0.3", (-0.3, 1))])
def test_implicit_networks_agree_with_the_conic_program(name, pair, norm):
    loop, inner, outer = random_implicit()
    program = conic.implicit(0.8 * loop, inner, outer)
    network = Network.implicit(0.8 * loop, inner, outer, name)
    expected = conic.optimum(program, lambda layer: conic.slopes(layer, *pair), norm)
    assert value(interior_point, network, norm) == pytest.approx(expected, rel=CLOSE)


def test_an_implicit_layer_that_is_not_contracting_but_well_posed():
    # No multiple of the identity proves it: found only by the search for a start.
    loop = np.array([[0.2, 6.0], [-0.05, 0.1]])
    inner, outer = np.eye(2), np.ones((1, 2))
    expected = conic.optimum(conic.implicit(loop, inner, outer), conic.slopes)
    network = Network.implicit(loop, inner, outer)
    assert np.linalg.eigvalsh(loop + loop.T)[-1] > 2
    assert value(interior_point, network) == pytest.approx(expected, rel=CLOSE)


def test_residual_relu_agrees_with_the_conic_program():
    weights = random_weights(1, (4, 4, 4, 3))
    swap = np.kron(np.eye(2), [[0.0, 1.0], [0.0, 1.0]])
    sign = np.kron(np.eye(2), [[-1.0, 0.0], [0.0, 1.0]])
    difference = np.kron(np.eye(2), [[-1.0, 1.0], [1.0, -1.0]])
    blocks = [(swap @ w, sign, difference @ w) for w in weights[:-1]]
    expected = conic.optimum(conic.residual(blocks, weights[-1]), conic.slopes)
    assert value(rr, Network(weights, "maxmin")) == pytest.approx(expected, rel=CLOSE)


# --- relations between the bounds --------------------------------------------------------------


def test_one_maxmin_layer():
    network = Network([np.eye(4), np.eye(4)], "maxmin")
    assert value(rr, network) == pytest.approx(math.sqrt(2), rel=2e-7)
    assert value(interior_point, network) == pytest.approx(1, rel=2e-7)


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("seed", range(4))
def test_chain_of_inequalities(seed, norm):
    network = Network(random_weights(seed, (4, 6, 6, 3)), "maxmin")
    full, diagonal, one, residual, mp = (
        value(method, network, norm)
        for method in (interior_point, nsr_diag, lambda_only, rr, product)
    )
    slack = 1 + 2e-7
    assert full <= slack * min(diagonal, residual)
    assert diagonal <= slack * one
    assert norm == "linf" or one <= slack * mp
    relu = Network(random_weights(seed, (4, 6, 6, 3)))
    assert value(interior_point, relu, norm) <= slack * value(lambda_only, relu, norm)
    fast, mp = value(eclipse_fast, relu), value(product, relu)
    assert value(interior_point, relu) <= slack * fast <= slack**2 * mp


def test_nsr_diag_can_be_above_rr():
    network = Network(random_weights(7, (10, 32, 1)), "maxmin")
    assert value(nsr_diag, network) > 1.05 * value(rr, network)


def test_tight_where_the_patterns_attain_it():
    # 256 patterns of eight units, and two per MaxMin pair: both optima equal the largest norm.
    weights = random_weights(0, (3, 8, 2))
    relu = [np.diag(bits) for bits in itertools.product((0.0, 1.0), repeat=8)]
    exchange = np.array([[0.0, 1.0], [1.0, 0.0]])
    blocks = itertools.product((np.eye(2), exchange), repeat=4)
    pairs = [np.kron(np.eye(4), np.eye(2)) * 0 + _stack(block) for block in blocks]
    assert value(interior_point, Network(weights)) == pytest.approx(
        conic.pattern_maximum(weights, [relu]), rel=2e-7
    )
    assert value(interior_point, Network(weights, "maxmin")) == pytest.approx(
        conic.pattern_maximum(weights, [pairs]), rel=2e-7
    )


def _stack(blocks):
    whole = np.zeros((8, 8))
    for k, block in enumerate(blocks):
        whole[2 * k : 2 * k + 2, 2 * k : 2 * k + 2] = block
    return whole


def test_invariances():
    rng = np.random.default_rng(0)
    w1, w2, w3 = random_weights(2, (5, 6, 6, 3))
    base = value(interior_point, Network([w1, w2, w3]))
    turn, _ = np.linalg.qr(rng.standard_normal((5, 5)))
    by = np.exp(rng.standard_normal(6))
    order = rng.permutation(6)
    changed = [
        ([2 * w1, -3 * w2, w3 / 4], 1.5),
        ([w1 @ turn, w2, w3], 1),
        ([by[:, None] * w1, w2 / by, w3], 1),
        ([w1[order], w2[:, order], w3], 1),
        ([np.hstack([w1, np.zeros((6, 30))]), w2, w3], 1),
    ]
    for weights, factor in changed[1:]:
        assert value(interior_point, Network(weights)) == pytest.approx(factor * base, rel=2e-7)
    flipped = [2 * w1, 3 * w2, w3 / 4]
    assert value(interior_point, Network(flipped)) == pytest.approx(1.5 * base, rel=2e-7)


# --- mutants -----------------------------------------------------------------------------------


def test_mutants_of_the_programs_differ():
    weights = random_weights(1, (3, 5, 4, 2))
    program, network = conic.feed_forward(weights), Network(weights)
    right = value(interior_point, network)
    # Without the factor 2 of 2 Lambda the constraint is the one of slopes in [0, 2].
    forgotten = conic.optimum(program, lambda layer: conic.slopes(layer, factor=1.0))
    assert forgotten > 1.1 * right
    doubled = Network(weights, slopes=[(0, 2)] * 2)
    assert value(interior_point, doubled) == pytest.approx(forgotten, rel=CLOSE)
    wrong = conic.optimum(program, conic.slopes, "linf", factor=1.0)
    assert wrong > 1.1 * value(interior_point, network, "linf")


def test_the_root_is_wrong_for_linf():
    weights = random_weights(1, (6, 10, 10, 4))
    network = Network(weights)
    bound = value(interior_point, network, "linf")
    x = np.random.default_rng(0).choice([-1.0, 1.0], (4096, 6))
    measured = np.abs(network(x)).sum(axis=1).max()
    assert math.sqrt(bound) < measured <= bound


@pytest.mark.parametrize(
    ("seed", "dims", "mutant", "reached"),
    [(0, (3, 8, 2), 0.881917, 0.910125), (1, (6, 10, 10, 4), 1.813977, 2.382024)],
)
def test_slopes_from_zero_are_wrong_for_differences(seed, dims, mutant, reached):
    rows = generic_rows(Network(random_weights(seed, dims), "maxmin"))
    count, size = rows.rows.shape
    program = ([conic.Layer(rows.rows, np.eye(count, size, rows.inputs))], rows.output, rows.inputs)
    right = conic.optimum(program, lambda layer: conic.slopes(layer, rows.lower, rows.upper))
    wrong = conic.optimum(program, conic.slopes)
    assert (rows.lower == -1).all()
    assert right > reached * (1 - 1e-6)
    assert wrong == pytest.approx(mutant, rel=2e-6)
    assert wrong < reached


def test_eclipse_fast_without_its_last_term_is_wrong():
    # X_k = 2 l_k I gives the product over 2^((L - 1) / 2), below the optimum.
    network = Network(random_weights(2, (8, 16, 16, 16, 8)))
    wrong = value(product, network) / 2**1.5
    assert wrong == pytest.approx(3.5205, rel=1e-4)
    assert wrong < value(interior_point, network)


def test_a_diagonal_relaxation_is_not_the_full_one():
    network = Network(random_weights(0, (3, 8, 2)), "maxmin")
    assert value(nsr_diag, network) > 1.01 * value(interior_point, network)

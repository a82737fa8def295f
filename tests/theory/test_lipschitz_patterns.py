"""Exact gains over all patterns: against brute force, published values and exact arithmetic."""

import itertools
import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse

from tests.theory.lipschitz_nets import (
    TINY,
    implicit_network,
    random_network,
    random_weights,
    residual_network,
)
from theory.lipschitz import patterns, patterns_norms
from theory.lipschitz.network import Network, dense
from theory.lipschitz.nonlinearity import relaxed
from theory.lipschitz.patterns import fgl, proves


def value(network, norm="l2", **options):
    return math.exp(fgl(network, norm, **options).log_value)


def proved(network, norm, bound):
    """Whether the bound (not its square) is proved."""
    return not proves(network, norm, bound**2 if norm == "l2" else bound)


# --- an oracle that multiplies every pattern out -------------------------------------------------


def matrices_of(stage):
    """All D of a stage, as full matrices."""
    if stage.activation is None:
        return [None]
    kind, g = stage.activation, stage.activation.group_size
    if kind.kind == "slopes":
        ends = [sorted({a, b}) for a, b in zip(stage.lower, stage.upper, strict=True)]
        return [np.diag(d) for d in itertools.product(*ends)]
    if kind.kind == "group_sort":
        one = [np.eye(g)[list(p)] for p in itertools.permutations(range(g))]
    else:
        u = np.array(kind.direction)
        one = [np.eye(g), np.eye(g) - 2 * np.outer(u, u) / (u @ u)]
    blocks = itertools.product(one, repeat=stage.units // g)
    return [np.asarray(scipy.sparse.block_diag(b).toarray()) for b in blocks]


def gains(network):
    for chosen in itertools.product(*map(matrices_of, network.stages)):
        a = np.eye(network.inputs)
        for stage, d in zip(network.stages, chosen, strict=True):
            after = 0.0 if stage.skip is None else dense(stage.skip) @ a
            if d is not None:
                if stage.loop is not None:
                    d = np.linalg.solve(np.eye(stage.units) - d @ stage.loop, d)
                e = d @ dense(stage.inner) @ a
                after = after + (e if stage.outer is None else dense(stage.outer) @ e)
            a = after
        yield a


def norm_of(a, norm):
    if norm == "l2":
        return np.linalg.svd(a, compute_uv=False)[0]
    return max(np.abs(a @ s).sum() for s in itertools.product((1, -1), repeat=a.shape[1]))


def brute(network, norm):
    return max(norm_of(a, norm) for a in gains(network))


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("name", TINY)
def test_enumeration_is_brute_force(name, norm):
    network = TINY[name]
    expected = brute(network, norm)
    # A few hundred roundings.
    assert value(network, norm) == pytest.approx(expected, rel=1e-13)
    assert proved(network, norm, expected * (1 + 1e-10))
    assert not proved(network, norm, expected * (1 - 1e-10))
    candidate = fgl(network, norm)
    assert candidate.input.shape == candidate.output.shape == (1,)
    assert not proves(network, norm, float(candidate.input[0]), candidate.exponents)


# Section 5 of the sheet; the last digit is rounded.
REFERENCES = {
    "relu": (random_network(0, (3, 8, 2)), 0.9255951270),
    "maxmin": (random_network(0, (3, 8, 2), activation="maxmin"), 0.9101247343),
    "deeper": (random_network(1, (6, 10, 10, 4), activation="maxmin"), 2.3820241318),
    "householder": (random_network(3, (5, 6, 6, 3), activation="householder:1,2,3"), 3.3898312),
    "residual": (residual_network("maxmin"), 6.1250938),
    "implicit": (implicit_network(), 5.1776090),
}


@pytest.mark.parametrize("name", REFERENCES)
def test_published_values(name):
    network, expected = REFERENCES[name]
    digits = 1e-7 if expected > 3 else 1e-10
    assert value(network) == pytest.approx(expected, abs=digits)


def test_slopes_0_to_1_for_the_difference_of_a_pair_are_refuted():
    """A pair is (s, d) -> (s, |d|): with slopes [0, 1] on d the gain comes out too small."""
    network = random_network(0, (3, 8, 2), activation="maxmin")
    w1, w2 = network.weights
    turn = np.kron(np.eye(4), np.array([[1.0, 1.0], [-1.0, 1.0]]) / math.sqrt(2))
    lower, upper = np.tile([1.0, -1.0], 4), np.ones(8)
    right = Network([turn @ w1, w2 @ turn.T], "abs", slopes=[(lower, upper)])
    mutant = Network([turn @ w1, w2 @ turn.T], "abs", slopes=[(np.maximum(lower, 0), upper)])
    assert value(right) == pytest.approx(value(network), rel=1e-13)
    assert value(mutant) < 0.99 * value(network)


# --- proofs against exact arithmetic -------------------------------------------------------------


def exact_sums(network):
    """The exact l_inf -> l_1 norm of a network of slopes, in rationals."""

    def times(a, b):
        columns = list(zip(*b, strict=True))
        return [[sum(x * y for x, y in zip(r, c, strict=True)) for c in columns] for r in a]

    weights = [[[Fraction(float(x)) for x in row] for row in w] for w in network.weights]
    best = Fraction(0)
    ends = [
        [(Fraction(float(a)), Fraction(float(b))) for a, b in zip(s.lower, s.upper, strict=True)]
        for s in network.stages[:-1]
    ]
    for chosen in itertools.product(*(itertools.product(*pairs) for pairs in ends)):
        a = weights[0]
        for d, w in zip(chosen, weights[1:], strict=True):
            a = times(w, [[x * y for y in row] for x, row in zip(d, a, strict=True)])
        for signs in itertools.product((1, -1), repeat=len(a)):
            rows = [[s * x for x in row] for s, row in zip(signs, a, strict=True)]
            best = max(best, sum(abs(sum(column)) for column in zip(*rows, strict=True)))
    return best


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("activation", ["relu", "leaky_relu:0.3"])
def test_proofs_agree_with_exact_arithmetic(seed, activation):
    network = random_network(seed, (2, 3, 2, 2), activation=activation)
    exact = exact_sums(network)
    above = np.nextafter(float(exact) * (1 + 1e-13), math.inf)
    # Rounding errors of five short products: below 1e-13.
    assert not proves(network, "linf", above)
    for below in (float(exact) * (1 - 1e-15), np.nextafter(float(exact), 0)):
        if Fraction(float(below)) < exact:
            assert proves(network, "linf", float(below))
    # One output: the squared norm of the gradient is rational, too.
    single = Network([*network.weights[:-1], network.weights[-1][:1]], activation)
    square = max(float(sum(Fraction(float(x)) ** 2 for x in a.ravel())) for a in gains(single))
    assert not proves(single, "l2", square * (1 + 1e-12))
    assert proves(single, "l2", square * (1 - 1e-14))


def test_proof_of_integers_at_the_limit():
    """All patterns are exact in floats: 5 is the norm; nothing below it may be proved."""
    network = Network([[[3.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 5.0]]], "relu")
    assert value(network) == pytest.approx(5, rel=1e-15)
    assert proves(network, "l2", 25 * (1 - 2e-16))
    assert proves(network, "linf", np.nextafter(8.0, 0))
    assert not proves(network, "l2", 25 * (1 + 1e-13))
    assert not proves(network, "linf", 8 * (1 + 1e-13))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_a_gain_that_floats_lose_is_not_proved_to_be_smaller(norm, seed):
    """a b - fl(a b) is not 0, but floats without fused multiplication say so."""
    a, b = np.random.default_rng(seed).random(2)
    lost = float(abs(Fraction(a) * Fraction(b) - Fraction(a * b)))
    network = Network([[[a], [1.0]], [[b, -(a * b)]]], "linear")
    if lost:
        assert not proved(network, norm, lost / 2)
    assert proved(network, norm, 1e-13)


def test_a_wrong_factor_is_not_taken(monkeypatch):
    right = np.linalg.cholesky
    monkeypatch.setattr(np.linalg, "cholesky", lambda a: right(a) * (1 - 1e-8))
    with pytest.raises(ValueError, match="no proved factor"):
        patterns_norms.dominating(np.random.default_rng(40).standard_normal((3, 8)))


@pytest.mark.parametrize("size", [(3, 8), (8, 8), (10, 100)])
def test_dominating_factor_dominates_in_exact_arithmetic(size):
    k = np.random.default_rng(40).standard_normal(size)
    c = patterns_norms.dominating(k)
    # Exact difference for vectors of small integers; C C^T - K K^T is about 1e-13 there.
    x = np.random.default_rng(41).integers(-3, 4, (40, size[0]))
    for row in [*x, *np.eye(size[0], dtype=int)]:
        if not row.any():
            continue
        ours = [
            sum(int(a) * Fraction(float(b)) for a, b in zip(row, col, strict=True)) for col in c.T
        ]
        true = [
            sum(int(a) * Fraction(float(b)) for a, b in zip(row, col, strict=True)) for col in k.T
        ]
        assert sum(y * y for y in ours) >= sum(y * y for y in true)
    np.testing.assert_allclose(c @ c.T, k @ k.T, atol=1e-9 * size[1])


def test_a_proof_for_784_inputs_is_nearly_sharp():
    network = random_network(42, (784, 10, 6), activation="maxmin")
    bound = value(network)
    assert proved(network, "l2", bound * (1 + 1e-9))
    assert not proved(network, "l2", bound * (1 - 1e-10))


@pytest.mark.parametrize(("norm", "rho"), [("l1", 1.0), ("l2", -1.0), ("l2", math.nan)])
def test_nonsense_is_not_proved(norm, rho):
    assert proves(TINY["relu"], norm, rho)
    assert proves(TINY["relu"], "l2", math.inf)


def test_a_smaller_slope_range_does_not_prove_the_larger_one():
    """A tampered network has another bound: slopes [-1, 1] instead of [0, 1]."""
    network = random_network(1, (3, 5, 5, 3))
    stages = [
        replace(s, activation=relaxed(s.activation), lower=-s.upper) if s.units else s
        for s in network.stages
    ]
    wider = Network.of_stages(stages)
    assert value(wider) > value(network) * (1 + 1e-6)
    assert proved(wider, "l2", value(wider) * (1 + 1e-10))
    assert not proved(wider, "l2", value(network) * (1 + 1e-6))


# --- implicit layers -----------------------------------------------------------------------------


def test_a_loop_that_may_be_singular_is_refused():
    network = Network.implicit([[1.5]], [[1.0]], [[1.0]])
    with pytest.raises(ValueError, match="not well posed"):
        fgl(network)
    assert "determinant" in proves(network, "l2", 1e6) or "singular" in proves(network, "l2", 1e6)


def test_a_loop_with_slopes_on_both_sides_of_a_pole_has_no_gain():
    """1 - d is 1 and -1 at the ends of [0, 2] and 0 between."""
    loop = Network.implicit([[1.0]], [[1.0]], [[1.0]])
    (stage,) = loop.stages
    network = Network.of_stages([replace(stage, upper=np.array([2.0]))])
    assert proves(network, "l2", 100.0)


def test_only_one_implicit_layer_of_slopes():
    w = 0.1 * np.eye(2)
    with pytest.raises(ValueError, match="slopes"):
        fgl(Network.implicit(w, w, w, "maxmin"))
    assert proves(Network.implicit(w, w, w, "maxmin"), "l2", 1.0)
    two = Network.of_stages(Network.implicit(w, w, w).stages * 2)
    with pytest.raises(ValueError, match="one implicit layer"):
        fgl(two)
    assert "one implicit layer" in proves(two, "l2", 1.0)


# --- edges ---------------------------------------------------------------------------------------


def test_dead_units_cost_nothing():
    """40 units that nothing reaches, or that reach nothing, and 4 that count."""
    w1, w2 = random_weights(50, 3, 4, 2)
    first = np.vstack([w1, np.zeros((20, 3)), np.ones((20, 3))])
    second = np.hstack([w2, np.ones((2, 20)), np.zeros((2, 20))])
    network = Network([first, second], "relu")
    bound = value(Network([w1, w2], "relu"))
    assert value(network) == pytest.approx(bound, rel=1e-13)
    assert proved(network, "l2", bound * (1 + 1e-9))
    # Dead for a reason two layers away.
    second, third = np.zeros((30, 44)), np.ones((2, 30))
    assert value(Network([first, second, third], "relu")) == 0.0
    assert proves(Network([first, second, third], "relu"), "l2", 0.0) == ""


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_zero_network(norm):
    network = Network([np.zeros((3, 4)), np.zeros((2, 3))], "relu")
    candidate = fgl(network, norm)
    assert candidate.log_value == -math.inf
    assert proves(network, norm, float(candidate.input[0]), candidate.exponents) == ""


def test_too_many_patterns_are_counted():
    network = random_network(51, (3, 40, 2))
    with pytest.raises(ValueError, match=r"2\^40 patterns, more than 2\^22.*rounded"):
        fgl(network)
    assert "too many" in proves(network, "l2", 1e9)
    with pytest.raises(ValueError, match="256 patterns, more than 255"):
        fgl(random_network(51, (3, 8, 2)), most=255)
    with pytest.raises(ValueError, match="512 patterns"):
        fgl(random_network(51, (3, 8, 2)), "linf", most=511)


@pytest.mark.parametrize("power", [-300, 300])
@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_scales_at_the_ends_of_the_floats(power, norm):
    network = random_network(52, (3, 4, 2))
    scaled = Network([np.ldexp(w, power) for w in network.weights], "relu")
    candidate = fgl(scaled, norm)
    shift = 2 * power * math.log(2)
    assert candidate.log_value - shift == pytest.approx(fgl(network, norm).log_value, abs=1e-12)
    assert proves(scaled, norm, float(candidate.input[0]), candidate.exponents) == ""
    smaller = float(candidate.input[0]) * (1 - 1e-9)
    assert proves(scaled, norm, smaller, candidate.exponents)


@pytest.mark.parametrize("name", ["relu", "maxmin", "mixed", "residual", "implicit"])
def test_blocks_of_any_size_give_the_same(name, monkeypatch):
    network = TINY[name]
    whole = value(network)
    monkeypatch.setattr(patterns, "_BLOCK", 1)
    assert value(network) == pytest.approx(whole, rel=1e-13)
    monkeypatch.setattr("theory.lipschitz.patterns_proof._BLOCK", 1)
    assert proved(network, "l2", whole * (1 + 1e-10))
    assert not proved(network, "l2", whole * (1 - 1e-10))

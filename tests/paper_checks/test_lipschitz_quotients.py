"""What decides the claims about sound bounds: values in balls, quotients, gains, exact pairs."""

from fractions import Fraction

import numpy as np
import pytest
from flint import arb_mat

from paper_checks.lipschitz import closed_form, constraint_pairs, quotients, sound_bounds
from paper_checks.lipschitz.brackets import random_network
from paper_checks.verdict import Verdict
from theory.lipschitz.lower import lower_bound
from theory.lipschitz.network import Network
from theory.rigor.balls import precision


def decided(case, mutant=None):
    predicted = case.predict if mutant is None else case.mutants[mutant]
    return case.rule.decide(case.observe.function(), predicted(), 0.0).verdict


@pytest.mark.parametrize(
    "name", ["relu", "leaky_relu:0.2", "abs", "tanh", "maxmin", "group_sort:3", "householder:1,2,3"]
)
def test_values_in_balls_are_those_in_floats(name):
    rng = np.random.default_rng(1)
    shapes = ((6, 4), (6, 6), (3, 6))
    weights = [rng.standard_normal(shape) for shape in shapes]
    biases = [rng.standard_normal(len(w)) for w in weights]
    network = Network(weights, name, biases=biases)
    x = rng.standard_normal(4)
    with precision(128):
        found = quotients.value(network, arb_mat([[v] for v in x.tolist()]))
    # 20 sums of numbers up to about 50, in floats.
    assert [float(y.mid()) for y in found.entries()] == pytest.approx(network(x), abs=1e-12)
    assert all(float(y.rad()) < 1e-25 for y in found.entries())


def test_a_kink_inside_a_ball_is_refused():
    network = Network([np.array([[1.0]]), np.array([[1.0]])])
    with pytest.raises(ValueError, match="too close to a kink"):
        quotients.value(network, arb_mat([["0 +/- 0.1"]]))
    with pytest.raises(ValueError, match="gelu is not evaluated"):
        quotients.value(Network(network.weights, "gelu"), arb_mat([[1.0]]))


def test_an_implicit_layer_is_solved():
    network = sound_bounds.implicit()
    stage = network.stages[0]
    x = np.random.default_rng(0).standard_normal(4)
    e = np.zeros(8)
    for _ in range(300):
        e = np.maximum(stage.loop @ e + stage.inner @ x, 0)
    with precision(128):
        found = quotients.value(network, arb_mat([[v] for v in x.tolist()]))
    assert [float(y.mid()) for y in found.entries()] == pytest.approx(stage.outer @ e, abs=1e-12)


def test_quotients_and_gains():
    network = random_network(1, (6, 10, 10, 4), "maxmin")
    found = float(quotients.quotient(network))
    measured = lower_bound(network, samples=200, iterations=50, seed=1).value
    # That one subtracts a bound on its rounding, which a short step makes 1e-9 of it.
    assert measured <= found <= measured * (1 + 1e-7)
    # FGL by enumeration: 2.3820241318.
    assert float(quotients.gain(network)) == pytest.approx(2.3820241318, rel=1e-9)


def test_bounds_below_what_is_proved_are_refuted():
    case = quotients.above(
        "x", lambda: Fraction(2), lambda: Fraction(2), {"less": lambda: Fraction(199, 100)}
    )
    assert decided(case) is Verdict.PROVED
    assert decided(case, "less") is Verdict.REFUTED


def test_equal_optima():
    one, other = random_network(0, (3, 8, 2)), random_network(1, (3, 8, 2))
    case = quotients.same("x", lambda: one, lambda: one, {"other": lambda: other})
    assert decided(case) is Verdict.PROVED
    assert decided(case, "other") is Verdict.REFUTED
    twice = quotients.same("x", lambda: one, lambda: one, {"x": lambda: one}, Fraction(2))
    assert decided(twice) is Verdict.REFUTED


def test_a_wide_bracket_decides_nothing(monkeypatch):
    monkeypatch.setattr(quotients, "upper", lambda *_: Fraction(1))
    network = random_network(0, (3, 8, 2))
    case = quotients.same("x", lambda: network, lambda: network, {"x": lambda: network})
    assert decided(case) is Verdict.INCONCLUSIVE


def test_a_certificate_below_the_dual_is_an_error(monkeypatch):
    monkeypatch.setattr(quotients, "upper", lambda *_: Fraction(9, 10))
    with pytest.raises(ValueError, match="below the dual"):
        quotients.bracket(random_network(0, (3, 8, 2)))


@pytest.mark.parametrize("size", [1, 2, 7])
def test_largest_eigenvalues_are_enclosed(size):
    root = np.random.default_rng(size).standard_normal((size, size))
    with precision(192):
        matrix = arb_mat(root.tolist())
        found = closed_form._largest(matrix * matrix.transpose())
    assert float(found.mid()) == pytest.approx(np.linalg.norm(root, 2) ** 2, rel=1e-13)
    assert float(found.rad()) < 1e-20


def test_equal_eigenvalues_are_enclosed():
    with precision(192):
        assert closed_form._largest(closed_form._identity(3)).contains(1)


def test_one_pair_refutes_a_constraint():
    v, w = np.array([[0], [4]]), np.array([[4], [8]])
    pairs = constraint_pairs.Increments("pairs", v, w, v // 2, np.array([[2], [8]]))
    half, unit = constraint_pairs._slopes(0, 1, 2), constraint_pairs._slopes(0, 1)
    assert constraint_pairs._EXACT.decide(pairs, unit, 0.0).verdict is Verdict.REFUTED
    one = constraint_pairs.Increments("pair", *(part[:1] for part in pairs[1:]))
    for forms in (half, unit):
        assert constraint_pairs._EXACT.decide(one, forms, 0.0).verdict is Verdict.SUPPORTED
    two = constraint_pairs.Increments("pairs", v, w, v // 2, np.array([[2], [6]]))
    assert constraint_pairs._EXACT.decide(two, unit, 0.0).verdict is Verdict.SUPPORTED
    outcome = constraint_pairs._EXACT.decide(pairs, half, 0.0)
    assert outcome.verdict is Verdict.REFUTED
    assert outcome.witness["v"] == [4]
    assert outcome.witness["violations"] == 1

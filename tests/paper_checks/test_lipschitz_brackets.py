"""What decides the claims about Lipschitz bounds: intervals, dense inequalities, sweeps, values."""

import itertools
import json
import math
import sys
from fractions import Fraction

import numpy as np
import pytest

from paper_checks.lipschitz import brackets, conic_values, dense, one_alone, sweeps
from paper_checks.lipschitz.brackets import Bracket, random_network
from paper_checks.verdict import Verdict
from theory.lipschitz.solver import lipsdp

PAIR = np.ones((2, 2))


@pytest.mark.parametrize(
    ("observed", "low", "high", "verdict"),
    [
        ((1, 2), 1, 2, Verdict.PROVED),
        ((1, 2), 0, None, Verdict.PROVED),
        ((1, None), 1, None, Verdict.PROVED),
        ((1, 2), "2.0001", None, Verdict.REFUTED),
        ((1, 2), None, "0.9999", Verdict.REFUTED),
        ((1, None), None, "0.9999", Verdict.REFUTED),
        ((None, 1), "1.0001", None, Verdict.REFUTED),
        ((1, 2), 2, None, Verdict.INCONCLUSIVE),
        ((1, 2), "1.5", "1.6", Verdict.INCONCLUSIVE),
        ((1, None), 0, 5, Verdict.INCONCLUSIVE),
        ((None, None), 0, None, Verdict.INCONCLUSIVE),
    ],
)
def test_verdicts_of_intervals(observed, low, high, verdict):
    ends = (None if end is None else Fraction(end) for end in observed)
    case = brackets.within("x", lambda: Bracket(*ends), low, high)
    outcome = case.rule.decide(case.observe.function(), case.predict(), 0.0)
    assert outcome.verdict is verdict
    assert (outcome.witness is not None) == (verdict is Verdict.REFUTED)


def test_ratio_of_intervals():
    found = brackets.ratio(Bracket(Fraction(2), Fraction(3)), Bracket(Fraction(4), Fraction(5)))
    assert found == Bracket(Fraction(2, 5), Fraction(3, 4))
    open_above = brackets.ratio(Bracket(Fraction(2), None), Bracket(Fraction(4), Fraction(5)))
    assert open_above == Bracket(Fraction(2, 5), None)


def test_no_certificate_is_an_error(monkeypatch):
    network = random_network(9, (2, 2, 1))
    monkeypatch.setattr("theory.lipschitz.bounds.certify", lambda *_: None)
    with pytest.raises(ValueError, match="no certificate for 2-2-1 relu"):
        brackets.upper(network)


def test_dense_inequality_needs_both_multipliers_and_room():
    best = 0.91012473  # NSR-full by another solver, 1e-7 relative
    network = random_network(0, (3, 8, 2), "maxmin")
    found = lipsdp(network, "l2", 1e-6)

    def proved(bound, *free):
        return dense.is_feasible(network, Fraction(bound), found, dense.Free(*free))

    big = 10**8
    assert proved(best * (1 + 1e-5), 0, big, big)
    assert proved(best * (1 + 1e-5), 2 * big, 2 * big, 0)
    assert proved(best * (1 + 1e-5), -2 * big, 0, 2 * big)
    assert not proved(best * (1 - 1e-5), 0, big, big)
    for wrong in ((0, 0, 0), (0, big, 0), (0, 0, big), (big, 0, 0), (0, -big, -big)):
        assert not proved(best * (1 + 1e-5), *wrong)


def test_dense_matrix_is_the_quadratic_form():
    from flint import arb

    network = random_network(3, (2, 4, 2, 3), "maxmin")
    multipliers = [[Fraction(2), Fraction(3)], [Fraction(5)]]
    gains = (0.5, -1.25, 2.0)
    matrix = dense._outer_products(network, arb(7), multipliers, [arb(g) for g in gains])
    m = np.array([[float(x) for x in row] for row in matrix.tolist()])
    rng = np.random.default_rng(0)
    xi = rng.standard_normal(8)
    x, parts = xi[:2], (xi[2:6], xi[6:])
    w1, w2, w3 = network.weights
    form = 7 * x @ x - np.sum((w3 @ parts[1]) ** 2)
    for v, e, numbers in ((w1 @ x, parts[0], (2, 3)), (w2 @ parts[0], parts[1], (5,))):
        for g, number in enumerate(numbers):
            a, b = v[2 * g : 2 * g + 2], e[2 * g : 2 * g + 2]
            s, t = a.sum(), b.sum()
            gamma, nu, tau = gains
            form -= number * (a @ a - b @ b) + gamma * (s * s - t * t)
            form -= -2 * nu * s * (s - t) + 2 * tau * t * (s - t)
    # Sums of about 100 products of order 10.
    assert xi @ m @ xi == pytest.approx(form, rel=1e-12, abs=1e-11)


def test_sweeps_agree_with_the_ascent_of_the_theory():
    network = random_network(1, (6, 10, 10, 4))
    point, values = sweeps.run(network.weights, 8, 2000)
    assert point.value == pytest.approx(float(brackets.lower(network, "lipsdp")), rel=1e-9)
    assert all(b >= a * (1 - 1e-13) for a, b in itertools.pairwise(values))


def test_shipped_values_have_the_shapes_of_their_networks():
    content = json.loads(conic_values.FILE.read_text("utf-8"))
    assert set(content["versions"]) == {"cvxpy", "scs", "clarabel"}
    asked = set(
        itertools.product((seed for seed, _ in conic_values.NETWORKS), conic_values.SOLVERS)
    )
    assert {(a["seed"], a["solver"]) for a in content["answers"]} == asked
    for answer in content["answers"]:
        assert answer["status"] == "optimal"
        assert [len(part) for part in answer["multipliers"]] == answer["widths"][1:-1]
        network = random_network(answer["seed"], tuple(answer["widths"]))
        best = float(brackets.lower(network, "lipsdp"))
        # SCS with eps 1e-4 is that far off.
        assert math.sqrt(answer["rho"]) == pytest.approx(best, rel=3e-4)


def test_values_can_be_made_again(tmp_path, monkeypatch, capsys):
    pytest.importorskip("cvxpy")
    monkeypatch.setattr(conic_values, "NETWORKS", ((0, (3, 8, 2)),))
    monkeypatch.setattr(conic_values, "SOLVERS", {"Clarabel": ("CLARABEL", {})})
    monkeypatch.setattr("sys.argv", ["conic_values", "--out", str(tmp_path / "values.json")])
    assert conic_values.main() == 0
    (answer,) = json.loads((tmp_path / "values.json").read_text("utf-8"))["answers"]
    assert math.sqrt(answer["rho"]) == pytest.approx(0.92559513, rel=1e-6)
    assert "seed 0, (3, 8, 2), Clarabel: optimal" in capsys.readouterr().out


def test_without_cvxpy_one_line(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "cvxpy", None)
    monkeypatch.setattr("sys.argv", ["conic_values"])
    assert conic_values.main() == 2
    error = capsys.readouterr().err
    assert error == "This needs cvxpy; install the extra: pip install .[sdp]\n"


def test_points_with_one_multiplier_alone_are_below_its_optimum():
    conic = pytest.importorskip("tests.theory.lipschitz_conic", exc_type=ImportError)
    network = random_network(0, (3, 8, 2), "maxmin")
    layers = conic.feed_forward(network.weights)
    rng = np.random.default_rng(0)
    for which, best in (("nu", 1.111383), ("tau", 0.928335)):
        optimum = conic.optimum(layers, lambda layer, w=which: conic.groups(layer, PAIR, (w,)))
        assert optimum == pytest.approx(best, rel=2e-6)

        def value(numbers, which=which):
            return one_alone._value(numbers, which, network.weights, np.sqrt)

        drawn = [value(rng.standard_normal(22)) for _ in range(2000)]
        assert max(drawn) <= optimum * (1 + 1e-7)
        found = value(one_alone._best(which))
        assert 0.95 * optimum < found <= optimum * (1 + 1e-7)
        assert float(one_alone._dual(which).low) == pytest.approx(found, rel=1e-12)

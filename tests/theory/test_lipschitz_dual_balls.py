"""Proven lower bounds on the optima of the relaxations."""

import itertools
from fractions import Fraction

import numpy as np
import pytest

from tests.theory.lipschitz_nets import implicit_network, random_network, residual_network
from theory.lipschitz.bounds import bound
from theory.lipschitz.dual_balls import dual_ball, dual_lower
from theory.lipschitz.dual_signals import Signals, ascended, forms_of
from theory.lipschitz.network import Network
from theory.lipschitz.relaxations import as_residual_relu
from theory.rigor.balls import ends

# Optima from another solver, relative error 1e-7 (random networks of the sheet of P24).
REFERENCE = (
    (0, (3, 8, 2), 0.92559513, 0.91012473, 0.92691504, 1.13535883, 1.34758868),
    (1, (6, 10, 10, 4), 1.87561564, 2.38691926, 3.15029445, 3.42642922, 2.64918812),
    (7, (10, 32, 1), 1.33912297, 1.19236534, 1.76724453, 2.03159547, 1.65767831),
)


def _relaxed(seed, widths):
    maxmin = random_network(seed, widths, "maxmin")
    return (
        (random_network(seed, widths), "exact"),
        (maxmin, "exact"),
        (maxmin, "diagonal"),
        (maxmin, "lipschitz"),
        (as_residual_relu(maxmin), "exact"),
    )


@pytest.mark.parametrize(("seed", "widths", "optima"), [(r[0], r[1], r[2:]) for r in REFERENCE])
def test_reaches_the_optima_of_another_solver(seed, widths, optima):
    for (network, relaxation), optimum in zip(_relaxed(seed, widths), optima, strict=True):
        found = float(dual_lower(network, "l2", relaxation))
        # The ascent ends where 30 sweeps gain less than 1e-14; the table is good to 1e-7.
        assert optimum * (1 - 2e-6) < found < optimum * (1 + 2e-7)


@pytest.mark.parametrize(
    ("seed", "widths", "relu", "full", "diagonal"),
    [
        (0, (3, 8, 2), 1.86689432, 1.78654454, 1.82987387),
        (1, (6, 10, 10, 4), 7.2239132, 8.8557353, 11.8348727),
        (7, (10, 32, 1), 3.8058178, 3.6184339, 5.2676902),
    ],
)
def test_reaches_the_optima_in_l_inf(seed, widths, relu, full, diagonal):
    (network, _), (maxmin, _), *_ = _relaxed(seed, widths)
    for found, optimum in (
        (dual_lower(network, "linf"), relu),
        (dual_lower(maxmin, "linf"), full),
        (dual_lower(maxmin, "linf", "diagonal"), diagonal),
    ):
        assert float(found) == pytest.approx(optimum, rel=2e-6)


NETWORKS = {
    "slopes": lambda: Network(
        random_network(3, (4, 6, 5, 3)).weights,
        "relu",
        slopes=[(-0.2, np.linspace(0.3, 1.1, 6)), (0.5, 0.5)],
    ),
    "group_sort": lambda: random_network(4, (5, 12, 6, 3), "group_sort", group_size=3),
    "householder": lambda: random_network(
        3, (5, 6, 6, 3), "householder", direction=(1.0, 2.0, 3.0)
    ),
    "residual": lambda: residual_network("relu"),
    "residual maxmin": lambda: residual_network("maxmin"),
    "one group": lambda: random_network(5, (3, 4, 2), "group_sort", group_size=1),
    "dead unit": lambda: Network([np.diag([1.0, 0.0]), np.array([[1.0, 2.0]])], "relu"),
}


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("name", NETWORKS)
def test_brackets_with_the_certificate(name, norm):
    network = NETWORKS[name]()
    upper = bound(network, norm, tolerance=1e-6).upper
    lower = dual_lower(network, norm)
    assert Fraction(upper) * (1 - Fraction(1, 10**5)) < lower <= Fraction(upper)
    weak = bound(network, norm, "lambda-only", 1e-6).upper
    assert weak * (1 - 1e-5) < float(dual_lower(network, norm, "lipschitz")) <= weak


@pytest.mark.parametrize("name", NETWORKS)
def test_any_signals_are_below_the_certificate(name):
    network = NETWORKS[name]()
    rng = np.random.default_rng(0)
    for norm, relaxation in itertools.product(("l2", "linf"), ("exact", "lipschitz")):
        method = "auto" if relaxation == "exact" else "lambda-only"
        upper = Fraction(bound(network, norm, method).upper)
        forms = forms_of(network, norm, relaxation)
        for rank in (1, 3):
            signals = Signals(
                rng.standard_normal((network.inputs, rank)),
                tuple(
                    tuple(rng.standard_normal((s.units, rank)) for _ in (f.parts if f else ()))
                    for s, f in zip(network.stages, forms, strict=True)
                ),
            )
            low, high = ends(dual_ball(network, signals, norm, relaxation))
            assert low <= high <= upper
            assert high - low < Fraction(1, 10**25)


def test_one_column_is_a_pattern_in_exact_arithmetic():
    network = random_network(2, (3, 5, 4, 2))
    rng = np.random.default_rng(1)
    x = rng.standard_normal((3, 1))
    signs = [rng.choice([-1.0, 1.0], (units, 1)) for units in (5, 4)]
    ball = dual_ball(network, Signals(x, ((signs[0],), (signs[1],), ())))
    z = [Fraction(v) for v in x.ravel().tolist()]
    size = sum(v * v for v in z)
    for w, s in zip(network.weights, [*signs, None], strict=True):
        v = [sum(Fraction(a) * b for a, b in zip(row, z, strict=True)) for row in w.tolist()]
        # z = (v + |v| s) / 2
        z = (
            v
            if s is None
            else [(a + abs(a) * int(t)) / 2 for a, t in zip(v, s.ravel(), strict=True)]
        )
    low, high = ends(ball)
    assert low * low <= sum(v * v for v in z) / size <= high * high
    assert low > 0


def test_diagonal_is_above_exact_and_below_lipschitz():
    network = random_network(8, (4, 8, 8, 3), "group_sort", group_size=4)
    exact, diagonal, weak = (
        dual_lower(network, "l2", r) for r in ("exact", "diagonal", "lipschitz")
    )
    assert exact < diagonal < weak


def test_deep_networks_and_extreme_scales_stay_in_range():
    shape = random_network(3, (4, 6, 3)).weights
    one = dual_lower(Network(shape))
    tiny = dual_lower(Network([np.ldexp(shape[0], -900), np.ldexp(shape[1], -100)]))
    assert tiny * 2**1000 / one == pytest.approx(1, abs=1e-12)


def test_zero_directions_count_as_those_of_v():
    # Slopes [0, 1] along v: the unit passes everything.
    network = Network([np.array([[3.0]]), np.array([[2.0]])])
    none = Signals(np.ones((1, 1)), ((np.zeros((1, 1)),), ()))
    assert ends(dual_ball(network, none)) == (6, 6)


def test_momentum_and_plain_sweeps_reach_the_same_optimum():
    network = random_network(0, (3, 8, 2))
    plain = dual_ball(network, ascended(network, iterations=3000, momentum=False))
    assert float(ends(plain)[0]) == pytest.approx(0.92559513, rel=1e-7)


def test_refusals():
    network = random_network(0, (3, 8, 2))
    good = ascended(network, rank=2, iterations=1)
    with pytest.raises(ValueError, match="norm must be 'l2' or 'linf', not 'l1'"):
        dual_lower(network, "l1")
    with pytest.raises(ValueError, match="relaxation must be one of exact"):
        dual_lower(network, "l2", "rr")
    with pytest.raises(ValueError, match="without loops"):
        dual_lower(implicit_network())
    with pytest.raises(ValueError, match="rank"):
        dual_lower(network, rank=0)
    with pytest.raises(ValueError, match="inputs must be 3 rows of finite"):
        dual_ball(network, good._replace(inputs=good.inputs * np.nan))
    with pytest.raises(ValueError, match="stage 1 needs directions"):
        dual_ball(network, good._replace(directions=((np.ones((8, 3)),), ())))
    with pytest.raises(ValueError, match="for 2 stages"):
        dual_ball(network, good._replace(directions=()))
    with pytest.raises(ValueError, match="must not be 0"):
        dual_ball(network, good._replace(inputs=np.zeros((3, 2))))

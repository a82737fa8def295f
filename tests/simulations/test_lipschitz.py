"""`simulations.lipschitz`: sampled constraints, gradients and difference quotients, networks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse

from simulations import core
from simulations.accumulators import Largest
from simulations.arrays import Held
from simulations.core import Estimate, Job, run
from simulations.lipschitz import CONSTRAINT, GRADIENT, PAIRS, Params, constraints, prepared
from simulations.lipschitz.networks import (
    draw,
    held,
    network_of,
    parse_widths,
    random_network,
    shape_of,
)
from theory.lipschitz.network import Network
from theory.lipschitz.nonlinearity import nonlinearity

core.setup()

Array = np.ndarray[Any, Any]
SLOPES = [
    *("relu", "leaky_relu:0.1", "leaky_relu:-2", "abs", "linear", "tanh", "sigmoid", "erf", "sin"),
    *("arctan", "softplus", "softsign", "hard_tanh", "elu:1", "elu:3", "selu", "gelu", "silu"),
    "hard_swish",
]
GROUPS = [
    *("maxmin", "group_sort:3", "group_sort:4"),
    *("householder:1,2,3", "householder:-1,1", "householder:2"),
]


def numbers(result: Any) -> dict[str, float]:
    return {name: e.value for name, e in result.items() if isinstance(e, Estimate)}


def sampled(p: Params, samples: int = 4000, seed: int = 1) -> dict[str, float]:
    return numbers(run([Job(CONSTRAINT, p, samples)], seed)[0])


# --- constraints -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*SLOPES, *GROUPS])
def test_constraints_hold(name: str) -> None:
    """At every pair, so for every seed: what is left is rounding."""
    for scale in (1.0, 30.0):
        found = sampled(Params(activation=name, scale=scale))
        assert found["violations"] == 0
        assert found["least"] > -1e-12


MUTANTS = [
    ("relu", "range"),
    ("relu", "sign"),
    ("relu", "coupled"),
    ("abs", "range"),
    ("tanh", "range"),
    ("gelu", "range"),
    ("tanh", "coupled"),
    *(
        (name, mutant)
        for name in ("maxmin", "group_sort:3", "group_sort:4", "householder:1,2,3")
        for mutant in ("sign", "tau", "gamma", "coordinates")
    ),
    ("householder:1,2,3", "ungrouped"),
]


@pytest.mark.parametrize(("name", "mutant"), MUTANTS)
@pytest.mark.parametrize("seed", [1, 2])
def test_mutants_are_refuted_by_a_pair(name: str, mutant: Any, seed: int) -> None:
    """The worst pair, put into the literal matrices of the sheet, makes the form negative.

    At least a thousandth of the pairs refute each mutant, so that none does is below 1e-17.
    """
    found = sampled(Params(activation=name, mutant=mutant), 20_000, seed)
    assert found["violations"] > 1e-3
    n = sum(key.startswith("v@") for key in found)
    v, other, each = (
        np.array([found[f"{kind}@{k}"] for k in range(1, n + 1)])
        for kind in ("v", "other", "lambda")
    )
    more = [found.get(key, 0.0) for key in ("gamma", "nu", "tau")]
    kind = nonlinearity(name)
    low, high = (0.9 if mutant == "range" else 1.0) * np.array([kind.lower, kind.upper])
    dv, df = other - v, kind.apply(other) - kind.apply(v)
    eye, ones = np.eye(n), np.ones((n, n))
    if kind.kind == "slopes":
        t = np.diag(each)
        if mutant == "coupled":
            t = each[0] * np.array([[1.0, -1], [-1, 1]])
        matrix = np.block([[-2 * low * high * t, (low + high) * t], [(low + high) * t, -2 * t]])
    else:
        u = np.array(kind.direction) / np.linalg.norm(kind.direction or 1)
        passed = (
            ones if kind.kind == "group_sort" or mutant == "ungrouped" else eye - u[:, None] * u
        )
        t, s, p = np.diag(each) + more[0] * passed, more[1] * passed, more[2] * passed
        extra = 0.1 * more[0] * passed if mutant == "gamma" else 0
        last = -t + 2 * p if mutant == "tau" else -t - 2 * p
        matrix = np.block([[t - 2 * s + extra, p + s], [p + s, last]])
    z = np.concatenate([dv, df])
    size = sum(np.sum(x**2) for x in (v, other, kind.apply(v), kind.apply(other)))
    weight = np.abs(each).max() + (np.abs(more).sum() if kind.kind != "slopes" else 0)
    assert z @ matrix @ z / size / weight == pytest.approx(found["least"], rel=1e-9)
    assert found["least"] < -1e-3


def test_the_explicit_counterexample_of_coupled_multipliers() -> None:
    """Slopes 1 and 1/2, increments (1, 1): (1/2)(0 - 1/2) < 0, twice, over 4."""
    p = Params(mutant="coupled")
    v, other = np.array([[0.0, -1.0]]), np.array([[1.0, 0.0]])
    ones = np.ones((1, 2))
    pairs = constraints.Pairs(v, other, np.array([[1.0, 0, 0, 0]]), ones)
    # Increments of relu (1, 0): the difference is 1 - 0, that of v is 0.
    assert constraints.form(p, pairs)[0] == pytest.approx(2 * 1 * (0 - 1) / (1 + 1 + 1))


def test_given_multipliers_and_the_worst_over_blocks() -> None:
    p = Params(activation="maxmin", multipliers=(2.0, -3.0, 0.5, 7.0))
    found = sampled(p, 45_000)
    assert (found["lambda@1"], found["lambda@2"], found["gamma"]) == (2.0, 2.0, -3.0)
    assert found["violations"] == 0
    wrong = replace(p, mutant="sign")
    least = [sampled(wrong, n)["least"] for n in (20_000, 45_000)]
    assert least[1] <= least[0] < 0
    a, b = Largest(np.float64(1), np.zeros(2)), Largest(np.float64(2), np.ones(2))
    assert a.merge(b) is b
    assert b.merge(a) is b
    assert a.merge(Largest(np.float64(1), np.ones(2))) is a
    assert list(Largest.of_numpy(np.array([1.0, 3, 3]), np.eye(3)).at) == [0, 1, 0]


# --- networks ----------------------------------------------------------------------------------


def test_widths() -> None:
    assert parse_widths("3,4,5") == parse_widths("3-4-5") == (3, 4, 5)
    assert parse_widths("7-16x3-2") == (7, 16, 16, 16, 2)
    for text in ("3", "", "3,-4", "3,,4", "3,0", "2x0,3", "a,b", "3.5,2", "1-" * 20000, "2x10001"):
        with pytest.raises(ValueError, match=r"^--widths.*$"):
            parse_widths(text)
    network = random_network(np.random.default_rng(0), parse_widths("7-16x4-2-2"))
    assert shape_of(network) == "7-16x4-2-2 relu"


def test_laws() -> None:
    """Normal weights are those of numpy's generator in order; of the others what defines them."""
    rng, again, widths = np.random.default_rng(5), np.random.default_rng(5), (50, 60, 40)
    for w, shape in zip(draw(rng, widths), ((60, 50), (40, 60)), strict=True):
        assert np.array_equal(w, again.standard_normal(shape) / np.sqrt(shape[1]))
    zeros = np.mean(draw(rng, widths, "sparse")[0] == 0)
    assert abs(zeros - 0.8) < 5.5 * np.sqrt(0.16 / 3000)  # 4e-8
    assert np.all(draw(rng, widths, "positive")[0] * np.sqrt(50) > -1)
    assert set(np.unique(np.round(draw(rng, widths, "ternary")[0] * np.sqrt(50), 9))) == {-1, 0, 1}
    s = np.linalg.svd(draw(rng, widths, "rank3")[0], compute_uv=False)
    assert s[3] < 1e-4 * s[2]
    assert np.abs(draw(rng, widths, "student")[0]).max() > np.abs(draw(rng, widths)[0]).max()


def some_networks() -> list[Network]:
    rng = np.random.default_rng(3)
    w = [rng.standard_normal((6, 4)), rng.standard_normal((6, 6)), rng.standard_normal((3, 6))]
    biased = Network(w, ["relu", "leaky_relu:0.2"], biases=[np.ones(6), None, np.zeros(3)])
    image = scipy.sparse.csr_array(np.eye(16) - 2 * np.eye(16, k=3))
    return [
        biased,
        Network(w, "householder:1,2,3"),
        Network.residual(w[0], [w[1], (np.eye(6), w[1], w[1])], w[2], "maxmin"),
        Network([image, rng.standard_normal((2, 16))], "gelu"),
    ]


@pytest.mark.parametrize("network", some_networks(), ids=str)
def test_a_network_as_a_parameter(network: Network) -> None:
    again = network_of(held(network, "a file"))
    assert again.digest() == network.digest()
    x = np.random.default_rng(0).standard_normal((5, network.inputs))
    assert np.array_equal(again(x), network(x))


def test_networks_that_differ_are_different_parameters() -> None:
    w = np.eye(4)
    texts = [
        held(Network([w, w], "relu")),
        held(Network([w, w], "tanh")),
        held(Network([w, w, w], "relu")),
        held(Network([w, 2 * w], "relu")),
        held(Network.residual(w, [w], w)),
    ]
    assert len(set(texts)) == len(texts)
    assert held(Network([w, w], "relu")) == texts[0]


# --- gradients and pairs -----------------------------------------------------------------------


def both(p: Params, samples: int = 50, seed: int = 1) -> tuple[dict[str, float], dict[str, float]]:
    found = run([Job(kind, p, samples) for kind in (GRADIENT, PAIRS)], seed)
    return numbers(found[0]), numbers(found[1])


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_linear_networks_have_one_gradient(norm: Any) -> None:
    rng = np.random.default_rng(2)
    a, b = rng.standard_normal((5, 4)), rng.standard_normal((1, 5))
    p = Params(network=held(Network([a, b], "linear")), norm=norm)
    gradient, pairs = both(p)
    exact = np.linalg.norm(b @ a) if norm == "l2" else np.abs(b @ a).sum()
    assert gradient["gradient"] == pytest.approx(exact, rel=1e-13)
    assert gradient["largest"] == pytest.approx(exact, rel=1e-13)
    assert 0 < pairs["largest"] <= exact * (1 + 1e-12)


def test_gradients_are_those_of_differences() -> None:
    """Of a smooth network in one dimension, with small increments at one point."""
    p = Params(network=held(Network([np.ones((3, 1)), np.ones((2, 3))], "tanh")))
    gradient, _ = both(p, 4)
    x = np.linspace(-4, 4, 4001)
    slopes = 3 * np.sqrt(2) / np.cosh(x) ** 2
    assert 0 < gradient["gradient"] <= gradient["largest"] <= slopes.max()
    table = Held([np.array([[0.5]])])
    gradient, pairs = both(replace(p, table=table, scale=1e-4), 4)
    exact = 3 * np.sqrt(2) / np.cosh(0.5) ** 2
    assert gradient["gradient"] == pytest.approx(exact, rel=1e-12)
    assert pairs["quotient"] == pytest.approx(exact, rel=1e-3)


def test_random_networks_differ_from_sample_to_sample() -> None:
    p = Params(widths="6-8-8-3", activation="group_sort:4")
    gradient, pairs = both(p, 100)
    assert gradient["largest"] > 1.2 * gradient["gradient"]
    assert pairs["quotient"] < gradient["gradient"]
    again, _ = both(p, 100)
    assert again == gradient
    residual, _ = both(replace(p, widths="6-8-8-8-3", residual=True), 20)
    assert residual["gradient"] > gradient["gradient"]  # the identity adds to every block


def test_data_and_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    np.savez("net.npz", w0=rng.standard_normal((4, 3)), w1=rng.standard_normal((2, 4)))
    np.save("x.npy", rng.standard_normal((7, 3)))
    p = prepared(Params(weights="net.npz", activation="relu", data="x.npy"))
    gradient, _ = both(p)
    network = network_of(p.network)
    (w, v), x = network.weights, np.load("x.npy")
    each = [np.linalg.norm(v @ np.diag((w @ row > 0).astype(float)) @ w, 2) for row in x]
    assert gradient["largest"] == pytest.approx(max(each))
    np.save("y.npy", np.ones((2, 4)))
    for wrong, message in [
        (Params(data="y.npy"), "y.npy has inputs of dimension 4; the network takes 16"),
        (Params(weights="net.npz", activation="relu", data="y.npy"), "dimension 4; the network"),
        (Params(weights="net.npz", activation="relu", law="sparse"), "--law has no meaning for a"),
    ]:
        with pytest.raises(ValueError, match=message):
            prepared(wrong)
    with pytest.raises(ValueError, match="the files have not been read"):
        Job(GRADIENT, Params(weights="net.npz", activation="relu"), 3)


@pytest.mark.parametrize(
    ("kind", "p", "message"),
    [
        (CONSTRAINT, {"mutant": "tau"}, "--mutant tau has no meaning for relu; there are range,"),
        (CONSTRAINT, {"activation": "maxmin", "mutant": "range"}, "has no meaning for maxmin"),
        (CONSTRAINT, {"widths": "2-2"}, "--widths has no meaning for the constraints"),
        (CONSTRAINT, {"groups": 4}, "--groups has no meaning for relu; leave it out."),
        (CONSTRAINT, {"activation": "rellu"}, "unknown activation 'rellu'"),
        (CONSTRAINT, {"multipliers": (1.0, 1.0, 0.0, 0.0)}, "have no meaning for slopes"),
        (GRADIENT, {"increment": 0.5}, "--increment has no meaning for norms of Jacobians"),
        (GRADIENT, {"mutant": "sign"}, "--mutant has no meaning for networks"),
        (PAIRS, {"widths": "2-3-2", "activation": "maxmin"}, "3 units cannot be split into groups"),
        (PAIRS, {"widths": "2-3-2", "residual": True}, "--residual needs three layers at least."),
    ],
)
def test_what_is_refused(kind: Any, p: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Job(kind, Params(**p), 10)


@pytest.mark.parametrize(
    ("p", "message"),
    [
        ({"scale": 0.0}, "--scale must be a finite number > 0; got 0.0."),
        ({"increment": float("nan")}, "--increment must be a finite number > 0; got nan."),
        ({"groups": 0}, "--groups must be an integer >= 1; got 0."),
        ({"multipliers": (1.0,)}, "multipliers must be"),
        ({"layout": "out-in"}, "--layout has no meaning for random networks"),
    ],
)
def test_parameters_that_are_refused(p: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Params(**p)

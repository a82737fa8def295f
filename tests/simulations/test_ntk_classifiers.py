"""Classifiers on random data: votes against literal sums, draws against known laws.

Statistical tests use Z standard errors: false alarms have probability 1e-6 for the whole file and a
random seed, as far as means are normal.
"""

from __future__ import annotations

import functools
import math
import os
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy import stats

from simulations import core
from simulations.arrays import Held
from simulations.core import Estimate, Experiment, Job
from simulations.ntk_classifiers import NETWORK, VOTES, Params, classifier, parse, prepared
from simulations.ntk_classifiers.data import DataSet, draw
from simulations.ntk_classifiers.methods import Pairs
from simulations.ntk_classifiers.votes import judged, statistics
from theory.ntk_classifiers import DirichletPair

core.setup()

SEED = int(os.environ.get("DEEPVERDICT_SEED", "6"))
Z = stats.norm.isf(0.5e-6 / 200)
"""Two-sided 1e-6 for two hundred normal statistics together: 6.0."""
Array = np.ndarray[Any, Any]


def simulate(experiment: Experiment, samples: int, seed: int = SEED, **params: Any) -> Any:
    return core.run([Job(experiment, Params(**params), samples)], seed)[0]


def assert_is(e: Estimate, value: float, stderr: float = 0.0, slack: float = 0.0) -> None:
    assert math.isfinite(e.value)
    assert abs(e.value - value) <= Z * math.hypot(e.stderr, stderr) + slack, (e, value, stderr)


def on_sphere(x: Any) -> Array:
    points = np.asarray(x, dtype=float)
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def data_set(train: Any, labels: Any, test: Any) -> DataSet:
    y = np.asarray(labels, dtype=float)
    return DataSet(on_sphere(train), y, on_sphere(test), np.ones(len(test)), None)


def says(text: str, data: DataSet, ridge: float = 0.0) -> list[float]:
    return [float(x) for x in classifier(parse(text))(Pairs(data, ridge))]


# --- votes ----------------------------------------------------------------------------------------

RNG = np.random.default_rng(11)
FEW = data_set(
    np.abs(RNG.standard_normal((7, 3))),
    [1, -1, 1, 1, -1, -1, 1],
    np.abs(RNG.standard_normal((40, 3))),
)


def literal(weight: Any, data: DataSet) -> list[float]:
    """sign of the sum of y_i weight(x . x_i), in 30 digits."""
    found = []
    with mpmath.workdps(30):
        for x in data.test:
            square = [
                mpmath.fsum((a - b) ** 2 for a, b in zip(map(mpmath.mpf, x), z, strict=True))
                for z in data.train
            ]
            total = mpmath.fsum(
                y * weight(1 - s / 2) for y, s in zip(data.labels, square, strict=True)
            )
            found.append(float(mpmath.sign(total)))
    return found


def koenigs(x: Any) -> Any:
    """Of D = (x + x^3)/2: 2^60 times the correlation after sixty layers."""
    for _ in range(60):
        x = (x + x**3) / 2
    return x * 2**60


def test_votes_are_the_literal_sums() -> None:
    for alpha in (0.5, 2, 40):
        expected = literal(lambda x, a=alpha: (2 - 2 * x) ** (-mpmath.mpf(a) / 2), FEW)
        assert says(f"hilbert:{alpha}", FEW) == expected
    assert says("limit:optimal:2", FEW) == literal(koenigs, FEW)
    order = np.argmax(FEW.test @ FEW.train.T, axis=1)
    nearest = [float(FEW.labels[i]) for i in order]
    for text in ("nearest", "hilbert:inf", "limit:hermite:2", "limit:hermite:3"):
        assert says(text, FEW) == nearest
    for text in ("majority", "hilbert:0", "limit:relu", "limit:gelu"):
        assert says(text, FEW) == [1.0] * 40
    assert len({tuple(says(t, FEW)) for t in ("hilbert:.5", "hilbert:2", "nearest")}) == 3


def deep(data: DataSet, depth: int, ridge: float, tangent: bool) -> list[float]:
    """The predictor of D = (x + x^3)/2 from plain recursions and a plain solution."""

    def kernel(a: Array, b: Array) -> Array:
        s = k = 1 - ((a[:, None] - b) ** 2).sum(axis=-1) / 2
        for _ in range(depth):
            slope, s = (1 + 3 * s**2) / 2, (s + s**3) / 2
            k = s + k * slope
        return np.asarray(k if tangent else s)

    system = kernel(data.train, data.train) + ridge * np.eye(len(data.train))
    weights = np.linalg.solve(system, data.labels)
    return [float(x) for x in np.sign(kernel(data.test, data.train) @ weights)]


@pytest.mark.parametrize("kind", ["nngp", "ntk"])
def test_finite_depth_is_the_plain_predictor(kind: str) -> None:
    for depth, ridge in ((6, 0.0), (12, 0.0), (2, 0.1)):
        expected = deep(FEW, depth, ridge, kind == "ntk")
        assert says(f"{kind}:{depth}:optimal:2", FEW, ridge) == expected


def test_a_matrix_that_is_nearly_singular_is_refused_with_the_remedy() -> None:
    close = np.linspace(0.3, 0.9, 40)
    data = data_set(np.stack([np.cos(close), np.sin(close)], 1), [1, -1] * 20, [[1.0, 1.0]])
    with pytest.raises(ValueError) as error:
        says("nngp:1:optimal:1", data)
    said = str(error.value)
    assert said.startswith("nngp:1:optimal:1, 40 points: the kernel matrix at depth 1 has")
    assert said.endswith("take another depth, or a ridge. A deeper one, or --ridge.")
    assert "\n" not in said
    assert len(says("nngp:1:optimal:1", data, 0.01)) == 1


def test_kriging_keeps_the_labels_and_a_ridge_makes_it_a_vote() -> None:
    data = data_set(FEW.train, FEW.labels, FEW.train)
    text = f"limit:{__name__}:contracting"
    assert says(text, data) == [*FEW.labels]
    assert says(text, data, 0.1) == [1.0] * 7


def contracting(x: Any) -> Any:
    """1 + .3 h_1 + .63 h_2: B' = (.09 + 2 (.63)^2)/(1.09 + .63^2) < 1, A > 0."""
    return 1 + 0.3 * x + 0.63 * (x**2 - 1) / 2**0.5


def test_duplicates_and_ties() -> None:
    """Training points that are test points decide alone; opposite labels there are a tie."""
    train = [[1, 0, 1], [1, 0, 1], [0, 1, 1], [1, 1, 0]]
    data = data_set(train, [1, -1, -1, -1], [[1, 0, 1], [0, 1, 1], [1, 0.001, 1]])
    for text in ("hilbert:2", "nearest", "limit:optimal:2", "hilbert:60", "limit:hermite:2"):
        assert says(text, data)[:2] == [0.0, -1.0]
    assert says("hilbert:2", data)[2] == -1.0  # the pair says nothing, the others decide
    assert says("hilbert:60", data)[2] == 0.0  # what the others add is below rounding
    assert says("majority", data_set(train, [1, -1, 1, -1], train)) == [0.0] * 4
    with pytest.raises(ValueError, match=r"4 points: .* 0 and 1 coincide.*See --ridge"):
        says("ntk:40:optimal:2", data)
    assert len(says("nngp:40:optimal:2", data, 1e-3)) == 3


def test_points_at_right_angles_have_no_weight() -> None:
    data = data_set([[1, 0, 0]], [1], [[0, 1, 0], [1, 1, 0]])
    assert says("limit:optimal:2", data) == [0.0, 1.0]
    assert says("hilbert:2", data) == [1.0, 1.0]


AROUND = data_set(RNG.standard_normal((5, 3)), [1, -1, 1, 1, -1], RNG.standard_normal((40, 3)))
"""Points on all of the sphere: correlations of both signs."""


def test_negative_correlations() -> None:
    """h is odd where D is; optimal:3 is neither odd nor even, and its h < 0 just below 0."""
    assert says("limit:optimal:2", AROUND) == literal(koenigs, AROUND)
    q = mpmath.mpf(2) ** -1.5

    def cubic(x: Any) -> Any:
        for _ in range(80):
            x = q * x + (1 - 2 * q) * x**2 + q * x**3
        return x / q**80

    assert says("limit:optimal:3", AROUND) == literal(cubic, AROUND)
    cosines = AROUND.test @ AROUND.train.T
    place = np.argmax(np.abs(cosines), axis=1)
    signs = np.sign(cosines[np.arange(40), place])
    assert says("limit:hermite:2", AROUND) == [*AROUND.labels[place]]
    assert says("limit:hermite:3", AROUND) == [*(signs * AROUND.labels[place])]
    assert says("nearest", AROUND) == [*AROUND.labels[np.argmax(cosines, axis=1)]]
    with pytest.raises(ValueError, match="neither odd nor even: its limit is not known for points"):
        says(f"limit:{__name__}:mixed", AROUND)
    with pytest.raises(AssertionError):
        assert says("limit:optimal:2", AROUND) == says("hilbert:2", AROUND)


def mixed(x: Any) -> Any:
    """h_2 + h_3"""
    return (x**2 - 1) / 2**0.5 + (x**3 - 3 * x) / 6**0.5


# --- estimates ------------------------------------------------------------------------------------


def test_statistics_of_one_data_set() -> None:
    """Three methods, four test points, ties and all, by hand."""
    eta = np.array([0.9, 0.2, 0.5, 0.6])
    y = np.array([1.0, 1.0, -1.0, -1.0])
    data = DataSet(np.eye(2), np.ones(2), np.eye(4), y, np.log(eta / (1 - eta)))
    said = np.array([[1, -1, 1, 1], [1, 1, 0, 0], [-1, 0, -1, -1]], dtype=float)
    found = judged(said, data)
    weights = [0.8, 0.6, 0.0, 0.2]
    excess = np.array([0.0, weights[1] + weights[3] / 2, 0.8 + weights[1] / 2 + 0.2]) / 4
    error = np.array([3, 1, 1.5]) / 4
    agreement = np.array([1 + 0 + 0.5 + 0.5, 0 + 0.5 + 0 + 0]) / 4
    expected = [*excess, *error, *(excess[1:] - excess[0]), *agreement]
    assert found == pytest.approx(expected, abs=1e-15)
    without = judged(said, data._replace(log_odds=None))
    assert without == pytest.approx([*error, *(error[1:] - error[0]), *agreement], abs=1e-15)
    names = statistics(Params(methods=("nearest", "majority")))
    assert names == [
        "excess@nearest",
        "excess@majority",
        "error@nearest",
        "error@majority",
        "difference@majority",
        "agreement@majority",
    ]


METHODS = ("hilbert:1", "nearest", "hilbert:2", "majority")


@functools.cache
def arc() -> Any:
    return simulate(VOTES, 256, dimension=1, points=1000, test=100, methods=METHODS)


def test_learning_on_the_arc() -> None:
    """Limits of many points, d = 1: 1-NN and r^-2 by quadrature of eta(t); prior .4, Bayes .24.

    At n = 1000 they are O(1/n) off: 1-NN by its distance, r^-2 by the far points.
    """
    t = (np.arange(100_000) + 0.5) / 100_000
    plus, minus = 0.8 * (1 - t), 1.2 * t
    eta, density = plus / (plus + minus), plus + minus

    def excess(rho: Array) -> float:
        best = np.minimum(eta, 1 - eta)
        return float((density * (eta * (1 - rho) + (1 - eta) * rho - best)).mean())

    stable = 0.5 + np.arctan((2 * eta - 1) * math.tan(math.pi / 4)) / (math.pi / 2)
    found = arc()
    for text, value in {"nearest": excess(eta), "hilbert:2": excess(stable)}.items():
        assert_is(found[f"excess@{text}"], value, slack=2 / 1000)
        assert_is(found[f"error@{text}"], 0.24 + value, slack=2 / 1000)
    # A majority of +1 among 1000 points has probability 1e-10.
    assert_is(found["excess@majority"], 0.16)
    assert found["excess"] == found["excess@hilbert:1"]
    assert found["excess"].value < 0.4 * found["excess@nearest"].value
    first = found["excess@hilbert:1"].value
    for text in METHODS[1:]:
        e = found[f"difference@{text}"]
        assert e.value == pytest.approx(found[f"excess@{text}"].value - first, abs=1e-12)
        assert 0.5 < found[f"agreement@{text}"].value < 1


def test_same_seed_same_bytes_whatever_the_blocks_before() -> None:
    p = {"dimension": 2, "points": 50, "test": 20, "methods": ("hilbert:2", "nearest")}
    one, again = (simulate(VOTES, 40, **p) for _ in range(2))
    assert one == again
    other = simulate(VOTES, 40, seed=SEED + 1, **p)
    assert one["excess"] != other["excess"]


# --- data -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_points_have_the_moments_of_the_dirichlet_laws(dimension: int) -> None:
    p = Params(dimension=dimension, points=1, test=40_000)
    data = draw(np.random.default_rng(SEED), p)
    assert np.allclose(np.linalg.norm(data.test, axis=1), 1, rtol=1e-15)
    share = (data.test_labels > 0).mean()
    assert abs(share - 0.4) < Z * math.sqrt(0.24 / 40_000)
    for sign, alphas in zip((1, -1), p.alphas, strict=True):
        t = data.test[data.test_labels == sign]
        t = t / t.sum(axis=1, keepdims=True)
        law = stats.dirichlet(alphas)
        error = np.sqrt(law.var() / len(t))
        assert np.all(np.abs(t.mean(axis=0) - law.mean()) < Z * error)
        products = t[:, :1] * t
        error = products.std(axis=0) / math.sqrt(len(t))
        second = law.cov()[0] + law.mean()[0] * law.mean()
        assert np.all(np.abs(products.mean(axis=0) - second) < Z * error)
    inside = data.test[:100] / data.test[:100].sum(axis=1, keepdims=True)
    inside = inside / inside.sum(axis=1, keepdims=True)
    first, second = (stats.dirichlet(a) for a in p.alphas)
    odds = [math.log(0.4 / 0.6) + first.logpdf(t) - second.logpdf(t) for t in inside]
    assert data.log_odds is not None
    assert data.log_odds[:100] == pytest.approx(odds, rel=1e-9, abs=1e-9)
    if dimension != 2:  # E min(eta, 1 - eta) = .24: eta = .8 (1-t)/(.8 (1-t) + 1.2 t) on the arc
        risks = 1 / (1 + np.exp(np.abs(data.log_odds)))
        assert abs(risks.mean() - 0.24) < Z * risks.std() / math.sqrt(len(risks))


def test_points_near_the_axes_keep_their_digits() -> None:
    alphas = ((0.002, 1.0), (0.01, 1.0))
    p = Params(dimension=1, points=1, test=5000, alpha1=alphas[0], alpha2=alphas[1], prior=0.5)
    data = draw(np.random.default_rng(SEED), p)
    assert data.log_odds is not None
    assert np.isfinite(data.log_odds).all()
    small = data.test[:, 0]
    assert (small < 1e-200).sum() > 100
    held = small > 1e-300
    expected = DirichletPair(*alphas, 0.5).log_odds(data.test[held])
    assert data.log_odds[held] == pytest.approx(expected, rel=1e-9, abs=1e-9)
    # log T is -Exp(1)/a but for a factor near 1: its mean is -1/a
    for sign, a in ((1, 0.002), (-1, 0.01)):
        own = data.log_odds[data.test_labels == sign]
        log_t = (own - math.log(0.002 * 1.002 / (0.01 * 1.01)) + math.log(1.002 / 1.01)) / -0.008
        assert abs(log_t.mean() + 1 / a) < Z / a / math.sqrt(len(log_t)) + 2


def test_splits_are_of_distinct_rows() -> None:
    x = on_sphere(RNG.standard_normal((9, 3)))
    y = np.where(np.arange(9) % 2, 1.0, -1.0)
    p = Params(points=5, test=3, dimension=2, table=Held([x, y]), methods=("nearest",))
    rng = np.random.default_rng(SEED)
    seen = set()
    for _ in range(30):
        data = draw(rng, p)
        rows = [int(np.argmin(np.abs(x - z).sum(axis=1))) for z in (*data.train, *data.test)]
        assert len(set(rows)) == 8
        assert [*y[rows]] == [*data.labels, *data.test_labels]
        seen |= {tuple(rows)}
    assert len(seen) > 25
    found = core.run([Job(VOTES, p, 64)], SEED)[0]
    assert [*found] == ["error", "error@nearest"]


# --- what is refused ------------------------------------------------------------------------------

REFUSED: list[tuple[Experiment, dict[str, Any], str]] = [
    (VOTES, {}, "there are no methods; see simulations.ntk_classifiers.prepared."),
    (VOTES, {"data": "a.npy"}, "the data has not been read; see simulations.ntk_classifiers."),
    (VOTES, {"methods": ("nearest",), "depth": 3}, "--depth has no meaning for methods of one's"),
    (VOTES, {"methods": ("nearest",), "width": 3}, "--width has no meaning for votes; leave it"),
    (VOTES, {"methods": ("nearest",) * 2}, "--methods names one twice; got nearest nearest."),
    (VOTES, {"methods": ("nearest:1",)}, '--methods: "nearest:1" is no classifier; write nearest.'),
    (VOTES, {"methods": ("hilbert:-1",)}, '"hilbert:-1" is no classifier; write hilbert:ALPHA.'),
    (VOTES, {"methods": ("hilbert:nan",)}, '"hilbert:nan" is no classifier; write hilbert:ALPHA.'),
    (VOTES, {"methods": ("ntk:0:relu",)}, '"ntk:0:relu" is no classifier; write ntk:DEPTH:ACT'),
    (VOTES, {"methods": ("svm",)}, '"svm" is no classifier; write limit:ACTIVATION, hilbert:'),
    (VOTES, {"methods": ("nearest",), "points": 200_000}, "--points must be at most 100000; got"),
    (VOTES, {"methods": ("nearest",), "points": 90_000, "test": 900}, "take fewer test points and"),
    (NETWORK, {}, "--depth of a network must be from 1 to 5."),
    (NETWORK, {"depth": 6}, "--depth of a network must be from 1 to 5."),
    (NETWORK, {"depth": 2, "prior": 0.3}, "--prior has no meaning for network; leave it out."),
    (NETWORK, {"depth": 2, "dimension": 3}, "--dimension has no meaning for network; leave it"),
]


@pytest.mark.parametrize(("experiment", "params", "message"), REFUSED)
def test_refused(experiment: Experiment, params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as error:
        Job(experiment, Params(**params), 1)
    assert message in str(error.value)


def test_default_methods() -> None:
    p = prepared(Params(activation="erf", dimension=3, kernel="ntk", depth=30))
    assert p.methods == ("limit:erf", "hilbert:3", "nearest", "majority", "ntk:30:erf")
    assert p.depth is None
    assert prepared(p) == p
    chosen = Params(methods=("ntk:320:optimal:2",))
    assert prepared(chosen) == chosen
    assert parse("ntk:320:optimal:2")[2:] == (0.0, 320, "optimal:2")
    assert parse("limit:sine:2.676").activation == "sine:2.676"
    with pytest.raises(ValueError, match="--kernel ntk needs its --depth"):
        prepared(Params(kernel="ntk"))

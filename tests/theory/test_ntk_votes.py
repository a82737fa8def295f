"""Votes of singular kernels."""

import math
import tracemalloc

import mpmath
import numpy as np
import pytest
from scipy.spatial import cKDTree

from theory.ntk_classifiers.design import optimal_dual
from theory.ntk_classifiers.limits import koenigs, koenigs_kernel
from theory.ntk_classifiers.votes import COLUMNS, ROWS, hilbert_classify, hilbert_vote


def sphere(count, dimension, seed):
    points = np.random.default_rng(seed).dirichlet(np.ones(dimension + 1), count)
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def labels_of(count, seed):
    return np.random.default_rng(seed).choice([-1, 1], count)


def test_vote_is_the_sum_over_all_pairs():
    """More rows and columns than a block, against one plain sum."""
    train, test = sphere(3 * COLUMNS, 2, 1), sphere(ROWS + 9, 2, 2)
    labels = labels_of(len(train), 3)
    r = np.linalg.norm(test[:, None] - train, axis=-1)
    for kernel, weights in ((2, r**-2.0), (lambda r: -3 * r, np.exp(-3 * r)), (0, r**0)):
        exact = weights @ labels / weights.sum(axis=1)
        found = hilbert_vote(test, train, labels, kernel)
        assert found.score == pytest.approx(exact, abs=1e-13)
        assert not found.error.any()


def test_vote_without_over_or_underflow():
    """r^-400 at r ~ 1e-9, and weights of e^-1e5: mpmath."""
    x = np.array([[0.0, 1.0]])
    train = np.array([[1e-9, 1.0], [-1.001e-9, 1.0], [1.002e-9, 1.0], [1.0, 0.0]])
    labels = np.array([1, -1, -1, 1])
    with mpmath.workdps(30):
        weights = [mpmath.mpf(abs(v)) ** -400 for v in (1e-9, 1.001e-9, 1.002e-9)]
        exact = (weights[0] - weights[1] - weights[2]) / sum(weights)
    assert hilbert_vote(x, train, labels, 400).score[0] == pytest.approx(float(exact), abs=1e-11)
    plain = hilbert_vote(x, train, labels, lambda r: -1e5 - r)
    far = math.exp(-math.sqrt(2))
    assert plain.score[0] == pytest.approx((far - 1) / (far + 3), abs=1e-8)


def test_steep_votes_are_nearest_neighbours():
    train, test, labels = sphere(500, 3, 4), sphere(200, 3, 5), labels_of(500, 6)
    nearest = labels[cKDTree(train).query(test)[1]]
    assert (np.sign(hilbert_vote(test, train, labels, 1e6).score) == nearest).all()
    only = hilbert_vote(test, train, labels, 2, neighbours=1)
    assert (only.score == nearest).all()


def test_duplicates_vote_alone_for_singular_kernels():
    train = np.array([[0.0, 1.0], [0.0, 1.0], [0.0, 1.0], [0.6, 0.8], [1.0, 0.0]])
    labels = np.array([1, -1, 1, -1, -1])
    test = train[[0, 3, 4]]
    for neighbours in (None, 4):
        found = hilbert_vote(test, train, labels, 1, neighbours=neighbours)
        assert found.score == pytest.approx([1 / 3, -1, -1], abs=1e-15)
        assert not found.error.any()
    assert hilbert_vote(test[:1], train, labels, 1, neighbours=2).error == [2]
    even = hilbert_vote(test[:1], train[:2], labels[:2], 1)
    assert even.score == [0]
    finite = hilbert_vote(test[:1], train, labels, lambda r: -r)
    r = np.linalg.norm(train - test[0], axis=1)
    assert finite.score == pytest.approx([labels @ np.exp(-r) / np.exp(-r).sum()], abs=1e-15)


def test_no_votes_at_all():
    nobody = hilbert_vote([[0.0, 1.0]], [[1.0, 0.0]], [1], lambda r: np.full_like(r, -np.inf))
    assert nobody.score == [0]
    assert nobody.error == [0]


@pytest.mark.parametrize("neighbours", [1, 10, 100, 1000])
def test_neighbours_come_with_their_error(neighbours):
    train, test, labels = sphere(1000, 1, 8), sphere(300, 1, 9), labels_of(1000, 10)
    for exponent in (1, 4):
        exact = hilbert_vote(test, train, labels, exponent)
        found = hilbert_vote(test, train, labels, exponent, neighbours=neighbours)
        assert (np.abs(found.score - exact.score) <= found.error + 1e-13).all()
    assert found.error.max() < {1: 2, 10: 2, 100: 0.1, 1000: 1e-300}[neighbours]


def test_classes_of_any_kind():
    train, test = sphere(600, 2, 11), sphere(100, 2, 12)
    names = np.random.default_rng(13).choice(["cat", "dog", "eel"], 600)
    r = np.linalg.norm(test[:, None] - train, axis=-1)
    sums = np.stack([(r**-2.0) @ (names == name) for name in ("cat", "dog", "eel")], axis=1)
    found = hilbert_classify(test, train, names, 2)
    assert (found == np.array(["cat", "dog", "eel"])[sums.argmax(axis=1)]).all()
    assert (hilbert_classify(test, train, names, 2, neighbours=600) == found).all()
    signs = labels_of(600, 14)
    score = hilbert_vote(test, train, signs, 2).score
    assert (hilbert_classify(test, train, signs, 2) == np.sign(score)).all()


def test_kernels_written_in_jax_are_welcome():
    import jax.numpy as jnp

    train, test, labels = sphere(50, 2, 15), sphere(20, 2, 16), labels_of(50, 17)
    found = hilbert_vote(test, train, labels, lambda r: -2 * jnp.log(jnp.asarray(r)))
    assert found.score == pytest.approx(hilbert_vote(test, train, labels, 2).score, abs=1e-5)


def test_votes_of_an_infinitely_deep_network():
    """Tabulated log h against h itself; both near the votes of r^-2 (sheet C7: they agree)."""
    train, test, labels = sphere(300, 2, 18), sphere(100, 2, 19), labels_of(300, 20)
    deep = optimal_dual(2)
    table = hilbert_vote(test, train, labels, koenigs_kernel(deep)).score
    exact = hilbert_vote(test, train, labels, lambda r: koenigs(deep, r, log=True)).score
    assert table == pytest.approx(exact, abs=1e-8)
    power = hilbert_vote(test, train, labels, 2).score
    assert np.abs(power - exact).max() < 0.2


@pytest.mark.slow
def test_votes_of_1e5_points_on_1e4_in_bounded_memory():
    train, test, labels = sphere(100_000, 2, 21), sphere(10_000, 2, 22), labels_of(100_000, 23)
    tracemalloc.start()
    found = hilbert_vote(test, train, labels, 2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6
    some = np.arange(0, 10_000, 500)
    weights = np.linalg.norm(test[some][:, None] - train, axis=-1) ** -2
    exact = weights @ labels / weights.sum(axis=1)
    assert found.score[some] == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[0, 1]], [[1, 0]], [2], 1), "label 0 is 2; labels must be"),
        (([[0, 1]], [[1, 0]], ["cat"], 1), "labels must be numbers"),
        (([[0, 1]], [[1, 0]], [math.nan], 1), "label 0 is nan"),
        (([[0, 1]], [[1, 0]], [1, -1], 1), "one per training point: 1"),
        (([[0, 1]], [[1, 0, 0]], [1], 1), "as many coordinates, not 2 and 3"),
        (([[0, math.nan]], [[1, 0]], [1], 1), "test must be finite; row 0"),
        (([[0, 1]], [[1, math.inf]], [1], 1), "train must be finite; row 0"),
        (([0, 1], [[1, 0]], [1], 1), "test must be a table"),
        (([[0, 1]], np.zeros((0, 2)), [1], 1), "train must be a table"),
        (([[0, 1]], [[1, 0]], [1], -1), "kernel must be >= 0"),
        (([[0, 1]], [[1, 0]], [1], math.nan), "kernel must be a finite number"),
        (([[0, 1]], [[1, 0]], [1], lambda r: r * math.nan), "NaN at some distance"),
        (([[0, 1]], [[1, 0]], [1], lambda r: 1.0), "one value per distance"),
    ],
)
def test_mistakes_about_votes_get_one_line(arguments, message):
    with pytest.raises(ValueError, match=message) as caught:
        hilbert_vote(*arguments)
    assert "\n" not in str(caught.value)


def test_other_mistakes_about_votes():
    with pytest.raises(ValueError, match="neighbours must be a whole number"):
        hilbert_vote([[0, 1]], [[1, 0]], [1], 1, neighbours=0)
    with pytest.raises(ValueError, match="label 1 is NaN"):
        hilbert_classify([[0, 1]], [[1, 0], [0, 1]], [1.0, math.nan], 1)

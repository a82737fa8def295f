"""Constants of logit differences and certified radii."""

from fractions import Fraction

import numpy as np
import pytest

from tests.theory.lipschitz_nets import random_network, random_weights, residual_network
from theory.lipschitz.bounds import bound
from theory.lipschitz.certificate import verify_certificate
from theory.lipschitz.margins import (
    certified_radii,
    enclosed_outputs,
    margins,
    pair_network,
)
from theory.lipschitz.network import Network


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("activation", ["relu", "maxmin", "gelu"])
def test_the_batch_agrees_with_single_networks(activation, norm):
    network = random_network(4, (6, 12, 12, 4), activation)
    found = margins(network, norm, 1e-4)
    assert len(found.certificates) == 6
    for (i, j), certificate in found.certificates.items():
        pair = pair_network(network, i, j)
        assert verify_certificate(pair, certificate).valid
        alone = bound(pair, norm, tolerance=1e-6)
        assert alone.dual * (1 - 1e-9) <= found.upper[i, j] <= alone.dual * (1 + 2e-4)
        assert found.upper[i, j] == found.upper[j, i] == certificate.upper
        assert found.dual[i, j] <= found.upper[i, j]
    np.testing.assert_array_equal(np.diag(found.upper), 0)


def test_pairs_of_residual_networks_and_chosen_pairs():
    network = residual_network("maxmin")
    found = margins(network)
    assert verify_certificate(pair_network(network, 0, 1), found.certificates[0, 1]).valid
    chosen = margins(random_network(4, (6, 12, 4)), pairs=[(2, 1)])
    assert list(chosen.certificates) == [(1, 2)]
    assert chosen.upper[0, 1] == np.inf
    assert np.isnan(chosen.dual[0, 1])


def test_equal_logits_have_the_constant_zero():
    first, last = random_weights(4, 6, 12, 4)
    last[2] = last[0]
    found = margins(Network([first, last]))
    assert found.upper[0, 2] == 0
    assert found.upper[0, 1] == pytest.approx(found.upper[2, 1], rel=2e-3)
    for constant in ([np.zeros((4, 3)), np.ones((2, 4))], [np.ones((4, 3)), np.zeros((2, 4))]):
        assert (margins(Network(constant)).upper == 0).all()


def test_no_attack_succeeds_within_the_radius():
    rng = np.random.default_rng(0)
    biases = [rng.standard_normal(n) for n in (12, 12, 4)]
    network = random_network(4, (6, 12, 12, 4), "relu", biases=biases)
    x = rng.standard_normal((40, 6))
    for norm in ("l2", "linf"):
        found = certified_radii(network, x, margins(network, norm))
        assert (found.labels == network(x).argmax(axis=1)).all()
        assert (found.radii > 0).all()
        step = rng.standard_normal((200, *x.shape))
        size = np.linalg.norm(step, axis=2) if norm == "l2" else np.abs(step).max(axis=2)
        moved = x + step * (0.999 * found.radii / size)[:, :, None]
        assert (network(moved).argmax(axis=2) == found.labels).all()
        # the radius says something: ten times as far some label changes
        far = x + step * (30 * found.radii / size)[:, :, None]
        assert (network(far).argmax(axis=2) != found.labels).any()


def test_a_linear_classifier_has_its_exact_radius():
    rng = np.random.default_rng(1)
    w = rng.standard_normal((3, 5))
    x = rng.standard_normal((20, 5))
    for norm, order in (("l2", 2), ("linf", 1)):
        found = certified_radii(Network([w]), x, margins(Network([w]), norm, 1e-6))
        for row, label, radius in zip(x, found.labels, found.radii, strict=True):
            others = [j for j in range(3) if j != label]
            exact = min(
                (w[label] - w[j]) @ row / np.linalg.norm(w[label] - w[j], order) for j in others
            )
            assert exact * (1 - 2e-6) <= radius <= exact * (1 + 1e-12)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu:0.3", "maxmin", "group_sort:4"])
def test_rounding_errors_of_the_outputs_are_enclosed(activation):
    rng = np.random.default_rng(2)
    widths = (30, 40, 40, 3)
    weights = random_weights(5, *widths)
    biases = [rng.standard_normal(n) for n in widths[1:]]
    network = Network(weights, activation, biases=biases)
    x = rng.standard_normal((3, 30))
    value, error = enclosed_outputs(network, x)
    assert (error < 1e-12).all()
    for row, low, slack in zip(x, value, error, strict=True):
        exact = _exact(weights, biases, activation, row)
        for e, v, s in zip(exact, low, slack, strict=True):
            assert abs(e - Fraction(float(v))) <= Fraction(float(s))


def _exact(weights, biases, activation, x):
    z = [Fraction(float(t)) for t in x]
    for k, (w, b) in enumerate(zip(weights, biases, strict=True)):
        v = [
            sum((Fraction(float(c)) * t for c, t in zip(row, z, strict=True)), Fraction(float(s)))
            for row, s in zip(w, b, strict=True)
        ]
        if k == len(weights) - 1:
            return v
        if activation == "relu":
            z = [max(t, Fraction(0)) for t in v]
        elif activation.startswith("leaky"):
            z = [t if t > 0 else Fraction(0.3) * t for t in v]
        else:
            g = 2 if activation == "maxmin" else 4
            z = [t for i in range(0, len(v), g) for t in sorted(v[i : i + g])]
    raise AssertionError


def test_ties_have_radius_zero():
    network = Network([np.eye(2)])
    found = certified_radii(network, [[1.0, 1.0], [3.0, 1.0]], margins(network))
    assert found.radii[0] == 0
    assert found.radii[1] == pytest.approx(2**0.5, rel=1e-3)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda n: margins(random_network(0, (3, 4, 1))), "has one"),
        (lambda n: margins(n, pairs=[(0, 4)]), r"no pair of labels \(0, 4\)"),
        (lambda n: margins(n, pairs=[(1, 1)]), "no pair of labels"),
        (lambda n: margins(Network([np.ones((100, 2))])), "4950 pairs are too many"),
        (lambda n: certified_radii(n, np.ones((2, 5)), margins(n)), r"shape \(count, 6\)"),
        (lambda n: certified_radii(n, np.full((2, 6), np.nan), margins(n)), "finite"),
        (lambda n: certified_radii(Network([np.ones((2, 6))]), np.ones(6), margins(n)), "4 labels"),
    ],
)
def test_mistakes(call, words):
    with pytest.raises(ValueError, match=words) as caught:
        call(random_network(4, (6, 12, 4)))
    assert "\n" not in str(caught.value)

"""The networks of `theory.lipschitz.network`: shapes, evaluation, fingerprints, mistakes."""

import numpy as np
import pytest
import scipy.sparse

from theory.lipschitz.network import Network

RNG = np.random.default_rng(3)
A, B, C = (RNG.standard_normal(shape) for shape in ((6, 4), (8, 6), (3, 8)))


def test_forward_is_the_composition():
    x = RNG.standard_normal((5, 4))
    network = Network([A, B, C], "relu", biases=[np.ones(6), None, [1.0, 2.0, 3.0]])
    expected = np.maximum(np.maximum(x @ A.T + 1, 0) @ B.T, 0) @ C.T + [1, 2, 3]
    np.testing.assert_allclose(network(x), expected, rtol=1e-13)
    np.testing.assert_allclose(network(x[0]), expected[0], rtol=1e-13)
    sparse = Network([scipy.sparse.csr_array(w) for w in (A, B, C)], "relu")
    np.testing.assert_allclose(sparse(x), Network([A, B, C], "relu")(x), rtol=1e-13)


def test_residual_forward():
    x = RNG.standard_normal((5, 4))
    w, g, h = (RNG.standard_normal(s) for s in ((7, 6), (6, 7), (6, 6)))
    network = Network.residual(A, [w[:6], (h, g, w), (None, g, w)], C[:, :6], "tanh")
    y = x @ A.T
    y = y + np.tanh(y @ w[:6].T)
    y = y @ h.T + np.tanh(y @ w.T) @ g.T
    y = y + np.tanh(y @ w.T) @ g.T
    np.testing.assert_allclose(network(x), y @ C[:, :6].T, rtol=1e-12)
    assert not network.is_feed_forward
    assert network.hidden == 20


def test_sizes():
    network = Network([A, B, C], ["relu", "maxmin"])
    assert (network.inputs, network.outputs, network.hidden) == (4, 3, 14)
    assert network.is_feed_forward
    assert network.kinds == {"slopes", "group_sort"}
    assert repr(network) == "4-6-8-3 maxmin, relu"
    assert Network.implicit(np.eye(4) / 2, np.ones((4, 2)), np.ones((1, 4))).is_implicit


def test_float32_is_taken_exactly():
    single = [w.astype(np.float32) for w in (A, B, C)]
    for kept, given in zip(Network(single).weights, single, strict=True):
        assert (kept == given).all()
        assert kept.dtype == np.float64


def test_digest_sees_every_weight_and_the_activation_but_no_bias():
    digest = Network([A, B, C]).digest()
    assert Network([A.copy(), B, C], biases=[np.ones(6), None, None]).digest() == digest
    assert Network([A, B, C], "maxmin").digest() != digest
    assert Network([A, B, C], slopes=[(0, 0.5), (0, 1)]).digest() != digest
    for k, (i, j) in enumerate([(5, 3), (0, 0), (2, 7)]):
        weights = [A.copy(), B.copy(), C.copy()]
        weights[k][i, j] = np.nextafter(weights[k][i, j], 9)
        assert Network(weights).digest() != digest


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Network([]), "at least one"),
        (lambda: Network([A, C]), "layer 2 of 2 has shape"),
        (lambda: Network([A.T, B]), "layer 2 of 2 has shape"),
        (lambda: Network([A, B.T]), "the transposed matrix fits"),
        (lambda: Network([A, np.full((2, 6), np.nan)]), "layer 2 of 2: weights must be finite"),
        (lambda: Network([np.full((2, 6), np.inf)]), "there is inf"),
        (lambda: Network([A * 1j]), "real numbers"),
        (lambda: Network([A.astype(object)]), "real numbers"),
        (lambda: Network([A[0]]), "must be a matrix"),
        (lambda: Network([A[:0]]), "must be a matrix"),
        (lambda: Network([A, B, C], "group_sort", 5), "groups of 5"),
        (lambda: Network([A[:5], B[:, :5]], "maxmin"), "5 units cannot be split"),
        (lambda: Network([A, B, C], ["relu"]), "need 2 activations, not 1"),
        (lambda: Network([A, B, C], slopes=[(0, 1)]), "2 pairs"),
        (lambda: Network([A, B, C], slopes=[(0, 1), (1, 0)]), "lower <= upper"),
        (lambda: Network([A, B, C], slopes=[(0, 1), (0, np.nan)]), "finite"),
        (lambda: Network([A, B, C], slopes=[(0, 1), (0, np.ones(3))]), "arrays of 8"),
        (lambda: Network([A, B, C], "maxmin", slopes=[(0, 1)] * 2), "no meaning"),
        (lambda: Network([A, B, C], biases=[None]), "3 biases"),
        (lambda: Network([A, B, C], biases=[None, [1.0], None]), "8 finite numbers"),
        (lambda: Network([A])(np.ones(3)), "must have 4 numbers"),
        (lambda: Network.residual(A, [B], None), "H gives 6 numbers"),
        (lambda: Network.residual(A, [C], None), "residual block 1 of 1 has shape"),
        (lambda: Network.residual(None, [], None), "at least one"),
        (lambda: Network.implicit(A, A, C), "but 6 numbers come in"),
    ],
)
def test_mistakes(make, words):
    with pytest.raises(ValueError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)

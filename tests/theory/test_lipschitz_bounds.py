"""`bound` with every method: certified, and against reference, other and measured values."""

import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse

from tests.theory.lipschitz_nets import (
    implicit_network,
    random_network,
    random_weights,
    residual_network,
    sweep,
)
from theory.lipschitz import (
    METHODS,
    Certificate,
    Network,
    bound,
    convolution,
    lower_bound,
    verify_certificate,
)

# Section 5 of the paper sheet: optima of a generic conic solver and closed forms.
TABLE = {
    (0, (3, 8, 2)): {
        "relu": {"product": 1.6309497265, "lipsdp": 0.92559513, "eclipse-fast": 1.2213191754},
        "maxmin": {
            "nsr-full": 0.91012473,
            "nsr-diag": 0.92691504,
            "lambda-only": 1.13535883,
            "rr": 1.34758868,
            "fgl": 0.9101247343,
        },
    },
    (1, (6, 10, 10, 4)): {
        "relu": {"product": 4.7050093646, "lipsdp": 1.87561564, "eclipse-fast": 2.6927198690},
        "maxmin": {
            "nsr-full": 2.38691926,
            "nsr-diag": 3.15029445,
            "lambda-only": 3.42642922,
            "rr": 2.64918812,
            "fgl": 2.3820241318,
        },
    },
    (2, (8, 16, 16, 16, 8)): {
        "relu": {"product": 9.9575448420, "lipsdp": 3.74972296, "eclipse-fast": 5.5738718598},
        "maxmin": {
            "nsr-full": 3.99424705,
            "nsr-diag": 6.90453004,
            "lambda-only": 8.16645632,
            "rr": 9.62522091,
        },
    },
    (7, (10, 32, 1)): {
        "relu": {"product": 2.2886982322, "lipsdp": 1.33912297, "eclipse-fast": 1.7342275432},
        "maxmin": {
            "nsr-full": 1.19236534,
            "nsr-diag": 1.76724453,
            "lambda-only": 2.03159547,
            "rr": 1.65767831,
        },
    },
}
CASES = [
    (seed, widths, activation, method, value)
    for (seed, widths), kinds in TABLE.items()
    for activation, values in kinds.items()
    for method, value in values.items()
]


@pytest.mark.parametrize(("seed", "widths", "activation", "method", "value"), CASES)
def test_reference_values_are_certified(seed, widths, activation, method, value):
    network = random_network(seed, widths, activation)
    found = bound(network, method=method, tolerance=1e-6)
    assert found.certified
    assert verify_certificate(network, found.certificate) == (True, "")
    assert found.upper == found.certificate.upper
    assert value * (1 - 3e-7) <= found.upper <= value * (1 + 2e-6)
    if not math.isnan(found.dual):
        assert found.dual <= value * (1 + 3e-7)
        assert found.dual <= found.upper <= found.dual * (1 + 2e-6)


def test_automatic_choice():
    assert bound(random_network(0, (3, 8, 2))).method == "lipsdp"
    assert bound(random_network(0, (3, 8, 2), "maxmin")).method == "nsr-full"
    found = bound(implicit_network(), tolerance=1e-6)
    assert found.method == "interior-point"
    assert found.upper == pytest.approx(5.2394962, rel=2e-6)


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize(
    "network",
    [
        random_network(5, (4, 8, 8, 3), "relu"),
        random_network(5, (4, 8, 8, 3), "maxmin"),
        random_network(5, (4, 8, 8, 3), "gelu"),
        random_network(5, (4, 6, 6, 1), "group_sort:3"),
        random_network(5, (4, 6, 6, 3), "householder:1,2"),
        residual_network("relu"),
        residual_network("maxmin"),
        implicit_network(),
    ],
    ids=repr,
)
def test_no_method_is_below_what_is_measured(network, norm):
    measured = lower_bound(network, norm, samples=20, seed=1).value
    values = {}
    for method in METHODS:
        try:
            found = bound(network, norm, method, 1e-5)
        except ValueError:  # not every method takes every network
            continue
        assert found.certified, (method, found.note)
        assert verify_certificate(network, found.certificate).valid
        assert found.upper >= measured * (1 - 1e-12)
        values[method] = found
    best = min(found.upper for found in values.values())
    if "fgl" in values:
        assert values["fgl"].upper <= best * (1 + 1e-9)
    brackets = [v for k, v in values.items() if k in ("lipsdp", "nsr-full", "interior-point")]
    assert brackets
    for one in brackets:
        for other in brackets:
            assert one.dual <= other.upper
    if "product" in values:
        others = [found.upper for name, found in values.items() if name != "rr"]
        assert max(others) <= values["product"].upper * (1 + 1e-9)


def test_a_certificate_survives_a_file_and_no_change(tmp_path):
    network = random_network(1, (6, 10, 10, 4), "maxmin")
    found = bound(network)
    path = tmp_path / "bound.npz"
    found.certificate.save(path)
    loaded = Certificate.load(path)
    assert loaded.upper == found.upper
    assert verify_certificate(network, loaded).valid
    assert not verify_certificate(random_network(2, (6, 10, 10, 4), "maxmin"), loaded).valid
    assert not verify_certificate(Network(network.weights, "relu"), loaded).valid


def test_constant_and_tiny_and_enormous():
    assert bound(Network([np.zeros((4, 3)), np.ones((2, 4))])).upper == 0
    weights = random_weights(1, 6, 10, 10, 4)
    tiny, huge = (
        bound(Network([1e-150 * w for w in weights])),
        bound(Network([1e150 * w for w in weights])),
    )
    assert 0 < tiny.upper < 1e-300
    assert tiny.log_upper == pytest.approx(math.log(1.8756) - 450 * math.log(10), rel=1e-6)
    assert huge.upper == math.inf
    assert huge.certified
    assert huge.log_upper == pytest.approx(math.log(1.8756) + 450 * math.log(10), rel=1e-6)


def test_layers_too_wide_for_multipliers_get_the_product_and_say_so(monkeypatch):
    from theory.lipschitz import bounds, solver

    monkeypatch.setattr(solver, "WIDEST", 8)
    monkeypatch.setattr(bounds, "WIDEST", 8)
    weights = [scipy.sparse.csr_array(w) for w in random_weights(1, 6, 10, 10, 4)]
    found = bound(Network(weights))
    assert found.certified
    assert "more than 8 units" in found.note
    assert found.upper == pytest.approx(4.7050093646, rel=1e-8)
    assert found.dual == pytest.approx(1.875615, rel=1e-3)


def test_norms_of_sparse_matrices_are_proved_from_their_nonzero_weights():
    rng = np.random.default_rng(0)
    kernels = rng.standard_normal((4, 2, 3, 3)), rng.standard_normal((3, 4, 3, 3))
    first = convolution(kernels[0], (2, 8, 8), padding=1)
    second = convolution(kernels[1], (4, 8, 8), stride=2, padding=1)
    network = Network([first, second])
    exact = np.prod([np.linalg.norm(w.toarray(), 2) for w in (first, second)])
    found = bound(network, method="product")
    assert exact * (1 - 1e-13) <= found.upper <= exact * (1 + 1e-8)
    assert found.upper == pytest.approx(
        bound(Network([first.toarray(), second.toarray()]), method="product").upper, rel=1e-8
    )
    below = replace(found.certificate, input=found.certificate.input * (1 - 1e-6))
    assert "is not proved" in verify_certificate(network, below).reason


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"norm": "l1"}, "norm must be one of l2, linf; not 'l1'"),
        ({"method": "sdp"}, "method must be auto or one of"),
        ({"tolerance": 0}, "tolerance must be between 0 and 1"),
        ({"tolerance": math.nan}, "tolerance must be between 0 and 1"),
        ({"tolerance": "x"}, "tolerance must be between 0 and 1"),
        ({"method": "nsr-full"}, "use lipsdp"),
        ({"ranks": 3}, "unknown option 'ranks'; known: rank"),
        ({"rank": 0}, "rank must be a whole number >= 1"),
        ({"iterations": 2.5}, "iterations must be a whole number"),
        ({"precision": "float16"}, "precision must be auto"),
        ({"method": "nsr-diag"}, "MaxMin"),
        ({"method": "rr"}, "MaxMin"),
    ],
)
def test_mistakes(options, words):
    with pytest.raises(ValueError, match=words) as caught:
        bound(random_network(0, (3, 8, 2)), **options)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("activation", "count"), [("relu", 700), ("maxmin", 300)])
def test_sweep_of_random_networks(activation, count):
    """Depth 2-12, widths 2-60, six weight laws: all brackets close at 1e-4 and are proved."""
    iterations = []
    for index in range(count):
        law, network = sweep(index, activation)
        found = bound(network)
        assert found.certified, (index, law, found.note)
        # the proof's own inflation comes on top of the solver's tolerance
        assert found.upper == 0 or found.gap < 1.02e-4, (index, law, found.gap)
        iterations.append(found.iterations)
    assert np.median(iterations) < 200
    assert max(iterations) < 20_000

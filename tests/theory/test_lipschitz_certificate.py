"""Certificates of Lipschitz bounds: mutants, scales, products of norms, files."""

import math
import zipfile
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from tests.theory.lipschitz_rationals import (
    candidate,
    diagonal_matrix,
    exact_matrix,
    is_positive,
    rational,
    simple_multipliers,
)
from theory.lipschitz.candidate import Candidate
from theory.lipschitz.certificate import Certificate, certify, verify_certificate
from theory.lipschitz.network import Network
from theory.lipschitz.relaxations import as_residual_relu
from theory.lipschitz.solver import lipsdp

# --- mutants ------------------------------------------------------------------------------------


def _certified(kind="relu", widths=(6, 8, 4, 3), seed=0, **options):
    rng = np.random.default_rng(seed)
    network = Network([rng.standard_normal((m, n)) for n, m in pairwise(widths)], kind)
    found = certify(network, candidate(network, simple_multipliers(rng, network), **options))
    assert found is not None
    return network, found


@pytest.mark.parametrize("kind", ["relu", "maxmin", "group_sort:4", "leaky_relu:0.2"])
def test_wrong_certificates_are_refused(kind):
    network, good = _certified(kind)
    lambdas = good.multipliers

    def with_first(value):
        first = lambdas[0].copy()
        first[0] = value
        return replace(good, multipliers=(first, *lambdas[1:]))

    wrong = {
        "not proved to be below": replace(good, input=good.input * 0.999),
        "not negative": with_first(-lambdas[0][0]),
        "must be finite": with_first(math.nan),
        "must be positive": with_first(0.0),
        "not proved": replace(good, multipliers=(lambdas[0], lambdas[1] * 1e-3, None)),
        "numbers are needed": replace(good, multipliers=(lambdas[0][:-1], *lambdas[1:])),
        "no multipliers": replace(good, multipliers=(None, *lambdas[1:])),
        "for 3 stages": replace(good, multipliers=lambdas[:2]),
        "4 exponents": replace(good, exponents=(0, 0, 0)),
        "whole numbers": replace(good, exponents=(0, 0.5, 0, 0)),
        "float64": replace(good, input=np.array([object()])),
        "below": replace(good, exponents=(0, 0, 0, 1), input=good.input / 4.001),
        "another network": replace(good, digest="0" * 64),
        "unknown norm": replace(good, norm="l1"),
        "output must be 1": replace(good, output=np.array([0.5])),
        "input: 1 numbers": replace(good, input=np.ones(2)),
        "input: all numbers": replace(good, input=np.array([math.inf])),
    }
    assert verify_certificate(network, good).valid
    for reason, certificate in wrong.items():
        valid, why = verify_certificate(network, certificate)
        assert not valid
        assert reason in why
        assert "\n" not in why


@pytest.mark.parametrize("kind", ["relu", "maxmin"])
def test_a_tampered_weight_is_refused(kind):
    network, good = _certified(kind)
    weights = [w.copy() for w in network.weights]
    weights[1][0, 0] *= 1 + 2.0**-52
    tampered = Network(weights, kind)
    assert "digest" in verify_certificate(tampered, good).reason
    weights[1][0, :] *= 3
    tampered = Network(weights, kind)
    forged = replace(good, digest=tampered.digest())
    assert not verify_certificate(tampered, forged).valid
    assert not is_positive(exact_matrix(tampered, forged))


def test_an_underflowing_certificate_is_refused():
    """4000-1-1 with W_1 = 1/4 and W_2 = 2^-540: every product of this one underflows to 0."""
    network = Network([np.full((1, 4000), 0.25), np.full((1, 1), 2.0**-540)], "relu")
    tiny = np.array([2.0**-1074])
    false = Certificate("l2", "exact", (0, 0, 0), tiny, np.ones(1), (tiny, None), network.digest())
    assert false.upper < math.sqrt(4000) / 4 * 2.0**-540
    assert not verify_certificate(network, false).valid
    right = candidate(network, (np.array([1.0]), None), exponents=(0, 0, -540))
    found = certify(network, right)
    assert found.log2_upper == pytest.approx(math.log2(math.sqrt(4000) / 4) - 540, abs=0.5)
    assert found.log2_upper > math.log2(math.sqrt(4000) / 4) - 540


@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_powers_of_two_reach_any_scale(scale):
    weights = [scale * w for w in _certified()[0].weights]
    network = Network(weights, "relu")
    c = tuple(round(k * math.log2(scale)) for k in range(4))
    rescaled = Network(
        [np.ldexp(w, a - b) for w, a, b in zip(weights, c, c[1:], strict=False)], "relu"
    )
    multipliers = simple_multipliers(np.random.default_rng(0), rescaled)
    found = certify(network, candidate(network, multipliers, exponents=c))
    plain = certify(rescaled, candidate(rescaled, multipliers))
    assert verify_certificate(network, found) == (True, "")
    # The logarithm, about 1500, is rounded up by 2^-50 of it.
    assert found.log2_upper - c[-1] == pytest.approx(plain.log2_upper, abs=1e-11)
    assert found.upper == (5e-324 if scale < 1 else math.inf)


def test_weights_that_scaling_would_change_are_refused():
    weights = [w.copy() for w in _certified()[0].weights]
    weights[0][0, 0] = 3e-308
    network = Network(weights, "relu")
    multipliers = simple_multipliers(np.random.default_rng(0), network)
    made = candidate(network, multipliers, exponents=(0, 9, 9, 9))
    assert certify(network, made) is None


@pytest.mark.parametrize("kind", ["relu", "maxmin"])
@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_products_of_norms(kind, norm):
    rng = np.random.default_rng(4)
    network = Network([rng.standard_normal((m, n)) for n, m in pairwise((5, 8, 4, 3))], kind)
    nothing = np.zeros(0)
    made = Candidate(norm, "norms", 0.0, (0, 1, 2, 1), nothing, nothing, (None,) * 3)
    found = certify(network, made)
    assert verify_certificate(network, found) == (True, "")
    if norm == "l2":
        expected = math.prod(np.linalg.norm(w, 2) for w in network.weights)
    else:
        hidden = [np.abs(w).sum(axis=1).max() for w in network.weights[:-1]]
        expected = math.prod(hidden) * np.abs(network.weights[-1]).sum()
    assert found.upper == pytest.approx(expected, rel=1e-8)
    assert found.upper >= expected * (1 - 1e-14)
    for field in ("input", "output"):
        less = replace(found, **{field: getattr(found, field) * 0.999})
        assert not verify_certificate(network, less).valid


def test_spectral_norms_are_not_below_the_true_one():
    """t^2 - W^T W is positive in rational numbers for every t that is accepted."""
    rng = np.random.default_rng(6)
    for _ in range(40):
        w = rng.standard_normal(rng.integers(1, 7, 2))
        network = Network([w], "relu")
        made = Candidate("l2", "norms", 0.0, (0, 0), np.zeros(0), np.zeros(0), (None,))
        bound = float(certify(network, made).input[0])
        square = diagonal_matrix([Fraction(bound) ** 2] * w.shape[1])
        assert is_positive(square - rational(w).transpose() * rational(w))


def test_dead_units_need_no_multiplier():
    weights = [w.copy() for w in _certified()[0].weights]
    weights[0][3] = 0
    weights[2][:, 1] = 0
    network = Network(weights, "relu")
    multipliers = simple_multipliers(np.random.default_rng(0), network)
    multipliers[0][3], multipliers[1][1] = math.nan, 0.0
    found = certify(network, candidate(network, multipliers))
    assert verify_certificate(network, found) == (True, "")


def test_a_constant_network_has_bound_zero():
    network = Network([np.zeros((3, 2)), np.ones((1, 3))], "relu")
    found = certify(network, candidate(network, (np.ones(3), None)))
    assert found.upper == 0
    assert found.log2_upper == -math.inf
    assert verify_certificate(network, found).valid


@pytest.mark.parametrize("kind", ["maxmin", "householder:1,2"])
def test_residual_relu_certificates(kind):
    network = _certified(kind)[0]
    try:
        chain = as_residual_relu(network)
    except ValueError:
        return
    multipliers = simple_multipliers(np.random.default_rng(0), chain)
    exponents = (0,) * (len(chain.stages) + 1)
    found = certify(network, candidate(network, multipliers, relaxation="rr", exponents=exponents))
    assert verify_certificate(network, found) == (True, "")
    assert is_positive(exact_matrix(chain, found))
    assert not verify_certificate(network, replace(found, input=found.input * 0.999)).valid


@pytest.mark.parametrize("kind", ["relu", "maxmin", "leaky_relu:0.1"])
def test_the_optimum_is_certified_to_1e_7(kind):
    network = _certified(kind, (6, 8, 8, 3))[0]
    solved = lipsdp(network, "l2", 1e-8)
    found = certify(network, solved)
    assert found.log2_upper * math.log(2) == pytest.approx(solved.log_value, abs=1e-9)
    assert found.log2_upper * math.log(2) >= solved.log_dual


# --- files --------------------------------------------------------------------------------------


def test_files_keep_everything(tmp_path):
    network, good = _certified()
    path = tmp_path / "bound.npz"
    good.save(path)
    again = Certificate.load(path)
    assert verify_certificate(network, again) == (True, "")
    assert again.upper == good.upper
    assert [p.name for p in tmp_path.iterdir()] == ["bound.npz"]


def test_odd_files_are_refused_in_one_line(tmp_path):
    good = _certified()[1]
    path = tmp_path / "good.npz"
    good.save(path)
    content = path.read_bytes()
    with np.load(path) as archive:
        arrays = dict(archive)
    cases = {"cut": content[: len(content) // 2], "empty": b"", "text": b"hello", "torn": content}
    for name, held in cases.items():
        (tmp_path / name).write_bytes(held[:-10] if name == "torn" else held)
    np.savez(tmp_path / "pickle.npz", **{**arrays, "input": np.array([{}], dtype=object)})
    np.savez(tmp_path / "more.npz", **arrays, other=np.ones(2))
    np.savez(tmp_path / "less.npz", **{k: v for k, v in arrays.items() if k != "output"})
    np.savez(tmp_path / "real.npz", **{**arrays, "exponents": np.array([0.0, 0.5])})
    np.savez(tmp_path / "single.npz", **{**arrays, "input": np.ones(1, np.float32)})
    np.savez(tmp_path / "matrix.npz", **{**arrays, "input": np.ones((1, 1))})
    np.savez(tmp_path / "version.npz", **{**arrays, "format": np.array([2])})
    np.savez(tmp_path / "words.npz", **{**arrays, "name": np.full(7, 255, np.uint8)})
    header = b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (%d,), }"
    with zipfile.ZipFile(tmp_path / "huge.npz", "w") as archive:
        archive.writestr("input.npy", (header % 10**12).ljust(127) + b"\n")
    (tmp_path / "folder").mkdir()
    for file in [*tmp_path.iterdir(), tmp_path / "missing"]:
        if file == path:
            continue
        with pytest.raises(ValueError, match=str(file)) as caught:
            Certificate.load(file)
        assert "\n" not in str(caught.value)


def test_bounds_are_rounded_up():
    for square in (2.0, 3.0, 0.1, 1e-300, 5e-324, 1e308):
        for exponent in (0, 3, -5):
            c = Certificate(
                "l2", "exact", (0, exponent), np.array([square]), np.ones(1), (None,), ""
            )
            assert Fraction(c.upper) ** 2 >= Fraction(square) * Fraction(4) ** exponent
            assert c.log2_upper == pytest.approx(0.5 * math.log2(square) + exponent, abs=1e-12)
            assert c.upper <= 2.0**c.log2_upper * (1 + 1e-12)
    c = Certificate("linf", "exact", (0, 0), np.ones(3), np.array([2.0, 4.0]), (None,), "")
    assert c.upper == pytest.approx(math.sqrt(3 * 0.75), rel=1e-15)
    assert Fraction(c.upper) ** 2 >= Fraction(9, 4)

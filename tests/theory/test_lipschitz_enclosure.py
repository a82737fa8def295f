"""What the checker proves is true in exact rational arithmetic."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from tests.theory.lipschitz_rationals import (
    KINDS,
    candidate,
    diagonal_matrix,
    exact_matrix,
    fmpq,
    is_positive,
    matrices,
    random_network,
    rational,
    rows_of,
    simple_multipliers,
    stack,
)
from theory.lipschitz.certificate import certify, verify_certificate
from theory.lipschitz.enclosure import eliminate, exact, positive_definite, root_above, upper
from theory.lipschitz.network import Network


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_certified_is_true(kind, seed):
    """At the limit of its multipliers a certificate is given only where the exact form is >= 0."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    network = random_network(rng, kind)
    relaxation = "lipschitz" if rng.random() < 0.2 else "exact"
    norm = "linf" if rng.random() < 0.3 else "l2"
    exponents = None
    multipliers = simple_multipliers(rng, network)
    if rng.random() < 0.3:
        exponents = (0, *map(int, rng.integers(-3, 4, len(network.stages))))
        multipliers = tuple(
            None if t is None else np.ldexp(t, 2 * (c - exponents[-1]))
            for t, c in zip(multipliers, exponents[1:], strict=True)
        )
    made = candidate(network, multipliers, norm, relaxation, exponents, rng)
    found = certify(network, made)
    assert found is not None
    assert verify_certificate(network, found) == (True, "")
    assert is_positive(exact_matrix(network, found))
    certified = refused = 0
    for change in (-1e-6, -1e-8, -1e-9, -3e-10, -1e-10, -9e-11, -1e-12, 1e-12):
        moved = replace(found, input=found.input * (1 + change))
        if verify_certificate(network, moved).valid:
            certified += 1
            assert is_positive(exact_matrix(network, moved))
        else:
            refused += 1
    if found.upper > 0:
        assert refused  # -1e-6 is below the limit


@pytest.mark.parametrize("seed", range(30))
def test_slopes_per_unit_are_true(seed):
    """Units that are linear, dead or saturated, with the constraints of their own slopes."""
    rng = np.random.default_rng([seed, 77])
    weights = matrices(rng, [5, 4, 6, 2])
    slopes = []
    for n in (4, 6):
        ends = np.sort(np.round(rng.uniform(-0.5, 1.2, (2, n)), 1), axis=0)
        ends[:, rng.random(n) < 0.3] = rng.choice([0.0, 0.5, 1.0])
        slopes.append(tuple(ends))
    network = Network(weights, "relu", slopes=slopes)
    found = certify(network, candidate(network, simple_multipliers(rng, network)))
    assert found is not None
    for change in (0, -1e-10, -1e-9, -1e-6):
        moved = replace(found, input=found.input * (1 + change))
        if verify_certificate(network, moved).valid:
            assert is_positive(exact_matrix(network, moved))
        else:
            assert change < 0


@pytest.mark.parametrize("seed", range(60))
def test_sums_and_products_enclose(seed):
    """Products of matrices with entries of very different size, in rational numbers."""
    rng = np.random.default_rng([seed, 5])
    shape = rng.integers(1, 7, 4)
    parts = [
        rng.standard_normal((m, n)) * 2.0 ** rng.integers(-30, 30, (m, n))
        for m, n in pairwise(shape)
    ]
    scale = rng.standard_normal(shape[1])
    product = exact(parts[0]) @ exact(parts[1]).times(scale) @ exact(parts[2])
    true = rational(parts[0]) * diagonal_matrix(scale.tolist()) * rational(parts[1])
    true = true * rational(parts[2])
    total, sum_ = product + product, true + true
    for enclosure, value in ((product, true), (total, sum_), (total.T, sum_.transpose())):
        left, right = enclosure.radius()
        for i, row in enumerate(rows_of(value)):
            for j, x in enumerate(row):
                error = abs(x - fmpq(Fraction(float(enclosure.mid[i, j]))))
                assert error <= fmpq(Fraction(float(left[i])) * Fraction(float(right[j])))


def test_positive_definite_only_if_it_is():
    """Matrices within a few units of rounding of singular ones."""
    rng = np.random.default_rng(3)
    proved = 0
    for _ in range(300):
        n = int(rng.integers(1, 9))
        root = rng.standard_normal((n, max(n - 1, 1))) * 2.0 ** rng.integers(-20, 20, (n, 1))
        a = root @ root.T
        a[np.diag_indices(n)] *= 1 + rng.choice([-1, 1]) * 10.0 ** rng.uniform(-17, -11)
        a = (a + a.T) / 2
        if positive_definite(exact(a)):
            proved += 1
            assert is_positive(rational(a))
    assert proved > 30


@pytest.mark.parametrize("seed", range(60))
def test_elimination_and_storage_are_upper_bounds(seed):
    """[[T^T T + diag(m), B^T], [B, A]] >= 0 and P >= T^T T + R + diag(m), C C^T >= P, exactly."""
    rng = np.random.default_rng([seed, 9])
    m, n = map(int, rng.integers(1, 6, 2))
    root = rng.standard_normal((m, m))
    a = root @ root.T + 10.0 ** rng.integers(-12, 1) * np.eye(m)
    a = (a + a.T) / 2
    b = rng.standard_normal((m, n)) * 2.0 ** rng.integers(-20, 20, n)
    found = eliminate(exact(a), exact(b))
    if found is None:
        return
    t, margin = found
    s = rational(t).transpose() * rational(t) + diagonal_matrix(margin.tolist())
    whole = [[*x, *y] for x, y in zip(rows_of(s), rows_of(rational(b.T)), strict=True)]
    whole += [[*x, *y] for x, y in zip(rows_of(rational(b)), rows_of(rational(a)), strict=True)]
    assert is_positive(stack(whole))
    r = rng.standard_normal((n, n))
    r = r + r.T
    p = upper(t, exact(r), margin)
    assert is_positive(rational(p) - s - rational(r))
    p = upper(t, None, margin)
    c = root_above(p)
    assert is_positive(rational(c) * rational(c).transpose() - rational(p))

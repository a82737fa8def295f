"""Bayes risk of Dirichlet pairs, and their posterior."""

import itertools
import math

import mpmath
import numpy as np
import pytest
from scipy import special

from theory.ntk_classifiers.bayes import DirichletPair, bayes_risk

EXAMPLE = DirichletPair((1, 2), (2, 1), 0.4)
TWO = DirichletPair((0.5, 0.5, 2.5), (2.5, 0.1, 0.5), 0.4)


@pytest.mark.parametrize(
    ("alpha1", "alpha2", "prior", "exact"),
    [
        ((1, 2), (2, 1), 0.4, 0.24),
        ((0.5, 0.5, 2.5), (2.5, 0.1, 0.5), 0.4, 0.050521726601642217301),
        ((0.5, 0.5, 2.5), (2.5, 0.1, 0.5), 0.6, 0.0490018063821),
        ((3, 1, 2, 1, 1), (1, 2, 2, 2, 3), 0.4, 0.093196874719401477913),
        ((3, 1, 2, 1, 1), (1, 2, 2, 2, 3), 0.6, 0.0943882107258),
        ((1, 2, 1, 2, 1, 1, 1, 1, 1), (1, 1, 1, 2, 3, 4, 2, 2, 1), 0.4, 0.0770082730509370348),
    ],
)
def test_bayes_risks_of_the_sheet(alpha1, alpha2, prior, exact):
    """Sheet claim C10 (numerical there), to its digits."""
    found = bayes_risk(alpha1, alpha2, prior)
    assert abs(found.value - exact) <= max(found.error, 5e-14 if prior == 0.6 else 0)
    assert found.error < 1e-13 * found.value
    swapped = bayes_risk(alpha2[::-1], alpha1[::-1], 1 - prior)
    assert swapped.value == pytest.approx(found.value, rel=1e-13)


def two_intervals(alpha1, alpha2, prior):
    """d = 1: roots of the log odds by bisection in the logit, incomplete beta functions, mpmath."""
    a, b, p = [mpmath.mpf(v) for v in alpha1], [mpmath.mpf(v) for v in alpha2], mpmath.mpf(prior)
    c = [x - y for x, y in zip(a, b, strict=True)]
    constant = mpmath.log(p / (1 - p)) - mpmath.log(mpmath.beta(*a)) + mpmath.log(mpmath.beta(*b))

    def odds(y):
        return constant - c[0] * mpmath.log1p(mpmath.exp(-y)) - c[1] * mpmath.log1p(mpmath.exp(y))

    turns = [mpmath.log(c[0] / c[1])] if c[0] * c[1] > 0 else []
    edges = [mpmath.mpf(-2000), *turns, mpmath.mpf(2000)]
    roots = []
    for low, high in itertools.pairwise(edges):
        if odds(low) * odds(high) < 0:
            for _ in range(130):
                middle = (low + high) / 2
                same = odds(low) * odds(middle) > 0
                low, high = (middle, high) if same else (low, middle)
            roots.append(low)

    def mass(alpha, low, high):
        if high > 0:  # the small end is the one with digits
            alpha, low, high = alpha[::-1], -high, -low
        if high > 0:
            return mass(alpha, low, 0) + mass(alpha[::-1], -high, 0)
        ends = [1 / (1 + mpmath.exp(-y)) for y in (low, high)]
        return mpmath.betainc(*alpha, *ends, regularized=True)

    risk, edges = mpmath.mpf(0), [mpmath.mpf(-3000), *roots, mpmath.mpf(3000)]
    for low, high in itertools.pairwise(edges):
        positive = odds((max(low, -60) + min(high, 60)) / 2) > 0
        risk += (1 - p) * mass(b, low, high) if positive else p * mass(a, low, high)
    return risk


@pytest.mark.parametrize(
    ("alpha1", "alpha2", "prior"),
    [
        ((3, 4), (2, 1), 0.4),  # the log odds is bounded above: two roots
        ((3, 4), (2, 1), 0.9),
        ((3, 4), (2, 1), 0.05),  # never above: the risk is the prior
        ((3, 4), (2.999, 1), 0.4),  # N nearly 0, and 0 with one difference only
        ((3, 4), (3, 1), 0.4),
        ((1, 1), (2, 2), 0.4),
        ((1, 1), (1, 1.25), 0.5),
        ((0.1, 0.2), (0.3, 0.05), 0.3),
        ((30, 40.5), (1, 1), 1e-5),
        ((200, 100), (100, 200), 0.5),  # risk 3e-9
        ((1000, 1001), (900, 1100), 0.01),
    ],
)
def test_bayes_risk_on_the_arc(alpha1, alpha2, prior):
    with mpmath.workdps(30):
        found, exact = bayes_risk(alpha1, alpha2, prior), two_intervals(alpha1, alpha2, prior)
        assert abs(found.value - exact) <= found.error
    assert found.error < 2e-11 * found.value


def test_bayes_risk_by_gil_pelaez():
    """Both distribution functions by their own integral, 1e-9 (cut at t = 400)."""
    alpha1, alpha2, p = TWO.alpha1, TWO.alpha2, TWO.prior
    c = np.subtract(alpha1, alpha2)

    def log_beta(a):
        return special.loggamma(a).sum(axis=-1) - special.loggamma(a.sum(axis=-1))

    both = [log_beta(np.asarray(a, dtype=complex)) for a in (alpha1, alpha2)]
    tau = math.log((1 - p) / p) + (both[0] - both[1]).real
    x, w = np.polynomial.legendre.leggauss(24)
    edges = np.concatenate([[0], 2.0 ** np.arange(-8, 0), np.arange(1, 401, 0.5)])
    t = ((edges[1:] + edges[:-1])[:, None] + np.diff(edges)[:, None] * x).ravel() / 2
    weights = (np.diff(edges)[:, None] * w).ravel() / 2
    below = []
    for a, b in zip((alpha1, alpha2), both, strict=True):
        cf = np.exp(log_beta(np.asarray(a) + 1j * t[:, None] * c) - b)
        below.append(0.5 - weights @ (np.imag(np.exp(-1j * t * tau) * cf) / t) / math.pi)
    exact = p * below[0] + (1 - p) * (1 - below[1])
    assert bayes_risk(alpha1, alpha2, p).value == pytest.approx(exact, abs=1e-9)


def test_bayes_risk_on_the_simplex_by_quadrature():
    """d = 2 with smooth densities; 2e-5 from the kink of min(eta, 1 - eta)."""
    pair = DirichletPair((2, 1, 3), (1, 3, 2), 0.3)
    x, w = np.polynomial.legendre.leggauss(200)
    x, w = (x + 1) / 2, w / 2
    u, v = np.meshgrid(x, x)
    t = np.stack([u * v, u * (1 - v), 1 - u], axis=-1)
    density = [
        np.exp(((np.asarray(a) - 1) * np.log(t)).sum(-1)) for a in (pair.alpha1, pair.alpha2)
    ]
    beta = [np.prod(special.gamma(a)) / special.gamma(sum(a)) for a in (pair.alpha1, pair.alpha2)]
    least = np.minimum(0.3 * density[0] / beta[0], 0.7 * density[1] / beta[1])
    assert bayes_risk(pair.alpha1, pair.alpha2, 0.3).value == pytest.approx(
        float((least * u * np.outer(w, w)).sum()), abs=2e-5
    )


def test_equal_classes_and_ends_of_weighted_risk():
    assert bayes_risk((1, 2, 3), (1, 2, 3), 0.3).value == 0.3
    values, errors = EXAMPLE.weighted_risk([0.0, 1.0, 0.5, 1e-300])
    assert list(values[:2]) == [0, 0]
    assert list(errors[:2]) == [0, 0]
    assert 2 * values[2] == pytest.approx(0.24, rel=1e-14)
    # q -> 0: C(q)/q -> E(1 - eta)
    assert values[3] / 1e-300 == pytest.approx(0.6, rel=1e-12)


def test_weighted_risk_in_closed_form():
    """eta > q where 0.8 (1 - t)(1 - q) > 1.2 t q."""
    q = np.array([0.01, 0.2, 0.5, 0.7, 0.99])
    t = 0.8 * (1 - q) / (0.8 * (1 - q) + 1.2 * q)
    exact = q * 0.6 * t**2 + (1 - q) * 0.4 * (1 - t) ** 2
    assert EXAMPLE.weighted_risk(q)[0] == pytest.approx(exact, rel=1e-13)
    assert EXAMPLE.weighted_risk(q.reshape(5, 1))[0].shape == (5, 1)


def test_posterior_of_the_example_on_sphere_and_simplex():
    t = np.array([0.1, 0.4, 0.9])
    simplex = np.stack([t, 1 - t], axis=1)
    exact = 0.8 * (1 - t) / (0.8 * (1 - t) + 1.2 * t)
    for points in (simplex, simplex / np.linalg.norm(simplex, axis=1, keepdims=True)):
        assert EXAMPLE.posterior(points) == pytest.approx(exact, rel=1e-14)
    assert list(EXAMPLE.posterior([[0, 1], [1, 0]])) == [1, 0]
    ignored = DirichletPair((1, 2, 3), (2, 1, 3), 0.5)
    assert ignored.posterior([0.5, 0.5, 0.0]) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((1, 2), (1, 2, 3), 0.5), "equal length, not 2 and 3"),
        (((1,), (2,), 0.5), "alpha1 must hold two or more positive numbers"),
        (((1, 0), (2, 1), 0.5), "alpha1 must hold two or more positive numbers"),
        (((1, 2), (2, math.nan), 0.5), r"alpha2\[1\] must be a finite number"),
        (((1, 2), (2, 1), 1.0), "prior must be between 0 and 1"),
    ],
)
def test_mistakes_in_pairs_get_one_line(arguments, message):
    with pytest.raises(ValueError, match=message) as caught:
        bayes_risk(*arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([0.1, 0.2, 0.7], "points must have 2 coordinates"),
        ([-0.1, 1.1], "finite coordinates >= 0"),
        ([math.nan, 1], "finite coordinates >= 0"),
        ([0.0, 0.0], "not all zero"),
    ],
)
def test_mistakes_in_points_get_one_line(x, message):
    with pytest.raises(ValueError, match=message):
        EXAMPLE.posterior(x)


def test_other_mistakes_about_the_posterior():
    with pytest.raises(ValueError, match="favour both classes; point 1"):
        DirichletPair((2, 1, 1), (1, 2, 1), 0.5).posterior([[1, 1, 1], [0, 0, 1]])
    with pytest.raises(ValueError, match="q must be between"):
        EXAMPLE.weighted_risk(math.nan)

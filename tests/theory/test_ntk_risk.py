"""Large-n risk of singular-kernel classifiers."""

import itertools
import math

import mpmath
import numpy as np
import pytest
from scipy import integrate, special

from theory.ntk_classifiers.averages import _average, _Line, boundary, global_average
from theory.ntk_classifiers.bayes import DirichletPair
from theory.ntk_classifiers.risk import asymptotic_risk, excess_risk, positive_probability

EXAMPLE = DirichletPair((1, 2), (2, 1), 0.4)
TWO = DirichletPair((0.5, 0.5, 2.5), (2.5, 0.1, 0.5), 0.4)


@pytest.mark.parametrize(
    ("exponent", "exact", "digits"),
    [
        (0, 0.16, 1e-15),
        (0.1, 0.16, 1e-15),
        (0.25, 0.16, 1e-15),
        (0.5, 0.008433403504178113, 1e-17),
        (0.75, 0.0008744422877414104, 1e-17),
        (0.9, 9.369649323222653e-5, 1e-17),
        (1, 0, 0),
        (1.2, 0.0323137056890, 5e-14),
        (1.5, 0.0534390015390, 5e-14),
        (2, 0.0673332067170, 5e-14),
        (4, 0.0790284328267, 5e-14),
        (8, 0.0817247869750, 5e-14),
        (math.inf, 0.0826048864849, 5e-14),
    ],
)
def test_excess_risks_of_example_a(exponent, exact, digits):
    """Sheet claim C8 (derived and numerical there): half a unit of its last digit.

    Exponents 0.5 to 0.9: 25-digit quadrature and root, which agree with the sheet to 2e-14, 2e-13
    and 4e-11.
    """
    found = excess_risk(EXAMPLE, exponent)
    assert abs(found.value - exact) <= digits + found.error
    assert found.error < 1e-14


@pytest.mark.parametrize(
    ("exponent", "t"),
    [(0.5, 0.3081664358517099), (0.75, 0.3704290296449134), (0.9, 0.3903203051064496)],
)
def test_boundaries_of_example_a(exponent, t):
    """25-digit quadrature and root; the sheet has ten digits.  Logits are found to 1e-13."""
    assert boundary(EXAMPLE, exponent) == pytest.approx([t], abs=3e-14)


def test_no_boundary_where_one_class_wins_everywhere():
    assert boundary(EXAMPLE, 0.25).size == 0


def arc_average(t0, pair, exponent):
    """f at (t0, 1 - t0), mpmath: t = t0 +- y^q, q = 1/(1 - exponent), has no singularity."""
    q = 1 / (1 - exponent)

    def smooth(t):
        """(2 eta - 1) p times (distance/|t - t0|)^-exponent, from the sine and cosine."""
        norm = mpmath.sqrt((t * t + (1 - t) ** 2) * (t0 * t0 + (1 - t0) ** 2))
        cosine = (t * t0 + (1 - t) * (1 - t0)) / norm
        first, second = (
            t ** (a - 1) * (1 - t) ** (b - 1) / mpmath.beta(a, b)
            for a, b in (pair.alpha1, pair.alpha2)
        )
        excess = pair.prior * first - (1 - pair.prior) * second
        return excess * (mpmath.sqrt(2 / (1 + cosine)) / norm) ** -exponent

    parts = [
        mpmath.quad(
            lambda y, sign=sign: smooth(t0 + sign * y**q),
            mpmath.linspace(0, mpmath.mpf(length) ** (1 / mpmath.mpf(q)), 9),
        )
        for sign, length in ((-1, t0), (1, 1 - t0))
    ]
    return float(q * sum(parts))


@pytest.mark.parametrize("exponent", [0.3, 0.9])
@pytest.mark.parametrize("pair", [EXAMPLE, DirichletPair((3, 4), (2, 1), 0.4)])
def test_global_average_on_the_arc_by_quadrature(pair, exponent):
    for t0 in (0.3, 0.05):
        found = global_average([[t0, 1 - t0]], pair, exponent)
        assert found == pytest.approx([arc_average(t0, pair, exponent)], rel=1e-11)


def test_three_boundaries_on_the_arc():
    pair = DirichletPair((3, 4), (2, 1), 0.4)
    roots = boundary(pair, 0.95)
    assert roots.size == 3
    for n, root in enumerate(roots):
        below, above = (arc_average(root * (1 + side), pair, 0.95) for side in (-1e-6, 1e-6))
        assert (below > 0 > above) if n % 2 == 0 else (below < 0 < above)
    edges = [0, *roots, 1]
    low, high = np.array(edges[:-1]), np.array(edges[1:])
    mass = [special.betainc(a, b, high) - special.betainc(a, b, low) for a, b in ((3, 4), (2, 1))]
    risk = 0.6 * mass[1][::2].sum() + 0.4 * mass[0][1::2].sum()
    assert asymptotic_risk(pair, 0.95).value == pytest.approx(risk, rel=1e-13)


class Parabola(_Line):
    """Roots 0.3 +- 1e-3 + step, much closer than the points of the scan."""

    def __init__(self):
        self.reach = 30

    def __call__(self, logit, step):
        return (logit - 0.3 - step) ** 2 - 1e-6


def test_scan_finds_a_pair_of_roots_inside_a_dip():
    starts_positive, coarse, fine = Parabola().roots(32, 1e-5)
    assert starts_positive
    assert coarse == pytest.approx([0.29901, 0.30101], abs=1e-12)
    assert fine == pytest.approx([0.299005, 0.301005], abs=1e-12)


@pytest.mark.parametrize(("exponent", "x"), [(0.5, (0.2, 0.5, 0.3)), (1.5, (0.6, 0.05, 0.35))])
def test_global_average_on_the_triangle_by_quadrature(exponent, x):
    """d = 2, linear densities 2 X_i, in polar coordinates about x in the plane: 1e-8."""
    pair = DirichletPair((2, 1, 1), (1, 2, 1), 0.4)
    x0 = np.array(x)
    nodes, weights = np.polynomial.legendre.leggauss(60)
    nodes, weights = (nodes + 1) / 2, weights / 2
    total = 0.0
    corners = [(1.0, 0.0), (0.0, 1.0), (0.0, 0.0), (1.0, 0.0)]  # t_0 and t_1
    for a, b in itertools.pairwise(corners):
        first, second = (math.atan2(c[1] - x0[1], c[0] - x0[0]) for c in (a, b))
        turn = (second - first + math.pi) % (2 * math.pi) - math.pi
        angles = first + turn * nodes
        edge = np.subtract(b, a)
        e = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        far = (edge[1] * (a[0] - x0[0]) - edge[0] * (a[1] - x0[1])) / (
            edge[1] * e[:, 0] - edge[0] * e[:, 1]
        )
        rho = far[:, None] * nodes**2
        e = np.concatenate([e, -e.sum(axis=1, keepdims=True)], axis=1)
        t = x0 + rho[..., None] * e[:, None]
        sine = np.linalg.norm(np.cross(x0, e), axis=1)[:, None] / np.linalg.norm(t, axis=-1)
        sine /= np.linalg.norm(x0)  # |t ^ x0| = rho |e ^ x0|
        distance = sine * np.sqrt(2 / (1 + np.sqrt(1 - (rho * sine) ** 2)))
        density = 6 * (0.4 * t[..., 0] - 0.6 * t[..., 1])
        power = 2 * nodes ** (3 - 2 * exponent)  # of rho^(1 - exponent) drho
        inner = (density * distance**-exponent) @ (power * weights) * far ** (2 - exponent)
        total += abs(turn) * float(weights @ inner)
    found = global_average(x0, pair, exponent)
    assert found == pytest.approx(total, abs=1e-8)


def test_global_average_is_the_mean_of_the_votes():
    """2e5 draws of the paper's d = 2 pair; six means within 5 standard errors, false alarm 4e-6."""
    rng, count = np.random.default_rng(3), 200_000
    labels = np.where(rng.random(count) < TWO.prior, 1, -1)
    drawn = [rng.dirichlet(alpha, count) for alpha in (TWO.alpha1, TWO.alpha2)]
    points = np.where((labels == 1)[:, None], *drawn)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    x = np.array([[0.2, 0.3, 0.5], [0.4, 0.2, 0.4], [0.1, 0.8, 0.1]])
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    r = np.linalg.norm(x[:, None] - points, axis=-1)
    for exponent in (0.5, 0.9):
        votes = labels * r**-exponent
        error = votes.std(axis=1) / math.sqrt(count)
        assert (np.abs(votes.mean(axis=1) - global_average(x, TWO, exponent)) < 5 * error).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pair", "exponent"),
    [
        (TWO, 1.0),  # the boundary leaves through an edge
        (DirichletPair((2, 2, 2), (1, 1, 1), 0.45), 1.5),  # a closed curve
        (DirichletPair((2, 1, 3.5), (1, 2, 0.8), 0.3), 0.7),
    ],
)
def test_risk_on_the_triangle_by_the_sign_of_f_on_a_grid(pair, exponent):
    """P(error | class) by the middle-point rule over 48 x 48 cells of equal mass.

    The boundary cuts some 80 cells of 2304, each off by at most a half and on average by 0: 3e-3.
    """
    found = asymptotic_risk(pair, exponent)
    assert found.error < 1e-3
    chance = (np.arange(48) + 0.5) / 48
    risk = 0.0
    for sign, mass, alpha in ((1, pair.prior, pair.alpha1), (-1, 1 - pair.prior, pair.alpha2)):
        u = special.betaincinv(alpha[0] + alpha[1], alpha[2], chance)
        w = special.betaincinv(alpha[0], alpha[1], chance)
        u, w = (np.clip(v.ravel(), 1e-12, 1 - 1e-12) for v in np.meshgrid(u, w))
        logs = np.log(np.stack([u * w, u * (1 - w), 1 - u], axis=-1))
        wrong = [(_average(log_t, pair, exponent, 1 / 4)[0] > 0) != (sign == 1) for log_t in logs]
        risk += mass * float(np.mean(wrong))
    assert risk == pytest.approx(found.value, abs=3e-3)


@pytest.mark.parametrize("s", [1e-3, 0.25, 0.5, 0.8, 0.99])
def test_stable_risk_by_the_law_of_eta(s):
    """E[eta (1 - rho) + (1 - eta) rho] over t on the arc, density 0.8 (1 - t) + 1.2 t."""
    x, w = np.polynomial.legendre.leggauss(40)
    edges = 0.4 + np.concatenate(
        [-np.geomspace(1e-9, 0.4, 40)[::-1], [0], np.geomspace(1e-9, 0.6, 40)]
    )
    t = ((edges[1:] + edges[:-1])[:, None] + np.diff(edges)[:, None] * x).ravel() / 2
    weights = (np.diff(edges)[:, None] * w).ravel() / 2
    density = 0.8 * (1 - t) + 1.2 * t
    eta = 0.8 * (1 - t) / density
    rho = 0.5 + np.arctan((2 * eta - 1) * math.tan(math.pi * s / 2)) / (math.pi * s)
    exact = weights @ (density * (eta * (1 - rho) + (1 - eta) * rho))
    found = asymptotic_risk(EXAMPLE, 1 / s)
    assert abs(found.value - exact) <= found.error + 1e-13


def test_nearest_neighbour_risk_in_more_dimensions():
    """Exact: 2 E eta (1 - eta) of a d = 3 pair that differs in one coordinate; t_0 is Beta."""
    pair = DirichletPair((2, 1, 1, 1), (1, 1, 1, 2), 0.4)

    def integrand(w):  # log odds = log(t_0/t_3) + log(2/3); w = t_0/(t_0 + t_3)
        one, two = 0.4 * 2 * w, 0.6 * 2 * (1 - w)  # Beta(2, 1) and Beta(1, 2)
        return 2 * one * two / (one + two)

    exact = integrate.quad(integrand, 0, 1)[0]
    for exponent in (math.inf, 1e9):
        assert asymptotic_risk(pair, exponent).value == pytest.approx(exact, rel=1e-12)


def test_risk_falls_to_bayes_as_the_exponent_falls_to_d():
    """s = d/alpha -> 1, also for the paper's d = 8 pair; 1 - s = 1e-6 is within 1e-5 of Bayes."""
    pair = DirichletPair((1, 2, 1, 2, 1, 1, 1, 1, 1), (1, 1, 1, 2, 3, 4, 2, 2, 1), 0.4)
    excess = [excess_risk(pair, 8 / s).value for s in (1e-9, 0.5, 0.9, 1 - 1e-6)]
    assert all(a > b > 0 for a, b in itertools.pairwise(excess))
    assert excess[-1] < 1e-5
    assert excess_risk(pair, 8) == (0, 0, "Bayes")


def test_positive_probability():
    """Sheet: (s, eta) = (.5, .7) 0.742238, (.8, .7) 0.853563, (.9, .7) 0.922212."""
    for s, exact in ((0.5, 0.742238), (0.8, 0.853563), (0.9, 0.922212)):
        assert positive_probability(0.7, 2 / s, 2) == pytest.approx(exact, abs=6e-7)
    assert list(positive_probability([0, 0.5, 1], 3, 2)) == pytest.approx([0, 0.5, 1], abs=1e-15)
    assert list(positive_probability([0.2, 0.5, 0.7], 2, 2)) == [0, 0.5, 1]
    assert positive_probability(0.7, math.inf, 2) == 0.7
    assert positive_probability(0.7, 1e6, 1) == pytest.approx(0.7, rel=1e-9)


def test_positive_probability_is_the_sign_of_a_stable_variable():
    """sum_i Y_i Gamma_i^(-1/s) at s = 1/2: 1000 terms, plus the mean of what follows.

    20 000 draws; 5 standard errors, false alarm 6e-7.
    """
    rng, s, eta = np.random.default_rng(7), 0.5, 0.7
    count, terms, positive = 20_000, 1000, 0
    for _ in range(20):
        gaps = np.cumsum(rng.exponential(size=(count // 20, terms)), axis=1)
        labels = np.where(rng.random(gaps.shape) < eta, 1, -1)
        rest = (2 * eta - 1) * gaps[:, -1] ** (1 - 1 / s) / (1 / s - 1)
        positive += ((labels * gaps ** (-1 / s)).sum(axis=1) + rest > 0).sum()
    exact = float(positive_probability(eta, 1 / s, 1))
    assert abs(positive / count - exact) < 5 * math.sqrt(exact * (1 - exact) / count)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: positive_probability(0.5, 1, 2), "exponent must be >= the dimension 2"),
        (lambda: positive_probability(1.2, 3, 2), "eta must be between"),
        (lambda: positive_probability(math.nan, 3, 2), "eta must be between"),
        (lambda: asymptotic_risk(EXAMPLE, -1), "exponent must be >= 0"),
        (lambda: asymptotic_risk(EXAMPLE, math.nan), "exponent must be >= 0"),
        (
            lambda: asymptotic_risk(DirichletPair((1,) * 4, (2,) * 4, 0.5), 1),
            "computed for d = 1 and 2, not 3",
        ),
        (lambda: boundary(EXAMPLE, 1), "boundary needs d = 1"),
        (lambda: boundary(TWO, 0.5), "boundary needs d = 1"),
        (lambda: global_average([0.5, 0.5], EXAMPLE, 1), "needs exponent < dimension"),
        (lambda: global_average([0.0, 1.0], EXAMPLE, 0.5), "every coordinate must be > 0"),
    ],
)
def test_mistakes_about_risk_get_one_line(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)

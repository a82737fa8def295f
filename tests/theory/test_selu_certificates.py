"""Certificates on SELU: proofs, counterexamples, and audits of prover and checker."""

import random
from fractions import Fraction

import mpmath
import pytest
from flint import arb, arb_series

from theory import rigor
from theory.rigor.balls import ball, exact, precision
from theory.rigor.statements import domain_of, parameters_of
from theory.selu import balls, existence, plain, recheck, statements
from theory.selu.balls import Jet

TARGET = parameters_of(statements.TARGET, {})
SELU = balls.constants(*TARGET.values())
QUICK = sorted(set(statements.STATEMENTS) - {"selu/funnel", "selu/global"})


def fraction(text):
    return exact(text)


# --- constants and definition ---


def test_constants_have_the_digits_of_the_sheet():
    scale = arb("1.050700987355480493419334985294606351959 +/- 1e-39")
    alpha = arb("1.673263242354377284817042991671652038461 +/- 1e-39")
    assert scale.contains(SELU.scale)
    assert alpha.contains(SELU.alpha)


@pytest.mark.parametrize(
    ("target", "scale", "alpha"),
    [
        ("0 2 0 1", "1.060709076103012219423", "1.971255750346268938092"),
        (".1 1 0 1", "1.160858507050400058436", "1.311957456273410222647"),
        (".3 1.5 .2 .9", "1.315808951116083035918", "1.086909438109111387147"),
        ("-.1 2 0 1", "0.9821804337959273772468", "2.326990778819341197538"),
        ("-.1 2 1 1", "1.073851239616045682162", "1.976902195424200399996"),
    ],
)
def test_both_sides_solve_for_the_sheets_constants(target, scale, alpha):
    values = [fraction(part) for part in target.split()]
    found = balls.constants(*values)
    with precision(200):
        other, k = plain.slopes(dict(zip(TARGET, values, strict=True)))
        assert other.overlaps(found.scale)
        assert k.overlaps(found.scale * found.alpha)
    assert arb(scale + " +/- 1e-20").contains(found.scale)
    assert arb(alpha + " +/- 1e-20").contains(found.alpha)


def test_no_constants_for_an_impossible_target():
    with pytest.raises(ValueError, match="no SELU constants keep mean 3 "):
        balls.constants(Fraction(3), Fraction(1, 100))


@pytest.mark.parametrize(("y", "x"), [(0.0, 1.0), (0.3, 0.02), (-1.5, 4.0), (2.0, 0.5)])
def test_definition_is_the_gaussian_integral(y, x):
    """The checker's closed forms against quadrature, 25 digits."""
    with precision(128), mpmath.workdps(30):
        found = plain.layer(TARGET)(arb(y), arb(x))
        scale, alpha = (mpmath.mpf(c.str(35, radius=False)) for c in SELU)

        def f(z):
            return scale * z if z > 0 else scale * alpha * mpmath.expm1(z)

        spread = mpmath.sqrt(x)
        kinks = sorted({y - 14 * spread, *(y + k * spread for k in (-6, -2, 2, 6)), mpmath.mpf(0)})
        kinks.append(y + 14 * spread)

        def expected(power):
            def integrand(z):
                return f(z) ** power * mpmath.npdf(z, y, spread)

            return mpmath.quad(integrand, sorted(kinks))

        mean = expected(1)
        for value, exact_value in zip(found, (mean, expected(2) - mean**2), strict=True):
            assert abs(mpmath.mpf(value.str(35, radius=False)) - exact_value) < 1e-24


# --- audit of the prover's enclosures ---


def series_values(y, x):
    """Derivatives in y (orders 0 to 4) and d/dx of those of order 0 to 2, by power series only."""
    scale, k = plain.slopes(TARGET)

    def both(ys, xs):
        a1, b1, a2, b2 = plain.halves(ys, xs)
        return scale * a1 + k * b1, scale * scale * a2 + k * k * b2

    factorial = [1, 1, 2, 6, 24]
    in_y = [
        [found[order] * factorial[order] for order in range(5)]
        for found in both(arb_series([y, 1], 5), arb_series([x], 5))
    ]
    along = [both(arb_series([y, 1], 4), arb_series([x, slope], 4)) for slope in (-2, -1, 0, 1, 2)]
    in_x = []
    for k in (0, 1):
        orders = []
        for order in range(3):
            # The coefficient of h^(order + 1) along (1, slope) is a polynomial in the slope; its
            # linear part is F_{y^order x} / order!.  Five points give it exactly (degree <= 3).
            v = [found[k][order + 1] for found in along]
            orders.append((v[0] - 8 * v[1] + 8 * v[3] - v[4]) / 12 * factorial[order])
        in_x.append(orders)
    return in_y, in_x


def random_box(chance):
    """A box of (y, x) over the ranges of all statements, and a point in it."""
    sides = []
    for middle in (chance.uniform(-0.2, 0.2), 10 ** chance.uniform(-4, 1.5)):
        half = abs(middle) * 10 ** chance.uniform(-6, -0.5)
        inside = arb(middle + half * chance.uniform(-0.99, 0.99))
        sides.append((arb(middle) + arb(0, half), inside))
    (y, y0), (x, x0) = sides
    return (y, x), (y0, x0)


def audit(boxes, seed):
    """Boxes with an entry (value, slope) of the prover that misses its exact value."""
    chance, missed = random.Random(seed), 0
    with precision(128):
        for _ in range(boxes):
            box, (y, x) = random_box(chance)
            tower = balls.tower(*box, SELU)
            with precision(200):
                in_y, in_x = series_values(y, x)
                (m, s), (mx, sx) = in_y, in_x
                exact_variance = s[0] - m[0] * m[0]
            mean, second = (balls._jets(t, t) for t in tower)
            checks = [
                *zip(tower.mean, m, strict=True),
                *zip(tower.second, s, strict=True),
                *zip([j.dx for j in mean], mx, strict=True),
                *zip([j.dx for j in second], sx, strict=True),
            ]
            found = balls.moments(box, SELU, derivatives=True)
            variance_y = s[1] - 2 * m[0] * m[1]
            variance_x = sx[0] - 2 * m[0] * mx[0]
            checks += [
                (found.enclose(jet), value)
                for jet, value in (
                    (found.mean, m[0]),
                    (found.variance, exact_variance),
                    (found.mean_y, m[1]),
                    (found.mean_x, mx[0]),
                    (found.variance_y, variance_y),
                    (found.variance_x, variance_x),
                )
            ]
            checks += [(found.variance.dy, variance_y), (found.variance.dx, variance_x)]
            missed += any(not ours.overlaps(true) for ours, true in checks)
    return missed


def test_audit_of_900_boxes_finds_every_exact_value_in_its_ball():
    assert audit(900, seed=1) == 0


def test_audit_catches_a_wrong_derivative(monkeypatch):
    def without_the_half(centre, whole):
        return tuple(
            Jet(centre[k], whole[k], whole[k + 1], whole[k + 2]) for k in range(len(whole) - 2)
        )

    monkeypatch.setattr(balls, "_jets", without_the_half)
    assert audit(60, seed=2) > 30


@pytest.mark.parametrize("name", sorted(set(statements.STATEMENTS) - {"selu/global"}))
def test_prover_and_checker_agree_at_points_and_cells_cover_them(name):
    """30 random cells a goal: the checker's enclosure holds its value at a random point of it, and
    the prover, where it encloses the same function, overlaps that value."""
    chance = random.Random(name)
    side, other = statements.STATEMENTS[name], recheck.RECHECKS[name]
    domain, parameters = domain_of(side.domain, {}), parameters_of(side.parameters, {})
    with precision(128):
        parameters = side.prepare(domain, parameters)
        ours, theirs = side.goals(domain, parameters), other.goals(domain, parameters)
        assert [(g.name, g.root) for g in ours] == [(g.name, g.root) for g in theirs]
        for goal, other_goal in list(zip(ours, theirs, strict=True))[:4]:
            for _ in range(30):
                cell, point = [], []
                for low, high in goal.root:
                    a, b = sorted(low + (high - low) * Fraction(chance.random()) for _ in "ab")
                    cell.append(ball(a, b))
                    point.append(ball(a + (b - a) * Fraction(chance.random())))
                at = other_goal.plain(tuple(point))
                for value, enclosure in zip(at, other_goal.plain(tuple(cell)), strict=True):
                    assert not value > enclosure.upper()
                    assert not value < enclosure.lower()
                if "contraction" not in goal.name:
                    for value, mine in zip(at, goal.enclose(tuple(point)), strict=True):
                        assert mine.overlaps(value)


# --- proofs ---


@pytest.mark.parametrize("name", QUICK)
def test_defaults_are_proved_and_rechecked(name):
    found = rigor.prove(name)
    assert isinstance(found, rigor.Certificate)
    assert rigor.check(found).accepted


PROVED = [
    ("theorem-1", {"omega": ("-0.25", "0.25")}, {}),
    ("theorem-1", {"tau": ("0.945", "1.117")}, {}),
    ("theorem-1", {"nu": ("0.60", "1.61"), "tau": ("0.88", "1.14")}, {}),
    ("contraction", {"tau": ("0.95", "1.1")}, {"norm": "0.897609"}),
    ("contraction", {}, {"norm": "0.98903"}),
    ("contraction", {"tau": ("0.95", "1.1"), "nu": ("0.511", "1.5")}, {}),
    ("image", {}, {"mean_low": "-0.0310606", "mean_high": "0.0677252",
                   "variance_low": "0.803711", "variance_high": "1.481575"}),
    ("theorem-2", {}, {"margin": "0.1197"}),
    ("theorem-2", {"nu": ("2.5", "16")}, {}),
    ("theorem-3", {}, {"margin": "0.00773"}),
    ("theorem-3", {"nu": ("0.02", "0.24"), "tau": ("0.9", "1.25")}, {"margin": "0.01102"}),
    ("dropout", {}, {"keep": "0.5"}),
    ("dropout", {}, {"keep": "0.8"}),
    ("dropout", {}, {"keep": "0.9"}),
    ("descent", {}, {"mean_bound": "1.2306"}),

    ("contraction", {"mu": ("0.05", "0.1"), "omega": ("-0.1", "0.6"), "tau": ("0.95", "1.1")}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "domain", "parameters"), PROVED)
def test_proved_on_other_domains(name, domain, parameters):
    found = rigor.prove(f"selu/{name}", domain, parameters)
    assert isinstance(found, rigor.Certificate), found
    assert rigor.check(found).accepted


REFUTED = [
    ("contraction", {"tau": ("0.95", "1.1")}, {"norm": "0.8976"}),
    ("contraction", {}, {"norm": "0.989026"}),
    ("image", {}, {"mean_low": "-0.03106"}),
    ("image", {"tau": ("0.8", "1.25")}, {"mean_low": "-0.041160", "mean_high": "1",
                                         "variance_low": "0", "variance_high": "2"}),
    ("theorem-1", {"tau": ("0.944", "1.1")}, {}),
    ("theorem-1", {"tau": ("0.95", "1.118")}, {}),
    ("theorem-1", {"omega": ("-0.26", "0.26")}, {}),
    ("theorem-2", {"nu": ("2.4", "16")}, {}),
    ("theorem-2", {}, {"margin": "0.12"}),
    ("theorem-3", {"nu": ("0.02", "0.42")}, {}),
    ("theorem-3", {"nu": ("0.00005", "0.16")}, {}),
    ("theorem-3", {"nu": ("0", "0.16")}, {}),
    ("descent", {"mu": ("-1", "1")}, {"mean_bound": "1"}),
    ("theorem-16", {"nu": ("0.02", "16")}, {}),
    ("dropout", {"tau": ("0.9", "1.1")}, {}),
    ("funnel", {"tau": ("0.8", "1.25")}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "domain", "parameters"), REFUTED)
def test_refuted_by_a_point(name, domain, parameters):
    found = rigor.prove(f"selu/{name}", domain, parameters)
    assert isinstance(found, rigor.Counterexample), found
    assert rigor.check(found).accepted


def test_the_slip_of_lemma_13_is_at_its_corner():
    found = rigor.prove("selu/image", None, {"mean_low": "-0.03106"})
    point = {name: exact(value) for name, value in found.point.items()}
    assert abs(point["mu"] * point["omega"] + Fraction(1, 100)) < Fraction(1, 10**5)
    assert point["nu"] * point["tau"] < Fraction("0.76001")


def test_theorem_3_down_to_tiny_variances():
    domain = {"nu": ("0.00007", "0.4"), "tau": ("0.8", "1.25")}
    assert isinstance(rigor.prove("selu/theorem-3", domain), rigor.Certificate)


def test_funnel_takes_25_layers():
    found = rigor.prove("selu/funnel")
    assert isinstance(found, rigor.Certificate)
    assert len(found.goals) == 25


def test_window_is_proved_down_to_small_variances():
    found = rigor.prove("selu/window", {"x": ("0.00006103515625", "1024")})
    assert isinstance(found, rigor.Certificate)


@pytest.mark.parametrize("x", ["1e-9", "1e-4", "0.03", "30", "2000", "1e6"])
def test_ends_of_the_window_have_the_slope_of_the_definition(x):
    """h = V / x by the expansions at both ends against V of the definition: dh/dx has one value."""
    with precision(200):
        at = ball(exact(x))
        variance = plain.layer(TARGET)(arb_series([0], 2), arb_series([at, 1], 2))[1]
        slope = (at * variance[1] - variance[0]) / (at * at)
        domain = {"r": (Fraction(0), Fraction(1, 5)), "s": (Fraction(0), Fraction(1, 5))}
        small, large = statements.window_ends.goals(domain, TARGET)
        others = recheck.window_ends(domain, TARGET)
        scale = SELU.scale * SELU.scale
        for side in ((small, large), others):
            enclose = [getattr(goal, "enclose", None) or goal.plain for goal in side]
            if at < 1:  # v = sqrt(x / 2): dh/dx = dh/dv / (4 v)
                (found,) = enclose[0]((at.sqrt(),))
                assert (-found * scale / (4 * (at / 2).sqrt())).overlaps(slope)
            else:  # s = x^(-1/2): dh/dx = -dh/ds s^3 / 2
                (found,) = enclose[1]((1 / at.sqrt(),))
                assert (-found * scale / (2 * at * at.sqrt())).overlaps(slope)
                assert found.rad() < 2 / at.sqrt()


# --- the reduction to two variables ---


def test_lifted_points_have_the_extreme_values_of_their_y_and_x():
    chance = random.Random(3)
    for _ in range(300):
        domain = {}
        for name, low, high in (("mu", -1, 1), ("omega", -1, 1), ("nu", 0.1, 3), ("tau", 0.5, 2)):
            ends = sorted(Fraction(chance.uniform(low, high)) for _ in "ab")
            domain[name] = (ends[0], ends[1])
        start = {
            name: low + (high - low) * Fraction(chance.random())
            for name, (low, high) in domain.items()
        }
        y, x = start["mu"] * start["omega"], start["nu"] * start["tau"]
        for most_nu in (False, True):
            point = statements.lift(domain, most_nu)((y, x))
            assert point is not None
            assert point["mu"] * point["omega"] == y
            assert point["nu"] * point["tau"] == x
            assert all(low <= point[name] <= high for name, (low, high) in domain.items())
            assert abs(point["omega"]) >= abs(start["omega"])
            assert (point["nu"] >= start["nu"]) if most_nu else (point["nu"] <= start["nu"])


# --- mistakes ---


@pytest.mark.parametrize(
    ("name", "domain", "parameters", "message"),
    [
        ("theorem-1", {"nu": ("-1", "1")}, {}, "nu begins at -1"),
        ("theorem-2", {"tau": ("0", "1")}, {}, "tau begins at 0"),
        ("contraction", {}, {"norm": "0"}, "norm must be > 0"),
        ("dropout", {}, {"keep": "0"}, "keep must be above 0"),
        ("global", {}, {"cells": "0.5"}, "cells must be a whole number"),
        ("window", {"x": ("0", "1")}, {}, "x must be positive"),
        ("funnel", {}, {"rectangles": [["0", "1"]]}, "four ends"),
        ("global", {}, {"rectangles": [["0.8", "1", "0", "1", "1", "2"]]}, "end at 1,"),
        ("theorem-1", {}, {"target_mean": "3"}, "no SELU constants"),
        ("theorem-1", {"tau": ("1e-900", "1e900")}, {}, "tau must have ends of size 1e-30"),
        ("theorem-1", {"mu": ("-1e500", "50")}, {}, "mu must have ends of size"),
    ],
)
def test_mistakes_get_one_line(name, domain, parameters, message):
    with pytest.raises(ValueError, match=message) as caught:
        rigor.prove(f"selu/{name}", domain, parameters)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "domain", [{"tau": ("0.5", "1.25")}, {"tau": ("0.4", "3")}, {"nu": ("0", "16")}]
)
def test_sets_without_a_chain_are_left_undecided(domain):
    """A variance that dies (tau < 0.4956 at omega = 0) or explodes, or is 0 at the start."""
    assert isinstance(rigor.prove("selu/global", domain, max_boxes=300), rigor.Undecided)


def test_checker_rejects_another_box():
    found = rigor.prove("selu/theorem-1")
    wide = {**found.parameters, "box": (("-0.2", "0.2"), found.parameters["box"][1])}
    other = rigor.Certificate(found.statement, found.domain, wide, found.precision, found.goals)
    assert not rigor.check(other).accepted


# --- existence of fixed points ---


@pytest.mark.parametrize(
    ("omega", "tau", "mean", "variance", "attracting"),
    [
        (-0.1, 0.95, -0.01672035400192615, 0.8306543490988896, True),
        (0.1, 1.1, 0.05470598061819395, 1.410289829275663, True),
        (0.0, 2.0, 1.780421083698416, 18.45990082076793, True),
        (0.9, 1.1, 5.086902622920098, 22.93027957965648, True),
        (1.0, 1.0, 0.0, 1.0, False),
    ],
)
def test_fixed_points_of_the_sheet_exist(omega, tau, mean, variance, attracting):
    found = existence.enclose(omega, tau, mean, variance)
    assert found is not None
    assert found.error < 1e-13 * max(1, variance)
    assert found.attracting is attracting


def test_no_fixed_point_is_found_where_there_is_none():
    assert existence.enclose(0.0, 1.0, 0.1, 1.0) is None
    assert existence.enclose(0.0, 0.49, -0.001, 1e-4) is None


def test_rounded_constants_have_a_fixed_point_elsewhere():
    found = existence.enclose(0.0, 1.0, 0.0, 1.0, scale=1.0507, alpha=1.6733)
    assert found is not None
    assert 5e-5 < found.error < 1e-4


def test_nan_is_refused():
    with pytest.raises(ValueError, match="mean must be finite, not nan"):
        existence.enclose(0.0, 1.0, float("nan"), 1.0)

"""Longer audits of the certificates on SELU: all four variables directly, and whole re-checks."""

import random
from fractions import Fraction

import pytest
from flint import arb

from theory import rigor
from theory.rigor.balls import ball, exact, precision
from theory.rigor.statements import parameters_of
from theory.selu import plain, recheck, statements

pytestmark = pytest.mark.slow

TARGET = parameters_of(statements.TARGET, {})


def covered(domain, positive, most=200_000):
    """Number of boxes of a plain bisection of all four sides, each against the root's width."""
    root = [(exact(low), exact(high)) for low, high in domain]
    widths = [high - low for low, high in root]
    todo, done = [tuple(root)], 0
    while todo:
        box = todo.pop()
        if all(value > 0 for value in positive(*(ball(*side) for side in box))):
            done += 1
            continue
        assert done + len(todo) < most
        k = max(range(4), key=lambda i: (box[i][1] - box[i][0]) / widths[i])
        low, high = box[k]
        for side in ((low, (low + high) / 2), ((low + high) / 2, high)):
            todo.append((*box[:k], side, *box[k + 1 :]))
    return done


OMEGA = [("-0.1", "0.1"), ("-0.1", "0.1"), ("0.8", "1.5"), ("0.95", "1.1")]


def test_contraction_on_all_four_variables_without_the_reduction():
    with precision(96):
        moments = plain.layer(TARGET)

        def positive(mu, omega, nu, tau):
            entries = plain.centred_jacobian(moments, mu * omega, nu * tau)
            return plain.norm_gap(entries, omega, tau, Fraction(1))

        assert covered(OMEGA, positive) > 1


def test_invariance_on_all_four_variables_without_the_reduction():
    with precision(96):
        moments = plain.layer(TARGET)

        def positive(mu, omega, nu, tau):
            mean, variance = plain.centred(moments, mu * omega, nu * tau)
            tenth = arb("0.1")
            return mean + tenth, tenth - mean, variance - arb("0.8"), arb("1.5") - variance

        assert covered(OMEGA, positive) > 1


def test_no_random_point_violates_a_proved_statement():
    """2000 points each, none may be certainly violated: no false alarm is possible."""
    chance = random.Random(5)
    for name in sorted(set(statements.STATEMENTS) - {"selu/global", "selu/funnel"}):
        found = rigor.prove(name)
        domain = {v: (exact(a), exact(b)) for v, (a, b) in found.domain.items()}
        with precision(96):
            parameters = parameters_of(found.parameters, found.parameters)
            for _ in range(2000):
                point = {
                    v: low + (high - low) * Fraction(chance.random())
                    for v, (low, high) in domain.items()
                }
                assert all(v > 0 for v in recheck.RECHECKS[name].violation(point, parameters))


@pytest.mark.parametrize(
    ("name", "domain"),
    [("window", {"x": ("0.00006103515625", "1024")}), ("funnel", {}), ("global", {})],
)
def test_long_certificates_are_rechecked(name, domain):
    found = rigor.prove(f"selu/{name}", domain)
    assert isinstance(found, rigor.Certificate)
    assert rigor.check(found).accepted


def test_theorem_3_down_to_small_variances_is_rechecked():
    domain = {"nu": ("0.001", "0.4")}
    assert rigor.check(rigor.prove("selu/theorem-3", domain)).accepted

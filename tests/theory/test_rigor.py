"""Exact reading and rounding, statements, and the search for proofs."""

from __future__ import annotations

import threading
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.theory.rigor_toys import STATEMENTS, TOYS, toy
from theory.rigor import (
    Certificate,
    Counterexample,
    Goal,
    Statement,
    Undecided,
    check,
    prove,
    statements,
)
from theory.rigor.balls import ball, ends, exact, fraction, hull, outward, precision, written
from theory.rigor.statements import SUBJECTS


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The toys are the whole registry."""
    monkeypatch.delitem(SUBJECTS, "selu")
    monkeypatch.setitem(SUBJECTS, "toy", ("tests.theory.rigor_toys",) * 2)


@pytest.mark.parametrize(
    ("given", "number"),
    [
        ("0.1", Fraction(1, 10)),
        ("-1e-4", Fraction(-1, 10_000)),
        ("+3/7", Fraction(3, 7)),
        (" .5 ", Fraction(1, 2)),
        ("2.", Fraction(2)),
        ("1e1000", Fraction(10**1000)),
        (0.1, Fraction(1, 10)),
        (-1e-300, Fraction(-1, 10**300)),
        (np.float64(0.1), Fraction(1, 10)),
        (np.float32(0.1), Fraction(1, 10)),
        (np.int64(7), Fraction(7)),
        (Decimal("0.30"), Fraction(3, 10)),
        (Fraction(3, 7), Fraction(3, 7)),
    ],
)
def test_numbers_are_read_exactly(given: object, number: Fraction) -> None:
    assert exact(given) == number


@pytest.mark.parametrize(
    "bad",
    [
        *(
            "",
            "nan",
            "inf",
            "1e999999999",
            "1e1001",
            "0x1",
            "1/0",
            "1/-2",
            "1_0",
            "٣",
            "1 2",
            "--1",
        ),
        *("9" * 2000, "1" * 999 + "/0", float("nan"), -np.inf, Decimal("Infinity"), np.inf),
        *(True, None, [1], {}, 1j, b"1"),
    ],
)
def test_what_is_no_number_gets_one_line(bad: object) -> None:
    with pytest.raises(ValueError, match=r'^tau must be a number such as "0.1"') as caught:
        exact(bad, "tau")
    assert len(str(caught.value)) < 120


@given(st.fractions() | st.floats(allow_nan=False, allow_infinity=False).map(Fraction))
def test_written_numbers_are_read_back(number: Fraction) -> None:
    assert exact(written(number)) == number


@given(st.fractions(), st.integers(2, 200), st.booleans())
def test_outward_rounding(number: Fraction, bits: int, up: bool) -> None:
    m, e = outward(number, bits, up)
    rounded = fraction((m, e))
    assert rounded >= number if up else rounded <= number
    assert abs(m).bit_length() <= bits
    assert m % 2 or (m, e) == (0, 0)
    assert abs(rounded - number) <= abs(number) * Fraction(2) ** (2 - bits)
    assert outward(rounded, bits, not up) == (m, e)


def test_balls_hold_their_ends() -> None:
    low, high = Fraction(1, 3), Fraction(5, 7)
    found = ends(ball(low, high))
    assert found[0] <= low < high <= found[1]
    assert ends(hull(ball(low), ball(high)))[1] >= high
    assert ends(ball(Fraction(3, 8))) == (Fraction(3, 8), Fraction(3, 8))
    with pytest.raises(ValueError, match="no finite ends"):
        ends(arb("nan"))


def test_precision_is_restored_and_held() -> None:
    """It is process-wide state: a second thread must wait, not change it under the first."""
    before = ctx.prec
    seen: list[int] = []

    def other() -> None:
        with precision(300):
            seen.append(ctx.prec)

    thread = threading.Thread(target=other)
    with precision(200):
        thread.start()
        thread.join(0.05)
        assert seen == []
        with precision(100):
            assert ctx.prec == 100
        assert ctx.prec == 200
    thread.join()
    assert seen == [300]
    with pytest.raises(ZeroDivisionError), precision(200):
        raise ZeroDivisionError
    assert ctx.prec == before


@pytest.mark.parametrize(
    ("name", "margin", "expected"),
    [
        ("bump", "0.6", Certificate),
        ("bump", "0.523334", Certificate),  # the maximum is 157/300 = 0.52333..., in a corner
        ("bump", "0.523333", Counterexample),
        ("touch", "1e-6", Certificate),
        ("touch", "-1e-6", Counterexample),  # violated on an interval of length 1.2e-3
        ("touch", "0", Undecided),
        ("edge", "0.99999", Certificate),
        ("edge", "1", Undecided),
        ("edge", "1.00001", Counterexample),
        ("spread", "0.3", Certificate),
        ("spread", "-0.001", Counterexample),
        ("decades", "0.5", Certificate),
        ("decades", "1.0000001", Counterexample),
    ],
)
def test_verdicts_on_toys(name: str, margin: str, expected: type) -> None:
    statement, recheck = TOYS[name]
    found = prove(statement, parameters={"margin": margin}, max_boxes=20_000)
    assert type(found) is expected
    if not isinstance(found, Undecided):
        checked = check(found, recheck)
        assert (checked.accepted, checked.reason) == (True, "")


def test_corners_are_those_of_the_exact_domain() -> None:
    found = prove(TOYS["bump"][0], parameters={"margin": "0.5233333"})
    assert isinstance(found, Counterexample)
    assert found.point == {"x": "0.7", "y": "1/3"}
    assert str(found) == "refuted at x = 0.7, y = 1/3"
    assert float(found.values[0].split()[0].lstrip("[")) == pytest.approx(-1 / 3 * 1e-7)


def test_relative_cuts_follow_the_decades() -> None:
    """Boxes from x to 2 x at most: 17 of them from 1e-5 to 1, times the cuts of y."""
    relative, absolute = (prove(TOYS[name][0]) for name in ("decades", "steps"))
    assert isinstance(relative, Certificate)
    assert isinstance(absolute, Certificate)
    assert relative.boxes < absolute.boxes
    firsts = {box[0] for box in relative.goals["positive"]}
    assert all(0.4 < fraction(low) / fraction(high) < 0.9 for low, high in firsts)


def test_given_ranges_replace_the_defaults_by_name() -> None:
    found = prove(TOYS["bump"][0], {"y": [0.2, "0.3"]}, {"margin": 1})
    assert isinstance(found, Certificate)
    assert found.domain == {"x": ("-0.1", "0.7"), "y": ("0.2", "0.3")}
    assert found.parameters == {"margin": "1"}


def test_a_range_may_be_a_point() -> None:
    found = prove(TOYS["bump"][0], {"x": ("1/3", "1/3"), "y": ("0.25", "0.25")}, {"margin": "0.16"})
    assert isinstance(found, Certificate)
    assert check(found, TOYS["bump"][1]).accepted
    refuted = prove(TOYS["bump"][0], {"x": ("1/3", "1/3"), "y": ("0", "0")}, {"margin": "1/9"})
    assert isinstance(refuted, Undecided)  # 1/9 - 1/9 is 0, which balls around 1/3 cannot tell


def test_a_violation_that_is_no_point_of_the_domain_refutes_nothing() -> None:
    def goals(domain: Any, parameters: Any) -> tuple[Goal, ...]:
        return (Goal("sum", (domain["s"],), lambda b: [1 - b[0]]),)

    found = prove(Statement("toy/s", "", {"s": ("0", "2")}, goals, {}), max_boxes=100)
    assert isinstance(found, Undecided)
    assert str(found).startswith("not decided within 100 boxes; left over: sum, [1.35937500, 1.3")


def test_a_point_of_equality_ends_the_search_before_the_budget() -> None:
    found = prove(TOYS["edge"][0])
    assert isinstance(found, Undecided)
    assert found.boxes < 500
    assert found.where.startswith("positive, [0.333333333, 0.333333333]")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("toy/bomp",), r'^unknown statement "toy/bomp"; did you mean "toy/bump"\?$'),
        (("toy/bump", {"z": ("0", "1")}), r'^unknown variable "z"; known: x, y\.$'),
        (("toy/bump", {"x": ("1", "0")}), "range of x is reversed: 1 > 0; swap its ends"),
        (("toy/bump", {"x": ("0", "nan")}), "range of x: each end must be a number"),
        (("toy/bump", {"x": ("0",)}), "range of x must be two ends"),
        (("toy/bump", {"x": "01"}), "range of x must be two ends"),
        (("toy/bump", {}, {"margins": 1}), 'unknown parameter "margins"; did you mean "margin"'),
        (("toy/bump", {}, {"margin": ["1"]}), "parameter margin must be a number"),
        (("toy/bump", {}, {"margin": "x"}), "parameter margin must be a number such as"),
    ],
)
def test_mistakes_get_one_line(registered: None, words: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        prove(*words)


@pytest.mark.parametrize(
    "options", [{"precision": 8}, {"precision": 10**6}, {"max_boxes": 0}, {"max_boxes": 1.5}]
)
def test_options_have_limits(options: Any) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(options))} must be a whole number"):
        prove(TOYS["bump"][0], **options)


def test_the_registry_lists_both_sides(registered: None) -> None:
    assert statements() == STATEMENTS
    found = prove("toy/spread")
    assert isinstance(found, Certificate)
    assert check(found).accepted


COEFFICIENTS = st.lists(st.integers(-8, 8), min_size=6, max_size=6)


SIDES = ((Fraction(-7, 10), Fraction(9, 10)), (Fraction(1, 3), Fraction(11, 10)))


def least(c: list[int]) -> Fraction:
    """The minimum of the quadratic over the box: at a corner, on a side or where it is flat."""
    (_, _, _, a, b, d), (xs, ys) = c, SIDES
    points = [(x, y) for x in xs for y in ys]
    if 4 * a * d != b * b:
        det = 4 * a * d - b * b
        points.append(
            (Fraction(b * c[2] - 2 * d * c[1], det), Fraction(b * c[1] - 2 * a * c[2], det))
        )
    points += [(x, -(c[2] + b * x) / (2 * d)) for x in xs if d]
    points += [(-(c[1] + b * y) / (2 * a), y) for y in ys if a]
    inside = [(x, y) for x, y in points if xs[0] <= x <= xs[1] and ys[0] <= y <= ys[1]]
    return min(quadratic(c, x, y) for x, y in inside)


def quadratic(c: list[int], x: Any, y: Any) -> Any:
    return c[0] + c[1] * x + c[2] * y + c[3] * x * x + c[4] * x * y + c[5] * y * y


@settings(max_examples=60, deadline=None)
@given(COEFFICIENTS)
def test_no_verdict_contradicts_exact_values(c: list[int]) -> None:
    """Random quadratics on a box with ends that are no binary numbers, against the exact minimum.

    20000 boxes decide wherever it is not small (2000 leave 0.12 in one of 3000 random cases).
    """

    def value(p: Any, margin: Any) -> Any:
        return quadratic(c, *p) + margin

    statement, recheck = toy("toy/q", value, {"x": ("-0.7", "0.9"), "y": ("1/3", "1.1")}, "1/7")
    found = prove(statement, max_boxes=20000)
    minimum = least(c) + Fraction(1, 7)
    if isinstance(found, Certificate):
        assert minimum > 0
        assert check(found, recheck).accepted
    elif isinstance(found, Counterexample):
        point = (exact(found.point["x"]), exact(found.point["y"]))
        assert value(point, Fraction(1, 7)) <= 0
        assert minimum <= 0
        assert check(found, recheck).accepted
    else:
        assert abs(minimum) < 0.1


def test_goals_need_names_of_their_own() -> None:
    """Else one of two would be lost, in the search and in the checker."""
    statement, recheck = TOYS["bump"]
    found = prove(statement)
    assert isinstance(found, Certificate)
    for times in (0, 2):
        goals = lambda d, p, n=times: list(statement.goals(d, p)) * n  # noqa: E731
        plain = lambda d, p, n=times: list(recheck.goals(d, p)) * n  # noqa: E731
        with pytest.raises(ValueError, match="needs goals with distinct names"):
            prove(replace(statement, goals=goals))
        checked = check(replace(found, goals={}), replace(recheck, goals=plain))
        assert (checked.accepted, checked.cells) == (False, 0)

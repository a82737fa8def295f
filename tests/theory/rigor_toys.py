"""Statements with known answers for the tests of `theory.rigor`; both sides of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from flint import arb

from theory.rigor import Domain, Goal, Parameters, PlainGoal, Point, Recheck, Statement
from theory.rigor.balls import ball

Function = Callable[[Sequence[Any], Any], Any]


def toy(
    name: str,
    function: Function,
    domain: dict[str, tuple[str, str]],
    margin: str,
    relative: tuple[bool, ...] = (),
) -> tuple[Statement, Recheck]:
    """`function(point, margin)` > 0 on the domain, enclosed by evaluating it on balls."""
    names = tuple(domain)

    def root(ranges: Domain) -> tuple[tuple[Fraction, Fraction], ...]:
        return tuple(ranges[variable] for variable in names)

    def enclose(parameters: Parameters) -> Callable[[tuple[arb, ...]], list[arb]]:
        return lambda balls: [function(balls, ball(parameters["margin"]))]

    def point(place: tuple[Fraction, ...]) -> Point:
        return dict(zip(names, place, strict=True))

    def goals(ranges: Domain, parameters: Parameters) -> tuple[Goal, ...]:
        return (Goal("positive", root(ranges), enclose(parameters), point, relative),)

    def plain(ranges: Domain, parameters: Parameters) -> tuple[PlainGoal, ...]:
        return (PlainGoal("positive", root(ranges), enclose(parameters)),)

    def violation(place: Point, parameters: Parameters) -> list[arb]:
        return enclose(parameters)(tuple(ball(place[variable]) for variable in names))

    return (
        Statement(name, "The function is positive.", domain, goals, {"margin": margin}),
        Recheck(names, ("margin",), plain, violation),
    )


def _bump(p: Sequence[Any], margin: Any) -> Any:
    x, y = p
    return margin - (x * x + y * y - x * y * y)


def _spread(p: Sequence[Any], margin: Any) -> Any:
    x, y, z = p
    return x * x + y * y + z * z - x * y - y * z - z * x + margin


def _decades(p: Sequence[Any], margin: Any) -> Any:
    x, y = p
    return x - margin * (x + x * y - x * y)


DECADES = {"x": ("1e-5", "1"), "y": ("0", "1")}
TOYS = {
    "bump": toy("toy/bump", _bump, {"x": ("-0.1", "0.7"), "y": ("0.1", "1/3")}, "0.6"),
    # (x - 1)^2 (x + 2) touches 0 at x = 1, which is not where boxes are cut.
    "touch": toy(
        "toy/touch", lambda p, m: p[0] * (p[0] ** 2 - 3) + 2 + m, {"x": ("-1.9", "1.77")}, "0"
    ),
    "edge": toy("toy/edge", lambda p, m: 3 * p[0] - m, {"x": ("1/3", "1")}, "1"),
    "spread": toy(
        "toy/spread",
        _spread,
        {"x": ("-0.3", "0.4"), "y": ("-0.3", "0.7"), "z": ("0.1", "0.2")},
        "0.3",
    ),
    "decades": toy("toy/decades", _decades, DECADES, "0.5", (True, False)),
    "steps": toy("toy/steps", _decades, DECADES, "0.5"),
}
STATEMENTS = {statement.name: statement for statement, _ in TOYS.values()}
RECHECKS = {statement.name: recheck for statement, recheck in TOYS.values()}

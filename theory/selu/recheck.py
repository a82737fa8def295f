r"""The theorems on SELU as the checker reads them: nothing here comes from the prover.

A function is enclosed over a cell by its value at the centre and its slopes over the cell, both
from `theory.selu.plain`.  A certificate says which boxes; everything else, constants included, is
worked out again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import groupby, pairwise
from typing import Any, TypeAlias

from flint import arb, arb_series

from theory.rigor.balls import ball
from theory.rigor.statements import Domain, Interval, Parameters, PlainGoal, Point, Recheck
from theory.selu.plain import (
    TARGET,
    Map,
    Series,
    centred,
    centred_jacobian,
    dropout,
    jacobian,
    layer,
    norm_gap,
    slopes,
)

VARIABLES = ("mu", "omega", "nu", "tau")


def box(domain: Domain) -> tuple[Interval, Interval]:
    """Ranges of y = mu omega and x = nu tau."""
    if domain["nu"][0] < 0 or domain["tau"][0] <= 0:
        raise ValueError("nu and tau must be positive.")
    found = []
    for first, second in (("mu", "omega"), ("nu", "tau")):
        corners = [a * b for a in domain[first] for b in domain[second]]
        found.append((min(corners), max(corners)))
    return found[0], found[1]


def image(name: str, domain: Domain, moments: Map, mean: Interval, variance: Interval) -> PlainGoal:
    """The moments lie strictly inside a rectangle."""
    ends = [ball(end) for end in (*mean, *variance)]

    def plain(cell: tuple[arb, ...]) -> list[arb]:
        return _inside(centred(moments, *cell), ends)

    return PlainGoal(name, box(domain), plain)


def _inside(found: Sequence[arb], ends: Sequence[arb]) -> list[arb]:
    (mean, variance), (a, b, c, d) = found, ends
    return [mean - a, b - mean, variance - c, d - variance]


def widest_omega(domain: Domain) -> Fraction:
    """A bound of |omega| on the domain: its ends, and |y| / |mu| where mu stays away from 0."""
    widest = max(map(abs, domain["omega"]))
    low, high = domain["mu"]
    if low <= 0 <= high:
        return widest
    return min(widest, max(map(abs, box(domain)[0])) / min(abs(low), abs(high)))


def highest_tau(domain: Domain, x: arb) -> arb:
    """A bound of tau for x = nu tau: its end, and x / nu_min."""
    tau, nu = domain["tau"][1], domain["nu"][0]
    return ball(tau).min(x / ball(nu)) if nu else ball(tau)


def contraction(
    domain: Domain, moments: Map, norm: Fraction, name: str = "contraction"
) -> PlainGoal:
    """The Jacobian with respect to (mu, nu) is d(mean, variance)/d(y, x) times diag(omega, tau).

    Its norm grows with |omega| and with tau, so the largest of each decides at given (y, x).
    """
    omega = ball(widest_omega(domain))

    def plain(cell: tuple[arb, ...]) -> list[arb]:
        return norm_gap(centred_jacobian(moments, *cell), omega, highest_tau(domain, cell[1]), norm)

    return PlainGoal(name, box(domain), plain)


def change(domain: Domain, parameters: Parameters, rises: bool) -> PlainGoal:
    """Variance above every nu of the cell, plus the margin (or below every nu, less the margin).

    The nu of x = nu tau lie between x / tau_max and x / tau_min and in the range of nu.
    """
    moments, margin = layer(parameters), ball(parameters["margin"])
    sign = 1 if rises else -1
    end, tau = domain["nu"][rises], ball(domain["tau"][not rises])
    kink, flat = tau * ball(end), ball(end)

    def plain(cell: tuple[arb, ...]) -> list[arb]:
        sloped = cell[1] < kink if rises else cell[1] > kink

        def gap(y: Series, x: Series) -> list[Series]:
            # 0 x makes a series of the constant, so that it has a slope of 0.
            nu = x / tau if sloped else flat + 0 * x
            return [sign * (moments(y, x)[1] - nu) - margin]

        return centred(gap, *cell)

    return PlainGoal("variance rises" if rises else "variance falls", box(domain), plain)


def theorem_1(domain: Domain, parameters: Parameters, moments: Map) -> tuple[PlainGoal, ...]:
    """Invariance of the box of (mu, nu), and contraction."""
    return (
        image("invariance", domain, moments, domain["mu"], domain["nu"]),
        contraction(domain, moments, parameters["norm"]),
    )


def slope(domain: Domain, parameters: Parameters) -> tuple[PlainGoal, ...]:
    """|d variance / d nu| < 1, where d/dnu = tau d/dx."""
    moments = layer(parameters)

    def plain(cell: tuple[arb, ...]) -> list[arb]:
        steep = centred_jacobian(moments, *cell)[3] * highest_tau(domain, cell[1])
        return [1 - steep, 1 + steep]

    return (PlainGoal("slope", box(domain), plain),)


def descent(domain: Domain, parameters: Parameters) -> tuple[PlainGoal, ...]:
    """The mean stays inside its bound and the variance falls by the margin."""
    moments, bound = layer(parameters), ball(parameters["mean_bound"])

    def plain(cell: tuple[arb, ...]) -> list[arb]:
        (mean,) = centred(lambda y, x: moments(y, x)[:1], *cell)
        return [mean + bound, bound - mean]

    return PlainGoal("mean stays", box(domain), plain), change(domain, parameters, rises=False)


def window(domain: Domain, parameters: Parameters) -> tuple[PlainGoal, ...]:
    """F = V - x V' > 0 for the variance V at y = 0; F' = -x V'' and F'' = -V'' - x V'''."""
    moments = layer(parameters)
    if domain["x"][0] <= 0:
        raise ValueError("x must be positive.")

    def plain(cell: tuple[arb, ...]) -> list[arb]:
        (x,) = cell
        middle, step = x.mid(), x - x.mid()
        at = moments(arb_series([0], 3), arb_series([middle, 1], 3))[1]
        over = moments(arb_series([0], 4), arb_series([x, 1], 4))[1]
        slope, bend = -2 * middle * at[2], -(2 * over[2] + 6 * x * over[3])
        return [at[0] - middle * at[1] + slope * step + bend * step * step / 2]

    return (PlainGoal("quotient falls", (domain["x"],), plain),)


def window_ends(domain: Domain, parameters: Parameters) -> tuple[PlainGoal, ...]:
    """V / x at y = 0 falls as r = sqrt(x) grows, and as s = 1 / sqrt(x) falls."""
    if any(domain[name][0] < 0 or domain[name][1] > Fraction(1, 5) for name in ("r", "s")):
        raise ValueError("r and s must lie in [0, 1/5].")
    scale, k = slopes(parameters)
    alpha, unit, half = k / scale, 1 / (2 * arb.pi()).sqrt(), arb("0.5")

    def small(cell: tuple[arb, ...]) -> list[arb]:
        v, factor = cell[0] / arb(2).sqrt(), alpha / arb(8).sqrt()
        near, slope, _ = _erfcx_quotient(v)
        # D = -2 int_1^2 E'(tv) dt, so D' = -2 int_1^2 t E''(tv) dt.
        bend = -3 * _erfcx_quotient(v.union(2 * v))[2]
        return [-alpha * alpha * bend / 4 - 2 * (unit - factor * near) * factor * slope]

    def large(cell: tuple[arb, ...]) -> list[arb]:
        (s,) = cell
        value, slope = [], []
        for t in (1, 2):  # E[e^{tz}; z < 0] = s A / (t sqrt(2 pi)), 1 - a <= A <= 1 - a + 3 a^2
            a = s * s / (t * t)
            rest = (1 - a).union(1 - a + 3 * a * a)
            value.append(unit * s / t * rest)
            # its d/ds = (t / (s^2 sqrt(2 pi))) (1 - A), and 1 - A = a (1 - [0, 3a])
            slope.append(unit / t * (1 - arb(0).union(3 * a)))
        inside = value[1] - 2 * value[0] + half
        mean = unit + alpha * s * (value[0] - half)
        rise = alpha * alpha * (2 * s * inside + s * s * (slope[1] - 2 * slope[0]))
        return [rise - 2 * mean * alpha * (value[0] - half + s * slope[0])]

    return (
        PlainGoal("small variances", (domain["r"],), small),
        PlainGoal("large variances", (domain["s"],), large),
    )


def _erfcx_quotient(v: arb) -> tuple[arb, arb, arb]:
    """(1 - erfcx(v)) / v = (2 / sqrt pi) M(1, 3/2, v^2) - v M(1, 2, v^2), and two derivatives."""
    w, c = v * v, 2 / arb.pi().sqrt()
    f0, f1, f2 = _kummer(w, arb("1.5"))
    g0, g1, g2 = _kummer(w, arb(2))
    return (
        c * f0 - v * g0,
        c * 2 * v * f1 - g0 - 2 * w * g1,
        c * (2 * f1 + 4 * w * f2) - v * (6 * g1 + 4 * w * g2),
    )


def _kummer(w: arb, b: arb) -> tuple[arb, arb, arb]:
    """M(1, b, w) and its first two derivatives."""
    return (
        w.hypgeom_1f1(1, b),
        w.hypgeom_1f1(2, b + 1) / b,
        2 * w.hypgeom_1f1(3, b + 2) / (b * (b + 1)),
    )


def _rows(parameters: Parameters, width: int) -> list[tuple[Fraction, ...]]:
    rows = list(parameters["rectangles"])
    for row in rows:
        reversed_ends = any(row[k] > row[k + 1] for k in range(0, len(row) - 1, 2))
        if len(row) != width or reversed_ends:
            raise ValueError(f"each of `rectangles` must have {width} ends in order.")
    return rows


def _target(parameters: Parameters) -> tuple[Interval, Interval]:
    return (
        (parameters["mean_low"], parameters["mean_high"]),
        (parameters["variance_low"], parameters["variance_high"]),
    )


def funnel(domain: Domain, parameters: Parameters) -> tuple[PlainGoal, ...]:
    """Each rectangle of the chain is mapped into the next, the last into the target."""
    moments = layer(parameters)
    chain: list[Any] = [(domain["mu"], domain["nu"])]
    chain += [(row[:2], row[2:]) for row in _rows(parameters, 4)] + [_target(parameters)]
    return _links("layer", domain, moments, chain)


def _links(name: str, domain: Domain, moments: Map, chain: Sequence[Any]) -> tuple[PlainGoal, ...]:
    return tuple(
        image(f"{name} {number}", {**domain, "mu": mu, "nu": nu}, moments, mean, variance)
        for number, ((mu, nu), (mean, variance)) in enumerate(pairwise(chain), start=1)
    )


def everywhere(domain: Domain, parameters: Parameters) -> tuple[PlainGoal, ...]:
    """For each cell of tau: the chain, its last rectangle into itself, and contraction there."""
    moments = layer(parameters)
    found: list[PlainGoal] = []
    reached = domain["tau"][0]
    for tau, rows in groupby(_rows(parameters, 6), key=lambda row: row[:2]):
        if tau[0] != reached:
            raise ValueError(f"the cells of tau do not join at {float(reached):g}.")
        reached = tau[1]
        chain = [(domain["mu"], domain["nu"]), *((row[2:4], row[4:]) for row in rows)]
        part = {**domain, "tau": (tau[0], tau[1])}
        name = f"tau {float(tau[0]):.6g} to {float(tau[1]):.6g}"
        found += _links(f"{name}: layer", part, moments, [*chain, chain[-1]])
        last = {**part, "mu": chain[-1][0], "nu": chain[-1][1]}
        found.append(contraction(last, moments, Fraction(1), f"{name}: contraction"))
    if reached != domain["tau"][1]:
        raise ValueError(f"the cells of tau end at {float(reached):g}.")
    return tuple(found)


# --- at a point of the statement's own variables ---

Violation: TypeAlias = Callable[[Point, Parameters], Sequence[arb]]


def at(point: Point) -> tuple[arb, arb]:
    """(y, x) of a point."""
    return ball(point["mu"] * point["omega"]), ball(point["nu"] * point["tau"])


def image_at(point: Point, parameters: Parameters) -> list[arb]:
    """The moments against the bounds of "image"."""
    mean, variance = _target(parameters)
    return _inside(layer(parameters)(*at(point)), [ball(end) for end in (*mean, *variance)])


def norm_at(point: Point, parameters: Parameters, make: Any = layer) -> list[arb]:
    """The norm at the point's own omega and tau; there is no derivative at x = 0."""
    y, x = at(point)
    if x == 0:
        return []
    entries = jacobian(make(parameters), y, x)
    return norm_gap(entries, ball(point["omega"]), ball(point["tau"]), parameters["norm"])


def theorem_1_at(make: Callable[[Parameters], Map]) -> Violation:
    """The moments against the box, and the norm."""

    def violation(point: Point, parameters: Parameters) -> list[arb]:
        mean, variance = parameters["box"]
        found = _inside(make(parameters)(*at(point)), [ball(end) for end in (*mean, *variance)])
        return found + norm_at(point, parameters, make)

    return violation


def change_at(rises: bool) -> Violation:
    """The change of the variance against the margin."""
    sign = 1 if rises else -1

    def violation(point: Point, parameters: Parameters) -> list[arb]:
        change = layer(parameters)(*at(point))[1] - ball(point["nu"])
        return [sign * change - ball(parameters["margin"])]

    return violation


def slope_at(point: Point, parameters: Parameters) -> list[arb]:
    """d variance / d nu."""
    y, x = at(point)
    if x == 0:
        return []
    steep = jacobian(layer(parameters), y, x)[3] * ball(point["tau"])
    return [1 - steep, 1 + steep]


def descent_at(point: Point, parameters: Parameters) -> list[arb]:
    """The mean against its bound and the fall of the variance."""
    mean, bound = layer(parameters)(*at(point))[0], ball(parameters["mean_bound"])
    return [bound - mean, bound + mean, *change_at(rises=False)(point, parameters)]


def window_at(point: Point, parameters: Parameters) -> list[arb]:
    """The slope of variance / x, up to a negative factor."""
    x = ball(point["x"])
    variance = layer(parameters)(arb_series([0], 2), arb_series([x, 1], 2))[1]
    return [variance[0] - x * variance[1]]


def funnel_at(point: Point, parameters: Parameters) -> list[arb]:
    """The moments after all layers, with the point's omega and tau in each, against the target."""
    moments, (mean, variance) = layer(parameters), _target(parameters)
    found = ball(point["mu"]), ball(point["nu"])
    omega, tau = ball(point["omega"]), ball(point["tau"])
    for _ in range(len(parameters["rectangles"]) + 1):
        mean_next, variance_next = centred(moments, found[0] * omega, found[1] * tau)
        found = mean_next, variance_next
    return _inside(found, [ball(end) for end in (*mean, *variance)])


def _nothing_at(_: Point, __: Parameters) -> list[arb]:
    return []


def _of_box(make: Callable[[Parameters], Map]) -> Any:
    """The goals of Theorem 1 for a map; `box` repeats the domain for `violation`."""

    def goals(domain: Domain, parameters: Parameters) -> tuple[PlainGoal, ...]:
        if parameters["box"] != (domain["mu"], domain["nu"]):
            raise ValueError("its parameter box is not the domain's box of mu and nu.")
        return theorem_1(domain, parameters, make(parameters))

    return goals


def _recheck(goals: Any, violation: Violation, parameters: str = "") -> Recheck:
    return Recheck(VARIABLES, (*parameters.split(), *TARGET), goals, violation)


BOUNDS = "mean_low mean_high variance_low variance_high"
RECHECKS = {
    "selu/theorem-1": _recheck(_of_box(layer), theorem_1_at(layer), "norm box"),
    "selu/dropout": _recheck(_of_box(dropout), theorem_1_at(dropout), "keep norm box"),
    "selu/contraction": _recheck(
        lambda d, p: (contraction(d, layer(p), p["norm"]),), norm_at, "norm"
    ),
    "selu/image": _recheck(
        lambda d, p: (image("image", d, layer(p), *_target(p)),), image_at, BOUNDS
    ),
    "selu/theorem-2": _recheck(
        lambda d, p: (change(d, p, rises=False),), change_at(rises=False), "margin"
    ),
    "selu/theorem-3": _recheck(
        lambda d, p: (change(d, p, rises=True),), change_at(rises=True), "margin"
    ),
    "selu/theorem-16": _recheck(slope, slope_at),
    "selu/descent": _recheck(descent, descent_at, "mean_bound margin"),
    "selu/window": Recheck(("x",), TARGET, window, window_at),
    "selu/window-ends": Recheck(("r", "s"), TARGET, window_ends, _nothing_at),
    "selu/funnel": _recheck(funnel, funnel_at, f"{BOUNDS} rectangles"),
    "selu/global": _recheck(everywhere, _nothing_at, "cells rectangles"),
}

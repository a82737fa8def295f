r"""Funnels: chains of rectangles of (mu, nu), each mapped into the next one.

If g(R_k) lies inside R_{k+1} for all (omega, tau) of the domain, then a start in R_0 is in R_k
after k layers, whatever (omega, tau) each layer has.  Claim C14 follows in two forms:

* "funnel": the last rectangle lies in the box of Theorem 1, where the contraction takes over;
* "global": for each of several cells of tau the chain ends in a rectangle that is mapped into
  itself with a spectral norm below 1.  Then a fixed (omega, tau) of the cell has exactly one fixed
  point in the last rectangle, every start of R_0 converges to it, and since a fixed point of R_0
  stays where it is, R_0 holds no other.

The rectangles are found by sampling the image on a grid and widening it; only the proof counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import groupby, pairwise
from typing import NamedTuple

from flint import arb

from theory.rigor.balls import ball, precision
from theory.rigor.statements import Domain, Goal, Interval, Parameters, Point
from theory.selu.balls import Selu, moments, tower
from theory.selu.goals import constants, contraction_goal, image_goal, lift, root

MAX_LAYERS = 100
DIGITS = 7
"""Decimal digits after the point of a rectangle's ends, rounded outwards."""


class Rectangle(NamedTuple):
    """A box of (mu, nu)."""

    mean: Interval
    variance: Interval

    def inside(self, other: Rectangle) -> bool:
        """Whether it lies strictly inside another one."""
        return all(
            outer[0] < inner[0] and inner[1] < outer[1]
            for inner, outer in zip(self, other, strict=True)
        )


class Slack(NamedTuple):
    """Relative widening of the sampled image: of the mean's range, of the ends of the variance."""

    mean: float
    low: float
    high: float


TIGHT = Slack(mean=0.01, low=1e-4, high=0.004)
"""The lower end of the variance decides how many layers a funnel needs, so it is widened least."""
WIDE = Slack(mean=0.05, low=0.01, high=0.01)


def goals(domain: Domain, parameters: Parameters) -> tuple[Goal, ...]:
    """One goal for each layer: its rectangle is mapped into the next, the last into the target."""
    selu = constants(parameters)
    chain = [start(domain), *map(_rectangle, parameters["rectangles"]), target(parameters)]
    found = [
        _step(f"layer {k + 1}", domain, selu, here, there)
        for k, (here, there) in enumerate(pairwise(chain))
    ]
    return tuple(
        replace(goal, point=_escape(domain, selu, here, target(parameters), len(found)))
        for goal, here in zip(found, chain, strict=False)
    )


def prepare(domain: Domain, parameters: Parameters) -> Parameters:
    """The parameters with a chain of rectangles, unless they have one."""
    if parameters["rectangles"]:
        return parameters
    selu, end = constants(parameters), target(parameters)
    chain: list[Rectangle] = []
    for rectangle in _chain(domain, selu, TIGHT):
        if rectangle.inside(end):
            break
        chain.append(rectangle)
    return {**parameters, "rectangles": tuple((*r.mean, *r.variance) for r in chain)}


def global_goals(domain: Domain, parameters: Parameters) -> tuple[Goal, ...]:
    """For each cell of tau a chain into a rectangle that is contracted into itself."""
    selu = constants(parameters)
    found: list[Goal] = []
    for tau, chain in cells(domain, parameters):
        part = {**domain, "tau": tau}
        name = f"tau {float(tau[0]):.6g} to {float(tau[1]):.6g}"
        for k, (here, there) in enumerate(zip(chain, [*chain[1:], chain[-1]], strict=True)):
            found.append(_step(f"{name}: layer {k + 1}", part, selu, here, there))
        last = {**part, "mu": chain[-1].mean, "nu": chain[-1].variance}
        found.append(contraction_goal(last, selu, Fraction(1), name=f"{name}: contraction"))
    return tuple(replace(goal, point=_nowhere) for goal in found)


def prepare_global(domain: Domain, parameters: Parameters) -> Parameters:
    """The parameters with a chain for each of `cells` equal cells of tau, unless they have them.

    A row of `rectangles` is (tau_low, tau_high, mean_low, mean_high, variance_low, variance_high).
    """
    if parameters["rectangles"]:
        return parameters
    count = parameters["cells"]
    if count.denominator != 1 or not 1 <= count <= 1000:
        raise ValueError(f"cells must be a whole number from 1 to 1000, not {count}.")
    selu, (low, high) = constants(parameters), domain["tau"]
    ends = [low + (high - low) * k / count for k in range(int(count) + 1)]
    rows: list[tuple[Fraction, ...]] = []
    for tau in pairwise(ends):
        before = start(domain)
        if before.variance[0] == 0:  # no chain can be found, and the proof will not succeed
            rows.append((*tau, *before.mean, *before.variance))
        for rectangle in _chain({**domain, "tau": tau}, selu, WIDE):
            # Then the image of `before` lies inside `before` by half of the widening.
            if _nearly(rectangle, before):
                break
            rows.append((*tau, *rectangle.mean, *rectangle.variance))
            before = rectangle
    return {**parameters, "rectangles": tuple(rows)}


def cells(domain: Domain, parameters: Parameters) -> Iterator[tuple[Interval, list[Rectangle]]]:
    """The cells of tau with their chains; ValueError unless they cover the range of tau."""
    reached = domain["tau"][0]
    for tau, rows in groupby(parameters["rectangles"], key=lambda row: (row[0], row[1])):
        if tau[0] != reached:
            raise ValueError(f"the cells of tau leave a gap or overlap at {reached}.")
        reached = tau[1]
        yield tau, [start(domain), *(_rectangle(row[2:]) for row in rows)]
    if reached != domain["tau"][1]:
        raise ValueError(f"the cells of tau end at {reached}, not at {domain['tau'][1]}.")


def start(domain: Domain) -> Rectangle:
    """The rectangle of all starts."""
    return Rectangle(domain["mu"], domain["nu"])


def target(parameters: Parameters) -> Rectangle:
    """The rectangle in which the funnel ends."""
    return Rectangle(
        (parameters["mean_low"], parameters["mean_high"]),
        (parameters["variance_low"], parameters["variance_high"]),
    )


def _rectangle(row: Sequence[Fraction]) -> Rectangle:
    if len(row) != 4:
        raise ValueError(f"a rectangle has four ends (mean, variance), not {len(row)}.")
    mean, variance = (row[0], row[1]), (row[2], row[3])
    if mean[0] > mean[1] or variance[0] > variance[1]:
        raise ValueError("a rectangle has its ends reversed.")
    return Rectangle(mean, variance)


def _step(name: str, domain: Domain, selu: Selu, here: Rectangle, there: Rectangle) -> Goal:
    part = {**domain, "mu": here.mean, "nu": here.variance}
    return image_goal(name, part, selu, there.mean, there.variance)


def _escape(
    domain: Domain, selu: Selu, here: Rectangle, end: Rectangle, layers: int
) -> Callable[[tuple[Fraction, ...]], Point | None]:
    """Starts with one (omega, tau) for all layers that are certainly outside the end after them.

    A point of any layer's rectangle that its (omega, tau) brings outside is a good guess.
    """
    lifted = lift({**domain, "mu": here.mean, "nu": here.variance})
    (a, b), (c, d) = ((ball(low), ball(high)) for low, high in end)

    def point(at: tuple[Fraction, ...]) -> Point | None:
        found = lifted(at)
        if found is None:
            return None
        first = {v: min(max(found[v], domain[v][0]), domain[v][1]) for v in ("mu", "nu")}
        mean, variance = ball(first["mu"]), ball(first["nu"])
        omega, tau = ball(found["omega"]), ball(found["tau"])
        for _ in range(layers):
            m = moments((mean * omega, variance * tau), selu)
            mean, variance = m.enclose(m.mean), m.enclose(m.variance)
        outside = mean <= a or mean >= b or variance <= c or variance >= d
        return {**found, **first} if outside else None

    return point


def _nowhere(_: tuple[Fraction, ...]) -> None:
    return None


def _chain(domain: Domain, selu: Selu, slack: Slack) -> Iterator[Rectangle]:
    """Sampled images of the start, widened; at most MAX_LAYERS, and none of a variance of 0."""
    here = start(domain)
    for _ in range(MAX_LAYERS):
        if here.variance[0] <= 0:
            return
        mean, variance = _sampled(root({**domain, "mu": here.mean, "nu": here.variance}), selu)
        margin = slack.mean * (mean[1] - mean[0])
        here = Rectangle(
            (_rounded(mean[0] - margin, -1), _rounded(mean[1] + margin, 1)),
            (
                max(Fraction(0), _rounded(variance[0] * (1 - slack.low), -1)),
                _rounded(variance[1] * (1 + slack.high), 1),
            ),
        )
        yield here


def _sampled(box: tuple[Interval, Interval], selu: Selu) -> tuple[tuple[float, float], ...]:
    """Extremes of mean and variance on a grid over the box of (y, x)."""
    (y_low, y_high), (x_low, x_high) = ((float(a), float(b)) for a, b in box)
    means, variances = [], []
    with precision(64):
        for i in range(5):
            y = arb(y_low + (y_high - y_low) * i / 4)
            for j in range(17):
                x = arb(x_low * (x_high / x_low) ** (j / 16))
                (mean, *_), (second, *_) = tower(y, x, selu, 1)
                means.append(float(mean))
                variances.append(float(second - mean * mean))
    return (min(means), max(means)), (min(variances), max(variances))


def _rounded(end: float, direction: int) -> Fraction:
    """The next decimal with DIGITS places in the direction, -1 or 1."""
    return Fraction(round(end * 10**DIGITS) + direction, 10**DIGITS)


def _nearly(new: Rectangle, old: Rectangle) -> bool:
    """Whether no end has moved by more than half of the widening."""
    width = WIDE.mean / 2 * float(old.mean[1] - old.mean[0])
    return all(abs(float(a - b)) < width for a, b in zip(new.mean, old.mean, strict=True)) and all(
        abs(float(a / b) - 1) < slack / 2
        for a, b, slack in zip(new.variance, old.variance, WIDE[1:], strict=True)
    )

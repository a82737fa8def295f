"""The prover: adaptive branch and bound over boxes.

A box is done when all functions of its goal are certainly positive on it; otherwise it is cut in
two.  Each side is put to its middle for a trial, and the side is cut whose spread blurs the
doubtful functions most (on the theorems on SELU 2 to 10 times fewer boxes than cutting the longest
side).  The work is breadth first over all
goals together: a violation anywhere is found before a point of equality elsewhere has eaten the
budget, and the boxes of a proof are the same in any order.

Ends are integers in units of a small power of 2, one per coordinate, so cuts are exact.  They are
taken at short binary numbers near the middle: certificates stay small, and centres such as 0 are
met exactly.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import product
from typing import Any, NamedTuple, TypeAlias

from flint import arb

from theory.rigor.balls import ball as around
from theory.rigor.balls import fraction, odd, outward, written
from theory.rigor.balls import precision as working_precision
from theory.rigor.certificate import PRECISIONS, Box, Certificate, Counterexample, Undecided
from theory.rigor.statements import (
    Domain,
    Goal,
    Interval,
    Parameters,
    Point,
    Statement,
    as_text,
    domain_of,
    parameters_of,
    statement,
)

Cell: TypeAlias = tuple[tuple[int, int], ...]
"""The ends of each side in the units of its axis."""

CUT_BITS = 8
"""A cut is off the middle by less than 2^-6 of the side."""
DIGITS = 20
MAX_BOXES = 10**8


class _Axis(NamedTuple):
    """One coordinate of a goal: its root side in units of 2^exponent, and exactly."""

    low: int
    high: int
    exponent: int
    exact: Interval
    relative: bool


def prove(
    name: str | Statement,
    domain: Mapping[str, Any] | None = None,
    parameters: Mapping[str, Any] | None = None,
    *,
    precision: int = 128,
    max_boxes: int = 200_000,
) -> Certificate | Counterexample | Undecided:
    """Prove a statement, refute it by a point, or give up after `max_boxes` boxes.

    Ranges and parameters that are given replace the statement's own; numbers are read by
    `balls.exact`, ranges are pairs of them.  `precision` is in bits.  Raises ValueError for what
    is unknown or malformed.
    """
    claim = statement(name) if isinstance(name, str) else name
    for value, (least, most), what in (
        (precision, PRECISIONS, "precision"),
        (max_boxes, (1, MAX_BOXES), "max_boxes"),
    ):
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"{what} must be a whole number {least} to {most}, not {value!r}.")
    ranges = domain_of(claim.domain, domain or {})
    values = parameters_of(claim.parameters, parameters or {})
    with working_precision(precision):
        values = claim.prepare(ranges, values)
        return _search(claim, ranges, values, precision, max_boxes)


def _search(
    claim: Statement, ranges: Domain, values: Parameters, bits: int, max_boxes: int
) -> Certificate | Counterexample | Undecided:
    goals = tuple(claim.goals(ranges, values))
    axes = [_axes(goal, bits) for goal in goals]
    roots: list[Cell] = [tuple((axis.low, axis.high) for axis in sides) for sides in axes]
    queue = deque(enumerate(roots))
    done: dict[str, list[Box]] = {goal.name: [] for goal in goals}
    if not 0 < len(goals) == len(done):
        raise ValueError(f"{claim.name} needs goals with distinct names.")
    texts = {name: (written(low), written(high)) for name, (low, high) in ranges.items()}
    head = (claim.name, texts, {name: as_text(value) for name, value in values.items()}, bits)
    count = 0
    while queue and count < max_boxes:
        i, cell = queue.popleft()
        count += 1
        found = goals[i].enclose(_balls(cell, axes[i]))
        if all(value > 0 for value in found):
            done[goals[i].name].append(_box(cell, axes[i]))
            continue
        # Extremes often lie in the corners of the root; a violation elsewhere shows, once its box
        # is small, in the middle of a ball.
        if cell is roots[i] or not all(value.mid() > 0 for value in found):
            for point, bad in _violations(goals[i], cell, axes[i]):
                return Counterexample(*head, {k: written(v) for k, v in point.items()}, bad)
        halves = _halves(goals[i], axes[i], cell, found)
        queue.extend((i, half) for half in halves)
        if not halves:  # too small to be cut: a point of equality
            queue = deque([(i, cell)])
            break
    if queue:
        i, cell = queue[0]
        return Undecided(claim.name, count, f"{goals[i].name}, {_shown(cell, axes[i])}")
    return Certificate(*head, {name: tuple(boxes) for name, boxes in done.items()})


def _axes(goal: Goal, bits: int) -> tuple[_Axis, ...]:
    relative = goal.relative or (False,) * len(goal.root)
    return tuple(_axis(side, r, bits) for side, r in zip(goal.root, relative, strict=True))


def _axis(side: Interval, relative: bool, bits: int) -> _Axis:
    """The root side rounded outwards, in units in which it can be cut `bits` times."""
    ends = (outward(side[0], bits, up=False), outward(side[1], bits, up=True))
    width = fraction(ends[1]) - fraction(ends[0])
    size = width.numerator.bit_length() - width.denominator.bit_length()
    exponent = min(ends[0][1], ends[1][1], size - bits)
    low, high = (m << (e - exponent) for m, e in ends)
    return _Axis(low, high, exponent, side, relative and low > 0)


def _balls(cell: Cell, axes: Sequence[_Axis]) -> tuple[arb, ...]:
    return tuple(
        arb((low + high, axis.exponent - 1), (high - low, axis.exponent - 1))
        for (low, high), axis in zip(cell, axes, strict=True)
    )


def _box(cell: Cell, axes: Sequence[_Axis]) -> Box:
    return tuple(
        (odd(low, axis.exponent), odd(high, axis.exponent))
        for (low, high), axis in zip(cell, axes, strict=True)
    )


def _halves(
    goal: Goal, axes: Sequence[_Axis], cell: Cell, found: Sequence[arb]
) -> tuple[Cell, ...]:
    """The box cut in two across its most blurring side; () if that side cannot be cut."""
    sides = [k for k, axis in enumerate(axes) if axis.exact[0] < axis.exact[1]]
    if not sides:
        return ()
    k = sides[0] if len(sides) == 1 else _blurring(goal, axes, cell, found, sides)
    low, high = cell[k]
    cut = _cut(low, high, axes[k].relative)
    if cut == low:
        return ()
    return tuple((*cell[:k], side, *cell[k + 1 :]) for side in ((low, cut), (cut, high)))


def _blurring(
    goal: Goal, axes: Sequence[_Axis], cell: Cell, found: Sequence[arb], sides: Sequence[int]
) -> int:
    """The side without whose spread the doubtful functions are clearest; the longest at a loss."""
    lengths = [
        (high - low) / max(1, a.high - a.low) for (low, high), a in zip(cell, axes, strict=True)
    ]
    best, clearest = max(sides, key=lengths.__getitem__), arb("-inf")
    doubtful = [j for j, value in enumerate(found) if not value > 0]
    balls = _balls(cell, axes)
    for k in sides:
        values = goal.enclose((*balls[:k], balls[k].mid(), *balls[k + 1 :]))
        clear = min(values[j].lower() for j in doubtful)
        if clear > clearest:
            best, clearest = k, clear
    return best


def _cut(low: int, high: int, relative: bool) -> int:
    """Near the middle, arithmetic or geometric, with few digits."""
    middle = math.isqrt(low * high) if relative else (low + high) >> 1
    spare = max(0, (middle - low).bit_length() - CUT_BITS)
    return middle >> spare << spare


def _violations(
    goal: Goal, cell: Cell, axes: Sequence[_Axis]
) -> Iterator[tuple[Point, tuple[str, ...]]]:
    """The corners and the middle that violate the statement, moved into the exact root box.

    What is no end of the root box gets as few decimals as the violation allows: people read it.
    """
    roots = [axis.exact for axis in axes]
    middle = tuple((low + high) >> 1 for low, high in cell)
    for corner in (*product(*cell), middle):
        units = zip(corner, axes, strict=True)
        place = _inside([fraction((c, axis.exponent)) for c, axis in units], roots)
        if not _violation(goal, place):
            continue
        for places in (*range(DIGITS), None):
            ends = zip(place, roots, strict=True)
            short = [c if places is None or c in root else round(c, places) for c, root in ends]
            found = _violation(goal, _inside(short, roots))
            if found:
                yield found
                break


def _inside(place: Sequence[Fraction], roots: Sequence[Interval]) -> tuple[Fraction, ...]:
    return tuple(min(max(c, low), high) for c, (low, high) in zip(place, roots, strict=True))


def _violation(goal: Goal, place: tuple[Fraction, ...]) -> tuple[Point, tuple[str, ...]] | None:
    """The point of the statement's domain and the values <= 0 there, if there are any."""
    bad = [value for value in goal.enclose(tuple(map(around, place))) if value <= 0]
    point = goal.point(place) if bad else None
    return None if point is None else (point, tuple(value.str(DIGITS) for value in bad))


def _shown(cell: Cell, axes: Sequence[_Axis]) -> str:
    sides = (
        [around(fraction((end, axis.exponent))).str(9, radius=False) for end in side]
        for side, axis in zip(cell, axes, strict=True)
    )
    return " x ".join(f"[{low}, {high}]" for low, high in sides)

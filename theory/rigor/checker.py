"""The checker: re-verifies a certificate or counterexample without the prover's code.

    1. the file is undamaged and names a statement of the registry;
    2. for each goal the boxes tile the root box exactly: no gap, no overlap, in integers;
    3. on each box, cut into smaller cells where needed, the functions are positive by plain
       evaluation of their definition, at another precision than the prover's.

A counterexample is evaluated at its point, in the statement's own variables.  Nothing here knows
how the boxes were found, and no enclosure of the prover is used; only the reading of numbers and
of files is shared with it.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from flint import arb

from theory.rigor.balls import Dyadic, ball, exact, fraction, outward, precision
from theory.rigor.certificate import Box, Certificate, Counterexample, Damaged, load
from theory.rigor.statements import (
    Domain,
    Interval,
    Parameters,
    PlainGoal,
    Recheck,
    domain_of,
    parameters_of,
)
from theory.rigor.statements import recheck as registered

Sides: TypeAlias = tuple[tuple[int, int], ...]

MORE_BITS = 32
"""The checker works with so many binary digits more than the prover did, and at least 64."""
MAX_DEPTH = 48
MAX_CELLS = 20_000_000


@dataclass(frozen=True)
class Check:
    """Whether a certificate proves its statement, why not, and the cells evaluated."""

    accepted: bool
    reason: str
    cells: int


class _Rejected(ValueError):
    """Why a certificate proves nothing."""


def check(
    found: Certificate | Counterexample | str | os.PathLike[str], recheck: Recheck | None = None
) -> Check:
    """Verify a certificate, a counterexample, or the file of one.

    `recheck` is the checker's side of a statement outside the registry.  Raises ValueError for a
    file that is no certificate at all; everything else wrong is a rejection with its reason.
    """
    count = _Count()
    try:
        if not isinstance(found, Certificate | Counterexample):
            found = load(found)
    except Damaged as error:
        return Check(False, str(error), 0)
    try:
        with precision(max(64, found.precision + MORE_BITS)):
            _verify(found, recheck or registered(found.statement), count)
    except ValueError as error:
        return Check(False, str(error), count.cells)
    except (
        TypeError,
        AttributeError,
        LookupError,
        ArithmeticError,
    ) as error:  # a list for a number
        return Check(False, f"its content cannot be evaluated ({error}).", count.cells)
    return Check(True, "", count.cells)


class _Count:
    """The cells evaluated so far."""

    cells = 0


def _verify(found: Certificate | Counterexample, side: Recheck, count: _Count) -> None:
    for kind, names, known in (
        ("variables", found.domain, side.variables),
        ("parameters", found.parameters, side.parameters),
    ):
        if set(names) != set(known):
            raise _Rejected(f"its {kind} are not those of {found.statement}.")
    domain = domain_of(found.domain, {})
    parameters = parameters_of(found.parameters, {})
    if isinstance(found, Counterexample):
        _verify_point(found, side, domain, parameters)
        return
    wanted = side.goals(domain, parameters)
    goals = {goal.name: goal for goal in wanted}
    if not 0 < len(wanted) == len(goals):
        raise ValueError(f"{found.statement} needs goals with distinct names.")
    if set(found.goals) != set(goals):
        raise _Rejected(f"its goals are not those of {found.statement}: {', '.join(goals)}.")
    for name, boxes in found.goals.items():
        _verify_tiling(name, goals[name].root, boxes, found.precision)
        for number, box in enumerate(boxes, start=1):
            if not _positive(goals[name], box, count):
                raise _Rejected(f"goal {name}: box {number} of {len(boxes)} is not verified.")


def _verify_point(
    found: Counterexample, side: Recheck, domain: Domain, parameters: Parameters
) -> None:
    if set(found.point) != set(domain):
        raise _Rejected(f"its point does not have the variables of {found.statement}.")
    point = {name: exact(value, name) for name, value in found.point.items()}
    for name, (low, high) in domain.items():
        if not low <= point[name] <= high:
            raise _Rejected(f"its point lies outside the domain: {name} = {found.point[name]}.")
    if not any(value <= 0 for value in side.violation(point, parameters)):
        raise _Rejected("the statement is not certainly violated at its point.")


def _verify_tiling(name: str, root: Sequence[Interval], boxes: Sequence[Box], bits: int) -> None:
    """Every point of the root box, rounded outwards, lies in exactly one box (or on an edge)."""
    ends = [(outward(low, bits, up=False), outward(high, bits, up=True)) for low, high in root]
    for number, box in enumerate(boxes, start=1):
        if len(box) != len(ends):
            raise _Rejected(f"goal {name}: box {number} has {len(box)} sides, not {len(ends)}.")
    columns = [_integers(side, (box[k] for box in boxes)) for k, side in enumerate(ends)]
    sides = [column[0] for column in columns]
    cells = list(zip(*(column[1:] for column in columns), strict=True))
    for number, cell in enumerate(cells, start=1):
        for (a, b), (low, high) in zip(cell, sides, strict=True):
            if not low <= a <= b <= high or (a == b and low < high):
                raise _Rejected(f"goal {name}: box {number} leaves the root box, or is empty.")
    _tile(name, sides, cells)


def _integers(
    root: tuple[Dyadic, Dyadic], sides: Iterable[tuple[Dyadic, Dyadic]]
) -> list[tuple[int, int]]:
    """Root side and box sides as integers, in units of their smallest power of 2."""
    every = [root, *sides]
    least = min(e for side in every for _, e in side)
    return [(a << (e - least), b << (f - least)) for (a, e), (b, f) in every]


def _tile(name: str, sides: Sequence[tuple[int, int]], cells: Sequence[Sides]) -> None:
    """In each slab between neighbouring ends, the boxes that cross it tile the other sides."""
    if not sides:
        if len(cells) != 1:
            raise _Rejected(f"goal {name}: the boxes {'overlap' if cells else 'leave a gap'}.")
        return
    (low, high), rest = sides[0], sides[1:]
    if low == high:
        _tile(name, rest, [cell[1:] for cell in cells])
        return
    starting: dict[int, list[Sides]] = defaultdict(list)
    for cell in cells:
        starting[cell[0][0]].append(cell)
    crossing: list[Sides] = []
    for here, _ in pairwise(sorted({low, high, *(end for cell in cells for end in cell[0])})):
        crossing = [cell for cell in crossing if cell[0][1] > here] + starting[here]
        _tile(name, rest, [cell[1:] for cell in crossing])


def _positive(goal: PlainGoal, box: Box, count: _Count) -> bool:
    """Whether the functions are positive on all cells of a box, cut as often as it takes."""
    todo = [(0, tuple((fraction(low), fraction(high)) for low, high in box))]
    while todo:
        depth, cell = todo.pop()
        balls = tuple(ball(*side) for side in cell)
        values = goal.plain(balls)
        count.cells += 1
        if all(value > 0 for value in values):
            continue
        if any(value <= 0 for value in values) or depth == MAX_DEPTH or count.cells >= MAX_CELLS:
            return False
        doubtful = [i for i, value in enumerate(values) if not value > 0]
        k = _worst_side(goal, balls, doubtful, depth % len(cell))
        low, high = cell[k]
        middle = (low + high) / 2
        for side in ((low, middle), (middle, high)):
            todo.append((depth + 1, (*cell[:k], side, *cell[k + 1 :])))
    return True


def _worst_side(
    goal: PlainGoal, balls: tuple[arb, ...], doubtful: Sequence[int], otherwise: int
) -> int:
    """The side that blurs the doubtful functions most: they are clearest with it at its middle."""
    worst, clearest = otherwise, arb("-inf")
    for k, side in enumerate(balls):
        values = goal.plain((*balls[:k], side.mid(), *balls[k + 1 :]))
        clear = min(values[i].lower() for i in doubtful)
        if not side.is_exact() and clear > clearest:
            worst, clearest = k, clear
    return worst

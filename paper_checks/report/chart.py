"""Interval charts: where each case's interval lies, in units of its tolerance.

All cases of a claim share one axis, u = (value - centre) / unit on an asinh scale: linear within
the tolerance, logarithmic far outside, so that an interval and a mutant a hundred tolerances away
are both readable.  Centre and unit are the middle and half-width of the allowed set; where that
is open, its end and the tolerance, or the half-width of the interval if the tolerance is 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Record = Mapping[str, Any]

WIDTH, MARGIN = 360.0, 14.0
TICKS = (0, 1, 3, 10, 30, 100, 300, 1000, 1e4, 1e5, 1e6, 1e9)
GAP = 32.0
"""Least distance between two tick labels."""


class Mark(NamedTuple):
    """A mutant on the axis."""

    x: float
    refuted: bool
    title: str


class Strip(NamedTuple):
    """One case: horizontal positions of everything drawn."""

    band: tuple[float, float]
    interval: tuple[float, float]
    estimate: float
    prediction: float
    marks: list[Mark]


class Chart(NamedTuple):
    """The strips of a claim (None for a case without numbers) and their common axis."""

    strips: list[Strip | None]
    ticks: list[tuple[float, str]]
    unit: str


def chart(cases: Sequence[Record]) -> Chart | None:
    """The chart of a claim's cases; None where no case has numbers."""
    drawn = [case for case in cases if _numeric(case)]
    if not drawn:
        return None
    reach = max(2.0, *(abs(u) for case in drawn for u in _positions(case)))
    # Distances of laws are never negative: their axis starts at the left.
    zero = MARGIN if all(case["rule"] == "law within" for case in drawn) else WIDTH / 2
    stretch = (WIDTH - MARGIN - zero) / math.asinh(reach)

    def x(u: float) -> float:
        return round(zero + stretch * math.asinh(u), 2)

    strips = [_strip(case, x) if _numeric(case) else None for case in cases]
    flat = [case for case in drawn if not case["tolerance"]]
    unit = "tolerances" if not flat else "half-widths of the interval"
    if flat and len(flat) < len(drawn):
        unit = "tolerances (half-widths of the interval where there is none)"
    return Chart(strips, _ticks(x, reach), unit)


def fan(case: Record) -> list[Mark]:
    """The mutants of a case without numbers: what fails on the right, what does not on the left."""
    mutants = case["mutants"]
    step = min(14.0, 130 / max(1, len(mutants)))
    marks = []
    for i, mutant in enumerate(mutants):
        x = round(0.6 * WIDTH + i * step, 2)
        refuted = mutant["verdict"] == "REFUTED"
        title = f"mutant: {mutant['name']}, {mutant['verdict']}"
        marks.append(Mark(x if refuted else WIDTH - x, refuted, title))
    return marks


def described(case: Record) -> str:
    """What the picture of a case shows, in words."""
    refuted = sum(m["verdict"] == "REFUTED" for m in case["mutants"])
    mutants = f"; {refuted} of {len(case['mutants'])} mutants refuted" if case["mutants"] else ""
    if not _numeric(case):
        return f"{case['label']}: {case['verdict'].lower()}{mutants}."
    low, high = case["interval"]
    a, b = case["accepted"]
    ends = [f"{word} {end:.6g}" for word, end in (("from", a), ("to", b)) if end is not None]
    allowed = " ".join(ends) or "any number"
    return f"{case['label']}: interval {low:.6g} to {high:.6g}, allowed {allowed}{mutants}."


def _numeric(case: Record) -> bool:
    return case["interval"] is not None and case["accepted"] is not None


def _frame(case: Record) -> tuple[float, float]:
    """Centre and unit of a case's axis."""
    a, b = case["accepted"]
    low, high = case["interval"]
    unit = case["tolerance"] or (high - low) / 2 or 1.0
    if a is not None and b is not None:
        return (a + b) / 2, (b - a) / 2 or unit
    if case["rule"] == "law within":
        return 0.0, unit
    end = a if a is not None else b
    return end, unit


def _positions(case: Record) -> list[float]:
    centre, unit = _frame(case)
    values = [*case["interval"], case["estimate"], case["prediction"]]
    values += [m["prediction"] for m in case["mutants"]]
    return [(v - centre) / unit for v in values]


def _strip(case: Record, x: Any) -> Strip:
    centre, unit = _frame(case)

    def at(value: float) -> float:
        return float(x((value - centre) / unit))

    a, b = case["accepted"]
    low, high = case["interval"]
    band = (at(a) if a is not None else 0.0, at(b) if b is not None else WIDTH)
    if case["rule"] == "law within":
        band = (at(0.0), band[1])
    marks = [
        Mark(
            at(m["prediction"]),
            m["verdict"] == "REFUTED",
            f"mutant: {m['name']}, {m['prediction']:.6g}, {m['verdict']}",
        )
        for m in case["mutants"]
    ]
    return Strip(band, (at(low), at(high)), at(case["estimate"]), at(case["prediction"]), marks)


def _ticks(x: Any, reach: float) -> list[tuple[float, str]]:
    """Labelled ticks, symmetric, none closer to the last one than `GAP`."""
    found: list[tuple[float, str]] = []
    last = -math.inf
    for tick in TICKS:
        place = float(x(float(tick)))
        if tick <= reach and place - last >= GAP:
            last = place
            label = f"{tick:g}" if tick < 1e4 else f"10{_superscript(round(math.log10(tick)))}"
            found.append((place, label))
            if tick and x(0.0) > MARGIN:
                found.append((WIDTH - place, f"−{label}"))
    return found


def _superscript(exponent: int) -> str:
    return str(exponent).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))

"""Pictures of extrapolations: values at finite sizes, the fit, and where it ends.

A limit is drawn over size^-p: its interval, what the statement allows and the mutants stand where
the size is infinite, at the left.  An exponent is drawn on two logarithmic axes: the statement and
the mutants are lines through the middle of the fitted one, and what is allowed is a fan of lines.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

Record = Mapping[str, Any]
Ticks: TypeAlias = list[tuple[float, str]]

WIDTH, HEIGHT = 340, 170
LEFT, RIGHT, TOP, BOTTOM = 58, 330, 8, 136
"""The frame within."""
INFINITY = LEFT + 14
"""Where the size is infinite."""
GAP = 26.0
"""Least distance between two labels of sizes."""
REACH = 4.0
"""How far mutants and what is allowed may stretch the vertical axis; what is further is cut off."""
SHOWN = 3
"""Pictures that fit side by side."""
EQUAL = ("mean within", "identity")
"""Rules whose prediction is a value, not a bound or a sign."""
STEEP = 100.0
"""The slope that stands for an open end."""


class Line(NamedTuple):
    """A mutant: a cross at its limit, an arrow where that is off the frame, or a line."""

    path: str
    refuted: bool


class Trend(NamedTuple):
    """Paths of everything drawn, ticks, and the picture in words."""

    band: str
    prediction: str
    marks: list[Line]
    fit: str
    bars: str
    dots: str
    interval: str
    limit: str
    across: Ticks
    up: Ticks
    title: str
    words: str


class Trends(NamedTuple):
    """The pictures of a claim: those on the card, and those that are folded away."""

    shown: list[tuple[Record, Trend]]
    more: list[tuple[Record, Trend]]


def trends(claim: Record) -> Trends:
    """All pictures where they fit side by side, else that of the deciding case before the rest."""
    drawn = [(case, found) for case in claim["cases"] if (found := trend(case))]
    if len(drawn) <= SHOWN:
        return Trends(drawn, [])
    drawn.sort(key=lambda pair: pair[0]["label"] != claim["deciding"])
    return Trends(drawn[:1], drawn[1:])


def trend(case: Record) -> Trend | None:
    """The picture of a case's extrapolation; None where there is none."""
    found = case.get("extrapolation")
    if not found or case["interval"] is None:
        return None
    return _exponent(case, found) if found["against"] == "log" else _limit(case, found)


def _limit(case: Record, found: Record) -> Trend:
    power = float(found["against"])
    points, curve = found["points"], [*found["curve"]]
    widest = min(size for size, *_ in [*points, *curve]) ** -power
    y, up = _vertical(case, points, curve)

    def x(size: float) -> float:
        return float(INFINITY + (RIGHT - 10 - INFINITY) * size**-power / widest)

    low, high = case["interval"]
    fit = [(INFINITY, y(case["estimate"])), *((x(s), y(v)) for s, v in sorted(curve, reverse=True))]
    column = f"V{y(high):.1f}M{INFINITY - 4} {y(low):.1f}h8M{INFINITY - 4} {y(high):.1f}h8"
    return Trend(
        band=_allowed(case, y),
        prediction=f"M{LEFT} {y(case['prediction']):.1f}H{INFINITY + 14}",
        marks=[_cross(y(m["prediction"]), m["verdict"] == "REFUTED") for m in case["mutants"]],
        fit=_path(fit),
        bars="".join(_bar(x(s), y(v - e), y(v + e)) for s, v, e in points if e),
        dots=_dots((x(s), y(v)) for s, v, _ in points),
        interval=f"M{INFINITY} {y(low):.1f}{column}",
        limit=_dots([(INFINITY, y(case["estimate"]))]),
        across=[(INFINITY, "∞"), *_sizes(((x(s), s) for s, *_ in points), [INFINITY])],
        up=up,
        title=f"{found['size']}, on a scale of {_inverse(found['size'], power)}",
        words=_words(case, found, "limit"),
    )


def _vertical(
    case: Record, points: Sequence[Any], curve: Sequence[Any]
) -> tuple[Callable[[float], float], Ticks]:
    """Heights, and ticks; mutants and what is allowed are let in as far as `REACH` goes."""
    values = [v + sign * e for _, v, e in points for sign in (-1, 1)]
    values += [*(v for _, v in curve), *case["interval"], case["estimate"]]
    more = [m["prediction"] for m in case["mutants"]]
    more += [end for end in case["accepted"] or () if end is not None]
    # Of a bound or a sign the prediction may be far from everything measured.
    (values if case["rule"] in EQUAL else more).append(case["prediction"])
    low, high = _range(values, more)

    def y(value: float) -> float:
        return float(BOTTOM - (value - low) / (high - low) * (BOTTOM - TOP))

    return y, [(round(y(v), 1), label) for v, label in _round(low, high)]


def _range(values: Sequence[float], more: Sequence[float]) -> tuple[float, float]:
    """All of the values, and those of `more` that are near enough, with a margin."""
    low, high = min(values), max(values)
    most = REACH * (high - low)
    for value in sorted(more, key=lambda v: max(v - high, low - v)):
        if max(high, value) - min(low, value) <= most:
            low, high = min(low, value), max(high, value)
    margin = 0.12 * (high - low) or 1e-3 * abs(high) or 1e-3
    return low - margin, high + margin


def _exponent(case: Record, found: Record) -> Trend:
    points, curve = found["points"], found["curve"]
    sizes: list[float] = [math.log(size) for size, *_ in points]
    left, stretch = min(sizes), (RIGHT - LEFT - 32) / (max(sizes) - min(sizes))
    (first, start), (last, end) = curve[0], curve[-1]
    middle = math.log(start * end) / 2
    half = math.log(last / first) / 2
    ends = [v for _, v, e in points for v in (max(v - e, v / 2), v + e)] + [start, end]
    slopes = [case["prediction"], *(m["prediction"] for m in case["mutants"])]
    slopes += [end for end in case["accepted"] or () if end is not None]
    low, high = _range(
        [math.log(v) for v in ends], [middle + sign * s * half for s in slopes for sign in (-1, 1)]
    )

    def x(size: float) -> float:
        return float(LEFT + 16 + stretch * (math.log(size) - left))

    def y(log: float) -> float:
        # Of the logarithm of a value.
        return BOTTOM - (log - low) / (high - low) * (BOTTOM - TOP)

    def line(slope: float) -> str:
        sides = [(x(s), y(middle + sign * slope * half)) for s, sign in ((first, -1), (last, 1))]
        return _path(sides)

    return Trend(
        band=_fan(case, lambda slope, sign: y(middle + sign * slope * half), x(first), x(last)),
        prediction=line(case["prediction"]),
        marks=[Line(line(m["prediction"]), m["verdict"] == "REFUTED") for m in case["mutants"]],
        fit=line(case["estimate"]),
        bars="".join(
            _bar(x(s), y(math.log(max(v - e, v / 100))), y(math.log(v + e))) for s, v, e in points
        ),
        dots=_dots((x(s), y(math.log(v))) for s, v, _ in points),
        interval="",
        limit="",
        across=_sizes(((x(s), s) for s, *_ in points), []),
        up=[(round(y(math.log(v)), 1), label) for v, label in _decades(low, high)],
        title=f"{found['size']}, both axes logarithmic",
        words=_words(case, found, "exponent"),
    )


def _fan(case: Record, y: Callable[[float, int], float], left: float, right: float) -> str:
    if case["accepted"] is None:
        return ""
    a, b = case["accepted"]
    ends = (-STEEP if a is None else a, STEEP if b is None else b)
    corners = [(left, y(ends[0], -1)), (right, y(ends[0], 1)), (right, y(ends[1], 1))]
    return _path([*corners, (left, y(ends[1], -1))]) + "z"


def _allowed(case: Record, y: Callable[[float], float]) -> str:
    """At least a line and a half thick, so that a narrow set can be seen."""
    if case["accepted"] is None:
        return ""
    a, b = case["accepted"]
    low = BOTTOM if a is None else min(BOTTOM, max(TOP, y(a)))
    high = TOP if b is None else min(BOTTOM, max(TOP, y(b)))
    thick = max(1.5, low - high)
    top = (low + high - thick) / 2
    return f"M{INFINITY - 10} {top:.1f}h20v{thick:.1f}h-20z"


def _cross(y: float, refuted: bool) -> Line:
    if y < TOP:
        return Line(f"M{INFINITY - 4} {TOP + 6}l4 -5l4 5", refuted)
    if y > BOTTOM:
        return Line(f"M{INFINITY - 4} {BOTTOM - 6}l4 5l4 -5", refuted)
    return Line(f"M{INFINITY - 4} {y - 4:.1f}l8 8m0 -8l-8 8", refuted)


def _path(corners: Iterable[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in corners)


def _dots(places: Iterable[tuple[float, float]]) -> str:
    return "".join(f"M{x:.1f} {y:.1f}h0" for x, y in places)


def _bar(x: float, low: float, high: float) -> str:
    return f"M{x:.1f} {low:.1f}V{high:.1f}"


def _sizes(places: Iterable[tuple[float, float]], taken: Sequence[float]) -> Ticks:
    """Labels of sizes, the rightmost first, none closer to another than `GAP`."""
    found: Ticks = []
    for x, size in sorted(places, reverse=True):
        if all(abs(x - other) >= GAP for other in (*taken, *(place for place, _ in found))):
            found.append((round(x, 1), _number(size)))
    return found


def _round(low: float, high: float) -> Iterable[tuple[float, str]]:
    """Round numbers between, two to five of them."""
    step = 10.0 ** math.floor(math.log10((high - low) / 2))
    step *= next(
        m for m in (5, 2, 1) if math.floor(high / (m * step)) > math.ceil(low / (m * step))
    )
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    for i in range(math.ceil(low / step), math.floor(high / step) + 1):
        label = f"{i * step:.{decimals}f}" if decimals < 7 else f"{i * step:.3g}"
        yield i * step, label.replace("-", "−")


def _decades(low: float, high: float) -> Iterable[tuple[float, str]]:
    """1, 2, 5, 10, ... between; round numbers where fewer than two of these fit."""
    decades = range(math.floor(low / math.log(10)), math.ceil(high / math.log(10)) + 1)
    found = [m * 10.0**k for k in decades for m in (1, 2, 5) if low < math.log(m * 10.0**k) < high]
    if len(found) > 5:
        found = [10.0**k for k in decades if low < math.log(10) * k < high]
    if len(found) < 2:
        return list(_round(math.exp(low), math.exp(high)))
    return [(v, f"{v:g}".replace("-", "−")) for v in found]


def _number(size: float) -> str:
    return f"{size:.0f}" if size == round(size) else f"{size:.4g}"


def _inverse(size: str, power: float) -> str:
    if power == 0.5:
        return f"1/√{size}"
    return f"1/{size}" if power == 1 else f"1/{size}{'²' if power == 2 else f'^{power:g}'}"


def _words(case: Record, found: Record, kind: str) -> str:
    points = ", ".join(f"{v:.6g} at {_number(s)}" for s, v, _ in found["points"])
    low, high = case["interval"]
    said = f"{case['label']}: {points} of {found['size']}; {kind} {case['estimate']:.6g}, interval"
    said += f" {low:.6g} to {high:.6g}, predicted {case['prediction']:.6g}."
    return said.replace(" -", " −")

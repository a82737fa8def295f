"""Tables of results on the terminal."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from simulations.core import Estimate, Result
from simulations.sweeps import Plan

LARGE = 1e9
"""From here on numbers have six digits and an exponent."""

COLUMNS = ("predicted", "limit")
"""What theory says, as far as it goes into tables."""


def _cells(*numbers: float) -> list[str]:
    return [_cell(x) if math.isfinite(x) else "" for x in numbers]


def _cell(x: float) -> str:
    return f"{x:.6f}" if abs(x) < LARGE else f"{x:.6g}"


def sweep_table(
    plan: Plan, results: Sequence[Result], predictions: Sequence[dict[str, Any]], headline: str
) -> list[list[str]]:
    """A line for each run: the parameters that tell it apart, and its headline."""
    rows = [[*plan.over, headline.replace("_", " "), "+-", *COLUMNS]]
    for label, result, said in zip(plan.labels, results, predictions, strict=True):
        e, p = result[headline], said.get(headline, {})
        assert isinstance(e, Estimate), "a headline is a mean"
        numbers = (e.value, e.stderr, *(p.get(k, math.nan) for k in COLUMNS))
        rows.append([*map(str, label), *_cells(*numbers)])
    return rows


def single_table(
    result: Result, predictions: dict[str, Any], shown: Callable[[str], bool]
) -> list[list[str]]:
    """A line for each estimate of a run that is to be shown."""
    rows = [["estimate", "measured", "+-", *COLUMNS, "band"]]
    for name, e in result.items():
        if isinstance(e, Estimate) and shown(name):
            p = predictions.get(name, {})
            numbers = (e.value, e.stderr, *(p.get(k, math.nan) for k in COLUMNS))
            band = " to ".join(f"{x:.4f}" for x in p.get("band", ()))
            rows.append([name, *_cells(*numbers), band])
    return rows if any(row[-1] for row in rows[1:]) else [row[:-1] for row in rows]


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Aligned columns: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [f"{row[0]:<{widths[0]}}"]
        cells += [f"{cell:>{w}}" for cell, w in zip(row[1:], widths[1:], strict=True)]
        print("  ".join(cells).rstrip())

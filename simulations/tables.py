"""Tables of results on the terminal."""

from __future__ import annotations

import math
import shutil
import textwrap
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
    """Aligned columns: the first to the left, the others to the right.

    A table wider than the terminal gets its headings broken at spaces, then closer columns.
    """
    first, *rest = ([*row] for row in rows)
    top, gap = [first], "  "
    if _width(top + rest, gap) > columns():
        top = _broken(first, rest)
        gap = gap if _width(top + rest, gap) <= columns() else " "
    widths = [max(map(len, column)) for column in zip(*top, *rest, strict=True)]
    for row in top + rest:
        cells = [f"{row[0]:<{widths[0]}}"]
        cells += [f"{cell:>{w}}" for cell, w in zip(row[1:], widths[1:], strict=True)]
        print(gap.join(cells).rstrip())


def columns() -> int:
    """Characters in a line of the terminal; 80 where there is none, COLUMNS where it is set."""
    return shutil.get_terminal_size((80, 24)).columns


def paragraph(
    text: str, indent: str = "", *, first: str | None = None, width: int | None = None
) -> str:
    """The text broken at spaces to fit the terminal; paths and other long words stay whole.

    `first` is the indent of the first line, where it is another.
    """
    lines = [
        textwrap.fill(
            line,
            max(width or columns(), 20),
            initial_indent=indent if first is None else first,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for line in text.splitlines()
    ]
    return "\n".join(lines)


def _width(rows: Sequence[Sequence[str]], gap: str) -> int:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return sum(widths) + len(gap) * (len(widths) - 1)


def _broken(heading: Sequence[str], rest: Sequence[Sequence[str]]) -> list[list[str]]:
    """The headings in several lines, each no wider than its column needs; the last line full."""
    stacks = [
        textwrap.wrap(
            text,
            max([1, *(len(row[i]) for row in rest), *map(len, text.split())]),
            break_on_hyphens=False,
        )
        for i, text in enumerate(heading)
    ]
    height = max(map(len, stacks))
    stacks = [[""] * (height - len(stack)) + stack for stack in stacks]
    return [list(line) for line in zip(*stacks, strict=True)]

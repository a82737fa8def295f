"""The bracket of the optimum on stderr while it closes: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from simulations.cli import LINE_EVERY
from theory.digits import text_of

Closing = Callable[[int, float, float], None]
"""Called with the iteration and the logarithms of the dual value and of the upper bound."""
Show = Callable[[str], Closing]
"""Given a title, what to call while a bracket closes."""

OPEN = 1.0
"""Logarithm of upper over dual from where on the bar begins to fill."""


@contextmanager
def bracket_bar(tolerance: float) -> Iterator[Show]:
    """Fills as the gap falls from e - 1 to the tolerance, on a logarithmic scale."""
    if not sys.stderr.isatty():
        yield _lines
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    texts = TextColumn("{task.description}"), TextColumn("{task.fields[bracket]}")
    columns = (SpinnerColumn(), texts[0], BarColumn(20), texts[1], TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        row = bar.add_task("", total=1.0, bracket="")

        def show(title: str) -> Closing:
            bar.update(row, description=title, completed=0.0, bracket="")

            def closing(iteration: int, log_dual: float, log_upper: float) -> None:
                done = closed(log_dual, log_upper, tolerance)
                text = f"{iteration} it.  {described(log_dual, log_upper)}"
                bar.update(row, completed=done, bracket=text)

            return closing

        yield show


def closed(log_dual: float, log_upper: float, tolerance: float) -> float:
    """How much of the way to the tolerance is done, from 0 to 1."""
    gap = log_upper - log_dual
    if not gap < OPEN:
        return 0.0
    return min(1.0, math.log(OPEN / max(gap, tolerance)) / math.log(OPEN / tolerance))


def described(log_dual: float, log_upper: float) -> str:
    """The bracket in words, as far as floats hold it."""
    if not math.isfinite(log_upper):
        return f"from {text_of(log_dual)}"
    gap = math.expm1(min(log_upper - log_dual, 700.0))
    return f"{text_of(log_dual)} to {text_of(log_upper)}, gap {gap:.1e}"


def _lines(title: str) -> Closing:
    last = time.monotonic()

    def closing(iteration: int, log_dual: float, log_upper: float) -> None:
        nonlocal last
        if time.monotonic() - last >= LINE_EVERY:
            last = time.monotonic()
            text = f"{title}: iteration {iteration}, {described(log_dual, log_upper)}"
            print(text, file=sys.stderr, flush=True)

    return closing

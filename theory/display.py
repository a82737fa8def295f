"""How results introduce themselves: one line for a prompt, a small table for a notebook.

Text from outside is escaped; the tables have no colours of their own, so that they suit any theme.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

from theory.digits import text_down, text_up, upper_text


def with_error(value: object, error: object) -> str:
    """ "1.7873 +- 0.0012": the error to two digits, the value to as many places.

    An error below the value's own digits, or none, leaves the value whole; anything but two floats
    is printed as it is.
    """
    try:
        x, e = float(value), float(error)  # type: ignore[arg-type]  # what is no number is caught
    except (TypeError, ValueError):
        return f"{value} +- {error}"
    if not (math.isfinite(x) and math.isfinite(e)) or e < 0:
        return f"{x:g} +- {e:g}"
    if e == 0:
        return repr(x)
    size = math.floor(math.log10(max(abs(x), e)))
    places = 1 - math.floor(math.log10(e))
    if size + places > 15:
        return f"{x!r} +- {e:.1e}"
    if -5 <= size < 9 and places >= 0:
        return f"{x:.{places}f} +- {e:.{places}f}" if places < 8 else f"{x:.{places}f} +- {e:.1e}"
    return f"{x:.{max(size + places, 0)}e} +- {e:.1e}"


def at_most(upper: float, log_upper: float = math.nan, digits: int = 7) -> str:
    """A bound rounded up, also one that only its logarithm can hold."""
    log = log_upper if not math.isnan(log_upper) else math.inf if upper else -math.inf
    return upper_text(upper, log, digits)


def at_least(lower: float, digits: int = 7) -> str:
    """A bound rounded down."""
    return text_down(lower, digits)


def upwards(value: float, digits: int = 4) -> str:
    """A number rounded up."""
    return text_up(value, digits)


def table(caption: str, rows: Iterable[Sequence[object]], heading: Sequence[str] = ()) -> str:
    """An HTML table; the first cell of each row names it."""
    head = "".join(f'<th scope="col">{escape(str(cell))}</th>' for cell in heading)
    body = "".join(
        f'<tr><th scope="row" style="text-align:left">{escape(str(first))}</th>'
        + "".join(f'<td style="text-align:left">{escape(str(cell))}</td>' for cell in rest)
        + "</tr>"
        for first, *rest in rows
    )
    return (
        f'<table><caption style="text-align:left">{escape(caption)}</caption>'
        + (f"<thead><tr>{head}</tr></thead>" if head else "")
        + f"<tbody>{body}</tbody></table>"
    )

"""A run on the terminal: a row for each claim, in lines that fit, with colours on a terminal only.

depth_limit/C6.corrected  SUPPORTED  0.14907 +- 0.00025  predicted 0.14914
                                     tolerance 0.00045  5/5 mutants refuted
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from paper_checks.core import Claim, passes
from paper_checks.report.text import Record, boxes, measured, number, predicted, summary_line
from paper_checks.report.text import problems as problems_of
from paper_checks.verdict import Verdict
from simulations.tables import columns, paragraph

if TYPE_CHECKING:
    from rich.console import Console
    from rich.style import Style

COLOURS = {"PROVED": "green", "SUPPORTED": "green", "REFUTED": "cyan", "INCONCLUSIVE": "yellow"}
WRONG = "bold red"
"""Of a verdict that was not expected."""
ROOM = 36
"""Characters kept for what is beside the verdict; a longer id has its first line for itself."""


def show(record: Record) -> None:
    """Print the table of a run, what went wrong in it, and its summary."""
    console = _console()
    if not record["claims"]:
        console.print("no claim has a case at this level")
    for claim, lines in zip(record["claims"], rows(record), strict=True):
        for line in lines:
            console.print(_coloured(line, claim), soft_wrap=True)
    wrong = WRONG if record["summary"]["unexpected"] else None
    for problem in problems_of(record):
        console.print(paragraph(f"! {problem}"), style=wrong, soft_wrap=True)
    console.print(paragraph(summary_line(record)), soft_wrap=True)


def text(record: Record, width: int | None = None) -> str:
    """The table of a run and its summary, without colours."""
    lines = [line for claim in rows(record, width) for line in claim]
    lines += [paragraph(f"! {problem}", width=width) for problem in problems_of(record)]
    return "\n".join([*lines, paragraph(summary_line(record), width=width)])


def listing(claims: Iterable[Claim]) -> Iterator[str]:
    """Lines that say of each claim what it is, when it runs and what it states."""
    for claim in claims:
        levels = ", ".join(level for level in ("quick", "full") if claim.cases_at(level))
        head = f"{claim.id}  {claim.kind}, expected {claim.expected}, {levels}"
        yield paragraph(head, "    ", first="")
        yield paragraph(claim.statement, "    ")


def rows(record: Record, width: int | None = None) -> list[list[str]]:
    """The lines of each claim: id, verdict, and what the verdict on its worst case rests on."""
    claims = record["claims"]
    width = width or columns()
    verdicts = max((len(claim["verdict"]) for claim in claims), default=0)
    most = max(width - verdicts - 4 - ROOM, 0)
    names = min(max((len(claim["id"]) for claim in claims), default=0), most)
    indent = names + verdicts + 4
    found = []
    for claim in claims:
        lines = [*_flow(_pieces(claim), max(width - indent, ROOM))] or [""]
        beside = lines.pop(0) if len(claim["id"]) <= names else ""
        head = f"{claim['id']:<{names}}  {claim['verdict']:<{verdicts}}  {beside}".rstrip()
        found.append([head, *(" " * indent + line for line in lines)])
    return found


def _flow(pieces: Sequence[str], room: int) -> Iterator[str]:
    """As many pieces in a line as fit; a piece that is too long for any is broken at spaces."""
    line = ""
    for piece in pieces:
        if line and len(line) + 2 + len(piece) > room:
            yield line
            line = ""
        *full, last = paragraph(piece, width=room).splitlines()
        yield from full
        line = f"{line}  {last}" if line else last
    if line:
        yield line


def _pieces(claim: Record) -> list[str]:
    case = next(c for c in claim["cases"] if c["label"] == claim["deciding"])
    refuted = sum(m["verdict"] == Verdict.REFUTED for m in claim["mutants"])
    pieces = [
        measured(case),
        _predicted(case),
        f"tolerance {number(case['tolerance'], 3)}" if case["tolerance"] else "",
        f"{refuted}/{len(claim['mutants'])} mutants refuted" if claim["mutants"] else "",
        *_remarks(claim),
    ]
    return [piece for piece in pieces if piece]


def _remarks(claim: Record) -> Iterator[str]:
    count = len(claim["cases"])
    if not passes(claim["verdict"], claim["expected"]):
        yield f"EXPECTED {claim['expected']}"
    elif claim["expected"] == Verdict.REFUTED:
        yield "as expected"
    if count > 1 and claim["verdict"] == Verdict.PROVED:
        yield f"{count} cases"
    elif count > 1:
        yield f"least clear of {count} cases: {claim['deciding']}"
    if boxes(claim):
        yield f"{boxes(claim)} boxes"


def _predicted(case: Record) -> str:
    if not isinstance(case["prediction"], float):
        return ""
    plain = case["rule"] in ("mean within", "identity")
    return f"predicted {predicted(case)}" if plain else predicted(case)


def _coloured(line: str, claim: Record) -> object:
    from rich.text import Text

    text = Text(line)
    head, start = line[: len(claim["id"])], len(claim["id"])
    if head == claim["id"] and claim["verdict"] in line[start:]:
        at = line.index(claim["verdict"], start)
        text.stylize(_style(claim), at, at + len(claim["verdict"]))
    return text


def _style(claim: Record) -> str | Style:
    if not passes(claim["verdict"], claim["expected"]) and claim["verdict"] != "INCONCLUSIVE":
        return WRONG
    return COLOURS[claim["verdict"]]


def _console() -> Console:
    """Of rich: it leaves colours away where there is no terminal, and where NO_COLOR is set."""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False)

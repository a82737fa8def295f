"""Records of a run and of a claim: dictionaries as the contract has them, that can be looked at.

At a prompt they print as the table of the command line, in a notebook as an HTML table; everything
else they do as any dictionary does.
"""

from __future__ import annotations

from typing import Any

from paper_checks.core import passes
from theory.display import table

HEADING = ("verdict", "measured", "predicted", "tolerance", "mutants refuted")


class ClaimRecord(dict[str, Any]):
    """What was found on one claim."""

    def __repr__(self) -> str:
        from paper_checks import terminal

        return "\n".join(terminal.rows({"claims": [self]})[0])

    def _repr_html_(self) -> str:
        expected = self["expected"]
        wrong = "" if passes(self["verdict"], expected) else f", expected {expected}"
        title = f"{self['id']}: {self['verdict']}{wrong}. {self['statement']}"
        rows = [_row(case["label"], case, case["mutants"]) for case in self["cases"]]
        return table(title, rows, ("case", *HEADING))


class RunRecord(dict[str, Any]):
    """What was found on all claims of a run."""

    def __repr__(self) -> str:
        from paper_checks import terminal

        return terminal.text(self)

    def _repr_html_(self) -> str:
        from paper_checks.report.text import summary_line

        rows = [
            _row(claim["id"], case, claim["mutants"])
            for claim in self["claims"]
            for case in claim["cases"]
            if case["label"] == claim["deciding"]
        ]
        return table(summary_line(self), rows, ("claim", *HEADING))


def _row(name: str, case: dict[str, Any], mutants: list[dict[str, Any]]) -> list[str]:
    from paper_checks.report import text

    refuted = sum(mutant["verdict"] == "REFUTED" for mutant in mutants)
    return [
        name,
        case["verdict"],
        text.measured(case),
        text.predicted(case) if isinstance(case["prediction"], float) else "",
        text.number(case["tolerance"], 3) if case["tolerance"] else "",
        f"{refuted}/{len(mutants)}" if mutants else "",
    ]

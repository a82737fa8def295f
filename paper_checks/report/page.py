"""One self-contained HTML page per run: no network, light and dark, printable.

A few lines of script filter the claims; without them the page reads the same.
"""

from __future__ import annotations

import math
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib import resources
from typing import TYPE_CHECKING, Any

from paper_checks.core import passes
from paper_checks.registry import about, papers, title
from paper_checks.report import chart, overview, text
from paper_checks.report.citations import references
from paper_checks.report.formulas import formulas
from paper_checks.report.trends import trends

if TYPE_CHECKING:
    from jinja2 import Template

Record = Mapping[str, Any]


def render(record: Record) -> str:
    """The page of a run record."""
    by_subject: dict[str, list[Record]] = {}
    for claim in record["claims"]:
        by_subject.setdefault(claim["subject"], []).append(claim)
    found = overview.findings(record["claims"])
    return _template().render(
        record=record,
        by_subject=by_subject,
        titles={subject: title(subject) for subject in by_subject},
        notes={subject: about(subject)[1] for subject in by_subject},
        bibtex={subject: papers(subject) for subject in by_subject},
        sentence=overview.sentence(record),
        rows={subject: overview.row(claims) for subject, claims in by_subject.items()},
        total=overview.row(record["claims"]),
        findings=[f for f in found if overview.published(f.claim)],
        others=[f for f in found if not overview.published(f.claim)],
        corrections={f.claim["id"]: f.corrected for f in found},
        problems=list(text.problems(record)),
    )


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("paper_checks", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "formulas": formulas,
        "number": _number,
        "predicted": lambda case: _minus(text.predicted(case)),
        "measured": lambda case: _minus(text.measured(case).replace("+-", "±")),
        "interval": _interval,
        "boxes": text.boxes,
        "count": lambda n: f"{n:,}".replace(",", "\u202f"),
        "mutants_by_name": _mutants_by_name,
        "sha256": _sha256,
        "share": _share,
        "trends": trends,
        "described": lambda case: _minus(chart.described(case)),
        "anchor": lambda claim_id: re.sub(r"[^\w-]", "-", claim_id),
    }
    environment.globals |= {
        "chart": chart.chart,
        "fan": chart.fan,
        "passes": passes,
        "references": references,
        "verdicts": overview.VERDICTS,
    }
    source = resources.files("paper_checks.report").joinpath("filter.js")
    environment.globals["script"] = Markup(source.read_text(encoding="utf-8"))
    return environment.get_template("page.html.j2")


def _share(claim: Record) -> float:
    """A claim's part of the error rate of its run: alone, it needs this to have its intervals."""
    return math.fsum(case["alpha"] for case in claim["cases"])


def _sha256(script: str) -> str:
    """What a content security policy calls the one script that may run."""
    return f"sha256-{b64encode(sha256(script.encode()).digest()).decode()}"


def _interval(ends: Any) -> str:
    if ends is None:
        return ""
    low, high = ("−∞" if ends[0] is None else ends[0]), ("∞" if ends[1] is None else ends[1])
    return f"[{_minus(text.number(low))}, {_minus(text.number(high))}]"


def _number(value: Any, digits: int = 6) -> str:
    return _minus(text.number(value, digits))


def _minus(number: str) -> str:
    """A true minus sign before a number; hyphens in words and exponents stay."""
    return re.sub(r"(?<![\w.])-(?=\d)", "−", number)


def _mutants_by_name(cases: Sequence[Record]) -> list[tuple[str, list[tuple[str, Record]]]]:
    found: dict[str, list[tuple[str, Record]]] = {}
    for case in cases:
        for mutant in case["mutants"]:
            found.setdefault(mutant["name"], []).append((case["label"], mutant))
    return list(found.items())

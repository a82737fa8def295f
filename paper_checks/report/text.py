"""Numbers and verdicts as plain text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from paper_checks.core import passes

Record = Mapping[str, Any]


def summary_line(record: Record) -> str:
    """The run in one line."""
    s = record["summary"]
    left_out = len(record["left_out"])
    have = "claim has" if left_out == 1 else "claims have"
    return (
        f"{s['total']} {'claim' if s['total'] == 1 else 'claims'}: {s['as_expected']} as expected, "
        f"{s['unexpected']} unexpected, {s['inconclusive']} inconclusive; "
        f"{s['mutants_refuted']}/{s['mutants']} mutants refuted. "
        f"Level {record['level']}, seed {record['seed']}, family-wise error {record['alpha']:g}, "
        f"{record['seconds']:.1f} s."
        + (f" {left_out} {have} no case at this level." if left_out else "")
    )


def problems(record: Record) -> Iterator[str]:
    """One line for every case and mutant that did not come out as it should."""
    for claim in record["claims"]:
        expected = claim["expected"]
        for case in claim["cases"]:
            where = f'{claim["id"]}, case "{case["label"]}"'
            if not passes(case["verdict"], expected):
                yield f"{where}: {case['verdict']}, expected {expected}; {_reason(case)}."
            for mutant in case["mutants"]:
                if mutant["verdict"] != "REFUTED":
                    yield f'{where}: mutant "{mutant["name"]}" is {mutant["verdict"]}.'


def measured(case: Record) -> str:
    """The estimate with the half-width of its interval, as "1.784 +- 0.043"."""
    if not isinstance(case["estimate"], float) or case["interval"] is None:
        return ""
    low, high = case["interval"]
    half = max(high - case["estimate"], case["estimate"] - low)
    if half <= 0 or (case["stderr"] is None and case["alpha"] == 0):
        return number(case["estimate"])
    decimals = max(0, 1 - math.floor(math.log10(half)))
    if decimals > 12 or abs(case["estimate"]) >= 1e9:
        return f"{case['estimate']:.6g} +- {half:.2g}"
    return f"{case['estimate']:.{decimals}f} +- {half:.{decimals}f}"


def predicted(case: Record) -> str:
    """What the rule compares with, in words where the number alone would mislead."""
    value, rule = case["prediction"], case["rule"]
    if rule == "law within":
        return "same law"
    if rule == "ordered":
        return "positive" if value > 0 else "negative"
    shown = number(value)
    return f"{rule} {shown}" if rule in ("at most", "at least") else shown


def boxes(claim: Record) -> int:
    """How many boxes the certificates of a claim have together."""
    return sum(case["certificate"]["boxes"] for case in claim["cases"] if "certificate" in case)


def number(value: Any, digits: int = 6) -> str:
    """A number to six significant digits, anything else as it is, None as nothing."""
    if value is None:
        return ""
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


def _reason(case: Record) -> str:
    if case["interval"] is None or case["accepted"] is None:
        reason = case.get("note") or "the check did not decide"
        return f"witness {case['witness']}" if "witness" in case else reason
    low, high = (number(x) for x in case["interval"])
    a, b = (number(x) for x in case["accepted"])
    note = f"; {case['note']}" if case.get("note") else ""
    return f"interval [{low}, {high}], allowed [{a or '-inf'}, {b or 'inf'}]{note}"

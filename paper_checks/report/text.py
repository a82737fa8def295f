"""Numbers and verdicts as plain text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from paper_checks.core import passes

Record = Mapping[str, Any]


def table(record: Record) -> str:
    """One aligned line per claim, showing the least favourable case of each."""
    rows = [_row(claim) for claim in record["claims"]]
    if not rows:
        return "no claim has a case at this level"
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def summary_line(record: Record) -> str:
    """The run in one line."""
    s = record["summary"]
    left_out = len(record["left_out"])
    return (
        f"{s['total']} claims: {s['as_expected']} as expected, {s['unexpected']} unexpected, "
        f"{s['inconclusive']} inconclusive; {s['mutants_refuted']}/{s['mutants']} mutants refuted. "
        f"Level {record['level']}, seed {record['seed']}, family-wise error {record['alpha']:g}, "
        f"{record['seconds']:.1f} s."
        + (f" {left_out} claims have no case at this level." if left_out else "")
    )


def problems(record: Record) -> Iterator[str]:
    """One line for every case and mutant that did not come out as it should."""
    for claim in record["claims"]:
        expected = claim["expected"]
        for case in claim["cases"]:
            where = f'{claim["id"]}, case "{case["label"]}"'
            if case["verdict"] != expected and (case["verdict"], expected) != (
                "PROVED",
                "SUPPORTED",
            ):
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


def _row(claim: Record) -> Sequence[str]:
    case = next(c for c in claim["cases"] if c["label"] == claim["deciding"])
    refuted = sum(m["verdict"] == "REFUTED" for m in claim["mutants"])
    count = len(claim["cases"])
    remark = "" if count == 1 else f"least clear of {count} cases: {case['label']}"
    if count > 1 and claim["verdict"] == "PROVED":
        remark = f"{count} cases"
    if not passes(claim["verdict"], claim["expected"]):
        remark = "; ".join(filter(None, (f"EXPECTED {claim['expected']}", remark)))
    elif claim["expected"] == "REFUTED":
        remark = "; ".join(filter(None, ("as expected", remark)))
    if boxes(claim):
        remark = "; ".join(filter(None, (remark, f"{boxes(claim)} boxes")))
    return (
        claim["id"],
        claim["verdict"],
        measured(case),
        _predicted(case),
        f"tolerance {number(case['tolerance'], 3)}" if case["tolerance"] else "",
        f"{refuted}/{len(claim['mutants'])} mutants refuted" if claim["mutants"] else "",
        remark,
    )


def _predicted(case: Record) -> str:
    if not isinstance(case["prediction"], float):
        return ""
    plain = case["rule"] in ("mean within", "identity")
    return f"predicted {predicted(case)}" if plain else predicted(case)


def _reason(case: Record) -> str:
    if case["interval"] is None or case["accepted"] is None:
        reason = case.get("note") or "the check did not decide"
        return f"witness {case['witness']}" if "witness" in case else reason
    low, high = (number(x) for x in case["interval"])
    a, b = (number(x) for x in case["accepted"])
    note = f"; {case['note']}" if case.get("note") else ""
    return f"interval [{low}, {high}], allowed [{a or '-inf'}, {b or 'inf'}]{note}"

"""The top of the page: the run in a sentence, the matrix of verdicts, the findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from paper_checks.core import passes

Record = Mapping[str, Any]

VERDICTS = ("PROVED", "SUPPORTED", "REFUTED", "INCONCLUSIVE")


class Row(NamedTuple):
    """A subject's line of the matrix; `verdicts` counts those of VERDICTS, in that order."""

    claims: int
    verdicts: tuple[int, ...]
    unexpected: int
    refuted: int
    mutants: int


class Finding(NamedTuple):
    """A statement that does not hold, and the claim of the record that says what does."""

    claim: Record
    corrected: Record | None


def row(claims: Sequence[Record]) -> Row:
    """The verdicts of some claims counted."""
    mutants = [m for claim in claims for m in claim["mutants"]]
    return Row(
        len(claims),
        tuple(sum(c["verdict"] == verdict for c in claims) for verdict in VERDICTS),
        sum(not passes(c["verdict"], c["expected"]) for c in claims),
        sum(m["verdict"] == "REFUTED" for m in mutants),
        len(mutants),
    )


def sentence(record: Record) -> str:
    """The outcome of a run in one sentence."""
    claims = record["claims"]
    if not claims:
        return "No claim has a case at this level."
    _, (proved, supported, refuted, doubtful), unexpected, *_ = row(claims)
    printed = sum(published(claim) for claim in claims if claim["verdict"] == "REFUTED")
    parts = [
        f"{count} {'was' if count == 1 else 'were'} {word}"
        for count, word in ((proved, "proved"), (supported, "supported by measurement"))
        if count
    ]
    if refuted:
        among = f", {printed} of them attributed to a paper" if printed else ""
        parts.append(f"{refuted} {'was' if refuted == 1 else 'were'} refuted{among}")
    if doubtful:
        parts.append(f"{doubtful} could not be decided")
    joined = ", ".join(parts[:-1]) + (" and " if parts[1:] else "") + parts[-1]
    end = "every verdict is as expected"
    if unexpected:
        end = f"{unexpected} {'is' if unexpected == 1 else 'are'} not as expected"
    return f"Of {len(claims)} statement{'s' * (len(claims) > 1)} {joined}; {end}."


def published(claim: Record) -> bool:
    """Whether a statement is attributed to the paper: seen there, or recalled."""
    return str(claim["provenance"]) != "derived"


def findings(claims: Sequence[Record]) -> list[Finding]:
    """The refuted statements of some claims, each with its corrected statement."""
    by_id = {claim["id"]: claim for claim in claims}
    return [
        Finding(claim, by_id.get(claim.get("corrected") or ""))
        for claim in claims
        if claim["verdict"] == claim["expected"] == "REFUTED"
    ]

"""Every claim of the registry is one test: its verdict is the expected one, its mutants fall.

All simulations run once, at level quick.  The seed is pinned, so the outcome is a fact; with any
other seed, set by DEEPVERDICT_SEED, all these tests pass together unless the family-wise error of
1e-3 strikes or an interval comes out unusually wide (also at most 1e-3, by the planned sizes).
"""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from paper_checks.core import Claim, passes
from paper_checks.registry import select
from paper_checks.report.formulas import formulas
from paper_checks.running import run_claims

SEED = int(os.environ.get("DEEPVERDICT_SEED", "1"))
CLAIMS = select([])
QUICK = [claim for claim in CLAIMS if claim.cases_at("quick")]

pytestmark = pytest.mark.xdist_group("theorems")


@pytest.fixture(scope="module")
def records() -> dict[str, dict[str, Any]]:
    from simulations import engines

    workers = min(2, len(engines.cores()))
    record = run_claims(QUICK, "quick", SEED, map_blocks=engines.local(workers))
    return {claim["id"]: claim for claim in record["claims"]}


@pytest.mark.slow
@pytest.mark.timeout(3000)  # the first waits for all simulations, and for their compilation
@pytest.mark.parametrize("claim", QUICK, ids=lambda claim: claim.id)
def test_claim(claim: Claim, records: dict[str, dict[str, Any]]) -> None:
    record = records[claim.id]
    survivors = [m["name"] for m in record["mutants"] if m["verdict"] != "REFUTED"]
    explanation = f"seed {SEED}\n{json.dumps(record, indent=1)}"
    assert passes(record["verdict"], claim.expected), explanation
    assert not survivors, explanation


def test_ids_are_distinct() -> None:
    assert len({claim.id for claim in CLAIMS}) == len(CLAIMS)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_statement_can_be_typeset(claim: Claim) -> None:
    assert str(formulas(claim.statement)).count("<math") >= claim.statement.count("$") // 2

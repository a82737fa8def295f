"""The page of a run: its top, its findings, its citations, the words of its pictures."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from paper_checks.core import Verdict
from paper_checks.registry import SUBJECTS, papers, select
from paper_checks.report import render
from paper_checks.report.chart import described, fan
from paper_checks.report.citations import references
from paper_checks.report.overview import VERDICTS, findings, published, row, sentence
from paper_checks.running import run_claims
from tests.paper_checks import toy

WRONG = replace(toy.WRONG, corrected="toy/mean")


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    return run_claims([WRONG if c is toy.WRONG else c for c in toy.CLAIMS], "quick", 5)


def claim_record(name: str, verdict: str, expected: str = "", **more: Any) -> dict[str, Any]:
    fields = {"id": f"toy/{name}", "provenance": "derived", "source": "derived", "mutants": []}
    return fields | {"verdict": verdict, "expected": expected or verdict} | more


def test_sentence_counts_every_verdict() -> None:
    claims = [
        claim_record("a", "PROVED"),
        claim_record("b", "PROVED", "SUPPORTED"),
        claim_record("c", "REFUTED", provenance="recalled"),
        claim_record("d", "REFUTED"),
        claim_record("e", "SUPPORTED"),
        claim_record("f", "INCONCLUSIVE", "SUPPORTED"),
    ]
    assert sentence({"claims": claims}) == (
        "Of 6 statements 2 were proved, 1 was supported by measurement, 2 were refuted, "
        "1 of them attributed to a paper and 1 could not be decided; 1 is not as expected."
    )
    assert row(claims)[:3] == (6, (2, 1, 2, 1), 1)
    assert sentence({"claims": claims[:1]}).startswith("Of 1 statement 1 was proved; every")
    assert sentence({"claims": []}) == "No claim has a case at this level."


@pytest.mark.parametrize(
    ("provenance", "expected"),
    [("derived", False), ("recalled", True), ("confirmed-in-source", True)],
)
def test_who_said_it(provenance: str, expected: bool) -> None:
    assert published({"provenance": provenance}) is expected


def test_finding_comes_with_what_holds(record: dict[str, Any]) -> None:
    (found,) = findings(record["claims"])
    assert found.claim["id"] == "toy/wrong-mean"
    assert found.corrected is not None
    assert found.corrected["id"] == "toy/mean"
    alone = [claim for claim in record["claims"] if claim["id"] == "toy/wrong-mean"]
    assert findings(alone)[0].corrected is None
    assert "toy/mean, which was not run here" in render({**record, "claims": alone})


def test_what_was_not_expected_is_no_finding() -> None:
    assert not findings([claim_record("a", "REFUTED", "SUPPORTED")])


def test_records_of_older_versions_are_shown(record: dict[str, Any]) -> None:
    old = [{k: v for k, v in claim.items() if k != "corrected"} for claim in record["claims"]]
    assert "What holds:" not in render({**record, "claims": old})


def test_corrections_name_claims_that_hold() -> None:
    """Each subject with a refuted statement has one that says what holds instead."""
    claims = {claim.id: claim for claim in select(())}
    corrected = [claim for claim in claims.values() if claim.expected is Verdict.REFUTED]
    for claim in corrected:
        assert claim.corrected is not None, claim.id
        assert claim.corrected in claims, claim.id
        assert claims[claim.corrected].expected is not Verdict.REFUTED, claim.id
        assert claims[claim.corrected].subject == claim.subject
    assert {claim.subject for claim in corrected} == set(SUBJECTS)


def test_only_a_refuted_claim_is_corrected() -> None:
    with pytest.raises(ValueError, match="toy/mean: only a claim expected to be REFUTED"):
        replace(toy.MEAN, corrected="toy/bound")


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_subject_cites_its_papers(subject: str) -> None:
    text = papers(subject)
    found = references(text)
    assert len(found) == text.count("@") > 0
    for paper in found:
        assert re.fullmatch(r"\d{4}\.\d{5}", paper.arxiv)
        assert re.search(r"\d{4}$", paper.venue)
        assert all(field and not set(field) & set("{}\n") for field in paper)


def test_reference_as_text() -> None:
    entry = """@article{x,
  author = {Ada B. One and
    Bo Two and Cy Three},
  title = {On {ReLU} Networks},
  journal = {Journal},
  volume = {7},
  year = {2020},
  eprint = {2001.00001},
}"""
    assert references(entry) == [
        ("Ada B. One, Bo Two and Cy Three", "On ReLU Networks", "Journal 7, 2020", "2001.00001")
    ]


def test_pictures_in_words(record: dict[str, Any]) -> None:
    cases = {claim["id"]: claim["cases"][0] for claim in record["claims"]}
    assert described(cases["toy/square"]) == "n = 1: proved; 1 of 1 mutants refuted."
    said = described(cases["toy/mean"])
    assert re.fullmatch(
        r"mean 0: interval -?0\.0\d+ to 0\.0\d+, allowed from -0\.1 to 0\.1; "
        r"2 of 2 mutants refuted\.",
        said,
    )
    assert "allowed to 0.55" in described(cases["toy/bound"])


def test_mutants_of_a_proof_fail_on_the_right() -> None:
    mutants = [{"name": str(i), "verdict": "REFUTED"} for i in range(40)]
    mutants[3]["verdict"] = "PROVED"
    marks = fan({"mutants": mutants})
    assert all((mark.x > 180) == mark.refuted for mark in marks)
    assert all(0 < mark.x < 360 for mark in marks)


def test_every_verdict_can_be_chosen() -> None:
    assert set(VERDICTS) == set(Verdict)


def test_claim_alone_has_the_interval_of_its_card(record: dict[str, Any]) -> None:
    together = next(claim for claim in record["claims"] if claim["id"] == "toy/mean")
    page = re.sub("<[^>]*>", "", render(record))
    command = re.search(r"run toy/mean --level quick --seed 5 --alpha (\S+)", page)
    assert command
    (alone,) = run_claims([toy.MEAN], "quick", 5, alpha=float(command[1]))["claims"]
    for case, same in zip(alone["cases"], together["cases"], strict=True):
        assert case["interval"] == pytest.approx(same["interval"], rel=1e-6, abs=1e-7)
    assert "run toy/square --level quick --seed 5\n" in page  # no chance, no share

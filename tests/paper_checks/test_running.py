"""Running claims: what is simulated, how the error rate is shared, what the record says."""

from __future__ import annotations

import dataclasses
import json
import math
import threading
import time
from typing import Any

import pytest

from paper_checks.core import Case, Claim, Computed, Measured, Sampling, Verdict, measured, passes
from paper_checks.estimates import log
from paper_checks.report import problems, render
from paper_checks.rules import identity, mean_within, proof
from paper_checks.running import exit_code, run_claims, summary
from simulations import core
from simulations.core import Estimate
from simulations.engines import in_process
from tests.paper_checks import toy
from tests.paper_checks.toy import claim, mean_case

CONTRACT = {"id", "subject", "source", "provenance", "kind", "statement", "method", "prediction"}
CONTRACT |= {"estimate", "stderr", "interval", "tolerance", "detectable", "verdict", "expected"}
CONTRACT |= {"mutants", "samples", "seconds"}


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    return run_claims(toy.CLAIMS, "quick", seed=5)


def test_every_toy_claim_comes_out_as_expected(record: dict[str, Any]) -> None:
    # The whole family is wrong with probability <= 1e-3 for a random seed; this seed is fixed.
    assert record["summary"] == {
        "total": 7,
        "as_expected": 7,
        "unexpected": 0,
        "inconclusive": 0,
        "mutants": 13,
        "mutants_refuted": 13,
        "mutants_inconclusive": 0,
    }
    assert exit_code(record["summary"]) == 0


def test_record_keeps_the_contract(record: dict[str, Any]) -> None:
    assert {"level", "seed", "alpha", "claims", "summary", "versions"} <= record.keys()
    for found in record["claims"]:
        assert found.keys() >= CONTRACT
        assert all({"name", "prediction", "verdict"} == m.keys() for m in found["mutants"])
        assert ("witness" in found) == (found["verdict"] == "REFUTED")
    assert json.loads(json.dumps(record, allow_nan=False)) == record


def test_same_seed_same_verdicts(record: dict[str, Any]) -> None:
    again = run_claims(toy.CLAIMS, "quick", seed=5)
    for one, two in zip(record["claims"], again["claims"], strict=True):
        drop = {"seconds", "cases"}
        assert {k: v for k, v in one.items() if k not in drop} == {
            k: v for k, v in two.items() if k not in drop
        }


def test_alpha_is_shared_over_claims_and_cases_with_chance(record: dict[str, Any]) -> None:
    shares = {c["id"]: [case["alpha"] for case in c["cases"]] for c in record["claims"]}
    share = 1e-3 / 5  # two of the seven claims involve no chance
    assert shares["toy/law"] == [share]
    assert shares["toy/mean"] == [share / 3] * 3
    assert shares["toy/square"] == [0.0, 0.0]
    assert sum(map(sum, shares.values())) == pytest.approx(1e-3, rel=1e-12)


def test_shared_jobs_are_simulated_once_with_the_largest_sample_number() -> None:
    few = measured(toy.NORMAL, toy.Params(), "x", quick=3000, full=3000)
    many = measured(toy.NORMAL, toy.Params(), "x", quick=9000, full=3000)
    both = claim("both", mean_case(0.0, observe=few, label="few"), mean_case(0.0, observe=many))
    tasks = []

    def spy(todo: Any) -> Any:
        for task, block in in_process(todo):
            tasks.append(task)
            yield task, block

    twin = dataclasses.replace(both, id="toy/twin")
    found = run_claims([both, twin], map_blocks=spy)["claims"]
    assert sum(task.count for task in tasks) == 9000
    assert [c["samples"] for c in found] == [9000, 9000]
    assert [case["samples"] for case in found[0]["cases"]] == [9000, 9000]
    assert found[0]["seconds"] > 0


def test_several_jobs_make_one_estimate() -> None:
    samplings = tuple(Sampling(toy.NORMAL, toy.Params(m), 5000, 5000) for m in (1.0, 3.0))

    def difference(results: list[Any]) -> Estimate:
        low, high = (r["x"] for r in results)
        return Estimate(high.value - low.value, math.hypot(low.stderr, high.stderr), 5000)

    case = mean_case(2.0, observe=Measured(samplings, difference), rule=mean_within(0.2))
    found = run_claims([claim("difference", case)])["claims"][0]
    assert found["verdict"] == Verdict.SUPPORTED
    assert found["samples"] == 10_000


def test_the_least_favourable_case_decides() -> None:
    good = mean_case(0.0, label="good")
    close = mean_case(0.0, label="close", predict=lambda: 0.05)
    vague = mean_case(0.0, label="vague", rule=mean_within(1e-4))
    wrong = mean_case(0.0, label="wrong", predict=lambda: 0.5, mutants={"one": lambda: 1.0})

    def deciding(*cases: Case, **changes: Any) -> tuple[str, str]:
        found = run_claims([claim("x", *cases, **changes)])["claims"][0]
        return found["deciding"], found["verdict"]

    assert deciding(good, close) == ("close", "SUPPORTED")
    assert deciding(good, vague, close) == ("vague", "INCONCLUSIVE")
    assert deciding(vague, wrong, good) == ("wrong", "REFUTED")
    # A refutation is expected of every case: one that is supported is the finding.
    assert deciding(wrong, vague, expected=Verdict.REFUTED) == ("vague", "INCONCLUSIVE")
    assert deciding(wrong, vague, good, expected=Verdict.REFUTED) == ("good", "SUPPORTED")
    wronger = dataclasses.replace(wrong, label="wronger", predict=lambda: 5.0)
    assert deciding(wrong, wronger, good) == ("wronger", "REFUTED")
    assert deciding(wronger, wrong, expected=Verdict.REFUTED) == ("wrong", "REFUTED")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, 0),
        ({"predict": lambda: 0.5}, 1),
        ({"rule": mean_within(1e-4)}, 3),
        ({"mutants": {"same": lambda: 0.0}}, 1),
        ({"mutants": {"near": lambda: 0.1}}, 3),
    ],
)
def test_exit_codes(changes: dict[str, Any], code: int) -> None:
    fine, other = mean_case(0.0), mean_case(0.0, label="other", **changes)
    assert exit_code(run_claims([claim("x", fine, other)])["summary"]) == code


def test_an_unexpected_verdict_outranks_an_inconclusive_one() -> None:
    verdicts = [("INCONCLUSIVE", "SUPPORTED"), ("REFUTED", "SUPPORTED"), ("PROVED", "SUPPORTED")]
    counts = summary([{"verdict": v, "expected": e, "mutants": []} for v, e in verdicts])
    assert (counts["as_expected"], counts["unexpected"], counts["inconclusive"]) == (1, 1, 1)
    assert exit_code(counts) == 1
    assert not passes("SUPPORTED", "PROVED")


def test_levels() -> None:
    heavy = mean_case(0.0, label="heavy", levels=("full",), rule=mean_within(0.08))
    claims = [claim("a", mean_case(0.0), heavy), claim("b", heavy)]
    quick, full = (run_claims(claims, level) for level in ("quick", "full"))
    assert [c["id"] for c in quick["claims"]] == ["toy/a"]
    assert quick["left_out"] == ["toy/b"]
    assert quick["claims"][0]["samples"] == toy.QUICK
    assert [len(c["cases"]) for c in full["claims"]] == [2, 1]
    assert full["claims"][0]["samples"] == toy.FULL
    assert full["claims"][1]["cases"][0]["alpha"] == 1e-3 / 2


def test_a_prediction_that_fails_stops_the_simulation() -> None:
    failed = threading.Event()
    done = []

    def simulate(tasks: Any) -> Any:
        for task in tasks:
            assert failed.wait(60)
            time.sleep(0.1)  # from the failure to its report
            done.append(task)
            yield task, core.compute(task)

    def broken() -> float:
        failed.set()
        raise ValueError("no such width.")

    for late in (mean_case(1.0, predict=broken), mean_case(1.0, mutants={"m": broken})):
        done.clear()
        with pytest.raises(ValueError, match='toy/x, case "mean 1": no such width'):
            run_claims([claim("x", mean_case(0.0), late)], map_blocks=simulate)
        assert len(done) == 1


def test_claims_without_chance_start_no_simulation() -> None:
    def simulate(tasks: Any) -> Any:
        raise AssertionError("sampling started")

    found = run_claims([toy.SQUARE, toy.EXACT], map_blocks=simulate)
    assert [c["verdict"] for c in found["claims"]] == ["PROVED", "SUPPORTED"]
    assert [c["samples"] for c in found["claims"]] == [0, 0]


def test_nan_names_claim_and_case() -> None:
    with pytest.raises(ValueError, match='toy/x, case "mean 0": the value nan'):
        run_claims([claim("x", mean_case(0.0, predict=lambda: math.nan))])
    with pytest.raises(ValueError, match=r"x is not finite in block 0 of toy/normal"):
        run_claims([claim("x", mean_case(0.0, observe=toy.normal("x", toy.Params(scale=1e300))))])


def test_two_claims_of_one_id() -> None:
    with pytest.raises(ValueError, match='2 claims have the id "toy/exact"'):
        run_claims([toy.EXACT, toy.EXACT])


def test_an_observation_too_noisy_to_use_is_inconclusive() -> None:
    sampling = Sampling(toy.NORMAL, toy.Params(), 3000, 3000)
    noisy = Measured((sampling,), lambda results: log(results[0]["x"]))
    cases = (mean_case(0.0, observe=noisy, label="noisy"), mean_case(0.0))
    record = run_claims([claim("x", *cases)])
    found = record["claims"][0]
    assert (found["verdict"], found["deciding"]) == ("INCONCLUSIVE", "noisy")
    assert "ten standard errors" in found["cases"][0]["note"]
    assert [m["verdict"] for m in found["cases"][0]["mutants"]] == ["INCONCLUSIVE"] * 2
    assert exit_code(record["summary"]) == 3
    assert "ten standard errors" in next(iter(problems(record)))
    assert "toy/x" in repr(record)
    assert "INCONCLUSIVE" in render(record)


def test_unknown_estimate_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"toy/normal estimates no 'y'; it has x, negative, law"):
        run_claims([claim("x", mean_case(0.0, observe=toy.normal("y")))])


@pytest.mark.parametrize("alpha", [0.0, 1.0, math.nan])
def test_alpha_is_a_probability(alpha: float) -> None:
    with pytest.raises(ValueError, match="alpha must be between"):
        run_claims([toy.EXACT], alpha=alpha)


# --- claims are checked when they are written ---------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": "nosubject"}, 'claim id "nosubject"'),
        ({"id": "toy/two words"}, "without spaces"),
        ({"kind": "guess"}, 'kind "guess" must be one of theorem'),
        ({"provenance": "heard"}, 'provenance "heard"'),
        ({"method": "magic"}, 'method "magic"'),
        ({"expected": Verdict.INCONCLUSIVE}, "cannot be expected"),
        ({"statement": "a $b"}, "closing"),
        ({"cases": ()}, "needs cases"),
        ({"cases": (mean_case(0.0), mean_case(0.0))}, "distinct labels"),
        ({"cases": (mean_case(0.0, mutants={}),)}, "at least one mutant"),
    ],
)
def test_badly_written_claims(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        claim("x", mean_case(0.0), **changes)


def test_rule_and_observation_must_fit() -> None:
    with pytest.raises(ValueError, match='rule "mean within" cannot decide Computed'):
        mean_case(0.0, observe=Computed(lambda: 0.0))
    for rule in (identity(), proof()):
        with pytest.raises(ValueError, match="cannot decide Measured"):
            mean_case(0.0, rule=rule)


def test_subject_of_a_claim() -> None:
    assert toy.MEAN.subject == "toy"
    assert isinstance(toy.MEAN, Claim)

"""The one function that runs claims, and the record it returns.

    Claim -> cases -> predictions -> jobs -> one simulation -> rule -> verdicts -> record

Predictions and mutants take no arguments: they see nothing of the samples, and are computed in a
thread beside the simulation, which stops at the first that fails.  Jobs that several claims share
are simulated once, with the largest sample number asked for; every observation is then compared
with its prediction and with all mutants, at no further cost.

Error rate.  `alpha` bounds the probability that a run gives any wrong verdict: it is divided
equally over the claims run that involve chance, and within a claim over the cases that do
(Bonferroni, valid for any dependence between them).
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from paper_checks.certificates import kept
from paper_checks.core import Case, Claim, Computed, Level, Measured, Sampling, passes
from paper_checks.records import ClaimRecord, RunRecord
from paper_checks.rules import Outcome, Rule, TooFewSamples, undecided
from paper_checks.trends import Extrapolated
from paper_checks.verdict import Verdict
from simulations.core import Block, Job, MapBlocks, Progress, Result, Task

if TYPE_CHECKING:
    from simulations.store import Store

Record: TypeAlias = dict[str, Any]

ALPHA = 1e-3
"""Family-wise error of a run."""


def run_claims(
    claims: Sequence[Claim],
    level: Level = "quick",
    seed: int = 0,
    alpha: float = ALPHA,
    *,
    map_blocks: MapBlocks | None = None,
    store: Store | None = None,
    progress: Progress | None = None,
    certificates: Path | None = None,
) -> Record:
    """Decide all claims at one level; the record has the keys of the machine-readable contract.

    A claim without a case at this level is left out and named under "left_out".  The samples and
    seconds of a simulation that several claims share count in each of them, and once in the run.
    `certificates` is the folder where those of the cases are kept.  Raises ValueError, naming claim
    and case, for a NaN or an infinity in a prediction or an observation.
    """
    from importlib.metadata import version

    import jax  # noqa: F401  # whole, before theory looks for it from a thread of its own

    from simulations.cli import versions

    if not 0 < alpha < 1:
        raise ValueError(f"alpha must be between 0 and 1; got {alpha}.")
    for claim_id, count in Counter(claim.id for claim in claims).items():
        if count > 1:
            raise ValueError(f'{count} claims have the id "{claim_id}"; give each its own.')
    start = time.perf_counter()
    trials = [
        _Trial(claim, case, share)
        for claim, share in zip(claims, _shares(claims, level, alpha), strict=True)
        for case in claim.cases_at(level)
    ]
    simulate = _Simulation(trials, level)
    with _Predictions(trials) as predictions:
        simulate(seed, map_blocks, store, progress, predictions.check)
        predictions.wait()
    for trial in trials:
        trial.decide(simulate)
    records = [
        _claim_record(claim, [t for t in trials if t.claim is claim], certificates)
        for claim in claims
        if claim.cases_at(level)
    ]
    return RunRecord(
        {
            "level": level,
            "seed": seed,
            "alpha": alpha,
            "claims": records,
            "summary": summary(records),
            "left_out": [claim.id for claim in claims if not claim.cases_at(level)],
            "seconds": round(time.perf_counter() - start, 3),
            "versions": versions() | {"sympy": version("sympy")},
        }
    )


def summary(claims: Sequence[Record]) -> dict[str, int]:
    """Counts over claim records; "unexpected" and "inconclusive" exclude each other."""
    inconclusive = sum(c["verdict"] == Verdict.INCONCLUSIVE for c in claims)
    as_expected = sum(passes(c["verdict"], c["expected"]) for c in claims)
    mutants = [m["verdict"] for c in claims for m in c["mutants"]]
    return {
        "total": len(claims),
        "as_expected": as_expected,
        "unexpected": len(claims) - as_expected - inconclusive,
        "inconclusive": inconclusive,
        "mutants": len(mutants),
        "mutants_refuted": mutants.count(Verdict.REFUTED),
        "mutants_inconclusive": mutants.count(Verdict.INCONCLUSIVE),
    }


def exit_code(counts: Mapping[str, int]) -> int:
    """0: all as expected; 1: a claim is not, or a mutant passes; 3: something is inconclusive."""
    passed = counts["mutants"] - counts["mutants_refuted"] - counts["mutants_inconclusive"]
    if counts["unexpected"] or passed:
        return 1
    return 3 if counts["inconclusive"] or counts["mutants_inconclusive"] else 0


def _shares(claims: Sequence[Claim], level: Level, alpha: float) -> list[float]:
    """The error rate of each case of each claim."""
    chances = [sum(c.rule.statistical for c in claim.cases_at(level)) for claim in claims]
    family = sum(count > 0 for count in chances)
    return [alpha / (family * count) if count else 0.0 for count in chances]


class _Simulation:
    """The distinct jobs of all trials, their results, and what each cost."""

    def __init__(self, trials: Sequence[_Trial], level: Level) -> None:
        self.level = level
        self.jobs: dict[tuple[str, Any], Job] = {}
        for trial in trials:
            for sampling in trial.samplings:
                job = sampling.job(level)
                known = self.jobs.get(_key(sampling))
                if known is None or known.samples < job.samples:
                    self.jobs[_key(sampling)] = job
        self.results: dict[tuple[str, Any], Result] = {}
        self.seconds = dict.fromkeys(self.jobs, 0.0)

    def __call__(
        self,
        seed: int,
        map_blocks: MapBlocks | None,
        store: Store | None,
        progress: Progress | None,
        check: Callable[[], None],
    ) -> None:
        """Simulate; `check` is called after every block and may raise."""
        if not self.jobs:
            return
        from simulations import core, engines

        keys = list(self.jobs)

        def timed(tasks: Any) -> Iterator[tuple[Task, Block]]:
            # The wall time between two blocks goes to the job of the second one: a fair share
            # with any number of workers.
            last = time.perf_counter()
            for task, block in (map_blocks or engines.in_process)(tasks):
                self.seconds[keys[task.job]] += time.perf_counter() - last
                check()
                yield task, block
                last = time.perf_counter()

        jobs = list(self.jobs.values())
        found = core.run(jobs, seed, map_blocks=timed, store=store, progress=progress)
        self.results = dict(zip(keys, found, strict=True))


class _Predictions:
    """The predictions of all trials, and what they compute without chance, in a thread."""

    def __init__(self, trials: Sequence[_Trial]) -> None:
        self.trials = trials
        self.stopped = False
        self.pool = ThreadPoolExecutor(1)

    def __enter__(self) -> _Predictions:
        self.future = self.pool.submit(self._predict)
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped = True
        self.pool.shutdown()

    def check(self) -> None:
        """Raise what a prediction has raised so far."""
        if self.future.done():
            self.future.result()

    def wait(self) -> None:
        """Until all are made, or one has failed."""
        self.future.result()

    def _predict(self) -> None:
        for trial in self.trials:
            if self.stopped:
                return
            trial.predict()


def _key(sampling: Sampling) -> tuple[str, Any]:
    return (sampling.experiment.name, sampling.params)


class _Trial:
    """One case on its way from prediction to record."""

    def __init__(self, claim: Claim, case: Case, alpha: float) -> None:
        self.claim = claim
        self.case = case
        self.alpha = alpha if case.rule.statistical else 0.0
        observe = case.observe
        self.samplings = observe.samplings if isinstance(observe, Measured) else ()
        self.seconds = 0.0
        self.costs: dict[tuple[str, Any], tuple[int, float]] = {}
        self.predicted: Any = None
        self.mutants: dict[str, Any] = {}
        self.computed: Any = None
        self.extrapolated: Extrapolated | None = None

    def predict(self) -> None:
        """Evaluate the statement and all its mutants, and what is observed without chance."""
        with self._timed():
            self.predicted = self.case.predict()
            self.mutants = {name: mutant() for name, mutant in self.case.mutants.items()}
            if isinstance(self.case.observe, Computed):
                self.computed = self.case.observe.function()

    def decide(self, simulation: _Simulation) -> None:
        """Compare the observation with the statement and with every mutant."""
        with self._timed():
            try:
                observed = self._observed(simulation)
            except TooFewSamples as error:
                reason = str(error)
                self.outcome = undecided(self.predicted, reason)
                self.mutant_outcomes = {n: undecided(m, reason) for n, m in self.mutants.items()}
                return
            decide = self.case.rule.decide
            self.outcome = decide(observed, self.predicted, self.alpha)
            self.mutant_outcomes = {
                name: decide(observed, mutant, self.alpha) for name, mutant in self.mutants.items()
            }

    def _observed(self, simulation: _Simulation) -> Any:
        """What the rule decides on; of an extrapolation that is its limit."""
        found = self._found(simulation)
        if isinstance(found, Extrapolated):
            self.extrapolated = found
            return found.limit
        return found

    def _found(self, simulation: _Simulation) -> Any:
        observe = self.case.observe
        if isinstance(observe, Computed):
            return self.computed
        keys = [_key(s) for s in self.samplings]
        self.costs = {k: (simulation.jobs[k].samples, simulation.seconds[k]) for k in keys}
        return observe.reduce([simulation.results[k] for k in keys])

    @property
    def rank(self) -> tuple[int, float]:
        """Sorts the least favourable case of a claim first."""
        verdict, expected = self.outcome.verdict, self.claim.expected
        if passes(verdict, expected):
            return (2 if verdict == expected else 3, self.outcome.slack)
        return (1 if verdict is Verdict.INCONCLUSIVE else 0, -self.outcome.slack)

    def record(self, number: int, certificates: Path | None) -> Record:
        """Everything the verdict on this case rests on."""
        return {
            "label": self.case.label,
            "rule": self.case.rule.name,
            "alpha": self.alpha,
            "samples": sum(samples for samples, _ in self.costs.values()),
            "seconds": round(self.seconds + sum(s for _, s in self.costs.values()), 3),
            **_outcome_record(self.outcome),
            **({"extrapolation": self.extrapolated.record()} if self.extrapolated else {}),
            "mutants": [
                _mutant_record(name, self.case.rule, outcome)
                for name, outcome in self.mutant_outcomes.items()
            ],
            **kept(
                self.predicted,
                certificates,
                f"{self.claim.id.replace('/', '.')}.{number}-{self.case.label}",
            ),
        }

    @contextlib.contextmanager
    def _timed(self) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        except ValueError as error:
            raise ValueError(f'{self.claim.id}, case "{self.case.label}": {error}') from error
        finally:
            self.seconds += time.perf_counter() - start


def _outcome_record(outcome: Outcome) -> Record:
    record = {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in outcome._asdict().items()
    }
    return {k: v for k, v in record.items() if v or k not in ("witness", "note")}


def _mutant_record(name: str, rule: Rule, outcome: Outcome) -> Record:
    # A mutant law is drawn at its distance from the measured law, a number at its own value.
    prediction = outcome.estimate if rule.observes == "law" else outcome.prediction
    return {"name": name, "prediction": prediction, "verdict": outcome.verdict}


def _claim_record(claim: Claim, trials: Sequence[_Trial], certificates: Path | None) -> Record:
    """One claim; prediction, estimate and so on are those of the least favourable case."""
    cases = [trial.record(i, certificates) for i, trial in enumerate(trials, start=1)]
    deciding = min(range(len(trials)), key=lambda i: trials[i].rank)
    worst = cases[deciding]
    several = len(cases) > 1
    costs = {key: cost for trial in trials for key, cost in trial.costs.items()}  # shared: once
    record = {
        "id": claim.id,
        "subject": claim.subject,
        "source": claim.source,
        "provenance": claim.provenance,
        "kind": claim.kind,
        "statement": claim.statement,
        "method": claim.method,
        "prediction": worst["prediction"],
        "estimate": worst["estimate"],
        "stderr": worst["stderr"],
        "interval": worst["interval"],
        "tolerance": worst["tolerance"],
        "detectable": worst["detectable"],
        "verdict": worst["verdict"],
        "expected": claim.expected,
        "mutants": [
            m | {"name": f"{m['name']} ({c['label']})"} if several else m
            for c in cases
            for m in c["mutants"]
        ],
        "samples": sum(samples for samples, _ in costs.values()),
        "seconds": round(sum(t.seconds for t in trials) + sum(s for _, s in costs.values()), 3),
        "deciding": worst["label"],
        "corrected": claim.corrected,
        "cases": cases,
    }
    return ClaimRecord(record | ({"witness": worst["witness"]} if "witness" in worst else {}))

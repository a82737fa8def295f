"""Claims as data: a statement, its cases, how each is observed, predicted and decided."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from paper_checks.rules import Rule
from paper_checks.trends import Extrapolated
from paper_checks.verdict import Verdict as Verdict
from simulations.core import Estimate, Experiment, Job, Law, Result
from theory.display import table

Level: TypeAlias = Literal["quick", "full"]
BOTH: tuple[Level, ...] = ("quick", "full")
FULL: tuple[Level, ...] = ("full",)
Provenance: TypeAlias = Literal["confirmed-in-source", "recalled", "derived"]
Kind: TypeAlias = Literal["theorem", "formula", "finding", "definition"]
Method: TypeAlias = Literal["symbolic", "exact", "interval", "monte-carlo"]


@dataclass(frozen=True)
class Sampling:
    """One simulation a case needs, with its sample number at each level."""

    experiment: Experiment
    params: Any
    quick: int
    full: int

    def job(self, level: Level) -> Job:
        """The simulation at one level."""
        return Job(self.experiment, self.params, self.quick if level == "quick" else self.full)


@dataclass(frozen=True)
class Measured:
    """An observation by Monte Carlo: simulations, and how their results become one estimate.

    An `Extrapolated` stands for its limit, and is drawn in the report.
    """

    samplings: tuple[Sampling, ...]
    reduce: Callable[[list[Result]], Estimate | Law | Extrapolated]


@dataclass(frozen=True)
class Computed:
    """An observation without chance: a number, a Prediction, an expression or a certificate.

    An `Extrapolated` stands for its limit here too.
    """

    function: Callable[[], Any]


def measured(experiment: Experiment, params: Any, name: str, *, quick: int, full: int) -> Measured:
    """The estimate called `name` of one simulation."""

    def pick(results: list[Result]) -> Estimate | Law:
        if name not in results[0]:
            known = ", ".join(results[0])
            raise ValueError(f"{experiment.name} estimates no {name!r}; it has {known}.")
        return results[0][name]

    return Measured((Sampling(experiment, params, quick, full),), pick)


@dataclass(frozen=True)
class Case:
    """One instance of a statement: what is observed, what is predicted, and how they compare.

    `predict` and every mutant take no arguments and return what the rule compares with: a number
    or Prediction, a distribution function for `law_within`, an expression for `proof`.  A mutant
    is a plausible wrong statement, which the same observation must refute.
    """

    label: str
    observe: Measured | Computed
    predict: Callable[[], Any]
    rule: Rule
    mutants: Mapping[str, Callable[[], Any]] = field(default_factory=dict)
    levels: tuple[Level, ...] = ("quick", "full")

    def __post_init__(self) -> None:
        if self.rule.statistical != isinstance(self.observe, Measured):
            kind = type(self.observe).__name__
            raise ValueError(f'case "{self.label}": rule "{self.rule.name}" cannot decide {kind}.')


@dataclass(frozen=True)
class Claim:
    """A published or derived statement with everything needed to check it.

    `id` is "subject/name" and never reused; `statement` is one sentence with all constants and
    assumptions, formulas between $...$; `source` is a label in the paper or "derived".  Every case
    must come out as `expected`, and needs a mutant unless a refutation is expected.  `corrected` is
    the id of the claim that says what holds instead of a refuted one.
    """

    id: str
    source: str
    provenance: Provenance
    kind: Kind
    statement: str
    expected: Verdict
    method: Method
    cases: tuple[Case, ...]
    corrected: str | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w-]+/[\w.-]+", self.id):
            raise ValueError(f'claim id "{self.id}" must be "subject/name", without spaces.')
        options = (("provenance", Provenance), ("kind", Kind), ("method", Method))
        for attribute, allowed in options:
            value = getattr(self, attribute)
            if value not in get_args(allowed):
                known = ", ".join(get_args(allowed))
                raise ValueError(f'{self.id}: {attribute} "{value}" must be one of {known}.')
        if self.expected is Verdict.INCONCLUSIVE:
            raise ValueError(f"{self.id}: a claim cannot be expected to be INCONCLUSIVE.")
        if self.corrected and self.expected is not Verdict.REFUTED:
            raise ValueError(f"{self.id}: only a claim expected to be REFUTED can be corrected.")
        if self.statement.count("$") % 2:
            raise ValueError(f"{self.id}: the statement has a formula without its closing $.")
        labels = [(c.label, level) for c in self.cases for level in c.levels]
        if not labels or len(set(labels)) < len(labels):
            raise ValueError(f"{self.id}: a claim needs cases with distinct labels.")
        for case in self.cases:
            if not case.mutants and self.expected is not Verdict.REFUTED:
                raise ValueError(f'{self.id}, case "{case.label}": at least one mutant is needed.')

    def __repr__(self) -> str:
        count = len(self.cases)
        cases = "1 case" if count == 1 else f"{count} cases"
        return f"Claim({self.id}, {self.kind}, expected {self.expected}, {cases})"

    def _repr_html_(self) -> str:
        names = ("id", "kind", "source", "provenance", "method", "expected")
        rows = [(name, getattr(self, name)) for name in names]
        return table(self.statement, [*rows, *(("case", case.label) for case in self.cases)])

    @property
    def subject(self) -> str:
        """The name shared by the theory, simulation, claims and figures modules."""
        return self.id.partition("/")[0]

    def cases_at(self, level: Level) -> list[Case]:
        """The cases decided at one level."""
        return [case for case in self.cases if level in case.levels]


def passes(verdict: str, expected: str) -> bool:
    """Whether a verdict is as expected; a proof is more than the support that was expected."""
    return verdict == expected or (verdict, expected) == (Verdict.PROVED, Verdict.SUPPORTED)

"""Cases that are proved by interval arithmetic, or refuted by a point, and rechecked.

The prediction of a case is what the prover found: a certificate, a counterexample or neither.
It decides the case only if the independent checker accepts it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from paper_checks.core import Case, Computed, Level
from paper_checks.rules import Outcome, Rule
from paper_checks.verdict import Verdict

if TYPE_CHECKING:
    from theory.rigor import Certificate, Check, Counterexample, Statement, Undecided

    Name: TypeAlias = str | Statement

Changed: TypeAlias = "tuple[Name, Mapping[str, Any] | None, Mapping[str, Any] | None]"
"""A statement with the ranges and the parameters that differ from its defaults."""


@dataclass(frozen=True)
class Attempt:
    """What the prover found, what the checker says to it (None: nothing to check), and the time."""

    found: Certificate | Counterexample | Undecided
    checked: Check | None
    seconds: float

    @property
    def verdict(self) -> Verdict:
        """PROVED or REFUTED if the checker accepted, INCONCLUSIVE otherwise."""
        if self.checked is None or not self.checked.accepted:
            return Verdict.INCONCLUSIVE
        return Verdict.REFUTED if hasattr(self.found, "point") else Verdict.PROVED

    @property
    def witness(self) -> dict[str, Any] | None:
        """The point of an accepted counterexample, and the functions that fail there."""
        point = getattr(self.found, "point", None)
        if self.verdict is not Verdict.REFUTED or point is None:
            return None
        return {**point, "value": ", ".join(getattr(self.found, "values", ()))}

    def __str__(self) -> str:
        if self.checked is None or self.checked.accepted:
            return str(self.found)
        return f"{self.found}; the checker rejects it: {self.checked.reason}"


def attempt(
    statement: Name,
    domain: Mapping[str, Any] | None = None,
    parameters: Mapping[str, Any] | None = None,
    *,
    recheck: Any = None,
    **options: Any,
) -> Attempt:
    """Prove or refute with `theory.rigor.prove`, then check; `options` are those of `prove`.

    `recheck` is the checker's side of a statement that is in no registry.
    """
    from theory.rigor import Undecided, check, prove

    start = time.perf_counter()
    found = prove(statement, domain, parameters, **options)
    seconds = time.perf_counter() - start
    checked = None if isinstance(found, Undecided) else check(found, recheck)
    return Attempt(found, checked, seconds)


def certified(
    label: str,
    statement: Name,
    domain: Mapping[str, Any] | None = None,
    parameters: Mapping[str, Any] | None = None,
    *,
    mutants: Mapping[str, Changed] | None = None,
    levels: tuple[Level, ...] = ("quick", "full"),
    **options: Any,
) -> Case:
    """A case decided by a certificate or a counterexample; see `attempt` for the options.

    A mutant is a statement with other ranges or parameters, which a point must refute.
    """
    name = statement if isinstance(statement, str) else statement.name
    return Case(
        label=label,
        observe=Computed(lambda: name),
        predict=partial(attempt, statement, domain, parameters, **options),
        rule=Rule("proof", "value", _decide),
        mutants={
            wrong: partial(attempt, *given, **options) for wrong, given in (mutants or {}).items()
        },
        levels=levels,
    )


def kept(found: Any, folder: Path | None, name: str) -> dict[str, Any]:
    """The record of an Attempt, {} for anything else; its file is written into the folder."""
    if not isinstance(found, Attempt):
        return {}
    from theory.rigor import Undecided, save

    record: dict[str, Any] = {
        "boxes": getattr(found.found, "boxes", 0),
        "cells": found.checked.cells if found.checked else 0,
        "seconds": round(found.seconds, 6),
    }
    if folder is not None and not isinstance(found.found, Undecided):
        file = folder / (re.sub(r"[^\w.]+", "-", name, flags=re.ASCII).strip("-") + ".json")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(f"cannot write {file}: {error.strerror}.") from None
        save(found.found, file)
        record = {"file": str(file), **record}
    return {"certificate": record}


def _decide(observed: Any, predicted: Any, alpha: float) -> Outcome:
    verdict, text = predicted.verdict, str(predicted)
    note = text if verdict is Verdict.INCONCLUSIVE else ""
    return Outcome(verdict, text, observed, witness=predicted.witness, note=note)

"""Proofs by ball arithmetic: a search for them, certificates, and an independent checker.

    prove("selu/theorem-1", {"tau": ("0.9", "1.1")})  ->  Certificate, Counterexample or Undecided
    check(certificate)                                ->  Check(accepted, reason, cells)

The search (`rigor.search`) and the checker (`rigor.checker`) share no code but the reading of
numbers.  What can be proved is described in `rigor.statements`.
"""

from theory.rigor.certificate import (
    Certificate,
    Counterexample,
    Damaged,
    Undecided,
    from_json,
    load,
    save,
    to_json,
)
from theory.rigor.checker import Check, check
from theory.rigor.search import prove
from theory.rigor.statements import (
    Domain,
    Goal,
    Parameters,
    PlainGoal,
    Point,
    Recheck,
    Statement,
    recheck,
    statement,
    statements,
)

__all__ = [
    "Certificate",
    "Check",
    "Counterexample",
    "Damaged",
    "Domain",
    "Goal",
    "Parameters",
    "PlainGoal",
    "Point",
    "Recheck",
    "Statement",
    "Undecided",
    "check",
    "from_json",
    "load",
    "prove",
    "recheck",
    "save",
    "statement",
    "statements",
    "to_json",
]

"""The simulations that the claims share: one run of a network serves every claim about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from paper_checks.core import Case, Computed, Measured, Sampling, measured
from paper_checks.estimates import combine
from paper_checks.rules import proof
from paper_checks.symbolic import equal
from paper_checks.verdict import Checked, Verdict
from simulations.core import Estimate, Experiment, Result
from simulations.depth_limit import CORRELATION, COUPLING, PATHS, Params

MILLION = 1_000_000

WIDE_DEPTH = 64
"""Depth from width 3 on: the extrapolated value is then off by less than 3e-5 (log ratio)."""

BUDGET = {
    1: (256, 400_000, 4 * MILLION),
    2: (96, MILLION, 16 * MILLION),
    3: (WIDE_DEPTH, MILLION, 16 * MILLION),
    4: (WIDE_DEPTH, MILLION, 16 * MILLION),
    6: (WIDE_DEPTH, MILLION, 8 * MILLION),
    10: (WIDE_DEPTH, MILLION, 8 * MILLION),
    20: (WIDE_DEPTH, 600_000, 8 * MILLION),
    50: (WIDE_DEPTH, 20_000, 4 * MILLION),
}
"""Depth and samples (quick, full) of the standard run at each width, horizon 1."""


LATE_PAIRS: dict[str, Any] = {
    "experiment": CORRELATION,
    "width": 2,
    "depth": 1440,
    "time": 60.0,
    "records": 4,
    "correlation": 0.3,
    "quick": 32_000,
    "full": 300_000,
}
"""Two inputs run to T = 60 with 24 layers per unit of time; records at t = 15, 30, 45 and 60."""


def standard(width: int, name: str) -> Measured:
    """An estimate of the standard run at this width, with four records up to time 1."""
    depth, quick, full = BUDGET[width]
    return measured(
        PATHS, Params(width=width, depth=depth, records=4), name, quick=quick, full=full
    )


def network(
    name: str, *, quick: int, full: int, experiment: Experiment = PATHS, **params: Any
) -> Measured:
    """An estimate of one run with these parameters."""
    return measured(experiment, Params(**params), name, quick=quick, full=full)


def over(
    values: tuple[Any, ...],
    name: str,
    reduce: Callable[[list[Estimate]], Estimate],
    *,
    vary: str,
    quick: int,
    full: int,
    **params: Any,
) -> Measured:
    """One estimate reduced over runs that differ in one parameter."""
    experiment = COUPLING if name == "sup_gap" else PATHS
    samplings = tuple(
        Sampling(experiment, Params(**{vary: v, **params}), quick, full) for v in values
    )
    return _reduced(samplings, name, reduce)


def rate(
    name: str, start: float, end: float, *, layers: int, quick: int, full: int, **params: Any
) -> Measured:
    """Mean rate of an estimate between two horizons, each from its own independent run.

    `layers` per unit of time, so that both runs have the same bias per unit of time.  From
    `start` = 0 on it is the estimate at `end`, divided by it.
    """
    length = end - start
    signs = {start: -1 / length, end: 1 / length} if start else {end: 1 / end}
    samplings = tuple(
        Sampling(PATHS, Params(time=t, depth=round(layers * t), **params), quick, full)
        for t in signs
    )
    return _reduced(samplings, name, partial(combine, list(signs.values())))


def _reduced(
    samplings: tuple[Sampling, ...], name: str, reduce: Callable[[list[Estimate]], Estimate]
) -> Measured:
    def chosen(results: list[Result]) -> Estimate:
        estimates = [r[name] for r in results]
        if not all(isinstance(e, Estimate) for e in estimates):
            raise ValueError(f"{name} is a law, not a mean.")
        return reduce([e for e in estimates if isinstance(e, Estimate)])

    return Measured(samplings, chosen)


def weighted(weights: Sequence[float], parts: Sequence[Measured]) -> Measured:
    """A linear combination of estimates, each of a run of its own."""

    def reduce(results: list[Result]) -> Estimate:
        left = iter(results)
        found = [part.reduce([next(left) for _ in part.samplings]) for part in parts]
        if not all(isinstance(e, Estimate) for e in found):
            raise ValueError("laws have no linear combination.")
        return combine(weights, [e for e in found if isinstance(e, Estimate)])

    return Measured(tuple(s for part in parts for s in part.samplings), reduce)


class Identity(NamedTuple):
    """A symbolic identity with one constant left open: `residual(constant)` is 0 if it is right."""

    text: str
    residual: Callable[[Any], Any]

    def __str__(self) -> str:
        return self.text


def _vanishes(identity: Identity, constant: Any) -> Checked:
    """Proved for all functions that are left open; refuted by the exponential in their place."""
    import sympy
    from sympy.core.function import AppliedUndef

    residual = identity.residual(constant)
    checked = equal(residual, 0)
    functions = {f.func for f in sympy.sympify(residual).atoms(AppliedUndef)}
    if checked[0] is Verdict.PROVED or not functions:
        return checked
    tried = equal(residual.subs({f: sympy.exp for f in functions}).doit(), 0)
    return tried if tried[0] is Verdict.REFUTED else checked


def _same(value: Any) -> Any:
    return value


def proved(
    label: str, residual: Callable[[Any], Any], constant: Any, mutants: dict[str, Any]
) -> Case:
    """A case proved by computer algebra: the constant makes the residual 0, no mutant does."""
    return Case(
        label=label,
        observe=Computed(lambda: Identity(label, residual)),
        predict=lambda: constant,
        rule=proof(_vanishes),
        mutants={name: partial(_same, wrong) for name, wrong in mutants.items()},
    )

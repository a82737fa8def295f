"""Observations made of others: functions and linear combinations of measured estimates."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from paper_checks.core import Measured, Sampling
from paper_checks.estimates import combine
from paper_checks.trends import Extrapolated, bare
from simulations.core import Estimate, Result


def reduced(
    samplings: tuple[Sampling, ...],
    name: str,
    reduce: Callable[[list[Estimate]], Estimate | Extrapolated],
) -> Measured:
    """The estimate called `name` of every simulation, reduced to one."""

    def chosen(results: list[Result]) -> Estimate | Extrapolated:
        return reduce(_means([r[name] for r in results]))

    return Measured(samplings, chosen)


def weighted(weights: Sequence[float], parts: Sequence[Measured]) -> Measured:
    """A linear combination of estimates, each of a run of its own."""
    return joined(lambda found: combine(weights, found), parts)


def changed(part: Measured, change: Callable[[Estimate], Estimate]) -> Measured:
    """A function of one estimate, of its logarithm for example."""
    return joined(lambda found: change(found[0]), [part])


def joined(
    reduce: Callable[[list[Estimate]], Estimate | Extrapolated], parts: Sequence[Measured]
) -> Measured:
    """A function of several estimates, each of a run of its own."""

    def all_of(results: list[Result]) -> Estimate | Extrapolated:
        left = iter(results)
        return reduce(_means([part.reduce([next(left) for _ in part.samplings]) for part in parts]))

    return Measured(tuple(s for part in parts for s in part.samplings), all_of)


def _means(found: Sequence[object]) -> list[Estimate]:
    means = [bare(e) for e in found]
    if not all(isinstance(e, Estimate) for e in means):
        raise ValueError("this needs means; laws have no arithmetic.")
    return means

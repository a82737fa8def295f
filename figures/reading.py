"""How figures read the results of simulations."""

from __future__ import annotations

from simulations.core import Estimate, Result


def mean(result: Result, name: str) -> Estimate:
    """An estimate that is a mean."""
    found = result[name]
    assert isinstance(found, Estimate), f"{name} is a mean"
    return found


def rescaled(e: Estimate, minus: float, times: float) -> Estimate:
    """The estimate of times * (quantity - minus)."""
    return e._replace(value=times * (e.value - minus), stderr=times * e.stderr)

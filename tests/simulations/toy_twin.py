"""A twin with many small blocks and known laws, to test everything around a simulation."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from simulations.accumulators import Block, Counts, Moments
from simulations.core import Estimate, Experiment, Law, Result, Twin


@dataclass(frozen=True, kw_only=True)
class Params:
    """What the toy draws: samples of N(mean, 1)."""

    size: int = 4
    """Numbers averaged into one sample."""
    mean: float = 0.0
    """Expectation."""
    block: int = 64
    """Samples in a block."""
    pause: float = 0.0
    """Seconds that a block takes."""
    trap: Literal["", "nan", "error", "once", "always"] = ""
    """NaN, a defect, or a killed worker."""
    marker: str = ""
    """File that says that the trap has gone off once."""

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"--size must be an integer >= 1; got {self.size}.")


EDGES = (-1.0, 0.0, 1.0)


def block(key: Any, p: Params, count: int) -> Block:
    import jax
    import jax.numpy as jnp

    time.sleep(p.pause)
    _spring(p)
    x = p.mean + jax.random.normal(key, (p.block, p.size), dtype=jnp.float64).mean(axis=1)
    valid = jnp.arange(p.block) < count
    x = jnp.where(jnp.array(p.trap == "nan"), jnp.nan, x)
    return {"x": Moments.of(x, valid), "law": Counts.of(x, jnp.array(EDGES), valid)}


def _spring(p: Params) -> None:
    if p.trap == "error":
        raise LookupError("a defect of ours")
    if p.trap == "always" or (p.trap == "once" and not Path(p.marker).exists()):
        if p.marker:
            Path(p.marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)


def estimates(merged: Block, p: Params) -> Result:
    import numpy as np

    x, law = merged["x"], merged["law"]
    assert isinstance(x, Moments)
    assert isinstance(law, Counts)
    return {"x": Estimate.of(x), "law": Law(np.array(EDGES), np.asarray(law.counts))}


TOY = Experiment("toy", Params, block, estimates, lambda p: p.block)


def survey(p: Params) -> list[Params]:
    return [replace(p, size=1), replace(p, size=2, block=2 * p.block)]


def survey_table(params: Any, results: Any) -> list[list[str]]:
    rows = zip(params, results, strict=True)
    return [["size", "x"], *([str(p.size), f"{r['x'].value:.5f}"] for p, r in rows)]


TWIN = Twin(
    experiment=lambda p: TOY,
    params=Params,
    samples=1000,
    predictions=lambda p: {"x": {"predicted": p.mean}},
    survey_over="size",
    survey=survey,
    headline="x",
    survey_table=survey_table,
)

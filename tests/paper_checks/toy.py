"""A toy subject whose every law is known: the tests need no neural network."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from scipy.stats import norm

from paper_checks.core import Case, Claim, Computed, Measured, Verdict, measured
from paper_checks.laws import law_within
from paper_checks.rules import at_most, identity, mean_within, ordered, proof
from simulations.accumulators import Block, Counts, Moments
from simulations.core import Estimate, Experiment, Law, Result
from theory.prediction import Prediction

EDGES = tuple(-3 + 0.25 * i for i in range(25))


@dataclass(frozen=True)
class Params:
    mean: float = 0.0
    scale: float = 1.0
    """0 makes all samples equal."""


def _block(key: Any, p: Params, count: int) -> Block:
    import jax
    import jax.numpy as jnp

    x = p.mean + p.scale * jax.random.normal(key, (count,), dtype=jnp.float64)
    return {
        "x": Moments.of(x),
        "negative": Moments.of(1.0 * (x < 0)),
        "law": Counts.of(x, jnp.array(EDGES)),
    }


def _estimates(block: Block, p: Params) -> Result:
    x, negative, law = block["x"], block["negative"], block["law"]
    assert isinstance(x, Moments)
    assert isinstance(negative, Moments)
    assert isinstance(law, Counts)
    return {
        "x": Estimate.of(x),
        "negative": Estimate.of(negative),
        "law": Law(edges_array(), law.counts),
    }


def edges_array() -> Any:
    import numpy as np

    return np.array(EDGES)


NORMAL = Experiment("toy/normal", Params, _block, _estimates, lambda p: 4096)
QUICK, FULL = 20_000, 40_000


def normal(name: str, params: Params = Params()) -> Measured:
    return measured(NORMAL, params, name, quick=QUICK, full=FULL)


def claim(name: str, *cases: Case, **changes: Any) -> Claim:
    fields: dict[str, Any] = {
        "id": f"toy/{name}",
        "source": "derived",
        "provenance": "derived",
        "kind": "formula",
        "statement": r"For $X \sim N(\mu, 1)$ the mean is $\mathbb{E}[X] = \mu$ & <so on>.",
        "expected": Verdict.SUPPORTED,
        "method": "monte-carlo",
        "cases": cases,
    }
    return Claim(**(fields | changes))


def mean_case(mean: float, **changes: Any) -> Case:
    fields: dict[str, Any] = {
        "label": f"mean {mean:g}",
        "observe": normal("x", Params(mean)),
        "predict": lambda: Prediction(mean, 1e-9, "exact"),
        "rule": mean_within(0.1),
        "mutants": {"off by 1": lambda: mean + 1.0, "off by 30": lambda: mean - 30.0},
    }
    return Case(**(fields | changes))


def _square(n: int) -> Case:
    import sympy

    x = sympy.Symbol("x")
    return Case(
        label=f"n = {n}",
        observe=Computed(lambda: (x + n) ** 2),
        predict=lambda: x**2 + 2 * n * x + n**2,
        rule=proof(),
        mutants={"no cross term": lambda: x**2 + n**2},
    )


MEAN = claim("mean", mean_case(0.0), mean_case(2.0), mean_case(-1.5))
WRONG = claim(
    "wrong-mean",
    mean_case(0.0, predict=lambda: 0.5, mutants={}),
    expected=Verdict.REFUTED,
    kind="finding",
    statement="The mean of $X$ is $\\frac12$ (it is $0$).",
)
LAW = claim(
    "law",
    Case(
        label="standard",
        observe=normal("law"),
        predict=lambda: norm.cdf,
        rule=law_within(0.05),
        mutants={"variance 1/2": lambda: norm(0, 0.5**0.5).cdf, "mean 1": lambda: norm(1, 1).cdf},
    ),
)
BOUND = claim(
    "bound",
    Case(
        label="indicator",
        observe=normal("negative"),
        predict=lambda: 0.55,
        rule=at_most(span=1.0),
        mutants={"at most 0.4": lambda: 0.4},
    ),
)
SIGN = claim(
    "sign",
    Case(
        label="difference",
        observe=normal("x", Params(2.0)),
        predict=lambda: 1.0,
        rule=ordered(),
        mutants={"reversed": lambda: -1.0},
    ),
)
SQUARE = claim(
    "square",
    _square(1),
    _square(7),
    expected=Verdict.PROVED,
    method="symbolic",
    kind="theorem",
    statement="For all real $x$, $(x + n)^2 = x^2 + 2nx + n^2$.",
)
EXACT = claim(
    "exact",
    Case(
        label="thirds",
        observe=Computed(lambda: float(Fraction(1, 3))),
        predict=lambda: Prediction(0.3333, 1e-4, "four digits"),
        rule=identity(1e-12),
        mutants={"a quarter": lambda: 0.25},
    ),
    method="exact",
)

CLAIMS = (MEAN, WRONG, LAW, BOUND, SIGN, SQUARE, EXACT)

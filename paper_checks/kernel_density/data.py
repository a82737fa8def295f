"""C8: data drawn point by point has the exact means and laws."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np

from paper_checks.core import Case, Claim, Measured, Verdict, measured
from paper_checks.kernel_density.observe import THOUSAND, log_mean, means
from paper_checks.laws import law_within
from paper_checks.rules import mean_within
from simulations.kernel_density import DIRECT, Params
from theory import kernel_density as theory
from theory.kernel_density.distances import Distances
from theory.prediction import Prediction

DIRECT_SIZE = (10, 500.0, 0.8)
EDGES = tuple(np.arange(-4.0, 2.0, 0.2).tolist())
"""Of log S there."""
AVERAGED = math.log(500) - 5 * math.log1p(2 / 0.64)
"""log E S there, over data and queries."""
DATA_SETS = (20 * THOUSAND, 120 * THOUSAND)


def _data(name: str, **params: Any) -> Measured:
    d, n, h = DIRECT_SIZE
    quick, full = DATA_SETS
    counted = {"binned": "log_sum", "edges": EDGES}
    params = {"dimension": d, "points": n, "bandwidth": h, **counted, **params}
    return measured(DIRECT, Params(**params), name, quick=quick, full=full)


def _exact(name: str) -> Prediction:
    found: Prediction = getattr(means(*DIRECT_SIZE), name)
    return found


def _data_case(name: str, tolerance: float, wrong: dict[str, Callable[[], Any]]) -> Case:
    return Case(
        label=name,
        observe=_data(name),
        predict=partial(_exact, name),
        rule=mean_within(tolerance),
        mutants=wrong,
    )


def _shifted(name: str, shift: float) -> float:
    return _exact(name).value + shift


@cache
def _over_queries(i: int) -> float:
    """E log S, E Y_2 or E Y_3 over data and queries, exactly."""
    from theory.kernel_density.optimum import query_means

    return query_means(*DIRECT_SIZE)[i].value


def _queries_case(i: int, name: str, tolerance: float, wrong: dict[str, Callable[[], Any]]) -> Case:
    return Case(
        label=name,
        observe=_data(name, query="random"),
        predict=partial(_over_queries, i),
        rule=mean_within(tolerance),
        mutants=wrong,
    )


def _exact_law() -> Any:
    return theory.sum_law(*DIRECT_SIZE).cdf


def _largest_law() -> Any:
    """The largest weight in place of S."""
    d, n, h = DIRECT_SIZE
    return lambda x: np.exp(n * Distances(d).log_sf(np.maximum(-2 * h * h * np.asarray(x), 1e-9)))


def _annealed_law() -> Any:
    """A normal law about n E W."""
    from scipy.special import ndtr

    d, n, h = DIRECT_SIZE
    deviation = math.sqrt(theory.relative_variance(d, n, h))
    return lambda x: ndtr(np.expm1(np.asarray(x) - log_mean(d, n, h)) / deviation)


CLAIMS = (
    Claim(
        id="kernel_density/C8.data",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"Data sets drawn point by point, $d = 10$, $n = 500$, $h = 0.8$, $q = 1$, have"
        r" the exact means: $\mathbb{E}\log S$ within 0.1, $\mathbb{E}Y_2$ 0.01, $\mathbb{E}Y_3$"
        r" 0.008, $\mathbb{E}\sum p_ir_i^2$ 0.1.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _data_case(
                "log_sum",
                0.1,
                {
                    "gamma_E dropped": partial(_shifted, "log_sum", np.euler_gamma),
                    "twice gamma_E": partial(_shifted, "log_sum", -np.euler_gamma),
                },
            ),
            _data_case(
                "y2",
                0.01,
                {"E Y_3": lambda: _exact("y3"), "the limit": lambda: 0.0},
            ),
            _data_case("y3", 8e-3, {"E Y_2": lambda: _exact("y2"), "0": lambda: 0.0}),
            _data_case(
                "distance",
                0.1,
                {
                    "d h^2": lambda: 6.4,
                    "unweighted": lambda: 20.0,
                    "nearest": lambda: theory.finite_index(*DIRECT_SIZE).nearest,
                },
            ),
        ),
    ),
    Claim(
        id="kernel_density/C8.data-law",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"The law of $\log S$ of these data sets is the exact one within 0.05.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            Case(
                label="d = 10, n = 500, h = 0.8",
                observe=_data("law_log_sum"),
                predict=_exact_law,
                rule=law_within(0.05),
                mutants={"largest weight": _largest_law, "normal about n E W": _annealed_law},
            ),
        ),
    ),
    Claim(
        id="kernel_density/C8.data-queries",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"With random queries they have the exact means over queries: $\mathbb{E}\log S$"
        r" within 0.15, $\mathbb{E}Y_2$ within 0.015.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _queries_case(0, "log_sum", 0.15, {"log E S over queries": lambda: AVERAGED}),
            _queries_case(
                1, "y2", 0.015, {"1/n": lambda: 1 / 500, "E Y_3": partial(_over_queries, 2)}
            ),
        ),
    ),
)

"""E1: the exact laws of layers, forward and backward, against explicit weights."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from paper_checks.commutation.observe import MILLION
from paper_checks.core import Case, Claim, Level, Measured, Sampling, Verdict
from paper_checks.laws import Candidates, same_law
from simulations.commutation import NTK, PATHS, Params
from simulations.core import Experiment, Law, Result

QUICK, FULL = 200_000, 4 * MILLION

GENERIC = (
    (1.0, 0.3, -0.2, 0.5),
    (0.3, 1.5, 0.6, 0.0),
    (-0.2, 0.6, 0.8, 0.1),
    (0.5, 0.0, 0.1, 1.0),
)
"""Covariance of four inputs."""
SINGULAR = (
    (1.0, 0.3, 1.0, 2.0),
    (0.3, 1.0, 0.3, 0.6),
    (1.0, 0.3, 1.0, 2.0),
    (2.0, 0.6, 2.0, 4.0),
)
"""The first and the third of four inputs equal, the fourth parallel to them."""


def _edges(low: float, high: float) -> tuple[float, ...]:
    return tuple(float(x) for x in np.linspace(low, high, 65))


def _same(
    label: str,
    experiment: Experiment,
    params: Params,
    wrong: dict[str, dict[str, Any]],
    tolerance: float = 0.02,
    **more: Any,
) -> Case:
    """Explicit weights against the exact law, and against laws that are wrong by intention."""
    explicit = replace(params, sampler="explicit")
    names = {"exact law": params, **{name: replace(params, **w) for name, w in wrong.items()}}
    jobs = (explicit, *names.values())

    def reduce(results: list[Result]) -> Any:
        laws = [r["law"] for r in results]
        assert all(isinstance(law, Law) for law in laws), "laws were asked for"
        return Candidates(laws[0], dict(zip(names, laws[1:], strict=True)))  # type: ignore[arg-type]

    return Case(
        label=label,
        observe=Measured(tuple(Sampling(experiment, p, QUICK, FULL) for p in jobs), reduce),
        predict=lambda: "exact law",
        rule=same_law(tolerance),
        mutants={name: partial(str, name) for name in wrong},
        **more,
    )


def _forward(binned: str, low: float, high: float, **more: Any) -> Case:
    width, depth = more.pop("width", 3), more.pop("depth", 6)
    levels = more.pop("levels", ("quick", "full"))
    gram = more.pop("gram", GENERIC)
    params = Params(
        width=width, depth=depth, gram=gram, binned=binned, edges=_edges(low, high), **more
    )
    alone = tuple(
        tuple(x if i == j else 0.0 for j, x in enumerate(row)) for i, row in enumerate(gram)
    )
    wrong: dict[str, dict[str, Any]] = {"covariance G / k": {"time": 1 / len(gram)}}
    if binned[-1] != binned[-2]:
        wrong["inputs without their covariance"] = {"gram": alone}
    label = ", ".join([f"law of {binned}, n = {width}, L = {depth}", *map(_option, more.items())])
    return _same(label, PATHS, params, wrong, levels=levels)


def _option(item: tuple[str, Any]) -> str:
    return f"{item[0].replace('_', ' ')} {item[1]}"


def _backward(
    binned: str, width: int, tolerance: float, levels: tuple[Level, ...] = ("quick", "full")
) -> Case:
    params = Params(
        architecture="mlp", width=width, depth=5, binned=binned, edges=_edges(0.0, 12.0)
    )
    wrong = {"backward weights drawn afresh": {"backward": "independent"}}
    label = f"law of {binned}, n = {width}, L = 5"
    return _same(label, NTK, params, wrong, tolerance, levels=levels)


CLAIMS = (
    Claim(
        id="commutation/E1.forward",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"Given the past, the rows of $W\,[\phi(Y(a_1)) \dots \phi(Y(a_k))]$ are"
        r" independent $N(0, G)$, $G$ the Gram matrix over $n$, so $k n$ normals a layer give the"
        r" law of explicit weights: the laws of $\hat q$ of four inputs at $n = 3$, $L = 6$ agree"
        r" within 0.02, and at full level those with biases, with branches of two layers, and at"
        r" $n = 20$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _forward("q_ab", -2.0, 4.0),
            _forward("q_aa", 0.1, 6.0, levels=("full",)),
            _forward("q_bc", -2.0, 4.0, levels=("full",)),
            _forward("q_ab", -2.0, 4.0, inner_width=4, levels=("full",)),
            _forward("q_ab", -2.0, 4.0, bias_variance=0.5, levels=("full",)),
            _forward("q_ab", -1.5, 3.0, width=20, depth=10, levels=("full",)),
        ),
    ),
    Claim(
        id="commutation/E1.singular",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"The exact law also holds where the Gram matrix is singular: four inputs at"
        r" width 3, two of them equal and one parallel to them, $L = 6$.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _forward("q_ab", -2.0, 4.0, gram=SINGULAR),
            _forward("q_bd", -3.0, 6.0, gram=SINGULAR, levels=("full",)),
        ),
    ),
    Claim(
        id="commutation/E1.backward",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"Given $WA = Y$, $W^\top B = A(A^\top A)^+ Y^\top B + (I - A(A^\top A)^+"
        r" A^\top)F$ in law, with fresh rows of $F$: entries of the tangent kernel of a ReLU MLP"
        r" of depth 5 have the law of explicit weights, and not that of weights drawn afresh for"
        r" the backward pass.",
        expected=Verdict.SUPPORTED,
        method="monte-carlo",
        cases=(
            _backward("ntk_aa", 4, 0.015),
            _backward("ntk_ab", 4, 0.006, levels=("full",)),
            _backward("ntk_aa", 16, 0.006, levels=("full",)),
        ),
    ),
)

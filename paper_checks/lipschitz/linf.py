r"""Bounds for the input norm l_inf: L = rho without a root, the 1/2, and no QR reduction (C9)."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from paper_checks.core import BOTH, FULL, Claim, Level, Verdict
from paper_checks.identities import proved
from paper_checks.lipschitz.brackets import (
    Bracket,
    End,
    Named,
    exactly,
    lower,
    named,
    random_network,
    ratio,
    upper,
    value,
    within,
)

if TYPE_CHECKING:
    from theory.lipschitz.network import Network

_SOURCE = "arXiv:2203.01212 and arXiv:2401.14033 (scalar output)"
_SMALL, _DEEP, _WIDE = (3, 8, 2), (6, 10, 10, 4), (10, 32, 1)
_OPTIMA: tuple[tuple[int, tuple[int, ...], str, str, float], ...] = (
    (0, _SMALL, "relu", "lipsdp", 1.86689432),
    (0, _SMALL, "maxmin", "nsr-full", 1.78654454),
    (1, _DEEP, "relu", "lipsdp", 7.2239132),
    (1, _DEEP, "maxmin", "nsr-full", 8.8557356),
    (7, _WIDE, "relu", "lipsdp", 3.8058178),
    (7, _WIDE, "maxmin", "nsr-full", 3.6184339),
)
"""Seed, widths, activation, method, optimum of l_inf -> l_1."""
_DIAGONAL = ((0, _SMALL, "1.829873"), (1, _DEEP, "11.83487"), (7, _WIDE, "5.26769"))
"""Seed, widths, and a lower bound of NSR-diag."""
_ATTACKED: tuple[tuple[tuple[int, ...], str, tuple[Level, ...]], ...] = (
    ((12, 4, 3), "relu", BOTH),
    ((12, 4, 1), "relu", BOTH),
    ((12, 4, 3), "maxmin", BOTH),
    ((10, 4, 4, 2), "maxmin", FULL),
    ((9, 4, 1), "maxmin", FULL),
)
"""Networks of seed 3 with more inputs than units, so that W_1 could be reduced."""


@cache
def _reduced(network: Network) -> Network:
    """W_1 replaced by R^T, W_1^T = Q R: the same in l2."""
    import numpy as np

    from theory.lipschitz.network import Network

    first, *rest = network.weights
    kind = network.stages[0].activation
    assert kind is not None
    return Network([np.linalg.qr(first.T)[1].T, *rest], kind)


@cache
def _attained(network: Network) -> Fraction:
    """|f(x + d) - f(x)|_1 / |d|_inf at the points of an attack, in rational arithmetic."""
    from theory.lipschitz.lower import lower_bound

    found = lower_bound(network, "linf")
    x, d = ([Fraction(v) for v in part.tolist()] for part in (found.point, found.direction))
    ends = [_output(network, z) for z in (x, [a + b for a, b in zip(x, d, strict=True)])]
    rise = sum((abs(b - a) for a, b in zip(*ends, strict=True)), Fraction(0))
    return rise / max(map(abs, d))


def _output(network: Network, z: list[Fraction]) -> list[Fraction]:
    *hidden, last = [[[Fraction(w) for w in row] for row in m.tolist()] for m in network.weights]
    pairs = network.kinds == {"group_sort"}
    for matrix in hidden:
        v = _product(matrix, z)
        if pairs:
            z = [end for a, b in zip(v[::2], v[1::2], strict=True) for end in sorted((a, b))]
        else:
            z = [max(a, Fraction(0)) for a in v]
    return _product(last, z)


def _product(matrix: list[list[Fraction]], z: list[Fraction]) -> list[Fraction]:
    return [sum((a * b for a, b in zip(row, z, strict=True)), Fraction(0)) for row in matrix]


def _quotient_of(make: Named) -> Bracket:
    return exactly(_attained(make()))


def _bound_of(make: Named) -> Fraction:
    return upper(make(), "auto", "linf")


def _root_of(make: Named) -> Fraction:
    return Fraction(math.sqrt(_bound_of(make)))


def _reduced_bound_of(make: Named) -> Fraction:
    return upper(_reduced(make()), "auto", "linf")


def _tightness(make: Named) -> Bracket:
    network = make()
    return ratio(value(make, "nsr-full", "linf"), exactly(_attained(network)))


def _from_below(make: Named, method: str) -> Bracket:
    return Bracket(lower(make(), method, "linf"), None)


def _product_bound(make: Named) -> Bracket:
    found = upper(make(), "product", "linf")
    return exactly(found)


def _scalar(factor: Any) -> Any:
    """The form at (x, e, -s): 2 rho s^2 - 2 s f + sum mu_i (x_i^2 - s^2), with `factor` 2."""
    import sympy as sp

    x, mu = sp.symbols("x1:4", real=True), sp.symbols("mu1:4", real=True)
    rho, s, f = sp.symbols("rho s f", real=True)
    last = sp.sympify(factor) * rho - sum(mu)
    form = sum(m * a**2 for m, a in zip(mu, x, strict=True)) - 2 * s * f + last * s**2
    gap = sum(m * (a**2 - s**2) for m, a in zip(mu, x, strict=True))
    return sp.expand(form - (2 * rho * s**2 - 2 * s * f + gap))


def _vector(factor: Any) -> Any:
    """The same at (x, e, -s sign f), diag(delta) last: |f|_1 <= c (sum mu + sum delta) s, c 1/2."""
    import sympy as sp

    x, mu = sp.symbols("x1:4", real=True), sp.symbols("mu1:4", real=True)
    delta, f = sp.symbols("delta1:3", real=True), sp.symbols("f1:3", positive=True)
    s = sp.Symbol("s", real=True)
    form = sum(m * a**2 for m, a in zip(mu, x, strict=True))
    form += sum(d * s**2 - 2 * s * y for d, y in zip(delta, f, strict=True))
    bound = sp.sympify(factor) * (sum(mu) + sum(delta)) * s
    gap = sum(m * (a**2 - s**2) for m, a in zip(mu, x, strict=True))
    return sp.expand(form - (2 * s * (bound - sum(f)) + gap))


def _around(center: float, relative: float = 1e-6) -> tuple[End, End]:
    return center * (1 - relative), center * (1 + relative)


def _wrong(optimum: float) -> dict[str, tuple[End, End]]:
    return {
        "L = sqrt(rho)": _around(math.sqrt(optimum)),
        "rho - sum mu, or without the 1/2": _around(2 * optimum),
    }


def _label(seed: int, widths: tuple[int, ...], activation: str) -> str:
    return f"seed {seed}, {'-'.join(map(str, widths))} {activation}"


CLAIMS = (
    Claim(
        id="lipschitz/C9.form",
        source=_SOURCE,
        provenance="confirmed-in-source",
        kind="theorem",
        statement=(
            r"With $s = |\Delta x|_\infty$ the form of the $\ell_\infty$ matrix inequality at "
            r"$(\Delta x, \Delta\phi, -s)$ is $2\rho s^2 - 2s\Delta f + \sum\mu_i(\Delta x_i^2 - "
            r"s^2)$, last diagonal entry $2\rho - \sum\mu_i$; with several outputs and last block "
            r"$\mathrm{diag}(\delta)$ it bounds $|\Delta f|_1$ by "
            r"$\tfrac12(\sum\mu_i + \sum\delta_i)s$."
        ),
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved("one output, 2 rho", _scalar, 2, {"rho - sum mu": 1, "4 rho": 4}),
            proved("two outputs, 1/2", _vector, "1/2", {"without the 1/2": 1, "1/4": "1/4"}),
        ),
    ),
    Claim(
        id="lipschitz/C9.optima",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=(
            r"The optima for $\ell_\infty \to \ell_1$ on random networks (seeds 0, 1, 7; widths "
            r"3-8-2, 6-10-10-4, 10-32-1), LipSDP of ReLU and NSR-full of MaxMin, are 1.86689432, "
            r"1.78654454; 7.2239132, 8.8557356; 3.8058178, 3.6184339, within $10^{-6}$ relative."
        ),
        expected=Verdict.PROVED,
        method="interval",
        cases=tuple(
            within(
                _label(seed, widths, activation),
                partial(value, named(random_network, seed, widths, activation), method, "linf"),
                *_around(optimum),
                _wrong(optimum),
            )
            for seed, widths, activation, method, optimum in _OPTIMA
        ),
    ),
    Claim(
        id="lipschitz/C9.diagonal",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=(
            r"With $S = P = 0$ the optima of the MaxMin networks for $\ell_\infty \to \ell_1$ are "
            r"at least 1.829873, 11.83487 and 5.26769, above those of NSR-full: the loss is strict "
            r"in $\ell_\infty$ too."
        ),
        expected=Verdict.PROVED,
        method="interval",
        cases=tuple(
            within(
                _label(seed, widths, "maxmin"),
                partial(_from_below, named(random_network, seed, widths, "maxmin"), "nsr-diag"),
                least,
                None,
                {
                    "that of NSR-full": (
                        None,
                        partial(_bound_of, named(random_network, seed, widths, "maxmin")),
                    )
                },
            )
            for seed, widths, least in _DIAGONAL
        ),
    ),
    Claim(
        id="lipschitz/C9.valid",
        source=_SOURCE,
        provenance="derived",
        kind="theorem",
        statement=(
            r"On random networks (seed 3) with more inputs than units, difference quotients "
            r"$|f(x)-f(y)|_1/|x-y|_\infty$ found by attack, evaluated in rational arithmetic, are "
            r"at most the certified bound; they exceed its square root and the bound after the "
            r"QR reduction of $W_1$, which is for $\ell_2$ only."
        ),
        expected=Verdict.PROVED,
        method="exact",
        cases=tuple(
            within(
                _label(3, widths, activation),
                partial(_quotient_of, make),
                None,
                partial(_bound_of, make),
                {
                    "L = sqrt(rho)": (None, partial(_root_of, make)),
                    "W_1 reduced by QR": (None, partial(_reduced_bound_of, make)),
                },
                levels,
            )
            for widths, activation, levels in _ATTACKED
            for make in (named(random_network, 3, widths, activation),)
        ),
    ),
    Claim(
        id="lipschitz/C9.tight",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=(
            r"For the random MaxMin network 3-8-2 (seed 0) the $\ell_\infty \to \ell_1$ optimum "
            r"of NSR-full is within the factor 1.0001 of a difference quotient."
        ),
        expected=Verdict.PROVED,
        method="exact",
        cases=(
            within(
                "optimum over quotient",
                partial(_tightness, named(random_network, 0, _SMALL, "maxmin")),
                1,
                "1.0001",
                {"a gap of 1 %": ("1.01", None), "a bound below": (None, "0.99999")},
            ),
        ),
    ),
    Claim(
        id="lipschitz/C9.product",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=(
            r"The product of the largest row sums of the random network 10-32-1 (seed 7) is "
            r"16.79307 within $10^{-5}$: more than four times its LipSDP bound."
        ),
        expected=Verdict.PROVED,
        method="exact",
        cases=(
            within(
                "certified product",
                partial(_product_bound, named(random_network, 7, _WIDE, "relu")),
                "16.79306",
                "16.79308",
                {
                    "product of spectral norms": _around(2.2886982322),
                    "LipSDP": _around(3.8058178),
                },
            ),
        ),
    ),
)

r"""Proof that no eigenvalue of a kernel of two layers on circles vanishes, label by label.

k1(c) = sum b_j c^j with b_j >= 0, and c = (u(a) + u(b))/2 with u = k1 o cos, whose Fourier
coefficients are >= 0 too.  So Lambda_(k, l) is a sum of terms >= 0, and any part of the sum,

    sum_j b_j 2^-j sum_m binomial(j, m) [u^m]_k [u^(j - m)]_l,

[u^m]_k the k-th coefficient of a power of a truncated u, is a lower bound; here in ball
arithmetic.  K_NTK - K_RFK = k0(c) t is a sum of such terms as well, so that the bound holds for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, partial
from math import comb
from typing import Any

from paper_checks.core import Case, Computed
from paper_checks.rules import proof
from paper_checks.verdict import Checked, Verdict

TERMS = 16
"""Powers j of the series, and degrees of u, that are kept."""
BITS = 128


def positive(labels: Iterable[tuple[int, int]], wrong: dict[str, list[tuple[int, int]]]) -> Case:
    """Lambda > 0 at these labels; a mutant is a set of labels said to have Lambda = 0."""
    stated = tuple(labels)
    return Case(
        label=f"{len(stated)} labels",
        observe=Computed(lambda: stated),
        predict=lambda: (),
        rule=proof(_decide),
        mutants={name: partial(tuple, zeros) for name, zeros in wrong.items()},
    )


def vanishing(zeros: list[tuple[int, int]]) -> Case:
    """Lambda = 0 at these labels."""
    return Case(
        label=", ".join(map(str, zeros)),
        observe=Computed(lambda: ()),
        predict=lambda: tuple(zeros),
        rule=proof(_decide),
    )


def _decide(labels: tuple[tuple[int, int], ...], zeros: tuple[tuple[int, int], ...]) -> Checked:
    bounds = {label: lower_bound(*label) for label in (*labels, *zeros)}
    for label in zeros:
        if bounds[label] > 0:
            text = bounds[label].lower().str(8, radius=False)
            return Verdict.REFUTED, {"label": str(label), "Lambda is at least": text}
    proved = not zeros and all(bound > 0 for bound in bounds.values())
    return (Verdict.PROVED if proved else Verdict.INCONCLUSIVE), None


@cache
def lower_bound(first: int, second: int) -> Any:
    """A ball below Lambda_(first, second) of the RFK of patches (2, 2), labels up to TERMS."""
    from flint import arb

    from theory.rigor.balls import precision

    with precision(BITS):
        powers, total = _powers(), arb(0)
        for j in range(TERMS + 1):
            inner = sum(
                (comb(j, m) * powers[m][first] * powers[j - m][second] for m in range(j + 1)),
                arb(0),
            )
            total += _series(j) * inner / arb(2) ** j
        return total


def _series(j: int) -> Any:
    """b_j: k1 is 1/pi + c/2 + the double integral of binomial(2n, n) 4^-n c^2n / pi."""
    from flint import arb

    if j == 0:
        return 1 / arb.pi()
    if j % 2:
        return arb(1) / 2 if j == 1 else arb(0)
    n = j // 2 - 1
    return arb(comb(2 * n, n)) / 4**n / (j * (j - 1)) / arb.pi()


@cache
def _powers() -> list[list[Any]]:
    """[u^m]_k for m, k = 0, ..., TERMS, of u without its degrees above TERMS."""
    from flint import arb, arb_poly

    square = arb.pi() ** 2
    even = {k: 4 / (square * (k * k - 1) ** 2) for k in range(0, TERMS + 1, 2)}
    half = [even.get(k, arb(1) / 4 if k == 1 else arb(0)) for k in range(TERMS + 1)]
    wave = arb_poly([*half[:0:-1], *half])  # x^TERMS u
    power, out = arb_poly([1]), []
    for m in range(TERMS + 1):
        out.append([power[m * TERMS + k] for k in range(TERMS + 1)])
        power *= wave
    return out

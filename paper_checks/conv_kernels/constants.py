r"""C3: the leading constants of the eigenvalues, by extrapolation in 1/k and in closed form."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import partial
from itertools import pairwise
from typing import Any

from paper_checks.conv_kernels import lines, symbolic
from paper_checks.conv_kernels.observe import KINDS, TWICE_NU, Label, Ray, each
from paper_checks.core import BOTH, FULL, Case, Claim, Verdict
from paper_checks.identities import agree, proved
from paper_checks.trends import Extrapolated, extrapolated
from theory import conv_kernels as theory
from theory.prediction import Prediction

HALF_PERCENT = 0.005
"""Tolerance of logarithms of constants."""
PERCENT = 0.01
"""Where rounding sets an end to the degrees before their corrections are smaller."""

PRINTED = {
    1: (0.202642367284675543, 0.101321183642337771),
    2: (0.0537336720235083996, 0.0358224480156722664),
    3: (0.0248272427823816126, 0.0186204320867862095),
    4: (0.0151179067655622606, 0.0120943254124498084),
    6: (0.00916796498057832399, 0.00785825569763856342),
    8: (0.00852957676013836258, 0.00758184600901187785),
}
"""Patches on circles, D = P_L: RFK's C, and NTK's C/L."""
SPHERES = (0.4220232731986436, 0.3376186185589148)
"""s = (3, 2)."""
TABLED = 9
"""Constants of both, those of two and more trees counted for each."""
BRANCHES = {
    ("rfk", False): 0.134989016702108183,
    ("rfk", True): 0.0202414292699779758,
    ("ntk", False): 0.0674945083510540915,
    ("ntk", True): 0.0101207146349889879,
}
"""Sector 1 of s = (2, 2), even and odd degrees."""


def _log_constant(level: int, sizes: Label, kind: str, factor: float = 1.0) -> float:
    return math.log(factor * theory.leading_constant(level, sizes, kind).value)


def _top(
    sizes: Label,
    kind: str,
    degrees: tuple[int, int],
    direction: Label | None = None,
    levels: Any = BOTH,
    tolerance: float = HALF_PERCENT,
) -> Case:
    """All degrees of the whole tree grow."""
    level, count = len(sizes), math.prod(sizes[1:])
    direction = direction or (1,) * count
    dimension, power = (sizes[0] - 1) * count, 1.5 if kind == "rfk" else 0.5
    scaled = {"1 - c = |theta|^2/2": count**power}
    if kind == "ntk":
        scaled["without L"] = 1 / level
    if dimension > count:
        scaled["D for P_L"] = (count / dimension) ** power
    stated = partial(_log_constant, level, sizes, kind)
    return agree(
        f"{kind}, patches {sizes}, k {direction}",
        partial(
            Ray(sizes, kind, direction).constant, *degrees, theory.exponent(level, sizes, kind)
        ),
        stated,
        tolerance,
        {name: partial(stated, factor) for name, factor in scaled.items()},
        levels,
    )


def _lower(
    sizes: Label, level: int, kind: str, degrees: tuple[int, int], levels: Any = BOTH
) -> Case:
    """The degrees of one meta-patch below the top grow."""
    count, grown = math.prod(sizes[1:]), math.prod(sizes[1:level])
    copies = count // grown
    direction = (1,) * grown + (0,) * (count - grown)
    stated = partial(_log_constant, level, sizes, kind)
    return agree(
        f"{kind}, patches {sizes}, k {direction}",
        partial(
            Ray(sizes, kind, direction).constant, *degrees, theory.exponent(level, sizes, kind)
        ),
        stated,
        HALF_PERCENT,
        {
            "without 1/m_l": partial(stated, copies),
            "without k0 above": partial(_log_constant, level, sizes[:level], kind, 1 / copies),
        },
        levels,
    )


def _row(kind: str, fixed: int, odd: bool) -> Case:
    """One degree grows beside a fixed one, in one branch of parity."""
    ray = Ray((2, 2), kind, (0, 1), (fixed, 0))
    start = (64 if kind == "rfk" else 128) + odd
    stated = lambda: math.log(lines.row(kind, fixed, odd))  # noqa: E731
    wrong = {"the other parity": lambda: math.log(lines.row(kind, fixed, not odd))}
    wrong["both parities averaged"] = lambda: math.log(
        (lines.row(kind, fixed, False) + lines.row(kind, fixed, True)) / 2
    )
    if fixed:
        wrong["as at k_1 = 0"] = lambda: math.log(lines.row(kind, 0, odd))
    return agree(
        f"{kind}, ({fixed}, k), k {'odd' if odd else 'even'}",
        partial(ray.constant, start, 4 * start - 3 * odd, TWICE_NU[kind] + 1.0),
        stated,
        PERCENT if fixed > 1 else HALF_PERCENT,
        wrong,
        FULL if fixed > 1 else BOTH,
    )


def _branch(kind: str, odd: bool) -> Case:
    def found() -> list[float]:
        stated = theory.leading_constant(1, (2, 2), kind, odd=odd)
        return [stated.value, lines.row(kind, 0, odd)]

    return agree(
        f"{kind}, {'odd' if odd else 'even'}",
        found,
        [BRANCHES[kind, odd]] * 2,
        1e-10,
        {
            "the other parity": [BRANCHES[kind, not odd]] * 2,
            "one constant": [(BRANCHES[kind, False] + BRANCHES[kind, True]) / 2] * 2,
        },
    )


def _wide(kind: str) -> Case:
    """Of corrections 1/k^2, those of one layer."""
    sizes, power = (2, 7), TWICE_NU[kind] + 5.0
    ray = Ray(sizes, kind, (1, 1, 0, 0, 0, 0, 0))

    def found() -> Extrapolated:
        # The norm is sqrt(2) k; the constant is stated for k.
        degrees = (8, 16) if kind == "rfk" else (16, 32)
        shift = power / 2 * math.log(2)
        first, last = (ray.log(k, power) for k in degrees)
        low, high = math.exp(first.value), math.exp(last.value)
        limit = (4 * high - low) / 3
        error = (4 * high * last.error + low * first.error) / 3 / limit
        values = [log._replace(value=log.value - shift) for log in (first, last)]
        return extrapolated(
            Prediction(math.log(limit) - shift, error, "1/k^2"),
            "k",
            degrees,
            values,
            lambda k: math.log(limit + (low - limit) * (degrees[0] / k) ** 2) - shift,
            against=2,
        )

    return agree(
        kind,
        found,
        lambda: math.log(lines.pair_of_seven(kind)),
        0.02,
        {
            "equal patches alone": lambda: math.log(lines.pair_of_seven(kind, 1)),
            "one order of the two lines" if kind == "ntk" else "both orders": lambda: math.log(
                lines.pair_of_seven(kind) * (0.5 if kind == "ntk" else 2)
            ),
        },
        BOTH if kind == "ntk" else FULL,
    )


def _corrections(kind: str) -> list[Prediction]:
    """Lambda |k|^(2 nu + 2) over its limit, on the diagonal, k doubling twice."""
    ray, power = Ray((2, 2), kind, (1, 1)), theory.exponent(2, (2, 2), kind)
    limit, start = _log_constant(2, (2, 2), kind), 16 if kind == "rfk" else 64
    logs = [ray.log(start << i, power) for i in range(3)]
    return [Prediction(math.exp(x.value - limit), x.error, x.method) for x in logs]


def _halving(kind: str) -> list[Prediction]:
    """Ratios of successive distances from 1."""
    found = []
    for a, b in pairwise(_corrections(kind)):
        ratio = (1 - b.value) / (1 - a.value)
        error = ratio * (a.error / (1 - a.value) + b.error / (1 - b.value))
        found.append(Prediction(ratio, error, "two eigenvalues"))
    return found


def _table(column: int, printed: int | None = None) -> list[float]:
    """Constants of (2, P), and of binary trees where P is a power of two, over those printed."""
    stated = column if printed is None else printed
    found = []
    for patches in PRINTED:
        trees: list[Label] = [(2, patches)] if patches > 1 else []
        if patches in (2, 4, 8):
            trees.append((2,) * (1 + int(math.log2(patches))))
        for sizes in trees:
            level = len(sizes)
            value = theory.leading_constant(level, sizes, KINDS[column]).value
            found.append(value / (level if column else 1) / PRINTED[patches][stated])
    spheres = theory.leading_constant(2, (3, 2), KINDS[column]).value
    return [*found, spheres / SPHERES[stated]]


CLAIMS = (
    Claim(
        id="conv_kernels/C3.singularities",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"At small $u$, $k_1(1 - u) = 1 - u + \frac{2\sqrt2}{3\pi}u^{3/2} + o(u^{3/2})$"
        r" and $k_0(1 - u) = 1 - \frac{\sqrt2}{\pi}u^{1/2} + o(u^{1/2})$: with $u ="
        r" |\theta|^2/(2P_L)$ the origin of both constants.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(
            proved(
                "k1",
                partial(symbolic.near, power=1),
                Fraction(2, 3),
                {"1/3, the raw ReLU": Fraction(1, 3), "-2/3": Fraction(-2, 3)},
            ),
            proved(
                "k0",
                partial(symbolic.near, power=0),
                -1,
                {"-1/2, the raw ReLU": Fraction(-1, 2), "1": 1},
            ),
        ),
    ),
    Claim(
        id="conv_kernels/C3.transform",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=r"The Fourier transform of $|x|^a$ in $\mathbb{R}^D$ is $\mathrm{FT}(a,"
        r" D)|k|^{-a - D}$, $\mathrm{FT}(a, D) = 2^{a + D}\pi^{D/2}\Gamma((a +"
        r" D)/2)/\Gamma(-a/2)$: tested against $e^{-|x|^2/2}$ for $-D < a < 0$, and by"
        r" continuation for other $a$.",
        expected=Verdict.PROVED,
        method="symbolic",
        cases=(proved("FT", symbolic.transform, 2, {"1 for 2": 1, "4 for 2": 4}),),
    ),
    Claim(
        id="conv_kernels/C3.table",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"$C_{RFK} = \mathrm{FT}(3, D)/(3\pi P_L^{3/2}V)$ and $C_{NTK} ="
        r" -L\,\mathrm{FT}(1, D)/(\pi P_L^{1/2}V)$, $V = |S^{s_1 - 1}|^{P_L}$, are for $s_1 = 2$"
        r" and $P_L = 2$ 0.0537336720235084 and $0.0358224480156723L$, for $s = (3, 2)$"
        r" 0.4220232731986436 and 0.3376186185589148; with $P_L = 3, 4, 6, 8$ to $10^{-13}$, for"
        r" wide and for deep trees.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=tuple(
            agree(
                kind,
                partial(_table, column),
                [1.0] * TABLED,
                1e-13,
                {
                    "twice, as for L = 1": [2.0] * TABLED,
                    "the other kernel": partial(_table, 1 - column, column),
                },
            )
            for column, kind in enumerate(KINDS)
        ),
    ),
    Claim(
        id="conv_kernels/C3.top",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"With all degrees growing $\Lambda_k|k|^{2\nu + D}$, $k_i + (s_1 - 2)/2$ for"
        r" $k_i$, tends to the constant of the top sector, extrapolated in $1/|k|$ within 0.5 %"
        r" and the stated error of $\Lambda_k$: trees $(2, 2)$, $(3, 2)$, $(2, 2, 2)$ (NTK) and,"
        r" at full level, $(2, 2)$ in another direction, $(2, 3)$ and $(2, 2, 2)$ (RFK, within 1"
        r" %).",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            *each(partial(_top, (2, 2), degrees=(32, 64))),
            *each(partial(_top, (2, 2), degrees=(16, 32), direction=(1, 3), levels=FULL)),
            *each(partial(_top, (3, 2), degrees=(16, 32))),
            *each(partial(_top, (2, 3), degrees=(16, 32), levels=FULL)),
            _top((2, 2, 2), "rfk", (8, 16), levels=FULL, tolerance=PERCENT),
            _top((2, 2, 2), "ntk", (16, 32)),
        ),
    ),
    Claim(
        id="conv_kernels/C3.corrections",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"The corrections to the constant of the top sector are $O(1/|k|)$: on the"
        r" diagonal of $L = 2$, patches of two, $1 - \Lambda_k|k|^{2\nu + 2}/C$ halves from $k ="
        r" 16$ to 32 to 64 (RFK) and from 64 to 128 to 256 (NTK), ratios $0.5 \pm 0.03$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=tuple(
            agree(kind, partial(_halving, kind), [0.5, 0.5], 0.03, {"1/|k|^2": [0.25, 0.25]})
            for kind in KINDS
        ),
    ),
    Claim(
        id="conv_kernels/C3.lower",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=r"In sector $l < L$ the constant is that of level $l$ times"
        r" $m_l^{-1}\mathbb{E}[\prod_{j > l} k_0(c_j)]$, the rest of the input uniform: within 0.5"
        r" % for $l = 1$ (even degrees) of $(2, 2)$ and $(3, 2)$ and, at full level, $l = 2$ of"
        r" $(2, 2, 2)$ and $l = 1$ of $(2, 2, 2)$ and $(2, 3)$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            *each(partial(_lower, (2, 2), 1, degrees=(64, 128))),
            *each(partial(_lower, (3, 2), 1, degrees=(64, 128))),
            *each(partial(_lower, (2, 2, 2), 2, degrees=(24, 48), levels=FULL)),
            *each(partial(_lower, (2, 2, 2), 1, degrees=(64, 128), levels=FULL)),
            *each(partial(_lower, (2, 3), 1, degrees=(64, 128), levels=FULL)),
        ),
    ),
    Claim(
        id="conv_kernels/C3.parity",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=r"Sector 1 has two constants, by the parity of the degree: for $L = 2$, patches"
        r" of two, $F(E_0 \pm E_\pi)/2$ with $E_{0, \pi} = \mathbb{E}k_0((\{1, 0\} + k_1(\cos"
        r" t))/2)$ and $F = 2/\pi^2$ (RFK), $1/\pi^2$ (NTK): 0.134989, 0.0202414 and 0.0674945,"
        r" 0.0101207.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=tuple(_branch(kind, odd) for kind in KINDS for odd in (False, True)),
    ),
    Claim(
        id="conv_kernels/C3.rows",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=r"For $L = 2$, patches of two, and $k_1$ fixed at 0, 1 or 3, $k^{2\nu +"
        r" 1}\Lambda_{(k_1, k)} \to \frac F2(E_0 \pm E_\pi)$ for even and odd $k$, now with"
        r" $\cos(k_1 t)$ in both means, within 0.5 % ($k_1 \le 1$) and 1 % ($k_1 = 3$, at full"
        r" level), and the stated error of $\Lambda_k$.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=tuple(
            _row(kind, fixed, odd) for kind in KINDS for fixed in (0, 1, 3) for odd in (False, True)
        ),
    ),
    Claim(
        id="conv_kernels/C3.wide",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=r"In the tree $(2, 7)$ two growing even degrees $k, k$ have $\Lambda \sim C"
        r" k^{-8}$ (RFK), $C = F^2\sum\mathbb{E}[k_1''(c)]/49$ over their four singular places,"
        r" and $k^{-6}$ (NTK) with $2F_{RFK}F_{NTK}$ for $F^2$, within 2 %; the RFK at full level.",
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=each(_wide),
    ),
)

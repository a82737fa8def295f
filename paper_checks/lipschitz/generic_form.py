r"""The generic form in scalar units, by two solvers and a dual, against conic values (C10).

An optimum is proved from below by a point of the dual and from above by certificates of two
solvers that share nothing, the ascent and the interior point method.
"""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Any

from paper_checks.core import BOTH, FULL, Case, Claim, Level, Verdict
from paper_checks.identities import agree
from paper_checks.lipschitz.brackets import (
    Bracket,
    End,
    Named,
    named,
    random_network,
    upper,
    within,
)
from paper_checks.lipschitz.quotients import above, around, bracket, certified, gained, quotient
from paper_checks.lipschitz.sound_bounds import implicit, residual

if TYPE_CHECKING:
    from theory.lipschitz.network import Network

_SMALL, _MIDDLE, _DEEP, _WIDE = (3, 8, 2), (6, 10, 10, 4), (8, 16, 16, 16, 8), (10, 32, 1)
_GROUPS = (6, 12, 12, 4)
_FOUR, _THREE = ("3.1916501", "3.3741513"), ("3.1049321", "3.2054172")


# --- values --------------------------------------------------------------------------------------


def _optimum(make: Named, method: str) -> Bracket:
    return bracket(make(), method)


def _values(
    label: str, make: Named, value: str, wrong: dict[str, str], levels: tuple[Level, ...] = BOTH
) -> tuple[Case, ...]:
    """The optimum by both methods, against a conic solver's value; wrong values are others."""
    ends: dict[str, tuple[End, End]] = {name: around(number) for name, number in wrong.items()}
    return tuple(
        within(
            f"{label}: {value}, {name}",
            partial(_optimum, make, method),
            *around(value),
            ends,
            levels,
        )
        for name, method in (("ascent", "lipsdp"), ("interior point", "interior-point"))
    )


@cache
def householder() -> Network:
    """Groups of three with u ~ (1, 2, 3), widths 5-6-6-3, weights of default_rng(3)."""
    from paper_checks.lipschitz.conic_values import random_weights
    from theory.lipschitz.network import Network

    return Network(random_weights(3, (5, 6, 6, 3)), "householder:1,2,3")


def _maxmin(seed: int, widths: tuple[int, ...]) -> Named:
    return named(random_network, seed, widths, "maxmin")


@cache
def modulus_as_relu(make: Named) -> Network:
    """A MaxMin network with relu(d) in place of |d|: slopes [0, 1] in place of [-1, 1] on d."""
    import numpy as np

    from theory.lipschitz.network import Network, Stage

    *hidden, last = make().weights
    stages: list[Any] = []
    for w in hidden:
        eye = np.eye(len(w) // 2)
        rest = np.kron(eye, [[0.5, 0.5], [0.5, 0.5]])
        block = (rest, np.kron(eye, [[-0.5], [0.5]]), np.kron(eye, [[-1.0, 1.0]]))
        stages += Network.residual(w, [block], None, "relu").stages
    return Network.of_stages([*stages, Stage(skip=last)])


def _of_implicit() -> Bracket:
    """The constant of an implicit network."""
    return Bracket(quotient(implicit()), upper(implicit(), "interior-point"))


def _multipliers(make: Named) -> list[int]:
    """Units and multipliers of the generic form."""
    from theory.lipschitz.relaxations import generic_rows

    rows = generic_rows(make())
    return [len(rows.rows), sum(rows.multipliers)]


_PUBLISHED = (
    ("MaxMin, seed 0", _maxmin(0, _SMALL), "0.91012473", "0.92691504", BOTH),
    ("MaxMin, seed 1", _maxmin(1, _MIDDLE), "2.38691926", "3.15029445", BOTH),
    ("MaxMin, seed 2", _maxmin(2, _DEEP), "3.99424705", "6.90453004", BOTH),
    ("MaxMin, seed 7", _maxmin(7, _WIDE), "1.19236534", "1.76724453", BOTH),
    ("GroupSort 4", named(random_network, 11, _GROUPS, "group_sort:4"), *_FOUR, BOTH),
    ("GroupSort 3", named(random_network, 11, _GROUPS, "group_sort:3"), *_THREE, BOTH),
    ("Householder, u ~ (1, 2, 3)", householder, "3.3898312", "3.39", BOTH),
    ("residual MaxMin", named(residual, "maxmin"), "6.5695664", "6.1250938", BOTH),
    ("residual ReLU", named(residual, "relu"), "3.8701784", "3.87", BOTH),
    ("ReLU, seed 0", named(random_network, 0, _SMALL), "0.92559513", "0.91", FULL),
    ("ReLU, seed 1", named(random_network, 1, _MIDDLE), "1.87561564", "1.88", FULL),
    ("ReLU, seed 2", named(random_network, 2, _DEEP), "3.74972296", "3.75", FULL),
    ("ReLU, seed 7", named(random_network, 7, _WIDE), "1.33912297", "1.34", FULL),
)
"""Label, network, value of a generic conic solver, another value (S = P = 0, FGL, rounded)."""


def _relu_on_d(seed: int, widths: tuple[int, ...]) -> Case:
    make = _maxmin(seed, widths)
    wrong = certified(partial(modulus_as_relu, make))
    label = f"MaxMin, seed {seed}"
    return above(label, gained(make), certified(make), {"slopes [0, 1] on d": wrong})


CLAIMS = (
    Claim(
        id="lipschitz/C10.optimum",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=(
            r"The optimum of the generic form, $\lambda_i(p_iq_i^\top + q_ip_i^\top)$ on the "
            r"signals that do not pass, is within $10^{-7}$ that of the dense matrix inequality by "
            r"a conic solver, from the ascent and from the interior point method alike (random "
            r"MaxMin, GroupSort, Householder, residual and ReLU networks; values with the cases)."
        ),
        expected=Verdict.PROVED,
        method="interval",
        cases=tuple(
            case
            for label, make, value, other, levels in _PUBLISHED
            for case in _values(label, make, value, {"another value": other}, levels)
        ),
    ),
    Claim(
        id="lipschitz/C10.implicit",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=(
            r"The interior point method certifies 5.2394962 $(1 + 10^{-7})$ for an implicit ReLU "
            r"network, whose constant is at least 5.17."
        ),
        expected=Verdict.PROVED,
        method="interval",
        cases=(
            within(
                "implicit ReLU",
                _of_implicit,
                "5.17",
                around("5.2394962")[1],
                {"5.1 is enough": (None, "5.1")},
            ),
        ),
    ),
    Claim(
        id="lipschitz/C10.smaller",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=(
            r"The generic form of a MaxMin network with $N_h$ hidden units has $N_h/2$ units and "
            r"multipliers, that of GroupSort 3 $2N_h/3$ units and $N_h/3$ multipliers."
        ),
        expected=Verdict.SUPPORTED,
        method="exact",
        cases=(
            agree(
                "MaxMin 8-16-16-16-8",
                partial(_multipliers, _maxmin(2, _DEEP)),
                [24, 24],
                0.0,
                {"all units": [48, 48], "four multipliers per group": [24, 96]},
            ),
            agree(
                "GroupSort 3, 6-12-12-4",
                partial(_multipliers, named(random_network, 11, _GROUPS, "group_sort:3")),
                [16, 8],
                0.0,
                {"untied": [16, 16], "all units": [24, 24]},
            ),
        ),
    ),
    Claim(
        id="lipschitz/C10.slopes",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=(
            r"With slopes in $[-1,1]$ on $d$ the bound of MaxMin networks is not below the norm of "
            r"a pattern of orders, and with slopes in $[0,1]$ it is (seeds 0 and 1)."
        ),
        expected=Verdict.PROVED,
        method="interval",
        cases=(_relu_on_d(0, _SMALL), _relu_on_d(1, _MIDDLE)),
    ),
    Claim(
        id="lipschitz/C10.mutant",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=(
            r"With slopes in $[0,1]$ on $d$ the optimum of the generic form is 0.881917 (seed 0, "
            r"3-8-2) and 1.813977 (seed 1, 6-10-10-4), within $10^{-6}$."
        ),
        expected=Verdict.PROVED,
        method="interval",
        cases=tuple(
            within(
                f"seed {seed}",
                partial(_optimum, partial(modulus_as_relu, _maxmin(seed, widths)), "lipsdp"),
                *ends,
                {"slopes [-1, 1]": around(full)},
            )
            for seed, widths, ends, full in (
                (0, _SMALL, ("0.8819165", "0.8819175"), "0.91012473"),
                (1, _MIDDLE, ("1.8139765", "1.8139775"), "2.38691926"),
            )
        ),
    ),
)

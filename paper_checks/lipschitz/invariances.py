r"""What changes a network but not its bound (C11): optima proved before and after."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from paper_checks.core import Case, Claim, Verdict
from paper_checks.lipschitz.brackets import Bracket, Named, exactly, named, random_network, within
from paper_checks.lipschitz.quotients import above, certified, gained, same

if TYPE_CHECKING:
    from theory.lipschitz.network import Network

_MIDDLE = (6, 10, 10, 4)


@cache
def _changed(make: Named, change: Callable[[list[Any]], list[Any]]) -> Network:
    """The network with other weights."""
    from theory.lipschitz.network import Network

    network = make()
    kind = network.stages[0].activation
    assert kind is not None
    return Network(change(list(network.weights)), kind)


def _rotation(size: int) -> Any:
    import numpy as np

    q, _ = np.linalg.qr(np.random.default_rng(size).standard_normal((size, size)))
    return q


def _scaled(weights: list[Any], last: float = 0.25) -> list[Any]:
    """Factors 2, -3 and `last` of the last layer: 2 . 3 . 1/4 = 3/2."""
    first, second, *rest = weights
    return [2 * first, -3 * second, *rest[:-1], last * rest[-1]]


def _turned(weights: list[Any], where: str) -> list[Any]:
    first, *rest, last = weights
    if where == "outside":
        return [first @ _rotation(first.shape[1]), *rest, _rotation(len(last)) @ last]
    return [_rotation(len(first)) @ first, *rest, last]


def _permuted(weights: list[Any], one_sided: bool, group: int = 1) -> list[Any]:
    """Another order of the (groups of) units of the first layer; undone behind it or not."""
    import numpy as np

    first, second, *rest = weights
    count = len(first) // group
    order = np.random.default_rng(count).permutation(count)
    units = (order[:, None] * group + np.arange(group)).ravel()
    return [first[units], second if one_sided else second[:, units], *rest]


def _rescaled(weights: list[Any], power: int, sign: float = 1.0) -> list[Any]:
    """D W_1 and W_2 D^power, D = sign diag(1, 2, 4, 1, ...)."""
    import numpy as np

    first, second, *rest = weights
    d = sign * 2.0 ** (np.arange(len(first)) % 3)
    return [d[:, None] * first, second * d**power, *rest]


def _deeper(weights: list[Any], factor: float = 1.0) -> list[Any]:
    """A layer factor I behind the first."""
    import numpy as np

    first, *rest = weights
    return [first, factor * np.eye(len(first)), *rest]


def _narrow(weights: list[Any], side: str, right: bool = True) -> list[Any]:
    """W_1 by R^T of its transpose, or W_L by its R; wrong: the transposed ones."""
    import numpy as np

    first, *rest, last = weights
    if side == "input":
        root = np.linalg.qr(first.T)[1]
        return [root.T if right else root, *rest, last]
    root = np.linalg.qr(last)[1]
    return [first, *rest, root if right else root.T]


def _same(
    label: str,
    make: Named,
    change: partial[list[Any]],
    wrong: dict[str, partial[list[Any]]],
    factor: Fraction = Fraction(1),
) -> Case:
    """The change keeps the optimum; the original with a wrong change has another one."""
    others = {name: partial(_changed, make, other) for name, other in wrong.items()}
    return same(label, make, partial(_changed, make, change), others, factor)


def _negative() -> Bracket:
    """-relu(-x) over relu(x) at x = 1."""
    return exactly(Fraction(-max(-1, 0), 1))


_RELU = named(random_network, 1, _MIDDLE, "relu")
_MAXMIN = named(random_network, 1, _MIDDLE, "maxmin")
_LONG = named(random_network, 3, (20, 6, 6, 15), "relu")


def _all_kinds(name: str, make: Named, group: int) -> tuple[Case, ...]:
    order = partial(_permuted, group=group)
    return (
        _same(
            f"{name}, factors 2, -3, 1/4",
            make,
            partial(_scaled),
            {"one factor forgotten": partial(_scaled, last=0.5)},
            Fraction(3, 2),
        ),
        _same(
            f"{name}, rotated input and output",
            make,
            partial(_turned, where="outside"),
            {"rotated hidden layer": partial(_turned, where="inside")},
        ),
        _same(
            f"{name}, units in another order",
            make,
            partial(order, one_sided=False),
            {"on one side only": partial(order, one_sided=True)},
        ),
    )


def _inserted() -> Case:
    deeper = partial(_changed, _RELU, partial(_deeper))
    wrong = certified(partial(_changed, _RELU, partial(_deeper, factor=0.5)))
    return above("ReLU, identity inserted", gained(_RELU), certified(deeper), {"I / 2": wrong})


CLAIMS = (
    Claim(
        id="lipschitz/C11.invariance",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=(
            r"The optimum of LipSDP and of NSR-full is multiplied by $\prod|c_k|$ where $W_k "
            r"\to c_kW_k$, and kept by orthogonal maps of input and output and by other orders of "
            r"hidden units (groups) on both sides, within $10^{-6}$."
        ),
        expected=Verdict.PROVED,
        method="interval",
        cases=(*_all_kinds("ReLU", _RELU, 1), *_all_kinds("MaxMin", _MAXMIN, 2)),
    ),
    Claim(
        id="lipschitz/C11.rescaling",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=(
            r"$W_1 \to DW_1$, $W_2 \to W_2D^{-1}$ with a diagonal $D$ keeps the optimum of LipSDP "
            r"for slopes in $[0,1]$, within $10^{-6}$; also with $D < 0$, which changes the ReLU "
            r"network itself but not its relaxation, as $-\phi(-v)$ has the same slopes."
        ),
        expected=Verdict.PROVED,
        method="interval",
        cases=tuple(
            _same(
                f"D {name}",
                _RELU,
                partial(_rescaled, power=-1, sign=sign),
                {
                    "D behind it": partial(_rescaled, power=1, sign=sign),
                    "nothing behind it": partial(_rescaled, power=0, sign=sign),
                },
            )
            for name, sign in (("> 0", 1.0), ("< 0", -1.0))
        ),
    ),
    Claim(
        id="lipschitz/C11.negative",
        source="derived",
        provenance="derived",
        kind="formula",
        statement=(
            r"$W_1 \to DW_1$, $W_2 \to W_2D^{-1}$ with $D = -1$ keeps the function "
            r"$x \mapsto \mathrm{relu}(x)$."
        ),
        expected=Verdict.REFUTED,
        corrected="lipschitz/C11.invariance",
        method="exact",
        cases=(within("x = 1", _negative, 1, 1),),
    ),
    Claim(
        id="lipschitz/C11.deeper",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=(
            r"The certified bound of a ReLU network with an identity layer put behind its first is "
            r"not below the norm of a pattern of the network without (6-10-10-4, seed 1)."
        ),
        expected=Verdict.PROVED,
        method="interval",
        cases=(_inserted(),),
    ),
    Claim(
        id="lipschitz/C11.qr",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=(
            r"With $n_0 > n_1$, $W_1$ may be replaced by $R^\top$ from $W_1^\top = QR$, and with "
            r"$n_L > n_{L-1}$, $W_L = QR$ by $R$: the $\ell_2$ optimum is the same, within "
            r"$10^{-6}$ (20-6-6-15)."
        ),
        expected=Verdict.PROVED,
        method="interval",
        cases=(
            _same(
                "input",
                _LONG,
                partial(_narrow, side="input"),
                {"R, not transposed": partial(_narrow, side="input", right=False)},
            ),
            _same(
                "output",
                _LONG,
                partial(_narrow, side="output"),
                {"R transposed": partial(_narrow, side="output", right=False)},
            ),
        ),
    ),
)

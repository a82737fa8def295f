r"""No bound is below what a network does (C6): proved quotients and gains against certificates.

Networks of every kind; each wrong inequality gives a certified bound that the network exceeds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from paper_checks.core import BOTH, FULL, Case, Claim, Level, Verdict
from paper_checks.lipschitz.brackets import (
    Bracket,
    Named,
    named,
    random_network,
    ratio,
    trained,
    upper,
    within,
)
from paper_checks.lipschitz.quotients import (
    above,
    around,
    attacked,
    bracket,
    certified,
    gain,
    gained,
)

if TYPE_CHECKING:
    from theory.lipschitz.network import Network

_WIDTHS = (6, 10, 10, 4)
_GROUPS = (6, 12, 12, 4)


# --- networks ------------------------------------------------------------------------------------


@cache
def residual(activation: str, skip: bool = True) -> Network:
    """Three blocks x <- x + phi(W x) between two layers, weights from default_rng(6)."""
    import numpy as np

    from theory.lipschitz.network import Network

    rng = np.random.default_rng(6)
    first = rng.standard_normal((6, 4)) / 2
    weights = [rng.standard_normal((6, 6)) / np.sqrt(6) for _ in range(3)]
    last = rng.standard_normal((2, 6)) / np.sqrt(6)
    blocks = weights if skip else [(np.zeros((6, 6)), None, w) for w in weights]
    return Network.residual(first, blocks, last, activation)


@cache
def implicit() -> Network:
    """y = C e, e = relu(J e + U x), weights from default_rng(5)."""
    import numpy as np

    from theory.lipschitz.network import Network

    rng = np.random.default_rng(5)
    loop = 0.4 * rng.standard_normal((8, 8)) / np.sqrt(8)
    return Network.implicit(loop, rng.standard_normal((8, 4)), rng.standard_normal((3, 8)))


@cache
def halved(make: Named) -> Network:
    """The network with half the slopes: 4 L in place of 2 L for ReLU."""
    from theory.lipschitz.network import Network

    def half(numbers: Any) -> Any:
        return None if numbers is None else numbers / 2

    stages = make().stages
    return Network.of_stages(replace(s, lower=half(s.lower), upper=half(s.upper)) for s in stages)


@cache
def crossed(make: Named) -> Network:
    """The network with its second matrix, a square one, transposed."""
    from theory.lipschitz.network import Network

    first, second, *rest = make().weights
    kind = make().stages[0].activation
    assert kind is not None
    return Network([first, second.T, *rest], kind)


@cache
def as_slopes(make: Named, weights: float, modulus: float) -> Network:
    """Leaky units as residual ones: v -> weights v + modulus |v|."""
    import numpy as np

    from theory.lipschitz.network import Network

    *hidden, last = make().weights
    blocks = [(weights * w, modulus * np.eye(len(w)), w) for w in hidden]
    return Network.residual(None, blocks, last, "abs")


# --- cases ---------------------------------------------------------------------------------------

_HALF, _CROSSED = "4 L in place of 2 L", "transposed products"


def _wrong(make: Named, kinds: tuple[str, ...]) -> dict[str, Callable[[], Fraction]]:
    change = {_HALF: halved, _CROSSED: crossed}
    return {kind: certified(partial(change[kind], make)) for kind in kinds}


def _feed_forward(
    name: str, seed: int = 4, levels: tuple[Level, ...] = BOTH
) -> tuple[Case, Case | None]:
    """A random network: quotients, and patterns where slopes or reflections are all there is."""
    widths = _GROUPS if name.startswith("group_sort") else _WIDTHS
    make = named(random_network, seed, widths, name)
    grouped = name.startswith(("group_sort", "maxmin", "householder"))
    wrong = _wrong(make, (_CROSSED,) if grouped else (_HALF, _CROSSED))
    label = f"{name}, {'-'.join(map(str, widths))}, seed {seed}"
    sampled = above(label, attacked(make), certified(make), wrong, levels)
    if name.startswith("group_sort"):
        return sampled, None
    return sampled, above(label, gained(make), certified(make), wrong, levels)


_CASES = (
    *(_feed_forward(name) for name in ("relu", "leaky_relu:0.2", "tanh", "maxmin")),
    _feed_forward("householder:1,2"),
    _feed_forward("group_sort:3", 9),
    _feed_forward("maxmin", 6, FULL),
    _feed_forward("leaky_relu:0.2", 7, FULL),
    _feed_forward("householder:1,2", 10, FULL),
)


def _residual_case(name: str) -> tuple[Case, Case]:
    make = named(residual, name)
    wrong = {"skips forgotten": certified(named(residual, name, False))}
    label = f"residual, {name}"
    return (
        above(label, attacked(make), certified(make), wrong),
        above(label, gained(make), certified(make), wrong),
    )


_RESIDUAL = tuple(_residual_case(name) for name in ("relu", "maxmin", "abs"))
_TRAINED = ("relu-64-16-16-10", "maxmin-64-16-16-10")


def _trained_case(name: str) -> Case:
    make = named(trained, name)
    wrong = {"the product of norms over 4": lambda: upper(make(), "product") / 4}
    return above(name, attacked(make), certified(make), wrong, FULL)


_LEAKY = named(random_network, 1, _WIDTHS, "leaky_relu:0.25")


def _largest_gain(make: Named) -> Bracket:
    """FGL: the best pattern that is found, and an enumeration with a proof."""
    return Bracket(gain(make()), upper(make(), "fgl"))


_FGL = (
    ("ReLU, seed 0", named(random_network, 0, (3, 8, 2)), "0.9255951270", "0.9256"),
    ("MaxMin, seed 0", named(random_network, 0, (3, 8, 2), "maxmin"), "0.9101247343", "0.92691504"),
    ("MaxMin, seed 1", named(random_network, 1, _WIDTHS, "maxmin"), "2.3820241318", "2.38691926"),
    ("residual MaxMin", named(residual, "maxmin"), "6.1250938", "6.5695664"),
)
"""Label, network, FGL, and a bound above it."""


def _equivalent() -> Bracket:
    """Optimum of LipSDP with the slopes [1/4, 1] over that of v -> 5/8 v + 3/8 |v|."""
    other = as_slopes(_LEAKY, 0.625, 0.375)
    return ratio(bracket(_LEAKY()), bracket(other))


CLAIMS = (
    Claim(
        id="lipschitz/C6.sampled",
        source="arXiv:1906.04893, theorem 2; arXiv:2401.14033, theorem 2",
        provenance="derived",
        kind="theorem",
        statement=(
            r"Certified bounds of random feed-forward, residual and implicit networks (ReLU, leaky "
            r"ReLU, tanh, MaxMin, GroupSort, Householder) are not below the largest "
            r"$|f(x+d) - f(x)|/|d|$ that an attack by Jacobians finds."
        ),
        expected=Verdict.PROVED,
        method="interval",
        cases=(
            *(sampled for sampled, _ in (*_CASES, *_RESIDUAL)),
            above(
                "implicit, relu",
                attacked(implicit),
                certified(implicit),
                _wrong(implicit, (_HALF,)),
            ),
            *map(_trained_case, _TRAINED),
        ),
    ),
    Claim(
        id="lipschitz/C6.patterns",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=(
            r"Certified bounds are not below the norm of the best pattern of slopes or reflections "
            r"that is found, a lower bound of FGL."
        ),
        expected=Verdict.PROVED,
        method="interval",
        cases=tuple(pattern for _, pattern in (*_CASES, *_RESIDUAL) if pattern is not None),
    ),
    Claim(
        id="lipschitz/C6.fgl",
        source="arXiv:2401.14033, table 1",
        provenance="derived",
        kind="formula",
        statement=(
            r"FGL, the largest norm over all patterns, is 0.9255951 (ReLU, 3-8-2, seed 0), "
            r"0.9101247 (MaxMin, the same), 2.3820241 (MaxMin, 6-10-10-4, seed 1) and 6.1250938 "
            r"(three residual MaxMin blocks), within $10^{-7}$."
        ),
        expected=Verdict.PROVED,
        method="interval",
        cases=tuple(
            within(
                label,
                partial(_largest_gain, make),
                *around(number),
                {
                    "the bound": (other, other),
                    "less": (None, Fraction(number) * Fraction(999, 1000)),
                },
            )
            for label, make, number, other in _FGL
        ),
    ),
    Claim(
        id="lipschitz/C6.equivalence",
        source="derived",
        provenance="derived",
        kind="theorem",
        statement=(
            r"LipSDP of a leaky ReLU network with slopes in $[\frac14, 1]$ and of the residual "
            r"network $v \mapsto \frac58v + \frac38|v|$ with slopes in $[-1,1]$ have the same "
            r"optimum, within $10^{-6}$ (6-10-10-4, seed 1)."
        ),
        expected=Verdict.PROVED,
        method="interval",
        cases=(
            within(
                "leaky ReLU 1/4",
                _equivalent,
                "0.999999",
                "1.000001",
                {"modulus doubled": ("0.5", "0.99"), "larger": ("1.001", None)},
            ),
        ),
    ),
)

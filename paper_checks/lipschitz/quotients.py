r"""Proven lower bounds on Lipschitz constants, and the claims that no bound may be below them.

quotient   |f(x + d) - f(x)| / |d| at floats x and d found by attack, in ball arithmetic: below the
           constant of the real function itself
gain       the norm of one pattern of slopes, from the best of many: below FGL, and so below every
           bound of LipSDP
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any

from paper_checks.core import BOTH, Case, Computed, Level
from paper_checks.lipschitz.brackets import Bracket, lower, upper
from paper_checks.rules import proof
from paper_checks.verdict import Checked, Verdict

if TYPE_CHECKING:
    from theory.lipschitz.network import Network, Stage

_BITS = 256
_STARTS = 8
_SAME = Fraction(1, 10**6)


def above(
    label: str,
    observed: Callable[[], Fraction],
    bounds: Callable[[], Fraction],
    wrong: Mapping[str, Callable[[], Fraction]],
    levels: tuple[Level, ...] = BOTH,
) -> Case:
    """A bound is at least what is proved; wrong bounds are below it."""

    def claimed(number: Callable[[], Fraction]) -> Callable[[], Bracket]:
        return lambda: Bracket(None, number())

    return Case(
        label,
        Computed(lambda: Bracket(observed(), None)),
        claimed(bounds),
        proof(_compared),
        {name: claimed(number) for name, number in wrong.items()},
        levels,
    )


def _compared(observed: Bracket, claimed: Bracket) -> Checked:
    assert observed.low is not None
    assert claimed.high is not None
    if claimed.high >= observed.low:
        return Verdict.PROVED, None
    return Verdict.REFUTED, {"proved": str(observed), "claimed": str(claimed)}


def certified(make: Callable[[], Network], method: str = "auto") -> Callable[[], Fraction]:
    """The certified bound of a network to be made."""
    return lambda: upper(make(), method)


def around(value: str | Fraction, part: Fraction = Fraction(1, 10**7)) -> tuple[Fraction, Fraction]:
    """The numbers within a relative `part` of a value."""
    number = Fraction(value)
    return number * (1 - part), number * (1 + part)


def bracket(network: Network, method: str = "lipsdp") -> Bracket:
    """The optimum of LipSDP, or NSR-full: from above by a method, from below by the dual."""
    low, high = lower(network, "lipsdp"), upper(network, method)
    if low > high:
        raise ValueError(f"{network}: the certified bound is below the dual; one of them is wrong.")
    return Bracket(low, high)


def same(
    label: str,
    make: Callable[[], Network],
    changed: Callable[[], Network],
    wrong: Mapping[str, Callable[[], Network]],
    factor: Fraction = Fraction(1),
    levels: tuple[Level, ...] = BOTH,
) -> Case:
    """The optima of two networks agree within 10^-6, up to a factor; those of others differ."""

    def of(one: Callable[[], Network], scale: Fraction = Fraction(1)) -> Callable[[], Bracket]:
        def scaled() -> Bracket:
            found = bracket(one())
            assert found.low is not None
            assert found.high is not None
            return Bracket(found.low * scale, found.high * scale)

        return scaled

    return Case(
        label,
        Computed(of(changed)),
        of(make, factor),
        proof(_agreeing),
        {name: of(one, factor) for name, one in wrong.items()},
        levels,
    )


def _agreeing(observed: Bracket, claimed: Bracket) -> Checked:
    assert observed.low is not None
    assert observed.high is not None
    assert claimed.low is not None
    assert claimed.high is not None
    least, most = observed.low / claimed.high, observed.high / claimed.low
    if least >= 1 - _SAME and most <= 1 + _SAME:
        return Verdict.PROVED, None
    if least > 1 + _SAME or most < 1 - _SAME:
        return Verdict.REFUTED, {"proved": str(observed), "claimed": str(claimed)}
    return Verdict.INCONCLUSIVE, None


# --- difference quotients ------------------------------------------------------------------------


@cache
def quotient(network: Network, seed: int = 1) -> Fraction:
    """A proven lower end of the l2 constant, by the attack of `theory.lipschitz.lower`."""
    from flint import arb, arb_mat

    from theory.lipschitz.lower import lower_bound
    from theory.rigor.balls import ends, precision

    found = lower_bound(network, samples=200, iterations=50, seed=seed)
    # Of an implicit network a direction is found, not a step.
    step = 2.0**-12 if network.is_implicit else 1.0
    with precision(_BITS):
        x = arb_mat([[number] for number in found.point.tolist()])
        d = arb_mat([[step * number] for number in found.direction.tolist()])
        moved = value(network, x + d) - value(network, x)
        squares = [sum((y * y for y in part.entries()), arb(0)) for part in (moved, d)]
        return max(ends(squares[0].sqrt() / squares[1].sqrt())[0], Fraction(0))


def value(network: Network, x: Any) -> Any:
    """f at the column x, in balls."""
    for stage in network.stages:
        skip = None if stage.skip is None else _matrix(stage.skip) * x
        if stage.inner is None:
            x = _shifted(stage, skip)
            continue
        e = _activated(stage, _shifted(stage, _matrix(stage.inner) * x))
        e = e if stage.outer is None else _matrix(stage.outer) * e
        x = e if skip is None else skip + e
    return x


def _shifted(stage: Stage, v: Any) -> Any:
    from flint import arb_mat

    return v if stage.bias is None else v + arb_mat([[b] for b in stage.bias.tolist()])


def _matrix(weights: Any) -> Any:
    from flint import arb_mat

    from theory.lipschitz.network import dense

    return arb_mat(dense(weights).tolist())


def _activated(stage: Stage, v: Any) -> Any:
    from flint import arb_mat

    kind = stage.activation
    assert kind is not None
    if stage.loop is not None:
        return _solved(stage, v)
    numbers, g = v.entries(), kind.group_size
    if kind.kind == "slopes":
        return arb_mat([[y] for y in _units(stage, numbers)])
    images: list[Any] = []
    for start in range(0, len(numbers), g):
        group = numbers[start : start + g]
        images += (
            _ordered(group) if kind.kind == "group_sort" else _reflected(kind.direction, group)
        )
    return arb_mat([[y] for y in images])


def _units(stage: Stage, numbers: list[Any]) -> list[Any]:
    """tanh, or a bend at 0 between the slopes of each unit."""
    kind = stage.activation
    assert kind is not None
    if kind.name == "tanh":
        return [v.tanh() for v in numbers]
    if kind.name.partition(":")[0] not in ("relu", "leaky_relu", "abs"):
        raise ValueError(f"{kind.name} is not evaluated in balls here.")
    assert stage.lower is not None
    assert stage.upper is not None
    slopes = zip(stage.lower.tolist(), stage.upper.tolist(), numbers, strict=True)
    return [v * (high if _positive(v) else low) for low, high, v in slopes]


def _positive(v: Any) -> bool:
    if not (v > 0 or v < 0 or v == 0):
        raise ValueError("a pre-activation is too close to a kink for its ball.")
    return bool(v > 0)


def _ordered(group: list[Any]) -> list[Any]:
    """Ascending, by insertion."""
    done: list[Any] = []
    for v in group:
        place = sum(not _positive(other - v) for other in done)
        done.insert(place, v)
    return done


def _reflected(direction: tuple[float, ...], group: list[Any]) -> list[Any]:
    from flint import arb

    u = [arb(x) for x in direction]
    along = sum((x * v for x, v in zip(u, group, strict=True)), arb(0))
    if _positive(along):
        return group
    back = 2 * along / sum((x * x for x in u), arb(0))
    return [v - x * back for x, v in zip(u, group, strict=True)]


def _solved(stage: Stage, v: Any) -> Any:
    """e = relu(J e + v): solved for the pattern of an iteration in floats, which is then proved."""
    import numpy as np
    from flint import arb_mat

    from theory.lipschitz.network import dense

    assert stage.activation is not None
    if stage.activation.name != "relu":
        raise ValueError("implicit layers are evaluated in balls for ReLU only.")
    j = dense(stage.loop)
    constant = np.array([float(y.mid()) for y in v.entries()])
    e = np.zeros(len(j))
    for _ in range(500):
        e = np.maximum(j @ e + constant, 0.0)
    on = j @ e + constant > 0
    masked = [
        [int(a == b) - (x if on[a] else 0.0) for b, x in enumerate(row)]
        for a, row in enumerate(j.tolist())
    ]
    right = arb_mat([[y * int(keep)] for y, keep in zip(v.entries(), on, strict=True)])
    solution = arb_mat(masked).solve(right)
    inside = _matrix(j) * solution + v
    if [_positive(y) for y in inside.entries()] != on.tolist():
        raise ValueError("the pattern of the implicit layer is not proved.")
    return solution


# --- patterns ------------------------------------------------------------------------------------


@cache
def gain(network: Network) -> Fraction:
    """A proven lower end of FGL: the best pattern of several ascents with one column.

    For units with slopes, MaxMin and Householder.
    """
    from theory.lipschitz.dual_balls import dual_lower

    return max(dual_lower(network, rank=1, iterations=200, seed=seed) for seed in range(_STARTS))


def attacked(make: Callable[[], Network]) -> Callable[[], Fraction]:
    """The quotient of a network to be made."""
    return lambda: quotient(make())


def gained(make: Callable[[], Network]) -> Callable[[], Fraction]:
    """The gain of a network to be made."""
    return lambda: gain(make())

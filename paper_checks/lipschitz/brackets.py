"""Proven intervals of bounds and of their ratios, and the cases decided by them.

From above: a certificate that its checker accepts.  From below: a point of the dual, in ball
arithmetic.  All numbers are exact fractions from there on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from paper_checks.core import BOTH, Case, Computed, Level
from paper_checks.rules import proof
from paper_checks.verdict import Checked, Verdict

if TYPE_CHECKING:
    from theory.lipschitz.network import Network

Named: TypeAlias = "Callable[[], Network]"
"""A network, made when it is needed; equal calls give the same object."""
End: TypeAlias = "str | float | Fraction | Callable[[], Fraction] | None"
"""An end of an interval, text or float as decimal, or computed when needed; None: open."""

NETWORKS = Path(__file__).resolve().parent / "networks"
RELAXATIONS = {
    "lipsdp": "exact",
    "nsr-full": "exact",
    "nsr-diag": "diagonal",
    "lambda-only": "lipschitz",
    "rr": "exact",
}
"""Method -> its relaxation in `theory.lipschitz.dual_balls`."""
TOLERANCE = 1e-7


@dataclass(frozen=True)
class Bracket:
    """All that is proved of a number: it is in [low, high]; None is an open end."""

    low: Fraction | None
    high: Fraction | None

    def __str__(self) -> str:
        ends = (
            "-inf" if self.low is None else f"{float(self.low):.12g}",
            "inf" if self.high is None else f"{float(self.high):.12g}",
        )
        return f"[{ends[0]}, {ends[1]}]"


def stated(low: End, high: End) -> Bracket:
    """The interval that a claim states."""
    from theory.rigor.balls import exact

    ends = (end() if callable(end) else end for end in (low, high))
    return Bracket(*(None if end is None else exact(end) for end in ends))


def within(
    label: str,
    observed: Callable[[], Bracket],
    low: End,
    high: End,
    mutants: Mapping[str, tuple[End, End]] | None = None,
    levels: tuple[Level, ...] = BOTH,
) -> Case:
    """A number, of which `observed` is proved, lies in [low, high]; mutants state other ends."""
    return Case(
        label=label,
        observe=Computed(observed),
        predict=partial(stated, low, high),
        rule=proof(_contained),
        mutants={name: partial(stated, *ends) for name, ends in (mutants or {}).items()},
        levels=levels,
    )


def _contained(observed: Bracket, claimed: Bracket) -> Checked:
    low, high = observed.low, observed.high
    left = claimed.low is None or (low is not None and low >= claimed.low)
    right = claimed.high is None or (high is not None and high <= claimed.high)
    if left and right:
        return Verdict.PROVED, None
    below = claimed.low is not None and high is not None and high < claimed.low
    above = claimed.high is not None and low is not None and low > claimed.high
    if below or above:
        return Verdict.REFUTED, {"proved": str(observed), "claimed": str(claimed)}
    return Verdict.INCONCLUSIVE, None


def exactly(value: Fraction) -> Bracket:
    """A number known exactly."""
    return Bracket(value, value)


def ratio(above: Bracket, below: Bracket) -> Bracket:
    """A quotient of two positive numbers."""
    assert below.low is not None
    low = None if above.low is None or below.high is None else above.low / below.high
    return Bracket(low, None if above.high is None else above.high / below.low)


# --- networks ----------------------------------------------------------------------------------


@cache
def random_network(seed: int, widths: tuple[int, ...], activation: str = "relu") -> Network:
    """W_k = N(0, 1) / sqrt(fan-in), layer after layer, from numpy's default_rng(seed)."""
    from paper_checks.lipschitz.conic_values import random_weights
    from theory.lipschitz.network import Network

    return Network(random_weights(seed, widths), activation)


@cache
def trained(name: str) -> Network:
    """A network that `paper_checks.lipschitz.train` has trained on digits."""
    from theory.lipschitz.loading import load_network

    return load_network(NETWORKS / f"{name}.safetensors")


# --- brackets ----------------------------------------------------------------------------------


@cache
def upper(network: Network, method: str = "auto", norm: str = "l2") -> Fraction:
    """A bound with a certificate, checked here once more."""
    from theory.lipschitz.bounds import bound
    from theory.lipschitz.certificate import verify_certificate

    found = bound(network, norm, method, TOLERANCE)
    if found.certificate is None or not verify_certificate(network, found.certificate).valid:
        raise ValueError(f"no certificate for {network} by {method}: {found.note}")
    return Fraction(found.upper)


@cache
def lower(network: Network, method: str, norm: str = "l2") -> Fraction:
    """What the optimum of the method's relaxation cannot be below."""
    from theory.lipschitz.dual_balls import dual_lower
    from theory.lipschitz.relaxations import as_residual_relu

    seen = as_residual_relu(network) if method == "rr" else network
    return dual_lower(seen, norm, RELAXATIONS[method], iterations=1500)


def optimum(network: Network, method: str, norm: str = "l2") -> Bracket:
    """The optimum of a method; the one of nsr-diag is proved from below only.

    Its multipliers prove a smaller bound than its own, see `theory.lipschitz.classical`.
    """
    above = None if method == "nsr-diag" else upper(network, method, norm)
    return Bracket(lower(network, method, norm), above)


def quotient(make: Named, above: str, below: str, norm: str = "l2") -> Bracket:
    """Optimum of one method over that of another, for one network."""
    network = make()
    return ratio(optimum(network, above, norm), optimum(network, below, norm))


def value(make: Named, method: str, norm: str = "l2") -> Bracket:
    """The optimum of a method, from both sides."""
    return optimum(make(), method, norm)


def named(maker: Any, *arguments: Any) -> Named:
    """A network to be made later."""
    return partial(maker, *arguments)

"""Everything that is known of the Lipschitz constant of one network, from below and from above.

    sampled gradients  <=  attack  <=  the constant  <=  patterns  <=  certified bound
                                      pattern found  <=  patterns    dual <= optimum <= certified

The effort of the lower bounds is cut for large networks, see `WORK`; each is valid at any effort.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from simulations.arrays import NOTHING, Array, Held
from simulations.core import Estimate, Job, run
from simulations.lipschitz.bracket import Show
from simulations.lipschitz.gradients import GRADIENT
from simulations.lipschitz.networks import held
from simulations.lipschitz.params import Params

if TYPE_CHECKING:
    from theory.lipschitz.bounds import Bound
    from theory.lipschitz.network import Network

WORK = 3e10
"""Multiplications that each of the lower bounds may take, about; a few seconds."""
MOST_POINTS, MOST_DRAWS, MOST_SAMPLES = 2048, 100, 1000
ATTACK_PASSES, ROUNDING_PASSES = 900, 120
"""Sweeps through the network that one point of the attack, or one draw of a pattern, takes."""
MOST_LOG = 300.0
"""Logarithms of constants beyond which floats may overflow on the way."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one method says, or why it says nothing."""

    method: str
    bound: Bound | None
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Below:
    """Lower bounds; nan where there is none."""

    attack: float
    """On the constant: a difference quotient that was found."""
    log_pattern: float
    """Logarithm of a lower bound on the largest gain over activation patterns."""
    gradient: Estimate | None
    """Mean norm of the Jacobians at random points."""
    largest: Estimate | None
    """The largest of them."""


def methods_of(network: Network, text: str) -> list[str]:
    """The methods that a word of the command line names; ValueError for an unknown one."""
    from theory.lipschitz.bounds import METHODS

    if text == "all":
        return list(METHODS)
    words = text.split(",")
    for word in words:
        if word != "auto" and word not in METHODS:
            raise ValueError(
                f'--method must be auto, all or some of {", ".join(METHODS)}; got "{word}".'
            )
    if len(set(words)) < len(words):
        raise ValueError(f'--method names one twice; got "{text}".')
    return words


def above(
    network: Network, norm: str, methods: list[str], tolerance: float, show: Show
) -> list[Outcome]:
    """The bound of each method; where there are several, those that do not apply say why."""
    from theory.lipschitz.bounds import bound

    found = []
    for method in methods:
        try:
            one = bound(network, norm, method, tolerance, progress=show(method))
            found.append(Outcome(one.method, one))
        except (ValueError, MemoryError) as error:
            if len(methods) == 1 and isinstance(error, ValueError):
                raise
            reason = "it does not fit into memory."
            found.append(
                Outcome(method, None, reason if isinstance(error, MemoryError) else str(error))
            )
    return found


def best_of(outcomes: list[Outcome]) -> Bound:
    """The least certified bound; where there is none, the least that is believed."""
    bounds = [o.bound for o in outcomes if o.bound is not None]
    if not bounds:
        raise ValueError("no method applies: " + "; ".join(o.reason for o in outcomes))
    return min(bounds, key=lambda b: (b.log_upper, math.inf if b.certified else b.estimate))


def dual_of(outcomes: list[Outcome]) -> float:
    """Logarithm of the dual value of the best bound, or else of the tightest relaxation asked."""
    best = best_of(outcomes)
    if not math.isnan(best.log_dual):
        return best.log_dual
    duals = [o.bound.log_dual for o in outcomes if o.bound and not math.isnan(o.bound.log_dual)]
    return min(duals, default=math.nan)


def below(
    network: Network, norm: str, inputs: Array | None, samples: int | None, seed: int, log: float
) -> Below:
    """Lower bounds by attack, rounding and sampling; `log` of an upper bound says if floats do."""
    from theory.lipschitz.rounding import log_rounded

    size = _weights(network)
    try:
        draws = _within(WORK / (2 * ROUNDING_PASSES * size), 8, MOST_DRAWS)
        log_pattern = log_rounded(network, norm, seed=seed, draws=draws)
    except ValueError:  # a loop
        log_pattern = math.nan
    if not abs(log) < MOST_LOG:
        return Below(math.nan, log_pattern, None, None)
    gradient, largest = _sampled(network, norm, inputs, samples, seed, size)
    return Below(_attack(network, norm, inputs, seed, size), log_pattern, gradient, largest)


def _attack(network: Network, norm: str, inputs: Array | None, seed: int, size: int) -> float:
    from theory.lipschitz.lower import lower_bound

    scale = 1.0
    if inputs is not None:
        scale = float(inputs.std()) or 1.0
        inputs = inputs[: _within(WORK / (2 * ATTACK_PASSES * size), 4, MOST_POINTS)]
    return lower_bound(network, norm, inputs, scale=scale, seed=seed).value


def _sampled(
    network: Network, norm: str, inputs: Array | None, samples: int | None, seed: int, size: int
) -> tuple[Estimate | None, Estimate | None]:
    if samples is None:
        side = min(network.inputs, network.outputs)
        samples = _within(WORK / (2 * size * side), 8, MOST_SAMPLES)
    if samples == 0 or network.is_implicit:
        return None, None
    kind: Any = norm
    table = NOTHING if inputs is None else Held([inputs])
    job = Job(GRADIENT, Params(network=held(network), norm=kind, table=table), samples)
    try:
        (result,) = run([job], seed)
    except ValueError:  # a Jacobian left the range of floats
        return None, None
    gradient, largest = result["gradient"], result["largest"]
    assert isinstance(gradient, Estimate), "a mean"
    assert isinstance(largest, Estimate), "a number"
    return gradient, largest


def _within(number: float, least: int, most: int) -> int:
    return int(np.clip(number, least, most))


def _weights(network: Network) -> int:
    """Multiplications of one pass through the network."""
    matrices = (m for s in network.stages for m in (s.skip, s.inner, s.outer, s.loop))
    return sum(getattr(m, "nnz", m.size) for m in matrices if m is not None) or 1

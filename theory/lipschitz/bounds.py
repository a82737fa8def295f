"""Certified Lipschitz bounds: one function for all methods."""

import importlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from theory.display import table
from theory.lipschitz import display
from theory.lipschitz.candidate import Candidate
from theory.lipschitz.certificate import Certificate, certify
from theory.lipschitz.network import Network
from theory.lipschitz.solver import WIDEST

METHODS = {
    "product": "product of the norms of the matrices",
    "eclipse-fast": "closed-form multipliers, one per layer (slopes)",
    "lambda-only": "one multiplier per unit or group, only that it is Lipschitz",
    "nsr-diag": "LipSDP-NSR with S = P = 0, as published (MaxMin, GroupSort, Householder)",
    "nsr-full": "LipSDP-NSR at its optimum (MaxMin, GroupSort, Householder)",
    "rr": "LipSDP of MaxMin written as a residual ReLU network",
    "lipsdp": "LipSDP by vector-neuron ascent; for groups the same as nsr-full",
    "interior-point": "LipSDP by a dense interior-point method, up to about 1500 units",
    "fgl": "largest norm over all activation patterns, by enumeration",
}
"""Every method and what it is."""

_WHERE = {
    "product": "classical:product",
    "eclipse-fast": "classical:eclipse_fast",
    "lambda-only": "classical:lambda_only",
    "nsr-diag": "classical:nsr_diag",
    "nsr-full": "solver:lipsdp",
    "rr": "classical:rr",
    "lipsdp": "solver:lipsdp",
    "interior-point": "interior_point:interior_point",
    "fgl": "patterns:fgl",
}
NORMS = ("l2", "linf")
_ASCENT = ("lipsdp", "nsr-full")
_OPTIONS = ("rank", "iterations", "precision", "seed", "progress")
# Factors (1 + slack)^(2 (S - k)) that are tried on multipliers that leave no room for a proof.
_SLACKS = (0.0, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4)


@dataclass(frozen=True, eq=False)
class Bound:
    """What is known of the Lipschitz constant of a network."""

    upper: float
    """Certified bound, rounded up; inf where nothing is certified."""
    dual: float
    """Lower bound on the optimum of the relaxation (not on the constant); nan without one."""
    method: str
    norm: str
    certificate: Certificate | None
    iterations: int
    seconds: float
    log_upper: float
    """Natural logarithm of `upper`, also where `upper` is 0 or inf in floats."""
    log_dual: float
    estimate: float
    """What the solver believes before the proof; not a bound."""
    note: str = ""
    """Why the certificate is none or weaker than the method, in one line."""
    history: tuple[tuple[int, float, float], ...] = ()
    """(iteration, log dual, log upper) while the bracket closed."""

    @property
    def certified(self) -> bool:
        """Whether `upper` is proved."""
        return self.certificate is not None

    @property
    def gap(self) -> float:
        """upper / dual - 1; nan where the method has no dual value."""
        return math.expm1(self.log_upper - self.log_dual) if self.upper > 0 else 0.0

    def __repr__(self) -> str:
        return f"Bound({display.bound_title(self)})"

    def _repr_html_(self) -> str:
        return table("Bound on a Lipschitz constant", display.bound_rows(self))


def bound(
    network: Network,
    norm: str = "l2",
    method: str = "auto",
    tolerance: float = 1e-4,
    **options: Any,
) -> Bound:
    """A certified bound on the Lipschitz constant of `network`.

    `norm`: "l2", or "linf" for l_inf -> |.| with one output and l_inf -> l_1 with several.
    `method`: a key of METHODS, or "auto": "lipsdp", "nsr-full" for groups, "interior-point" for
    implicit networks.  `tolerance`: relative width of the bracket of the optimum.  `options` are
    for the ascent (see `theory.lipschitz.solver.lipsdp`: rank, iterations, precision, seed,
    progress); other methods have none.  The bound holds for the exact real network that the float
    weights define.  Raises ValueError for an unknown norm, method or option, a tolerance not in
    (0, 1), and a network the method does not take.
    """
    if norm not in NORMS:
        raise ValueError(f"norm must be one of {', '.join(NORMS)}; not {norm!r}.")
    if method != "auto" and method not in METHODS:
        raise ValueError(f"method must be auto or one of {', '.join(METHODS)}; not {method!r}.")
    if not isinstance(tolerance, int | float) or not 0 < tolerance < 1:
        raise ValueError(f"tolerance must be between 0 and 1, not {tolerance!r}.")
    if unknown := sorted(set(options) - set(_OPTIONS)):
        raise ValueError(f"unknown option {unknown[0]!r}; known: {', '.join(_OPTIONS)}.")
    chosen = _chosen(network) if method == "auto" else method
    _suits(network, chosen)
    start = time.perf_counter()
    solve = _method(chosen)
    if chosen in _ASCENT:
        candidate = solve(network, norm, tolerance, **options)
    else:
        candidate = solve(network, norm) if chosen == "fgl" else solve(network, norm, tolerance)
    certificate, note = certified(network, candidate)
    if certificate is None and chosen in _ASCENT:
        certificate, _ = certified(network, _method("product")(network, norm))
        note += "" if certificate is None else " The certified bound is the product of norms."
    return _result(candidate, certificate, note, chosen, time.perf_counter() - start)


def _chosen(network: Network) -> str:
    if network.is_implicit:
        return "interior-point"
    return "lipsdp" if network.kinds <= {"slopes"} else "nsr-full"


def _suits(network: Network, method: str) -> None:
    if method == "nsr-full" and network.kinds <= {"slopes"}:
        raise ValueError(
            "method nsr-full is for MaxMin, GroupSort and Householder; this network has none:"
            " use lipsdp."
        )


def _method(name: str) -> Callable[..., Candidate]:
    module, _, function = _WHERE[name].partition(":")
    found: Callable[..., Candidate] = getattr(
        importlib.import_module(f"theory.lipschitz.{module}"), function
    )
    return found


def certified(network: Network, candidate: Candidate) -> tuple[Certificate | None, str]:
    """The proof with the least inflation of the multipliers that lets it pass."""
    if math.isnan(candidate.log_value) or candidate.log_value == math.inf:
        return None, (
            f"no bound from multipliers: a layer has more than {WIDEST} units."
            if any(max(stage.units, stage.outputs) > WIDEST for stage in network.stages)
            else "the multipliers do not prove a bound yet; more iterations may."
        )
    note = ""
    for slack in _SLACKS:
        try:
            certificate = certify(network, _inflated(candidate, slack))
        except MemoryError:
            return None, "the certificate needs dense blocks that do not fit into memory."
        if certificate is not None:
            return _at_least(certificate, candidate.log_value), ""
        note = "the multipliers leave no room for rounding; a smaller tolerance may help."
    return None, note


def _at_least(certificate: Certificate, log_value: float) -> Certificate:
    """The certificate of the method's own value, where its multipliers would prove a smaller one.

    A larger input matrix is above the storage matrix too.  The multipliers of NSR-diag, for
    example, are also multipliers of NSR-full.
    """
    short = log_value - certificate.log2_upper * math.log(2.0)
    if certificate.relaxation in ("norms", "patterns") or not 1e-9 < short < 300:
        return certificate
    return replace(certificate, input=certificate.input * math.exp(2 * short))


def _inflated(candidate: Candidate, slack: float) -> Candidate:
    if not slack:
        return candidate
    count = len(candidate.multipliers)
    return replace(
        candidate,
        multipliers=tuple(
            None if numbers is None else numbers * (1 + slack) ** (2 * (count - k))
            for k, numbers in enumerate(candidate.multipliers)
        ),
    )


def _result(
    candidate: Candidate, certificate: Certificate | None, note: str, method: str, seconds: float
) -> Bound:
    if certificate is None:
        upper = log_upper = math.inf
    else:
        upper = certificate.upper
        log_upper = certificate.log2_upper * math.log(2.0)
    with np.errstate(over="ignore", under="ignore"):
        estimate, dual = (float(np.exp(x)) for x in (candidate.log_value, candidate.log_dual))
    return Bound(
        upper=upper,
        dual=dual,
        method=method,
        norm=candidate.norm,
        certificate=certificate,
        iterations=candidate.iterations,
        seconds=seconds,
        log_upper=log_upper,
        log_dual=candidate.log_dual,
        estimate=estimate,
        note=note,
        history=candidate.history,
    )

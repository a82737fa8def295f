"""What a method hands over: multipliers that are believed to prove a bound."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

Vector = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, eq=False)
class Candidate:
    """A bound that is not yet proved, in the units and conventions of `Certificate`."""

    norm: str
    """"l2" or "linf"."""
    relaxation: str
    """"exact", "lipschitz", "rr", "norms" or "patterns"."""
    log_value: float
    """Natural logarithm of the bound (of the Lipschitz constant, not of its square)."""
    exponents: tuple[int, ...]
    """c_0 = 0, ..., c_S: the signal after stage k is 2^c_k times the scaled one."""
    input: Vector
    """l2: rho; linf: mu, one number per input; "norms": bounds of the single matrices."""
    output: Vector
    """Diagonal of the last storage matrix."""
    multipliers: tuple[Vector | None, ...]
    """Per stage, one per unit or group; None for a linear stage."""
    log_dual: float = math.nan
    """Logarithm of a lower bound on the optimum of the relaxation; nan where there is none."""
    iterations: int = 0
    history: tuple[tuple[int, float, float], ...] = ()
    """(iteration, log_dual, log_value) at every check of the bracket."""

"""Powers of two that bring the signals of a network, and multipliers for it, to order 1."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from theory.lipschitz.candidate import Candidate
from theory.lipschitz.network import Network
from theory.lipschitz.reductions import norm_estimate

_FAR = 2.0**18

Vector = np.ndarray[Any, np.dtype[np.float64]]


def stage_exponents(network: Network) -> tuple[int, ...]:
    """c_0 = 0, c_1, ...: 2^c_k is about the product of the norms of the first k stages."""
    exponents = [0]
    for stage in network.stages:
        size = 0.0 if stage.skip is None else norm_estimate(stage.skip)
        if stage.inner is not None:
            outer = 1.0 if stage.outer is None else norm_estimate(stage.outer)
            size += outer * norm_estimate(stage.inner)
        exponents.append(exponents[-1] + (round(math.log2(size)) if size > 0 else 0))
    return tuple(exponents)


def packed(candidate: Candidate) -> Candidate:
    """The same with exponents that make input, output and the multipliers of order 1.

    The signals after stage k become 2^d_k times smaller, the form as a whole 4^d_0 times.  Of
    units that are constant (inf: the larger the better), unread (0: the smaller) or linear (nan:
    no matter) the multipliers become far larger or smaller than those of the others, or the median.
    """
    base = _log4(candidate.input)
    last = base - _log4(candidate.output)
    shifts = [0]
    multipliers: list[Vector | None] = []
    for numbers in candidate.multipliers:
        if numbers is None:
            shifts.append(shifts[-1])
            multipliers.append(None)
            continue
        known = numbers[np.isfinite(numbers) & (numbers > 0)]
        median = float(np.median(known)) if known.size else 1.0
        shifts.append(base - _log4(np.array([median])))
        least, most = (known.min(), known.max()) if known.size else (1.0, 1.0)
        numbers = np.where(np.isnan(numbers), median, numbers)
        numbers = np.where(numbers == 0, least / _FAR, numbers)
        multipliers.append(np.where(np.isposinf(numbers), most * _FAR, numbers))
    shifts[-1] = last
    each = [
        None if part is None else np.ldexp(part, 2 * (shift - base))
        for part, shift in zip(multipliers, shifts[1:], strict=True)
    ]
    return replace(
        candidate,
        exponents=tuple(c + d for c, d in zip(candidate.exponents, shifts, strict=True)),
        input=np.ldexp(candidate.input, -2 * base),
        output=np.ldexp(candidate.output, 2 * (last - base)),
        multipliers=tuple(each),
    )


def _log4(numbers: Vector) -> int:
    return round(math.log2(float(numbers.max())) / 2)

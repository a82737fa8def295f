"""Bounds of small networks for the tests of the methods."""

import itertools
import math

import numpy as np

from theory.lipschitz.classical import lambda_only, nsr_diag, rr
from theory.lipschitz.interior_point import interior_point

# Both solvers stop at a relative gap of 1e-7; the conic one misses it on some programs.
CLOSE = 1e-6


def random_weights(seed, dims):
    rng = np.random.default_rng(seed)
    pairs = itertools.pairwise(dims)
    return [rng.standard_normal((out, into)) / math.sqrt(into) for into, out in pairs]


def random_residual():
    rng = np.random.default_rng(6)
    first = rng.standard_normal((6, 4)) / 2
    blocks = [rng.standard_normal((6, 6)) / math.sqrt(6) for _ in range(3)]
    return first, blocks, rng.standard_normal((2, 6)) / math.sqrt(6)


def random_implicit():
    rng = np.random.default_rng(5)
    loop = 0.4 * rng.standard_normal((8, 8)) / math.sqrt(8)
    return loop, rng.standard_normal((8, 4)), rng.standard_normal((3, 8))


def value(method, network, norm="l2"):
    """The bound, after checks that every candidate must pass."""
    candidate = method(network, norm, 1e-7)
    assert len(candidate.exponents) == len(candidate.multipliers) + 1
    if method in (interior_point, lambda_only, nsr_diag, rr):
        gap = candidate.log_value - candidate.log_dual
        assert -1e-12 <= gap <= 1.1e-7
    return math.exp(candidate.log_value)

"""A user's own inputs: only their Gram matrix enters the law of a network."""

from __future__ import annotations

import numpy as np

from simulations.arrays import read_matrix
from simulations.commutation.params import MAX_INPUTS, Gram


def read_gram(path: str) -> Gram:
    """<a, b> / d for the rows of the array (inputs, dimension) in a .npy file.

    Raises ValueError, in one line, for a file that cannot be read or holds anything else.
    """
    x = read_matrix("--inputs", path, "inputs", at_most=MAX_INPUTS)
    with np.errstate(over="ignore", under="ignore"):
        gram = [[float(np.sum(a * b) / x.shape[1]) for b in x] for a in x]
    for row, values in enumerate(gram):
        q = values[row]
        if not 1e-8 <= q <= 1e8:
            raise ValueError(
                f"--inputs: row {row + 1} of {path} has mean square {q:g}; scale the inputs so "
                "that every row has one from 1e-8 to 1e8."
            )
    return tuple(map(tuple, gram))

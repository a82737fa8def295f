"""A user's own inputs: only their Gram matrix enters the law of a network."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from simulations.commutation.params import MAX_INPUTS, Gram


def read_gram(path: str) -> Gram:
    """<a, b> / d for the rows of the array (inputs, dimension) in a .npy file.

    Raises ValueError, in one line, for a file that cannot be read or holds anything else.
    """
    try:
        x = np.load(Path(path), mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise ValueError(f"--inputs: cannot read {path}: {error.strerror or error}.") from None
    except (ValueError, EOFError) as error:
        objects = "Object arrays" in str(error) or "Python objects" in str(error)
        what = "an array of Python objects" if objects else "not a .npy file"
        raise ValueError(
            f"--inputs: {path} is {what}; write it with numpy.save from an array of numbers."
        ) from None
    if not isinstance(x, np.ndarray):
        raise ValueError(f"--inputs: {path} holds several arrays; write one with numpy.save.")
    if x.dtype.kind not in "fiu":
        raise ValueError(f"--inputs: {path} holds {x.dtype}, not real numbers.")
    if x.ndim != 2 or 0 in x.shape:
        raise ValueError(f"--inputs: {path} has shape {x.shape}; it must be (inputs, dimension).")
    if len(x) > MAX_INPUTS:
        raise ValueError(f"--inputs: {path} has {len(x)} inputs; at most {MAX_INPUTS} are taken.")
    return _gram(path, np.asarray(x, dtype=np.float64))


def _gram(path: str, x: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> Gram:
    if not np.all(np.isfinite(x)):
        row, column = np.argwhere(~np.isfinite(x))[0]
        raise ValueError(
            f"--inputs: {path} holds {x[row, column]} in row {row + 1}, column {column + 1}."
        )
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

"""Points of a user's own: read in blocks from a .npy file that is not trusted, and held or mapped.

A small matrix travels to the workers; of a large file its path and digest do, and each worker maps
it into memory for itself.  Either way it is kept in the type of the file, and only blocks of rows
become float64.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from simulations.arrays import Array, Held, read_array

NAMED = {"digits": "load_digits", "wine": "load_wine", "breast-cancer": "load_breast_cancer"}
"""Data sets of scikit-learn."""
HELD_BYTES = 1 << 22
"""Larger matrices stay in their file."""
BLOCK_BYTES = 1 << 25
"""A block of rows as float64."""
MAX_COLUMNS = 100_000
LARGEST = 1e100
"""Squares of distances have to be finite."""


class Mapped(Held):
    """A matrix that stays in its file; the text is the digest of what the file held when read.

    ValueError where the file is opened, by a worker for example, and holds something else.
    """

    def __new__(cls, path: str, digest: str = "", source: str = "") -> Mapped:
        """Map the file, which has been checked where no digest is given."""
        x = _opened(path, digest)
        self = str.__new__(cls, digest or _digest(x))
        self.arrays, self.names, self.source = (x,), (path,), source or path
        return self

    def __getnewargs__(self) -> tuple[Any, ...]:
        return self.names[0], str(self), self.source

    def __getstate__(self) -> None:  # the arrays are not to travel
        return None


def read_points(option: str, word: str, rows: str = "points") -> Held:
    """The matrix (rows, dimension) in a .npy file, or one of the sets in NAMED.

    Raises ValueError, in one line, for a file that cannot be read or holds anything else.
    """
    if word in NAMED:
        return Held([_named(option, word)], source=word)
    x = read_array(option, word)
    if x.dtype.kind not in "fiu" or x.dtype.itemsize > 8:
        raise ValueError(f"{option}: {word} holds {x.dtype}, not real numbers.")
    if x.ndim != 2 or 0 in x.shape:
        raise ValueError(f"{option}: {word} has shape {x.shape}; it must be ({rows}, dimension).")
    if x.shape[1] > MAX_COLUMNS:
        raise ValueError(f"{option}: {word} has {x.shape[1]} columns; at most {MAX_COLUMNS}.")
    for start, block in _blocks(x):
        good = np.abs(block) <= LARGEST  # and not NaN
        if not good.all():
            row, column = np.argwhere(~good)[0]
            raise ValueError(
                f"{option}: {word} holds {block[row, column]} in row {start + row + 1}, "
                f"column {column + 1}."
            )
    if x.nbytes > HELD_BYTES:
        return Mapped(str(Path(word).resolve()), source=word)
    return Held([np.array(x)], source=word)


def blocks(table: Held, most: int | None = None) -> Iterator[tuple[int, Array]]:
    """(first row, rows as float64) of the whole matrix, in blocks of bounded size."""
    return _blocks(table.arrays[0], most)


def rows(table: Held, which: Array) -> Array:
    """Rows of the matrix as float64, shape (len(which), dimension)."""
    found = np.asarray(table.arrays[0][which], dtype=np.float64)
    _release(table.arrays[0])
    return found


def _blocks(x: Array, most: int | None = None) -> Iterator[tuple[int, Array]]:
    step = max(1, BLOCK_BYTES // (8 * x.shape[1]))
    for start, part in _parts(x, min(step, most or step)):
        yield start, np.asarray(part, dtype=np.float64)


def _parts(x: Array, step: int) -> Iterator[tuple[int, Array]]:
    for start in range(0, len(x), step):
        yield start, x[start : start + step]
        _release(x)


def _release(x: Array) -> None:
    """Give back the pages that a mapped file was read into: they are read again where needed."""
    pages = getattr(x, "_mmap", None)
    if pages is not None and hasattr(mmap, "MADV_DONTNEED"):
        pages.madvise(mmap.MADV_DONTNEED)


@functools.lru_cache(maxsize=4)
def _opened(path: str, digest: str) -> Array:
    x = read_array("--data", path)
    if digest and _digest(x) != digest:
        raise ValueError(f"--data: {path} is not the file that it was when this run began.")
    return x


def _digest(x: Array) -> str:
    """That of `Held`, of one array, without a copy of it."""
    found = hashlib.sha256(f"{x.dtype.str} {x.shape}".encode())
    step = max(1, BLOCK_BYTES // (x.itemsize * x.shape[1]))
    for _, part in _parts(x, step):
        found.update(np.ascontiguousarray(part).data)
    return found.hexdigest()


def _named(option: str, word: str) -> Array:
    try:
        datasets = importlib.import_module("sklearn.datasets")
    except ImportError:
        raise ValueError(
            f"{option} {word} needs scikit-learn, the extra `data` of this package: "
            "pip install scikit-learn."
        ) from None
    x, _ = getattr(datasets, NAMED[word])(return_X_y=True)
    return np.asarray(x, dtype=np.float64)

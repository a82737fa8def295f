"""A user's arrays: read from a .npy file without trusting it, and held as a parameter."""

from __future__ import annotations

import hashlib
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from tokenize import TokenError
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"


class Held(str):
    """Arrays as one parameter: the text is the SHA-256 digest of what they hold.

    So parameters with equal arrays are equal, have the same identity and the same random stream,
    wherever the file lies; the arrays travel along to the workers.
    """

    arrays: tuple[Array, ...]
    names: tuple[str, ...]
    source: str
    """Where they come from, for people to read."""

    def __new__(
        cls, arrays: Sequence[Array] = (), names: Sequence[str] = (), source: str = ""
    ) -> Held:
        """Hold the arrays; none of them is the empty text."""
        digest = hashlib.sha256()
        for array in arrays:
            digest.update(f"{array.dtype.str} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        self = super().__new__(cls, digest.hexdigest() if arrays else "")
        self.arrays, self.names, self.source = tuple(arrays), tuple(names), source
        return self

    def __getnewargs__(self) -> tuple[Any, ...]:
        return self.arrays, self.names, self.source


NOTHING = Held()
"""No arrays."""


def read_matrix(option: str, path: str, rows: str, at_most: int | None = None) -> Array:
    """The float64 array (rows, dimension) in a .npy file.

    Raises ValueError, in one line, for a file that cannot be read or holds anything else.
    """
    return checked_matrix(option, path, rows, read_array(option, path), at_most)


def read_array(option: str, path: str) -> Array:
    """The array in a .npy file, of any shape and kind but Python objects.

    Raises ValueError, in one line, for a file that cannot be read or holds anything else.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # it was written by Python 2
            x = np.load(Path(path), mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise ValueError(f"{option}: cannot read {path}: {error.strerror or error}.") from None
    except (ValueError, EOFError, TokenError, OverflowError, zipfile.BadZipFile) as error:
        objects = "Object arrays" in str(error) or "Python objects" in str(error)
        what = "an array of Python objects" if objects else "not a .npy file"
        raise ValueError(
            f"{option}: {path} is {what}; write it with numpy.save from an array of numbers."
        ) from None
    if not isinstance(x, np.ndarray):
        raise ValueError(f"{option}: {path} holds several arrays; write one with numpy.save.")
    return x


def checked_matrix(
    option: str, path: str, rows: str, x: Array, at_most: int | None = None
) -> Array:
    """The array as float64, once it has been found to be a matrix of finite real numbers."""
    if x.dtype.kind not in "fiu":
        raise ValueError(f"{option}: {path} holds {x.dtype}, not real numbers.")
    if x.ndim != 2 or 0 in x.shape:
        raise ValueError(f"{option}: {path} has shape {x.shape}; it must be ({rows}, dimension).")
    if at_most is not None and len(x) > at_most:
        raise ValueError(f"{option}: {path} has {len(x)} {rows}; at most {at_most} are taken.")
    x = np.asarray(x, dtype=np.float64)
    if not np.all(np.isfinite(x)):
        row, column = np.argwhere(~np.isfinite(x))[0]
        raise ValueError(
            f"{option}: {path} holds {x[row, column]} in row {row + 1}, column {column + 1}."
        )
    return x

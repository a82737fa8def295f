"""Dense layers of a user's network, from a .safetensors or .npz file that is not trusted.

Matrices are weights, vectors their biases.  The layers act in the natural order of their names
(fc2 before fc10); a bias belongs to the matrix of the same name but for a last word such as weight,
kernel, bias, w or b, and where no names agree so, to the matrix before it.  A matrix is (out, in)
or (in, out), the same for all, whichever lets the shapes follow each other.  Pickled objects are
never loaded.
"""

from __future__ import annotations

import math
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any, Literal, NamedTuple, TypeAlias

import numpy as np

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"
Layout: TypeAlias = Literal["auto", "out-in", "in-out"]

MAX_BYTES = 1 << 31
"""More than this is not read: a compressed file may be far smaller than what it holds."""
MAX_ARRAYS = 10_000

UNSOUND = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
    NotImplementedError,
    RuntimeError,  # an encrypted member
    TokenError,  # a header of nonsense
)
"""What reading a damaged .npz file may raise."""

KINDS = {"weight", "weights", "kernel", "w", "bias", "biases", "b"}


class Layer(NamedTuple):
    """One dense layer, z = weight @ h + bias."""

    name: str
    weight: Array
    """(out, in), double precision."""
    bias: Array
    """(out,); zeros where the file has none."""


def read_layers(path: str, layout: Layout = "auto") -> tuple[Layer, ...]:
    """The dense layers of the file, in the order in which they act.

    Raises ValueError, in one line, for a file that cannot be read, holds anything else than dense
    layers that follow each other, or a number that is not finite, and where the shapes allow both
    layouts and `layout` does not say which.
    """
    found = {name: _checked(path, name, array) for name, array in _arrays(path).items()}
    names = sorted(found, key=_natural)
    matrices = [name for name in names if found[name].ndim == 2]
    if not matrices:
        raise _mistake(path, "holds no matrix, and so no dense layer.")
    biases = _biases(path, names, found)
    fitting = [kind for kind in ("out-in", "in-out") if _fits(found, matrices, biases, kind)]
    if layout != "auto":
        fitting = [kind for kind in fitting if kind == layout]
    if not fitting:
        raise _mistake(path, f"holds no chain of layers: {_break(found, matrices, biases)}")
    if len(fitting) == 2:
        raise _mistake(
            path,
            "has weights that could be (out, in) or (in, out); say which by --layout out-in "
            "(PyTorch) or in-out (Keras, Flax).",
        )
    layers = []
    for name in matrices:
        weight = found[name] if fitting == ["out-in"] else found[name].T
        bias = found[biases[name]] if name in biases else np.zeros(len(weight))
        layers.append(Layer(name, np.ascontiguousarray(weight), bias))
    return tuple(layers)


def _mistake(path: str, what: str) -> ValueError:
    return ValueError(f"--weights: {path} {what}")


def _arrays(path: str) -> dict[str, Array]:
    reader = {".safetensors": _safetensors, ".npz": _npz}.get(Path(path).suffix)
    if reader is None:
        raise ValueError(f'--weights must end in .safetensors or .npz; got "{path}".')
    try:
        size = Path(path).stat().st_size
        if Path(path).is_dir():
            raise ValueError(f"--weights: cannot read {path}: Is a directory.")
        if size > MAX_BYTES:
            raise _mistake(path, f"has {size} bytes; at most {MAX_BYTES} are read.")
        return reader(path)
    except OSError as error:
        raise ValueError(f"--weights: cannot read {path}: {error.strerror or error}.") from None


def _safetensors(path: str) -> dict[str, Array]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            names = list(file.keys())
            if len(names) > MAX_ARRAYS:
                raise _mistake(path, f"holds {len(names)} arrays; at most {MAX_ARRAYS} are read.")
            return {name: _tensor(path, file, name) for name in names}
    except SafetensorError as error:
        raise _mistake(path, f"is no sound .safetensors file: {_line(error)}.") from None


def _tensor(path: str, file: Any, name: str) -> Array:
    kind = file.get_slice(name).get_dtype()
    if kind not in ("F16", "F32", "F64"):
        raise _mistake(path, f'holds {kind} in "{name}"; save it as float32.')
    array: Array = file.get_tensor(name)
    return array


def _npz(path: str) -> dict[str, Array]:
    found: dict[str, Array] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            held = sum(member.file_size for member in members)
            if held > MAX_BYTES or len(members) > MAX_ARRAYS:
                raise OverflowError(
                    f"holds {held} bytes in {len(members)} arrays; that is too much."
                )
            for member in members:
                with archive.open(member) as file:
                    found[member.filename.removesuffix(".npy")] = read_member(file, member)
    except OverflowError as error:
        raise _mistake(path, str(error)) from None
    except UNSOUND as error:
        raise _mistake(path, f"is no sound .npz file of numbers: {_line(error)}.") from None
    return found


def read_member(file: IO[bytes], member: zipfile.ZipInfo, kinds: str = "f") -> Array:
    """The array of one member, once its header has been found to promise no more than is there.

    Raises ValueError for another `numpy.dtype.kind`, and any of UNSOUND for a damaged file.
    """
    version = np.lib.format.read_magic(file)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"{member.filename} has an unknown format")
    with warnings.catch_warnings(action="ignore"):  # it was written by Python 2
        shape, fortran, dtype = readers[version](file)
    if dtype.kind not in kinds:
        kind = "Python objects" if dtype.hasobject else str(dtype)
        raise ValueError(f"{member.filename} holds {kind}")
    bytes_needed = math.prod(shape) * dtype.itemsize
    if min(shape, default=1) < 0 or bytes_needed > member.file_size:
        raise ValueError(f"{member.filename} is too short for its shape {shape}")
    data = file.read(bytes_needed)
    if len(data) < bytes_needed:
        raise ValueError(f"{member.filename} is cut off")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")


def _line(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__).rstrip(".")[:160]


def _checked(path: str, name: str, array: Array) -> Array:
    if array.ndim not in (1, 2):
        raise _mistake(
            path,
            f'holds "{name}" of shape {array.shape}; only dense layers are read, matrices and '
            "the vectors of their biases.",
        )
    if 0 in array.shape:
        raise _mistake(path, f'holds "{name}" of shape {array.shape}, which is empty.')
    if not np.all(np.isfinite(array)):
        place = [int(i) for i in np.argwhere(~np.isfinite(array))[0]]
        value = array[tuple(place)]
        raise _mistake(path, f'holds {value} in "{name}" at {place}.')
    return np.asarray(array, dtype=np.float64)


def _words(name: str) -> list[str]:
    return re.findall(r"\d+|[^\W\d_]+", name)


def _stem(name: str) -> tuple[str, ...]:
    """The words of a name without the last one that says weight or bias."""
    words = _words(name)
    for place in reversed(range(len(words))):
        if words[place].lower() in KINDS:
            return (*words[:place], *words[place + 1 :])
    return tuple(words)


def _natural(name: str) -> tuple[list[tuple[int, str]], str]:
    """Order in which numbers inside names count as numbers."""
    return [(int(w), "") if w.isdecimal() else (-1, w.lower()) for w in _stem(name)], name


def _biases(path: str, names: list[str], found: dict[str, Array]) -> dict[str, str]:
    """The bias of each matrix that has one."""
    matrices = [name for name in names if found[name].ndim == 2]
    vectors = [name for name in names if found[name].ndim == 1]
    stems = [_stem(name) for name in matrices]
    if len(set(stems)) < len(stems) or not {_stem(v) for v in vectors} & set(stems):
        owners = dict(_by_place(names, found))
    else:
        owners = {v: matrices[stems.index(_stem(v))] for v in vectors if _stem(v) in stems}
    for vector in vectors:
        if vector not in owners:
            raise _mistake(path, f'holds the vector "{vector}" that is the bias of no matrix.')
    if len(set(owners.values())) < len(owners):
        raise _mistake(path, "holds more than one bias for a matrix.")
    return {matrix: vector for vector, matrix in owners.items()}


def _by_place(names: list[str], found: dict[str, Array]) -> Iterator[tuple[str, str]]:
    for before, name in pairwise(names):
        if found[name].ndim == 1 and found[before].ndim == 2:
            yield name, before


def _fits(
    found: dict[str, Array], matrices: list[str], biases: dict[str, str], layout: str
) -> bool:
    out, into = (0, 1) if layout == "out-in" else (1, 0)
    return all(found[a].shape[out] == found[b].shape[into] for a, b in pairwise(matrices)) and all(
        len(found[v]) == found[m].shape[out] for m, v in biases.items()
    )


def _break(found: dict[str, Array], matrices: list[str], biases: dict[str, str]) -> str:
    """The first place where the shapes do not follow each other, (out, in) being the usual way."""
    for a, b in pairwise(matrices):
        if found[a].shape[0] != found[b].shape[1]:
            return f'"{b}" {found[b].shape} does not follow "{a}" {found[a].shape}.'
    for m, v in biases.items():
        if len(found[v]) != found[m].shape[0]:
            return f'the bias "{v}" {found[v].shape} does not fit "{m}" {found[m].shape}.'
    return "the layout that was asked for does not fit."

"""Weight matrices in MATLAB files, old (version 5 to 7) and new (7.3, which is HDF5).

Read are a cell `W` (with a cell `b` of biases, if any), else the fields of a struct `params`,
`weights` or `net`, else all matrices of the file.  MATLAB has no vectors: what is called a bias is
one.  Texts `activation` and numbers `group_size` are returned besides.  Nothing is executed.
"""

import importlib
import math
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from theory.weights import MAX_ARRAYS, MAX_BYTES, Array, line, mistake

BIASES = {"b", "bias", "biases"}
STRUCTS = ("params", "weights", "net")
MAX_DEPTH = 32
"""Cells and structs within each other."""
SETTINGS = ("activation", "group_size")

MATRIX, COMPRESSED = 14, 15
"""Types of elements of a file of version 5."""
TYPES = {
    **{1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"},
    **{16: "u1", 17: "u2", 18: "u4"},  # texts
}
"""Those of numbers."""
CELL, STRUCT, TEXT, SPARSE, NUMBERS = 1, 2, 4, 5, range(6, 16)
"""Classes of matrices."""
COMPLEX = 1 << 11


def read_mat(path: str) -> tuple[dict[str, Array], dict[str, str]]:
    """The arrays of the file and its settings; ValueError, in one line, for an unsound one."""
    with open(path, "rb") as file:
        start = file.read(520)
    is_new = b"\x89HDF\r\n\x1a\n" in (start[:8], start[512:])
    variables = _new(path) if is_new else _old(path)
    settings = {
        name: str(np.asarray(variables.pop(name)).ravel()[0])
        for name in SETTINGS
        if name in variables and np.size(variables[name]) == 1
    }
    return _arrays(path, variables), settings


def _arrays(path: str, variables: dict[str, Any]) -> dict[str, Array]:
    """Names and arrays of the weights among the variables."""
    if isinstance(variables.get("W"), list):
        cells = {name: variables[name] for name in ("W", "b", "B") if name in variables}
        parts = {
            f"{name}{{{number}}}": part
            for name, cell in cells.items()
            for number, part in enumerate(cell if isinstance(cell, list) else [cell], start=1)
        }
    else:
        struct = next((s for s in STRUCTS if isinstance(variables.get(s), dict)), None)
        parts = variables if struct is None else variables[struct]
    found = {}
    for name, part in parts.items():
        if not isinstance(part, np.ndarray) or part.dtype.kind not in "fiub":
            words: dict[type, str] = {list: "a cell", dict: "a struct", str: "a text"}
            kind = words.get(type(part)) or getattr(part, "dtype", "an object")
            raise mistake(
                path,
                f'holds {kind} in "{name}"; put the matrices into a cell W, biases into a cell b.',
            )
        found[name] = _numbers(path, name, part)
    return found


def _numbers(path: str, name: str, array: Array) -> Array:
    is_bias = not BIASES.isdisjoint(re.findall("[a-z]+", name.lower()))
    if is_bias and array.ndim == 2 and 1 in array.shape:
        array = array.ravel()
    # MATLAB keeps whole numbers in small integers: exact, but for the very large.
    if (
        array.dtype.kind in "iu"
        and array.size
        and int(np.abs(array.astype(object)).max()) > 1 << 53
    ):
        raise mistake(path, f'holds {array.dtype} in "{name}"; save it as double.')
    return array if array.dtype.kind == "f" else array.astype(np.float64)


# ---- version 5 to 7 ---------------------------------------------------------------------------
# Read here and not by scipy, whose compiled reader a damaged file can crash.


def _old(path: str) -> dict[str, Any]:
    try:
        data = Path(path).read_bytes()
        order = {b"IM": "<", b"MI": ">"}.get(data[126:128])
        if order is None:
            raise ValueError("it is cut off, or no MATLAB file of version 5 or later")
        reader = _Old(order)
        found = dict(reader.matrix(body) for body in reader.bodies(memoryview(data)[128:]))
    except OverflowError as error:
        raise mistake(path, str(error)) from None
    except (ValueError, IndexError, struct.error, zlib.error) as error:
        raise mistake(path, f"is no sound .mat file: {line(error)}.") from None
    found.pop("", None)  # what MATLAB keeps for objects
    return found


class _Old:
    """Reads elements: a type, a length and that many bytes, of which some are elements again."""

    def __init__(self, order: str) -> None:
        self.order = order
        self.left = MAX_ARRAYS

    def bodies(self, data: memoryview) -> Iterator[memoryview]:
        """The variables, unpacked."""
        place, total = 0, 0
        while place < len(data):
            kind, body, _ = self.element(data, place)
            place += 8 + len(body)
            if kind == COMPRESSED:
                unpacking = zlib.decompressobj()
                whole = memoryview(unpacking.decompress(body, MAX_BYTES - total + 1))
                total += len(whole)
                if total > MAX_BYTES:
                    raise OverflowError(
                        f"unpacks to more than {MAX_BYTES} bytes; that is too much."
                    )
                kind, body, _ = self.element(whole, 0)
            if kind != MATRIX:
                raise ValueError(f"an element has the unknown type {kind}")
            yield body

    def element(self, data: memoryview, place: int) -> tuple[int, memoryview, int]:
        """Type and bytes of the element there, and the place of the next."""
        kind, size = struct.unpack_from(f"{self.order}2I", data, place)
        start, after = place + 8, place + 8 + -(-size // 8) * 8
        if kind >> 16:  # a short one: its length, its type and its bytes share eight
            size, kind, start, after = kind >> 16, kind & 0xFFFF, place + 4, place + 8
        body = data[start : start + size]
        if len(body) < size or (after == place + 8 and size > 4):
            raise ValueError("it is cut off")
        return kind, body, after

    def matrix(self, body: memoryview, depth: int = 0) -> tuple[str, Any]:
        """Name and value: an array, a list for a cell, a dictionary for a struct, or a text."""
        self.left -= 1
        if self.left < 0:
            raise OverflowError(f"holds more than {MAX_ARRAYS} arrays; that is too much.")
        if depth > MAX_DEPTH:
            raise ValueError(f"cells are nested more than {MAX_DEPTH} deep")
        if not body:
            return "", np.zeros((0, 0))
        parts, place = [], 0
        while place < len(body):
            kind, part, place = self.element(body, place)
            parts.append((kind, part))
        if len(parts) < 3 or len(parts[0][1]) < 4:
            raise ValueError("it is cut off")
        (flags,) = struct.unpack_from(f"{self.order}I", parts[0][1])
        shape = tuple(int(n) for n in self.numbers(*parts[1]))
        name = bytes(parts[2][1]).decode("latin-1")
        return name, self.value(flags, shape, parts[3:], depth)

    def value(self, flags: int, shape: tuple[int, ...], parts: list[Any], depth: int) -> Any:
        """What the elements after the name hold."""
        kind = flags & 0xFF
        if kind == STRUCT:
            (length,) = self.numbers(*parts[0])
            names = bytes(parts[1][1])
            if length < 1 or math.prod(shape) * (len(names) // length) != len(parts) - 2:
                raise ValueError("a struct is cut off")
            keys = [names[k : k + length] for k in range(0, len(names), length)]
            fields = [self.matrix(part, depth + 1)[1] for _, part in parts[2:]]
            texts = [key.partition(b"\0")[0].decode("latin-1") for key in keys]
            return dict(zip(texts, fields, strict=True)) if math.prod(shape) == 1 else fields
        if kind == CELL:
            if math.prod(shape) != len(parts):
                raise ValueError("a cell is cut off")
            return [self.matrix(part, depth + 1)[1] for _, part in parts]
        if kind == TEXT:
            return "".join(map(chr, self.numbers(*parts[0]))) if parts else ""
        if kind == SPARSE:
            return _sparse(shape, [self.numbers(*part) for part in parts])
        if kind not in NUMBERS:
            return None
        values = self.numbers(*parts[0])
        if min(shape) < 0 or math.prod(shape) != len(values):
            raise ValueError(f"{len(values)} numbers are there for a shape {shape}")
        return (values + 0j if flags & COMPLEX else values).reshape(shape, order="F")

    def numbers(self, kind: int, body: memoryview) -> Array:
        """The numbers of an element; MATLAB keeps whole ones in small integers."""
        if kind not in TYPES:
            raise ValueError(f"an element has the unknown type {kind}")
        return np.frombuffer(body, np.dtype(self.order + TYPES[kind]))


def _sparse(shape: tuple[int, ...], parts: list[Array]) -> Array:
    rows, starts, values = parts
    sound = rows.dtype.kind in "iu" and starts.dtype.kind in "iu" and len(shape) == 2
    if not sound or min(shape) < 0 or len(starts) != shape[1] + 1:
        raise ValueError("a sparse matrix is cut off")
    if math.prod(shape) * 8 > MAX_BYTES:
        raise OverflowError(f"holds a sparse matrix of shape {shape}; that is too much.")
    counts: Array = np.diff(starts.astype(np.int64))
    count = int(starts[-1])
    if starts[0] or (counts < 0).any() or count > min(len(rows), len(values)):
        raise ValueError("a sparse matrix is cut off")
    if count and not 0 <= rows[:count].min() <= rows[:count].max() < shape[0]:
        raise ValueError("a sparse matrix has entries outside")
    whole = np.zeros(shape, dtype=values.dtype)
    whole[rows[:count], np.repeat(np.arange(shape[1]), counts)] = values[:count]
    return whole


# ---- version 7.3 ------------------------------------------------------------------------------


def _new(path: str) -> dict[str, Any]:
    try:
        h5py = importlib.import_module("h5py")
    except ImportError:
        raise mistake(
            path,
            "is a MATLAB file of version 7.3, which needs h5py, of the extra `weights`: "
            "pip install h5py (or save it with -v7).",
        ) from None
    try:
        with h5py.File(path, "r") as file:
            budget = [MAX_BYTES, MAX_ARRAYS]
            names = [name for name in file if name != "#refs#"]
            return {name: _node(h5py, file, _own(h5py, file, name), budget, 0) for name in names}
    except OverflowError as error:
        raise mistake(path, str(error)) from None
    except Exception as error:  # h5py raises many kinds on a damaged file
        raise mistake(path, f"is no sound .mat file of version 7.3: {line(error)}.") from None


def _own(h5py: Any, group: Any, name: str) -> Any:
    """The member, unless it leads out of the file."""
    if isinstance(group.get(name, getlink=True), h5py.ExternalLink):
        raise ValueError(f"{name} is in another file")
    return group[name]


def _node(h5py: Any, file: Any, node: Any, budget: list[int], depth: int) -> Any:
    is_group = isinstance(node, h5py.Group)
    budget[0] -= 0 if is_group else node.nbytes
    budget[1] -= 1
    if min(budget) < 0:
        raise OverflowError(
            f"unpacks to more than {MAX_BYTES} bytes or {MAX_ARRAYS} arrays; that is too much."
        )
    if depth > MAX_DEPTH:
        raise ValueError(f"cells are nested more than {MAX_DEPTH} deep")
    if is_group:
        if "MATLAB_sparse" in node.attrs:
            raise ValueError(f"{node.name} is sparse; save it with full()")
        members = {name: _own(h5py, node, name) for name in node}
        return {n: _node(h5py, file, one, budget, depth + 1) for n, one in members.items()}
    if node.external or node.is_virtual:
        raise ValueError(f"{node.name} is in another file")
    if node.attrs.get("MATLAB_empty", 0):
        return np.zeros((0, 0))
    values = node[()]
    if h5py.check_ref_dtype(node.dtype) is not None:
        parts = np.asarray(values).T.ravel()
        return [_node(h5py, file, file[reference], budget, depth + 1) for reference in parts]
    if node.attrs.get("MATLAB_class") == b"char":
        return "".join(map(chr, np.asarray(values).ravel()))
    return np.asarray(values).T  # MATLAB counts columns first

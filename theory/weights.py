"""Dense layers of a user's network, from a file that is not trusted: .safetensors or .npz.

Matrices are weights, vectors their biases.  The layers act in the natural order of their names
(fc2 before fc10); a bias belongs to the matrix of the same name but for a last word such as weight,
kernel, bias, w or b, and where no names agree so, to the matrix before it.  A matrix is (out, in)
or (in, out), the same for all, whichever lets the shapes follow each other.  Half and single
precision (and bfloat16) are converted exactly.  Pickled objects are never loaded.
"""

from __future__ import annotations

import math
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any, Literal, NamedTuple, TypeAlias, TypeVar

import numpy as np

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"
Layout: TypeAlias = Literal["auto", "out-in", "in-out"]
Content = TypeVar("Content")

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

FOREIGN = {
    r"running_(mean|var)|num_batches_tracked|moving_(mean|variance)": (
        "a batch normalisation",
        "fold it into the layer before it (torch.nn.utils.fusion) and save again",
    ),
    r"parametrizations|weight_(orig|g|u|v)$": (
        "a reparametrised layer",
        "remove the parametrisation (torch.nn.utils.parametrize) and save again",
    ),
    r"weight_[ih]h|recurrent_kernel": ("a recurrent layer", "only dense layers are read"),
    r"in_proj|[qkv]_proj|attn|attention": ("an attention layer", "only dense layers are read"),
    r"(^|[._])(embeddings?|embed_tokens)([._]|$)": ("an embedding", "only dense layers are read"),
}
"""Names of tensors that are no dense layers, though their shapes might pass for one."""

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
    return chain(path, read_file(path, READERS), layout)


def chain(path: str, arrays: Mapping[str, Array], layout: Layout = "auto") -> tuple[Layer, ...]:
    """The dense layers that these arrays of the file are, as `read_layers` returns them."""
    for name in arrays:
        _known(path, name)
    found = {name: checked(path, name, array) for name, array in arrays.items()}
    names = sorted(found, key=_natural)
    matrices = [name for name in names if found[name].ndim == 2]
    if not matrices:
        raise mistake(path, "holds no matrix, and so no dense layer.")
    biases = _biases(path, names, found)
    fitting = [kind for kind in ("out-in", "in-out") if _fits(found, matrices, biases, kind)]
    if layout != "auto":
        fitting = [kind for kind in fitting if kind == layout]
    if not fitting:
        said = _break(found, matrices, biases, layout)
        raise mistake(path, f"holds no chain of layers: {said}")
    if len(fitting) == 2:
        raise mistake(
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


def mistake(path: str, what: str) -> ValueError:
    """The error that says in one line what is wrong with the file."""
    return ValueError(f"--weights: {path} {what}")


def read_file(path: str, readers: Mapping[str, Callable[[str], Content]]) -> Content:
    """What the reader for the ending of the name makes of the file.

    Raises ValueError, in one line, for another ending and a file that cannot be read.
    """
    reader = readers.get(Path(path).suffix)
    if reader is None:
        *most, last = readers
        endings = f"{', '.join(most)} or {last}"
        raise ValueError(f'--weights must end in {endings}; got "{path}".')
    try:
        size = Path(path).stat().st_size
        if Path(path).is_dir():
            raise ValueError(f"--weights: cannot read {path}: Is a directory.")
        if size > MAX_BYTES:
            raise mistake(path, f"has {size} bytes; at most {MAX_BYTES} are read.")
        return reader(path)
    except OSError as error:
        raise ValueError(f"--weights: cannot read {path}: {error.strerror or error}.") from None


def _safetensors(path: str) -> dict[str, Array]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            names = list(file.keys())
            if len(names) > MAX_ARRAYS:
                raise mistake(path, f"holds {len(names)} arrays; at most {MAX_ARRAYS} are read.")
            return {name: _tensor(path, file, name) for name in names}
    except SafetensorError as error:
        raise mistake(path, f"is no sound .safetensors file: {line(error)}.") from None


def metadata(path: str) -> dict[str, str]:
    """The texts that a .safetensors file carries besides its tensors."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        return file.metadata() or {}


def _tensor(path: str, file: Any, name: str) -> Array:
    kind = file.get_slice(name).get_dtype()
    _known(path, name)
    if kind not in ("F16", "BF16", "F32", "F64"):
        raise mistake(path, f'holds {kind} in "{name}"; save it as float32.')
    array: Array = file.get_tensor(name)
    return array.astype(np.float64)


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
                name = member.filename.removesuffix(".npy")
                if name in found:
                    raise ValueError(f"{member.filename} occurs twice")
                with archive.open(member) as file:
                    found[name] = read_member(file, member)
    except OverflowError as error:
        raise mistake(path, str(error)) from None
    except UNSOUND as error:
        raise mistake(path, f"is no sound .npz file of numbers: {line(error)}.") from None
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


READERS: dict[str, Callable[[str], dict[str, Array]]] = {".safetensors": _safetensors, ".npz": _npz}
"""What reads the arrays of a file, by what its name ends in."""


def line(error: Exception) -> str:
    """What the error says, in one line that is not too long."""
    return (" ".join(str(error).split()) or type(error).__name__).rstrip(".")[:160]


def _known(path: str, name: str) -> None:
    for pattern, (what, advice) in FOREIGN.items():
        if re.search(pattern, name):
            raise mistake(path, f'holds {what} ("{name}"); {advice}.')


def checked(path: str, name: str, array: Array) -> Array:
    """A matrix or vector in double precision, exactly; ValueError for anything else."""
    if array.ndim in (3, 4, 5):
        raise mistake(
            path,
            f'holds "{name}" of shape {array.shape}; only dense layers are read. If it is a '
            "convolution, its stride and padding are not in this file: export the network to "
            ".onnx, or make matrices of them with theory.lipschitz.convolution.",
        )
    if array.ndim not in (1, 2):
        raise mistake(
            path,
            f'holds "{name}" of shape {array.shape}; only dense layers are read, matrices and '
            "the vectors of their biases.",
        )
    if 0 in array.shape:
        raise mistake(path, f'holds "{name}" of shape {array.shape}, which is empty.')
    if not np.all(np.isfinite(array)):
        place = [int(i) for i in np.argwhere(~np.isfinite(array))[0]]
        value = array[tuple(place)]
        raise mistake(path, f'holds {value} in "{name}" at {place}.')
    if array.dtype.itemsize > 8:
        raise mistake(path, f'holds {array.dtype} in "{name}"; save it as float64.')
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
    words = _stem(name) or _words(name)
    return [(int(w), "") if w.isdecimal() else (-1, w.lower()) for w in words], name


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
            raise mistake(path, f'holds the vector "{vector}" that is the bias of no matrix.')
    if len(set(owners.values())) < len(owners):
        raise mistake(path, "holds more than one bias for a matrix.")
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


def _break(
    found: dict[str, Array], matrices: list[str], biases: dict[str, str], layout: str
) -> str:
    """The first place where the shapes do not follow each other, (out, in) being the usual way."""
    out, into = (1, 0) if layout == "in-out" else (0, 1)
    for a, b in pairwise(matrices):
        if found[a].shape[out] != found[b].shape[into]:
            return f'"{b}" {found[b].shape} does not follow "{a}" {found[a].shape}.'
    m, v = next((m, v) for m, v in biases.items() if len(found[v]) != found[m].shape[out])
    return f'the bias "{v}" {found[v].shape} does not fit "{m}" {found[m].shape}.'

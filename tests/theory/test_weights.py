"""Reading dense layers: orders, layouts, and one line for every file that is none of ours."""

from __future__ import annotations

import json
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from simulations.arrays import NOTHING, Held
from theory.weights import MAX_BYTES, read_layers

Array = np.ndarray[Any, Any]
RNG = np.random.default_rng(7)
CHAIN = [RNG.standard_normal((b, a)) for a, b in ((6, 4), (4, 5), (5, 3))]
BIASES = [RNG.standard_normal(len(w)) for w in CHAIN]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(arrays: dict[str, Array], path: str = "net.npz") -> str:
    if path.endswith("npz"):
        np.savez_compressed(path, **arrays)  # type: ignore[arg-type]  # names are no options
    else:
        Path(path).write_bytes(save({k: np.ascontiguousarray(v) for k, v in arrays.items()}))
    return path


def named(weight: str, bias: str, start: int = 0, transposed: bool = False) -> dict[str, Array]:
    found = {weight.format(k): w.T if transposed else w for k, w in enumerate(CHAIN, start)}
    return found | {bias.format(k): b for k, b in enumerate(BIASES, start)}


@pytest.mark.parametrize("path", ["net.npz", "net.safetensors"])
@pytest.mark.parametrize(
    "arrays",
    [
        named("fc{}.weight", "fc{}.bias", start=8),
        named("layers.{}.weight", "layers.{}.bias"),
        named("dense_{}/kernel", "dense_{}/bias", start=9, transposed=True),
        named("W{}", "b{}", start=9),
        {
            f"arr_{k}": x
            for k, x in enumerate(y for wb in zip(CHAIN, BIASES, strict=True) for y in wb)
        },
        named("a{}.w", "a{}.b", transposed=True),
    ],
)
def test_names_and_layouts(arrays: dict[str, Array], path: str) -> None:
    layers = read_layers(write(arrays, path))
    for layer, weight, bias in zip(layers, CHAIN, BIASES, strict=True):
        assert np.array_equal(layer.weight, weight)
        assert np.array_equal(layer.bias, bias)


def test_without_biases_and_in_single_precision() -> None:
    arrays = {f"w{k}": w.astype(np.float32) for k, w in enumerate(CHAIN)}
    layers = read_layers(write(arrays))
    assert [layer.weight.dtype for layer in layers] == [np.float64] * 3
    assert not any(layer.bias.any() for layer in layers)


def test_square_layers_need_their_layout() -> None:
    w = RNG.standard_normal((4, 4))
    path = write({"a": w, "b.weight": w.T})
    with pytest.raises(
        ValueError, match=r"could be \(out, in\) or \(in, out\); say which by --lay"
    ):
        read_layers(path)
    assert np.array_equal(read_layers(path, "out-in")[0].weight, w)
    assert np.array_equal(read_layers(path, "in-out")[0].weight, w.T)


def member(name: str, shape: tuple[int, ...], kind: str = "<f8", data: bytes = b"") -> bytes:
    header = str({"descr": kind, "fortran_order": False, "shape": shape}).encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def zipped(data: bytes, path: str = "bad.npz") -> str:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", data)
    return path


def safetensors(header: Any, data: bytes = b"", path: str = "bad.safetensors") -> str:
    text = json.dumps(header).encode() if not isinstance(header, bytes) else header
    Path(path).write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def tensor(kind: str, shape: list[int], end: int) -> dict[str, Any]:
    return {"a": {"dtype": kind, "shape": shape, "data_offsets": [0, end]}}


def cut(path: str, left: int) -> str:
    Path(path).write_bytes(Path(path).read_bytes()[:left])
    return path


def raw(path: str, data: bytes) -> str:
    Path(path).write_bytes(data)
    return path


W = CHAIN[0]
NAN = np.where(np.arange(24).reshape(4, 6) == 13, np.nan, W)
BAD: dict[str, tuple[Any, str]] = {
    "absent": (lambda: "absent.npz", "cannot read absent.npz: No such file or directory."),
    "folder": (lambda: str(Path("f.npz").mkdir() or "f.npz"), "cannot read f.npz: Is a directory."),
    "suffix": (lambda: raw("a.pt", b""), '--weights must end in .safetensors or .npz; got "a.pt".'),
    "empty": (
        lambda: raw("a.npz", b""),
        "a.npz is no sound .npz file of numbers: File is not a zip",
    ),
    "text": (
        lambda: raw("a.safetensors", b"hello"),
        "a.safetensors is no sound .safetensors file:",
    ),
    "cut npz": (lambda: cut(write({"a": W}), 90), "net.npz is no sound .npz file of numbers:"),
    "cut": (lambda: cut(write({"a": W}, "c.safetensors"), 90), "c.safetensors is no sound"),
    "objects": (
        lambda: zipped(member("a", (1,), "|O", pickle.dumps([1]))),
        "bad.npz is no sound .npz file of numbers: a.npy holds Python objects.",
    ),
    "huge": (
        lambda: zipped(member("a", (1 << 40, 3))),
        "a.npy is too short for its shape (1099511627776, 3).",
    ),
    "negative": (lambda: zipped(member("a", (-4, 3))), "bad.npz is no sound .npz file of numbers:"),
    "short": (lambda: zipped(member("a", (2, 3), data=b"1234567")), "a.npy is cut off."),
    "no array": (lambda: zipped(b"hello"), "bad.npz is no sound .npz file of numbers:"),
    "header": (
        lambda: zipped(b"\x93NUMPY\x01\x00\x20\x00" + b"__import__('os').getcwd()".ljust(32)),
        "bad.npz is no sound .npz file of numbers:",
    ),
    "overlap": (lambda: safetensors(tensor("F32", [2, 3], 20), b"0" * 20), "bad.safetensors is no"),
    "long": (lambda: safetensors(tensor("F32", [1 << 40, 3], 24), b"0" * 24), "is no sound"),
    "float8": (
        lambda: safetensors(tensor("F8_E4M3", [2, 3], 6), b"0" * 6),
        'bad.safetensors holds F8_E4M3 in "a"; save it as float32.',
    ),
    "whole": (lambda: safetensors(tensor("I32", [2, 3], 24), b"0" * 24), 'holds I32 in "a"; save'),
    "whole npz": (lambda: write({"a": np.ones((2, 3), int)}), "a.npy holds int64."),
    "complex": (lambda: write({"a": 1j * W}), "a.npy holds complex128."),
    "words": (lambda: write({"a": np.array([["a"]])}), "a.npy holds <U1."),
    "nothing": (lambda: write({}), "net.npz holds no matrix, and so no dense layer."),
    "vector": (lambda: write({"a": W[0]}), "net.npz holds no matrix, and so no dense layer."),
    "scalar": (lambda: write({"a": np.array(1.0)}), 'holds "a" of shape (); only dense layers are'),
    "conv": (lambda: write({"c": np.ones((2, 3, 3, 3))}), 'holds "c" of shape (2, 3, 3, 3); only'),
    "no units": (
        lambda: write({"a": np.ones((0, 3))}),
        'holds "a" of shape (0, 3), which is empty.',
    ),
    "nan": (lambda: write({"a": NAN}), 'net.npz holds nan in "a" at [2, 1].'),
    "inf": (lambda: write({"a": W, "b": W[:, 0] / 0.0}), "holds "),
    "chain": (
        lambda: write({"fc1": W, "fc2": np.ones((3, 5))}),
        'net.npz holds no chain of layers: "fc2" (3, 5) does not follow "fc1" (4, 6).',
    ),
    "bias": (
        lambda: write({"a.weight": W, "a.bias": np.ones(5)}),
        'no chain of layers: the bias "a.bias" (5,) does not fit "a.weight" (4, 6).',
    ),
    "lost": (
        lambda: write({"a.weight": W, "a.bias": BIASES[0], "norm": np.ones(4)}),
        'net.npz holds the vector "norm" that is the bias of no matrix.',
    ),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_mistake_is_one_line(name: str) -> None:
    make, message = BAD[name]
    with pytest.raises(ValueError) as error:
        read_layers(make())
    assert message in str(error.value)
    assert str(error.value).startswith("--weights")
    assert "\n" not in str(error.value)


def test_a_bomb_is_not_unpacked() -> None:
    path = zipped(member("a", (2, 3)))
    sizes = struct.pack("<L", 2 * MAX_BYTES - 1)
    data = Path(path).read_bytes()
    place = data.index(b"PK\x01\x02") + 24  # the size of the member in the directory
    Path(path).write_bytes(data[:place] + sizes + data[place + 4 :])
    with pytest.raises(ValueError, match=r"bad.npz holds \d+ bytes in 1 arrays; that is too much."):
        read_layers(path)


@given(st.binary(max_size=300), st.integers(0, 400), st.sampled_from(["npz", "safetensors"]))
@settings(max_examples=60, deadline=None)
def test_damage_is_one_line_or_nothing(noise: bytes, place: int, kind: str) -> None:
    path = write(named("w{}", "b{}"), f"damaged.{kind}")
    data = Path(path).read_bytes()
    Path(path).write_bytes(data[:place] + noise + data[place + len(noise) :])
    assert "\n" not in said(path)


def said(path: str) -> str:
    """The message of a refusal, nothing without one; any other error goes through."""
    try:
        read_layers(path)
    except ValueError as error:
        return str(error)
    return ""


def test_held_arrays_are_equal_by_content() -> None:
    a, b = Held([W, W[0]], ["w", "b"], "here"), Held([W.copy(), W[0]], source="there")
    assert a == b
    assert hash(a) == hash(b)
    assert a != Held([W, W[1]])
    assert a != Held([W.T, W[0]])
    assert not NOTHING
    again = pickle.loads(pickle.dumps(a))
    assert again == a
    assert (again.names, again.source) == (("w", "b"), "here")
    assert np.array_equal(again.arrays[0], W)

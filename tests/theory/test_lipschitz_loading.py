"""Networks from files of arrays: what comes back, and one line for every file that is none."""

import json
import pickle
import struct
import sys
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from ml_dtypes import bfloat16
from safetensors.numpy import save

from theory.lipschitz import matlab
from theory.lipschitz.loading import load_network
from theory.lipschitz.network import Network

RNG = np.random.default_rng(11)
SIZES = (6, 4, 5, 3)
CHAIN = [RNG.standard_normal((b, a)) for a, b in pairwise(SIZES)]
BIASES = [RNG.standard_normal(len(w)) for w in CHAIN]
NUMBERS = (2, 9, 10)
"""Of the layers: fc2 comes before fc10."""
NAMED = {f"fc{k}.weight": w for k, w in zip(NUMBERS, CHAIN, strict=True)} | {
    f"fc{k}.bias": b for k, b in zip(NUMBERS, BIASES, strict=True)
}
HIGH = {"params": {name.replace(".", "_"): array for name, array in NAMED.items()}}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def cell(arrays):
    found = np.empty((1, len(arrays)), dtype=object)
    found[0, :] = arrays
    return found


def mat73(path, variables):
    """What MATLAB's -v7.3 writes: HDF5 behind 512 bytes, arrays transposed, cells as references."""
    with h5py.File(path, "w", userblock_size=512) as file:

        def put(group, name, value):
            if isinstance(value, dict):
                inner = group.create_group(name)
                inner.attrs["MATLAB_class"] = np.bytes_("struct")
                for key, one in value.items():
                    put(inner, key, one)
            elif isinstance(value, list):
                refs = file.require_group("#refs#")
                start = len(refs)
                for k, one in enumerate(value):
                    put(refs, f"r{start + k}", one)
                links = [[refs[f"r{start + k}"].ref] for k in range(len(value))]
                made = group.create_dataset(name, data=np.array(links, dtype=h5py.ref_dtype))
                made.attrs["MATLAB_class"] = np.bytes_("cell")
            elif isinstance(value, str):
                made = group.create_dataset(name, data=np.array([[ord(c)] for c in value], "u2"))
                made.attrs["MATLAB_class"] = np.bytes_("char")
            else:
                made = group.create_dataset(name, data=np.atleast_2d(value).T)
                made.attrs["MATLAB_class"] = np.bytes_("double")

        for name, value in variables.items():
            put(file, name, value)
    with open(path, "r+b") as raw_file:
        raw_file.write(b"MATLAB 7.3 MAT-file".ljust(512))
    return path


def write(path, arrays, metadata=None):
    if path.endswith("npz"):
        np.savez_compressed(path, **arrays)
    elif path.endswith("mat"):
        scipy.io.savemat(path, arrays, do_compression=True)
    else:
        packed = {k: np.ascontiguousarray(v) for k, v in arrays.items()}
        Path(path).write_bytes(save(packed, metadata))
    return path


def same(network, weights=CHAIN, biases=BIASES):
    wanted = Network(weights, "relu", biases=biases)
    assert network.digest() == wanted.digest()
    x = np.linspace(-1, 1, 3 * network.inputs).reshape(3, -1)
    np.testing.assert_array_equal(network(x), wanted(x))


TURNED = {k: v.T for k, v in NAMED.items()}
FILES = {
    "npz": lambda: write("a.npz", NAMED),
    "safetensors": lambda: write("a.safetensors", NAMED),
    "in-out": lambda: write("a.npz", TURNED),
    "cell": lambda: write("a.mat", {"W": cell(CHAIN), "b": cell(BIASES), "note": "mine"}),
    "struct": lambda: write("a.mat", HIGH | {"history": {"loss": np.ones((1, 9))}}),
    "struct in-out": lambda: write(
        "a.mat", {"params": {k.replace(".", "_"): v for k, v in TURNED.items()}}
    ),
    "variables": lambda: write("a.mat", HIGH["params"]),
    "sparse": lambda: write(
        "a.mat",
        {f"W{k}": scipy.sparse.csc_array(w) for k, w in enumerate(CHAIN)}
        | {f"b{k}": b for k, b in enumerate(BIASES)},
    ),
    "7.3 cell": lambda: mat73("a.mat", {"W": CHAIN, "b": BIASES}),
    "7.3 struct": lambda: mat73("a.mat", HIGH),
    "7.3 variables": lambda: mat73("a.mat", HIGH["params"]),
}


@pytest.mark.parametrize("kind", FILES)
def test_round_trip(kind):
    same(load_network(FILES[kind](), "relu"))


def test_path_objects_and_other_activations():
    write("a.npz", NAMED)
    network = load_network(Path("a.npz"), ["tanh", "group_sort:5"])
    assert [s.activation.name for s in network.stages[:-1]] == ["tanh", "group_sort:5"]
    assert load_network("a.npz", "leaky_relu:0.5").stages[0].lower[0] == 0.5
    pair = write("b.npz", {"1": CHAIN[0], "2": CHAIN[0].T})
    named = load_network(pair, "group_sort", 2, "out-in")
    assert named.stages[0].activation.group_size == 2


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("path", ["a.npz", "a.safetensors", "a.mat"])
def test_every_precision_is_exact(kind, path):
    if path == "a.mat" and kind is np.float16:
        pytest.skip("MATLAB has no half precision")
    arrays = {f"w{k}": w.astype(kind) for k, w in enumerate(CHAIN)}
    network = load_network(write(path, arrays), "relu")
    for found, wanted in zip(network.weights, arrays.values(), strict=True):
        assert [*found.ravel()] == [float(one) for one in wanted.ravel()]


def test_bfloat16_is_exact():
    w = CHAIN[0].astype(bfloat16)
    network = load_network(write("a.safetensors", {"w": w}), layout="out-in")
    np.testing.assert_array_equal(network.weights[0], [[float(one) for one in row] for row in w])


@pytest.mark.parametrize("path", ["a.npz", "a.safetensors", "a.mat"])
@pytest.mark.parametrize("scale", [0.0, 5e-324, 1e-150, 1e90])
def test_scales(path, scale):
    weights = [scale * w for w in CHAIN]
    network = load_network(write(path, {f"w{k}": w for k, w in enumerate(weights)}), "relu")
    same(network, weights, None)


def test_whole_numbers_of_matlab():
    """MATLAB stores doubles that happen to be whole in the smallest integers."""
    weights = [np.arange(6.0).reshape(2, 3), np.array([[-3.0, 200.0]])]
    whole = {"W1": weights[0].astype(np.uint8), "W2": weights[1].astype(np.int16)}
    same(load_network(write("a.mat", whole), "relu"), weights, None)


def test_residual():
    square = [RNG.standard_normal((4, 4)) for _ in range(2)]
    layers = [CHAIN[0], *square, CHAIN[1]]
    network = load_network(write("a.mat", {"W": cell(layers)}), "maxmin", residual=True)
    wanted = Network.residual(layers[0], square, layers[-1], "maxmin")
    assert network.digest() == wanted.digest()
    biases = [RNG.standard_normal(len(w)) for w in layers]
    arrays = {f"w{k}": w for k, w in enumerate(layers)} | {f"b{k}": b for k, b in enumerate(biases)}
    network = load_network(write("a.npz", arrays), "relu", residual=True)
    x = RNG.standard_normal(6)
    y = layers[0] @ x + biases[0]
    for w, b in zip(square, biases[1:3], strict=True):
        y = y + np.maximum(w @ y + b, 0)
    # Sums of at most 6 products in two orders: a few units in the last place.
    np.testing.assert_allclose(network(x), layers[-1] @ y + biases[-1], rtol=1e-13, atol=1e-13)


def test_settings_in_the_file():
    square = RNG.standard_normal((4, 6))
    arrays = {"w1": square, "w2": np.ones((1, 4))}
    said = {"activation": "group_sort", "group_size": "4"}
    network = load_network(write("a.safetensors", arrays, said))
    assert network.stages[0].activation.name == "group_sort:4"
    assert load_network("a.safetensors", "relu").stages[0].activation.name == "relu"
    assert load_network("a.safetensors", group_size=2).stages[0].activation.group_size == 2
    for path in (write("a.mat", arrays | {"activation": "group_sort", "group_size": 4}),):
        assert load_network(path).digest() == network.digest()
    again = mat73("b.mat", {"activation": "group_sort", "group_size": 4.0, **arrays})
    assert load_network(again).digest() == network.digest()


def test_square_layers_need_their_layout():
    square = [CHAIN[0][:, :4], CHAIN[1][:4]]
    path = write("a.npz", {"a": square[0], "b": square[1]})
    with pytest.raises(ValueError, match=r"could be \(out, in\) or \(in, out\); say which"):
        load_network(path, "relu")
    same(load_network(path, "relu", layout="out-in"), square, None)
    same(load_network(path, "relu", layout="in-out"), [w.T for w in square], None)


def raw(path, data):
    Path(path).write_bytes(data)
    return path


def cut(path, share=0.5):
    data = Path(path).read_bytes()
    return raw(path, data[: int(share * len(data))])


def header(size, data):
    return raw("a.safetensors", struct.pack("<Q", size) + data)


def linked():
    write_other = mat73("other.mat", {"w": CHAIN[0]})
    with h5py.File("a.mat", "w", userblock_size=512) as file:
        file["w"] = h5py.ExternalLink(write_other, "/w")
    return "a.mat"


NAN = np.where(np.arange(24).reshape(4, 6) == 13, np.nan, CHAIN[0])
GIANT = json.dumps({"a": {"dtype": "F32", "shape": [1 << 30, 9], "data_offsets": [0, 9 << 32]}})
BAD = {
    "absent": (lambda: "a.mat", "cannot read a.mat: No such file or directory."),
    "folder": (lambda: str(Path("a.mat").mkdir() or "a.mat"), "cannot read a.mat: Is a directory."),
    "suffix": (lambda: raw("a.h5", b""), "must end in .safetensors, .npz, .mat or .onnx; got"),
    "none": (lambda: raw("weights", b""), 'or .onnx; got "weights".'),
    "torch": (
        lambda: raw("a.pt", pickle.dumps(NAMED)),
        "a.pt may hold Python pickles, which are never loaded; convert it where you trust it: "
        "safetensors.torch.save_file(",
    ),
    "pickle": (lambda: raw("a.pkl", b""), "never loaded; convert it"),
    "empty npz": (lambda: raw("a.npz", b""), "is no sound .npz file"),
    "empty safetensors": (lambda: raw("a.safetensors", b""), "is no sound .safetensors file"),
    "empty mat": (lambda: raw("a.mat", b""), "is no sound .mat file: it is cut off"),
    "2 GB header": (lambda: header(2 << 30, b"{" * 1000), "header too large"),
    "giant tensor": (lambda: header(len(GIANT), GIANT.encode()), "is no sound .safetensors file"),
    "objects": (
        lambda: write("a.npz", {"w": np.array([[print]], dtype=object)}),
        "w.npy holds Python objects.",
    ),
    "cut npz": (lambda: cut(write("a.npz", NAMED)), "is no sound .npz file of numbers"),
    "cut safetensors": (lambda: cut(write("a.safetensors", NAMED)), "is no sound .safetensors"),
    "cut mat": (lambda: cut(write("a.mat", NAMED)), "is no sound .mat file: it is cut off."),
    "cut 7.3": (lambda: cut(mat73("a.mat", HIGH)), "is no sound .mat file of version 7.3"),
    "nan": (lambda: write("a.npz", {"a": NAN}), 'holds nan in "a" at [2, 1].'),
    "nan in mat": (lambda: write("a.mat", {"W": cell([NAN])}), 'holds nan in "W{1}" at [2, 1].'),
    "inf": (lambda: mat73("a.mat", {"w": np.full((2, 2), -np.inf)}), 'holds -inf in "w" at [0, 0]'),
    "complex": (lambda: write("a.npz", {"w": 1j * CHAIN[0]}), "w.npy holds complex128."),
    "complex mat": (lambda: write("a.mat", {"w": 1j * CHAIN[0]}), 'holds complex128 in "w"; put'),
    "whole": (lambda: write("a.npz", {"w": np.ones((2, 3), int)}), "w.npy holds int64."),
    "large whole": (
        lambda: write("a.mat", {"w": np.full((2, 3), (1 << 53) + 1)}),
        'holds int64 in "w"; save it as double.',
    ),
    "no size": (lambda: write("a.npz", {"w": np.ones((0, 3))}), '"w" of shape (0, 3), which is em'),
    "no size mat": (lambda: write("a.mat", {"W": cell([CHAIN[0], np.ones((0, 3))])}), "is empty."),
    "texts": (lambda: write("a.mat", {"w": CHAIN[0], "s": "mine"}), 'holds a text in "s"; put'),
    "nothing": (lambda: write("a.mat", {"W": cell([])}), "holds no matrix"),
    "nested": (lambda: write("a.mat", {"W": cell([cell([CHAIN[0]])])}), 'holds a cell in "W{1}"'),
    "link": (linked, "is no sound .mat file of version 7.3: w is in another file."),
    "convolution": (
        lambda: write("a.safetensors", {"conv1.weight": np.ones((2, 3, 3, 3))}),
        'holds "conv1.weight" of shape (2, 3, 3, 3); only dense layers are read. If it is a conv',
    ),
    "batch norm": (
        lambda: write("a.safetensors", NAMED | {"bn1.running_mean": np.ones(4)}),
        'holds a batch normalisation ("bn1.running_mean"); fold it into the layer before it',
    ),
    "recurrent": (
        lambda: write("a.npz", {"r.weight_ih_l0": np.eye(3), "r.weight_hh_l0": np.eye(3)}),
        'holds a recurrent layer ("r.weight_ih_l0"); only dense layers are read.',
    ),
    "parametrised": (
        lambda: write("a.npz", {"f.parametrizations.weight.original": np.ones((2, 3))}),
        'holds a reparametrised layer ("f.parametrizations.weight.original"); remove the',
    ),
    "transposed": (
        lambda: write("a.npz", {"a": CHAIN[0], "b": CHAIN[1].T}),
        'holds no chain of layers: "b" (4, 5) does not follow "a" (4, 6).',
    ),
    "setting": (
        lambda: write("a.safetensors", NAMED, {"activation": "maxmin", "group_size": "two"}),
        "a.safetensors says group_size 'two', which is no whole number >= 1.",
    ),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.timeout(60)
def test_mistake_is_one_line(name):
    make, message = BAD[name]
    path = make()
    with pytest.raises(ValueError) as error:
        load_network(path, None if name == "setting" else "relu")
    assert message in str(error.value)
    assert str(error.value).startswith("--weights")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "--weights: a.npz does not say which activation follows its layers; give it, for"),
        ({"activation": "rellu"}, "unknown activation 'rellu'"),
        ({"activation": "group_sort", "group_size": 3}, "--weights: a.npz: layer 1 of 3: 4 units"),
        ({"activation": "group_sort", "group_size": 0}, "group_size must be a whole number >= 1"),
        ({"activation": ["relu"]}, "--weights: a.npz: 2 hidden layers need 2 activations, not 1."),
        ({"activation": "relu", "layout": "in"}, "layout must be 'auto', 'out-in' or 'in-out'"),
        ({"activation": "relu", "layout": "in-out"}, "holds no chain of layers"),
        ({"activation": "relu", "residual": True}, "residual block 1 of 1"),
        ({"activation": "relu", "input_shape": (6,)}, "input_shape is for .onnx files."),
    ],
)
def test_options(options, message):
    with pytest.raises(ValueError) as error:
        load_network(write("a.npz", NAMED), **options)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_package_names_its_command(monkeypatch):
    path = mat73("a.mat", HIGH)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ValueError, match=r"needs h5py, .* pip install h5py \(or save it with -v7"):
        load_network(path, "relu")


def test_what_unpacks_to_too_much_is_not_read(monkeypatch):
    zeros = {"w": np.zeros((300, 300))}
    monkeypatch.setattr(matlab, "MAX_BYTES", 100_000)
    for path in (write("a.mat", zeros), mat73("b.mat", zeros)):
        assert path == "b.mat" or Path(path).stat().st_size < 5000
        with pytest.raises(ValueError, match="unpacks to more than 100000 bytes"):
            load_network(path, "relu")


def test_more_arrays_than_allowed_are_not_read(monkeypatch):
    monkeypatch.setattr(matlab, "MAX_ARRAYS", 3)
    for path in (write("a.mat", {"W": cell(CHAIN)}), mat73("b.mat", {"W": CHAIN})):
        with pytest.raises(ValueError, match=r"more than .*3 arrays; that is too much"):
            load_network(path, "relu")


def test_what_nests_deeply_is_not_read():
    inner = np.ones((1, 1))
    for _ in range(matlab.MAX_DEPTH + 2):
        inner = cell([inner])
    with pytest.raises(ValueError, match="cells are nested more than 32 deep"):
        load_network(write("a.mat", {"W": inner}), "relu")


def test_groups_that_hold_themselves_end():
    with h5py.File("a.mat", "w", userblock_size=512) as file:
        group = file.create_group("net")
        group["a"] = group["b"] = group
    with pytest.raises(ValueError, match=r"nested more than 32 deep|unpacks to more than"):
        load_network("a.mat", "relu")


def test_a_cell_of_promised_size_is_not_made():
    path = "a.mat"
    scipy.io.savemat(path, {"W": cell(CHAIN)})
    data = Path(path).read_bytes()
    lengths = struct.pack("<2i", 1, len(CHAIN))
    raw(path, data.replace(lengths, struct.pack("<2i", 1 << 20, 1 << 20), 1))
    with pytest.raises(ValueError, match=r"no sound .mat file: a cell is cut off"):
        load_network(path, "relu")


@given(st.binary(min_size=1, max_size=40), st.floats(0, 1), st.sampled_from(["old", "flat", "new"]))
@settings(max_examples=150, deadline=None)
def test_damage_of_a_mat_file_is_one_line_or_nothing(noise, place, kind):
    path = f"{kind}.mat"
    if kind == "new":
        mat73(path, {"W": CHAIN})
    else:
        scipy.io.savemat(path, {"W": cell(CHAIN)}, do_compression=kind == "old")
    data = bytearray(Path(path).read_bytes())
    at = int(place * len(data))
    data[at : at + len(noise)] = noise
    raw(path, bytes(data))
    assert "\n" not in said(path)


def said(path):
    """The message of a refusal, nothing without one; any other error goes through."""
    try:
        load_network(path, "relu")
    except ValueError as error:
        return str(error)
    return ""

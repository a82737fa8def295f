"""Networks from ONNX graphs, against the reference evaluator of onnx."""

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from theory.lipschitz.loading import load_network
from theory.lipschitz.network import Network

RNG = np.random.default_rng(5)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def normal(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


W1, W2, B1, B2 = normal(5, 4), normal(3, 5), normal(5), normal(3)


def graph(nodes, weights, shape=("N", 4), path="a.onnx", version=20, inputs=("x",), output=None):
    """A model of nodes (op, inputs, attributes): the k-th gives "k", the first takes "x"."""
    made = [
        helper.make_node(op, given, [str(k)], name=f"{op}_{k}", **attributes)
        for k, (op, given, attributes) in enumerate(nodes)
    ]
    proto = helper.make_graph(
        made,
        "net",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in inputs],
        [
            helper.make_tensor_value_info(
                output or str(len(nodes) - 1), TensorProto.FLOAT, ("N", "m")
            )
        ],
        [numpy_helper.from_array(np.asarray(w), name) for name, w in weights.items()],
    )
    model = helper.make_model(proto, opset_imports=[helper.make_opsetid("", version)])
    Path(path).write_bytes(model.SerializeToString())
    return path


def agrees(path, shape=(4,), **options):
    """The network, once it gives what the reference gives in single precision."""
    network = load_network(path, **options)
    x = normal(6, *shape)
    wanted = ReferenceEvaluator(path).run(None, {"x": x})[0].reshape(6, -1)
    # Sums of below 100 terms of size about 1 in single precision.
    np.testing.assert_allclose(network(x.reshape(6, -1)), wanted, rtol=1e-4, atol=1e-4)
    return network


TENSORS = {"w1": W1, "w2": W2, "b1": B1, "b2": B2}


def gemm(middle):
    return [
        ("Gemm", ["x", "w1", "b1"], {"transB": 1}),
        middle,
        ("Gemm", ["1", "w2", "b2"], {"transB": 1}),
    ]


ACTIVATIONS = [
    ("Relu", {}, "relu"),
    ("LeakyRelu", {"alpha": 0.25}, "leaky_relu:0.25"),
    ("LeakyRelu", {}, f"leaky_relu:{float(np.float32(0.01))!r}"),
    ("Tanh", {}, "tanh"),
    ("Sigmoid", {}, "sigmoid"),
    ("Elu", {"alpha": 0.5}, "elu:0.5"),
    ("Elu", {}, "elu:1.0"),
    ("Selu", {}, "selu"),
    ("Gelu", {}, "gelu"),
    ("Softplus", {}, "softplus"),
    ("Softsign", {}, "softsign"),
    ("HardSwish", {}, "hard_swish"),
    ("Abs", {}, "abs"),
    ("Sin", {}, "sin"),
    ("Atan", {}, "arctan"),
    ("Erf", {}, "erf"),
]


@pytest.mark.parametrize(("op", "attributes", "name"), ACTIVATIONS)
def test_activations(op, attributes, name):
    network = agrees(graph(gemm((op, ["0"], attributes)), TENSORS))
    assert [s.activation.name for s in network.stages[:-1]] == [name]
    assert network.is_feed_forward
    if op != "Selu":
        assert network.digest() == Network([W1, W2], name).digest()


def test_swish_is_silu():
    path = graph(gemm(("Swish", ["0"], {})), TENSORS, version=24)
    assert load_network(path).stages[0].activation.name == "silu"


def test_selu_of_the_file():
    attributes = {"alpha": 2.0, "gamma": 1.5}
    network = agrees(graph(gemm(("Selu", ["0"], attributes)), TENSORS))
    assert network.stages[0].lower[0] == 0.0
    assert network.stages[0].upper[0] == np.nextafter(3.0, 4.0)


def test_gemm_orientations_and_factors():
    nodes = [
        ("Gemm", ["x", "w1", "b1"], {"alpha": 0.5, "beta": 0.75}),
        ("Relu", ["0"], {}),
        ("Gemm", ["1", "w2"], {"transB": 1, "alpha": 0.3}),
    ]
    network = agrees(graph(nodes, TENSORS | {"w1": W1.T}))
    np.testing.assert_array_equal(network.stages[0].inner, 0.5 * W1.astype(float))
    # 0.3 w is not a float: the factor is a stage of its own.
    assert [s.inner is None for s in network.stages] == [False, True, True]
    assert set(network.stages[1].skip.data) == {float(np.float32(0.3))}
    np.testing.assert_array_equal(network.stages[2].skip, W2.astype(float))


def test_matmul_add_and_what_does_nothing():
    nodes = [
        ("Identity", ["x"], {}),
        ("MatMul", ["0", "w1"], {}),
        ("Add", ["b1", "1"], {}),
        ("Dropout", ["2", "ratio"], {}),
        ("Relu", ["3"], {}),
        ("Flatten", ["4"], {}),
        ("MatMul", ["5", "w2"], {}),
        ("Sub", ["6", "b2"], {}),
        ("Tanh", ["7"], {}),
    ]
    weights = TENSORS | {"w1": W1.T, "w2": W2.T, "ratio": np.float32(0.5)}
    network = agrees(graph(nodes, weights))
    assert len(network.stages) == 3
    np.testing.assert_array_equal(network.stages[-1].skip.toarray(), np.eye(3))


def test_vectors_without_a_batch():
    path = graph([("MatMul", ["w1", "x"], {})], TENSORS, shape=(4,))
    x = normal(4)
    wanted = ReferenceEvaluator(path).run(None, {"x": x})[0]
    np.testing.assert_allclose(load_network(path)(x), wanted, rtol=1e-5, atol=1e-5)


def test_constants_are_nodes_too():
    nodes = [
        ("Constant", [], {"value": numpy_helper.from_array(W1)}),
        ("Transpose", ["0"], {"perm": [1, 0]}),
        ("MatMul", ["x", "1"], {}),
        ("Constant", [], {"value_float": 2.0}),
        ("Mul", ["2", "3"], {}),
    ]
    assert len(agrees(graph(nodes, {})).stages) == 2


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_every_precision_is_exact(kind):
    network = load_network(graph([("MatMul", ["x", "w"], {})], {"w": W1.T.astype(kind)}))
    np.testing.assert_array_equal(network.weights[0], W1.astype(kind).astype(float))


CONVOLUTIONS = [
    {},
    {"pads": [1, 1, 1, 1], "strides": [2, 1]},
    {"pads": [0, 1, 2, 0], "dilations": [2, 1]},
    {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
    {"auto_pad": "SAME_LOWER"},
    {"auto_pad": "VALID"},
]


@pytest.mark.parametrize("attributes", CONVOLUTIONS)
def test_convolutions(attributes):
    probe = np.zeros((1, 2, 7, 6), np.float32)
    kernel, shift = normal(3, 2, 2, 3), normal(3)
    one = graph([("Conv", ["x", "k"], attributes)], {"k": kernel}, probe.shape)
    size = ReferenceEvaluator(one).run(None, {"x": probe})[0].size
    weights = {"k": kernel, "b": shift, "w": normal(4, size), "scale": normal(2, 1, 1)}
    nodes = [
        ("Add", ["x", "scale"], {}),
        ("Mul", ["0", "scale"], {}),
        ("Conv", ["1", "k", "b"], attributes),
        ("Relu", ["2"], {}),
        ("Reshape", ["3", "flat"], {}),
        ("Gemm", ["4", "w"], {"transB": 1}),
    ]
    weights |= {"flat": np.array([0, -1])}
    network = agrees(graph(nodes, weights, ("N", 2, 7, 6)), (2, 7, 6))
    assert network.inputs == 84
    agrees(graph(nodes, weights, ("N", 2, "h", "w")), (2, 7, 6), input_shape=(2, 7, 6))
    with pytest.raises(ValueError, match="the shape is unknown; give input_shape"):
        load_network("a.onnx")


def test_grouped_convolution_of_a_reshaped_vector():
    nodes = [
        ("Reshape", ["x", "image"], {}),
        ("Conv", ["0", "k"], {"group": 2}),
        ("Abs", ["1"], {}),
    ]
    weights = {"image": np.array([-1, 2, 3, 4]), "k": normal(4, 1, 2, 2)}
    agrees(graph(nodes, weights, ("N", 24)), (24,))


def test_activation_may_be_given_if_it_is_that_of_the_graph():
    path = graph(gemm(("Relu", ["0"], {})), TENSORS)
    assert load_network(path, "relu").digest() == load_network(path).digest()
    with pytest.raises(ValueError, match=r"a.onnx has its own activations \(relu\); give none."):
        load_network(path, "tanh")
    with pytest.raises(ValueError, match="leave layout and residual out"):
        load_network(path, residual=True)


def one(op, given=("x",), weights=None, shape=("N", 4), version=20, **attributes):
    return lambda: graph(
        [(op, list(given), attributes)], TENSORS | (weights or {}), shape, version=version
    )


def elsewhere():
    model = onnx.load(graph(gemm(("Relu", ["0"], {})), TENSORS))
    onnx.save(model, "b.onnx", save_as_external_data=True, location="data", size_threshold=0)
    return "b.onnx"


def cut():
    data = Path(graph(gemm(("Relu", ["0"], {})), TENSORS)).read_bytes()
    Path("a.onnx").write_bytes(data[: len(data) // 2])
    return "a.onnx"


def raw(data):
    Path("a.onnx").write_bytes(data)
    return "a.onnx"


NAN = np.where(np.arange(20).reshape(4, 5) == 7, np.nan, W1.T)
BN = {name: np.ones(4, np.float32) for name in "abcd"}
BAD = {
    "absent": (lambda: "none.onnx", "cannot read none.onnx: No such file or directory."),
    "folder": (lambda: str(Path("f.onnx").mkdir() or "f.onnx"), "f.onnx: Is a directory."),
    "no graph": (lambda: raw(b"hello"), "is no sound .onnx file: "),
    "empty": (lambda: raw(b""), "is no sound .onnx file: "),
    "cut": (cut, "is no sound .onnx file: "),
    "elsewhere": (elsewhere, 'keeps "w1" in another file; save it whole: onnx.save(onnx.load('),
    "nan": (one("MatMul", ("x", "w"), {"w": NAN}), 'holds nan in "w" at [1, 2].'),
    "whole": (one("MatMul", ("x", "w"), {"w": np.ones((4, 2), int)}), 'holds int64 in "w": export'),
    "width": (one("MatMul", ("x", "w2")), "which takes 3 numbers where (4,) come in."),
    "left": (one("MatMul", ("w1", "x")), "which multiplies weights from the left; only x W is"),
    "positions": (one("MatMul", ("x", "w"), {"w": W1.T}, ("N", "T", 4)), "shape is unknown; give"),
    "vector": (one("MatMul", ("x", "b1")), "whose weights have shape (5,), not that of a matrix"),
    "batch norm": (
        one("BatchNormalization", ("x", *"abcd"), BN),
        'holds the layer "BatchNormalization_0" (BatchNormalization), which is not understood: '
        "export it in inference mode, where it is folded into the layer before it.",
    ),
    "softmax": (one("Softmax"), "(Softmax), which is not understood: leave it out: bound the"),
    "pool": (one("MaxPool", shape=("N", 1, 4, 4), kernel_shape=[2, 2]), "(MaxPool), which is not"),
    "other": (one("Cos"), 'holds the layer "Cos_0" (Cos), which is not understood: known are Gemm'),
    "tanh gelu": (one("Gelu", approximate="tanh"), "(Gelu), which is not understood"),
    "residual": (
        lambda: graph([("Relu", ["x"], {}), ("Add", ["x", "0"], {})], {}),
        'holds the layer "Add_1" (Add), which adds two signals: give the matrices of a residual',
    ),
    "branch": (
        lambda: graph([("Relu", ["x"], {}), ("Tanh", ["x"], {})], {}),
        'holds the layer "Tanh_1" (Tanh), where the signal branches',
    ),
    "product": (one("Mul", ("x", "x")), "(Mul), which joins two signals; only a chain"),
    "weights given": (
        lambda: graph([("MatMul", ["x", "y"], {})], {}, inputs=("x", "y")),
        "must have one input; it has x, y.",
    ),
    "early end": (
        lambda: graph([("Relu", ["x"], {}), ("Tanh", ["0"], {})], {}, output="0"),
        'gives "0", which is not the end of its layers.',
    ),
    "domain": (one("FusedGemm", ("x", "w1"), domain="com.microsoft"), "is no sound .onnx file: "),
    "training": (one("Dropout", ("x", "", "t"), {"t": np.array(True)}), "in training mode: export"),
    "third": (one("Div", ("x", "t"), {"t": np.float32(3)}), "quotients are not exact; multiply"),
    "text": (
        lambda: graph([("Constant", [], {"value_string": "t"}), ("Add", ["x", "0"], {})], {}),
        'holds the layer "Constant_0" (Constant), computed of constants: export with constant fold',
    ),
    "too large": (one("Relu", shape=(1, 1 << 40)), "a signal (1099511627776,), which is too large"),
    "wrong bias": (one("Gemm", ("x", "w", "b2"), {"w": W1.T}), "of (3,) numbers beside (5,)."),
    "minus": (one("Sub", ("b", "x"), {"b": normal(4)}), "which subtracts the signal; only x - c"),
    "wide bias": (one("Add", ("x", "b1")), "of (5,) numbers beside (4,)."),
    "batch": (one("Flatten", axis=0), "which flattens the batch too."),
    "reshape": (one("Reshape", ("x", "t"), {"t": np.array([-1, 2])}), "which does not keep (4,)."),
    "reshape batch": (one("Reshape", ("x", "t"), {"t": np.array([-1])}), "is not within one input"),
    "transposed signal": (one("Gemm", ("x", "w2"), transA=1), "must be the signal, not transposed"),
    "infinite": (one("Gemm", ("x", "w"), {"w": W1.T}, alpha=np.inf), "with alpha inf."),
    "kernel": (one("Conv", ("x", "k"), {"k": normal(1, 1, 2)}), "a kernel of shape (1, 1, 2) on a"),
    "channels": (
        one("Conv", ("x", "k"), {"k": normal(1, 3, 2)}, ("N", 2, 5)),
        "takes 3 channels in, not 2",
    ),
    "slope": (one("LeakyRelu", alpha=np.nan), "(LeakyRelu), where the parameter of"),
}


@pytest.mark.parametrize("name", BAD)
def test_mistake_is_one_line(name):
    make, message = BAD[name]
    path = make()
    with pytest.raises(ValueError) as error:
        load_network(path)
    assert message in str(error.value)
    assert str(error.value).startswith("--weights: ")
    assert "\n" not in str(error.value)


def test_missing_package_names_its_command(monkeypatch):
    path = graph(gemm(("Relu", ["0"], {})), TENSORS)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ValueError, match=r"needs onnx, .*: pip install onnx\.$"):
        load_network(path)


@given(st.binary(min_size=1, max_size=40), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_damage_is_one_line_or_nothing(noise, place):
    data = bytearray(Path(graph(gemm(("Relu", ["0"], {})), TENSORS)).read_bytes())
    at = int(place * len(data))
    data[at : at + len(noise)] = noise
    Path("damaged.onnx").write_bytes(data)
    assert "\n" not in said("damaged.onnx")


def said(path):
    """The message of a refusal, nothing without one; any other error goes through."""
    try:
        load_network(path)
    except ValueError as error:
        return str(error)
    return ""

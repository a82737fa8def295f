"""Networks in ONNX files: one signal through linear layers and activations, in their order.

Every layer is taken as the exact map of real numbers that it stands for, and nothing is folded
where that would round: a factor that is no power of two becomes a linear stage of its own.
"""

import functools
import importlib
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse

from theory._checks import whole
from theory.lipschitz.convolution import convolution, output_lengths
from theory.lipschitz.network import Matrix, Network, Stage, Vector
from theory.lipschitz.nonlinearity import Nonlinearity, nonlinearity
from theory.weights import Array, line, mistake

ACTIVATIONS = {
    "Relu": "relu",
    "Tanh": "tanh",
    "Sigmoid": "sigmoid",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "HardSwish": "hard_swish",
    "Abs": "abs",
    "Sin": "sin",
    "Atan": "arctan",
    "Erf": "erf",
}
VALUES = {"value_float": "f4", "value_floats": "f4", "value_int": "i8", "value_ints": "i8"}
MAX_WIDTH = 1 << 26
"""Numbers in a signal; more would not fit into memory."""
RESIDUAL = "give the matrices of a residual network to Network.residual"
FOLD = "export it in inference mode, where it is folded into the layer before it"
LOGITS = "leave it out: bound the outputs before it"
FLOATS = "export the network in float32"
ADVICE = {
    "BatchNormalization": FOLD,
    "Softmax": LOGITS,
    "LogSoftmax": LOGITS,
    "QuantizeLinear": FLOATS,
    "DequantizeLinear": FLOATS,
    "Shape": "export with fixed shapes (torch.nn.Flatten in place of view)",
    "Div": "quotients are not exact; multiply instead",
}
KNOWN = (
    "known are Gemm, MatMul, Conv, Add, Sub, Mul, Flatten, Reshape, Dropout, Identity, "
    f"{', '.join(ACTIVATIONS)}, LeakyRelu, Elu, Selu, Gelu and Swish"
)


def read_onnx(path: str, input_shape: Sequence[int] | None = None) -> Network:
    """The network of the graph; ValueError, in one line, for anything that is not understood."""
    try:
        onnx = importlib.import_module("onnx")
    except ImportError:
        raise mistake(path, "needs onnx, of the extra `weights`: pip install onnx.") from None
    try:
        model = onnx.load(path, load_external_data=False)
    except OSError:
        raise
    except Exception as error:  # protobuf has its own kinds
        raise mistake(path, f"is no sound .onnx file: {line(error)}.") from None
    graph = model.graph
    values = [a.t for node in graph.node for a in node.attribute if a.name == "value"]
    for tensor in (*graph.initializer, *values):
        if tensor.external_data:
            raise mistake(
                path,
                f'keeps "{tensor.name}" in another file; save it whole: '
                "onnx.save(onnx.load(FILE), 'net.onnx').",
            )
    try:
        onnx.checker.check_model(model)
        constants = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
    except Exception as error:
        raise mistake(path, f"is no sound .onnx file: {line(error)}.") from None
    if len(graph.sparse_initializer) or len(graph.output) != 1:
        raise mistake(path, "must have one output, and no sparse weights.")
    inputs = [one for one in graph.input if one.name not in constants]
    if len(inputs) != 1:
        names = ", ".join(one.name for one in inputs) or "none"
        raise mistake(path, f"must have one input; it has {names}.")
    walk = _Walk(path, onnx, constants, inputs[0], input_shape)
    with np.errstate(all="ignore"):  # what overflows is refused
        for node in graph.node:
            walk.step(node)
    return walk.network(graph.output[0].name)


class _Walk:
    """Follows the signal through the graph, collecting stages."""

    def __init__(
        self, path: str, onnx: Any, constants: dict[str, Array], start: Any, shape: Any
    ) -> None:
        self.path, self.onnx, self.constants = path, onnx, constants
        self.signal: str = start.name
        dims = [d.dim_value or None for d in start.type.tensor_type.shape.dim]
        self.batched = len(dims) != 1
        own = dims[1:] if self.batched else dims
        if shape is None and own and None not in own:
            shape = own
        self.is_flat = len(own) <= 1
        self.shape: tuple[int, ...] | None = (
            None if shape is None else tuple(whole(n, "input_shape") for n in shape)
        )
        self.pending: list[tuple[Matrix, Vector | None]] = []
        """Linear layers since the last activation, and their biases."""
        self.stages: list[Stage] = []
        self.node: Any = None

    def fail(self, what: str) -> ValueError:
        """The error that names the node."""
        name = self.node.name or (self.node.output[0] if self.node.output else "")
        return mistake(self.path, f'holds the layer "{name}" ({self.node.op_type}), {what}.')

    def step(self, node: Any) -> None:
        """The stages that a node adds."""
        self.node = node
        if node.domain not in ("", "ai.onnx"):
            raise self.fail(f"of the unknown domain {node.domain}")
        names = [name for name in node.input if name]
        computed = [name for name in names if name not in self.constants]
        if not computed:
            self.constants[node.output[0]] = self.constant(names)
            return
        if len(computed) > 1:
            if node.op_type == "Add":
                raise self.fail(f"which adds two signals: {RESIDUAL}")
            raise self.fail("which joins two signals; only a chain of layers is read")
        if computed[0] != self.signal:
            raise self.fail("where the signal branches; only a chain of layers is read")
        handler = getattr(self, f"on_{node.op_type.lower()}", None)
        kind = None if handler else self.activation()
        if handler:
            handler()
        elif kind:
            self.activate(kind)
        else:
            raise self.fail(f"which is not understood: {ADVICE.get(node.op_type, KNOWN)}")
        self.signal = node.output[0]

    def network(self, output: str) -> Network:
        """All stages; the last one is linear."""
        if output != self.signal:
            raise mistake(self.path, f'gives "{output}", which is not the end of its layers.')
        self.stages += [Stage(skip=w, bias=b) for w, b in self.pending]
        if not self.stages:
            raise mistake(self.path, "holds no layer.")
        if self.stages[-1].inner is not None:
            self.stages.append(Stage(skip=scipy.sparse.eye_array(self.width(), format="csr")))
        return Network.of_stages(self.stages)

    # ---- parts of a node ----------------------------------------------------------------------

    def attributes(self) -> dict[str, Any]:
        """What the node says besides its inputs."""
        value = self.onnx.helper.get_attribute_value
        return {one.name: value(one) for one in self.node.attribute}

    def constant(self, names: list[str]) -> Array:
        """What a node makes of constants only."""
        said = self.attributes()
        for name, value in said.items() if self.node.op_type == "Constant" else ():
            if name == "value":
                return np.asarray(self.onnx.numpy_helper.to_array(value))
            if name in VALUES:
                return np.asarray(value, dtype=VALUES[name])
        if self.node.op_type == "Identity":
            return self.constants[names[0]]
        if self.node.op_type == "Transpose" and said.get("perm", [1, 0]) == [1, 0]:
            return self.constants[names[0]].T
        raise self.fail("computed of constants: export with constant folding")

    def has(self, place: int) -> bool:
        """Whether the node has an input at this place, which may be left out."""
        return len(self.node.input) > place and bool(self.node.input[place])

    def given(self, place: int) -> Any:
        """The constant input at this place, None where there is none."""
        inputs = self.node.input
        return self.constants.get(inputs[place]) if place < len(inputs) else None

    def numbers(self, place: int) -> Vector:
        """The constant floats at this place, in double precision."""
        array = self.given(place)
        if array is None:
            raise self.fail("whose weights are computed")
        name = self.node.input[place]
        # bfloat16 is of a kind of its own, with exact conversions.
        if array.dtype.kind != "f" and array.dtype.name != "bfloat16":
            raise self.fail(f'which holds {array.dtype} in "{name}": {FLOATS}')
        found: Vector = array.astype(np.float64)
        if not np.isfinite(found).all():
            at = [int(i) for i in np.argwhere(~np.isfinite(found))[0]]
            raise mistake(self.path, f'holds {found[tuple(at)]} in "{name}" at {at}.')
        return found

    def width(self) -> int:
        """Numbers in the signal."""
        if self.shape is None:
            raise self.fail("before which the shape is unknown; give input_shape")
        if math.prod(self.shape) > MAX_WIDTH:
            raise self.fail(f"on a signal {self.shape}, which is too large")
        return math.prod(self.shape)

    def linear(self, w: Matrix, bias: Vector | None = None) -> None:
        """One more linear layer; the shape of the signal is its caller's business."""
        if bias is not None and not np.isfinite(bias).all():
            raise self.fail("whose bias overflows")
        self.pending.append((w, bias))

    def dense(self, weight: Vector, shift: Vector | None = None) -> None:
        """A layer of weights (out, in) on a signal without further axes."""
        if weight.ndim != 2 or 0 in weight.shape:
            raise self.fail(f"whose weights have shape {weight.shape}, not that of a matrix")
        if self.shape is None and not self.is_flat:
            self.width()
        if self.shape not in (None, (weight.shape[1],)):
            raise self.fail(f"which takes {weight.shape[1]} numbers where {self.shape} come in")
        self.shape = (weight.shape[0],)
        self.linear(np.ascontiguousarray(weight), None if shift is None else self.spread(shift))

    def spread(self, values: Vector) -> Vector:
        """A constant beside the signal, one number for each of the signal's."""
        width = self.width()
        assert self.shape is not None
        try:
            return np.broadcast_to(values, (1, *self.shape)).reshape(width).copy()
        except ValueError:
            raise self.fail(f"of {values.shape} numbers beside {self.shape}") from None

    # ---- linear layers ------------------------------------------------------------------------

    def on_gemm(self) -> None:
        said = self.attributes()
        if self.node.input[0] != self.signal or said.get("transA"):
            raise self.fail("whose first input must be the signal, not transposed")
        weight = self.numbers(1)
        weight = weight if said.get("transB") else weight.T
        shift = self.numbers(2) * said.get("beta", 1.0) if self.has(2) else None
        alpha = float(said.get("alpha", 1.0))
        if not math.isfinite(alpha):
            raise self.fail(f"with alpha {alpha}")
        scaled = weight * alpha
        if abs(math.frexp(alpha)[0]) == 0.5 and np.array_equal(scaled / alpha, weight):
            weight = scaled
        else:
            self.linear(alpha * scipy.sparse.eye_array(weight.shape[1], format="csr"))
        self.dense(weight, shift)

    def on_matmul(self) -> None:
        if self.node.input[0] == self.signal:
            self.dense(self.numbers(1).T)
        elif not self.batched:
            self.dense(self.numbers(0))
        else:
            raise self.fail("which multiplies weights from the left; only x W is read")

    def on_conv(self) -> None:
        kernel, said = self.numbers(1), self.attributes()
        self.width()
        shape, axes = self.shape or (), kernel.ndim - 2
        if len(shape) != axes + 1:
            raise self.fail(f"with a kernel of shape {kernel.shape} on a signal {shape}")
        stride, gap = (list(said.get(n, [1] * axes)) for n in ("strides", "dilations"))
        try:
            pads = self.pads(said, shape[1:], kernel.shape[2:], stride, gap)
            w = convolution(kernel, shape, stride, pads, gap, int(said.get("group", 1)))
            lengths = output_lengths(shape[1:], kernel.shape[2:], stride, pads, gap)
        except ValueError as error:
            raise self.fail(f"where {line(error)}") from None
        self.shape = (kernel.shape[0], *lengths)
        shift = self.numbers(2).reshape(-1, *[1] * axes) if self.has(2) else None
        self.linear(w, None if shift is None else self.spread(shift))

    def pads(self, said: Any, lengths: Any, kernel: Any, stride: Any, gap: Any) -> Any:
        """Pairs (before, after) of padding, per axis."""
        auto = said.get("auto_pad", b"NOTSET").decode()
        if auto == "NOTSET":
            ends = list(said.get("pads", [0] * 2 * len(kernel)))
            return list(zip(ends[: len(kernel)], ends[len(kernel) :], strict=True))
        pairs = []
        for n, k, s, d in zip(lengths, kernel, stride, gap, strict=True):
            total = max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0) if "SAME" in auto else 0
            less, more = total // 2, total - total // 2
            pairs.append((more, less) if auto == "SAME_LOWER" else (less, more))
        return pairs

    def on_add(self, sign: float = 1.0) -> None:
        place = 1 if self.node.input[0] == self.signal else 0
        shift = sign * self.spread(self.numbers(place))
        if self.pending:
            w, bias = self.pending.pop()
            self.linear(w, shift if bias is None else bias + shift)
        else:
            self.linear(scipy.sparse.eye_array(len(shift), format="csr"), shift)

    def on_sub(self) -> None:
        if self.node.input[0] != self.signal:
            raise self.fail("which subtracts the signal; only x - c is read")
        self.on_add(-1.0)

    def on_mul(self) -> None:
        place = 1 if self.node.input[0] == self.signal else 0
        self.linear(scipy.sparse.diags_array(self.spread(self.numbers(place)), format="csr"))

    # ---- what changes no number ---------------------------------------------------------------

    def on_identity(self) -> None:
        pass

    def on_dropout(self) -> None:
        training = self.given(2)
        if self.has(2) and (training is None or training.any()):
            raise self.fail("in training mode: export the network in inference mode")

    def on_flatten(self) -> None:
        rank = None if self.shape is None else len(self.shape) + 1
        axis = self.attributes().get("axis", 1)
        if not self.batched or (axis != 1 and (rank is None or axis + rank != 1)):
            raise self.fail("which flattens the batch too")
        self.shape, self.is_flat = None if self.shape is None else (self.width(),), True

    def on_reshape(self) -> None:
        target = self.given(1)
        if target is None or not self.batched or self.attributes().get("allowzero"):
            raise self.fail("to a shape that is computed; export with fixed shapes")
        first, *rest = (int(n) for n in np.ravel(target)) if np.size(target) else (None,)
        shape = self.shape
        if shape is not None:
            places = [shape[i] if n == 0 and i < len(shape) else n for i, n in enumerate(rest)]
            if places.count(-1) == 1 and first != -1:
                others = -math.prod(places)
                at = places.index(-1)
                places[at] = self.width() // others if others > 0 else -1
            if first not in (0, 1, -1) or min(places, default=0) < 1:
                raise self.fail(f"to {[first, *rest]}, which is not within one input")
            if math.prod(places) != self.width():
                raise self.fail(f"to {[first, *rest]}, which does not keep {shape}")
            self.shape = tuple(places)
        elif first not in (0, 1, -1) or len(rest) != 1:
            self.width()
        self.is_flat = True

    # ---- activations --------------------------------------------------------------------------

    def activation(self) -> Nonlinearity | None:
        """The activation that the node is, None for another layer."""
        kind, said = self.node.op_type, self.attributes()
        single = functools.partial(_single, said)
        name = ACTIVATIONS.get(kind)
        if kind == "LeakyRelu":
            name = f"leaky_relu:{single('alpha', 0.01)!r}"
        elif kind == "Elu":
            name = f"elu:{single('alpha', 1.0)!r}"
        elif kind == "Swish" and single("alpha", 1.0) == 1.0:
            name = "silu"
        elif kind == "Gelu" and said.get("approximate", b"none") == b"none":
            name = "gelu"
        elif kind == "Selu":
            return self.selu(single("alpha", 1.6732631921768188), single("gamma", 1.05070102214))
        try:
            return None if name is None else nonlinearity(name)
        except ValueError as error:
            raise self.fail(f"where {line(error)}") from None

    def selu(self, alpha: float, gamma: float) -> Nonlinearity:
        """The constants are rounded to single precision in the file, and so are its slopes."""
        if not (alpha >= 0 and gamma >= 0 and math.isfinite(alpha * gamma)):
            raise self.fail(f"with alpha {alpha} and gamma {gamma}")
        top = math.nextafter(max(gamma, alpha * gamma), math.inf)
        run = functools.partial(_selu, alpha, gamma)
        return replace(nonlinearity("selu"), lower=0.0, upper=top, function=run)

    def activate(self, kind: Nonlinearity) -> None:
        """A stage of the last linear layer and the activation."""
        if not self.pending:
            self.linear(scipy.sparse.eye_array(self.width(), format="csr"))
        *before, (w, bias) = self.pending
        self.stages += [Stage(skip=m, bias=b) for m, b in before]
        lower, upper = (np.full(w.shape[0], slope) for slope in (kind.lower, kind.upper))
        self.stages.append(Stage(inner=w, activation=kind, lower=lower, upper=upper, bias=bias))
        self.pending = []


def _single(said: dict[str, Any], name: str, default: float) -> float:
    """An attribute, which is kept in single precision, as is its default."""
    return float(np.float32(said.get(name, default)))


def _selu(alpha: float, gamma: float, v: Any) -> Any:
    return gamma * np.where(v > 0, v, alpha * np.expm1(np.minimum(v, 0)))

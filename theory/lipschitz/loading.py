"""Networks from files that are not trusted: .safetensors, .npz, .mat and .onnx.

Half and single precision are converted exactly, and nothing is ever unpickled or executed.  A file
of arrays holds dense layers that follow each other (see `theory.weights`); only an .onnx file says
what lies between them.  What is wrong with a file is said in one line that starts with "--weights".
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from theory._checks import whole
from theory.lipschitz.matlab import read_mat
from theory.lipschitz.network import Network
from theory.lipschitz.nonlinearity import Nonlinearity, nonlinearity
from theory.lipschitz.onnx_graph import read_onnx
from theory.weights import READERS, Array, Layer, Layout, chain, metadata, mistake, read_file

PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin", ".joblib")
CONVERT = (
    "convert it where you trust it: safetensors.torch.save_file("
    "torch.load(FILE, weights_only=True), 'net.safetensors')"
)

Activation = str | Nonlinearity | Sequence[str | Nonlinearity]


def load_network(
    path: str | Path,
    activation: Activation | None = None,
    group_size: int | None = None,
    layout: Layout = "auto",
    *,
    residual: bool = False,
    direction: Any = None,
    input_shape: Sequence[int] | None = None,
) -> Network:
    """The network in a file, checked.

    `activation`, `group_size` (else 2) and `direction`: as for `Network`.  The metadata
    "activation" and "group_size" of a .safetensors file, or variables of these names in a .mat
    file, serve where they are not given; an .onnx file brings its own activations.
    `layout`: "out-in" (PyTorch) or "in-out" (Keras, Flax) for square layers, whose shapes do not
    tell.  `residual`: the layers between the first and the last, which are linear, are blocks
    x <- x + phi(W x + b).  `input_shape`: without the batch, for an .onnx file that does not say.

    Raises ValueError, in one line, for a file that cannot be read, holds anything that is not
    understood (by its name) or a number that is not finite, and for an activation that is missing.
    """
    path = str(path)
    if layout not in ("auto", "out-in", "in-out"):
        raise ValueError(f"layout must be 'auto', 'out-in' or 'in-out', not {layout!r}.")
    if Path(path).suffix in PICKLES:
        raise mistake(path, f"may hold Python pickles, which are never loaded; {CONVERT}.")

    def of_arrays(arrays: dict[str, Array], settings: dict[str, str]) -> Network:
        if input_shape is not None:
            raise mistake(path, "holds dense layers; input_shape is for .onnx files.")
        layers = chain(path, arrays, layout)
        kinds = _activation(path, len(layers), activation, settings)
        size = group_size
        if size is None:
            size = _group_size(path, settings.get("group_size", "2"))
        return _network(path, layers, kinds, size, direction, residual)

    def of_graph(name: str) -> Network:
        if residual or layout != "auto":
            raise mistake(path, "says itself how its layers follow; leave layout and residual out.")
        network = read_onnx(name, input_shape)
        own = {stage.activation.name for stage in network.stages if stage.activation is not None}
        if activation is not None and own and {_name(activation)} != own:
            raise mistake(path, f"has its own activations ({', '.join(sorted(own))}); give none.")
        return network

    return read_file(
        path,
        {
            ".safetensors": lambda f: of_arrays(READERS[".safetensors"](f), metadata(f)),
            ".npz": lambda f: of_arrays(READERS[".npz"](f), {}),
            ".mat": lambda f: of_arrays(*read_mat(f)),
            ".onnx": of_graph,
        },
    )


def _name(activation: Activation) -> str:
    one = activation if isinstance(activation, str | Nonlinearity) else activation[0]
    return nonlinearity(one).name


def _activation(
    path: str, layers: int, activation: Activation | None, settings: dict[str, str]
) -> Activation:
    found = activation if activation is not None else settings.get("activation")
    if found is not None:
        return found
    if layers == 1:
        return "linear"
    raise mistake(
        path, "does not say which activation follows its layers; give it, for example relu."
    )


def _group_size(path: str, text: str) -> int:
    try:
        return whole(int(float(text)) if float(text).is_integer() else text, "group_size")
    except (ValueError, OverflowError):
        raise mistake(path, f"says group_size {text!r}, which is no whole number >= 1.") from None


def _network(
    path: str,
    layers: Sequence[Layer],
    activation: Activation,
    group_size: int,
    direction: Any,
    residual: bool,
) -> Network:
    weights = [layer.weight for layer in layers]
    for one in [activation] if isinstance(activation, str | Nonlinearity) else activation:
        nonlinearity(one, group_size, direction)  # its mistakes are not those of the file
    try:
        if not residual:
            biases = [layer.bias for layer in layers]
            return Network(weights, activation, group_size, biases=biases, direction=direction)
        if len(weights) < 3 or not isinstance(activation, str | Nonlinearity):
            raise ValueError("residual needs three layers at least and one activation.")
        first, *blocks, last = weights
        bare = Network.residual(first, blocks, last, activation, group_size, direction=direction)
    except ValueError as error:
        raise ValueError(f"--weights: {path}: {error}") from None
    stages = zip(bare.stages, layers, strict=True)
    return Network.of_stages(replace(stage, bias=layer.bias) for stage, layer in stages)

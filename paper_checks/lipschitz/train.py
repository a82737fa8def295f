"""Train the networks of the claims on digits: python -m paper_checks.lipschitz.train.

MaxMin, GroupSort and ReLU networks of a few widths and depths, with biases, in float32: Adam on the
cross entropy of 1437 of scikit-learn's 1797 images (pixels in [0, 1]) with a slight weight decay.
The weights are shipped, since the last digits depend on the machine: fc1.weight, fc1.bias, ... with
activation, group size and the accuracy on the other 360 images as metadata.
"""

import argparse
import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent / "networks"
NETWORKS = {
    f"{name}-{'-'.join(map(str, widths))}": (activation, group_size, widths)
    for name, activation, group_size, shapes in (
        ("maxmin", "maxmin", 2, ((64, 16, 16, 10), (64, 32, 32, 10), (64, *5 * [16], 10))),
        ("relu", "relu", 1, ((64, 16, 16, 10), (64, 32, 32, 10), (64, *5 * [16], 10))),
        ("groupsort4", "group_sort", 4, ((64, 32, 32, 10),)),
    )
    for widths in shapes
}
"""Name -> activation, group size (1: none) and widths."""
TEST, BATCH, STEPS, RATE, DECAY, SEED = 360, 64, 2000, 3e-3, 1e-4, 1


def main() -> int:
    """Train all, write them, and print their accuracies."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0] + ".")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder to write to")
    folder = parser.parse_args().out
    try:
        x, y = digits()
    except ImportError:
        print(
            "Training needs scikit-learn; install the extra: pip install .[data]", file=sys.stderr
        )
        return 2
    from safetensors.numpy import save

    folder.mkdir(parents=True, exist_ok=True)
    for name, (activation, group_size, widths) in NETWORKS.items():
        phi = jax_activation(activation, group_size)
        layers = trained(x[TEST:], y[TEST:], widths, phi)
        right = float((output(layers, x[:TEST], phi).argmax(axis=1) == y[:TEST]).mean())
        tensors = {f"fc{i}.weight": w for i, (w, _) in enumerate(layers, start=1)}
        tensors |= {f"fc{i}.bias": b for i, (_, b) in enumerate(layers, start=1)}
        notes = {
            "activation": activation,
            "group_size": str(group_size),
            "accuracy": f"{right:.4f}",
        }
        (folder / f"{name}.safetensors").write_bytes(save(tensors, notes))
        print(f"{name}: accuracy on {TEST} images not trained on: {100 * right:.1f} %")
    return 0


def digits() -> tuple[Any, Any]:
    """Images (1797, 64) with pixels in [0, 1] and labels, in the order of a fixed shuffle."""
    import numpy as np
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]  # it has no types

    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(SEED).permutation(len(x))
    return (x[order] / 16).astype(np.float32), y[order]


def jax_activation(name: str, group_size: int) -> Callable[[Any], Any]:
    """ReLU, or GroupSort of this group size."""
    import jax
    import jax.numpy as jnp

    if name == "relu":
        return jax.nn.relu
    return lambda v: jnp.sort(v.reshape(*v.shape[:-1], -1, group_size)).reshape(v.shape)


def output(layers: list[Any], x: Any, phi: Callable[[Any], Any]) -> Any:
    """The network's output for rows of inputs."""
    for weight, bias in layers[:-1]:
        x = phi(x @ weight.T + bias)
    weight, bias = layers[-1]
    return x @ weight.T + bias


def trained(x: Any, y: Any, widths: tuple[int, ...], phi: Callable[[Any], Any]) -> list[Any]:
    """The layers after training, (weight (out, in), bias) each."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    first, key = jax.random.split(jax.random.key(SEED, impl="threefry2x32"))
    shapes = list(zip(widths[1:], widths[:-1], strict=True))
    layers = [
        (
            jax.random.normal(k, s, jnp.float32) * np.float32((2 / s[1]) ** 0.5),
            jnp.zeros(s[0], jnp.float32),
        )
        for k, s in zip(jax.random.split(first, len(shapes)), shapes, strict=True)
    ]
    x, y = jnp.asarray(x), jnp.asarray(y)

    def loss(layers: list[Any], rows: Any) -> Any:
        logits = output(layers, x[rows], phi)
        decay = sum(jnp.sum(w * w) for w, _ in layers)
        entropy = -jnp.mean(jax.nn.log_softmax(logits)[jnp.arange(BATCH), y[rows]])
        return entropy + DECAY * decay

    @functools.partial(jax.jit, donate_argnums=0)
    def run(state: Any) -> Any:
        return jax.lax.scan(step, state, jnp.arange(STEPS, dtype=jnp.float32))[0]

    def step(state: Any, number: Any) -> Any:
        layers, mean, square = state
        rows = jax.random.randint(
            jax.random.fold_in(key, number.astype(jnp.int32)), (BATCH,), 0, len(y)
        )
        slope = jax.grad(loss)(layers, rows)
        mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, slope)
        square = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, square, slope)
        rate = RATE * (1 - number / STEPS) * jnp.sqrt(1 - 0.999 ** (number + 1))
        rate = rate / (1 - 0.9 ** (number + 1))
        layers = jax.tree.map(
            lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-8), layers, mean, square
        )
        return (layers, mean, square), None

    state = (layers, *(jax.tree.map(jnp.zeros_like, layers) for _ in range(2)))
    return [(np.asarray(w), np.asarray(b)) for w, b in run(state)[0]]


if __name__ == "__main__":
    raise SystemExit(main())

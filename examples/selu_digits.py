"""Train a small SELU network on scikit-learn's digits and write its weights, for the user tool.

    python examples/selu_digits.py                # needs the extra `data`: pip install .[data]
    python -m simulations.selu --weights examples/selu_digits.safetensors \
        --data examples/selu_digits_inputs.npy

64-64-64-64-10 units, weights N(0, 1/n) and no biases at the start, Adam on the cross entropy of
1437 of the 1797 images; the other 360, standardised, are the inputs that are written.
"""

from __future__ import annotations

import argparse
import functools
import sys
from pathlib import Path
from typing import Any

import numpy as np

WIDTHS = (64, 64, 64, 64, 10)
TEST, BATCH, STEPS, RATE, SEED = 360, 64, 1500, 1e-3, 1
HERE = Path(__file__).resolve().parent


def main() -> int:
    """Train, write, and print how often the network is right."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write to")
    parser.add_argument("--keep", type=float, default=1.0, help="alpha dropout; 1 is none")
    chosen = parser.parse_args()
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        print(
            "Training needs scikit-learn; install the extra: pip install .[data]", file=sys.stderr
        )
        return 2
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(SEED).permutation(len(x))
    train, test = order[TEST:], order[:TEST]
    mean, deviation = x[train].mean(axis=0), x[train].std(axis=0)
    x = (x - mean) / np.where(deviation > 0, deviation, 1)
    layers = trained(x[train], y[train], chosen.keep)
    right = np.mean(np.argmax(output(layers, x[test]), axis=1) == y[test])
    write(chosen.out, layers, x[test])
    print(f"accuracy on {TEST} images not trained on: {100 * right:.1f} %")
    return 0


def output(layers: list[Any], x: Any) -> Any:
    """The network's output for rows of inputs."""
    return network(layers, x, None, 1.0)


def network(layers: list[Any], h: Any, key: Any, keep: float) -> Any:
    """As `output`, with alpha dropout where there is a key."""
    import jax

    from theory.selu import ALPHA, SCALE, alpha_dropout

    a, b = alpha_dropout(keep)
    for number, (weight, bias) in enumerate(layers):
        h = h @ weight.T + bias
        if number < len(layers) - 1:
            h = jax.nn.selu(h)
            if keep < 1 and key is not None:
                kept = jax.random.bernoulli(jax.random.fold_in(key, number), keep, h.shape)
                h = a * jax.numpy.where(kept, h, -SCALE * ALPHA) + b
    return h


def trained(x: Any, y: Any, keep: float) -> list[Any]:
    """The layers after training, (weight (out, in), bias) each."""
    import jax
    import jax.numpy as jnp

    first, key = jax.random.split(jax.random.key(SEED))
    shapes = list(zip(WIDTHS[1:], WIDTHS[:-1], strict=True))
    draws = zip(jax.random.split(first, len(shapes)), shapes, strict=True)
    layers = [(jax.random.normal(k, s) * s[1] ** -0.5, jnp.zeros(s[0])) for k, s in draws]
    x, y = jnp.asarray(x, jnp.float32), jnp.asarray(y)

    def loss(layers: list[Any], rows: Any, key: Any) -> Any:
        logits = network(layers, x[rows], key, keep)
        return -jnp.mean(jax.nn.log_softmax(logits)[jnp.arange(BATCH), y[rows]])

    @functools.partial(jax.jit, donate_argnums=0)
    def step(state: Any, number: Any) -> Any:
        layers, first, second = state
        chance = jax.random.fold_in(key, number)
        rows = jax.random.randint(chance, (BATCH,), 0, len(y))
        slope = jax.grad(loss)(layers, rows, chance)
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, slope)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, slope)
        rate = RATE * jnp.sqrt(1 - 0.999 ** (number + 1)) / (1 - 0.9 ** (number + 1))
        layers = jax.tree.map(
            lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-8), layers, first, second
        )
        return layers, first, second

    state = (layers, *(jax.tree.map(jnp.zeros_like, layers) for _ in range(2)))
    for number in range(STEPS):
        state = step(state, jnp.float32(number))
    return [(np.asarray(w), np.asarray(b)) for w, b in state[0]]


def write(folder: Path, layers: list[Any], inputs: Any) -> None:
    """The two files."""
    from safetensors.numpy import save

    tensors = {f"fc{i}.weight": w for i, (w, _) in enumerate(layers, start=1)}
    tensors |= {f"fc{i}.bias": b for i, (_, b) in enumerate(layers, start=1)}
    (folder / "selu_digits.safetensors").write_bytes(save(tensors))
    np.save(folder / "selu_digits_inputs.npy", inputs.astype(np.float32))


if __name__ == "__main__":
    raise SystemExit(main())

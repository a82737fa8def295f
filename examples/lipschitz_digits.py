"""Train a small classifier of scikit-learn's digits with its Lipschitz bound as a regulariser.

    python examples/lipschitz_digits.py           # needs the extra `data`: pip install .[data]

A 64-32-32-10 network is trained twice on 1437 of the 1797 images (pixels in [0, 1]): on the cross
entropy alone, and with `WEIGHT * lipschitz_estimate` added.  Every step moves the estimate on by
two iterations from where it was.  The bounds and radii that are printed are certified: no change of
an image that is smaller than its radius (Euclidean norm) changes its label.
"""

from __future__ import annotations

import argparse
import functools
import sys
from typing import Any

import numpy as np

WIDTHS = (64, 32, 32, 10)
WEIGHT, ITERATIONS, TEST, BATCH, STEPS, RATE, SEED = 0.1, 2, 360, 64, 2000, 3e-3, 1


def main() -> int:
    """Train both, certify, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--activation", choices=("maxmin", "relu"), default="maxmin")
    parser.add_argument("--weight", type=float, default=WEIGHT, help="of the bound in the loss")
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
    x, y = (x[order] / 16).astype(np.float32), y[order]
    print(f"{'weight':>8} {'accuracy':>9} {'bound':>9} {'radius':>8} {'right within 0.5':>17}")
    for weight in (0.0, chosen.weight):
        layers = trained(x[TEST:], y[TEST:], chosen.activation, weight)
        print(f"{weight:8g} {report(layers, x[:TEST], y[:TEST], chosen.activation)}")
    print(f"accuracy and median certified radius on {TEST} images not trained on")
    return 0


def report(layers: list[Any], x: Any, y: Any, activation: str) -> str:
    """Accuracy, certified bound, median radius, and the part that is right in a whole ball."""
    from theory.lipschitz.bounds import bound
    from theory.lipschitz.margins import certified_radii, margins
    from theory.lipschitz.network import Network

    weights, biases = zip(*layers, strict=True)
    network = Network(weights, activation, biases=biases)
    found = certified_radii(network, x, margins(network))
    right = found.labels == y
    radius = np.median(np.where(right, found.radii, 0))
    kept = np.mean(right & (found.radii > 0.5))
    return (
        f"{100 * right.mean():8.1f}% {bound(network).upper:9.4f} {radius:8.4f} {100 * kept:16.1f}%"
    )


def trained(x: Any, y: Any, activation: str, weight: float) -> list[Any]:
    """The layers after training, (weight (out, in), bias) each: Adam with a falling rate."""
    import jax
    import jax.numpy as jnp

    from theory.lipschitz.differentiable import initial_state, lipschitz_estimate

    first, key = jax.random.split(jax.random.key(SEED))
    shapes = list(zip(WIDTHS[1:], WIDTHS[:-1], strict=True))
    draws = zip(jax.random.split(first, len(shapes)), shapes, strict=True)
    layers = [(jax.random.normal(k, s) * (2 / s[1]) ** 0.5, jnp.zeros(s[0])) for k, s in draws]
    x, y = jnp.asarray(x), jnp.asarray(y)

    def loss(layers: list[Any], state: Any, rows: Any) -> Any:
        logits = output(layers, x[rows], activation)
        entropy = -jnp.mean(jax.nn.log_softmax(logits)[jnp.arange(BATCH), y[rows]])
        if weight == 0:
            return entropy, state
        value, state = lipschitz_estimate(
            layers, state, activation=activation, iterations=ITERATIONS
        )
        return entropy + weight * value, state

    @functools.partial(jax.jit, donate_argnums=0)
    def run(carry: Any) -> Any:
        return jax.lax.scan(step, carry, jnp.arange(STEPS))[0]

    def step(carry: Any, number: Any) -> Any:
        layers, mean, square, state = carry
        rows = jax.random.randint(jax.random.fold_in(key, number), (BATCH,), 0, len(y))
        slope, state = jax.grad(loss, has_aux=True)(layers, state, rows)
        mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, slope)
        square = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, square, slope)
        rate = RATE * (1 - number / STEPS) * jnp.sqrt(1 - 0.999 ** (number + 1.0))
        rate = rate / (1 - 0.9 ** (number + 1.0))
        layers = jax.tree.map(
            lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-8), layers, mean, square
        )
        return (layers, mean, square, state), None

    zeros = jax.tree.map(jnp.zeros_like, layers)
    state = initial_state(layers, activation=activation)
    layers = run((layers, zeros, jax.tree.map(jnp.copy, zeros), state))[0]
    return [(np.asarray(w), np.asarray(b)) for w, b in layers]


def output(layers: list[Any], x: Any, activation: str) -> Any:
    """The network's output for rows of inputs."""
    import jax
    import jax.numpy as jnp

    for weight, bias in layers[:-1]:
        x = x @ weight.T + bias
        if activation == "relu":
            x = jax.nn.relu(x)
        else:
            x = jnp.sort(x.reshape(len(x), -1, 2)).reshape(x.shape)
    weight, bias = layers[-1]
    return x @ weight.T + bias


if __name__ == "__main__":
    raise SystemExit(main())

"""Networks that several tests of the Lipschitz bounds use."""

import itertools

import numpy as np
import scipy.linalg
import scipy.sparse

from theory.lipschitz.network import Network


def random_weights(seed, *widths):
    """W_k = N(0, 1) / sqrt(fan-in), k in order, as in the table of reference values."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((b, a)) / np.sqrt(a) for a, b in itertools.pairwise(widths)]


def random_network(seed, widths, activation="relu", **options):
    """The network of `random_weights`."""
    return Network(random_weights(seed, *widths), activation, **options)


def residual_network(activation):
    """Three blocks x <- x + phi(W x) between a first and a last layer (reference value known)."""
    rng = np.random.default_rng(6)
    first = rng.standard_normal((6, 4)) / 2
    blocks = [rng.standard_normal((6, 6)) / np.sqrt(6) for _ in range(3)]
    return Network.residual(first, blocks, rng.standard_normal((2, 6)) / np.sqrt(6), activation)


def implicit_network():
    """z = relu(W z + U x), y = C z (reference value known)."""
    rng = np.random.default_rng(5)
    w = 0.4 * rng.standard_normal((8, 8)) / np.sqrt(8)
    return Network.implicit(w, rng.standard_normal((8, 4)), rng.standard_normal((3, 8)))


def block_diagonal(*parts):
    """The weights of networks side by side, which share nothing."""
    return [scipy.linalg.block_diag(*layers) for layers in zip(*parts, strict=True)]


LAWS = ("normal", "sparse", "student", "positive", "rank 3", "ternary")


def draw(law, shape, rng):
    """A weight matrix of one of the six laws of the sweep."""
    normal = rng.standard_normal(shape)
    matrix = {
        "normal": lambda: normal,
        "sparse": lambda: normal * (rng.random(shape) < 0.2),
        "student": lambda: rng.standard_t(1.2, shape),
        "positive": lambda: np.abs(normal) + 0.1 * rng.standard_normal(shape),
        "rank 3": lambda: (
            rng.standard_normal((shape[0], 3)) @ rng.standard_normal((3, shape[1])) + 1e-6 * normal
        ),
        "ternary": lambda: rng.integers(-1, 2, shape).astype(float),
    }[law]()
    return matrix / np.sqrt(shape[1])


def sweep(index, activation="relu"):
    """Network `index` of the sweep: depth 2-12, widths 2-60, laws in turn."""
    rng = np.random.default_rng([7, index])
    widths = rng.integers(2, 61, int(rng.integers(2, 13)) + 1)
    if activation == "maxmin":
        widths[1:-1] += widths[1:-1] % 2
    law = LAWS[index % len(LAWS)]
    shapes = zip(widths[1:], widths, strict=False)
    return law, Network([draw(law, shape, rng) for shape in shapes], activation)


TINY = {
    "relu": random_network(20, (3, 4, 3, 2)),
    "wide output": random_network(21, (2, 4, 5)),
    "wide both": random_network(22, (6, 4, 7)),
    "scalar": random_network(23, (4, 5, 1)),
    "one input": random_network(24, (1, 5, 3)),
    "linear": random_network(25, (3, 4)),
    "abs": random_network(26, (3, 4, 2), activation="abs"),
    "maxmin": random_network(27, (3, 4, 4, 2), activation="maxmin"),
    "group_sort": random_network(28, (3, 3, 6, 2), activation="group_sort:3"),
    "householder": random_network(29, (3, 6, 2), activation="householder:1,2,-3"),
    "mixed": Network(
        random_weights(30, 3, 4, 4, 4, 2), ["leaky_relu:-0.5", "maxmin", "householder:1,2"]
    ),
    "residual": Network.residual(
        None,
        [
            tuple(
                random_weights(31 + k, *shape)[0]
                for k, shape in enumerate([(3, 2), (4, 2), (3, 4)])
            ),
            random_weights(34, 2, 2)[0],
        ],
        None,
    ),
    "implicit": Network.implicit(
        0.3 * random_weights(35, 4, 4)[0], random_weights(36, 3, 4)[0], random_weights(37, 4, 2)[0]
    ),
    "sparse": Network(
        [scipy.sparse.csr_array(np.round(w)) for w in random_weights(38, 3, 6, 4, 2)], "relu"
    ),
    "slopes": Network(
        random_weights(39, 3, 4, 2), "tanh", slopes=[([0, 0.5, 0.25, -1], [1, 0.5, 0.75, 0])]
    ),
}
"""Networks of every kind, small enough to multiply all patterns out."""

"""Networks that several tests of the Lipschitz bounds use."""

import itertools

import numpy as np

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
    import scipy.linalg

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

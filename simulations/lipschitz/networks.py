"""The network that is asked about: drawn at random, read from a file, or held as a parameter."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from simulations.arrays import Array, Held

if TYPE_CHECKING:
    from theory.lipschitz.network import Network, Stage

LAWS = ("normal", "sparse", "student", "positive", "rank3", "ternary")
"""Laws of random weights, see `draw`."""
MOST_LAYERS = 10_000
MOST_WEIGHTS = 1 << 28
"""Numbers in all matrices of a random network: 2 GB."""

_MATRICES = ("skip", "inner", "outer", "loop")
_VECTORS = ("lower", "upper", "bias")


def parse_widths(text: str) -> tuple[int, ...]:
    """The widths n_0, ..., n_L in a text such as 64-128-10, 64,128,10 or 64-128x8-10."""
    found = [re.fullmatch(r"(\d{1,9})(?:x(\d{1,5}))?", word) for word in re.split("[-,]", text)]
    runs = [(int(m[1]), int(m[2] or 1)) for m in found if m]
    if len(runs) < len(found) or sum(count for _, count in runs) < 2:
        raise ValueError(
            f'--widths must be whole numbers, as in 64,128,10 or 64-128x8-10; got "{text}".'
        )
    if not all(map(all, runs)):
        raise ValueError(f'--widths must be at least 1; got "{text}".')
    layers = sum(count for _, count in runs)
    widths = tuple(width for width, count in runs for _ in range(min(count, MOST_LAYERS)))
    if layers > MOST_LAYERS or sum(a * b for a, b in pairwise(widths)) > MOST_WEIGHTS:
        raise ValueError(
            f"--widths: at most {MOST_LAYERS} layers and {MOST_WEIGHTS} weights are drawn; got "
            f'"{text}".'
        )
    return widths


def shape_of(network: Network) -> str:
    """Widths and activations in a few words, 784-16x64-10 relu for example."""
    widths, *words = repr(network).removeprefix("residual ").removeprefix("implicit ").split(" ")
    prefix = repr(network).removesuffix(" ".join([widths, *words]))
    runs = [(width, len(list(run))) for width, run in groupby(widths.split("-"))]
    short = "-".join(f"{width}x{n}" if n > 2 else "-".join([width] * n) for width, n in runs)
    return prefix + " ".join([short, *words])


def draw(rng: np.random.Generator, widths: tuple[int, ...], law: str = "normal") -> list[Array]:
    """Matrices W_k (n_k, n_{k-1}), each a draw divided by sqrt(n_{k-1}).

    normal: N(0, 1); sparse: the same, but four fifths are 0; student: with 1.2 degrees of freedom;
    positive: |N| + N / 10; rank3: the product of two normal matrices with three between them, plus
    N / 10^6; ternary: -1, 0 or 1.
    """
    return [_draw(rng, (out, into), law) / np.sqrt(into) for into, out in pairwise(widths)]


def _draw(rng: np.random.Generator, shape: tuple[int, int], law: str) -> Array:
    if law == "student":
        return rng.standard_t(1.2, shape)
    if law == "ternary":
        return rng.integers(-1, 2, shape).astype(float)
    a = rng.standard_normal(shape)
    if law == "sparse":
        return np.where(rng.random(shape) < 0.2, a, 0.0)
    if law == "positive":
        return np.abs(a) + 0.1 * a
    if law == "rank3":
        left, right = rng.standard_normal((shape[0], 3)), rng.standard_normal((3, shape[1]))
        return np.asarray(left @ right + 1e-6 * a)
    return a


def random_network(
    rng: np.random.Generator,
    widths: tuple[int, ...],
    law: str = "normal",
    activation: str | None = None,
    groups: int | None = None,
    residual: bool = False,
) -> Network:
    """A random network, without biases; ValueError where the widths do not allow it.

    `residual`: the matrices between the first and the last are blocks x <- x + phi(W x).
    """
    from theory.lipschitz.network import Network

    name, size = activation or "relu", 2 if groups is None else groups
    if residual and len(widths) < 4:
        raise ValueError("--residual needs three layers at least.")
    weights = draw(rng, widths, law)
    if not residual:
        return Network(weights, name, size)
    first, *blocks, last = weights
    return Network.residual(first, blocks, last, name, size)


def read_network(
    path: str, activation: str | None, groups: int | None, layout: Any, residual: bool
) -> Network:
    """The network in a file; what is wrong is said in one line that starts with --weights."""
    from theory.lipschitz.loading import load_network

    return load_network(path, activation, groups, layout, residual=residual)


# --- as a parameter ------------------------------------------------------------------------------


def held(network: Network, source: str = "") -> Held:
    """The network as one parameter: equal texts mean equal networks, activations included."""
    import scipy.sparse

    arrays: list[Array] = []
    names: list[str] = []
    for number, stage in enumerate(network.stages):
        for name in (*_MATRICES, *_VECTORS):
            entries = getattr(stage, name)
            if scipy.sparse.issparse(entries):
                parts = ("shape", "indptr", "indices", "data")
                arrays += [np.asarray(getattr(entries, part)) for part in parts]
                names += [f"{number}.{name}.{part}" for part in parts]
            elif entries is not None:
                arrays.append(np.asarray(entries))
                names.append(f"{number}.{name}")
        if stage.activation is not None:
            arrays.append(np.frombuffer(stage.activation.name.encode(), dtype=np.uint8))
            names.append(f"{number}.activation")
    # Their places count as much as what they hold.
    arrays.append(np.frombuffer("\n".join(names).encode(), dtype=np.uint8))
    return Held(arrays, [*names, "names"], source)


@functools.lru_cache(maxsize=4)
def network_of(parameter: Held) -> Network:
    """The network that a parameter holds."""
    from theory.lipschitz.network import Network

    return Network.of_stages(_stages(parameter))


def _stages(parameter: Held) -> Iterator[Stage]:
    import scipy.sparse

    from theory.lipschitz.network import Stage
    from theory.lipschitz.nonlinearity import nonlinearity

    found: dict[int, dict[str, Any]] = {}
    for name, array in zip(parameter.names[:-1], parameter.arrays, strict=False):
        place, field = name.split(".", 1)
        found.setdefault(int(place), {})[field] = array
    for _, fields in sorted(found.items()):
        for name in _MATRICES:
            if f"{name}.data" in fields:
                shape, *parts = (
                    fields.pop(f"{name}.{p}") for p in ("shape", "indptr", "indices", "data")
                )
                pointers, indices, data = parts
                fields[name] = scipy.sparse.csr_array(
                    (data, indices, pointers), shape=tuple(map(int, shape))
                )
        if "activation" in fields:
            fields["activation"] = nonlinearity(fields["activation"].tobytes().decode())
        yield Stage(**fields)

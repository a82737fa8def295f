"""Parameters of the simulations of kernels, and what each experiment refuses of them.

Light to import: the command line builds its options from these.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import numpy as np
from cyclopts import Parameter

from simulations import checks
from simulations.checks import refuse

MAX_RECORDS = 32
MAX_INPUTS = 16
LETTERS = "abcdefghijklmnop"
MAX_REFERENCE = 4096
"""Layers for which a block keeps sums of its own."""

BINNED = ("neuron", "active", "difference", "product")
"""What a law can be of, besides a statistic; the last two need two inputs."""

Gram = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Params:
    """The network and its inputs."""

    architecture: Literal["resnet", "mlp", "shaped"] = "resnet"
    """Residual network, multilayer perceptron, or the latter with a shaped ReLU."""
    width: int = 100
    """Units per layer, n."""
    depth: int = 100
    """Number of layers, L."""
    activation: str = "relu"
    """Named activation (relu, leaky_relu:0.2, tanh, gelu, ...) or module:function."""
    time: float = 1.0
    """Horizon of a resnet, whose weights have variance time / n."""
    gamma: float = 0.5
    """Branch factors alpha_l = L^-gamma of a resnet."""
    branch: str | None = None
    """Branch factors of a resnet: "linear" for sqrt(2 l) / L, or module:function of (l, L)."""
    inner_width: int | None = None
    """Branches W2 phi(W1 Y) of a resnet, of this many units inside."""
    c_plus: float = 0.0
    """Slope 1 + c_plus / sqrt(n) of the shaped ReLU for x > 0."""
    c_minus: float = 0.0
    """Slope 1 + c_minus / sqrt(n) of the shaped ReLU for x < 0."""
    weight_variance: float | None = None
    """sigma_w^2 of an mlp; without it the one that keeps the first input's q."""
    bias_variance: float = 0.0
    """sigma_b^2 of the biases of a resnet or an mlp."""
    q0: float = 1.0
    """Variance of the coordinates of Y_0, for both of two inputs."""
    correlation: float = 0.3
    """Correlation of the coordinates of Y_0 on the two inputs."""
    inputs: str | None = None
    """File (.npy) with an array (inputs, dimension) to take in their place."""
    sampler: Literal["exact", "explicit"] = "exact"
    """Exact law of the layers (k n normals a layer) or explicit weights (n^2)."""
    dtype: Literal["float32", "float64"] = "float32"
    """Precision of draws and state; sums over samples are always double."""
    records: Annotated[int, Parameter(show=False)] = 1
    """Measure at this number of layers, equally spaced as far as pairs of layers allow."""
    gram: Annotated[Gram, Parameter(parse=False)] = ()
    """Covariance of the coordinates of Y_0 on any number of inputs; else from q0, correlation."""
    reference: Annotated[tuple[tuple[float, ...], ...], Parameter(parse=False)] = field(
        default=(), metadata={"record": False}
    )
    """(q_aa, q_ab) of every layer 1, ..., L, from which errors are measured."""
    binned: Annotated[str, Parameter(parse=False)] = "neuron"
    """What the law is of."""
    edges: Annotated[tuple[float, ...], Parameter(parse=False)] = ()
    """Edges of the bins in which a law is counted."""
    backward: Annotated[Literal["conditional", "independent"], Parameter(show=False)] = (
        "conditional"
    )
    """Law of the weights in the backward pass: the true one, or fresh ones, which is wrong."""

    def __post_init__(self) -> None:
        checks.whole(self, "width", "depth", "records")
        checks.positive(self, "time")
        checks.variance(self)
        checks.correlation(self)
        if self.inner_width is not None:
            checks.whole(self, "inner_width")
        if self.weight_variance is not None:
            checks.positive(self, "weight_variance")
        for name in ("gamma", "c_plus", "c_minus"):
            if not math.isfinite(getattr(self, name)):
                raise ValueError(
                    f"{checks.option(name)} must be finite; got {getattr(self, name)}."
                )
        if not 0 <= self.bias_variance < math.inf:
            raise ValueError(
                f"--bias-variance must be a finite number >= 0; got {self.bias_variance}."
            )
        most = min(MAX_RECORDS, (self.depth + 1) // 2)
        if self.records > most:
            raise ValueError(
                f"--records must be at most {most} at --depth {self.depth}; got {self.records}."
            )
        if self.gram:
            _check_gram(self.gram)
        if self.reference and len(self.reference) != self.depth:
            raise ValueError(f"the reference has {len(self.reference)} layers, not {self.depth}.")
        refuse(self, self.architecture, *FOREIGN[self.architecture])
        if self.branch is not None and self.gamma != 0.5:
            raise ValueError("--gamma and --branch both give branch factors; leave one out.")
        if self.inputs is not None or self.gram:
            refuse(self, "inputs of one's own", "q0", "correlation")

    @property
    def columns(self) -> int:
        """Number of inputs, k."""
        return len(self.gram) or 2

    @property
    def covariance(self) -> np.ndarray[Any, Any]:
        """Covariance of the coordinates of Y_0 on the inputs, (k, k)."""
        if self.gram:
            return np.array(self.gram)
        return self.q0 * np.array([[1.0, self.correlation], [self.correlation, 1.0]])

    @property
    def homogeneous(self) -> bool:
        """Whether c Y_0 gives c Y_L for c > 0."""
        from theory.activations import activation

        return self.bias_variance == 0 and activation(self.activation).homogeneous


OF_RESNET = ("time", "gamma", "branch", "inner_width")
OF_SHAPED = ("c_plus", "c_minus")
FOREIGN = {
    "resnet": (*OF_SHAPED, "weight_variance"),
    "mlp": (*OF_RESNET, *OF_SHAPED),
    "shaped": (*OF_RESNET, "activation", "weight_variance", "bias_variance"),
}
"""What has no meaning for an architecture."""


def _check_gram(gram: Gram) -> None:
    g = np.array(gram)
    if g.ndim != 2 or g.shape[0] != g.shape[1] or len(g) > MAX_INPUTS:
        raise ValueError(f"gram must be k x k with k from 1 to {MAX_INPUTS}; got {g.shape}.")
    if not np.all(np.isfinite(g)) or not np.array_equal(g, g.T) or np.any(np.diag(g) <= 0):
        raise ValueError("gram must be finite and symmetric with a diagonal > 0.")
    if np.linalg.eigvalsh(g)[0] < -1e-9 * np.max(np.diag(g)):
        raise ValueError("gram must be positive semidefinite.")


def check_kernel(p: Params) -> None:
    """Refuse what has no meaning for the kernel of a network."""
    refuse(p, "the kernel", "backward")
    branch_factors(p)
    weight_variance(p)
    if len(p.reference) > MAX_REFERENCE:
        raise ValueError(f"a reference has at most {MAX_REFERENCE} layers; got {len(p.reference)}.")
    if p.binned not in laws(p):
        raise ValueError(f'binned must be one of {", ".join(laws(p))}; got "{p.binned}".')


def check_ntk(p: Params) -> None:
    """Refuse what has no meaning for a tangent kernel, and a path too long to store."""
    from simulations.coupled import stored_batch

    refuse(p, "ntk", "inner_width", "records", "reference")
    branch_factors(p)
    weight_variance(p)
    if p.architecture == "shaped":
        raise ValueError("--architecture must be resnet or mlp for ntk; got shaped.")
    if p.edges and p.binned not in tangent_statistics(p):
        known = ", ".join(tangent_statistics(p))
        raise ValueError(f'binned must be one of {known}; got "{p.binned}".')
    if not stored_batch(p.width * p.columns, room(p, 2)):
        raise ValueError(
            f"--depth {p.depth} is too much for ntk at --width {p.width}: it needs its whole "
            "path; take a smaller one of the two."
        )


def pairs(k: int) -> list[tuple[int, int]]:
    """Pairs of inputs a <= b, in the order aa, ab, bb for two."""
    return [(a, b) for a in range(k) for b in range(a, k)]


def pair_name(name: str, a: int, b: int) -> str:
    """The name of a statistic of two inputs, `q_ab`."""
    return f"{name}_{LETTERS[a]}{LETTERS[b]}"


def correlation_name(a: int, b: int) -> str:
    """`correlation` for the first two inputs, `correlation_ac` and so on for the others."""
    return "correlation" if (a, b) == (0, 1) else pair_name("correlation", a, b)


def statistics(p: Params) -> list[str]:
    """Names of the statistics of one network at a layer, in the order of their moments."""
    k = p.columns
    names = [pair_name("q", a, b) for a, b in pairs(k)]
    names += [correlation_name(a, b) for a, b in pairs(k) if a < b]
    names += ["log_q", "alive", "positive"]
    return names + ["third_moment", "fourth_moment", "displacement"] * (p.architecture == "resnet")


def laws(p: Params) -> list[str]:
    """What a law may be of: single coordinates, and every statistic."""
    coordinates = ["neuron", "active", *["difference", "product"] * (p.columns > 1)]
    return coordinates + statistics(p)


def tangent_statistics(p: Params) -> list[str]:
    """Names of the statistics of a tangent kernel, in the order of their moments."""
    return [*(pair_name("ntk", a, b) for a, b in pairs(p.columns)), "log_ntk_aa"]


def room(p: Params, least: int) -> int:
    """Layers for which compiled code has room: a power of two."""
    return max(least, 1 << (p.depth - 1).bit_length())


def branch_factors(p: Params) -> np.ndarray[Any, Any]:
    """alpha_1, ..., alpha_L of a resnet; raises ValueError for a function that fails."""
    return _factors(p.branch, p.gamma, p.depth)


@functools.lru_cache(maxsize=64)
def _factors(branch: str | None, gamma: float, depth: int) -> np.ndarray[Any, Any]:
    layers = np.arange(1, depth + 1)
    if branch is None:
        power = -gamma * math.log(depth)
        if power > 300:
            raise ValueError(f"--gamma {gamma} makes L^-gamma overflow.")
        return np.full(depth, math.exp(power))
    if branch == "linear":
        linear: np.ndarray[Any, Any] = np.sqrt(2 * layers) / depth
        return linear
    from theory.imports import imported, is_spec

    if not is_spec(branch):
        raise ValueError(f'--branch must be linear or module:function; got "{branch}".')
    function = imported("--branch", branch)
    found = np.empty(depth)
    for layer in range(1, depth + 1):
        try:
            found[layer - 1] = value = float(function(layer, depth))
        except Exception as error:  # whatever a user's function raises
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise ValueError(f"--branch {branch} fails at ({layer}, {depth}): {reason}") from None
        if not math.isfinite(value):
            raise ValueError(f"--branch {branch} gives {value} at ({layer}, {depth}).")
    return found


def weight_variance(p: Params) -> float:
    """sigma_w^2, the variance of a weight times its fan-in.

    Without a choice an mlp has q / E phi(sqrt(q) g)^2, q being that of its first input: the value
    that keeps q at infinite width, 2 for ReLU.  (The shaped ReLU brings its own, see `slopes`.)
    """
    if p.architecture == "resnet":
        return p.time
    if p.architecture == "shaped":
        plus, minus = slopes(p)
        return 2 / (plus**2 + minus**2)
    return p.weight_variance or _critical(p.activation, float(p.covariance[0, 0]))


def slopes(p: Params) -> tuple[float, float]:
    """Slopes of the shaped ReLU for positive and for negative arguments."""
    root = math.sqrt(p.width)
    plus, minus = 1 + p.c_plus / root, 1 + p.c_minus / root
    if plus == minus == 0:
        raise ValueError("--c-plus and --c-minus make the shaped ReLU vanish.")
    return plus, minus


@functools.lru_cache(maxsize=64)
def _critical(activation: str, q: float) -> float:
    from theory import gaussian

    second = gaussian.moment(activation, 2, q)
    if not second > 0:
        raise ValueError(f"activation {activation} vanishes: no weight variance keeps q.")
    return q / second

r"""Networks of which a Lipschitz bound is wanted: feed-forward, residual and implicit.

Every network is a chain of stages x <- H x + G e, e = phi(W x + J e + b):

    feed-forward   H = 0, G = I, J = 0; the last stage is linear: x <- H x
    residual       J = 0;  x <- H x + G phi(W x)
    implicit       one stage x <- C e,  e = phi(U x + J e)

Weights have shape (out, in), as `torch.nn.Linear` keeps them.  They are taken as the exact real
numbers that the floats are; the bound is for these numbers, not for rounded forward passes.
"""

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse

from theory.lipschitz.nonlinearity import Nonlinearity, nonlinearity

Matrix = Any
"""A (out, in) float64 array or a `scipy.sparse.csr_array` of that shape."""
Vector = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, eq=False)
class Stage:
    """x <- skip x + outer e, e = activation(inner x + loop e + bias); None is 0, `outer` None I."""

    skip: Matrix | None = None
    """H, (out, in)."""
    inner: Matrix | None = None
    """W, (units, in); None: a linear stage."""
    outer: Matrix | None = None
    """G, (out, units)."""
    loop: Matrix | None = None
    """J, (units, units): an implicit layer."""
    activation: Nonlinearity | None = None
    lower: Vector | None = None
    """Least slope of each unit (kind "slopes")."""
    upper: Vector | None = None
    """Largest slope of each unit."""
    bias: Vector | None = None
    """b, (units,), or (out,) of a linear stage."""

    @property
    def inputs(self) -> int:
        """Length of x before the stage."""
        matrix = self.skip if self.inner is None else self.inner
        assert matrix is not None
        return int(matrix.shape[1])

    @property
    def units(self) -> int:
        """Number of pre-activations."""
        return 0 if self.inner is None else int(self.inner.shape[0])

    @property
    def outputs(self) -> int:
        """Length of x after the stage."""
        for matrix in (self.skip, self.outer, self.inner):
            if matrix is not None:
                return int(matrix.shape[0])
        raise AssertionError


class Network:
    """A network, checked: `Network([W1, W2, W3], "relu")` is f(x) = W3 phi(W2 phi(W1 x)).

    `weights`: matrices (out, in), dense or `scipy.sparse`.  `activation`: a name (see
    `theory.lipschitz.nonlinearity`) or one for each hidden layer.  `slopes`: one pair (lower,
    upper) of arrays or numbers per hidden layer in place of the range of the activation, for
    example from bounds on the pre-activations; then the bound is for inputs where they hold.
    `biases` matter for `__call__` and for radii only.  Raises ValueError with the layer for weights
    that do not fit, are not finite or not real numbers, and for widths that groups do not divide.
    """

    def __init__(
        self,
        weights: Sequence[Any],
        activation: "str | Nonlinearity | Sequence[str | Nonlinearity]" = "relu",
        group_size: int = 2,
        *,
        slopes: Sequence[tuple[Any, Any]] | None = None,
        biases: Sequence[Any] | None = None,
        direction: Any = None,
    ) -> None:
        names = [f"layer {k} of {len(weights)}" for k in range(1, len(weights) + 1)]
        matrices = [_matrix(w, name) for w, name in zip(weights, names, strict=True)]
        if not matrices:
            raise ValueError("a network needs at least one weight matrix; there is none.")
        for before, after, name in zip(matrices, matrices[1:], names[1:], strict=False):
            _fits(after, before.shape[0], name)
        hidden = len(matrices) - 1
        kinds = _each(activation, hidden, group_size, direction)
        if slopes is not None and len(slopes) != hidden:
            raise ValueError(f"slopes must hold {hidden} pairs, one per hidden layer.")
        shifts = _biases(biases, matrices, names)
        stages = [
            _hidden(w, kind, name, None if slopes is None else slopes[k], shifts[k])
            for k, (w, kind, name) in enumerate(zip(matrices, kinds, names, strict=False))
        ]
        self.stages: tuple[Stage, ...] = (*stages, Stage(skip=matrices[-1], bias=shifts[-1]))

    @classmethod
    def of_stages(cls, stages: Iterable[Stage]) -> "Network":
        """The network of these stages, which must fit each other."""
        network = cls.__new__(cls)
        network.stages = tuple(stages)
        return network

    @classmethod
    def residual(
        cls,
        first: Any,
        blocks: Sequence[Any],
        last: Any,
        activation: "str | Nonlinearity" = "relu",
        group_size: int = 2,
        *,
        direction: Any = None,
    ) -> "Network":
        """f(x) = last . (blocks) . first x, each block x <- H x + G phi(W x).

        A block is W alone (H = G = I), or a triple (H, G, W), of which H and G may be None for the
        identity.  `first` and `last` may be None for the identity.
        """
        kind = nonlinearity(activation, group_size, direction)
        stages = [] if first is None else [Stage(skip=_matrix(first, "the first layer"))]
        width = None if first is None else stages[0].outputs
        for number, block in enumerate(blocks, start=1):
            name = f"residual block {number} of {len(blocks)}"
            skip, outer, inner = block if isinstance(block, tuple) else (None, None, block)
            w = _matrix(inner, name)
            if width is not None:
                _fits(w, width, name)
            width = w.shape[1]
            h = np.eye(width) if skip is None else _matrix(skip, f"H of {name}")
            g = None if outer is None else _matrix(outer, f"G of {name}")
            _fits(h, width, f"H of {name}")
            if g is not None:
                _fits(g, w.shape[0], f"G of {name}")
            rows = w.shape[0] if g is None else g.shape[0]
            if rows != h.shape[0]:
                raise ValueError(f"{name}: H gives {h.shape[0]} numbers, G phi(W x) {rows}.")
            bare = _hidden(w, kind, name, None, None)
            stages.append(Stage(h, bare.inner, g, None, kind, bare.lower, bare.upper))
            width = h.shape[0]
        if last is not None:
            final = _matrix(last, "the last layer")
            if width is not None:
                _fits(final, width, "the last layer")
            stages.append(Stage(skip=final))
        if not stages:
            raise ValueError("a network needs at least one weight matrix; there is none.")
        return cls.of_stages(stages)

    @classmethod
    def implicit(
        cls,
        loop: Any,
        inner: Any,
        outer: Any,
        activation: "str | Nonlinearity" = "relu",
        group_size: int = 2,
    ) -> "Network":
        """f(x) = outer e with e = phi(loop e + inner x)."""
        kind = nonlinearity(activation, group_size)
        w, j = _matrix(inner, "the input matrix"), _matrix(loop, "the matrix of the loop")
        g = _matrix(outer, "the output matrix")
        _fits(j, w.shape[0], "the matrix of the loop")
        _fits(g, w.shape[0], "the output matrix")
        if j.shape[0] != w.shape[0]:
            raise ValueError(f"the matrix of the loop must be square, not {j.shape}.")
        bare = _hidden(w, kind, "the input matrix", None, None)
        return cls.of_stages([Stage(None, w, g, j, kind, bare.lower, bare.upper)])

    @property
    def inputs(self) -> int:
        """Length of the input, n_0."""
        return self.stages[0].inputs

    @property
    def outputs(self) -> int:
        """Length of the output."""
        return self.stages[-1].outputs

    @property
    def hidden(self) -> int:
        """Number of all hidden units."""
        return sum(stage.units for stage in self.stages)

    @property
    def is_feed_forward(self) -> bool:
        """Whether all stages but a linear last one are x <- phi(W x)."""
        *body, last = self.stages
        return last.inner is None and all(
            s.inner is not None and s.skip is None and s.outer is None and s.loop is None
            for s in body
        )

    @property
    def is_implicit(self) -> bool:
        """Whether a stage feeds its activations back into themselves."""
        return any(stage.loop is not None for stage in self.stages)

    @property
    def kinds(self) -> set[str]:
        """Kinds of its activations: "slopes", "group_sort", "householder"."""
        return {s.activation.kind for s in self.stages if s.activation is not None}

    @property
    def weights(self) -> list[Matrix]:
        """The matrices W_1, ..., W_L of a feed-forward network; ValueError for any other."""
        if not self.is_feed_forward:
            raise ValueError("only a feed-forward network is a list of weight matrices.")
        return [*(stage.inner for stage in self.stages[:-1]), self.stages[-1].skip]

    def __call__(self, x: Any) -> Vector:
        """f at inputs of shape (..., inputs), in floats.  ValueError for implicit networks."""
        x = np.asarray(x, dtype=float)
        if self.is_implicit:
            raise ValueError("an implicit network has no forward pass here.")
        if x.shape[-1:] != (self.inputs,):
            raise ValueError(f"inputs must have {self.inputs} numbers, not shape {x.shape}.")
        for stage in self.stages:
            x = _forward(stage, x)
        return np.asarray(x)

    def digest(self) -> str:
        """Fingerprint of everything that a bound depends on; equal for equal networks."""
        word = hashlib.sha256()
        for stage in self.stages:
            name = "linear" if stage.activation is None else stage.activation.name
            word.update(f"stage {name} {stage.inputs} {stage.units} {stage.outputs}".encode())
            for label in ("skip", "inner", "outer", "loop", "lower", "upper"):
                matrix = getattr(stage, label)
                word.update(label.encode())
                if matrix is not None:
                    _update(word, matrix)
        return word.hexdigest()

    def __repr__(self) -> str:
        widths = [self.inputs, *(s.units or s.outputs for s in self.stages)]
        names = {s.activation.name for s in self.stages if s.activation is not None}
        shape = "implicit" if self.is_implicit else "" if self.is_feed_forward else "residual"
        text = "-".join(map(str, widths))
        return " ".join(filter(None, [shape, text, ", ".join(sorted(names))]))


def product(matrix: Matrix, x: Any) -> Vector:
    """`matrix` times the last axis of `x`."""
    flat = x.reshape(-1, x.shape[-1])
    return np.asarray((matrix @ flat.T).T).reshape(*x.shape[:-1], matrix.shape[0])


def dense(matrix: Matrix) -> Vector:
    """`matrix` as an array."""
    return np.asarray(matrix.toarray() if scipy.sparse.issparse(matrix) else matrix)


def _forward(stage: Stage, x: Vector) -> Any:
    after: Any = 0.0 if stage.skip is None else product(stage.skip, x)
    if stage.inner is None:
        return after if stage.bias is None else after + stage.bias
    v = product(stage.inner, x)
    if stage.bias is not None:
        v = v + stage.bias
    assert stage.activation is not None
    e = stage.activation.apply(v)
    return after + (e if stage.outer is None else product(stage.outer, e))


def _update(word: Any, matrix: Any) -> None:
    if scipy.sparse.issparse(matrix):
        for part in (matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64)):
            word.update(part.tobytes())
        matrix = matrix.data
    # Adding 0 makes -0 and 0 one number.
    word.update(np.ascontiguousarray(matrix + 0.0, dtype="<f8").tobytes())


def _matrix(weight: Any, name: str) -> Matrix:
    """`weight` as float64, exactly; ValueError for anything else than a finite matrix."""
    if scipy.sparse.issparse(weight):
        matrix = scipy.sparse.csr_array(weight, dtype=float)
        matrix.sum_duplicates()
        entries = matrix.data
    else:
        try:
            given = np.asarray(weight)
            if given.dtype.kind not in "fiub" or given.dtype.itemsize > 8:
                raise TypeError
        except (TypeError, ValueError):
            raise ValueError(f"{name}: weights must be a matrix of real numbers.") from None
        matrix = entries = np.ascontiguousarray(given, dtype=float)
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise ValueError(
            f"{name}: weights must be a matrix (out, in), not of shape {matrix.shape}."
        )
    if not np.isfinite(entries).all():
        bad = entries[~np.isfinite(entries)][0]
        raise ValueError(f"{name}: weights must be finite numbers; there is {bad}.")
    return matrix


def _fits(matrix: Matrix, width: int, name: str) -> None:
    if matrix.shape[1] != width:
        advice = (
            "; the transposed matrix fits: weights are (out, in)"
            if matrix.shape[0] == width
            else ""
        )
        shape = tuple(map(int, matrix.shape))
        raise ValueError(f"{name} has shape {shape}, but {width} numbers come in{advice}.")


def _each(activation: Any, hidden: int, group_size: int, direction: Any) -> list[Nonlinearity]:
    if isinstance(activation, str | Nonlinearity):
        return [nonlinearity(activation, group_size, direction)] * hidden
    kinds = [nonlinearity(one, group_size, direction) for one in activation]
    if len(kinds) != hidden:
        raise ValueError(f"{hidden} hidden layers need {hidden} activations, not {len(kinds)}.")
    return kinds


def _hidden(
    w: Matrix, kind: Nonlinearity, name: str, slopes: tuple[Any, Any] | None, bias: Vector | None
) -> Stage:
    units = w.shape[0]
    if units % kind.group_size:
        raise ValueError(
            f"{name}: {units} units cannot be split into groups of {kind.group_size}"
            f" ({kind.name}); choose another group size."
        )
    if kind.kind != "slopes":
        if slopes is not None:
            raise ValueError(f"{name}: slopes have no meaning for {kind.name}.")
        return Stage(inner=w, activation=kind, bias=bias)
    pair = (kind.lower, kind.upper) if slopes is None else slopes
    try:
        lower, upper = (np.broadcast_to(np.asarray(s, dtype=float), units).copy() for s in pair)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: slopes must be two numbers or arrays of {units}.") from None
    if not (np.isfinite(lower).all() and np.isfinite(upper).all() and (lower <= upper).all()):
        raise ValueError(f"{name}: slopes must be finite with lower <= upper.")
    return Stage(inner=w, activation=kind, lower=lower, upper=upper, bias=bias)


def _biases(biases: Any, matrices: list[Matrix], names: list[str]) -> list[Vector | None]:
    if biases is None:
        return [None] * len(matrices)
    if len(biases) != len(matrices):
        raise ValueError(f"{len(matrices)} layers need {len(matrices)} biases, not {len(biases)}.")
    shifts: list[Vector | None] = []
    for bias, w, name in zip(biases, matrices, names, strict=True):
        shift = None if bias is None else np.asarray(bias, dtype=float)
        if shift is not None and (shift.shape != w.shape[:1] or not np.isfinite(shift).all()):
            raise ValueError(f"{name}: the bias must be {w.shape[0]} finite numbers.")
        shifts.append(shift)
    return shifts


def log2_scale(matrix: Matrix) -> int:
    """The power of two nearest below the largest entry of `matrix`; 0 for a matrix of zeros."""
    entries = matrix.data if scipy.sparse.issparse(matrix) else matrix
    largest = float(np.abs(entries).max(initial=0.0))
    return math.frexp(largest)[1] if largest else 0

r"""Convolutions as the sparse matrices that they are, entries unchanged.

A signal of shape (channels, length) or (channels, height, width) is the vector of its numbers in
that order (C order, as `flatten` of PyTorch and ONNX's `Flatten` make it).  In one dimension

    y[o, i] = sum over c, k of kernel[o, c, k] x[c, stride i + dilation k - padding]

with x = 0 outside (or periodic, "circular"): a correlation, which is what deep learning calls a
convolution.  Every entry of the matrix is one number of the kernel, so nothing is rounded.
"""

from collections.abc import Sequence
from itertools import product
from typing import Any, Literal

import numpy as np
import scipy.sparse

from theory._checks import whole

Padding = int | Sequence[int | tuple[int, int]]
MAX_ENTRIES = 1 << 26
"""Of the matrix; more would not fit into memory."""


def convolution(
    kernel: Any,
    input_shape: Sequence[int],
    stride: int | Sequence[int] = 1,
    padding: Padding = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    padding_mode: Literal["zeros", "circular"] = "zeros",
) -> scipy.sparse.csr_array:
    """The matrix (outputs, inputs) of a convolution of one or two dimensions.

    `kernel`: (out channels, in channels / groups, size) or (..., height, width).  `input_shape`:
    (channels, length) or (channels, height, width), without the batch.  `stride`, `padding` and
    `dilation`: one number, or one per axis; a padding may be a pair (before, after).  Raises
    ValueError for shapes that do not fit each other, numbers that are not finite, and a circular
    kernel that is longer than the signal (its entries would be sums).
    """
    w = np.asarray(kernel)
    shape = tuple(whole(n, "input_shape") for n in input_shape)
    axes = w.ndim - 2
    if axes not in (1, 2) or w.dtype.kind not in "fiub" or w.dtype.itemsize > 8 or 0 in w.shape:
        raise ValueError(
            "kernel must be real, (out, in, size) or (out, in, height, width), "
            f"not {w.dtype} of shape {w.shape}."
        )
    w = w.astype(np.float64)
    if not np.isfinite(w).all():
        raise ValueError(f"kernel must hold finite numbers; there is {w[~np.isfinite(w)][0]}.")
    if len(shape) != axes + 1:
        raise ValueError(f"input_shape must be channels and {axes} lengths, not {shape}.")
    groups = whole(groups, "groups")
    if shape[0] != groups * w.shape[1] or w.shape[0] % groups:
        raise ValueError(
            f"a kernel of shape {w.shape} with groups={groups} takes {groups * w.shape[1]} "
            f"channels in, not {shape[0]}, and gives a multiple of {groups}."
        )
    if padding_mode not in ("zeros", "circular"):
        raise ValueError(f"padding_mode must be 'zeros' or 'circular', not {padding_mode!r}.")
    steps, gaps = _each(stride, axes, "stride"), _each(dilation, axes, "dilation")
    pads = _pads(padding, axes)
    spans = [d * (k - 1) + 1 for d, k in zip(gaps, w.shape[2:], strict=True)]
    if padding_mode == "circular" and any(s > n for s, n in zip(spans, shape[1:], strict=True)):
        raise ValueError(f"a circular kernel of shape {w.shape} is longer than its input {shape}.")
    lengths = output_lengths(shape[1:], w.shape[2:], steps, pads, gaps)
    if min(lengths) < 1:
        raise ValueError(f"a kernel of shape {w.shape} does not fit into an input of {shape}.")
    if w.size * int(np.prod(lengths, dtype=object)) > MAX_ENTRIES:
        raise ValueError(
            f"the convolution of a kernel {w.shape} over an input {shape} has more than "
            f"{MAX_ENTRIES} entries as a matrix."
        )
    taps = [
        _taps(shape[k + 1], lengths[k], w.shape[k + 2], steps[k], pads[k][0], gaps[k], padding_mode)
        for k in range(axes)
    ]
    return _assemble(w, shape, lengths, groups, taps)


def output_lengths(
    lengths: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[tuple[int, int]],
    dilation: Sequence[int],
) -> tuple[int, ...]:
    """Height and width (or length) that come out."""
    axes = zip(lengths, kernel, stride, padding, dilation, strict=True)
    return tuple((n + sum(p) - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in axes)


def _assemble(
    w: Any, shape: tuple[int, ...], lengths: tuple[int, ...], groups: int, taps: list[Any]
) -> scipy.sparse.csr_array:
    """The taps of all axes together: (output place, input place, kernel place)."""
    out, into, at = (np.zeros(1, dtype=np.int64) for _ in range(3))
    for (o, i, k), length, n, size in zip(taps, lengths, shape[1:], w.shape[2:], strict=True):
        out = (out[:, None] * length + o).ravel()
        into = (into[:, None] * n + i).ravel()
        at = (at[:, None] * size + k).ravel()
    places, inputs = int(np.prod(lengths)), int(np.prod(shape[1:]))
    flat = w.reshape(*w.shape[:2], -1)
    rows, columns, values = [], [], []
    for o, c in product(range(w.shape[0]), range(w.shape[1])):
        channel = o // (w.shape[0] // groups) * w.shape[1] + c
        rows.append(o * places + out)
        columns.append(channel * inputs + into)
        values.append(flat[o, c, at])
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    size = (w.shape[0] * places, shape[0] * inputs)
    matrix = scipy.sparse.coo_array(entries, shape=size).tocsr()
    matrix.eliminate_zeros()
    return matrix


def _taps(n: int, length: int, size: int, step: int, pad: int, gap: int, mode: str) -> Any:
    """Along one axis: the places of output and input that each place of the kernel connects."""
    out, at = (a.ravel() for a in np.meshgrid(np.arange(length), np.arange(size), indexing="ij"))
    into = step * out + gap * at - pad
    if mode == "circular":
        return out, into % n, at
    inside = (into >= 0) & (into < n)
    return out[inside], into[inside], at[inside]


def _each(value: Any, axes: int, name: str) -> tuple[int, ...]:
    each = tuple(value) if isinstance(value, Sequence | np.ndarray) else (value,) * axes
    if len(each) != axes:
        raise ValueError(f"{name} must be one number or {axes}, not {value!r}.")
    return tuple(whole(one, name) for one in each)


def _pads(value: Any, axes: int) -> tuple[tuple[int, int], ...]:
    each = tuple(value) if isinstance(value, Sequence | np.ndarray) else (value,) * axes
    pairs = [tuple(one) if isinstance(one, Sequence) else (one, one) for one in each]
    if len(pairs) != axes or any(len(pair) != 2 for pair in pairs):
        raise ValueError(f"padding must be one number, {axes}, or pairs, not {value!r}.")
    if any(isinstance(p, bool) or not isinstance(p, int | np.integer) for q in pairs for p in q):
        raise ValueError(f"padding must be whole numbers, not {value!r}.")
    if min(p for pair in pairs for p in pair) < 0:
        raise ValueError(f"padding must be >= 0, not {value!r}.")
    return tuple((int(before), int(after)) for before, after in pairs)

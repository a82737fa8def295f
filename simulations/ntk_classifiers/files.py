"""A user's points and labels, read without trusting the file; the digits of scikit-learn."""

from __future__ import annotations

import importlib
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from simulations.arrays import Array, Held, checked_matrix, read_array
from simulations.ntk_classifiers.params import Params

DIGITS = "digits"
MAX_ROWS, MAX_COLUMNS = 1_000_000, 100_000
SPHERE = 1e-6
"""Lengths that differ from 1 by less count as 1."""
SHOWN = 8
"""Labels that a message lists."""


def with_data(p: Params) -> Params:
    """The parameters with the user's points read, scaled if they are to be, and labelled +-1."""
    if p.data is None:
        return p
    x, labels = _digits(p) if p.data == DIGITS else _files(p)
    if x.shape[1] < 2:
        raise ValueError(f"--data: {p.data} has points of one coordinate; a sphere needs two.")
    if len(labels) != len(x):
        raise ValueError(f"--labels: there are {len(labels)} labels for {len(x)} points.")
    y = _digit_signs(labels) if p.data == DIGITS and p.classes is None else _signs(labels, p)
    x, y = _on_sphere(x[y != 0], p), y[y != 0]
    if len(np.unique(y)) < 2:
        raise ValueError(f"--data: all {len(y)} points of {p.data} belong to one class.")
    if p.points + p.test > len(x):
        raise ValueError(
            f"--data: {p.data} has {len(x)} points; --points {p.points} and --test {p.test} need "
            f"{p.points + p.test}."
        )
    return replace(
        p,
        data=None,
        labels=None,
        classes=None,
        normalise=False,
        dimension=x.shape[1] - 1,
        table=Held([x, y], source=p.data),
    )


def _files(p: Params) -> tuple[Array, Array]:
    path = str(p.data)
    kind = Path(path).suffix
    if kind == ".npz":
        if p.labels is not None:
            raise ValueError("--labels has no meaning for a .npz file, which holds them itself.")
        x, labels = _npz(path)
    elif kind != ".npy":
        raise ValueError(f'--data must end in .npy or .npz, or be "{DIGITS}"; got "{path}".')
    elif p.labels is None:
        raise ValueError(f"--data {path} needs its labels: --labels FILE.npy.")
    else:
        x, labels = read_array("--data", path), read_array("--labels", p.labels)
        path = p.labels
    if labels.ndim != 1 or labels.dtype.kind not in "fiubU":
        raise ValueError(
            f"--labels: {path} holds {labels.dtype} of shape {labels.shape}; labels are a vector "
            "of numbers or words."
        )
    x = checked_matrix("--data", str(p.data), "points", x, MAX_ROWS)
    if x.shape[1] > MAX_COLUMNS:
        raise ValueError(f"--data: {p.data} has {x.shape[1]} columns; at most {MAX_COLUMNS}.")
    return x, np.asarray(labels)


def _npz(path: str) -> tuple[Array, Array]:
    """The matrix and the vector of a .npz file, whatever their names."""
    from theory.weights import MAX_BYTES, UNSOUND, read_member

    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > MAX_BYTES:
                raise ValueError("it holds too much")
            found = []
            for member in members:
                with archive.open(member) as file:
                    found.append(read_member(file, member, "fiubU"))
    except OSError as error:
        raise ValueError(f"--data: cannot read {path}: {error.strerror or error}.") from None
    except (*UNSOUND, OverflowError) as error:
        said = " ".join(str(error).split()).rstrip(".")[:160] or type(error).__name__
        raise ValueError(f"--data: {path} is no sound .npz file: {said}.") from None
    matrices, vectors = ([a for a in found if a.ndim == k] for k in (2, 1))
    if len(found) != 2 or len(matrices) != 1 or len(vectors) != 1:
        shapes = ", ".join(str(a.shape) for a in found[:SHOWN]) or "nothing"
        raise ValueError(
            f"--data: {path} must hold a matrix of points and a vector of labels, not {shapes}."
        )
    return matrices[0], vectors[0]


def _digits(p: Params) -> tuple[Array, Array]:
    if p.labels is not None:
        raise ValueError(f"--labels has no meaning for --data {DIGITS}; leave it out.")
    try:
        datasets = importlib.import_module("sklearn.datasets")
    except ImportError:
        raise ValueError(
            f"--data {DIGITS} needs scikit-learn, the extra `data` of this package: "
            "pip install scikit-learn."
        ) from None
    x, labels = datasets.load_digits(return_X_y=True)
    return np.asarray(x, dtype=np.float64), np.asarray(labels)


def _digit_signs(labels: Array) -> Array:
    return np.where(labels % 2 == 0, 1.0, -1.0)


def _on_sphere(x: Array, p: Params) -> Array:
    """The rows, divided by their lengths where that was asked for."""
    largest = np.abs(x).max(axis=1, keepdims=True)
    scaled = x / np.where(largest > 0, largest, 1)
    lengths = largest[:, 0] * np.linalg.norm(scaled, axis=1)
    bad = lengths == 0
    if not (p.normalise or p.data == DIGITS):
        bad |= ~(np.abs(lengths - 1) <= SPHERE)
    if bad.any():
        row = int(np.argmax(bad))
        remedy = "leave it out" if lengths[row] == 0 else "--normalise divides rows by their length"
        raise ValueError(
            f"--data: point {row + 1} of {p.data} has length {lengths[row]:.6g}, not 1: {remedy}."
        )
    return np.asarray(scaled / np.linalg.norm(scaled, axis=1, keepdims=True))


def _signs(labels: Array, p: Params) -> Array:
    """+1 and -1 for the two classes, 0 for others."""
    if labels.dtype.kind == "f" and not np.all(np.isfinite(labels)):
        row = int(np.argmin(np.isfinite(labels)))
        raise ValueError(f"--labels: label {row + 1} is {labels[row]}.")
    values, members = np.unique(labels, return_inverse=True)
    names = [_name(value) for value in values]
    shown = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
    if p.classes is None:
        if not set(names) <= {"1", "-1"}:
            raise ValueError(
                f"--labels must be +1 and -1; they are {shown}. Choose two by --classes a,b, "
                "the first for +1."
            )
        chosen = ["1", "-1"]
    else:
        chosen = [_chosen(word.strip(), labels.dtype.kind) for word in p.classes.split(",")]
        if len(chosen) != 2 or chosen[0] == chosen[1]:
            raise ValueError(f'--classes must be two different labels "a,b"; got "{p.classes}".')
        for name in chosen:
            if name not in names:
                raise ValueError(f'--classes: no point has the label "{name}"; they are {shown}.')
    signs = {chosen[0]: 1.0, chosen[1]: -1.0}
    return np.array([signs.get(name, 0.0) for name in names])[members.reshape(-1)]


def _name(value: np.generic) -> str:
    """A label as text; numbers of equal value have equal names."""
    if isinstance(value, np.str_):
        return str(value)
    number = value.item()
    return str(int(number)) if float(number).is_integer() else repr(float(number))


def _chosen(word: str, kind: str) -> str:
    """The name of a class as the user spells it: "3.0" is 3."""
    if kind == "U":
        return word
    try:
        return _name(np.float64(word))
    except (ValueError, OverflowError):
        return word

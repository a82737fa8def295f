"""The networks of the figures: random ones of any shape, and those trained on digits."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import numpy as np

from theory import lipschitz as theory

TRAINED = {
    "maxmin-64-16-16-10": "MaxMin 64-16-16-10",
    "maxmin-64-32-32-10": "MaxMin 64-32-32-10",
    "maxmin-64-16-16-16-16-16-10": "MaxMin 64-16x5-10",
    "groupsort4-64-32-32-10": "GroupSort of 4, 64-32-32-10",
    "relu-64-16-16-10": "ReLU 64-16-16-10",
    "relu-64-32-32-10": "ReLU 64-32-32-10",
    "relu-64-16-16-16-16-16-10": "ReLU 64-16x5-10",
}
"""Files of the networks that the project trains, and what they are called in figures."""

LABELS = {
    "product": "product of norms",
    "rr": "RR",
    "lambda-only": "lambda only",
    "nsr-diag": "NSR, S = P = 0",
    "nsr-full": "NSR at its optimum",
    "eclipse-fast": "ECLipsE-Fast",
    "lipsdp": "LipSDP",
    "interior-point": "interior point",
    "fgl": "FGL (all patterns)",
    "patterns": "best pattern found",
    "found": "found by attack",
    "sampled": "sampled gradients",
}
"""Methods as figures name them, the loosest bound first, then measured lower bounds."""

COLORS = {
    "product": "#000000",
    "rr": "#CC79A7",
    "lambda-only": "#E69F00",
    "nsr-diag": "#D55E00",
    "nsr-full": "#0072B2",
    "eclipse-fast": "#009E73",
    "lipsdp": "#0072B2",
    "interior-point": "#56B4E9",
    "fgl": "#000000",
    "patterns": "0.45",
    "found": "0.45",
    "sampled": "0.45",
}
"""One for each method in all figures; the markers tell those of one colour apart."""

MARKERS = {
    "product": "s",
    "rr": "v",
    "lambda-only": "^",
    "nsr-diag": "D",
    "nsr-full": "o",
    "eclipse-fast": "P",
    "lipsdp": "o",
    "interior-point": "x",
    "fgl": "*",
    "patterns": "*",
    "found": "<",
    "sampled": "|",
}


def random_network(activation: str, widths: Sequence[int], seed: int = 0) -> theory.Network:
    """Independent normal weights of variance 1 / fan-in, drawn in the order of the layers."""
    rng = np.random.default_rng(seed)
    shapes = zip(widths[1:], widths, strict=False)
    return theory.Network([rng.standard_normal(s) / np.sqrt(s[1]) for s in shapes], activation)


@functools.cache
def trained(name: str) -> theory.Network:
    """A network that was trained on digits, from its file."""
    file: Any = files("paper_checks") / "lipschitz" / "networks" / f"{name}.safetensors"
    return theory.load_network(file)

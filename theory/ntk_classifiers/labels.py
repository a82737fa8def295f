"""Class labels: +1 and -1."""

from typing import Any

import numpy as np

from theory.ntk_classifiers._forms import Array


def signed_labels(labels: Any) -> Array:
    """A vector of +1 and -1 as floats; ValueError naming the first entry that is neither."""
    try:
        y = np.asarray(labels, dtype=float)
    except (TypeError, ValueError):
        raise ValueError("labels must be numbers, +1 or -1.") from None
    if y.ndim != 1 or not y.size:
        raise ValueError(f"labels must be a vector of +1 and -1, not of shape {y.shape}.")
    wrong = np.abs(y) != 1
    if wrong.any():
        place = int(np.argmax(wrong))
        raise ValueError(
            f"label {place} is {y[place]:g}; labels must be +1 or -1 (two classes 0 and 1: "
            "pass 2 y - 1)."
        )
    return y

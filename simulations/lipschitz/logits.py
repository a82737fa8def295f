"""Differences of logits: their certified constants for all pairs of labels, and radii of inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from simulations.arrays import Array, read_array
from simulations.lipschitz.bracket import Closing
from simulations.store import finite
from theory.digits import text_down, text_up

if TYPE_CHECKING:
    from theory.lipschitz.margins import Margins, Radii
    from theory.lipschitz.network import Network

MATRIX = 10
"""Labels of which all pairs fit into a table of 80 columns."""
LISTED = 20
"""Inputs, or labels, that are told one by one in text."""
QUANTILES = (0.05, 0.5, 0.95)

Record = dict[str, Any]
Table = list[list[str]]


def pair_constants(network: Network, norm: str, tolerance: float, progress: Closing) -> Margins:
    """Constants of f_i - f_j for all pairs; ValueError where there are none."""
    from theory.lipschitz.margins import margins

    if network.outputs < 2:
        raise ValueError("--margin: margins are differences of two logits; this network has one.")
    return margins(network, norm, tolerance, progress=progress)


def read_labels(path: str, count: int, outputs: int) -> Array:
    """The true labels of so many inputs, from a .npy file of whole numbers from 0 on."""
    y = read_array("--labels", path)
    if y.ndim != 1 or len(y) != count:
        raise ValueError(f"--labels: {path} has shape {y.shape}; there are {count} inputs.")
    wrong = y[(y != np.floor(y)) | (y < 0) | (y >= outputs)] if y.dtype.kind in "fiu" else y
    if len(wrong):
        raise ValueError(
            f"--labels: {path} holds {wrong[0]}; labels are whole numbers from 0 to {outputs - 1}."
        )
    return np.asarray(y, dtype=np.int64)


# --- records -------------------------------------------------------------------------------------


def margins_record(found: Margins) -> Record:
    """The constants as JSON; null where nothing is proved."""
    return {
        "upper": [[finite(float(x)) for x in row] for row in found.upper],
        "dual": [[finite(float(x)) for x in row] for row in found.dual],
    }


def radii_record(found: Radii, labels: Array | None) -> Record:
    """The radii as JSON, and their quantiles; `labels` are the true ones."""
    radii = found.radii
    record: Record = {
        "predicted": found.labels.tolist(),
        "margins": [finite(float(x)) for x in found.margins],
        "radii": [finite(float(x)) for x in radii],
        "quantiles": {str(q): finite(float(np.quantile(radii, q))) for q in QUANTILES},
    }
    if labels is not None:
        right = found.labels == labels
        record["accuracy"] = float(right.mean())
        record["certified accuracy"] = [
            {"radius": finite(float(r)), "share": float(np.mean(right & (radii >= r)))}
            for r in np.quantile(radii, QUANTILES)
        ]
    return record


# --- tables --------------------------------------------------------------------------------------


def margins_table(found: Margins) -> Table:
    """All pairs of few labels; of many, the least and the largest constant of each."""
    n = len(found.upper)
    if n <= MATRIX:
        head = ["pair", *map(str, range(n))]
        return [head, *([str(i), *_row(found, i)] for i in range(n))]
    rows = [["label", "least", "with", "largest", "with"]]
    for i in range(min(n, LISTED)):
        others = np.where(np.arange(n) == i, np.nan, found.upper[i])
        low, high = int(np.nanargmin(others)), int(np.nanargmax(others))
        rows.append(
            [str(i), text_up(others[low], 4), str(low), text_up(others[high], 4), str(high)]
        )
    return rows


def _row(found: Margins, i: int) -> list[str]:
    return ["" if i == j else text_up(x, 4) for j, x in enumerate(found.upper[i])]


def margins_words(found: Margins) -> str:
    """How far the constants are from the optima of their relaxations."""
    off = ~np.eye(len(found.upper), dtype=bool)
    upper, dual = found.upper[off], found.dual[off]
    sure = np.isfinite(upper)
    used = sure & (dual > 0)
    text = f"{np.count_nonzero(sure) // 2} of {len(upper) // 2} pairs certified"
    if used.any():
        text += f"; the widest bracket is open by {np.max(upper[used] / dual[used] - 1):.1e}"
    return text + "."


def radii_table(found: Radii, labels: Array | None) -> Table:
    """The first inputs one by one."""
    rows = [["input", "label", "true", "margin", "radius"]]
    for i in range(min(LISTED, len(found.labels))):
        true = "" if labels is None else str(labels[i])
        cells = (text_down(found.margins[i], 6), text_down(found.radii[i], 6))
        rows.append([str(i + 1), str(found.labels[i]), true, *cells])
    return rows if labels is not None else [[*row[:2], *row[3:]] for row in rows]


def radii_words(record: Record, norm: str) -> str:
    """The quantiles of the radii, and what they are worth."""
    q = record["quantiles"]
    low, middle, high = ("inf" if x is None else text_down(x, 4) for x in q.values())
    name = {"l2": "l2", "linf": "l_inf"}[norm]
    text = f"Certified radii ({name}): 5 % {low}, median {middle}, 95 % {high}"
    if "accuracy" in record:
        share = record["certified accuracy"][1]["share"]
        text += (
            f"; {100 * record['accuracy']:.4g} % of the labels are right, and "
            f"{100 * share:.4g} % right with the median radius"
        )
    return text + "."

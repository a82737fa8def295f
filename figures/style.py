"""The one style of all figures: colours by role, intervals, files with the same bytes each time.

Measured values are blue points with 99.9% intervals, predictions vermillion lines, formulas that
are put to the test without being trusted grey dashes.  Several sizes in one panel take the colours
of CYCLE in their order.  Letters are drawn as paths, so that they look alike everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from simulations.core import Estimate
from simulations.store import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEVEL = 0.999
Z = NormalDist().inv_cdf((1 + LEVEL) / 2)
"""Half-width of a two-sided normal interval of that level, in standard errors."""
WITH_INTERVAL = "measured, 99.9% interval"

CYCLE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Hues told apart by every kind of colour vision (Okabe and Ito)."""
MEASURED, PREDICTED = CYCLE[:2]
DOUBTED = "0.45"

SETTINGS: Any = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.formatter.useoffset": False,
    "axes.labelpad": 3,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.3,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "figure.constrained_layout.use": True,
    "savefig.dpi": 160,
    "svg.fonttype": "path",
    "svg.hashsalt": "deepverdict",
}


@contextmanager
def applied() -> Iterator[None]:
    """Matplotlib's defaults and our settings, whatever the user has set; restored afterwards."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(SETTINGS)
        yield


def canvas(width: float, height: float) -> Figure:
    """An empty figure of this size in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height))


def measured(ax: Axes, x: Sequence[float], found: Sequence[Estimate], **options: Any) -> None:
    """Points with their 99.9% intervals."""
    look = {"color": MEASURED, "fmt": "o", "ms": 3, "elinewidth": 1, "zorder": 3} | options
    values, errors = [e.value for e in found], [Z * e.stderr for e in found]
    ax.errorbar(x, values, errors, **look)  # type: ignore[arg-type]  # options by name


def name(ax: Axes, x: float, y: float, text: str, color: str) -> None:
    """Write the name of a line beside its right end (x, y)."""
    look = {"color": color, "va": "center", "annotation_clip": False}
    ax.annotate(text, (x, y), (6, 0), textcoords="offset points", **look)  # type: ignore[arg-type]  # options by name


def save(figure: Figure, path: Path, title: str, caption: str) -> None:
    """Write .svg, .pdf or .png in one step; the same figure gives the same bytes."""
    kind = path.suffix[1:]
    told = {
        "svg": {"Date": None, "Title": title, "Description": caption},
        "pdf": {"CreationDate": None, "Title": title, "Subject": caption},
        "png": {"Title": title, "Description": caption},
    }[kind]
    with applied(), replacing(path) as file:
        figure.savefig(file, format=kind, metadata=told)


def histogram(
    ax: Axes, counts: np.ndarray[Any, Any], total: float, edges: np.ndarray[Any, Any], **look: Any
) -> None:
    """Densities of the bins between the edges, with their 99.9% intervals."""
    widths = np.diff(edges)
    share = counts / total
    error = Z * np.sqrt(share * (1 - share) / total) / widths
    label, color = look.get("label"), look.get("color", MEASURED)
    ax.stairs(share / widths, edges, fill=True, color=color, alpha=0.3, label=label)
    middle = (edges[1:] + edges[:-1]) / 2
    ax.errorbar(middle, share / widths, error, fmt="none", elinewidth=1, color=color)

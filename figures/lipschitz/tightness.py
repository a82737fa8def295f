"""How tight the bounds are on networks that were trained on digits (C7, C8, V1)."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from figures import style
from figures.core import Drawing
from figures.lipschitz.networks import COLORS, LABELS, MARKERS, TRAINED, trained
from simulations.core import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SAMPLES = 1000
BELOW = ("patterns", "found", "sampled")
"""Lower bounds; all else is certified from above."""
LOWER = 0.3
"""They are drawn that much further down."""
LEFT_OUT = ("lipsdp", "interior-point")
"""For groups LipSDP is NSR at its optimum, which the interior-point method finds too."""


@functools.cache
def values(name: str) -> dict[str, float]:
    """What every method says of a trained network, by the names of LABELS."""
    from theory.lipschitz import METHODS, bound, lower_bound, sampled_gradients
    from theory.lipschitz.rounding import rounded

    network, found = trained(name), {}
    grouped = not network.kinds <= {"slopes"}
    for method in METHODS:
        if method not in LEFT_OUT or (method == "lipsdp" and not grouped):
            try:
                found[method] = bound(network, method=method, tolerance=1e-6).upper
            except ValueError:  # not for this activation, or too many patterns
                continue
    points = np.random.default_rng(1).uniform(size=(SAMPLES, network.inputs))
    found["sampled"] = float(sampled_gradients(network, points).max())
    found["found"] = lower_bound(network, inputs=points).value
    found["patterns"] = rounded(network)
    return found


def tightness(_: Sequence[Result]) -> Figure:
    """One row per network: all bounds over the optimum of the SDP."""
    figure = style.canvas(9.2, 3.9)
    ax = figure.subplots()
    names = list(TRAINED)[::-1]
    for height, name in enumerate(names):
        found = values(name)
        optimum = found.get("nsr-full", found.get("lipsdp", 0.0))
        above = tuple(method for method in found if method not in BELOW)
        for methods, y in ((above, height), (BELOW, height - LOWER)):
            values_here = [found[method] / optimum for method in methods]
            ends = min(values_here), max(values_here)
            ax.plot(ends, (y, y), color="0.85", lw=1, zorder=0)
            for method in methods:
                ax.plot(found[method] / optimum, y, **_look(method))
    ax.axvline(1, color=style.CYCLE[0], lw=0.6, zorder=0)
    ax.set_yticks(np.arange(len(names)) - LOWER / 2, [TRAINED[name] for name in names])
    ax.set_ylabel("trained on digits")
    ax.set_xscale("log")
    ticks = (0.3, 0.4, 0.5, 0.6, 0.8, 1, 1.2, 1.5, 2, 2.5)
    ax.set_xticks(ticks, [f"{x:g}" for x in ticks])
    ax.minorticks_off()
    ax.set_xlabel("bound / optimum of LipSDP or LipSDP-NSR")
    handles = [
        ax.plot([], [], **_look(method), label=label)[0]
        for method, label in LABELS.items()
        if method not in (*LEFT_OUT, "nsr-full")
    ]
    optimal = ax.plot([], [], **_look("lipsdp"), label="LipSDP, NSR at its optimum")[0]
    handles.insert(5, optimal)
    figure.legend(handles=handles, loc="outside lower center", ncols=5)
    return figure


def _look(method: str) -> Any:
    hollow = method == "patterns"
    return {
        "ls": "",
        "color": COLORS[method],
        "marker": MARKERS[method],
        "ms": {"fgl": 9, "patterns": 9, "sampled": 11}.get(method, 6),
        "mfc": "white" if hollow else COLORS[method],
        "mec": COLORS[method] if hollow or MARKERS[method] in "x|" else "white",
        "mew": 1.0 if hollow else 1.6 if MARKERS[method] in "x|" else 0.5,
        "zorder": 2 if hollow else 3,
    }


FIGURES = (
    Drawing(
        "lipschitz_tightness",
        "Networks that the project trains on digits: bounds on their Lipschitz constant (Euclidean "
        "norms) over the optimum of the semidefinite program. Coloured and black marks are "
        "certified; FGL is known where all patterns can be enumerated. Grey marks are lower "
        "bounds: on FGL the best activation pattern found, which need not occur; on the constant "
        "itself the largest difference quotient found by attack, and the largest of "
        f"{SAMPLES} gradients at random images. S = P = 0 is not lossless, and RR can be looser "
        "than the product. All computed.",
        (),
        tightness,
    ),
)

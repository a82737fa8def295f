"""How far classifiers of digits are certified, and how near their labels change (margins)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from figures import style
from figures.core import Drawing
from figures.lipschitz.growth import stored
from figures.lipschitz.measure import CLASSIFIERS, TEST
from figures.lipschitz.networks import TRAINED
from simulations.core import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CURVES = (
    ("product", "product of norms", "black", "--"),
    ("auto", "LipSDP, whole network", style.CYCLE[4], "-"),
    ("pairs", "LipSDP, pairs of labels", style.CYCLE[0], "-"),
    ("attack", "label not yet changed by attack", style.CYCLE[1], ":"),
)


def radii(_: Sequence[Result]) -> Figure:
    """Share of the images that are right in a whole ball, over its radius."""
    figure = style.canvas(8.4, 3.4)
    for ax, name in zip(figure.subplots(1, 2, sharey=True), CLASSIFIERS, strict=True):
        found = stored()["radii"][name]
        for key, label, color, dash in CURVES:
            sizes = np.sort(np.array(found[key]))
            share = 1 - np.arange(len(sizes) + 1) / len(sizes)
            ax.stairs(
                share, [0, *sizes, 1.2], color=color, ls=dash, lw=1.4, label=label, baseline=None
            )
        ax.set_xlim(0, 1.0)
        ax.set_ylim(0, 1)
        ax.set_title(TRAINED[name])
        ax.set_xlabel(r"radius (Euclidean norm, pixels in $[0, 1]$)")
    figure.axes[0].set_ylabel("share of images right within it")
    handles, names = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4)
    return figure


FIGURES = (
    Drawing(
        "lipschitz_radii",
        f"Networks trained on digits, {TEST} images not trained on: the share that is classified "
        "rightly wherever the image is moved by less than the radius. Certified, from the "
        "constant of the whole network times the root of 2, or from one constant for each "
        "difference of two logits. Dotted: no more than this, since beyond the attack changes the "
        "label. From stored measurements.",
        (),
        radii,
    ),
)

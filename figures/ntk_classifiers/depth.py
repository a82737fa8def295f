"""Which classifier a network of finite depth is (claims C5 to C7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from figures import style
from figures.core import Drawing
from figures.reading import mean
from simulations.core import Job, Result
from simulations.ntk_classifiers import VOTES, Params

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DATA_SETS, TEST = 96, 14
RIDGE = 1e-4


@dataclass(frozen=True)
class Panel:
    """A family of kernels and the depths at which it is compared."""

    title: str
    kernel: str
    activation: str
    points: int
    """Odd, so that the majority is never a tie."""
    depths: tuple[int, ...]

    def job(self, depth: int) -> Job:
        """The kernel of this depth beside them."""
        first = f"{self.kernel}:{depth}:{self.activation}"
        p = Params(
            dimension=1,
            points=self.points,
            test=TEST,
            methods=(first, *(name for name, _ in REFERENCES)),
            ridge=RIDGE,
        )
        return Job(VOTES, p, DATA_SETS)


ONE = "optimal:1"
PANELS = (
    Panel("singular, NNGP", "nngp", ONE, 101, (2, 4, 6, 8, 10, 14, 20, 50, 200)),
    Panel("singular, NTK", "ntk", ONE, 101, (2, 4, 6, 8, 10, 14, *(10**k for k in range(2, 7)))),
    Panel("$A = A' = 0$, NTK", "ntk", "hermite:2", 101, (1, 2, 4, 6, 8, 10, 13, 16, 20, 26)),
    Panel("GELU, NTK", "ntk", "gelu", 15, (1, 4, 12, 35, 100, 200, 300)),
    Panel("ReLU, NTK", "ntk", "relu", 15, (1, 3, 10, 30, 100, 300, 1000)),
)
REFERENCES = (
    ("hilbert:1", r"Hilbert, $\alpha = d$"),
    ("hilbert:3", r"Hilbert, $\alpha = d + 2$"),
    ("nearest", "nearest neighbour"),
    ("majority", "majority"),
)
LOOKS = tuple(zip((*style.CYCLE[:3], style.CYCLE[4]), "os^v", strict=True))
_jobs = tuple(panel.job(depth) for panel in PANELS for depth in panel.depths)


def depths(results: Sequence[Result]) -> Figure:
    """Agreement with four classifiers over depth, one panel for a family of kernels."""
    figure = style.canvas(9.2, 5.2)
    axes = figure.subplots(2, 3, sharey=True).ravel()
    found = dict(zip(_jobs, results, strict=True))
    for ax, panel in zip(axes, PANELS, strict=False):
        rows = [found[panel.job(depth)] for depth in panel.depths]
        for (reference, name), (color, marker) in zip(REFERENCES, LOOKS, strict=True):
            shares = [mean(row, f"agreement@{reference}") for row in rows]
            ax.plot(panel.depths, [e.value for e in shares], color=color, lw=0.9)
            look: Any = {"color": color, "fmt": marker, "ms": 3.5, "label": name}
            style.measured(ax, panel.depths, shares, **look)
        ax.set_title(f"{panel.title}, $n = {panel.points}$")
        ax.set_xscale("log")
        ax.set_ylim(0.4, 1.02)
        ax.set_xlabel("depth $L$")
    for ax in axes[::3]:
        ax.set_ylabel("agreement")
    axes[-1].remove()
    place: Any = {"loc": "center", "bbox_to_anchor": (0.84, 0.3)}
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, title="agreement with", **place)
    return figure


FIGURES = (
    Drawing(
        "classifiers_depth",
        "Share of test points at which the kernel predictor of depth L says the same as four "
        "classifiers, over random data sets of n points of the paper's Dirichlet classes, d = 1, "
        "with 99.9% intervals. The NNGP of an activation with alpha = d (dual (x + x^7)/2) becomes "
        "the Hilbert vote within 20 layers. The NTK of the same activation is the vote with "
        "alpha = d + 2 first, for orders of magnitude of depth. A = A' = 0 (dual x^2): nearest "
        "neighbour. GELU: majority vote after 300 layers. ReLU: on its way after 1000. A ridge "
        "of 1e-4 keeps shallow systems solvable.",
        _jobs,
        depths,
    ),
)

"""What a figure is, how it is found by name, and how the jobs of many are simulated at once.

Drawing.jobs -> one run, kept in a store -> results -> Drawing.draw -> Figure
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from simulations import core
from simulations.core import Job, MapBlocks, Progress, Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from simulations.store import Store

SUBJECTS = (
    "depth_limit",
    "commutation",
    "selu",
    "ntk_classifiers",
    "conv_kernels",
    "kernel_density",
    "lipschitz",
)
"""Modules of this package, each with a tuple FIGURES; imported when first needed."""

FORMATS = ("svg", "pdf", "png")
"""Kinds of files that a figure can be written as."""

Results: TypeAlias = Mapping[Job, Result]


@dataclass(frozen=True)
class Drawing:
    """A figure as data: what to simulate, and a pure function from the results to the picture.

    `draw` gets one result per job, in their order.  `name` is also the name of the file, so it
    differs from that of every other figure of any subject.  The caption says what the bars are.
    """

    name: str
    caption: str
    jobs: tuple[Job, ...]
    draw: Callable[[Sequence[Result]], Figure]

    def picture(self, results: Results) -> Figure:
        """The figure in the common style, from the results of a run that includes its jobs.

        Its layout is settled here, so that a file does not depend on the files written before it.
        """
        from figures import style

        with style.applied():
            figure = self.draw([results[job] for job in self.jobs])
            figure.draw_without_rendering()
            figure.set_layout_engine("none")
        return figure


def drawings(subject: str) -> tuple[Drawing, ...]:
    """All figures of a subject."""
    found: tuple[Drawing, ...] = importlib.import_module(f"figures.{subject}").FIGURES
    return found


def select(names: Sequence[str]) -> dict[str, list[Drawing]]:
    """Figures by subject, from names `subject` or `subject/figure`; all without names.

    Raises ValueError for an unknown name, with the nearest known one.
    """
    chosen: dict[str, list[Drawing]] = {}
    for name in names or SUBJECTS:
        subject, slash, figure = name.partition("/")
        if subject not in SUBJECTS:
            raise ValueError(_unknown(name, SUBJECTS))
        group = drawings(subject)
        match = [d for d in group if not slash or d.name == figure]
        if not match:
            raise ValueError(_unknown(name, [f"{subject}/{d.name}" for d in group]))
        here = chosen.setdefault(subject, [])
        here += [d for d in match if d not in here]
    return chosen


def _unknown(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    hint = f'did you mean "{near[0]}"?' if near else f"there are {', '.join(known)}."
    return f'unknown figure or subject "{name}"; {hint}'


def formats(text: str) -> list[str]:
    """The kinds of files named by "svg", "svg,png" or "all", once each.

    Raises ValueError for anything else.
    """
    kinds = [*dict.fromkeys(word.strip() for word in text.split(","))]
    if kinds == ["all"]:
        return [*FORMATS]
    if not set(kinds) <= set(FORMATS):
        raise ValueError(
            f'--format must be {", ".join(FORMATS)}, several as svg,png, or all; got "{text}".'
        )
    return kinds


def simulate(
    wanted: Sequence[Drawing],
    seed: int,
    *,
    map_blocks: MapBlocks | None = None,
    store: Store | None = None,
    progress: Progress | None = None,
) -> Results:
    """The results of all jobs of the figures; a job that several share is simulated once."""
    jobs = list(dict.fromkeys(job for drawing in wanted for job in drawing.jobs))
    found = core.run(jobs, seed, map_blocks=map_blocks, store=store, progress=progress)
    return dict(zip(jobs, found, strict=True))

"""Draw the figures of the papers: `python -m figures [SUBJECT | SUBJECT/FIGURE ...]`.

The page index.html beside the pictures shows all that lie there.  Exit codes: 0 done, 2 wrong
usage, 4 internal error.  The files written go to stdout, progress and messages to stderr.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from figures import contact_sheet
from figures.core import Drawing, Results, drawings, formats, select, simulate
from simulations import core
from simulations.cli import application, engine, guarded, progress_bar
from simulations.core import MapBlocks
from simulations.store import Store
from simulations.tables import paragraph

FOLDER = Path("runs/figures")

app = application(
    "python -m figures", "Draw the figures of the papers, from stored results or fresh ones."
)


@app.default
def draw(
    *names: str,
    out: Path = FOLDER,
    format: str = "svg",
    seed: int = 1,
    workers: int = 1,
    dask: str | None = None,
    store: Path | None = None,
    fresh: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Draw the figures of the papers, from stored results or fresh ones, and a page of them.

    Parameters
    ----------
    names:
        Subjects, or single figures as depth_limit/log_ratio; all figures without names.
    out:
        Folder of the pictures and of index.html, the page of all that lie there.
    format:
        Kind of the files: svg, pdf, png, several as svg,png, or all.
    seed:
        Same seed, same machine: same bytes.
    workers:
        Processes, one core each.
    dask:
        Address of a running dask scheduler to compute on.
    store:
        Results of the subject, kept from run to run; runs/figures/SUBJECT.jsonl if not given.
    fresh:
        Forget the stored results and simulate again.
    """
    chosen = select(names)
    if store is not None and len(chosen) > 1:
        raise ValueError(f"--store holds one subject; name one of {', '.join(chosen)}.")
    kinds = formats(format)
    core.check_seed(seed)
    compute = engine(workers, dask)
    _make_folder(out)
    for subject, some in chosen.items():
        kept = store or FOLDER / f"{subject}.jsonl"
        results: Results = {}
        try:
            if any(drawing.jobs for drawing in some):
                results = _results(subject, kept, seed, compute, fresh=fresh)
        except KeyboardInterrupt:
            print(f"Interrupted; {kept} keeps what is done.", file=sys.stderr)
            return 130
        for drawing in some:
            _write(drawing, results, out, kinds)
    print(contact_sheet.write(out))
    return 0


def _results(subject: str, kept: Path, seed: int, compute: MapBlocks, *, fresh: bool) -> Results:
    """Results of all jobs of the subject: one store serves every choice of its figures."""
    if fresh:
        _forget(kept)
    try:
        with progress_bar(f"simulating {subject}") as progress:
            return simulate(
                drawings(subject),
                seed,
                map_blocks=compute,
                store=Store(kept, resume=True),
                progress=progress,
            )
    except ValueError as error:  # the store speaks of the option that names it elsewhere
        busy = "being written" in str(error)
        remedy = "another --store" if busy else "--fresh or another --store"
        raise ValueError(str(error).replace("another --out", remedy)) from None


def _write(drawing: Drawing, results: Results, out: Path, kinds: Sequence[str]) -> None:
    from figures import style

    picture = drawing.picture(results)
    for kind in kinds:
        path = out / f"{drawing.name}.{kind}"
        style.save(picture, path, drawing.name, drawing.caption)
        print(path)
    print(paragraph(drawing.caption, "    "))


def _make_folder(out: Path) -> None:
    """Find out before the work is done that its result could not be written."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise ValueError(f"--out: cannot write to the folder {out}: {error.strerror}.") from None


def _forget(kept: Path) -> None:
    try:
        kept.unlink(missing_ok=True)
    except OSError as error:
        raise ValueError(f"--fresh: cannot remove {kept}: {error.strerror}.") from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    return guarded(lambda: app(words))


if __name__ == "__main__":
    sys.exit(main())

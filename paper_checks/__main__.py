"""Check published statements: `python -m paper_checks list | run [ID...] | report`.

`certify NAME` proves a statement on a domain of the user's own, `recheck FILE` verifies a proof.
Exit codes: 0 every verdict as expected, 1 some verdict is not, 2 wrong usage, 3 inconclusive,
4 internal error.  Results go to stdout, progress and messages to stderr.
"""

import json as json_format
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from paper_checks import report as shown
from paper_checks import terminal
from paper_checks.certify import certify, recheck
from paper_checks.core import Level
from paper_checks.registry import mistake, select
from paper_checks.running import ALPHA, exit_code, run_claims
from simulations.cli import (
    application,
    bare_resume,
    engine,
    guarded,
    open_store,
    progress_bar,
)

RECORD = Path("runs/verdicts.json")
PAGE = Path("runs/report.html")

app = application("python -m paper_checks", "Check published statements on neural networks.")
app.command(certify)
app.command(recheck)


@app.command(name="list")
def list_claims(*names: str) -> None:
    """Print the claims: id, kind, expected verdict, levels and statement.

    Parameters
    ----------
    names:
        Claim ids, subjects, or Python files with a tuple CLAIMS; all subjects without names.
    """
    for line in terminal.listing(select(names)):
        print(line)


@app.command
def run(
    *names: str,
    level: Level = "quick",
    seed: int = 1,
    workers: int = 1,
    dask: str | None = None,
    alpha: float = ALPHA,
    out: Path | None = None,
    resume: Annotated[list[Path] | None, Parameter(negative=())] = None,
    json: Annotated[bool, Parameter(negative=())] = False,
    record: Path = RECORD,
    report: Path = PAGE,
) -> int:
    """Check claims and print a line for each.

    Parameters
    ----------
    names:
        Claim ids, subjects, or Python files with a tuple CLAIMS; all subjects without names.
    level:
        quick, or full for the tightest statements.
    seed:
        Same seed, same machine: same bytes.
    workers:
        Processes, one core each.
    dask:
        Address of a running dask scheduler to compute on.
    alpha:
        Probability that any verdict of the run is wrong.
    out:
        Keep the simulated blocks in this file (JSON lines), safe against a kill at any moment.
    resume:
        Continue this file of blocks.
    json:
        Print one JSON object instead of the table.
    record:
        Where the JSON record goes.
    report:
        Where the page goes.
    """
    claims = select(names, level)
    for path in (record, report):
        _check_folder(path)
    with progress_bar("simulating") as progress:
        outcome = run_claims(
            claims,
            level,
            seed,
            alpha,
            map_blocks=engine(workers, dask),
            store=open_store(out, resume or []),
            progress=progress,
            certificates=record.parent / "certificates",
        )
    text = json_format.dumps(outcome, allow_nan=False, indent=1)
    _write(record, text + "\n")
    _write(report, shown.render(outcome))
    if json:
        print(text)
    else:
        terminal.show(outcome)
        print(f"Report: {report}  Record: {record}")
    return exit_code(outcome["summary"])


@app.command
def report(record: Path = RECORD, *, out: Path = PAGE) -> None:
    """Write the page of a stored record.

    Parameters
    ----------
    record:
        A record written by `run`.
    out:
        Where the page goes.
    """
    _check_folder(out)
    _write(out, shown.render(_read(record)))
    print(f"Report: {out}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    return guarded(lambda: _blaming(words))


def _blaming(words: Sequence[str]) -> Any:
    """Run a command; what is raised inside a user's file of claims is the user's mistake."""
    try:
        return app(bare_resume(words))
    except (ValueError, OSError, MemoryError):
        raise
    except Exception as error:
        if found := mistake(error, words):
            raise ValueError(found) from error
        raise


def _read(path: Path) -> Mapping[str, Any]:
    try:
        found = json_format.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}; make it with `run`.") from None
    except ValueError:
        found = None
    if not isinstance(found, dict) or not {"claims", "summary", "versions"} <= found.keys():
        raise ValueError(f"{path} is not a record written by `python -m paper_checks run`.")
    return found


def _check_folder(path: Path) -> None:
    """Find out before the work is done that its result could not be written."""
    try:
        path.resolve().parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror}.") from None
    if path.is_dir():
        raise ValueError(f"cannot write {path}: it is a folder.")


def _write(path: Path, text: str) -> None:
    """Replace a file in one step, so that it is never half-written."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ValueError(f"cannot write {path}: {error.strerror}.") from None


if __name__ == "__main__":
    sys.exit(main())

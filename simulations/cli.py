"""One command line for all twins: `python -m simulations.<subject>`.

Options come from the fields of the twin's Params; the rest is common.  Results go to stdout,
progress and messages to stderr.  Exit codes: 0 done, 2 wrong usage, 4 internal error.
"""

import errno
import importlib
import json as json_format
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from cyclopts import App, CycloptsError, Parameter

from simulations import core, engines
from simulations.core import Derived, Estimate, Job, Law, MapBlocks, Report, Result, Twin
from simulations.store import Store, finite
from simulations.sweeps import Label, Plan, convert, named, plan
from simulations.tables import paragraph, print_table, single_table, sweep_table

LINE_EVERY = 30.0
"""Seconds between progress lines where there is no terminal."""


class Outcome(NamedTuple):
    """What a command computed, ready to be shown."""

    plan: Plan
    jobs: list[Job]
    results: list[Result]
    seed: int
    seconds: float

    def derived(self, twin: Twin) -> Iterator[tuple[Label, Derived]]:
        """What follows from the runs of each survey together, with what was swept."""
        if twin.derived and self.plan.surveyed:
            for group in self.plan.surveys():
                params = [self.jobs[i].params for i in group]
                label = self.plan.labels[group[0]][:-1]
                yield label, twin.derived(params, [self.results[i] for i in group])

    def reports(self, twin: Twin) -> list[Report | None]:
        """What there is to say of each run besides its estimates."""
        return [twin.report(j.params, r) for j, r in zip(self.jobs, self.results, strict=True)]


def main(module: str, arguments: Sequence[str] | None = None) -> int:
    """Run the command line of the twin in `module` and return the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    return guarded(lambda: _app(module, words)(bare_resume(words)))


def guarded(command: Callable[[], Any]) -> int:
    """Run a command; a user's mistake is one line on stderr and exit code 2.

    Anything unforeseen is exit code 4, after the traceback that a report of it needs.
    """
    try:
        code = command() or 0
        sys.stdout.flush()
        return code
    except CycloptsError as error:
        message = " ".join(str(error).split())
    except ValueError as error:
        message = f"Error: {' '.join(str(error).split())}"
    except BrokenPipeError:  # the reader of our output, `head` for example, has had enough
        return _without_stdout(141)
    except KeyboardInterrupt:
        print("Interrupted; with --out, go on from its blocks by --resume.", file=sys.stderr)
        return 130
    except Exception as error:
        if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
            message = "Error: out of memory; try a smaller --width."
        elif isinstance(error, OSError) and error.errno == errno.ENOSPC:
            message = f"Error: cannot write the output: {error.strerror}."
            _without_stdout(2)
        else:
            traceback.print_exc()
            print("Internal error; please report it with the lines above.", file=sys.stderr)
            return 4
    print(message, file=sys.stderr)
    return 2


def _without_stdout(code: int) -> int:
    """Let the interpreter flush what is left of stdout into nothing when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def application(name: str, text: str) -> App:
    """A command line of this project: errors are raised, for `guarded` to report."""
    app = App(
        name=name,
        help=text,
        help_format="plaintext",
        version_flags=(),
        result_action="return_value",
        exit_on_error=False,
        print_error=False,
        suppress_keyboard_interrupt=False,
        default_parameter=Parameter(converter=convert),
    )
    app["--help"].show = False
    return app


def bare_resume(words: Sequence[str]) -> list[str]:
    """`--resume` without a file means the file of `--out`."""
    words = [part for w in words for part in (w.split("=", 1) if w.startswith("--out=") else [w])]
    out = words[words.index("--out") + 1] if "--out" in words[:-1] else None
    result: list[str] = []
    for word, following in zip(words, [*words, "--"][1:], strict=True):
        result.append(word)
        if word == "--resume" and following.startswith("--"):
            if out is None:
                raise ValueError("--resume needs the results file to continue, or --out FILE.")
            result.append(out)
    return result


def parse_shard(text: str | None) -> tuple[int, int]:
    """ "i/k" as (i, k) with 0 <= i < k; None is everything."""
    if text is None:
        return 0, 1
    i, _, k = text.partition("/")
    if not (i.isdecimal() and k.isdecimal() and int(i) < int(k)):
        raise ValueError(f'--shard must be i/k with 0 <= i < k, as in 0/4; got "{text}".')
    return int(i), int(k)


def engine(workers: int, address: str | None) -> MapBlocks:
    """The engine that --workers and --dask ask for."""
    if address is not None:
        return engines.dask(address)
    return engines.local(workers)


def open_store(out: Path | None, resume: Sequence[Path]) -> Store | None:
    """The results file that --out and --resume ask for."""
    path = out or (resume[0] if resume else None)
    if path is None:
        return None
    if path in resume and not path.exists():
        print(f"{path} does not exist yet; starting it.", file=sys.stderr)
    return Store(path, resume=path in resume, also=resume)


@contextmanager
def progress_bar(title: str) -> Iterator[core.Progress]:
    """A bar on a terminal, a line every 30 seconds elsewhere; always on stderr."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            row = bar.add_task(title)
            yield lambda task, done, total: bar.update(row, completed=done, total=total)
        return
    last = time.monotonic()

    def report(task: core.Task, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= LINE_EVERY:
            last = time.monotonic()
            print(f"{title}: {100 * done // total} %", file=sys.stderr, flush=True)

    yield report


def versions() -> dict[str, str]:
    """What a number may depend on: package, interpreter, libraries and device."""
    from importlib.metadata import PackageNotFoundError, version

    import jax

    found = {"python": sys.version.split()[0]}
    for name in ("deepverdict", "jax", "jaxlib", "numpy", "scipy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # run from a source tree
            found[name] = "unknown"
    device = jax.devices()[0]
    return found | {"device": f"{device.platform} {device.device_kind}"}


def _app(module: str, words: Sequence[str]) -> App:
    subject = importlib.import_module(module)
    twins: dict[str, Twin] = getattr(subject, "TWINS", None) or {"": subject.TWIN}
    first = next(iter(twins))
    params_type: Any = twins[first].params
    kinds: Any = Literal.__getitem__(tuple(twins))
    several = Parameter(parse=len(twins) > 1)
    app = application(f"python -m {module}", (subject.__doc__ or "").partition("\n\n")[0])

    @app.default
    def command(
        *,
        quantity: Annotated[kinds, several] = first,
        params: Annotated[params_type, Parameter(name="*")] = None,
        samples: int | None = None,
        sweep: Annotated[list[str] | None, Parameter(negative=())] = None,
        seed: int = 1,
        workers: int = 1,
        dask: str | None = None,
        shard: str | None = None,
        out: Path | None = None,
        resume: Annotated[list[Path] | None, Parameter(negative=())] = None,
        json: Annotated[bool, Parameter(negative=())] = False,
        plot: Path | None = None,
    ) -> None:
        """Simulate, and compare with theory.

        Parameters
        ----------
        quantity:
            What to measure.
        samples:
            Number of independent networks, or data sets; each quantity has a default of its own.
        sweep:
            "parameter=value,value,...": a run for each; repeat for every combination.
        seed:
            Same seed, same machine: same bytes.
        workers:
            Processes, one core each.
        dask:
            Address of a running dask scheduler to compute on.
        shard:
            "i/k": compute only every k-th block from i on; needs --out.
        out:
            Results file (JSON lines), safe against a kill at any moment.
        resume:
            Continue this results file; repeat to merge the files of several shards.
        json:
            Print one JSON object.
        plot:
            Write a picture of measured against predicted (.svg, .pdf or .png).
        """
        twin = twins[quantity]
        params = params or params_type()
        part = parse_shard(shard)
        if part[1] > 1 and not (out or resume):
            raise ValueError("--shard needs --out FILE to keep its blocks in.")
        if plot is not None:
            check_plot(plot)
        compute = engine(workers, dask)
        core.check_seed(seed)
        runs = plan(twin, params, sweep or [], words)
        number = twin.samples if samples is None else samples
        jobs = [Job(twin.experiment(p), p, number) for p in runs.params]
        store = open_store(out, resume or [])
        begin = time.perf_counter()
        with progress_bar(jobs[0].experiment.name) as progress:
            results = core.run(
                jobs,
                seed,
                map_blocks=compute,
                store=store,
                progress=progress,
                shard=part,
            )
        outcome = Outcome(runs, jobs, results, seed, time.perf_counter() - begin)
        _show(outcome, twin, json=json, plot=plot, store=store)

    return app


def check_plot(plot: Path) -> None:
    """Refuse a picture that could not be written, before the work is done."""
    if plot.suffix not in (".svg", ".pdf", ".png"):
        raise ValueError(f'--plot must end in .svg, .pdf or .png; got "{plot}".')
    if not plot.resolve().parent.is_dir():
        raise ValueError(f"--plot: the folder {plot.resolve().parent} does not exist.")


def _show(o: Outcome, twin: Twin, *, json: bool, plot: Path | None, store: Store | None) -> None:
    if not o.results:
        kept = store and store.path
        print(f"Shard done, kept in {kept}; merge the shards with --resume.", file=sys.stderr)
        return
    predictions = [twin.predictions(job.params) for job in o.jobs]
    if json:
        print(json_format.dumps(record(o, twin, predictions), allow_nan=False))
    else:
        _print(o, twin, predictions)
    if plot is not None:
        from simulations.plot import draw

        draw(plot, o.plan, o.results, predictions, twin)


def _print(o: Outcome, twin: Twin, predictions: Sequence[dict[str, Any]]) -> None:
    params = [job.params for job in o.jobs]
    if twin.survey_table and o.plan.over == (twin.survey_over,):
        print_table(twin.survey_table(params, o.results))
    elif o.plan.over:
        print_table(sweep_table(o.plan, o.results, predictions, twin.headline_of(o.results)))
    else:
        print_table(single_table(o.results[0], predictions[0], twin.shown))
    for label, (estimates, said, conclusion) in o.derived(twin):
        swept = zip(o.plan.over, label, strict=False)
        where = "".join(f"{name} {value}  " for name, value in swept)
        print("\n" + paragraph(where + conclusion))
        print_table(single_table(estimates, said, bool))
    for name, report in zip(o.plan.labels, o.reports(twin), strict=True):
        if report:
            print("\n" + "".join(f"{value}\n" for value in name), end="")
            print_table(report.table)
            print(paragraph(report.conclusion))
    print(f"{o.jobs[0].samples} samples each, seed {o.seed}, {o.seconds:.1f} s.")


def record(o: Outcome, twin: Twin, predictions: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The JSON object of a run; of several, the names carry what differs: `log_ratio[4]`.

    A parameter that differs from job to job is a list, one entry per job.
    """
    every = [_recorded(job.params) for job in o.jobs]
    params = {
        name: value if all(p[name] == value for p in every) else [p[name] for p in every]
        for name, value in every[0].items()
    }
    runs = [*zip(o.plan.labels, o.results, predictions, strict=True)]
    runs += [(label, d.estimates, d.predictions) for label, d in o.derived(twin)]
    estimates = {
        named(name, label): described(estimate) | predicted.get(name, {})
        for label, result, predicted in runs
        for name, estimate in result.items()
    }
    reports = [report.record for report in o.reports(twin) if report]
    return {
        "experiment": o.jobs[0].experiment.name,
        "params": params,
        "seed": o.seed,
        "samples": o.jobs[0].samples,
        "seconds": round(o.seconds, 3),
        "estimates": estimates,
        **({"reports": reports} if reports else {}),
        "versions": versions(),
    }


def _recorded(params: Any) -> dict[str, Any]:
    """The parameters as JSON; a field of bulky data says so by its metadata."""
    return {
        f.name: getattr(params, f.name) for f in fields(params) if f.metadata.get("record", True)
    }


def described(estimate: Estimate | Law) -> dict[str, Any]:
    """An estimate as JSON; an undefined number is null."""
    if isinstance(estimate, Law):
        return {"edges": list(estimate.edges), "counts": [int(c) for c in estimate.counts]}
    return {
        "value": finite(estimate.value),
        "stderr": finite(estimate.stderr),
        "samples": estimate.samples,
    }

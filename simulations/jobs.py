"""What a simulation is made of: experiments, their blocks and keys, jobs, tasks and estimates.

The key of a block is a function of (seed, experiment name, parameters, block index) alone, so
workers, order, restarts and new experiments change no number.  A block is the unit of work, of
storage and of retry; its full size is fixed by the parameters, only the last one may be shorter.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

import numpy as np

from simulations.accumulators import Accumulator, Moments
from simulations.accumulators import Block as Block
from theory.display import table, with_error

if TYPE_CHECKING:
    import jax
    from matplotlib.figure import Figure

    from simulations.sweeps import Plan

Params: TypeAlias = Any
"""A frozen dataclass of everything that changes the numbers drawn, and nothing else."""

MAX_BLOCKS = 1 << 20
"""A run keeps a record of every block in memory, so their number has an end."""

SHOWN_EDGES = 12
"""So many rows at most has the table of a law in a notebook."""

DRAWS_PER_BLOCK = 1 << 26
"""About a quarter of a second of work: long against an engine's overhead, short for a restart."""


class Estimate(NamedTuple):
    """A measured quantity: value, standard error, and the number of samples behind it.

    `skewness` is that of one sample; a decision rule needs it to trust a normal interval.
    """

    value: float
    stderr: float
    samples: int
    skewness: float = 0.0

    def __repr__(self) -> str:
        return f"Estimate({with_error(self.value, self.stderr)}, {self.samples} samples)"

    def _repr_html_(self) -> str:
        shown = with_error(self.value, self.stderr)
        return table("Estimate", [("value +- standard error", shown), ("samples", self.samples)])

    @staticmethod
    def of(moments: Accumulator, index: int | tuple[int, ...] = ()) -> Estimate:
        """Estimate of a mean from entry `index` of the accumulated moments."""
        assert isinstance(moments, Moments), "an estimate is made of moments"
        n, mean, m2, m3 = (float(np.asarray(f)[index]) for f in moments[:4])
        if n < 2:
            return Estimate(mean if n else math.nan, math.inf, int(n))
        deviation = math.sqrt(m2 / n)
        skewness = m3 / m2 / deviation if deviation else 0.0
        return Estimate(mean, deviation / math.sqrt(n - 1), int(n), skewness)

    def times(self, factor: float) -> Estimate:
        """The estimate of `factor` >= 0 times the quantity."""
        return self._replace(value=factor * self.value, stderr=factor * self.stderr)


class Law(NamedTuple):
    """A measured law in fixed bins: counts[i] samples in (edges[i-1], edges[i]], ends open."""

    edges: np.ndarray[Any, Any]
    counts: np.ndarray[Any, Any]

    def __repr__(self) -> str:
        return f"Law({self._title()})"

    def _repr_html_(self) -> str:
        total = max(int(np.sum(self.counts)), 1)
        below = np.cumsum(self.counts) / total
        step = max(1, -(-len(self.edges) // SHOWN_EDGES))
        rows = [(f"{x:.6g}", f"{p:.6f}") for x, p in zip(self.edges, below, strict=False)]
        return table(f"Law: {self._title()}", rows[::step], ("edge", "share at or below"))

    def _title(self) -> str:
        bins, total = len(self.counts), int(np.sum(self.counts))
        ends = f" from {self.edges[0]:g} to {self.edges[-1]:g}" if len(self.edges) else ""
        return f"{total} samples in {bins} bins, edges{ends}"


Result: TypeAlias = dict[str, Estimate | Law]


@dataclass(frozen=True)
class Experiment:
    """A named random experiment.

    block(key, params, count): accumulators over `count` samples, a pure function of its arguments;
    estimates(merged, params): named estimates; block_size(params): samples in a full block.
    `stream` is raised by hand whenever the numbers drawn for given parameters change; jobs of equal
    code(params) share compiled code, and so had better be computed by the same worker.
    check(params): raises ValueError for parameters that have no meaning here.
    """

    name: str
    params: type
    block: Callable[[jax.Array, Params, int], Block]
    estimates: Callable[[Block, Params], Result]
    block_size: Callable[[Params], int]
    stream: int = 1
    code: Callable[[Params], Hashable] = lambda params: params
    check: Callable[[Params], None] = lambda params: None


@dataclass(frozen=True)
class Job:
    """One experiment at one set of parameters with a number of samples."""

    experiment: Experiment
    params: Params
    samples: int

    def __post_init__(self) -> None:
        if not isinstance(self.samples, int | np.integer) or self.samples < 1:
            raise ValueError(f"samples must be an integer >= 1; got {self.samples}.")
        self.experiment.check(self.params)

    @property
    def identity(self) -> dict[str, Any]:
        """What fixes the numbers drawn.  Fields at their default are left out, so that a new
        option with a neutral default changes no stored result."""
        return {
            "experiment": self.experiment.name,
            "stream": self.experiment.stream,
            "params": {
                f.name: plain(getattr(self.params, f.name))
                for f in dataclasses.fields(self.params)
                if getattr(self.params, f.name) != f.default
            },
        }

    def blocks(self) -> list[int]:
        """Number of samples of each block; all but the last are full."""
        size = self.experiment.block_size(self.params)
        full, rest = divmod(int(self.samples), size)
        if full >= MAX_BLOCKS:
            raise ValueError(
                f"samples must be at most {MAX_BLOCKS * size} with these parameters; "
                f"got {self.samples}."
            )
        return [size] * full + [rest] * (rest > 0)


class Derived(NamedTuple):
    """What follows from several runs together, the slope of an estimate over depths for example."""

    estimates: Result
    predictions: dict[str, dict[str, Any]]
    conclusion: str
    """One line in words."""


class Report(NamedTuple):
    """What there is to say of a run besides its estimates, of an object of the user's own mostly.

    `record` is what `--json` prints of it; table (header first) and conclusion are for people.
    """

    record: dict[str, Any]
    table: list[list[str]]
    conclusion: str
    """Lines in words."""


@dataclass(frozen=True)
class Twin:
    """What a simulation's command line offers; its module holds one as TWIN, or several as TWINS,
    by the names that --quantity gives them.

    experiment(params): what is simulated; params: their type; prepare(params): the parameters with
    everything read that they name, files for example, and what theory supplies as data filled in.
    predictions(params): for estimates by name, what theory says ("predicted": of this very
    quantity; "limit": of its limit; "band": where one network lies); it imports the theory twin
    when called.
    headline: the estimate that pictures and tables of several runs show; shown: whether an estimate
    goes into the table of one run (`--json` has them all).
    survey(params): the runs made over the parameter `survey_over` where the user has not chosen
    it, or always; survey_table(params, results): their table, header first; derived(params,
    results): what follows from them together.
    report(params, result): more to say of a run; picture(params, result, predictions): the figure
    of a single run, for one that has a better one than estimates in rows; sweep_picture(plan,
    results, predictions): that of several, for one that shows more than the headline.
    """

    experiment: Callable[[Params], Experiment]
    params: type
    samples: int
    predictions: Callable[[Params], dict[str, dict[str, Any]]]
    headline: str
    survey_over: str | None = None
    survey: Callable[[Params], Sequence[Params]] = lambda params: [params]
    survey_table: Callable[[Sequence[Params], Sequence[Result]], list[list[str]]] | None = None
    survey_always: bool = False
    shown: Callable[[str], bool] = bool
    prepare: Callable[[Params], Params] = lambda params: params
    derived: Callable[[Sequence[Params], Sequence[Result]], Derived] | None = None
    report: Callable[[Params, Result], Report | None] = lambda params, result: None
    picture: Callable[[Params, Result, dict[str, dict[str, Any]]], Figure | None] = (
        lambda params, result, predictions: None
    )
    sweep_picture: Callable[
        [Plan, Sequence[Result], Sequence[dict[str, dict[str, Any]]]], Figure | None
    ] = lambda plan, results, predictions: None

    def headline_of(self, results: Sequence[Result]) -> str:
        """The headline, or the first estimate where some of the runs do not have it."""
        return self.headline if all(self.headline in r for r in results) else next(iter(results[0]))


@dataclass(frozen=True)
class Task:
    """One block of one job, as it travels to a worker."""

    experiment: Experiment
    params: Params
    seed: int
    job: int
    index: int
    count: int


class MapBlocks(Protocol):
    """An engine: computes the tasks in any order and yields each with its result."""

    def __call__(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Block]]:
        """Compute the tasks."""


class Progress(Protocol):
    """Called after every finished block with its task, and the work done of the total."""

    def __call__(self, task: Task, done: int, total: int) -> None:
        """Report."""


def canonical(value: Any) -> str:
    """Canonical JSON: sorted keys, no spaces, no NaN; equal values give equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def plain(value: Any) -> Any:
    """The JSON form of a parameter; equal values have equal forms, as 2, 2.0 and numpy's 2 do."""
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return int(value) if isinstance(value, float) and value.is_integer() else value


def samples_per_block(draws: int, batch: int) -> int:
    """Samples in a full block, a power of two, when one sample takes this many normals."""
    return max(batch, 1 << max(0, (DRAWS_PER_BLOCK // draws).bit_length() - 1))


def setup() -> None:
    """Switch jax to double precision; call before the first array."""
    import jax

    jax.config.update("jax_enable_x64", True)


@functools.cache
def one_thread() -> None:
    """Let this process's BLAS use one thread from now on.

    The last bits of a factorisation depend on the number of threads; those of a run must not.
    """
    import scipy.linalg  # noqa: F401  # its BLAS must be loaded to be limited
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it ships no types

    threadpool_limits(1)


def block_key(seed: int, name: str, index: int) -> jax.Array:
    """Key of block `index` of the stream `name`: a function of these three alone."""
    import jax

    word = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=4).digest())
    key = jax.random.key(seed, impl="threefry2x32")
    return jax.random.fold_in(jax.random.fold_in(key, word), index)


def generator(key: jax.Array, *more: int) -> np.random.Generator:
    """A numpy generator seeded with all bits of a block's key, and with further integers."""
    import jax

    return np.random.default_rng([*np.asarray(jax.random.key_data(key)).tolist(), *more])


def compute(task: Task) -> Block:
    """The accumulators of one block, as numpy arrays."""
    setup()
    stream = canonical(Job(task.experiment, task.params, task.count).identity)
    key = block_key(task.seed, stream, task.index)
    block = task.experiment.block(key, task.params, task.count)
    return {name: type(acc)(*(np.asarray(f) for f in acc)) for name, acc in block.items()}

r"""Twin of `theory.depth_limit`: residual networks of finite width and depth, coupled in depth.

    Y_0 ~ N(0, q0 I_n),  Y_l = Y_{l-1} + sqrt(h) W_l phi(Y_{l-1}),  (W_l)_ij ~ N(0, 1/n),  h = T/L.

Notation: N = |phi(Y)|^2, Q = |Y|^2 / n, A = #{i : Y_i > 0}; "survival" is N > 0 at the end.  The
name of an estimate says what is measured after L layers; with `_limit` it is the value
extrapolated to infinite depth, 2 f_L - f_{L/2}, and with `_step` the step f_L - f_{L/2}, from a
second network of half the depth whose weights are (W_1 + W_2) / sqrt(2), (W_3 + W_4) / sqrt(2),
...: same law as any network of that depth, strongly coupled to the first.  What is conditioned on
survival is then conditioned on that of both networks: no difference unless n L is below about 50.

Variance is reduced by terms of mean exactly zero: the martingale of log |phi|, whose increment is
sqrt(h) <phi phi', W phi> / N, and the number of units active at the start.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from cyclopts import Parameter

from simulations.accumulators import Accumulator, Block, Counts, Moments
from simulations.core import Estimate, Experiment, Law, Result, Twin

if TYPE_CHECKING:
    import jax

DRAWS_PER_BLOCK = 1 << 26
"""About a quarter of a second of work: long against an engine's overhead, short for a restart."""

MAX_RECORDS = 8
LARGEST = 10_000_000


@dataclass(frozen=True, kw_only=True)
class Params:
    """The network and its input."""

    width: int = 4
    """Units per layer, n."""
    depth: int = 64
    """Number of layers, L."""
    time: float = 1.0
    """Horizon T; the weights have variance T / (n L) per layer, so T is sigma_w^2."""
    activation: str = "relu"
    """Named activation (relu, leaky_relu:0.2, tanh, gelu, ...) or module:function."""
    q0: float = 1.0
    """Variance of the coordinates of Y_0."""
    start: float | None = None
    """Start every coordinate at this value instead of at random."""
    sampler: Literal["exact", "explicit"] = "exact"
    """Exact law of the layers (n normals a layer) or explicit weights (n^2)."""
    dtype: Literal["float32", "float64"] = "float32"
    """Precision of draws and state; sums over samples are always double."""
    records: Annotated[int, Parameter(show=False)] = 1
    """Measure at this number of equally spaced times up to the horizon."""
    edges: Annotated[tuple[float, ...], Parameter(parse=False)] = ()
    """Edges of the bins in which the law of the first coordinate is counted."""

    def __post_init__(self) -> None:
        for name in ("width", "depth", "records"):
            value = getattr(self, name)
            if value < 1:
                raise ValueError(f"--{name} must be an integer >= 1; got {value}.")
            if value > LARGEST:
                raise ValueError(f"--{name} must be at most {LARGEST}; got {value}.")
        if not (math.isfinite(self.time) and self.time > 0):
            raise ValueError(f"--time must be a finite number > 0; got {self.time}.")
        if not (math.isfinite(self.q0) and self.q0 > 0):
            raise ValueError(f"--q0 must be a finite number > 0; got {self.q0}.")
        power = 8 if self.dtype == "float32" else 70  # Y^4 must neither vanish nor overflow
        if abs(math.log10(self.q0)) > power:
            raise ValueError(
                f"--q0 must be from 1e-{power} to 1e{power} with {self.dtype}; got {self.q0}."
            )
        if self.start is not None and not math.isfinite(self.start):
            raise ValueError(f"--start must be finite; got {self.start}.")
        if self.records > MAX_RECORDS:
            raise ValueError(f"--records must be at most {MAX_RECORDS}; got {self.records}.")
        if self.records > 1 and self.depth % (2 * self.records):
            raise ValueError(
                f"--depth must be a multiple of {2 * self.records} for {self.records} records; "
                f"got {self.depth}."
            )


def block_size(p: Params) -> int:
    """Samples in a full block."""
    from simulations.forward import batch_size

    explicit = p.sampler == "explicit"
    draws = p.depth * p.width ** (2 if explicit else 1)
    wanted = 1 << max(0, (DRAWS_PER_BLOCK // draws).bit_length() - 1)
    return max(batch_size(p.width, explicit), wanted)


def paths_block(key: jax.Array, p: Params, count: int) -> Block:
    """One block of coupled networks: all statistics at all recorded times."""
    return _block("paths", key, p, count)


def coupling_block(key: jax.Array, p: Params, count: int) -> Block:
    """One block: squared distance of the two coupled networks, largest over the common layers."""
    return _block("coupling", key, p, count)


def _block(kind: str, key: jax.Array, p: Params, count: int) -> Block:
    from simulations import forward, residual

    real = np.dtype(p.dtype).type
    explicit = p.sampler == "explicit"
    static = residual.Static(p.width, p.activation, p.dtype, explicit, MAX_RECORDS)
    active, control = _active_at_start(p)
    dynamic = {
        "depth": p.depth,
        "records": p.records,
        "random_start": p.start is None,
        "h": real(p.time / p.depth),
        "time": real(p.time),
        "scale": real(math.sqrt(p.q0) if p.start is None else p.start),
        "active_at_start": real(active),
        "control": real(control),
        "edges": np.asarray(p.edges, dtype=p.dtype),
    }
    block = residual.compiled(kind, static, forward.lanes_here())(key, count, dynamic)
    return {name: _used(acc, p.records) for name, acc in block.items()}


def _used(accumulator: Accumulator, records: int) -> Accumulator:
    """The rows of the records that were made; compiled code has room for MAX_RECORDS."""
    if isinstance(accumulator, Counts):
        return accumulator
    return Moments(*(np.asarray(field)[:records] for field in accumulator))


def _active_at_start(p: Params) -> tuple[float, bool]:
    """E[A_0 | N_0 > 0], a binomial mean, and whether to subtract A_0 as a control.

    Not for a user's own activation: where it vanishes is unknown, and so is the condition.
    """
    from theory.activations import activation

    family, colon, _ = p.activation.partition(":")
    if colon and family not in ("leaky_relu", "hermite", "ou"):
        return 0.0, False
    if p.start is not None:
        return p.width * float(p.start > 0), True
    survives = 1 - 0.5**p.width if activation(p.activation).dead == "negative" else 1.0
    return p.width / 2 / survives, True


def paths_estimates(block: Block, p: Params) -> Result:
    """Named estimates; those at an earlier recorded time t carry the suffix `@t`."""
    from simulations.residual import ROWS, STATISTICS

    moments = block["paths"]
    assert isinstance(moments, Moments), "paths are moments"
    result: Result = {}
    for record in range(p.records):
        last = record == p.records - 1
        at = "" if last else f"@{p.time * (record + 1) / p.records:g}"
        for row, kind in enumerate(ROWS if p.depth > 1 else ROWS[:1]):
            here = {
                name: Estimate.of(moments, (record, row, k)) for k, name in enumerate(STATISTICS)
            }
            here["log_ratio"] = _given_survival(here["log_ratio"], here["dead_control"])
            del here["dead_control"]
            result |= {f"{name}{kind}{at}": value for name, value in here.items()}
    if "neuron" in block:
        counts = block["neuron"]
        assert isinstance(counts, Counts), "laws are counts"
        result["neuron"] = Law(np.asarray(p.edges), np.asarray(counts.counts))
    return result


def _given_survival(kept: Estimate, dead: Estimate) -> Estimate:
    """E[log ratio | survival] from its mean over survivors with the control removed.

    The control C has mean zero given N_0 > 0, not given survival: E[C; alive] = -E[C; dead].
    Survivors and dead are independent samples given their numbers.
    """
    if dead.samples < 2:
        return kept
    started = kept.samples + dead.samples
    p = kept.samples / started
    odds = (1 - p) / p
    odds_error = math.sqrt((1 - p) / (p**3 * started))
    stderr = math.hypot(kept.stderr, odds * dead.stderr, dead.value * odds_error)
    return kept._replace(value=kept.value - odds * dead.value, stderr=stderr)


def gap_estimates(block: Block, p: Params) -> Result:
    """The mean of the largest squared distance."""
    gap = block["gap"]
    assert isinstance(gap, Moments), "gaps are moments"
    return {"sup_gap": Estimate.of(gap, (0,))}


def code(p: Params) -> tuple[object, ...]:
    """What fixes the compiled code: depth, times and start are data."""
    return p.width, p.activation, p.dtype, p.sampler, len(p.edges)


PATHS = Experiment("depth_limit/paths", Params, paths_block, paths_estimates, block_size, code=code)
COUPLING = Experiment(
    "depth_limit/coupling", Params, coupling_block, gap_estimates, block_size, code=code
)


def predictions(p: Params) -> dict[str, dict[str, float]]:
    """What theory says of the estimates: of the network itself, or of its infinite depth."""
    from theory import depth_limit as theory

    said: dict[str, dict[str, float]] = {}
    n, t = p.width, p.time
    if p.start is None:
        limit = theory.limit_variance(p.activation, p.q0, t)
        said["q"] = said["q_limit"] = {"limit": limit}
    if p.activation != "relu" or p.start is not None:
        return said
    for name, prediction in (
        ("log_ratio", theory.log_ratio(n, t)),
        ("active_count", theory.active_count(n, t)),
    ):
        said[name] = {"limit": prediction.value, "limit_error": prediction.error}
        said[f"{name}_limit"] = {"predicted": prediction.value, "error": prediction.error}
    if n == 1:
        law = theory.width_one_law(p.depth, time=t)
        said["log_ratio"]["predicted"] = law.mean_log
        said["alive"] = {"predicted": law.alive}
        said["growth"] = {"predicted": law.mean}
    if n > 1:
        # First order in 1/n; the errors are the size of the next term, measured, not proved.
        # At n = 1 the expansion says nothing.
        extra = theory.width_corrections(t)
        q, q_error = p.q0 * (math.exp(t / 2) + extra.B / n), p.q0 * extra.B / n**2
        third = p.q0**1.5 * theory.skewness_coefficient(t) / n
        for name, value, error in (("q", q, q_error), ("skewness", third, 2 * third / n)):
            said[name] = {"limit": value, "limit_error": error}
            said[f"{name}_limit"] = {"predicted": value, "error": error}
    return said


WIDTHS = (1, 2, 3, 4, 6, 10, 50)


def survey(p: Params) -> list[Params]:
    """The widths of the run without options.

    Widths 1 and 2 get four times the depth: there the extrapolation's own error, of order 1/L^2,
    would show.
    """
    return [replace(p, width=n, depth=p.depth * (4 if n <= 2 else 1)) for n in WIDTHS]


def survey_table(params: Sequence[Params], results: Sequence[Result]) -> list[list[str]]:
    """Measured against predicted E[log ratio | survival], and the fate of the constant rate.

    A constant rate is refuted beyond the two-sided normal interval of level 1e-3 / #widths.
    """
    from statistics import NormalDist

    from theory import depth_limit as theory

    z = NormalDist().inv_cdf(1 - 0.5e-3 / len(params))
    rows = [["width", "depth", "log ratio", "+-", "predicted", "+-", "constant rate", "it is"]]
    for p, result in zip(params, results, strict=True):
        measured = result["log_ratio_limit"]
        assert isinstance(measured, Estimate), "log_ratio_limit is a mean"
        row = [str(p.width), str(p.depth), f"{measured.value:.5f}", f"{measured.stderr:.5f}"]
        if p.activation == "relu":
            predicted = theory.log_ratio(p.width, p.time)
            constant = theory.constant_rate_log_ratio(p.width, p.time)
            refuted = abs(measured.value - constant) > z * measured.stderr
            row += [f"{predicted.value:.5f}", f"{predicted.error:.5f}", f"{constant:.5f}"]
            row.append("REFUTED" if refuted else "not refuted")
        else:
            row += ["", "", "", ""]
        rows.append(row)
    return rows


TWIN = Twin(
    experiment=PATHS,
    samples=200_000,
    predictions=predictions,
    survey_over="width",
    survey=survey,
    headline="log_ratio_limit",
    shown=lambda name: "_step" not in name and not name.startswith("log_ratio_martingale"),
    survey_table=survey_table,
)

if __name__ == "__main__":
    from simulations import cli

    raise SystemExit(cli.main("simulations.depth_limit"))

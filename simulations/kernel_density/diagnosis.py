"""What the command says of a user's data: each query, all together, and what not to trust."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from simulations.arrays import Array
from simulations.core import Estimate, Report, Result
from simulations.kernel_density import bandwidths, local_index
from simulations.kernel_density.coordinates import frame, spread
from simulations.kernel_density.diagnose import Answers, DataParams, answers, likelihood_of

LISTED = 2000
"""Queries of which each is told, at most."""
LISTED_WORK = 10_000_000_000
LEAST_LISTED = 64
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
Z = 2.0
"""Standard errors that a statement on all queries allows for."""
COSTLY = 0.5
"""Nats a point by which a bandwidth may be worse than the best without a warning."""
UNCERTAIN = 0.15
"""Relative error of the best bandwidth: 0.005 for normal data, d = 20, n = 1000."""
UNEQUAL = 10.0
"""Ratio of the standard deviations of columns above which one bandwidth does not fit all."""

MEANING = {
    "normal": "averages over many points, with nearly normal errors",
    "stable": "is near its mean, but a few near points make errors of infinite variance",
    "condensed": "belongs to a few nearest points and does not average over the data",
    "unknown": "has too few points to tell",
}
CLEAR = 0.8
"""Index below which the law of the condensed phase is a guide at usual sizes."""
COMPARABLE = 5
"""Dimensions from which the estimated index is near enough to the exact one: see `local_index`."""
EACH = 20
"""Queries that are all printed."""

Record = dict[str, Any]


def data_report(p: DataParams, result: Result) -> Report:
    """Per query and overall: index, effective number, largest share, regime; and warnings."""
    n = len(p.queries.arrays[0])
    cost = len(p.table.arrays[0]) * p.frame.dimension
    which = bandwidths.sample(p.queries, min(LISTED, max(LEAST_LISTED, LISTED_WORK // cost)))
    a = answers(p, which)
    record = {
        "data": p.table.source,
        "queries_from": p.asked.source or None,
        "points": len(p.table.arrays[0]),
        "columns": p.table.arrays[0].shape[1],
        "dimension": p.frame.dimension,
        "whiten": p.whiten,
        "bandwidth": p.bandwidth,
        "rule": p.rule or None,
        "bandwidths": _bandwidths(p),
        "overall": _overall(p, result),
        "queries_asked": n,
        "queries": _queries(which, a),
    }
    record["warnings"] = _warnings(p, result, record, a)
    return Report(record, _table(a, which), "\n".join(_words(record)))


def regime(index: float) -> str:
    """The phase of a stable index; "unknown" where it is not finite."""
    if not math.isfinite(index):
        return "unknown"
    return "normal" if index >= 2 else "stable" if index >= 1 else "condensed"


def scatter(index: float, y2: float, points: int) -> float | None:
    """Standard deviation of log S over data sets, in nats; None where it has no simple law.

    Condensed: log of a one-sided stable variable, pi sqrt((1/lambda^2 - 1)/6), from E X^r =
    Gamma(1 - r/lambda)/Gamma(1 - r) (derived; up to a quarter too large at d = 10 to 60, by
    simulation; near lambda = 1 too small, and left out above CLEAR); normal: sqrt(Y_2 - 1/n).
    """
    if index < CLEAR:
        return math.pi * math.sqrt((index**-2 - 1) / 6)
    return math.sqrt(max(y2 - 1 / points, 0)) if index >= 2 else None


def _bandwidths(p: DataParams) -> Record:
    f, n = p.frame, len(p.table.arrays[0])
    best, reason = likelihood_of(p.table, p.whiten)
    rules = {
        name: bandwidths.rule(name, n, f.dimension, f.scale) if f.scale else None
        for name in ("scott", "silverman")
    }
    if best is None:
        return {**rules, "likelihood": None, "reason": reason}
    likelihood = {
        "value": best.bandwidth,
        "stderr": best.stderr,
        "log_density": best.log_density + f.log_jacobian,
        "left_out": best.left_out,
        "passes": best.passes,
    }
    return {**rules, "likelihood": likelihood}


def _overall(p: DataParams, result: Result) -> Record:
    found: Record = {"regime": "unknown"}
    for name, e in result.items():
        assert isinstance(e, Estimate), "means"
        found[name] = e.value
    index = result.get("index")
    if not isinstance(index, Estimate):
        return found
    # A query that was drawn repeatedly is no new one.  So extended, the error is nearly that over
    # data sets: 0.031 for 0.032 at d = 20, n = 300, and 0.107 for 0.083 at n = 40 (measured).
    distinct = min(index.samples, len(p.queries.arrays[0]))
    alone = math.sqrt(local_index.weights(local_index.SPACINGS).variance)
    error = max(
        index.stderr * math.sqrt(index.samples / distinct),
        index.value * alone / math.sqrt(distinct),
    )
    ratio = error / index.value if math.isfinite(error) else math.inf
    low, high = (index.value * math.exp(s * min(ratio, 50.0)) for s in (-Z, Z))
    names = dict.fromkeys(regime(x) for x in (low, index.value, high))
    y2 = found["y2"]
    return found | {
        "regime": " or ".join(names),
        "index_stderr": _finite(error),
        "scatter": scatter(index.value, y2, len(p.table.arrays[0])),
        "h_glass": p.bandwidth / math.sqrt(index.value),
        "h_clt": p.bandwidth * math.sqrt(2 / index.value),
        "index_at_likelihood": index.value * (p.optimum / p.bandwidth) ** 2 or None,
        "index_if_normal": _index_if_normal(p),
    }


def _index_if_normal(p: DataParams) -> float | None:
    """The index that as many normal points of the same covariance would have, if whitened."""
    from theory.kernel_density import finite_index

    n = len(p.table.arrays[0]) - (not p.asked)
    d = p.frame.dimension
    if not p.whiten or n < 2 or d < COMPARABLE or not 1e-6 < p.bandwidth < 1e6:
        return None
    return float(finite_index(d, n, p.bandwidth).index)


def _queries(which: Array, a: Answers) -> list[Record]:
    index = local_index.index(a.inverse)
    low, high = local_index.interval(a.inverse)
    error = math.sqrt(local_index.weights(local_index.SPACINGS).variance)
    return [
        {
            "row": int(row) + 1,
            "log_density": float(a.log_density[i]),
            "index": _finite(index[i]),
            "stderr": _finite(index[i] * error),
            "interval": [_finite(low[i]), _finite(high[i])],
            "effective": float(1 / a.y2[i]),
            "largest": float(a.largest[i]),
            "nearest": float(a.nearest[i]),
            "regime": regime(float(index[i])),
        }
        for i, row in enumerate(which)
    ]


def _finite(x: float) -> float | None:
    return float(x) if math.isfinite(x) else None


def _table(a: Answers, which: Array) -> list[list[str]]:
    """Each of a few queries; of many, quantiles of each column, and the query owned most."""
    columns = [a.log_density, local_index.index(a.inverse), 1 / a.y2, a.largest, a.nearest]
    head = ["log density", "index", "effective points", "largest share", "nearest"]
    if len(which) <= EACH:
        chosen = list(range(len(which)))
        rows = [["query", *head]]
    else:
        chosen = [int(np.argmax(a.largest))]
        rows = [[f"{len(which)} queries", *head]]
        for level in QUANTILES:
            values = (_quantile(c, level) for c in columns)
            rows.append([f"{100 * level:.0f} %", *(f"{x:.4g}" for x in values)])
    for i in chosen:
        rows.append([f"row {which[i] + 1}", *(f"{c[i]:.4g}" for c in columns)])
    return rows


def _quantile(x: Array, level: float) -> float:
    known = x[~np.isnan(x)]
    if not len(known):
        return math.nan
    return float(np.quantile(known, level, method="lower"))


def _words(record: Record) -> list[str]:
    o, b = record["overall"], record["bandwidths"]
    name = record["rule"] or "given"
    lines = [
        f"{_count(record['points'], 'point')} in {_count(record['columns'], 'column')}"
        + (f", whitened to {record['dimension']}" if record["whiten"] else "")
        + f"; bandwidth {record['bandwidth']:.6g} ({name})."
    ]
    meaning = MEANING[o["regime"].split(" or ")[0]]
    if "index" in o:
        error = o["index_stderr"]
        words = f"Index {o['index']:.3g}" + (f" +- {error:.2g}" if error is not None else "")
        words += f": {o['regime']}; the estimate {meaning}."
        if o["scatter"] is not None:
            words += f" Its logarithm varies by about {o['scatter']:.2g} nats over data sets."
        lines.append(words)
        lines.append(
            f"Condensed below h = {o['h_glass']:.4g}, normal above {o['h_clt']:.4g}."
            + _if_normal(o["index_if_normal"])
        )
    else:
        lines.append(f"Index unknown: the estimate {meaning}.")
    if b["likelihood"] is None:
        lines.append(f"No likelihood-optimal bandwidth: {b['reason']}")
    else:
        best = b["likelihood"]
        at = o.get("index_at_likelihood")
        lines.append(
            f"Likelihood-optimal bandwidth {best['value']:.4g} +- {best['stderr']:.2g}"
            + (f", index {at:.3g} there ({regime(at)})" if at else "")
            + f"; Scott {b['scott']:.4g}, Silverman {b['silverman']:.4g}."
        )
    return lines + [f"Warning: {text}" for text in record["warnings"]]


def _count(number: int, word: str) -> str:
    return f"{number} {word}" + "s" * (number != 1)


def _if_normal(index: float | None) -> str:
    return "" if index is None else f" Normal data of this size would have the index {index:.3g}."


def _warnings(p: DataParams, result: Result, record: Record, a: Answers) -> list[str]:
    """Where the estimate is not to be trusted, and what to do."""
    o = record["overall"]
    found = []
    if o["regime"].startswith("condensed"):
        found.append(
            f"few points own the estimate (one more than half of it at {100 * o['owned']:.3g} % "
            "of the queries): log density says where points lie, not how dense the population is; "
            "use fewer dimensions, or nearest-neighbour methods openly."
        )
    elif o["regime"].startswith("stable"):
        found.append("error bars from variances or the bootstrap do not hold; compare medians.")
    found += _of_bandwidth(p, o) + _of_data(p, o)
    best, _ = likelihood_of(p.table, p.whiten)
    if p.asked and best is not None:
        out = int(np.sum(a.nearest > best.reach))
        if out:
            found.append(
                f"{out} of {len(a.nearest)} queries lie farther from the data than any of "
                f"{best.left_out} points from the others: there the estimate is extrapolated."
            )
    return found


def _of_bandwidth(p: DataParams, o: Record) -> list[str]:
    best, _ = likelihood_of(p.table, p.whiten)
    if best is None:
        return []
    found, loss = [], o["loss"]
    if loss > COSTLY:
        side = "small" if p.bandwidth < p.optimum else "large"
        found.append(
            f"the bandwidth is too {side}: {p.optimum:.4g}, of largest likelihood, is better by "
            f"{loss:.3g} nats a query."
        )
    if best.stderr > UNCERTAIN * best.bandwidth:
        found.append(
            f"the likelihood-optimal bandwidth is uncertain by "
            f"{100 * best.stderr / best.bandwidth:.0f} %: a few points far from all others "
            "decide on it."
        )
    return found


def _of_data(p: DataParams, o: Record) -> list[str]:
    f, columns = frame(p.table, p.whiten), p.table.arrays[0].shape[1]
    found = []
    if o["copies"]:
        what = "copies make the density there, and pull the likelihood-optimal bandwidth down"
        if p.asked:
            what = "that point's kernel is in the density there; without --queries it is left out"
        found.append(f"{100 * o['copies']:.3g} % of the queries coincide with a point: {what}.")
    if f.constant and f.scale and not p.whiten:
        named = ", ".join(map(str, f.constant[:8])) + (", ..." if len(f.constant) > 8 else "")
        found.append(
            f"{len(f.constant)} of {columns} columns are constant ({named}): leave them out, there "
            "the density is the kernel's."
        )
    if p.whiten and f.dimension < columns:
        found.append(
            f"the points span {f.dimension} of {columns} dimensions; the density is that on the "
            "subspace."
        )
    if not p.whiten and f.scale:
        found += _of_scales(p)
    return found


def _of_scales(p: DataParams) -> list[str]:
    deviations = np.sqrt(spread(p.table, False).variance)
    deviations = deviations[deviations > 0]
    ratio = deviations.max() / deviations.min()
    if ratio <= UNEQUAL:
        return []
    return [
        f"the standard deviations of the columns differ by a factor of {ratio:.3g}: one bandwidth "
        "does not fit all; scale them, or use --whiten."
    ]

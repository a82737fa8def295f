"""What the command says of a density estimator besides the estimates: its regime, its bounds."""

from __future__ import annotations

import math
from typing import Any

from simulations.core import Report, Result
from simulations.kernel_density.params import Params
from simulations.kernel_density.predictions import optimum

WORDS = {
    "normal": "the estimate is an average over many points, with normal fluctuations",
    "stable": (
        "the estimate is near its mean, with fluctuations of infinite variance that a few points "
        "make; intervals from a variance or a bootstrap do not hold"
    ),
    "condensed": (
        "a few nearest points own the estimate; it does not average over the data, and its "
        "logarithm is off by an amount that does not shrink"
    ),
}
"""What a regime means."""

Record = dict[str, Any]


def sums_report(p: Params, result: Result) -> Report:
    """Where (n, d, h) lies in the phase diagram, asymptotically and at these sizes."""
    record = regime_record(p)
    return Report(record, _table(record), "\n".join(_conclusion(record)))


def regime_record(p: Params) -> Record:
    """Regime, indices, boundaries and optimal bandwidths; null where nothing is defined."""
    from theory import kernel_density as theory

    d, n, h, q = p.dimension, p.points, p.h, p.q
    alpha = math.log(n) / d
    means = theory.engine.means(d, n, h, q)
    best = optimum(d, n)
    record: Record = {
        "dimension": d,
        "points": n,
        "bandwidth": h,
        "q": q,
        "alpha": alpha,
        "regime": None,
        "meaning": "the estimate is the kernel of one point",
        "index": {"finite": None, "asymptotic": None},
        "boundaries": {"finite": None, "asymptotic": None},
        "share": means.y2.value,
        "effective_points": 1 / means.y2.value,
        "relative_variance": _finite(theory.relative_variance(d, n, h, q)),
        "divergence": theory.kl_divergence(d, n, h).value,
        "kl_optimum": best
        and {"bandwidth": best.bandwidth.value, "divergence": best.divergence.value},
        "scott": float(theory.scott(d, n)),
        "silverman": float(theory.silverman(d, n)),
        "mise_optimum": float(theory.mise_optimum(d, n)),
        "collapse_bandwidth": None,
    }
    if n == 1:
        return record
    finite = theory.finite_index(d, n, h, q).index
    phase = theory.regime(finite)
    glass = h / math.sqrt(finite)
    limits = theory.boundaries(alpha, q)
    return record | {
        "regime": phase,
        "meaning": WORDS[phase],
        "index": {"finite": finite, "asymptotic": float(theory.stable_index(alpha, h, q))},
        "boundaries": {
            "finite": {"h_glass": glass, "h_clt": math.sqrt(2) * glass},
            "asymptotic": {k: float(x) for k, x in limits._asdict().items()},
        },
        "collapse_bandwidth": float(theory.collapse_bandwidth(alpha)),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _table(record: Record) -> list[list[str]]:
    """Bandwidths, at these sizes and as d -> infinity."""
    limits = record["boundaries"]["asymptotic"] or {}
    here = record["boundaries"]["finite"] or {}
    best = record["kl_optimum"] or {}
    rows = [
        ("this bandwidth", record["bandwidth"], None),
        ("condensed below", here.get("h_glass"), limits.get("h_glass")),
        ("normal above", here.get("h_clt"), limits.get("h_clt")),
        ("least KL divergence", best.get("bandwidth"), limits.get("h_kl")),
        ("least squared error", record["mise_optimum"], limits.get("h_mise")),
        ("Scott", record["scott"], limits.get("h_scott")),
        ("Silverman", record["silverman"], limits.get("h_scott")),
        ("collapse (diffusion)", None, record["collapse_bandwidth"]),
    ]
    cells = [[name, *("" if x is None else f"{x:.6g}" for x in numbers)] for name, *numbers in rows]
    return [["bandwidth", "here", "d -> inf"], *cells]


def _conclusion(record: Record) -> list[str]:
    best, divergence = record["kl_optimum"], record["divergence"]
    lines = [f"{(record['regime'] or 'no regime').capitalize()}: {record['meaning']}."]
    if record["regime"]:
        index = record["index"]
        lines.append(
            f"Stable index {index['finite']:.4g} at this d and n, {index['asymptotic']:.4g} as "
            f"d -> inf at log(n)/d = {record['alpha']:.4g}: 1 and 2 bound the regimes."
        )
    lines.append(
        f"Effective number of points {record['effective_points']:.4g} of {record['points']:g}; one "
        f"of them has {100 * record['share']:.3g} % of the estimate in the mean of squares."
    )
    words = f"KL divergence from the truth {divergence:.4g} nats"
    if best:
        words += f"; at best {best['divergence']:.4g}, with h = {best['bandwidth']:.6g}"
    return [*lines, f"{words}."]

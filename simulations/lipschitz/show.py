"""What the command prints of a sandwich: one JSON object, or tables."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING, Any

from simulations.core import Estimate
from simulations.lipschitz.networks import shape_of
from simulations.lipschitz.sandwich import Below, Outcome, best_of, dual_of
from simulations.store import finite
from simulations.tables import print_table
from theory.digits import text_of, upper_text

if TYPE_CHECKING:
    from theory.lipschitz.bounds import Bound
    from theory.lipschitz.network import Network

Record = dict[str, Any]
WIDTH = 80
LOG10 = math.log(10)
INEQUALITY = {
    ("l2", False): "|f(x) - f(y)|_2 <= {} |x - y|_2",
    ("l2", True): "|f(x) - f(y)| <= {} |x - y|_2",
    ("linf", False): "|f(x) - f(y)|_1 <= {} |x - y|_inf",
    ("linf", True): "|f(x) - f(y)| <= {} |x - y|_inf",
}


def network_record(network: Network, source: str) -> Record:
    """Which network it is."""
    return {
        "source": source,
        "layers": shape_of(network),
        "inputs": network.inputs,
        "outputs": network.outputs,
        "hidden": network.hidden,
        "digest": network.digest(),
    }


def sandwich_record(outcomes: list[Outcome], below: Below, certificate: str | None) -> Record:
    """The sandwich as JSON; null for what is not known or beyond floats."""
    best = best_of(outcomes)
    log_pattern = below.log_pattern
    return {
        **bound_record(best),
        "dual": finite(math.exp(min(dual_of(outcomes), 709.7))),
        "log10_dual": finite(dual_of(outcomes) / LOG10),
        "certificate": certificate,
        "lower": finite(below.attack),
        "pattern": finite(math.exp(log_pattern)) if log_pattern < 709 else None,
        "gradient": _estimate(below.gradient),
        "largest_gradient": below.largest and below.largest.value,
        "history": [[k, finite(low), finite(high)] for k, low, high in best.history],
        "methods": [_outcome(o) for o in outcomes] if len(outcomes) > 1 else None,
    }


def bound_record(b: Bound) -> Record:
    """What one method says."""
    return {
        "method": b.method,
        "norm": b.norm,
        "certified": b.certified,
        "upper": finite(b.upper),
        "dual": finite(b.dual),
        "gap": b.gap if _has_gap(b) else None,
        "log10_upper": finite(b.log_upper / LOG10),
        "log10_dual": finite(b.log_dual / LOG10),
        "estimate": finite(b.estimate),
        "iterations": b.iterations,
        "seconds": round(b.seconds, 3),
        "note": b.note,
    }


def _has_gap(b: Bound) -> bool:
    """Whether there is a bracket; a certificate may prove more than the optimum of its method."""
    return b.certified and b.log_dual <= b.log_upper and math.isfinite(b.gap)


def _outcome(o: Outcome) -> Record:
    return {"method": o.method, "note": o.reason} if o.bound is None else bound_record(o.bound)


def _estimate(e: Estimate | None) -> Record | None:
    if e is None:
        return None
    return {"value": e.value, "stderr": finite(e.stderr), "samples": e.samples}


# --- text ----------------------------------------------------------------------------------------


def print_sandwich(outcomes: list[Outcome], below: Below, network: Network) -> None:
    """The bounds in order, then the methods, then in words what is proved."""
    best = best_of(outcomes)
    print_table(_rows(best, dual_of(outcomes), below))
    if len(outcomes) > 1:
        print()
        print_table(_methods(outcomes))
        for o in outcomes:
            note = o.reason if o.bound is None else o.bound.note
            if note:
                say(f"{o.method}: {note}")
    print()
    say(_words(best, below, network))


def _rows(best: Bound, log_dual: float, below: Below) -> list[list[str]]:
    upper = upper_text(best.upper, best.log_upper)
    first = ["certified upper bound", upper, "the constant is at most"]
    if not best.certified:
        first = ["NOT CERTIFIED upper value", f"{best.estimate:.8g}", "what the solver believes"]
    rows = [
        ("SDP dual value", log_dual, "the optimum of the SDP is at least"),
        ("activation pattern found", below.log_pattern, "the worst pattern has at least"),
        ("attack", _log(below.attack), "the constant is at least"),
    ]
    if below.gradient and below.largest:
        n = below.largest.samples
        rows += [
            ("largest sampled gradient", _log(below.largest.value), f"of {n} points"),
            ("mean sampled gradient", _log(below.gradient.value), _error(below.gradient)),
        ]
    told = [[name, text_of(log), what] for name, log, what in rows if not math.isnan(log)]
    return [["", "value", ""], first, *told]


def _error(e: Estimate) -> str:
    return f"+- {e.stderr:.2g}" if math.isfinite(e.stderr) else ""


def _log(value: float) -> float:
    if math.isnan(value):
        return math.nan
    return math.log(value) if value > 0 else -math.inf


def _methods(outcomes: list[Outcome]) -> list[list[str]]:
    rows = [["method", "certified upper", "dual", "gap", "iterations", "seconds"]]
    for o in outcomes:
        b = o.bound
        if b is None:
            continue
        upper = upper_text(b.upper, b.log_upper) if b.certified else f"({b.estimate:.8g})"
        gap = f"{b.gap:.1e}" if _has_gap(b) else ""
        row = [upper, text_of(b.log_dual), gap, str(b.iterations or ""), f"{b.seconds:.2f}"]
        rows.append([o.method, *row])
    return rows


def _words(best: Bound, below: Below, network: Network) -> str:
    if not best.certified:
        return f"Nothing is certified: {best.note}"
    said = upper_text(best.upper, best.log_upper, 10)
    claim = INEQUALITY[best.norm, network.outputs == 1].format(said)
    text = f"Certified: {claim}, by {best.method}"
    if best.iterations:
        text += f" in {best.iterations} iterations"
    text += f", {best.seconds:.2f} s"
    if _has_gap(best):
        text += f"; its bracket is open by {best.gap:.1e}"
    text += "."
    if below.attack > 0:
        factor = math.exp(best.log_upper - math.log(below.attack))
        text += f" The constant is known to a factor of {factor:.4g}."
    return text


def say(text: str) -> None:
    """Print a paragraph in lines that fit a terminal."""
    print(textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False))

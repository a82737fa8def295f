"""What bounds, certificates, margins and radii say of themselves.

Numbers that are proved are rounded to the safe side; what is not proved is called so.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from theory.digits import text_of
from theory.display import at_least, at_most

if TYPE_CHECKING:
    from theory.lipschitz.bounds import Bound
    from theory.lipschitz.certificate import Certificate
    from theory.lipschitz.margins import Margins, Radii

Rows: TypeAlias = list[tuple[str, str]]

NORMS = {"l2": "Euclidean norms", "linf": "l_inf to l_1"}
SHOWN = 10
"""Rows and columns of a table of many."""


def bound_title(b: Bound) -> str:
    """The bound and what proves it."""
    if not b.certified:
        return f"nothing certified; {b.method} believes {b.estimate:.7g}, {b.norm}"
    return f"at most {at_most(b.upper, b.log_upper)}, certified by {b.method}, {b.norm}"


def bound_rows(b: Bound) -> Rows:
    """Everything but the multipliers."""
    upper = at_most(b.upper, b.log_upper) if b.certified else "nothing certified"
    rows = [("certified upper bound", upper), ("norms", NORMS.get(b.norm, b.norm))]
    rows += [("method", b.method)]
    if not b.certified:
        rows += [("estimate, not a bound", f"{b.estimate:.7g}")]
    if not math.isnan(b.log_dual):
        rows += [("optimum of the relaxation, at least", text_of(b.log_dual, 7))]
    if b.certified and math.isfinite(b.gap):
        rows += [("bracket open by", f"{b.gap:.1e}")]
    if b.iterations:
        rows += [("iterations", str(b.iterations))]
    rows += [("seconds", f"{b.seconds:.2f}")]
    return rows + ([("note", b.note)] if b.note else [])


def certificate_title(c: Certificate) -> str:
    """The bound that is claimed, and how much stands behind it."""
    claim = at_most(c.upper, c.log2_upper * math.log(2.0))
    return f"at most {claim}, {c.norm}, {c.relaxation}, {_count(c)}; network {c.digest[:8]}"


def certificate_rows(c: Certificate) -> Rows:
    """The claim, and the sizes of what proves it."""
    return [
        ("claimed upper bound", at_most(c.upper, c.log2_upper * math.log(2.0))),
        ("norms", NORMS.get(c.norm, c.norm)),
        ("relaxation", c.relaxation),
        ("holds", _count(c)),
        ("network", c.digest[:16]),
        ("to check it", "verify_certificate(network, certificate)"),
    ]


def _count(c: Certificate) -> str:
    numbers = sum(np.size(m) for m in c.multipliers if m is not None)
    stages = len(c.multipliers)
    return f"{numbers} multipliers of {stages} stage{'s' if stages != 1 else ''}"


def margins_title(m: Margins) -> str:
    """How many pairs are certified, and how large their constants are."""
    labels = len(m.upper)
    found = m.upper[np.triu_indices(labels, 1)]
    proved = found[np.isfinite(found)]
    text = f"{labels} labels, {m.norm}: {len(proved)} of {len(found)} pairs certified"
    if not len(proved):
        return text
    # Both ends are bounds, and so both are rounded up.
    return f"{text}, constants at most {at_most(proved.min())} to {at_most(proved.max())}"


def margins_rows(m: Margins) -> tuple[list[str], list[list[str]]]:
    """The matrix of the certified constants, its corner where it is large."""
    labels = range(len(m.upper))[:SHOWN]
    dots = ["..."] if len(m.upper) > SHOWN else []
    heading = ["label", *map(str, labels), *dots]
    rows = [[str(i), *(_constant(m, i, j) for j in labels), *dots] for i in labels]
    return heading, rows + [dots * len(heading)] * bool(dots)


def _constant(m: Margins, i: int, j: int) -> str:
    if i == j:
        return ""
    return at_most(float(m.upper[i, j]), digits=4) if np.isfinite(m.upper[i, j]) else "none"


def radii_title(r: Radii) -> str:
    """How many inputs, and how far the labels hold."""
    count = len(r.radii)
    if not count:
        return "no inputs"
    open_ = int(np.sum(r.radii <= 0))
    text = f"{count} input{'s' if count > 1 else ''}: certified radius"
    if count > 1:
        text += f" median {at_least(float(np.median(r.radii)), 4)}, least"
    text += f" {at_least(float(r.radii.min()), 4)}"
    return text + (f"; {open_} with an open label" if open_ else "")


def radii_rows(r: Radii) -> list[list[str]]:
    """The first inputs, each with its label, radius and margin."""
    rows = [
        [str(i), str(r.labels[i]), at_least(float(r.radii[i])), at_least(float(r.margins[i]))]
        for i in range(len(r.radii))[:SHOWN]
    ]
    return rows + [["..."] * 4] * (len(r.radii) > SHOWN)

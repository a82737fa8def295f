r"""The product of norms of single matrices, proved.

    a stage x <- H x + G phi(W x + J e)    |H| + beta |G| |W| / (1 - beta |J|)

beta = max |slope|; GroupSort has 1 in both norms, Householder 1 in l2 and the largest row sum of
I - 2 u u^T / |u|^2 in linf.  Norms: l2 the spectral norm, linf the largest row sum, but for the
last map, from l_inf to l_1, the sum of all entries.
"""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse

from theory.lipschitz.enclosure import Enclosure, exact, gamma, positive_definite
from theory.lipschitz.network import Network, Stage, dense
from theory.lipschitz.relevant import Refused
from theory.lipschitz.storage import largest_eigenvalue

if TYPE_CHECKING:
    from theory.lipschitz.certificate import Certificate

MATRICES = ("skip", "inner", "outer", "loop")
MAX_SIDE = 8192
"""No proof of a spectral norm by dense algebra where both sides are larger."""


def shape(network: Network, certificate: Certificate) -> None:
    """Refused unless there is a number for each matrix and each stage."""
    counts = (len(_matrices(network, certificate)), len(network.stages))
    given = (np.asarray(certificate.input), np.asarray(certificate.output))
    for name, numbers, count in zip(("input", "output"), given, counts, strict=True):
        if numbers.shape != (count,):
            raise Refused(f"{name}: {count} numbers are needed, not shape {numbers.shape}")
        if not (np.isfinite(numbers).all() and (numbers >= 0).all()):
            raise Refused(f"{name}: all numbers must be finite and not negative")


def check(network: Network, certificate: Certificate) -> None:
    """Refused unless every matrix and every stage has the norm that is claimed."""
    for (k, name, matrix, total), bound in zip(
        _matrices(network, certificate), certificate.input, strict=True
    ):
        if not _below(matrix, float(bound), certificate.norm, total):
            raise Refused(f"stage {k + 1}: the norm of {name} is not proved to be {bound:.17g}")
    for k, (proved, claimed) in enumerate(
        zip(_stages(network, certificate), certificate.output, strict=True), start=1
    ):
        if proved > Fraction(float(claimed)):
            raise Refused(f"stage {k}: its norm is not proved to be {claimed:.17g}")


def certified(network: Network, certificate: Certificate) -> Certificate | None:
    """The certificate with the smallest norms that are proved."""
    count = len(network.stages)
    if len(certificate.exponents) != count + 1 or certificate.exponents[0] != 0:
        return None
    bounds = []
    for _, _, matrix, total in _matrices(network, certificate):
        bound = _smallest(matrix, certificate.norm, total)
        if bound is None:
            return None
        bounds.append(bound)
    found = replace(certificate, input=np.array(bounds), multipliers=(None,) * count)
    stages = [math.nextafter(float(t), math.inf) for t in _stages(network, found)]
    return replace(found, output=np.array(stages)) if np.isfinite(stages).all() else None


def _matrices(network: Network, certificate: Certificate) -> list[tuple[int, str, Any, bool]]:
    """(stage, name, scaled matrix, whether all entries are summed) of all matrices."""
    exponents, last = certificate.exponents, len(network.stages) - 1
    found = []
    for k, stage in enumerate(network.stages):
        change = exponents[k] - exponents[k + 1]
        for name in MATRICES:
            matrix = getattr(stage, name)
            if matrix is None:
                continue
            ends = name in ("skip", "outer") or (name == "inner" and stage.outer is None)
            total = certificate.norm == "linf" and k == last and ends
            shift = change if name in ("skip", "inner") else 0
            found.append((k, name, _shifted(matrix, shift, k), total))
    return found


def _shifted(matrix: Any, shift: int, k: int) -> Any:
    if not shift:
        return matrix
    entries = matrix.data if scipy.sparse.issparse(matrix) else matrix
    shifted = np.ldexp(entries, max(min(shift, 5000), -5000))
    size = np.abs(shifted)
    if not np.isfinite(size).all() or ((size < 2.0**-1022) & (entries != 0)).any():
        raise Refused(f"stage {k + 1}: scaling is not exact; choose other exponents")
    if not scipy.sparse.issparse(matrix):
        return shifted
    return scipy.sparse.csr_array((shifted, matrix.indices, matrix.indptr), shape=matrix.shape)


def _stages(network: Network, certificate: Certificate) -> list[Fraction]:
    """The bound of each stage that follows from those of its matrices, exactly."""
    bounds = iter([Fraction(float(t)) for t in certificate.input])
    found = []
    for k, stage in enumerate(network.stages):
        have = {name: next(bounds) for name in MATRICES if getattr(stage, name) is not None}
        total = have.get("skip", Fraction(0))
        if stage.inner is not None:
            beta = _slope(stage, certificate.norm)
            if stage.loop is not None and stage.outer is None:
                raise Refused(f"stage {k + 1}: an implicit stage needs an output matrix")
            if have.get("loop", 0) * beta >= 1:
                raise Refused(f"stage {k + 1}: the loop is not proved to be a contraction")
            chain = beta * have["inner"] * have.get("outer", 1)
            total += chain / (1 - beta * have.get("loop", 0))
        found.append(total)
    return found


def _slope(stage: Stage, norm: str) -> Fraction:
    assert stage.activation is not None
    if stage.lower is not None and stage.upper is not None:
        return Fraction(float(max(np.abs(stage.lower).max(), np.abs(stage.upper).max())))
    if norm == "l2" or stage.activation.kind == "group_sort":
        return Fraction(1)
    u = [abs(Fraction(x)) for x in stage.activation.direction]
    square, total = sum(x * x for x in u), sum(u)
    return max(Fraction(1), *((abs(square - 2 * x * x) + 2 * x * (total - x)) / square for x in u))


def _below(matrix: Any, bound: float, norm: str, total: bool) -> bool:
    """Whether the norm is proved to be at most `bound`."""
    if norm == "linf":
        return bool(_row_sum(matrix, total) <= bound)
    if _schur(matrix) <= bound:
        return True
    return _is_small(matrix) and _above(_gram(matrix), bound)


def _gram(matrix: Any) -> Enclosure:
    """W W^T or W^T W, the smaller; formed of the nonzero weights alone where W is sparse."""
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    if scipy.sparse.issparse(wide):
        wide = scipy.sparse.csr_array(wide)
    with np.errstate(all="ignore"):
        found = exact(wide) @ exact(wide.T)
    return replace(found, mid=dense(found.mid))


def _above(gram: Enclosure, bound: float) -> bool:
    """Whether bound^2 I - gram is proved to be positive."""
    if not 2.0**-90 < bound < 2.0**90 or not np.abs(gram.mid).max() < 2.0**180:
        return False
    rest = -gram.mid
    rest[np.diag_indices_from(rest)] += bound * bound * (1 - 2.0**-50)
    return positive_definite(Enclosure(rest, gram.left, gram.right, 1))


def _smallest(matrix: Any, norm: str, total: bool) -> float | None:
    if norm == "linf":
        bound = _row_sum(matrix, total)
        return bound if bound < math.inf else None
    simple = _schur(matrix)
    if _is_small(matrix) and simple > 0:
        gram = _gram(matrix)
        now = math.sqrt(max(largest_eigenvalue(gram.mid), 0.0))
        for power in range(-10, 0):
            bound = now * (1 + 10.0**power)
            if bound < simple and _above(gram, bound):
                return bound
    return simple if simple < math.inf else None


def _is_small(matrix: Any) -> bool:
    m, n = map(int, matrix.shape)
    return min(m, n) <= MAX_SIDE and (scipy.sparse.issparse(matrix) or m * n <= 1 << 28)


def _sums(matrix: Any, axis: int | None) -> float:
    """The largest sum of moduli along an axis (None: of all), rounded up."""
    size = abs(matrix)
    sums = np.asarray(size.sum() if axis is None else size.sum(axis=axis))
    # Sums of numbers of one sign do not underflow.
    return float(np.max(sums)) * (1 + gamma(math.prod(matrix.shape) + 2))


def _row_sum(matrix: Any, total: bool) -> float:
    return _sums(matrix, None if total else 1)


def _schur(matrix: Any) -> float:
    """sqrt(largest column sum * largest row sum), rounded up; overflow gives inf."""
    root = math.sqrt(_sums(matrix, 0)) * math.sqrt(_sums(matrix, 1))
    return root * (1 + 8 * 2.0**-53) + 2.0**-1022 if root else 0.0
